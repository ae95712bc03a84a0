"""Ailments of the data: what no network can make good, or only slowly."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from glassnet.engines import Program
from glassnet.explain.doctor.training.ailments import Ailment, ailment, listed
from glassnet.explain.doctor.training.case import Case, size_of
from glassnet.explain.doctor.training.report import Finding
from glassnet.explain.evaluation import wide
from glassnet.graph.order import topological
from glassnet.graph.recording import recording
from glassnet.graph.variable import Variable
from glassnet.layers import Embedding
from glassnet.models.data import Batch
from glassnet.models.steps import placeholders
from glassnet.nest import flatten

LARGE = 10.0
"""The size of inputs from which on they count as unscaled: ten times what LeCun et al. ask for."""
SMALL = 0.01
DENSE = 0.5
"""A feature whose most common value stands in less than this share of the examples is dense; that
of a border pixel, scaled or not, is the background."""


@ailment
class NotFiniteData(Ailment):
    """NaN or infinity among the data."""

    name = "NaN or infinity in the data"
    order = 1
    why = "NaN + a = NaN: one such number makes the sum of the batch, and every weight, NaN."

    def examine(self, case: Case) -> Finding | None:
        assert case.data is not None
        told, bad = [], 0
        for part, name in zip(case.data, Batch._fields, strict=True):
            for array in flatten(part):
                if array is None or np.asarray(array).dtype.kind != "f":
                    continue
                rows = ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
                if rows.any():
                    bad += int(rows.sum())
                    place = np.argwhere(~np.isfinite(array))[0].tolist()
                    told.append(
                        f"{name} holds {np.asarray(array)[tuple(place)]} at {place}; "
                        f"{int(rows.sum())} of {len(array)} examples are concerned."
                    )
        if not told:
            return None
        return self.found(
            "serious",
            *told,
            remedy="Remove these examples, or fill the gaps with the feature's mean.",
            code="keep = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))\nx, y = x[keep], y[keep]",
            numbers={"examples": float(bad)},
        )


@ailment
class UnscaledInputs(Ailment):
    """Features far from mean 0 and size 1, as the first weighted layer gets them."""

    name = "unscaled inputs"
    order = 6
    needs = "run"
    why = (
        "∂J/∂W = Xᵀ dZ: the step of a weight grows with its input, and the curvature with the "
        "input's square, so one learning rate can't fit all."
    )
    source = 'Y. LeCun et al., "Efficient BackProp", 1998, 4.3: mean 0, variance 1'

    def examine(self, case: Case) -> Finding | None:
        for name, array in raw_inputs(case):
            flat = wide(array).reshape(len(array), -1)
            size = size_of(flat)
            told = self._told(name, flat, size)
            if told:
                pixels = flat.min() >= 0 and 100 < flat.max() <= 255
                code = "x = x.astype('float32') / 255" if pixels else _STANDARDISE
                return self.found(
                    "serious" if size > LARGE else "notable",
                    told,
                    f"In all the inputs go from {flat.min():.4g} to {flat.max():.4g}, their root "
                    f"mean square is {size:.3g}.",
                    remedy="Scale the inputs to about mean 0 and standard deviation 1; do the "
                    "same to what is predicted later.",
                    code=code,
                    numbers={"rms": size, "max": float(np.abs(flat).max())},
                    born=True,
                )
        return None

    def _told(self, name: str, flat: np.ndarray, size: float) -> str:
        if size > LARGE:
            return f"{name} is large: typical entries are {size:.3g} times as large as 1."
        if 0 < size < SMALL:
            return f"{name} is tiny: typical entries are {size:.2g}."
        sizes = np.sqrt(np.mean(flat**2, axis=0))
        varying = flat.std(axis=0)
        dense = (commonest(flat) < DENSE) & (varying > 0)
        if not dense.any():
            return ""
        found = int(np.argmax(sizes * dense))
        if sizes[found] > LARGE:
            return (
                f"Feature {found} of {name} is large: its root mean square is {sizes[found]:.3g}."
            )
        spread = varying[dense].max() / varying[dense].min()
        if spread > 100:
            least = int(np.flatnonzero(dense)[np.argmin(varying[dense])])
            most = int(np.flatnonzero(dense)[np.argmax(varying[dense])])
            return (
                f"The features of {name} differ in scale by {spread:.3g}: feature {most} has "
                f"standard deviation {varying[most]:.3g}, feature {least} {varying[least]:.2g}."
            )
        off = dense & (np.abs(flat.mean(axis=0)) > LARGE * varying)
        if off.sum() >= max(1, dense.sum() / 4):
            worst = int(np.argmax(np.abs(flat.mean(axis=0)) / np.where(off, varying, np.inf)))
            return (
                f"{int(off.sum())} features of {name} lie far from 0: feature {worst} is "
                f"{flat.mean(axis=0)[worst]:.3g} ± {varying[worst]:.2g}."
            )
        return ""


def commonest(flat: np.ndarray) -> np.ndarray:
    """Return, for every feature, the share of the examples that have its most common value."""
    ordered = np.sort(flat, axis=0)
    edges = np.ones((1, flat.shape[1]), bool)
    starts = np.concatenate([edges, ordered[1:] != ordered[:-1], edges])
    shares = [float(np.diff(np.flatnonzero(column)).max()) for column in starts.T]
    return np.array(shares) / max(len(flat), 1)


def background(flat: np.ndarray) -> float:
    """Return the value of what is empty: the most common one, where it is common; else 0."""
    values, counts = np.unique(flat[:200], return_counts=True)
    most = int(np.argmax(counts))
    return float(values[most]) if counts[most] > 0.1 * flat[:200].size else 0.0


_STANDARDISE = "mean, std = x.mean(axis=0), x.std(axis=0)\nx = (x - mean) / (std + 1e-8)"


def raw_inputs(case: Case) -> list[tuple[str, np.ndarray]]:
    """Return what the first weighted layers get, where no weight stands before them.

    So inputs that the network scales itself, by `Rescaling` or `Normalization`, are seen scaled.
    """
    symbolic, inputs = placeholders(Batch(case.small.x), np.dtype(case.model.dtype))
    with recording() as opened:
        case.model(symbolic.x, training=True)
    found = []
    seen: set[int] = set()
    trained = {id(v) for v in case.model.trainable_weights}
    for layer, _, given, _ in opened.calls:
        if not getattr(layer, "weights", None) or isinstance(layer, Embedding):
            continue
        if getattr(layer, "layers", None) or not any(v.value.ndim > 1 for v in layer.weights):
            continue
        for tensor in flatten(given):
            if id(tensor) in seen or getattr(tensor, "op", 0) == 0:
                continue
            seen.add(id(tensor))
            nodes = topological([tensor])
            if any(id(n) in trained or _is_batch_statistic(n) for n in nodes):
                continue
            if not any(n is i for n in nodes for i in inputs):
                continue
            found.append((tensor, layer.name))
    named = [name for name, _ in case.inputs()]
    if not found:
        return []
    values = Program(inputs, [t for t, _ in found]).run(*flatten(case.small.x))
    several = len(named) > 1 or any(t.op is not None and t.op.name != "cast" for t, _ in found)
    return [
        (f"The input of {layer}" if several else "x", np.asarray(v))
        for (_, layer), v in zip(found, values, strict=True)
    ]


def _is_batch_statistic(node: Any) -> bool:
    return isinstance(node, Variable) and node.name == "moving_mean"


@ailment
class UselessFeatures(Ailment):
    """Features that are constant, or the same as another."""

    name = "duplicate or constant features"
    order = 40
    why = (
        "A constant feature is a second bias; of two equal ones only w₁ + w₂ counts, and the pair "
        "learns with twice the rate of the others."
    )

    def examine(self, case: Case) -> Finding | None:
        for name, array in case.inputs():
            if array.ndim != 2 or len(array) < 10 or array.shape[1] < 2:
                continue
            flat = wide(array)
            same = (flat == flat[0]).all(axis=0)
            # The border of a picture is background throughout, near 0, and does no harm.
            is_picture = flat.shape[1] > 100
            ink = (flat[0] != background(flat)) & (np.abs(flat[0]) > 0.5 * size_of(flat))
            constant = np.flatnonzero(same & (ink | (not is_picture)))
            doubled = self._doubled(flat, same)
            if not len(constant) and not doubled:
                continue
            told = []
            if len(constant):
                some = listed([str(i) for i in constant.tolist()])
                told.append(f"Of {name}, {len(constant)} features are constant: {some}.")
            if doubled:
                some = listed([f"{b} = {a}" for a, b in doubled])
                told.append(f"Of {name}, {len(doubled)} features repeat another: {some}.")
            drop = [*constant.tolist(), *(b for _, b in doubled)]
            return self.found(
                "minor",
                *told,
                remedy="Leave them out.",
                code=f"x = np.delete(x, {drop[:12]}, axis=1)",
                numbers={"constant": float(len(constant)), "duplicate": float(len(doubled))},
            )
        return None

    @staticmethod
    def _doubled(flat: np.ndarray, same: np.ndarray) -> list[tuple[int, int]]:
        known: dict[bytes, int] = {}
        found = []
        shown = np.count_nonzero(flat != background(flat), axis=0)
        for i in range(flat.shape[1]):
            # Two pixels that few pictures ink may agree by chance.
            if same[i] or shown[i] < max(10, len(flat) / 20):
                continue
            key = np.ascontiguousarray(flat[:, i]).tobytes()
            if key in known:
                found.append((known[key], i))
            known.setdefault(key, i)
        return found


@ailment
class Leakage(Ailment):
    """Examples that are in the training data and in the validation data."""

    name = "leakage between training and validation data"
    order = 8.5
    why = (
        "The validation loss estimates E[J] on examples that the weights do not depend on; on "
        "examples that were trained on it is the training loss once more."
    )

    def examine(self, case: Case) -> Finding | None:
        assert case.data is not None
        assert case.validation is not None
        train, held = _rows(case.data.x), _rows(case.validation.x)
        known = set(train)
        shared = sum(row in known for row in held)
        repeats = 1 - len(known) / len(train)
        # Of a sample of the training data only that share of the common rows is seen.
        seen = min(1.0, len(train) / (case.size or len(train)))
        share = min(1.0, shared / len(held) / seen)
        most_common = Counter(held).most_common(1)[0][1] / len(held)
        few = share - repeats / seen - most_common
        if shared < 3 or share < 0.05 or few < 0.04:
            return None
        told = f"{shared} of {len(held)} validation examples are training examples, value by value"
        if seen < 0.999:
            told += (
                f"; {len(train)} of {case.size} training examples were compared, so it is about "
                f"{share:.0%} of them"
            )
        return self.found(
            "serious" if share > 0.2 else "notable",
            f"{told}.",
            remedy="Split first, then augment or repeat; remove what is in both parts.",
            code="(x_train, y_train), (x_val, y_val) = ...  # split unique rows",
            numbers={"share": share},
        )

    def can_examine(self, case: Case) -> bool:
        return case.data is not None and case.validation is not None


def _rows(x: Any) -> list[bytes]:
    leaves = [np.asarray(a, np.float32) for a in flatten(x) if a is not None]
    parts = [a.reshape(len(a), -1) for a in leaves]
    return [row.tobytes() for row in np.ascontiguousarray(np.concatenate(parts, axis=1))]
