"""Weights of a file and weights of a model: which belongs to which, and whether they fit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from glassnet.errors import FileFormatError
from glassnet.graph.dimension import display
from glassnet.graph.variable import Variable
from glassnet.models.encoding import expect
from glassnet.storage import parse_json

Path = str | os.PathLike[str]
Pairs = list[tuple[Variable, np.ndarray]]

SUFFIX = ".safetensors"
MODEL_KEY, WEIGHTS_KEY = "glassnet.model", "glassnet.weights"
"""The texts in a file's header: of a whole model, of weights alone."""
MOST_TOLD = 4  # faults in a message; the first ones tell what is wrong


def checked_path(filepath: Path) -> Path:
    path = os.fspath(filepath)
    if not isinstance(path, str) or not path.endswith(SUFFIX):
        stem = os.path.splitext(str(path))[0]
        raise ValueError(
            f"glassnet writes and reads safetensors: expected a path that ends in {SUFFIX}; got "
            f"{path!r}. Write {stem + SUFFIX!r}."
        )
    return path


@contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Turn whatever a bad description makes the bricks raise into the one documented error.

    A description is data from outside: a layer that is given a text for its number of units may
    fail in any way.
    """
    try:
        yield
    except FileFormatError as error:
        if os.fspath(path) in str(error):
            raise
        raise FileFormatError(f"{os.fspath(path)} can't be used: {error}") from error
    except Exception as error:
        text = str(error) or type(error).__name__
        if isinstance(error, KeyError):
            text = f"{text} is missing"
        raise FileFormatError(
            f"{os.fspath(path)} holds no model that can be made: {text}"
        ) from error


def weights_in(
    path: Path, arrays: Mapping[str, np.ndarray], texts: Mapping[str, str]
) -> tuple[dict[str, np.ndarray], bool]:
    """Return the weights of a file, and whether it tells their order."""
    with explaining(path):
        what = f"the list of weights in {os.fspath(path)}"
        if MODEL_KEY in texts:
            names = expect(parse_json(texts[MODEL_KEY].encode(), what), dict, what)["weights"]
        elif WEIGHTS_KEY in texts:
            names = parse_json(texts[WEIGHTS_KEY].encode(), what)
        else:
            return dict(arrays), False
        found = {expect(name, str, what): arrays[name] for name in expect(names, list, what)}
        if len(found) != len(names) or (WEIGHTS_KEY in texts and len(found) != len(arrays)):
            raise ValueError("its list of weights is not that of its tensors")
        return found, True


def in_order(path: Path, own: Mapping[str, Variable], file: Mapping[str, np.ndarray]) -> Pairs:
    """Return each weight with its array, one by one; they are those of one and the same model.

    Names may differ where a layer made layers of its own, which are numbered as they come.

    Raises:
        FileFormatError: where number, shape or dtype differ.
    """
    faults = []
    if len(own) != len(file) or (set(own) == set(file) and list(own) != list(file)):
        faults = _only_in_one(own, file) or ["their order differs"]
    pairs = list(zip(own.values(), file.values(), strict=False))
    for name, (weight, array) in zip(own, pairs, strict=False):
        faults += fault(name, weight, array, exactly=True)
    if faults:
        raise _misfit(path, faults)
    return pairs


def by_name(
    own: Mapping[str, Variable], file: Mapping[str, np.ndarray], ordered: bool
) -> tuple[Pairs, list[str]]:
    """Return the weights that fit, each with its array in its dtype, and what does not fit.

    Weights of other names are matched in order, where the file tells one and all of them fit so:
    a network that is made twice has ``dense`` and ``dense_1``.
    """
    named: Mapping[str, np.ndarray] = file
    if ordered and len(own) == len(file) and set(own) != set(file):
        turned = dict(zip(own, file.values(), strict=True))
        if not any(fault(name, weight, turned[name]) for name, weight in own.items()):
            named = turned
    faults = _only_in_one(own, named)
    pairs: Pairs = []
    for name, weight in own.items():
        if name in named:
            found = fault(name, weight, named[name])
            faults += found
            if not found:
                pairs.append((weight, named[name].astype(weight.dtype, copy=False)))
    return pairs, faults


def _only_in_one(own: Mapping[str, Variable], file: Mapping[str, np.ndarray]) -> list[str]:
    missing = [f"{name!r} is not in the file" for name in own if name not in file]
    return missing + [f"{name!r} is in the file alone" for name in file if name not in own]


def fault(name: str, weight: Variable, array: np.ndarray, exactly: bool = False) -> list[str]:
    """Return what keeps an array from being a weight's value, as a list of none or one."""
    if weight.shape != array.shape:
        theirs = display(array.shape)
        return [f"{name!r} has shape {display(weight.shape)}, in the file {theirs}"]
    same = weight.dtype == array.dtype if exactly else weight.dtype.kind == array.dtype.kind
    return [] if same else [f"{name!r} is {weight.dtype}, in the file {array.dtype}"]


def refuse_misfit(path: Path, faults: Sequence[str]) -> None:
    """Raise where there are faults."""
    if faults:
        raise _misfit(path, faults)


def _misfit(path: Path, faults: Sequence[str]) -> FileFormatError:
    more = f" (and {len(faults) - MOST_TOLD} more)" if len(faults) > MOST_TOLD else ""
    told = "; ".join(faults[:MOST_TOLD])
    return FileFormatError(f"The weights in {os.fspath(path)} do not fit the model: {told}{more}.")


def assign_all(pairs: Pairs) -> None:
    """Give each weight its array; nothing here can fail."""
    for weight, array in pairs:
        weight.replace_array(array)
