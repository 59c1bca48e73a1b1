"""Indexing, selecting and replacing, held to np.add.at and to loops."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import autograd_np as ag
from autograd_np import Tensor, gradients
from autograd_np.primitives import scatter as scatter_chapter
from autograd_np.primitives.scatter import accumulate
from autograd_np.proofs.duck import DuckArray

RNG = np.random.default_rng(7)


def leaf(*shape: int) -> Tensor:
    return Tensor(RNG.normal(size=shape), requires_grad=True)


@st.composite
def indexed(draw: Any) -> tuple[tuple[int, ...], Any]:
    """A shape and an index that fits it: basic, advanced, or both mixed."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    kind = draw(st.sampled_from(["basic", "integers", "mask", "mixed"]))
    if kind == "basic":
        return shape, draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    if kind == "integers":
        return shape, draw(hnp.integer_array_indices(shape))
    if kind == "mask":
        ndim = draw(st.integers(0, len(shape)))
        return shape, draw(hnp.arrays(bool, shape[:ndim]))
    common = draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3))
    parts: list[Any] = []
    for n in shape[: draw(st.integers(1, len(shape)))]:
        what = draw(st.sampled_from(["array", "list", "slice", "int", "tensor"]))
        if what == "slice":
            parts.append(draw(st.slices(n)))
        elif what == "int":
            parts.append(draw(st.integers(-n, n - 1)))
        else:
            array = draw(hnp.arrays(np.int64, common, elements=st.integers(-n, n - 1)))
            parts.append(
                {"array": array, "list": array.tolist() if array.size else array, "tensor": Tensor(array)}[what]
            )
        if draw(st.integers(0, 5)) == 0:
            parts.append(None)
    if draw(st.integers(0, 3)) == 0:
        parts.insert(draw(st.integers(0, len(parts))), Ellipsis) if len([p for p in parts if p is not None]) == len(
            shape
        ) else parts.append(Ellipsis)
    return shape, tuple(parts)


