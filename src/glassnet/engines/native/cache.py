"""Object code of kernels on disk: where it lies, when it is fit to use, who may write it.

A folder of object files is named by everything that the code depends on, so that what is found in
it fits; a file carries the name of its kernel and a checksum, so that what is found is whole. Files
are written under another name and renamed. Where nothing can be written, nothing is, and the
kernels live in the memory of the process alone.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import re
import shutil
import struct
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

UNUSED_DAYS = 30
"""Folders that nobody used for so many days are removed."""
PATIENCE = 300.0
"""Seconds after which a process stops waiting for another that compiles."""

_MAGIC = b"glassnet kernel\n"
_HEADER = struct.Struct("<32sQQ")
_FOLDER = re.compile(r"[0-9a-f]{20}-[0-9a-f]{20}")
_HERE = Path(__file__).parent
_log = logging.getLogger("glassnet")
_numbers = itertools.count()


def root() -> Path | None:
    """Return where the folders of kernels lie; None where the user has no place for a cache.

    ``GLASSNET_CACHE_DIR`` names the cache, else ``GLASSNET_CACHE`` as for the datasets, else it is
    the user's cache folder.
    """
    chosen = os.environ.get("GLASSNET_CACHE_DIR") or os.environ.get("GLASSNET_CACHE")
    if not chosen:
        import platformdirs

        chosen = platformdirs.user_cache_dir("glassnet")
    try:
        place = Path(chosen).expanduser()
    except RuntimeError:  # a user without a home
        return None
    # Without a home platformdirs answers "~/.cache/...", which would be a folder named "~" here.
    return None if str(place).startswith("~") else place.absolute() / "kernels"


def sources() -> list[tuple[str, int, int]]:
    """Return name, time and size of each file that the object code is made from."""
    files = [*(_HERE / "kernels").glob("*.py"), *map(_HERE.joinpath, _MAKERS)]
    try:
        states = [(str(file.relative_to(_HERE)), file.stat()) for file in sorted(files)]
    except OSError:  # a package without its sources: nothing can be told from them
        return []
    return [(name, state.st_mtime_ns, state.st_size) for name, state in states]


_MAKERS = ("compiler.py", "cache.py", "object_code.py")
_at_import = sources()


def unchanged() -> bool:
    """Tell whether the sources are still those of the moment when this module was imported.

    Where they are not, nobody knows which version the process has imported, and so under which
    name its kernels would have to be kept.
    """
    return sources() == _at_import


@cache
def code_key() -> str:
    """Return the hash of the sources and of the versions of what compiles them."""
    digest = hashlib.sha256()
    for name, _, _ in _at_import:
        content = (_HERE / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    python = (sys.implementation.name, *sys.version_info[:2], np.__version__)
    settings = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    digest.update(repr((python, settings)).encode())
    digest.update(_version("numba") + _version("llvmlite"))
    return digest.hexdigest()[:20]


def _version(library: str) -> bytes:
    """Return what tells the version of a library, without importing it, which would take long."""
    spec = find_spec(library)
    for place in spec.submodule_search_locations or () if spec else ():
        with suppress(OSError):
            return Path(place, "_version.py").read_bytes()
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(library).encode()
    except PackageNotFoundError:
        return b"none"


class Store:
    """The object files of one folder."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._writable = folder is not None

    def present(self, kernels: Iterable[str]) -> set[str]:
        """Return those of the kernels that have a file here."""
        try:
            files = set(os.listdir(self.folder)) if self.folder else set()
        except OSError:
            return set()
        return {kernel for kernel in kernels if file_name(kernel) in files}

    def read(self, kernel: str) -> bytes | None:
        """Return the object code of a kernel; None where there is none, or it is damaged."""
        if self.folder is None:
            return None
        try:
            content = (self.folder / file_name(kernel)).read_bytes()
        except OSError:
            return None
        return unpacked(kernel, content)

    def write(self, kernel: str, code: bytes) -> None:
        """Keep the object code of a kernel, where that is possible."""
        if not self._writable or self.folder is None or not unchanged():
            return
        target = self.folder / file_name(kernel)
        temporary = target.with_name(f"{target.name}.{os.getpid()}.{next(_numbers)}.tmp")
        try:
            self._make()
            with open(temporary, "xb") as file:
                file.write(packed(kernel, code))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except OSError as error:
            self._give_up(error)
        finally:
            with suppress(OSError):
                temporary.unlink()

    def used(self) -> None:
        """Note that the folder is in use, once a day."""
        with suppress(OSError):
            if self.folder and time.time() - self.folder.stat().st_mtime > 86400:
                os.utime(self.folder)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from compiling for this folder meanwhile, where locks work.

        The system frees the lock when its process ends, however it ends.
        """
        file = self._lock_file()
        try:
            if file is not None:
                _wait_for(file)
            yield
        finally:
            if file is not None:
                os.close(file)

    def _lock_file(self) -> int | None:
        if not self._writable or self.folder is None:
            return None
        try:
            self._make()
            return os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            self._give_up(error)
            return None

    def _make(self) -> None:
        assert self.folder is not None
        if self.folder.is_dir():
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_unused(self.folder)

    def _give_up(self, error: OSError) -> None:
        self._writable = False
        _log.info("glassnet keeps its kernels in memory, %s: %s", self.folder, error)


def store(machine: Sequence[str]) -> Store:
    """Return the files for this code on a machine, told by words such as its CPU's features."""
    key = hashlib.sha256("\0".join(machine).encode()).hexdigest()[:20]
    return _store_of(root() if _at_import else None, f"{code_key()}-{key}")


