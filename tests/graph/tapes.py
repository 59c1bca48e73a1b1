"""Helpers of the tests of the printed tape."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_np as ag
from autograd_np.graph.table import Tape

Array = np.ndarray[Any, Any]


def leaf(*shape: int, name: str | None = None) -> ag.Tensor:
    return ag.Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True, name=name)


def names(tape: Tape) -> list[str]:
    return [entry.name for entry in tape]


def by_name(y: Any, name: str) -> Any:
    (entry,) = [entry for entry in ag.tape(y) if entry.name == name]
    return entry
