"""One gradient held against the function itself: sums of entries, halves, single entries.

With s of random signs ±1, Σ sᵢ (givenᵢ − trueᵢ) is |δ| where one entry is off by δ, whatever the
signs. Where several are off, two sums that differ in the sign of the largest error alone differ by
2 |δ|, so one of them is at least |δ|: a sum misses it with probability ½ at most, and eight sums
with 1/256. A sum that is off is halved, and the half that is further off halved again, until one
entry is left: about log₂ n evaluations.

Source: R. Dorfman, "The detection of defective members of large populations", Annals of
Mathematical Statistics 14 (1943), for testing in groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from glassnet.explain.doctor.differences import (
    NOISY,
    STEP,
    Line,
    Slope,
    complex_slope,
    size_of,
)
from glassnet.explain.doctor.gradient_report import GradientFinding, ParameterCheck
from glassnet.explain.doctor.subjects import Given, Subject

SUMS = 8
SHOWN = 5
"""The faults of one parameter that are told."""
SINGLES = 8
"""The entries that are looked at by themselves where there are too many for all."""
BESIDE = 1e-4
"""How far points beside this one lie from it, in sizes of entries."""
POINTS = 6
_MOVED = f"at a point moved by {BESIDE:g}, since the function has a kink here"


class Neighbours:
    """Points beside the one under check and the gradients there, made when asked for."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._made: list[tuple[list[np.ndarray], list[Given]]] = []

    def __iter__(self) -> Iterator[tuple[list[np.ndarray], list[Given]]]:
        for i in range(POINTS):
            if i == len(self._made):
                self._made.append(self._point(i))
            yield self._made[i]

    def _point(self, seed: int) -> tuple[list[np.ndarray], list[Given]]:
        rng = np.random.default_rng(seed)
        point = [
            x + BESIDE * size_of(x) * rng.uniform(0.3, 1.0, x.shape) * rng.choice([-1, 1], x.shape)
            for x in self.subject.point
        ]
        return point, self.subject.given(point)


class Slopes:
    """The true slopes of the scalar by one parameter at one point."""

    def __init__(
        self, subject: Subject, k: int, point: Sequence[np.ndarray], g: np.ndarray
    ) -> None:
        self.subject, self.k, self.x, self.eps = subject, k, point[k], subject.eps
        self.function = subject.along(k, point)
        self.least = 1e-14 * subject.scale(point) / size_of(self.x)
        """Slopes below this are rounding."""
        self.small = 1e-13 * float(np.linalg.norm(g))
        self.unseen = 100 * (self.least + self.small)
        """A doubt below this is no sign of a kink."""
        self.analytic = self._is_analytic()

    @property
    def method(self) -> str:
        """How slopes are found."""
        return "complex step" if self.analytic else "differences"

    def _is_analytic(self) -> bool:
        """Try a complex step, and hold it against differences before it is trusted."""
        v = signs(self.x.shape, 99)
        real = self.line(v).slope()
        if self.eps > 1e-10:
            return False
        try:
            found = complex_slope(self.function, self.x, v)
        except Exception:  # whatever a function does that is given complex numbers
            return False
        size = max(abs(found), abs(real.value))
        told = max(0.05 * size, 1e8 * self.least)
        close = abs(found - real.value) <= 3 * real.doubt + 1e-6 * size + self.small
        return bool(np.isfinite(found) and real.doubt <= told and close)

    def line(self, v: np.ndarray) -> Line:
        """Return the function along a line; all lines share the noise measured on the first."""
        line = Line(self.function, self.x, v, self.eps, self.subject.noise)
        self.subject.noise = line.noise
        return line

    def along(self, v: np.ndarray) -> Slope:
        """Return the slope along a direction."""
        if not self.analytic:
            return self.line(v).slope()
        found = complex_slope(self.function, self.x, v)
        again = complex_slope(self.function, self.x, v, STEP * 7e-3)  # rounded otherwise
        return Slope(found, NOISY * abs(found - again) + self.least + self.small)

    def at(self, i: int) -> Slope:
        """Return the slope by one entry."""
        return self.along(unit(self.x.shape, i))

    def entries(self, places: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the slopes by some entries, and their doubts; of many, some tell the rounding."""
        every = max(len(places) // 8, 1) if self.analytic else 1
        sampled = [self.at(i) for i in places[::every]]
        if every == 1:
            return np.array([s.value for s in sampled]), np.array([s.doubt for s in sampled])
        values = np.array(
            [
                sampled[n // every].value
                if n % every == 0
                else complex_slope(self.function, self.x, unit(self.x.shape, i))
                for n, i in enumerate(places)
            ]
        )
        return values, np.full(len(places), max(s.doubt for s in sampled))


def signs(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return random signs."""
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape)


