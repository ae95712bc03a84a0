"""The IDX reader, on small files written here byte by byte."""

import gzip
import struct

import numpy as np
import pytest

from glassnet.datasets import IdxError, read_idx


def header(code, *lengths):
    return bytes([0, 0, code, len(lengths)]) + struct.pack(f">{len(lengths)}I", *lengths)


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "some-idx-file"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_reads_bytes_in_row_major_order(write, compress):
    x = read_idx(write(compress(header(0x08, 2, 3) + bytes([0, 1, 2, 253, 254, 255]))))
    assert x.dtype == np.uint8
    assert x.tolist() == [[0, 1, 2], [253, 254, 255]]


@pytest.mark.parametrize(
    ("code", "letter", "values", "dtype"),
    [
        (0x09, "b", [-128, 127], "int8"),
        (0x0B, "h", [-2, 513], "int16"),
        (0x0C, "i", [-70_000, 2**31 - 1], "int32"),
        (0x0D, "f", [-0.5, 1024.25], "float32"),
        (0x0E, "d", [-0.1, 1e300], "float64"),
    ],
)
def test_reads_every_type_into_native_byte_order(write, code, letter, values, dtype):
    x = read_idx(write(header(code, 2) + struct.pack(f">2{letter}", *values)))
    assert x.dtype == np.dtype(dtype)
    assert x.dtype.isnative
    assert x.tolist() == values


def test_reads_no_entries(write):
    assert read_idx(write(header(0x08, 0, 28, 28))).shape == (0, 28, 28)


def test_the_result_can_be_written_to(write):
    x = read_idx(write(header(0x08, 1) + b"\1"))
    x += 1
    assert x.tolist() == [2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "at least 4 bytes; the file has 0"),
        (b"\0\0\x08", "the file has 3"),
        (b"PK\x03\x04", "two zero bytes; this one starts with 50 4b"),
        (b"\0\0\x07\x01\0\0\0\0", "unknown type of entries 0x07"),
        (b"\0\0\x08\x00", "1 to 64 axes; the header says 0"),
        (b"\0\0\x08\xff" + bytes(4 * 255), "the header says 255"),
        (b"\0\0\x08\x02\0\0\0\x01\0\0", "within its header, which should name 2 lengths"),
        (header(0x08, 2, 2) + b"\1\2\3", "promises 4 bytes .* ends after 3.* truncated"),
        (header(0x0C, 1) + b"\0\0\0\1\0", "data goes on after the 4 bytes"),
        (header(0x08, 2**32 - 1, 2**32 - 1, 0), "no array has the shape"),
        # A promise of 16 exabytes, kept by nobody: an error, not a request for memory.
        (header(0x0E, 2**30, 2**29), "ends after 0"),
    ],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_refuses_what_is_no_idx_file(write, content, message, compress):
    with pytest.raises(IdxError, match=f"some-idx-file: .*{message}"):
        read_idx(write(compress(content)))


def test_refuses_truncation_at_every_byte(write):
    whole = header(0x08, 2, 2) + b"\1\2\3\4"
    assert read_idx(write(whole)).tolist() == [[1, 2], [3, 4]]
    for end in range(len(whole)):
        with pytest.raises(IdxError):
            read_idx(write(whole[:end]))


def test_refuses_damaged_compression_at_every_byte(write):
    whole = gzip.compress(header(0x08, 300) + bytes(range(150)) * 2, mtime=0)
    for end in range(2, len(whole)):
        with pytest.raises(IdxError, match=r"damaged|ends"):
            read_idx(write(whole[:end]))
    flipped = bytearray(whole)
    flipped[-8] ^= 1  # in the checksum
    with pytest.raises(IdxError, match="compression is damaged"):
        read_idx(write(bytes(flipped)))


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nowhere")
