"""Tensor: construction, attributes, conversions, operators, protocols, and clear refusals."""

from __future__ import annotations

import copy
import math
import operator
import pickle

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.errors import NonDifferentiableError
from autograd_np.proofs.duck import DuckArray


def leaf(values, dtype=float):
    return ag.Tensor(np.array(values, dtype), requires_grad=True)


def test_wraps_without_copying():
    a = np.ones(3)
    assert ag.Tensor(a).data is a
    assert np.shares_memory(ag.Tensor(a, requires_grad=True).data, a)
    assert ag.Tensor(a, dtype=np.float32).dtype == np.float32


def test_attributes():
    t = ag.Tensor(np.zeros((2, 3), np.float32), name="w")
    assert (t.shape, t.dtype, t.ndim, t.size, len(t), t.nbytes, t.itemsize) == ((2, 3), np.float32, 2, 6, 2, 24, 4)
    assert t.name == "w"
    assert t.T.shape == (3, 2)
    assert t.mT.shape == (3, 2)
    assert t.is_leaf
    assert t.grad is None


def test_requires_grad_and_leaves():
    x = ag.Tensor([1.0])
    assert not x.requires_grad
    x.requires_grad = True
    y = x * 2.0
    assert y.requires_grad
    assert not y.is_leaf
    with pytest.raises(RuntimeError, match="detach"):
        y.requires_grad = False
    x.requires_grad = False
    assert not (x * 2.0).requires_grad
    assert not y.detach().requires_grad
    assert np.shares_memory(y.detach().data, y.data)
    assert not np.shares_memory(y.copy().data, y.data)
    assert y.copy().requires_grad


@pytest.mark.parametrize("bad", ["text", [[1.0], [1.0, 2.0]], [None], object()])
def test_no_object_arrays(bad):
    with pytest.raises((TypeError, ValueError)):
        ag.Tensor(bad)
    with pytest.raises((TypeError, ValueError)):
        ag.add(leaf([1.0]), bad)


def test_repr_shows_values_shape_dtype_and_operation():
    x = leaf([1.0, 2.0])
    assert repr(x) == "Tensor([1., 2.], shape=(2,), dtype=float64, requires_grad=True)"
    assert "op=exp" in repr(np.exp(x))
    assert "name='w'" in repr(ag.Tensor(1.0, name="w"))
    assert len(repr(ag.Tensor(np.zeros((1000, 1000))))) < 2000
    assert f"{np.exp(leaf(0.0)):.2f}" == "1.00"


def test_conversions_of_a_tensor_that_needs_a_gradient_say_what_to_write():
    x = leaf(2.0)
    for convert in (float, int, complex, math.sqrt, np.asarray, lambda t: np.array([t, t])):
        with pytest.raises(TypeError, match=r"item\(\)|numpy\(\)"):
            convert(x)
    assert x.item() == 2.0
    assert x.tolist() == 2.0
    assert bool(x)
    assert float(ag.Tensor(2.0)) == 2.0
    assert [10, 20, 30][ag.Tensor(1)] == 20
    with pytest.raises(ValueError, match="ambiguous"):
        bool(leaf([1.0, 2.0]))
    np.testing.assert_array_equal(np.asarray(ag.Tensor([1.0, 2.0])), [1.0, 2.0])


def test_in_place_writes_say_what_to_write():
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match="np.where"):
        x[0] = 5.0
    with pytest.raises(TypeError, match="out="):
        np.exp(x, out=np.zeros(2))
    with pytest.raises(TypeError, match="out="):
        np.sum(x, out=np.zeros(()))
    with pytest.raises(TypeError, match="np.sort"):
        x.sort()
    with pytest.raises(TypeError):
        np.copyto(np.zeros(2), x)


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
@pytest.mark.parametrize("other", [2.0, 3, np.float64(2.0), np.array([2.0, 3.0]), [2.0, 3.0], np.array([[1.0], [2.0]])])
def test_arithmetic_and_reflected_forms(op, other):
    x = leaf([1.5, 2.5])
    plain = np.array([1.5, 2.5])
    value = np.asarray(other) if isinstance(other, list) else other
    for result, expected in ((op(x, other), op(plain, value)), (op(other, x), op(value, plain))):
        assert isinstance(result, ag.Tensor)
        np.testing.assert_array_equal(result.numpy(), expected)
        assert result.dtype == expected.dtype
        assert result.requires_grad


