"""Makes the pages of this folder: three networks, derived in three notations and four formats.

Run by ``make docs``; a test holds the pages against what is made afresh.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import glassnet as gn

HERE = Path(__file__).parent
NOTATIONS = ("keras", "course", "torch")
FORMATS = {".md": "markdown", ".html": "html", ".tex": "latex", ".txt": "text"}


def xor() -> gn.Sequential:
    """The network of ``examples/xor.py``."""
    model = gn.Sequential(
        [
            gn.Input((2,)),
            gn.layers.Dense(4, activation="tanh", name="hidden"),
            gn.layers.Dense(1, activation="sigmoid", name="output"),
        ],
        name="xor",
    )
    model.compile(gn.optimizers.Adam(0.05), loss="binary_crossentropy")
    return model


def digits() -> gn.Sequential:
    """The network of ``examples/digits.py``."""
    model = gn.Sequential(
        [
            gn.Input((784,)),
            gn.layers.Dense(25, activation="relu", name="first"),
            gn.layers.Dense(15, activation="relu", name="second"),
            gn.layers.Dense(10, name="logits"),
        ],
        name="digits",
    )
    loss = gn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(gn.optimizers.Adam(0.003), loss=loss)
    return model


def convolutional() -> gn.Sequential:
    """The network of ``examples/convolutional.py``."""
    model = gn.Sequential(
        [
            gn.Input((28, 28, 1)),
            gn.layers.Conv2D(5, 3, name="filters"),
            gn.layers.Activation("sigmoid", name="sigmoid"),
            gn.layers.Reshape((26 * 26 * 5,), name="row"),
            gn.layers.Dense(100, activation="sigmoid", name="hidden"),
            gn.layers.Dense(2, activation="sigmoid", name="output"),
        ],
        name="convolutional",
    )
    model.compile(gn.optimizers.SGD(0.1), loss="binary_crossentropy")
    return model


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every page: where it lies and what it says."""
    for make in (xor, digits, convolutional):
        for notation in NOTATIONS:
            gn.utils.set_random_seed(0)
            level = "scalar" if make is xor else "matrix"
            derivation = make().derive(notation=notation, level=level)
            for ending, method in FORMATS.items():
                path = HERE / f"{make.__name__}-{notation}{ending}"
                yield path, getattr(derivation, method)()


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
        print(path.name)
