"""A growing pool of sets of inputs, each known by its number; equal sets mostly have the same."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["EMPTY", "EVERYTHING", "Pool", "TooDenseError", "scipy_sparse"]

EMPTY, EVERYTHING = 0, 1
# Members of all sets together: beyond them a sparse Jacobian is no gain (160 MB).
MOST = 20_000_000


class TooDenseError(ValueError):
    """The sets have more members together than a sparse pattern should."""


def scipy_sparse(name: str) -> Any:
    """SciPy's sparse arrays."""
    try:
        import scipy.sparse
    except ImportError as error:
        raise ImportError(f"{name}: sparse arrays are SciPy's, which is missing: pip install scipy") from error
    return scipy.sparse


class Pool:
    """Sets of the inputs 0 … n - 1.

    Number 0 is the empty set, 1 the set of all inputs, 2 + i the set of input i alone (of one input, which is all,
    too).

    Attributes:
        n: how many inputs there are.
        sizes: how many members each set has.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._sparse = scipy_sparse("sparsity")
        self._starts = np.concatenate([[0, 0], np.arange(n, 2 * n + 1)])
        self._members = np.concatenate([np.arange(n), np.arange(n)])
        self.sizes = np.diff(self._starts)
        self._hash = np.random.default_rng(0).integers(1, 2**63, n, dtype=np.uint64)
        self._flags = np.ones(len(self._members), bool)

    def singles(self) -> Any:
        """The numbers of the sets of one input each."""
        return np.arange(2, 2 + self.n)

    def rows(self, sets: Any) -> Any:
        """The sets of these numbers as rows of a sparse array of truth values."""
        return self._matrix()[np.ravel(sets)]

    def _matrix(self) -> Any:
        shape = (len(self.sizes), self.n)
        return self._sparse.csr_array((self._flags, self._members, self._starts), shape=shape)

    def union(self, a: Any, b: Any) -> Any:
        """The unions of two sets each, elementwise with broadcasting."""
        if a is b:
            return a
        a, b = np.broadcast_arrays(a, b)
        result = np.where(a == EMPTY, b, a)
        differ = (a != b) & (a != EMPTY) & (b != EMPTY)
        if not differ.any():
            return result
        low, high = np.minimum(a, b)[differ], np.maximum(a, b)[differ]
        _, first, back = np.unique(low * len(self.sizes) + high, return_index=True, return_inverse=True)
        groups = np.arange(len(first))
        members = np.concatenate([low[first], high[first]])
        result[differ] = self.unions(np.concatenate([groups, groups]), members, len(first))[back]
        return result

    def unions(self, groups: Any, sets: Any, count: int) -> Any:
        """The union of the sets of each group: set ``sets[k]`` belongs to group ``groups[k]`` of ``count``."""
        result = np.zeros(count, np.intp)
        filled = sets != EMPTY
        groups, sets = groups[filled], sets[filled]
        result[groups] = sets  # one of them
        mixed = np.zeros(count, bool)
        mixed[groups[sets != result[groups]]] = True
        result[groups[sets == EVERYTHING]] = EVERYTHING
        mixed[result == EVERYTHING] = False
        if not mixed.any():
            return result
        used = mixed[groups]
        place = np.cumsum(mixed) - 1
        result[mixed] = self._new(place[groups[used]], sets[used], int(place[-1]) + 1)
        return result

    def _new(self, groups: Any, sets: Any, count: int) -> Any:
        """The same where no group is empty, and each has several sets: those unions that are no set yet are added."""
        if self.sizes[sets].sum() > 10 * MOST:
            raise TooDenseError("the pattern is dense")
        shape = (count, len(self.sizes))
        choice = self._sparse.csr_array((np.ones(len(sets), bool), (groups, sets)), shape=shape)
        found = choice @ self._matrix()
        sizes = np.diff(found.indptr)
        # A union that is no larger than its largest part is that part.
        largest = np.maximum.reduceat(self.sizes[choice.indices], choice.indptr[:-1])
        parts = np.diff(choice.indptr)
        top = self.sizes[choice.indices] == np.repeat(largest, parts)
        result = np.zeros(count, np.intp)
        result[np.repeat(np.arange(count), parts)[top]] = choice.indices[top]
        result[sizes == self.n] = EVERYTHING
        fresh = (sizes != largest) & (sizes != self.n)
        if fresh.any():
            result[fresh] = self._added(found[np.flatnonzero(fresh)], sizes[fresh])
        return result

    def _added(self, rows: Any, sizes: Any) -> Any:
        """The numbers of new sets; of equal ones among them the same."""
        keys = np.add.reduceat(self._hash[rows.indices], rows.indptr[:-1])
        _, first, back = np.unique(keys, return_index=True, return_inverse=True)
        rows, sizes = rows[first], sizes[first]
        start = len(self.sizes)
        self.sizes = np.concatenate([self.sizes, sizes])
        self._members = np.concatenate([self._members, rows.indices])
        self._starts = np.concatenate([self._starts, self._starts[-1] + rows.indptr[1:]])
        self._flags = np.ones(len(self._members), bool)
        if len(self._members) > MOST:
            raise TooDenseError("the pattern is dense")
        return start + back
