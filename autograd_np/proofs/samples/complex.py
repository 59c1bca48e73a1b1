"""Samples of the analytic functions away from the real axis: against formulas in Python's complex numbers.

What no chapter has complex samples of is proved on a real one with imaginary parts added, or to refuse it (see
cases.py).
"""

from __future__ import annotations

import cmath
import importlib.util
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import ORACLES, activations, case, elementwise, reductions, samples  # noqa: F401 - whose oracles are extended

__all__: list[str] = []

NEAR = np.array([[0.3 + 0.8j, -1.2 + 0.4j, 0.1j], [-0.7 - 1.1j, 1.5 + 0j, 0.9 - 0.2j]])
# Beyond ±πi, where a logarithm leaves its principal branch; and where the exponentials of one side overflow.
WIDE = np.array([1 + 4j, -2.5 - 3.5j, 0.5 + 9j, -3 + 0.5j])
FAR = np.array([-800 + 1j, 720 - 2j])


def _in_the_plane(name: str, formula: Callable[..., complex]) -> Callable[..., Any]:
    """The oracle of real numbers, and ``formula`` for complex ones, element by element."""
    real = ORACLES[name]

    def oracle(x: Any, *args: Any, **options: Any) -> Any:
        x = np.asarray(x)
        if x.dtype.kind != "c":
            return real(x, *args, **options)
        return np.array([formula(complex(v), *args, **options) for v in x.reshape(-1)], x.dtype).reshape(x.shape)

    return oracle


def _sigmoid(z: complex) -> complex:
    return 1 / (1 + cmath.exp(-z)) if z.real >= 0 else cmath.exp(z) / (1 + cmath.exp(z))


def _log1p_exp(z: complex) -> complex:
    """``log(1 + e^z)`` on the principal branch."""
    if z.real < 700:
        return cmath.log(1 + cmath.exp(z))
    return complex(z.real, math.remainder(z.imag, 2 * math.pi))


def _softplus(z: complex, beta: float = 1.0, threshold: float | None = None) -> complex:
    return z if threshold is not None and (beta * z).real > threshold else _log1p_exp(beta * z) / beta


def _erf(z: complex) -> complex:
    """``2/√π Σ (−1)ⁿ z^(2n+1) / (n! (2n+1))``."""
    terms = [(-1) ** n * z ** (2 * n + 1) / (math.factorial(n) * (2 * n + 1)) for n in range(40)]
    return 2 / math.sqrt(math.pi) * sum(terms, 0j)


def _cdf(z: complex) -> complex:
    return (1 + _erf(z / math.sqrt(2))) / 2


