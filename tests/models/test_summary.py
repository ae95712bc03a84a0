"""The table of layers: counts and shapes against those worked out by hand."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import layers

CONV = 5 * 5 * 3 * 8 + 8
"""8 filters of 5 × 5 over 3 channels, with biases."""
NORM = 4 * 8
"""Scale, shift, moving mean and variance of 8 channels; the last two are not trained."""
DENSE = 14 * 14 * 8 * 10 + 10
"""(32 - 5 + 1) / 2 = 14."""


def convolutional() -> gn.Sequential:
    return gn.Sequential(
        [
            gn.Input((32, 32, 3)),
            layers.Conv2D(8, 5, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(10, name="out"),
        ],
        name="digits",
    )


def text_of(model: gn.Model, **arguments: Any) -> str:
    lines: list[str] = []
    model.summary(print_fn=lines.append, **arguments)
    return "\n".join(lines)


def table_of(text: str) -> dict[str, list[str]]:
    """The cells of each row by the first one, rows that go on below joined."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("│"):
            cells = [cell.strip() for cell in line.strip("│").split("│")]
            if any(cells):
                rows.append(cells)
    return {row[0]: row[1:] for row in rows}


def totals_of(text: str) -> dict[str, str]:
    return dict(line.strip().split(": ") for line in text.splitlines() if " params: " in line)


def test_counts_shapes_and_sizes() -> None:
    text = text_of(convolutional())
    assert text.startswith('Model: "digits"\n')
    assert table_of(text) == {
        "Layer (type)": ["Output Shape", "Param #"],
        "conv (Conv2D)": ["(None, 28, 28, 8)", f"{CONV:,}"],
        "norm (BatchNormalization)": ["(None, 28, 28, 8)", f"{NORM:,}"],
        "pool (MaxPooling2D)": ["(None, 14, 14, 8)", "0"],
        "flat (Flatten)": ["(None, 1568)", "0"],
        "out (Dense)": ["(None, 10)", f"{DENSE:,}"],
    }
    total = CONV + NORM + DENSE
    assert totals_of(text) == {
        "Total params": f"{total:,} ({total * 4 / 1024:.2f} KB)",
        "Trainable params": f"{total - 16:,} ({(total - 16) * 4 / 1024:.2f} KB)",
        "Non-trainable params": "16 (64.00 B)",
    }


def test_freezing_moves_the_counts_and_has_a_column() -> None:
    model = convolutional()
    model.get_layer("conv").trainable = False
    text = text_of(model, show_trainable=True)
    trained = {name.split()[0]: cells[-1] for name, cells in table_of(text).items()}
    assert trained == {
        "Layer": "Trained", "conv": "no", "norm": "yes", "pool": "-", "flat": "-", "out": "yes",
    }  # fmt: skip
    assert totals_of(text)["Non-trainable params"].startswith(f"{CONV + 16:,} ")
    assert totals_of(text)["Trainable params"].startswith(f"{DENSE + 16:,} ")


