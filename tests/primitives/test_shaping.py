"""Shape, join, split, repeat, pad and diagonal functions: NumPy's values, and gradients of order 1 and 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np import Tensor
from autograd_np.engine import codegen
from autograd_np.proofs.gradcheck import gradcheck

rng = np.random.default_rng(7)


def normal(*shape: int) -> Any:
    return rng.normal(size=shape)


X0, X1, X2, X3, X4 = normal(), normal(5), normal(3, 4), normal(2, 3, 4), normal(2, 1, 3, 2)
Y1, Y2, Y3 = normal(5), normal(3, 4), normal(2, 3, 4)
ROW, ONE, EMPTY, SQUARE = normal(1, 4), normal(1), normal(0, 3), normal(4, 4)
# No ties and no near ties: for statistics.
DISTINCT = rng.permutation(12).reshape(3, 4) + 0.5

# NumPy before 2.2 warns that a mask will be one.
pytestmark = pytest.mark.filterwarnings("ignore:in the future insert will treat boolean arrays:FutureWarning")


def case(label: str, f: Callable[..., Any], *inputs: Any) -> Any:
    return pytest.param(f, inputs, id=label.replace(" ", "-"))


RESHAPES = [
    case("reshape", lambda x: np.reshape(x, (4, 3)), X2),
    case("reshape -1", lambda x: np.reshape(x, -1), X3),
    case("reshape list", lambda x: np.reshape(x, [2, -1]), X3),
    case("reshape 0-d", lambda x: np.reshape(x, (1, 1)), X0),
    case("reshape to 0-d", lambda x: np.reshape(x, ()), ONE),
    case("reshape F", lambda x: np.reshape(x, (4, 3), order="F"), X2),
    case("reshape A of C", lambda x: np.reshape(x, (4, 3), order="A"), X2),
    case("reshape A of F", lambda x: np.reshape(np.copy(x, order="F"), (4, 3), order="A"), X2),
    case("reshape A of a transpose", lambda x: np.reshape(np.transpose(x), (2, 6), order="A"), X2),
    case("reshape copy", lambda x: np.reshape(x, (4, 3), copy=True), X2),
    case("reshape empty", lambda x: np.reshape(x, (3, 0, 2)), EMPTY),
    case("ravel", lambda x: np.ravel(x), X3),
    case("ravel F", lambda x: np.ravel(x, "F"), X3),
    case("ravel A of F", lambda x: np.ravel(np.copy(x, order="F"), order="A"), X3),
    case("ravel K of a transpose", lambda x: np.ravel(np.transpose(x, (1, 2, 0)), order="K"), X3),
    case("ravel K of F", lambda x: np.ravel(np.copy(x, order="F"), order="K"), X3),
    case("ravel K reversed", lambda x: np.ravel(np.flip(np.transpose(x, (2, 0, 1)), 0), order="K"), X3),
    case("ravel 0-d", lambda x: np.ravel(x), X0),
    case("ravel empty", lambda x: np.ravel(x), EMPTY),
    case("flatten", lambda x: x.flatten(), X3),
    case("squeeze", lambda x: np.squeeze(x), X4),
    case("squeeze axis", lambda x: np.squeeze(x, axis=-3), X4),
    case("squeeze to 0-d", lambda x: np.squeeze(x), ONE),
    case("squeeze axes", lambda x: np.squeeze(x, axis=(0, 2)), X4[:1, :, :1]),
    case("expand_dims", lambda x: np.expand_dims(x, 1), X2),
    case("expand_dims negative", lambda x: np.expand_dims(x, -1), X2),
    case("expand_dims axes", lambda x: np.expand_dims(x, (0, -2)), X2),
    case("expand_dims 0-d", lambda x: np.expand_dims(x, 0), X0),
    case("atleast_1d", lambda x: np.atleast_1d(x), X0),
    case("atleast_2d 0-d", lambda x: np.atleast_2d(x), X0),
    case("atleast_2d", lambda x: np.atleast_2d(x), X1),
    case("atleast_3d 0-d", lambda x: np.atleast_3d(x), X0),
    case("atleast_3d 1-d", lambda x: np.atleast_3d(x), X1),
    case("atleast_3d 2-d", lambda x: np.atleast_3d(x), X2),
    case("atleast several", lambda x, y: np.atleast_2d(x, y), X1, X0),
]

AXES = [
    case("transpose", lambda x: np.transpose(x), X3),
    case("transpose axes", lambda x: np.transpose(x, (1, 2, 0)), X3),
    case("transpose negative", lambda x: np.transpose(x, [-1, 0, -2]), X3),
    case("transpose 1-d", lambda x: np.transpose(x, 0), X1),
    case("transpose 0-d", lambda x: np.transpose(x), X0),
    case("permute_dims", lambda x: np.permute_dims(x, (2, 0, 1)), X3),
    case("matrix_transpose", lambda x: np.matrix_transpose(x), X3),
    case("swapaxes", lambda x: np.swapaxes(x, 0, -1), X3),
    case("moveaxis", lambda x: np.moveaxis(x, 0, -1), X3),
    case("moveaxis several", lambda x: np.moveaxis(x, [0, -1], [-1, 1]), X4),
    case("moveaxis back", lambda x: np.moveaxis(x, (2, 0), (0, 2)), X4),
    case("rollaxis", lambda x: np.rollaxis(x, 2), X3),
    case("rollaxis start", lambda x: np.rollaxis(x, 0, 3), X3),
    case("rollaxis negative", lambda x: np.rollaxis(x, -1, -2), X3),
    case("broadcast_to", lambda x: np.broadcast_to(x, (2, 3, 4)), ROW),
    case("broadcast_to 0-d", lambda x: np.broadcast_to(x, (2, 3)), X0),
    case("broadcast_to same", lambda x: np.broadcast_to(x, (3, 4)), X2),
    case("broadcast_to empty", lambda x: np.broadcast_to(x, (0, 4)), ROW),
    case("broadcast_to int", lambda x: np.broadcast_to(x, 3), X0),
    case("broadcast_arrays", lambda x, y, z: np.broadcast_arrays(x, y, z), X2, ROW, X0),
    case("flip", lambda x: np.flip(x), X3),
    case("flip axis", lambda x: np.flip(x, -1), X3),
    case("flip axes", lambda x: np.flip(x, (0, 2)), X3),
    case("fliplr", lambda x: np.fliplr(x), X2),
    case("flipud", lambda x: np.flipud(x), X1),
    *[case(f"rot90 {k}", lambda x, k=k: np.rot90(x, k), X2) for k in range(-1, 5)],
    *[case(f"rot90 axes {k}", lambda x, k=k: np.rot90(x, k, (2, 0)), X3) for k in range(4)],
    case("roll flat", lambda x: np.roll(x, 2), X2),
    case("roll", lambda x: np.roll(x, -5, axis=1), X3),
    case("roll axes", lambda x: np.roll(x, (1, -2), axis=(0, -1)), X3),
    case("roll axes one shift", lambda x: np.roll(x, 1, axis=(0, 1)), X3),
    case("roll shifts one axis", lambda x: np.roll(x, (1, 1), axis=0), X3),
    case("roll array", lambda x: np.roll(x, np.array([1, 2]), axis=(0, 1)), X3),
    case("roll empty", lambda x: np.roll(x, 1, axis=1), EMPTY),
    case("copy", lambda x: np.copy(x), X2),
    case("copy F", lambda x: np.copy(x, order="F"), X2),
]

DIAGONALS = [
    *[case(f"tril {k}", lambda x, k=k: np.tril(x, k), X2) for k in (-4, -1, 0, 2, 5)],
    *[case(f"triu {k}", lambda x, k=k: np.triu(x, k), X3) for k in (-4, -1, 0, 2, 5)],
    case("tril 1-d", lambda x: np.tril(x), X1),
    case("triu 1-d", lambda x: np.triu(x, 1), X1),
    *[case(f"diagonal {k}", lambda x, k=k: np.diagonal(x, k), X2) for k in range(-4, 6)],
    *[case(f"diagonal tall {k}", lambda x, k=k: np.diagonal(x, k), X2.T.copy()) for k in range(-5, 5)],
    *[case(f"diagonal axes {k}", lambda x, k=k: np.diagonal(x, k, 2, 0), X3) for k in (-2, 0, 1)],
    *[case(f"diagonal negative axes {k}", lambda x, k=k: np.diagonal(x, k, -1, 1), X4) for k in (-1, 0, 1)],
    case("diagonal empty", lambda x: np.diagonal(x), EMPTY),
    *[case(f"diag of a vector {k}", lambda x, k=k: np.diag(x, k), X1) for k in (-2, 0, 1)],
    *[case(f"diag of a matrix {k}", lambda x, k=k: np.diag(x, k), X2) for k in (-2, 0, 3)],
    case("diagflat", lambda x: np.diagflat(x, 1), X2),
    case("diagflat 0-d", lambda x: np.diagflat(x), X0),
    case("trace", lambda x: np.trace(x), X2),
    case("trace offset", lambda x: np.trace(x, 1), X2),
    case("trace axes", lambda x: np.trace(x, -1, axis1=2, axis2=0), X3),
    case("trace dtype", lambda x: np.trace(x, dtype=np.float64), X2),
]

JOINS = [
    case("concatenate", lambda x, y: np.concatenate([x, y]), X2, Y2),
    case("concatenate axis", lambda x, y: np.concatenate((x, y[:, :1]), axis=1), X2, Y2),
    case("concatenate negative", lambda x, y: np.concatenate([x, y], axis=-1), X3, Y3),
    case("concatenate None", lambda x, y, z: np.concatenate([x, y, z], axis=None), X3, Y2, X0),
    case("concatenate numbers", lambda x: np.concatenate([x, 1.0, [2.0]], axis=None), X2),
    case("concatenate a constant", lambda x: np.concatenate([Y2, x]), X2),
    case("concatenate empty", lambda x, y: np.concatenate([x, y]), EMPTY, X2[:, :3]),
    case("concatenate one array", lambda x: np.concatenate(x), X3),
    case("concatenate twice", lambda x: np.concatenate([x, x]), X1),
    case("concat", lambda x, y: np.concat([x, y], axis=-2), X3, Y3),
    case("concatenate dtype", lambda x, y: np.concatenate([x, y], dtype=np.float64, casting="unsafe"), X1, Y1),
    case("stack", lambda x, y: np.stack([x, y]), X2, Y2),
    case("stack axis", lambda x, y: np.stack((x, y), axis=1), X2, Y2),
    case("stack last", lambda x, y: np.stack([x, y], axis=-1), X2, Y2),
    case("stack 0-d", lambda x, y: np.stack([x, y, 2.0]), X0, X0 + 1),
    case("stack empty", lambda x, y: np.stack([x, y], axis=1), EMPTY, EMPTY),
    case("hstack", lambda x, y: np.hstack([x, y]), X2, Y2),
    case("hstack 1-d", lambda x, y, z: np.hstack([x, y, z]), X1, Y1, X0),
    case("vstack", lambda x, y: np.vstack([x, y]), X2, ROW),
    case("vstack 1-d", lambda x, y: np.vstack((x, y)), X1, Y1),
    case("dstack", lambda x, y: np.dstack([x, y]), X2, Y2),
    case("dstack 1-d", lambda x, y: np.dstack([x, y]), X1, Y1),
    case("dstack 3-d", lambda x, y: np.dstack([x, y]), X3, Y3),
    case("column_stack", lambda x, y: np.column_stack([x[:3], y]), X1, X2),
    case("block", lambda x, y: np.block([[x, np.zeros((3, 1))], [y, np.ones((1, 1))]]), X2, ROW),
    case("block flat", lambda x, y: np.block([x, y, 1.0]), X1, Y1),
    case("block one", lambda x: np.block(x), X2),
    case("block deep", lambda x, y: np.block([[[x], [y]]]), X2, Y2),
    case("block raises dimensions", lambda x, y: np.block([[x], [y]]), X1, Y1),
    case("append", lambda x, y: np.append(x, y), X2, X1),
    case("append axis", lambda x, y: np.append(x, y, axis=1), X2, Y2),
    case("append number", lambda x: np.append(x, 3.0), X1),
]

SPLITS = [
    case("split", lambda x: np.split(x, 3), X2),
    case("split axis", lambda x: np.split(x, 2, axis=-1), X3),
    case("split indices", lambda x: np.split(x, [1, 3], axis=1), X2),
    case("split empty pieces", lambda x: np.split(x, [0, 2, 2, 9], axis=1), X2),
    case("split negative index", lambda x: np.split(x, [-2]), X1),
    case("split overlapping", lambda x: np.split(x, [4, 1]), X1),
    case("split array", lambda x: np.split(x, np.array([2, 3])), X1),
    case("split some used", lambda x: np.split(x, [1, 3])[1], X1),
    case("array_split", lambda x: np.array_split(x, 3), X1),
    case("array_split many", lambda x: np.array_split(x, 7), X1),
    case("hsplit", lambda x: np.hsplit(x, 2), X2),
    case("hsplit 1-d", lambda x: np.hsplit(x, [2]), X1),
    case("vsplit", lambda x: np.vsplit(x, [1]), X2),
    case("dsplit", lambda x: np.dsplit(x, 2), X3),
    case("unstack", lambda x: np.unstack(x), X2),
    case("unstack axis", lambda x: np.unstack(x, axis=-2), X3),
    case("unstack 1-d", lambda x: np.unstack(x), X1),
    case("unstack some used", lambda x: np.unstack(x, axis=1)[1:3], X2),
    case("iteration", lambda x: list(x), X2),
]

REPEATS = [
    case("tile", lambda x: np.tile(x, 3), X2),
    case("tile axes", lambda x: np.tile(x, (2, 1, 3)), X2),
    case("tile fewer", lambda x: np.tile(x, (2,)), X3),
    case("tile ones", lambda x: np.tile(x, (1, 1)), X2),
    case("tile 0-d", lambda x: np.tile(x, (2, 2)), X0),
    case("tile none", lambda x: np.tile(x, (0, 2)), X2),
    case("tile array", lambda x: np.tile(x, np.array([2, 1])), X2),
    case("repeat flat", lambda x: np.repeat(x, 2), X2),
    case("repeat", lambda x: np.repeat(x, 3, axis=0), X3),
    case("repeat negative", lambda x: np.repeat(x, 2, axis=-2), X3),
    case("repeat each", lambda x: np.repeat(x, [1, 0, 3], axis=0), X2),
    case("repeat each flat", lambda x: np.repeat(x, np.arange(12)), X2),
    case("repeat one in a list", lambda x: np.repeat(x, [2], axis=1), X2),
    case("repeat 0-d", lambda x: np.repeat(x, 3), X0),
    case("repeat none", lambda x: np.repeat(x, 0, axis=1), X2),
    case("resize larger", lambda x: np.resize(x, (4, 5)), X2),
    case("resize smaller", lambda x: np.resize(x, 7), X2),
    case("resize same", lambda x: np.resize(x, (2, 6)), X2),
    case("resize none", lambda x: np.resize(x, (0, 2)), X2),
    case("insert", lambda x, v: np.insert(x, 2, v), X1, X0),
    case("insert axis", lambda x, v: np.insert(x, 1, v, axis=1), X2, X2[:, 0]),
    case("insert several at one", lambda x, v: np.insert(x, [2], v), X1, Y1),
    case("insert many", lambda x, v: np.insert(x, [3, 1, 1], v[:3]), X1, Y1),
    case("insert rows", lambda x, v: np.insert(x, [0, 3], v, axis=0), X2, ROW),
    case("insert slice", lambda x, v: np.insert(x, slice(0, 4, 2), v[:2]), X1, Y1),
    case("insert slice of one", lambda x, v: np.insert(x, slice(1, 2), v), X1, X0),
    case("insert mask", lambda x, v: np.insert(x, np.array([True, False, False, True, False]), v), X1, X0),
    case("insert nothing", lambda x: np.insert(x, np.array([], int), np.zeros(0)), X1),
    case("insert number", lambda x: np.insert(x, -1, 2.0, axis=-1), X2),
    case("insert column", lambda x, v: np.insert(x, [1], v[:, :1], axis=1), X2, Y2),
    case("delete", lambda x: np.delete(x, 1), X1),
    case("delete axis", lambda x: np.delete(x, [0, -1], axis=1), X2),
    case("delete slice", lambda x: np.delete(x, slice(None, None, 2), axis=0), X2),
    case("delete mask", lambda x: np.delete(x, np.array([True, False, True]), axis=0), X2),
    case("delete flat", lambda x: np.delete(x, 5), X2),
    case("meshgrid", lambda x, y: np.meshgrid(x, y), X1, X1[:3]),
    case("meshgrid ij", lambda x, y, z: np.meshgrid(x, y, z, indexing="ij"), X1, X1[:3], X1[:2]),
    case("meshgrid xy 3", lambda x, y, z: np.meshgrid(x, y, z), X1, X1[:3], X1[:2]),
    case("meshgrid sparse", lambda x, y: np.meshgrid(x, y, sparse=True), X1, X1[:3]),
    case("meshgrid one", lambda x: np.meshgrid(x), X1),
    case("meshgrid 0-d", lambda x, y: np.meshgrid(x, y), X0, X1),
]

PADS = [
    case("pad", lambda x: np.pad(x, 2), X2),
    case("pad pair", lambda x: np.pad(x, (0, 2)), X2),
    case("pad pairs", lambda x: np.pad(x, ((1, 0), (0, 3)), constant_values=2.5), X2),
    case("pad values", lambda x: np.pad(x, 1, constant_values=((1.0, 2.0), (3.0, 4.0))), X2),
    case("pad 0-d", lambda x: np.pad(x, 1), X0),
    case("pad empty", lambda x: np.pad(x, 1), EMPTY),
    case("pad empty edge", lambda x: np.pad(x, ((0, 0), (1, 1)), mode="edge"), EMPTY),
    *[
        case(f"pad {mode} {widths}", lambda x, mode=mode, widths=widths: np.pad(x, widths, mode=mode), DISTINCT)
        for mode in ("edge", "wrap", "linear_ramp", "mean", "maximum", "minimum", "median", "reflect", "symmetric")
        for widths in (1, (2, 0), ((0, 1), (2, 3)), ((7, 4), (0, 11)))
    ],
    *[
        case(
            f"pad odd {mode} {widths}",
            lambda x, mode=mode, widths=widths: np.pad(x, widths, mode=mode, reflect_type="odd"),
            X2,
        )
        for mode in ("reflect", "symmetric")
        for widths in (1, (2, 0), ((0, 1), (2, 3)), ((7, 4), (0, 11)))
    ],
    *[
        case(
            f"pad {mode} stat_length",
            lambda x, mode=mode: np.pad(x, 2, mode=mode, stat_length=((2, 1), (3, 9))),
            DISTINCT,
        )
        for mode in ("mean", "maximum", "minimum", "median")
    ],
    case("pad ramp ends", lambda x: np.pad(x, (2, 3), mode="linear_ramp", end_values=((1.0, 2.0), (-3.0, 4.0))), X2),
    *[
        case(f"pad size 1 {mode}", lambda x, mode=mode: np.pad(x, ((0, 0), (2, 1), (0, 0), (3, 0)), mode=mode), X4)
        for mode in ("reflect", "symmetric", "wrap", "edge")
    ],
]

RANGES = [
    case(
        "full_like a Tensor",
        lambda x: ag.full_like(np.zeros((2, 3), x.dtype), x) if isinstance(x, Tensor) else np.full((2, 3), x),
        X0,
    ),
    case("full", lambda x: ag.full((2, 3), x) if isinstance(x, Tensor) else np.full((2, 3), x), ROW[:, :3]),
    case("linspace", lambda x, y: np.linspace(x, y, 7), X0, X0 + 2),
    case("linspace arrays", lambda x, y: np.linspace(x, y, 4, endpoint=False, axis=-1), X2, ROW),
    case("linspace step", lambda x, y: np.linspace(x, y, 5, retstep=True), X1, X0),
    case("linspace one", lambda x: np.linspace(x, 3.0, 1), X0),
    case("linspace none", lambda x: np.linspace(x, 3.0, 0), X1),
    case("linspace to a number", lambda x: np.linspace(0, x, 3), X0),
]

ALL = RESHAPES + AXES + DIAGONALS + JOINS + SPLITS + REPEATS + PADS + RANGES


def leaves(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, (list, tuple)) else [value]


def assert_as_numpy(f: Callable[..., Any], inputs: tuple[Any, ...], rtol: float = 1e-14) -> None:
    """The value, shape, dtype and the kind of sequence are NumPy's."""
    expected = f(*inputs)
    got = f(*[Tensor(x, requires_grad=True) for x in inputs])
    if isinstance(expected, (list, tuple)):
        assert type(got) is type(expected)
        assert len(got) == len(expected)
    for ours, theirs in zip(leaves(got), leaves(expected), strict=True):
        assert isinstance(ours, Tensor)
        assert ours.shape == np.shape(theirs)
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(("f", "inputs"), ALL)
def test_value_is_numpys(f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    assert_as_numpy(f, inputs)


@pytest.mark.parametrize(("f", "inputs"), ALL)
def test_float32_stays(f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    single = tuple(np.asarray(x, np.float32) for x in inputs)
    assert_as_numpy(f, single, rtol=1e-5)
    tensors = [Tensor(x, requires_grad=True) for x in single]
    for out in leaves(f(*tensors)):
        if out.requires_grad:
            out.backward(np.ones(out.shape, out.dtype), retain_graph=True)
    for t in tensors:
        assert t.grad is None or (t.grad.dtype, t.grad.shape) == (np.float32, t.shape)


@pytest.mark.parametrize(("f", "inputs"), ALL)
def test_strided_memory(f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    def strided(x: Any) -> Any:
        spaced = np.repeat(x, 2, axis=-1)[..., ::2] if np.ndim(x) else x
        return np.flip(np.flip(spaced).copy()) if np.ndim(x) else spaced

    assert_as_numpy(f, tuple(strided(x) for x in inputs))


@pytest.mark.parametrize(("f", "inputs"), ALL)
def test_gradients(f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    if not sum(np.size(x) for x in inputs) or not sum(np.size(y) for y in leaves(f(*inputs))):
        pytest.skip("nothing to differentiate")

    # These functions are linear: between two curved ones, the second order sees their rules' own derivatives.
    def curved(*args: Any) -> Any:
        return [np.exp(y) for y in leaves(f(*[np.sin(x) for x in args])) if y.size]

    # sin keeps the order of these, so that no statistic meets a tie.
    small = tuple(np.asarray(x) / 8 for x in inputs)
    assert gradcheck(curved, small, order=2)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        c
        for c in ALL
        if c.id in ("stack", "concatenate", "concatenate-None", "unstack", "split", "tile", "pad", "diagonal-1", "roll")
    ],
)
def test_complex(f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    assert gradcheck(
        lambda *args: [np.exp(y) for y in leaves(f(*args))],
        tuple(np.asarray(x) * (0.3 + 0.4j) for x in inputs),
        order=1,
    )


# ---------------------------------------------------------------- the functions by our own name


def test_own_names_take_arrays_and_numbers() -> None:
    assert ag.flatten([[1.0, 2.0]]).tolist() == [1.0, 2.0]
    assert ag.atleast_2d(3.0).tolist() == [[3.0]]
    assert [t.tolist() for t in ag.split([1.0, 2.0], 2)] == [[1.0], [2.0]]
    assert ag.block([[1.0, 2.0]]).tolist() == [[1.0, 2.0]]
    assert ag.full((2,), 3.0).tolist() == [3.0, 3.0]
    assert isinstance(ag.broadcast_to(1.0, (2,)), Tensor)


def test_newshape_is_the_older_name_of_shape() -> None:
    assert ag.reshape([1.0, 2.0], newshape=(2, 1)).shape == (2, 1)
    with pytest.raises(TypeError, match="shape"):
        ag.reshape([1.0])
    with pytest.raises(TypeError, match="same argument"):
        ag.reshape([1.0], (1,), newshape=(1,))


def test_memory_layouts() -> None:
    t = Tensor(X2, requires_grad=True)
    assert ag.ascontiguousarray(t) is t
    assert ag.asfortranarray(t).numpy().flags.f_contiguous
    assert ag.ascontiguousarray(2.0).shape == (1,)
    assert ag.require(t, requirements="F").numpy().flags.f_contiguous
    assert ag.require(t, requirements=["C", "A"]) is t
    assert ag.require(t, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="both"):
        ag.require(t, requirements="CF")
    with pytest.raises(KeyError, match="Q"):
        ag.require(t, requirements="Q")
    assert gradcheck(lambda x: np.exp(ag.asfortranarray(x)), (X2,))


def test_reshape_copy_false_is_a_view_or_an_error() -> None:
    t = Tensor(X2)
    assert np.shares_memory(np.reshape(t, (4, 3), copy=False), t)
    with pytest.raises(ValueError, match="reshape"):
        np.reshape(np.transpose(t), (12,), copy=False)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.reshape(x, (4, 3)),
        lambda x: np.ravel(x),
        lambda x: np.transpose(x),
        lambda x: np.swapaxes(x, 0, 1),
        lambda x: np.moveaxis(x, 0, 1),
        lambda x: np.squeeze(x),
        lambda x: np.expand_dims(x, 0),
        lambda x: np.broadcast_to(x, (2, 3, 4)),
        lambda x: np.flip(x),
        lambda x: np.rot90(x),
        lambda x: np.diagonal(x),
        lambda x: np.diag(x),
        lambda x: np.split(x, 3)[1],
        lambda x: np.unstack(x)[1],
        lambda x: np.atleast_3d(x),
        lambda x: np.meshgrid(np.ravel(x), copy=False)[0],
    ],
)
def test_views_share_memory(f: Callable[..., Any]) -> None:
    t = Tensor(X2, requires_grad=True)
    assert np.shares_memory(f(t), t)


def test_a_view_of_the_callers_memory_is_kept_as_a_copy() -> None:
    array = np.array([1.0, 2.0, 3.0])
    t = Tensor(array, requires_grad=True)
    y = np.exp(np.log(np.flip(t)) * np.flip(t))
    array[:] = 100.0
    y.backward(np.ones(3))
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(t.grad, x**x * (np.log(x) + 1))


# ---------------------------------------------------------------- sharing and order of cost


def test_pieces_out_of_order_add_up() -> None:
    t = Tensor(X1, requires_grad=True)
    first, second, third = np.split(t, [4, 1])
    (np.sum(first) + 10 * np.sum(second) + 100 * np.sum(third)).backward()
    assert t.grad.tolist() == [1, 101, 101, 101, 100]


def test_split_into_n_pieces_costs_one_joint_rule() -> None:
    t = Tensor(np.arange(1000.0), requires_grad=True)
    calls = []
    found = ag.unstack.__primitive__
    joint = found.joint

    def put(each: Any) -> None:
        found.joint = each
        found.pull = found._first_pull
        codegen.reset(found)

    def counting(g: Any, x_shape: Any, axis: int) -> Any:
        calls.append(len(g))
        return joint(g, x_shape, axis)

    try:
        put(counting)
        total = 0.0
        for item in t:
            total = total + item * item
        total.backward()
    finally:
        put(joint)
    assert calls == [1000]
    np.testing.assert_array_equal(t.grad, 2 * t.numpy())


def test_concatenate_gives_no_gradient_to_constants() -> None:
    t = Tensor(X1, requires_grad=True)
    out = np.concatenate([Y1, t, [1.0]])
    np.sum(out * np.arange(11.0)).backward()
    assert t.grad.tolist() == [5, 6, 7, 8, 9]


def test_gradient_of_mixed_dtypes() -> None:
    a, b = Tensor(np.float32([1.0, 2.0]), requires_grad=True), Tensor([3.0], requires_grad=True)
    out = np.concatenate([a, b])
    assert out.dtype == np.float64
    np.sum(out * out).backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)
    assert a.grad.tolist() == [2.0, 4.0]


