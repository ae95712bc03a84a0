"""Products against NumPy, and their derivatives by difference quotients."""

import numpy as np
import pytest

from glassnet import ops
from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, Variable, gradients
from glassnet.testing import check_gradients_numerically


def draw(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


MATMUL = [
    *(((3, 4), (4, 2)), ((4,), (4, 2)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4, 2))),
    *(((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (2, 4, 5)), ((2, 3, 4), (4,))),
    *(((1, 1), (1, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 3))),
]


@pytest.mark.parametrize(("first", "second"), MATMUL)
def test_matmul_as_numpy(first, second):
    a, b = draw(*first), draw(*second)
    found = Variable(a) @ Variable(b)
    np.testing.assert_allclose(found.numpy(), a @ b, rtol=1e-13, atol=1e-14)
    assert found.shape == (a @ b).shape
    check_gradients_numerically(np.matmul, a, b)


@pytest.mark.parametrize(
    ("function", "first", "second"),
    [
        (np.dot, (3, 4), (4, 2)),
        (np.dot, (4,), (4,)),
        (np.dot, (2, 3, 4), (5, 4, 2)),
        (np.dot, (2, 3, 4), (4,)),
        (np.dot, (), (3, 4)),
        (np.inner, (2, 3), (4, 3)),
        (np.inner, (3,), (3,)),
        (np.outer, (2, 3), (4,)),
        (np.vdot, (2, 3), (2, 3)),
        (np.tensordot, (2, 3, 4), (3, 4, 5)),
    ],
)
def test_products_as_numpy(function, first, second):
    a, b = draw(*first), draw(*second)
    np.testing.assert_allclose(function(Variable(a), Variable(b)).numpy(), function(a, b))
    check_gradients_numerically(function, a, b)


@pytest.mark.parametrize("axes", [0, 1, ([0], [1]), ((2, 0), (0, 1)), (-1, 0), ([0, -1], [1, 0])])
def test_tensordot_axes(axes):
    a, b = draw(3, 2, 4), draw(4, 3, 5)
    found = np.tensordot(Variable(a), Variable(b), axes)
    np.testing.assert_allclose(found.numpy(), np.tensordot(a, b, axes))


EINSUM = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ji,jk", (3, 2), (3, 4)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("i,j->ji", (2,), (3,)),
    ("ij->", (2, 3)),
    ("ij->ji", (2, 3)),
    ("ij", (2, 3)),
    ("ba", (2, 3)),
    ("ij,j,jk->i", (2, 3), (3,), (3, 4)),
    ("...ij,jk->...ik", (5, 2, 3), (3, 4)),
    ("...ij,...jk", (5, 1, 2, 3), (6, 3, 4)),
    ("i...,i->...", (2, 3, 4), (2,)),
    ("ij,ij->i", (2, 3), (2, 1)),
    ("ij,k->ik", (2, 3), (4,)),
    (" i j , j -> i ", (2, 3), (3,)),
    ("...,...->...", (2, 3), (3,)),
    (",ij->ji", (), (2, 3)),
    ("ii", (3, 3)),
    ("iji->ij", (3, 2, 3)),
    ("iii->i", (2, 2, 2)),
    ("bii,bj->jb", (2, 3, 3), (2, 4)),
    ("...ii->...i", (2, 3, 3)),
]


@pytest.mark.parametrize("case", EINSUM, ids=lambda c: c[0])
def test_einsum_as_numpy(case):
    spec, *shapes = case
    arrays = [draw(*shape) for shape in shapes]
    found = np.einsum(spec, *map(Variable, arrays))
    expected = np.einsum(spec, *arrays)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-13)
    check_gradients_numerically(lambda *xs: np.einsum(spec, *xs), *arrays)


@pytest.mark.parametrize(
    ("spec", "shapes", "says"),
    [
        ("ii->i", [(3, 2)], "has length 3 in one operand and 2"),
        ("ij,jk->il", [(2, 3), (3, 4)], "can't be formed"),
        ("ij,jk->ii", [(2, 3), (3, 4)], "can't be formed"),
        ("ij,jk", [(2, 3), (4, 4)], "has length 3 in one operand and 4"),
        ("ij", [(2, 3), (4, 4)], "is for 1 operands, not 2"),
        ("ijk", [(2, 3)], "letters 3 axes"),
        ("i1", [(2, 3)], "more than letters"),
        ("...ijk", [(2, 3)], "fewer axes"),
    ],
)
def test_einsum_refuses(spec, shapes, says):
    with pytest.raises(ValueError, match=says):
        np.einsum(spec, *(Variable(draw(*s)) for s in shapes))


def test_einsum_with_a_named_size():
    m = Dim.named("m")
    p = Placeholder((m, 3, 4), "float64", name="p")
    w = Variable(draw(4, 5))
    y = np.einsum("mtd,de->mte", p, w)
    assert y.shape == (m, 3, 5)
    total = (y * y).sum()
    value, by_p, by_w = Program([p], [y, *gradients([total], [p, w])]).run(draw(2, 3, 4))
    a, b = draw(2, 3, 4), w.numpy()
    np.testing.assert_allclose(value, a @ b)
    np.testing.assert_allclose(by_p, 2 * (a @ b) @ b.T)
    np.testing.assert_allclose(by_w, 2 * np.einsum("mtd,mte->de", a, a @ b))


def test_matmul_refuses():
    with pytest.raises(ValueError, match=r"\(3, 4\) @ \(3, 4\): the columns of the first, 4"):
        Placeholder((3, 4)) @ Placeholder((3, 4))
    with pytest.raises(ValueError, match=r"use \* for a number"):
        Placeholder((3, 4)) @ Variable(2.0)
    with pytest.raises(ValueError, match="must have equal lengths"):
        ops.tensordot(draw(2, 3), draw(2, 3), 1)
    with pytest.raises(ValueError, match="vdot: 6 entries against 4"):
        ops.vdot(draw(2, 3), draw(4))
