"""The metrics' base class, and their operands as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import autograd_np as ag

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = ["Array", "Metric", "array_of"]

Array = NDArray[Any]


class Metric:
    """Base class of metrics, and what a training loop asks of one.

    Attributes:
        name: what the figure is called in a history.
    """

    name: str

    def update(self, predictions: ArrayLike, targets: ArrayLike) -> None:
        """Take in a batch."""
        raise NotImplementedError(f"{type(self).__name__} defines no update(predictions, targets)")

    def compute(self) -> Any:
        """The figure over all batches since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} defines no compute()")

    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError(f"{type(self).__name__} defines no reset()")

    def _needs(self, count: Any) -> None:
        if not count:
            raise RuntimeError(
                f"{type(self).__name__}.compute: there are no items yet; call update(predictions, targets) first"
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


def array_of(values: Any) -> Array:
    """The values of an array, a list or a Tensor, as a plain array."""
    array: Array = np.asarray(values.numpy() if isinstance(values, ag.Tensor) else values)
    return array
