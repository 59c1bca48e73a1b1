"""NumPy's functions on traced arrays: how each call is recorded, and which are refused."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.errors import CompileError, location
from ...engine.hooks import TracedArray
from ..ir import Op, values_in

if TYPE_CHECKING:
    from .record import Trace

__all__ = ["REMEDY", "as_target", "call_function", "change", "mean", "reduce", "settle"]

REMEDY = "Keep to arrays (np.where instead of if, NumPy's functions instead of float() and math), or compute it outside the compiled function"

# The shape of their result depends on numbers.
_UNKNOWN_SHAPE = {
    np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values, np.union1d, np.intersect1d,
    np.setdiff1d, np.setxor1d, np.extract, np.compress, np.trim_zeros, np.bincount, np.histogramdd,
    np.roots, np.polymul, np.polydiv, np.poly, np.real_if_close,
}  # fmt: skip
# So does that of these, if the bins are chosen by the data.
_BINNED = {np.histogram, np.histogram_bin_edges}
# They look at shapes and dtypes alone.
_STATIC = {
    np.shape,
    np.ndim,
    np.size,
    np.result_type,
    np.can_cast,
    np.min_scalar_type,
    np.iscomplexobj,
    np.isrealobj,
    np.may_share_memory,
    np.shares_memory,
}
_FILLED = {np.zeros_like, np.ones_like, np.full_like}
# Functions that write into their first argument.
_WRITING = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}
# Functions that are a reduction of a ufunc, where they have no options but these.
_REDUCTIONS: dict[Any, np.ufunc] = {
    np.sum: np.add, np.prod: np.multiply, np.max: np.maximum, np.min: np.minimum, np.amax: np.maximum, np.amin: np.minimum,
    np.any: np.logical_or, np.all: np.logical_and,
}  # fmt: skip
_REDUCTION_OPTIONS = {"axis", "keepdims", "dtype", "initial", "where"}

# Functions of real arrays whose result is complex or not, as the numbers ask.
_CHOOSING = {np.linalg.eig, np.linalg.eigvals, *[getattr(np.emath, word) for word in np.emath.__all__]}


def _check_dtype(result: Any, kind: str, name: str) -> None:
    if result.dtype.kind != kind:
        was, now = ("complex", "real") if kind == "c" else ("real", "complex")
        raise CompileError(
            f"compile: {name} gave {was} numbers when the function was compiled, and gives {now} ones for these arguments; make them complex beforehand "
            "(x.astype(complex)), so that the program is the same for all"
        )


# Parameters of NumPy's functions that decide the shape of the result.
_DECIDING = {
    "axis", "axes", "axis1", "axis2", "axisa", "axisb", "axisc", "shape", "newshape", "new_shape", "repeats", "reps", "pad_width", "k", "kth", "n", "N", "M",
    "s", "num", "indices_or_sections", "source", "destination", "minlength", "offset", "keepdims", "dtype", "deg", "m", "xnums", "ndmin", "window_shape",
}  # fmt: skip
_DECIDING_OF = {np.delete: {"obj"}, np.rollaxis: {"start"}, np.compress: {"condition"}, np.extract: {"condition"}}


def _counted(x: Any, weights: Any, minlength: int, length: int) -> Any:
    """``np.bincount`` of numbers below ``minlength``: then its length is known."""
    counts = np.bincount(x, weights, minlength)
    if len(counts) != length:
        raise CompileError(
            f"compile: np.bincount with minlength={minlength} gives {len(counts)} counts, and gave {length} when the function was compiled; "
            "give it a minlength above all its numbers"
        )
    return counts


def _bins(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[1] if len(args) > 1 else kwargs.get("bins")


def settle(trace: Trace, item: Any, word: str) -> Any:
    """An argument that decides a shape, as the number it is.

    Raises:
        CompileError: it is known only when the program runs.
    """
    if isinstance(item, TracedArray):
        if trace.known(item.value):
            return item.array
        raise CompileError(
            f"compile: {word} is an array ({item.shape} {item.dtype}), whose numbers are known only when the program runs ({location()}). {REMEDY}"
        )
    if item.__class__ is tuple:
        return tuple([settle(trace, part, word) for part in item])
    if item.__class__ is list:
        return [settle(trace, part, word) for part in item]
    return item


@functools.lru_cache(maxsize=1024)
def _parameters(function: Any) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()


def _settled_options(
    trace: Trace, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call with those that decide its shape as numbers."""
    deciding = _DECIDING | _DECIDING_OF.get(function, set())
    if function is np.insert and any(
        isinstance(item, TracedArray) and item.dtype.kind == "b" for item in (*args[1:2], kwargs.get("obj"))
    ):
        deciding = deciding | {"obj"}
    names = _parameters(function)

    def settled(name: str, item: Any) -> Any:
        return settle(trace, item, f"{name} of np.{function.__name__}") if name in deciding else item

    if len(args) > 1 and names:
        args = (
            args[0],
            *[settled(name, item) for name, item in zip(names[1:], args[1:], strict=False)],
            *args[max(len(names), 1) :],
        )
    return args, {key: settled(key, item) for key, item in kwargs.items()}


