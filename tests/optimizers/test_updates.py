"""Updates against hand calculation, and what surrounds them: rates, clipping, averages, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from glassnet import constraints, optimizers, schedules
from glassnet.graph import Variable, gradients, recording
from glassnet.ops import square
from glassnet.ops import sum as sum_


def scalar(value: float = 1.0) -> Variable:
    return Variable(np.array([value]), dtype="float64", name="w")


def run(optimizer: Any, grads: list[float], start: float = 1.0) -> list[float]:
    w = scalar(start)
    path = []
    for g in grads:
        optimizer.apply([np.array([g])], [w])
        path.append(w.value.item())
    return path


G = [0.5, -1.0, 2.0]


def test_sgd() -> None:
    assert run(optimizers.SGD(0.5), [1.0, -2.0]) == [0.5, 1.5]


def test_sgd_momentum_and_nesterov() -> None:
    plain, ahead, m, w, v = [], [], 0.0, 1.0, 1.0
    for g in G:
        m = 0.75 * m - 0.5 * g
        w += m
        v += 0.75 * m - 0.5 * g
        plain.append(w)
        ahead.append(v)
    assert run(optimizers.SGD(0.5, momentum=0.75), G) == plain
    assert run(optimizers.SGD(0.5, momentum=0.75, nesterov=True), G) == ahead


def test_adam_by_the_paper() -> None:
    m = v = 0.0
    w, expected = 1.0, []
    for t, g in enumerate(G, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        alpha = 0.5 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        w -= alpha * m / (math.sqrt(v) + 1e-7)
        expected.append(w)
    assert run(optimizers.Adam(0.5), G) == pytest.approx(expected, rel=1e-12)


def test_adam_with_amsgrad_never_divides_by_less() -> None:
    m = v = largest = 0.0
    w, expected = 1.0, []
    for t, g in enumerate([3.0, 0.1, 0.1], 1):
        m = 0.9 * m + 0.1 * g
        v = 0.5 * v + 0.5 * g * g
        largest = max(largest, v)
        w -= 0.5 * math.sqrt(1 - 0.5**t) / (1 - 0.9**t) * m / (math.sqrt(largest) + 1e-7)
        expected.append(w)
    found = run(optimizers.Adam(0.5, beta_2=0.5, amsgrad=True), [3.0, 0.1, 0.1])
    assert found == pytest.approx(expected, rel=1e-12)


def test_adamw_decays_beside_the_gradient() -> None:
    # With a gradient of 0 only the decay is left: w ← w - λ η w.
    found = run(optimizers.AdamW(0.5, weight_decay=0.25), [0.0, 0.0])
    assert found == [1 - 0.125, (1 - 0.125) ** 2]


def test_rmsprop_centered_with_momentum() -> None:
    v = a = m = 0.0
    w, expected = 1.0, []
    for g in G:
        v = 0.75 * v + 0.25 * g * g
        a = 0.75 * a + 0.25 * g
        m = 0.5 * m + 0.5 * g / math.sqrt(v - a * a + 1e-3)
        w -= m
        expected.append(w)
    found = run(optimizers.RMSprop(0.5, 0.75, 0.5, 1e-3, centered=True), G)
    assert found == pytest.approx(expected, rel=1e-12)


def test_adagrad() -> None:
    a, w, expected = 0.25, 1.0, []
    for g in G:
        a += g * g
        w -= 0.5 * g / math.sqrt(a + 1e-7)
        expected.append(w)
    assert run(optimizers.Adagrad(0.5, 0.25), G) == pytest.approx(expected, rel=1e-12)


def test_adadelta() -> None:
    a = d = 0.0
    w, expected = 1.0, []
    for g in G:
        a = 0.75 * a + 0.25 * g * g
        step = g * math.sqrt(d + 1e-3) / math.sqrt(a + 1e-3)
        d = 0.75 * d + 0.25 * step * step
        w -= 0.5 * step
        expected.append(w)
    assert run(optimizers.Adadelta(0.5, 0.75, 1e-3), G) == pytest.approx(expected, rel=1e-12)


def test_adamax() -> None:
    m = u = 0.0
    w, expected = 1.0, []
    for t, g in enumerate(G, 1):
        m = 0.9 * m + 0.1 * g
        u = max(0.999 * u, abs(g))
        w -= 0.5 / (1 - 0.9**t) * m / (u + 1e-7)
        expected.append(w)
    assert run(optimizers.Adamax(0.5), G) == pytest.approx(expected, rel=1e-12)


def test_nadam() -> None:
    m = v = 0.0
    product, w, expected = 1.0, 1.0, []
    for t, g in enumerate(G, 1):
        u, ahead = (0.9 * (1 - 0.5 * 0.96**s) for s in (t, t + 1))
        product *= u
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        m_hat = ahead * m / (1 - product * ahead) + (1 - u) * g / (1 - product)
        w -= 0.5 * m_hat / (math.sqrt(v / (1 - 0.999**t)) + 1e-7)
        expected.append(w)
    assert run(optimizers.Nadam(0.5), G) == pytest.approx(expected, rel=1e-12)


def test_lion_moves_by_the_rate() -> None:
    assert run(optimizers.Lion(0.25), [1e-3, 1e3, -1e6]) == [0.75, 0.5, 0.75]


def test_ftrl_with_a_strong_l1_gives_exact_zeros() -> None:
    assert run(optimizers.Ftrl(0.5, l1_regularization_strength=10.0), [0.5, 0.5])[-1] == 0
    n, z, w, expected = 0.1, 0.0, 1.0, []
    for g in G:
        more = n + g * g
        z += g - (math.sqrt(more) - math.sqrt(n)) / 0.5 * w
        w = (np.clip(z, -0.2, 0.2) - z) / (math.sqrt(more) / 0.5 + 2 * 0.3)
        n = more
        expected.append(w)
    found = run(
        optimizers.Ftrl(0.5, l1_regularization_strength=0.2, l2_regularization_strength=0.3), G
    )
    assert found == pytest.approx(expected, rel=1e-12)


def test_lamb_takes_a_step_as_long_as_the_weights() -> None:
    w = Variable(np.array([3.0, 4.0]), dtype="float64")
    optimizers.Lamb(0.5).apply([np.array([1e-3, -10.0])], [w])
    moved = w.value - [3.0, 4.0]
    assert np.linalg.norm(moved) == pytest.approx(0.5 * 5.0, rel=1e-6)


def test_adafactor_estimates_a_matrix_from_rows_and_columns() -> None:
    g = np.outer([1.0, 2.0], [0.5, 3.0, 4.0])  # of rank 1, so the estimate is exact: u = ±1
    w = Variable(np.full((2, 3), 2.0), dtype="float64")
    optimizers.Adafactor(0.25).apply([g], [w])
    np.testing.assert_allclose(w.value, 2.0 - 2.0 * 0.25, rtol=1e-12)


# --- what surrounds the formula ---------------------------------------------------------------
def test_clipping() -> None:
    def moved(**arguments: float) -> list[np.ndarray]:
        a, b = Variable(np.zeros(2), dtype="float64"), Variable(np.zeros(1), dtype="float64")
        optimizers.SGD(1.0, **arguments).apply([np.array([3.0, -4.0]), np.array([12.0])], [a, b])
        return [-a.value, -b.value]

    one, two = moved(clipvalue=3.5)
    assert (one.tolist(), two.tolist()) == ([3, -3.5], [3.5])
    one, two = moved(clipnorm=10)
    assert one.tolist() == [3, -4]
    assert two.item() == pytest.approx(10)
    one, two = moved(global_clipnorm=6.5)  # the length of all is 13
    np.testing.assert_allclose([*one, *two], [1.5, -2, 6])


def test_clipping_gradients_of_zero() -> None:
    for kind in ("clipnorm", "global_clipnorm", "clipvalue"):
        w = scalar()
        optimizers.SGD(1.0, **{kind: 0.5}).apply([np.array([0.0])], [w])
        assert w.value.item() == 1.0


def test_moving_average() -> None:
    optimizer = optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75)
    w = scalar()
    weights, average = [], 0.0
    for step, g in enumerate(G):
        optimizer.apply([np.array([g])], [w])
        weights.append(w.value.item())
        average = weights[-1] if step == 0 else 0.75 * average + 0.25 * weights[-1]
    optimizer.finalize_variable_values([w])
    assert w.value.item() == pytest.approx(average)
    assert average != pytest.approx(weights[-1])


def test_moving_average_overwrites_every_so_often() -> None:
    optimizer = optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
    # w: 0.75, then 1.25 averaged with 0.75 to 1.0, then 0.0
    assert run(optimizer, [0.5, -1.0, 2.0]) == [0.75, 1.0, 0.0]


def test_accumulated_gradients_make_one_update() -> None:
    optimizer = optimizers.Adam(0.5, gradient_accumulation_steps=3)
    w, other = scalar(), scalar()
    for g in (0.5, 1.0, 3.0):
        assert w.value.item() == 1.0
        optimizer.apply([np.array([g])], [w])
    optimizers.Adam(0.5).apply([np.array([1.5])], [other])
    assert w.value.item() == pytest.approx(other.value.item(), rel=1e-12)
    assert int(optimizer.iterations) == 1


def test_loss_scale() -> None:
    optimizer = optimizers.SGD(0.5, loss_scale_factor=4.0)
    assert optimizer.scale_loss(3.0) == 12.0
    assert run(optimizer, [4.0]) == [0.5]


def test_constraints_follow_the_update() -> None:
    w = Variable(np.array([3.0, 4.0]), dtype="float64")
    w.constraint = constraints.MaxNorm(1.0)
    optimizers.SGD(0.5).apply([np.zeros(2)], [w])
    np.testing.assert_allclose(w.value, [0.6, 0.8], rtol=1e-6)


def test_a_constraint_that_returns_its_argument_keeps_the_update() -> None:
    w = scalar()
    w.constraint = lambda value: value
    optimizers.SGD(0.5).apply([np.array([1.0])], [w])
    assert w.value.item() == 0.5


def test_weight_decay_leaves_out_what_is_excluded() -> None:
    kernel, bias = scalar(), scalar()
    kernel.name, bias.name = "kernel", "bias"
    optimizer = optimizers.SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply([np.zeros(1), np.zeros(1)], [kernel, bias])
    assert (kernel.value.item(), bias.value.item()) == (0.75, 1.0)
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_list=[kernel])


# --- the learning rate ------------------------------------------------------------------------
def test_the_rate_can_be_changed_between_steps() -> None:
    optimizer = optimizers.SGD(0.5)
    w = scalar()
    optimizer.apply([np.array([1.0])], [w])
    optimizer.learning_rate = 0.25
    optimizer.apply([np.array([1.0])], [w])
    assert w.value.item() == 0.25
    assert float(optimizer.learning_rate) == 0.25
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([2], [0.125, 1.0])
    optimizer.apply([np.array([1.0])], [w])
    assert w.value.item() == 0.125
    assert [v.name for v in optimizer.variables] == ["iteration"]
    with pytest.raises(TypeError, match="made with a schedule"):
        optimizer.learning_rate = 0.1


def test_a_schedule_is_read_at_every_step() -> None:
    optimizer = optimizers.SGD(schedules.PiecewiseConstantDecay([0, 1], [0.5, 0.25, 0.125]))
    assert run(optimizer, [1.0, 1.0, 1.0]) == [0.5, 0.25, 0.125]
    assert optimizer.learning_rate.item() == 0.125


def test_a_function_is_asked_at_every_step() -> None:
    rates = iter([0.5, 0.25])
    assert run(optimizers.SGD(lambda: next(rates)), [1.0, 1.0]) == [0.5, 0.25]


class Halved(schedules.LearningRateSchedule):
    def __call__(self, step: Any) -> Any:
        return np.where(step < 1, 0.5, 0.25)


class Branching(schedules.LearningRateSchedule):
    def __call__(self, step: Any) -> Any:
        return 0.5 if step < 1 else 0.25


def test_own_schedules() -> None:
    assert run(optimizers.SGD(Halved()), [1.0, 1.0]) == [0.5, 0.25]
    with pytest.raises(TypeError, match=r"Branching can't be recorded.*np\.where"):
        run(optimizers.SGD(Branching()), [1.0])


def test_a_changed_setting_holds_from_the_next_step() -> None:
    optimizer = optimizers.SGD(0.5, momentum=0.5)
    w = scalar()
    optimizer.apply([np.array([1.0])], [w])  # m = -0.5
    optimizer.momentum = 1.0
    optimizer.apply([np.array([0.0])], [w])
    assert w.value.item() == 0.0


# --- gradients as tensors ---------------------------------------------------------------------
def test_gradients_that_are_graph() -> None:
    w = scalar(3.0)
    (g,) = gradients([sum_(square(w))], [w])
    optimizer = optimizers.SGD(0.25)
    optimizer.apply([g], [w])
    assert w.value.item() == 1.5
    optimizer.apply_gradients([(g, w)])
    assert w.value.item() == 0.75
    assert int(optimizer.iterations) == 2


def test_twice_in_one_recording_is_two_steps() -> None:
    w = scalar(1.0)
    optimizer = optimizers.SGD(0.5)
    with recording() as opened:
        optimizer.apply([np.array([1.0])], [w])
        optimizer.apply([np.array([0.5])], [w])
    assert opened.updates[w].numpy().item() == 0.25
    assert opened.updates[optimizer.iterations].numpy() == 2


def test_the_gradient_s_array_is_not_taken_over() -> None:
    optimizer = optimizers.SGD(0.5, gradient_accumulation_steps=2)
    w, g = scalar(), np.array([1.0])
    optimizer.apply([g], [w])
    g[:] = 100.0
    optimizer.apply([np.array([1.0])], [w])
    assert w.value.item() == 0.5


def test_an_own_optimizer_in_keras_s_manner() -> None:
    class Signs(optimizers.Optimizer):
        def build(self, variables: Any) -> None:
            if self.built:
                return
            super().build(variables)
            self._seen = self.add_optimizer_variables(variables, "seen")

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            seen = self._seen[self._get_variable_index(variable)]
            self.assign_add(seen, gradient)
            self.assign_sub(variable, learning_rate * np.sign(seen))

    assert run(Signs(learning_rate=0.5), [2.0, -1.0, -3.0]) == [0.5, 0.0, 0.5]


# --- mistakes ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), "in one way only"),
        (lambda: optimizers.SGD(momentum=1.5), "momentum: expected a number"),
        (lambda: optimizers.Adam(beta_1=-0.1), "beta_1: expected a number"),
        (lambda: optimizers.Adam(ema_momentum=2.0), "ema_momentum"),
        (lambda: optimizers.Adam(gradient_accumulation_steps=1), "integer of at least 2"),
        (lambda: optimizers.Adam(ema_overwrite_frequency=0), "integer of at least 1"),
        (lambda: optimizers.Adam(float("nan")), "learning_rate: expected a number"),
        (lambda: optimizers.Lion(beta_1=0.0), "beta_1: expected a number above 0"),
        (lambda: optimizers.Ftrl(learning_rate_power=0.5), "learning_rate_power"),
        (lambda: optimizers.get("adm"), "Did you mean 'adam'"),
        (lambda: optimizers.SGD().apply([np.zeros(1)]), r"needs build\(variables\) first"),
        (lambda: optimizers.SGD().apply([np.zeros(1)], [scalar(), scalar()]), "one gradient for"),
        (lambda: optimizers.SGD().set_weights([1]), "not built"),
    ],
)
def test_mistakes(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: optimizers.SGD("0.1"), "learning_rate: expected a number, a schedule"),
        (lambda: optimizers.AdamW(weight_decay=None), "weight_decay: expected a number"),
        (lambda: optimizers.get(3), "Expected an optimizer"),
        (lambda: optimizers.get(print), "Expected an optimizer"),
    ],
)
def test_wrong_types(wrong: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        wrong()


def test_new_variables_need_a_new_optimizer() -> None:
    optimizer = optimizers.SGD(0.5)
    optimizer.apply([np.zeros(1)], [scalar()])
    with pytest.raises(ValueError, match="does not know 'other'"):
        optimizer.apply([np.zeros(1)], [Variable(np.zeros(1), name="other")])
