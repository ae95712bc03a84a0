"""ProgbarLogger: what it writes to terminals, notebooks, files, and what it costs."""

from __future__ import annotations

import contextlib
import functools
import io
import re
import subprocess
import sys
import time
import types
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.callbacks import Callback, LambdaCallback, ProgbarLogger
from glassnet.callbacks.messages import say

X = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
Y = X.sum(1, keepdims=True)


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def screen_of(written: str) -> list[str]:
    """What a terminal shows: a carriage return goes to the line's start, and text overwrites."""
    assert not re.search("[\x1b\x08]", written), "no cursor movement"
    shown = []
    for line in written.split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        shown.append("".join(cells).rstrip())
    return shown


def model() -> gn.Sequential:
    made = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
    made.compile("sgd", "mse", metrics=["mae"])
    return made


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    found = Terminal()
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    return found


def drawn(test: Any) -> Any:
    """Run the test with the fixture ``terminal`` as the standard output."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with contextlib.redirect_stdout(kwargs["terminal"]):
            test(*args, **kwargs)

    return run


LINE = (
    r"Epoch (\d)/2  (━{20}  )?5/5  \d+\.\ds  [\d.]+(us|ms|s)/step  "
    r"loss [\d.]+  mae [\d.]+  val_loss [\d.]+  val_mae [\d.]+"
)


@drawn
def test_one_line_an_epoch_on_a_terminal(terminal: Terminal) -> None:
    model().fit(X, Y, 8, epochs=2, validation_data=(X, Y))
    lines = screen_of(terminal.getvalue())
    assert [bool(re.fullmatch(LINE, line)) for line in lines] == [True, True, False], lines
    assert "━" in lines[0]
    assert lines[2] == ""
    assert "\r" in terminal.getvalue()


@drawn
def test_the_line_tells_the_logs_values(terminal: Terminal) -> None:
    run = model().fit(X, Y, 8, epochs=1, validation_data=(X, Y))
    line = screen_of(terminal.getvalue())[0]
    told = dict(re.findall(r"(\w+) (\d+\.\d{4})(?:  |$)", line))
    assert told == {name: f"{values[0]:.4f}" for name, values in run.history.items()}


def test_plain_lines_where_the_output_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    model().fit(X, Y, 8, epochs=2, validation_data=(X, Y))
    out = capsys.readouterr().out
    assert "\r" not in out
    assert "━" not in out
    lines = out.splitlines()
    assert len(lines) == 2
    assert all(re.fullmatch(LINE, line) for line in lines)


@drawn
def test_verbose_2_is_a_line_without_a_bar_and_0_is_silence(terminal: Terminal) -> None:
    made = model()
    made.fit(X, Y, 8, epochs=2, verbose=0)
    made.evaluate(X, Y, verbose=0)
    made.predict(X, verbose=0)
    assert terminal.getvalue() == ""
    made.fit(X, Y, 8, epochs=2, verbose=2, validation_data=(X, Y))
    assert "\r" not in terminal.getvalue()
    assert re.fullmatch(f"({LINE}\n){{2}}", terminal.getvalue())
    assert "━" not in terminal.getvalue()


@drawn
def test_evaluate_and_predict(terminal: Terminal) -> None:
    made = model()
    loss, mae = made.evaluate(X, Y, batch_size=8)
    made.predict(X, batch_size=8)
    first, second, _ = screen_of(terminal.getvalue())
    assert re.fullmatch(r"Evaluate  ━{20}  5/5  .*/step  loss [\d.]+  mae [\d.]+", first)
    assert f"loss {loss:.4f}  mae {mae:.4f}" in first
    assert re.fullmatch(r"Predict  ━{20}  5/5  [\d.]+s  [\d.]+(us|ms)/step", second)


@drawn
def test_an_unknown_number_of_steps(terminal: Terminal) -> None:
    model().fit((pair for pair in [(X, Y)] * 3), epochs=1)
    assert re.fullmatch(
        r"Epoch 1/1  3  \d\.\ds  [\d.]+(us|ms)/step  loss .* mae [\d.]+",
        screen_of(terminal.getvalue())[0],
    )


@pytest.mark.parametrize("columns", [24, 40, 80])
@drawn
def test_no_line_is_wider_than_the_terminal(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    model().fit(X, Y, 8, epochs=2, validation_data=(X, Y))
    lines = re.split("[\r\n]", terminal.getvalue())
    assert max(map(len, lines)) < columns
    text = " ".join(screen_of(terminal.getvalue()))
    assert all(text.count(f" {name} ") == 2 for name in ("loss", "mae", "val_loss", "val_mae"))


@drawn
def test_without_utf8_the_bar_is_ascii(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Terminal, "encoding", "ascii")
    monkeypatch.setenv("COLUMNS", "50")  # narrow, so that something is left out
    made = model()
    made.predict(X, batch_size=8)
    made.fit(X, Y, 8, validation_data=(X, Y))
    terminal.getvalue().encode("ascii")
    assert "=" * 10 in terminal.getvalue()


def test_a_notebook_is_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = types.ModuleType("ipykernel.iostream")
    OutStream = type("OutStream", (io.StringIO,), {"__module__": kernel.__name__})
    out = OutStream()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(OutStream, "encoding", "UTF-8", raising=False)
    model().fit(X, Y, 8, epochs=2)
    assert "\r" in out.getvalue()
    assert sum("Epoch" in line for line in screen_of(out.getvalue())) == 2


@drawn
def test_at_most_ten_redraws_a_second(terminal: Terminal) -> None:
    pause = LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.004))
    began = time.perf_counter()
    model().fit(X, Y, 1, callbacks=[pause])  # 40 steps
    elapsed = time.perf_counter() - began
    draws = terminal.getvalue().count("\r")
    assert 2 <= draws <= elapsed * 10 + 3  # the first, the full bar and the finished line


@drawn
def test_between_redraws_the_logs_are_left_alone(terminal: Terminal) -> None:
    class Untouchable(dict[str, Any]):
        def __iter__(self) -> Any:
            raise AssertionError("computed for nothing")

    bar = ProgbarLogger()
    bar.set_params({"verbose": 1, "epochs": 1, "steps": 10**9})
    bar.set_model(model())
    bar.on_train_begin()
    bar.on_epoch_begin(0)
    bar.on_train_batch_end(0, {"loss": 1.0})
    logs = Untouchable()
    count = 20_000
    began = time.perf_counter()
    for batch in range(1, count):
        bar._due = 1e300  # not due
        bar.on_train_batch_end(batch, logs)
    assert (time.perf_counter() - began) / count < 3e-6


@drawn
def test_messages_and_the_line_do_not_mix(terminal: Terminal) -> None:
    speak = LambdaCallback(on_train_batch_end=lambda batch, logs: say("hello") if batch == 3 else 0)
    model().fit(X, Y, 8, epochs=1, callbacks=[ProgbarLogger(), speak])
    first, second, _ = screen_of(terminal.getvalue())
    assert first == "hello"
    assert second.startswith("Epoch 1/1  ━")


@drawn
def test_an_interrupt_leaves_a_whole_line(terminal: Terminal) -> None:
    def stop(batch: int, logs: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model().fit(X, Y, 8, callbacks=[ProgbarLogger(), LambdaCallback(on_train_batch_end=stop)])
    assert re.search(r"1/5 .*\n$", terminal.getvalue())


@drawn
def test_arrays_in_the_logs(terminal: Terminal) -> None:
    class Adds(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            assert logs is not None
            logs["by_class"], logs["table"] = np.array([0.25, 1.0]), np.zeros((3, 3))
            logs["small"], logs["bad"] = 1e-7, float("nan")

    model().fit(X, Y, 8, callbacks=[Adds()])
    line = screen_of(terminal.getvalue())[0]
    assert "bad nan  by_class [0.2500 1.0000]  loss" in line
    assert line.endswith("small 1.0000e-07")


def test_importing_glassnet_imports_no_rich() -> None:
    code = "import sys, glassnet; print([m for m in sys.modules if m.split('.')[0] == 'rich'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_standard_output_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)  # as under pythonw
    model().fit(X, Y)
