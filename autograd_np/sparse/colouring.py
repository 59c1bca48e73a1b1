"""Groups of rows and columns of a pattern, so that one product with a Jacobian tells the entries of a whole group.

Rows that share no column may be added: each entry of their sum is an entry of one of them. So may columns that share no
row; and a few dense rows may be left to products of their own, so that the columns need only keep apart in the others
(Coleman and Verma 1998). Of a symmetric pattern each entry may be read in two places: a *star colouring* (Coleman and
Moré 1984; Gebremedhin, Manne and Pothen 2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Plan", "plan"]

# Steps of a greedy colouring, which is Python: about a second.
STEPS = 2_000_000


@dataclass(slots=True)
class Plan:
    """Which products are made, and in which of them each entry is read.

    The products are the sums of the rows of each group, then the sums of the columns of each group.

    Attributes:
        pattern: ``scipy.sparse.csr_array`` of truth values with sorted columns.
        rows: the group of each row, -1 for one that is in none.
        columns: the group of each column, -1 for one that is in none.
        row_groups: how many groups of rows there are.
        column_groups: how many groups of columns there are.
        by_row: for each entry, in the order of the pattern, whether it is read in the product of a group of rows.
        product: the number of the group in which it is read.
        place: the element of that product.
    """

    pattern: Any
    rows: Any
    columns: Any
    row_groups: int
    column_groups: int
    by_row: Any
    product: Any
    place: Any

    @property
    def groups(self) -> int:
        """How many products are made."""
        return self.row_groups + self.column_groups


def plan(pattern: Any, symmetric: bool = False) -> Plan:
    """The groups for a pattern, as few as are found quickly.

    Args:
        pattern: of a Jacobian, or of a Hessian.
        symmetric: the pattern is that of a symmetric matrix.
    """
    if symmetric:
        return _symmetric(pattern)
    m, n = pattern.shape
    of_rows = _least(pattern.T)
    of_columns = _least(pattern)
    best, bound = (True, of_rows) if of_rows <= of_columns else (False, of_columns)
    dense_rows, limit_rows = _apart(pattern)
    dense_columns, limit_columns = _apart(pattern.T)
    if min(limit_rows, limit_columns) < bound // 2:
        if limit_rows <= limit_columns:
            return _both(pattern, dense_rows)
        return _turned(_both(pattern.T.tocsr(), dense_columns))
    if best:
        return _turned(_both(pattern.T.tocsr(), np.zeros(n, bool)))
    return _both(pattern, np.zeros(m, bool))


def _least(pattern: Any) -> int:
    """At least as many groups of columns there are: entries in the fullest row."""
    return int(np.bincount(_coo(pattern)[0], minlength=1).max(initial=0))


def _coo(pattern: Any) -> tuple[Any, Any]:
    entries = pattern.tocoo()
    return entries.row.astype(np.intp), entries.col.astype(np.intp)


def _apart(pattern: Any) -> tuple[Any, int]:
    """The full rows that are best left to products of their own, and the least number of products then."""
    degrees = np.bincount(_coo(pattern)[0], minlength=pattern.shape[0])
    order = np.argsort(-degrees, kind="stable")
    bounds = np.arange(len(order)) + degrees[order]
    k = int(np.argmin(bounds)) if len(bounds) else 0
    dense = np.zeros(pattern.shape[0], bool)
    dense[order[:k]] = True
    return dense, int(bounds[k]) if len(bounds) else 0


def _both(pattern: Any, dense: Any) -> Plan:
    """Groups of columns for all rows that are not dense, and a group for each dense row."""
    i, j = _coo(pattern)
    by_row = dense[i]
    rows = np.where(dense, np.cumsum(dense) - 1, -1)
    light = pattern[np.flatnonzero(~dense)]
    columns = _coloured(light)
    groups = int(columns.max(initial=-1)) + 1
    return Plan(
        pattern,
        rows,
        columns,
        int(dense.sum()),
        groups,
        by_row,
        np.where(by_row, rows[i], columns[j]),
        np.where(by_row, j, i),
    )


def _turned(found: Plan) -> Plan:
    """The plan for the transposed pattern."""
    i, j = _coo(found.pattern)
    order = np.lexsort((i, j))
    pattern = found.pattern.T.tocsr()
    pattern.sort_indices()
    return Plan(
        pattern,
        found.columns,
        found.rows,
        found.column_groups,
        found.row_groups,
        ~found.by_row[order],
        found.product[order],
        found.place[order],
    )


def _symmetric(pattern: Any) -> Plan:
    """Groups of rows of a symmetric pattern: an entry is read in its row's group, or in the row of its mirror image."""
    n = pattern.shape[0]
    i, j = _coo(pattern)
    degrees = np.bincount(i, minlength=n)
    hubs, limit = _apart(pattern)
    candidates = []
    if hubs.any() and limit < degrees.max() // 2:
        rest = pattern[np.flatnonzero(~hubs)]
        rest = rest[:, np.flatnonzero(~hubs)]
        colours = np.empty(n, np.intp)
        colours[~hubs] = np.maximum(_coloured(rest), 0)
        colours[hubs] = colours[~hubs].max(initial=-1) + 1 + np.arange(hubs.sum())
        candidates.append(colours)
    colours = _modular(pattern)
    if colours is not None:
        candidates.append(colours)
    fewest = min([int(c.max(initial=-1)) + 1 for c in candidates], default=n + 1)
    if fewest > 3 and int((degrees[j].astype(float) * degrees[i]).sum()) < STEPS:
        candidates.append(_star(pattern))
    if not candidates:
        candidates.append(_greedy(pattern))
    colours = min(candidates, key=lambda c: int(c.max(initial=-1)))
    # The sum of the rows of a group at column j is the entry (i, j) if row i is the only one of the group that has
    # column j.
    groups = int(colours.max(initial=-1)) + 1
    here, mirrored = j * groups + colours[i], i * groups + colours[j]
    keys, counts = np.unique(here, return_counts=True)
    alone = counts[np.searchsorted(keys, here)] == 1
    product = np.where(alone, colours[i], colours[j])
    place = np.where(alone, j, i)
    if not np.all(alone | (counts[np.searchsorted(keys, mirrored)] == 1)):
        raise AssertionError("a star colouring does not tell every entry")
    nothing = np.full(n, -1)
    return Plan(pattern, colours, nothing, groups, 0, np.ones(len(i), bool), product, place)