@cache
def _store_of(place: Path | None, folder: str) -> Store:
    return Store(place and place / folder)


def nothing_kept() -> bool:
    """Tell whether there are no files for this code, whatever the machine: a quick no."""
    place = root()
    try:
        folders = os.listdir(place) if place else []
    except OSError:
        return True
    return not any(folder.startswith(code_key()) for folder in folders)


def file_name(kernel: str) -> str:
    """Return the file of a kernel.

    >>> file_name("movement.copy:u4")
    'movement.copy-u4.kernel'
    """
    return kernel.replace(":", "-") + ".kernel"


def packed(kernel: str, code: bytes) -> bytes:
    """Return the content of a kernel's file."""
    name = kernel.encode()
    digest = hashlib.sha256(name + code).digest()
    return _MAGIC + _HEADER.pack(digest, len(name), len(code)) + name + code


def unpacked(kernel: str, content: bytes) -> bytes | None:
    """Return the object code in a kernel's file; None where it is not what was written.

    >>> unpacked("a.b:f4", packed("a.b:f4", b"code"))
    b'code'
    >>> unpacked("a.b:f4", packed("a.b:f4", b"code")[:-1]) is None
    True
    """
    name = kernel.encode()
    start = len(_MAGIC) + _HEADER.size + len(name)
    code = content[start:]
    return code if content == packed(kernel, code) else None


def _wait_for(file: int) -> None:
    """Lock a file, waiting for whoever holds it; where files can't be locked, go on."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            _lock_at_once(file)
            return
        except (BlockingIOError, PermissionError):
            time.sleep(0.02)
        except OSError:
            return
    _log.info("glassnet compiles its kernels, though another process has been at it for long")


def _lock_at_once(file: int) -> None:
    """Lock a file or raise; Windows says PermissionError where another process holds it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_unused(folder: Path) -> None:
    """Remove the folders beside this one that nobody has used for long."""
    before = time.time() - UNUSED_DAYS * 86400
    with suppress(OSError):
        for other in folder.parent.iterdir():
            if _FOLDER.fullmatch(other.name) and other != folder:
                with suppress(OSError):
                    if other.stat().st_mtime < before:
                        shutil.rmtree(other, ignore_errors=True)
