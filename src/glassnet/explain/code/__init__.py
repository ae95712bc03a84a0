"""Programs for a network: NumPy alone, Keras, PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glassnet.checks import one_of

if TYPE_CHECKING:
    from glassnet.models.model import Model

FRAMEWORKS = ("numpy", "keras", "torch")


def code_of(
    model: Model,
    framework: str = "numpy",
    *,
    notation: Any = None,
    weights: str | None = "trained",
) -> str:
    """Return a program for a network; see ``Model.code``."""
    one_of(framework, FRAMEWORKS, "framework")
    if framework == "numpy":
        from glassnet.explain.code.program import numpy_source

        return numpy_source(model, notation=notation, weights=weights or "fresh")
    if weights not in (None, "trained", "fresh", "file"):
        raise ValueError(
            f"weights={weights!r}: expected 'trained', 'fresh' (the framework draws its own) or "
            "'file' (kept beside the program)."
        )
    told = {"trained": "inline", "fresh": None, None: None, "file": "file"}[weights]
    if framework == "keras":
        from glassnet.explain.code.keras_source import keras_source

        return keras_source(model, weights=told)
    from glassnet.explain.code.torch_source import torch_source

    return torch_source(model, weights=told)
