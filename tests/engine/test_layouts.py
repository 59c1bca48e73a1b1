"""Memory layout: results lie in memory as NumPy's own do, whatever the layout of the operands, eager and compiled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_np as ag
from autograd_np.primitives.layout import inverse, memory_axes, reading_axes, relaid
from autograd_np.proofs.layouts import LAYOUTS, lies, otherwise

RNG = np.random.default_rng(7)
CUBE, GRID, LINE = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=5)
VIEWS = {
    **LAYOUTS,
    "transposed and strided": lambda x: LAYOUTS["strided"](x.T).T,
    "last axis reversed": lambda x: np.copy(x[..., ::-1])[..., ::-1],
}

# What had to be made to lie as NumPy's; the proof (proofs/layouts.py) holds the samples of everything else to the same.
CALLS = [
    "np.delete(x, 1, axis=0)", "np.delete(x, [0, 1], axis=1)", "np.delete(x, slice(0, 1), axis=-1)",
    "np.delete(x, np.array([1]), axis=1)", "np.delete(x, 1)", "np.delete(x, np.arange(x.shape[0]) == 1, axis=0)",
    "np.insert(x, 1, 5.0, axis=0)", "np.insert(x, [0, 2], x.take([0, 0], -1), axis=-1)", "np.insert(x, 1, 5.0)",
    "np.gradient(x)", "np.gradient(x, axis=-1)", "np.gradient(x, 2.0, axis=0)",
    "np.gradient(x, np.arange(x.shape[1]) ** 2.0, axis=1)", "np.gradient(x, axis=1, edge_order=2)",
    "np.select([x > 0, x < -1], [x, 2 * x], 0.0)", 'np.select([x > 0], [x], x.copy("C"))',
    "np.choose((x > 0).astype(int), [x, x * 2])", 'np.pad(x, 1, "edge")', 'np.pad(x, 1, "reflect")',
    'np.pad(x, 2, "wrap")', 'np.pad(x, 1, "linear_ramp")', 'np.pad(x, 1, "mean")', 'np.pad(x, 0, "edge")',
    "np.resize(x, (4, 3))", "np.resize(x, x.shape)", "np.block(x)", "np.block([[x], [x]])",
    "np.linspace(x, 1.0, 4, retstep=True)", "np.linspace(x, x + 1, 3, axis=-1)",
    "np.average(x, axis=0, weights=np.arange(1.0, 1 + x.shape[0]), returned=True)",
    "np.average(x, axis=0, returned=True)", "np.nansum(x, axis=1)", "np.nancumsum(x, axis=0)",
    "np.nancumprod(x, axis=1)", "np.count_nonzero(x, axis=-1)", "np.count_nonzero(x, axis=0, keepdims=True)",
    "np.cross(x[..., :3], x[..., :3])", "np.matmul(x, x[0].T)",
    "np.lib.stride_tricks.sliding_window_view(x, 2, axis=1)", "x.conj()", "x.T", "x.mT", "np.ravel(x)",
    'np.ravel(x, order="F")', 'np.ravel(x, order="A")', 'np.ravel(x, order="K")', "x.flatten()", 'x.flatten("F")',
    'x.flatten("A")', 'x.flatten("K")', "x.copy()", 'x.copy("F")', 'x.copy("A")', 'x.copy("K")', "np.copy(x)",
    'np.copy(x, order="C")', 'x.astype("f4")', 'x.astype("f4", order="C")', 'x.astype("f8", order="F")',
    'x.astype("f8", order="A")', 'x.astype("f8", copy=False)', 'x.astype("f8", order="C", copy=False)',
    'x.reshape(-1, order="F")', 'np.reshape(x, (2, -1), order="A")', "np.zeros_like(x)", 'np.zeros_like(x, order="F")',
    'np.ones_like(x, order="A")', 'np.ones_like(x, order="C")', "np.full_like(x, 2.0)",
    "np.zeros_like(x, shape=(5, 2))",
]  # fmt: skip


def parts(result):
    return [p for item in result for p in parts(item)] if isinstance(result, (tuple, list)) else [result]


def values(result):
    return [np.asarray(y._values if isinstance(y, ag.Tensor) else y) for y in parts(result)]


@pytest.mark.parametrize("call", CALLS)
def test_results_lie_as_numpys(call):
    f = eval(f"lambda x: {call}", {"np": np})
    compiled = ag.compile(f)
    for data in (CUBE, GRID):
        for layout, lay in VIEWS.items():
            x = lay(data)
            if "cross" in call and data.ndim == 2 and layout == "broadcast":
                continue
            expected = values(f(x))
            results = [values(f(ag.Tensor(x)))]
            if layout in ("Fortran order", "axes exchanged", "reversed"):
                results.append(values(compiled(ag.Tensor(x))))
            for result in results:
                for y, e in zip(result, expected, strict=True):
                    np.testing.assert_allclose(y, e, rtol=1e-12, err_msg=layout)
                    assert (y.dtype, y.shape, lies(y)) == (e.dtype, e.shape, lies(e)), layout
            for y, e in zip(results[0], expected, strict=True):
                assert np.shares_memory(y, x) == np.shares_memory(e, x), layout


def test_blocks_beyond_the_size_at_which_numpy_writes_them_into_one_array():
    x = np.zeros((8, 300, 300))
    for lay in VIEWS.values():
        y = lay(x)
        assert lies(np.block([ag.Tensor(y), ag.Tensor(y)])._values) == lies(np.block([y, y]))


@pytest.mark.parametrize(
    "call",
    [
        "np.meshgrid(x, x)",
        "np.meshgrid(x, x, x, indexing='ij')",
        "np.meshgrid(x, x, copy=False)",
        "np.vander(x)",
        "np.roots(x)",
    ],
)
def test_of_lines(call):
    f = eval(f"lambda x: {call}", {"np": np})
    for lay in VIEWS.values():
        x = lay(LINE)
        for y, e in zip(values(f(ag.Tensor(x))), values(f(x)), strict=True):
            assert lies(y) == lies(e)


def test_bytes_lists_and_conversions():
    for lay in VIEWS.values():
        x = lay(CUBE)
        t = ag.Tensor(x)
        assert t.tolist() == x.tolist()
        for order in "CFA":
            assert t.tobytes(order) == x.tobytes(order)
        for order in "CFK":
            assert lies(np.array(t, order=order)) == lies(np.array(x, order=order))


# ---------------------------------------------------------------- order K


@st.composite
def strided_arrays(draw):
    """Arrays with axes in any order, reversed, of one element, and broadcast."""
    shape = draw(st.lists(st.integers(1, 3), min_size=0, max_size=4))
    x = np.arange(float(np.prod(shape, dtype=int))).reshape(shape)
    x = np.transpose(x, draw(st.permutations(range(x.ndim))))
    x = x[tuple([slice(None, None, draw(st.sampled_from([1, -1, 2]))) for _ in range(x.ndim)])]
    for _ in range(draw(st.integers(0, 2))):
        axis = draw(st.integers(0, x.ndim))
        x = np.expand_dims(x, axis)
        x = np.broadcast_to(x, (*x.shape[:axis], draw(st.integers(1, 3)), *x.shape[axis + 1 :]))
    return x


@settings(max_examples=300, deadline=None)
@given(strided_arrays(), st.sampled_from("CFAK"))
def test_ravel_reads_as_numpy_does(x, order):
    for y, e in (
        (np.ravel(ag.Tensor(x), order=order), np.ravel(x, order=order)),
        (ag.Tensor(x).flatten(order), x.flatten(order)),
    ):
        np.testing.assert_array_equal(y._values, e)
        assert lies(y._values) == lies(e)
        assert np.shares_memory(y._values, x) == np.shares_memory(e, x)


@settings(max_examples=200, deadline=None)
@given(strided_arrays())
def test_the_axes_in_memory_are_those_of_a_new_array_like_it(x):
    assert lies(relaid(x, memory_axes(x))) == lies(np.empty_like(x))
    assert inverse(inverse(reading_axes(x))) == reading_axes(x)


@pytest.mark.parametrize("order", list("CFAK"))
def test_the_gradient_of_ravel_goes_where_numpy_read(order):
    places = np.arange(6.0)
    for lay in (
        lambda x: np.broadcast_to(x, (2, 3)),
        lambda x: np.broadcast_to(x[:, None], (3, 2)),
        lambda x: np.outer(x, [1.0, 2.0]).T,
    ):
        read = np.ravel(lay(np.arange(3.0)), order=order)

        def f(x, lay=lay):
            return np.sum(np.ravel(lay(x), order=order) * places)

        x = np.array([3.0, 5.0, 7.0])
        expected = [(f(x + 1e-3 * e) - f(x - 1e-3 * e)) / 2e-3 for e in np.eye(3)]
        assert read.shape == (6,)
        np.testing.assert_allclose(ag.grad(f)(x), expected, rtol=1e-9)
        np.testing.assert_allclose(ag.compile(ag.grad(f))(x), expected, rtol=1e-9)


def test_ravel_of_a_broadcast_array_in_order_k():
    """The case of the report."""
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(
        np.ravel(np.broadcast_to(ag.Tensor(x), (2, 3)), order="K")._values,
        np.ravel(np.broadcast_to(x, (2, 3)), order="K"),
    )
    np.testing.assert_array_equal(
        ag.grad(lambda t: np.ravel(np.broadcast_to(t, (2, 3)), order="K")[1])(x), [0.0, 1.0, 0.0]
    )


# ---------------------------------------------------------------- views, and the parts of the proof


def test_conj_of_real_numbers_is_the_tensor_itself():
    t = ag.Tensor([1.0, 2.0], requires_grad=True)
    assert t.conj() is t
    assert t.conjugate() is t
    z = ag.Tensor([1.0 + 2.0j])
    assert z.conj().tolist() == [1.0 - 2.0j]


def test_windows_are_a_view_and_the_gradient_sees_what_was_there():
    x = ag.Tensor(np.array([1.0, 2.0, 4.0]).copy(), requires_grad=True)
    h = x * 1.0
    windows = np.lib.stride_tricks.sliding_window_view(h, 2)
    y = np.sum(windows * windows)
    assert np.shares_memory(windows._values, h._values)
    y.backward()
    np.testing.assert_allclose(x.grad, [2.0, 8.0, 8.0])
    h = x * 1.0
    y = np.sum(np.lib.stride_tricks.sliding_window_view(h, 2) ** 2)
    h.data[...] = 7.0
    with pytest.raises(ag.MutationError):
        y.backward()


@settings(max_examples=100, deadline=None)
@given(strided_arrays())
def test_otherwise_is_the_same_numbers_in_another_layout(x):
    y = otherwise(x)
    np.testing.assert_array_equal(x, y)
    assert (y is x) == (not lies(x))
    assert lies(y) != lies(x) or not lies(x)


def test_an_empty_list_of_repeats():
    assert np.repeat(ag.Tensor(np.zeros((0, 4))), [], axis=0).shape == (0, 4)
