"""The weights of a model inside a program, or beside it in one file.

A program keeps them as ``W``, a dictionary from names (``"dense/kernel"``) to arrays in glassnet's
own layout. A few are written as numbers, more as one block of text; either reads back exactly.
"""

from __future__ import annotations

import base64
import io
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.checks import one_of
from glassnet.explain.code.literals import array, literal
from glassnet.models.model import Model
from glassnet.models.naming import named_weights

FILE = "weights.npz"
FEW = 400
"""Up to how many entries are written as numbers."""


def checked_choice(weights: str | None, what: str) -> str | None:
    """Return the argument ``weights``; raise where it is none of the three."""
    if weights is None:
        return None
    return one_of(weights, ("inline", "file"), f"{what}: weights, None for none,")


def arrays_of(model: Model) -> dict[str, np.ndarray]:
    """Return the weights by name, in the order of ``model.weights``."""
    names = names_of(model)
    return {names[id(w)]: np.array(w.value) for w in model.weights}


def names_of(model: Model) -> dict[int, str]:
    """Return the name of each weight, by the identity of the variable."""
    return {id(variable): name for name, variable in named_weights(model).items()}


def write_weights(model: Any, path: str | Path = FILE) -> Path:
    """Write the file of weights that a program made with ``weights="file"`` reads.

    Args:
        model: the model.
        path: the file, beside the program; ``weights.npz``.

    Returns:
        The path.

    >>> import glassnet as gn, tempfile
    >>> from glassnet.explain.code.weights import write_weights
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, name="last")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with np.load(write_weights(model, f"{folder}/weights.npz")) as found:
    ...         sorted(found)
    ['last/bias', 'last/kernel']
    """
    path = Path(path)
    path.write_bytes(_npz(arrays_of(model)))
    return path


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    held = io.BytesIO()
    np.savez_compressed(held, allow_pickle=False, **arrays)
    return held.getvalue()


def section(arrays: dict[str, np.ndarray], weights: str) -> list[str]:
    """Return the lines that make ``W``."""
    if weights == "file":
        return [f"W = np.load({literal(FILE)})  # written by glassnet beside this program"]
    if sum(a.size for a in arrays.values()) <= FEW:
        return table("W", arrays)
    return packed("W", arrays)


def table(name: str, arrays: dict[str, np.ndarray]) -> list[str]:
    """Return the lines of a dictionary of arrays written as numbers."""
    if not arrays:
        return [f"{name} = {{}}"]
    lines = [f"{name} = {{"]
    for key, value in arrays.items():
        text = f"    {literal(key)}: {array(value, 4)},"
        lines += text.split("\n")
    return [*lines, "}"]


def packed(name: str, arrays: dict[str, np.ndarray]) -> list[str]:
    """Return the lines of a dictionary of arrays packed into text."""
    text = base64.b64encode(_npz(arrays)).decode()
    return [
        f"# {sum(a.size for a in arrays.values())} numbers: an .npz file as text.",
        f'{name} = np.load(io.BytesIO(base64.b64decode("""',
        *textwrap.wrap(text, 96),
        '""")))',
    ]


def modules_for(lines: list[str]) -> list[str]:
    """Return the modules of the standard library that such lines need."""
    text = "\n".join(lines)
    return [name for name in ("base64", "io", "sys") if f"{name}." in text]
