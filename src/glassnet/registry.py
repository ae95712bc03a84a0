"""Registries: bricks by name, and bricks as plain data and back.

Each kind of brick (layers, losses, …) has one `Registry`. A name given by a person, in Keras's
spelling (``"relu"``, ``"glorot_uniform"``, ``"Adam"``, ``"mse"``), finds its class or function
there; a saved model is rebuilt from these tables and from ``custom_objects`` given in code, and
from nothing else: no text in a file is ever imported or evaluated.
"""

from __future__ import annotations

import base64
import difflib
import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np

from glassnet.graph.dtypes import standard
from glassnet.graph.recording import held

T = TypeVar("T")

REGISTRIES: dict[str, Registry] = {}
"""Every registry by its kind: "layer", "loss", "optimizer" …"""

CUSTOM: dict[str, Any] = {}
"""What code has made known by name; `glassnet.utils.custom` fills it."""


class Registry:
    """The bricks of one kind, by name.

    Args:
        kind: the kind in the singular, as it stands in saved files and error messages.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.entries: dict[str, Any] = {}
        """Every brick under its own name, in the order of definition."""
        self._a_kind = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
        self._names: dict[str, str] = {}
        REGISTRIES[kind] = self

    def add(self, *aliases: str) -> Callable[[T], T]:
        """Register the decorated class or function under its name and further ``aliases``."""

        def register(brick: T) -> T:
            name = brick.__name__  # type: ignore[attr-defined]
            self.entries[name] = brick
            for alias in (name, snake_case(name), *aliases):
                if self._names.setdefault(alias, name) != name:
                    raise ValueError(f"Two {self.kind}s are called {alias!r}.")
            return brick

        return register

    def find(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return the class or function called ``name``.

        Raises:
            ValueError: naming the nearest right name.
        """
        if name in (known := {**CUSTOM, **(custom_objects or {})}):
            return known[name]
        key = name if name in self._names else name.lower()
        if key in self._names:
            return self.entries[self._names[key]]
        near = difflib.get_close_matches(name, self._names, n=1, cutoff=0.5)
        names = ", ".join(sorted({snake_case(n) for n in self.entries}))
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {names}."
        raise ValueError(
            f"There is no {self.kind} called {name!r}. {hint} "
            "One of your own is passed itself, not by its name."
        )

    def get(self, identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return the brick that ``identifier`` stands for: a name, a saved form, or itself."""
        if identifier is None:
            return None
        if isinstance(identifier, str):
            found = self.find(identifier, custom_objects)
            return found() if inspect.isclass(found) else found
        if isinstance(identifier, Mapping):
            if not {"class_name", "function"} & set(identifier):
                raise ValueError(
                    f"Expected {self._a_kind} as it was saved, with its class_name and config; "
                    f"got {dict(identifier)!r}."
                )
            return deserialize({"kind": self.kind, "config": {}, **identifier}, custom_objects)
        if inspect.isclass(identifier):
            return identifier()
        if callable(identifier) or isinstance(identifier, Configurable):
            return identifier
        raise TypeError(
            f"Expected {self._a_kind}: its name, an object, or None; got {identifier!r}."
        )


def snake_case(name: str) -> str:
    """Return ``name`` as Keras writes it in lower case: ``GlorotUniform`` → ``glorot_uniform``."""
    spaced = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", spaced).lower()


class Configurable:
    """A brick that can be written down as the arguments it was made with.

    ``__init__`` stores each argument under its own name and does no more, so the configuration
    is read off the signature; a subclass writes none.
    """

    keeps_identity: ClassVar[bool] = False
    """True where one brick used twice is something else than two equal ones: it has weights."""
    not_written: ClassVar[frozenset[str]] = frozenset()
    """Arguments of a base class that are no part of a subclass's configuration."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal brick, as plain data (JSON's types)."""
        names = [n for n in constructor_arguments(type(self)) if n not in self.not_written]
        missing = [name for name in names if not hasattr(self, name)]
        if missing:
            raise NotImplementedError(
                f"{type(self).__name__} can't be written down: __init__ takes {missing[0]!r} but "
                f"does not keep it. Write self.{missing[0]} = {missing[0]} in __init__, or a "
                "get_config() of your own."
            )
        return {name: serialize(getattr(self, name)) for name in names}

    @classmethod
    def from_config(
        cls: type[T], config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> T:
        """Return a brick made with the arguments that ``get_config`` returned."""
        return cls(**{name: deserialize(value, custom_objects) for name, value in config.items()})


def constructor_arguments(cls: type) -> list[str]:
    """Return the names of the arguments of ``__init__``, those passed on by ``**kwargs`` too."""
    names: list[str] = []
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        if init is None:
            continue
        parameters = list(inspect.signature(init).parameters.values())[1:]
        names += [
            p.name
            for p in parameters
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in names
        ]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return names


# --- plain data and back ----------------------------------------------------------------------
@dataclass
class Document:
    """What the parts of one saved thing have in common while it is written or read.

    ``arrays`` holds the larger arrays, kept beside the text; None where they stand in the text.
    """

    arrays: list[np.ndarray] | None = None
    custom: dict[str, Any] = field(default_factory=dict)
    """Every class and function that is not glassnet's, by the name it is written under."""
    written: dict[int, tuple[Any, dict[str, Any]]] = field(default_factory=dict)
    read: dict[int, Any] = field(default_factory=dict)
    shared: int = 0


