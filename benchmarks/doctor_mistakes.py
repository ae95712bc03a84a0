"""How often the doctor names the right mistake: 30 and more kinds, 20 random networks each.

``python -m benchmarks.doctor_mistakes`` prints the table of `docs/doctor.md`; ``--write`` puts it
there, beside the catalogue (``--kinds`` writes that alone). A number says how many networks of a
kind are tried. The networks and their mistakes are written by hand in `benchmarks/learners`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import glassnet as gn
from benchmarks.learners.bricks import (
    Activation,
    AveragePool,
    BatchNorm,
    Brick,
    Conv,
    Dense,
    Dropout,
    Embedding,
    MaxPool,
)
from benchmarks.learners.network import Learner, build
from glassnet.explain.doctor.diagnosis.catalogue.kinds import KINDS


@dataclass(frozen=True)
class Plant:
    """A mistake to plant.

    Args:
        names: the kinds by which the doctor may call it: those that give the same numbers.
        bug: what the brick or the network is told to do wrong.
        networks: the kinds of networks it is planted in.
        bricks: the class of bricks that make it; None for the network itself.
        wish: the loss.
        fits: tells whether it can be planted in a brick.
    """

    names: tuple[str, ...]
    bug: str
    networks: tuple[str, ...] = ("dense", "norm", "conv")
    bricks: type[Brick] | None = None
    wish: tuple[str, ...] = ("",)
    fits: Callable[[Any], bool] = lambda brick: True


def _active(brick: Any) -> bool:
    return brick.name != "linear"


def _curved(brick: Any) -> bool:
    return brick.name in ("sigmoid", "tanh", "softplus", "elu")


def _square(brick: Any) -> bool:
    return brick.params["W"].shape[0] == brick.params["W"].shape[1]


def _wide(brick: Any) -> bool:
    return min(brick.params["W"].shape) > 1


def _strided(brick: Any) -> bool:
    return brick.stride > 1


MISSING, TWICE = "1/m missing", "1/m twice"
DENSE = ("dense", "square")
PLANTS: dict[str, Plant] = {
    "1/m missing": Plant((MISSING, "sum for mean"), "no 1/m"),
    "1/m twice": Plant((TWICE,), "1/m twice at the loss"),
    "1/m twice, in one layer": Plant((TWICE,), "1/m twice", bricks=Dense),
    "bias averaged, not summed": Plant((TWICE,), "bias mean", bricks=Dense),
    "sum over outputs for their mean": Plant(
        ("sum over outputs for their mean",), "sum over outputs", DENSE, wish=("mse",)),
    "transposed result": Plant(
        ("transposed result",), "transposed result", bricks=Dense, fits=_wide),
    "transpose forgotten": Plant(("transpose forgotten",), "forgotten transpose", ("square",),
                                 Dense, fits=_square),
    "wrong sign": Plant(("wrong sign",), "sign everywhere"),
    "wrong sign of one gradient": Plant(("wrong sign",), "sign", bricks=Dense),
    "wrong sign in the chain": Plant(("wrong sign",), "sign in the chain", bricks=Dense),
    "g′(A) for g′(Z)": Plant(("g′(A) for g′(Z)",), "at A", bricks=Activation, fits=_curved),
    "activation's derivative dropped": Plant(
        ("activation's derivative dropped",), "dropped", bricks=Activation, fits=_active),
    "activation's derivative twice": Plant(
        ("activation's derivative twice",), "twice", bricks=Activation, fits=_curved),
    "derivative of another activation": Plant(
        ("derivative of another activation",), "another", bricks=Activation, fits=_active),
    "activation in place of its derivative": Plant(
        ("activation in place of its derivative",), "function itself", bricks=Activation,
        fits=_active),
    "bias gradient not summed": Plant(
        ("bias gradient not summed",), "bias not summed", bricks=Dense),
    "bias gradient over the wrong axis": Plant(
        ("bias gradient summed over the wrong axis",), "bias wrong axis", bricks=Dense),
    "bias gradient over all axes": Plant(
        ("bias gradient summed over the wrong axis",), "bias all axes", bricks=Dense, fits=_wide),
    "one example overwrites another": Plant(
        ("overwritten instead of summed",), "last example", bricks=Dense),
    "gradient after the update": Plant(("gradient taken after the update",), "after update", DENSE),
    "chain through updated weights": Plant(
        ("gradient taken after the update",), "update first", DENSE, Dense),
    "softmax twice": Plant(("softmax applied twice",), "softmax twice", wish=("cce",)),
    "derivative on top of A − Y": Plant(
        ("activation's derivative twice",), "derivative again", wish=("cce",)),
    "A − Y with the wrong activation": Plant(
        ("cross-entropy's simplification with the wrong activation",), "simplification", DENSE,
        wish=("mse-sigmoid",)),
    "softmax's Jacobian as its diagonal": Plant(
        ("softmax's Jacobian taken for its diagonal",), "diagonal", wish=("cce",)),
    "factor 2 of the squared error": Plant(("factor 2 missing",), "no 2", DENSE, wish=("mse",)),
    "(m,) broadcast to (m, m)": Plant(
        ("(m,) broadcast to (m, m)",), "broadcast", DENSE, wish=("mse-one",)),
    "kernel not flipped": Plant(("kernel not flipped",), "not flipped", ("conv", "average"), Conv),
    "kernel gradient flipped": Plant(
        ("kernel gradient flipped",), "kernel gradient flipped", ("conv", "average"), Conv),
    "correlation for convolution": Plant(
        ("correlation for convolution",), "correlation", ("conv", "average"), Conv),
    "stride ignored": Plant(("stride ignored in the backward pass",), "stride ignored",
                            ("conv",), Conv, fits=_strided),
    "padding off by one": Plant(("padding off by one",), "padding off by one", ("conv",), Conv),
    "overlapping windows overwritten": Plant(
        ("overlapping windows overwritten",), "overwritten", ("conv",), Conv),
    "bias not summed over positions": Plant(
        ("bias gradient summed over the wrong axis",), "bias not over positions", ("conv",), Conv),
    "bias averaged over positions": Plant(
        ("mean over positions for their sum",), "bias mean over positions", ("conv",), Conv),
    "pooling to every tie": Plant(
        ("pooling sends the gradient to every tie",), "every tie", ("ties",), MaxPool),
    "max pooling spread": Plant(("max pooling's gradient spread over the window",), "spread",
                                ("conv",), MaxPool),
    "average pooling not divided": Plant(
        ("average pooling's gradient not divided",), "not divided", ("average",), AveragePool),
    "batch statistics as constants": Plant(
        ("batch statistics treated as constants",), "constants", ("norm",), BatchNorm),
    "variance as a constant": Plant(
        ("batch statistics treated as constants",), "variance constant", ("norm",), BatchNorm),
    "dropout mask missing": Plant(
        ("dropout mask missing in the backward pass",), "no mask", ("dropout",), Dropout),
    "dropout scaled twice": Plant(("dropout scaled twice",), "scaled twice", ("dropout",), Dropout),
    "dropout not scaled": Plant(
        ("dropout not scaled in the backward pass",), "not scaled", ("dropout",), Dropout),
    "regularisation forgotten": Plant(
        ("regularisation forgotten",), "penalty forgotten", ("penalty",)),
    "regularisation of the bias": Plant(
        ("regularisation counted for the bias",), "penalty on bias", ("penalty",)),
    "regularisation without its 2": Plant(
        ("regularisation without its factor",), "penalty without 2", ("penalty",)),
    "gradients swapped": Plant(("gradients of two weights swapped",), "swapped", ("square",)),
    "accumulated, not replaced": Plant(
        ("accumulated instead of replaced",), "accumulated", ("dense", "conv")),
    "half precision": Plant(("computed in the wrong dtype",), "float16"),
    "integers": Plant(("computed in the wrong dtype",), "integers"),
    "step in place of gradient": Plant(("update in place of gradient",), "step"),
    "gradient left at 0": Plant(("gradient left at 0",), "zero"),
    "repeated rows of an embedding": Plant(
        ("repeated rows overwritten",), "repeated rows", ("embedding",), Embedding),
}  # fmt: skip


def planted(plant: Plant, seed: int) -> tuple[Learner, dict[str, np.ndarray]]:
    """Return a random network and its gradients with the mistake in them."""
    for attempt in range(200):
        rng = np.random.default_rng([seed, attempt])
        learner = build(rng, str(rng.choice(plant.networks)), str(rng.choice(plant.wish)))
        right = learner.gradients()
        found = _with_bug(learner, plant, rng)
        if found is not None and _visible(right, found):
            return learner, found
    raise LookupError(f"no network shows {plant.bug!r}")


def _with_bug(learner: Learner, plant: Plant, rng: Any) -> dict[str, np.ndarray] | None:
    if plant.bug == "after update":
        return learner.after_update()
    if plant.bricks is None:
        try:
            return learner.gradients(plant.bug)
        except LookupError:
            return None
    places = [b for b, _ in learner.bricks if isinstance(b, plant.bricks) and plant.fits(b)]
    if not places:
        return None
    chosen = places if rng.integers(0, 2) else [places[int(rng.integers(0, len(places)))]]
    for brick in chosen:
        brick.bug = plant.bug
    found = learner.gradients()
    if plant.bug == "accumulated":
        learner.gradients()
    return found


def _visible(right: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> bool:
    """Whether the mistake changes anything to speak of."""
    if any(found[n].dtype != right[n].dtype for n in right):
        return True
    largest = max(np.abs(array).max() for array in right.values())
    for name, array in right.items():
        other = found[name]
        size = max(np.abs(array).max(), 1e-9 * largest)  # a gradient that is 0 has rounding only
        if other.shape != array.shape or np.abs(other - array).max() > 1e-3 * size:
            return True
    return False


def rank(plant: Plant, seed: int) -> int:
    """Return the place of the right mistake among those named, 0 for none."""
    learner, gradients = planted(plant, seed)
    found = gn.diagnose(learner.model, learner.X, learner.Y, gradients=gradients)
    return next((i for i, k in enumerate(found.kinds, 1) if k in plant.names), 0)


def correct(seed: int) -> bool:
    """Tell whether a correct network is called correct."""
    rng = np.random.default_rng([7, seed])
    kinds = ("dense", "square", "conv", "average", "norm", "dropout", "embedding", "penalty")
    learner = build(rng, str(rng.choice(kinds)))
    gradients = learner.gradients()
    if rng.integers(0, 4) == 0:
        gradients = {name: g.astype(np.float32) for name, g in gradients.items()}
    return bool(gn.diagnose(learner.model, learner.X, learner.Y, gradients=gradients).ok)


def table(count: int = 20) -> str:
    """Return the results by kind as Markdown."""
    lines = ["| mistake | first | among three | networks |", "| --- | ---: | ---: | ---: |"]
    firsts = thirds = total = 0
    for name, plant in PLANTS.items():
        ranks = [rank(plant, seed) for seed in range(count)]
        first, three = sum(r == 1 for r in ranks), sum(1 <= r <= 3 for r in ranks)
        firsts, thirds, total = firsts + first, thirds + three, total + count
        lines.append(f"| {name} | {first} | {three} | {count} |")
        print(lines[-1], [r for r in ranks if r != 1], file=sys.stderr)
    lines.append(f"| **all {len(PLANTS)} kinds** | **{firsts / total:.1%}** | "
                 f"**{thirds / total:.1%}** | {total} |")  # fmt: skip
    return "\n".join(lines)


def alarms(count: int = 200) -> str:
    """Return in a sentence how many correct networks are called wrong."""
    wrong = [seed for seed in range(count) if not correct(seed)]
    print(wrong, file=sys.stderr)
    return f"False alarms over {count} correct networks: {len(wrong)}."


def kinds() -> str:
    """Return the catalogue as Markdown, a table a family."""
    parts = []
    for family, members in KINDS.items():
        lines = [f"**{family}**", "", "| the mistake | the rule |", "| --- | --- |"]
        lines += [f"| {kind} | {_cell(rule)} |" for kind, rule in members.items()]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def write(name: str, text: str) -> None:
    """Put a text between the markers of its name in `docs/doctor.md`."""
    page = Path(__file__).parents[1] / "docs" / "doctor.md"
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = page.read_text().split(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")


def main() -> None:
    start = time.perf_counter()
    count = int(next((a for a in sys.argv[1:] if a.isdigit()), 20))
    if "--kinds" in sys.argv:
        write("kinds", kinds())
        return
    results = f"{table(count)}\n\n{alarms()}"
    print(results)
    if "--write" in sys.argv:
        write("kinds", kinds())
        write("results", results)
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
