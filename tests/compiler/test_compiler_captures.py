"""What a function reaches besides its arguments: arrays, numbers, objects, Tensors, modules; and copies of the compiled
function."""

from __future__ import annotations

import copy
import functools
import itertools
import pickle
import threading
import types

import numpy as np
import pytest
from replaying import X, replayed, same

import autograd_np as ag
import nn
from autograd_np.engine.errors import CompileError

# ---------------------------------------------------------------- what the function uses


def test_a_captured_array_is_read_anew():
    c, d = np.ones(3), np.arange(3.0)

    def f(x):
        scale = c * 2 + d[::-1]
        return x * scale + (c > 1) * c.sum()

    g = ag.compile(f)
    for k in range(4):
        same(g(X), f(X))
        c[k % 3] += 2
        d *= 3
    replayed(g, 3)


def test_a_captured_array_that_is_exchanged_is_seen():
    c = np.ones(3)
    g = ag.compile(lambda x: x * (c + 1))
    same(g(X), X * 2)
    c = np.full(3, 4.0)
    same(g(X), X * 5)
    c = np.full(1, 1.0)
    same(g(X), X * 2)


def test_a_captured_array_that_decides():
    limits = np.array([2, 1])
    mask = np.array([True, False])

    def f(x):
        y = x
        for _ in range(limits[0]):
            y = y * 2
        if limits[1] > 0:
            y = y + 1
        return y[mask], len(np.flatnonzero(mask))

    g = ag.compile(f)
    for write in (
        lambda: None,
        lambda: None,
        lambda: limits.__setitem__(0, 3),
        lambda: limits.__setitem__(1, 0),
        lambda: mask.fill(True),
        lambda: None,
    ):
        write()
        mine, theirs = g(X), f(X)
        same(mine[0], theirs[0])
        assert mine[1] == theirs[1]
    replayed(g, 2)


def test_an_array_held_in_a_tuple_a_list_a_dict_an_object_a_default_a_partial():
    def check(f, arrays):
        g = ag.compile(f)
        plain = f.func if isinstance(f, functools.partial) else f
        bound = f.args if isinstance(f, functools.partial) else ()
        for _ in range(3):
            same(g(X), plain(*bound, X))
            for a in arrays:
                a += 1
        replayed(g, 2)

    a, b = np.ones(3), np.arange(3.0)
    pair, listed, keyed = (a, (b,)), [a, [b]], {"a": a, 1: b}
    held = types.SimpleNamespace(a=a, inner=types.SimpleNamespace(b=b))
    check(lambda x: x * (pair[0] * 2) + pair[1][0] * 3, (a, b))
    check(lambda x: x * (listed[0] * 2) + listed[1][0] * 3, (a, b))
    check(lambda x: x * (keyed["a"] * 2) + keyed[1] * 3, (a, b))
    check(lambda x: x * (held.a * 2) + held.inner.b * 3, (a, b))
    check(lambda x, c=a: x * (c * 2), (a,))
    check(lambda x, *, c=a: x * (c * 2), (a,))
    check(functools.partial(lambda c, x: x * (c * 2), a), (a,))
    assert pair[0] is a
    assert pair[1][0] is b


class Scaled:
    factor = 2.0

    def __init__(self):
        self.offset = 1.0
        self.table = np.ones(3)

    def helper(self, x):
        return x * self.factor * GLOBAL

    @ag.compile
    def __call__(self, x):
        return self.helper(x) + self.offset + self.table * 2

    @ag.compile
    def method(self, x, n=2):
        return x * n + self.offset


GLOBAL = 1.0


def test_methods(monkeypatch):
    one, other = Scaled(), Scaled()
    other.offset = 10.0

    def right(s, x):
        return x * s.factor * GLOBAL + s.offset + s.table * 2

    for change in (
        lambda: None, lambda: None, lambda: setattr(one, "offset", 5.0), lambda: one.table.fill(3),
        lambda: monkeypatch.setattr(Scaled, "factor", 7.0),
        lambda: monkeypatch.setitem(globals(), "GLOBAL", 0.5), lambda: setattr(one, "factor", -1.0),
        lambda: monkeypatch.setattr(Scaled, "helper", lambda self, x: x * self.factor * GLOBAL + 0), lambda: None,
    ):  # fmt: skip
        change()
        for s in (one, other, one):
            same(s(X), right(s, X))
            same(s.method(X), X * 2 + s.offset)
            same(s.method(X, n=3), X * 3 + s.offset)
    assert Scaled.method.cache_info().hits > 10


