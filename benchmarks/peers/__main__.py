"""The command: ``python -m benchmarks.peers``."""

from __future__ import annotations

import argparse
import signal
import sys

from benchmarks.peers import report
from benchmarks.peers.latency import measure_calls
from benchmarks.peers.measure import measure
from benchmarks.peers.roster import OURS, PEERS
from benchmarks.peers.start import measure_imports, measure_starts, numba_stays_out
from benchmarks.peers.workloads import WORKLOADS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    add = parser.add_argument
    add("--rows", nargs="*", choices=list(WORKLOADS), default=list(WORKLOADS), metavar="ROW",
        help=f"of {', '.join(WORKLOADS)}; none given after it: no training")  # fmt: skip
    add("--peers", nargs="+", choices=list(PEERS), default=list(PEERS), metavar="PEER",
        help=f"of {', '.join(PEERS)}")  # fmt: skip
    add("--rounds", type=int, default=9)
    add("--visit", type=float, default=0.4, help="seconds that a peer trains when its turn comes")
    add("--busy", action="store_true", help="also with another process that keeps one core busy")
    add("--latency", action="store_true", help="also predict on one row, import and first steps")
    add("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    given = parser.parse_args()
    if given.write and (given.peers != list(PEERS) or given.rows not in ([], list(WORKLOADS))):
        parser.error("--write is for a run with all peers, and with all rows or none")
    return given


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show(name: str, text: str, write: bool) -> None:
    print(text, flush=True)
    if write:
        report.write(name, text)


def main() -> None:
    # Asked to end, it ends the processes that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    given = arguments()
    failed = False
    if given.rows:
        rows = measure(given.rows, given.peers, given.rounds, given.visit, given.busy, say)
        show("peers", report.training(rows, given.rounds), given.write)
        failed = any(
            name in row.left_out and PEERS[name].can(row.work) and not PEERS[name].missing()
            for row in rows
            for name in given.peers
        )
    if given.latency:
        calls = measure_calls(given.peers, given.rounds, say)
        text = report.calls(calls)
        if any(name in OURS for name in given.peers):
            imports = measure_imports(given.rounds)
            starts = measure_starts(max(3, given.rounds // 2), say)
            text += "\n\n" + report.starts(imports, numba_stays_out(), starts)
        show("first calls", text, given.write)
    if failed:
        raise SystemExit("A peer failed, or computes something else: see above.")


if __name__ == "__main__":
    main()
