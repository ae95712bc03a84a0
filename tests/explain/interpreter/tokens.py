"""LaTeX as tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<space>\s+|\\[,;:!]|\\quad\b|\\ )|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<command>\\(?:[A-Za-z]+|.))|(?P<letter>[A-Za-z])|(?P<sign>.)",
    re.DOTALL,
)


class Unreadable(ValueError):
    """A text is not in the grammar."""


@dataclass(frozen=True)
class Token:
    """A piece of LaTeX: its kind, its text, and whether a space stands before it."""

    kind: str
    text: str
    spaced: bool = False


END = Token("end", "")


def tokens(latex: str) -> list[Token]:
    """Return the tokens of a text."""
    found: list[Token] = []
    spaced = False
    for match in _TOKEN.finditer(latex):
        if match.lastgroup == "space":
            spaced = True
            continue
        found.append(Token(str(match.lastgroup), match.group(), spaced))
        spaced = False
    return found
