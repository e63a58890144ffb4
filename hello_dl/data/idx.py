"""The IDX format of MNIST and EMNIST: a magic number, the sizes, then the numbers themselves.

    00 00 | kind of number | how many dimensions | size of each, 4 bytes, big-endian | numbers

Described at the foot of the MNIST page of LeCun, Cortes and Burges.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from hello_dl.data.sources import DataError, unpack

KINDS = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_DIMENSIONS = 32  # what numpy has always been able to hold


def read_idx(source: str | Path | bytes | bytearray, name: str = "") -> np.ndarray:
    """The array in an IDX file, plain or gzip, given by its path or as bytes; native byte order.

    Single-byte numbers are a view of the unpacked bytes, without a copy. `name` stands for bytes in
    errors. DataError for a wrong magic number, or fewer or more bytes than the header promises.
    """
    if isinstance(source, (str, Path)):
        name = name or str(source)
        content: bytes | bytearray = unpack(Path(source), name)
    else:
        name = name or "the IDX data"
        content = unpack(bytes(source), name) if source[:2] == b"\x1f\x8b" else source
    kind, shape, start = _header(content, name)
    # Python's integers cannot overflow, and the product is only compared, never allocated:
    # a header that claims 4 billion pictures is refused here.
    expected = math.prod(shape) * kind.itemsize
    found = len(content) - start
    if found != expected:
        what = "truncated" if found < expected else "too long"
        told = f"its header promises {_times(shape)} = {expected:,} bytes, {found:,} follow"
        raise DataError(f"{name} is {what}: {told}", "replace it with a whole copy")
    numbers = np.frombuffer(content, dtype=kind, offset=start).reshape(shape)
    return numbers.astype(kind.newbyteorder("="), copy=False)


def _header(content: bytes | bytearray, name: str) -> tuple[np.dtype, tuple[int, ...], int]:
    """The kind of number, the shape, and the index of the first number's first byte."""
    magic = bytes(content[:4])
    fix = "name an IDX file, such as train-images-idx3-ubyte"
    if len(magic) < 4:
        raise DataError(f"{name} is no IDX file: it has {len(magic)} bytes, not even a magic", fix)
    zeros, code, dimensions = magic[:2], magic[2], magic[3]
    if zeros != b"\0\0" or code not in KINDS or not 1 <= dimensions <= MOST_DIMENSIONS:
        told = f"it begins {magic.hex(' ')}, not 00 00, a kind (08 to 0e) and 1 to 32 dimensions"
        raise DataError(f"{name} is no IDX file: {told}", fix)
    start = 4 + 4 * dimensions
    if len(content) < start:
        told = f"the header needs {start} bytes, the file has {len(content)}"
        raise DataError(f"{name} is truncated: {told}", "replace it with a whole copy")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4))
    if math.prod(max(size, 1) for size in shape) >= 2**48:  # more than any array, even if empty
        raise DataError(f"{name} is damaged: its header promises {_times(shape)} numbers", fix)
    return np.dtype(KINDS[code]), shape, start


def _times(shape: tuple[int, ...]) -> str:
    """A shape in words: "60000 x 28 x 28"."""
    return " x ".join(str(size) for size in shape)
