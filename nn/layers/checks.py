"""Checks of the layers' options, and errors that name the layer."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING

import numpy as np

from ..module import Module

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = ["named", "real", "whole"]


def whole(layer: str, option: str, value: ArrayLike, least: int = 0) -> int:
    """An option that counts something.

    Raises:
        TypeError: it is no integer.
        ValueError: it is smaller than ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{layer}: {option} = {value!r} is a {type(value).__name__}; it must be an integer")
    if value < least:
        raise ValueError(f"{layer}: {option} = {value} is less than {least}")
    return int(value)


def real(layer: str, option: str, value: ArrayLike, least: float = 0.0, most: float = math.inf) -> float:
    """An option that is a number between two bounds.

    Raises:
        TypeError: it is no real number.
        ValueError: it is out of the bounds, or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{layer}: {option} = {value!r} is a {type(value).__name__}; it must be a number")
    number: float = value  # type: ignore[assignment]  # NumPy's scalars too
    if not least <= number <= most or number == math.inf:
        bounds = f"at least {least:g} and finite" if most == math.inf else f"in [{least:g}, {most:g}]"
        raise ValueError(f"{layer}: {option} = {value!r} is not {bounds}")
    return number


def named(layer: Module, error: Exception, remedy: str = "") -> Exception:
    """The error of an operation with the layer that called it, of the same basic type.

    ``remedy`` takes the place of what the operation says of its operands and how to make them fit.
    """
    kind = next((kind for kind in (IndexError, TypeError) if isinstance(error, kind)), ValueError)
    text = f"{str(error).partition(' — ')[0]}; {remedy}" if remedy else str(error)
    return kind(f"{layer!r}: {text}")
