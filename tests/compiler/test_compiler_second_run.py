"""The function is run twice in its first call, traced and by itself, and what differs is not compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stepping import LABELS, X, network

import autograd_np as ag
import nn
from autograd_np.compiler.second_run import difference


def by_type(predictions: Any, target: Any) -> Any:
    """A loss that asks what it was given."""
    return ag.mean((predictions - target) ** 2) * (2.0 if isinstance(target, np.ndarray) else 1.0)


@pytest.mark.parametrize("optimizer", [nn.SGD, nn.Adam])
def test_a_step_whose_loss_asks_for_a_type(optimizer: Any) -> None:
    """It is not compiled, and trains as it does uncompiled."""
    y = np.random.default_rng(0).normal(size=(len(X), 3))
    found = []
    for compiled in (False, True):
        nn.manual_seed(0)
        model = network()
        rule = optimizer(model.parameters(), lr=0.01)
        losses = []
        if compiled:
            step: Any = nn.compile_step(model, by_type, rule)
            with pytest.warns(RuntimeWarning, match=r"traced than when it runs by itself \(the gradient for its first"):
                losses.append(step(X, y).item())
            losses += [step(X, y).item() for _ in range(3)]
            assert step.cache_info()[:3] == (0, 1, 3)
        else:
            for _ in range(4):
                rule.zero_grad()
                loss = by_type(model(X), y)
                loss.backward()
                rule.step()
                losses.append(loss.item())
        assert rule.state[model[0].weight]["step"] == 4 if optimizer is nn.Adam else True
        found.append((losses, [p.numpy().copy() for p in model.parameters()]))
    assert found[0][0] == found[1][0]
    for a, b in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_two_optimizers_in_a_function() -> None:
    """The second run ends where the first optimizer begins; counts and moments are those of so many calls."""
    found = []
    for compiled in (False, True):
        nn.manual_seed(0)
        one, two = nn.Linear(5, 5), nn.Linear(5, 3)
        first, second = nn.Adam(one.parameters(), lr=0.01), nn.SGD(two.parameters(), lr=0.01, momentum=0.9)

        def both(x: Any, y: Any, one: Any = one, two: Any = two, first: Any = first, second: Any = second) -> Any:
            losses = []
            for optimizer in (first, second):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(two(one(x)), y)
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
            return losses

        run: Any = ag.compile(both, state=(one, two)) if compiled else both
        losses = [[v.item() for v in run(X.astype(np.float32), LABELS)] for _ in range(5)]
        assert first.state[one.weight]["step"] == 5
        found.append((losses, one.weight.numpy(), two.weight.numpy()))
        if compiled:
            assert run.cache_info().hits >= 3
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("given", "expected", "words"),
    [
        ([1.0, 1e-17], [1.0, -2e-17], ""),  # rounding of what is zero
        ([1.0, 1e-3], [1.0, 1.1e-3], "a result has other numbers"),
        ([1.0, 1e-12], [1.0, 2e-12], "a result has other numbers"),
        ([1.0, np.nan], [1.0 + 1e-15, np.nan], ""),
        ([1.0, np.inf], [1.0, -np.inf], "a result has other numbers"),
        ([np.ones(3)], [np.ones(3, np.float32)], r"a result is (3,) float64, and (3,) float32"),
        ([1.0], [1.0, 2.0], "a result has 1 parts, and 2"),
    ],
)
def test_what_counts_as_a_difference(given: Any, expected: Any, words: str) -> None:
    def arrays(row: Any) -> Any:
        return [np.asarray(x) for x in row]

    assert difference(arrays(given), arrays(expected), "a result") == words
