"""A model as a PyTorch program: its own layers and words, with the weights in its own layouts.

A stack that PyTorch has modules for becomes ``nn.Sequential``; anything else a class with
``__init__`` and ``forward``, and a model within the model a class of its own. Inputs are taken
channels last, as in glassnet, and turned where convolutions begin and end.
"""

from __future__ import annotations

from typing import Any

from glassnet.explain.code import torch_merging, torch_spatial, vectors
from glassnet.explain.code.literals import quoted
from glassnet.explain.code.modules import (
    broken,
    commented,
    model_dtype,
    models_within,
    network_of,
)
from glassnet.explain.code.torch_initial import initial_lines
from glassnet.explain.code.torch_parts import State
from glassnet.explain.code.torch_scope import Placed, Scope
from glassnet.explain.code.torch_training import Training
from glassnet.explain.code.weights import arrays_of, checked_choice, modules_for, names_of, section
from glassnet.graph.dimension import display
from glassnet.graph.variable import Variable
from glassnet.models.model import Model

_WHAT = "torch_source"
_RULES = torch_merging, torch_spatial
"""Importing these makes the rules of their layers known."""


def torch_source(model: Any, *, weights: str | None = "inline") -> str:
    """Return a PyTorch program that rebuilds the network with the same weights.

    Args:
        model: the model; built, of glassnet's own layers.
        weights: ``"inline"`` (in the program, exactly), ``"file"`` (read from ``weights.npz``,
            which `write_weights` writes) or None (newly initialized).

    Returns:
        The program. It makes ``model``, ready to predict; where the model is compiled, also its
        loss, its optimizer and a ``train_step(x, y)``. With weights inline, ``--check`` runs it on
        test inputs and compares the outputs with those of glassnet.

    Raises:
        NotSayable: a ValueError, naming a layer that can't be written.
        ValueError: where the model is not built.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, activation="sigmoid")])
    >>> print(torch_source(model, weights=None))
    import torch
    from torch import nn
    <BLANKLINE>
    model = nn.Sequential(
        nn.Linear(2, 1),
        nn.Sigmoid(),  # (m, 1)
    )
    <BLANKLINE>
    nn.init.xavier_uniform_(model[0].weight)
    nn.init.zeros_(model[0].bias)
    <BLANKLINE>
    model.eval()
    <BLANKLINE>
    """
    choice = checked_choice(weights, _WHAT)
    network_of(model, _WHAT)
    return Program(model, choice).text()


class Program:
    """The program: small functions, classes, the model, its weights, its training."""

    def __init__(self, model: Model, weights: str | None) -> None:
        self.model, self.weights = model, weights
        self.models = [*models_within(model, _WHAT), model]
        self.dtype = model_dtype(self.models, _WHAT)
        self.helpers: dict[str, list[str]] = {}
        self.functions: dict[int, str] = {}
        """The names of functions of the user, by their identity."""
        self.taken: set[str] = set()
        """The names of classes."""
        self.classes: list[list[str]] = []
        self.scopes: dict[int, Scope] = {}
        self.names = names_of(model)
        self.inline = self._layers_stand_in_several_models()
        """Whether models within the model are written as part of it."""

    def _layers_stand_in_several_models(self) -> bool:
        owners: dict[int, int] = {}
        for model in self.models:
            for layer in network_of(model, _WHAT).layers:
                if owners.setdefault(id(layer), id(model)) != id(model):
                    return True
        return False

    def array(self, variable: Variable) -> str:
        """Return where the program has the array of a weight."""
        return f"W[{quoted(self.names[id(variable)])}]"

    def scope(self, model: Model) -> Scope:
        """Return the written class of a model."""
        if id(model) not in self.scopes:
            scope = self.scopes[id(model)] = Scope(self, model)
            scope.write()
        return self.scopes[id(model)]

    def text(self) -> str:
        """Return the source."""
        scope = self.scope(self.model)
        placed = list(scope.placed("model"))
        training = Training(self, scope, placed).lines()
        made = [*broken(f"model = {scope.constructor}"), *self.frozen_lines(placed)]
        tail = self.state_lines(placed) if self.weights else initial_lines(placed)
        tail += ["", "model.eval()", *training]
        if self.weights is not None:
            tail += [*([""] if training else []), *vectors.torch_check(self.model)]
        parts = [*self.helpers.values(), *self.classes]
        body = [line for part in parts for line in ["", "", *part]]
        body += [*([""] * (2 if parts else 1)), *made, *tail]
        text = "\n".join([*self.imports(body), *body]) + "\n"
        compile(text, "<torch_source>", "exec")
        return text

    def imports(self, lines: list[str]) -> list[str]:
        """Return the imports that these lines need."""
        text = "\n".join(lines)
        found = [f"import {name}" for name in modules_for(lines)]
        if "math." in text:
            found.append("import math")
        found = [*sorted(found), *([""] if found else [])]
        if "np." in text:
            found.append("import numpy as np")
        found.append("import torch")
        if "F." in text:
            found.append("import torch.nn.functional as F")
        if "nn." in text.replace("torch.nn.", ""):
            found.append("from torch import nn")
        if self.dtype != "float32":
            found += ["", f"torch.set_default_dtype(torch.{self.dtype})"]
        return found

    # --- weights ------------------------------------------------------------------------------
    def state_lines(self, placed: list[Placed]) -> list[str]:
        """Return the lines that set parameters and buffers to the weights."""
        states = [(p, name, state) for p in placed for name, state in p.states()]
        if not states:
            return []
        arrays = arrays_of(self.model)
        assert self.weights is not None
        lines = ["", "# Weights by name, in glassnet's layout; turned to PyTorch's below."]
        lines += [*section(arrays, self.weights), ""]
        lines.append("model.load_state_dict({")
        for p, name, state in states:
            key = f"{p.key}.{name}" if p.key and name else p.key or name
            source = state.source
            turned = f"torch.tensor({source}),"
            shape = "" if state.variable is None else _shape(arrays, self.names, state)
            lines += commented(f"    {quoted(key)}: {turned}", shape)
        return [*lines, "})"]

    def frozen_lines(self, placed: list[Placed]) -> list[str]:
        """Return the lines for what must not learn."""
        lines = []
        for p in placed:
            for name, state in p.states():
                if state.frozen:
                    lines.append(f"{p.path}.{name}.requires_grad_(False)  # always {_always(name)}")
            if not p.part.trainable and p.learned():
                lines.append(f"{p.path}.requires_grad_(False)")
        return lines


def _always(name: str) -> str:
    return "1" if name == "weight" else "0"


def _shape(arrays: dict[str, Any], names: dict[int, str], state: State) -> str:
    """The shape of a weight in glassnet's layout."""
    assert state.variable is not None
    shape = display(arrays[names[id(state.variable)]].shape)
    return f"{shape}, turned" if state.is_turned else shape
