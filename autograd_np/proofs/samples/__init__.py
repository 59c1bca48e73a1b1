"""Sample inputs of every primitive: the rows of the proof table.

Each chapter of the rule book has a file here that registers, for every primitive, cases over negative
axes, tuple axes, keepdims, every broadcast side, size-1 axes, empty, 0-d, rectangular, ties and zeros.
Each case is proved as it is, in float32, and on non-contiguous memory (see prove.py).
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ... import primitives

__all__ = ["ORACLES", "SAMPLES", "Sample", "away", "case", "load", "normal", "positive", "samples", "uniform"]


@dataclass(frozen=True)
class Sample:
    """One call to prove.

    Attributes:
        args: positional arguments. Arrays at the primitive's differentiable parameters are float64.
        kwargs: keyword arguments.
        label: what is special about the case.
        order: up to which order the gradient is compared with central differences (0: value only,
            for kinks and for functions without gradient).
        expected: at a kink, the gradients to expect for a cotangent of ones (one per differentiable
            array argument), instead of central differences.
        float32: whether to prove the case in float32 too.
        strided: whether to prove it on non-contiguous copies too.
        rtol: relative tolerance against central differences.
        duck: whether to run it on duck arrays too (not where the function must look at the data to decide what to do).
        refused: that the call raises a TypeError which names the function, the dtype and a remedy is all that is to be
            proved.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    order: int = 2
    expected: tuple[Any, ...] | None = None
    float32: bool = True
    strided: bool = True
    rtol: float = 1e-6
    duck: bool = True
    refused: bool = False


# name of the primitive → its cases, and what the value must equal (None: the NumPy function it dispatches for)
SAMPLES: dict[str, list[Sample]] = {}
ORACLES: dict[str, Callable[..., Any]] = {}


def case(
    *args: Any,
    label: str = "",
    order: int | str = 2,
    expected: tuple[Any, ...] | None = None,
    float32: bool = True,
    strided: bool = True,
    rtol: float = 1e-6,
    duck: bool = True,
    **kwargs: Any,
) -> Sample:
    """A sample: the call's own arguments and keywords, and how to prove it.

    An ``order`` in words is NumPy's option (``order="F"``). Where an option of the call is named as one of
    the proof's own, ``Sample(args, kwargs, ...)`` keeps the two apart.
    """
    if isinstance(order, str):
        kwargs["order"] = order
        order = 2
    return Sample(args, kwargs, label, order, expected, float32, strided, rtol, duck)


def samples(name: str, *cases: Sample, oracle: Callable[..., Any] | None = None) -> None:
    """Register the cases of a primitive by its name in the registry.

    Args:
        name: the primitive.
        *cases: its cases.
        oracle: an independent computation of the value on arrays; by default NumPy's own function.
    """
    SAMPLES.setdefault(name, []).extend(cases)
    if oracle is not None:
        ORACLES[name] = oracle


def load() -> dict[str, list[Sample]]:
    """Import every chapter of the rule book and its samples. Returns the table of samples."""
    for package, path in ((primitives.__name__, primitives.__path__), (__name__, __path__)):
        for found in pkgutil.iter_modules(path):
            importlib.import_module(f"{package}.{found.name}")
    return SAMPLES


# One generator per chapter, so that a chapter's numbers do not depend on which others were imported before it.
_generators: dict[str, np.random.Generator] = {}


def _rng() -> np.random.Generator:
    chapter = str(sys._getframe(2).f_globals["__name__"]).rpartition(".")[2]
    if chapter not in _generators:
        _generators[chapter] = np.random.default_rng(zlib.crc32(f"samples_{chapter}".encode()))
    return _generators[chapter]


def normal(*shape: int) -> Any:
    """Standard normal numbers."""
    return _rng().normal(size=shape)


def uniform(low: float, high: float, *shape: int) -> Any:
    """Uniform numbers in [low, high)."""
    return _rng().uniform(low, high, size=shape)


def positive(*shape: int) -> Any:
    """Numbers in [0.5, 2)."""
    return _rng().uniform(0.5, 2.0, size=shape)


def away(*shape: int, gap: float = 0.1) -> Any:
    """Numbers of both signs whose pairwise distances, and distances from 0, are at least ``gap`` (no kink nearby)."""
    rng = _rng()
    size = int(np.prod(shape))
    steps = np.arange(1, size + 1) * (2 * gap) * np.where(rng.random(size) < 0.5, -1.0, 1.0)
    return (rng.permutation(steps) + rng.uniform(-gap / 4, gap / 4, size)).reshape(shape)
