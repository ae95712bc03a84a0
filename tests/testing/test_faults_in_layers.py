"""Every planted fault is caught by the check that is there for it, in words that help."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest
from faults_planted import GRADIENTS, VALUES, Fault

from glassnet.graph import OPS, Op
from glassnet.graph.recording import record
from glassnet.layers import Layer
from glassnet.testing import check_layer
from glassnet.testing.layer import LAYER_CHECKS

FAULTS = [*GRADIENTS, *VALUES]


@pytest.mark.parametrize("fault", FAULTS, ids=[f.name for f in FAULTS])
def test_is_caught(fault: Fault) -> None:
    only = ["saving"] if fault.check == "saving" else None  # left out where configuration fails
    report = check_layer(fault.make(), input_shape=fault.shape, checks=only)
    found = report[fault.check]
    assert not report.ok
    assert found.verdict == "failed", report.text()
    told = " ".join([found.sentence, *found.numbers])
    assert fault.says in told, report.text()
    assert fault.mend in found.mend, report.text()
    assert fault.check in str(report)
    with pytest.raises(AssertionError, match=fault.check):
        report.raise_if_wrong()


def test_every_check_is_seen_to_fail() -> None:
    assert {fault.check for fault in FAULTS} | {"second derivatives"} == set(LAYER_CHECKS)


@pytest.fixture
def ops_as_before():
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


@pytest.mark.usefixtures("ops_as_before")
def test_a_wrong_second_derivative_is_caught() -> None:
    @dataclass(frozen=True)
    class Twofold(Op):
        """2x, whose derivative is said to be x."""

        name = "twofold"

        def infer(self, x):
            return x.shape, x.dtype

        def value(self, xp, x):
            return 2 * x

        def vjp(self, g, y, x):
            return (g * x,)

    @dataclass(frozen=True)
    class Squared(Op):
        """x², whose derivative is 2x, by the op above."""

        name = "squared"

        def infer(self, x):
            return x.shape, x.dtype

        def value(self, xp, x):
            return x * x

        def vjp(self, g, y, x):
            return (g * record(Twofold(), x),)

    class Square(Layer):
        def call(self, inputs):
            return record(Squared(), inputs)

    report = check_layer(Square(), input_shape=(3,), checks=["gradients", "second derivatives"])
    assert report["gradients"].verdict == "passed"
    assert "second derivative is wrong" in report["second derivatives"].sentence


def test_an_exception_nobody_thought_of_is_a_finding() -> None:
    class Bad(Layer):
        def call(self, inputs):
            return inputs

        def get_config(self):
            raise RuntimeError("not today")

    report = check_layer(Bad(), input_shape=(3,))
    assert "RuntimeError: not today" in report["configuration"].sentence
    assert "raise RuntimeError" in report["configuration"].sentence
    assert "test_faults_in_layers.py" in report["configuration"].sentence


def test_what_does_not_run_is_told_once() -> None:
    class Stuck(Layer):
        def call(self, inputs):
            return inputs @ np.ones((7, 2))

    report = check_layer(Stuck(), input_shape=(3,))
    assert [r.name for r in report.failed] == ["forward"]
    assert {r.sentence for r in report.skipped} == {"the layer does not run"}
    assert "inputs @ np.ones((7, 2))" in report["forward"].sentence


def test_what_cannot_be_copied_is_said() -> None:
    class Locked(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.lock = threading.Lock()

        def call(self, inputs):
            return inputs

    report = check_layer(Locked(), input_shape=(3,))
    assert "can't be copied" in report["forward"].sentence
    assert "21 other checks wait for that" in report.text()


def test_the_page_holds_what_the_text_does() -> None:
    report = check_layer(VALUES[0].make(), input_shape=(4,))
    page = report._repr_html_()
    assert "leaves out the bias" in page
    assert "Z = X @ self.W + self.b" in page
    wrong, tried = len(report.failed), len(report.failed) + len(report.passed)
    assert wrong >= 1
    assert repr(report).endswith(f"{wrong} of {tried} checks failed>")


@pytest.mark.parametrize("width", [70, 80, 100])
@pytest.mark.parametrize("fault", FAULTS[::9], ids=[f.name for f in FAULTS[::9]])
def test_a_report_of_faults_keeps_to_the_width(fault: Fault, width: int) -> None:
    text = check_layer(fault.make(), input_shape=fault.shape).text(width)
    code = [line for line in text.splitlines() if len(line) > width]
    assert all("→" in line or line.startswith("    ") for line in code)  # code is not broken
