"""What an installed wheel must do, outside the checkout, with NumPy alone."""

import importlib.metadata
import pathlib
import sys

import numpy as np

import autograd_np as ag
import nn

distributions = {found.metadata["Name"].lower().replace("_", "-") for found in importlib.metadata.distributions()}
assert distributions - {"pip", "setuptools"} == {"autograd-np", "numpy"}, distributions
for package in (ag, nn):
    folder = pathlib.Path(package.__file__).parent
    assert folder.is_relative_to(sys.prefix), folder
    assert (folder / "py.typed").is_file(), folder
assert importlib.metadata.version("autograd-np") == ag.__version__
x = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True)
np.sum(np.exp(x) * x).backward()
np.testing.assert_allclose(x.grad, np.exp([1.0, 2.0, 3.0]) * [2.0, 3.0, 4.0])
assert ag.grad(ag.grad(np.sin))(0.5) == -np.sin(0.5)
print(
    f"autograd-np {ag.__version__} on NumPy {np.__version__}, from "
    f"{pathlib.Path(ag.__file__).parent.relative_to(sys.prefix)}"
)
