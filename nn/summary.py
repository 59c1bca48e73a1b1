"""``summary``: a table of a model's layers, with the shapes that pass through them and their numbers of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import autograd_np as ag

from .defaults import default_dtype
from .module import Module

__all__ = ["Summary", "summary"]


@dataclass(frozen=True)
class Row:
    """One module of a :class:`Summary`.

    Attributes:
        path: where it stands in the model; empty for the model itself.
        kind: the name of its class.
        input_shape: of its first argument, None if it was not called.
        output_shape: of its (first) output, None if it was not called.
        parameters: how many numbers its own parameters hold, without those of the modules inside.
        trainable: how many of them need a gradient.
        depth: how deep it is nested.
    """

    path: str
    kind: str
    input_shape: tuple[int, ...] | None
    output_shape: tuple[int, ...] | None
    parameters: int
    trainable: int
    depth: int


@dataclass(frozen=True)
class Summary:
    """What :func:`summary` found; ``print`` shows it as a table.

    Attributes:
        rows: one per module, in the order of the model's ``repr``.
        parameters: numbers in all parameters; those used in two places count once.
        trainable: those that need a gradient.
        buffers: numbers in all buffers.
        nbytes: bytes of parameters and buffers.
    """

    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    buffers: int
    nbytes: int

    def __str__(self) -> str:
        head = ("layer", "input", "output", "parameters")
        body = []
        for row in self.rows:
            name = row.path.rpartition(".")[2]
            label = "  " * row.depth + (f"{name}: {row.kind}" if name else row.kind)
            body.append(
                (
                    label,
                    _shape(row.input_shape),
                    _shape(row.output_shape),
                    f"{row.parameters:,}" if row.parameters else "–",
                )
            )
        widths = [max(len(line[i]) for line in [head, *body]) for i in range(4)]
        form = f"{{:<{widths[0]}}}  {{:<{widths[1]}}}  {{:<{widths[2]}}}  {{:>{widths[3]}}}"
        rule = "-" * (sum(widths) + 6)
        frozen = self.parameters - self.trainable
        total = f"parameters {self.parameters:,}" + (f", of which frozen {frozen:,}" if frozen else "")
        total += (f"; buffers {self.buffers:,}" if self.buffers else "") + f"; {_bytes(self.nbytes)}"
        return "\n".join([form.format(*head), rule, *(form.format(*line).rstrip() for line in body), rule, total])

    __repr__ = __str__


def _shape(shape: tuple[int, ...] | None) -> str:
    return "not called" if shape is None else " × ".join(map(str, shape)) or "()"


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _first_shape(value: Any) -> tuple[int, ...] | None:
    while isinstance(value, (tuple, list)) and value:
        value = value[0]
    shape = getattr(value, "shape", None)
    return None if shape is None else tuple(shape)


def summary(model: Module, *inputs: Any) -> Summary:
    """Run a model once, in evaluation mode and without recording, and tell what passes through each of its modules.

    Args:
        model: any module. Its mode, gradients and buffers stay as they are.
        inputs: what it is called with: arrays, or the shape of one array, ``(batch, …)``, which is filled with zeros of the default dtype.

    Returns:
        The table. A module that is called several times shows its first call.

    >>> import nn
    >>> print(summary(nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 3)), (32, 2)))
    layer        input    output   parameters
    -----------------------------------------
    Sequential   32 × 2   32 × 3            –
      0: Linear  32 × 2   32 × 64         192
      1: ReLU    32 × 64  32 × 64           –
      2: Linear  32 × 64  32 × 3          195
    -----------------------------------------
    parameters 387; 1.5 kB
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary: the model is an nn.Module, not {type(model).__name__}")
    if not inputs:
        raise TypeError("summary: give an input, or the shape of one: summary(model, (1, 784))")
    given = [
        np.zeros(x, default_dtype()) if isinstance(x, tuple) and all(isinstance(n, int) for n in x) else x
        for x in inputs
    ]
    shapes: dict[int, tuple[Any, Any]] = {}
    modules = [*model.modules()]
    modes = [module.training for module in modules]

    def note(module: Module, args: tuple[Any, ...], output: Any) -> None:
        shapes.setdefault(id(module), (_first_shape(args), _first_shape(output)))

    handles = [module.register_forward_hook(note) for module in modules]
    try:
        model.eval()
        with ag.no_grad():
            model(*given)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
    rows, counted = [], set()
    for path, module in model.named_modules(remove_duplicate=False):
        own = [p for p in module.parameters(recurse=False) if id(p) not in counted]
        counted |= {id(p) for p in own}
        inside, outside = shapes.get(id(module), (None, None))
        size, trainable = sum(p.size for p in own), sum(p.size for p in own if p.requires_grad)
        rows.append(Row(path, type(module).__name__, inside, outside, size, trainable, path.count(".") + bool(path)))
    parameters, buffers = [*model.parameters()], [*model.buffers()]
    return Summary(
        tuple(rows),
        sum(p.size for p in parameters),
        sum(p.size for p in parameters if p.requires_grad),
        sum(b.size for b in buffers),
        sum(a.nbytes for a in [*parameters, *buffers]),
    )
