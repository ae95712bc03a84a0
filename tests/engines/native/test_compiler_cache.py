"""Kernels are compiled once for a machine, and whatever the cache is up to, they work."""

import ctypes
import errno
import logging
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba", reason="the native engine needs Numba")

from glassnet.engines import choice
from glassnet.engines.native import cache, compiler, object_code

COUNT, ADD = "movement.count_up:i8", "movement.accumulate:f8"


@pytest.fixture
def emitted(monkeypatch):
    """The names of the kernels that are compiled."""
    names = []

    def emit(kernel, function, count):
        names.append(kernel)
        return true_emit(kernel, function, count)

    true_emit = object_code.emit
    monkeypatch.setattr(object_code, "emit", emit)
    return names


def anew(monkeypatch):
    """Forget what is loaded, as a new process would."""
    monkeypatch.setattr(compiler, "_addresses", {})


def counted(address, size=3):
    """Let the kernel at an address count up."""
    out = np.full(size + 1, -1, np.int64)
    words = np.array([out.ctypes.data, size], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_int64)(address)(words.ctypes.data)
    return out.tolist()


def files_of(place):
    return sorted(file.name for file in place.glob("*/*"))


@pytest.fixture
def python(place):
    """Start another Python on the same cache; none of them outlives the test."""
    started = []

    def start(code):
        command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        started.append(subprocess.Popen(command, **pipes, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(process):
    text, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    return text


# --- what is kept, and when it is compiled ------------------------------------------------------
def test_kernels_are_compiled_once(place, emitted, monkeypatch):
    assert compiler.missing([COUNT, ADD, COUNT]) == [COUNT, ADD]
    first = compiler.addresses_of([COUNT, ADD, COUNT])
    assert first[0] == first[2] == compiler.address_of(COUNT)
    assert counted(first[0]) == [0, 1, 2, -1]
    assert emitted == [COUNT, ADD]
    assert files_of(place) == ["movement.accumulate-f8.kernel", "movement.count_up-i8.kernel"]
    anew(monkeypatch)
    assert compiler.missing([COUNT, "movement.zero"]) == ["movement.zero"]
    again = compiler.addresses_of([ADD, COUNT])
    assert emitted == [COUNT, ADD]
    assert counted(again[1], 5) == [0, 1, 2, 3, 4, -1]
    a, b = np.arange(9.0), np.arange(9.0) ** 2
    words = np.array([a.ctypes.data, b.ctypes.data, 9], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_int64)(again[0])(words.ctypes.data)
    assert a.tolist() == [0, 2, 6, 12, 20, 30, 42, 56, 72]


def test_a_process_that_finds_its_kernels_imports_no_numba(place, python):
    compiler.address_of(COUNT)
    kept = python(
        f"""
        import sys
        from glassnet.engines import choice
        from glassnet.engines.native import compiler
        assert choice.native_is_there()
        assert compiler.compile_time_estimate([{COUNT!r}]) == 0
        assert compiler.missing([{COUNT!r}]) == []
        assert compiler.address_of({COUNT!r}) > 0
        print(sorted(name for name in sys.modules if name.split(".")[0] == "numba"))
        """,
    )
    assert said(kept) == "[]\n"


def test_nothing_is_imported_to_find_nothing(place, python):
    asked = python(
        f"""
        import sys
        from glassnet.engines.native import compiler
        assert compiler.missing([{COUNT!r}]) == [{COUNT!r}]
        assert compiler.compile_time_estimate([{COUNT!r}]) > 0.3
        print("llvmlite" in sys.modules)
        """,
    )
    assert said(asked) == "False\n"
    assert not place.exists()


def test_the_estimate_counts_what_is_missing(place):
    one, two = (compiler.compile_time_estimate(k) for k in ([COUNT], [COUNT, ADD]))
    assert two - one == pytest.approx(compiler.SECONDS_PER_KERNEL)
    small = compiler.compile_time_estimate([COUNT, "elementwise.add:f8:f8:f8"]) - one
    assert small == pytest.approx(compiler.SECONDS_OF_FAMILY["elementwise"])
    compiler.address_of(ADD)
    assert compiler.compile_time_estimate([ADD]) == 0
    assert compiler.compile_time_estimate([COUNT, ADD]) == compiler.SECONDS_PER_KERNEL


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: b"",
        lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:],
        lambda content: cache.packed(ADD, cache.unpacked(COUNT, content)),
        lambda content: cache.packed(COUNT, b"a whole file, yet no object code"),
    ],
    ids=["cut", "longer", "empty", "a bit", "another's", "nonsense"],
)
def test_a_damaged_file_is_compiled_anew(place, emitted, monkeypatch, damage):
    compiler.address_of(COUNT)
    (file,) = place.glob("*/*.kernel")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    anew(monkeypatch)
    assert counted(compiler.address_of(COUNT)) == [0, 1, 2, -1]
    assert emitted == [COUNT, COUNT]
    assert file.read_bytes() == whole
    assert files_of(place) == [file.name]


