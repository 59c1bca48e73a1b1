"""Steps that are cut in two, by Ctrl-C at any instruction or by an error: whole, or they say so, and can be made
whole."""

from __future__ import annotations

import copy
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.engine import modes
from nn import optim
from nn.optim import lr_scheduler

KINDS: dict[str, Callable[..., optim.Optimizer]] = {
    "SGD": lambda ps: optim.SGD(ps, lr=0.1, momentum=0.9, weight_decay=0.01),
    "Adam": lambda ps: optim.Adam(ps, lr=0.1, amsgrad=True),
    "AdamW": lambda ps: optim.AdamW(ps, lr=0.1),
    "NAdam": lambda ps: optim.NAdam(ps, lr=0.1),
    "RAdam": lambda ps: optim.RAdam(ps, lr=0.1),
    "Adagrad": lambda ps: optim.Adagrad(ps, lr=0.1),
    "RMSprop": lambda ps: optim.RMSprop(ps, lr=0.1, momentum=0.9, centered=True),
    "Adadelta": lambda ps: optim.Adadelta(ps, lr=0.1),
    "Lion": lambda ps: optim.Lion(ps, lr=0.1, weight_decay=0.01),
    "LBFGS": lambda ps: optim.LBFGS(ps, lr=0.1, max_iter=2),
    "LBFGS with a line search": lambda ps: optim.LBFGS(ps, max_iter=2, line_search_fn="strong_wolfe"),
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Packs, and parameters in blocks, of a few numbers."""
    monkeypatch.setattr(optim.Optimizer, "pack_below", 12)
    monkeypatch.setattr(optim.Optimizer, "block", 8)
    errors, active = np.geterr(), modes.ACTIVE[0]
    yield
    # An interrupt between the end of a block and the `__exit__` of its `with` skips the latter; nothing in Python can
    # help it.
    np.seterr(**errors)  # type: ignore[arg-type]
    modes.ACTIVE[0] = active


class Run:
    """An optimizer, its parameters, and their gradients at each step."""

    def __init__(self, kind: str) -> None:
        rng = np.random.default_rng(0)
        self.params = [ag.Tensor(rng.normal(size=shape), requires_grad=True) for shape in [(2, 3), (4,), (5, 4), (3,)]]
        groups: Any = (
            self.params
            if kind.startswith("LBFGS")
            else [{"params": self.params[:3]}, {"params": self.params[3:], "lr": 0.05}]
        )
        self.optimizer = KINDS[kind](groups)
        self.closure = kind.startswith("LBFGS")
        self.steps = 0

    def loss(self) -> ag.Tensor:
        self.optimizer.zero_grad()
        loss = sum(
            (ag.sum((p - 1.0) ** 2 * np.arange(1.0, 1.0 + p.size).reshape(p.shape)) for p in self.params),
            ag.Tensor(0.0),
        )
        loss.backward()
        return loss

    def step(self) -> None:
        if self.closure:
            self.optimizer.step(self.loss)
            return
        self.loss()
        if self.steps == 0:
            self.params[1].grad = None  # it waits, and its count differs
        self.steps += 1
        self.optimizer.step()

    def prepare(self) -> None:
        """Compute the gradients alone."""
        self.step = self.optimizer.step if not self.closure else self.step  # type: ignore[method-assign]
        if not self.closure:
            self.loss()

    def found(self) -> bytes:
        """Every bit of parameters and state; state that has been made, and not been used, is no state."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            state = self.optimizer.state_dict()
        parts: list[Any] = [p.numpy() for p in self.params]
        for index, values in state["state"].items():
            if values.get("step") == 0:
                continue
            for name, value in values.items():
                parts += [index, name, *(value if isinstance(value, list) else [value])]
        return b"".join([part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode() for part in parts])


def interrupted(
    call: Callable[[], Any], at: int, where: str, error: BaseException | None = None
) -> tuple[BaseException | None, int]:
    """Call, and raise KeyboardInterrupt at an instruction of the files in a folder; what came out, and how many
    instructions were run."""
    count = 0

    def local(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
            if count - 1 == at:
                raise KeyboardInterrupt
        return local

    def begin(frame: Any, event: str, argument: Any) -> Any:
        if where not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        return local

    before = sys.gettrace()
    sys.settrace(begin)
    try:
        call()
    except KeyboardInterrupt as caught:
        error = caught
    finally:
        sys.settrace(before)
    return error, count


def notes(error: BaseException | None) -> str:
    return "\n".join(getattr(error, "__notes__", ()))


OPTIM = str(Path(optim.__file__).parent)


@pytest.mark.parametrize("done", [0, 1, 15])  # the first step makes the state; the sixteenth flushes it
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trials", [30, pytest.param(10**9, marks=pytest.mark.full)])
def test_a_step_is_whole_or_says_so(kind: str, done: int, trials: int) -> None:
    def ready() -> Run:
        run = Run(kind)
        for _ in range(done):
            run.step()
        run.prepare()
        return run

    run = ready()
    old, kept = run.found(), ([p.numpy().copy() for p in run.params], run.optimizer.state_dict())
    run.step()
    new = run.found()
    assert old != new
    _, count = interrupted(ready().step, -1, OPTIM)
    rng = np.random.default_rng(done)
    said = 0
    for at in range(count) if trials >= count else rng.choice(count, trials, replace=False):
        run = ready()
        error, _ = interrupted(run.step, int(at), OPTIM)
        found = run.found()
        if error is None:  # it came when everything was done, and something of NumPy's swallowed it
            assert found == new
            continue
        if "partly" in notes(error):
            said += 1
            assert not kind.startswith("LBFGS")
            with pytest.warns(RuntimeWarning, match="interrupted while it wrote"):
                run.optimizer.state_dict()
            if at % 2:  # the remedy
                for p, values in zip(run.params, kept[0], strict=True):
                    p.writable()[...] = values
                run.optimizer.load_state_dict(kept[1])
                run.optimizer.state_dict()  # without a warning
                if not run.closure:
                    run.loss()
                run.step()
                assert run.found() == new, at
            else:
                with pytest.warns(RuntimeWarning, match="goes on from"):
                    run.step()
                run.step()
            continue
        assert found in (old, new), at
        run.optimizer.state_dict()
        if found == old:
            run.step()
            assert run.found() == new, at
    assert kind.startswith("LBFGS") or said > 0


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer of signals")
def test_interrupts_as_they_come() -> None:
    def ring(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, ring)
    rng = np.random.default_rng(0)
    ways = {"said": 0, "old": 0, "new": 0}
    try:
        for _ in range(200):
            run, other = Run("Adam"), Run("Adam")
            for one in (run, other):
                one.step()
                one.prepare()
            old = run.found()
            other.optimizer.step()
            new = other.found()
            error: BaseException | None = None
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, 4e-4))
                    run.optimizer.step()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt as caught:
                error = caught
            found = run.found()
            if "partly" in notes(error):
                ways["said"] += 1
                with pytest.warns(RuntimeWarning, match="interrupted while it wrote"):
                    run.optimizer.state_dict()
            else:
                assert found in (old, new)
                assert error is not None or found == new
                ways["old" if found == old else "new"] += 1
                run.optimizer.state_dict()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert ways["said"] > 0, ways


