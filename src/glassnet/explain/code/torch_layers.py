"""How each layer is said in PyTorch: dense, activations, normalization, embedding, merging, noise.

One rule a class, found by `rule(layer, cell)`. The layers of images and sequences stand in
``torch_spatial``. A rule returns the steps from the layer's input to its output.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from glassnet import config
from glassnet.explain.code.literals import literal
from glassnet.explain.code.torch_ops import torch_constant, torch_dtype
from glassnet.explain.code.torch_parts import Cell, Result, State, Step
from glassnet.graph.variable import Variable
from glassnet.layers import (
    ELU,
    Activation,
    ActivityRegularization,
    AlphaDropout,
    BatchNormalization,
    CategoryEncoding,
    Dense,
    Dropout,
    Embedding,
    GaussianDropout,
    GaussianNoise,
    GroupNormalization,
    Identity,
    InputLayer,
    Lambda,
    LayerNormalization,
    LeakyReLU,
    Masking,
    Normalization,
    PReLU,
    ReLU,
    Rescaling,
    Softmax,
    SpatialDropout1D,
    SpatialDropout2D,
    UnitNormalization,
)
from glassnet.layers.base import Layer
from glassnet.registry import REGISTRIES


@singledispatch
def rule(layer: Layer, cell: Cell) -> Result:
    """Return how the call of a layer is said in PyTorch.

    Raises:
        NotSayable: for a class without a rule.
    """
    raise cell.error("no rule says it in PyTorch.")


# --- dense ------------------------------------------------------------------------------------
@rule.register
def _dense(layer: Dense, cell: Cell) -> Result:
    width, units = layer.kernel.shape
    states = {"weight": cell.weight(layer.kernel, ".T", ".T")}
    if layer.bias is not None:
        states["bias"] = cell.weight(layer.bias)
    more = "" if layer.bias is not None else ", bias=False"
    step = cell.module(f"nn.Linear({width}, {units}{more})", states)
    return cell.on_last([*floats(cell), step, *cell.activation(layer.activation)])


def floats(cell: Cell) -> list[Step]:
    """Return the step that turns whole numbers into floats, where they are none."""
    if cell.value.tensor.dtype.kind == "f":
        return []
    return [Step(f"{{x}}.to({torch_dtype(np.dtype(cell.layer.dtype))})")]


@rule.register(Identity)
@rule.register(InputLayer)
@rule.register(ActivityRegularization)
def _identity(layer: Layer, cell: Cell) -> Result:
    return cell.as_it_lies([])


@rule.register
def _lambda(layer: Lambda, cell: Cell) -> Result:
    if layer.mask is not None or layer._passed_on:
        raise cell.error("its function heeds masks or the mode, which can't be said in PyTorch.")
    known = REGISTRIES["activation"].entries.values()
    if any(layer.function is entry for entry in known) and not layer.arguments:
        return cell.as_it_lies(cell.activation(layer.function, cell.value.channels_first))
    return cell.on_last([Step(f"{cell.own_function(layer.function)}({{x}})")])


# --- activations ------------------------------------------------------------------------------
@rule.register
def _activation(layer: Activation, cell: Cell) -> Result:
    if getattr(layer.activation, "__name__", "") in _BUILT_IN:
        return cell.as_it_lies(cell.activation(layer.activation, cell.value.channels_first))
    return cell.on_last(cell.activation(layer.activation))


_BUILT_IN = frozenset(REGISTRIES["activation"].entries)


@rule.register
def _relu(layer: ReLU, cell: Cell) -> Result:
    top, slope, threshold = layer.max_value, layer.negative_slope, layer.threshold
    if not slope and not threshold and top in (None, 6):
        name, module = ("torch.relu", "ReLU") if top is None else ("F.relu6", "ReLU6")
        return cell.as_it_lies([Step(f"{name}({{x}})", module=f"nn.{module}()")])
    if slope and not threshold and top is None:
        return cell.as_it_lies([_leaky(slope)])
    text = f"torch.where({{x}} > {threshold}, {{x}}, 0)" if threshold else "torch.relu({x})"
    if top is not None:
        text += f".clamp(0, {top})"
    if slope:
        text += f" - {slope} * torch.relu({threshold} - {{x}})"
    return cell.as_it_lies([Step(text)])


def _leaky(slope: float) -> Step:
    return Step(f"F.leaky_relu({{x}}, {slope})", module=f"nn.LeakyReLU({slope})")


@rule.register
def _leaky_relu(layer: LeakyReLU, cell: Cell) -> Result:
    return cell.as_it_lies([_leaky(layer.negative_slope)])


@rule.register
def _elu(layer: ELU, cell: Cell) -> Result:
    alpha = literal(layer.alpha)
    return cell.as_it_lies([Step(f"F.elu({{x}}, {alpha})", module=f"nn.ELU({alpha})")])


@rule.register
def _prelu(layer: PReLU, cell: Cell) -> Result:
    shape = tuple(int(n) for n in layer.alpha.shape)
    if all(n == 1 for n in shape[:-1]):  # one slope for each channel
        sizes = literal(shape)
        state = cell.weight(layer.alpha, ".reshape(-1)", f".reshape({sizes})")
        step = cell.module(f"nn.PReLU({shape[-1]})", {"weight": state})
        return cell.on_first([step])
    alpha = cell.parameter("alpha", cell.weight(layer.alpha), shape)
    return cell.on_last([Step(f"torch.relu({{x}}) - {alpha} * torch.relu(-{{x}})")])


@rule.register
def _softmax(layer: Softmax, cell: Cell) -> Result:
    axes = (layer.axis,) if isinstance(layer.axis, int) else tuple(layer.axis)
    masked = cell.mask()
    if masked is None:
        dims = tuple(cell.dim(a) for a in axes)
        return cell.as_it_lies([_softmax_step(dims)])
    inner = _softmax_step(axes).function
    assert inner is not None
    kept = inner.replace("{x}", f"torch.where({masked.text}, {{x}}, -1e9)")
    return cell.on_last([Step(f"torch.where({masked.text}, {kept}, 0)")])


def _softmax_step(dims: tuple[int, ...]) -> Step:
    if len(dims) == 1:
        text = f"torch.softmax({{x}}, dim={dims[0]})"
        return Step(text, module=f"nn.Softmax(dim={dims[0]})")
    return Step(f"torch.exp({{x}} - torch.logsumexp({{x}}, dim={dims}, keepdim=True))")


# --- normalization ----------------------------------------------------------------------------
@rule.register
def _batch_normalization(layer: BatchNormalization, cell: Cell) -> Result:
    if layer.renorm:
        raise cell.error("renorm=True, batch renormalization, is not in PyTorch.")
    channels = layer.moving_mean.shape[0]
    states = _scale_and_shift(cell, layer.gamma, layer.beta, channels)
    states["running_mean"] = cell.weight(layer.moving_mean)
    states["running_var"] = cell.weight(layer.moving_variance)
    given = f"{channels}, eps={layer.epsilon}, momentum={round(1 - layer.momentum, 12)}"
    affine = "" if "weight" in states else ", affine=False"
    name = f"nn.BatchNorm{max(cell.rank - 2, 1)}d"
    return _along_channels(layer.axis, cell, cell.module(f"{name}({given}{affine})", states))


def _scale_and_shift(
    cell: Cell, gamma: Variable | None, beta: Variable | None, sizes: Any
) -> dict[str, State]:
    """The weight and bias of a normalization, which PyTorch has both or none of."""
    if gamma is None and beta is None:
        return {}
    dtype = literal(cell.layer.dtype)
    ones, zeros = f"np.ones({literal(sizes)}, {dtype})", f"np.zeros({literal(sizes)}, {dtype})"
    return {
        "weight": cell.constant(ones) if gamma is None else cell.weight(gamma),
        "bias": cell.constant(zeros) if beta is None else cell.weight(beta),
    }


def _along_channels(axis: int, cell: Cell, step: Step) -> Result:
    """A module that has its channels on axis 1, for channels on any axis."""
    place = axis % cell.rank
    if place == cell.rank - 1:
        return cell.on_first([step])
    if place == 1:
        return cell.on_last([step])
    moved = Step(f"{{x}}.movedim({place}, 1)"), Step(f"{{x}}.movedim(1, {place})")
    return cell.on_last([moved[0], step, moved[1]])


@rule.register
def _layer_normalization(layer: LayerNormalization, cell: Cell) -> Result:
    given = [layer.axis] if isinstance(layer.axis, int) else layer.axis
    axes = tuple(sorted({a % cell.rank for a in given}))
    sizes = tuple(int(n) for n in layer._sizes)
    trailing = axes == tuple(range(cell.rank - len(axes), cell.rank))
    if trailing and not layer.rms_scaling:
        states = _scale_and_shift(cell, layer.gamma, layer.beta, sizes)
        shape = sizes[0] if len(sizes) == 1 else literal(sizes)
        more = "" if states else ", elementwise_affine=False"
        if layer.beta is None and states:
            more, states = ", bias=False", {"weight": states["weight"]}
        step = cell.module(f"nn.LayerNorm({shape}, eps={layer.epsilon}{more})", states)
        return cell.on_last([step])
    wide = tuple(sizes[axes.index(i)] if i in axes else 1 for i in range(min(axes), cell.rank))

    def scaled(name: str, weight: Variable) -> str:
        back = f".reshape({literal(sizes)})"
        return cell.parameter(name, cell.weight(weight, f".reshape({literal(wide)})", back), wide)

    dims = literal(axes)
    if layer.rms_scaling:
        spread = f"{{x}}.var(dim={dims}, correction=0, keepdim=True)"
        text = f"{{x}} * torch.rsqrt({spread} + {layer.epsilon})"
    else:
        text = f"{cell.helper('normalized')}({{x}}, {dims}, {layer.epsilon})"
    if layer.gamma is not None:
        text += f" * {scaled('gamma', layer.gamma)}"
    if layer.beta is not None:
        text += f" + {scaled('beta', layer.beta)}"
    return cell.on_last([Step(text)])


@rule.register
def _group_normalization(layer: GroupNormalization, cell: Cell) -> Result:
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    channels = int(layer._channels)
    states = _scale_and_shift(cell, layer.gamma, layer.beta, channels)
    affine = "" if states else ", affine=False"
    groups = layer._groups_of(channels)
    step = cell.module(f"nn.GroupNorm({groups}, {channels}, eps={layer.epsilon}{affine})", states)
    return _along_channels(axis, cell, step)


@rule.register
def _unit_normalization(layer: UnitNormalization, cell: Cell) -> Result:
    axes = [layer.axis] if isinstance(layer.axis, int) else layer.axis
    dims = tuple(sorted(cell.dim(a) for a in axes))
    if len(dims) == 1:
        return cell.as_it_lies([Step(f"F.normalize({{x}}, dim={dims[0]})")])
    length = f"torch.linalg.vector_norm({{x}}, dim={dims}, keepdim=True)"
    return cell.as_it_lies([Step(f"{{x}} / {length}.clamp(min=1e-12)")])


# --- embedding, preparation of data -----------------------------------------------------------
@rule.register
def _embedding(layer: Embedding, cell: Cell) -> Result:
    given = f"nn.Embedding({layer.input_dim}, {layer.output_dim})"
    step = cell.module(given, {"weight": cell.weight(layer.embeddings)})
    mask = cell.new_mask(f"{cell.last()} != 0", cell.rank) if layer.mask_zero else None
    return cell.on_last([*_whole(cell), step], mask=mask)


def _whole(cell: Cell) -> list[Step]:
    """The step that makes indices of what comes, where it is none yet."""
    fitting = cell.value.tensor.dtype.name in ("int32", "int64")
    return [] if fitting else [Step("{x}.long()")]


@rule.register
def _rescaling(layer: Rescaling, cell: Cell) -> Result:
    text = "{x}"
    scale, offset = np.asarray(layer.scale), np.asarray(layer.offset)
    dtype = np.dtype(layer.dtype)
    result = cell.as_it_lies if not (scale.ndim or offset.ndim) else cell.on_last
    if scale.ndim or scale != 1:
        text += f" * {_number(scale, dtype)}"
    if offset.ndim or offset != 0:
        text += f" + {_number(offset, dtype)}".replace("+ -", "- ")
    return result([*floats(cell), *([Step(text)] if text != "{x}" else [])])


def _number(value: np.ndarray, dtype: np.dtype) -> str:
    return torch_constant(value.astype(dtype)) if value.ndim else literal(value.item())


@rule.register
def _normalization(layer: Normalization, cell: Cell) -> Result:
    kept = layer._kept
    shape = tuple(int(cell.shape[i]) if i in kept else 1 for i in range(cell.rank))
    smallest = config.epsilon()
    if layer.input_mean is None:
        back = f".reshape({literal(shape)})"
        mean = cell.parameter("mean", cell.weight(layer.adapt_mean, back), shape, learned=False)
        variance = cell.weight(layer.adapt_variance).source
        root = State(f"np.maximum(np.sqrt({variance}), {smallest}){back}")
        deviation = cell.parameter("deviation", root, shape, learned=False)
    else:
        assert layer.mean is not None
        assert layer.variance is not None
        found = np.maximum(np.sqrt(np.asarray(layer.variance)), smallest)
        mean = torch_constant(np.asarray(layer.mean).reshape(shape))
        deviation = torch_constant(found.astype(layer.dtype).reshape(shape))
    text = f"{{x}} * {deviation} + {mean}" if layer.invert else f"({{x}} - {mean}) / {deviation}"
    return cell.on_last([*floats(cell), Step(text)])


@rule.register
def _category_encoding(layer: CategoryEncoding, cell: Cell) -> Result:
    index = cell.last()
    if layer.output_mode == "one_hot" and cell.rank > 1 and cell.shape[-1] == 1:
        index += ".squeeze(-1)"
    dtype = torch_dtype(np.dtype(layer.dtype))
    text = f"F.one_hot({index}.long(), {layer.num_tokens}).to({dtype})"
    if layer.drop_first:
        text += "[..., 1:]"
    weights = cell.extra("count_weights")
    if layer.output_mode == "multi_hot":
        text += ".amax(dim=-2)"
    elif layer.output_mode == "count":
        if weights is not None:
            text = f"({text} * {weights}.unsqueeze(-1))"
        text += ".sum(dim=-2)"
    return Result([Step(text)], index)


@rule.register
def _masking(layer: Masking, cell: Cell) -> Result:
    x = cell.last()
    mask = cell.new_mask(f"({x} != {literal(layer.mask_value)}).any(dim=-1)", cell.rank - 1)
    return Result([Step(f"torch.where({mask.text}.unsqueeze(-1), {{x}}, 0)")], x, mask=mask)


# --- chance -----------------------------------------------------------------------------------
@rule.register
def _dropout(layer: Dropout, cell: Cell) -> Result:
    if layer.noise_shape is None:
        return cell.as_it_lies([cell.module(f"nn.Dropout({layer.rate})")])
    name = cell.helper("SharedDropout")
    return cell.on_last([cell.module(f"{name}({layer.rate}, {literal(layer.noise_shape)})")])


@rule.register(SpatialDropout1D)
@rule.register(SpatialDropout2D)
def _spatial_dropout(layer: Any, cell: Cell) -> Result:
    return cell.on_first([cell.module(f"nn.Dropout{layer.rank - 2}d({layer.rate})")])


@rule.register
def _gaussian_noise(layer: GaussianNoise, cell: Cell) -> Result:
    return cell.as_it_lies([cell.module(f"{cell.helper('GaussianNoise')}({layer.stddev})")])


@rule.register
def _gaussian_dropout(layer: GaussianDropout, cell: Cell) -> Result:
    return cell.as_it_lies([cell.module(f"{cell.helper('GaussianDropout')}({layer.rate})")])


@rule.register
def _alpha_dropout(layer: AlphaDropout, cell: Cell) -> Result:
    if layer.noise_shape is None:
        return cell.as_it_lies([cell.module(f"nn.AlphaDropout({layer.rate})")])
    name = cell.helper("SharedAlphaDropout")
    return cell.on_last([cell.module(f"{name}({layer.rate}, {literal(layer.noise_shape)})")])
