"""The functions of convolution and pooling, as formulas call them and programs define them.

Parameters are left out where they have their usual value: stride 1, no padding, dilation 1, one
group, windows of pooling that touch. ``padding`` is a number of cells on all sides or a pair
(before, after) for each spatial axis; ``size``, the spatial sizes of the result, stands only where
they do not follow from the arguments, since cells at the end were not reached.

Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.
"""

from __future__ import annotations

from glassnet.formulas.functions import Function

EACH = Function("each", meaning="a number for each spatial axis", source="""
def each(value, axes):
    # one number for all spatial axes, or one for each
    return (value,) * axes if np.ndim(value) == 0 else tuple(value)
""")  # fmt: skip

PAIRS = Function("pairs", meaning="cells before and after each spatial axis", source="""
def pairs(padding, axes):
    # one number for all sides, a pair (before, after) for the only axis, or a pair for each axis
    if np.ndim(padding) == 0:
        return ((padding, padding),) * axes
    return (padding,) if np.ndim(padding) == 1 else padding
""")  # fmt: skip

PADDED = Function("padded", needs=("pairs",), meaning=(
    "cells of one value around the spatial axes"), source="""
def padded(A, padding=0, value=0.0):
    # A: (m, n..., c); padding: one number, or (before, after) for each spatial axis
    sides = pairs(padding, A.ndim - 2)
    grow = [(max(lo, 0), max(hi, 0)) for lo, hi in sides]
    A = np.pad(A, [(0, 0), *grow, (0, 0)], constant_values=value)
    crop = [slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(A.shape[1:], sides)]
    return A[(slice(None), *crop)]  # a negative number takes cells away
""")  # fmt: skip

SEEN = Function("seen", meaning="what one cell of a moving window sees", source="""
def seen(cell, places, stride, dilation):
    # what cell i of the window meets at its places: i d, i d + s, i d + 2 s, ...
    moves = zip(cell, places, stride, dilation)
    return (slice(None), *(slice(i * d, i * d + (o - 1) * s + 1, s) for i, o, s, d in moves))
""")  # fmt: skip

# --- convolution ------------------------------------------------------------------------------
CORR = Function("corr", needs=("each", "padded", "seen"), meaning=(
    "correlation: the kernel slides over the input and is multiplied entry by entry at each place, "
    "summed over cells and channels"), source="""
def corr(A, W, stride=1, padding=0, dilation=1):
    # A: (m, n..., c), W: (k..., c, f) -> Z: (m, o..., f)
    axes = A.ndim - 2
    W = W.reshape((1,) * (A.ndim - W.ndim) + W.shape)
    stride, dilation = each(stride, axes), each(dilation, axes)
    A = padded(A, padding)
    moves = zip(A.shape[1:-1], W.shape, stride, dilation)
    places = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in moves]
    Z = np.zeros((len(A), *places, W.shape[-1]), A.dtype)
    for cell in np.ndindex(*W.shape[:axes]):
        window = A[seen(cell, places, stride, dilation)]  # (m, o..., c)
        Z += window @ W[cell]  # the weights of this cell: (c, f)
    return Z
""")  # fmt: skip

FULL_CONV = Function("fullconv", needs=("each", "pairs", "padded", "corr"), meaning=(
    r"full convolution with the kernel of a correlation: the first argument, with $\mathrm{stride} "
    r"- 1$ zeros between its entries and zeros around it, correlated with the kernel turned by "
    "180°; padding, stride and dilation are those of the correlation it leads back through"),
    source="""
def fullconv(G, W, stride=1, padding=0, dilation=1, size=None):
    # G: (m, o..., f), W: (k..., c, f) -> (m, n..., c), the shape of A in corr(A, W)
    axes = G.ndim - 2
    W = W.reshape((1,) * (G.ndim - W.ndim) + W.shape)
    stride, dilation = each(stride, axes), each(dilation, axes)
    sides = pairs(padding, axes)
    reach = [d * (k - 1) + 1 for k, d in zip(W.shape, dilation)]
    wide = [(o - 1) * s + 1 for o, s in zip(G.shape[1:], stride)]
    if size is None:
        size = [w + e - 1 - lo - hi for w, e, (lo, hi) in zip(wide, reach, sides)]
    spread = np.zeros((len(G), *wide, G.shape[-1]), G.dtype)  # zeros between the entries
    spread[(slice(None), *(slice(None, None, s) for s in stride))] = G
    moves = zip(each(size, axes), wide, reach, sides)
    around = tuple((e - 1 - lo, n + lo - w) for n, w, e, (lo, hi) in moves)
    turned = np.flip(W, tuple(range(axes))).swapaxes(-1, -2)  # by 180 degrees: (k..., f, c)
    return corr(padded(spread, around), turned, dilation=dilation)
""")  # fmt: skip

