"""Ailments of the targets: classes out of balance, and labels that the inputs tell nothing of."""

from __future__ import annotations

import numpy as np

from glassnet.explain.doctor.training.ailments import Ailment, ailment
from glassnet.explain.doctor.training.case import Case
from glassnet.explain.doctor.training.heads import Head
from glassnet.explain.doctor.training.report import Finding
from glassnet.explain.evaluation import wide
from glassnet.layers import Embedding
from glassnet.nest import flatten

MAJORITY = 0.8
"""The share of one of two classes from which on guessing it looks good."""
RARE = 5.0
"""A class is rare that has less than a fifth of its even share."""
NEIGHBOURS = 5
FOLDS = 4


@ailment
class Imbalance(Ailment):
    """Classes out of balance."""

    name = "classes out of balance"
    order = 9
    needs = "run"
    why = (
        "J = Σ pₖ Jₖ: a class counts in the loss by its share pₖ, and always guessing the largest "
        "gives accuracy max pₖ."
    )
    source = 'H. He, E. Garcia, "Learning from imbalanced data", IEEE TKDE 21, 2009'

    def examine(self, case: Case) -> Finding | None:
        for head in case.heads:
            if head.labels is None or len(head.labels) < 20:
                continue
            weight = head.weight if head.weight is not None and head.weight.ndim == 1 else None
            counts = np.bincount(head.labels, minlength=head.classes)
            weighed = np.bincount(head.labels, weight, head.classes)
            shares = weighed / max(float(weighed.sum()), 1e-300)
            n, k = len(head.labels), head.classes
            if not self._uneven(shares, n, k):
                continue
            most = int(np.argmax(counts))
            names = [f"{name:g}" for name in np.unique(head.y)]
            names = names if len(names) == k == 2 else [str(c) for c in range(k)]
            told, recalls = self._recalls(head, counts, names)
            rare = ", ".join(f"{names[c]}: {counts[c]}" for c in np.argsort(counts)[: min(k, 4)])
            return self.found(
                "notable",
                f"Class {names[most]} is {counts[most] / n:.1%} of {n} examples; always guessing "
                f"it gives accuracy {counts[most] / n:.3f}. The rarest: {rare}.",
                told,
                remedy="Weigh the classes, and look at the recall of each in place of accuracy.",
                code=_weighing(head, names),
                numbers={"majority": float(counts[most] / n), **recalls},
            )
        return None

    @staticmethod
    def _uneven(shares: np.ndarray, n: int, k: int) -> bool:
        """Whether shares are uneven beyond what so few examples show by chance."""
        most = float(shares.max())
        if most - 2 * np.sqrt(most * (1 - most) / n) > MAJORITY - 0.05 and most >= MAJORITY:
            return True
        if k < 3:
            return False
        present = shares * n
        half = present + 3 * np.sqrt(present + 1) < n / (2 * k)  # not by chance
        rare = (present < n / (RARE * k)) & half
        crowded = most > 0.5 and most > 2.5 / k
        return bool(rare.any()) or crowded

    @staticmethod
    def _recalls(head: Head, counts: np.ndarray, names: list[str]) -> tuple[str, dict[str, float]]:
        if head.guessed is None or head.labels is None:
            return "", {}
        recalls = {
            k: float(np.mean(head.guessed[head.labels == k] == k))
            for k in range(head.classes)
            if counts[k]
        }
        told = ", ".join(f"{names[k]}: {r:.2f}" for k, r in recalls.items())
        mean = float(np.mean(list(recalls.values())))
        accuracy = float(np.mean(head.guessed == head.labels))
        text = (
            f"The network's accuracy is {accuracy:.3f}, the mean recall of the classes {mean:.3f} "
            f"({told})."
        )
        return text, {"mean_recall": mean, "accuracy": accuracy}


def _weighing(head: Head, names: list[str]) -> str:
    """The code that weighs the classes, for targets of this form."""
    if names != [str(c) for c in range(head.classes)]:  # such as -1 and 1
        return (
            "value, place, count = np.unique(y, return_inverse=True, return_counts=True)\n"
            "weight = len(y) / (len(count) * count[place.reshape(-1)])\n"
            "model.fit(x, y, sample_weight=weight)"
        )
    labels = (
        "y.argmax(axis=1)"
        if head.y.ndim == 2 and head.y.shape[1] > 1
        else ("y.reshape(-1).astype(int)")
    )
    return (
        f"count = np.bincount({labels})\n"
        "model.fit(x, y, class_weight={k: len(y) / (len(count) * n)\n"
        "                              for k, n in enumerate(count) if n})"
    )


