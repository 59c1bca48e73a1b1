"""Pytrees: what they may be made of, classes that are registered, and how deep they may be."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from counted_work import calls_in

import autograd_np as ag
from autograd_np.engine import pytree
from autograd_np.engine.pytree import flatten, leaves_like, paths, tree_map


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclasses.dataclass(frozen=True)
class Layer:
    w: np.ndarray
    b: float
    name: str = "layer"
    activation: Callable[..., Any] = np.tanh
    inner: dict[str, Any] = dataclasses.field(default_factory=dict)
    norm: float = dataclasses.field(init=False, default=1.0)
    power: int = dataclasses.field(default=3, metadata={"static": True})
    bias: bool = True

    def __post_init__(self):
        object.__setattr__(self, "norm", 2.0)


@dataclasses.dataclass
class Slotted:
    __slots__ = ("a", "text")
    a: Any
    text: str


class Line:
    def __init__(self, slope, offset, name):
        self.slope, self.offset, self.name = slope, offset, name


class SteepLine(Line):
    pass


@pytest.fixture
def line():
    ag.register_pytree_node(
        Line,
        lambda x: ({"slope": x.slope, "offset": x.offset}, (type(x), x.name)),
        lambda aux, parts: aux[0](*parts, aux[1]),
    )
    yield
    del pytree._REGISTERED[Line]
    pytree._kinds.clear()


def layer_value(layer, x):
    return np.sum(layer.activation(layer.w * x) + layer.b) * layer.norm**layer.power + np.sum(layer.inner["z"] ** 2)


LAYER = Layer(np.array([0.5, -1.0]), 2.0, name="first", inner={"z": np.array([1.0, 2.0, 3.0])})


# ---------------------------------------------------------------- kinds


def test_dataclasses_are_trees_of_their_numbers_and_arrays():
    g = ag.grad(layer_value)(LAYER, 0.5)
    assert type(g) is Layer
    assert (g.name, g.activation, g.power, g.bias) == ("first", np.tanh, 3, True)
    np.testing.assert_allclose(g.w, 0.5 * 8 * (1 - np.tanh(LAYER.w * 0.5) ** 2))
    assert g.b == 16.0
    np.testing.assert_array_equal(g.inner["z"], 2 * LAYER.inner["z"])
    assert g.norm == pytest.approx(3 * 4 * np.sum(np.tanh(LAYER.w * 0.5) + 2.0))
    assert ag.gradcheck(lambda layer: layer_value(layer, 0.5), (LAYER,), order=2)
    assert LAYER.w.tolist() == [0.5, -1.0]


def test_dataclasses_under_every_transform():
    f = lambda layer: layer_value(layer, 0.5)
    g = ag.grad(f)(LAYER)
    pullback = ag.vjp(f, LAYER)[1]
    np.testing.assert_allclose(pullback(1.0).w, g.w)
    _, along = ag.jvp(f, (LAYER,), (LAYER,))
    pairs = zip(flatten(g)[0], flatten(LAYER)[0], strict=True)
    assert along == pytest.approx(sum(np.sum(a * b) for a, b in pairs))
    product = ag.hvp(f)(LAYER, LAYER)
    both = ag.jacobian(ag.grad(f))(LAYER)
    np.testing.assert_allclose(product.inner["z"], 2 * LAYER.inner["z"])
    assert type(both) is type(both.w) is Layer
    x = ag.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    ag.checkpoint(lambda x: Layer(x * 2.0, 1.0))(x).w.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_dataclasses_are_arguments_of_compiled_functions():
    compiled = ag.compile(ag.grad(layer_value))
    for k in (1.0, 2.0, 3.0):
        layer = dataclasses.replace(LAYER, w=LAYER.w * k)
        np.testing.assert_allclose(compiled(layer, 0.5).w, ag.grad(layer_value)(layer, 0.5).w)
    assert compiled.cache_info().hits == 2
    other = compiled(dataclasses.replace(LAYER, name="second"), 0.5)
    assert other.name == "second"


def test_dataclasses_with_slots_and_fields_that_are_not_set():
    assert ag.grad(lambda s: np.sum(s.a**2))(Slotted(np.array([1.0, 2.0]), "text")).a.tolist() == [2.0, 4.0]

    @dataclasses.dataclass
    class Late:
        a: float
        b: float = dataclasses.field(init=False)

    found = tree_map(lambda a: a * 2, Late(1.0))
    assert found.a == 2.0
    assert not hasattr(found, "b")


def test_registered_classes_and_their_subclasses(line):
    def value(line, x):
        return line.slope * x**2 + line.offset

    for kind in (Line, SteepLine):
        g = ag.grad(value)(kind(2.0, 1.0, "a"), 3.0)
        assert (type(g), g.slope, g.offset, g.name) == (kind, 9.0, 1.0, "a")
    assert ag.gradcheck(value, (Line(2.0, 1.0, "a"), 3.0), order=2)
    g = ag.compile(ag.grad(value))(Line(2.0, 1.0, "a"), 3.0)
    assert (type(g), g.slope) == (Line, 9.0)
    with pytest.raises(ValueError, match=r"there must be a Line with \.slope, \.offset, got"):
        leaves_like(Line(1.0, 2.0, "a"), (1.0, 2.0), "v")
    with pytest.raises(ValueError, match="Line is a tree already"):
        ag.register_pytree_node(Line, lambda x: ((), None), lambda aux, parts: None)


@pytest.mark.parametrize("what", [Line(1.0, 2.0, "a"), "Line"])
def test_what_is_registered_is_a_class(what):
    with pytest.raises(TypeError, match="takes a class"):
        ag.register_pytree_node(what, lambda x: ((), None), lambda aux, parts: None)


@pytest.mark.parametrize(
    "tree",
    [
        {"b": 1.0, "a": [2.0, (3.0, None)]},
        collections.OrderedDict(b=1.0, a=2.0),
        collections.defaultdict(list, {"b": 1.0}),
        Pair([1.0], Pair(2.0, ())),
        LAYER,
        [None, {}, [], 1.0],
    ],
)
def test_a_tree_is_built_again_of_its_leaves(tree):
    leaves, rebuild = flatten(tree)
    built = rebuild(leaves)
    assert type(built) is type(tree)
    assert repr(built) == repr(tree)
    assert len(paths(tree)) == len(leaves) == len(leaves_like(tree, built, "v"))
    assert isinstance(built, dict) is False or [*built] == [*tree]
    with pytest.raises(ValueError, match=r"leaves, got|unpack"):
        rebuild([*leaves, 1.0])


def test_paths():
    assert paths({"w": [1.0, Pair(2.0, None)], "l": Slotted(3.0, "x")}, "p") == [
        "p['w'][0]",
        "p['w'][1].first",
        "p['l'].a",
    ]


@pytest.mark.parametrize(
    "view",
    [lambda d: d.values(), lambda d: d.keys(), lambda d: d.items(), lambda d: [collections.OrderedDict(d).values()]],
)
def test_views_of_dicts_are_refused(view):
    with pytest.raises(TypeError, match=r"(dict|odict)_\w+ is no tree of arrays: pass list"):
        ag.grad(lambda v: 1.0)(view({"a": np.ones(2)}))


def test_a_tree_that_holds_itself_is_refused():
    inner: list[Any] = [1.0]
    inner.append({"again": inner})
    for function in (flatten, lambda t: tree_map(abs, t), ag.grad(lambda t: 1.0)):
        with pytest.raises(ValueError, match="cannot hold itself"):
            function(inner)
    shared = [1.0]
    assert len(flatten([shared] * 30_000)[0]) == 30_000


# ---------------------------------------------------------------- depth


def nested(depth):
    tree: Any = np.array([1.0, 2.0])
    for kind in itertools.islice(
        itertools.cycle([lambda t: {"k": t}, lambda t: [t, 1.0], lambda t: (t,), lambda t: Pair(t, None)]), depth
    ):
        tree = kind(tree)
    return tree


def test_a_tree_nested_5000_deep():
    tree = nested(5000)
    leaves, rebuild = flatten(tree)
    assert len(leaves) == 1251
    total = lambda t: sum([np.sum(leaf**2) for leaf in flatten(t)[0]])
    found, _ = flatten(ag.grad(total)(tree))
    assert any(np.array_equal(leaf, [2.0, 4.0]) for leaf in found)
    assert len(leaves_like(tree, rebuild(leaves), "v")) == len(paths(tree)) == 1251
    assert len(flatten(tree_map(lambda a, b: a + b, tree, tree))[0]) == 1251
    with pytest.raises(ValueError, match="there must be"):
        leaves_like(tree, nested(4999), "v")


def test_the_work_is_linear():
    def calls(depth):
        tree = nested(depth)

        def both():
            leaves, rebuild = flatten(tree)
            rebuild(leaves)

        return calls_in(both)

    assert calls(64_000) < 4.1 * calls(16_000)


# ---------------------------------------------------------------- stop_gradient


def test_stop_gradient():
    x = np.array([1.0, 2.0, 3.0])
    f = lambda x: np.sum(x * ag.stop_gradient(x**2))
    np.testing.assert_array_equal(ag.grad(f)(x), x**2)
    np.testing.assert_array_equal(ag.compile(ag.grad(f))(x), x**2)
    np.testing.assert_array_equal(ag.hessian(f)(x), np.zeros((3, 3)))
    np.testing.assert_array_equal(ag.jvp(lambda x: x * ag.stop_gradient(x), (x,), (np.ones(3),))[1], x)
    t = ag.Tensor(x, requires_grad=True)
    stopped = ag.stop_gradient({"t": [t, 2.0, "text", None], "a": x})
    assert not stopped["t"][0].requires_grad
    assert stopped["t"][0].tolist() == x.tolist()
    assert stopped["a"] is x
    assert stopped["t"][1:] == [2.0, "text", None]
    assert ag.stop_gradient(3.0) == 3.0
    (t * ag.stop_gradient(t)).sum().backward()
    assert t.grad.tolist() == x.tolist()
