"""The IDX format, in which MNIST and its relatives are published.

A file is a header and the entries, all big-endian: two zero bytes, a byte for the type of the
entries, a byte for the number of axes; the length of each axis as an unsigned 32-bit integer;
then the entries, the last axis running fastest. Published files are compressed with gzip.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", where
the format is described under "File formats for the MNIST database".
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

TYPES: dict[int, np.dtype] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
"""The byte that names the type of the entries."""

_MOST_AXES = 64  # NumPy's limit
_CHUNK = 1 << 20


class IdxError(ValueError):
    """The file is no sound IDX file; the message says where it breaks the format."""


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Return the array in an IDX file, plain or compressed with gzip.

    Memory is taken as bytes arrive, never because a header promises them.

    Args:
        path: the file. Whether it is compressed is told by its first bytes, not by its name.

    Returns:
        The array, in the byte order of this machine.

    Raises:
        IdxError: for anything but one whole IDX file: a wrong header, an unknown type, too few
            or too many bytes, a damaged compression.
        FileNotFoundError: where there is no such file.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
        ...     _ = path.write_bytes(bytes([0, 0, 0x08, 1, 0, 0, 0, 3, 5, 0, 4]))
        ...     read_idx(path)
        array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    with path.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not compressed:
            return _read(raw, path.name)
        try:
            with gzip.GzipFile(fileobj=raw) as file:
                return _read(file, path.name)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise IdxError(f"{path.name}: the gzip compression is damaged ({error}).") from error


def _read(file: BinaryIO | gzip.GzipFile, name: str) -> np.ndarray:
    dtype, shape = _read_header(file, name)
    expected = math.prod(shape) * dtype.itemsize
    # One byte more than expected shows what trails; reading on to the end has gzip check its sum.
    body = bytearray()
    while len(body) <= expected:
        chunk = file.read(min(_CHUNK, expected + 1 - len(body)))
        if not chunk:
            break
        body += chunk
    if len(body) < expected:
        raise IdxError(
            f"{name}: the header promises {expected} bytes of entries, shape {shape}, but the file "
            f"ends after {len(body)}. It is truncated; fetch it anew."
        )
    if len(body) > expected:
        raise IdxError(
            f"{name}: data goes on after the {expected} bytes of entries that the header promises, "
            f"shape {shape}. This is no single IDX file."
        )
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _read_header(file: BinaryIO | gzip.GzipFile, name: str) -> tuple[np.dtype, tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4:
        raise IdxError(f"{name}: expected a header of at least 4 bytes; the file has {len(magic)}.")
    if magic[:2] != b"\0\0":
        raise IdxError(
            f"{name}: an IDX file starts with two zero bytes; this one starts with "
            f"{magic[:2].hex(' ')}."
        )
    if magic[2] not in TYPES:
        known = ", ".join(f"{code:#04x}" for code in TYPES)
        raise IdxError(f"{name}: unknown type of entries {magic[2]:#04x}; IDX has {known}.")
    if not 1 <= magic[3] <= _MOST_AXES:
        raise IdxError(f"{name}: expected 1 to {_MOST_AXES} axes; the header says {magic[3]}.")
    lengths = file.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise IdxError(
            f"{name}: the file ends within its header, which should name {magic[3]} lengths."
        )
    shape = struct.unpack(f">{magic[3]}I", lengths)
    dtype = TYPES[magic[2]]
    if math.prod(max(n, 1) for n in shape) * dtype.itemsize > np.iinfo(np.intp).max:
        raise IdxError(f"{name}: no array has the shape {shape} that the header names.")
    return dtype, shape
