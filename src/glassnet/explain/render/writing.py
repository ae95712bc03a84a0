"""Writing a document into a file, in the format that the file's name asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from glassnet.explain.document import Document
from glassnet.explain.render.html import to_html
from glassnet.explain.render.latex import to_latex
from glassnet.explain.render.markdown import to_markdown
from glassnet.explain.render.text import to_text
from glassnet.storage.writing import write_whole

FORMATS: dict[str, Callable[[Document], str]] = {
    ".tex": to_latex,
    ".html": to_html,
    ".md": to_markdown,
    ".txt": to_text,
}
"""The formats, by the ending of a file's name."""


def write(document: Document, path: str | Path) -> Path:
    """Write a document into a file, whole or not at all.

    Args:
        document: what is to be read.
        path: the file; its ending says the format: ``.tex``, ``.html``, ``.md`` or ``.txt``.

    Returns:
        The path.

    Raises:
        ValueError: where the ending is none of these; nothing is written then.
        FormulaError: where a formula is outside the grammar; nothing is written then.
        OSError: where the file can't be written; one that stood there is as it was.
    """
    path = Path(path)
    render = FORMATS.get(path.suffix.lower())
    if render is None:
        raise ValueError(
            f"The ending of {path.name!r} says no format a document can be written in; "
            f"give the file one of {', '.join(FORMATS)}."
        )
    write_whole(path, [render(document).encode("utf-8")])
    return path
