"""The network: its block diagram, its layers."""

from __future__ import annotations

from collections.abc import Iterator

from glassnet.explain.diagram.diagrams import drawn
from glassnet.explain.diagram.plan import Shown
from glassnet.explain.report.markup import (
    clean,
    counted,
    figure,
    fold,
    note,
    scrolled,
    table,
    value,
)
from glassnet.explain.report.subject import Subject
from glassnet.layers import Layer
from glassnet.models.model import Model
from glassnet.notation import get_notation

_OPEN = 14
"""Up to so many layers the table of them is open."""


def network(subject: Subject) -> Iterator[str]:
    """Yield the diagram and the table of layers."""
    model = subject.model
    picture = drawn(model, Shown(get_notation()), theme="page", heading=False)
    total = counted(model.count_params(), "parameter")
    said = f"{clean(model.name)}: {total} in {counted(len(model.layers), 'layer')}."
    yield figure(scrolled(picture.svg, f"Diagram of the model {model.name}"), said)
    if not model.layers:
        yield note("The model has no layers but itself.")
        return
    rows = [
        (
            f"<code>{clean(layer.name)}</code>",
            clean(type(layer).__name__),
            clean(_shape(model, layer)),
            value(sum(w.value.size for w in layer.weights)),
            _trained(layer),
        )
        for layer in model.layers
    ]
    header = ("layer", "kind", "output", "parameters", "trained")
    made = table("The layers", header, rows, kind="facts")
    yield made if len(rows) <= _OPEN else fold(f"The {len(rows)} layers", made, "data")


def _trained(layer: Layer) -> str:
    if not layer.weights:
        return "–"
    count = len(layer.trainable_weights)
    return "no" if not count else "yes" if count == len(layer.weights) else "in part"


def _shape(model: Model, layer: object) -> str:
    """The shape of what a layer gives, without the axis of examples' length."""
    calls = getattr(layer, "_calls", ())
    shapes = [t.shape for call in calls[:1] for t in call.outputs]
    if not shapes:
        return "–"
    return ", ".join("(" + ", ".join(map(str, shape)) + ")" for shape in shapes)
