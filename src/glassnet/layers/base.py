"""The base of every layer: built once, called on tensors or arrays, its weights in order."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassnet import constraints, initializers, regularizers
from glassnet.engines import Program
from glassnet.graph import dtypes
from glassnet.graph.dimension import Dim, Shape, display
from glassnet.graph.recording import as_tensor, current_recording, recording, scope
from glassnet.graph.tensor import Constant, Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.nest import flatten, map_structure
from glassnet.ops import cast, identity
from glassnet.registry import Configurable, Registry, snake_case

LAYERS = Registry("layer")

_names: Counter[str] = Counter()


def auto_name(kind: str) -> str:
    """Return ``kind``, then ``kind_1``, ``kind_2`` …, as Keras numbers its layers."""
    count = _names[kind]
    _names[kind] += 1
    return f"{kind}_{count}" if count else kind


def reset_names() -> None:
    """Start the numbering of automatic names anew."""
    _names.clear()


@dataclass
class CallContext:
    """What holds during the outermost call of a layer: the mode its inner layers inherit."""

    training: bool | None = None


_context: ContextVar[CallContext | None] = ContextVar("glassnet_call", default=None)


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One use of a layer in a functional model: the layer and what it was called with."""

    layer: Layer
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    outputs: list[Tensor] = field(default_factory=list)

    @property
    def inputs(self) -> list[Tensor]:
        """The tensors among the arguments."""
        return [t for t in flatten((self.args, dict(self.kwargs))) if isinstance(t, Tensor)]


