"""Ailments seen in what came out: a gap to the validation data, a network too small, NaN."""

from __future__ import annotations

import numpy as np

from glassnet.explain.doctor.training.ailments import Ailment, ailment
from glassnet.explain.doctor.training.case import Case, has_kernel
from glassnet.explain.doctor.training.heads import Head
from glassnet.explain.doctor.training.labels import features, nearest
from glassnet.explain.doctor.training.report import Finding

GAP = 0.25
"""The part of the best constant guess's loss by which validation may be worse than training."""
APART = 0.15
"""The part of all labels by which validation may be worse, where training knows all of its own."""


@ailment
class NotFinite(Ailment):
    """A run that met NaN or infinity."""

    name = "NaN or infinity in training"
    order = 20
    needs = "model"
    why = "NaN in one weight makes every later output NaN: nothing after that step counts."

    def examine(self, case: Case) -> Finding | None:
        told = []
        if case.stopped:
            told.append(" ".join(case.stopped.split()))
        bad = [v.path for v in case.model.weights if not np.isfinite(v.value).all()]
        if bad:
            told.append(f"{len(bad)} weights hold NaN or infinity: {', '.join(bad[:3])}.")
        for name in ("loss", "val_loss"):
            values = case.log(name)
            if not np.isfinite(values).all():
                at = int(np.argmin(np.isfinite(values)))
                told.append(f"{name} is {values[at]} from epoch {at} on (counted from 0).")
        if not told:
            return None
        return self.found(
            "serious",
            *told,
            remedy="Where nothing above is the cause: take a smaller learning rate, clip the "
            "gradient, and let compile(check_finite=True) name the op.",
            code="model.compile(gn.optimizers.Adam(1e-4, clipnorm=1.0), ...)",
        )


@ailment
class Overfitting(Ailment):
    """A network that learns its training data and not what is behind them."""

    name = "overfitting"
    order = 32
    needs = "model"
    why = (
        "E[J] ≤ J_train + (gap): the training loss is least where the weights know the examples by "
        "heart, and there the loss on others grows again."
    )
    source = 'L. Prechelt, "Early stopping – but when?", 1998'

    def can_examine(self, case: Case) -> bool:
        return case.validation is not None or len(case.log("val_loss")) > 0

    def examine(self, case: Case) -> Finding | None:
        told, best = self._risen(case)
        told += self._gap(case)
        if not told:
            return None
        stop = "" if best is None else f", as epoch {best} was the best"
        return self.found(
            "notable",
            *told,
            remedy=f"Stop early{stop}; take more data or vary them; dropout, a small L2 penalty, "
            "or a smaller network.",
            code="model.fit(..., callbacks=[gn.callbacks.EarlyStopping(\n"
            "    patience=3, restore_best_weights=True)])",
            numbers={} if best is None else {"best_epoch": float(best)},
        )

    @staticmethod
    def _risen(case: Case) -> tuple[list[str], int | None]:
        """The epoch from which on the validation loss rose while the training loss fell."""
        loss, held = case.log("loss"), case.log("val_loss")
        if len(held) < 4 or len(held) != len(loss) or not np.isfinite(held).all():
            return [], None
        best = int(np.argmin(held))
        ended = float(np.mean(held[-2:]))
        base = case.head.base if case.head is not None else float(held[0])
        rise = ended - held[best]
        fell = loss[-1] < 0.8 * loss[best]
        if best > len(held) - 3 or not fell or rise < max(0.2 * held[best], 0.05 * base):
            return [], None
        return [
            f"The validation loss was least in epoch {best} (counted from 0), {held[best]:.4g}, "
            f"and is {held[-1]:.4g} now; the training loss fell from {loss[best]:.4g} to "
            f"{loss[-1]:.4g}."
        ], best

    @staticmethod
    def _gap(case: Case) -> list[str]:
        """How much better the network is on its training data than on others."""
        head, held = case.head, case.validation_head
        if head is None or held is None or len(held.y) < 30 or head.skill < 0.5:
            return []
        right = [_accuracy(h) for h in (head, held)]
        apart = right[0] - right[1]  # NaN for numbers
        sure = apart > 4 * np.sqrt(right[1] * (1 - right[1]) / len(held.y))
        by_heart = right[0] > 0.97 and apart > APART and sure
        if head.skill - held.skill < GAP and not by_heart:
            return []
        told = (
            f"The loss is {head.loss_now:.4g} on training data and {held.loss_now:.4g} on "
            f"validation data (the best constant guess: {held.base:.4g})."
        )
        if np.isnan(apart):
            return [told]
        return [f"{told} Accuracy: {right[0]:.3f} and {right[1]:.3f}."]


