"""Faults that the engine once had, each held by the property that it broke."""

from __future__ import annotations

import itertools
import operator
from typing import NamedTuple

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.errors import MutationError, NonDifferentiableError
from autograd_np.engine.pytree import leaves_like, tree_map
from autograd_np.engine.registry import REGISTRY


@pytest.fixture
def scratch_names():
    """Operations declared by the test are forgotten after it."""
    before = set(REGISTRY)
    yield
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


def leaf(*values):
    return ag.Tensor(list(values), requires_grad=True)


def right_or_raised(backward, x, right):
    try:
        backward()
    except MutationError:
        return
    np.testing.assert_allclose(x.grad, right)


# Ways to come by a second Tensor on the memory of a Tensor.
ALIASES = {
    "itself": lambda t: t,
    "detach": lambda t: t.detach(),
    "detach of detach": lambda t: t.detach().detach(),
    "view": lambda t: t.reshape(-1),
    "view of view": lambda t: t[:].T,
    "part": lambda t: ag.split(t, 1)[0],
    "view of detach": lambda t: t.detach()[:],
    "wrapped": lambda t: ag.Tensor(t.detach()),
    "checkpoint": lambda t: ag.checkpoint(lambda s: s)(t),
}


@pytest.mark.parametrize("kept", ALIASES)
@pytest.mark.parametrize("written", ALIASES)
@pytest.mark.parametrize("order", ["adow", "aodw", "oadw", "adwo"])
def test_no_write_through_any_alias_gives_a_wrong_gradient(kept, written, order):
    """Alias made (a), data taken (d), operation recorded (o), memory written (w)."""
    x = leaf(1.0, 2.0)
    h = x * 1.0  # an intermediate result: memory of the library's own
    first = ALIASES[kept](h)
    saw = y = None
    for step in order:
        if step == "a":
            second = ALIASES[written](h)
        elif step == "d":
            memory = second.data
        elif step == "o":
            saw = first.numpy().copy()
            y = (first * h).sum()
        else:
            memory[...] = 50.0
    right = 2 * saw if first.requires_grad else saw
    right_or_raised(y.backward, x, right)


def test_data_taken_twice_does_not_forget_what_was_written_between():
    x = leaf(1.0, 2.0)
    view = x.reshape(-1)
    y = (x * x).sum()
    view.data[...] = 0.0
    assert x.data is not None
    right_or_raised(y.backward, x, [2.0, 4.0])


def test_a_recorded_backward_pass_keeps_what_was_handed_out_before_it():
    x = leaf(1.0, 2.0)
    y = (x**3).sum()
    memory = x.data
    g = ag.gradients(y, x, create_graph=True).sum()
    memory[...] = 50.0
    right_or_raised(g.backward, x, [6.0, 12.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.complex128])
def test_the_copy_of_a_large_operand_is_taken_again_when_only_a_sign_of_zero_changed(dtype):
    x, divisor = ag.Tensor(np.ones(2000, dtype), requires_grad=True), np.zeros(2000, dtype)
    with np.errstate(all="ignore"):
        first = x / divisor
        divisor[...] = np.copysign(divisor.real, -1)
        (x / divisor).real.sum().backward()
        fresh = ag.Tensor(np.ones(2000, dtype), requires_grad=True)
        (fresh / divisor).real.sum().backward()
    assert first.shape == x.shape
    np.testing.assert_array_equal(x.grad, fresh.grad)


def test_data_of_a_number_counts_as_handed_out():
    x = leaf(1.0, 2.0)
    s = np.sum(x)
    memory = s.data
    y = s * s
    memory[...] = 50.0
    right_or_raised(y.backward, x, [6.0, 6.0])


def test_an_array_made_of_a_tensor_cannot_be_written_through():
    c = ag.Tensor([3.0, 4.0])
    assert not np.asarray(c).flags.writeable
    copied = np.array(c)
    copied[...] = 0.0
    assert c.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("wrap", [lambda v: v, ag.Tensor])
def test_cotangents_and_directions_are_taken_as_they_were(wrap):
    for run in (
        lambda x, v: ag.gradients(x**3, x, wrap(v), create_graph=True),
        lambda x, v: ag.vjp(lambda a: x**2 * a, np.ones(2))[1](wrap(v)),
        lambda x, v: ag.jvp(lambda a: x * a**2, (np.ones(2),), (wrap(v),))[1],
        lambda x, v: ag.hvp(lambda a: (x * a**3).sum())(np.ones(2), wrap(v)),
    ):
        x, untouched = leaf(1.0, 2.0), leaf(1.0, 2.0)
        v = np.array([1.0, 3.0])
        result = run(x, v)
        v[...] = 0.0
        result.sum().backward()
        run(untouched, np.array([1.0, 3.0])).sum().backward()
        np.testing.assert_array_equal(x.grad, untouched.grad)


def test_the_caller_may_write_into_what_a_pullback_goes_on_needing():
    out, pullback = ag.vjp(np.exp, np.array([0.0, 1.0]))
    out[...] = 0.0
    np.testing.assert_allclose(pullback(np.ones(2)), np.exp([0.0, 1.0]))


