"""Mistakes with the gradient of a weight: what it is computed from, and over what it is summed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from glassnet.explain.doctor.diagnosis.case import Block, Case
from glassnet.explain.doctor.diagnosis.variant import Variant
from glassnet.explain.doctor.diagnosis.walk import Changes, Given, Part, Walk
from glassnet.explain.evaluation import Evaluation, wide_op
from glassnet.graph.dtypes import is_float
from glassnet.graph.tensor import Constant, Tensor


def of_weights(case: Case, names: list[str]) -> Iterator[Variant]:
    """Yield the mistakes with each weight that enters one node."""
    for name, weight in case.weights:
        users = [u for u in case.walk.users(weight) if case.walk.reaches(u)]
        users = [u for u in users if u not in case.penalised]
        if len(users) == 1:
            yield from _of_weight(case, name, weight, users[0])
        elif len(users) > 1:
            yield from _of_shared(case, name, weight, users)
    for node in case.walk.order:
        if node.op is not None and case.walk.reaches(node):
            yield from _of_chain(case, node)


def part(
    walk: Walk, node: Tensor, place: int, g: np.ndarray, **replaced: np.ndarray
) -> np.ndarray | None:
    """Return what a node's rule gives for one input, with the values of other inputs replaced.

    Args:
        walk: the values.
        node: the node.
        place: which input.
        g: the derivative by the node's value.
        replaced: other values for inputs, as ``x0``, ``x1``.
    """
    assert node.op is not None
    op = wide_op(node).bind(walk.values.sizes)
    arrays = [replaced.get(f"x{i}", walk.values[t]) for i, t in enumerate(node.inputs)]
    found = op.vjp(Constant(g), Constant(walk.values[node]), *map(Constant, arrays))[place]
    return None if found is None else np.asarray(found)


def _of_weight(case: Case, name: str, weight: Tensor, user: Tensor) -> Iterator[Variant]:
    place = next(i for i, t in enumerate(user.inputs) if t is weight)
    where, layer = case.place_of(user), case.names.owners.get(id(user))
    kind_of_layer = type(layer.layer).__name__ if layer is not None else ""
    letter = name.rstrip("0123456789")
    groups = ("", kind_of_layer, where, letter, f"{kind_of_layer} {letter}")

    def variant(
        kind: str, sentence: str, mend: str, wrong: Given, weight_: float, which: str = ""
    ) -> Variant:  # fmt: skip
        changes = Changes(leaves={id(weight): wrong})
        return Variant(
            kind,
            sentence,
            mend,
            f"d{name}",
            changes,
            weight=weight_,
            groups=tuple(f"{group} {which}".strip() for group in groups),
        )

    shape, full = case.values[weight].shape, case.values[user].shape
    if len(full) > len(shape) or (np.prod(full) > np.prod(shape) and len(full) == len(shape)):
        spread = len(full) > len(shape) and full[len(full) - len(shape) :] == shape
        if spread:
            yield from _of_sums(case, name, user, place, variant)
    yield from _of_examples(name, user, place, variant)
    for other, told, mend, heavy in _other_inputs(case, user, place):
        yield variant(
            told, f"d{name} in {where} is computed from {mend[0]}; it belongs to {mend[1]}.",
            f"use {mend[1]}, what went into the layer",
            _from(user, place, other), heavy,
        )  # fmt: skip
    block = next((b for b in case.blocks if _leads(case, user, b)), None)
    if block is not None:
        Z, A = case.name(block.before), case.name(block.after)
        yield variant(
            "dA in place of dZ", f"d{name} in {where} is computed from d{A}; it belongs to d{Z}.",
            f"use d{Z} = d{A} ⊙ g′({Z})",
            lambda w: _fitting(part(w, user, place, w[block.after])), 1.1,
        )  # fmt: skip
    for other_weight, other_user in _other_layers(case, weight):
        if case.values[other_user].shape == full:
            Z, own = case.name(other_user), case.name(user)
            yield variant(
                "dZ of another layer",
                f"d{name} in {where} is computed from d{Z}; it belongs to d{own}.", f"use d{own}",
                _of_derivative(user, place, other_user), 1.25, case.name(other_weight),
            )  # fmt: skip


def _other_layers(case: Case, weight: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The other matrices and kernels, each with the node that multiplies by it."""
    for _, other in case.weights:
        users = [u for u in case.walk.users(other) if case.walk.reaches(u)]
        if other is not weight and len(users) == 1 and case.values[other].ndim > 1:
            yield other, users[0]


def _of_derivative(user: Tensor, place: int, other: Tensor) -> Given:
    return lambda walk: _fitting(part(walk, user, place, walk[other]))


def _from(user: Tensor, place: int, other: Given) -> Given:
    """The gradient of a weight with another array in the place of the layer's input."""
    return lambda walk: _with_input(walk, user, place, other(walk))