def _accuracy(head: Head) -> float:
    """The share of labels that are told right; NaN where there are none."""
    if head.guessed is None or head.labels is None:
        return float("nan")
    return float(np.mean(head.guessed == head.labels))


@ailment
class Underfitting(Ailment):
    """A network that is too small, or of the wrong kind, for data that hold more."""

    name = "underfitting"
    order = 31
    needs = "run"
    why = (
        "min J over all weights of this architecture is itself high: the functions it can compute "
        "do not come near the data, however long it is trained."
    )
    source = "I. Goodfellow, Y. Bengio, A. Courville, Deep Learning, 2016, 5.2"

    def examine(self, case: Case) -> Finding | None:
        head, loss = case.head, case.log("loss")
        if head is None or head.guessed is None or head.labels is None or len(loss) < 4:
            return None
        if len(head.labels) < 50 or not (case.skill or 0) < 0.7:
            return None
        if loss[-4] - loss[-1] > 0.03 * head.base:
            return None  # still on its way
        right = float(np.mean(head.guessed == head.labels))
        near = nearest(features(case), head.labels)
        if near - right < 0.15:
            return None
        hidden = [s for s in case.signals or () if has_kernel(s)][:-1]
        sizes = [(s.outputs.shape[-1], s.name) for s in hidden]
        told = [
            f"The loss has stopped at {head.loss_now:.4g} (the best constant guess: "
            f"{head.base:.4g}), with accuracy {right:.3f} on the training data; the nearest other "
            f"examples tell the label with {near:.3f}.",
        ]
        if sizes:
            told.append(f"The narrowest hidden layer, {min(sizes)[1]}, has {min(sizes)[0]} units.")
        else:
            told.append("There is no hidden layer: the network is a linear rule.")
        return self.found(
            "notable",
            *told,
            remedy="Take a wider or deeper network; leave out what holds it back, such as dropout "
            "and penalties.",
            code="Dense(128, activation='relu')",
            layers=(min(sizes)[1],) if sizes else (),
            numbers={"accuracy": right, "neighbours": near},
        )


@ailment
class NothingLearnt(Ailment):
    """No better than the best constant guess, and no cause found."""

    name = "nothing learnt"
    order = 33
    needs = "run"
    fallback = True
    why = "J₀ = min over constants c of Σ L(y, c): it takes no inputs at all to reach this loss."
    source = 'A. Karpathy, "A recipe for training neural networks", 2019'

    def examine(self, case: Case) -> Finding | None:
        head = case.head
        if (
            head is None
            or case.skill is None
            or head.skill > 0.03
            or case.epochs < 3
            or case.skill > 0.03
            or (case.steps or 100) < 100
        ):
            return None
        return self.found(
            "notable",
            f"After {case.epochs} epochs the loss is {head.loss_now:.4g}; the best constant "
            f"guess, which looks at no input, has {head.base:.4g}.",
            remedy="Try to fit one batch of 16 examples by heart. Where that fails, the error is "
            "in the network; where it works, in the data or in the length of the run.",
            code="model.fit(x[:16], y[:16], epochs=200)",
            numbers={"skill": head.skill},
        )
