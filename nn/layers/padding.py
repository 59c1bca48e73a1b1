"""Layers that pad the last one, two or three axes: :func:`nn.functional.pad`."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from autograd_np import Tensor

from ..functional import pad
from ..module import Module

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    axes: ClassVar[int]
    mode: ClassVar[str] = "constant"
    value: float | None = None

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        each: list[Any] = [*padding] if isinstance(padding, (tuple, list)) else [padding] * (2 * self.axes)
        if len(each) != 2 * self.axes:
            raise ValueError(
                f"{type(self).__name__}: padding is one number, or {2 * self.axes}: before and after for each axis, the last axis first"
            )
        self.padding = tuple(operator.index(n) for n in each)

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape with so many axes or more; the last ones grow."""
        return pad(x, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        """The numbers of elements."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """The numbers of elements, and their value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Pad the last axis with a constant.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
        value: of what is added.
    """

    axes = 1


class ConstantPad2d(_ConstantPad):
    """Pad the last two axes with a constant.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
        value: of what is added.
    """

    axes = 2


class ConstantPad3d(_ConstantPad):
    """Pad the last three axes with a constant.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
        value: of what is added.
    """

    axes = 3


class ZeroPad1d(_Pad):
    """Pad the last axis with zeros.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 1


class ZeroPad2d(_Pad):
    """Pad the last two axes with zeros.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 2


class ZeroPad3d(_Pad):
    """Pad the last three axes with zeros.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 3


class ReflectionPad1d(_Pad):
    """Pad the last axis with their mirror image, without the edge.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """Pad the last two axes with their mirror image, without the edge.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """Pad the last three axes with their mirror image, without the edge.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Pad the last axis with the edge.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """Pad the last two axes with the edge.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """Pad the last three axes with the edge.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 3
    mode = "replicate"


class CircularPad1d(_Pad):
    """Pad the last axis with the other end.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """Pad the last two axes with the other end.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 2
    mode = "circular"


class CircularPad3d(_Pad):
    """Pad the last three axes with the other end.

    Args:
        padding: one number for all sides, or before and after for each axis, the last axis first.
    """

    axes = 3
    mode = "circular"