# --- where nothing can be kept ------------------------------------------------------------------
def test_a_folder_that_cannot_be_made(place, emitted, caplog):
    place.write_text("a file where the folder would be")
    with caplog.at_level(logging.INFO, "glassnet"):
        assert counted(compiler.address_of(COUNT)) == [0, 1, 2, -1]
        compiler.address_of(ADD)
    assert emitted == [COUNT, ADD]
    assert sum("in memory" in record.message for record in caplog.records) == 1


def test_a_full_disk_is_tried_once(place, emitted, monkeypatch):
    tried = []

    def full(file):
        tried.append(file)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert counted(compiler.addresses_of([ADD, COUNT])[1]) == [0, 1, 2, -1]
    compiler.address_of("movement.zero")
    assert len(tried) == 1
    assert files_of(place) == []


def test_a_user_without_a_home_keeps_nothing(monkeypatch):
    monkeypatch.delenv("GLASSNET_CACHE", raising=False)
    monkeypatch.delenv("GLASSNET_CACHE_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: f"~/.cache/{name}")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert cache.root() is None


def test_the_place_is_chosen_by_a_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("GLASSNET_CACHE", str(tmp_path / "all"))
    monkeypatch.delenv("GLASSNET_CACHE_DIR", raising=False)
    assert cache.root() == tmp_path / "all" / "kernels"
    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path / "mine"))
    assert cache.root() == tmp_path / "mine" / "kernels"


