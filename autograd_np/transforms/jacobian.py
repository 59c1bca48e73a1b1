"""Jacobians and Hessians: all their rows in one backward pass, with a batch of cotangents."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, overload

import numpy as np

from ..batching import walk  # noqa: F401 - the engine asks it about batched arrays
from ..batching.array import Batched
from ..batching.axis import left, out_of_batch
from ..batching.walk import batch
from ..engine.pytree import flatten
from ..engine.tensor import Tensor
from .call import Call, Derivative, check_function, output_of, pull_back, same_field
from .grad import grad
from .jacobian_rows import WIDEST, check_chunk_size, widest
from .sparse_jacobian import SparseJacobian

if TYPE_CHECKING:
    from . import signatures

__all__ = ["hessian", "jacobian"]

P = ParamSpec("P")


class _Jacobian(Derivative):
    maker = "jacobian"

    def __init__(self, f: Callable[..., Any], argnum: int | tuple[int, ...], chunk_size: int | None) -> None:
        super().__init__(f, argnum)
        self.chunk_size = check_chunk_size(chunk_size)

    def made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self._function, self.argnum, self.chunk_size), {}

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        call = Call("jacobian", args, self.argnum)
        leaves, rebuild = flatten(call.run(self._function, kwargs))
        outputs = [output_of(leaf, "jacobian") for leaf in leaves]
        for y in outputs:
            same_field(y, call)
        create = call.depends_outside(outputs)
        return rebuild([call.arrange(_rows(call, y, create, self.chunk_size)) for y in outputs])


@overload
def jacobian(
    f: Callable[Concatenate[Tensor, P], Tensor], argnum: Literal[0] = ..., *, chunk_size: int | None = ...
) -> signatures.OfArray[P]: ...
@overload
def jacobian(
    f: Callable[..., Any], argnum: int | tuple[int, ...] = ..., *, chunk_size: int | None = ..., sparse: bool = ...
) -> Callable[..., Any]: ...
def jacobian(
    f: Callable[..., Any], argnum: int | tuple[int, ...] = 0, *, chunk_size: int | None = None, sparse: bool = False
) -> Callable[..., Any]:
    """The function that computes the Jacobian of ``f``, of shape ``out.shape + x.shape``, in one backward pass.

    The pass pulls the rows of the identity back, as a batch of cotangents. For pytrees the result is a tree like the output of trees
    like the argument.

    Args:
        f: a function of arrays that returns a pytree of arrays.
        argnum: the positional argument to differentiate, or a tuple of them.
        chunk_size: how many rows are pulled back at a time, which bounds memory; by default as many as keep the widest
            cotangent below 32 MB.
        sparse: return ``scipy.sparse.csr_array`` of shape (out.size, x.size), both in C order, computed with a few products for groups
            of rows and columns. :func:`sparsity` finds the pattern, which is kept for the next call with the same shapes, and whether
            it holds is tested in every call. A dense one is computed row by row, with a RuntimeWarning.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return SparseJacobian(f, argnum, chunk_size) if sparse else _Jacobian(f, argnum, chunk_size)


def _rows(call: Call, y: Tensor, create: bool, chunk_size: int | None) -> list[Any]:
    """The Jacobian of one output with respect to every leaf."""
    m = y.size if y.dtype.kind in "fc" and y._node is not None else 0
    step = (m if chunk_size is None else chunk_size) or 1
    if chunk_size is None and m > 1:
        step = max(WIDEST // widest([y]), 1)
    chunks = [_chunk(call, y, start, min(start + step, m), create) for start in range(0, m, step)]
    results = []
    for i, (t, original) in enumerate(zip(call.leaves, call.originals, strict=True)):
        parts = [chunk[i] for chunk in chunks if chunk[i] is not None]
        if not parts:
            full: Any = np.zeros_like(t._values, shape=y.shape + t.shape, dtype=t.dtype)
        else:
            full = np.reshape(parts[0] if len(parts) == 1 else np.concatenate(parts), y.shape + t.shape)
        results.append(call.form(full, original))
    return results


def _chunk(call: Call, y: Tensor, start: int, stop: int, create: bool) -> list[Any]:
    """Rows ``start`` to ``stop`` of the Jacobian, for every leaf; None for one that the output does not depend on."""
    basis = np.zeros((stop - start, y.size), y.dtype)
    basis[np.arange(stop - start), np.arange(start, stop)] = 1
    with batch() as level:
        cotangent = Batched(basis.reshape(stop - start, *y.shape), level)
        found = pull_back([y], call.nodes(), [cotangent], retain=True, create=create)
        rows = []
        for g in found:
            if isinstance(g, Tensor):
                g = out_of_batch(g, 0, level, stop - start)
            elif g is not None:
                g = left(g, 0, level, stop - start)
            rows.append(g)
        return rows


@overload
def hessian(
    f: Callable[Concatenate[Tensor, P], Tensor], argnum: Literal[0] = ..., *, chunk_size: int | None = ...
) -> signatures.OfArray[P]: ...
@overload
def hessian(
    f: Callable[..., Any], argnum: int | tuple[int, ...] = ..., *, chunk_size: int | None = ..., sparse: bool = ...
) -> Callable[..., Any]: ...
def hessian(
    f: Callable[..., Any], argnum: int | tuple[int, ...] = 0, *, chunk_size: int | None = None, sparse: bool = False
) -> Callable[..., Any]:
    """The function that computes the Hessian of a scalar-valued ``f``, of shape ``x.shape + x.shape``: the Jacobian of its gradient.

    Args:
        f: a function of arrays that returns one real number.
        argnum: the positional argument to differentiate, or a tuple of them.
        chunk_size: as for :func:`jacobian`.
        sparse: as for :func:`jacobian`; the groups use that a Hessian is symmetric, and its shape is (x.size, x.size).

    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    check_function(f, "hessian")
    if sparse:
        return SparseJacobian(grad(f, argnum), argnum, chunk_size, symmetric=True)
    return jacobian(grad(f, argnum), argnum, chunk_size=chunk_size)
