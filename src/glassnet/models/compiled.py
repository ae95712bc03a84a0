"""What ``compile`` fixes: which loss and which metrics belong to which output."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from glassnet import losses, metrics
from glassnet.graph.dimension import display
from glassnet.graph.tensor import Tensor
from glassnet.nest import flatten


def by_output(given: Any, names: Sequence[str], what: str) -> list[Any]:
    """Return one entry an output: ``given`` is one for all, a list in order, or a dict by name."""
    if isinstance(given, Mapping):
        unknown = set(given) - set(names)
        if unknown:
            raise ValueError(
                f"{what} names the outputs {sorted(unknown)}; there are {list(names)}."
            )
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)) and len(names) > 1:
        if len(given) != len(names):
            raise ValueError(f"{what} has {len(given)} entries for {len(names)} outputs.")
        return list(given)
    if isinstance(given, (list, tuple)) and what == "loss" and len(given) == 1:
        return list(given)
    return [given] * len(names)


def leaves_by_output(part: Any, names: Sequence[str], what: str) -> list[Any]:
    """Return the targets or weights, one an output."""
    if isinstance(part, Mapping):
        return by_output(part, names, what)
    leaves = [None] * len(names) if part is None else flatten(part)
    if len(leaves) == 1 and what == "sample_weight":
        return leaves * len(names)
    if len(leaves) != len(names):
        raise ValueError(
            f"The model has {len(names)} outputs ({', '.join(names)}); {what} has {len(leaves)}."
        )
    return leaves


class CompiledLoss:
    """The losses of all outputs and their weighted sum.

    Args:
        loss: one loss, a list or a dict by output; each a name, a `Loss`, a function or None.
        weights: one number an output, in the same arrangements.
    """

    def __init__(self, loss: Any, weights: Any = None) -> None:
        for one in flatten(loss):
            losses.get(one)  # an unknown name is told here, not when training begins
        self.given = loss
        self.weights = weights
        self._found: dict[tuple[str, ...], list[Any]] = {}

    def for_outputs(self, names: Sequence[str]) -> list[Any]:
        """Return the loss of each output, None for outputs without one."""
        return self._found[tuple(names)]

    def build(
        self, targets: Sequence[Any], outputs: Sequence[Tensor], names: Sequence[str]
    ) -> None:
        """Find the losses; ``"crossentropy"`` becomes the one that fits the shapes."""
        if tuple(names) not in self._found:
            self._found[tuple(names)] = [
                g if g is None else losses.resolve(g, () if y is None else y.shape, p.shape)
                for g, y, p in zip(
                    by_output(self.given, names, "loss"), targets, outputs, strict=True
                )
            ]

    def __call__(
        self,
        targets: Sequence[Any],
        outputs: Sequence[Tensor],
        weights: Sequence[Any],
        names: Sequence[str],
    ) -> tuple[Tensor | None, list[tuple[str, Tensor]]]:
        """Return the total loss, None for none, and each output's own where there are several."""
        factors = by_output(self.weights, names, "loss_weights")
        parts: list[tuple[str, Tensor]] = []
        total: Tensor | None = None
        self.build(targets, outputs, names)
        found = self.for_outputs(names)
        for name, loss, y, p, w, factor in zip(
            names, found, targets, outputs, weights, factors, strict=True
        ):
            if loss is None:
                continue
            if y is None:
                raise ValueError(
                    f"The output {name!r} has a loss but no target: y is missing. Pass fit(x, y), "
                    "validation_data=(x, y), or batches (x, y)."
                )
            value = loss(y, p, sample_weight=w)
            if value.shape != ():
                raise ValueError(
                    f"The loss of {name!r} gives shape {display(value.shape)}; training needs one "
                    "number. Use a reduction other than 'none'."
                )
            parts.append((f"{name}_loss", value))
            weighted = value if factor is None else value * factor
            total = weighted if total is None else total + weighted
        return total, parts if len(parts) > 1 else []


_BY_LOSS = ("accuracy", "acc", "crossentropy", "ce")  # which is meant, the loss tells


class CompiledMetrics:
    """The metrics of all outputs.

    Args:
        given: a list for one output; a list of lists or a dict of lists for several.
        weighted: the same, for metrics that heed sample weights.
    """

    def __init__(self, given: Any, weighted: Any) -> None:
        for one in flatten([given, weighted]):
            if isinstance(one, str) and one.lower() not in _BY_LOSS:
                metrics.METRICS.find(one)
        self.given, self.weighted = given, weighted
        self.entries: list[tuple[int, str, Any, bool]] | None = None
        """(output, name in the logs, metric, heeds weights), once the outputs are known."""

    def build(
        self,
        loss: CompiledLoss,
        targets: Sequence[Any],
        outputs: Sequence[Tensor],
        names: Sequence[str],
    ) -> None:
        """Make the metrics; ``"accuracy"`` becomes the one that fits loss and shapes."""
        if self.entries is not None:
            return
        entries: list[tuple[int, str, Any, bool]] = []
        for given, weighted in ((self.given, False), (self.weighted, True)):
            for i, chosen in enumerate(_lists_by_output(given, names)):
                for identifier in chosen:
                    found = metrics.resolve(
                        identifier,
                        loss.for_outputs(names)[i],
                        outputs[i].shape,
                        None if targets[i] is None else targets[i].shape,
                    )
                    label = identifier if isinstance(identifier, str) else found.name
                    prefix = f"{names[i]}_" if len(names) > 1 else ""
                    taken = {entry[1] for entry in entries}
                    if weighted and prefix + label in taken:
                        prefix += "weighted_"
                    entries.append((i, _unused(prefix + label, taken), found, weighted))
        self.entries = entries

    def update(
        self, targets: Sequence[Any], outputs: Sequence[Tensor], weights: Sequence[Any]
    ) -> None:
        """Record one batch."""
        for i, _, metric, weighted in self.entries or ():
            mask = outputs[i].mask
            weight = weights[i] if weighted else None
            if mask is not None and weight is None:
                weight = mask.astype(outputs[i].dtype)
            metric.update_state(targets[i], outputs[i], sample_weight=weight)


def _unused(name: str, taken: set[str]) -> str:
    """The name, numbered where another metric has it: ``auc``, ``auc_1``."""
    numbers = itertools.count(1)
    found = name
    while found in taken:
        found = f"{name}_{next(numbers)}"
    return found


def _lists_by_output(given: Any, names: Sequence[str]) -> list[list[Any]]:
    if given is None:
        return [[] for _ in names]
    if isinstance(given, Mapping):
        return [_as_list(item) for item in by_output(given, names, "metrics")]
    items = _as_list(given)
    if len(names) == 1:
        return [_as_list(items[0])] if len(items) == 1 else [items]
    if any(isinstance(item, (list, tuple)) for item in items):
        return [_as_list(item) for item in by_output(items, names, "metrics")]
    if len(items) != len(names):
        raise ValueError(
            f"metrics for {len(names)} outputs: pass a dict {{output: [metrics]}} or one list an "
            "output."
        )
    return [_as_list(item) for item in items]


def _as_list(item: Any) -> list[Any]:
    if item is None:
        return []
    return list(item) if isinstance(item, (list, tuple)) else [item]
