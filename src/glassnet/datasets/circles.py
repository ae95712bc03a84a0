"""Circles: a small circle inside a large one. Generated."""

from __future__ import annotations

import numpy as np

from glassnet.datasets.generated import check_count, two_curves
from glassnet.datasets.splitting import SEED, Split


def load_data(
    n: int = 400,
    noise: float = 0.05,
    factor: float = 0.5,
    test_split: float = 0.2,
    seed: int = SEED,
) -> Split:
    """Return two circles as ``((x_train, y_train), (x_test, y_test))``: two classes.

    Class 0 lies on ``(cos t, sin t)``, class 1 on ``factor · (cos t, sin t)``, with ``t`` evenly
    from 0 up to 2π. The curves are those of scikit-learn's ``make_circles``.

    Args:
        n: how many points there are, at least 2; where odd, class 1 has one more.
        noise: the standard deviation of the normal noise on each coordinate.
        factor: the radius of the inner circle, 0 < factor < 1.
        test_split: the fraction to hold out, in [0, 1), the same of each class.
        seed: same seed, same noise and same split.

    Returns:
        Points, float32 ``(m, 2)``, and labels 0 and 1, int64 ``(m,)``.

    Example:
        >>> from glassnet.datasets import circles
        >>> (x_train, y_train), (x_test, y_test) = circles.load_data(n=100, noise=0)
        >>> x_train.shape, x_test.shape
        ((80, 2), (20, 2))
        >>> float((x_train[y_train == 1] ** 2).sum(axis=1).max())  # the radius, squared
        0.25
    """
    n = check_count(n, 2, "circles")
    if not 0 < factor < 1:
        raise ValueError(f"circles: factor is the inner radius, 0 < factor < 1; got {factor!r}.")
    outer, inner = (np.arange(k) * (2 * np.pi / k) for k in (n // 2, n - n // 2))
    first = np.column_stack([np.cos(outer), np.sin(outer)])
    second = factor * np.column_stack([np.cos(inner), np.sin(inner)])
    return two_curves(first, second, noise, test_split, seed, "circles")
