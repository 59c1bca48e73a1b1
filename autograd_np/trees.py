"""Pytrees: nested dicts, lists, tuples and namedtuples of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["flatten", "leaves_like", "tree_map"]

Rebuild = Callable[[Sequence[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The leaves of a tree in order, and the function that builds the same tree of other leaves.

    Dicts keep their insertion order; None is a tree without leaves; anything that is not a dict, list,
    tuple or namedtuple is a leaf.

    >>> leaves, rebuild = flatten({"w": 1.0, "b": (2.0, 3.0)})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> rebuild([10, 20, 30])
    {'w': 10, 'b': (20, 30)}
    """
    leaves: list[Any] = []
    rebuild = _flatten(tree, leaves)
    count = len(leaves)

    def build(values: Sequence[Any]) -> Any:
        if len(values) != count:
            raise ValueError(f"the tree has {count} leaves, got {len(values)} values")
        return rebuild(values)

    return leaves, build


def _flatten(tree: Any, leaves: list[Any]) -> Rebuild:
    if tree is None:
        return lambda values: None
    if isinstance(tree, dict):
        keys = list(tree)
        parts = [_flatten(tree[key], leaves) for key in keys]
        kind = type(tree)
        if kind is dict:
            return lambda values: {key: part(values) for key, part in zip(keys, parts, strict=True)}

        def rebuild_mapping(values: Sequence[Any]) -> Any:
            made = tree.copy()  # a defaultdict or OrderedDict keeps what it is
            for key, part in zip(keys, parts, strict=True):
                made[key] = part(values)
            return made

        return rebuild_mapping
    if isinstance(tree, (list, tuple)):
        parts = [_flatten(item, leaves) for item in tree]
        if hasattr(tree, "_fields"):
            return lambda values: type(tree)(*[part(values) for part in parts])
        return lambda values: type(tree)([part(values) for part in parts])
    index = len(leaves)
    leaves.append(tree)
    return lambda values: values[index]


def leaves_like(tree: Any, other: Any, name: str, *, optional: bool = False) -> list[Any]:
    """The parts of ``other`` that stand where ``tree`` has its leaves, in the tree's order.

    Args:
        tree: the tree whose structure holds.
        other: a tree like it; dicts are matched by key, lists and tuples by position.
        name: what ``other`` is, for messages.
        optional: whether ``other`` may have None for a leaf.

    Raises:
        ValueError: the trees differ in their keys or lengths.

    >>> leaves_like({"w": 1.0, "b": 2.0}, {"b": 20, "w": 10}, "other")
    [10, 20]
    """
    leaves: list[Any] = []
    _match(tree, other, leaves, name)
    if not optional and any(leaf is None for leaf in leaves):
        raise ValueError(f"{name}: there must be an array or a number where there is None")
    return leaves


def _match(tree: Any, other: Any, leaves: list[Any], name: str) -> None:
    if isinstance(tree, dict):
        if not isinstance(other, dict) or other.keys() != tree.keys():
            given = list(other) if isinstance(other, dict) else type(other).__name__
            raise ValueError(f"{name}: there must be a dict with the keys {list(tree)}, got {given}")
        for key, part in tree.items():
            _match(part, other[key], leaves, name)
    elif isinstance(tree, (list, tuple)):
        if not isinstance(other, (list, tuple)) or len(other) != len(tree):
            given = f"{len(other)} items" if isinstance(other, (list, tuple)) else type(other).__name__
            raise ValueError(f"{name}: there must be a {type(tree).__name__} of {len(tree)} items, got {given}")
        for part, match in zip(tree, other, strict=True):
            _match(part, match, leaves, name)
    elif isinstance(other, dict):
        raise ValueError(f"{name}: there must be one array, got a dict with the keys {list(other)}")
    elif tree is not None:
        leaves.append(other)
    elif other is not None:
        raise ValueError(f"{name}: there must be None, got {type(other).__name__}")


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The tree of ``function(leaf, leaf of others…)``.

    >>> tree_map(lambda a, b: a + b, {"w": 1.0}, {"w": 2.0})
    {'w': 3.0}
    """
    leaves, rebuild = flatten(tree)
    rest = [leaves_like(tree, other, "tree_map") for other in others]
    return rebuild([function(*values) for values in zip(leaves, *rest, strict=True)])
