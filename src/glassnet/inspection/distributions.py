"""How activations and derivatives are distributed in each layer, at one moment or over a training.

Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
networks", AISTATS 2010, which reads from such pictures which layers saturate, and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.callbacks.recorder import Recorder
from glassnet.inspection.signals import ACTIVATION_LAYERS, PERCENTILES, Signal, Signals, signals
from glassnet.models.model import Model

BINS = 60
"""How many bars a histogram has at most: about the square root of the number of entries."""
KEPT = 95.0
"""How many percent of the derivatives a histogram shows: the largest few would make it a needle."""


@dataclass(frozen=True, eq=False)
class LayerDistribution:
    """The entries of one layer's A, or of ∂J/∂A, at each moment.

    Args:
        name: the layer.
        activation: the name of its g, None for a linear layer.
        percentiles: of all entries, (moments, which).
        zeros: the share of entries that are exactly 0, (moments,).
        dead: the share of units that are 0 for all examples, (moments,).
        saturated: the share of entries near a bound of g, (moments,); None for unbounded g.
        counts: how many of the entries that are not 0 lie in each bin at the last moment; of
            derivatives the middle 95 %.
        edges: the ends of these bins, one more than there are counts.
    """

    name: str
    activation: str | None
    percentiles: np.ndarray
    zeros: np.ndarray
    dead: np.ndarray
    saturated: np.ndarray | None
    counts: np.ndarray
    edges: np.ndarray


@dataclass(frozen=True, eq=False)
class Distributions:
    """The distributions of all layers.

    Args:
        steps: the moments: how many batches the model had been trained on.
        which: the percentiles.
        outputs: of A, in the order of computation.
        gradients: of ∂J/∂A, for the layers that have one; empty without targets.
        losses: J of the batch at each moment; None without targets.
    """

    steps: np.ndarray
    which: tuple[float, ...]
    outputs: tuple[LayerDistribution, ...]
    gradients: tuple[LayerDistribution, ...]
    losses: np.ndarray | None

    @property
    def moments(self) -> int:
        """How many moments there are: 1 for a model as it is."""
        return len(self.steps)


def distributions(
    record: Model | Recorder,
    x: Any,
    y: Any = None,
    *,
    layers: Sequence[str] | None = None,
    which: Sequence[float] = PERCENTILES,
    training: bool = False,
) -> Distributions:
    """Return the distributions of activations and derivatives for one batch.

    Args:
        record: a model, as it is now; or a `callbacks.Recorder`, at each moment it recorded.
        x: the inputs of a batch.
        y: its targets; without them there are no derivatives.
        layers: the names of layers; for None those that have weights or an activation.
        which: the percentiles, from 0 to 100.
        training: whether layers behave as they do while training.

    Raises:
        ValueError: for unknown layers, and as `signals` does.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(3, "relu", name="hidden")])
    >>> found = gn.inspection.distributions(model, np.array([[1.0, 2.0], [0.0, 1.0]]))
    >>> found.outputs[0].name, found.outputs[0].percentiles.shape
    ('hidden', (1, 5))
    """
    percents = tuple(float(q) for q in which)
    if not percents or min(percents) < 0 or max(percents) > 100:
        raise ValueError(f"which holds percentiles from 0 to 100; got {which!r}.")
    if isinstance(record, Recorder):
        steps = record.steps
        moments = []
        for frame in record.frames:
            with record.showing(frame) as model:
                moments.append(_chosen(signals(model, x, y, training=training), layers))
        record.checked()  # raises where nothing was recorded
    elif isinstance(record, Model):
        steps = [record.progress.seen]
        moments = [_chosen(signals(record, x, y, training=training), layers)]
    else:
        raise TypeError(
            "distributions() takes a model, or the callbacks.Recorder that watched its training; "
            f"got {type(record).__name__}."
        )
    rows = list(zip(*moments, strict=True))
    losses = [m.loss for m in moments]
    return Distributions(
        np.array(steps),
        percents,
        tuple(_distribution(row, "outputs", percents) for row in rows),
        tuple(
            _distribution(row, "gradient", percents)
            for row in rows
            if all(signal.gradient is not None for signal in row)
        ),
        None if any(loss is None for loss in losses) else np.array(losses, dtype=float),
    )


def _chosen(found: Signals, layers: Sequence[str] | None) -> Signals:
    if layers is not None:
        names = [layers] if isinstance(layers, str) else list(layers)
        try:
            return Signals(tuple(found[name] for name in names), found.loss)
        except KeyError as error:
            raise ValueError(error.args[0]) from None
    kept = tuple(s for s in found if s.weights or isinstance(s.layer, ACTIVATION_LAYERS))
    return Signals(kept or found.all, found.loss)


def _distribution(
    row: Sequence[Signal], what: str, percents: tuple[float, ...]
) -> LayerDistribution:
    arrays = [np.asarray(getattr(signal, what), dtype=np.float64) for signal in row]
    of_outputs = what == "outputs"
    saturated = [signal.saturated for signal in row]
    counts, edges = _histogram(arrays[-1], 100.0 if of_outputs else KEPT)
    with np.errstate(invalid="ignore"):  # of infinite entries
        percentiles = np.array([np.percentile(a, percents) for a in arrays])
    return LayerDistribution(
        row[0].name,
        row[0].activation,
        percentiles,
        np.array([np.mean(a == 0) for a in arrays]),
        np.array([signal.dead for signal in row]),
        np.array(saturated, float) if of_outputs and saturated[0] is not None else None,
        counts,
        edges,
    )


def _histogram(array: np.ndarray, kept: float) -> tuple[np.ndarray, np.ndarray]:
    """Bars for the entries that are not 0: the zeros of a ReLU would dwarf all others."""
    entries = array[(array != 0) & np.isfinite(array)]
    if not entries.size:
        return np.zeros(1, np.int64), np.array([-0.5, 0.5])
    outside = (100.0 - kept) / 2
    low, high = map(float, np.percentile(entries, (outside, 100.0 - outside)))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    bins = int(np.clip(np.sqrt(entries.size), 8, BINS))
    counts, edges = np.histogram(entries, bins, (low, high))
    return counts, edges
