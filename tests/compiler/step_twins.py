"""An uncompiled training and a compiled one, to be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from stepping import eager, network, same_state

import nn

D = np.float64


SCHEDULES: dict[str, Any] = {
    "StepLR": lambda o: nn.schedules.StepLR(o, 5, gamma=0.5),
    "CosineAnnealingLR": lambda o: nn.schedules.CosineAnnealingLR(o, 40),
    "OneCycleLR": lambda o: nn.schedules.OneCycleLR(o, max_lr=0.1, total_steps=60),
    "LinearLR": lambda o: nn.schedules.LinearLR(o, start_factor=0.1, total_iters=10),
}


def made(kind: Any = nn.Adam, dtype: Any = D, **options: Any) -> tuple[nn.Sequential, Any, Any]:
    model = network(dtype)
    return model, nn.CrossEntropyLoss(), kind(model.parameters(), **{"lr": 0.02, **options})


def twins(kind: Any = nn.Adam, **options: Any) -> Any:
    """An uncompiled training and a compiled one: functions that take a step, and what they train."""
    a, loss, first = made(kind, **options)
    b, _, second = made(kind, **options)
    return (a, first, lambda *batch: eager(a, loss, first, *batch)), (b, second, nn.compile_step(b, loss, second))


def equal(one: Any, other: Any, ulps: float = 512) -> None:
    same_state(one[0].state_dict(), other[0].state_dict(), ulps, "model")
    same_state(one[1].state_dict(), other[1].state_dict(), ulps, "optimizer")
