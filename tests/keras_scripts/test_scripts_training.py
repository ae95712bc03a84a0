"""Scripts as people write them for Keras, after ``import glassnet as keras``: training.

With the imports turned back into Keras's they run there too (on JAX all but three: float64, a
variable as a metric's result, a shape inferred for an own layer).
"""

import random

import numpy as np
import pytest

import glassnet as keras
from glassnet import layers
from glassnet.callbacks import EarlyStopping, LearningRateScheduler, ReduceLROnPlateau
from glassnet.layers import Dense, Input
from glassnet.models import Sequential
from glassnet.optimizers import SGD
from glassnet.utils import to_categorical


@pytest.fixture(autouse=True)
def _fresh():
    keras.backend.clear_session()
    keras.utils.set_random_seed(5)


def blobs(n=96, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    return (np.eye(classes)[y] * 3 + rng.normal(0, 0.3, (n, classes))).astype("float32"), y


def classifier(**kwargs):
    model = Sequential()
    model.add(Input(shape=(3,)))
    model.add(Dense(8, activation="relu"))
    model.add(Dense(3, activation="softmax"))
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=SGD(learning_rate=0.1, momentum=0.9, nesterov=True),
        metrics=["accuracy"],
        **kwargs,
    )
    return model


def test_iris_as_in_a_hundred_tutorials():
    x, y = blobs(150)
    order = np.random.permutation(150)  # noqa: NPY002
    x, y = x[order], to_categorical(y[order])
    model = Sequential(
        [
            Dense(16, input_shape=(3,), activation="relu"),
            Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x[:120], y[:120], epochs=30, batch_size=8, verbose=0)
    loss, accuracy = model.evaluate(x[120:], y[120:], verbose=0)
    assert accuracy > 0.95
    assert loss < 0.3
    assert len(history.history["accuracy"]) == 30
    classes = np.argmax(model.predict(x[120:], verbose=0), axis=1)
    assert np.mean(classes == y[120:].argmax(1)) == pytest.approx(accuracy)


def test_regression_on_a_normalized_table():
    rng = np.random.default_rng(0)
    features = rng.normal(50, 20, (80, 4))
    target = features @ [0.3, -0.2, 0.1, 0.0] + 7
    normalizer = layers.Normalization(axis=-1)
    normalizer.adapt(np.array(features))
    np.testing.assert_allclose(np.asarray(normalizer.mean).ravel(), features.mean(0), rtol=1e-5)
    model = keras.Sequential([normalizer, layers.Dense(units=1)])
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.5), loss="mean_absolute_error")
    history = model.fit(features, target, epochs=40, verbose=0, validation_split=0.2)
    assert history.history["val_loss"][-1] < 0.3 * history.history["val_loss"][0]
    assert model.predict(features[:10], verbose=0).shape == (10, 1)


def test_table_of_numbers_and_categories():
    rng = np.random.default_rng(0)
    age = rng.normal(40, 10, (60, 1)).astype("float32")
    kind = rng.integers(0, 4, (60, 1))
    y = ((age[:, 0] > 40) | (kind[:, 0] == 2)).astype("float32")
    age_input = keras.Input((1,), name="age")
    kind_input = keras.Input((1,), name="kind", dtype="int64")
    normalize = layers.Normalization()
    normalize.adapt(age)
    encode = layers.CategoryEncoding(num_tokens=4, output_mode="one_hot")
    x = layers.concatenate([normalize(age_input), encode(kind_input)])
    x = layers.Dense(8, activation="relu")(x)
    x = layers.Dropout(0.1)(x)
    model = keras.Model(
        {"age": age_input, "kind": kind_input}, layers.Dense(1, activation="sigmoid")(x)
    )
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy", "AUC"])
    data = {"age": age, "kind": kind}
    history = model.fit(data, y, epochs=20, batch_size=10, verbose=0)
    assert history.history["accuracy"][-1] > 0.85
    assert set(history.history) == {"accuracy", "AUC", "loss"} or "auc" in history.history