def test_numbers_texts_and_tuples_that_the_function_uses(monkeypatch):
    module = types.ModuleType("settings_of_the_user")
    module.rate = 0.5
    module.inner = types.ModuleType("settings_of_the_user.inner")
    module.inner.shift = 1
    number, text, several, flags, chosen = 2.0, "double", (1.0, 2.0), {"on": True}, {1, 2}
    items = [1.0]
    enabled = threading.local  # a class that is not the user's is left alone

    def f(x):
        y = x * number * module.rate + module.inner.shift
        y = y * 2 if text == "double" else y
        y = y + several[1]
        if flags["on"]:
            y = -y
        if 2 in chosen:
            y = y * 10
        assert enabled
        return y + sum(items)

    g = ag.compile(f)

    def check():
        same(g(X), f(X))
        same(g(X), f(X))

    check()
    number = 3.0
    check()
    text = "single"
    check()
    several = (1.0, 5.0)
    check()
    flags["on"] = False
    check()
    chosen.discard(2)
    check()
    items.append(4.0)
    check()
    items[0] = 7.0
    check()
    module.rate = 0.25
    check()
    module.inner.shift = 4
    check()
    number = True
    check()
    replayed(g, 11)


def test_attributes_of_attributes_and_slots():
    class Inner:
        __slots__ = ("rate",)

        def __init__(self):
            self.rate = 2.0

    class Outer:
        def __init__(self):
            self.inner = Inner()

        @property
        def rate(self):
            return self.inner.rate * EXTRA

    thing = Outer()
    g = ag.compile(lambda x: x * thing.rate)
    same(g(X), X * 2)
    thing.inner.rate = 3.0
    same(g(X), X * 3)
    thing.inner = Inner()
    same(g(X), X * 2)
    globals()["EXTRA"] = 5.0
    try:
        same(g(X), X * 10)
    finally:
        globals()["EXTRA"] = 1.0


EXTRA = 1.0


def test_what_the_function_stores_outside_is_refused():
    held = types.SimpleNamespace(last=None)
    log, table = [], {}

    def attribute(x):
        held.last = x * 2
        return x

    def element(x):
        log.append(x * 2)
        return x

    def entry(x):
        table["y"] = x * 2
        return x

    for f in (attribute, element, entry):
        with pytest.raises(CompileError, match="stores an array|puts another array"):
            ag.compile(f)(X)
    assert held.last is None
    assert log == []
    assert table == {}

    c = X.copy()

    def variable(x):
        nonlocal c
        c = x * 2
        return x

    with pytest.raises(CompileError, match="stores an array|puts another array"):
        ag.compile(variable)(X)
    same(c, X)


def test_what_the_function_counts_outside_goes_on_counting():
    calls, log = 0, []

    def f(x):
        nonlocal calls
        calls += 1
        log.append("called")
        return x * calls

    g = ag.compile(f)
    for k in (1, 2, 4, 5, 6):  # (3 is the call that warns)
        if k == 4:
            with pytest.warns(RuntimeWarning, match=r"f changes log\[2\], which a program would not do"):
                g(X)
        same(g(X), X * k)
        assert calls == len(log) == k
    assert g.cache_info()[:3] == (0, 3, 3)


def test_an_iterator_is_refused():
    for source in (iter([1.0, 2.0]), itertools.count(), (k for k in range(5)), enumerate([1])):

        def f(x, source=source):
            return x * next(source)

        with pytest.raises(CompileError, match="gives something else"):
            ag.compile(lambda x, s=source: x * next(s))(X)
        g = lambda x: x * next(source)  # noqa: B023
        with pytest.raises(CompileError, match="source"):
            ag.compile(g)(X)


# ---------------------------------------------------------------- Tensors that the function uses


def test_a_captured_tensor_with_new_values():
    t = ag.Tensor([1.0, 2.0, 3.0])
    g = ag.compile(lambda x: (x * t).sum(axis=0))

    def check():
        same(g(X).numpy(), (X * t.numpy()).sum(axis=0))

    check()
    check()
    t.writable()[...] = 7
    check()
    t.data = np.array([5.0, 6.0, 7.0])
    check()
    check()
    t.data[0] = -1
    check()
    replayed(g, 3)