def test_integers_pass_through() -> None:
    t = Tensor([1, 2, 3])
    for y in (
        np.pad(t, 1, mode="mean"),
        np.roll(t, 1),
        np.stack([t, t]),
        np.tile(t, 2),
        np.repeat(t, 2),
        np.delete(t, 1),
        np.insert(t, 0, 7),
    ):
        assert y.dtype == t.dtype
        assert not y.requires_grad
    assert np.array_equal(np.pad(t, 1, mode="mean"), np.pad(np.array([1, 2, 3]), 1, mode="mean"))
    assert np.linspace(Tensor(0), 10, 3, dtype=int).tolist() == [0, 5, 10]


def test_trim_zeros() -> None:
    t = Tensor([0.0, 1.0, 0.0, 2.0, 0.0], requires_grad=True)
    assert np.trim_zeros(t).tolist() == [1.0, 0.0, 2.0]
    assert np.trim_zeros(t, "f").tolist() == [1.0, 0.0, 2.0, 0.0]
    assert np.trim_zeros(t, "b").tolist() == [0.0, 1.0, 0.0, 2.0]
    assert np.trim_zeros(Tensor([0.0, 0.0])).shape == (0,)
    grid = np.array([[0, 0, 2, 3, 0, 0], [0, 1, 0, 3, 0, 0], [0, 0, 0, 0, 0, 0]], float)
    assert np.trim_zeros(Tensor(grid)).tolist() == [[0, 2, 3], [1, 0, 3]]
    assert ag.trim_zeros(grid, axis=-1).tolist() == [[0, 2, 3], [1, 0, 3], [0, 0, 0]]
    np.sum(np.trim_zeros(t) * np.array([1.0, 2.0, 3.0])).backward()
    assert t.grad.tolist() == [0, 1, 2, 3, 0]
    with pytest.raises(ValueError, match="trim"):
        np.trim_zeros(t, "x")


