"""The curvature of a loss, or of a plain function, at the point where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.checks import number
from glassnet.explain.curvature.density import Density, quadrature
from glassnet.explain.curvature.hutchinson import Trace, asymmetry, hutchinson
from glassnet.explain.curvature.lanczos import lanczos
from glassnet.explain.curvature.points import (
    Part,
    Point,
    check_finite,
    point_of_function,
    point_of_model,
)
from glassnet.explain.curvature.report import Block, CurvatureReport, Direction
from glassnet.explain.curvature.spectrum import EPSILON, Spectrum
from glassnet.models.model import Model

Vector = np.ndarray

LIMIT = 1000
"""Up to how many weights the full Hessian is computed unasked: 1,000 products, 8 MB."""
MOST = 20_000
"""From how many weights on a full Hessian is refused: it takes 3.2 GB."""
SHORT = 40
"""The steps of Lanczos where only a picture is wanted: for the density, for a block."""
CONVERGED = 1e-7
"""The residual of an end of the spectrum, as a part of the largest, that ends the search."""


def curvature(
    model: Model | Callable[..., Any],
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    full: bool | None = None,
    steps: int = 100,
    probes: int = 10,
    tolerance: float | None = None,
    training: bool = True,
    blocks: bool = True,
    seed: int = 0,
) -> CurvatureReport:
    """Return what the Hessian ``H = ∇²J`` says of a loss at this point.

    Its eigenvalues λ are the curvatures along its eigenvectors. All above 0: the loss is a bowl
    here (convex); all below: a hill (concave); of both kinds: a saddle; all 0: flat. Gradient
    descent is stable for learning rates below ``2 / λmax``, and the condition number
    ``max |λ| / min |λ|`` tells how slow it is along the flattest direction. The same is told for
    each weight by itself, from its block on the diagonal of H.

    All is computed in float64: weights and data of a float32 model are widened exactly. The loss
    is that of the next training step on the whole batch, with its penalties and with that step's
    random draws. An eigenvalue counts as 0 up to the tolerance: ``max(ε, n ε₆₄) · max |λ|``, with
    ε the gap behind 1 of the weights' dtype, since the weights are not known better than that; or
    up to the rounding that H shows by not being symmetric, where that is more. At the kink of a
    ReLU there is no second derivative; the pieces beside it are what is differentiated, so a
    network of ReLUs can be flat along directions where its loss has a fold.

    Args:
        model: a compiled model, built; or a function of one array that returns a number. A
            function that returns a vector r stands for ½ ‖r‖².
        x: the inputs of one batch, examples first; of a function the point.
        y: the targets.
        sample_weight: a weight for each example.
        full: whether the full Hessian is computed, every eigenvalue of it. By default it is up to
            1,000 weights; beyond, the ends of the spectrum come from Lanczos, the trace from
            Hutchinson, the density from stochastic Lanczos quadrature.
        steps: the steps of Lanczos at most; it ends when both ends have converged.
        probes: how many random vectors stand for the whole, for trace and density.
        tolerance: what part of max |λ| counts as 0, in place of the one above.
        training: whether the layers behave as in training (dropout drops, batch normalization
            takes the statistics of the batch) or as in prediction.
        blocks: whether each weight is looked at by itself.
        seed: of the random vectors.

    With n weights, the full Hessian takes n products ``H v``, each 2 to 3 times the time of a
    gradient, ``8 n²`` bytes and about 10 n³ operations for the eigenvalues. Otherwise: up to
    ``steps`` products for the ends, 3 ``probes`` for the trace, 40 ``probes`` for the density,
    40 for each weight; and ``8 n · steps`` bytes.

    Raises:
        TypeError: where ``model`` is neither, or ``x`` yields batches instead of being one.
        ValueError: where the model is not built or compiled, has nothing to train, or the batch
            does not fit it; where loss, gradient or Hessian are not finite; where the full
            Hessian is asked for and is too large.

    Source: B. Ghorbani, S. Krishnan, Y. Xiao, "An investigation into neural net optimization via
    Hessian eigenvalue density", ICML 2019.

    >>> import numpy as np, glassnet as gn
    >>> report = gn.explain.curvature(lambda v: v[0] ** 2 - v[1] ** 2, np.zeros(2))
    >>> report.kind, report.eigenvalues.tolist(), report.stable_rate
    ('saddle', [-2.0, 2.0], 1.0)

    >>> model = gn.Sequential([gn.Input((1,)), gn.layers.Dense(1)])
    >>> model.compile(gn.optimizers.SGD(0.1), "mse")
    >>> report = gn.explain.curvature(model, np.array([[1.0], [3.0]]), np.zeros((2, 1)))
    >>> report.kind, round(report.trace, 9)  # H = 2/m Σ [x², x; x, 1] = [[10, 4], [4, 2]]
    ('convex', 12.0)
    """
    if isinstance(model, Model):
        point = point_of_model(model, x, y, sample_weight, training)
    else:
        point = point_of_function(model, x, y, sample_weight)
    for name, count in (("steps", steps), ("probes", probes)):
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 2:
            raise ValueError(f"curvature(): {name} is a whole number of at least 2; got {count!r}.")
    if tolerance is not None:
        number(tolerance, "curvature(): tolerance", least=0)
    whole = point.size <= LIMIT if full is None else full
    if whole and point.size > MOST:
        raise ValueError(
            f"curvature(): the Hessian of {point.size:,} weights has {point.size**2:,} entries, "
            f"{8 * point.size**2 / 1e9:,.1f} GB. Write full=False: the ends of the spectrum, the "
            "trace and the density are found without it."
        )
    relative = max(point.epsilon, point.size * EPSILON) if tolerance is None else tolerance
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):  # what is not finite is told in one sentence
        value, slope = point.problem.value_and_gradient(point.x)
        check_finite(point, "loss", value)
        check_finite(point, "gradient", slope)
        found = (
            _all_of(point, relative, blocks)
            if whole
            else _ends_of(point, relative, blocks, int(steps), int(probes), rng)
        )
    return CurvatureReport(
        name=point.name,
        of=point.of,
        examples=point.examples,
        dtype=point.dtype,
        value=value,
        gradient=slope,
        length=float(np.linalg.norm(point.x)),
        spectrum=found.spectrum,
        blocks=tuple(found.blocks),
        density=found.density,
        sharpest=found.sharpest,
        hessian=found.hessian,
        residual=found.residual,
        products=point.problem.counts["product"],
        rate=point.rate,
    )


# --- the spectrum -------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Found:
    spectrum: Spectrum
    blocks: list[Block]
    density: Density
    sharpest: Direction
    hessian: np.ndarray | None = None
    residual: float = 0.0


def _all_of(point: Point, relative: float, blocks: bool) -> _Found:
    """All eigenvalues, of the full Hessian."""
    raw = point.hessian()
    spectrum = Spectrum.of(raw, relative)
    hessian = (raw + raw.T) / 2
    values, vectors = np.linalg.eigh(hessian)
    sharpest = int(np.argmax(np.abs(values)))
    floor = point.size * EPSILON * spectrum.largest
    parts = point.parts if blocks and point.examples is not None else []
    told = [
        Block(p.name, p.layer, p.shape, Spectrum.of(raw[p.place, p.place], relative, floor))
        for p in parts
    ]
    direction = _direction(point, float(values[sharpest]), vectors[:, sharpest])
    return _Found(spectrum, told, Density.of(values), direction, hessian)


def _ends_of(
    point: Point,
    relative: float,
    blocks: bool,
    steps: int,
    probes: int,
    rng: np.random.Generator,
) -> _Found:
    """The ends of the spectrum, its trace and density, from products with vectors."""
    rounding = asymmetry(point.product, point.size, rng)
    ends, sharpest, residual = _ends(point.product, point.size, steps, rng, relative)
    trace = hutchinson(point.product, point.size, 3 * probes, rng)
    spectrum = _with_trace(ends, trace).with_tolerance(max(rounding, residual))
    short = min(steps, SHORT)
    density = quadrature(point.product, point.size, probes, short, rng)
    floor = max(rounding, point.size * EPSILON * spectrum.largest)
    parts = point.parts if blocks and point.examples is not None else []
    told = [
        Block(
            p.name,
            p.layer,
            p.shape,
            _block_of(point, p, relative, short, trace.block(p.place), rng).with_tolerance(floor),
        )
        for p in parts
    ]
    direction = _direction(point, *sharpest)
    return _Found(spectrum, told, density, direction, residual=residual)


def _ends(
    product: Callable[[Vector], Vector],
    size: int,
    steps: int,
    rng: np.random.Generator,
    relative: float,
) -> tuple[Spectrum, tuple[float, Vector], float]:
    """The ends of a spectrum, the eigenvector of the larger, the residual of the worse."""
    start = rng.standard_normal(size)
    ritz = lanczos(product, start, steps, tolerance=CONVERGED, rng=rng)
    least, greatest = float(ritz.values[0]), float(ritz.values[-1])
    largest = -1 if greatest >= -least else 0
    complete = ritz.values if ritz.steps == size else None
    tolerance = relative * max(abs(least), abs(greatest))
    found = Spectrum(
        size, least, greatest, tolerance, float(ritz.values.sum()), eigenvalues=complete
    )
    residual = 0.0 if complete is not None else float(max(ritz.residuals[[0, -1]]))
    return found, (float(ritz.values[largest]), ritz.vector(largest)), residual


def _with_trace(found: Spectrum, trace: Trace) -> Spectrum:
    """The spectrum with an estimated trace, where not all eigenvalues are known."""
    if found.eigenvalues is not None:
        return found
    return found.with_trace(trace.value, trace.error)


def _block_of(
    point: Point,
    part: Part,
    relative: float,
    steps: int,
    trace: Trace,
    rng: np.random.Generator,
) -> Spectrum:
    """The spectrum of a block on the diagonal: all of it where that takes no more products."""
    size = part.place.stop - part.place.start
    product = point.block(part.place)
    if size <= steps:
        return Spectrum.of(np.stack([product(unit) for unit in np.eye(size)], axis=1), relative)
    found, _, residual = _ends(product, size, steps, rng, relative)
    return _with_trace(found, trace).with_tolerance(residual)


def _direction(point: Point, value: float, vector: Vector) -> Direction:
    """A direction, told by weights and by their entries."""
    vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
    shares = {p.name: float(np.sum(vector[p.place] ** 2)) for p in point.parts}
    entries: list[tuple[str, float]] = []
    for part in point.parts:
        array = part.arranged(vector)
        foremost = np.argsort(-np.abs(array), axis=None, kind="stable")[: Direction.TOLD]
        for place in foremost:
            index = [int(i) for i in np.unravel_index(int(place), array.shape)]
            name = f"{part.name}[{', '.join(map(str, index))}]" if index else part.name
            entries.append((name, float(array[tuple(index)])))
    entries.sort(key=lambda entry: -abs(entry[1]))
    return Direction(value, vector, shares, tuple(entries[: Direction.TOLD]))
