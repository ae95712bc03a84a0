"""A plan as SVG: the blocks in their places, the wires, frames about opened models, the key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from glassnet.explain.diagram.blocks import Style
from glassnet.explain.diagram.layering import Wire
from glassnet.explain.diagram.layout import Layout, laid_out
from glassnet.explain.diagram.measuring import shortened, width_of
from glassnet.explain.diagram.palette import SIZES, class_of, mark, style_of
from glassnet.explain.diagram.placing import Box
from glassnet.explain.diagram.plan import Block, Plan
from glassnet.explain.diagram.telling import KINDS
from glassnet.explain.diagram.writing import Point, clean, element, figure, line_through, text_at

MANY = 24
"""From more blocks than this on the lines of a block stand closer."""
_PAGE = 16.0
_TITLE = 26.0
"""The height of a frame's title."""
_INSIDE = 14.0
"""The room between a frame and what is in it."""
_HEAD = 7.0
_OUTPUTS = 22.0


@dataclass(frozen=True)
class _Placed:
    """A plan with its layout; ``inner`` has those of the opened models, by the block's number."""

    plan: Plan
    layout: Layout
    boxes: tuple[Box, ...]
    inner: dict[int, _Placed]


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
        blocks = list(plan.every_block())
        self.style = Style(blocks, with_names, compact=len(blocks) > MANY)
        self.gap = 18.0 if len(blocks) > MANY else 26.0
        self.kinds = [kind for kind in KINDS if any(b.kind == kind for b in blocks)]

    def svg(self) -> str:
        """Return the whole picture."""
        placed = self._placed(self.plan, within=False)
        layout = placed.layout
        top = _PAGE + (30.0 if self.heading else 0.0)
        key = _key(self.kinds, max(layout.width, self.style.width)) if len(self.kinds) > 1 else []
        note = _wrapped(self.plan.note, max(layout.width, 260.0))
        widest = max([layout.width, *(x + w for x, _, w, _ in key), *(w for _, w in note)])
        heading = self._heading(max(widest, 200.0)) if self.heading else ""
        width = 2 * _PAGE + max(widest, 200.0 if self.heading else 0.0)
        left = (width - layout.width) / 2
        parts = [heading, *self._everything(placed, left, top)]
        y = top + layout.height + (14.0 if self.plan.blocks else 0.0)
        for text, _ in note:
            y += 17.0
            parts.append(text_at(_PAGE, y, text, "text ink note"))
        if key:
            y += 10.0 if note else 4.0
            parts.append(_drawn_key(key, _PAGE, y))
            y += max(line for _, line, _, _ in key) + 18.0
        return self._page("".join(parts), width, y + _PAGE - 4)

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
            style="max-width:100%;height:auto",
        )  # fmt: skip

    def _heading(self, room: float) -> str:
        name = shortened(self.plan.name, room * 0.6, SIZES["heading"], True)
        rest = f"{self.plan.title} · {self.plan.parameters}"
        place = _PAGE + width_of(name, SIZES["heading"], True) + 10
        rest = shortened(rest, _PAGE + room - place, SIZES["text"])
        return text_at(_PAGE, _PAGE + 14, name, "heading ink") + text_at(
            place, _PAGE + 14, rest, "text soft"
        )

    # --- places -------------------------------------------------------------------------------
    def _placed(self, plan: Plan, within: bool) -> _Placed:
        inner = {
            number: self._placed(block.inside, within=True)
            for number, block in enumerate(plan.blocks)
            if block.inside is not None
        }
        boxes = [self._box(plan, number, inner) for number in range(len(plan.blocks))]
        wires = list(plan.wires)
        last: list[int] = []
        if within:  # the wires from outside go on, and those to the outside begin, as points
            point = Box(0.0, 0.0, (0.0,), (0.0,))
            for entry in plan.entries:
                wires.append(Wire(len(boxes), entry))
                boxes.append(point)
            for source, output in plan.exits:
                wires.append(Wire(source, len(boxes), output))
                last.append(len(boxes))
                boxes.append(point)
        layout = laid_out(boxes, wires, gap=self.gap, turned=self.right, last=last)
        return _Placed(plan, layout, tuple(boxes), inner)

    def _box(self, plan: Plan, number: int, inner: dict[int, _Placed]) -> Box:
        block = plan.blocks[number]
        if number in inner:
            return self._frame(inner[number], block)
        used = [w.output for w in plan.wires if w.source == number]
        used += [output for source, output in plan.exits if source == number]
        count = max(used, default=0) + 1
        height = self.style.height(block)
        side = height if self.right else self.style.width
        pitch = min(_OUTPUTS, (side - 24) / count)
        outputs = tuple(pitch * (i - (count - 1) / 2) for i in range(count))
        return Box(self.style.width, height, None, outputs)

    def _frame(self, inside: _Placed, block: Block) -> Box:
        layout = inside.layout
        width = max(layout.width + 2 * _INSIDE, self.style.width)
        height = layout.height + _TITLE + (_INSIDE if self.right else 8.0)
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
        start, room = x + 32.0, box.width - 42.0
        if not self.right and box.inputs:  # the title stands beside the wires that come in
            sides = sorted([-box.width / 2 + 32, *box.inputs, box.width / 2])
            gaps = [(b - a, a) for a, b in pairwise(sides)]
            room, start = max(gaps, key=lambda gap: (round(gap[0]), -gap[1]))
            start += x + box.width / 2 + (8.0 if start > -box.width / 2 + 32 else 0.0)
            room -= 16.0
        name = shortened(block.name, room, SIZES["title"], True)
        place = start + width_of(name, SIZES["title"], True) + 8
        rest = f"{block.title}{f' · {block.parameters}' if block.parameters else ''}"
        rest = shortened(rest, room - (place - start), SIZES["small"])
        parts = [
            f"<title>{clean(said(placed.plan, number))}</title>",
            element(
                "rect", x=x + 0.5, y=y + 0.5, width=box.width - 1, height=box.height - 1, rx=8.0,
                class_="frame", stroke_dasharray="2 3",
            ),
            mark("model", x + 18, y + 14),
            text_at(start, y + 18, name, "title ink"),
        ]  # fmt: skip
        if len(rest) > 1:
            parts.append(text_at(place, y + 18, rest, "small soft"))
        return element(
            "g", "".join(parts), class_="opened model", data_name=block.name, data_key=block.key,
            data_call=block.call,
        )  # fmt: skip

    def _wires(self, placed: _Placed, left: float, top: float, key: str) -> Iterator[str]:
        plan = placed.plan
        keys = [block.key for block in plan.blocks] + [key] * len(plan.entries + plan.exits)
        wires = list(plan.wires)
        count = len(plan.blocks)
        if key:
            wires += [Wire(count + i, entry) for i, entry in enumerate(plan.entries)]
            first = count + len(plan.entries)
            wires += [Wire(source, first + i, o) for i, (source, o) in enumerate(plan.exits)]
        for wire, route in zip(wires, placed.layout.routes, strict=True):
            points = [(left + x, top + y) for x, y in route]
            if key and wire.source >= count:  # from the frame's border
                x, y = points[0]
                inset = (self._frame_box(placed).width - placed.layout.width) / 2
                points[0] = (x - inset, y) if self.right else (x, y - _TITLE)
            ends_here = wire.target < count and wire.target not in placed.inner
            if key and wire.target >= count:
                x, y = points[-1]
                inset = (self._frame_box(placed).width - placed.layout.width) / 2
                points[-1] = (x + inset, y) if self.right else (x, y + 8.0)
            yield self._wire(points, keys[wire.source], keys[wire.target], wire, ends_here)

    def _frame_box(self, placed: _Placed) -> Box:
        return self._frame(placed, placed.plan.blocks[0])

    def _wire(
        self, points: Sequence[Point], source: str, target: str, wire: Wire, with_head: bool
    ) -> str:
        points = _without_repeats(points)
        (x, y), head = points[-1], ""
        if with_head:
            back, half = _HEAD, _HEAD / 2
            if self.right:
                d = f"M{figure(x)} {figure(y)}l-{back:g} -{half:g}v{2 * half:g}z"
                points = [*points[:-1], (x - back + 1, y)]
            else:
                d = f"M{figure(x)} {figure(y)}l-{half:g} -{back:g}h{2 * half:g}z"
                points = [*points[:-1], (x, y - back + 1)]
            head = element("path", d=d, class_="head")
        line = element("path", d=line_through(points, self.radius), class_="wire")
        return element(
            "g", line + head, class_="link", data_from=source, data_to=target,
            data_output=wire.output, data_place=wire.place,
        )  # fmt: skip


