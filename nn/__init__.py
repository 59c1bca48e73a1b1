"""Neural networks on ``autograd_np``: layers, losses, optimizers, data, training, saving and plots.

Names, arguments and defaults are PyTorch's wherever PyTorch has the thing. Three differences are on purpose: matrices
have the shape (in, out), so that a layer reads ``x @ W + b``; ``state_dict()`` is a copy; and no shape is broadcast in a loss.
"""

import inspect
from typing import TYPE_CHECKING, Any

from autograd_np import __version__ as __version__

from . import (
    data as data,
    functional as functional,
    init as init,
    metrics as metrics,
    optim as optim,
    plot as plot,
    schedules as schedules,
    utils as utils,
)
from .callbacks import (
    BestWeights as BestWeights,
    Callback as Callback,
    EarlyStopping as EarlyStopping,
    LambdaCallback as LambdaCallback,
)
from .checkpoints import load_checkpoint as load_checkpoint, save_checkpoint as save_checkpoint
from .containers import (
    ModuleDict as ModuleDict,
    ModuleList as ModuleList,
    Sequential as Sequential,
)
from .data import DataLoader as DataLoader, Dataset as Dataset
from .defaults import (
    default_dtype as default_dtype,
    default_generator as default_generator,
    manual_seed as manual_seed,
    set_default_dtype as set_default_dtype,
)
from .evaluation import evaluate as evaluate, predict as predict
from .init import initialize as initialize
from .layers import *
from .losses import *
from .metrics import (
    F1 as F1,
    Accuracy as Accuracy,
    ConfusionMatrix as ConfusionMatrix,
    Precision as Precision,
    Recall as Recall,
)
from .module import (
    IncompatibleKeys as IncompatibleKeys,
    Module as Module,
    Parameter as Parameter,
)
from .optim import (
    LBFGS as LBFGS,
    SGD as SGD,
    Adadelta as Adadelta,
    Adagrad as Adagrad,
    Adam as Adam,
    AdamW as AdamW,
    Lion as Lion,
    NAdam as NAdam,
    Optimizer as Optimizer,
    RAdam as RAdam,
    RMSprop as RMSprop,
)
from .saving import (
    SavingError as SavingError,
    load as load,
    read_metadata as read_metadata,
    save as save,
)
from .summary import Summary as Summary, summary as summary
from .training import (
    History as History,
    Training as Training,
    fit as fit,
)

if TYPE_CHECKING:
    from .compiling import CompiledStep as CompiledStep, compile_step as compile_step

_LATE = ("CompiledStep", "compile_step")  # the compiler is not needed to train
_NAMESPACES = ("data", "functional", "init", "metrics", "optim", "plot", "schedules", "utils")

__all__ = [  # noqa: PLE0604 - they are strings
    *(
        name
        for name, value in globals().items()
        if not (name.startswith("_") or name in ("Any", "TYPE_CHECKING") or inspect.ismodule(value))
    ),
    *("__version__", *_LATE, *_NAMESPACES),
]


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from . import compiling

        globals()[name] = found = getattr(compiling, name)
        return found
    raise AttributeError(f"module 'nn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"Any", "TYPE_CHECKING", "inspect", "_LATE", "_NAMESPACES"})
