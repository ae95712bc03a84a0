"""The table behind ``test_ops.py``: for each function of glassnet.ops its twin and its arguments.

A case draws arguments from a generator; arrays among them are what may be differentiated by. The
draws favour what goes wrong: axes of one entry, none at all, negative axes, ties, large numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

Rng = np.random.Generator
Drawn = tuple[list[Any], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A function's twin, its arguments, and which of them are differentiated by, how often."""

    theirs: Callable[..., Any]
    draw: Callable[[Rng], Drawn]
    order: int = 2
    wrt: tuple[int, ...] | None = None
    draws: int = 3
    special: bool = False  # of one or two arrays, entry by entry: tried on special values too
    integers: bool = True  # whether it takes integers and truth values
    tolerance: float = field(default=1e-8)


SHAPES: list[tuple[int, ...]] = [(3, 4), (2, 1, 3), (1,), (), (0, 3), (5,)]
PAIRS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((3, 4), (4,)),
    ((2, 1, 3), (4, 1)),
    ((), (2, 3)),
    ((0, 3), (1, 3)),
    ((1,), (1, 1)),
    ((3, 1), (3, 1)),
]
DOMAINS: dict[str, Callable[[Rng, tuple[int, ...]], np.ndarray]] = {
    "any": lambda r, s: r.normal(scale=2.0, size=s),
    "positive": lambda r, s: r.uniform(0.2, 3.0, s),
    "unit": lambda r, s: r.uniform(-0.9, 0.9, s),
    "above": lambda r, s: r.uniform(1.2, 4.0, s),
    "ties": lambda r, s: r.integers(-2, 3, s).astype(float),
    "nonzero": lambda r, s: r.uniform(0.3, 2.0, s) * r.choice([-1.0, 1.0], s),
}


def pick(r: Rng, options: list[Any]) -> Any:
    """Return one of the options."""
    return options[int(r.integers(len(options)))]


def entrywise(theirs: Any, *domains: str, order: int = 2, integers: bool = True, **kw: Any) -> Case:
    """A function of one or two arrays that broadcast, entry by entry."""

    def draw(r: Rng) -> Drawn:
        shapes = pick(r, [(s,) for s in SHAPES] if len(domains) == 1 else PAIRS)
        found = [DOMAINS[d](r, s) for d, s in zip(domains, shapes, strict=True)]
        return found, {k: v(r) for k, v in kw.items()}

    return Case(theirs, draw, order, special=True, integers=integers)


def axis_of(r: Rng, shape: tuple[int, ...], several: bool = True) -> Any:
    """None, an axis from the front or the back, or several of them."""
    options: list[Any] = [None]
    if shape:
        options += [int(r.integers(-len(shape), len(shape)))] * 2
    if several and len(shape) > 1:
        options += [tuple(int(a) for a in r.permutation(len(shape))[:2] - len(shape)), (0,)]
    return pick(r, options)


def reducing(
    theirs: Any, domain: str = "any", order: int = 2, empty: bool = True, several: bool = True
) -> Case:
    """A reduction with axis and keepdims."""

    def draw(r: Rng) -> Drawn:
        shape = pick(r, [(3, 4), (2, 1, 3), (1, 1), (5,), (2, 3, 2)] + [(0, 3)] * empty)
        axis = axis_of(r, shape, several)
        return [DOMAINS[domain](r, shape)], {"axis": axis, "keepdims": bool(r.integers(2))}

    return Case(theirs, draw, order, draws=5)


def along(theirs: Any, domain: str = "any", order: int = 2, none: bool = True, **kw: Any) -> Case:
    """A function along one axis."""

    def draw(r: Rng) -> Drawn:
        shape = pick(r, [(3, 4), (2, 1, 3), (1, 1), (6,)])
        axis = axis_of(r, shape, several=False)
        axis = -1 if axis is None and not none else axis
        return [DOMAINS[domain](r, shape)], {"axis": axis} | {k: v(r) for k, v in kw.items()}

    return Case(theirs, draw, order)


def arranging(theirs: Any, draw: Callable[[Rng], Drawn], **kw: Any) -> Case:
    """A function that moves entries; tried with two orders all the same."""
    return Case(theirs, draw, draws=4, **kw)


def normal(r: Rng, *shape: int) -> np.ndarray:
    """Return normal numbers."""
    return r.normal(size=shape)


def unary(theirs: Any, domain: str = "any", order: int = 2, **kw: Any) -> Case:
    """A function of one array, entry by entry."""
    return entrywise(theirs, domain, order=order, **kw)