def _without_repeats(points: Sequence[Point]) -> list[Point]:
    """The corners alone: points that follow each other apart, and no three in one line."""
    kept: list[Point] = []
    for point in points:
        if kept and abs(kept[-1][0] - point[0]) < 0.01 and abs(kept[-1][1] - point[1]) < 0.01:
            continue
        if len(kept) > 1 and any(
            abs(kept[-2][axis] - point[axis]) < 0.01 and abs(kept[-1][axis] - point[axis]) < 0.01
            for axis in (0, 1)
        ):
            kept.pop()
        kept.append(point)
    return kept


# --- the key and the words ----------------------------------------------------------------------
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


def said(plan: Plan, number: int) -> str:
    """Return all that a block says, in words."""
    block = plan.blocks[number]
    name = "operation" if block.kind == "op" else block.title
    parts = [f"{block.name} ({name})"]
    if block.does:
        parts.append(block.does)
    if block.shape:
        parts.append(f"output {block.shape}")
    if block.parameters:
        parts.append(block.parameters)
    if block.calls > 1:
        parts.append(f"call {block.call} of {block.calls}")
    outputs = [i for i, (source, _) in enumerate(plan.exits, 1) if source == number]
    if outputs and len(plan.exits) > 1:
        parts.append("output " + ", ".join(map(str, outputs)) + " of the model")
    return "; ".join(parts)


def told(plan: Plan) -> str:
    """Return the network in sentences, for those who do not see it."""
    count = len(plan.blocks)
    sentences = [
        f"{plan.title} {plan.name}, {plan.parameters}, {count} block{'' if count == 1 else 's'}."
    ]
    if plan.note:
        sentences.append(plan.note)
    for number, block in enumerate(plan.blocks):
        sources = [plan.blocks[w.source] for w in plan.wires if w.target == number]
        names = [b.name if b.calls == 1 else f"{b.name}, call {b.call}" for b in sources]
        after = f", from {' and '.join(names)}" if names else ""
        sentences.append(f"{number + 1}. {said(plan, number)}{after}.")
        if block.inside is not None:
            sentences.append(f"In {block.name}: {told(block.inside)}")
    return " ".join(sentences)
