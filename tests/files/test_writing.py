"""Writing whole or not at all: killed, on a full disk, beside readers, without permission."""

from __future__ import annotations

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet.storage import read_tensors, write_tensors

OLD = {"w": np.zeros(1000, np.float32)}
NEW = {"w": np.ones(2000, np.float32), "b": np.ones(3)}

CALLS = ["open", "write", "fsync", "replace", "stat", "fchmod"]
"""What writing asks of the system; `listdir` may fail without harm."""


class Failing:
    """A function of the system that fails at its n-th call, after writing half where it writes."""

    def __init__(self, real: Callable[..., Any], at: int, code: int) -> None:
        self.real, self.at, self.code, self.count = real, at, code, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        if self.count == self.at + 1:
            if self.real is os.write:
                self.real(args[0], args[1][: len(args[1]) // 2])
            raise OSError(self.code, os.strerror(self.code))
        return self.real(*args, **kwargs)


def fails(monkeypatch: pytest.MonkeyPatch, path: Path, name: str, at: int, code: int) -> bool:
    """Write with the n-th call of a function failing; tell whether there was such a call."""
    with monkeypatch.context() as patched:
        failing = Failing(getattr(os, name), at, code)
        patched.setattr(os, name, failing)
        try:
            write_tensors(path, NEW)
        except OSError as error:
            caught = error
        else:
            return False
    new = read_tensors(path)[0]["w"].size == NEW["w"].size
    assert caught.errno == code
    assert f"{path} was {'saved, but' if new else 'not saved: '}" in str(caught)
    return True


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("name", CALLS)
def test_every_call_may_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    path = tmp_path / "model.safetensors"
    write_tensors(path, OLD)
    tried = 0
    while True:
        failed = fails(monkeypatch, path, name, tried, code)
        arrays, _ = read_tensors(path)
        assert {n: a.tobytes() for n, a in arrays.items()} in [
            {n: a.tobytes() for n, a in either.items()} for either in (OLD, NEW)
        ]
        assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]
        if not failed:
            break
        tried += 1
    assert tried >= 1
    assert arrays["w"].tobytes() == NEW["w"].tobytes()  # nothing failed the last time


def test_until_the_last_step_the_old_file_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    write_tensors(path, OLD)
    before = path.read_bytes()
    for name in ("write", "fchmod", "replace"):
        assert fails(monkeypatch, path, name, 0, errno.ENOSPC)
        assert path.read_bytes() == before


def test_a_write_may_be_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """POSIX lets write() take fewer bytes than it is given."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda d, b: real(d, b[: max(1, len(b) // 3)]))
    write_tensors(tmp_path / "a", NEW)
    assert read_tensors(tmp_path / "a")[0]["w"].tobytes() == NEW["w"].tobytes()


def test_data_is_flushed_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    for name in ("write", "fsync", "replace"):
        real = getattr(os, name)

        def noting(*args: Any, name: str = name, real: Any = real) -> Any:
            is_directory = name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode)
            done.append("fsync of directory" if is_directory else name)
            return real(*args)

        monkeypatch.setattr(os, name, noting)
    write_tensors(tmp_path / "a", NEW)
    assert list(dict.fromkeys(done)) == ["write", "fsync", "replace", "fsync of directory"]


# --- places -----------------------------------------------------------------------------------
def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no directory .*none; make it first"):
        write_tensors(tmp_path / "none" / "a", NEW)


def test_a_target_that_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError, match="was not saved"):
        write_tensors(tmp_path / "a", NEW)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


READ_ONLY = """
import os, sys, numpy as np
from glassnet.storage import write_tensors
if os.getuid() == 0:
    os.setuid(65534)
try:
    write_tensors(sys.argv[1], {"w": np.ones(3)})
except PermissionError as error:
    print(error)
"""


def test_a_directory_without_permission(tmp_path: Path) -> None:
    """Tried by a user who may not write there; root may write anywhere."""
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    path = folder / "a"
    write_tensors(path, OLD)
    os.chmod(folder, 0o555)
    for parent in list(folder.parents)[:4]:
        if parent.stat().st_uid == os.getuid() and parent != Path("/tmp"):
            os.chmod(parent, parent.stat().st_mode | 0o055)
    done = run(READ_ONLY, str(path))
    os.chmod(folder, 0o755)
    assert "was not saved: the directory" in done
    assert "does not allow it" in done
    assert read_tensors(path)[0]["w"].tobytes() == OLD["w"].tobytes()


def run(code: str, *args: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=60
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "real", tmp_path / "link"
    write_tensors(real, OLD)
    link.symlink_to(real)
    write_tensors(link, NEW)
    assert link.is_symlink()
    assert read_tensors(real)[0]["w"].size == 2000


def test_permissions_are_kept_and_new_files_have_the_usual_ones(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_tensors(path, OLD)
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    path.chmod(0o640)
    write_tensors(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_path_without_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_tensors("a", NEW)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


# --- killed -----------------------------------------------------------------------------------
SAVING = """
import sys, numpy as np
from glassnet.storage import write_tensors
old, new = ({"w": np.full(300_000, i, np.float32), "i": np.array(i)} for i in (0, 1))
print("ready", flush=True)
while True:
    write_tensors(sys.argv[1], new)
    write_tensors(sys.argv[1], old)
"""


def test_killed_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    rng = random.Random(0)
    seen = set()
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", SAVING, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.05))
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        if path.exists():
            arrays, _ = read_tensors(path)
            assert np.all(arrays["w"] == arrays["i"])
            seen.add(int(arrays["i"]))
    assert seen
    write_tensors(path, NEW)  # the next writer clears away what the dead ones left
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_what_a_dead_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    dead = tmp_path / ".model.safetensors.0123456789ab.tmp"
    others = [
        tmp_path / ".model.safetensors.notours.tmp",
        tmp_path / ".other.safetensors.0123456789ab.tmp",
        tmp_path / "model.safetensors.tmp",
    ]
    for path in (dead, *others):
        path.touch()
    write_tensors(tmp_path / "model.safetensors", NEW)
    assert not dead.exists()
    assert all(path.exists() for path in others)


def test_two_writers_of_one_file(tmp_path: Path) -> None:
    """Neither takes the other's temporary file for abandoned."""
    path = tmp_path / "a"
    faults: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for _ in range(30):
                write_tensors(path, {"w": np.full(20_000, number), "i": np.array(number)})
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    arrays, _ = read_tensors(path)
    assert np.all(arrays["w"] == arrays["i"])
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_readers_see_the_old_file_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "a"
    contents = [{"w": np.full(50_000, i), "i": np.array(i)} for i in range(2)]
    write_tensors(path, contents[0])
    stop = threading.Event()
    faults: list[BaseException] = []
    seen: set[int] = set()

    def read() -> None:
        try:
            while not stop.is_set():
                arrays, _ = read_tensors(path)
                assert np.all(arrays["w"] == arrays["i"])
                seen.add(int(arrays["i"]))
        except BaseException as error:
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    deadline = time.monotonic() + 30
    count = 0
    while (count < 40 or len(seen) < 2) and time.monotonic() < deadline and not faults:
        write_tensors(path, contents[count % 2])
        count += 1
    stop.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert seen == {0, 1}
