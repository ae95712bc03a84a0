"""Models saved and loaded: they predict bitwise the same and train on bitwise the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import glassnet as gn
from glassnet.errors import FileFormatError
from glassnet.layers import Dense, Dropout, Input
from glassnet.nest import flatten

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype(np.float32)
Y = RNG.normal(size=(50, 1)).astype(np.float32)
LABELS = RNG.integers(0, 3, 50)


def weights_of(model: Any) -> list[bytes]:
    return [w.value.tobytes() for w in model.weights]


def state_of(model: Any) -> list[bytes]:
    return [v.value.tobytes() for v in model.optimizer.variables]


def outputs_of(model: Any, x: Any) -> list[bytes]:
    return [p.tobytes() for p in flatten(model.predict(x, verbose=0))]


def there_and_back(model: Any, folder: Path, **kwargs: Any) -> Any:
    path = folder / "model.safetensors"
    model.save(path)
    return gn.load(path, **kwargs)


def assert_goes_on(model: Any, folder: Path, x: Any, y: Any, **kwargs: Any) -> Any:
    """Train, save, load; then both predict the same, and both train on to the same."""
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    again = there_and_back(model, folder, **kwargs)
    assert type(again) is type(model)
    assert outputs_of(again, x) == outputs_of(model, x)
    assert state_of(again) == state_of(model)
    before = weights_of(model)
    for each in (model, again):
        each.fit(x, y, epochs=2, batch_size=16, verbose=0)
    assert weights_of(model) != before
    assert weights_of(again) == weights_of(model)
    assert state_of(again) == state_of(model)
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    return again


# --- architectures ----------------------------------------------------------------------------
def test_a_stack(tmp_path: Path) -> None:
    model = gn.Sequential(
        [Input((6,)), Dense(8, "relu"), Dropout(0.3), gn.layers.BatchNormalization(), Dense(3)],
        name="stack",
    )
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    again = assert_goes_on(model, tmp_path, X, LABELS)
    assert again.name == "stack"
    assert [x.name for x in again.layers] == [x.name for x in model.layers]
    assert again.metrics_names == model.metrics_names


def test_a_stack_without_input(tmp_path: Path) -> None:
    model = gn.Sequential([Dense(4, "tanh"), Dense(1)])
    model.compile("sgd", "mse")
    assert_goes_on(model, tmp_path, X, Y)


def test_a_stack_that_is_not_built(tmp_path: Path) -> None:
    model = gn.Sequential([Dense(4, name="first"), Dense(1)])
    again = there_and_back(model, tmp_path)
    assert not again.built
    assert again(X).shape == (50, 1)
    assert again.layers[0].name == "first"


def network() -> Any:
    """Several inputs and outputs, a shared layer, a nested model, ops between, a fixed mode."""
    a, b = Input((6,), name="a"), Input((6,), name="b")
    shared = Dense(5, "tanh", name="shared")
    u, v = shared(a), shared(b)
    x = Input((5,))
    inner = gn.Model(x, Dense(4)(Dropout(0.2)(x)), name="inner")
    w = inner(u) + inner(v) * 2 - np.arange(4, dtype=np.float32)
    w = np.concatenate([w, np.tanh(u), np.where(v > 0, v, 0.5)[:, :3]], axis=-1)  # (m, 12)
    w = gn.ops.reshape(w, (-1, 4, 3))
    w = gn.layers.Flatten()(w / np.maximum(np.sum(w * w, axis=(1, 2), keepdims=True), 1e-3))
    first = Dense(1, name="first")(w)
    second = Dense(3, "softmax", name="second")(Dropout(0.1)(w, training=True))
    return gn.Model({"a": a, "b": b}, [first, second])


def test_a_functional_network(tmp_path: Path) -> None:
    model = network()
    model.compile(
        "rmsprop",
        {"first": "mse", "second": "sparse_categorical_crossentropy"},
        loss_weights={"first": 0.5, "second": 2.0},
        metrics={"first": ["mae"], "second": ["accuracy"]},
    )
    x = {"a": X, "b": X[::-1].copy()}
    model.fit(x, [Y, LABELS], epochs=1, verbose=0)
    again = there_and_back(model, tmp_path)
    for each in (model, again):  # a dropout in training mode draws by the step: predict is fixed
        each.fit(x, [Y, LABELS], epochs=2, verbose=0)
    assert weights_of(again) == weights_of(model)
    assert len(again.weights) == len(model.weights) == 8
    assert again.output_names == ["first", "second"]
    assert list(again.input) == ["a", "b"]


@pytest.mark.parametrize("kind", [list, tuple, dict])
def test_structures_of_inputs_and_outputs(tmp_path: Path, kind: type) -> None:
    a, b = Input((6,), name="a"), Input((6,), name="b")
    c, d = Dense(2)(a), Dense(3)(b)
    inputs: Any = {"one": a, "two": b} if kind is dict else kind([a, b])
    outputs: Any = {"sum": c, "rest": {"deep": d}} if kind is dict else kind([c, d])
    model = gn.Model(inputs, outputs)
    again = there_and_back(model, tmp_path)
    given: Any = {"one": X, "two": X + 1} if kind is dict else kind([X, X + 1])
    assert outputs_of(again, given) == outputs_of(model, given)
    assert type(again.input) is type(model.input) is kind
    if kind is dict:
        assert list(again.output) == ["sum", "rest"]
        assert list(again.output["rest"]) == ["deep"]


def test_one_layer_in_two_models_stays_one(tmp_path: Path) -> None:
    """Shared between a network and a model inside it, the layer has one set of weights."""
    shared = Dense(6, name="shared")
    x = Input((6,))
    inner = gn.Model(x, shared(x))
    outer_x = Input((6,))
    model = gn.Model(outer_x, shared(inner(shared(outer_x))))
    model.compile("sgd", "mse")
    again = assert_goes_on(model, tmp_path, X, X)
    assert len(again.weights) == 2
    assert again.get_layer("shared") is again.layers[-1].layers[-1] or (
        again.get_layer("shared") is again.get_layer(inner.name).get_layer("shared")
    )


def test_a_model_in_a_stack_in_a_model(tmp_path: Path) -> None:
    x = Input((6,))
    inner = gn.Model(x, Dense(3, "relu")(x))
    stack = gn.Sequential([Input((6,)), inner, Dense(2)])
    y = Input((6,))
    model = gn.Model(y, gn.layers.Add()([stack(y), stack(y * 2)]))
    model.compile("sgd", "mse")
    assert_goes_on(model, tmp_path, X, X[:, :2])


def test_sizes_that_only_a_run_tells(tmp_path: Path) -> None:
    """Axes of free length, their products and quotients come back as the same sizes."""
    x = Input((None, 4), name="steps")
    y = gn.layers.Conv1D(3, 2, strides=2, padding="same")(x)
    flat = gn.ops.reshape(x, (-1, x.shape[1] * 4))
    model = gn.Model(x, [y, flat, np.sum(y, axis=1)])
    again = there_and_back(model, tmp_path)
    for length in (3, 6, 7):
        data = RNG.normal(size=(5, length, 4)).astype(np.float32)
        assert outputs_of(again, data) == outputs_of(model, data)
    assert [t.shape for t in again.outputs] == [t.shape for t in model.outputs]


def test_a_part_of_a_network(tmp_path: Path) -> None:
    """A model may begin at an inner tensor of another."""
    x = Input((6,))
    hidden = Dense(4, "tanh", name="hidden")(x)
    tail = gn.Model(hidden, Dense(2)(hidden))
    again = there_and_back(tail, tmp_path)
    assert outputs_of(again, X[:, :4]) == outputs_of(tail, X[:, :4])


def test_masks_and_integers(tmp_path: Path) -> None:
    x = Input((7,), dtype="int32")
    e = gn.layers.Embedding(9, 4, mask_zero=True)(x)
    model = gn.Model(x, Dense(1)(gn.layers.GlobalAveragePooling1D()(e)))
    model.compile("adam", "mse")
    data = RNG.integers(0, 9, (50, 7)).astype(np.int32)
    again = assert_goes_on(model, tmp_path, data, Y)
    assert again.inputs[0].dtype == np.int32


def test_double_precision(tmp_path: Path) -> None:
    model = gn.Sequential(
        [Input((6,), dtype="float64"), Dense(3, dtype="float64")], dtype="float64"
    )
    again = there_and_back(model, tmp_path)
    assert again.dtype == "float64"
    assert [w.dtype for w in again.weights] == [np.float64, np.float64]
    assert weights_of(again) == weights_of(model)


def test_large_constants_are_tensors_of_the_file(tmp_path: Path) -> None:
    table = RNG.normal(size=(300, 20)).astype(np.float32)
    x = Input((4,), dtype="int32")
    e = gn.layers.Embedding(300, 20, embeddings_initializer=gn.initializers.Constant(table))(x)
    model = gn.Model(x, e * RNG.normal(size=(4, 200 // 10)).astype(np.float32))
    path = tmp_path / "model.safetensors"
    model.save(path)
    names = safetensors.numpy.load_file(path)
    assert any(a.shape == (300, 20) for n, a in names.items() if n.startswith("@array/"))
    data = RNG.integers(0, 300, (50, 4)).astype(np.int32)
    assert outputs_of(gn.load(path), data) == outputs_of(model, data)


# --- training state ---------------------------------------------------------------------------
NAMES = ["sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamw", "adamax", "nadam", "ftrl"]
NAMES += ["lion"]
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    **{name: (lambda name=name: gn.optimizers.get(name)) for name in NAMES},
    "momentum": lambda: gn.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "amsgrad": lambda: gn.optimizers.Adam(amsgrad=True, clipnorm=0.1),
    "average": lambda: gn.optimizers.Adam(use_ema=True, ema_overwrite_frequency=3),
    "accumulating": lambda: gn.optimizers.SGD(0.1, gradient_accumulation_steps=3),
    "schedule": lambda: gn.optimizers.SGD(
        gn.optimizers.schedules.CosineDecay(0.1, 20, warmup_steps=3, warmup_target=0.2)
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_on(tmp_path: Path, name: str) -> None:
    model = gn.Sequential([Input((6,)), Dense(3, "tanh"), Dropout(0.2), Dense(1)])
    model.compile(OPTIMIZERS[name](), "mse")
    assert_goes_on(model, tmp_path, X, Y)


def test_a_changed_learning_rate_is_kept(tmp_path: Path) -> None:
    model = gn.Sequential([Input((6,)), Dense(1)])
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.123
    again = there_and_back(model, tmp_path)
    assert float(again.optimizer.learning_rate) == float(np.float32(0.123))


def test_what_is_kept_out_of_weight_decay_stays_out(tmp_path: Path) -> None:
    model = gn.Sequential([Input((6,)), Dense(4), Dense(1)])
    optimizer = gn.optimizers.AdamW(0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([model.weights[2]], ["bias"])
    model.compile(optimizer, "mse")
    again = assert_goes_on(model, tmp_path, X, Y)
    assert [again.optimizer._decays(w) for w in again.weights] == [True, False, False, False]


def test_freezing_is_kept(tmp_path: Path) -> None:
    model = gn.Sequential([Input((6,)), Dense(4, name="frozen"), Dense(1)])
    model.get_layer("frozen").trainable = False
    model.compile("sgd", "mse")
    again = assert_goes_on(model, tmp_path, X, Y)
    assert not again.get_layer("frozen").trainable
    assert len(again.trainable_weights) == 2


def test_frozen_after_training_began(tmp_path: Path) -> None:
    """The optimizer has state for weights that it trains no more."""
    model = gn.Sequential([Input((6,)), Dense(4, name="frozen"), Dense(1)])
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=1, verbose=0)
    model.get_layer("frozen").trainable = False
    assert_goes_on(model, tmp_path, X, Y)


def test_unseeded_dropout_draws_on(tmp_path: Path) -> None:
    model = gn.Sequential([Input((6,)), Dropout(0.5), gn.layers.GaussianNoise(0.3), Dense(1)])
    model.compile("sgd", "mse")
    assert_goes_on(model, tmp_path, X, Y)


def test_seeds_of_layers_of_ones_own(tmp_path: Path) -> None:
    class Noisy(gn.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.generator = gn.random.SeedGenerator()

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            return inputs * gn.random.uniform((6,), seed=self.generator) if training else inputs

    model = gn.Sequential([Input((6,)), Noisy(), Dense(1)])
    model.compile("sgd", "mse")
    assert_goes_on(model, tmp_path, X, Y, custom_objects={"Noisy": Noisy})


def test_without_optimizer_state(tmp_path: Path) -> None:
    model = gn.Sequential([Input((6,)), Dense(1)])
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    path = tmp_path / "m.safetensors"
    model.save(path, include_optimizer=False)
    again = gn.load(path)
    assert int(again.optimizer.iterations) == 0
    assert again.compiled
    assert outputs_of(again, X) == outputs_of(model, X)


def test_without_compiling(tmp_path: Path) -> None:
    def mine(y_true: Any, y_pred: Any) -> Any:
        return np.mean((y_true - y_pred) ** 4, axis=-1)

    model = gn.Sequential([Input((6,)), Dense(1)])
    model.compile("adam", mine)
    model.fit(X, Y, verbose=0)
    path = tmp_path / "m.safetensors"
    model.save(path)
    with pytest.raises(FileFormatError, match=r"custom_objects=\{'mine': mine\}"):
        gn.load(path)
    assert not gn.load(path, compile=False).compiled
    assert_goes_on(model, tmp_path, X, Y, custom_objects={"mine": mine})


def test_an_uncompiled_model(tmp_path: Path) -> None:
    model = gn.Sequential([Input((6,)), Dense(1)])
    assert not there_and_back(model, tmp_path).compiled


def test_losses_metrics_and_structures_of_them(tmp_path: Path) -> None:
    x = Input((6,))
    model = gn.Model(x, [Dense(1, name="p")(x), Dense(3, "softmax", name="q")(x)])
    model.compile(
        gn.optimizers.Adam(0.01),
        loss=[gn.losses.Huber(delta=0.7), "sparse_categorical_crossentropy"],
        loss_weights=[1.0, 0.25],
        metrics=[["mae", gn.metrics.RootMeanSquaredError()], ["accuracy"]],
        weighted_metrics=[[], [gn.metrics.SparseTopKCategoricalAccuracy(2)]],
    )
    assert_goes_on(model, tmp_path, X, [Y, LABELS])


# --- your own classes -------------------------------------------------------------------------
class Scale(gn.layers.Layer):
    def __init__(self, start: float = 1.0, function: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start, self.function = start, function

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(
            (input_shape[-1],), gn.initializers.Constant(self.start), name="factor"
        )

    def call(self, inputs: Any) -> Any:
        y = inputs * self.factor
        return self.function(y) if self.function else y


class Network(gn.Model):
    def __init__(self, units: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.blocks = [Dense(units, "relu"), Scale(2.0)]
        self.last = Dense(1)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        for block in self.blocks:
            inputs = block(inputs)
        return self.last(inputs)


def squared(x: Any) -> Any:
    return x * x


def test_layers_and_functions_of_ones_own(tmp_path: Path) -> None:
    model = gn.Sequential(
        [Input((6,)), Scale(0.5, squared), Dense(3, activation=squared), Dense(1)]
    )
    model.compile("sgd", "mse")
    own = {"Scale": Scale, "squared": squared}
    again = assert_goes_on(model, tmp_path, X, Y, custom_objects=own)
    assert again.layers[0].function is squared
    with pytest.raises(FileFormatError, match="'Scale' is not part of glassnet"):
        gn.load(tmp_path / "model.safetensors")
    with pytest.raises(FileFormatError, match="'squared' is not part of glassnet"):
        gn.load(tmp_path / "model.safetensors", custom_objects={"Scale": Scale})


def test_a_lambda_comes_from_code_alone(tmp_path: Path) -> None:
    model = gn.Sequential([Input((6,)), gn.layers.Lambda(lambda x: x * 3, name="three")])
    path = tmp_path / "m.safetensors"
    model.save(path)
    with pytest.raises(FileFormatError, match="'three' is not part of glassnet"):
        gn.load(path)
    again = gn.load(path, custom_objects={"three": lambda x: x * 3})
    assert outputs_of(again, X) == outputs_of(model, X)
    assert b"x * 3" not in path.read_bytes()


def test_a_model_with_call(tmp_path: Path) -> None:
    model = Network(5, name="mine")
    model.compile("nadam", "mse")
    again = assert_goes_on(
        model, tmp_path, X, Y, custom_objects={"Network": Network, "Scale": Scale}
    )
    assert again.name == "mine"
    assert again.units == 5


def test_a_model_with_call_in_another(tmp_path: Path) -> None:
    x = Input((6,))
    model = gn.Model(x, Dense(1)(Network(3)(x)))
    model.compile("sgd", "mse")
    assert_goes_on(model, tmp_path, X, Y, custom_objects={"Network": Network, "Scale": Scale})


def test_a_stack_that_makes_its_layers(tmp_path: Path) -> None:
    class Stack(gn.Sequential):
        def __init__(self, units: int) -> None:
            super().__init__([Input((6,)), Dense(units), Dense(1)])
            self.units = units

    model = Stack(3)
    model.compile("sgd", "mse")
    assert_goes_on(model, tmp_path, X, Y, custom_objects={"Stack": Stack})


def test_a_model_that_does_not_keep_its_arguments(tmp_path: Path) -> None:
    class Careless(gn.Model):
        def __init__(self, units: int) -> None:
            super().__init__()
            self.dense = Dense(units)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Careless(3)
    model(X)
    with pytest.raises(NotImplementedError, match=r"self\.units = units"):
        model.save(tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_numpy_layer(tmp_path: Path) -> None:
    class Double(gn.layers.NumpyLayer):
        def forward(self, X: Any) -> Any:
            return 2 * X

        def backward(self, dY: Any) -> Any:
            return 2 * dY

    model = gn.Sequential([Input((6,)), Double(), Dense(1)])
    model.compile("sgd", "mse")
    assert_goes_on(model, tmp_path, X, Y, custom_objects={"Double": Double})


def test_two_things_of_one_name(tmp_path: Path) -> None:
    def make(power: int) -> Any:
        def power_of(x: Any) -> Any:
            return x**power

        return power_of

    model = gn.Sequential([Input((6,)), Dense(2, make(2)), Dense(2, make(3))])
    with pytest.raises(ValueError, match="called 'power_of'"):
        model.save(tmp_path / "m.safetensors")


def test_a_variable_between_layers_is_told(tmp_path: Path) -> None:
    x = Input((6,))
    model = gn.Model(x, Dense(1)(x * gn.Variable(np.ones(6, np.float32), name="loose")))
    with pytest.raises(TypeError, match=r"'loose' stands between .* put it into a layer"):
        model.save(tmp_path / "m.safetensors")


# --- paths ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5", "m", "m.pkl", "m.Safetensors"])
def test_other_endings(tmp_path: Path, name: str) -> None:
    model = gn.Sequential([Input((6,)), Dense(1)])
    for use in (model.save, model.save_weights, model.load_weights, gn.load):
        with pytest.raises(ValueError, match=r"ends in \.safetensors; got .*" + name):
            use(str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def test_overwriting(tmp_path: Path) -> None:
    model = gn.Sequential([Input((6,)), Dense(1)])
    path = tmp_path / "m.safetensors"
    for save in (model.save, model.save_weights):
        path.write_text("mine")
        with pytest.raises(FileExistsError, match="overwrite is False"):
            save(path, overwrite=False)
        assert path.read_text() == "mine"
        save(path)
        assert path.read_text(errors="replace") != "mine"


def test_saving_twice_gives_equal_bytes(tmp_path: Path) -> None:
    model = network()
    for name in ("a", "b"):
        model.save(tmp_path / f"{name}.safetensors")
    first, second = (tmp_path / f"{n}.safetensors" for n in "ab")
    assert first.read_bytes() == second.read_bytes()
    gn.load(first).save(second)
    assert first.read_bytes() == second.read_bytes()


def test_the_names_under_which_it_is_found() -> None:
    assert gn.load is gn.models.load_model is gn.files.load_model is gn.files.load
    assert gn.models.save_model is gn.files.save_model
