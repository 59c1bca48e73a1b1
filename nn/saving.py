"""Saving and loading: the weights of a model as ``.safetensors`` or ``.npz``, and whole checkpoints. Never pickle.

A file is written under another name and renamed, so it is whole whenever it is there. A file that is cut short, altered, or does
not fit the model raises :class:`SavingError`, and the model stays as it was.

``.npz`` holds the arrays as they are here. ``.safetensors`` is the format that PyTorch's users exchange, so the file of a model has
PyTorch's names and PyTorch's layout of the axes (``Linear.weight`` is (out, in) there and (in, out) here): what
``safetensors.torch.save_file(model.state_dict(), path)`` wrote loads into the same architecture here, and the other way round.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from autograd_np import files

from .module import Module
from .npz import DamagedError, read_archive, read_json, short, write_archive

__all__ = ["SavingError", "load", "read_metadata", "save"]

Array = NDArray[Any]
M = TypeVar("M", bound=Module)

METADATA = "__metadata__.json"
CHECKSUM = "autograd_np.crc32"
# A .safetensors file with this name among its metadata was written here, and has a checksum, which covers it too. The two names
# stand apart, so that what damages one of them leaves the other, or a trace of it.
WRITER = "autograd_np"

# The names that the header of a .safetensors file has for what NumPy can hold. BF16 is the upper half of a float32.
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8", "BOOL": "|b1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1",
}  # fmt: skip
CODES = {np.dtype(code): name for name, code in DTYPES.items() if name != "BF16"}


class SavingError(ValueError):
    """A file cannot be written as asked, is damaged, or does not fit the model. The message names the file."""


# ---------------------------------------------------------------------------------------------- public


def save(
    obj: Module | Mapping[str, Any], path: str | os.PathLike[str], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write the parameters and buffers of a model to a file.

    The file is written under another name in the same folder, forced to the disk and renamed: an interruption leaves the old
    file. A ``.safetensors`` file of a module has PyTorch's layout of the axes. The arrays of a plain dictionary are written as they
    stand, since there is no layer to say which of them are transposed in PyTorch.

    Args:
        obj: the module, or a dictionary from names to arrays such as ``model.state_dict()``.
        path: the file. Its suffix says the format: ``.npz`` or ``.safetensors``.
        metadata: texts by name, to be kept in the file.

    Raises:
        SavingError: the suffix is another one, or a value is no array of numbers that the format can hold.
        OSError: the file cannot be written.

    >>> import tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "weights.npz")
    >>> save({"w": np.arange(3.0)}, path, metadata={"epochs": "10"})
    >>> load(path)
    {'w': array([0., 1., 2.])}
    >>> read_metadata(path)
    {'epochs': '10'}
    >>> folder.cleanup()
    """
    if isinstance(path, (Module, Mapping)):
        raise TypeError("save: the model comes first, then the path: nn.save(model, 'model.npz')")
    form = _format(path)
    notes = _texts(path, metadata)
    if isinstance(obj, Module):
        layouts = obj.torch_axes() if form == ".safetensors" else {}
        state = {
            name: np.transpose(array, layouts[name]) if name in layouts else array
            for name, array in obj.state_dict().items()
        }
    elif isinstance(obj, Mapping):
        state = dict(obj)
    else:
        raise TypeError(f"save: the first argument is a Module or a dictionary of arrays, not {type(obj).__name__}")
    arrays = {name: _plain(path, name, value) for name, value in state.items()}
    if form == ".npz":
        texts = {METADATA: json.dumps(notes)} if notes else {}
        with files.replacing(path) as file:
            write_archive(file, arrays, texts)
    else:
        stored = _storable(path, arrays)
        with files.replacing(path) as file:
            _write_safetensors(file, stored, notes)


