"""Terms: built, tidied, shaped. Expectations are written by hand, or computed without terms."""

import numpy as np
import pytest

from glassnet.explain.latex import LatexPrinter
from glassnet.formulas import (
    Applied,
    Cases,
    Function,
    Indicator,
    MatrixProduct,
    Name,
    Number,
    Power,
    Product,
    Quantity,
    Quotient,
    Reduced,
    SizeOf,
    Sum,
    Transposed,
    axes_in,
    axis_in,
    call,
    cases,
    compare,
    matrix_shape,
    negated,
    power,
    reduce,
)
from glassnet.graph.dimension import Dim
from glassnet.ops.elementwise import EXP

M = Dim.named("m")
m = SizeOf(M)
A, B, C = (Quantity(Name(letter), (M, 3)) for letter in "ABC")
W = Quantity(Name("W"), (3, 2))
b = Quantity(Name("b"), (1, 3))
s, t = Quantity(Name("s")), Quantity(Name("t"))

latex = LatexPrinter().print


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        # numbers stand in front, as one
        (2 * A * 3, "6 A"),
        (A * 2 / 4, r"\frac{1}{2} A"),
        (0.5 * A, r"\frac{1}{2} A"),
        (0.1 * A, "0.1 A"),
        (s * A * t, "s t A"),
        (A / 3 / m, r"\frac{1}{3 m} A"),
        (m * A / m, "A"),
        (2 * A / (2 * m), r"\frac{1}{m} A"),
        (A / (s / t), r"\frac{t}{s} A"),
        # signs
        (-1 * (-A), "A"),
        (-A + B, "B - A"),
        (-(A - B), "B - A"),
        (-A - B, r"-\left(A + B\right)"),
        (A - (B - C), "A + C - B"),
        # zeros and ones
        (A + 0, "A"),
        (A * 1, "A"),
        (A**1, "A"),
        (A + B - B + 1 - 1, "A"),
        (A + 0 * B, "A"),
        # like terms
        (A + A, "2 A"),
        (A / 2 + A / 3, r"\frac{5}{6} A"),
        (1 - A - A, "1 - 2 A"),
        (1 - (1 - A), "A"),
        (2 + A + 3, "5 + A"),
        # powers
        (A * A, "A^{2}"),
        (power(A, 2) * A * B, r"A^{3} \odot B"),
        # shared factors are taken out
        (A * B + A * C, r"A \odot \left(B + C\right)"),
        (A - A * B, r"A \odot \left(1 - B\right)"),
        (A * B + A * C - A, r"A \odot \left(B + C - 1\right)"),
        (A / m - B / m, r"\frac{1}{m} \left(A - B\right)"),
        (A / 4 - B / 2, r"\frac{1}{4} \left(A - 2 B\right)"),
        (A * B / C + A, r"A \odot \left(\frac{B}{C} + 1\right)"),
        # quotients
        (A / C * B, r"\frac{A \odot B}{C}"),
        (A / B / C, r"\frac{A}{B \odot C}"),
        (A / (B / C), r"\frac{A \odot C}{B}"),
        (A * B / B, "A"),
        (2 * A / (3 * B), r"\frac{2}{3} \frac{A}{B}"),
        (A * (1 / B), r"\frac{A}{B}"),
        # matrix products: numbers go in front
        ((2 * A) @ (W / m), r"\frac{2}{m} A W"),
        ((A + B) @ W, r"\left(A + B\right) W"),
        (A.T.T, "A"),
        # sums over axes
        (reduce("sum", 2 * A / m, (0,)), r"\frac{2}{m} \sum_{i=1}^{m} A_{i:}"),
        (reduce("sum", A * b, (0,)), r"b \odot \left(\sum_{i=1}^{m} A_{i:}\right)"),
        (reduce("sum", A / b, (0,)), r"\frac{\sum_{i=1}^{m} A_{i:}}{b}"),
        (reduce("sum", A * b, (1,)), r"\sum_{j} \left(A \odot b\right)_{:j}"),
        (reduce("max", 2 * A, (1,)), r"\max_{j} \left(2 A\right)_{:j}"),
        (reduce("sum", b, (0,)), "b"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tidied(term, expected):
    assert latex(term) == expected


def test_conditions():
    above, below = compare(">", A, 0), compare("<=", A, 0)
    assert negated(above) == below
    assert negated(below) == above
    assert negated(compare("=", A, B)) == compare("!=", A, B)
    assert negated(A) == compare("=", A, 0)
    assert cases(above, 1, 0) == above
    assert cases(above, 0, 1) == below
    assert cases(above, B, B) == B
    assert cases(above, B, 0) == B * above
    assert cases(above, 0, B) == B * below
    assert cases(Number(1), A, B) == A
    assert cases(Number(0), A, B) == B
    assert above * above * B == above * B


def test_what_may_be_infinite_is_chosen_not_multiplied_by_0():
    above = compare(">", A, 0)
    assert cases(above, 1 / A, 0) == Cases(above, 1 / A, Number(0))
    assert cases(above, call(EXP, A), 0) == Cases(above, call(EXP, A), Number(0))
    assert cases(above, power(A, -1), 0) == Cases(above, power(A, -1), Number(0))
    assert cases(above, A / m, 0) == A / m * above


def test_within_a_choice_its_condition_is_known():
    above, below = compare(">", A, 0), compare("<=", A, 0)
    assert cases(above, B, call(EXP, A * below)) == Cases(above, B, call(EXP, A))
    assert cases(above, cases(above, B, C), A) == Cases(above, B, A)
    assert cases(above, B, cases(below, C, A)) == Cases(above, B, C)
    # A sum over entries is another matter: the condition differs from entry to entry.
    total = reduce("sum", A * below, (1,))
    assert cases(above, B, total) == Cases(above, B, total)


def test_summands_that_exclude_each_other_are_one_choice():
    above, below = compare(">", A, 0), compare("<=", A, 0)
    assert B * above + 0.1 * B * below == B * Cases(above, Number(1), Number(0.1))
    # The factor that the condition is about stands in the branches.
    assert A * above + 0.1 * A * below == Cases(above, A, 0.1 * A)
    assert B * above + C * below + 1 == Cases(above, B, C) + 1
    assert isinstance(B * above + C * above, Product)  # [A > 0] ⊙ (B + C) is no choice


def test_shapes_follow_numpy():
    assert (A + b).shape == (M, 3)
    assert (A * s).shape == (M, 3)
    assert (b * 2).shape == (1, 3)
    assert (A @ W).shape == (M, 2)
    assert A.T.shape == (3, M)
    assert reduce("sum", A, (0,)).shape == (1, 3)
    assert reduce("sum", A, (1,)).shape == (M, 1)
    assert reduce("sum", A, (0, 1)).shape == ()
    assert reduce("sum", A * b, (0,)).shape == (1, 3)
    assert call(EXP, A + b).shape == (M, 3)
    assert compare(">", A, b).shape == (M, 3)
    assert cases(compare(">", b, 0), A, 0).shape == (M, 3)
    assert (A - A).shape == (M, 3)  # 0, in every place
    assert (1 + 0 * A).shape == (M, 3)
    assert (b / b).shape == (1, 3)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), ()),
        ((M,), (M, 1)),
        ((5,), (1, 5)),
        ((1, 5), (1, 5)),
        ((1, 1, 5), (1, 5)),
        ((1, 2, 1, 5), (2, 1, 5)),
        ((M, 2, 3), (M, 2, 3)),
        ((M * 4,), (M * 4, 1)),
    ],
)
def test_matrix_shape(shape, expected):
    assert matrix_shape(shape) == expected


