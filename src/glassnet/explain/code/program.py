"""A network as a NumPy program: forward, loss, backward, update and training, written out.

Every line is printed from the equation that the derivation shows, which is read from the nodes
that run. The program carries a few examples with what the library computes for them, and compares
itself with that: ``python program.py --check``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import one_of
from glassnet.explain.batches import batch_for
from glassnet.explain.code.layout import function, heading, paired, statement
from glassnet.explain.code.numpy_check import (
    COMPARE,
    STEPS,
    TOLERANCES,
    drawn_examples,
    expectations,
    expected_lines,
    predictions,
)
from glassnet.explain.code.reading import (
    Leaf,
    Reading,
    called,
    mentions_size,
    names_in,
    read_inference,
    read_training,
)
from glassnet.explain.code.starting import (
    CUT,
    ORTHOGONAL,
    assignment,
    dictionary,
    initial,
    initializer_of,
)
from glassnet.explain.code.terms import (
    NumpyPrinter,
    functions_in,
    number_source,
    shape_source,
    source_of,
)
from glassnet.explain.code.updating import Updating
from glassnet.explain.equations import Equation
from glassnet.explain.numbers import targets_sum_to_one
from glassnet.models.naming import layers_within
from glassnet.nest import flatten
from glassnet.notation import Notation, get_notation

if TYPE_CHECKING:
    from glassnet.models.model import Model

WEIGHTS = ("trained", "fresh")
SEED = 0
MOST = 8
"""How many of the given examples a program carries."""


def numpy_source(
    model: Model,
    x: Any = None,
    y: Any = None,
    *,
    notation: str | Notation | None = None,
    weights: str = "trained",
) -> str:
    """Return a NumPy program that computes and trains this network, as source.

    Args:
        model: a built and compiled model.
        x: a few examples to carry along as test vectors; drawn ones if None.
        y: their targets.
        notation: ``"keras"``, ``"course"`` or ``"torch"``; the one that is set for None.
        weights: ``"trained"`` keeps the weights as they are, exact to the last bit; ``"fresh"``
            draws them as the layers' initializers do.

    The program imports NumPy alone. It has the model's dtype, and the optimizer begins anew: its
    averages are 0 and its count of steps begins.

    Raises:
        ValueError: where the model is not built or not compiled, or a notation is unknown.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> print("\\n".join(l for l in numpy_source(model).split("\\n") if "Z1 = " in l))
        Z1 = X @ W1 + b1  # (m, 1)
    """
    one_of(weights, WEIGHTS, "weights")
    return Writer(model, x, y, get_notation(notation), weights).source()


class Writer:
    """Writes the program of one model."""

    def __init__(self, model: Model, x: Any, y: Any, notation: Notation, weights: str) -> None:
        self.model, self.notation, self.fresh = model, notation, weights == "fresh"
        self.batch = batch_for(model, x, y, "code()")
        self.given = x is not None
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

    # --- the program --------------------------------------------------------------------------
    def source(self) -> str:
        """Return the program."""
        network = [
            *self._opening(),
            *self._functions(),
            *self._start(),
            *self._forward(),
            *self._loss(),
            *self._backward(),
            *self._update(),
            *self._train(),
            *self._predict(),
            *self._constants(),
        ]
        return "\n".join([*network, *self._check("\n".join(network)), *self._main()]) + "\n"

    def _opening(self) -> list[str]:
        title = self.notation.title
        lines = [
            f'"""{self.model.name}: a neural network in NumPy alone, written by glassnet.',
            "",
            f"{title[0].upper()}{title[1:]}; m is the number of examples.",
            "",
        ]
        for leaf in (*self.reading.inputs, *self.reading.targets):
            said = f"{called(leaf.name)} {shape_source(leaf.shape)}"
            lines.append(f"    data      {said:20} {self._kind_of_data(leaf)}".rstrip())
        for number, layer in self.reading.names.layers.items():
            own = [w for w in self.weights if any(w.tensor is v for v in layer._weights)]
            held = ", ".join(f"{w.name} {shape_source(w.shape)}" for w in own)
            lines.append(f"    layer {number:<3} {type(layer).__name__:20} {held}".rstrip())
        lines += [
            "",
            "Run it to train on the examples at its end; put your own in their place.",
            "With --check it compares itself with the numbers that glassnet computed for them.",
            '"""',
            "",
            "import sys",
            "",
            "import numpy as np",
            "",
        ]
        for name in sorted(self.fixed & self.reading.used):
            value = number_source(float(str(self.scalars[name][0].value)))
            value = value if self.dtype == "float" else f"{self.dtype}({value})"
            lines += statement(called(name), value, self._word(name), 0)
        return [*lines, "epochs, batch_size = 100, 32", ""]

    def _kind_of_data(self, leaf: Leaf) -> str:
        if leaf.tensor.dtype.kind != "f":
            return "integers"
        sums = any(str(name) == leaf.name for name in self.reading.writer.distributions)
        return "for each example the entries sum to 1" if sums else ""

    def _word(self, name: str) -> str:
        return str(self.scalars[name][0].name).replace("_", " ")

    def _functions(self) -> list[str]:
        terms = [e.term for e in (*self.reading.sections, *self.inference.sections)]
        terms += [*self.reading.outputs, *self.inference.outputs]
        lines = []
        for source in source_of(functions_in(terms)):
            lines += ["", source, ""]
        return ["", heading("functions"), *lines[1:]] if lines else []

    # --- parameters ---------------------------------------------------------------------------
    def _start(self) -> list[str]:
        lines = ["", heading("parameters")]
        return [*lines, *(self._init() if self.fresh else self._load()), "", *self._state()]

    def _load(self) -> list[str]:
        body = ["    return {name: w.copy() for name, w in WEIGHTS.items()}"]
        return function("load", [], ["Return the trained weights, which stand at the end."], body)

    def _init(self) -> list[str]:
        layers = {id(w): layer for _, layer in layers_within(self.model) for w in layer._weights}
        body, helpers = ["    parameters = {"], []
        for leaf in self.weights:
            found = initial(leaf, initializer_of(layers.get(id(leaf.tensor)), leaf.tensor))
            text, word = found or (f'WEIGHTS["{leaf.name}"].copy()', "")
            helpers += [h for h in (CUT, ORTHOGONAL) if h.split("(")[0].split()[1] + "(" in text]
            body.append(f'        "{leaf.name}": {text},' + (f"  # {word}" if word else ""))
        body.append("    }")
        if self.dtype == "float":
            body.append("    return parameters")
        else:
            body.append(f"    return {{k: w.astype({self.dtype}) for k, w in parameters.items()}}")
        lines = []
        for helper in dict.fromkeys(helpers):
            lines += [*helper.strip("\n").split("\n"), "", ""]
        about = ["Return weights to begin with, drawn from the generator rng."]
        return [*lines, *function("init", ["rng"], about, body)]

    def _state(self) -> list[str]:
        if not self.state:
            return []
        body = ["    return {"]
        for name, text in self.state.items():
            body += statement(f'        "{name}":', f"{text},", "", 0)
        about = ["Return what the optimizer keeps, before its first step."]
        return ["", *function("start", ["parameters"], about, [*body, "    }"]), ""]

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

    # --- forward, loss, backward --------------------------------------------------------------
    def _forward(self) -> list[str]:
        kept = self._kept()
        body = self._body(self.reading, self.reading.forward, self.inputs[0])
        names = ", ".join(f'"{name}": {called(name)}' for name in kept)
        body += statement("return", f"{{{names}}}")
        arguments = [*self.inputs, "parameters", *(["s"] if self.reading.takes_step else [])]
        about = ["Return the prediction and what the way back needs of the way there."]
        if self.reading.takes_step:
            about += ["", "The number s of the step decides what is dropped."]
        return ["", heading("forward"), *function("forward", arguments, about, body), ""]

    def _kept(self) -> list[str]:
        """What the forward pass keeps: what the other sections mention, and the outputs."""
        others = [*self.reading.cost, *self.reading.backward, *self.reading.updates]
        used = names_in([*(e.term for e in others), *self.reading.outputs])
        used |= set(self.reading.trained.values())
        return [str(e.name) for e in self.reading.forward if str(e.name) in used]

    def _loss(self) -> list[str]:
        cost = self.reading.cost
        used = names_in(e.term for e in cost)
        given = [leaf.name for leaf in (*self.reading.inputs, *self.reading.targets)]
        arguments = [called(n) for n in given if n in used] or self.targets or self.inputs
        body = self._body(self.reading, cost, arguments[0])
        later = names_in(e.term for e in (*self.reading.backward, *self.reading.updates))
        body += _remembered([str(e.name) for e in cost if str(e.name) in later])
        if used & {w.name for w in self.weights}:
            arguments.append("parameters")
        arguments.append("cache")
        self.loss_call = f"loss({', '.join(arguments)})"
        about = ["Return the cost J."]
        return ["", *function("loss", arguments, about, [*body, f"    return {called('J')}"]), ""]

    def _backward(self) -> list[str]:
        trained = self.reading.trained
        body = self._body(self.reading, self.reading.backward, self.inputs[0])
        own = {str(e.name) for e in self.reading.backward}
        body += _remembered([name for name in self.updating.seen if name in own])
        places = {d: name for name, d in trained.items()}
        pairs = ", ".join(f'"{name}": {called(d)}' for d, name in places.items())
        body += statement("return", f"{{{pairs}}}")
        arguments = [*self.inputs, *self.targets, "parameters", "cache"]
        per = self.notation.examples == "columns"
        about = ["Return the derivative of J by every weight, from the last layer to the first."]
        if per:
            about += ["", "dZ and dA are m times the derivative of J, as the course has them."]
        return ["", heading("backward"), *function("backward", arguments, about, body), ""]

    def _body(self, reading: Reading, equations: Sequence[Equation], data: str) -> list[str]:
        """The lines of some equations, with what they take out of dictionaries before them."""
        own = {str(e.name) for e in equations}
        used = names_in(e.term for e in equations)
        weights = [called(w.name) for w in self.weights if w.name in used]
        before = [e for e in (*reading.forward, *reading.cost) if str(e.name) in used - own]
        forward = bool(equations) and equations[0].phase == "forward"
        lines = paired(weights, "parameters", layers=forward)
        lines += paired([called(str(e.name)) for e in before], "cache", layers=False)
        if any(mentions_size(e) for e in equations):
            leaf = next(
                leaf
                for leaf in (*self.reading.inputs, *self.reading.targets)
                if called(leaf.name) == data
            )
            lines.insert(0, f"    m = {data}.shape[{leaf.examples}]")
        layer: int | None = None
        for e in equations:
            if e.layer and e.layer != layer:
                layer = e.layer
                lines.append(f"    # layer {layer}{self._kind(layer)}")
            printer = self.predicting if reading is self.inference else self.printer
            source = printer.value(e.term, e.quantity.shape)
            shape = shape_source(e.quantity.shape) if e.quantity.shape else ""
            lines += statement(called(str(e.name)), source, shape)
        return lines

    def _kind(self, number: int) -> str:
        layer = self.reading.names.layers.get(number)
        return f": {type(layer).__name__}" if layer is not None else ""

    # --- update and training ------------------------------------------------------------------
    def _update(self) -> list[str]:
        arguments = ["parameters", "grads"]
        arguments += ["state"] if self.state else []
        if self.updating.seen:
            arguments.append("cache")
        self.update_call = f"update({', '.join(arguments)})"
        about = [f"Change the weights in place: one step of {type(self.optimizer).__name__}."]
        body = self.updating.lines(set(self.kept_scalars))
        return ["", heading("update"), *function("update", arguments, about, body), ""]

    @property
    def optimizer(self) -> Any:
        """The optimizer."""
        return self.reading.step.optimizer

    def _train(self) -> list[str]:
        data = [*self.inputs, *self.targets]
        drawn = ', state["t"]' if self.reading.takes_step else ""
        arguments = [*data, "parameters", *(["state"] if self.state else [])]
        step = [
            f"    cache = forward({', '.join(self.inputs)}, parameters{drawn})",
            f"    J = {self.loss_call}",
            f"    grads = backward({', '.join(data)}, parameters, cache)",
            f"    {self.update_call}",
            "    return J",
        ]
        lines = function("train_step", arguments, ["Train on one batch; return its cost."], step)
        leaves = [*self.reading.inputs, *self.reading.targets]
        batch = ", ".join(_chosen(called(leaf.name), leaf) for leaf in leaves)
        rest = ["parameters", *(["state"] if self.state else [])]
        first = self.reading.inputs[0]
        body = [
            *(["    state = start(parameters)"] if self.state else []),
            "    rng = np.random.default_rng(0)",
            f"    count = {called(first.name)}.shape[{first.examples}]",
            "    for epoch in range(1, epochs + 1):",
            "        total, order = 0.0, rng.permutation(count)",
            "        for begin in range(0, count, batch_size):",
            "            chosen = order[begin : begin + batch_size]",
            f"            J = train_step({batch}, {', '.join(rest)})",
            "            total += J * len(chosen)",
            "        if epoch % 10 == 0:",
            '            print(f"epoch {epoch}: J = {total / count:.6f}")',
            "    return parameters",
        ]
        about = ["Train on shuffled mini-batches; return the weights."]
        return [
            "", heading("training"), *lines, "", "",
            *function("train", [*data, "parameters"], about, body), "",
        ]  # fmt: skip

    def _predict(self) -> list[str]:
        arguments = [*self.inputs, "parameters"]
        about = ["Return the network's output for new examples."]
        if self._predicts_alike():
            body = [f"    cache = forward({', '.join(arguments)})"]
            outputs = []
            for term in self.reading.outputs:
                name = getattr(term, "name", None)
                known = name is not None and str(name) in self._kept()
                outputs.append(f'cache["{name}"]' if known else self.printer.print(term))
            if len(outputs) == 1 and outputs[0].startswith("cache["):
                body = []
                outputs = [f"forward({', '.join(arguments)}){outputs[0][5:]}"]
        else:
            body = self._body(self.inference, self.inference.forward, self.inputs[0])
            outputs = [self.predicting.print(t) for t in self.inference.outputs]
            about += ["", "Outside training nothing is dropped, and moving statistics serve."]
        body.append(f"    return {', '.join(outputs)}")
        return ["", heading("prediction"), *function("predict", arguments, about, body), ""]

    def _predicts_alike(self) -> bool:
        """Whether the forward pass of training is that of prediction."""
        if self.reading.takes_step:
            return False
        both = [
            [(str(e.name), self.printer.print(e.term)) for e in r.forward]
            for r in (self.reading, self.inference)
        ]
        outputs = [[self.printer.print(t) for t in r.outputs]
                   for r in (self.reading, self.inference)]  # fmt: skip
        return both[0] == both[1] and outputs[0] == outputs[1]

    # --- arrays, examples, check --------------------------------------------------------------
    def _constants(self) -> list[str]:
        lines: list[str] = []
        for name, value in self.reading.constants.items():
            lines += assignment(called(name), value)
        for name, value in self.inference.constants.items():
            if self.inference_name(name) not in self.reading.constants:
                lines += assignment(self.inference_name(name), value)
        held = {w.name: w.array(w.value) for w in self.weights if self._is_held(w)}
        if held:
            lines += dictionary("WEIGHTS", held)
        return ["", heading("numbers"), *lines, ""] if lines else []

    def _is_held(self, leaf: Leaf) -> bool:
        """Whether the program carries the weight's numbers."""
        return not self.fresh or f'WEIGHTS["{leaf.name}"]' in "\n".join(self._init())

    def _check(self, network: str) -> list[str]:
        lines, space = self._examples()
        names = [*self.inputs, *self.targets]
        leaves = [*self.reading.inputs, *self.reading.targets]
        batch = [leaf.inside(space[name]) for leaf, name in zip(leaves, names, strict=True)]
        values = self._first_values(network)
        expected = predictions(self.inference, batch[: len(self.inputs)], values)
        expected |= expectations(self.reading, batch, values)
        body = [*lines, f"    return {', '.join(names)}"]
        about = ["Return a few examples: those that the numbers below belong to."]
        digits = 17 if self.dtype == "float" else 9
        tolerance = TOLERANCES[str(np.dtype(self.model.dtype))]
        comparing = COMPARE.format(tolerance=number_source(tolerance)).strip("\n")
        return [
            "", heading("check"), *function("examples", [], about, body), "", "",
            *expected_lines(expected, digits), "", "", comparing, "", "", *self._checking(), "",
        ]  # fmt: skip

    def _examples(self) -> tuple[list[str], dict[str, Any]]:
        """The source of the examples, and their arrays by name."""
        if not self.given:
            drawn, space = drawn_examples(self.model, self.reading, self.dtype)
            return [f"    {line}" for line in drawn], space
        lines, space = [], {}
        arrays = [np.asarray(a)[:MOST] for a in flatten(self.batch) if a is not None]
        leaves = [*self.reading.inputs, *self.reading.targets]
        for leaf, array in zip(leaves, arrays, strict=True):
            space[called(leaf.name)] = leaf.array(array)
            lines += assignment(called(leaf.name), leaf.array(array), 4)
        return lines, space

    def _first_values(self, network: str) -> dict[int, np.ndarray]:
        """The value of each variable with which the program begins, by its id."""
        values = {id(v): first for v, first in self.beginnings}
        for name in self.fixed:
            variable = self.scalars[name][0]
            values[id(variable)] = np.asarray(variable.value)
        drawn = {}
        if self.fresh:
            space: dict[str, Any] = {"__name__": "program"}
            exec(network, space)
            drawn = space["init"](np.random.default_rng(SEED))
        for leaf in self.weights:
            found = leaf.inside(drawn[leaf.name]) if drawn else leaf.value
            values[id(leaf.tensor)] = found
        return values

    def _checking(self) -> list[str]:
        data = ", ".join([*self.inputs, *self.targets])
        kept = ["parameters", *(["state"] if self.state else [])]
        drawn = ", 0" if self.reading.takes_step else ""
        several = len(self.inference.outputs) > 1
        predicted = f"predict({', '.join(self.inputs)}, parameters)"
        if several:
            found = [
                "    found = {}",
                f"    for i, output in enumerate({predicted}, 1):",
                '        found[f"prediction {i}"] = output',
            ]
        else:
            found = [f'    found = {{"prediction": {predicted}}}']
        body = [
            f"    {data} = examples()",
            f"    parameters = {self._beginning}",
            *found,
            f"    cache = forward({', '.join(self.inputs)}, parameters{drawn})",
            f'    found["J"] = {self.loss_call}',
            f"    for k, slope in backward({data}, parameters, cache).items():",
            '        found[f"d{k}"] = slope',
            *(["    state = start(parameters)"] if self.state else []),
            f"    for number in range(1, {STEPS + 1}):",
            f'        found[f"J in step {{number}}"] = train_step({data}, {", ".join(kept)})',
            "    for k, w in parameters.items():",
            f'        found[f"{{k}} after {STEPS} steps"] = w',
            "    return 1 if compare(found) else 0",
        ]
        about = ["Compare this program with glassnet; return the exit status, 0 for equal."]
        return function("check", [], about, body)

    @property
    def _beginning(self) -> str:
        return f"init(np.random.default_rng({SEED}))" if self.fresh else "load()"

    def _main(self) -> list[str]:
        data = ", ".join([*self.inputs, *self.targets])
        return [
            "",
            'if __name__ == "__main__":',
            '    if "--check" in sys.argv:',
            "        sys.exit(check())",
            f"    {data} = examples()",
            f"    train({data}, {self._beginning})",
        ]


def _remembered(names: Sequence[str]) -> list[str]:
    """The line that keeps values for what comes later."""
    pairs = ", ".join(f'"{name}": {called(name)}' for name in names)
    return statement("cache |=", f"{{{pairs}}}") if names else []


def _chosen(name: str, leaf: Leaf) -> str:
    return f"{name}[:, chosen]" if leaf.examples else f"{name}[chosen]"
