"""First aid for training: each ailment provoked on digits and named, healthy runs left quiet."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from benchmarks import doctor_training as trials

import glassnet as gn
from glassnet.explain import diagnose_training
from glassnet.explain.doctor.training.bench import Bench
from glassnet.explain.doctor.training.case import Case
from glassnet.explain.doctor.training.heads import Head
from glassnet.explain.doctor.training.labels import neighbours, ridge
from glassnet.explain.doctor.training.rate import look
from glassnet.models.data import Batch

SIZE = 300
SLOW = (
    "60 epochs on 300", "two tanh layers", "dropout", "raw pixels", "batch normalization, Adam",
    "four ReLU layers", "sigmoid, SGD(0.5)",
)  # fmt: skip
"""Left to the benchmark, which runs all of them."""
TWICE = (
    "SGD(1000)",
    "three digits",
    "learning rate 0",
    "deviation 5",
    "deviation 0.01",
    "Adam(1e-6)",
    "0.05",
    "by a sigmoid",
)


@pytest.fixture(scope="module")
def digits() -> trials.Digits:
    return trials.digits(SIZE)


PROVOKED = [case for case in trials.AILMENTS if not any(part in case[1] for part in TWICE)]
HEALTHY = [case for case in trials.HEALTHY if not any(part in case[0] for part in SLOW)]


@pytest.mark.parametrize(("name", "by", "run"), PROVOKED, ids=[f"{n}: {b}" for n, b, _ in PROVOKED])
def test_a_provoked_ailment_is_named_first(
    name: str, by: str, run: Any, digits: trials.Digits
) -> None:
    gn.utils.set_random_seed(0)
    report = run(digits, 0)
    assert report.names[:1] == [name], str(report)
    assert all(len(line) <= 80 for line in str(report).splitlines())
    first = report[name]
    assert first.why
    assert first.remedy


def test_every_ailment_is_provoked() -> None:
    from glassnet.explain.doctor.training.ailments import AILMENTS

    assert {a.name for a in AILMENTS} - {name for name, _, _ in trials.AILMENTS} == {
        "nothing learnt"  # named only where no cause was found
    }


@pytest.mark.parametrize(("what", "run"), HEALTHY, ids=[what for what, _ in HEALTHY])
def test_a_healthy_run_is_left_quiet(what: str, run: Any, digits: trials.Digits) -> None:
    gn.utils.set_random_seed(1)
    report = run(digits, 1)
    assert report.ok, str(report)
    assert "Nothing found." in str(report)


# --- the numbers --------------------------------------------------------------------------------
def linear(rate: float = 0.1) -> tuple[Any, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    model = gn.Sequential([gn.Input((3,)), gn.layers.Dense(1, use_bias=False)])
    model.compile(gn.optimizers.SGD(rate), "mse")
    return model, x.astype(np.float32), y.astype(np.float32)


@pytest.mark.parametrize("rate", [0.01, 3.0])
def test_the_step_is_measured_as_by_hand(rate: float) -> None:
    model, x, y = linear(rate)
    case = Case(model, None, Batch(x, y), None, 40, np.random.default_rng(0))
    found = look(case, Bench(model, case.data, 40, None))
    w = model.get_weights()[0].astype(np.float64)
    slope = 2 / 40 * x.T @ (x @ w - y)
    hessian = 2 / 40 * x.T.astype(np.float64) @ x
    curvature = float((slope.T @ hessian @ slope).item() / (slope.T @ slope).item())
    step = -rate * slope
    change = float(np.mean((x @ (w + step) - y) ** 2) - np.mean((x @ w - y) ** 2))
    assert found is not None
    np.testing.assert_allclose(found.curvature, curvature, rtol=1e-4)
    np.testing.assert_allclose(found.rho, rate * curvature, rtol=1e-4)
    np.testing.assert_allclose(found.change, change, rtol=1e-3)


def head(loss: Any, y: np.ndarray, predicted: np.ndarray, **given: Any) -> Head:
    return Head("output", "linear", gn.losses.get(loss), y, predicted, **given)


def test_the_best_constant_guess_costs_entropy_or_variance() -> None:
    y = np.array([0, 0, 0, 1, 2, 2])
    shares = np.array([3, 1, 2]) / 6
    entropy = -float(np.sum(shares * np.log(shares)))
    found = head("sparse_categorical_crossentropy", y, np.full((6, 3), 1 / 3, np.float32))
    np.testing.assert_allclose(found.base, entropy, rtol=1e-5)
    np.testing.assert_allclose(found.skill, 1 - np.log(3) / entropy, rtol=1e-4)
    logits = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    found = head(logits, y, np.zeros((6, 3), np.float32))
    np.testing.assert_allclose(found.base, entropy, rtol=1e-5)
    numbers = np.array([[1.0], [2.0], [6.0]])
    found = head("mse", numbers, np.zeros((3, 1), np.float32))
    np.testing.assert_allclose(found.base, np.var(numbers), rtol=1e-6)
    found = head("mae", numbers, np.zeros((3, 1), np.float32))
    np.testing.assert_allclose(found.base, 5 / 3, rtol=1e-6)  # |1 - 2| + 0 + |6 - 2| over 3
    truths = np.array([[1.0], [0.0], [0.0], [0.0]])
    found = head("binary_crossentropy", truths, np.full((4, 1), 0.5, np.float32))
    binary = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    np.testing.assert_allclose(found.base, binary, rtol=1e-5)


def test_neighbours_and_lines_tell_labels_that_depend_on_the_inputs() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4))
    labels = (x[:, 0] > 0).astype(np.int64)
    assert neighbours(x, labels) > 0.75
    assert ridge(x, labels, rng) > 0.9
    shuffled = rng.permutation(labels)
    assert abs(neighbours(x, shuffled) - 0.5) < 0.1
    assert abs(ridge(x, shuffled, rng) - 0.5) < 0.1


def test_dead_units_are_counted_as_by_hand() -> None:
    x = np.random.default_rng(0).uniform(0, 1, (64, 4)).astype(np.float32)
    model = gn.Sequential([
        gn.Input((4,)), gn.layers.Dense(16, "relu", name="hidden"),
        gn.layers.Dense(1, kernel_initializer="zeros"),
    ])  # fmt: skip
    kernel = np.full((4, 16), 0.5, np.float32)
    kernel[:, :14] = -0.5 - np.arange(14) / 10
    kernel[0] *= 1 + np.arange(16) / 16
    model.get_layer("hidden").set_weights([kernel, np.zeros(16)])
    model.compile("adam", "mse")
    report = diagnose_training(model, None, x, np.sin(9 * x[:, :1]))
    assert report["dead ReLUs"].layers == ("hidden",)
    assert report["dead ReLUs"].numbers == {"hidden": 14 / 16}


# --- what it leaves alone, and what it says -----------------------------------------------------
def test_the_model_is_as_it_was(digits: trials.Digits) -> None:
    model = trials.mlp("tanh")
    model.compile(gn.optimizers.Adam(1e-5), trials.SPARSE, metrics=["accuracy"])
    history = model.fit(digits.flat, digits.y, epochs=2, verbose=0)
    variables = [*model.weights, *model.optimizer.variables]
    variables += [v for m in model.metrics for v in m.variables]
    before = [np.array(v.value) for v in variables]
    seen = model.progress.seen
    assert diagnose_training(model, history).names == ["learning rate too low"]  # steps were tried
    assert model.progress.seen == seen
    for variable, kept in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.value, kept)


def test_a_history_alone_is_told_what_it_lacks() -> None:
    model, x, y = linear()
    history = model.fit(x, y, epochs=4, verbose=0)
    copied = pickle.loads(pickle.dumps(history.__getstate__()["record"]))
    assert copied is None  # a pickled history holds no data
    history.record = None
    history.history["loss"] = [1.0, 0.5, 3.0, 9.0]
    report = diagnose_training(model, history)
    assert report.names == ["learning rate too high"]
    assert "Pass them: diagnose_training(model, history, x, y)." in " ".join(str(report).split())


def test_the_record_of_a_run_is_bounded() -> None:
    model, x, y = linear()
    many = np.tile(x, (60, 1))
    history = model.fit(many, np.tile(y, (60, 1)), verbose=0, validation_split=0.5)
    record = history.record
    assert record is not None
    assert record.size == 1200
    assert record.sample[0].shape == (1000, 3)
    assert record.validation[0].shape == (1000, 3)
    assert not np.shares_memory(record.sample[0], many)
    assert len(record.start) == 1
    batches = ((x[i : i + 8], y[i : i + 8]) for i in range(0, 40, 8))
    record = model.fit(batches, verbose=0).record
    np.testing.assert_array_equal(record.sample[0], x)
    assert record.batch_size == 8


def test_html_and_items(digits: trials.Digits) -> None:
    model = trials.mlp(width=8)
    model.compile("sgd", trials.SPARSE)
    report = diagnose_training(model, None, 255 * digits.flat, digits.y)
    page = report._repr_html_()
    assert "unscaled inputs" in page
    assert "x.astype" in page
    assert [f.name for f in report] == report.names
    with pytest.raises(KeyError, match="unscaled inputs"):
        report["no such thing"]


def test_bad_arguments_are_refused(digits: trials.Digits) -> None:
    model, x, y = linear()
    with pytest.raises(TypeError, match="expected a model first"):
        diagnose_training("model")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="history is what fit returned"):
        diagnose_training(model, {"loss": [1.0]})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x and y come together"):
        diagnose_training(model, None, x)
    with pytest.raises(ValueError, match="numbers of examples differ"):
        diagnose_training(model, None, x, y[:5])
    with pytest.raises(ValueError, match=r"expected \(m, 3\)"):
        diagnose_training(model, None, x[:, :2], y)
    bare = gn.Sequential([gn.Input((3,)), gn.layers.Dense(1)])
    with pytest.raises(ValueError, match="compile"):
        diagnose_training(bare)
