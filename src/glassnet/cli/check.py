"""``glassnet check FILE``: the layers of a person's file, tried as the library's own are."""

from __future__ import annotations

import importlib.util
import inspect
import shutil
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from glassnet.checks import nearest
from glassnet.layers import Layer, NumpyLayer
from glassnet.models import Model
from glassnet.testing.layer import LayerReport, Specimen, check_layer
from glassnet.testing.layer.checking import inputs_for
from glassnet.testing.layer.running import runs_on_columns
from glassnet.testing.layer.specimen import told

RIGHT, WRONG, UNCHECKED = 0, 1, 2
"""The exit status: all is well, something is wrong, something could not be checked."""

_WIDEST = 100

_GUESSES: dict[str, Any] = {
    "units": 3, "n_units": 3, "out": 3, "n_out": 3, "nout": 3, "out_features": 3, "outputs": 3,
    "output_size": 3, "output_dim": 3, "n_outputs": 3, "hidden": 3, "neurons": 3, "n_neurons": 3,
    "fan_out": 3, "in": 4, "n_in": 4, "nin": 4, "in_features": 4, "inputs": 4, "input_size": 4,
    "input_dim": 4, "n_inputs": 4, "features": 4, "num_features": 4, "n_features": 4, "fan_in": 4,
    "dim": 4, "size": 2, "filters": 2, "n_filters": 2, "num_filters": 2, "out_channels": 2,
    "in_channels": 2, "channels": 2, "kernel_size": 3, "kernel": 3, "filter_size": 3, "k": 3,
    "pool_size": 2, "pool": 2, "window": 2, "stride": 1, "strides": 1, "padding": "valid",
    "pad": 0, "rate": 0.5, "p": 0.5, "drop": 0.5, "drop_prob": 0.5, "keep_prob": 0.5,
    "dropout": 0.5, "alpha": 0.1, "slope": 0.1, "negative_slope": 0.1, "epsilon": 1e-5,
    "eps": 1e-5, "momentum": 0.9, "groups": 2, "num_groups": 2, "axis": -1, "n": 3,
    "activation": "relu", "vocabulary": 10, "vocab_size": 10, "num_embeddings": 10, "scale": 2.0,
    "seed": 0, "target_shape": (2, 2), "shape": (2, 2),
}  # fmt: skip
"""What arguments without a default are set to, by their names."""

_SHAPES = ((4,), (6, 6, 2), (6, 2))
"""The shapes of an example that are tried where none is named."""
_IMAGES, _SEQUENCES = ("conv", "pool", "2d", "image", "flat"), ("1d", "sequence")


class CannotCheck(Exception):
    """What stands in the way of a check, in a few lines."""


def check(options: Namespace) -> int:
    """Check the layers of a file; return the exit status."""
    width = min(_WIDEST, shutil.get_terminal_size((88, 24)).columns)
    try:
        module = loaded(Path(options.file))
        chosen = _chosen(module, options.name)
    except CannotCheck as error:
        print(f"glassnet check: {error}", file=sys.stderr)
        return UNCHECKED
    status = RIGHT
    for number, (name, found) in enumerate(chosen):
        if number:
            print("\n" + "─" * width + "\n")
        sys.stdout.flush()
        try:
            layer = made(name, found) if isinstance(found, type) else found
            inputs = _inputs(name, layer, module, options)
        except CannotCheck as error:
            print(f"glassnet check: {error}", file=sys.stderr)
            status = UNCHECKED
            continue
        report = check_layer(layer, inputs, seed=options.seed)
        print(report.text(width, _diagnosed(layer, inputs, report, width - 2)))
        if not report.ok:
            status = max(status, WRONG)
    return status


