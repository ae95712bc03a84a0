"""What holds for every registered metric, so that a new one is tested unasked."""

import json

import numpy as np
import pytest

from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, recording
from glassnet.losses import huber
from glassnet.metrics import METRICS, Metric
from glassnet.registry import deserialize, serialize

ARGUMENTS = {
    "MeanMetricWrapper": {"fn": huber, "delta": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "ConfusionMatrix": {"num_classes": 3},
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2], "sparse_y_pred": False},
    "MeanIoU": {"num_classes": 3, "sparse_y_pred": False},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [1]},
    "OneHotMeanIoU": {"num_classes": 3},
}
LABELS = (
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "IoU",
    "MeanIoU",
)
NAMES = list(METRICS.entries)
m = Dim.named("m")


def make(name):
    return METRICS.entries[name](**ARGUMENTS.get(name, {}))


def data(name, count=11):
    """Targets and predictions that any metric takes; one array of values for sums and means."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, (count, 3)).astype(np.float32)
    p /= p.sum(1, keepdims=True)
    labels = rng.integers(0, 3, count)
    if name in ("Mean", "Sum"):
        return (p,)
    return (labels if name in LABELS else np.eye(3, dtype=np.float32)[labels]), p


def value(metric):
    return np.asarray(metric.result())


@pytest.mark.parametrize("name", NAMES)
def test_config_round_trip(name):
    metric = make(name)
    again = deserialize(json.loads(json.dumps(serialize(metric))))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert again.name == metric.name
    np.testing.assert_array_equal(again(*data(name)), metric(*data(name)))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_batches_of_unequal_size_equal_one_batch(name, weighted):
    arrays = data(name)
    weight = np.random.default_rng(1).uniform(size=11).astype(np.float32) if weighted else None
    whole, parts = make(name), make(name)
    whole.update_state(*arrays, sample_weight=weight)
    for rows in (slice(0, 1), slice(1, 6), slice(6, 11)):
        parts.update_state(
            *(a[rows] for a in arrays), sample_weight=weight if weight is None else weight[rows]
        )
    np.testing.assert_allclose(value(parts), value(whole), rtol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_weight_zero_drops_an_example(name):
    arrays = data(name)
    kept = np.arange(11) % 3 != 0
    weighted, without = make(name), make(name)
    weighted.update_state(*arrays, sample_weight=kept.astype(np.float32))
    without.update_state(*(a[kept] for a in arrays))
    np.testing.assert_allclose(value(weighted), value(without), rtol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_recorded_equals_eager(name):
    arrays = data(name)
    inputs = [
        Placeholder((m, *a.shape[1:]), a.dtype, name=f"input_{i}") for i, a in enumerate(arrays)
    ]
    metric, eager = make(name), make(name)
    with recording() as opened:
        metric.update_state(*inputs)
        result = metric.result()
    before = [v.value.copy() for v in metric.variables]
    assert all((v.value == b).all() for v, b in zip(metric.variables, before, strict=True))
    program = Program(inputs, [result, *opened.updates.values()])
    for rows in (slice(0, 4), slice(4, 11)):
        batch = [a[rows] for a in arrays]
        found, *news = program.run(*batch)
        for variable, new in zip(opened.updates, news, strict=True):
            variable.assign(new)
        np.testing.assert_allclose(found, eager(*batch), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_reset_forgets(name):
    metric, fresh = make(name), make(name)
    metric.update_state(*data(name))
    metric.reset_state()
    again = [a[:5] for a in data(name)]
    np.testing.assert_array_equal(metric(*again), fresh(*again))


@pytest.mark.parametrize("name", NAMES)
def test_accumulators(name):
    metric = make(name)
    metric.update_state(*data(name))
    assert metric.variables
    for variable in metric.variables:
        assert not variable.trainable
        assert variable.dtype == np.float64
        assert variable.path.startswith(f"{metric.name}/")
    assert len({v.path for v in metric.variables}) == len(metric.variables)


@pytest.mark.parametrize("name", NAMES)
def test_a_result_before_any_batch(name):
    metric = make(name)
    found = value(metric)
    assert np.isfinite(found).all() or name == "R2Score"


@pytest.mark.parametrize("name", NAMES)
def test_documented(name):
    cls = METRICS.entries[name]
    assert issubclass(cls, Metric)
    assert "Args:" in cls.__doc__
    assert cls.direction in ("up", "down", None)
