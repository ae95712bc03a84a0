"""glassnet.utils: values by hand and by loops, and every refusal."""

import math
from collections import namedtuple

import numpy as np
import pytest

from glassnet import config, utils


# --- to_categorical ---------------------------------------------------------------------------
def test_to_categorical_by_hand():
    y = utils.to_categorical([2, 0], num_classes=4)
    assert y.dtype == np.float64
    assert y.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize("shape", [(), (1,), (5,), (5, 1), (2, 3), (2, 3, 1), (0,), (1, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_to_categorical_by_a_loop(shape, dtype):
    x = (np.arange(math.prod(shape)) % 3).reshape(shape).astype(dtype)
    y = utils.to_categorical(x, 3)
    kept = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
    assert y.shape == (*kept, 3)
    for row, label in zip(y.reshape(-1, 3), x.ravel(), strict=True):
        assert row.tolist() == [float(k == label) for k in range(3)]


def test_to_categorical_counts_classes_and_takes_truth_values():
    assert utils.to_categorical([0, 4]).shape == (2, 5)
    assert utils.to_categorical([True, False]).tolist() == [[0, 1], [1, 0]]


def test_to_categorical_leaves_its_argument_alone():
    x = np.array([[1], [0]], np.uint8)
    utils.to_categorical(x)
    assert x.tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("x", "num_classes", "message"),
    [
        ([0, 10], 10, r"label 10 does not fit num_classes=10: labels count from 0 to 9"),
        ([-1, 1], None, r"count from 0; got -1.*\(x \+ 1\) // 2"),
        ([0, 0.5], None, r"whole numbers; got 0\.5"),
        ([0, math.nan], 3, "whole numbers; got nan"),
        ([0, math.inf], 3, "whole numbers; got inf"),
        (["cat", "dog"], None, r"got <U3.*np\.unique"),
        ([], None, "can't be counted; write num_classes"),
        ([0], 0, "at least 1; got 0"),
        ([0], 2.0, r"at least 1; got 2\.0"),
        ([0], True, "at least 1; got True"),
        (np.array([200], np.uint8), 10, "label 200 does not fit"),
    ],
)
def test_to_categorical_refuses(x, num_classes, message):
    with pytest.raises(ValueError, match=f"to_categorical: .*{message}"):
        utils.to_categorical(x, num_classes)


# --- normalize --------------------------------------------------------------------------------
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("order", [1, 2, 3, math.inf])
def test_normalize_divides_by_the_norm_along_the_axis(axis, order):
    x = np.random.RandomState(0).standard_normal((2, 3, 4))
    y = utils.normalize(x, axis, order)
    for vector, found in zip(
        np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis]),
        np.moveaxis(y, axis, -1).reshape(-1, x.shape[axis]),
        strict=True,
    ):
        sizes = [abs(v) for v in vector.tolist()]
        norm = max(sizes) if order == math.inf else sum(s**order for s in sizes) ** (1 / order)
        assert np.allclose(found * norm, vector, rtol=1e-12)


def test_normalize_keeps_zeros_and_float_types():
    y = utils.normalize(np.array([[0, 0], [3, 4]], np.float32))
    assert y.dtype == np.float32
    assert np.allclose(y, [[0, 0], [0.6, 0.8]])
    assert utils.normalize([[3, 4]]).dtype == np.float64


@pytest.mark.parametrize(("x", "axis"), [([1.0], 1), (3.0, -1), ([[1.0]], None), ([1.0], 0.0)])
def test_normalize_refuses_axes_that_are_not_there(x, axis):
    with pytest.raises(ValueError, match="normalize: there is no axis"):
        utils.normalize(x, axis)


def test_normalize_refuses_texts():
    with pytest.raises(TypeError, match="normalize: expected numbers; got <U1"):
        utils.normalize(["a"])


# --- set_random_seed --------------------------------------------------------------------------
def test_the_seed_is_the_librarys():
    assert utils.set_random_seed is config.set_random_seed


# --- split_dataset ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (0.8, None, ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9])),
        (None, 0.3, ([0, 1, 2, 3, 4, 5, 6], [7, 8, 9])),
        (3, None, ([0, 1, 2], [3, 4, 5, 6, 7, 8, 9])),
        (None, 1, ([0, 1, 2, 3, 4, 5, 6, 7, 8], [9])),
        (2, 3, ([0, 1], [7, 8, 9])),
        (0.5, 2, ([0, 1, 2, 3, 4], [8, 9])),
        (np.int64(9), None, ([0, 1, 2, 3, 4, 5, 6, 7, 8], [9])),
        (0.26, None, ([0, 1, 2], [3, 4, 5, 6, 7, 8, 9])),
    ],
)
def test_split_dataset_sizes(left, right, expected):
    first, last = utils.split_dataset(np.arange(10), left, right)
    assert (first.tolist(), last.tolist()) == expected


def test_split_dataset_keeps_the_structure():
    pair = namedtuple("pair", "x y")
    a, b = np.arange(8).reshape(4, 2), np.arange(4)
    left, right = utils.split_dataset({"in": (a, [b, a]), "out": pair(b, a)}, left_size=3)
    assert isinstance(left["in"], tuple)
    assert isinstance(left["in"][1], list)
    assert isinstance(right["out"], pair)
    assert left["in"][0].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert right["out"].x.tolist() == [3]
    assert right["in"][1][1].tolist() == [[6, 7]]


