"""``.npz`` archives without pickle: named arrays and named texts in a zip file, each with its checksum."""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["DamagedError", "read_archive", "write_archive"]

Array = NDArray[Any]

# Booleans, numbers, texts and times: what NumPy writes as bytes alone.
PLAIN = "biufcSUmM"

# What zipfile and zlib raise on bytes that are no archive, or no longer one. RuntimeError: a flipped bit says "encrypted".
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError, ValueError, OverflowError, OSError, struct.error)


class DamagedError(ValueError):
    """The bytes are not what they should be; the message says how."""


def write_archive(file: BinaryIO, arrays: Mapping[str, Array], texts: Mapping[str, str]) -> None:
    """Write arrays as ``name.npy`` and texts under their names; ``numpy.load`` reads the result.

    The same content gives the same bytes: the entries have no date.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name), text.encode("utf-8"))
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def read_archive(path: Path) -> tuple[dict[str, Array], dict[str, bytes]]:
    """The arrays (writable, their own memory) and the other entries of an archive, every checksum verified.

    Raises:
        DamagedError: the file is not an archive, is cut short, was altered, or holds something other than plain arrays.
        OSError: the file cannot be opened.
    """
    arrays: dict[str, Array] = {}
    others: dict[str, bytes] = {}
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except _BROKEN as error:
            raise DamagedError(f"it is not a whole .npz archive: it was cut short or altered, or is of another format ({error})") from error
        with archive:
            _check_count(file, archive)
            for entry in archive.infolist():
                try:
                    content = archive.read(entry)
                except _BROKEN as error:
                    raise DamagedError(f"its entry {entry.filename!r} was altered ({error})") from error
                name = entry.filename.removesuffix(".npy")
                if name in arrays or entry.filename in others:
                    raise DamagedError(f"it has two entries named {entry.filename!r}")
                if name == entry.filename:
                    others[name] = content
                else:
                    arrays[name] = _decode(name, content)
    return arrays, others


def _check_count(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Compare the number of entries found with the one in the archive's last record, which zipfile passes over."""
    file.seek(-22 - len(archive.comment), os.SEEK_END)
    (count,) = struct.unpack_from("<H", file.read(22), 10)
    # Archives of more entries have the number elsewhere.
    if count != 0xFFFF and count != len(archive.infolist()):
        raise DamagedError(f"its list of entries was altered: {len(archive.infolist())} are found where there were {count}")


def _decode(name: str, content: bytes) -> Array:
    """The array of the content of an ``.npy`` file, whose length must be what its header says."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except (ValueError, OSError) as error:
        raise DamagedError(f"its entry {name!r} is not an array in NumPy's format ({error})") from error
    if dtype.kind not in PLAIN:
        raise DamagedError(
            f"its entry {name!r} has dtype {dtype}, which would need pickle or has no place here; only numbers, booleans, texts and times are read"
        )
    start = stream.tell()
    count = math.prod(shape)
    if min(shape, default=0) < 0 or len(content) - start != count * dtype.itemsize:
        raise DamagedError(f"its entry {name!r} has {len(content) - start} bytes where shape {shape} and dtype {dtype} need {count * dtype.itemsize}")
    if not dtype.itemsize:
        return np.zeros(shape, dtype)
    flat = np.frombuffer(content, dtype, count, start)
    return flat.reshape(shape, order="F" if fortran else "C").copy(order="K")
