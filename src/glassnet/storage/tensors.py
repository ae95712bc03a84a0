"""Arrays and texts in one file, in the safetensors layout: read with distrust, written whole.

The layout: 8 bytes with the length n of the header (little-endian), n bytes of JSON that give each
array's dtype, shape and place, then the arrays' bytes without holes. glassnet adds two texts to
the header's ``__metadata__``: ``glassnet.storage``, the number of this format, and
``glassnet.sha256``, the checksum of everything else in the file.

A file is data and nothing more: reading runs no code, and a size that a file declares is held
against the file's own size before memory is taken.

Source: the format as https://github.com/huggingface/safetensors describes it.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from glassnet.errors import FileFormatError
from glassnet.storage.plain import parse_json
from glassnet.storage.writing import write_whole

Path = str | os.PathLike[str]

FORMAT = "1"
FORMAT_KEY = "glassnet.storage"
CHECKSUM_KEY = "glassnet.sha256"
_OWN = "glassnet."  # texts of this prefix promise a checksum

MAX_HEADER = 100_000_000
"""The longest header, in bytes: safetensors' own limit."""
MAX_AXES = 64
"""The most axes of an array: NumPy's own limit."""

DTYPES: dict[str, str] = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "F16": "float16",
    "U32": "uint32",
    "I32": "int32",
    "F32": "float32",
    "U64": "uint64",
    "I64": "int64",
    "F64": "float64",
}
"""safetensors' names of the dtypes that glassnet computes in."""
_CODES = {name: code for code, name in DTYPES.items()}


@dataclass(frozen=True)
class _Entry:
    """One array as the header describes it, checked against itself."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


# --- writing ----------------------------------------------------------------------------------
def write_tensors(
    path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays and texts to one file, which any safetensors reader can read.

    The file is written beside the target, flushed to the disk and then renamed, so that whatever
    happens (``kill -9``, a full disk, no power) the target is the old file or the new one. Equal
    contents give equal bytes.

    Args:
        path: where to write; an existing file is replaced.
        arrays: arrays of floats, integers or truth values by their names.
        metadata: further texts by their names; names that begin with ``glassnet.`` promise a
            checksum to the reader.

    Raises:
        TypeError: for an array of another dtype, or a metadata that is no text.
        OSError: where the file can't be written; then the old one is as it was.
    """
    held = {name: _plain_array(name, array) for name, array in arrays.items()}
    order = sorted(held, key=lambda name: (-held[name].itemsize, name))  # each array is aligned
    header: dict[str, Any] = {"__metadata__": _texts(metadata or {})}
    end = 0
    for name in order:
        array, begin = held[name], end
        end = begin + array.nbytes
        header[name] = {
            "dtype": _CODES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    blank = _header_bytes(header)
    data = [held[name].reshape(-1).view(np.uint8) for name in order]
    digest = hashlib.sha256(blank)
    for part in data:
        digest.update(part.data)
    signed = blank.replace(_BLANK, digest.hexdigest().encode(), 1)
    write_whole(path, [signed, *data])


_BLANK = b"0" * 64  # stands for the checksum while it is computed


def _texts(metadata: Mapping[str, str]) -> dict[str, str]:
    for name, text in metadata.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"metadata holds texts by name; got {name!r}: {text!r}.")
        if name in (FORMAT_KEY, CHECKSUM_KEY):
            raise ValueError(f"The metadata {name!r} is written by glassnet itself.")
    # The checksum comes first, so that its place is found without looking into other texts.
    return {CHECKSUM_KEY: _BLANK.decode(), FORMAT_KEY: FORMAT, **dict(sorted(metadata.items()))}


def _plain_array(name: str, value: Any) -> np.ndarray:
    if not isinstance(name, str) or name == "__metadata__":
        raise ValueError(f"{name!r} can't be the name of an array in a file.")
    array = np.asarray(value)
    if array.dtype.name not in _CODES:
        raise TypeError(
            f"The array {name!r} has dtype {array.dtype}; a file holds {', '.join(_CODES)}."
        )
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _header_bytes(header: Mapping[str, Any]) -> bytes:
    """The header with its length in front, filled up so that the data begins at 8 bytes."""
    try:
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"A name or text in the file is not valid Unicode: {error}") from None
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise ValueError(
            f"Names and metadata take {len(text)} bytes; a file holds at most {MAX_HEADER}."
        )
    return len(text).to_bytes(8, "little") + text


