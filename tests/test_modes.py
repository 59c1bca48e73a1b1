"""no_grad, enable_grad, detect_anomaly: contexts and decorators, per thread and task, restored in any case."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.errors import AnomalyError


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