def plain(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(plain(part) for part in index)
    return index.numpy() if isinstance(index, Tensor) else index


@settings(max_examples=400, deadline=None)
@given(indexed())
def test_any_index_gives_numpys_value_and_the_scattered_gradient(sample: tuple[tuple[int, ...], Any]) -> None:
    shape, index = sample
    x = Tensor(np.arange(1.0, np.prod(shape) + 1).reshape(shape), requires_grad=True)
    y = x[index]
    expected = x.numpy()[plain(index)]
    assert y.shape == expected.shape
    np.testing.assert_array_equal(y.numpy(), expected)

    w = np.arange(1.0, y.size + 1).reshape(y.shape)
    scattered = np.zeros(shape)
    np.add.at(scattered, plain(index), w)
    first = gradients(y * y, x, [Tensor(w)], create_graph=True)
    twice = np.zeros(shape)
    np.add.at(twice, plain(index), 2 * w * expected)
    np.testing.assert_allclose(first.numpy(), twice)
    # The Hessian of Σ w·x[index]² is diagonal: 2 · scattered w.
    v = np.cos(np.arange(np.prod(shape))).reshape(shape)
    np.testing.assert_allclose(gradients(first, x, [v]), 2 * scattered * v, atol=1e-12)
    y = x[index]
    y.backward(w)
    np.testing.assert_array_equal(x.grad, scattered)


@settings(max_examples=150, deadline=None)
@given(indexed(), st.booleans())
def test_all_ways_to_add_repeatedly_are_add_at(sample: tuple[tuple[int, ...], Any], fresh: bool) -> None:
    shape, index = sample
    index = plain(index)
    settled = tuple(
        np.asarray(p) if isinstance(p, list) else p for p in (index if isinstance(index, tuple) else (index,))
    )
    start = np.zeros(shape) if fresh else RNG.normal(size=shape)
    g = RNG.normal(size=start[index].shape)
    expected = start.copy()
    np.add.at(expected, index, g)
    by_definition, by_rows, by_items = start.copy(), start.copy(), DuckArray(start.copy())
    accumulate(by_definition, settled, g, fresh)
    accumulate(by_items, settled, DuckArray(g), fresh)
    small = scatter_chapter.SMALL
    scatter_chapter.SMALL = -1
    try:
        accumulate(by_rows, settled, g, fresh)
    finally:
        scatter_chapter.SMALL = small
    np.testing.assert_allclose(by_definition, expected, atol=1e-12)
    np.testing.assert_allclose(by_rows, expected, atol=1e-12)
    np.testing.assert_allclose(by_items.get(), expected, atol=1e-12)


def test_rows_of_a_large_table_take_their_short_ways() -> None:
    for rows in (np.array([3, 1, 4]), np.array([3, 3, 900]), np.array([[-1, 0], [0, 5]])):
        for dtype in (np.float32, np.float64, np.complex128):
            table = np.zeros((1000, 300), dtype)
            g = RNG.normal(size=(*rows.shape, 300)).astype(dtype)
            expected = table.copy()
            np.add.at(expected, rows, g)
            accumulate(table, (rows,), g)
            np.testing.assert_allclose(table, expected, rtol=1e-6)
    for index in ((slice(None), np.arange(40) % 3), (np.arange(900) % 7, 2), (slice(None, None, 50), np.array([1, 1]))):
        table = np.zeros((100, 50))
        g = RNG.normal(size=table[index].shape)
        expected = table.copy()
        np.add.at(expected, index, g)
        accumulate(table, index, g)
        np.testing.assert_allclose(table, expected, atol=1e-12)


def test_many_slices_of_one_array_share_one_buffer() -> None:
    for n in (10, 100):
        x = Tensor(DuckArray(np.ones(n)), requires_grad=True)
        total = x[0] * 1.0
        for k in range(1, n):
            total = total + x[k]
        DuckArray.calls.clear()
        total.backward()
        assert DuckArray.calls["zeros_like"] <= 1
        assert DuckArray.calls["setitem"] == n
        np.testing.assert_array_equal(x.grad.get(), np.ones(n))
    DuckArray.calls.clear()
    DuckArray.mixed.clear()


def test_pieces_and_whole_gradients_add_up_in_either_order() -> None:
    for f in (lambda x: (x[1] + (x * 3)[0]).sum() + x.sum(), lambda x: x.sum() + x[1].sum() + (x * 3)[0].sum()):
        x = leaf(3, 2)
        f(x).backward()
        np.testing.assert_array_equal(x.grad, [[4.0, 4], [2, 2], [1, 1]])
        f(x).backward()
        np.testing.assert_array_equal(x.grad, [[8.0, 8], [4, 4], [2, 2]])


def test_the_gradient_of_an_intermediate_result_is_the_finished_sum() -> None:
    x = leaf(4)
    h = x * 2
    y = h[0] + h[0] + h[3]
    np.testing.assert_array_equal(gradients(y, h), [2.0, 0, 0, 1])


def test_an_index_array_changed_afterwards_does_not_change_the_gradient() -> None:
    index, other, mask = np.array([0, 1]), [0, 1], np.array([True, False, False])
    x = leaf(3)
    y = (
        x[index].sum()
        + x[index, None].sum()
        + x[other].sum()
        + np.take(x, index).sum()
        + x[mask].sum()
        + np.where(mask, x, 0.0).sum()
    )
    index[:] = 2
    other[0] = 2
    mask[:] = True
    y.backward()
    np.testing.assert_array_equal(x.grad, [6.0, 4, 0])
    x.grad = None
    nested = [[0, 1]]
    y = x[nested].sum() + np.take(x, nested).sum()
    nested[0][0] = 2
    y.backward()
    np.testing.assert_array_equal(x.grad, [2.0, 2, 0])


def test_an_index_tensor_changed_afterwards_does_not_change_the_gradient() -> None:
    index = Tensor(np.array([0, 1]))
    x = leaf(3)
    y = x[index].sum() + x[(index,)].sum()
    index.data[:] = 2
    y.backward()
    np.testing.assert_array_equal(x.grad, [2.0, 2, 0])


def test_integers_and_masks_may_come_from_tensors() -> None:
    x = leaf(3, 4)
    y = x[np.argmax(x, axis=0), np.arange(4)]
    np.testing.assert_array_equal(y.numpy(), x.numpy().max(axis=0))
    np.testing.assert_array_equal(x[x > 0].numpy(), x.numpy()[x.numpy() > 0])
    assert x[Tensor(1), Tensor(True)].shape == (1, 4)


def test_dtypes_stay() -> None:
    x = Tensor(np.ones((3, 2), np.float32), requires_grad=True)
    (x[0] * 2 + x[[0, 0]].sum(axis=0) + np.take(x, [1], axis=0)[0] + np.where(x > 0, x, 0.0)[2]).sum().backward()
    assert x.grad.dtype == np.float32
    assert np.where(x > 0, x, 0.0).dtype == np.float32
    assert ag.index_update(x, 0, 2.5).dtype == np.float32
    z = leaf(3)
    (z * 1j)[[0, 0]].imag.sum().backward()
    np.testing.assert_array_equal(z.grad, [2.0, 0, 0])
    assert not Tensor([1, 2, 3])[1:].requires_grad


def test_errors_of_indices() -> None:
    x = leaf(3, 4)
    with pytest.raises(IndexError, match=r"getitem: index 5 is out of bounds.*\(3, 4\) float64"):
        x[5]
    with pytest.raises(IndexError, match="getitem: too many indices"):
        x[0, 0, 0]
    with pytest.raises(IndexError, match="getitem"):
        x[0.5]
    with pytest.raises(IndexError, match="getitem"):
        x[Tensor([0.5])]
    with pytest.raises(IndexError, match="getitem"):
        x["name"]
    with pytest.raises(IndexError, match="getitem: boolean index did not match"):
        x[np.array([True, False])]
    with pytest.raises(TypeError, match="no gradient with respect to index"):
        x[leaf(3)]
    with pytest.raises(TypeError, match="no gradient with respect to index"):
        x[leaf(3), 0]
    with pytest.raises(IndexError, match="take: index 9 is out of bounds"):
        np.take(x, [9], axis=0)
    with pytest.raises(TypeError, match="out="):
        np.take(x, [0], 0, np.zeros(1))


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda t: np.put_along_axis(t, np.array([[0]]), 1.0, 1), "ag.put_along_axis"),
        (lambda t: np.put(t, [0], [1.0]), "ag.index_update"),
        (lambda t: np.place(t, np.ones((3, 4), bool), [1.0]), "ag.index_update"),
        (lambda t: np.putmask(t, np.ones((3, 4), bool), [1.0]), "np.where"),
        (lambda t: np.copyto(t, 1.0), "np.where"),
        (lambda t: np.fill_diagonal(t, 1.0), "ag.index_update"),
    ],
)
def test_functions_that_write_in_place_name_what_to_use(call: Any, remedy: str) -> None:
    with pytest.raises(TypeError, match=remedy):
        call(leaf(3, 4))


