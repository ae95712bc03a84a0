"""glassnet.utils against keras.utils, over random arguments."""

import keras
import numpy as np
import pytest

from glassnet import utils


@pytest.mark.parametrize("seed", range(20))
def test_to_categorical(seed):
    random = np.random.RandomState(seed)
    shape = tuple(random.randint(1, 5, random.randint(0, 4)))
    x = random.randint(0, 6, shape).astype(random.choice(["uint8", "int32", "int64"]))
    num_classes = None if seed % 2 else 6 + int(random.randint(3))
    ours, theirs = (u.to_categorical(x, num_classes) for u in (utils, keras.utils))
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    assert np.array_equal(ours, theirs)


# Keras broadcasts the norms of axis=0 along the last axis; only the other axes can be compared.
@pytest.mark.parametrize("axis", [-1, 1, 2, -2])
@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_normalize(axis, order, dtype):
    x = (10 * np.random.RandomState(0).standard_normal((3, 4, 2))).astype(dtype)
    x[1] = 0
    ours, theirs = (u.normalize(x, axis, order) for u in (utils, keras.utils))
    assert ours.dtype == theirs.dtype
    assert np.allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_pad_sequences(seed):
    random = np.random.RandomState(seed)
    entry = (random.randint(1, 4),) if seed % 3 == 0 else ()
    lengths = random.randint(0, 7, 5)
    sequences = [random.randint(0, 100, (n, *entry)).tolist() for n in [*lengths, 2]]
    arguments = {
        "maxlen": None if random.rand() < 0.3 else int(random.randint(1, 8)),
        "dtype": str(random.choice(["int32", "float32"])),
        "padding": str(random.choice(["pre", "post"])),
        "truncating": str(random.choice(["pre", "post"])),
        "value": int(random.randint(-3, 3)),
    }
    ours, theirs = (u.pad_sequences(sequences, **arguments) for u in (utils, keras.utils))
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("seed", range(30))
def test_split_dataset_sizes(seed):
    # keras.utils.split_dataset needs TensorFlow or PyTorch; its sizes are computed here.
    from keras.src.utils.dataset_utils import _rescale_dataset_split_sizes as sizes

    random = np.random.RandomState(seed)
    n = int(random.randint(10, 60))
    left, right = (
        None if u < 0.3 else int(random.randint(1, 5)) if u < 0.6 else float(v)
        for u, v in zip(random.rand(2), random.uniform(0.1, 0.45, 2), strict=True)
    )
    if left is None and right is None:
        left = 0.5
    first, last = utils.split_dataset(np.arange(n), left, right)
    count_first, count_last = sizes(left, right, n)
    assert first.tolist() == list(range(count_first))
    assert last.tolist() == list(range(n - count_last, n))