def test_class_weight_and_sample_weight_are_the_same_thing():
    x, y = blobs()
    weights = {0: 1.0, 1: 2.5, 2: 0.5}
    model = classifier(weighted_metrics=["accuracy"])
    start = model.get_weights()
    by_class = model.fit(x, y, class_weight=weights, epochs=2, shuffle=False, verbose=0)
    first = model.get_weights()
    other = classifier(weighted_metrics=["accuracy"])
    other.set_weights(start)
    sample_weight = np.array([weights[c] for c in y])
    by_sample = other.fit(x, y, sample_weight=sample_weight, epochs=2, shuffle=False, verbose=0)
    assert list(by_class.history) == ["accuracy", "loss", "weighted_accuracy"]
    for a, b in zip(first, other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(by_class.history["loss"], by_sample.history["loss"], rtol=1e-5)
    p = other.predict(x, verbose=0)
    logs = other.evaluate(x, y, sample_weight=sample_weight, return_dict=True, verbose=0)
    losses = -np.log(p[np.arange(len(y)), y])
    batches = [np.mean((losses * sample_weight)[i : i + 32]) for i in range(0, len(y), 32)]
    assert logs["loss"] == pytest.approx(np.mean(batches), rel=1e-4)
    model.fit(x, y, validation_data=(x, y, sample_weight), epochs=1, verbose=0)


def test_callbacks_that_people_write():
    class LossHistory(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.per_batch_losses = []
            self.keys = None

        def on_train_batch_end(self, batch, logs=None):
            self.per_batch_losses.append(logs.get("loss"))
            self.keys = list(logs.keys())

        def on_epoch_end(self, epoch, logs=None):
            if logs["accuracy"] > 2:
                self.model.stop_training = True

        def on_test_batch_end(self, batch, logs=None):
            assert "loss" in logs

    class EarlyStoppingAtMinLoss(keras.callbacks.Callback):
        def __init__(self, patience=0):
            super().__init__()
            self.patience = patience
            self.best_weights = None

        def on_train_begin(self, logs=None):
            self.wait = 0
            self.stopped_epoch = 0
            self.best = np.inf

        def on_epoch_end(self, epoch, logs=None):
            current = logs.get("loss")
            if np.less(current, self.best):
                self.best = current
                self.wait = 0
                self.best_weights = self.model.get_weights()
            else:
                self.wait += 1
                if self.wait >= self.patience:
                    self.stopped_epoch = epoch
                    self.model.stop_training = True
                    self.model.set_weights(self.best_weights)

    class CustomLearningRateScheduler(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            lr = float(self.model.optimizer.learning_rate)
            self.model.optimizer.learning_rate = lr * 0.5

    x, y = blobs()
    model = classifier()
    seen = LossHistory()
    model.fit(
        x,
        y,
        epochs=3,
        batch_size=20,
        validation_split=0.25,
        verbose=0,
        callbacks=[seen, EarlyStoppingAtMinLoss(), CustomLearningRateScheduler()],
    )
    assert len(seen.per_batch_losses) == 3 * 4
    assert set(seen.keys) == {"accuracy", "loss"}
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1 / 8)


def test_schedules_and_learning_rate_callbacks():
    x, y = blobs()
    lr_schedule = keras.optimizers.schedules.ExponentialDecay(
        0.1, decay_steps=10, decay_rate=0.5, staircase=True
    )
    model = classifier()
    model.compile(keras.optimizers.SGD(lr_schedule), "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=32, epochs=4, verbose=0)
    assert int(model.optimizer.iterations) == 12
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)

    def schedule(epoch, lr):
        return lr if epoch < 2 else lr * 0.1

    model = classifier()
    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[LearningRateScheduler(schedule)])
    np.testing.assert_allclose(history.history["learning_rate"], [0.1, 0.1, 0.01], rtol=1e-6)
    model = classifier()
    plateau = ReduceLROnPlateau(monitor="loss", factor=0.2, patience=1, min_delta=10)
    history = model.fit(
        x, y, epochs=3, verbose=0, callbacks=[plateau, EarlyStopping(patience=3, monitor="loss")]
    )
    np.testing.assert_allclose(history.history["learning_rate"], [0.1, 0.1, 0.02], rtol=1e-6)


def test_generators_and_datasets(tmp_path):
    x, y = blobs()

    def batches():
        while True:
            rows = np.random.randint(0, 96, 16)  # noqa: NPY002
            yield x[rows], y[rows]

    model = classifier()
    history = model.fit(
        batches(),
        steps_per_epoch=5,
        epochs=2,
        validation_data=batches(),
        validation_steps=2,
        verbose=0,
    )
    assert len(history.history["val_loss"]) == 2
    assert int(model.optimizer.iterations) == 10

    class Numbers(keras.utils.PyDataset):
        def __init__(self, x_set, y_set, batch_size, **kwargs):
            super().__init__(**kwargs)
            self.x, self.y = x_set, y_set
            self.batch_size = batch_size
            self.epochs = 0

        def __len__(self):
            return int(np.ceil(len(self.x) / self.batch_size))

        def __getitem__(self, idx):
            low = idx * self.batch_size
            high = min(low + self.batch_size, len(self.x))
            return self.x[low:high], self.y[low:high]

        def on_epoch_end(self):
            self.epochs += 1

    dataset = Numbers(x, y, 20)
    model.fit(dataset, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == 20
    assert dataset.epochs >= 2
    assert model.evaluate(dataset, verbose=0) == pytest.approx(
        model.evaluate(x, y, verbose=0), rel=1e-4
    )
    assert model.predict(Numbers(x, y, 20), verbose=0).shape == (96, 3)


def test_loops_of_train_on_batch():
    x, y = blobs()
    model = classifier()
    for _ in range(15):
        for start in range(0, 96, 32):
            logs = model.train_on_batch(x[start : start + 32], y[start : start + 32])
    assert len(logs) == 2
    model.train_on_batch(x[:5], y[:5])
    result = model.test_on_batch(x, y, return_dict=True)
    assert result == pytest.approx(model.evaluate(x, y, batch_size=96, return_dict=True, verbose=0))
    assert model.predict_on_batch(x[:2]).shape == (2, 3)
    model.reset_metrics()
    assert model.evaluate(x, y, verbose=0)[1] > 0.9
    assert model.metrics[0].name == "loss"


def test_batch_normalized_network_with_every_regularization():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(
                8,
                use_bias=False,
                kernel_initializer="he_normal",
                kernel_regularizer=keras.regularizers.l2(1e-3),
                activity_regularizer="l1",
            ),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.GaussianNoise(0.1),
            layers.Dropout(0.2),
            layers.Dense(3, kernel_constraint=keras.constraints.MaxNorm(2.0)),
            layers.Softmax(),
        ]
    )
    model.compile(
        keras.optimizers.Adam(learning_rate=0.01, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=[
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top2"),
        ],
    )
    x, y = blobs()
    history = model.fit(x, y, epochs=15, batch_size=16, verbose=0)
    assert list(history.history) == ["accuracy", "loss", "top2"]
    assert history.history["top2"][-1] > 0.9
    norms = np.linalg.norm(model.layers[-2].get_weights()[0], axis=0)
    assert np.all(norms <= 2.0001)
    names = [w.name for w in model.layers[1].weights]
    assert names == ["gamma", "beta", "moving_mean", "moving_variance"]


def test_multi_label_and_imbalanced_metrics():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    y = (x > 0).astype("float32")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3, activation="sigmoid")])
    model.compile(
        optimizer=keras.optimizers.Adam(1e-1),
        loss=keras.losses.BinaryCrossentropy(),
        metrics=[
            keras.metrics.TruePositives(name="tp"),
            keras.metrics.FalseNegatives(name="fn"),
            keras.metrics.BinaryAccuracy(name="accuracy"),
            keras.metrics.Precision(name="precision"),
            keras.metrics.Recall(name="recall"),
            keras.metrics.AUC(name="auc", multi_label=True),
            keras.metrics.AUC(name="prc", curve="PR"),
        ],
    )
    model.fit(x, y, epochs=25, verbose=0)
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    assert results["tp"] + results["fn"] == y.sum()
    assert results["recall"] == pytest.approx(results["tp"] / y.sum())
    assert results["accuracy"] > 0.9
    names = ["loss", "tp", "fn", "accuracy", "precision", "recall", "auc", "prc"]
    values = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(values, [results[n] for n in names])


