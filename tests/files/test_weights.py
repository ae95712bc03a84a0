"""Weights alone: saved, loaded, matched by name or in order, and all of them or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import glassnet as gn
from glassnet.errors import FileFormatError
from glassnet.layers import Dense, Input
from glassnet.storage import write_tensors


def network(units: int = 3, first: str | None = None, **kwargs: Any) -> Any:
    return gn.Sequential([Input((4,)), Dense(units, name=first), Dense(2)], **kwargs)


def arrays_of(model: Any) -> list[np.ndarray]:
    return [w.value for w in model.weights]


def equal(one: Any, other: Any) -> bool:
    pairs = zip(arrays_of(one), arrays_of(other), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def test_from_one_network_to_its_like(tmp_path: Path) -> None:
    """Made twice, the layers have other names: dense, dense_1 …"""
    one, other = network(), network()
    assert [x.name for x in one.layers] != [x.name for x in other.layers]
    one.save_weights(tmp_path / "a.weights.safetensors")
    assert not equal(one, other)
    other.load_weights(tmp_path / "a.weights.safetensors")
    assert equal(one, other)


def test_from_the_file_of_a_whole_model(tmp_path: Path) -> None:
    one, other = network(), network()
    one.compile("adam", "mse")
    one.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    one.save(tmp_path / "a.safetensors")
    other.load_weights(tmp_path / "a.safetensors")
    assert equal(one, other)


def test_names_win_over_order(tmp_path: Path) -> None:
    def pair(*names: str) -> Any:
        x = Input((2,))
        return gn.Model(x, gn.layers.Concatenate()([Dense(2, name=n)(x) for n in names]))

    one, turned = pair("a", "b"), pair("b", "a")
    one.save_weights(tmp_path / "w.safetensors")
    turned.load_weights(tmp_path / "w.safetensors")
    for name in "ab":
        kernels = [m.get_layer(name).kernel.value for m in (one, turned)]
        assert np.array_equal(*kernels)


def test_nested_layers_of_one_name_are_told_apart(tmp_path: Path) -> None:
    def block(name: str) -> Any:
        return gn.Sequential([Input((3,)), Dense(3, name="dense")], name=name)

    def model() -> Any:
        return gn.Sequential([Input((3,)), block("one"), block("two")])

    first, second = model(), model()
    path = tmp_path / "w.safetensors"
    first.save_weights(path)
    assert set(safetensors.numpy.load_file(path)) == {
        f"{block}/dense/{name}" for block in ("one", "two") for name in ("kernel", "bias")
    }
    second.load_weights(path)
    assert equal(first, second)


def test_weights_that_another_program_wrote(tmp_path: Path) -> None:
    model = network(first="first")
    names = [f"{layer.name}/{n}" for layer in model.layers for n in ("kernel", "bias")]
    rng = np.random.default_rng(1)
    values = {
        n: rng.normal(size=w.shape).astype(np.float32)
        for n, w in zip(names, model.weights, strict=True)
    }
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file(values, path, {"format": "np"})
    model.load_weights(path)
    assert [a.tobytes() for a in arrays_of(model)] == [values[n].tobytes() for n in names]


def test_the_order_of_another_program_means_nothing(tmp_path: Path) -> None:
    model = network(first="first")
    values = {f"w{i}": np.zeros(w.shape, np.float32) for i, w in enumerate(model.weights)}
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file(values, path)
    with pytest.raises(FileFormatError, match="'first/kernel' is not in the file"):
        model.load_weights(path)


def test_other_precisions_are_turned(tmp_path: Path) -> None:
    model = network(first="first")
    path = tmp_path / "w.safetensors"
    wide = {
        "first/kernel": np.full((4, 3), 1 / 3),
        "first/bias": np.zeros(3, np.float16),
        f"{model.layers[1].name}/kernel": np.ones((3, 2)),
        f"{model.layers[1].name}/bias": np.ones(2),
    }
    write_tensors(path, wide)
    model.load_weights(path)
    assert [a.dtype for a in arrays_of(model)] == [np.float32] * 4
    assert arrays_of(model)[0][0, 0] == np.float32(1 / 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("first/bias"), "'first/bias' is not in the file"),
        (lambda a: a.update(more=np.zeros(1)), "'more' is in the file alone"),
        (lambda a: a.update({"first/bias": np.zeros(4)}), r"has shape \(3,\), in the file \(4,\)"),
        (lambda a: a.update({"first/bias": np.zeros((3, 1))}), r"in the file \(3, 1\)"),
        (lambda a: a.update({"first/bias": np.zeros(3, np.int32)}), "in the file int32"),
        (lambda a: a.clear(), "and 0 more|'first/kernel' is not in the file"),
    ],
)
def test_what_does_not_fit_changes_nothing(tmp_path: Path, change: Any, message: str) -> None:
    model = network(first="first")
    last = model.layers[1].name
    values = {
        "first/kernel": np.ones((4, 3)),
        "first/bias": np.ones(3),
        f"{last}/kernel": np.ones((3, 2)),
        f"{last}/bias": np.ones(2),
    }
    before = [a.copy() for a in arrays_of(model)]
    change(values)
    path = tmp_path / "w.safetensors"
    write_tensors(path, values)
    with pytest.raises(FileFormatError, match=message):
        model.load_weights(path)
    assert [a.tobytes() for a in arrays_of(model)] == [b.tobytes() for b in before]


def test_a_damaged_file_changes_nothing(tmp_path: Path) -> None:
    one, other = network(), network()
    path = tmp_path / "w.safetensors"
    one.save_weights(path)
    whole = path.read_bytes()
    before = [a.copy() for a in arrays_of(other)]
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        for content in (damaged, whole[:place]):
            path.write_bytes(content)
            with pytest.raises(FileFormatError):
                other.load_weights(path)
    assert [a.tobytes() for a in arrays_of(other)] == [b.tobytes() for b in before]


def test_skipping_what_does_not_fit(tmp_path: Path) -> None:
    one = network(first="first")
    x = Input((4,))
    head = Dense(5, name="head")(Dense(3, name="first")(x))
    other = gn.Model(x, head)
    path = tmp_path / "w.safetensors"
    one.save_weights(path)
    before = other.get_layer("head").kernel.value
    with pytest.warns(UserWarning, match="skipped: 'head/kernel' is not in the file"):
        other.load_weights(path, skip_mismatch=True)
    assert np.array_equal(other.get_layer("first").kernel.value, one.layers[0].kernel.value)
    assert other.get_layer("head").kernel.value is before


def test_a_model_without_weights_yet(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    network().save_weights(path)
    late = gn.Sequential([Dense(3), Dense(2)])
    with pytest.raises(ValueError, match="has no weights yet"):
        late.load_weights(path)
    with pytest.raises(ValueError, match="has no weights yet"):
        late.save_weights(tmp_path / "none.safetensors")
    late(np.ones((1, 4)))
    late.load_weights(path)


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    network().save_weights(path)
    with pytest.raises(FileFormatError, match=r"no architecture\. Make the model in code"):
        gn.load(path)


def test_training_goes_on_after_loading_weights(tmp_path: Path) -> None:
    """The recorded steps read the new values."""
    one, other = network(), network()
    x, y = np.ones((4, 4), np.float32), np.zeros((4, 2), np.float32)
    for model in (one, other):
        model.compile("sgd", "mse")
        model.fit(x, y, verbose=0)
        model.predict(x, verbose=0)
    one.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    assert np.array_equal(one.predict(x, verbose=0), other.predict(x, verbose=0))
    for model in (one, other):
        model.fit(x, y, verbose=0)
    assert equal(one, other)
