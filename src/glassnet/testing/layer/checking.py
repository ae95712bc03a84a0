"""`check_layer`: all the checks of a layer, one after another."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from glassnet.checks import one_of
from glassnet.graph.dimension import Dim, display
from glassnet.layers import Layer
from glassnet.layers.calling import is_shape
from glassnet.models import Model
from glassnet.nest import flatten, map_structure
from glassnet.testing.layer.registry import LAYER_CHECKS, failed, skipped
from glassnet.testing.layer.report import LayerReport, Result
from glassnet.testing.layer.specimen import BATCH, Specimen, told

# The checks are made in the order in which these are imported.
from glassnet.testing.layer import running as running  # isort: skip
from glassnet.testing.layer import shapes as shapes  # isort: skip
from glassnet.testing.layer import gradients as gradients  # isort: skip
from glassnet.testing.layer import equality as equality  # isort: skip
from glassnet.testing.layer import determinism as determinism  # isort: skip
from glassnet.testing.layer import numerics as numerics  # isort: skip
from glassnet.testing.layer import saving as saving  # isort: skip
from glassnet.testing.layer import training as training  # isort: skip

UNKNOWN = 5
"""The size that stands for one that is known only at run time."""


def check_layer(
    layer: Layer,
    inputs: Any = None,
    *,
    input_shape: Any = None,
    call: Mapping[str, Any] | None = None,
    reference: Layer | None = None,
    seed: int = 0,
    checks: Sequence[str] | None = None,
) -> LayerReport:
    """Try a layer as the library's own bricks are tried.

    Args:
        layer: the layer, composed of ops or with its own ``forward`` and ``backward``. It is not
            changed: twins of it with random weights are tried.
        inputs: a batch to try it on, or the list of its inputs; random numbers for None.
        input_shape: the shape of one example, where ``inputs`` is None: ``(4,)``, or a list of
            shapes. Needed where the layer was never called and names no shape itself.
        call: further arguments of the call (``{"mask": …}``); arrays have the batch in front.
        reference: the layer it is to be equal to, with weights of the same shapes in the same
            order. For None it is told by trying which of the library's bricks it is meant to be.
        seed: draws inputs and weights.
        checks: the names of the checks to make; all for None.

    Checked are: shape and dtype of the output, batches of any size; the gradients in both modes
    and of second order; equality with the library's brick, forward and backward; repeatability,
    that nothing leaks from call to call or from example to example; large, tiny, zero and negative
    inputs; configuration, saving, two steps of training.

    Returns:
        A report, true where all is well: ``assert check_layer(…)``. ``print`` shows it.

    Raises:
        ValueError: where no shape is known, or there is no check of a name.

    >>> import numpy as np, glassnet as gn
    >>> class Tanh(gn.layers.NumpyLayer):
    ...     def forward(self, X):
    ...         self.Y = np.tanh(X)
    ...         return self.Y
    ...     def backward(self, dY):
    ...         return dY * (1 - self.Y)
    >>> report = gn.testing.check_layer(Tanh(), input_shape=(3,), checks=["dtype", "gradients"])
    >>> report.ok, report["dtype"].verdict, report["gradients"].mend
    (False, 'passed', 'return dY * (1 - self.Y**2)')
    """
    if not isinstance(layer, Layer):
        wrong = f"the class {layer.__name__}" if isinstance(layer, type) else repr(layer)
        made = f": check_layer({layer.__name__}(…))" if isinstance(layer, type) else ""
        raise TypeError(
            f"check_layer takes a layer, an object of a class made from glassnet.layers.Layer or "
            f"NumpyLayer{made}; got {wrong}."
        )
    named = [one_of(c, list(LAYER_CHECKS), "check_layer: checks") for c in checks or LAYER_CHECKS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of numbers that are odd on purpose
        given = inputs_for(layer, inputs, input_shape, seed)
        specimen = Specimen(layer, given, call, reference, seed)
        results = tuple(_results(specimen, named))
        role = specimen.role
    return LayerReport(specimen.name, _tried_on(given), results, role, specimen.is_own)


def _results(specimen: Specimen, names: Iterable[str]) -> Iterable[Result]:
    for name in names:
        if specimen.trouble is not None and name != "forward":
            yield Result(name, skipped("").verdict, "the layer does not run")
            continue
        try:
            result = LAYER_CHECKS[name](specimen)
        except Exception as error:  # what nobody thought of is the person's to know, not a crash
            found = failed(f"It raised {told(error)}.", detail=error)
            result = Result(name, found.verdict, found.sentence, detail=error)
        specimen.verdicts[name] = result.verdict
        yield result


def _tried_on(inputs: Any) -> str:
    shapes = [display((Dim.named("m"), *a.shape[1:])) for a in flatten(inputs)]
    kind = "whole numbers" if any(a.dtype.kind in "iu" for a in flatten(inputs)) else "inputs"
    return f"{kind} of shape {' and '.join(shapes)}"


# --- what it is tried on ----------------------------------------------------------------------
def inputs_for(layer: Layer, inputs: Any, input_shape: Any, seed: int) -> Any:
    """Return the batch that a layer is tried on: the given one, or random numbers.

    Raises:
        ValueError: where the shape of an input is not known.
    """
    if inputs is not None:
        if isinstance(inputs, (list, tuple)) and all(hasattr(a, "__array__") for a in inputs):
            return [np.asarray(a) for a in inputs]
        return map_structure(np.asarray, inputs) if isinstance(inputs, dict) else np.asarray(inputs)
    shapes, kinds = _shapes(layer, input_shape)
    rng = np.random.default_rng(seed)
    drawn = [_drawn(rng, shape, kind) for shape, kind in zip(flat_shapes(shapes), kinds,
                                                             strict=False)]  # fmt: skip
    result: Any = drawn if isinstance(shapes, list) else drawn[0]
    if not isinstance(shapes, list) and kinds[0] == "" and _wants_integers(layer, result, rng):
        return rng.integers(0, _most(layer), drawn[0].shape)
    return result


def flat_shapes(shapes: Any) -> list[tuple[int, ...]]:
    """Return one shape or a list of them as a list."""
    return list(shapes) if isinstance(shapes, list) else [shapes]


def _shapes(layer: Layer, given: Any) -> tuple[Any, list[str]]:
    """The shape of one example of each input, and their dtypes where they are known."""
    if given is not None:
        many = isinstance(given, list) and not is_shape(given)
        listed = [_example(s) for s in given] if many else [_example(given)]
        return (listed if many else listed[0]), [""] * len(listed)
    if layer.first_inputs is not None:
        specs = flatten(layer.first_inputs)
        listed = [_known(spec.shape[1:]) for spec in specs]
        shapes = listed if isinstance(layer.first_inputs, (list, tuple)) else listed[0]
        return shapes, [spec.dtype for spec in specs]
    if isinstance(layer, Model) and layer.built:
        listed = [_known(t.shape[1:]) for t in layer.inputs]
        return (listed[0] if len(listed) == 1 else listed), [t.dtype.name for t in layer.inputs]
    declared = layer.declared_input_shape
    if declared is not None and is_shape(declared):
        return _known(declared), [""]
    name = type(layer).__name__
    raise ValueError(
        f"check_layer: {name} was never called, so the shape of its input is not known. Write\n"
        f"    check_layer({name}(…), input_shape=(4,))\n"
        "with the shape of one example, without the batch."
    )


def _example(shape: Any) -> tuple[int, ...]:
    """The shape of one example; a batch of unknown size in front is left out."""
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if sizes and sizes[0] is None:
        sizes = sizes[1:]
    if not all(n is None or (isinstance(n, (int, np.integer)) and n > 0) for n in sizes):
        raise ValueError(
            f"check_layer: input_shape is the shape of one example, (4,) or (8, 8, 3); got {shape}."
        )
    return _known(sizes)


def _known(sizes: Sequence[Any]) -> tuple[int, ...]:
    return tuple(UNKNOWN if n is None or isinstance(n, Dim) else int(n) for n in sizes)


def _drawn(rng: np.random.Generator, shape: Sequence[int], kind: str) -> np.ndarray:
    if kind and np.dtype(kind).kind in "iu":
        return rng.integers(0, 2, (BATCH, *shape))
    return rng.normal(size=(BATCH, *shape))


def _wants_integers(layer: Layer, x: np.ndarray, rng: np.random.Generator) -> bool:
    """Whether the layer runs on whole numbers and not on floats."""
    if Specimen(layer, x).trouble is None:
        return False
    return Specimen(layer, rng.integers(0, 2, x.shape)).trouble is None


def _most(layer: Layer) -> int:
    """How many different whole numbers it knows: the rows of its first weight."""
    tried = Specimen(layer, np.zeros((2, 1), "int64"))
    weights = tried.layer.weights if tried.trouble is None else []
    return int(weights[0].value.shape[0]) if weights and weights[0].value.ndim else 2