def test_weights_move_between_models():
    model = classifier()
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    x = blobs()[0]
    np.testing.assert_array_equal(clone.predict(x, verbose=0), model.predict(x, verbose=0))
    dense = layers.Dense(2)
    dense.build((None, 3))
    dense.set_weights([np.ones((3, 2)), np.zeros(2)])
    np.testing.assert_array_equal(dense(np.ones((1, 3))), [[3, 3]])
    dense.kernel.assign(np.zeros((3, 2)))
    assert not dense.get_weights()[0].any()
    shapes = [tuple(v.shape) for v in model.trainable_variables]
    assert shapes == [(3, 8), (8,), (8, 3), (3,)]
    assert [v.path for v in model.variables][:2] == [
        "sequential/dense/kernel",
        "sequential/dense/bias",
    ]


def test_config_round_trips_and_types():
    layer = layers.Conv2D(4, (3, 3), strides=2, padding="same", activation="relu", name="c")
    config = layer.get_config()
    assert config["filters"] == 4
    assert config["padding"] == "same"
    again = layers.Conv2D.from_config(config)
    assert again.get_config() == config
    assert layer.compute_output_shape((None, 9, 9, 3)) == (None, 5, 5, 4)
    assert keras.config.floatx() == "float32"
    keras.config.set_floatx("float64")
    try:
        assert layers.Dense(1)(np.ones((1, 2))).dtype == "float64"
    finally:
        keras.config.set_floatx("float32")
    assert layers.Dense(1, dtype="float64")(np.ones((1, 2))).dtype == "float64"
    variable = keras.Variable(np.ones((2, 2)), dtype="float32", name="v")
    variable.assign(variable + 1.0)
    assert keras.ops.convert_to_numpy(variable).sum() == 8
    optimizer = keras.optimizers.Adam(learning_rate=0.01, beta_1=0.8)
    same = keras.optimizers.Adam.from_config(optimizer.get_config())
    assert same.beta_1 == 0.8
    loss = keras.losses.deserialize(keras.losses.serialize(keras.losses.Huber(delta=2.0)))
    assert loss.get_config()["delta"] == 2.0 if "delta" in loss.get_config() else loss.delta == 2.0
    one = layers.deserialize(layers.serialize(layers.Dense(3, activation="tanh")))
    assert one.units == 3


def test_evaluation_of_a_model_without_metrics_is_one_number():
    x, y = blobs()
    model = Sequential([Input((3,)), Dense(1)])
    model.compile(loss="mse", optimizer="rmsprop")
    assert isinstance(model.evaluate(x, y, verbose=0), float)
    assert isinstance(model.train_on_batch(x, y[:, None]), float)
    history = model.fit(x, y, epochs=2, initial_epoch=1, verbose=0)
    assert history.epoch == [1]


def test_the_seed_is_that_of_scripts_too():
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(11)
        drawn.append([np.random.rand(), random.random()])  # noqa: NPY002
        drawn[-1] += np.asarray(keras.initializers.GlorotUniform()((2, 2))).ravel().tolist()
    assert drawn[0] == drawn[1]