# --- what a file fits ---------------------------------------------------------------------------
@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The sources of the engine, copied to where they can be edited."""
    copy = tmp_path / "native"
    shutil.copytree(Path(cache.__file__).parent, copy, ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr(cache, "_HERE", copy)
    monkeypatch.setattr(cache, "_at_import", cache._states())
    forget_sources()
    yield copy
    forget_sources()


def forget_sources():
    for known in (cache.sources, cache._content, cache.code_key):
        known.cache_clear()


def edit(file):
    file.write_text(file.read_text("utf-8") + "\n# edited\n", "utf-8")
    forget_sources()


def test_an_edited_source_changes_the_keys_of_what_is_made_from_it(copied):
    families = ("movement", "softmax", "philox")

    def keys():
        return [cache.code_key(family) for family in families]

    def changed(file):
        before = keys()
        edit(copied / file)
        return [a != b for a, b in zip(before, keys(), strict=True)]

    assert len(set(keys())) == 3
    assert changed("kernels/philox.py") == [False, False, True]
    assert changed("kernels/folding.py") == [True, True, False]
    assert changed("kernels/primitives.py") == [True, True, True]
    assert changed("object_code.py") == [True, True, True]
    assert changed("planning.py") == [False, False, False]


def test_kernels_import_nothing_of_glassnet_but_kernels():
    # The key of a family covers these alone.
    folder = Path(cache.__file__).parent / "kernels"
    for file in folder.glob("*.py"):
        lines = [line for line in file.read_text("utf-8").splitlines() if "import" in line]
        found = [line for line in lines if line.lstrip().startswith(("from glass", "import glass"))]
        assert all(line.startswith("from glassnet.engines.native.kernels") for line in found), file


def test_what_was_edited_since_the_process_began_is_not_kept(place, emitted, copied):
    compiler.address_of(COUNT)
    edit(copied / "kernels" / "folding.py")
    compiler.address_of(ADD)
    assert emitted == [COUNT, ADD]
    assert files_of(place) == ["movement.count_up-i8.kernel"]


def test_folders_that_nobody_uses_are_removed(place):
    old, young, foreign = (
        place / name for name in (f"a-{'0' * 20}-{'1' * 20}", f"b-{'0' * 20}-{'1' * 20}", "notes")
    )
    for folder in (old, young, foreign):
        folder.mkdir(parents=True)
        (folder / "x.kernel").write_bytes(b"x")
    then = time.time() - 86400 * (cache.UNUSED_DAYS + 1)
    os.utime(old, (then, then))
    os.utime(foreign, (then, then))
    compiler.address_of(COUNT)
    assert [folder.exists() for folder in (old, young, foreign)] == [False, True, True]


def test_a_folder_in_use_is_not_taken_for_an_old_one(place, monkeypatch):
    compiler.address_of(COUNT)
    (file,) = place.glob("*/*.kernel")
    os.utime(file.parent, (0, 0))
    anew(monkeypatch)
    compiler.address_of(COUNT)
    assert time.time() - file.parent.stat().st_mtime < 60


# --- several at once ----------------------------------------------------------------------------
SLOWLY = """
import sys, time
from glassnet.engines.native import compiler, object_code

def emit(kernel, function, count):
    print("emit", kernel, flush=True)
    time.sleep({seconds})
    return true_emit(kernel, function, count)

