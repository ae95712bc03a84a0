"""Views, copies, joins, picks, natively, against NumPy; and the kernels that feed batches."""

import ctypes
import itertools

import numpy as np
import pytest
from trials import tried

from glassnet.engines.native import lowering
from glassnet.engines.native.compiler import address_of
from glassnet.engines.native.lowering.base import SLICES, SUM, VIEWS
from glassnet.engines.native.memory import new_value
from glassnet.engines.native.trial import run_op
from glassnet.ops.indexing import AddAlong, AddAt, Pick, PickAlong
from glassnet.ops.joining import Concatenate, Pad
from glassnet.ops.matrices import Range
from glassnet.ops.rounding import Identity, StopGradient
from glassnet.ops.shaping import BroadcastTo, Reshape, Transpose
from glassnet.ops.slicing import Place, Slice

RNG = np.random.default_rng(11)
VIEWING = (Identity, StopGradient, Reshape, Transpose, BroadcastTo, Slice)
INDEXING = (Pick, AddAt, PickAlong, AddAlong)
lowering.load()


def check(op, *arrays):
    found, expected = tried(op, *arrays)
    if type(op) in (AddAt, AddAlong):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    else:
        np.testing.assert_array_equal(found, expected)


def draw(*shape, dtype="float32"):
    return RNG.integers(0, 100, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "op",
    [*VIEWING, *INDEXING, Place, Concatenate, Pad, Range],
)
def test_samples(op, dtype):
    for sample in op.samples():
        check(sample.op, *(a.astype(dtype) if a.dtype.kind == "f" else a for a in sample.inputs))


# --- views ------------------------------------------------------------------------------------
def seen_through(x, shape):
    """Whether NumPy can reshape without a copy."""
    return np.shares_memory(x, x.reshape(shape))


@pytest.mark.parametrize(
    "x",
    [
        draw(4, 6),
        draw(4, 6).T,
        draw(4, 6)[::-1],
        draw(8, 6)[::2],
        draw(4, 12)[:, ::2],
        draw(2, 3, 4).transpose(1, 0, 2),
        np.broadcast_to(draw(1, 6), (4, 6)),
        draw(4, 1, 6)[:, 0],
    ],
)
def test_reshapes_of_any_strides(x):
    for shape in [(24,), (4, 6), (2, 2, 6), (4, 3, 2), (8, 3), (1, 24, 1), (3, 8)]:
        check(Reshape(shape), x)
        value = new_value(x.shape, x.dtype).viewed(x.shape, x.strides)
        view = VIEWS[Reshape](Reshape(shape), shape, value)
        assert (view is not None) == seen_through(x, shape), (x.strides, shape)


def test_empty_reshapes():
    check(Reshape((3, 0, 2)), np.zeros((0, 4), "float32").T)
    check(Slice((0, 1), (3, 0), (1, 1)), draw(3, 4))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_copies_of_any_strides(order):
    for shape in [(2, 3, 4), (40, 3, 17), (5, 33, 20)]:
        x = draw(*shape).transpose(order)
        check(Reshape((x.size,)), x)
        check(Reshape((x[::2, :, 1:].size,)), x[::2, :, 1:])
        check(Concatenate(1), x, x[:, :2], x)
        check(Pad(((1, 0), (0, 2), (3, 1)), 2.5), x)


@pytest.mark.parametrize("dtype", ["float16", "int8", "int64", "bool"])
def test_any_dtype_is_moved(dtype):
    x = draw(5, 40, dtype=dtype)
    check(Reshape((200,)), x.T)
    check(Concatenate(0), x, x)
    check(Place((9, 40), (8, 0), (-2, 1)), x[:4])
    check(Pad(((0, 1), (0, 0)), 1.0), x)


def test_slices_and_their_reverse():
    for start, size, step in [(0, 4, 2), (7, 8, -1), (1, 3, 3), (5, 1, 1), (2, 0, 1)]:
        check(Slice((0, start), (3, size), (1, step)), draw(3, 8))
        check(Place((3, 8), (0, start), (1, step)), draw(3, size))
    assert run_op(Slice((0,), (5,), (1,)), draw(5)) is not None
    assert VIEWS[Slice](Slice((0,), (6,), (1,)), (6,), new_value((5,), np.dtype("f4"))) is None