class Layer(Configurable):
    """A brick of a network: a function of tensors with weights of its own.

    A subclass stores its hyperparameters in ``__init__``, makes its weights in
    ``build(input_shape)`` with ``add_weight`` and composes ops (or plain NumPy functions) in
    ``call(inputs)``. The derivative follows from the ops; no layer writes one.

    Args:
        activity_regularizer: a penalty on the output, added to the loss.
        trainable: whether an optimizer changes the weights.
        dtype: the dtype of weights and computation; the default float type for None.
        autocast: whether float inputs are turned into ``dtype``.
        name: the name; one is made up for None.

    >>> import numpy as np, glassnet as gn
    >>> class Scale(gn.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> np.asarray(Scale()(np.array([[1.0, 2.0]]))).tolist()
    [[1.0, 2.0]]
    """

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
    ) -> None:
        self.name = name if name is not None else auto_name(snake_case(type(self).__name__))
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self.input_shape_argument = None if input_shape is None else tuple(input_shape)
        self.built = False
        self.supports_masking = False
        self._dtype = dtypes.default_float() if dtype is None else dtypes.standard(dtype)
        self._trainable = bool(trainable)
        self._weights: list[Variable] = []
        self._eager_calls = 0

    # --- what a subclass writes -------------------------------------------------------------
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (sizes unknown before a run are None)."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the output, composed of ops."""
        raise NotImplementedError(
            f"{type(self).__name__} has no call(). Write\n"
            "    def call(self, inputs):\n        return ..."
        )

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the output; by default that of the input."""
        return previous_mask

    # --- weights ----------------------------------------------------------------------------
    def add_weight(
        self,
        shape: Sequence[int] | int | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        name: str | None = None,
    ) -> Variable:
        """Return a new weight of this layer.

        Args:
            shape: its shape; ``()`` for None.
            initializer: a name, an initializer, or a callable ``(shape, dtype)``;
                Glorot's uniform one for None.
            dtype: its dtype; the layer's for None.
            trainable: whether an optimizer changes it.
            autocast: accepted for Keras's sake; weights have the dtype they are computed in.
            regularizer: a penalty added to the loss.
            constraint: a projection applied after each update.
            aggregation: accepted for Keras's sake; there is one copy of a weight.
            name: its name within the layer.
        """
        sizes = (shape,) if isinstance(shape, int) else tuple(shape or ())
        if any(size is None for size in sizes):
            raise ValueError(
                f"Layer {self.name!r}: the weight {name!r} would have the shape {sizes}; a weight "
                "needs sizes that are known. Give the input's last axis a size: "
                "Input(shape=(…, 3))."
            )
        variable = Variable(
            initializers.get("glorot_uniform" if initializer is None else initializer),
            sizes,
            self.dtype if dtype is None else dtype,
            trainable,
            name or f"variable_{len(self._weights)}",
        )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.path = f"{self.name}/{variable.name}"
        self._weights.append(variable)
        return variable

    def _parts(self) -> Iterator[Any]:
        """The variables and layers found in the attributes, in the order they were set."""
        for value in self.__dict__.values():
            for part in flatten(value):
                if isinstance(part, (Variable, Layer)):
                    yield part

    @property
    def _own(self) -> list[Variable]:
        found = self._weights + [p for p in self._parts() if isinstance(p, Variable)]
        return _unique(found)

    def _sublayers(self) -> list[Layer]:
        """The layers that this layer is made of."""
        return _unique([p for p in self._parts() if isinstance(p, Layer)])

    @property
    def weights(self) -> list[Variable]:
        """All weights in Keras's order: own trainable, own others, then the inner layers'."""
        own = [v for v in self._own if v.trainable] + [v for v in self._own if not v.trainable]
        if not self._trainable:  # freezing changes no order
            own = self._own
        return _unique(own + [w for layer in self._sublayers() for w in layer.weights])

    @property
    def variables(self) -> list[Variable]:
        """All weights."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that an optimizer changes."""
        if not self._trainable:
            return []
        inner = [w for layer in self._sublayers() for w in layer.trainable_weights]
        return _unique([v for v in self._own if v.trainable] + inner)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The other weights: frozen ones, moving statistics."""
        trained = {id(w) for w in self.trainable_weights}
        return [w for w in self.weights if id(w) not in trained]

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether an optimizer changes the weights; set it to False to freeze the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._sublayers():
            layer.trainable = value

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights' arrays, in the order of ``weights``."""
        return [w.value.copy() for w in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights, in the order of ``weights``; all fit or none is changed."""
        own = self.weights
        arrays = [np.asarray(w) for w in weights]
        if len(arrays) != len(own):
            raise ValueError(
                f"Layer {self.name!r} has {len(own)} weights; set_weights got {len(arrays)} "
                f"arrays.{'' if self.built else ' The layer is not built yet: call it once.'}"
            )
        for weight, array in zip(own, arrays, strict=True):
            if weight.shape != array.shape:
                raise ValueError(
                    f"Weight {weight.path!r} has shape {display(weight.shape)}; "
                    f"set_weights got {display(array.shape)}."
                )
        for weight, array in zip(own, arrays, strict=True):
            weight.assign(array)

    def count_params(self) -> int:
        """Return the number of entries of all weights."""
        if not self.built:
            raise ValueError(
                f"Layer {self.name!r} is not built, so it has no weights to count yet. "
                "Call it on data, or build(input_shape)."
            )
        return sum(int(np.prod(w.shape)) for w in self.weights)

    # --- dtype, losses ----------------------------------------------------------------------
    @property
    def dtype(self) -> str:
        """The dtype of weights and computation."""
        return self._dtype.name

    variable_dtype = dtype
    compute_dtype = dtype

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to the loss of the network; call it inside ``call``."""
        opened = current_recording()
        if opened is not None:
            opened.losses.append(as_tensor(loss))

    @property
    def losses(self) -> list[Tensor]:
        """The penalties on the trainable weights, one a regularized weight."""
        return [w.regularizer(w) for w in self.trainable_weights if w.regularizer is not None]

    # --- configuration ----------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        config = super().get_config()
        if config.get("input_shape") is None:
            config.pop("input_shape", None)
        return config

    @property
    def path(self) -> str:
        """The name, as it stands in front of the weights' names."""
        return self.name

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output for inputs of a shape, None for unknown sizes.

        >>> import glassnet as gn
        >>> gn.layers.Dense(3).compute_output_shape((None, 5))
        (None, 3)
        """
        inputs = _placeholders_for(input_shape, self._dtype)
        if not self.built:
            self._build(inputs)
        with recording(), _calling(False), scope(self.name):
            return map_structure(lambda t: public_shape(t.shape), self.call(inputs))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r}, built={self.built}>"

    # --- calling ----------------------------------------------------------------------------
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the layer's output.

        On arrays the layer runs at once and gives a tensor with a value; on symbolic tensors it
        is recorded and gives symbolic tensors.
        """
        if _context.get() is None and not any(map(_symbolic, flatten((args, kwargs)))):
            return self._run(args, kwargs)
        args, kwargs = self._prepared(args, kwargs)
        outermost = _context.get() is None
        with nullcontext() if current_recording() is not None else recording():
            outputs = self._record(args, kwargs)
        if outermost:
            call = LayerCall(self, args, kwargs)
            outputs = map_structure(lambda t: _originating(t, call), outputs)
        return outputs

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run on arrays: record for their shapes, compute, commit what the layer assigned."""
        arrays: list[np.ndarray] = []
        holes: list[Placeholder] = []

        def hole(value: Any) -> Any:
            if isinstance(value, (np.ndarray, Constant)):
                array = np.asarray(value)
                holes.append(Placeholder(array.shape, array.dtype, name=f"input_{len(holes)}"))
                holes[-1].mask = value.mask if isinstance(value, Constant) else None
                arrays.append(array)
                return holes[-1]
            return value

        args, kwargs = map_structure(hole, self._prepared(args, kwargs))
        with recording() as opened:
            outputs = self._record(args, kwargs)
        flat = [as_tensor(t) for t in flatten(outputs)]
        masks = [t.mask for t in flat if t.mask is not None]
        updates = list(opened.updates.items())
        program = Program(holes, [*flat, *masks, *(new for _, new in updates)])
        values = program.run(*arrays, step=self._eager_calls)
        self._eager_calls += 1
        rest = values[len(flat) + len(masks) :]
        for (variable, _), value in zip(updates, rest, strict=True):
            variable.assign(value)
        known_masks = iter(values[len(flat) :])
        results = []
        for tensor, value in zip(flat, values, strict=False):
            results.append(Constant(value))
            if tensor.mask is not None:
                results[-1].mask = Constant(next(known_masks))
        found = iter(results)
        return map_structure(lambda _: next(found), outputs)

    def _prepared(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Turn arrays and lists of numbers among the arguments into tensors of our dtype."""

        def prepare(value: Any) -> Any:
            if isinstance(value, np.generic) or hasattr(value, "__array__"):
                tensor = as_tensor(value)
                if self.autocast and dtypes.is_float(tensor.dtype):
                    mask = tensor.mask
                    tensor = cast(tensor, self._dtype)
                    tensor.mask = mask
                return tensor
            return value

        first = args[:1]
        if first and isinstance(first[0], (list, tuple)) and _is_numbers(first[0]):
            args = (as_tensor(first[0]), *args[1:])
        return map_structure(prepare, (args, kwargs))

    def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.built:
            self._build(args[0] if args else next(iter(kwargs.values()), None))
        accepted, kwargs = _call_parameters(type(self)), dict(kwargs)
        context = _context.get()
        training = kwargs.pop("training", None)
        if training is None and context is not None:
            training = context.training
        if "training" in accepted:
            kwargs = {**kwargs, "training": bool(training)}
        masks = map_structure(_mask_of, args[0]) if args else None
        masked = any(m is not None for m in flatten(masks))
        if "mask" in accepted and kwargs.get("mask") is None and masked:
            kwargs = {**kwargs, "mask": masks}
        elif "mask" in kwargs and "mask" not in accepted:
            masks, masked = kwargs.pop("mask"), True
        self.check_input(args[0] if args else None)
        with scope(self.name), _calling(training):
            outputs = self.call(*args, **kwargs)
            if self.activity_regularizer is not None:
                for output in flatten(outputs):
                    self.add_loss(self.activity_regularizer(output))
            if self.supports_masking and (masked or kwargs.get("mask") is not None):
                previous = kwargs.get("mask") if kwargs.get("mask") is not None else masks
                _set_masks(outputs := _fresh(outputs, args), self.compute_mask(args[0], previous))
        return outputs

    def check_input(self, inputs: Any) -> None:
        """Raise where the inputs do not fit this layer; called before every ``call``."""

    def _build(self, inputs: Any) -> None:
        shapes = map_structure(lambda t: public_shape(np_shape(t)), inputs)
        with scope(self.name):
            self.build(shapes)
        self.built = True


# --- helpers ----------------------------------------------------------------------------------
@contextmanager
def _calling(training: bool | None) -> Iterator[None]:
    token = _context.set(CallContext(training))
    try:
        yield
    finally:
        _context.reset(token)


calling = _calling


def public_shape(shape: Shape) -> tuple[int | None, ...]:
    """Return a shape as Keras writes it: None for a size known only at run time."""
    return tuple(None if isinstance(size, Dim) else size for size in shape)


def np_shape(value: Any) -> Shape:
    """Return the shape of a tensor or array."""
    return value.shape if isinstance(value, Tensor) else np.shape(value)


def symbolic_shape(shape: Sequence[int | None], name: str = "") -> Shape:
    """Return a shape with named sizes for None: ``m`` for the batch, others by their axis."""
    return tuple(
        size if size is not None else Dim.named("m" if axis == 0 else f"{name or 'n'}.{axis}")
        for axis, size in enumerate(shape)
    )


def is_shape(value: Any) -> bool:
    """Tell whether ``value`` is one shape, and not a structure of shapes."""
    return isinstance(value, (tuple, list)) and all(
        size is None or isinstance(size, (int, np.integer, Dim)) for size in value
    )


def _placeholders_for(shapes: Any, dtype: np.dtype) -> Any:
    if is_shape(shapes):
        return Placeholder(symbolic_shape(shapes), dtype, name="input")
    if isinstance(shapes, Mapping):
        return {key: _placeholders_for(shape, dtype) for key, shape in shapes.items()}
    return [_placeholders_for(shape, dtype) for shape in shapes]


def _symbolic(value: Any) -> bool:
    return isinstance(value, Tensor) and not isinstance(value, (Constant, Variable))


def _is_numbers(value: Any) -> bool:
    """A list of numbers stands for an array; a list of arrays or tensors stays a list."""
    return not any(hasattr(leaf, "__array__") for leaf in flatten(value)) and bool(flatten(value))


def _originating(value: Any, call: LayerCall) -> Any:
    """Mark an output as this call's; a tensor that was an input gets a node of its own."""
    if not isinstance(value, Tensor):
        return value
    if value.origin is not None or not value.inputs:
        mask = value.mask
        value = identity(value)
        value.mask = mask
    value.origin = (call, len(call.outputs))
    call.outputs.append(value)
    return value


def _mask_of(value: Any) -> Any:
    return value.mask if isinstance(value, Tensor) else None


def _fresh(outputs: Any, args: tuple[Any, ...]) -> Any:
    given = {id(t) for t in flatten(args)}
    return map_structure(lambda t: identity(t) if id(t) in given else t, outputs)


def _set_masks(outputs: Any, masks: Any) -> None:
    flat_masks = flatten(masks) if not isinstance(masks, Tensor) else [masks]
    for output, mask in zip(flatten(outputs), flat_masks, strict=False):
        if isinstance(output, Tensor) and mask is not None:
            output.mask = mask


def _call_parameters(cls: type) -> Mapping[str, inspect.Parameter]:
    parameters = _signatures.get(cls)
    if parameters is None:
        call: Callable[..., Any] = cls.call  # type: ignore[attr-defined]
        parameters = _signatures[cls] = inspect.signature(call).parameters
    return parameters


_signatures: dict[type, Mapping[str, inspect.Parameter]] = {}


def _unique(items: list[Any]) -> list[Any]:
    seen: set[int] = set()
    return [i for i in items if id(i) not in seen and not seen.add(id(i))]  # type: ignore[func-returns-value]
