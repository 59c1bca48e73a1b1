"""``einsum`` in all its forms.

Write the call as ``out[c] = Σ Π_k x_k[t_k]`` with one string of letters t_k per operand. The gradient of
operand i is the same kind of sum, over all letters that it does not have:

    gx_i[t_i] = Σ g[c] Π_{k≠i} x_k[t_k]

so it is an einsum of g and the other operands, with three cases that an output of einsum cannot have:
a letter only x_i has (the gradient is constant along it), a letter along which x_i has length 1 and was
broadcast (sum over it), and a letter twice in t_i (the gradient lies on the diagonal).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .composed import composition, no_out, publish
from .scatter import Scatter

__all__ = ["einsum", "einsum_path"]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
Shape = tuple[int, ...]

# From this many multiplications on, looking for an order of contraction (12 µs) pays.
WORTH_A_PATH = 30_000


@lru_cache(maxsize=1024)
def letters(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """The letters of each operand and of the output, with ``...`` spelled out and an implicit output made explicit.

    >>> letters("...ij,jk", (3, 2))
    (('Aij', 'jk'), 'Aik')
    """
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    used = set(subscripts)
    free = [letter for letter in LETTERS if letter not in used]
    depths = [
        ndim - len(term.replace("...", "")) if "..." in term else 0 for term, ndim in zip(terms, ndims, strict=True)
    ]
    depth = max(depths, default=0)
    if depth > len(free):
        raise ValueError(f"einsum: {subscripts!r} has more axes than there are letters (52)")
    ellipsis = "".join(free[:depth])
    spelled = tuple([term.replace("...", ellipsis[depth - d :]) for term, d in zip(terms, depths, strict=True)])
    if arrow:
        return spelled, output.replace("...", ellipsis)
    joined = left.replace(",", "").replace("...", "")
    return spelled, ellipsis + "".join(sorted(letter for letter in set(joined) if joined.count(letter) == 1))


class Plan(NamedTuple):
    """How the gradient of one operand is computed."""

    equation: str  # of g and the other operands; "" where the gradient is g itself
    optimize: bool
    open: Shape | None  # reshape to this, which puts in axes of length 1; None: not needed
    full: Shape | None  # broadcast to this; None: not needed
    diagonal: tuple[tuple[int, ...], ...] | None  # per axis of the operand, its length and its place among the letters


@lru_cache(maxsize=4096)
def plan(subscripts: str, shapes: tuple[Shape, ...], i: int) -> Plan:
    """The plan for operand ``i``."""
    terms, output = letters(subscripts, tuple(map(len, shapes)))
    size: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for letter, n in zip(term, shape, strict=True):
            if n != 1 or letter not in size:
                size[letter] = n
    mine = dict(zip(terms[i], shapes[i], strict=True))
    # The lengths that g and the other operands bring along.
    given: dict[str, int] = {letter: size[letter] for letter in output}
    for k, term in enumerate(terms):
        if k != i:
            for letter, n in zip(term, shapes[k], strict=True):
                if n != 1 or letter not in given:
                    given[letter] = n
    kept = [letter for letter in mine if letter in given and not (mine[letter] == 1 != given[letter])]
    others = [output, *[term for k, term in enumerate(terms) if k != i]]
    equation = f"{','.join(others)}->{''.join(kept)}"
    if equation == f"{output}->{output}":
        equation = ""
    result = tuple([given[letter] for letter in kept])
    opened = tuple([given[letter] if letter in kept else 1 for letter in mine])
    full = tuple(mine.values())
    places = list(mine)
    return Plan(
        equation,
        math.prod(size.values()) > WORTH_A_PATH and len(terms) > 1,
        None if opened == result else opened,
        None if full == opened else full,
        None if len(terms[i]) == len(mine) else tuple([(mine[letter], places.index(letter)) for letter in terms[i]]),
    )


def _gradient(i: int, g: Array, subscripts: str, shapes: tuple[Shape, ...], arrays: tuple[Any, ...]) -> Any:
    """The gradient of operand ``i``; ``arrays`` are all operands (or none, where there is one)."""
    todo = plan(subscripts, shapes, i)
    if todo.equation:
        others = [x for k, x in enumerate(arrays) if k != i]
        g = np.einsum(todo.equation, g, *others, optimize=todo.optimize)
    if todo.open is not None:
        g = np.reshape(g, todo.open)
    if todo.full is not None:
        g = np.broadcast_to(g, todo.full)
    if todo.diagonal is not None:
        ndim = g.ndim
        index = tuple([np.arange(n).reshape((1,) * k + (-1,) + (1,) * (ndim - k - 1)) for n, k in todo.diagonal])
        return Scatter(shapes[i], [(index, g)])
    return g


@primitive(name="einsum", wrt="arrays", masks=True)
def _einsum(arrays: Any, subscripts: str, optimize: Any = False) -> Tensor:
    return np.einsum(subscripts, *arrays, optimize=optimize)


@primitive(name="einsum_one", wrt="x", view=True, masks=True)
def _einsum_one(x: ArrayLike, subscripts: str) -> Tensor:
    """``einsum`` of one operand: a transposition, diagonal or sum. It is linear, so the tape keeps no array."""
    return np.einsum(subscripts, x)


def _joint(
    g: Array, needs: tuple[bool, ...], arrays: tuple[Any, ...], arrays_shape: tuple[Shape, ...], subscripts: str
) -> tuple[Any, ...]:
    return tuple([_gradient(i, g, subscripts, arrays_shape, arrays) if need else None for i, need in enumerate(needs)])


rule(_einsum, joint=_joint)
rule(_einsum_one, lambda g, x_shape, subscripts: _gradient(0, g, subscripts, (x_shape,), ()))


def _symbols(axes: Any) -> str:
    """The subscripts of an operand given as a list of integers; NumPy's order of the letters."""
    return "".join(["..." if a is Ellipsis else LETTERS[a] for a in axes])