@ailment
class UnrelatedLabels(Ailment):
    """Labels that do not depend on the inputs, such as shuffled ones."""

    name = "labels unrelated to the inputs"
    order = 7
    needs = "run"
    why = (
        "If y does not depend on x, the best prediction is p(y), whatever x is: the loss ends at "
        "the entropy of the labels, and below it only by learning by heart."
    )
    source = (
        'C. Zhang et al., "Understanding deep learning requires rethinking generalization", 2017'
    )

    def examine(self, case: Case) -> Finding | None:
        head = case.head
        if head is None or head.labels is None or len(head.labels) < 100 or case.data is None:
            return None
        shares = np.bincount(head.labels) / len(head.labels)
        chance = float(shares.max())
        if chance > MAJORITY:
            return None  # with so few of the others, chance explains what is seen
        held = case.validation_head
        if held is not None and held.skill > 0.05:
            return None  # what was learnt holds for others too
        loss = case.log("loss")
        if len(loss) and 1 - loss[0] / head.base > 0.05:
            return None  # in the first epoch most examples are seen for the first time
        if any(isinstance(layer, Embedding) for layer in case.model.layers):
            return None  # numbers that stand for words are no measures
        x = features(case)
        bound = chance + 3.5 * np.sqrt(chance * (1 - chance) / len(x))
        scores = [neighbours(x, head.labels), ridge(x, head.labels, case.rng)]
        if max(*scores, nearest(x, head.labels)) > bound:
            return None
        return self.found(
            "serious",
            f"Neighbours of an example tell its label with accuracy {scores[0]:.3f}, a linear rule "
            f"tells held-out labels with {scores[1]:.3f}; always guessing the largest class gives "
            f"{chance:.3f}.",
            f"The training loss is {head.loss_now:.4g}, the entropy of the labels {head.base:.4g}.",
            remedy="Check that x and y still belong together: shuffle both by one permutation, "
            "and look at a few examples with their labels.",
            code="order = np.random.default_rng(0).permutation(len(x))\nx, y = x[order], y[order]",
            numbers={"neighbours": scores[0], "linear": scores[1], "chance": chance},
            born=True,
        )


def features(case: Case) -> np.ndarray:
    """Return all inputs of the sample as one matrix."""
    assert case.data is not None
    leaves = [wide(a) for a in flatten(case.data.x) if a is not None]
    return np.concatenate([a.reshape(len(a), -1).astype(np.float64) for a in leaves], axis=1)


def neighbours(x: np.ndarray, labels: np.ndarray, count: int = NEIGHBOURS) -> float:
    """Return how often the nearest other examples tell the label of an example."""
    scale = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(scale > 0, np.sqrt(scale * scale.max()), 1.0)
    squares = np.einsum("ij,ij->i", x, x)
    distances = squares[:, None] + squares[None, :] - 2 * (x @ x.T)
    np.fill_diagonal(distances, np.inf)
    near = np.argpartition(distances, count, axis=1)[:, :count]
    votes = np.zeros((len(x), int(labels.max()) + 1))
    for column in near.T:
        votes[np.arange(len(x)), labels[column]] += 1
    return float(np.mean(votes.argmax(axis=1) == labels))


def nearest(x: np.ndarray, labels: np.ndarray) -> float:
    """Return how often the neighbours, or the nearest one alone, tell the label of an example.

    In a narrow spiral four of five neighbours may lie on another arm.
    """
    return max(neighbours(x, labels), neighbours(x, labels, 1))


def ridge(x: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> float:
    """Return how often a linear rule tells the labels of examples it was not fitted on.

    The rule is least squares on one-hot labels with a penalty, in its dual form.
    """
    order = rng.permutation(len(x))
    targets = np.eye(int(labels.max()) + 1)[labels]
    right = 0
    for part in np.array_split(order, FOLDS):
        rest = np.setdiff1d(order, part)
        mean, scale = x[rest].mean(axis=0), x[rest].std() + 1e-12
        a, b = (x[rest] - mean) / scale, (x[part] - mean) / scale
        centre = targets[rest].mean(axis=0)
        gram = a @ a.T
        gram[np.diag_indices_from(gram)] += 0.1 * np.trace(gram) / len(gram) + 1e-12
        fitted = b @ (a.T @ np.linalg.solve(gram, targets[rest] - centre)) + centre
        right += int(np.sum(fitted.argmax(axis=1) == labels[part]))
    return right / len(x)
