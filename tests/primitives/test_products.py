"""Products, and einsum against a loop over every assignment of numbers to letters."""

from __future__ import annotations

import itertools
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import autograd_np as ag
from autograd_np import Tensor, gradients
from autograd_np.engine.registry import REGISTRY
from autograd_np.primitives import einsum as chapter

RNG = np.random.default_rng(11)


def leaf(*shape: int) -> Tensor:
    return Tensor(RNG.normal(size=shape), requires_grad=True)


# ---------------------------------------------------------------- einsum

DOTS = "XYZ"  # the letters of the ellipsis, in the description of a sample


@st.composite
def sums(draw: Any) -> tuple[str, list[str], str, list[tuple[int, ...]]]:
    """Subscripts, and what they mean: the letters of each operand and of the output, and the shapes."""
    size = {
        letter: draw(st.integers(0, 3) if draw(st.integers(0, 9)) == 0 else st.integers(1, 3))
        for letter in "abCd" + DOTS
    }
    terms, written, shapes = [], [], []
    for _ in range(draw(st.integers(1, 3))):
        letters = draw(st.lists(st.sampled_from("abCd"), max_size=3))
        dots = draw(st.one_of(st.none(), st.integers(0, 2)))
        place = draw(st.integers(0, len(letters)))
        hidden = [] if dots is None else list(DOTS[len(DOTS) - dots :])
        term = letters[:place] + hidden + letters[place:]
        written.append("".join(letters[:place]) + ("" if dots is None else "...") + "".join(letters[place:]))
        terms.append("".join(term))
        narrow = {letter: term.count(letter) == 1 and draw(st.integers(0, 4)) == 0 for letter in set(term)}
        shapes.append(tuple(1 if narrow[letter] else size[letter] for letter in term))
    used = sorted({letter for term in terms for letter in term if letter not in DOTS})
    hidden_all = "".join(letter for letter in DOTS if any(letter in term for term in terms))
    text = ",".join(written)
    if draw(st.booleans()):
        joined = "".join(terms)
        return text, terms, hidden_all + "".join(letter for letter in used if joined.count(letter) == 1), shapes
    chosen = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
    place = draw(st.integers(0, len(chosen)))
    dotted = "..." if any("..." in w for w in written) else ""
    text += "->" + "".join(chosen[:place]) + dotted + "".join(chosen[place:])
    return text, terms, "".join(chosen[:place]) + hidden_all + "".join(chosen[place:]), shapes


def by_loops(terms: list[str], output: str, arrays: list[Any], g: Any) -> tuple[Any, list[Any]]:
    """Value and gradients of the sum of products, term by term."""
    size: dict[str, int] = {}
    for term, array in zip(terms, arrays, strict=True):
        for letter, n in zip(term, array.shape, strict=True):
            size[letter] = n if size.get(letter, 1) == 1 else size[letter]
    value = np.zeros(tuple(size[letter] for letter in output))
    pulled = [np.zeros(array.shape) for array in arrays]
    for numbers in itertools.product(*[range(n) for n in size.values()]):
        at = dict(zip(size, numbers, strict=True))
        places = [
            tuple(0 if n == 1 else at[letter] for letter, n in zip(term, array.shape, strict=True))
            for term, array in zip(terms, arrays, strict=True)
        ]
        place = tuple(at[letter] for letter in output)
        factors = [array[where] for array, where in zip(arrays, places, strict=True)]
        value[place] += np.prod(factors)
        for i, where in enumerate(places):
            pulled[i][where] += g(value.shape)[place] * np.prod(factors[:i] + factors[i + 1 :])
    return value, pulled


def cotangent(shape: tuple[int, ...]) -> Any:
    return np.cos(np.arange(np.prod(shape, dtype=int)) + 1.0).reshape(shape)


@settings(max_examples=300, deadline=None)
@given(sums(), st.booleans(), st.booleans())
def test_einsum_is_the_sum_over_all_letters(sample: Any, optimize: bool, path: bool) -> None:
    text, terms, output, shapes = sample
    arrays = [np.asarray(RNG.normal(size=shape)) for shape in shapes]
    value, pulled = by_loops(terms, output, arrays, cotangent)
    threshold = chapter.WORTH_A_PATH
    chapter.plan.cache_clear()
    try:
        if path:
            chapter.WORTH_A_PATH = 0
        xs = [Tensor(a, requires_grad=True) for a in arrays]
        y = np.einsum(text, *xs, optimize=optimize)
        assert y.shape == value.shape
        np.testing.assert_allclose(y.numpy(), value, atol=1e-12)
        found = gradients(y, xs, [cotangent(y.shape)])
        for x, g, expected in zip(xs, found, pulled, strict=True):
            assert g.shape == x.shape
            np.testing.assert_allclose(g, expected, atol=1e-11, err_msg=text)
        # Alone, each operand has the same gradient: what is not needed is not computed.
        for i, expected in enumerate(pulled):
            mixed = [xs[k] if k == i else arrays[k] for k in range(len(xs))]
            np.testing.assert_allclose(
                gradients(np.einsum(text, *mixed), xs[i], [cotangent(y.shape)]), expected, atol=1e-11
            )
        if y.size and all(a.size for a in arrays) and y.size * max(a.size for a in arrays) < 200:
            assert ag.gradcheck(lambda *o: np.einsum(text, *o) * 1.0, tuple(arrays))
    finally:
        chapter.WORTH_A_PATH = threshold
        chapter.plan.cache_clear()


