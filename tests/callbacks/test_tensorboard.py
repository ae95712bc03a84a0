"""TensorBoard: what is written is read back by TensorBoard's own reader."""

from __future__ import annotations

import math
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

import glassnet as gn
from glassnet.callbacks import BackupAndRestore, LambdaCallback, TensorBoard
from glassnet.callbacks.events import EventFile, weight_image

X = np.random.default_rng(0).normal(size=(20, 6, 6, 1)).astype("float32")
Y = (X.mean((1, 2, 3)) > 0).astype("int64")


def small() -> gn.Sequential:
    gn.utils.set_random_seed(3)
    model = gn.Sequential(
        [
            gn.Input((6, 6, 1)),
            gn.layers.Conv2D(3, 3, activation="relu", name="conv"),
            gn.layers.BatchNormalization(name="norm"),
            gn.layers.Flatten(name="flat"),
            gn.layers.Dense(2, "softmax", name="top"),
        ],
        name="net",
    )
    model.compile(gn.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fitted(board: Any, *others: Any, epochs: int = 3, model: Any = None) -> Any:
    return (model or small()).fit(
        X, Y, batch_size=5, epochs=epochs, verbose=0, validation_split=0.25,
        callbacks=[board, *others],
    )  # fmt: skip


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance=dict.fromkeys(
        ("scalars", "histograms", "images", "tensors"), 0))  # fmt: skip
    found.Reload()
    return found


def series(found: EventAccumulator, tag: str) -> tuple[list[int], list[float]]:
    events = found.Scalars(tag)
    return [e.step for e in events], [e.value for e in events]


def as_float32(values: Any) -> list[float]:
    return [float(np.float32(v)) for v in values]


# --- scalars ----------------------------------------------------------------------------------
def test_every_scalar_of_the_epochs_is_read_back(tmp_path: Path) -> None:
    drop = gn.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    run = fitted(TensorBoard(tmp_path), drop)
    train, held = read(tmp_path / "train"), read(tmp_path / "validation")
    expected = {"epoch_loss": "loss", "epoch_accuracy": "accuracy"}
    for tag, name in expected.items():
        assert series(train, tag) == ([0, 1, 2], as_float32(run.history[name]))
        assert series(held, tag) == ([0, 1, 2], as_float32(run.history[f"val_{name}"]))
    rates = as_float32([0.005, 0.0025, 0.00125])
    assert np.allclose(series(train, "epoch_learning_rate")[1], rates, rtol=1e-6, atol=0)
    assert set(train.Tags()["scalars"]) == {*expected, "epoch_learning_rate"}
    for name in ("loss", "accuracy"):
        steps, values = series(held, f"evaluation_{name}_vs_iterations")
        assert steps == [3, 6, 9]  # 15 examples in batches of 5
        assert values == as_float32(run.history[f"val_{name}"])
    assert len(held.Tags()["scalars"]) == 4


@pytest.mark.parametrize(("freq", "steps"), [("batch", [1, 2, 3, 4, 5, 6]), (4, [4])])
def test_batches(tmp_path: Path, freq: Any, steps: list[int]) -> None:
    losses: list[float] = []
    look = LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]))
    fitted(TensorBoard(tmp_path, update_freq=freq), look, epochs=2)
    found = read(tmp_path / "train")
    expected = as_float32(losses[step - 1] for step in steps)
    assert series(found, "batch_loss") == (steps, expected)
    assert series(found, "batch_accuracy")[0] == steps


def test_steps_per_second(tmp_path: Path) -> None:
    import time

    pause = LambdaCallback(on_train_batch_begin=lambda batch, logs: time.sleep(0.02))
    board = TensorBoard(tmp_path, write_steps_per_second=True, update_freq=1)
    fitted(board, pause, epochs=1)
    found = read(tmp_path / "train")
    steps, values = series(found, "epoch_steps_per_second")
    assert steps == [0]
    assert 1 < values[0] < 50
    assert all(1 < v < 50 for v in series(found, "batch_steps_per_second")[1])