@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x: ag.grad(f)(x),
        lambda f, x: ag.elementwise_grad(lambda a: f(a) * 1.0)(x),
        lambda f, x: ag.jacobian(f)(x),
        lambda f, x: ag.hessian(f)(x),
        lambda f, x: ag.hvp(f)(x, np.ones(2)),
        lambda f, x: ag.jvp(f, (x,), (np.ones(2),))[1],
        lambda f, x: ag.vjp(f, x)[1](1.0),
    ],
)
def test_an_argument_written_after_a_transform_inside_a_recorded_computation(transform):
    w, x = ag.Tensor(2.0, requires_grad=True), np.array([1.0, 2.0])
    g = np.sum(transform(lambda a: (w * a**3).sum(), x))
    right = float(g.detach()) / 2
    x[...] = 100.0
    right_or_raised(g.backward, w, right)


def test_outputs_keep_their_place_on_the_outer_tape_and_lose_the_inner_one():
    w = ag.Tensor(3.0, requires_grad=True)
    _, aux = ag.grad(lambda x: (x**2, {"outer": w * x, "inner": x * 2, "n": None}), has_aux=True)(2.0)
    assert aux["inner"] == 4.0
    assert not isinstance(aux["inner"], ag.Tensor)
    aux["outer"].backward()
    assert w.grad == 2.0
    value, _ = ag.value_and_grad(lambda x: x * x)(ag.Tensor(2.0))
    assert not value.requires_grad
    (value * w).backward()
    assert w.grad == 2.0 + 4.0


def test_trees_are_matched_by_key_not_by_order():
    def product(p):
        return p["a"] ** 2 * p["b"]

    p, v, turned = {"a": 2.0, "b": 3.0}, {"a": 1.0, "b": 10.0}, {"b": 10.0, "a": 1.0}
    assert ag.jvp(product, (p,), (v,)) == ag.jvp(product, (p,), (turned,))
    assert ag.hvp(product)(p, v) == ag.hvp(product)(p, turned)
    _, pullback = ag.vjp(lambda x: {"a": x, "b": x * 100}, 1.0)
    assert pullback({"b": 0.0, "a": 1.0}) == pullback({"a": 1.0, "b": 0.0}) == 1.0
    assert tree_map(operator.sub, p, turned) == {"a": 1.0, "b": -7.0}
    x = leaf(1.0)[0]
    assert ag.gradients({"p": x * 2, "q": [x * 3, x * 5]}, x, {"q": [None, np.array(10.0)], "p": 100.0}) == 253.0


class Point(NamedTuple):
    x: object
    y: object


@pytest.mark.parametrize(
    ("tree", "other"),
    [
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, [1]),
        ([1, 2], [1]),
        ((1, 2), {"a": 1, "b": 2}),
        (Point(1, 2), (1,)),
        (1, {"a": 1}),
        (None, 1),
        (1, None),
    ],
)
def test_trees_that_differ_are_refused(tree, other):
    with pytest.raises(ValueError, match="there must be"):
        leaves_like(tree, other, "v")


def test_a_rule_replaced_or_added_after_a_call(scratch_names):
    @ag.primitive()
    def replaced(x, y):
        return x**2 * y

    ag.rule(replaced, lambda g, x, y: 2 * g * x * y)
    x, y = ag.Tensor(3.0, requires_grad=True), ag.Tensor(5.0, requires_grad=True)
    old = replaced(x, 5.0)
    ag.rule(replaced, lambda g, out: 2 * g * out / 3.0, y=lambda g, x: g * x**2)
    right_or_raised(old.backward, x, 30.0)
    assert x.grad is None
    replaced(x, y).backward()
    assert x.grad == 30.0
    assert y.grad == 9.0


@pytest.mark.parametrize(
    ("body", "right"),
    [
        (lambda x: x, [2.0, 4.0]),
        (lambda x: x[:], [2.0, 4.0]),
        (lambda x: x.T.reshape(2), [2.0, 4.0]),
        (lambda x: ag.multiply(x, 1), [2.0, 4.0]),
    ],
)
def test_an_operation_whose_body_returns_its_operand_or_a_tensor(scratch_names, body, right):
    ag.primitive(name="returns")(body)
    function = REGISTRY["returns"].function
    ag.rule(function, lambda g: g)
    memory = np.array([1.0, 2.0])
    x = ag.Tensor(memory, requires_grad=True)
    y = function(x)
    assert isinstance(y.numpy(), np.ndarray)
    z = (y * y).sum()
    memory[...] = 100.0
    z.backward()
    np.testing.assert_array_equal(x.grad, right)


@pytest.mark.parametrize("wrong", [None, "a", [1.0, 2.0], np.array([None])])
def test_a_body_that_returns_no_array_is_named(scratch_names, wrong):
    @ag.primitive()
    def empty_handed(x):
        return wrong

    ag.rule(empty_handed, lambda g: g)
    with pytest.raises(TypeError, match="empty_handed: .*must return an array"):
        empty_handed(leaf(1.0, 2.0))


