"""``glassnet train NAME``: train, judge, save."""

from __future__ import annotations

import math
import shlex
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import glassnet
from glassnet import metrics
from glassnet.callbacks import Callback
from glassnet.cli.recipes import RECIPES, Recipe
from glassnet.cli.show import confusion_table, pictures_in_a_row
from glassnet.models import Model
from glassnet.utils import set_random_seed

_LINES_BEARABLE = 30


class Milestones(Callback):
    """Tells a dozen epochs of a long run, the last among them."""

    def __init__(self, epochs: int) -> None:
        self.every = math.ceil(epochs / 12)
        self.epochs = epochs

    def set_params(self, params: Mapping[str, Any]) -> None:
        super().set_params({**params, "verbose": 2})  # it tells, though there is no bar

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        number = epoch + 1
        if number % self.every == 0 or number in (1, self.epochs):
            told = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
            print(f"Epoch {number:>{len(str(self.epochs))}}/{self.epochs}  {told}")


def train(options: Namespace) -> int:
    """Train what was named; return the exit status."""
    recipe = RECIPES[options.name]
    page = _page(options)
    set_random_seed(options.seed)
    (x, y), (x_test, y_test) = recipe.load()
    epochs, batch_size = options.epochs or recipe.epochs, options.batch_size or recipe.batch_size
    model = recipe.compiled(x, epochs, batch_size)
    print(f"{options.name}: {recipe.about}.")
    print(f"{len(x)} examples to learn from, {len(x_test)} held out; seed {options.seed}.\n")
    if not options.quiet:
        model.summary()
    began = time.perf_counter()
    quiet = options.quiet or epochs > _LINES_BEARABLE
    history = model.fit(
        x, y, batch_size=batch_size, epochs=epochs, validation_data=(x_test, y_test),
        verbose=0 if quiet else "auto",
        callbacks=[] if options.quiet or not quiet else [Milestones(epochs)],
    )  # fmt: skip
    seconds = time.perf_counter() - began
    print(f"\nTrained in {seconds:.1f} s.")
    results = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    print("On the held-out examples: " + ", ".join(_told(n, v) for n, v in results.items()) + ".")
    _judge(recipe, model, x_test, y_test)
    path = options.save or f"{options.name}.safetensors"
    model.save(path)
    print(f"\nSaved as {path}. Try: glassnet summary {path}")
    if page is not None:
        glassnet.explain.report(
            model, ((x, y), (x_test, y_test)), page, history=history,
            title=recipe.about[0].upper() + recipe.about[1:],
            names=recipe.classes, features=recipe.features, shape=recipe.shape,
            command=_command(options), seed=options.seed, seconds=seconds, weights_file=path,
        )  # fmt: skip
        print(f"The report: {page}")
    return 0


def _page(options: Namespace) -> Path | None:
    """Where the report goes, checked before training; None for none."""
    if options.report is None:
        return None
    from glassnet.explain.report.reading import check_path  # takes a while to load

    if options.report is True:
        return check_path(f"{options.name}.html")
    return check_path(options.report)


def _command(options: Namespace) -> str:
    """The command that does the same run again."""
    parts = ["glassnet", "train", options.name, "--seed", str(options.seed)]
    for option in ("epochs", "batch_size"):
        chosen = getattr(options, option)
        parts += [f"--{option.replace('_', '-')}", str(chosen)] if chosen else []
    return shlex.join([*parts, "--report"])


def _told(name: str, value: float) -> str:
    text = name.replace("_", " ")
    return f"{text} {value:.2%}" if "accuracy" in name else f"{text} {value:.4g}"


def _judge(recipe: Recipe, model: Model, x: np.ndarray, y: np.ndarray) -> None:
    if recipe.kind not in ("classes", "binary") or recipe.classes is None:
        return
    outputs = model.predict(x, verbose=0)
    truth = np.asarray(y).reshape(-1).astype(int)
    chances = _chances(recipe, outputs)
    judged = chances.argmax(axis=1)
    counts = np.asarray(metrics.confusion_matrix(truth, judged, len(recipe.classes)))
    print("\nConfusion matrix (rows: truth, columns: prediction)\n")
    print(confusion_table(counts, recipe.classes))
    if recipe.pictures:
        _worst(recipe, x, truth, judged, chances)


def _chances(recipe: Recipe, outputs: np.ndarray) -> np.ndarray:
    """The probability of each class, (m, classes)."""
    if recipe.kind == "binary":
        return np.hstack([1 - outputs, outputs])
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _worst(
    recipe: Recipe, x: np.ndarray, truth: np.ndarray, judged: np.ndarray, chances: np.ndarray
) -> None:
    """Draw the examples whose true class got the least probability."""
    given = chances[np.arange(len(truth)), truth]
    places = np.argsort(given)[:4]
    classes = recipe.classes or ()
    print("\nWorst judged\n")
    captions = [
        [f"is {classes[truth[i]]} ({given[i]:.1%})",
         f"read as {classes[judged[i]]} ({chances[i].max():.1%})"]
        for i in places
    ]  # fmt: skip
    for pair in (slice(0, 2), slice(2, 4)):
        print(pictures_in_a_row([x[i] for i in places[pair]], captions[pair]))
        print()
