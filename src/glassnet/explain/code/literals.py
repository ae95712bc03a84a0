"""Values as Python source: numbers, arrays, and bricks by the arguments they were made with.

What is written reads back as the same value, bit by bit. Arrays are written in the fewest decimals
that give the same floats; where those would round twice on the way, in all their decimals.
"""

from __future__ import annotations

import inspect
import keyword
import math
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from glassnet.registry import REGISTRIES, constructor_arguments, deserialize, serialize, snake_case

WIDTH = 100
MODULES = {
    "layer": "layers",
    "loss": "keras.losses",
    "metric": "keras.metrics",
    "optimizer": "keras.optimizers",
    "schedule": "keras.optimizers.schedules",
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "activation": "keras.activations",
}
"""Where Keras keeps each kind of brick."""
NEEDED = {name: ["pool_size"] for name in ("AveragePooling1D", "AveragePooling2D")}
"""Arguments that have a default here and none in Keras."""


class NotSayable(ValueError):
    """What a program in another framework can't say; the message tells what, and what to do."""


# --- numbers, texts, arrays -------------------------------------------------------------------
def number(value: float) -> str:
    """Return a number as source; infinities and NaN as ``float("inf")``.

    >>> number(0.1), number(float("-inf"))
    ('0.1', 'float("-inf")')
    """
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def short(value: Any) -> float:
    """Return a float32 as the float of the fewest decimals that rounds to it.

    >>> short(np.float32(0.1))
    0.1
    """
    found = float(str(np.float32(value)))
    return found if np.float32(found) == np.float32(value) else float(value)


