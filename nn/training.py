"""``fit``: the training loop, with validation, metrics, schedules, early stopping, and runs that can be resumed.

A loop of one's own is as short as in PyTorch, and nothing here is needed for it::

    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
"""

from __future__ import annotations

import contextlib
import logging
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autograd_np import tracing

from .argument_checks import check_roles, named_metrics
from .callbacks import Callback
from .checkpoints import check_path, load_checkpoint, save_checkpoint
from .defaults import default_generator
from .evaluation import Forward, Meter, evaluated, held_out_part, loader, split
from .fit_step import CompiledFitStep, FitStep
from .module import Module
from .schedules import ReduceLROnPlateau

__all__ = ["History", "Training", "fit"]

logger = logging.getLogger(__name__)


class History(Mapping[str, list[float]]):
    """What happened, epoch by epoch: a list of numbers for each of ``loss``, the metrics, ``val_loss``, …, ``lr``.

    >>> history = History([{"loss": 0.9, "lr": 0.1}, {"loss": 0.5, "lr": 0.1}])
    >>> history["loss"], history.last["loss"], len(history.rows)
    ([0.9, 0.5], 0.5, 2)
    """

    def __init__(self, rows: Iterable[Mapping[str, float]] = ()) -> None:
        self.rows: list[dict[str, float]] = [dict(row) for row in rows]
        self.stopped: str | None = None

    @property
    def last(self) -> dict[str, float]:
        """The row of the last epoch."""
        if not self.rows:
            raise IndexError("History: no epoch has been run")
        return self.rows[-1]

    def __getitem__(self, name: str) -> list[float]:
        names = [*self]
        if name not in names:
            raise KeyError(f"History: nothing is called {name!r}; there are {', '.join(names) or 'no epochs'}")
        return [row.get(name, math.nan) for row in self.rows]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={value:.4g}" for name, value in self.rows[-1].items()) if self.rows else "empty"
        return f"History({len(self.rows)} epochs; {last})"


class Training:
    """A run of :func:`fit`, as callbacks see it.

    Attributes:
        model: what is trained.
        optimizer: what trains it.
        loss: by what loss.
        history: the epochs so far.
        epoch: the number of the present one, from 1.
        epochs: how many there shall be.
    """

    def __init__(self, model: Module, optimizer: Any, epochs: int, loss: Any = None) -> None:
        self.model, self.optimizer, self.epochs, self.loss = model, optimizer, epochs, loss
        self.history = History()
        self.epoch = 0

    def stop(self, reason: str = "a callback stopped it") -> None:
        """End training: after this batch, with what follows an epoch, or after this epoch if it is over."""
        self.history.stopped = reason


def _generators(model: Module) -> dict[str, np.random.Generator]:
    """The generators that a run draws from: the default one, and those that layers hold, by path."""
    found = {"": default_generator()}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, np.random.Generator) and value is not found[""]:
                found[f"{path}.{name}"] = value
    return found


def _stateful(thing: Any) -> bool:
    return hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict")


