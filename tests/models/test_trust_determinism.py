"""Same seed, same machine: bitwise the same weights, whatever else is asked of the model."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers

RNG = np.random.default_rng(0)
FLAT = RNG.normal(size=(30, 6)).astype("float32")
IMAGES = RNG.normal(size=(30, 6, 6, 2)).astype("float32")
TOKENS = RNG.integers(0, 10, (30, 5))
Y = RNG.normal(size=(30, 1)).astype("float32")


def flat(entry: bool) -> list[Any]:
    return [
        *([gn.Input((6,))] if entry else []),
        layers.Dense(6, activation="relu"),
        layers.Dropout(0.3),
        layers.GaussianNoise(0.1),
        layers.GaussianDropout(0.2),
        layers.AlphaDropout(0.2),
        layers.BatchNormalization(),
        layers.Dense(1),
    ]


def images(entry: bool) -> list[Any]:
    return [
        *([gn.Input((6, 6, 2))] if entry else []),
        layers.Conv2D(3, 3, padding="same"),
        layers.SpatialDropout2D(0.3),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(1),
    ]


def tokens(entry: bool) -> list[Any]:
    return [
        *([gn.Input((5,), dtype="int64")] if entry else []),
        layers.Embedding(10, 4),
        layers.SpatialDropout1D(0.3),
        layers.GlobalAveragePooling1D(),
        layers.Dense(1),
    ]


NETWORKS = {"flat": (flat, FLAT), "images": (images, IMAGES), "tokens": (tokens, TOKENS)}


def state(model: gn.Model) -> list[bytes]:
    return [v.value.tobytes() for v in (*model.weights, *model.optimizer.variables)]


def trained(
    name: str,
    entry: bool,
    before: Callable[[gn.Model, Any], object] | None = None,
    between: Callable[[gn.Model, Any], object] | None = None,
    **options: Any,
) -> list[bytes]:
    gn.utils.set_random_seed(3)
    stack, x = NETWORKS[name]
    model = gn.Sequential(stack(entry))
    model.compile("adam", "mse", metrics=["mae"])
    if before:
        before(model, x)
    given = {"batch_size": 8, "epochs": 1, "verbose": 0, **options}
    model.fit(x, Y, **given)
    if between:
        between(model, x)
    model.fit(x, Y, **given)
    return state(model)


LOOKS: list[Callable[[gn.Model, Any], object]] = [
    lambda model, x: model.predict(x, verbose=0),
    lambda model, x: model.evaluate(x, Y, verbose=0),
    lambda model, x: model.predict_on_batch(x[:3]),
    lambda model, x: model(x[:4]),
    lambda model, x: model.build((None, *x.shape[1:])),
    lambda model, x: model.summary(print_fn=lambda text: None),
]


@pytest.mark.parametrize("entry", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_looking_at_a_model_changes_no_training(name: str, entry: bool) -> None:
    plain = trained(name, entry)

    def look(model: gn.Model, x: Any) -> None:
        for ask in LOOKS:
            ask(model, x)

    assert trained(name, entry, before=look) == plain
    assert trained(name, entry, between=look) == plain
    assert trained(name, not entry) == plain


@pytest.mark.parametrize("verbose", [1, 2])
def test_verbosity_callbacks_and_validation_change_no_training(
    verbose: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def look(batch: int, logs: dict[str, float]) -> None:
        assert logs["loss"] > 0

    callbacks = [
        gn.callbacks.LambdaCallback(on_train_batch_end=look),
        gn.callbacks.EarlyStopping("loss", patience=9),
        gn.callbacks.TerminateOnNaN(),
    ]
    plain = trained("flat", True)
    assert trained("flat", True, verbose=verbose, callbacks=callbacks) == plain
    assert trained("flat", True, validation_data=(FLAT, Y)) == plain


def test_another_seed_gives_other_weights() -> None:
    plain = trained("flat", True)
    gn.utils.set_random_seed(4)
    model = gn.Sequential(flat(True))
    model.compile("adam", "mse")
    assert model.weights[0].value.tobytes() != plain[0]


def test_models_that_train_in_turns_do_not_disturb_each_other() -> None:
    def pair() -> tuple[gn.Model, gn.Model]:
        gn.utils.set_random_seed(3)
        made = [gn.Sequential(flat(True)) for _ in range(2)]
        for model in made:
            model.compile("adam", "mse")
            model.fit(FLAT, Y, verbose=0)  # fixes the order of the examples
        return made[0], made[1]

    one, other = pair()
    one.fit(FLAT, Y, batch_size=8, epochs=2, verbose=0)
    other.fit(FLAT, Y, batch_size=8, epochs=2, verbose=0)
    left, right = pair()
    for _ in range(2):
        right.fit(FLAT, Y, batch_size=8, verbose=0)
        left.fit(FLAT, Y, batch_size=8, verbose=0)
    assert state(left) == state(one)
    assert state(right) == state(other)


SCRIPT = """
import sys, hashlib, numpy as np, glassnet as gn
gn.utils.set_random_seed(3)
x = np.random.default_rng(0).normal(size=(30, 6)).astype("float32")
model = gn.Sequential([gn.layers.Dense(6, "relu"), gn.layers.Dropout(0.3), gn.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x, x[:, :1], batch_size=8, epochs=2, verbose=0)
print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())
"""


def test_a_fresh_process_gives_the_same_weights() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(found) == 1
