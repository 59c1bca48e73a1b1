"""Libraries that speak the Python array API standard, differentiated by being handed Tensors: SciPy, einops,
array-api-extra."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.tensor import Tensor

TOP = Path(__file__).resolve().parents[2]

_rng = np.random.default_rng(2024)
X = _rng.normal(size=(3, 4))


def test_array_api_compat_finds_the_namespace() -> None:
    compat = pytest.importorskip("array_api_compat")
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert compat.array_namespace(x, 1.0, None, x.detach()) is ag
    assert compat.is_array_api_obj(x)
    assert compat.device(x) == "cpu"
    assert compat.size(x) == 2
    assert compat.to_device(x, "cpu") is x


EINOPS: list[Any] = [
    ("rearrange", "a b c -> c (a b)", {}, lambda x: x.transpose(2, 0, 1).reshape(4, 6)),
    ("rearrange", "a (b d) c -> a d b c", {"d": 3}, lambda x: x.reshape(2, 1, 3, 4).transpose(0, 2, 1, 3)),
    ("reduce", "a b c -> b", "sum", lambda x: x.sum((0, 2))),
    ("reduce", "a b c -> a c ()", "mean", lambda x: x.mean(1)[:, :, None]),
    ("reduce", "a b c -> a () c", "max", lambda x: x.max(1, keepdims=True)),
    ("reduce", "a b c -> c a", "prod", lambda x: x.prod(1).T),
    ("repeat", "a b c -> b (r a) c", {"r": 2}, lambda x: np.concatenate([x, x]).transpose(1, 0, 2)),
]


@pytest.mark.parametrize(
    ("function", "pattern", "options", "same"), EINOPS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_einops(function: str, pattern: str, options: Any, same: Any) -> None:
    einops = pytest.importorskip("einops.array_api")
    words, lengths = (options,), {}
    if isinstance(options, dict):
        words, lengths = (), options
    x = _rng.normal(size=(2, 3, 4))

    def run(t: Any) -> Any:
        return getattr(einops, function)(t, pattern, *words, **lengths)

    np.testing.assert_allclose(run(Tensor(x)).numpy(), same(x), rtol=1e-13)
    assert ag.gradcheck(run, (x,), order=2)


def test_einops_pack() -> None:
    einops = pytest.importorskip("einops.array_api")
    x, y = (Tensor(_rng.normal(size=shape), requires_grad=True) for shape in ((2, 3, 5), (2, 5)))
    packed, shapes = einops.pack([x, y], "i * j")
    first, second = einops.unpack(packed, shapes, "i * j")
    ag.sum(first * 2 + ag.sum(second**2)).backward()
    assert np.array_equal(x.grad, np.full((2, 3, 5), 2.0))
    np.testing.assert_allclose(y.grad, 60 * y.numpy())


EXTRA = {
    "atleast_nd": lambda xpx, x: xpx.atleast_nd(x, ndim=3),
    "cov": lambda xpx, x: xpx.cov(x),
    "kron": lambda xpx, x: xpx.kron(x, x),
    "sinc": lambda xpx, x: xpx.sinc(x),
    "setdiff1d": lambda xpx, x: xpx.setdiff1d(x, x[:1, :]),
    "union1d": lambda xpx, x: xpx.union1d(x[0, :], x[1, :] + 1),
    "angle": lambda xpx, x: xpx.angle(x + 1j * x[::-1, :]),
    "deg2rad": lambda xpx, x: xpx.deg2rad(x),
    "nanmax": lambda xpx, x: xpx.nanmax(x, axis=1),
    "nansum": lambda xpx, x: xpx.nansum(x, axis=0),
    "nanmean": lambda xpx, x: xpx.nanmean(x),
    "partition": lambda xpx, x: xpx.partition(x, 2)[..., 2],
}


@pytest.mark.parametrize("name", EXTRA)
def test_array_api_extra(name: str) -> None:
    xpx = pytest.importorskip("array_api_extra")
    if not hasattr(xpx, name):
        pytest.skip(f"this array_api_extra has no {name}")
    x = X
    np.testing.assert_allclose(EXTRA[name](xpx, Tensor(x)).numpy(), EXTRA[name](xpx, x), rtol=1e-12)
    assert ag.gradcheck(lambda t: EXTRA[name](xpx, t) + 0 * ag.sum(t), (x,), order=2)


def test_array_api_extra_without_gradients() -> None:
    xpx = pytest.importorskip("array_api_extra")
    x = Tensor(X, requires_grad=True)
    assert xpx.nunique(x).item() == 12
    assert [each.tolist() for each in xpx.tril_indices(2, xp=ag)] == [[0, 1, 1], [0, 0, 1]]


SCIPY = r"""
import sys, warnings
import numpy as np
import autograd_np as ag
import scipy.fft, scipy.spatial.transform
from scipy._lib._array_api import array_namespace
from scipy import integrate, signal, special, stats
assert array_namespace(ag.Tensor([1.0]), 2.0) is ag
rng = np.random.default_rng(1)
x, p, q = rng.normal(size=(3, 4)), rng.uniform(0.1, 0.9, (3, 4)), rng.uniform(0.1, 0.9, (3, 4))