def fit(
    model: Module,
    loss: Callable[[Any, Any], Any],
    optimizer: Any,
    data: Any,
    epochs: int,
    *,
    validation: Any = None,
    metrics: Any = (),
    schedule: Any = None,
    schedule_every: str = "epoch",
    callbacks: Callback | Sequence[Callback] = (),
    batch_size: int = 32,
    max_norm: float | None = None,
    progress: bool | None = None,
    log_every: int = 1,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 1,
    resume: bool = False,
    compile: bool = False,
    accumulate: int = 1,
    validation_split: float = 0.0,
) -> History:
    """Train a model.

    Args:
        model: what is trained. It is put into training mode, and left in evaluation mode, ready for use.
        loss: called with (predictions, target); gives one number. What ``model.regularize(…)`` asked for is added for the update, and
            stands in the history apart, as ``penalty``.
        optimizer: of the model's parameters. LBFGS works too, and any object with ``zero_grad()`` and ``step()``.
        data: arrays or nested lists ``(X, y)``, which are shuffled, a Dataset, a DataLoader, or an iterable of batches ``(inputs …, target)``.
        epochs: how many there shall be in all; a resumed run counts those before the interruption.
        validation: data of the same kinds, evaluated after each epoch: ``val_loss``, ``val_accuracy``, …
        metrics: metrics (see :mod:`nn.metrics`) or functions of (predictions, target), in a list or by name in a dict. On the training
            data they are those of the forward passes made for the updates.
        schedule: a learning-rate schedule (see :mod:`nn.schedules`).
        schedule_every: it takes a step after each ``"epoch"`` or after each ``"batch"``. ReduceLROnPlateau is given val_loss, or else loss.
        callbacks: see :class:`nn.Callback`, :class:`nn.EarlyStopping`.
        batch_size: for arrays and datasets.
        max_norm: clip the norm of all gradients together to this.
        progress: show a progress bar (``pip install "autograd-np[examples]"`` brings tqdm). None: if it can, on a terminal.
        log_every: every so many epochs the row of the history is logged by the logger ``nn.training`` at level INFO.
        checkpoint: a ``.npz`` file that holds the whole state of the run after every ``checkpoint_every`` epochs and at the end.
        checkpoint_every: see there.
        resume: go on from that file if it exists. A run that was interrupted and resumed gives, bit for bit, what the uninterrupted one gives.
        compile: run training steps and evaluations as NumPy programs, see :func:`~nn.compile_step`: the same run to rounding. The model, the loss and
            the optimizer must be such as can be compiled; metrics, callbacks and schedules are called as they are.
        accumulate: update after so many batches, by the gradient of all of them together: as one large batch would, without its memory. (What a
            layer computes of a batch, as batch normalization does, it computes of each.) Not with ``compile``.
        validation_split: hold out the last samples of arrays, so large a part of them, as ``validation``.

    Returns:
        The history: loss, metrics and learning rate of every epoch. Ctrl-C ends training: the callbacks' ``on_train_end`` is called, so that
        EarlyStopping restores the best weights, ``history.stopped`` and a logged warning say so, and another ``fit`` goes on.

    Raises:
        FloatingPointError: the loss became infinite or NaN. The parameters are those before the step (running statistics have moved,
            unless it is compiled).
        TypeError, ValueError: arguments that do not fit.
        autograd_np.CompileError: with ``compile``: the model or the loss looks at numbers.

    >>> import nn
    >>> generator = nn.manual_seed(0)
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    >>> history = fit(model, nn.MSELoss(), nn.Adam(model.parameters(), lr=0.02), (x, x**2), epochs=60)
    >>> history.last["loss"] < 0.01
    True
    """
    if schedule_every not in ("epoch", "batch"):
        raise ValueError(f"fit: schedule_every is 'epoch' or 'batch', not {schedule_every!r}")
    if epochs < 0 or log_every < 1 or checkpoint_every < 1:
        raise ValueError(
            f"fit: epochs = {epochs} must not be negative; log_every = {log_every} and checkpoint_every = {checkpoint_every} at least 1"
        )
    if accumulate < 1 or accumulate != int(accumulate):
        raise ValueError(f"fit: accumulate is a whole number of batches, at least 1, not {accumulate!r}")
    if validation_split:
        if validation is not None:
            raise ValueError("fit: give validation= or validation_split=, not both")
        data, validation = held_out_part(data, validation_split)
    if resume and checkpoint is None:
        raise ValueError("fit: resume=True needs checkpoint=, the file to go on from")
    hooks: list[Callback] = [*callbacks] if isinstance(callbacks, (list, tuple)) else [callbacks]  # type: ignore[list-item]  # checked next
    check_roles(model, loss, optimizer, schedule, hooks)
    if checkpoint is not None:
        check_path(checkpoint)
    measures = named_metrics(metrics)
    for name in measures.keys() & {"loss", "penalty", "lr"}:
        raise ValueError(
            f"metrics: the name {name!r} is taken by the history itself; give a dict of other names and metrics"
        )
    batches = loader(data, batch_size, True)
    held_out = None if validation is None else loader(validation, max(batch_size, 256), False)
    run = Training(model, optimizer, epochs, loss)
    parts = {
        "optimizer": optimizer,
        "schedule": schedule,
        "data": batches,
        **{f"callback {i}": hook for i, hook in enumerate(hooks)},
    }
    if isinstance(loss, Module) and any(True for _ in loss.parameters()):
        parts["loss"] = loss
    if getattr(held_out, "rng", None) is not None:
        parts["validation"] = held_out
    parts = {name: part for name, part in parts.items() if _stateful(part)}
    if resume and checkpoint is not None and Path(checkpoint).exists():
        _restore(checkpoint, run, parts)
    tracing.keep_freed_memory()  # of the batches: a program takes none
    plain = FitStep(model, loss, optimizer, max_norm, accumulate)
    if accumulate > 1 and (compile or plain.several):
        what = (
            "compile=True"
            if compile
            else f"{type(optimizer).__name__}, which computes the loss several times in a step"
        )
        raise ValueError(f"fit: accumulate = {accumulate} does not go with {what}; give larger batches")
    step = CompiledFitStep(model, loss, optimizer, max_norm, bool(measures)) if compile else plain
    forward = Forward(model, loss, compile, bool(measures))
    try:
        for hook in hooks:
            hook.on_train_begin(run)
        with _bar(progress, batches, epochs, run.epoch) as bar:
            while run.epoch < epochs and run.history.stopped is None:
                run.epoch += 1
                model.train()
                for hook in hooks:
                    hook.on_epoch_begin(run)
                row = _epoch(step, batches, measures, schedule if schedule_every == "batch" else None, hooks, run, bar)
                if held_out is not None:
                    row |= {f"val_{name}": value for name, value in evaluated(forward, held_out, measures).items()}
                if getattr(optimizer, "param_groups", None):
                    row["lr"] = float(optimizer.param_groups[0]["lr"])
                if schedule is not None and schedule_every == "epoch":
                    _advance(schedule, row)
                run.history.rows.append(row)
                for hook in hooks:
                    hook.on_epoch_end(run, row)
                bar(0, row)
                if run.epoch % log_every == 0 or run.epoch == epochs:
                    logger.info(
                        "epoch %d of %d: %s",
                        run.epoch,
                        epochs,
                        ", ".join(f"{name} {value:.4g}" for name, value in row.items()),
                    )
                last = run.epoch == epochs or run.history.stopped is not None
                if checkpoint is not None and (last or run.epoch % checkpoint_every == 0):
                    _store(checkpoint, run, parts)
        if run.history.stopped is not None:
            logger.info("stopped after epoch %d: %s", run.epoch, run.history.stopped)
        for hook in hooks:
            hook.on_train_end(run)
    except KeyboardInterrupt as interrupt:
        run.history.stopped = f"interrupted in epoch {run.epoch} of {epochs}"
        again = "fit(resume=True) goes on from its last epoch" if checkpoint is not None else "call fit again to go on"
        notes = "".join(f"; {note}" for note in getattr(interrupt, "__notes__", ()))
        logger.warning(
            "fit: %s; the history has the %d epochs before it; %s%s",
            run.history.stopped,
            len(run.history.rows),
            again,
            notes,
        )
        for hook in hooks:
            hook.on_train_end(run)
    finally:
        model.eval()
    return run.history


