"""Recurrent networks: whole sequences and single cells, each one operation on the tape.

Matrices multiply from the right, so ``weight_ih`` has shape (input, gates · hidden) and ``weight_hh`` (hidden, gates · hidden);
the gates' blocks stand in PyTorch's order: i, f, g, o (LSTM) and r, z, n (GRU). The arithmetic is in recurrent_kernels.py.

A cell gives its weights' gradients as pairs of factors, which :class:`Products` joins when all steps have contributed: a network
unrolled in a Python loop has one product per weight, as a whole sequence has.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.accumulators import Deferred
from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .recurrent_kernels import (
    GRU,
    LSTM,
    RNN,
    Kind,
    before,
    lstm_cell_backward,
    lstm_cell_forward,
    plain,
    project,
    stacked,
)

Arrays = tuple[Any, ...]


# ---------------------------------------------------------------- what is refused


def _misfit(name: str, what: str, found: Any, expected: str) -> ValueError:
    return ValueError(f"{name}: {what} has shape {getattr(found, 'shape', ())}; it must be {expected}")


def _check(
    kind: Kind, name: str, x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, states: Arrays, whole: bool
) -> None:
    if getattr(w_hh, "ndim", 0) != 2 or w_hh.shape[1] != kind.gates * w_hh.shape[0]:
        raise _misfit(
            name, "weight_hh", w_hh, f"(hidden, {kind.gates} · hidden)" if kind.gates > 1 else "(hidden, hidden)"
        )
    size, width = w_hh.shape
    if getattr(x, "ndim", 0) != (3 if whole else 2):
        raise _misfit(name, "x", x, "(time, batch, input)" if whole else "(batch, input)")
    batch, inputs = x.shape[-2:]
    if getattr(w_ih, "shape", ()) != (inputs, width):
        raise _misfit(
            name,
            "weight_ih",
            w_ih,
            f"(input, {width}) = ({inputs}, {width}) for x of shape {x.shape} and weight_hh of shape {w_hh.shape}",
        )
    vector, state = (width,), (batch, size)
    for bias in (b_ih, b_hh):
        if bias is not None and getattr(bias, "shape", ()) != vector:
            raise _misfit(
                name, "bias_ih" if bias is b_ih else "bias_hh", bias, f"({width},) for weight_hh of shape {w_hh.shape}"
            )
    for k, given in enumerate(states):
        if given is not None and getattr(given, "shape", ()) != state:
            word = "hc"[k] + "0" * whole
            raise _misfit(
                name,
                word,
                given,
                f"(batch, hidden) = {state} for x of shape {x.shape} and weight_hh of shape {w_hh.shape}",
            )


def _fitting(
    kind: Kind,
    name: str,
    x: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
    states: Arrays,
    whole: bool,
) -> tuple[Arrays, Any]:
    """All arrays in one floating dtype; the states that are not given are zeros.

    Raises:
        ValueError: the shapes do not fit.
    """
    _check(kind, name, x, w_ih, w_hh, b_ih, b_hh, states, whole)
    dtype = x.dtype
    alike = (
        dtype is w_ih.dtype
        and dtype is w_hh.dtype
        and dtype is (dtype if b_ih is None else b_ih.dtype)
        and dtype is (dtype if b_hh is None else b_hh.dtype)
    )
    if alike and dtype.kind == "f" and not [s for s in states if s is None or s.dtype is not dtype]:
        return (x, w_ih, w_hh, b_ih, b_hh), states  # as in most calls
    dtypes = {v.dtype for v in (x, w_ih, w_hh, b_ih, b_hh, *states) if v is not None}
    if len(dtypes) > 1 or x.dtype.kind != "f":
        dtype = np.result_type(*dtypes, *([] if any(d.kind in "fc" for d in dtypes) else [np.float64]))
        x, w_ih, w_hh, b_ih, b_hh = (
            None if v is None else v.astype(dtype, copy=False) for v in (x, w_ih, w_hh, b_ih, b_hh)
        )
        states = tuple([None if v is None else v.astype(dtype, copy=False) for v in states])
    if type(None) in map(type, states):
        states = tuple([np.zeros_like(x, shape=(x.shape[-2], w_hh.shape[0])) if v is None else v for v in states])
    return (x, w_ih, w_hh, b_ih, b_hh), states


# ---------------------------------------------------------------- whole sequences


def _sequence(
    kind: Kind,
    name: str,
    x: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array,
    b_hh: Array,
    states: Arrays,
    reverse: bool,
    how: str = "",
) -> Any:
    """(output, last states …), then what the backward pass reuses."""
    (x, w_ih, w_hh, b_ih, b_hh), states = _fitting(kind, name, x, w_ih, w_hh, b_ih, b_hh, states, True)
    a, w_hh, tail = project(kind, x, w_ih, w_hh, b_ih, b_hh)
    with np.errstate(over="ignore"):  # e^−z may be inf: the sigmoid is 0 then
        out, last, saved = kind.forward(a, w_hh, tail, states, bool(reverse), how)
    return out, *[s.copy() for s in last], *saved


def _recorded(out: Arrays) -> bool:
    """Whether the backward pass is itself on the tape: what it kept comes as Tensors then."""
    return out[0].__class__ is Tensor


def _rows_sum(d: Any) -> Array:
    return np.dot(np.ones_like(d, shape=(d.shape[0],)), d)


def _sequence_rule(
    kind: Kind, g: Arrays, needs: Any, out: Arrays, operands: Arrays, states: Arrays, reverse: bool, how: str = ""
) -> Arrays:
    shown = 1 + kind.states
    x, w_ih, w_hh, b_ih, b_hh = operands
    first = tuple([np.zeros_like(out[1]) if s is None else s for s in states])
    last = tuple([np.zeros_like(out[1]) if s is None else s for s in g[1:shown]])
    if _recorded(out):
        *grads, through = plain(kind, g[0], last, x, w_ih, w_hh, b_ih, b_hh, first, bool(reverse), how)
        return tuple([h if need else None for h, need in zip((*grads, *through), needs, strict=True)])
    d_a, d_u, through = kind.backward(g[0], last, out[0], out[shown:], w_hh, first, bool(reverse), how)
    flat_a = stacked(d_a)
    flat_u = flat_a if d_u is d_a else stacked(d_u)
    sum_a = _rows_sum(flat_a) if needs[3] or (needs[4] and d_u is d_a) else None
    return (
        np.dot(flat_a, w_ih.T).reshape(x.shape) if needs[0] else None,
        np.dot(stacked(x).T, flat_a) if needs[1] else None,
        np.dot(stacked(before(first[0], out[0], reverse)).T, flat_u) if needs[2] else None,
        sum_a,
        (sum_a if d_u is d_a else _rows_sum(flat_u)) if needs[4] else None,
        *through,
    )


@primitive(wrt="x weight_ih weight_hh bias_ih bias_hh h0 c0", multi=True, shown=3, real=True)
def lstm(
    x: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """A layer of long short-term memory over a whole sequence (Hochreiter & Schmidhuber 1997, with forget gates).

    With ``z = x_t W_ih + b_ih + h W_hh + b_hh`` in blocks i, f, g, o of the hidden size H:
    ``c ← σ(z_f) c + σ(z_i) tanh(z_g)``, ``h ← σ(z_o) tanh(c)``.

    Args:
        x: shape (time, batch, input).
        weight_ih: shape (input, 4 H).
        weight_hh: shape (H, 4 H).
        bias_ih: shape (4 H,), or None.
        bias_hh: shape (4 H,), or None.
        h0: the first h, shape (batch, H); zeros if None.
        c0: the first c, shape (batch, H); zeros if None.
        reverse: go through the time backwards; ``output[t]`` is still the state after reading ``x[t]``.

    Returns:
        All h (time, batch, H), the last h and the last c (batch, H), in the operands' common floating dtype.

    Raises:
        ValueError: the shapes do not fit.
        TypeError: an operand is complex.

    Gradients of all operands. Gates of any magnitude are safe, and their derivatives accurate: no ``1 − σ`` is formed.

    >>> output, h, c = lstm(np.ones((5, 2, 3)), np.zeros((3, 16)), np.zeros((4, 16)))
    >>> output.shape, h.shape, c.shape
    ((5, 2, 4), (2, 4), (2, 4))
    """
    return _sequence(LSTM, "lstm", x, weight_ih, weight_hh, bias_ih, bias_hh, (h0, c0), reverse)


def _lstm_rule(
    g: Array,
    needs: Any,
    out: Array,
    x: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array,
    bias_hh: Array,
    h0: Any,
    c0: Any,
    reverse: bool,
) -> Arrays:
    return _sequence_rule(LSTM, g, needs, out, (x, weight_ih, weight_hh, bias_ih, bias_hh), (h0, c0), reverse)


rule(lstm, joint=_lstm_rule)


@primitive(wrt="x weight_ih weight_hh bias_ih bias_hh h0", multi=True, shown=2, real=True)
def gru(
    x: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """A layer of gated recurrent units over a whole sequence (Cho et al. 2014, in the form of PyTorch and cuDNN).

    With ``a = x_t W_ih + b_ih`` and ``u = h W_hh + b_hh`` in blocks r, z, n of the hidden size H:
    ``n = tanh(a_n + σ(a_r + u_r) u_n)``, ``z = σ(a_z + u_z)``, ``h ← (1 − z) n + z h``.

    Args:
        x: shape (time, batch, input).
        weight_ih: shape (input, 3 H).
        weight_hh: shape (H, 3 H).
        bias_ih: shape (3 H,), or None.
        bias_hh: shape (3 H,), or None.
        h0: the first h, shape (batch, H); zeros if None.
        reverse: go through the time backwards; ``output[t]`` is still the state after reading ``x[t]``.

    Returns:
        All h (time, batch, H) and the last h (batch, H), in the operands' common floating dtype.

    Raises:
        ValueError: the shapes do not fit.
        TypeError: an operand is complex.

    Gradients of all operands, accurate for gates of any magnitude.

    >>> output, h = gru(np.ones((5, 2, 3)), np.zeros((3, 12)), np.zeros((4, 12)))
    >>> output.shape, h.shape
    ((5, 2, 4), (2, 4))
    """
    return _sequence(GRU, "gru", x, weight_ih, weight_hh, bias_ih, bias_hh, (h0,), reverse)


def _gru_rule(
    g: Array,
    needs: Any,
    out: Array,
    x: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array,
    bias_hh: Array,
    h0: Any,
    reverse: bool,
) -> Arrays:
    return _sequence_rule(GRU, g, needs, out, (x, weight_ih, weight_hh, bias_ih, bias_hh), (h0,), reverse)


rule(gru, joint=_gru_rule)


@primitive(wrt="x weight_ih weight_hh bias_ih bias_hh h0", multi=True, shown=2, masks="kink", real=True)
def rnn(
    x: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    nonlinearity: str = "tanh",
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """A layer of simple recurrent units over a whole sequence (Elman 1990): ``h ← tanh(x_t W_ih + b_ih + h W_hh + b_hh)``.

    Args:
        x: shape (time, batch, input).
        weight_ih: shape (input, H).
        weight_hh: shape (H, H).
        bias_ih: shape (H,), or None.
        bias_hh: shape (H,), or None.
        h0: the first h, shape (batch, H); zeros if None.
        nonlinearity: ``"tanh"``, or ``"relu"`` (whose gradient at 0 is 0).
        reverse: go through the time backwards; ``output[t]`` is still the state after reading ``x[t]``.

    Returns:
        All h (time, batch, H) and the last h (batch, H), in the operands' common floating dtype.

    Raises:
        ValueError: the shapes do not fit; another ``nonlinearity``.
        TypeError: an operand is complex.

    Gradients of all operands.

    >>> output, h = rnn(np.ones((5, 2, 3)), np.zeros((3, 4)), np.zeros((4, 4)), nonlinearity="relu")
    >>> output.shape, h.shape
    ((5, 2, 4), (2, 4))
    """
    _nonlinear(nonlinearity)
    return _sequence(RNN, "rnn", x, weight_ih, weight_hh, bias_ih, bias_hh, (h0,), reverse, nonlinearity)


def _nonlinear(nonlinearity: str) -> None:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")


def _rnn_rule(
    g: Array,
    needs: Any,
    out: Array,
    x: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array,
    bias_hh: Array,
    h0: Any,
    nonlinearity: str,
    reverse: bool,
) -> Arrays:
    return _sequence_rule(RNN, g, needs, out, (x, weight_ih, weight_hh, bias_ih, bias_hh), (h0,), reverse, nonlinearity)


rule(rnn, joint=_rnn_rule)


# ---------------------------------------------------------------- cells


class Rows:
    """The rows that one step contributes to a product, shared by all the products they stand in."""

    __slots__ = ("array", "joined")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.joined: tuple[list[Rows], Any] | None = None


def _joined(steps: list[Rows]) -> Any:
    """The rows of all steps under each other; the first step remembers them for the next product."""
    first = steps[0]
    if len(steps) == 1:
        return first.array
    rest = steps[1:]  # (without the first, which would hold itself alive)
    if first.joined is None or first.joined[0] != rest:
        first.joined = rest, np.concatenate([rows.array for rows in steps])
    return first.joined[1]


class Products(Deferred):
    """A weight's gradient: the sum of ``leftᵀ right`` over the steps as one product; for a bias, without left, the sum of the rows."""

    __slots__ = ()

    def whole(self, g: Array) -> Any:
        """A contribution that is an array already."""
        return None, g

    def dense(self) -> Any:
        """The sum."""
        pairs = [pair for pair in self.parts if pair[1].__class__ is Rows]
        right = _joined([pair[1] for pair in pairs])
        total = _rows_sum(right) if pairs[0][0] is None else np.dot(_joined([pair[0] for pair in pairs]).T, right)
        for _, g in self.parts:
            if g.__class__ is not Rows:
                total = total + g
        return total


