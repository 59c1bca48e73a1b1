"""The arithmetic of recurrent networks, twice: as fast loops on arrays, and as plain NumPy that the tape can record.

One step takes the projected input ``a = x W_ih + b_ih`` and the projected state ``u = h W_hh + b_hh``, and

* LSTM (blocks i, f, g, o of a + u): ``c' = σ(f) c + σ(i) tanh(g)``, ``h' = σ(o) tanh(c')``;
* GRU (blocks r, z, n): ``h' = (1 − σ(z)) n + σ(z) h`` with ``n = tanh(a_n + σ(r) u_n)``;
* RNN: ``h' = tanh(a + u)`` or ``relu(a + u)``.

The fast loops write into buffers that hold all steps. What the backward pass can compute for all steps at once (every
factor that does not depend on the cotangent) it does outside its loop, and the weights' gradients are one product.

σ(z) is formed as p = 1/(1 + q) with q = e^−z, and both are kept: 1 − p = q p without cancellation, except for an
infinite q, where p = 0 makes it NaN instead of 1, and ``fmin`` turns it into 1. So is tanh' = 4 σ'(2z).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.registry import on_arrays
from ..engine.tensor import Array
from .activations import sigmoid, sigmoid_slope
from .zeros import keep

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Kind",
    "before",
    "lstm_cell_backward",
    "lstm_cell_forward",
    "plain",
    "project",
    "stacked",
]

_sigma = on_arrays(sigmoid)
Arrays = tuple[Any, ...]


def new(like: Any, *shape: int) -> Array:
    """An uninitialised array of the kind and dtype of another."""
    return np.empty_like(like, order="C", shape=shape)


def stacked(x: Array) -> Array:
    """All steps and rows in one axis."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])


def before(first: Any, values: Any, reverse: bool) -> Any:
    """For each step the value of the step before it, which for the first one is ``first``."""
    shifted = new(values, *values.shape)
    if values.shape[0]:
        if reverse:
            shifted[-1] = first
            shifted[:-1] = values[1:]
        else:
            shifted[0] = first
            shifted[1:] = values[:-1]
    return shifted


def sech2(x: Array) -> Array:
    """``1 − tanh²(x) = (2 / (e^x + e^−x))²``, into one fresh array."""
    e = np.exp(x)
    np.add(e, np.reciprocal(e), out=e)
    np.divide(2, e, out=e)
    return np.multiply(e, e, out=e)


def _slopes(q: Array, p: Any) -> tuple[Any, Any]:
    """``1 − p`` and ``p (1 − p)`` of the sigmoids p = 1/(1 + q)."""
    rest = np.multiply(q, p)
    np.fmin(rest, 1, out=rest)
    return rest, np.multiply(rest, p)


def _ordered(reverse: bool, *arrays: Any) -> Any:
    """The steps of several arrays side by side, in the order in which they are computed."""
    return zip(*([a[::-1] for a in arrays] if reverse else arrays), strict=True)


def _rows(g: Array | None, steps: int) -> Any:
    return [None] * steps if g is None else g


def project(
    kind: Kind, x: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None
) -> tuple[Any, Any, Any]:
    """What a forward loop starts from: the inputs' part of all steps, W_hh, and the part of b_hh that is added in the loop.

    Both have the gates apart, shapes (time, gates, batch, H) and (gates, H, H), so that each step works on contiguous memory, and
    are multiplied by ``kind.scales``: −1 makes the e^−z of a sigmoid, −2 the e^−2z of tanh' = 4 σ'(2z); the products are exact.
    """
    steps, batch, _ = x.shape
    gates, size = kind.gates, w_hh.shape[0]
    tail = None
    if b_hh is not None and kind.splits:
        tail = b_hh[-size:]
        b_hh = np.concatenate([b_hh[:-size], np.zeros_like(tail)])
    bias = b_hh if b_ih is None else b_ih if b_hh is None else b_ih + b_hh
    w_hh = w_hh.reshape(size, gates, size).transpose(1, 0, 2)
    if gates > 1:
        scales = np.ones_like(w_ih, shape=(gates, 1, 1))
        for k, scale in enumerate(kind.scales):
            scales[k] = scale
        w_hh = np.multiply(w_hh, scales, out=new(w_hh, gates, size, size))
        beside = np.repeat(scales, size)
        w_ih = w_ih * beside
        bias = None if bias is None else bias * beside
    flat = np.dot(stacked(x), w_ih)
    if bias is not None:
        np.add(flat, bias, out=flat)
    if gates == 1:
        return flat.reshape(steps, 1, batch, size), w_hh, tail
    a = new(flat, steps, gates, batch, size)
    a[...] = flat.reshape(steps, batch, gates, size).transpose(0, 2, 1, 3)
    return a, w_hh, tail


