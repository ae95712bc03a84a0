"""The first values of weights in PyTorch, where a program carries no weights."""

from __future__ import annotations

import math
from typing import Any

from glassnet import initializers
from glassnet.explain.code.literals import literal
from glassnet.explain.code.torch_scope import Placed


def initial_lines(placed: list[Placed]) -> list[str]:
    """Return the lines that draw the weights anew, as the layers' initializers do."""
    lines = []
    for p in placed:
        for name, state in p.states():
            if state.variable is None or name.startswith("running"):
                continue
            told = f"{p.path}.{name}" if name else p.path
            initializer = _initializer(p, str(state.variable.name))
            lines.append(_line(told, initializer, tuple(map(int, state.variable.shape))))
    return ["", *lines] if lines else []


def _initializer(p: Placed, weight: str) -> Any:
    for name in (weight, weight.removesuffix("_kernel")):
        found = getattr(p.part.layer, f"{name}_initializer", None)
        if found is not None:
            return found
    return None


def _line(told: str, initializer: Any, shape: tuple[int, ...]) -> str:
    if isinstance(initializer, initializers.Zeros):
        return f"nn.init.zeros_({told})"
    if isinstance(initializer, initializers.Ones):
        return f"nn.init.ones_({told})"
    if isinstance(initializer, initializers.Constant) and isinstance(
        initializer.value, (int, float)
    ):
        return f"nn.init.constant_({told}, {literal(initializer.value)})"
    if type(initializer) is initializers.GlorotUniform and len(shape) == 2:
        return f"nn.init.xavier_uniform_({told})"
    if isinstance(initializer, initializers.VarianceScaling):
        return _scaled(told, initializer, shape)
    if type(initializer) is initializers.RandomUniform:
        low, high = literal(initializer.minval), literal(initializer.maxval)
        return f"nn.init.uniform_({told}, {low}, {high})"
    if type(initializer) is initializers.RandomNormal:
        return (
            f"nn.init.normal_({told}, {literal(initializer.mean)}, {literal(initializer.stddev)})"
        )
    if type(initializer) is initializers.TruncatedNormal:
        mean, std = initializer.mean, initializer.stddev
        bounds = f"{literal(mean - 2 * std)}, {literal(mean + 2 * std)}"
        return f"nn.init.trunc_normal_({told}, {literal(mean)}, {literal(std)}, {bounds})"
    if type(initializer) is initializers.Orthogonal:
        return f"nn.init.orthogonal_({told}, gain={literal(initializer.gain)})"
    return f"# {told} keeps PyTorch's first values: {type(initializer).__name__} is not in nn.init."


def _scaled(told: str, initializer: Any, shape: tuple[int, ...]) -> str:
    """A variance of scale / n, by the number of inputs or outputs of a unit."""
    cells = math.prod(shape[:-2])
    fans = {"fan_in": shape[-2] * cells, "fan_out": shape[-1] * cells} if len(shape) > 1 else {
        "fan_in": shape[0], "fan_out": shape[0]
    }  # fmt: skip
    fans["fan_avg"] = (fans["fan_in"] + fans["fan_out"]) / 2  # type: ignore[assignment]
    variance = initializer.scale / max(1.0, fans[initializer.mode])
    if initializer.distribution == "uniform":
        limit = literal(round(math.sqrt(3 * variance), 12))
        return f"nn.init.uniform_({told}, -{limit}, {limit})"
    if initializer.distribution == "untruncated_normal":
        return f"nn.init.normal_({told}, 0, {literal(round(math.sqrt(variance), 12))})"
    # Cut at two deviations, a normal has 0.87962566 of its own.
    std = round(math.sqrt(variance) / 0.87962566103423978, 12)
    return (
        f"nn.init.trunc_normal_({told}, 0, {literal(std)}, {literal(-2 * std)}, {literal(2 * std)})"
    )
