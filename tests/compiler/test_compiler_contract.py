"""A compiled function returns what the function returns, or refuses by name: whatever the function reads, raises or
draws."""

from __future__ import annotations

import argparse
import array
import collections
import datetime as dt
import decimal
import functools
import importlib
import itertools
import operator
import os
import random
import threading
import time
import types
import uuid
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.interpolate
import scipy.sparse
import scipy.stats
import xarray as xr

import autograd_np as ag
import nn
from autograd_np.compiler.trace.captures import Ids

X = np.arange(1.0, 5.0)


REFUSED = {  # the other kinds are followed
    "a RandomState", "a generator of Python's", "a method of a generator", "a bit generator",
}  # fmt: skip


def follows(make: Callable[[], tuple[Callable[..., Any], list[Callable[[], Any]]]]) -> bool:
    """Whether two of a kind, one compiled, give the same in each call, before and after changes; False: it refuses."""
    (plain, changes), (function, same_changes) = make(), make()
    compiled = ag.compile(function)

    def both() -> None:
        np.testing.assert_array_equal(compiled(X), plain(X))

    try:
        both()
        both()
        for change, same_change in zip(changes, same_changes, strict=True):
            change()
            same_change()
            both()
            both()
    except ag.CompileError as refusal:
        words = str(refusal)
    else:
        return True
    assert words.startswith("compile: the function"), words
    return False


class Settings:
    rate = 2.0


class Slotted:
    __slots__ = ("rate",)

    def __init__(self, rate: float) -> None:
        self.rate = rate


K = 2.0


def holder(made: Any, change: Callable[[Any], Any], use: Callable[[Any, Any], Any]) -> Any:
    """A program that reads an object in its closure, which is changed in place."""

    def make() -> Any:
        thing = made()
        return (lambda x: use(x, thing)), [lambda: change(thing)]

    return make


def replaced(first: Any, second: Any, use: Callable[[Any, Any], Any]) -> Any:
    """A program that reads an attribute, which is replaced."""

    def make() -> Any:
        model = types.SimpleNamespace(part=first())
        return (lambda x: use(x, model.part)), [lambda: setattr(model, "part", second())]

    return make


def user_operation() -> Any:
    table = {"k": 2.0}

    def body(x: Any) -> Any:
        return x * table["k"]

    body.__name__ = f"scaled_{uuid.uuid4().hex}"
    scaled = ag.primitive()(body)
    ag.rule(scaled, lambda g: g * table["k"])
    return ag.grad(lambda x: np.sum(scaled(x) ** 2)), [lambda: table.update(k=5.0)]


def attribute_of_a_function() -> Any:
    def f(x: Any) -> Any:
        return x * f.k  # type: ignore[attr-defined]

    f.k = 2.0  # type: ignore[attr-defined]
    return f, [lambda: setattr(f, "k", 5.0)]


def name_of_a_global() -> Any:
    space = {"k": 2.0, "np": np}
    exec("def f(x):\n    return x * globals()['k']", space)
    return space["f"], [lambda: space.update(k=5.0)]


def global_that_hides_a_builtin() -> Any:
    space: dict[str, Any] = {}
    exec("def f(x):\n    return x * len([1, 2])", space)
    return space["f"], [lambda: space.update(len=lambda x: 7.0)]


def method_replaced() -> Any:
    class Model:
        def __init__(self) -> None:
            self.call = self.one

        def one(self, x: Any) -> Any:
            return x * 1

        def two(self, x: Any) -> Any:
            return x * 2

    model = Model()
    return (lambda x: model.call(x)), [lambda: setattr(model, "call", model.two)]


def generator_replaced() -> Any:
    model = types.SimpleNamespace(rng=np.random.default_rng(0))
    return (lambda x: x + model.rng.normal(size=4)), [lambda: setattr(model, "rng", np.random.default_rng(7))]


def order_of_a_dict() -> Any:
    table = collections.OrderedDict(a=1.0, b=2.0)

    def f(x: Any) -> Any:
        for k in table.values():
            x = x * k + k
        return x

    return f, [lambda: table.move_to_end("a")]


def _partial_replaced(x: Any, thing: Any) -> Any:
    return thing(x)


def _hook_appends() -> Any:
    seen: list[Any] = []
    model = nn.Linear(4, 1, rng=0)
    model.register_forward_hook(lambda module, given, out: seen.append(out.shape))
    return (lambda x: model(x.astype(np.float32)).detach().numpy() + len(seen)), []


