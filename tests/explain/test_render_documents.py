"""Documents in each format: whole, safe from special characters, inside their widths."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from render_specimen import CODE, DOCUMENT, FORMULAS, SHOWN, SPECIAL

from glassnet.explain.document import Document, Formula, Heading, Listing, Paragraph, Table
from glassnet.explain.render import FormulaError, to_html, to_latex, to_markdown, to_text, write
from glassnet.explain.render import writing as writing_module
from glassnet.explain.render.inline import plain
from glassnet.explain.render.unicode import cells, unicode

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Reader(HTMLParser):
    """What a browser makes of a page: its elements, whether they nest, its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def ids(self) -> list[str]:
        return [str(a["id"]) for _, a in self.elements if "id" in a]


def one(block: Heading | Paragraph | Formula | Table | Listing) -> Document:
    return Document("T", (block,))


# -- HTML --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page() -> Reader:
    return Reader(to_html(DOCUMENT))


def test_html_needs_nothing_else(page: Reader) -> None:
    html = to_html(DOCUMENT)
    assert not re.search(r"https?:|//|@import|url\(|<script|<link|<img|<iframe", html)
    references = {a.get("href") for _, a in page.elements} | {
        a.get("src") for _, a in page.elements
    }
    assert all(link is None or link.startswith("#") for link in references)
    assert not any(name.startswith("on") for _, a in page.elements for name in a)


def test_html_names_equations_once(page: Reader) -> None:
    ids = page.ids()
    assert len(ids) == len(set(ids))
    assert {"Z1", "A1", "J", "dW2", "dw1", "W2", "W2-2"} <= set(ids)
    assert all(re.fullmatch(r"[\w.-]+", name) for name in ids)


def test_html_contents_lead_to_the_headings(page: Reader) -> None:
    links = [str(a["href"]).removeprefix("#") for a in page.all("a")]
    assert len(links) == 6
    assert set(links) <= set(page.ids())
    assert page.all("nav") == [{"aria-label": "Contents"}]


def test_html_mathematics_is_spoken(page: Reader) -> None:
    spoken = [str(math["alttext"]) for math in page.all("math")]
    assert all(spoken)
    assert [math["aria-label"] for math in page.all("math")] == spoken
    whole = " ".join(spoken)
    for formula in FORMULAS:
        flat = unicode(formula.latex).replace(" ", "")
        assert flat in whole.replace(" ", ""), formula.latex


def test_html_is_structured(page: Reader) -> None:
    assert len(page.all("h1")) == 1
    assert len(page.all("h2")) == 4
    assert {a.get("scope") for a in page.all("th")} == {"col", "row"}
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("main")) == 1
    assert "viewport" in {a.get("name") for a in page.all("meta")}


def test_html_shows_words_as_they_are(page: Reader) -> None:
    assert SHOWN in page.text
    assert CODE in page.text
    assert "[[ 0.1234, -0.5512, ...,  1.2001],\n [ 0.0012,  0.1234, ..., -0.8000]]" in page.text
    assert not page.all("b")


def test_html_fragment_stays_within_itself() -> None:
    fragment = to_html(DOCUMENT, standalone=False)
    found = Reader(fragment)
    assert found.ids() == []
    assert not found.all("html")
    assert not found.all("nav")
    style = re.findall(r"<style>(.*?)</style>", fragment, re.DOTALL)[0]
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"@media[^{]*", "", style))
    rules = [part for selector in selectors if selector.strip() for part in selector.split(",")]
    assert len(rules) > 30
    assert all(rule.strip().startswith(".glassnet-document") for rule in rules)


def test_html_keeps_a_sign_on_the_line_of_its_formula() -> None:
    html = to_html(one(Paragraph("of $x$, and $y$.")))
    assert re.search(r'<span class="whole"><math[^>]*><mi>x</mi></math>,</span> and', html)
    assert re.search(r'<span class="whole"><math[^>]*><mi>y</mi></math>\.</span></p>', html)


