"""Which brick of the library a person's brick is meant to be.

Told by trying: layers of the library are given the person's weights, in all the ways in which
people lay them out, and their outputs are compared on random inputs. Where none agrees, the name
of the person's class is a hint, and the difference is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassnet.activations import ACTIVATIONS
from glassnet.explain.doctor.recognition import differing
from glassnet.explain.doctor.recognition.conventions import Convention
from glassnet.explain.doctor.recognition.problem import Candidate, Placement, Problem, shape_of
from glassnet.explain.doctor.recognition.trying import AGREES, EXACT, FAMILIES, Match, matches
from glassnet.explain.doctor.twins import Run, built_twin, named_weights, twin
from glassnet.graph.dtypes import is_float
from glassnet.layers import Layer

Array = np.ndarray


@dataclass(frozen=True)
class WeightMap:
    """A person's weight beside the library's.

    Args:
        own: what the person calls it: ``"W"``.
        library: what the library calls it: ``"kernel"``.
        how: how it lies, seen from the library's: ``"transposed"``; empty where it lies alike.
    """

    own: str
    library: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.own} is {self.library}" + (f" ({self.how})" if self.how else "")


@dataclass(frozen=True)
class Role:
    """The library's layer that a person's layer is meant to be.

    Args:
        layer: the library's layer, in float64, with the person's weights.
        source: how it is made: ``"Dense(units=3, activation='relu')"``.
        weights: which weight is which.
        agrees: whether the forwards are the same, up to rounding.
        distance: the largest difference of the outputs, relative to their largest entry.
        differs: what differs, in words; empty where nothing does.
        remarks: what is worth knowing: a flipped kernel, examples in columns.
        by: how it was found: ``"forward"``, or ``"name"`` where no forward agrees.
        modes: the modes in which the two are to be compared: False is prediction.
        chance: whether what it gives in training is drawn at random.
        meant: whether the name of the person's class says so, or the forward leaves no doubt.
    """

    layer: Layer
    source: str
    weights: tuple[WeightMap, ...]
    agrees: bool
    distance: float
    differs: str
    remarks: tuple[str, ...]
    by: str
    modes: tuple[bool, ...]
    chance: bool
    meant: bool
    candidate: Candidate = field(repr=False)
    convention: Convention = field(repr=False)
    like: tuple[Array, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """The class of the library's layer."""
        return self.candidate.cls.__name__

    def take_weights(self, own: Sequence[Array]) -> None:
        """Give the library's layer the person's weights, in the order of ``layer.weights``."""
        self.candidate.set_weights(self.layer, own)

    def to_own(self, library: Mapping[str, Array]) -> list[Array]:
        """Lay out what belongs to the library's weights (gradients) as the person's weights lie.

        Args:
            library: arrays by the name of the library's weight.
        """
        return self.candidate.to_own(library, self.like)

    def forward(self, x: Any, training: bool = False) -> Array:
        """Return what the library's layer gives for a person's input, as the person lays it out."""
        if isinstance(x, list):
            return np.asarray(self.layer(x, training=training))
        turned = np.ascontiguousarray(self.convention.into(x))
        return self.convention.back(np.asarray(self.layer(turned, training=training)))

    def gradients(self, x: Any, dY: Array, training: bool = False) -> tuple[Any, list[Array]]:
        """Return dL/dX (a list for several inputs) and every dL/dW, laid out as the person's.

        Args:
            x: the person's input, or the list of inputs.
            dY: dL/dY.
            training: the mode.
        """
        several = isinstance(x, list)
        turned = x if several else np.ascontiguousarray(self.convention.into(x))
        given: list[Any] = x if several else [turned]
        run = Run(self.layer, turned, training=training)
        by_inputs, by_weights = run.backward(given, [self.convention.into_output(dY)])
        named = {
            str(w.name): g for w, g in zip(self.layer.trainable_weights, by_weights, strict=True)
        }
        own = self.to_own(named)
        if several:
            return by_inputs, own
        dX = by_inputs[0]
        return None if dX is None else self.convention.back_input(dX), own

    def __str__(self) -> str:
        like = "is meant as" if self.meant else "is like"
        same = f"computes what {self.source} does" if self.agrees else f"{like} {self.source}"
        renamed = [str(w) for w in self.weights if w.how or w.own != w.library]
        told = [same + (f": {', '.join(renamed)}" if renamed else "")]
        told += self.remarks
        if self.differs:
            told.append(self.differs)
        return "; ".join(told) + "."


