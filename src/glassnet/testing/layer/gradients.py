"""Gradients: against the function itself, in both modes, of second order, called twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.checks import listed
from glassnet.explain.doctor.gradient_report import GradientReport, ParameterCheck
from glassnet.explain.doctor.gradients import check_gradients, true_gradients
from glassnet.explain.doctor.roles import Role
from glassnet.explain.doctor.twins import Run, named_weights
from glassnet.graph.dtypes import is_float
from glassnet.graph.order import topological
from glassnet.graph.tensor import Tensor
from glassnet.layers import Layer, NumpyLayer
from glassnet.layers.numpy_brick import NumpyBackward, NumpyForward, _generators, _weights_of
from glassnet.nest import flatten
from glassnet.testing.layer.mending import backward_of
from glassnet.testing.layer.registry import failed, layer_check, passed, skipped
from glassnet.testing.layer.report import Result
from glassnet.testing.layer.running import IN_PLACE
from glassnet.testing.layer.specimen import Specimen, told
from glassnet.testing.numerics import Projection

_SHOWN = 3
_FEW = 2000
"""The entries of a layer whose gradients are all computed from its values."""


@layer_check("gradients")
def gradients(specimen: Specimen) -> Result:
    """The derivatives by inputs and weights are those of the function, in prediction."""
    return _held(specimen, False)


@layer_check("gradients in training")
def gradients_in_training(specimen: Specimen) -> Result:
    """The derivatives are those of the function in training, too."""
    if True not in specimen.modes:
        return skipped("it does the same in training")
    return _held(specimen, True)


class _Called(Layer):
    """A layer with the further arguments of its call filled in."""

    def __init__(self, layer: Layer, options: dict[str, Any]) -> None:
        super().__init__(name=layer.name, dtype=layer.dtype)
        self.inner, self.options = layer, options

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        known = {} if training is None else {"training": training}
        return self.inner(inputs, **self.options, **known)


def _held(specimen: Specimen, training: bool) -> Result:
    run = specimen.run(training)
    if not run.wrt:
        return skipped("no input holds floats, and there are no weights to train")
    if not any(is_float(y.dtype) for y in run.outputs):
        return skipped("the output holds no floats")
    if training and specimen.in_numpy and _draws_anew(specimen):
        return skipped('forward gives something else each time; see "repeatable"')
    layer = _Called(specimen.layer, specimen.call) if specimen.call else specimen.layer
    try:
        found = check_gradients(layer, specimen.inputs, training=training)
    except NotImplementedError as error:
        text = str(error)
        if "no backward" in text:
            return failed("There is no backward, so nothing can be trained through it.",
                          backward_of(specimen), detail=error)  # fmt: skip
        return failed(f"There is no derivative: {told(error)}.", detail=error)
    except Exception as error:
        in_place = "read-only" in str(error)
        return failed(f"Backward raised {told(error)}.", IN_PLACE if in_place else "",
                      detail=error)  # fmt: skip
    return _judged(specimen, found, training)


def _draws_anew(specimen: Specimen) -> bool:
    first, second = specimen.forward(True), specimen.forward(True)
    pairs = zip(first, second, strict=True)
    return not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def _judged(specimen: Specimen, found: GradientReport, training: bool) -> Result:
    if found.ok:
        said = _names(found.checks)
        if not said:
            return skipped("there is nothing to differentiate by")
        verb = "are" if len(said) > 1 else "is"
        kinks = any(f.verdict == "kink" for f in found.findings)
        beside = "; at kinks, beside them" if kinks else ""
        return passed(f"{listed(said)} {verb} right, to {_errors(found)}{beside}", detail=found)
    if not training and True in specimen.modes and _only_in_training(found):
        return skipped("backward needs what forward keeps in training alone; fit calls it there")
    if found.troubles:
        return failed(f"They can't be checked: {found.troubles[0]}", detail=found)
    wrong = [c for c in found.checks if not c.ok]
    names = dict(zip(map(id, found.checks), _names(found.checks), strict=True))
    said = [names[id(c)] for c in wrong]
    rest = [names[id(c)] for c in found.checks if c.ok]
    sentence = f"{listed(said)} {'are' if len(said) > 1 else 'is'} wrong"
    sentence += f"; {listed(rest)} {'are' if len(rest) > 1 else 'is'} right." if rest else "."
    numbers: list[str] = []
    if all(c.worst.verdict == "raised" for c in wrong):
        numbers = [f"backward raised {_raised(specimen, training) or wrong[0].worst.note}"]
        wrong = []
    for check in wrong[:_SHOWN]:
        numbers += _numbers(check)
    hints = _ratios(specimen, training) if specimen.in_numpy else []
    if hints:
        sentence += " " + " ".join(hints)
    return failed(sentence, backward_of(specimen, [name[1:] for name in said]), numbers, found)


def _only_in_training(found: GradientReport) -> bool:
    """Whether backward misses an attribute, as where forward keeps its mask in training alone."""
    wrong = [c.worst for c in found.checks if not c.ok]
    return bool(wrong) and all(
        f.verdict == "raised" and "has no attribute" in f.note for f in wrong
    )


def _raised(specimen: Specimen, training: bool) -> str:
    """What backward raises, with its line; empty where it does not."""
    run, arrays = specimen.run(training), specimen.arrays()
    try:
        with np.errstate(all="ignore"):
            run.backward(arrays, specimen.slopes(run.forward(*arrays)))
    except Exception as error:
        return told(error)
    return ""


def _said(check: ParameterCheck) -> str:
    """What the gradient is called: ``"dW"``."""
    name = check.parameter
    return name if name.startswith("d") and name[1:2].isupper() else f"d{name}"


def _names(checks: Sequence[ParameterCheck]) -> list[str]:
    """What the gradients are called, with their layer's name where others are called so too."""
    said = [_said(c) for c in checks]
    return [
        f"{s} of {c.layer.rpartition('/')[2]!r}" if said.count(s) > 1 else s
        for s, c in zip(said, checks, strict=True)
    ]


