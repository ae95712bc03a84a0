"""What was measured as Markdown."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.peers.base import cores
from benchmarks.peers.calm import SHARES, TRIES, Tally
from benchmarks.peers.latency import Calls
from benchmarks.peers.limits import best
from benchmarks.peers.measure import Row
from benchmarks.peers.roster import OURS, PEERS
from benchmarks.peers.start import Start

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PACKAGES = ("numpy", "scipy", "numba", "torch", "jax", "keras", "scikit-learn")
LEAST_UNDER_LOAD = 0.45


def table(head: list[str], lines: list[list[str]]) -> str:
    """A table whose columns but the first are set flush right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))


def microseconds(seconds: float) -> str:
    """Three digits or more: 1.43, 26.5, 874, 41,800."""
    value = 1e6 * seconds
    return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}"


def machine() -> str:
    """One line on the machine and the versions."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return (f"{cores()} cores of {_processor()}, Python {platform.python_version()}, "
            f"{', '.join(found)}.")  # fmt: skip


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    wide = [name for name in ("avx512f", "avx2") if name in named.get("flags", "").split()]
    kind = " and ".join(["", *wide[:1]]).replace(" and ", ", ") if wide else ""
    return f"{named.get('model name', platform.machine())}{kind}"


def training(rows: list[Row], rounds: int) -> str:
    """All that is said about training: times, load, limits, settings, what was left out."""
    parts = [
        machine(),
        f"Median time of a training step in µs, in brackets the quartiles of {rounds} rounds:",
        _times(rows),
        "The ratio is that of the fastest peer's time to ours, median of the rounds' own ratios, "
        "quartiles in brackets.",
        _calm([row.tally for row in rows]),
    ]
    if any(result.busy for row in rows for result in row.results.values()):
        parts += [
            "Speed that is left when another process keeps one core busy, as a share of the quiet "
            f"speed (ours is to be at least {LEAST_UNDER_LOAD}):",
            _load(rows),
        ]
    parts += [_limits(rows), "Settings, the quickest of those tried:", _settings(rows)]
    return "\n\n".join(part for part in parts if part)


def _calm(tallies: list[Tally]) -> str:
    visits, repeated, disturbed = (
        sum(getattr(tally, name) for tally in tallies)
        for name in ("visits", "repeated", "disturbed")
    )
    return (
        "A visit counts where the machine gave before it and after it what it gives at best: "
        f"{SHARES['products']:g} of the rate of products on all cores, {SHARES['passing']:g} of "
        f"that of bytes from core to core. Of {visits:,} visits, {repeated:,} were repeated for "
        f"that, and {disturbed:,} count all the same, after {TRIES} tries."
    )


def _columns(rows: list[Row]) -> list[str]:
    shown = {name for row in rows for name in row.results}
    peers = [name for name in PEERS if name in shown and name not in OURS]
    return [*peers, *(name for name in reversed(OURS) if name in shown)]


def _times(rows: list[Row]) -> str:
    names = _columns(rows)
    lines = []
    for row in rows:
        cells = [row.work.title]
        for name in names:
            result = row.results.get(name)
            if result is None:
                cells.append("")
                continue
            low, high = (microseconds(q) for q in result.quartiles())
            text = microseconds(result.median)
            cells.append((f"**{text}**" if result is row.fastest else text) + f" ({low}–{high})")
        ratio = row.ratio()
        told = f"{ratio[0]:.2f} ({ratio[1]:.2f}–{ratio[2]:.2f})" if ratio else ""
        lines.append([*cells, told, f"{row.work.target:g}"])
    titles = [PEERS[name].title for name in names]
    return table(["network, batch, optimizer", *titles, "ratio", "target"], lines)


def _load(rows: list[Row]) -> str:
    names = _columns(rows)

    def cell(row: Row, name: str) -> str:
        kept = row.results[name].kept_under_load() if name in row.results else None
        return "" if kept is None else f"{kept:.2f}"

    lines = [[row.work.title, *(cell(row, name) for name in names)] for row in rows]
    return table(["", *(PEERS[name].title for name in names)], lines)


def _limits(rows: list[Row]) -> str:
    limits = best([look for row in rows for look in row.limits])
    text = (
        f"The machine itself in this run: float32 products {limits.product_one / 1e9:.0f} GFLOP/s "
        f"on one core, {limits.product_all / 1e9:.0f} on all; memory "
        f"{limits.memory_one / 1e9:.1f} GB/s on one core, {limits.memory_all / 1e9:.1f} on all. "
        "Operations are those of the products alone; bytes are the batch, read once, and weights "
        "and moments, read and written, as if no cache held them. The limit that binds is the one "
        "that takes longer; where it is reached to a few percent only, what binds is neither:"
    )
    lines = []
    for row in rows:
        if row.ours is None:
            continue
        look = best(row.limits)
        share, name = look.share(row.work, row.ours.median)
        rate = row.work.operations() / row.ours.median
        peak = rate / look.product_all
        goal = f"{row.work.peak_target:.0%}" if row.work.peak_target else ""
        size = [f"{row.work.operations() / 1e6:,.4g}", f"{row.work.traffic() / 1e6:,.3g}"]
        lines.append([row.work.title, *size, f"{rate / 1e9:,.3g}", f"{peak:.1%}", goal,
                      f"{share:.1%} ({name})"])  # fmt: skip
    head = ["ours", "Mflop a step", "MB a step", "GFLOP/s", "of the product peak, all cores",
            "target", "of the limit that binds"]  # fmt: skip
    return f"{text}\n\n{table(head, lines)}" if lines else text


def _settings(rows: list[Row]) -> str:
    lines = []
    for row in rows:
        told = [f"{PEERS[name].title}: {r.setting}" for name, r in row.results.items()]
        told += [f"{PEERS[name].title}: left out, {why}" for name, why in row.left_out.items()]
        lines.append(f"- {row.work.title}. {'; '.join(told)}.")
    return "\n".join(lines)


def calls(found: list[Calls]) -> str:
    """One call of `predict` on one row."""
    by_name = {one.peer: one for one in found}
    ours = next((by_name[name] for name in OURS if name in by_name), None)
    bare = by_name.get("by_hand")
    lines = [
        [PEERS[one.peer].title, one.setting, microseconds(one.median),
         microseconds(one.over(bare)) if bare else "", f"{one.times(ours):.2f}" if ours else "",
         f"{one.memory / 1e6:.0f}" if one.memory else ""]
        for one in found
    ]  # fmt: skip
    head = ["", "setting", "µs a call", "over the bare arithmetic, µs", "times ours",
            "most memory of the process that then trained, MB"]  # fmt: skip
    return ("`predict` on one row of 784-128-10 (by hand: two products, biases, ReLU); targets: "
            "under 20 µs over the bare arithmetic, Keras at least 50 times ours:\n\n"
            + table(head, lines))  # fmt: skip


def starts(imports: dict[str, float], lazy: bool, found: list[Start]) -> str:
    """Import and first runs of fresh processes."""
    lines = [[name, f"{1000 * took:.0f}"] for name, took in imports.items()]
    text = table(["in a fresh process, less Python's own start (target: under 300)", "ms"], lines)
    text += f"\n\n`import glassnet` {'leaves Numba for later' if lazy else 'imports Numba'}.\n\n"
    columns = list(dict.fromkeys((s.engine, s.cache) for s in found))
    rows = dict.fromkeys((s.row, s.steps, s.epochs) for s in found)

    def cells(of: Callable[[Start], str]) -> list[list[str]]:
        by = {(s.row, s.steps, s.epochs, s.engine, s.cache): s for s in found}
        return [
            [f"{row}: {epochs:,} epoch{'s' * (epochs > 1)} of {steps} step{'s' * (steps > 1)}",
             *(of(by[key]) if (key := (row, steps, epochs, *column)) in by else ""
               for column in columns)]
            for row, steps, epochs in rows
        ]  # fmt: skip

    head = ["", *(f"{engine}, {cache}" for engine, cache in columns)]
    text += "Seconds of the first `fit` of a fresh process, by engine and cache (target: within "
    text += "1 s with a warm cache; `auto` with a cold one no slower than `numpy`):\n\n"
    text += table(head, cells(lambda s: f"{statistics.median(s.seconds):.3f}"))
    text += "\n\nThe most memory of the same processes, MB:\n\n"
    return text + table(head, cells(lambda s: f"{statistics.median(s.memory) / 1e6:.0f}"))


def write(name: str, text: str, page: Path = PAGE) -> None:
    """Put a text between the markers of its name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = page.read_text().split(begin)
    after = rest.split(end)[1]
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
