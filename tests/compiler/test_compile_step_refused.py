"""``nn.compile_step``: clipping, optimizers of one's own, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from step_twins import D, equal, made
from stepping import LABELS, X, Y, close, compared, eager, network, same_state

import autograd_np as ag
import nn

# ---------------------------------------------------------------- clipping


@pytest.mark.parametrize("max_norm", [0.05, 0.5, 1e3])
def test_clipping(max_norm: float) -> None:
    def make() -> Any:
        model, loss = network(), nn.CrossEntropyLoss()
        model.append(nn.Linear(3, 3, dtype=np.float32))
        model.append(nn.Tanh())
        return model, loss, nn.SGD(model.parameters(), lr=0.5)

    model = make()[0]
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32), np.dtype(D)}
    compared(make, [(X, LABELS)] * 20, 64, max_norm=max_norm)


def test_clipping_in_a_function_of_ones_own() -> None:
    results = []
    for compiled in (False, True):
        model, loss, optimizer = made(nn.SGD)

        def step(x: Any, y: Any, model: Any = model, loss: Any = loss, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            value = loss(model(x), y)
            value.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.1, norm_type=1.0)
            nn.utils.clip_grad_value_(model.parameters(), 0.01)
            optimizer.step()
            return value.detach(), norm

        run = ag.compile(step, state=(model, loss)) if compiled else step
        found = [run(X, LABELS) for _ in range(5)]
        results.append([[float(v.item()), float(norm)] for v, norm in found])
    close(np.array(results[0]), np.array(results[1]), 64)


def test_clipping_that_raises() -> None:
    w = ag.Tensor(np.ones(3), requires_grad=True)
    optimizer = nn.SGD([w], lr=0.1)

    def step(x: Any) -> Any:
        w.grad = None
        (w * x).sum().backward()
        nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)
        optimizer.step()
        w.grad = None

    run = ag.compile(step, state=(w,))
    run(np.ones(3))
    run(np.ones(3))
    before = w.numpy().copy()
    with pytest.raises(RuntimeError, match="the norm of order 2 of the gradients is inf"):
        run(np.array([1.0, np.inf, 1.0]))
    assert np.array_equal(w.numpy(), before)


# ---------------------------------------------------------------- optimizers of one's own, and what is refused


class Mine(nn.Optimizer):
    """Reads an option where it computes, and an attribute."""

    scale = 1.0

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr, "sharpness": 0.5, "mode": "plain"})
        self.factor = 1.0
        self.mask: Any = np.ones(1)

    def slots(self, group: Any) -> Any:
        return ("last",)

    slot_names = ("last",)

    def coefficients(self, group: Any, counters: Any) -> Any:
        return (counters[0] + 1,), (group["lr"],), None

    def update(self, group: Any, p: Any, g: Any, state: Any, c: Any, w: Any, phase: Any) -> None:
        np.multiply(g, group["sharpness"] * self.factor, w[0])
        if group["mode"] == "mean":
            np.add(w[0], state[0], w[0])
        np.multiply(w[0], c[0], w[0])
        np.multiply(w[0], self.mask, w[0])
        np.subtract(p, w[0], p)
        state[0][...] = g


def test_an_optimizer_of_ones_own() -> None:
    """What it looks at beside its numbers is part of the program, and is looked at before each step."""
    found = []
    for compiled in (False, True):
        model, loss = network(), nn.CrossEntropyLoss()
        optimizer = Mine(model.parameters(), 0.1)
        step: Any = (
            nn.compile_step(model, loss, optimizer)
            if compiled
            else lambda *batch, m=model, f=loss, o=optimizer: eager(m, f, o, *batch)
        )
        for i in range(15):
            optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
            if i == 4:
                optimizer.param_groups[0]["sharpness"] = 0.7
            if i == 7:
                optimizer.param_groups[0]["mode"] = "mean"
            if i == 9:
                optimizer.factor = 0.5
            if i == 11:
                optimizer.mask = np.full(1, 0.5)
            step(X, LABELS)
        found.append((model, optimizer))
    equal(*found)


def test_an_optimizer_that_counts_in_update_is_refused() -> None:
    class Counts(Mine):
        def update(self, *args: Any) -> None:
            super().update(*args)
            self.factor *= 0.9

    model = network()
    step = nn.compile_step(model, nn.CrossEntropyLoss(), Counts(model.parameters(), 0.1))
    before = model.state_dict()
    with pytest.raises(ag.CompileError, match="Counts changes attributes of its own in a step"):
        step(X, LABELS)
    same_state(before, model.state_dict(), 0)


class OtherStep(nn.Adam):
    """A step of its own."""

    def step(self, closure: Any = None) -> Any:
        return super().step(closure)


class Foreign:
    """Not of this library."""

    def zero_grad(self) -> None:
        pass

    def step(self) -> None:
        pass


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (
            lambda m: (m, nn.MSELoss(), nn.LBFGS(m.parameters())),
            TypeError,
            "compile_step: LBFGS computes the loss several times in a step",
        ),
        (
            lambda m: (m, nn.MSELoss(), Foreign()),
            TypeError,
            "the optimizer is one of nn.optim, or derived from nn.Optimizer, .* not a Foreign",
        ),
        (lambda m: (m, nn.MSELoss(), nn.Adam), TypeError, "not the class Adam"),
        (lambda m: (m, nn.MSELoss(), OtherStep(m.parameters())), TypeError, r"OtherStep has a step\(\) of its own"),
        (
            lambda m: (m, nn.MSELoss, nn.Adam(m.parameters())),
            TypeError,
            "the loss is a function .* not the class MSELoss",
        ),
        (
            lambda m: (m.forward, nn.MSELoss(), nn.Adam(m.parameters())),
            TypeError,
            "the model is an nn.Module, not a method",
        ),
    ],
)
def test_what_is_refused(make: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        nn.compile_step(*make(network()))


@pytest.mark.parametrize("max_norm", [-1.0, float("nan"), "1", True])
def test_a_bad_max_norm(max_norm: Any) -> None:
    with pytest.raises(ValueError, match="compile_step: max_norm is a number of at least 0, or None"):
        nn.compile_step(*made(), max_norm=max_norm)


def test_a_bad_backend() -> None:
    with pytest.raises(ValueError, match="backend"):
        nn.compile_step(*made(), backend="cuda")


def test_a_loss_per_sample_is_refused() -> None:
    model, _, optimizer = made()
    with pytest.raises(
        TypeError, match=r"compile_step: the loss must be one number, a Tensor, not one of shape \(24,\)"
    ):
        nn.compile_step(model, nn.CrossEntropyLoss(reduction="none"), optimizer)(X, LABELS)


def test_a_loss_that_looks_at_numbers_is_refused() -> None:
    model, _, optimizer = made()
    before = model.state_dict()

    def loss(p: Any, y: Any) -> Any:
        value = ag.mean(ag.square(p - y))
        return value if value > 3 else 2 * value

    with pytest.raises(ag.CompileError, match="truth value .*test_compile_step_refused.py"):
        nn.compile_step(model, loss, optimizer)(X, Y)
    same_state(before, model.state_dict(), 0)
