"""Saving a model in one file, and loading it.

The file has the safetensors layout. Its tensors are the weights under their names, the state of
the optimizer (``@optimizer/…``) and larger arrays of the configuration (``@array/…``). One text in
its header, ``glassnet.model``, is JSON: which layers there are, how the model was compiled, where
training stood. A file of weights alone holds ``glassnet.weights``, their names in order.

Nothing in a file is run, imported or evaluated: layers and functions come from glassnet's own
registries or from ``custom_objects``. Loading checks everything first and then changes anything.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from glassnet.graph.variable import Variable
from glassnet.layers.base import InputSpec, Layer
from glassnet.models.configuration import model_to_json
from glassnet.models.fitting import (
    MODEL_KEY,
    WEIGHTS_KEY,
    Path,
    assign_all,
    by_name,
    checked_path,
    refuse_misfit,
    weights_in,
)
from glassnet.models.naming import named_weights, seeded_parts
from glassnet.registry import document, serialize
from glassnet.storage import parse_json, read_tensors, write_tensors

FORMAT = 1
OPTIMIZER, ARRAY = "@optimizer/", "@array/"
"""What the names of tensors begin with that are no weights."""


class SavedModel(Layer):
    """What a model can do with files and plain data."""

    not_written = frozenset({"inputs", "outputs", "layers"})

    optimizer: Any
    compile_arguments: dict[str, Any] | None
    progress: Any

    # --- plain data -------------------------------------------------------------------------
    @classmethod
    def is_arranged(cls) -> bool:
        """Whether the layers are given to it; else an ``__init__`` of a subclass makes them."""
        raise NotImplementedError

    @property
    def called(self) -> list[Layer]:
        """The layers of the network, each once, in the order of their first call."""
        raise NotImplementedError

    def arrangement(self) -> dict[str, Any]:
        """Return the network as plain data."""
        raise NotImplementedError

    @classmethod
    def rearranged(cls, config: Mapping[str, Any], *given: Any) -> Any:
        """Return the model of an ``arrangement``; ``given`` are custom objects, layers, inputs."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal model, as plain data."""
        return self.arrangement() if self.is_arranged() else super().get_config()

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
        """Return a model of the same layers, with new weights.

        Raises:
            ValueError: where ``config`` is none that ``get_config`` wrote, or names a class that
                is neither glassnet's nor in ``custom_objects``.
        """
        if cls.is_arranged():
            return cls.rearranged(config, custom_objects)
        return super().from_config(config, custom_objects)

    def to_json(self, **kwargs: Any) -> str:
        """Return the architecture as JSON text; ``kwargs`` go to ``json.dumps``."""
        return model_to_json(self, **kwargs)

    # --- files ------------------------------------------------------------------------------
    def save(self, filepath: Path, overwrite: bool = True, include_optimizer: bool = True) -> None:
        """Save the model in one file; see `save_model`."""
        save_model(self, filepath, overwrite, include_optimizer)

    def save_weights(self, filepath: Path, overwrite: bool = True) -> None:
        """Save the weights alone in one file, ``"name.weights.safetensors"``, say.

        Raises:
            ValueError: for a path with another ending than ``.safetensors``, or a model whose
                weights are not made yet.
            FileExistsError: where there is a file and ``overwrite`` is False.
            OSError: where the file can't be written; then the old one is as it was.
        """
        path = checked_path(filepath)
        _check_overwrite(path, overwrite)
        weights = named_weights(self)
        if not weights and not self.built:
            raise ValueError(
                f"Model {self.name!r} has no weights yet: begin it with Input(shape=…), or call "
                "it on data first."
            )
        arrays = {name: weight.value for name, weight in weights.items()}
        write_tensors(path, arrays, {WEIGHTS_KEY: _to_json(list(weights))})

    def load_weights(self, filepath: Path, skip_mismatch: bool = False) -> None:
        """Set the weights to those of a file, which ``save`` or ``save_weights`` wrote.

        Weights are matched by name. Where the names differ (a network made twice has
        ``dense`` and ``dense_1``) but their number does not, they are matched in order. A file
        that another program wrote in the safetensors format is matched by name alone.

        Args:
            filepath: the file.
            skip_mismatch: whether to leave out weights that do not fit, with a warning.

        Raises:
            FileFormatError: where the file is damaged or its weights do not fit the model. Then
                no weight has changed.

        >>> import os, tempfile, numpy as np, glassnet as gn
        >>> def network():
        ...     return gn.Sequential([gn.Input((2,)), gn.layers.Dense(3)])
        >>> first, second = network(), network()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "first.weights.safetensors")
        ...     first.save_weights(path)
        ...     second.load_weights(path)
        >>> bool(np.all(first.get_weights()[0] == second.get_weights()[0]))
        True
        """
        path = checked_path(filepath)
        arrays, texts = read_tensors(path, require_checksum=False)
        own = named_weights(self)
        if not own and not self.built:
            raise ValueError(
                f"Model {self.name!r} has no weights yet, so none can be loaded: begin it with "
                "Input(shape=…), or call it on data first."
            )
        pairs, faults = by_name(own, *weights_in(path, arrays, texts))
        if not skip_mismatch:
            refuse_misfit(path, faults)
        elif faults:
            warnings.warn(f"load_weights skipped: {'; '.join(faults)}.", stacklevel=2)
        assign_all(pairs)


