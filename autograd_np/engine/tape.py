"""The tape: nodes, and the one backward walk. This file knows no operation of NumPy.

Every recorded operation makes a :class:`Node` with the next position. A node's parents always have
smaller positions, so the nodes that a result depends on, taken in falling order of position, are its
backward pass: when a node's turn comes, every operation that used its output has already contributed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from .accumulators import Deferred
from .clock import LAST_WRITE, next_position
from .errors import GradientShapeError, freed, misfit
from .fitting import fit
from .hooks import BATCHES
from .locks import new_lock
from .modes import ACTIVE, enable_grad, no_grad, watchers
from .write_guards import check_unwritten

__all__ = ["Node", "ancestors", "backward", "gradients_of"]

_leaf_lock = new_lock()


class Node:
    """One recorded operation, or one leaf: its place on the tape and what its rule asked to keep."""

    __slots__ = (
        "__weakref__",
        "dtype",
        "grad",
        "info",
        "kept",
        "name",
        "parents",
        "position",
        "primitive",
        "scope",
        "seen",
        "shape",
    )

    position: int  # parents have smaller ones
    primitive: Any  # the operation; None for a leaf
    parents: tuple[Node | None, ...]  # one per differentiable operand; None where no gradient is needed
    kept: tuple[Any, ...] | None  # the values that the rules name, in the primitive's order; None once freed
    shape: Any  # of the output
    dtype: Any
    grad: Any  # of a leaf: the accumulated gradient
    name: str | None  # a label for pictures and messages
    info: Any  # what anomaly detection wrote down about the call
    seen: Any  # what `annotate` wrote down
    scope: Any  # the named part of the program that this is an output of


def leaf(shape: Any, dtype: Any, kind: type[Node] = Node) -> Node:
    """A node with no operation behind it: where gradients arrive."""
    node = kind()
    node.position = next_position()
    node.primitive = None
    node.parents = node.kept = ()
    node.shape = shape
    node.dtype = dtype
    node.grad = None
    return node


def ancestors(
    roots: Iterable[Node], floor: int, stops: set[int] | None = None
) -> tuple[dict[int, Node], dict[int, Node]]:
    """The nodes that the roots depend on, by position: those at or above ``floor``, and the first ones met below it; ``stops`` are not entered."""
    found, below, stack = dict[int, Node](), dict[int, Node](), list(roots)
    while stack:
        node = stack.pop()
        position = node.position
        if position < floor:
            below[position] = node
        elif position not in found:
            found[position] = node
            if stops is None or position not in stops:
                if stops is not None and getattr(
                    node.primitive, "picks", False
                ):  # past the operation's first output, which may be a stop
                    node = node.parents[0] or node
                    found[node.position] = node
                stack.extend([parent for parent in node.parents if parent is not None])
    return found, below


def _leading_to(roots: Iterable[Node], targets: set[int], stops: set[int] | None) -> set[int] | None:
    """Positions of the nodes through which a gradient must pass to reach a target; None where every node is one."""
    found, below = ancestors(roots, min(targets), stops)
    # (A result that retains its gradient has a .grad, and tells backward() by the parents not being chosen.)
    if not below and all(
        position in targets if node.primitive is None else not hasattr(node, "grad") for position, node in found.items()
    ):
        return None
    needed = set(targets)
    for position in sorted(found):
        if any(parent is not None and parent.position in needed for parent in found[position].parents):
            needed.add(position)
    return needed


def _zeros(g: Any) -> int:
    """As ``Primitive.masks`` of an operation: whether zeros stand in a cotangent."""
    try:
        return 0 if (g.all() if g.ndim else g) else 2
    except (TypeError, ValueError, AttributeError):  # a tracer or a duck array has no truth to look at
        return 1


Seeds = Sequence[tuple[Node, Any]]
Reached = tuple[list[tuple[Node, Any]], dict[int, Any]]


def _queue(seeds: Seeds) -> tuple[list[int], dict[int, list[Any]]]:
    """Where the walk begins: a heap of negated positions, and by position each node with the sum of its cotangents."""
    pending: dict[int, list[Any]] = {}
    for node, g in seeds:
        entry = pending.get(node.position)
        if entry is None:
            pending[node.position] = [node, g]
        else:
            entry[1] = entry[1] + g
    return sorted([-position for position in pending]), pending


def _summed(g: Any, node: Node) -> Any:
    """The sum of contributions of which some were deferred; for an operation with several outputs a tuple."""
    g = g.dense()
    return fit(g, node, node) if g.__class__ is not tuple and g.dtype != node.dtype else g


def _leading(parents: tuple[Node | None, ...], needed: set[int]) -> tuple[Node | None, ...]:
    """The parents that lead to a target, None in place of the others."""
    return tuple([parent if parent is not None and parent.position in needed else None for parent in parents])


def _fitted(contribution: Any, parent: Node, node: Node, deferred: set[int]) -> Any:
    """A contribution that is not of its parent's shape and dtype: to be summed later, or fitted now."""
    if not isinstance(contribution, Deferred):
        return fit(contribution, parent, node)
    if contribution.shape is not parent.shape and contribution.shape != parent.shape:
        raise GradientShapeError(misfit(contribution.shape, parent, node))
    deferred.add(parent.position)
    return contribution


