"""Learning-rate schedules, with PyTorch's names and meaning.

A schedule sets ``group["lr"]`` of every group of its optimizer: once when it is made, and at each ``step()``.
Call ``schedule.step()`` after the optimizer's step, once per epoch or per batch as the schedule is meant;
``last_epoch`` counts the calls. Most schedules change the rate they find rather than write one of their own,
so they may be combined (:class:`ChainedScheduler`) and a rate changed by hand stays changed.

``state_dict()`` holds plain numbers, strings, lists and dicts, and the rates of the groups: a schedule made
anew and loaded goes on exactly where the saved one stood, whichever of optimizer and schedule is loaded first.

>>> import autograd_np as ag
>>> from nn.optim import SGD
>>> optimizer = SGD([ag.Tensor([1.0], requires_grad=True)], lr=1.0)
>>> schedule = StepLR(optimizer, step_size=2, gamma=0.5)
>>> rates = []
>>> for epoch in range(5):
...     rates += schedule.get_last_lr()
...     schedule.step()  # after the steps of the optimizer
>>> rates
[1.0, 1.0, 0.5, 0.5, 0.25]
"""

from .base import LRScheduler
from .combined import ChainedScheduler, SequentialLR
from .curves import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    InverseTimeDecay,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from .cycle import OneCycleLR
from .plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "InverseTimeDecay",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