# ---------------------------------------------------------------- LSTM


def lstm_forward(
    a: Array, w_hh: Array, _tail: Any, states: Arrays, reverse: bool, _: str
) -> tuple[Any, Arrays, Arrays]:
    """Output, last states, and (q, p, g, c, tanh c) of all steps. ``a`` is overwritten."""
    steps, _four, batch, size = a.shape
    h, c = states
    p = new(a, *a.shape)
    g, cs, tcs, out = [new(a, steps, batch, size) for _ in range(4)]
    u, v, first, second = new(a, 4, batch, size), new(a, 4, batch, size), new(a, batch, size), new(a, batch, size)
    v_g, half, one = v[2], np.full_like(a, -0.5, shape=()), np.ones_like(a, shape=())
    for q_t, p_t, g_t, c_t, tc_t, h_t, i_t, f_t, o_t in _ordered(
        reverse, a, p, g, cs, tcs, out, p[:, 0], p[:, 1], p[:, 3]
    ):
        np.matmul(h, w_hh, out=u)
        np.add(q_t, u, out=v)
        np.exp(v, out=q_t)
        np.add(q_t, one, out=u)
        np.reciprocal(u, out=p_t)
        np.multiply(v_g, half, out=first)
        np.tanh(first, out=g_t)
        np.multiply(f_t, c, out=first)
        np.multiply(i_t, g_t, out=second)
        np.add(first, second, out=c_t)
        np.tanh(c_t, out=tc_t)
        np.multiply(o_t, tc_t, out=h_t)
        h, c = h_t, c_t
    return out, (h, c), (a, p, g, cs, tcs)


def lstm_backward(
    g_out: Array, g_last: Arrays, out: Array, saved: Arrays, w_hh: Array, states: Arrays, reverse: bool, _: str
) -> tuple[Any, Any, Arrays]:
    """Gradients of a, of u (the same), and of the first states."""
    q, p, g, cs, tcs = saved
    steps, _four, batch, size = q.shape
    _rest, d = _slopes(q, p)
    # The factors of dc' in the blocks i, f, g, and of dh' in the block o.
    for k, factor in enumerate((g, before(states[1], cs, reverse), p[:, 0] * 4, tcs)):
        np.multiply(d[:, k], factor, out=d[:, k])
    through = sech2(cs)
    np.multiply(through, p[:, 3], out=through)
    dh, dc = g_last
    inner, carried, product = new(q, batch, size), new(q, batch, size), new(q, batch, size)
    sums = (new(q, batch, size), new(q, batch, size))
    flat, back = new(q, steps, batch, 4 * size), w_hh.T
    beside = flat.reshape(steps, batch, 4, size).transpose(0, 2, 1, 3)
    for g_t, d_t, three, d_o, k_t, f_t, b_t, flat_t in _ordered(
        not reverse, _rows(g_out, steps), d, d[:, :3], d[:, 3], through, p[:, 1], beside, flat
    ):
        if g_t is not None:
            dh = np.add(dh, g_t, out=sums[0])
        np.multiply(dh, k_t, out=product)
        np.add(dc, product, out=inner)
        np.multiply(three, inner, out=three)
        np.multiply(d_o, dh, out=d_o)
        b_t[...] = d_t
        dc = np.multiply(inner, f_t, out=carried)
        dh = np.dot(flat_t, back, out=sums[1])
    return flat, flat, (dh, dc)


def lstm_cell_forward(
    x: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, states: Arrays
) -> tuple[Arrays, Arrays]:
    """The states after one step, and (q, p, g, tanh c')."""
    batch, size = states[0].shape
    beside, u = np.dot(x, w_ih), np.dot(states[0], w_hh)
    np.add(beside, u, out=beside)
    bias = b_hh if b_ih is None else b_ih if b_hh is None else b_ih + b_hh
    if bias is not None:
        np.add(beside, bias, out=beside)
    q = new(u, 4, batch, size)
    np.negative(beside.reshape(batch, 4, size).transpose(1, 0, 2), out=q)
    q_g = q[2]
    g = np.tanh(q_g)
    np.negative(g, out=g)  # tanh is odd
    np.multiply(q_g, 2, out=q_g)
    np.exp(q, out=q)
    p = np.add(q, 1)
    np.reciprocal(p, out=p)
    c = p[1] * states[1]
    np.add(c, p[0] * g, out=c)
    tc = np.tanh(c)
    return (p[3] * tc, c), (q, p, g, tc)


