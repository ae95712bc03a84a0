"""Ailments of what was set: what is trained, dropout, batches, penalties."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.explain.doctor.training.ailments import Ailment, ailment, listed
from glassnet.explain.doctor.training.case import Case, has_kernel, size_of, units
from glassnet.explain.doctor.training.report import Finding
from glassnet.layers import BatchNormalization
from glassnet.models.model import Model


def leaves_of(model: Model) -> list[Any]:
    """Return the layers that are made of no others."""
    found: list[Any] = []
    for layer in model.layers:
        found += leaves_of(layer) if isinstance(layer, Model) else [layer]
    return found


@ailment
class Frozen(Ailment):
    """Nothing is trained."""

    name = "nothing is trained"
    order = 4
    needs = "model"
    why = "w ← w + Δw with Δw = 0: whatever the gradient says, the weights stay."

    def examine(self, case: Case) -> Finding | None:
        model = case.model
        if not model.weights:
            return None
        frozen = [layer.name for layer in leaves_of(model) if layer.weights and not layer.trainable]
        if not model.trainable_weights:
            return self.found(
                "serious",
                f"None of the {len(model.weights)} weights is trainable.",
                remedy="Set trainable to True before compile.",
                code="model.trainable = True\nmodel.compile(...)",
                layers=tuple(frozen),
                born=True,
            )
        bench = case.bench
        if bench is None:
            return None
        if bench.rate == 0.0:
            told = "The learning rate is 0."
        elif self._stayed(case):
            told = f"In {case.epochs} epochs no trained weight changed in any digit."
        else:
            return None
        return self.found(
            "serious",
            told,
            remedy="Give the optimizer a learning rate above 0, and compile again after changing "
            "trainable.",
            code="model.optimizer.learning_rate = 1e-3",
            born=True,
        )

    @staticmethod
    def _stayed(case: Case) -> bool:
        """Whether the run left the trained weights as they were, though there was a slope."""
        start = case.began_with()
        if start is None or case.epochs == 0 or case.stopped or case.point is None:
            return False
        weights = case.model.trainable_weights
        if not all(np.array_equal(a, v.value) for a, v in zip(start, weights, strict=True)):
            return False
        # Where the gradient itself is 0 another ailment holds the weights.
        return float(np.linalg.norm(case.point.problem.gradient(case.point.x))) > 0


@ailment
class Symmetric(Ailment):
    """Units of a hidden layer that are all alike."""

    name = "all units of a layer are alike"
    order = 5
    needs = "run"
    why = (
        "Equal units get equal gradients, dwⱼ = Xᵀ dzⱼ with dzⱼ the same for all j: they stay "
        "equal, and the layer is as wide as one unit."
    )
    source = "I. Goodfellow, Y. Bengio, A. Courville, Deep Learning, 2016, 8.4"

    def examine(self, case: Case) -> Finding | None:
        now = self._alike(case.signals)
        if not now:
            return None
        first = case.first_signals
        born = first is None or bool(set(now) & set(self._alike(first)))
        if not born and case.skill is not None and case.skill > 0.5:
            return None
        return self.found(
            "serious",
            f"In {listed(list(now))} every unit gives the same for every example "
            f"({', '.join(f'{n} units' for n in now.values())}).",
            remedy="Begin with random weights: zeros or a constant are for biases.",
            code="Dense(..., kernel_initializer='glorot_uniform')  # relu: 'he_normal'",
            layers=tuple(now),
            born=born,
        )

    @staticmethod
    def _alike(signals: Any) -> dict[str, int]:
        """The hidden layers whose units are all alike, with their numbers of units."""
        found: dict[str, int] = {}
        linear = [s for s in signals or () if has_kernel(s)]
        for signal in linear[:-1]:
            z = units(signal, signal.outputs if signal.before is None else signal.before)
            if z.shape[1] < 2 or not np.isfinite(z).all():
                continue
            kernel = next(w for w in signal.weights.values() if w.ndim >= 2)
            flat = kernel.reshape(-1, kernel.shape[-1])
            size, spread = size_of(z), float(np.max(np.ptp(z, axis=1)))
            equal = float(np.max(np.ptp(flat, axis=1))) <= 1e-3 * (size_of(flat) + 1e-30)
            if spread <= 1e-3 * size + 1e-30 and equal:
                found[signal.name] = z.shape[1]
        return found


@ailment
class BatchOfOne(Ailment):
    """Batch normalization with too few values for a mean."""

    name = "batch normalization over too few values"
    order = 8.1
    needs = "model"
    why = (
        "With one value x̂ = (x - x)/√(0 + ε) = 0: the layer gives β whatever goes in; with two or "
        "three x̂ is mostly the noise of the batch."
    )
    source = 'Y. Wu, K. He, "Group normalization", ECCV 2018'

    def examine(self, case: Case) -> Finding | None:
        if case.batch_size is None or case.batch_size > 3:
            return None
        concerned = []
        for layer in leaves_of(case.model):
            if not isinstance(layer, BatchNormalization) or not layer.trainable:
                continue
            shape = layer.output_sizes or ()
            places = [s for s in tuple(shape)[1:-1] if isinstance(s, int)]
            values = case.batch_size * int(np.prod(places, dtype=int))
            if values < 4:
                concerned.append(layer.name)
        if not concerned:
            return None
        return self.found(
            "serious" if case.batch_size == 1 else "notable",
            f"A step has {case.batch_size} example{'s' * (case.batch_size > 1)}, and "
            f"{listed(concerned)} take mean and variance over it.",
            remedy="Take larger batches, or layer normalization, which needs one example only.",
            code="model.fit(x, y, batch_size=32)",
            layers=tuple(concerned),
            numbers={"batch_size": float(case.batch_size)},
            born=True,
        )


@ailment
class Dropout(Ailment):
    """So much is dropped that what is left can't be learnt from."""

    name = "dropout rate too high"
    order = 8.2
    needs = "model"
    why = (
        "A unit that is kept with probability 1 - p and scaled by 1/(1 - p) carries noise of "
        "√(p/(1 - p)) times its value: 1 at p = ½, 2 at p = 0.8, 3 at p = 0.9."
    )
    source = 'N. Srivastava et al., "Dropout", JMLR 15, 2014: ½ for hidden units, 0.2 for inputs'

    def examine(self, case: Case) -> Finding | None:
        rates = {
            layer.name: float(layer.rate)
            for layer in leaves_of(case.model)
            if "Dropout" in type(layer).__name__ and isinstance(getattr(layer, "rate", None), float)
        }
        if not rates:
            return None
        kept = float(np.prod([1 - r for r in rates.values()]))
        worst = max(rates.values())
        skill = case.skill
        poor = skill is not None and skill < 0.5
        if worst < 0.8 and not (poor and worst > 0.6):
            return None
        told = ", ".join(f"{name} drops {rate:.0%}" for name, rate in rates.items())
        more = f" The training loss without dropout has skill {skill:.2f}." if poor else ""
        return self.found(
            "serious" if poor else "notable",
            f"{told}: the noise is {np.sqrt(worst / max(1 - worst, 1e-9)):.2g} times the "
            f"signal.{more}",
            remedy="Begin with 0.2 to 0.5 on hidden layers, and none where the network underfits.",
            code="Dropout(0.3)",
            layers=tuple(name for name, rate in rates.items() if rate > 0.6),
            numbers={"rate": worst, "kept": kept},
            born=True,
        )


