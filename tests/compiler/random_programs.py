"""Random programs of NumPy: arguments of all layouts, operations with their options, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

LARGEST = 400  # elements of a value

# ---------------------------------------------------------------- arguments

SHAPES = [(), (1,), (4,), (7,), (3, 4), (4, 3), (4, 4), (1, 4), (3, 1), (2, 3, 4), (0,), (0, 4), (3, 0), (2, 1, 4)]
DTYPES = ["f4", "f8", "f4", "f8", "i8", "i4", "u1", "?", "c8", "c16", "f2", ">f8", ">i4"]
LAYOUTS = ["plain", "plain", "fortran", "step", "negative", "part", "unaligned", "transposed", "scalar"]


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    """Fresh numbers, with ties, zeros and signs."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(rng.random(shape) < 0.5)
    if kind in "iu":
        return np.asarray(rng.integers(0 if kind == "u" else -5, 6, shape)).astype(dtype)
    x = np.round(rng.normal(size=shape), 1 if rng.random() < 0.5 else 9)
    if kind == "c":
        x = x + 1j * np.round(rng.normal(size=shape), 2)
    return np.asarray(x).astype(dtype)


def laid_out(x: Any, layout: str) -> Any:
    """The same numbers otherwise in memory."""
    if layout == "scalar":
        return x[()] if not x.ndim else x
    if layout == "fortran":
        return np.asfortranarray(x)
    if layout == "transposed":
        return x.T.copy().T
    if layout == "negative" and x.ndim:
        return x[::-1].copy()[::-1]
    if layout in ("step", "part") and x.ndim:
        room = np.zeros(tuple(2 * n + 1 for n in x.shape), x.dtype)
        place = room[tuple(slice(1, None, 2) if layout == "step" else slice(1, n + 1) for n in x.shape)]
        place[...] = x
        return place
    if layout == "unaligned" and x.size:
        room = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
        room[...] = x
        return room
    return x


# ---------------------------------------------------------------- operations
# Each takes the values so far and three integers, and gives a new value, a list of them, or None where it only writes.
# What it does
# depends on shapes and dtypes alone. One that does not apply raises, in plain NumPy too, and is left out of the
# program.


class RefusedError(Exception):
    """The operation does not apply to these operands."""


def need(condition: Any) -> None:
    if not condition:
        raise RefusedError


def pick(values: list[Any], i: int) -> Any:
    return values[i % len(values)]


def axis_of(x: Any, k: int) -> int:
    need(np.ndim(x))
    return k % (2 * x.ndim) - x.ndim


