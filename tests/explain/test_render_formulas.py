"""Formulas: read, written as Unicode, as LaTeX again, as MathML, broken into lines."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from glassnet.explain.render import FormulaError, math_html, unicode
from glassnet.explain.render.breaking import segments, width_of
from glassnet.explain.render.parse import parse
from glassnet.explain.render.source import Source, escaped
from glassnet.explain.render.text import equation_lines
from glassnet.explain.render.tree import Fence, Fraction, Operator, Scripted, Symbol
from glassnet.explain.render.unicode import cells, unicode_of

EXPECTED = {
    # names
    r"W^{[2]}": "W[2]",
    r"A^{[l-1]}": "A[l−1]",
    r"W^{[2]\top}": "W[2]ᵀ",
    r"X^{\top}": "Xᵀ",
    r"Z^{[2](1)}": "Z[2](1)",
    r"w^{[1]}_{12}": "w[1]₁₂",
    r"w^{[1]}_{1,12}": "w[1]_(1,12)",
    r"T^{[1]}_{2}": "T[1]₂",
    r"\hat{X}^{[1]}": "X\u0302[1]",
    r"\tilde{A}^{[1]}": "A\u0303[1]",
    r"\bar{X}": "X\u0304",
    r"\mu^{[1]}": "μ[1]",
    r"\sigma^{2[1]}": "σ²[1]",
    r"\mathrm{d}\gamma^{[1]}": "dγ[1]",
    r"m_{W^{[1]}}": "m_(W[1])",
    r"\mathcal{L}_{i}": "ℒᵢ",
    r"\mathbb{E}": "𝔼",
    r"x_{\text{max}}": "x_max",
    r"X^{\ast}": "X∗",
    # numbers and powers
    r"10^{-7}": "10⁻⁷",
    r"1.5 \cdot 10^{-5}": "1.5 · 10⁻⁵",
    r"x^{-1}": "x⁻¹",
    r"x^{n+1}": "xⁿ⁺¹",
    r"\beta_{1}^{t}": "β₁ᵗ",
    r"x^{\alpha}": "x^α",
    r"2^{(a, b)}": "2(a,b)",
    r"-x + y": "−x + y",
    r"x - -y": "x − −y",
    r"2 x y": "2 x y",
    r"3 \, x": "3 x",
    r"\infty": "∞",
    # products and functions: a bracket after a letter without a space holds arguments
    r"A^{[1]} W^{[2]} + b^{[2]}": "A[1] W[2] + b[2]",
    r"A^{[1]} \odot \left( 1 - A^{[1]} \right)": "A[1] ⊙ (1 − A[1])",
    r"A (1 - A)": "A (1 − A)",
    r"A \left( 1 - A \right)": "A (1 − A)",
    r"\sigma(Z^{[1]})": "σ(Z[1])",
    r"g^{[l]\prime}(Z^{[l]})": "g[l]′(Z[l])",
    r"\sigma'(Z)": "σ′(Z)",
    r"\operatorname{softmax}(Z)": "softmax(Z)",
    r"\operatorname{corr}_{s=2,p=1}(A, W)": "corr_(s=2,p=1)(A, W)",
    r"\tanh^{2}(Z)": "tanh²(Z)",
    r"\log(1 + \exp(-\left| Z \right|))": "log(1 + exp(−|Z|))",
    r"Y \odot \log A": "Y ⊙ log A",
    r"A \ast W": "A ∗ W",
    # sums
    r"\sum_{i} Z^{[2]}_{i}": "Σᵢ Z[2]ᵢ",
    r"\sum_{i} Z_{i:}": "Σᵢ Z_(i:)",
    r"\sum_{i=1}^{m} \mathcal{L}_{i}": "Σᵢ₌₁ᵐ ℒᵢ",
    r"\sum_{i,p,q} X_{ipq:}": "Σ_(i,p,q) X_(ipq:)",
    r"\max_{j} Z_{:j}": "maxⱼ Z_(:j)",
    r"- \sum_{j} Y_{j}": "−Σⱼ Yⱼ",
    # fractions and roots: parentheses where the slash alone would say something else
    r"\frac{1}{m} A^{[1]\top} \mathrm{d}Z^{[2]}": "1/m · A[1]ᵀ dZ[2]",
    r"\frac{1}{m} \left( A - Y \right)": "1/m · (A − Y)",
    r"\frac{\partial J}{\partial W^{[2]}}": "∂J/∂W[2]",
    r"\frac{\partial^{2} J}{\partial x^{2}}": "∂²J/∂x²",
    r"\frac{a + b}{c d}": "(a + b)/(c d)",
    r"\frac{\frac{a}{b}}{c}": "(a/b)/c",
    r"A \odot \frac{B}{C}": "A ⊙ (B/C)",
    r"\left( \frac{a}{b} \right)^{2}": "(a/b)²",
    r"x - \frac{-a}{b}": "x − (−a)/b",
    r"\frac{1}{1 + \exp(-Z)}": "1/(1 + exp(−Z))",
    r"\frac{\exp(Z)}{\sum_{j} \exp(Z_{:j})}": "exp(Z)/(Σⱼ exp(Z_(:j)))",
    r"\frac{X - \mu}{\sqrt{\sigma^{2} + \epsilon}}": "(X − μ)/√(σ² + ε)",
    r"\sqrt{x}^{2}": "(√x)²",
    r"\sum_{j} \frac{y_{j}}{p_{j}} \frac{\partial p_{j}}{\partial z_{k}}": "Σⱼ yⱼ/pⱼ · ∂pⱼ/∂zₖ",
    r"m \frac{\partial J}{\partial Q}": "m ∂J/∂Q",
    r"U \frac{M}{V}": "U (M/V)",
    # brackets, cases, matrices, notes
    r"\left[ Z > 0 \right]": "[Z > 0]",
    r"\left\| W \right\|_{2}^{2}": "‖W‖₂²",
    r"u \in [0, 1)": "u ∈ [0, 1)",
    r"y \in \left\{ 0, 1 \right\}": "y ∈ {0, 1}",
    r"\begin{cases} a & \text{where } Z > 0 \\ b & \text{elsewhere} \end{cases}":
        "{a where Z > 0; b elsewhere}",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}": "[a  b; c  d]",
    r"\underbrace{A - Y}_{\mathrm{d}Z^{[2]}}": "(A − Y) ⟨dZ[2]⟩",
    # equations
    r"Z = X W + b \quad \in \mathbb{R}^{m \times 15}": "Z = X W + b   ∈ ℝ^(m×15)",
    r"A = B, \qquad C = D": "A = B,      C = D",
    r"W \leftarrow W - \alpha \mathrm{d}W": "W ← W − α dW",
    r"\text{for } i = 1, \dots, m": "for i = 1, …, m",
    r"a \le b < c \ne d \approx e \sim f": "a ≤ b < c ≠ d ≈ e ∼ f",
}  # fmt: skip

LONG = (
    r"\mathrm{d}Z^{[2]} = \frac{1}{m} \left( A^{[2]} - Y + \frac{a + b}{c + d} \odot "
    r"\sigma(Z^{[1]} + Z^{[3]}) \right) \odot \left( 1 - A^{[1]} \odot A^{[1]} \right)^{2} "
    r"+ \lambda W^{[2]} = \mathrm{d}A^{[2]} \odot \operatorname{softmax}(Z^{[2]})"
)


@pytest.mark.parametrize("latex", EXPECTED)
def test_unicode_reads_as_typed(latex: str) -> None:
    assert unicode(latex) == EXPECTED[latex]


@pytest.mark.parametrize("latex", [*EXPECTED, LONG])
def test_latex_of_the_tree_says_the_same(latex: str) -> None:
    again = parse(Source()(parse(latex)))
    assert unicode_of(again) == unicode(latex)
    assert Source()(again) == Source()(parse(latex))


def test_latex_of_the_tree_is_plain() -> None:
    def source(latex: str) -> str:
        return Source()(parse(latex))

    assert source(r"W^{[2]\top}") == r"W^{[2]\top}"
    assert source(r"\sum_{i=1}^{m}x_i") == r"\sum_{i=1}^{m} x_{i}"
    assert source(r"\partial J-x") == r"\partial J - x"
    assert source(r"\sigma^{ \prime }(Z)") == r"\sigma'(Z)"
    assert source(r"\text{50\% of a\_b}") == r"\text{50\% of a\_b}"


def test_markdown_leaves_its_own_signs_out() -> None:
    source = Source(markdown=True)
    assert source(parse(r"w^{[1]}_{1} + w^{[1]}_{2}")) == r"w^{[1]} _{1} + w^{[1]} _{2}"
    assert source(parse(r"\left\| x \right\| < a")) == r"\left\Vert x \right\Vert \lt a"
    assert source(parse(r"Z^{[2](1)}")) == r"Z^{[2] (1)}"
    cases = source(parse(r"\begin{cases} a & b \\ c & d \end{cases}"))
    assert cases == r"\begin{cases} a & b \cr c & d \end{cases}"
    assert source(parse(r"\left\{ x \, y \right\}")) == r"\lbrace x \thinspace y \rbrace"


def test_plain_text_as_latex() -> None:
    assert escaped("50 % & a_b #1 {x} $") == r"50 \% \& a\_b \#1 \{x\} \$"
    assert escaped("a\\b ~ ^ <") == r"a\textbackslash{}b \textasciitilde{} " \
        r"\textasciicircum{} \textless{}"  # fmt: skip
    assert escaped("σ ≤ x²") == r"\ensuremath{\sigma} \ensuremath{\leq} x²"
    assert escaped("层") == r"\texttt{U+5C42}"


@pytest.mark.parametrize(
    ("latex", "told"),
    [
        (r"\alfa", r"the command '\\alfa', at character 0"),
        (r"x + \left( y", r"a '\\left' has no '\\right'"),
        ("(x", "the bracket '(' is not closed, at character 0"),
        ("x)", "')' closes nothing, at character 1"),
        ("{x", "expected '}', found 'the end'"),
        ("x_1_2", "two '_' at the same thing, at character 3"),
        ("^2", "'^' stands after nothing"),
        (r"\frac{1}", "it ends where something should follow"),
        (r"\begin{matrix} a \end{matrix}", "the environment 'matrix'"),
        (r"\begin{cases} a \end{pmatrix}", "'cases' is ended by 'pmatrix'"),
        ("a | b", "a bare '|'"),
        ("σ", "the character 'σ'"),
        (r"\mathcal{LL}", "expected one capital letter, found 'LL'"),
        (r"\text{a", "a '{' is not closed"),
        ("(" * 200 + ")" * 200, "nested deeper than 100 levels"),
    ],
)
def test_what_is_outside_the_grammar_is_told(latex: str, told: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(latex)
    assert told.replace("\\\\", "\\") in str(caught.value)
    assert "docs/formula-grammar.md" in str(caught.value)


def test_a_space_makes_a_bracket_a_factor() -> None:
    applied, factor = parse("f(x)").items[1], parse("f (x)").items[1]
    assert isinstance(applied, Fence)
    assert isinstance(factor, Fence)
    assert applied.applied
    assert not factor.applied


def test_a_sign_is_between_two_things_or_before_one() -> None:
    def kinds(latex: str) -> list[str]:
        return [item.kind for item in parse(latex) if isinstance(item, Operator)]

    assert kinds("-x - y = -z") == ["prefix", "sum", "relation", "prefix"]
    assert kinds(r"x \odot -y") == ["product", "prefix"]
    assert kinds(r"\sum_{i} - x") == ["prefix"]


def test_trees() -> None:
    (found,) = parse(r"\frac{W_{1}}{2}")
    assert isinstance(found, Fraction)
    (name,) = found.above
    assert isinstance(name, Scripted)
    assert name.base == Symbol("W", "W")


# -- MathML ------------------------------------------------------------------------------------


def element(latex: str, display: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(f"<div>{math_html(latex, display)}</div>")


@pytest.mark.parametrize("latex", [*EXPECTED, LONG])
def test_mathml_is_well_formed_and_spoken(latex: str) -> None:
    found = element(latex, display=True)
    assert {child.tag for child in found} == {"math"}
    for math in found:
        assert math.get("alttext")
        assert math.get("alttext") == math.get("aria-label")
    if len(found) == 1:
        assert found[0].get("alttext") == unicode(latex)


CHILDREN = {
    "msup": 2,
    "msub": 2,
    "msubsup": 3,
    "munder": 2,
    "mover": 2,
    "munderover": 3,
    "mfrac": 2,
}


@pytest.mark.parametrize("latex", [*EXPECTED, LONG])
def test_mathml_elements_have_the_children_they_need(latex: str) -> None:
    for node in element(latex).iter():
        if node.tag in CHILDREN:
            assert len(node) == CHILDREN[node.tag], ElementTree.tostring(node)


def test_mathml_by_hand() -> None:
    assert math_html("x^{2}").endswith("<msup><mi>x</mi><mn>2</mn></msup></math>")
    assert "<msub><mi>x</mi><mn>1</mn></msub>" in math_html("x_1")
    assert "<mfrac><mn>1</mn><mi>m</mi></mfrac>" in math_html(r"\frac{1}{m}")
    assert '<mi mathvariant="normal">d</mi><mi>W</mi>' in math_html(r"\mathrm{d}W")
    assert "<mi>A</mi><mo>&#x2062;</mo><mi>W</mi>" in math_html("A W")
    assert "<mi>f</mi><mo>&#x2061;</mo><mrow>" in math_html("f(x)")
    assert '<mo form="prefix">−</mo>' in math_html("-x")
    assert '<mo lspace="0" rspace="0">−</mo>' in math_html("A^{[l-1]}")
    assert "<munderover><mo>∑</mo>" in math_html(r"\sum_{i=1}^{m} x")
    assert 'displaystyle="true"' in math_html("x", display=True)
    assert "displaystyle" not in math_html("x")
    assert "<mtext>a &lt; b &amp; c</mtext>" in math_html(r"\text{a < b \& c}")
    assert "&lt;" in math_html("x < y")


def test_long_mathml_can_be_broken_and_loses_nothing() -> None:
    pieces = segments(parse(LONG), 16.5)
    assert len(pieces) > 3
    assert all(width_of(piece) <= 16.5 for piece in pieces)
    told = "".join(unicode_of(piece) for piece in pieces).replace(" ", "")
    assert told == unicode(LONG).replace(" ", "")
    assert [math.get("alttext") for math in element(LONG)] == list(map(unicode_of, pieces))


# -- lines -------------------------------------------------------------------------------------


def test_lines_are_broken_where_it_reads_well() -> None:
    assert list(equation_lines("a = b + c", 40)) == ["a = b + c"]
    terms = "y = " + " + ".join(f"x_{{{i}}}" for i in range(10, 22))
    assert list(equation_lines(terms, 40)) == [
        "y = x₁₀ + x₁₁ + x₁₂ + x₁₃ + x₁₄ + x₁₅",
        "    + x₁₆ + x₁₇ + x₁₈ + x₁₉ + x₂₀ + x₂₁",
    ]
    chain = r"\frac{\partial J}{\partial W} = A^{\top} \mathrm{d}Z + \lambda W = A^{\top} (P - Y)"
    assert list(equation_lines(chain, 31)) == [
        "∂J/∂W = Aᵀ dZ + λ W",
        "      = Aᵀ (P − Y)",
    ]


@pytest.mark.parametrize("width", [100, 60, 40, 30, 24])
def test_lines_keep_to_the_width_and_lose_nothing(width: int) -> None:
    lines = list(equation_lines(LONG, width))
    assert max(map(cells, lines)) <= width
    assert "".join(lines).replace(" ", "") == unicode(LONG).replace(" ", "")


def test_a_fraction_wider_than_a_line_gets_a_slash() -> None:
    wide = rf"\frac{{{' + '.join(f'x_{{{i}}}' for i in range(40))}}}{{m}}"
    pieces = segments(parse(wide), 16.5)
    assert unicode_of(pieces[0]) == "(x₀"
    assert unicode_of(pieces[-1]) == "/ m"
    assert max(map(width_of, pieces)) <= 16.5
    assert len(segments(parse(r"\frac{a + b + c + d + e + f + g + h + i + j + k}{m}"), 9)) == 1


def test_columns_are_counted_as_a_terminal_shows_them() -> None:
    assert cells("X\u0302 = 1") == 5
    assert cells("层 x") == 4