def test_html_names_cannot_break_out() -> None:
    html = to_html(Document("<i>", (Formula("x", name='"><b>'), Listing("</code>", '"><b>'))))
    found = Reader(html)
    assert not found.all("b")
    assert not found.all("i")
    assert "</code>" in found.text


# -- LaTeX -------------------------------------------------------------------------------------


def test_latex_is_balanced() -> None:
    latex = to_latex(DOCUMENT)
    body = re.sub(r"\\[{}\\%]", "", latex)
    body = re.sub(r"%.*", "", body)
    depth = 0
    for letter in body:
        depth += (letter == "{") - (letter == "}")
        assert depth >= 0
    assert depth == 0
    begun = re.findall(r"\\begin\{(\w+\*?)\}", latex)
    assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+\*?)\}", latex))
    assert latex.count(r"\left") == latex.count(r"\right") + latex.count(r"\leftarrow")


def test_latex_escapes_words() -> None:
    latex = to_latex(one(Paragraph(SPECIAL)))
    assert (
        r"50 \% of A\&B, \$5\_000, \#1, \textless{}b\textgreater{}bold\textless{}/b\textgreater{}, "
        r"back\textbackslash{}slash, \{x\}, \textasciitilde{}, \textasciicircum{}, *star*, \_low\_"
    ) in latex


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_and_no_line_overflows(tmp_path: Path) -> None:
    path = write(DOCUMENT, tmp_path / "document.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", path.name]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
    told = run.stdout.decode(errors="replace")
    assert run.returncode == 0, told[-2000:]
    assert (tmp_path / "document.pdf").stat().st_size > 10_000
    assert "Overfull" not in told, told
    assert "Undefined" not in told


# -- Markdown ----------------------------------------------------------------------------------


def test_markdown_escapes_words() -> None:
    markdown = to_markdown(one(Paragraph(SPECIAL)))
    assert (
        r"50 % of A&B, <span>$</span>5_000, #1, \<b\>bold\</b\>, back\\slash, {x}, \~, ^, "
        r"\*star\*, \_low\_, \[a\](b), a\|b"
    ) in markdown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("- not a list", r"\- not a list"),
        ("1. not a list", r"1\. not a list"),
        ("# not a title", r"\# not a title"),
        ("> not a quotation", r"\> not a quotation"),
        ("a &amp; b", "a &amp;amp; b"),
        ("dense_1 stays", "dense_1 stays"),
    ],
)
def test_markdown_words_begin_nothing(text: str, shown: str) -> None:
    assert to_markdown(one(Paragraph(text))) == f"# T\n\n{shown}\n"


def test_markdown_formulas_hold_nothing_that_markdown_reads() -> None:
    text = re.sub(r"```.*?^```", "", to_markdown(DOCUMENT), flags=re.DOTALL | re.MULTILINE)
    text = text.replace("<span>$</span>", "")
    formulas = re.findall(r"\$\$\n(.*?)\n\$\$", text, re.DOTALL) + re.findall(
        r"\$([^$\n]+)\$", text
    )
    assert len(formulas) > 20
    for formula in formulas:
        assert not re.search(r"\\[^A-Za-z]|\S_|\]\(|[*<>|`~#]", formula), formula


def test_markdown_tables_have_the_cells_they_should() -> None:
    table = DOCUMENT.blocks[2]
    assert isinstance(table, Table)
    lines = to_markdown(one(table)).split("\n\n")[-1].strip().split("\n")
    assert lines == [
        "| quantity | what it is | shape |",
        "| --- | --- | --- |",
        r"| $W^{[1]}$ | the weights | $400 \times 25$ |",
        r"| $\left\vert x \right\vert$ | an entry \| one | `a\|b` |",
    ]


def test_markdown_code_is_fenced_around_its_own_backquotes() -> None:
    assert f"\n````python\n{CODE}\n````\n" in to_markdown(one(Listing(CODE)))


