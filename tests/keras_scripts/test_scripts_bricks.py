"""Scripts as people write them for Keras, after ``import glassnet as keras``: own bricks.

With the imports turned back into Keras's they run there too (on JAX all but three: float64, a
variable as a metric's result, a shape inferred for an own layer).
"""

import numpy as np
import pytest

import glassnet as keras
from glassnet import Model, initializers, layers, losses, metrics, ops, regularizers


@pytest.fixture(autouse=True)
def _fresh():
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)


def line(n=64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype("float32")
    return x, (x @ [[1.0], [-2.0], [0.5]] + 0.3).astype("float32")


class Linear(layers.Layer):
    """The guide's first layer."""

    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True
        )
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b

    def get_config(self):
        config = super().get_config()
        config.update({"units": self.units})
        return config


def test_layer_built_at_its_first_call():
    linear_layer = Linear(4)
    y = linear_layer(ops.ones((2, 2)))
    assert tuple(y.shape) == (2, 4)
    assert len(linear_layer.weights) == 2
    assert linear_layer.trainable_weights == linear_layer.weights
    config = linear_layer.get_config()
    new_layer = Linear.from_config(config)
    assert new_layer.units == 4
    assert new_layer.name == linear_layer.name
    assert linear_layer.compute_output_shape((None, 2)) == (None, 4)


def test_layer_with_weights_made_in_init():
    class Old(keras.layers.Layer):
        def __init__(self, units=32, input_dim=32):
            super().__init__()
            self.w = self.add_weight(
                shape=(input_dim, units), initializer="random_normal", trainable=True
            )
            self.b = self.add_weight(shape=(units,), initializer="zeros", trainable=True)

        def call(self, inputs):
            return ops.matmul(inputs, self.w) + self.b

    layer = Old(4, 2)
    x = np.ones((2, 2), "float32")
    expected = x @ np.asarray(layer.w) + np.asarray(layer.b)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-6)


def test_non_trainable_weight_counts_what_it_saw():
    class ComputeSum(keras.layers.Layer):
        def __init__(self, input_dim):
            super().__init__()
            self.total = self.add_weight(initializer="zeros", shape=(input_dim,), trainable=False)

        def call(self, inputs):
            self.total.assign_add(ops.sum(inputs, axis=0))
            return self.total

    my_sum = ComputeSum(2)
    x = ops.ones((2, 2))
    np.testing.assert_array_equal(ops.convert_to_numpy(my_sum(x)), [2, 2])
    np.testing.assert_array_equal(np.asarray(my_sum(x)), [4, 4])
    assert len(my_sum.non_trainable_weights) == 1
    assert my_sum.trainable_weights == []


def test_layers_in_layers_and_lists_of_layers():
    class MLPBlock(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.linear_1 = Linear(5)
            self.linear_2 = Linear(5)
            self.rest = [layers.Dense(2), layers.Dense(1)]

        def call(self, inputs):
            x = self.linear_1(inputs)
            x = keras.activations.relu(x)
            x = keras.activations.relu(self.linear_2(x))
            for layer in self.rest:
                x = layer(x)
            return x

    mlp = MLPBlock()
    y = mlp(ops.ones(shape=(3, 6)))
    assert tuple(y.shape) == (3, 1)
    assert len(mlp.weights) == 8
    assert len(mlp.trainable_weights) == 8
    assert [tuple(w.shape) for w in mlp.weights][:4] == [(6, 5), (5,), (5, 5), (5,)]


def test_losses_added_in_call_and_regularizers():
    class ActivityRegularizationLayer(keras.layers.Layer):
        def __init__(self, rate=1e-2):
            super().__init__()
            self.rate = rate

        def call(self, inputs):
            self.add_loss(self.rate * ops.mean(inputs))
            return inputs

    inputs = keras.Input((3,))
    outputs = ActivityRegularizationLayer(0.5)(inputs)
    dense = layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1), use_bias=False)
    model = keras.Model(inputs, dense(outputs))
    model.compile(optimizer="sgd", loss="mse")
    x, y = line()
    w = dense.get_weights()[0]
    expected = np.mean((x @ w - y) ** 2) + 0.5 * x.mean() + 0.1 * np.sum(w**2)
    assert model.evaluate(x, y, batch_size=64, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert len(dense.losses) == 1
    assert float(dense.losses[0]) == pytest.approx(0.1 * np.sum(w**2), rel=1e-5)


def test_layer_with_training_argument():
    class CustomDropout(keras.layers.Layer):
        def __init__(self, rate, **kwargs):
            super().__init__(**kwargs)
            self.rate = rate
            self.seed_generator = keras.random.SeedGenerator(1337)

        def call(self, inputs, training=None):
            if training:
                return keras.random.dropout(inputs, rate=self.rate, seed=self.seed_generator)
            return inputs

    layer = CustomDropout(0.5)
    x = np.ones((4, 50), "float32")
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)
    dropped = np.asarray(layer(x, training=True))
    assert set(np.unique(dropped)) == {0.0, 2.0}
    again = np.asarray(layer(x, training=True))
    assert not np.array_equal(dropped, again)


