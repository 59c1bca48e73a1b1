"""Pytrees: dicts, lists, tuples, namedtuples, dataclasses and registered classes, one in the other, with arrays at the leaves.

No function here calls itself: a tree may be nested as deep as memory lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .errors import describe

__all__ = ["flatten", "leaves_like", "paths", "register_pytree_node", "tree_map"]

Rebuild = Callable[[Sequence[Any]], Any]


class Kind(NamedTuple):
    """How trees of one class are taken apart and built."""

    take: Callable[[Any], tuple[list[Any], Any]]  # the parts, as a list of its own, and what else there is to know
    build: Callable[[Any, list[Any]], Any]  # of that and of other parts
    words: Callable[[Any], list[str]]  # what the parts are called behind the name of the tree


def _numbered(tree: Any) -> list[str]:
    return [f"[{i}]" for i in range(len(tree))]


def _keyed(tree: Any) -> list[str]:
    return [f"[{key!r}]" for key in tree]


def _with_items(shell: Any, parts: list[Any]) -> Any:
    """A dict of a class of its own, such as a defaultdict: it keeps what it is."""
    made = shell.copy()
    made.update(zip(shell, parts, strict=True))
    return made


def _data_words(tree: Any) -> list[str]:
    """The fields of a dataclass that are part of the tree: what is no number, no array and no tree, and what is said to be fixed, is not."""
    import dataclasses  # not at the top: it costs 0.7 ms, and whoever has one has imported it

    found = []
    for field in dataclasses.fields(tree):
        value = getattr(tree, field.name, None)
        fixed = value is None or isinstance(value, (bool, str, bytes, type)) or field.metadata.get("static", False)
        if not fixed and (
            isinstance(value, (int, float, complex)) or hasattr(value, "dtype") or kind_of(value.__class__) is not None
        ):
            found.append(field.name)
    return found


def _take_data(tree: Any) -> tuple[list[Any], Any]:
    import dataclasses

    names = _data_words(tree)
    fixed = {
        field.name: getattr(tree, field.name)
        for field in dataclasses.fields(tree)
        if field.name not in names and hasattr(tree, field.name)
    }
    return [getattr(tree, name) for name in names], (type(tree), names, fixed)


def _build_data(aux: Any, parts: list[Any]) -> Any:
    """A dataclass of its fields alone; ``__init__`` is not run, so that a frozen one, and one whose fields have no argument, is built as it is."""
    kind, names, fixed = aux
    made = object.__new__(kind)
    for name, value in [*fixed.items(), *zip(names, parts, strict=True)]:
        object.__setattr__(made, name, value)
    return made


def _refuse(tree: Any) -> Any:
    raise TypeError(f"a {type(tree).__name__} is no tree of arrays: pass list(...) of it, or the dict itself")


_NONE = Kind(lambda tree: ([], None), lambda aux, parts: None, lambda tree: [])
_DICT = Kind(
    lambda tree: (list(tree.values()), list(tree)), lambda keys, parts: dict(zip(keys, parts, strict=True)), _keyed
)
_MAPPING = Kind(lambda tree: (list(tree.values()), tree), _with_items, _keyed)
_LIST = Kind(lambda tree: (list(tree), None), lambda aux, parts: parts, _numbered)
_TUPLE = Kind(lambda tree: (list(tree), None), lambda aux, parts: tuple(parts), _numbered)
_SEQUENCE = Kind(lambda tree: (list(tree), type(tree)), lambda kind, parts: kind(parts), _numbered)
_NAMED = Kind(
    lambda tree: (list(tree), type(tree)),
    lambda kind, parts: kind(*parts),
    lambda tree: [f".{name}" for name in tree._fields],
)
DATACLASS = Kind(_take_data, _build_data, lambda tree: [f".{name}" for name in _data_words(tree)])
_VIEW = Kind(_refuse, lambda aux, parts: None, _refuse)

_VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
_REGISTERED: dict[type, Kind] = {}
_UNKNOWN = object()
# What has been found out about a class: its kind, None where its objects are leaves.
_kinds: dict[type, Any] = {}


def kind_of(cls: type) -> Kind | None:
    """How trees of a class are taken apart; None for a leaf."""
    found = _kinds.get(cls, _UNKNOWN)
    if found is _UNKNOWN:
        found = _kinds[cls] = _find(cls)
    return found  # type: ignore[no-any-return]


def _find(cls: type) -> Kind | None:
    for base in cls.__mro__:
        if base in _REGISTERED:
            return _REGISTERED[base]
    exact = {type(None): _NONE, dict: _DICT, list: _LIST, tuple: _TUPLE}.get(cls)
    if exact is not None:
        return exact
    if issubclass(cls, dict):
        return _MAPPING
    if issubclass(cls, (list, tuple)):
        return _NAMED if hasattr(cls, "_fields") else _SEQUENCE
    if issubclass(cls, _VIEWS):
        return _VIEW
    if hasattr(cls, "__dataclass_fields__") and not hasattr(cls, "__array_function__"):
        return DATACLASS
    return None


def register_pytree_node(
    cls: type, flatten: Callable[[Any], tuple[Iterable[Any], Any]], unflatten: Callable[[Any, list[Any]], Any]
) -> None:
    """Let the transforms take objects of a class, and of its subclasses, for trees.

    Args:
        cls: the class.
        flatten: gives the parts, trees or leaves (a dict gives them names, for messages), and anything else that is needed to build such an
            object of other parts.
        unflatten: builds one of that and of a list of parts, which need not be arrays.

    Raises:
        ValueError: the class is a tree already.

    >>> class Line:
    ...     def __init__(self, slope, offset, name):
    ...         self.slope, self.offset, self.name = slope, offset, name
    >>> register_pytree_node(Line, lambda line: ((line.slope, line.offset), line.name), lambda name, parts: Line(*parts, name))
    >>> import autograd_np as ag
    >>> found = ag.grad(lambda line, x: line.slope * x + line.offset)(Line(2.0, 1.0, "a"), 5.0)
    >>> float(found.slope), float(found.offset), found.name
    (5.0, 1.0, 'a')
    """
    if not isinstance(cls, type):
        raise TypeError(f"register_pytree_node: takes a class, not {describe(cls)}")
    if cls in _REGISTERED or cls in (type(None), dict, list, tuple):
        raise ValueError(f"register_pytree_node: {cls.__name__} is a tree already")

    def take(tree: Any) -> tuple[list[Any], Any]:
        parts, aux = flatten(tree)
        return list(parts.values() if isinstance(parts, dict) else parts), aux

    def words(tree: Any) -> list[str]:
        parts = flatten(tree)[0]
        return [f".{name}" for name in parts] if isinstance(parts, dict) else _numbered(list(parts))

    _REGISTERED[cls] = Kind(take, unflatten, words)
    _kinds.clear()


_LONG = 10_000  # containers in a tree, from which on it is looked whether one holds itself


def flatten(tree: Any, *, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], Rebuild]:
    """The leaves of a tree in order, and the function that builds the same tree of other leaves.

    Dicts keep their insertion order; None is a tree without leaves. Of a dataclass the fields are parts that hold numbers,
    arrays or trees, unless their ``metadata`` say ``static``; it is built without its ``__init__``. What is no dict, list, tuple, namedtuple,
    dataclass, nor of a registered class is a leaf, and so is a container of which ``is_leaf`` says so.

    Raises:
        ValueError: the tree holds itself.
        TypeError: it holds a view of a dict.

    >>> leaves, rebuild = flatten({"w": 1.0, "b": (2.0, 3.0)})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> rebuild([10, 20, 30])
    {'w': 10, 'b': (20, 30)}
    """
    if kind_of(tree.__class__) is None:
        return [tree], _single
    leaves: list[Any] = []
    form: list[Any] = []  # in the order of the walk: a container before its parts; None for a leaf
    stack = [tree]
    containers = 0
    while stack:
        item = stack.pop()
        kind = kind_of(item.__class__)
        if kind is None or (is_leaf is not None and is_leaf(item)):
            leaves.append(item)
            form.append(None)
            continue
        parts, aux = kind.take(item)
        form.append((kind.build, aux, len(parts)))
        parts.reverse()
        stack += parts
        containers += 1
        if containers == _LONG:
            _check_finite(tree)

    total = len(leaves)

    def rebuild(values: Sequence[Any]) -> Any:
        at = total
        if len(values) != at:
            raise ValueError(f"the tree has {at} leaves, got {len(values)} values")
        built: list[Any] = []
        for entry in reversed(form):
            if entry is None:
                at -= 1
                built.append(values[at])
            else:
                build, aux, count = entry
                parts = built[: -count - 1 : -1]
                del built[len(built) - count :]
                built.append(build(aux, parts))
        return built[0]

    return leaves, rebuild


def _single(values: Sequence[Any]) -> Any:
    (value,) = values
    return value


def _check_finite(tree: Any) -> None:
    """Raise if a tree holds itself."""
    above: set[int] = set()
    stack: list[tuple[Any, bool]] = [(tree, True)]
    while stack:
        item, down = stack.pop()
        kind = kind_of(item.__class__)
        if kind is None:
            continue
        if not down:
            above.discard(id(item))
            continue
        if id(item) in above:
            raise ValueError(f"a tree of arrays cannot hold itself, as this {type(item).__name__} does")
        above.add(id(item))
        stack.append((item, False))
        stack += [(part, True) for part in kind.take(item)[0]]


def paths(tree: Any, name: str = "") -> list[str]:
    """What each leaf is called, in the order of :func:`flatten`.

    >>> paths({"w": 1.0, "b": (2.0, 3.0)}, "params")
    ["params['w']", "params['b'][0]", "params['b'][1]"]
    """
    found = []
    stack = [(name, tree)]
    while stack:
        path, item = stack.pop()
        kind = kind_of(item.__class__)
        if kind is None:
            found.append(path)
        else:
            stack += reversed(
                [(path + word, part) for word, part in zip(kind.words(item), kind.take(item)[0], strict=True)]
            )
    return found


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
    ones, matches = [tree], [other]
    while ones:
        one, match = ones.pop(), matches.pop()
        kind = kind_of(one.__class__)
        if kind is None:
            if isinstance(match, dict):
                raise ValueError(f"{name}: there must be one array, got a dict with the keys {list(match)}")
            leaves.append(match)
        else:
            parts = kind.take(one)[0]
            found = _parts_like(one, match, kind, name)
            parts.reverse()
            found.reverse()
            ones += parts
            matches += found
    if not optional and any(leaf is None for leaf in leaves):
        raise ValueError(f"{name}: there must be an array or a number where there is None")
    return leaves


def _parts_like(tree: Any, other: Any, kind: Kind, name: str) -> list[Any]:
    """The parts of ``other`` in the order of those of ``tree``, a container."""
    if tree is None:
        if other is not None:
            raise ValueError(f"{name}: there must be None, got {type(other).__name__}")
        return []
    if isinstance(tree, dict):
        if not isinstance(other, dict) or other.keys() != tree.keys():
            given = list(other) if isinstance(other, dict) else type(other).__name__
            raise ValueError(f"{name}: there must be a dict with the keys {list(tree)}, got {given}")
        return [other[key] for key in tree]
    if isinstance(tree, (list, tuple)):
        if not isinstance(other, (list, tuple)) or len(other) != len(tree):
            given = f"{len(other)} items" if isinstance(other, (list, tuple)) else type(other).__name__
            raise ValueError(f"{name}: there must be a {type(tree).__name__} of {len(tree)} items, got {given}")
        return list(other)
    if type(other) is not type(tree) or kind.words(other) != kind.words(tree):
        raise ValueError(
            f"{name}: there must be a {type(tree).__name__} with {', '.join(kind.words(tree)) or 'no parts'}, got {describe(other)}"
        )
    return kind.take(other)[0]


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The tree of ``function(leaf, leaf of others…)``.

    >>> tree_map(lambda a, b: a + b, {"w": 1.0}, {"w": 2.0})
    {'w': 3.0}
    """
    leaves, rebuild = flatten(tree)
    rest = [leaves_like(tree, other, "tree_map") for other in others]
    return rebuild([function(*values) for values in zip(leaves, *rest, strict=True)])
