"""Moons: two half circles in the plane that reach into each other. Generated."""

from __future__ import annotations

import numpy as np

from glassnet.datasets.generated import check_count, two_curves
from glassnet.datasets.splitting import SEED, Split


def load_data(n: int = 400, noise: float = 0.1, test_split: float = 0.2, seed: int = SEED) -> Split:
    """Return two moons as ``((x_train, y_train), (x_test, y_test))``: two classes.

    Class 0 lies on ``(cos t, sin t)``, class 1 on ``(1 − cos t, 1/2 − sin t)``, with ``t`` evenly
    from 0 to π. The curves are those of scikit-learn's ``make_moons``.

    Args:
        n: how many points there are, at least 2; where odd, class 1 has one more.
        noise: the standard deviation of the normal noise on each coordinate.
        test_split: the fraction to hold out, in [0, 1), the same of each class.
        seed: same seed, same noise and same split.

    Returns:
        Points, float32 ``(m, 2)``, and labels 0 and 1, int64 ``(m,)``.

    Example:
        >>> from glassnet.datasets import moons
        >>> (x_train, y_train), (x_test, y_test) = moons.load_data(n=100)
        >>> x_train.shape, x_test.shape
        ((80, 2), (20, 2))
    """
    n = check_count(n, 2, "moons")
    upper, lower = np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)
    first = np.column_stack([np.cos(upper), np.sin(upper)])
    second = np.column_stack([1 - np.cos(lower), 0.5 - np.sin(lower)])
    return two_curves(first, second, noise, test_split, seed, "moons")
