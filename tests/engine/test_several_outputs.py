"""Operations that show several outputs: the first has the operation's own node, the others lead to it."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.engine import codegen, tape
from autograd_np.engine.record import PICK
from autograd_np.engine.registry import REGISTRY
from autograd_np.primitives.scatter import Scatter


@pytest.fixture(autouse=True)
def scratch_names():
    """Primitives made in a test leave the registry afterwards."""
    before = set(REGISTRY)
    yield
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


@pytest.fixture
def pair():
    """``square, cube = pair(x)``, with a rule that keeps no output."""

    @ag.primitive(name="test_pair", multi=True)
    def pair(x):
        return x**2, x**3

    seen = []

    def pulled(g, x):
        seen.append(tuple(part is None for part in g))
        total = 0 * x
        for part, factor in zip(g, (2 * x, 3 * x**2), strict=True):
            if part is not None:
                total = total + part * factor
        return total

    ag.rule(pair, pulled)
    pair.seen = seen
    return pair


def leaf(values=(2.0, 3.0), **options):
    return ag.Tensor(values, requires_grad=True, **options)


def test_the_first_output_has_the_operations_node_and_each_says_where_it_comes_from(pair):
    x = leaf()
    square, cube = pair(x)
    assert square._node.primitive is pair.__primitive__
    assert cube._node.primitive is PICK
    assert cube._node.parents == (square._node,)
    assert (square.op, cube.op) == ("test_pair[0]", "test_pair[1]")
    first, second = np.split(x, 2)
    assert (first.op, second.op) == ("split[0]", "split[1]")
    assert (square.retain_grad().op, cube.retain_grad().op) == ("test_pair[0]", "test_pair[1]")
    assert (x * x).op == "multiply"
    assert ag.layer_norm(x, (2,)).op == "layer_norm"  # one output is shown


@pytest.mark.parametrize(
    ("which", "expected", "missing"),
    [((0,), [4, 6], (False, True)), ((1,), [12, 27], (True, False)), ((0, 1), [16, 33], (False, False))],
)
def test_the_rule_gets_a_cotangent_or_none_for_every_output(pair, which, expected, missing):
    x = leaf()
    outputs = pair(x)
    sum(np.sum(outputs[i]) for i in which).backward()
    assert x.grad.tolist() == expected
    assert pair.seen == [missing]


def test_outputs_used_several_times(pair):
    x = leaf()
    square, cube = pair(x)
    np.sum(square + cube * square + cube * 2 + square).backward()
    np.testing.assert_allclose(x.grad, 2 * 2 * x.numpy() + 5 * x.numpy() ** 4 + 6 * x.numpy() ** 2)


def test_gradients_with_respect_to_outputs(pair):
    x = leaf()
    square, cube = pair(x)
    y = np.sum(3 * square + 5 * cube)
    both = ag.gradients(y, [square, cube, x], retain_graph=True)
    assert [g.tolist() for g in both] == [[3, 3], [5, 5], (6 * x.numpy() + 15 * x.numpy() ** 2).tolist()]
    assert ag.gradients(y, square, retain_graph=True).tolist() == [3, 3]
    assert ag.gradients(y, cube).tolist() == [5, 5]


def test_one_output_does_not_depend_on_the_other(pair):
    x = leaf()
    square, cube = pair(x)
    for y, other in ((cube, square), (square, cube)):
        (found,) = tape.gradients_of([(y._node, np.ones(2))], [other._node], retain_graph=True, create_graph=False)
        assert found is None


def test_retained_gradients_of_outputs(pair):
    x = leaf()
    square, cube = (y.retain_grad() for y in pair(x))
    np.sum(3 * square + 5 * cube).backward(retain_graph=True)
    assert (square.grad.tolist(), cube.grad.tolist()) == ([3, 3], [5, 5])
    np.sum(cube).backward()
    assert (square.grad.tolist(), cube.grad.tolist()) == ([3, 3], [6, 6])


def test_a_stop_at_the_first_output_lets_the_others_pass(pair):
    x = leaf()
    square, cube = pair(x * 1.0)
    y = np.sum(3 * square + 5 * cube)

    def stopped(*targets):
        nodes = [t._node for t in targets]
        found = tape.gradients_of(
            [(y._node, np.ones(()))], nodes, retain_graph=True, create_graph=False, stop_at_targets=True
        )
        return [None if g is None else np.asarray(g).tolist() for g in found]

    assert stopped(square, x) == [[3, 3], (15 * x.numpy() ** 2).tolist()]
    assert stopped(cube, x) == [[5, 5], (6 * x.numpy()).tolist()]
    assert stopped(square, cube, x) == [[3, 3], [5, 5], None]


def test_a_stop_ends_the_search_also_behind_the_first_output(pair):
    x = leaf()
    before = [x]
    for _ in range(50):
        before.append(before[-1] * 1.0)
    square, _ = pair(before[-1])
    y = square * 2.0
    found, _ = tape.ancestors([y._node], x._node.position, {square._node.position})
    assert set(found) == {y._node.position, square._node.position}
    found, _ = tape.ancestors([pair(before[-1])[1]._node], x._node.position, {before[-1]._node.position})
    assert len(found) == 3  # the output, the operation and its operand


@pytest.mark.parametrize("captured", [(0,), (1,), (0, 1)])
def test_a_checkpointed_function_that_uses_outputs_from_outside(pair, captured):
    def plain(x, run):
        outputs = pair(x)
        return np.sum(run(lambda x: sum((outputs[i] for i in captured), x) * x)(x))

    for create_graph in (False, True):
        found = []
        for run in (lambda f: f, ag.checkpoint):
            x = leaf()
            found.append(ag.gradients(plain(x, run), x, create_graph=create_graph).tolist())
        np.testing.assert_allclose(found[1], found[0])


@pytest.mark.parametrize("use", ["slices", "plain and slices", "slices, then plain"])
def test_pieces_of_the_first_output_join_the_cotangents_of_the_others(pair, use):
    x = leaf((2.0, 3.0, 5.0), dtype=np.float32)
    square, cube = pair(x)
    y = cube.sum() + square[0] * 2 + square[1:].sum() * 3 + square[0]
    if use == "plain and slices":
        y = square.sum() + y
    if use == "slices, then plain":
        y = y + square.sum()
    y.backward()
    weights = np.array([3, 3, 3], np.float32) + ("plain" in use)
    np.testing.assert_allclose(x.grad, weights * 2 * x.numpy() + 3 * x.numpy() ** 2)
    assert x.grad.dtype == np.float32


def test_the_sum_of_pieces_of_the_first_output_has_its_dtype():
    """Weights of a cell that are an output in float32, while the cell computes in float64."""
    start = np.linspace(-1, 1, 2 * 8, dtype=np.float32).reshape(2, 8)
    seen = []

    @ag.primitive(name="test_weights", multi=True)
    def weights(x):
        return x * 2, x.sum(axis=0)

    def pulled(g):
        seen.extend(part.dtype for part in g)
        return g[0] * 2 + g[1]

    ag.rule(weights, pulled)
    w = leaf(start)
    matrix, bias = weights(w)
    state = np.ones((3, 2))
    for _ in range(2):
        h, c = ag.lstm_cell(np.ones((3, 2)), state, state, matrix, matrix, bias)
        state = h
    np.sum(h + c).backward()
    assert seen == [np.float32, np.float32]

    def f(w):
        state = np.ones((3, 2))
        for _ in range(2):
            h, c = ag.lstm_cell(np.ones((3, 2)), state, state, w * 2, w * 2, np.sum(w, axis=0))
            state = h
        return np.sum(h + c)

    np.testing.assert_allclose(w.grad, ag.grad(f)(start.astype(np.float64)), rtol=1e-5)


def test_the_shape_of_a_sum_of_pieces_is_held_to_the_operands():
    @ag.primitive(name="test_misfit")
    def same(x):
        return x * 1

    ag.rule(same, lambda g: Scatter((3,), [(slice(0, 2), g)]))
    with pytest.raises(
        ag.GradientShapeError, match=r"test_misfit returned a gradient of shape \(3,\) for an operand of shape \(2,\)"
    ):
        np.sum(same(leaf())).backward()


def test_second_order_through_both_outputs(pair):
    ag.gradcheck(lambda x: pair(x)[0] * np.sin(pair(x)[1]), np.array([0.3, -0.7]), order=2)

    def mixed(x):
        square, cube = pair(x)
        return square * np.sin(cube) + square[0] * cube[1]

    ag.gradcheck(mixed, np.array([0.3, -0.7]), order=2)
    third = ag.grad(ag.grad(ag.grad(lambda x: np.sum(pair(x)[0] * pair(x)[1]))))
    np.testing.assert_allclose(third(np.array(2.0)), 60 * 2.0**2)


def test_an_output_kept_by_the_rule_is_differentiated_at_its_place():
    @ag.primitive(name="test_kept_pair", multi=True)
    def both(x):
        return np.exp(x), np.sin(x)

    ag.rule(both, lambda g, out, x: (0 if g[0] is None else g[0] * out[0]) + (0 if g[1] is None else g[1] * np.cos(x)))
    ag.gradcheck(lambda x: both(x)[0] ** 2 + both(x)[1], np.array([0.3, -0.7]), order=2)
    ag.gradcheck(lambda x: both(x)[0] * both(x)[1], np.array([0.3, -0.7]), order=2)


def test_an_integer_output_has_no_gradient_also_as_the_first():
    @ag.primitive(name="test_parts", multi=True)
    def parts(x):
        return np.floor(x).astype(int), x - np.floor(x), np.signbit(x)

    ag.rule(parts, lambda g: g[1] * 1.0)
    x = leaf((1.5, -2.25))
    whole, rest, sign = parts(x)
    assert (whole.requires_grad, rest.requires_grad, sign.requires_grad) == (False, True, False)
    assert whole.op is None
    np.sum(rest * whole).backward()
    assert x.grad.tolist() == [1, -3]


def test_outputs_whose_shapes_a_rule_names():
    got = []

    @ag.primitive(name="test_shapes", multi=True)
    def spread(x):
        return np.outer(x, x), x.astype(np.float32)

    def pulled(g, x, out_shape, out_dtype):
        got.append((out_shape, out_dtype))
        return g[1] * 1.0

    ag.rule(spread, pulled)
    spread(leaf())[1].sum().backward()
    assert got == [(((2, 2), (2,)), (np.float64, np.float32))]


def test_an_unused_output_makes_zeros_that_stay_zero():
    """Zeros arise in a cotangent where an output is not used, so 0 · inf is watched for from there on."""

    @ag.primitive(name="test_halves", multi=True)
    def halves(x):
        return x[:1].copy(), x[1:].copy()

    ag.rule(
        halves,
        lambda g, x: np.concatenate(
            [np.zeros_like(x[:1]) if g[0] is None else g[0], np.zeros_like(x[1:]) if g[1] is None else g[1]]
        ),
    )

    @ag.primitive(name="test_root", elementwise=True)
    def root(x):
        return np.sqrt(x)

    ag.rule(root, lambda g, out: g * 0.5 / out)
    for used in (0, 1):
        x = leaf((0.0, 4.0) if used else (4.0, 0.0))
        halves(root(x))[used].sum().backward()
        assert sorted(x.grad.tolist()) == [0, 0.25]


def test_no_outputs_and_no_recording(pair):
    assert np.unstack(leaf(np.ones((0, 3)))) == ()
    with ag.no_grad():
        square, cube = pair(leaf())
    assert not square.requires_grad
    assert not cube.requires_grad
    assert [type(y) for y in pair(np.array([2.0]))] == [ag.Tensor, ag.Tensor]
    mantissa, exponent = np.frexp(leaf())
    assert (mantissa.tolist(), exponent.tolist()) == ([0.5, 0.75], [2, 2])


def test_what_is_hidden_behind_the_shown_outputs():
    x = leaf(np.ones((2, 3)), dtype=np.float64)
    outputs = ag.lstm_cell(x, np.zeros((2, 4)), np.zeros((2, 4)), np.ones((3, 16)), np.ones((4, 16)))
    assert len(outputs) == 2
    assert "others(_n, _out, 2, False)" in codegen.source(ag.lstm_cell.__primitive__)


def test_anomaly_detection_names_the_operation(pair):
    x = leaf((2.0, 1e200))
    with ag.detect_anomaly(), pytest.raises(ag.AnomalyError, match="test_pair made inf at index \\(1,\\)"):
        pair(x)
    x = leaf((2.0, 3.0))
    with ag.detect_anomaly():
        square, cube = pair(x)
        x._values[0] = 7.0
        with pytest.raises(ag.MutationError, match="test_pair"):
            np.sum(square + cube).backward()


def test_a_freed_graph_names_the_operation(pair):
    x = leaf()
    square, cube = pair(x)
    np.sum(square).backward()
    for y in (square, cube):
        with pytest.raises(ag.FreedGraphError, match="test_pair"):
            np.sum(y).backward()


def test_outputs_do_not_hold_each_other(pair):
    x = leaf()
    square, cube = pair(x)
    alive = weakref.ref(cube._node)
    del cube
    assert alive() is None
    alive = weakref.ref(square._node)
    del square
    assert alive() is None


@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_a_training_step_of_a_loop_over_cells_leaves_nothing_to_the_garbage_collector(cell):
    layer = cell(3, 4, rng=0)
    x = np.ones((5, 2, 3), np.float32)

    def step():
        state = None
        for t in range(5):
            state = layer(x[t], state)
        h = state[0] if isinstance(state, tuple) else state
        np.sum(h).backward()
        layer.zero_grad()

    step()
    gc.collect()
    gc.disable()
    try:
        step()
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("size", [1000, 2000, 5000])
def test_a_slice_of_the_callers_array_is_kept_as_it_was(size):
    x = np.full((3, size), 2.0)
    w = leaf(np.ones(size))
    y = np.sum(w * x[1])
    x[:] = 100
    y.backward()
    assert set(w.grad.tolist()) == {2.0}
