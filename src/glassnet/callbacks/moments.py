"""At which moments of a run something is recorded, whatever the run's length."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from glassnet.checks import whole

PER_DECADE = 20
"""How many moments "log" chooses between n and 10 n."""


class Moments:
    """Counts epochs or batches, tells which are chosen, and chooses fewer of them when asked.

    A count n is a candidate where k divides it (``every=k``), where it is listed, or, for
    ``"log"``, at 0, 1, 2, … with every candidate at least 10^(1/20) times the one before. Of the
    candidates every ``stride``-th is chosen, the first one included. `thin` doubles the stride.
    """

    def __init__(self, every: int | str | Iterable[int], who: str) -> None:
        self.every: int | None = None
        self.listed: list[int] | None = None
        if isinstance(every, str):
            if every != "log":
                raise ValueError(
                    f"{who}: every is a number, 'log', or a list of numbers; got {every!r}."
                )
        elif isinstance(every, Iterable):
            self.listed = sorted({whole(n, f"{who}: a number in every", least=0) for n in every})
            if not self.listed:
                raise ValueError(f"{who}: every is an empty list, so nothing would be recorded.")
        else:
            self.every = whole(every, f"{who}: every", least=1)
        self.restart()

    def restart(self) -> None:
        """Begin again at 0."""
        self.stride = 1
        self._index = -1
        self._next = 0 if self.listed is None else self.listed[0]

    def chosen(self, n: int) -> int | None:
        """Return the candidate's index where ``n`` is chosen, else None; ``n`` only grows."""
        if n < self._next:
            return None
        missed = n > self._next and not (self.every is None and self.listed is None)
        self._next = self._after(n)
        if missed:
            return None
        self._index += 1
        return self._index if self._index % self.stride == 0 else None

    def _after(self, n: int) -> int:
        if self.every is not None:
            return (n // self.every + 1) * self.every
        if self.listed is not None:
            return next((m for m in self.listed if m > n), 2**63)
        return max(n + 1, round(n * 10 ** (1 / PER_DECADE)))

    def thin(self) -> None:
        """Choose every second of those that were chosen."""
        self.stride *= 2

    def get_state(self) -> dict[str, Any]:
        """Return where the count stands."""
        return {"stride": self.stride, "index": self._index, "next": self._next}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where the count stood."""
        self.stride, self._index, self._next = state["stride"], state["index"], state["next"]