@pytest.mark.parametrize("mode", ["maximum", "minimum"])
def test_padded_extrema_split_ties_evenly(mode: str) -> None:
    t = Tensor([1.0, 1.0, 1.0, 1.0], requires_grad=True)
    np.sum(np.pad(t, (2, 0), mode=mode)).backward()
    np.testing.assert_allclose(t.grad, 1.5)


@pytest.mark.parametrize("ends", [("f", "f"), ("e", "f"), ("F", "F"), ("f", "F"), ("d", "F"), ("i", "i")])
@pytest.mark.parametrize("dtype", [None, "f", "F"])
def test_the_dtype_of_a_range_is_numpys(ends: tuple[str, str], dtype: str | None) -> None:
    """That of geomspace is float64 at least, unless another is asked for."""
    a, b = (np.array([1, 5], ends[0]), np.array([8, 2], ends[1]))
    for f in (np.geomspace, np.linspace, np.logspace):
        if dtype == "f" and "F" in ends:
            continue  # NumPy warns that the imaginary parts are lost
        expected = f(a, b, 4, dtype=dtype)
        found = f(Tensor(a), b, 4, dtype=dtype)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    spiral = np.geomspace(Tensor(-1.0), 1.0, 4, dtype=complex)
    np.testing.assert_allclose(spiral.numpy(), np.geomspace(-1.0, 1.0, 4, dtype=complex), rtol=1e-12, atol=1e-15)


