"""A network's weights and shapes in the three notations; the notations themselves are below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glassnet.checks import nearest
from glassnet.explain.document import Table, literally
from glassnet.explain.latex import name_latex
from glassnet.explain.naming import weight_letter
from glassnet.formulas import Name
from glassnet.graph.dimension import display
from glassnet.graph.recording import recording
from glassnet.graph.tensor import Placeholder
from glassnet.graph.variable import Variable
from glassnet.layers.base import Layer
from glassnet.layers.calling import is_shape, unique
from glassnet.models import Model
from glassnet.models.naming import layers_within
from glassnet.nest import map_structure
from glassnet.notation import COURSE, KERAS, TORCH
from glassnet.notation import Arrangement as Arrangement
from glassnet.notation import Notation as Notation
from glassnet.notation import get_notation as get_notation
from glassnet.notation import shape as shape
from glassnet.notation import shape_text as shape_text


@dataclass(frozen=True)
class Placed:
    """A weight of a network with its layer and its name in the derivation, ``"W2"``."""

    weight: Variable
    layer: Layer
    name: Name

    def arrangement(self, notation: Notation) -> Arrangement:
        """Return how it lies in a notation."""
        return self.layer.arrangement_of(self.weight, notation.name)


def placed_weights(model: Layer) -> list[Placed]:
    """Return the weights in the order of ``model.weights``, named as the derivation names them.

    Raises:
        ValueError: where the model has no weights yet.
    """
    if not model.built:
        raise ValueError(
            f"{type(model).__name__} {model.name!r} is not built, so it has no weights yet. Begin "
            "it with Input(shape=…), or call it on data."
        )
    owners: dict[int, Layer] = {}
    for _, inner in layers_within(model):
        for weight in inner._own:
            owners.setdefault(id(weight), inner)
    names: dict[int, Name] = {}
    taken: set[str] = set()

    def give(weight: Variable, number: int | None) -> None:
        name = Name(weight_letter(weight), number)
        while str(name) in taken:  # a layer of one's own may have several of one letter
            name = replace(name, index=max(name.index, 1) + 1)
        taken.add(str(name))
        names[id(weight)] = name

    called = [*_called_layers(model), *(owners[id(w)] for w in model.weights)]
    with_weights = unique([layer for layer in called if layer._weights])
    for number, layer in enumerate(with_weights, 1):
        for weight in layer._weights:
            give(weight, number)
    for weight in model.weights:  # those that add_weight did not make belong to no number
        if id(weight) not in names:
            give(weight, None)
    return [Placed(w, owners[id(w)], names[id(w)]) for w in model.weights]


def _called_layers(model: Layer) -> list[Layer]:
    """The layers in the order in which a pass through the model calls them."""
    stand_ins: Any
    if not isinstance(model, Model):
        return []
    if model._network is not None:
        stand_ins = map_structure(lambda t: Placeholder(t.shape, t.dtype), model._network.inputs)
    elif model.first_inputs is not None:
        stand_ins = map_structure(lambda spec: spec.placeholder(), model.first_inputs)
    else:  # built by hand, never called
        return []
    with recording() as opened:
        model(stand_ins, training=False)
    return [layer for layer, *_ in opened.calls]


def convert_weights(
    weights: Any,
    to: str | Notation,
    source: str | Notation = "keras",
    *,
    model: Layer | None = None,
) -> Any:
    """Return weights as they lie in another notation, bit for bit.

    Axes change their order, and some are joined or added; nothing is computed, so that the way
    there and back gives the same bits. The arrays are copies.

    Args:
        weights: a model or a layer, whose own weights are meant; or arrays of its weights, as a
            list in the order of ``model.weights`` or as a dictionary by name.
        to: the notation wanted: ``"keras"`` (what ``set_weights`` takes), ``"course"``,
            ``"torch"``.
        source: the notation in which the arrays lie.
        model: the model whose weights the arrays are.

    Returns:
        Of a model, a dictionary ``{"W1": …, "b1": …}`` in the order of ``model.weights``. Of
        arrays, a list in that order: with ``to="keras"`` it is ready for ``model.set_weights``.

    Where a kernel of a dense layer is (inputs, outputs) and a bias (outputs,) in ``"keras"``:

    - ``"course"``: (outputs, inputs) and (outputs, 1); a table of an embedding has a column a
      category. The scale, shift and statistics of a normalization are columns where the layer's
      input is a matrix. Whatever stands among images or sequences is as in ``"keras"``: the
      course has their examples in front too.
    - ``"torch"``: (outputs, inputs) and (outputs,); a kernel of a convolution is (out, in / groups,
      cells…), of a transposed one (in, out, cells…), of a depthwise one (channels · filters each,
      1, cells…), as ``torch.nn`` has them.

    A dense layer after `Flatten` keeps the order of its inputs, channels last. In a network of
    torch, turn the images round before they are flattened: ``x.permute(0, 2, 3, 1).flatten(1)``.
    A layer of one's own says how its weights lie in ``weight_layouts``; without, they stay as they
    are.

    Raises:
        ValueError: for an unknown notation, an unbuilt model, arrays that are missing, of no
            weight, or of another shape than the weight has in ``source``.

    >>> import numpy as np, glassnet as gn
    >>> from glassnet.explain import convert_weights
    >>> model = gn.Sequential([gn.Input((4,)), gn.layers.Dense(3, "tanh"), gn.layers.Dense(1)])
    >>> parameters = convert_weights(model, "course")
    >>> {name: array.shape for name, array in parameters.items()}
    {'W1': (3, 4), 'b1': (3, 1), 'W2': (1, 3), 'b2': (1, 1)}
    >>> X = np.ones((4, 7))  # 7 examples, one a column
    >>> A1 = np.tanh(parameters["W1"] @ X + parameters["b1"])
    >>> (parameters["W2"] @ A1 + parameters["b2"]).shape
    (1, 7)
    >>> model.set_weights(convert_weights(parameters, "keras", "course", model=model))
    """
    into, out_of = get_notation(to), get_notation(source)
    if isinstance(weights, Layer):
        if model is not None or out_of is not KERAS:
            raise ValueError(
                "convert_weights: a model's own weights lie in keras notation. For arrays in "
                f"{out_of.name} notation write convert_weights(arrays, {into.name!r}, "
                f"source={out_of.name!r}, model=model)."
            )
        return {
            str(p.name): p.arrangement(into).of(p.weight.value) for p in placed_weights(weights)
        }
    if model is None:
        raise ValueError(
            "convert_weights: arrays alone do not tell which is a kernel and which a bias; pass "
            "model=, whose weights they are."
        )
    placed = placed_weights(model)
    return [
        p.arrangement(into).of(p.arrangement(out_of).back(_fitting(p, array, out_of)))
        for p, array in zip(placed, _in_order(weights, placed), strict=True)
    ]


def _in_order(weights: Any, placed: Sequence[Placed]) -> list[Any]:
    """The arrays in the order of the weights."""
    names = [str(p.name) for p in placed]
    if isinstance(weights, Mapping):
        unknown = [name for name in weights if name not in names]
        missing = [name for name in names if name not in weights]
        if unknown:
            raise ValueError(
                f"convert_weights: the model has no weight {unknown[0]!r}; it has "
                f"{', '.join(names)}.{nearest(unknown[0], missing or names)}"
            )
        if missing:
            raise ValueError(f"convert_weights: {', '.join(missing)} missing from the arrays.")
        return [weights[name] for name in names]
    arrays = list(weights)
    if len(arrays) != len(names):
        raise ValueError(
            f"convert_weights: the model has {len(names)} weights ({', '.join(names)}); got "
            f"{len(arrays)} arrays."
        )
    return arrays


def _fitting(placed: Placed, array: Any, notation: Notation) -> np.ndarray:
    """The array; raise where it has not the shape of the weight in the notation."""
    found = np.asarray(array)
    expected = placed.arrangement(notation).shape
    if found.shape == expected:
        return found
    others = [n for n in (KERAS, COURSE, TORCH) if found.shape == placed.arrangement(n).shape]
    hint = f" That is its shape in {others[0].name} notation." if others else ""
    raise ValueError(
        f"convert_weights: {placed.name} (of layer {placed.layer.name!r}) has shape "
        f"{display(expected)} in {notation.name} notation; got {display(found.shape)}.{hint}"
    )


# --- the table --------------------------------------------------------------------------------
def notation_table(model: Layer) -> Table:
    """Return how the notations map onto each other for a network: its laws and all its shapes.

    Args:
        model: a built model or layer.

    The first rows hold the laws of the dense layer, the others the shapes of the input, of every
    layer's weights and output, and of the cost. A derivative dQ has the shape of Q.

    Raises:
        ValueError: where the model has no weights yet.

    >>> import glassnet as gn
    >>> from glassnet.explain import notation_table
    >>> model = gn.Sequential([gn.Input((4,)), gn.layers.Dense(3, "tanh", name="hidden")])
    >>> for row in notation_table(model).rows[-4:-1]:
    ...     print(*row, sep=" | ")
    $W^{[1]}$, $\\mathrm{d}W^{[1]}$ of hidden | (4, 3) | (3, 4) | (3, 4)
    $b^{[1]}$, $\\mathrm{d}b^{[1]}$ of hidden | (3,) | (3, 1) | (3,)
    $Z^{[1]}$, $A^{[1]}$ of hidden | (m, 3) | (3, m) | (m, 3)
    """
    notations = (KERAS, COURSE, TORCH)
    rows = [*_laws(notations), *_shapes(model, notations), ("$J$", *["a number"] * len(notations))]
    return Table(
        ("", *(n.name for n in notations)),
        tuple(rows),
        f"The notations for {literally(model.name)}; a derivative $\\mathrm{{d}}Q$ has the shape "
        "of $Q$.",
    )


def _laws(notations: Sequence[Notation]) -> Iterator[tuple[str, ...]]:
    yield "examples are", *(n.examples for n in notations)
    yield "a dense layer", *(f"${n.dense}$" for n in notations)
    yield "$\\mathrm{d}Q$ of examples", *(f"${n.derivative[0]}$" for n in notations)
    yield "$\\mathrm{d}Q$ of weights", *(f"${n.derivative[1]}$" for n in notations)
    for i, what in enumerate(("back to its kernel", "back to its bias", "back to its input")):
        yield what, *(f"${n.gradients[i]}$" for n in notations)


def _shapes(model: Layer, notations: Sequence[Notation]) -> Iterator[tuple[str, ...]]:
    """The input, then layer by layer the weights and the output."""
    weights: dict[int, list[Placed]] = {}
    for placed in placed_weights(model):
        weights.setdefault(id(placed.layer), []).append(placed)
    inputs = _inputs(model)
    for i, (name, sizes) in enumerate(inputs, 1):
        label = "$X$" if len(inputs) == 1 else f"$X_{{{i}}}$, {literally(name)}"
        yield label, *(shape_text(sizes, n) for n in notations)
    for _, layer in layers_within(model):
        own = weights.get(id(layer), [])
        for placed in own:
            places = [display(placed.arrangement(n).shape) for n in notations]
            yield f"{_symbols(placed)} of {literally(layer.name)}", *places
        if own or not layer._sublayers():
            for sizes in _each_shape(layer.output_sizes):
                yield _output(layer, own), *(shape_text(sizes, n) for n in notations)


def _inputs(model: Layer) -> list[tuple[str, Any]]:
    """The inputs' names and shapes."""
    network = getattr(model, "_network", None)
    if network is not None:
        return [(str(t.name), t.shape) for t in network.flat_inputs]
    specs = model.first_inputs
    found = list(specs.values()) if isinstance(specs, Mapping) else specs
    found = found if isinstance(found, (list, tuple)) else [found]
    return [(str(i + 1), spec.shape) for i, spec in enumerate(found) if spec is not None]


def _each_shape(sizes: Any) -> Iterator[Any]:
    """Yield the shapes in a structure of shapes."""
    if sizes is None:
        return
    if is_shape(sizes):
        yield sizes
        return
    for part in sizes.values() if isinstance(sizes, Mapping) else sizes:
        yield from _each_shape(part)


def _symbols(placed: Placed) -> str:
    trained = f", ${name_latex(placed.name.d)}$" if placed.weight.trainable else ""
    return f"${name_latex(placed.name)}${trained}"


def _output(layer: Layer, own: Sequence[Placed]) -> str:
    """What the output of a layer is called."""
    if not own or not hasattr(layer, "activation"):
        return f"output of {literally(layer.name)}"
    linear = getattr(layer.activation, "__name__", "") == "linear"
    letters = "Z" if linear else "ZA"
    names = [f"${name_latex(Name(letter, own[0].name.layer))}$" for letter in letters]
    return f"{', '.join(names)} of {literally(layer.name)}"