@overload
def load(path: str | os.PathLike[str], model: None = None, strict: bool = True) -> dict[str, Array]: ...
@overload
def load(path: str | os.PathLike[str], model: M, strict: bool = True) -> M: ...
def load(path: str | os.PathLike[str], model: M | None = None, strict: bool = True) -> M | dict[str, Array]:
    """Read what :func:`save` wrote, or a ``.safetensors`` file from elsewhere.

    Everything is checked before the first parameter is written: a file that is damaged or does not fit leaves the model as it was.
    The dtype of the model stays. Real values are converted to the parameter's precision, as in PyTorch (``float64``, ``float16`` and
    ``bfloat16`` into ``float32``), and integers to the buffer's width; a value that would not fit, and a change between integers,
    reals and complex numbers, is refused.

    Args:
        path: a ``.npz`` or ``.safetensors`` file.
        model: the module to load into. Without one the arrays are returned as the file holds them, with ``bfloat16`` as ``float32``;
            the axes of a ``.safetensors`` file of a model are then PyTorch's.
        strict: whether the names must be the same on both sides. If False, names that only one side has are passed over.

    Returns:
        The model, or the dictionary from names to arrays.

    Raises:
        SavingError: the file is damaged, of another format, or does not fit the model, or it is compressed and would unpack to more than
            64 times its size (and more than 64 MiB).
        FileNotFoundError: there is no such file.
        ImportError: ``.safetensors`` without the package ``safetensors``.
    """
    if isinstance(path, Module):
        raise TypeError("load: the path comes first, then the model: nn.load('model.npz', model)")
    arrays, notes = _read(path)
    if model is None:
        return arrays
    if not isinstance(model, Module):
        raise TypeError(f"load: model is a Module, not {type(model).__name__}")
    own = model.state_dict()
    # safetensors.torch.save_model writes a shared parameter once, and notes under each of its other names where to find it.
    for name in own.keys() - arrays.keys():
        if notes.get(name) in arrays:
            arrays[name] = arrays[notes[name]]
    layouts = model.torch_axes() if _format(path) == ".safetensors" else {}
    model.load_state_dict(_fitted(path, arrays, own, layouts, strict), strict=strict)
    return model


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts that a file was saved with, without those that the formats add themselves.

    Raises:
        SavingError: the file is damaged or of another format.
        FileNotFoundError: there is no such file.
    """
    return _read(path)[1]


# ----------------------------------------------------------------------------------- what fits a model


def _fitted(
    path: str | os.PathLike[str],
    arrays: dict[str, Array],
    own: dict[str, Array],
    layouts: dict[str, tuple[int, ...]],
    strict: bool,
) -> dict[str, Array]:
    """The arrays of the file in the layout and the dtypes of the model's own.

    Raises:
        SavingError: naming every array that does not fit.
    """
    wrong = []
    if strict:
        missing = [name for name in own if name not in arrays]
        unexpected = [name for name in arrays if name not in own]
        if missing:
            wrong.append(f"the model has, but the file has not: {_listed(missing)}")
        if unexpected:
            wrong.append(f"the file has, but the model has not: {_listed(unexpected)}")
    fitted = {}
    for name, target in own.items():
        if name not in arrays:
            continue
        array = arrays[name]
        axes = layouts.get(name, tuple(range(target.ndim)))
        expected = tuple(target.shape[axis] for axis in axes)
        if array.shape != expected:
            note = f" (in PyTorch's layout; {target.shape} here)" if name in layouts else ""
            wrong.append(f"{name}: shape {array.shape} in the file, {expected} in the model{note}")
            continue
        try:
            fitted[name] = np.transpose(_converted(array, target.dtype), np.argsort(axes))
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        hint = (
            "; strict=False passes over names that only one side has"
            if wrong[0].startswith(("the model has", "the file has"))
            else ""
        )
        raise SavingError(
            f"{path} does not fit the model, which stays as it was: {'; '.join(wrong[:12])}{'; …' if len(wrong) > 12 else ''}{hint}"
        )
    return fitted


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _family(dtype: np.dtype[Any]) -> str:
    return {"f": "real", "c": "complex", "b": "boolean", "i": "integer", "u": "integer"}[dtype.kind]


def _converted(array: Array, dtype: np.dtype[Any]) -> Array:
    """The array with another precision.

    Raises:
        ValueError: the kinds of numbers differ, or a value would be lost.
    """
    if _family(array.dtype) != _family(dtype):
        raise ValueError(f"{array.dtype} in the file, {dtype} in the model")
    with np.errstate(over="ignore", under="ignore"):
        converted = array.astype(dtype)
    lost = converted != array if _family(dtype) == "integer" else np.isfinite(array) & ~np.isfinite(converted)
    if np.any(lost):
        raise ValueError(f"{array.dtype} in the file has values beyond the range of {dtype} in the model")
    return converted


# ------------------------------------------------------------------------------------------ the formats


def _format(path: str | os.PathLike[str]) -> str:
    """The suffix of the path, if it is one of the two."""
    suffix = Path(path).suffix.lower()
    if suffix in (".npz", ".safetensors"):
        return suffix
    if suffix in (".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt"):
        raise SavingError(
            f"{path}: {suffix} files are pickles, which run code when they are read; "
            "in PyTorch write safetensors.torch.save_file(model.state_dict(), 'model.safetensors'), and load that"
        )
    raise SavingError(f"{path}: the suffix says the format, and must be .npz or .safetensors")


def _texts(path: str | os.PathLike[str], metadata: Mapping[str, str] | None) -> dict[str, str]:
    """The metadata as a plain dictionary of texts."""
    notes = dict(metadata or {})
    items: list[tuple[Any, Any]] = list(notes.items())
    for key, value in items:
        if not isinstance(key, str) or not isinstance(value, str):
            raise SavingError(
                f"{path}: metadata are texts by name; {key!r}: {value!r} is not (write numbers with str(), structures with json.dumps())"
            )
        if key in ("format", CHECKSUM, WRITER):
            raise SavingError(f"{path}: the name {key!r} in metadata is taken by the format itself")
    return notes


def _plain(path: str | os.PathLike[str], name: Any, value: Any) -> Array:
    """The array of an entry of a state dict, if it is one that needs no pickle."""
    if not isinstance(name, str):
        raise SavingError(f"{path}: {name!r} is not a name; the keys of a state dict are texts")
    if isinstance(value, Mapping):
        raise SavingError(f"{path}: {name} is a dictionary; a state dict is flat (save_checkpoint writes nested ones)")
    if hasattr(value, "requires_grad") and hasattr(value, "numpy"):
        value = value.numpy()
    if isinstance(value, (np.generic, bool, int, float, complex)):
        value = np.asarray(value)
    if type(value) is not np.ndarray:
        raise SavingError(f"{path}: {name} is no array of numbers but {type(value).__name__}")
    if value.dtype.kind not in "fciub":
        raise SavingError(
            f"{path}: {name} has dtype {value.dtype}, which holds no plain numbers; objects would need pickle, which is never written"
        )
    return value


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and the metadata of a file of either format."""
    form = _format(path)
    try:
        if form == ".safetensors":
            return _from_safetensors(Path(path).read_bytes())
        arrays, others = read_archive(Path(path))
        if others.keys() - {METADATA}:
            if "checkpoint.json" in others:
                raise DamagedError("it is a checkpoint: read it with nn.load_checkpoint(path)")
            raise DamagedError(f"it has entries that are no arrays: {_listed(sorted(others.keys() - {METADATA}))}")
        for name, array in arrays.items():
            if array.dtype.kind not in "fciub":
                raise DamagedError(f"its entry {name!r} has dtype {array.dtype}, which holds no numbers")
        return arrays, _notes(read_json(others.get(METADATA, b"{}"), METADATA))
    except DamagedError as error:
        raise SavingError(f"{path} cannot be read: {error}") from error
    except MemoryError as error:
        raise SavingError(f"{path} cannot be read: there is no memory for {Path(path).stat().st_size} bytes") from error