def test_spaced_ranges() -> None:
    for f in (
        lambda a, b: np.geomspace(a, b, 6),
        lambda a, b: np.logspace(a, b, 4, base=2.0),
        lambda a, b: np.geomspace(a, b, 4, endpoint=False),
    ):
        assert_as_numpy(f, (np.float64(0.5), np.float64(7.0)), rtol=1e-13)
        assert gradcheck(f, (np.array(0.5), np.array(2.0)))
    assert_as_numpy(
        lambda a, b: np.geomspace(a, b, 5, axis=1), (np.array([1.0, -2.0]), np.array([3.0, -5.0])), rtol=1e-13
    )
    assert gradcheck(lambda b: np.logspace(0.0, 2.0, 5, base=b), (np.array([2.0, 3.0]),))
    with pytest.raises(ValueError, match="non-negative"):
        np.linspace(Tensor(0.0), 1.0, -1)


# ---------------------------------------------------------------- constants and plain values


def test_constants_like_a_tensor() -> None:
    t = Tensor(np.float32(X2), requires_grad=True)
    for f in (np.zeros_like, np.ones_like, np.empty_like, lambda x, **k: np.full_like(x, 3, **k)):
        made = f(t)
        assert isinstance(made, Tensor)
        assert (made.shape, made.dtype, made.requires_grad) == (t.shape, t.dtype, False)
        assert f(t, dtype=float, shape=(2,)).dtype == np.float64
        assert f(t, shape=(2, 5)).shape == (2, 5)
    filled = np.full_like(t, Tensor(2.0, requires_grad=True))
    assert (filled.dtype, filled.shape, filled.requires_grad) == (np.float32, (3, 4), True)


