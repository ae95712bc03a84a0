"""A layer under check: its twins, what it is tried on, what it gives."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import glassnet
from glassnet.explain.doctor.roles import Role, role_of
from glassnet.explain.doctor.twins import (
    Run,
    arrays_in,
    built_twin,
    is_written_in_numpy,
    knows_training,
    twin,
)
from glassnet.graph.dtypes import is_float
from glassnet.layers import LAYERS, Layer
from glassnet.nest import flatten, map_structure

BATCH = 5
"""How many examples a layer is tried on."""
_HOME = str(Path(glassnet.__file__).parent)


class Specimen:
    """What the checks of a layer work on. The layer itself is not changed.

    Args:
        layer: the layer.
        inputs: a batch, or the list of inputs.
        call: further arguments of the call; arrays among them have the batch in front.
        reference: the layer that it should be equal to, where a person says so.
        seed: draws weights and inputs.

    ``layer`` is a twin in float64 with random weights, ``plain`` one in the layer's own dtype;
    ``trouble`` is what a first call raised, None where all is well; ``verdicts`` are those of the
    checks made so far, by name.
    """

    def __init__(
        self,
        layer: Layer,
        inputs: Any,
        call: Mapping[str, Any] | None = None,
        reference: Layer | None = None,
        seed: int = 0,
    ) -> None:
        self.given = layer
        self.inputs = map_structure(_precise, inputs)
        self.call = {k: v for k, v in dict(call or {}).items() if k != "training"}
        self.reference = reference
        self.seed = seed
        self.trouble: Exception | None = None
        self.layer = self.plain = layer
        self.verdicts: dict[str, str] = {}
        self._runs: dict[tuple[bool, str], Run] = {}
        try:
            with np.errstate(all="ignore"):
                base = built_twin(layer, self.inputs, self.call)
                self.layer = twin(base, "float64", seed)
                self.plain = twin(base, None, seed)
                self.forward()
        except Exception as error:
            self.trouble = error

    # --- what it is -----------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """The class and the name: ``"MyDense 'my_dense'"``."""
        return f"{type(self.given).__name__} {self.given.name!r}"

    @property
    def is_own(self) -> bool:
        """Whether it is a brick of the library."""
        cls = type(self.given)
        return LAYERS.entries.get(cls.__name__) is cls and cls.__module__.startswith("glassnet.")

    @cached_property
    def in_numpy(self) -> bool:
        """Whether it, or a layer in it, has a backward of its own."""
        return is_written_in_numpy(self.layer)

    @cached_property
    def modes(self) -> tuple[bool, ...]:
        """The modes in which it behaves differently: prediction (False), training (True)."""
        return (False, True) if knows_training(self.layer) else (False,)

    @cached_property
    def float_inputs(self) -> bool:
        """Whether every input is an array of floats."""
        return all(is_float(a.dtype) for a in flatten(self.inputs))

    @cached_property
    def role(self) -> Role | None:
        """The library's brick that it is meant to be; None where there is none to ask for."""
        if self.is_own or self.reference is not None or self.call or self.trouble is not None:
            return None
        if any(not a.shape or not a.size for a in flatten(self.inputs)):
            return None
        try:
            return role_of(self.layer, self.inputs, seed=self.seed + 1)
        except Exception:  # a layer that runs on this batch and not on others; the checks tell it
            return None

    @cached_property
    def by_chance(self) -> bool:
        """Whether what it gives in training is drawn anew in each step."""
        if True not in self.modes:
            return False
        run, arrays = self.run(True), self.arrays()
        pairs = zip(run.forward(*arrays, step=0), run.forward(*arrays, step=1), strict=True)
        return not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)

    # --- what it is tried on --------------------------------------------------------------------
    def arrays(self, inputs: Any = None, call: Mapping[str, Any] | None = None) -> list[np.ndarray]:
        """Return the arrays of a run: the inputs', then those of the call."""
        given = self.inputs if inputs is None else inputs
        return arrays_in(given, self.call if call is None else call)

    def batch(self, count: int, seed: int = 0) -> list[np.ndarray]:
        """Return the arrays of another batch: rows of this one, the floats a little changed."""
        rng = np.random.default_rng((self.seed, seed))
        rows = rng.integers(0, len(flatten(self.inputs)[0]), count)
        return [
            a[rows] * (1 + 0.1 * rng.normal(size=(count, *a.shape[1:])))
            if is_float(a.dtype) and a.dtype != bool else a[rows]
            for a in self.arrays()
        ]  # fmt: skip

    def filled(self, value: float) -> Any:
        """Return inputs whose floats all have this absolute value, with the signs of these."""
        return self.changed(lambda a: np.where(a < 0, -value, value))

    def changed(self, function: Any) -> Any:
        """Return the inputs with a function applied to the floats."""
        return map_structure(lambda a: function(a) if is_float(a.dtype) else a, self.inputs)

    # --- what it gives --------------------------------------------------------------------------
    def run(self, training: bool = False, dtype: str = "float64") -> Run:
        """Return the layer recorded in a mode, in float64 or another dtype; kept."""
        key = (training, dtype)
        if key not in self._runs:
            layer = self.layer if dtype == "float64" else twin(self.layer, dtype)
            inputs = map_structure(lambda a: _as(a, dtype), self.inputs)
            self._runs[key] = Run(layer, inputs, self.call, training)
        return self._runs[key]

    def forward(self, training: bool = False, step: int = 0) -> list[np.ndarray]:
        """Return the outputs for the inputs, in float64."""
        with np.errstate(all="ignore"):
            return self.run(training).forward(*self.arrays(), step=step)

    def slopes(self, outputs: list[np.ndarray]) -> list[np.ndarray]:
        """Return random dL/dY for outputs."""
        rng = np.random.default_rng(self.seed + 2)
        return [rng.normal(size=y.shape).astype(y.dtype) for y in outputs]


def _precise(array: Any) -> Any:
    found = np.asarray(array)
    return found.astype(np.float64) if is_float(found.dtype) else found


def _as(array: Any, dtype: str) -> Any:
    return array.astype(dtype) if is_float(array.dtype) else array


# --- errors of a person's code -----------------------------------------------------------------
def told(error: BaseException) -> str:
    """Return an error in a sentence, with the line of the person's own code that it came from."""
    text = str(error).strip().split("\n")[0].rstrip(".")
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    line = last_line(error)
    return f"{what} ({line})" if line else what


def last_line(error: BaseException) -> str:
    """Return the innermost line outside glassnet and NumPy that an error passed through."""
    found = ""
    for path, number in _frames(error):
        inside = path.startswith((_HOME, str(Path(np.__file__).parent), sys.prefix + "/lib", "<"))
        if not inside:
            code = linecache.getline(path, number).strip()
            found = f"{Path(path).name}, line {number}" + (f": {code}" if code else "")
    return found


def _frames(error: BaseException) -> Iterator[tuple[str, int]]:
    step = error.__traceback__
    while step is not None:
        yield step.tb_frame.f_code.co_filename, step.tb_lineno
        step = step.tb_next
