"""The IDX format of the MNIST files: a header of big-endian numbers, then the values in C order.

    bytes 0–1        zero
    byte 2           type of the values: 08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64
    byte 3           number of axes, d
    bytes 4 …        d lengths of four bytes each
    then             the values, big-endian, and nothing after them

Source: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits", section on the file formats.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..npz import most_unpacked

__all__ = ["parse_idx", "read_idx", "unpacked"]

_LONGEST_HEADER = 4 + 4 * 255
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, packed by gzip or not (its content tells, not its name).

    Args:
        path: the file.

    Returns:
        An array of the file's shape and type, in the machine's byte order, with memory of its own.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a whole IDX file; the message says which field is wrong.
    """
    return parse_idx(unpacked(Path(path).read_bytes(), str(path)), str(path))


def unpacked(data: bytes, name: str) -> bytes:
    """What a gzip file holds; other data as they are.

    No more is unpacked than the header of an IDX file says, and of other files than ``most_unpacked`` allows.

    Raises:
        ValueError: the gzip file is truncated or damaged, or holds more.
    """
    if not data.startswith(b"\x1f\x8b"):
        return data
    most = most_unpacked(len(data))
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            content = file.read(_LONGEST_HEADER)
            said = _length(content)
            if said is None or said <= most:
                content += file.read(max((said or most) - len(content), 0) + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{name} is not a whole gzip file: {error}") from error
    if said is not None and said <= most and len(content) > said:
        raise ValueError(f"{name} has more bytes than its header says: {said} would be right")
    if max(said or 0, len(content)) > most:
        raise ValueError(
            f"{name} would unpack from {len(data)} bytes to more than {most}, which are not taken from a file of this size"
        )
    return content


def _length(data: bytes) -> int | None:
    """How many bytes an IDX file has by its header, None if it begins with none."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES or len(data) < 4 + 4 * data[3]:
        return None
    start = 4 + 4 * data[3]
    return (
        start
        + math.prod([int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4)])
        * np.dtype(_TYPES[data[2]]).itemsize
    )


def parse_idx(data: bytes, name: str) -> NDArray[Any]:
    """The array in the bytes of an IDX file; ``name`` is what the errors call it.

    Raises:
        ValueError: a field of the header is wrong, or the number of bytes is not what it says.
    """
    if len(data) < 4:
        raise ValueError(f"{name} is not an IDX file: it has {len(data)} bytes, the header alone has at least 4")
    if data[:2] != b"\0\0":
        raise ValueError(f"{name} is not an IDX file: it begins with {data[:4]!r}, an IDX file with two zero bytes")
    if data[2] not in _TYPES:
        raise ValueError(
            f"{name} is not an IDX file: the type of its values is {data[2]:#04x}; the types are {', '.join(f'{code:#04x}' for code in _TYPES)}"
        )
    dtype, axes = np.dtype(_TYPES[data[2]]), data[3]
    start = 4 + 4 * axes
    if len(data) < start:
        raise ValueError(f"{name} is truncated: it has {len(data)} bytes, its header of {axes} axes has {start}")
    if axes == 0 or axes > 64:
        raise ValueError(f"{name} is not an IDX file: it says that its values have {axes} axes")
    shape = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4))
    expected = _length(data)
    assert expected is not None
    if len(data) != expected:
        what = "is truncated" if len(data) < expected else "has more bytes than its header says"
        raise ValueError(
            f"{name} {what}: {len(data)} bytes, and {expected} would be right for {dtype.newbyteorder('=')} values of shape {shape}"
        )
    try:
        return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
    except ValueError as error:  # 0 elements, and axes too long for memory
        raise ValueError(f"{name} has values of shape {shape}: {error}") from error
