"""Two plain functions of arrays, f and its gradient, as a subject of the check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glassnet.explain.doctor.subjects import (
    SEED,
    Given,
    Parameter,
    Subject,
    argument_names,
    as_float,
    function_title,
)
from glassnet.graph.dimension import display
from glassnet.graph.dtypes import is_float


class BareSubject(Subject):
    """⟨U, f(arrays)⟩ and what ``gradient_of_f`` gives; U is 1 where f gives one number.

    Both get copies, so that a function which writes into its arguments spoils nothing.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        gradient_of_f: Callable[..., Any],
        inputs: Sequence[Any],
        upstream: Any = None,
    ) -> None:
        self.f, self.gradient_of_f = f, gradient_of_f
        self.arrays = [as_float(a) for a in inputs]
        self.places = [i for i, a in enumerate(self.arrays) if is_float(a.dtype)]
        names = argument_names(f, self.arrays)
        self.parameters = [Parameter("", names[i]) for i in self.places]
        self.point = [self.arrays[i] for i in self.places]
        self.title = function_title(f)
        self._kind = np.dtype(np.float64)
        self._upstream = self._first(inputs, upstream)

    def _first(self, inputs: Sequence[Any], upstream: Any) -> np.ndarray | None:
        """Call f once, to see what it gives; return U where that is an array."""
        narrow = [np.asarray(a).dtype for a in inputs if np.asarray(a).dtype.kind == "f"]
        given = self._with(self.point)
        try:
            found = np.asarray(self.f(*given))
        except (TypeError, ValueError):
            if not narrow or np.dtype(np.float64) in narrow:
                raise
            self._kind = narrow[0]
            given = self._with(self.point)
            found = np.asarray(self.f(*given))
        if not is_float(found.dtype):
            raise TypeError(
                f"{self.title} gives {found.dtype}; a derivative needs floats: a number, or an "
                "array of them."
            )
        changed = self._changed(given)
        self.notes = (f"The function changes its argument {changed} in place.",) if changed else ()
        coarse = max(float(np.finfo(t).eps) for t in (self._kind, found.dtype))
        if coarse > self.eps:
            self.eps = coarse
            self.notes += (
                f"It computes in {found.dtype}, about {-np.log10(coarse):.0f} digits: steps are "
                f"chosen for that, and errors above {self.tolerance:.1g} are told.",
            )
        draw = np.random.default_rng(SEED).standard_normal if upstream is None else upstream
        if found.ndim == 0 and upstream is None:
            return None
        weights = np.asarray(draw(found.shape) if callable(draw) else draw, np.float64)
        if weights.shape != found.shape:
            raise ValueError(
                f"{self.title} gives the shape {display(found.shape)}; upstream has "
                f"{display(weights.shape)}."
            )
        return weights

    def _with(self, point: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Copies of all arguments with some in place of the first ones."""
        given = [a.copy() for a in self.arrays]
        for i, array in zip(self.places, point, strict=True):
            given[i] = np.array(array)
            if self._kind != np.float64:
                given[i] = given[i].astype(self._kind)
        return given

    def _changed(self, given: Sequence[np.ndarray]) -> str:
        before = self._with(self.point)
        names = argument_names(self.f, self.arrays)
        same = [np.array_equal(a, b, equal_nan=True) for a, b in zip(before, given, strict=True)]
        return ", ".join(n for n, equal in zip(names, same, strict=True) if not equal)

    def _scalar(self, given: Sequence[np.ndarray]) -> Any:
        found = np.asarray(self.f(*given))
        if self._upstream is None:
            return found
        if found.shape != self._upstream.shape:
            raise ValueError(
                f"{self.title} gives the shape {display(found.shape)} after "
                f"{display(self._upstream.shape)} for inputs of the same shapes."
            )
        return np.sum(found * self._upstream)

    def value(self, point: Sequence[np.ndarray]) -> float:
        with np.errstate(all="ignore"):
            return float(self._scalar(self._with(point)))

    def along(self, k: int, point: Sequence[np.ndarray]) -> Callable[[np.ndarray], Any]:
        def moved(array: np.ndarray) -> Any:
            return self._scalar(self._with([*point[:k], array, *point[k + 1 :]]))

        return moved

    def scale(self, point: Sequence[np.ndarray]) -> float:
        if self._upstream is None:
            return abs(self.value(point))
        found = np.asarray(self.f(*self._with(point)), np.float64)
        return float(np.abs(found * self._upstream).sum())

    def given(self, point: Sequence[np.ndarray]) -> list[Given]:
        arrays = self._with(point)
        upstream = () if self._upstream is None else (self._upstream.copy(),)
        with np.errstate(all="ignore"):
            result = self.gradient_of_f(*arrays, *upstream)
        if self._changed(arrays) and point is self.point:
            self.notes += (f"The gradient changes its argument {self._changed(arrays)} in place.",)
        found = list(result) if isinstance(result, (tuple, list)) else [result]
        if len(found) == len(self.arrays):
            found = [found[i] for i in self.places]
        if len(found) != len(self.places):
            names = ", ".join(p.name for p in self.parameters)
            raise ValueError(
                f"The gradient of {self.title} gives {len(found)} arrays; one is needed for each "
                f"of its {len(self.places)} arguments of floats ({names}), as a tuple."
            )
        return [self._given(a, self.arrays[i]) for a, i in zip(found, self.places, strict=True)]

    @staticmethod
    def _given(value: Any, like: np.ndarray) -> Given:
        nothing = np.full(like.shape, np.nan)
        if value is None:
            return Given(nothing, "the gradient gives None", "missing")
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            return Given(nothing, f"the gradient is of {array.dtype}, not of floats", "shape")
        if array.shape != like.shape:
            told = (
                f"the gradient has the shape {display(array.shape)}; the argument has "
                f"{display(like.shape)}, and so has its derivative"
            )
            return Given(nothing, told, "shape")
        return Given(array.astype(np.float64))
