"""Iris: 150 flowers of three species, by the lengths and widths of sepal and petal.

Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics
7 (1936); measured by E. Anderson. The numbers are those of Fisher's paper, as in R and
scikit-learn; the copy of the UCI repository (CC BY 4.0) differs from the paper in two rows.
"""

from __future__ import annotations

import numpy as np

from glassnet.datasets.embedded import encode, read_table
from glassnet.datasets.splitting import SEED, Split, split

CLASSES = ("setosa", "versicolor", "virginica")
"""The species, by label."""

FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
"""The columns of ``x``, in centimetres."""


def load_data(test_split: float = 0.2, seed: int = SEED) -> Split:
    """Return the iris table as ``((x_train, y_train), (x_test, y_test))``: three classes.

    The same share of each species is held out.

    Args:
        test_split: the fraction to hold out, in [0, 1).
        seed: same seed, same split.

    Returns:
        Measures in centimetres, float32 ``(m, 4)``, columns as in ``FEATURES``, and labels,
        int64 ``(m,)``, whose names are ``CLASSES``. Of 150 rows, 120 train and 30 test.

    Example:
        >>> from glassnet.datasets import iris
        >>> (x_train, y_train), (x_test, y_test) = iris.load_data()
        >>> x_train.shape, y_train.shape, x_test.shape, y_test.shape
        ((120, 4), (120,), (30, 4), (30,))
        >>> [iris.CLASSES[label] for label in sorted(set(y_train.tolist()))]
        ['setosa', 'versicolor', 'virginica']
    """
    table = read_table("iris.csv")
    x = np.column_stack([np.array(table[name], np.float32) for name in FEATURES])
    return split(x, encode(table["species"], CLASSES), test_split, seed, by_class=True)
