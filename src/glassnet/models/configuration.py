"""Networks as plain data: which layers there are, and which was called on what.

A functional network is written as its layers, each once, and its nodes in the order of
computation: an input, a call of a layer, or an op between layers. A node names what it takes by
the place where that was made, so shared layers, several inputs and outputs and ops written with
operators all come back as they were. A stack is written as its input and its layers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.graph.dimension import symbols
from glassnet.graph.recording import record
from glassnet.graph.tensor import Constant, Placeholder, Tensor
from glassnet.layers.base import Layer
from glassnet.layers.calling import LayerCall, is_symbolic
from glassnet.models.encoding import (
    decode,
    decode_op,
    decode_size,
    encode,
    encode_op,
    encode_size,
    expect,
    leaves_are,
    shortened,
)
from glassnet.models.network import Network
from glassnet.nest import flatten
from glassnet.registry import deserialize, document, serialize
from glassnet.storage import parse_json

if TYPE_CHECKING:
    from glassnet.models.model import Model
    from glassnet.models.sequential import Sequential

Custom = Mapping[str, Any] | None


# --- functional networks ----------------------------------------------------------------------
def network_config(model: Model, network: Network | None) -> dict[str, Any]:
    """Return the layers and nodes of a functional model; a subclass may have none."""
    if network is None:
        return _common(model)
    with document():
        layers = network.layers
        return {
            **_common(model),
            "layers": [serialize(layer) for layer in layers],
            **_nodes_config(network, {id(layer): i for i, layer in enumerate(layers)}),
        }


def _common(model: Model) -> dict[str, Any]:
    return {"name": model.name, "trainable": model.trainable, "dtype": model.dtype}


def _nodes_config(network: Network, numbers: Mapping[int, int]) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = []
    places: dict[int, list[int]] = {}

    def place_of(tensor: Tensor) -> list[int]:
        return places[id(tensor)]

    for tensor in network.flat_inputs:
        places[id(tensor)] = [len(nodes), 0]
        nodes.append({"input": _input_config(tensor)})
    for item in network.order:
        if isinstance(item, LayerCall):
            told = {
                "layer": numbers[id(item.layer)],
                "args": [encode(a, place_of) for a in item.args],
                "kwargs": {k: encode(v, place_of) for k, v in item.kwargs.items()},
            }
            made = item.outputs
        else:
            assert item.op is not None
            told = {**encode_op(item.op), "inputs": [encode(t, place_of) for t in item.inputs]}
            made = [item]
        places.update({id(tensor): [len(nodes), i] for i, tensor in enumerate(made)})
        nodes.append(told)
    return {
        "nodes": nodes,
        "inputs": encode(network.inputs, place_of),
        "outputs": encode(network.outputs, place_of),
    }


def _input_config(tensor: Tensor) -> dict[str, Any]:
    name = tensor.name or (tensor.origin[0].layer.name if tensor.origin else None)
    shape = [encode_size(size) for size in tensor.shape]
    return {"name": name, "shape": shape, "dtype": tensor.dtype.name}


def _placeholder(config: Any) -> Placeholder:
    told = expect(config, Mapping, "an input")
    shape = tuple(decode_size(size) for size in expect(told["shape"], list, "the input's shape"))
    if any(isinstance(size, int) and size < 0 for size in shape):
        raise ValueError(f"An input has the shape {shape}.")
    name = told["name"]
    if name is not None:
        expect(name, str, "the name of an input")
    return Placeholder(shape, expect(told["dtype"], str, "the input's dtype"), name=name)


def network_arguments(
    config: Mapping[str, Any],
    custom_objects: Custom = None,
    layers: Sequence[Layer] | None = None,
    inputs: Sequence[Tensor] | None = None,
) -> dict[str, Any]:
    """Return the arguments of ``Model`` that make the network of a configuration.

    Args:
        config: what ``network_config`` returned.
        custom_objects: classes and functions that are not glassnet's.
        layers: the layers to use, in place of new ones.
        inputs: the symbolic inputs to use, in place of new ones.

    Raises:
        ValueError: where the configuration is none, naming what is wrong with it.
    """
    if not {"layers", "nodes"} & set(expect(config, Mapping, "the configuration of a model")):
        _check_keys(config, set())
        return _common_arguments(config)
    _check_keys(config, {"layers", "nodes", "inputs", "outputs"})
    with document():
        if layers is None:
            layers = _layers(config["layers"], custom_objects)
        rebuilding = _Rebuilding(layers, inputs)
        for node in expect(config["nodes"], list, "nodes"):
            rebuilding.add(expect(node, Mapping, "a node"))
    found_inputs = decode(config["inputs"], rebuilding.find)
    found_outputs = decode(config["outputs"], rebuilding.find)
    leaves_are(flatten(found_inputs), Tensor, "inputs")
    leaves_are(flatten(found_outputs), Tensor, "outputs")
    given = {id(t) for t in rebuilding.inputs}
    if {id(t) for t in flatten(found_inputs)} != given:
        raise ValueError("The inputs of the network are not its input nodes.")
    return {"inputs": found_inputs, "outputs": found_outputs, **_common_arguments(config)}


def _check_keys(config: Any, needed: set[str]) -> None:
    told = set(expect(config, Mapping, "the configuration of a model"))
    if needed - told:
        raise ValueError(f"The configuration of a model lacks {sorted(needed - told)[0]!r}.")
    if told - needed - {"name", "trainable", "dtype"}:
        extra = sorted(told - needed - {"name", "trainable", "dtype"})[0]
        raise ValueError(f"The configuration of a model holds {shortened(extra)}, which is none.")


def _common_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": expect(config.get("name"), (str, type(None)), "name"),
        "trainable": expect(config.get("trainable", True), bool, "trainable"),
        "dtype": expect(config.get("dtype"), (str, type(None)), "dtype"),
    }


def _layers(configs: Any, custom_objects: Custom) -> list[Layer]:
    made = [deserialize(c, custom_objects) for c in expect(configs, list, "layers")]
    for layer, config in zip(made, configs, strict=True):
        if not isinstance(layer, Layer):
            raise ValueError(f"Expected a layer; got {shortened(config)}.")
    return made


class _Rebuilding:
    """The nodes of a network, recorded one after the other."""

    def __init__(self, layers: Sequence[Layer], inputs: Sequence[Tensor] | None) -> None:
        self.layers = layers
        self.inputs: list[Tensor] = []
        self._given = None if inputs is None else list(inputs)
        self._made: list[list[Tensor]] = []
        self._sizes: set[str] = set()

    def find(self, place: Any) -> Tensor:
        """Return the tensor made at a place: (node, output)."""
        node, output = (expect(i, int, "a place") for i in expect(place, list, "a place"))
        if not 0 <= node < len(self._made) or not 0 <= output < len(self._made[node]):
            raise ValueError(
                f"Node {len(self._made)} takes output {output} of node {node}, which does not "
                "stand before it."
            )
        return self._made[node][output]

    def add(self, node: Mapping[str, Any]) -> None:
        """Record one node."""
        kind = set(node)
        if kind == {"input"}:
            self._made.append([self._input(node["input"])])
        elif kind == {"layer", "args", "kwargs"}:
            self._made.append(self._call(node))
        elif kind == {"op", "parameters", "inputs"}:
            self._made.append([self._op(node)])
        else:
            raise ValueError(
                f"Node {len(self._made)} is no input, no call of a layer and no op: "
                f"{shortened(dict(node))}."
            )

    def _input(self, config: Any) -> Tensor:
        own: Tensor = _placeholder(config)
        if self._given is not None:
            if len(self.inputs) >= len(self._given):
                raise ValueError(f"The network has more than {len(self._given)} inputs.")
            own = self._given[len(self.inputs)]
        self._sizes |= symbols(own.shape)
        self.inputs.append(own)
        return own

    def _call(self, node: Mapping[str, Any]) -> list[Tensor]:
        number = expect(node["layer"], int, "the number of a layer")
        if not 0 <= number < len(self.layers):
            raise ValueError(f"There is no layer number {number}; there are {len(self.layers)}.")
        args = [decode(a, self.find) for a in expect(node["args"], list, "args")]
        told = expect(node["kwargs"], Mapping, "kwargs")
        kwargs = {key: decode(value, self.find) for key, value in told.items()}
        layer = self.layers[number]
        if not any(is_symbolic(leaf) for leaf in flatten((args, kwargs))):
            raise ValueError(f"Layer {layer.name!r} is called on nothing that the inputs give.")
        return [t for t in flatten(layer(*args, **kwargs)) if isinstance(t, Tensor)]

    def _op(self, node: Mapping[str, Any]) -> Tensor:
        op = decode_op(node["op"], node["parameters"])
        inputs = [decode(t, self.find) for t in expect(node["inputs"], list, "inputs")]
        leaves_are(inputs, Tensor, f"the inputs of op {op.name!r}")
        sized = op.symbols()
        if not sized <= self._sizes:
            raise ValueError(f"No input carries the size {sorted(sized - self._sizes)[0]!r}.")
        # An op on constants alone is computed when it is recorded, so none is ever saved.
        if inputs and all(isinstance(t, Constant) for t in inputs) and not sized:
            raise ValueError(f"Op {op.name!r} is applied to constants alone.")
        hash(op)
        return record(op, *inputs)


# --- stacks -----------------------------------------------------------------------------------
def sequential_config(model: Sequential, entry: Tensor | None) -> dict[str, Any]:
    """Return the input and the layers of a stack."""
    with document():
        return {
            **_common(model),
            "input": None if entry is None else _input_config(entry),
            "layers": [serialize(layer) for layer in model.layers],
        }


def sequential_arguments(
    config: Mapping[str, Any],
    custom_objects: Custom = None,
    layers: Sequence[Layer] | None = None,
    inputs: Sequence[Tensor] | None = None,
) -> dict[str, Any]:
    """Return the arguments of ``Sequential`` that make the stack of a configuration."""
    _check_keys(config, {"input", "layers"})
    with document():
        if layers is None:
            layers = _layers(config["layers"], custom_objects)
    entry: list[Any] = [] if config["input"] is None else [_placeholder(config["input"])]
    if inputs is not None:
        entry = leaves_are(inputs, Placeholder, "the input of a stack")
    return {"layers": [*entry, *layers], **_common_arguments(config)}


# --- models as JSON, copies -------------------------------------------------------------------
def model_to_json(model: Any, **kwargs: Any) -> str:
    """Return the architecture as JSON text; ``kwargs`` go to ``json.dumps``."""
    with document():
        return json.dumps(serialize(model), **{"allow_nan": False, **kwargs})


def model_from_json(json_string: str, custom_objects: Custom = None) -> Any:
    """Return a model of the architecture that ``model.to_json()`` wrote, with new weights.

    Raises:
        FileFormatError: where the text is no JSON within glassnet's limits.
        ValueError: where it describes no model, or a class that is not glassnet's and is not in
            ``custom_objects``.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, name="first")])
    >>> gn.models.model_from_json(model.to_json()).get_layer("first").units
    3
    """
    with document():
        found = deserialize(parse_json(json_string.encode(), "the architecture"), custom_objects)
    if not isinstance(found, Layer):
        raise ValueError("The text describes no model.")
    return found


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
) -> Any:
    """Return a model of the same layers with weights of its own, newly initialized.

    Args:
        model: the model.
        input_tensors: symbolic tensors to make the new model on, in place of new inputs.
        clone_function: makes the copy of each layer; by default an equal one.

    Raises:
        ValueError: where ``input_tensors`` or ``clone_function`` is given for a model that is
            made by a subclass's ``call``.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3)])
    >>> copy = gn.models.clone_model(model)
    >>> copy.count_params(), copy.layers[0] is model.layers[0]
    (9, False)
    """
    arrays: list[np.ndarray] = []
    with document(arrays) as opened:
        config = serialize(model)["config"]
    with document(arrays):
        if input_tensors is None and clone_function is None:
            return type(model).from_config(config, custom_objects=opened.custom)
        if not model.is_arranged():
            raise ValueError(
                f"{type(model).__name__} makes its layers itself; clone_model copies it without "
                "input_tensors and clone_function."
            )
        copies = None if clone_function is None else [clone_function(x) for x in model.called]
        inputs = None if input_tensors is None else flatten(input_tensors)
        return type(model).rearranged(config, opened.custom, copies, inputs)
