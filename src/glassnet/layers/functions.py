"""Layers of one plain function: of yours, or of none at all."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from glassnet.graph.tensor import Tensor
from glassnet.layers.base import LAYERS, Layer
from glassnet.nest import flatten
from glassnet.registry import REGISTRIES, deserialize, serialize, serialize_custom


@LAYERS.add()
class Identity(Layer):
    """``A = X``: a place for a layer that is not there.

    Shapes: any, and A has the shape of X.

    >>> import numpy as np, glassnet as gn
    >>> gn.layers.Identity()(np.array([[1.0, 2.0]])).tolist()
    [[1.0, 2.0]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs


@LAYERS.add()
class Lambda(Layer):
    """``A = f(X)`` for a function f of tensors given in code.

    Args:
        function: f, made of ops, operators or NumPy functions. It is called with the inputs, and
            with ``mask=`` and ``training=`` where it takes arguments of these names.
        output_shape: the shape of one example of A, or a function of the input's shape; it is
            inferred for None.
        mask: the mask of A, or a function ``mask(inputs, previous_mask)``.
        arguments: further arguments of f by name.

    A saved model holds the function's name and never its code. Loading it takes the function from
    ``custom_objects={"name": function}``; one without a name goes by the layer's.

    Shapes: those of f.

    Raises:
        TypeError: where f is no function.

    >>> import numpy as np, glassnet as gn
    >>> np.asarray(gn.layers.Lambda(lambda x: x**2)(np.array([[3.0]]))).tolist()
    [[9.0]]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(
                f"Lambda takes a function given in code: Lambda(lambda x: x**2); got {function!r}."
            )
        self.function = function
        self.output_shape = tuple(output_shape) if isinstance(output_shape, list) else output_shape
        self.mask = mask
        self.arguments = dict(arguments or {})
        self.supports_masking = mask is not None
        try:
            names = set(inspect.signature(function).parameters)
        except ValueError:  # some of NumPy's functions do not tell
            names = set()
        self._passed_on = names & {"mask", "training"}

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        known = {"mask": mask, "training": training}
        own = {name: known[name] for name in self._passed_on}
        outputs = self.function(inputs, **{**self.arguments, **own})
        if self.mask is not None and isinstance(outputs, Tensor):
            outputs.mask = self.compute_mask(inputs, mask)
        return outputs

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self.output_shape):
            return self.output_shape(input_shape)
        return (flatten(input_shape)[0], *self.output_shape)

    def get_config(self) -> dict[str, Any]:
        own = {"function": self.function, "output_shape": self.output_shape, "mask": self.mask}
        return {
            **{key: self._named(value) for key, value in own.items()},
            "arguments": serialize(self.arguments),
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype,
        }

    def _named(self, value: Any) -> Any:
        """A function by its name and kind, anything else as plain data."""
        if not callable(value):
            return serialize(value)
        name = getattr(value, "__name__", "<lambda>")
        for kind, registry in REGISTRIES.items():
            if registry.entries.get(name) is value:
                return {"kind": kind, "function": name}
        return serialize_custom(value, self.name if name == "<lambda>" else name)

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Lambda:
        """Return the layer; a function that is not glassnet's comes from ``custom_objects``."""
        return cls(**{key: deserialize(value, custom_objects) for key, value in config.items()})
