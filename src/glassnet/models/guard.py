"""The first value that is not finite: found, traced to its cause, and told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.engines.reference import Plan
from glassnet.errors import NonFiniteError
from glassnet.graph.dimension import Dim
from glassnet.graph.op import Op
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
    # No errstate: of NumPy's products `vdot` alone sets no warning, and a switch costs 1 µs.
    if math.isfinite(sum(map(float, (*scalars, *map(np.vdot, weights, weights))))):
        return True
    return all(bool(np.isfinite(array).all()) for array in (*scalars, *weights))


class NonFiniteStep(ArithmeticError):
    """Raised inside the loop by a step that met a value which is not finite."""

    closing = "The step changed no weight. compile(check_finite=False) trains on."

    def __init__(self, step: Step, arrays: Sequence[np.ndarray], number: int) -> None:
        super().__init__("a value is not finite")
        self.step, self.arrays, self.number = step, list(arrays), number

    def explained(self, epoch: int, *, validating: bool = False) -> NonFiniteError:
        """Run the step again, value by value, and tell where the trouble starts."""
        plan, values = self.step.program.values(*self.arrays, step=self.number)
        node, value = _origin(plan, values, self.step.checked)
        forward = self.step.forward
        return NonFiniteError(
            _report(
                node,
                value,
                _inputs_of(plan, values, node),
                self.stopped(epoch, validating),
                {id(n) for n in topological([*forward.outputs, forward.loss])},
                [str(getattr(loss, "name", "")) for loss in forward.losses],
                self.closing,
            )
        )

    def stopped(self, epoch: int, validating: bool = False) -> str:
        """Return when training stopped."""
        if validating:
            return f"The validation after step {self.number} (epoch {epoch + 1}) stopped training"
        return f"Training stopped at step {self.number + 1} (epoch {epoch + 1})"


def _is_bad(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind == "f" and not bool(np.isfinite(array).all())


def _origin(plan: Plan, values: list[Any], checked: Sequence[int]) -> tuple[Tensor, np.ndarray]:
    """Walk from a bad output to a bad value that was made of finite ones.

    Not the first bad value of the run: log(0) in the branch that `where` does not take is fine,
    and so is a metric that is NaN.
    """
    sources = {target: inputs for _, inputs, target, _ in plan.steps}
    outputs = [plan.output_slots[i] for i in checked]
    place = next(s for s in outputs if _is_bad(values[s]))
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
    stopped: str,
    forward: set[int],
    losses: Sequence[str],
    closing: str,
) -> str:
    bad = ~np.isfinite(value)
    kind = "NaN" if np.isnan(value).any() else "infinity"
    verb = "gave" if node.inputs else "held"
    lines = [f"{stopped}: {_where(node, forward, losses)}"]
    lines[0] += f" {verb} {kind} in {int(bad.sum())} of {value.size} entries."
    if node.shape and isinstance(node.shape[0], Dim) and value.ndim:
        rows = np.flatnonzero(bad.reshape(len(value), -1).any(axis=1))
        shown = ", ".join(map(str, rows[:10])) + (" …" if len(rows) > 10 else "")
        lines.append(f"Examples of the batch concerned: {shown}.")
    for i, array in enumerate(inputs):
        if array.dtype.kind == "f" and array.size:
            lines.append(
                f"Its input {i + 1} lay between {np.min(array):.4g} and {np.max(array):.4g}."
            )
    lines.append("Usual cause: " + _cause(node, inputs, forward))
    lines.append(closing)
    return "\n".join(lines)


def _where(node: Tensor, forward: set[int], losses: Sequence[str]) -> str:
    if isinstance(node, Placeholder):
        return f"the data, {node.name},"
    if isinstance(node, Variable):
        return f"the variable {node.path!r}"
    part = f"layer {node.scope!r}" if node.scope else "the loss or the optimizer"
    if node.scope.split("/")[0] in losses:
        part = f"the loss {node.scope!r}"
    if id(node) in forward:
        phase = "forward pass"
    elif not node.scope:
        phase = "backward pass or update"
    else:
        slope_of = _differentiated(node, forward)
        phase = "backward pass" + (f" (the slope of {slope_of.name!r})" if slope_of else "")
    return f"op {node.op.name if node.op else '?'!r} of {part}, in the {phase},"


def _differentiated(node: Tensor, forward: set[int]) -> Op | None:
    """The op whose slope a node of the backward pass computes, where its value is made use of."""
    if id(node) in forward:
        return None
    waiting = list(node.inputs)
    while waiting:
        found = waiting.pop(0)
        if found.op is None or found.scope != node.scope:
            continue
        if id(found) in forward:
            return found.op
        if found.op.elementwise:
            waiting += found.inputs
    return None


def _cause(node: Tensor, inputs: list[np.ndarray], forward: set[int]) -> str:
    if isinstance(node, Placeholder):
        return (
            f"the data hold NaN or infinity, or numbers too large for {node.dtype}. Remove such "
            "examples or fill the gaps."
        )
    if isinstance(node, Variable) and node.trainable:
        return "the weights were set to it. Load or initialise them anew."
    if isinstance(node, Variable):
        return (
            "gradients or inputs of an earlier step were so large that their squares or sums "
            "overflowed. Scale the inputs and targets to about -1 … 1."
        )
    slope_of = _differentiated(node, forward)
    hint = (slope_of.pitfall if slope_of else "") or (node.op.pitfall if node.op else "")
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
