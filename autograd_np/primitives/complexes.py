"""What the functions that are analytic in the complex plane need there: exponentials that don't overflow, principal logarithms.

The order that a real formula rests on (a maximum, a sign) is that of the real parts, which decide how large an exponential is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.record import is_complex
from ..engine.tensor import Array

__all__ = ["decay", "is_complex", "log1p", "principal", "scipy_ufunc", "softplus"]


def decay(x: Array) -> tuple[Any, Any]:
    """(e^−x where Re x ≥ 0 and e^x elsewhere, which of the two it is): its magnitude never exceeds 1."""
    right = np.greater_equal(np.real(x), 0)
    return np.exp(np.where(right, np.negative(x), x)), right


def principal(z: Array) -> Array:
    """A logarithm z on its principal branch: the imaginary part within [−π, π]."""
    angle = np.imag(z)
    return np.real(z) + 1j * (angle - 2 * math.pi * np.rint(angle / (2 * math.pi)))


def log1p(z: Array) -> Array:
    """``log(1 + z)`` with the digits of a small z, which NumPy's complex log1p loses in the real part."""
    a, b = np.real(z), np.imag(z)
    return 0.5 * np.log1p(a * (2 + a) + b * b) + 1j * np.arctan2(b, 1 + a)


def softplus(x: Array) -> Any:
    """``log(1 + e^x)`` on the principal branch."""
    e, right = decay(x)
    return principal(np.where(right, x, 0) + log1p(e))


def scipy_ufunc(name: str) -> Any:
    """A function of ``scipy.special`` that NumPy lacks for complex numbers."""
    try:
        import scipy.special
    except ImportError:
        raise ImportError(f"{name} of complex numbers needs SciPy: pip install scipy") from None
    return getattr(scipy.special, name)
