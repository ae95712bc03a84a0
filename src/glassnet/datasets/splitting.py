"""How a dataset is divided into a training and a test part: shuffled, by a seed, by class."""

from __future__ import annotations

import numpy as np

Part = tuple[np.ndarray, np.ndarray]
Split = tuple[Part, Part]
"""What every ``load_data`` returns: ``((x_train, y_train), (x_test, y_test))``."""

SEED = 113
"""The seed of every dataset that was given none; it is the one of Keras's tables."""

# The streams of one seed, so that which points are held out does not depend on how they lie.
SHUFFLE, POINTS, NOISE = range(3)


def generator(seed: int, stream: int) -> np.random.RandomState:
    """Return a source of randomness of a dataset.

    NumPy has frozen the numbers of ``RandomState`` for good (NEP 19); those of its newer
    generators may change with a release, and a data set must not.

    Raises:
        ValueError: where the seed is no integer of 0 to 2**32 - 1.
    """
    whole = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
    if not whole or not 0 <= seed < 2**32:
        raise ValueError(f"seed: expected an integer of 0 to 2**32 - 1; got {seed!r}.")
    return np.random.RandomState([int(seed), stream])


def held_out_count(n: int, test_split: float) -> int:
    """Return how many of ``n`` examples are held out: ``n * test_split``, rounded.

    Raises:
        ValueError: where ``test_split`` is no number of 0 up to, but not including, 1, or where
            nothing would be left to train on.
    """
    number = isinstance(test_split, (int, float, np.number)) and not isinstance(test_split, bool)
    if not number or not 0 <= test_split < 1:
        raise ValueError(
            f"test_split: expected the fraction to hold out, 0 <= test_split < 1; got "
            f"{test_split!r}. For a fifth write test_split=0.2."
        )
    held_out = round(n * float(test_split))
    if held_out == n:
        raise ValueError(
            f"test_split={test_split!r} holds out all {n} examples; choose a smaller fraction."
        )
    return held_out


def split(
    x: np.ndarray, y: np.ndarray, test_split: float, seed: int, *, by_class: bool = False
) -> Split:
    """Return ``x`` and ``y`` shuffled and divided: ``((x_train, y_train), (x_test, y_test))``.

    Args:
        x: examples, one a row.
        y: what belongs to each row.
        test_split: the fraction to hold out, in [0, 1).
        seed: same seed, same split, on every machine.
        by_class: hold out the same share of every class of ``y`` (a stratified split); counts
            are rounded so that they add up (largest remainder).
    """
    n_test = held_out_count(len(x), test_split)
    random = generator(seed, SHUFFLE)
    order = random.permutation(len(x))
    held_out = np.zeros(len(x), bool)
    if by_class:
        classes, counts = np.unique(y, return_counts=True)
        for label, quota in zip(classes, _quotas(counts, n_test), strict=True):
            held_out[np.flatnonzero(y[order] == label)[:quota]] = True
    else:
        held_out[:n_test] = True
    # Shuffled once more: the first of each class went to one part, so the order tells the class.
    train, test = random.permutation(order[~held_out]), random.permutation(order[held_out])
    return (x[train], y[train]), (x[test], y[test])


def _quotas(counts: np.ndarray, total: int) -> np.ndarray:
    """Return ``total`` divided in proportion to ``counts``, in whole numbers that add up."""
    exact = counts * (total / counts.sum())
    quotas = np.floor(exact).astype(int)
    largest_remainders = np.argsort(quotas - exact, kind="stable")
    quotas[largest_remainders[: total - quotas.sum()]] += 1
    return quotas
