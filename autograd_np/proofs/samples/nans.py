"""Samples of the reductions that skip NaN."""

from __future__ import annotations

import numpy as np

from . import away, case, normal, samples

__all__: list[str] = []

MASK = np.array([[True, False, True, True], [False, True, True, True], [True, True, True, True]])


def _holed(x: np.ndarray) -> np.ndarray:
    x[0, 2] = x[1, 0] = np.nan
    return x


_X = np.array([[1.0, np.nan, 3.0], [np.nan, 2.0, 5.0]])
_ONES = np.array([[1.0, 0, 1], [0, 1, 1]])


def _check(name: str, expected: np.ndarray) -> None:
    """A NaN has no differences: the gradient is compared with the known one, and without NaN with differences."""
    samples(name, case(_X, order=1, expected=(expected,), label="NaN"), case(_X, axis=1, order=0, label="NaN, axis"))


_check("nansum", _ONES)
_check("nanprod", np.array([[30.0, 0, 10], [0, 15, 6]]))
_check("nancumsum", np.array([[6.0, 0, 4], [0, 2, 1]]))
_check("nancumprod", np.array([[1 + 1 + 3 + 3 + 6 + 30, 0, 1 + 1 + 2 + 10], [0, 3 + 15, 6]]))
_check("nanmean", _ONES / 4)
_check("nanvar", np.where(_ONES, (np.nan_to_num(_X) - 2.75) * 2 / 4, 0))
_check("nanstd", np.where(_ONES, (np.nan_to_num(_X) - 2.75) / 4 / np.nanstd(_X), 0))
_check("nanmax", np.array([[0.0, 0, 0], [0, 0, 1]]))
_check("nanmin", np.array([[1.0, 0, 0], [0, 0, 0]]))

for name in ("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"):
    samples(
        name,
        case(away(3, 4), label="all axes"),
        case(away(3, 3), axis=0, label="square"),
        case(away(3, 4), axis=-1, keepdims=True, label="negative axis, keepdims"),
        case(away(2, 3, 4), axis=(0, 2), label="tuple"),
        case(_holed(away(3, 4)), axis=(0, -1), keepdims=True, order=0, label="NaN, tuple"),
    )
for name in ("nanmean", "nanvar", "nanstd", "nansum", "nanprod"):
    samples(name, case(away(3, 4), axis=0, where=MASK, label="where"))
for name in ("nanmax", "nanmin"):
    samples(name, case(away(3, 4), axis=0, initial=0.5, where=MASK, label="initial and where"))
for name in ("nanvar", "nanstd"):
    samples(
        name, case(away(3, 4), axis=0, ddof=1, label="ddof"), case(away(3, 4), axis=0, correction=1, label="correction")
    )
samples("nanstd", case(np.array([0.1, np.nan, 0.1]), order=1, expected=(np.zeros(3),), label="all equal"))
samples("nanmax", case(np.array([2.0, np.nan, 2.0]), order=1, expected=(np.array([0.5, 0, 0.5]),), label="ties"))
samples("nanmin", case(np.array([2.0, np.nan, 2.0]), order=1, expected=(np.array([0.5, 0, 0.5]),), label="ties"))
for name in ("nancumsum", "nancumprod"):
    samples(name, case(normal(3, 4), label="flat"), case(normal(3, 4), axis=-1, label="negative axis"))
for name in ("nanargmax", "nanargmin"):
    samples(
        name,
        case(_X, order=0),
        case(_X, axis=-1, order=0, label="negative axis"),
        case(_X, axis=0, keepdims=True, order=0, label="keepdims"),
    )
