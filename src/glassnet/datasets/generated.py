"""What the generated datasets share: checks of their arguments, noise, one way to finish."""

from __future__ import annotations

import numpy as np

from glassnet.datasets.splitting import NOISE, Split, generator, split


def check_count(n: int, least: int, name: str) -> int:
    """Return ``n`` as an integer; raise where it is none, or below ``least``."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < least:
        raise ValueError(f"{name}: n is the number of points, at least {least}; got {n!r}.")
    return int(n)


def add_noise(x: np.ndarray, noise: float, seed: int, name: str) -> np.ndarray:
    """Return the points, float32, each coordinate moved by normal noise of this deviation."""
    number = isinstance(noise, (int, float, np.number)) and not isinstance(noise, bool)
    if not number or not 0 <= noise < np.inf:
        raise ValueError(
            f"{name}: noise is a standard deviation, a number of at least 0; got {noise!r}."
        )
    return (x + noise * generator(seed, NOISE).standard_normal(x.shape)).astype(np.float32)


def two_curves(
    first: np.ndarray,
    second: np.ndarray,
    noise: float,
    test_split: float,
    seed: int,
    name: str,
) -> Split:
    """Return the points of two curves, classes 0 and 1, with noise, shuffled and split."""
    x = add_noise(np.concatenate([first, second]), noise, seed, name)
    y = np.repeat(np.array([0, 1], np.int64), [len(first), len(second)])
    return split(x, y, test_split, seed, by_class=True)
