"""The emitted Keras and PyTorch programs give glassnet's outputs.

Each program is run in a fresh interpreter that can't import glassnet, many of them in one, since
starting a framework takes seconds. Outputs agree to 1e-5 of the largest entry.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import layer_cases
import numpy as np
import pytest
from drawn_models import drawn_case
from networks_for_sources import NETWORKS
from test_models import moderate

import glassnet as gn
from glassnet.explain.code.keras_source import keras_source
from glassnet.explain.code.torch_source import torch_source
from glassnet.explain.code.weights import write_weights
from glassnet.nest import flatten, pack_like

HERE = Path(__file__).parent
WRITERS: dict[str, Callable[..., str]] = {"keras": keras_source, "torch": torch_source}
DRAWN = 42
TOLERANCE = 1e-5

_spec = importlib.util.spec_from_file_location(
    "contract_layer_cases", HERE.parent / "tests" / "contracts" / "layer_cases.py"
)
assert _spec is not None
assert _spec.loader is not None
contract = importlib.util.module_from_spec(_spec)
sys.modules["contract_layer_cases"] = contract  # dataclasses look there
_spec.loader.exec_module(contract)


@dataclass
class Trial:
    """A model with inputs, in the order of the model's."""

    model: Any
    inputs: list[np.ndarray]
    targets: Any = None

    def outputs(self) -> list[np.ndarray]:
        """Return what glassnet gives."""
        given = pack_like(self.model.input, self.inputs)
        return [np.asarray(y) for y in flatten(self.model(given, training=False))]


def with_drawn_weights(model: Any, seed: int) -> Any:
    """Give a model weights that keep sums moderate."""
    rng = np.random.default_rng(seed)
    values = [
        moderate(w.name, w.shape, rng) if w.dtype.kind == "f" else w.value for w in model.weights
    ]
    model.set_weights(values)
    return model


def drawn_trial(seed: int) -> Trial:
    gn.utils.clear_session()
    case = drawn_case(gn, seed)
    with_drawn_weights(case.model, seed).compile(**case.compiled)
    return Trial(case.model, [case.x], case.y)


def layer_trial(name: str, number: int) -> Trial:
    """A model of one layer, as the contract tests try it."""
    gn.utils.clear_session()
    case = contract.CASES[name][number]
    rng = np.random.default_rng(1)
    layer = gn.layers.LAYERS.entries[name](**case.arguments)
    if case.prepare is not None:
        case.prepare(layer)
    shapes = case.shape if isinstance(case.shape, list) else [case.shape]
    arrays = [case.draw(rng, shape) for shape in shapes]
    arrays = [a.astype("float32") if a.dtype.kind == "f" else a for a in arrays]
    holes = [gn.Input(a.shape[1:], dtype=a.dtype.name, name=f"x{i}") for i, a in enumerate(arrays)]
    call = {k: v for k, v in case.call.items() if isinstance(v, np.ndarray)}
    more = [gn.Input(v.shape[1:], dtype=v.dtype.name, name=k) for k, v in call.items()]
    given = holes if isinstance(case.shape, list) else holes[0]
    out = layer(given, **dict(zip(call, more, strict=True)))
    inputs = [*holes, *more]
    model = gn.Model(inputs if len(inputs) > 1 else inputs[0], out)
    if case.prepare is None:
        with_drawn_weights(model, 3)
    return Trial(model, [*arrays, *call.values()])


def activation_trial(name: str) -> Trial:
    """A table and an image through one activation."""
    gn.utils.clear_session()
    model = gn.Sequential(
        [
            gn.Input((4, 5, 3)),
            gn.layers.Conv2D(4, 2, activation=name),
            gn.layers.Activation(name),
            gn.layers.Flatten(),
            gn.layers.Dense(6, activation=name),
        ]
    )
    x = np.random.default_rng(5).normal(0, 2, (4, 4, 5, 3)).astype("float32")
    if name == "exponential":
        x = x / 20  # three of them, one upon the other, soon leave float32
    return Trial(with_drawn_weights(model, 2), [x])


ACTIVATIONS = [n for n in gn.activations.ACTIVATIONS.entries if n != "threshold"]
LAYERS = [(name, i) for name, cases in contract.CASES.items() for i in range(len(cases))]