def alike(t):
    return ag.asarray(q) if isinstance(t, ag.Tensor) else q

calls = {
    "softmax": (lambda t: special.softmax(t, axis=0), x),
    "gmean": (lambda t: stats.gmean(t, axis=0), p),
    "hmean": (lambda t: stats.hmean(t, axis=0), p),
    "pmean": (lambda t: stats.pmean(t, 3, axis=0), p),
    "moment": (lambda t: stats.moment(t, order=3, axis=1), x),
    "skew": (lambda t: stats.skew(t, axis=1), x),
    "kurtosis": (lambda t: stats.kurtosis(t, axis=1), x),
    "sem": (lambda t: stats.sem(t, axis=0), x),
    "circmean": (lambda t: stats.circmean(t, axis=0), p),
    "circvar": (lambda t: stats.circvar(t, axis=0), p),
    "kstat": (lambda t: stats.kstat(t, 2), x),
    "kstatvar": (lambda t: stats.kstatvar(t, 1), x),
    "directional_stats": (lambda t: stats.directional_stats(t).mean_direction, x),
    "trapezoid": (lambda t: integrate.trapezoid(t, dx=0.1), x),
    "cumulative_trapezoid": (lambda t: integrate.cumulative_trapezoid(t, dx=0.1), x),
    "fftconvolve": (lambda t: signal.fftconvolve(t, alike(t)), x),
    "convolve": (lambda t: signal.convolve(t, alike(t), method="fft"), x),
    "fft": (lambda t: scipy.fft.fft(t).imag, x),
    "rfftn": (lambda t: scipy.fft.rfftn(t).real, x),
    "fht": (lambda t: scipy.fft.fht(t, 0.1, 0.5), p),
    "xlogy": (lambda t: special.xlogy(t, alike(t)), p),
    "as_matrix": (lambda t: scipy.spatial.transform.Rotation.from_quat(t).as_matrix(), p),
    "from_rotvec": (lambda t: scipy.spatial.transform.Rotation.from_rotvec(t[:, :3]).as_quat(), x),
    "apply": (lambda t: scipy.spatial.transform.Rotation.from_quat(t).apply(alike(t)[:, :3]), p),
}
bad = []
for name, (call, at) in calls.items():
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = call(ag.Tensor(at))
            assert isinstance(y, ag.Tensor), type(y)
            np.testing.assert_allclose(y.numpy(), call(at), rtol=1e-10, atol=1e-12)
            ag.gradcheck(lambda t: call(t) + 0 * ag.sum(t), (at,), order=2)
    except Exception as error:
        bad.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
print("\n".join(bad) or f"{len(calls)} right")
"""


def test_scipy() -> None:
    pytest.importorskip("scipy")
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCIPY],
        cwd=TOP,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+ right", done.stdout.strip()), done.stdout
