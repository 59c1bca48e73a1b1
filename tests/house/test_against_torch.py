"""Values, gradients and second derivatives against PyTorch, an independent implementation.

An optional job: PyTorch is no dependency, and without it these tests are skipped. ``.ci/torch`` installs it
in an environment of its own and runs them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(7)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(4, 3))
P = RNG.uniform(0.3, 2.0, size=(3, 4))
U = RNG.uniform(-0.9, 0.9, size=(3, 4))
S = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
SPD = S @ np.swapaxes(S, -1, -2)
LABELS = np.array([0, 3, 1])
PROBABILITIES = RNG.dirichlet(np.ones(4), 3)
WEIGHT = np.array([0.5, 1.0, 2.0, 1.5])

Case = tuple[str, Callable[..., Any], Callable[..., Any], tuple[Any, ...]]


def same(name: str, *args: Any, torch_name: str | None = None) -> Case:
    """The function of one name in both libraries."""
    return name, getattr(np, name), getattr(torch, torch_name or name), args


def labels() -> Any:
    return torch.tensor(LABELS)


CASES: list[Case] = [
    *[
        same(name, A)
        for name in (
            "exp",
            "expm1",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "arctan",
            "arcsinh",
            "square",
            "abs",
            "sinc",
            "negative",
        )
    ],
    *[same(name, P) for name in ("log", "log1p", "log2", "log10", "sqrt", "reciprocal", "exp2", "deg2rad")],
    *[same(name, U) for name in ("arcsin", "arccos", "arctanh")],
    same("arccosh", P + 1),
    same("i0", A),
    *[
        same(name, A, A[::-1].copy())
        for name in ("add", "subtract", "multiply", "maximum", "minimum", "logaddexp", "logaddexp2", "hypot", "arctan2")
    ],
    same("divide", A, P),
    same("power", P, A, torch_name="pow"),
    same("float_power", P, A),
    ("remainder", np.remainder, torch.remainder, (A, P)),
    ("fmod", np.fmod, torch.fmod, (A, P)),
    (
        "xlogy",
        lambda x: np.where(x > 0, x * np.log(np.abs(x)), 0.0),
        lambda x: torch.xlogy(x.clamp(min=0), x.abs()),
        (A,),
    ),
    ("sum", lambda x: np.sum(x, axis=0), lambda x: x.sum(0), (A,)),
    ("mean", lambda x: np.mean(x, axis=1, keepdims=True), lambda x: x.mean(1, keepdim=True), (A,)),
    ("var", lambda x: np.var(x, axis=1, ddof=1), lambda x: x.var(1), (A,)),
    ("std", lambda x: np.std(x, axis=0, ddof=1), lambda x: x.std(0), (A,)),
    ("prod", lambda x: np.prod(x, axis=1), lambda x: x.prod(1), (A,)),
    ("prod with a zero", np.prod, torch.prod, (np.array([0.0, 2.0, 3.0]),)),
    ("max", lambda x: np.max(x, axis=1), lambda x: x.amax(1), (A,)),
    ("cumsum", lambda x: np.cumsum(x, axis=1), lambda x: x.cumsum(1), (A,)),
    ("cumprod", lambda x: np.cumprod(x, axis=1), lambda x: x.cumprod(1), (A,)),
    ("logsumexp", lambda x: ag.logsumexp(x, axis=1), lambda x: x.logsumexp(1), (A,)),
    ("sort", lambda x: np.sort(x, axis=1), lambda x: x.sort(1).values, (A,)),
    ("median", lambda x: np.median(x[:, :3], axis=1), lambda x: x[:, :3].median(1).values, (A,)),
    ("quantile", lambda x: np.quantile(x, 0.3, axis=1), lambda x: x.quantile(0.3, 1), (A,)),
    ("diff", lambda x: np.diff(x, axis=1), lambda x: x.diff(dim=1), (A,)),
    ("trapezoid", lambda x: np.trapezoid(x, axis=1), lambda x: torch.trapezoid(x, dim=1), (A,)),
    ("cov", np.cov, torch.cov, (A,)),
    ("corrcoef", np.corrcoef, torch.corrcoef, (A,)),
    ("roll", lambda x: np.roll(x, 2, axis=1), lambda x: x.roll(2, 1), (A,)),
    ("flip", lambda x: np.flip(x, 1), lambda x: x.flip(1), (A,)),
    ("tril", np.tril, torch.tril, (A,)),
    (
        "pad",
        lambda x: np.pad(x, ((0, 0), (1, 2)), mode="reflect"),
        lambda x: F.pad(x[None], (1, 2), mode="reflect")[0],
        (A,),
    ),
    ("gather", lambda x: x[np.array([0, 2, 0])], lambda x: x[torch.tensor([0, 2, 0])], (A,)),
    (
        "take_along_axis",
        lambda x: np.take_along_axis(x, LABELS[:, None], 1),
        lambda x: x.gather(1, labels()[:, None]),
        (A,),
    ),
    ("where", lambda x, y: np.where(A > 0, x, y), lambda x, y: torch.where(torch.tensor(A) > 0, x, y), (A, P)),
    ("clip", lambda x: np.clip(x, -0.5, 0.5), lambda x: x.clamp(-0.5, 0.5), (A,)),
    ("matmul", np.matmul, torch.matmul, (A, B)),
    ("batched matmul", np.matmul, torch.matmul, (S, S[0])),
    ("einsum", lambda x, y: np.einsum("ij,jk->ki", x, y), lambda x, y: torch.einsum("ij,jk->ki", x, y), (A, B)),
    ("einsum with a diagonal", lambda x: np.einsum("bii->bi", x), lambda x: torch.einsum("bii->bi", x), (S,)),
    ("kron", np.kron, torch.kron, (A, B)),
    ("cross", np.cross, lambda x, y: torch.linalg.cross(x, y), (S, S[::-1].copy())),
    ("inv", np.linalg.inv, torch.linalg.inv, (S,)),
    ("det", np.linalg.det, torch.linalg.det, (S,)),
    ("slogdet", lambda x: np.linalg.slogdet(x)[1], lambda x: torch.linalg.slogdet(x)[1], (S,)),
    ("solve", np.linalg.solve, torch.linalg.solve, (S, SPD)),
    (
        "cholesky",
        lambda x: np.linalg.cholesky((x + np.swapaxes(x, 1, 2)) / 2),
        lambda x: torch.linalg.cholesky((x + x.mT) / 2),
        (SPD,),
    ),
    (
        "eigvalsh",
        lambda x: np.linalg.eigvalsh((x + np.swapaxes(x, 1, 2)) / 2),
        lambda x: torch.linalg.eigvalsh((x + x.mT) / 2),
        (SPD,),
    ),
    ("svdvals", np.linalg.svdvals, torch.linalg.svdvals, (S,)),
    ("pinv", np.linalg.pinv, torch.linalg.pinv, (A,)),
    ("nuclear norm", lambda x: np.linalg.norm(x, "nuc"), lambda x: torch.linalg.norm(x, "nuc"), (A,)),
    ("norm of order 3", lambda x: np.linalg.norm(x, 3, axis=1), lambda x: torch.linalg.vector_norm(x, 3, dim=1), (A,)),
    ("matrix_power", lambda x: np.linalg.matrix_power(x, -2), lambda x: torch.linalg.matrix_power(x, -2), (S,)),
    ("power spectrum", lambda x: np.abs(np.fft.rfft(x)) ** 2, lambda x: torch.fft.rfft(x).abs() ** 2, (A,)),
    (
        "irfft",
        lambda x: np.fft.irfft(np.fft.rfft(x) * 2, n=5),
        lambda x: torch.fft.irfft(torch.fft.rfft(x) * 2, n=5),
        (A,),
    ),
    *[
        (name, getattr(ag, name), getattr(F, theirs), (A,))
        for name, theirs in {
            "relu": "relu",
            "leaky_relu": "leaky_relu",
            "relu6": "relu6",
            "elu": "elu",
            "selu": "selu",
            "gelu": "gelu",
            "silu": "silu",
            "mish": "mish",
            "sigmoid": "sigmoid",
            "log_sigmoid": "logsigmoid",
            "hard_swish": "hardswish",
            "hardtanh": "hardtanh",
            "hardshrink": "hardshrink",
            "softshrink": "softshrink",
            "tanhshrink": "tanhshrink",
            "softplus": "softplus",
            "softsign": "softsign",
        }.items()
    ],
    ("gelu by tanh", lambda x: ag.gelu(x, approximate="tanh"), lambda x: F.gelu(x, approximate="tanh"), (A,)),
    ("erf", ag.erf, torch.erf, (A,)),
    ("erfc", ag.erfc, torch.erfc, (A,)),
    ("softmax", lambda x: ag.softmax(x, axis=1), lambda x: x.softmax(1), (A,)),
    ("log_softmax", lambda x: ag.log_softmax(x, axis=0), lambda x: x.log_softmax(0), (A,)),
    ("cross-entropy", lambda x: ag.softmax_cross_entropy(x, LABELS), lambda x: F.cross_entropy(x, labels()), (A,)),
    (
        "cross-entropy with every option",
        lambda x: ag.softmax_cross_entropy(x, LABELS, weight=WEIGHT, ignore_index=3, label_smoothing=0.1),
        lambda x: F.cross_entropy(x, labels(), weight=torch.tensor(WEIGHT), ignore_index=3, label_smoothing=0.1),
        (A,),
    ),
    (
        "cross-entropy with probabilities",
        lambda x, p: ag.softmax_cross_entropy(x, p, label_smoothing=0.2, reduction="sum"),
        lambda x, p: F.cross_entropy(x, p, label_smoothing=0.2, reduction="sum"),
        (A, PROBABILITIES),
    ),
    (
        "binary cross-entropy",
        lambda x, p: ag.binary_cross_entropy_with_logits(x, p),
        lambda x, p: F.binary_cross_entropy_with_logits(x, p),
        (A, PROBABILITIES),
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "args"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_value_gradient_and_second_derivative(ours: Any, theirs: Any, args: Any) -> None:
    xs = [ag.Tensor(np.array(a), requires_grad=True) for a in args]
    ts = [torch.tensor(np.array(a), requires_grad=True) for a in args]
    y, z = ours(*xs), theirs(*ts)
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-10, atol=1e-12)

    weights = np.random.default_rng(1).normal(size=y.shape)
    first = ag.gradients(y, xs, weights, create_graph=True)
    expected = torch.autograd.grad(z, ts, torch.tensor(weights), create_graph=True)
    for g, h in zip(first, expected, strict=True):
        np.testing.assert_allclose(g.numpy(), h.detach().numpy(), rtol=1e-8, atol=1e-10)

    directions = [np.random.default_rng(2).normal(size=x.shape) for x in xs]
    product = sum((g * d).sum() for g, d in zip(first, directions, strict=True))
    theirs_product = sum((h * torch.tensor(d)).sum() for h, d in zip(expected, directions, strict=True))
    second = ag.gradients(product, xs, allow_unused=True) if product.requires_grad else [None] * len(xs)
    theirs_second = (
        torch.autograd.grad(theirs_product, ts, allow_unused=True) if theirs_product.requires_grad else [None] * len(ts)
    )
    for g, h in zip(second, theirs_second, strict=True):
        zero = np.zeros(())
        np.testing.assert_allclose(
            zero if g is None else g, zero if h is None else h.numpy(force=True), rtol=1e-7, atol=1e-8
        )
