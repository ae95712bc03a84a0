"""How a compiled model is trained in PyTorch: its loss, its optimizer, one step.

What PyTorch's modules say is said with them; any other loss, penalty or projection is recorded and
written in PyTorch's operations. What can't be said stands in a comment, and there is no step then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glassnet import losses
from glassnet.explain.code.expressions import SUM, Text
from glassnet.explain.code.functions import traced
from glassnet.explain.code.literals import NotSayable, literal
from glassnet.explain.code.modules import broken
from glassnet.explain.code.torch_losses import loss_text
from glassnet.explain.code.torch_ops import TORCH
from glassnet.explain.code.torch_optimizers import Optimizing
from glassnet.explain.code.torch_parts import State
from glassnet.explain.code.torch_scope import Placed, Scope
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.tensor import Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.layers import BatchNormalization
from glassnet.models.compiled import by_output
from glassnet.nest import flatten
from glassnet.regularizers import L1, L1L2, L2

if TYPE_CHECKING:
    from glassnet.explain.code.torch_source import Program


class Training:
    """The lines about training of a program.

    Args:
        program: the program.
        scope: the class of its model.
        placed: where its parts are.
    """

    def __init__(self, program: Program, scope: Scope, placed: list[Placed]) -> None:
        self.program, self.scope, self.placed = program, scope, placed
        self.model = program.model

    def lines(self) -> list[str]:
        """Return the lines; none for a model that is not compiled for training."""
        told = self.model.compile_arguments
        if told is None or told["loss"] is None:
            return []
        try:
            parts = [self.loss_lines(), self.penalty_lines(), self.projection_lines()]
            optimizing = Optimizing(self.model.optimizer)
            parts.append(optimizing.lines())
        except NotSayable as error:
            return ["", *broken(f"# There is no training step here: {error}.")]
        lines = [line for part in parts if part for line in ["", "", *part]]
        return [*lines, "", "", *self.step_lines(optimizing)]

    # --- the loss -----------------------------------------------------------------------------
    def loss_lines(self) -> list[str]:
        """Return the function of the loss.

        Raises:
            NotSayable: where it is not known before there are targets, or heeds masks.
        """
        told = self.model.compile_arguments
        assert told is not None
        outputs, structure = self.model.outputs, self.model.output
        names = self.model.names_of_outputs(structure)
        given = by_output(told["loss"], names, "loss")
        weights = by_output(told["loss_weights"], names, "loss_weights")
        if any(t.mask is not None for t in outputs):
            raise NotSayable("an output carries a mask, which the loss heeds")
        several = not isinstance(structure, Tensor)
        keys = _keys(structure)
        terms: list[str] = []
        helpers: list[str] = []
        for i, (loss, weight, output) in enumerate(zip(given, weights, outputs, strict=True)):
            if loss is None:
                continue
            if str(loss).lower() in ("crossentropy", "ce"):
                raise NotSayable("which cross-entropy is meant, the targets tell")
            told_loss = losses.get(loss)
            p, y = (f"{name}{keys[i]}" for name in ("outputs", "targets")) if several else (
                "outputs", "targets"
            )  # fmt: skip
            text = loss_text(told_loss, output, p, y)
            if text is None:
                name = f"loss_{len(helpers) + 1}" if several else "loss_of"
                helpers += [*_recorded_loss(name, told_loss, output), "", ""]
                text = f"{name}({p}, {y})"
            terms.append(text if weight is None else f"{literal(float(weight))} * {text}")
        body = broken(f"    return {' + '.join(terms)}") if len(terms) == 1 else [
            "    return (", *(f"        {'' if i == 0 else '+ '}{t}" for i, t in enumerate(terms)),
            "    )"
        ]  # fmt: skip
        return [*helpers, "def loss_function(outputs, targets):", *body]

    # --- penalties and projections of weights -------------------------------------------------
    def penalty_lines(self) -> list[str]:
        """Return the function of the penalties on weights; none where there are none."""
        terms: list[str] = []
        helpers: list[str] = []
        for variable in self.model.trainable_weights:
            if variable.regularizer is None:
                continue
            path, state = self.found(variable)
            simple = type(variable.regularizer) in (L1, L2, L1L2)
            told = path if simple else state.view.replace("{p}", path)
            x = Placeholder(variable.shape, variable.dtype, name="w")
            with recording():
                penalty = variable.regularizer(x)
            lines, text = TORCH.graph(as_tensor(penalty), {x: Text(told)})
            if not lines:
                terms.append(text.within(SUM))
                continue
            name = f"penalty_{len(terms) + 1}"
            helpers += [*traced(name, [x], ["w"], as_tensor(penalty), TORCH), "", ""]
            terms.append(f"{name}({told})")
        if not terms:
            return []
        rest = [f"        + {term}" for term in terms[1:]]
        return [*helpers, "def penalty():", "    return (", f"        {terms[0]}", *rest, "    )"]

    def projection_lines(self) -> list[str]:
        """Return the function that brings weights back to where they may be."""
        lines: list[str] = []
        helpers: list[str] = []
        for variable in self.model.trainable_weights:
            if variable.constraint is None:
                continue
            path, state = self.found(variable)
            x = Placeholder(variable.shape, variable.dtype, name="w")
            with recording():
                allowed = as_tensor(variable.constraint(x))
            name = f"allowed_{len(helpers) + 1}"
            found = traced(name, [x], ["w"], allowed, TORCH)
            known = next((h.split("\n") for h in helpers if h.split("\n")[1:] == found[1:]), None)
            if known is None:
                helpers.append("\n".join(found))
            else:
                name = known[0].removeprefix("def ").split("(")[0]
            lines += [f"    w = {state.view.replace('{p}', path)}", f"    w.copy_({name}(w))"]
        if not lines:
            return []
        written = [line for h in helpers for line in [*h.split("\n"), "", ""]]
        return [*written, "@torch.no_grad()", "def project():", *lines]

    def found(self, variable: Variable) -> tuple[str, State]:
        """Return where the program has a weight."""
        for p in self.placed:
            for name, state in p.states():
                if state.variable is variable:
                    return (f"{p.path}.{name}" if name else p.path), state
        raise NotSayable(f"the weight {variable.path!r} is no parameter in PyTorch")

    # --- the step -----------------------------------------------------------------------------
    def step_lines(self, optimizing: Optimizing) -> list[str]:
        """Return the function of one step."""
        frozen = [
            f"    {p.path}.eval()  # frozen: its statistics stay"
            for p in self.placed
            if isinstance(p.part.layer, BatchNormalization) and not p.part.trainable
        ]
        several = len(flatten(self.model.input)) > 1
        loss = f"    loss = loss_function(model({'*' if several else ''}x), y)"
        penalty = " + penalty()" if self.penalty_lines() else ""
        penalty += " + model.penalty" if self.scope.penalties else ""
        project = ["    project()"] if self.projection_lines() else []
        return [
            "def train_step(x, y):",
            '    """Learn from a batch; return its loss."""',
            "    model.train()",
            *frozen,
            "    optimizer.zero_grad()",
            loss + penalty,
            "    loss.backward()",
            *optimizing.step_lines(),
            *project,
            *optimizing.last_lines(),
            "    model.eval()",
            "    return loss.item()",
        ]


def _recorded_loss(name: str, loss: Any, output: Tensor) -> list[str]:
    """A loss without a counterpart, as a function in PyTorch's operations."""
    sparse = getattr(loss, "integer_targets", False)
    shape = output.shape[:-1] if sparse else output.shape
    y = Placeholder(shape, "int64" if sparse else output.dtype, name="targets")
    p = Placeholder(output.shape, output.dtype, name="outputs")
    try:
        with recording():
            value = loss(y, p)
        return traced(name, [p, y], ["outputs", "targets"], value, TORCH)
    except NotSayable as error:
        raise NotSayable(f"the loss {loss.name!r}: {error}") from None
    except Exception as error:
        raise NotSayable(f"the loss {loss.name!r} can't be recorded ({error})") from error


def _keys(structure: Any) -> list[str]:
    if isinstance(structure, dict):
        return [f"[{literal(key)}]" for key in structure]
    return [f"[{i}]" for i in range(len(flatten(structure)))]