# ------------------------------------------------------------------------------------------ compiled steps


class Compiled:
    """A compiled training step, and everything that it writes."""

    def __init__(self) -> None:
        nn.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        self.optimizer = nn.Adam(self.model.parameters(), lr=0.1)
        self.program = nn.compile_step(self.model, nn.MSELoss(), self.optimizer)
        rng = np.random.default_rng(0)
        self.batch = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(5, 2)).astype(np.float32)
        for _ in range(3):
            self.step()
        self.start = copy.deepcopy(self.model.state_dict()), self.optimizer.state_dict()

    def step(self) -> None:
        self.program(*self.batch)

    def rewind(self) -> None:
        self.model.load_state_dict(self.start[0])
        self.optimizer.load_state_dict(self.start[1])

    def found(self) -> bytes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            state = self.optimizer.state_dict()["state"]
        return b"".join(
            np.asarray(value).tobytes()
            for part in (self.model.state_dict(), *state.values())
            for value in part.values()
        )

    def check(self, error: BaseException | None, old: bytes, new: bytes) -> bool:
        """A step that is over is whole or says so, in the exception and to the next; returns whether it said so."""
        if "partly" in notes(error):
            with pytest.warns(RuntimeWarning, match="Adam saves what a step left that was interrupted while it wrote"):
                self.optimizer.state_dict()
            with pytest.warns(RuntimeWarning, match="Adam goes on from"):
                self.step()
            self.step()  # without a warning
            self.optimizer.state_dict()
            return True
        found = self.found()
        assert found in (old, new)
        assert error is not None or found == new
        self.optimizer.state_dict()
        return False


