"""Kernels compiled by several processes: all arrive, whatever becomes of the others."""

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba", reason="the native engine needs Numba")

from glassnet.engines.native import cache, compiler, object_code, sharing

COUNT, ADD, ZERO = "movement.count_up:i8", "movement.accumulate:f8", "movement.zero"
MANY = [f"movement.{what}:{code}" for what in ("count_up", "accumulate") for code in ("f4", "f8")]


@pytest.fixture
def started(monkeypatch):
    """The processes that are started; one for whatever is to be compiled."""
    processes = []

    def start():
        processes.append(true_start())
        return processes[-1]

    true_start = sharing._started
    monkeypatch.setattr(sharing, "_started", start)
    monkeypatch.setattr(compiler, "_others_for", lambda seconds: 1)
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def own(monkeypatch, before):
    """The kernels that this process compiles; ``before`` is called for each."""
    names = []

    def emit(kernel, function, count):
        names.append(kernel)
        before(kernel)
        return true_emit(kernel, function, count)

    true_emit = object_code.emit
    monkeypatch.setattr(object_code, "emit", emit)
    return names


def counted(kernel, dtype, size=3):
    out = np.full(size + 1, -1, dtype)
    words = np.array([out.ctypes.data, size], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_int64)(compiler.address_of(kernel))(words.ctypes.data)
    return out.tolist()


def files_of(place):
    return sorted(file.name for file in place.glob("*/*.kernel"))


def ended(processes):
    return [process.poll() is not None for process in processes]


def test_another_process_takes_its_share(place, started, monkeypatch, capfd):
    def wait_for_the_other(kernel):
        # The one that this process began with lasts until the other has made the rest.
        (_, thread), *_ = work[0]._others
        thread.join(60)

    work = []
    true_work = sharing.Work
    monkeypatch.setattr(sharing, "Work", lambda kernels: work.append(true_work(kernels)) or work[0])
    mine = own(monkeypatch, wait_for_the_other)
    compiler.addresses_of(MANY)
    assert len(mine) == 1
    assert ended(started) == [True]
    assert counted("movement.count_up:f4", np.float32) == [0, 1, 2, -1]
    assert counted("movement.count_up:f8", np.float64) == [0, 1, 2, -1]
    assert len(files_of(place)) == len(MANY)
    monkeypatch.setattr(compiler, "_addresses", {})
    assert compiler.missing(MANY) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="the script is one of a POSIX shell")
