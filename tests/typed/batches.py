"""``vmap``: per-sample gradients."""

from typing import assert_type

import numpy as np

import autograd_np as ag


def loss_of(w: ag.Tensor, x: ag.Tensor, y: ag.Tensor) -> ag.Tensor:
    """The loss of one sample."""
    return (x @ w - y) ** 2


def scaled(x: ag.Tensor, by: float = 2.0) -> ag.Tensor:
    """Of one row."""
    return x * by


w = ag.Tensor([1.0, 2.0])
x = ag.Tensor(np.ones((5, 2)))
y = ag.Tensor(np.zeros(5))
losses = ag.vmap(loss_of, in_axes=(None, 0, 0))(w, x, y)
assert_type(losses, ag.Tensor)
per_sample = ag.vmap(ag.grad(loss_of), in_axes=(None, 0, 0))(w, x, y)
assert_type(per_sample, ag.Tensor)
assert per_sample.shape == (5, 2)
assert_type(ag.vmap(scaled)(x), ag.Tensor)
