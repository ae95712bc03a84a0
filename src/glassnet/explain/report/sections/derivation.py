"""The mathematics of a training step: the equations, and the whole derivation folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from glassnet.explain.derivation import Step, derive
from glassnet.explain.render.html import fragment
from glassnet.explain.render.mathml import math_html
from glassnet.explain.report.markup import clean, fold, heading, note, sentence
from glassnet.explain.report.subject import Subject

_EACH = 16
"""So many equations of a pass are shown; of more the first and the last."""
_BYTES = 1_000_000
"""A derivation that is longer is left to ``model.derive()``."""
_PASSES = (
    ("forward", "Forward pass"),
    ("cost", "Loss and cost"),
    ("backward", "Backward pass"),
)


def derivation(subject: Subject) -> Iterator[str]:
    """Yield the equations of the forward pass, the cost and the backward pass."""
    found = derive(subject.model)
    yield sentence(
        "What one training step computes, read from the computation that runs. The names: X the "
        "inputs, Y the targets, W and b the weights, Z before an activation and A after it, J the "
        "cost, d a derivative of the cost."
    )
    for phase, title in _PASSES:
        steps = [step for step in found.steps if step.phase == phase]
        if steps:
            yield heading(title)
            yield _equations(steps)
    whole = fragment(found.document, 3)
    if len(whole) > _BYTES:
        yield note(
            f"The whole derivation has {len(found.steps):,} equations, too long for this page: "
            'model.derive().save("derivation.html") writes it.'
        )
        return
    yield fold("The whole derivation, with its rules and the update of the weights", whole)


def _equations(steps: Sequence[Step]) -> str:
    shown: list[Step | None] = list(steps)
    if len(steps) > _EACH:
        half = _EACH // 2
        shown = [*steps[:half], None, *steps[-half:]]
    items = []
    for step in shown:
        if step is None:
            items.append(
                f'<li class="soft">… {len(steps) - _EACH} more, in the whole derivation</li>'
            )
        else:
            items.append(f"<li>{math_html(step.latex, display=True)}</li>")
    label = clean(f"{len(steps)} equations")
    return f'<ul class="equations" tabindex="0" aria-label="{label}">{"".join(items)}</ul>'
