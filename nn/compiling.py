"""``compile_step``: a whole training step as one NumPy program."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import autograd_np as ag
from autograd_np import Tensor, tracing

from .argument_checks import check_finite, check_model_and_loss, check_trained, kind, total_loss
from .evaluation import Cast
from .losses.shared import raw
from .module import Module
from .optim import LBFGS, Optimizer, traced
from .utils import clip_grad_norm_

__all__ = ["CompiledStep", "compile_step"]


class _Step:
    """A step as it is without a compiler.

    With ``for_fit`` it looks whether the loss is finite before anything is updated, and returns (loss, penalty, predictions): the
    penalty where the model has one, the predictions where they are wanted; the loss alone without both.
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[[Any, Any], Any],
        optimizer: Optimizer,
        max_norm: float | None,
        for_fit: bool,
        predictions: bool,
    ) -> None:
        self.model, self.loss, self.optimizer, self.max_norm, self.for_fit, self.predictions = (
            model,
            loss,
            optimizer,
            max_norm,
            for_fit,
            predictions,
        )
        self.who = "fit" if for_fit else "compile_step"

    def leaves(self) -> list[Tensor]:
        """Every parameter that may get a gradient."""
        found = {id(p): p for p in self.model.parameters()}
        if isinstance(self.loss, Module):
            found |= {id(p): p for p in self.loss.parameters()}
        found |= {id(p): p for group in self.optimizer.param_groups for p in group["params"]}
        return [p for p in found.values() if p.requires_grad]

    def __call__(self, *batch: Any) -> Any:
        if len(batch) < 2:
            raise TypeError(
                f"{self.who}: a step takes the inputs and, last, the target; got {len(batch)} argument{'' if len(batch) == 1 else 's'}"
            )
        *inputs, target = batch
        inputs = [*Cast(self.model)(tuple(inputs))]
        tracing_now = tracing.is_tracing()
        if tracing_now:
            self.describe(batch)
        kept = [(p, p.grad) for p in self.leaves()]
        for p, _ in kept:
            p.grad = None
        try:
            with ag.enable_grad():
                predictions = self.model(*inputs)
                value = self.loss(predictions, target)
                total, penalty = total_loss(self.who, self.model, value)
                if self.for_fit:
                    tracing.require(check_finite, *[raw(part) for part in (value, penalty) if part is not None])
                total.backward()
            if tracing_now:
                with tracing.section("update"):
                    self.update()
            else:
                self.update()
        finally:
            for p, grad in kept:
                p.grad = grad
        if not self.for_fit:
            return value.detach()
        found = [_detached(part) for part in (value, penalty) if part is not None]
        if self.predictions:
            found.append(_detached(predictions))
        return found[0] if len(found) == 1 else tuple(found)

    def describe(self, batch: tuple[Any, ...]) -> None:
        """Say what the program is, and what its arguments are called."""
        loss = getattr(self.loss, "__name__", type(self.loss).__name__)
        tracing.about(
            "step", f"One training step of {type(self.model).__name__} with {loss} and {type(self.optimizer).__name__}."
        )
        words = list(inspect.signature(self.model.forward).parameters)[: len(batch) - 1]
        words += [f"x{i}" for i in range(len(words), len(batch) - 1)]
        if len(words) == 1 and words[0] in ("input", "inputs", "args"):
            words = ["x"]
        for item, word in zip(batch, [*words, "y" if "y" not in words else "target"], strict=True):
            tracing.name(item, word)

    def update(self) -> None:
        """Clip, and let the optimizer step."""
        if self.max_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.max_norm)
        self.optimizer.step()


def _detached(tree: Any) -> Any:
    """A tree of results without their tape."""
    return ag.tree_map(lambda t: t.detach() if isinstance(t, Tensor) else t, tree)


