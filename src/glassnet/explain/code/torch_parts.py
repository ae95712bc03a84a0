"""What a rule for a layer in PyTorch is given, and what it returns.

PyTorch's convolutions take channels first, (m, c, h, w). A value is turned when a layer needs the
other order, and stays so until one needs it back; `Cell` counts axes in the order that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from glassnet.explain.code.functions import function_source
from glassnet.explain.code.literals import NotSayable, identifier, literal, unused
from glassnet.explain.code.modules import Mask, Value, say
from glassnet.explain.code.torch_activations import HELPERS as ACTIVATION_HELPERS
from glassnet.explain.code.torch_activations import TABLE
from glassnet.explain.code.torch_helpers import HELPERS
from glassnet.explain.code.torch_ops import TORCH
from glassnet.graph.dimension import Dim, Size
from glassnet.graph.tensor import Tensor
from glassnet.graph.variable import Variable
from glassnet.layers.base import Layer
from glassnet.layers.calling import LayerCall

if TYPE_CHECKING:
    from glassnet.explain.code.torch_source import Scope

WHAT = "torch_source"


@dataclass(frozen=True)
class State:
    """A parameter or buffer: the array that it is set to, and the view of it in our layout."""

    source: str
    view: str = "{p}"
    variable: Variable | None = None
    frozen: bool = False
    """True for a parameter that PyTorch's layer has and ours has not: it must not learn."""

    @property
    def is_turned(self) -> bool:
        """Whether the array has another layout in PyTorch."""
        return self.source.endswith((")", ".T"))


@dataclass(eq=False)
class Part:
    """A module of PyTorch, or a parameter or buffer of the network itself (no constructor)."""

    name: str
    constructor: str | None
    states: dict[str, State] = field(default_factory=dict)
    layer: Layer | None = None
    trainable: bool = True


@dataclass(frozen=True)
class Step:
    """One step of a rule: a function of ``{x}``, a module, or either."""

    function: str | None = None
    part: Part | None = None
    module: str | None = None
    """The constructor of a module without parameters that does what the function does."""


@dataclass
class Result:
    """What a rule makes of a call: the steps that lead there, and how the value lies."""

    steps: list[Step]
    start: str = ""
    """The first operand of the steps; the input's by default."""
    channels_first: bool = False
    mask: Mask | None = None


