"""The functions that take, put and order entries, as formulas call them and programs define them.

``axis`` stands only where it is not the last one.
"""

from __future__ import annotations

from glassnet.formulas.functions import Function

# --- slices and what is around them -----------------------------------------------------------
PART = Function("part", meaning="the key of a slice", source="""
def part(rank, axis, start, stop, step):
    # the key that takes the entries start, start + step, ... before stop along one axis, or along
    # several: then each bound is one number for all of them, or has an entry for each
    axes = (axis,) if np.ndim(axis) == 0 else axis
    key = [slice(None)] * rank
    bounds = [b if isinstance(b, tuple) else (b,) * len(axes) for b in (start, stop, step)]
    for a, first, last, by in zip(axes, *bounds):
        key[a] = slice(first, None if last == -1 else last, by)  # -1: backwards to the first
    return tuple(key)
""")  # fmt: skip

SLICE = Function("slice", numpy="slice_of", needs=("part",), axes=("axis",), meaning=(
    r"the entries from $\mathrm{start}$ on, before $\mathrm{stop}$, along an axis, counted from 0"
    ), source="""
def slice_of(A, axis=-1, start=0, stop=None, step=1):
    return A[part(A.ndim, axis, start, stop, step)]
""")  # fmt: skip

PLACE = Function("place", needs=("part",), axes=("axis",), meaning=(
    r"zeros with the argument from the entry $\mathrm{start}$ on, along an axis of $\mathrm{size}$ "
    "entries, counted from 0"), source="""
def place(A, axis=-1, start=0, size=1, step=1):
    # the reverse of slice_of: zeros, but for A where it was taken from
    shape, axes = list(A.shape), (axis,) if np.ndim(axis) == 0 else axis
    first, many, by = [b if isinstance(b, tuple) else (b,) * len(axes) for b in (start, size, step)]
    stop = tuple(f + shape[a] * s if shape[a] else f for a, f, s in zip(axes, first, by))
    for a, n in zip(axes, many):
        shape[a] = n
    B = np.zeros(shape, A.dtype)
    B[part(A.ndim, axis, start, stop, step)] = A
    return B
""")  # fmt: skip

PAD = Function("pad", numpy="pad", axes=("axis",), meaning=(
    r"$\mathrm{before}$ and $\mathrm{after}$ as many entries more along an axis, zeros where no "
    r"$\mathrm{value}$ stands"), source="""
def pad(A, axis=-1, before=0, after=0, value=0.0):
    axes = (axis,) if np.ndim(axis) == 0 else axis
    widths = [(0, 0)] * A.ndim
    bounds = [b if isinstance(b, tuple) else (b,) * len(axes) for b in (before, after)]
    for a, lo, hi in zip(axes, *bounds):
        widths[a] = (lo, hi)
    return np.pad(A, widths, constant_values=value)
""")  # fmt: skip

CONCAT = Function("concat", axes=("axis",), meaning=(
    "the arguments one behind the other along an axis"), source="""
def concat(*arrays, axis=-1):
    return np.concatenate(arrays, axis=axis)
""")  # fmt: skip

# --- entries by their number ------------------------------------------------------------------
ROWS = Function("rows", meaning=(
    "the rows of the first argument whose numbers the second holds, counted from 0"), source="""
def rows(E, y):
    # E: (v, ...), y: whole numbers, a column or a row of them, or a matrix
    vector = y.ndim < 3 and y.size == max(y.shape, default=1)
    return E[y.ravel() if vector else y]
""")  # fmt: skip

SCATTER = Function("scatter", meaning=(
    "zeros of the size that stands below, to whose rows, numbered by the second argument, the rows "
    "of the first are added"), source="""
def scatter(G, y, sizes):
    # the reverse of rows: row i of G is added to row y_i
    vector = y.ndim < 3 and y.size == max(y.shape, default=1)
    dE = np.zeros(sizes, G.dtype)
    np.add.at(dE, y.ravel() if vector else y, G)
    return dE
""")  # fmt: skip

