"""Mistakes in what is passed to fit, evaluate, predict and their kin: one clear error each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = X[:, :1].copy()
CLASSES = np.arange(10) % 3


class Subclassed(gn.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(4, name="first")
        self.last = layers.Dense(1, name="last")

    def call(self, inputs: Any) -> Any:
        return self.last(self.first(inputs))


def sequential() -> gn.Model:
    return gn.Sequential([gn.Input((3,)), layers.Dense(1, name="out")])


def functional() -> gn.Model:
    inputs = gn.Input((3,))
    return gn.Model(inputs, layers.Dense(1, name="out")(inputs))


def built_by_data() -> gn.Model:
    model = gn.Sequential([layers.Dense(1, name="out")])
    model(X)
    return model


def subclassed() -> gn.Model:
    model = Subclassed()
    model(X)
    return model


def compiled(make: Callable[[], gn.Model]) -> gn.Model:
    model = make()
    model.compile("sgd", "mse")
    return model


ENTRIES: dict[str, Callable[[gn.Model, Any, Any], object]] = {
    "fit": lambda m, x, y: m.fit(x, y, verbose=0),
    "fit generator": lambda m, x, y: m.fit(iter([(x, y)]), verbose=0),
    "validation_data": lambda m, x, y: m.fit(X, Y, verbose=0, validation_data=(x, y)),
    "validation generator": lambda m, x, y: m.fit(X, Y, verbose=0, validation_data=iter([(x, y)])),
    "evaluate": lambda m, x, y: m.evaluate(x, y, verbose=0),
    "evaluate generator": lambda m, x, y: m.evaluate(iter([(x, y)]), verbose=0),
    "train_on_batch": lambda m, x, y: m.train_on_batch(x, y),
    "test_on_batch": lambda m, x, y: m.test_on_batch(x, y),
}
INPUT_ENTRIES: dict[str, Callable[[gn.Model, Any], object]] = {
    "predict": lambda m, x: m.predict(x, verbose=0),
    "predict generator": lambda m, x: m.predict(iter([x]), verbose=0),
    "predict_on_batch": lambda m, x: m.predict_on_batch(x),
}
for _name, _entry in ENTRIES.items():
    INPUT_ENTRIES[_name] = lambda m, x, entry=_entry: entry(m, x, np.ones((len(x), 1)))


@pytest.mark.parametrize("make", [sequential, functional, built_by_data, subclassed])
@pytest.mark.parametrize("entry", INPUT_ENTRIES)
def test_inputs_of_a_wrong_shape(make: Callable[[], gn.Model], entry: str) -> None:
    call = INPUT_ENTRIES[entry]
    where = "Layer 'first'" if make is subclassed else r"input 'input_layer\S*'"
    with pytest.raises(ValueError, match=rf"{where}.*features by examples: pass x\.T"):
        call(compiled(make), np.ones((3, 10)))
    with pytest.raises(ValueError, match=rf"{where}.*\(m, 3\); got \((10|m), 5\)"):
        call(compiled(make), np.ones((10, 5)))
    if make is not subclassed:  # a Dense takes any number of axes
        with pytest.raises(ValueError, match=rf"{where}.*got \(10, 3, 3\).*Flatten"):
            call(compiled(make), np.ones((10, 3, 3)))


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (None, ValueError, r"'out' has a loss but no target.*fit\(x, y\)"),
        (Y[:5], ValueError, "x 10, y 5"),
        (Y.T, ValueError, "x 10, y 1. Examples are rows"),
        (np.ones((10, 2)), ValueError, r"targets have shape \(m, 2\).*predictions \(m, 1\)"),
        (np.array(["a"] * 10), TypeError, "y: Expected numbers.*Turn texts"),
        (np.array([1, None] * 5, object), TypeError, "y: Expected numbers"),
        ([[1], [2, 3]] * 5, TypeError, r"(?s)y: Expected numbers in a regular.*Pad"),
        (Y + 1j, TypeError, "y: .*complex64"),
        ({"outt": Y}, ValueError, r"y names the outputs \['outt'\]; there are \['out'\]"),
        ([Y, Y], ValueError, r"y has 2"),
    ],
)
def test_targets_that_do_not_fit(entry: str, y: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        ENTRIES[entry](compiled(sequential), X, y)


@pytest.mark.parametrize("entry", ENTRIES)
def test_labels_out_of_range(entry: str) -> None:
    def model() -> gn.Model:
        made = gn.Sequential([gn.Input((3,)), layers.Dense(3, name="out")])
        made.compile("sgd", gn.losses.SparseCategoricalCrossentropy(from_logits=True))
        return made

    def call(y: Any) -> object:
        if entry.startswith("validation"):
            data = (X, y) if entry == "validation_data" else iter([(X, CLASSES), (X, y)])
            return model().fit(X, CLASSES, verbose=0, validation_data=data)
        if entry == "fit generator":
            return model().fit(iter([(X, CLASSES), (X, y)]), verbose=0)
        return ENTRIES[entry](model(), X, y)

    call(CLASSES.astype(float)[:, None])
    for y, message in [
        (CLASSES + 1, r"output 'out'.*class number 3 is out of range.*0 to 2.*y - 1"),
        (CLASSES - 1, r"output 'out'.*class number -1 is negative"),
        (CLASSES + 0.5, r"output 'out'.* is no integer"),
    ]:
        with pytest.raises(ValueError, match=message):
            call(y)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (None, ValueError, "x is None"),
        (X[:0], ValueError, "data are empty"),
        ([], ValueError, "data are empty"),
        (np.float32(3), ValueError, "single number"),
        (3, TypeError, "x is 3: expected arrays"),
        ({1, 2}, TypeError, "expected arrays"),
        ("hello", TypeError, "Expected numbers"),
        (np.array([["a", "b", "c"]]), TypeError, "Turn texts"),
        (np.array([[1, None, 2]], object), TypeError, "Expected numbers"),
        (np.array(["2020-01-01"], "M8[D]"), TypeError, "Expected numbers"),
        ([[1, 2, 3], [1, 2]], TypeError, "x: .*Pad them"),
        (X + 1j, TypeError, "complex64"),
        (iter([]), ValueError, "no batch"),
        (np.ones(3), ValueError, r"single example: pass x\[None\]"),
    ],
)
def test_what_is_no_data(x: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        sequential().predict(x, verbose=0)


class Table:
    """Like a data frame: it iterates over its columns' names, and NumPy can read it."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.values

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Any:
        return iter("abc")


