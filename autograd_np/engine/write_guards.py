"""Guards against arrays that change between forward and backward.

Three ways an array on the tape could change, and what is done about each:

* **The library writes it** (an optimizer step, ``load_state_dict``, ``t.data = …``, ``t.writable()``):
  the write takes a position on the tape, and a backward pass through an older node that keeps the array
  raises :class:`~autograd_np.engine.errors.MutationError`.
* **The caller holds the memory** (an array used as an operand, wrapped by ``Tensor`` or given to a
  transform, an index array): where a rule keeps it, the tape keeps a copy, so the gradient is that of the
  values the operation saw. A read-only array is no exception: its owner can unlock it, and write.
* **The caller takes ``t.data``** while the tape keeps it: its content is remembered, and a backward pass
  that finds it changed raises. From then on the Tensor's memory counts as the caller's.

A copy costs 0.1 µs for small operands; for large ones it is made once and compared when the same memory is kept again.
"""

from __future__ import annotations

import copy
import functools
import types
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np

from .clock import LAST_WRITE, next_position
from .errors import MutationError, label

__all__ = ["check_unwritten", "clock", "expose", "exposed", "keep", "keep_option", "mark_written", "owner", "writable"]

# Classes of options that cannot change; of others, what can is copied.
FIXED = (type(None), int, slice, bool, str, float, type(...), types.FunctionType, type)

# id of the array that owns the memory → (weak reference, position of the write)
_writes: dict[int, tuple[Any, int]] = {}
# where an array lies and how → weak reference to the copy that nodes keep
_copies: dict[tuple[Any, ...], Any] = {}
# id of the array that owns the memory → (weak reference, the clocks of the programs that write it); by the ids of all that they write: the clocks
_programs: dict[int, tuple[Any, list[list[int]]]] = {}
_clocks: dict[frozenset[int], list[int]] = {}
# id of the array that owns the memory → (weak reference, position when handed out, its content then)
_exposed: dict[int, tuple[Any, int, Any]] = {}
# node of a Tensor that was given another array → the position of that
_replaced: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def owner(array: Any) -> Any:
    """The array that owns the memory an array looks into (through the helper objects of ``as_strided``)."""
    base = array.base if array.__class__ is np.ndarray else None
    while base is not None:
        if base.__class__ is np.ndarray:
            array = base
        base = getattr(base, "base", None)
    return array


def writable(value: Any) -> bool:
    """Whether the caller can write what an operand holds: any array, also one of another library; a number cannot change."""
    kind = value.__class__
    return not issubclass(kind, np.generic) and hasattr(kind, "nbytes") and hasattr(kind, "copy")


def keep(array: Any) -> Any:
    """A copy of an array whose memory the caller can write; the copy that the tape already has, if it is still equal."""
    # (A view is mostly made for one use, as x[t] in a loop over time: no second call would find its copy. Nor is there one of what is traced.)
    if array.nbytes < 4096 or array.__class__ is not np.ndarray or (array.base is not None and array.nbytes <= 16384):
        return array.copy("K")
    key = (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype)
    found = _copies.get(key)
    kept = None if found is None else found()
    if kept is None or not _identical(array, kept):
        kept = array.copy("K")
        _copies[key] = weakref.ref(
            kept, lambda reference: _copies.pop(key, None) if _copies.get(key) is reference else None
        )
    return kept


def _identical(a: Any, b: Any) -> bool:
    """Whether two arrays are equal to the last bit: 1/x tells -0.0 from 0.0, and a NaN is itself."""
    if a.dtype.kind == "c":
        return _identical(a.real, b.real) and _identical(a.imag, b.imag)
    if a.dtype == b.dtype and a.itemsize <= 8:
        a, b = a.view(f"i{a.itemsize}"), b.view(f"i{a.itemsize}")
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def keep_option(value: Any) -> Any:
    """An option as it is now: a copy of what can change (an index array, a list of axes, also within a tuple)."""
    if value.__class__ is tuple:
        for part in value:
            if part.__class__ not in FIXED:
                return tuple([part if part.__class__ in FIXED else keep_option(part) for part in value])
        return value
    if isinstance(value, (list, dict, bytearray, set)):
        return copy.deepcopy(value)
    if writable(value):
        return value.copy()
    return (
        np.asarray(value).copy()
        if hasattr(value.__class__, "__array__") and not isinstance(value, np.generic)
        else value
    )


