"""Bricks of one's own examined: their backward beside that of the library's brick."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from glassnet.explain.doctor.diagnosis.case import Case
from glassnet.explain.doctor.diagnosis.plain import PlainCase
from glassnet.explain.doctor.diagnosis.reading import backward_order, known_name, read_gradients
from glassnet.explain.doctor.diagnosis.report import Diagnosis, Mistake
from glassnet.explain.doctor.diagnosis.solving import solved
from glassnet.explain.doctor.diagnosis.variant import Variant
from glassnet.explain.doctor.gradients import true_gradients
from glassnet.explain.doctor.roles import Role, role_of
from glassnet.explain.doctor.twins import all_layers, knows_training, named_weights, twin
from glassnet.graph.tensor import Tensor
from glassnet.layers import Input, Layer, NumpyLayer
from glassnet.layers.numpy_brick import NumpyForward
from glassnet.models import Model, Sequential
from glassnet.models.data import Batch
from glassnet.nest import flatten
from glassnet.notation import get_notation
from glassnet.ops import reshape
from glassnet.ops import sum as sum_of


def diagnose_own_bricks(model: Model, x: Any, y: Any) -> Diagnosis:
    """Examine the bricks of a model that have a backward of their own; return the first wrong one.

    Raises:
        ValueError: where there is none.
    """
    own = [layer for layer in all_layers(model) if isinstance(layer, NumpyLayer)]
    if not own:
        raise ValueError(
            "diagnose(model, x, y): no layer of this model has a backward of its own, and no "
            "gradients were given. Write diagnose(model, x, y, gradients={'dW1': …})."
        )
    inputs = _inputs_of(model, own, np.asarray(x))
    found = [diagnose_layer(layer, inputs[id(layer)], None, None, None)
             for layer in own if id(layer) in inputs]  # fmt: skip
    return next((d for d in found if not d.ok), found[0])


def _inputs_of(model: Model, layers: list[NumpyLayer], x: np.ndarray) -> dict[int, np.ndarray]:
    """What each brick is called on when the model is, by the brick's id."""
    from glassnet.explain.evaluation import Evaluation
    from glassnet.explain.recorded import record_step

    batch = Batch(x, np.zeros(np.asarray(model(x)).shape), None)
    step = record_step(model, batch)
    values = Evaluation.of_batch(step, batch, model)
    return {
        id(call.layer): values[call.inputs[0]]
        for call in step.calls
        if any(call.layer is layer for layer in layers) and len(call.inputs) == 1
    }


def diagnose_layer(
    layer: Layer, x: Any, gradients: Any, upstream: Any, training: bool | None
) -> Diagnosis:
    """Diagnose a brick: its own backward, or gradients beside a brick of the library."""
    x = np.asarray(x)
    x = x.astype(np.float64) if x.dtype.kind == "f" else x
    if not layer.built:
        layer(x[:1])
    if gradients is not None or not isinstance(layer, NumpyLayer):
        if gradients is None:
            raise ValueError(
                f"diagnose: {layer.name!r} has no backward of its own, so there is nothing to "
                "examine. Give gradients={'dX': …, 'dW': …} and upstream=dY."
            )
        if upstream is None:
            raise ValueError(
                "diagnose(layer, x, gradients=…) needs upstream=dY, what the gradients were "
                "computed from."
            )
        case, names = _beside(twin(layer, np.float64), x, np.asarray(upstream, np.float64))
        known = {n: names.get(n, names.get(f"d{n}", n)) for n in map(str, dict(gradients))}
        given = read_gradients(case, {known[str(n)]: a for n, a in dict(gradients).items()})
        theirs = {
            known_name(case, k): n if n.startswith("d") else f"d{n}" for n, k in known.items()
        }
        return renamed(solved(case, given), theirs)
    return _of_own(layer, x, upstream, training)


