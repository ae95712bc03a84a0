"""ReduceLROnPlateau and LearningRateScheduler against sequences worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from callbacks_played import compiled, play

import glassnet as gn
from glassnet.callbacks import LearningRateScheduler, ReduceLROnPlateau


def test_two_epochs_without_improvement_halve_the_rate() -> None:
    plateau = ReduceLROnPlateau("val_loss", factor=0.5, patience=2)
    values = [3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    # wait:    0    0    1    2*   0    1    2*   1    2*
    rates, _ = play(plateau, values)
    assert rates == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_cooldown_epochs_are_not_counted() -> None:
    plateau = ReduceLROnPlateau("val_loss", factor=0.5, patience=1, cooldown=2)
    # Reduced at epoch 1; the counter falls to 1 at epoch 2 and to 0 at epoch 3, which counts again.
    rates, _ = play(plateau, [1.0] * 6)
    assert rates == [1, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_min_lr_is_the_floor_and_min_delta_the_step() -> None:
    plateau = ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_lr=0.3, min_delta=0.5)
    rates, _ = play(plateau, [3.0, 2.6, 2.2, 1.9, 1.8])
    # 2.6 is no improvement on 3.0 by 0.5; 2.2 is one; 1.9 and 1.8 are none on 2.2.
    np.testing.assert_allclose(rates, [1, 0.5, 0.5, 0.3, 0.3])


def test_more_is_better_for_accuracy() -> None:
    plateau = ReduceLROnPlateau("val_accuracy", factor=0.5, patience=1)
    rates, _ = play(plateau, [0.1, 0.2, 0.1], "val_accuracy")
    assert rates == [1, 1, 0.5]


def test_a_factor_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be below 1; got 1\.5"):
        ReduceLROnPlateau(factor=1.5)


def test_the_rate_stands_in_the_history_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    model = compiled(0.5)
    plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, verbose=1)
    run = model.fit(np.ones((4, 2)), np.zeros((4, 1)) + model.predict(np.ones((4, 2)), verbose=0),
                    epochs=3, verbose=0, callbacks=[plateau])  # fmt: skip
    assert run.history["learning_rate"] == [0.5, 0.5, 0.25]
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 2: no improvement, learning rate reduced to 0.25",
        "Epoch 3: no improvement, learning rate reduced to 0.125",
    ]


def test_the_reduced_rate_is_the_one_that_trains() -> None:
    """One weight, loss (w·1 - 0)², so the slope is 2w: by hand w ← w - rate·2w."""
    model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1, use_bias=False)])
    model.compile(gn.optimizers.SGD(0.25), "mse")
    model.set_weights([np.array([[8.0]])])
    plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    model.fit([[1.0]], [[0.0]], epochs=4, verbose=0, callbacks=[plateau])
    # rates 0.25, 0.25, 0.125, 0.0625: 8 → 4 → 2 → 1.5 → 1.3125
    assert model.get_weights()[0].item() == 1.3125


def test_the_schedule_gets_epoch_and_rate() -> None:
    rates, _ = play(LearningRateScheduler(lambda epoch, rate: rate * 0.5 + epoch), [0.0] * 4)
    assert rates == [0.5, 1.25, 2.625, 4.3125]
    rates, _ = play(LearningRateScheduler(lambda epoch: 1.0 / (1 + epoch)), [0.0] * 4)
    np.testing.assert_allclose(rates, [1, 1 / 2, 1 / 3, 1 / 4], rtol=1e-6)


def test_an_optimizers_schedule_may_be_the_function() -> None:
    decay = gn.optimizers.schedules.ExponentialDecay(1.0, decay_steps=1, decay_rate=0.5)
    rates, _ = play(LearningRateScheduler(decay), [0.0] * 3)
    assert rates == [1, 0.5, 0.25]


def test_a_type_error_of_the_schedule_is_its_own() -> None:
    def broken(epoch: int, rate: float) -> float:
        return rate + "a"  # type: ignore[operator]

    with pytest.raises(TypeError, match="unsupported operand"):
        play(LearningRateScheduler(broken), [0.0])


def test_a_schedule_that_gives_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="must return a number; it returned None"):
        play(LearningRateScheduler(lambda epoch, rate: None), [0.0])  # type: ignore[arg-type, return-value]
    play(LearningRateScheduler(lambda epoch, rate: 0.5, verbose=1), [0.0])
    assert capsys.readouterr().out == "Epoch 1: learning rate 0.5\n"
