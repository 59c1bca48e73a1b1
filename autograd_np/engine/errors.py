"""The errors of the engine, and the words they use for operands."""

from __future__ import annotations

import functools
import sys
import types
from pathlib import Path
from typing import Any

from .hooks import current_trace

__all__ = [
    "AnomalyError",
    "CompileError",
    "FreedGraphError",
    "GradientShapeError",
    "MutationError",
    "NonDifferentiableError",
    "describe",
    "explain",
    "label",
    "location",
    "misfit",
    "without_rule",
]


class FreedGraphError(RuntimeError):
    """A backward pass met a part of the tape that an earlier pass has freed."""


class MutationError(RuntimeError):
    """An array that the tape keeps for the backward pass was overwritten after it was recorded."""


class GradientShapeError(RuntimeError):
    """A rule returned gradients whose number, shape or dtype does not fit the operands."""


class NonDifferentiableError(TypeError):
    """A gradient was asked of something that has none (an integer array, an operation without a rule)."""


class AnomalyError(FloatingPointError):
    """``detect_anomaly`` met the first value that is not finite, or an array overwritten unseen."""


class CompileError(TypeError):
    """A function cannot be compiled: it looks at numbers that are known only when the program runs, or does what the tracer cannot see."""

    _autograd_np = True  # its message stands as it is

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        trace = current_trace()
        if trace is not None:
            trace.refusals.append(self)  # a function that catches it would go another way than without compile


class OtherCase(Exception):  # noqa: N818 - never seen by a caller: the function is traced again
    """A replay met numbers that its program was not made for."""


class Undone(OtherCase):
    """A replay raised an error before it had done anything: the function itself says what comes of it."""


def describe(value: Any) -> str:
    """Say what an operand is in a few words: ``(3, 4) float32``, ``2.5 (float)``, ``list of 3``.

    >>> import numpy as np
    >>> describe(np.zeros((3, 4), np.float32))
    '(3, 4) float32'
    """
    shape = getattr(value, "shape", None)
    dtype = getattr(value, "dtype", None)
    if shape is not None and dtype is not None and not isinstance(value, type):
        return f"{tuple(shape)} {dtype}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(describe(item) for item in value[:6])
        more = ", …" if len(value) > 6 else ""
        return f"{type(value).__name__} of {len(value)} [{inner}{more}]"
    text = repr(value)
    if len(text) > 60:
        text = text[:57] + "..."
    return f"{text} ({type(value).__name__})"


_REMEDIES = (
    (
        "broadcast",
        "make the shapes equal or broadcastable (NumPy's rules: axes align from the right, and each pair is equal or 1)",
    ),
    (
        "core dimension",
        "the last axis of the left operand must equal the second-to-last of the right; transpose or reshape one of them",
    ),
    ("shapes", "compare the shapes above axis by axis; reshape, transpose or expand_dims one of them"),
    ("reshape", "the number of elements must stay the same; one entry of the new shape may be -1"),
    ("out of bounds", "an axis or index must lie between -n and n - 1"),
    ("concatenat", "all arrays must agree on every axis but the joined one"),
    ("zero-size array", "an empty selection has no such value; pass initial= or check the size first"),
)


def explain(name: str, operands: dict[str, Any], error: Exception) -> Exception:
    """Wrap NumPy's complaint: the same type, with the operation, every operand, and the remedy.

    Args:
        name: the operation.
        operands: argument name → value.
        error: what NumPy raised.

    Returns:
        An exception of the same type where that type can be built from a message, else the original.
    """
    if isinstance(error, (RecursionError, MemoryError)) or getattr(error, "_autograd_np", False):
        return error
    listed = ", ".join(f"{key} = {describe(value)}" for key, value in operands.items())
    text = str(error)
    lowered = text.lower()
    remedy = next((words for key, words in _REMEDIES if key in lowered), None)
    unordered = (
        [key for key, value in operands.items() if "complex" in describe(value)] if isinstance(error, TypeError) else []
    )
    if unordered:
        remedy = f"of a complex number take {unordered[0]}.real, {unordered[0]}.imag or np.abs({unordered[0]})"
    message = f"{name}: {text} — operands: {listed}" + (f" — {remedy}" if remedy else "")
    try:
        wrapped = type(error)(message)
    except TypeError:  # (NumPy's errors of casting are not made of a message)
        if not isinstance(error, TypeError):
            return error
        wrapped = TypeError(message)
    wrapped._autograd_np = True  # type: ignore[attr-defined]
    return wrapped


def label(node: Any) -> str:
    """The operation of a node, and its name if it has one, for messages."""
    name = getattr(node, "name", None)
    operation = "leaf" if node.primitive is None else str(node.primitive.name)
    if not name:
        return operation
    return f"leaf {name!r}" if node.primitive is None else f"{name} = {operation}"


def freed(node: Any) -> FreedGraphError:
    """The error for a second backward pass through a node."""
    return FreedGraphError(
        f"backward through {label(node)} a second time: its kept values were freed by the first backward pass; "
        "pass retain_graph=True to the earlier backward() or gradients() call"
    )


def misfit(given: Any, parent: Any, node: Any) -> str:
    """The message for a gradient whose shape is not its operand's."""
    return (
        f"the rule of {label(node)} returned a gradient of shape {given} for an operand of shape {parent.shape}; "
        "a rule must return the operand's shape (or, for an operation declared with broadcasts=True, a broadcast of it)"
    )


def without_rule(name: str, word: str, sequence: bool) -> str:
    """The message for a gradient that meets an operation without a rule for the operand ``word``."""
    return (
        f"{name} has no rule for its gradient with respect to {word}, and one would pass through it here: "
        f"give it one with ag.rule({name}, {'joint' if sequence else word}=...), or, where it is piecewise constant, say so with "
        f"@ag.primitive(discrete={word!r}), or pass {'t' if sequence else word}.detach() to treat it as a constant"
    )


# The package nn, which lies beside this one; a program may have an nn.py of its own.
NETWORKS = Path(__file__).resolve().parents[2] / "nn" / "__init__.py"


def package_of(module: str) -> str:
    """The package of a module, by its name: ``nn`` is only that of this library; another one is called as what it is, a program's."""
    root = module.partition(".")[0]
    if root != "nn":
        return root
    loaded = getattr(sys.modules.get("nn"), "__file__", None)
    return "nn" if loaded is not None and _is_networks(loaded) else "__main__"


@functools.lru_cache
def _is_networks(path: str) -> bool:
    return Path(path).resolve() == NETWORKS


def in_library(frame: types.FrameType) -> bool:
    """Whether a frame runs code of this library, or of NumPy."""
    package = package_of(str(frame.f_globals.get("__name__", "")))
    return package in ("autograd_np", "numpy", "nn") or frame.f_code.co_filename.startswith("<autograd_np")


def location() -> str:
    """The first source line outside the library, for messages."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if not in_library(frame):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_name}"
        frame = frame.f_back
    return "an unknown line"
