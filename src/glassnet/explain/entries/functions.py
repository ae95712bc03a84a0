"""Named functions entry by entry.

A function that only adds and multiplies entries, or moves them, is computed by its own definition
in NumPy, the one that programs carry, on arrays of terms. The others are written here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.explain.entries.arrays import (
    Array,
    M,
    NotWritable,
    filled,
    gathered,
    mapped,
    places,
)
from glassnet.explain.entries.terms import EXAMPLE, Over, product, swept, total
from glassnet.formulas import FUNCTIONS, Applied, Function, Indicator, Number, Term, call, divide
from glassnet.formulas.building import as_term
from glassnet.graph.dimension import Dim
from glassnet.ops.elementwise import EXP, LOG
from glassnet.ops.functions import SIGMOID

if TYPE_CHECKING:
    from glassnet.explain.entries.expansion import Expansion

DRAWS = ("Bernoulli", "Uniform", "Normal", "TruncatedNormal", "Integers")
"""The draws whose entries are drawn each for itself."""

COMPUTED = (
    "flatten", "slice", "place", "pad", "concat", "corr", "fullconv", "kernelcorr",
    "depthwisecorr", "depthwisefullconv", "depthwisekernelcorr", "averagepool", "averageunpool",
    "repeat", "blocksum", "einsum",
)  # fmt: skip
"""The functions that add, multiply and move entries and do nothing else."""

ADDING = ("kernelcorr", "depthwisekernelcorr", "einsum")
"""Those that add up the examples where the result has none."""


def entries_of(expansion: Expansion, term: Applied) -> Array:
    """Return the entries of a function's value.

    Raises:
        NotWritable: where they have no simple writing.
    """
    function = term.function
    if function.name in DRAWS:
        alone = Applied(function, (), term.parameters)
        return filled(places(term.shape), lambda at: alone)
    arguments = [expansion.entries(a) for a in term.arguments]
    writer = WRITERS.get(function.name)
    if writer is not None:
        return writer(expansion, term, *arguments)
    if function.entrywise:
        return mapped(
            lambda *t: expansion.named(Applied(function, t, term.parameters)), *arguments
        )  # fmt: skip
    if function.name in COMPUTED:
        return _computed(term, arguments)
    raise NotWritable


# --- by the definition ------------------------------------------------------------------------
@cache
def program(function: Function) -> dict[str, Any]:
    """Return the names that a function's definition makes, those it needs included."""
    names: dict[str, Any] = {"np": np}
    waiting, known = [function], set()
    while waiting:
        found = waiting.pop()
        if found.name not in known:
            known.add(found.name)
            exec(found.source, names)  # the text that programs carry
            waiting += [FUNCTIONS[name] for name in found.needs]
    return names


def given(term: Applied) -> dict[str, Any]:
    """Return the parameters as a program passes them, for one example."""
    return {key.removeprefix("_"): _one_example(value) for key, value in term.parameters}


def _one_example(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_one_example, value))
    if isinstance(value, Dim):
        if value != M:
            raise NotWritable
        return 1
    return value


def _computed(term: Applied, arguments: list[Array]) -> Array:
    function = program(term.function)[term.function.numpy]
    found = np.asarray(function(*arguments, **given(term)), object)
    summed = any(map(_has_examples, term.arguments)) and not _has_examples(term)
    if summed and term.function.name not in ADDING:
        raise NotWritable

    def entry(value: Any) -> Term:
        tidy = swept(as_term(value))
        return Over("sum", EXAMPLE, M, tidy) if summed else tidy

    return mapped(entry, found).reshape(places(term.shape))


def _has_examples(term: Term) -> bool:
    return any(isinstance(size, Dim) for size in term.shape)


# --- order and shape --------------------------------------------------------------------------
def _reshape(expansion: Expansion, term: Applied, x: Array) -> Array:
    before, after = (_axis_of_examples(t) for t in (term.arguments[0], term))
    if (before is None) != (after is None) or any(
        isinstance(s, Dim) and s != M for s in term.shape
    ):
        raise NotWritable
    if before is not None and after is not None:
        # examples stay in front of, or behind, the same entries
        sizes = [int(np.prod(places(t.shape)[:a])) for t, a in
                 ((term.arguments[0], before), (term, after))]  # fmt: skip
        if sizes[0] != sizes[1]:
            raise NotWritable
    return x.reshape(places(term.shape))


