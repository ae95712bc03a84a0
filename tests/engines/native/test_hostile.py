"""The engine where the world is against it: caches, forks, threads, exits, missing libraries."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from at_once import in_threads

pytest.importorskip("numba", reason="the native engine needs Numba")

import glassnet as gn
from glassnet import layers
from glassnet.engines import choice
from glassnet.engines.native import blas, crew, planning

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 5)).astype("float32")
Y = RNG.normal(size=(64, 1)).astype("float32")

SMALL = """
import numpy as np, glassnet as gn
gn.utils.set_random_seed(1)
X = np.linspace(-1, 1, 32, dtype="float32").reshape(16, 2)
model = gn.Sequential([gn.Input((2,)), gn.layers.Dense(1)])
model.compile("sgd", "mse", engine="native")
def train(epochs=3):
    return model.fit(X, X[:, :1], batch_size=8, epochs=epochs, verbose=0).history["loss"]
"""
"""A network of few kernels, so that compiling them takes no time to speak of."""


def started(code: str, head: str = SMALL, **variables: str | None) -> subprocess.Popen[str]:
    """Start another Python in which every warning is an error; None removes a variable."""
    environment = {k: v for k, v in os.environ.items() if variables.get(k, "") is not None}
    environment |= {k: v for k, v in variables.items() if v is not None}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-c", head + textwrap.dedent(code)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def ended(process: subprocess.Popen[str], noise: str = "") -> str:
    """Return what a process said on its way to a quiet, quick end."""
    try:
        out, error = process.communicate(timeout=100)
    finally:
        process.kill()
    assert error == noise
    assert process.returncode == 0
    return out.strip()


def network(engine: str = "native") -> gn.Sequential:
    gn.utils.set_random_seed(1)
    model = gn.Sequential(
        [gn.Input((5,)), layers.Dense(16, activation="tanh"), layers.Dropout(0.1), layers.Dense(1)]
    )
    model.compile("adam", "mse", engine=engine)
    return model


def state(model: gn.Model) -> list[bytes]:
    return [v.value.tobytes() for v in (*model.weights, *model.optimizer.variables)]


@pytest.fixture
def crews(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is divided among threads, however small."""
    monkeypatch.setattr(planning, "WORTH_OPERATIONS", 1)
    monkeypatch.setattr(crew, "cores", lambda: 3)


# --- caches -----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A cache that two processes filled at once, and what they said."""
    place = tmp_path_factory.mktemp("cache")
    code = """
    from glassnet.engines.native import compiler, object_code
    compiler._others_for = lambda seconds: 0  # all that is compiled is counted
    made, true = [], object_code.emit
    def emit(*given):
        made.append(given[0])
        return true(*given)
    object_code.emit = emit
    print(train(), "/", len(made))
    """
    both = [started(code, GLASSNET_CACHE_DIR=str(place)) for _ in range(2)]
    return place, [*map(ended, both), ended(started(code, GLASSNET_CACHE_DIR=str(place)))]


def test_two_processes_compile_at_once(compiled: tuple[Path, list[str]]) -> None:
    place, told = compiled
    losses, counts = zip(*(said.split("/") for said in told), strict=True)
    assert len(set(losses)) == 1
    first, second, third = map(int, counts)
    assert first + second == len(list(place.rglob("*.kernel"))) > 0  # by one of them each
    assert third == 0
    assert not list(place.rglob("*.tmp"))


def test_no_place_for_a_cache(tmp_path: Path) -> None:
    """A prediction alone: few kernels, and each is compiled in memory."""
    code = "print(model.predict(X[:4], verbose=0).tolist())"
    file = tmp_path / "file"
    file.write_text("in the way")
    here: dict[str, str | None] = {
        "HOME": None,
        "GLASSNET_CACHE_DIR": None,
        "GLASSNET_CACHE": None,
        "XDG_CACHE_HOME": str(file),
    }
    assert ended(started(code, **here)) == ended(started(code))
    assert file.read_text() == "in the way"


READ_ONLY = """
import errno, os, sys
folder = os.environ["GLASSNET_CACHE_DIR"]
def look(event, given):
    # As a file system does that is mounted for reading, which root can't write to either.
    writes = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
    if writes or event in ("os.mkdir", "os.rename", "os.remove", "os.utime"):
        if str(given[0]).startswith(folder):
            tried.append(event)
            raise OSError(errno.EROFS, "Read-only file system")
tried = []
sys.addaudithook(look)
"""


