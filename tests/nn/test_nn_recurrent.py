"""RNN, LSTM, GRU and their cells: against PyTorch's values and gradients, against each other, and by gradcheck."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

REFERENCE = dict(np.load(Path(__file__).parents[1] / "references" / "recurrent.npz"))
NAMES = sorted({key.partition("/")[0] for key in REFERENCE})
LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
CELLS = {"rnn_cell": nn.RNNCell, "gru_cell": nn.GRUCell, "lstm_cell": nn.LSTMCell}
OPTIONS: dict[str, dict[str, Any]] = {
    "rnn_relu": {"nonlinearity": "relu", "num_layers": 2},
    "rnn_bidirectional": {"bidirectional": True, "num_layers": 2, "batch_first": True},
    "gru_no_bias": {"bias": False, "num_layers": 2},
    "gru_bidirectional": {"bidirectional": True, "num_layers": 2, "batch_first": True},
    "lstm_no_bias": {"bias": False, "num_layers": 2},
    "lstm_bidirectional": {"bidirectional": True, "num_layers": 2, "batch_first": True},
    "lstm_unbatched": {"num_layers": 2},
}
EVERY = [*LAYERS.values(), *CELLS.values()]


def listed(value: Any) -> list[Any]:
    return [t for part in value for t in listed(part)] if isinstance(value, tuple) else [value]


def built(kind: Any, *sizes: int, **options: Any) -> Any:
    return kind(*sizes, dtype=np.float64, rng=0, **options)


def given_state(kind: Any, *states: Any) -> Any:
    return tuple(states) if "LSTM" in kind.__name__ else states[0]


# ---------------------------------------------------------------- PyTorch


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_pytorchs_values_and_gradients(name: str, training: bool) -> None:
    found = {key.partition("/")[2]: value for key, value in REFERENCE.items() if key.partition("/")[0] == name}
    kind = CELLS[name] if name in CELLS else LAYERS[name.partition("_")[0]]
    layer = built(kind, 3, 4, **OPTIONS.get(name, {})).train(training)
    layout = layer.torch_layout
    theirs = {word.removeprefix("parameter "): value for word, value in found.items() if word.startswith("parameter ")}
    assert set(theirs) == {word for word, _ in layer.named_parameters()}
    layer.load_state_dict(
        {word: value.transpose(layout[word]) if word in layout else value for word, value in theirs.items()}
    )
    x = ag.Tensor(found["x"], requires_grad=True)
    states = [
        ag.Tensor(found[f"state {k}"], requires_grad=True) for k in range(2 if kind in (nn.LSTM, nn.LSTMCell) else 1)
    ]
    outputs = listed(layer(x, given_state(kind, *states)))
    total: Any = 0
    for k, y in enumerate(outputs):
        np.testing.assert_allclose(y.numpy(), found[f"out {k}"], rtol=1e-12, atol=1e-14)
        total = total + (y * found[f"cotangent {k}"]).sum()
    total.backward()
    np.testing.assert_allclose(x.grad, found["grad x"], rtol=1e-10, atol=1e-13)
    for k, state in enumerate(states):
        np.testing.assert_allclose(state.grad, found[f"grad state {k}"], rtol=1e-10, atol=1e-13)
    for word, parameter in layer.named_parameters():
        g = parameter.grad.transpose(layout[word]) if word in layout else parameter.grad
        np.testing.assert_allclose(g, found[f"grad {word}"], rtol=1e-10, atol=1e-13)


# ---------------------------------------------------------------- gradients


@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2, "bidirectional": True, "batch_first": True}, {"bias": False}], ids=str
)
@pytest.mark.parametrize("kind", [*LAYERS.values()])
def test_gradcheck_of_inputs_states_and_parameters(kind: Any, options: dict[str, Any]) -> None:
    layer = built(kind, 2, 2, **options)
    rng = np.random.default_rng(0)
    rows = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    states = [rng.normal(size=(rows, 2, 2)) for _ in range(2 if kind is nn.LSTM else 1)]
    parameters = [p.numpy() for p in layer.parameters()]

    def call(x: Any, *rest: Any) -> Any:
        given, weights = rest[: len(states)], rest[len(states) :]
        for (word, _), value in zip(list(layer.named_parameters()), weights, strict=True):
            layer.__dict__[word] = value
        return listed(layer(x, given_state(kind, *given)))

    names = [word for word, _ in layer.named_parameters()]
    kept = {word: layer.__dict__[word] for word in names}

    def restored(x: Any, *rest: Any) -> Any:
        try:
            return tuple(call(x, *rest))
        finally:
            layer.__dict__.update(kept)

    assert ag.gradcheck(restored, (rng.normal(size=(2, 2, 2)), *states, *parameters), order=2)


@pytest.mark.parametrize("kind", [*CELLS.values()])
def test_gradcheck_of_a_cell(kind: Any) -> None:
    cell = built(kind, 3, 2)
    rng = np.random.default_rng(0)
    states = [rng.normal(size=(2, 2)) for _ in range(2 if kind is nn.LSTMCell else 1)]

    def call(x: Any, *states: Any) -> Any:
        return tuple(listed(cell(x, given_state(kind, *states))))

    assert ag.gradcheck(call, (rng.normal(size=(2, 3)), *states), order=2)


# ---------------------------------------------------------------- cells and layers


@pytest.mark.parametrize(("kind", "cell_kind"), list(zip(LAYERS.values(), CELLS.values(), strict=True)))
def test_a_loop_over_cells_is_the_layer(kind: Any, cell_kind: Any) -> None:
    layer, cell = built(kind, 3, 4), built(cell_kind, 3, 4)
    cell.load_state_dict({word.removesuffix("_l0"): value for word, value in layer.state_dict().items()})
    x = np.random.default_rng(1).normal(size=(5, 2, 3))
    output, _ = layer(x)
    np.sum(output**2).backward()
    state, total = None, ag.Tensor(0.0)
    for t in range(5):
        state = cell(x[t], state)
        h = listed(state)[0]
        np.testing.assert_allclose(h.numpy(), output.numpy()[t], rtol=1e-12, atol=1e-15)
        total = total + np.sum(h**2)
    total.backward()
    for word, parameter in cell.named_parameters():
        np.testing.assert_allclose(parameter.grad, layer.get_parameter(word + "_l0").grad, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kind", [*CELLS.values()])
def test_a_cell_without_batch_and_without_state(kind: Any) -> None:
    cell = built(kind, 3, 4)
    x = np.random.default_rng(0).normal(size=3)
    batched = listed(cell(x[None]))
    for alone, row in zip(listed(cell(x)), batched, strict=True):
        assert alone.shape == (4,)
        np.testing.assert_array_equal(alone.numpy(), row.numpy()[0])
    zeros = np.zeros(4)
    for alone, row in zip(listed(cell(x, given_state(kind, zeros, zeros))), batched, strict=True):
        np.testing.assert_array_equal(alone.numpy(), row.numpy()[0])


# ---------------------------------------------------------------- layouts


@pytest.mark.parametrize("kind", [*LAYERS.values()])
def test_batch_first_is_a_transposition(kind: Any) -> None:
    first, second = built(kind, 3, 4, bidirectional=True), built(kind, 3, 4, bidirectional=True, batch_first=True)
    x = np.random.default_rng(0).normal(size=(5, 2, 3))
    output, last = first(x)
    swapped, same = second(x.swapaxes(0, 1))
    np.testing.assert_array_equal(output.numpy(), swapped.numpy().swapaxes(0, 1))
    for a, b in zip(listed(last), listed(same), strict=True):
        assert a.shape == (2, 2, 4)
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", [*LAYERS.values()])
def test_one_sequence_without_batch(kind: Any, batch_first: bool) -> None:
    layer = built(kind, 3, 4, num_layers=2, batch_first=batch_first)
    x = np.random.default_rng(0).normal(size=(5, 3))
    states = [np.random.default_rng(k).normal(size=(2, 4)) for k in range(2)]
    output, last = layer(x, given_state(kind, *states))
    assert output.shape == (5, 4)
    assert all(t.shape == (2, 4) for t in listed(last))
    batched, _ = layer(np.expand_dims(x, 0 if batch_first else 1), given_state(kind, *[s[:, None] for s in states]))
    np.testing.assert_array_equal(output.numpy(), np.squeeze(batched.numpy()))


@pytest.mark.parametrize("kind", [*LAYERS.values()])
def test_no_steps_and_no_rows(kind: Any) -> None:
    layer = built(kind, 3, 4)
    output, last = layer(np.zeros((0, 2, 3)))
    assert output.shape == (0, 2, 4)
    assert all(not t.numpy().any() for t in listed(last))
    output, _ = layer(np.zeros((5, 0, 3)))
    assert output.shape == (5, 0, 4)


# ---------------------------------------------------------------- dtype, initial values


@pytest.mark.parametrize("kind", EVERY)
def test_float32_throughout(kind: Any) -> None:
    layer = kind(3, 4, rng=0)
    shape = (2, 3) if kind in CELLS.values() else (5, 2, 3)
    outputs = listed(layer(np.ones(shape, np.float32)))
    assert all(y.dtype == np.float32 for y in outputs)
    np.sum(outputs[0]).backward()
    assert all(p.dtype == np.float32 and p.grad.dtype == np.float32 for p in layer.parameters())
    assert all(y.dtype == np.float32 for y in listed(layer(np.ones(shape, np.int64))))


@pytest.mark.parametrize("kind", EVERY)
def test_default_initial_values_are_pytorchs(kind: Any) -> None:
    layer = kind(300, 64, rng=0)
    for parameter in layer.parameters():
        values = parameter.numpy()
        assert np.abs(values).max() <= 1 / 8
        assert abs(values.std() * 8 * 3**0.5 - 1) < 0.2
    again = kind(300, 64, rng=0)
    assert all(
        np.array_equal(p.numpy(), q.numpy()) for p, q in zip(layer.parameters(), again.parameters(), strict=True)
    )


@pytest.mark.parametrize("kind", EVERY)
def test_initialisers_are_given_one_gate_at_a_time(kind: Any) -> None:
    layer = kind(4, 4, rng=0, weight_init="orthogonal", bias_init=0.25, dtype=np.float64)
    for word, parameter in layer.named_parameters():
        if "bias" in word:
            assert (parameter.numpy() == 0.25).all()
        else:
            for block in np.split(parameter.numpy(), parameter.shape[1] // 4, axis=1):
                np.testing.assert_allclose(block @ block.T, np.eye(4), atol=1e-12)


def test_an_array_is_taken_as_it_is() -> None:
    values = np.arange(12.0).reshape(2, 6)
    layer = nn.GRU(2, 2, weight_init=values)
    np.testing.assert_array_equal(layer.weight_ih_l0.numpy(), values)


# ---------------------------------------------------------------- dropout


@pytest.mark.parametrize("kind", [*LAYERS.values()])
def test_dropout_stands_between_layers_in_training_only(kind: Any) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3, 3)).astype(np.float32)
    layer, plain = kind(3, 8, num_layers=2, dropout=0.5, rng=1), kind(3, 8, num_layers=2, rng=1)
    assert np.array_equal(layer.eval()(x)[0].numpy(), plain(x)[0].numpy())
    first = layer.train()(x)[0]
    assert first.dtype == np.float32
    assert not np.array_equal(first.numpy(), plain(x)[0].numpy())
    assert not np.array_equal(first.numpy(), layer(x)[0].numpy())
    same = kind(3, 8, num_layers=2, dropout=0.5, rng=1)
    assert np.array_equal(same(x)[0].numpy(), first.numpy())
    np.sum(first).backward()
    assert all(p.grad is not None for p in layer.parameters())


def test_dropout_of_everything_leaves_the_biases() -> None:
    layer, plain = nn.GRU(3, 4, num_layers=2, dropout=1.0, rng=0), nn.GRU(4, 4, rng=0)
    x = np.random.default_rng(0).normal(size=(4, 2, 3)).astype(np.float32)
    plain.load_state_dict(
        {word.replace("l1", "l0"): value for word, value in layer.state_dict().items() if "l1" in word}
    )
    np.testing.assert_array_equal(layer(x)[0].numpy(), plain(np.zeros((4, 2, 4), np.float32))[0].numpy())


def test_dropout_follows_the_default_generator() -> None:
    layer = nn.LSTM(3, 4, num_layers=3, dropout=0.3)
    x = np.ones((2, 2, 3), np.float32)
    nn.manual_seed(5)
    first = layer(x)[0].numpy()
    nn.manual_seed(5)
    assert np.array_equal(layer(x)[0].numpy(), first)


# ---------------------------------------------------------------- texts and errors


def test_repr() -> None:
    assert repr(nn.RNN(2, 3, nonlinearity="relu")) == "RNN(2, 3, nonlinearity='relu')"
    assert repr(nn.GRU(2, 3)) == "GRU(2, 3)"
    assert (
        repr(nn.LSTM(2, 3, 2, False, True, 0.1, True))
        == "LSTM(2, 3, num_layers=2, bias=False, batch_first=True, dropout=0.1, bidirectional=True)"
    )
    assert repr(nn.LSTMCell(2, 3, bias=False)) == "LSTMCell(2, 3, bias=False)"
    assert repr(nn.RNNCell(2, 3, nonlinearity="relu")) == "RNNCell(2, 3, nonlinearity='relu')"


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("sizes", [(0, 3), (3, -1), (2.5, 3), (True, 3)])
def test_sizes_are_positive_integers(kind: Any, sizes: Any) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__}: (input|hidden)_size="):
        kind(*sizes)


@pytest.mark.parametrize("kind", [*LAYERS.values()])
def test_what_a_layer_refuses(kind: Any) -> None:
    name = kind.__name__
    layer = kind(3, 4)
    with pytest.raises(ValueError, match=rf"{name}: the input has shape \(5, 2, 7\); it must be \(time, batch, 3\)"):
        layer(np.zeros((5, 2, 7)))
    with pytest.raises(ValueError, match=rf"{name}: .*hx has shape \(1, 3, 4\).*\(1, 2, 4\)"):
        layer(np.zeros((5, 2, 3)), given_state(kind, np.zeros((1, 3, 4)), np.zeros((1, 3, 4))))
    with pytest.raises(ValueError, match="not a probability"):
        kind(3, 4, num_layers=2, dropout=1.5)
    with pytest.raises(ValueError, match="num_layers=0"):
        kind(3, 4, num_layers=0)
    with pytest.warns(UserWarning, match=r"num_layers=1 .* nn\.Dropout"):
        kind(3, 4, dropout=0.5)


@pytest.mark.parametrize("kind", [*CELLS.values()])
def test_what_a_cell_refuses(kind: Any) -> None:
    cell = kind(3, 4)
    with pytest.raises(ValueError, match=rf"{kind.__name__}: the input has shape \(5, 2, 3\)"):
        cell(np.zeros((5, 2, 3)))
    with pytest.raises(ValueError, match=rf"{kind.__name__}: .*hx has shape \(2, 3\)"):
        cell(np.zeros((2, 3)), given_state(kind, np.zeros((2, 3)), np.zeros((2, 3))))


def test_other_refusals() -> None:
    with pytest.raises(ValueError, match="proj_size=2"):
        nn.LSTM(3, 4, proj_size=2)
    with pytest.raises(ValueError, match="nonlinearity"):
        nn.RNN(3, 4, nonlinearity="sigmoid")
    with pytest.raises(ValueError, match="nonlinearity"):
        nn.RNNCell(3, 4, nonlinearity="sigmoid")
    for kind in (nn.LSTM, nn.LSTMCell):
        with pytest.raises(TypeError, match=r"a pair \(h, c\)"):
            kind(3, 4)(np.zeros((2, 3)), np.zeros((2, 4)))