def _strings(operands: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Subscripts and operands from any form of the call.

    Raises:
        ValueError: there are none, or their numbers differ.
    """
    if not operands:
        raise ValueError("einsum: give the subscripts and the operands")
    if isinstance(operands[0], str):
        subscripts, arrays = operands[0], operands[1:]
    else:
        try:
            terms = [_symbols(axes) for axes in operands[1::2]]
            output = "->" + _symbols(operands[-1]) if len(operands) % 2 else ""
        except (TypeError, IndexError) as error:
            raise ValueError(
                "einsum: give a string of subscripts first, or lists of integers in [0, 52) after each operand, and last (if wanted) the output's"
            ) from error
        arrays = operands[0 : 2 * len(terms) : 2]
        subscripts = ",".join(terms) + output
    count = subscripts.partition("->")[0].count(",") + 1
    if count != len(arrays):
        raise ValueError(f"einsum: {subscripts!r} is for {count} operand{'s'[: count > 1]}, got {len(arrays)}")
    return subscripts, arrays


def einsum(
    *operands: Any,
    out: None = None,
    optimize: Any = False,
    dtype: DTypeLike | None = None,
    order: str = "K",
    casting: str = "safe",
) -> Tensor:
    """Sums of products by Einstein's convention, in any of NumPy's forms.

    Args:
        *operands: the subscripts, then the arrays: ``einsum("ij,jk->ik", x, y)``; or each array followed by
            a list of integers for its axes, and last the output's: ``einsum(x, [0, 1], y, [1, 2], [0, 2])``.
            A letter that is repeated within an operand takes the diagonal, ``...`` stands for axes that
            broadcast, and axes of length 1 broadcast.
        out: not supported.
        optimize: as for ``np.einsum``: whether to look for a good order of contraction, or that order.
            (The backward pass looks for one where the sums are large.)
        dtype: not supported; convert the operands.
        order: only ``"K"``.
        casting: only ``"safe"``.

    Raises:
        ValueError: the subscripts do not fit the operands.
        TypeError: an option that is not supported.

    Gradient of an operand: the einsum of g with the other operands.

    >>> einsum("i,i->", np.array([1.0, 2.0]), np.array([3.0, 4.0])).item()
    11.0
    """
    no_out("einsum", out)
    for word, value, default in (("dtype", dtype, None), ("order", order, "K"), ("casting", casting, "safe")):
        if value != default:
            raise TypeError(
                f"einsum: {word}= is not supported on Tensors; convert the operands with .astype, or the result"
            )
    subscripts, arrays = _strings(operands)
    arrays = tuple([np.asarray(x) if x.__class__ in (float, int, complex, bool) else x for x in arrays])
    if len(arrays) == 1:
        return _einsum_one(arrays[0], subscripts)
    return _einsum(arrays, subscripts, optimize)


publish(einsum, _einsum, np.einsum)


@composition(np.einsum_path)
def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> tuple[list[Any], str]:
    """The order of contraction that ``einsum`` would take, and a description: plain values, as ``np.einsum_path``."""
    if einsum_call:
        raise TypeError("einsum_path: einsum_call= is NumPy's own and not supported on Tensors")
    subscripts, arrays = _strings(operands)
    return np.einsum_path(subscripts, *[x._values if isinstance(x, Tensor) else x for x in arrays], optimize=optimize)
