"""Adamax and Rprop against their formulas, written out, and compiled against plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

RNG = np.random.default_rng(0)
STEPS = 40


def adamax(grads: Any, p: Any, lr: float, beta1: float, beta2: float, eps: float, decay: float, sign: int) -> Any:
    m, u = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        g = sign * g + decay * p
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g) + eps)
        p = p - lr / (1 - beta1**t) * m / u
    return p


def rprop(grads: Any, p: Any, lr: float, less: float, more: float, least: float, most: float, sign: int) -> Any:
    before, size = np.zeros_like(p), np.full_like(p, lr)
    for given in grads:
        g = sign * given
        turned, stays = g * before < 0, g * before > 0
        size = np.clip(size * np.where(stays, more, np.where(turned, less, 1.0)), least, most)
        g = np.where(turned, 0.0, g)
        p, before = p - np.sign(g) * size, g
    return p


CASES: list[tuple[Callable[[Any], nn.Optimizer], Callable[[Any, Any], Any]]] = [
    (lambda ps: nn.optim.Adamax(ps), lambda g, p: adamax(g, p, 2e-3, 0.9, 0.999, 1e-8, 0.0, 1)),
    (
        lambda ps: nn.optim.Adamax(ps, 0.1, (0.5, 0.9), 1e-3, 0.1, maximize=True),
        lambda g, p: adamax(g, p, 0.1, 0.5, 0.9, 1e-3, 0.1, -1),
    ),
    (lambda ps: nn.optim.Rprop(ps), lambda g, p: rprop(g, p, 1e-2, 0.5, 1.2, 1e-6, 50, 1)),
    (
        lambda ps: nn.optim.Rprop(ps, 0.5, (0.3, 2.0), (1e-2, 1.0), maximize=True),
        lambda g, p: rprop(g, p, 0.5, 0.3, 2.0, 1e-2, 1.0, -1),
    ),
]


@pytest.mark.parametrize(("make", "formula"), CASES)
@pytest.mark.parametrize("shape", [(3,), (2, 3), (), (200, 100)])
def test_the_formula(make: Any, formula: Any, shape: tuple[int, ...]) -> None:
    p = ag.Tensor(RNG.normal(size=shape), requires_grad=True)
    start, grads = p.numpy().copy(), [np.asarray(RNG.normal(size=shape)) for _ in range(STEPS)]
    grads[3] = np.zeros(shape)
    optimizer = make([p])
    for i, g in enumerate(grads):
        if i == STEPS // 2:  # what is saved goes on
            state = optimizer.state_dict()
            optimizer = make([p])
            optimizer.load_state_dict(state)
        p.grad = g
        optimizer.step()
    np.testing.assert_allclose(p.numpy(), formula(grads, start), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("make", "_"), CASES[::2])
def test_compiled(make: Any, _: Any) -> None:
    x, y = RNG.normal(size=(20, 4)), RNG.normal(size=(20, 2))
    losses = []
    for compiled in (False, True):
        nn.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8, dtype=float), nn.Tanh(), nn.Linear(8, 2, dtype=float))
        optimizer = make(model.parameters())
        history = nn.fit(model, nn.MSELoss(), optimizer, [(x, y)], 30, compile=compiled)
        losses.append(history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-9)
    assert losses[0][-1] < losses[0][0]


@pytest.mark.parametrize(
    "make",
    [
        lambda ps: nn.optim.Adamax(ps, -1.0),
        lambda ps: nn.optim.Adamax(ps, betas=(1.0, 0.9)),
        lambda ps: nn.optim.Rprop(ps, etas=(1.2, 0.5)),
        lambda ps: nn.optim.Rprop(ps, step_sizes=(2.0, 1.0)),
    ],
)
def test_senseless_options(make: Any) -> None:
    with pytest.raises(ValueError, match="Adamax|Rprop"):
        make([ag.Tensor([1.0], requires_grad=True)])


def test_an_optimizer_of_ones_own_is_traced_once() -> None:
    class Own(nn.optim.Rprop):
        pass

    model = nn.Linear(4, 2)
    step = nn.compile_step(model, nn.MSELoss(), Own(model.parameters()))
    x, y = RNG.normal(size=(5, 4)).astype(np.float32), np.zeros((5, 2), np.float32)
    for _ in range(5):
        step(x, y)
    assert step.cache_info().misses == 1