def lstm_cell_backward(g_states: Arrays, after: Any, saved: Arrays, w_hh: Array, states: Arrays) -> tuple[Any, Arrays]:
    """Gradients of a + u (the gates beside each other) and of the states; ``after`` is c'. A cotangent may be None."""
    q, p, g, tc = saved
    g_h, g_c = g_states
    d = np.multiply(q, p)
    np.fmin(d, 1, out=d)
    np.multiply(d, p, out=d)
    if g_h is None:
        dc = g_c
        d[3] = 0
    else:
        dc = sech2(after)
        np.multiply(dc, p[3], out=dc)
        np.multiply(dc, g_h, out=dc)
        if g_c is not None:
            np.add(dc, g_c, out=dc)
        d_o = d[3]
        np.multiply(d_o, tc, out=d_o)
        np.multiply(d_o, g_h, out=d_o)
    d_i, d_f, d_g = d[0], d[1], d[2]
    np.multiply(d_i, g, out=d_i)
    np.multiply(d_f, states[1], out=d_f)
    np.multiply(d_g, p[0], out=d_g)
    np.multiply(d_g, 4, out=d_g)
    np.multiply(d[:3], dc, out=d[:3])
    flat = new(d, after.shape[0], 4, after.shape[1])
    flat.transpose(1, 0, 2)[...] = d
    flat = flat.reshape(after.shape[0], 4 * after.shape[1])
    return flat, (np.dot(flat, w_hh.T), dc * p[1])


def lstm_step(a: Array, u: Array, states: Arrays, _: str) -> Arrays:
    """The states after one step."""
    z_i, z_f, z_g, z_o = _blocks(a + u, 4)
    c = _sigma(z_f) * states[1] + _sigma(z_i) * np.tanh(z_g)
    return _sigma(z_o) * np.tanh(c), c


def lstm_step_back(a: Array, u: Array, states: Arrays, g: Arrays, _: str) -> tuple[Any, Any, Arrays]:
    """Gradients of a, of u, and of the states (that of h not yet through u)."""
    z_i, z_f, z_g, z_o = _blocks(a + u, 4)
    i, f, o, t = _sigma(z_i), _sigma(z_f), _sigma(z_o), np.tanh(z_g)
    c = f * states[1] + i * t
    dc = g[1] + g[0] * o * _over_cosh2(c)
    parts = [
        dc * t * sigmoid_slope(z_i),
        dc * states[1] * sigmoid_slope(z_f),
        dc * i * _over_cosh2(z_g),
        g[0] * np.tanh(c) * sigmoid_slope(z_o),
    ]
    d = np.concatenate(parts, axis=-1)
    return d, d, (None, dc * f)


def _blocks(z: Array, count: int) -> list[Any]:
    size = z.shape[-1] // count
    return [z[:, k * size : (k + 1) * size] for k in range(count)]


def _over_cosh2(x: Array) -> Any:
    """``1 − tanh²(x)``, differentiable."""
    return 4 * sigmoid_slope(2 * x)


# ---------------------------------------------------------------- GRU


def gru_forward(a: Array, w_hh: Array, tail: Any, states: Arrays, reverse: bool, _: str) -> tuple[Any, Arrays, Arrays]:
    """Output, last state, and (a, with q in its blocks r and z and the argument of tanh in n; p, u_n, n). ``a`` is overwritten."""
    steps, _three, batch, size = a.shape
    (h,) = states
    p = new(a, steps, 2, batch, size)
    u_n, n, out = [new(a, steps, batch, size) for _ in range(3)]
    u, v, w = new(a, 3, batch, size), new(a, 2, batch, size), new(a, 2, batch, size)
    u_two, u_tail, one = u[:2], u[2], np.ones_like(a, shape=())
    first, second = new(a, batch, size), new(a, batch, size)
    for q_t, z_t, p_t, u_t, n_t, h_t, r_t, s_t in _ordered(
        reverse, a[:, :2], a[:, 2], p, u_n, n, out, p[:, 0], p[:, 1]
    ):
        np.matmul(h, w_hh, out=u)
        np.add(q_t, u_two, out=v)
        np.exp(v, out=q_t)
        np.add(q_t, one, out=w)
        np.reciprocal(w, out=p_t)
        if tail is None:
            u_t[...] = u_tail
        else:
            np.add(u_tail, tail, out=u_t)
        np.multiply(r_t, u_t, out=first)
        np.add(z_t, first, out=z_t)
        np.tanh(z_t, out=n_t)
        np.subtract(h, n_t, out=first)
        np.multiply(s_t, first, out=second)
        np.add(n_t, second, out=h_t)
        h = h_t
    return out, (h,), (a, p, u_n, n)


