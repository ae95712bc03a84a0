"""Embedded tables and generated curves against scikit-learn's."""

import numpy as np
import pytest
from sklearn import datasets as sklearn

from glassnet.datasets import circles, diabetes, iris, moons


def rows(split):
    """All examples with their labels as sorted rows."""
    (x_train, y_train), (x_test, y_test) = split
    x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    table = np.column_stack([x, y]).astype(np.float64)
    return table[np.lexsort(np.round(table, 4).T)]


def theirs(x, y):
    return rows(((x, y), (x[:0], y[:0])))


def test_iris():
    x, y = sklearn.load_iris(return_X_y=True)
    assert np.allclose(rows(iris.load_data()), theirs(x, y), rtol=1e-6)
    assert tuple(sklearn.load_iris().target_names) == iris.CLASSES


def test_diabetes():
    x, y = sklearn.load_diabetes(return_X_y=True, scaled=False)
    assert np.allclose(rows(diabetes.load_data()), theirs(x, y), rtol=1e-6)
    assert tuple(sklearn.load_diabetes().feature_names) == diabetes.FEATURES


@pytest.mark.parametrize("n", [2, 7, 100])
def test_moons(n):
    expected = theirs(*sklearn.make_moons(n, noise=None))
    assert np.allclose(rows(moons.load_data(n, noise=0, test_split=0)), expected, atol=1e-6)


@pytest.mark.parametrize("n", [2, 7, 100])
def test_circles(n):
    expected = theirs(*sklearn.make_circles(n, noise=None, factor=0.4))
    found = rows(circles.load_data(n, noise=0, factor=0.4, test_split=0))
    assert np.allclose(found, expected, atol=1e-6)