def test_variational_autoencoder_of_subclasses():
    class Sampling(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seed_generator = keras.random.SeedGenerator(1337)

        def call(self, inputs):
            z_mean, z_log_var = inputs
            batch = ops.shape(z_mean)[0]
            dim = ops.shape(z_mean)[1]
            epsilon = keras.random.normal(shape=(batch, dim), seed=self.seed_generator)
            return z_mean + ops.exp(0.5 * z_log_var) * epsilon

    class Encoder(layers.Layer):
        def __init__(self, latent_dim=2, intermediate_dim=8, name="encoder", **kwargs):
            super().__init__(name=name, **kwargs)
            self.dense_proj = layers.Dense(intermediate_dim, activation="relu")
            self.dense_mean = layers.Dense(latent_dim)
            self.dense_log_var = layers.Dense(latent_dim)
            self.sampling = Sampling()

        def call(self, inputs):
            x = self.dense_proj(inputs)
            z_mean = self.dense_mean(x)
            z_log_var = self.dense_log_var(x)
            z = self.sampling((z_mean, z_log_var))
            return z_mean, z_log_var, z

    class VariationalAutoEncoder(keras.Model):
        def __init__(self, original_dim, name="autoencoder", **kwargs):
            super().__init__(name=name, **kwargs)
            self.original_dim = original_dim
            self.encoder = Encoder()
            self.decoder = layers.Dense(original_dim, activation="sigmoid")

        def call(self, inputs):
            z_mean, z_log_var, z = self.encoder(inputs)
            reconstructed = self.decoder(z)
            kl_loss = -0.5 * ops.mean(z_log_var - ops.square(z_mean) - ops.exp(z_log_var) + 1)
            self.add_loss(kl_loss)
            return reconstructed

    vae = VariationalAutoEncoder(6)
    optimizer = keras.optimizers.Adam(learning_rate=1e-2)
    vae.compile(optimizer, loss=keras.losses.MeanSquaredError())
    x = np.random.default_rng(0).uniform(size=(64, 6)).astype("float32")
    history = vae.fit(x, x, epochs=3, batch_size=16, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert len(vae.weights) == 8
    assert vae.predict(x[:4], verbose=0).shape == (4, 6)


def test_subclassed_model_with_residual_block():
    class ResNetBlock(layers.Layer):
        def __init__(self, filters):
            super().__init__()
            self.conv = layers.Conv2D(filters, 3, padding="same")
            self.norm = layers.BatchNormalization()

        def call(self, x, training=False):
            return keras.activations.relu(self.norm(self.conv(x), training=training) + x)

    class ResNet(keras.Model):
        def __init__(self, num_classes=3):
            super().__init__()
            self.block_1 = ResNetBlock(2)
            self.block_2 = ResNetBlock(2)
            self.global_pool = layers.GlobalAveragePooling2D()
            self.classifier = layers.Dense(num_classes)

        def call(self, inputs, training=False):
            x = self.block_1(inputs, training=training)
            x = self.block_2(x, training=training)
            return self.classifier(self.global_pool(x))

    resnet = ResNet()
    dataset = np.random.default_rng(0).normal(size=(10, 4, 4, 2)).astype("float32")
    resnet.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    resnet.fit(dataset, np.arange(10) % 3, epochs=1, batch_size=5, verbose=0)
    assert resnet.predict(dataset, verbose=0).shape == (10, 3)
    assert len(resnet.trainable_weights) == 10
    assert len(resnet.non_trainable_weights) == 4
    assert [type(layer).__name__ for layer in resnet.layers] == [
        "ResNetBlock",
        "ResNetBlock",
        "GlobalAveragePooling2D",
        "Dense",
    ]
    resnet.summary()
    with pytest.raises(ValueError, match="no_such_layer"):
        resnet.get_layer("no_such_layer")


def test_subclassed_model_with_get_config():
    @keras.saving.register_keras_serializable()
    class CustomModel(keras.Model):
        def __init__(self, hidden_units, **kwargs):
            super().__init__(**kwargs)
            self.hidden_units = hidden_units
            self.dense_layers = [layers.Dense(u) for u in hidden_units]

        def call(self, inputs):
            x = inputs
            for layer in self.dense_layers:
                x = layer(x)
            return x

        def get_config(self):
            return {"hidden_units": self.hidden_units}

        @classmethod
        def from_config(cls, config):
            return cls(**config)

    model = CustomModel([4, 2, 1])
    model(np.zeros((2, 3)))
    new_model = CustomModel.from_config(model.get_config())
    new_model(np.zeros((2, 3)))
    new_model.set_weights(model.get_weights())
    x = line()[0]
    np.testing.assert_array_equal(new_model.predict(x, verbose=0), model.predict(x, verbose=0))


def test_custom_loss_function_and_class():
    def custom_mean_squared_error(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)

    class CustomMSE(keras.losses.Loss):
        def __init__(self, regularization_factor=0.1, name="custom_mse"):
            super().__init__(name=name)
            self.regularization_factor = regularization_factor

        def call(self, y_true, y_pred):
            mse = ops.mean(ops.square(y_true - y_pred), axis=-1)
            reg = ops.mean(ops.square(0.5 - y_pred), axis=-1)
            return mse + reg * self.regularization_factor

    x, y = line()
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    p = np.asarray(model(x))
    model.compile(optimizer=keras.optimizers.Adam(), loss=custom_mean_squared_error)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(np.mean((y - p) ** 2), rel=1e-5)
    model.compile(optimizer="adam", loss=CustomMSE())
    expected = np.mean((y - p) ** 2) + 0.1 * np.mean((0.5 - p) ** 2)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)
    model.fit(x, y, batch_size=16, epochs=1, verbose=0)


def test_custom_metrics():
    class BinaryTruePositives(keras.metrics.Metric):
        def __init__(self, name="binary_true_positives", **kwargs):
            super().__init__(name=name, **kwargs)
            self.true_positives = self.add_variable(
                shape=(), name="true_positives", initializer="zeros"
            )

        def update_state(self, y_true, y_pred, sample_weight=None):
            y_true = ops.equal(ops.cast(y_true, "bool"), True)
            y_pred = ops.greater(y_pred, 0.5)
            values = ops.logical_and(y_true, y_pred)
            values = ops.cast(values, self.true_positives.dtype)
            if sample_weight is not None:
                sample_weight = ops.cast(sample_weight, self.true_positives.dtype)
                values = values * ops.broadcast_to(sample_weight, ops.shape(values))
            self.true_positives.assign_add(ops.sum(values))

        def result(self):
            return self.true_positives

        def reset_state(self):
            self.true_positives.assign(0)

    def mean_prediction(y_true, y_pred):
        return ops.mean(y_pred, axis=-1)

    metric = BinaryTruePositives()
    metric.update_state([0, 1, 1, 1], [0.0, 1, 0.2, 0.9])
    assert float(metric.result()) == 2
    metric.reset_state()
    assert float(metric.result()) == 0
    x, _ = line()
    y = (x[:, :1] > 0).astype("float32")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[BinaryTruePositives(), mean_prediction])
    p = model.predict(x, verbose=0)
    logs = model.evaluate(x, y, batch_size=10, return_dict=True, verbose=0)
    assert logs["binary_true_positives"] == ((p > 0.5) & (y > 0)).sum()
    assert logs["mean_prediction"] == pytest.approx(p.mean(), rel=1e-5)


