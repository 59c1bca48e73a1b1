"""Gradient clipping, and all parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

import autograd_np as ag
from autograd_np import tracing

from .interrupts import writing

__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]


def _tensors(parameters: Any, name: str) -> list[ag.Tensor]:
    if callable(getattr(parameters, "parameters", None)):
        raise TypeError(
            f"{name}: takes an iterable of Tensors; pass model.parameters() instead of the {type(parameters).__name__}"
        )
    tensors = [parameters] if isinstance(parameters, ag.Tensor) else list(parameters)
    for i, p in enumerate(tensors):
        if not isinstance(p, ag.Tensor):
            raise TypeError(f"{name}: parameter {i} is a {type(p).__name__}, not a Tensor")
    return tensors


def _vector_norm(a: Any, p: float) -> float:
    """The p-norm of all elements, in double precision; squares neither overflow nor vanish."""
    if a.size == 0:
        return 0.0
    if p == 0.0:
        return float(np.count_nonzero(a))
    if p == 2.0 and a.dtype.kind == "f" and a.flags.c_contiguous:
        flat = a.reshape(-1)
        square = float(np.dot(flat, flat))
        # Far from the ends of the range the squares are as good as exact.
        if 1e-20 < square < 1e30:
            return math.sqrt(square)
    size = np.abs(a)
    if p == math.inf:
        return float(size.max())
    if p == -math.inf:
        return float(size.min())
    size = size.astype(np.result_type(size.dtype, np.float64))
    largest = float(size.max() if p > 0 else size.min())
    if largest == 0.0 or not math.isfinite(largest):
        return 0.0 if largest == 0.0 else largest
    return largest * float(np.sum((size / largest) ** p) ** (1.0 / p))


def clip_grad_norm_(
    parameters: ag.Tensor | Iterable[ag.Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale the gradients down to a total norm of at most ``max_norm``.

    The norm is that of all gradients as one vector; they are multiplied by ``max_norm / (norm + 1e-6)``
    if that is less than 1. It is computed so that it is right wherever it can be represented, without
    overflow of the squares.

    Args:
        parameters: Tensors; those without gradient are passed over.
        max_norm: the largest norm allowed.
        norm_type: p of the p-norm, ``float("inf")`` for the largest absolute value.
        error_if_nonfinite: raise where the norm is NaN or infinite, rather than make all gradients NaN or 0.

    Returns:
        The norm before, as a number (in a function that is being compiled, as an array without axes).

    Raises:
        ValueError: ``max_norm`` is negative or NaN.
        RuntimeError: the norm is not finite, and ``error_if_nonfinite`` is set.

    >>> x = ag.Tensor([0.0, 0.0], requires_grad=True)
    >>> x.grad = np.array([3.0, 4.0])
    >>> clip_grad_norm_([x], 1.0)
    5.0
    >>> np.round(x.grad, 3)
    array([0.6, 0.8])
    """
    if not max_norm >= 0.0:
        raise ValueError(f"clip_grad_norm_: max_norm is at least 0; got {max_norm!r}")
    norm_type = float(norm_type)
    held = [p for p in _tensors(parameters, "clip_grad_norm_") if p.grad is not None]
    if tracing.is_tracing() and held:
        return _clipped(held, max_norm, norm_type, error_if_nonfinite)  # type: ignore[no-any-return]
    total, factor = _scale(max_norm, norm_type, error_if_nonfinite, [p.grad for p in held])
    if factor < 1.0 or math.isnan(factor):
        done: set[int] = set()
        with (
            writing("clip_grad_norm_: some gradients are scaled and some are not; compute them anew"),
            np.errstate(all="ignore"),
        ):
            for p in held:
                _change(p, lambda g, out: np.multiply(g, factor, out=out), done)
    return total


def _scale(max_norm: float, norm_type: float, error_if_nonfinite: bool, grads: Sequence[Any]) -> tuple[float, float]:
    """The norm of gradients, and the factor that clips them, which is to be applied if it is less than 1 or NaN."""
    with np.errstate(all="ignore"):
        norms = np.array([_vector_norm(g, norm_type) for g in grads])
        total = (float(norms.sum()) if norm_type == 0.0 else _vector_norm(norms, norm_type)) if grads else 0.0
        if math.isnan(total) or (norms.size and np.isnan(norms).any()):
            total = math.nan
        if error_if_nonfinite and not math.isfinite(total):
            raise RuntimeError(
                f"clip_grad_norm_: the norm of order {norm_type:g} of the gradients is {total}; error_if_nonfinite=False scales by it all the same"
            )
        return total, max_norm / (total + 1e-6)