def test_einsum_by_lists_is_einsum_by_letters() -> None:
    x, y = leaf(2, 3), leaf(3, 4)
    for lists, letters in [
        ((x, [0, 1], y, [1, 2], [0, 2]), ("ab,bc->ac", x, y)),
        ((x, [0, 1], y, [1, 2]), ("ab,bc", x, y)),
        ((x, [30, 1], y, [1, 2]), ("zb,bc", x, y)),
        ((x, [Ellipsis, 1], y, [1, 2], [2, Ellipsis]), ("...b,bc->c...", x, y)),
        ((x, [np.int64(1), 0]), ("ba", x)),
    ]:
        np.testing.assert_array_equal(np.einsum(*lists).numpy(), np.einsum(*letters).numpy())
        np.testing.assert_array_equal(gradients(np.einsum(*lists).sum(), x), gradients(np.einsum(*letters).sum(), x))


def test_einsum_of_numbers_and_float32() -> None:
    x = Tensor(np.ones((3, 3), np.float32), requires_grad=True)
    for text in ("ij,jk->ik", "ii,ij->j", "ij,kl->"):
        (g,) = gradients(np.einsum(text, x, x).sum(), (x,))
        assert g.dtype == np.float32
    assert np.einsum("ij,->i", x, 2.0).dtype == np.einsum("ij,->i", x.numpy(), 2.0).dtype
    np.testing.assert_array_equal(gradients(ag.einsum("ij,->", x, 2), x), np.full((3, 3), 2, np.float32))


def test_einsum_refuses_by_name() -> None:
    x = leaf(2, 3)
    for option in ({"dtype": np.float32}, {"order": "F"}, {"casting": "unsafe"}, {"out": np.zeros(2)}):
        with pytest.raises(TypeError, match=f"{next(iter(option))}="):
            np.einsum("ij->i", x, **option)
    with pytest.raises(ValueError, match="is for 2 operands, got 1"):
        np.einsum("ij,jk", x)
    with pytest.raises(ValueError, match=r"einsum.*\(2, 3\) float64"):
        np.einsum("ijk->i", x)
    with pytest.raises(ValueError, match=r"einsum: .*\(2, 3\) float64"):
        np.einsum("ij,jk->ik", x, x)
    with pytest.raises(ValueError, match="lists of integers"):
        ag.einsum(x, "ij")
    with pytest.raises(ValueError, match="give the subscripts"):
        ag.einsum()
    assert np.einsum_path("ij,jk->ik", x, np.ones((3, 2)))[0] == ["einsum_path", (0, 1)]
    with pytest.raises(TypeError, match="einsum_call"):
        ag.einsum_path("ij->i", x, einsum_call=True)


def test_einsum_of_one_operand_keeps_no_array() -> None:
    y = np.einsum("ij->i", leaf(2, 3))
    assert all(not isinstance(value, np.ndarray) for value in y._node.kept)
    with pytest.raises(ValueError, match="52"):
        chapter.letters("...", (53,))


# ---------------------------------------------------------------- matmul and its kin


@settings(max_examples=150, deadline=None)
@given(hnp.mutually_broadcastable_shapes(signature="(m?,n),(n,p?)->(m?,p?)", max_dims=2, max_side=3), st.booleans())
def test_matmul_of_any_shapes(shapes: Any, complex_: bool) -> None:
    def make(shape: tuple[int, ...]) -> Any:
        return np.asarray(RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if complex_ else 0))

    x, y = (Tensor(make(shape), requires_grad=True) for shape in shapes.input_shapes)
    out = x @ y
    expected = np.matmul(x.numpy(), y.numpy())
    assert out.shape == expected.shape
    assert out.dtype == expected.dtype
    np.testing.assert_allclose(out.numpy(), expected, atol=1e-12)
    g = make(expected.shape)
    found = gradients(out, (x, y), [g])
    # The same by einsum on full axes, with what was broadcast summed up.
    left, right, top = x.numpy(), y.numpy(), g
    if x.ndim == 1:
        left, top = left[None, :], top[..., None, :] if y.ndim > 1 else top[..., None]
    if y.ndim == 1:
        right, top = right[:, None], top[..., None]
    wanted = np.einsum("...mp,...np->...mn", top, right), np.einsum("...mn,...mp->...np", left, top)
    for given_, full, operand in zip(found, wanted, (x, y), strict=True):
        extra = full.ndim - max(operand.ndim, 2)
        full = full.sum(axis=tuple(range(extra)))
        shape = left.shape if operand is x else right.shape
        full = full.sum(axis=tuple(k for k, n in enumerate(shape) if n == 1 != full.shape[k]), keepdims=True)
        np.testing.assert_allclose(given_, full.reshape(operand.shape), atol=1e-12)