def test_custom_initializers_regularizers_constraints_activations():
    def my_init(shape, dtype=None):
        return keras.random.normal(shape, dtype=dtype) * 0 + 0.25

    class ExampleRandomNormal(initializers.Initializer):
        def __init__(self, mean, stddev):
            self.mean = mean
            self.stddev = stddev

        def __call__(self, shape, dtype=None, **kwargs):
            return keras.random.normal(shape, mean=self.mean, stddev=self.stddev, dtype=dtype)

        def get_config(self):
            return {"mean": self.mean, "stddev": self.stddev}

    class MyRegularizer(regularizers.Regularizer):
        def __init__(self, strength):
            self.strength = strength

        def __call__(self, x):
            return self.strength * ops.sum(ops.square(x))

    def l1_by_hand(weight_matrix):
        return 0.01 * ops.sum(ops.absolute(weight_matrix))

    class CenterAround(keras.constraints.Constraint):
        def __init__(self, ref_value):
            self.ref_value = ref_value

        def __call__(self, w):
            return w - ops.mean(w) + self.ref_value

        def get_config(self):
            return {"ref_value": self.ref_value}

    def my_activation(x):
        return ops.tanh(x) * 2

    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(
                4,
                activation=my_activation,
                kernel_initializer=my_init,
                kernel_regularizer=MyRegularizer(0.1),
            ),
            layers.Dense(
                1,
                kernel_initializer=ExampleRandomNormal(0.0, 1.0),
                bias_initializer=initializers.Constant(0.5),
                bias_regularizer=l1_by_hand,
                kernel_constraint=CenterAround(1.0),
            ),
        ]
    )
    assert np.all(model.layers[0].get_weights()[0] == 0.25)
    model.compile("sgd", "mse")
    x, y = line()
    w0, b0, w1, b1 = model.get_weights()
    expected = np.mean((np.tanh(x @ w0 + b0) * 2 @ w1 + b1 - y) ** 2)
    expected += 0.1 * np.sum(w0**2) + 0.01 * np.sum(np.abs(b1))
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)
    model.fit(x, y, epochs=1, verbose=0)
    assert model.layers[1].get_weights()[0].mean() == pytest.approx(1.0, abs=1e-5)
    config = model.layers[1].get_config()
    assert config["bias_initializer"]["class_name"] == "Constant"
    assert keras.activations.get("relu") is keras.activations.relu
    assert keras.activations.get(None) is keras.activations.linear
    assert keras.losses.get("mse") is not None
    assert isinstance(keras.optimizers.get("adam"), keras.optimizers.Adam)
    assert isinstance(keras.regularizers.get("l2"), keras.regularizers.L2)


