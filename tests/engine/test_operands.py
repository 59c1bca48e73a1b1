"""What meets a Tensor and is none: subclasses of ndarray, NumPy's and Python's numbers, classes that give way."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.operands import above
from autograd_np.engine.tensor import Tensor
from autograd_np.proofs.duck import DuckArray

VALUES = np.array([1.0, 2.0, 3.0])


class Informed(np.ndarray):
    """A subclass that carries a word; its arithmetic is ndarray's."""

    info: str | None

    def __array_finalize__(self, obj: Any) -> None:
        self.info = getattr(obj, "info", None)


class Measured(np.ndarray):
    """A subclass with a unit, as those of unyt and astropy have."""

    unit = "m"


class Dispatching(np.ndarray):
    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        return NotImplemented


class Doubling(np.ndarray):
    def __add__(self, other: Any) -> Any:
        return NotImplemented


@pytest.fixture
def mapped(tmp_path: Path) -> Callable[[Any], Any]:
    """Makes a writable memory map with the numbers of an array."""

    def make(values: Any) -> Any:
        values = np.asarray(values)
        array = np.memmap(
            tmp_path / f"{len(list(tmp_path.iterdir()))}.bin", dtype=values.dtype, mode="w+", shape=values.shape
        )
        array[...] = values
        return array

    return make


def as_informed(values: Any) -> Any:
    return np.array(values).view(Informed)


def as_records(values: Any) -> Any:
    return np.array(values).view(np.recarray)