# ---------------------------------------------------------------- colourings


def _coloured(pattern: Any) -> Any:
    """A group for each column, such that the columns of a group share no row; -1 for empty columns."""
    colours = _modular(pattern)
    return _greedy(pattern) if colours is None else colours


def _modular(pattern: Any) -> Any:
    """Groups of columns by their number modulo p; for bands, stencils and blocks p is hardly more than the least.

    Returns:
        None where no such p keeps columns apart that share a row.
    """
    i, j = _coo(pattern)
    if not len(i):
        return np.full(pattern.shape[1], -1)
    degrees = np.bincount(i)
    if float((degrees.astype(float) ** 2).sum()) > 20 * STEPS:
        return None
    least = int(degrees.max())
    distances = _distances(pattern, i, j, degrees)
    for p in range(least, least + least // 2 + 3):
        if np.all(distances % p):
            break
    else:
        return None
    colours = np.full(pattern.shape[1], -1)
    colours[j] = j % p
    return _renumbered(colours)


def _distances(pattern: Any, i: Any, j: Any, degrees: Any) -> Any:
    """How far apart columns stand that share a row."""
    starts = pattern.indptr
    seen = np.zeros(pattern.shape[1], bool)
    for step in range(1, int(degrees.max())):
        here = np.arange(len(i) - step)
        here = here[here + step < starts[i[:-step] + 1]]
        seen[np.abs(j[here + step] - j[here])] = True
    return np.flatnonzero(seen)


def _renumbered(colours: Any) -> Any:
    used = colours >= 0
    result = np.full(len(colours), -1)
    result[used] = np.unique(colours[used], return_inverse=True)[1]
    return result


def _greedy(pattern: Any) -> Any:
    """Groups of columns: each, those with most entries first, joins the first group that shares no row with it."""
    by_column = pattern.tocsc()
    m, n = pattern.shape
    taken: list[set[int]] = [set() for _ in range(m)]  # the groups that each row meets
    colours = np.full(n, -1)
    degrees = np.diff(by_column.indptr)
    rows = by_column.indices.tolist()
    starts = by_column.indptr.tolist()
    for column in np.argsort(-degrees, kind="stable").tolist():
        mine = rows[starts[column] : starts[column + 1]]
        if not mine:
            continue
        used = set().union(*[taken[row] for row in mine])
        colour = 0
        while colour in used:
            colour += 1
        colours[column] = colour
        for row in mine:
            taken[row].add(colour)
    return colours


def _star(pattern: Any) -> Any:
    """A greedy star colouring (Gebremedhin et al., algorithm 4.1).

    Neighbours differ in colour, and a path of four vertices has at least three.
    """
    n = pattern.shape[0]
    indices, starts = pattern.indices.tolist(), pattern.indptr.tolist()
    near = [[w for w in indices[starts[v] : starts[v + 1]] if w != v] for v in range(n)]
    colours = [-1] * n
    for v in range(n):
        forbidden = set()
        for w in near[v]:
            if colours[w] >= 0:
                forbidden.add(colours[w])
            for x in near[w]:
                if x == v or colours[x] < 0:
                    continue
                if colours[w] < 0 or any(y != w and colours[y] == colours[w] for y in near[x]):
                    forbidden.add(colours[x])
        colour = 0
        while colour in forbidden:
            colour += 1
        colours[v] = colour
    return np.array(colours)