def clip_factors(max_norm: float, norm_type: float, error_if_nonfinite: bool, *grads: Any) -> list[Any]:
    """The norm of gradients, and for each of their dtypes the factor that clips them, 1 where they are short enough; as arrays without axes."""
    total, factor = _scale(max_norm, norm_type, error_if_nonfinite, grads)
    factor = 1.0 if factor >= 1.0 else factor  # noqa: FURB136 - NaN stays
    return [np.array(total), *[np.array(factor, dtype) for dtype in dict.fromkeys([g.real.dtype for g in grads])]]


def _clipped(held: list[ag.Tensor], max_norm: float, norm_type: float, error_if_nonfinite: bool) -> Any:
    """Write the clipping into a program: the norm is looked at there."""
    grads = [p.grad for p in held]
    total, *factors = tracing.call(clip_factors, max_norm, norm_type, error_if_nonfinite, *grads)
    dtypes = [*dict.fromkeys([g.real.dtype for g in grads])]
    with np.errstate(all="ignore"):
        for p, g in zip(held, grads, strict=True):
            p.grad = np.multiply(g, factors[dtypes.index(g.real.dtype)])
    return total


def clip_grad_value_(parameters: ag.Tensor | Iterable[ag.Tensor], clip_value: float) -> None:
    """Bring every element of the gradients into ``[-clip_value, clip_value]``; NaN stays.

    Args:
        parameters: Tensors; those without gradient are passed over.
        clip_value: the bound.

    Raises:
        ValueError: the bound is negative or NaN.
        TypeError: a gradient is complex, and has no order.

    >>> x = ag.Tensor([0.0, 0.0], requires_grad=True)
    >>> x.grad = np.array([-3.0, 0.5])
    >>> clip_grad_value_([x], 1.0)
    >>> x.grad
    array([-1. ,  0.5])
    """
    if not clip_value >= 0.0:
        raise ValueError(f"clip_grad_value_: clip_value is at least 0; got {clip_value!r}")
    bound = float(clip_value)
    held = [p for p in _tensors(parameters, "clip_grad_value_") if p.grad is not None]
    for p in held:
        if p.grad.dtype.kind == "c":
            raise TypeError(
                f"clip_grad_value_: complex gradients ({p.shape} {p.dtype}) have no order; use clip_grad_norm_"
            )
    done: set[int] = set()
    with writing("clip_grad_value_: some gradients are clipped and some are not; clip them again"):
        for p in held:
            _change(p, lambda g, out: np.clip(g, -bound, bound, out=out), done)


def _change(p: ag.Tensor, change: Any, done: set[int]) -> None:
    """Change a gradient in place where it is nobody else's; give the parameter a new one where it is shared or read-only."""
    g = p.grad
    if tracing.is_tracing():
        p.grad = change(g, None)
    elif g.flags.writeable and g.base is None and id(g) not in done:
        change(g, g)
        done.add(id(g))
    elif id(g) not in done:
        p.grad = change(g, None)


def parameters_to_vector(parameters: Iterable[ag.Tensor]) -> ag.Tensor:
    """All parameters in one row, in order; the gradient passes through.

    >>> a, b = ag.Tensor([[1.0], [2.0]], requires_grad=True), ag.Tensor(3.0, requires_grad=True)
    >>> parameters_to_vector([a, b]).tolist()
    [1.0, 2.0, 3.0]
    """
    tensors = _tensors(parameters, "parameters_to_vector")
    if not tensors:
        raise ValueError("parameters_to_vector: no parameters")
    return ag.concatenate([ag.reshape(p, -1) for p in tensors])


def vector_to_parameters(vec: ag.Tensor | np.ndarray[Any, Any], parameters: Iterable[ag.Tensor]) -> None:
    """Write the numbers of a vector into the parameters, in order and in place.

    Raises:
        ValueError: it is no vector, or not as long as all parameters together; nothing is written then.
    """
    tensors = _tensors(parameters, "vector_to_parameters")
    values = vec.numpy() if isinstance(vec, ag.Tensor) else np.asarray(vec)
    size = sum(p.size for p in tensors)
    if values.shape != (size,):
        raise ValueError(f"vector_to_parameters: the parameters have {size} numbers together; got shape {values.shape}")
    if values.dtype.kind == "c" and any(p.dtype.kind != "c" for p in tensors):
        raise TypeError("vector_to_parameters: a complex vector does not go into real parameters")
    values = values.copy()  # it may look into a parameter
    start = 0
    with writing("vector_to_parameters: some parameters are those of the vector and some as they were; write it again"):
        for p in tensors:
            p.writable()[...] = values[start : start + p.size].reshape(p.shape)
            start += p.size
