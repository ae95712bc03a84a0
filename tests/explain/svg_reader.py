"""Reads diagrams back from their SVG: blocks with their texts, wires with their corners."""

from __future__ import annotations

import functools
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"
SIZES = {"title": 13.0, "text": 12.0, "small": 11.0, "heading": 15.0}


@dataclass
class Rect:
    x: float
    y: float
    width: float
    height: float

    def meets(self, other: Rect, by: float = 0.0) -> bool:
        return (
            self.x < other.x + other.width - by
            and other.x < self.x + self.width - by
            and self.y < other.y + other.height - by
            and other.y < self.y + self.height - by
        )

    def holds(self, other: Rect, spare: float = 0.0) -> bool:
        return (
            self.x <= other.x + spare
            and self.y <= other.y + spare
            and other.x + other.width <= self.x + self.width + spare
            and other.y + other.height <= self.y + self.height + spare
        )


@dataclass
class ReadBlock:
    key: str
    name: str
    call: int
    kind: str
    rect: Rect
    lines: list[str]
    boxes: list[Rect]
    title: str
    shape: str


@dataclass
class ReadWire:
    source: str
    target: str
    output: int
    points: list[tuple[float, float]]


@dataclass
class Read:
    root: ET.Element
    page: Rect
    blocks: dict[str, ReadBlock]
    frames: dict[str, Rect]
    frame_texts: list[tuple[str, Rect]]
    wires: list[ReadWire]
    title: str
    description: str

    def pairs(self) -> list[tuple[str, str]]:
        return sorted((w.source, w.target) for w in self.wires)


def number(element: ET.Element, name: str) -> float:
    return float(element.get(name, "0"))


def classes(element: ET.Element) -> list[str]:
    return element.get("class", "").split()


def corners(d: str) -> list[tuple[float, float]]:
    """The corners of a path of lines and rounded corners; of a curve, its middle point."""
    found: list[tuple[float, float]] = []
    for sign, rest in re.findall(r"([MLQ])([^MLQ]*)", d):
        values = [float(v) for v in rest.split()]
        pairs = list(zip(values[::2], values[1::2], strict=True))
        if sign == "Q":
            found.append(pairs[0])
        found.append(pairs[-1])
    return found


def width_of(text: str, size: float, bold: bool) -> float:
    """How wide Matplotlib finds a text in DejaVu Sans, in pixels."""
    font = font_of(bold)
    return (
        sum(font.load_char(ord(letter)).linearHoriAdvance for letter in text) / 65536 * size / 1e3
    )


@functools.cache
def font_of(bold: bool):
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = FT2Font(str(Path(get_data_path()) / "fonts" / "ttf" / name))
    font.set_size(1000, 72)
    return font


def box_of(text: ET.Element) -> Rect:
    """The room of a line of text: its width in the widest font, its height about the line."""
    name = next(c for c in classes(text) if c in SIZES)
    size = SIZES[name]
    width = width_of(text.text or "", size, name in ("title", "heading"))
    x = number(text, "x") - {"end": width, "middle": width / 2}.get(text.get("text-anchor"), 0)
    return Rect(x, number(text, "y") - 0.78 * size, width, size)


def rect_of(element: ET.Element) -> Rect:
    return Rect(*(number(element, n) for n in ("x", "y", "width", "height")))