STATE = {
    "a namespace of argparse": holder(
        lambda: argparse.Namespace(k=2.0), lambda t: setattr(t, "k", 5.0), lambda x, t: x * t.k
    ),
    "a class": holder(lambda: type("S", (Settings,), {}), lambda t: setattr(t, "rate", 5.0), lambda x, t: x * t.rate),
    "slots": holder(lambda: Slotted(2.0), lambda t: setattr(t, "rate", 5.0), lambda x, t: x * t.rate),
    "a deque": holder(lambda: collections.deque([1.0, 2.0]), lambda t: t.rotate(), lambda x, t: x * t[0]),
    "a deque that grows": holder(lambda: collections.deque([1.0]), lambda t: t.append(4.0), lambda x, t: x * sum(t)),
    "a set": holder(lambda: {1.0}, lambda t: t.add(4.0), lambda x, t: x * sum(t)),
    "a bytearray": holder(lambda: bytearray(b"ab"), lambda t: t.extend(b"c"), lambda x, t: x * len(t)),
    "an array of Python's": holder(
        lambda: array.array("d", [2.0]), lambda t: t.__setitem__(0, 5.0), lambda x, t: x * t[0]
    ),
    "a counter": holder(lambda: collections.Counter("aab"), lambda t: t.update("ab"), lambda x, t: x * t["a"]),
    "a chain of dicts": holder(
        lambda: collections.ChainMap({"k": 2.0}), lambda t: t.__setitem__("k", 5.0), lambda x, t: x * t["k"]
    ),
    "a proxy of a dict": holder(
        lambda: types.SimpleNamespace(d=(d := {"k": 2.0}), p=types.MappingProxyType(d)),
        lambda t: t.d.update(k=5.0),
        lambda x, t: x * t.p["k"],
    ),
    "an array of objects": holder(
        lambda: np.array([2.0, "a"], object), lambda t: t.__setitem__(0, 5.0), lambda x, t: x * t[0]
    ),
    "a masked array": holder(
        lambda: np.ma.array([2.0], mask=[False]), lambda t: t.__setitem__(0, 5.0), lambda x, t: x * float(t[0])
    ),
    "the keywords of a partial": holder(
        lambda: functools.partial(lambda x, k: x * k, k=2.0), lambda t: t.keywords.update(k=5.0), _partial_replaced
    ),
    "a bound method of a dict": replaced(lambda: {"k": 2.0}.get, lambda: {"k": 5.0}.get, lambda x, t: x * t("k")),
    "a bound method of a dict that changes": holder(
        lambda: types.SimpleNamespace(d=(d := {"k": 2.0}), get=d.get),
        lambda t: t.d.update(k=5.0),
        lambda x, t: x * t.get("k"),
    ),
    "a cached function": holder(
        lambda: types.SimpleNamespace(k=2.0),
        lambda t: setattr(t, "k", 5.0),
        lambda x, t: x * functools.cache(lambda: t.k)(),
    ),
    "a partial": replaced(
        lambda: functools.partial(np.multiply, 2.0), lambda: functools.partial(np.multiply, 5.0), _partial_replaced
    ),
    "a function of NumPy": replaced(lambda: np.sum, lambda: np.prod, lambda x, t: t(x)),
    "an operator": replaced(lambda: operator.add, lambda: operator.mul, lambda x, t: t(x, x)),
    "a getter": replaced(
        lambda: operator.itemgetter(0), lambda: operator.itemgetter(1), lambda x, t: x * t((2.0, 5.0))
    ),
    "a span of time": replaced(lambda: dt.timedelta(1), lambda: dt.timedelta(2), lambda x, t: x * t.days),
    "a fraction": replaced(lambda: Fraction(1, 2), lambda: Fraction(1, 3), lambda x, t: x * float(t)),
    "a decimal number": replaced(lambda: decimal.Decimal(2), lambda: decimal.Decimal(3), lambda x, t: x * float(t)),
    "a slice": replaced(lambda: slice(0, 2), lambda: slice(1, 3), lambda x, t: x[t] * 2),
    "a range": replaced(lambda: range(2), lambda: range(3), lambda x, t: x * len(t)),
    "a polynomial": replaced(lambda: np.poly1d([1.0, 2.0]), lambda: np.poly1d([3.0, 4.0]), lambda x, t: t(x)),
    "a polynomial that changes": holder(
        lambda: np.poly1d([1.0, 2.0]), lambda t: t.__setitem__(1, 7.0), lambda x, t: x * t.coef[0]
    ),
    "a polynomial of the new kind": replaced(
        lambda: np.polynomial.Polynomial([1.0, 2.0]),
        lambda: np.polynomial.Polynomial([3.0, 4.0]),
        lambda x, t: x * t.coef[0],
    ),
    "a spline": replaced(
        lambda: scipy.interpolate.CubicSpline(X, X),
        lambda: scipy.interpolate.CubicSpline(X, X * 2),
        lambda x, t: x * t(1.5),
    ),
    "a spline that changes": holder(
        lambda: scipy.interpolate.CubicSpline(X, X), lambda t: np.multiply(t.c, 2, out=t.c), lambda x, t: x * t(1.5)
    ),
    "a sparse matrix": replaced(
        lambda: scipy.sparse.eye_array(4).tocsr(),
        lambda: 2 * scipy.sparse.eye_array(4).tocsr(),
        lambda x, t: t.toarray() @ x,
    ),
    "a sparse matrix that changes": holder(
        lambda: scipy.sparse.eye_array(4).tocsr(),
        lambda t: np.multiply(t.data, 2, out=t.data),
        lambda x, t: t.toarray() @ x,
    ),
    "a distribution": replaced(
        lambda: scipy.stats.norm(0, 1), lambda: scipy.stats.norm(1, 2), lambda x, t: x * float(t.pdf(0.3))
    ),
    "a column of pandas": holder(
        lambda: pd.Series([2.0, 3.0]), lambda t: t.__setitem__(0, 5.0), lambda x, t: x * t.iloc[0]
    ),
    "a table of pandas": holder(
        lambda: pd.DataFrame({"a": X}), lambda t: t.__setitem__("a", X * 2), lambda x, t: x * t["a"].to_numpy()
    ),
    "an array of xarray": holder(
        lambda: xr.DataArray(X.copy()), lambda t: t.__setitem__(0, 7.0), lambda x, t: x * t.values
    ),
    "the numbers of an engine": holder(
        lambda: scipy.stats.qmc.Sobol(1, seed=0), lambda t: None, lambda x, t: x * t.random(1)[0, 0]
    ),
    "a RandomState": holder(lambda: np.random.RandomState(0), lambda t: None, lambda x, t: x + t.standard_normal()),
    "a generator of Python's": holder(lambda: random.Random(0), lambda t: None, lambda x, t: x * t.random()),
    "a method of a generator": holder(lambda: random.Random(0).random, lambda t: None, lambda x, t: x * t()),
    "a bit generator": holder(lambda: np.random.PCG64(0), lambda t: None, lambda x, t: x * float(t.random_raw() % 7)),
    "a user's operation": user_operation,
    "an attribute of a function": attribute_of_a_function,
    "a global by its name": name_of_a_global,
    "a global that hides a builtin": global_that_hides_a_builtin,
    "a method": method_replaced,
    "a generator": generator_replaced,
    "the order of a dict": order_of_a_dict,
    "a hook that appends": _hook_appends,
}


