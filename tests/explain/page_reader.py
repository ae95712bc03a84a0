"""Reads a report back: its numbers, tables, pictures, headings, addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "br", "source", "path", "circle", "rect"}


@dataclass
class Cell:
    """A cell: its words, and the exact number that it holds."""

    tag: str
    scope: str | None
    text: str = ""
    number: float | None = None


@dataclass
class Table:
    caption: str = ""
    rows: list[list[Cell]] = field(default_factory=list)

    @property
    def header(self) -> list[str]:
        return [cell.text for cell in self.rows[0]]

    def named(self, name: str) -> dict[str, float | None]:
        """The numbers of the row of this name, by column."""
        for row in self.rows[1:]:
            if row[0].text == name:
                return {h: c.number for h, c in zip(self.header, row, strict=True)}
        raise KeyError(name)

    def pair(self, name: str) -> Cell:
        """The second cell of a row of two."""
        return next(row[1] for row in self.rows if row[0].text == name)


class Page(HTMLParser):
    """A page, read strictly: what is opened is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.size = path.stat().st_size
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[Table] = []
        self.headings: list[tuple[int, str]] = []
        self.notes: list[str] = []
        self.keys: dict[str, float | None] = {}
        self._open: list[str] = []
        self._key = ""
        self._note = False
        self.feed(self.text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert len(given) == len(attrs), (tag, attrs)
        self.tags.append((tag, given))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append(Table())
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag in ("th", "td"):
            self.tables[-1].rows[-1].append(Cell(tag, given.get("scope")))
        elif tag == "data":
            number = float(given["value"] or "nan")
            if "dd" in self._open:
                self.keys[self._key] = number
            elif "table" in self._open:
                self.tables[-1].rows[-1][-1].number = number
        elif re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        elif given.get("class") == "note":
            self.notes.append("")
            self._note = True

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "p":
            self._note = False

    def handle_data(self, data: str) -> None:
        if not self._open:
            return
        if any(tag in self._open for tag in ("th", "td")):
            self.tables[-1].rows[-1][-1].text += data
        elif "caption" in self._open:
            self.tables[-1].caption += data
        elif re.fullmatch("h[1-6]", self._open[-1]):
            level, words = self.headings[-1]
            self.headings[-1] = (level, words + data)
        elif self._open[-1] == "dt":
            self._key = data
        elif self._note:
            self.notes[-1] += data

    # --- asking -------------------------------------------------------------------------------
    def table(self, caption: str) -> Table:
        return next(t for t in self.tables if t.caption.startswith(caption))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [given for name, given in self.tags if name == tag]

    def listing(self, label: str) -> str:
        import html

        found = re.search(rf'aria-label="{label}"><code>(.*?)</code>', self.text, re.DOTALL)
        assert found is not None
        return html.unescape(found[1])
