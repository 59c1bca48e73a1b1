"""Sparse Jacobians and Hessians: a pattern, products with groups of rows and columns, a test that nothing is left out."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..batching.array import Batched
from ..batching.axis import left
from ..batching.walk import batch
from ..engine import hooks
from ..engine.errors import CompileError
from ..engine.pytree import flatten
from ..engine.tensor import Tensor, as_argument
from ..sparse import walk
from ..sparse.colouring import Plan, plan
from ..sparse.pool import scipy_sparse
from .call import Call, Derivative, check_function, output_of, pull_back, same_field
from .jacobian_rows import WIDEST, check_chunk_size, widest

__all__ = ["SparseJacobian", "sparsity"]

# Below this many rows or columns nothing is lost by a dense pattern, and nothing said.
SMALL = 64


def sparsity(f: Callable[..., Any], /, *args: Any, argnum: int | tuple[int, ...] = 0, **kwargs: Any) -> Any:
    """Which outputs of ``f`` depend on which inputs: the pattern of its Jacobian.

    It is found by one run of ``f`` on arrays of index sets: beside each number the set of inputs that it depends on.
    That of a Hessian is ``sparsity(grad(f), x)``.

    Args:
        f: a function of arrays that returns a pytree of arrays.
        *args: its arguments, which say the shapes.
        argnum: the positional argument to differentiate, or a tuple of them.
        **kwargs: further arguments.

    Returns:
        A ``scipy.sparse.csr_array`` of truth values with a row for each element of the output and a column for each
        element of the argument, both in C order, those of trees leaf after leaf. No entry that may be other than 0 is
        missing; of a function without a rule for sets everything counts as depending on everything. Both branches of
        ``np.where`` count; what ``f`` decides with ``if`` is decided as at this point.

    Raises:
        ImportError: SciPy is missing.
        ValueError: the pattern has more than 2·10⁷ entries.

    >>> sparsity(lambda x: x[1:] * x[:-1], np.ones(4)).toarray().astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    check_function(f, "sparsity")
    call = Call("sparsity", args, argnum)
    return _pattern(f, call, args, kwargs)


