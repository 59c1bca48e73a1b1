"""``value_and_grad`` of a function of a tree of parameters, which gives its predictions beside the loss."""

from typing import Any, assert_type

import numpy as np

import autograd_np as ag

Parameters = dict[str, ag.Tensor]


def loss_of(parameters: Parameters, x: ag.Tensor) -> tuple[ag.Tensor, list[ag.Tensor]]:
    """The loss, and the predictions."""
    predicted = ag.tanh(x @ parameters["w"] + parameters["b"])
    return (predicted**2).mean(), [predicted]


parameters: Parameters = {"w": ag.Tensor([0.5, -0.5]), "b": ag.Tensor(0.1)}
x = ag.Tensor(np.ones((3, 2)))
(loss, predictions), gradient = ag.value_and_grad(loss_of, has_aux=True)(parameters, x)
assert_type(loss, ag.Tensor)
assert_type(predictions, list[ag.Tensor])
assert_type(gradient, Parameters)

gradient, predictions = ag.grad(loss_of, has_aux=True)(parameters, x=x)
assert_type(gradient, Parameters)
assert_type(predictions, list[ag.Tensor])
assert gradient["w"].shape == (2,)


def squared(x: ag.Tensor) -> ag.Tensor:
    """A function of one array, without anything beside."""
    return (x**2).sum()


value, slope = ag.value_and_grad(squared)(ag.Tensor([1.0, 2.0]))
assert_type(value, ag.Tensor)
assert_type(slope, ag.Tensor)
plain = ag.value_and_grad(squared)(np.ones(2, np.float32))
assert_type(plain, tuple[Any, np.ndarray[tuple[Any, ...], np.dtype[np.float32]]])
