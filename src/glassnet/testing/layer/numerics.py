"""Large, tiny, zero and negative inputs in float32: no NaN, no infinity where none need be."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.explain.doctor.twins import Run, twin
from glassnet.graph.dtypes import is_float
from glassnet.nest import flatten, map_structure
from glassnet.testing.layer.registry import failed, layer_check, passed, skipped
from glassnet.testing.layer.report import Result
from glassnet.testing.layer.specimen import Specimen, told

LARGE = (1e2, 1e4, 1e30)
"""The sizes of large inputs."""
TAME = 1e4
"""Up to this size NaN is wrong even where there is no brick to compare with."""
TINY = (1e-8, 1e-20, 1e-38)
"""The sizes of tiny inputs; the last is among the smallest of float32."""

_MENDS = {
    "Softmax": "E = np.exp(X - X.max(axis=-1, keepdims=True))  # no power overflows then",
    "softmax": "E = np.exp(Z - Z.max(axis=-1, keepdims=True))  # no power overflows then",
    "log_softmax": "Z = X - X.max(axis=-1, keepdims=True)\n"
    "return Z - np.log(np.exp(Z).sum(axis=-1, keepdims=True))",
    "softplus": "return np.logaddexp(0, X)  # in place of np.log(1 + np.exp(X))",
    "sigmoid": "E = np.exp(-np.abs(X))\nreturn np.where(X >= 0, 1, E) / (1 + E)",
    "tanh": "return np.tanh(X)  # (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ) overflows",
    "silu": "E = np.exp(-np.abs(X))\nreturn X * np.where(X >= 0, 1, E) / (1 + E)",
    "ELU": "return np.where(X > 0, X, alpha * np.expm1(np.minimum(X, 0)))",
    "LayerNormalization": "Y = (X - mean) / np.sqrt(variance + 1e-3)",
    "BatchNormalization": "Y = (X - mean) / np.sqrt(variance + 1e-3)",
    "UnitNormalization": "Y = X / np.sqrt(np.maximum((X**2).sum(-1, keepdims=True), 1e-12))",
}


@layer_check("large inputs")
def large(specimen: Specimen) -> Result:
    """Entries of ±10², ±10⁴ and ±10³⁰."""
    return _tried(specimen, {_size(size): specimen.filled(size) for size in LARGE})


@layer_check("tiny inputs")
def tiny(specimen: Specimen) -> Result:
    """Entries of ±10⁻⁸, ±10⁻²⁰ and ±10⁻³⁸."""
    return _tried(specimen, {_size(size): specimen.filled(size) for size in TINY})


@layer_check("zero inputs")
def zero(specimen: Specimen) -> Result:
    """All entries 0, and all 1: no variance, no length to divide by."""
    trials = {"all 0": specimen.filled(0.0), "all 1": specimen.changed(np.ones_like)}
    return _tried(specimen, trials)


@layer_check("negative inputs")
def negative(specimen: Specimen) -> Result:
    """All entries below 0."""
    return _tried(specimen, {"all below 0": specimen.changed(lambda a: -np.abs(a))})


def _size(size: float) -> str:
    return f"±{size:.0e}".replace("e+", "e").replace("e0", "e").replace("e-0", "e-")


def _tried(specimen: Specimen, trials: dict[str, Any]) -> Result:
    if not any(is_float(a.dtype) for a in flatten(specimen.inputs)):
        return skipped("the inputs are no floats")
    compared = False
    for training in specimen.modes:
        if training and specimen.in_numpy and specimen.by_chance:
            continue
        run = specimen.run(training, "float32")
        reference = _reference(specimen, training)
        compared |= reference is not None
        for what, inputs in trials.items():
            size = max(float(np.abs(a).max(initial=0.0)) for a in flatten(inputs))
            if size > TAME and reference is None:
                continue
            try:
                found = _bad(specimen, run, reference, inputs)
            except Exception as error:
                return failed(f"Inputs {what} raise {told(error)}.", detail=error)
            if found:
                where = " in training" if training else ""
                return failed(f"For inputs {what}{where} {found}.", _mend(specimen))
    names = ", ".join(w for w in trials if compared or w != _size(LARGE[-1]))
    if compared and specimen.role is not None:
        return passed(f"{names}: finite where {specimen.role.name} is, and its slopes")
    return passed(f"{names}: no value and no slope is NaN")


def _reference(specimen: Specimen, training: bool) -> Run | None:
    """The library's brick in float32, with the same weights."""
    role = specimen.role
    if role is None or not role.agrees or training not in role.modes or role.chance:
        return None
    if isinstance(specimen.inputs, list) or role.convention.said:
        return None
    own = [np.asarray(w.value) for w in specimen.layer.weights]
    role.take_weights(own)
    return Run(twin(role.layer, "float32"), specimen.inputs.astype("float32"), training=training)


def _bad(specimen: Specimen, run: Run, reference: Run | None, inputs: Any) -> str:
    """What is NaN or infinite and should not be; empty where nothing is."""
    call = {k: v for k, v in specimen.call.items() if isinstance(v, np.ndarray)}
    arrays = specimen.arrays(map_structure(_single, inputs), call)
    with np.errstate(all="ignore"):
        outputs = run.forward(*arrays)
        right = reference.forward(*arrays) if reference is not None else [None] * len(outputs)
        for y, z in zip(outputs, right, strict=True):
            if said := _worse(y, z):
                return f"the output holds {said}"
        if not run.wrt or not all(is_float(y.dtype) for y in outputs):
            return ""
        slopes = [np.ones_like(y) for y in outputs]
        try:
            by_inputs, _ = run.backward(arrays, slopes)
        except Exception:
            return ""  # the check of the gradients tells it
        known = reference.backward(arrays, slopes)[0] if reference is not None else [None] * 99
        for dX, dZ in zip(by_inputs, known, strict=False):
            if dX is not None and (said := _worse(dX, dZ)):
                return f"the output is finite, but dX holds {said}"
    return ""


def _single(array: Any) -> Any:
    return array.astype("float32") if is_float(array.dtype) else array


def _worse(y: np.ndarray, reference: np.ndarray | None) -> str:
    if not is_float(y.dtype):
        return ""
    if reference is None or reference.shape != y.shape:
        bad = np.isnan(y)
        return f"NaN in {bad.sum()} of {y.size} entries" if bad.any() else ""
    bad = ~np.isfinite(y) & np.isfinite(reference)
    if not bad.any():
        return ""
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    shown = "NaN" if np.isnan(y[place]) else f"{y[place]}"
    return f"{shown} at {list(place)}, where {reference[place]:.4g} is right"


def _mend(specimen: Specimen) -> str:
    role = specimen.role
    if role is None:
        return "divide by x + epsilon; subtract the largest before np.exp; log of max(x, epsilon)"
    name = role.name
    if "activation" in role.candidate.arguments:
        name = str(role.candidate.arguments["activation"])
    return _MENDS.get(name, "")
