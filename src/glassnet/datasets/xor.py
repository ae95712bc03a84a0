"""XOR: the four corners of a square, of which no straight line parts the classes.

Source: M. Minsky, S. Papert, "Perceptrons" (1969), on what one neuron can't do; learned by a
hidden layer in D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning Internal Representations
by Error Propagation" (1986).
"""

from __future__ import annotations

import numpy as np

from glassnet.datasets.generated import add_noise, check_count
from glassnet.datasets.splitting import SEED, Split

CLASSES = ("equal", "different")
"""The names of the classes, by label."""


def load_data(n: int = 4, noise: float = 0.0, seed: int = SEED) -> Split:
    """Return XOR as ``((x_train, y_train), (x_test, y_test))``.

    ``y = 1`` where one of the two inputs is 1 and the other 0. The training points are the four
    corners in turn, each moved by normal noise where there is some; the test points are the four
    corners themselves, always.

    Args:
        n: how many training points there are, at least 4.
        noise: the standard deviation of the noise on each coordinate.
        seed: same seed, same noise.

    Returns:
        Points, float32 ``(n, 2)`` and ``(4, 2)``, and labels, int64 ``(n,)`` and ``(4,)``.

    Example:
        >>> from glassnet.datasets import xor
        >>> (x_train, y_train), (x_test, y_test) = xor.load_data()
        >>> x_test.tolist()
        [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        >>> y_test.tolist()
        [0, 1, 1, 0]
    """
    n = check_count(n, 4, "xor")
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    labels = np.array([0, 1, 1, 0], np.int64)
    turn = np.arange(n) % 4
    return (add_noise(corners[turn], noise, seed, "xor"), labels[turn]), (corners, labels)
