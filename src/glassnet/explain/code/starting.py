"""How a program begins: weights drawn by their initializers' formulas, written out, or trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from glassnet.explain.code.layout import WIDTH
from glassnet.explain.code.literals import array, number
from glassnet.explain.code.reading import Leaf
from glassnet.explain.code.terms import shape_source
from glassnet.formulas import matrix_shape
from glassnet.initializers import base, scaling, simple

FEW = 100
"""Up to how many numbers are written as numbers; more are packed into text."""
CUT = """
def truncated_normal(rng, shape):
    \"\"\"Return standard normal numbers, drawn again where they exceed 2.\"\"\"
    x = rng.normal(size=shape)
    while np.any(np.abs(x) > 2):
        x = np.where(np.abs(x) > 2, rng.normal(size=shape), x)
    return x
"""
ORTHOGONAL = """
def orthogonal(rng, rows, columns):
    \"\"\"Return a matrix whose rows, or columns where they are fewer, are orthonormal.\"\"\"
    Q, R = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    Q = Q * np.where(np.diagonal(R) < 0, -1.0, 1.0)
    return Q.T if rows < columns else Q
"""


# --- fresh weights ------------------------------------------------------------------------------
def initial(leaf: Leaf, initializer: Any) -> tuple[str, str] | None:
    """Return the source of a weight's first value, and a word on it; None where none is known.

    The weight is drawn in the shape that the notation gives it, so the numbers are not those of
    the library, but of the same distribution.
    """
    for kind, write in _WRITERS.items():
        if isinstance(initializer, kind):
            return write(leaf, initializer)
    return None


def initializer_of(layer: Any, weight: Any) -> Any:
    """Return the initializer of a layer's weight, as far as the layer tells."""
    found = getattr(layer, f"{weight.name}_initializer", None)
    return found if isinstance(found, base.Initializer) else None


def _inside(leaf: Leaf) -> tuple[int, ...]:
    return tuple(int(s) for s in leaf.tensor.shape)


def _scaled(leaf: Leaf, initializer: scaling.VarianceScaling) -> tuple[str, str]:
    shape = _inside(leaf)
    fan_in, fan_out = scaling.fans(shape, initializer.input_axes, initializer.output_axes)
    below = {
        "fan_in": f"{max(1, fan_in)}",
        "fan_out": f"{max(1, fan_out)}",
        "fan_avg": f"({fan_in} + {fan_out})",
    }[initializer.mode]
    above = initializer.scale * (2 if initializer.mode == "fan_avg" else 1)
    uniform = initializer.distribution == "uniform"
    above = 3 * above if uniform else above
    spread = f"np.sqrt({number(int(above) if float(above).is_integer() else above)} / {below})"
    words = type(initializer).__name__.removesuffix("Uniform").removesuffix("Normal")
    if uniform:
        return f"{spread} * rng.uniform(-1, 1, {shape_source(leaf.shape)})", words
    if initializer.distribution == "untruncated_normal":
        return f"{spread} * rng.normal(size={shape_source(leaf.shape)})", words
    cut = f"truncated_normal(rng, {shape_source(leaf.shape)})"
    return f"{spread} / 0.87962566 * {cut}", words


def _constant(leaf: Leaf, initializer: Any) -> tuple[str, str] | None:
    value = leaf.array(initializer(leaf.tensor.shape, leaf.tensor.dtype))
    shape = shape_source(leaf.shape)
    if value.size and (value == value.flat[0]).all():
        first = value.flat[0].item()
        if first in (0, 1):
            return f"np.{'ones' if first else 'zeros'}({shape})", ""
        return f"np.full({shape}, {number(float(str(value.flat[0])))})", ""
    return None


def _uniform(leaf: Leaf, initializer: simple.RandomUniform) -> tuple[str, str]:
    limits = f"{number(initializer.minval)}, {number(initializer.maxval)}"
    return f"rng.uniform({limits}, {shape_source(leaf.shape)})", ""


def _normal(leaf: Leaf, initializer: simple.RandomNormal) -> tuple[str, str]:
    parameters = f"{number(initializer.mean)}, {number(initializer.stddev)}"
    return f"rng.normal({parameters}, {shape_source(leaf.shape)})", ""


def _cut(leaf: Leaf, initializer: simple.TruncatedNormal) -> tuple[str, str]:
    front = "" if initializer.mean == 0 else f"{number(initializer.mean)} + "
    drawn = f"truncated_normal(rng, {shape_source(leaf.shape)})"
    return f"{front}{number(initializer.stddev)} * {drawn}", ""


def _orthogonal(leaf: Leaf, initializer: scaling.Orthogonal) -> tuple[str, str]:
    shape = _inside(leaf)
    rows = int(np.prod(shape[:-1]))
    gain = "" if initializer.gain == 1 else f"{number(initializer.gain)} * "
    text = f"{gain}orthogonal(rng, {rows}, {shape[-1]})"
    if leaf.turned:
        text += ".T"
    elif matrix_shape(shape) != (rows, shape[-1]):
        text += f".reshape{shape_source(leaf.shape)}"
    return text, "Orthogonal"


def _identity(leaf: Leaf, initializer: simple.Identity) -> tuple[str, str]:
    gain = "" if initializer.gain == 1 else f"{number(initializer.gain)} * "
    return f"{gain}np.eye({', '.join(map(str, leaf.shape))})", ""


_WRITERS: dict[type, Callable[..., tuple[str, str] | None]] = {
    scaling.VarianceScaling: _scaled,
    scaling.Orthogonal: _orthogonal,
    simple.Zeros: _constant,
    simple.Ones: _constant,
    simple.Constant: _constant,
    simple.Identity: _identity,
    simple.RandomUniform: _uniform,
    simple.RandomNormal: _normal,
    simple.TruncatedNormal: _cut,
}


# --- arrays within a program --------------------------------------------------------------------
def array_source(value: np.ndarray, indent: int = 0) -> list[str]:
    """Return the lines of an array as source, exact to the last bit: numbers, or packed.

    >>> array_source(np.array([0.1, 2.0], "float32"))
    ['np.array([0.1, 2.0], "float32")']
    """
    if value.size <= FEW:
        shaped = f".reshape{shape_source(value.shape)}" if value.ndim > 2 else ""
        text = array(value.ravel() if shaped else value, indent) + shaped
        flat = " ".join(line.strip() for line in text.split("\n"))
        flat = flat.replace("[ ", "[").replace(", ]", "]")
        return [flat] if len(flat) + indent < WIDTH - 12 else text.split("\n")
    kind = value.dtype.newbyteorder("<")
    text = np.ascontiguousarray(value, kind).tobytes().hex()
    return [
        'np.frombuffer(bytes.fromhex("""',
        *(text[i : i + WIDTH] for i in range(0, len(text), WIDTH)),
        f'"""), "{kind.str}").reshape{shape_source(value.shape)}',
    ]


def assignment(name: str, value: np.ndarray, indent: int = 0) -> list[str]:
    """Return the lines of ``name = array``."""
    first, *rest = array_source(value, indent)
    return [f"{' ' * indent}{name} = {first}", *rest]


def dictionary(name: str, arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Return the lines of ``name = {…}``, arrays by name."""
    lines = [f"{name} = {{"]
    for key, value in arrays.items():
        found = array_source(value, 4)
        found[0] = f'    "{key}": {found[0]}'
        found[-1] += ","
        lines += found
    return [*lines, "}"]
