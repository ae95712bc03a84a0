"""Where batches come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glassnet.models.data import (
    Batch,
    check_numbers,
    source_of,
    split_validation,
    weights_of_classes,
)

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10)


def test_array_batches_in_order() -> None:
    batches = list(source_of(X, Y, batch_size=4).batches(0))
    assert [len(b.x) for b in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([b.y for b in batches]), Y)


def test_shuffling_is_a_function_of_seed_and_pass() -> None:
    def order(seed: int, key: int) -> list[int]:
        source = source_of(X, Y, batch_size=3, shuffle=True, seed=seed)
        return [int(i) for b in source.batches(key) for i in b.y]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    assert sorted(order(1, 0)) == list(range(10))
    source = source_of(X, Y, batch_size=3, shuffle=True, seed=1)
    rest = [int(i) for b in source.batches(0, skip=2) for i in b.y]
    assert rest == order(1, 0)[6:]


def test_rows_stay_together() -> None:
    source = source_of({"a": X, "b": X[:, :1]}, Y, batch_size=4, shuffle=True)
    for batch in source.batches(0):
        np.testing.assert_array_equal(batch.x["a"][:, 0], 2.0 * batch.y)
        np.testing.assert_array_equal(batch.x["b"][:, 0], 2.0 * batch.y)


def test_memory_mapped_arrays_stay_on_disk(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    source = source_of(mapped, Y, batch_size=4, shuffle=True)
    assert isinstance(source.data.x, np.memmap)  # type: ignore[union-attr]
    assert sum(len(b.x) for b in source.batches(0)) == 10


def test_iterables_and_generators() -> None:
    class Loader:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
            return X[i : i + 1], Y[i : i + 1]

    source = source_of(Loader())
    assert source.steps == 3
    assert source.restarts
    assert [int(b.y[0]) for b in source.batches(0)] == [0, 1, 2]
    generator = source_of((X[i : i + 2], Y[i : i + 2]) for i in range(0, 10, 2))
    assert not generator.restarts
    assert generator.steps is None
    assert len(list(generator.batches(0))) == 5


def test_class_weights() -> None:
    np.testing.assert_array_equal(
        weights_of_classes(np.array([0, 1, 1]), {0: 1.0, 1: 3.0}), [1, 3, 3]
    )
    one_hot = np.eye(3)[[2, 0]]
    np.testing.assert_array_equal(weights_of_classes(one_hot, {0: 1.0, 1: 2.0, 2: 5.0}), [5, 1])
    with pytest.raises(ValueError, match=r"no weight for the classes \[1\]"):
        weights_of_classes(np.array([0, 1]), {0: 1.0})


def test_validation_split_takes_the_last() -> None:
    kept, held = split_validation(Batch(X, Y), 0.3)
    np.testing.assert_array_equal(held.y, [7, 8, 9])
    assert len(kept.x) == 7
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_validation(Batch(X, Y), 1.5)
    with pytest.raises(ValueError, match="leaves one of the two parts empty"):
        split_validation(Batch(X[:1], Y[:1]), 0.5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X, Y[:9]), "numbers of examples differ: x 10, y 9"),
        ((X[:0], Y[:0]), "data are empty"),
        ((np.float64(3.0), None), "single number"),
        ((np.array(["a", "b"]), None), "Turn texts"),
        (([[1.0, 2.0], [3.0]], None), "regular arrangement"),
        ((None, Y), "x is None"),
    ],
)
def test_data_that_do_not_fit_are_told(data: tuple[object, object], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        source_of(*data)


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_batch_size_is_checked(size: object) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        source_of(X, Y, batch_size=size)  # type: ignore[arg-type]


def test_gaps_in_the_data_are_told() -> None:
    x = X.copy()
    x[3, 1] = np.nan
    x[7] = np.inf
    with pytest.raises(ValueError, match=r"x holds nan at \[3, 1\] \(example 3; 2 of 10"):
        check_numbers(Batch(x, Y))
    check_numbers(Batch(np.full((3, 3), 1e200), Y))  # the squares overflow, the numbers do not
