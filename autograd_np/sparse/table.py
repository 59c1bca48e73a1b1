"""NumPy's functions of arrays of index sets, by kinds.

*Moves* put elements elsewhere: the same function is applied to the sets, and fills with the empty one. *Reductions*
unite over axes, *lines* along an axis whose elements all depend on each other, *matrices* within each of a stack,
*products* over the terms of each sum. What has no kind depends on everything that the call is given.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..batching.table import bound, words_of
from ..engine.sparse_operands import SparseOperand
from .pool import EMPTY
from .unions import (
    accumulated,
    by_sparse,
    chosen,
    contracted,
    elementwise,
    everything,
    over_axes,
    product_of_matrices,
    written,
)
from .values import IndexSetValues, numbers, sets_of, wrapped

__all__ = ["KINDS", "call_function"]

Handler = Callable[[IndexSetValues, Any, dict[str, Any], Any], Any]
KINDS: dict[Any, Handler] = {}


def kind(names: str) -> Callable[[Handler], Handler]:
    """Put a handler into the table for these functions of NumPy (those that this NumPy has).

    A handler takes an array of index sets, the function, its arguments by name and the numbers that it returns, and
    returns the sets of each element of the result, or for several results a list of them.
    """

    def put(handler: Handler) -> Handler:
        for name in names.split():
            found: Any = np
            for part in name.split("."):
                found = getattr(found, part, None)
            if found is not None:
                KINDS[found] = handler
        return handler

    return put


def call_function(x: IndexSetValues, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``__array_function__`` returns."""
    if function in _WRITERS:
        return _write(function, bound(function, args, kwargs))
    if function in _LIKE:
        return _new(x, function, bound(function, args, kwargs))
    if any(isinstance(a, SparseOperand) for a in args):
        return by_sparse(x, function, args)
    given = bound(function, args, kwargs)
    out = given.pop("out", None)
    if function is np.nan_to_num:
        given["copy"] = True
        out = args[0] if kwargs.get("copy") is False else out
    result = _called(function, numbers(given))
    handler = KINDS.get(function)
    if handler is not None:
        found = _with_sets(x, result, handler(x, function, given, result), handler in (_moves, _parts))
    else:
        found = wrapped(x, mapped_arrays(result, _apart), everything(x.pool, given))
    return found if out is None else written(function.__name__, out, found)


def _called(function: Any, given: dict[str, Any]) -> Any:
    words = words_of(function)
    if words and words[0].startswith("*"):
        return function(*given.pop(words[0]), **given)
    first = []
    for word in _positional(function):  # by position: some of them have no names
        if word not in given:
            break
        first.append(given.pop(word))
    return function(*first, **given)


_BY_NAME = ("like", "device", "copy", "casting", "out")


@functools.cache
def _positional(function: Any) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return list(itertools.takewhile(lambda word: word not in _BY_NAME, words_of(function)))
    return [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]


