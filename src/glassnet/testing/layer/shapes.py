"""Shapes and dtypes: foretold, for batches of any size."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from glassnet.explain.doctor.twins import Run, twin
from glassnet.graph.dimension import Dim, display
from glassnet.graph.dtypes import is_float
from glassnet.layers import Layer, NumpyLayer
from glassnet.layers.calling import is_shape, public_shape
from glassnet.nest import flatten, map_structure
from glassnet.testing.layer.registry import failed, layer_check, passed, skipped
from glassnet.testing.layer.report import Result
from glassnet.testing.layer.specimen import Specimen, told

_DECLARE = "def compute_output_shape(self, input_shape):\n    return {shape}"


@layer_check("output shape")
def output_shape(specimen: Specimen) -> Result:
    """``compute_output_shape`` tells the shape that comes out."""
    unknown = map_structure(_Shape.of, specimen.inputs)
    unknown = map_structure(lambda s: s.sizes, unknown)
    real = [(None, *y.shape[1:]) for y in specimen.forward()]
    try:
        declared = specimen.layer.compute_output_shape(unknown)
    except Exception as error:
        if specimen.call:  # it may need what the call is given
            return skipped("the call takes more than the inputs")
        foretold = type(specimen.given).compute_output_shape is not Layer.compute_output_shape
        if not specimen.float_inputs and not foretold:
            return skipped("its inputs are whole numbers, and it writes no compute_output_shape")
        return failed(f"compute_output_shape({_shown(unknown)}) raised {told(error)}")
    listed = [tuple(s) for s in ([declared] if is_shape(declared) else flat(declared))]
    if listed != real:
        return failed(
            f"compute_output_shape({_shown(unknown)}) says {_listed(listed)}; the output has "
            f"{_listed(real)}.",
            _DECLARE.format(shape=_code(real[0], specimen)),
        )
    recorded = [public_shape(t.shape) for t in specimen.run().outputs]
    return passed(f"{_listed(recorded)}, as foretold")


class _Shape:
    """A shape as one leaf of a structure."""

    def __init__(self, sizes: tuple[Any, ...]) -> None:
        self.sizes = sizes

    @staticmethod
    def of(array: Any) -> _Shape:
        return _Shape((None, *array.shape[1:]))


def flat(shapes: Any) -> list[Any]:
    """Return the shapes of a list or a dictionary of shapes."""
    return list(shapes.values()) if isinstance(shapes, dict) else list(shapes)


def _listed(shapes: Any) -> str:
    return " and ".join(_shown(s) for s in shapes)


def _shown(shape: Any) -> str:
    if isinstance(shape, list):
        return "[" + ", ".join(map(_shown, shape)) + "]"
    return display([Dim.named("m") if n is None else n for n in shape])


def _code(shape: tuple[Any, ...], specimen: Specimen) -> str:
    given = flatten(specimen.inputs)[0].shape
    if shape[1:-1] == given[1:-1] and len(shape) == len(given) > 1:
        return f"(*input_shape[:-1], {shape[-1]})"
    return f"(input_shape[0], {', '.join(map(str, shape[1:]))}{',' if len(shape) == 2 else ''})"


@layer_check("any batch size")
def batches(specimen: Specimen) -> Result:
    """One recording serves batches of 1, 2 and 7, and each output has one row an example."""
    run = specimen.run()
    for count in (1, 2, 7):
        try:
            with np.errstate(all="ignore"):
                outputs = run.forward(*specimen.batch(count))
        except Exception as error:
            return failed(f"A batch of {count} raises {told(error)}.", _SIZE)
        for y in outputs:
            if not y.ndim or y.shape[0] != count:
                columns = y.ndim > 1 and y.shape[-1] == count
                return failed(
                    f"For {count} examples the output has the shape {display(y.shape)}: "
                    + ("the examples are its columns." if columns else
                       "its first axis is not that of the examples."),
                    "return Y.T  # examples are rows: (m, …) in and (m, …) out" if columns
                    else "return Y  # of shape (m, …), with one row for each example",
                )  # fmt: skip
    return passed(f"1, 2 and 7 examples{_empty(specimen)}")


_SIZE = "m = X.shape[0]  # the size of the batch, taken from what comes in"


def _empty(specimen: Specimen) -> str:
    try:
        with np.errstate(all="ignore"):
            specimen.run().forward(*[a[:0] for a in specimen.arrays()])
    except Exception as error:
        return f"; none at all raises {type(error).__name__}, which seldom matters"
    return ", and none at all"


@layer_check("dtype")
def dtypes(specimen: Specimen) -> Result:
    """float32 gives float32, float64 gives float64, and nearly the same numbers."""
    with np.errstate(all="ignore"):
        precise = specimen.forward()
        rough = specimen.run(dtype="float32").forward(*specimen.arrays())
    for y, z in zip(precise, rough, strict=True):
        if not is_float(y.dtype):
            return skipped(f"the output holds no floats but {y.dtype}")
        if (y.dtype, z.dtype) != (np.float64, np.float32):
            return failed(
                f"In float64 it gives {y.dtype}, in float32 {z.dtype}.",
                "np.zeros(shape, X.dtype)  # arrays that you make take the dtype of the input",
            )
        size = max(float(np.abs(y[np.isfinite(y)]).max(initial=0.0)), 1.0)
        apart = float(np.abs(y - z)[np.isfinite(y)].max(initial=0.0)) / size
        if not apart < 1e-3:
            return failed(
                f"In float32 the output differs from that in float64 by {apart:.1g} of its size.",
                "keep floats: .astype(int) and // drop what stands behind the point",
            )
    if specimen.in_numpy and (wide := _widened(specimen)):
        return passed(f"float32 and float64; forward computes in {wide} and is brought back")
    return passed("float32 in, float32 out; float64 in, float64 out")


def _widened(specimen: Specimen) -> str:
    """The dtype that forward gives for float32 before it is brought back; empty for float32."""
    seen: list[np.dtype] = []
    layer: Any = twin(specimen.layer, "float32")
    if not isinstance(layer, NumpyLayer):
        return ""
    cls = type(layer)
    # Copies of the layer run, so that its class is the place to look on from.
    layer.__class__ = type(cls.__name__, (cls,), {"forward": _noting(cls.forward, seen)})
    inputs = map_structure(
        lambda a: a.astype("float32") if is_float(a.dtype) else a, specimen.inputs
    )
    with np.errstate(all="ignore"):
        Run(layer, inputs, specimen.call, False).forward(*specimen.arrays())
    wide = [d for d in seen[-1:] if d != np.float32]
    return wide[0].name if wide else ""


def _noting(original: Any, seen: list[np.dtype]) -> Any:
    @functools.wraps(original)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        y = original(self, *args, **kwargs)
        seen.append(np.asarray(y).dtype)
        return y

    return forward
