"""What the layers for images and sequences share: their axes, and the checks of their inputs.

An input is (m, n₁, …, n_d, c): examples, d spatial axes, channels last. A class names its d as
``rank`` and is written once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from glassnet import activations, constraints, initializers, regularizers
from glassnet.graph.dimension import Size, display
from glassnet.graph.recording import written
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import Layer
from glassnet.ops.windows import per_axis, span

_AXES = {1: "steps", 2: "height, width", 3: "depth, height, width"}

_MISSING_AXIS = {
    1: "For one sequence pass x[None], for sequences of plain numbers x[..., None].",
    2: (
        "For images without a channel axis pass x[..., None], for one image x[None]; rows of "
        "pixels become images with x.reshape(-1, height, width, channels)."
    ),
    3: "For volumes without a channel axis pass x[..., None], for one volume x[None].",
}


class Spatial(Layer):
    """A layer whose inputs have ``rank`` spatial axes between examples and channels."""

    rank: ClassVar[int]
    channels: int | None = None
    """The number of channels it was built for, where that matters."""

    def check_input(self, inputs: Any) -> None:
        self.check_shape(inputs.shape)

    def check_shape(self, shape: Sequence[Size | None]) -> None:
        """Raise where an input of this shape does not fit; None and named sizes always do."""
        expected = f"(m, {_AXES[self.rank]}, {self.channels or 'channels'})"
        if len(shape) != self.rank + 2:
            raise ValueError(
                f"Layer {self.name!r} expects {self.rank + 2} axes, {expected}; got an input of "
                f"shape {public(shape)}. {_MISSING_AXIS[self.rank]}"
            )
        found = shape[-1]
        if self.channels is not None and isinstance(found, int) and found != self.channels:
            turned = shape[1] == self.channels
            raise ValueError(
                f"Layer {self.name!r} was built for {self.channels} channels on the last axis, "
                f"{expected}; got {public(shape)}."
                + (" This looks like channels first: pass np.moveaxis(x, 1, -1)." if turned else "")
            )

    def check_window(
        self, shape: Sequence[Size | None], reaches: Sequence[int], argument: str
    ) -> None:
        """Raise where a window that reaches over so many cells is larger than the input."""
        for axis, (size, reach) in enumerate(zip(shape[1:-1], reaches, strict=True)):
            if isinstance(size, int) and size < reach:
                name = _AXES[self.rank].split(", ")[axis]
                raise ValueError(
                    f"Layer {self.name!r}: the input {public(shape)} has {name} {size}, but the "
                    f"window reaches over {reach}. Use a smaller {argument}, padding='same', or "
                    "fewer layers that shrink the input before this one."
                )

    def axes(self, value: Any, argument: str, least: int = 1) -> tuple[int, ...]:
        """Return an argument as one integer for each spatial axis."""
        return per_axis(value, self.rank, f"{type(self).__name__}: {argument}", least)

    def known_channels(self, shape: Sequence[Size | None]) -> int:
        """Return the number of channels; raise where it is known only at run time."""
        if not isinstance(shape[-1], int):
            raise ValueError(
                f"Layer {self.name!r}: the number of channels, the last axis of {public(shape)}, "
                "must be known to make the weights: "
                f"Input(shape=({', '.join(['None'] * self.rank)}, 3))."
            )
        return shape[-1]


def channels_last(data_format: str | None, layer: Layer) -> str:
    """Return ``"channels_last"``; raise where another arrangement was asked for."""
    if data_format in (None, "channels_last"):
        return "channels_last"
    if data_format != "channels_first":
        raise ValueError(
            f"{type(layer).__name__}: data_format is 'channels_last' or None; got {data_format!r}."
        )
    raise ValueError(
        f"{type(layer).__name__}: glassnet is channels last, (m, height, width, channels), and "
        "takes no data_format='channels_first'. Leave the argument out and turn the data once: "
        "np.moveaxis(x, 1, -1)."
    )


def public(shape: Sequence[Size | None]) -> str:
    """Return a shape as text, with the batch as m where it is unknown."""
    sizes: list[Any] = ["m" if i == 0 and s is None else s for i, s in enumerate(shape)]
    return display(sizes)


def padding_name(padding: Any, allowed: Sequence[str], layer: Layer) -> str:
    """Return the kind of padding in lower case; raise where there is none of that name."""
    found = padding.lower() if isinstance(padding, str) else padding
    if found not in allowed:
        names = ", ".join(map(repr, allowed[:-1])) + f" or {allowed[-1]!r}"
        raise ValueError(
            f"{type(layer).__name__}: padding is {names}; got {padding!r}. For chosen numbers of "
            f"zeros put ZeroPadding{getattr(layer, 'rank', 2)}D before it."
        )
    return str(found)


class SlidingKernel(Spatial):
    """What every convolution has: a kernel that slides, a bias, an activation.

    A subclass adds the arguments of its kernels, makes them in ``build`` and slides them in
    ``call``, which ends with ``finished``.
    """

    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    weight_layouts: ClassVar = {"kernel": "filters"}

    def __init__(
        self,
        *,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        bias_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_size = self.axes(kernel_size, "kernel_size")
        self.strides = self.axes(strides, "strides")
        self.padding = padding_name(padding, self.paddings, self)
        self.data_format = channels_last(data_format, self)
        self.dilation_rate = self.axes(dilation_rate, "dilation_rate")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)

    bias: Variable | None

    @property
    def reaches(self) -> tuple[int, ...]:
        """Over how many cells the kernel reaches along each axis: d·(k − 1) + 1."""
        return tuple(map(span, self.kernel_size, self.dilation_rate))

    def check_shape(self, shape: Sequence[Size | None]) -> None:
        super().check_shape(shape)
        if self.padding == "valid":
            self.check_window(shape, self.reaches, "kernel_size")

    def add_kernel(self, name: str, shape: tuple[int, ...], prefix: str) -> Variable:
        """Return a new weight with the initializer, regularizer and constraint of ``prefix``."""
        return self.add_weight(
            shape,
            getattr(self, f"{prefix}_initializer"),
            regularizer=getattr(self, f"{prefix}_regularizer"),
            constraint=getattr(self, f"{prefix}_constraint"),
            name=name,
        )

    def add_bias(self, filters: int) -> None:
        """Make the bias, where there is one."""
        self.bias = self.add_kernel("bias", (filters,), "bias") if self.use_bias else None

    def finished(self, z: Tensor) -> Tensor:
        """Return ``g(z + b)``."""
        return self.activation(written(z if self.bias is None else z + self.bias, "Z"))
