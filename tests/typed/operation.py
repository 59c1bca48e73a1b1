"""An operation of one's own: its body gets arrays, its callers pass Tensors, arrays or numbers and get a Tensor."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import autograd_np as ag

Array = NDArray[np.float64]


@ag.primitive()
def soft_plus(x: Array, sharpness: float = 1.0) -> Array:
    """``log(1 + exp(sharpness · x)) / sharpness``."""
    return np.logaddexp(0.0, sharpness * x) / sharpness


@ag.primitive(broadcasts=True)
def smooth_maximum(x: Array, y: Array, sharpness: float = 1.0) -> Array:
    """``log(exp(s · x) + exp(s · y)) / s``."""
    return np.logaddexp(sharpness * x, sharpness * y) / sharpness


def logistic(x: Array) -> Array:
    """The derivative of soft_plus."""
    return 1 / (1 + np.exp(-x))


ag.rule(soft_plus, lambda g, x, sharpness: g * logistic(sharpness * x))
ag.rule(
    smooth_maximum,
    lambda g, x, y, sharpness: g * logistic(sharpness * (x - y)),
    lambda g, x, y, sharpness: g * logistic(sharpness * (y - x)),
)

t = ag.Tensor([0.0, 1.0])
assert_type(soft_plus(t), ag.Tensor)
assert_type(soft_plus(np.zeros(2), sharpness=2.0), ag.Tensor)
assert_type(smooth_maximum(t, 0.5), ag.Tensor)


def total(x: ag.Tensor) -> ag.Tensor:
    """What is differentiated."""
    return soft_plus(x, 2.0).sum()


assert_type(ag.grad(total)(t), ag.Tensor)
ag.gradcheck(soft_plus, np.array([0.3, -0.2]))
