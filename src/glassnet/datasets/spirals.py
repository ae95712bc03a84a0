"""Two spirals, wound into each other: a hard problem in two inputs. Generated.

Source: K. J. Lang, M. J. Witbrock, "Learning to Tell Two Spirals Apart", Proceedings of the 1988
Connectionist Models Summer School (1988).
"""

from __future__ import annotations

import numpy as np

from glassnet.datasets.generated import check_count, two_curves
from glassnet.datasets.splitting import SEED, Split


def load_data(
    n: int = 194,
    noise: float = 0.0,
    turns: float = 3.0,
    test_split: float = 0.2,
    seed: int = SEED,
) -> Split:
    """Return two spirals as ``((x_train, y_train), (x_test, y_test))``: two classes.

    Class 0 lies on ``r · (sin φ, cos φ)`` with ``r = 6.5 − 6 t`` and ``φ = 2π · turns · t``, where
    ``t`` goes evenly from 0 to 1; class 1 is its mirror image ``−r · (sin φ, cos φ)``. By default
    these are the 194 points of Lang and Witbrock's benchmark. Fewer turns are easier.

    Args:
        n: how many points there are, at least 4; where odd, class 1 has one more.
        noise: the standard deviation of the normal noise on each coordinate.
        turns: how often each spiral goes round.
        test_split: the fraction to hold out, in [0, 1), the same of each class.
        seed: same seed, same noise and same split.

    Returns:
        Points, float32 ``(m, 2)``, within 6.5 of the origin where there is no noise, and labels
        0 and 1, int64 ``(m,)``.

    Example:
        >>> from glassnet.datasets import spirals
        >>> (x_train, y_train), (x_test, y_test) = spirals.load_data()
        >>> x_train.shape, x_test.shape
        ((155, 2), (39, 2))
    """
    n = check_count(n, 4, "spirals")
    if not 0 < turns < np.inf:
        raise ValueError(f"spirals: turns is a number above 0; got {turns!r}.")
    first, second = _arm(n // 2, turns), -_arm(n - n // 2, turns)
    return two_curves(first, second, noise, test_split, seed, "spirals")


def _arm(n: int, turns: float) -> np.ndarray:
    t = np.linspace(0, 1, n)
    r, phi = 6.5 - 6 * t, 2 * np.pi * turns * t
    return np.column_stack([r * np.sin(phi), r * np.cos(phi)])
