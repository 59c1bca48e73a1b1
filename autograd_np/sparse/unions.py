"""Ufuncs of arrays of index sets, and the unions that functions are made of: over axes, over terms of products."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..engine.sparse_operands import SparseOperand
from .pool import EMPTY, Pool
from .values import IndexSetValues, carries, numbers, sets_of, wrapped

__all__ = [
    "by_sparse",
    "call_ufunc",
    "contracted",
    "elementwise",
    "everything",
    "over_axes",
    "product_of_matrices",
    "written",
]

# A product looks at the zeros of a constant factor where it has no more terms than this.
TERMS = 10_000_000
_MATRICES = {np.matmul: ("ik", "kj"), np.vecdot: ("k", "k")}
if hasattr(np, "matvec"):  # since NumPy 2.2
    _MATRICES |= {np.matvec: ("ik", "k"), np.vecmat: ("k", "kj")}


def call_ufunc(x: IndexSetValues, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: Any) -> Any:
    """What ``__array_ufunc__`` returns."""
    out = options.pop("out", None)
    if method == "at":
        return _at(x.pool, ufunc, *inputs)
    if ufunc in _MATRICES and any(isinstance(a, SparseOperand) for a in inputs):
        result = by_sparse(x, ufunc, inputs)
    else:
        result = getattr(ufunc, method)(*numbers(inputs), **numbers(options))
        result = wrapped(x, result, EMPTY)
        fill(x, ufunc, method, inputs, options, result)
    return result if out is None else written(ufunc.__name__, out, result)


def fill(x: IndexSetValues, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: Any, result: Any) -> None:
    """Give the results of a ufunc their sets."""
    results = result if isinstance(result, tuple) else (result,)
    if not any(carries(r.dtype, x.dtype) for r in results):
        return
    pool, shape = x.pool, results[0].shape
    if method == "reduce":
        words = ("axis", "dtype", "out", "keepdims", "initial", "where")
        given = dict(zip(words, inputs[1:], strict=False)) | options
        sets = over_axes(pool, chosen(inputs[0], given.get("where", True)), given.get("axis", 0))
        if isinstance(given.get("initial"), IndexSetValues):
            sets = pool.union(sets, given["initial"].sets)
        sets = np.reshape(sets, shape)
    elif method == "accumulate":
        sets = accumulated(pool, inputs[0], options.get("axis", inputs[1] if len(inputs) > 1 else 0))
    elif method == "__call__" and ufunc.signature is None:
        sets = elementwise(pool, _factors(ufunc, inputs), shape)
        if "where" in options:
            sets = np.where(numbers(options["where"]), sets, EMPTY)
    elif method == "outer":
        a, b = inputs
        a = np.reshape(a, (*np.shape(a), *(1,) * np.ndim(b)))
        sets = elementwise(pool, _factors(ufunc, (a, b)), shape)
    elif ufunc in _MATRICES:
        sets = product_of_matrices(pool, _MATRICES[ufunc], inputs, shape)
    else:
        sets = everything(pool, (inputs, options))
    for r in results:
        if carries(r.dtype, x.dtype):
            r.sets[...] = sets


def _factors(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> list[Any]:
    """The sets of the operands; of a product with a constant, of the elements whose factor is not 0."""
    if ufunc is np.multiply:
        for x, factor in (inputs, inputs[::-1]):
            if not isinstance(factor, IndexSetValues):
                return [np.where(np.not_equal(factor, 0), x.sets, EMPTY)]
    return sets_of(inputs)


def written(name: str, out: Any, result: Any) -> Any:
    """Write results into the arrays of ``out=``."""
    results = result if isinstance(result, tuple) else (result,)
    targets = out if isinstance(out, tuple) else (out,)
    kept = []
    for target, r in zip(targets, results, strict=True):
        if target is None:
            kept.append(r)
            continue
        if not isinstance(target, IndexSetValues):
            raise TypeError(f"sparsity: out= of {name} is an ndarray, which forgets what its elements depend on")
        target[...] = r  # type: ignore[index]
        kept.append(target)
    return tuple(kept) if isinstance(result, tuple) else kept[0]


# ---------------------------------------------------------------- unions


def elementwise(pool: Pool, operands: list[Any], shape: tuple[int, ...]) -> Any:
    """The sets of a function of corresponding elements."""
    return np.broadcast_to(functools.reduce(pool.union, operands, np.zeros((), np.intp)), shape)


def everything(pool: Pool, tree: Any) -> Any:
    """One set: the union of all sets in a tree."""
    parts = [np.ravel(sets) for sets in sets_of(tree)]
    members = np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.intp)
    return pool.unions(np.zeros(len(members), np.intp), members, 1)[0]


def chosen(x: Any, where: Any) -> Any:
    """The sets of an array, empty where a constant mask leaves an element out."""
    sets = x.sets if isinstance(x, IndexSetValues) else np.zeros(np.shape(x), np.intp)
    if where is True or isinstance(where, IndexSetValues) or where is np._NoValue:
        return sets
    return np.where(where, sets, EMPTY)


def over_axes(pool: Pool, sets: Any, axis: Any) -> Any:
    """The unions over axes (None: all), which stay with length 1."""
    axes = tuple(range(sets.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(sorted({range(sets.ndim)[i] for i in axes}))
    shape = tuple([1 if i in axes else n for i, n in enumerate(sets.shape)])
    length = math.prod([sets.shape[i] for i in axes])
    rows = np.moveaxis(sets, axes, range(-len(axes), 0)).reshape(math.prod(shape), length)
    groups = np.repeat(np.arange(rows.shape[0]), rows.shape[1])
    return pool.unions(groups, rows.ravel(), rows.shape[0]).reshape(shape)


def accumulated(pool: Pool, x: Any, axis: Any) -> Any:
    """The unions of each element with those before it along an axis; along a long one with those after it, too."""
    sets = x.sets
    if sets.shape[axis] > 64:
        return np.broadcast_to(over_axes(pool, sets, axis), sets.shape)
    result = np.moveaxis(sets, axis, 0).copy()
    for i in range(1, len(result)):
        result[i] = pool.union(result[i - 1], result[i])
    return np.moveaxis(result, 0, axis)


def contracted(pool: Pool, terms: tuple[str, ...], out: str, operands: Any, lengths: dict[str, int]) -> Any:
    """The sets of an einsum: of each factor the union over the summed axes, where constant factors are not 0.

    Args:
        pool: the sets.
        terms: for each operand one letter an axis; every operand has the lengths of its letters, or 1.
        out: the letters of the result.
        operands: the factors.
        lengths: the length of each letter.
    """
    total: Any = np.zeros((1,) * len(out), np.intp)
    for k, (term, x) in enumerate(zip(terms, operands, strict=True)):
        if not isinstance(x, IndexSetValues):
            continue
        masks = [
            (other, np.not_equal(operands[i], 0))
            for i, other in enumerate(terms)
            if i != k and not isinstance(operands[i], IndexSetValues)
        ]
        masks = [(other, mask) for other, mask in masks if not mask.all()]
        summed = "".join(dict.fromkeys(c for c in term + "".join(other for other, _ in masks) if c not in out))
        letters = out + summed
        many = math.prod([lengths[c] for c in letters])
        if many > TERMS or not masks:
            masks = []
            summed = "".join(dict.fromkeys(c for c in term if c not in out))
            letters = out + summed
        sets = _spread(x.sets, term, letters)
        for other, mask in masks:
            sets = np.where(_spread(mask, other, letters), sets, EMPTY)
        sets = over_axes(pool, sets, tuple(range(len(out), len(letters))))
        total = pool.union(total, sets.reshape(sets.shape[: len(out)]))
    return np.broadcast_to(total, tuple([lengths[c] for c in out]))


def _spread(a: Any, term: str, letters: str) -> Any:
    """An array with the axes ``letters``; those that it has not have length 1."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:  # a diagonal
            i = term.index(c)
            j = term.index(c, i + 1)
            a = np.diagonal(a, axis1=i, axis2=j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + c
    a = np.transpose(a, [term.index(c) for c in letters if c in term])
    return np.expand_dims(a, [i for i, c in enumerate(letters) if c not in term])


def product_of_matrices(pool: Pool, cores: tuple[str, str], operands: Any, shape: tuple[int, ...]) -> Any:
    """The sets of a product of (stacks of) matrices or vectors with these core axes."""
    terms = []
    loops = max(np.ndim(x) - len(core) for x, core in zip(operands, cores, strict=True))
    stack = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: max(loops, 0)]
    lengths: dict[str, int] = dict.fromkeys(stack, 1)
    if cores == ("ik", "kj"):
        cores = (cores[0][2 - np.ndim(operands[0]) :] if np.ndim(operands[0]) < 2 else "ik", cores[1])
        cores = (cores[0], "k" if np.ndim(operands[1]) < 2 else "kj")
    for x, core in zip(operands, cores, strict=True):
        before = np.ndim(x) - len(core)
        terms.append(stack[len(stack) - before :] + core if before else core)
        for c, n in zip(terms[-1], np.shape(x), strict=True):
            lengths[c] = max(lengths.get(c, 1), n) if n else 0
    out = stack + "".join(c for c in cores[0] + cores[1] if c != "k")
    if not math.prod(shape):
        return np.zeros(shape, np.intp)
    return contracted(pool, tuple(terms), out, operands, lengths)


