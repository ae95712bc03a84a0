"""A document that holds every construct, and words that are special in every format."""

from __future__ import annotations

from glassnet.explain.document import Document, Formula, Heading, Listing, Paragraph, Table

SPECIAL = (
    "50 % of A&B, \\$5_000, #1, <b>bold</b>, back\\slash, {x}, ~, ^, *star*, _low_, [a](b), a|b"
)
"""As it stands in a document; the dollar sign is escaped there."""

SHOWN = SPECIAL.replace("\\$", "$")
"""As a reader sees it."""

CODE = "import numpy as np\n\nA = 1 / (1 + np.exp(-Z))  # σ(Z) {a} \\n 'b' <c> & `d` 100 % ```"

LONG = (
    r"\frac{\partial \mathcal{L}}{\partial w^{[1]}_{1,12}} = \left( "
    + " + ".join(
        rf"\left( a^{{[2]}}_{{{i}}} - y_{{{i}}} \right) w^{{[2]}}_{{12,{i}}}" for i in range(1, 9)
    )
    + r" \right) a^{[1]}_{12} \left( 1 - a^{[1]}_{12} \right) x_{1}"
)

WIDE = (
    rf"\frac{{{' + '.join(f'a_{{{i}}}' for i in range(1, 40))}}}"
    r"{\left\| W^{[2]} \right\|_{2} + \epsilon}"
)
"""An equation with no place to break it."""

FORMULAS = (
    Formula(
        r"Z^{[1]} = X W^{[1]} + b^{[1]}",
        space=r"\mathbb{R}^{m \times 25}",
        name="Z1",
        rule="Every example, a row of $X$, meets every unit, a column of $W^{[1]}$.",
        numbers=("[[ 0.1234, -0.5512, ...,  1.2001],", " [ 0.0012,  0.1234, ..., -0.8000]]"),
    ),
    Formula(r"A^{[1]} = \sigma(Z^{[1]})", space=r"\mathbb{R}^{m \times 25}", name="A1"),
    Formula(
        r"g^{[1]}(Z) = \begin{cases} Z & \text{where } Z > 0 \\ "
        r"\alpha (\exp(Z) - 1) & \text{elsewhere} \end{cases}"
    ),
    Formula(
        r"J = \frac{1}{m} \sum_{i=1}^{m} \mathcal{L}_{i}, \qquad "
        r"\mathcal{L}_{i} = -\sum_{j} Y_{ij} \log(A^{[2]}_{ij})",
        space=r"\mathbb{R}",
        name="J",
        rule="The cost is the mean of the losses.",
    ),
    Formula(
        r"\mathrm{d}W^{[2]} = \frac{\partial J}{\partial W^{[2]}} = "
        r"\frac{1}{m} A^{[1]\top} \mathrm{d}Z^{[2]}",
        space=r"\mathbb{R}^{25 \times 10}",
        name="dW2",
        rule="Product rule.",
        numbers=("[[ 0.1234, -0.5512 ]]",),
        check=r"difference quotient $0.12341$, relative error $3.1 \cdot 10^{-9}$",
    ),
    Formula(LONG, name="dw1"),
    Formula(r"\hat{X} = \frac{X - \mu}{\sqrt{\sigma^{2} + \epsilon}} + \bar{X} \tilde{A}"),
    Formula(r"W^{[2]} \leftarrow W^{[2]} - \alpha \, \mathrm{d}W^{[2]}", name="W2"),
    Formula(r"W^{[2]} \leftarrow 0.9 \, W^{[2]}", name="W2"),
    Formula(r"\begin{pmatrix} a & b \\ c & d \end{pmatrix} = \underbrace{A - Y}_{\mathrm{d}Z}"),
    Formula(r"\left\| W \right\|_{2}^{2} + \left| x \right| + \max_{j} Z_{:j} + [Z > 0]"),
    Formula(r"g^{[l]\prime}(Z) + \operatorname{corr}_{s=2,p=1}(A, W) \in \mathbb{R}^{m \times 15}"),
    Formula(WIDE),
)  # fmt: skip

DOCUMENT = Document(
    "The derivation of $f$, 2 layers & more",
    (
        Paragraph(f"{SPECIAL}. Then $m$, `from_logits=True` and $X \\in \\mathbb{{R}}^{{m}}$."),
        Heading("Notation"),
        Table(
            ("quantity", "what it is", "shape"),
            (
                ("$W^{[1]}$", "the weights", r"$400 \times 25$"),
                (r"$\left| x \right|$", "an entry | one", "`a|b`"),
            ),
            caption="What the letters mean.",
        ),
        Table(
            ("quantity", "in the first notation", "in the second", "in the third"),
            (("$W$", *("examples as rows, one below the other " * 2,) * 3),),
        ),
        Heading("Forward pass"),
        Heading(r"Layer 1: $\sigma$", 2),
        *FORMULAS[:4],
        Heading("Backward pass"),
        Heading(r"Layer 1: $\sigma$", 2),
        *FORMULAS[4:],
        Heading("The code"),
        Listing(CODE),
    ),
)
