"""Makes recurrent.npz: values and gradients of PyTorch's recurrent layers (torch==2.13.0, CPU, float64).

Run as ``python tests/references/make_recurrent.py``. Parameters are stored in PyTorch's layout.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

LAYERS = {
    "rnn": (torch.nn.RNN, {}),
    "rnn_relu": (torch.nn.RNN, {"nonlinearity": "relu", "num_layers": 2}),
    "rnn_bidirectional": (torch.nn.RNN, {"bidirectional": True, "num_layers": 2, "batch_first": True}),
    "gru": (torch.nn.GRU, {}),
    "gru_no_bias": (torch.nn.GRU, {"bias": False, "num_layers": 2}),
    "gru_bidirectional": (torch.nn.GRU, {"bidirectional": True, "num_layers": 2, "batch_first": True}),
    "lstm": (torch.nn.LSTM, {}),
    "lstm_no_bias": (torch.nn.LSTM, {"bias": False, "num_layers": 2}),
    "lstm_bidirectional": (torch.nn.LSTM, {"bidirectional": True, "num_layers": 2, "batch_first": True}),
    "lstm_unbatched": (torch.nn.LSTM, {"num_layers": 2}),
}
CELLS = {"rnn_cell": torch.nn.RNNCell, "gru_cell": torch.nn.GRUCell, "lstm_cell": torch.nn.LSTMCell}
INPUT, HIDDEN, TIME, BATCH = 3, 4, 5, 2


def listed(value: object) -> list[torch.Tensor]:
    return [value] if isinstance(value, torch.Tensor) else [t for part in value for t in listed(part)]


def main() -> None:
    torch.manual_seed(0)
    found: dict[str, torch.Tensor] = {}

    def store(name: str, layer: torch.nn.Module, x: torch.Tensor, states: list[torch.Tensor], call) -> None:
        for t in (x, *states):
            t.requires_grad_()
        outputs = listed(call(x, states))
        cotangents = [torch.randn_like(y) for y in outputs]
        sum(
            ((y * u).sum() for y, u in zip(outputs, cotangents, strict=True)), torch.zeros((), dtype=torch.float64)
        ).backward()
        found[f"{name}/x"], found[f"{name}/grad x"] = x, x.grad
        for k, s in enumerate(states):
            found[f"{name}/state {k}"], found[f"{name}/grad state {k}"] = s, s.grad
        for k, (y, u) in enumerate(zip(outputs, cotangents, strict=True)):
            found[f"{name}/out {k}"], found[f"{name}/cotangent {k}"] = y, u
        for word, p in layer.named_parameters():
            found[f"{name}/parameter {word}"], found[f"{name}/grad {word}"] = p, p.grad

    for name, (kind, options) in LAYERS.items():
        layer = kind(INPUT, HIDDEN, **options, dtype=torch.float64)
        rows = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
        batch = () if name.endswith("unbatched") else (BATCH,)
        shape = (BATCH, TIME, INPUT) if options.get("batch_first") else (TIME, *batch, INPUT)
        states = [
            torch.randn(rows, *batch, HIDDEN, dtype=torch.float64) for _ in range(2 if kind is torch.nn.LSTM else 1)
        ]
        store(
            name,
            layer,
            torch.randn(shape, dtype=torch.float64),
            states,
            lambda x, s, f=layer: f(x, tuple(s) if len(s) == 2 else s[0]),
        )
    for name, cell in CELLS.items():
        layer = cell(INPUT, HIDDEN, dtype=torch.float64)
        states = [torch.randn(BATCH, HIDDEN, dtype=torch.float64) for _ in range(2 if name == "lstm_cell" else 1)]
        x = torch.randn(BATCH, INPUT, dtype=torch.float64)
        store(name, layer, x, states, lambda x, s, f=layer: f(x, tuple(s) if len(s) == 2 else s[0]))
    arrays = {key: value.detach().numpy() for key, value in found.items()}
    np.savez_compressed(Path(__file__).with_suffix("").with_name("recurrent.npz"), **arrays)


if __name__ == "__main__":
    main()