def _fitting(array: np.ndarray | None) -> np.ndarray:
    if array is None:
        raise ValueError
    return array


def _of_shared(case: Case, name: str, weight: Tensor, users: list[Tensor]) -> Iterator[Variant]:
    """A weight that is used several times: what each use gives is added."""
    for which, user in enumerate(users, 1):
        changes = Changes(leaves={id(weight): _of_use(weight, user)})
        yield Variant(
            "one use of a shared weight",
            f"{name} is used {len(users)} times, and d{name} holds what one of them gives alone.",
            f"add them up: d{name} += … for each use", f"d{name}", changes, weight=1.0,
            groups=(f"use {which}",),
        )  # fmt: skip


def _of_use(weight: Tensor, user: Tensor) -> Given:
    def wrong(walk: Walk) -> np.ndarray:
        parts = [p for n, p in walk.rule(user, walk[user]) if n is weight]
        return np.asarray(sum(parts[1:], parts[0]))

    return wrong


def _leads(case: Case, user: Tensor, block: Block) -> bool:
    """Whether a node is what goes into an activation, but for a bias that is added."""
    node = user
    while node is not block.before:
        users = case.walk.users(node)
        if len(users) != 1 or users[0].op is None or not users[0].op.additive:
            return False
        node = users[0]
    return case.values[block.after].shape == case.values[user].shape


# --- sums -------------------------------------------------------------------------------------
def _of_sums(
    case: Case, name: str, user: Tensor, place: int, variant: Callable[..., Variant]
) -> Iterator[Variant]:
    """A weight that is spread over examples and positions: its gradient is summed over them."""
    full = case.values[user].shape
    lead = len(full) - case.values[user.inputs[place]].ndim
    right = tuple(range(lead))
    over = "the examples" if lead == 1 else "the examples and all positions"
    dy = f"d{case.name(user)}"

    def whole(walk: Walk) -> np.ndarray:
        arrays = walk.values[user.inputs[place]]
        found = part(walk, user, place, walk[user], **{f"x{place}": np.broadcast_to(arrays, full)})
        return _fitting(found)

    def summed(axes: tuple[int, ...] | None) -> Given:
        return lambda walk: np.asarray(whole(walk).sum(axes))

    mend = f"sum over {over}: d{name} = {dy}.sum(axis={right[0] if lead == 1 else right})"
    yield variant(
        "bias gradient not summed", f"d{name} is not summed over {over}: it is {dy} as a whole.",
        mend, whole, 0.9,
    )  # fmt: skip
    wrong: list[tuple[int, ...]] = [(axis,) for axis in range(len(full)) if (axis,) != right]
    wrong += [tuple(range(k)) for k in range(2, len(full) + 1) if tuple(range(k)) != right]
    wrong += [tuple(range(1, len(full)))]
    for axes in dict.fromkeys(wrong):
        every = len(axes) == len(full)
        said = "all axes" if every else f"axis {axes[0] if len(axes) == 1 else axes}"
        yield variant(
            "bias gradient summed over the wrong axis",
            f"d{name} is summed over {said}; the examples lie along axis 0.", mend,
            summed(axes), 1.0, said,
        )  # fmt: skip
    shape = case.values[user.inputs[place]].shape
    if np.prod(shape) > 1:
        yield variant(
            "bias gradient summed over the wrong axis",
            f"Every entry of d{name} holds the sum over all axes; the examples lie along axis 0.",
            mend, lambda walk: np.full(shape, whole(walk).sum()), 1.1, "everywhere",
        )  # fmt: skip
    count = float(np.prod(full[:lead]))
    if count > 1:
        yield variant(
            "1/m twice" if case.averaged else "mean for sum",
            f"d{name} is a mean over {over}; each of them adds its part.", mend,
            lambda walk: whole(walk).sum(right) / count, 1.3, "mean",
        )  # fmt: skip


def _of_examples(
    name: str, user: Tensor, place: int, variant: Callable[..., Variant]
) -> Iterator[Variant]:
    def of_one(index: int) -> Given:
        def wrong(walk: Walk) -> np.ndarray:
            g = walk[user]
            only = np.zeros_like(g)
            only[index] = g[index]
            return _fitting(part(walk, user, place, only))

        return wrong

    for index, which in ((-1, "last"), (0, "first")):
        yield variant(
            "overwritten instead of summed",
            f"d{name} holds what the {which} example gives: in the loop over the examples each "
            "overwrites the one before.", f"add them up: d{name} += … for each example",
            of_one(index), 1.1, which,
        )  # fmt: skip


