"""Activations in PyTorch: as a module for a chain, as a function for a formula.

The names of glassnet and of PyTorch differ, and so do defaults: each line was held against Keras's
definition. What PyTorch lacks is a small function written above the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from glassnet import activations


@dataclass(frozen=True)
class Said:
    """An activation: a function of ``{x}`` and, where there is one, a module that does the same.

    ``{dim}`` stands for the axis of the features; ``helper`` names a function to write out.
    """

    function: str
    module: str | None = None
    helper: str | None = None


_PLAIN = {
    "relu": Said("torch.relu({x})", "nn.ReLU()"),
    "sigmoid": Said("torch.sigmoid({x})", "nn.Sigmoid()"),
    "tanh": Said("torch.tanh({x})", "nn.Tanh()"),
    "softplus": Said("F.softplus({x})", "nn.Softplus()"),
    "softsign": Said("F.softsign({x})", "nn.Softsign()"),
    "elu": Said("F.elu({x})", "nn.ELU()"),
    "selu": Said("F.selu({x})", "nn.SELU()"),
    "celu": Said("F.celu({x})", "nn.CELU()"),
    "gelu": Said("F.gelu({x})", "nn.GELU()"),
    "silu": Said("F.silu({x})", "nn.SiLU()"),
    "mish": Said("F.mish({x})", "nn.Mish()"),
    "relu6": Said("F.relu6({x})", "nn.ReLU6()"),
    "leaky_relu": Said("F.leaky_relu({x}, 0.2)", "nn.LeakyReLU(0.2)"),
    "hard_sigmoid": Said("F.hardsigmoid({x})", "nn.Hardsigmoid()"),
    "hard_silu": Said("F.hardswish({x})", "nn.Hardswish()"),
    "hard_tanh": Said("F.hardtanh({x})", "nn.Hardtanh()"),
    "hard_shrink": Said("F.hardshrink({x})", "nn.Hardshrink()"),
    "soft_shrink": Said("F.softshrink({x})", "nn.Softshrink()"),
    "tanh_shrink": Said("F.tanhshrink({x})", "nn.Tanhshrink()"),
    "log_sigmoid": Said("F.logsigmoid({x})", "nn.LogSigmoid()"),
    "exponential": Said("torch.exp({x})"),
    "softmax": Said("torch.softmax({x}, dim={dim})", "nn.Softmax(dim={dim})"),
    "log_softmax": Said("torch.log_softmax({x}, dim={dim})", "nn.LogSoftmax(dim={dim})"),
    "glu": Said("F.glu({x}, dim={dim})", "nn.GLU(dim={dim})"),
    "sparse_plus": Said("sparse_plus({x})", helper="sparse_plus"),
    "sparse_sigmoid": Said("((({x}) + 1) / 2).clamp(0, 1)"),
    "sparsemax": Said("sparsemax({x}, dim={dim})", helper="sparsemax"),
    "squareplus": Said("squareplus({x})", helper="squareplus"),
}

TABLE: dict[Callable[..., object], Said] = {
    getattr(activations, name): said for name, said in _PLAIN.items()
}
"""Every activation that can be named without arguments, by its function; linear is none."""

NOT_NAMED = {"threshold": "it takes arguments, so no layer can name it"}
"""The activations that are not in the table, and why."""

HELPERS = {
    "sparse_plus": '''def sparse_plus(x):
    """0 up to -1, x from 1 on, and (x + 1)² / 4 between."""
    return torch.where(x >= 1, x, torch.relu(x.clamp(max=1) + 1) ** 2 / 4)''',
    "sparsemax": '''def sparsemax(x, dim):
    """The probabilities nearest to x: max(x - t, 0) with t such that they sum to 1."""
    x = x.movedim(dim, -1)
    falling = x.sort(dim=-1, descending=True).values
    excess = falling.cumsum(dim=-1) - 1
    count = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    k = (count * falling > excess).sum(dim=-1, keepdim=True)
    t = excess.gather(-1, k - 1) / k
    return torch.relu(x - t).movedim(-1, dim)''',
    "squareplus": '''def squareplus(x):
    """(x + √(x² + 4)) / 2."""
    return (x + torch.sqrt(x**2 + 4)) / 2''',
}