def gru_backward(
    g_out: Array, g_last: Arrays, out: Array, saved: Arrays, w_hh: Array, states: Arrays, reverse: bool, _: str
) -> tuple[Any, Any, Arrays]:
    """Gradients of a, of u, and of the first state."""
    a, p, u_n, n = saved
    steps, _three, batch, size = a.shape
    rest, slope = _slopes(a[:, :2], p)
    # The factors of dh' in the gradient of u; in that of a, the block n lacks the factor r.
    of_n = np.multiply(rest[:, 1], sech2(a[:, 2]))
    d = new(a, steps, 3, batch, size)
    np.multiply(of_n, p[:, 0], out=d[:, 2])
    np.multiply(of_n, u_n, out=d[:, 0])
    np.multiply(d[:, 0], slope[:, 0], out=d[:, 0])
    np.subtract(before(states[0], out, reverse), n, out=d[:, 1])
    np.multiply(d[:, 1], slope[:, 1], out=d[:, 1])
    (dh,) = g_last
    direct, product, carried, total = [new(a, batch, size) for _ in range(4)]
    flat, back = new(a, steps, batch, 3 * size), w_hh.T
    beside = flat.reshape(steps, batch, 3, size).transpose(0, 2, 1, 3)
    for g_t, d_t, z_t, n_t, b_t, flat_t in _ordered(not reverse, _rows(g_out, steps), d, p[:, 1], of_n, beside, flat):
        if g_t is not None:
            dh = np.add(dh, g_t, out=total)
        np.multiply(d_t, dh, out=d_t)
        b_t[...] = d_t
        np.multiply(n_t, dh, out=n_t)
        np.multiply(dh, z_t, out=direct)
        np.dot(flat_t, back, out=product)
        dh = np.add(direct, product, out=carried)
    d_a = flat.copy()
    d_a[:, :, 2 * size :] = of_n
    return d_a, flat, (dh,)


def gru_step(a: Array, u: Array, states: Arrays, _: str) -> Arrays:
    """The state after one step."""
    (a_r, a_z, a_n), (u_r, u_z, u_n) = _blocks(a, 3), _blocks(u, 3)
    n = np.tanh(a_n + _sigma(a_r + u_r) * u_n)
    return (n + _sigma(a_z + u_z) * (states[0] - n),)


def gru_step_back(a: Array, u: Array, states: Arrays, g: Arrays, _: str) -> tuple[Any, Any, Arrays]:
    """Gradients of a, of u, and of the state (not yet through u)."""
    (a_r, a_z, a_n), (u_r, u_z, u_n) = _blocks(a, 3), _blocks(u, 3)
    r = _sigma(a_r + u_r)
    z_n = a_n + r * u_n
    d_n = g[0] * _sigma(-(a_z + u_z)) * _over_cosh2(z_n)
    d_r = d_n * u_n * sigmoid_slope(a_r + u_r)
    d_z = g[0] * (states[0] - np.tanh(z_n)) * sigmoid_slope(a_z + u_z)
    return (
        np.concatenate([d_r, d_z, d_n], axis=-1),
        np.concatenate([d_r, d_z, d_n * r], axis=-1),
        (g[0] * _sigma(a_z + u_z),),
    )


# ---------------------------------------------------------------- RNN


def rnn_forward(
    a: Array, w_hh: Any, _tail: Any, states: Arrays, reverse: bool, nonlinearity: str
) -> tuple[Any, Arrays, Arrays]:
    """Output, last state, and the arguments of the nonlinearity. ``a`` is overwritten."""
    steps, _one, batch, size = a.shape
    (h,) = states
    z, out, u, zero, w = a[:, 0], new(a, steps, batch, size), new(a, batch, size), np.zeros_like(a, shape=()), w_hh[0]
    for z_t, h_t in _ordered(reverse, z, out):
        np.dot(h, w, out=u)
        np.add(z_t, u, out=z_t)
        if nonlinearity == "tanh":
            np.tanh(z_t, out=h_t)
        else:
            np.maximum(z_t, zero, out=h_t)
        h = h_t
    return out, (h,), (z,)


