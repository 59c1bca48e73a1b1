"""Jacobians, Hessians, and products with them."""

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import autograd_np as ag


def rosenbrock(x: ag.Tensor, a: float = 1.0) -> ag.Tensor:
    """One number of two."""
    return (a - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def polar(x: ag.Tensor) -> ag.Tensor:
    """Two numbers of two."""
    return ag.stack([x[0] * ag.cos(x[1]), x[0] * ag.sin(x[1])])


at: NDArray[np.float64] = np.array([1.0, 1.0])
assert_type(ag.hessian(rosenbrock)(at), NDArray[np.float64])
assert_type(ag.hessian(rosenbrock)(ag.Tensor(at), a=2.0), ag.Tensor)
assert_type(ag.jacobian(polar, chunk_size=1)(at), NDArray[np.float64])
assert_type(ag.jacobian(ag.grad(rosenbrock))(at), NDArray[np.float64])
out, pullback = ag.vjp(polar, ag.Tensor(at))
assert_type(out, ag.Tensor)
assert_type(pullback, Callable[[Any], ag.Tensor])
value, along = ag.jvp(polar, (ag.Tensor(at),), (ag.Tensor([1.0, 0.0]),))
assert_type(value, ag.Tensor)
assert_type(along, ag.Tensor)
assert ag.hessian(rosenbrock)(at).shape == (2, 2)
