r"""Gradients held against the function they are said to be the gradient of.

A gradient may be a graph's (a network's, a function's), a person's ``backward``, or a function of
arrays. What it should be is told by the values of the function alone, in float64.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.exceptions import ComplexWarning

from glassnet.explain.doctor.bare import BareSubject
from glassnet.explain.doctor.gradient_report import GradientReport
from glassnet.explain.doctor.probing import Neighbours, Slopes, Trial
from glassnet.explain.doctor.subjects import (
    Subject,
    of_function,
    of_layer,
    of_model,
)
from glassnet.layers.base import Layer
from glassnet.models.model import Model


def check_gradients(
    subject: Any,
    *arrays: Any,
    sample_weight: Any = None,
    inputs: bool = False,
    training: bool | None = None,
    upstream: Any = None,
) -> GradientReport:
    """Hold a gradient against the function itself: ``givenᵢ ≈ ∂f/∂xᵢ`` for every parameter.

    Args:
        subject: what to check:
            a compiled model, with ``x, y``: the gradient of its loss, as training uses it, by all
            trainable weights; penalties, masks, dropout (with the draws of the next step) and
            batch statistics are those of training;
            a layer, or a model without targets, with its inputs: the gradient of its outputs,
            weighted at random, by its weights and inputs. A `NumpyLayer`'s ``backward`` is what is
            checked;
            a function of tensors (NumPy's functions or `glassnet.ops`): the library's gradient;
            a tuple ``(f, gradient_of_f)`` of plain functions of arrays. ``f(*arrays)`` gives a
            number and ``gradient_of_f(*arrays)`` its gradient, one array for each argument of
            floats (a tuple, or a dictionary by their names); or f gives an array and
            ``gradient_of_f(*arrays, upstream)`` gives ``∂Σ(upstream · f)/∂x``.
        arrays: what to check on. A function is differentiated by its arguments that hold floats;
            integers (labels, sizes), texts and None stay as they are, but where all are integers
            they are taken for floats.
        sample_weight: for a model, as in `fit`.
        inputs: for a model with targets, whether the gradient by its inputs is checked too.
        training: for a layer, its mode.
        upstream: for a layer or a function of tensors that gives arrays, the weights of the
            outputs; random ones for None.

    Returns:
        A report, true where all is right: ``assert check_gradients(…)``. ``print`` shows it.

    Slopes of f are found by complex step where f takes complex numbers and that agrees with
    differences, else by central differences with steps chosen for f's dtype. An entry is wrong
    where it is off by more than 1e-6 of itself and by more than the slope may be off (for a
    function that computes in float32, 4e-4).

    What is found for certain: where a parameter is small, every entry is compared. Where it is
    large, eight sums of all entries with random signs are, and a sum is off by exactly the error
    of an entry where only that entry is wrong: it is seen, and found by halving, where it is
    larger than the check's ``resolution``, about 1e-13 of the length of the gradient with a
    complex step, 1e-8 with differences. Several errors that cancel in a sum are missed by all
    eight with a probability of 1/256 at most.

    A kink (relu at 0, a tie of a maximum) is no fault: where the gradient is right at points
    beside this one, the finding is called a kink and the check goes on there. A jump (rounding,
    argmax) is told as such.

    Raises:
        ValueError: where a model was not compiled, or shapes do not fit.

    >>> import numpy as np, glassnet as gn
    >>> f = lambda w, x: np.sum((x @ w) ** 2)
    >>> wrong = lambda w, x: (x.T @ (x @ w), 2 * (x @ w)[:, None] * w)  # the factor 2 is missing
    >>> report = gn.explain.check_gradients((f, wrong), np.ones(2), np.array([[1.0, 2.0]]))
    >>> report.ok, report.worst.name, report.worst.given, round(report.worst.expected, 9)
    (False, 'w', 3.0, 6.0)

    Source: W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real
    functions", SIAM Review 40 (1998); the sources of `differences` and `probing`.
    """
    found = subject_of(subject, arrays, sample_weight, inputs, training, upstream)
    return checked(found)


def subject_of(
    subject: Any,
    arrays: Sequence[Any],
    sample_weight: Any = None,
    inputs: bool = False,
    training: bool | None = None,
    upstream: Any = None,
) -> Subject:
    """Return what can be checked of a model, a layer, a function or a pair of functions."""
    if isinstance(subject, (tuple, list)):
        if len(subject) != 2 or not all(map(callable, subject)):
            raise TypeError(
                "check_gradients takes two functions as (f, gradient_of_f); got a "
                f"{type(subject).__name__} of {len(subject)}."
            )
        return BareSubject(subject[0], subject[1], arrays, upstream)
    if isinstance(subject, Model) and (len(arrays) > 1 or sample_weight is not None):
        if len(arrays) != 2:
            raise TypeError(f"check_gradients(model, x, y): got {len(arrays)} arrays.")
        return of_model(subject, arrays[0], arrays[1], sample_weight, inputs)
    if not arrays:
        raise TypeError("check_gradients needs the arrays to check on: check_gradients(f, x, …).")
    if isinstance(subject, type) and issubclass(subject, Layer):
        raise TypeError(f"{subject.__name__} is a class; check an object: {subject.__name__}(…).")
    if isinstance(subject, Layer):
        return of_layer(subject, arrays, training, upstream)
    if not callable(subject):
        raise TypeError(
            "check_gradients takes a model, a layer, a function or (f, gradient_of_f); got "
            f"{type(subject).__name__}."
        )
    return of_function(subject, arrays, upstream)


def checked(subject: Subject) -> GradientReport:
    """Return the report on a subject."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ComplexWarning)  # an imaginary part that is thrown away
        trouble = _trouble(subject)
        if trouble:
            return GradientReport(subject.title, (), (trouble,), subject.notes)
        given = subject.given(subject.point)
        neighbours = Neighbours(subject)
        checks = tuple(
            Trial(subject, k, neighbours, subject.point, given[k]).run()
            for k in range(len(subject.parameters))
        )
    return GradientReport(subject.title, checks, (), tuple(dict.fromkeys(subject.notes)))


def _trouble(subject: Subject) -> str:
    """Say why there is nothing to hold a gradient against; empty where there is."""
    with np.errstate(all="ignore"):
        first = subject.value(subject.point)
        if not np.isfinite(first):
            return subject.where_not_finite()
        again = subject.value([x.copy() for x in subject.point])
    if first != again:
        return (
            f"Two calls on the same arrays give {first:.12g} and {again:.12g}. A function that "
            "draws numbers, or remembers, has no gradient to check: fix its seed in each call."
        )
    return ""


def true_gradients(
    subject: Any, *arrays: Any, upstream: Any = None, training: bool | None = None
) -> dict[str, np.ndarray]:
    """Return the gradients of a function, brick or model as its values alone tell them.

    Args:
        subject: as for `check_gradients`; of a pair ``(f, gradient_of_f)`` f alone is called. No
            ``backward`` and no derivative rule is used.
        arrays: what it is called on; for a compiled model ``x, y``.
        upstream: dL/dY for a layer or function that gives an array; ones for None.
        training: for a layer, its mode.

    Returns:
        Of a layer ``{"dW": …, "db": …, "dX": …}`` by its attributes (for the library's bricks by
        the names of weights, ``"dkernel"``); of a function ``{"dx": …}`` by its arguments; of a
        model ``{"dense.kernel": …}``.

    Every entry costs a run of the function or two (about twenty by differences).

    >>> import numpy as np, glassnet as gn
    >>> from glassnet.explain.doctor.gradients import true_gradients
    >>> {k: v.round(9).tolist() for k, v in true_gradients(np.sin, np.zeros(2)).items()}
    {'dx': [1.0, 1.0]}
    """
    model = isinstance(subject, Model) and len(arrays) > 1
    weights = np.ones if upstream is None and not model else upstream
    if isinstance(subject, (tuple, list)) or not isinstance(subject, Layer):
        f = subject[0] if isinstance(subject, (tuple, list)) else subject
        found: Subject = BareSubject(f, _no_gradient, arrays, weights)
    else:
        found = subject_of(subject, arrays, None, False, training, weights)
    result = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", ComplexWarning)
        for k, parameter in enumerate(found.parameters):
            x = found.point[k]
            slopes = Slopes(found, k, found.point, np.zeros(1))
            array = slopes.entries(range(x.size))[0].reshape(x.shape)
            name = f"{parameter.layer}.{parameter.name}" if model else f"d{parameter.name}"
            result[name] = array
    return result


def _no_gradient(*arrays: Any) -> Any:
    raise NotImplementedError("true_gradients asks for no gradient")
