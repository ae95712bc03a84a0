"""Rounds: every peer trains for a moment, one after the other, again and again."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

from benchmarks.peers.calm import Gauge, Tally
from benchmarks.peers.limits import Limits, measured
from benchmarks.peers.pool import Handle, PeerFailed, Spinner, running
from benchmarks.peers.roster import OURS, PEERS
from benchmarks.peers.with_numpy import reference_losses
from benchmarks.peers.workloads import WORKLOADS, Workload

TOLERANCE = 1e-4
PAUSE = 0.05
"""Seconds between visits."""
LONGEST = 4.0
"""Seconds up to which a visit is made long enough for all epochs of the workload."""

Say = Callable[[str], None]


@dataclass
class Result:
    """One peer on one workload: seconds a step of each round, quiet and under load."""

    peer: str
    setting: str
    quiet: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.quiet)

    def quartiles(self) -> tuple[float, float]:
        if len(self.quiet) < 2:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.quiet, n=4, method="inclusive")
        return low, high

    def kept_under_load(self) -> float | None:
        """The share of the quiet speed that is left when another process takes one core."""
        pairs = list(zip(self.quiet, self.busy, strict=False))
        return statistics.median(q / b for q, b in pairs) if pairs else None


@dataclass
class Row:
    """One workload: the results, what was left out and why, the limits looked at meanwhile."""

    work: Workload
    results: dict[str, Result]
    left_out: dict[str, str]
    limits: list[Limits]
    tally: Tally = field(default_factory=Tally)

    @property
    def ours(self) -> Result | None:
        return next((self.results[name] for name in OURS if name in self.results), None)

    @property
    def fastest(self) -> Result | None:
        """The peer with the smallest median."""
        peers = [r for name, r in self.results.items() if name not in OURS]
        return min(peers, key=lambda r: r.median, default=None)

    def ratio(self) -> tuple[float, float, float] | None:
        """How many times faster we are than the fastest peer: median of the rounds, quartiles."""
        if self.ours is None or self.fastest is None:
            return None
        pairs = zip(self.fastest.quiet, self.ours.quiet, strict=True)
        ratios = [theirs / ours for theirs, ours in pairs]
        if len(ratios) < 2:
            return ratios[0], ratios[0], ratios[0]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return middle, low, high

    def summary(self) -> str:
        """All medians in a line, µs a step, for those who watch."""
        told = [f"{name} {1e6 * r.median:.2f}" for name, r in self.results.items()]
        ratio = self.ratio()
        return f"{self.work.name}: {', '.join(told)}" + (f"; ratio {ratio[0]:.2f}" if ratio else "")


class Stage:
    """The worker processes, started when first asked for, under every setting of their peers."""

    def __init__(self, names: Iterable[str], say: Say) -> None:
        self.say = say
        self.gauge = Gauge()
        self.handles: dict[str, dict[str, Handle]] = {}
        self.absent: dict[str, str] = {}
        for name in names:
            if reason := PEERS[name].missing():
                self.absent[name] = reason
                say(f"{PEERS[name].title}: left out, {reason}")
            else:
                self.handles[name] = {}

    def prepared(self, name: str, work: Workload) -> tuple[Handle, float, str]:
        """The process in which a peer is quickest, the seconds of an epoch, and its setting."""
        wanted = reference_losses(work, PEERS[name].adam)
        found = []
        for setting, changes in PEERS[name].settings().items():
            handle = self.handles[name].get(setting)
            if handle is None:
                handle = self.handles[name][setting] = Handle(name, setting, changes)
            self.gauge.calm()
            self.gauge.wait()
            try:
                answer = handle.ask("prepare", row=work.name, wanted=wanted, tolerance=TOLERANCE)
            except PeerFailed:
                self.handles[name].pop(setting).close()
                raise
            told = [setting, *(f"{k} {v}" for k, v in answer["variant"].items())]
            found.append((answer["seconds_an_epoch"], handle, ", ".join(told)))
        took, handle, told_all = min(found, key=lambda entry: entry[0])
        return handle, took, told_all

    def close(self) -> None:
        self.gauge.close()
        for by_setting in self.handles.values():
            for handle in by_setting.values():
                handle.close()


def epochs_of_visit(work: Workload, seconds_an_epoch: float, visit: float, ours: bool) -> int:
    """As many epochs as fill a visit; all of the workload's where that does not take long."""
    epochs = max(1, math.ceil(visit / seconds_an_epoch))
    if ours or work.epochs * seconds_an_epoch < LONGEST:
        epochs = max(epochs, work.epochs)
    return epochs


def visited(handle: Handle, epochs: int, load: Spinner | None) -> float:
    """Let a peer train, alone or beside a process that keeps a core busy; return the seconds."""
    time.sleep(PAUSE)
    with running(load.process) if load else nullcontext():
        return float(handle.ask("run", epochs=epochs)["seconds"])


def row_measured(
    stage: Stage, work: Workload, rounds: int, visit: float, spinner: Spinner | None
) -> Row:
    """Prepare every peer for a workload, then time them in rounds."""
    row = Row(work, {}, dict(stage.absent), [measured()])
    ready: dict[str, tuple[Handle, int]] = {}
    for name in stage.handles:
        if not PEERS[name].can(work):
            row.left_out[name] = "cannot express it"
            continue
        try:
            handle, took, setting = stage.prepared(name, work)
        except PeerFailed as failure:
            row.left_out[name] = str(failure).splitlines()[0]
            stage.say(f"{work.name}: {failure}")
            continue
        ready[name] = (handle, epochs_of_visit(work, took, visit, name in OURS))
        row.results[name] = Result(name, setting)
        stage.say(f"{work.name}: {name} computes the same; {1e6 * took / work.steps:.1f} µs a "
                  f"step ({setting}), {ready[name][1]} epochs a visit")  # fmt: skip
    names = list(ready)
    for i in range(rounds):
        shift = i % len(names) if names else 0
        for name in names[shift:] + names[:shift]:
            handle, epochs = ready[name]
            result = row.results[name]
            for times, load in ((result.quiet, None), (result.busy, spinner))[: 1 + bool(spinner)]:
                visit = partial(visited, handle, epochs, load)
                took = stage.gauge.undisturbed(visit, row.tally)
                times.append(took / (epochs * work.steps))
    row.limits.append(measured())
    return row


def measure(
    rows: list[str], names: list[str], rounds: int, visit: float, busy: bool, say: Say
) -> list[Row]:
    """Measure some workloads with some peers."""
    stage = Stage(names, say)
    spinner = Spinner() if busy else None
    try:
        found = []
        for name in rows:
            found.append(row_measured(stage, WORKLOADS[name], rounds, visit, spinner))
            say(found[-1].summary())
        return found
    finally:
        stage.close()
        if spinner is not None:
            spinner.close()