def test_what_is_data() -> None:
    model = compiled(sequential)
    expected = model.predict(X, verbose=0)
    for x in (Table(X), X.tolist(), tuple(map(tuple, X.tolist())), X.astype("float64"), [X]):
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    for x in (X.astype("float16"), X > 0, (X * 9).astype("int8")):
        assert model.predict(x, verbose=0).dtype == np.float32
    model.fit(Table(X), Table(Y), validation_data=(Table(X), Table(Y)), verbose=0)


OPTIONS = [
    ({"batch_size": 0}, ValueError, "batch_size is a whole number above 0; got 0"),
    ({"epochs": -1}, ValueError, "epochs: expected a whole number of at least 0; got -1"),
    ({"epochs": 2.5}, TypeError, "epochs: .*got 2.5"),
    ({"epochs": None}, TypeError, "epochs: .*got None"),
    ({"initial_epoch": -1}, ValueError, "initial_epoch"),
    ({"steps_per_epoch": 0}, ValueError, "steps_per_epoch: .*at least 1; got 0"),
    ({"steps_per_epoch": 1.5}, TypeError, "steps_per_epoch"),
    ({"validation_split": 1.0}, ValueError, "validation_split is between 0 and 1"),
    ({"validation_split": -0.1}, ValueError, "validation_split is between 0 and 1"),
    ({"validation_split": "x"}, TypeError, "validation_split: expected a number"),
    ({"validation_data": (X, Y), "validation_freq": 0}, ValueError, "validation_freq"),
    ({"validation_data": (X, Y), "validation_freq": [1, 0]}, ValueError, "validation_freq"),
    ({"validation_data": (X, Y), "validation_steps": 0}, ValueError, "validation_steps"),
    ({"validation_data": (X, Y), "validation_batch_size": 0}, ValueError, "validation_batch_size"),
    ({"validation_data": X}, ValueError, r"validation_data=\(x, y\)"),
    ({"validation_data": (X, Y, Y, Y)}, ValueError, "a tuple of 4"),
    ({"verbose": 3}, ValueError, "verbose is 'auto', 0, 1 or 2"),
    ({"callbacks": gn.callbacks.EarlyStopping}, TypeError, r"Make one: EarlyStopping\("),
    ({"sample_weight": np.ones(5)}, ValueError, "sample_weight 5"),
    ({"sample_weight": np.ones((10, 3))}, ValueError, "sample_weight has shape"),
    ({"sample_weight": np.full(10, np.nan)}, ValueError, r"sample_weight holds nan at \[0\]"),
    ({"class_weight": {0: 1.0}}, ValueError, r"no weight for the classes \[1, 2\]"),
    ({"class_weight": {0: 1, 1: None, 2: 1}}, TypeError, r"class_weight\[1\]: expected a number"),
    ({"class_weight": {0: 1, 1: np.nan, 2: 1}}, ValueError, r"class_weight\[1\]"),
    ({"class_weight": {"a": 1}}, TypeError, "class number"),
    ({"class_weight": [1, 1, 1]}, TypeError, "class_weight is a dict"),
    ({"epoch": 3}, TypeError, "epoch"),
]


