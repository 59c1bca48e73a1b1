"""``nn.compile_step``: what is left when a step raises, and what it does to the tape and the model around it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from step_twins import D, equal, made, twins
from stepping import LABELS, RNG, X, eager, same_state

import autograd_np as ag
import nn

# ---------------------------------------------------------------- what is left when a step raises


def full() -> Any:
    nn.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(5, 8, dtype=D), nn.BatchNorm1d(8, dtype=D), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 3, dtype=D)
    )
    return model, nn.CrossEntropyLoss(), nn.Adam(model.parameters(), lr=0.02)


def snapshot(model: Any, optimizer: Any) -> Any:
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict()}


BAD = np.where(np.arange(24) == 7, 5, LABELS)


@pytest.mark.parametrize("steps_before", [0, 1, 3])
def test_a_bad_label_changes_nothing(steps_before: int) -> None:
    model, loss, optimizer = full()
    step = nn.compile_step(model, loss, optimizer)
    for _ in range(steps_before):
        step(X, LABELS)
    before = snapshot(model, optimizer)
    with pytest.raises(IndexError, match="5") as caught:
        step(X, BAD)
    same_state(before, snapshot(model, optimizer), 0)
    notes = getattr(caught.value, "__notes__", [])
    assert not any("in part" in note for note in notes)
    if steps_before:
        assert any("random generators may have moved on" in note for note in notes)
    step(X, LABELS)
    assert optimizer.state[model[0].weight]["step"] == steps_before + 1


class Interrupted(BaseException):
    """As a KeyboardInterrupt, at a place that is known."""


def interrupt(monkeypatch: Any, name: str, after: int = 0) -> None:
    original, calls = getattr(np, name), [0]

    def raising(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] > after:
            raise Interrupted
        return original(*args, **kwargs)

    monkeypatch.setattr(np, name, raising)


@pytest.mark.parametrize("name", ["tanh", "exp", "dot"])
def test_interrupted_before_anything_is_written(name: str, monkeypatch: Any) -> None:
    model, loss, optimizer = full()
    step = nn.compile_step(model, loss, optimizer)
    step(X, LABELS)
    step(X, LABELS)
    before = snapshot(model, optimizer)
    with monkeypatch.context() as patch:
        interrupt(patch, name, 5 if name == "dot" else 0)
        with pytest.raises(Interrupted) as caught:
            step(X, LABELS)
    same_state(before, snapshot(model, optimizer), 0)
    assert caught.value.__notes__ == ["compile: the random generators may have moved on"]


def test_interrupted_while_it_writes(monkeypatch: Any) -> None:
    """A note says so, and the next step's numbers are right all the same."""
    model, loss, optimizer = made()
    step = nn.compile_step(model, loss, optimizer)
    step(X, LABELS)
    step(X, LABELS)
    before = snapshot(model, optimizer)
    with monkeypatch.context() as patch:
        interrupt(patch, "sqrt")
        with pytest.raises(Interrupted) as caught:
            step(X, LABELS)
    assert any("may be written in part" in note for note in caught.value.__notes__)
    model.load_state_dict(before["model"])
    optimizer.load_state_dict(before["optimizer"])
    step(X, LABELS)
    other, _, second = made()
    for _ in range(3):
        eager(other, loss, second, X, LABELS)
    equal((model, optimizer), (other, second))


def test_interrupted_between_the_steps_numbers() -> None:
    """Where some of a step's numbers are put where the program reads them and others not yet, all of them are put there
    anew."""
    one, other = twins(nn.SGD, momentum=0.9)
    for _ in range(2):
        one[2](X, LABELS)
        other[2](X, LABELS)
    before = snapshot(*other[:2])

    class Trap:
        def __setitem__(self, index: Any, value: Any) -> None:
            raise Interrupted

    model, optimizer, step = other
    numbers = step._last.before[0].__self__.steps[0]
    arrays = numbers.arrays
    numbers.arrays = [arrays[0], Trap(), *arrays[2:]]
    optimizer.param_groups[0].update(lr=0.5, momentum=0.5)
    with pytest.raises(Interrupted):
        step(X, LABELS)
    same_state(before["model"], model.state_dict(), 0)
    numbers.arrays = arrays
    optimizer.param_groups[0].update(lr=0.02, momentum=0.9)
    for _ in range(2):
        one[2](X, LABELS)
        step(X, LABELS)
    equal(one, other)
    assert step.cache_info().misses == 1


