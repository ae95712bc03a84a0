"""The file format: what is written is read, by us and by safetensors; what is wrong is refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import random
import time
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from glassnet.errors import FileFormatError
from glassnet.storage import parse_json, read_metadata, read_tensors, write_tensors

SAMPLE: dict[str, np.ndarray] = {
    "w": np.arange(6, dtype=np.float32).reshape(2, 3),
    "scalar": np.array(3.5),
    "half": np.array([1.5, -0.0], np.float16),
    "truth": np.array([True, False, True]),
    "none": np.zeros((0, 3)),
    "big_endian": np.arange(3, dtype=">i4"),
    "turned": np.arange(6.0).reshape(2, 3).T,
    "ü": np.array([2**64 - 1], np.uint64),
    "special": np.array([np.nan, np.inf, -0.0], np.float32),
    **{d: np.array([1, 2, 3], d) for d in ("int8", "int16", "int64", "uint8", "uint16", "uint32")},
}
TEXTS = {"note": 'é \\ " \n {[', "json": json.dumps({"a": [1, '"\\']})}


def raw_file(
    path: Path,
    header: Any,
    data: bytes = b"",
    *,
    length: int | None = None,
    signed: bool = False,
) -> Path:
    """Write a file by hand: any header (a dictionary, text or bytes), any data."""
    text = header if isinstance(header, (bytes, str)) else json.dumps(header)
    if isinstance(text, str):
        text = text.encode()
    start = (len(text) if length is None else length).to_bytes(8, "little")
    if signed:
        blank = start + text
        digest = hashlib.sha256(blank + data).hexdigest().encode()
        text = text.replace(b"0" * 64, digest, 1)
    path.write_bytes(start + text + data)
    return path


def described(*arrays: tuple[str, str, Any, Any]) -> dict[str, Any]:
    return {n: {"dtype": d, "shape": s, "data_offsets": o} for n, d, s, o in arrays}


def same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return set(one) == set(other) and all(
        one[n].shape == other[n].shape
        and one[n].dtype == other[n].dtype
        and one[n].tobytes() == other[n].tobytes()
        for n in one
    )


def native(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {n: a.astype(a.dtype.newbyteorder("=")) for n, a in arrays.items()}


# --- what is written is read ------------------------------------------------------------------
def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_tensors(path, SAMPLE, TEXTS)
    arrays, texts = read_tensors(path)
    assert same(arrays, native(SAMPLE))
    assert texts == TEXTS
    assert read_metadata(path) == TEXTS
    arrays["w"][0, 0] = 7  # the arrays are the reader's own
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_nothing_at_all(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", {})
    assert read_tensors(tmp_path / "a") == ({}, {})


def test_equal_contents_give_equal_bytes(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", SAMPLE, TEXTS)
    turned = dict(reversed(SAMPLE.items()))
    write_tensors(tmp_path / "b", turned, dict(reversed(TEXTS.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_safetensors_reads_ours(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_tensors(path, SAMPLE, TEXTS)
    assert same(safetensors.numpy.load_file(path), native(SAMPLE))
    with safetensors.safe_open(path, "np") as opened:
        assert set(TEXTS.items()) <= set(opened.metadata().items())


def test_ours_reads_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    plain = {n: np.ascontiguousarray(a) for n, a in native(SAMPLE).items() if n != "scalar"}
    safetensors.numpy.save_file(plain, path, {"by": "another"})
    arrays, texts = read_tensors(path, require_checksum=False)
    assert same(arrays, plain)
    assert texts == {"by": "another"}
    with pytest.raises(FileFormatError, match="no glassnet checksum"):
        read_tensors(path)


def test_the_checksum_is_sha256_of_all_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_tensors(path, SAMPLE, TEXTS)
    with safetensors.safe_open(path, "np") as opened:
        told = opened.metadata()["glassnet.sha256"]
    blank = path.read_bytes().replace(told.encode(), b"0" * 64)
    assert hashlib.sha256(blank).hexdigest() == told


def test_data_is_aligned(tmp_path: Path) -> None:
    """Every array begins at a multiple of its item size, so that others can map it."""
    path = tmp_path / "a"
    write_tensors(path, SAMPLE)
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    assert (8 + length) % 8 == 0
    header = json.loads(raw[8 : 8 + length])
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["data_offsets"][0] % SAMPLE[name].itemsize == 0


@pytest.mark.parametrize("value", [np.array([1j]), np.array(["a"]), np.array([None])])
def test_dtypes_that_no_file_holds(tmp_path: Path, value: np.ndarray) -> None:
    with pytest.raises(TypeError, match="'a' has dtype"):
        write_tensors(tmp_path / "a", {"a": value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arrays", "texts", "error"),
    [
        ({"__metadata__": np.zeros(1)}, {}, ValueError),
        ({3: np.zeros(1)}, {}, ValueError),
        ({"\ud800": np.zeros(1)}, {}, ValueError),
        ({}, {"a": 3}, TypeError),
        ({}, {"glassnet.sha256": "0"}, ValueError),
        ({}, {"glassnet.storage": "2"}, ValueError),
    ],
)
def test_names_that_no_file_holds(tmp_path: Path, arrays: Any, texts: Any, error: Any) -> None:
    with pytest.raises(error):
        write_tensors(tmp_path / "a", arrays, texts)
    assert list(tmp_path.iterdir()) == []


def test_a_text_of_64_zeros_is_not_taken_for_the_checksum(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", {}, {"0": "0" * 64, "glassnet.a": "0" * 64})
    assert read_tensors(tmp_path / "a")[1] == {"0": "0" * 64, "glassnet.a": "0" * 64}


# --- damage -----------------------------------------------------------------------------------
def small_file(path: Path) -> bytes:
    write_tensors(path, {"w": np.arange(3, dtype=np.float32), "t": np.array([True])}, {"n": "ä"})
    return path.read_bytes()


def test_cut_off_at_every_byte(tmp_path: Path) -> None:
    whole = small_file(tmp_path / "a")
    path = tmp_path / "b"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            read_tensors(path, require_checksum=False)


@pytest.mark.parametrize("required", [True, False])
def test_every_damaged_byte_is_noticed(tmp_path: Path, required: bool) -> None:
    whole = small_file(tmp_path / "a")
    path = tmp_path / "b"
    rng = random.Random(1)
    for place in range(len(whole)):
        for change in {1 << rng.randrange(8), rng.randrange(1, 256)}:
            damaged = bytearray(whole)
            damaged[place] ^= change
            path.write_bytes(damaged)
            with pytest.raises(FileFormatError):
                read_tensors(path, require_checksum=required)


def test_appended_and_swapped_bytes(tmp_path: Path) -> None:
    whole = small_file(tmp_path / "a")
    for damaged in (whole + b"\0", whole * 2, whole[:8] + whole[9:] + b" ", whole[::-1]):
        (tmp_path / "b").write_bytes(damaged)
        with pytest.raises(FileFormatError):
            read_tensors(tmp_path / "b", require_checksum=False)


def test_a_file_of_a_later_format_says_so(tmp_path: Path) -> None:
    texts = {"glassnet.sha256": "0" * 64, "glassnet.storage": "2"}
    path = raw_file(tmp_path / "a", {"__metadata__": texts}, signed=True)
    with pytest.raises(FileFormatError, match="newer glassnet"):
        read_tensors(path)


@pytest.mark.parametrize("digest", ["", "0", "g" * 64, "A" * 64, "0" * 63, "0" * 65])
def test_checksums_that_are_none(tmp_path: Path, digest: str) -> None:
    texts = {"glassnet.sha256": digest, "glassnet.storage": "1"}
    path = raw_file(tmp_path / "a", {"__metadata__": texts})
    with pytest.raises(FileFormatError, match="checksum"):
        read_tensors(path)


# --- hostile headers --------------------------------------------------------------------------
F4 = np.arange(4, dtype=np.float32).tobytes()

HOSTILE: dict[str, tuple[Any, bytes, str]] = {
    "overlap": (described(("a", "F32", [2], [0, 8]), ("b", "F32", [2], [4, 12])), F4, "overlaps"),
    "same place": (described(("a", "U8", [4], [0, 4]), ("b", "U8", [4], [0, 4])), F4, "overlaps"),
    "hole": (described(("a", "F32", [1], [0, 4]), ("b", "F32", [2], [8, 16])), F4, "hole"),
    "hole in front": (described(("a", "F32", [3], [4, 16])), F4, "hole"),
    "rest": (described(("a", "F32", [3], [0, 12])), F4, "4 bytes follow"),
    "rest of nothing": ({}, F4, "16 bytes follow"),
    "missing": (described(("a", "F32", [5], [0, 20])), F4, "cut off"),
    "reversed": (described(("a", "F32", [4], [16, 0])), F4, "before it begins"),
    "negative place": (described(("a", "F32", [4], [-16, 0])), F4, "two places"),
    "one place": (described(("a", "F32", [4], [16])), F4, "two places"),
    "place of truth": (described(("a", "F32", [0], [False, False])), b"", "two places"),
    "place of float": (described(("a", "F32", [4], [0.0, 16.0])), F4, "two places"),
    "place beyond": (described(("a", "F32", [4], [2**64, 2**64 + 16])), F4, "two places"),
    "too few bytes": (described(("a", "F32", [5], [0, 16])), F4, "needs 20 bytes"),
    "too many bytes": (described(("a", "F32", [3], [0, 16])), F4, "needs 12 bytes"),
    "overflow to 0": (described(("a", "F32", [2**32, 2**32], [0, 0])), b"", "needs"),
    "overflow to 16": (described(("a", "U8", [2**62, 4, 2**62, 16], [0, 16])), F4, "needs"),
    "huge": (described(("a", "F32", [2**60], [0, 2**62])), F4, "cut off"),
    "huge and empty": (described(("a", "F32", [2**62, 0], [0, 0])), b"", "claims an axis"),
    "negative size": (described(("a", "F32", [-1, -4], [0, 16])), F4, "no shape"),
    "size of truth": (described(("a", "F32", [True, 4], [0, 16])), F4, "no shape"),
    "size of float": (described(("a", "F32", [4.0], [0, 16])), F4, "no shape"),
    "size of text": (described(("a", "F32", ["4"], [0, 16])), F4, "no shape"),
    "shape of none": (described(("a", "F32", None, [0, 16])), F4, "no shape"),
    "shape of dict": (described(("a", "F32", {}, [0, 16])), F4, "no shape"),
    "65 axes": (described(("a", "F32", [4, *[1] * 64], [0, 16])), F4, "no shape"),
    "unknown dtype": (described(("a", "F33", [4], [0, 16])), F4, "dtype 'F33'"),
    "bfloat16": (described(("a", "BF16", [8], [0, 16])), F4, "dtype 'BF16'"),
    "numpy's dtype": (described(("a", "float32", [4], [0, 16])), F4, "dtype 'float32'"),
    "object dtype": (described(("a", "O", [2], [0, 16])), F4, "dtype 'O'"),
    "dtype of list": (described(("a", ["F32"], [4], [0, 16])), F4, "dtype"),
    "no dtype": ({"a": {"shape": [4], "data_offsets": [0, 16]}}, F4, "is not described"),
    "extra": ({"a": {**described(("a", "F32", [4], [0, 16]))["a"], "x": 1}}, F4, "not described"),
    "no dict": ({"a": [1, 2]}, F4, "not described"),
    "metadata of numbers": ({"__metadata__": {"a": 1}}, b"", "made of texts"),
    "metadata of dicts": ({"__metadata__": {"a": {}}}, b"", "made of texts"),
    "metadata of list": ({"__metadata__": ["a"]}, b"", "made of texts"),
    "metadata of none": ({"__metadata__": None}, b"", "made of texts"),
    "truth of 2": (described(("a", "BOOL", [2], [0, 2])), b"\1\2", "bytes than 0 and 1"),
    "twice": ('{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},'
              '"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}', F4, "'a' twice"),
    "twice inside": ('{"a":{"dtype":"F32","shape":[4],"shape":[4],"data_offsets":[0,16]}}',
                     F4, "'shape' twice"),
    "metadata twice": ('{"__metadata__":{},"__metadata__":{"a":"b"}}', b"", "twice"),
    "twice by escapes": ('{"__metadata__":{"a":"b","\\u0061":"c"}}', b"", "'a' twice"),
    "nan": ('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,16]}}', F4, "NaN"),
    "infinity": ('{"a":{"dtype":"F32","shape":[Infinity],"data_offsets":[0,16]}}', F4, "Infinity"),
    "1e999": ('{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,16]}}', F4, "1e999"),
    "long number": ('{"a":{"shape":[' + "9" * 5000 + "]}}", b"", "5000 digits"),
    "deep lists": ("{" + '"a":' + "[" * 5000 + "]" * 5000 + "}", b"", "levels deep"),
    "deep objects": ('{"a":' * 5000 + "1" + "}" * 5000, b"", "levels deep"),
    "deep and open": ("{" + "[" * 5000, b"", "levels deep"),
    "5 levels": ('{"a":{"b":{"c":{"d":1}}}}', b"", "4 levels deep"),
    "no json": ("{'a': 1}", b"", "no JSON"),
    "two values": ("{} {}", b"", "no JSON"),
    "comma": ('{"a":1,}', b"", "no JSON"),
    "control": ('{"__metadata__":{"a":"\n"}}', b"", "no JSON"),
    "half a character": ('{"__metadata__":{"a":"\\ud800"}}', b"", "half a character"),
    "latin-1": (b'{"__metadata__":{"a":"\xe4"}}', b"", "not UTF-8"),
    "surrogate bytes": (b'{"__metadata__":{"a":"\xed\xa0\x80"}}', b"", "not UTF-8"),
    "utf-16": ("{}".encode("utf-16-le"), b"", "no JSON"),
    "byte order mark": (b"\xef\xbb\xbf{}", b"", "no JSON object"),
    "a list": ("[]", b"", "no JSON object"),
    "space in front": (" {}", b"", "no JSON object"),
    "zeros behind": (b"{}\0\0\0\0\0\0", b"", "no JSON"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_headers(tmp_path: Path, case: str) -> None:
    header, data, reason = HOSTILE[case]
    path = raw_file(tmp_path / "a.safetensors", header, data)
    with pytest.raises(FileFormatError, match=reason) as caught:
        read_tensors(path, require_checksum=False)
    assert str(path) in str(caught.value)


def test_the_raw_files_are_right_but_for_the_fault(tmp_path: Path) -> None:
    """The test above proves something: the same file without a fault is read."""
    header = described(("b", "F32", [2], [8, 16]), ("a", "F32", [2, 1], [0, 8]))
    arrays, _ = read_tensors(raw_file(tmp_path / "a", header, F4), require_checksum=False)
    assert arrays["b"].tolist() == [2, 3]
    assert arrays["a"].tolist() == [[0], [1]]


@pytest.mark.parametrize("length", [0, 1, 17, 10**6, 100_000_001, 2**31, 2**60, 2**63, 2**64 - 1])
def test_absurd_lengths(tmp_path: Path, length: int) -> None:
    path = raw_file(tmp_path / "a", "{}" + " " * 14, length=length)
    with pytest.raises(FileFormatError):
        read_tensors(path, require_checksum=False)


def test_a_length_of_more_than_the_limit_is_refused_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with open(path, "wb") as file:
        file.write((100_000_001).to_bytes(8, "little") + b"{")
        file.truncate(8 + 100_000_001)  # a hole: it takes no place on the disk
    with pytest.raises(FileFormatError, match="at most 100000000"):
        read_tensors(path, require_checksum=False)


def pickled() -> bytes:
    return pickle.dumps({"a": 1})


def zipped(write: Any) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def keras_like(buffer: io.BytesIO) -> None:
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", "{}")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (pickled(), "pickle"),
        *((pickle.dumps([1.5], protocol), "pickle") for protocol in range(6)),
        (zipped(lambda b: np.savez(b, a=np.zeros(3))), "zip archive"),
        (zipped(keras_like), "zip archive"),
        (zipped(lambda b: np.save(b, np.zeros(3))), "NumPy array file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        (b"\x1f\x8b\x08" + bytes(30), "gzip"),
        (b"GGUF" + bytes(30), "GGUF"),
    ],
)
def test_other_formats_are_told_by_name(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=name):
        read_tensors(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        read_tensors(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormatError, match="no regular file"):
        read_tensors(tmp_path / "pipe")


# --- time and memory --------------------------------------------------------------------------
def costly(path: Path, kind: str) -> None:
    if kind == "2**60 bytes":
        raw_file(path, described(("a", "U8", [2**60], [0, 2**60])))
    elif kind == "open brackets":
        raw_file(path, b"{" + b"[" * 30_000_000)
    elif kind == "many names":
        raw_file(path, b"{" + b",".join(b'"%d":1' % i for i in range(3_000_000)) + b"}")
    elif kind == "long list":
        raw_file(path, b'{"a":[' + b"1," * 15_000_000 + b"1]}")
    elif kind == "backslashes":
        raw_file(path, b'{"__metadata__":{"a":"' + b"\\\\" * 15_000_000)
    elif kind == "quotes":
        raw_file(path, b"{" + b'"",' * 10_000_000 + b"}")
    elif kind == "escaped quotes":
        raw_file(path, b'{"__metadata__":{"a":"' + b'\\"' * 15_000_000)
    elif kind == "digits":
        raw_file(path, b'{"a":' + b"9" * 30_000_000 + b"}")


@pytest.mark.parametrize(
    "kind",
    [
        "2**60 bytes",
        "open brackets",
        "many names",
        "long list",
        "backslashes",
        "quotes",
        "escaped quotes",
        "digits",
    ],
)
def test_hostile_files_cost_little(tmp_path: Path, kind: str) -> None:
    """At most a few times the size of the file in memory, and about a second."""
    path = tmp_path / "a"
    costly(path, kind)
    size = path.stat().st_size
    began = time.process_time()
    with pytest.raises(FileFormatError):
        read_tensors(path, require_checksum=False)
    assert time.process_time() - began < 2  # a second on a machine of its own
    tracemalloc.start()
    with pytest.raises(FileFormatError):
        read_tensors(path, require_checksum=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * size + 1_000_000


def test_reading_takes_the_memory_of_the_arrays_once(tmp_path: Path) -> None:
    array = np.ones(4_000_000, np.float32)
    write_tensors(tmp_path / "a", {"a": array})
    tracemalloc.start()
    arrays, _ = read_tensors(tmp_path / "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert arrays["a"].nbytes == array.nbytes
    assert peak < 1.1 * array.nbytes


# --- JSON -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "value",
    [{}, [], 1, -2.5e-3, "", None, True, {"a": [1, {"b": ['"', "\\", "[{", "é\u2028"]}]}, 2**63],
)  # fmt: skip
def test_json_is_read_as_python_reads_it(value: Any) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        assert parse_json(text.encode(), "it") == value


def test_json_depth_is_counted_outside_of_texts() -> None:
    assert parse_json(json.dumps({"a": "[" * 5000 + '\\"' * 50}).encode(), "it")
    deep = "[" * 200 + "]" * 200
    assert parse_json(deep.encode(), "it")
    with pytest.raises(FileFormatError, match="201 levels"):
        parse_json(f"[{deep}]".encode(), "it")
