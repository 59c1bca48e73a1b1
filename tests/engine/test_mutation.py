"""Arrays that change between forward and backward give the right gradient or an error, never a wrong one."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.errors import MutationError


def outcome(y, x, right):
    """Backward must give ``right`` or raise MutationError; says which."""
    try:
        y.backward()
    except MutationError:
        return "raised"
    np.testing.assert_array_equal(x.grad, right)
    return "right"


def test_a_foreign_operand_is_taken_as_it_was():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    c = np.array([3.0, 4.0])
    y = (x * c).sum()
    c[:] = 100
    assert outcome(y, x, [3.0, 4.0]) == "right"


def test_a_view_of_a_foreign_operand_is_taken_as_it_was():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    c = np.array([[3.0, 4.0], [5.0, 6.0]])
    y = (x * c[0]).sum()
    c[:] = 100
    assert outcome(y, x, [3.0, 4.0]) == "right"


def test_a_constant_tensor_over_foreign_memory_is_taken_as_it_was():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    c = np.array([3.0, 4.0])
    t = ag.Tensor(c)
    y = (x * t).sum() + (x * t.reshape(2, 1)[:, 0]).sum() + (t.detach() * x).sum()
    c[:] = 100
    assert outcome(y, x, [9.0, 12.0]) == "right"


def test_a_leaf_over_foreign_memory_is_taken_as_it_was():
    a = np.array([1.0, 2.0])
    x = ag.Tensor(a, requires_grad=True)
    y = (x * x).sum()
    a[:] = 100
    assert outcome(y, x, [2.0, 4.0]) == "right"


def test_a_large_foreign_operand_too():
    a = np.arange(10_000.0)
    x = ag.Tensor(a, requires_grad=True)
    y = (x * x).sum()
    a[:] = 100
    assert outcome(y, x, 2 * np.arange(10_000.0)) == "right"


def test_an_index_array_is_taken_as_it_was():
    x = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    index = np.array([0, 1])
    mask = np.array([True, False, True])
    several = [0, 2]
    y = x[index].sum() + x[mask].sum() + x[several].sum() + x[(index,)].sum()
    index[:] = 2
    mask[:] = False
    several[0] = 1
    assert outcome(y, x, [4.0, 2.0, 2.0]) == "right"


def test_writing_into_data_between_forward_and_backward():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    x.data[...] = 5
    assert outcome(y, x, [2.0, 4.0]) == "raised"


def test_writing_into_data_of_an_intermediate():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    h = x * 1.0
    y = (h * h).sum()
    h.data[0] = 7
    assert outcome(y, x, [2.0, 4.0]) == "raised"


def test_writing_into_data_of_an_output_that_its_rule_keeps():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    h = np.exp(x)
    y = h.sum()
    h.data[0] = 7
    assert outcome(y, x, np.exp([1.0, 2.0])) == "raised"


def test_writing_through_a_view_tensor():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    h = x * 1.0
    v = h.reshape(2, 1)
    y = (h * h).sum()
    v.data[...] = 7
    assert outcome(y, x, [2.0, 4.0]) == "raised"


def test_reading_data_is_no_write():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    h = x * 1.0
    y = (h * h).sum()
    assert h.data.sum() == 3.0
    assert x.data.sum() == 3.0
    assert outcome(y, x, [2.0, 4.0]) == "right"


def test_data_taken_before_the_forward_pass():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    d = x.data
    y = (x * x).sum()
    d[:] = 9
    assert outcome(y, x, [2.0, 4.0]) == "right"


def test_the_librarys_own_writes_are_checked():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    x.writable()[...] -= 0.1
    with pytest.raises(MutationError, match="multiply"):
        y.backward()
    z = (x * x).sum()
    z.backward()
    np.testing.assert_allclose(x.grad, [1.8, 3.8])


def test_augmented_assignment_to_data_is_a_write():
    x = ag.Tensor(np.array([1.0, 2.0]).copy(), requires_grad=True)
    y = (x * x).sum()
    x.data -= 0.1
    assert outcome(y, x, [2.0, 4.0]) in ("right", "raised")
    w = ag.Tensor([1.0, 2.0], requires_grad=True)
    y = (w * w).sum()
    w.data -= 0.1
    assert outcome(y, w, [2.0, 4.0]) == "raised"


def test_replacing_data_leaves_the_old_tape_right():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    x.data = np.array([5.0, 6.0])
    assert outcome(y, x, [2.0, 4.0]) in ("right", "raised")
    assert x.tolist() == [5.0, 6.0]


def test_numpy_is_read_only():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match="read-only"):
        x.numpy()[0] = 5


def test_detect_anomaly_sees_what_was_written_behind_the_back():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    with ag.detect_anomaly():
        h = x * 1.0
        y = (h * h).sum()
        h._values[0] = 7
        with pytest.raises(MutationError, match="multiply"):
            y.backward()


def test_a_pullback_keeps_the_argument_it_saw():
    a = np.array([1.0, 2.0])
    _, pullback = ag.vjp(lambda x: x * x, a)
    a[:] = 50
    np.testing.assert_array_equal(pullback(np.ones(2)), [2.0, 4.0])


def test_in_place_operators_on_results_rebind():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    y = x + 0.0
    h = y
    y += 1.0
    assert y is not h
    assert h.tolist() == [1.0, 2.0]
    y *= x
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [3.0, 5.0])
    array = np.array([1.0, 2.0])
    with pytest.raises(TypeError, match="array = array"):
        array += x


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.complex128])
def test_a_changed_sign_of_zero_is_a_write_and_a_nan_that_stays_is_none(dtype):
    x = ag.Tensor(np.array([0.0, 1.0], dtype), requires_grad=True)
    h = x * 1.0
    y = (h * h).sum().real
    h.data[0] = -h.data[0]
    if dtype is not np.longdouble:  # its bits have no integer of their size to be compared as
        with pytest.raises(MutationError):
            y.backward()
    h = x * np.array([np.nan, 1.0], dtype)
    y = (h * h).sum().real
    h.data[1] = h.data[1]
    y.backward()
    assert x.grad[1] == 2.0