# -- text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [120, 80, 60, 40, 24])
def test_text_keeps_to_the_width(width: int) -> None:
    blocks = tuple(block for block in DOCUMENT if not isinstance(block, Listing))
    text = to_text(Document(DOCUMENT.title, blocks), width)
    assert max(map(cells, text.split("\n"))) <= min(width, 96)
    assert not any(line != line.rstrip() for line in text.split("\n"))


def test_text_loses_nothing() -> None:
    text = to_text(DOCUMENT, 60)
    flat = re.sub(r"\s", "", text)
    for formula in FORMULAS:
        assert re.sub(r"\s", "", unicode(formula.latex)) in flat
        assert re.sub(r"\s", "", plain(formula.rule)) in flat
    assert re.sub(r"\s", "", SHOWN) in flat
    assert all(f"    {line}".rstrip() in text for line in CODE.split("\n"))


def test_text_by_hand() -> None:
    blocks = (
        Heading("Backward pass"),
        Formula(
            r"\mathrm{d}W^{[2]} = \frac{1}{m} A^{[1]\top} \mathrm{d}Z^{[2]}",
            r"\mathbb{R}^{15 \times 10}",
            rule="The product rule, for $A^{[1]} W^{[2]}$:",
            numbers=("[[ 0.1, 0.2 ]]",),
            check="difference quotient $0.1$",
        ),
        Table(("name", "shape"), (("$W^{[2]}$", r"$15 \times 10$"), ("$b$", "$1$"))),
        Listing("x = 1"),
    )
    assert to_text(Document("XOR", blocks), 60) == (
        """\
XOR
━━━

Backward pass
─────────────

The product rule, for A[1] W[2]:

    dW[2] = 1/m · A[1]ᵀ dZ[2]                    ∈ ℝ^(15×10)

      [[ 0.1, 0.2 ]]
      difference quotient 0.1

name   shape
────   ───────
W[2]   15 × 10
b      1

    x = 1
"""
    )


def test_text_stacks_a_table_that_does_not_fit() -> None:
    names = tuple(f"column{i}" for i in range(5))
    text = to_text(one(Table(names, (("a", "b", "c", "d", "e"),))), 24)
    assert text.endswith("column0: a\ncolumn1: b\ncolumn2: c\ncolumn3: d\ncolumn4: e\n")


def test_text_of_too_few_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be set in 10 columns"):
        to_text(DOCUMENT, 10)


# -- all formats -------------------------------------------------------------------------------

FORMATS = [to_html, to_latex, to_markdown, to_text]


@pytest.mark.parametrize("render", FORMATS)
def test_a_formula_outside_the_grammar_is_refused(render) -> None:
    with pytest.raises(FormulaError, match=r"\\wrong"):
        render(one(Formula(r"\wrong")))
    with pytest.raises(FormulaError, match="has no partner"):
        render(one(Paragraph("a $ b")))


@pytest.mark.parametrize("render", FORMATS)
def test_an_empty_document_is_its_title(render) -> None:
    assert "Nothing yet" in render(Document("Nothing yet"))


# -- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "render"),
    [("a.tex", to_latex), ("a.html", to_html), ("a.md", to_markdown), ("A.TXT", to_text)],
)
def test_write_chooses_by_the_ending(tmp_path: Path, name: str, render) -> None:
    path = write(DOCUMENT, str(tmp_path / name))
    assert path == tmp_path / name
    assert path.read_text(encoding="utf-8") == render(DOCUMENT)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_write_refuses_other_endings(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'a.pdf'.*\.tex, \.html, \.md, \.txt"):
        write(DOCUMENT, tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())


def test_write_leaves_the_old_file_where_it_fails(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.md"
    path.write_text("old")
    with pytest.raises(FormulaError):
        write(one(Formula(r"\wrong")), path)
    assert path.read_text() == "old"

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match="the disk is full"):
        write(DOCUMENT, path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.md"]


def test_every_format_is_tried_here() -> None:
    assert set(writing_module.FORMATS.values()) == set(FORMATS)
