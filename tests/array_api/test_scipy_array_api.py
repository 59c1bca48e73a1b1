"""SciPy on Tensors in both of its settings: as it is, and with ``SCIPY_ARRAY_API=1``, where it asks arrays for their
namespace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("scipy")

# What each call gives: "right" (value that of arrays, gradient that of central differences), or the error.
PROGRAM = r"""
import json, os, warnings
import numpy as np
import autograd_np as ag
import scipy.constants, scipy.fft, scipy.integrate, scipy.linalg, scipy.optimize, scipy.signal
import scipy.special as sc, scipy.stats as st

warnings.simplefilter("ignore")
x, w = np.array([0.3, 1.2, 2.5, 0.9]), np.array([0.5, 0.7, 0.9, 1.1])
calls = {}

def of_one(module, names, *rest, **options):
    for name in names.split():
        calls[name] = lambda t, f=getattr(module, name): f(t, *rest, **options)

of_one(sc, "cbrt cosdg digamma entr erf erfc erfcx exp1 exp10 exp2 expi expit expm1 exprel gamma gammaln i0 i0e i1 i1e "
    "j0 j1 k0 k1 log1p log_expit log_ndtr loggamma ndtr psi rgamma sindg spence wrightomega y0 y1")
for name in "beta betaln boxcox hyp0f1 kl_div pseudo_huber rel_entr xlog1py xlogy gammainc expn chdtr".split():
    f = getattr(sc, name)
    calls[name + " t"] = lambda t, f=f: f(np.array([1, 2, 1, 3]) if f.__name__ == "expn" else w, t)
    if name in ("beta", "betaln", "boxcox", "kl_div", "rel_entr", "xlogy", "xlog1py"):
        calls["t " + name] = lambda t, f=f: f(t, w)
        calls["t t " + name] = lambda t, f=f: f(t, t)
        calls["t 2 " + name] = lambda t, f=f: f(t, 2.0)
for name in "ellipe ellipk erfinv ndtri".split():
    calls[name] = lambda t, f=getattr(sc, name): f(t / 3)
calls["zeta"] = lambda t: sc.zeta(w + 1, t)
calls["ndtri_exp"] = lambda t: sc.ndtri_exp(-t)
calls["betainc"] = lambda t: sc.betainc(w, 1.5, t / 3)
special = sorted(calls)
of_one(sc, "softmax logsumexp log_softmax")
calls["zetac"] = lambda t: sc.zetac(t + 1)
calls["poch"] = lambda t: sc.poch(t, w)
of_one(scipy.integrate, "trapezoid cumulative_trapezoid simpson")
calls["trapezoid x"] = lambda t: scipy.integrate.trapezoid(t, x=np.array([0.0, 1.0, 3.0, 4.0]))
of_one(st, "gmean hmean skew kurtosis sem zscore variation entropy")
calls["gmean weights"] = lambda t: st.gmean(t, weights=w)
calls["pearsonr"] = lambda t: st.pearsonr(t, w).statistic
calls["norm.pdf"] = st.norm.pdf
of_one(scipy.fft, "fft rfft fftn dct")
of_one(scipy.optimize, "rosen")
calls["convert_temperature"] = lambda t: scipy.constants.convert_temperature(t, "C", "K")
calls["fftconvolve"] = lambda t: scipy.signal.fftconvolve(t, t)
calls["fftconvolve w"] = lambda t: scipy.signal.fftconvolve(t, w)
calls["expm"] = lambda t: scipy.linalg.expm(t.reshape(2, 2))

def total(result):
    return np.sum(np.abs(result) ** 2)

found = {}
for name, f in calls.items():
    t = ag.Tensor(x, requires_grad=True)
    try:
        y = total(f(t))
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"
        continue
    y.backward()
    differences = np.array([(total(f(x + e)) - total(f(x - e))) / 2e-6 for e in 1e-6 * np.eye(4)])
    right = np.allclose(y.item(), total(f(x)), rtol=1e-12) and np.allclose(t.grad, differences, rtol=1e-5, atol=1e-7)
    found[name] = "right" if right else f"wrong: {y.item()} {total(f(x))} {t.grad} {differences}"
print(json.dumps({"special": special, "found": found}))
"""
# Not functions of ``scipy.special``: right where SciPy asks for the namespace and neither assigns nor converts.
RIGHT_BY_NAMESPACE = {
    "convert_temperature", "cumulative_trapezoid", "entropy", "fft", "fftconvolve", "fftn", "gmean", "hmean",
    "kurtosis", "rfft", "rosen", "sem", "skew", "softmax", "trapezoid", "trapezoid x",
}  # fmt: skip
CLEAR = ("would cut the gradient", "Tensors are not assigned to in place", "is not supported on Tensors")


@pytest.fixture(scope="module", params=[None, "1"], ids=["as it is", "SCIPY_ARRAY_API=1"])
def results(request: pytest.FixtureRequest) -> tuple[str | None, dict[str, Any]]:
    environment = {word: value for word, value in os.environ.items() if word != "SCIPY_ARRAY_API"}
    if request.param:
        environment["SCIPY_ARRAY_API"] = request.param
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return request.param, json.loads(done.stdout.splitlines()[-1])


def test_special_functions_are_right_in_both_settings(results: tuple[str | None, dict[str, Any]]) -> None:
    _, result = results
    assert len(result["special"]) > 70
    assert {name: result["found"][name] for name in result["special"] if result["found"][name] != "right"} == {}


def test_the_rest_is_right_or_says_why_not(results: tuple[str | None, dict[str, Any]]) -> None:
    setting, result = results
    others = {name: said for name, said in result["found"].items() if name not in result["special"]}
    assert [said for said in others.values() if said != "right" and not any(words in said for words in CLEAR)] == []
    if setting:
        assert {name for name, said in others.items() if said == "right"} >= RIGHT_BY_NAMESPACE


def test_the_common_namespace_of_tensors_and_arrays() -> None:
    compat = pytest.importorskip("array_api_compat")
    import numpy as np

    import autograd_np as ag
    from autograd_np.engine.tensor import Tensor

    t, a = Tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0])
    assert (
        compat.array_namespace(t)
        is compat.array_namespace(t, 2.0, None)
        is compat.array_namespace(t, t)
        is t.__array_namespace__()
        is ag
    )
    for arrays in ((t, a), (a, t), (t, a, t), (np.float64(2.0), t)):
        xp = compat.array_namespace(*arrays)
        assert xp is compat.array_namespace(a)
        product = xp.sum(xp.exp(arrays[0]) * arrays[-1])
        assert isinstance(product, Tensor)
        assert product.requires_grad
