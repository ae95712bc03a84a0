"""The base of losses, their registry, and losses by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from glassnet.graph import dtypes
from glassnet.graph.recording import as_tensor, scope, written
from glassnet.graph.tensor import Constant, Tensor
from glassnet.losses.reducing import reduce_weighted_values, standardize_reduction
from glassnet.losses.shapes import AnyShape, fits, misfit, squeeze_or_expand_to_same_rank
from glassnet.nest import flatten, map_structure
from glassnet.ops import cast
from glassnet.registry import Configurable, Registry, deserialize, serialize, snake_case

LOSSES = Registry("loss")
LOSS_FUNCTIONS = Registry("loss_function")
"""The losses as functions ``(y_true, y_pred)`` of one value an example."""


class Loss(Configurable):
    """A loss: how far predictions are from targets, as one number.

    A subclass writes ``call(y_true, y_pred)`` in ops (or plain NumPy functions), which gives one
    value an example. Calling the object weights these and brings them together.

    Args:
        name: the name in the log; the class's by default.
        reduction: ``"sum_over_batch_size"`` (or ``"mean"``), ``"sum"``,
            ``"mean_with_sample_weight"``, ``"none"`` or None.
        dtype: the float type of the computation; by default the predictions' own, and at least
            the default float type.

    On arrays the value is computed at once; on symbolic tensors it is recorded.

    >>> import numpy as np, glassnet as gn
    >>> class AbsoluteError(gn.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return np.mean(np.abs(y_true - y_pred), axis=-1)
    >>> float(AbsoluteError()([[0.0, 1.0]], [[0.5, 1.0]]))
    0.25
    """

    integer_targets: ClassVar[bool] = False
    """True where targets are class numbers and stay integers."""

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.reduction = standardize_reduction(reduction)
        self.dtype = None if dtype is None else dtypes.standard(dtype).name

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each example."""
        raise NotImplementedError(
            f"{type(self).__name__} has no call(). Write\n"
            "    def call(self, y_true, y_pred):\n        return ...  # one value an example"
        )

    def check_targets(self, y_true: np.ndarray, output_shape: AnyShape) -> None:
        """Raise where targets can't be right for outputs of this shape, whatever is predicted.

        Args:
            y_true: the targets, of all examples or of a batch.
            output_shape: the shape of the predictions; None or a named size for the batch.

        Raises:
            ValueError: for a wrong width, labels that are out of range, and the like.
        """

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """Return the loss of a batch.

        Args:
            y_true: the targets.
            y_pred: the predictions; what their mask leaves out does not count.
            sample_weight: how much each example counts, or each place of each example.
        """
        outputs = _tensors(y_pred)
        first = flatten(outputs)[0]
        dtype = self._computed_in(first)
        with scope(self.name):
            targets = _tensors(y_true)
            if isinstance(targets, Constant) and isinstance(outputs, Tensor):
                self.check_targets(targets.value, outputs.shape)
            if not self.integer_targets:
                targets = map_structure(lambda t: cast(t, dtype), targets)
            found = self.call(targets, map_structure(lambda t: cast(t, dtype), outputs))
            if found is None:
                raise TypeError(f"The loss {self.name!r} gave None: end it with `return …`.")
            losses = as_tensor(found)
            masks = [t.mask for t in (first, losses) if t.mask is not None]
            mask = (masks[0] & masks[1]) if len(masks) == 2 else masks[0] if masks else None
            losses = losses if dtypes.is_float(losses.dtype) else cast(losses, dtype)
            written(losses, "L")
            return reduce_weighted_values(losses, sample_weight, mask, self.reduction)

    def _computed_in(self, y_pred: Tensor) -> np.dtype:
        if self.dtype is not None:
            return np.dtype(self.dtype)
        return dtypes.promote([y_pred.dtype, dtypes.default_float()])

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({given})"


class FunctionLoss(Loss):
    """The base of the losses that are a function of targets and predictions.

    A subclass names the function and which of its own arguments are passed on.
    """

    function: ClassVar[Callable[..., Tensor]]
    parameters: ClassVar[tuple[str, ...]] = ()

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        given = {name: getattr(self, name) for name in self.parameters}
        return type(self).function(y_true, y_pred, **given)

    def check_targets(self, y_true: np.ndarray, output_shape: AnyShape) -> None:
        if not fits(np.shape(y_true), output_shape):
            raise misfit(type(self).__name__, np.shape(y_true), output_shape)


@LOSSES.add()
class LossFunctionWrapper(Loss):
    """A function ``fn(y_true, y_pred, **kwargs)`` of one value an example, as a loss.

    Args:
        fn: the function; or the name of one of glassnet's.
        reduction: how the values of the examples are brought together; see `Loss`.
        name: the name in the log; the function's by default.
        dtype: the float type of the computation.
        kwargs: further arguments of ``fn``.

    >>> from glassnet import losses
    >>> loss = losses.LossFunctionWrapper(lambda y, p: abs(y - p), name="gap")
    >>> float(loss([[1.0], [2.0]], [[1.0], [5.0]]))
    1.5
    """

    def __init__(
        self,
        fn: Callable[..., Any] | str,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        self.fn = LOSS_FUNCTIONS.find(fn) if isinstance(fn, str) else fn
        super().__init__(name or getattr(self.fn, "__name__", None), reduction, dtype)
        self.kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if isinstance(y_true, Tensor) and isinstance(y_pred, Tensor):
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self.kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        own = {"fn": self.fn, "reduction": self.reduction, "name": self.name, "dtype": self.dtype}
        return {key: serialize(value) for key, value in (own | self.kwargs).items()}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> LossFunctionWrapper:
        """Return the loss that ``get_config`` described."""
        given = {key: deserialize(value, custom_objects) for key, value in config.items()}
        if isinstance(given["fn"], str) and custom_objects and given["fn"] in custom_objects:
            given["fn"] = custom_objects[given["fn"]]
        return cls(**given)


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a loss: by name (``"mse"``), from its saved form, from a function, or as it is.

    A function ``(y_true, y_pred)`` of one value an example becomes a loss of its own.

    >>> import glassnet as gn
    >>> float(gn.losses.get("mse")([[1.0]], [[3.0]]))
    4.0
    """
    found = LOSSES.get(identifier, custom_objects)
    if found is None or isinstance(found, Loss):
        return found
    for cls in LOSSES.entries.values():
        if getattr(cls, "function", None) is found:
            return cls()
    return LossFunctionWrapper(found)


def resolve(identifier: Any, y_true_shape: AnyShape, y_pred_shape: AnyShape) -> Any:
    """Return a loss as ``compile`` does: ``"crossentropy"`` is chosen by the shapes.

    One output: binary. Targets with an axis less, or a last axis of length 1: sparse. Else
    categorical.
    """
    if str(identifier).lower() not in ("crossentropy", "ce"):
        return get(identifier)
    return get(f"{kind_of_classes(y_true_shape, y_pred_shape)}_crossentropy")


def kind_of_classes(y_true_shape: AnyShape, y_pred_shape: AnyShape) -> str:
    """Return ``"binary"``, ``"sparse_categorical"`` or ``"categorical"``, as Keras tells them."""
    if len(y_pred_shape) == 0 or y_pred_shape[-1] == 1:
        return "binary"
    one_number = len(y_true_shape) > 0 and y_true_shape[-1] == 1
    sparse = len(y_true_shape) < len(y_pred_shape) or one_number
    return "sparse_categorical" if sparse else "categorical"


def _tensors(value: Any) -> Any:
    """Turn arrays into tensors; lists of numbers are arrays, lists of arrays stay lists."""
    if isinstance(value, (list, tuple, Mapping)) and any(
        hasattr(leaf, "__array__") and np.ndim(leaf) for leaf in flatten(value)
    ):
        return map_structure(as_tensor, value)
    return as_tensor(value)
