"""Constants shaped like a Tensor, ranges, and the functions of NumPy whose result has no gradient (a shape, a dtype, a text)."""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.errors import NonDifferentiableError
from ..engine.registry import FUNCTIONS, primitive
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .composed import composition, publish
from .elementwise import copy
from .layout import memory_axes, relaid
from .shaping import broadcast_to, cast, expand_dims, moveaxis, raw, tensor_of

__all__ = ["empty_like", "full", "full_like", "geomspace", "linspace", "logspace", "ones_like", "zeros_like"]


# ---------------------------------------------------------------- constants


@primitive(np.zeros_like, discrete="x")
def zeros_like(
    x: ArrayLike,
    /,
    dtype: DTypeLike | None = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: str | None = None,
) -> Tensor:
    """Zeros of the shape and dtype of ``x``, or of those given. No gradient."""
    if dtype is None and shape is None and device is None:
        return np.zeros_like(x, order=order)
    return np.zeros_like(x, dtype=dtype, order=order, shape=shape, device=device)


@primitive(np.ones_like, discrete="x")
def ones_like(
    x: ArrayLike,
    /,
    dtype: DTypeLike | None = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: str | None = None,
) -> Tensor:
    """Ones of the shape and dtype of ``x``, or of those given. No gradient."""
    return np.ones_like(x, dtype=dtype, order=order, shape=shape, device=device)


@primitive(np.empty_like, discrete="x")
def empty_like(
    x: ArrayLike,
    /,
    dtype: DTypeLike | None = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: str | None = None,
) -> Tensor:
    """Arbitrary values of the shape and dtype of ``x``, or of those given. No gradient."""
    return np.empty_like(x, dtype=dtype, order=order, shape=shape, device=device)


@primitive(name="full_like", wrt="x", discrete="x")
def _full_like(
    x: ArrayLike, /, fill_value: Any, dtype: DTypeLike | None, order: str, shape: Any, device: str | None
) -> Tensor:
    """:func:`full_like` of a value without gradient."""
    return np.full_like(x, fill_value, dtype=dtype, order=order, shape=shape, device=device)


def full_like(
    x: ArrayLike,
    /,
    fill_value: ArrayLike,
    dtype: DTypeLike | None = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: str | None = None,
) -> Tensor:
    """``fill_value`` in every place, of the shape and dtype of ``x`` or of those given. The gradient flows to ``fill_value`` alone."""
    if not isinstance(fill_value, Tensor) or fill_value._node is None:
        return _full_like(x, fill_value, dtype, order, shape, device)
    like = tensor_of(x)
    if shape is None:
        shape = like.shape
    return copy(
        broadcast_to(cast(fill_value, like.dtype if dtype is None else dtype), shape),
        order="C" if order in "KA" else order,
    )


publish(full_like, _full_like, np.full_like)


@composition()
def full(shape: Any, fill_value: ArrayLike, dtype: DTypeLike | None = None, order: str = "C") -> Tensor:
    """A Tensor of ``shape`` with ``fill_value`` in every place; the gradient of ``fill_value`` is the sum of the cotangent.

    >>> full((2, 2), 7.0).tolist()
    [[7.0, 7.0], [7.0, 7.0]]
    """
    return copy(broadcast_to(cast(fill_value, dtype), shape), order=order)


# ---------------------------------------------------------------- ranges


def _inexact(*values: Any) -> Any:
    """The floating dtype in which NumPy computes a range between the values; a Python number is weak."""
    return np.result_type(
        *[raw(v) if hasattr(v, "dtype") or isinstance(v, (int, float, complex)) else np.asarray(v) for v in values], 0.0
    )


def counted(num: int, like: Tensor, dtype: DTypeLike | None = None) -> Array:
    """0, 1, …, num - 1 as an array of the same kind as that of ``like``, of its dtype or of ``dtype``."""
    return np.arange(num, dtype=like.dtype if dtype is None else dtype, like=np.zeros_like(raw(like), shape=()))


def _counts(num: int, like: Tensor, dtype: DTypeLike | None) -> Array:
    """0, 1, …, num - 1 along a new axis in front of those of ``like``."""
    return np.reshape(counted(num, like, dtype), (-1,) + (1,) * like.ndim)


def _ended(y: Tensor, stop: Tensor) -> Tensor:
    """``y`` with its last entry replaced by ``stop`` itself, which rounding may have missed."""
    last = broadcast_to(cast(stop, y.dtype), (1, *y.shape[1:]))
    return np.concatenate([y[:-1], relaid(last, memory_axes(y))])


def _counted(num: Any, function: str) -> int:
    count = num.__index__()
    if count < 0:
        raise ValueError(f"{function}: Number of samples, {num}, must be non-negative.")
    return int(count)


def _finished(y: Array, dtype: DTypeLike | None, axis: int) -> Tensor:
    if axis != 0:
        y = moveaxis(y, 0, axis)
    if dtype is not None and np.dtype(dtype).kind in "iu" and y.dtype.kind == "f":
        y = np.floor(y)
    return cast(y, dtype)


