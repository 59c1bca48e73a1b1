"""The pytrees of arguments: the structure a program is made for, and its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.errors import CompileError, describe
from ...engine.operands import base_array
from ...engine.pytree import DATACLASS, kind_of
from ...engine.tensor import Tensor

__all__ = ["arrays_of", "dynamic", "rebuilt", "structure"]


def structure(tree: Any, leaves: list[Any]) -> Any:
    """The form of a tree of arguments as a key, and its leaves."""
    kind = tree.__class__
    if kind is tuple or kind is list or (isinstance(tree, tuple) and hasattr(tree, "_fields")):
        return (kind, *[structure(item, leaves) for item in tree])
    if kind is dict:
        return (kind, *[(key, structure(item, leaves)) for key, item in tree.items()])
    if kind is not np.ndarray and kind_of(kind) is DATACLASS:
        parts, (_, names, fixed) = DATACLASS.take(tree)
        return (
            kind,
            *names,
            *[(name, leaf(item)) for name, item in fixed.items()],
            *[structure(item, leaves) for item in parts],
        )
    leaves.append(tree)
    return leaf(tree) or structure(base_array(leaves.pop(), "compile", "an argument", CompileError), leaves)


def leaf(item: Any) -> Any:
    """The form of a leaf; None of a subclass of ndarray, which stands for the array that it is."""
    kind = item.__class__
    if kind is np.ndarray:
        if item.dtype.hasobject:
            raise CompileError(
                f"compile: an argument is an array of objects ({describe(item)}); convert it to numbers, x.astype(float)"
            )
        return ("a", item.shape, item.dtype, item.strides)
    if isinstance(item, np.generic):
        return ("s", item.dtype) if item.dtype.kind in "fciub" else ("c", kind, repr(item))
    if isinstance(item, Tensor):
        return ("t", *leaf(item._values), item._node is not None)
    if isinstance(item, np.ndarray):
        return None
    if kind is float or kind is complex or kind is slice:
        return ("c", kind, repr(item))
    # (What compares equal need not be the same for the function: of other objects, each has programs of its own, which hold on to it.)
    return ("c", kind, item) if kind in _BY_VALUE or isinstance(item, (type, np.dtype)) else ("i", kind, id(item))


_BY_VALUE = (int, bool, str, bytes, type(None), type(...), range)


def dynamic(item: Any) -> bool:
    """Whether an argument is an array, whose numbers may be others in each call."""
    return (
        item.__class__ is np.ndarray
        or isinstance(item, Tensor)
        or (isinstance(item, np.generic) and item.dtype.kind in "fciub")
    )


def rebuilt(tree: Any, leaves: list[Any]) -> Any:
    """The same tree with other leaves, taken from the front of a list."""
    kind = tree.__class__
    if kind is tuple or kind is list:
        return kind([rebuilt(item, leaves) for item in tree])
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return kind(*[rebuilt(item, leaves) for item in tree])
    if kind is dict:
        return {key: rebuilt(item, leaves) for key, item in tree.items()}
    if kind is not np.ndarray and kind_of(kind) is DATACLASS:
        parts, aux = DATACLASS.take(tree)
        return DATACLASS.build(aux, [rebuilt(item, leaves) for item in parts])
    return leaves.pop(0)


def arrays_of(leaves: list[Any]) -> list[Any]:
    """The arrays among the arguments, those of Tensors too."""
    return [x._values if isinstance(x, Tensor) else x for x in leaves if dynamic(x)]