def call_function(trace: Trace, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One of NumPy's functions with a traced array among its arguments."""
    if function in _STATIC:
        _, (given, options) = trace.unwrap((args, kwargs))
        return function(*given, **options)
    args, kwargs = _settled_options(trace, function, args, kwargs)
    if function is np.bincount:
        given_by_name = [kwargs.get(word) for word in ("x", "weights", "minlength")[len(args) :]]
        counted: list[Any] = [*args, *given_by_name]
        x, weights, least = counted
        if least:
            length = len(np.bincount(*trace.unwrap((x, weights, least))[1]))
            return trace.call("function", _counted, (x, weights, least, length), {})
    if (
        function in _UNKNOWN_SHAPE
        or (function is np.where and len(args) == 1)
        or (function in _BINNED and isinstance(_bins(args, kwargs), str))
    ):
        written, (given, options) = trace.unwrap((args, kwargs))
        if all(map(trace.known, values_in(written))):
            return function(*given, **options)
        raise CompileError(
            f"compile: np.{function.__name__} gives an array whose shape depends on numbers that are known only when the program runs ({location()}). {REMEDY}"
        )
    if function in _WRITING:
        change(trace, function, args, function.__name__, kwargs)
        return None
    out = kwargs.get("out")
    if out is not None or "out" in kwargs:
        kwargs = {key: item for key, item in kwargs.items() if key != "out"}
        if out is not None:
            out = as_target(trace, out[0] if isinstance(out, tuple) else out)
    if function in _FILLED or function is np.empty_like:
        # The model gives shape, layout and dtype; its numbers are not asked for.
        args, kwargs = _bound(args, kwargs, "a")
        fill: Any = {np.zeros_like: 0, np.ones_like: 1}.get(function)
        if function is np.full_like:
            fill = args[1] if len(args) > 1 else kwargs.get("fill_value")
        if isinstance(fill, (TracedArray, np.ndarray, list, tuple)) or any(
            isinstance(item, TracedArray) for item in kwargs.values()
        ):
            return trace.call("function", function, args, kwargs)
        _, (given, options) = trace.unwrap((args, kwargs))
        array = function(*given, **options)
        if function is np.empty_like:
            traced = trace.finish(Op("function", np.empty_like, (), {}), array)
            traced.value.storage.kind = "made"  # its numbers are not known
            return traced
        return trace.filled(array, fill)
    if function in _REDUCTIONS and len(args) <= 2 and set(kwargs) <= _REDUCTION_OPTIONS | {"a"}:
        args, kwargs = _bound(args, kwargs, "a")
        options = {
            key: item
            for key, item in kwargs.items()
            if item is not np._NoValue and not (key == "dtype" and item is None)
        }
        axis, keepdims = (args[1] if len(args) > 1 else options.pop("axis", None)), options.pop("keepdims", False)
        options.pop("axis", None)
        return reduce(trace, _REDUCTIONS[function], args[0], axis, keepdims, out, options)
    if function is np.mean and len(args) <= 2:
        args, kwargs = _bound(args, kwargs, "a")
        options = {
            key: item
            for key, item in kwargs.items()
            if item is not np._NoValue and not (key == "dtype" and item is None)
        }
        axis, keepdims = (args[1] if len(args) > 1 else options.pop("axis", None)), options.pop("keepdims", False)
        options.pop("axis", None)
        return mean(trace, args[0], axis, keepdims, out, options)
    if function in _CHOOSING and not any(isinstance(item, TracedArray) and item.dtype.kind == "c" for item in args):
        result = trace.call("function", function, args, kwargs)
        first = result[0] if isinstance(result, tuple) else result
        trace.check(_check_dtype, (first, first.dtype.kind, function.__name__))
        return result
    if function is np.nan_to_num and not kwargs.get("copy", True):
        raise CompileError(
            f"compile: np.nan_to_num(copy=False) cannot be traced; use what np.nan_to_num returns ({location()})"
        )
    return trace.call("function", function, args, kwargs, out)


def _bound(args: tuple[Any, ...], kwargs: dict[str, Any], first: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The first argument by position."""
    return (
        ((kwargs[first],), {key: item for key, item in kwargs.items() if key != first})
        if first in kwargs
        else (args, kwargs)
    )


def as_target(self: Trace, out: Any) -> Any:
    """The traced array that ``out=`` means."""
    if isinstance(out, TracedArray):
        return out
    known = self.storage_of(out)
    if known is not None and known.kind in ("state", "argument"):
        return self.external(out, "state")
    return out  # write() says what is wrong


def reduce(self: Trace, ufunc: np.ufunc, x: Any, axis: Any, keepdims: Any, out: Any, options: dict[str, Any]) -> Any:
    """A reduction by a ufunc."""
    options = {"axis": settle(self, axis, "axis"), **({"keepdims": True} if keepdims else {}), **options}
    return self.call("ufunc method", (ufunc, "reduce"), (x,), options, out, run=ufunc.reduce)


def mean(self: Trace, x: Any, axis: Any, keepdims: Any, out: Any, options: dict[str, Any]) -> Any:
    """The arithmetic mean."""
    if not isinstance(x, TracedArray) or options or x.dtype.char not in "fd" or out is not None or not x.size:
        return self.call("function", np.mean, (x,), {"axis": axis, "keepdims": bool(keepdims), **options}, out)
    # NumPy's own definition: the sum, divided by the count.
    total = reduce(self, np.add, x, axis, keepdims, None, {})
    axes = range(x.ndim) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
    return np.divide(total, math.prod([x.shape[a] for a in axes]))


def change(
    self: Trace, function: Callable[..., Any], args: tuple[Any, ...], word: str, kwargs: dict[str, Any] | None = None
) -> None:
    """A call that writes into its first argument and returns nothing."""
    target = args[0]
    if not isinstance(target, TracedArray):
        target = as_target(self, target)
    op = Op("setitem" if word == "setitem" else "change", function, (), {})
    op.args, given = self.unwrap((target, *args[1:]))
    op.kwargs, options = self.unwrap(kwargs or {})
    op.pure = False
    self.write(op, target)
    function(*given, **options)
    self.append(op)
