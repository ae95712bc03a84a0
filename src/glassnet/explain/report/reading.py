"""Reading the arguments of a report: the data, the path; one clear error before any long work."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.callbacks import History
from glassnet.models.data import ArraySource, Batch, source_of
from glassnet.models.model import Model
from glassnet.nest import flatten, map_structure

_WHAT = "report(model, data, path)"
_FORMS = (
    "data=(x, y), data=((x_train, y_train), (x_test, y_test)), or "
    'data={"train": (x, y), "test": (x, y)}'
)
_TRIED = 2
"""So many examples are evaluated to see whether the data fit, before any long work."""


@dataclass(frozen=True)
class Data:
    """The examples that are evaluated, and those that were trained on where they are known."""

    held: Batch
    held_name: str
    train: Batch | None = None
    train_size: int | None = None


def check_model(model: Any) -> None:
    """Raise where this is no model that can be reported on."""
    if not isinstance(model, Model):
        raise TypeError(f"{_WHAT}: expected a model first; got {type(model).__name__}.")
    if not model.compiled:
        raise ValueError(
            f"{_WHAT} tells of a training, so {model.name!r} needs a loss and an optimizer: call "
            "compile(optimizer=…, loss=…) first."
        )


def check_path(path: Any) -> Path:
    """Return the path where a page can be written there.

    Raises:
        ValueError: where it is no .html.
        OSError: where there is no such directory, or it can't be written to.
    """
    target = Path(path)
    if target.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{_WHAT}: a report is a page, .html; got {str(target)!r}.")
    if target.is_dir():
        raise IsADirectoryError(f"{_WHAT}: {target} is a directory; name a file.")
    folder = target.resolve().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{_WHAT}: there is no directory {folder}; make it first.")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{_WHAT}: the directory {folder} does not allow writing.")
    return target


def history_of(model: Model, history: Any) -> History | Mapping[str, Any] | None:
    """Return the history: the one given, or that of the model's last ``fit``."""
    if history is None:
        found = model.history if isinstance(model.history, History) else None
        return found if found is not None and found.epoch else None
    if not isinstance(history, (History, Mapping)):
        raise TypeError(
            f"{_WHAT}: history is what fit returned, or a dict of lists; got "
            f"{type(history).__name__}."
        )
    return history


def read_data(model: Model, data: Any, history: Any) -> Data:
    """Return the examples in ``data``, in one of its forms; for None those that a history keeps.

    Raises:
        TypeError: where it has none of these forms, or yields batches.
        ValueError: where x and y do not belong together, or don't fit the model.
    """
    if data is None:
        found = _kept(history)
    elif isinstance(data, Mapping):
        found = _by_name(data)
    elif isinstance(data, (tuple, list)) and len(data) == 2:
        found = _pair(model, data)
    else:
        raise TypeError(f"{_WHAT}: expected {_FORMS}; got {_told(data)}.")
    if not model.built:
        model(map_structure(lambda a: a[:1], found.held.x))
    for batch in (found.held, found.train):
        if batch is not None:
            model.check_data(batch.x)
            x, y = (map_structure(lambda a: a[:_TRIED], part) for part in batch[:2])
            model.evaluate(x, y, verbose=0)
    return found


def _kept(history: Any) -> Data:
    record = getattr(history, "record", None)
    if record is None or record.sample is None or record.sample[1] is None:
        raise ValueError(f"{_WHAT}: data is missing, and the history keeps none; pass {_FORMS}.")
    train = Batch(*record.sample)
    if record.validation is None or record.validation[1] is None:
        return Data(train, "training examples that the run kept", train, record.size)
    held = Batch(*record.validation)
    return Data(held, "validation examples that the run kept", train, record.size)


def _by_name(data: Mapping[Any, Any]) -> Data:
    known = ("train", "test", "validation", "x", "y", "x_train", "y_train", "x_test", "y_test")
    unknown = [name for name in data if name not in known]
    if unknown or not data:
        raise ValueError(
            f"{_WHAT}: data has {', '.join(map(repr, unknown)) or 'no entry'}; expected {_FORMS}."
        )
    given = {name: data[name] for name in ("train", "test") if name in data}
    if "validation" in data:
        given.setdefault("test", data["validation"])
    for kind in ("train", "test"):
        if {f"x_{kind}", f"y_{kind}"} <= set(data):
            given[kind] = (data[f"x_{kind}"], data[f"y_{kind}"])
    if {"x", "y"} <= set(data):
        given["test" if "train" in given else "only"] = (data["x"], data["y"])
    if not given:
        raise ValueError(f"{_WHAT}: data names x without y, or y without x; expected {_FORMS}.")
    parts = {name: _batch(part, f"data[{name!r}]") for name, part in given.items()}
    train, test = parts.get("train"), parts.get("test")
    if test is not None:
        return _two(train, test)
    if train is not None:
        return Data(train, "training examples", train, _size(train))
    return Data(parts["only"], "given examples")


def _pair(model: Model, data: Sequence[Any]) -> Data:
    first, second = data
    pairs = all(isinstance(part, (tuple, list)) and len(part) in (2, 3) for part in data)
    if pairs and not _fits(model, first):
        train, test = _batch(first, "the training data"), _batch(second, "the held-out data")
        return _two(train, test)
    return Data(_batch((first, second), "data"), "given examples")


def _two(train: Batch | None, test: Batch) -> Data:
    """Training and held-out data; where both are the same, nothing is held out."""
    if train is None:
        return Data(test, "held-out examples")
    pairs = [flatten(batch[:2]) for batch in (train, test)]
    same = len(pairs[0]) == len(pairs[1]) and all(map(np.array_equal, *pairs))
    if same:
        return Data(train, "training examples", train, _size(train))
    return Data(test, "held-out examples", train, _size(train))


def _fits(model: Model, x: Any) -> bool:
    """Tell whether a tuple is what a model of several inputs takes, and no pair (x, y)."""
    if model._network is None or len(model.inputs) == 1 or len(x) != len(model.inputs):
        return False
    try:
        model.check_data(tuple(map(np.asarray, x)))
    except (ValueError, TypeError):
        return False
    return True


def _batch(pair: Any, what: str) -> Batch:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"{_WHAT}: {what} is a pair (x, y); got {_told(pair)}.")
    x, y = pair
    if x is None or y is None:
        raise ValueError(f"{_WHAT}: {what} has no {'x' if x is None else 'y'}.")
    source = source_of(x, y)
    if not isinstance(source, ArraySource):
        raise TypeError(f"{_WHAT}: {what} yields batches; a report looks at arrays, (x, y).")
    return source.data


def _size(batch: Batch) -> int:
    return len(flatten(batch.x)[0])


def _told(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return type(value).__name__
