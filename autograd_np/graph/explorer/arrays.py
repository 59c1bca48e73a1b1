"""Arrays as the page shows them: a part that is small enough, what was left out, and numbers about the whole."""

from __future__ import annotations

from math import isfinite, isqrt
from typing import Any

import numpy as np

__all__ = ["Arrays", "number"]

NUMBERS = 200_000  # numbers on a page, in all
MOST, LEAST = 256, 9  # numbers of one array
SLICES = 24


def number(x: Any, digits: int = 4) -> str:
    """A number with few digits.

    >>> number(-0.123456), number(3), number(2.0), number(1e-9), number(1 - 2j)
    ('−0.1235', '3', '2', '1e−09', '1−2j')
    """
    if isinstance(x, (complex, np.complexfloating)):
        return f"{x:.{digits}g}".replace("-", "−")
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, (int, np.integer)):
        return str(x).replace("-", "−")
    return f"{float(x):.{digits}g}".replace("-", "−")


class Arrays:
    """The arrays of a page. Each is there once, however often it is shown; how much of each depends on how many there are."""

    def __init__(self) -> None:
        self._held: list[Any] = []  # alive until the page is written, so that identities stay unique
        self._by_identity: dict[int, int] = {}
        self._by_content: dict[tuple[Any, ...], int] = {}

    def add(self, value: Any) -> int | None:
        """The number of an array on the page; None for None."""
        if value is None:
            return None
        known = self._by_identity.get(id(value))
        if known is not None:
            return known
        content: tuple[Any, ...] | None = None
        if isinstance(value, (np.ndarray, np.generic)) and value.nbytes <= 1024:
            content = (value.shape, value.dtype.str, value.tobytes())
            known = self._by_content.get(content)
        if known is None:
            known = len(self._held)
            self._held.append(value)
            self._by_identity[id(value)] = known
            if content is not None:
                self._by_content[content] = known
        return known

    def get(self, index: int) -> Any:
        """The array behind a number."""
        return self._held[index]

    @property
    def limit(self) -> int:
        """How many numbers of each array are on the page."""
        return max(LEAST, min(MOST, NUMBERS // max(1, len(self._held))))

    def encoded(self) -> list[dict[str, Any]]:
        """All of them, for JSON."""
        limit = self.limit
        return [_encoded(value, limit) for value in self._held]


def shown(shape: tuple[int, ...], limit: int) -> tuple[int, list[int], list[int]]:
    """How many slices of an array are shown, and which rows and columns of each."""
    rows, columns = (shape[-2] if len(shape) > 1 else 1), (shape[-1] if shape else 1)
    slices = int(np.prod(shape[:-2], dtype=np.int64))
    wide = min(columns, max(isqrt(limit), min(32, limit // max(1, rows))))
    high = min(rows, max(1, limit // max(1, wide)))
    deep = min(slices, SLICES, max(1, limit // max(1, wide * high)))
    return deep, _evenly(rows, high), _evenly(columns, wide)


def _evenly(length: int, count: int) -> list[int]:
    return [int(i) for i in np.linspace(0, length - 1, count).round()] if 0 < count < length else list(range(length))


def _encoded(value: Any, limit: int) -> dict[str, Any]:
    python = isinstance(value, (bool, int, float, complex)) and not isinstance(value, np.generic)
    if python:
        value = np.asarray(value)
    if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind not in "fciub":
        return {
            "shape": [int(n) for n in getattr(value, "shape", ())],
            "dtype": str(getattr(value, "dtype", "")),
            "other": type(value).__name__,
        }
    array = np.asarray(value)
    slices, rows, columns = shown(array.shape, limit)
    part = array
    if array.size:
        part = array.reshape(-1, *array.shape[-2:] if array.ndim > 1 else (1, array.size))[:slices][:, rows][
            :, :, columns
        ]
    found: dict[str, Any] = {
        "shape": list(array.shape),
        "dtype": f"Python {type(value.item()).__name__}" if python else str(array.dtype),
    }
    if array.dtype.kind == "c":
        found["re"], found["im"] = _numbers(part.real), _numbers(part.imag)
        found["about"], found["aboutIm"] = _about(array.real), _about(array.imag)
    else:
        found["re"], found["about"] = _numbers(part), _about(array)
    if part.size < array.size:
        found.update(slices=slices, rows=rows, columns=columns, cut=_said(array, slices, len(rows), len(columns)))
    return found


def _said(array: Any, slices: int, rows: int, columns: int) -> str:
    """What is shown of an array that is too large."""
    whole = [f"{columns} of {array.shape[-1]} columns"] if columns < array.shape[-1] else []
    if array.ndim > 1 and rows < array.shape[-2]:
        whole.insert(0, f"{rows} of {array.shape[-2]} rows")
    said = f"evenly spaced: {' and '.join(whole)}" if whole else ""
    total = int(np.prod(array.shape[:-2], dtype=np.int64))
    if slices < total:
        said = f"the first {slices} of {total} slices{', ' if said else ''}{said}"
    return f"{slices * rows * columns} of {array.size} numbers shown, {said}"


def _numbers(part: Any) -> list[Any]:
    """Numbers that read back as the same ones: the shortest text of a float in its own dtype."""
    if part.dtype.kind == "b":
        return [int(x) for x in part.ravel()]
    if part.dtype.kind in "iu":
        return [x if abs(x) < 2**53 else str(x) for x in part.ravel().tolist()]
    return [
        x if isfinite(x) else "NaN" if x != x else "∞" if x > 0 else "−∞" for x in (float(str(x)) for x in part.ravel())
    ]


def _about(array: Any) -> dict[str, Any]:
    """The range and the mean of what is finite, and how much is not."""
    if not array.size:
        return {}
    finite = array if array.dtype.kind in "iub" else array[np.isfinite(array)]
    about: dict[str, Any] = {}
    if finite.size:
        low, high = finite.min(), finite.max()
        with np.errstate(all="ignore"):
            mean = np.mean(finite, dtype=np.float64) if finite.dtype.itemsize <= 8 else np.mean(finite)
        about = {
            "min": number(low),
            "max": number(high),
            "mean": number(mean),
            "scale": float(max(abs(float(low)), abs(float(high)))),
        }
    if array.dtype.kind == "f":
        nan = int(np.isnan(array).sum())
        infinite = array.size - finite.size - nan
        about.update({key: count for key, count in (("nan", nan), ("inf", infinite)) if count})
    return about
