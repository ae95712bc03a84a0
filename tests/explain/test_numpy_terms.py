"""Terms in NumPy: brackets by Python's precedence, no more and no less; the values agree."""

import numpy as np
import pytest

from glassnet.explain.code.terms import NumpyPrinter, size_source
from glassnet.explain.equations import BROADCAST
from glassnet.formulas import Function, Name, Quantity, call, cases, compare, power, reduce
from glassnet.formulas import SizeOf as Size
from glassnet.graph.dimension import Dim
from glassnet.ops.shaping import PERMUTE, RESHAPE
from glassnet.ops.softmax import SOFTMAX

M = Dim.named("m")


def quantity(name, *shape):
    return Quantity(Name(name), shape)


A, Z, dZ, Y = (quantity(name, M, 3) for name in ("A", "Z", "dZ", "Y"))
W, b = quantity("W", 3, 3), quantity("b", 1, 3)
images = quantity("X", M, 4, 4, 2)
alpha, s = quantity("alpha"), quantity("s")
RNG = np.random.default_rng(0)
SPACE = {
    "np": np,
    "m": 5,
    **{name: RNG.uniform(0.5, 2, (5, 3)) for name in ("A", "Z", "dZ", "Y")},
    "W": RNG.normal(size=(3, 3)),
    "b": RNG.normal(size=(1, 3)),
    "X": RNG.normal(size=(5, 4, 4, 2)),
    "alpha": 0.1,
    "s": -3.0,
}
EXP = Function("exp", r"\exp", "np.exp", entrywise=True)

WRITTEN = [
    (dZ @ W.T, "dZ @ W.T"),
    (A * (1 - A), "A * (1 - A)"),
    (A @ W + b, "A @ W + b"),
    ((A.T @ dZ) / Size(M), "A.T @ dZ / m"),
    (A.T @ (dZ * A), "A.T @ (dZ * A)"),
    ((A + Z) @ W, "(A + Z) @ W"),
    ((A @ W) * Z, "(A @ W) * Z"),
    (A @ (W @ W), "A @ (W @ W)"),
    ((A @ W) @ W, "A @ W @ W"),
    (-(A @ W), "-A @ W"),
    (A - (Z - Y), "A + Y - Z"),
    (A - 2 * Z, "A - 2 * Z"),
    (-A * Z, "-A * Z"),
    (A + (-1) * Z, "A - Z"),
    (2 * (A - Y) / Size(M), "2 * (A - Y) / m"),
    ((A - Y) / Size(4 * M), "(A - Y) / (4 * m)"),
    (A / 4, "A / 4"),
    (3 * A / (4 * Size(M)), "3 * A / (4 * m)"),
    (A / Z, "A / Z"),
    (A / (Z * Y), "A / (Z * Y)"),
    (A / (Z / Y), "A * Y / Z"),
    ((A / Z) / Y, "A / (Z * Y)"),
    (power(A, 2), "A ** 2"),
    (power(A + 1, 2), "(A + 1) ** 2"),
    (power(-A, 2), "(-A) ** 2"),
    (-power(A, 2), "-A ** 2"),
    (power(power(A, 2), 3), "(A ** 2) ** 3"),
    (power(A, -0.5), "A ** (-0.5)"),
    (power(0.5 + 0 * A, A), "(0.5 + 0 * A) ** A"),
    (A.T.T, "A"),
    ((A + Z).T, "(A + Z).T"),
    (images.T, "X.swapaxes(-1, -2)"),
    (call(EXP, -A), "np.exp(-A)"),
    (compare(">", A, 1), "A > 1"),
    (compare("=", A, Y), "A == Y"),
    (dZ * compare(">", A, 1), "dZ * (A > 1)"),
    (compare(">", A, 1) * dZ, "(A > 1) * dZ"),
    (2 * compare(">", A, 1), "2 * (A > 1).astype(float)"),
    (1 - compare(">", A, 1), "1 - (A > 1).astype(float)"),
    (compare(">", A, 1) * compare("<", Z, 1), "(A > 1).astype(float) * (Z < 1).astype(float)"),
    (reduce("sum", compare(">", A, 1), (0,)), "np.sum(A > 1, axis=0, keepdims=True)"),
    (reduce("max", A + 1, (0,)), "np.max(A + 1, axis=0, keepdims=True)"),
    (call(EXP, compare(">", A, 1)), "np.exp((A > 1).astype(float))"),
    (cases(compare(">", A, 1), A, call(EXP, Z) - 1), "np.where(A > 1, A, np.exp(Z) - 1)"),
    (reduce("sum", dZ, (0,)), "dZ.sum(axis=0, keepdims=True)"),
    (reduce("sum", dZ, (0, 1)), "dZ.sum()"),
    (reduce("sum", dZ * A, (0, 1)) / Size(M), "np.sum(dZ * A) / m"),
    (reduce("sum", images, (0, 1, 2)), "X.sum(axis=(0, 1, 2), keepdims=True)"),
    (call(RESHAPE, images, shape=(M, 32), sizes=(M, 32)), "X.reshape(m, 32)"),
    (call(RESHAPE, A + 1, shape=(3 * M, 1), sizes=(3 * M, 1)), "(A + 1).reshape(3 * m, 1)"),
    (call(PERMUTE, images, shape=(M, 4, 4, 2), axes=(0, 2, 1, 3)), "X.transpose(0, 2, 1, 3)"),
    (call(BROADCAST, b, shape=(M, 3), sizes=(M, 3)), "np.broadcast_to(b, (m, 3))"),
    (call(SOFTMAX, Z, shape=Z.shape, axis=(1,)), "softmax(Z)"),
    (call(SOFTMAX, Z, shape=Z.shape, axis=(0,)), "softmax(Z, axis=0)"),
    (call(SOFTMAX, Z, shape=Z.shape, _seed=3), "softmax(Z, seed=3)"),
    (alpha * s * A, "alpha * s * A"),
    (alpha * (A / (Z + 1e-7)), "alpha * A / (Z + 1e-7)"),
    (A * (Z / Y) * dZ, "A * Z * dZ / Y"),
    (cases(compare(">", A, 1), 2.0, -1.0), "np.where(A > 1, 2.0, -1.0)"),
    (compare(">", A, 0.0), "A > 0"),
    (A * float("inf"), "np.inf * A"),
    (A - float("inf"), "A - np.inf"),
]  # fmt: skip