@pytest.mark.filterwarnings("ignore:.*so it runs uncompiled")
@pytest.mark.parametrize("name", STATE)
def test_what_a_function_reads(name: str) -> None:
    assert follows(STATE[name]) is (name not in REFUSED)


@pytest.mark.parametrize(
    "name", ["a namespace of argparse", "a span of time", "a spline", "a user's operation", "a method", "a generator"]
)
def test_what_does_not_change_is_replayed(name: str) -> None:
    function, _ = STATE[name]()
    compiled = ag.compile(function)
    for _ in range(4):
        compiled(X)
    assert compiled.cache_info().hits == 3


def test_what_cannot_be_seen_is_refused_by_name() -> None:
    import hashlib

    digest = hashlib.sha256()
    with pytest.raises(ag.CompileError, match="uses digest, a _hashlib.* pass what it gives as an argument"):
        ag.compile(lambda x: x * digest.digest()[0])(X)


def test_what_holds_no_numbers_is_let_through() -> None:
    import logging
    import threading

    model = types.SimpleNamespace(lock=threading.Lock(), log=logging.getLogger("contract"), k=2.0)

    def f(x: Any) -> Any:
        with model.lock:
            model.log.debug("in f")
            return x * model.k

    compiled = ag.compile(f)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X), X * 2)
    assert compiled.cache_info().hits == 2


