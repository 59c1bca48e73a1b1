"""What holds for every layer, loss and optimizer that the package exports: a table that must have a row for each."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


IMAGES, SEQUENCE, ROWS = normal(2, 4, 6, 6), normal(2, 4, 9), normal(5, 8)
TOKENS = np.array([[0, 2, 1], [3, 3, 0]])

ACTIVATIONS = [
    *(
        "ReLU",
        "LeakyReLU",
        "ELU",
        "SELU",
        "CELU",
        "GELU",
        "SiLU",
        "Mish",
        "Sigmoid",
        "Tanh",
        "Softplus",
        "Softsign",
        "Tanhshrink",
        "Hardtanh",
        "ReLU6",
    ),
    *("Hardsigmoid", "Hardswish", "Hardshrink", "Softshrink", "LogSigmoid"),
]
# name → (how it is made, what it is called with). `None` for what is no layer of its own.
LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[Any, ...]] | None] = {
    "Module": None,
    "ModuleList": None,
    "ModuleDict": None,
    "Loss": None,
    "Sequential": (lambda: nn.Sequential(nn.Linear(8, 3), nn.Tanh()), (ROWS,)),
    "Linear": (lambda: nn.Linear(8, 3), (ROWS,)),
    "Bilinear": (lambda: nn.Bilinear(8, 8, 3), (ROWS, ROWS)),
    "Identity": (nn.Identity, (ROWS,)),
    "Flatten": (nn.Flatten, (IMAGES,)),
    "Unflatten": (lambda: nn.Unflatten(1, (2, 4)), (ROWS,)),
    "Embedding": (lambda: nn.Embedding(4, 3), (TOKENS,)),
    "Dropout": (lambda: nn.Dropout(0.3), (ROWS,)),
    "Dropout1d": (lambda: nn.Dropout1d(0.3), (SEQUENCE,)),
    "Dropout2d": (lambda: nn.Dropout2d(0.3), (IMAGES,)),
    "Conv1d": (lambda: nn.Conv1d(4, 3, 3), (SEQUENCE,)),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (IMAGES,)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 3, 3, stride=2), (SEQUENCE,)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, 3, stride=2), (IMAGES,)),
    "MaxPool1d": (lambda: nn.MaxPool1d(2), (SEQUENCE,)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (IMAGES,)),
    "AvgPool1d": (lambda: nn.AvgPool1d(2), (SEQUENCE,)),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), (IMAGES,)),
    "AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(4), (SEQUENCE,)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((4, 3)), (IMAGES,)),
    "AdaptiveMaxPool1d": (lambda: nn.AdaptiveMaxPool1d(4), (SEQUENCE,)),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d((4, 3)), (IMAGES,)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(8), (ROWS,)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), (IMAGES,)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, affine=True), (IMAGES,)),
    "LayerNorm": (lambda: nn.LayerNorm(8), (ROWS,)),
    "RMSNorm": (lambda: nn.RMSNorm(8), (ROWS,)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (IMAGES,)),
    "RNN": (lambda: nn.RNN(9, 3, num_layers=2), (SEQUENCE,)),
    "LSTM": (lambda: nn.LSTM(9, 3, bidirectional=True), (SEQUENCE,)),
    "GRU": (lambda: nn.GRU(9, 3, batch_first=True), (SEQUENCE,)),
    "RNNCell": (lambda: nn.RNNCell(8, 3), (ROWS,)),
    "LSTMCell": (lambda: nn.LSTMCell(8, 3), (ROWS,)),
    "GRUCell": (lambda: nn.GRUCell(8, 3), (ROWS,)),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(8, 2, dropout=0.2), (ROWS, ROWS, ROWS)),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(8, 2, 16), (normal(3, 2, 8),)),
    "TransformerEncoder": (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2), (normal(3, 2, 8),)),
    "TransformerDecoderLayer": (lambda: nn.TransformerDecoderLayer(8, 2, 16), (normal(3, 2, 8), normal(4, 2, 8))),
    "TransformerDecoder": (
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2),
        (normal(3, 2, 8), normal(4, 2, 8)),
    ),
    "PositionalEncoding": (lambda: nn.PositionalEncoding(8), (normal(3, 2, 8),)),
    "Upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (IMAGES,)),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), (IMAGES,)),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(3), (normal(2, 4, 6, 9),)),
    **{
        f"{kind}Pad{n}d": (
            lambda kind=kind, n=n: getattr(nn, f"{kind}Pad{n}d")(1, *([0.5] if kind == "Constant" else [])),  # type: ignore[misc]
            (normal(*(2, 3, 4, 5, 3)[: n + 2]),),
        )
        for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular")
        for n in (1, 2, 3)
    },
    "GLU": (nn.GLU, (ROWS,)),
    "Softmax": (lambda: nn.Softmax(dim=-1), (ROWS,)),
    "LogSoftmax": (lambda: nn.LogSoftmax(dim=-1), (ROWS,)),
    "Softmin": (lambda: nn.Softmin(dim=-1), (ROWS,)),
    "PReLU": (lambda: nn.PReLU(8), (ROWS,)),
    "Threshold": (lambda: nn.Threshold(0.1, 2.0), (ROWS,)),
    **{name: (getattr(nn, name), (ROWS,)) for name in ACTIVATIONS},
    "CrossEntropyLoss": (nn.CrossEntropyLoss, (ROWS, np.arange(5))),
    "NLLLoss": (nn.NLLLoss, (ROWS, np.arange(5))),
    "BCELoss": (nn.BCELoss, (1 / (1 + np.exp(-ROWS)), (normal(5, 8) > 0).astype(np.float32))),
    "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss, (ROWS, (normal(5, 8) > 0).astype(np.float32))),
    "MultiMarginLoss": (nn.MultiMarginLoss, (ROWS, np.arange(5))),
    "KLDivLoss": (lambda: nn.KLDivLoss(reduction="batchmean"), (ROWS, np.full((5, 8), 0.125, np.float32))),
    "HingeLoss": (nn.HingeLoss, (ROWS, np.sign(normal(5, 8)))),
    "HingeEmbeddingLoss": (nn.HingeEmbeddingLoss, (np.abs(ROWS), np.sign(normal(5, 8)))),
    "MultiLabelSoftMarginLoss": (nn.MultiLabelSoftMarginLoss, (ROWS, (normal(5, 8) > 0).astype(np.float32))),
    "SoftMarginLoss": (nn.SoftMarginLoss, (ROWS, np.sign(normal(5, 8)))),
    "CosineEmbeddingLoss": (nn.CosineEmbeddingLoss, (ROWS, normal(5, 8), np.sign(normal(5)))),
    "MarginRankingLoss": (nn.MarginRankingLoss, (ROWS, normal(5, 8), np.sign(normal(5, 8)))),
    "TripletMarginLoss": (nn.TripletMarginLoss, (ROWS, normal(5, 8), normal(5, 8))),
    "GaussianNLLLoss": (nn.GaussianNLLLoss, (ROWS, normal(5, 8), np.exp(normal(5, 8)))),
    "PoissonNLLLoss": (nn.PoissonNLLLoss, (ROWS, np.exp(normal(5, 8)))),
    **{name: (getattr(nn, name), (ROWS, normal(5, 8))) for name in ("MSELoss", "L1Loss", "HuberLoss", "SmoothL1Loss")},
}
ROWS_OF_TABLE = sorted(name for name, row in LAYERS.items() if row is not None)
NAMES = sorted(set(nn.__all__))


def row(name: str) -> tuple[Callable[[], nn.Module], tuple[Any, ...]]:
    found = LAYERS[name]
    assert found is not None
    return found


def outputs(result: Any) -> list[ag.Tensor]:
    if isinstance(result, tuple):
        return [tensor for part in result for tensor in outputs(part)]
    return [] if result is None else [result]


def test_the_table_has_every_module() -> None:
    modules = {
        name for name in NAMES if inspect.isclass(getattr(nn, name)) and issubclass(getattr(nn, name), nn.Module)
    }
    assert modules == set(LAYERS)


@pytest.mark.parametrize("name", NAMES)
def test_public_name_has_docstring_signature_and_types(name: str) -> None:
    value = getattr(nn, name)
    if isinstance(value, str):
        return
    assert (inspect.getdoc(value) or "").strip(), name
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        assert all(p.annotation is not p.empty for p in signature.parameters.values()), name
        assert signature.return_annotation is not signature.empty
    if inspect.isclass(value) and not issubclass(value, BaseException):
        for word, parameter in inspect.signature(value.__init__).parameters.items():
            assert word in ("self", "args", "kwargs") or parameter.annotation is not parameter.empty, f"{name}: {word}"


@pytest.mark.parametrize("name", ROWS_OF_TABLE)
def test_float32_is_kept_end_to_end(name: str) -> None:
    make, args = row(name)
    layer = make()
    inputs = [ag.Tensor(a, requires_grad=True) if a.dtype.kind == "f" else a for a in args]
    found = outputs(layer(*inputs))
    assert all(y.dtype == np.float32 for y in found)
    ag.sum(found[0] * found[0]).backward()
    for tensor in [x for x in inputs if isinstance(x, ag.Tensor)][:1]:
        assert tensor.grad is not None
        assert tensor.grad.dtype == np.float32
    for path, parameter in layer.named_parameters():
        assert parameter.dtype == np.float32, path
        assert parameter.grad is None or parameter.grad.dtype == np.float32, path
    for path, array in layer.named_buffers():
        assert array.dtype == (np.int64 if path.endswith("num_batches_tracked") else np.float32), path


@pytest.mark.parametrize("name", ROWS_OF_TABLE)
def test_copies_pickles_and_files_are_the_same_layer(name: str, tmp_path: Path) -> None:
    make, args = row(name)
    layer = make()
    layer(*args)  # moves the running statistics
    layer.eval()
    expected = [y.numpy() for y in outputs(layer(*args))]
    others = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]
    fresh = make().eval()
    if layer.state_dict():
        for suffix in (".npz", ".safetensors"):
            nn.save(layer, tmp_path / f"layer{suffix}")
            fresh = make().eval()
            nn.load(tmp_path / f"layer{suffix}", fresh)
            others.append(fresh)
    for other in others:
        assert repr(other) == repr(layer)
        for y, e in zip(outputs(other(*args)), expected, strict=True):
            np.testing.assert_array_equal(y.numpy(), e)


@pytest.mark.parametrize("name", ROWS_OF_TABLE)
def test_same_seed_same_layer_and_same_noise(name: str) -> None:
    make, args = row(name)

    def run(seed: int) -> list[Any]:
        nn.manual_seed(seed)
        layer = make()
        results = [y.numpy().copy() for y in outputs(layer(*args))]
        return [*results, *layer.state_dict().values()]

    for a, b in zip(run(3), run(3), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ROWS_OF_TABLE)
def test_double_precision_agrees_with_differences(name: str) -> None:
    """The gradient of inputs and parameters, in evaluation mode so that the function has no noise."""
    make, args = row(name)
    layer = make().double().eval()
    state = {path: p.numpy() for path, p in layer.named_parameters()}
    floating = [a.astype(float) for a in args if a.dtype.kind == "f"][:1]
    if name == "HingeLoss":
        floating = [0.25 * f for f in floating]  # away from the kink at a margin of 1
    if name in ("Threshold", "BCELoss"):
        floating = [np.clip(f, 0.2, 0.8) for f in floating]  # away from the jump, and within what is allowed

    def call(x: Any, parameters: dict[str, Any]) -> Any:
        model = copy.deepcopy(layer)
        for path, value in parameters.items():
            owner, _, word = path.rpartition(".")
            # In the place of a parameter stands a Tensor of the transform.
            model.get_submodule(owner).__dict__[word] = value
        given = [x if a.dtype.kind == "f" and i == 0 else a for i, a in enumerate(args)]
        return outputs(model(*given))

    kinks = {"Hardshrink", "Softshrink"}
    if not floating:
        assert ag.gradcheck(lambda parameters: call(None, parameters), (state,), order=1)
    elif name not in kinks:
        assert ag.gradcheck(call, (floating[0], state), order=1)
    else:
        assert ag.gradcheck(call, (floating[0] + np.sign(floating[0]), state), order=1)
