"""The examples that the network judges worst."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from glassnet.explain.report.images import as_seen, tag
from glassnet.explain.report.markup import (
    CannotTell,
    clean,
    percent,
    sentence,
    table,
    told,
    value,
)
from glassnet.explain.report.subject import Subject
from glassnet.inspection.examples import WorstExamples, worst_examples

COUNT = 12
_FEATURES = 8


def examples(subject: Subject) -> Iterator[str]:
    """Yield the examples with the largest loss: as images, or feature by feature."""
    x = subject.only_input
    if x is None:
        raise CannotTell("The model has several inputs, so an example is no single picture.")
    if x.ndim > 2 and not subject.is_image():
        raise CannotTell(f"Examples of shape {x.shape[1:]} are neither images nor rows of numbers.")
    said = subject.verdicts[0].scores if subject.verdicts else None
    names = subject.names if said is not None and said.kind != "labels" else None
    output = subject.verdicts[0].output or None if subject.verdicts else None
    held = subject.held
    found = worst_examples(subject.model, held.x, held.y, count=COUNT, names=names, output=output)
    yield sentence(
        f"The {len(found.indices)} of {subject.size:,} examples with the largest loss, the largest "
        "first; # is the place in the data, counted from 0."
    )
    yield _gallery(subject, found) if subject.is_image() else _rows(subject, found)


def _gallery(subject: Subject, found: WorstExamples) -> str:
    pictures = as_seen(subject.images(found.inputs))
    tiles = []
    for i, pixels in enumerate(pictures):
        words, loss = _words(found, i), told(float(found.losses[i]), 3)
        alt = f"Example {found.indices[i]}: {words}, loss {loss}"
        tiles.append(
            f"<li>{tag(pixels, alt, 6)}<p><strong>{clean(f'true {found.true[i]}')}</strong><br>"
            f"{clean(_said(found, i))}<br>"
            f'<span class="soft">#{found.indices[i]} · loss '
            f"{value(float(found.losses[i]), loss)}</span></p></li>"
        )
    return f'<ul class="tiles">\n{"".join(tiles)}\n</ul>'


def _words(found: WorstExamples, i: int) -> str:
    return f"true {found.true[i]}, {_said(found, i)}"


def _said(found: WorstExamples, i: int) -> str:
    chance = "" if found.chances is None else f" ({percent(float(found.chances[i, 0]))})"
    return f"predicted {found.predicted[i]}{chance}"


def _rows(subject: Subject, found: WorstExamples) -> str:
    inputs = np.asarray(found.inputs)
    flat = inputs.reshape(len(inputs), -1)
    shown = _unusual(flat, found)
    names = list(subject.features or [f"x{j + 1}" for j in range(flat.shape[1])])
    if len(names) != flat.shape[1]:
        raise CannotTell(f"There are {flat.shape[1]} features and {len(names)} names of them.")
    with_chances = found.chances is not None
    header = ["example", "loss", "true", "predicted", *(["probability"] * with_chances)]
    header += [names[j] for j in shown]
    rows = []
    for i in range(len(flat)):
        row = [f"#{found.indices[i]}", value(float(found.losses[i])), clean(found.true[i])]
        row.append(clean(found.predicted[i]))
        if found.chances is not None:
            row.append(value(float(found.chances[i, 0]), percent(float(found.chances[i, 0]))))
        rows.append([*row, *(value(flat[i, j]) for j in shown)])
    caption = "The examples with the largest loss"
    if len(shown) < flat.shape[1]:
        caption += f"; of {flat.shape[1]} features the {len(shown)} that are the most unusual here"
    return table(caption, header, rows)


def _unusual(flat: np.ndarray, found: WorstExamples) -> list[int]:
    """The features in which these examples are farthest from the mean, in standard deviations."""
    centre, scale = np.ravel(found.centre), np.ravel(found.scale)
    apart = np.abs(flat - centre) / np.where(scale > 0, scale, np.inf)
    order = np.argsort(-apart.mean(axis=0), kind="stable")[:_FEATURES]
    return sorted(order.tolist())
