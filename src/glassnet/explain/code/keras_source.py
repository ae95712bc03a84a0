"""A model as a Keras program: the script a person would have written, with the same weights.

glassnet has Keras's interface, so a layer is written as it was made, with the arguments that differ
from their defaults. The few things that Keras lacks are written in ``keras.ops`` or refused.
"""

from __future__ import annotations

from typing import Any

from glassnet import activations
from glassnet.explain.code import vectors
from glassnet.explain.code.expressions import Text
from glassnet.explain.code.functions import function_source
from glassnet.explain.code.keras_ops import KERAS
from glassnet.explain.code.literals import (
    NotSayable,
    brick,
    call,
    identifier,
    is_automatic,
    literal,
    quoted,
    unused,
)
from glassnet.explain.code.modules import (
    Value,
    Walk,
    broken,
    calls_of_layers,
    check_layer,
    commented,
    in_one_order,
    input_names,
    is_stack,
    keys_of,
    model_dtype,
    models_within,
    network_of,
    say,
    with_sizes,
)
from glassnet.explain.code.weights import (
    arrays_of,
    checked_choice,
    modules_for,
    names_of,
    section,
)
from glassnet.graph.dimension import display
from glassnet.graph.tensor import Tensor
from glassnet.layers import Activation, CategoryEncoding, Lambda, LayerNormalization, Normalization
from glassnet.layers.base import Layer
from glassnet.layers.calling import LayerCall, public_shape
from glassnet.layers.convolution import Conv1D, Conv2D, Conv3D
from glassnet.layers.inputs import InputLayer
from glassnet.models.curved import needs_objective
from glassnet.models.model import Model
from glassnet.models.network import Network
from glassnet.nest import flatten
from glassnet.registry import REGISTRIES, serialize

_WHAT = "keras_source"
_RESERVED = {"keras", "layers", "ops", "np", "W", "model", "io", "base64", "sys", "check"}


def keras_source(model: Any, *, weights: str | None = "inline") -> str:
    """Return a Keras program that rebuilds the network with the same weights.

    Args:
        model: the model; built, of glassnet's own layers.
        weights: ``"inline"`` (in the program, exactly), ``"file"`` (read from ``weights.npz``,
            which `write_weights` writes) or None (newly initialized).

    Returns:
        The program. It makes ``model``, compiled as the model is. With weights inline, ``--check``
        runs it on test inputs and compares the outputs with those of glassnet.

    Raises:
        NotSayable: a ValueError, naming a layer that can't be written.
        ValueError: where the model is not built.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, activation="sigmoid")])
    >>> print(keras_source(model, weights=None))
    import keras
    from keras import layers
    <BLANKLINE>
    model = keras.Sequential([
        keras.Input((2,)),
        layers.Dense(1, activation="sigmoid"),  # (m, 1)
    ])
    <BLANKLINE>
    """
    choice = checked_choice(weights, _WHAT)
    network_of(model, _WHAT)
    return _Program(model, choice).text()


