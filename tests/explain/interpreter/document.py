r"""The equations on display in a LaTeX document: put together again from their lines."""

from __future__ import annotations

import re

_DISPLAY = re.compile(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", re.DOTALL)
_TAG = re.compile(r"\\tag\*\{\$\\in (.*?)\$\}\s*$", re.DOTALL)


def equations_of(document: str) -> list[str]:
    """Return the equations of a document, each with the statement of its shape behind it."""
    found = []
    for display in _DISPLAY.findall(document):
        tag = _TAG.search(display)
        body = _TAG.sub("", display)
        body = re.sub(r"\\fitted(?=\{)", "", _joined(body))
        found.append(f"{body} \\in {tag[1]}" if tag else body)
    return found


def _joined(body: str) -> str:
    """Return the lines of an equation as one; what stands within cases stays."""
    parts = re.split(r"(\\begin\{cases\}|\\end\{cases\})", body)
    depth, kept = 0, []
    for part in parts:
        depth += (part == r"\begin{cases}") - (part == r"\end{cases}")
        if depth == 0 and part != r"\end{cases}":
            part = re.sub(r"\\\\|&|\\quad|\{\}", " ", part)
        kept.append(part)
    return "".join(kept)
