"""What a compiled function reads of optimizers, schedules, callbacks, metrics, data sets and Tensors' names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

X = np.array([1.0, 2.0])


class Own(nn.Dataset):
    def __init__(self) -> None:
        self.count = 5

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: Any) -> Any:
        return i


def optimizer() -> Any:
    return nn.SGD([nn.Parameter(np.ones(2))], lr=0.1)


def schedule() -> Any:
    return nn.schedules.StepLR(optimizer(), step_size=1)


# What there is, what a function reads of it, and what changes then.
CASES: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "a rate": (optimizer, lambda o: o.param_groups[0]["lr"], lambda o: o.param_groups[0].update(lr=0.5)),
    "a default": (optimizer, lambda o: o.defaults["lr"], lambda o: o.defaults.update(lr=0.5)),
    "the rate of a schedule": (schedule, lambda s: s.get_last_lr()[0], lambda s: s.step()),
    "the rate of its optimizer": (schedule, lambda s: s.optimizer.param_groups[0]["lr"], lambda s: s.step()),
    "the count of a schedule": (schedule, lambda s: s.last_epoch, lambda s: s.step()),
    "a callback": (
        lambda: nn.EarlyStopping(patience=3),
        lambda c: c.patience,
        lambda c: setattr(c, "patience", 9),
    ),
    "a metric": (
        nn.Accuracy,
        lambda m: m.count,
        lambda m: m.update(np.array([[0.1, 0.9]]), np.array([1])),
    ),
    "a data set": (Own, len, lambda d: setattr(d, "count", 7)),
    "a loader": (
        lambda: nn.DataLoader((np.ones((5, 3)),), batch_size=2),
        lambda d: d.batch_size,
        lambda d: setattr(d, "batch_size", 3),
    ),
    "the name of a Tensor": (
        lambda: ag.Tensor(X, name="a"),
        lambda t: len(t.name),
        lambda t: setattr(t, "name", "abc"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_read_may_change(name: str) -> None:
    make, read, change = CASES[name]
    thing = make()

    def function(x: Any) -> Any:
        return x * read(thing)

    compiled = ag.compile(function)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X), function(X))
    assert compiled.cache_info().hits == 2
    change(thing)
    np.testing.assert_array_equal(compiled(X), function(X))


def test_a_rate_that_no_function_reads_makes_no_other_program() -> None:
    """The update reads it where it is."""
    rule = optimizer()
    (w,) = rule.param_groups[0]["params"]

    def step(x: Any) -> Any:
        rule.zero_grad()
        loss = ag.sum(w * x)
        loss.backward()
        rule.step()
        return loss.detach()

    compiled = ag.compile(step)
    expected = np.ones(2)
    for k in range(6):
        rule.param_groups[0]["lr"] = 0.1 * (k + 1)
        assert compiled(X).item() == pytest.approx(np.sum(expected * X))
        expected = expected - 0.1 * (k + 1) * X
    np.testing.assert_allclose(w.numpy(), expected)
    assert compiled.cache_info().misses <= 2  # (with gradients left from before, and without)


def test_the_state_of_an_optimizer_is_refused() -> None:
    rule = nn.Adam([nn.Parameter(np.ones(2))])
    (w,) = rule.param_groups[0]["params"]

    def step(x: Any) -> Any:
        rule.zero_grad()
        ag.sum(w * x).backward()
        rule.step()
        return x * rule.state[w]["step"]

    with pytest.raises(ag.CompileError, match="reads the state of Adam"):
        ag.compile(step)(X)