@pytest.mark.parametrize(
    "does", ["exit 3", "echo nonsense", "head -c 5", "printf '\\1\\0\\0\\0\\0\\0\\0\\0'"]
)
def test_a_process_that_is_of_no_use(place, started, monkeypatch, tmp_path, does):
    script = tmp_path / "python-broken"
    script.write_text(f"#!/bin/sh\n{does}\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    mine = own(monkeypatch, lambda kernel: None)
    compiler.addresses_of([COUNT, ADD])
    assert sorted(mine) == [ADD, COUNT]
    assert counted(COUNT, np.int64) == [0, 1, 2, -1]
    assert ended(started) == [True]


def test_a_process_that_cannot_be_started(place, monkeypatch):
    monkeypatch.setattr(compiler, "_others_for", lambda seconds: 2)
    monkeypatch.setattr(sys, "executable", "no such python")
    mine = own(monkeypatch, lambda kernel: None)
    compiler.addresses_of([COUNT, ADD])
    assert sorted(mine) == [ADD, COUNT]


def test_a_process_that_does_not_answer(place, started, monkeypatch):
    program = "import time; time.sleep(1000)"
    monkeypatch.setattr(sharing, "_PROGRAM", program)
    monkeypatch.setattr(sharing, "PATIENCE", 0.1)
    mine = own(monkeypatch, lambda kernel: None)
    compiler.addresses_of([COUNT, ADD])
    assert sorted(mine) == [ADD, COUNT]
    assert ended(started) == [True]


def test_an_interrupt_leaves_no_process(place, started, monkeypatch):
    def interrupt(kernel):
        signal.raise_signal(signal.SIGINT)

    mine = own(monkeypatch, interrupt)
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            compiler.addresses_of(MANY)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert len(mine) == 1
    assert ended(started) == [True]
    assert compiler.missing(mine) == []  # what was begun is whole, and kept
    assert 0 < len(files_of(place)) < len(MANY)


def test_it_ends_with_whoever_asks():
    process = sharing._started()
    process.stdin.close()
    try:
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.skipif(os.name != "posix", reason="signals are sent to a process")
def test_it_hears_no_interrupt_and_answers_no_other_version(monkeypatch):
    process = sharing._started()
    try:
        assert sharing._answer(process, ZERO)
        process.send_signal(signal.SIGINT)
        assert sharing._answer(process, ZERO)
        monkeypatch.setattr(sharing, "_key", lambda kernel: "another")
        assert sharing._answer(process, ZERO) == b""
    finally:
        process.kill()
        process.communicate()


def test_who_prints_does_not_answer(monkeypatch):
    *lines, last = sharing._PROGRAM.splitlines(keepends=True)
    inside = "import builtins\nbuiltins.print('noise', flush=True)\n"
    monkeypatch.setattr(sharing, "_PROGRAM", "".join([*lines, inside, last]))
    process = sharing._started()
    try:
        assert sharing._answer(process, ZERO) == b""  # what came first is no length
    finally:
        process.kill()
        process.communicate()


def test_without_a_place_for_files_nobody_is_asked(monkeypatch):
    asked = []
    true_shared = sharing.shared

    def shared(kernels, processes):
        asked.append(processes)
        return true_shared(kernels, processes)

    monkeypatch.setattr(compiler, "_addresses", {})
    monkeypatch.setattr(compiler, "_others_for", lambda seconds: 1)
    monkeypatch.setattr(sharing, "shared", shared)
    monkeypatch.setattr(cache, "root", lambda: None)
    compiler.address_of(COUNT)
    assert asked == [0]


@pytest.mark.parametrize(
    ("executable", "can"),
    [
        ("/usr/bin/python3.13", True),
        ("C:\\Python\\python.exe", True),
        ("/opt/pypy/bin/pypy3", True),
        ("/usr/bin/blender", False),
        ("", False),
        (None, False),
    ],
)
def test_only_a_python_is_started(monkeypatch, executable, can):
    if executable and "\\" in executable and os.name == "posix":
        executable = executable.rpartition("\\")[2]
    monkeypatch.setattr(sys, "executable", executable)
    assert sharing.can_share() == can


def test_a_few_kernels_are_compiled_alone(monkeypatch):
    few = compiler.SECONDS_WORTH_SHARING * 0.9
    monkeypatch.setattr("glassnet.engines.native.crew.cores", lambda: 4)
    assert compiler._others_for(few) == 0
    assert compiler._others_for(compiler.SECONDS_WORTH_SHARING * 1.1) == 1
    assert compiler._others_for(100.0) == sharing.MOST
    monkeypatch.setattr("glassnet.engines.native.crew.cores", lambda: 1)
    assert compiler._others_for(100.0) == 0


def test_a_parent_that_is_killed_leaves_no_process(place):
    code = """
    import sys, time
    from glassnet.engines.native import compiler, object_code, sharing
    compiler._others_for = lambda seconds: 1
    true_start = sharing._started
    def start():
        process = true_start()
        print(process.pid, flush=True)
        return process
    sharing._started = start
    object_code.emit = lambda *given: time.sleep(600)
    compiler.addresses_of(["movement.count_up:i8", "movement.zero"])
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        other = int(parent.stdout.readline())
        parent.kill()
    assert gone(other)


def gone(pid, patience=60.0):
    """Wait until a process that is nobody's child here has ended."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with suppress(OSError):  # where nobody collects what has ended, it stays as a zombie
            state = Path(f"/proc/{pid}/stat").read_text("utf-8")
            if state.rpartition(")")[2].split()[0] == "Z":
                return True
        time.sleep(0.05)
    return False
