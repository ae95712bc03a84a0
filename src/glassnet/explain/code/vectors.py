"""Test vectors within a program: inputs and glassnet's outputs, compared by ``--check``."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.explain.code.literals import literal
from glassnet.explain.code.modules import network_of
from glassnet.explain.code.weights import packed, table
from glassnet.graph.dimension import Dim
from glassnet.graph.tensor import Tensor
from glassnet.layers import CategoryEncoding, Embedding
from glassnet.models.model import Model
from glassnet.models.naming import layers_within
from glassnet.nest import flatten, map_structure, pack_like

_EXAMPLES = 3
_FEW = 100
TOLERANCE = 1e-5


def drawn_inputs(model: Model) -> list[np.ndarray]:
    """Return inputs drawn for a model, in the order of its inputs: examples that it can take."""
    rng = np.random.default_rng(0)
    known = [layer for _, layer in layers_within(model)]
    limits = [x.input_dim for x in known if isinstance(x, Embedding)]
    limits += [x.num_tokens for x in known if isinstance(x, CategoryEncoding)]
    below = min(limits, default=2)
    sizes: dict[Any, int] = {}

    def draw(tensor: Tensor) -> np.ndarray:
        shape = [_EXAMPLES if i == 0 else s for i, s in enumerate(tensor.shape)]
        shape = [sizes.setdefault(s, 8) if isinstance(s, Dim) else s for s in shape]
        if isinstance(tensor.shape[0], int):
            shape[0] = tensor.shape[0]
        if tensor.dtype.kind == "f":
            return rng.normal(size=shape).astype(tensor.dtype)
        return rng.integers(0, 2 if tensor.dtype.kind == "b" else below, shape).astype(tensor.dtype)

    return [draw(t) for t in network_of(model, "source").flat_inputs]


def vectors_of(model: Model) -> tuple[list[np.ndarray], list[np.ndarray]] | None:
    """Return drawn inputs and the outputs for them; None where none are sensible."""
    inputs = drawn_inputs(model)
    given = pack_like(network_of(model, "source").inputs, inputs)
    try:
        outputs = model.predict(given, batch_size=len(inputs[0]), verbose=0)
    except (ValueError, TypeError, IndexError):
        return None
    found = [np.asarray(o) for o in flatten(outputs)]
    return (inputs, found) if all(np.isfinite(o).all() for o in found) else None


def keras_check(model: Model) -> list[str]:
    """Return the lines of ``--check`` in Keras."""
    structure = network_of(model, "source").inputs
    names = iter(f'V["x{i}"]' for i in range(len(flatten(structure))))
    given = _source(map_structure(lambda _: next(names), structure))
    return _check(model, f"model({given}, training=False)", "ops")


def torch_check(model: Model) -> list[str]:
    """Return the lines of ``--check`` in PyTorch."""
    count = len(network_of(model, "source").flat_inputs)
    given = ", ".join(f'torch.tensor(V["x{i}"])' for i in range(count))
    return _check(model, f"model({given})", "torch")


def _source(structure: Any) -> str:
    if isinstance(structure, dict):
        return f"{{{', '.join(f'{literal(k)}: {_source(v)}' for k, v in structure.items())}}}"
    if isinstance(structure, (list, tuple)):
        return f"[{', '.join(map(_source, structure))}]"
    return str(structure)


def _check(model: Model, outputs: str, framework: str) -> list[str]:
    found = vectors_of(model)
    structure = network_of(model, "source").outputs
    if isinstance(structure, dict):
        outputs = f"list({outputs}.values())"
        structure = list(structure.values())
    elif not isinstance(structure, (list, tuple)):
        outputs = f"[{outputs}]"
        structure = [structure]
    if found is None or len(flatten(structure)) > len(structure):
        return []
    inputs, expected = found
    arrays = {f"x{i}": x for i, x in enumerate(inputs)}
    arrays |= {f"y{i}": y for i, y in enumerate(expected)}
    few = sum(a.size for a in arrays.values()) <= _FEW
    lines = (table if few else packed)("V", arrays)
    turned = "ops.convert_to_numpy(y)" if framework == "ops" else "y.detach().numpy()"
    return [
        "",
        'if "--check" in sys.argv:',
        "    # Inputs, and the outputs that glassnet gives for them.",
        *(f"    {line}" for line in lines),
        f"    outputs = {outputs}",
        "    for i, y in enumerate(outputs):",
        f'        error = np.abs({turned} - V[f"y{{i}}"]).max()',
        f'        assert error <= {TOLERANCE} * max(1, np.abs(V[f"y{{i}}"]).max()), error',
        '        print(f"output {i}: within {error:.1g} of glassnet\'s")',
    ]