def _epoch(
    step: FitStep | CompiledFitStep,
    batches: Any,
    metrics: Mapping[str, Any],
    schedule: Any,
    hooks: list[Callback],
    run: Training,
    bar: Any,
) -> dict[str, float]:
    meter = Meter(metrics, run.loss)
    for batch in batches:
        inputs, target, size = split(batch)
        predictions, numbers = step(inputs, target)
        if schedule is not None and step.updated:
            _advance(schedule, numbers)
        meter.add(size, predictions, target, **numbers)
        for hook in hooks:
            hook.on_batch_end(run, numbers["loss"])
        bar(1, numbers)
        if run.history.stopped is not None:
            break
    if not step.updated:
        step.finish()
        if schedule is not None:
            _advance(schedule, numbers)
    return meter.row()


def _advance(schedule: Any, row: Mapping[str, float]) -> None:
    if isinstance(schedule, ReduceLROnPlateau):
        schedule.step(row.get("val_loss", row["loss"]))
    else:
        schedule.step()


def _store(path: str | Path, run: Training, parts: Mapping[str, Any]) -> None:
    save_checkpoint(
        path,
        model=run.model.state_dict(),
        epoch=run.epoch,
        history=run.history.rows,
        stopped=run.history.stopped,
        generators={name: generator.bit_generator.state for name, generator in _generators(run.model).items()},
        parts={name: part.state_dict() for name, part in parts.items()},
    )


def _restore(path: str | Path, run: Training, parts: Mapping[str, Any]) -> None:
    state = load_checkpoint(path)
    generators = _generators(run.model)
    for what, here, there in (
        ("parts", parts, state.get("parts", {})),
        ("generators", generators, state.get("generators", {})),
    ):
        if set(here) != set(there):
            raise ValueError(
                f"fit: {path} belongs to another run: its {what} are {sorted(there)}, here they are {sorted(here)}"
            )
    before = [(part, part.state_dict()) for part in (run.model, *parts.values())]
    try:
        run.model.load_state_dict(state["model"])
        for name, part in parts.items():
            part.load_state_dict(state["parts"][name])
    except Exception as error:
        for part, own in before:
            part.load_state_dict(own)
        error.add_note(f"fit: {path} belongs to another run; everything is as it was")
        raise
    for name, generator in generators.items():
        generator.bit_generator.state = state["generators"][name]
    run.epoch = state["epoch"]
    run.history = History(state["history"])
    # What was stopped early stays stopped; a run that had come to its end can be made longer.
    run.history.stopped = state["stopped"]


@contextlib.contextmanager
def _bar(
    progress: bool | None, batches: Any, epochs: int, done: int
) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """A progress bar over all steps: a function of the steps taken and the numbers to show."""
    if progress is False or (progress is None and not sys.stderr.isatty()):
        yield lambda count, numbers: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        if progress:
            raise ImportError(
                'fit: the progress bar is tqdm\'s; pip install "autograd-np[examples]", or progress=False'
            ) from None
        yield lambda count, numbers: None
        return
    steps = len(batches) if hasattr(batches, "__len__") else None
    with tqdm(
        total=None if steps is None else steps * epochs,
        initial=0 if steps is None else steps * done,
        unit="step",
        dynamic_ncols=True,
    ) as bar:

        def show(count: int, numbers: Mapping[str, float]) -> None:
            if not count:
                bar.set_postfix({name: f"{value:.4g}" for name, value in numbers.items()})
            bar.update(count)

        yield show
