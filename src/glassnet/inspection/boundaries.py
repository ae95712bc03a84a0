"""What a network decides, or predicts, over a plane of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from glassnet import losses
from glassnet.checks import one_of
from glassnet.inspection.inputs import AT_ONCE, MARGIN, InputPlane, Range, input_plane
from glassnet.inspection.scores import NoScores, scores
from glassnet.models.model import Model

Kind = Literal["binary", "classes", "labels", "regression"]

CELLS = 201
"""How many places along each axis."""

_CLASSIFYING = (
    losses.BinaryCrossentropy,
    losses.BinaryFocalCrossentropy,
    losses.CategoricalCrossentropy,
    losses.CategoricalFocalCrossentropy,
    losses.CategoricalGeneralizedCrossEntropy,
    losses.SparseCategoricalCrossentropy,
)


@dataclass(frozen=True, eq=False)
class Boundary:
    """What a network says over a plane of inputs, and of points.

    Args:
        plane: the inputs.
        kind: ``"binary"``: yes or no; ``"classes"``: one of k; ``"labels"``: k times yes or no;
            ``"regression"``: numbers.
        values: what it says over the plane, (b, a, k) with k = 1 for binary: probabilities, or
            scores where ``probable`` is False, or predicted numbers.
        probable: whether the values are probabilities.
        names: of the classes (two for binary), of the labels, of the predicted numbers.
        points: the points, by the two features that move, (m, 2).
        said: what the network says of the points themselves, with all their features, (m, k).
        truth: the class of each point, (m,), for binary and classes; else (m, k); None without y.
    """

    plane: InputPlane
    kind: Kind
    values: np.ndarray
    probable: bool
    names: tuple[str, ...]
    points: np.ndarray
    said: np.ndarray
    truth: np.ndarray | None

    @property
    def threshold(self) -> float:
        """Above which a value says yes: 0.5 for probabilities, 0 for scores with a sign."""
        return 0.5 if self.probable else 0.0

    def decided(self, values: np.ndarray) -> np.ndarray:
        """Return the classes that values (…, k) stand for: (…) of numbers; (…, k) for labels."""
        if self.kind == "classes":
            return values.argmax(axis=-1)
        yes = (values > self.threshold).astype(np.int64)
        return yes[..., 0] if self.kind == "binary" else yes

    @property
    def wrong(self) -> np.ndarray:
        """Which points are judged wrongly, in the shape of ``truth``.

        Raises:
            ValueError: for a regression, and where there is no truth.
        """
        if self.truth is None or self.kind == "regression":
            raise ValueError("wrong: there is no class to compare with.")
        return np.asarray(self.decided(self.said) != self.truth)

    @property
    def error(self) -> np.ndarray:
        """The root of the mean squared error of each predicted number at the points, (k,).

        Raises:
            ValueError: where these are no numbers, and where there is no truth.
        """
        if self.truth is None or self.kind != "regression":
            raise ValueError("error: there is no number to compare with.")
        return np.asarray(np.sqrt(np.mean((self.said - self.truth) ** 2, axis=0)))

    def lead(self, number: int) -> np.ndarray:
        """Return by how much a class is ahead of the best other, (b, a); 0 is its boundary."""
        others = np.delete(self.values, number, axis=-1)
        return np.asarray(self.values[..., number] - others.max(axis=-1))

    def middle(self, region: np.ndarray) -> tuple[float, float] | None:
        """Return the place of a region (b, a) that is farthest from its border; None for none.

        Where several are, one of them. Distances are counted in cells, as a king moves.
        """
        left = np.pad(region, 1, constant_values=False)
        last = left
        while left.any():
            last = left
            across = left[:, 1:-1] & left[:, :-2] & left[:, 2:]
            left = np.zeros_like(last)
            left[1:-1, 1:-1] = across[1:-1] & across[:-2] & across[2:]
        inside = np.argwhere(last[1:-1, 1:-1])
        if not len(inside):
            return None
        row, column = inside[len(inside) // 2]
        return float(self.plane.a[column]), float(self.plane.b[row])

    @property
    def strength(self) -> np.ndarray:
        """How sure the decision for one of k classes is, (b, a), from 0 to 1.

        ``(max p - 1/k) / (1 - 1/k)`` for probabilities: 0 where all are equal. For scores the lead
        of the best class, as a part of its largest lead.
        """
        ordered = np.sort(self.values, axis=-1)
        if self.probable:
            least = 1 / self.values.shape[-1]
            return np.asarray(np.clip((ordered[..., -1] - least) / (1 - least), 0, 1))
        lead = ordered[..., -1] - ordered[..., -2]
        return np.asarray(lead / (lead.max() or 1.0))


def boundary(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    features: Sequence[int | str] | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    kind: str | None = None,
    output: int | str | None = None,
    cells: int = CELLS,
    margin: float = MARGIN,
    extent: tuple[Range, Range] | None = None,
) -> Boundary:
    """Return what a network decides, or predicts, over a plane of its inputs.

    On places ``x`` with ``x[i] = a``, ``x[j] = b`` and all other features at their mean: the
    probabilities of a classifier (see `probabilities`: rightly for outputs that are logits), or
    the numbers of a regression. It is a regression where the last op is no sigmoid or softmax and
    the loss is not one of classes, and where the targets are not classes.

    Args:
        model: the network.
        x: points, (m, features); the plane shows all of them.
        y: their truth: class numbers, one-hot rows, rows of labels, or numbers.
        features: the two features that move, by number or name; needed where there are more.
        feature_names: the names of all features; ``x₁``, ``x₂`` … for None.
        class_names: the names of classes, labels or predicted numbers.
        kind: ``"regression"`` where the outputs are numbers and that can't be told; None else.
        output: which output, by place or name, of a model with several.
        cells: how many places along each axis.
        margin: how far the plane reaches beyond the points, as a part of their extent.
        extent: ((a₀, a₁), (b₀, b₁)) in place of that.

    Raises:
        TypeError: where this is no model, or x holds no numbers.
        ValueError: where x or y does not fit the network, or how its outputs become probabilities
            can't be told.

    >>> import numpy as np, glassnet as gn
    >>> model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1, "sigmoid")])
    >>> model.layers[0].set_weights([np.array([[1.0], [0.0]]), np.zeros(1)])  # yes where x₁ > 0
    >>> found = gn.inspection.boundary(
    ...     model, np.array([[-1.0, 0.0], [1.0, 1.0]]), np.array([0, 0]), cells=3
    ... )
    >>> found.decided(found.values).tolist(), found.wrong.tolist()
    ([[0, 0, 1], [0, 0, 1], [0, 0, 1]], [False, True])
    """
    what = "boundary"
    if kind is not None:
        one_of(kind, ("regression",), f"{what}: kind")
    plane, points = input_plane(
        what, model, x, features=features, names=feature_names,
        cells=cells, margin=margin, extent=extent,
    )  # fmt: skip
    teller = _Teller(model, output, kind)
    said = teller(points)
    if teller.kind == "binary" and y is not None and not _yes_no(y):
        teller = _Teller(model, output, "regression")
        said = teller(points)
    if said.ndim != 2:
        raise ValueError(
            f"{what}: the network gives an array of shape {said.shape} for {len(points)} points; "
            "expected one number, or a row of numbers, for each."
        )
    values = plane.answers(teller)
    truth = None if y is None else _truth(what, y, len(points), teller.kind, said.shape[1])
    names = _class_names(what, class_names, teller.kind, said.shape[1])
    return Boundary(
        plane, teller.kind, values, teller.probable, names,
        points[:, plane.features].astype(np.float64), said, truth,
    )  # fmt: skip


class _Teller:
    """What a network says of inputs, (m, k): values of its scores, or numbers."""

    def __init__(self, model: Model, output: int | str | None, kind: str | None) -> None:
        self.model, self.output, self.asked = model, output, kind
        self.kind: Kind = "regression"
        self.probable = False

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        values = self._numbers(inputs) if self.asked == "regression" else self._told(inputs)
        return values[:, None] if values.ndim == 1 else values

    def _told(self, inputs: np.ndarray) -> np.ndarray:
        try:
            found = scores(self.model, inputs, output=self.output, batch_size=AT_ONCE)
        except NoScores:
            if not self.model.compiled or _classifying(self.model):
                raise
            return self._numbers(inputs)
        self.kind, self.probable = found.kind, found.probable
        return found.values

    def _numbers(self, inputs: np.ndarray) -> np.ndarray:
        found = self.model.predict(inputs, batch_size=AT_ONCE, verbose=0)
        if isinstance(found, np.ndarray):
            return found.astype(np.float64)
        names = list(found) if isinstance(found, dict) else list(range(len(found)))
        if self.output not in names:
            raise ValueError(
                f"boundary: the model has several outputs; choose output= of {names}; got "
                f"{self.output!r}."
            )
        return np.asarray(found[self.output], np.float64)


def _classifying(model: Model) -> bool:
    given = model.loss if isinstance(model.loss, (list, tuple, dict)) else [model.loss]
    found = list(given.values()) if isinstance(given, dict) else given
    return any(
        str(one).lower() in ("crossentropy", "ce") or isinstance(losses.get(one), _CLASSIFYING)
        for one in found
        if one is not None
    )


# --- truth ------------------------------------------------------------------------------------
def _yes_no(y: Any) -> bool:
    """Whether targets of one number are classes: 0 and 1, or -1 and 1."""
    found = set(np.unique(np.asarray(y)).tolist())
    return found <= {0, 1} or found <= {-1, 1}


def _truth(what: str, y: Any, count: int, kind: Kind, width: int) -> np.ndarray:
    given = np.asarray(y)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"{what}: y holds {given.dtype} values; expected numbers.")
    if given.ndim == 0 or len(given) != count:
        raise ValueError(
            f"{what}: x has {count} points; y has shape {given.shape}, which are not as many."
        )
    if kind in ("regression", "labels"):
        rows = given.reshape(count, -1)
        if rows.shape[1] != width:
            raise ValueError(
                f"{what}: the network gives {width} numbers a point; y has {rows.shape[1]}."
            )
        return rows.astype(np.float64) if kind == "regression" else (rows > 0).astype(np.int64)
    if given.ndim == 2 and given.shape[1] == width > 1:
        return given.argmax(axis=1)  # one-hot rows
    if given.size != count:
        raise ValueError(
            f"{what}: expected class numbers of shape ({count},) or one-hot rows ({count}, "
            f"{width}); y has shape {given.shape}."
        )
    numbers = given.reshape(count)
    if kind == "binary":
        return (numbers > 0).astype(np.int64)  # hinge losses say -1 for no
    if (numbers != np.floor(numbers)).any() or numbers.min() < 0 or numbers.max() >= width:
        raise ValueError(
            f"{what}: expected class numbers from 0 to {width - 1}; y goes from {numbers.min():g} "
            f"to {numbers.max():g}."
        )
    return numbers.astype(np.int64)


def _class_names(what: str, names: Sequence[str] | None, kind: Kind, width: int) -> tuple[str, ...]:
    count = 2 if kind == "binary" else width
    if names is None:
        word = {"regression": "output", "labels": "label"}.get(kind, "class")
        if kind == "regression" and count == 1:
            return ("y",)
        return tuple(f"{word} {i}" for i in range(count))
    if isinstance(names, str) or len(names) != count:
        raise ValueError(f"{what}: expected {count} class_names; got {names!r}.")
    return tuple(map(str, names))