@pytest.fixture(params=["memmap", "informed", "recarray"])
def make(request: pytest.FixtureRequest, mapped: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return {"memmap": mapped, "informed": as_informed, "recarray": as_records}[request.param]


# ---------------------------------------------------------------- subclasses with ndarray's arithmetic


@pytest.mark.parametrize(
    "f",
    [
        lambda t, a: np.sum(t * a),
        lambda t, a: np.sum(a / t),
        lambda t, a: np.dot(t, a),
        lambda t, a: t @ a,
        lambda t, a: np.sum(np.concatenate([t, a]) ** 2),
        lambda t, a: np.sum(np.where(a > 1, t, a) ** 2),
        lambda t, a: np.sum(t, where=a > 1),
        lambda t, a: np.average(t**2, weights=a),
        lambda t, a: np.sum(t[a.astype(int) - 1] ** 2),
        lambda t, a: np.sum(t[None, a.astype(int) - 1] ** 2),
        lambda t, a: np.sum(np.take(t, a.astype(int) - 1) ** 2),
        lambda t, a: np.sum(ag.index_update(t, [0, 1, 2], a) * t),
        lambda t, a: np.sum(np.interp(t, a, a**2)),
        lambda t, a: np.sum(Tensor(a) * t),
        lambda t, a: np.sum(ag.asarray(a) * t),
        lambda t, a: np.sum(ag.asarray(a, dtype=np.float32) * t),
    ],
)
def test_a_subclass_with_the_arithmetic_of_ndarray_is_taken(
    f: Callable[[Any, Any], Any], make: Callable[[Any], Any]
) -> None:
    x = VALUES + 0.25
    value, gradient = ag.value_and_grad(f)(x, make(VALUES))
    expected = ag.value_and_grad(f)(x, VALUES)
    assert value == expected[0]
    assert type(gradient) is np.ndarray
    np.testing.assert_array_equal(gradient, expected[1])


def test_as_an_argument_of_transforms_and_compiled_programs(make: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(x) * x)

    expected = ag.grad(f)(VALUES)
    held = make(VALUES)
    program = ag.compile(ag.grad(f))
    for gradient in (
        ag.grad(f)(held),
        program(held),
        program(make(VALUES)),
        ag.compile(ag.grad(lambda x: np.sum(np.sin(x) * x + 0 * held)))(VALUES),
    ):
        assert type(gradient) is np.ndarray
        np.testing.assert_allclose(gradient, expected, rtol=1e-15)
    np.testing.assert_array_equal(ag.vjp(np.sin, VALUES)[1](held), np.cos(VALUES) * VALUES)
    np.testing.assert_array_equal(ag.grad(lambda tree: np.sum(tree["w"] ** 2))({"w": held})["w"], 2 * VALUES)


def test_a_tensor_holds_plain_arrays_only(make: Callable[[Any], Any]) -> None:
    t = Tensor(VALUES.copy(), requires_grad=True)
    t.data = make(VALUES * 2)
    t.grad = make(VALUES)
    t.sum().backward(make(np.array(1.0)))
    assert type(Tensor(make(VALUES))._values) is type(t._values) is type(t.grad) is np.ndarray
    np.testing.assert_array_equal(t.grad, VALUES + 1)


@pytest.mark.parametrize(
    ("f", "start", "later"),
    [
        (lambda t, a: np.sum(t * a), VALUES, 0.0),
        (lambda t, a: np.sum(t[a]), [0, 1, 1], 2),
        (lambda t, a: np.sum(t[a, ...]), [0, 1, 1], 2),
        (lambda t, a: np.sum(np.take(t, a)), [0, 1, 1], 2),
        (lambda t, a: np.sum(t, where=a), [True, False, True], False),
        (lambda t, a: np.average(t, weights=a), VALUES, 9.0),
        (lambda t, a: np.dot(t, a), VALUES, 0.0),
        (lambda t, a: np.sum(np.concatenate([t, t * Tensor(a)])), VALUES, 0.0),
    ],
)
def test_one_that_is_overwritten_between_forward_and_backward(
    f: Callable[[Any, Any], Any], start: Any, later: Any, make: Callable[[Any], Any]
) -> None:
    expected = ag.grad(f)(VALUES, np.array(start))
    t, array = Tensor(VALUES, requires_grad=True), make(start)
    y = f(t, array)
    array[...] = later
    y.backward()
    np.testing.assert_array_equal(t.grad, expected)


# ---------------------------------------------------------------- those with arithmetic of their own

OWN = {
    "MaskedArray": np.ma.array(VALUES, mask=[True, False, False]),
    "matrix": VALUES.reshape(1, 3),
    "Measured": VALUES.view(Measured),
    "Dispatching": VALUES.view(Dispatching),
    "Doubling": VALUES.view(Doubling),
}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize(
    "f",
    [
        lambda t, a: Tensor(a),
        lambda t, a: t * a,
        lambda t, a: np.multiply(t, a),
        lambda t, a: np.concatenate([t, a]),
        lambda t, a: np.average(t, weights=a),
        lambda t, a: t[a],
        lambda t, a: ag.asarray(a),
        lambda t, a: setattr(t, "data", a),
        lambda t, a: setattr(t, "grad", a),
        lambda t, a: t.backward(a),
        lambda t, a: ag.grad(np.sum)(a),
        lambda t, a: ag.compile(np.sin)(a),
    ],
)
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_subclass_with_arithmetic_of_its_own_is_refused(name: str, f: Callable[[Any, Any], Any]) -> None:
    array = OWN[name] if name != "matrix" else np.asmatrix(OWN[name])
    with pytest.raises(TypeError, match=rf"a {name}, whose arithmetic is not ndarray's; convert it with np\.array"):
        f(Tensor(VALUES, requires_grad=True), array)


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("number", [7, np.int64(7), np.int8(7), np.uint16(7)], ids=repr)
def test_an_integer_of_numpy_is_a_number_as_one_of_python_is(number: Any) -> None:
    def cube(x: Any) -> Any:
        return x**3

    results = [
        ag.grad(cube)(number),
        ag.value_and_grad(cube)(number)[1],
        ag.elementwise_grad(cube)(number),
        ag.jacobian(cube)(number),
        ag.jvp(cube, (number,), (np.int64(1),))[1],
        ag.vjp(cube, number)[1](np.int64(1)),
        ag.grad(lambda tree: cube(tree["a"][0]))({"a": [number]})["a"][0],
        ag.compile(ag.grad(cube))(number),
    ]
    assert {type(result) for result in results} == {np.float64}
    assert results == [147.0] * len(results)
    assert ag.hessian(cube)(number) == ag.grad(ag.grad(cube))(number) == ag.hvp(cube)(number, number) / 7 == 42.0


@pytest.mark.parametrize("value", [True, np.True_, np.array(7), np.timedelta64(7, "s")], ids=repr)
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="dtype"):
        ag.grad(lambda x: x**2)(value)


