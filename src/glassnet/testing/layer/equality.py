"""Equality with the library's brick of the same role."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.explain.doctor.recognition.trying import distance
from glassnet.explain.doctor.roles import Role
from glassnet.explain.doctor.twins import Run, built_twin, twin
from glassnet.graph.dimension import display
from glassnet.testing.layer.gradients import compared, ratio, said_factor
from glassnet.testing.layer.registry import failed, layer_check, passed, skipped
from glassnet.testing.layer.report import FAILED, Result
from glassnet.testing.layer.specimen import Specimen, told

ALLOWED = 1e-6
"""The difference allowed, relative to the largest entry."""


@layer_check("equal to the library")
def forward(specimen: Specimen) -> Result:
    """Forward gives what the library's brick gives with the same weights."""
    if specimen.reference is not None:
        return _against(specimen, specimen.reference)
    role = specimen.role
    if role is None:
        return skipped(_no_role(specimen))
    renamed = [str(w) for w in role.weights if w.how or w.own != w.library]
    with_weights = f", where {' and '.join(renamed)}" if renamed else ""
    if role.agrees:
        remarks = "".join(f"; {r}" for r in role.remarks)
        return passed(f"forward gives what {role.source} does{with_weights}{remarks}")
    text = f"{role.source}{with_weights}: {role.differs}"
    if not role.meant:
        return skipped(f"it is like {text}; whether it is meant so, its name does not say")
    return failed(f"It is meant as {text}.", _mend(role))


def _no_role(specimen: Specimen) -> str:
    if specimen.is_own:
        return "it is the library's own"
    if specimen.call:
        return "the call takes more than the inputs; name a brick to compare with: reference=…"
    return "no brick of the library computes the same; reference=… names one to compare with"


def _mend(role: Role) -> str:
    bias = next((w.own for w in role.weights if w.library == "bias"), "b")
    kernel = next((w for w in role.weights if w.library == "kernel"), None)
    if role.name == "Dense" and kernel is not None and "bias" in role.differs:
        turn = ".T" if kernel.how == "transposed" else ""
        return f"Z = X @ self.{kernel.own}{turn} + self.{bias}"
    if "ddof" in role.differs:
        return "variance = X.var(axis=0)  # the mean of the squares, ddof=0"
    if "standard deviation plus" in role.differs or "no root" in role.differs:
        return "(X - mean) / np.sqrt(variance + epsilon)"
    if "Dropout" in role.name:
        return "mask = (draws >= rate) / (1 - rate)  # draws from 0 to 1, in training alone"
    return ""


def _against(specimen: Specimen, reference: Any) -> Result:
    """A brick that a person named; weights are matched in order."""
    try:
        other = twin(built_twin(reference, specimen.inputs, specimen.call), "float64")
        other.set_weights([w.value for w in specimen.layer.weights])
        pairs = []
        for training in specimen.modes if not specimen.by_chance else (False,):
            run = Run(other, specimen.inputs, specimen.call, training)
            pairs.append((specimen.forward(training), run.forward(*specimen.arrays())))
    except Exception as error:
        return failed(
            f"{type(reference).__name__} can't be compared with it: {told(error)}.",
            "reference: a layer with weights of the same shapes, in the same order",
        )
    for own, right in pairs:
        for y, z in zip(own, right, strict=True):
            if y.shape != z.shape:
                return failed(f"Its output is {display(y.shape)}, that of "
                              f"{type(reference).__name__} {display(z.shape)}.")  # fmt: skip
            if distance(y, z)[0] > ALLOWED:
                place = np.unravel_index(int(np.nanargmax(np.abs(y - z))), y.shape)
                where = [int(i) for i in place]
                return failed(
                    f"It does not give what {type(reference).__name__} gives.",
                    numbers=[f"output{where}: {y[place]:.6g}, right is {z[place]:.6g}"],
                )
    return passed(f"forward gives what {type(reference).__name__} gives")


@layer_check("gradients of the library")
def gradients(specimen: Specimen) -> Result:
    """Every derivative is that of the library's brick, laid out as the person's weights are."""
    role = specimen.role
    if role is None:
        return skipped(_no_role(specimen))
    if not role.agrees:
        return skipped("their forwards differ already")
    if role.chance:
        return skipped("the two draw different numbers")
    if FAILED in (specimen.verdicts.get(name) for name in ("gradients", "gradients in training")):
        return skipped('they are wrong; see "gradients"')
    if not specimen.run().wrt:
        return skipped("there is nothing to differentiate by")
    names: list[str] = []
    for training in specimen.modes:
        if training not in role.modes:
            continue
        try:
            pairs = compared(specimen, role, training)
        except Exception:
            return skipped('backward does not run; see "gradients"')
        for name, given, right in pairs:
            if distance(given, right)[0] > ALLOWED and np.abs(given - right).max() > 1e-9:
                factor = ratio(given, right)
                m = len(specimen.arrays()[0])
                told_so = f": it is {said_factor(factor, m)}" if factor is not None else ""
                place = np.unravel_index(int(np.nanargmax(np.abs(given - right))), given.shape)
                where = [int(i) for i in place]
                return failed(
                    f"{name} is not that of {role.source}{told_so}.",
                    numbers=[f"{name}{where}: {given[place]:.6g}, right is {right[place]:.6g}"],
                )
        names = [name for name, *_ in pairs]
    tied = _at_ties(specimen, role)
    if tied is not None:
        return tied
    if not names:  # the modes in which it can be compared are others
        return skipped("the two are alike in training alone, where the layer knows no training")
    return passed(f"{', '.join(names)} are those of {role.name}, at kinks too")


def _at_ties(specimen: Specimen, role: Role) -> Result | None:
    """Where several entries are the largest, the slope goes to one of them or is shared out."""
    if "MaxPooling" not in role.name:
        return None
    run = specimen.run()
    tied = [np.ones_like(a) for a in specimen.arrays()]
    slopes = [np.ones_like(y) for y in run.forward(*tied)]
    dX = run.backward(tied, slopes)[0][0]
    given, right = float(np.sum(dX)), float(np.sum(slopes[0]))  # type: ignore[arg-type]
    if abs(given - right) <= ALLOWED * max(right, 1.0):
        return None
    return failed(
        "Where several entries of a window are the largest, each gets the whole slope: for inputs "
        f"that are all 1 the entries of dX add up to {given:g}, those of dY to {right:g}.",
        "the first of them alone: np.argmax, or divide by how many there are",
    )