def mark_written(array: Any) -> None:
    """Note that the library writes ``array`` in place: older nodes that keep it must not be used again."""
    root = owner(array)
    if root.__class__ is np.ndarray:
        key = id(root)
        position = next_position()
        entry = _writes.get(key)
        known = entry is not None and entry[0]() is root
        _writes[key] = (
            entry[0] if entry is not None and known else weakref.ref(root, lambda _: _writes.pop(key, None)),
            position,
        )
        LAST_WRITE[0] = position


def clock(arrays: Iterable[Any]) -> list[int]:
    """A cell for the position of the last write into all of these arrays at once, by a program that writes them together.

    ``cell[0] = LAST_WRITE[0] = next_position()`` does what :func:`mark_written` does for each of them.
    """
    roots = {id(root): root for root in map(owner, arrays) if root.__class__ is np.ndarray}
    key = frozenset(roots)
    found = _clocks.get(key)
    if found is None:
        found = _clocks[key] = [0]
        for identity, root in roots.items():
            if identity not in _programs:
                _programs[identity] = (weakref.ref(root, functools.partial(_forget, identity)), [])
            _programs[identity][1].append(found)
    return found


def _forget(identity: int, _: Any) -> None:
    """An array that programs wrote is gone."""
    _programs.pop(identity, None)
    for key in [key for key in _clocks if identity in key]:
        _clocks.pop(key, None)


def expose(array: Any) -> None:
    """Note that ``array``, which a node may keep, was handed to the caller: it must look the same at backward."""
    root = owner(array)
    if root.__class__ is np.ndarray:
        key = id(root)
        earlier = _exposed.get(key)
        if earlier is not None and earlier[0]() is root and not _identical(root, earlier[2]):
            mark_written(root)  # as it is now, it is not what nodes before the earlier time saw
        position = next_position()
        _exposed[key] = (weakref.ref(root, lambda _: _exposed.pop(key, None)), position, root.copy())
        LAST_WRITE[0] = position


def exposed(array: Any) -> bool:
    """Whether the caller holds the memory of an array that was handed out."""
    return bool(_exposed) and id(owner(array)) in _exposed


def written_since(array: Any, position: int) -> bool:
    """Whether an array was written after a position of the tape, as far as the library's own writes go and those into what it gave out."""
    if array.__class__ is not np.ndarray:
        return False
    root = owner(array)
    written = _writes.get(id(root))
    if written is not None and written[0]() is root and written[1] > position:
        return True
    if id(root) in _programs:
        reference, clocks = _programs[id(root)]
        if reference() is root and any(clock[0] > position for clock in clocks):
            return True
    handed = _exposed.get(id(root))
    if handed is not None and handed[0]() is root and handed[1] > position:
        return not _identical(root, handed[2])
    return False


def mark_replaced(node: Any) -> None:
    """Note that a Tensor has another array from now on: what was recorded of its node before is not its value."""
    _replaced[node] = next_position()


def replaced_since(node: Any, position: int) -> bool:
    """Whether the Tensor of a node was given another array after a position of the tape."""
    return _replaced.get(node, 0) > position


def check_unwritten(node: Any) -> None:
    """Raise if an array that ``node`` keeps was written, or its rules were replaced, after the node was recorded."""
    if getattr(node.primitive, "since", 0) > node.position:
        raise MutationError(
            f"the rules of {label(node)} were declared anew after it was recorded; run the forward pass again"
        )
    for value in node.kept or ():
        for each in value if value.__class__ is tuple else (value,):
            array: Any = getattr(each, "array", each)  # the one that a traced array stands for
            if written_since(array, node.position):
                raise MutationError(
                    f"an array that {label(node)} kept for the backward pass ({array.shape} {array.dtype}) was overwritten after it "
                    "was recorded, so its gradient would be wrong; call backward() before the update, or run the forward pass again"
                )
