"""What it looks like inside: boundary, weights, filters, feature maps, distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from glassnet import inspection, plots
from glassnet.explain.report.figures import picture
from glassnet.explain.report.images import as_seen, joined, signed, tag
from glassnet.explain.report.markup import (
    CannotTell,
    attempted,
    clean,
    counted,
    figure,
    fold,
    heading,
    percent,
    scrolled,
    sentence,
    table,
    told,
    value,
)
from glassnet.explain.report.subject import Subject
from glassnet.inspection.distributions import Distributions, LayerDistribution
from glassnet.layers import Conv2D, Dense
from glassnet.models.naming import layers_within
from glassnet.nest import flatten, map_structure

EXAMPLES = 256
"""Of so many examples the signals are looked at."""
_TILES = 32
_ROWS = 12
"""So many layers the picture of the signals has at most."""
_DENSE = 120
"""Up to so many weights a dense network is drawn as nodes and edges."""
_COLOURS = "pale where it is positive, dark blue where it is negative, grey where it is 0"


def inside(subject: Subject) -> Iterator[str]:
    """Yield each picture that fits the network."""
    parts: list[tuple[str, Callable[[Subject], Iterator[str]], bool]] = [
        ("The decision boundary", _boundary, _has_plane(subject)),
        ("The network as nodes and weights", _wiring, _is_small(subject)),
        ("Filters", _filters, _has_filters(subject)),
        ("What the first layer looks for", _first_layer, _sees_images(subject)),
        ("Feature maps", _maps, _has_filters(subject)),
        ("Signals", _signals, True),
    ]
    for name, make, fits in parts:
        if fits:
            yield attempted(name, partial(make, subject))


# --- what fits --------------------------------------------------------------------------------
def _has_plane(subject: Subject) -> bool:
    x = subject.only_input
    return x is not None and x.ndim == 2 and x.shape[1] == 2 and len(subject.verdicts) == 1


def _is_small(subject: Subject) -> bool:
    layers = [layer for _, layer in layers_within(subject.model)]
    dense = [layer for layer in layers if isinstance(layer, Dense)]
    weights = sum(w.value.size for layer in dense for w in layer.weights)
    try:
        inspection.wiring(subject.model)
    except ValueError:
        return False
    return 0 < weights <= _DENSE


def _has_filters(subject: Subject) -> bool:
    x = subject.only_input
    found = any(isinstance(layer, Conv2D) for _, layer in layers_within(subject.model))
    return found and x is not None and x.ndim == 4


def _sees_images(subject: Subject) -> bool:
    return subject.is_image() and not _has_filters(subject)


# --- the plane --------------------------------------------------------------------------------
def _boundary(subject: Subject) -> Iterator[str]:
    verdict = subject.verdicts[0]
    kind = None if verdict.scores is not None else "regression"
    names = subject.names if verdict.scores is not None else None
    found = inspection.boundary(
        subject.model, subject.held.x, subject.held.y, feature_names=subject.features,
        class_names=names, kind=kind,
    )  # fmt: skip
    across, up = found.plane.labels
    a, b = found.plane.a, found.plane.b
    alt = (
        f"The plane of {across} from {told(float(a[0]), 3)} to {told(float(a[-1]), 3)} and {up} "
        f"from {told(float(b[0]), 3)} to {told(float(b[-1]), 3)}, coloured by what the network "
        f"says there: from {told(float(found.values.min()), 3)} to "
        f"{told(float(found.values.max()), 3)}. On it are the {subject.size:,} "
        f"{subject.held_name}{_wrong(subject)}."
    )
    yield heading("What it decides where")
    drawn = picture(lambda theme: plots.boundary(found, theme=theme), alt, subject.theme)
    several = found.kind in ("labels", "regression") and found.values.shape[2] > 1
    yield figure(scrolled(drawn, "What it decides where") if several else drawn)


def _wrong(subject: Subject) -> str:
    said = subject.verdicts[0].scores
    if said is None or said.kind == "labels":
        return ""
    right = inspection.confusion(
        subject.verdicts[0].truth, said.values if said.kind == "classes" else said.decided
    )
    count = int(right.counts.sum() - np.trace(right.counts))
    return f", {count:,} of them on the wrong side"


# --- weights ----------------------------------------------------------------------------------
def _wiring(subject: Subject) -> Iterator[str]:
    found = inspection.wiring(subject.model)
    sizes = " – ".join(str(column.size) for column in found.columns)
    alt = f"The network as nodes, {sizes}, and edges, the weights. The largest is "
    alt += f"{told(found.largest, 3)} in size."
    yield heading("The weights")
    yield figure(
        picture(
            lambda theme: plots.network(found, inputs=subject.features, theme=theme),
            alt,
            subject.theme,
        )
    )
    rows = []
    for matrix in inspection.weight_matrices(subject.model):
        w = matrix.matrix
        shape = " × ".join(map(str, matrix.shape))
        numbers = (float(w.min()), float(w.max()), float(np.sqrt((w**2).mean())))
        rows.append((f"<code>{clean(matrix.name)}</code>", shape, *map(value, numbers)))
    header = ("weight", "shape", "least", "greatest", "root mean square")
    yield fold("The weights in numbers", table("The weights", header, rows), "data")


def _filters(subject: Subject) -> Iterator[str]:
    found = inspection.filter_kernels(subject.model)
    kernels = found.kernels[:, : 3 if found.kernels.shape[1] == 3 else 1]
    count, channels, high, wide = found.kernels.shape
    shown = min(count, _TILES)
    reach = float(np.abs(kernels).max())
    norms = np.sqrt((found.kernels**2).sum(axis=(1, 2, 3)))
    strongest = int(norms.argmax())
    tiles = [signed(kernels[i].mean(axis=0), reach) for i in range(shown)]
    alt = (
        f"{shown} of {counted(count, 'filter')} of {found.name}, {high} × {wide} cells each. "
        f"Weights from {told(float(kernels.min()), 3)} to {told(float(kernels.max()), 3)}; filter "
        f"{strongest} is the strongest, with a norm of {told(float(norms[strongest]), 3)}."
    )
    what = (
        ""
        if channels == 1
        else f" (the mean over its {channels} colours)"
        if (channels == 3)
        else f" (the first of {channels} channels)"
    )
    yield heading("What the first convolution looks for")
    yield figure(
        tag(joined(tiles, 8), alt, 26, "sheet"),
        f"The filters of {found.name}{what}, on one scale up to ±{told(reach, 3)}: a cell is "
        f"{_COLOURS}. A filter answers where the image looks like it.",
    )


def _first_layer(subject: Subject) -> Iterator[str]:
    shape = subject.shape or np.asarray(subject.only_input).shape[1:]
    found = inspection.weight_images(subject.model, shape)
    images = found.images.mean(axis=-1) if found.images.ndim == 4 else found.images
    shown, reach = min(len(images), _TILES), float(np.abs(images).max())
    norms = np.sqrt((images**2).sum(axis=(1, 2)))
    alt = (
        f"{shown} of {counted(len(images), 'unit')} of {found.name}, each as an image of its "
        f"weights, {told(float(images.min()), 3)} to {told(float(images.max()), 3)}; unit "
        f"{int(norms.argmax())} has the largest norm, {told(float(norms.max()), 3)}."
    )
    yield heading("What the first layer looks for")
    yield figure(
        tag(joined([signed(image, reach) for image in images[:shown]], 8), alt, 36, "sheet"),
        f"The weights of the units of {found.name}, one image a unit, on one scale up to "
        f"±{told(reach, 3)}: a pixel is {_COLOURS}.",
    )


def _maps(subject: Subject) -> Iterator[str]:
    x = np.asarray(subject.only_input)
    found = inspection.feature_maps(subject.model, x[0])
    first = subject.verdicts[0] if subject.verdicts else None
    told_class = ""
    if first is not None and first.scores is not None and first.truth.ndim == 1:
        number = int(first.truth[0])
        name = subject.names[number] if subject.names else str(number)
        told_class = f", of class {name}"
    yield heading("One image, and what the layers make of it")
    seen = as_seen(found.image[..., 0] if found.image.shape[-1] == 1 else found.image)
    high, wide = seen.shape[:2]
    alt = f"The first of the {subject.held_name}, {high} × {wide} pixels{told_class}"
    image = tag(seen, alt, 6)
    parts = [figure(image, f"The image, {high} × {wide}{told_class}")]
    for layer in found.layers:
        parts.append(_layer_maps(layer.name, layer.maps))
    yield '<div class="maps">\n' + "\n".join(parts) + "\n</div>"


def _layer_maps(name: str, maps: np.ndarray) -> str:
    shown = min(maps.shape[-1], 16)
    low, high = float(maps.min()), float(maps.max())
    reach = max(-low, high)
    if low < 0:
        tiles = [signed(maps[..., i], reach) for i in range(shown)]
    else:
        tiles = [as_seen(maps[..., i] / (reach or 1.0)) for i in range(shown)]
    silent = int((np.abs(maps).max(axis=(0, 1)) == 0).sum())
    strongest = int(maps.max(axis=(0, 1)).argmax())
    alt = (
        f"{shown} of {counted(maps.shape[-1], 'map')} of {name}: values from {told(low, 3)} to "
        f"{told(high, 3)}, the greatest in map {strongest}; {silent} of them 0 everywhere."
    )
    colours = f": {_COLOURS}" if low < 0 else ": black is 0, white the greatest"
    of = f"{shown} of {maps.shape[-1]}" if shown < maps.shape[-1] else str(shown)
    return figure(
        tag(joined(tiles, 8), alt, 26, "sheet"),
        f"{name}: {of} maps of {maps.shape[0]} × {maps.shape[1]}, {told(low, 3)} to "
        f"{told(high, 3)}{colours}",
    )


# --- signals ----------------------------------------------------------------------------------
def _signals(subject: Subject) -> Iterator[str]:
    batch = subject.held
    size = min(EXAMPLES, subject.size)
    x, y = (map_structure(lambda a: np.asarray(a)[:size], part) for part in (batch.x, batch.y))
    found = inspection.distributions(subject.model, x, y)
    if not found.outputs:
        raise CannotTell("The network has no layer whose signals could be looked at.")
    if not all(np.isfinite(layer.percentiles).all() for layer in found.outputs):
        raise CannotTell("Some signals are not finite.")
    yield heading("What runs through the layers")
    alt = "Histograms of the activations and the derivatives of each layer. " + " ".join(
        f"{layer.name}: {_spread(layer)}." for layer in _some(found).outputs
    )
    shown = _some(found)
    drawn = picture(lambda theme: plots.distributions(shown, theme=theme), alt, subject.theme)
    few = f"{_ROWS} of {len(found.outputs)} layers." if shown is not found else ""
    yield figure(scrolled(drawn, "Distributions of the signals"), few)
    gradients = {layer.name: layer for layer in found.gradients}
    rows = []
    for layer in found.outputs:
        middle = layer.percentiles[0]
        derivative = gradients.get(layer.name)
        row = [
            f"<code>{clean(layer.name)}</code>", value(float(middle[0])),
            value(float(middle[len(middle) // 2])), value(float(middle[-1])),
            percent(float(layer.zeros[0])), percent(float(layer.dead[0])),
            "–" if layer.saturated is None else percent(float(layer.saturated[0])),
            "–" if derivative is None else value(float(np.abs(derivative.percentiles[0]).max())),
        ]  # fmt: skip
        rows.append(row)
    header = (
        "layer", f"{found.which[0]:g} % below", "median", f"{found.which[-1]:g} % below",
        "entries 0", "units always 0", "entries saturated", "|∂J/∂A|, largest of these percentiles",
    )  # fmt: skip
    yield sentence(
        f"Of {counted(len(flatten(x)[0]), 'example')}. A unit that is always 0 says nothing and "
        "learns nothing; a saturated entry passes hardly any derivative."
    )
    yield fold("The signals in numbers", table("Activations, layer by layer", header, rows), "data")


def _some(found: Distributions) -> Distributions:
    """The first and the last layers, where there are more than a picture holds."""
    if len(found.outputs) <= _ROWS:
        return found
    outputs = (*found.outputs[: _ROWS // 2], *found.outputs[-_ROWS // 2 :])
    names = {layer.name for layer in outputs}
    gradients = tuple(layer for layer in found.gradients if layer.name in names)
    return replace(found, outputs=outputs, gradients=gradients)


def _spread(layer: LayerDistribution) -> str:
    low, high = float(layer.percentiles[0][0]), float(layer.percentiles[0][-1])
    text = f"mostly {told(low, 3)} to {told(high, 3)}"
    return f"{text}, {percent(float(layer.zeros[0]))} are 0" if layer.zeros[0] > 0 else text
