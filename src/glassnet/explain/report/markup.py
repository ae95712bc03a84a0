"""The elements of the report's page: texts, numbers, tables, figures, folded parts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from glassnet.explain.diagram.writing import clean as clean

HARD_SPACE = "\N{NO-BREAK SPACE}"
_MOST_WORDS = 300
"""So many characters of an error's message are told."""


class CannotTell(Exception):
    """A part of the report that can't be made; the message says why in a sentence."""


# --- texts and numbers ------------------------------------------------------------------------
def counted(number: int, what: str, several: str = "") -> str:
    """Return a number and what there are of it.

    >>> counted(1, "example"), counted(2000, "example"), counted(2, "class", "classes")
    ('1 example', '2,000 examples', '2 classes')
    """
    return f"{number:,} {what if number == 1 else several or what + 's'}"


def told(value: Any, digits: int = 4) -> str:
    """Return a number for people: whole numbers in full, others with a few digits, a true minus.

    >>> told(12345), told(0.123456), told(-2.0)
    ('12,345', '0.1235', '−2')
    """
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}".replace("-", "−")
    number = float(value)
    if math.isnan(number):
        return "–"
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if 1e4 <= abs(number) < 1e7:
        return f"{number:,.0f}".replace("-", "−")
    return f"{number:.{digits}g}".replace("-", "−")


def percent(share: float) -> str:
    """Return a share in percent, never rounded to all or nothing.

    >>> percent(0.9876).replace(HARD_SPACE, " "), percent(0.99999).replace(HARD_SPACE, " ")
    ('98.8 %', '> 99.9 %')
    """
    if math.isnan(share):
        return "–"
    if share in (0.0, 1.0):
        return f"{100 * share:.0f}{HARD_SPACE}%"
    text = f"{100 * share:.1f}"
    text = {"100.0": f">{HARD_SPACE}99.9", "0.0": f"<{HARD_SPACE}0.1"}.get(text, text)
    return f"{text}{HARD_SPACE}%"


def value(number: Any, written: str = "") -> str:
    """Return a number as an element that holds every digit of it, and shows a few."""
    exact = repr(number.item() if isinstance(number, (np.generic, np.ndarray)) else number)
    return f'<data value="{clean(exact)}">{clean(written or told(number))}</data>'


def sentence(text: str) -> str:
    """Return a paragraph of plain words."""
    return f"<p>{clean(text)}</p>"


def note(text: str) -> str:
    """Return a remark: what could not be made, and why."""
    return f'<p class="note">{clean(text)}</p>'


def why(error: BaseException) -> str:
    """Return what an error says, in its first sentence, with a full stop.

    >>> why(ValueError("roc: the model has no loss. Call compile(loss='mse') first."))
    'The model has no loss.'
    """
    message = " ".join(str(error.args[0] if error.args else error).split())
    if not message:
        return f"{type(error).__name__}."
    message = re.sub(r"^[a-z_]+: (?=\w)", "", message)  # who says it is no concern of the reader
    first = re.split(r"(?<=[.!?])\s+(?=[A-Z])", message)[0]
    if re.match("[a-z]{2}", first):  # no symbol, such as y
        first = first[0].upper() + first[1:]
    if len(first) > _MOST_WORDS:
        first = first[: _MOST_WORDS - 1].rsplit(" ", 1)[0] + " …"
    return first if first[-1] in ".!?…" else first + "."


def attempted(what: str, make: Callable[[], Iterable[str]]) -> str:
    """Return a part of the page; where it can't be made, the sentence that says why."""
    try:
        with np.errstate(all="ignore"):
            return "\n".join(make())
    except Exception as error:
        return note(f"{what} can't be shown. {why(error)}")


# --- tables -----------------------------------------------------------------------------------
def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    kind: str = "numbers",
    stub: bool = True,
) -> str:
    """Return a table with headers of columns and rows.

    Args:
        caption: what it tells.
        header: the names of the columns, plain words.
        rows: the cells, as HTML.
        kind: the class: "numbers" for right-aligned columns after the first, "facts" for words.
        stub: whether the first cell of a row names the row.
    """
    head = "".join(f'<th scope="col">{clean(name)}</th>' for name in header)
    return (
        f'{region(caption)}\n<table class="{kind}">\n<caption>{clean(caption)}</caption>\n'
        f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n"
        + "".join(f"<tr>{''.join(_cells(row, stub))}</tr>\n" for row in rows)
        + "</tbody>\n</table>\n</div>"
    )


def _cells(row: Sequence[str], stub: bool) -> Iterator[str]:
    for place, cell in enumerate(row):
        yield f'<th scope="row">{cell}</th>' if stub and place == 0 else f"<td>{cell}</td>"


def facts(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of two columns, what and which; the cells of the second are HTML."""
    body = "".join(
        f'<tr><th scope="row">{clean(name)}</th><td>{cell}</td></tr>\n' for name, cell in rows
    )
    return (
        f'<table class="facts pairs">\n<caption>{clean(caption)}</caption>\n'
        f"<tbody>\n{body}</tbody>\n</table>"
    )


def region(label: str) -> str:
    """Return the start of a box that scrolls sideways, by keyboard too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{clean(label)}">'


# --- figures and folds ------------------------------------------------------------------------
def figure(content: str, caption: str = "", kind: str = "") -> str:
    """Return a picture with its caption."""
    told_below = f"\n<figcaption>{clean(caption)}</figcaption>" if caption else ""
    of_kind = f' class="{kind}"' if kind else ""
    return f"<figure{of_kind}>\n{content}{told_below}\n</figure>"


def scrolled(svg: str, label: str) -> str:
    """Return a drawing in a box that scrolls where the window is narrower."""
    return f"{region(label)}{svg}</div>"


def beside(parts: Iterable[str]) -> str:
    """Return parts side by side, below each other where the window is narrow."""
    return '<div class="beside">\n' + "\n".join(parts) + "\n</div>"


def fold(summary: str, content: str, kind: str = "") -> str:
    """Return a part that is closed until it is asked for; of the kind "data" it is printed."""
    of_kind = f' class="{kind}"' if kind else ""
    return f"<details{of_kind}>\n<summary>{clean(summary)}</summary>\n{content}\n</details>"


def listing(code: str, label: str) -> str:
    """Return source code."""
    return (
        f'<pre tabindex="0" role="region" aria-label="{clean(label)}"><code>'
        f"{clean(code.rstrip())}</code></pre>"
    )


def heading(text: str, level: int = 3) -> str:
    """Return a heading within a section."""
    return f"<h{level}>{clean(text)}</h{level}>"
