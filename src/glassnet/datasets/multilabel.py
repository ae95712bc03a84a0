"""Three overlapping discs in the plane: each point may lie in none, one, two or all. Generated.

A multi-label problem whose right answer can be drawn: the three circles of a Venn diagram.
"""

from __future__ import annotations

import numpy as np

from glassnet.datasets.generated import add_noise, check_count
from glassnet.datasets.splitting import POINTS, SEED, Split, generator, split

LABELS = ("top", "left", "right")
"""The names of the discs, by column of ``y``."""

CENTRES = ((0.0, 0.5), (-0.4330127018922193, -0.25), (0.4330127018922193, -0.25))
"""The middles of the discs: corners of an equilateral triangle, 0.5 from the origin."""

RADIUS = 0.75
"""The radius of each disc."""


def load_data(n: int = 600, noise: float = 0.0, test_split: float = 0.2, seed: int = SEED) -> Split:
    """Return points and their discs as ``((x_train, y_train), (x_test, y_test))``: multi-label.

    Points lie evenly at random in the square from −1.25 to 1.25; ``y[i, k] = 1`` where
    ``‖x_i − CENTRES[k]‖ < RADIUS``. A network answers with three sigmoids and a binary
    cross-entropy, not with softmax: the labels don't exclude each other.

    Args:
        n: how many points there are, at least 2.
        noise: the standard deviation of the normal noise by which points are moved after they
            were labelled, so that no network can be right about all of them.
        test_split: the fraction to hold out, in [0, 1).
        seed: same seed, same points and same split.

    Returns:
        Points, float32 ``(m, 2)``, and labels 0 and 1, int64 ``(m, 3)``, columns as in
        ``LABELS``.

    Example:
        >>> from glassnet.datasets import multilabel
        >>> (x_train, y_train), (x_test, y_test) = multilabel.load_data()
        >>> x_train.shape, y_train.shape, y_test.shape
        ((480, 2), (480, 3), (120, 3))
        >>> sorted(set(y_train.sum(axis=1).tolist()))  # how many discs a point lies in
        [0, 1, 2, 3]
    """
    n = check_count(n, 2, "multilabel")
    points = generator(seed, POINTS).uniform(-1.25, 1.25, (n, 2)).astype(np.float32)
    distances = np.linalg.norm(points[:, None, :] - np.array(CENTRES), axis=-1)  # (n, 3)
    labels = (distances < RADIUS).astype(np.int64)
    return split(add_noise(points, noise, seed, "multilabel"), labels, test_split, seed)
