"""Samples of recurrent networks: whole sequences and cells, against the defining equations written step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import case, normal, samples, uniform


def _sigma(x: Any) -> Any:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def _lstm_cell(x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    z = x @ w_ih + h @ w_hh + (0 if b_ih is None else b_ih) + (0 if b_hh is None else b_hh)
    i, f, g, o = np.split(z, 4, axis=-1)
    c = _sigma(f) * c + _sigma(i) * np.tanh(g)
    return _sigma(o) * np.tanh(c), c


def _gru_cell(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    a_r, a_z, a_n = np.split(x @ w_ih + (0 if b_ih is None else b_ih), 3, axis=-1)
    u_r, u_z, u_n = np.split(h @ w_hh + (0 if b_hh is None else b_hh), 3, axis=-1)
    n = np.tanh(a_n + _sigma(a_r + u_r) * u_n)
    z = _sigma(a_z + u_z)
    return (1 - z) * n + z * h


def _rnn_cell(
    x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, nonlinearity: str = "tanh"
) -> Any:
    z = x @ w_ih + h @ w_hh + (0 if b_ih is None else b_ih) + (0 if b_hh is None else b_hh)
    return np.tanh(z) if nonlinearity == "tanh" else np.where(z > 0, z, 0)


def _over_time(cell: Any, x: Any, w_hh: Any, states: Any, reverse: bool) -> Any:
    dtype = np.result_type(x, w_hh)
    shape = (x.shape[1], w_hh.shape[0])
    state = tuple([np.zeros(shape, dtype) if s is None else s for s in states])
    output = np.zeros((x.shape[0], *shape), dtype)
    for t in range(x.shape[0])[:: -1 if reverse else 1]:
        state = cell(x[t], state)
        output[t] = state[0]
    return output, *state


def _lstm(
    x: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    h0: Any = None,
    c0: Any = None,
    reverse: bool = False,
) -> Any:
    return _over_time(
        lambda x_t, state: _lstm_cell(x_t, state[0], state[1], w_ih, w_hh, b_ih, b_hh), x, w_hh, (h0, c0), reverse
    )


def _gru(
    x: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, h0: Any = None, reverse: bool = False
) -> Any:
    return _over_time(lambda x_t, state: (_gru_cell(x_t, state[0], w_ih, w_hh, b_ih, b_hh),), x, w_hh, (h0,), reverse)


def _rnn(
    x: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    h0: Any = None,
    nonlinearity: str = "tanh",
    reverse: bool = False,
) -> Any:
    return _over_time(
        lambda x_t, state: (_rnn_cell(x_t, state[0], w_ih, w_hh, b_ih, b_hh, nonlinearity),), x, w_hh, (h0,), reverse
    )


def _weights(inputs: int, size: int, gates: int) -> tuple[Any, ...]:
    """Two matrices and two biases."""
    width = gates * size
    return normal(inputs, width), normal(size, width), normal(width), normal(width)


# Long time brings small gradients: weights of a moderate size keep all of them measurable.
_sequences: list[tuple[str, int, int, Any]] = [("lstm", 4, 2, _lstm), ("gru", 3, 1, _gru), ("rnn", 1, 1, _rnn)]
for _name, _gates, _states, _oracle in _sequences:
    _start = {word: normal(2, 2) for word in ("h0", "c0")[:_states]}
    samples(
        _name,
        case(normal(3, 2, 3), *_weights(3, 2, _gates), **_start, label="everything given"),
        case(normal(3, 2, 3), *_weights(3, 2, _gates), **_start, reverse=True, label="backwards in time"),
        case(normal(2, 1, 2), *_weights(2, 3, _gates)[:2], label="no bias, states zero"),
        case(normal(2, 2, 2), *_weights(2, 2, _gates)[:3], label="one bias"),
        case(normal(1, 2, 2), *_weights(2, 2, _gates), **_start, label="one step"),
        case(normal(1, 2, 2), *_weights(2, 2, _gates), reverse=True, label="one step backwards"),
        case(normal(0, 2, 2), *_weights(2, 2, _gates), **_start, label="no steps"),
        case(normal(3, 0, 2), *_weights(2, 2, _gates), label="no batch"),
        case(normal(2, 1, 1), *_weights(1, 1, _gates), label="all sizes 1"),
        case(uniform(-3, 3, 2, 2, 2) * 2, *_weights(2, 2, _gates), label="gates nearly closed", rtol=1e-5),
        oracle=_oracle,
    )

samples(
    "rnn",
    case(normal(3, 2, 3), *_weights(3, 2, 1), h0=normal(2, 2), nonlinearity="relu", label="relu"),
    case(normal(2, 2, 3), *_weights(3, 2, 1), nonlinearity="relu", reverse=True, label="relu backwards in time"),
    case(
        np.zeros((1, 1, 1)), np.ones((1, 1)), np.ones((1, 1)), nonlinearity="relu", order=1,
        expected=(np.zeros((1, 1, 1)), np.zeros((1, 1)), np.zeros((1, 1))), label="relu at its kink",
    ),
)  # fmt: skip

_cells: list[tuple[str, int, int, Any]] = [
    ("lstm_cell", 4, 2, _lstm_cell),
    ("gru_cell", 3, 1, _gru_cell),
    ("rnn_cell", 1, 1, _rnn_cell),
]
for _name, _gates, _states, _oracle in _cells:
    samples(
        _name,
        case(normal(2, 3), *[normal(2, 2) for _ in range(_states)], *_weights(3, 2, _gates), label="everything given"),
        case(normal(1, 2), *[normal(1, 3) for _ in range(_states)], *_weights(2, 3, _gates)[:2], label="no bias"),
        case(normal(2, 2), *[normal(2, 2) for _ in range(_states)], *_weights(2, 2, _gates)[:3], label="one bias"),
        case(normal(0, 2), *[normal(0, 2) for _ in range(_states)], *_weights(2, 2, _gates), label="no batch"),
        case(normal(3, 1), *[normal(3, 1) for _ in range(_states)], *_weights(1, 1, _gates), label="sizes 1"),
        oracle=_oracle,
    )

samples("rnn_cell", case(normal(2, 3), normal(2, 2), *_weights(3, 2, 1), nonlinearity="relu", label="relu"))