def test_a_cache_that_is_read_only(tmp_path: Path, compiled: tuple[Path, list[str]]) -> None:
    shutil.copytree(compiled[0], tmp_path / "cache")
    files = sorted(tmp_path.rglob("*.kernel"))
    files[0].write_bytes(b"damaged")
    files[1].unlink()
    before = {f: f.read_bytes() for f in tmp_path.rglob("*.kernel")}
    code = "losses = train()\nprint(bool(tried), '/', losses)"
    said = ended(started(code, READ_ONLY + SMALL, GLASSNET_CACHE_DIR=str(tmp_path / "cache")))
    assert said == f"True / {compiled[1][0].split(' /')[0]}"
    assert {f: f.read_bytes() for f in tmp_path.rglob("*.kernel")} == before


def test_a_short_run_compiles_nothing(tmp_path: Path) -> None:
    """Counted, not timed: with a cold cache `auto` leaves a short run to NumPy."""
    short = """
    import sys
    model.engine = "auto"
    train(3), model.predict(X, verbose=0), model.evaluate(X, X[:, :1], verbose=0)
    assert not any(name.split(".")[0] in ("numba", "llvmlite", "scipy") for name in sys.modules)
    """
    ended(started(short, GLASSNET_CACHE_DIR=str(tmp_path)))
    assert list(tmp_path.iterdir()) == []
    long = """
    from glassnet.engines.native import compiler
    class Goes(Exception):
        pass
    def addresses_of(kernels):
        raise Goes
    compiler.addresses_of = addresses_of
    model.engine = "auto"
    try:
        train(10**6)
    except Goes:
        print("native")
    """
    assert ended(started(long, GLASSNET_CACHE_DIR=str(tmp_path))) == "native"


# --- what is missing --------------------------------------------------------------------------
WITHOUT = """
import importlib.util, sys
sys.modules["numba"] = None
"""


def test_without_numba(tmp_path: Path) -> None:
    code = """
    try:
        train()
    except ImportError as error:
        print(error)
    for engine in ("auto", "numpy", None):
        model.engine = engine
        assert len(train(300)) == 300
    """
    said = ended(started(code, WITHOUT + SMALL, GLASSNET_CACHE_DIR=str(tmp_path)))
    assert said.count("\n") == 0
    assert 'pip install "glassnet[fast]"' in said
    assert "Numba" in said


BROKEN = """
import sys
sys.path.insert(0, {folder!r})
"""


def test_a_numba_that_cannot_be_imported(tmp_path: Path) -> None:
    """As when it is there for another NumPy: `auto` goes on without, `native` says so."""
    package = tmp_path / "broken" / "numba"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('Numba needs NumPy 1.0 or less')\n")
    code = """
    import warnings
    from glassnet.engines import choice
    from glassnet.engines.native import compiler
    try:
        train()
    except ImportError as error:
        print(error, error.__cause__)
    choice.PLANNING_SECONDS = choice.COLD_SECONDS = 0.0  # any run is worth it
    compiler.SECONDS_TO_START = compiler.SECONDS_PER_KERNEL = 0.0
    compiler.SECONDS_OF_FAMILY.clear()
    model.engine = "auto"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        print(len(train(3)), model.predict(X, verbose=0).shape)
        print(len(train(3)), model.evaluate(X, X[:, :1], verbose=0) > 0)
    print(len(told), *(str(w.message) for w in told))
    """
    head = BROKEN.format(folder=str(package.parent)) + SMALL
    said = ended(started(code, head, GLASSNET_CACHE_DIR=str(tmp_path / "cache"))).splitlines()
    assert "Numba needs NumPy 1.0 or less" in said[0]
    assert said[1:3] == ["3 (16, 1)", "3 True"]
    assert said[3].startswith("1 Models run with NumPy")
    assert "Numba needs NumPy 1.0 or less" in said[3]


def test_names_of_engines() -> None:
    model = network()
    for call in (
        lambda: gn.config.set_engine("fast"),
        lambda: model.compile("sgd", "mse", engine="jit"),
    ):
        with pytest.raises(ValueError, match="'auto', 'numpy', 'native'"):
            call()
    code = """
    try:
        model.engine = None
        train()
    except ValueError as error:
        print(error)
    """
    said = ended(started(code, GLASSNET_ENGINE="nonsense"))
    assert "GLASSNET_ENGINE" in said
    assert "nonsense" in said
    assert "'auto', 'numpy', 'native'" in said


def test_importing_glassnet_imports_nothing_large() -> None:
    code = """
    import sys, glassnet
    print([name for name in ("numba", "scipy", "llvmlite") if name in sys.modules])
    """
    assert ended(started(code, "")) == "[]"