# ---------------------------------------------------------------- the tape


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_tape_from_before_a_step_cannot_be_pulled_after_it(call: int) -> None:
    model, loss, optimizer = made()
    step = nn.compile_step(model, loss, optimizer)
    for _ in range(call - 1):
        step(X, LABELS)
    value = loss(model(X), LABELS)
    step(X, LABELS)
    with pytest.raises(ag.MutationError):
        value.backward()
    fresh = loss(model(X), LABELS)
    fresh.backward()


def test_a_tape_that_keeps_nothing_of_the_model_is_not_disturbed() -> None:
    model, loss, optimizer = made()
    step = nn.compile_step(model, loss, optimizer)
    w = ag.Tensor([1.0, 2.0], requires_grad=True)
    value = (w * w).sum()
    step(X, LABELS)
    step(X, LABELS)
    value.backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_a_program_that_writes_a_tensor_it_is_given() -> None:
    def double(t: Any) -> Any:
        array = t.writable()
        np.multiply(array, 2.0, out=array)
        return array.sum()

    run = ag.compile(double)
    for _ in range(3):
        w = ag.Tensor(np.array([1.0, 2.0]), copy=True)
        x = ag.Tensor([3.0, 4.0], requires_grad=True)
        value = (w * x).sum()
        run(w)
        assert w.tolist() == [2.0, 4.0]
        with pytest.raises(ag.MutationError):
            value.backward()


# ---------------------------------------------------------------- what it is


def test_what_it_holds_and_shows() -> None:
    model, loss, optimizer = made()
    step = nn.compile_step(model, loss, optimizer)
    assert isinstance(step, ag.Compiled)
    assert (step.model, step.loss, step.optimizer) == (model, loss, optimizer)
    value = step(X, LABELS)
    assert isinstance(value, ag.Tensor)
    assert value.shape == ()
    assert not value.requires_grad
    assert "def step(" in step.source
    assert repr(step) == "CompiledStep(Sequential, CrossEntropyLoss, Adam)"
    assert step.cache_info() == (0, 1, 0, 1)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda step: pickle.loads(pickle.dumps(step))])
def test_copies_train_on_their_own(again: Any) -> None:
    one, other = twins()
    for _ in range(5):
        one[2](X, LABELS)
        other[2](X, LABELS)
    step = again(other[2])
    before = snapshot(other[0], other[1])
    for _ in range(5):
        one[2](X, LABELS)
        step(X, LABELS)
    equal(one, (step.model, step.optimizer))
    same_state(before, snapshot(other[0], other[1]), 0)


def test_the_model_is_used_as_before_between_steps() -> None:
    """Its parameters lie side by side now; saving, copying, evaluating and training without a program do not notice."""
    model, loss, optimizer = made()
    step = nn.compile_step(model, loss, optimizer)
    for _ in range(3):
        step(X, LABELS)
    twin = copy.deepcopy(model)
    same_state(model.state_dict(), twin.state_dict(), 0)
    assert not any(np.shares_memory(p.numpy(), q.numpy()) for p in model.parameters() for q in twin.parameters())
    a, b = nn.Adam(model.parameters(), lr=0.01), nn.Adam(twin.parameters(), lr=0.01)
    for _ in range(3):
        assert eager(model, loss, a, X, LABELS) == eager(twin, loss, b, X, LABELS)
    same_state(model.state_dict(), twin.state_dict(), 0)
    x = RNG.normal(size=(3, 5))
    assert np.array_equal(model(x).numpy(), twin(x).numpy())


def test_arrays_that_somebody_holds_stay_the_models() -> None:
    """A view of a parameter taken before the first step sees what is written later."""
    model, loss, optimizer = made()
    held = model[0].weight.numpy()
    step = nn.compile_step(model, loss, optimizer)
    for _ in range(3):
        step(X, LABELS)
        assert np.array_equal(held, model[0].weight.numpy())
    other, _, second = made()
    for _ in range(3):
        eager(other, loss, second, X, LABELS)
    equal((model, optimizer), (other, second))