def role_of(layer: Layer, x: Any, *, seed: int = 0) -> Role | None:
    """Return the brick of the library that a layer is meant to be; None where it is like none.

    Args:
        layer: a person's layer, composed of ops or with its own forward and backward. It is not
            changed.
        x: a batch to try it on, or the list of inputs: random numbers, none of them 0.
        seed: draws the weights it is tried with.

    >>> import numpy as np, glassnet as gn
    >>> from glassnet.explain.doctor.roles import role_of
    >>> class Mine(gn.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.W = self.add_weight((2, input_shape[-1]), name="W")
    ...     def call(self, inputs):
    ...         return np.maximum(inputs @ self.W.T, 0)
    >>> role = role_of(Mine(), np.random.default_rng(0).normal(size=(5, 3)))
    >>> print(role)
    computes what Dense(units=2, use_bias=False, activation='relu') does: W is kernel (transposed).
    """
    x = [_spread(a) for a in x] if isinstance(x, (list, tuple)) else _spread(np.asarray(x))
    own = built_twin(layer, x)
    problem = _problem(twin(own, "float64", seed), x, seed)
    if problem is None:
        return None
    hinted, said = _hinted(type(layer).__name__)
    order = [*hinted, *(f for f in FAMILIES if f not in hinted)]
    if problem.chance and not problem.weights:
        order = ["dropout"]  # all that is seen outside training is that nothing happens there
    best: Match | None = None
    near: list[tuple[bool, Match]] = []
    for match in matches(problem, order):
        if best is None or match.rank < best.rank:
            best = match
        if match.rank <= (False, False, EXACT):
            break
        near.append((not _is_of(match.candidate, said), match))
    if best is not None and best.distance <= AGREES:
        return _role(own, problem, best, "forward")
    near.sort(key=lambda pair: (pair[0], _odd(pair[1].candidate), pair[1].apart))
    for relation in (differing.related, differing.partly_equal):
        for foreign, match in near:
            told = relation(match, not foreign)
            if told:
                return _role(own, problem, match, "forward", told)
    if not near or (_odd(near[0][1].candidate) and near[0][1].apart > 0.05):
        named = _by_name_alone(own, problem, hinted, said)
        if named is not None:
            return named
    for foreign, match in near[:1]:
        if not foreign or (match.candidate.placements and match.apart < 0.05):
            told = differing.unlike(match)
            return _role(own, problem, match, "forward" if foreign else "name", told)
    return None


def _spread(array: Array) -> Array:
    """The inputs in float64, every other row made larger: relu6 is relu where all is small."""
    if not is_float(array.dtype):
        return array
    factors = np.resize([1.0, 16.0], array.shape[:1])
    return array.astype(np.float64) * factors.reshape(-1, *[1] * (array.ndim - 1))


_ENTRIES = 4000
"""How many entries tell how often one is dropped."""