@pytest.mark.parametrize(("options", "error", "message"), OPTIONS)
def test_options_of_fit(options: dict[str, Any], error: type, message: str) -> None:
    y = CLASSES if "class_weight" in options else Y
    with pytest.raises(error, match=message):
        compiled(sequential).fit(X, y, **{"verbose": 0, **options})


def test_no_epochs_is_no_training() -> None:
    model = compiled(sequential)
    assert model.fit(X, Y, epochs=0, verbose=0).history == {}
    assert int(model.optimizer.iterations.numpy()) == 0


def test_nothing_of_a_generator_is_split_off() -> None:
    with pytest.raises(ValueError, match="Pass validation_data="):
        compiled(sequential).fit(iter([(X, Y)]), validation_split=0.2, verbose=0)


def two_inputs(as_dict: bool) -> gn.Model:
    a, b = gn.Input((3,), name="a"), gn.Input((2,), name="b")
    one = layers.Dense(1, name="one")(a)
    two = layers.Dense(1, name="two")(layers.Concatenate()([a, b]))
    model = gn.Model({"a": a, "b": b} if as_dict else [a, b], {"one": one, "two": two})
    model.compile("sgd", "mse")
    return model


B = X[:, :2]
TARGETS = {"one": Y, "two": Y}


@pytest.mark.parametrize("as_dict", [True, False])
@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        ({"a": X}, TARGETS, ValueError, r"inputs \['a', 'b'\]; \['b'\] are missing from \['a'\]"),
        ({"a": X, "bb": B}, TARGETS, ValueError, r"\['b'\] are missing from \['a', 'bb'\]"),
        ({"a": B, "b": X}, TARGETS, ValueError, r"input 'a': expected \(m, 3\); got \(10, 2\)"),
        ({"a": {"q": X}, "b": B}, TARGETS, TypeError, "input 'a': expected an array; got a dict"),
        ({"a": X, "b": B[:5]}, TARGETS, ValueError, r"x\[0\] 10, x\[1\] 5"),
        (X, TARGETS, ValueError, r"takes 2 inputs \(a, b\); got 1"),
        ([X, B, B], TARGETS, ValueError, "got 3"),
        ([X, B], {"one": Y}, ValueError, "'two' has a loss but no target"),
        ([X, B], {"one": Y, "tow": Y}, ValueError, r"y names the outputs \['tow'\]"),
        ([X, B], Y, ValueError, r"2 outputs \(one, two\); y has 1"),
        ([X, B], {"one": Y, "two": Y[:4]}, ValueError, r"y\[1\] 4"),
    ],
)
def test_several_inputs(as_dict: bool, x: Any, y: Any, error: type, message: str) -> None:
    for name in ("fit", "fit generator", "evaluate", "train_on_batch"):
        with pytest.raises(error, match=message):
            ENTRIES[name](two_inputs(as_dict), x, y)


