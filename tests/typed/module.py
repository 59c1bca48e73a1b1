"""A model: calling a module has the type of its ``forward``."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import autograd_np as ag
import nn


class Network(nn.Module):
    """Two layers, and what the first gives on request."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.first = nn.Linear(2, size)
        self.second = nn.Linear(size, 1)

    def forward(self, x: ag.Tensor, *, scale: float = 1.0) -> tuple[ag.Tensor, ag.Tensor]:
        """The output and the hidden layer."""
        hidden = ag.tanh(self.first(x))
        assert_type(hidden, ag.Tensor)
        return scale * self.second(hidden), hidden


x: NDArray[np.float32] = np.ones((4, 2), np.float32)
network = Network(8)
out, hidden = network(ag.Tensor(x), scale=2.0)
assert_type(out, ag.Tensor)
assert_type(hidden, ag.Tensor)
(out**2).mean().backward()
assert_type(nn.Linear(2, 3)(ag.Tensor(x)), ag.Tensor)