def test_only_what_is_needed_is_kept() -> None:
    x, w, b = np.ones((4, 2)), leaf(2, 3), leaf(3)
    y = x @ w + b
    node = y._node.parents[0]
    kept_y, kept_x = (None if isinstance(value, tuple) else value for value in node.kept)
    assert [value is None for value in (kept_y, kept_x)].count(True) == 1
    y.sum().backward()
    np.testing.assert_array_equal(w.grad, np.full((2, 3), 4.0))


def test_matmul_errors() -> None:
    with pytest.raises(ValueError, match=r"matmul: .*x = \(2, 3\) float64, y = \(4, 5\) float64"):
        leaf(2, 3) @ leaf(4, 5)
    with pytest.raises(ValueError, match=r"matmul: .*\(2, 2, 3\) float64"):
        leaf(2, 2, 3) @ leaf(4, 5)
    with pytest.raises(ValueError, match="matmul"):
        leaf(2, 3) @ 2.0
    with pytest.raises(TypeError, match="axes"):
        np.matmul(leaf(2, 2), leaf(2, 2), axes=[(0, 1), (0, 1), (0, 1)])
    with pytest.raises(TypeError, match="out="):
        np.dot(leaf(2, 2), leaf(2, 2), np.zeros((2, 2)))


def test_integers_and_float32() -> None:
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    for y in (
        x @ np.ones((3, 2), np.float32),
        np.dot(x, np.ones(3, np.float32)),
        np.tensordot(x, x, 2),
        np.inner(x, x),
        np.outer(x, x),
    ):
        assert y.dtype == np.float32
        assert gradients(y.sum(), x, retain_graph=True).dtype == np.float32
    y = x @ np.ones((3, 2), int)
    assert y.dtype == np.float64
    assert gradients(y.sum(), x).dtype == np.float32
    assert (Tensor([[1, 2]]) @ np.array([[3], [4]])).tolist() == [[11]]
    assert (np.array([[1.0, 1, 1]]) @ x.T).shape == (1, 2)


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (np.kron, [(2, 3), (4,)]),
        (np.kron, [(3,), (2, 2)]),
        (np.kron, [(), (2,)]),
        (np.cross, [(3,), (3,)]),
        (np.cross, [(4, 3), (2, 1, 3)]),
        (lambda a, b: np.cross(a, b, axisa=0), [(3, 4), (4, 3)]),
        (lambda a, b: np.cross(a, b, axis=0), [(3, 4), (3, 4)]),
        (lambda a, b: np.cross(a, b, axisa=0, axisc=1), [(3, 4), (5, 4, 3)]),
        (lambda a, b: np.linalg.cross(a, b, axis=0), [(3, 2), (3, 2)]),
        (lambda a, b: np.linalg.vecdot(a, b, axis=0), [(3, 2), (3, 2)]),
        (lambda a, b: np.linalg.tensordot(a, b, axes=1), [(3, 2), (2, 3)]),
        (np.linalg.matmul, [(3, 2), (2, 3)]),
        (np.linalg.outer, [(3,), (2,)]),
        (lambda *a: np.linalg.multi_dot(a), [(2, 3), (3, 4), (4, 2)]),
        (lambda *a: np.linalg.multi_dot(a), [(3,), (3, 2), (2, 4), (4,)]),
        (lambda *a: np.linalg.multi_dot(a), [(2, 3), (3,)]),
        (np.multiply.outer, [(2, 3), (2,)]),
    ],
)
def test_compositions(f: Any, shapes: Any) -> None:
    for make in (lambda s: RNG.normal(size=s), lambda s: RNG.normal(size=s) + 1j * RNG.normal(size=s)):
        arrays = [np.asarray(make(shape)) for shape in shapes]
        value, expected = f(*map(Tensor, arrays)), f(*arrays)
        assert value.shape == expected.shape
        assert value.dtype == expected.dtype
        np.testing.assert_allclose(value.numpy(), expected, rtol=1e-12)
        assert ag.gradcheck(lambda *a: f(*a), tuple(arrays))


def test_multi_dot_takes_the_cheap_order() -> None:
    long, thin = leaf(1, 50), leaf(50, 50)
    y = np.linalg.multi_dot([long, thin, thin, thin])
    assert y._node.parents[0].shape == (1, 50)
    with pytest.raises(ValueError, match="at least two"):
        np.linalg.multi_dot([thin])
    with pytest.raises(ValueError, match="two axes"):
        np.linalg.multi_dot([thin, leaf(50), thin])


def test_errors_of_the_kin() -> None:
    with pytest.raises(ValueError, match="append a zero"):
        np.cross(leaf(2), leaf(2))
    with pytest.raises(ValueError, match="one axis"):
        np.linalg.outer(leaf(2, 2), leaf(2))
    with pytest.raises(ValueError, match="tensordot"):
        np.tensordot(leaf(2, 3), leaf(3, 2))


def test_products_are_registered() -> None:
    for name in ("matmul", "dot", "inner", "outer", "vdot", "tensordot", "einsum", "vecdot"):
        assert REGISTRY[name].differentiable
