"""Scaled dot-product attention: against its composition, its masks in every shape, the extremes, and what it
refuses."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_np as ag

INF = math.inf
attention = ag.scaled_dot_product_attention


def composition(query, key, value, mask=None, is_causal=False, scale=None):
    """The definition in differentiable operations; the mask is added."""
    scores = query @ np.swapaxes(key, -1, -2) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if mask is not None:
        scores = scores + mask
    if is_causal:
        scores = scores + np.where(np.tri(*scores.shape[-2:], dtype=bool), 0.0, -INF)
    return ag.softmax(scores) @ value


def agree(query, key, value, mask=None, rtol=1e-10, **options):
    """Value and all gradients of both, under a random cotangent."""
    arrays = [query, key, value] + ([mask] if mask is not None else [])
    results = []
    for f in (attention, composition):
        tensors = [ag.Tensor(a, requires_grad=True) for a in arrays]
        out = f(*tensors, **options)
        g = np.random.default_rng(0).normal(size=out.shape).astype(out.dtype)
        out.backward(g)
        results.append([out.numpy(), *[t.grad for t in tensors]])
    for given_, expected in zip(*results, strict=True):
        assert given_.dtype == query.dtype
        assert given_.shape == expected.shape
        np.testing.assert_allclose(given_, expected, rtol=rtol, atol=rtol)


@given(
    lead=st.lists(st.integers(1, 3), max_size=2),
    sizes=st.tuples(*[st.integers(1, 5)] * 4),
    options=st.fixed_dictionaries({"is_causal": st.booleans(), "scale": st.none() | st.floats(-2, 2)}),
    seed=st.integers(0, 1000),
)
def test_equals_its_composition(lead, sizes, options, seed) -> None:
    rng = np.random.default_rng(seed)
    queries, keys, width, value_width = sizes
    shapes = (*lead, queries, width), (*lead, keys, width), (*lead, keys, value_width)
    agree(*[rng.normal(size=shape) for shape in shapes], **options)


MASK_SHAPES = [
    tuple(shape) for n in range(5) for shape in itertools.product(*[(1, size) for size in (2, 3, 4, 5)[4 - n :]])
]


@pytest.mark.parametrize("shape", MASK_SHAPES, ids=str)
def test_a_mask_of_every_shape(shape) -> None:
    rng = np.random.default_rng(1)
    query, key, value = rng.normal(size=(2, 3, 4, 2)), rng.normal(size=(2, 3, 5, 2)), rng.normal(size=(2, 3, 5, 3))
    agree(query, key, value, rng.normal(size=shape))
    allowed = rng.random(shape) < 0.6
    as_bool = attention(query, key, value, allowed).numpy()
    np.testing.assert_array_equal(as_bool, attention(query, key, value, np.where(allowed, 0.0, -INF)).numpy())
    np.testing.assert_allclose(
        as_bool, composition(ag.Tensor(query), key, value, np.where(allowed, 0.0, -INF)).numpy(), rtol=1e-12
    )


def test_leading_axes_broadcast() -> None:
    rng = np.random.default_rng(2)
    agree(rng.normal(size=(4, 1, 3, 2)), rng.normal(size=(5, 6, 2)), rng.normal(size=(1, 5, 6, 2)))
    agree(rng.normal(size=(3, 2)), rng.normal(size=(6, 2)), rng.normal(size=(5, 6, 2)))
    agree(rng.normal(size=(3, 2)), rng.normal(size=(6, 2)), rng.normal(size=(6, 2)), rng.normal(size=(4, 3, 6)))


@pytest.mark.parametrize("layout", ["heads", "reversed", "transposed"])
def test_views(layout) -> None:
    packed = np.random.default_rng(3).normal(size=(2, 4, 3, 3, 5))
    if layout == "heads":
        query, key, value = (packed[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    elif layout == "reversed":
        query, key, value = (packed[:, ::-1, i, :, ::-2] for i in range(3))
    else:
        query, key, value = (packed[:, :, i].T for i in range(3))
    agree(query, key, value, is_causal=True)


def test_heads_that_were_split_by_a_view_are_joined_by_one() -> None:
    packed = np.random.default_rng(3).normal(size=(2, 4, 3, 3, 5))
    query, key, value = (packed[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    out = attention(query, key, value).numpy()
    assert out.transpose(0, 2, 1, 3).flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_keeps_the_dtype(dtype) -> None:
    rng = np.random.default_rng(4)
    arrays = [rng.normal(size=shape).astype(dtype) for shape in ((3, 4, 2), (3, 5, 2), (3, 5, 2), (4, 5))]
    agree(*arrays, rtol=1e-2 if dtype == np.float16 else 1e-5)
    t = [ag.Tensor(a, requires_grad=True) for a in arrays]
    out = attention(
        *t[:3], arrays[3].astype(np.float64), dropout_p=np.float64(0.5), is_causal=True, scale=np.float64(0.1), rng=0
    )
    out.backward(np.ones_like(out.numpy()))
    assert out.dtype == dtype
    assert {a.grad.dtype for a in t[:3]} == {np.dtype(dtype)}


def test_a_mask_of_another_precision_gets_its_own() -> None:
    rng = np.random.default_rng(4)
    mask = ag.Tensor(rng.normal(size=(1, 5)), requires_grad=True)
    out = attention(*[rng.normal(size=shape).astype(np.float32) for shape in ((4, 2), (5, 2), (5, 2))], mask)
    out.backward(np.ones((4, 2), np.float32))
    assert out.dtype == np.float32
    assert mask.grad.dtype == np.float64


def test_integers_and_lists() -> None:
    out = attention([[1, 2]], [[1, 2], [1, 2]], [[1], [3]])
    assert out.dtype == np.float64
    assert out.tolist() == [[2.0]]


@pytest.mark.parametrize("way", ["bool", "float", "causal"])
def test_a_query_that_may_attend_to_nothing(way) -> None:
    rng = np.random.default_rng(5)
    tensors = [ag.Tensor(rng.normal(size=(4, 3)), requires_grad=True) for _ in range(3)]
    allowed = rng.random((4, 4)) < 0.5
    allowed[1] = False
    mask = {"bool": allowed, "float": np.where(allowed, rng.normal(size=(4, 4)), -INF), "causal": np.arange(4) > 1}[way]
    nothing = [0, 1] if way == "causal" else [1]
    if way != "bool":
        mask = ag.Tensor(mask, requires_grad=way == "float")
    with np.errstate(all="raise", under="ignore"):
        out = attention(*tensors, mask, is_causal=way == "causal")
    first = ag.gradients(np.sum(out * np.sin(out + 1)), tensors, create_graph=True)
    second = ag.gradients(sum(np.sum(g**2) for g in first), tensors)
    assert not out.numpy()[nothing].any()
    assert out.numpy().all(axis=1).sum() == 4 - len(nothing)
    assert not first[0].numpy()[nothing].any()
    for g in (*first, *second):
        assert np.isfinite(np.asarray(g.numpy() if isinstance(g, ag.Tensor) else g)).all()
    if way == "float":
        np.sum(attention(*tensors, mask)).backward()
        assert np.isfinite(mask.grad).all()
        assert not mask.grad[~allowed].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("magnitude", [1e2, 1e4, 1e15])
def test_huge_scores(dtype, magnitude) -> None:
    rng = np.random.default_rng(6)
    tensors = [
        ag.Tensor((rng.normal(size=(5, 4)) * s).astype(dtype), requires_grad=True) for s in (magnitude, magnitude, 1.0)
    ]
    with np.errstate(all="raise", under="ignore"):
        out = attention(*tensors)
        out.backward(np.ones((5, 4), dtype))
    scores = tensors[0].numpy() @ tensors[1].numpy().T / 2
    sharp = np.sort(scores, axis=1)
    sharp = sharp[:, -1] - sharp[:, -2] > 60  # one key has all the weight
    np.testing.assert_allclose(out.numpy()[sharp], tensors[2].numpy()[scores.argmax(axis=1)][sharp], rtol=1e-6)
    assert sharp.any()
    for t in tensors:
        assert np.isfinite(t.grad).all()


def test_nothing_at_all() -> None:
    for queries, keys, batch in itertools.product((0, 2), (0, 2), (0, 2)):
        tensors = [ag.Tensor(np.ones((batch, n, 3)), requires_grad=True) for n in (queries, keys, keys)]
        out = attention(*tensors, is_causal=True, dropout_p=0.1)
        out.backward(np.ones(out.shape))
        assert out.shape == (batch, queries, 3)
        assert [t.grad.shape for t in tensors] == [t.shape for t in tensors]
        if not keys:
            assert not out.numpy().any()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"is_causal": True},
        {"dropout_p": 0.5, "rng": 7},
        {"scale": -0.5, "dropout_p": 0.25, "is_causal": True, "rng": 8},
    ],
)
@pytest.mark.parametrize("masked", ["no mask", "bool", "float"])
def test_second_order(options, masked) -> None:
    rng = np.random.default_rng(9)
    operands = [rng.normal(size=shape) for shape in ((2, 3, 2), (2, 4, 2), (1, 4, 3))]
    if masked == "float":
        operands.append(rng.normal(size=(3, 4)))
    mask = (rng.random((2, 1, 4)) < 0.7,) if masked == "bool" else ()
    ag.gradcheck(lambda *operands: attention(*operands, *mask, **options), tuple(operands), order=2)


def test_third_order() -> None:
    rng = np.random.default_rng(9)
    ag.gradcheck(
        lambda *operands: attention(*operands, is_causal=True),
        tuple(rng.normal(size=(2, 2)) for _ in range(3)),
        order=3,
    )


def test_dropout() -> None:
    rng = np.random.default_rng(10)
    query, key = rng.normal(size=(2, 2, 50, 4))
    identity = np.eye(50)
    whole = attention(query, key, identity).numpy()
    dropped = attention(query, key, identity, dropout_p=0.25, rng=3).numpy()
    kept = dropped != 0
    assert 0.7 < kept.mean() < 0.8
    np.testing.assert_allclose(dropped[kept], whole[kept] / 0.75, rtol=1e-12)
    np.testing.assert_array_equal(dropped, attention(query, key, identity, dropout_p=0.25, rng=3).numpy())
    generator = np.random.default_rng(3)
    np.testing.assert_array_equal(dropped, attention(query, key, identity, dropout_p=0.25, rng=generator).numpy())
    assert (dropped != attention(query, key, identity, dropout_p=0.25, rng=generator).numpy()).any(), (
        "a generator goes on"
    )
    drawn = [attention(query, key, identity, dropout_p=0.25).numpy() for _ in range(2) if ag.manual_seed(5) is not None]
    np.testing.assert_array_equal(*drawn)
    assert (drawn[0] != dropped).any()
    assert not attention(query, key, identity, dropout_p=1.0).numpy().any()


def test_causal_looks_at_nothing_later() -> None:
    rng = np.random.default_rng(11)
    query, key, value = rng.normal(size=(3, 6, 2))
    out = attention(query, key, value, is_causal=True).numpy()
    key[4:] += 100
    value[4:] -= 100
    np.testing.assert_array_equal(attention(query, key, value, is_causal=True).numpy()[:4], out[:4])
    assert (attention(query, key, value, is_causal=True).numpy()[4:] != out[4:]).any()


def test_leaves_its_operands_alone() -> None:
    rng = np.random.default_rng(12)
    arrays = [*rng.normal(size=(3, 4, 4)), rng.normal(size=(4, 4))]
    copies = [a.copy() for a in arrays]
    attention(*[ag.Tensor(a, requires_grad=True) for a in arrays], is_causal=True).backward(np.ones((4, 4)))
    for a, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(a, copy)


@pytest.mark.parametrize(
    ("shapes", "options", "error", "words"),
    [
        (((2, 3), (4, 2), (4, 2)), {}, ValueError, ["(2, 3)", "(4, 2)", "last axis"]),
        (((2, 3), (4, 3), (5, 3)), {}, ValueError, ["(4, 3)", "(5, 3)"]),
        (((3,), (4, 3), (4, 3)), {}, ValueError, ["query", "(3,)"]),
        (((2, 3), (4, 3), ()), {}, ValueError, ["value"]),
        (((2, 2, 3), (3, 4, 3), (3, 4, 3)), {}, ValueError, ["(2, 2, 3)", "(3, 4, 3)"]),
        (((2, 3), (4, 3), (4, 3)), {"attn_mask": np.zeros((4, 2))}, ValueError, ["attn_mask", "(4, 2)", "(2, 4)"]),
        (((1, 3), (4, 3), (4, 3)), {"attn_mask": np.zeros((2, 4))}, ValueError, ["attn_mask", "(2, 4)", "(1, 4)"]),
        (
            ((2, 3), (4, 3), (4, 3)),
            {"attn_mask": np.ones((2, 4), int)},
            TypeError,
            ["attn_mask", "int64", "astype(bool)"],
        ),
        (((2, 3), (4, 3), (4, 3)), {"dropout_p": 1.5}, ValueError, ["dropout_p", "1.5"]),
    ],
)
def test_refuses(shapes, options, error, words) -> None:
    with pytest.raises(error) as caught:
        attention(*[ag.Tensor(np.ones(shape), requires_grad=True) for shape in shapes], **options)
    for word in ("scaled_dot_product_attention", *words):
        assert word in str(caught.value)


def test_refuses_complex_numbers() -> None:
    with pytest.raises(TypeError, match="scaled_dot_product_attention: key has dtype complex128"):
        attention(np.ones((2, 2)), np.ones((2, 2), complex), np.ones((2, 2)))