def _errors(found: GradientReport) -> str:
    worst = max((c.worst.error for c in found.checks if c.worst.verdict == "agrees"), default=0.0)
    return f"{max(worst, 1e-16):.0e}"


def _numbers(check: ParameterCheck) -> list[str]:
    worst = check.worst
    if worst.verdict in ("shape", "missing", "raised"):
        return [f"{_said(check)}: {worst.note}"]
    place = f"{_said(check)}{list(worst.index) if worst.index else ''}"
    return [f"{place}: backward gives {worst.given:.6g}, right is {worst.expected:.6g}"]


def _ratios(specimen: Specimen, training: bool) -> list[str]:
    """Where a gradient is the library's times a number, the number."""
    role = specimen.role
    if specimen.by_chance:
        return []
    hints: dict[str, list[str]] = {}
    try:
        if role is not None and role.agrees and training in role.modes:
            pairs, near = compared(specimen, role, training), 1e-8
        else:
            pairs, near = _beside_true_ones(specimen, training), 1e-6
    except Exception:
        return []  # a gradient that has no shape to compare
    for name, given, right in pairs:
        factor = ratio(given, right, near)
        if factor is not None and abs(factor - 1) > 1e-5:
            said = said_factor(factor, len(flatten(specimen.inputs)[0]))
            hints.setdefault(said, []).append(name)
    return [
        f"{listed(names)} {'are' if len(names) > 1 else 'is'} {said}."
        for said, names in hints.items()
    ]