NUMBERED = Function("numbered", meaning="the key of entries along axes", source="""
def numbered(rank, axis, numbers):
    axes = (axis,) if np.ndim(axis) == 0 else axis
    first = numbers[0]
    vectors = first.ndim < 3 and max(first.shape, default=1) == first.size
    if len(axes) < rank and vectors and all(i.shape == first.shape for i in numbers):
        numbers = [i.ravel() for i in numbers]  # a column or a row of numbers is one axis
    key = [slice(None)] * rank
    for a, index in zip(axes, numbers):
        key[a] = index
    return tuple(key)
""")  # fmt: skip

ENTRIES = Function("entries", needs=("numbered",), meaning=(
    "the entries of the first argument with the numbers that the others hold, along the axes that "
    "stand below, counted from 0"), source="""
def entries(A, *numbers, axis=None):
    # A[:, i, j] for axis=(1, 2); without an axis A is a column or a row
    if axis is None:
        return A.ravel()[numbers[0]]
    return A[numbered(A.ndim, axis, numbers)]
""")  # fmt: skip

ADD_ENTRIES = Function("addentries", needs=("numbered",), meaning=(
    "zeros of the size that stands below, to which the entries of the first argument are added "
    "where the others number them along the axes"), source="""
def addentries(G, *numbers, axis=None, sizes=()):
    # the reverse of entries
    dA = np.zeros(sizes, G.dtype)
    if axis is None:
        np.add.at(dA.reshape(-1), numbers[0], G)
    else:
        np.add.at(dA, numbered(dA.ndim, axis, numbers), G)
    return dA
""")  # fmt: skip

TAKE_ALONG = Function(
    "takealong",
    numpy="np.take_along_axis",
    axes=("axis",),
    meaning=("along an axis, the entries whose numbers the second argument holds, place by place"),
)
ADD_ALONG = Function("addalong", axes=("axis",), meaning=(
    r"along an axis of $\mathrm{size}$ entries, the entries of the first argument added where the "
    "second numbers them, place by place"), source="""
def addalong(G, index, axis=-1, size=1):
    # the reverse of np.take_along_axis
    shape = list(G.shape)
    shape[axis] = size
    places = list(np.indices(G.shape, sparse=True))
    places[axis] = index
    A = np.zeros(shape, G.dtype)
    np.add.at(A, tuple(places), G)
    return A
""")  # fmt: skip

# --- order ------------------------------------------------------------------------------------
ARGMAX = Function("argmax", axes=("axis",), meaning=(
    "the number of the largest entry along an axis, counted from 0; of equal ones the first"),
    source="""
def argmax(A, axis=-1):
    return np.argmax(A, axis=axis, keepdims=True)
""")  # fmt: skip

ARGMIN = Function("argmin", axes=("axis",), meaning=(
    "the number of the smallest entry along an axis, counted from 0; of equal ones the first"),
    source="""
def argmin(A, axis=-1):
    return np.argmin(A, axis=axis, keepdims=True)
""")  # fmt: skip

ARGSORT = Function("argsort", axes=("axis",), meaning=(
    "the numbers of the entries along an axis in ascending order; equal ones keep theirs"),
    source="""
def argsort(A, axis=-1):
    return np.argsort(A, axis=axis, kind="stable")
""")  # fmt: skip

TOP_K = Function("topk", meaning=(
    r"the numbers of the $k$ largest entries of the last axis, the largest first"), source="""
def topk(A, k):
    # of equal entries the first comes first
    return np.argsort(-A, axis=-1, kind="stable")[..., :k]
""")  # fmt: skip

# --- ranges, sums of products -----------------------------------------------------------------
RANGE = Function("range", numpy="counted", meaning="the numbers 0, 1, 2, … in order", source="""
def counted(sizes):
    return np.arange(np.prod(sizes)).reshape(sizes)
""")  # fmt: skip

EINSUM = Function("einsum", meaning=(
    "products of the arguments, whose axes the letters name, summed over the letters that the "
    "result lacks"), source="""
def einsum(*arrays, spec):
    return np.einsum(spec, *arrays, optimize=True)
""")  # fmt: skip
