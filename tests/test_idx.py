"""The IDX reader: golden bytes for every kind of number, and every way a file can be wrong."""

import gzip
import struct

import numpy as np
import pytest

from hello_dl.data.idx import read_idx
from hello_dl.data.sources import DataError

GOLDEN = [
    ("08 02 00000002 00000002  00 01 80 ff", "uint8", [[0, 1], [128, 255]]),
    ("09 01 00000003  00 7f 80", "int8", [0, 127, -128]),
    ("0b 01 00000002  0102 fffe", "int16", [258, -2]),
    ("0c 01 00000002  01020304 ffffffff", "int32", [16909060, -1]),
    ("0d 01 00000002  3fc00000 c0000000", "float32", [1.5, -2.0]),
    ("0e 02 00000001 00000001  3ff8000000000000", "float64", [[1.5]]),
]


def idx(hex_digits):
    return bytes.fromhex("0000" + hex_digits.replace(" ", ""))


def header(kind, *shape):
    return struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape)


GOOD = header(8, 2, 3) + bytes(range(6))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("digits", "kind", "numbers"), GOLDEN)
def test_golden_bytes_of_every_kind(digits, kind, numbers, packed, tmp_path):
    content = gzip.compress(idx(digits)) if packed else idx(digits)
    path = tmp_path / "golden-idx"
    path.write_bytes(content)
    for source in (content, bytearray(content), path, str(path)):
        array = read_idx(source)
        assert array.dtype == np.dtype(kind) and array.dtype.isnative
        assert array.tolist() == numbers
    assert read_idx(path).flags.writeable


def test_three_dimensions_and_none_of_something():
    array = read_idx(header(8, 2, 3, 4) + bytes(range(24)))
    assert np.array_equal(array, np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    assert read_idx(header(8, 0, 28, 28)).shape == (0, 28, 28)


def test_single_bytes_are_not_copied():
    content = bytearray(GOOD)
    array = read_idx(content)
    content[-1] = 99
    assert array[1, 2] == 99


@pytest.mark.parametrize(
    "magic",
    [
        "00010802",
        "01000802",
        "00000702",
        "00000a02",
        "00000f02",
        "00000800",
        "000008ff",
        "3c21444f",
    ],
)
def test_a_wrong_magic_number_is_shown(magic):
    wrong = bytes.fromhex(magic)
    with pytest.raises(DataError) as caught:
        read_idx(wrong + GOOD[4:], "picture.idx")
    assert "picture.idx is no IDX file" in str(caught.value)
    assert wrong.hex(" ") in str(caught.value)


@pytest.mark.parametrize("length", range(len(GOOD)))
def test_every_truncation_is_an_error_that_names_the_file(length, tmp_path):
    path = tmp_path / "cut-idx"
    path.write_bytes(GOOD[:length])
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_lengths_expected_and_found_are_told():
    with pytest.raises(DataError, match="truncated.* 2 x 3 = 6 bytes, 5 follow"):
        read_idx(GOOD[:-1])
    with pytest.raises(DataError, match="too long.* 2 x 3 = 6 bytes, 7 follow"):
        read_idx(GOOD + b"\0")
    with pytest.raises(DataError, match="truncated.* 2 = 16 bytes, 15 follow"):
        read_idx(header(14, 2) + bytes(15))


@pytest.mark.parametrize("shape", [(2**32 - 1,) * 3, (2**32 - 1,) * 32, (2**31, 28, 28)])
@pytest.mark.parametrize("kind", [8, 14])
def test_absurd_sizes_are_refused_before_anything_is_allocated(kind, shape):
    with pytest.raises(DataError, match=f"{shape[0]} x "):
        read_idx(header(kind, *shape) + b"abc")


def test_absurd_sizes_hidden_behind_a_zero():
    with pytest.raises(DataError, match="0 x 4294967295"):
        read_idx(header(8, 0, *(2**32 - 1,) * 3))


def test_a_gzip_cut_short_or_changed_is_one_clear_line(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8).tobytes()
    packed = gzip.compress(header(8, 5000) + noise)
    path = tmp_path / "numbers-idx1-ubyte.gz"
    wrong_sum = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
    wrong_middle = packed[:2500] + bytes([packed[2500] ^ 1]) + packed[2501:]
    wrong_head = packed[:2] + b"\x07" + packed[3:]
    for content, word in [
        (packed[:3000], "truncated"),
        (packed[:-1], "truncated"),
        (packed[:3], "truncated"),
        (wrong_sum, "damaged: CRC"),
        (wrong_middle, "damaged"),
        (wrong_head, "damaged"),
        (packed + b"more", "damaged"),
    ]:
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_idx(path)
        assert str(path) in str(caught.value) and word in str(caught.value)
        assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path / "absent-idx")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)
    with pytest.raises(DataError, match="it has 0 bytes"):
        read_idx(b"")


def test_a_data_error_is_a_value_error_in_one_printable_line():
    error = DataError("two\nlines and \x1b[2J", "fix it")
    assert isinstance(error, ValueError)
    assert str(error) == "two lines and ?[2J; fix it"
