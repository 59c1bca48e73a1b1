"""What the tests of compiled training steps share: the same steps uncompiled, and the comparison.

Compiled and uncompiled steps agree bit for bit where the order of operations is the same; sums may be taken in another
order, so the comparisons allow some units in the last place, scaled by the largest element, and as many more as the
steps amplify.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import nn

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
