"""Optimizers, with PyTorch's names, options and defaults.

>>> import autograd_np as ag
>>> x = ag.Tensor([3.0], requires_grad=True)
>>> optimizer = Adam([x], lr=0.1)
>>> for _ in range(300):
...     optimizer.zero_grad()
...     ((x - 1.0) ** 2).sum().backward()
...     optimizer.step()
>>> round(x.item(), 3)
1.0
"""

from .adam import Adam, AdamW, NAdam, RAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .base import Optimizer
from .buffers import ParameterState
from .lbfgs import LBFGS
from .lion import Lion
from .sgd import SGD
from .signs import Adamax, Rprop

from .. import schedules as lr_scheduler  # isort: skip - it takes Optimizer from here

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "ParameterState",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
]
