"""One block of a diagram: its lines of text, its mark, the volume of what it gives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from glassnet.explain.diagram.measuring import shortened, width_of
from glassnet.explain.diagram.palette import SIZES, mark
from glassnet.explain.diagram.plan import Block
from glassnet.explain.diagram.writing import clean, element, figure, text_at

MARGIN = 34.0
"""Where the text begins, right of the mark."""
_EDGE = 11.0
_APART = 14.0
_NARROWEST, _WIDEST = 150.0, 290.0
_VOLUME = 46.0
_LEAST_OF_A_NAME = 44.0


@dataclass(frozen=True)
class Line:
    """A line of a block: what stands left, with its class, and what stands right."""

    left: str
    left_class: str
    right: str = ""
    right_class: str = "small soft"

    def width(self) -> float:
        """The room it takes in full."""
        apart = _APART if self.left and self.right else 0.0
        return _room(self.left, self.left_class) + apart + _room(self.right, self.right_class)


def _room(text: str, class_: str) -> float:
    name = class_.split()[0]
    return width_of(text, SIZES[name], name == "title")


def _fitted(text: str, class_: str, room: float) -> str:
    name = class_.split()[0]
    return shortened(text, room, SIZES[name], name == "title")


class Style:
    """How the blocks of one picture look: compact or not, how wide, the scale of volumes.

    Args:
        blocks: all blocks of the picture.
        with_names: whether layers' names are shown.
        compact: whether lines stand close.
    """

    def __init__(self, blocks: Iterable[Block], with_names: bool, compact: bool) -> None:
        blocks = [block for block in blocks if block.inside is None]
        self.with_names = with_names
        sizes = [block.sizes for block in blocks if block.sizes]
        self.has_volumes = bool(sizes)
        self.scale = _Scale(sizes, 32.0 if compact else 36.0)
        widest = max((line.width() for block in blocks for line in self.lines(block)), default=0.0)
        room = _VOLUME if self.has_volumes else 0.0
        self.line = 15.0 if compact else 17.0
        self.text_width = max(_NARROWEST, min(_WIDEST, widest + 2))
        self.width = MARGIN + self.text_width + _EDGE + room

    def lines(self, block: Block) -> list[Line]:
        """Return the lines of a block, in full."""
        name = block.name if self.with_names and block.kind != "op" else ""
        told = block.parameters
        if block.calls > 1:
            call = f"call {block.call} of {block.calls}"
            told = f"{told} · {call}" if told else call
        lines = [Line(block.title, "title ink", name), Line(block.does, "text ink")]
        lines.append(Line(block.shape, "text ink", told))
        return [line for line in lines if line.left or line.right]

    def height(self, block: Block) -> float:
        """Return how high a block is."""
        least = self.scale.most + 8 if self.has_volumes else 0.0
        return max(13.0 + self.line * len(self.lines(block)), least)

    def drawn(self, block: Block, x: float, y: float, said: str) -> str:
        """Return a block whose left top corner is (x, y); ``said`` is all of it, in words."""
        height = self.height(block)
        again = block.call > 1
        body = element(
            "rect", x=x + 0.5, y=y + 0.5, width=self.width - 1, height=height - 1, rx=5.0,
            class_="body", stroke_dasharray="4 3" if again else None,
        )  # fmt: skip
        strip = element(
            "path", class_="full",
            d=f"M{figure(x + 5.5)} {figure(y + 0.5)}h-1a4.5 4.5 0 0 0-4 5v{figure(height - 11)}"
            f"a4.5 4.5 0 0 0 4 5h1z",
        )  # fmt: skip
        lines = self.lines(block)
        top = y + (height - self.line * len(lines)) / 2
        parts = [f"<title>{clean(said)}</title>", body, strip, mark(block.kind, x + 20, top + 8.5)]
        for number, line in enumerate(lines):
            parts += self._line(line, x + MARGIN, top + self.line * number + 13)
        if block.sizes and self.has_volumes:
            parts.append(self.scale.drawn(block.sizes, x + self.width - 27, y + height / 2))
        return element(
            "g", "".join(parts), class_=f"block {block.kind}", data_name=block.name,
            data_key=block.key, data_call=block.call, data_shape=block.shape or None,
        )  # fmt: skip

    def _line(self, line: Line, x: float, y: float) -> Iterator[str]:
        left, right = line.left, line.right
        if line.width() > self.text_width:
            longest = line.left_class.startswith("title")
            share = self.text_width - (_APART if left and right else 0.0)
            if longest:  # a name gives way to its class, as far as something is left of it
                own = min(_room(left, line.left_class), share - (_LEAST_OF_A_NAME if right else 0))
                left = _fitted(left, line.left_class, own)
                right = _fitted(right, line.right_class, share - _room(left, line.left_class))
            else:
                own = min(_room(right, line.right_class), share * 0.7)
                right = _fitted(right, line.right_class, own)
                left = _fitted(left, line.left_class, share - _room(right, line.right_class))
        if left:
            yield text_at(x, y, left, line.left_class)
        if right:
            yield text_at(x + self.text_width, y, right, line.right_class, "end")


class _Scale:
    """How large sizes are drawn: by their logarithms, the largest of the picture as ``most``."""

    def __init__(self, sizes: Iterable[tuple[int | None, ...]], most: float) -> None:
        self.most = most
        lengths = [n or 1 for shape in sizes for n in shape[:-1]]
        depths = [shape[-1] or 1 for shape in sizes if shape]
        self.longest = math.log2(1 + max(lengths, default=1))
        self.deepest = math.log2(1 + max(depths, default=1))

    def drawn(self, sizes: tuple[int | None, ...], x: float, y: float) -> str:
        """Return the volume of an example about a point: a bar, a plane, a body."""
        *cells, depth = (n or 1 for n in sizes)
        far = math.log2(1 + depth) / self.deepest
        if not cells:
            height = max(3.0, self.most * far)
            return _flat(x - 3.5, y - height / 2, 7.0, height)
        room = self.most * 0.62
        high = max(3.0, room * math.log2(1 + cells[0]) / self.longest)
        if len(cells) == 1:
            wide = max(3.0, self.most * 0.8 * far)
            return _flat(x - wide / 2, y - high / 2, wide, high)
        wide = max(3.0, room * math.log2(1 + cells[-1]) / self.longest)
        return _body(x, y, wide, high, max(2.0, self.most * 0.36 * far))


def _flat(x: float, y: float, width: float, height: float) -> str:
    rect = element("rect", x=x, y=y, width=width, height=height, class_="full", rx=1.0)
    return element("g", rect, class_="volume", fill_opacity=".55")


def _body(x: float, y: float, wide: float, high: float, deep: float) -> str:
    """A box seen from the front, a little from above and from the right."""
    left, top = x - (wide + deep) / 2, y - (high - deep) / 2
    w, h, d = figure(wide), figure(high), figure(deep)
    start = f"M{figure(left)} {figure(top)}"
    faces = (
        (f"{start}h{w}v{h}h-{w}z", ".55"),
        (f"{start}l{d} -{d}h{w}l-{d} {d}z", ".28"),
        (f"M{figure(left + wide)} {figure(top)}l{d} -{d}v{h}l-{d} {d}z", ".8"),
    )
    parts = [element("path", d=d, class_="full", fill_opacity=opacity) for d, opacity in faces]
    return element("g", "".join(parts), class_="volume")
