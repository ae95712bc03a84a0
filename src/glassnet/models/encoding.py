"""What stands between the layers of a network, as plain data and back.

Arguments of calls and parameters of ops are numbers, texts, tuples, sizes, tensors and arrays.
JSON has fewer kinds, so all but numbers, texts, truth values and None are written with their kind:
``{"tuple": [1, 2]}``, ``{"size": "m"}``, ``{"tensor": [3, 0]}`` (output 0 of node 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from glassnet.graph.dimension import Dim, Size, divide, larger, product
from glassnet.graph.dtypes import standard
from glassnet.graph.op import OPS, Op
from glassnet.graph.tensor import STEP, Constant, Tensor
from glassnet.graph.variable import Variable
from glassnet.registry import deserialize, serialize

Find = Callable[[Any], Any]
_MOST_TERMS = 64  # of a size; no network's sizes come near


# --- values -----------------------------------------------------------------------------------
def encode(value: Any, place_of: Callable[[Tensor], list[int]]) -> Any:
    """Return a value as plain data; ``place_of`` tells where a tensor comes from.

    Raises:
        TypeError: for what no file can hold.
    """
    if value is STEP:
        return {"step": None}
    if isinstance(value, Variable):
        raise TypeError(
            f"The variable {value.path or value.name!r} stands between the layers of a model. A "
            "file holds the weights of layers: put it into a layer of your own, with add_weight."
        )
    if isinstance(value, Constant):
        return {"constant": serialize(value.value)}
    if isinstance(value, Tensor):
        return {"tensor": place_of(value)}
    if isinstance(value, np.ndarray):
        return {"array": serialize(value)}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Dim):
        return {"size": encode_size(value)}
    if isinstance(value, np.dtype):
        return {"dtype": value.name}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [encode(item, place_of) for item in value]}
    if isinstance(value, Mapping):
        return {"dict": [[str(k), encode(v, place_of)] for k, v in value.items()]}
    raise TypeError(
        f"A model's file can't hold {value!r} of type {type(value).__name__}, which a layer was "
        "called with or an op has as parameter."
    )


def decode(value: Any, find: Find, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return what ``encode`` wrote; ``find`` gives the tensor of a place.

    Raises:
        ValueError: for what ``encode`` never writes.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ValueError(f"Expected a value with its kind; got {shortened(value)}.")
    ((kind, content),) = value.items()
    if kind == "tensor":
        return find(content)
    if kind in ("list", "tuple"):
        items = [decode(item, find) for item in expect(content, list, kind)]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        pairs = [expect(pair, list, "an entry") for pair in expect(content, list, kind)]
        return {expect(key, str, "a key"): decode(item, find) for key, item in pairs}
    if kind in ("constant", "array"):
        array = deserialize(content)
        if not isinstance(array, np.ndarray):
            raise ValueError(f"Expected an array; got {shortened(content)}.")
        return Constant(array) if kind == "constant" else array
    if kind == "size":
        return decode_size(content)
    if kind == "step":
        return STEP
    if kind == "dtype":
        return standard(content)
    if kind == "float" and content in ("inf", "-inf", "nan"):
        return float(content)
    raise ValueError(f"There is no kind of value called {shortened(kind)}.")


def shortened(value: Any) -> str:
    """Return a value as text of at most 80 characters, for error messages."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def expect(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    """Return ``value`` where it is of a kind; raise ValueError where it is not."""
    unwanted_bool = isinstance(value, bool) and kind is int
    if not isinstance(value, kind) or unwanted_bool:
        names = kind.__name__ if isinstance(kind, type) else " or ".join(k.__name__ for k in kind)
        raise ValueError(f"{what}: expected {names}; got {shortened(value)}.")
    return value


# --- sizes ------------------------------------------------------------------------------------
def encode_size(size: Size) -> Any:
    """Return a size as plain data: a number, a name, or ``[[factor, [atoms]], …]``."""
    if not isinstance(size, Dim):
        return int(size)
    if len(size.terms) == 1:
        ((atoms, factor),) = size.terms
        if factor == 1 and len(atoms) == 1 and isinstance(atoms[0], str):
            return atoms[0]
    return [[factor, [_encode_atom(atom) for atom in atoms]] for atoms, factor in size.terms]


def _encode_atom(atom: Any) -> Any:
    if isinstance(atom, str):
        return atom
    return {atom.kind: [encode_size(atom.first), encode_size(atom.second)]}


def decode_size(content: Any) -> Size:
    """Return the size that ``encode_size`` wrote."""
    if isinstance(content, str):
        return Dim.named(content)
    if not isinstance(content, list):
        return expect(content, int, "a size")
    if len(content) > _MOST_TERMS:
        raise ValueError(f"A size of {len(content)} terms; at most {_MOST_TERMS} are read.")
    total: Size = 0
    for term in content:
        factor, atoms = expect(term, list, "a term of a size")
        if len(expect(atoms, list, "a term of a size")) > _MOST_TERMS:
            raise ValueError(f"A size of {len(atoms)} factors; at most {_MOST_TERMS} are read.")
        sizes = [expect(factor, int, "a factor"), *map(_decode_atom, atoms)]
        total = product(sizes) + total
    return total


def _decode_atom(content: Any) -> Size:
    if isinstance(content, str):
        return Dim.named(content)
    ((kind, (first, second)),) = expect(content, Mapping, "a part of a size").items()
    if kind not in ("//", "max"):
        raise ValueError(f"There is no operation on sizes called {shortened(kind)}.")
    return (divide if kind == "//" else larger)(decode_size(first), decode_size(second))


# --- ops --------------------------------------------------------------------------------------
def encode_op(op: Op) -> dict[str, Any]:
    """Return an op with its parameters as plain data."""
    parameters = {f.name: encode(getattr(op, f.name), _no_tensor) for f in fields(op)}
    return {"op": op.name, "parameters": parameters}


def decode_op(name: Any, parameters: Any) -> Op:
    """Return the op; raise ValueError where there is none of the name or it takes others."""
    cls = OPS.get(expect(name, str, "the name of an op"))
    if cls is None:
        raise ValueError(f"There is no op called {shortened(name)}.")
    known = {f.name for f in fields(cls)}
    given = expect(parameters, Mapping, f"the parameters of op {name!r}")
    if set(given) - known:
        raise ValueError(f"Op {name!r} takes no {sorted(set(given) - known)[0]!r}.")
    return cls(**{key: decode(value, _no_tensor) for key, value in given.items()})


def _no_tensor(place: Any) -> Any:
    raise ValueError("A parameter of an op is no tensor.")


def leaves_are(tensors: Sequence[Any], kind: type, what: str) -> list[Any]:
    """Return the leaves of a structure; raise ValueError where one is of another kind."""
    for tensor in tensors:
        expect(tensor, kind, what)
    return list(tensors)
