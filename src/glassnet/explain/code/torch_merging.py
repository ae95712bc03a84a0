"""How layers of several inputs are said in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

from glassnet import config
from glassnet.explain.code.literals import literal
from glassnet.explain.code.modules import Mask
from glassnet.explain.code.torch_layers import rule
from glassnet.explain.code.torch_parts import Cell, Result, Step, placed
from glassnet.layers import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from glassnet.layers.merging import Merge


def _aligned(cell: Cell) -> tuple[list[str], bool]:
    """The inputs with axes of length 1 where they have fewer, and whether channels come first."""
    ranks = {value.rank for value in cell.values}
    first = len(ranks) == 1 and all(value.channels_first for value in cell.values)
    values = [cell.scope.turned(value, first) for value in cell.values]
    rank = max(ranks)
    texts = []
    for value in values:
        missing = rank - value.rank
        more = f"[:{', None' * missing}]" if missing else ""
        texts.append(value.name + more)
    return texts, first


def _masks(cell: Cell, texts: Sequence[str], first: bool) -> list[str | None]:
    """The masks of the inputs, laid over all entries."""
    rank = max(value.rank for value in cell.values)
    found: list[str | None] = []
    for value in cell.values:
        mask = value.mask
        if mask is None:
            found.append(None)
            continue
        if first:
            raise cell.error("masked images can't be said in PyTorch.")
        missing = rank - mask.rank
        found.append(mask.text + (f"[...{', None' * missing}]" if missing else ""))
    return found


def _joined_mask(cell: Cell) -> Mask | None:
    """True where a mask of one of the inputs is; none where an input has none."""
    masks = [value.mask for value in cell.values]
    known = [mask for mask in masks if mask is not None]
    if len(known) < len(masks):
        return None
    if len({mask.text for mask in known}) == 1:
        return known[0]
    if len({mask.rank for mask in known}) > 1:
        raise cell.error("masks of different ranks can't be said in PyTorch.")
    return cell.new_mask(" | ".join(mask.text for mask in known), known[0].rank)


def _merged(cell: Cell, text: str, first: bool) -> Result:
    return Result([Step(text)], "", first, _joined_mask(cell))


@rule.register
def _add(layer: Add, cell: Cell) -> Result:
    texts, first = _aligned(cell)
    return _merged(cell, " + ".join(texts), first)


@rule.register
def _subtract(layer: Subtract, cell: Cell) -> Result:
    texts, first = _aligned(cell)
    return _merged(cell, " - ".join(texts), first)


@rule.register
def _average(layer: Average, cell: Cell) -> Result:
    texts, first = _aligned(cell)
    return _merged(cell, f"({' + '.join(texts)}) / {len(texts)}", first)


@rule.register
def _multiply(layer: Multiply, cell: Cell) -> Result:
    texts, first = _aligned(cell)
    masks = _masks(cell, texts, first)
    factors = [
        x if mask is None else f"torch.where({mask}, {x}, 1)"
        for x, mask in zip(texts, masks, strict=True)
    ]
    text = " * ".join(factors)
    known = [mask for mask in masks if mask is not None]
    if len(known) == len(masks):
        text = f"torch.where({' | '.join(known)}, {text}, 0)"
    return _merged(cell, text, first)


@rule.register(Maximum)
@rule.register(Minimum)
def _extreme(layer: Merge, cell: Cell) -> Result:
    texts, first = _aligned(cell)
    masks = _masks(cell, texts, first)
    function = "torch.maximum" if isinstance(layer, Maximum) else "torch.minimum"
    if any(masks):
        raise cell.error("the extreme of masked inputs can't be said in PyTorch.")
    text = texts[0]
    for x in texts[1:]:
        text = f"{function}({text}, {x})"
    return _merged(cell, text, first)


@rule.register
def _concatenate(layer: Concatenate, cell: Cell) -> Result:
    texts, first = _aligned(cell)
    rank = cell.values[0].rank
    dim = placed(layer.axis, rank, first)
    result = Result([Step(f"torch.cat([{', '.join(texts)}], dim={dim})")], "", first)
    masks = [value.mask for value in cell.values]
    known = [mask for mask in masks if mask is not None]
    if not known:
        return result
    width = known[0].rank
    if first or any(mask.rank != width or width == rank for mask in known):
        raise cell.error("these masks can't be joined in PyTorch.")
    covered = [
        f"torch.ones({x}.shape[:{width}], dtype=torch.bool)" if mask is None else mask.text
        for x, mask in zip(texts, masks, strict=True)
    ]
    if layer.axis % rank < width:
        text = f"torch.cat([{', '.join(covered)}], dim={layer.axis % rank})"
    else:
        text = " | ".join(covered)
    result.mask = cell.new_mask(text, width)
    return result


@rule.register
def _dot(layer: Dot, cell: Cell) -> Result:
    x, y = (cell.scope.turned(value, False) for value in cell.values)
    first, second = layer._axes_of([x.tensor, y.tensor])
    names = [x.name, y.name]
    if layer.normalize:
        small = literal(config.epsilon())
        names = [
            f"F.normalize({name}, dim={axis}, eps={small})"
            for name, axis in zip(names, (first, second), strict=True)
        ]
    letters = iter("abcdefghij")
    left = ["m", *(next(letters) for _ in range(x.rank - 1))]
    right = ["m", *(next(letters) for _ in range(y.rank - 1))]
    left[first] = right[second] = "k"
    kept = "".join(c for c in left[1:] + right[1:] if c != "k")
    text = f'torch.einsum("{"".join(left)},{"".join(right)}->m{kept}", {", ".join(names)})'
    return Result([Step(text if kept else f"{text}.unsqueeze(1)")])
