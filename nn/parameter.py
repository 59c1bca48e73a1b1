"""``Parameter``: a Tensor that a module learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograd_np import Tensor

from .defaults import default_dtype

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A Tensor that is learnt: as an attribute of a :class:`Module` it is one of the module's parameters.

    Args:
        data: its first values, which are copied. Lists and numbers get the default dtype (float32), arrays keep theirs.
        requires_grad: False freezes it.
        dtype: convert to this dtype.
        name: a label for pictures and messages.

    >>> w = Parameter([1.0, 2.0])
    >>> w.dtype, w.requires_grad
    (dtype('float32'), True)
    """

    __slots__ = ()

    def __init__(
        self, data: Any, requires_grad: bool = True, *, dtype: DTypeLike | None = None, name: str | None = None
    ) -> None:
        if dtype is None and not hasattr(data, "dtype"):
            dtype = default_dtype()
        super().__init__(
            data.numpy() if isinstance(data, Tensor) else data, requires_grad, dtype=dtype, name=name, copy=True
        )