def _beside_true_ones(
    specimen: Specimen, training: bool
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return (name, the layer's gradient, what its forward alone tells) of a small layer."""
    run, arrays = specimen.run(training), specimen.arrays()
    sizes = [a.size for a in (*arrays, *(w.value for w in specimen.layer.trainable_weights))]
    if isinstance(specimen.inputs, list) or specimen.call or sum(sizes) > _FEW:
        return []
    slopes = specimen.slopes(specimen.forward(training))
    (dX,), own = run.backward(arrays, slopes)
    rights = true_gradients(specimen.layer, specimen.inputs, upstream=slopes[0], training=training)
    named = {id(w): name for name, w in named_weights(specimen.layer)}
    pairs = [
        (f"d{named[id(w)]}", given, rights[f"d{named[id(w)]}"])
        for w, given in zip(specimen.layer.trainable_weights, own, strict=True)
    ]
    return [*pairs, *([("dX", dX, rights["dX"])] if dX is not None else [])]


def compared(
    specimen: Specimen, role: Role, training: bool
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return (name, the layer's gradient, the library's) for the inputs and every weight."""
    run, arrays = specimen.run(training), specimen.arrays()
    slopes = specimen.slopes(specimen.forward(training))
    by_inputs, by_weights = run.backward(arrays, slopes)
    named = named_weights(specimen.layer)
    role.take_weights([np.asarray(w.value) for _, w in named])
    dX, own = role.gradients(specimen.inputs, slopes[0], training)
    pairs: list[tuple[str, Any, Any]] = []
    trained = {id(w): g for w, g in zip(run.layer.trainable_weights, by_weights, strict=True)}
    for (name, weight), right in zip(named, own, strict=True):
        if id(weight) in trained:
            pairs.append((f"d{name}", trained[id(weight)], right))
    rights = dX if isinstance(dX, list) else [dX]
    for place, (given, right) in enumerate(zip(by_inputs, rights, strict=True)):
        if given is not None and right is not None:
            pairs.append(("dX" if len(rights) == 1 else f"dX{place}", given, right))
    return pairs


def ratio(given: np.ndarray, right: np.ndarray, near: float = 1e-8) -> float | None:
    """Return the number that one array is times the other, nearly; None where there is none."""
    if given.shape != right.shape or not np.isfinite(given).all() or given.size < 1:
        return None
    square = float(np.vdot(right, right))
    if not square:
        return None
    factor = float(np.vdot(right, given)) / square
    off = np.abs(given - factor * right).max()
    agrees = off <= near * max(np.abs(given).max(), 1e-300)
    return factor if agrees and factor else (0.0 if not given.any() else None)


def said_factor(factor: float, m: int) -> str:
    """Return a factor of a gradient in words, for a batch of ``m`` examples."""
    if factor == 0:
        return "0 everywhere"
    if abs(factor + 1) < 1e-7:
        return "right but for its sign"
    if abs(factor * m - 1) < 1e-7:
        return f"divided by the {m} examples once too often: dY holds the loss's 1/m already"
    if abs(factor - m) < 1e-7 * m:
        return f"multiplied by the {m} examples"
    return f"{factor:.6g} times what it should be"


@layer_check("second derivatives")
def second_derivatives(specimen: Specimen) -> Result:
    """A layer composed of ops can be differentiated twice, by its inputs."""
    if specimen.in_numpy:
        return skipped("a backward in NumPy can't be differentiated again")
    if not specimen.float_inputs:
        return skipped("the inputs are no floats")
    trouble = ""
    for attempt in range(3):  # a difference quotient may cross a kink
        run = Run(specimen.layer, specimen.inputs, specimen.call, False, named=False)
        outputs = [y for y in run.outputs if is_float(y.dtype)]
        if not outputs:
            return skipped("the output holds no floats")
        if _stopped(outputs):
            return skipped("it takes values out of the derivative on purpose")
        arrays = specimen.batch(len(specimen.arrays()[0]), attempt)
        try:
            projection = Projection(run.placeholders, outputs[0], range(run.count))
            with np.errstate(all="ignore"):
                extra = projection.draw(arrays, tuple(outputs[0].shape))  # type: ignore[arg-type]
                exact = projection.values(arrays, extra)[2]
                quotient = projection.quotients(arrays, extra)[1]
        except NotImplementedError as error:
            return failed(f"It can't be differentiated twice: {told(error)}.", detail=error)
        if abs(exact - quotient) <= 1e-5 * max(1.0, abs(exact), abs(quotient)):
            return passed(f"{exact:.6g} along a random direction, as the quotient of differences")
        trouble = f"along a direction the graph gives {exact:.8g}, differences give {quotient:.8g}"
    return failed(f"The second derivative is wrong: {trouble}.")


def _stopped(outputs: Sequence[Tensor]) -> bool:
    """Whether floats go through an op without a derivative: ``stop_gradient``, rounding."""
    return any(
        node.op is not None and not node.op.differentiable and is_float(node.dtype) and node.inputs
        and any(is_float(i.dtype) for i in node.inputs)
        for node in topological(outputs)
    )  # fmt: skip


@layer_check("backward twice")
def backward_twice(specimen: Specimen) -> Result:
    """Forward and backward, called twice on one object, give the same: nothing adds up."""
    layer: Any = specimen.layer
    if not isinstance(layer, NumpyLayer):
        return skipped("the derivative follows from the ops")
    if type(layer).backward is NumpyLayer.backward:
        return skipped("there is no backward")
    training = True in specimen.modes
    if training and _draws_anew(specimen):
        return skipped('forward gives something else each time; see "repeatable"')
    informed = None if not training else True
    weights = tuple(_weights_of(layer))
    arrays = specimen.arrays()
    given = [*arrays, *(w.value for w in weights)]
    op = NumpyForward(layer, weights, len(arrays), informed)
    back = NumpyBackward(layer, weights, len(arrays), informed)
    with np.errstate(all="ignore"):
        own, y = op.run(given)
        slopes = specimen.slopes([y])[0]
        options = {} if informed is None else {"training": informed}
        try:
            found = []
            for turn in range(2):
                if turn:
                    vars(own).update(_generators(op.prepared(given)))  # the draws of this step
                    before = dict(vars(own))
                    again = np.asarray(own.forward(*arrays, **options))
                    if not np.allclose(again, y, rtol=1e-9, atol=1e-12, equal_nan=True):
                        return _remembers(own, before, training)
                by_inputs = own.backward(slopes.copy())
                named = {"dX": by_inputs} | {
                    f"d{name}": value
                    for weight in weights
                    for name, value in [back._derivative_by(weight, own)]
                }
                found.append({n: np.array(v) for n, v in named.items() if _is_array(v)})
        except Exception as error:
            if found:
                return failed(f"Called a second time, it raises {told(error)}.", detail=error)
            return skipped("backward does not run")
    for name, first in found[0].items():
        second = found[1].get(name)
        if second is None or not np.allclose(first, second, rtol=1e-9, atol=1e-12, equal_nan=True):
            doubled = second is not None and np.allclose(second, 2 * first, rtol=1e-9)
            return failed(
                f"Called twice, backward gives another {name}"
                + (", twice as large: it adds to what stood there." if doubled else "."),
                f"self.{name} = …  # not +=: each call sets it anew" if name != "dX" else "",
            )
    return passed("the second call gives what the first gave")


def _remembers(own: Any, before: dict[str, Any], training: bool) -> Result:
    """Say that forward depends on earlier calls, and on what."""
    changed = [
        f"self.{name}"
        for name, value in vars(own).items()
        if isinstance(before.get(name), (int, float, np.ndarray))
        and not np.array_equal(before[name], value)
    ]
    what = f" ({', '.join(changed[:3])})" if changed else ""
    return failed(
        f"Called twice on the same inputs, forward gives another output: it depends on earlier "
        f"calls{what}. Each run works on a copy of the layer, so what forward changes is lost.",
        "class MyLayer(gn.layers.Layer):  # composed of ops, its state is a weight\n"
        "    def build(self, input_shape):\n"
        "        self.count = self.add_weight((), 'zeros', trainable=False)\n"
        "    def call(self, inputs):\n"
        "        self.count.assign(self.count + 1)",
    )


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, float))