def test_lambda_and_logistic_endpoint():
    class LogisticEndpoint(keras.layers.Layer):
        def __init__(self, name=None):
            super().__init__(name=name)
            self.loss_fn = losses.BinaryCrossentropy(from_logits=True)
            self.accuracy_metric = metrics.BinaryAccuracy(name="accuracy")

        def call(self, targets, logits, sample_weight=None):
            loss = self.loss_fn(targets, logits, sample_weight)
            self.add_loss(loss)
            return ops.softmax(logits)

    inputs = keras.Input((3,), name="inputs")
    targets = keras.Input((1,), name="targets")
    logits = layers.Dense(1)(layers.Lambda(lambda x: x / 2)(inputs))
    predictions = LogisticEndpoint(name="predictions")(targets, logits)
    model = keras.Model([inputs, targets], predictions)
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    x, _ = line()
    t = (x[:, :1] > 0).astype("float32")
    history = model.fit({"inputs": x, "targets": t}, epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_antirectifier():
    class Antirectifier(layers.Layer):
        def __init__(self, initializer="he_normal", **kwargs):
            super().__init__(**kwargs)
            self.initializer = keras.initializers.get(initializer)

        def build(self, input_shape):
            output_dim = input_shape[-1]
            self.kernel = self.add_weight(
                shape=(output_dim * 2, output_dim),
                initializer=self.initializer,
                name="kernel",
                trainable=True,
            )

        def call(self, inputs):
            inputs -= ops.mean(inputs, axis=-1, keepdims=True)
            pos = ops.relu(inputs)
            neg = ops.relu(-inputs)
            concatenated = ops.concatenate([pos, neg], axis=-1)
            return ops.matmul(concatenated, self.kernel)

        def get_config(self):
            base_config = super().get_config()
            config = {"initializer": keras.initializers.serialize(self.initializer)}
            return dict(list(base_config.items()) + list(config.items()))

    model = keras.Sequential([keras.Input((3,)), Antirectifier(), layers.Dense(1)])
    model.compile(
        loss=keras.losses.MeanSquaredError(),
        optimizer=keras.optimizers.RMSprop(),
        metrics=[keras.metrics.MeanAbsoluteError()],
    )
    x, y = line()
    history = model.fit(x, y, validation_split=0.15, epochs=2, verbose=0)
    assert list(history.history) == [
        "loss",
        "mean_absolute_error",
        "val_loss",
        "val_mean_absolute_error",
    ]
    assert model.layers[0].kernel.shape == (6, 3)


def test_functional_subclass():
    class MyModel(Model):
        def __init__(self, **kwargs):
            inputs = keras.Input((3,))
            outputs = layers.Dense(2)(inputs)
            super().__init__(inputs=inputs, outputs=outputs, **kwargs)

    model = MyModel(name="mine")
    assert model.name == "mine"
    assert model.output_shape == (None, 2)
    assert len(model.layers) == 2


def test_model_with_its_own_compute_loss():
    class Shifted(keras.Model):
        def __init__(self, scale=1.0):
            super().__init__()
            self.dense = layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))
            self.scale = scale

        def call(self, inputs):
            return self.dense(inputs)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            known = super().compute_loss(x, y, y_pred, sample_weight)
            return known + self.scale * ops.mean(ops.abs(y_pred - y))

    x, y = line()
    model = Shifted(0.5)
    model.compile("sgd", "mse", metrics=["mae"])
    p = model.predict(x, verbose=0)
    w = model.get_weights()[0]
    expected = np.mean((y - p) ** 2) + 0.1 * np.sum(w**2) + 0.5 * np.mean(np.abs(y - p))
    logs = model.evaluate(x, y, batch_size=64, return_dict=True, verbose=0)
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert logs["mae"] == pytest.approx(np.mean(np.abs(y - p)), rel=1e-5)
    history = model.fit(x, y, epochs=5, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_layer_that_makes_a_mask():
    class Padded(layers.Layer):
        def call(self, inputs):
            return inputs * 1.0

        def compute_mask(self, inputs, mask=None):
            return ops.any(ops.not_equal(inputs, 0.0), axis=-1)

    x = np.ones((2, 3, 2), "float32")
    x[:, 1:] = 0
    pooled = layers.GlobalAveragePooling1D()(Padded()(x))
    np.testing.assert_allclose(np.asarray(pooled), np.ones((2, 2)), rtol=1e-6)
    inputs = keras.Input((3, 2))
    model = keras.Model([inputs], [layers.GlobalAveragePooling1D()(Padded()(inputs))])
    np.testing.assert_allclose(model.predict(x, verbose=0), np.ones((2, 2)), rtol=1e-6)


def test_first_layer_with_input_dim():
    model = keras.Sequential([layers.Dense(3, input_dim=4), layers.Dense(1)])
    assert model.count_params() == 3 * 5 + 4