# --- picks --------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_rows_picked_and_put_back(dtype):
    x, i = draw(7, 5, 3), RNG.integers(0, 3, (4, 2)).astype(dtype)
    for axes in [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2)]:
        indices = [i, i[:1]][: len(axes)]
        check(Pick(axes), x, *indices)
        check(Pick(axes), np.ascontiguousarray(x.T).T, *indices)
        check(Pick(axes), x[:, ::-1], *indices)
        rows = Pick(axes).value(np, x, *indices)
        check(AddAt(x.shape, axes), rows, *indices)
    check(PickAlong(1), x[..., 0], i[:, [0, 1] * 3][[0, 1, 2, 3, 0, 1, 2]])


def test_an_index_out_of_range_gives_nan():
    found = run_op(Pick((0,)), draw(3, 2), np.array([-4, -3, 2, 3]))
    assert np.isnan(found).all(1).tolist() == [True, False, False, True]
    assert not run_op(AddAt((3, 2), (0,)), draw(2, 2), np.array([-4, 3])).any()
    assert np.isnan(run_op(PickAlong(0), draw(3), np.array([3, -4]))).all()
    assert run_op(Pick((0,)), draw(3, dtype="int64"), np.array([5])) is None


@pytest.mark.parametrize("index", [[0, 4], [-5, 1], [5, 0], [0, -6]])
def test_kernels_tell_of_an_index_that_is_out_of_range(index):
    outside = not all(-5 <= i < 5 for i in index)
    numbers, x = np.array(index), draw(5, 1)
    for kernel, words in {
        "pick": (1, 2, 1, 20, "flag", 1, numbers, 5, 4),
        "add_at": (1, 2, 1, 20, "flag", 1, numbers, 5, 4),
        "pick_along": (numbers, 1, 2, 1, 5, "flag"),
        "add_along": (numbers, 1, 2, 1, 5, "flag"),
    }.items():
        flag, made = np.zeros(1, np.int64), np.zeros((5, 1), "float32")
        given = [flag if isinstance(word, str) else word for word in words]
        call(f"indexing.{kernel}:f4:i8", made, x, *given)
        assert flag[0] == outside
    flag, made = np.zeros(1, np.int64), np.zeros(2, np.int64)
    call("indexing.check:i8", made, numbers, 2, 5, flag)
    assert made.tolist() == index
    assert flag[0] == any(i < 0 or i >= 5 for i in index)


def test_nothing_picked():
    check(Pick((0,)), draw(3, 2), np.zeros((0,), int))
    check(AddAt((3, 2), (0,)), np.zeros((0, 2), "float32"), np.zeros((0,), int))


# --- kernels without an op ----------------------------------------------------------------------
def call(kernel, *words):
    kept = [w for w in words if isinstance(w, np.ndarray)]
    block = np.array([w.ctypes.data if isinstance(w, np.ndarray) else w for w in words], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_int64)(address_of(kernel))(block.ctypes.data)
    return kept[0]


@pytest.mark.parametrize(("source", "target"), [("f4", "f4"), ("f8", "f4"), ("u1", "f4")])
def test_rows_of_a_batch_are_gathered(source, target):
    for entries in (1, 2, 15, 100):
        data, rows = draw(50, entries, dtype=source), RNG.permutation(50)[:25]
        cell, out = np.array([rows.ctypes.data]), np.full((21, entries), -1, target)
        call(f"executor.gather:{source}:{target}", out, data, cell, 5, 20, entries, 0, 0)
        np.testing.assert_array_equal(out[:20], data[rows[5:]])
        assert (out[20] == -1).all()


def test_sums_and_zeros():
    x, y = draw(101), draw(101)
    before = x.copy()
    np.testing.assert_array_equal(
        call("movement.accumulate:f4", x, y, 100)[:100], (before + y)[:100]
    )
    assert x[100] == before[100]
    assert call("movement.zero", x, 400)[:100].any() == False  # noqa: E712
    assert x[100] == before[100]


