"""Scripts as people write them for Keras, after ``import glassnet as keras``: networks.

With the imports turned back into Keras's they run there too (on JAX all but three: float64, a
variable as a metric's result, a shape inferred for an own layer).
"""

import numpy as np
import pytest

import glassnet as keras
from glassnet import layers, ops


@pytest.fixture(autouse=True)
def _fresh():
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)


def blobs(n=120, classes=3, width=4, seed=0):
    """Examples around one corner a class: easy to tell apart."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    x = np.eye(classes, width)[y] * 3 + rng.normal(0, 0.3, (n, width))
    return x.astype("float32"), y


def images(n=60, size=12, classes=3, seed=0):
    """Grey images with a bright bar whose place is the class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    x = rng.uniform(0, 40, (n, size, size))
    for image, label in zip(x, y, strict=True):
        image[:, label * 4 : label * 4 + 3] += 200
    return x.astype("uint8"), y


def test_simple_mnist_convnet():
    num_classes, input_shape = 3, (12, 12, 1)
    x_train, y_train = images(160)
    x_test, y_test = images(32, seed=1)
    x_train = x_train.astype("float32") / 255
    x_test = x_test.astype("float32") / 255
    x_train = np.expand_dims(x_train, -1)
    x_test = np.expand_dims(x_test, -1)
    y_train = keras.utils.to_categorical(y_train, num_classes)
    y_test = keras.utils.to_categorical(y_test, num_classes)
    model = keras.Sequential(
        [
            keras.Input(shape=input_shape),
            layers.Conv2D(8, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(16, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(num_classes, activation="softmax"),
        ]
    )
    model.summary()
    model.compile(
        loss="categorical_crossentropy",
        optimizer=keras.optimizers.Adam(0.005),
        metrics=["accuracy"],
    )
    history = model.fit(x_train, y_train, batch_size=16, epochs=12, validation_split=0.1, verbose=0)
    score = model.evaluate(x_test, y_test, verbose=0)
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert isinstance(score, list)
    assert score[1] > 0.9
    assert model.count_params() == 8 * 10 + 16 * 73 + 16 * 3 + 3
    assert model.predict(x_test[:5], verbose=0).shape == (5, 3)


def test_quickstart_with_metric_objects_and_callbacks(tmp_path):
    x, y = images(64)
    x = np.expand_dims(x.astype("float32") / 255, -1)
    model = keras.Sequential(
        [
            keras.layers.Input(shape=(12, 12, 1)),
            keras.layers.Conv2D(4, kernel_size=(3, 3), activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(),
        optimizer=keras.optimizers.Adam(learning_rate=1e-3),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
    )
    callbacks = [
        keras.callbacks.ModelCheckpoint(
            filepath=str(tmp_path / "model.weights.h5"), save_weights_only=True
        )
        if keras.__name__ == "keras"
        else keras.callbacks.ModelCheckpoint(filepath=str(tmp_path / "model.safetensors")),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=2),
    ]
    history = model.fit(
        x, y, batch_size=16, epochs=3, validation_split=0.15, callbacks=callbacks, verbose=0
    )
    assert list(history.history) == ["acc", "loss", "val_acc", "val_loss"]
    assert history.epoch == [0, 1, 2]
    assert history.params["epochs"] == 3
    assert len(list(tmp_path.iterdir())) == 1
    assert model.metrics_names == ["loss", "compile_metrics"] or "acc" in model.metrics_names


def test_functional_toy_resnet():
    inputs = keras.Input(shape=(12, 12, 3), name="img")
    x = layers.Conv2D(8, 3, activation="relu")(inputs)
    x = layers.Conv2D(8, 3, activation="relu")(x)
    block_1_output = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(8, 3, activation="relu", padding="same")(block_1_output)
    x = layers.Conv2D(8, 3, activation="relu", padding="same")(x)
    block_2_output = layers.add([x, block_1_output])
    x = layers.Conv2D(8, 3, activation="relu", padding="same")(block_2_output)
    x = layers.Conv2D(8, 3, activation="relu", padding="same")(x)
    block_3_output = layers.add([x, block_2_output])
    x = layers.Conv2D(8, 3, activation="relu")(block_3_output)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(16, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    outputs = layers.Dense(10)(x)
    model = keras.Model(inputs, outputs, name="toy_resnet")
    assert model.name == "toy_resnet"
    assert model.output_shape == (None, 10)
    assert len(model.layers) == 15
    assert [layer.name for layer in model.layers[:3]] == ["img", "conv2d", "conv2d_1"]
    model.compile(
        optimizer=keras.optimizers.RMSprop(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["acc"],
    )
    x = np.random.default_rng(0).uniform(size=(20, 12, 12, 3)).astype("float32")
    y = np.arange(20) % 10
    history = model.fit(x, y, batch_size=8, epochs=1, validation_split=0.2, verbose=0)
    assert list(history.history) == ["acc", "loss", "val_acc", "val_loss"]


def test_multi_input_and_output_with_dicts():
    """The functional API guide: a system that ranks customers' tickets."""
    num_tags, num_words, num_departments = 12, 100, 4
    title_input = keras.Input(shape=(None,), name="title")
    body_input = keras.Input(shape=(None,), name="body", dtype="int32")
    tags_input = keras.Input(shape=(num_tags,), name="tags")
    title_features = layers.Embedding(num_words, 8)(title_input)
    body_features = layers.Embedding(num_words, 8)(body_input)
    title_features = layers.GlobalAveragePooling1D()(title_features)
    body_features = layers.GlobalMaxPooling1D()(body_features)
    x = layers.concatenate([title_features, body_features, tags_input])
    priority_pred = layers.Dense(1, name="priority")(x)
    department_pred = layers.Dense(num_departments, name="department")(x)
    model = keras.Model(
        inputs=[title_input, body_input, tags_input],
        outputs={"priority": priority_pred, "department": department_pred},
    )
    model.compile(
        optimizer=keras.optimizers.RMSprop(1e-3),
        loss={
            "priority": keras.losses.BinaryCrossentropy(from_logits=True),
            "department": keras.losses.CategoricalCrossentropy(from_logits=True),
        },
        loss_weights={"priority": 1.0, "department": 0.2},
        metrics={
            "priority": ["accuracy"],
            "department": ["accuracy", "top_k_categorical_accuracy"],
        },
    )
    rng = np.random.default_rng(0)
    title_data = rng.integers(num_words, size=(32, 10))
    body_data = rng.integers(num_words, size=(32, 20))
    tags_data = rng.integers(2, size=(32, num_tags)).astype("float32")
    priority_targets = rng.random(size=(32, 1))
    dept_targets = np.eye(num_departments)[rng.integers(num_departments, size=32)]
    history = model.fit(
        {"title": title_data, "body": body_data, "tags": tags_data},
        {"priority": priority_targets, "department": dept_targets},
        epochs=2,
        batch_size=16,
        verbose=0,
    )
    assert set(history.history) == {
        "loss",
        "priority_loss",
        "department_loss",
        "priority_accuracy",
        "department_accuracy",
        "department_top_k_categorical_accuracy",
    }
    result = model.predict({"title": title_data, "body": body_data, "tags": tags_data}, verbose=0)
    assert result["priority"].shape == (32, 1)
    assert result["department"].shape == (32, 4)
    logs = model.evaluate(
        [title_data, body_data, tags_data],
        {"priority": priority_targets, "department": dept_targets},
        return_dict=True,
        verbose=0,
    )
    assert logs["loss"] == pytest.approx(
        logs["priority_loss"] + 0.2 * logs["department_loss"], 1e-5
    )


def test_two_outputs_as_lists_with_lists_of_metrics():
    inputs = keras.Input((4,))
    hidden = layers.Dense(8, activation="relu")(inputs)
    a = layers.Dense(1, name="a")(hidden)
    b = layers.Dense(3, activation="softmax", name="b")(hidden)
    model = keras.Model(inputs, [a, b])
    model.compile(
        "adam",
        loss=["mse", "sparse_categorical_crossentropy"],
        loss_weights=[0.5, 2.0],
        metrics=[["mae", "mse"], ["accuracy"]],
    )
    x, y = blobs()
    history = model.fit(x, [x[:, 0], y], epochs=2, verbose=0)
    assert set(history.history) == {"loss", "a_loss", "b_loss", "a_mae", "a_mse", "b_accuracy"}
    values = model.evaluate(x, [x[:, 0], y], verbose=0)
    assert values[0] == pytest.approx(0.5 * values[1] + 2.0 * values[2], 1e-5)
    first, second = model.predict(x, verbose=0)
    assert first.shape == (120, 1)
    assert second.shape == (120, 3)


def test_shared_layers_make_one_set_of_weights():
    shared_embedding = layers.Embedding(50, 6)
    text_input_a = keras.Input(shape=(None,), dtype="int32")
    text_input_b = keras.Input(shape=(None,), dtype="int32")
    encoded_a = layers.GlobalAveragePooling1D()(shared_embedding(text_input_a))
    encoded_b = layers.GlobalAveragePooling1D()(shared_embedding(text_input_b))
    distance = layers.Dot(axes=1, normalize=True)([encoded_a, encoded_b])
    model = keras.Model([text_input_a, text_input_b], distance)
    assert len(model.weights) == 1
    model.compile(loss="mse", optimizer="sgd")
    a = np.random.default_rng(0).integers(0, 50, (10, 5))
    model.fit([a, a[:, :3]], np.ones((10, 1)), verbose=0)
    same = model.predict([a, a], verbose=0)
    np.testing.assert_allclose(same, 1, atol=1e-6)


def test_nested_models_and_ensembling():
    def get_model():
        inputs = keras.Input(shape=(8,))
        outputs = layers.Dense(1)(inputs)
        return keras.Model(inputs, outputs)

    members = [get_model(), get_model(), get_model()]
    inputs = keras.Input(shape=(8,))
    outputs = layers.average([member(inputs) for member in members])
    ensemble_model = keras.Model(inputs=inputs, outputs=outputs)
    x = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")
    expected = sum(x @ m.get_weights()[0] + m.get_weights()[1] for m in members) / 3
    np.testing.assert_allclose(ensemble_model(x), expected, rtol=1e-5, atol=1e-6)
    assert ensemble_model.count_params() == 27
    ensemble_model.summary(expand_nested=True)


def test_convolutional_autoencoder():
    encoder_input = keras.Input(shape=(12, 12, 1), name="img")
    x = layers.Conv2D(8, 3, activation="relu")(encoder_input)
    x = layers.MaxPooling2D(2, padding="same")(x)
    encoder_output = layers.GlobalMaxPooling2D()(layers.Conv2D(16, 3, activation="relu")(x))
    encoder = keras.Model(encoder_input, encoder_output, name="encoder")
    decoder_input = keras.Input(shape=(16,), name="encoded_img")
    x = layers.Reshape((4, 4, 1))(decoder_input)
    x = layers.Conv2DTranspose(8, 3, activation="relu")(x)
    x = layers.UpSampling2D(2)(x)
    decoder_output = layers.Conv2D(1, 3, activation="sigmoid", padding="same")(x)
    decoder = keras.Model(decoder_input, decoder_output, name="decoder")
    autoencoder_input = keras.Input(shape=(12, 12, 1), name="img")
    autoencoder = keras.Model(
        autoencoder_input, decoder(encoder(autoencoder_input)), name="autoencoder"
    )
    assert autoencoder.output_shape == (None, 12, 12, 1)
    autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
    x = images(32)[0][..., None] / 255.0
    history = autoencoder.fit(x, x, epochs=4, batch_size=8, shuffle=True, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert autoencoder.get_layer("encoder").predict(x[:2], verbose=0).shape == (2, 16)


def test_feature_extraction_from_intermediate_layers():
    model = keras.Sequential(
        [
            keras.Input(shape=(12, 12, 3)),
            layers.Conv2D(4, 5, strides=2, activation="relu"),
            layers.Conv2D(4, 3, activation="relu", name="my_intermediate_layer"),
            layers.Conv2D(4, 2, activation="relu"),
        ]
    )
    extractor = keras.Model(inputs=model.inputs, outputs=[layer.output for layer in model.layers])
    x = np.ones((1, 12, 12, 3), "float32")
    features = extractor(x)
    assert [tuple(f.shape) for f in features] == [(1, 4, 4, 4), (1, 2, 2, 4), (1, 1, 1, 4)]
    one = keras.Model(
        inputs=model.inputs, outputs=model.get_layer(name="my_intermediate_layer").output
    )
    np.testing.assert_array_equal(one(x), features[1])
    assert model.get_layer(index=0) is model.layers[0]


def test_sequential_built_late_and_popped():
    model = keras.Sequential()
    model.add(layers.Dense(2, activation="relu", name="layer1"))
    model.add(layers.Dense(3, activation="relu", name="layer2"))
    model.add(layers.Dense(4, name="layer3"))
    assert not model.built
    assert model.weights == []
    model.pop()
    assert len(model.layers) == 2
    y = model(np.ones((1, 4)))
    assert tuple(y.shape) == (1, 3)
    assert len(model.weights) == 4
    other = keras.Sequential([layers.Dense(2), layers.Dense(1)])
    other.build((None, 5))
    assert other.count_params() == 15
    third = keras.Sequential([layers.Dense(3, input_shape=(4,)), layers.Dense(1)])
    assert third.output_shape == (None, 1)


def test_transfer_learning_freezes_the_base():
    base_model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, activation="relu"), layers.BatchNormalization()],
        name="base",
    )
    base_model.trainable = False
    inputs = keras.Input(shape=(4,))
    x = base_model(inputs, training=False)
    outputs = layers.Dense(3)(x)
    model = keras.Model(inputs, outputs)
    assert len(model.trainable_weights) == 2
    assert len(model.non_trainable_weights) == 6
    model.compile(
        optimizer=keras.optimizers.Adam(0.05),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    before = [w.copy() for w in base_model.get_weights()]
    x, y = blobs()
    history = model.fit(x, y, epochs=5, verbose=0)
    for old, new in zip(before, base_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert history.history["sparse_categorical_accuracy"][-1] > 0.8
    base_model.trainable = True
    assert len(model.trainable_weights) == 6
    model.compile(
        optimizer=keras.optimizers.Adam(1e-5),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(x, y, epochs=1, verbose=0)
    assert not np.array_equal(before[0], base_model.get_weights()[0])
    for layer in model.layers:
        layer.trainable = False
    assert model.trainable_weights == []


def test_text_classification_with_conv1d():
    max_features, embedding_dim, sequence_length = 60, 8, 16
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 64)
    x = rng.integers(30 * y[:, None], 30 * y[:, None] + 30, (64, sequence_length))
    inputs = keras.Input(shape=(None,), dtype="int64")
    h = layers.Embedding(max_features, embedding_dim)(inputs)
    h = layers.Dropout(0.5)(h)
    h = layers.Conv1D(16, 3, padding="valid", activation="relu", strides=2)(h)
    h = layers.Conv1D(16, 3, padding="valid", activation="relu", strides=2)(h)
    h = layers.GlobalMaxPooling1D()(h)
    h = layers.Dense(16, activation="relu")(h)
    predictions = layers.Dense(1, activation="sigmoid", name="predictions")(h)
    model = keras.Model(inputs, predictions)
    model.compile(
        loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.005), metrics=["accuracy"]
    )
    history = model.fit(x, y, epochs=12, batch_size=16, verbose=0)
    assert history.history["accuracy"][-1] > 0.9


def test_masking_of_padded_sequences():
    raw = [[7, 9, 4], [3, 1], [2, 5, 6, 8]]
    padded = keras.utils.pad_sequences(raw, padding="post")
    embedding = layers.Embedding(input_dim=10, output_dim=2, mask_zero=True)
    np.testing.assert_array_equal(np.asarray(embedding.compute_mask(padded)), padded != 0)
    inputs = keras.Input((None,), dtype="int32")
    outputs = layers.GlobalAveragePooling1D()(embedding(inputs))
    model = keras.Model(inputs, outputs)
    table = embedding.get_weights()[0]
    expected = np.stack([table[row].mean(0) for row in raw])
    np.testing.assert_allclose(model.predict(padded, verbose=0), expected, rtol=1e-5)
    masking = layers.Masking(mask_value=0.0)
    x = np.ones((2, 3, 2), "float32")
    x[:, 2] = 0
    pooled = layers.GlobalAveragePooling1D()(masking(x))
    np.testing.assert_allclose(pooled, np.ones((2, 2)))


def test_operators_and_ops_between_layers():
    a = keras.Input((4,), name="a")
    b = keras.Input((4,), name="b")
    h = ops.concatenate([a * 2.0 + b, ops.relu(a - b)], axis=-1)
    h = ops.mean(h, axis=-1, keepdims=True) + layers.Dense(1, use_bias=False)(h[:, :4])
    model = keras.Model({"a": a, "b": b}, h)
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(3, 4)).astype("f"), "b": rng.normal(size=(3, 4)).astype("f")}
    joined = np.concatenate([x["a"] * 2 + x["b"], np.maximum(x["a"] - x["b"], 0)], -1)
    expected = joined.mean(-1, keepdims=True) + joined[:, :4] @ model.get_weights()[0]
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)