def test_a_metric_of_several_numbers(tmp_path: Path) -> None:
    file = TensorBoard(tmp_path)
    model = small()
    file.set_model(model)
    file._write_epoch(4, {"each": np.array([0.5, 0.25])})
    file._close()
    found = read(tmp_path / "train")
    assert series(found, "epoch_each/0") == ([4], [0.5])
    assert series(found, "epoch_each/1") == ([4], [0.25])


def test_evaluate_writes_and_closes(tmp_path: Path) -> None:
    model, board = small(), TensorBoard(tmp_path)
    loss, accuracy = model.evaluate(X, Y, verbose=0, callbacks=[board])
    found = read(tmp_path / "validation")
    assert series(found, "evaluation_loss_vs_iterations") == ([0], as_float32([loss]))
    assert series(found, "evaluation_accuracy_vs_iterations") == ([0], as_float32([accuracy]))
    assert board._files == {}
    assert not (tmp_path / "train").exists()


# --- histograms -------------------------------------------------------------------------------
def test_every_histogram_is_read_back(tmp_path: Path) -> None:
    model = small()
    kept: dict[int, dict[str, np.ndarray]] = {}
    look = LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.update(
            {epoch: {w.path: np.array(w) for w in model.weights}}
        )
    )
    fitted(TensorBoard(tmp_path, histogram_freq=2), look, epochs=4, model=model)
    found = read(tmp_path / "train")
    names = {f"{w.path}/histogram" for w in model.weights}
    assert set(found.Tags()["histograms"]) == names
    assert "net/conv/kernel/histogram" in names
    assert len(names) == 8
    for path in kept[0]:
        events = found.Histograms(f"{path}/histogram")
        assert [e.step for e in events] == [0, 2]
        for event in events:
            check_histogram(event.histogram_value, kept[event.step][path])


def check_histogram(found: Any, values: np.ndarray) -> None:
    entries = [float(v) for v in values.ravel()]
    assert found.min == min(entries)
    assert found.max == max(entries)
    assert found.num == len(entries)
    assert math.isclose(found.sum, math.fsum(entries), rel_tol=1e-12, abs_tol=1e-15)
    assert math.isclose(found.sum_squares, math.fsum(v * v for v in entries), rel_tol=1e-12)
    rights = list(found.bucket_limit)
    counts = [0] * len(rights)
    for value in entries:
        place = next((i for i, right in enumerate(rights) if value < right), len(rights) - 1)
        counts[place] += 1
    assert counts == list(found.bucket)
    gaps = np.diff(rights)
    assert np.allclose(gaps, gaps[0])


def test_histograms_of_equal_and_of_no_finite_numbers(tmp_path: Path) -> None:
    file = EventFile(tmp_path)
    file.histogram("equal", np.full(7, 2.5), 1)
    file.histogram("spoilt", np.array([np.nan, 1.0, np.inf, 3.0]), 1)
    file.histogram("none", np.array([np.nan]), 1)
    file.histogram("empty", np.zeros((0, 3)), 1)
    file.close()
    found = read(tmp_path)
    assert set(found.Tags()["histograms"]) == {"equal", "spoilt"}
    (equal,) = found.Histograms("equal")
    check_histogram(equal.histogram_value, np.full(7, 2.5))
    (spoilt,) = found.Histograms("spoilt")
    check_histogram(spoilt.histogram_value, np.array([1.0, 3.0]))


# --- images -----------------------------------------------------------------------------------
def test_every_image_is_read_back(tmp_path: Path) -> None:
    model = small()
    fitted(TensorBoard(tmp_path, histogram_freq=1, write_images=True), epochs=1, model=model)
    found = read(tmp_path / "train")
    assert set(found.Tags()["images"]) == {f"{w.path}/image" for w in model.weights}
    sizes = {
        "net/conv/kernel": (3, 11),  # three filters of 3 × 3, a line apart
        "net/conv/bias": (1, 3),
        "net/norm/gamma": (1, 3),
        "net/norm/beta": (1, 3),
        "net/norm/moving_mean": (1, 3),
        "net/norm/moving_variance": (1, 3),
        "net/top/kernel": (2, 48),
        "net/top/bias": (1, 2),
    }
    for weight in model.weights:
        (event,) = found.Images(f"{weight.path}/image")
        pixels = np.asarray(Image.open(BytesIO(event.encoded_image_string)))
        assert (event.step, event.height, event.width) == (0, *sizes[weight.path])
        assert pixels.shape == sizes[weight.path]
        assert np.array_equal(pixels, weight_image(weight.value))
    (event,) = found.Images("net/top/kernel/image")
    pixels = np.asarray(Image.open(BytesIO(event.encoded_image_string)))
    kernel = model.get_layer("top").kernel.value
    low, high = float(kernel.min()), float(kernel.max())
    for i in range(48):
        for j in range(2):
            assert pixels[j, i] == round(255 * (float(kernel[i, j]) - low) / (high - low))