def test_a_body_may_return_a_number_and_a_rule_a_tensor(scratch_names):
    @ag.primitive()
    def total(x):
        return float(np.sum(x))

    ag.rule(total, lambda g, x_shape: ag.full(x_shape, 1.0) * g)
    x = leaf(1.0, 2.0)
    total(x).backward()
    assert type(x.grad) is np.ndarray
    assert x.grad.tolist() == [1.0, 1.0]
    assert type(ag.grad(total)(np.ones(2))) is np.ndarray


def test_a_parameter_name_of_the_engine_is_refused(scratch_names):
    with pytest.raises(ValueError, match="body"):

        @ag.primitive()
        def taken(x, body):
            return x * body


def test_gradients_leaves_retained_grads_alone():
    x = leaf(2.0)
    h = (x * x).retain_grad()
    y = (h * 3.0).sum()
    ag.gradients(y, x, retain_graph=True)
    ag.gradients(y, h, retain_graph=True)
    assert h.grad is None
    y.backward()
    assert h.grad.tolist() == [3.0]


def test_checkpoint_takes_its_arguments_as_they_were():
    """At zero the second run gives the same value, and only the gradient tells."""
    c = np.array([3.0, 4.0])
    for factor in (c, ag.Tensor(c), ag.Tensor(c.tolist())):
        x = leaf(0.0, 0.0)
        y = ag.checkpoint(lambda x, c: x * c)(x, factor).sum()
        if isinstance(factor, ag.Tensor):
            factor.data[...] = 100.0
        else:
            factor[...] = 100.0
        right_or_raised(y.backward, x, [3.0, 4.0])
        c[...] = [3.0, 4.0]


def test_checkpoint_says_when_the_second_run_has_another_shape():
    counter = itertools.count(3)
    y = ag.checkpoint(lambda x: x * np.ones(next(counter)))(leaf(1.0)).sum()
    with pytest.raises(MutationError, match="another result"):
        y.backward()


def test_an_infinite_number_is_no_anomaly():
    with ag.detect_anomaly():
        masked = np.where(np.array([True, False]), leaf(1.0, 2.0), -np.inf)
        assert masked.tolist() == [1.0, -np.inf]
        with pytest.raises(ag.AnomalyError):
            leaf(1.0) / 0.0


def test_dtype_option_does_not_detach():
    for function in (np.add, np.maximum, np.less):
        with pytest.raises(TypeError, match="astype"):
            function(leaf(1.5), 1.0, dtype=int)
    assert np.add(ag.Tensor([1]), 1, dtype=float).dtype == float


def test_complex_results_of_real_arguments_are_refused_rather_than_cut():
    for transform in (ag.jacobian, ag.elementwise_grad):
        with pytest.raises(TypeError, match="complex"):
            transform(lambda x: x * 1j)(np.ones(2))
        np.testing.assert_array_equal(
            np.diag(np.atleast_2d(transform(lambda x: x * 1j)(np.ones(2, complex)))).max(), 1j
        )


@pytest.mark.parametrize("argnum", [(0, 0), (1, -1)])
def test_an_argument_named_twice_is_refused(argnum):
    with pytest.raises(ValueError, match="twice"):
        ag.grad(lambda x, y: x * y, argnum)(2.0, 3.0)


def test_argnum_is_an_integer_or_integers():
    assert ag.grad(lambda x, y: x * y, np.int64(1))(2.0, 3.0) == 2.0
    for wrong in ("x", 1.0, None):
        with pytest.raises(TypeError, match="argnum"):
            ag.grad(lambda x, y: x * y, wrong)(2.0, 3.0)


def test_modes_refuse_what_they_cannot_hold():
    with pytest.raises(TypeError, match="parentheses"):
        ag.no_grad(len)
    with pytest.raises(TypeError, match="asynchronous generator"):

        @ag.no_grad()
        async def steps():
            yield 1


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: range(np.sum(ag.Tensor([2.0]))), TypeError),
        (lambda: float(ag.Tensor([1.0, 2.0])), TypeError),
        (lambda: ag.Tensor([1.0, 2.0]).item(), ValueError),
        (lambda: ag.Tensor([[1], [1, 2]]), ValueError),
        (lambda: setattr(ag.Tensor([1.0]), "data", np.array(["a"])), TypeError),
        (lambda: leaf(1.0).backward(np.array([None])), TypeError),
        (lambda: leaf(1.0).backward(["a"]), TypeError),
        (lambda: ag.vjp(lambda x: x * 2, 1.0)[1](None), ValueError),
        (lambda: ag.jvp(lambda x: x * 2, (1.0,), (None,)), ValueError),
    ],
)
def test_errors_are_the_librarys_own(call, error):
    with pytest.raises(error, match=r"Tensor|index|item|t\.data|backward|pullback|jvp") as caught:
        call()
    assert type(caught.value) is error


def test_a_tensor_that_needs_a_gradient_is_not_lost_in_a_body(scratch_names):
    w = leaf(2.0)

    @ag.primitive()
    def closes_over(x):
        return x * w

    with pytest.raises(NonDifferentiableError, match="closes_over"):
        closes_over(np.ones(1))
