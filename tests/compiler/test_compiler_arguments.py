"""Arguments and results: trees, static ones, dtypes and layouts, Tensors."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import pytest
from replaying import X, replayed, same

import autograd_np as ag
from autograd_np.engine.errors import CompileError

# ---------------------------------------------------------------- arguments


def test_an_array_kept_from_one_call_does_not_come_into_the_next():
    def f(x):
        box = ctypes_box()
        if "x" in box:
            y = x + box["x"]
        else:
            box["x"] = x
            y = x
        return y

    def ctypes_box():
        import builtins

        return builtins.__dict__.setdefault("_box_of_a_test", {})

    import builtins

    try:
        g = ag.compile(f)
        for x in (X, X.astype(np.float32)):
            with pytest.raises(CompileError, match="another run|kept"):
                g(x)
        with pytest.raises(CompileError, match="another run|kept"):
            builtins.__dict__["_box_of_a_test"]["x"] + 1
    finally:
        del builtins.__dict__["_box_of_a_test"]


class Point(NamedTuple):
    x: Any
    y: Any


def test_trees_of_arguments_and_results():
    def f(batch, *, scale=2.0, names=("a",), extra=None):
        p, d = batch["point"], batch["rest"][0]
        y = p.x * scale + p.y
        if extra is not None:
            y = y + extra
        return {"y": y, "point": Point(d, y), "names": names, "none": None, "list": [y.sum(), (d * 2,)]}

    def flat(tree):
        if isinstance(tree, dict):
            return [leaf for key in tree for leaf in [key, *flat(tree[key])]]
        return (
            [type(tree), *[leaf for item in tree for leaf in flat(item)]] if isinstance(tree, (list, tuple)) else [tree]
        )

    g = ag.compile(f)
    for options in ({}, {"scale": 3.0}, {"extra": X}, {"extra": None}, {"names": ("b", "c")}, {}):
        for k in range(2):
            batch = {"point": Point(X + k, X * 2), "rest": [X - k, 5]}
            for a, b in zip(flat(g(batch, **options)), flat(f(batch, **options)), strict=True):
                if isinstance(b, (np.ndarray, np.generic)):
                    same(a, b)
                else:
                    assert a == b
    replayed(g, 6)


def test_static_arguments():
    def f(x, a):
        if callable(a):
            return a(x)
        if isinstance(a, str):
            return x + len(a)
        if a is True:
            return x * 100
        if a is None:
            return -x
        if isinstance(a, slice):
            return x[:, a]
        if isinstance(a, np.dtype):
            return x.astype(a)
        return x * a

    g = ag.compile(f)
    values = [
        1,
        True,
        1.0,
        "ab",
        None,
        np.sin,
        lambda x: x + 1,
        0.0,
        -0.0,
        float("nan"),
        slice(0, 2),
        np.dtype("f4"),
        slice(1, 2),
        2**70,
        False,
        0,
    ]
    for _ in range(2):
        for a in values:
            same(g(X, a), f(X, a))
    replayed(g, len(values))


def test_objects_that_compare_equal_are_not_the_same():
    class Named:
        def __init__(self, rate):
            self.rate = rate

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 1

    g = ag.compile(lambda x, a: x * a.rate)
    for rate in (1.0, 2.0, 1.0):
        same(g(X, Named(rate)), X * rate)


def test_dtypes_shapes_and_layouts_have_programs_of_their_own():
    def f(x):
        return (x * 2 + 1).sum(axis=0), np.ravel(x)

    g = ag.compile(f)
    x = np.arange(12).reshape(3, 4)
    forms = [
        x,
        x.astype("f4"),
        x.astype(">f8"),
        x.T,
        x[:, ::-1],
        x[::2],
        x.astype("c8"),
        x.astype(bool),
        np.asfortranarray(x),
        x[:0],
        np.float32(2),
        np.array(2.0),
    ]
    for _ in range(2):
        for form in forms:
            for a, b in zip(g(form), f(form), strict=True):
                same(a, b)
                assert a.dtype == b.dtype
    assert g.cache_info().currsize == len(forms)
    g.cache_clear()
    assert g.cache_info().currsize == 0
    same(g(x)[0], f(x)[0])


def test_numbers_of_numpy_vary_and_keep_their_dtype():
    def f(x, a):
        return x * a, a + 1, a**2

    g = ag.compile(f)
    x = X.astype(np.float32)
    for a in (np.float32(2), np.float32(3), np.float64(2), np.float64(3), np.int64(2), np.int64(5), np.bool(True)):
        for mine, theirs in zip(g(x, a), f(x, a), strict=True):
            same(mine, theirs)
            assert mine.dtype == theirs.dtype
    replayed(g, 3)


def test_tensors_as_arguments():
    def f(x, t):
        return (x * t).sum(axis=0)

    g = ag.compile(f)
    t = ag.Tensor(X + 1)
    for k in range(3):
        result = g(X + k, t)
        assert isinstance(result, ag.Tensor)
        assert not result.requires_grad
        same(result.numpy(), ((X + k) * (X + 1)).sum(axis=0))
    replayed(g, 2)
    leaf = ag.Tensor(X.copy(), requires_grad=True)
    for _ in range(2):
        leaf.grad = None
        g(X, leaf).sum().backward()
        same(leaf.grad, X)


def test_a_tensor_that_needs_a_gradient_is_not_returned():
    w = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(CompileError, match="needs a gradient"):
        ag.compile(lambda x: x * w)(X)
    g = ag.compile(lambda x: x * w)
    with ag.no_grad():
        same(g(X).numpy(), X * w.numpy())
    with pytest.raises(CompileError, match="needs a gradient"):
        g(X)


def test_recording_on_and_off_have_programs_of_their_own():
    w = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    g = ag.compile(lambda x: ((x * w).requires_grad, (x * w).detach()))
    for _ in range(2):
        assert g(X)[0]
        with ag.no_grad():
            assert not g(X)[0]
            with ag.enable_grad():
                assert g(X)[0]
    replayed(g, 3)


class Sub(np.ndarray):
    def __add__(self, other):
        return NotImplemented


@pytest.mark.parametrize(
    "argument",
    [X.view(Sub), np.ma.masked_array(X), np.array([1, "a", None], dtype=object)],
    ids=["subclass", "masked", "object"],
)
def test_arrays_with_other_arithmetic_are_refused(argument):
    with pytest.raises(CompileError):
        ag.compile(lambda x: x + 1)(argument)
    with pytest.raises(TypeError):
        ag.compile(lambda x: x + argument)(X)


def test_lists_of_numbers_are_lists():
    def f(x, numbers):
        return x * np.asarray(numbers) + sum(numbers)

    g = ag.compile(f)
    for numbers in ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]):
        same(g(X, numbers), f(X, numbers))


def test_functions_that_run_in_pieces_are_refused():
    def pieces(x):
        yield x

    async def task(x):
        return x

    async def both(x):
        yield x

    for f in (pieces, task, both, functools.partial(pieces)):
        with pytest.raises(TypeError, match="generator or a coroutine"):
            ag.compile(f)
    for thing in (3, None, "f", X):
        with pytest.raises(TypeError, match="compile"):
            ag.compile(thing)