def rnn_backward(
    g_out: Array,
    g_last: Arrays,
    out: Array,
    saved: Arrays,
    w_hh: Array,
    states: Arrays,
    reverse: bool,
    nonlinearity: str,
) -> tuple[Any, Any, Arrays]:
    """Gradients of a, of u (the same), and of the first state."""
    (z,) = saved
    steps, batch, size = z.shape
    d = sech2(z) if nonlinearity == "tanh" else np.greater(z, 0).astype(z.dtype)
    (dh,) = g_last
    carried, total, back = new(z, batch, size), new(z, batch, size), w_hh.T
    for g_t, d_t in _ordered(not reverse, _rows(g_out, steps), d):
        if g_t is not None:
            dh = np.add(dh, g_t, out=total)
        np.multiply(d_t, dh, out=d_t)
        dh = np.dot(d_t, back, out=carried)
    return d, d, (dh,)


def rnn_step(a: Array, u: Array, states: Arrays, nonlinearity: str) -> Arrays:
    """The state after one step."""
    return (np.tanh(a + u) if nonlinearity == "tanh" else np.maximum(a + u, 0),)


def rnn_step_back(a: Array, u: Array, states: Arrays, g: Arrays, nonlinearity: str) -> tuple[Any, Any, Arrays]:
    """Gradients of a and of u; none reaches the state otherwise."""
    d = g[0] * _over_cosh2(a + u) if nonlinearity == "tanh" else keep(np.greater(a + u, 0), g[0])
    return d, d, (None,)


# ---------------------------------------------------------------- all three


@dataclass(frozen=True)
class Kind:
    """The functions of one kind of recurrent network.

    Attributes:
        gates: blocks of the hidden size in the weights.
        states: how many states are handed from step to step, h the first.
        scales: the factor of each block in the loops.
        splits: whether the last block of u is used by itself, so that b_hh cannot join b_ih there.
        forward: the loop over the steps.
        backward: the loop back.
        step: one step in plain NumPy.
        step_back: its gradient in plain NumPy.
    """

    gates: int
    states: int
    scales: tuple[float, ...]
    splits: bool
    forward: Callable[..., tuple[Any, Arrays, Arrays]]
    backward: Callable[..., tuple[Any, Any, Arrays]]
    step: Callable[..., Arrays]
    step_back: Callable[..., tuple[Any, Any, Arrays]]


LSTM = Kind(4, 2, (-1, -1, -2, -1), False, lstm_forward, lstm_backward, lstm_step, lstm_step_back)
GRU = Kind(3, 1, (-1, -1, 1), True, gru_forward, gru_backward, gru_step, gru_step_back)
RNN = Kind(1, 1, (1,), False, rnn_forward, rnn_backward, rnn_step, rnn_step_back)


def plain(
    kind: Kind,
    g_out: Array | None,
    g_last: Arrays,
    x: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
    states: Arrays,
    reverse: bool,
    how: str,
) -> Arrays:
    """The gradients of x, the weights, the biases and the states in operations that the tape records: for higher orders.

    The forward pass is computed anew from the operands, so that everything here depends on them and on the cotangents alone.
    """
    steps = x.shape[0]
    times = range(steps - 1, -1, -1) if reverse else range(steps)
    a = np.matmul(x, w_ih)
    if b_ih is not None:
        a = a + b_ih
    trail = []
    for t in times:
        u = np.matmul(states[0], w_hh)
        if b_hh is not None:
            u = u + b_hh
        trail.append((t, u, states))
        states = kind.step(a[t], u, states, how)
    g = list(g_last)
    d_a: list[Any] = [None] * steps
    d_u: list[Any] = [None] * steps
    earlier: list[Any] = [None] * steps
    while trail:
        t, u, states = trail.pop()
        if g_out is not None:
            g[0] = g[0] + g_out[t]
        d_a[t], d_u[t], through = kind.step_back(a[t], u, states, tuple(g), how)
        earlier[t] = states[0]
        g = list(through)
        back = np.matmul(d_u[t], w_hh.T)
        g[0] = back if g[0] is None else g[0] + back
    if not steps:
        return np.zeros_like(x), *[None if w is None else np.zeros_like(w) for w in (w_ih, w_hh, b_ih, b_hh)], tuple(g)
    every_a, every_u = np.concatenate(d_a), np.concatenate(d_u)
    d_x = np.reshape(np.matmul(every_a, w_ih.T), x.shape)
    d_ih = np.matmul(
        np.reshape(x, (-1, x.shape[2])).T if x.size else np.reshape(x, (every_a.shape[0], x.shape[2])).T, every_a
    )
    d_hh = np.matmul(np.concatenate(earlier).T, every_u)
    return d_x, d_ih, d_hh, np.sum(every_a, axis=0), np.sum(every_u, axis=0), tuple(g)