@pytest.mark.parametrize(("term", "expected"), WRITTEN, ids=[w for _, w in WRITTEN])
def test_writing(term, expected):
    assert NumpyPrinter().print(term) == expected


def test_where_the_root_has_another_shape():
    printer = NumpyPrinter()
    assert printer.value(1 / Size(M), (M, 1)) == "np.full((m, 1), 1 / m)"
    assert NumpyPrinter(dtype="np.float32").value(1 / Size(M), (M, 1)) == (
        "np.full((m, 1), 1 / m, np.float32)"
    )
    column = quantity("c", M, 1)
    total = reduce("sum", column, (0,))
    assert printer.value(2 * total / Size(M), (1, 1)) == "2 * c.sum(axis=0, keepdims=True) / m"
    assert printer.value(total, ()) == "c.sum()"
    assert printer.value(total + 1, (1, 1)) == "np.full((1, 1), c.sum() + 1)"
    assert printer.value(reduce("sum", images, (0, 1, 2, 3)), (1, 1)) == "np.full((1, 1), X.sum())"
    assert printer.value(b, (M, 3)) == "np.broadcast_to(b, (m, 3))"
    assert printer.value(reduce("sum", images, (0, 1, 2)), (1, 2)) == (
        "X.sum(axis=(0, 1, 2), keepdims=True).reshape(1, 2)"
    )
    assert printer.value(compare(">", A, 1), (M, 3)) == "(A > 1).astype(float)"


def test_sizes():
    assert size_source(3) == "3"
    assert size_source(4 * M + 1) == "4 * m + 1"
    assert size_source(M // 2) == "(m) // 2"
    assert NumpyPrinter().print(A / Size(M + 1)) == "A / (m + 1)"


# --- against a walk over the same terms that writes no brackets away ---------------------------
def drawn(rng, depth):
    """A random term of the shape of A."""
    if depth == 0:
        return [A, Z, dZ, Y, alpha * A, b + 0 * A][rng.integers(6)]

    def below():
        return drawn(rng, depth - 1)

    kind = rng.integers(10)
    if kind == 0:
        return below() + below()
    if kind == 1:
        return below() - below()
    if kind == 2:
        return below() * below()
    if kind == 3:
        return below() / (1 + power(below(), 2))
    if kind == 4:
        return below() @ W
    if kind == 5:
        return -below()
    if kind == 6:
        return power(below(), int(rng.integers(1, 3)))
    if kind == 7:
        return below() * compare(">", below(), below())
    if kind == 8:
        return 2 * below() / Size(2 * M)
    return below() - reduce("sum", below(), (0,))


class Walk:
    """A term's value by definition, part by part."""

    def of(self, term):
        return getattr(self, type(term).__name__)(term)

    def Quantity(self, term):
        return SPACE[str(term.name)]

    def Number(self, term):
        return term.value

    def SizeOf(self, term):
        return 5 * (2 if "2" in str(term.size) else 1)

    def Sum(self, term):
        return sum(self.of(t) for t in term.terms)

    def Product(self, term):
        value = np.float64(term.top) / term.bottom
        for part in (*term.scalars, *term.factors):
            value = value * self.of(part)
        for part in term.divisors:
            value = value / self.of(part)
        return value

    def Quotient(self, term):
        return self.of(term.numerator) / self.of(term.denominator)

    def Power(self, term):
        return np.power(self.of(term.base), self.of(term.exponent))

    def MatrixProduct(self, term):
        return np.matmul(self.of(term.first), self.of(term.second))

    def Transposed(self, term):
        return np.swapaxes(self.of(term.term), -1, -2)

    def Reduced(self, term):
        return np.add.reduce(self.of(term.term), axis=term.axes, keepdims=True)

    def Indicator(self, term):
        return np.where(np.greater(self.of(term.first), self.of(term.second)), 1.0, 0.0)


def test_random_terms_keep_their_value():
    rng = np.random.default_rng(7)
    for _ in range(400):
        term = drawn(rng, int(rng.integers(1, 5)))
        source = NumpyPrinter().print(term)
        value, expected = eval(source, dict(SPACE)), Walk().of(term)
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-9, err_msg=source)
