"""What is said where a Tensor that needs a gradient would become plain numbers: who asked, and the one thing to write instead.

NumPy and Python ask through ``__array__``, ``__float__`` and their like. Who it was, the frame that called tells: the function of
a package, or in a program's own frame the instruction, and the name in its source.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import linecache
import opcode
import sys
from types import FrameType
from typing import Any

import numpy as np

from .errors import package_of

__all__ = ["cut"]

_STACK = "join Tensors with np.stack([t, u])"
_ASSIGN = "write a = ag.index_update(a, index, t), or collect the values in a list for np.stack"
_ITERATE = "iterate over t.ravel(), whose items are Tensors"
_WHOLE = "call the function on whole arrays, or np.stack a list of its results"
_NUMBER = "t.item() is the number"
_DTYPE = "use t.astype(dtype)"
_SCIPY = "docs/interoperability.md says what of SciPy differentiates; ag.primitive declares an operation of your own"
_ARRAY = f"{_STACK}; t.numpy() has the values alone"

# By the name of a function: NumPy's, or as a program's source has it.
_FUNCTIONS = {
    "__setitem__": _ASSIGN, "apply_along_axis": "np.stack a list of the results", "arange": "write start + step * np.arange(n)", "asarray_chkfinite": _ARRAY,
    "complex": _NUMBER, "fill": "use ag.full(shape, t)",
    "float": _NUMBER, "float16": _DTYPE, "float32": _DTYPE, "float64": _DTYPE, "fromfunction": _WHOLE, "fromiter": _STACK, "full": "use ag.full(shape, t)",
    "int": _NUMBER, "ndenumerate": _ITERATE, "nditer": _ITERATE, "put": _ASSIGN, "require": _ARRAY, "vectorize": _WHOLE,
}  # fmt: skip
# By the package, or the part of it, that a function stands in.
_PACKAGES = {
    "autograd_np": _STACK,
    "matplotlib": "pass t.numpy()",
    "nn": _STACK,
    "numpy": _STACK,
    "numpy.ma": "use where= of the reductions, or np.where",
    "numpy.testing": "compare t.numpy()",
    "pandas": "put the Tensor on the left (t * series), or write frame.to_numpy() @ t",
    "scipy": _SCIPY,
    "scipy.sparse": "write np.matmul(A, t), ag.matmul(A, t) or t @ A",
    "scipy.sparse.linalg": _SCIPY,
    "xarray": "the Tensor of a DataArray is its .data",
}
_OWN = {"autograd_np", "nn"}
_NAMES = {
    "autograd_np": "a list of Tensors", "nn": "a list of Tensors", "numpy.ma": "a masked array", "pandas": "pandas",
    "scipy.sparse": "a sparse matrix", "xarray": "xarray",
}  # fmt: skip


def cut(method: str, what: str) -> TypeError:
    """The error of ``Tensor.method``, which was asked for the plain numbers of ``what`` by whoever called it."""
    frame = sys._getframe(2)
    caller, remedy = _asked(frame, method)
    error = TypeError(f"{caller} would cut the gradient of a Tensor of {what}; {remedy}")
    error._autograd_np = True  # type: ignore[attr-defined] # its message stands as it is
    _LastWord.of(error, frame)
    return error


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _asked(frame: FrameType, method: str) -> tuple[str, str]:
    """Who asks for numbers from this frame, and what to write instead."""
    return _in_package(frame) if package_of(_module(frame)) in _PACKAGES else _in_program(frame, method)


def _in_package(frame: FrameType) -> tuple[str, str]:
    """The function by which a program, or this one, came into a package that is known."""
    inside = _PACKAGES.keys() - (() if package_of(_module(frame)) in _OWN else _OWN)
    public = word = ""
    while True:
        place = ".".join(itertools.takewhile(lambda part: not part.startswith("_"), _module(frame).split(".")))
        name = frame.f_code.co_qualname
        hidden = name.startswith("_") or "<" in name  # as the wrappers of decorators are
        if place != public or not hidden:
            public, word = place, "" if hidden else name.partition(".")[0]
        if frame.f_back is None or package_of(_module(frame.f_back)) not in inside:
            break
        frame = frame.f_back
    known = max((key for key in _PACKAGES if f"{public}.".startswith(f"{key}.")), key=len)
    named = ".".join(filter(None, ("np" if known == "numpy" else public, word)))
    return _NAMES.get(known, named), _FUNCTIONS.get(word, _PACKAGES[known]) if known == "numpy" else _PACKAGES[known]


def _in_program(frame: FrameType, method: str) -> tuple[str, str]:
    """The instruction of a program that asks."""
    operation = opcode.opname[frame.f_code.co_code[frame.f_lasti]]
    if operation.startswith("STORE"):
        return "assigning into an ndarray", _ASSIGN
    expression = _expression(frame)
    if method == "__index__" or operation == "BINARY_SUBSCR" or isinstance(expression, ast.Subscript):
        return "an index", "convert it with t.astype(int)"
    if not operation.startswith("CALL"):
        return ("a list of Tensors", _STACK) if method == "__array__" else (f"{method.strip('_')}()", _NUMBER)
    called = ast.unparse(expression.func) if isinstance(expression, ast.Call) else f"Tensor.{method}"
    word = called.rpartition(".")[2]
    if called.startswith("math.") and hasattr(np, word):
        return called, f"use np.{word}"
    return called, _FUNCTIONS.get(word, _ARRAY if method == "__array__" else f"use NumPy's functions; {_NUMBER}")


def _expression(frame: FrameType) -> ast.expr | None:
    """What a frame is computing, as its source has it; None without source."""
    first, last, start, end = next(itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))
    if first is None or last is None:
        return None
    lines = [
        linecache.getline(frame.f_code.co_filename, line, frame.f_globals).encode() for line in range(first, last + 1)
    ]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    try:
        return ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except (SyntaxError, ValueError):
        return None


class _LastWord:
    """Puts an error's message back where NumPy replaces it: "setting an array element with a sequence" says nothing of gradients.

    ``a[0] = t`` ends so whatever ``t.__float__`` raises. What is raised next in the frame, by the same instruction, is
    that replacement. A trace function sees it, and nothing else: the next event of any kind takes it away.
    """

    def __init__(self, error: TypeError, frame: FrameType) -> None:
        self.error = error
        self.frame = frame
        self.at = frame.f_lasti

    @classmethod
    def of(cls, error: TypeError, frame: FrameType) -> None:
        """Watch for what comes of an error that is about to be raised, unless a debugger is watching."""
        tracer = sys.gettrace()
        if tracer is None or tracer.__class__ is cls:
            frame.f_trace = watch = cls(error, frame)
            sys.settrace(watch)

    def __call__(self, frame: FrameType, event: str, value: Any) -> None:
        if event == "call" and frame.f_code.co_flags & inspect.CO_GENERATOR:
            return  # a generator that gave the Tensor is closed
        sys.settrace(None)
        self.frame.f_trace = None
        if (
            event == "exception"
            and frame is self.frame
            and frame.f_lasti == self.at
            and not getattr(value[1], "_autograd_np", False)
        ):
            value[1].args = self.error.args
