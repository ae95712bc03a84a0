"""How the layers of images and sequences are said in PyTorch.

PyTorch takes channels first and knows no padding of its own for strides above 1: the zeros of
``padding="same"`` are put there, more of them at the end where their number is odd.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glassnet.explain.code.literals import literal
from glassnet.explain.code.torch_layers import rule
from glassnet.explain.code.torch_parts import Cell, Result, State, Step
from glassnet.layers import (
    AveragePooling1D,
    AveragePooling2D,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Cropping1D,
    Cropping2D,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
    Permute,
    RepeatVector,
    Reshape,
    SeparableConv1D,
    SeparableConv2D,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from glassnet.ops.convolution import _cropping


# --- padding ----------------------------------------------------------------------------------
def _one(values: Sequence[int]) -> str:
    """Sizes as a person writes them: one number where they are equal."""
    return str(values[0]) if len(set(values)) == 1 else literal(tuple(values))


def _same_pads(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> tuple[int, ...]:
    """The zeros around known sizes, in the order of ``F.pad``: the last axis first."""
    pads: tuple[int, ...] = ()
    for n, k, s, d in zip(sizes, kernel, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        pads = (total // 2, total - total // 2, *pads)
    return pads


def _pads_text(
    cell: Cell, kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> str | None:
    """The zeros of ``padding="same"`` as source; None where there are none."""
    sizes = cell.shape[1:-1]
    if cell.known(sizes):
        pads = _same_pads([int(n) for n in sizes], kernel, strides, dilation)
        return literal(pads) if any(pads) else None
    given = ", ".join(literal(tuple(v)) for v in (kernel, strides, dilation))
    return f"{cell.helper('same_padding')}({{x}}, {given})"


# --- convolution ------------------------------------------------------------------------------
def _channels_out(rank: int) -> tuple[str, str]:
    """How a kernel (k…, c, f) is turned to (f, c, k…), and back."""
    turned = literal((rank + 1, rank, *range(rank)))
    back = literal((*range(2, rank + 2), 1, 0))
    return f".transpose{turned}", f".permute{back}"


def _moving(cell: Cell, layer: Any) -> tuple[list[Step], str]:
    """The step that pads, and the arguments of a convolution for how it moves."""
    kernel, strides, dilation = layer.kernel_size, layer.strides, layer.dilation_rate
    given = "" if set(strides) == {1} else f", stride={_one(strides)}"
    if set(dilation) != {1}:
        given += f", dilation={_one(dilation)}"
    if layer.padding == "causal":
        zeros = dilation[0] * (kernel[0] - 1)
        return [Step(f"F.pad({{x}}, ({zeros}, 0))")] if zeros else [], given
    if layer.padding == "valid" or set(kernel) == {1} == set(strides):
        return [], given
    if set(strides) == {1}:
        return [], given + ', padding="same"'
    pads = _pads_text(cell, kernel, strides, dilation)
    return [] if pads is None else [Step(f"F.pad({{x}}, {pads})")], given


def _biased(cell: Cell, layer: Any, states: dict[str, State]) -> tuple[dict[str, State], str]:
    if layer.bias is None:
        return states, ", bias=False"
    return {**states, "bias": cell.weight(layer.bias)}, ""


@rule.register(Conv1D)
@rule.register(Conv2D)
@rule.register(Conv3D)
def _conv(layer: Any, cell: Cell) -> Result:
    padding, moving = _moving(cell, layer)
    turned, back = _channels_out(layer.rank)
    states, bias = _biased(cell, layer, {"weight": cell.weight(layer.kernel, turned, back)})
    groups = "" if layer.groups == 1 else f", groups={layer.groups}"
    given = f"{layer.channels}, {layer.filters}, {_one(layer.kernel_size)}{moving}{groups}{bias}"
    step = cell.module(f"nn.Conv{layer.rank}d({given})", states)
    return cell.on_first([*padding, step, *cell.activation(layer.activation, True)])


def _depthwise_step(
    cell: Cell, layer: Any, kernel: Any, moving: str, bias: bool, suffix: str = ""
) -> Step:
    *cells, c, r = (int(n) for n in kernel.shape)
    n = len(cells)
    turned = f".transpose{literal((n, n + 1, *range(n)))}.reshape{literal((c * r, 1, *cells))}"
    back = f".reshape{literal((c, r, *cells))}.permute{literal((*range(2, n + 2), 0, 1))}"
    states = {"weight": cell.weight(kernel, turned, back)}
    more = ", bias=False"
    if bias:
        states, more = _biased(cell, layer, states)
    given = f"{c}, {c * r}, {_one(cells)}{moving}, groups={c}{more}"
    return cell.module(f"nn.Conv{n}d({given})", states, suffix)


@rule.register(DepthwiseConv1D)
@rule.register(DepthwiseConv2D)
def _depthwise(layer: Any, cell: Cell) -> Result:
    padding, moving = _moving(cell, layer)
    step = _depthwise_step(cell, layer, layer.kernel, moving, True)
    return cell.on_first([*padding, step, *cell.activation(layer.activation, True)])


@rule.register(SeparableConv1D)
@rule.register(SeparableConv2D)
def _separable(layer: Any, cell: Cell) -> Result:
    padding, moving = _moving(cell, layer)
    each = _depthwise_step(cell, layer, layer.depthwise_kernel, moving, False, "depthwise")
    turned, back = _channels_out(layer.rank)
    states = {"weight": cell.weight(layer.pointwise_kernel, turned, back)}
    states, bias = _biased(cell, layer, states)
    channels = int(layer.pointwise_kernel.shape[-2])
    text = f"nn.Conv{layer.rank}d({channels}, {layer.filters}, 1{bias})"
    mixed = cell.module(text, states, "pointwise")
    return cell.on_first([*padding, each, mixed, *cell.activation(layer.activation, True)])


@rule.register(Conv1DTranspose)
@rule.register(Conv2DTranspose)
def _conv_transpose(layer: Any, cell: Cell) -> Result:
    more = layer.output_padding or (None,) * layer.rank
    pairs = [
        _cropping(layer.padding, d * (k - 1) + 1, s, extra)
        for k, s, d, extra in zip(
            layer.kernel_size, layer.strides, layer.dilation_rate, more, strict=True
        )
    ]
    # PyTorch cuts the same at both ends; what it cuts too much or too little stands at the end.
    before = [lo for lo, _ in pairs]
    beyond = [lo - hi for lo, hi in pairs]
    moving = "" if set(layer.strides) == {1} else f", stride={_one(layer.strides)}"
    if any(before):
        moving += f", padding={_one(before)}"
    if any(b > 0 for b in beyond):
        moving += f", output_padding={_one([max(b, 0) for b in beyond])}"
    if set(layer.dilation_rate) != {1}:
        moving += f", dilation={_one(layer.dilation_rate)}"
    turned, back = _channels_out(layer.rank)
    states, bias = _biased(cell, layer, {"weight": cell.weight(layer.kernel, turned, back)})
    given = f"{layer.channels}, {layer.filters}, {_one(layer.kernel_size)}{moving}{bias}"
    steps = [cell.module(f"nn.ConvTranspose{layer.rank}d({given})", states)]
    if any(b < 0 for b in beyond):
        steps.append(Step(f"{{x}}[:, :, {', '.join(f':{b}' if b < 0 else ':' for b in beyond)}]"))
    return cell.on_first([*steps, *cell.activation(layer.activation, True)])


# --- pooling ----------------------------------------------------------------------------------
def _window(layer: Any) -> str:
    stride = "" if layer.strides == layer.pool_size else f", stride={_one(layer.strides)}"
    return f"{_one(layer.pool_size)}{stride}"


def _pool_pads(cell: Cell, layer: Any) -> str | None:
    if layer.padding == "valid":
        return None
    return _pads_text(cell, layer.pool_size, layer.strides, (1,) * layer.rank)


@rule.register(MaxPooling1D)
@rule.register(MaxPooling2D)
def _max_pooling(layer: Any, cell: Cell) -> Result:
    pads = _pool_pads(cell, layer)
    step = cell.module(f"nn.MaxPool{layer.rank}d({_window(layer)})")
    if pads is None:
        return cell.on_first([step])
    return cell.on_first([Step(f'F.pad({{x}}, {pads}, value=float("-inf"))'), step])


@rule.register(AveragePooling1D)
@rule.register(AveragePooling2D)
def _average_pooling(layer: Any, cell: Cell) -> Result:
    pads = _pool_pads(cell, layer)
    if pads is None:
        return cell.on_first([cell.module(f"nn.AvgPool{layer.rank}d({_window(layer)})")])
    # The mean is over the cells inside alone: the mean with zeros over the part that is inside.
    pool = f"F.avg_pool{layer.rank}d(F.pad({{}}, {pads}), {_window(layer)})"
    x, ones = (pool.replace("{}", text) for text in ("{x}", "torch.ones_like({x})"))
    return cell.on_first([Step(f"{x} / {ones}")])


def _global(cell: Cell, layer: Any, function: str) -> Result:
    dims = tuple(sorted(cell.dim(axis) for axis in range(1, layer.rank + 1)))
    kept = ", keepdim=True" if layer.keepdims else ""
    dim = dims[0] if len(dims) == 1 else literal(dims)
    result = cell.as_it_lies([Step(f"{{x}}.{function}(dim={dim}{kept})")])
    result.channels_first = result.channels_first and layer.keepdims
    return result


@rule.register(GlobalMaxPooling1D)
@rule.register(GlobalMaxPooling2D)
def _global_max(layer: Any, cell: Cell) -> Result:
    return _global(cell, layer, "amax")


@rule.register
def _global_average_2d(layer: GlobalAveragePooling2D, cell: Cell) -> Result:
    return _global(cell, layer, "mean")


@rule.register
def _global_average_1d(layer: GlobalAveragePooling1D, cell: Cell) -> Result:
    mask = cell.mask()
    if mask is None:
        return _global(cell, layer, "mean")
    kept = ", keepdim=True" if layer.keepdims else ""
    counted = f"{mask.text}.unsqueeze(-1)"
    total = f"torch.where({counted}, {{x}}, 0).sum(dim=1{kept})"
    return cell.on_last([Step(f"{total} / {counted}.sum(dim=1{kept})")])


# --- arranging --------------------------------------------------------------------------------
@rule.register
def _flatten(layer: Flatten, cell: Cell) -> Result:
    if cell.rank < 3:
        return cell.on_last([] if cell.rank == 2 else [Step("{x}.unsqueeze(1)")])
    return cell.on_last([Step("{x}.flatten(1)", module="nn.Flatten()")])


@rule.register
def _reshape(layer: Reshape, cell: Cell) -> Result:
    sizes = cell.output.shape[1:]
    if cell.known(sizes):
        return cell.on_last([Step(f"{{x}}.reshape{literal((-1, *map(int, sizes)))}")])
    target = ", ".join(map(str, layer.target_shape))
    return cell.on_last([Step(f"{{x}}.reshape({{x}}.shape[0], {target})")])


@rule.register
def _permute(layer: Permute, cell: Cell) -> Result:
    return cell.on_last([Step(f"{{x}}.permute{literal((0, *layer.dims))}")])


@rule.register
def _repeat_vector(layer: RepeatVector, cell: Cell) -> Result:
    return cell.on_last([Step(f"{{x}}.unsqueeze(1).repeat(1, {layer.n}, 1)")])


@rule.register(ZeroPadding1D)
@rule.register(ZeroPadding2D)
def _zero_padding(layer: Any, cell: Cell) -> Result:
    pads = tuple(n for pair in reversed(layer.pairs) for n in pair)
    if not cell.value.channels_first:
        pads = (0, 0, *pads)
    return cell.as_it_lies([Step(f"F.pad({{x}}, {literal(pads)})")])


@rule.register(Cropping1D)
@rule.register(Cropping2D)
def _cropped(layer: Any, cell: Cell) -> Result:
    parts = [f"{lo or ''}:{-hi if hi else ''}" for lo, hi in layer.pairs]
    lead = [":", ":"] if cell.value.channels_first else [":"]
    return cell.as_it_lies([Step(f"{{x}}[{', '.join([*lead, *parts])}]")])


@rule.register
def _upsampling_1d(layer: UpSampling1D, cell: Cell) -> Result:
    return cell.as_it_lies([Step(f"{{x}}.repeat_interleave({layer.size}, dim={cell.dim(1)})")])


@rule.register
def _upsampling_2d(layer: UpSampling2D, cell: Cell) -> Result:
    if layer.interpolation in ("nearest", "bilinear"):
        factor = _one(layer.size)
        text = f'nn.Upsample(scale_factor={factor}, mode="{layer.interpolation}")'
        return cell.on_first([cell.module(text)])
    kernel, between = cell.helper(layer.interpolation), cell.helper("interpolation")
    rows, columns = (
        f"{between}({{x}}.shape[{i}], {factor}, {kernel}, {{x}}.dtype)"
        for i, factor in enumerate(layer.size, 2)
    )
    return cell.on_first([Step(f'torch.einsum("ph,qw,mchw->mcpq", {rows}, {columns}, {{x}})')])
