"""When the allocator is told to keep freed memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
import autograd_np as ag
import nn
from autograd_np.engine import glibc

assert not glibc._told, "at import"
model = nn.Linear(3, 2)
x, y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
with ag.no_grad():
    model(x)
assert not glibc._told, "by inference"
for _ in range(2):
    {backward}
assert glibc._told == [True]
"""


@pytest.mark.parametrize("backward", ["nn.MSELoss()(model(x), y).backward()", "ag.grad(np.sin)(1.0)"])
def test_the_allocator_is_told_before_the_first_backward_pass(backward: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM.format(backward=backward)], check=True)
