"""The forward pass, the cost, the backward pass and the prediction of an emitted program."""

from __future__ import annotations

from collections.abc import Sequence

from glassnet.explain.code.emission import Emission
from glassnet.explain.code.layout import function, heading, paired, statement
from glassnet.explain.code.reading import Reading, called, mentions_size, names_in
from glassnet.explain.code.terms import shape_source
from glassnet.explain.equations import Equation
from glassnet.formulas import Quantity


def forward_lines(e: Emission) -> list[str]:
    """Return the forward pass, which gives back what the others need of it."""
    body = _body(e, e.reading, e.reading.forward, e.inputs[0])
    body += statement("return", _dictionary(_kept(e)))
    arguments = [*e.inputs, "parameters", *(["s"] if e.reading.takes_step else [])]
    about = ["Return the prediction and what the way back needs of the way there."]
    if e.reading.takes_step:
        about += ["", "The number s of the step decides what is drawn at random."]
    return ["", heading("forward"), *function("forward", arguments, about, body), ""]


def loss_lines(e: Emission) -> list[str]:
    """Return the function of the cost."""
    cost = e.reading.cost
    body = _body(e, e.reading, cost, e.loss_arguments[0])
    later = names_in(x.term for x in (*e.reading.backward, *e.reading.updates))
    body += _remembered([str(x.name) for x in cost if str(x.name) in later])
    about = ["Return the cost J."]
    return [
        "",
        *function("loss", e.loss_arguments, about, [*body, f"    return {called('J')}"]),
        "",
    ]


def backward_lines(e: Emission) -> list[str]:
    """Return the backward pass."""
    body = _body(e, e.reading, e.reading.backward, e.inputs[0])
    own = {str(x.name) for x in e.reading.backward}
    body += _remembered([name for name in e.updating.seen if name in own])
    pairs = (f'"{name}": {called(slope)}' for name, slope in e.reading.trained.items())
    body += statement("return", f"{{{', '.join(pairs)}}}")
    arguments = [*e.inputs, *e.targets, "parameters", "cache"]
    about = ["Return the derivative of J by every weight, from the last layer to the first."]
    if e.notation.examples == "columns":
        about += ["", "dZ and dA are m times the derivative of J, as the course has them."]
    return ["", heading("backward"), *function("backward", arguments, about, body), ""]


def predict_lines(e: Emission) -> list[str]:
    """Return the prediction: the forward pass itself where training changes nothing in it."""
    arguments = [*e.inputs, "parameters"]
    about = ["Return the network's output for new examples."]
    if _predicts_alike(e):
        outputs = [f'cache["{t.name}"]' for t in e.reading.outputs if isinstance(t, Quantity)]
        call = f"forward({', '.join(arguments)})"
        body = [f"    cache = {call}"] if len(outputs) > 1 else []
        outputs = outputs if body else [f"{call}{outputs[0].removeprefix('cache')}"]
    else:
        body = _body(e, e.inference, e.inference.forward, e.inputs[0])
        outputs = [e.predicting.print(t) for t in e.inference.outputs]
        about += ["", "Outside training nothing is drawn at random, and moving statistics serve."]
    body.append(f"    return {', '.join(outputs)}")
    return ["", heading("prediction"), *function("predict", arguments, about, body), ""]


def _predicts_alike(e: Emission) -> bool:
    """Whether the forward pass of training is that of prediction, and keeps what comes out."""
    kept = _kept(e)
    if not all(isinstance(t, Quantity) and str(t.name) in kept for t in e.reading.outputs):
        return False
    both = [
        [(str(x.name), e.printer.print(x.term)) for x in r.forward]
        + [("", e.printer.print(t)) for t in r.outputs]
        for r in (e.reading, e.inference)
    ]
    return both[0] == both[1] and not e.reading.takes_step


def _kept(e: Emission) -> list[str]:
    """What the forward pass keeps: what the other sections mention, and the outputs."""
    others = [*e.reading.cost, *e.reading.backward, *e.reading.updates]
    used = names_in([*(x.term for x in others), *e.reading.outputs])
    used |= set(e.reading.trained.values())
    return [str(x.name) for x in e.reading.forward if str(x.name) in used]


def _body(e: Emission, reading: Reading, equations: Sequence[Equation], data: str) -> list[str]:
    """The lines of some equations, with what they take out of dictionaries before them."""
    own = {str(x.name) for x in equations}
    used = names_in(x.term for x in equations)
    if reading is e.inference:
        used |= names_in(reading.outputs)
    weights = [called(w.name) for w in e.weights if w.name in used]
    before = [x for x in (*reading.forward, *reading.cost) if str(x.name) in used - own]
    there = reading is e.inference or equations == reading.forward
    lines = paired(weights, "parameters", layers=there)
    lines += paired([called(str(x.name)) for x in before], "cache", layers=False)
    if any(map(mentions_size, equations)):
        leaf = next(leaf for leaf in e.data if called(leaf.name) == data)
        lines.insert(0, f"    m = {data}.shape[{leaf.examples}]")
    printer = e.predicting if reading is e.inference else e.printer
    layer: int | None = None
    for x in equations:
        if x.layer and x.layer != layer:
            layer = x.layer
            lines.append(f"    # layer {layer}{_kind(reading, layer)}")
        source = printer.value(x.term, x.quantity.shape)
        shape = shape_source(x.quantity.shape) if x.quantity.shape else ""
        lines += statement(called(str(x.name)), source, shape)
    return lines


def _kind(reading: Reading, number: int) -> str:
    layer = reading.names.layers.get(number)
    return f": {type(layer).__name__}" if layer is not None else ""


def _dictionary(names: Sequence[str]) -> str:
    pairs = (f'"{name}": {called(name)}' for name in names)
    return f"{{{', '.join(pairs)}}}"


def _remembered(names: Sequence[str]) -> list[str]:
    """The line that keeps values for what comes later."""
    return statement("cache |=", _dictionary(names)) if names else []
