"""The sentences of a report on curvature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glassnet.explain.curvature.spectrum import Spectrum

if TYPE_CHECKING:
    from glassnet.explain.curvature.report import Block, CurvatureReport

_ENDS = (r"$\lambda_{\min}$", r"$\lambda_{\max}$")
HEADER = ("weight", "layer", "shape", "it is", *_ENDS, "up", "down", "flat")
LISTED = 12
"""Up to how many eigenvalues are all listed."""
NEAR = 1e-3
"""What part of the largest eigenvalue counts as nearly flat, where the density tells."""


def figure(value: float) -> str:
    """Return a number with four digits."""
    if np.isinf(value):
        return "infinite"
    return f"{value:.4g}"


def title(report: CurvatureReport) -> str:
    """Return what was looked at."""
    of = report.of if report.size != 1 else report.of.removesuffix("s")
    if report.examples is None:
        named = f" of {report.name}," if report.name else " of"
        return f"The curvature{named} a function of {report.size:,} {of}"
    count = "1 example" if report.examples == 1 else f"{report.examples:,} examples"
    return (
        f"The curvature of the loss of {report.name} on {count}, a function of {report.size:,} {of}"
    )


_IS = {
    "convex": "convex, a bowl",
    "concave": "concave, a hill",
    "saddle": "a saddle",
    "flat": "flat",
}


def verdict(report: CurvatureReport) -> str:
    """Return what the shape is: convex, concave, saddle or flat."""
    of = "function" if report.examples is None else "loss"
    return f"At this point the {of} is {_shape(report.spectrum)}."


def _shape(spectrum: Spectrum) -> str:
    kind = spectrum.kind
    if spectrum.eigenvalues is None:
        return f"{_IS[kind]}: {_by_ends(spectrum)}"
    if kind == "flat":
        return "flat: along no direction does it curve"
    counts = {"up": spectrum.positive, "down": spectrum.negative, "flat": spectrum.zero}
    up, down, flat = (int(counts[name] or 0) for name in ("up", "down", "flat"))
    if spectrum.size in (up, down):
        several = f"all {spectrum.size:,} directions curve"
        every = "its one direction curves" if spectrum.size == 1 else several
        return f"{_IS[kind]}: {every} {'up' if up else 'down'}"
    told: list[str] = []
    for count, verb, last in ((up, "curve", " up"), (down, "curve", " down"), (flat, "", "flat")):
        if count:
            told.append(_counted(count, verb, last, first=not told))
    shape = kind if flat else _IS[kind]  # with a flat direction it is a trough
    shape = "a saddle" if kind == "saddle" else shape
    return f"{shape}: {', '.join(told)}"


def _counted(count: int, verb: str, last: str, *, first: bool) -> str:
    """``"9 directions curve up"``, ``"3 curve down"``, ``"1 is flat"``."""
    noun = (" direction" if count == 1 else " directions") if first else ""
    if not verb:
        verb = "is " if count == 1 else "are "
        return f"{count:,}{noun} {verb}{last}"
    return f"{count:,}{noun} {verb}{'s' if count == 1 else ''}{last}"


def _by_ends(spectrum: Spectrum) -> str:
    if spectrum.kind == "saddle":
        return "some directions curve up, others down"
    if spectrum.kind == "flat":
        return "along no direction was any curvature found"
    way = "down" if spectrum.kind == "convex" else "up"
    flat = ", and some are flat" if spectrum.has_flat else ""
    return f"no direction was found that curves {way}{flat}"


def place(report: CurvatureReport) -> str:
    """Return whether the point is stationary, and what follows with the curvature."""
    kind = report.kind
    start = f"The value is {figure(report.value)}, the gradient has length {figure(report.slope)}: "
    if not report.is_stationary:
        more = "this is no stationary point; the gradient leads on."
        if kind in ("saddle", "concave"):
            to = "towards the saddle" if kind == "saddle" else "towards the top"
            more += f" Along what curves down, the plain Newton step climbs, {to}."
        return start + more
    start += "this is a stationary point"
    if kind == "saddle":
        return f"{start}, a saddle point: there is a way down, along a direction that curves down."
    if kind == "flat":
        return f"{start}; whether it is a minimum, second derivatives do not tell."
    extreme = "minimum" if kind == "convex" else "maximum"
    if report.spectrum.has_flat:
        return (
            f"{start}. Whether it is a {extreme}, second derivatives do not tell: along the flat "
            "directions higher ones decide."
        )
    return f"{start}, a {extreme}."


def eigenvalues(report: CurvatureReport) -> str:
    """Return the eigenvalues, or their ends, with the trace."""
    spectrum = report.spectrum
    counts_as = f"Up to {spectrum.tolerance:.2g} they count as 0."
    if spectrum.eigenvalues is None:
        return (
            rf"They go from $\lambda_{{\min}}$ = {figure(spectrum.least)} to $\lambda_{{\max}}$ = "
            f"{figure(spectrum.greatest)}, each to within {report.residual:.1g} (Lanczos). Their "
            f"sum, the trace, is {figure(spectrum.trace)} ± {spectrum.trace_error:.2g} "
            f"(Hutchinson). {counts_as}"
        )
    values = spectrum.eigenvalues
    if len(values) <= LISTED:
        listed = ", ".join(figure(v) for v in values)
    else:
        ends = [", ".join(figure(v) for v in part) for part in (values[:4], values[-4:])]
        listed = f"{ends[0]}, …, {ends[1]}"
    trace = f" Their sum, the trace, is {figure(spectrum.trace)}." if len(values) > 1 else ""
    return f"{listed}.{trace} {counts_as}"


def shares(report: CurvatureReport) -> str:
    """Return how many eigenvalues lie where, by the density."""
    near = NEAR * report.spectrum.largest
    density = report.density
    down = density.share(-np.inf, -near)
    up = density.share(near, np.inf)
    return (
        f"By the density, about {up:.2%} of the directions curve up by more than a thousandth of "
        f"the largest curvature, {down:.2%} curve down by as much, and {1 - up - down:.2%} are "
        "nearly flat."
    )


def condition(spectrum: Spectrum) -> str:
    """Return the condition number and what it means."""
    found = spectrum.condition
    if found is None:
        return (
            "The condition number of a saddle needs the eigenvalues next to 0, which Lanczos does "
            "not find; `full=True` does."
        )
    if np.isinf(found):
        bent = _bent(spectrum)
        return "The condition number is infinite, since some directions are flat" + (
            f"; among the others it is {figure(bent)}." if bent else "."
        )
    about = "" if spectrum.eigenvalues is not None else "about "
    return (
        f"The condition number is {about}{figure(found)}: so many times as strongly does it curve "
        "along the sharpest direction as along the flattest."
    )


def _bent(spectrum: Spectrum) -> float | None:
    """The condition number among the directions that are not flat."""
    if spectrum.eigenvalues is None:
        return None
    sizes = np.abs(spectrum.eigenvalues)
    sizes = sizes[sizes > spectrum.tolerance]
    return float(sizes.max() / sizes.min()) if sizes.size else None


def rate(report: CurvatureReport) -> str:
    """Return the largest stable learning rate, with the one in use beside it."""
    limit = report.stable_rate
    if np.isinf(limit):
        told = "Nothing curves up here, so no learning rate is too large for gradient descent."
        return told + (f" That of SGD is {figure(report.rate)}." if report.rate else "")
    told = (
        rf"It is stable for learning rates below $2 / \lambda_{{\max}}$ = {figure(limit)}: along "
        r"the sharpest direction each step multiplies the distance by $1 - \eta \lambda_{\max}$."
    )
    if report.rate is None:
        return told
    factor = 1 - report.rate * report.greatest
    verb = "too large here" if report.rate > limit else "stable here"
    return (
        f"{told} The learning rate of SGD is {figure(report.rate)}, {verb}: the factor is "
        f"{figure(factor)}."
    )


def sharpest(report: CurvatureReport) -> str:
    """Return which weights dominate the sharpest direction."""
    direction = report.sharpest
    foremost = [entry for entry in direction.entries if abs(entry[1]) >= 0.01]
    entries = ", ".join(f"`{name}` {value:+.3f}" for name, value in foremost)
    start = rf"The sharpest direction ($\lambda$ = {figure(direction.curvature)})"
    if report.size == 1:
        return f"{start} is the only one."
    if len(direction.shares) == 1:
        return f"{start} is mostly {entries}."
    ordered = sorted(direction.shares.items(), key=lambda item: -item[1])
    told = ", ".join(f"`{name}` {share:.0%}" for name, share in ordered if share >= 0.005)
    return f"{start} belongs to {told}; the largest components are {entries}."


def row(block: Block) -> tuple[str, ...]:
    """Return the row of a weight in the table."""
    spectrum = block.spectrum
    counts = (spectrum.positive, spectrum.negative, spectrum.zero)
    return (
        f"`{block.name}`",
        block.layer,
        f"({', '.join(map(str, block.shape))}{',' if len(block.shape) == 1 else ''})",
        spectrum.kind,
        figure(spectrum.least),
        figure(spectrum.greatest),
        *("–" if count is None else f"{count:,}" for count in counts),
    )