def test_axes_move_with_the_shape():
    assert axis_in(0, (M,)) == 0
    assert axis_in(0, (5,)) == 1
    assert axis_in(-1, (M, 5)) == 1
    assert axis_in(3, (1, 1, 2, 5)) == 1
    assert axis_in(0, (1, 1, 2, 5)) is None
    assert axes_in((0, 2, 3), (1, 2, 4, 5)) == (1, 2)


def test_names():
    assert str(Name("W", 2)) == "W2"
    assert str(Name("W", 2).d) == "dW2"
    assert str(Name("A", 1, call=2)) == "A1_2"
    assert str(Name("T", index=3)) == "T_c"
    assert str(Name("M", of=Name("W", 1))) == "M_W1"


def test_functions_have_one_meaning():
    assert Function("exp", r"\exp", "np.exp", entrywise=True) == EXP
    with pytest.raises(ValueError, match="another function called 'exp'"):
        Function("exp", numpy="np.exp2")


# --- tidying keeps the value ------------------------------------------------------------------
RELATIONS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
             "=": np.equal, "!=": np.not_equal}  # fmt: skip


def value(term, given):
    """The value of a term, each kind by its definition."""
    if isinstance(term, Quantity):
        return given[term.name.letter]
    if isinstance(term, Number):
        return np.asarray(float(term.value))
    if isinstance(term, SizeOf):
        return np.asarray(float(term.size.bind({"m": 4})))
    parts = [value(p, given) for p in term.parts]
    if isinstance(term, Sum):
        return sum(parts)
    if isinstance(term, Product):
        found = np.asarray(term.top / term.bottom)
        above, below = len(term.scalars), len(term.scalars) + len(term.divisors)
        for i, part in enumerate(parts):
            found = found / part if above <= i < below else found * part
        return found
    if isinstance(term, Quotient):
        return parts[0] / parts[1]
    if isinstance(term, Power):
        return parts[0] ** parts[1]
    if isinstance(term, MatrixProduct):
        return parts[0] @ parts[1]
    if isinstance(term, Transposed):
        return parts[0].T
    if isinstance(term, Reduced):
        found = {"sum": np.sum, "max": np.max}[term.kind](parts[0], axis=term.axes, keepdims=True)
        return found.reshape(()) if term.shape == () else found
    if isinstance(term, Indicator):
        return RELATIONS[term.relation](*parts).astype(float)
    if isinstance(term, Cases):
        return np.where(parts[0] != 0, parts[1], parts[2])
    assert isinstance(term, Applied)
    assert term.function == EXP
    return np.exp(parts[0])


