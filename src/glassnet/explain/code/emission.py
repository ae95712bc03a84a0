"""What one emitted program is made of: its equations, its weights, its optimizer's state."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.explain.batches import batch_for
from glassnet.explain.code.reading import (
    Leaf,
    called,
    names_in,
    read_inference,
    read_training,
)
from glassnet.explain.code.terms import NumpyPrinter, number_source, shape_source
from glassnet.explain.code.updating import Updating
from glassnet.explain.numbers import targets_sum_to_one
from glassnet.notation import Notation

if TYPE_CHECKING:
    from glassnet.models.model import Model

SEED = 0
"""The seed with which a program of fresh weights checks itself."""


class Emission:
    """A network, read for one program.

    Args:
        model: a built and compiled model.
        x: examples, or None.
        y: their targets.
        notation: the notation.
        weights: ``"trained"`` or ``"fresh"``.
    """

    def __init__(self, model: Model, x: Any, y: Any, notation: Notation, weights: str) -> None:
        self.model, self.notation, self.fresh = model, notation, weights == "fresh"
        self.batch = batch_for(model, x, y, "code()")
        self.given = x is not None
        if getattr(model.optimizer, "needs_objective", False):
            raise ValueError(
                f"code(): {type(model.optimizer).__name__} tries the loss at several places in a "
                "step, so its update is no equation that a program could hold. Compile the model "
                "with an optimizer that needs the gradient alone, say 'adam'."
            )
        distributions = not self.given or targets_sum_to_one(self.batch)
        self.reading = read_training(model, self.batch, notation, distributions)
        self.inference = read_inference(model, self.batch, notation, self.reading)
        self.dtype = "float" if str(model.dtype) == "float64" else f"np.{np.dtype(model.dtype)}"
        self.printer = NumpyPrinter(lambda name: called(str(name)), self.dtype)
        self.predicting = NumpyPrinter(lambda name: self.inference_name(str(name)), self.dtype)

    # --- what there is ------------------------------------------------------------------------
    @property
    def inputs(self) -> list[str]:
        """The names of X."""
        return [called(leaf.name) for leaf in self.reading.inputs]

    @property
    def targets(self) -> list[str]:
        """The names of Y."""
        return [called(leaf.name) for leaf in self.reading.targets]

    @cached_property
    def weights(self) -> list[Leaf]:
        """The weights of the program; those that only the prediction uses come last."""
        found = {leaf.name: leaf for leaf in self.reading.weights}
        for leaf in self.inference.weights:
            found.setdefault(leaf.name, leaf)
        return list(found.values())

    @cached_property
    def scalars(self) -> dict[str, tuple[Any, Any]]:
        """The optimizer's variables that belong to no weight: by name, (variable, first value)."""
        step, names = self.reading.step, self.reading.names
        found = {}
        for variable, first in self.beginnings:
            if id(variable) in names.of and id(variable) not in step.states:
                found[str(names.of[id(variable)])] = (variable, first)
        return found

    @cached_property
    def beginnings(self) -> list[tuple[Any, np.ndarray]]:
        """The optimizer's variables in the graph, each with its first value."""
        step = self.reading.step
        held = step.optimizer
        if held is None:
            return []
        fresh = type(held).from_config(held.get_config())
        fresh.build(step.variables)
        pairs = zip(held.variables, fresh.variables, strict=True)
        return [(old, np.asarray(new.value)) for old, new in pairs]

    @property
    def fixed(self) -> set[str]:
        """The scalars that nothing changes: the learning rate."""
        changed = {id(v) for v in self.reading.step.updates}
        return {name for name, (v, _) in self.scalars.items() if id(v) not in changed}

    def inference_name(self, name: str) -> str:
        """How the prediction calls a quantity: a constant of its own gets a name of its own."""
        own, known = self.inference.constants.get(name), self.reading.constants.get(name)
        if own is None or known is None or np.array_equal(own, known):
            return called(name)
        return f"{name}_predict"

    # --- the optimizer's state ----------------------------------------------------------------
    @cached_property
    def state(self) -> dict[str, str]:
        """The state of the optimizer: by its letter, the source of its first value."""
        found = {name: number_source(self.scalars[name][1].item()) for name in self.kept_scalars}
        slots: dict[str, dict[str, tuple[Leaf, np.ndarray]]] = {}
        step, names = self.reading.step, self.reading.names
        for variable, value in self.beginnings:
            if id(variable) in step.states and id(variable) in names.of:
                weight = self.reading.leaf(step.states[id(variable)][0])
                letter = called(names.of[id(variable)].letter)
                slots.setdefault(letter, {})[weight.name] = (self.reading.leaf(variable), value)
        for letter, held in slots.items():
            found[letter] = self._first_state(held)
        return found

    def _first_state(self, held: dict[str, tuple[Leaf, np.ndarray]]) -> str:
        """The source of the first values of one kind of state, by the weights' names."""
        shapes = {w.name: w.shape for w in self.weights}
        numbers = {float(str(v)) for _, value in held.values() for v in np.unique(value)}
        (number,) = numbers or {0.0}
        if all(leaf.shape == shapes[name] for name, (leaf, _) in held.items()):
            made = f"np.full_like(w, {number_source(number)})" if number else "np.zeros_like(w)"
            if set(held) == set(self.reading.trained):
                return f"{{k: {made} for k, w in parameters.items()}}"
        kind = "" if self.dtype == "float" else f", {self.dtype}"
        entries = (
            f'"{name}": np.full({shape_source(leaf.shape)}, {number_source(number)}{kind})'
            for name, (leaf, _) in held.items()
        )
        return f"{{{', '.join(entries)}}}"

    @cached_property
    def kept_scalars(self) -> list[str]:
        """The scalars that change and that something reads."""
        read = self.updating.read
        if self.reading.takes_step:
            read = read | {"t"}
        return [name for name in self.scalars if name in read and name not in self.fixed]

    @cached_property
    def updating(self) -> Updating:
        """The update."""
        return Updating(self.reading, self.dtype, set(self.scalars), self.fixed)

    # --- how the program calls itself ---------------------------------------------------------
    @property
    def optimizer(self) -> Any:
        """The optimizer."""
        return self.reading.step.optimizer

    @property
    def data(self) -> list[Leaf]:
        """X and Y."""
        return [*self.reading.inputs, *self.reading.targets]

    @property
    def beginning(self) -> str:
        """The call that gives the weights to begin with."""
        return f"init(np.random.default_rng({SEED}))" if self.fresh else "load()"

    @cached_property
    def loss_arguments(self) -> list[str]:
        """What the function of the cost takes: what its equations mention."""
        used = names_in(e.term for e in self.reading.cost)
        found = [called(leaf.name) for leaf in self.data if leaf.name in used]
        found = found or self.targets or self.inputs
        if used & {w.name for w in self.weights}:
            found.append("parameters")
        return [*found, "cache"]

    @property
    def update_arguments(self) -> list[str]:
        """What the function of the update takes."""
        found = ["parameters", "grads", *(["state"] if self.state else [])]
        return [*found, "cache"] if self.updating.seen else found
