"""Factors between given and right gradients, read as mistakes: 1/m missing, a wrong sign, a 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise

from glassnet.explain.doctor.diagnosis.matching import Match
from glassnet.explain.doctor.diagnosis.plain import AnyCase

SAME = 2e-4
"""Factors that differ by no more than this, relatively, are one."""
PASSES = (3, 4, 5, 10)
"""After how many passes that added up somebody looks at a gradient."""


@dataclass(frozen=True)
class Factor:
    """A factor that stands for a mistake.

    Args:
        value: the factor.
        kind: the mistake in a few words.
        sentence, mend: what was done; what to write instead. ``{names}`` stands for the gradients.
        weight: how unusual it is.
    """

    value: float
    kind: str
    sentence: str
    mend: str
    weight: float = 1.0


@dataclass(frozen=True)
class Scaled:
    """A factor, and the gradients that have it."""

    factor: Factor
    names: tuple[str, ...]
    everything: bool
    compounding: bool = False


def known_factors(case: AnyCase) -> list[Factor]:
    """Return the factors that mean something for this network and batch."""
    m = float(case.examples)
    found = [
        Factor(-1.0, "wrong sign", "The sign is wrong in {names}",
               "turn the sign around: the update W ← W − η dW already subtracts"),
        Factor(2.0, "factor 2 too many", "{names} is twice what it should be{square}",
               "leave the 2 out: the cost has no factor that gives it",
               1.1 if case.squared else 1.3),
        Factor(0.5, "factor 2 missing", "{names} is half of what it should be{square}",
               "multiply by 2: the derivative of (a − y)² by a is 2 (a − y)", 1.1),
        Factor(2.0, "accumulated instead of replaced",
               "{names} is twice what it should be, as when it was added to what was there from "
               "the pass before", "set it anew in each backward pass: dW = …, not dW += …", 1.2),
    ]  # fmt: skip
    found += [
        Factor(float(k), "accumulated instead of replaced",
               f"{{names}} is {k} times what it should be, as when the gradients of {k} passes "
               "were added up", "set it anew in each backward pass: dW = …, not dW += …", 1.6)
        for k in PASSES
    ]  # fmt: skip
    if m > 1:
        found += list(_of_the_batch(case, m))
    found += list(_of_outputs(case))
    if case.learning_rate not in (0.0, 1.0):
        found.append(
            Factor(
                -case.learning_rate,
                "update in place of gradient",
                "{names} is the step −η dW, not the gradient",
                "return the gradient; the optimizer multiplies by the learning rate",
                1.5,
            )
        )
        found.append(
            Factor(case.learning_rate, "learning rate in the gradient",
                   "{names} is multiplied by the learning rate",
                   "return the gradient itself; the optimizer multiplies by the learning rate",
                   1.5))  # fmt: skip
    return found


def _of_the_batch(case: AnyCase, m: float) -> Iterator[Factor]:
    if case.averaged:
        yield Factor(
            m, "1/m missing",
            f"The factor 1/m is missing in {{names}}: it is {int(m)} times too large, the sum over "
            "the examples where the cost has their mean", "divide by the number of examples m", 0.9,
        )  # fmt: skip
        yield Factor(
            1 / m, "1/m twice",
            f"The factor 1/m stands in {{names}} twice: it is {int(m)} times too small, a mean of "
            "what has been averaged already (mean for sum)",
            "divide by m once: where dZ of the last layer has it, dW and db are sums", 0.9,
        )  # fmt: skip
        yield Factor(
            1 / m**2, "1/m twice",
            f"{{names}} is {int(m) ** 2} times too small: it is divided by m three times over",
            "divide by m once", 1.6,
        )  # fmt: skip
    else:
        yield Factor(
            1 / m, "mean for sum",
            f"{{names}} is divided by the number of examples, {int(m)}, but the cost is their sum",
            "leave out the 1/m, or compile the loss with the mean as its reduction", 0.9,
        )  # fmt: skip
        yield Factor(
            m, "sum for mean", f"{{names}} is {int(m)} times too large",
            "leave out the factor m: the cost is the sum over the examples already", 1.2,
        )  # fmt: skip
    if m > 2:
        yield Factor(
            m / (m - 1), "m − 1 for m", "{names} is divided by m − 1 where the mean has m",
            "divide by m", 1.6,
        )  # fmt: skip


def _of_outputs(case: AnyCase) -> Iterator[Factor]:
    for size in case.output_sizes():
        n = float(size)
        if n <= 1:
            continue
        m = float(case.examples)
        yield Factor(
            n, "sum over outputs for their mean",
            f"{{names}} is {int(n)} times too large: the loss of an example is the mean over its "
            f"{int(n)} outputs, and here it is their sum",
            "divide by the number of outputs too", 1.1,
        )  # fmt: skip
        yield Factor(
            1 / n, "mean over outputs for their sum",
            f"{{names}} is {int(n)} times too small: the loss of an example is summed over its "
            f"{int(n)} outputs, and here it is averaged",
            "divide by the number of examples m alone: np.mean over all entries divides by m n",
            1.1,
        )  # fmt: skip
        if case.averaged and m > 1:
            yield Factor(
                m * n, "1/m missing",
                f"{{names}} is {int(m * n)} times too large: the cost is the mean over {int(m)} "
                f"examples and {int(n)} outputs, and here both are summed",
                "divide by m and by the number of outputs", 1.1,
            )  # fmt: skip


# --- reading ----------------------------------------------------------------------------------
def read(case: AnyCase, found: Mapping[str, Match], names: Sequence[str]) -> list[list[Scaled]]:
    """Return the readings of the factors as mistakes, the likeliest first; none where they tell
    nothing that could be one or two mistakes.

    Args:
        case: the network and the batch.
        found: the matches by name; all are multiples.
        names: the gradients in the order of the backward pass.
    """
    clusters = _clusters(found, names)
    clusters = [(value, group) for value, group in clusters if not _same(value, 1.0)]
    if not clusters:
        return [[]]
    known = known_factors(case)
    compounded = _compounding(case, found, names, known)
    if compounded is not None:
        return [compounded]
    if len(clusters) > 2:
        return []
    options: list[list[Scaled]] = [[]]
    for value, group in clusters:
        whole = len(group) == len(names)
        meant = [[Scaled(f, group, whole) for f in factors]
                 for factors in meanings(case, value, group, known)]  # fmt: skip
        options = [a + b for a in options for b in meant]
    return [o for o in options if o and len(o) <= 3]


def _clusters(
    found: Mapping[str, Match], names: Sequence[str]
) -> list[tuple[float, tuple[str, ...]]]:
    """Group the gradients by factor; a single number joins where it can."""
    groups: list[tuple[float, list[str]]] = []
    for name in sorted(names, key=lambda n: not found[n].telling):
        value = found[name].factor
        near = next((g for g in groups if _same(g[0], value)), None)
        if near is None:
            groups.append((value, [name]))
        else:
            near[1].append(name)
    order = {name: i for i, name in enumerate(names)}
    return [(value, tuple(sorted(group, key=order.__getitem__))) for value, group in groups]


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= SAME * max(abs(a), abs(b))


def meanings(
    case: AnyCase, value: float, names: Sequence[str], known: Sequence[Factor]
) -> list[list[Factor]]:
    """Return what a factor may mean: one mistake, else two, else a number nobody knows."""
    if value == 0:
        return [[Factor(
            0.0, "gradient left at 0", "{names} is 0 everywhere: it was never computed, or what "
            "comes back was cut off", "compute it in the backward pass", 0.9)]]  # fmt: skip
    local = [*known, *_of_places(case, names)]
    single = [[f] for f in local if _same(f.value, value)]
    if single:
        return sorted(single, key=lambda one: one[0].weight)
    double = [
        list(pair)
        for pair in combinations_with_replacement(local, 2)
        if _same(pair[0].value * pair[1].value, value) and pair[0].kind != pair[1].kind
    ]
    if double:
        return sorted(double, key=lambda two: sum(f.weight for f in two))[:3]
    return [[Factor(
        value, "wrong factor", f"{{names}} is {value:.6g} times what it should be",
        "look for a factor of that size", 3.0)]]  # fmt: skip


def _of_places(case: AnyCase, names: Sequence[str]) -> Iterator[Factor]:
    """Factors by the number of places that share a weight: the positions of an image."""
    for name in names:
        for count in case.positions(name):
            for by, over in (
                (count, "positions"),
                (count * case.examples, "examples and positions"),
            ):
                if count > 1:
                    yield Factor(
                        1 / by, "mean over positions for their sum",
                        f"{{names}} is {by} times too small: a mean over {over} where each of them "
                        "adds its part", f"sum over the {over}", 1.2,
                    )  # fmt: skip


def _compounding(
    case: AnyCase, found: Mapping[str, Match], names: Sequence[str], known: Sequence[Factor]
) -> list[Scaled] | None:
    """A factor at every layer on the way down: 1, c, c² …, from the last layer to the first."""
    by_layer: dict[str, list[float]] = {}
    for name in names:
        digits = "".join(c for c in name if c.isdigit())
        if found[name].telling and digits:
            by_layer.setdefault(digits, []).append(found[name].factor)
    steps = [v[0] for v in by_layer.values() if all(_same(v[0], f) for f in v)]
    if len(steps) < 3 or len(steps) != len(by_layer):
        return None
    ratios = [b / a if a else 0.0 for a, b in pairwise(steps)]
    ratio = ratios[0]
    if _same(ratio, 1.0) or not all(_same(r, ratio) for r in ratios):
        return None
    if not (_same(steps[0], 1.0) or _same(steps[0], ratio)):
        return None
    meant = [f for f in known if _same(f.value, ratio)]
    if not meant:
        return None
    best = min(meant, key=lambda f: f.weight)
    touched = tuple(n for n in names if not _same(found[n].factor, 1.0))
    return [Scaled(best, touched, False, compounding=True)]
