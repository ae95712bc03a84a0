"""A plan as SVG: the blocks in their places, the wires, frames about opened models, the key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from glassnet.explain.diagram.blocks import Style
from glassnet.explain.diagram.corners import parting, without_repeats
from glassnet.explain.diagram.folding import columns_for, folded, is_chain
from glassnet.explain.diagram.layering import Wire
from glassnet.explain.diagram.layout import Layout, laid_out
from glassnet.explain.diagram.measuring import shortened, width_of
from glassnet.explain.diagram.palette import SIZES, class_of, mark, style_of
from glassnet.explain.diagram.placing import Box
from glassnet.explain.diagram.plan import Plan
from glassnet.explain.diagram.telling import KINDS
from glassnet.explain.diagram.words import said, told
from glassnet.explain.diagram.writing import Point, clean, element, figure, line_through, text_at

MANY = 24
"""From more blocks than this on the lines of a block stand closer."""
_PAGE, _WITHIN_PAGE = 16.0, 2.0
"""The room about a picture; within a page it has no ground of its own, and needs little."""
_TITLE = 26.0
"""The height of a frame's title."""
_INSIDE = 14.0
_FOOT = 4.0
"""The room between a frame and what is in it, at its sides and below."""
_HEAD = 7.0
_OUTPUTS = 22.0
_WIDEST_HEADING = 480.0
_END, _END_HEIGHT = 62.0, 18.0
"""The size of the word that an output of the model goes to."""


@dataclass(frozen=True)
class _Placed:
    """A plan with its layout; ``inner`` has those of the opened models, by the block's number."""

    plan: Plan
    layout: Layout
    boxes: tuple[Box, ...]
    inner: dict[int, _Placed]
    links: tuple[_Link, ...]
    used: frozenset[int] | None


@dataclass(frozen=True)
class _Link:
    """A wire with the keys of its ends; "" for what lies outside, of an output its number."""

    wire: Wire
    source: str
    target: str
    output: int = 0


def _used_of(plan: Plan, number: int) -> frozenset[int]:
    """Which outputs of a block are needed."""
    used = {wire.output for wire in plan.wires if wire.source == number}
    return frozenset(used | {output for source, output in plan.exits if source == number})