def axes_of(x: Any, k: int) -> Any:
    """None, an axis or several."""
    if k % 3 == 0 or not np.ndim(x):
        return None
    if k % 3 == 1:
        return axis_of(x, k // 3)
    return tuple(a for a in range(x.ndim) if (k // 3) >> a & 1)


def slice_of(n: int, k: int) -> slice:
    return [
        slice(None),
        slice(1, None),
        slice(None, -1),
        slice(None, None, -1),
        slice(None, None, 2),
        slice(n // 2, None),
        slice(0, n // 2),
        slice(None, 0, -2),
        slice(1, 1),
    ][k % 9]


UNARY = [
    np.negative, np.absolute, np.exp, np.sin, np.sqrt, np.square, np.tanh, np.floor, np.sign, np.isnan, np.logical_not,
    np.conjugate, np.positive, np.log1p, np.invert, np.isfinite, np.reciprocal, np.real, np.angle, np.copy, np.signbit,
    np.rint,
]  # fmt: skip
BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.arctan2, np.hypot, np.less,
    np.greater_equal, np.equal, np.not_equal, np.logical_and, np.logical_or, np.bitwise_xor, np.floor_divide,
    np.remainder, np.fmax, np.copysign, np.logaddexp,
]  # fmt: skip
NUMBERS = [2, 0.5, -1.5, 1, 0, True, 3, 7, np.float32(0.25), np.float64(1.5), np.int64(2), -0.0, 1.0]
REDUCTIONS = [np.sum, np.mean, np.max, np.min, np.prod, np.any, np.all, np.var, np.std, np.argmax, np.ptp, np.median]
if type(np.count_nonzero([1])) is not int:  # a number of Python's in NumPy before 2.3, and no array to go on with
    REDUCTIONS.append(np.count_nonzero)
CASTS = ["f4", "f8", "i8", "?", "c16", "u1", "f2"]


def small(x: Any) -> Any:
    need(np.size(x) <= LARGEST)
    return x


def binary(v: Any, i: int, j: int, k: int) -> Any:
    x, y = pick(v, i), pick(v, j)
    need(np.prod(np.broadcast_shapes(np.shape(x), np.shape(y))) <= LARGEST)
    return BINARY[k % len(BINARY)](x, y)


def operator(v: Any, i: int, j: int, k: int) -> Any:
    x, number = pick(v, i), NUMBERS[j % len(NUMBERS)]
    return [
        lambda: x + number,
        lambda: number - x,
        lambda: x * number,
        lambda: number / x,
        lambda: x > number,
        lambda: x // 2,
        lambda: x % 3,
        lambda: x**2,
        lambda: -x,
        lambda: abs(x),
        lambda: ~x,
        lambda: x & 3,
        lambda: number + x,
        lambda: x / number,
        lambda: number * x,
        lambda: x << 1,
    ][k % 16]()


def with_options(v: Any, i: int, j: int, k: int) -> Any:
    x, y = pick(v, i), pick(v, j)
    need(np.prod(np.broadcast_shapes(np.shape(x), np.shape(y))) <= LARGEST)
    return [
        lambda: np.add(x, y, dtype="f8"),
        lambda: np.multiply(x, y, dtype="f4", casting="unsafe"),
        lambda: np.add.outer(x, np.ravel(y)[:3]) if np.size(x) < 60 else x,
        lambda: np.subtract.accumulate(x, axis=axis_of(x, j)),
        lambda: np.add.reduce(x),
        lambda: np.maximum.reduce(x, axis=axis_of(x, j), initial=0),
        lambda: np.modf(x),
        lambda: np.divmod(x, y),
        lambda: np.frexp(x),
        lambda: np.sum(x, axis=axes_of(x, j), dtype="f8"),
        lambda: np.sum(x, axis=axes_of(x, j), where=x != 0),
        lambda: np.add.reduceat(x, [0, 2, 1]),
    ][k % 12]()


def reduction(v: Any, i: int, j: int, k: int) -> Any:
    x, function = pick(v, i), REDUCTIONS[k % len(REDUCTIONS)]
    keepdims = {"keepdims": True} if j % 2 else {}
    axes = axes_of(x, j // 2)
    if function in (np.argmax, np.median) and isinstance(axes, tuple):
        axes = None
    return function(x, axis=axes, **keepdims)


def method(v: Any, i: int, j: int, k: int) -> Any:
    x = pick(v, i)
    axes = axes_of(x, j)
    return [
        lambda: x.sum(axes),
        lambda: x.mean(axis=axes, keepdims=True),
        lambda: x.max(),
        lambda: x.min(axes),
        lambda: x.prod(axis=axes),
        lambda: x.any(),
        lambda: x.all(axis=axes),
        lambda: x.std(axis=axes),
        lambda: x.cumsum(),
        lambda: x.argmin(),
        lambda: x.copy(),
        lambda: x.flatten(),
        lambda: x.clip(-1, 1),
        lambda: x.round(1),
        lambda: x.conj(),
        lambda: x.repeat(2),
        lambda: x.argsort(axis=-1, kind="stable"),
        lambda: x.dot(x),
        lambda: x.squeeze(),
        lambda: x.take([0, -1]),
        lambda: x.var(axis=axes, ddof=1),
        lambda: x.astype(x.dtype),
        lambda: x.astype(x.dtype, copy=False),
        lambda: x.searchsorted(1),
    ][k % 24]()


def view(v: Any, i: int, j: int, k: int) -> Any:
    x = pick(v, i)
    need(np.ndim(x) or k % 42 == 0)
    return [
        lambda: x[()],
        lambda: x[slice_of(len(x), j)],
        lambda: x[..., slice_of(x.shape[-1], j)],
        lambda: x.T,
        lambda: x[None],
        lambda: x[..., None],
        lambda: np.transpose(x),
        lambda: np.swapaxes(x, 0, -1),
        lambda: np.ravel(x),
        lambda: x.ravel(),
        lambda: x.reshape(-1),
        lambda: x.reshape(-1, 1),
        lambda: x.T.reshape(-1),
        lambda: np.real(x),
        lambda: x.real,
        lambda: x.imag,
        lambda: np.diagonal(x),
        lambda: np.expand_dims(x, j % 2),
        lambda: np.broadcast_to(x, (2, *x.shape)),
        lambda: np.lib.stride_tricks.sliding_window_view(x, 2, axis=-1),
        lambda: np.squeeze(x),
        lambda: x[j % len(x)],
        lambda: x[-1, ...],
        lambda: np.flip(x),
        lambda: np.moveaxis(x, 0, -1),
        lambda: np.atleast_2d(x),
        lambda: np.split(x, [1]),
        lambda: np.array_split(x, 2, axis=-1),
        lambda: x.reshape(x.shape[::-1]),
        lambda: np.reshape(x, -1, order="F"),
        lambda: x.view(),
        lambda: np.rot90(x),
        lambda: np.broadcast_arrays(x, x[:1])[1],
        lambda: x.swapaxes(0, 1),
        lambda: list(x)[:2],
        lambda: x.transpose(),
        lambda: x.mT,
        lambda: np.fliplr(x),
        lambda: np.roll(x, 1, axis=0),
        lambda: np.unstack(x)[:2],
        lambda: x[:, 0],
        lambda: np.permute_dims(x),
    ][k % 42]()


def index(v: Any, i: int, j: int, k: int) -> Any:
    x, y = pick(v, i), pick(v, j)
    need(np.ndim(x) and len(x) and np.ndim(y))
    positions = np.remainder(np.abs(y.real).astype("i8"), len(x))
    need(np.size(positions) <= 40)
    return [
        lambda: x[positions],
        lambda: np.take(x, positions, axis=0),
        lambda: np.take(x, positions % x.size),
        lambda: x[[0, -1, 0]],
        lambda: x[np.array([True] + [False] * (len(x) - 1))],
        lambda: x[positions, ...][..., ::-1],
        lambda: np.take_along_axis(x, np.argsort(x, axis=0), axis=0),
        lambda: np.choose(positions % 2, [x[0], x[-1]]),
        lambda: x[:, positions % x.shape[1]],
        lambda: x[positions, positions % x.shape[1]],
        lambda: np.where(positions > 0, 1, 2),
        lambda: x[positions[..., None], 0],
    ][k % 12]()


def join(v: Any, i: int, j: int, k: int) -> Any:
    x, y = pick(v, i), pick(v, j)
    return [
        lambda: np.concatenate([x, y]),
        lambda: np.concatenate([x, y], axis=-1),
        lambda: np.stack([x, y]),
        lambda: np.stack([x, y, x], axis=-1),
        lambda: np.concatenate([np.ravel(x), np.ravel(y), [1, 2]]),
        lambda: np.hstack([x, y]),
        lambda: np.vstack([x, y]),
        lambda: np.where(x, x, y),
        lambda: np.where(x > 0, x, y),
        lambda: np.where(x != y, 0, x),
        lambda: np.append(x, y),
        lambda: np.pad(x, 1),
        lambda: np.tile(x, 2),
        lambda: np.where(x < 1, 2.5, y),
        lambda: np.select([x > 0, x < 0], [x, -x], 7),
        lambda: np.column_stack([x, y]),
        lambda: np.block([[x, y]]),
    ][k % 17]()


def product(v: Any, i: int, j: int, k: int) -> Any:
    x, y = pick(v, i), pick(v, j)
    need(np.ndim(x) and np.ndim(y))
    need(k % 20 != 7 or x.shape[0] == x.shape[-1])  # (NumPy reads beyond the array)
    return [
        lambda: x @ y,
        lambda: x @ y.T,
        lambda: np.dot(x, y),
        lambda: x.T @ x,
        lambda: np.matmul(y, x),
        lambda: np.einsum("ij,kj->ik", x, y),
        lambda: np.einsum("ij,ij->", x, x),
        lambda: np.einsum("ii->i", x),
        lambda: np.inner(x, y),
        lambda: np.outer(x, y),
        lambda: np.vdot(x, y),
        lambda: np.tensordot(x, y, 1),
        lambda: x @ x.mT,
        lambda: np.einsum("...i,...i->...", x, x),
        lambda: np.trace(x),
        lambda: np.kron(x, y),
        lambda: np.vecdot(x, y),
        lambda: np.linalg.norm(x),
        lambda: np.matvec(x, x[0]),
        lambda: np.einsum("ij->ji", x),
    ][k % 20]()


def scan(v: Any, i: int, j: int, k: int) -> Any:
    x = pick(v, i)
    axis = axis_of(x, j)
    return [
        lambda: np.cumsum(x, axis=axis),
        lambda: np.cumprod(x, axis=axis),
        lambda: np.sort(x, axis=axis),
        lambda: np.argsort(x, axis=axis, kind="stable"),
        lambda: np.diff(x, axis=axis),
        lambda: np.cumsum(x),
        lambda: np.sort(x, axis=None),
        lambda: np.maximum.accumulate(x, axis=axis),
        lambda: np.quantile(x, 0.5, axis=axis),
        lambda: np.gradient(x, axis=axis),
        lambda: np.nan_to_num(x),
        lambda: np.clip(x, -1, 1),
        lambda: np.round(x, 1),
        lambda: np.clip(x, None, x.max(initial=1)),
        lambda: np.interp(x, [0, 1, 2], [3.0, 4.0, 5.0]),
        lambda: np.tril(x),
        lambda: np.fft.fft(x),
        lambda: np.average(x, axis=axis),
        lambda: np.nansum(x, axis=axis),
        lambda: np.logspace(0, 1, 3) * x[..., :1],
        lambda: np.partition(x, 0),
        lambda: np.linalg.svd(x)[1].size * x,
        lambda: np.convolve(np.ravel(x), [1, 2]),
        lambda: np.argpartition(x, 0)[..., :1],
    ][k % 24]()


def cast(v: Any, i: int, j: int, k: int) -> Any:
    x = pick(v, i)
    return [
        lambda: x.astype(CASTS[j % 7]),
        lambda: x.astype("f4").astype("f8"),
        lambda: x.view("u1"),
        lambda: np.zeros_like(x),
        lambda: np.ones_like(x, dtype="f4"),
        lambda: np.full_like(x, 3),
        lambda: np.zeros(x.shape, x.dtype) + x,
        lambda: np.array(x.shape) + x[..., :1],
        lambda: np.ones(3, "f4") * 2 * x,
        lambda: x.view(x.dtype),
        lambda: np.full_like(x, pick(v, j)),
        lambda: x.byteswap(),
        lambda: x.astype(CASTS[j % 7], copy=False),
    ][k % 13]()


def in_place(v: Any, i: int, j: int, k: int) -> Any:
    x, y = pick(v, i), pick(v, j)
    need(np.ndim(x))
    if k % 20 == 0:
        x += y
    elif k % 20 == 1:
        x *= y
    elif k % 20 == 2:
        x -= 1
    elif k % 20 == 3:
        x /= 2
    elif k % 20 == 4:
        np.add(x, y, out=x)
    elif k % 20 == 5:
        np.multiply(y, 2, out=x)
    elif k % 20 == 6:
        np.sum(y, axis=0, out=x)
    elif k % 20 == 7:
        return np.maximum(x, y, out=np.empty_like(x))
    elif k % 20 == 8:
        np.exp(y, out=x[...])
    elif k % 20 == 9:
        np.cumsum(x, axis=0, out=x)
    elif k % 20 == 10:
        np.copyto(x, y)
    elif k % 20 == 11:
        np.copyto(x, y, where=x > 0)
    elif k % 20 == 12:
        x[...] = y
    elif k % 20 == 13:
        np.add(x, 1, out=x, where=y > 0)
    elif k % 20 == 14:
        x.fill(2)
    elif k % 20 == 15:
        x.sort(axis=-1)
    elif k % 20 == 16:
        np.dot(y, y, out=x)
    elif k % 20 == 17:
        np.concatenate([y, y], out=x)
    elif k % 20 == 18:
        x -= x.sum()
    elif k % 20 == 19:
        np.clip(x, 0, 1, out=x)
    return x if j % 3 == 0 else None


def in_part(v: Any, i: int, j: int, k: int) -> Any:
    x, y = pick(v, i), pick(v, j)
    need(np.ndim(x) and len(x))
    part = slice_of(len(x), k // 16)
    if k % 16 == 0:
        x[part] = y
    elif k % 16 == 1:
        x[part] += y
    elif k % 16 == 2:
        x[..., part] *= 2
    elif k % 16 == 3:
        x[1:] = x[:-1]
    elif k % 16 == 4:
        x[:-1] += x[1:]
    elif k % 16 == 5:
        x[::-1] = x
    elif k % 16 == 6:
        np.add.at(x, np.remainder(np.abs(y.real).astype("i8"), len(x)), 1)
    elif k % 16 == 7:
        x[[0, -1]] = 7
    elif k % 16 == 8:
        x[np.remainder(np.abs(y.real).astype("i8"), len(x))] += 1
    elif k % 16 == 9:
        np.subtract(x[1:], x[:-1], out=x[1:])
    elif k % 16 == 10:
        x[x > 0] = 0
    elif k % 16 == 11:
        np.fill_diagonal(x, 3)
    elif k % 16 == 12:
        np.put(x, [0], 5)
    elif k % 16 == 13:
        x[0] = x[-1]
    elif k % 16 == 14:
        np.putmask(x, x > 1, y)
    elif k % 16 == 15:
        x.T[part] = 1
    return x[part] if j % 3 == 0 else None


def elementwise(v: Any, i: int, j: int, k: int) -> Any:
    return UNARY[k % len(UNARY)](pick(v, i))


OPERATIONS: list[Callable[..., Any]] = [
    elementwise,
    elementwise,
    binary,
    binary,
    binary,
    operator,
    operator,
    with_options,
    reduction,
    method,
    view,
    view,
    view,
    index,
    join,
    product,
    scan,
    cast,
    in_place,
    in_place,
    in_part,
    in_part,
]
STEP = st.tuples(st.integers(0, len(OPERATIONS) - 1), st.integers(0, 40), st.integers(0, 40), st.integers(0, 263))
ARGUMENT = st.tuples(st.sampled_from(SHAPES), st.sampled_from(DTYPES), st.sampled_from(LAYOUTS))
Step = tuple[int, int, int, int]


def perform(step: Step, values: list[Any]) -> list[Any]:
    """The new values of a step."""
    which, i, j, k = step
    made = OPERATIONS[which](values, i, j, k)
    if made is None:
        return []
    found = [item for item in (made if isinstance(made, (list, tuple)) else [made]) if hasattr(item, "dtype")]
    for item in found:
        small(item)
    return found


def applicable(steps: list[Step], values: list[Any]) -> list[Step]:
    """The steps that plain NumPy can do."""
    kept = []
    for step in steps:
        try:
            made = perform(step, values)
        except (
            RefusedError,
            TypeError,
            ValueError,
            IndexError,
            AttributeError,
            ZeroDivisionError,
            np.exceptions.AxisError,
            np.linalg.LinAlgError,
        ):
            continue
        if any(item.dtype.hasobject for item in made):
            continue
        values.extend(made)
        kept.append(step)
    return kept


def program(steps: list[Step], returned: list[int], captured: list[Any]) -> Callable[..., Any]:
    """The function of the steps."""

    def f(*arguments: Any) -> Any:
        values = [*arguments, *captured]
        for step in steps:
            values.extend(perform(step, values))
        return tuple([values[-1 - r % len(values)] for r in returned])

    return f


# What a program cannot do is refused, in the first call.
REFUSED = ("after it has looked at its numbers", "picks another part in each run")