def _axis_of_examples(term: Term) -> int | None:
    return next((a for a, size in enumerate(term.shape) if isinstance(size, Dim)), None)


def _permute(expansion: Expansion, term: Applied, x: Array) -> Array:
    return np.transpose(x, given(term)["axes"])


def _broadcast(expansion: Expansion, term: Applied, x: Array) -> Array:
    return np.broadcast_to(x, places(term.shape))


# --- softmax and cross-entropy ----------------------------------------------------------------
def _along(term: Applied, function: Callable[[list[Term]], list[Term]], x: Array) -> Array:
    """Apply a function of the list of entries along the term's axis."""
    axis = given(term).get("axis", -1)
    if isinstance(axis, tuple):
        if len(axis) != 1:
            raise NotWritable
        axis = axis[0]
    if axis is None or isinstance(term.arguments[0].shape[axis], Dim):
        raise NotWritable
    rows = np.moveaxis(x, axis, -1)
    found = np.empty(rows.shape, object)
    for at in np.ndindex(*rows.shape[:-1]):
        for n, entry in enumerate(function(list(rows[at]))):
            found[(*at, n)] = entry
    return np.moveaxis(found, -1, axis)


def _shares(expansion: Expansion, z: list[Term]) -> list[Term]:
    powers = [call(EXP, t) for t in z]
    return [expansion.named(divide(p, gathered("sum", powers))) for p in powers]


def _softmax(expansion: Expansion, term: Applied, z: Array) -> Array:
    return _along(term, lambda row: _shares(expansion, row), z)


def _log_softmax(expansion: Expansion, term: Applied, z: Array) -> Array:
    """The logarithm of the probability where that has a name, else from the logits."""

    def logarithms(row: list[Term]) -> list[Term]:
        shares = _shares(expansion, row)
        if any(s in expansion.known.values() for s in shares):
            return [call(LOG, s) for s in shares]
        whole = call(LOG, gathered("sum", [call(EXP, t) for t in row]))
        return [t - whole for t in row]

    return _along(term, logarithms, z)


def _log_sum_exp(expansion: Expansion, term: Applied, z: Array) -> Array:
    def whole(row: list[Term]) -> list[Term]:
        return [call(LOG, gathered("sum", [call(EXP, t) for t in row]))]

    if given(term).get("axis") is None:
        if _has_examples(term.arguments[0]):
            raise NotWritable
        return filled((), lambda at: whole(list(z.flat))[0])
    wide = _along(term, lambda row: whole(row) * len(row), z)
    axis = given(term)["axis"]
    return np.take(wide, [0], axis[0] if isinstance(axis, tuple) else axis)


def _cross_entropy(expansion: Expansion, term: Applied, z: Array, t: Array) -> Array:
    """``-t log a - (1 - t) log(1 - a)`` with a = σ(z), by its name where it has one."""

    def entry(logit: Term, target: Term) -> Term:
        a = expansion.named(call(SIGMOID, logit))
        return -(target * call(LOG, a)) - (1 - target) * call(LOG, 1 - a)

    return mapped(entry, z, t)


def _one_hot(expansion: Expansion, term: Applied, y: Array) -> Array:
    shape = places(term.shape)
    axis = given(term).get("axis", -1) % len(shape)
    labels: list[Any] = np.broadcast_to(y, shape).ravel().tolist()
    numbers = np.indices(shape)[axis].ravel().tolist()
    hits = [Indicator("=", label, Number(n)) for label, n in zip(labels, numbers, strict=True)]
    return filled(shape, lambda at: hits[int(np.ravel_multi_index(at, shape))])


# --- rows by their number ---------------------------------------------------------------------
def _numbers(y: Array) -> Array:
    """Class numbers as a program reads them: a column or a row of them is one axis."""
    vector = y.ndim < 3 and y.size == max(y.shape, default=1)
    return y.ravel() if vector else y


def _rows(expansion: Expansion, term: Applied, table: Array, y: Array) -> Array:
    """Row y of a table: the sum over its rows of those whose number is y."""
    numbers = _numbers(y)
    shape = (*numbers.shape, *table.shape[1:])

    def entry(at: tuple[int, ...]) -> Term:
        number, rest = numbers[at[: numbers.ndim]], at[numbers.ndim :]
        chosen = [
            product((Indicator("=", number, Number(v)), table[(v, *rest)]))
            for v in range(len(table))
        ]
        return gathered("sum", chosen)

    return filled(shape, entry).reshape(places(term.shape))


