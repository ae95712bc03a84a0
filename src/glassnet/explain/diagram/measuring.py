"""How wide a text is at most, and texts shortened to fit.

A picture does not know the font in which it will be read. The widths here are those of DejaVu Sans,
the widest of the fonts in `FONTS`, so that a text never takes more room than was kept for it.

Source: the advance widths in the DejaVu fonts, version 2.37.
"""

from __future__ import annotations

import unicodedata

FONTS = (
    "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'Noto Sans', 'DejaVu Sans', sans-serif"
)

_REGULAR = {
    278: "'ijl", 295: "IJ", 318: " ,.·", 337: "/:;\\|", 361: "f-", 392: "()[]t", 411: "!r",
    460: '"', 500: "*_`", 525: "sz", 557: "cL?", 592: "Fkvxy", 615: "PTYoae", 636: "Ehnub"
    "Sdgpq$0123456789{}", 656: "K", 698: "AVXZBRC", 752: "UNH", 787: "DG&OQ", 838: "w#+<=>^~×→−",
    863: "M", 974: "%m", 1000: "W@…—",
}  # fmt: skip
_BOLD = {
    343: "'ijl", 348: " ", 380: "/\\|IJ,.·", 415: ":;-", 457: "f!()[]", 500: "tr_`", 523: '"*',
    595: "zcs?", 652: "Lxvy", 690: "kaeTFEo", 716: "$0123456789hnu{}bdgpq", 734: "SYZPC",
    775: "BRXAVK", 838: "UGDHN#+<=>^~×→−", 872: "OQ&", 924: "w", 1002: "M@%…—", 1042: "m",
    1103: "W",
}  # fmt: skip
_WIDTHS = [
    {letter: width for width, letters in table.items() for letter in letters}
    for table in (_REGULAR, _BOLD)
]
_WIDEST = (1100, 1330)
"""What is kept for a letter that no table names."""
_IDEOGRAPH = 1330


def width_of(text: str, size: float, bold: bool = False) -> float:
    """Return the most that a text takes, in pixels, at a size of the font in pixels.

    >>> width_of("ill", 10) < width_of("mmm", 10)
    True
    """
    return sum(_width_of_letter(letter, bold) for letter in text) * size / 1000


def _width_of_letter(letter: str, bold: bool) -> int:
    known = _WIDTHS[bold].get(letter)
    if known is not None:
        return known
    if unicodedata.combining(letter):
        return 0
    base = unicodedata.normalize("NFD", letter)[0]
    if base in _WIDTHS[bold]:
        return _WIDTHS[bold][base]
    wide = unicodedata.east_asian_width(letter) in "WF"
    return _IDEOGRAPH if wide else _WIDEST[bold]


def shortened(text: str, room: float, size: float, bold: bool = False) -> str:
    """Return the text, with an ellipsis in place of its end where it is wider than ``room``.

    >>> shortened("a name that goes on", 60, 10)
    'a name t…'
    """
    if width_of(text, size, bold) <= room:
        return text
    left = room - width_of("…", size, bold)
    kept = 0
    while kept < len(text):
        left -= width_of(text[kept], size, bold)
        if left < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "…"
