"""Neural networks on ``autograd_np``: layers, losses, optimizers, data, training, saving and plots.

Names, arguments and defaults are PyTorch's wherever PyTorch has the thing. Three differences are on purpose: matrices
have the shape (in, out), so that a layer reads ``x @ W + b``; ``state_dict()`` is a copy; and no shape is broadcast in a loss.
"""

from typing import TYPE_CHECKING, Any

from autograd_np import __version__

from . import data, functional, init, metrics, optim, plot, schedules, utils
from .callbacks import BestWeights, Callback, EarlyStopping, LambdaCallback
from .checkpoints import load_checkpoint, save_checkpoint
from .containers import ModuleDict, ModuleList, Sequential
from .data import DataLoader, Dataset
from .defaults import default_dtype, default_generator, manual_seed, set_default_dtype
from .evaluation import evaluate, predict
from .init import initialize
from .layers.activations import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softmin,
    Softplus,
    Softshrink,
    Softsign,
    Tanh,
    Tanhshrink,
    Threshold,
)
from .layers.attention import MultiheadAttention
from .layers.convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from .layers.dropout import Dropout, Dropout1d, Dropout2d
from .layers.embedding import Embedding
from .layers.linear import Bilinear, Flatten, Identity, Linear, Unflatten
from .layers.normalization import BatchNorm1d, BatchNorm2d, GroupNorm, InstanceNorm2d, LayerNorm, RMSNorm
from .layers.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from .layers.recurrent import GRU, LSTM, RNN
from .layers.recurrent_cells import GRUCell, LSTMCell, RNNCell
from .layers.transformer import (
    PositionalEncoding,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from .losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CrossEntropyLoss,
    GaussianNLLLoss,
    HingeLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    Loss,
    MarginRankingLoss,
    MSELoss,
    MultiMarginLoss,
    NLLLoss,
    PoissonNLLLoss,
    SmoothL1Loss,
    SoftMarginLoss,
    TripletMarginLoss,
)
from .metrics import F1, Accuracy, ConfusionMatrix, Precision, Recall
from .module import IncompatibleKeys, Module, Parameter
from .optim import LBFGS, SGD, Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, Optimizer, RAdam, RMSprop
from .saving import SavingError, load, read_metadata, save
from .summary import Summary, summary
from .training import History, Training, fit

if TYPE_CHECKING:
    from .compiling import CompiledStep, compile_step

__all__ = [
    "CELU",
    "ELU",
    "F1",
    "GELU",
    "GLU",
    "GRU",
    "LBFGS",
    "LSTM",
    "RNN",
    "SELU",
    "SGD",
    "Accuracy",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BestWeights",
    "Bilinear",
    "Callback",
    "CompiledStep",
    "ConfusionMatrix",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "DataLoader",
    "Dataset",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "EarlyStopping",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GaussianNLLLoss",
    "GroupNorm",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeLoss",
    "History",
    "HuberLoss",
    "Identity",
    "IncompatibleKeys",
    "InstanceNorm2d",
    "KLDivLoss",
    "L1Loss",
    "LSTMCell",
    "LambdaCallback",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "Lion",
    "LogSigmoid",
    "LogSoftmax",
    "Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiMarginLoss",
    "MultiheadAttention",
    "NAdam",
    "NLLLoss",
    "Optimizer",
    "PReLU",
    "Parameter",
    "PoissonNLLLoss",
    "PositionalEncoding",
    "Precision",
    "RAdam",
    "RMSNorm",
    "RMSprop",
    "RNNCell",
    "ReLU",
    "ReLU6",
    "Recall",
    "SavingError",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Summary",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "Training",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TripletMarginLoss",
    "Unflatten",
    "__version__",
    "compile_step",
    "data",
    "default_dtype",
    "default_generator",
    "evaluate",
    "fit",
    "functional",
    "init",
    "initialize",
    "load",
    "load_checkpoint",
    "manual_seed",
    "metrics",
    "optim",
    "plot",
    "predict",
    "read_metadata",
    "save",
    "save_checkpoint",
    "schedules",
    "set_default_dtype",
    "summary",
    "utils",
]


def __getattr__(name: str) -> Any:
    if name in ("CompiledStep", "compile_step"):  # the compiler is not needed to train
        from . import compiling

        globals()[name] = found = getattr(compiling, name)
        return found
    raise AttributeError(f"module 'nn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"Any", "TYPE_CHECKING"})