class Drawer:
    """Draws one plan.

    Args:
        plan: what is shown.
        theme: "light", "dark", "page" for the colours of the page around, None for the reader's.
        right: whether the wires run to the right.
        radius: of the corners of the wires.
        with_names: whether layers' names are shown.
        heading: whether the model's name stands above.
        scale: the width and height that the picture asks for, as a multiple of its own.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        theme: str | None = None,
        right: bool = False,
        radius: float = 6.0,
        with_names: bool = True,
        heading: bool = True,
        scale: float = 1.0,
    ) -> None:
        self.plan, self.theme, self.right, self.radius = plan, theme, right, radius
        self.heading, self.scale = heading, scale
        self.margin = _WITHIN_PAGE if theme == "page" else _PAGE
        blocks = list(plan.every_block())
        self.style = Style(blocks, with_names, compact=len(blocks) > MANY)
        self.gap = 18.0 if len(blocks) > MANY else 26.0
        self.kinds = [kind for kind in KINDS if any(b.kind == kind for b in blocks)]

    def svg(self) -> str:
        """Return the whole picture."""
        placed = self._placed(self.plan)
        layout = placed.layout
        top = self.margin + (30.0 if self.heading else 0.0)
        key = _key(self.kinds, max(layout.width, self.style.width)) if len(self.kinds) > 1 else []
        note = _wrapped(self.plan.note, max(layout.width, 260.0))
        widest = max([layout.width, *(x + w for x, _, w, _ in key), *(w for _, w in note)])
        if self.heading:
            widest = max(widest, min(self._heading_width(), _WIDEST_HEADING))
        heading = self._heading(widest) if self.heading else ""
        width = 2 * self.margin + widest
        left = (width - layout.width) / 2
        parts = [heading, *self._everything(placed, left, top)]
        y = top + layout.height + (14.0 if self.plan.blocks else 0.0)
        for text, _ in note:
            y += 17.0
            parts.append(text_at(self.margin, y, text, "text ink note"))
        if key:
            y += 10.0 if note else 4.0
            parts.append(_drawn_key(key, self.margin, y))
            y += max(line for _, line, _, _ in key) + 18.0
        return self._page("".join(parts), width, y + max(self.margin - 4, 2.0))

    def _page(self, content: str, width: float, height: float) -> str:
        ground = element("rect", width=width, height=height, rx=6.0, class_="ground")
        name = f"Diagram of the model {self.plan.name}"
        inside = (
            f"<title>{clean(name)}</title><desc>{clean(told(self.plan))}</desc>"
            f"{style_of(self.theme)}{ground}{content}"
        )
        return element(
            "svg", inside, xmlns="http://www.w3.org/2000/svg", class_=class_of(self.theme),
            role="img", aria_label=name, viewBox=f"0 0 {figure(width)} {figure(height)}",
            width=width * self.scale, height=height * self.scale,
            style=f"max-width:100%;min-width:{min(0.6 * width, width - 40):.0f}px;height:auto",
        )  # fmt: skip

    def _heading_width(self) -> float:
        """The room that the heading takes in full."""
        name = width_of(self.plan.name, SIZES["heading"], True)
        return name + 10 + width_of(self._subtitle, SIZES["text"])

    @property
    def _subtitle(self) -> str:
        return f"{self.plan.title} · {self.plan.parameters}"

    def _heading(self, room: float) -> str:
        rest = self._subtitle
        left = max(room * 0.5, room - 10 - width_of(rest, SIZES["text"]))
        name = shortened(self.plan.name, left, SIZES["heading"], True)
        place = self.margin + width_of(name, SIZES["heading"], True) + 10
        rest = shortened(rest, self.margin + room - place, SIZES["text"])
        return text_at(self.margin, self.margin + 14, name, "heading ink") + text_at(
            place, self.margin + 14, rest, "text soft"
        )

    # --- places -------------------------------------------------------------------------------
    def _placed(self, plan: Plan, used: frozenset[int] | None = None) -> _Placed:
        """Lay a plan out; ``used`` has the outputs that the model around needs, None without one.

        Where the wires of a model cross the frame about it, and where outputs leave, stand points.
        """
        inner = {
            number: self._placed(block.inside, _used_of(plan, number))
            for number, block in enumerate(plan.blocks)
            if block.inside is not None
        }
        boxes = [self._box(plan, number, inner) for number in range(len(plan.blocks))]
        links = [_Link(w, plan.blocks[w.source].key, plan.blocks[w.target].key) for w in plan.wires]
        point = Box(0.0, 0.0, (0.0,), (0.0,))
        last: list[int] = []
        for entry in plan.entries if used is not None else ():
            links.append(_Link(Wire(len(boxes), entry), "", plan.blocks[entry].key))
            boxes.append(point)
        for number, (source, output) in enumerate(plan.exits if self._ends(plan, used) else ()):
            wire = Wire(source, len(boxes), output)
            links.append(_Link(wire, plan.blocks[source].key, "", number + 1))
            boxes.append(point if used is not None else Box(_END, _END_HEIGHT))
            last += [wire.target] if used is not None else []
        wires = [link.wire for link in links]
        if not wires:  # unconnected layers stand below each other all the same
            wires = [Wire(i, i + 1) for i in range(len(boxes) - 1)]
        columns = columns_for(len(boxes), self.right)
        if used is None and not inner and columns > 1 and is_chain(len(boxes), wires):
            layout = folded(boxes, columns, self.gap, self.right)
        else:
            layout = laid_out(boxes, wires, gap=self.gap, turned=self.right, last=last)
        return _Placed(plan, layout, tuple(boxes), inner, tuple(links), used)

    @staticmethod
    def _ends(plan: Plan, used: frozenset[int] | None) -> bool:
        """Whether outputs are shown: one block at the end says by itself that it is the output."""
        inside = {wire.source for wire in plan.wires}
        opened = any(plan.blocks[source].inside is not None for source, _ in plan.exits)
        parted = len(plan.exits) > 1 or any(source in inside for source, _ in plan.exits)
        return used is not None or opened or parted

    def _box(self, plan: Plan, number: int, inner: dict[int, _Placed]) -> Box:
        block = plan.blocks[number]
        if number in inner:
            return self._frame(inner[number])
        count = max(_used_of(plan, number), default=0) + 1
        height = self.style.height(block)
        side = height if self.right else self.style.width
        pitch = min(_OUTPUTS, (side - 24) / count)
        outputs = tuple(pitch * (i - (count - 1) / 2) for i in range(count))
        return Box(self.style.width, height, None, outputs)

    def _frame(self, inside: _Placed) -> Box:
        layout = inside.layout
        width = max(layout.width + 2 * _INSIDE, self.style.width)
        height = layout.height + _TITLE + (_INSIDE if self.right else _FOOT)
        points = range(len(inside.plan.blocks), len(inside.boxes))
        left = (width - layout.width) / 2
        if self.right:
            ports = [layout.middles[i][1] + _TITLE - height / 2 for i in points]
        else:
            ports = [layout.middles[i][0] + left - width / 2 for i in points]
        entries = len(inside.plan.entries)
        return Box(width, height, tuple(ports[:entries]), tuple(ports[entries:]))

    # --- drawing ------------------------------------------------------------------------------
    def _everything(self, placed: _Placed, left: float, top: float, key: str = "") -> Iterator[str]:
        """Yield frames, then wires, then blocks, so that no wire lies on a block's text."""
        corners = [
            (left + x - box.width / 2, top + y - box.height / 2)
            for (x, y), box in zip(placed.layout.middles, placed.boxes, strict=True)
        ]
        for number in placed.inner:
            yield self._drawn_frame(placed, number, corners[number])
        yield from self._wires(placed, left, top, key)
        for number, block in enumerate(placed.plan.blocks):
            inside = placed.inner.get(number)
            if inside is None:
                yield self.style.drawn(block, *corners[number], said(placed.plan, number))
                continue
            x, y = corners[number]
            inset = (placed.boxes[number].width - inside.layout.width) / 2
            yield from self._everything(inside, x + inset, y + _TITLE, block.key)

    def _drawn_frame(self, placed: _Placed, number: int, corner: Point) -> str:
        block, box, (x, y) = placed.plan.blocks[number], placed.boxes[number], corner
        left, right = x + 32.0, x + box.width - 12.0
        if self.right or not box.inputs:
            room = right - left
            name = shortened(block.name, room * 0.6, SIZES["title"], True)
            room -= width_of(name, SIZES["title"], True) + 10
        else:  # the words stand beside the wires that come in
            middle = x + box.width / 2
            name = shortened(block.name, middle + min(box.inputs) - 8 - left, SIZES["title"], True)
            room = right - middle - max(box.inputs) - 8
        full = " · ".join(text for text in (block.title, block.parameters) if text)
        fits = width_of(full, SIZES["small"]) <= room
        rest = full if fits else shortened(block.parameters or block.title, room, SIZES["small"])
        parts = [
            f"<title>{clean(said(placed.plan, number))}</title>",
            element(
                "rect", x=x + 0.5, y=y + 0.5, width=box.width - 1, height=box.height - 1, rx=8.0,
                class_="frame", stroke_dasharray="2 3",
            ),
            mark("model", x + 18, y + 14),
            text_at(left, y + 18, name, "title ink"),
            text_at(right, y + 18, rest, "small soft", "end"),
        ]  # fmt: skip
        return element(
            "g", "".join(parts), class_="opened model", data_name=block.name, data_key=block.key,
            data_call=block.call,
        )  # fmt: skip

    def _wires(self, placed: _Placed, left: float, top: float, key: str) -> Iterator[str]:
        """Yield the wires; of those from one output each only where it leaves the ones before."""
        count = len(placed.plan.blocks)
        drawn: dict[tuple[int, int], list[list[Point]]] = {}
        for link, route in zip(placed.links, placed.layout.routes, strict=False):
            wire = link.wire
            points = without_repeats([(left + x, top + y) for x, y in route])
            if not link.source:
                points[0] = self._at_border(placed, points[0], -1)
            if link.output and placed.used is not None:
                if link.output - 1 not in placed.used:
                    continue
                points[-1] = self._at_border(placed, points[-1], 1)
            with_head = placed.used is None or not link.output
            others = drawn.setdefault((wire.source, wire.output), [])
            parts = [self._line(parting(points, others, self.radius), with_head)]
            others.append(points)
            if with_head and wire.target not in placed.inner:
                parts.append(self._head(points[-1]))
            if link.output and placed.used is None:
                parts.append(self._end(points[-1], link.output, len(placed.plan.exits)))
            elif wire.target < count and wire.target in placed.inner:
                parts[0] = self._line(parting(points, others[:-1], self.radius), False)
            yield element(
                "g", "".join(parts), class_="link", data_from=link.source or key,
                data_to=link.target or key or f"output {link.output}", data_output=wire.output,
                data_place=wire.place,
            )  # fmt: skip

    def _at_border(self, placed: _Placed, point: Point, side: int) -> Point:
        """A point at the edge of what is in a frame, moved to the frame itself."""
        frame = self._frame(placed)
        inset = (frame.width - placed.layout.width) / 2
        if self.right:
            return point[0] + side * inset, point[1]
        return point[0], point[1] + (_FOOT if side > 0 else -_TITLE)

    def _line(self, points: Sequence[Point], with_head: bool) -> str:
        points = list(points)
        if with_head:
            x, y = points[-1]
            points[-1] = (x - _HEAD + 1, y) if self.right else (x, y - _HEAD + 1)
        return element("path", d=line_through(points, self.radius), class_="wire")

    def _head(self, point: Point) -> str:
        x, y = figure(point[0]), figure(point[1])
        to = f"l-{_HEAD:g} -3.5v7z" if self.right else f"l-3.5 -{_HEAD:g}h7z"
        return element("path", d=f"M{x} {y}{to}", class_="head")

    def _end(self, point: Point, number: int, count: int) -> str:
        """The word below the arrow of an output."""
        words = f"output {number}" if count > 1 else "output"
        x, y = (point[0] + 6, point[1] + 4) if self.right else (point[0], point[1] + 13)
        return text_at(x, y, words, "small soft", "start" if self.right else "middle")


# --- below the picture ------------------------------------------------------------------------
def _key(kinds: Sequence[str], room: float) -> list[tuple[float, float, float, str]]:
    """Where the entries of the key stand: x, y, width and kind of each."""
    found, x, y = [], 0.0, 0.0
    for kind in kinds:
        width = 22.0 + width_of(KINDS[kind], SIZES["small"])
        if x and x + width > room:
            x, y = 0.0, y + 18.0
        found.append((x, y, width, kind))
        x += width + 16.0
    return found


def _drawn_key(key: Sequence[tuple[float, float, float, str]], left: float, top: float) -> str:
    parts = []
    for x, y, _, kind in key:
        sign = element("g", mark(kind, left + x + 7, top + y + 9), class_=kind)
        words = text_at(left + x + 20, top + y + 13, KINDS[kind], "small soft")
        parts.append(sign + words)
    return element("g", "".join(parts), class_="key", aria_hidden="true")


def _wrapped(text: str, room: float) -> list[tuple[str, float]]:
    """The text in lines no wider than ``room``, each with its width."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, SIZES["text"]) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return [(line, width_of(line, SIZES["text"])) for line in lines]
