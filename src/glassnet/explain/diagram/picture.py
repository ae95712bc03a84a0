"""Pictures as SVG: shown in a notebook, written to a file."""

from __future__ import annotations

import re
from pathlib import Path

from glassnet.explain.diagram.writing import clean
from glassnet.storage.writing import write_whole

ENDINGS = (".svg", ".html")


class Picture:
    """A picture as SVG.

    Args:
        svg: its text.
        title: what it shows, for the title of a page.
    """

    def __init__(self, svg: str, title: str) -> None:
        self.svg, self.title = svg, title

    def save(self, path: str | Path) -> Path:
        """Write the picture, whole or not at all; ``.html`` makes a page of it.

        Raises:
            ValueError: for another ending than .svg or .html.
        """
        path = Path(path)
        check_ending(path)
        text = self.svg if path.suffix.lower() == ".svg" else self.html()
        write_whole(path, [text.encode()])
        return path

    def html(self) -> str:
        """Return a page that holds the picture and needs no other file."""
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{clean(self.title)}</title>\n"
            "<style>:root{color-scheme:light dark}body{margin:1rem}</style>\n"
            f"</head>\n<body>\n{self.svg}\n</body>\n</html>\n"
        )

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', self.svg)
        size = f", {found[1]} × {found[2]}" if found else ""
        return f"<{type(self).__name__}: {self.title}{size}>"


def check_ending(path: Path) -> None:
    """Raise where a picture can't be written in the format that the path asks for."""
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(
            f"A diagram is written as .svg or .html; got {str(path)!r}. Name it "
            f"{str(path.with_suffix('.svg'))!r}: every browser shows it, and it is sharp at any "
            "size."
        )