KERNEL_CORR = Function("kernelcorr", needs=("each", "padded", "seen"), meaning=(
    "for each cell of the kernel, what it met in the first argument times the second, summed over "
    "examples and places"), source="""
def kernelcorr(A, G, stride=1, padding=0, dilation=1, size=None):
    # A: (m, n..., c), G: (m, o..., f) -> (k..., c, f), the derivative by W of corr(A, W)
    axes = A.ndim - 2
    stride, dilation = each(stride, axes), each(dilation, axes)
    A = padded(A, padding)
    places = G.shape[1:-1]
    if size is None:
        moves = zip(A.shape[1:], places, stride, dilation)
        size = [(n - 1 - (o - 1) * s) // d + 1 for n, o, s, d in moves]
    size = each(size, axes)
    dW = np.zeros((*size, A.shape[-1], G.shape[-1]), A.dtype)
    summed = list(range(axes + 1))  # over examples and places
    for cell in np.ndindex(*size):
        window = A[seen(cell, places, stride, dilation)]  # (m, o..., c)
        dW[cell] = np.tensordot(window, G, (summed, summed))  # (c, f)
    return dW
""")  # fmt: skip

# The channels in groups, each with filters of its own.
GROUPED_CORR = Function(
    "grouped_corr", CORR.latex, needs=("corr",), meaning=CORR.meaning, source="""
def grouped_corr(A, W, groups, **how):
    # A: (m, n..., c), W: (k..., c / groups, f) -> (m, o..., f): each group has its own filters
    parts = zip(np.split(A, groups, axis=-1), np.split(W, groups, axis=-1))
    return np.concatenate([corr(a, w, **how) for a, w in parts], axis=-1)
""")  # fmt: skip

GROUPED_FULL_CONV = Function(
    "grouped_fullconv", FULL_CONV.latex, needs=("fullconv",), meaning=FULL_CONV.meaning, source="""
def grouped_fullconv(G, W, groups, **how):
    # G: (m, o..., f), W: (k..., c / groups, f) -> (m, n..., c)
    parts = zip(np.split(G, groups, axis=-1), np.split(W, groups, axis=-1))
    return np.concatenate([fullconv(g, w, **how) for g, w in parts], axis=-1)
""")  # fmt: skip

GROUPED_KERNEL_CORR = Function(
    "grouped_kernelcorr", KERNEL_CORR.latex, needs=("kernelcorr",), meaning=KERNEL_CORR.meaning,
    source="""
def grouped_kernelcorr(A, G, groups, **how):
    # A: (m, n..., c), G: (m, o..., f) -> (k..., c / groups, f)
    parts = zip(np.split(A, groups, axis=-1), np.split(G, groups, axis=-1))
    return np.concatenate([kernelcorr(a, g, **how) for a, g in parts], axis=-1)
""")  # fmt: skip

# Every channel with filters of its own.
DEPTHWISE_CORR = Function("depthwisecorr", needs=("grouped_corr",), meaning=(
    "correlation of each channel with filters of its own"), source="""
def depthwisecorr(A, K, **how):
    # A: (m, n..., c), K: (k..., c, r): r filters for each channel -> (m, o..., c r)
    c, r = K.shape[-2:]
    return grouped_corr(A, K.reshape(*K.shape[:-2], 1, c * r), groups=c, **how)
""")  # fmt: skip

DEPTHWISE_FULL_CONV = Function("depthwisefullconv", needs=("grouped_fullconv",), meaning=(
    "full convolution of each channel with its own filters, turned by 180°"), source="""
def depthwisefullconv(G, K, **how):
    # G: (m, o..., c r), K: (k..., c, r) -> (m, n..., c)
    c, r = K.shape[-2:]
    return grouped_fullconv(G, K.reshape(*K.shape[:-2], 1, c * r), groups=c, **how)
""")  # fmt: skip

DEPTHWISE_KERNEL_CORR = Function(
    "depthwisekernelcorr", needs=("grouped_kernelcorr",), meaning=(
    "for each cell and channel of the kernel, what it met in the first argument times the second, "
    "summed over examples and places"), source="""
def depthwisekernelcorr(A, G, **how):
    # A: (m, n..., c), G: (m, o..., c r) -> (k..., c, r)
    dW = grouped_kernelcorr(A, G, groups=A.shape[-1], **how)  # (k..., 1, c r)
    return dW.reshape(*dW.shape[:-2], A.shape[-1], -1)
""")  # fmt: skip