class Both:
    """A term, and beside it its value computed by NumPy as the operators are applied."""

    def __init__(self, term, array):
        self.term, self.array = term, array

    def with_(self, other, of_terms, of_arrays):
        return Both(of_terms(self.term, other.term), of_arrays(self.array, other.array))


def summed(x, axis):
    found = x.array
    if found.ndim == 2:
        found = found.sum(axis=axis, keepdims=True)
        found = found.reshape(()) if found.size == 1 else found
    return Both(reduce("sum", x.term, (axis,)), found)


def grown(rng, depth):
    """A random term of arrays (4, 3), (1, 3) and numbers, with its value."""
    if depth == 0:
        kind = rng.integers(5)
        if kind < 3:
            letter = "ABb"[kind]
            shape = {"A": (M, 3), "B": (M, 3), "b": (1, 3)}[letter]
            return Both(Quantity(Name(letter), shape), GIVEN[letter])
        if kind == 3:
            return Both(Quantity(Name("s")), GIVEN["s"])
        number = rng.choice([0, 1, 2, -1, 0.5, -0.3, 3])
        number = int(number) if float(number).is_integer() else float(number)
        return Both(Number(number), np.asarray(float(number)))
    x, y = grown(rng, depth - 1), grown(rng, rng.integers(depth))
    match rng.integers(9):
        case 0 | 1:
            return x.with_(y, lambda a, b: a + b, np.add)
        case 2:
            return x.with_(y, lambda a, b: a - b, np.subtract)
        case 3 | 4:
            return x.with_(y, lambda a, b: a * b, np.multiply)
        case 5:
            kept = y.with_(y, lambda a, b: a * b + 1.5, lambda a, b: a * b + 1.5)
            return x.with_(kept, lambda a, b: a / b, np.divide)
        case 6:
            return summed(x, int(rng.integers(2)))
        case 7:
            z = grown(rng, rng.integers(depth))
            test = Both(compare(">", y.term, z.term), y.array > z.array)
            return Both(cases(test.term, x.term, y.term), np.where(test.array, x.array, y.array))
        case _:
            test = Both(compare("<=", y.term, 0), (y.array <= 0).astype(float))
            one = x.with_(test, lambda a, b: a * b, np.multiply)
            other = Both(y.term * negated(test.term), y.array * (1 - test.array))
            return one.with_(other, lambda a, b: a + b, np.add)


GIVEN = {
    "A": np.array([[0.7, -1.2, 0.4], [1.9, 0.3, -0.6], [-0.8, 2.1, 1.1], [0.2, -0.4, -1.7]]),
    "B": np.array([[1.3, 0.6, -0.9], [-0.5, 1.7, 0.8], [0.1, -1.4, 0.9], [2.2, -0.7, 0.5]]),
    "b": np.array([[0.35, -1.15, 0.85]]),
    "s": np.asarray(1.45),
}


@pytest.mark.parametrize("seed", range(300))
def test_tidying_keeps_the_value(seed):
    rng = np.random.default_rng(seed)
    both = grown(rng, 1 + seed % 5)
    found = value(both.term, GIVEN)
    shape = np.broadcast_shapes(found.shape, both.array.shape)
    assert shape == both.array.shape, latex(both.term)
    scale = max(1.0, float(np.abs(both.array).max()))
    np.testing.assert_allclose(
        np.broadcast_to(found, shape), both.array, rtol=1e-9, atol=1e-12 * scale,
        err_msg=latex(both.term),
    )  # fmt: skip