# --- inputs -----------------------------------------------------------------------------------
def _other_inputs(
    case: Case, user: Tensor, place: int
) -> Iterator[tuple[Callable[[Walk], np.ndarray], str, tuple[str, str], float]]:
    """What may be taken for the input of the layer, with its kind, names and weight."""
    others = [i for i, t in enumerate(user.inputs) if i != place and is_float(t.dtype)]
    if len(others) != 1:
        return
    source = user.inputs[others[0]]
    shape = case.values[source].shape
    right = case.name(source)
    block, between = _behind(case, source)
    if block is not None:
        yield (
            lambda walk: _replayed(walk.values, between, block, walk.values[block.before]),
            "input taken before its activation", (case.name(block.before), right), 1.0,
        )  # fmt: skip
    own = next((b for b in case.blocks if _leads(case, user, b)), None)
    if own is not None and case.values[own.after].shape == shape:
        yield (
            lambda walk: walk.values[own.after],
            "output taken for the input", (case.name(own.after), right), 1.2,
        )  # fmt: skip
    if source.op is not None and source.op.additive:
        for one in source.inputs:
            if is_float(one.dtype) and case.values[one].shape == shape and one.op is not None:
                names = (case.name(one), right)
                yield _value_of(one), "input without the other branch", names, 1.2
    for x in case.step.inputs:
        if x is not source and is_float(x.dtype) and case.values[x].shape == shape:
            yield _value_of(x), "X in every layer", ("X", right), 1.3


def _value_of(node: Tensor) -> Given:
    return lambda walk: walk.values[node]


def _behind(case: Case, node: Tensor) -> tuple[Block | None, list[Tensor]]:
    """The activation that a layer's input comes from, and what stands between."""
    between: list[Tensor] = []
    blocks = {id(b.after): b for b in case.blocks}
    while id(node) not in blocks:
        if node.op is None or len(node.inputs) != 1:
            return None, []
        between.append(node)
        node = node.inputs[0]
    return blocks[id(node)], between[::-1]


def _replayed(
    values: Evaluation, between: list[Tensor], block: Block, start: np.ndarray
) -> np.ndarray:
    """The nodes between computed anew from the value before the activation."""
    found = start
    for node in between:
        found = np.asarray(wide_op(node).bind(values.sizes).value(np, found))
    return found


def _with_input(walk: Walk, user: Tensor, place: int, array: np.ndarray) -> np.ndarray:
    other = next(i for i, t in enumerate(user.inputs) if i != place and is_float(t.dtype))
    return _fitting(part(walk, user, place, walk[user], **{f"x{other}": array}))


# --- the chain --------------------------------------------------------------------------------
def _of_chain(case: Case, node: Tensor) -> Iterator[Variant]:
    """Mistakes with what goes back through a layer's weights."""
    weights = {id(w) for _, w in case.weights}
    held = [i for i, t in enumerate(node.inputs) if id(t) in weights]
    if len(held) != 1 or len(node.inputs) != 2:
        return
    back = 1 - held[0]
    source, weight = node.inputs[back], node.inputs[held[0]]
    if not is_float(source.dtype):
        return
    dx, W = f"d{case.name(source)}", case.name(weight)

    def way(wrong: Callable[[Walk, np.ndarray], np.ndarray | None]) -> Changes:
        def sent(walk: Walk, g: np.ndarray) -> list[Part]:
            found = [p for p in walk.rule(node, g) if p[0] is not source]
            return [*found, (source, _fitting(wrong(walk, g)))]

        return Changes(ways={id(node): sent})

    block = next((b for b in case.blocks if _leads(case, node, b)), None)
    if block is not None and not node.op.additive:  # type: ignore[union-attr]
        A, Z = case.name(block.after), case.name(block.before)
        yield Variant(
            "dA in place of dZ",
            f"{dx} is computed from d{A}: the chain jumps over the activation of "
            f"{case.place_of(node)}.", f"go on from d{Z} = d{A} ⊙ g′({Z})", dx,
            way(lambda w, g: part(w, node, back, w[block.after])), weight=1.2, groups=("chain",),
        )  # fmt: skip
    shapes = case.values[source].shape, case.values[node].shape
    if shapes[0] == shapes[1] and not node.op.additive:  # type: ignore[union-attr]
        yield Variant(
            "weights left out of the chain", f"{dx} is what came back, without {W}.",
            f"multiply by {W}, as the forward pass did", dx, way(lambda w, g: g), weight=1.2,
        )  # fmt: skip
    for other, _ in _other_layers(case, weight):
        if case.values[other].shape == case.values[weight].shape:
            yield Variant(
                "weights of another layer in the chain",
                f"{dx} is made with {case.name(other)}; it belongs to {W}.",
                f"take {W}, which the forward pass multiplied by", dx,
                way(_with_weight(node, back, held[0], other)), weight=1.2, groups=(),
            )  # fmt: skip


def _with_weight(
    node: Tensor, back: int, held: int, other: Tensor
) -> Callable[[Walk, np.ndarray], np.ndarray | None]:
    return lambda walk, g: part(walk, node, back, g, **{f"x{held}": walk.values[other]})
