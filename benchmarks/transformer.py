"""A training step of a small language model, one transformer block: the library, hand-written NumPy, and the peers.

Characters (65) → embedding 64 + positions → block (pre-norm, 4 heads, MLP of 256, ReLU or GELU) → LayerNorm → logits →
cross-entropy → Adam. Batch 8, context 64, float32. The hand-written step is what a from-scratch author writes: plain
expressions, no preallocated buffers. Every contender starts from the same weights; their losses are compared after
three steps.

    python benchmarks/transformer.py
    python benchmarks/transformer.py --threads 2
    python benchmarks/transformer.py --width 96 --context 128 --batch 16
"""

from __future__ import annotations

import argparse
import importlib.util
import math
from collections.abc import Callable
from functools import partial

from _threads import THREADS

# isort: split
import numpy as np
from timing import interleaved, table

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
Weights = dict[str, np.ndarray]
Step = Callable[[], float]


def weights(vocabulary: int, width: int, hidden: int, context: int) -> Weights:
    """The first weights: matrices from N(0, 0.02²), as in GPT-2."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return (0.02 * rng.normal(size=shape)).astype(np.float32)

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    return {
        "embedding": normal(vocabulary, width), "positions": normal(context, width),
        "scale1": zeros(width) + 1, "shift1": zeros(width), "W_qkv": normal(width, 3 * width),
        "b_qkv": zeros(3 * width),
        "W_o": normal(width, width), "b_o": zeros(width),
        "scale2": zeros(width) + 1, "shift2": zeros(width), "W1": normal(width, hidden), "b1": zeros(hidden),
        "W2": normal(hidden, width), "b2": zeros(width),
        "scale3": zeros(width) + 1, "shift3": zeros(width), "W_out": normal(width, vocabulary),
        "b_out": zeros(vocabulary),
    }  # fmt: skip


# ---------------------------------------------------------------- by hand


def layer_norm(x, scale, shift):
    mean = x.mean(axis=-1, keepdims=True)
    inverse = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    normal = (x - mean) * inverse
    return normal * scale + shift, (normal, inverse, scale)


def layer_norm_backward(g, kept):
    normal, inverse, scale = kept
    g_scale = (g * normal).sum(axis=(0, 1))
    g_shift = g.sum(axis=(0, 1))
    h = g * scale
    g_x = (h - h.mean(axis=-1, keepdims=True) - normal * (h * normal).mean(axis=-1, keepdims=True)) * inverse
    return g_x, g_scale, g_shift


def gelu(x):
    t = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    return 0.5 * x * (1 + t), t


def gelu_backward(g, x, t):
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2))


def relu(x):
    return np.maximum(x, 0), x > 0


def relu_backward(g, x, positive):
    return g * positive


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def by_hand(w: Weights, x: np.ndarray, y: np.ndarray, heads: int, activation: str) -> Step:
    """Forward, backward and Adam in plain NumPy."""
    w = {name: value.copy() for name, value in w.items()}
    m = {name: np.zeros_like(value) for name, value in w.items()}
    v = {name: np.zeros_like(value) for name, value in w.items()}
    batch, context = x.shape
    width = w["W_o"].shape[0]
    size = width // heads
    mask = np.triu(np.full((context, context), -np.inf, np.float32), 1)
    steps = 0
    active, active_backward = (relu, relu_backward) if activation == "relu" else (gelu, gelu_backward)

    def split(a):
        return a.reshape(batch, context, heads, size).transpose(0, 2, 1, 3)

    def join(a):
        return a.transpose(0, 2, 1, 3).reshape(batch, context, width)

    def matrix(a):
        return a.reshape(-1, a.shape[-1])

    def step() -> float:
        nonlocal steps
        h0 = w["embedding"][x] + w["positions"]
        n1, kept1 = layer_norm(h0, w["scale1"], w["shift1"])
        q, k, values = (split(a) for a in np.split(n1 @ w["W_qkv"] + w["b_qkv"], 3, axis=-1))
        p = softmax(q @ k.swapaxes(-1, -2) / math.sqrt(size) + mask)
        a = join(p @ values)
        h1 = h0 + a @ w["W_o"] + w["b_o"]
        n2, kept2 = layer_norm(h1, w["scale2"], w["shift2"])
        u = n2 @ w["W1"] + w["b1"]
        f, t = active(u)
        h2 = h1 + f @ w["W2"] + w["b2"]
        n3, kept3 = layer_norm(h2, w["scale3"], w["shift3"])
        logits = n3 @ w["W_out"] + w["b_out"]
        probabilities = softmax(logits)
        at = (np.arange(batch)[:, None], np.arange(context), y)
        loss = -np.log(probabilities[at]).mean()

        g = {}
        d = probabilities
        d[at] -= 1
        d /= x.size
        g["W_out"], g["b_out"] = matrix(n3).T @ matrix(d), d.sum(axis=(0, 1))
        d, g["scale3"], g["shift3"] = layer_norm_backward(d @ w["W_out"].T, kept3)
        g["W2"], g["b2"] = matrix(f).T @ matrix(d), d.sum(axis=(0, 1))
        du = active_backward(d @ w["W2"].T, u, t)
        g["W1"], g["b1"] = matrix(n2).T @ matrix(du), du.sum(axis=(0, 1))
        dn, g["scale2"], g["shift2"] = layer_norm_backward(du @ w["W1"].T, kept2)
        d = d + dn
        g["W_o"], g["b_o"] = matrix(a).T @ matrix(d), d.sum(axis=(0, 1))
        da = split(d @ w["W_o"].T)
        dp = da @ values.swapaxes(-1, -2)
        ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) / math.sqrt(size)
        dqkv = np.concatenate([join(ds @ k), join(ds.swapaxes(-1, -2) @ q), join(p.swapaxes(-1, -2) @ da)], axis=-1)
        g["W_qkv"], g["b_qkv"] = matrix(n1).T @ matrix(dqkv), dqkv.sum(axis=(0, 1))
        dn, g["scale1"], g["shift1"] = layer_norm_backward(dqkv @ w["W_qkv"].T, kept1)
        d = d + dn
        g["positions"] = d.sum(axis=0)
        g["embedding"] = np.zeros_like(w["embedding"])
        np.add.at(g["embedding"], x, d)

        steps += 1
        for name in w:
            m[name] = BETA1 * m[name] + (1 - BETA1) * g[name]
            v[name] = BETA2 * v[name] + (1 - BETA2) * g[name] ** 2
            w[name] -= RATE * (m[name] / (1 - BETA1**steps)) / (np.sqrt(v[name] / (1 - BETA2**steps)) + EPSILON)
        return float(loss)

    return step


# ---------------------------------------------------------------- the library, function by function


def with_functions(w: Weights, x: np.ndarray, y: np.ndarray, heads: int, activation: str) -> Step:
    """The same step with autograd_np's functions, and nn's Adam."""
    import autograd_np as ag
    import nn

    p = {name: nn.Parameter(value) for name, value in w.items()}
    optimizer = nn.Adam(list(p.values()), lr=RATE, betas=(BETA1, BETA2), eps=EPSILON)
    batch, context = x.shape
    width = w["W_o"].shape[0]
    head_width = width // heads

    def active(u: ag.Tensor) -> ag.Tensor:
        return ag.relu(u) if activation == "relu" else ag.gelu(u, approximate="tanh")

    def step() -> float:
        optimizer.zero_grad()
        h = ag.embedding(x, p["embedding"]) + p["positions"]
        n = ag.layer_norm(h, (width,), p["scale1"], p["shift1"])
        qkv = ag.linear(n, p["W_qkv"], p["b_qkv"]).reshape(batch, context, 3, heads, head_width)
        q, k, v = ag.unstack(qkv.transpose(2, 0, 3, 1, 4))
        a = (
            ag.scaled_dot_product_attention(q, k, v, is_causal=True)
            .transpose(0, 2, 1, 3)
            .reshape(batch, context, width)
        )
        h = h + ag.linear(a, p["W_o"], p["b_o"])
        n = ag.layer_norm(h, (width,), p["scale2"], p["shift2"])
        h = h + ag.linear(active(ag.linear(n, p["W1"], p["b1"])), p["W2"], p["b2"])
        n = ag.layer_norm(h, (width,), p["scale3"], p["shift3"])
        loss = ag.softmax_cross_entropy(ag.linear(n, p["W_out"], p["b_out"]), y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def with_layers(w: Weights, x: np.ndarray, y: np.ndarray, heads: int, activation: str) -> Step:
    """The same step with nn's layers."""
    import nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            vocabulary, width = w["embedding"].shape
            self.embedding = nn.Embedding(vocabulary, width)
            self.positions = nn.Parameter(w["positions"])
            hidden = w["W1"].shape[1]
            active = nn.ReLU() if activation == "relu" else nn.GELU(approximate="tanh")
            self.block = nn.TransformerEncoderLayer(
                width, heads, hidden, dropout=0.0, activation=active, batch_first=True, norm_first=True
            )
            self.norm = nn.LayerNorm(width)
            self.out = nn.Linear(width, vocabulary)

        def forward(self, x: np.ndarray):
            return self.out(self.norm(self.block(self.embedding(x) + self.positions, is_causal=True)))

    model = Model()
    names = {
        "embedding": "embedding.weight", "positions": "positions", "scale1": "block.norm1.weight",
        "shift1": "block.norm1.bias", "W_qkv": "block.self_attn.in_proj_weight",
        "b_qkv": "block.self_attn.in_proj_bias", "W_o": "block.self_attn.out_proj.weight",
        "b_o": "block.self_attn.out_proj.bias", "scale2": "block.norm2.weight", "shift2": "block.norm2.bias",
        "W1": "block.linear1.weight", "b1": "block.linear1.bias", "W2": "block.linear2.weight",
        "b2": "block.linear2.bias", "scale3": "norm.weight", "shift3": "norm.bias", "W_out": "out.weight",
        "b_out": "out.bias",
    }  # fmt: skip
    model.load_state_dict({names[name]: value for name, value in w.items()})
    loss_of = nn.CrossEntropyLoss()
    optimizer = nn.Adam(model.parameters(), lr=RATE, betas=(BETA1, BETA2), eps=EPSILON)
    vocabulary = w["W_out"].shape[1]

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(model(x).reshape(-1, vocabulary), y.reshape(-1))
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


