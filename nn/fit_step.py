"""One training step of ``fit``: plain, of several batches, or compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd_np as ag
from autograd_np import Tensor

from .argument_checks import check_finite, needs_closure, total_loss
from .evaluation import Cast, as_arrays, numbers_of
from .losses.divisors import divisor
from .module import Module
from .utils import clip_grad_norm_

__all__ = ["CompiledFitStep", "FitStep"]

Found = tuple[Any, dict[str, float]]  # the predictions of the forward pass, and its loss (and penalty)


class FitStep:
    """Forward and backward of a batch, and an update after every ``accumulate`` batches.

    The gradients of several batches are added up as those of one batch of everything: each counts by what its loss was divided.

    Attributes:
        updated: whether the last call has updated the parameters.
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[[Any, Any], Any],
        optimizer: Any,
        max_norm: float | None,
        accumulate: int = 1,
    ) -> None:
        self.model, self.loss, self.optimizer, self.max_norm = model, loss, optimizer, max_norm
        self.penalized = any(module._penalties for module in model.modules())
        self.several = needs_closure(optimizer)
        self.cast = Cast(model)
        self.accumulate, self.waiting, self.weight = accumulate, 0, 0.0
        self.updated = True

    def __call__(self, inputs: tuple[Any, ...], target: Any) -> Found:
        """Take in a batch."""
        inputs = self.cast(inputs)
        if self.accumulate > 1:
            return self._add(inputs, target)
        first: list[Any] = []

        def closure() -> Any:
            self.optimizer.zero_grad()
            predictions, value = self._forward(inputs, target)
            total, penalty = total_loss("fit", self.model, value, self.penalized)
            numbers = numbers_of(value, penalty)
            check_finite(*numbers.values())
            total.backward()
            self._clip()
            if not first:
                first.extend((_detached(predictions), numbers))
            return total

        if self.several:
            self.optimizer.step(closure)
        else:
            with ag.enable_grad():
                closure()
            self.optimizer.step()
        return first[0], first[1]

    def _forward(self, inputs: tuple[Any, ...], target: Any) -> tuple[Any, Any]:
        predictions = self.model(*inputs)
        return predictions, self.loss(predictions, target)

    def _clip(self) -> None:
        if self.max_norm is not None:
            clip_grad_norm_((p for _, p in self.model.named_parameters()), self.max_norm)

    def _add(self, inputs: tuple[Any, ...], target: Any) -> Found:
        """Add the gradient of a batch, of its loss times what that was divided by."""
        if not self.waiting:
            self.optimizer.zero_grad()
        weight = divisor(self.loss, target)
        with ag.enable_grad():
            predictions, value = self._forward(inputs, target)
            total_loss("fit", self.model, value, False)
            numbers = numbers_of(value, self._penalty().detach() if self.penalized else None)
            check_finite(*numbers.values())
            scaled: Any = value if weight is None else value * weight
            scaled.backward()
        self.waiting += 1
        self.weight += 0.0 if weight is None else weight
        self.updated = self.waiting == self.accumulate
        if self.updated:
            self.finish()
        return _detached(predictions), numbers

    def finish(self) -> None:
        """Update by the batches that wait, if there are any: at the end of an epoch they may be fewer."""
        if not self.waiting:
            return
        weight, self.waiting, self.weight, self.updated = self.weight, 0, 0.0, True
        for p in self._leaves() if weight else ():
            if p.grad is not None:
                p.grad /= weight
        if self.penalized:
            with ag.enable_grad():
                self._penalty().backward()
        self._clip()
        self.optimizer.step()

    def _penalty(self) -> Any:
        return self.model.penalty()

    def _leaves(self) -> list[Tensor]:
        """Every parameter that may have a gradient."""
        found = [*self.model.parameters(), *(self.loss.parameters() if isinstance(self.loss, Module) else ())]
        found += [p for group in getattr(self.optimizer, "param_groups", ()) for p in group["params"]]
        return [*{id(p): p for p in found}.values()]


def _detached(predictions: Any) -> Any:
    return predictions.detach() if isinstance(predictions, Tensor) else predictions


class CompiledFitStep:
    """:class:`FitStep` as a program for each shape of batch."""

    def __init__(
        self, model: Module, loss: Callable[[Any, Any], Any], optimizer: Any, max_norm: float | None, predictions: bool
    ) -> None:
        from .compiling import CompiledStep

        self.step = CompiledStep(model, loss, optimizer, max_norm=max_norm, for_fit=True, predictions=predictions)
        self.predictions = predictions
        self.updated = True

    def __call__(self, inputs: tuple[Any, ...], target: Any) -> Found:
        """Take in a batch."""
        found = self.step(*as_arrays(inputs), *as_arrays((target,)))
        found = found if isinstance(found, tuple) else (found,)
        predictions = found[-1] if self.predictions else None
        loss, *penalty = found[:-1] if self.predictions else found
        return predictions, numbers_of(loss, penalty[0] if penalty else None)

    def finish(self) -> None:
        """Every batch has updated the parameters."""
