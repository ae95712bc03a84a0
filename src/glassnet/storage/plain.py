"""JSON from a file nobody vouches for: parsed within limits that are checked first."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from glassnet.errors import FileFormatError

MAX_DEPTH = 200
"""How deep the lists and objects of a JSON text may stand in each other."""
MAX_ITEMS = 1_000_000
"""How many lists, objects and entries a JSON text may hold."""
MAX_DIGITS = 400
"""How long a number in a JSON text may be."""


def parse_json(text: bytes, what: str, *, most_depth: int = MAX_DEPTH) -> Any:
    """Return the value of a JSON text.

    Stricter than Python's parser: UTF-8 alone, no name twice in one object, no ``NaN`` and no
    ``Infinity``. Depth and number of entries are counted before anything is built, so a hostile
    text costs neither much memory nor the call stack.

    Args:
        text: the bytes.
        what: what the text is, for the error message.
        most_depth: how deep lists and objects may stand in each other.

    Raises:
        FileFormatError: with the reason.
    """
    _check_extent(text, what, most_depth)
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{what} is not UTF-8: {error}.") from None
    try:
        found = json.loads(
            decoded,
            object_pairs_hook=lambda pairs: _without_repetition(pairs, what),
            parse_constant=lambda name: _refuse(f"{what} holds {name}, which is no JSON."),
            parse_int=lambda digits: int(_short(digits, what)),
            parse_float=lambda digits: _finite(_short(digits, what), what),
        )
    except json.JSONDecodeError as error:
        raise FileFormatError(f"{what} is no JSON: {error}.") from None
    if "\\u" in decoded:
        _check_surrogates(found, what)
    return found


def _check_extent(text: bytes, what: str, most_depth: int) -> None:
    """Count brackets and commas outside strings, on bytes, without building anything."""
    bare = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    if bare.count(b'"') > 4 * MAX_ITEMS:
        raise FileFormatError(f"{what} holds more than {MAX_ITEMS} entries.")
    outside = b"".join(bare.split(b'"')[::2])
    marks = outside.translate(None, bytes(set(range(256)) - set(b"[]{},")))
    if len(marks) > 3 * MAX_ITEMS:
        raise FileFormatError(f"{what} holds more than {MAX_ITEMS} entries.")
    codes = np.frombuffer(marks, np.uint8)
    steps = np.isin(codes, list(b"[{")).astype(np.int32) - np.isin(codes, list(b"]}"))
    depth = int(np.cumsum(steps).max(initial=0))
    if depth > most_depth:
        raise FileFormatError(f"{what} is {depth} levels deep; at most {most_depth} are read.")


def _without_repetition(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise FileFormatError(f"{what} holds the name {twice[:80]!r} twice.")
    return found


def _short(digits: str, what: str) -> str:
    if len(digits) > MAX_DIGITS:
        raise FileFormatError(f"{what} holds a number of {len(digits)} digits.")
    return digits


def _finite(digits: str, what: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise FileFormatError(f"{what} holds {digits[:40]}, which no float64 holds.")
    return number


def _refuse(message: str) -> Any:
    raise FileFormatError(message)


def _check_surrogates(value: Any, what: str) -> None:
    r"""Refuse half characters (``"\ud800"``), which no UTF-8 can hold."""
    for text in _texts(value):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise FileFormatError(f"{what} holds half a character: {error}.") from None


def _texts(value: Any) -> Iterable[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