# ---------------------------------------------------------------- the peers


def with_torch(w: Weights, x: np.ndarray, y: np.ndarray, heads: int, activation: str) -> Step:
    """PyTorch, eager, with its fused attention and optimizer."""
    import torch
    import torch.nn.functional as F  # noqa: N812

    torch.set_num_threads(THREADS)
    p = {
        name: torch.tensor(value.T.copy() if name.startswith("W") else value, requires_grad=True)
        for name, value in w.items()
    }
    optimizer = torch.optim.Adam(p.values(), lr=RATE, betas=(BETA1, BETA2), eps=EPSILON, fused=True)
    tx, ty = torch.tensor(x), torch.tensor(y)
    batch, context = x.shape
    width = w["W_o"].shape[0]
    active = F.relu if activation == "relu" else partial(F.gelu, approximate="tanh")

    def step() -> float:
        optimizer.zero_grad()
        h = F.embedding(tx, p["embedding"]) + p["positions"]
        n = F.layer_norm(h, (width,), p["scale1"], p["shift1"])
        q, k, v = (
            F.linear(n, p["W_qkv"], p["b_qkv"]).reshape(batch, context, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        )
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, context, width)
        h = h + F.linear(a, p["W_o"], p["b_o"])
        n = F.layer_norm(h, (width,), p["scale2"], p["shift2"])
        h = h + F.linear(active(F.linear(n, p["W1"], p["b1"])), p["W2"], p["b2"])
        n = F.layer_norm(h, (width,), p["scale3"], p["shift3"])
        loss = F.cross_entropy(F.linear(n, p["W_out"], p["b_out"]).reshape(x.size, -1), ty.reshape(-1))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def with_hips(w: Weights, x: np.ndarray, y: np.ndarray, heads: int, activation: str) -> Step:
    """HIPS autograd, and Adam as in the hand-written step."""
    import autograd
    import autograd.numpy as anp

    w = {name: value.copy() for name, value in w.items()}
    m = {name: np.zeros_like(value) for name, value in w.items()}
    v = {name: np.zeros_like(value) for name, value in w.items()}
    batch, context = x.shape
    width = w["W_o"].shape[0]
    size = width // heads
    mask = np.triu(np.full((context, context), -np.inf, np.float32), 1)
    steps = 0

    def norm(h, scale, shift):
        d = h - anp.mean(h, axis=-1, keepdims=True)
        return d / anp.sqrt(anp.mean(d * d, axis=-1, keepdims=True) + 1e-5) * scale + shift

    def loss_of(p):
        h = p["embedding"][x] + p["positions"]
        qkv = anp.dot(norm(h, p["scale1"], p["shift1"]), p["W_qkv"]) + p["b_qkv"]
        q, k, values = anp.transpose(qkv.reshape((batch, context, 3, heads, size)), (2, 0, 3, 1, 4))
        z = anp.matmul(q, anp.swapaxes(k, -1, -2)) / math.sqrt(size) + mask
        e = anp.exp(z - anp.max(z, axis=-1, keepdims=True))
        a = anp.matmul(e / anp.sum(e, axis=-1, keepdims=True), values)
        h = h + anp.dot(anp.transpose(a, (0, 2, 1, 3)).reshape((batch, context, width)), p["W_o"]) + p["b_o"]
        u = anp.dot(norm(h, p["scale2"], p["shift2"]), p["W1"]) + p["b1"]
        f = (
            anp.maximum(u, 0)
            if activation == "relu"
            else 0.5 * u * (1 + anp.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
        )
        h = h + anp.dot(f, p["W2"]) + p["b2"]
        z = anp.dot(norm(h, p["scale3"], p["shift3"]), p["W_out"]) + p["b_out"]
        z = z - anp.max(z, axis=-1, keepdims=True)
        picked = z[np.arange(batch)[:, None], np.arange(context), y]
        return anp.mean(anp.log(anp.sum(anp.exp(z), axis=-1)) - picked)

    gradient = autograd.value_and_grad(loss_of)

    def step() -> float:
        nonlocal steps
        loss, g = gradient(w)
        steps += 1
        for name in w:
            m[name] = BETA1 * m[name] + (1 - BETA1) * g[name]
            v[name] = BETA2 * v[name] + (1 - BETA2) * g[name] ** 2
            w[name] = (
                w[name] - RATE * (m[name] / (1 - BETA1**steps)) / (np.sqrt(v[name] / (1 - BETA2**steps)) + EPSILON)
            ).astype(np.float32)
        return float(loss)

    return step


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, value in (
        ("width", 64),
        ("heads", 4),
        ("hidden", 256),
        ("context", 64),
        ("batch", 8),
        ("vocabulary", 65),
        ("rounds", 9),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--activation", choices=["relu", "gelu"], default="relu")
    o = parser.parse_args()
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, o.vocabulary, (2, o.batch, o.context))
    makers = {"hand-written NumPy": by_hand, "autograd_np functions": with_functions, "nn layers": with_layers}
    makers |= {
        name: make
        for name, module, make in (("PyTorch", "torch", with_torch), ("HIPS autograd", "autograd", with_hips))
        if importlib.util.find_spec(module)
    }
    contenders, losses = {}, {}
    for name, make in makers.items():
        step = make(weights(o.vocabulary, o.width, o.hidden, o.context), x, y, o.heads, o.activation)
        losses[name] = [step() for _ in range(3)]
        contenders[name] = step
    expected = losses["hand-written NumPy"]
    for name, found in losses.items():
        np.testing.assert_allclose(found, expected, rtol=2e-4, err_msg=f"{name} computes something else")
    seconds = interleaved(contenders, rounds=o.rounds, seconds=0.1)
    hand = seconds["hand-written NumPy"]
    print(f"{o.batch} x {o.context} characters, width {o.width}, {o.heads} heads, {o.activation}, {THREADS} thread(s)")
    print(table(["step", "µs", "ratio"], [[name, f"{s * 1e6:.0f}", f"{s / hand:.2f}"] for name, s in seconds.items()]))


if __name__ == "__main__":
    main()
