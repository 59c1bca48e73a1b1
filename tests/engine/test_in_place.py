"""In-place operators write into a leaf inside ``no_grad()``, raise outside it, and rebind any other name."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.engine.errors import MutationError
from autograd_np.proofs.duck import DuckArray

OPERATORS = [
    "iadd",
    "isub",
    "imul",
    "itruediv",
    "ifloordiv",
    "imod",
    "ipow",
    "imatmul",
    "iand",
    "ior",
    "ixor",
    "ilshift",
    "irshift",
]
V = np.array([1.0, 2.0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(), (3,), (3, 3)])
@pytest.mark.parametrize("name", OPERATORS)
def test_a_leaf_is_written_as_an_array_is(name, shape, dtype):
    change = getattr(operator, name)
    values = (np.arange(int(np.prod(shape))).reshape(shape) + 2).astype(dtype)
    right = np.full(shape, 2.0)
    p = ag.Tensor(values.copy(), requires_grad=True)
    with pytest.raises(RuntimeError, match=r"with ag\.no_grad\(\): t .* optimizer\.step\(\), or t\.writable\(\)"):
        change(p, right)
    memory = p.data
    try:
        expected = change(values, right)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        with ag.no_grad(), pytest.raises(kind, match="the right side"):
            change(p, right)
        return
    with ag.no_grad():
        assert change(p, right) is p
        assert p.data is memory
    assert p.dtype == dtype
    assert p.requires_grad
    np.testing.assert_array_equal(p.numpy(), expected)


@pytest.mark.parametrize("right", [np.ones((3, 2)), 1j, "a", None, object()])
def test_what_an_array_would_not_take(right):
    p = ag.Tensor([1.0, 2.0], requires_grad=True)
    with ag.no_grad(), pytest.raises((TypeError, ValueError), match="the right side"):
        p -= right
    assert p.tolist() == [1.0, 2.0]


def test_the_right_side_is_a_value():
    p = ag.Tensor([1.0, 2.0], requires_grad=True)
    same = p
    with ag.no_grad():
        p -= p * 0.5
        p += ag.Tensor([1.0, 1.0], requires_grad=True)
        p += [1, 1]
    assert p is same
    assert p.tolist() == [2.5, 3.0]


def test_what_the_tape_kept_is_guarded():
    p = ag.Tensor([1.0, 2.0], requires_grad=True)
    y = np.sum(p * p)
    with ag.no_grad():
        p -= 0.5
    with pytest.raises(MutationError, match="multiply"):
        y.backward()
    a = V.copy()
    q = ag.Tensor(a, requires_grad=True)
    y = np.sum(q * q)
    with ag.no_grad():
        q -= 0.5
    y.backward()
    np.testing.assert_array_equal(q.grad, 2 * V)
    np.testing.assert_array_equal(a, V - 0.5)


def test_other_arrays_under_the_leaf():
    p = same = ag.Tensor(DuckArray(np.ones(3)), requires_grad=True)
    scalar = ag.Tensor([1.0, 2.0]).sum().detach()  # a NumPy number
    scalar.requires_grad = True
    with ag.no_grad():
        p -= DuckArray(np.full(3, 0.5))
        scalar *= 2.0
    assert p is same
    assert p.tolist() == [0.5] * 3
    assert scalar.requires_grad
    assert scalar.item() == 6.0


def test_constants_and_results_rebind():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    for old in (ag.Tensor([1.0, 2.0]), x * 1.0, x.detach()):
        t = old
        t -= 1.0
        with ag.no_grad():
            t -= 1.0
        assert old.tolist() == [1.0, 2.0]
        assert t.tolist() == [-1.0, 0.0]


def doubled(x):
    x *= 2
    x += 1
    with ag.no_grad():
        shifted = x
        shifted -= 100.0
    x **= 2
    return np.sum(x)  # Σ (2x + 1)²


WAYS = {
    "grad": lambda v: ag.grad(doubled)(v),
    "value_and_grad": lambda v: ag.value_and_grad(doubled)(v)[1],
    "vjp": lambda v: ag.vjp(doubled, v)[1](1.0),
    "checkpoint": lambda v: ag.grad(ag.checkpoint(doubled))(v),
    "leaf": lambda v: ag.grad(doubled)(ag.Tensor(v, requires_grad=True)).numpy(),
    "constant": lambda v: ag.grad(doubled)(ag.Tensor(v)).numpy(),
    "nested": lambda v: ag.grad(lambda x: np.sum(ag.grad(doubled)(x)))(v) * (2 * v + 1) / 2,
    "hessian": lambda v: np.diag(ag.hessian(doubled)(v)) * (2 * v + 1) / 2,
    "hvp": lambda v: ag.hvp(doubled)(v, 2 * v + 1) / 2,
    "jacobian": lambda v: np.diag(ag.jacobian(ag.grad(doubled))(v)) * (2 * v + 1) / 2,
}


@pytest.mark.parametrize("name", WAYS)
def test_the_argument_of_a_function_rebinds(name):
    v = V.copy()
    np.testing.assert_allclose(WAYS[name](v), 4 * (2 * V + 1))
    with ag.no_grad():
        np.testing.assert_allclose(WAYS[name](v), 4 * (2 * V + 1))
    np.testing.assert_array_equal(v, V)


def test_the_argument_rebinds_compiled_and_in_gradcheck():
    compiled = ag.compile(ag.grad(doubled))
    for v in (V, V + 1, V + 2):
        np.testing.assert_allclose(compiled(v), 4 * (2 * v + 1))
    ag.gradcheck(doubled, V)


def training(compiled):
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh(), nn.Linear(3, 1, rng=0))

    def step(x, y):
        model.zero_grad()
        loss = np.mean((model(x) - y) ** 2)
        loss.backward()
        with ag.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
        return loss.detach()

    step = ag.compile(step) if compiled else step
    x = np.random.default_rng(0).normal(size=(20, 2))
    return [step(x, x[:, :1]).item() for _ in range(40)], step


def test_a_training_loop_by_hand_compiled_too():
    losses, _ = training(False)
    assert losses[-1] < 0.3 * losses[0]
    replayed, step = training(True)
    np.testing.assert_allclose(replayed, losses, rtol=1e-6)
    assert step.cache_info().hits > 30


def test_a_compiled_write_outside_no_grad_raises():
    w = ag.Tensor([1.0, 2.0], requires_grad=True)
    params = [w]

    def bad(x):
        params[0] -= x
        return np.sum(w).detach()

    with pytest.raises(RuntimeError, match="no_grad"):
        ag.compile(bad)(V)
    assert w.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("how", ["operator", "writable", "data"])
def test_a_compiled_backward_pass_after_the_write_raises(how):
    w = ag.Tensor([1.0, 2.0], requires_grad=True)

    def late(x):
        h = w * 1.0
        y = np.sum(h * h * w * x)
        with ag.no_grad():
            if how == "operator":
                operator.isub(w, x)
            elif how == "writable":
                w.writable()[...] = x
            else:
                h.data[...] = x
        y.backward()
        return w.grad

    compiled = ag.compile(late)
    for _ in range(2):
        with pytest.raises(MutationError, match="multiply"):
            compiled(V)
    assert w.tolist() == [1.0, 2.0]
