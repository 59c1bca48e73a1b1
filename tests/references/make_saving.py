"""Make torch_model.safetensors, torch_model_bfloat16.safetensors and torch_model_outputs.npz.

    pip install torch==2.13.0 safetensors numpy
    python make_saving.py

Four small networks of PyTorch, their weights as PyTorch's users save them, and what they answer to given inputs.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent


class Networks(nn.Module):
    """Every layer whose weights stand otherwise in autograd_np, or which has buffers."""

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


def main() -> None:
    """Draw the weights, let the running statistics of the normalisations move, and write the files."""
    torch.manual_seed(0)
    networks = Networks()
    inputs = {
        "mlp": torch.randn(6, 4),
        "cnn": torch.randn(3, 2, 8, 8),
        "lstm": torch.randn(2, 7, 3),
        "encoder": torch.randn(2, 5, 8),
    }
    with torch.no_grad():
        for parameter in networks.parameters():
            # The scales of the normalisations begin at 1 and the shifts at 0: all of them shall count.
            parameter.add_(0.1 * torch.randn_like(parameter))
        for _ in range(3):
            networks.mlp(2.0 * torch.randn(16, 4) + 1.0)
            networks.cnn(2.0 * torch.randn(16, 2, 8, 8) - 1.0)
        networks.eval()
        save_file(networks.state_dict(), HERE / "torch_model.safetensors")
        halves = {
            name: value.bfloat16() if value.is_floating_point() else value
            for name, value in networks.mlp.state_dict().items()
        }
        save_file(halves, HERE / "torch_model_bfloat16.safetensors")
        # The answers in double precision, so that only the rounding of the reader is left.
        networks.double()
        arrays = {}
        for name, x in inputs.items():
            y = getattr(networks, name)(x.double())
            arrays[f"{name}_input"] = x.numpy()
            arrays[f"{name}_output"] = (y[0] if isinstance(y, tuple) else y).numpy()
        networks.mlp.load_state_dict(
            {name: value.to(networks.mlp.state_dict()[name].dtype) for name, value in halves.items()}
        )
        arrays["bfloat16_output"] = networks.mlp(inputs["mlp"].double()).numpy()
    np.savez(HERE / "torch_model_outputs.npz", **arrays)


if __name__ == "__main__":
    main()