def _of_own(layer: NumpyLayer, x: np.ndarray, upstream: Any, training: bool | None) -> Diagnosis:
    role = role_of(layer, x)
    mode = training
    if mode is None and knows_training(layer):
        mode = True
    own, y = _forward(layer, x, mode)
    dY = np.random.default_rng(0).normal(size=y.shape) if upstream is None else np.asarray(upstream)
    dY = dY.astype(np.float64)
    theirs = _backward(layer, own, dY)
    subject = f"the backward of {type(layer).__name__}"
    if role is not None and role.agrees and role.chance:
        return _of_mask(x, y, dY, theirs, subject)
    if role is not None and role.agrees and not role.convention.said:
        found = _of_role(role, layer, x, dY, theirs, subject)
        if found is not None:
            return found
    right = true_gradients(layer, x, upstream=dY, training=mode)
    kept = {n: a for n, a in theirs.items() if n in right}
    return solved(PlainCase({n: right[n] for n in kept}, len(x)), kept, subject=subject)


def _forward(layer: NumpyLayer, x: np.ndarray, training: bool | None) -> tuple[Any, np.ndarray]:
    """Run a brick's forward on a copy; return the copy and the output."""
    weights = tuple(w for _, w in named_weights(layer))
    op = NumpyForward(layer, weights, 1, training)
    return op.run([x, *(np.asarray(w.value, np.float64) for w in weights)])


def _backward(layer: NumpyLayer, own: Any, dY: np.ndarray) -> dict[str, np.ndarray]:
    """What a brick's backward gives, whatever its shapes are.

    Raises:
        ValueError: where it gives nothing to look at, or no gradient of a weight.
    """
    dX = own.backward(dY)
    found = {}
    kind = type(layer).__name__
    missing = [n for n, w in named_weights(layer)
               if w.trainable and getattr(own, f"d{n}", None) is None]  # fmt: skip
    if missing:
        raise ValueError(
            f"diagnose: {kind}.backward sets no gradient of {', '.join(missing)}. Write "
            f"self.d{missing[0]} = … in it; what it returns is dL/dX alone."
        )
    if isinstance(dX, (tuple, list, dict)) and len(flatten(dX)) != 1:
        raise ValueError(
            f"diagnose: {kind}.backward returned {len(flatten(dX))} arrays; expected one, dL/dX. "
            "Gradients of weights are set on self: self.dW = …"
        )
    for name, weight in named_weights(layer):
        value = getattr(own, f"d{name}", None)
        if weight.trainable and value is not None:
            found[f"d{name}"] = np.asarray(value)
    if dX is not None and len(flatten(dX)) == 1:
        found["dX"] = np.asarray(flatten(dX)[0])
    return found


# --- beside a brick of the library ------------------------------------------------------------
def _beside(layer: Layer, x: np.ndarray, dY: np.ndarray) -> tuple[Case, dict[str, str]]:
    """The case of one brick, J = (1/m) Σ U ⊙ Y with U = m dY; and what its weights are called."""
    model = Sequential([Input(x.shape[1:], dtype=x.dtype.name), layer], name="brick")
    model.compile("sgd", _projected)
    case = Case.of_model(model, x, len(x) * dY, get_notation("keras"))
    case.learning_rate = 0.0
    names = {"dX": "dX"}
    for name, weight in named_weights(layer):
        if weight.trainable:
            names[f"d{name}"] = f"d{case.name(weight)}"
            names[f"d{weight.name}"] = names[f"d{name}"]
    return case, names


def _projected(y_true: Tensor, y_pred: Tensor) -> Tensor:
    rows = reshape(y_true * y_pred, (y_pred.shape[0], -1))
    return sum_of(rows, axis=1)