class _Program:
    """The program: definitions of layers and models, weights, compilation."""

    def __init__(self, model: Model, weights: str | None) -> None:
        self.model, self.weights = model, weights
        self.models = [*models_within(model, _WHAT), model]
        self.dtype = model_dtype(self.models, _WHAT)
        self.calls = calls_of_layers(self.models, _WHAT)
        self.taken = set(_RESERVED)
        self.names: dict[int, str] = {}
        """The variables of layers and models that are not written where they are called."""
        self.branching = not all(in_one_order(network_of(m, _WHAT)) for m in self.models)
        """Whether weights go to each layer by name: Keras orders layers by depth."""
        self.written: set[int] = set()
        self._name_what_is_shared()
        self.functions: dict[str, list[str]] = {}
        self.statistics: list[str] = []
        """The variables of layers with statistics of data."""

    def text(self) -> str:
        """Return the source."""
        body: list[str] = []
        for model in self.models:
            body += ["", *self.defined(model)]
        functions = [line for lines in self.functions.values() for line in ["", "", *lines]]
        functions += [""] if functions else []
        tail = self.weight_lines() + self.compile_lines()
        if self.weights is not None:
            tail += vectors.keras_check(self.model)
        lines = functions + body + tail
        text = "\n".join([*self.imports(lines), *lines]) + "\n"
        compile(text, "<keras_source>", "exec")
        return text

    def imports(self, lines: list[str]) -> list[str]:
        """Return the imports that these lines need."""
        text = "\n".join(lines)
        found = [f"import {name}" for name in modules_for(lines)]
        found += ["", "import keras"] if found else ["import keras"]
        if "np." in text:
            found.append("import numpy as np")
        names = [name for name in ("layers", "ops") if f"{name}." in text.replace("keras.", "")]
        if names:
            found.append(f"from keras import {', '.join(names)}")
        if self.dtype != "float32":
            found += ["", f"keras.config.set_floatx({quoted(self.dtype)})"]
        return found

    def _name_what_is_shared(self) -> None:
        """Give names to models, to layers that are called twice or asked for something later."""
        for model in self.models:
            for layer in network_of(model, _WHAT).layers:
                known = isinstance(layer, (Model, Normalization))
                if id(layer) not in self.names and (known or self.calls[id(layer)] > 1):
                    self.names[id(layer)] = self.new_name(layer.name)
        self.names[id(self.model)] = "model"

    # --- layers and models --------------------------------------------------------------------
    def defined(self, model: Model) -> list[str]:
        """Return the lines that make a model, and note its variable."""
        network = network_of(model, _WHAT)
        name = self.names[id(model)]
        if is_stack(model, network) and not any(map(_needs_function, model.layers)):
            lines = self.stack(model, network, name)
        else:
            lines = _Function(self, model, network).lines_for(name)
        return [*lines, *([f"{name}.trainable = False"] if not model._trainable else [])]

    def new_name(self, preferred: str) -> str:
        """Return a variable of the program that nothing else has."""
        name = unused(identifier(preferred), self.taken)
        self.taken.add(name)
        return name

    def stack(self, model: Model, network: Network, name: str) -> list[str]:
        """Return the lines of a Sequential."""
        before: list[str] = []
        inside = [f"    {self.entry(network.flat_inputs[0], model)},"]
        for layer, found in zip(model.layers, network.calls, strict=True):
            text, lines = self.used(layer, keep_name=len(model.outputs) > 1 or self.branching)
            before += lines
            inside += commented(f"    {text},", display(found.outputs[0].shape))
        end = "])" if is_automatic(model.name, type(model)) else f"], name={quoted(model.name)})"
        return [*before, f"{name} = keras.Sequential([", *inside, end]

    def entry(self, tensor: Tensor, model: Model) -> str:
        """Return the source of an input."""
        batch, *shape = public_shape(tensor.shape)
        given: dict[str, str] = {}
        if batch is not None:
            given["batch_size"] = str(batch)
        if tensor.dtype.name != self.dtype:
            given["dtype"] = quoted(tensor.dtype.name)
        if tensor.name and not is_automatic(tensor.name, InputLayer):
            given["name"] = quoted(tensor.name)
        return call("keras.Input", given, [literal(tuple(shape))])

    def used(self, layer: Layer, keep_name: bool = False) -> tuple[str, list[str]]:
        """Return how a layer is written where it is called, and lines before that."""
        name = self.names.get(id(layer))
        if name is not None and (isinstance(layer, Model) or id(layer) in self.written):
            return name, []
        text = self.construction(layer, keep_name)
        if name is None:
            return text, []
        self.written.add(id(layer))
        if isinstance(layer, Normalization) and layer.input_mean is None:
            self.statistics.append(name)
        return name, commented(f"{name} = {text}", "")

    def construction(self, layer: Layer, keep_name: bool = False) -> str:
        """Return the source that makes a layer."""
        check_layer(layer, _WHAT)
        if isinstance(layer, (Conv1D, Conv2D, Conv3D)):
            _check_motion(layer)
        if isinstance(layer, Lambda):
            return self.lambda_text(layer)
        if isinstance(layer, InputLayer):
            return "layers.Identity()"
        told: dict[str, Any] = serialize(layer)
        config = told["config"] = dict(told["config"])
        config.pop("dtype", None)
        config.pop("drop_first", None)
        if not keep_name and is_automatic(layer.name, type(layer)):
            config.pop("name", None)
        if isinstance(config.get("axis"), list) and isinstance(layer, LayerNormalization):
            # Keras lays the weights out in the order of the axes, and that must be rising.
            rank = layer._calls[0].args[0].ndim
            config["axis"] = sorted(a % rank for a in config["axis"])
        activation = config.get("activation")
        if activation == "glu":
            config["activation"] = None
        if activation == "sparsemax":
            self.functions["sparsemax"] = _SPARSEMAX.split("\n")
            activation = {"kind": "custom"}
        own = isinstance(activation, dict) and activation.get("kind") == "custom"
        if own:
            config["activation"] = None
        try:
            text = brick(_Told(told))
        except NotSayable as error:
            raise say(layer, _WHAT, f"{error}.") from None
        if keep_name and is_automatic(layer.name, type(layer)):
            # A name that Keras would make up, too, is that of another layer in a longer session.
            comma = "" if text.endswith("()") else ", "
            text = f"{text[:-1]}{comma}name={quoted(layer.name)})"
        if own:
            given = layer.activation  # type: ignore[attr-defined]
            ours = given is activations.sparsemax
            function = "sparsemax" if ours else self.own_function(layer, given)
            separator = "" if text.endswith("(") else ", "
            if isinstance(layer, Activation):
                return text.replace("(None", f"({function}")
            text = f"{text[:-1].rstrip()}{separator}activation={function})"
        return text

    def lambda_text(self, layer: Lambda) -> str:
        """Return the source of a Lambda: a function written in ``keras.ops``."""
        for entry in REGISTRIES["activation"].entries.values():
            if entry is layer.function and not layer.arguments:
                return f"layers.Activation({quoted(entry.__name__)})"
        return f"layers.Lambda({self.own_function(layer, layer.function)})"

    def own_function(self, layer: Layer, function: Any) -> str:
        """Return the name of a function of the user, which is written above the model."""
        given = getattr(function, "__name__", "<lambda>")
        name = unused(identifier("function" if given == "<lambda>" else given), self.taken)
        try:
            self.functions[name] = function_source(name, layer, function, KERAS)
        except NotSayable as error:
            raise say(layer, _WHAT, f"its function can't be written: {error}.") from None
        self.taken.add(name)
        return name

    # --- weights and training -----------------------------------------------------------------
    def weight_lines(self) -> list[str]:
        """Return the lines that set the weights."""
        if self.weights is None or not self.model.weights:
            return []
        arrays = arrays_of(self.model)
        lines = ["", "# Weights by name, in glassnet's and Keras's layout."]
        lines += section(arrays, self.weights)
        if self.branching:
            lines += self.by_layer()
        else:
            lines += ["model.set_weights([W[name] for name in W])"]
        return lines + [f"{name}.finalize_state()" for name in self.statistics]

    def by_layer(self) -> list[str]:
        """Return a line for each layer with weights; a layer in two models gets its once."""
        names, done, lines = names_of(self.model), set[int](), []
        for model in self.models:
            for layer in network_of(model, _WHAT).layers:
                if isinstance(layer, Model) or not layer.weights or id(layer) in done:
                    continue
                done.add(id(layer))
                variable = self.names.get(id(layer))
                place = variable or f"{self.names[id(model)]}.get_layer({quoted(layer.name)})"
                values = ", ".join(f"W[{quoted(names[id(w)])}]" for w in layer.weights)
                lines += broken(f"{place}.set_weights([{values}])")
        return lines

    def compile_lines(self) -> list[str]:
        """Return the call of ``compile``; what is the user's own code stands in a comment."""
        told = self.model.compile_arguments
        if told is None:
            return []
        lines, left_out = ["", "model.compile("], []
        for name in ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics"):
            value = told[name]
            if value is None or value == []:
                continue
            if name == "optimizer" and needs_objective(self.model.optimizer):
                kind = type(self.model.optimizer).__name__
                left_out.append(f"# Not written, {name}: Keras has no {kind}; this is its default.")
                continue
            try:
                text = _compiled(value)
            except NotSayable as error:
                left_out.append(f"# Not written, {name}: {error}.")
                continue
            lines += broken(f"    {name}={text},")
        return [*lines, ")", *left_out]


