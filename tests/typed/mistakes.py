"""What a type checker must refuse. Each line is silenced by the error that it gives; were it not given, the comment
would be an error.

Nothing of it runs.
"""

import numpy as np
from numpy.typing import NDArray

import autograd_np as ag
import nn


def energy(x: ag.Tensor, stiffness: float) -> ag.Tensor:
    """A function of one array with a further argument."""
    return stiffness * (x**2).sum()


class Network(nn.Module):
    """A model with a typed ``forward``."""

    def forward(self, x: ag.Tensor) -> ag.Tensor:
        """The same."""
        return x


def mistakes(t: ag.Tensor, array: NDArray[np.float64]) -> None:
    """One a line."""
    ag.exp(object())  # type: ignore[arg-type]
    ag.sum(t, axis="rows")  # type: ignore[arg-type]
    t + object()  # type: ignore[operator]
    t.no_such_method()  # type: ignore[attr-defined]
    t.sum(axes=0)  # type: ignore[call-arg]
    ag.grad(energy)(t)  # type: ignore[call-overload]
    ag.grad(energy)(t, "soft")  # type: ignore[call-overload]
    ag.value_and_grad(energy)(t, stiff=1.0)  # type: ignore[call-overload]
    ag.hessian(energy)(array)  # type: ignore[call-overload]
    ag.compile(energy)(t, "soft")  # type: ignore[arg-type]
    ag.checkpoint(energy)(t)  # type: ignore[call-arg]
    Network()(t, 2)  # type: ignore[call-arg]
    Network()("text")  # type: ignore[arg-type]
    number: int = Network()(t)  # type: ignore[assignment]
    # What docs/typing.md says of NumPy's own functions: should a release of NumPy know better, that page is to be
    # changed.
    result: ag.Tensor = np.exp(t)  # type: ignore[assignment]
    del number, result
