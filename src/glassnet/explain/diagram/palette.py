"""Colours and marks of drawings: light, dark, as the reader's screen is, or as the page around is.

No kind of block is told by its colour alone: each has a mark of its own, and the key names both.

Source of the hues: M. Okabe, K. Ito, "Color universal design", 2008, told apart by colour-blind
eyes too; darkened for light grounds and lightened for dark ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from glassnet.checks import one_of
from glassnet.explain.diagram.measuring import FONTS
from glassnet.explain.diagram.writing import element

THEMES = ("light", "dark")


@dataclass(frozen=True)
class Palette:
    """The colours of a theme; ``kinds`` has the edge and the ground of each kind of block."""

    ground: str
    ink: str
    soft: str
    wire: str
    faint: str
    kinds: Mapping[str, tuple[str, str]]
    curves: tuple[str, ...]


LIGHT = Palette(
    "#fdfdfb", "#1d1f23", "#565d68", "#7d848f", "#dfe1e4",
    {
        "input": ("#565d68", "#f1f2f3"),
        "weights": ("#0072b2", "#e7f1f9"),
        "activation": ("#d55e00", "#fdf0e5"),
        "shape": ("#008a65", "#e5f5ef"),
        "regularisation": ("#b3568a", "#faeff5"),
        "merge": ("#a87600", "#fcf4df"),
        "op": ("#2a8bc4", "#eff8fd"),
        "model": ("#33373d", "#eeeff1"),
        "other": ("#7d848e", "#f6f6f6"),
    },
    ("#0072b2", "#d55e00", "#008a65", "#b3568a"),
)  # fmt: skip
DARK = Palette(
    "#17191c", "#e4e7eb", "#a6adb8", "#858d99", "#34383e",
    {
        "input": ("#a6adb8", "#25282d"),
        "weights": ("#4da6e0", "#1a2a36"),
        "activation": ("#f08a3c", "#35261b"),
        "shape": ("#2fc79b", "#17302a"),
        "regularisation": ("#e39cc6", "#33242e"),
        "merge": ("#f0b93a", "#33291a"),
        "op": ("#7cc7f0", "#1c2b33"),
        "model": ("#d5d9df", "#2a2d33"),
        "other": ("#8d949f", "#232629"),
    },
    ("#4da6e0", "#f08a3c", "#2fc79b", "#e39cc6"),
)  # fmt: skip
_MIDDLE = {
    "input": "#858c96", "weights": "#1e86c8", "activation": "#dd6b10", "shape": "#0da67b",
    "regularisation": "#c86ba0", "merge": "#c78f10", "op": "#4aaae2", "model": "#858c96",
    "other": "#858c96",
}  # fmt: skip


def _mixed(colour: str, share: int) -> str:
    return f"color-mix(in srgb, {colour} {share}%, transparent)"


AROUND = Palette(
    "none", "currentColor", _mixed("currentColor", 72), _mixed("currentColor", 48),
    _mixed("currentColor", 16),
    {kind: (colour, _mixed(colour, 12)) for kind, colour in _MIDDLE.items()},
    ("#1e86c8", "#dd6b10", "#0da67b", "#c86ba0"),
)  # fmt: skip
"""The colours of a drawing within a page: they follow the colour of the page's text."""

SIZES = {"title": 13.0, "text": 12.0, "small": 11.0, "heading": 15.0}
"""The classes of text with the sizes of their fonts, in pixels; titles and headings are bold."""


def class_of(theme: str | None) -> str:
    """Return the class that a drawing of a theme has."""
    return f"glassnet-svg-{theme or 'auto'}"


def style_of(theme: str | None) -> str:
    """Return the ``style`` element: of a theme, "page" for the colours of the page around.

    For None the drawing is light or dark as the reader's screen is. Every rule begins with the
    class of the theme, so that it touches nothing else in a page.
    """
    around = f".{class_of(theme)}"
    rules = [f"{around} text{{font-family:{FONTS};white-space:pre}}"]
    for name, size in SIZES.items():
        bold = ";font-weight:600" if name in ("title", "heading") else ""
        rules.append(f"{around} .{name}{{font-size:{size:g}px{bold}}}")
    rules += [
        f"{around} .wire,{around} .curve{{fill:none;stroke-width:1.5;stroke-linejoin:round}}",
        f"{around} .curve{{stroke-width:1.8}}",
        f"{around} .curve.two{{stroke-dasharray:5 3}}",
        f"{around} .curve.three{{stroke-dasharray:1.5 3;stroke-linecap:round}}",
        f"{around} .curve.four{{stroke-dasharray:7 3 1.5 3}}",
        f"{around} .curve.gap{{stroke-dasharray:none}}",
        f"{around} .ring{{fill:none;stroke-width:1.8}}",
    ]
    known = {"light": LIGHT, "dark": DARK, "page": AROUND}
    rules += _coloured(around, known.get(theme or "", LIGHT))
    if theme is None:
        dark = "\n".join(_coloured(around, DARK))
        rules.append(f"@media (prefers-color-scheme:dark){{\n{dark}\n}}")
    return "<style>\n" + "\n".join(rules) + "\n</style>"


