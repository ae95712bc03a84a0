"""Terms in another arrangement: reshapes that say what they are for, and as few as possible.

A reshape of a reshape is one; numbers stand in front of it. Rows of a tensor one below another
are `STACK`, an example's entries in one row `FLATTEN`. A reshape around a broadcast repeats
entries, and one within a sum adds blocks of entries up.
"""

from __future__ import annotations

from dataclasses import replace

from glassnet.formulas.building import call, multiply, reduce
from glassnet.formulas.functions import Function
from glassnet.formulas.shapes import matrix_shape
from glassnet.formulas.terms import Applied, Product, Reduced, Term, Transposed
from glassnet.graph.dimension import Shape, Size, product

RESHAPE = Function(
    "reshape", numpy="np.reshape", meaning="the same entries, row by row, in another shape"
)

FLATTEN = Function("flatten", meaning="each example's entries as one row", source="""
def flatten(A):
    # A: (m, ...) -> (m, n)
    return A.reshape(len(A), -1)
""")  # fmt: skip

STACK = Function("stack", meaning="all rows one below another, as one matrix", source="""
def stack(A):
    # A: (m, ..., n) -> (m ..., n)
    return A.reshape(-1, A.shape[-1])
""")  # fmt: skip

REPEAT = Function("repeat", meaning=(
    r"each entry along an axis $\mathrm{times}$ times in a row"), source="""
def repeat(A, axis, times):
    for a in (axis,) if np.ndim(axis) == 0 else axis:
        A = np.repeat(A, times, axis=a)
    return A
""")  # fmt: skip

BLOCK_SUM = Function("blocksum", meaning=(
    r"sums of $\mathrm{size}$ neighbours in a row along an axis"), source="""
def blocksum(A, axis, size):
    for a in (axis,) if np.ndim(axis) == 0 else axis:
        A = np.add.reduceat(A, np.arange(0, A.shape[a], size), axis=a)
    return A
""")  # fmt: skip


def reshaped(term: Term, shape: Shape) -> Term:
    """Return a term in another shape."""
    front, term = _front(term)
    while isinstance(term, Applied) and term.function is RESHAPE:
        term = term.arguments[0]
    if term.shape != shape:
        term = call(RESHAPE, term, shape=shape, sizes=shape)
    return multiply((front, term)) if front != Product() else term


def whole(term: Term, shape: Shape) -> Term:
    """Return a term with all axes of a tensor of this shape, where formulas drop some of them."""
    return term if matrix_shape(shape) == shape else reshaped(term, shape)


def arranged(term: Term, shape: Shape) -> Term:
    """Return a term in another shape, written by what the reshape is for.

    Axes of length 1 that a sum left may stay: the value broadcasts, or its name says the shape.
    """
    front, inner = _front(term)
    found = _repeated(inner, shape) or _summed(inner, shape) or _rows(inner, shape)
    if found is None:
        return reshaped(term, shape)
    return multiply((front, found)) if front != Product() else found


def product_of_vectors(a: Term, b: Term) -> Term | None:
    """Return the product of a row or column an example with another as what it is, or None.

    A row times a column is a sum of products, an example each; a product with a number an example
    is entry by entry.
    """
    if len(a.shape) != 3 or len(b.shape) != 3:
        return None
    (front, a), (front_b, b) = _front(a), _front(b)
    first, second = _vectors(a), _vectors(b)
    if first is None or second is None:
        return None
    (m, rows, inner), columns = a.shape, b.shape[-1]
    if rows == columns == 1:
        found = reduce("sum", first * second, (1,))
    elif inner == 1 and 1 in (rows, columns):
        found = first * second
    else:
        return None
    return multiply((front, front_b, reshaped(found, (m, rows, columns))))


def _vectors(term: Term) -> Term | None:
    """The matrix (m, n) of which a term makes a row or column for each example."""
    shape = term.shape
    bare = _bare(term.term if isinstance(term, Transposed) else term)
    vectors = bare.shape in ((shape[0], shape[1]), (shape[0], shape[2])) and 1 in shape[1:]
    return bare if vectors and product(bare.shape) == product(shape) else None


def _front(term: Term) -> tuple[Product, Term]:
    """The numbers in front of a term, and the rest."""
    if not isinstance(term, Product) or not term.factors:
        return Product(), term
    return replace(term, factors=()), multiply(term.factors)


def _bare(term: Term) -> Term:
    """What is reshaped."""
    while isinstance(term, Applied) and term.function is RESHAPE:
        term = term.arguments[0]
    return term


def _rows(term: Term, shape: Shape) -> Term | None:
    """As the rows of a matrix."""
    term = _bare(term)
    before = term.shape
    if len(before) < 3 or len(shape) != 2:
        return None
    if shape == (before[0], product(before[1:])):
        return call(FLATTEN, term, shape=shape)
    if shape == (product(before[:-1]), before[-1]):
        return call(STACK, term, shape=shape)
    return None


def _repeated(term: Term, shape: Shape) -> Term | None:
    """A new axis of copies that is joined with the axis before it: repeated entries."""
    if not isinstance(term, Applied) or term.function.name != "broadcast":
        return None
    inner, wide = term.arguments[0], term.shape
    new = [i for i, n in enumerate(inner.shape) if n != wide[i]]
    if len(inner.shape) != len(wide) or len(new) != 1 or new[0] == 0:
        return None
    axis, times = new[0] - 1, wide[new[0]]
    if shape != (*wide[:axis], wide[axis] * times, *wide[axis + 2 :]):
        return None
    given = (*wide[: axis + 1], *wide[axis + 2 :])
    source = reshaped(inner, given)
    if given[axis] == 1:
        return source  # a single entry: its copies are what broadcasting makes
    return _along(REPEAT, source, axis, times, "times", shape)


def _summed(term: Term, shape: Shape) -> Term | None:
    """A sum over an axis that was split off another one: sums of blocks."""
    if not isinstance(term, Reduced):
        return None
    if _without_ones(term.shape) == _without_ones(shape) and not _is_reshape(term.term):
        return term if len(shape) < len(term.shape) else None
    if term.kind != "sum" or len(term.axes) != 1 or not _is_reshape(term.term):
        return None
    axis, split, source = term.axes[0], term.term.shape, _bare(term.term)
    if axis == 0 or (*split[:axis], *split[axis + 1 :]) != shape:
        return None
    if source.shape != (*split[: axis - 1], split[axis - 1] * split[axis], *split[axis + 1 :]):
        return None
    if split[axis - 1] == 1:
        return reduce("sum", source, (axis - 1,))
    return _along(BLOCK_SUM, source, axis - 1, split[axis], "size", shape)


def _is_reshape(term: Term) -> bool:
    return isinstance(term, Applied) and term.function is RESHAPE


def _without_ones(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


def _along(function: Function, term: Term, axis: int, n: Size, key: str, shape: Shape) -> Term:
    """The function along one axis more."""
    if isinstance(term, Applied) and term.function is function:
        said = dict(term.parameters)
        if said[key] == n:
            axes = said["axis"] if isinstance(said["axis"], tuple) else (said["axis"],)
            also = {"axis": tuple(sorted((*axes, axis))), key: n}
            return call(function, term.arguments[0], shape=shape, **also)
    return call(function, term, shape=shape, **{"axis": axis, key: n})
