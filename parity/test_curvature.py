"""Hessians and products with them, against JAX's derivatives of Keras's layers, in float64.

Every kind of layer, as the contract tests try it and with drawn arguments, and whole networks with
their losses. Where Keras draws other random numbers, difference quotients of the gradient take
JAX's place. Numbers agree to 1e-8 of the largest entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import keras
import numpy as np
import pytest
from drawn_models import Case, drawn_case
from harness import assert_close
from keras.src.backend.common import dtypes as keras_dtypes
from test_models import moderate
from test_sources import KINDS, contract

import glassnet as gn
from glassnet.explain.curvature.points import point_of_model
from glassnet.graph import Placeholder, recording
from glassnet.nest import flatten, map_structure
from glassnet.objective import Objective, Problem

TOLERANCE = 1e-8
"""Of the largest entry."""


@pytest.fixture(autouse=True)
def in_float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let JAX and Keras compute in float64 in these tests alone.

    On JAX, Keras takes float32 wherever it finds a common dtype of float64; the table says so.
    """
    monkeypatch.setitem(keras_dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
    gn.config.set_floatx("float64")
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)
    gn.config.set_floatx("float32")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


# --- a loss of a layer's outputs ----------------------------------------------------------------
@dataclass
class Trial:
    """A layer with its inputs.

    ``x`` is an array or a list of arrays, ``call`` what else the call takes; ``float_input`` tells
    whether derivatives by x are meant.
    """

    name: str
    arguments: dict[str, Any]
    x: Any
    call: dict[str, Any]
    float_input: bool = True
    prepare: Callable[[Any], None] | None = None

    @property
    def moved(self) -> list[int]:
        """The places of the inputs that are differentiated by."""
        return [
            i for i, a in enumerate(flatten(self.x)) if a.dtype.kind == "f" and self.float_input
        ]


def contract_trial(name: str, number: int) -> Trial:
    """A layer as the contract tests try it."""
    case = contract.CASES[name][number]
    rng = np.random.default_rng(1)
    several = isinstance(case.shape, list)
    drawn = [case.draw(rng, shape) for shape in (case.shape if several else [case.shape])]
    drawn = [a.astype("float64") if a.dtype.kind == "f" else a for a in drawn]
    x = drawn if several else drawn[0]
    return Trial(name, dict(case.arguments), x, dict(case.call), case.float_input, case.prepare)


def drawn_trial(name: str, seed: int) -> Trial:
    """A layer of images or sequences with drawn arguments."""
    draw, rank = KINDS[name]
    arguments, x = draw(np.random.default_rng([seed, *name.encode()]), rank)
    return Trial(name, arguments, x.astype("float64"), {})


def our_layer(trial: Trial) -> Any:
    """Return our layer with drawn weights."""
    layer = gn.layers.LAYERS.entries[trial.name](**trial.arguments, dtype="float64")
    if trial.prepare is not None:
        trial.prepare(layer)
        return layer
    if not layer.built:
        layer.build(map_structure(np.shape, trial.x))
    rng = np.random.default_rng(4)
    values = [
        np.abs(rng.normal(size=w.shape)) + 0.1 if w.dtype.kind == "f" else w
        for w in layer.get_weights()
    ]
    layer.set_weights(values)
    return layer


