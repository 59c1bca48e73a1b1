"""grad, value_and_grad, gradients, vjp, jvp, jacobian, hessian, hvp, elementwise_grad, checkpoint; pytrees and
nesting."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.errors import FreedGraphError, MutationError, NonDifferentiableError

RNG = np.random.default_rng(0)


def f(x):
    return np.sum(np.sin(x) * x**2)


def df(x):
    return np.cos(x) * x**2 + np.sin(x) * 2 * x


def d2f(x):
    return -np.sin(x) * x**2 + 4 * np.cos(x) * x + 2 * np.sin(x)


def test_grad_of_arrays_numbers_and_tensors():
    x = RNG.normal(size=4)
    np.testing.assert_allclose(ag.grad(f)(x), df(x))
    assert type(ag.grad(f)(x)) is np.ndarray
    assert isinstance(ag.grad(f)(0.5), float)
    assert ag.grad(f)(2) == ag.grad(f)(2.0)
    g = ag.grad(f)(ag.Tensor(x))
    assert isinstance(g, ag.Tensor)
    assert not g.requires_grad
    g = ag.grad(f)(ag.Tensor(x, requires_grad=True))
    assert g.requires_grad
    zero_d = ag.grad(f)(np.array(0.5))
    assert isinstance(zero_d, np.ndarray)
    assert zero_d.shape == ()


def test_float32_stays_float32():
    g = ag.grad(f)(np.ones(3, np.float32))
    assert g.dtype == np.float32
    assert ag.hessian(f)(np.ones(3, np.float32)).dtype == np.float32


def test_integers_are_refused_with_the_remedy():
    with pytest.raises(NonDifferentiableError, match="float"):
        ag.grad(f)(np.arange(3))
    with pytest.raises(NonDifferentiableError, match="float"):
        ag.Tensor([1, 2], requires_grad=True)


def test_argnum_and_has_aux_and_keywords():
    def h(x, y, *, scale=1.0):
        return np.sum(x * y) * scale

    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    np.testing.assert_array_equal(ag.grad(h, 1)(x, y), x)
    np.testing.assert_array_equal(ag.grad(h, -1)(x, y, scale=3.0), 3 * x)
    gx, gy = ag.grad(h, (0, 1))(x, y)
    np.testing.assert_array_equal(gx, y)
    np.testing.assert_array_equal(gy, x)
    value, g = ag.value_and_grad(h)(x, y)
    assert value == 11.0
    np.testing.assert_array_equal(g, y)
    g, aux = ag.grad(lambda x: (np.sum(x), {"seen": x * 2}), has_aux=True)(x)
    np.testing.assert_array_equal(g, [1.0, 1.0])
    np.testing.assert_array_equal(aux["seen"], 2 * x)
    (value, aux), g = ag.value_and_grad(lambda x: (np.sum(x), "note"), has_aux=True)(x)
    assert (value, aux) == (3.0, "note")
    with pytest.raises(TypeError, match="argnum"):
        ag.grad(h, 5)(x, y)


def test_errors_name_the_output():
    with pytest.raises(TypeError, match=r"shape \(3,\)"):
        ag.grad(lambda x: x)(np.ones(3))
    with pytest.raises(TypeError, match="complex"):
        ag.grad(lambda x: x * 1j)(1.0)
    with pytest.raises(TypeError, match="tuple"):
        ag.grad(lambda x: (x, x))(1.0)


def test_a_constant_function_has_gradient_zero():
    np.testing.assert_array_equal(ag.grad(lambda x: 3.0)(np.ones(2)), [0.0, 0.0])
    _, gy = ag.grad(lambda x, y: np.sum(x), (0, 1))(np.ones(2), np.ones(3))
    np.testing.assert_array_equal(gy, np.zeros(3))


class Point(NamedTuple):
    x: Any
    y: Any


def test_pytrees_in_and_out():
    tree = {"w": np.array([1.0, 2.0]), "rest": [Point(3.0, np.array([[4.0]])), (5.0,)], "none": None}

    def h(t):
        return np.sum(t["w"] ** 2) + t["rest"][0].x * np.sum(t["rest"][0].y) + t["rest"][1][0]

    g = ag.grad(h)(tree)
    np.testing.assert_array_equal(g["w"], [2.0, 4.0])
    assert isinstance(g["rest"][0], Point)
    assert g["rest"][0].x == 4.0
    np.testing.assert_array_equal(g["rest"][0].y, [[3.0]])
    assert g["rest"][1] == (1.0,)
    assert g["none"] is None
    assert isinstance(ag.grad(lambda t: t["a"])(OrderedDict(a=1.0)), OrderedDict)


def test_higher_order_nests():
    x = RNG.normal(size=3)
    np.testing.assert_allclose(ag.grad(lambda x: np.sum(ag.grad(f)(x)))(x), d2f(x))
    g = ag.grad
    assert g(g(g(g(lambda x: x**5))))(2.0) == pytest.approx(240.0)
    np.testing.assert_allclose(ag.hessian(f)(x), np.diag(d2f(x)), atol=1e-12)


def test_no_perturbation_confusion():
    assert ag.grad(lambda x: x * ag.grad(lambda y: x + y)(1.0))(2.0) == 1.0
    assert ag.grad(lambda x: x * ag.grad(lambda y: x * y)(1.0))(2.0) == 4.0
    assert ag.grad(lambda x: ag.grad(lambda y: ag.grad(lambda z: x * y * z)(1.0))(1.0))(3.0) == 1.0
    assert ag.grad(lambda x: x * ag.jvp(lambda y: x * y, (1.0,), (1.0,))[1])(3.0) == 6.0


def test_transforms_inside_a_recorded_computation():
    w = ag.Tensor(2.0, requires_grad=True)
    inner = ag.grad(lambda x: w * x**2)(3.0)
    assert isinstance(inner, ag.Tensor)
    (inner * inner).backward()
    assert float(w.grad) == 2 * (2 * 2 * 3) * 6.0


def test_transforms_under_no_grad():
    with ag.no_grad():
        assert ag.grad(lambda x: x**2)(3.0) == 6.0
        w = ag.Tensor(2.0, requires_grad=True)
        result = ag.grad(lambda x: w * x**2)(3.0)
        assert not getattr(result, "requires_grad", False)
        np.testing.assert_allclose(ag.hessian(lambda x: np.sum(x**3))(np.ones(2)), 6 * np.eye(2))


def test_gradients_on_leaves_and_intermediates():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    h = x * 3.0
    y = (h * h * x).sum()
    gx, gh = ag.gradients(y, (x, h), retain_graph=True)
    np.testing.assert_allclose(gh, 2 * h.numpy() * x.numpy())
    np.testing.assert_allclose(gx, 27 * x.numpy() ** 2)
    assert x.grad is None
    np.testing.assert_allclose(ag.gradients(y, {"x": x})["x"], gx)
    with pytest.raises(FreedGraphError):
        ag.gradients(y, x)


def test_gradients_with_cotangents_and_several_outputs():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    np.testing.assert_array_equal(ag.gradients([x * 2.0, x.sum()], x, [np.array([1.0, 10.0]), None]), [3.0, 21.0])
    np.testing.assert_array_equal(ag.gradients(x, x, np.array([1.0, 5.0])), [1.0, 5.0])
    with pytest.raises(ValueError, match="shape"):
        ag.gradients(x * 2.0, x, np.ones(3))
    with pytest.raises(RuntimeError, match="cotangent"):
        ag.gradients(x * 2.0, x)


def test_gradients_unused():
    x = ag.Tensor(1.0, requires_grad=True)
    z = ag.Tensor(1.0, requires_grad=True)
    with pytest.raises(NonDifferentiableError, match="allow_unused"):
        ag.gradients(x * 2.0, z)
    assert ag.gradients(x * 2.0, [x, z], allow_unused=True)[1] is None
    with pytest.raises(NonDifferentiableError):
        ag.gradients(x * 2.0, ag.Tensor(1.0))


def test_vjp_and_jvp_agree():
    a = RNG.normal(size=(3, 2))

    def h(x, y):
        return {"p": np.tanh(x @ a), "q": x * y}

    primals = RNG.normal(size=3), RNG.normal(size=3)
    tangents = RNG.normal(size=3), RNG.normal(size=3)
    out, pullback = ag.vjp(h, *primals)
    out2, along = ag.jvp(h, primals, tangents)
    for key in out:
        np.testing.assert_array_equal(out[key], out2[key])
    cotangent = {"p": RNG.normal(size=2), "q": RNG.normal(size=3)}
    pulled = pullback(cotangent)
    left = sum(np.sum(cotangent[k] * along[k]) for k in out)
    right = sum(np.sum(g * t) for g, t in zip(pulled, tangents, strict=True))
    np.testing.assert_allclose(left, right)
    pulled_again = pullback(cotangent)
    np.testing.assert_array_equal(pulled[0], pulled_again[0])


def test_jvp_where_the_cotangent_cancels():
    # s - s: the pullback's cotangent at s is 0, the derivative along the tangent is not.
    def h(x):
        s = np.sqrt(x)
        return s, -s

    _, (up, down) = ag.jvp(h, (4.0,), (1.0,))
    assert up == 0.25
    assert down == -0.25


def test_jvp_of_unused_and_constant():
    out, along = ag.jvp(lambda x, y: x * 2.0, (1.0, 5.0), (1.0, 7.0))
    assert (out, along) == (2.0, 2.0)
    out, along = ag.jvp(lambda x: np.ones(3), (1.0,), (1.0,))
    np.testing.assert_array_equal(along, np.zeros(3))


def test_jacobian_shapes_and_trees():
    a = RNG.normal(size=(4, 3))
    x = RNG.normal(size=3)
    np.testing.assert_allclose(ag.jacobian(lambda x: a @ x)(x), a)
    assert ag.jacobian(lambda x: np.outer(x, x))(x).shape == (3, 3, 3)
    assert ag.jacobian(lambda x: np.sum(x))(x).shape == (3,)
    jx, jy = ag.jacobian(lambda x, y: x * y, (0, 1))(x, 2.0)
    np.testing.assert_allclose(jx, 2 * np.eye(3))
    np.testing.assert_allclose(jy, x)
    tree = ag.jacobian(lambda t: {"s": t["a"] * 2.0, "c": np.zeros(2)})({"a": x})
    np.testing.assert_allclose(tree["s"]["a"], 2 * np.eye(3))
    np.testing.assert_allclose(tree["c"]["a"], np.zeros((2, 3)))
    assert ag.jacobian(lambda x: x[:0])(x).shape == (0, 3)


def test_hessian_and_hvp():
    x = RNG.normal(size=5)

    def rosenbrock(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    h = ag.hessian(rosenbrock)(x)
    np.testing.assert_allclose(h, h.T, atol=1e-9)
    v = RNG.normal(size=5)
    np.testing.assert_allclose(ag.hvp(rosenbrock)(x, v), h @ v, rtol=1e-10)
    np.testing.assert_allclose(ag.hvp(rosenbrock, x, v), h @ v, rtol=1e-10)
    np.testing.assert_array_equal(ag.hvp(lambda x: np.sum(3 * x))(x, v), np.zeros(5))


def test_elementwise_grad():
    x = RNG.normal(size=(2, 3))
    np.testing.assert_allclose(ag.elementwise_grad(np.sin)(x), np.cos(x))
    np.testing.assert_allclose(ag.elementwise_grad(ag.elementwise_grad(np.sin))(x), -np.sin(x))
    np.testing.assert_allclose(ag.elementwise_grad(np.multiply, 1)(x, x), x)


def test_checkpoint_gives_the_same_gradients_also_of_closures_and_in_second_order():
    w = ag.Tensor(RNG.normal(size=3), requires_grad=True)
    x = ag.Tensor(RNG.normal(size=3), requires_grad=True)
    h = w * 2.0

    def inner(x):
        return np.sin(x * h) * w * x

    plain = ag.gradients(inner(x).sum(), (x, w, h), retain_graph=True)
    checked = ag.gradients(ag.checkpoint(inner)(x).sum(), (x, w, h), retain_graph=True)
    for a, b in zip(plain, checked, strict=True):
        np.testing.assert_allclose(a, b)
    second = ag.elementwise_grad(ag.elementwise_grad(lambda x: np.sin(x) * x))
    second_checked = ag.elementwise_grad(ag.elementwise_grad(ag.checkpoint(lambda x: np.sin(x) * x)))
    np.testing.assert_allclose(second(x.numpy().copy()), second_checked(x.numpy().copy()))
    a, b = ag.checkpoint(lambda x: (x * 2.0, {"k": x * 3.0, "n": 7}))(x)
    assert b["n"] == 7
    np.testing.assert_allclose(ag.gradients((a * b["k"]).sum(), x), 12 * x.numpy())


def test_checkpoint_notices_another_result():
    generator = np.random.default_rng(0)
    x = ag.Tensor([1.0], requires_grad=True)
    y = ag.checkpoint(lambda x: x * generator.normal())(x)
    with pytest.raises(MutationError, match="another result"):
        y.backward()
    y = ag.checkpoint(lambda x: x * np.random.normal())(x)  # noqa: NPY002 - the global state is put back
    y.backward()
    np.testing.assert_allclose(x.grad, y.numpy())


def test_checkpoint_keeps_nothing_inside():
    import tracemalloc

    def deep(x):
        for _ in range(20):
            x = np.sin(x)
        return x

    x = ag.Tensor(np.ones(100_000), requires_grad=True)

    def kept(f):
        tracemalloc.start()
        y = f(x)
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        y.backward(np.ones(100_000))
        return size

    assert kept(ag.checkpoint(deep)) < kept(deep) / 5


def test_inputs_are_not_modified():
    x = RNG.normal(size=4)
    before = x.copy()
    ag.grad(f)(x)
    ag.hessian(f)(x)
    np.testing.assert_array_equal(x, before)
