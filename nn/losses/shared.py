"""Helpers of the losses: operands of one shape and dtype, class numbers, reductions."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor, tracing

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = [
    "LossInputWarning",
    "class_numbers",
    "differing",
    "expects",
    "of_class",
    "operand",
    "pair",
    "raw",
    "reduced",
    "signs",
]

REDUCTIONS = ("mean", "sum", "none")


def operand(x: Any, name: str, word: str = "input") -> Any:
    """A Tensor or array of real floating numbers; integers are converted."""
    if not hasattr(x, "dtype"):
        x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise _not_real(name, word, x)
    return x if x.dtype.kind == "f" else x * 1.0


def _not_real(name: str, word: str, x: Any) -> TypeError:
    remedy = f"; take {word}.real, {word}.imag or np.abs({word})" if x.dtype.kind == "c" else ""
    return TypeError(f"{name}: the {word} must be an array of real numbers, not one of {x.dtype}{remedy}")


class LossInputWarning(UserWarning):
    """A loss is given what another one takes: probabilities in the place of scores, for one. Training goes on, and learns badly.

    Who means it switches it off: ``warnings.simplefilter("ignore", nn.LossInputWarning)``.
    """


def expects(name: str, x: Any, remedies: Mapping[str, str]) -> None:
    """Warn if the input of a loss is the result of an operation that does not belong before it: operation → what to do."""
    made_by = x.op if isinstance(x, Tensor) else None
    if made_by is not None and made_by in remedies:
        warnings.warn(
            f"{name}: its input comes from {made_by}; {remedies[made_by]}", LossInputWarning, stacklevel=_depth()
        )


def _depth() -> int:
    """How far up the first line outside this package is."""
    depth, frame = 2, sys._getframe(2)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] in (
        "nn",
        "autograd_np",
    ):
        depth, frame = depth + 1, frame.f_back
    return depth


def raw(x: ArrayLike) -> Any:
    """The values as a plain array."""
    if isinstance(x, Tensor):
        return x.numpy()
    return x if hasattr(x, "__array_function__") else np.asarray(x)


def pair(name: str, input: Any, target: Any, words: tuple[str, str] = ("input", "target")) -> tuple[Any, Any]:
    """Two operands of one shape; the second is converted to the dtype of the first.

    Raises:
        ValueError: the shapes differ. Broadcasting (N, 1) against (N,) would silently compare all with all.
    """
    x = operand(input, name, words[0])
    y = target if hasattr(target, "dtype") else np.asarray(target)
    if y.dtype.kind not in "fiub":
        raise _not_real(name, words[1], y)
    if x.shape != y.shape:
        raise differing(name, x.shape, y.shape, words)
    return x, (y if y.dtype == x.dtype else y.astype(x.dtype))


def differing(name: str, first: Any, second: Any, words: tuple[str, str]) -> ValueError:
    """The error for two shapes that must be equal, with the reshape that makes them so, if there is one."""
    remedy = ""
    if np.prod(first, dtype=int) == np.prod(second, dtype=int):
        remedy = f"; if they hold the same elements, write {words[1]}.reshape({first}) or {words[0]}.reshape({second})"
    return ValueError(
        f"{name}: the {words[0]} has shape {first}, the {words[1]} {second}; they must be equal, for a loss does not broadcast{remedy}"
    )


def check_reduction(name: str, reduction: str, also: tuple[str, ...] = ()) -> str:
    """The reduction, if it is one."""
    if reduction not in REDUCTIONS and reduction not in also:
        *rest, last = map(repr, (*REDUCTIONS, *also))
        raise ValueError(f"{name}: reduction is {', '.join(rest)} or {last}, not {reduction!r}")
    return reduction


def reduced(name: str, values: Any, reduction: str) -> Any:
    """The mean (0 for no elements), the sum, or the values themselves."""
    check_reduction(name, reduction)
    if reduction == "none":
        return values
    return ag.mean(values) if reduction == "mean" and values.size else ag.sum(values)


def signs(name: str, target: ArrayLike) -> None:
    """Check that targets are +1 or −1.

    Raises:
        ValueError: they are not; 0 in the place of −1 would give a loss that is merely wrong.
    """
    tracing.require(_check_signs, name, raw(target))


def _check_signs(name: str, values: Any) -> None:
    if not (np.abs(values) == 1).all():
        raise ValueError(f"{name}: targets are +1 or -1; from 0 and 1 they are 2 * target - 1")


def class_numbers(
    name: str, target: ArrayLike, shape: Any, axis: int, ignore_index: int | None = None
) -> tuple[Any, Any]:
    """Class numbers of the rows of an input, those to ignore replaced by 0, and where the others are (None: everywhere).

    Raises:
        TypeError: they are not integers.
        ValueError: their shape is not that of the input without its axis of classes.
        IndexError: a number is not one of a class.
    """
    y = raw(target)
    expected = shape[:axis] + shape[axis + 1 :]
    if y.dtype.kind not in "iu":
        raise TypeError(f"{name}: class numbers must be integers, not {y.dtype}; convert them with target.astype(int)")
    if y.shape != expected:
        raise ValueError(f"{name}: an input of shape {shape} needs class numbers of shape {expected}, not {y.shape}")
    valid = None
    if ignore_index is not None and tracing.assume(_among, y, ignore_index):
        valid = y != ignore_index
        y = np.where(valid, y, 0)
    tracing.require(_check_classes, name, y, shape[axis])
    return y, valid


def _among(y: Any, number: int) -> bool:
    return bool((y == number).any())


def _check_classes(name: str, y: Any, classes: int) -> None:
    bad = (y < 0) | (y >= classes)
    if bad.any():
        first = y[bad].flat[0] if y.ndim else y
        raise IndexError(
            f"{name}: target {first} is not a class number; there are {classes} classes, 0 to {classes - 1}"
        )


def of_class(x: ArrayLike, y: Any, axis: int) -> Any:
    """The element of x in each row's class, along the axis of classes."""
    return ag.squeeze(ag.take_along_axis(x, np.expand_dims(y, axis), axis), axis)
