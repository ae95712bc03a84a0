"""The first value that is not finite: found, traced to its cause, and told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.engines.reference import Plan
from glassnet.errors import NonFiniteError
from glassnet.graph.dimension import Dim
from glassnet.graph.order import topological
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.variable import Variable

if TYPE_CHECKING:
    from glassnet.models.steps import Step


def all_finite(scalars: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> bool:
    """Tell whether all values are finite, at the price of one product per weight.

    A sum of squares is finite only if every entry is; where it is not, it may have overflowed,
    so the entries decide.
    """
    with np.errstate(all="ignore"):
        for value in scalars:
            if not np.isfinite(value).all():
                return False
        for weight in weights:
            flat = weight.ravel()
            if not np.isfinite(flat.dot(flat)) and not np.isfinite(flat).all():
                return False
    return True


class NonFiniteStep(ArithmeticError):
    """Raised inside the loop by a step that met a value which is not finite."""

    def __init__(self, step: Step, arrays: Sequence[np.ndarray], number: int) -> None:
        super().__init__("a value is not finite")
        self.step, self.arrays, self.number = step, list(arrays), number

    def explained(self, epoch: int) -> NonFiniteError:
        """Run the step again, value by value, and tell where the trouble starts."""
        plan, values = self.step.program.values(*self.arrays, step=self.number)
        node, value = _origin(plan, values)
        forward = {id(n) for n in topological([*self.step.forward.outputs, self.step.forward.loss])}
        return NonFiniteError(
            _report(node, value, _inputs_of(plan, values, node), self.number, epoch, forward)
        )


def _is_bad(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind == "f" and not bool(np.isfinite(array).all())


def _origin(plan: Plan, values: list[Any]) -> tuple[Tensor, np.ndarray]:
    """Walk from a bad output to a bad value that was made of finite ones.

    Not the first bad value of the run: log(0) in the branch that `where` does not take is fine.
    """
    sources = {target: inputs for _, inputs, target, _ in plan.steps}
    place = next(s for s in plan.output_slots if _is_bad(values[s]))
    while True:
        bad = [s for s in sources.get(place, ()) if _is_bad(values[s])]
        if not bad:
            return plan.nodes[place], np.asarray(values[place])
        place = bad[0]


def _inputs_of(plan: Plan, values: list[Any], node: Tensor) -> list[np.ndarray]:
    place = next(i for i, n in enumerate(plan.nodes) if n is node)
    for _, sources, target, _ in plan.steps:
        if target == place:
            return [np.asarray(values[s]) for s in sources]
    return []


def _report(
    node: Tensor,
    value: np.ndarray,
    inputs: list[np.ndarray],
    step: int,
    epoch: int,
    forward: set[int],
) -> str:
    bad = ~np.isfinite(value)
    kind = "NaN" if np.isnan(value).any() else "infinity"
    lines = [f"Training stopped at step {step + 1} (epoch {epoch + 1}): {_where(node, forward)}"]
    lines[0] += f" gave {kind} in {int(bad.sum())} of {value.size} entries."
    if node.shape and isinstance(node.shape[0], Dim) and value.ndim:
        rows = np.flatnonzero(bad.reshape(len(value), -1).any(axis=1))
        shown = ", ".join(map(str, rows[:10])) + (" …" if len(rows) > 10 else "")
        lines.append(f"Examples of the batch concerned: {shown}.")
    for i, array in enumerate(inputs):
        if array.dtype.kind == "f" and array.size:
            lines.append(
                f"Its input {i + 1} lay between {np.min(array):.4g} and {np.max(array):.4g}."
            )
    lines.append("Usual cause: " + _cause(node, inputs))
    lines.append("The weights are those before this step. compile(check_finite=False) trains on.")
    return "\n".join(lines)


def _where(node: Tensor, forward: set[int]) -> str:
    if isinstance(node, Placeholder):
        return f"the data, {node.name},"
    if isinstance(node, Variable):
        return f"the variable {node.path!r}"
    phase = "forward pass" if id(node) in forward else "backward pass or update"
    layer = f"layer {node.scope!r}" if node.scope else "the loss or the optimizer"
    return f"op {node.op.name if node.op else '?'!r} of {layer}, in the {phase},"


def _cause(node: Tensor, inputs: list[np.ndarray]) -> str:
    if isinstance(node, Placeholder):
        return "the data hold NaN or infinity. Remove such examples or fill the gaps."
    if isinstance(node, Variable):
        return "the weights were set to it. Load or initialise them anew."
    hint = node.op.pitfall if node.op is not None else ""
    largest = max(
        (float(np.max(np.abs(a))) for a in inputs if a.size and a.dtype.kind == "f"), default=0.0
    )
    if largest > 1e4:
        return (
            f"values have grown to {largest:.3g}{' (' + hint + ')' if hint else ''}: the learning "
            "rate is too high, or the inputs are not scaled. Divide the rate by 10, scale inputs "
            "to about -1 … 1, or clip gradients (clipnorm=1.0)."
        )
    return (hint or "a learning rate that is too high, or inputs that are not scaled") + "."
