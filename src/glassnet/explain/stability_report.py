"""What the stability microscope saw: rows, as a table of text and as a document."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from glassnet.explain.accuracy import WIDE, Accuracy, digits_of, shown
from glassnet.explain.document import Document, Heading, Paragraph, Table

LADDER = (1.0, 10.0, 100.0, 1000.0, 10000.0)
"""The sizes to which the inputs of the last delicate op are scaled, to show where it gives way."""

_WIDTH = 100
_NOTICED = 1.0
"""The digits lost from which on a form is worth a table of its own."""


@dataclass(frozen=True)
class Trial:
    """One form of a delicate op on one batch.

    Args:
        formula: how a program writes it.
        runs: whether it is the one that the network runs.
        stable: whether it is the one that keeps its digits.
        value: the errors of its value, each by the entry's own size.
        gradient: the errors of its derivative, by the largest entry; None where nothing is
            trained through it.
    """

    formula: str
    runs: bool
    stable: bool
    value: Accuracy
    gradient: Accuracy | None

    @property
    def lost(self) -> float:
        """The digits lost at the worst entry of the value or of the gradient."""
        return max(self.value.lost, self.gradient.lost if self.gradient else 0.0)


@dataclass(frozen=True)
class Row:
    """A delicate op of the network and what its forms make of the batch.

    Args:
        scope: the layer or loss that it belongs to: ``"dense_1"``.
        op: its name: ``"softmax_cross_entropy"``; for a formula of several, ``"log of softmax"``.
        dtype: the float type that it computes in.
        span: the least and the largest entry of its first input.
        trials: the naive forms, then the stable one.
        advice: the change that saves the digits.
    """

    scope: str
    op: str
    dtype: np.dtype
    span: tuple[float, float]
    trials: tuple[Trial, ...]
    advice: str

    @property
    def stable(self) -> Trial:
        """The form that keeps its digits."""
        return self.trials[-1]

    @property
    def naive(self) -> Trial:
        """The naive form that loses the most digits."""
        return max(self.trials[:-1], key=lambda t: (t.lost, t.value.worst))

    @property
    def run(self) -> Trial:
        """The form that the network runs."""
        return next(t for t in self.trials if t.runs)

    @property
    def form(self) -> str:
        """Which form the network runs: ``"stable"`` or ``"naive"``."""
        return "stable" if self.run.stable else "naive"

    @property
    def lost(self) -> float:
        """The digits that the form which the network runs loses."""
        return self.run.lost

    @property
    def saved(self) -> float:
        """The digits that the stable form saves over the one that the network runs."""
        run, stable = self.run, self.stable
        by_value = run.value.lost - stable.value.lost
        if run.gradient is None or stable.gradient is None:
            return by_value
        return max(by_value, run.gradient.lost - stable.gradient.lost)

    @property
    def place(self) -> str:
        """The op and where it stands."""
        return f"{self.op} in {self.scope}" if self.scope else self.op


@dataclass(frozen=True)
class Rung:
    """The forms of one op on inputs scaled to ``size`` at the largest."""

    size: float
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class StabilityReport:
    """The delicate ops of a training step on one batch, in the order of computation.

    Args:
        model: the model's name.
        examples: the number of examples of the batch.
        dtype: the model's float type.
        rows: one a delicate op.
        last: the place of the row that is nearest to the loss; None for none.
        ladder: the forms of that row on the same inputs, scaled.
    """

    model: str
    examples: int
    dtype: np.dtype
    rows: tuple[Row, ...]
    last: int | None = None
    ladder: tuple[Rung, ...] = ()

    @property
    def worst(self) -> Row | None:
        """The row whose running form loses the most digits; among equals, whose naive form does."""
        return max(
            self.rows, key=lambda r: (r.lost, r.naive.lost, r.naive.value.worst), default=None
        )

    @property
    def losing(self) -> tuple[Row, ...]:
        """The rows where the network itself runs a naive form that loses digits on this batch."""
        return tuple(r for r in self.rows if r.saved > _NOTICED)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    # --- as text --------------------------------------------------------------------------------
    def __str__(self) -> str:
        lines = [*_filled(self._title()), *_filled(self._verdict())]
        lines += [_LEGEND, ""] if self.rows else [""]
        for row in self._told():
            lines += [*_table(row), ""]
        quiet = self._quiet()
        if quiet:
            lines += [*_filled(quiet), ""]
        if self.ladder and self.last is not None:
            lines += self._ladder_lines()
        return "\n".join(lines).rstrip()

    def _title(self) -> str:
        digits, wide = digits_of(self.dtype), digits_of(np.dtype(WIDE))
        note = "" if wide > digits + 1 else ", no more on this machine"
        count = "1 example" if self.examples == 1 else f"{self.examples} examples"
        return (
            f"Stability of model {self.model!r} on {count}: {self.dtype.name} carries "
            f"{digits:.1f} digits, the reference (long double) {wide:.1f}{note}."
        )

    def _verdict(self) -> str:
        worst = self.worst
        if worst is None:
            return "No op of this training step has a naive form to beware of."
        if self.losing:
            places = ", ".join(dict.fromkeys(r.place for r in self.losing))
            return f"A naive form runs and loses digits: {places}."
        told = "loses no digit" if worst.lost == 0 else f"loses at most {worst.lost:.1f} digits"
        return f"What this network runs {told}" + ("." if worst.lost == 0 else f" ({worst.place}).")

    def _told(self) -> list[Row]:
        return [r for i, r in enumerate(self.rows) if i == self.last or _is_noticed(r)]

    def _quiet(self) -> str:
        told = {id(r) for r in self._told()}
        quiet = [r.place for r in self.rows if id(r) not in told]
        if not quiet:
            return ""
        return (
            "Here every form keeps its digits on this batch, the naive one too: "
            f"{', '.join(dict.fromkeys(quiet))}."
        )

    def _ladder_lines(self) -> list[str]:
        assert self.last is not None
        sizes = "".join(f"{size:>10g}" for size in LADDER)
        lines = [
            *_filled(
                f"{self.rows[self.last].place}, with the same inputs scaled: digits lost in the "
                "value where the largest input is"
            ),
            f"  {'':<46}{sizes}",
        ]
        for k, trial in enumerate(self.ladder[0].trials):
            cells = "".join(f"{_digits(rung.trials[k].value):>10}" for rung in self.ladder)
            lines.append(f"{_mark(trial)} {trial.formula:<46}{cells}")
        return lines

    # --- as a document --------------------------------------------------------------------------
    def document(self) -> Document:
        """Return the report as a document, for LaTeX, HTML and Markdown."""
        blocks: list[Heading | Paragraph | Table] = [
            Paragraph(f"{self._title()} {self._verdict()}"),
            Paragraph(_HOW_TO_READ),
        ]
        for row in self._told():
            blocks += [
                Heading(row.place),
                Table(_HEADER, tuple(_cells(t) for t in row.trials), _caption(row)),
                Paragraph(_mend(row)),
            ]
        if self._quiet():
            blocks.append(Paragraph(self._quiet()))
        if self.ladder and self.last is not None:
            header = ("form", *(f"{size:g}" for size in LADDER))
            rows = tuple(
                (trial.formula, *(_digits(rung.trials[k].value) for rung in self.ladder))
                for k, trial in enumerate(self.ladder[0].trials)
            )
            blocks += [
                Heading("The same inputs, scaled"),
                Table(header, rows, f"{self.rows[self.last].place}: digits lost, by largest input"),
            ]
        return Document(f"The stability of {self.model!r}", tuple(blocks))


_HEADER = ("form", "runs", "error", "median", "lost", "gradient", "lost")
_LEGEND = (
    "▸ runs in this network; value, gradient: the largest relative error; lost: digits it costs."
)
_HOW_TO_READ = (
    "Each form is computed on the inputs that the op gets for this batch. The errors are relative, "
    "the largest and the median one of the entries; “lost” are the decimal digits that the largest "
    "costs. The gradient is the derivative of the loss by the op's input, its errors measured by "
    "its largest entry; – where no weight is trained through the op."
)


def _is_noticed(row: Row) -> bool:
    return max(row.lost, row.naive.lost) > _NOTICED


def _digits(errors: Accuracy) -> str:
    if errors.infinite or errors.nan:
        return "NaN" if errors.nan else "∞"
    return "all" if errors.all_lost else f"{errors.lost:.1f}" if errors.lost else "0"


def _lost(errors: Accuracy) -> str:
    return "all" if errors.all_lost else f"{errors.lost:.1f}" if errors.lost else "0"


def _mark(trial: Trial) -> str:
    return "▸" if trial.runs else " "


def _cells(trial: Trial) -> tuple[str, ...]:
    gradient = trial.gradient
    return (
        trial.formula,
        "yes" if trial.runs else "",
        str(trial.value),
        shown(trial.value.median) if np.isfinite(trial.value.median) else "–",
        _lost(trial.value),
        "–" if gradient is None else str(gradient),
        "–" if gradient is None else _lost(gradient),
    )


def _caption(row: Row) -> str:
    entries = row.stable.value.entries
    return f"{entries} entries, inputs from {row.span[0]:.4g} to {row.span[1]:.4g}"


_REST = (
    "; what it loses all the same comes from adding up many numbers, from a slope that is near 0, "
    "or from inputs whose own rounding matters so much"
)


def _mend(row: Row) -> str:
    if row.saved > _NOTICED:
        return f"The network runs the form that loses digits. {row.advice}"
    if row.form == "stable":
        rest = _REST if row.lost > _NOTICED else ""
        return f"The network runs the stable form{rest}. {row.advice}"
    return row.advice


def _table(row: Row) -> list[str]:
    lines = [
        *_filled(f"{row.place}: {_caption(row)}"),
        f"  {'':<48}{'value':>11}{'median':>8}{'lost':>6}{'gradient':>12}{'lost':>6}",
    ]
    for trial in row.trials:
        formula, _, error, median, lost, slope, slope_lost = _cells(trial)
        lines.append(
            f"{_mark(trial)} {formula:<48}{error:>11}{median:>8}{lost:>6}{slope:>12}{slope_lost:>6}"
        )
    return lines + _filled(_mend(row), "  ")


def _filled(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)