def test_plain_values() -> None:
    t, u = Tensor(X2, requires_grad=True), Tensor(Y2)
    assert (np.shape(t), np.ndim(t), np.size(t), np.size(t, 1)) == ((3, 4), 2, 12, 4)
    assert np.size(t, axis=0) == 3
    assert np.result_type(t, np.float32) == np.float64
    assert np.can_cast(t.dtype, np.float32) is False
    assert np.can_cast(np.float32, t.dtype, casting="safe") is True
    assert np.common_type(t, u) is np.float64
    assert np.shares_memory(t, t)
    assert not np.may_share_memory(t, u)
    assert np.iscomplexobj(t) is False
    assert np.isrealobj(t) is True
    assert np.isscalar(t) is False
    assert np.array_repr(Tensor([1.0])) == "array([1.])"
    assert np.array_str(Tensor([1.0])) == "[1.]"
    assert np.array2string(Tensor([1.0, 2.0], requires_grad=True), separator=",") == "[1.,2.]"
    assert np.array_equal(t, X2)
    assert np.allclose(t, [X2], rtol=1e-3)
    assert [i.tolist() for i in np.triu_indices_from(t, k=2)] == [[0, 0, 1], [2, 3, 3]]
    assert len(np.diag_indices_from(Tensor(SQUARE))) == 2


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda t: np.reshape(t, (5, 5)), ValueError, r"reshape: .*\(3, 4\) float64"),
        (lambda t: np.transpose(t, (0, 0)), ValueError, "transpose"),
        (lambda t: np.swapaxes(t, 0, 2), ValueError, "swapaxes"),
        (lambda t: np.moveaxis(t, 0, 2), ValueError, "axis"),
        (lambda t: np.moveaxis(t, (0, 1), 0), ValueError, "same number"),
        (lambda t: np.squeeze(t, 0), ValueError, "squeeze"),
        (lambda t: np.expand_dims(t, 5), ValueError, "expand_dims"),
        (lambda t: np.broadcast_to(t, (2, 2)), ValueError, "broadcast"),
        (lambda t: np.broadcast_arrays(t, np.ones(3)), ValueError, "broadcast"),
        (lambda t: np.matrix_transpose(t[0]), ValueError, "at least 2"),
        (lambda t: np.flip(t, 2), ValueError, "flip"),
        (lambda t: np.fliplr(t[0]), ValueError, "2-d"),
        (lambda t: np.flipud(t[0, 0]), ValueError, "1-d"),
        (lambda t: np.rot90(t, 1, (0, 0)), ValueError, "different"),
        (lambda t: np.rot90(t, 1, (0, 2)), ValueError, "out of range"),
        (lambda t: np.rot90(t, 1, (0,)), ValueError, "must be 2"),
        (lambda t: np.rollaxis(t, 0, 4), ValueError, "start"),
        (lambda t: np.concatenate([t, t[0]]), ValueError, "concatenate"),
        (lambda t: np.concatenate([t, t], out=np.zeros((6, 4))), TypeError, "out="),
        (lambda t: np.concatenate([t, t], 2), ValueError, "concatenate"),
        (lambda t: np.concatenate([t, np.array(["a"])], None), TypeError, "numbers"),
        (lambda t: np.stack([t, t[0]]), ValueError, "stack"),
        (lambda t: np.stack([t], out=np.zeros((1, 3, 4))), TypeError, "out="),
        (lambda t: ag.stack([]), ValueError, "stack"),
        (lambda t: ag.hstack(3), TypeError, "sequence"),
        (lambda t: np.split(t, 2), ValueError, "equal division"),
        (lambda t: np.split(t, 0), ValueError, "larger than 0"),
        (lambda t: np.array_split(t, 0), ValueError, "larger than 0"),
        (lambda t: np.split(t, 2, axis=2), ValueError, "axis"),
        (lambda t: np.dsplit(t, 1), ValueError, "3 or more"),
        (lambda t: np.vsplit(t[0], 1), ValueError, "2 or more"),
        (lambda t: np.hsplit(t[0, 0], 1), ValueError, "1 or more"),
        (lambda t: np.unstack(t[0, 0]), ValueError, "unstack"),
        (lambda t: np.block([[t], []]), ValueError, "empty"),
        (lambda t: np.block([[t], t]), ValueError, "mismatched"),
        (lambda t: np.block([(t, t)]), TypeError, "tuple"),
        (lambda t: np.repeat(t, -1), ValueError, "repeat"),
        (lambda t: np.repeat(t, [1, 2], axis=0), ValueError, "broadcast"),
        (lambda t: np.repeat(t, 1.5), TypeError, "integers"),
        (lambda t: np.resize(t, (-1, 2)), ValueError, "non-negative"),
        (lambda t: np.insert(t, 9, 1.0, axis=0), IndexError, "out of bounds"),
        (lambda t: np.delete(t, 9, axis=0), IndexError, "out of bounds"),
        (lambda t: np.meshgrid(t, indexing="yx"), ValueError, "indexing"),
        (lambda t: np.diag(np.ones((2, 2, 2)) * t[0, 0]), ValueError, "diag"),
        (lambda t: np.diagonal(t, 0, 1, 1), ValueError, "diagonal"),
        (lambda t: np.trace(t, out=np.zeros(())), TypeError, "out="),
        (lambda t: np.pad(t, 1, mode="empty"), TypeError, "empty"),
        (lambda t: np.pad(t, 1, mode=lambda *a: None), TypeError, "function"),
        (lambda t: np.pad(t, 1, mode="nothing"), ValueError, "nothing"),
        (lambda t: np.pad(t, 1, mode="edge", constant_values=1), ValueError, "constant_values"),
        (lambda t: np.pad(t, 1.5), TypeError, "integral"),
        (lambda t: np.pad(t, -1), ValueError, "negative"),
        (lambda t: np.pad(t, 1, mode="maximum", stat_length=0), ValueError, "stat_length"),
        (lambda t: np.pad(t, 1, constant_values=t[0, 0]), TypeError, "constant_values"),
        (lambda t: np.pad(t[:0], 1, mode="wrap"), ValueError, "empty axis"),
        (lambda t: np.copyto(t, 1.0), TypeError, "np.where"),
        (lambda t: np.copyto(np.zeros((3, 4)), t), TypeError, "without its gradient"),
        (lambda t: np.full((3, 4), t), TypeError, "gradient"),
        (lambda t: np.full((3, 4), t, float), TypeError, "ag.full"),
        (lambda t: np.fill_diagonal(t, 1.0), TypeError, "fill_diagonal"),
    ],
)
def test_refusals(f: Callable[[Tensor], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        f(Tensor(X2, requires_grad=True))


def test_copyto_of_a_plain_tensor() -> None:
    array = np.zeros((3, 4))
    np.copyto(array, Tensor(X2))
    np.testing.assert_array_equal(array, X2)
    assert np.full((2,), Tensor(3.0)).tolist() == [3.0, 3.0]