_document: ContextVar[Document | None] = ContextVar("glassnet_document", default=None)
_LARGE = 100  # entries; arrays above this are no joy to read as text
_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def document(arrays: list[np.ndarray] | None = None) -> AbstractContextManager[Document]:
    """Write or read what follows as one document: a layer that occurs twice stays one layer.

    Inside another document, and without ``arrays``, it is part of that one.
    """
    opened = _document.get()
    if opened is None or arrays is not None:
        opened = Document(arrays)
    return held(_document, opened)


def serialize(value: Any) -> Any:
    """Return ``value`` as plain data: numbers, texts, lists, dictionaries.

    A brick becomes ``{"kind": …, "class_name": …, "config": …}``, a registered function
    its name, a function of your own ``{"kind": "custom", "function": name}``, an array its entries.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"kind": "float", "value": str(value)}  # JSON has no infinity
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [serialize(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): serialize(v) for k, v in value.items()}
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, np.ndarray):
        return _serialize_array(value)
    if isinstance(value, Configurable):
        return _serialize_brick(value)
    if callable(value):
        name, kind = getattr(value, "__name__", "?"), _kind_of(value)
        return name if kind != "custom" else serialize_custom(value, name)
    raise TypeError(f"{value!r} of type {type(value).__name__} can't be written as plain data.")


def serialize_custom(function: Callable[..., Any], name: str) -> dict[str, Any]:
    """Return a function that is not glassnet's as plain data: its name, never its code."""
    _note_custom(name, function)
    return {"kind": "custom", "function": name}


def _note_custom(name: str, brick: Any) -> None:
    opened = _document.get()
    if opened is not None and opened.custom.setdefault(name, brick) is not brick:
        raise ValueError(
            f"Two different functions or classes of yours are called {name!r}; a file knows them "
            "by name alone. Rename one."
        )


def _serialize_array(value: np.ndarray) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": "array", "dtype": value.dtype.name, "shape": list(value.shape)}
    opened = _document.get()
    if value.size > _LARGE and opened is not None and opened.arrays is not None:
        opened.arrays.append(value)
        return {"kind": "array", "number": len(opened.arrays) - 1}
    if value.size > _LARGE or (value.dtype.kind == "f" and not np.isfinite(value).all()):
        held = value.astype(value.dtype.newbyteorder("<"), copy=False)
        return {**told, "base64": base64.b64encode(held.tobytes()).decode()}
    return {**told, "entries": value.tolist()}


def _serialize_brick(brick: Configurable) -> dict[str, Any]:
    opened = _document.get()
    if opened is not None and id(brick) in opened.written:
        _, first = opened.written[id(brick)]
        if "shared_object_id" not in first:
            first["shared_object_id"] = opened.shared
            opened.shared += 1
        return {"shared_object_id": first["shared_object_id"]}
    cls = type(brick)
    data: dict[str, Any] = {"kind": _kind_of(cls), "class_name": cls.__name__}
    if data["kind"] == "custom":
        _note_custom(cls.__name__, cls)
    if opened is not None and brick.keeps_identity:
        opened.written[id(brick)] = (brick, data)
    data["config"] = brick.get_config()
    return data