def mapped_arrays(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Nested tuples and lists with ``change(x)`` in place of each array."""
    if isinstance(tree, (tuple, list)):
        items = [mapped_arrays(item, change) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return change(tree) if isinstance(tree, np.ndarray) else tree


def _apart(result: Any) -> Any:
    """A result that may be a view, whose sets are none: in memory of its own, and not to be written."""
    result = result.copy()
    result.flags.writeable = False
    return result


def _with_sets(x: IndexSetValues, result: Any, sets: Any, views: bool) -> Any:
    """Results with their sets: views where the results are views, too, else in memory of their own."""
    if isinstance(result, (tuple, list)):
        several = isinstance(sets, (tuple, list))
        items = [_with_sets(x, r, sets[i] if several else sets, views) for i, r in enumerate(result)]
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return wrapped(x, result, sets if views and np.may_share_memory(result, x.values) else np.array(sets))


# ---------------------------------------------------------------- elements that move

# The parameters whose elements the result consists of; other parameters say where they go.
_DATA = {
    np.append: ("arr", "values"),
    np.insert: ("arr", "values"),
    np.select: ("choicelist", "default"),
    np.choose: ("choices",),
    np.where: ("x", "y"),
    np.compress: ("a",),
    np.extract: ("arr",),
}
_OPTIONS = ("dtype", "casting", "constant_values", "subok", "like", "device")


@kind(
    "reshape ravel transpose permute_dims matrix_transpose linalg.matrix_transpose swapaxes moveaxis rollaxis "
    "squeeze expand_dims "
    "broadcast_to broadcast_arrays atleast_1d atleast_2d atleast_3d flip fliplr flipud roll rot90 repeat tile "
    "take take_along_axis "
    "diagonal linalg.diagonal copy split array_split hsplit vsplit dsplit unstack "
    "lib.stride_tricks.sliding_window_view "
    "fft.fftshift fft.ifftshift delete resize compress extract tril triu diag diagflat concatenate concat stack "
    "vstack hstack dstack column_stack append insert "
    "asarray asanyarray ascontiguousarray asfortranarray array block real_if_close"
)
def _moves(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    given = {word: value for word, value in given.items() if word not in _OPTIONS}
    data = _DATA.get(function, words_of(function)[:1])
    return _called(function, {word: _sets(v) if word in data else numbers(v) for word, v in given.items()})


def _sets(tree: Any) -> Any:
    """The sets of data: those of a constant are empty."""
    if isinstance(tree, IndexSetValues):
        return tree.sets
    if isinstance(tree, (tuple, list)):
        return type(tree)([_sets(item) for item in tree])
    return np.zeros(np.shape(tree), np.intp)


@kind("where select choose")
def _selected(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    """Of a condition that depends on the inputs all branches count, so that the pattern holds at other points, too."""
    data = {word: value for word, value in given.items() if word in _DATA[function]}
    rest = {word: value for word, value in given.items() if word not in data}
    if sets_of(rest) and (function is not np.where or isinstance(given["condition"], IndexSetValues)):
        return elementwise(x.pool, sets_of(data), result.shape)
    return _moves(x, function, given, result)


@kind("pad")
def _padded(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    mode = given.get("mode", "constant")
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap") or given.get("reflect_type", "even") != "even":
        return everything(x.pool, given)
    if isinstance(given.get("constant_values"), IndexSetValues):
        return everything(x.pool, given)
    return np.pad(_sets(given["array"]), given["pad_width"], mode)


# ---------------------------------------------------------------- corresponding elements


@kind("real imag")
def _parts(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    if x.dtype.kind == "c":  # a write into one part would forget what the other depends on
        result.flags.writeable = False
    return x.sets


@kind("clip nan_to_num round around fix angle sinc i0 isreal iscomplex nextafter astype")
def _elementwise(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    return elementwise(x.pool, sets_of(given), result.shape)


@kind("diff")
def _differences(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    axis = given.get("axis", -1)
    parts = [given.get("prepend"), given["a"], given.get("append")]
    a = _sets(given["a"])
    shape = list(a.shape)
    shape[axis] = 1
    joined = [_sets(p) for p in parts if p is not None]
    sets = np.concatenate([np.broadcast_to(p, shape) if p.ndim == 0 else p for p in joined], axis)
    sets = np.moveaxis(sets, axis, 0)
    for _ in range(given.get("n", 1)):
        sets = x.pool.union(sets[1:], sets[:-1])
    return np.moveaxis(sets, 0, axis)


@kind("convolve correlate")
def _convolved(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    """Of the sum over all products ``a[i] v[k - i]`` in the mode ``full``, of which the others are the middle."""
    a, v = [np.ravel(operand) for operand in list(given.values())[:2]]
    mode = given.get("mode", "full" if function is np.convolve else "valid")
    n, m = np.size(a), np.size(v)
    if n * m > 10_000_000 or not n * m:
        return everything(x.pool, given)
    if function is np.correlate:
        v = v[::-1]
    groups = np.add.outer(np.arange(n), np.arange(m))
    total: Any = np.zeros(n + m - 1, np.intp)
    for factor, other, axis in ((a, v, 1), (v, a, 0)):
        if not isinstance(factor, IndexSetValues):
            continue
        members = np.broadcast_to(np.expand_dims(factor.sets, axis), (n, m))
        if not isinstance(other, IndexSetValues):
            members = np.where(np.expand_dims(np.not_equal(other, 0), 1 - axis), members, EMPTY)
        total = x.pool.union(total, x.pool.unions(groups.ravel(), members.ravel(), n + m - 1))
    if mode in ("full", 2):
        return total
    if function is np.correlate and n < m:
        return everything(x.pool, given)
    start = (min(n, m) - 1) // 2 if mode in ("same", 1) else min(n, m) - 1
    return total[start : start + len(result)]


# ---------------------------------------------------------------- along axes


@kind(
    "sum mean prod max min amax amin std var median ptp any all nansum nanmean nanprod nanmax nanmin nanstd "
    "nanvar nanmedian "
    "argmax argmin count_nonzero quantile percentile nanquantile nanpercentile average linalg.norm "
    "linalg.vector_norm trapezoid"
)
def _reduced(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    words = words_of(function)
    axis = given.get("axis", _default(function, "axis"))
    axis = tuple(axis) if isinstance(axis, list) else axis
    first = given[words[0]]
    others = {word: value for word, value in given.items() if word != words[0] and word != "where"}
    if any(np.any(sets) for sets in sets_of(others)):
        return everything(x.pool, given)
    united = over_axes(x.pool, chosen(first, given.get("where", True)), axis)
    values = result[0] if isinstance(result, tuple) else result
    if united.size == np.size(values):
        return united.reshape(np.shape(values))
    axes = tuple(range(united.ndim)) if axis is None else axis
    try:  # quantiles stand before the axes that are left
        return np.broadcast_to(np.squeeze(united, axes), np.shape(values))
    except ValueError:
        return everything(x.pool, given)


@kind("trace linalg.trace")
def _trace(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    given = {word: value for word, value in given.items() if word != "dtype"}
    a = given.pop(words_of(function)[0])
    diagonal = (np.diagonal if function is np.trace else np.linalg.diagonal)(a.sets, **numbers(given))
    return over_axes(x.pool, diagonal, -1).reshape(np.shape(result))


@kind("cumsum cumprod nancumsum nancumprod cumulative_sum cumulative_prod")
def _cumulative(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    a = given[words_of(function)[0]]
    axis = given.get("axis")
    if axis is None:
        a, axis = np.ravel(a), 0
    sets = accumulated(x.pool, a, axis)
    if sets.shape == result.shape:
        return sets
    shape = list(sets.shape)
    shape[axis] = 1
    return np.concatenate([np.zeros(shape, np.intp), sets], axis)  # include_initial


@kind(
    "sort partition argsort argpartition unwrap fft.fft fft.ifft fft.rfft fft.irfft fft.hfft "
    "fft.ihfft fft.fft2 fft.ifft2 "
    "fft.rfft2 fft.irfft2 fft.fftn fft.ifftn fft.rfftn fft.irfftn"
)
def _lines(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    axis = given.get("axes", given.get("axis", _default(function, "axes" if function in _OF_AXES else "axis")))
    if function in _OF_AXES:
        if axis is None and given.get("s") is not None:
            axis = range(-len(given["s"]), 0)
        axis = None if axis is None else tuple(axis)
    first = given[words_of(function)[0]]
    sets = first.sets if function not in (np.sort, np.partition) or axis is not None else np.ravel(first.sets)
    if axis is None and sets.ndim == 1:
        axis = 0
    others = {word: value for word, value in given.items() if value is not first}
    if any(np.any(part) for part in sets_of(others)):
        return everything(x.pool, given)
    return np.broadcast_to(over_axes(x.pool, sets, axis), np.shape(result))


_OF_AXES = {getattr(np.fft, word) for word in ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"]}


def _default(function: Any, word: str) -> Any:
    found = inspect.signature(function).parameters.get(word)
    return None if found is None or found.default is found.empty or found.default is np._NoValue else found.default


# ---------------------------------------------------------------- matrices and products


@kind(
    "linalg.inv linalg.cholesky linalg.det linalg.slogdet linalg.solve linalg.eigh linalg.eig linalg.eigvals "
    "linalg.eigvalsh "
    "linalg.svd linalg.svdvals linalg.qr linalg.pinv linalg.matrix_power linalg.matrix_norm linalg.cond "
    "linalg.matrix_rank"
)
def _matrices(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    """Within each matrix of a stack everything depends on everything."""
    if any(isinstance(value, IndexSetValues) and np.any(value.sets) for value in list(given.values())[2:]):
        return everything(x.pool, given)
    united: Any = np.zeros((), np.intp)
    for value in list(given.values())[: 2 if function is np.linalg.solve else 1]:
        if isinstance(value, IndexSetValues):
            axes = (-1,) if value.ndim == 1 else (-2, -1)
            united = x.pool.union(united, np.squeeze(over_axes(x.pool, value.sets, axes), axes))

    def spread(r: Any) -> Any:
        return np.broadcast_to(united.reshape((*united.shape, *(1,) * (np.ndim(r) - united.ndim))), np.shape(r))

    return [spread(r) for r in result] if isinstance(result, tuple) else spread(result)


@kind("dot inner outer vdot tensordot linalg.matmul linalg.outer linalg.tensordot linalg.vecdot kron")
def _products(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    a, b = [given.pop(word) for word in words_of(function)[:2]]
    if function is np.linalg.matmul:
        return product_of_matrices(x.pool, ("ik", "kj"), (a, b), np.shape(result))
    if function is np.linalg.vecdot:
        axis = given.get("axis", -1)
        return product_of_matrices(
            x.pool, ("k", "k"), (np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1)), np.shape(result)
        )
    if function in (np.outer, np.vdot, np.linalg.outer):
        a, b = np.ravel(a), np.ravel(b)
    n, m = np.ndim(a), np.ndim(b)
    if function is np.kron:
        if n != m:
            return everything(x.pool, (a, b))
        first, second = _letters(n), _letters(m, n)
        out = "".join(p + q for p, q in zip(first, second, strict=True))
        sizes = dict(zip(first + second, (*np.shape(a), *np.shape(b)), strict=True))
        return contracted(x.pool, (first, second), out, (a, b), sizes).reshape(np.shape(result))
    of_first: Any = []
    of_second: Any = []
    if function in (np.tensordot, np.linalg.tensordot):
        axes = given.get("axes", 2)
        of_first, of_second = axes if np.ndim(axes) else (range(n - axes, n), range(axes))
        of_first, of_second = _tuple(of_first), _tuple(of_second)
    elif n and m and function not in (np.outer, np.linalg.outer):
        of_first, of_second = [n - 1], [m - 1 if m == 1 or function is np.inner else m - 2]
    first = _letters(n)
    letters = list(_letters(m, n))
    for i, j in zip(of_first, of_second, strict=True):
        letters[j] = first[i]
    joined = "".join(letters)
    summed = {first[i] for i in of_first}
    out = "".join(c for c in first + joined if c not in summed)
    sizes = dict(zip(first + joined, (*np.shape(a), *np.shape(b)), strict=True))
    return contracted(x.pool, (first, joined), out, (a, b), sizes).reshape(np.shape(result))


def _tuple(axes: Any) -> tuple[int, ...]:
    return tuple(axes) if np.ndim(axes) else (axes,)


def _letters(count: int, start: int = 0) -> str:
    return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[start : start + count]


@kind("einsum")
def _einsum(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    spec, *operands = next(iter(given.values()))
    if not isinstance(spec, str):
        return everything(x.pool, operands)
    left, arrow, out = spec.replace(" ", "").partition("->")
    terms = left.split(",")
    most = max([np.ndim(a) - len(t.replace("...", "")) for t, a in zip(terms, operands, strict=True)])
    free = [c for c in _letters(52) if c not in spec]
    stack = "".join(free[:most])
    full = []
    for t, a in zip(terms, operands, strict=True):
        count = np.ndim(a) - len(t.replace("...", ""))
        full.append(t.replace("...", stack[len(stack) - count :] if count else ""))
    out = out.replace("...", stack)
    if not arrow:
        joined = "".join(full)
        out = stack + "".join(sorted(c for c in set(joined) if joined.count(c) == 1 and c not in stack))
    sizes: dict[str, int] = {}
    for t, a in zip(full, operands, strict=True):
        for c, n in zip(t, np.shape(a), strict=True):
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
    if not math.prod(sizes.values()):
        return np.zeros(np.shape(result), np.intp)
    return contracted(x.pool, tuple(full), out, operands, sizes)


# ---------------------------------------------------------------- new arrays, and writing into old ones

_LIKE = {
    getattr(np, word)
    for word in [
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
        "zeros",
        "ones",
        "empty",
        "full",
        "arange",
        "eye",
        "identity",
        "linspace",
    ]
}


def _new(x: IndexSetValues, function: Any, given: dict[str, Any]) -> Any:
    given.pop("like", None)
    given.pop("subok", None)
    fill = given.get("fill_value")
    result = wrapped(x, _called(function, numbers(given)), EMPTY)
    if isinstance(fill, IndexSetValues):
        result[...] = fill
    elif sets_of(given) and function.__name__ == "linspace":
        result.sets[...] = everything(x.pool, given)
    return result


_WRITERS = {np.copyto, np.put_along_axis, np.put, np.place, np.putmask, np.fill_diagonal}


def _write(function: Any, given: dict[str, Any]) -> None:
    first, *words = words_of(function)
    target = given[first]
    if not isinstance(target, IndexSetValues):
        raise TypeError(
            f"sparsity: {function.__name__} writes into an ndarray, which forgets what its elements depend on"
        )
    before = target.sets.copy()
    _called(function, numbers(given))
    source = next(word for word in words if word in ("src", "values", "vals", "v", "val"))
    moved = {word: numbers(value) for word, value in given.items() if word != "casting"}
    moved |= {first: target.sets, source: _sets(given[source])}
    _called(function, moved)
    if isinstance(given.get("where", given.get("mask")), IndexSetValues):
        target.sets[...] = target.pool.union(before, target.sets)


# ---------------------------------------------------------------- what is asked of an array


@kind(
    "shape size ndim result_type can_cast common_type iscomplexobj isrealobj min_scalar_type may_share_memory "
    "shares_memory"
)
def _asked(x: IndexSetValues, function: Any, given: dict[str, Any], result: Any) -> Any:
    return EMPTY
