"""Defaults of every layer: the random generator of the process, which is ``autograd_np``'s, and the dtype of new parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_np import default_generator, generator_of, manual_seed

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = ["default_dtype", "default_generator", "generator_of", "manual_seed", "set_default_dtype"]

_dtype: list[np.dtype[Any]] = [np.dtype(np.float32)]


def default_dtype() -> np.dtype[Any]:
    """The dtype of parameters that are created without ``dtype=``: float32 unless set otherwise.

    >>> default_dtype()
    dtype('float32')
    """
    return _dtype[0]


def set_default_dtype(dtype: DTypeLike | None) -> None:
    """Set the dtype of parameters created from now on, for the whole process.

    Raises:
        TypeError: ``dtype`` is not a real floating type.
    """
    found = np.dtype(dtype)
    if found.kind != "f":
        raise TypeError(f"parameters are floating-point numbers, not {found}")
    _dtype[0] = found