def test_a_compiled_step_is_whole_or_says_so() -> None:
    run = Compiled()
    run.rewind()
    run.step()
    run.rewind()
    old = run.found()
    run.step()
    new = run.found()
    program = "<autograd_np program"
    run.rewind()
    _, count = interrupted(run.step, -1, program)
    said = []
    for at in np.random.default_rng(0).choice(count, 25, replace=False):
        run.rewind()
        run.step()  # (loading has put other arrays there)
        run.rewind()
        error, _ = interrupted(run.step, int(at), program)
        assert error is not None
        said.append(run.check(error, old, new))
    assert 0 < sum(said) < len(said)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer of signals")
def test_interrupts_of_compiled_steps_as_they_come() -> None:
    def ring(*_: Any) -> None:
        raise KeyboardInterrupt

    run, twin = Compiled(), Compiled()
    before = signal.signal(signal.SIGALRM, ring)
    rng = np.random.default_rng(0)
    said = 0
    try:
        for _ in range(400):
            old = run.found()
            twin.step()
            new = twin.found()
            error: BaseException | None = None
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, 1.5e-4))
                    run.step()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt as caught:
                error = caught
            if run.check(error, old, new):
                said += 1
                run, twin = Compiled(), Compiled()
            elif run.found() == old:
                run.step()
                assert run.found() == new
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert said > 0


# ------------------------------------------------------------------------------------------ errors in a step


def test_an_error_that_can_be_foreseen_leaves_everything() -> None:
    def wrong_option(run: Run) -> None:
        run.optimizer.param_groups[1]["lr"] = "fast"

    def two_numbers(run: Run) -> None:
        run.optimizer.param_groups[1]["lr"] = np.array([1.0, 2.0])

    for kind in KINDS:
        if kind.startswith("LBFGS"):
            continue
        for spoil in (wrong_option, two_numbers):
            run = Run(kind)
            run.step()
            run.prepare()
            spoil(run)
            before = run.found()
            with pytest.raises((TypeError, ValueError)) as caught:
                run.step()
            assert notes(caught.value) == ""
            assert run.found() == before
            run.optimizer.param_groups[1]["lr"] = 0.05
            run.optimizer.step()


def test_memory_that_cannot_be_written_is_named_before_the_step() -> None:
    fixed = np.ones(3)
    fixed.flags.writeable = False
    params = [ag.Tensor(np.ones(2), requires_grad=True), ag.Tensor(fixed, requires_grad=True)]
    optimizer = optim.Adam(params)
    for p in params:
        p.grad = np.ones(p.shape)
    with pytest.raises(ValueError, match=r"Adam: a parameter \(3,\) float64 lies in memory that is read-only"):
        optimizer.step()
    assert params[0].tolist() == [1.0, 1.0]
    assert optimizer.state_dict()["state"] == {}


class Failing(optim.Optimizer):
    """An update that fails at the third stretch."""

    calls = 0

    def coefficients(self, group: Any, counters: Any) -> Any:
        return (counters[0] + 1,), (group["lr"],), None

    def update(self, group: Any, p: Any, g: Any, state: Any, c: Any, w: Any, phase: Any) -> None:
        type(self).calls += 1
        if type(self).calls == 3:
            raise ZeroDivisionError("one of the user's")
        np.subtract(p, c[0] * g, p)


