"""Functions that transforms make: pickled and copied as what they are made of, with the face of the function inside."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import pydoc
import types

import numpy as np
import pytest

import autograd_np as ag

X = np.array([0.5, 1.0, 2.0])


def loss(x, scale=2.0):
    """The sum of scaled sines."""
    return np.sum(np.sin(x) * scale)


def with_aux(x):
    return np.sum(x**3), {"x": x}


def elementwise(x):
    return x**3


@ag.grad
def decorated(x):
    """Decorated."""
    return x**3


@ag.checkpoint
def block(x):
    return np.tanh(x)


@ag.no_grad()
def quiet(x):
    return x * 2.0


class Model:
    def __init__(self, k):
        self.k = k

    def loss(self, x):
        return np.sum(self.k * x**2)

    slope = ag.grad(lambda self, x: self.k * x * x, 1)


CASES = {
    "grad": (ag.grad(loss), (X,)),
    "grad, argnum": (ag.grad(loss, (0, 1)), (X, 3.0)),
    "value_and_grad, has_aux": (ag.value_and_grad(with_aux, has_aux=True), (X,)),
    "elementwise_grad": (ag.elementwise_grad(elementwise), (X,)),
    "jacobian": (ag.jacobian(elementwise), (X,)),
    "hessian": (ag.hessian(loss), (X,)),
    "hvp": (ag.hvp(loss), (X, X)),
    "checkpoint": (ag.checkpoint(loss), (X,)),
    "nested": (ag.grad(ag.grad(elementwise)), (2.0,)),
    "compiled": (ag.compile(ag.grad(loss)), (X,)),
    "compiled value_and_grad": (ag.compile(ag.value_and_grad(loss)), (X,)),
    "grad of compiled": (ag.grad(ag.compile(loss)), (X,)),
    "partial": (ag.grad(functools.partial(loss, scale=3.0)), (X,)),
    "method": (ag.grad(Model(3.0).loss), (X,)),
    "NumPy's": (ag.elementwise_grad(np.sin), (X,)),
    "ours": (ag.elementwise_grad(ag.exp), (X,)),
    "decorated": (decorated, (2.0,)),
    "decorated with checkpoint": (block, (X,)),
    "decorated with no_grad": (quiet, (X,)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_what_a_transform_makes_of_a_function_of_a_module_is_pickled(case, protocol):
    function, arguments = CASES[case]
    expected = function(*arguments)
    for again in (pickle.loads(pickle.dumps(function, protocol)), copy.copy(function), copy.deepcopy(function)):
        assert type(again) is type(function)
        assert repr(again(*arguments)) == repr(expected)
        assert getattr(again, "__name__", "") == getattr(function, "__name__", "")


def test_a_decorated_function_is_pickled_by_its_name():
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert pickle.loads(pickle.dumps(block)) is block
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(ag.grad(lambda x: x))


@pytest.mark.parametrize(
    "make", [ag.grad, ag.value_and_grad, ag.elementwise_grad, ag.jacobian, ag.hessian, ag.checkpoint, ag.compile]
)
def test_it_has_the_name_the_signature_and_the_documentation_of_the_function(make):
    made = make(loss)
    assert (made.__name__, made.__qualname__, made.__module__, made.__doc__) == (
        "loss",
        "loss",
        __name__,
        "The sum of scaled sines.",
    )
    assert inspect.signature(made) == inspect.signature(loss)
    assert inspect.unwrap(made) is loss
    assert "of loss>" in repr(made)
    text = pydoc.render_doc(made, renderer=pydoc.plaintext)
    assert "loss(x, scale=2.0)" in text
    assert "The sum of scaled sines." in text


def test_the_product_with_the_hessian_takes_one_argument_more():
    assert str(inspect.signature(ag.hvp(loss))) == "(*values, **kwargs)"


def test_in_a_class_it_is_a_method():
    model = Model(3.0)
    assert isinstance(model.slope, types.MethodType)
    assert model.slope(2.0) == 12.0
    assert Model.slope(model, 2.0) == 12.0
    assert ag.grad(lambda self, x: self * x)(2.0, x=5.0) == 5.0
