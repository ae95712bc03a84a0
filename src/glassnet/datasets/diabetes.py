"""Diabetes: how the disease of 442 patients went on in a year, by ten measures at its start.

Source: B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, "Least Angle Regression", Annals of
Statistics 32 (2004). The authors published the table without naming a licence; R's ``lars`` and
scikit-learn distribute it.
"""

from __future__ import annotations

import numpy as np

from glassnet.datasets.embedded import read_table
from glassnet.datasets.splitting import SEED, Split, split

FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
"""The columns of ``x``; `load_data` says what they mean."""

TARGET = "progression"
"""What is predicted."""


def load_data(test_split: float = 0.2, seed: int = SEED) -> Split:
    """Return the diabetes table as ``((x_train, y_train), (x_test, y_test))``: a regression.

    The values are raw, as measured. Columns differ in scale by a factor of 100, so standardise
    them: subtract each column's mean over ``x_train``, divide by its standard deviation.

    The columns: ``age`` in years; ``sex``, coded 1 and 2 in the source; ``bmi``, body mass index;
    ``bp``, average blood pressure; and of the blood serum ``s1``, total cholesterol; ``s2``,
    low-density lipoproteins; ``s3``, high-density lipoproteins; ``s4``, total cholesterol over
    ``s3``; ``s5``, probably the logarithm of triglycerides; ``s6``, glucose.

    Args:
        test_split: the fraction to hold out, in [0, 1).
        seed: same seed, same split.

    Returns:
        Measures, float32 ``(m, 10)``, columns as in ``FEATURES``, and a number for the
        progression of the disease after a year, float32 ``(m,)``, from 25 to 346. Of 442 rows,
        354 train and 88 test.

    Example:
        >>> from glassnet.datasets import diabetes
        >>> (x_train, y_train), (x_test, y_test) = diabetes.load_data()
        >>> x_train.shape, y_train.shape, x_test.shape, y_test.shape
        ((354, 10), (354,), (88, 10), (88,))
        >>> x = (x_train - x_train.mean(axis=0)) / x_train.std(axis=0)
    """
    table = read_table("diabetes.csv")
    x = np.column_stack([np.array(table[name], np.float32) for name in FEATURES])
    return split(x, np.array(table[TARGET], np.float32), test_split, seed)