def _of_role(
    role: Role, layer: NumpyLayer, x: np.ndarray, dY: np.ndarray,
    theirs: Mapping[str, np.ndarray], subject: str,
) -> Diagnosis | None:  # fmt: skip
    """The diagnosis beside the library's brick; None where the weights lie too differently."""
    case, names = _beside(role.layer, x, dY)
    given, said = {}, {}
    for name, array in theirs.items():
        if name == "dX":
            given["dX"] = array
            continue
        weight = next((w for w in role.weights if f"d{w.own}" == name), None)
        if weight is None or f"d{weight.library}" not in names:
            return None
        if weight.how == "transposed" and array.ndim == 2:
            array = array.T
        elif weight.how:
            return None
        known = names[f"d{weight.library}"]
        given[known] = array
        said[known] = name
    ordered = {n: given[n] for n in backward_order(case, given)}
    turned = {f"d{w.own}" for w in role.weights if w.how == "transposed"}
    return _turned(renamed(solved(case, ordered, subject=subject), said), turned)


def _turned(found: Diagnosis, names: set[str]) -> Diagnosis:
    """The diagnosis where some weights lie the other way round than the library's."""

    def told(mistake: Mistake) -> Mistake:
        if mistake.about not in names:
            return mistake
        mend = f"{mistake.about} has the shape of its weight: turn what you have"
        as_it_is = mistake.kind != "transposed result"
        return replace(mistake, equation="", mend=mistake.mend if as_it_is else mend)

    rows = tuple(
        replace(row, shape=row.shape[::-1], should=row.should[::-1]) if row.name in names else row
        for row in found.rows
    )
    explanations = tuple(tuple(map(told, mistakes)) for mistakes in found.explanations)
    return replace(found, rows=rows, explanations=explanations)


# --- a mask -----------------------------------------------------------------------------------
def _of_mask(
    x: np.ndarray, y: np.ndarray, dY: np.ndarray, theirs: Mapping[str, np.ndarray], subject: str
) -> Diagnosis:
    """Dropout: the mask is what the forward pass multiplied by."""
    with np.errstate(all="ignore"):
        D = np.where(x != 0, y / np.where(x == 0, 1.0, x), 0.0)
    scale = float(np.abs(D).max(initial=0.0)) or 1.0
    right = "dX = dY ⊙ D, with the D of the forward pass, scale and all"

    def variant(kind: str, told: str, array: np.ndarray) -> Variant:
        return Variant(kind, told, right, "dX", after=(lambda found: {**found, "dX": array},))

    missing = "dropout mask missing in the backward pass"
    extra = (
        variant(missing, "The mask is missing on the way back.", dY),
        variant(missing, "What goes back is scaled but not masked.", dY * scale),
        variant("dropout scaled twice", "What goes back is divided by the probability of keeping "
                "twice.", dY * D * scale),
        variant("dropout not scaled in the backward pass", "What goes back is masked, but not "
                "divided by the probability of keeping.", dY * (D != 0)),
        variant("dropout mask turned around", "The mask keeps what was dropped.",
                dY * (D == 0) * scale),
    )  # fmt: skip
    case = PlainCase({"dX": dY * D}, len(x), extra)
    return solved(case, {"dX": theirs["dX"]}, subject=subject)


# --- names ------------------------------------------------------------------------------------
def renamed(found: Diagnosis, names: Mapping[str, str]) -> Diagnosis:
    """Return a diagnosis in which quantities have a person's names."""
    pairs = {**names, **{a[1:]: b[1:] for a, b in names.items()}}
    pairs = {a: b for a, b in pairs.items() if a != b}
    if not pairs:
        return found
    pattern = re.compile(
        r"\b(" + "|".join(sorted(map(re.escape, pairs), key=len, reverse=True)) + r")\b"
    )

    def turned(text: str) -> str:
        return pattern.sub(lambda m: pairs[m.group(1)], text)

    explanations = tuple(
        tuple(
            replace(m, sentence=turned(m.sentence), mend=turned(m.mend), about=turned(m.about),
                    gradients=tuple(map(turned, m.gradients)))
            for m in explanation
        )
        for explanation in found.explanations
    )  # fmt: skip
    rows = tuple(replace(row, name=turned(row.name)) for row in found.rows)
    return replace(found, explanations=explanations, rows=rows, starts=turned(found.starts))
