"""Ailments of the output: what last activation, loss and metrics make of the targets."""

from __future__ import annotations

import numpy as np

from glassnet.explain.doctor.training.ailments import Ailment, ailment
from glassnet.explain.doctor.training.case import Case
from glassnet.explain.doctor.training.heads import Head
from glassnet.explain.doctor.training.report import Finding
from glassnet.explain.evaluation import wide

RANGES: dict[str, tuple[float, float]] = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, np.inf),
    "softplus": (0.0, np.inf),
    "exp": (0.0, np.inf),
    "elu": (-1.0, np.inf),
}
"""What the activations can reach."""
MISSED = 0.005
"""The share of targets out of reach that is more than a slip of rounding."""


@ailment
class Mismatch(Ailment):
    """Loss, output and targets that do not belong together, as the library says."""

    name = "loss, output and targets do not fit"
    order = 2
    why = "The derivative of the loss is that of another problem than the one that is meant."

    def examine(self, case: Case) -> Finding | None:
        if case.fault:
            return self.found(
                "serious",
                case.fault,
                remedy="Change the last layer, the loss or the targets as it says.",
                code="# class numbers: Dense(k, 'softmax'), 'sparse_categorical_crossentropy'\n"
                "# one-hot rows:  Dense(k, 'softmax'), 'categorical_crossentropy'\n"
                "# yes or no:     Dense(1, 'sigmoid'), 'binary_crossentropy'\n"
                "# numbers:       Dense(k), 'mse'",
            )
        for head in case.heads:
            told = _misfit(head)
            if told:
                evidence, remedy, code, why = told
                return self.found("serious", evidence, remedy=remedy, code=code, why=why, born=True)
        return None


def _misfit(head: Head) -> tuple[str, str, str, str] | None:
    """What does not fit although a step can be computed: evidence, remedy, code, why."""
    if head.activation == "softmax" and head.width == 1:
        return (
            f"The output {head.name!r} is a softmax over one unit, which is 1 whatever goes in.",
            "Take the sigmoid for one unit.",
            "Dense(1, 'sigmoid'), 'binary_crossentropy'",
            "softmax(z) = eᶻ/eᶻ = 1, so ∂J/∂z = 0.",
        )
    if head.from_logits and head.activation in ("relu", "sigmoid", "tanh", "softmax"):
        return (
            f"The loss expects raw outputs (from_logits=True) and gets those of {head.activation}.",
            "Leave the activation of the last layer out.",
            "Dense(k)  # no activation, with from_logits=True",
            "p = softmax(g(z)): with g bounded or cut off, p can't come near 0 and 1.",
        )
    if head.activation == "relu" and head.kind in ("binary", "classes", "numbered"):
        return (
            f"The output {head.name!r} ends in relu, and {type(head.loss).__name__} takes "
            "probabilities.",
            "End in sigmoid or softmax.",
            "Dense(k, 'softmax')  # or Dense(1, 'sigmoid')",
            "-log p has no meaning for p > 1, and no derivative to learn from where p = 0.",
        )
    if head.kind == "binary" and head.activation == "softmax" and head.width > 1:
        rows = head.y.reshape(-1, head.y.shape[-1]).sum(axis=-1)
        if bool((rows > 1).any()):
            return (
                f"Several labels are 1 at once (up to {int(rows.max())} an example), and the "
                f"softmax of {head.name!r} lets its outputs sum to 1.",
                "Take the sigmoid, which decides each label by itself.",
                f"Dense({head.width}, 'sigmoid'), 'binary_crossentropy'",
                "Σ pₖ = 1, so two labels of 1 can't both be reached: at best p = ½ for each.",
            )
    if head.kind == "numbers" and head.y.ndim == 2 and head.y.shape[1] == 1 < head.width:
        return (
            f"The targets have shape {head.y.shape}, the outputs {head.predicted.shape}: one "
            "target is held against every output.",
            "Give the last layer 1 unit, or make the targets one-hot rows.",
            f"y = gn.utils.to_categorical(y, {head.width})",
            "Σₖ (y - aₖ)² is least where every aₖ = y: the outputs become all the same.",
        )
    numbered = (
        head.kind == "numbers"
        and head.activation in ("softmax", "sigmoid")
        and head.width > 1
        and head.y.size == len(head.y)
    )
    if numbered:
        return (
            f"Class numbers (shape {head.y.shape}) are compared with {head.width} outputs.",
            "Take the loss that is made for class numbers.",
            "loss='sparse_categorical_crossentropy'",
            "(y - aₖ)² with y a class number asks every output for that number.",
        )
    return None