def read(svg: str) -> Read:
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    page = Rect(*map(float, root.get("viewBox").split()))
    blocks: dict[str, ReadBlock] = {}
    frames: dict[str, Rect] = {}
    frame_texts = []
    wires = []
    for group in root.iter(f"{SVG}g"):
        kinds = classes(group)
        if "block" in kinds:
            key = group.get("data-key")
            assert key not in blocks
            texts = list(group.iter(f"{SVG}text"))
            blocks[key] = ReadBlock(
                key, group.get("data-name"), int(group.get("data-call")), kinds[1],
                rect_of(group.find(f"{SVG}rect")), [t.text for t in texts],
                [box_of(t) for t in texts], group.find(f"{SVG}title").text,
                group.get("data-shape") or "",
            )  # fmt: skip
        elif "opened" in kinds:
            key = group.get("data-key")
            assert key not in frames
            frames[key] = rect_of(group.find(f"{SVG}rect"))
            frame_texts += [(key, box_of(t)) for t in group.findall(f"{SVG}text")]
        elif "link" in kinds:
            path = next(p for p in group.findall(f"{SVG}path") if "wire" in classes(p))
            wires.append(
                ReadWire(
                    group.get("data-from"), group.get("data-to"), int(group.get("data-output")),
                    corners(path.get("d")),
                )
            )  # fmt: skip
    return Read(
        root, page, blocks, frames, frame_texts, wires, root.find(f"{SVG}title").text,
        root.find(f"{SVG}desc").text,
    )  # fmt: skip


def pieces(wire: ReadWire) -> list[Rect]:
    """The straight pieces of a wire, as rectangles without room."""
    return [
        Rect(min(a[0], b[0]), min(a[1], b[1]), abs(a[0] - b[0]), abs(a[1] - b[1]))
        for a, b in zip(wire.points, wire.points[1:], strict=False)
    ]


def check_geometry(found: Read) -> None:
    """Nothing lies on anything else: blocks apart, texts within them, wires past them."""
    blocks = list(found.blocks.values())
    for i, block in enumerate(blocks):
        assert found.page.holds(block.rect)
        for other in blocks[i + 1 :]:
            assert not block.rect.meets(other.rect), (block.key, other.key)
        for line, box in zip(block.lines, block.boxes, strict=True):
            assert block.rect.holds(box, 0.01), (block.key, line)
        for j, box in enumerate(block.boxes):
            for k in range(j + 1, len(block.boxes)):
                assert not box.meets(block.boxes[k], 0.01), (block.key, block.lines)
    for key, frame in found.frames.items():
        inside = [b for b in blocks if b.key.startswith(f"{key}/")]
        assert inside
        assert all(frame.holds(b.rect) for b in inside)
        assert not any(frame.meets(b.rect) for b in blocks if not b.key.startswith(f"{key}/"))
    for i, (key, text) in enumerate(found.frame_texts):
        assert found.frames[key].holds(text)
        assert not any(text.meets(piece) for wire in found.wires for piece in pieces(wire))
        assert not any(text.meets(block.rect) for block in blocks)
        assert not any(text.meets(other) for _, other in found.frame_texts[i + 1 :])
    for wire in found.wires:
        assert len(wire.points) >= 2
        for piece in pieces(wire):
            assert found.page.holds(piece, 0.01)
            assert piece.width < 0.01 or piece.height < 0.01  # at right angles
            for block in blocks:
                if piece.meets(block.rect):
                    assert block.key in (wire.source, wire.target), (wire, block)
                    assert not piece.meets(block.rect, 1.0), (wire, block)
    check_ends(found)


def check_ends(found: Read) -> None:
    """Wires end at their blocks; they begin at theirs, or on a wire from the same output."""
    places = {**{k: b.rect for k, b in found.blocks.items()}, **found.frames}

    def touches(point: tuple[float, float], rect: Rect, spare: float) -> bool:
        return Rect(
            rect.x - spare, rect.y - spare, rect.width + 2 * spare, rect.height + 2 * spare
        ).holds(Rect(*point, 0, 0))

    for wire in found.wires:
        if wire.target in places:
            assert touches(wire.points[-1], places[wire.target], 7.0), wire
        begins = wire.points[0]
        siblings = [
            w for w in found.wires
            if w is not wire and (w.source, w.output) == (wire.source, wire.output)
        ]  # fmt: skip
        assert touches(begins, places[wire.source], 1.0) or any(
            touches(begins, piece, 0.02) for w in siblings for piece in pieces(w)
        ), wire