def by_sparse(x: IndexSetValues, function: Any, inputs: tuple[Any, ...]) -> Any:
    """A product with a constant sparse matrix."""
    a, b = inputs
    if function not in (np.matmul, np.dot):
        raise TypeError(f"sparsity: {function.__name__} does not take a sparse matrix")
    result = function(*numbers(inputs))
    if isinstance(b, SparseOperand):  # x B = (Bᵀ xᵀ)ᵀ
        matrix, sets = b.matrix.T, np.swapaxes(a.sets, -1, -2) if a.ndim > 1 else a.sets
    else:
        matrix, sets = a.matrix, b.sets
    rows = matrix.tocoo()
    columns = np.moveaxis(sets, -2, 0) if sets.ndim > 1 else sets
    members = columns.reshape(columns.shape[0], -1)
    width = members.shape[1]
    groups = rows.row[:, None].astype(np.intp) * width + np.arange(width)
    found = x.pool.unions(groups.ravel(), members[rows.col].ravel(), matrix.shape[0] * width)
    found = found.reshape(matrix.shape[0], *columns.shape[1:])
    found = np.moveaxis(found, 0, -2) if sets.ndim > 1 else found
    found = np.swapaxes(found, -1, -2) if isinstance(b, SparseOperand) and sets.ndim > 1 else found
    return x.__class__(result, found, x.pool)


def _at(pool: Pool, ufunc: np.ufunc, x: Any, index: Any, *value: Any) -> None:
    """``ufunc.at``: in place, element after element."""
    index = numbers(index)
    if not isinstance(x, IndexSetValues):
        raise TypeError(
            f"sparsity: {ufunc.__name__}.at writes into an ndarray, which forgets what its elements depend on"
        )
    ufunc.at(x.values, index, *numbers(value))
    places = np.arange(x.size).reshape(x.shape)[index]
    groups, sets = [np.arange(x.size)], [np.ravel(x.sets)]
    for v in value:
        if isinstance(v, IndexSetValues):
            groups.append(np.ravel(places))
            sets.append(np.ravel(np.broadcast_to(v.sets, places.shape)))
    x.sets[...] = pool.unions(np.concatenate(groups), np.concatenate(sets), x.size).reshape(x.shape)