def _compiled(value: Any) -> str:
    """An argument of ``compile`` as source."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(k)}: {_compiled(v)}' for k, v in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_compiled, value))}]"
    if isinstance(value, type):
        value = value()
    text = brick(value)
    if text.startswith("keras.optimizers.") and text.endswith("()"):
        return quoted(type(value).__name__.lower())
    return text


class _Told:
    """A configuration that ``serialize`` has already written."""

    def __new__(cls, told: Any) -> Any:
        return told


def _needs_function(layer: Layer) -> bool:
    """Whether something must be done with what the Keras layer gives."""
    if isinstance(layer, CategoryEncoding):
        return layer.drop_first
    return getattr(layer, "activation", None) is activations.glu


def _finished(layer: Layer, text: str, given: list[str]) -> str:
    if isinstance(layer, CategoryEncoding):
        return f"{text}[..., 1:]"
    # Keras's layers foretell the shape before glu, which halves it.
    inner = given[0] if isinstance(layer, Activation) else text
    return f"keras.activations.glu({inner})"


_SPARSEMAX = '''def sparsemax(x):
    """max(x - t, 0) with t such that they sum to 1; Keras's own is right for one entry alone."""
    falling = -ops.sort(-x, axis=-1)
    excess = ops.cumsum(falling, axis=-1) - 1
    count = ops.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    k = ops.sum(ops.cast(count * falling > excess, "int32"), axis=-1, keepdims=True)
    t = ops.take_along_axis(excess, k - 1, axis=-1) / ops.cast(k, x.dtype)
    return ops.maximum(x - t, 0)'''


def _check_motion(layer: Any) -> None:
    if max(layer.strides) > 1 and max(layer.dilation_rate) > 1:
        raise say(layer, _WHAT, "strides and dilation_rate are both above 1, which Keras refuses.")


class _Function(Walk):
    """A model in the functional style."""

    def __init__(self, program: _Program, model: Model, network: Network) -> None:
        super().__init__(network, KERAS, program.taken)
        self.program, self.model = program, model

    def lines_for(self, name: str) -> list[str]:
        """Return the lines that make the model under a variable."""
        tensors = self.network.flat_inputs
        names = input_names(self.network, self.program.taken)
        self.program.taken |= set(names)
        for tensor, text in zip(tensors, names, strict=True):
            self.line(f"{text} = {self.program.entry(tensor, self.model)}")
            self.give(tensor, Value(Text(text), tensor, remaining=1))
        self.dialect = with_sizes(self.dialect, zip(tensors, names, strict=True))
        for item in self.network.order:
            if isinstance(item, LayerCall):
                self.called(item)
            else:
                self.operate(item)
        inputs = self.structure(self.network.inputs)
        outputs = self.structure(self.network.outputs)
        given = {}
        if not is_automatic(self.model.name, type(self.model)) and not self.model.name.startswith(
            "functional"
        ):
            given["name"] = quoted(self.model.name)
        self.line(f"{name} = {call('keras.Model', given, [inputs, outputs])}")
        return self.lines

    def called(self, item: LayerCall) -> None:
        """Write the call of a layer."""
        layer = item.layer
        several = isinstance(self.network.outputs, (list, tuple, dict))
        ends = {t.origin[0].layer.name for t in flatten(self.network.outputs) if t.origin}
        keep_name = self.program.branching or (several and layer.name in ends)
        function, before = self.program.used(layer, keep_name=keep_name)
        for line in before:
            self.line(line)
        given = [self.argument(a) for a in item.args]
        kwargs = {k: self.argument(v) for k, v in item.kwargs.items() if v is not None}
        text = call(function, kwargs, given)
        if _needs_function(layer):
            text = _finished(layer, text, given)
        if len(item.outputs) == 1:
            self.assign(item.outputs[0], text, layer.name)
            return
        self.several_outputs(item, text)

    def several_outputs(self, item: LayerCall, text: str) -> None:
        """Write a call with several outputs: a model within the model."""
        assert isinstance(item.layer, Model)
        structure = network_of(item.layer, _WHAT).outputs
        name = unused(identifier(f"{item.layer.name}_outputs"), self.live() | self.reserved)
        self.reserved.add(name)
        self.line(f"{name} = {text}")
        for tensor, key in zip(item.outputs, keys_of(structure), strict=True):
            self.give(tensor, Value(Text(f"{name}{key}"), tensor))

    def argument(self, value: Any) -> str:
        """Return an argument of a call as source."""
        if isinstance(value, (list, tuple, dict)) and flatten(value):
            if any(isinstance(leaf, Tensor) for leaf in flatten(value)):
                return self.structure(value)
            return literal(value)
        return self.read(value).name if isinstance(value, Tensor) else literal(value)