@pytest.mark.parametrize("op", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
def test_comparisons(op):
    x = leaf([1.0, 2.0])
    result = op(x, 1.5)
    assert result.dtype == bool
    assert not result.requires_grad
    np.testing.assert_array_equal(result.numpy(), op(np.array([1.0, 2.0]), 1.5))


def test_other_operators():
    x = leaf([-1.5, 2.5])
    assert (-x).tolist() == [1.5, -2.5]
    assert (+x).tolist() == [-1.5, 2.5]
    assert abs(x).tolist() == [1.5, 2.5]
    assert (x // 1.0).tolist() == [-2.0, 2.0]
    assert (x % 2.0).tolist() == [0.5, 0.5]
    quotient, remainder = divmod(x, 2.0)
    assert quotient.tolist() == [-1.0, 1.0]
    assert remainder.tolist() == [0.5, 0.5]
    assert (5.0 // x).tolist() == [-4.0, 2.0]
    bits = ag.Tensor([6, 3])
    assert (bits & 2).tolist() == [2, 2]
    assert (1 | bits).tolist() == [7, 3]
    assert (bits ^ bits).tolist() == [0, 0]
    assert (bits << 1).tolist() == [12, 6]
    assert (bits >> 1).tolist() == [3, 1]
    assert (~bits).tolist() == [-7, -4]
    m = leaf([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal((m @ m).numpy(), m.numpy() @ m.numpy())
    np.testing.assert_array_equal((np.ones((1, 2)) @ m).numpy(), [[4.0, 6.0]])


def test_strangers_get_a_type_error_or_false():
    x = leaf([1.0])
    for op in (operator.add, operator.mul, operator.matmul, operator.pow):
        with pytest.raises(TypeError):
            op(x, "text")
        with pytest.raises(TypeError):
            op(object(), x)
    assert (x == None) is False  # noqa: E711
    assert (x == "text") is False


def test_iteration_len_and_unpacking():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    a, b = x
    (a * b).sum().backward()
    np.testing.assert_array_equal(x.grad, [[3.0, 4.0], [1.0, 2.0]])
    with pytest.raises(TypeError):
        len(leaf(1.0))
    with pytest.raises(TypeError):
        iter(leaf(1.0))
    assert 3.0 in x
    assert len(list(ag.Tensor(np.zeros((0, 2))))) == 0


def test_hash_is_identity():
    x, y = leaf([1.0]), leaf([1.0])
    assert len({x: 1, y: 2}) == 2


def test_pickle_and_deepcopy_of_leaves():
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="w")
    (x * 3.0).sum().backward()
    for twin in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert twin.tolist() == [1.0, 2.0]
        assert twin.requires_grad
        assert twin.name == "w"
        np.testing.assert_array_equal(twin.grad, x.grad)
        assert not np.shares_memory(twin.data, x.data)
    with pytest.raises(TypeError, match="detach"):
        pickle.dumps(x * 2.0)
    with pytest.raises(TypeError, match="detach"):
        copy.deepcopy(x * 2.0)


def test_ufunc_protocol():
    x = leaf([1.0, 2.0])
    np.exp(x).sum().backward()
    np.testing.assert_allclose(x.grad, np.exp([1.0, 2.0]))
    assert np.add.reduce(x).item() == 3.0
    assert np.multiply.reduce(x).item() == 2.0
    assert np.add.accumulate(x).tolist() == [1.0, 3.0]
    np.testing.assert_array_equal(np.multiply.outer(x, x).numpy(), np.outer([1, 2], [1, 2]))
    assert np.add(x, 1.0, dtype=np.float32).dtype == np.float32
    with pytest.raises(TypeError, match=r"np\.where"):
        np.exp(x, where=np.array([True, False]))
    with pytest.raises(TypeError, match=r"np\.add\.at"):
        np.add.at(x, [0], 1.0)


def test_reduce_over_axis_zero_by_default_as_numpy():
    x = leaf(np.arange(6.0).reshape(2, 3))
    assert np.add.reduce(x).tolist() == np.add.reduce(x.numpy()).tolist()
    assert np.add.reduce(x, axis=None).item() == 15.0
    assert np.maximum.reduce(x, 1).tolist() == [2.0, 5.0]


def test_function_protocol():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert np.sum(x, axis=0).tolist() == [4.0, 6.0]
    assert np.sum(a=x, axis=1, keepdims=True).tolist() == [[3.0], [7.0]]
    assert np.stack([x, x]).shape == (2, 2, 2)
    assert np.concatenate([x, np.zeros((1, 2))]).requires_grad
    assert np.where(x > 2, x, 0.0).tolist() == [[0.0, 0.0], [3.0, 4.0]]
    assert np.einsum("ij,jk->ik", x, x.numpy()).requires_grad
    assert np.shape(x) == (2, 2)
    assert np.ndim(x) == 2


def test_an_unsupported_function_is_named():
    with pytest.raises(TypeError, match=r"np\.is_busday.*supported"):
        np.is_busday(leaf([1.0]))
    with pytest.raises(TypeError, match="nonsense|keyword|not supported"):
        ag.sum(leaf([1.0]), nonsense=3)


def test_errors_name_the_operation_the_shapes_and_the_dtypes():
    a, b = leaf(np.ones((2, 3))), leaf(np.ones((4, 5), np.float32), np.float32)
    with pytest.raises(ValueError, match=r"add.*\(2, 3\) float64.*\(4, 5\) float32"):
        a + b
    with pytest.raises(ValueError, match=r"matmul.*\(2, 3\) float64.*\(4, 5\) float32"):
        a @ b
    with pytest.raises(ValueError, match=r"reshape.*\(2, 3\)"):
        a.reshape(7)
    with pytest.raises(IndexError, match=r"getitem.*\(2, 3\)"):
        a[5]
    with pytest.raises(ValueError, match="sum.*axis 7"):
        a.sum(axis=7)


def test_names_reach_the_tape():
    x = ag.Tensor([1.0], requires_grad=True, name="x")
    assert x._node.name == "x"
    h = x * 2.0
    h.name = "hidden"
    assert h.name == "hidden"
    with pytest.raises(TypeError):
        h.name = 5


def test_backward_errors():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="cotangent"):
        (x * 2.0).backward()
    with pytest.raises(ValueError, match="shape"):
        (x * 2.0).backward(np.ones(3))
    with pytest.raises(RuntimeError, match="requires_grad"):
        ag.Tensor(1.0).backward()
    with ag.no_grad():
        y = x.sum()
        with pytest.raises(RuntimeError, match="no_grad"):
            y.backward()
    with pytest.raises(RuntimeError, match="complex"):
        (x[0] * 1j).backward()


def test_grad_setter_checks():
    x = leaf([1.0, 2.0])
    x.grad = np.zeros(2)
    with pytest.raises(ValueError):
        x.grad = np.zeros(3)
    x.zero_grad()
    assert x.grad is None


def test_retain_grad():
    x = leaf([1.0, 2.0])
    h = (x * 3.0).retain_grad()
    (h * h).sum().backward()
    np.testing.assert_array_equal(h.grad, [6.0, 12.0])
    np.testing.assert_array_equal(x.grad, [18.0, 36.0])


def test_data_setter():
    x = leaf([1.0, 2.0])
    x.data = np.array([3.0, 4.0])
    assert x.tolist() == [3.0, 4.0]
    with pytest.raises(ValueError):
        x.data = np.zeros(3)
    with pytest.raises(TypeError):
        x.data = np.zeros(2, np.float32)


def test_rule_less_operations_detach():
    x = leaf([1.5, -2.5])
    for t in (np.floor(x), np.sign(x), x.argmax(), x > 0, np.isnan(x), x.astype(int), np.rint(x)):
        assert isinstance(t, ag.Tensor)
        assert not t.requires_grad
    assert x.astype(np.float32).requires_grad


def test_an_option_that_needs_a_gradient_is_refused():
    x = leaf([1.0, 2.0])
    with pytest.raises(NonDifferentiableError, match="initial"):
        np.max(x, initial=leaf(0.0))


class Labelled(ag.Tensor):
    """A subclass, as users and the package nn make them."""

    __slots__ = ()


@pytest.mark.parametrize(
    "function",
    [
        lambda t: t + t,
        lambda t: 2.0 - t,
        lambda t: np.ones(3) * t,
        lambda t: t @ t,
        lambda t: np.dot(np.ones(3), t),
        lambda t: np.concatenate([t, t]),
        lambda t: t[1:],
        lambda t: np.where([True, False, True], t, 0.0),
        lambda t: ag.softmax(t),
        lambda t: np.linalg.norm(t),
    ],
)
def test_a_subclass_counts_as_a_tensor_everywhere(function) -> None:
    values = np.array([1.0, -2.0, 3.0])
    t, u = Labelled(values, requires_grad=True), ag.Tensor(values, requires_grad=True)
    function(t).sum().backward()
    function(u).sum().backward()
    np.testing.assert_array_equal(t.grad, u.grad)
    assert np.argmax(t) == 2
    np.testing.assert_array_equal(np.arange(3)[Labelled([2, 0])], [2, 0])


def test_a_copy_is_memory_of_its_own() -> None:
    values = np.ones(3)
    t = ag.Tensor(values, requires_grad=True, copy=True)
    values[:] = 7
    y = (t * t).sum()
    values[:] = 9
    y.backward()
    np.testing.assert_array_equal(t.grad, 2.0)
    np.testing.assert_array_equal(ag.Tensor(values, copy=True).numpy(), 9)


def test_memory_behind_an_array_interface_is_the_callers() -> None:
    class Holder:
        def __init__(self) -> None:
            self.values = np.ones(3)

        def __array__(self, dtype=None, copy=None):
            return self.values

    holder = Holder()
    t = ag.Tensor(holder, requires_grad=True)
    y = (t * t).sum()
    holder.values[:] = 5
    y.backward()
    np.testing.assert_array_equal(t.grad, 2.0)


def test_a_copy_is_taken_of_whatever_is_given() -> None:
    frozen = np.ones(3)
    frozen.flags.writeable = False
    t = ag.Tensor(frozen, requires_grad=True, copy=True)
    t.writable()[...] = 2.0
    np.testing.assert_array_equal(t.numpy(), 2.0)
    np.testing.assert_array_equal(frozen, 1.0)
    duck = DuckArray(np.ones(3))
    assert ag.Tensor(duck, copy=True)._values is not duck
    assert ag.Tensor(duck)._values is duck


def test_a_generator_of_the_old_kind_is_refused() -> None:
    with pytest.raises(TypeError, match=r"rng is a numpy.random.Generator, an integer seed or None, not RandomState"):
        ag.generator_of(np.random.RandomState(0))