def literal(value: Any) -> str:
    """Return a value of numbers, texts, lists and the like as source.

    Raises:
        TypeError: for a value that is none of these.

    >>> literal({"axes": (1, 2), "rate": np.float32(0.5)})
    '{"axes": (1, 2), "rate": 0.5}'
    """
    if isinstance(value, np.floating) and value.dtype == np.float32:
        return number(short(value))
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return array(value)
    if isinstance(value, np.dtype):
        return quoted(value.name)
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, (bool, int, float)):
        return number(value) if isinstance(value, float) else repr(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    raise TypeError(f"{value!r} of type {type(value).__name__} can't be written as source.")


def quoted(text: str) -> str:
    """Return a text in double quotes."""
    plain = "'" not in text and '"' not in text
    return f'"{repr(text)[1:-1]}"' if plain else repr(text)


def array(value: np.ndarray, indent: int = 0) -> str:
    """Return an array as ``np.array(…)``, broken into lines, with the dtype it has.

    >>> print(array(np.array([[0.1, 2.0], [-3.5, 0.0]], "float32")))
    np.array([
        [0.1, 2.0],
        [-3.5, 0.0],
    ], "float32")
    """
    if value.size == 0:
        return f"np.zeros({literal(value.shape)}, {quoted(value.dtype.name)})"
    texts = _numbers(value)
    dtype = quoted(value.dtype.name)
    whole = f"np.array({_rows(texts)}, {dtype})"
    if value.ndim < 2 and len(whole) + indent <= WIDTH - 20:
        return whole
    space = " " * indent
    lines = _lines(texts, indent + 4)
    return "np.array([\n" + "\n".join(lines) + f"\n{space}], {dtype})"


def _numbers(value: np.ndarray) -> Any:
    """The entries as texts, nested as the array is."""
    found = value.astype(object)
    flat = value.ravel()
    texts = np.empty(flat.size, dtype=object)
    for i, entry in enumerate(flat):
        texts[i] = literal(entry) if np.isfinite(entry) else f"np.{float(entry)}"
    texts = np.array([t.replace("np.-inf", "-np.inf") for t in texts], dtype=object)
    return texts.reshape(found.shape).tolist()


def _rows(texts: Any) -> str:
    return f"[{', '.join(map(_rows, texts))}]" if isinstance(texts, list) else texts


def _lines(texts: list[Any], indent: int) -> list[str]:
    """The items of a list as lines, each item that is a list of its own in brackets."""
    space = " " * indent
    if not isinstance(texts[0], list):
        return textwrap.wrap(", ".join(texts), WIDTH, initial_indent=space, subsequent_indent=space)
    lines = []
    for row in texts:
        flat = f"{space}{_rows(row)},"
        if len(flat) <= WIDTH and not isinstance(row[0], list):
            lines.append(flat)
        else:
            lines += [f"{space}[", *_lines(row, indent + 4), f"{space}],"]
    return lines


# --- names ------------------------------------------------------------------------------------
def identifier(text: str) -> str:
    """Return a name that a variable can have.

    >>> identifier("my layer-1"), identifier("2nd"), identifier("class")
    ('my_layer_1', '_2nd', 'class_')
    """
    found = re.sub(r"\W", "_", text, flags=re.ASCII) or "_"
    if found[0].isdigit():
        found = "_" + found
    return found + "_" if keyword.iskeyword(found) else found


def class_name(text: str) -> str:
    """Return a name that a class can have.

    >>> class_name("residual_block")
    'ResidualBlock'
    """
    parts = [p for p in re.split(r"[\W_]+", text, flags=re.ASCII) if p]
    return identifier("".join(p[0].upper() + p[1:] for p in parts) or "Network")


def unused(name: str, taken: Iterable[str]) -> str:
    """Return ``name``, numbered where it is taken."""
    names = set(taken)
    found, count = name, 1
    while found in names:
        count += 1
        found = f"{name}_{count}"
    return found


def is_automatic(name: str, cls: type) -> bool:
    """Tell whether a name is one that was made up: ``dense``, ``dense_1``."""
    return re.fullmatch(rf"{re.escape(snake_case(cls.__name__))}(_\d+)?", name) is not None


# --- bricks -----------------------------------------------------------------------------------
def brick(value: Any) -> str:
    """Return a brick, or what holds bricks, as Keras source: only arguments that are not default.

    Raises:
        NotSayable: for a class or function that is not glassnet's.

    >>> import glassnet as gn
    >>> brick(gn.optimizers.Adam(0.01)), brick(gn.regularizers.L2())
    ('keras.optimizers.Adam(learning_rate=0.01)', 'keras.regularizers.L2()')
    """
    return _plain(serialize(value))


def _plain(told: Any) -> str:
    """The source of what ``serialize`` returned."""
    if isinstance(told, list):
        return f"[{', '.join(map(_plain, told))}]"
    if not isinstance(told, Mapping):
        return literal(told)
    if told.get("kind") == "custom" or "function" in told:
        name = told.get("function", told.get("class_name"))
        if told.get("kind") == "custom":
            raise NotSayable(f"{name!r} is your own code, which glassnet can't write down")
        return f"{MODULES[told['kind']]}.{name}"
    if "class_name" in told:
        cls = REGISTRIES[told["kind"]].entries[told["class_name"]]
        return construction(f"{MODULES[told['kind']]}.{cls.__name__}", cls, told["config"])
    if "kind" in told:  # a number that JSON lacks, an array
        return literal(deserialize(told))
    return f"{{{', '.join(f'{literal(k)}: {_plain(v)}' for k, v in told.items())}}}"


def construction(function: str, cls: type, config: Mapping[str, Any]) -> str:
    """Return the source that makes a brick: what must be given by its place, the rest by name."""
    given = arguments(cls, config)
    first = []
    if REGISTRIES["layer"].entries.get(cls.__name__) is cls:
        for name in _required(cls) or NEEDED.get(cls.__name__, []):
            if name not in given:
                break
            first.append(given.pop(name))
    return call(function, given, first)


def call(function: str, given: Mapping[str, str], first: Iterable[str] = ()) -> str:
    """Return the source of a call."""
    return f"{function}({', '.join([*first, *(f'{k}={v}' for k, v in given.items())])})"


def _required(cls: type) -> list[str]:
    """The arguments without a default, as far as they come first."""
    found = []
    for parameter in list(inspect.signature(cls).parameters.values()):
        if parameter.default is not parameter.empty or parameter.kind is parameter.VAR_KEYWORD:
            break
        found.append(parameter.name)
    return found


def arguments(cls: type, config: Mapping[str, Any]) -> dict[str, str]:
    """Return the arguments of a configuration that are not the default, as source."""
    defaults = _defaults(cls)
    is_layer = REGISTRIES["layer"].entries.get(cls.__name__) is cls
    found = {}
    for name, told in config.items():
        if name in ("name", "dtype") and _is_usual(name, told, cls):
            continue
        if name == "learning_rate" and isinstance(told, float):
            told = short(told)
        if name == "autocast" or (name in defaults and _is_said_by_none(name, told)):
            continue
        if name == "seed" and is_layer:
            continue  # it was drawn when the layer was made; Keras draws other numbers from it
        text = _plain(told)
        needed = name in NEEDED.get(cls.__name__, ())
        if name in defaults and not needed and _same(told, text, defaults[name]):
            continue
        found[name] = _short_brick(told, text, name not in SHAPES)
    return found


def _is_said_by_none(name: str, told: Any) -> bool:
    """Whether None, the default, says the same."""
    return isinstance(told, str) and (name, told) in {
        ("activation", "linear"),
        ("data_format", "channels_last"),
    }


def _is_usual(name: str, told: Any, cls: type) -> bool:
    if name == "dtype":
        return told is None or told == "float32"
    return told is None or is_automatic(str(told), cls) or told == _defaults(cls).get("name")


def _defaults(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    known = constructor_arguments(cls)
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        if init is None:
            continue
        for parameter in list(inspect.signature(init).parameters.values())[1:]:
            if parameter.name in known and parameter.default is not parameter.empty:
                found.setdefault(parameter.name, parameter.default)
    return {"weight_decay": None, **_COMMON, **found} if _is_optimizer(cls) else found


_COMMON = {
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


def _is_optimizer(cls: type) -> bool:
    return REGISTRIES["optimizer"].entries.get(cls.__name__) is cls


def _same(told: Any, text: str, default: Any) -> bool:
    """Whether a value is the default, which may be written shorter: 1 for (1, 1), "zeros"."""
    if isinstance(told, Mapping) and "class_name" in told and isinstance(default, str):
        registry = REGISTRIES[told["kind"]]
        return registry.find(default).__name__ == told["class_name"] and text.endswith("()")
    if isinstance(told, str) and isinstance(default, str):
        return told.lower() == default.lower()
    if isinstance(told, Mapping) or isinstance(default, str):
        return False
    try:
        return _single(told) == _single(serialize(default))
    except TypeError:
        return False


def _single(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        return value
    items = [_single(item) for item in value]
    return items[0] if items and all(item == items[0] for item in items) else items


SHAPES = ("target_shape", "noise_shape")
"""Arguments of which (2, 2) is another shape than 2."""


def _short_brick(told: Any, text: str, one_for_all: bool) -> str:
    """A brick without arguments by its name, ``"he_normal"``; 2 for (2, 2) where that says it."""
    if isinstance(told, Mapping) and "class_name" in told and text.endswith("()"):
        kind = told["kind"]
        if kind in ("initializer", "constraint", "regularizer"):
            return quoted(snake_case(told["class_name"]))
    alike = isinstance(told, list) and len(told) > 1 and isinstance(_single(told), (int, str))
    if alike and one_for_all:
        return _plain(_single(told))
    if isinstance(told, list) and text.startswith("["):
        return f"({text[1:-1]}{',' if len(told) == 1 else ''})"
    return text