class CompiledStep(ag.Compiled[..., Any]):
    """What :func:`compile_step` returns: ``step(*inputs, target)`` trains, and gives the loss.

    It is an ``autograd_np.Compiled``: ``source``, ``cache_info()`` and the rest work as there.

    Attributes:
        model: what is trained.
        loss: with which loss.
        optimizer: by which optimizer.
    """

    _reads_gradients = False
    _replays_first = True  # so that the first call gives the same bits as the later ones

    def __init__(
        self,
        model: Module,
        loss: Callable[[Any, Any], Any],
        optimizer: Any,
        *,
        max_norm: float | None = None,
        backend: str = "numpy",
        for_fit: bool = False,
        predictions: bool = False,
    ) -> None:
        _check("fit(compile=True)" if for_fit else "compile_step", model, loss, optimizer, max_norm)
        options = {"max_norm": max_norm, "backend": backend, "for_fit": for_fit, "predictions": predictions}
        self._made_with = (model, loss, optimizer), options
        super().__init__(_Step(model, loss, optimizer, max_norm, for_fit, predictions), backend=backend)
        vars(self).pop("__doc__", None)
        self.model, self.loss, self.optimizer = model, loss, optimizer

    def _prepare(self) -> None:
        traced.relocate(self.optimizer)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self._state = (self.model, self.loss, *parameters)

    def made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that make such a one again."""
        return self._made_with

    def __repr__(self) -> str:
        return f"CompiledStep({type(self.model).__name__}, {getattr(self.loss, '__name__', type(self.loss).__name__)}, {type(self.optimizer).__name__})"


def _check(who: str, model: Any, loss: Any, optimizer: Any, max_norm: Any) -> None:
    """Say what an argument should be before anything has happened."""
    check_model_and_loss(who, model, loss)
    if isinstance(optimizer, LBFGS):
        raise TypeError(
            f"{who}: LBFGS computes the loss several times in a step, as often as its numbers ask for; train with it uncompiled"
        )
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{who}: the optimizer is one of nn.optim, or derived from nn.Optimizer, whose update can be traced; not {kind(optimizer)}"
        )
    if not who.startswith("fit"):  # fit has looked
        check_trained(who, model, loss, optimizer)
    for name in ("step", "zero_grad", "_update_all"):
        if name in vars(optimizer) or getattr(type(optimizer), name) is not getattr(Optimizer, name):
            raise TypeError(
                f"{who}: {type(optimizer).__name__} has a {name}() of its own, of which a program would know nothing; define update(), "
                "or train with it uncompiled"
            )
    if max_norm is not None and (
        isinstance(max_norm, bool) or not isinstance(max_norm, (int, float)) or not max_norm >= 0
    ):
        raise ValueError(f"{who}: max_norm is a number of at least 0, or None; got {max_norm!r}")


def compile_step(
    model: Module,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    *,
    max_norm: float | None = None,
    backend: str = "numpy",
) -> CompiledStep:
    """Compile a training step: forward, backward and update become one NumPy program, which later calls replay.

    ``step(*inputs, target)`` does, with the optimizer's rule U and state s,

    ::

        L = loss(model(*inputs), target)
        g = ∂(L + model.penalty()) / ∂p           for every parameter p of the optimizer
        g ← g · min(1, max_norm / (‖g‖ + 1e-6))   if max_norm is given, ‖g‖ over all parameters of the model
        p, s ← U(p, s, g)

    in place, in the arrays that the model and the optimizer hold, and returns L. The first call with arguments of a shape and dtype
    runs the step uncompiled and writes the program down; another shape (a smaller last batch), ``model.eval()``, a parameter frozen or
    a module exchanged make another program. Rates may be changed between steps, by schedules or by hand; options that switch
    something on (a weight decay that was 0) make another program. Dropout draws from the generators it would draw from uncompiled,
    in the same order. What is neither an argument nor state, and cannot change unseen, is part of the program.

    Args:
        model: what is trained, in the mode that it is in.
        loss: called with (predictions, target); gives one number.
        optimizer: one of ``nn``'s but LBFGS, or one derived from :class:`nn.Optimizer` by ``slots``, ``coefficients`` and ``update``.
        max_norm: clip the norm of all gradients together to this, as ``nn.utils.clip_grad_norm_`` does.
        backend: as for ``autograd_np.compile``.

    Returns:
        The step. The losses and parameters are those of an uncompiled step up to the order of a few sums: a few units in the last
        place per step. ``.grad`` of the parameters is neither read nor changed.

    Raises:
        TypeError: an argument of another kind; LBFGS, which computes the loss several times; an optimizer whose ``step`` is its own.
        ValueError: ``max_norm`` is negative or NaN.
        autograd_np.CompileError: at the first call: the model or the loss looks at numbers (``if loss > 3``, ``float(x)``).

    A call that raises, because of a bad label, leaves parameters, optimizer and running statistics as they were; the random
    generators may have moved on. If it was interrupted while it wrote, a note in the exception says so, and the next step or
    ``optimizer.state_dict()`` warns.

    >>> import nn
    >>> generator = nn.manual_seed(0)
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    >>> step = compile_step(model, nn.MSELoss(), nn.Adam(model.parameters(), lr=0.02))
    >>> losses = [step(x, x**2).item() for _ in range(200)]
    >>> losses[-1] < 0.01 < losses[0]
    True
    >>> step.cache_info().hits, step.cache_info().misses
    (199, 1)
    """
    return CompiledStep(model, loss, optimizer, max_norm=max_norm, backend=backend)