@pytest.mark.parametrize("number", [Fraction(1, 2), Decimal("0.5")], ids=repr)
def test_fractions_and_decimals_are_refused_by_name(number: Any) -> None:
    for f in (Tensor, ag.grad(np.sin), ag.value_and_grad(np.sin)):
        with pytest.raises(TypeError, match=rf"{type(number).__name__}.*convert it with float\(\)"):
            f(number)
    t = Tensor(VALUES, requires_grad=True)
    for operation in (
        lambda: t * number,
        lambda: number * t,
        lambda: np.multiply(t, number),
        lambda: ag.multiply(number, t),
    ):
        with pytest.raises(TypeError, match=type(number).__name__):
            operation()


# ---------------------------------------------------------------- giving way


class Labelled(np.lib.mixins.NDArrayOperatorsMixin):
    """An array with a label, as xarray's: ufuncs are its own, NumPy's functions take its numbers."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.held, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        result = getattr(ufunc, method)(*[x.held if isinstance(x, Labelled) else x for x in inputs], **kwargs)
        return tuple(map(Labelled, result)) if isinstance(result, tuple) else Labelled(result)


class Stubborn:
    """NumPy's way of saying that operators are the other's to do."""

    __array_ufunc__ = None

    def __rmul__(self, other: Any) -> str:
        return "mine"


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
    "@": lambda a, b: a @ b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "divmod": lambda a, b: divmod(a, b)[1],
    "multiply": np.multiply,
    "hypot": np.hypot,
    "outer": np.multiply.outer,
    "float32": lambda a, b: np.add(a, b, dtype=np.float64),
}


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("inside", [False, True], ids=["array", "Tensor"])
def test_operators_and_ufuncs_give_way_on_either_side(operation: str, inside: bool) -> None:
    f = BINARY[operation]
    t = Tensor(VALUES, requires_grad=True)
    other = VALUES[::-1] + 0.5
    labelled = Labelled(Tensor(other) if inside else other)
    for result, expected in ((f(t, labelled), f(t, other)), (f(labelled, t), f(other, t))):
        assert type(result) is Labelled
        assert type(result.held) is Tensor
        np.testing.assert_array_equal(result.held.numpy(), expected.numpy())
        assert result.held.requires_grad == expected.requires_grad


def test_which_classes_stand_above_a_tensor() -> None:
    t = Tensor(VALUES)
    assert t * Stubborn() == "mine"
    assert above(Labelled)
    assert not any(map(above, (np.ndarray, np.memmap, np.float64, DuckArray, Tensor, list, float, Stubborn.__class__)))


def test_functions_that_are_no_ufuncs_take_its_numbers_as_numpy_has_it() -> None:
    labelled = Labelled(VALUES)
    np.testing.assert_array_equal(ag.grad(lambda x: np.dot(x, labelled))(VALUES), VALUES)
    np.testing.assert_array_equal(ag.grad(lambda x: np.sum(np.where(labelled, x, 0)))(VALUES), np.ones(3))
    with pytest.raises(TypeError, match="multiply: y is a Labelled, which has arithmetic of its own"):
        ag.multiply(Tensor(VALUES), labelled)


def test_numbers_taken_from_another_object_are_those_of_the_forward_pass() -> None:
    t, numbers = Tensor(VALUES, requires_grad=True), VALUES.copy()
    y = np.dot(t, Labelled(numbers))
    numbers[:] = 0
    y.backward()
    np.testing.assert_array_equal(t.grad, VALUES)
