"""The generated sets: every point against the curve that its label names."""

import math

import numpy as np
import pytest

from glassnet.datasets import circles, moons, multilabel, spirals, xor

PLANAR = [moons, circles, spirals]


def together(split):
    (x_train, y_train), (x_test, y_test) = split
    return np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])


def test_xor_is_the_truth_table():
    (x_train, y_train), (x_test, y_test) = xor.load_data()
    for x, y in ((x_train, y_train), (x_test, y_test)):
        table = [(int(a), int(b), int(label)) for (a, b), label in zip(x, y, strict=True)]
        assert table == [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
    assert x_train.dtype == np.float32
    assert y_train.dtype == np.int64


def test_xor_moves_only_training_points():
    (x_train, y_train), (x_test, _) = xor.load_data(n=1000, noise=0.1)
    corners = np.round(x_train)
    assert np.array_equal(y_train, corners[:, 0] != corners[:, 1])
    assert abs((x_train - corners).std() - 0.1) < 0.01
    assert np.array_equal(x_test, np.round(x_test))


def test_moons_lie_on_their_half_circles():
    x, y = together(moons.load_data(n=101, noise=0))
    assert np.bincount(y).tolist() == [50, 51]
    upper, lower = x[y == 0], x[y == 1]
    assert np.allclose(np.hypot(*upper.T), 1, atol=1e-6)
    assert np.all(upper[:, 1] >= -1e-6)
    assert np.allclose(np.hypot(lower[:, 0] - 1, lower[:, 1] - 0.5), 1, atol=1e-6)
    assert np.all(lower[:, 1] <= 0.5 + 1e-6)


def test_circles_lie_on_their_radii_evenly():
    x, y = together(circles.load_data(n=40, noise=0, factor=0.3))
    assert np.allclose(np.hypot(*x[y == 0].T), 1, atol=1e-6)
    assert np.allclose(np.hypot(*x[y == 1].T), 0.3, atol=1e-6)
    angles = np.sort(np.arctan2(x[y == 1, 1], x[y == 1, 0]))
    assert np.allclose(np.diff(angles), 2 * math.pi / 20, atol=1e-5)


def test_spirals_are_the_benchmark():
    # Lang and Witbrock: for i = 0 … 96, angle iπ/16, radius 6.5 (104 − i) / 104.
    expected = [
        (r * math.sin(a), r * math.cos(a))
        for a, r in ((i * math.pi / 16, 6.5 * (104 - i) / 104) for i in range(97))
    ]
    x, y = together(spirals.load_data())
    for label, sign in ((0, 1), (1, -1)):
        found = x[y == label]
        assert len(found) == 97
        found = found[np.argsort(-np.hypot(*found.T))]  # from the outside in
        assert np.allclose(found, sign * np.array(expected), atol=1e-5)


def test_spirals_turn_as_often_as_asked():
    x, y = together(spirals.load_data(n=2000, turns=1.5))
    arm = x[y == 0][np.argsort(-np.hypot(*x[y == 0].T))]
    angle = np.unwrap(np.arctan2(arm[:, 0], arm[:, 1]))
    assert math.isclose(angle[-1] - angle[0], 3 * math.pi, rel_tol=1e-4)


def test_multilabel_names_the_discs_of_each_point():
    x, y = together(multilabel.load_data(n=200))
    assert y.shape == (200, 3)
    for (a, b), labels in zip(x.tolist(), y.tolist(), strict=True):
        inside = [math.dist((a, b), centre) < 0.75 for centre in multilabel.CENTRES]
        assert labels == inside
    assert np.abs(x).max() <= 1.25
    shares = y.mean(axis=0)  # of the area, π 0.75² / 2.5² = 0.283
    assert np.all(np.abs(shares - 0.283) < 0.1)
    for i, centre in enumerate(multilabel.CENTRES):
        assert math.isclose(math.hypot(*centre), 0.5)
        assert math.isclose(math.dist(centre, multilabel.CENTRES[i - 1]), 0.5 * math.sqrt(3))


@pytest.mark.parametrize("module", [moons, circles, spirals, multilabel])
def test_noise_moves_points_by_its_deviation(module):
    still, moved = (module.load_data(n=2000, noise=noise)[0][0] for noise in (0, 0.25))
    assert abs((moved - still).std() - 0.25) < 0.02
    assert abs((moved - still).mean()) < 0.02


@pytest.mark.parametrize("module", PLANAR)
def test_both_parts_hold_both_classes_alike_in_float32(module):
    (x_train, y_train), (x_test, y_test) = module.load_data(n=500, test_split=0.3)
    assert np.bincount(y_train).tolist() == [175, 175]
    assert np.bincount(y_test).tolist() == [75, 75]
    assert x_train.dtype == x_test.dtype == np.float32
    assert y_train.dtype == np.int64


@pytest.mark.parametrize("module", [xor, *PLANAR, multilabel])
def test_same_seed_same_points(module):
    first, second, other = (module.load_data(noise=0.1, seed=s)[0][0] for s in (7, 7, 8))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("module", [xor, *PLANAR, multilabel])
@pytest.mark.parametrize("arguments", [{"n": 1}, {"n": 2.5}, {"n": True}, {"noise": -1}])
def test_refuses_what_makes_no_sense(module, arguments):
    name = module.__name__.rpartition(".")[2]
    with pytest.raises(ValueError, match=f"{name}: (n|noise) is .*got"):
        module.load_data(**arguments)


def test_refuses_impossible_curves():
    with pytest.raises(ValueError, match="0 < factor < 1; got 1"):
        circles.load_data(factor=1)
    with pytest.raises(ValueError, match="turns is a number above 0; got 0"):
        spirals.load_data(turns=0)
    with pytest.raises(ValueError, match=r"noise is a standard deviation.*nan"):
        moons.load_data(noise=float("nan"))