# --- slices of a batch --------------------------------------------------------------------------
def sliced(op, out, shapes, axes):
    return SLICES[type(op)](op, out, shapes, axes)


def test_slices_of_views():
    assert sliced(Reshape((8, 6)), (8, 6), ((8, 2, 3),), (0,)) == 0
    assert sliced(Reshape((2, 8, 3)), (2, 8, 3), ((2, 8, 3, 1),), (1,)) == 1
    assert sliced(Reshape((16, 3)), (16, 3), ((8, 2, 3),), (0,)) is None
    assert sliced(Transpose((1, 0)), (3, 8), ((8, 3),), (0,)) == 1
    assert sliced(BroadcastTo((5, 8, 3)), (5, 8, 3), ((8, 1),), (0,)) == 1
    assert sliced(Slice((0, 1), (8, 2), (1, 1)), (8, 2), ((8, 3),), (0,)) == 0
    assert sliced(Slice((1, 0), (7, 3), (1, 1)), (7, 3), ((8, 3),), (0,)) is None
    assert sliced(Place((8, 5), (0, 1), (1, 1)), (8, 5), ((8, 3),), (0,)) == 0
    assert sliced(Pad(((0, 0), (1, 1))), (8, 5), ((8, 3),), (0,)) == 0
    assert sliced(Pad(((1, 0), (1, 1))), (9, 5), ((8, 3),), (0,)) is None
    assert sliced(Concatenate(1), (8, 6), ((8, 3),) * 2, (0, 0)) == 0
    assert sliced(Concatenate(1), (8, 6), ((8, 3),) * 2, (0, None)) is None
    assert sliced(Concatenate(0), (16, 3), ((8, 3),) * 2, (0, 0)) is None


def test_slices_of_picks():
    assert sliced(Pick((0,)), (8, 5, 3), ((9, 3), (8, 5)), (None, 0)) == 0
    assert sliced(Pick((1,)), (9, 8, 5), ((9, 3, 5), (8,)), (None, 0)) == 1
    assert sliced(Pick((1,)), (8, 4, 2, 5), ((8, 3, 5), (4, 2)), (0, None)) == 0
    assert sliced(Pick((0,)), (4, 2, 8), ((3, 8), (4, 2)), (1, None)) == 2
    assert sliced(Pick((0,)), (4, 3), ((8, 3), (4,)), (0, None)) is None
    assert sliced(AddAt((9, 3), (0,)), (9, 3), ((8, 5, 3), (8, 5)), (0, 0)) == SUM
    assert sliced(AddAt((8, 3), (1,)), (8, 3), ((8, 2), (2,)), (0, None)) == 0
    assert sliced(PickAlong(1), (8, 2), ((8, 3), (8, 2)), (0, 0)) == 0
    assert sliced(PickAlong(0), (2, 3), ((8, 3), (2, 3)), (0, None)) is None


@pytest.mark.parametrize("seed", range(20))
def test_slices_are_slices_of_the_value(seed):
    """What a rule says of an axis is true: of a slice of the batch the value is that slice."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(4, 3, 5)).astype("float32")
    axis = int(rng.integers(3))
    part = np.take(x, [1, 2], axis)
    order = tuple(int(a) for a in rng.permutation(3))
    index = rng.integers(0, 3, (2, 2))
    for op in (
        Transpose(order),
        Pick((int(rng.integers(3)),)),
        Slice((0, 0, 0), x.shape, (1,) * 3),
    ):
        more = (index,) if isinstance(op, Pick) else ()
        whole = op.value(np, x, *more)
        shapes = (x.shape, *(m.shape for m in more))
        place = sliced(op, whole.shape, shapes, (axis, *(None for _ in more)))
        if isinstance(op, Slice):
            op = Slice((0, 0, 0), part.shape, (1,) * 3)
        if place is None:
            assert isinstance(op, Pick)
            assert op.axes == (axis,)
        else:
            expected = np.take(whole, [1, 2], place)
            np.testing.assert_array_equal(op.value(np, part, *more), expected)