def coefficients(shapes: Sequence[tuple[int, ...]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return c and d of the loss ``Σ c ⊙ y + ½ d ⊙ y²`` for each output y."""
    rng = np.random.default_rng(2)
    return [(rng.normal(size=s), rng.uniform(0.5, 2, s)) for s in shapes]


def our_problem(trial: Trial, layer: Any) -> tuple[Problem, np.ndarray]:
    """Return the loss as a function of inputs and weights, and the point."""
    inputs: list[Placeholder] = []
    arrays: list[np.ndarray] = []

    def hole(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        inputs.append(Placeholder(value.shape, value.dtype))
        arrays.append(value)
        return inputs[-1]

    with recording():
        x = map_structure(hole, trial.x)
        outputs = flatten(layer(x, **map_structure(hole, trial.call)))
        shapes = [tuple(int(s) for s in y.shape) for y in outputs]
        loss: Any = 0.0
        for y, (c, d) in zip(outputs, coefficients(shapes), strict=True):
            loss = loss + (y * c).sum() + (y * y * d).sum() * 0.5
    rest = [i for i in range(len(inputs)) if i not in trial.moved]
    leaves = [*(inputs[i] for i in trial.moved), *layer.trainable_weights]
    points = [*(arrays[i] for i in trial.moved), *(w.value for w in layer.trainable_weights)]
    objective = Objective(loss, leaves, [inputs[i] for i in rest])
    return objective.at(*(arrays[i] for i in rest)), Problem.joined(points)


def keras_loss(trial: Trial, ours: Any) -> Callable[..., Any]:
    """Return the same loss of Keras's layer as a function of inputs and weights."""
    name = "Identity" if trial.name == "InputLayer" else trial.name  # Keras's can't be called
    layer = getattr(keras.layers, name)(**keras_arguments(trial), dtype="float64")
    if trial.prepare is not None:
        trial.prepare(layer)
    if not layer.built:
        layer.build(map_structure(np.shape, trial.x))
        layer.built = True
    given = [w for w in ours.weights if w.dtype.kind == "f"]
    held = [w for w in layer.weights if "float" in str(w.dtype)]
    for mine, hers in zip(given, held, strict=True):
        hers.assign(mine.value)
    fixed = [v.value for v in layer.non_trainable_variables]

    def loss(*parts: Any) -> Any:
        leaves = list(flatten(trial.x))
        for place, part in zip(trial.moved, parts, strict=False):
            leaves[place] = part
        found = iter(leaves)
        x = map_structure(lambda _: next(found), trial.x)
        weights = list(parts[len(trial.moved) :])
        result, _ = layer.stateless_call(weights, fixed, x, **trial.call)
        outputs = flatten(result)
        pairs = zip(outputs, coefficients([y.shape for y in outputs]), strict=True)
        return sum((c * y).sum() + (d * y * y).sum() / 2 for y, (c, d) in pairs)

    return loss


def keras_arguments(trial: Trial) -> dict[str, Any]:
    """Return the arguments as Keras takes them."""
    arguments = dict(trial.arguments)
    if trial.name == "InputLayer":
        return {}
    if trial.name == "Lambda":
        arguments["function"] = keras.activations.tanh
    if trial.name.startswith("AveragePooling"):
        arguments.setdefault("pool_size", 2)  # Keras has no default there
    if trial.name == "LayerNormalization" and arguments.get("axis") == [-1, 1]:
        arguments["axis"] = [1, 3]  # Keras sorts -1 before 1, and its weights with it
    return arguments


# --- by JAX, by difference quotients --------------------------------------------------------------
FULL = 130
"""Up to how many numbers the whole Hessian is compared; beyond, products with random vectors."""


def of_vector(loss: Callable[..., Any], shapes: Sequence[tuple[int, ...]]) -> Callable[[Any], Any]:
    """Return a function of several arrays as one of a single vector."""

    def joined(vector: Any) -> Any:
        parts, start = [], 0
        for shape in shapes:
            size = int(np.prod(shape, dtype=int))
            parts.append(vector[start : start + size].reshape(shape))
            start += size
        return loss(*parts)

    return joined


def assert_as_in_jax(problem: Problem, x: np.ndarray, loss: Callable[..., Any]) -> None:
    """Hold gradient and Hessian against JAX's: forward over reverse."""
    gradient = jax.grad(of_vector(loss, problem.objective.shapes))
    point = jax.numpy.asarray(x)

    def both(vectors: Any) -> Any:
        products = jax.vmap(lambda v: jax.jvp(gradient, (point,), (v,))[1])(vectors)
        return gradient(point), products

    whole = x.size <= FULL
    vectors = np.eye(x.size) if whole else np.random.default_rng(6).normal(size=(4, x.size))
    slope, expected = jax.jit(both)(vectors)
    assert slope.dtype == np.float64
    assert_close(problem.gradient(x), slope, "the gradient", TOLERANCE)
    found = np.stack([problem.product(x, v) for v in vectors])
    assert_close(found, expected, "the Hessian" if whole else "products", TOLERANCE)


def quotient(gradient: Callable[[np.ndarray], np.ndarray], x: np.ndarray, v: np.ndarray) -> Any:
    """Return the derivative of the gradient along v, by central differences of fourth order."""
    h = float(np.finfo(np.float64).eps) ** 0.2 * max(1.0, float(np.abs(x).max()))
    near = gradient(x + h * v) - gradient(x - h * v)
    far = gradient(x + 2 * h * v) - gradient(x - 2 * h * v)
    return (8 * near - far) / (12 * h)


def assert_as_quotients(problem: Problem, x: np.ndarray) -> None:
    """Hold products along two random directions against difference quotients of the gradient."""
    for v in np.random.default_rng(5).normal(size=(2, x.size)):
        v /= np.linalg.norm(v)
        expected = quotient(problem.gradient, x, v)
        scale = max(1.0, float(np.abs(expected).max()), float(np.abs(problem.gradient(x)).max()))
        difference = float(np.abs(problem.product(x, v) - expected).max())
        assert difference <= TOLERANCE * scale, f"{difference / scale:.2g} of the largest entry"


RANDOM = {
    "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D",
    "SpatialDropout2D",
}  # fmt: skip
TRIALS: dict[str, Callable[[], Trial]] = {
    **{
        f"{name}_{i}": lambda name=name, i=i: contract_trial(name, i)  # type: ignore[misc]
        for name, cases in contract.CASES.items()
        for i in range(len(cases))
    },
    **{
        f"drawn_{name}_{seed}": lambda name=name, seed=seed: drawn_trial(name, seed)  # type: ignore[misc]
        for name in KINDS
        for seed in range(3)
    },
}


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`:UserWarning")
@pytest.mark.parametrize("name", TRIALS)
def test_the_hessian_of_a_layer(name: str) -> None:
    trial = TRIALS[name]()
    layer = our_layer(trial)
    if not trial.moved and not layer.trainable_weights:
        assert trial.name == "CategoryEncoding"  # categories in, and nothing learned
        return
    problem, x = our_problem(trial, layer)
    assert_as_quotients(problem, x)
    if trial.name in RANDOM and trial.call.get("training"):
        return  # Keras draws other numbers
    assert_as_in_jax(problem, x, keras_loss(trial, layer))


# --- whole networks -----------------------------------------------------------------------------
NETWORKS = 15


def compiled_pair(seed: int) -> tuple[Case, Case]:
    """Return a drawn network in both libraries with the same weights."""
    keras.utils.clear_session()
    gn.utils.clear_session()
    ours, theirs = drawn_case(gn, seed), drawn_case(keras, seed)
    assert [w.path for w in ours.model.trainable_weights] == [
        w.path for w in theirs.model.trainable_weights
    ]
    rng = np.random.default_rng(seed)
    values = [moderate(w.name, w.shape, rng) for w in ours.model.weights]
    for case in (ours, theirs):
        case.model.set_weights(values)
        case.model.compile(**case.compiled)
    return ours, theirs


def loss_of_keras(case: Case, training: bool) -> Callable[..., Any]:
    """Return the loss of a compiled network as a function of its weights."""
    model = case.model
    x, y, weight = (
        map_structure(lambda a: a.astype("float64") if a.dtype.kind == "f" else a, part)
        if part is not None
        else None
        for part in (case.x, case.y, case.sample_weight)
    )
    model.compute_loss(x, y, model(x), weight)  # what it makes, it makes outside of the trace
    fixed = [v.value for v in model.non_trainable_variables]
    metrics = [v.value for v in model.metrics_variables]

    slots = [v.value for v in model.optimizer.variables]

    def loss(*weights: Any) -> Any:
        found, _ = model.compute_loss_and_updates(
            list(weights), fixed, metrics, x, y, weight, training, slots
        )
        return found

    return loss


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras's variables as arrays
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("seed", range(NETWORKS))
def test_the_hessian_of_a_network_with_its_loss(seed: int, training: bool) -> None:
    ours, theirs = compiled_pair(seed)
    point = point_of_model(ours.model, ours.x, ours.y, ours.sample_weight, training)
    assert_as_in_jax(point.problem, point.x, loss_of_keras(theirs, training))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_spectrum_is_that_of_jax() -> None:
    ours, theirs = compiled_pair(0)
    report = gn.explain.curvature(ours.model, ours.x, ours.y, ours.sample_weight, full=True)
    shapes = [tuple(w.shape) for w in ours.model.trainable_weights]
    loss = of_vector(loss_of_keras(theirs, True), shapes)
    x = np.concatenate([np.ravel(w.value) for w in ours.model.trainable_weights])
    hessian = jax.jit(jax.hessian(loss))(jax.numpy.asarray(x, "float64"))
    expected = np.linalg.eigvalsh(np.asarray(hessian))
    assert report.eigenvalues is not None
    assert_close(report.eigenvalues, expected, "the eigenvalues", TOLERANCE)
