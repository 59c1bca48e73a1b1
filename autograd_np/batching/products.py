"""Products and linear algebra of batched arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import entry, first_of, flat, same_for_all
from .ufuncs import shifted
from .values import (
    BatchedValues,
    BatchingError,
    aligned,
    axes_of,
    belongs,
    like,
)

# ---------------------------------------------------------------- products


@entry("dot")
def _dot(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, y = given["a"], given["b"]
    n_x, n_y = axes_of(x), axes_of(y)
    if not n_x or not n_y:
        return np.multiply(x, y)
    if n_y == 1 or (n_y == 2 and (n_x <= 2 or not belongs(y, batch))):
        return np.matmul(x, y)
    return np.tensordot(x, y, ((n_x - 1,), (n_y - 2,)))


@entry("einsum")
def _einsum(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    operands = given.pop("*operands")
    if not isinstance(operands[0], str):
        raise BatchingError("vmap: einsum with lists of axes has no batched form")
    subscripts, *arrays = operands
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    if not arrow:
        letters = [letter for letter in left if letter.isalpha()]
        once = sorted([letter for letter in set(letters) if letters.count(letter) == 1])
        right = ("..." if "..." in left else "") + "".join(once)
    new = next(chr(code) for code in (*range(65, 91), *range(97, 123)) if chr(code) not in subscripts)
    terms = [new + term if belongs(x, batch) else term for term, x in zip(left.split(","), arrays, strict=True)]
    given = {word: value for word, value in given.items() if value is not None}
    values = [x.values if belongs(x, batch) else x for x in arrays]
    return like(batch, np.einsum(f"{','.join(terms)}->{new}{right}", *values, **given))


@entry("tensordot")
def _tensordot(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, y, axes = given["a"], given["b"], given.get("axes", 2)
    n_x, n_y = axes_of(x), axes_of(y)
    if isinstance(axes, (int, np.integer)):
        axes = (list(range(n_x - int(axes), n_x)), list(range(int(axes))))
    of_x, of_y = [[each] if isinstance(each, (int, np.integer)) else list(each) for each in axes]
    letters_x = [chr(97 + i) for i in range(n_x)]
    letters_y = [chr(65 + i) for i in range(n_y)]
    for i, j in zip(of_x, of_y, strict=True):
        letters_y[j % n_y] = letters_x[i % n_x]
    summed = {letters_x[i % n_x] for i in of_x}
    result = "".join([letter for letter in (*letters_x, *letters_y) if letter not in summed])
    return np.einsum(f"{''.join(letters_x)},{''.join(letters_y)}->{result}", x, y)


@entry("inner", "vdot", "outer", "linalg.outer", "kron")
def _products(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, y = list(given.values())[:2]
    if function is np.inner:
        return np.multiply(x, y) if not axes_of(x) or not axes_of(y) else np.tensordot(x, y, ((-1,), (-1,)))
    if function is np.vdot:
        return np.sum(np.conjugate(np.ravel(x)) * np.ravel(y))
    if function is np.kron:
        ndim = max(axes_of(x), axes_of(y))
        x, y = [np.reshape(v, (*(1,) * (ndim - axes_of(v)), *np.shape(v))) for v in (x, y)]
        every = range(2 * ndim)
        blocks = np.multiply(np.expand_dims(x, tuple(every[1::2])), np.expand_dims(y, tuple(every[::2])))
        return np.reshape(blocks, tuple([m * n for m, n in zip(np.shape(x), np.shape(y), strict=True)]))
    return np.multiply(np.reshape(x, (-1, 1)), np.reshape(y, (1, -1)))


@entry("cross")
def _cross(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, y = given["a"], given["b"]
    places = {word: given.get(word, -1) for word in ("axisa", "axisb", "axisc")}
    if given.get("axis") is not None:
        places = dict.fromkeys(places, given["axis"])
    x, y = np.moveaxis(x, places["axisa"], -1), np.moveaxis(y, places["axisb"], -1)
    ndim = max(axes_of(x), axes_of(y))
    result = like(batch, np.cross(aligned(batch, x, ndim), aligned(batch, y, ndim)))
    return np.moveaxis(result, -1, places["axisc"]) if 3 in (np.shape(x)[-1], np.shape(y)[-1]) else result


# ---------------------------------------------------------------- linear algebra


@entry(
    "linalg.inv", "linalg.det", "linalg.slogdet", "linalg.cholesky", "linalg.eig", "linalg.eigh", "linalg.eigvals", "linalg.eigvalsh",
    "linalg.svd", "linalg.svdvals", "linalg.qr", "linalg.pinv", "linalg.matrix_rank", "linalg.matrix_norm", "linalg.matrix_power",
    "linalg.cond",
)  # fmt: skip
def _of_stacks(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = first_of(function, given)
    same_for_all(function, given)
    if axes_of(x) < 2:
        raise BatchingError(f"vmap: {function.__name__} of a vector has no batched form")
    return like(batch, function(x.values, **given))


@entry("linalg.solve")
def _solve(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    a, b = given["a"], given["b"]
    vector = axes_of(b) == 1
    b = np.expand_dims(b, -1) if vector else b
    ndim = max(axes_of(a), axes_of(b))
    result = like(batch, np.linalg.solve(aligned(batch, a, ndim), aligned(batch, b, ndim)))
    return result[..., 0] if vector else result


@entry("linalg.norm")
def _norm(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, order, axis, keepdims = given["x"], given.get("ord"), given.get("axis"), given.get("keepdims", False)
    if axis is None and order is None:
        found = np.linalg.norm(flat(batch, x), axis=1)
        return like(batch, np.reshape(found, (*found.shape, *(1,) * x.ndim)) if keepdims else found)
    if axis is None:
        axis = tuple(range(x.ndim)) if x.ndim != 1 else 0
    return like(batch, np.linalg.norm(x.values, order, axis=shifted(axis, x.ndim), keepdims=keepdims))
