"""What somebody found who tried to break the compiler: each of these gave a wrong number, or a text that does not
run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.compiler.cached_program import Entry
from autograd_np.engine.errors import CompileError

RNG = np.random.default_rng(0)


def agree(function: Any, calls: Any, state: Any = ()) -> Any:
    """Run a function as it is and compiled: the same results, arguments and state after each call."""
    start = [array.copy() for array in state]
    found: list[Any] = []
    compiled = ag.compile(function)
    for f in (function, compiled):
        for array, content in zip(state, start, strict=True):
            array[...] = content
        found.append([])
        for call in calls:
            arguments = [item.copy() for item in call]
            result = f(*arguments)
            results = result if isinstance(result, tuple) else (result,)
            found[-1].append([*[np.array(item) for item in results], *arguments, *[array.copy() for array in state]])
    for expected, got in zip(*found, strict=True):
        for a, b in zip(expected, got, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(np.signbit(a), np.signbit(b))
    assert compiled.cache_info().hits >= len(calls) - 1
    return compiled


# ---------------------------------------------------------------- a bias in the product


def test_a_bias_that_is_written_between_the_product_and_the_sum():
    both = RNG.normal(size=24)
    w, b = both[:16].reshape(2, 8), both[16:]

    def f(x):
        z = x @ w
        b[...] = b + 1
        return z + b

    agree(f, [(RNG.normal(size=(5, 2)),) for _ in range(3)], [both])


def test_two_layers_that_read_one_argument_in_another_order():
    all_ = RNG.normal(size=48)
    w, b, v, c = all_[:16].reshape(2, 8), all_[16:24], all_[24:40].reshape(2, 8), all_[40:]

    def f(x):
        first, second = x @ w, x @ v
        later = second + c
        return later * (first + b)

    agree(f, [(RNG.normal(size=(5, 2)),) for _ in range(3)], [all_])


def test_a_bias_that_is_cut_out_after_the_product():
    both = RNG.normal(size=24)
    agree(lambda x: np.tanh(x @ both[:16].reshape(2, 8) + both[16:]), [(RNG.normal(size=(5, 2)),) for _ in range(3)])


@pytest.mark.parametrize("write", [False, True])
def test_gradients_side_by_side_that_are_looked_at_in_between(write):
    both = RNG.normal(size=24)
    w, b = both[:16].reshape(2, 8), both[16:]

    def f(x, y):
        dz = (x @ w + b) - y
        dw = x.T @ dz
        norm = (dw**2).sum()
        if write:
            dz[0] = 0
        both[...] -= 0.01 * np.concatenate([dw.ravel(), dz.sum(axis=0)])
        return norm

    agree(f, [(RNG.normal(size=(6, 2)), RNG.normal(size=(6, 8))) for _ in range(3)], [both])


# ---------------------------------------------------------------- numbers


def test_a_mean_of_what_is_written_between_the_sum_and_the_quotient():
    def argument(x):
        total = np.add.reduce(x)
        x[0] = 0
        return total / 4

    def own(x):
        y = x * 2
        total = y.sum()
        y[1] = 7
        return total / 4, y

    v = np.arange(4.0)

    def state(g):
        total = v.sum()
        v[...] -= g
        return total / 4

    for f, arrays in ((argument, []), (own, []), (state, [v])):
        agree(f, [(RNG.normal(size=4),) for _ in range(3)], arrays)


def test_zeros_of_both_signs_are_two_numbers():
    agree(lambda x: (x * np.float64(0.0), x * np.float64(-0.0)), [(np.array([1.0, 2.0]),)] * 2)
    agree(lambda x: ((x * 0j).imag, (x * complex(-0.0, -0.0)).imag), [(np.array([1.0, 2.0]),)] * 2)


# ---------------------------------------------------------------- text


def test_plain_text_of_a_program_that_writes_an_argument():
    def f(x):
        x *= np.sin(x)
        return x.sum()

    compiled = agree(f, [(RNG.normal(size=5),)] * 2)
    space = compiled.plain_given
    exec(compiled.source_plain, space)
    x, y = np.arange(5.0), np.arange(5.0)
    assert space["run"](x) == f(y)
    np.testing.assert_array_equal(x, y)


# ---------------------------------------------------------------- what Tensors hold


def test_gradients_add_up():
    def trained(compiled: bool) -> list[Any]:
        w = ag.Tensor([1.0, 2.0], requires_grad=True)

        def f(x):
            loss = ((x * w) ** 2).sum()
            loss.backward()
            return loss.detach()

        step = ag.compile(f) if compiled else f
        found = []
        for i in range(8):
            step(np.array([1.0, i]))
            found.append(w.grad.copy())
            if i % 3 == 2:
                w.zero_grad()
        if compiled:
            assert step.cache_info().misses == 2
            with pytest.raises(CompileError, match="gradients"):
                step.save("nowhere.py")
        return found

    np.testing.assert_array_equal(trained(True), trained(False))


@pytest.mark.parametrize("clear", ["before", "after", "in place", "scaled"])
def test_gradients_that_are_there_before(clear):
    def trained(compiled: bool) -> list[Any]:
        w = ag.Tensor([1.0, 2.0], requires_grad=True)

        def f(x):
            if clear == "before":
                w.grad = None
            ((x * w) ** 2).sum().backward()
            w.writable()[...] -= 0.1 * w.grad
            if clear == "after":
                w.zero_grad()
            if clear == "in place":
                w.grad[...] = 0
            if clear == "scaled":
                w.grad *= 0.5

        step = ag.compile(f) if compiled else f
        found = []
        for i in range(6):
            if i in (2, 4):
                w.grad = np.array([1.0, float(i)])
            before = w.grad
            step(np.array([1.0, i]))
            found += [
                w.numpy().copy(),
                np.zeros(2) if w.grad is None else w.grad.copy(),
                np.zeros(2) if before is None else before.copy(),
            ]
        if compiled:
            assert step.cache_info().hits >= 2
        return found

    np.testing.assert_array_equal(trained(True), trained(False))


def test_gradients_do_not_make_programs_of_a_compiled_step():
    nn.manual_seed(0)
    model = nn.Linear(2, 1)
    step = nn.compile_step(model, nn.MSELoss(), nn.SGD(model.parameters(), lr=0.1))
    x, y = RNG.normal(size=(4, 2)).astype(np.float32), RNG.normal(size=(4, 1)).astype(np.float32)
    model.weight.grad = np.ones((2, 1), np.float32)
    step(x, y)
    assert "grad" not in step.source.split("def step")[1].partition("\n")[0]
    model.weight.grad = None
    step(x, y)
    assert step.cache_info()[:2] == (2, 1) or step.cache_info()[:2] == (1, 1)
    assert model.weight.grad is None


def test_another_array_in_the_place_of_a_tensors_is_refused():
    w = ag.Tensor([1.0, 2.0], requires_grad=True)

    def f(x):
        ((x * w) ** 2).sum().backward()
        w.data = w.data - 0.1 * w.grad
        w.grad = None

    with pytest.raises(CompileError, match=r"writable\(\)\[\.\.\.\]"):
        ag.compile(f)(np.ones(2))
    np.testing.assert_array_equal(w.numpy(), [1, 2])
    assert w.grad is None or isinstance(w.grad, np.ndarray)


def test_explain_does_not_warn_of_numbers_that_it_makes_up(recwarn):
    f = ag.compile(lambda x: np.sqrt(x) * np.log(x))
    f(np.ones(5))
    f.explain(seconds=0.01)
    assert not recwarn.list


def test_a_function_that_is_traced_in_every_call_says_so() -> None:
    f = ag.compile(lambda x, rate: x * rate)
    x = np.ones(3)
    for k in range(19):
        np.testing.assert_array_equal(f(x, float(k)), x * k)
    with pytest.warns(RuntimeWarning, match="each of them was traced"):
        f(x, 19.0)
    assert f.cache_info().hits == 0


def test_the_program_that_was_used_last_stays() -> None:
    f = ag.compile(lambda x: x * 2)
    f(np.ones(1))
    f(np.ones(1))
    for size in range(2, 90):
        f(np.ones(size))
        f(np.ones(1))
    assert f.cache_info().hits == 89


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("axis", "reduced"), [(0, False), ((0, 2), False), (1, True), ((0, 1), True)])
def test_the_sum_of_a_broadcast_array_is_a_product(axis: Any, reduced: bool, keepdims: bool) -> None:
    def f(x: Any) -> Any:
        return np.sum(np.broadcast_to(x[:, None], (7, 3, 5)), axis=axis, keepdims=keepdims) + 1

    compiled = ag.compile(f)
    for k in range(3):
        x = np.linspace(-1, 1 + k, 3)
        np.testing.assert_allclose(compiled(x), f(x), rtol=1e-15, strict=True)
    assert ("reduce" in compiled.source or "dot" in compiled.source) == reduced


def test_a_program_that_was_just_made_is_not_the_first_to_go() -> None:
    table = {"factor": 2.0}
    f = ag.compile(lambda x: x * table["factor"])
    for size in range(1, 65):
        f(x=np.ones(size))
        f(x=np.ones(size))
    table["factor"] = 3.0
    f(x=np.ones(1))  # another program for the arguments that came first of all
    misses = f.cache_info().misses
    np.testing.assert_array_equal(f(x=np.ones(1)), [3.0])
    assert f.cache_info().misses == misses


def test_two_shapes_in_turn_do_not_write_their_way_in_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    write = Entry._write_way
    monkeypatch.setattr(Entry, "_write_way", lambda entry, args: written.append(entry) or write(entry, args))
    f = ag.compile(lambda x: x * 2)
    for size in [2, 3] * 5:
        np.testing.assert_array_equal(f(np.ones(size)), np.full(size, 2.0))
    assert len(written) == 2


@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4)])
def test_sums_of_what_runs_backwards(shape):
    """NumPy 2.1 adds such an array up in another order where it is given ``out=``."""
    rng = np.random.default_rng(0)
    compiled = ag.compile(lambda x: (np.sum(x) + 1, np.mean(x) + 1, np.prod(x, axis=-1) * 2))
    for _ in range(30):
        x = rng.normal(size=shape).astype("f4")[::-1, ..., ::-1] if len(shape) > 1 else rng.normal(size=shape)[::-1]
        for a, b in zip(compiled(x), (np.sum(x) + 1, np.mean(x) + 1, np.prod(x, axis=-1) * 2), strict=True):
            np.testing.assert_array_equal(a, b)
