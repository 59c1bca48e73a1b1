"""no_grad, enable_grad, detect_anomaly: contexts and decorators, per thread and task, restored in any case."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.engine.errors import AnomalyError
from autograd_np.engine.registry import REGISTRY


def test_no_grad_as_context_and_decorator():
    x = ag.Tensor([1.0], requires_grad=True)
    with ag.no_grad():
        assert not (x * 2.0).requires_grad
        with ag.enable_grad():
            assert (x * 2.0).requires_grad
        assert not (x * 2.0).requires_grad
    assert (x * 2.0).requires_grad

    @ag.no_grad()
    def evaluate(x):
        """Docs."""
        return x * 2.0

    assert not evaluate(x).requires_grad
    assert evaluate.__doc__ == "Docs."
    assert (x * 2.0).requires_grad


def test_modes_decorate_generators_and_coroutines():
    x = ag.Tensor([1.0], requires_grad=True)

    @ag.no_grad()
    def steps():
        for _ in range(3):
            yield (x * 2.0).requires_grad

    seen = [(inside, (x * 2.0).requires_grad) for inside in steps()]
    assert seen == [(False, True)] * 3

    @ag.no_grad()
    async def later():
        await asyncio.sleep(0)
        return (x * 2.0).requires_grad

    assert asyncio.run(later()) is False


def test_modes_are_restored_after_an_exception():
    with pytest.raises(KeyError), ag.no_grad():
        raise KeyError
    assert ag.is_grad_enabled()


def test_modes_are_per_thread():
    x = ag.Tensor([1.0], requires_grad=True)
    seen = []
    with ag.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2.0).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_modes_are_per_task():
    x = ag.Tensor([1.0], requires_grad=True)

    async def quiet():
        with ag.no_grad():
            await asyncio.sleep(0.01)
            return (x * 2.0).requires_grad

    async def loud():
        await asyncio.sleep(0.005)
        return (x * 2.0).requires_grad

    async def both():
        return await asyncio.gather(quiet(), loud())

    assert asyncio.run(both()) == [False, True]


def test_one_mode_object_can_be_entered_again():
    mode = ag.no_grad()
    with mode:
        with mode:
            assert not ag.is_grad_enabled()
        assert not ag.is_grad_enabled()
    assert ag.is_grad_enabled()


def test_anomaly_forward_names_operation_index_input_and_line():
    x = ag.Tensor([1.0, 0.0], requires_grad=True)
    with ag.detect_anomaly(), np.errstate(all="ignore"), pytest.raises(AnomalyError) as caught:
        np.log(x)
    text = str(caught.value)
    assert "log" in text
    assert "(1,)" in text
    assert "0.0" in text
    assert "test_modes.py" in text


def test_anomaly_backward_names_the_forward_line():
    x = ag.Tensor([4.0, 0.0], requires_grad=True)
    with ag.detect_anomaly():
        y = np.sqrt(x).sum()
        with pytest.raises(AnomalyError) as caught:
            y.backward()
    text = str(caught.value)
    assert "sqrt" in text
    assert "(1,)" in text
    assert "test_modes.py" in text
    assert x.grad is None


def test_anomaly_leaves_finite_work_alone():
    x = ag.Tensor([4.0, 1.0], requires_grad=True)
    with ag.detect_anomaly():
        np.sqrt(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.25, 0.5])
    with ag.detect_anomaly():
        first, second = np.split(ag.Tensor([4.0, 1.0], requires_grad=True), 2)
        (first * second).sum().backward()
        assert ag.grad(ag.grad(np.sin))(0.5) == pytest.approx(-np.sin(0.5))


# ---------------------------------------------------------------- NaN in the data

DATA = np.ones((8, 2))
DATA[5, 1] = np.nan

COMPUTING = {
    "add": (lambda x: x + 1.0, "add got x with NaN at (5, 1), first in the argument x"),
    "second operand": (
        lambda x: np.multiply(np.ones((8, 2)), x),
        "multiply got y with NaN at (5, 1), first in the argument y",
    ),
    "sum": (np.sum, "sum got x with NaN at (5, 1)"),
    "matmul": (lambda x: x @ np.ones((2, 3)), "matmul got x with NaN at (5, 1)"),
    "moved before": (lambda x: np.exp(np.reshape(x, (16,))), "exp got x with NaN at (11,)"),
    "several outputs": (lambda x: np.linalg.slogdet(x[4:6]), "slogdet got x with NaN at (1, 1)"),
    "a sequence": (lambda x: np.einsum("ij,ij->j", np.ones((8, 2)), x), "einsum got arrays[1] with NaN at (5, 1)"),
}


@pytest.mark.parametrize("case", COMPUTING)
@pytest.mark.parametrize("kind", ["array", "Tensor", "leaf", "complex", "no_grad"])
def test_anomaly_names_the_operation_that_computes_with_a_nan_of_the_data(case, kind):
    compute, says = COMPUTING[case]
    x = ag.Tensor(DATA + 0j if kind == "complex" else DATA, requires_grad=kind in ("leaf", "no_grad"))
    if kind == "array":
        x = ag.Tensor(1.0) * DATA  # outside: nothing is looked at
    with (
        ag.detect_anomaly(),
        ag.no_grad() if kind == "no_grad" else ag.enable_grad(),
        pytest.raises(AnomalyError) as caught,
    ):
        compute(x)
    assert str(caught.value).startswith(says)
    assert "test_modes.py" in str(caught.value)


def test_anomaly_in_modules_and_under_transforms():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.ReLU(), nn.Linear(3, 1, rng=0))
    with ag.detect_anomaly():
        for x in (DATA, ag.Tensor(DATA)):
            with pytest.raises(
                AnomalyError, match=r"^linear got x with NaN at \(5, 1\), first in the argument x \(operands \(8, 2\)"
            ):
                model(x)
        with pytest.raises(AnomalyError, match="multiply got y with NaN"):
            ag.grad(lambda w: np.sum(w * DATA))(2.0)
        with pytest.raises(AnomalyError, match="multiply got y with NaN"):
            ag.compile(ag.grad(lambda w: np.sum(w * DATA)))(2.0)
        user = ag.primitive(name="user_sine")(np.sin)
        with pytest.raises(AnomalyError, match="user_sine got x with NaN"):
            user(DATA)
    REGISTRY.pop("user_sine")


@pytest.mark.parametrize(
    "allowed",
    [
        np.isnan,
        np.nansum,
        np.nanmedian,
        np.nan_to_num,
        np.argsort,
        lambda x: np.nanstd(x, 0),
        lambda x: np.sum(x, where=~np.isnan(x)),
        lambda x: np.max(x, where=~np.isnan(x), initial=0.0),
        lambda x: np.where(np.isnan(x), 0.0, x) ** 2,
        lambda x: np.nanmean(np.where(x > 0.0, x, np.nan)),
        lambda x: np.concatenate([x[4:], x.T.reshape(8, 2).astype(np.float32)]),
        lambda x: np.fmax(x, 2.0) + 1.0,
        lambda x: ag.softmax(np.where(np.isnan(x), -np.inf, x) + np.array([0.0, -np.inf])[::-1], axis=0),
    ],
)
def test_anomaly_leaves_alone_what_masks_a_nan_or_leaves_it_out(allowed):
    with ag.detect_anomaly():
        x = ag.Tensor(DATA, requires_grad=True)
        y = allowed(x)
        if y.requires_grad and not np.isnan(y.numpy()).any():
            y.sum().backward()


def test_anomaly_reports_a_nan_made_of_infinities():
    with (
        ag.detect_anomaly(),
        pytest.raises(AnomalyError, match=r"subtract made nan at index \(1,\) of shape \(2,\) from input inf, inf"),
    ):
        np.subtract(ag.Tensor([1.0, np.inf]), [0.0, np.inf])