def checked_theme(theme: str | None) -> str | None:
    """Return the theme where there is such a one."""
    return None if theme is None else one_of(theme, THEMES, "theme")


def _coloured(around: str, palette: Palette) -> Iterator[str]:
    yield f"{around} .ground{{fill:{palette.ground}}}"
    yield f"{around} .ink{{fill:{palette.ink}}}"
    yield f"{around} .soft{{fill:{palette.soft}}}"
    yield f"{around} .wire{{stroke:{palette.wire}}}"
    yield f"{around} .head{{fill:{palette.wire}}}"
    yield f"{around} .grid{{stroke:{palette.faint};stroke-width:1;fill:none}}"
    yield f"{around} .frame{{fill:{palette.faint};fill-opacity:.3;stroke:{palette.wire}}}"
    for kind, (edge, ground) in palette.kinds.items():
        here = f"{around} .{kind}"
        yield f"{here} .body{{fill:{ground};stroke:{edge};stroke-opacity:.6}}"
        yield f"{here} .full{{fill:{edge}}}"
        yield f"{here} .line{{fill:none;stroke:{edge};stroke-width:1.6}}"
    for number, colour in zip(("one", "two", "three", "four"), palette.curves, strict=True):
        yield f"{around} .curve.{number},{around} .ring.{number}{{stroke:{colour}}}"
        yield f"{around} .dot.{number}{{fill:{colour}}}"


# --- marks ------------------------------------------------------------------------------------
def mark(kind: str, x: float, y: float) -> str:
    """Return the mark of a kind of blocks, 14 pixels wide, about a point."""
    parts = _MARKS[kind]()
    return element("g", "".join(parts), class_="mark", transform=f"translate({x:g} {y:g})")


def _line(d: str) -> str:
    return element("path", d=d, class_="line", stroke_linecap="round", stroke_linejoin="round")


def _input() -> Iterator[str]:
    yield _line("M0 -6V3M-4 -1L0 3L4 -1M-6 6.5H6")


def _weights() -> Iterator[str]:
    corners = [(x, y) for y in (-5.5, -1.75, 2.0) for x in (-5.5, -1.75, 2.0)]
    yield element("path", d="".join(f"M{x:g} {y:g}h3v3h-3z" for x, y in corners), class_="full")


def _activation() -> Iterator[str]:
    yield _line("M-7 5C2 5 -2 -5 7 -5")


def _shape() -> Iterator[str]:
    yield _line("M-3.5 -6H-6.5V6H-3.5M3.5 -6H6.5V6H3.5")
    yield element("rect", x=-2.0, y=-2.0, width=4.0, height=4.0, class_="full")


def _regularisation() -> Iterator[str]:
    for i, (x, y) in enumerate((x, y) for y in (-4.5, 0.0, 4.5) for x in (-4.5, 0.0, 4.5)):
        if i in (1, 3, 8):
            yield element("circle", cx=x, cy=y, r=1.3, class_="line", style="stroke-width:.9")
        else:
            yield element("circle", cx=x, cy=y, r=1.8, class_="full")


def _merge() -> Iterator[str]:
    yield element("circle", cx=0.0, cy=0.0, r=6.2, class_="line")
    yield _line("M-3 0H3M0 -3V3")


def _op() -> Iterator[str]:
    yield _line("M0 -6L6 0L0 6L-6 0Z")


def _model() -> Iterator[str]:
    yield element("rect", x=-3.0, y=-6.5, width=9.0, height=8.0, rx=1.5, class_="line")
    yield element("rect", x=-6.5, y=-2.5, width=9.0, height=8.0, rx=1.5, class_="full")


def _other() -> Iterator[str]:
    yield element("circle", cx=0.0, cy=0.0, r=5.0, class_="line")


_MARKS = {
    "input": _input,
    "weights": _weights,
    "activation": _activation,
    "shape": _shape,
    "regularisation": _regularisation,
    "merge": _merge,
    "op": _op,
    "model": _model,
    "other": _other,
}