# ---------------------------------------------------------------- replacing


@settings(max_examples=200, deadline=None)
@given(indexed())
def test_replacing_is_assignment(sample: tuple[tuple[int, ...], Any]) -> None:
    shape, index = sample
    x = Tensor(RNG.normal(size=shape), requires_grad=True)
    chosen = x.numpy()[plain(index)]
    v = Tensor(RNG.normal(size=chosen.shape), requires_grad=True)
    y = ag.index_update(x, index, v)
    # Which value ended where: assign their numbers.
    source = np.full(shape, -1)
    source[plain(index)] = np.arange(chosen.size).reshape(chosen.shape)
    expected = np.where(source < 0, x.numpy(), np.append(v.numpy().ravel(), 0.0)[source])
    np.testing.assert_array_equal(y.numpy(), expected)
    g = RNG.normal(size=shape)
    gx, gv = gradients(y, (x, v), [g])
    np.testing.assert_array_equal(gx, np.where(source < 0, g, 0))
    wanted = np.zeros(chosen.size)
    for place, number in np.ndenumerate(source):
        if number >= 0:
            wanted[number] = g[place]
    np.testing.assert_array_equal(gv.ravel(), wanted)

    z = ag.index_add(x, index, v)
    added = x.numpy().copy()
    np.add.at(added, plain(index), v.numpy())
    np.testing.assert_allclose(z.numpy(), added, atol=1e-12)
    gx, gv = gradients(z, (x, v), [g])
    np.testing.assert_array_equal(gx, g)
    np.testing.assert_array_equal(gv, g[plain(index)])