class Cell:
    """One call of a layer, as a rule sees it.

    Args:
        scope: the class that is being written.
        call: the call.
        values: what the program has of the inputs.
        extras: the texts of further tensors that the layer is called with.
    """

    def __init__(
        self, scope: Scope, call: LayerCall, values: Sequence[Value], extras: Mapping[str, str]
    ) -> None:
        self.scope, self.call, self.layer = scope, call, call.layer
        self.values = list(values)
        self.extras = dict(extras)
        self.output: Tensor = call.outputs[0]

    # --- inputs -------------------------------------------------------------------------------
    @property
    def value(self) -> Value:
        """The only input, or the first."""
        return self.values[0]

    @property
    def x(self) -> str:
        """The only input as it lies."""
        return self.value.name

    @property
    def shape(self) -> tuple[Size, ...]:
        """The shape of the only input, in glassnet's order."""
        return self.value.tensor.shape

    @property
    def rank(self) -> int:
        """The number of axes of the only input."""
        return self.value.rank

    def first(self) -> str:
        """Return the only input with channels first."""
        return self.scope.turned(self.value, True).name

    def last(self) -> str:
        """Return the only input with channels last."""
        return self.scope.turned(self.value, False).name

    def as_it_lies(self, steps: list[Step], **more: Any) -> Result:
        """Return steps that work on either order of the axes."""
        return Result(steps, self.x, self.value.channels_first, **more)

    def on_last(self, steps: list[Step], **more: Any) -> Result:
        """Return steps on the input with channels last."""
        return Result(steps, self.last(), **more)

    def on_first(self, steps: list[Step], **more: Any) -> Result:
        """Return steps on the input with channels first, which stay so."""
        return Result(steps, self.first(), self.rank > 2, **more)

    def dim(self, axis: int) -> int:
        """Return where an axis (in glassnet's order) lies in the input as it lies."""
        return placed(axis, self.rank, self.value.channels_first)

    def mask(self) -> Mask | None:
        """Return the mask of the call: given to it, or carried by the input."""
        given = self.call.kwargs.get("mask")
        if given is None:
            return self.value.mask
        if not isinstance(given, Tensor) or given.dtype != bool:
            raise self.error("its mask is no tensor of truth values, so it can't be said.")
        return Mask(self.extra("mask") or "", given.ndim)

    def new_mask(self, text: str, rank: int) -> Mask:
        """Write a mask down as a variable of its own."""
        return self.scope.new_mask(text, rank)

    def extra(self, name: str) -> str | None:
        """Return the text of a further tensor that the layer is called with."""
        return self.extras.get(name)

    def known(self, sizes: Sequence[Size]) -> bool:
        """Tell whether sizes are known."""
        return not any(isinstance(size, Dim) for size in sizes)

    # --- parts --------------------------------------------------------------------------------
    def part(
        self,
        constructor: str | None,
        states: Mapping[str, State] | None = None,
        suffix: str = "",
    ) -> Part:
        """Return a module of this layer, made once however often the layer is called."""
        return self.scope.part(self.layer, constructor, dict(states or {}), suffix)

    def module(
        self,
        constructor: str,
        states: Mapping[str, State] | None = None,
        suffix: str = "",
    ) -> Step:
        """Return the step through a module of this layer."""
        return Step(part=self.part(constructor, states, suffix))

    def parameter(self, name: str, state: State, shape: Sequence[int], learned: bool = True) -> str:
        """Return the text of a parameter (or buffer) of the network itself."""
        kind = "parameter" if learned else "buffer"
        part = self.scope.part(self.layer, None, {f"{kind}:{literal(tuple(shape))}": state}, name)
        return f"self.{part.name}"

    def weight(self, variable: Variable | None, turned: str = "", view: str = "") -> State:
        """Return the state made of a weight; ``turned`` follows the array's name, ``view`` p's."""
        assert variable is not None
        return State(f"{self.scope.program.array(variable)}{turned}", f"{{p}}{view}", variable)

    def constant(self, source: str) -> State:
        """Return the state of a parameter that ours has not."""
        return State(source, frozen=True)

    # --- functions ----------------------------------------------------------------------------
    def helper(self, name: str) -> str:
        """Note that the program needs a small function; return its name."""
        self.scope.program.helpers[name] = {**HELPERS, **ACTIVATION_HELPERS}[name].split("\n")
        return name

    def activation(self, function: Callable[..., Any], channels_first: bool = False) -> list[Step]:
        """Return the steps of an activation of the output; none for linear."""
        name = getattr(function, "__name__", "")
        if name == "linear":
            return []
        said = TABLE.get(function)
        if said is None:
            return [Step(f"{self.own_function(function)}({{x}})")]
        if said.helper:
            self.helper(said.helper)
        dim = placed(-1, self.output.ndim, channels_first)
        text = said.function.replace("{dim}", str(dim))
        module = None if said.module is None else said.module.replace("{dim}", str(dim))
        return [Step(text, module=module)]

    def own_function(self, function: Callable[..., Any]) -> str:
        """Return the name of a function of the user, which is written out."""
        known = self.scope.program.functions
        if id(function) not in known:
            given = getattr(function, "__name__", "<lambda>")
            name = identifier("function" if given == "<lambda>" else given)
            name = unused(name, [*self.scope.program.helpers, *self.scope.program.taken])
            try:
                lines = function_source(name, self.layer, function, TORCH)
            except NotSayable as error:
                raise self.error(f"its function can't be written: {error}.") from None
            self.scope.program.helpers[name] = lines
            known[id(function)] = name
        return known[id(function)]

    def error(self, why: str) -> NotSayable:
        """Return the error that this layer can't be said."""
        return say(self.layer, WHAT, why)

    def refuse(self, *names: str) -> None:
        """Raise where one of these arguments of the call was given."""
        for name in names:
            if self.call.kwargs.get(name) is not None:
                raise self.error(f"it is called with {name}=, which can't be said in PyTorch.")


def placed(axis: int, rank: int, channels_first: bool) -> int:
    """Return where an axis of glassnet's order lies."""
    if not channels_first:
        return axis
    axis %= rank
    return axis if axis == 0 else 1 if axis == rank - 1 else axis + 1