def test_a_model_without_loss() -> None:
    model = sequential()
    model.compile("sgd")
    for call in (lambda: model.fit(X, Y, verbose=0), lambda: model.evaluate(X, Y, verbose=0)):
        with pytest.raises(ValueError, match="no loss"):
            call()


# --- misuse of layers and models --------------------------------------------------------------
class WithoutSuper(layers.Layer):
    def __init__(self) -> None:
        self.inner = 3

    def call(self, inputs: Any) -> Any:
        return inputs


class GivesNothing(layers.Layer):
    def call(self, inputs: Any) -> Any:
        inputs * 2


def trained_with(loss: Any) -> object:
    model = sequential()
    model.compile("sgd", loss)
    return model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: layers.Dense(2).kernel, AttributeError, "'kernel'.*not built.*call it on data"),
        (lambda: layers.BatchNormalization().moving_mean, AttributeError, "not built yet"),
        (lambda: layers.Dense(2).outputt, AttributeError, "no attribute 'outputt'"),
        (lambda: layers.Dense(2).output, AttributeError, "never called on a symbolic tensor"),
        (lambda: layers.Dense(2, activaton="relu"), TypeError, "Did you mean 'activation'"),
        (lambda: gn.Sequential([layers.Dense]), TypeError, r"a class; make a layer of it: Dense\("),
        (lambda: sequential().get_layer("ot"), ValueError, "Did you mean 'out'"),
        (lambda: sequential().output_shapes, AttributeError, "no attribute 'output_shapes'"),
        (lambda: gn.Sequential([layers.Dense(1)]).output_shape, AttributeError, "Call it on data"),
        (lambda: gn.Sequential([layers.Dense(1)]).count_params(), ValueError, "not built"),
        (lambda: gn.Sequential().predict(X, verbose=0), ValueError, "no layers yet"),
        (lambda: WithoutSuper()(X), AttributeError, r"(?s)begin it with.*super\(\).__init__\(\)"),
        (lambda: GivesNothing(name="g")(X), TypeError, "'g': call.. gave None. End Gives"),
        (lambda: trained_with(lambda y, p: None), TypeError, "The loss '<lambda>' gave None"),
        (lambda: trained_with(lambda y, p: p if p.sum() > 0 else -p), TypeError, r"np\.where"),
        (lambda: np.asarray(layers.Dense(1)(gn.Input((3,)))), TypeError, "symbolic"),
    ],
)  # fmt: skip
def test_misuse(act: Callable[[], object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        act()


def test_a_loss_that_reaches_no_weight_is_told() -> None:
    with pytest.warns(UserWarning, match="depends on no weight"):
        trained_with(lambda y, p: y**2)


def test_what_is_not_there_is_not_there() -> None:
    layer = layers.Dense(2)
    assert not hasattr(layer, "kernel")
    assert getattr(layer, "kernel", None) is None
    layer(X)
    assert layer.kernel.shape == (3, 2)
    with pytest.raises(AttributeError, match=r"no attribute 'kernell'$"):
        _ = layer.kernell