@ailment
class OutOfReach(Ailment):
    """Targets that the output activation cannot reach."""

    name = "targets out of reach of the output activation"
    order = 3
    needs = "run"
    why = (
        "a = g(z) stays in the range of g: beyond it the error can't vanish, and where g is flat "
        "g'(z) → 0, so nothing is learnt from it."
    )
    source = 'Y. LeCun et al., "Efficient BackProp", 1998, 4.5'

    def examine(self, case: Case) -> Finding | None:
        for head in case.heads:
            if head.activation not in RANGES or head.kind == "numbered":
                continue
            low, high = RANGES[head.activation]
            if head.kind == "own" and head.y.size != head.predicted.size:
                continue
            y = wide(head.y)
            slack = 1e-6 + 1e-3 * (high - low if np.isfinite(high) else 1.0)
            out = (y < low - slack) | (y > high + slack)
            share = float(np.mean(out))
            if share <= MISSED or head.kind == "signed":
                continue
            reach = f"[{low:g}, {high:g}]" if np.isfinite(high) else f"above {low:g}"
            return self.found(
                "serious" if share > 0.05 else "notable",
                f"{share:.1%} of the targets of {head.name!r} lie outside what {head.activation} "
                f"reaches ({reach}): they go from {y.min():.4g} to {y.max():.4g}.",
                remedy="For numbers end in no activation; or scale the targets into the range.",
                code=f"Dense({head.width})  # no activation, with loss 'mse'\n"
                "y = (y - y.mean()) / y.std()",
                numbers={"share": share, "least": float(y.min()), "greatest": float(y.max())},
                born=True,
            )
        return None


@ailment
class UnscaledTargets(Ailment):
    """Targets of a regression that are so large that the steps do not get there."""

    name = "unscaled targets"
    order = 6.5
    needs = "run"
    why = (
        "The output has to grow to |y| before its error can be small: with steps of size η that "
        "takes about |y|/η of them, or with squared error slopes that grow with |y|."
    )

    def examine(self, case: Case) -> Finding | None:
        for head in case.heads:
            if head.kind != "numbers" or head.labels is not None or head.activation != "linear":
                continue
            y = wide(head.y)
            size = float(np.sqrt(np.mean(y**2)))
            skill = case.skill if case.skill is not None else head.skill
            if (1e-3 < size < 30.0) or size == 0 or skill > 0.2:
                continue
            return self.found(
                "notable",
                f"The targets of {head.name!r} are {y.mean():.4g} ± {y.std():.3g}, their root mean "
                f"square is {size:.3g}. The loss is {head.loss_now:.4g}; always predicting the "
                f"best constant costs {head.base:.4g}.",
                remedy="Standardise the targets, and scale predictions back.",
                code="mean, std = y.mean(), y.std()\nmodel.fit(x, (y - mean) / std)\n"
                "predicted = model.predict(x_new) * std + mean",
                numbers={"rms": size, "skill": skill},
                born=True,
            )
        return None


@ailment
class WrongMetric(Ailment):
    """A metric that does not measure what the loss trains."""

    name = "metric and loss disagree"
    order = 41
    needs = "run"
    why = "The metric counts another event than the one whose probability the loss learns."

    def examine(self, case: Case) -> Finding | None:
        head = case.head
        if head is None:
            return None
        for _, name, metric, _ in case.model.compiled_metrics.entries or ():
            kind = type(metric).__name__
            if "Accuracy" not in kind:
                continue
            told = _disagreement(head, kind)
            if told:
                evidence, remedy, code = told
                return self.found(
                    "minor", f"The metric {name!r} ({kind}) {evidence}", remedy=remedy, code=code
                )
        return None


def _disagreement(head: Head, kind: str) -> tuple[str, str, str] | None:
    y = wide(head.y)
    if head.labels is None and head.kind == "numbers" and len(np.unique(y)) > 2:
        return (
            "asks how often a prediction equals its target, and the targets are numbers "
            f"({len(np.unique(y))} values): it is 0 or nearly so, however good the network is.",
            "For numbers look at the mean absolute error or R².",
            "metrics=['mae', 'r2_score']",
        )
    if kind == "BinaryAccuracy" and head.labels is not None and head.y.ndim > 1 and head.width > 2:
        idle = 1 - 1 / head.width
        return (
            f"counts each of {head.width} outputs by itself: a network that says no to every "
            f"class has {idle:.2f} already.",
            "Take the accuracy of the largest output.",
            "metrics=['categorical_accuracy']",
        )
    if kind == "BinaryAccuracy" and head.from_logits:
        return (
            "compares raw outputs with its threshold ½; a raw output says yes above 0.",
            "Set its threshold to 0.",
            "metrics=[gn.metrics.BinaryAccuracy(threshold=0.0)]",
        )
    return None
