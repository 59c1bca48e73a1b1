"""Weights cross over: files written by PyTorch give its answers here, and ours give ours there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

REFERENCES = Path(__file__).resolve().parents[1] / "references"
NETWORKS = ["mlp", "cnn", "lstm", "encoder"]


class Networks(nn.Module):
    """The networks of tests/references/make_saving.py, line for line."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
        self.cnn = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(24, 5),
        )
        self.lstm = nn.LSTM(3, 5, num_layers=2, batch_first=True)
        self.encoder = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    with np.load(REFERENCES / "torch_model_outputs.npz", allow_pickle=False) as archive:
        return dict(archive)


def answer(networks: Any, name: str, x: Any) -> Any:
    with ag.no_grad():
        y = getattr(networks, name)(x)
    return (y[0] if isinstance(y, tuple) else y).numpy()


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_of_pytorch_give_its_answers(name: str, expected: dict[str, Any]) -> None:
    networks = nn.load(REFERENCES / "torch_model.safetensors", Networks()).eval()
    found = answer(networks, name, expected[f"{name}_input"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected[f"{name}_output"], rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_in_double_precision_the_answers_are_the_same(name: str, expected: dict[str, Any]) -> None:
    networks = nn.load(REFERENCES / "torch_model.safetensors", Networks().double()).eval()
    found = answer(networks, name, expected[f"{name}_input"].astype(np.float64))
    np.testing.assert_allclose(found, expected[f"{name}_output"], rtol=1e-11, atol=1e-12)


def test_bfloat16_of_pytorch(expected: dict[str, Any]) -> None:
    mlp = nn.load(REFERENCES / "torch_model_bfloat16.safetensors", Networks().mlp.double()).eval()
    with ag.no_grad():
        found = mlp(expected["mlp_input"].astype(np.float64)).numpy()
    np.testing.assert_allclose(found, expected["bfloat16_output"], rtol=1e-11, atol=1e-12)


def test_our_file_is_pytorchs_file_again(tmp_path: Path) -> None:
    networks = nn.load(REFERENCES / "torch_model.safetensors", Networks())
    nn.save(networks, tmp_path / "ours.safetensors")
    ours, theirs = nn.load(tmp_path / "ours.safetensors"), nn.load(REFERENCES / "torch_model.safetensors")
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        assert ours[name].dtype == array.dtype
        np.testing.assert_array_equal(ours[name], array, strict=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_our_weights_load_in_pytorch(name: str, expected: dict[str, Any], tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file, save_model

    theirs = {
        "mlp": lambda: torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
        ),
        "cnn": lambda: torch.nn.Sequential(
            torch.nn.Conv2d(2, 4, 3, padding=1),
            torch.nn.BatchNorm2d(4),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(4, 6, 3),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear(24, 5),
        ),
        "lstm": lambda: torch.nn.LSTM(3, 5, num_layers=2, batch_first=True),
        "encoder": lambda: torch.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True),
    }[name]().eval()
    networks = Networks().eval()
    nn.save(getattr(networks, name), tmp_path / "ours.safetensors")
    theirs.load_state_dict(load_file(tmp_path / "ours.safetensors"), strict=True)
    x = expected[f"{name}_input"]
    with torch.no_grad():
        y = theirs(torch.from_numpy(x))
    np.testing.assert_allclose(
        answer(networks, name, x), (y[0] if isinstance(y, tuple) else y).numpy(), rtol=1e-4, atol=1e-5
    )

    save_file(theirs.state_dict(), tmp_path / "back.safetensors")
    save_model(theirs, tmp_path / "model.safetensors")
    for path in ("back.safetensors", "model.safetensors"):
        other = nn.load(tmp_path / path, getattr(Networks(), name))
        for key, array in getattr(networks, name).state_dict().items():
            np.testing.assert_array_equal(other.state_dict()[key], array, strict=True)


def test_tied_weights_of_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_model

    shared = torch.nn.Linear(3, 3)
    save_model(torch.nn.Sequential(shared, torch.nn.ReLU(), shared), tmp_path / "m.safetensors")
    model = nn.load(tmp_path / "m.safetensors", nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)))
    for layer in (model[0], model[2]):
        np.testing.assert_array_equal(layer.weight.numpy(), shared.weight.detach().numpy().T)
        np.testing.assert_array_equal(layer.bias.numpy(), shared.bias.detach().numpy())
