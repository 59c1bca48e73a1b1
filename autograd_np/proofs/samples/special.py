"""Samples of scipy.special, where SciPy is installed. Orders and shape parameters stand as numbers and as arrays."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from ...engine.registry import REGISTRY
from . import away, case, normal, positive, samples, uniform

__all__: list[str] = []


def _points(*values: float) -> Any:
    return np.array(values)


def _plane(*shape: int) -> Any:
    """Complex numbers."""
    return normal(*shape) + 1j * normal(*shape)


def _each(names: str, *cases: Any) -> None:
    for name in names.split():
        if f"special.{name}" in REGISTRY:  # an older SciPy has fewer
            samples(f"special.{name}", *cases)


def _unary() -> None:
    """Functions of one argument: points of the domain, its tails, and complex numbers where they take them."""
    _each("erf erfc erfcx", case(_points(-3.0, -0.3, 0.0, 0.7, 2.5)), case(_plane(2), label="complex"))
    _each("erfi dawsn", case(_points(-2.0, 0.0, 0.3, 1.7)), case(_plane(2), label="complex"))
    _each("erfcx", case(_points(7.9, 8.1, 30.0, 1e6), label="where the slope cancels"))
    _each("dawsn", case(_points(-7.9, -8.1, 8.1, 1e6), label="where the slope cancels"))
    _each(
        "erfinv",
        case(_points(-0.9, 0.0, 0.3)),
        case(_points(-1.0, 1.0), order=1, expected=(_points(np.inf, np.inf),), label="ends"),
    )
    _each(
        "erfcinv",
        case(_points(0.1, 1.2, 1.9)),
        case(_points(0.0, 2.0), order=1, expected=(_points(-np.inf, -np.inf),), label="ends"),
    )
    _each("wofz", case(_plane(2, 2)))
    _each("fresnel sici shichi", case(_points(0.3, 0.9, 2.0)), case(_plane(2), label="complex"))
    _each("sici shichi", case(_points(4.0, 9.0)))
    _each("airy", case(_points(-2.0, 0.0, 0.5, 2.0)), case(_plane(2), label="complex"))
    _each("gamma", case(_points(-1.5, -0.3, 0.4, 3.0, 20.0)), case(uniform(0.3, 2.0, 2, 2), label="two axes"))
    _each("gammaln", case(_points(-1.5, -0.3, 0.4, 3.0, 20.0, 1e6)))
    _each("loggamma", case(_points(0.3, 2.5, 10.0)), case(positive(2, 2)))
    _each("rgamma", case(_points(-1.5, 0.3, 0.8, 3.0)))
    _each(
        "rgamma",
        case(
            _points(-3.0, -2.0, -1.0, 0.0),
            order=1,
            expected=(_points(-6.0, 2.0, -1.0, 1.0),),
            label="poles of the gamma function",
        ),
    )
    _each("rgamma", case(_points(-2.0, -1.0, 0.0), label="second order at the poles"))
    _each("psi", case(_points(-1.5, 0.2, 1.0, 40.0)))
    _each("gammasgn round", case(_points(-1.5, 0.4), order=0))
    _each("i0 i1 j0 j1 i1e", case(_points(-2.0, 0.5, 3.0)))
    _each("i0 i1 j0 j1", case(_points(0.0), label="at 0"))
    _each("i0e", case(_points(-2.0, 0.5, 3.0)), case(_points(0.0), order=1, expected=(_points(0.0),), label="kink"))
    _each("i0e i1e", case(_points(-1e7, -50.0, 39.0, 41.0, 1e7), float32=False, label="where the slope cancels"))
    _each("k0e k1e", case(_points(39.0, 41.0, 1e7), float32=False, label="where the slope cancels"))
    _each("ive kve", case(_points(0.5, 3.0), _points(60.0, 1e7), float32=False, label="where the slope cancels"))
    _each("i1e", case(_points(0.0), order=1, expected=(_points(0.5),), label="at 0"))
    _each("k0 k1 k0e k1e y0 y1", case(_points(0.2, 1.0, 4.0)))
    _each("exp1 expi", case(_points(0.3, 2.0, 7.0)))
    _each("expi", case(_points(-2.0, -0.4), label="negative"))
    _each("exprel", case(_points(-50.0, -2.0, 0.0, 1e-8, 0.3, 5.0)))
    _each(
        "exprel",
        case(_points(-np.inf, 1e6, np.inf), order=1, expected=(_points(0.0, np.inf, np.inf),), label="infinity"),
    )
    _each("spence", case(_points(0.2, 0.9, 1.0, 1.2, 5.0, 1e4)))
    _each("ellipk ellipe", case(_points(-30.0, -0.5, 0.0, 0.4, 0.99)))
    _each("ellipkm1", case(_points(1e-6, 0.3, 1.0, 4.0)))
    _each("ndtr log_ndtr", case(_points(-3.0, -0.4, 0.0, 1.5)), case(_plane(2), label="complex"))
    _each("log_ndtr", case(_points(-1e6, -30.0, -12.0, 5.0), float32=False, label="tails"))
    _each(
        "ndtri",
        case(_points(0.01, 0.5, 0.8)),
        case(_points(0.0, 1.0), order=1, expected=(_points(np.inf, np.inf),), label="ends"),
    )
    _each("ndtri_exp", case(_points(-30.0, -2.0, -0.1)))
    _each("mills", case(_points(-20.0, -1.0, 0.0, 2.0)))
    _each("expit log_expit", case(_points(-30.0, -1.0, 0.0, 2.0, 30.0), float32=False), case(normal(2, 3)))
    _each("logit", case(_points(0.01, 0.5, 0.9)), case(_points(0.0), order=1, expected=(_points(np.inf),), label="end"))
    _each("entr", case(_points(0.01, 0.5, 3.0)), case(_points(0.0), order=1, expected=(_points(np.inf),), label="at 0"))
    _each("exp2 exp10 expm1 cosm1 sindg cosdg", case(_points(-2.0, 0.0, 0.3, 1.5)), case(normal(2, 3)))
    _each("tandg cotdg", case(_points(-40.0, 10.0, 50.0)))
    _each("log1p", case(_points(-0.5, 0.0, 3.0)))
    _each("cbrt", case(_points(-2.0, 0.3, 5.0)), case(_points(0.0), order=1, expected=(_points(np.inf),), label="at 0"))
    _each("wrightomega", case(_points(-5.0, 0.0, 4.0, 100.0)), case(_plane(2), label="complex"))
    _each("expm1 log1p", case(_plane(2), label="complex"))


def _bessel() -> None:
    _each(
        "jv iv yv kv",
        case(0.5, positive(3)),
        case(_points(0.0, 1.0, 2.5), positive(2, 1), label="orders broadcast"),
        case(1.5, _plane(2), label="complex"),
    )
    _each(
        "ive kve jve yve",
        case(0.5, positive(3)),
        case(_points(0.0, 1.0, 2.5), positive(2, 1), label="orders broadcast"),
    )
    _each("ive kve jve yve", case(1.5, _plane(3), label="complex"))
    _each("hankel1 hankel2 hankel1e hankel2e", case(0.5, _plane(3)), case(1, positive(2), label="real"))
    _each(
        "yn kn",
        case(0, positive(3), label="order 0"),
        case(np.array([[1], [2]]), positive(3), label="orders broadcast"),
    )
    _each("iv jv", case(1, _points(-1.0, 0.0, 2.0), label="through 0"))
    _each(
        "expn",
        case(0, positive(3), label="order 0"),
        case(1, positive(3)),
        case(np.array([[1], [3]]), positive(2), label="orders broadcast"),
    )
    _each(
        "ellipkinc ellipeinc",
        case(_points(-1.0, 0.3, 2.0), 0.5),
        case(normal(2, 1), _points(-2.0, 0.0, 0.6), label="broadcast"),
    )
    _each("ellipj", case(_points(-1.0, 0.3, 2.0), 0.5), case(normal(2, 1), _points(0.2, 0.6), label="broadcast"))
    _each("hyp0f1", case(1.5, normal(3)), case(_points(0.5, 2.0), normal(2, 1), label="broadcast"))
    _each("hyp1f1", case(0.5, 1.5, normal(3)), case(_points(0.5, 2.0), 1.5, normal(2, 1), label="broadcast"))
    _each(
        "hyp2f1",
        case(0.5, 1.5, 2.5, uniform(-0.9, 0.9, 3)),
        case(_points(0.5, 2.0), 1.5, 2.2, uniform(-0.9, 0.9, 2, 1), label="broadcast"),
    )
    _each("hyperu", case(0.5, 1.5, positive(3)))
    degrees = np.array([[0], [1], [4]])
    names = "eval_legendre eval_chebyt eval_chebyu eval_laguerre eval_hermite eval_hermitenorm"
    _each(
        names,
        case(3, uniform(-0.9, 0.9, 3)),
        case(degrees, uniform(-0.9, 0.9, 2), label="degrees broadcast"),
        case(0, normal(2), order=0),
    )
    negative = np.array([[-1], [-2], [-4]])
    _each(
        "eval_legendre eval_chebyt eval_chebyu eval_laguerre",
        case(negative, uniform(-0.9, 0.9, 2), label="negative degrees"),
    )
    _each("eval_legendre eval_chebyt eval_chebyu", case(-3, uniform(-0.9, 0.9, 2), label="a negative degree"))
    _each("eval_gegenbauer eval_genlaguerre", case(negative, 1.5, uniform(-0.9, 0.9, 2), label="negative degrees"))
    _each(
        "eval_gegenbauer eval_genlaguerre",
        case(3, 0.7, uniform(-0.9, 0.9, 3)),
        case(degrees, 1.5, uniform(-0.9, 0.9, 2), label="degrees broadcast"),
    )
    _each(
        "eval_jacobi",
        case(3, 0.7, 0.2, uniform(-0.9, 0.9, 3)),
        case(degrees, 1.5, 0.0, uniform(-0.9, 0.9, 2), label="degrees broadcast"),
    )
    _each("eval_legendre", case(2.5, uniform(-0.9, 0.9, 3), label="real degree"))


def _many() -> None:
    """Functions of several arguments."""
    _each(
        "beta betaln",
        case(positive(3), positive(3)),
        case(positive(2, 1), positive(3), label="broadcast"),
        case(2.5, positive(3), label="a number"),
    )
    _each("betaln", case(_points(1e5, 3.0, 1e-3), _points(1.0, 1e5, 2.0), float32=False, label="magnitudes far apart"))
    _each("beta", case(_points(-0.5, 1.5), _points(0.7, -0.3), label="negative"))
    _each("_zeta", case(2.0, positive(3)), case(_points(1.5, 3.0), positive(2, 1), label="broadcast"))
    _each(
        "gammainc gammaincc",
        case(2.5, positive(3)),
        case(_points(0.5, 1.0, 20.0), positive(2, 1), label="broadcast"),
        case(0.7, positive(2)),
    )
    _each(
        "gammainc",
        case(
            _points(0.5, 1.0, 2.0), _points(0.0, 0.0, 0.0), order=1, expected=(_points(np.inf, 1.0, 0.0),), label="at 0"
        ),
    )
    _each(
        "gammaincinv gammainccinv",
        case(2.5, uniform(0.1, 0.9, 3)),
        case(_points(0.5, 1.0, 20.0), uniform(0.1, 0.9, 2, 1), label="broadcast"),
    )
    _each("betainc betaincc betaincinv betainccinv", case(2.5, 0.7, uniform(0.1, 0.9, 3)))
    _each(
        "betainc betaincc betaincinv betainccinv",
        case(_points(0.5, 1.0, 20.0), 1.0, uniform(0.1, 0.9, 2, 1), label="broadcast"),
    )
    _each(
        "gamma_density",
        case(1.5, 2.5, positive(3)),
        case(19.0, 20.0, positive(2) * 10, label="large"),
        case(0.0, 1.0, positive(2), label="p = 0"),
    )
    _each(
        "beta_density",
        case(1.5, 0.5, 2.5, 1.5, uniform(0.1, 0.9, 3)),
        case(0.0, 1.0, 1.0, 2.0, uniform(0.1, 0.9, 2), label="p = 0"),
    )
    _each(
        "xlogy rel_entr kl_div log_ratio",
        case(positive(3), positive(3)),
        case(positive(2, 1), positive(3), label="broadcast"),
    )
    _each(
        "xlogy",
        case(
            _points(0.0, 2.0),
            _points(0.0, 0.0),
            order=1,
            expected=(_points(-np.inf, -np.inf), _points(0.0, np.inf)),
            label="at 0",
        ),
    )
    _each("rel_entr", case(_points(0.0), _points(0.0), order=1, expected=(_points(1.0), _points(0.0)), label="at 0"))
    _each("rel_entr log_ratio", case(_points(1.0, 2.0), _points(1.0 + 1e-9, 2.0), float32=False, label="close"))
    _each("xlog1py", case(positive(3), positive(3)), case(positive(2, 1), positive(3), label="broadcast"))
    _each(
        "xlogy xlog1py rel_entr kl_div",
        case(2.0, positive(3), label="a number first"),
        case(positive(3), 2.0, label="a number second"),
    )
    _each("owens_t", case(normal(3), normal(3)), case(normal(2, 1), normal(3), label="broadcast"))
    _each("stdtr", case(3.5, normal(3)), case(_points(1.0, 5.0), normal(2, 1), label="broadcast"))
    _each("chdtr chdtrc", case(3.0, positive(3)), case(_points(1.0, 5.0), positive(2, 1), label="broadcast"))
    _each("pdtr pdtrc", case(3.0, positive(3)), case(_points(0.0, 2.5), positive(2, 1), label="broadcast"))
    _each(
        "bdtr bdtrc",
        case(2.0, 5, uniform(0.1, 0.9, 3)),
        case(_points(0.0, 3.0), 7, uniform(0.1, 0.9, 2, 1), label="broadcast"),
    )
    for name in ("boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p", "powm1"):
        _each(name, case(positive(3), positive(3)), case(positive(2, 1), _points(-0.3, 0.4), label="broadcast"))
        _each(name, case(positive(3), 0.5, label="a number second"), case(1.5, positive(3), label="a number first"))
    _each(
        "boxcox boxcox1p inv_boxcox inv_boxcox1p",
        case(positive(3), _points(0.0, 1e-9, 1e-3), float32=False, label="λ near 0"),
    )
    _each("boxcox", case(_points(2.0), _points(np.inf), order=0, label="an infinite power"))
    _each("boxcox", case(_points(0.0), _points(2.0), order=1, expected=(_points(0.0), _points(0.25)), label="at 0"))
    _each("huber", case(1.0, away(4)), case(positive(2, 1), away(3) * 4, label="broadcast"))
    _each(
        "pseudo_huber",
        case(positive(3), normal(3)),
        case(positive(2, 1), normal(3), label="broadcast"),
        case(1.0, normal(3), label="a number"),
    )
    _each("pseudo_huber", case(_points(2.0, 1.0), _points(0.0, 1e6), label="0 and large"))
    _each(
        "_lambertw",
        case(_points(-0.2, 0.0, 2.0, 1e6), 0, 1e-8),
        case(_points(-0.3, -0.1), -1, 1e-8, label="the lower branch"),
    )
    _each("_lambertw", case(_plane(3), 0, 1e-8, label="complex"))
    _each("radian", case(normal(3), normal(3), normal(3)), case(normal(2, 1), normal(3), normal(), label="broadcast"))


if importlib.util.find_spec("scipy") is not None:
    import scipy.special

    from ...primitives import special

    special.register()
    _unary()
    _bessel()
    _many()
    samples("special.mills", oracle=lambda x: np.sqrt(np.pi / 2) * scipy.special.erfcx(-x / np.sqrt(2)))
    samples("special.relative_gap", case(positive(3), positive(2, 1)), oracle=lambda x, y: (y - x) / y)
    samples("special.pseudo_huber_force", case(positive(3), normal(2, 1)), oracle=lambda x, y: x * y / np.hypot(x, y))
    samples("special.omega_slope", case(positive(3)), case(_plane(2), label="complex"), oracle=lambda w: w / (1 + w))
    samples("special.ellipem1", case(_points(1e-6, 0.3, 4.0)), oracle=lambda p: scipy.special.ellipe(1 - p))
    samples("special.log_ratio", oracle=lambda x, y: np.where(x == y, 0, np.log1p((x - y) / y)))
    samples("special.gamma_density", oracle=lambda p, a, x: x**p * np.exp(-x) / scipy.special.gamma(a))
    samples("special.beta_density", oracle=lambda p, q, a, b, x: x**p * (1 - x) ** q / scipy.special.beta(a, b))