@composition(np.linspace)
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
    *,
    device: str | None = None,
) -> Any:
    """``num`` values from ``start`` to ``stop`` in equal steps: ``start + k · (stop - start) / div``, along a new ``axis``.

    ``div`` is ``num - 1`` with ``endpoint``, else ``num``. With ``retstep`` the result is ``(values, step)``.
    The gradient flows to both ends.

    >>> linspace(0.0, 1.0, 5).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if device not in (None, "cpu"):
        raise ValueError(f"linspace: device {device!r} is not there; NumPy's arrays live on 'cpu'")
    num = _counted(num, "linspace")
    div = num - 1 if endpoint else num
    exact = _inexact(start, stop)
    a, b = cast(start, exact), cast(stop, exact)
    delta = b - a
    k = _counts(num, delta, exact)
    step = delta / div if div > 0 else full_like(delta, np.nan)
    y = (step if div > 0 else delta) * k + a
    if endpoint and num > 1:
        y = _ended(y, b)
    y = _finished(y, dtype, axis)
    return (y, step) if retstep else y


@composition(np.logspace)
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: ArrayLike = 10.0,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Tensor:
    """``base ** linspace(start, stop, num)``. The gradient flows to both ends and to ``base``."""
    if np.ndim(raw(base)):
        shape = np.broadcast_shapes(np.shape(start), np.shape(stop), np.shape(base))
        start, stop, base = (broadcast_to(v, shape) for v in (start, stop, base))
        base = expand_dims(base, axis)
    return cast(base ** linspace(start, stop, num, endpoint, axis=axis), dtype)


@composition(np.geomspace)
def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Tensor:
    """``num`` values from ``start`` to ``stop`` with equal ratios: ``start · (stop / start) ** (k / div)``. The gradient flows to both ends.

    An end of zero, which NumPy refuses, gives NaN.
    """
    num = _counted(num, "geomspace")
    div = num - 1 if endpoint else num
    # float64 at least, unless a dtype is given: so NumPy has it, unlike for the other ranges.
    exact = np.result_type(_inexact(start, stop), np.dtype(dtype))
    a, b = cast(start, exact), cast(stop, exact)
    ratio = b / a
    k = _counts(num, ratio, np.real(np.zeros(0, exact)).dtype)
    y = a * ratio ** (k / max(div, 1))
    if endpoint and num > 1:
        y = _ended(y, b)
    return _finished(y, dtype, axis)


# ---------------------------------------------------------------- plain values


def _released(value: Any) -> Any:
    """The arrays behind Tensors, also in lists, tuples and dicts."""
    if isinstance(value, Tensor):
        return value._values
    if value.__class__ in (list, tuple):
        return type(value)([_released(item) for item in value])
    if value.__class__ is dict:
        return {key: _released(item) for key, item in value.items()}
    return value


def plain(*numpy_functions: Any) -> None:
    """Let NumPy functions whose result has no gradient answer for the arrays behind Tensors."""
    for function in numpy_functions:
        FUNCTIONS.setdefault(function, _answering(function))


def _answering(function: Callable[..., Any]) -> Callable[..., Any]:
    def answer(*args: Any, **kwargs: Any) -> Any:
        return function(*_released(args), **_released(kwargs))

    try:
        signature = inspect.signature(function)
    except ValueError:  # a function in C; the older NumPys give it no signature
        kinds = inspect.Parameter
        signature = inspect.Signature(
            [
                kinds("args", kinds.VAR_POSITIONAL),
                *(kinds(w, kinds.KEYWORD_ONLY, default=None) for w in ("casting", "max_work")),
            ]
        )
    answer.__name__ = function.__name__
    answer.__doc__ = f"np.{function.__name__} of the arrays behind the Tensors: a plain value."
    answer.__signature__ = signature  # type: ignore[attr-defined]
    return answer


FUNCTIONS[np.shape] = lambda a: a.shape if isinstance(a, Tensor) else np.shape(a)
FUNCTIONS[np.ndim] = lambda a: len(a.shape) if isinstance(a, Tensor) else np.ndim(a)

plain(
    np.size,
    np.result_type,
    np.can_cast,
    np.min_scalar_type,
    np.common_type,
    np.may_share_memory,
    np.shares_memory,
    np.iscomplexobj,
    np.isrealobj,
    np.array_repr,
    np.array_str,
    np.array2string,
    np.array_equal,
    np.array_equiv,
    np.allclose,
    np.triu_indices_from,
    np.tril_indices_from,
    np.diag_indices_from,
)


def _copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """np.copyto, from a Tensor without gradient into an array; anything else would lose a gradient or write to a Tensor."""
    if isinstance(dst, Tensor):
        raise TypeError(
            "np.copyto writes into its first argument, which a Tensor does not allow; use np.where(mask, values, t), or write to t.data"
        )
    for value in (src, where):
        if isinstance(value, Tensor) and value._node is not None:
            raise NonDifferentiableError(
                "np.copyto (or np.full) would put a Tensor's value into an array without its gradient; "
                "use np.where(mask, t, array), ag.full(shape, t) or ag.full_like(array, t)"
            )
    np.copyto(dst, raw(src), casting=casting, where=raw(where))


FUNCTIONS[np.copyto] = _copyto
