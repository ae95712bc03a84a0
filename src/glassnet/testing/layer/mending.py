"""What the backward of a well-known brick looks like, in a person's own names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence

import numpy as np

from glassnet.layers import NumpyLayer
from glassnet.layers.numpy_brick import NumpyForward, _weights_of
from glassnet.testing.layer.specimen import Specimen

_SLOPES = {
    "ReLU": "dY * (self.X > 0)",
    "sigmoid": "dY * self.Y * (1 - self.Y)",
    "tanh": "dY * (1 - self.Y**2)",
    "softplus": "dY / (1 + np.exp(-self.X))",
    "exponential": "dY * self.Y",
    "Softmax": "self.Y * (dY - (dY * self.Y).sum(axis=-1, keepdims=True))",
}


def backward_of(specimen: Specimen, wrong: Sequence[str] = ()) -> str:
    """Return the lines of a right backward where the brick is one of the well known."""
    lines = _well_known(specimen, wrong)
    if not lines:
        return ""
    kept = _kept(specimen)
    missing = [n for n in ("self.X", "self.Y") if n in lines and n not in kept]
    for generic, own in kept.items():
        lines = re.sub(rf"(?<![\w.]){re.escape(generic)}(?!\w)", own, lines)
    told = "".join(f"{name} = {name[-1]}  # in forward\n" for name in missing)
    return told + lines


def _well_known(specimen: Specimen, wrong: Sequence[str]) -> str:
    role = specimen.role if specimen.in_numpy else None
    if role is None or role.convention.said:
        return ""
    if role.name == "Dense":
        return _dense(specimen, wrong)
    kind = role.name
    if kind == "Activation":
        kind = str(role.candidate.arguments["activation"])
    if kind == "LeakyReLU":
        slope = role.candidate.arguments["negative_slope"]
        return f"return dY * np.where(self.X > 0, 1.0, {slope:g})"
    if kind in _SLOPES:
        return f"return {_SLOPES[kind]}"
    return ""


def _dense(specimen: Specimen, wrong: Sequence[str]) -> str:
    role = specimen.role
    assert role is not None
    named = {w.library: w for w in role.weights}
    if any(w.how not in ("", "transposed") and "in place" not in w.how for w in named.values()):
        return ""
    activation = role.candidate.arguments.get("activation")
    dZ = "dZ" if activation else "dY"
    lines = []
    kernel = named["kernel"]
    turned = kernel.how == "transposed"
    if activation:
        rules = {
            "relu": "dY * (self.Y > 0)", "sigmoid": _SLOPES["sigmoid"], "tanh": _SLOPES["tanh"],
            "softmax": _SLOPES["Softmax"],
        }  # fmt: skip
        rule = rules.get(str(activation))
        if rule is None:
            return ""
        lines.append(f"dZ = {rule}")
    if not wrong or kernel.own in wrong:
        product = f"{dZ}.T @ self.X" if turned else f"self.X.T @ {dZ}"
        lines.append(f"self.d{kernel.own} = {product}")
    bias = named.get("bias")
    if bias is not None and (not wrong or bias.own in wrong):
        keep = ", keepdims=True" if bias.how else ""
        turn = ".T" if bias.how and not bias.how.startswith("(1") else ""
        lines.append(f"self.d{bias.own} = {dZ}.sum(axis=0{keep}){turn}")
    if not wrong or any(name.startswith("X") for name in wrong):
        lines.append(f"return {dZ} @ self.{kernel.own}{'' if turned else '.T'}")
    return "\n".join(lines)


def _kept(specimen: Specimen) -> dict[str, str]:
    """What a person calls dY, and the attributes that hold input and output, by our names."""
    layer = specimen.layer
    if not isinstance(layer, NumpyLayer) or isinstance(specimen.inputs, (list, dict)):
        return {}
    weights = tuple(_weights_of(layer))
    op = NumpyForward(layer, weights, 1, True if True in specimen.modes else None)
    try:
        with np.errstate(all="ignore"):
            own, y = op.run([specimen.inputs, *(w.value for w in weights)])
    except Exception:
        return {}
    found = {}
    for generic, array in (("self.X", specimen.inputs), ("self.Y", y)):
        names = [
            name
            for name, value in vars(own).items()
            if isinstance(value, np.ndarray) and np.array_equal(value, array)
        ]
        if names:
            same = generic.removeprefix("self.")
            found[generic] = f"self.{same if same in names else names[0]}"
    taken = list(inspect.signature(layer.backward).parameters)
    if len(taken) == 1 and taken[0] != "dZ":  # dZ is ours, before an activation
        found["dY"] = taken[0]
    return found
