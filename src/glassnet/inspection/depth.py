"""What an initialization does to signals on their way through a deep network, and back.

With ``Z_l = A_{l-1} W_l`` and independent weights of mean 0, ``Var Z_l = n Var(w) E[A²_{l-1}]`` for
n inputs: weights of too small a variance let signals fade from layer to layer, of too large a
variance let them grow until g saturates or the numbers overflow. The derivative goes back through
the same weights, so the same holds for it. Glorot's choice keeps both about even for tanh, He's for
the ReLU.

Sources: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
networks", AISTATS 2010. K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet import activations, initializers
from glassnet.checks import whole
from glassnet.initializers import INITIALIZERS, Initializer
from glassnet.inspection.signals import Signal, signals
from glassnet.layers import Dense, Input
from glassnet.models.sequential import Sequential
from glassnet.registry import snake_case


@dataclass(frozen=True, eq=False)
class SignalFlow:
    """How large signals and derivatives are in each layer of a network that was never trained.

    Args:
        activation: the name of g.
        initializer: what the weights were drawn by, as it is written.
        weights: the standard deviation of the weights of a layer.
        forward: the standard deviation of A in each layer, (depth,).
        backward: the standard deviation of ∂J/∂A in each layer, (depth,), where ∂J/∂A of the last
            layer is drawn from the standard normal distribution.
        zeros: the share of entries of A that are 0 in each layer, (depth,).
        saturated: the share that is near a bound of g, (depth,); None for unbounded g.
    """

    activation: str
    initializer: str
    weights: float
    forward: np.ndarray
    backward: np.ndarray
    zeros: np.ndarray
    saturated: np.ndarray | None

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.forward)


def signal_flow(
    activation: Any = "tanh",
    initializer: Any = "glorot_uniform",
    *,
    depth: int = 20,
    units: int = 100,
    examples: int = 200,
    seed: int = 0,
) -> SignalFlow:
    """Return the sizes of signals and derivatives in a network of ``depth`` dense layers.

    The network has ``units`` inputs and units in each layer, biases of 0, and is fed with standard
    normal examples. It is a network of the library, run forward and back.

    Args:
        activation: g: a name or a function.
        initializer: what draws the weights: a name, an initializer, or a number for constant
            weights. Each layer has draws of its own.
        depth: the number of layers.
        units: the number of units in a layer.
        examples: the number of examples.
        seed: of the weights and the examples. The global seed stays as it is.

    >>> from glassnet import inspection
    >>> flow = inspection.signal_flow("linear", "orthogonal", depth=5, units=20)
    >>> [round(float(s / flow.forward[0]), 2) for s in flow.forward]  # a rotation keeps all lengths
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    depth = whole(depth, "signal_flow: depth", least=1)
    units = whole(units, "signal_flow: units", least=1)
    examples = whole(examples, "signal_flow: examples", least=2)
    rng = np.random.default_rng(seed)
    shape = (units, units)
    layers, kernels = [], []
    for number in range(depth):
        kernels.append(np.asarray(seeded(initializer, seed + 1 + number)(shape, "float64")))
        made = Dense(
            units, activation, kernel_initializer=kernels[-1], dtype="float64",
            name=f"layer_{number + 1}",
        )  # fmt: skip
        layers.append(made)
    model = Sequential([Input((units,), dtype="float64"), *layers], name="deep", dtype="float64")
    model.compile("sgd", loss=_projection)
    x, y = rng.normal(size=(2, examples, units))
    with np.errstate(all="ignore"):
        found = signals(model, x, y)
        return _measured(activation, initializer, kernels, list(found))


def _projection(y: Any, outputs: Any) -> Any:
    """J = Σ y a, whose derivative by A is y."""
    return (y * outputs).sum()


def _measured(
    activation: Any, initializer: Any, kernels: Sequence[np.ndarray], found: Sequence[Signal]
) -> SignalFlow:
    slopes = [signal.gradient for signal in found]
    saturated = [signal.saturated for signal in found]
    return SignalFlow(
        str(getattr(activations.get(activation), "__name__", activation)),
        named_initializer(initializer),
        float(np.mean([kernel.std() for kernel in kernels])),
        np.array([signal.deviation for signal in found]),
        np.array([np.nan if slope is None else slope.std() for slope in slopes]),
        np.array([signal.zeros for signal in found]),
        None if saturated[0] is None else np.array(saturated, dtype=float),
    )


def seeded(initializer: Any, seed: int) -> Any:
    """Return an initializer that draws with this seed, of the same kind and arguments.

    What draws nothing is returned as it is; a number stands for constant weights. No seed is taken
    from the global sequence.
    """
    if isinstance(initializer, (int, float, np.number)) and not isinstance(initializer, bool):
        return initializers.Constant(float(initializer))
    if isinstance(initializer, str):
        initializer = INITIALIZERS.find(initializer)
    if isinstance(initializer, type):
        try:
            return initializer(seed=seed)
        except TypeError:  # it draws nothing
            return initializer()
    if isinstance(initializer, Initializer) and hasattr(initializer, "seed"):
        return type(initializer).from_config({**initializer.get_config(), "seed": seed})
    return initializers.get(initializer)


def named_initializer(initializer: Any) -> str:
    """Return an initializer as a picture names it, with the arguments that are not defaults.

    >>> from glassnet import initializers
    >>> from glassnet.inspection.depth import named_initializer
    >>> named_initializer(initializers.RandomNormal(stddev=0.01, seed=1)), named_initializer(0.5)
    ('random_normal(stddev=0.01)', 'constant(0.5)')
    """
    if isinstance(initializer, str):
        return initializer
    if isinstance(initializer, (int, float, np.number)):
        return f"constant({float(initializer):g})"
    kind = initializer if isinstance(initializer, type) else type(initializer)
    name = snake_case(getattr(initializer, "__name__", kind.__name__))
    if not isinstance(initializer, Initializer):
        return name
    config = initializer.get_config()
    return name + _arguments(config, seeded(kind, 0).get_config() if _has_defaults(kind) else {})


def _arguments(config: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    shown = {k: v for k, v in config.items() if k != "seed" and usual.get(k, config) != v}
    told = ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in shown.items())
    return f"({told})" if told else ""


def _has_defaults(kind: type) -> bool:
    try:
        seeded(kind, 0)
    except TypeError:
        return False
    return True