def _diagnosed(layer: Layer, inputs: Any, report: LayerReport, width: int) -> dict[str, str]:
    """The mistake behind a wrong gradient, as text, by the check that found it."""
    wrong = [r.name for r in report.failed if r.name in ("gradients", "gradients in training")]
    if not wrong or not isinstance(layer, NumpyLayer) or isinstance(inputs, list):
        return {}
    wrongs = getattr(report[wrong[0]].detail, "wrong", ())
    if not any(f.verdict in ("differs", "shape") for f in wrongs):
        return {}  # it has no numbers to look for a mistake in
    from glassnet import explain

    specimen = Specimen(layer, inputs)
    try:
        found = explain.diagnose(
            specimen.layer, specimen.inputs, training=wrong[0] != "gradients" or None
        )
    except Exception:
        return {}  # the report tells what is wrong; why remains open
    lines: list[str] = []
    for mistake in found.mistakes:
        lines += ["", *mistake.lines(width)]
    return {wrong[0]: "\n".join(lines)}


# --- the file ---------------------------------------------------------------------------------
def loaded(path: Path) -> ModuleType:
    """Run a file of Python as a module.

    Raises:
        CannotCheck: where there is none, or it raises; with its line.
    """
    if not path.is_file():
        near = nearest(path.name, [p.name for p in path.parent.glob("*.py")])
        raise CannotCheck(f"there is no file {str(path)!r}.{near}")
    if path.suffix != ".py":
        raise CannotCheck(f"{path} is no Python file: its name ends in {path.suffix or 'nothing'}.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder, before = str(path.parent.resolve()), sys.modules.get(path.stem)
    sys.path.insert(0, folder)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise CannotCheck(_syntax(path, error)) from None
    except SystemExit as error:
        raise CannotCheck(
            f"{path.name} ended the program while it was loaded (exit {error.code}). Put what is "
            'to be run as a script under  if __name__ == "__main__":'
        ) from None
    except Exception as error:
        raise CannotCheck(f"{path.name} could not be loaded: {told(error)}.") from None
    finally:
        sys.path.remove(folder)
        if before is not None:
            sys.modules[path.stem] = before
    return module


def _syntax(path: Path, error: SyntaxError) -> str:
    lines = [f"{path.name}, line {error.lineno}: {error.msg}."]
    if error.text:
        text = error.text.rstrip()
        lines.append(f"    {text.lstrip()}")
        indent = len(text) - len(text.lstrip())
        if error.offset:
            lines.append("    " + " " * max(error.offset - 1 - indent, 0) + "^")
    return "\n".join(lines)


# --- its layers -------------------------------------------------------------------------------
def _chosen(module: ModuleType, name: str | None) -> list[tuple[str, Any]]:
    """The layers to check, by name: objects, and classes of which there is no object."""
    own = {n: v for n, v in vars(module).items() if not n.startswith("_")}
    # A model that the file trains is no brick, nor are the library's own bricks in it.
    objects = {n: v for n, v in own.items() if isinstance(v, Layer) and not isinstance(v, Model)}
    classes = {
        n: v for n, v in own.items()
        if isinstance(v, type) and issubclass(v, Layer) and v.__module__ == module.__name__
    }  # fmt: skip
    if name is not None:
        known = {**classes, **objects}
        if name not in known:
            there = f" There are {', '.join(known)}." if known else ""
            raise CannotCheck(
                f"{module.__name__}.py has no layer {name!r}.{nearest(name, list(known))}{there}"
            )
        for value in objects.values():  # the object tells how it is made
            if type(value) is known[name]:
                return [(name, value)]
        return [(name, known[name])]
    if classes:
        objects = {n: v for n, v in objects.items() if type(v).__module__ == module.__name__}
    made_of = {type(v) for v in objects.values()}
    bases = {base for v in classes.values() for base in v.__mro__[1:]}
    rest = {n: v for n, v in classes.items() if v not in made_of and v not in bases}
    near = [
        n for n, v in own.items()
        if isinstance(v, type) and v.__module__ == module.__name__ and hasattr(v, "forward")
    ]  # fmt: skip
    if not objects and not rest and near:
        raise CannotCheck(
            f"{near[0]} has a forward, but is no layer of glassnet. Write\n"
            f"    class {near[0]}(glassnet.layers.NumpyLayer):\n"
            "with super().__init__(**kwargs) in __init__, the weights made by self.add_weight in "
            "build(self, input_shape), and backward(self, dY) that sets self.dW and returns dX."
        )
    if not objects and not rest:
        raise CannotCheck(
            f"{module.__name__}.py defines no layer. One is a class made from a layer of "
            "glassnet:\n    class MyDense(glassnet.layers.NumpyLayer):\n"
            "        def forward(self, X): ...\n        def backward(self, dY): ..."
        )
    return [*objects.items(), *rest.items()]


def made(name: str, cls: type[Layer]) -> Layer:
    """Return a layer of a class, its arguments guessed by their names where they have no default.

    Raises:
        CannotCheck: where one can't be guessed, or the class raises.
    """
    arguments: dict[str, Any] = {}
    positional: list[Any] = []
    unknown = []
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if parameter.default is not parameter.empty:
            continue
        guess = _GUESSES.get(parameter.name.lower().strip("_"))
        if guess is None:
            unknown.append(parameter.name)
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(guess)
        else:
            arguments[parameter.name] = guess
    how = f"Name one in the file:\n    layer = {name}({', '.join(unknown) or '…'})"
    if unknown:
        listed = " and ".join(map(repr, unknown))
        raise CannotCheck(f"how {name} is made can't be guessed: it takes {listed}. {how}")
    try:
        layer = cls(*positional, **arguments)
        _ = layer.first_inputs  # what the base's __init__ makes
        return layer
    except Exception as error:
        if "super().__init__()" in str(error):
            raise CannotCheck(str(error)) from None
        shown = ", ".join(f"{k}={v!r}" for k, v in arguments.items())
        raise CannotCheck(f"{name}({shown}) raised {told(error)}. {how}") from None


# --- what it is tried on ----------------------------------------------------------------------
def _inputs(name: str, layer: Layer, module: ModuleType, options: Namespace) -> Any:
    """The batch: of the shape that was asked for, or named in the file, or the first that runs."""
    given = options.input_shape or getattr(module, "input_shape", None)
    if isinstance(given, dict):  # of each layer by its name
        given = given.get(name, given.get(type(layer).__name__))
    if given is None and hasattr(module, "inputs"):
        return inputs_for(layer, module.inputs, None, options.seed)
    if given is not None or layer.first_inputs is not None or layer.declared_input_shape:
        try:
            return inputs_for(layer, None, given, options.seed)
        except (ValueError, TypeError) as error:
            raise CannotCheck(str(error)) from None
    lower = type(layer).__name__.lower()
    order: Sequence[tuple[int, ...]] = _SHAPES
    if any(word in lower for word in _SEQUENCES):
        order = ((6, 2), (4,), (6, 6, 2))
    elif any(word in lower for word in _IMAGES):
        order = ((6, 6, 2), (6, 2), (4,))
    order = [*_told_by_weights(layer), *order]
    first: Exception | None = None
    for shape in order:
        inputs = inputs_for(layer, None, shape, options.seed)
        specimen = Specimen(layer, inputs)
        trouble = specimen.trouble
        if trouble is None or runs_on_columns(specimen):
            return inputs
        first = first or trouble
    several = _several(layer, options.seed)
    if several is not None:
        return several
    assert first is not None
    if not isinstance(first, (ValueError, IndexError)) or "read-only" in str(first):
        return inputs_for(layer, None, order[0], options.seed)  # no other shape would mend it
    shapes = ", ".join(str(s) for s in order)
    raise CannotCheck(
        f"{name} runs on none of the shapes that are tried, {shapes}. For the first it raises\n"
        f"    {told(first)}\nIf its input has another shape, name that of one example: "
        "--input-shape 8,8,3, or in the file  input_shape = (8, 8, 3)"
    )


def _told_by_weights(layer: Layer) -> list[tuple[int, ...]]:
    """The shapes of an example that a first kernel made in ``__init__`` allows."""
    kernels = [w.value.shape for w in layer.weights if w.value.ndim > 1]
    if not kernels:
        return []
    first = kernels[0]
    if len(first) == 4:
        return [(6, 6, first[2])]
    return [(first[0],), (first[-1],)] if len(first) == 2 else []


def _several(layer: Layer, seed: int) -> list[np.ndarray] | None:
    """Two inputs, for a layer that takes several."""
    inputs = inputs_for(layer, None, [(4,), (4,)], seed)
    return inputs if Specimen(layer, inputs).trouble is None else None
