"""Checkpoints: any tree of arrays, numbers and texts in one ``.npz`` file, restored exactly, without pickle."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_np import files

from .npz import PLAIN, DamagedError, read_archive, read_json, write_archive
from .saving import SavingError

__all__ = ["load_checkpoint", "save_checkpoint"]

Array = NDArray[Any]

TREE = "checkpoint.json"
VERSION = 1
# Integers beyond these would be rounded by readers of JSON that know float64 alone.
EXACT = 2**53
# What dtype.str is of the dtypes in PLAIN.
_SCALAR = re.compile(rf"[<>|][{PLAIN}][0-9]{{1,9}}(\[[0-9]*[a-zA-Zμ]{{1,7}}\])?")


def save_checkpoint(path: str | os.PathLike[str], /, **parts: Any) -> None:
    """Write everything that a run needs to be resumed: the model's state, the optimizer's, generators, histories.

    A part is a tree of dictionaries, lists and tuples whose leaves are arrays, NumPy scalars, numbers of any size, texts, bytes,
    booleans and None. :func:`load_checkpoint` gives back the same tree: values bit for bit, dtypes, 0-d arrays, lists and tuples as
    they were, keys of any of the leaf types. Arrays that shared memory come back apart.

    Arrays are entries ``0.npy``, ``1.npy``, … of the archive, and ``checkpoint.json`` says where in the tree each one stands. The
    file is written under another name in the same folder, forced to the disk and renamed: an interruption leaves the old file.

    Args:
        path: the file, with the suffix ``.npz``.
        **parts: the trees by name.

    Raises:
        SavingError: the suffix is another one, or the tree holds something else; the message says where.
        OSError: the file cannot be written.

    >>> import tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "run.npz")
    >>> rng = np.random.default_rng(0)
    >>> save_checkpoint(path, epoch=3, weights={"w": np.ones(2, np.float32)}, generator=rng.bit_generator.state)
    >>> parts = load_checkpoint(path)
    >>> parts["epoch"], parts["weights"]
    (3, {'w': array([1., 1.], dtype=float32)})
    >>> parts["generator"] == rng.bit_generator.state
    True
    >>> folder.cleanup()
    """
    _check_suffix(path)
    arrays: dict[str, Array] = {}
    try:
        tree = {name: _encode(part, arrays, name) for name, part in parts.items()}
        text = json.dumps({"format": "autograd_np checkpoint", "version": VERSION, "parts": tree})
    except _UnfitError as error:
        raise SavingError(f"{path} is not written: {error}") from None
    except RecursionError:
        raise SavingError(f"{path} is not written: the tree is nested too deeply, or contains itself") from None
    with files.replacing(path) as file:
        write_archive(file, arrays, {TREE: text})


def load_checkpoint(path: str | os.PathLike[str], /) -> dict[str, Any]:
    """Read what :func:`save_checkpoint` wrote.

    Returns:
        The parts by name.

    Raises:
        SavingError: the file is damaged, or no checkpoint.
        FileNotFoundError: there is no such file.
    """
    _check_suffix(path)
    try:
        arrays, others = read_archive(Path(path))
        if TREE not in others:
            raise DamagedError("it is no checkpoint but a plain archive of arrays: read it with nn.load(path)")
        document = read_json(others[TREE], TREE)
        if document["format"] != "autograd_np checkpoint":
            raise DamagedError(f"its format is {document['format']!r}")
        if document["version"] != VERSION:
            raise DamagedError(
                f"it is a checkpoint of version {document['version']!r}, and this release reads version {VERSION}; install a newer autograd-np"
            )
        return {name: _decode(part, arrays) for name, part in document["parts"].items()}
    except DamagedError as error:
        raise SavingError(f"{path} cannot be read: {error}") from error
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
        MemoryError,
        struct.error,
    ) as error:
        raise SavingError(
            f"{path} cannot be read: its {TREE} does not describe a tree ({type(error).__name__}: {error})"
        ) from error


def check_path(path: str | os.PathLike[str]) -> None:
    """Find out before the work is done whether a checkpoint can be written there.

    Raises:
        SavingError: the suffix is not ``.npz``.
        FileNotFoundError: there is no such folder.
    """
    _check_suffix(path)
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{path} cannot be written: there is no folder {folder}; make it first (Path.mkdir(parents=True, exist_ok=True))"
        )


def _check_suffix(path: str | os.PathLike[str]) -> None:
    if Path(path).suffix.lower() != ".npz":
        raise SavingError(f"{path}: a checkpoint is an archive with the suffix .npz")


class _UnfitError(Exception):
    """Something that has no place in a checkpoint."""


# In JSON, None, booleans, texts, small integers, finite floats and lists stand for themselves. Everything else is an object with one
# key, the kind.


def _encode(value: Any, arrays: dict[str, Array], where: str) -> Any:
    """The JSON for a tree; its arrays are added to ``arrays``."""
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if abs(value) < EXACT else {"int": hex(value)}
    if kind is float:
        # Infinities have no JSON, and a NaN carries bits.
        return value if math.isfinite(value) else {"float": struct.pack("<d", value).hex()}
    if kind is complex:
        return {"complex": struct.pack("<dd", value.real, value.imag).hex()}
    if kind is bytes:
        return {"bytes": base64.b64encode(value).decode()}
    if kind is list:
        return [_encode(item, arrays, f"{where}[{i}]") for i, item in enumerate(value)]
    if kind is tuple:
        return {"tuple": [_encode(item, arrays, f"{where}[{i}]") for i, item in enumerate(value)]}
    if kind is dict:
        return {
            "dict": [
                [_encode(key, arrays, f"a key of {where}"), _encode(item, arrays, f"{where}[{_name(key)}]")]
                for key, item in value.items()
            ]
        }
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in PLAIN:
        if isinstance(value, np.generic):
            return {"scalar": [value.dtype.str, base64.b64encode(value.tobytes()).decode()]}
        if kind is np.ndarray:
            name = str(len(arrays))
            arrays[name] = value
            return {"array": name}
    raise _UnfitError(f"{where} is {_what(value)}")


def _name(key: Any) -> str:
    """A key as it stands in a message; Python refuses to print integers of more than 4300 digits in decimal."""
    return hex(key) if type(key) is int and abs(key) >= EXACT else repr(key)


def _what(value: Any) -> str:
    """What a value is, and what to give in its place."""
    name = type(value).__name__
    if hasattr(value, "state_dict"):
        return f"an object {name}; give its .state_dict()"
    if isinstance(value, np.random.Generator):
        return "a Generator; give its .bit_generator.state"
    if hasattr(value, "requires_grad"):
        return f"a {name}; give its array, t.numpy()"
    if isinstance(value, (np.ndarray, np.generic)):
        return f"a {name} of dtype {value.dtype}, which would need pickle or would not come back as it is; give plain arrays of numbers, texts or times"
    if isinstance(value, (dict, list, tuple, str, bytes, int, float, complex)):
        return f"a {name}, whose type would be lost; give a plain {next(t.__name__ for t in type(value).__mro__[1:] if t.__module__ == 'builtins')}"
    return f"a {name}; a checkpoint holds dictionaries, lists, tuples, arrays, numbers, texts, bytes, booleans and None"


def _decode(value: Any, arrays: dict[str, Array]) -> Any:
    """The tree of a JSON."""
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "int":
        return int(content, 16)
    if kind == "float":
        return struct.unpack("<d", bytes.fromhex(content))[0]
    if kind == "complex":
        return complex(*struct.unpack("<dd", bytes.fromhex(content)))
    if kind == "bytes":
        return base64.b64decode(content, validate=True)
    if kind == "tuple":
        return tuple(_decode(item, arrays) for item in content)
    if kind == "dict":
        found = {_decode(key, arrays): _decode(item, arrays) for key, item in content}
        if len(found) != len(content):
            raise DamagedError(f"its {TREE} has a dictionary with one key twice")
        return found
    if kind == "array":
        return arrays[content]
    if kind == "scalar":
        if not _SCALAR.fullmatch(content[0]):
            raise DamagedError(f"it holds a scalar of dtype {content[0][:100]!r}")
        dtype = np.dtype(content[0])
        data = base64.b64decode(content[1], validate=True)
        return np.frombuffer(data, dtype).reshape(())[()] if dtype.itemsize else np.zeros((), dtype)[()]
    raise DamagedError(f"its {TREE} has a leaf of kind {kind!r}")