# --- processes --------------------------------------------------------------------------------
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX forks")


def in_child(work: Callable[[], object]) -> bytes:
    """Fork; return what the child's work gives, as text; give it no time to hang."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writer, repr(work()).encode())
        except BaseException as error:
            os.write(writer, f"failed: {error!r}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    killer = threading.Timer(60, os.kill, (child, 9))
    killer.start()
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    killer.cancel()
    return said


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("threads", [1, 3])
def test_a_forked_child_goes_on(threads: int, request: pytest.FixtureRequest) -> None:
    if threads > 1:
        request.getfixturevalue("crews")
    model = network()
    model.fit(X, Y, batch_size=32, epochs=3, verbose=0)
    model.predict(X, verbose=0)
    if threads > 1:
        assert any(t.name == "glassnet helper" for t in threading.enumerate())

    def more() -> list[bytes]:
        model.fit(X, Y, batch_size=32, epochs=3, verbose=0)
        return [*state(model), model.predict(X, verbose=0).tobytes()]

    said = in_child(more)
    again = in_child(lambda: (more(), threading.active_count() > 1)[0])
    assert said == again == repr(more()).encode()


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forks_while_other_threads_are_at_it(crews: None) -> None:
    model, other = network(), network()
    model.fit(X, Y, batch_size=32, epochs=2, verbose=0)
    done = threading.Event()

    def predict() -> None:
        size = 0
        while not done.is_set():
            size = size % 60 + 1  # plans are made all the time
            other.predict(X[:size], verbose=0)

    def train() -> None:
        while not done.is_set():
            other.fit(X, Y, batch_size=32, epochs=20, verbose=0)

    threads = [threading.Thread(target=work) for work in (predict, predict, train)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            time.sleep(0.02)

            def more() -> tuple[Any, ...]:
                model.fit(X, Y, batch_size=32, epochs=2, verbose=0)
                answers = [other.predict(X[:n], verbose=0).shape for n in (3, 32, 64)]
                other.fit(X, Y, batch_size=32, epochs=2, verbose=0)
                switch = blas.threads()
                pinned = blas.single_threaded()
                return answers, pinned._users, switch is not None  # type: ignore[attr-defined]

            assert in_child(more) == repr(([(3, 1), (32, 1), (64, 1)], 0, True)).encode()
    finally:
        done.set()
        for thread in threads:
            thread.join()


def trained_elsewhere(model: gn.Sequential) -> tuple[list[float], bytes]:
    """What a spawned process does with a model that it is sent."""
    before = model.predict(X, verbose=0)
    model.compile("adam", "mse", engine="native")
    history = model.fit(X, Y, batch_size=32, epochs=3, verbose=0)
    return history.history["loss"], before.tobytes()


def test_a_spawned_process_gets_a_trained_model() -> None:
    model = network()
    model.fit(X, Y, batch_size=32, epochs=3, verbose=0)
    expected = model.predict(X, verbose=0).tobytes()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        losses, before = pool.apply_async(trained_elsewhere, (model,)).get(timeout=100)
    assert before == expected
    assert len(losses) == 3


def test_an_exit_while_helpers_sleep_is_quiet() -> None:
    code = """
    import sys, threading
    from glassnet.engines.native import crew, planning
    planning.WORTH_OPERATIONS = 1
    crew.cores = lambda: 4
    X = np.ones((64, 2), "float32")
    train(2)
    print(sum(t.name == "glassnet helper" for t in threading.enumerate()) > 0)
    {end}
    """
    for end in ("", "sys.exit(0)", "threading.Thread(target=train, args=(50,)).start()"):
        assert ended(started(code.format(end=end))) == "True"


def test_an_exit_while_a_daemon_thread_trains_is_quiet() -> None:
    code = """
    import threading, time
    train(2)
    thread = threading.Thread(target=train, args=(10**8,), daemon=True)
    thread.start()
    time.sleep(0.2)
    assert thread.is_alive()
    """
    ended(started(code))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_keyboard_interrupt_ends_a_script() -> None:
    import signal

    # A job in the background of a shell is born deaf to Ctrl-C, and so would its children be.
    hearing = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    process = started(hearing + "print('on', flush=True)\ntrain(10**8)")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        time.sleep(0.4)
        process.send_signal(signal.SIGINT)
        begun = time.perf_counter()
        _, error = process.communicate(timeout=60)
        assert time.perf_counter() - begun < 20
    finally:
        process.kill()
    assert error.rstrip().endswith("KeyboardInterrupt")
    assert "Exception ignored" not in error
    assert process.returncode in (-signal.SIGINT, 1, 130)


# --- threads ----------------------------------------------------------------------------------
@pytest.mark.parametrize("sizes", [[64] * 8, [1, 3, 7, 16, 32, 33, 64, 1]])
@pytest.mark.parametrize("threads", [1, 3])
def test_threads_predict_together(
    sizes: list[int], threads: int, request: pytest.FixtureRequest
) -> None:
    if threads > 1:
        request.getfixturevalue("crews")
    model, alone = network(), network()
    expected = {n: alone.predict(X[:n], batch_size=64, verbose=0) for n in set(sizes)}

    def predict(size: int) -> None:
        for _ in range(60):
            found = model.predict(X[:size], batch_size=64, verbose=0)
            np.testing.assert_array_equal(found, expected[size])

    in_threads(*(lambda n=n: predict(n) for n in sizes))


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_predict_while_another_trains(threads: int, request: pytest.FixtureRequest) -> None:
    """Each prediction is that of the weights at the end of some epoch."""
    if threads > 1:
        request.getfixturevalue("crews")
    model, alone = network(), network()
    model.progress.seed = alone.progress.seed = 7
    epochs, whole = 60, set[bytes]()
    whole.add(alone.predict(X, batch_size=64, verbose=0).tobytes())
    note = gn.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: whole.add(
            alone.predict(X, batch_size=64, verbose=0).tobytes()
        )
    )
    alone.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=[note])
    seen: set[bytes] = set()
    done = threading.Event()

    def train() -> None:
        try:
            again = gn.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: time.sleep(0.002))
            model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=[again])
        finally:
            done.set()

    def predict(size: int) -> None:
        while not done.is_set():
            found = model.predict(X, batch_size=64, verbose=0).tobytes()
            seen.add(found)
            model.predict(X[:size], verbose=0)

    in_threads(train, *(lambda n=n: predict(n) for n in range(1, 9)))
    assert state(model) == state(alone)
    assert len(seen) > 3
    assert seen <= whole


def test_threads_train_and_evaluate_one_model() -> None:
    """Nothing sensible comes of two that train one model; nothing may break either."""
    model = network()
    model.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    expected = model.evaluate(X, Y, verbose=0)
    works: list[Callable[[], object]] = [
        lambda: model.evaluate(X, Y, batch_size=8, verbose=0) for _ in range(3)
    ]
    for _ in range(5):
        in_threads(*works)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected)
    in_threads(*[lambda: model.fit(X, Y, batch_size=8, epochs=40, verbose=0)] * 3)
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert np.isfinite(model.get_weights()[0]).all()


def test_an_evaluation_does_not_undo_what_another_thread_trains() -> None:
    model, alone = network(), network()
    model.progress.seed = alone.progress.seed = 7
    alone.fit(X, Y, batch_size=8, epochs=150, verbose=0)
    done = threading.Event()

    def train() -> None:
        try:
            watch = gn.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: time.sleep(0.001))
            model.fit(X, Y, batch_size=8, epochs=150, verbose=0, callbacks=[watch])
        finally:
            done.set()

    def evaluate() -> None:
        while not done.is_set():
            model.evaluate(X, Y, batch_size=8, verbose=0)

    in_threads(train, evaluate)
    assert state(model) == state(alone)


def test_the_system_gives_no_more_threads(crews: None, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = network()
    alone.fit(X, Y, batch_size=64, epochs=3, verbose=0)

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(crew, "_idle", [])
    monkeypatch.setattr(threading.Thread, "start", start)
    model = network()
    model.fit(X, Y, batch_size=64, epochs=3, verbose=0)
    assert state(model) == state(alone)


def test_blas_is_as_it_was(crews: None) -> None:
    switch = blas.threads()
    if switch is None:
        pytest.skip("no switch for the threads of this BLAS is known")
    before = switch.get()
    model = network()
    in_threads(*[lambda: model.predict(X, verbose=0)] * 8)
    with pytest.raises(ZeroDivisionError), blas.single_threaded():
        raise ZeroDivisionError
    assert switch.get() == before


def test_the_choice_is_by_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choice.wants_native("native")
    assert not choice.wants_native("numpy")
    monkeypatch.setattr(choice, "_found", [False])
    assert not choice.wants_native("auto")
    with pytest.raises(ImportError, match=r"pip install .glassnet\[fast\]"):
        choice.wants_native("native")
