"""Run programs in a fresh interpreter that can't import glassnet; write down what their models say.

    python source_runner.py FOLDER

FOLDER holds programs ``NAME.py``, each with its inputs ``NAME.in.npz`` (``x0``, ``x1`` …). For each
of them ``NAME.out.npz`` is written: the outputs ``y0`` …, and where the program defines
``train_step`` and there are targets (``t``, or ``t_NAME`` by output), also the loss ``loss`` of one
step and the outputs ``z0`` … after it. A program that fails leaves ``NAME.err``: what it raised.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np


class NoGlassnet:
    """An importer that refuses glassnet, wherever it may be installed."""

    def find_spec(self, name: str, *rest: Any) -> None:
        if name.split(".")[0] == "glassnet":
            raise ImportError("The program imports glassnet.")


def flat(structure: Any) -> list[Any]:
    """Return the leaves of lists, tuples and dictionaries."""
    if isinstance(structure, dict):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in flat(item)]
    return [structure]


def outputs_of(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Return what a model of either framework gives."""
    if "torch" in type(model).__mro__[-2].__module__:
        import torch

        model.eval()
        with torch.no_grad():
            return [y.numpy() for y in flat(model(*map(torch.tensor, inputs)))]
    given: Any = inputs[0] if len(inputs) == 1 else inputs
    own = getattr(model, "_inputs_struct", None)  # as the model was made; None for a stack
    if isinstance(own, dict):
        given = dict(zip(own, inputs, strict=True))
    return [np.asarray(y) for y in flat(model(given, training=False))]


def run(program: Path) -> dict[str, np.ndarray]:
    """Run a program and ask its model."""
    with np.load(program.with_suffix(".in.npz")) as found:
        given = dict(found)
    inputs = [given[f"x{i}"] for i in range(len(given)) if f"x{i}" in given]
    targets = {key.removeprefix("t_"): y for key, y in given.items() if key[0] == "t"}
    sys.argv = [str(program), "--check"]
    space = runpy.run_path(str(program))
    told = {f"y{i}": y for i, y in enumerate(outputs_of(space["model"], inputs))}
    if targets and "train_step" in space:
        import torch

        y = {name: torch.tensor(a) for name, a in targets.items()}
        loss = space["train_step"](torch.tensor(inputs[0]), y.get("t", y))
        told["loss"] = np.asarray(loss)
        after = outputs_of(space["model"], inputs)
        told |= {f"z{i}": z for i, z in enumerate(after)}
    return told


def main() -> None:
    folder = Path(sys.argv[1])
    sys.meta_path.insert(0, NoGlassnet())  # type: ignore[arg-type]
    os.chdir(folder)
    for program in sorted(folder.glob("*.py")):
        try:
            np.savez(program.with_suffix(".out.npz"), **run(program))
        except Exception:
            program.with_suffix(".err").write_text(traceback.format_exc())
    assert "glassnet" not in sys.modules


if __name__ == "__main__":
    main()