# --- the draws that need more than a domain -----------------------------------------------------
def _matmul(r: Rng) -> Drawn:
    options = [((3, 4), (4, 2)), ((2, 3, 4), (4, 2)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (4, 2))]
    options += [((3, 4), (4,)), ((4,), (4,)), ((1, 1), (1, 1)), ((2, 3, 0), (0, 2))]
    options += [((0, 3), (3, 2)), ((4,), (2, 4, 3)), ((2, 3, 4), (4,)), ((0, 2, 3), (3, 2))]
    a, b = pick(r, options)
    return [normal(r, *a), normal(r, *b)], {}


def _einsum(r: Rng) -> Drawn:
    spec, *shapes = pick(
        r,
        [
            ("ij,jk->ik", (2, 3), (3, 4)),
            ("ij,jk", (2, 3), (3, 4)),
            ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
            ("...i,ij->...j", (2, 3, 4), (4, 2)),
            ("i,i->", (4,), (4,)),
            ("i,j->ij", (2,), (3,)),
            ("ij->ji", (2, 3)),
            ("ij->", (2, 3)),
            ("ij,kl->", (2, 3), (1, 4)),
            ("ij,ij,ij->i", (2, 3), (2, 3), (2, 3)),
            ("ijk->k", (2, 3, 4)),
            ("ba", (2, 3)),
            ("...j,...j->...", (2, 1, 4), (3, 4)),
            ("ij,j,k->ik", (2, 3), (3,), (1,)),
            ("ii->i", (3, 3)),
            ("ii", (3, 3)),
            ("bii,bj->bij", (2, 3, 3), (2, 4)),
        ],
    )
    return [spec, *(normal(r, *s) for s in shapes)], {}


def _tensordot(r: Rng) -> Drawn:
    a, b, axes = pick(
        r,
        [
            ((2, 3, 4), (3, 4, 5), 2),
            ((2, 3), (4,), 0),
            ((2, 3, 4), (4, 3), ([1, 2], [1, 0])),
            ((2, 3, 4), (5, 3), (1, -1)),
            ((1, 3), (3, 1), 1),
        ],
    )
    return [normal(r, *a), normal(r, *b)], {"axes": axes}


def _two(*options: tuple[tuple[int, ...], tuple[int, ...]]) -> Callable[[Rng], Drawn]:
    def draw(r: Rng) -> Drawn:
        a, b = pick(r, list(options))
        return [normal(r, *a), normal(r, *b)], {}

    return draw


def _with(shapes: list[tuple[int, ...]], *args: Callable[[Rng, Any], Any], **kw: Any) -> Any:
    """One array, and arguments that are drawn knowing its shape."""

    def draw(r: Rng) -> Drawn:
        shape = pick(r, shapes)
        given = [a(r, shape) for a in args]
        return [normal(r, *shape), *given], {k: v(r, shape) for k, v in kw.items()}

    return draw


def _axis(r: Rng, shape: tuple[int, ...]) -> int:
    return int(r.integers(-len(shape), len(shape)))


def _axes(r: Rng, shape: tuple[int, ...]) -> list[int]:
    return [int(a) for a in r.permutation(len(shape))]


def _joined(several: int, same: bool) -> Callable[[Rng], Drawn]:
    def draw(r: Rng) -> Drawn:
        axis = int(r.integers(-3, 3))
        shapes = [[2, 1, 3] for _ in range(several)]
        if not same:
            for shape in shapes:
                shape[axis] = int(r.integers(0, 4))
        return [[normal(r, *s) for s in shapes]], {"axis": axis}

    return draw


def _pad(r: Rng) -> Drawn:
    mode = pick(r, ["constant", "reflect", "symmetric"])
    widths = [(int(a), int(b)) for a, b in r.integers(0, 3, (2, 2))]
    kw = {"constant_values": 1.5} if mode == "constant" and r.integers(2) else {}
    return [normal(r, 3, 4), widths], {"mode": mode, **kw}


def _take(r: Rng) -> Drawn:
    shape = pick(r, [(3, 4), (2, 3, 4), (5,)])
    axis = pick(r, [None, _axis(r, shape)])
    size = int(np.prod(shape)) if axis is None else shape[axis]
    index = r.integers(-size, size, pick(r, [(), (2,), (2, 3), (0,), (7,)]))
    return [normal(r, *shape), index], {"axis": axis}


