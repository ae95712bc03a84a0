"""``glassnet explain``, ``code``, ``plan``: a network's derivation, its program, what runs."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

import glassnet
from glassnet import utils
from glassnet.checks import nearest
from glassnet.cli.recipes import RECIPES
from glassnet.models import Model
from glassnet.storage.writing import write_whole

FORMATS = {"text": "text", "html": "html", "tex": "latex", "md": "markdown"}
EXAMPLES = 8
"""How many examples of a built-in problem make the batch of ``--with-data``."""


def explain(options: Namespace) -> int:
    """Print or write the derivation of a saved model, or of a built-in problem's network."""
    model, data = _model(options.source, options.seed)
    x, y = _batch(options.with_data, data) if options.with_data else (None, None)
    derivation = model.derive(x, y, notation=options.notation, level=options.level)
    if options.output and options.format is None:
        derivation.save(options.output)
        print(f"Written to {options.output}.")
        return 0
    text = getattr(derivation, FORMATS[options.format or "text"])()
    return _give(text, options.output)


def code(options: Namespace) -> int:
    """Print or write the program of a saved model, or of a built-in problem's network."""
    model, _ = _model(options.source, options.seed)
    weights = options.weights
    text = model.code(options.framework, notation=options.notation, weights=weights)
    return _give(text, options.output)


def plan(options: Namespace) -> int:
    """Print or write the plan of a step of a saved model, or of a built-in problem's network."""
    model, _ = _model(options.source, options.seed)
    told = model.explain_plan(batch_size=options.batch_size, kind=options.kind)
    return _give(str(told), options.output)


def _give(text: str, output: str | None) -> int:
    if output is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return 0
    write_whole(Path(output), [text.encode()])
    print(f"Written to {output}.")
    return 0


def _model(source: str, seed: int) -> tuple[Model, Any]:
    """The model, and the data of a built-in problem."""
    recipe = RECIPES.get(source)
    if recipe is not None:
        utils.set_random_seed(seed)
        (x, y), _ = recipe.load()
        model = recipe.compiled(x, recipe.epochs, recipe.batch_size)
        model.name = source.replace("-", "_")
        return model, (x[:EXAMPLES], y[:EXAMPLES])
    if not Path(source).exists():
        raise ValueError(
            f"There is no file {source!r} and no problem of that name."
            f"{nearest(source, list(RECIPES))} The problems are {', '.join(RECIPES)}."
        )
    loaded = glassnet.load(source)
    if not isinstance(loaded, Model):
        raise ValueError(f"{source} holds no model but {type(loaded).__name__}.")
    return loaded, None


def _batch(given: str | bool, own: Any) -> tuple[Any, Any]:
    """The batch: a built-in problem's, or that of an .npz file with x and y."""
    if isinstance(given, str) and given in RECIPES:
        (x, y), _ = RECIPES[given].load()
        return x[:EXAMPLES], y[:EXAMPLES]
    if isinstance(given, str):
        with np.load(given, allow_pickle=False) as archive:
            if not {"x", "y"} <= set(archive.files):
                raise ValueError(f"{given} holds {', '.join(archive.files)}; x and y are needed.")
            return archive["x"], archive["y"]
    if own is None:
        raise ValueError(
            "A saved model brings no data. Name a built-in problem or an .npz file with x and y: "
            "--with-data digits.npz."
        )
    return own
