"""``nn.compile_step`` against the same steps uncompiled: optimizers, losses, layers, what may change between steps, what may go wrong.

Compiled and uncompiled steps agree bit for bit where the order of operations is the same; sums may be taken in another order, so the
comparisons allow some units in the last place, scaled by the largest element, and as many more as the steps amplify.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np import mutation

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 5))
LABELS = RNG.integers(0, 3, 24)
Y = RNG.normal(size=(24, 3))


def network(dtype: Any = np.float64, seed: int = 0) -> nn.Sequential:
    nn.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 8, dtype=dtype), nn.Tanh(), nn.Linear(8, 3, dtype=dtype))


def eager(model: nn.Module, loss: Any, optimizer: Any, *batch: Any, max_norm: float | None = None) -> float:
    """One step as one writes it down."""
    *inputs, target = batch
    optimizer.zero_grad()
    value = loss(model(*inputs), target)
    (value + model.penalty()).backward()
    if max_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return float(value.item())


def close(a: Any, b: Any, ulps: float, what: str = "") -> None:
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype, what
    assert a.shape == b.shape, what
    if a.size:
        scale = max(float(np.abs(a).max()), np.finfo(a.dtype).tiny if a.dtype.kind in "fc" else 1)
        allowed = ulps * (np.finfo(a.dtype).eps if a.dtype.kind in "fc" else 0) * scale
        np.testing.assert_allclose(a, b, rtol=0, atol=allowed, err_msg=what)


def same_state(first: Any, second: Any, ulps: float, what: str = "") -> None:
    """Two state_dicts."""
    assert first.keys() == second.keys(), what
    for key, value in first.items():
        other = second[key]
        if isinstance(value, dict):
            same_state(value, other, ulps, f"{what}.{key}")
        elif isinstance(value, np.ndarray):
            close(value, other, ulps, f"{what}.{key}")
        else:
            assert value == other, f"{what}.{key}"


def compared(make: Any, steps: Any, ulps: float, max_norm: float | None = None) -> nn.CompiledStep:
    """Train two equal models, and compare losses, parameters, buffers and the optimizers' state.

    Args:
        make: gives (model, loss, optimizer).
        steps: the batches.
        ulps: units in the last place, of the largest element.
        max_norm: for clipping.
    """
    a, loss_a, opt_a = make()
    expected = [eager(a, loss_a, opt_a, *batch, max_norm=max_norm) for batch in steps]
    b, loss_b, opt_b = make()
    step = nn.compile_step(b, loss_b, opt_b, max_norm=max_norm)
    got = [step(*batch).item() for batch in steps]
    close(np.array(expected, next(a.parameters()).dtype), np.array(got, next(a.parameters()).dtype), ulps, "losses")
    same_state(a.state_dict(), b.state_dict(), ulps, "model")
    same_state(opt_a.state_dict(), opt_b.state_dict(), ulps, "optimizer")
    assert step.cache_info().eager == 0
    return step


# ---------------------------------------------------------------- optimizers

OPTIMIZERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "SGD": (nn.SGD, {"lr": 0.1}),
    "SGD momentum": (nn.SGD, {"lr": 0.05, "momentum": 0.9}),
    "SGD dampening, decay": (nn.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.1, "weight_decay": 1e-2}),
    "SGD nesterov": (nn.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "SGD maximize": (nn.SGD, {"lr": 0.001, "momentum": 0.5, "maximize": True, "weight_decay": 1e-3}),
    "Adagrad": (nn.Adagrad, {"lr": 0.05, "lr_decay": 1e-2, "initial_accumulator_value": 0.1, "weight_decay": 1e-2}),
    "Adagrad maximize": (nn.Adagrad, {"lr": 0.001, "maximize": True}),
    "RMSprop": (nn.RMSprop, {"lr": 0.002, "eps": 1e-4}),
    "RMSprop centered, momentum": (nn.RMSprop, {"lr": 0.002, "momentum": 0.5, "centered": True, "weight_decay": 1e-2}),
    "Adadelta": (nn.Adadelta, {"lr": 1.0, "weight_decay": 1e-3}),
    "Adam": (nn.Adam, {"lr": 0.01}),
    "Adam amsgrad, decay": (nn.Adam, {"lr": 0.01, "amsgrad": True, "weight_decay": 1e-2}),
    "Adam decoupled": (nn.Adam, {"lr": 0.01, "weight_decay": 1e-2, "decoupled_weight_decay": True}),
    "Adam maximize": (nn.Adam, {"lr": 0.001, "maximize": True, "weight_decay": 1e-2}),
    "AdamW": (nn.AdamW, {"lr": 0.01, "betas": (0.8, 0.99)}),
    "NAdam": (nn.NAdam, {"lr": 0.005, "momentum_decay": 1e-2, "weight_decay": 1e-2}),
    "RAdam": (nn.RAdam, {"lr": 0.01, "weight_decay": 1e-2}),
    "Lion": (nn.Lion, {"lr": 0.001, "weight_decay": 1e-2}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_for_200_steps(name: str) -> None:
    """In float64, within 2^12 units in the last place: 1e-12 of the largest number after 200 steps, which amplify what differs."""
    kind, options = OPTIMIZERS[name]

    def make() -> Any:
        model = network()
        return model, nn.CrossEntropyLoss(), kind(model.parameters(), **options)

    step = compared(make, [(X, LABELS)] * 200, 4096)
    assert step.cache_info().misses == (2 if name == "RAdam" else 1)


def test_every_optimizer_is_in_the_table() -> None:
    kinds = {name for name in nn.__all__ if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Optimizer)}
    assert kinds - {"Optimizer", "LBFGS"} == {kind.__name__ for kind, _ in OPTIMIZERS.values()}