def _take_along(r: Rng) -> Drawn:
    axis = int(r.integers(-2, 2))
    shape = [3, 4]
    shape[axis] = 5
    return [normal(r, 3, 4), r.integers(0, (3, 4)[axis], shape)], {"axis": axis}


def _where(r: Rng) -> Drawn:
    a, b = pick(r, PAIRS)
    test = r.integers(0, 2, np.broadcast_shapes(a, b)).astype(bool)
    return [test, normal(r, *a), normal(r, *b)], {}


def _clip(r: Rng) -> Drawn:
    low, high = pick(r, [(-1.0, 0.5), (0, 1), (-2, np.inf), (1.0, 1.0), (1.0, -1.0)])
    shape = pick(r, SHAPES)
    if r.integers(2):
        return [normal(r, *shape), low, high], {}
    return [normal(r, 2, 3), normal(r, 3), normal(r, 2, 1)], {}


def _targets(kind: str) -> Callable[[Rng], Drawn]:
    def draw(r: Rng) -> Drawn:
        shape = pick(r, [(3, 4), (2, 3, 4), (1, 1), (4,)])
        logits = bool(r.integers(2))
        x = normal(r, *shape) * 2 if logits else r.uniform(0.05, 0.95, shape)
        if kind == "binary":
            t: Any = r.uniform(size=shape)
        elif kind == "categorical":
            t = r.dirichlet(np.ones(shape[-1]), shape[:-1])
        else:
            t = r.integers(0, shape[-1], shape[:-1])
        return [t, x], {"from_logits": logits}

    return draw


def _average(r: Rng) -> Drawn:
    shape, axis, weights = pick(
        r,
        [
            ((3, 4), None, (3, 4)),
            ((3, 4), 0, (3,)),
            ((3, 3), 0, (3,)),
            ((3, 4), -1, (4,)),
            ((2, 3, 4), 1, (3,)),
            ((2, 3), 1, (2, 3)),
        ],
    )
    return [normal(r, *shape)], {"axis": axis, "weights": r.uniform(0.5, 2, weights)}


def _norm(r: Rng) -> Drawn:
    shape, order, axis = pick(
        r,
        [
            ((3, 4), None, None),
            ((2, 3, 4), None, (0, -1)),
            ((3, 4), 1, -1),
            ((3, 4), 2, 0),
            ((3, 4), 3, 0),
            ((3, 4), np.inf, 1),
            ((3, 4), -np.inf, 1),
            ((5,), 0, 0),
            ((3, 4), "fro", None),
            ((3, 4), 1, None),
            ((2, 3, 4), np.inf, (2, 0)),
            ((2, 3, 4), -np.inf, (2, 0)),
            ((2, 3, 4), -1, (1, 2)),
            ((5,), 2, None),
            ((3, 4), 0.5, 1),
        ],
    )
    return [normal(r, *shape)], {"ord": order, "axis": axis, "keepdims": bool(r.integers(2))}


def _linspace(r: Rng) -> Drawn:
    ends = pick(r, [((), ()), ((2,), (2,)), ((), (3,)), ((2, 1), (3,))])
    kw = {"num": pick(r, [0, 1, 2, 5, 50]), "endpoint": bool(r.integers(2))}
    return [normal(r, *ends[0]), normal(r, *ends[1])], kw | {"axis": pick(r, [0, -1])}


def _moments(r: Rng) -> Drawn:
    return [normal(r, 2, 3, 4)], {
        "axes": pick(r, [[0], [0, 1], [-1]]),
        "keepdims": bool(r.integers(2)),
    }


def _split(r: Rng) -> Drawn:
    return [normal(r, 4, 6)], pick(
        r,
        [
            {"indices_or_sections": 2, "axis": -1},
            {"indices_or_sections": [1, 3], "axis": 0},
            {"indices_or_sections": [0, 2, 2, 6], "axis": 1},
            {"indices_or_sections": 1, "axis": 0},
        ],
    )


def _constant(*options: tuple[Any, ...], **kw: Any) -> Callable[[Rng], Drawn]:
    return lambda r: (list(pick(r, list(options))), {k: pick(r, v) for k, v in kw.items()})


_A: list[tuple[int, ...]] = [(3, 4), (2, 1, 3), (2, 3, 4), (1, 1)]
_M: list[tuple[int, ...]] = [(3, 4), (4, 3), (2, 3, 3), (1, 1), (3, 1)]
_E: list[tuple[int, ...]] = [*_A, (0, 3)]
k, nn = keras.ops, jax.nn