def _gelu(z: complex, approximate: str = "none") -> complex:
    return z * (_cdf(z) if approximate == "none" else _sigmoid(2 * math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


def _tanhshrink(z: complex) -> complex:
    return z**3 / 3 - 2 * z**5 / 15 + 17 * z**7 / 315 if abs(z) < 0.02 else z - cmath.tanh(z)


near = case(NEAR, label="complex", strided=False)
wide = case(WIDE, label="complex, beyond the principal branch", strided=False, duck=False)
far = case(FAR, label="complex, tails", order=0, float32=False, strided=False, duck=False)

samples("sigmoid", near, wide, far, oracle=_in_the_plane("sigmoid", _sigmoid))
samples("sigmoid_slope", near, wide, far, oracle=_in_the_plane("sigmoid_slope", lambda z: _sigmoid(z) * _sigmoid(-z)))
samples("log_sigmoid", near, wide, far, oracle=_in_the_plane("log_sigmoid", lambda z: -_log1p_exp(-z)))
samples(
    "softplus",
    near,
    wide,
    far,
    case(NEAR, beta=2.0, label="complex, beta", strided=False, duck=False),
    case(NEAR, threshold=0.2, label="complex, threshold", strided=False, duck=False),
    oracle=_in_the_plane("softplus", _softplus),
)
samples("silu", near, wide, oracle=_in_the_plane("silu", lambda z: z * _sigmoid(z)))
samples("mish", near, wide, oracle=_in_the_plane("mish", lambda z: z * cmath.tanh(_log1p_exp(z))))
samples(
    "tanhshrink",
    near,
    wide,
    case(np.array([1e-3 + 2e-3j, -2e-4j, 1e-5 + 1e-5j]), label="complex, small", strided=False, float32=False),
    oracle=_in_the_plane("tanhshrink", _tanhshrink),
)
samples("erf", near, oracle=_in_the_plane("erf", _erf))
samples("erfc", near, oracle=_in_the_plane("erfc", lambda z: 1 - _erf(z)))
samples("normal_cdf", near, oracle=_in_the_plane("normal_cdf", _cdf))
samples("gauss", case(NEAR, 0.5, label="complex", strided=False))
samples(
    "gelu",
    near,
    case(NEAR, approximate="tanh", label="complex, tanh", strided=False),
    oracle=_in_the_plane("gelu", _gelu),
)


def _i0_derivative(z: complex, k: int) -> complex:
    """Σ (z/2)^2m / m!² differentiated k times."""
    terms = [math.perm(2 * m, k) * z ** (2 * m - k) / (4**m * math.factorial(m) ** 2) for m in range(40) if 2 * m >= k]
    return sum(terms, 0j)


samples(
    "i0_derivative",
    case(NEAR[0], 1, label="complex", strided=False),
    oracle=_in_the_plane("i0_derivative", _i0_derivative),
)
# Options by which the smallest sample of the chapter would not come to the function's own rule.
samples("astype", case(NEAR, np.complex128, label="complex", strided=False, float32=False))
samples("concatenate", case([NEAR, NEAR[:1] * 1j], axis=0, label="complex", strided=False))
samples("dropout", case(NEAR, 0.5, rng=0, label="complex", strided=False))
samples(
    "intersect1d",
    case(
        NEAR[0],
        NEAR[0, ::2] + 0,
        order=1,
        expected=(np.array([1.0, 0, 1]), np.zeros(2)),
        label="complex",
        strided=False,
    ),
)
samples("pad", case(NEAR, 1, label="complex", strided=False))
samples("repeat", case(NEAR, 2, axis=1, label="complex", strided=False))
samples("setdiff1d", case(NEAR[0], NEAR[0, :1] + 1, True, label="complex", order=1, strided=False, duck=False))

_OBSERVED = NEAR + np.array([[0], [0.3j]])
samples(
    "cov",
    case(_OBSERVED, fweights=np.array([1, 2, 3]), label="complex, fweights", strided=False),
    case(_OBSERVED, aweights=np.array([0.5, 1.5, 0.7]), label="complex, aweights", strided=False),
    case(_OBSERVED, NEAR[:1], label="complex, y", strided=False),
)


def _zeta(s: int, q: Any) -> Any:
    """Σ (q + k)^−s: 2000 terms, and Euler and Maclaurin's first three for the rest."""
    end = q + 2000
    rest = end ** (1 - s) / (s - 1) + end**-s / 2 + s * end ** (-s - 1) / 12
    return sum(((q + k) ** -s for k in range(2000)), rest)


if importlib.util.find_spec("scipy"):
    _LEFT = np.array([0.3 + 0.8j, -1.3 - 0.4j, -2.2 + 0.05j, 4 - 3j])
    for _name in ("gamma", "loggamma", "rgamma", "psi"):
        samples(f"special.{_name}", case(_LEFT, label="complex, either side", strided=False))
    samples(
        "special.rgamma",
        case(np.array([-2 + 0j, 0j]), label="complex, poles of the gamma function", order=1, strided=False),
    )
    for _s in (2, 3, 4):
        samples("special.plane_zeta", case(_s, _LEFT, label="either side", strided=False), oracle=_zeta)

# Two classes with real parts above 1/2: complex parts of a whole have no bound.
_ROWS = np.array([[0.3 + 0.8j, -1.2 + 4.5j, 0.1j], [1 + 2.5j, 1 - 2.5j, 1.1 + 0.3j]])
_LARGE = _ROWS + np.array([[900 + 2j], [-900 - 3j]])
_axis = (
    case(_ROWS, label="complex", strided=False),
    case(_ROWS, axis=0, label="complex, first axis", strided=False, duck=False),
)


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The principal logarithm of the sum, the scale taken out by the real parts."""
    top = np.max(x.real, axis=axis, keepdims=True)
    value = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return value if keepdims else np.squeeze(value, axis=axis)


def _plane(name: str, formula: Callable[..., Any]) -> Callable[..., Any]:
    real = ORACLES[name]
    return lambda x, **options: (formula if x.dtype.kind == "c" else real)(x, **options)


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    return x - _logsumexp(x, axis, True)


samples(
    "logsumexp",
    case(_ROWS, axis=1, label="complex, beyond the principal branch", strided=False),
    case(_LARGE, axis=-1, keepdims=True, label="complex, large", strided=False, float32=False),
    oracle=_plane("logsumexp", _logsumexp),
)
samples("softmax", *_axis, oracle=_plane("softmax", lambda x, axis=-1: np.exp(_log_softmax(x, axis))))
samples(
    "log_softmax",
    *_axis,
    case(_LARGE, label="complex, large", strided=False, float32=False),
    oracle=_plane("log_softmax", _log_softmax),
)
samples("softmin", *_axis, oracle=_plane("softmin", lambda x, axis=-1: np.exp(_log_softmax(-x, axis))))