def test_replacing_is_differentiable_twice() -> None:
    x, v = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
    assert ag.gradcheck(lambda x, v: np.sin(ag.index_update(x, [0, 2, 0], v)) * x, (x, v))
    assert ag.gradcheck(lambda x, v: np.sin(ag.index_add(x, [0, 2, 0], v)) * x, (x, v))
    assert ag.gradcheck(lambda x, v: np.sin(ag.index_update(x, 0, v)), (x, RNG.normal(size=(1, 1, 4))))
    assert ag.gradcheck(
        lambda x, v: np.sin(ag.put_along_axis(x, np.array([[1], [1], [3]]), v, 1)), (x, RNG.normal(size=(3, 1)))
    )
    assert ag.gradcheck(lambda x, v: np.sin(ag.put_along_axis(x, np.array([1, 11]), v, None)), (x, RNG.normal(size=2)))


def test_put_along_axis_is_numpys() -> None:
    x, indices = RNG.normal(size=(3, 4)), np.array([[2], [0], [1]])
    expected = x.copy()
    np.put_along_axis(expected, indices, 5.0, 1)
    np.testing.assert_array_equal(ag.put_along_axis(x, Tensor(indices), 5.0, 1).numpy(), expected)
    with pytest.raises(IndexError, match="integers"):
        ag.put_along_axis(x, np.array([[0.5]]), 1.0, 1)
    with pytest.raises(ValueError, match="as many axes"):
        ag.put_along_axis(x, np.array([0]), 1.0, 1)


def test_values_that_would_be_truncated_are_refused() -> None:
    with pytest.raises(TypeError, match=r"index_update: .*float64 do not fit into x of dtype int64"):
        ag.index_update(np.arange(3), 0, leaf())
    with pytest.raises(TypeError, match="index_add"):
        ag.index_add(leaf(3), 0, 1j)
    with pytest.raises(ValueError, match="index_update"):
        ag.index_update(leaf(3), slice(0, 2), leaf(3))


# ---------------------------------------------------------------- where and its kin


def test_the_branch_not_taken_gives_no_nan() -> None:
    x = Tensor([-1.0, 0.0, 4.0], requires_grad=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        np.where(x > 0, np.sqrt(x), 0.0).sum().backward()
        np.testing.assert_array_equal(x.grad, [0.0, 0.0, 0.25])
        x.grad = None
        np.where(x > 0, np.log(x), x * 2).sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 2.0, 0.25])


def test_where_in_all_forms() -> None:
    x = leaf(4)
    assert [t.tolist() for t in np.where(Tensor([0, 1, 0, 2]))] == [[1, 3]]
    assert np.where([True, False, True, False], x, 0.0).shape == (4,)
    with pytest.raises(ValueError, match="both or neither"):
        ag.where(x > 0, x)
    with pytest.raises(ValueError, match=r"where: .*\(4,\) float64"):
        np.where(x > 0, x, np.zeros(3))
    condition = leaf(4)
    np.where(condition, x, 2 * x).sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones(4))
    assert condition.grad is None


MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (lambda np_, a: np_.compress([1, 0, 1], a, axis=1), [(3, 4)]),
        (lambda np_, a: np_.compress([True, False, True], a), [(3, 4)]),
        (lambda np_, a: np_.compress([0, 1], a, 0), [(3, 4)]),
        (lambda np_, a: np_.extract(MASK, a), [(3, 4)]),
        (lambda np_, a, b: np_.select([MASK, MASK[0]], [a, b], 1.5), [(3, 4), (4,)]),
        (lambda np_, a, b: np_.select([MASK[0]], [a], b), [(3, 4), ()]),
        (lambda np_, a, b: np_.choose(np.array([0, 1, 1, 0]), [a, b]), [(3, 4), (4,)]),
        (lambda np_, a, b: np_.choose(np.array([0, 3, -1, 0]), [a, b], mode="wrap"), [(4,), (4,)]),
        (lambda np_, a, b: np_.choose(np.array([0, 3, -1, 0]), [a, b], mode="clip"), [(4,), (4,)]),
        (lambda np_, a: np_.choose(np.array([[0], [2]]), a), [(3, 4)]),
        (lambda np_, a: np_.piecewise(a, [a > 0.5, a < -0.5], [lambda v: v * v, lambda v: v**3, 2.0]), [(3, 4)]),
        (lambda np_, a: np_.piecewise(a, a > 0, [lambda v: v * v]), [(4,)]),
        (lambda np_, a: np_.piecewise(a, [a > 0, a > 1], [1.0, lambda v: -v]), [(4,)]),
        (lambda np_, a: np_.take_along_axis(a, np.argsort(-MASK.astype(int), axis=0), axis=0), [(3, 4)]),
    ],
)
def test_compositions(f: Any, shapes: Any) -> None:
    arrays = [RNG.normal(size=shape) for shape in shapes]
    for dtype in (np.float64, np.float32):
        cast = [a.astype(dtype) for a in arrays]
        value = f(np, *map(Tensor, cast))
        expected = f(np, *cast)
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value.numpy(), expected)
    assert ag.gradcheck(lambda *a: np.sin(f(np, *a)), tuple(arrays))


def test_errors_of_the_kin() -> None:
    x = leaf(3)
    with pytest.raises(TypeError, match="conditions are boolean"):
        np.select([np.array([1, 0, 1])], [x])
    with pytest.raises(ValueError, match="one choice per condition"):
        np.select([MASK], [x, x])
    with pytest.raises(ValueError, match="at least one"):
        ag.select([], [])
    with pytest.raises(ValueError, match=r"not in \[0, 2\)"):
        np.choose(np.array([0, 1, 2]), [x, x])
    with pytest.raises(ValueError, match="mode"):
        np.choose(np.array([0, 1, 1]), [x, x], mode="other")
    with pytest.raises(TypeError, match="integers"):
        np.choose(x, [x, x])
    with pytest.raises(ValueError, match="take 1 or 2 functions"):
        np.piecewise(x, [x > 0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="one axis"):
        np.compress(MASK, x)
    with pytest.raises(TypeError, match="out="):
        np.compress([True], x, out=np.zeros(1))


def test_open_meshes_of_tensors() -> None:
    x = leaf(3, 4)
    rows, columns = np.ix_(Tensor([0, 2]), Tensor([True, False, True, False]))
    np.testing.assert_array_equal(x[rows, columns].numpy(), x.numpy()[[0, 2]][:, [0, 2]])
    with pytest.raises(TypeError, match="no gradient"):
        np.ix_(x[0], x[0])


def test_indices_without_gradient() -> None:
    x = Tensor([[0.0, 1.0], [2.0, 0.0]], requires_grad=True)
    for y in (*np.nonzero(x), np.flatnonzero(x), np.argwhere(x)):
        assert isinstance(y, Tensor)
        assert not y.requires_grad
    assert x.nonzero()[0].tolist() == [0, 1]
