"""What the benchmark against the peers rests on: counts of operations, and the step by hand."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.by_hand import LOSSES
from benchmarks.peers import calm, limits, report
from benchmarks.peers.base import check_length
from benchmarks.peers.latency import Calls, logarithms
from benchmarks.peers.limits import Limits
from benchmarks.peers.measure import Result, Row, epochs_of_visit
from benchmarks.peers.with_glassnet import GlassnetNumpy
from benchmarks.peers.with_numpy import ByHand, reference_losses
from benchmarks.peers.worker import check_same
from benchmarks.peers.workloads import WORKLOADS

DENSE = WORKLOADS["784-128-10"]


def test_operations_and_parameters_counted_by_hand() -> None:
    first, last = 784 * 128, 128 * 10
    assert DENSE.parameters() == first + 128 + last + 10
    assert DENSE.operations() == 2 * 128 * (2 * first + 3 * last)
    assert DENSE.traffic() == 4 * (128 * 784 + 6 * DENSE.parameters())
    # 26 × 26 places of 9 taps by 32; then 11 × 11 places of 9 × 32 taps by 64; then 5 × 5 × 64.
    image = WORKLOADS["mnist-convnet"]
    assert image.shapes() == [
        (28, 28, 1), (26, 26, 32), (13, 13, 32), (11, 11, 64), (5, 5, 64), (10,)
    ]  # fmt: skip
    products = 2 * 26 * 26 * 32 * 9 + 3 * 11 * 11 * 64 * 288 + 3 * 1600 * 10
    assert image.operations() == 2 * 128 * products
    assert image.parameters() == 320 + 18_496 + 16_010


def test_xor_is_xor() -> None:
    x, y = WORKLOADS["xor-256"].data()
    assert x.shape == (1024, 2)
    assert (y[:, 0] == np.logical_xor(x[:, 0], x[:, 1])).all()


@pytest.mark.parametrize("name", list(WORKLOADS))
def test_we_and_the_hand_compute_the_same(name: str) -> None:
    work = replace(WORKLOADS[name], batch=min(16, WORKLOADS[name].batch))
    x, y = work.data()
    few = check_length(work)[1] * work.batch
    ours = GlassnetNumpy(work, x[:few], y[:few])
    wanted = reference_losses(work)
    check_same(ours.check(), wanted, 1e-4)
    assert ours.check() == ours.check()  # from the first weights each time
    # Training moves the loss by much more than what is tolerated.
    assert abs(wanted[-1] / wanted[0] - 1) > 1e-3


@pytest.mark.parametrize("name", ["conv5-100-2", "mnist-convnet"])
def test_steps_by_hand_agree_with_difference_quotients(name: str) -> None:
    work = WORKLOADS[name]
    x, y = work.data()
    x, y = x[:2].astype(np.float64), y[:2]
    peer = ByHand(work, x, y)
    peer.reset()
    network = peer.network
    network.weights = [w.astype(np.float64) for w in network.weights]
    slopes = network.backward(LOSSES["classes"](network.forward(x), y)[1])
    for weights, found in zip(network.weights, slopes, strict=True):
        flat, at, h = weights.reshape(-1), weights.size // 2, 1e-5
        losses = []
        for shift in (h, -2 * h):
            flat[at] += shift
            losses.append(LOSSES["classes"](network.forward(x), y)[0])
        flat[at] += h
        assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(found.reshape(-1)[at], abs=1e-9)


def test_another_computation_is_noticed() -> None:
    wanted = reference_losses(DENSE)
    with pytest.raises(ValueError, match="not the same computation"):
        check_same([loss * (1 + 2e-4) for loss in wanted], wanted, 1e-4)
    with pytest.raises(ValueError, match="not the same computation"):
        check_same([float("nan")] * len(wanted), wanted, 1e-4)


def test_ratio_is_the_median_of_the_rounds() -> None:
    row = Row(DENSE, {
        "glassnet_native": Result("glassnet_native", "", [1.0, 2.0, 4.0], [2.0, 4.0, 4.0]),
        "jax_scan": Result("jax_scan", "", [2.0, 2.0, 6.0]),
        "by_hand": Result("by_hand", "", [9.0, 9.0, 1.0]),
    }, {}, [Limits(1e9, 2e9, 1e9, 1e9)])  # fmt: skip
    assert row.fastest is row.results["jax_scan"]
    assert row.ratio() == (1.5, 1.25, 1.75)
    assert row.results["glassnet_native"].kept_under_load() == 0.5


def test_shares_of_the_limit() -> None:
    limits = Limits(1e9, DENSE.operations() * 10.0, 1e9, DENSE.traffic() * 20.0)
    assert limits.share(DENSE, 0.2) == (pytest.approx(0.5), "products")


def test_a_visit_is_long_enough() -> None:
    xor = WORKLOADS["xor-1"]
    assert epochs_of_visit(xor, 1e-5, 0.4, ours=True) == 40_000
    assert epochs_of_visit(xor, 1e-3, 0.4, ours=True) == 10_000
    assert epochs_of_visit(xor, 1e-3, 0.4, ours=False) == 400  # 10,000 would take 10 s
    assert epochs_of_visit(xor, 2e-4, 0.4, ours=False) == 10_000
    assert epochs_of_visit(DENSE, 1.0, 0.4, ours=True) == 1


def test_a_visit_counts_where_the_machine_is_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = iter([90.0, 100.0, *[99.0] * (calm.LOOKS - 2), *[95.0, 50.0, 99.5, 91.0, 92.0]])
    last: list[float] = []

    class Told:
        def __init__(self, *arguments: object) -> None: ...

        def ask(self, do: str) -> dict[str, float]:
            assert do == "look"
            last[:] = [next(rates, 40.0)]
            slow = 3.0 if last[0] == 99.5 else 9.0
            return {"products": last[0], "passing": slow}

    monkeypatch.setattr(calm, "Handle", Told)
    monkeypatch.setattr(calm, "PATIENCE", 0.0)
    gauge, tally, seconds = calm.Gauge(), calm.Tally(), iter(range(100))
    gauge.calm()
    # The first visit is followed by a look that sees no calm, the second not, after which it waits.
    assert gauge.undisturbed(lambda: next(seconds), tally) == 2.0
    assert (tally.visits, tally.repeated, tally.disturbed) == (1, 2, 0)
    assert gauge.undisturbed(lambda: next(seconds), tally) == 3.0
    found = gauge.undisturbed(lambda: next(seconds), tally)
    assert (tally.visits, tally.repeated, tally.disturbed) == (3, 2 + calm.TRIES, 1)
    assert found == 3.0 + calm.TRIES
    assert last == [40.0]


def test_the_rate_of_now_is_that_of_products() -> None:
    """A look takes its time, and tells more than nothing and less than any machine has."""
    began = time.perf_counter()
    rate = limits.now(settling=0.005, span=0.01)
    assert time.perf_counter() - began >= 0.015
    assert 1e8 < rate < 1e15
    assert 1e7 < limits.passing(entries=2**12, times=4) < 1e13


def test_outputs_are_compared_as_logarithms() -> None:
    logits = np.array([1.0, 2.0, 4.0])
    shares = np.exp(logits) / np.exp(logits).sum()
    assert logarithms(logits, "logits") == pytest.approx(logarithms(shares, "probabilities"))


def test_report_is_written_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- first calls: begin -->\nold\n<!-- first calls: end -->\nafter\n")
    found = [
        Calls("glassnet_native", "", [2e-6, 3e-6, 5e-6]), Calls("by_hand", "", [1e-6, 1e-6, 2e-6])
    ]  # fmt: skip
    report.write("first calls", report.calls(found), page)
    text = page.read_text()
    assert text.startswith("before\n<!-- first calls: begin -->")
    assert text.endswith("<!-- first calls: end -->\nafter\n")
    assert "old" not in text
    assert "| glassnet |  | 3.00 | 2.00 | 1.00 |  |" in text


def test_numbers_keep_three_digits() -> None:
    seconds = (1.434e-6, 26.54e-6, 874e-6, 0.0418)
    assert [report.microseconds(s) for s in seconds] == ["1.43", "26.5", "874", "41,800"]