def unit(shape: tuple[int, ...], i: int) -> np.ndarray:
    """Return zeros with a one."""
    v = np.zeros(shape)
    v.reshape(-1)[i] = 1.0
    return v


def relative(given: float, expected: float) -> float:
    """Return |given − expected| / max(|given|, |expected|)."""
    size = max(abs(given), abs(expected))
    return abs(given - expected) / size if size else 0.0


class Trial:
    """The gradient by one parameter under check, at the point itself or at one beside it."""

    def __init__(
        self, subject: Subject, k: int, neighbours: Neighbours, point: Sequence[np.ndarray],
        given: Given, beside: bool = False,
    ) -> None:  # fmt: skip
        self.subject, self.k, self.neighbours, self.beside = subject, k, neighbours, beside
        self.given, self.point = given, point
        self.parameter = subject.parameters[k]
        self.shape = point[k].shape
        self.g = given.array.ravel().copy()
        self.tolerance = subject.tolerance
        self.sums, self.singles, self.resolution = 0, 0, 0.0
        self.shown: list[GradientFinding] = []

    def run(self) -> ParameterCheck:
        """Look at the gradient and return what was found."""
        if self.given.wrong:
            return self._told(self._finding(None, np.nan, np.nan, self.given.verdict), "")
        if not self.g.size:
            return self._told(self._finding(None, 0.0, 0.0, "agrees"), "")
        bad = np.flatnonzero(~np.isfinite(self.g))
        if bad.size:
            return self._not_finite(bad)
        self.slopes = Slopes(self.subject, self.k, self.point, self.g)
        self.floor = 1e-12 * float(np.sqrt(np.mean(self.g**2)))
        cost = 1 if self.slopes.analytic else 8
        if self.g.size * cost <= max(self.subject.entries_affordable(self.k), 16):
            self._every_entry()
        else:
            self._groups()
        if not self.beside and any(f.verdict == "kink" for f in self.shown):
            self._beside()
        self.shown.sort(key=lambda f: (not f.is_fault, f.verdict == "agrees", -f.error))
        faults = [f for f in self.shown if f.is_fault]
        first = [self.shown[0]] if not faults else faults[:SHOWN]
        return self._told(first, self.slopes.method)

    def _told(
        self, findings: GradientFinding | Sequence[GradientFinding], method: str
    ) -> ParameterCheck:
        found = (findings,) if isinstance(findings, GradientFinding) else tuple(findings)
        return ParameterCheck(
            self.parameter.layer, self.parameter.name, self.shape, method, self.sums, self.singles,
            self.resolution, found,
        )  # fmt: skip

    def _finding(
        self, i: int | None, given: float, expected: float, verdict: str, note: str = "",
        error: float | None = None,
    ) -> GradientFinding:  # fmt: skip
        index = None if i is None else tuple(int(j) for j in np.unravel_index(i, self.shape))
        how = relative(given, expected) if error is None else error
        note = note or (self.given.wrong if i is None else "")
        if self.beside and verdict == "differs":
            note = _MOVED
        return GradientFinding(
            self.parameter.layer, self.parameter.name, index, given, expected, how, verdict, note
        )

    def _not_finite(self, bad: np.ndarray) -> ParameterCheck:
        i = int(bad[0])
        self.slopes = Slopes(self.subject, self.k, self.point, np.zeros(1))
        true = self.slopes.at(i)
        note = f"{bad.size} of {self.g.size} entries are not finite, this one first"
        finding = self._finding(i, self.g[i], true.value, "not finite", note, np.inf)
        self.singles = 1
        return self._told(finding, self.slopes.method)

    # --- all entries, or groups of them ---------------------------------------------------------
    def _every_entry(self) -> None:
        places = range(self.g.size)
        expected, doubt = self.slopes.entries(places)
        self.singles = self.g.size
        finite = doubt[np.isfinite(doubt)]
        self.resolution = self.floor + float(finite.max(initial=0.0))
        size = np.maximum(np.abs(self.g), np.abs(expected))
        off = np.abs(self.g - expected)
        doubtful = doubt > 0.05 * size + self.slopes.unseen  # a kink, or a jump
        wrong = ~(off <= self.tolerance * size + doubt + self.floor) | doubtful
        order = sorted(np.flatnonzero(wrong), key=lambda i: (-_ratio(off[i], size[i]), i))
        for i in order[: 4 * SHOWN]:
            finding = self.judged(int(i))
            if finding.verdict != "agrees":
                self.shown.append(finding)
            if len(self.shown) >= SHOWN:
                break
        faults = [f for f in self.shown if f.is_fault]
        if faults and len(order) > 1:
            told = f"{len(order)} of {self.g.size} entries are off"
            self._annotate(told)
        self._best_of(places, expected, doubt)

    def _annotate(self, text: str) -> None:
        for n, finding in enumerate(self.shown):
            if finding.is_fault and not finding.note:
                self.shown[n] = replace(finding, note=text)
                return

    def _best_of(self, places: Sequence[int], expected: np.ndarray, doubt: np.ndarray) -> None:
        """Tell of the entries that agree the one that is furthest off."""
        given = self.g[list(places)]
        scale = 1e-3 * max(float(np.abs(self.g).max(initial=0.0)), 1e-300)
        size = np.maximum(np.maximum(np.abs(given), np.abs(expected)), scale)
        error = np.abs(given - expected) / size
        nothing = np.maximum(np.abs(given), np.abs(expected)) <= doubt + self.floor
        error[~np.isfinite(error) | nothing] = 0.0  # both are 0 as far as rounding tells
        known = [f.index for f in self.shown]
        for n in np.argsort(-error, kind="stable"):
            i = places[int(n)]
            if np.unravel_index(i, self.shape) in known:
                continue
            good = doubt[n] <= 0.05 * size[n]
            tiny = abs(given[n]) <= max(doubt[n], self.floor)
            verdict = "agrees" if good or tiny else "unresolved"
            finding = self._finding(
                i, float(given[n]), float(expected[n]), verdict, error=float(error[n])
            )
            self.shown.append(finding)
            return

    def _groups(self) -> None:
        """Compare sums with random signs; what is off is halved until the entry is found."""
        self.sums = SUMS
        for number in range(SUMS):
            v = signs(self.shape, number)
            true = self.slopes.along(v)
            while np.isfinite(true.doubt):
                off = float(v.ravel() @ self.g) - true.value
                self.resolution = max(self.resolution, true.doubt)
                if abs(off) <= true.doubt or len(self.shown) >= SHOWN:
                    break
                i = self._halved(v, off)
                finding = self.judged(i)
                known = any(f.index == finding.index for f in self.shown)
                if finding.verdict == "agrees" or known:  # many small ones, none of them a fault
                    self.resolution = max(self.resolution, abs(off))
                    break
                self.shown.append(finding)
                self.g[i] = finding.expected  # so that the next sum tells of others
        self._singles()

    def _halved(self, v: np.ndarray, off: float) -> int:
        """Return the entry to which halving leads, each time into the half further off."""
        places = np.random.default_rng(0).permutation(self.g.size)
        flat = v.ravel()
        while places.size > 1:
            left = places[: places.size // 2]
            half = np.zeros(self.g.size)
            half[left] = flat[left]
            left_off = float(half @ self.g) - self.slopes.along(half.reshape(self.shape)).value
            if abs(left_off) >= abs(off - left_off):
                places, off = left, left_off
            else:
                places, off = places[places.size // 2 :], off - left_off
        return int(places[0])

    def _singles(self) -> None:
        rng = np.random.default_rng(7)
        given = self.given.array.ravel()
        largest = np.argsort(-np.abs(given), kind="stable")[:2]
        drawn = rng.integers(0, given.size, SINGLES - 2)
        places = list(dict.fromkeys(map(int, (*largest, *drawn))))
        self.singles = len(places) + len(self.shown)
        self.g = given.copy()
        expected, doubt = self.slopes.entries(places)
        off = np.abs(self.g[places] - expected)
        size = np.maximum(np.abs(self.g[places]), np.abs(expected))
        wrong = ~(off <= self.tolerance * size + doubt + self.floor)
        for n in np.flatnonzero(wrong):
            known = any(f.index == np.unravel_index(places[n], self.shape) for f in self.shown)
            if len(self.shown) < SHOWN and not known:
                finding = self.judged(places[n])
                if finding.verdict != "agrees":
                    self.shown.append(finding)
        if wrong.any() and any(f.is_fault for f in self.shown):
            self._annotate(f"{int(wrong.sum())} of {len(places)} entries drawn are off")
        self._best_of(places, expected, doubt)

    # --- one entry ------------------------------------------------------------------------------
    def judged(self, i: int) -> GradientFinding:
        """Look closely at an entry that seems to be off."""
        given = float(self.given.array.ravel()[i])
        true = self.slopes.at(i)
        line = self.slopes.line(unit(self.shape, i))
        real = line.slope()
        if self.slopes.analytic and np.isfinite(real.doubt):
            size = max(abs(true.value), abs(real.value))
            if abs(true.value - real.value) > real.doubt + self.tolerance * size:
                true = real  # a kink, or a function that only looked analytic
        if self._agree(given, true) and true.doubt <= 0.05 * abs(given) + self.slopes.unseen:
            return self._finding(i, given, true.value, "agrees")
        if line.jumps():
            return self._finding(i, given, true.value, "jump")
        if not np.isfinite(true.doubt) or (self._agree(given, true) and not true.bend):
            return self._finding(i, given, true.value, "unresolved")
        if self.beside:
            return self._finding(i, given, true.value, "differs")
        return self._seen_from_beside(i, given, true)

    def _agree(self, given: float, true: Slope) -> bool:
        size = max(abs(given), abs(true.value))
        return abs(given - true.value) <= self.tolerance * size + true.doubt + self.floor

    def _seen_from_beside(self, i: int, given: float, true: Slope) -> GradientFinding:
        """Tell a point without derivative from a wrong rule by trying points beside it.

        A wrong rule is wrong there again. Where it is right there, and the slopes there are those
        found here, the function is smooth and the gradient is wrong at this very point.
        """
        good: list[float] = []
        bad: list[tuple[float, float]] = []
        for point, gradients in self.neighbours:
            there = gradients[self.k]
            if there.wrong or not np.isfinite(there.array).all():
                continue
            slope = Slopes(self.subject, self.k, point, there.array).at(i)
            entry = float(there.array.ravel()[i])
            if not np.isfinite(slope.doubt) or slope.bend:
                continue
            if self._agree(entry, slope):
                good.append(slope.value)
            else:
                bad.append((entry, slope.value))
            if len(bad) >= 2:
                told = bad[0] if true.bend else (given, true.value)
                finding = self._finding(i, *told, "differs")
                return replace(finding, note=_MOVED) if true.bend else finding
        if good:
            away = abs(given - true.value)
            clear = away > 0.01 * max(abs(given), abs(true.value))
            if true.bend or not clear or max(abs(s - true.value) for s in good) > 0.1 * away:
                return self._finding(i, given, true.value, "kink")
        return self._finding(i, given, true.value, "differs")

    def _beside(self) -> None:
        """Check the whole gradient where there is no kink."""
        for point, gradients in self.neighbours:
            there = gradients[self.k]
            if there.wrong or not np.isfinite(there.array).all():
                continue
            other = Trial(self.subject, self.k, self.neighbours, point, there, beside=True)
            self.shown += [f for f in other.run().findings if f.is_fault]
            return


def _ratio(off: float, size: float) -> float:
    return off / size if size and np.isfinite(off) else np.inf