def network_trial(name: str) -> Trial:
    gn.utils.clear_session()
    model, inputs = NETWORKS[name](np.random.default_rng(7))
    return Trial(with_drawn_weights(model, 1), inputs)


KINDS: dict[str, tuple[Callable[..., Any], int]] = {
    "Conv1D": (layer_cases.convolution, 1),
    "Conv2D": (layer_cases.convolution, 2),
    "Conv3D": (layer_cases.convolution, 3),
    "Conv1DTranspose": (layer_cases.transposed, 1),
    "Conv2DTranspose": (layer_cases.transposed, 2),
    "DepthwiseConv1D": (layer_cases.depthwise, 1),
    "DepthwiseConv2D": (layer_cases.depthwise, 2),
    "SeparableConv1D": (layer_cases.separable, 1),
    "SeparableConv2D": (layer_cases.separable, 2),
    "MaxPooling1D": (layer_cases.pooling, 1),
    "MaxPooling2D": (layer_cases.pooling, 2),
    "AveragePooling1D": (layer_cases.pooling, 1),
    "AveragePooling2D": (layer_cases.pooling, 2),
}
DRAWS = 4


def sliding_trial(name: str, seed: int) -> Trial:
    """A layer of images or sequences with drawn arguments; every other time of unknown sizes."""
    gn.utils.clear_session()
    draw, rank = KINDS[name]
    arguments, x = draw(np.random.default_rng([seed, *name.encode()]), rank)
    sizes = (None,) * rank if seed % 2 else x.shape[1:-1]
    inputs = gn.Input((*sizes, x.shape[-1]))
    model = gn.Model(inputs, getattr(gn.layers, name)(**arguments)(inputs))
    return Trial(with_drawn_weights(model, seed), [x])


TRIALS: dict[str, Callable[[], Trial]] = {
    **{f"drawn_{seed}": lambda seed=seed: drawn_trial(seed) for seed in range(DRAWN)},  # type: ignore[misc]
    **{f"layer_{n}_{i}": lambda n=n, i=i: layer_trial(n, i) for n, i in LAYERS},  # type: ignore[misc]
    **{
        f"sliding_{n}_{s}": lambda n=n, s=s: sliding_trial(n, s)  # type: ignore[misc]
        for n in KINDS
        for s in range(DRAWS)
    },
    **{f"activation_{n}": lambda n=n: activation_trial(n) for n in ACTIVATIONS},  # type: ignore[misc]
    **{f"network_{n}": lambda n=n: network_trial(n) for n in NETWORKS},  # type: ignore[misc]
}
UNSAYABLE: dict[str, set[str]] = {
    "keras": set(),
    "torch": set(),
}
"""Trials that a framework can't say, each refused with an error that names the layer."""


@pytest.fixture(scope="module", params=["keras", "torch"])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Write all programs of a framework and run them; return the framework and the folder."""
    framework = request.param
    folder = tmp_path_factory.mktemp(framework)
    for name, make in TRIALS.items():
        if name in UNSAYABLE[framework]:
            continue
        trial = make()
        (folder / f"{name}.py").write_text(WRITERS[framework](trial.model))
        given = {f"x{i}": x for i, x in enumerate(trial.inputs)}
        told = {f"y{i}": y for i, y in enumerate(trial.outputs())}
        if trial.targets is not None and framework == "torch":
            several = isinstance(trial.targets, dict)
            given |= (
                {f"t_{k}": y for k, y in trial.targets.items()} if several else {"t": trial.targets}
            )
            logs = trial.model.train_on_batch(trial.inputs[0], trial.targets, return_dict=True)
            told["loss"] = np.asarray(logs["loss"])
            told |= {f"z{i}": y for i, y in enumerate(trial.outputs())}
        np.savez(folder / f"{name}.in.npz", **given)
        np.savez(folder / f"{name}.ref.npz", **told)
    run_all(folder)
    return framework, folder


def run_all(folder: Path) -> None:
    """Run the programs of a folder in one fresh interpreter."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"KERAS_BACKEND": "jax"}
    runner = [sys.executable, str(HERE / "source_runner.py"), str(folder)]
    subprocess.run(runner, env=environment, check=True, capture_output=True)


