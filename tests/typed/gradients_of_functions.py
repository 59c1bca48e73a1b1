"""``grad`` of functions of one array with further arguments; ``gradients`` of Tensors at hand."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import autograd_np as ag
from autograd_np.typing import ArrayLike


def energy(x: ag.Tensor, stiffness: float, rest: float = 1.0) -> ag.Tensor:
    """A function of a Tensor: that is what it gets, whatever its gradient is called with."""
    return stiffness * ((x - rest) ** 2).sum()


def total(x: ArrayLike, scale: float = 1.0) -> ag.Tensor:
    """A function that is also called by itself, with arrays and numbers."""
    return ag.sum(ag.exp(x)) * scale


def polynomial(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Plain NumPy, annotated as such."""
    return x**3 - x


class Model:
    """Methods are functions too."""

    def loss(self, w: ag.Tensor, y: ag.Tensor) -> ag.Tensor:
        """Of a Tensor and another."""
        return (w * y).sum()


t = ag.Tensor([1.0, 2.0])
array: NDArray[np.float64] = np.array([1.0, 2.0])
force = ag.grad(energy)
assert_type(force(t, 2.0), ag.Tensor)
assert_type(force(array, stiffness=2.0), NDArray[np.float64])
assert_type(force(array.astype(np.float32), 2.0, rest=0.5), NDArray[np.float32])
assert_type(force(3.0, 2.0), np.float64)
assert_type(force(np.float32(3.0), 2.0), np.float32)

assert_type(total(2.0), ag.Tensor)
assert_type(ag.grad(total)(t), ag.Tensor)
assert_type(ag.grad(ag.grad(energy))(3.0, 2.0), np.float64)
assert_type(ag.elementwise_grad(polynomial)(array), NDArray[np.float64])
assert_type(ag.grad(Model().loss)(t, y=t), ag.Tensor)
assert_type(ag.grad(np.tanh)(0.5), np.float64)
by_both: Any = ag.grad(energy, (0, 1))(array, 2.0)
slope: float = ag.grad(lambda x: x**3)(2.0)

x = ag.Tensor(3.0, requires_grad=True)
first = ag.gradients(x**3, x, create_graph=True)
assert_type(first, ag.Tensor)
assert_type(ag.gradients(first, x), NDArray[Any])
assert_type(ag.stop_gradient(x), ag.Tensor)
