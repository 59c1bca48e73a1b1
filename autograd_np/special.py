"""Special functions of Tensors that ``scipy.special`` has as Python functions, which NumPy's protocols do not reach.

SciPy's ufuncs are called on Tensors as they are, ``scipy.special.gammaln(t)``; docs/supported.md lists them. What SciPy computes in
Python from arrays (``polygamma``, ``multigammaln``, ``logsumexp``, ``softmax``, ``log_softmax``) stands here under the same name.

The others can be reached here too, ``ag.special.gammaln``: where SciPy itself asks an array's namespace for its functions
(``SCIPY_ARRAY_API=1``), it finds those.
"""

from __future__ import annotations

import importlib
import math
import operator
import sys
from types import ModuleType
from typing import Any

import numpy as np

from .engine.tensor import ArrayLike, Tensor
from .primitives.activations import erf, erfc, log_softmax, softmax, softplus
from .primitives.reductions import logsumexp

__all__ = ["erf", "erfc", "log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax", "softplus"]


def _scipy(name: str) -> ModuleType:
    try:
        return importlib.import_module("scipy.special")
    except ImportError:
        raise ImportError(f"{name} needs SciPy: pip install scipy") from None


def _tensor(x: ArrayLike) -> Any:
    return x if isinstance(x, Tensor) else Tensor(np.asarray(x))


def __getattr__(name: str) -> Any:
    """SciPy's function of that name as it is for NumPy's arrays, also where SciPy wraps it."""
    scipy = None if name.startswith("_") else sys.modules.get("scipy.special")
    if not hasattr(scipy, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(scipy, name)
    return getattr(found, "__wrapped__", found)


def polygamma(n: int, x: ArrayLike) -> Tensor:
    """The n-th derivative of the digamma function. Gradient for x: ``polygamma(n + 1, x)``.

    Args:
        n: the order, an integer >= 0.
        x: real numbers, > 0 for n >= 1.

    Raises:
        ValueError: n is negative.
        ImportError: SciPy is not installed.
    """
    n = operator.index(n)
    if n < 0:
        raise ValueError(f"polygamma: the order must not be negative, got {n}")
    special = _scipy("polygamma")
    x = _tensor(x)
    if n == 0:
        return special.psi(x)
    return (-1) ** (n + 1) * float(math.factorial(n)) * special.zeta(n + 1, x)


def multigammaln(a: ArrayLike, d: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension d: ``d(d−1)/4 · ln π + Σ_j gammaln(a − j/2)``, j < d.

    Raises:
        ValueError: d is not positive, or some a is not greater than (d − 1)/2.
        ImportError: SciPy is not installed.
    """
    d = operator.index(d)
    if d < 1:
        raise ValueError(f"multigammaln: d must be positive, got {d}")
    special = _scipy("multigammaln")
    a = _tensor(a)
    if np.any(np.less_equal(a, 0.5 * (d - 1))).item():
        raise ValueError(f"multigammaln: every a must be greater than (d - 1)/2 = {0.5 * (d - 1)}")
    total: Any = d * (d - 1) / 4 * math.log(math.pi)
    for j in range(d):
        total = total + special.gammaln(a - j / 2)
    return total
