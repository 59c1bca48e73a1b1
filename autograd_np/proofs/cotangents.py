"""Proofs with cotangents that are not dense and not of size 1, and in half precision.

==============  ====================================================================================
sparse          where the cotangent is 0 nothing depends on what is computed: with NaN (0, inf) in the operands'
elements
                that only such results depend on, the gradient is the one with benign numbers there
times 0         of results that are multiplied by 0, which announces no zeros to the walk, the gradient is 0, whatever
                the derivative at operands of 0, 1 and −1
huge            the gradient is linear in the cotangent, up to the largest numbers of the dtype
infinite        an infinite cotangent of one result changes no gradient that does not depend on that result
float16         dtype as the operand's, finite, and near the float64 gradient
==============  ====================================================================================

All of them share the samples of prove.py; what depends on what is found out by changing operands, not read from rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.modes import enable_grad
from ..engine.primitive import Primitive
from ..engine.tensor import Tensor
from ..transforms.grad import gradients
from .cases import SEED, Case, differ, leaf, values_of
from .samples import SAMPLES

__all__ = ["chosen", "float16", "odd"]

# So many samples of a primitive are taken, and those in whose labels one of these words stands.
FIRST = 1
WORDS = ("where", "NaN", "ignore", "mask")
# So many elements of the operands are looked at one by one at most.
LARGE = 2000
# Derivatives of high order, by formulas that lose digits.
ROUGH = ("i0_derivative", "sinc_derivative")
# What makes zeros and also adds up products of cotangents, in which 0 · inf is NaN.
MIXING = (  # noqa: SIM905
    "conv2d conv2d_weight_gradient einsum elu gru lstm maximum_accumulate minimum_accumulate nanstd nanvar norm "
    "vector_norm matrix_norm prelu rnn rnn_cell "
    "fft ifft rfft irfft hfft ihfft fftn ifftn fft2 ifft2 rfftn rfft2 irfftn irfft2 prod std var "
    "scaled_dot_product_attention softmax_cross_entropy"
).split()
SINGULAR = (np.nan, 0.0, np.inf)
# The chapters whose functions decompose matrices. LAPACK does not return from some that hold NaN.
DECOMPOSING = ("linalg", "linalg_decompositions", "linalg_svd", "polynomials")

# SciPy's functions that do not return from infinity.
ENDLESS = ("special.hyp1f1",)


def chosen(case: Case) -> bool:
    """Whether a case is among those that are looked at here."""
    return any(word in case.sample.label for word in WORDS) or any(
        each is case.sample for each in SAMPLES.get(case.name, ())[:FIRST]
    )


def decomposes(case: Case) -> bool:
    """Whether a case may decompose a matrix."""
    function = getattr(case.primitive, "declared", case.primitive.function)
    chapter = str(getattr(function, "__module__", "")).rpartition(".")[2]
    return chapter in DECOMPOSING or (
        chapter == "linalg_norms"
        and (case.name == "cond" or any(each in (2, -2, "nuc") for each in case.leaves if np.isscalar(each)))
    )


class Taped:
    """One forward pass on leaves, to be walked back under several cotangents."""

    def __init__(self, case: Case, arrays: list[Any], leaves: list[Any] | None = None) -> None:
        with np.errstate(all="ignore"), enable_grad():
            self.xs = [leaf(np.asarray(a)) for a in arrays]
            outputs = case.call(case.primitive.function, self.xs, leaves)
        self.outputs = values_of([y for y in outputs if hasattr(y, "dtype")])
        self.ys = [y for y in outputs if isinstance(y, Tensor) and y.requires_grad]
        self.values = values_of(self.ys)

    def pull(self, cotangents: list[Any]) -> list[Any]:
        """The gradients under these cotangents."""
        with np.errstate(all="ignore"):
            found = gradients(self.ys, self.xs, cotangents, retain_graph=True, allow_unused=True)
        return [np.zeros(x.shape, x.dtype) if g is None else np.asarray(g) for g, x in zip(found, self.xs, strict=True)]


def dense(values: list[Any], rng: Any) -> list[Any]:
    """Random cotangents of magnitude 0.5 to 1.5; 0 where a value is not finite."""
    drawn = []
    for y in values:
        u = rng.uniform(0.5, 1.5, y.shape) * np.where(rng.random(y.shape) < 0.5, -1.0, 1.0)
        drawn.append(np.where(np.isfinite(y), u, 0.0).astype(y.dtype))
    return drawn


def masked_by_rows(u: list[Any], rng: Any) -> list[Any]:
    """The cotangents with 0 in about half of the places along their first axes."""
    return [
        np.where(rng.random(v.shape[:1] + (1,) * (v.ndim - 1)) < 0.5, v, v.dtype.type(0)) if v.ndim else v for v in u
    ]


def masked_by_elements(u: list[Any], rng: Any) -> list[Any]:
    """The cotangents with 0 in about half of the places."""
    return [np.where(rng.random(v.shape) < 0.5, v, v.dtype.type(0)) for v in u]


def placed(arrays: list[Any], where: list[Any], number: float) -> list[Any]:
    """The operands with a number where the masks say."""
    return [np.where(w, a.dtype.type(number), a) for a, w in zip(arrays, where, strict=True)]


def unmoved(before: list[Any], after: list[Any], u: list[Any]) -> bool:
    """Whether the results that have a cotangent are the same."""
    return len(before) == len(after) and all(
        a.shape == b.shape
        and np.allclose(a[v != 0], b[v != 0], rtol=1e-9, atol=1e-9 * float(np.max(np.abs(b[v != 0]), initial=0.0)))
        for a, b, v in zip(after, before, u, strict=True)
    )


def sparse(case: Case, taped: Taped) -> list[str]:
    """What is wrong under cotangents with zeros, in words."""
    arrays = case.arrays()
    wrong: list[str] = []
    if decomposes(case) or sum(a.size for a in arrays) > LARGE:
        return wrong
    rng = np.random.default_rng(SEED)
    u = dense(taped.values, rng)
    plain = getattr(case.primitive, "elementwise", False)
    masks = isinstance(case.primitive, Primitive) and bool(case.primitive.masks or case.primitive.masking)
    whole = taped.pull(u)
    for words, v, numbers in (
        ("some of them 0", masked_by_elements(u, rng), SINGULAR if plain else (np.nan,)),
        ("rows of them 0", masked_by_rows(u, rng), () if plain else (np.nan,)),
        ("all of them 0", [np.zeros_like(each) for each in u], () if plain else (np.inf,)),
        ("none of them 0", u, (np.nan,) if masks and not plain else ()),
    ):
        part = taped.pull(v) if numbers else []
        # (Elements whose derivative happens to be 0 are not free: other gradients depend on them.)
        free = (
            [np.equal(g, 0) & (np.not_equal(w, 0) | (v is u)) for g, w in zip(part, whole, strict=True)]
            if numbers
            else []
        )
        for number in numbers if any(f.any() for f in free) else ():
            if number == np.inf and case.name in ENDLESS:
                continue
            try:
                moved = Taped(case, placed(arrays, free, number))
                if not unmoved(taped.values, moved.values, v):
                    continue
                grads = moved.pull(v)
            except Exception:  # noqa: BLE001, S112 - numbers that the operation refuses say nothing about its gradient
                continue
            for word, g, e in zip(case.words(), grads, part, strict=True):
                if (said := differ(g, e, 1e-9, 1e-11)) and np.isfinite(e).all():
                    wrong.append(
                        f"with {number} where nothing depends on it and cotangents, {words}, the gradient of {word} "
                        f"is {said}"
                    )
    return wrong


def times_zero(case: Case, taped: Taped) -> list[str]:
    """What is wrong where results with infinite derivatives are multiplied by 0, in words."""
    wrong: list[str] = []
    for number in () if decomposes(case) else (0.0, 1.0, -1.0):
        try:
            at = Taped(case, [np.full_like(a, number) for a in case.arrays()])
        except Exception:  # noqa: BLE001, S112 - numbers that the operation refuses say nothing about its gradient
            continue
        if any(np.isnan(v).any() for v in at.values):  # outside the domain
            continue
        with np.errstate(all="ignore"):
            found = gradients(
                [y * np.zeros_like(v) for y, v in zip(at.ys, at.values, strict=True)],
                at.xs,
                [np.ones_like(v) for v in at.values],
                allow_unused=True,
            )
        for word, g in zip(case.words(), found, strict=True):
            if g is not None and (g != 0).any():
                wrong.append(
                    f"with operands of {number} and results times 0 the gradient of {word} is {g[g != 0].flat[0]}"
                )
    return wrong


def huge(case: Case, taped: Taped) -> list[str]:
    """What is wrong under cotangents near the largest number, in words."""
    u = dense(taped.values, np.random.default_rng(SEED))
    grads = taped.pull(u)
    largest = max([float(np.max(np.abs(g[np.isfinite(g)]), initial=0.0)) for g in grads], default=0.0)
    scale = 2.0 ** min(996, 1000 - int(np.ceil(np.log2(max(largest, 1.0)))))
    wrong = []
    for word, g, e in zip(case.words(), taped.pull([v * scale for v in u]), grads, strict=True):
        if said := differ(g / scale, e, 1e-9, 1e-12):
            wrong.append(f"under cotangents times {scale:.0e} the gradient of {word}, divided by that, is {said}")
    return wrong


def infinite(case: Case, taped: Taped) -> list[str]:
    """What is wrong where one cotangent is infinite, in words.

    Only of what makes zeros in a cotangent: in a sum of products 0 · inf is NaN.
    """
    wrong: list[str] = []
    if (
        not isinstance(case.primitive, Primitive)
        or not (case.primitive.masks or case.primitive.masking)
        or case.name in MIXING
        or decomposes(case)
    ):
        return wrong
    u = dense(taped.values, np.random.default_rng(SEED))
    for j, v in enumerate(u):
        if not v.size or not v.flat[v.size // 2]:
            continue
        one = [np.zeros_like(each) for each in u]
        one[j].flat[v.size // 2] = 1
        without, above = [each.copy() for each in u], [each.copy() for each in u]
        without[j].flat[v.size // 2] = 0
        above[j].flat[v.size // 2] = np.inf
        for word, g, e, o in zip(case.words(), taped.pull(above), taped.pull(without), taped.pull(one), strict=True):
            said = differ(np.where(o == 0, g, 0), np.where(o == 0, e, 0), 1e-9, 1e-11)
            if said and np.isfinite(e).all():
                wrong.append(f"under an infinite cotangent of another result the gradient of {word} is {said}")
    return wrong


def odd(case: Case) -> list[str]:
    """What is wrong under cotangents with zeros, huge and infinite numbers, in words."""
    taped = Taped(case, case.arrays())
    return (
        [] if not taped.ys else [words for each in (sparse, times_zero, huge, infinite) for words in each(case, taped)]
    )


def float16(case: Case) -> list[str]:
    """What is wrong in half precision, in words."""
    half = [x.astype(np.float16) if getattr(x, "dtype", None) == np.float64 else x for x in case.leaves]
    double = [h if h is x else h.astype(np.float64) for h, x in zip(half, case.leaves, strict=True)]
    operands = [half[i] for i in case.floating]
    try:
        taped = Taped(case, operands, half)
    except TypeError:  # NumPy has no loop for float16 here
        return []
    if not taped.ys or case.name in ROUGH or any(y.dtype != np.float16 for y in taped.values):
        return []
    exact = Taped(case, [double[i] for i in case.floating], double)
    if [y.shape for y in exact.values] != [
        y.shape for y in taped.values
    ]:  # of polynomials whose leading coefficients cancel in one precision
        return []
    u = [v.astype(np.float16) for v in dense(taped.values, np.random.default_rng(SEED))]
    wrong = []
    for word, a, g, e in zip(
        case.words(),
        operands,
        taped.pull(u),
        exact.pull([v.astype(y.dtype) for v, y in zip(u, exact.values, strict=True)]),
        strict=True,
    ):
        if g.dtype != a.dtype:
            wrong.append(f"the gradient of {word} is {g.dtype}, the operand {a.dtype}")
        else:
            with np.errstate(all="ignore"):
                expected = e.astype(np.float16)
            said = differ(g.astype(np.float64), expected.astype(np.float64), 2e-2, 2e-2)
            if said:
                wrong.append(f"the gradient of {word} is {said}")
    return wrong
