"""What holds for every registered loss, so that a new one is tested unasked."""

import json

import numpy as np
import pytest

from glassnet.engines import Program
from glassnet.graph import Dim, Placeholder, gradients
from glassnet.losses import LOSSES, Loss, LossFunctionWrapper, huber
from glassnet.registry import deserialize, serialize

ARGUMENTS = {
    "LossFunctionWrapper": {"fn": huber, "delta": 0.5},
    "Dice": {"axis": -1},  # over all axes there are no examples to weight
    "Tversky": {"axis": -1},
}
NAMES = list(LOSSES.entries)
m = Dim.named("m")


def make(name, /, **kwargs):
    return LOSSES.entries[name](**{**ARGUMENTS.get(name, {}), **kwargs})


def data(loss, count=5):
    """Targets and predictions that any loss takes: distributions over 3 classes."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, (count, 3)).astype(np.float32)
    p /= p.sum(1, keepdims=True)
    labels = rng.integers(0, 3, count)
    return (labels if loss.integer_targets else np.eye(3, dtype=np.float32)[labels]), p


@pytest.mark.parametrize("name", NAMES)
def test_config_round_trip(name):
    loss = make(name, reduction="sum", name="mine")
    again = deserialize(json.loads(json.dumps(serialize(loss))))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert (again.name, again.reduction) == ("mine", "sum")
    y, p = data(loss)
    assert float(again(y, p)) == float(loss(y, p))


@pytest.mark.parametrize("name", NAMES)
def test_symbolic_batch_equals_eager_and_has_a_finite_derivative(name):
    loss = make(name)
    y, p = data(loss)
    t = Placeholder((m, *y.shape[1:]), y.dtype, name="y")
    x = Placeholder((m, 3), np.float32, name="p")
    value = loss(t, x)
    assert value.shape == ()
    program = Program([t, x], [value, *gradients([value], [x])])
    for count in (5, 1):
        found, slope = program.run(y[:count], p[:count])
        assert found == pytest.approx(float(loss(y[:count], p[:count])), rel=1e-6)
        assert np.isfinite(slope).all()
        assert slope.shape == (count, 3)


@pytest.mark.parametrize("name", NAMES)
def test_weight_zero_drops_an_example(name):
    loss = make(name, reduction="sum")
    y, p = data(loss)
    weight = [1.0, 1.0, 0.0, 1.0, 0.0]
    kept = np.array(weight) == 1
    assert float(loss(y, p, weight)) == pytest.approx(float(loss(y[kept], p[kept])), rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_reductions_agree(name):
    y, p = data(make(name))
    each = np.asarray(make(name, reduction="none")(y, p))
    assert each.shape == (5,)
    for reduction, expected in [
        ("sum", each.sum()),
        ("mean", each.mean()),
        ("sum_over_batch_size", each.mean()),
        ("mean_with_sample_weight", each.mean()),
    ]:
        assert float(make(name, reduction=reduction)(y, p)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_width_is_refused(name):
    loss = make(name)
    y, p = data(loss)
    with pytest.raises(ValueError, match=r"\(5, 2\)|out of range|class number"):
        loss(y if not loss.integer_targets else y + 2, p[:, :2])


@pytest.mark.parametrize("name", NAMES)
def test_documented(name):
    cls = LOSSES.entries[name]
    assert issubclass(cls, Loss)
    assert "Args:" in cls.__doc__
    if cls is not LossFunctionWrapper:
        assert cls.__doc__.startswith("``")  # the formula first
        assert cls.function.__doc__