# --- whole models -----------------------------------------------------------------------------
def save_model(
    model: SavedModel, filepath: Path, overwrite: bool = True, include_optimizer: bool = True
) -> None:
    """Save a model in one file: weights, architecture, how it was compiled, where training stood.

    Args:
        model: the model.
        filepath: the file, ``"name.safetensors"``.
        overwrite: whether an existing file is replaced.
        include_optimizer: whether the state of the optimizer is saved, so that training goes on
            as if it had not been interrupted.

    The weights can be read by any program that reads safetensors.

    Raises:
        ValueError: for a path with another ending, or a model that can't be written down.
        FileExistsError: where there is a file and ``overwrite`` is False.
        OSError: where the file can't be written; then the old one is as it was.
    """
    path = checked_path(filepath)
    _check_overwrite(path, overwrite)
    weights = named_weights(model)
    arrays = {name: weight.value for name, weight in weights.items()}
    kept: list[np.ndarray] = []
    with document(kept):
        told = {
            "format": FORMAT,
            "glassnet": _version(),
            "architecture": serialize(model),
            "built_on": _built_on(model, weights),
            "weights": list(weights),
            "frozen": [name for name, weight in weights.items() if not weight.trainable],
            "seeds": [int(part.seed) for part in seeded_parts(model)],
            "compile": _compile_config(model),
            "optimizer": None,
            "progress": {"seen": model.progress.seen, "seed": model.progress.seed},
        }
    if include_optimizer and model.optimizer is not None:
        told["optimizer"], state = _optimizer_state(model.optimizer, weights)
        arrays.update(state)
    arrays.update({f"{ARRAY}{i}": array for i, array in enumerate(kept)})
    write_tensors(path, arrays, {MODEL_KEY: _to_json(told)})


# --- writing ----------------------------------------------------------------------------------
def _check_overwrite(path: Path, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{os.fspath(path)} is there already, and overwrite is False.")


def _to_json(told: Any) -> str:
    """JSON text that our own reader takes: a file that can be written can be read."""
    text = json.dumps(told, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    parse_json(text.encode(), "The model's description")
    return text


def _version() -> str:
    from importlib import metadata  # half as dear to import as NumPy; only saving needs it

    try:
        return metadata.version("glassnet")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "unknown"


def _built_on(model: SavedModel, weights: Mapping[str, Variable]) -> Any:
    """What a model was built on whose weights do not follow from its configuration alone."""
    has_network = getattr(model, "_network", None) is not None
    if has_network and (model.is_arranged() or model.first_inputs is None):
        return None
    if model.first_inputs is None and model.built and weights:
        raise ValueError(
            f"Model {model.name!r} was built by hand, and a file needs to tell on what. Call it "
            "on data once before saving it."
        )
    return None if model.first_inputs is None else _spec_data(model.first_inputs)


def _spec_data(spec: Any) -> Any:
    if isinstance(spec, InputSpec):
        return {"shape": list(spec.shape), "dtype": spec.dtype}
    if isinstance(spec, Mapping):
        return {"dict": [[key, _spec_data(item)] for key, item in spec.items()]}
    kind = "tuple" if isinstance(spec, tuple) else "list"
    return {kind: [_spec_data(item) for item in spec]}


def _compile_config(model: SavedModel) -> Any:
    return None if model.compile_arguments is None else serialize(model.compile_arguments)


def _optimizer_state(
    optimizer: Any, weights: Mapping[str, Variable]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Where the optimizer stands; weights are told by their numbers in the list of weights."""
    numbers = {id(weight): i for i, weight in enumerate(weights.values())}
    trained = [v for v in optimizer._trainable if id(v) in numbers] if optimizer.built else []
    told = {
        "built": bool(optimizer.built) and len(trained) == len(optimizer._trainable),
        "trained": [numbers[id(v)] for v in trained],
        "undecayed": [i for v in trained if not optimizer._decays(v) for i in [numbers[id(v)]]],
        "variables": len(optimizer.variables),
    }
    state = {f"{OPTIMIZER}{i}": v.value for i, v in enumerate(optimizer.variables)}
    return told, state