@pytest.mark.parametrize("name", TRIALS)
def test_outputs_are_glassnets(ran: Any, name: str) -> None:
    framework, folder = ran
    if name in UNSAYABLE[framework]:
        trial = TRIALS[name]()
        with pytest.raises(ValueError, match="layer '"):
            WRITERS[framework](trial.model)
        return
    failed = folder / f"{name}.err"
    assert not failed.exists(), failed.read_text()
    with np.load(folder / f"{name}.out.npz") as found, np.load(folder / f"{name}.ref.npz") as ref:
        outputs = [key for key in ref if key[0] == "y"]
        assert outputs == [key for key in found if key[0] == "y"]
        for key in outputs:
            assert_near(found[key], ref[key], TOLERANCE)


def assert_near(theirs: np.ndarray, ours: np.ndarray, tolerance: float) -> None:
    """Raise where they differ by more than ``tolerance`` of 1, or of the largest entry above it."""
    assert theirs.shape == ours.shape
    scale = max(1.0, float(np.abs(ours).max(initial=0)))
    difference = np.abs(theirs.astype(np.float64) - ours.astype(np.float64))
    assert float(difference.max(initial=0)) <= tolerance * scale


NO_STEP = "There is no training step here"
SAME_STEPS = {
    0: "SGD",
    3: "Adadelta",
    7: "Nadam",
    8: "Ftrl",
    9: "SGD",
    11: "Lamb",
    12: "Lion",
}
"""The optimizers (by their number in `drawn_models.optimizer`) of which PyTorch has the same."""


def test_a_step_of_training_has_glassnets_loss_and_leads_where_glassnet_goes(ran: Any) -> None:
    """Of the drawn networks: the loss with its penalties, and the outputs after one step.

    Where PyTorch has the same optimizer, and no statistics: the variance that PyTorch's batch
    normalization keeps is that of a sample, n / (n - 1) times Keras's.
    """
    framework, folder = ran
    if framework != "torch":
        return
    steps = after = 0
    for seed in range(DRAWN):
        name = f"drawn_{seed}"
        source = (folder / f"{name}.py").read_text()
        with np.load(folder / f"{name}.out.npz") as out, np.load(folder / f"{name}.ref.npz") as ref:
            found, told = dict(out), dict(ref)
        if NO_STEP in source:
            assert "loss" not in found
            continue
        steps += 1
        assert_near(found["loss"], told["loss"], TOLERANCE)
        if seed % 13 in SAME_STEPS and "BatchNorm" not in source:
            after += 1
            for key in (key for key in told if key[0] == "z"):
                assert_near(found[key], told[key], 10 * TOLERANCE)
    assert steps >= DRAWN * 2 // 3
    assert after >= DRAWN // 3


@pytest.mark.parametrize("framework", WRITERS)
def test_weights_are_read_from_a_file(framework: str, tmp_path: Path) -> None:
    trial = network_trial("images")
    source = WRITERS[framework](trial.model, weights="file")
    (tmp_path / "program.py").write_text(source)
    write_weights(trial.model, tmp_path / "weights.npz")
    np.savez(tmp_path / "program.in.npz", x0=trial.inputs[0])
    run_all(tmp_path)
    assert not (tmp_path / "program.err").exists(), (tmp_path / "program.err").read_text()
    with np.load(tmp_path / "program.out.npz") as found:
        np.testing.assert_allclose(found["y0"], trial.outputs()[0], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("framework", WRITERS)
def test_new_weights_are_drawn(framework: str, tmp_path: Path) -> None:
    """Without weights the program runs, and draws weights of the same shapes and spread."""
    trial = network_trial("images")
    (tmp_path / "program.py").write_text(WRITERS[framework](trial.model, weights=None))
    np.savez(tmp_path / "program.in.npz", x0=trial.inputs[0])
    run_all(tmp_path)
    assert not (tmp_path / "program.err").exists(), (tmp_path / "program.err").read_text()
    with np.load(tmp_path / "program.out.npz") as found:
        assert found["y0"].shape == trial.outputs()[0].shape
        assert np.isfinite(found["y0"]).all()