def _notes(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise DamagedError("its metadata are not texts by name")
    return value


# ------------------------------------------------------------------------------------------ safetensors


def _package() -> Any:
    try:
        import safetensors
    except ImportError:
        raise ImportError(
            'reading .safetensors files needs the package safetensors: pip install "autograd-np[safetensors]"'
        ) from None
    return safetensors


def _checksum(arrays: Mapping[str, Array], notes: Mapping[str, str]) -> str:
    """CRC-32 of everything that the file says. The format has no checksum of its own."""
    value = zlib.crc32(json.dumps(sorted(notes.items())).encode())
    for name in sorted(arrays):
        array = arrays[name]
        value = zlib.crc32(f"\n{name!a} {array.dtype.name} {array.shape}\n".encode(), value)
        value = zlib.crc32(array.reshape(-1).view(np.uint8).data, value)
    return f"{value:08x}"


def _write_safetensors(file: BinaryIO, arrays: Mapping[str, Array], notes: Mapping[str, str]) -> None:
    """Write the length of the header, the header as JSON, and the arrays without gaps: little-endian, in C order.

    (The package writes the same, in an order of its metadata that changes from run to run.)
    """
    header: dict[str, Any] = {
        "__metadata__": {WRITER: "1", "format": "pt", **notes, CHECKSUM: _checksum(arrays, {WRITER: "1", **notes})}
    }
    # Wide items first, so that each array begins at a multiple of its item's size.
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    end = 0
    for name in order:
        start, end = end, end + arrays[name].nbytes
        header[name] = {
            "dtype": CODES[arrays[name].dtype],
            "shape": list(arrays[name].shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in order:
        file.write(arrays[name].reshape(-1).view(np.uint8).data)


def _storable(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays as the format holds them.

    Raises:
        SavingError: a dtype or a name has no place in it.
    """
    plain = {}
    for name, array in arrays.items():
        little = array.dtype.newbyteorder("<")
        if little not in CODES:
            raise SavingError(
                f"{path}: {name} has dtype {array.dtype}, which the format does not hold; convert it, or save as .npz"
            )
        if name == "__metadata__":
            raise SavingError(f"{path}: the name __metadata__ is taken by the format itself")
        plain[name] = np.asarray(array, dtype=little, order="C")
    return plain


def _from_safetensors(content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and metadata of the content of a file.

    Raises:
        DamagedError: the content is not whole, was altered, or has a dtype that NumPy lacks.
    """
    package = _package()
    try:
        tensors = package.deserialize(content)
    except package.SafetensorError as error:
        raise DamagedError(
            f"it is not a whole .safetensors file: it was cut short or altered, or is of another format ({error})"
        ) from error
    # The package has checked that the header is whole; it hands out the arrays in an order that changes from run to run.
    header = read_json(content[8 : 8 + int.from_bytes(content[:8], "little")], "header")
    notes = _notes(header.get("__metadata__", {}))
    raw = {}
    halves = []
    for name, tensor in sorted(tensors, key=lambda pair: (header[pair[0]]["data_offsets"], pair[0])):
        code = DTYPES.get(tensor["dtype"])
        if code is None:
            raise DamagedError(
                f"{name} has dtype {tensor['dtype']}, which NumPy lacks; convert it with tensor.float() in PyTorch before saving"
            )
        try:
            raw[name] = np.frombuffer(tensor["data"], code).reshape(tensor["shape"])
        except (ValueError, OverflowError) as error:
            raise DamagedError(f"{name} has shape {short(tensor['shape'])}: {error}") from error
        if tensor["dtype"] == "BF16":
            halves.append(name)
    checksum = notes.pop(CHECKSUM, None)
    notes.pop("format", None)
    if checksum is None and any(WRITER in name or "np.crc32" in name for name in notes):
        raise DamagedError("its checksum is not there, although it was saved by autograd_np: it was altered")
    if checksum is not None and checksum != _checksum(raw, notes):
        raise DamagedError("its checksum does not agree with its content: it was altered after it was saved")
    notes.pop(WRITER, None)
    arrays = {}
    for name, array in raw.items():
        if name in halves:
            # bfloat16 is float32 without its lower 16 bits.
            arrays[name] = (array.astype(np.uint32) << 16).view(np.float32)
        else:
            arrays[name] = array.astype(array.dtype.newbyteorder("="))
    return arrays, notes
