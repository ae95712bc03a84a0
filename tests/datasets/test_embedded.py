"""The embedded sets: against the archive, and against what their sources state of them."""

from importlib.resources import files

import numpy as np
import pytest

from glassnet.datasets import diabetes, digits01, iris, mnist, penguins

COUNTS = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]


def rows(x):
    """The rows of a table as a sorted list, to compare sets of rows."""
    return sorted(map(tuple, np.nan_to_num(x.reshape(len(x), -1), nan=-1.0).tolist()))


def together(split):
    (x_train, y_train), (x_test, y_test) = split
    return np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])


# --- digits -----------------------------------------------------------------------------------
def test_mnist_is_the_archive_divided():
    path = files("glassnet.datasets") / "data" / "mnist10k.npz"
    with path.open("rb") as file, np.load(file) as archive:
        x, y = archive["x"], archive["y"]
    found, digits = together(mnist.load_data())
    assert found.dtype == digits.dtype == np.uint8
    assert np.bincount(digits).tolist() == COUNTS
    order, found_order = (
        np.lexsort(x.reshape(10_000, -1).T),
        np.lexsort(found.reshape(10_000, -1).T),
    )
    assert np.array_equal(x[order], found[found_order])
    assert np.array_equal(y[order], digits[found_order])


def test_mnist_holds_out_a_fifth_of_every_digit_and_shuffles():
    (_, y_train), (_, y_test) = mnist.load_data("mnist.npz")
    shares = np.bincount(y_test) / np.array(COUNTS)
    assert len(y_test) == 2000
    assert np.abs(shares - 0.2).max() < 1 / 863
    for y in (y_train, y_test):  # every digit near its share, from the first rows to the last
        for block in np.array_split(y, len(y) // 400):
            assert np.bincount(block, minlength=10).min() >= 16
            assert np.bincount(block, minlength=10).max() <= 72


def test_mnist_split_never_changes():
    # Published results depend on it: these labels are part of the interface.
    (_, y_train), (_, y_test) = mnist.load_data()
    assert y_train[:10].tolist() == [8, 4, 3, 0, 6, 4, 1, 7, 2, 4]
    assert y_test[:10].tolist() == [7, 6, 1, 2, 8, 3, 1, 0, 7, 4]


def test_digits01_is_mnists_zeros_and_ones():
    x, y = together(digits01.load_data())
    digits, labels = together(mnist.load_data())
    assert np.bincount(y).tolist() == [1001, 1127]
    assert rows(x[y == 1]) == rows(digits[labels == 1])
    assert rows(x[y == 0]) == rows(digits[labels == 0])


def test_digits01_crops_and_flattens():
    (whole, _), _ = digits01.load_data()
    (cropped, _), _ = digits01.load_data(size=20)
    (flat, _), _ = digits01.load_data(size=20, flatten=True)
    assert np.array_equal(cropped, whole[:, 4:24, 4:24])
    assert np.array_equal(flat, [picture.ravel() for picture in cropped])
    assert round(1 - cropped.sum() / whole.sum(), 3) == 0.014


def test_digits01_refuses_other_sizes():
    with pytest.raises(ValueError, match=r"size is 28.* or 20.*got 14"):
        digits01.load_data(size=14)


# --- tables -----------------------------------------------------------------------------------
def test_iris_has_the_summary_of_its_source():
    x, y = together(iris.load_data())
    assert x.dtype == np.float32
    assert y.dtype == np.int64
    assert np.bincount(y).tolist() == [50, 50, 50]
    # Minimum, maximum, mean and deviation as the UCI repository and Fisher's paper state them.
    assert np.allclose(x.min(axis=0), [4.3, 2.0, 1.0, 0.1])
    assert np.allclose(x.max(axis=0), [7.9, 4.4, 6.9, 2.5])
    species_means = [x[y == k].mean(axis=0, dtype=float) for k in range(3)]
    assert np.allclose(
        species_means,
        [[5.006, 3.428, 1.462, 0.246], [5.936, 2.770, 4.260, 1.326], [6.588, 2.974, 5.552, 2.026]],
        atol=1e-6,
    )


def test_iris_holds_out_the_same_share_of_each_species():
    (_, y_train), (_, y_test) = iris.load_data(test_split=0.3)
    assert np.bincount(y_test).tolist() == [15, 15, 15]
    assert np.bincount(y_train).tolist() == [35, 35, 35]


def test_diabetes_has_the_summary_of_its_source():
    x, y = together(diabetes.load_data())
    assert x.shape == (442, 10)
    assert x.dtype == y.dtype == np.float32
    # The first patient of Efron et al., Table 1.
    first = [59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.8598, 87]
    (at,) = np.flatnonzero(np.isclose(x, first, rtol=1e-6).all(axis=1))
    assert y[at] == 151
    assert (y.min(), y.max()) == (25, 346)
    assert round(float(y.mean(dtype=float)), 1) == 152.1


def test_penguins_known_rows_and_categories():
    x, y = together(penguins.load_data())
    assert x.shape == (333, 7)
    assert not np.isnan(x).any()
    # Counts of complete rows, from the paper's tidied table: 146 Adelie, 68 Chinstrap, 119 Gentoo.
    assert np.bincount(y).tolist() == [146, 68, 119]
    assert np.bincount(x[:, 5].astype(int)).tolist() == [165, 168]  # female, male
    torgersen = penguins.CATEGORIES["island"].index("Torgersen")
    first = np.array([torgersen, 39.1, 18.7, 181, 3750, 1, 2007], np.float32)
    (at,) = np.flatnonzero((x == first).all(axis=1))
    assert penguins.CATEGORIES["species"][y[at]] == "Adelie"


def test_penguins_missing_values_are_kept_as_nan():
    x, y = together(penguins.load_data(missing="keep"))
    assert x.shape == (344, 7)
    assert np.bincount(y).tolist() == [152, 68, 124]
    assert np.isnan(x).sum(axis=0).tolist() == [0, 2, 2, 2, 2, 11, 0]


def test_penguins_any_column_is_a_target():
    x, y = together(penguins.load_data(target="body_mass_g", missing="keep"))
    assert y.dtype == np.float32
    assert len(y) == 342  # two birds were not weighed
    assert (y.min(), y.max()) == (2700, 6300)
    assert sorted(set(x[:, 0].tolist())) == [0, 1, 2]  # the species is a feature now
    assert together(penguins.load_data(target="sex"))[1].dtype == np.int64


def test_penguins_refuses_unknown_arguments():
    with pytest.raises(ValueError, match="no column 'beak' to predict; choose one of species,"):
        penguins.load_data(target="beak")
    with pytest.raises(ValueError, match="'drop' or 'keep'; got 'zero'"):
        penguins.load_data(missing="zero")


def test_all_data_files_together_are_small():
    folder = files("glassnet.datasets") / "data"
    assert sum(len(file.read_bytes()) for file in folder.iterdir()) < 2_000_000


# --- splits -----------------------------------------------------------------------------------
TABLES = [digits01.load_data, iris.load_data, diabetes.load_data, penguins.load_data]


@pytest.mark.parametrize("load_data", TABLES)
def test_every_row_is_in_one_part_by_seed(load_data):
    whole = together(load_data(test_split=0))
    parts = load_data(test_split=0.25, seed=1)
    assert len(parts[1][0]) == round(0.25 * len(whole[0]))
    joined = together(parts)
    order = [np.column_stack([x.reshape(len(x), -1), y]) for x, y in (whole, joined)]
    assert rows(order[0]) == rows(order[1])
    assert not np.array_equal(load_data(seed=1)[1][0], load_data(seed=2)[1][0])
    for part, again in zip(parts, load_data(test_split=0.25, seed=1), strict=True):
        assert np.array_equal(part[0], again[0])
        assert np.array_equal(part[1], again[1])


@pytest.mark.parametrize("wrong", [1, 1.5, -0.1, float("nan"), "0.2", None, True, 0.999])
def test_refuses_fractions_that_leave_nothing(wrong):
    with pytest.raises(ValueError, match=r"test_split.*(0 <= test_split < 1|smaller fraction)"):
        iris.load_data(test_split=wrong)


@pytest.mark.parametrize("wrong", [-1, 2**32, 1.0, "7", None, True])
def test_refuses_seeds_that_are_none(wrong):
    with pytest.raises(ValueError, match="seed: expected an integer"):
        iris.load_data(seed=wrong)