# --- pooling ----------------------------------------------------------------------------------
WINDOWS = Function("windows", needs=("each", "seen"), meaning=(
    "what each cell of a moving window sees"), source="""
def windows(A, pool, stride):
    # A: (m, n..., c), padded -> for each cell of the window, what it sees at all places
    axes = A.ndim - 2
    pool = each(pool, axes)
    stride = pool if stride is None else each(stride, axes)
    places = [(n - k) // s + 1 for n, k, s in zip(A.shape[1:], pool, stride)]
    return [seen(cell, places, stride, (1,) * axes) for cell in np.ndindex(*pool)]
""")  # fmt: skip

MAX_POOL = Function("maxpool", needs=("padded", "windows"), meaning=(
    "the largest entry of each window"), source="""
def maxpool(A, pool=2, stride=None, padding=0):
    # A: (m, n..., c) -> P: (m, o..., c)
    A = padded(A, padding, -np.inf)
    return np.max([A[cell] for cell in windows(A, pool, stride)], axis=0)
""")  # fmt: skip

MAX_UNPOOL = Function("maxunpool", needs=("padded", "windows"), meaning=(
    "the first argument put where the largest entry of each window stood, the first where several "
    r"are equal; zeros elsewhere. $P$ is what $\operatorname{maxpool}$ made of $A$"), source="""
def maxunpool(G, A, P, pool=2, stride=None, padding=0):
    # G, P: (m, o..., c), A: (m, n..., c) -> (m, n..., c)
    inside = padded(A, padding, -np.inf)
    dA = np.zeros(inside.shape, G.dtype)
    free = np.ones(P.shape, bool)  # windows whose largest entry is still to be met
    for cell in windows(inside, pool, stride):
        hit = free & (inside[cell] == P)
        dA[cell] += G * hit
        free &= ~hit
    return padded(dA, -np.array(padding))
""")  # fmt: skip

MAX_PICK = Function("maxpick", needs=("padded", "windows"), meaning=(
    "the first argument where the largest entry of each window stood. $P$ is what "
    r"$\operatorname{maxpool}$ made of $A$"), source="""
def maxpick(H, A, P, pool=2, stride=None, padding=0):
    # H, A: (m, n..., c), P: (m, o..., c) -> (m, o..., c)
    H, A = padded(H, padding), padded(A, padding, -np.inf)
    picked = np.zeros(P.shape, H.dtype)
    free = np.ones(P.shape, bool)  # windows whose largest entry is still to be met
    for cell in windows(A, pool, stride):
        hit = free & (A[cell] == P)
        picked[hit] = H[cell][hit]
        free &= ~hit
    return picked
""")  # fmt: skip

AVERAGE_POOL = Function("averagepool", needs=("padded", "windows"), meaning=(
    "the mean of each window; padding does not count"), source="""
def averagepool(A, pool=2, stride=None, padding=0):
    # A: (m, n..., c) -> P: (m, o..., c)
    real = padded(np.ones((1, *A.shape[1:-1], 1)), padding)  # 1 for cells, 0 for padding
    A = padded(A, padding)
    cells = windows(A, pool, stride)
    return sum(A[cell] for cell in cells) / sum(real[cell] for cell in cells)
""")  # fmt: skip

AVERAGE_UNPOOL = Function("averageunpool", needs=("each", "pairs", "padded", "windows"), meaning=(
    "each entry divided evenly among the cells of its window; padding gets none"), source="""
def averageunpool(G, pool=2, stride=None, padding=0, size=None):
    # G: (m, o..., c) -> (m, n..., c)
    axes = G.ndim - 2
    pool = each(pool, axes)
    stride = pool if stride is None else each(stride, axes)
    if size is None:
        moves = zip(G.shape[1:], pool, stride, pairs(padding, axes))
        size = [(o - 1) * s + k - lo - hi for o, k, s, (lo, hi) in moves]
    real = padded(np.ones((1, *each(size, axes), 1)), padding)  # 1 for cells, 0 for padding
    cells = windows(real, pool, stride)
    share = G / sum(real[cell] for cell in cells)
    dA = np.zeros((len(G), *real.shape[1:-1], G.shape[-1]), G.dtype)
    for cell in cells:
        dA[cell] += share
    return padded(dA, -np.array(padding))
""")  # fmt: skip
