"""``.npz`` archives without pickle: named arrays and named texts in a zip file, each with its checksum."""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["DamagedError", "most_unpacked", "read_archive", "read_json", "short", "write_archive"]

Array = NDArray[Any]

# Booleans, numbers, texts and times: what NumPy writes as bytes alone.
PLAIN = "biufcSUmM"

# NumPy reads no longer headers; before the header of the last two versions stand 12 bytes.
_HEADER = 10_000
_VERSIONS = {(1, 0), (2, 0), (3, 0)}
_PIECE = 2**20  # bytes

# What zipfile and zlib raise on bytes that are no archive, or no longer one. RuntimeError: a flipped bit says "encrypted".
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    OSError,
    struct.error,
)

LONGEST_REASON = 600


class DamagedError(ValueError):
    """The bytes are not what they should be; the message says how, and is cut where names or bytes of the file make it long."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…")


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


def most_unpacked(packed: int) -> int:
    """How many bytes as many compressed ones may unpack to: deflate makes 1032 of one, and then they are no data but a bomb."""
    return max(2**26, 64 * packed)


def read_json(text: bytes, what: str) -> Any:
    """What a text in JSON says; ``what`` is what the errors call it.

    Raises:
        DamagedError: it is none, nested too deeply, or has one name twice in an object.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except DamagedError as error:
        raise DamagedError(f"its {what} {error}") from None
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"its {what} is no JSON that can be read ({error})") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise DamagedError(f"has {next(name for name in names if names.count(name) > 1)[:100]!r} twice")
    return found


def read_archive(path: Path) -> tuple[dict[str, Array], dict[str, bytes]]:
    """The arrays (writable, their own memory) and the other entries of an archive, every checksum verified.

    What the directory and the headers say is compared with the size of the file before memory is taken for it.

    Raises:
        DamagedError: the file is not an archive, is cut short, was altered, holds something other than plain arrays, or would unpack
            to more than :func:`most_unpacked`.
        OSError: the file cannot be opened.
    """
    arrays: dict[str, Array] = {}
    others: dict[str, bytes] = {}
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except _BROKEN as error:
            raise DamagedError(
                f"it is not a whole .npz archive: it was cut short or altered, or is of another format ({error})"
            ) from error
        with archive:
            _check_directory(file, archive)
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                try:
                    with archive.open(entry) as stream:
                        if name == entry.filename:
                            others[name] = stream.read(entry.file_size + 1)
                        else:
                            arrays[name] = _read_array(name, stream, entry.file_size)
                except DamagedError:
                    raise
                except MemoryError as error:
                    raise DamagedError(
                        f"its entry {entry.filename!r} has {entry.file_size} bytes, for which there is no memory"
                    ) from error
                except _BROKEN as error:
                    raise DamagedError(f"its entry {entry.filename!r} was altered ({error})") from error
    return arrays, others


def _check_directory(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Compare what the directory says with the file; nothing has been unpacked yet."""
    entries = archive.infolist()
    file.seek(-22 - len(archive.comment), os.SEEK_END)
    (count,) = struct.unpack_from("<H", file.read(22), 10)  # in the last record, which zipfile passes over
    # Archives of more entries have the number elsewhere.
    if count != 0xFFFF and count != len(entries):
        raise DamagedError(f"its list of entries was altered: {len(entries)} are found where there were {count}")
    seen = set()
    for entry in entries:
        if entry.filename in seen:
            raise DamagedError(f"it has two entries named {entry.filename!r}")
        seen.add(entry.filename)
        if "\0" in entry.orig_filename:
            raise DamagedError(f"its entry {entry.orig_filename!r} has a zero character in its name")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DamagedError(
                f"its entry {entry.filename!r} is neither stored nor deflated, but packed by method {entry.compress_type}"
            )
        if entry.compress_type == zipfile.ZIP_STORED and entry.compress_size != entry.file_size:
            raise DamagedError(
                f"its entry {entry.filename!r} was altered: it is stored, and {entry.file_size} bytes in {entry.compress_size}"
            )
    size = file.seek(0, os.SEEK_END)
    held = sum(entry.compress_size for entry in entries)
    if held > size:
        raise DamagedError(f"its list of entries was altered: they have {held} bytes, the file has {size}")
    unpacked = sum(entry.file_size for entry in entries if entry.compress_type == zipfile.ZIP_DEFLATED)
    if unpacked > most_unpacked(size):
        raise DamagedError(
            f"its {size} bytes would unpack to {unpacked}, and more than {most_unpacked(size)} are not taken from a compressed file of this size; "
            "if you trust it, write its arrays again uncompressed (np.savez)"
        )


def _read_array(name: str, stream: IO[bytes], size: int) -> Array:
    """The array of an ``.npy`` file of this size, which must be what its header says."""
    start = stream.read(min(size + 1, 12 + _HEADER))
    header = io.BytesIO(start)
    try:
        version = np.lib.format.read_magic(header)
        if version not in _VERSIONS:
            raise DamagedError(f"its version is {version}")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(header)
    except Exception as error:
        raise DamagedError(f"its entry {name!r} is not an array in NumPy's format ({_first_line(error)})") from error
    if dtype.kind not in PLAIN:
        raise DamagedError(
            f"its entry {name!r} has dtype {dtype}, which would need pickle or has no place here; only numbers, booleans, texts and times are read"
        )
    count = math.prod(shape)
    there, needed = size - header.tell(), count * dtype.itemsize
    if count > max(there, _PIECE):
        raise DamagedError(f"its entry {name!r} has {there} bytes and says that they are {short(count)} elements")
    if min(shape, default=0) < 0 or there != needed:
        raise DamagedError(
            f"its entry {name!r} has {there} bytes where shape {short(shape)} and dtype {dtype} need {short(needed)}"
        )
    flat = np.empty(needed, np.uint8)
    place = flat.data
    piece = start[header.tell() :]
    at = 0
    while piece:
        place[at : at + len(piece)] = piece
        at += len(piece)
        piece = stream.read(min(needed - at + 1, _PIECE))  # the last one is empty, and has zipfile look at the checksum
    if at != needed:
        raise DamagedError(f"its entry {name!r} ends after {at} of {needed} bytes")
    try:
        return np.ndarray(shape, dtype, flat, order="F" if fortran else "C")
    except (ValueError, TypeError, OverflowError) as error:
        raise DamagedError(f"its entry {name!r} has shape {short(shape)}: {error}") from error


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"


def short(value: Any) -> str:
    """A shape or a number from a file; Python refuses to print integers of more than 4300 digits."""
    try:
        text = str(value)
    except ValueError:
        return "of thousands of digits"
    return text if len(text) <= 100 else f"{text[:100]}…"
