"""The same in, the same out: in every call, for every example, in any order."""

from __future__ import annotations

import numpy as np

from glassnet.nest import flatten, map_structure
from glassnet.testing.layer.registry import failed, layer_check, passed, skipped
from glassnet.testing.layer.report import Result
from glassnet.testing.layer.running import IN_PLACE
from glassnet.testing.layer.specimen import Specimen, told

_COUNTED = (
    "self.rng = np.random.default_rng(seed)  # in __init__\n"
    "self.rng.random(X.shape)                # in forward: backward sees the same draws"
)

Outputs = list[np.ndarray]


def _equal(first: Outputs, second: Outputs) -> bool:
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def _apart(first: np.ndarray, second: np.ndarray) -> float:
    """The largest difference, relative to the largest entry."""
    if first.shape != second.shape:
        return np.inf
    first, second = first.astype(float), second.astype(float)
    both = np.isnan(first) & np.isnan(second)
    with np.errstate(all="ignore"):
        difference = np.where(
            both | (first == second), 0.0, np.subtract(first, second, dtype=float)
        )
    size = float(np.abs(first[np.isfinite(first)]).max(initial=0.0))
    return float(np.nan_to_num(np.abs(difference), nan=np.inf).max(initial=0.0)) / max(size, 1e-30)


@layer_check("repeatable")
def repeatable(specimen: Specimen) -> Result:
    """The same call gives the same, bit by bit; chance is counted, and only in training."""
    for training in specimen.modes:
        mode = "in training" if training else "in prediction"
        specimen.forward(training)  # what a first call leaves over is another check's business
        if not _equal(specimen.forward(training), specimen.forward(training)):
            return failed(
                f"Two calls on the same inputs give different outputs {mode}: it draws numbers "
                "from a generator that is not kept on self. Backward then sees other draws than "
                "forward, so gradients are wrong.",
                _COUNTED,
            )
        differ = not _equal(specimen.forward(training), specimen.forward(training, step=1))
        if differ and not training:
            return failed(
                "It acts by chance in prediction, too: the same inputs give other outputs in the "
                "next step.",
                "if not training:\n    return inputs",
            )
    if specimen.by_chance:
        return passed("the same step draws the same; chance acts in training alone")
    return passed("two calls give the same, bit by bit")


@layer_check("nothing left over")
def nothing_left(specimen: Specimen) -> Result:
    """A call on other data in between changes nothing: no state leaks from call to call."""
    for training in specimen.modes:
        run, arrays = specimen.run(training), specimen.arrays()
        with np.errstate(all="ignore"):
            run.forward(*specimen.batch(7, seed=4))
            first, second, third = (run.forward(*arrays) for _ in range(3))
            if not _equal(second, third):
                return skipped('two calls differ anyway; see "repeatable"')
            run.forward(*specimen.batch(7, seed=5))
            again = run.forward(*arrays)
        if not _equal(first, second) or not _equal(third, again):
            return failed(
                f"After a call on other data it gives other outputs{_while(training)}: something "
                "of that call was kept.",
                "self.cache = {}  # anew in each forward: lists and dictionaries made in __init__ "
                "are shared by all calls",
            )
        if not training and run.updates:
            names = ", ".join(str(w.name) for w in run.updates)
            return failed(
                f"It changes its weights in prediction: {names}.",
                "if training:\n    self.moving_mean.assign(…)",
            )
    return passed("a call on other data in between changes nothing")


def _while(training: bool) -> str:
    return " in training" if training else ""


@layer_check("inputs unchanged")
def inputs_unchanged(specimen: Specimen) -> Result:
    """Neither forward nor backward writes into what it is given."""
    inputs = map_structure(np.array, specimen.inputs)
    kept = map_structure(np.array, specimen.inputs)
    with np.errstate(all="ignore"):
        specimen.layer(inputs, **specimen.call)
        if not _equal(flatten(inputs), flatten(kept)):
            return failed("It writes into its input.", IN_PLACE)
        run, arrays = specimen.run(), specimen.arrays()
        if not run.wrt:
            return passed("forward writes into no input")
        try:
            run.backward(arrays, specimen.slopes(run.forward(*arrays)))
        except Exception as error:
            if "read-only" in str(error):
                return failed(
                    f"Backward writes into dY or what forward got: {told(error)}.",
                    "dZ = dY * mask  # a new array, not dY *= mask",
                )
    return passed("forward and backward write into no array they are given")


def _mixes_rightly(specimen: Specimen, training: bool) -> str:
    """Why examples may depend on each other; empty where they may not."""
    role = specimen.role
    name = type(specimen.given).__name__
    batch = role is not None and role.name == "BatchNormalization" and role.meant
    if batch and role is not None and (training or role.modes == (True,)):
        return "batch normalisation takes mean and variance over the batch"
    if training and "batch" in name.lower() and "norm" in name.lower():
        return "batch normalisation takes mean and variance over the batch"
    return ""


@layer_check("examples apart")
def examples_apart(specimen: Specimen) -> Result:
    """The output of an example depends on that example alone."""
    count = len(specimen.arrays()[0])
    if count < 2:
        return skipped("there is only one example")
    if not specimen.float_inputs:
        return skipped("the inputs are no floats")
    excused = ""
    for training in specimen.modes:
        if training and specimen.by_chance:
            continue
        run = specimen.run(training)
        moved = [np.array(a) for a in specimen.arrays()]
        for array in moved[: run.count]:
            array[0] = array[0] * 1.7 + 0.3
        with np.errstate(all="ignore"):
            first, second = run.forward(*specimen.arrays()), run.forward(*moved)
        apart = [
            _apart(a[1:], b[1:]) if a.ndim and len(a) == count else np.inf
            for a, b in zip(first, second, strict=True)
        ]
        if max(apart) > 1e-9:
            reason = _mixes_rightly(specimen, training)
            if not reason:
                return failed(
                    "Another first example changes the outputs of the others"
                    f"{_while(training)}: the batch gets mixed.",
                    "axis=-1 or axis=1, where the examples are axis 0; @ with the batch in front",
                )
            excused = reason
    if excused:
        return passed(f"but for what it is meant to do: {excused}")
    return passed("no example's output depends on another example")


@layer_check("order of examples")
def order_of_examples(specimen: Specimen) -> Result:
    """Examples in another order give the same outputs in that order."""
    count = len(specimen.arrays()[0])
    if count < 2:
        return skipped("there is only one example")
    order = np.random.default_rng(specimen.seed).permutation(count)
    if (order == np.arange(count)).all():
        order = order[::-1]
    for training in specimen.modes:
        if training and specimen.by_chance:
            continue
        run = specimen.run(training)
        with np.errstate(all="ignore"):
            straight = run.forward(*specimen.arrays())
            mixed = run.forward(*[a[order] for a in specimen.arrays()])
        for a, b in zip(straight, mixed, strict=True):
            if not a.ndim or len(a) != count or _apart(a[order], b) > 1e-9:
                return failed(
                    f"Examples in another order do not give the same outputs in that order"
                    f"{_while(training)}.",
                    "treat all examples alike: nothing may depend on the place in the batch",
                )
    return passed("another order gives the same outputs in that order")
