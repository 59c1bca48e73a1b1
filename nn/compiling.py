"""``compile_step``: a whole training step as one NumPy program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd_np as ag
from autograd_np import Tensor, tracing

from .module import Module
from .optim import traced
from .roles import needs_closure

__all__ = ["CompiledStep", "compile_step"]


class CompiledStep:
    """What :func:`compile_step` returns: ``step(*inputs, target)`` trains and gives the loss."""

    def __init__(self, model: Module, loss: Callable[[Any, Any], Any], optimizer: Any, backend: str) -> None:
        if needs_closure(optimizer):
            raise TypeError(f"compile_step: {type(optimizer).__name__} computes the loss several times in a step, as its numbers ask; train with it uncompiled")
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.compiled = ag.compile(self._step, backend=backend, state=(model, loss, *self.parameters))
        self.ready = False

    def __call__(self, *batch: Any) -> Any:
        if not self.ready:
            traced.relocate(self.optimizer)
        return self.compiled(*batch)

    def _step(self, *batch: Any) -> Any:
        *inputs, target = [item if isinstance(item, Tensor) else item for item in batch]
        for p in self.parameters:
            p.grad = None
        value = self.loss(self.model(*inputs), target)
        if not isinstance(value, Tensor) or value.size != 1:
            raise TypeError(f"compile_step: the loss must be one number, a Tensor, not {value!r:.80}; a loss with reduction='none' gives one per sample")
        total = value + self.model.penalty() if any(module._penalties for module in self.model.modules()) else value
        total.backward()
        with tracing.section("update"):
            self.optimizer.step()
        for p in self.parameters:
            p.grad = None
        return value.detach()


def compile_step(model: Module, loss: Callable[[Any, Any], Any], optimizer: Any, *, backend: str = "numpy") -> CompiledStep:
    """Compile a training step."""
    return CompiledStep(model, loss, optimizer, backend)
