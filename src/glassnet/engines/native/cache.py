"""Object code of kernels on disk: where it lies, when it is fit to use, who may write it.

A folder holds the object files of a family of kernels, and is named by all that their code depends
on, so that what is found in it fits; a file carries the name of its kernel and a checksum, so that
what is found is whole. Files are written under another name and renamed. Where nothing can be
written, nothing is, and the kernels live in the memory of the process alone.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import re
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
LONGEST = 80
"""Characters of a kernel's name up to which it is the name of the file as well."""

_MAGIC = b"glassnet kernel\n"
_HEADER = struct.Struct("<32sQQ")
_FOLDER = re.compile(r"\w+-[0-9a-f]{20}-[0-9a-f]{20}")
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


@cache
def sources(family: str) -> tuple[str, ...]:
    """Return the files that the code of a family's kernels is made from, but for libraries.

    They are what makes object code of anything, the family's module, and the modules of kernels
    that it imports, directly or not.

    >>> "kernels/primitives.py" in sources("movement")
    True
    """
    found: dict[str, None] = dict.fromkeys(_MAKERS)
    ahead = [family]
    while ahead:
        file = f"kernels/{ahead.pop()}.py"
        if file in found or not (_HERE / file).is_file():
            continue
        found[file] = None
        for name, names in _IMPORTED.findall(_content(file).decode()):
            ahead += [name] if name else re.findall(r"\w+", names)
    return tuple(sorted(found))


@cache
def _content(file: str) -> bytes:
    return (_HERE / file).read_bytes()


_MAKERS = ("cache.py", "compiler.py", "object_code.py", "kernels/__init__.py")
_IMPORTED = re.compile(r"glassnet\.engines\.native\.kernels(?:\.(\w+)| import \(?([\w\s,]+))")


def _states() -> dict[str, tuple[int, int]]:
    files = [*(_HERE / "kernels").glob("*.py"), *map(_HERE.joinpath, _MAKERS)]
    try:
        states = {file.relative_to(_HERE).as_posix(): file.stat() for file in files}
    except OSError:  # a package without its sources: nothing can be told from them
        return {}
    return {name: (state.st_mtime_ns, state.st_size) for name, state in states.items()}


_at_import = _states()


def unchanged(family: str) -> bool:
    """Tell whether the sources are still those of the moment when this module was imported.

    Where they are not, nobody knows which version the process has imported, and so under which
    name its kernels would have to be kept.
    """
    now = _states()
    return all(now.get(file) == _at_import.get(file) for file in sources(family))


@cache
def code_key(family: str) -> str:
    """Return the hash of a family's sources and of the versions of what compiles them."""
    digest = hashlib.sha256(_libraries())
    for name in sources(family):
        content = _content(name)
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:20]


@cache
def _libraries() -> bytes:
    python = (sys.implementation.name, *sys.version_info[:2], np.__version__)
    settings = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    return repr((python, settings, _version("numba"), _version("llvmlite"))).encode()


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
    """The object files for one machine: a folder for each version of a family's code."""

    def __init__(self, place: Path | None, machine: str) -> None:
        self.place = place
        self.machine = machine
        self._writable = place is not None

    @property
    def keeps(self) -> bool:
        """Whether files are written: there is a place, and nothing went wrong there so far."""
        return self._writable

    def folder(self, kernel: str) -> Path:
        """Return where the file of a kernel lies, or would lie."""
        family = family_of(kernel)
        return (self.place or Path()) / f"{family}-{code_key(family)}-{self.machine}"

    def fits(self, folder: Path) -> bool:
        """Tell whether what lies in a folder is for this machine and version."""
        family = folder.name.partition("-")[0]
        return folder == self.folder(f"{family}.")

    def present(self, kernels: Iterable[str]) -> set[str]:
        """Return those of the kernels that have a file here."""
        files: dict[Path, list[str]] = {}
        found = set()
        for kernel in kernels if self.place else ():
            folder = self.folder(kernel)
            if folder not in files:
                files[folder] = _listed(folder)
            if file_name(kernel) in files[folder]:
                found.add(kernel)
        return found

    def read(self, kernel: str) -> bytes | None:
        """Return the object code of a kernel; None where there is none, or it is damaged."""
        if self.place is None:
            return None
        folder = self.folder(kernel)
        try:
            content = (folder / file_name(kernel)).read_bytes()
        except OSError:
            return None
        _note_use(folder)
        return unpacked(kernel, content)

    def write(self, kernel: str, code: bytes) -> None:
        """Keep the object code of a kernel, where that is possible."""
        if not self._writable or not unchanged(family_of(kernel)):
            return
        target = self.folder(kernel) / file_name(kernel)
        temporary = target.with_name(f"{target.name}.{os.getpid()}.{next(_numbers)}.tmp")
        try:
            self._make(target.parent)
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

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from compiling meanwhile, where files can be locked.

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
        if not self._writable or self.place is None:
            return None
        try:
            self._make(self.place)
            return os.open(self.place / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            self._give_up(error)
            return None

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_unused(folder)

    def _give_up(self, error: OSError) -> None:
        self._writable = False
        _log.info("glassnet keeps its kernels in memory, %s: %s", self.place, error)


def store(machine: Sequence[str]) -> Store:
    """Return the files for a machine, told by words such as its CPU's features."""
    key = hashlib.sha256("\0".join(machine).encode()).hexdigest()[:20]
    return _store_of(root() if _at_import else None, key)


@cache
def _store_of(place: Path | None, machine: str) -> Store:
    return Store(place, machine)


def nothing_kept(kernels: Iterable[str]) -> bool:
    """Tell whether there are no files for these kernels, whatever the machine: a quick no."""
    place = root()
    folders = _listed(place) if place else []
    keys = {f"{family}-{code_key(family)}" for family in map(family_of, kernels)}
    return not any(folder.startswith(key) for folder in folders for key in keys)


def folders() -> list[Path]:
    """Return the folders of kernels, those for other machines and versions too."""
    place = root()
    names = _listed(place) if place else []
    return [place / name for name in sorted(names) if place and _FOLDER.fullmatch(name)]


def clear() -> None:
    """Remove all kernels; who needs one compiles it anew."""
    import shutil

    for folder in folders():
        shutil.rmtree(folder, ignore_errors=True)


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def family_of(kernel: str) -> str:
    """Return the family of a kernel: ``"movement"`` of ``"movement.copy:u4"``."""
    return kernel.partition(".")[0]


def short_name(kernel: str) -> str:
    """Return the name of a kernel; where it tells a whole program, by the hash of that.

    >>> short_name("movement.copy:u4")
    'movement.copy:u4'
    """
    if len(kernel) <= LONGEST:
        return kernel
    template = kernel.partition(":")[0]
    return f"{template}:{hashlib.sha256(kernel.encode()).hexdigest()[:20]}"


def file_name(kernel: str) -> str:
    """Return the file of a kernel.

    >>> file_name("movement.copy:u4")
    'movement.copy-u4.kernel'
    """
    return short_name(kernel).replace(":", "-") + ".kernel"


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


def _note_use(folder: Path) -> None:
    """Note that a folder is in use, once a day."""
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime > 86400:
            os.utime(folder)


def _remove_unused(folder: Path) -> None:
    """Remove the folders beside a new one that nobody has used for long."""
    import shutil

    before = time.time() - UNUSED_DAYS * 86400
    with suppress(OSError):
        for other in folder.parent.iterdir():
            if _FOLDER.fullmatch(other.name) and other != folder:
                with suppress(OSError):
                    if other.stat().st_mtime < before:
                        shutil.rmtree(other, ignore_errors=True)