def _kind_of(brick: Any) -> str:
    for kind, registry in REGISTRIES.items():
        if registry.entries.get(getattr(brick, "__name__", "")) is brick:
            return kind
    return "custom"


def deserialize(value: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return what ``serialize`` wrote; bricks come from the registries or ``custom_objects``.

    Raises:
        ValueError: for a class or function that is in neither.
    """
    if isinstance(value, list):
        return [deserialize(v, custom_objects) for v in value]
    if not isinstance(value, Mapping):
        return value
    kind = value.get("kind")
    if kind == "float" and set(value) == {"kind", "value"}:
        return _NOT_FINITE[value["value"]]
    if kind == "array" and ("number" in value or "dtype" in value):
        return _deserialize_array(value)
    if "function" in value and "kind" in value:
        return _named(value["kind"], value["function"], custom_objects)
    if "class_name" in value and "config" in value:
        return _deserialize_brick(value, custom_objects)
    if set(value) == {"shared_object_id"}:
        opened = _document.get()
        if opened is None or value["shared_object_id"] not in opened.read:
            raise ValueError(f"A layer refers to {dict(value)!r}, which did not occur before.")
        return opened.read[value["shared_object_id"]]
    return {k: deserialize(v, custom_objects) for k, v in value.items()}


def _deserialize_array(value: Mapping[str, Any]) -> np.ndarray:
    if "number" in value:
        opened = _document.get()
        number, arrays = value["number"], (opened.arrays if opened is not None else None) or ()
        if type(number) is not int or not 0 <= number < len(arrays):
            raise ValueError(f"The array number {number!r} is not there.")
        return arrays[number]
    dtype = standard(value["dtype"])
    if "base64" in value:
        raw = base64.b64decode(value["base64"], validate=True)
        array = np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype)
    else:
        array = np.asarray(value["entries"])
        if array.size and array.dtype.kind not in "fiub":
            raise ValueError(f"An array holds entries that are no numbers: {array.dtype}.")
        array = array.astype(dtype)
    return array.reshape(_sizes(value["shape"])) if "shape" in value else array


def _sizes(shape: Sequence[Any]) -> tuple[int, ...]:
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"The shape of an array is made of whole numbers; got {shape!r}.")
    return tuple(shape)


def _deserialize_brick(
    value: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    cls = _named(value.get("kind", "custom"), value["class_name"], custom_objects)
    if not hasattr(cls, "from_config"):
        raise ValueError(f"{value['class_name']!r} is no class with from_config.")
    if not isinstance(value["config"], Mapping):
        raise ValueError(f"The config of {value['class_name']!r} is no dictionary.")
    made = _from_config(cls, value["config"], custom_objects)
    opened, number = _document.get(), value.get("shared_object_id")
    if opened is not None and number is not None:
        if number in opened.read:
            raise ValueError(f"Two bricks have the shared_object_id {number!r}.")
        opened.read[number] = made
    return made


def _from_config(cls: Any, config: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    if "custom_objects" in inspect.signature(cls.from_config).parameters:
        return cls.from_config(config, custom_objects=custom_objects)
    return cls.from_config(config)


def _named(kind: Any, name: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    if not isinstance(name, str) or not isinstance(kind, str):
        raise ValueError(f"Expected the kind and the name of a brick; got {kind!r} and {name!r}.")
    if custom_objects and name in custom_objects:
        return custom_objects[name]
    if kind == "custom" and name in CUSTOM:
        return CUSTOM[name]
    registry = REGISTRIES.get(kind)
    if registry is None or name not in registry.entries:
        call = name if name.isidentifier() else "…"
        raise ValueError(
            f"The {kind} {name!r} is not part of glassnet. If it is yours, pass it in code: "
            f"custom_objects={{{name!r}: {call}}}. Nothing named in a file is ever imported."
        )
    return registry.entries[name]