def test_images_of_kernels_are_mosaics() -> None:
    kernel = np.arange(2 * 3 * 4 * 5, dtype=float).reshape(2, 3, 4, 5)
    found = weight_image(kernel)
    assert found is not None
    assert found.shape == (4 * 3 - 1, 5 * 4 - 1)
    for h in range(2):
        for w in range(3):
            for i in range(4):
                for o in range(5):
                    expected = round(255 * kernel[h, w, i, o] / 119)
                    assert found[3 * i + h, 4 * o + w] == expected
    assert not found[2].any()
    assert not found[:, 3].any()
    line = weight_image(np.arange(6.0).reshape(2, 1, 3))  # (k, in, out)
    assert line is not None
    assert line.shape == (1, 8)


@pytest.mark.parametrize(
    ("weight", "shape"),
    [
        (np.ones((3, 2)), (2, 3)),
        (np.float32(2.0), (1, 1)),
        (np.ones((2, 2, 2, 2, 2)), None),
        (np.ones((0, 2)), None),
        (np.array([1.0, np.nan]), None),
    ],
)
def test_images_of_odd_weights(weight: Any, shape: Any) -> None:
    found = weight_image(weight)
    assert shape is None if found is None else found.shape == shape


# --- the graph --------------------------------------------------------------------------------
def test_the_graph_is_read_back(tmp_path: Path) -> None:
    model = small()
    fitted(TensorBoard(tmp_path), epochs=1, model=model)
    nodes = {node.name: node for node in read(tmp_path / "train").Graph().node}
    for node in nodes.values():
        assert set(node.input) <= set(nodes)
    assert {w.path for w in model.trainable_weights} <= set(nodes)
    assert {n.op for n in nodes.values()} >= {"Placeholder", "VariableV2", "convolution", "matmul"}
    convolution = nodes["net/conv/convolution"]
    assert list(convolution.input) == ["x", "net/conv/kernel"]
    assert shape(convolution) == [-1, 4, 4, 3]
    assert convolution.attr["shape"].s.decode() == "(m, 4, 4, 3)"
    assert convolution.attr["strides"].s.decode() == "(1, 1)"
    assert shape(nodes["net/flat/reshape"]) == [-1, 48]
    assert shape(nodes["net/top/matmul"]) == [-1, 2]
    assert nodes["net/top/kernel"].attr["dtype"].type == 1  # DT_FLOAT
    assert nodes["y"].attr["dtype"].type == 9  # DT_INT64
    users = {source for node in nodes.values() for source in node.input}
    ends = set(nodes) - users
    assert any(name.startswith("sparse_categorical_crossentropy/") for name in ends)
    # Every layer stands between the input and the loss.
    for layer in ("conv", "norm", "flat", "top"):
        assert any(name.startswith(f"net/{layer}/") for name in users)


def shape(node: Any) -> list[int]:
    (found,) = node.attr["_output_shapes"].list.shape
    return [dim.size for dim in found.dim]


def test_no_node_is_the_folder_of_another() -> None:
    from glassnet.callbacks.graph_messages import graph_message
    from glassnet.graph.tensor import Placeholder

    x = Placeholder((2,), np.dtype("float32"), name="a")
    y = Placeholder((2,), np.dtype("float32"), name="a/b c")
    z = Placeholder((2,), np.dtype("float32"), name="_a")
    graph = graph_message([x + y * z + x])
    names = [node.name for node in graph.node]
    assert sorted(names) == ["a/b_c", "a_1", "add", "add_1", "multiply", "n_a"]
    inputs = {node.name: list(node.input) for node in graph.node}
    assert inputs["multiply"] == ["a/b_c", "n_a"]