@ailment
class Penalty(Ailment):
    """A penalty on the weights that outweighs the loss."""

    name = "regularisation dominates the loss"
    order = 8.3
    needs = "run"
    why = (
        "∇J = ∇L + ∇Ω: where the penalty's part is the larger the weights follow it to 0, "
        "whatever the data say."
    )
    source = "I. Goodfellow, Y. Bengio, A. Courville, Deep Learning, 2016, 7.1"

    def examine(self, case: Case) -> Finding | None:
        head, decay = case.head, getattr(case.model.optimizer, "weight_decay", None) or 0.0
        if head is None or case.skill is None or case.skill > 0.5:
            return None
        penalty, first = case.penalty, self._first(case)
        if not case.model.losses and not decay:
            return None
        shrunk = self._shrunk(case)
        outweighs = max(penalty, first) > max(head.loss_now, 0.0)
        collapsed = shrunk is not None and shrunk < 0.3
        if not (outweighs or collapsed):
            return None
        told = [
            f"The penalties are {penalty:.4g} now"
            + (f" and were {first:.4g} at the start" if first else "")
            + f"; the loss itself is {head.loss_now:.4g}, that of the best constant guess "
            f"{head.base:.4g}."
        ]
        if collapsed and shrunk is not None:
            told.append(f"The weights shrank to {shrunk:.2g} of what they were.")
        if decay:
            told.append(f"The optimizer's weight decay is {float(decay):g}.")
        return self.found(
            "serious",
            *told,
            remedy="Take a penalty a hundred times as small, and raise it only when the network "
            "overfits.",
            code="kernel_regularizer=gn.regularizers.L2(1e-4)",
            numbers={"penalty": penalty, "loss": head.loss_now},
            born=True,
        )

    @staticmethod
    def _first(case: Case) -> float:
        if case.bench is None or case.bench.start is None:
            return 0.0
        with case.bench.at_start():
            return float(sum(float(np.asarray(p)) for p in case.model.losses))

    @staticmethod
    def _shrunk(case: Case) -> float | None:
        """The size of the kernels now as a part of what it was, the smallest of all layers."""
        start = case.began_with()
        if start is None:
            return None
        found = [
            size_of(v.value) / size_of(a)
            for a, v in zip(start, case.model.trainable_weights, strict=True)
            if a.ndim > 1 and size_of(a) > 0
        ]
        return min(found, default=None)


@ailment
class TooFewSteps(Ailment):
    """A run that ended before it had well begun."""

    name = "too few steps"
    order = 30
    needs = "run"
    fallback = True
    why = (
        "The loss falls by about η‖∇J‖² a step: so many steps are needed as the way is long, "
        "whatever the number of epochs."
    )

    def examine(self, case: Case) -> Finding | None:
        steps, skill, loss = case.steps, case.skill, case.log("loss")
        if steps is None or skill is None or case.stopped:
            return None
        if not ((steps < 50 and skill < 0.15) or (steps < 10 and skill < 0.3)):
            return None
        if len(loss) > 1 and not (np.diff(loss) < 0).mean() > 0.6:
            return None
        size = case.batch_size or 32
        return self.found(
            "notable",
            f"{case.epochs} epoch{'s' * (case.epochs != 1)} of {case.size} examples in batches of "
            f"{size} are {steps} steps; the loss has fallen by {max(skill, 0.0):.0%} of what the "
            "best constant guess costs.",
            remedy="Train for more epochs"
            + (", with smaller batches." if steps < 10 * case.epochs and size > 64 else "."),
            code=f"model.fit(x, y, batch_size=32, epochs={max(10, 5 * case.epochs)})",
            numbers={"steps": float(steps), "skill": skill},
        )