def test_the_optimizers_state_is_counted_apart() -> None:
    model = gn.Sequential([gn.Input((3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    assert "Optimizer params" not in totals_of(text_of(model))
    model.train_on_batch(np.ones((4, 3)), np.ones((4, 2)))
    totals = totals_of(text_of(model))
    # Two moments for each of 8 weights, the counter and the learning rate.
    assert totals["Optimizer params"].startswith("18 ")
    assert totals["Total params"].startswith("8 ")


def functional() -> gn.Model:
    left, right = gn.Input((4,), name="left"), gn.Input((4,), name="right")
    shared = layers.Dense(3, name="shared")
    joined = layers.Concatenate(name="joined")([shared(left), shared(right)])
    inner = gn.Sequential(
        [gn.Input((6,)), layers.Dense(5, name="wide"), layers.Dense(2, name="narrow")], name="inner"
    )
    outputs = layers.Dense(1, name="out")(inner(joined) * 2.0 + 1.0)
    return gn.Model([left, right], outputs)


def test_branches_show_what_comes_from_where() -> None:
    assert table_of(text_of(functional(), line_length=120)) == {
        "Layer (type)": ["Output Shape", "Param #", "Connected to"],
        "left (InputLayer)": ["(None, 4)", "0", "-"],
        "right (InputLayer)": ["(None, 4)", "0", "-"],
        "shared (Dense)": ["(None, 3)", "15", "left, right"],
        "joined (Concatenate)": ["(None, 6)", "0", "shared[0][0], shared[1][0]"],
        "inner (Sequential)": ["(None, 2)", str(6 * 5 + 5 + 5 * 2 + 2), "joined"],
        "out (Dense)": ["(None, 1)", "3", "inner"],
    }


def test_nested_layers_are_listed_when_asked_for() -> None:
    table = table_of(text_of(functional(), expand_nested=True))
    assert table["└ wide (Dense)"] == ["(None, 5)", "35", ""]
    assert table["└ narrow (Dense)"] == ["(None, 2)", "12", ""]
    names = list(table)
    assert names.index("inner (Sequential)") + 1 == names.index("└ wide (Dense)")
    assert totals_of(text_of(functional(), expand_nested=True))["Total params"].startswith("65 ")


class Own(gn.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = layers.Dense(3, name="first"), layers.Dense(2, name="second")

    def call(self, inputs: Any) -> Any:
        return self.second(self.first(inputs))


def test_a_subclassed_model_remembers_its_shapes() -> None:
    model = Own()
    before = text_of(model)
    assert table_of(before)["first (Dense)"] == ["?", "0 (unbuilt)"]
    assert before.count("This model is not built") == 1
    model.predict(np.zeros((7, 5)), verbose=0)
    after = text_of(model)
    assert table_of(after)["first (Dense)"] == ["(None, 3)", "18"]
    assert table_of(after)["second (Dense)"] == ["(None, 2)", "8"]
    assert "not built" not in after


def test_layer_range() -> None:
    model = convolutional()
    names = list(table_of(text_of(model, layer_range=("norm", "flat"))))
    assert [name.split()[0] for name in names] == ["Layer", "norm", "pool", "flat"]
    assert list(table_of(text_of(model, layer_range=("fl.*", "norm"))))[1].startswith("norm")
    with pytest.raises(ValueError, match="begins as 'dense' does; there are conv, norm"):
        model.summary(layer_range=("dense", "out"))
    with pytest.raises(ValueError, match="a pair"):
        model.summary(layer_range=("conv",))  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_longer_than_asked(width: int) -> None:
    model = gn.Sequential(
        [gn.Input((3,)), layers.Dense(2, name="a_name_that_is_rather_long_" + "x" * 40)]
    )
    text = text_of(model, line_length=width, show_trainable=True)
    assert max(map(len, text.splitlines())) <= width
    parts = [line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│")]
    assert "".join(parts).count("x" * 40) == 1


def test_the_terminals_width_and_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old(io.StringIO):
        encoding = "ascii"  # type: ignore[assignment]

    out = Old()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "48")
    convolutional().summary()
    out.getvalue().encode("ascii")
    assert max(map(len, out.getvalue().splitlines())) == 48


def test_the_same_text_every_time() -> None:
    assert text_of(convolutional()) == text_of(convolutional())


def test_the_courses_notation() -> None:
    text = text_of(convolutional(), line_length=160, notation="course")
    norm = "gamma (8,), beta (8,), moving_mean (8,), moving_variance (8,)"
    assert table_of(text) == {
        "Layer (type)": ["Output Shape", "Param #", "Weights"],
        "conv (Conv2D)": ["(m, 28, 28, 8)", f"{CONV:,}", "kernel (5, 5, 3, 8), bias (8,)"],
        "norm (BatchNormalization)": ["(m, 28, 28, 8)", f"{NORM:,}", norm],
        "pool (MaxPooling2D)": ["(m, 14, 14, 8)", "0", "-"],
        "flat (Flatten)": ["(1568, m)", "0", "-"],
        "out (Dense)": ["(10, m)", f"{DENSE:,}", "kernel (10, 1568), bias (10, 1)"],
    }
    assert totals_of(text) == totals_of(text_of(convolutional()))


def test_torchs_notation_and_the_switch() -> None:
    in_torch = text_of(convolutional(), line_length=120, notation="torch")
    assert table_of(in_torch)["conv (Conv2D)"][2] == "kernel (8, 3, 5, 5), bias (8,)"
    assert table_of(in_torch)["out (Dense)"][2] == "kernel (10, 1568), bias (10,)"
    in_keras = text_of(convolutional(), line_length=120)
    gn.config.set_notation("torch")
    try:
        assert text_of(convolutional(), line_length=120) == in_torch
        assert text_of(convolutional(), line_length=120, notation="keras") == in_keras
    finally:
        gn.config.set_notation("keras")


def test_notations_beside_branches_and_nested_layers() -> None:
    table = table_of(text_of(functional(), line_length=140, expand_nested=True, notation="course"))
    assert table["Layer (type)"] == ["Output Shape", "Param #", "Weights", "Connected to"]
    assert table["left (InputLayer)"] == ["(4, m)", "0", "-", "-"]
    assert table["shared (Dense)"][2] == "kernel (3, 4), bias (3, 1)"
    assert table["inner (Sequential)"][2] == "-"
    assert table["└ wide (Dense)"] == ["(5, m)", "35", "kernel (5, 6), bias (5, 1)", ""]