def test_split_dataset_shuffles_all_arrays_alike():
    x = np.arange(100)
    (x1, y1), (x2, y2) = utils.split_dataset((x, x * 10), right_size=0.2, shuffle=True, seed=5)
    assert np.array_equal(y1, x1 * 10)
    assert np.array_equal(y2, x2 * 10)
    assert sorted([*x1.tolist(), *x2.tolist()]) == list(range(100))
    assert x1.tolist() != sorted(x1.tolist())
    again = utils.split_dataset(x, right_size=0.2, shuffle=True, seed=5)
    other = utils.split_dataset(x, right_size=0.2, shuffle=True, seed=6)
    assert np.array_equal(again[0], x1)
    assert not np.array_equal(other[0], x1)


def test_split_dataset_shuffles_by_the_global_seed():
    def shuffled():
        return utils.split_dataset(np.arange(50), 0.5, shuffle=True)[0].tolist()

    utils.set_random_seed(3)
    first, second = shuffled(), shuffled()
    utils.set_random_seed(3)
    assert shuffled() == first
    assert first != second


def test_split_dataset_copies_nothing_unless_it_shuffles(tmp_path):
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (10, 2))
    left, right = utils.split_dataset(x, left_size=4)
    assert np.shares_memory(left, x)
    assert np.shares_memory(right, x)
    assert not np.shares_memory(utils.split_dataset(x, 4, shuffle=True)[0], x)


@pytest.mark.parametrize(
    ("left", "right", "error", "message"),
    [
        (None, None, ValueError, "say how much goes where"),
        (0.7, 0.5, ValueError, "more than the whole"),
        (6, 5, ValueError, r"ask for 6 \+ 5 examples; there are 10"),
        (0.8, 4, ValueError, r"ask for 8 \+ 4"),
        (1.0, None, ValueError, r"left_size=1\.0 is no fraction"),
        (None, -0.5, ValueError, "right_size=-0.5 is no fraction"),
        (10, None, ValueError, "left_size=10 does not fit; of 10 examples, 1 to 9"),
        (0, None, ValueError, "left_size=0 does not fit"),
        (0.01, None, ValueError, "0 would go left and 10 right"),
        ("half", None, TypeError, "left_size is an integer, a float or None; got str"),
        (True, None, TypeError, "got bool"),
    ],
)
def test_split_dataset_refuses_sizes(left, right, error, message):
    with pytest.raises(error, match=f"split_dataset: .*{message}"):
        utils.split_dataset(np.arange(10), left, right)


def test_split_dataset_refuses_datasets():
    x = np.zeros((4, 2))
    with pytest.raises(ValueError, match=r"same number of examples; got \(4, 2\), \(3,\)"):
        utils.split_dataset((x, np.zeros(3)), 0.5)
    with pytest.raises(ValueError, match="there is no array"):
        utils.split_dataset([], 0.5)
    with pytest.raises(TypeError, match=r"got int\. Write np\.array"):
        utils.split_dataset([1, 2, 3], 0.5)
    with pytest.raises(TypeError, match="got str"):
        utils.split_dataset({"x": "abc"}, 0.5)
    with pytest.raises(TypeError, match="got ndarray"):
        utils.split_dataset(np.array(3), 0.5)


# --- pad_sequences ----------------------------------------------------------------------------
def test_pad_sequences_by_hand():
    ragged = [[1, 2, 3, 4], [5], []]
    expected = {
        ("pre", "pre"): [[2, 3, 4], [0, 0, 5], [0, 0, 0]],
        ("pre", "post"): [[1, 2, 3], [0, 0, 5], [0, 0, 0]],
        ("post", "pre"): [[2, 3, 4], [5, 0, 0], [0, 0, 0]],
        ("post", "post"): [[1, 2, 3], [5, 0, 0], [0, 0, 0]],
    }
    for (padding, truncating), rows in expected.items():
        padded = utils.pad_sequences(ragged, 3, padding=padding, truncating=truncating)
        assert padded.dtype == np.int32
        assert padded.tolist() == rows


def test_pad_sequences_of_vectors_floats_and_texts():
    vectors = utils.pad_sequences([[[1, 2]], [[3, 4], [5, 6]]], value=-1)
    assert vectors.tolist() == [[[-1, -1], [1, 2]], [[3, 4], [5, 6]]]
    floats = utils.pad_sequences([[0.5], [1.5, 2.5]], dtype="float32", value=math.nan)
    assert floats.dtype == np.float32
    assert math.isnan(floats[0, 0])
    texts = utils.pad_sequences([["a"], ["bc", "def"]], dtype=object, value="")
    assert texts.tolist() == [["", "a"], ["bc", "def"]]
    assert utils.pad_sequences([[], []], maxlen=2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequences": 3}, "list of sequences; got int"),
        ({"sequences": "abc"}, "list of sequences; got str"),
        ({"sequences": [[1], 2]}, "entry 1 is 2"),
        ({"sequences": [[1]], "padding": "left"}, "padding is 'pre' or 'post'; got 'left'"),
        ({"sequences": [[1]], "truncating": "end"}, "truncating is 'pre' or 'post'"),
        ({"sequences": [[1]], "maxlen": 0}, "maxlen is at least 1; got 0"),
        ({"sequences": [[[1]], [[2, 3]]]}, r"one shape; got \(1,\) and \(2,\)"),
        ({"sequences": [[0.5]]}, r"0\.5 does not fit int32"),
        ({"sequences": [[2**31]]}, "2147483648 does not fit int32"),
        ({"sequences": [[1]], "value": 0.5}, r"0\.5 does not fit int32"),
        ({"sequences": [[300]], "dtype": "uint8"}, "300 does not fit uint8"),
        ({"sequences": [["a"]]}, "'a' is a text.*dtype=object"),
        ({"sequences": [[1]], "value": "x"}, "'x' is a text"),
    ],
)
def test_pad_sequences_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"pad_sequences: .*{message}"):
        utils.pad_sequences(**arguments)
