"""Names in pictures: written as they are, and cut where they are very long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from glassnet.inspection.inputs import InputPlane
from glassnet.plots.figures import part

LONG = 32
"""So many letters of a name are written at most."""

_DOLLAR = re.compile(r"(?<!\\)\$")

Given = ParamSpec("Given")
Drawn = TypeVar("Drawn")


def shortened(name: str, most: int = LONG) -> str:
    """Return a name of at most ``most`` letters; of a longer one its beginning and its end."""
    if len(name) <= most:
        return name
    end = (most - 1) // 3
    return f"{name[: most - 1 - end].rstrip()}…{name[len(name) - end :].lstrip()}"


def literal(text: str) -> str:
    """Return a text that Matplotlib writes with its dollars."""
    return _DOLLAR.sub(r"\\$", text)


def in_few_letters(plane: InputPlane) -> InputPlane:
    """Return a plane of which no feature has a very long name."""
    return replace(plane, names=tuple(map(shortened, plane.names)))


def literal_names(draw: Callable[Given, Drawn]) -> Callable[Given, Drawn]:
    """Return a function that draws the same picture, in which ``$`` is a dollar.

    Matplotlib takes what stands between two dollars for a formula: a class called "$5 to $10"
    would lose its dollars, or end in an error. What stood in the figure before, and what is written
    into it later, is left as Matplotlib takes it.
    """

    @wraps(draw)
    def wrapped(*args: Given.args, **kwargs: Given.kwargs) -> Drawn:
        given: Any = kwargs.get("ax")
        before = {text: text.get_text() for text in _texts_of(given)}
        drawn = draw(*args, **kwargs)
        for text in _texts_of(drawn):
            if before.get(text) != text.get_text():
                text.set_text(literal(text.get_text()))
        return drawn

    return wrapped


def _texts_of(drawn: Any) -> Iterator[Any]:
    """The texts of the whole figure that a picture, or axes, belong to."""
    figure = getattr(drawn, "figure", None)
    while figure is not None and getattr(figure, "figure", figure) is not figure:
        figure = figure.figure  # a subfigure stands in another
    return iter(()) if figure is None else _texts(figure)


def _texts(artist: Any) -> Iterator[Any]:
    """The texts within an artist; numbers at ticks are Matplotlib's own."""
    for child in artist.get_children():
        if isinstance(child, part("text").Text):
            yield child
        elif isinstance(child, part("axis").Axis):
            yield child.label
        else:
            yield from _texts(child)