true_emit, object_code.emit = object_code.emit, emit
"""


def test_two_processes_compile_a_kernel_once(place, python):
    code = SLOWLY.format(seconds=0.3) + textwrap.dedent(
        f"""
        print("ready", flush=True)
        sys.stdin.readline()
        print(min(compiler.addresses_of([{COUNT!r}, {ADD!r}])) > 0)
        """
    )
    both = [python(code) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = sorted("".join(map(said, both)).splitlines())
    assert lines == ["True", "True", f"emit {ADD}", f"emit {COUNT}"]


def test_a_process_that_is_killed_leaves_no_lock(place, emitted, python):
    code = SLOWLY.format(seconds=600) + f"compiler.address_of({COUNT!r})"
    killed = python(code)
    assert killed.stdout.readline() == f"emit {COUNT}\n"
    file = os.open(place / "lock", os.O_RDWR)
    with pytest.raises(BlockingIOError if os.name == "posix" else OSError):
        cache._lock_at_once(file)
    os.close(file)
    killed.kill()
    killed.wait()
    started = time.monotonic()
    assert counted(compiler.address_of(COUNT)) == [0, 1, 2, -1]
    assert time.monotonic() - started < 30
    assert emitted == [COUNT]


def test_a_process_does_not_wait_for_ever(place, emitted, monkeypatch):
    monkeypatch.setattr(cache, "PATIENCE", 0.1)
    store = cache.store(object_code.machine())
    with store.held():
        assert counted(compiler.address_of(COUNT)) == [0, 1, 2, -1]
    assert emitted == [COUNT]


def test_threads_compile_a_kernel_once(place, emitted):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(compiler.address_of(COUNT))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 8
    assert len(set(found)) == 1
    assert emitted == [COUNT]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_while_another_thread_compiles(place, python):
    code = SLOWLY.format(seconds=0.5) + textwrap.dedent(
        f"""
        import os, signal, threading, warnings
        warnings.simplefilter("ignore")  # of threads and forks
        before = compiler.address_of("movement.zero")
        thread = threading.Thread(target=compiler.address_of, args=({COUNT!r},))
        thread.start()
        time.sleep(0.1)
        child = os.fork()
        if not child:
            signal.alarm(60)
            assert compiler.address_of("movement.zero") == before
            compiler.addresses_of([{COUNT!r}, {ADD!r}])
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        thread.join()
        assert compiler.missing([{COUNT!r}, {ADD!r}]) == []
        assert compiler.address_of({ADD!r}) > 0
        """
    )
    # The child finds what the thread compiled and compiles one itself; the parent reads that.
    lines = said(python(code)).splitlines()
    assert sorted(lines) == [f"emit {ADD}", f"emit {COUNT}", "emit movement.zero"]


def test_a_spawned_process_loads_what_is_kept(place):
    compiler.address_of(COUNT)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_spawned, (COUNT,)) == [0, 1, 2, -1]


def _spawned(kernel):
    def never(*arguments):
        raise AssertionError("compiled again")

    object_code.emit = never
    return counted(compiler.address_of(kernel))


# --- trouble ------------------------------------------------------------------------------------
def test_an_interrupt_waits_until_the_kernel_is_whole(place, emitted, monkeypatch):
    compile_first = object_code.emit

    def interrupted(kernel, function, count):
        signal.raise_signal(signal.SIGINT)
        return compile_first(kernel, function, count)

    monkeypatch.setattr(object_code, "emit", interrupted)
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            compiler.addresses_of([COUNT, ADD])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, usual)
    assert emitted == [COUNT]
    assert files_of(place) == ["movement.count_up-i8.kernel"]
    monkeypatch.setattr(object_code, "emit", compile_first)
    assert counted(compiler.addresses_of([COUNT, ADD])[0]) == [0, 1, 2, -1]
    assert emitted == [COUNT, ADD]


def test_a_kernel_that_calls_what_it_must_not(place, monkeypatch):
    from numba import types

    stop = types.ExternalFunction("abort", types.void())

    def kernel(p):
        if p:
            stop()

    monkeypatch.setattr(compiler, "python_function", lambda name: (kernel, 1))
    with pytest.raises(
        RuntimeError, match=r"'movement\.stop' does not stand by itself: it calls abort\."
    ):
        compiler.address_of("movement.stop")
    assert files_of(place) == []


def test_a_kernel_that_makes_an_array_is_named(place, monkeypatch):
    from numba.core.errors import NumbaError

    def kernel(p):
        np.zeros(p)[0] = 1

    monkeypatch.setattr(compiler, "python_function", lambda name: (kernel, 1))
    with pytest.raises(NumbaError) as caught:
        compiler.address_of("movement.made")
    assert "movement.made" in caught.value.__notes__[0]


def test_functions_of_the_c_library_are_found(place, monkeypatch):
    import math

    from glassnet.engines.native.kernels.primitives import view

    def kernel(p):
        numbers = view(p, 2, np.float64)
        numbers[1] = math.erf(numbers[0])

    monkeypatch.setattr(compiler, "python_function", lambda name: (kernel, 1))
    numbers = np.array([0.7, 0.0])
    call = ctypes.CFUNCTYPE(None, ctypes.c_int64)
    call(compiler.address_of("movement.erf"))(numbers.ctypes.data)
    assert numbers[1] == math.erf(0.7)
    anew(monkeypatch)
    numbers[1] = 0
    call(compiler.address_of("movement.erf"))(numbers.ctypes.data)
    assert numbers[1] == math.erf(0.7)


def test_without_numba_one_sentence_says_what_to_do(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r'Numba, which is not .*pip install "glassnet\[fast\]"'):
        compiler.address_of(COUNT)
    choice._found.clear()
    assert not choice.native_is_there()
    assert compiler.missing([COUNT]) == [COUNT]
    monkeypatch.undo()
    choice._found.clear()
    assert choice.native_is_there()