@pytest.mark.parametrize("name", ["a column of pandas", "a table of pandas", "an array of xarray", "a spline"])
def test_packages_that_are_installed_are_not_walked_through(name: str) -> None:
    function, _ = STATE[name]()
    compiled = ag.compile(function)
    for _ in range(4):
        compiled(X)
    assert compiled.cache_info().hits == 3
    assert len(compiled._last.reached.fixed) < 100


def test_functions_of_an_installed_package_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "installed_for_a_test.py").write_text("K = 2.0\n\ndef scaled(x):\n    return x * K\n")
    monkeypatch.syspath_prepend(str(folder))
    package = importlib.import_module("installed_for_a_test")
    for function in (package.scaled, lambda x: package.scaled(x), functools.partial(package.scaled)):
        compiled = ag.compile(function)
        for k in (2.0, 2.0, 5.0):
            package.K = k
            np.testing.assert_array_equal(compiled(X), X * k)
        assert compiled.cache_info().hits == 1


def test_nothing_is_put_into_an_object_that_is_not_the_users() -> None:
    options = argparse.Namespace(arrays=[np.ones(4)], rng={"a": np.random.default_rng(0)})
    kinds = []

    def f(x: Any) -> Any:
        kinds.append((type(options.arrays[0]), type(options.rng["a"])))
        return x * options.arrays[0]

    compiled = ag.compile(f)
    for k in (1.0, 3.0):
        options.arrays[0][...] = k
        np.testing.assert_array_equal(compiled(X), X * k)
    assert set(kinds) == {(np.ndarray, np.random.Generator)}


def test_a_number_at_the_address_of_another_is_another() -> None:
    """What was guarded is held on to, so that nothing new can take its place in memory."""
    things = np.array([float("2.5")], object)
    guard = Ids(things)
    for k in range(1000):
        things[0] = k + 0.5
        assert (guard == Ids(things)) is False


def test_what_no_function_names_is_not_looked_at() -> None:
    model = types.SimpleNamespace(count=itertools.count(), frame=pd.DataFrame({"a": [1.0]}), k=2.0)
    compiled = ag.compile(lambda x: x * model.k)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X), X * 2)
        model.frame["a"] += 1
        next(model.count)
    assert compiled.cache_info().hits == 2
    with pytest.raises(ag.CompileError, match="uses count, which gives something else each time"):
        ag.compile(lambda x: x * next(model.count))(X)
    compiled = ag.compile(lambda x: x * getattr(model, "fra" + "me")["a"].to_numpy()[0])
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X), X * model.frame["a"][0])
        model.frame["a"] += 1


def test_two_functions_share_a_captured_array() -> None:
    a = np.ones((6, 4))
    inner = lambda w: np.sum((a @ w) ** 2)
    compiled = ag.compile(lambda w: inner(w) + np.sum(a @ w))
    for _ in range(3):
        assert compiled(np.ones(4)) == 6 * 16 + 24
    a[...] = 2
    assert compiled(np.ones(4)) == 6 * 64 + 48


# ---------------------------------------------------------------- what is raised


def inverse(a: Any) -> Any:
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return np.zeros_like(a)


@pytest.mark.parametrize("order", [(0, 1, 0, 1, 1, 0), (1, 0, 1, 0, 0, 1)])
def test_a_handled_error_is_handled_in_each_call(order: tuple[int, ...]) -> None:
    compiled = ag.compile(inverse)
    for k in order:
        a = 2 * np.eye(2) * k
        np.testing.assert_array_equal(compiled(a), inverse(a))


def test_a_handled_test_of_the_data_is_handled_in_each_call() -> None:
    def f(x: Any, y: Any) -> Any:
        try:
            return nn.functional.cross_entropy(x, y).detach().numpy()
        except IndexError:
            return np.float32(-1.0)

    compiled = ag.compile(f)
    x = np.ones((2, 3), np.float32)
    for y in ([0, 1], [0, 9], [2, 2], [5, 0]):
        np.testing.assert_array_equal(compiled(x, np.array(y)), f(x, np.array(y)))


def test_a_refusal_that_is_caught_is_raised_again() -> None:
    def f(x: Any) -> Any:
        try:
            k = float(x.sum())
        except Exception:
            k = -1.0
        return x * k

    with pytest.raises(ag.CompileError, match="float"):
        ag.compile(f)(X)


