"""Neural networks on ``autograd_np``: layers, losses, optimizers, data, training, saving and plots.

Names, arguments and defaults are PyTorch's wherever PyTorch has the thing. Three differences are on purpose: matrices
have the shape (in, out), so that a layer reads ``x @ W + b``; ``state_dict()`` is a copy; and no shape is broadcast in a loss.
"""

import inspect
from typing import TYPE_CHECKING, Any

from autograd_np import __version__ as __version__, hints

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
from .csv_logger import CSVLogger as CSVLogger
from .data import DataLoader as DataLoader, Dataset as Dataset
from .defaults import (
    default_dtype as default_dtype,
    default_generator as default_generator,
    manual_seed as manual_seed,
    set_default_dtype as set_default_dtype,
)
from .ema import EMA as EMA
from .evaluation import evaluate as evaluate, predict as predict
from .init import initialize as initialize
from .layers import *
from .losses import *
from .losses.shared import LossInputWarning as LossInputWarning
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
    Adamax as Adamax,
    AdamW as AdamW,
    Lion as Lion,
    NAdam as NAdam,
    Optimizer as Optimizer,
    RAdam as RAdam,
    RMSprop as RMSprop,
    Rprop as Rprop,
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

_PRIVATE = ("Any", "TYPE_CHECKING")

__all__ = [  # noqa: PLE0604 - they are strings
    *(
        name
        for name, value in globals().items()
        if not (name.startswith("_") or name in _PRIVATE or inspect.ismodule(value))
    ),
    *("__version__", *_LATE, *_NAMESPACES),
]


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from . import compiling

        globals()[name] = found = getattr(compiling, name)
        return found
    return hints.missing_in_module(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {*_PRIVATE, "hints", "inspect", "_LATE", "_NAMESPACES", "_PRIVATE"})


# Names of PyTorch and Keras → what it is here.
hints.remedies(
    __name__,
    {
        "Activation": "use the layer itself, such as nn.ReLU()",
        "AveragePooling2D": "use nn.AvgPool2d(kernel_size)",
        "BatchNormalization": "use nn.BatchNorm1d(features) or nn.BatchNorm2d(channels)",
        "BinaryCrossentropy": "use nn.BCEWithLogitsLoss() on scores, nn.BCELoss() on probabilities",
        "CategoricalCrossentropy": "use nn.CrossEntropyLoss() on scores, without a softmax before it",
        "Conv2D": "use nn.Conv2d(in_channels, out_channels, kernel_size)",
        "DataParallel": "leave it out: BLAS uses all processors",
        "Dense": "use nn.Linear(in_features, out_features)",
        "EarlyStop": "use nn.EarlyStopping(patience=10)",
        "F": "use nn.functional",
        "GlobalAveragePooling2D": "use nn.AdaptiveAvgPool2d(1), nn.Flatten()",
        "Input": "leave it out: a layer is made with the number of its inputs",
        "InputLayer": "leave it out: a layer is made with the number of its inputs",
        "LayerNormalization": "use nn.LayerNorm(features)",
        "MaxPooling2D": "use nn.MaxPool2d(kernel_size)",
        "MeanAbsoluteError": "use nn.L1Loss(), or nn.metrics",
        "MeanSquaredError": "use nn.MSELoss(), or nn.metrics.MeanSquaredError()",
        "ModelCheckpoint": "use nn.BestWeights(path)",
        "Model": "use nn.Module",
        "ReduceLROnPlateau": "use nn.schedules.ReduceLROnPlateau(optimizer)",
        "Reshape": "use nn.Unflatten(1, shape)",
        "SparseCategoricalCrossentropy": "use nn.CrossEntropyLoss() on scores, without a softmax before it",
        "StepLR": "use nn.schedules.StepLR(optimizer, step_size)",
        "Tensor": "use ag.Tensor, of autograd_np",
        "Variable": "use ag.Tensor(values, requires_grad=True), of autograd_np",
        "clip_grad_norm_": "use nn.utils.clip_grad_norm_(parameters, max_norm)",
        "grad": "use ag.grad(f), of autograd_np",
        "models": "use nn.Sequential(…), or a class derived from nn.Module",
        "no_grad": "use ag.no_grad(), of autograd_np",
        "optimizers": "use nn.optim, or nn.Adam itself",
        "tensor": "use ag.tensor, of autograd_np",
        "train": "use nn.fit(model, loss, optimizer, data, epochs)",
        "train_test_split": "use nn.data.random_split(dataset, [0.8, 0.2])",
    },
)
hints.remedies(
    "calls",
    {
        "Loss": "the options are given when the loss is made, predictions and targets when it is called: nn.{name}()(predictions, targets)",
        "Metric": "a metric is made first, and updated with predictions and targets: nn.metrics.{name}()",
        "evaluate": "write nn.evaluate(model, loss, (x, y)): inputs and targets are one argument, a tuple",
        "fit": "write nn.fit(model, loss, optimizer, (x, y), epochs): inputs and targets are one argument, a tuple",
    },
)
hints.hinted_package(__name__, [__name__, *(f"{__name__}.{space}" for space in _NAMESPACES)])
