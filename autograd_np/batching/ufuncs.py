"""Ufuncs of batched arrays: their operands lined up behind the batch axis, the axes of their methods moved by one."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .indexing import full_index, shape_of_selection
from .values import BatchedValues, BatchingError, aligned, axes_of, belongs, like, replicated

__all__ = ["call_ufunc", "reduced", "shifted"]

# Core axes of the operands of ufuncs of vectors and matrices.
CORE = {np.matmul: (2, 2), np.vecdot: (1, 1)}
if hasattr(np, "matvec"):  # since NumPy 2.2
    CORE |= {np.matvec: (2, 1), np.vecmat: (1, 2)}


def call_ufunc(batch: BatchedValues, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: Any) -> Any:
    """What ``__array_ufunc__`` returns for operands of which some are batched at the level of ``batch``, and none further in."""
    out = options.pop("out", None)
    if method == "at":
        return _at(batch, ufunc, *inputs)
    if method == "__call__" and ufunc.signature is None:
        return _elementwise(batch, ufunc, inputs, out, options)
    if method == "__call__":
        result = _of_matrices(batch, ufunc, inputs, options)
    elif method == "reduce":
        given = dict(zip(("axis", "dtype", "out", "keepdims", "initial", "where"), inputs[1:], strict=False)) | options
        given.pop("out", None)
        result = reduced(batch, ufunc.reduce, inputs[0], given.pop("axis", 0), given)
    elif method == "outer":
        x, y = inputs
        result = ufunc(np.reshape(x, (*np.shape(x), *(1,) * axes_of(y))), y, **options)
    else:
        result = _along(batch, ufunc, method, inputs, options)
    return result if out is None else _written(batch, ufunc, out[0], result)


def _elementwise(batch: BatchedValues, ufunc: np.ufunc, inputs: tuple[Any, ...], out: Any, options: Any) -> Any:
    where = options.get("where", True)
    ndim = max([axes_of(x) for x in (*inputs, where, *[o for o in out or () if o is not None])])
    if where is not True:
        options["where"] = aligned(batch, where, ndim)
    operands = [aligned(batch, x, ndim) for x in inputs]
    if out is None:
        return like(batch, ufunc(*operands, **options))
    for target in out:
        if target is not None and not belongs(target, batch):
            raise _one_for_all(ufunc)
    result = ufunc(*operands, out=tuple([None if o is None else o.values for o in out]), **options)
    if len(out) == 1:
        return out[0]
    return tuple([like(batch, r) if o is None else o for r, o in zip(result, out, strict=True)])


def _one_for_all(ufunc: np.ufunc) -> BatchingError:
    return BatchingError(
        f"vmap: out= of {ufunc.__name__} is one array for the whole batch, and each element has a result of its own; "
        "make it with np.zeros_like(x, shape=…) of a batched x"
    )


def _written(batch: BatchedValues, ufunc: np.ufunc, target: Any, result: Any) -> Any:
    if belongs(result, batch) and not belongs(target, batch):
        raise _one_for_all(ufunc)
    target[...] = result
    return target


def _of_matrices(batch: BatchedValues, ufunc: np.ufunc, inputs: tuple[Any, ...], options: Any) -> Any:
    """A ufunc of vectors or matrices: core axes stay at the back, the loop axes in front of them are lined up."""
    if ufunc not in CORE or set(options) - {"dtype", "casting"}:
        raise BatchingError(f"vmap: {ufunc.__name__} with {sorted(options) or 'these operands'} has no batched form")
    if not any(belongs(x, batch) for x in inputs):  # only out= is batched
        return ufunc(*inputs, **options)
    if ufunc is np.matmul:
        return _matmul(batch, *inputs, **options)
    loops = max([axes_of(x) - core for x, core in zip(inputs, CORE[ufunc], strict=True)])
    operands = [aligned(batch, x, loops + core) for x, core in zip(inputs, CORE[ufunc], strict=True)]
    return like(batch, ufunc(*operands, **options))


def _matmul(batch: BatchedValues, x: Any, y: Any, **options: Any) -> Any:
    """Stacks of products; one product where an operand is a matrix for the whole batch, which BLAS does at once."""
    of_x, of_y = belongs(x, batch), belongs(y, batch)
    n_x, n_y = axes_of(x), axes_of(y)
    if of_x and not of_y and n_y <= 2:
        values = x.values  # rows of the whole batch against one matrix, or one vector
        if n_y == 1 or values.ndim == 2 or not values.size:
            return like(batch, np.matmul(values, y, **options))
        rows = np.matmul(np.reshape(values, (-1, values.shape[-1])), y, **options)
        return like(batch, np.reshape(rows, (*values.shape[:-1], y.shape[1])))
    if of_y and not of_x and n_y == 1 and n_x <= 2:
        return like(batch, np.matmul(y.values, x.T, **options))
    loops = max(n_x, n_y, 2) - 2
    a = x.values if of_x else x
    b = y.values if of_y else y
    if n_x == 1:
        a = np.expand_dims(a, -2)
    if n_y == 1:
        b = np.expand_dims(b, -1)
    result = np.matmul(_loops(a, of_x, loops), _loops(b, of_y, loops), **options)
    result = np.squeeze(result, -2) if n_x == 1 else result
    return like(batch, np.squeeze(result, -1) if n_y == 1 else result)


def _loops(values: Any, batched: bool, loops: int) -> Any:
    missing = loops - (values.ndim - 3)
    if not batched or missing <= 0:
        return values
    return np.reshape(values, (*values.shape[:1], *(1,) * missing, *values.shape[1:]))


# ---------------------------------------------------------------- axes


def shifted(axis: Any, ndim: int) -> Any:
    """An axis, or several, of one element as those of the values."""
    if isinstance(axis, (tuple, list)):
        return tuple([shifted(each, ndim) for each in axis])
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim + 1


def reduced(batch: BatchedValues, function: Any, x: Any, axis: Any, options: dict[str, Any]) -> Any:
    """A reduction over axes of each element; over all of them for None."""
    ndim = axes_of(x)
    options = {word: value for word, value in options.items() if value is not None and value is not np._NoValue}
    if isinstance(options.get("initial"), BatchedValues):
        raise BatchingError("vmap: initial= of a reduction is one number for the whole batch")
    for word in ("where", "mean"):
        if word in options:
            options[word] = aligned(batch, options[word], ndim)
    values = replicated(batch, x)
    axis = tuple(range(1, ndim + 1)) if axis is None else shifted(axis, ndim)
    if axis == ():  # of one number, or over no axis: over one of length 1
        values = np.expand_dims(values, -1)
        if "where" in options and axes_of(options["where"]):
            options["where"] = np.expand_dims(options["where"], -1)
        options.pop("keepdims", None)
        axis = -1
    return like(batch, function(values, axis=axis, **options))


def _along(batch: BatchedValues, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: Any) -> Any:
    """``accumulate`` and ``reduceat``."""
    x, *rest = inputs
    words: tuple[str, ...] = ("axis", "dtype") if method == "accumulate" else ("indices", "axis", "dtype")
    given = dict(zip(words, rest, strict=False)) | options
    given = {word: value for word, value in given.items() if value is not None}
    if isinstance(given.get("indices"), BatchedValues):
        raise BatchingError(f"vmap: {ufunc.__name__}.reduceat takes indices that are the same for the whole batch")
    values = replicated(batch, x)
    axis = shifted(given.pop("axis", 0), axes_of(x))
    if method == "reduceat":
        return like(batch, ufunc.reduceat(values, given.pop("indices"), axis, **given))
    return like(batch, ufunc.accumulate(values, axis, **given))


def _at(batch: BatchedValues, ufunc: np.ufunc, x: Any, index: Any, *value: Any) -> None:
    """``ufunc.at``: in place, element after element."""
    if not belongs(x, batch):
        raise BatchingError(
            f"vmap: {ufunc.__name__}.at writes results of each element of the batch into one array for all of them; "
            "make it with np.zeros_like(x, shape=…) of a batched x"
        )
    place = full_index(x, index)
    operands = [place.into_values(x, v, shape_of_selection(x, index)) for v in value]
    ufunc.at(x.values, place.index, *operands)
