"""Writing a file whole or not at all.

The bytes go to a temporary file in the target's directory, are flushed to the disk, and the file
is then renamed over the target; the directory is flushed last, so that the name survives a power
cut. A process that dies in between leaves the temporary file; the next one to write the same
target removes it, told by the lock that only a living writer holds.

Source: T. Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014 (why each flush).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from typing import Any

try:
    import fcntl
except ImportError:  # Windows has none: nothing is cleaned up after dead writers there
    fcntl = None  # type: ignore[assignment]

_PIECE = 1 << 26  # a single write of more than 2 GiB is cut short by the system


def write_whole(path: str | os.PathLike[str], parts: Iterable[Any]) -> None:
    """Write ``parts``, buffers of bytes, to a file; the target is the old file or the new one.

    A link is followed, the permissions of an existing file are kept.

    Raises:
        OSError: where it can't be written; then nothing has changed and nothing is left behind.
            One message tells the exception: the new file stands, but its name is not flushed.
    """
    target = os.path.realpath(path)
    directory, name = os.path.split(target)
    temporary = ""
    descriptor = -1
    try:
        _remove_abandoned(directory, name)
        descriptor, temporary = _create(directory, name)
        for part in parts:
            _write_all(descriptor, memoryview(part))
        _keep_permissions(target, descriptor)
        os.fsync(descriptor)
        os.replace(temporary, target)
        temporary = ""
        _flush_directory(directory)
    except OSError as error:
        told = _explained(error, path, directory)
        if descriptor >= 0 and not temporary:
            told = f"{os.fspath(path)} was saved, but may not survive a power cut: {error.strerror}"
        raise OSError(error.errno, told, os.fspath(path)) from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _create(directory: str, name: str) -> tuple[int, str]:
    while True:
        temporary = os.path.join(directory, f".{name}.{os.urandom(6).hex()}.tmp")
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
        descriptor = os.open(temporary, flags, 0o666)  # the umask applies, as for any new file
        if _lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return descriptor, temporary
        os.close(descriptor)  # another writer took it for abandoned in the moment before the lock


def _lock(descriptor: int) -> bool | None:
    """Lock the file for as long as this process lives; None where files can't be locked."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _remove_abandoned(directory: str, name: str) -> None:
    """Remove temporary files of this target whose writers are dead."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError):
        for other in os.listdir(directory):
            middle = other[len(name) + 2 : -4]
            shaped = other == f".{name}.{middle}.tmp" and len(middle) == 12
            if not shaped or not set(middle) <= set("0123456789abcdef"):
                continue
            path = os.path.join(directory, other)
            descriptor = os.open(path, os.O_RDONLY)
            try:
                if _lock(descriptor):
                    os.unlink(path)
            finally:
                os.close(descriptor)


def _write_all(descriptor: int, view: memoryview) -> None:
    written = 0
    while written < len(view):
        written += os.write(descriptor, view[written : written + _PIECE])


def _keep_permissions(target: str, descriptor: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        mode = stat.S_IMODE(os.stat(target).st_mode)
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)


def _flush_directory(directory: str) -> None:
    if os.name == "nt":  # a directory can't be opened there
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that has no such thing
            raise
    finally:
        os.close(descriptor)


def _explained(error: OSError, path: Any, directory: str) -> str:
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        reason = f"there is no directory {directory}; make it first"
    elif isinstance(error, PermissionError):
        reason = f"the directory {directory} does not allow it"
    elif error.errno == errno.ENOSPC:
        reason = "the disk is full"
    return f"{os.fspath(path)} was not saved: {reason}. A file that stood there is as it was"