def _scatter(expansion: Expansion, term: Applied, g: Array, y: Array) -> Array:
    """For each row the sum of what belongs to its number."""
    numbers = _numbers(y)
    sizes = places(term.shape)
    g = g.reshape(*numbers.shape, *sizes[1:])

    def entry(at: tuple[int, ...]) -> Term:
        hits = [
            product((Indicator("=", numbers.item(*n), Number(at[0])), g.item(*n, *at[1:])))
            for n in np.ndindex(*numbers.shape)
        ]
        found = gathered("sum", hits)
        return Over("sum", EXAMPLE, M, found) if _has_examples(term.arguments[1]) else found

    return filled(sizes, entry)


# --- the largest of a window ------------------------------------------------------------------
def _sliding(name: str) -> Any:
    """Return a function that the definition of pooling uses."""
    return program(FUNCTIONS["maxpool"])[name]


def _inside(term: Applied, a: Array) -> Array:
    """The array with what stands around it: minus infinity, which is no term."""
    return np.asarray(_sliding("padded")(a, given(term).get("padding", 0), -np.inf), object)


def _seen(term: Applied, a: Array) -> list[tuple[Array, Array]]:
    """For each cell of the window: what it sees at each place, and where that stands."""
    inside, parameters = _inside(term, a), given(term)
    keys = _sliding("windows")(inside, parameters.get("pool", 2), parameters.get("stride"))
    numbers = np.arange(inside.size).reshape(inside.shape)
    return [(inside[key], numbers[key]) for key in keys]


def _max_pool(expansion: Expansion, term: Applied, a: Array) -> Array:
    def largest(*cells: Any) -> Term:
        return gathered("max", [c for c in cells if isinstance(c, Term)])

    return mapped(largest, *(values for values, _ in _seen(term, a)))


def _hits(term: Applied, a: Array, p: Array) -> list[tuple[Array, Array]]:
    """For each cell of the window: 1 where it is the first that holds the largest; its place."""
    found = []
    before: list[Array] = []
    for values, numbers in _seen(term, a):

        def hit(largest: Term, value: Any, *smaller: Any) -> Term:
            if not isinstance(value, Term):
                return Number(0)  # padding
            less = [Indicator("<", s, largest) for s in smaller if isinstance(s, Term)]
            return product((Indicator("=", value, largest), *less))

        found.append((mapped(hit, p, values, *before), numbers))
        before.append(values)
    return found


def _max_unpool(expansion: Expansion, term: Applied, g: Array, a: Array, p: Array) -> Array:
    inside = _inside(term, a)
    received: dict[int, list[tuple[tuple[int, ...], Term]]] = {}
    for hits, numbers in _hits(term, a, p):
        for at in np.ndindex(*hits.shape):
            gain = product((g.item(*at), hits.item(*at)))
            received.setdefault(int(numbers[at]), []).append((at, gain))
    cells = np.arange(inside.size).reshape(inside.shape)
    own = _sliding("padded")(cells, -np.array(given(term).get("padding", 0)))

    def entry(at: tuple[int, ...]) -> Term:
        found = sorted(received.get(int(own[at]), []), key=lambda pair: pair[0])
        return total([t for _, t in found])

    return filled(own.shape, entry)


def _max_pick(expansion: Expansion, term: Applied, h: Array, a: Array, p: Array) -> Array:
    moved = _sliding("padded")(h, given(term).get("padding", 0)).reshape(-1)
    cells = [
        mapped(lambda hit, n: product((hit, moved[n])), hits, numbers.astype(object))
        for hits, numbers in _hits(term, a, p)
    ]
    return mapped(lambda *t: total(t), *cells)


WRITERS: dict[str, Callable[..., Array]] = {
    "reshape": _reshape,
    "permute": _permute,
    "broadcast": _broadcast,
    "softmax": _softmax,
    "logsoftmax": _log_softmax,
    "logsumexp": _log_sum_exp,
    "bce": _cross_entropy,
    "onehot": _one_hot,
    "rows": _rows,
    "scatter": _scatter,
    "maxpool": _max_pool,
    "maxunpool": _max_unpool,
    "maxpick": _max_pick,
}
"""How the entries of a function are written, by its name in formulas."""
