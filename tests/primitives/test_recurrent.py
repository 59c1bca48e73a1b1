"""Recurrent networks as primitives: against compositions of basic operations that the engine differentiates by
itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np import Tensor
from autograd_np.proofs.duck import DuckArray

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
STATES = {"lstm": 2, "gru": 1, "rnn": 1}
FUNCTIONS = {"lstm": (ag.lstm, ag.lstm_cell), "gru": (ag.gru, ag.gru_cell), "rnn": (ag.rnn, ag.rnn_cell)}
KINDS = list(GATES)


def step(kind: str, x: Any, state: tuple[Any, ...], w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, ...]:
    """One step of basic operations."""
    a, u = x @ w_ih + b_ih, state[0] @ w_hh + b_hh
    size = w_hh.shape[0]

    def block(z: Any, k: int) -> Any:
        return z[:, k * size : (k + 1) * size]

    if kind == "rnn":
        return (np.tanh(a + u),)
    if kind == "gru":
        r, z = ag.sigmoid(block(a + u, 0)), block(a + u, 1)
        n = np.tanh(block(a, 2) + r * block(u, 2))
        return (ag.sigmoid(-z) * n + ag.sigmoid(z) * state[0],)
    z = a + u
    c = ag.sigmoid(block(z, 1)) * state[1] + ag.sigmoid(block(z, 0)) * np.tanh(block(z, 2))
    return ag.sigmoid(block(z, 3)) * np.tanh(c), c


def unrolled(
    kind: str, x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *state: Any, reverse: bool = False
) -> tuple[Any, ...]:
    outputs = []
    for t in range(x.shape[0])[:: -1 if reverse else 1]:
        state = step(kind, x[t], state, w_ih, w_hh, b_ih, b_hh)
        outputs.append(state[0])
    return np.stack(outputs[::-1] if reverse else outputs), *state


def arguments(
    kind: str, steps: int = 4, batch: int = 3, inputs: int = 2, size: int = 3, seed: int = 0, scale: float = 1.0
) -> list[Any]:
    rng = np.random.default_rng(seed)
    width = GATES[kind] * size
    shapes = [(steps, batch, inputs), (inputs, width), (size, width), (width,), (width,)] + [(batch, size)] * STATES[
        kind
    ]
    return [rng.normal(size=shape) * scale for shape in shapes]


def leaves(arrays: list[Any]) -> list[Tensor]:
    return [Tensor(a, requires_grad=True) for a in arrays]


def weighted(outputs: Any, seed: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    total: Any = 0
    for y in outputs if isinstance(outputs, tuple) else (outputs,):
        total = total + np.sum(y * rng.normal(size=y.shape).astype(y.dtype))
    return total


def close(given: Any, expected: Any, rtol: float = 1e-11, atol: float = 1e-14) -> None:
    for a, b in zip(given, expected, strict=True):
        np.testing.assert_allclose(getattr(a, "_values", a), getattr(b, "_values", b), rtol=rtol, atol=atol)


# ---------------------------------------------------------------- the oracle


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_of_a_sequence(kind: str, steps: int, reverse: bool) -> None:
    arrays = arguments(kind, steps)
    mine, theirs = leaves(arrays), leaves(arrays)
    found, expected = FUNCTIONS[kind][0](*mine, reverse=reverse), unrolled(kind, *theirs, reverse=reverse)
    close(found, expected, 1e-13)
    close(ag.gradients(weighted(found), mine), ag.gradients(weighted(expected), theirs))


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_of_cells_in_a_loop(kind: str) -> None:
    arrays = arguments(kind, 5)
    mine, theirs = leaves(arrays), leaves(arrays)

    def run(x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *state: Any) -> tuple[Any, ...]:
        outputs = []
        for t in range(5):
            result = FUNCTIONS[kind][1](x[t], *state, w_ih, w_hh, b_ih, b_hh)
            state = result if isinstance(result, tuple) else (result,)
            outputs.append(state[0])
        return np.stack(outputs), *state

    found, expected = run(*mine), unrolled(kind, *theirs)
    close(found, expected, 1e-13)
    close(ag.gradients(weighted(found), mine), ag.gradients(weighted(expected), theirs))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_second_order(kind: str, reverse: bool) -> None:
    arrays = arguments(kind, 3)

    def second(xs: list[Tensor], outputs: Any) -> Any:
        first = ag.gradients(weighted(outputs), xs, create_graph=True)
        return ag.gradients(weighted(tuple(first), 2), xs)

    mine, theirs = leaves(arrays), leaves(arrays)
    close(
        second(mine, FUNCTIONS[kind][0](*mine, reverse=reverse)),
        second(theirs, unrolled(kind, *theirs, reverse=reverse)),
        1e-10,
        1e-12,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_third_order_of_a_cell(kind: str) -> None:
    arrays = arguments(kind, 1)
    x, weights, states = arrays[0][0], arrays[1:5], arrays[5:]

    def cell(w: Any) -> Any:
        result = FUNCTIONS[kind][1](x, *states, weights[0], w, *weights[2:])
        return weighted(result)

    def basic(w: Any) -> Any:
        result = step(kind, x, tuple(states), weights[0], w, *weights[2:])
        return weighted(result)

    def thrice(f: Any) -> Any:
        return ag.grad(lambda w: np.sum(ag.grad(lambda v: np.sum(ag.grad(f)(v) ** 2))(w) ** 2))(weights[1])

    np.testing.assert_allclose(thrice(cell), thrice(basic), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_backward_pass_may_be_repeated(kind: str) -> None:
    xs = leaves(arguments(kind))
    loss = weighted(FUNCTIONS[kind][0](*xs))
    close(ag.gradients(loss, xs, retain_graph=True), ag.gradients(loss, xs), 0, 0)


@pytest.mark.parametrize("index", range(7))
@pytest.mark.parametrize("kind", KINDS)
def test_any_operand_alone(kind: str, index: int) -> None:
    arrays = arguments(kind)
    if index >= len(arrays):
        pytest.skip("the kind has fewer operands")
    every = leaves(arrays)
    expected = ag.gradients(weighted(FUNCTIONS[kind][0](*every)), every)[index]
    alone: list[Any] = [Tensor(a, requires_grad=True) if k == index else a for k, a in enumerate(arrays)]
    close(ag.gradients(weighted(FUNCTIONS[kind][0](*alone)), [alone[index]]), [expected], 1e-13)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_any_output_alone(which: int) -> None:
    arrays = arguments("lstm")
    mine, theirs = leaves(arrays), leaves(arrays)
    close(
        ag.gradients(weighted(ag.lstm(*mine)[which]), mine, allow_unused=True),
        ag.gradients(weighted(unrolled("lstm", *theirs)[which]), theirs, allow_unused=True),
    )


@pytest.mark.parametrize("which", [0, 1])
def test_any_output_of_a_cell_alone(which: int) -> None:
    arrays = arguments("lstm", 1)
    arrays[0] = arrays[0][0]
    mine, theirs = leaves(arrays), leaves(arrays)
    found = ag.lstm_cell(mine[0], *mine[5:], *mine[1:5])[which]
    expected = step("lstm", theirs[0], tuple(theirs[5:]), *theirs[1:5])[which]
    grads = ag.gradients(weighted(expected), theirs, allow_unused=True)
    close(
        ag.gradients(weighted(found), mine),
        [np.zeros_like(a) if g is None else g for a, g in zip(arrays, grads, strict=True)],
    )


# ---------------------------------------------------------------- sizes, dtypes, magnitudes


@pytest.mark.parametrize("kind", KINDS)
def test_states_that_are_not_given_are_zeros(kind: str) -> None:
    arrays = arguments(kind)
    zeros = [np.zeros_like(s) for s in arrays[5:]]
    close(FUNCTIONS[kind][0](*arrays[:5]), FUNCTIONS[kind][0](*arrays[:5], *zeros), 0, 0)
    nothing = [np.zeros_like(b) for b in arrays[3:5]]
    close(FUNCTIONS[kind][0](*arrays[:3]), FUNCTIONS[kind][0](*arrays[:3], *nothing, *zeros), 1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_no_steps_hand_the_states_through(kind: str) -> None:
    xs = leaves(arguments(kind, 0))
    output, *last = FUNCTIONS[kind][0](*xs)
    assert output.shape == (0, 3, 3)
    close(last, xs[5:], 0, 0)
    grads = ag.gradients(weighted(tuple(last)), xs)
    assert all(not g.any() for g in grads[:5])
    assert all(g.any() for g in grads[5:])


@pytest.mark.parametrize("kind", KINDS)
def test_no_batch(kind: str) -> None:
    xs = leaves(arguments(kind, 2, 0))
    assert all(not g.any() for g in ag.gradients(weighted(FUNCTIONS[kind][0](*xs)), xs))


@pytest.mark.parametrize("kind", KINDS)
def test_float32_throughout(kind: str) -> None:
    arrays = [a.astype(np.float32) for a in arguments(kind)]
    for function, operands in (
        (FUNCTIONS[kind][0], arrays),
        (FUNCTIONS[kind][1], [arrays[0][0], *arrays[5:], *arrays[1:5]]),
    ):
        xs = leaves(operands)
        outputs = function(*xs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        assert all(y.dtype == np.float32 for y in outputs)
        assert all(g.dtype == np.float32 for g in ag.gradients(weighted(outputs), xs))


@pytest.mark.parametrize("kind", KINDS)
def test_dtypes_that_differ(kind: str) -> None:
    arrays = arguments(kind)
    xs = leaves([arrays[0].astype(np.float32), *arrays[1:]])
    outputs = FUNCTIONS[kind][0](*xs)
    assert all(y.dtype == np.float64 for y in outputs)
    assert [g.dtype for g in ag.gradients(weighted(outputs), xs)] == [x.dtype for x in xs]
    whole = FUNCTIONS[kind][0](np.ones((2, 1, 1), int), np.ones((1, GATES[kind]), int), np.ones((1, GATES[kind]), int))
    assert whole[0].dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [40.0, 800.0])
@pytest.mark.parametrize("kind", KINDS)
def test_gates_of_any_magnitude(kind: str, size: float, dtype: Any) -> None:
    """The gates are driven to ±size; values and gradients keep the accuracy that the parts have by themselves."""
    arrays = [a.astype(dtype) for a in arguments(kind, 1, 1, 2, 12)]
    arrays[0] = np.sign(arrays[0])
    arrays[1] = (np.sign(arrays[1]) * size / 2).astype(dtype)
    mine, theirs = leaves(arrays), leaves(arrays)
    found, expected = FUNCTIONS[kind][0](*mine), unrolled(kind, *theirs)
    rtol = 1e-4 if dtype is np.float32 else 1e-12
    tiny = float(np.finfo(dtype).tiny) * 1e3
    close(found, expected, rtol, tiny)
    grads = ag.gradients(weighted(found), mine)
    assert all(np.isfinite(g).all() for g in grads)
    # In a single row a bias's gradient is a product of slopes, without a sum: it has relative accuracy, however small.
    close(grads[3:4], ag.gradients(weighted(expected), theirs)[3:4], 1e-3 if dtype is np.float32 else 1e-11, tiny)


def test_a_closed_gate_has_an_accurate_slope() -> None:
    """Where σ is rounded to 1, 1 − σ would be 0: the forget gate at 40 still has its gradient e^−40."""
    c = np.array([[1e3]])
    bias = Tensor(np.array([0.0, 40.0, 0.0, 0.0]), requires_grad=True)
    zero = np.zeros((1, 1))
    _, after = ag.lstm_cell(zero, zero, c, np.zeros((1, 4)), np.zeros((1, 4)), bias)
    after.sum().backward()
    assert bias.grad[1] == pytest.approx(1e3 * np.exp(-40.0), rel=1e-12)


def test_relu_at_its_kink_and_below() -> None:
    x = Tensor(np.array([[[-1.0], [0.0], [2.0]]]), requires_grad=True)
    output, _ = ag.rnn(x, np.ones((1, 1)), np.zeros((1, 1)), nonlinearity="relu")
    assert output.numpy().ravel().tolist() == [0.0, 0.0, 2.0]
    output.sum().backward()
    assert x.grad.ravel().tolist() == [0.0, 0.0, 1.0]


def test_nan_stays_nan() -> None:
    arrays = arguments("lstm")
    arrays[0][1, 0, 0] = np.nan
    output = ag.lstm(*arrays)[0].numpy()
    assert np.isnan(output[1:, 0]).all()
    assert np.isfinite(output[0]).all()


# ---------------------------------------------------------------- a weight's gradient in parts


def test_a_weight_used_by_cells_and_by_other_operations() -> None:
    arrays = arguments("lstm", 3)

    def loss(x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h: Any, c: Any, cell: Any) -> Any:
        total = np.sum(w_ih**2) + np.sum(w_hh[1:, ::2] ** 3) + np.sum(b_ih[2:5] * 2)
        for t in range(3):
            h, c = cell(x[t], h, c, w_ih, w_hh * 1.5, b_ih, b_hh)
            total = total + np.sum(h * w_hh[0, :3]) + np.sum(w_ih[0])
        return total + np.sum(c)

    mine, theirs = leaves(arrays), leaves(arrays)
    found = loss(*mine, ag.lstm_cell)
    expected = loss(*theirs, lambda x, h, c, *w: step("lstm", x, (h, c), *w))
    close(ag.gradients(found, mine), ag.gradients(expected, theirs))


def test_a_bias_given_twice() -> None:
    arrays = arguments("gru", 3)
    b = Tensor(arrays[3], requires_grad=True)
    c = Tensor(arrays[3], requires_grad=True)
    found = weighted(ag.gru(*arrays[:3], b, b, *arrays[5:]))
    expected = weighted(unrolled("gru", *arrays[:3], c, c, *arrays[5:]))
    close(ag.gradients(found, [b]), ag.gradients(expected, [c]))
    h = ag.gru_cell(arrays[0][0], arrays[5], arrays[1], arrays[2], b, b)
    (other,) = step("gru", arrays[0][0], (arrays[5],), arrays[1], arrays[2], c, c)
    close(ag.gradients(weighted(h), [b]), ag.gradients(weighted(other), [c]))


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoint_and_hvp(kind: str) -> None:
    arrays = arguments(kind, 2)

    def loss(w: Any) -> Any:
        return weighted(FUNCTIONS[kind][0](arrays[0], arrays[1], w, *arrays[3:]))

    v = np.random.default_rng(3).normal(size=arrays[2].shape)
    eps = 1e-6
    expected = (ag.grad(loss)(arrays[2] + eps * v) - ag.grad(loss)(arrays[2] - eps * v)) / (2 * eps)
    np.testing.assert_allclose(ag.hvp(loss, arrays[2], v), expected, rtol=1e-6, atol=1e-8)


def test_duck_arrays_go_through() -> None:
    xs = [Tensor(DuckArray(a), requires_grad=True) for a in arguments("lstm")]
    output, _, _ = ag.lstm(*xs)
    assert isinstance(output._values, DuckArray)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({0: np.zeros((4, 2))}, r"x has shape \(4, 2\); it must be \(time, batch, input\)"),
        ({1: np.zeros((5, 12))}, r"weight_ih has shape \(5, 12\); it must be \(input, 12\) = \(2, 12\)"),
        ({2: np.zeros((3, 11))}, r"weight_hh has shape \(3, 11\); it must be \(hidden, 4 · hidden\)"),
        ({3: np.zeros(3)}, r"bias_ih has shape \(3,\); it must be \(12,\)"),
        ({4: np.zeros((1, 12))}, r"bias_hh has shape \(1, 12\)"),
        ({5: np.zeros(3)}, r"h0 has shape \(3,\); it must be \(batch, hidden\) = \(3, 3\)"),
        ({6: np.zeros((3, 4))}, r"c0 has shape \(3, 4\)"),
    ],
)
def test_shapes_that_do_not_fit(change: dict[int, Any], words: str) -> None:
    arrays = arguments("lstm")
    for k, value in change.items():
        arrays[k] = value
    with pytest.raises(ValueError, match=r"lstm: .*" + words):
        ag.lstm(*arrays)


def test_other_errors() -> None:
    arrays = arguments("rnn")
    with pytest.raises(ValueError, match="nonlinearity is 'tanh' or 'relu', not 'sigmoid'"):
        ag.rnn(*arrays, nonlinearity="sigmoid")
    with pytest.raises(ValueError, match="nonlinearity"):
        ag.rnn_cell(arrays[0][0], arrays[5], *arrays[1:5], nonlinearity="sigmoid")
    with pytest.raises(TypeError, match="rnn: x has dtype complex128"):
        ag.rnn(arrays[0] + 0j, *arrays[1:])
    with pytest.raises(ValueError, match=r"x has shape \(4, 3, 2\); it must be \(batch, input\)"):
        ag.rnn_cell(arrays[0], arrays[5], *arrays[1:5])
    with pytest.raises(ValueError, match=r"weight_hh has shape \(\)"):
        ag.rnn(arrays[0], arrays[1], 1.0)