def test_a_captured_tensor_that_is_frozen_and_thawed():
    w = nn.Parameter(np.ones(3), dtype=np.float64)

    def step(x):
        w.grad = None
        loss = ((x * w) ** 2).sum()
        if loss.requires_grad:
            loss.backward()
        return loss.detach()

    g = ag.compile(step)
    for freeze in (False, False, True, True, False, False):
        w.requires_grad = not freeze
        w.grad = None
        loss = g(X)
        assert float(loss) == 91
        if freeze:
            assert w.grad is None
        else:
            np.testing.assert_allclose(w.grad, 2 * (X**2).sum(axis=0))


def test_an_optimizer_step_between_calls_is_seen():
    nn.manual_seed(0)
    layer = nn.Linear(3, 2, dtype=np.float64)
    optimizer = nn.SGD(layer.parameters(), lr=0.1)
    predict = ag.compile(ag.no_grad()(lambda x: layer(x)))
    for _ in range(4):
        with ag.no_grad():
            expected = layer(X).numpy()
        np.testing.assert_allclose(predict(X).numpy(), expected, rtol=1e-15)
        optimizer.zero_grad()
        (layer(X) ** 2).sum().backward()
        optimizer.step()
    replayed(predict, 2)


def test_modules_change_between_calls():
    nn.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4, dtype=np.float64), nn.Dropout(0.5), nn.Linear(4, 2, dtype=np.float64))
    g = ag.compile(ag.no_grad()(lambda x: net(x)))

    def check():
        for _ in range(2):
            nn.manual_seed(3)
            with ag.no_grad():
                expected = net(X).numpy()
            nn.manual_seed(3)
            np.testing.assert_allclose(g(X).numpy(), expected, rtol=1e-14, atol=1e-15)

    check()
    net.eval()
    check()
    net.train()
    check()
    net[1].p = 0.9
    check()
    net[1] = nn.ReLU()
    check()
    net[2] = nn.Linear(4, 5, dtype=np.float64)
    check()
    net[2].bias.writable()[...] = 3
    check()
    net[2].bias = nn.Parameter(np.ones(5), dtype=np.float64)
    check()
    replayed(g, 7)


class Custom(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = 2.0
        self.options = {"shift": 1.0}
        self.table = np.ones(3)
        self.weight = nn.Parameter(np.ones(3), dtype=np.float64)

    def forward(self, x):
        return x * self.scale * self.weight + self.options["shift"] + self.table * 3 + GLOBAL


def test_a_module_of_the_users(monkeypatch):
    net = Custom()
    g = ag.compile(ag.no_grad()(lambda x: net(x)))
    for change in (
        lambda: None, lambda: setattr(net, "scale", 3.0), lambda: net.options.update(shift=4.0),
        lambda: net.table.fill(5.0),
        lambda: monkeypatch.setitem(globals(), "GLOBAL", 9.0), lambda: setattr(net, "table", np.zeros(3)),
    ):  # fmt: skip
        change()
        for _ in range(2):
            with ag.no_grad():
                same(g(X).numpy(), net(X).numpy())


def test_a_returned_captured_tensor_is_itself():
    t = ag.Tensor([1.0, 2.0, 3.0])
    g = ag.compile(lambda x: (x * 2, t))
    for _ in range(3):
        assert g(X)[1] is t


# ---------------------------------------------------------------- copies of the compiled function


@ag.compile
def at_the_top(x):
    return np.sin(x) * 2


def ordinary(x):
    return np.sin(x) * 3


in_another_name = ag.compile(ordinary)


def test_copies_and_pickles():
    at_the_top(X)
    assert pickle.loads(pickle.dumps(at_the_top)) is at_the_top
    in_another_name(X)
    for again in (
        pickle.loads(pickle.dumps(in_another_name)),
        copy.copy(in_another_name),
        copy.deepcopy(in_another_name),
    ):
        for _ in range(2):
            same(again(X), ordinary(X))
        replayed(again)
    net = Custom()
    model = types.SimpleNamespace(net=net, predict=ag.compile(functools.partial(lambda net, x: net(x).detach(), net)))
    model.predict(X)
    other = copy.deepcopy(model)
    other.net.scale = 5.0
    for m in (model, other):
        same(m.predict(X).numpy(), m.net(X).numpy())


def test_name_and_documentation_are_the_functions():
    assert at_the_top.__name__ == "at_the_top"
    assert in_another_name.__wrapped__ is ordinary
    assert callable(functools.partial(at_the_top, X))
    same(functools.partial(at_the_top, X)(), np.sin(X) * 2)