# ---------------------------------------------------------------- what is drawn


def test_a_user_operation_that_has_run_before_is_compiled() -> None:
    name = f"twice_{uuid.uuid4().hex}"

    def body(x: Any) -> Any:
        return 2 * x

    body.__name__ = name
    twice = ag.primitive()(body)
    ag.rule(twice, lambda g: 2 * g)
    ag.grad(lambda x: np.sum(twice(x)))(X)
    compiled = ag.compile(ag.grad(lambda x: np.sum(twice(x) ** 2)))
    for _ in range(4):
        np.testing.assert_array_equal(compiled(X), 8 * X)
    assert compiled.cache_info().hits == 3


# ---------------------------------------------------------------- what answers differently while it is traced


@functools.singledispatch
def doubled(x: Any) -> Any:
    return x * 3


@doubled.register
def _(x: np.ndarray) -> Any:
    return x * 2


def matched(x: Any) -> Any:
    match x:
        case np.ndarray():
            return x * 2
        case _:
            return x * 3


def leaves_a_gradient() -> Any:
    w = ag.Tensor(X, requires_grad=True)

    def f(x: Any) -> Any:
        w.grad = None
        (w * (2 if isinstance(x, np.ndarray) else 3)).sum().backward()
        return w.grad * x

    return f


DIFFERENT = {
    "isinstance": lambda x: x * (2 if isinstance(x, np.ndarray) else 3),
    "type": lambda x: x * (2 if type(x) is np.ndarray else 3),
    "a number of NumPy's": lambda x: x * (2 if isinstance(x.sum(), np.floating) else 3),
    "isscalar": lambda x: x * (2 if np.isscalar(x.sum()) else 3),
    "single dispatch": doubled,
    "match": matched,
    "what is written": lambda x: np.multiply(x, 2 if isinstance(x, np.ndarray) else 3, out=x).sum() * 0,
    "a gradient": leaves_a_gradient(),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_answers_differently_is_not_compiled(name: str) -> None:
    f = DIFFERENT[name]
    compiled = ag.compile(f)
    with pytest.warns(RuntimeWarning, match="something else when it is traced .* is not compiled"):
        first = compiled(given := X.copy())
    expected = f(plain := X.copy())
    for result in (first, compiled(X.copy()), compiled(X.copy())):
        np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(given, plain)
    assert compiled.cache_info().hits == 0
    with pytest.raises(RuntimeError, match="no program"):
        _ = compiled.source


@pytest.mark.parametrize(
    "number",
    [lambda: uuid.uuid4().int % 10**9, lambda: int.from_bytes(os.urandom(6), "big"), time.perf_counter_ns],
    ids=["uuid", "urandom", "clock"],
)
def test_what_is_another_in_each_call_is_not_frozen(number: Any) -> None:
    compiled = ag.compile(lambda x: x * number())
    with pytest.warns(RuntimeWarning, match="is not compiled"):
        found = [compiled(np.ones(1))[0]]
    found += [compiled(np.ones(1))[0] for _ in range(3)]
    assert len(set(found)) == 4


def test_the_first_call_writes_once() -> None:
    state, generator = np.zeros(2), np.random.default_rng(0)

    def f(x: Any) -> Any:
        state[...] += 1
        np.add(x, 1, out=x)
        return x + generator.normal()

    compiled, x = ag.compile(f), np.zeros(2)
    found = [compiled(x)[0] for _ in range(3)]
    assert state.tolist() == x.tolist() == [3, 3]
    other = np.random.default_rng(0)
    assert found == [k + other.normal() for k in (1, 2, 3)]


def test_a_checkpoint_is_compiled_and_mapped() -> None:
    inner = ag.checkpoint(lambda y: np.sin(y) * y)
    gradient = ag.grad(lambda x: np.sum(inner(inner(x)) ** 2))
    plainly = lambda y: np.sin(y) * y
    expected = ag.grad(lambda x: np.sum(plainly(plainly(x)) ** 2))(X)
    compiled = ag.compile(gradient)
    for _ in range(3):
        np.testing.assert_allclose(compiled(X), expected, rtol=1e-12)
    assert compiled.cache_info().hits == 2
    np.testing.assert_allclose(ag.vmap(gradient)(np.stack([X, X])), [expected] * 2, rtol=1e-12)
    np.testing.assert_allclose(
        ag.compile(ag.hessian(lambda x: np.sum(inner(x))))(X), np.diag(2 * np.cos(X) - X * np.sin(X)), atol=1e-12
    )


def test_what_is_frozen_and_thawed_needs_few_programs() -> None:
    w, v = (ag.Tensor(np.ones(4), requires_grad=True) for _ in range(2))

    def f(x: Any) -> Any:
        w.grad = v.grad = None
        loss = np.sum(w * v * x)
        loss.backward()
        return loss.detach()

    compiled = ag.compile(f)
    for k in range(12):
        w.requires_grad = k % 2 == 0
        compiled(X + k)
        np.testing.assert_array_equal(v.grad, X + k)
        if w.requires_grad:
            np.testing.assert_array_equal(w.grad, X + k)
    assert compiled.cache_info().misses <= 4  # (with a gradient there before, and without)

    model = nn.Sequential(nn.Linear(4, 8, rng=0), nn.Tanh(), nn.Linear(8, 3, rng=1))
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.1))
    for k in range(12):
        for p in model[0].parameters():
            p.requires_grad = k % 2 == 0
        step(np.ones((5, 4), np.float32), np.zeros(5, int))
    assert step.cache_info().misses == 2