def test_a_subclassed_model_has_its_graph_too(tmp_path: Path) -> None:
    class Own(gn.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.top = gn.layers.Dense(1, name="only")

        def call(self, inputs: Any) -> Any:
            return self.top(inputs)

    model = Own()
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[TensorBoard(tmp_path)])
    nodes = {node.name for node in read(tmp_path / "train").Graph().node}
    assert {"x", "y", "own/only/kernel", "own/only/matmul"} <= nodes


def test_without_the_graph(tmp_path: Path) -> None:
    fitted(TensorBoard(tmp_path, write_graph=False), epochs=1)
    assert not read(tmp_path / "train").Tags()["graph"]


# --- embeddings -------------------------------------------------------------------------------
def test_embeddings_for_the_projector(tmp_path: Path) -> None:
    words = tmp_path / "words.tsv"
    words.write_text("a\nb\nc\n")
    model = gn.Sequential(
        [gn.Input((2,), dtype="int32"), gn.layers.Embedding(3, 4, name="table"),
         gn.layers.Flatten(), gn.layers.Dense(1)]
    )  # fmt: skip
    model.compile("sgd", "mse")
    board = TensorBoard(
        tmp_path / "logs", embeddings_freq=1, embeddings_metadata={"table": str(words)}
    )
    model.fit(np.array([[0, 1], [2, 1]]), np.ones((2, 1)), epochs=2, verbose=0, callbacks=[board])
    folder = tmp_path / "logs" / "train"
    text = (folder / "projector_config.pbtxt").read_text()
    (told,) = text_format.Parse(text, ProjectorConfig()).embeddings
    table = np.loadtxt(folder / told.tensor_path, delimiter="\t", dtype="float32")
    assert np.array_equal(table, model.get_layer("table").embeddings.value)
    assert Path(told.metadata_path).read_text() == "a\nb\nc\n"
    wrong = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"other": "x"})
    with pytest.raises(ValueError, match=r"names 'other'; the Embedding layers are 'table'"):
        model.fit(np.array([[0, 1]]), np.ones((1, 1)), verbose=0, callbacks=[wrong])


# --- runs that end early, arguments, absence --------------------------------------------------
def test_an_interrupted_run_leaves_its_epochs_and_goes_on(tmp_path: Path) -> None:
    def interrupt(epoch: int, logs: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    board = TensorBoard(tmp_path / "logs", update_freq=1)
    with pytest.raises(KeyboardInterrupt):
        fitted(
            board, BackupAndRestore(tmp_path / "run"), LambdaCallback(on_epoch_begin=interrupt),
            epochs=4,
        )  # fmt: skip
    assert series(read(tmp_path / "logs" / "train"), "epoch_loss")[0] == [0, 1]
    assert board._files == {}
    board = TensorBoard(tmp_path / "logs", update_freq=1)
    run = fitted(board, BackupAndRestore(tmp_path / "run"), epochs=4)
    found = read(tmp_path / "logs" / "train")
    assert series(found, "epoch_loss") == ([0, 1, 2, 3], as_float32(run.history["loss"]))
    assert series(found, "batch_loss")[0] == list(range(1, 13))


def test_training_is_the_same_with_and_without(tmp_path: Path) -> None:
    one, other = small(), None
    fitted(TensorBoard(tmp_path, histogram_freq=1, write_images=True, update_freq=1), model=one)
    other = small()
    other.fit(X, Y, batch_size=5, epochs=3, verbose=0, validation_split=0.25)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"profile_batch": 5}, "no profiler"),
        ({"update_freq": "step"}, "'epoch', 'batch'"),
        ({"update_freq": 0}, "least 1"),
        ({"histogram_freq": -1}, "least 0"),
    ],
)
def test_a_bad_argument_is_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TensorBoard(**arguments)


def test_without_tensorboard_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    with pytest.raises(ImportError, match=r'pip install "glassnet\[tensorboard\]"'):
        TensorBoard()
