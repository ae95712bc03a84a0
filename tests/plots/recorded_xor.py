"""What tests of animation share: a recorded XOR run, and frames read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import glassnet as gn
from glassnet.callbacks import Recorder

X, Y = gn.datasets.xor.load_data()[0]
SMALL: dict[str, Any] = {"size": (2.0, 1.5), "dpi": 40}
WIDTH, HEIGHT = 80, 60


def xor(epochs: int = 4, **arguments: Any) -> tuple[gn.Sequential, Recorder]:
    gn.utils.set_random_seed(7)
    model = gn.Sequential(
        [gn.Input((2,)), gn.layers.Dense(3, "tanh", name="hidden"),
         gn.layers.Dense(1, "sigmoid", name="out")], name="xor",
    )  # fmt: skip
    model.compile(gn.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    recorder = Recorder(**arguments)
    model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[recorder])
    return model, recorder


def filled(model: Any, frame: Any, figure: Any) -> None:
    """A frame of one colour that tells its epoch: red grows by 40 an epoch."""
    figure.set_facecolor((frame.epoch * 40 / 255, 0, 0.2))


def pictures(path: Path) -> list[np.ndarray]:
    frames = []
    with Image.open(path) as found:
        for i in range(getattr(found, "n_frames", 1)):
            found.seek(i)
            frames.append(np.asarray(found.convert("RGB")))
    return frames


def panels(figure: Any) -> list[Any]:
    """The axes that show something: not those whose place others took."""
    return [axes for axes in figure.axes if axes.axison]
