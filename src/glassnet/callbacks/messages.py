"""What is written while a model trains: a line that is redrawn in place, and lines that stay."""

from __future__ import annotations

import os
import sys
from typing import Any

_JOINT = "  "
_INDENT = "    "


class Screen:
    """Where the lines go: the standard output, as it is when the screen is made.

    A terminal and a notebook can redraw a line (by a carriage return and nothing else, which both
    understand); files and pipes get lines that stay. Without UTF-8 the bar is drawn in ASCII.
    """

    def __init__(self) -> None:
        self._stream: Any = sys.stdout
        self.redraws = self._stream is not None and (_is_terminal(self._stream) or _is_notebook())
        self._bar = "━─" if can_write(self._stream, "━─…") else "=-"
        self._dots = "…" if self._bar == "━─" else "..."
        self._drawn = 0

    @property
    def width(self) -> int:
        """The columns a line may take: one less than there are, for some terminals wrap there."""
        import shutil  # brings every archive format with it: too dear at import time

        return max(20, shutil.get_terminal_size((100, 24)).columns - 1)

    def bar(self, share: float, length: int) -> str:
        """Return a bar of which ``share`` is done."""
        done = int(share * length)
        return self._bar[0] * done + self._bar[1] * (length - done)

    def draw(self, text: str) -> None:
        """Draw a line over the one drawn before."""
        global _open
        if len(text) > self.width:
            text = text[: self.width - len(self._dots)] + self._dots
        self._put("\r" + text.ljust(self._drawn))
        self._drawn, _open = len(text), self

    def clear(self) -> None:
        """Take the drawn line away."""
        if self._drawn:
            self._put("\r" + " " * self._drawn + "\r")
        self._forget()

    def finish(self, fields: list[str]) -> None:
        """Write a line that stays, in place of the drawn one; a long one goes on, indented."""
        lines = fitted(fields, self.width) if self.redraws else [_JOINT.join(fields)]
        lines[0] = lines[0].ljust(self._drawn)
        lead = "\r" if self._drawn else ""
        self._put(lead + "\n".join(lines) + "\n")
        self._forget()

    def leave(self) -> None:
        """Go to the next line, the drawn one stays as it is."""
        if self._drawn:
            self._put("\n")
        self._forget()

    def _forget(self) -> None:
        global _open
        self._drawn = 0
        if _open is self:
            _open = None

    def _put(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(text)
            self._stream.flush()


_open: Screen | None = None
"""The screen with a drawn line that is not finished."""


def say(text: str) -> None:
    """Print a message; a bar that is being drawn makes room and is drawn anew below it."""
    if _open is not None:
        _open.clear()
    print(text, flush=True)


def writable(text: str) -> str:
    """Return a text with ``?`` for what the standard output has no characters for."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def fitted(fields: list[str], width: int) -> list[str]:
    """Return the fields as lines of at most ``width``, broken between fields.

    >>> fitted(["Epoch 1/2", "loss 0.1000", "accuracy 0.9000"], 24)
    ['Epoch 1/2  loss 0.1000', '    accuracy 0.9000']
    """
    lines = [fields[0]]
    for field in fields[1:]:
        longer = lines[-1] + _JOINT + field
        if len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(_INDENT + field)
    return lines


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):  # no file at all, or a closed one
        return False


def _is_notebook() -> bool:
    """Tell whether a notebook's kernel takes what is printed."""
    return type(sys.stdout).__module__.startswith("ipykernel")


def can_write(stream: Any, text: str) -> bool:
    """Tell whether the stream's encoding has all characters of the text."""
    encoding = getattr(stream, "encoding", None)  # None: text is kept as text
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