def _walk(seeds: Seeds, needed: set[int] | None, targets: set[int], stop: bool, retain: bool, create: bool) -> Reached:
    """The backward pass: returns the gradients that reached leaves and those of the targets.

    Take the newest node; pull what has reached it back through its rule; give each parent its contribution; until no node is left.
    """
    heap, pending = _queue(seeds)
    # The newest pending node is held apart: in a chain it is the next one, and never enters the heap.
    best = 0
    best_node: Any = None
    best_g: Any = None
    deferred: set[int] = set()  # positions of the nodes that a deferred contribution has reached
    leaves: list[tuple[Node, Any]] = []
    found: dict[int, Any] = {}
    batches, ndarray = BATCHES[0] if BATCHES else None, np.ndarray
    watching = watchers()
    # Until an operation masks a cotangent there is no zero in it for a rule to turn into 0 · inf = NaN.
    careful = max([_zeros(g) for _, g in seeds], default=0)
    while True:
        # ---- the newest node, and what has reached it
        if heap and -heap[0] > best:
            position = -heappop(heap)
            node, g = pending.pop(position)
        elif best:
            position, node, g = best, best_node, best_g
            best = 0
        else:
            return leaves, found
        if deferred and position in deferred:
            g = _summed(g, node)
        if targets and position in targets:
            found[position] = g[0] if g.__class__ is tuple else g
            if stop:
                if g.__class__ is not tuple:
                    continue
                g = (None, *g[1:])  # what reached the operation's other outputs goes on
        primitive = node.primitive
        if primitive is None:
            leaves.append((node, g))
            continue
        parents = node.parents
        if needed is not None and not any(parents := _leading(parents, needed)):
            continue
        # ---- back through its rule
        kept = node.kept
        if kept is None:
            raise freed(node)
        if position < LAST_WRITE[0]:
            check_unwritten(node)
        if watching:
            watching.check_kept(node)
        if create:
            kept = primitive.as_tensors(node)
        elif not retain:
            node.kept = None
        try:
            pulled = primitive.pull(node, g, parents, kept)
        except Exception as error:
            pulled = NotImplemented if batches is None else batches.pull(error, primitive.pull, node, g, parents, kept)
            if pulled is NotImplemented:
                raise
        if careful and careful >= primitive.care:
            pulled = primitive.held(node, g, parents, kept, pulled)
        if primitive.masks > careful:
            careful = primitive.masks
        if watching:
            watching.check_backward(node, g, pulled)
        # ---- to each parent its contribution
        k = len(parents)
        while k:  # indices cost a third of what zip costs for two operands
            k -= 1
            parent = parents[k]
            if parent is None:
                continue
            contribution = pulled[k]
            if batches is not None and contribution.__class__ is not ndarray:
                contribution = batches.leaving(contribution, parent, not targets)
            try:
                fits = contribution.dtype is parent.dtype and contribution.shape == parent.shape
            except AttributeError:
                fits = False
            if not fits:
                contribution = _fitted(contribution, parent, node, deferred)
            position = parent.position
            if position == best:
                best_g = best_g + contribution
                continue
            entry = pending.get(position)
            if entry is not None:
                entry[1] = entry[1] + contribution
                continue
            if position > best:
                if best:
                    pending[best] = [best_node, best_g]
                    heappush(heap, -best)
                best, best_node, best_g = position, parent, contribution
            else:
                pending[position] = [parent, contribution]
                heappush(heap, -position)


def _run(seeds: Seeds, needed: set[int] | None, targets: set[int], stop: bool, retain: bool, create: bool) -> Reached:
    # A singular derivative (1/0 under a zero cotangent) is dealt with by the rules; the forward pass
    # has already warned about a value that overflows.
    with np.errstate(all="ignore"):
        if create or ACTIVE[0]:
            with enable_grad() if create else no_grad():
                return _walk(seeds, needed, targets, stop, retain, create)
        return _walk(seeds, needed, targets, stop, retain, create)


def backward(root: Node, g: Any, *, retain_graph: bool, own: Callable[[Any], Any]) -> None:
    """Accumulate the gradient of ``root`` into every leaf it depends on.

    Args:
        root: the node of the result.
        g: the cotangent, of the root's shape and dtype.
        retain_graph: keep what the nodes hold, for another pass.
        own: turns a gradient into an array that nothing else refers to.
    """
    leaves, _ = _run([(root, g)], None, set(), False, retain_graph, False)
    del g
    while leaves:
        node, value = leaves.pop()
        with _leaf_lock:
            node.grad = own(value) if node.grad is None else own(node.grad + value)


def gradients_of(
    seeds: Seeds, targets: Sequence[Node], *, retain_graph: bool, create_graph: bool, stop_at_targets: bool = False
) -> list[Any]:
    """The gradients of the seeds with respect to ``targets``, None where there is no path.

    The walk enters only nodes that lead to a target, and leaves every ``.grad`` alone. With
    ``stop_at_targets`` a target that depends on another does not pass its gradient on.
    """
    if not (positions := {node.position for node in targets}):
        return []
    needed = _leading_to([node for node, _ in seeds], positions, positions if stop_at_targets else None)
    if needed is not None:
        seeds = [(node, g) for node, g in seeds if node.position in needed]
    _, found = _run(seeds, needed, positions, stop_at_targets, retain_graph, create_graph)
    return [found.get(node.position) for node in targets]
