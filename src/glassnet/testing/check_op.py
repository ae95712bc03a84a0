"""The check that every op passes, registered here or written by an outsider."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glassnet.engines.program import Program
from glassnet.graph.dimension import Dim, display
from glassnet.graph.dtypes import is_float
from glassnet.graph.op import Op, Sample
from glassnet.graph.recording import record
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.validity import check_graph
from glassnet.testing.numerics import Projection, compare

_TOLERANCES = {"float64": 1e-6, "float32": 2e-3, "float16": 5e-2}


def check_op(
    op: type[Op] | Sample | Sequence[Sample],
    dtype: str = "float64",
    tolerance: float | None = None,
) -> None:
    """Hold an op against what every op must fulfil, on its samples.

    Args:
        op: the op's class, whose ``samples`` are tried; or one sample, or several.
        dtype: the dtype in which the op and its rules are computed. Difference quotients are
            always taken in float64; a lower ``dtype`` shows whether the rules keep to it.
        tolerance: the difference allowed, relative to the numbers compared (at least 1).

    For every sample: the value has the inferred shape and dtype; it is the same when repeated,
    when an engine runs it, and with the first axis named ``m`` (where the op's parameters do not
    fix its length); no input is changed; first and second derivative agree with difference
    quotients along a random direction, and are the same with the first axis named; every graph
    recorded on the way is legal. An op that is not differentiable gives zeros.

    Raises:
        AssertionError: naming the op, the sample, what failed, and the two numbers.

    >>> from glassnet.graph import OPS
    >>> from glassnet.testing import check_op
    >>> check_op(OPS["matmul"])
    """
    if isinstance(op, Sample):
        samples: list[Sample] = [op]
    elif isinstance(op, type):
        samples = list(op.samples())
        if not samples:
            raise AssertionError(f"Op {op.name!r} yields no samples, so nothing can be checked.")
    else:
        samples = list(op)
    allowed = _TOLERANCES[np.dtype(dtype).name] if tolerance is None else tolerance
    for number, sample in enumerate(samples):
        _Trial(sample, number, np.dtype(dtype), allowed).run()


class _Trial:
    """One sample under check."""

    def __init__(self, sample: Sample, number: int, dtype: np.dtype, tolerance: float) -> None:
        self.op = sample.op
        self.tolerance = tolerance
        given = [np.asarray(a) for a in sample.inputs]
        self.arrays = [a.astype(dtype) if is_float(a.dtype) else a for a in given]
        self.precise = [a.astype(np.float64) if is_float(a.dtype) else a for a in self.arrays]
        shapes = ", ".join(f"{a.dtype} {display(a.shape)}" for a in self.arrays)
        self.what = f"Op {self.op.name!r}, sample {number}, {self.op} on {shapes or 'nothing'}"
        floats = tuple(i for i, a in enumerate(self.arrays) if is_float(a.dtype))
        self.wrt = floats if sample.wrt is None else sample.wrt

    def run(self) -> None:
        """Check everything, the simplest first."""
        inputs, node = self._recorded(self.arrays)
        value = self._check_value(inputs, node)
        named = self._recorded_with_name()
        if named is not None:
            self._legal(named[1], named[0])
            result = Program(*_listed(named)).run(*self.arrays)[0]
            self._same("with the first axis named m", value, result)
        if self.wrt and is_float(node.dtype):
            self._check_derivatives(value.shape, named)

    # --- recording ----------------------------------------------------------------------------
    def _recorded(self, arrays: Sequence[np.ndarray]) -> tuple[list[Placeholder], Tensor]:
        inputs = [Placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(arrays)]
        return inputs, record(self.op, *inputs)

    def _recorded_with_name(self) -> tuple[list[Placeholder], Tensor] | None:
        """With m in the place of the first axis's length; None where the op fixes that length."""
        if not self.arrays or not self.arrays[0].ndim:
            return None
        m, size = Dim.named("m"), self.arrays[0].shape[0]
        alike = {i for i, a in enumerate(self.arrays) if a.shape[:1] == (size,)}
        for which in (alike, {0}):  # of all inputs of that length; or it is a coincidence
            inputs = [
                Placeholder((m, *a.shape[1:]) if i in which else a.shape, a.dtype)
                for i, a in enumerate(self.arrays)
            ]
            try:
                return inputs, record(self.op, *inputs)
            except ValueError:
                continue
            except TypeError:
                if which == {0}:
                    raise
        return None

    def _legal(self, node: Tensor, inputs: Sequence[Tensor]) -> None:
        try:
            check_graph([node], inputs)
        except AssertionError as error:
            raise AssertionError(f"{self.what}: legality: {error}") from error

    # --- the value ----------------------------------------------------------------------------
    def _check_value(self, inputs: list[Placeholder], node: Tensor) -> np.ndarray:
        self._legal(node, inputs)
        before = [a.copy() for a in self.arrays]
        with np.errstate(all="ignore"):
            value = np.asarray(self.op.value(np, *self.arrays)).copy()
            again = np.asarray(self.op.value(np, *self.arrays))
        shape, dtype = self.op.infer(*inputs)
        if value.shape != tuple(shape):
            raise AssertionError(
                f"{self.what}: shape: infer gives {display(shape)}, the value has "
                f"{display(value.shape)}."
            )
        if value.dtype != dtype:
            raise AssertionError(
                f"{self.what}: dtype: infer gives {dtype}, the value has {value.dtype}."
            )
        for i, (array, kept) in enumerate(zip(self.arrays, before, strict=True)):
            if not _equal(array, kept):
                raise AssertionError(f"{self.what}: purity: the op wrote into its input {i}.")
        self._same("repeated", value, again)
        self._same("run by the engine", value, Program(inputs, [node]).run(*self.arrays)[0])
        return value

    def _same(self, how: str, value: np.ndarray, other: np.ndarray) -> None:
        if not _equal(value, np.asarray(other)):
            raise AssertionError(
                f"{self.what}: value: {value!r} at first, but {how} {other!r}; they must be equal."
            )

    # --- the derivative -----------------------------------------------------------------------
    def _check_derivatives(
        self, shape: tuple[int, ...], named: tuple[list[Placeholder], Tensor] | None
    ) -> None:
        projection = self._projection(self._recorded(self.arrays))
        extra = projection.draw(self.arrays, shape)
        exact = projection.values(self.arrays, extra)
        if not self.op.differentiable:
            if any(exact[1:]):
                raise AssertionError(
                    f"{self.what}: order 1: the op calls itself not differentiable, but its "
                    f"derivative along a direction is {exact[1]:.10g}."
                )
            return
        quotients = self._projection(self._recorded(self.precise)).quotients(self.precise, extra)
        for order, quotient in enumerate(quotients, start=1):
            compare(f"{self.what}: order {order}", exact[order], quotient, self.tolerance)
        if named is not None:
            same = self._projection(named).values(self.arrays, extra)
            for order in (1, 2):
                what = f"{self.what}: order {order}, the first axis named m"
                compare(what, same[order], exact[order], self.tolerance)

    def _projection(self, recorded: tuple[list[Placeholder], Tensor]) -> Projection:
        try:
            projection = Projection(*recorded, self.wrt)
            projection.check()
        except (AssertionError, NotImplementedError, TypeError, ValueError) as error:
            raise AssertionError(f"{self.what}: rule: {error}") from error
        return projection


def _listed(recorded: tuple[list[Placeholder], Tensor]) -> tuple[list[Placeholder], list[Tensor]]:
    return recorded[0], [recorded[1]]


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether dtypes and all entries are equal, NaN being equal to itself."""
    return first.dtype == second.dtype and np.array_equal(
        first, second, equal_nan=is_float(first.dtype)
    )