CASES: dict[str, Case] = {
    # --- entry by entry -------------------------------------------------------------------------
    **{
        name: unary(getattr(jnp, name))
        for name in ["abs", "absolute", "arcsinh", "arctan", "cos", "cosh", "exp", "exp2", "expm1", "negative", "sin", "sinh", "square", "tanh", "sign"]
    },
    **{name: unary(getattr(k, name)) for name in ["erf", "sigmoid", "log_sigmoid"]},
    **{
        name: unary(getattr(jnp, name), order=0)
        for name in ["ceil", "floor", "trunc", "logical_not", "isfinite", "isinf", "isnan"]
    },
    **{
        name: unary(getattr(k, name))
        for name in ["celu", "elu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "relu", "relu6", "selu", "silu", "soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh_shrink"]
    },
    **{
        name: unary(getattr(jnp, name), "positive")
        for name in ["log", "log10", "log1p", "log2", "sqrt", "reciprocal"]
    },
    "rsqrt": unary(jax.lax.rsqrt, "positive", integers=False),
    **{name: unary(getattr(jnp, name), "unit") for name in ["arccos", "arcsin", "arctanh", "tan"]},
    "arccosh": unary(jnp.arccosh, "above"),
    "erfc": unary(jax.scipy.special.erfc),
    "mish": unary(nn.mish),
    "gelu": unary(k.gelu, approximate=lambda r: bool(r.integers(2))),
    "threshold": unary(k.threshold, threshold=lambda r: 0.3, default_value=lambda r: -2.0),
    "degrees": unary(jnp.degrees),
    "radians": unary(jnp.radians),
    "copy": unary(k.copy),
    "round": unary(k.round, order=0, decimals=lambda r: pick(r, [0, 2, -1])),
    "zeros_like": unary(k.zeros_like, order=0),
    "ones_like": unary(k.ones_like, order=0),
    **{
        name: entrywise(getattr(jnp, name), "any", "any")
        for name in ["add", "subtract", "multiply", "arctan2", "logaddexp"]
    },
    **{name: entrywise(getattr(jnp, name), "ties", "ties") for name in ("maximum", "minimum")},
    **{
        name: entrywise(getattr(jnp, name), "ties", "ties", order=0)
        for name in ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isclose", "logical_and", "logical_or", "logical_xor"]
    },
    "divide": entrywise(k.divide, "any", "nonzero"),
    "power": entrywise(k.power, "positive", "any"),
    "hypot": entrywise(k.hypot, "nonzero", "nonzero"),
    "heaviside": entrywise(k.heaviside, "ties", "any", order=0),
    "mod": entrywise(k.mod, "any", "nonzero"),
    "floor_divide": entrywise(k.floor_divide, "any", "nonzero", order=0),
    "where": Case(k.where, _where, wrt=(1, 2)),
    "clip": Case(k.clip, _clip, draws=6),
    "cast": Case(
        k.cast, _constant((np.array([1.7, -1.7, 0.0]), "int32"), (np.ones(3), "bool")), 0
    ),
    "full_like": Case(k.full_like, lambda r: ([normal(r, 2, 3), 1.5], {}), 0),
    "stop_gradient": Case(k.stop_gradient, lambda r: ([normal(r, 2, 3)], {}), 1),
    # --- over axes ------------------------------------------------------------------------------
    "sum": reducing(k.sum),
    "mean": reducing(jnp.mean, empty=False),
    "max": reducing(k.max, "ties", empty=False),
    "min": reducing(k.min, "ties", empty=False),
    "prod": reducing(k.prod, "ties"),
    "std": reducing(jnp.std, "any", empty=False),
    "var": reducing(jnp.var, empty=False),
    "ptp": reducing(k.ptp, "ties", empty=False),
    "logsumexp": reducing(k.logsumexp, empty=False),
    "all": reducing(k.all, "ties", order=0),
    "any": reducing(k.any, "ties", order=0),
    "argmax": reducing(k.argmax, "ties", 0, empty=False, several=False),
    "argmin": reducing(k.argmin, "ties", 0, empty=False, several=False),
    "count_nonzero": Case(
        jnp.count_nonzero, reducing(None, "ties").draw, 0, draws=5
    ),
    "average": Case(jnp.average, _average, draws=6),
    "moments": Case(k.moments, _moments),
    "norm": Case(jnp.linalg.norm, _norm, draws=12),
    "cumsum": along(k.cumsum),
    "cumprod": along(k.cumprod, "ties"),
    "softmax": along(k.softmax, none=False),
    "log_softmax": along(k.log_softmax, none=False),
    "sort": along(k.sort, "ties", none=False),
    "argsort": along(jnp.argsort, "ties", order=0),
    "diff": along(k.diff, none=False, n=lambda r: int(r.integers(0, 3))),
    "glu": Case(k.glu, lambda r: pick(r, [([normal(r, 2, 4)], {}), ([normal(r, 2, 3)], {"axis": 0})])),
    "top_k": Case(
        jax.lax.top_k, lambda r: ([DOMAINS["ties"](r, (2, 5)), int(r.integers(1, 6))], {}), wrt=(0,)
    ),
    "in_top_k": Case(
        k.in_top_k,
        lambda r: ([r.integers(0, 5, 4), normal(r, 4, 5)], {"k": int(r.integers(1, 5))}),
        0,
    ),
    "one_hot": Case(
        k.one_hot,
        lambda r: ([r.integers(-1, 5, pick(r, [(), (3,), (2, 3)])), 4], {"axis": pick(r, [-1, 0])}),
        0,
    ),
    # --- losses ---------------------------------------------------------------------------------
    "binary_crossentropy": Case(k.binary_crossentropy, _targets("binary"), wrt=(1,), draws=4),
    "categorical_crossentropy": Case(
        k.categorical_crossentropy, _targets("categorical"), wrt=(1,), draws=4
    ),
    "sparse_categorical_crossentropy": Case(
        k.sparse_categorical_crossentropy, _targets("sparse"), wrt=(1,), draws=4
    ),
    # --- products -------------------------------------------------------------------------------
    "matmul": Case(k.matmul, _matmul, draws=12),
    "dot": Case(
        k.dot,
        _two(((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((), (2,)), ((2, 3, 4), (5, 4, 2)),
             ((4,), (2, 4, 3)), ((2, 3, 4), (4,))),
        draws=6,
    ),
    "inner": Case(k.inner, _two(((3,), (3,)), ((2, 3), (4, 3)), ((), (2,)), ((2, 1, 3), (3,)))),
    "outer": Case(k.outer, _two(((3,), (2,)), ((2, 3), (4,)), ((), (2,)))),
    "vdot": Case(jnp.vdot, _two(((3,), (3,)), ((2, 3), (2, 3)))),
    "einsum": Case(k.einsum, _einsum, draws=17),
    "tensordot": Case(k.tensordot, _tensordot, draws=5),
    "trace": Case(k.trace, _with(_M, offset=lambda r, s: int(r.integers(-2, 3)))),
    # --- arranging ------------------------------------------------------------------------------
    "reshape": arranging(k.reshape, lambda r: ([normal(r, 4, 6), pick(r, [(2, -1), (-1,), (4, 3, 2)])], {})),
    "ravel": arranging(k.ravel, _with(_E)),
    "transpose": arranging(k.transpose, _with(_E, axes=lambda r, s: pick(r, [None, _axes(r, s)]))),
    "swapaxes": arranging(k.swapaxes, _with(_E, axis1=_axis, axis2=_axis)),
    "moveaxis": arranging(k.moveaxis, _with(_A, source=_axis, destination=_axis)),
    "matrix_transpose": arranging(jnp.matrix_transpose, _with(_A)),
    "expand_dims": arranging(k.expand_dims, _with(_E, _axis)),
    "squeeze": arranging(k.squeeze, _with([(2, 1, 3), (1, 4)], axis=lambda r, s: pick(r, [None, s.index(1), s.index(1) - len(s)]))),
    "broadcast_to": arranging(k.broadcast_to, _with([(3, 1), (1,), (), (2, 1, 4)], lambda r, s: (2, 3, 4))),
    "concatenate": arranging(k.concatenate, _joined(3, same=False)),
    "stack": arranging(k.stack, _joined(2, same=True)),
    "hstack": arranging(k.hstack, lambda r: ([[normal(r, 2), normal(r, 3)]], {})),
    "vstack": arranging(k.vstack, lambda r: ([[normal(r, 3), normal(r, 2, 3)]], {})),
    "split": arranging(k.split, _split),
    "unstack": arranging(k.unstack, _with(_A, axis=_axis)),
    "pad": Case(k.pad, _pad, draws=6),
    "flip": arranging(k.flip, _with(_E, axis=lambda r, s: axis_of(r, s))),
    "fliplr": arranging(k.fliplr, _with(_A)),
    "flipud": arranging(k.flipud, _with(_A)),
    "roll": arranging(k.roll, _with(_E, lambda r, s: int(r.integers(-7, 8)), axis=lambda r, s: axis_of(r, s, several=False))),
    "repeat": arranging(k.repeat, _with(_A, lambda r, s: int(r.integers(0, 4)), axis=lambda r, s: axis_of(r, s, several=False))),
    "tile": arranging(k.tile, _with(_E, lambda r, s: pick(r, [(2,), (2, 3), (2, 1, 3), (0, 1), (1, 2, 1, 2)]))),
    "take": Case(k.take, _take, draws=8, wrt=(0,)),
    "take_along_axis": Case(k.take_along_axis, _take_along, wrt=(0,), draws=4),
    "diag": arranging(k.diag, _with([(3,), (3, 4), (1,), (4, 2)], k=lambda r, s: int(r.integers(-2, 3)))),
    "diagonal": arranging(k.diagonal, lambda r: ([normal(r, 2, 3, 4)], pick(r, [{}, {"offset": -1}, {"offset": 1, "axis1": 2, "axis2": 0}, {"axis1": -1, "axis2": -2}]))),
    "tril": arranging(k.tril, _with(_M, k=lambda r, s: int(r.integers(-3, 4)))),
    "triu": arranging(k.triu, _with(_M, k=lambda r, s: int(r.integers(-3, 4)))),
    "meshgrid": arranging(
        k.meshgrid,
        lambda r: ([normal(r, n) for n in (2, 3, 1)[: int(r.integers(1, 4))]], {"indexing": pick(r, ["xy", "ij"])}),
    ),
    "atleast_1d": arranging(jnp.atleast_1d, _with([(), (2,), (2, 3)])),
    "atleast_2d": arranging(jnp.atleast_2d, _with([(), (2,), (2, 3, 1)])),
    "append": arranging(jnp.append, lambda r: ([normal(r, 2, 3), normal(r, 2, 3)], {"axis": pick(r, [None, 0, -1])})),
    "get_item": arranging(k.get_item, lambda r: ([normal(r, 2, 3), pick(r, [0, (0, 1), (..., None)])], {})),
    "slice": arranging(k.slice, lambda r: ([normal(r, 3, 4), (1, 0), (2, 3)], {})),
    "nan_to_num": unary(jnp.nan_to_num),
    "divide_no_nan": entrywise(k.divide_no_nan, "any", "ties"),
    "normalize": along(k.normalize, none=False),
    "multi_hot": Case(k.multi_hot, lambda r: ([r.integers(0, 4, (2, 3)), 4], {}), 0),
    # --- making ---------------------------------------------------------------------------------
    "arange": Case(jnp.arange, _constant((5,), (2, 9, 3), (5, 0, -2), (0.0, 1.0, 0.3), (3, 3)), 0, draws=5,
                   tolerance=1e-6),  # of floats it has the default float type
    "eye": Case(k.eye, _constant((3,), (3, 4), (4, 2), k=[0, -1, 2]), 0),
    "identity": Case(k.identity, _constant((3,), (1,)), 0),
    "tri": Case(k.tri, _constant((3,), (3, 4), (4, 2), k=[0, -1, 2]), 0),
    "full": Case(k.full, _constant(((2, 3), 1.5), ((), 2.0), ((0, 2), 3.0)), 0),
    "ones": Case(k.ones, _constant(((2, 3),), ((),)), 0),
    "zeros": Case(k.zeros, _constant(((2, 3),), ((),)), 0),
    "linspace": Case(k.linspace, _linspace, draws=6),
}  # fmt: skip

REASONS: dict[str, str] = {
    "amax": "is max",
    "amin": "is min",
    "array": "gives what it gets",
    "dtype": "gives a text",
    "is_tensor": "gives a truth value",
    "true_divide": "is divide",
    "average_pool": "in test_convolution_ops.py",
    "max_pool": "in test_convolution_ops.py",
    "conv": "in test_convolution_ops.py",
    "conv_transpose": "in test_convolution_ops.py",
    "depthwise_conv": "in test_convolution_ops.py",
    "separable_conv": "in test_convolution_ops.py",
    "convolve": "in test_convolution_ops.py",
    "correlate": "in test_convolution_ops.py",
    "convert_to_numpy": "gives an array",
    "convert_to_tensor": "gives what it gets",
    "ndim": "gives a number",
    "shape": "gives a tuple",
    "size": "gives a number",
    "sparsemax": "Keras's is wrong; see test_activations.py",
    "subscript": "x[...]: here against jax.numpy, in tests of its own",
}
