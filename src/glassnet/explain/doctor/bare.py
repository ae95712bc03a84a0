"""Two plain functions of arrays, f and its gradient, as a subject of the check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from glassnet.explain.doctor.arguments import (
    argument_names,
    as_argument,
    as_arguments,
    differentiated,
    fixed_note,
    needs,
    refuse_structures,
    takes,
)
from glassnet.explain.doctor.subjects import SEED, Given, Parameter, Subject, function_title
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
        self.title = function_title(f)
        self.names = argument_names(f, [None] * len(inputs))
        refuse_structures(self.names, inputs)
        self.arrays = as_arguments(inputs)
        self.places = [i for i, a in enumerate(self.arrays) if differentiated(a)]
        if not self.places:
            raise TypeError(
                f"There is nothing to differentiate {self.title} by: no argument holds real "
                "numbers."
            )
        self.parameters = [Parameter("", self.names[i]) for i in self.places]
        self.point = [self.arrays[i] for i in self.places]
        self._kind: np.dtype[Any] = np.dtype(np.float64)
        self.notes = fixed_note(self.names, self.arrays)
        self._shape, self._upstream = self._first(inputs, upstream)

    def _first(
        self, inputs: Sequence[Any], upstream: Any
    ) -> tuple[tuple[int, ...], np.ndarray | None]:
        """Call f once, to see what it gives; return its shape, and U where that is an array."""
        given, found = self._called(inputs)
        if not is_float(found.dtype):
            raise TypeError(
                f"{self.title} gives {found.dtype}; a derivative needs floats: a number, or an "
                "array of them."
            )
        changed = self._changed(given)
        if changed:
            self.notes += (f"The function changes its argument {changed} in place.",)
        coarse = max(float(np.finfo(t).eps) for t in (self._kind, found.dtype))
        if coarse > self.eps:
            self.eps = coarse
            self.notes += (
                f"It computes in {found.dtype}, about {-np.log10(coarse):.0f} digits: steps are "
                f"chosen for that, and errors above {self.tolerance:.1g} are told.",
            )
        if upstream is None and (found.ndim == 0 or self._is_number(found)):
            return found.shape, None
        draw = np.random.default_rng(SEED).standard_normal if upstream is None else upstream
        weights = np.asarray(draw(found.shape) if callable(draw) else draw, np.float64)
        if weights.shape != found.shape:
            raise ValueError(
                f"{self.title} gives the shape {display(found.shape)}; upstream has "
                f"{display(weights.shape)}."
            )
        return found.shape, weights

    def _called(self, inputs: Sequence[Any]) -> tuple[list[Any], np.ndarray]:
        """Return copies of the arguments and what f made of them, in float32 if it wants that."""
        kinds = [getattr(a, "dtype", np.dtype(object)) for a in inputs]
        narrow = [k for k in kinds if k in (np.float32, np.float16)]
        given = self._with(self.point)
        with np.errstate(all="ignore"):
            try:
                return given, np.asarray(self.f(*given))
            except Exception:
                if not narrow or np.dtype(np.float64) in kinds:
                    raise
            self._kind = narrow[0]
            given = self._with(self.point)
            return given, np.asarray(self.f(*given))

    def _is_number(self, found: np.ndarray) -> bool:
        """Tell whether the gradient takes f's value, an array, for a number."""
        count = len(self.arrays)
        if found.size == 1:
            return not needs(self.gradient_of_f, count + 1)
        if takes(self.gradient_of_f, count + 1) is False:
            raise TypeError(
                f"{self.title} gives an array of the shape {display(found.shape)}, so its gradient "
                f"needs one argument more: gradient_of_f({', '.join(self.names[:count])}, "
                "upstream), which gives the derivative of the sum of upstream times f. Or let f "
                "give one number, its loss."
            )
        return False

    def _with(self, point: Sequence[np.ndarray]) -> list[Any]:
        """Copies of all arguments with some in place of the first ones."""
        given = [a.copy() if isinstance(a, np.ndarray) else a for a in self.arrays]
        for i, array in zip(self.places, point, strict=True):
            given[i] = np.array(array)
            if self._kind != np.float64:
                given[i] = given[i].astype(self._kind)
        return given

    def _changed(self, given: Sequence[Any]) -> str:
        before = self._with(self.point)
        same = [
            not isinstance(b, np.ndarray) or np.array_equal(a, b, equal_nan=True)
            for a, b in zip(given, before, strict=True)
        ]
        return ", ".join(n for n, equal in zip(self.names, same, strict=False) if not equal)

    def _scalar(self, given: Sequence[Any]) -> Any:
        found = np.asarray(self.f(*given))
        if found.shape != self._shape:
            raise ValueError(
                f"{self.title} gives the shape {display(found.shape)} after "
                f"{display(self._shape)} for inputs of the same shapes."
            )
        if self._upstream is None:
            return found.reshape(())
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
        found = self._listed(result)
        if len(found) == len(self.arrays):
            found = [found[i] for i in self.places]
        if len(found) != len(self.places):
            names = ", ".join(p.name for p in self.parameters)
            raise ValueError(
                f"The gradient of {self.title} gives {len(found)} arrays; one is needed for each "
                f"of its {len(self.places)} arguments of floats ({names}), as a tuple."
            )
        return [self._given(a, self.arrays[i]) for a, i in zip(found, self.places, strict=True)]

    def _listed(self, result: Any) -> list[Any]:
        """The gradients one by one; a list of the only argument's shape is one gradient."""
        if isinstance(result, Mapping):
            return [self._named(result, p.name) for p in self.parameters]
        if not isinstance(result, (tuple, list)):
            return [result]
        if len(self.places) == 1:
            whole = as_argument(list(result))
            if np.shape(whole) == self.point[0].shape:
                return [whole]
        return list(result)

    def _named(self, result: Mapping[Any, Any], name: str) -> Any:
        """The gradient by an argument in a dictionary: under its name, or with a d before it."""
        for key in (name, f"d{name}"):
            if key in result:
                return result[key]
        names = ", ".join(repr(p.name) for p in self.parameters)
        raise ValueError(
            f"The gradient of {self.title} is a dictionary with {', '.join(map(repr, result))}; "
            f"the arguments are {names}. Name the gradients so, or give them as a tuple."
        )

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