def mixed(x: Any, y: Any) -> Any:
    def f(x: Any, y: Any) -> Any:
        u = x / (np.abs(y) + 1)
        return np.sum(np.logaddexp(np.where(np.arctan2(np.copysign(y, u), u) > 0, u, np.copysign(y, u)), y))

    value, gradients = ag.value_and_grad(f, (0, 1))(x, y)
    return [value, *gradients]


@pytest.mark.parametrize("shape", [(), (3,), (2, 0)])
def test_masks_of_two_dtypes(shape: Any) -> None:
    rng = np.random.default_rng(0)
    compiled = ag.compile(mixed)
    for _ in range(4):
        x, y = np.asarray(rng.normal(size=shape)), np.asarray(rng.normal(size=shape), np.float32)
        for a, b in zip(compiled(x, y), mixed(x, y), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-5)
    assert compiled.cache_info().hits == 3


@pytest.mark.parametrize("join", [np.concatenate, np.stack, np.hstack, np.vstack])
def test_joins_in_another_dtype(join: Any) -> None:
    for function in (
        lambda x: join([x, x * 2], dtype=np.float32),
        ag.grad(lambda x: np.sum(join([x, x * 2], dtype=np.float32, casting="same_kind") ** 2)),
    ):
        compiled = ag.compile(function)
        for k in range(3):
            np.testing.assert_array_equal(compiled(X + k), function(X + k))
        assert compiled.cache_info().hits == 2


# ---------------------------------------------------------------- other threads


def beside(work: Callable[[], Any], compiling: Callable[[], Any]) -> list[str]:
    """Compile while another thread works; what went wrong, in words."""
    wrong: list[str] = []
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            try:
                work()
            except Exception as error:  # whatever it is
                wrong.append(repr(error))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        compiling()
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    return wrong


def test_another_thread_infers_with_a_model_that_is_being_traced() -> None:
    model = nn.Sequential(nn.Linear(16, 16, rng=0), nn.Tanh(), nn.Linear(16, 4, rng=1))
    x = np.ones((8, 16), np.float32)
    with ag.no_grad():
        expected = model(x).numpy().copy()

    def infer() -> None:
        with ag.no_grad():
            np.testing.assert_allclose(model(x).numpy(), expected, rtol=1e-5)

    def compiling() -> None:
        for k in range(1, 12):
            ag.compile(lambda z: model(z).detach())(np.ones((k, 16), np.float32))

    assert beside(infer, compiling) == []


def test_another_thread_draws_numbers_while_a_function_is_traced() -> None:
    def draw() -> None:
        np.random.rand()  # noqa: NPY002
        random.random()
        np.random.default_rng()

    def compiling() -> None:
        for k in range(1, 12):
            np.testing.assert_array_equal(ag.compile(lambda z: np.sin(z) * 2)(np.ones(k)), np.sin(np.ones(k)) * 2)

    assert beside(draw, compiling) == []


@pytest.mark.parametrize("draw", [np.random.rand, random.random, lambda: np.random.seed(0) or np.random.rand()])  # noqa: NPY002
def test_numbers_of_the_shared_generators_are_refused(draw: Any) -> None:
    with pytest.raises(ag.CompileError, match="draws"):
        ag.compile(lambda x: x * draw())(X)
