"""Pytrees: nested dicts, lists, tuples and namedtuples of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["flatten", "tree_map"]

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


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The tree of ``function(leaf, leaf of others…)``.

    >>> tree_map(lambda a, b: a + b, {"w": 1.0}, {"w": 2.0})
    {'w': 3.0}
    """
    leaves, rebuild = flatten(tree)
    rest = [flatten(other)[0] for other in others]
    for other in rest:
        if len(other) != len(leaves):
            raise ValueError(f"tree_map: trees with {len(leaves)} and {len(other)} leaves")
    return rebuild([function(*values) for values in zip(leaves, *rest, strict=True)])
