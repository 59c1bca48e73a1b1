"""A training loop: parameters are Tensors, the data are arrays, the loss is written with ``ag`` or with methods."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import autograd_np as ag

Data = NDArray[np.float64]


def loss_of(w: ag.Tensor, b: ag.Tensor, x: Data, y: Data) -> ag.Tensor:
    """The mean squared error of a line."""
    predicted = ag.matmul(x, w) + b
    assert_type(predicted, ag.Tensor)
    return ((predicted - y) ** 2).mean()


rng = np.random.default_rng(0)
x = rng.normal(size=(50, 2))
y = x @ np.array([2.0, -1.0]) + 0.5
w = ag.Tensor(np.zeros(2), requires_grad=True)
b = ag.Tensor(0.0, requires_grad=True)
for _ in range(200):
    loss = loss_of(w, b, x, y)
    loss.backward()
    for parameter in (w, b):
        parameter.data -= 0.1 * parameter.grad
        parameter.zero_grad()

assert_type(loss, ag.Tensor)
assert loss.item() < 1e-3
assert_type(ag.exp(w), ag.Tensor)
assert_type(w.exp(), ag.Tensor)
assert_type(2.0 * w, ag.Tensor)
assert_type(w[0], ag.Tensor)
assert_type(w @ w, ag.Tensor)
assert_type(w > 0, ag.Tensor)
assert_type(w.sum(axis=0, keepdims=True), ag.Tensor)
assert_type(w.reshape(1, -1).T, ag.Tensor)
assert_type(ag.where(w > 0, w, 0.0), ag.Tensor)
assert_type(ag.linalg.norm(w), ag.Tensor)
assert_type(w.shape, tuple[int, ...])
