"""``compile`` keeps the type of its function."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import autograd_np as ag


def step(w: NDArray[np.float64], x: NDArray[np.float64], rate: float = 0.1) -> NDArray[np.float64]:
    """One step of gradient descent, on arrays."""
    return w - rate * ag.grad(loss_of)(w, x)


def loss_of(w: ag.Tensor, x: NDArray[np.float64]) -> ag.Tensor:
    """The loss."""
    return ((w * x - 1.0) ** 2).sum()


compiled = ag.compile(step)
w: NDArray[np.float64] = np.zeros(3)
x = np.arange(1.0, 4.0)
for _ in range(3):
    w = compiled(w, x, rate=0.05)
assert_type(compiled(w, x), NDArray[np.float64])
assert_type(compiled.cache_info().hits, int)


@ag.checkpoint
def inner(x: ag.Tensor) -> ag.Tensor:
    """Computed again in the backward pass."""
    return ag.sin(x) * x


assert_type(inner(ag.Tensor(1.0)), ag.Tensor)
