"""`diagnose`: gradients that a person computed, and the mistake that explains them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from glassnet.explain.doctor.diagnosis.bricks import diagnose_layer, diagnose_own_bricks
from glassnet.explain.doctor.diagnosis.case import Case
from glassnet.explain.doctor.diagnosis.plain import diagnose_pair
from glassnet.explain.doctor.diagnosis.reading import as_written, read_gradients
from glassnet.explain.doctor.diagnosis.report import Diagnosis, Mistake
from glassnet.explain.doctor.diagnosis.solving import solved
from glassnet.layers import Layer
from glassnet.models import Model
from glassnet.notation import get_notation


def diagnose(
    subject: Any,
    *arrays: Any,
    gradients: Any = None,
    notation: str | None = None,
    upstream: Any = None,
    training: bool | None = None,
) -> Diagnosis:
    """Find the mistake behind wrong gradients: ``given ≠ ∂J/∂W``, and which slip gives ``given``.

    Every mistake of a catalogue is made in the network's backward pass, alone and two at a time,
    and what it gives is compared with the arrays. So a mistake is named only where it explains
    every number. What is looked for is in the documentation, `docs/doctor.md`.

    Args:
        subject: what the gradients belong to:
            a compiled model, with ``x, y`` and ``gradients``; without ``gradients``, the bricks
            in it that have a ``backward`` of their own are examined;
            a layer, with its input: a `NumpyLayer`'s own ``backward``, or ``gradients`` beside a
            layer of the library (``dX``, ``dW``, ``db``);
            a tuple ``(f, gradient_of_f)`` of plain functions of arrays.
        arrays: the batch ``x, y``; the layer's input; the arguments of f.
        gradients: arrays by name, ``{"dW1": …, "db1": …, "dZ2": …}``, as `Model.derive` calls
            them (also ``"W1"``, ``"grad_W1"``, ``"dJ_dW1"``); or a list in the order of
            ``model.trainable_weights``; or a function ``(x, y)`` that returns one of these: it is
            called twice, to see whether it adds up what it should replace.
        notation: how the arrays lie: ``"keras"``, ``"course"`` (examples as columns) or
            ``"torch"``; by default what `glassnet.config.set_notation` chose.
        upstream: for a layer, dL/dY; random by default.
        training: for a layer, its mode.

    Returns:
        A `Diagnosis`: ``print`` it. ``kinds`` are the mistakes in a few words, the likeliest
        first, ``findings`` tell each with the line of mathematics and the mend.

    Raises:
        TypeError: where gradients are no arrays.
        KeyError: where a name is unknown.
        ValueError: where a model is not compiled, or the batch does not fit.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> X, Y = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[1.0], [2.0]])
    >>> dZ = 2 * (np.asarray(model(X)) - Y)          # the 1/m is missing
    >>> print(gn.explain.diagnose(model, X, Y, gradients={"dW1": X.T @ dZ, "db1": dZ.sum(0)})
    ...       .kinds[0])
    1/m missing
    """
    if isinstance(subject, tuple):
        return diagnose_pair(subject, arrays)
    if isinstance(subject, Model) and len(arrays) == 2:
        if gradients is None:
            return diagnose_own_bricks(subject, *arrays)
        return _of_model(subject, *arrays, gradients=gradients, notation=notation)
    if isinstance(subject, Model) and upstream is None:
        raise ValueError(
            "diagnose(model, x, y, gradients=…) takes a batch of two: what goes in, and the "
            f"targets. Got {len(arrays)} {'array' if len(arrays) == 1 else 'arrays'}."
        )
    if isinstance(subject, Layer):
        if len(arrays) != 1:
            raise ValueError(
                "diagnose(layer, x) takes the input of the layer; diagnose(model, x, y, "
                f"gradients=…) a compiled model and a batch. Got {len(arrays)} arrays."
            )
        return diagnose_layer(subject, arrays[0], gradients, upstream, training)
    raise TypeError(
        "diagnose takes a model, a layer or a tuple (f, gradient_of_f); got "
        f"{type(subject).__name__}. For a plain function: diagnose((f, gradient_of_f), *arrays)."
    )


def _of_model(model: Model, x: Any, y: Any, *, gradients: Any, notation: str | None) -> Diagnosis:
    case = Case.of_model(model, x, y, get_notation(notation))
    if callable(gradients):
        return _of_function(case, gradients, x, y)
    given = read_gradients(case, gradients)
    case.look_at(given)
    return _as_written(case, solved(case, given))


def _of_function(case: Case, function: Callable[..., Any], x: Any, y: Any) -> Diagnosis:
    """Call a person's backward pass twice: what adds up is not the same again."""
    first = read_gradients(case, _copied(function(x, y)))
    second = read_gradients(case, _copied(function(x, y)))
    case.look_at(first)
    grown = [
        n for n in first
        if first[n].shape == second[n].shape and first[n].any()
        and np.allclose(second[n], 2 * first[n], rtol=1e-4, atol=0)
    ]  # fmt: skip
    return _as_written(case, solved(case, first, accumulated=tuple(grown)))


def _as_written(case: Case, found: Diagnosis) -> Diagnosis:
    """The diagnosis with shapes and mends as in the notation of the case."""
    if case.derivation.notation.name == "keras":
        return found
    rows = tuple(
        replace(row, shape=as_written(case, row.name, row.shape),
                should=as_written(case, row.name, row.should))
        for row in found.rows
    )  # fmt: skip
    told = tuple(tuple(_in_notation(m) for m in mistakes) for mistakes in found.explanations)
    return replace(found, rows=rows, explanations=told)


def _in_notation(mistake: Mistake) -> Mistake:
    """The formulas of mends have examples as rows; the derivation's line has the notation's way."""
    if mistake.equation and re.search(r"@|\.T\b|ᵀ", mistake.mend):
        return replace(mistake, mend=f"write {mistake.about} as in that line")
    return mistake


def _copied(gradients: Any) -> Any:
    """Copies, since the next call may write into the same arrays."""
    if isinstance(gradients, Mapping):
        return {name: np.array(value) for name, value in gradients.items()}
    if isinstance(gradients, (list, tuple)):
        return [np.array(value) for value in gradients]
    return gradients
