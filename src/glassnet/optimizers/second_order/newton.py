"""Newton's method with the full Hessian, and what keeps it going down.

Where the Hessian is known, f is a parabola up to third order, and the minimum of the parabola is
one step away. Where the parabola bends down there is no minimum: the step leads to the saddle or
up to the top. Here the Hessian's eigenvalues are looked at, and a negative one is reflected.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any

import numpy as np

from glassnet.checks import number, one_of, whole
from glassnet.objective import Problem
from glassnet.optimizers.base import OPTIMIZERS
from glassnet.optimizers.second_order.base import Move, SecondOrder, Vector
from glassnet.optimizers.second_order.line_search import search
from glassnet.optimizers.second_order.looking import height, look, precision

FLOPS = 1e10
"""Operations a second, for the estimate of a time."""


class _FullHessian(SecondOrder):
    """The base of methods that look at the eigenvalues of the full Hessian."""

    def __init__(
        self,
        learning_rate: Any,
        damping: float,
        floor: float | None,
        line_search: bool,
        largest: int,
        name: str | None,
    ) -> None:
        super().__init__(learning_rate, name=name)
        what = type(self).__name__
        self.damping = number(damping, f"{what}: damping", least=0)
        self.floor = None if floor is None else number(floor, f"{what}: floor", above=0)
        self.line_search = bool(line_search)
        self.largest = whole(largest, f"{what}: largest", least=1)

    def move(self, problem: Problem, x: Vector) -> Move:
        what = type(self).__name__
        fits(problem.size, self.largest, what)
        value, gradient = look(problem, x, what)
        hessian = problem.hessian(x)
        if not np.isfinite(hessian).all():
            raise curvature_not_finite(what)
        eigenvalues, axes = np.linalg.eigh(hessian)
        move = Move(
            x, value, value, float(np.linalg.norm(gradient)), 0.0, eigenvalues,
            damping=self.damping or None,
        )  # fmt: skip
        self.step(problem, gradient, axes, move)
        return move

    @abstractmethod
    def step(self, problem: Problem, gradient: Vector, axes: np.ndarray, move: Move) -> None:
        """Write the step into ``move``, which stands at x with the eigenvalues of the Hessian."""

    # --- curvature that descends --------------------------------------------------------------
    def least(self, problem: Problem, eigenvalues: Vector) -> float:
        """Return below what an eigenvalue counts as 0."""
        share = np.sqrt(precision(problem)) if self.floor is None else self.floor
        return float(share * np.abs(eigenvalues).max(initial=0.0))

    def reflected(self, problem: Problem, move: Move) -> Vector:
        """Return max(|λ|, floor) + damping for each eigenvalue; 1 where there is no curvature."""
        eigenvalues = _known(move)
        least = self.least(problem, eigenvalues)
        if least == 0:
            move.notes.append("there is no curvature here: the step is the gradient's")
            return np.ones_like(eigenvalues) + self.damping
        flat = int((np.abs(eigenvalues) < least).sum())
        if flat:
            move.notes.append(
                f"{_directions(flat, len(eigenvalues))} flat: the curvature there was taken "
                f"as {least:.3g}"
            )
        return np.maximum(np.abs(eigenvalues), least) + self.damping

    def note_negative(self, problem: Problem, move: Move) -> int:
        """Tell where the plain step would climb; return along how many directions."""
        eigenvalues = _known(move)
        count = int((eigenvalues < -self.least(problem, eigenvalues)).sum())
        if count == 1:
            move.notes.append(
                f"negative curvature along this direction (eigenvalue {eigenvalues[0]:.3g}): the "
                "plain Newton step would climb; it was reflected"
            )
        elif count:
            move.notes.append(
                f"negative curvature along {count} of {len(eigenvalues)} directions (eigenvalues "
                f"down to {eigenvalues[0]:.3g}): the plain Newton step would climb there; it was "
                "reflected"
            )
        return count

    def along(
        self, problem: Problem, gradient: Vector, axes: np.ndarray, curvature: Vector, move: Move
    ) -> None:
        """Step by -V (Vᵀ∇f / c), as far as the line search lets it."""
        slopes = axes.T @ gradient
        rate = self.rate()
        direction = -rate * (axes @ (slopes / curvature))
        t = 1.0
        if self.line_search:
            found = search(problem, move.x, move.before, gradient, direction)
            t, move.x, move.after = found.rate, found.x, found.value
            if t == 0 and move.slope > 0:
                move.notes.append("no smaller value was found along the step; it was not taken")
        else:
            move.x = move.x + direction
            move.after = height(problem, move.x)
        move.rate = rate * t
        move.predicted = _promised(slopes, _known(move), -move.rate * slopes / curvature)


def _known(move: Move) -> Vector:
    assert move.eigenvalues is not None
    return move.eigenvalues


def _promised(slopes: Vector, eigenvalues: Vector, step: Vector) -> float:
    """The decrease of the parabola gᵀp + ½ pᵀHp, all in the axes of H."""
    with np.errstate(over="ignore", invalid="ignore"):
        return -float(slopes @ step + eigenvalues @ step**2 / 2)


def _directions(count: int, total: int) -> str:
    return f"{count} of {total} directions {'is' if count == 1 else 'are'}"


@OPTIMIZERS.add()
class Newton(_FullHessian):
    """``w ← w - η C⁻¹ g``: one step to the minimum of the parabola that touches the loss.

    With the eigenvalues λ and eigenvectors V of the Hessian H::

        C = V diag(max(|λ|, δ)) Vᵀ + damping · I       modification="eigenvalue"
        C = H + damping · I                            modification="none"

    The first goes down everywhere: where the loss bends down (λ < 0), the step is reflected. The
    second is the textbook's: it looks for a point where the gradient vanishes, and where the loss
    is not convex that is a saddle or a maximum as well. It warns once, and it does no line search.

    Memory: n² numbers for H and as many for V, with n weights: 64 MB for 2,000. Time of a step: n
    products with H, each about as dear as two gradients, and about 9 n³ operations for the
    eigenvalues. Larger networks take `NewtonCG` or ``LBFGS``. Give `fit` the whole training set as
    one batch.

    Args:
        learning_rate: η, the length of the first step that is tried.
        modification: ``"eigenvalue"``, or ``"none"`` (None) for the plain step.
        damping: is added to every eigenvalue: the larger, the shorter and the more like
            gradient descent the step.
        floor: δ, as a part of the largest |λ|; None for √ε of the weights' dtype.
        line_search: whether the step is shortened (or lengthened) until it meets the strong Wolfe
            conditions, which needs SciPy; the plain step never is.
        largest: for how many weights at most the full Hessian is computed.
        name: its name.

    Raises:
        ValueError: where the network has more than ``largest`` weights.

    Source: J. Nocedal, S. Wright, "Numerical optimization", 2nd ed., 2006, sections 3.3 and 3.4
    (eigenvalue modification; there negative λ become δ, here |λ|).

    >>> import numpy as np, glassnet as gn
    >>> bowl = lambda w: (w[0] - 3) ** 2 + 10 * w[1] ** 2 + w[0] * w[1]
    >>> found = gn.minimize(bowl, [0.0, 1.0], "newton")
    >>> found.steps, found.x.round(6).tolist()
    (1, [3.076923, -0.153846])
    """

    def __init__(
        self,
        learning_rate: Any = 1.0,
        modification: str | None = "eigenvalue",
        damping: float = 0.0,
        floor: float | None = None,
        line_search: bool = True,
        largest: int = 2000,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate, damping, floor, line_search, largest, name)
        chosen = "none" if modification is None else modification
        self.modification = one_of(chosen, ("eigenvalue", "none"), "Newton: modification")
        self._warned = False

    def step(self, problem: Problem, gradient: Vector, axes: np.ndarray, move: Move) -> None:
        if self.modification == "none":
            self._plain(problem, gradient, axes, move)
            return
        negative = self.note_negative(problem, move)
        if negative and move.slope == 0:
            move.notes.append(
                "the gradient is 0 at this saddle or maximum, so the step is 0 too: "
                "SaddleFreeNewton steps off it"
            )
        self.along(problem, gradient, axes, self.reflected(problem, move), move)

    def _plain(self, problem: Problem, gradient: Vector, axes: np.ndarray, move: Move) -> None:
        """The step -(H + damping I)⁻¹ g; along directions without curvature there is none."""
        slopes, curvature = axes.T @ gradient, _known(move) + self.damping
        tiny = len(curvature) * precision(problem) * np.abs(curvature).max(initial=0.0)
        bends = np.abs(curvature) > tiny
        quotients = np.divide(slopes, curvature, out=np.zeros_like(slopes), where=bends)
        if not bends.all():
            flat = int((~bends).sum())
            move.notes.append(
                f"{_directions(flat, len(bends))} flat: the plain step is not determined there "
                "and was taken as 0"
            )
        self._warn(int((curvature < -tiny).sum()), move)
        move.rate = self.rate()
        move.x = move.x - move.rate * (axes @ quotients)
        move.after = height(problem, move.x)
        move.predicted = _promised(slopes, _known(move), -move.rate * quotients)

    def _warn(self, negative: int, move: Move) -> None:
        if not negative:
            return
        total = len(_known(move))
        where = f"along {negative} of {total} directions"
        if negative == total:
            where = "along every direction" if total > 1 else "along the one direction there is"
        move.notes.append(
            f"negative curvature {where}: the plain Newton step climbs there, "
            + ("towards a maximum" if negative == total else "towards a saddle")
        )
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"Plain Newton: the loss bends down {where}, and there the step goes up: it leads "
                "to a saddle or a maximum, where the gradient vanishes too. "
                "Newton(modification='eigenvalue') and SaddleFreeNewton() go down.",
                stacklevel=2,
            )


@OPTIMIZERS.add("saddlefreenewton")
class SaddleFreeNewton(_FullHessian):
    """``w ← w - η |H|⁻¹ g``, with |H| = V diag(|λ|) Vᵀ: Newton's step that saddles repel.

    Each direction is scaled by how much the loss bends along it, whichever way. A step towards a
    saddle becomes a step away from it. On the saddle itself the gradient says nothing: there the
    step goes along the direction v of the most negative eigenvalue, ``w ± escape · v``, to the
    side where the loss is smaller.

    Memory and time are those of `Newton`: n² numbers, n products with H, about 9 n³ operations.

    Args:
        learning_rate: η, the length of the first step that is tried.
        damping: is added to every |λ|.
        floor: the least |λ|, as a part of the largest; None for √ε of the weights' dtype.
        escape: how long the step off a saddle is; halved until the loss is smaller there. It is
            taken where the step by the gradient is shorter than a thousandth of it.
        line_search: whether the step is adapted until it meets the strong Wolfe conditions, which
            needs SciPy.
        largest: for how many weights at most the full Hessian is computed.
        name: its name.

    Raises:
        ValueError: where the network has more than ``largest`` weights.

    Source: Y. Dauphin et al., "Identifying and attacking the saddle point problem in
    high-dimensional non-convex optimization", NIPS 2014 (without the Krylov subspace).

    >>> import glassnet as gn
    >>> hills = lambda w: w[0] ** 2 - w[1] ** 2 + w[1] ** 4
    >>> found = gn.minimize(hills, [0.0, 0.0], "saddle_free_newton")
    >>> round(found.value, 6), abs(found.x).round(6).tolist()
    (-0.25, [0.0, 0.707107])
    """

    leaves_saddles = True

    def __init__(
        self,
        learning_rate: Any = 1.0,
        damping: float = 0.0,
        floor: float | None = None,
        escape: float = 0.1,
        line_search: bool = True,
        largest: int = 2000,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate, damping, floor, line_search, largest, name)
        self.escape = number(escape, "SaddleFreeNewton: escape", above=0)

    def step(self, problem: Problem, gradient: Vector, axes: np.ndarray, move: Move) -> None:
        curvature = self.reflected(problem, move)
        slopes = axes.T @ gradient
        length = float(np.linalg.norm(slopes / curvature))
        bends_down = _known(move)[:1] < -self.least(problem, _known(move))
        if bends_down.any() and length < 1e-3 * self.escape:
            self._escape(problem, axes[:, 0], slopes, move)
            return
        self.note_negative(problem, move)
        self.along(problem, gradient, axes, curvature, move)

    def _escape(self, problem: Problem, axis: Vector, slopes: Vector, move: Move) -> None:
        """Step along ± the direction that bends down most."""
        start, least = move.x, float(_known(move)[0])
        length = self.escape
        for _ in range(60):
            sides = [start + length * axis, start - length * axis]
            values = [height(problem, side) for side in sides]
            best = int(values[1] < values[0])
            if values[best] < move.before:
                sign = 1 - 2 * best
                move.x, move.after = sides[best], values[best]
                move.predicted = -(sign * length * float(slopes[0]) + least * length**2 / 2)
                move.notes.append(
                    f"the gradient vanishes here and the loss bends down (eigenvalue {least:.3g}): "
                    f"a step of {length:.3g} along that direction leaves the saddle"
                )
                return
            length /= 2
        move.notes.append("no smaller value was found beside this saddle; no step was taken")


def curvature_not_finite(what: str) -> FloatingPointError:
    """Return the error for a Hessian that is not finite."""
    return FloatingPointError(
        f"{what}: the value and the gradient are finite here, the second derivatives are not: the "
        "loss has a kink or a pole at this point. Begin at another point."
    )


def fits(size: int, largest: int, what: str) -> None:
    """Raise where a full Hessian of so many weights is more than was allowed.

    Raises:
        ValueError: with the memory and the time it would take, and the methods that fit.
    """
    if size <= largest:
        return
    memory, seconds = 4 * 8 * size**2, 9 * size**3 / FLOPS
    raise ValueError(
        f"{what} computes the full Hessian, and there are {size:,} weights: {size**2:,} entries, "
        f"about {_bytes(memory)} with eigenvectors and workspace, and in every step {size:,} "
        f"products with the Hessian and about {_time(seconds)} for the eigenvalues. NewtonCG() "
        "and LBFGS() need no Hessian and fit a network of this size. To do it all the same: "
        f"{what}(largest={size})."
    )


def _bytes(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            break
        count /= 1000
    return f"{count:.3g} {unit}" if count < 1000 else f"{count:,.0f} {unit}"


def _time(seconds: float) -> str:
    for limit, size, unit in (
        (120, 1, "seconds"), (7200, 60, "minutes"), (172800, 3600, "hours"),
    ):  # fmt: skip
        if seconds < limit:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds / 86400:,.0f} days"
