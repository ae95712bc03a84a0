"""A network as a NumPy program: forward, loss, backward, update and training, written out.

Every line is printed from the equation that the derivation shows, which is read from the nodes
that run. The program carries a few examples with what the library computes for them, and compares
itself with that: ``python program.py --check``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.checks import one_of
from glassnet.explain.code.checking import check_lines
from glassnet.explain.code.emission import Emission
from glassnet.explain.code.layout import function, heading, statement
from glassnet.explain.code.passes import backward_lines, forward_lines, loss_lines, predict_lines
from glassnet.explain.code.reading import Leaf, called
from glassnet.explain.code.starting import (
    CUT,
    ORTHOGONAL,
    assignment,
    dictionary,
    initial,
    initializer_of,
)
from glassnet.explain.code.terms import functions_in, number_source, shape_source, source_of
from glassnet.formulas import Applied, Term
from glassnet.models.naming import layers_within
from glassnet.notation import Notation, get_notation

if TYPE_CHECKING:
    from glassnet.models.model import Model

WEIGHTS = ("trained", "fresh")


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
        ValueError: where the model is not built or not compiled, a notation is unknown, or a brick
            computes in Python of its own.

    >>> import glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> source = numpy_source(model)
    >>> print(*[line.strip() for line in source.split("\\n") if "dZ1" in line], sep="\\n")
    dZ1 = 2 * (Z1 - Y) / m  # (m, 1)
    db1 = dZ1.sum(axis=0, keepdims=True)  # (1, 1)
    dW1 = X.T @ dZ1  # (2, 1)
    """
    one_of(weights, WEIGHTS, "weights")
    return Writer(model, x, y, get_notation(notation), weights).source()


class Writer(Emission):
    """Writes the program of one model."""

    def source(self) -> str:
        """Return the program."""
        network = [
            *self._opening(),
            *self._functions(),
            *self._start(),
            *forward_lines(self),
            *loss_lines(self),
            *backward_lines(self),
            *self._update(),
            *self._train(),
            *predict_lines(self),
            *self._constants(),
        ]
        return "\n".join([*network, *check_lines(self, "\n".join(network)), *self._main()]) + "\n"

    def _opening(self) -> list[str]:
        title, name = self.notation.title, _harmless(self.model.name)
        lines = [
            f'"""{name}: a neural network in NumPy alone, written by glassnet.',
            "",
            f"{title[0].upper()}{title[1:]}; m is the number of examples.",
            "",
        ]
        for leaf in self.data:
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
        self._check_sayable(terms)
        lines = []
        for source in source_of(functions_in(terms)):
            lines += ["", source, ""]
        return ["", heading("functions"), *lines[1:]] if lines else []

    def _check_sayable(self, terms: Iterable[Term]) -> None:
        for part in (p for term in terms for p in term.walk() if isinstance(p, Applied)):
            known = part.function
            if not (known.source or hasattr(np, known.numpy.removeprefix("np."))):
                raise ValueError(
                    f"code(): {self.model.name!r} contains {known.name!r}, which computes in "
                    "Python of its own; a program in NumPy alone can't say it. Compose it of "
                    "glassnet.ops or NumPy functions on tensors, and it can."
                )

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

    # --- update and training ------------------------------------------------------------------
    def _update(self) -> list[str]:
        about = [f"Change the weights in place: one step of {type(self.optimizer).__name__}."]
        body = self.updating.lines(set(self.kept_scalars))
        return ["", heading("update"), *function("update", self.update_arguments, about, body), ""]

    def _train(self) -> list[str]:
        data = [*self.inputs, *self.targets]
        drawn = ', state["t"]' if self.reading.takes_step else ""
        arguments = [*data, "parameters", *(["state"] if self.state else [])]
        step = [
            f"    cache = forward({', '.join(self.inputs)}, parameters{drawn})",
            f"    J = loss({', '.join(self.loss_arguments)})",
            f"    grads = backward({', '.join(data)}, parameters, cache)",
            f"    update({', '.join(self.update_arguments)})",
            "    return J",
        ]
        lines = function("train_step", arguments, ["Train on one batch; return its cost."], step)
        batch = ", ".join(_chosen(called(leaf.name), leaf) for leaf in self.data)
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

    def _main(self) -> list[str]:
        data = ", ".join([*self.inputs, *self.targets])
        return [
            "",
            'if __name__ == "__main__":',
            '    if "--check" in sys.argv:',
            "        sys.exit(check())",
            f"    {data} = examples()",
            f"    train({data}, {self.beginning})",
        ]


def _harmless(name: str) -> str:
    """A name that a docstring can hold, whoever chose it."""
    return "".join(c if c.isprintable() and c not in '"\\' else "_" for c in name)


def _chosen(name: str, leaf: Leaf) -> str:
    return f"{name}[:, chosen]" if leaf.examples else f"{name}[chosen]"