def _cell(
    kind: Kind, name: str, x: Any, states: Arrays, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, how: str = ""
) -> Any:
    """(states after the step …), then what the backward pass reuses."""
    (x, w_ih, w_hh, b_ih, b_hh), states = _fitting(kind, name, x, w_ih, w_hh, b_ih, b_hh, states, False)
    with np.errstate(over="ignore"):
        if kind is LSTM:
            last, saved = lstm_cell_forward(x, w_ih, w_hh, b_ih, b_hh, states)
            return *last, *saved
        a, w_hh, tail = project(kind, x[None], w_ih, w_hh, b_ih, b_hh)
        out, last, saved = kind.forward(a, w_hh, tail, states, False, how)
    return *last, out, *saved


def _cell_rule(
    kind: Kind, g: Arrays, needs: Any, out: Arrays, operands: Arrays, states: Arrays, how: str = ""
) -> Arrays:
    count = kind.states
    x, w_ih, w_hh, b_ih, b_hh = operands
    if _recorded(out):
        last = tuple([np.zeros_like(out[0]) if s is None else s for s in g[:count]])
        d_x, *grads, through = plain(kind, None, last, x[None], w_ih, w_hh, b_ih, b_hh, states, False, how)
        return tuple([h if need else None for h, need in zip((d_x[0], *through, *grads), needs, strict=True)])
    if kind is LSTM:
        d, through = lstm_cell_backward((g[0], g[1]), out[1], out[2:], w_hh, states)
        rows_a = rows_u = Rows(d)
    else:
        d_a, d_u, through = kind.backward(None, (g[0],), out[1], out[2:], w_hh, states, False, how)
        rows_a = Rows(d_a[0])
        rows_u = rows_a if d_u is d_a else Rows(d_u[0])
    need_ih, need_hh, need_b, need_c = needs[1 + count :]
    return (
        np.dot(rows_a.array, w_ih.T) if needs[0] else None,
        *through,
        Products(w_ih.shape, [(Rows(x), rows_a)]) if need_ih else None,
        Products(w_hh.shape, [(Rows(states[0]), rows_u)]) if need_hh else None,
        Products(b_ih.shape, [(None, rows_a)]) if need_b else None,
        Products(b_hh.shape, [(None, rows_u)]) if need_c else None,
    )


