"""The schedules against PyTorch's rates, closed forms, resuming, errors."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn.optim
from nn import schedules
from nn.optim import SGD, Adagrad, Adam

REFERENCES = Path(__file__).parent.parent / "references"
_spec = importlib.util.spec_from_file_location("make_schedules", REFERENCES / "make_schedules.py")
assert _spec is not None
assert _spec.loader is not None
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    with np.load(REFERENCES / "schedules.npz") as file:
        return dict(file)


def two_groups() -> SGD:
    a, b = ag.Tensor([0.0], requires_grad=True), ag.Tensor([0.0], requires_grad=True)
    return SGD([{"params": [a]}, {"params": [b], "lr": 0.03}], lr=0.1, momentum=0.9)


def one_group(lr: float = 1.0) -> SGD:
    return SGD([ag.Tensor([0.0], requires_grad=True)], lr=lr)


@pytest.mark.filterwarnings("ignore:.*no parameter has a gradient")
@pytest.mark.parametrize("case", make.CASES)
def test_rates_are_pytorchs(case: str, reference: dict[str, Any]) -> None:
    np.testing.assert_allclose(make.run(case, schedules, two_groups()), reference[case], rtol=1e-12, atol=1e-15)


def test_inverse_time_decay() -> None:
    optimizer = two_groups()
    schedule = schedules.InverseTimeDecay(optimizer, 1e-2)
    for t in range(50):
        np.testing.assert_allclose(schedule.get_last_lr(), [0.1 / (1 + 0.01 * t), 0.03 / (1 + 0.01 * t)], rtol=1e-15)
        schedule.step()
    with pytest.raises(ValueError, match="-1"):
        schedules.InverseTimeDecay(optimizer, -1.0)


def test_the_module_stands_in_the_optimizers_too() -> None:
    assert nn.optim.lr_scheduler is schedules


@pytest.mark.parametrize("case", [*make.CASES, "InverseTimeDecay"])
@pytest.mark.parametrize("order", ["optimizer first", "schedule first", "made after loading"])
@pytest.mark.parametrize("at", [0, 9, 41])
def test_a_restored_schedule_goes_on_exactly(case: str, order: str, at: int) -> None:
    construct = {**make.CASES, "InverseTimeDecay": lambda s, o: s.InverseTimeDecay(o, 0.05)}[case]

    def advance(schedule: Any, steps: range) -> list[Any]:
        rows = []
        for step in steps:
            schedule.step(*([make.metric(step)] if case.startswith("Reduce") else []))
            rows.append([(g["lr"], g["momentum"]) for g in schedule.optimizer.param_groups])
        return rows

    optimizer = two_groups()
    schedule = construct(schedules, optimizer)
    advance(schedule, range(1, at + 1))
    saved = json.loads(json.dumps([optimizer.state_dict(), schedule.state_dict()]))
    other = two_groups()
    if order == "made after loading":
        other.load_state_dict(saved[0])
    twin = construct(schedules, other)
    if order == "optimizer first":
        other.load_state_dict(saved[0])
    twin.load_state_dict(saved[1])
    if order == "schedule first":
        other.load_state_dict(saved[0])
    assert twin.last_epoch == schedule.last_epoch
    assert twin.get_last_lr() == schedule.get_last_lr()
    assert [g["lr"] for g in other.param_groups] == [g["lr"] for g in optimizer.param_groups]
    assert advance(twin, range(at + 1, 80)) == advance(schedule, range(at + 1, 80))


def test_one_cycle_moves_the_first_beta() -> None:
    optimizer = Adam([ag.Tensor([0.0], requires_grad=True)])
    schedule = schedules.OneCycleLR(optimizer, 1.0, 10)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.999)
    for _ in range(2):
        schedule.step()
    np.testing.assert_allclose(optimizer.param_groups[0]["betas"], (0.85, 0.999))
    assert optimizer.param_groups[0]["lr"] == 1.0
    for _ in range(8):
        schedule.step()
    with pytest.raises(ValueError, match="11"):
        schedule.step()
    schedules.OneCycleLR(optimizer, 1.0, 1).step()


def test_warm_restarts_take_fractions_of_an_epoch() -> None:
    schedule = schedules.CosineAnnealingWarmRestarts(one_group(), 4, 2)
    for epoch in (0.0, 0.5, 3.75, 4.0, 5.5, 11.9, 12.0, 13.0, 2.0):
        schedule.step(epoch)
        start, period = (0, 4) if epoch < 4 else (4, 8) if epoch < 12 else (12, 16)
        assert schedule.get_last_lr()[0] == pytest.approx(0.5 * (1 + math.cos(math.pi * (epoch - start) / period)))
        assert schedule.last_epoch == int(epoch)
    schedule.step()
    assert schedule.last_epoch == 3
    with pytest.raises(ValueError, match="-1"):
        schedule.step(-1)


@pytest.mark.parametrize(
    ("make_it", "value"),
    [
        (lambda o, e: schedules.StepLR(o, 3, 0.5, last_epoch=e), lambda t: 0.5 ** (t // 3)),
        (
            lambda o, e: schedules.CosineAnnealingLR(o, 20, last_epoch=e),
            lambda t: 0.5 * (1 + math.cos(math.pi * t / 20)),
        ),
        (
            lambda o, e: schedules.CosineAnnealingWarmRestarts(o, 5, 2, last_epoch=e),
            lambda t: 0.5 * (1 + math.cos(math.pi * (t - 5) / 10)),
        ),
        (lambda o, e: schedules.LambdaLR(o, lambda t: 1 / (1 + t), last_epoch=e), lambda t: 1 / (1 + t)),
        (lambda o, e: schedules.ExponentialLR(o, 0.9, last_epoch=e), lambda t: 0.9**t),
    ],
)
def test_last_epoch_goes_on(make_it: Any, value: Any) -> None:
    optimizer = one_group()
    optimizer.param_groups[0]["initial_lr"] = 1.0
    optimizer.param_groups[0]["lr"] = value(7)
    schedule = make_it(optimizer, 6)
    assert schedule.last_epoch == 7
    schedule.step()
    assert schedule.get_last_lr() == pytest.approx([value(8)])
    with pytest.raises(KeyError, match="initial_lr"):
        make_it(one_group(), 6)


def test_a_callable_object_is_saved_with_its_numbers() -> None:
    class Shrink:
        def __init__(self) -> None:
            self.factor = 1.0

        def __call__(self, epoch: int) -> float:
            self.factor *= 0.5
            return self.factor

    schedule = schedules.LambdaLR(one_group(), Shrink())
    schedule.step()
    twin = schedules.LambdaLR(one_group(), Shrink())
    twin.load_state_dict(schedule.state_dict())
    schedule.step()
    twin.step()
    assert twin.get_last_lr() == schedule.get_last_lr() == [0.125]


def test_a_rate_changed_by_hand_stays_changed() -> None:
    optimizer = one_group()
    schedule = schedules.StepLR(optimizer, 2, 0.5)
    optimizer.param_groups[0]["lr"] = 10.0
    schedule.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == 5.0


def test_nested_sequences() -> None:
    optimizer = one_group()
    inner = schedules.SequentialLR(
        optimizer, [schedules.ConstantLR(optimizer, 0.5, 50), schedules.ExponentialLR(optimizer, 0.5)], [2]
    )
    chain = schedules.ChainedScheduler([schedules.StepLR(optimizer, 1, 0.5), schedules.ExponentialLR(optimizer, 0.5)])
    schedule = schedules.SequentialLR(optimizer, [inner, chain], [4])
    rates = []
    for _ in range(7):
        rates += schedule.get_last_lr()
        schedule.step()
    assert rates == [0.5, 0.5, 1.0, 0.5, 1.0, 0.25, 0.0625]
    saved = json.loads(json.dumps(schedule.state_dict()))
    schedule.step()
    after = schedule.get_last_lr()
    schedule.load_state_dict(saved)
    schedule.step()
    assert schedule.get_last_lr() == after


@pytest.mark.parametrize(
    ("make_it", "error", "words"),
    [
        (lambda o: schedules.StepLR([o], 3), TypeError, "list"),
        (lambda o: schedules.StepLR(o, 0), ValueError, "step_size.*0"),
        (lambda o: schedules.LambdaLR(o, [abs, abs]), ValueError, "2 values"),
        (lambda o: schedules.LambdaLR(o, 0.5), TypeError, "function"),
        (lambda o: schedules.ConstantLR(o, 1.5), ValueError, r"1\.5"),
        (lambda o: schedules.ConstantLR(o, 0.0), ValueError, r"0\.0"),
        (lambda o: schedules.LinearLR(o, 0.0), ValueError, "start_factor"),
        (lambda o: schedules.LinearLR(o, 0.5, 1.5), ValueError, "end_factor"),
        (lambda o: schedules.CosineAnnealingLR(o, 0), ValueError, "T_max"),
        (lambda o: schedules.CosineAnnealingWarmRestarts(o, 2.5), ValueError, "T_0"),
        (lambda o: schedules.CosineAnnealingWarmRestarts(o, 2, 0), ValueError, "T_mult"),
        (lambda o: schedules.OneCycleLR(o, 1.0), ValueError, "total_steps"),
        (lambda o: schedules.OneCycleLR(o, 1.0, 0), ValueError, "total_steps"),
        (lambda o: schedules.OneCycleLR(o, 1.0, 10, pct_start=2.0), ValueError, "pct_start"),
        (lambda o: schedules.OneCycleLR(o, 1.0, 10, anneal_strategy="cubic"), ValueError, "cubic"),
        (lambda o: schedules.OneCycleLR(Adagrad(o.param_groups[0]["params"]), 1.0, 10), ValueError, "Adagrad"),
        (lambda o: schedules.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor"),
        (lambda o: schedules.ReduceLROnPlateau(o, "low"), ValueError, "low"),
        (lambda o: schedules.ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold_mode"),
        (lambda o: schedules.ReduceLROnPlateau(o, min_lr=[0.1, 0.2]), ValueError, "2 values"),
        (lambda o: schedules.ChainedScheduler([]), ValueError, "no schedules"),
        (lambda o: schedules.ChainedScheduler([o]), TypeError, "SGD"),
        (lambda o: schedules.ChainedScheduler([schedules.ReduceLROnPlateau(o)]), ValueError, "metric"),
        (
            lambda o: schedules.ChainedScheduler([schedules.StepLR(o, 1), schedules.StepLR(one_group(), 1)]),
            ValueError,
            "another optimizer",
        ),
        (lambda o: schedules.SequentialLR(o, [schedules.StepLR(o, 1)], [1]), ValueError, "0 milestones"),
    ],
)
def test_errors(make_it: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make_it(one_group())


def test_a_wrong_state_changes_nothing() -> None:
    schedule = schedules.StepLR(one_group(), 3)
    schedule.step()
    before = schedule.state_dict()
    for wrong in (
        schedules.ExponentialLR(one_group(), 0.5).state_dict(),
        schedules.StepLR(two_groups(), 3).state_dict(),
        [1],
    ):
        with pytest.raises(ValueError, match="StepLR"):
            schedule.load_state_dict(wrong)
    assert schedule.state_dict() == before
    optimizer = one_group()
    chain = schedules.ChainedScheduler([schedules.StepLR(optimizer, 3)])
    saved = chain.state_dict()
    saved["schedulers"].append(saved["schedulers"][0])
    with pytest.raises(ValueError, match="inside"):
        chain.load_state_dict(saved)


def test_plateau_takes_tensors_and_nan() -> None:
    optimizer = one_group()
    schedule = schedules.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    schedule.step(ag.Tensor(1.0))
    schedule.step(np.float32(0.5))
    schedule.step(math.nan)
    assert optimizer.param_groups[0]["lr"] == 0.5
