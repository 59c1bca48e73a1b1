"""The backward walk: order, accumulation, freeing, depth, threads, and what it asserts of rules."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine import tape
from autograd_np.engine.errors import FreedGraphError, GradientShapeError, NonDifferentiableError
from autograd_np.engine.registry import REGISTRY


@pytest.fixture
def scratch_names():
    """Primitives made in a test leave the registry afterwards."""
    before = set(REGISTRY)
    yield
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


def leaf(*values, dtype=float):
    return ag.Tensor(np.array(values, dtype), requires_grad=True)


def test_a_value_used_twice_gets_both_contributions():
    x = leaf(3.0)
    (x * x + x).backward()
    assert x.grad.tolist() == [7.0]


def test_a_diamond_is_walked_once_per_node():
    x = leaf(2.0)
    calls = []

    @ag.primitive(name="counted_square")
    def counted_square(x):
        return x * x

    def pull(g, x):
        calls.append(1)
        return g * 2 * x

    ag.rule(counted_square, pull)
    try:
        h = counted_square(x)
        (h * 3.0 + h * h).backward()
        assert len(calls) == 1
        assert x.grad.tolist() == [(3 + 2 * 4) * 4.0]
    finally:
        del REGISTRY["counted_square"]


def test_grad_accumulates_over_backward_calls_and_never_aliases():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    g = np.ones(2)
    (x + y).backward(g)
    assert x.grad is not y.grad
    assert not np.shares_memory(x.grad, y.grad)
    assert not np.shares_memory(x.grad, g)
    x.grad *= 10
    assert y.grad.tolist() == [1.0, 1.0]
    assert g.tolist() == [1.0, 1.0]
    (x * 1.0).backward(np.ones(2))
    assert x.grad.tolist() == [11.0, 11.0]


def test_grad_of_a_broadcast_or_reshaped_gradient_is_writeable_and_owned():
    x = leaf(1.0, 2.0)
    x.sum().backward()
    x.grad += 1
    assert x.grad.tolist() == [2.0, 2.0]
    y = leaf(1.0, 2.0)
    y.reshape(2, 1).backward(np.ones((2, 1)))
    assert y.grad.base is None


def test_second_backward_says_retain_graph():
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(FreedGraphError, match="retain_graph=True"):
        y.backward()
    z = x * x
    z.backward(retain_graph=True)
    z.backward()
    assert x.grad.tolist() == [12.0]


def test_failed_backward_changes_no_grad(scratch_names):
    @ag.primitive(name="explodes")
    def explodes(x):
        return x * 1.0

    def pull(g):
        raise ZeroDivisionError("in the rule")

    ag.rule(explodes, pull)
    x, y = leaf(1.0), leaf(1.0)
    z = explodes(y) + x
    with pytest.raises(ZeroDivisionError):
        z.backward()
    assert x.grad is None
    assert y.grad is None


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (lambda g: np.ones(7), "shape"),
        (lambda g: np.ones((2, 2)), "shape"),
        (lambda g: g.sum(), "shape"),
        (lambda g: None, "None"),
        (lambda g: 1.0, "float"),
    ],
)
def test_a_wrong_gradient_from_a_rule_is_an_error(scratch_names, result, says):
    @ag.primitive(name="wrong")
    def wrong(x):
        return x * 1.0

    ag.rule(wrong, result)
    with pytest.raises(GradientShapeError, match=says):
        wrong(leaf(1.0, 2.0)).backward(np.ones(2))


def test_a_joint_rule_must_answer_for_every_operand(scratch_names):
    @ag.primitive(name="short")
    def short(x, y):
        return x * y

    ag.rule(short, joint=lambda g, x, y: (g * y,))
    with pytest.raises(GradientShapeError, match="1 gradients for 2 operands"):
        short(leaf(1.0), leaf(2.0)).backward()


def test_the_gradient_of_a_constant_operand_is_never_computed(scratch_names):
    @ag.primitive(name="product")
    def product(x, y):
        return x * y

    def forbidden(g, y):
        raise AssertionError("not needed")

    ag.rule(product, forbidden, lambda g, x: g * x)
    y = leaf(2.0)
    product(np.array([3.0]), y).backward()
    assert y.grad.tolist() == [3.0]
    x, y = leaf(3.0), leaf(2.0)
    assert ag.gradients(product(x, y), y).tolist() == [3.0]


def test_only_named_values_are_kept():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    hidden = x * 1.0
    reference = weakref.ref(hidden._values)
    result = hidden + y
    del hidden
    assert reference() is None, "add names nothing, so it keeps nothing"
    hidden = x * 1.0
    reference = weakref.ref(hidden._values)
    result = hidden * y
    del hidden
    assert reference() is not None
    result.backward(np.ones(2))
    assert reference() is None, "freed by the backward pass"


def test_kept_values_go_when_the_result_goes():
    x = leaf(1.0, 2.0)
    hidden = x * 1.0
    result = hidden * x
    node = weakref.ref(result._node)
    del result, hidden
    gc.collect()
    assert node() is None


def test_gradient_takes_the_dtype_of_the_parent():
    x = ag.Tensor(np.ones(3, np.float32), requires_grad=True)
    y = ag.Tensor(np.ones(3), requires_grad=True)
    (x * y).backward(np.ones(3))
    assert x.grad.dtype == np.float32
    assert y.grad.dtype == np.float64


def test_a_real_parent_gets_a_real_gradient():
    x = leaf(2.0)
    np.real(x * (1 + 2j)).backward()
    assert x.grad.dtype == np.float64
    assert x.grad.tolist() == [1.0]


@pytest.mark.parametrize("count", [100_000])
def test_a_deep_chain_works_forward_backward_and_freed(count):
    limit = sys.getrecursionlimit()
    x = leaf(1.0)
    y = x
    for _ in range(count):
        y = y + 1.0
    y.backward()
    assert x.grad.tolist() == [1.0]
    del y
    assert sys.getrecursionlimit() == limit


def test_a_deep_chain_through_gradients_and_higher_order():
    x = leaf(1.0)
    y = x
    for _ in range(3000):
        y = y * 1.0001
    first = ag.gradients(y * y, x, create_graph=True)
    second = ag.gradients(first, x)
    np.testing.assert_allclose(second, [2 * 1.0001**6000])


def test_slices_are_summed_in_one_buffer():
    n = 200
    x = ag.Tensor(np.arange(n, dtype=float), requires_grad=True)
    parts = [x[i] * float(i) for i in range(n)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    (total + x.sum()).backward()
    np.testing.assert_array_equal(x.grad, np.arange(n) + 1.0)


def test_threads_have_their_own_walks():
    shared = leaf(*np.arange(5.0))
    errors = []

    def work(k):
        try:
            for _ in range(50):
                mine = ag.Tensor(np.full(5, float(k)), requires_grad=True)
                (shared * mine).sum().backward()
                np.testing.assert_array_equal(mine.grad, np.arange(5.0))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    np.testing.assert_allclose(shared.grad, np.full(5, 50.0 * (0 + 1 + 2 + 3)))


def test_a_shared_graph_can_be_walked_by_threads_that_retain_it():
    x = leaf(1.5)
    y = x
    for _ in range(200):
        y = y * 1.001
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(ag.gradients(y, x, retain_graph=True)[0])) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(results, 1.001**200)


def test_positions_rise_and_parents_are_older():
    x = leaf(1.0)
    y = np.exp(x) * x
    nodes, below = tape.ancestors([y._node], 0)
    assert not below
    for node in nodes.values():
        assert all(parent.position < node.position for parent in node.parents if parent is not None)


def test_an_operand_without_a_rule_raises_rather_than_detaches(scratch_names):
    @ag.primitive(name="half_ruled")
    def half_ruled(x, y):
        return x * y

    ag.rule(half_ruled, lambda g, y: g * y)
    with pytest.raises(NonDifferentiableError, match="y"):
        half_ruled(leaf(1.0), leaf(2.0))


def test_gradients_through_several_outputs_of_one_operation():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    first, second = np.split(x, 2)
    (first * 2.0 + second * 3.0).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 3.0, 3.0]
    x.grad = None
    first, _ = np.split(x, 2)
    first.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0, 0.0]
    first, second = np.split(x, 2)
    g = ag.gradients((first * second).sum(), x, create_graph=True)
    assert ag.gradients(g.sum(), x).tolist() == [1.0, 1.0, 1.0, 1.0]


def test_a_zero_in_the_cotangent_that_is_given_stays_zero():
    x = leaf(0.0, 1.0)
    with np.errstate(all="ignore"):
        y = (x * np.log(x)).retain_grad()
    y.backward(np.array([0.0, 1.0]), retain_graph=True)
    assert x.grad.tolist() == [0.0, 1.0]
    x.grad = None
    y.sum().backward()
    assert not np.isfinite(x.grad[0]), "with a cotangent of 1 the derivative at 0 is what it is"
