"""How schedules.npz was made: the rates of PyTorch's schedules over 100 steps.

    python -m pip install torch==2.13.0
    python tests/references/make_schedules.py

The cases stand here for the tests too, which import this file without PyTorch.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

STEPS = 100


def metric(step: int) -> float:
    """A loss that falls, waves, and stays."""
    return 1.0 / (1.0 + 0.3 * min(step, 30)) + 0.05 * math.cos(step) + 0.3 * (step > 70)


# name → a schedule from a module of schedules (PyTorch's or ours) and an optimizer with two groups
CASES: dict[str, Callable[[Any, Any], Any]] = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda e: 0.95**e),
    "LambdaLR per group": lambda s, o: s.LambdaLR(o, [lambda e: 1.0 / (1 + e), lambda e: 0.5 + 0.5 * math.cos(e)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.9 if e % 3 else 1.05),
    "StepLR": lambda s, o: s.StepLR(o, 7, 0.6),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [5, 20, 20, 60], 0.3),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.97),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.25, 12),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.1, 0.9, 33),
    "LinearLR down": lambda s, o: s.LinearLR(o, 1.0, 0.05, 50),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 40, 1.7),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 30, 0.001),
    "CosineAnnealingLR odd": lambda s, o: s.CosineAnnealingLR(o, 1),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 9, 2, 0.002),
    "CosineAnnealingWarmRestarts even": lambda s, o: s.CosineAnnealingWarmRestarts(o, 13),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=101),
    "OneCycleLR three": lambda s, o: s.OneCycleLR(
        o, [0.5, 0.2], epochs=10, steps_per_epoch=11, three_phase=True, pct_start=0.4, anneal_strategy="linear"
    ),
    "OneCycleLR rate alone": lambda s, o: s.OneCycleLR(
        o, 0.5, 120, cycle_momentum=False, div_factor=10.0, final_div_factor=50.0
    ),
    "ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(o, factor=0.5, patience=3, cooldown=2, min_lr=[0.001, 0.002]),
    "ReduceLROnPlateau max": lambda s, o: s.ReduceLROnPlateau(o, "max", 0.7, 5, 0.01, "abs"),
    "ReduceLROnPlateau abs": lambda s, o: s.ReduceLROnPlateau(o, "min", 0.7, 2, 0.02, "abs", eps=0.01),
    "ReduceLROnPlateau max rel": lambda s, o: s.ReduceLROnPlateau(o, "max", 0.9, 1, 0.1, "rel"),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1.0, 10), s.CosineAnnealingLR(o, 60), s.ExponentialLR(o, 0.9)], [10, 70]
    ),
    "SequentialLR constant": lambda s, o: s.SequentialLR(o, [s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.95)], [20]),
    "SequentialLR steps": lambda s, o: s.SequentialLR(
        o, [s.StepLR(o, 4, 0.5), s.PolynomialLR(o, 30), s.MultiStepLR(o, [0, 9], 0.5)], [12, 50]
    ),
    "SequentialLR restarts": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.5, 1.0, 5), s.CosineAnnealingWarmRestarts(o, 7, 2)], [5]
    ),
    "SequentialLR lambda": lambda s, o: s.SequentialLR(
        o, [s.LambdaLR(o, lambda e: 0.1 * (e + 1)), s.LambdaLR(o, lambda e: 0.9**e)], [9]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.95)]),
    "ChainedScheduler three": lambda s, o: s.ChainedScheduler(
        [s.LinearLR(o, 0.2, 1.0, 8), s.StepLR(o, 10, 0.7), s.MultiStepLR(o, [33], 2.0)]
    ),
}


def run(case: str, module: Any, optimizer: Any) -> Any:
    """Rates and momenta of both groups at the start and after each step, (101, 2, 2)."""
    schedule = CASES[case](module, optimizer)
    rows = []
    for step in range(STEPS + 1):
        if step:
            optimizer.step()
            schedule.step(*([metric(step)] if case.startswith("Reduce") else []))
        assert list(schedule.get_last_lr()) == [group["lr"] for group in optimizer.param_groups]
        rows.append([(group["lr"], group["momentum"]) for group in optimizer.param_groups])
    return np.array(rows)


def main() -> None:
    import torch

    warnings.simplefilter("ignore")
    found = {}
    for case in CASES:
        a, b = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
        found[case] = run(
            case,
            torch.optim.lr_scheduler,
            torch.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.03}], lr=0.1, momentum=0.9),
        )
    np.savez_compressed(Path(__file__).with_name("schedules.npz"), **found)


if __name__ == "__main__":
    main()
