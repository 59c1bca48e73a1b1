"""How optimizers.npz was made: the trajectories of PyTorch's optimizers, in float64.

    python -m pip install torch==2.13.0
    python tests/references/make_optimizers.py

The cases and the problem stand here for the tests too, which import this file without PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

STEPS = 200
NOTED = (1, *range(20, STEPS + 1, 20))

# name → (class, options); every class has its defaults, each option, and mixtures.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.05}),
    "sgd momentum": ("SGD", {"lr": 0.02, "momentum": 0.9}),
    "sgd dampening": ("SGD", {"lr": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.01}),
    "sgd nesterov": ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "sgd maximize": ("SGD", {"lr": 0.001, "momentum": 0.5, "maximize": True, "weight_decay": 0.1}),
    "adagrad": ("Adagrad", {}),
    "adagrad options": (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.02, "weight_decay": 0.02, "initial_accumulator_value": 0.1, "eps": 1e-6},
    ),
    "adagrad maximize": ("Adagrad", {"maximize": True}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop momentum": ("RMSprop", {"lr": 0.003, "alpha": 0.95, "momentum": 0.8, "weight_decay": 0.01}),
    "rmsprop centered": ("RMSprop", {"lr": 0.003, "centered": True, "eps": 1e-3}),
    "rmsprop all": (
        "RMSprop",
        {"lr": 0.002, "centered": True, "momentum": 0.5, "eps": 1e-2, "maximize": True, "weight_decay": 0.1},
    ),
    "adadelta": ("Adadelta", {}),
    "adadelta options": ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.05}),
    "adadelta maximize": ("Adadelta", {"lr": 0.02, "maximize": True}),
    "adam": ("Adam", {"lr": 0.02}),
    "adam options": ("Adam", {"lr": 0.05, "betas": (0.8, 0.99), "eps": 1e-4, "weight_decay": 0.03}),
    "adam amsgrad": ("Adam", {"lr": 0.03, "amsgrad": True, "betas": (0.7, 0.9)}),
    "adam maximize": ("Adam", {"lr": 0.01, "amsgrad": True, "maximize": True, "weight_decay": 0.1}),
    "adam decoupled": ("Adam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "adamw": ("AdamW", {"lr": 0.02}),
    "adamw options": (
        "AdamW",
        {"lr": 0.02, "betas": (0.85, 0.95), "eps": 1e-5, "weight_decay": 0.2, "amsgrad": True, "maximize": True},
    ),
    "nadam": ("NAdam", {"lr": 0.01}),
    "nadam options": (
        "NAdam",
        {"lr": 0.02, "betas": (0.8, 0.95), "weight_decay": 0.05, "momentum_decay": 0.01, "eps": 1e-5, "maximize": True},
    ),
    "nadam decoupled": ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "radam": ("RAdam", {"lr": 0.02}),
    "radam options": (
        "RAdam",
        {"lr": 0.005, "betas": (0.8, 0.95), "weight_decay": 0.05, "eps": 1e-5, "maximize": True},
    ),
    "radam decoupled": ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "radam never rectified": ("RAdam", {"lr": 0.005, "betas": (0.9, 0.6)}),
}
# Each of the 200 steps of LBFGS computes the loss up to 25 times: a few steps are enough.
LBFGS_STEPS = 5
LBFGS_CASES: dict[str, dict[str, Any]] = {
    "lbfgs": {"lr": 0.1},
    "lbfgs short memory": {"lr": 0.1, "history_size": 3, "max_iter": 6, "tolerance_change": 1e-12},
    "lbfgs strong wolfe": {"line_search_fn": "strong_wolfe", "max_iter": 5},
    "lbfgs few evaluations": {
        "line_search_fn": "strong_wolfe",
        "max_iter": 8,
        "max_eval": 9,
        "lr": 3.0,
        "history_size": 2,
    },
}

SHAPES: Sequence[tuple[int, ...]] = [(3, 5), (5,), (5, 2), (), (2,)]


def beginning() -> list[Any]:
    """The parameters at the start."""
    rng = np.random.default_rng(7)
    return [0.5 * rng.normal(size=shape) + 0.1 for shape in SHAPES]


def data() -> tuple[Any, Any]:
    """Twelve points, and what the network shall say of them."""
    rng = np.random.default_rng(11)
    return rng.normal(size=(12, 3)), rng.normal(size=(12, 2))


def loss(
    params: Sequence[Any], x: Any, y: Any, tanh: Callable[[Any], Any], cos: Callable[[Any], Any], step: int
) -> Any:
    """A network of one hidden layer with a factor, and a wave; the last parameter takes part in two of three steps."""
    weight1, bias, weight2, factor, offset = params
    out = tanh(x @ weight1 + bias) @ weight2 * factor
    if step % 3:
        out = out + offset
    return ((out - y) ** 2).mean() + 0.1 * cos(3.0 * weight2).sum() + 0.05 * (factor - 1.0) ** 2


def main() -> None:
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    x, y = (torch.tensor(a) for a in data())
    found: dict[str, Any] = {}

    def start() -> list[Any]:
        return [torch.tensor(p, requires_grad=True) for p in beginning()]

    def vector(params: Sequence[Any]) -> Any:
        return torch.cat([p.detach().reshape(-1) for p in params]).numpy()

    for name, (kind, options) in CASES.items():
        params = start()
        optimizer = getattr(torch.optim, kind)(params, **options)
        path = []
        for step in range(1, STEPS + 1):
            optimizer.zero_grad()
            loss(params, x, y, torch.tanh, torch.cos, step).backward()
            optimizer.step()
            if step in NOTED:
                path.append(vector(params))
        found[name] = np.array(path)
    for name, options in LBFGS_CASES.items():
        params = start()
        optimizer = torch.optim.LBFGS(params, **options)

        def closure(params: Any = params, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            value = loss(params, x, y, torch.tanh, torch.cos, 1)
            value.backward()
            return value

        path = []
        for _ in range(LBFGS_STEPS):
            optimizer.step(closure)
            path.append(vector(params))
        found[name] = np.array(path)
        found[f"{name} evaluations"] = np.array(optimizer.state[params[0]]["func_evals"])
    np.savez_compressed(Path(__file__).with_name("optimizers.npz"), **found)


if __name__ == "__main__":
    main()