def _problem(layer: Layer, x: Any, seed: int) -> Problem | None:
    """Try the layer: what it gives in both modes, and whether by chance."""
    arrays = x if isinstance(x, list) else [x]
    with np.errstate(all="ignore"):
        calm = Run(layer, x, training=False)
        if len(calm.outputs) != 1:
            return None
        y = calm.forward(*arrays)[0]
        trained = Run(layer, x, training=True)
        first, second = (trained.forward(*arrays, step=step)[0] for step in (0, 1))
        chance = not np.array_equal(first, second, equal_nan=True)
        again = None
        if chance and not isinstance(x, list) and is_float(x.dtype):
            many = np.random.default_rng(seed).normal(
                size=(max(64, _ENTRIES * len(x) // x.size), *x.shape[1:])
            )
            again = (many, trained.forward(many)[0])
    if not chance and np.array_equal(first, y, equal_nan=True):
        first = y
    names, weights = zip(*named_weights(layer), strict=True) if layer.weights else ((), ())
    values = [np.asarray(w.value) for w in weights]
    return Problem(x, {False: y, True: first}, names, values, chance, again)


def _role(own: Layer, problem: Problem, match: Match, by: str, told: str = "") -> Role:
    """Put together what was found; the library's layer gets the weights the layer has now."""
    candidate, convention = match.candidate, match.convention
    x = problem.x if problem.several else convention.into(problem.x)
    layer = candidate.layer(shape_of(x))
    named = named_weights(own)
    candidate.set_weights(layer, [np.asarray(w.value, np.float64) for _, w in named])
    remarks = [r for r in (convention.said, candidate.remark) if r]
    agrees = match.distance <= AGREES and not candidate.fault and not told
    modes = (False, True) if candidate.modes == (False,) else candidate.modes
    if problem.chance and not candidate.cls.__name__.endswith(("Dropout", "1D", "2D", "Noise")):
        modes = (False,)  # what it does in training by chance was not compared
    differs = told
    if candidate.fault and match.distance <= AGREES:
        verb = candidate.fault[0].isalpha()
        differs = f"its forward {candidate.fault}" if verb else candidate.fault
    elif agrees and match.distance > EXACT:
        remarks.append(f"the two differ by {match.distance:.0e} of their size, as in float32")
    if candidate.modes == (True,) and problem.outputs[True] is not problem.outputs[False]:
        remarks = [r for r in remarks if r != candidate.remark]
        remarks.append(
            "its moving averages are no weights (add_weight(…, trainable=False)), so what "
            "training learns of them is lost"
        )
    weights = tuple(_map(p, named) for p in candidate.placements)
    name = type(own).__name__
    said = _hinted(name)[1] if _plainly_named(name) else ""
    unused = bool(candidate.fault and candidate.scales)  # a weight that it has and ignores
    meant = agrees or unused or _is_of(candidate, said)
    return Role(
        layer, candidate.source, weights, agrees, match.distance, differs, tuple(remarks), by,
        modes, problem.chance, meant, candidate, convention,
        tuple(problem.weights),
    )  # fmt: skip


def _map(placement: Placement, named: Sequence[tuple[str, Any]]) -> WeightMap:
    return WeightMap(named[placement.own][0], placement.library, placement.how)


def _odd(candidate: Candidate) -> int:
    """How much more than the plain layer a candidate is."""
    extra = {"activation", "strides", "padding", "dilation_rate"} & set(candidate.arguments)
    oblong = isinstance(candidate.arguments.get("pool_size"), tuple)
    return len(extra) + oblong + bool(candidate.fault) + (candidate.padding is not None)


# --- by name ----------------------------------------------------------------------------------
_HINTS: tuple[tuple[str, str, str], ...] = (
    (r"batch_?norm|^bn\d?d?$", "batch", "BatchNormalization"),
    (r"layer_?norm|rms_?norm|^ln$", "layer", "LayerNormalization"),
    (r"group_?norm", "group", "GroupNormalization"),
    (r"drop_?out", "dropout", "Dropout"),
    (r"depth_?wise", "depthwise", "DepthwiseConv"),
    (r"transpose|deconv", "transposed", "Conv.*Transpose"),
    (r"conv", "convolution", "Conv"),
    (r"max_?pool", "pooling", "Max"),
    (r"(average|avg|mean)_?pool", "pooling", "Average"),
    (r"pool", "pooling", ".*Pool"),
    (r"flatten|reshape|pad|crop|upsampl", "arranging", ""),
    (r"embed", "embedding", "Embedding"),
    (r"p_?relu", "prelu", "PReLU"),
    (r"relu|sigmoid|tanh|soft|elu|swish|silu|mish|activation", "activation", ""),
    (r"dense|linear|fully|affine|perceptron|^fc\d*$", "dense", "Dense"),
)


def _hinted(name: str) -> tuple[list[str], str]:
    """The families that a name speaks of, and the layer it says by a pattern of its name."""
    lower = name.lower()
    for pattern, family, cls in _HINTS:
        if re.search(pattern, lower):
            return [family], cls or _named_so(lower)
    return [], ""


_AFFIXES = re.compile(
    r"^(my|own|custom|simple|naive|numpy|np|hand(written)?|plain|basic|our|the|slow|loop|wrong|"
    r"broken|bad)+|(layer|module|brick|numpy|np|byhand|\d)+$"
)
_PLAIN = re.compile(
    r"(batch|layer|group|rms)?norm(ali[sz]ation)?(1d|2d)?|bn|ln|(inverted|spatial)?dropout(1d|2d)?|"
    r"(depthwise|separable|transposed?)?conv(olution(al)?)?(1d|2d)?(transpose)?|"
    r"(global)?(max|average|avg|mean)?pool(ing)?(1d|2d)?|flatten|reshape|zeropad(ding)?(1d|2d)?|"
    r"upsampl(e|ing)(1d|2d)?|crop(ping)?(1d|2d)?|embedding|p?relu|leakyrelu|swish|"
    r"dense|linear|affine|fullyconnected|perceptron|fc"
)


def _plainly_named(name: str) -> bool:
    """Whether a name says no more than the library's: ``MyDense`` does not, ``NoisyDense`` does."""
    bare = _AFFIXES.sub("", name.lower().replace("_", ""))
    known = {n.replace("_", "") for n in ACTIVATIONS.entries}
    return bare in known or _PLAIN.fullmatch(bare) is not None


def _named_so(lower: str) -> str:
    """The layer, or the activation, whose name is in a name; the longest one."""
    plain = lower.replace("_", "")
    classes = ("LeakyReLU", "ReLU", "Softmax", "Flatten", "Reshape", "ZeroPadding", "Cropping",
               "UpSampling", "ELU")  # fmt: skip
    known = {name.replace("_", ""): f"Activation:{name}" for name in ACTIVATIONS.entries}
    known |= {"swish": "Activation:silu"} | {name.lower(): name for name in classes}
    found = [key for key in known if key in plain]
    return known[max(found, key=len)] if found else ""


def _is_of(candidate: Candidate, said: str) -> bool:
    """Whether a candidate is what the name says."""
    if not said:
        return False
    cls, _, argument = said.partition(":")
    if argument:
        return candidate.arguments.get("activation") == argument
    return re.match(cls, candidate.cls.__name__) is not None


def _by_name_alone(own: Layer, problem: Problem, hinted: list[str], said: str) -> Role | None:
    """The layer a name speaks of, where the output does not even have its shape."""
    known = [m for m in differing.misshapen(problem, hinted) if _is_of(m.candidate, said)]
    if not known:
        return None
    match = min(known, key=lambda m: not differing.overlaps(m))
    return _role(own, problem, match, "name", differing.shapes_apart(match))