def test_an_error_in_an_update_of_ones_own_says_what_is_written() -> None:
    params = [ag.Tensor(np.ones(20), requires_grad=True), ag.Tensor(np.ones(20), requires_grad=True)]
    optimizer = Failing(params, {"lr": 0.5})
    for p in params:
        p.grad = np.ones(20)
    with pytest.raises(ZeroDivisionError) as caught:
        optimizer.step()
    assert "Failing: the step was interrupted while it wrote: parameters and state are partly" in notes(caught.value)
    with pytest.warns(RuntimeWarning, match="Failing saves what a step left that was interrupted"):
        state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    optimizer.step()


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_a_closure_that_raises_leaves_lbfgs_as_it_was(search: str | None) -> None:
    run = Run("LBFGS")
    run.optimizer.param_groups[0].update(line_search_fn=search, max_iter=5, max_eval=20)
    run.step()
    before = run.found()
    calls = 0

    def closure() -> ag.Tensor:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise FloatingPointError("the loss is nan")
        return run.loss()

    with pytest.raises(FloatingPointError):
        run.optimizer.step(closure)
    assert run.found() == before
    run.optimizer.step(run.loss)


def test_fit_says_so_too(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    model = nn.Linear(2, 1)
    optimizer = optim.Adam(model.parameters())
    update = optim.Adam.update

    def stop(self: Any, *arguments: Any) -> None:
        update(self, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(optim.Adam, "update", stop)
    data = (np.ones((4, 2), np.float32), np.ones((4, 1), np.float32))
    history = nn.fit(model, nn.MSELoss(), optimizer, data, epochs=1, progress=False)
    assert history.stopped == "interrupted in epoch 1 of 1"
    assert "the step was interrupted while it wrote" in caplog.text


# ------------------------------------------------------------------------------------------ other writers


def test_a_state_that_is_loaded_in_part_says_so() -> None:
    nn_folder = str(Path(nn.__file__).parent)
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    old = {name: value.copy() for name, value in model.state_dict().items()}
    new = {name: value + 1.0 for name, value in old.items()}
    _, count = interrupted(lambda: model.load_state_dict(new), -1, nn_folder)
    for at in range(0, count, 5):
        model.load_state_dict(old)
        error, _ = interrupted(lambda: model.load_state_dict(new), at, nn_folder)
        found = model.state_dict()
        whole = any(all(np.array_equal(found[name], state[name]) for name in state) for state in (old, new))
        assert whole or "load it again" in notes(error), at


def test_an_optimizer_that_is_loaded_in_part_is_loaded_again() -> None:
    run = Run("Adam")
    run.step()
    run.step()
    saved = run.optimizer.state_dict()
    want = run.found()
    _, count = interrupted(lambda: run.optimizer.load_state_dict(saved), -1, OPTIM)
    for at in range(0, count, 11):
        interrupted(lambda: run.optimizer.load_state_dict(saved), at, OPTIM)
        run.optimizer.load_state_dict(saved)
        assert run.found() == want, at


def test_clipping_and_schedules_say_so() -> None:
    run = Run("SGD")
    run.loss()
    change = str(Path(nn.__file__).parent / "utils.py")
    _, count = interrupted(lambda: nn.utils.clip_grad_norm_(run.params, 1e-3), -1, change)
    said = 0
    for at in range(count):
        run.loss()
        before = [p.grad.copy() for p in run.params]
        error, _ = interrupted(lambda: nn.utils.clip_grad_norm_(run.params, 1e-3), at, change)
        kept = [bool(np.array_equal(p.grad, g)) for p, g in zip(run.params, before, strict=True)]
        assert len({*kept}) == 1 or "compute them anew" in notes(error)
        said += "compute them anew" in notes(error)
    assert said > 0
    _, count = interrupted(lambda: nn.utils.clip_grad_value_(run.params, 1e-3), -1, change)
    said = 0
    for at in range(count):
        run.loss()
        error, _ = interrupted(lambda: nn.utils.clip_grad_value_(run.params, 1e-3), at, change)
        clipped = [bool(np.abs(p.grad).max() <= 1e-3) for p in run.params]
        assert len({*clipped}) == 1 or "clip them again" in notes(error)
        said += "clip them again" in notes(error)
    assert said > 0
    schedule = lr_scheduler.ExponentialLR(run.optimizer, 0.5)
    error, _ = interrupted(schedule.step, 12, str(Path(lr_scheduler.__file__).parent))
    assert "its count and the rates" in notes(error)