@primitive(wrt="x h c weight_ih weight_hh bias_ih bias_hh", multi=True, shown=2, real=True)
def lstm_cell(
    x: ArrayLike,
    h: ArrayLike,
    c: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of :func:`lstm`: ``c' = σ(z_f) c + σ(z_i) tanh(z_g)``, ``h' = σ(z_o) tanh(c')``.

    Args:
        x: shape (batch, input).
        h: shape (batch, H).
        c: shape (batch, H).
        weight_ih: shape (input, 4 H), blocks i, f, g, o.
        weight_hh: shape (H, 4 H).
        bias_ih: shape (4 H,), or None.
        bias_hh: shape (4 H,), or None.

    Returns:
        h' and c', of shape (batch, H), in the operands' common floating dtype.

    Raises:
        ValueError: the shapes do not fit.
        TypeError: an operand is complex.

    Gradients of all operands; a loop over cells pays for one product per weight, as a whole sequence does.

    >>> h, c = lstm_cell(np.ones((2, 3)), np.zeros((2, 4)), np.ones((2, 4)), np.zeros((3, 16)), np.zeros((4, 16)))
    >>> float(c[0, 0])
    0.5
    """
    return _cell(LSTM, "lstm_cell", x, (h, c), weight_ih, weight_hh, bias_ih, bias_hh)


def _lstm_cell_rule(
    g: Array,
    needs: Any,
    out: Array,
    x: Array,
    h: Array,
    c: Any,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array,
    bias_hh: Array,
) -> Arrays:
    return _cell_rule(LSTM, g, needs, out, (x, weight_ih, weight_hh, bias_ih, bias_hh), (h, c))


rule(lstm_cell, joint=_lstm_cell_rule)


@primitive(wrt="x h weight_ih weight_hh bias_ih bias_hh", multi=True, shown=1, real=True)
def gru_cell(
    x: ArrayLike,
    h: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
) -> Tensor:
    """One step of :func:`gru`: ``h' = (1 − z) n + z h``.

    Args:
        x: shape (batch, input).
        h: shape (batch, H).
        weight_ih: shape (input, 3 H), blocks r, z, n.
        weight_hh: shape (H, 3 H).
        bias_ih: shape (3 H,), or None.
        bias_hh: shape (3 H,), or None.

    Returns:
        h', of shape (batch, H), in the operands' common floating dtype.

    Raises:
        ValueError: the shapes do not fit.
        TypeError: an operand is complex.

    Gradients of all operands; a loop over cells pays for one product per weight.

    >>> gru_cell(np.ones((1, 3)), np.ones((1, 1)), np.zeros((3, 3)), np.zeros((1, 3))).tolist()
    [[0.5]]
    """
    return _cell(GRU, "gru_cell", x, (h,), weight_ih, weight_hh, bias_ih, bias_hh)


def _gru_cell_rule(
    g: Array,
    needs: Any,
    out: Array,
    x: Array,
    h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array,
    bias_hh: Array,
) -> Arrays:
    return _cell_rule(GRU, g, needs, out, (x, weight_ih, weight_hh, bias_ih, bias_hh), (h,))


rule(gru_cell, joint=_gru_cell_rule)


@primitive(wrt="x h weight_ih weight_hh bias_ih bias_hh", multi=True, shown=1, masks="kink", real=True)
def rnn_cell(
    x: ArrayLike,
    h: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    nonlinearity: str = "tanh",
) -> Tensor:
    """One step of :func:`rnn`: ``h' = tanh(x W_ih + b_ih + h W_hh + b_hh)``.

    Args:
        x: shape (batch, input).
        h: shape (batch, H).
        weight_ih: shape (input, H).
        weight_hh: shape (H, H).
        bias_ih: shape (H,), or None.
        bias_hh: shape (H,), or None.
        nonlinearity: ``"tanh"``, or ``"relu"`` (whose gradient at 0 is 0).

    Returns:
        h', of shape (batch, H), in the operands' common floating dtype.

    Raises:
        ValueError: the shapes do not fit; another ``nonlinearity``.
        TypeError: an operand is complex.

    Gradients of all operands; a loop over cells pays for one product per weight.

    >>> rnn_cell([[1.0, 2.0]], [[0.0]], [[1.0], [1.0]], [[1.0]], nonlinearity="relu").tolist()
    [[3.0]]
    """
    _nonlinear(nonlinearity)
    return _cell(RNN, "rnn_cell", x, (h,), weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity)


def _rnn_cell_rule(
    g: Array,
    needs: Any,
    out: Array,
    x: Array,
    h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array,
    bias_hh: Array,
    nonlinearity: str,
) -> Arrays:
    return _cell_rule(RNN, g, needs, out, (x, weight_ih, weight_hh, bias_ih, bias_hh), (h,), nonlinearity)


rule(rnn_cell, joint=_rnn_cell_rule)
