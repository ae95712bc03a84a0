"""The base of every layer: built once, called on tensors or arrays, its weights in order."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from glassnet import regularizers
from glassnet.checks import nearest
from glassnet.engines import Program
from glassnet.graph import dtypes
from glassnet.graph.recording import (
    as_tensor,
    current_recording,
    current_scope,
    recording,
    scope,
)
from glassnet.graph.tensor import Constant, Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.calling import (
    LayerCall,
    as_recorded,
    auto_name,
    call_context,
    call_parameters,
    calling,
    fresh,
    is_numbers,
    is_shape,
    is_symbolic,
    mask_of,
    np_shape,
    originating,
    placeholders_for,
    public_shape,
    set_masks,
    symbolic_shape,
)
from glassnet.layers.weights import Weighted
from glassnet.nest import flatten, map_structure
from glassnet.ops import cast
from glassnet.ops.reduction import number
from glassnet.registry import Registry, constructor_arguments, snake_case

LAYERS = Registry("layer")


class Layer(Weighted):
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
        input_shape: the shape of one example, where the layer opens a `Sequential`.

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
        **kwargs: Any,
    ) -> None:
        width = kwargs.pop("input_dim", None)
        given = kwargs.pop("input_shape", None if width is None else (width,))
        if kwargs:
            known = constructor_arguments(type(self))
            hint = nearest(next(iter(kwargs)), list(known))
            raise TypeError(
                f"{type(self).__name__} takes no argument {', '.join(map(repr, kwargs))}.{hint} It "
                f"takes {', '.join(known)}."
            )
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name is a text; got {name!r}.")
        self.declared_input_shape = None if given is None else tuple(given)
        self.name = name if name is not None else auto_name(snake_case(type(self).__name__))
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self.built = False
        self.supports_masking = self._makes_mask
        self._dtype = dtypes.default_float() if dtype is None else dtypes.standard(dtype)
        self._trainable = bool(trainable)
        self._weights: list[Variable] = []
        self._eager_calls = 0
        self._calls: list[LayerCall] = []  # the uses in functional models
        self.first_inputs: Any = None
        """Shape and dtype of what the layer was built on, arranged as that was."""
        self.output_sizes: Any = None  # the shapes of the last output, None for unknown sizes
        self._input_rank: int | None = None  # the number of axes of what the weights were made for

    keeps_identity = True
    symbol: ClassVar[str] = "A"
    """How formulas write the output: "A" for activations, "P" for what was pooled."""

    if not TYPE_CHECKING:  # mypy would take every attribute for granted

        def __getattr__(self, name: str) -> Any:
            """Say why an attribute is not there; Python asks where nothing else was found."""
            if hasattr(type(self), name) or name.startswith("__"):
                return object.__getattribute__(self, name)  # raises what a property raised
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            if "_calls" not in self.__dict__:
                text += (
                    f". {type(self).__name__}.__init__ did not call the base's: begin it with\n"
                    "    super().__init__()"
                )
            elif not self.built:
                text += (
                    f". Layer {self.name!r} is not built yet, so it has no weights: call it on "
                    "data, or build(input_shape)."
                )
            raise AttributeError(text)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _marking_built(cls.build)  # type: ignore[method-assign]

    # --- what a subclass writes -------------------------------------------------------------
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (sizes unknown before a run are None)."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the output, composed of ops."""
        raise NotImplementedError(
            f"{type(self).__name__} has no call(). Write\n"
            "    def call(self, inputs):\n        return ..."
        )

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the output; by default that of the input."""
        return previous_mask

    @property
    def _makes_mask(self) -> bool:
        return type(self).compute_mask is not Layer.compute_mask

    # --- losses -----------------------------------------------------------------------------
    def add_loss(self, loss: Any) -> None:
        """Add a scalar to the loss of the network; call it inside ``call``."""
        opened = current_recording()
        if opened is not None:
            opened.losses.append(as_tensor(loss))

    @property
    def losses(self) -> list[Tensor]:
        """The penalties on the trainable weights, one a regularized weight."""
        return [w.regularizer(w) for w in self.trainable_weights if w.regularizer is not None]

    @property
    def path(self) -> str:
        """The name, as it stands in front of the weights' names."""
        return self.name

    @property
    def input(self) -> Any:
        """What the layer was first called on in a functional model."""
        return self._first_call().args[0]

    @property
    def output(self) -> Any:
        """What the first call in a functional model gave: ``Model(base.input, layer.output)``."""
        outputs = self._first_call().outputs
        return outputs[0] if len(outputs) == 1 else list(outputs)

    def _first_call(self) -> LayerCall:
        if not self._calls:
            raise AttributeError(
                f"Layer {self.name!r} was never called on a symbolic tensor, so it has no input or "
                "output. Call it on what Input(shape=…) returns."
            )
        return self._calls[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output for inputs of a shape, None for unknown sizes.

        >>> import glassnet as gn
        >>> gn.layers.Dense(3).compute_output_shape((None, 5))
        (None, 3)
        """
        inputs = placeholders_for(input_shape, self._dtype)
        if not self.built:
            self._build(inputs)
        self.check_input(inputs)
        with recording(), calling(False), scope(self.name):
            return map_structure(lambda t: public_shape(t.shape), self.call(inputs))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r}, built={self.built}>"

    # --- calling ----------------------------------------------------------------------------
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the layer's output.

        On arrays the layer runs at once and gives a tensor with a value; on symbolic tensors it
        is recorded and gives symbolic tensors.
        """
        if call_context() is None and not any(map(is_symbolic, flatten((args, kwargs)))):
            return self._run(args, kwargs)
        args, kwargs = self._prepared(args, kwargs)
        if current_recording() is not None:
            return self._record(args, kwargs)
        with recording():  # no recording is under way: a functional model is being wired
            outputs = self._record(args, kwargs)
        call = LayerCall(self, args, kwargs)
        outputs = map_structure(lambda t: originating(t, call), outputs)
        self._calls.append(call)
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
        if first and isinstance(first[0], (list, tuple)) and is_numbers(first[0]):
            args = (as_tensor(first[0]), *args[1:])
        return map_structure(prepare, (args, kwargs))

    def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.built:
            self._build(args[0] if args else next(iter(kwargs.values()), None))
        accepted, kwargs = call_parameters(type(self)), dict(kwargs)
        context = call_context()
        training = kwargs.pop("training", None)
        if training is None and context is not None:
            training = context.training
        if "training" in accepted:
            kwargs = {**kwargs, "training": bool(training)}
        masks = map_structure(mask_of, args[0]) if args else None
        masked = any(m is not None for m in flatten(masks))
        if "mask" in accepted and kwargs.get("mask") is None and masked:
            kwargs = {**kwargs, "mask": masks}
        elif "mask" in kwargs and "mask" not in accepted:
            masks, masked = kwargs.pop("mask"), True
        self.check_input(args[0] if args else None)
        with scope(self.name), calling(training):
            outputs = map_structure(as_recorded, self._called(args, kwargs))
            if self.activity_regularizer is not None:
                for output in flatten(outputs):
                    self.add_loss(self._activity_penalty(output))
            known = masked or kwargs.get("mask") is not None
            if self.supports_masking and (known or self._makes_mask):
                previous = kwargs.get("mask") if kwargs.get("mask") is not None else masks
                set_masks(outputs := fresh(outputs, args), self.compute_mask(args[0], previous))
            opened = current_recording()
            if opened is not None:
                opened.calls.append((self, current_scope(), (args, kwargs), outputs))
        self.output_sizes = map_structure(lambda t: public_shape(np_shape(t)), outputs)
        return outputs

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outputs = self.call(*args, **kwargs)
        if outputs is None:
            raise TypeError(
                f"Layer {self.name!r}: call() gave None. End {type(self).__name__}.call with "
                "`return …`."
            )
        return outputs

    def _activity_penalty(self, output: Tensor) -> Tensor:
        """The penalty on an output, for each example: large batches weigh no more than small."""
        penalty = self.activity_regularizer(output)
        return penalty / number(output.shape[0], penalty.dtype) if output.ndim else penalty

    def check_input(self, inputs: Any) -> None:
        """Raise where the inputs do not fit this layer; called before every ``call``."""

    def _build(self, inputs: Any) -> None:
        shapes = map_structure(lambda t: public_shape(np_shape(t)), inputs)
        self.first_inputs = map_structure(InputSpec.of, inputs)
        kept = len(self._weights)
        try:
            with scope(self.name):
                self.build(shapes)
        except BaseException:  # the next call builds anew, without the weights of this attempt
            del self._weights[kept:]
            self.built = False
            raise
        self.built = True

    def rebuild(self, inputs: Any) -> None:
        """Make the weights of this layer and of all in it, for inputs like ``first_inputs``."""
        symbolic = map_structure(lambda spec: spec.placeholder(), inputs)
        with recording(), calling(False), scope(self.name):
            if not self.built:
                self._build(symbolic)
            self.call(symbolic)


@dataclass(frozen=True)
class InputSpec:
    """What a layer needs to know of an input to be built."""

    shape: tuple[int | None, ...]
    dtype: str

    @staticmethod
    def of(value: Any) -> InputSpec:
        """Return the spec of a tensor or array."""
        dtype = value.dtype.name if hasattr(value, "dtype") else ""
        return InputSpec(public_shape(np_shape(value)), dtype)

    def placeholder(self) -> Placeholder:
        """Return a symbolic tensor of this spec."""
        return Placeholder(symbolic_shape(self.shape), self.dtype or None, name="input")


def _marking_built(build: Callable[..., None]) -> Callable[..., None]:
    """Return ``build``, marking the layer as built: it may be called by hand before any data."""

    @functools.wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.built = True
        shape = next(iter((*args, *kwargs.values())), None)
        self._input_rank = len(shape) if shape is not None and is_shape(shape) else None

    return wrapped