# --- reading ----------------------------------------------------------------------------------
def read_tensors(
    path: Path, *, require_checksum: bool = True
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays and the texts of a file in the safetensors layout, each checked.

    Args:
        path: the file.
        require_checksum: whether a file without glassnet's checksum is refused. Other programs
            write none; a file that glassnet wrote is refused without it in any case.

    Raises:
        FileFormatError: where anything about the file is not as it should be, with the reason.
        FileNotFoundError: where there is no such file.

    The arrays are new and writable; the texts are without glassnet's own two.
    """
    with open_regular(path) as file:
        return _Reader(path, file).read(require_checksum)


def read_metadata(path: Path) -> dict[str, str]:
    """Return the texts in a file's header, checked but for the checksum over the arrays."""
    with open_regular(path) as file:
        reader = _Reader(path, file)
        reader.read_header()
        return reader.texts()


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read; raise where it is a pipe or device, which might never end."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # open() names a directory itself
        raise FileFormatError(f"{os.fspath(path)} is no regular file.")
    return open(path, "rb", buffering=0)


class _Reader:
    """One reading of one open file."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file = os.fspath(path), file
        self.size = os.fstat(file.fileno()).st_size
        self.raw = b""
        self.metadata: dict[str, str] = {}

    def refuse(self, reason: str) -> FileFormatError:
        return FileFormatError(f"{self.path} can't be read: {reason}.")

    def read(self, require_checksum: bool) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        entries = self.read_header()
        expected = self._expected_checksum(require_checksum)
        digest = hashlib.sha256(self.raw.replace(expected.encode(), _BLANK, 1))
        arrays = {}
        for entry in entries:
            array = np.empty(entry.shape, entry.dtype)
            view = array.reshape(-1).view(np.uint8)
            self._fill(view)
            digest.update(view.data)
            if entry.dtype == bool and view.size and view.max() > 1:
                raise self.refuse(f"the truth values {entry.name!r} hold other bytes than 0 and 1")
            arrays[entry.name] = array
        if expected and digest.hexdigest() != expected:
            raise self.refuse("its checksum fails, so it was damaged or changed")
        return arrays, self.texts()

    def texts(self) -> dict[str, str]:
        own = (FORMAT_KEY, CHECKSUM_KEY)
        return {name: text for name, text in self.metadata.items() if name not in own}

    def _fill(self, view: np.ndarray) -> None:
        filled = 0
        while filled < view.size:
            count = self.file.readinto(view[filled:])  # type: ignore[attr-defined]
            if not count:
                raise self.refuse("it became shorter while it was read")
            filled += count

    # --- the header -------------------------------------------------------------------------
    def read_header(self) -> list[_Entry]:
        """Read the header; return its entries in the order of their bytes."""
        start = self._bytes(min(self.size, 16))
        if self.size < 8 + 2:
            short = "it is cut off in its first bytes" if self.size else "it is empty"
            raise self.refuse(_other_format(start) or short)
        length = int.from_bytes(start[:8], "little")
        if length > MAX_HEADER or length > self.size - 8 or start[8:9] != b"{":
            raise self.refuse(_other_format(start) or self._bad_start(length))
        text = start[8 : 8 + length] + self._bytes(length - len(start[8 : 8 + length]))
        self.file.seek(8 + length)
        self.raw = start[:8] + text
        header = parse_json(text, f"the header of {self.path}", most_depth=3)
        if not isinstance(header, dict):
            raise self.refuse("its header is no JSON object")
        self.metadata = self._checked_metadata(header.pop("__metadata__", {}))
        entries = [self._entry(name, described) for name, described in header.items()]
        entries.sort(key=lambda e: (e.begin, e.end))
        self._check_cover(entries, self.size - 8 - length)
        return entries

    def _bytes(self, count: int) -> bytes:
        found = bytearray(count)
        self._fill(np.frombuffer(found, np.uint8))
        return bytes(found)

    def _bad_start(self, length: int) -> str:
        if length > MAX_HEADER:
            return (
                f"its header would be {length} bytes long (at most {MAX_HEADER}), so it is no "
                "safetensors file"
            )
        if length > self.size - 8:
            return (
                f"its header should be {length} bytes long, but only {self.size - 8} follow: it is "
                "cut off, or no safetensors file"
            )
        return "its header is no JSON object, so it is no safetensors file"

    def _checked_metadata(self, found: Any) -> dict[str, str]:
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            raise self.refuse("its __metadata__ is not made of texts")
        return found

    def _expected_checksum(self, required: bool) -> str:
        """The checksum that the header holds; "" for a file that is allowed to have none."""
        text = self.metadata.get(CHECKSUM_KEY)
        if text is None:
            # No single damaged byte turns a file of ours into one that needs no checksum.
            if required or any(name.startswith(_OWN) for name in self.metadata):
                raise self.refuse("it has no glassnet checksum: glassnet did not write it so")
            return ""
        if self.metadata.get(FORMAT_KEY) != FORMAT:
            raise self.refuse(
                f"it is in format {self.metadata.get(FORMAT_KEY)!r} and this glassnet reads "
                f"{FORMAT!r}; a newer glassnet may read it"
            )
        if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
            raise self.refuse("its checksum is no SHA-256 in hexadecimal digits")
        if self.raw.count(text.encode()) != 1:
            raise self.refuse("its checksum does not stand in its header once, as written")
        return text

    def _entry(self, name: str, described: Any) -> _Entry:
        where = f"the array {name!r}"
        if not isinstance(described, dict) or set(described) != {"dtype", "shape", "data_offsets"}:
            raise self.refuse(f"{where} is not described by dtype, shape and data_offsets")
        code, shape, offsets = described["dtype"], described["shape"], described["data_offsets"]
        if not isinstance(code, str) or code not in DTYPES:
            raise self.refuse(
                f"{where} has the dtype {str(code)[:40]!r}; glassnet reads {', '.join(DTYPES)}"
            )
        if not _are_sizes(shape) or len(shape) > MAX_AXES:
            raise self.refuse(
                f"{where} has no shape of at most {MAX_AXES} whole numbers of at least 0"
            )
        if not _are_sizes(offsets) or len(offsets) != 2:
            raise self.refuse(f"{where} has data_offsets that are no two places in the file")
        begin, end = offsets
        dtype = np.dtype(DTYPES[code]).newbyteorder("<")
        needed = dtype.itemsize
        for size in shape:
            needed *= size  # Python's integers don't overflow
        if begin > end:
            raise self.refuse(f"{where} ends at byte {end}, before it begins at {begin}")
        if needed != end - begin:
            raise self.refuse(
                f"{where} needs {needed} bytes for its shape {tuple(shape)}; it has {end - begin}"
            )
        if not needed and any(size > 2**31 for size in shape):
            raise self.refuse(f"{where} is empty and claims an axis of {max(shape)}")
        return _Entry(name, dtype, tuple(shape), begin, end)

    def _check_cover(self, entries: list[_Entry], available: int) -> None:
        """The arrays cover the data from first to last byte: no hole, no overlap, no rest."""
        place = 0
        for entry in entries:
            if entry.begin != place:
                fault = "overlaps another" if entry.begin < place else "leaves a hole before it"
                raise self.refuse(f"the array {entry.name!r} {fault}, at byte {entry.begin}")
            place = entry.end
        if place > available:
            raise self.refuse(f"it is cut off: {available} of {place} bytes of data are there")
        if place < available:
            raise self.refuse(f"{available - place} bytes follow its data that belong to no array")


def _are_sizes(value: Any) -> bool:
    # bool is a kind of int in Python; JSON's true is no size.
    return isinstance(value, list) and all(type(v) is int and 0 <= v < 2**63 for v in value)


_OTHERS = (
    (b"PK\x03\x04", "a zip archive (.keras, .npz and PyTorch's .pt are such)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (.h5)"),
    (b"\x93NUMPY", "a NumPy array file (.npy)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"GGUF", "a GGUF file"),
    *((bytes([0x80, n]), "a Python pickle, which could run code") for n in range(6)),
    *(
        (start, "a Python pickle, which could run code")
        for start in (b"(dp", b"(lp", b"}q", b"]q", b"c")
    ),
)


def _other_format(start: bytes) -> str:
    """What a file that begins like this is, where it is known; else ""."""
    for magic, name in _OTHERS:
        if start.startswith(magic):
            return f"it is {name}, and no safetensors file"
    return ""