def _pattern(f: Callable[..., Any], call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    def outputs(*leaves: Any) -> list[Any]:
        arguments, at = list(args), 0
        for number, (count, rebuild) in zip(call.numbers, call.rebuilds, strict=True):
            arguments[number] = rebuild(list(leaves[at : at + count]))
            at += count
        return flatten(f(*arguments, **kwargs))[0]

    return walk.pattern(outputs, [_plain(call.name, t) for t in call.leaves])


def _plain(name: str, t: Tensor) -> Any:
    if t._values.__class__ is not np.ndarray and not isinstance(t._values, np.generic):
        if hooks.is_traced(t._values):
            raise CompileError(f"compile: {name} with sparse=True cannot be part of a program; leave it outside")
        raise TypeError(f"{name}: sparse=True takes plain arrays; inside vmap use the dense form")
    return t._values


class SparseJacobian(Derivative):
    """The function that :func:`jacobian` and :func:`hessian` return for ``sparse=True``.

    Pattern and groups are kept for the next call with arguments of the same shapes. Whether they hold is tested in every
    call by one more product, the transposed Jacobian times a random vector: it is made of all entries, also of those that
    the pattern lacks. What is missing and larger than the rounding of its column's sum is seen.
    """

    maker = "jacobian"

    def __init__(
        self, f: Callable[..., Any], argnum: int | tuple[int, ...], chunk_size: int | None, symmetric: bool = False
    ) -> None:
        super().__init__(f, argnum)
        scipy_sparse(f"{self.maker}: sparse=True")
        self.chunk_size = check_chunk_size(chunk_size)
        self.symmetric = symmetric
        self._kept: tuple[Any, Plan] | None = None

    def made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that make such a one again."""
        return (self._function, self.argnum, self.chunk_size, self.symmetric), {}

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """The Jacobian at these arguments."""
        call = Call("jacobian", args, self.argnum)
        for t in call.leaves:
            _plain(call.name, t)
        leaves, rebuild = flatten(call.run(self._function, kwargs))
        outputs = [output_of(leaf, "jacobian") for leaf in leaves]
        for y in outputs:
            same_field(y, call)
        if call.depends_outside(outputs):
            raise TypeError(
                "jacobian: sparse=True gives plain numbers, which are on no tape, and the function depends on Tensors "
                "that need a gradient; use the dense form inside of other transforms, or detach them"
            )
        products = _Products(call, outputs, self.chunk_size)
        whole = self._matrix(products, args, kwargs)
        return rebuild([call.arrange(row) for row in products.blocks(whole)])

    def _matrix(self, products: _Products, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key = products.shapes
        kept = self._kept
        if kept is not None and kept[0] == key:
            found, holds = products.matrix(kept[1], 64 * products.m)
            if holds:
                return found
        try:
            pattern = _pattern(self._function, products.call, args, kwargs)
        except Exception as error:  # noqa: BLE001 - the function itself has run; its Jacobian is dense then
            return products.dense(f"its pattern was not found: {type(error).__name__}: {error}")
        if self.symmetric:
            pattern = (pattern + pattern.T).tocsr()
            pattern.sort_indices()
        chosen = plan(pattern, self.symmetric)
        if chosen.groups > min(products.m, products.n) // 2 >= SMALL:
            return products.dense(f"its pattern, of {pattern.nnz} entries, takes {chosen.groups} products")
        found, holds = products.matrix(chosen, 1e6 * products.m)
        if not holds:
            return products.dense("its pattern misses entries; a rule says other than its operation depends on")
        self._kept = key, chosen
        return found


class _Products:
    """Products of rows and of columns with the Jacobian of one call."""

    def __init__(self, call: Call, outputs: list[Tensor], chunk_size: int | None) -> None:
        self.call = call
        self.outputs = outputs
        self.n = sum([t.size for t in call.leaves])
        self.m = sum([y.size for y in outputs])
        self.shapes = [[(t.shape, t.dtype) for t in each] for each in (call.leaves, outputs)]
        self.dtype = np.result_type(*[t.dtype for t in (*call.leaves, *[y for y in outputs if y.dtype.kind in "fc"])])
        self.step = chunk_size or max(WIDEST // max(widest(outputs), 1), 1)

    def matrix(self, chosen: Plan, slack: float) -> tuple[Any, bool]:
        """The Jacobian of the entries of a pattern, and whether it has all of them.

        Args:
            chosen: which products tell which entry.
            slack: how many roundings of the sum of a column its test may be off.
        """
        pattern = chosen.pattern
        test = np.random.default_rng(0).uniform(0.5, 1.5, self.m).astype(self.dtype)
        rows = np.zeros((chosen.row_groups + 1, self.m), self.dtype)
        used = np.flatnonzero(chosen.rows >= 0)
        rows[chosen.rows[used], used] = 1
        rows[-1] = test
        by_rows = self.of_rows(rows)
        entries = np.empty(len(pattern.indices), self.dtype)
        of_rows = chosen.by_row
        entries[of_rows] = by_rows[chosen.product[of_rows], chosen.place[of_rows]]
        if chosen.column_groups:
            columns = np.zeros((chosen.column_groups, self.n), self.dtype)
            used = np.flatnonzero(chosen.columns >= 0)
            columns[chosen.columns[used], used] = 1
            by_columns = self.of_columns(columns)
            entries[~of_rows] = by_columns[chosen.product[~of_rows], chosen.place[~of_rows]]
        sparse = scipy_sparse("jacobian")
        found = sparse.csr_array((entries, pattern.indices.copy(), pattern.indptr.copy()), shape=pattern.shape)
        with np.errstate(all="ignore"):
            off = np.abs(by_rows[-1] - found.T @ test)
            size = abs(found).T @ test
            close = (off <= slack * np.finfo(self.dtype).eps * size) | np.equal(by_rows[-1], found.T @ test)
        return found, bool(np.all(close))

    def dense(self, reason: str) -> Any:
        """All entries, row after row."""
        warnings.warn(
            f"jacobian: sparse=True computes all {self.m} rows of the Jacobian, for {reason}",
            RuntimeWarning,
            stacklevel=4,
        )
        full = self.of_rows(np.eye(self.m, dtype=self.dtype))
        return scipy_sparse("jacobian").csr_array(full)

    def of_rows(self, cotangents: Any) -> Any:
        """``cotangents @ J``."""
        return self._batched(self.outputs, self.call.leaves, cotangents)

    def of_columns(self, tangents: Any) -> Any:
        """``tangents @ Jᵀ``: the product ``v J`` is linear in v, and its transposed Jacobian is J."""
        vs = [as_argument(Tensor(np.zeros(y.shape, y.dtype))) for y in self.outputs]
        found = pull_back(self.outputs, self.call.nodes(), vs, retain=True, create=True)
        used = [i for i, g in enumerate(found) if g is not None]
        starts = np.cumsum([0, *[t.size for t in self.call.leaves]])
        parts = [tangents[:, starts[i] : starts[i + 1]] for i in used]
        return self._batched([found[i] for i in used], vs, np.concatenate(parts, axis=1))

    def _batched(self, outputs: list[Any], leaves: list[Tensor], cotangents: Any) -> Any:
        result = np.zeros((len(cotangents), sum([t.size for t in leaves])), self.dtype)
        splits = np.cumsum([y.size for y in outputs])[:-1]
        for start in range(0, len(cotangents), self.step):
            part = cotangents[start : start + self.step]
            n = len(part)
            with batch() as level:
                given = [
                    Batched(rows.reshape(n, *y.shape).astype(y.dtype, copy=False), level)
                    for rows, y in zip(np.split(part, splits, axis=1), outputs, strict=True)
                ]
                found = pull_back(outputs, [t._node for t in leaves], given, retain=True, create=False)
                at = 0
                for g, t in zip(found, leaves, strict=True):
                    if g is not None:
                        result[start : start + n, at : at + t.size] = left(g, 0, level, n).reshape(n, t.size)
                    at += t.size
        return result

    def blocks(self, whole: Any) -> list[list[Any]]:
        """For each output the blocks of the leaves."""
        rows = np.cumsum([0, *[y.size for y in self.outputs]])
        columns = np.cumsum([0, *[t.size for t in self.call.leaves]])
        if len(rows) == len(columns) == 2:
            return [[whole]]
        return [
            [whole[top:end, start:stop] for start, stop in itertools.pairwise(columns)]
            for top, end in itertools.pairwise(rows)
        ]
