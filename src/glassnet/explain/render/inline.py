"""The texts of a document: words, mathematics between dollar signs, code between backquotes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from glassnet.explain.render.parse import FormulaError, parse
from glassnet.explain.render.tree import Row
from glassnet.explain.render.unicode import unicode_of

_SPAN = re.compile(r"\\([$`])|\$([^$]*)\$|`([^`]*)`")


@dataclass(frozen=True)
class Words:
    """Plain words."""

    text: str


@dataclass(frozen=True)
class Mathematics:
    """A formula within a sentence."""

    row: Row


@dataclass(frozen=True)
class Code:
    """A piece of code within a sentence."""

    text: str


Span = Words | Mathematics | Code


@lru_cache(maxsize=4096)
def spans(text: str) -> tuple[Span, ...]:
    r"""Cut a text into words, mathematics and code; ``\$`` and ``\``` are the characters.

    Raises:
        FormulaError: where a dollar sign has no partner or a formula is outside the grammar.

    >>> spans("at $x$, see `f`")
    (Words(text='at '), Mathematics(row=Row(items=(Symbol(latex='x', text='x', upright=False, clings=False),))), Words(text=', see '), Code(text='f'))
    """  # noqa: E501
    found: list[Span] = []
    words = ""
    end = 0
    for match in _SPAN.finditer(text):
        words += text[end : match.start()]
        end = match.end()
        character, formula, code = match.groups()
        if character is not None:
            words += character
            continue
        if words:
            found.append(Words(words))
        words = ""
        found.append(Mathematics(parse(formula)) if formula is not None else Code(code))
    words += text[end:]
    if "$" in text[end:]:
        raise FormulaError(
            f"A dollar sign has no partner in {text!r}; a dollar sign itself is written \\$"
        )
    return (*found, Words(words)) if words else tuple(found)


def plain(text: str) -> str:
    """Return a text as one line of Unicode.

    >>> plain("the gradient $\\\\mathrm{d}W^{[2]}$")
    'the gradient dW[2]'
    """
    return "".join(
        unicode_of(span.row) if isinstance(span, Mathematics) else span.text
        for span in spans(text)
    )  # fmt: skip
