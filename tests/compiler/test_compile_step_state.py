"""``nn.compile_step``: what may change between steps, what shares memory, what is refused, and what is left when a step raises."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from stepping import LABELS, RNG, X, Y, close, compared, eager, network, same_state

import autograd_np as ag
import nn

D = np.float64
SCHEDULES: dict[str, Any] = {
    "StepLR": lambda o: nn.schedules.StepLR(o, 5, gamma=0.5),
    "CosineAnnealingLR": lambda o: nn.schedules.CosineAnnealingLR(o, 40),
    "OneCycleLR": lambda o: nn.schedules.OneCycleLR(o, max_lr=0.1, total_steps=60),
    "LinearLR": lambda o: nn.schedules.LinearLR(o, start_factor=0.1, total_iters=10),
}


def made(kind: Any = nn.Adam, dtype: Any = D, **options: Any) -> tuple[nn.Sequential, Any, Any]:
    model = network(dtype)
    return model, nn.CrossEntropyLoss(), kind(model.parameters(), **{"lr": 0.02, **options})


def twins(kind: Any = nn.Adam, **options: Any) -> Any:
    """An uncompiled training and a compiled one: functions that take a step, and what they train."""
    a, loss, first = made(kind, **options)
    b, _, second = made(kind, **options)
    return (a, first, lambda *batch: eager(a, loss, first, *batch)), (b, second, nn.compile_step(b, loss, second))


def equal(one: Any, other: Any, ulps: float = 512) -> None:
    same_state(one[0].state_dict(), other[0].state_dict(), ulps, "model")
    same_state(one[1].state_dict(), other[1].state_dict(), ulps, "optimizer")


# ---------------------------------------------------------------- what changes between steps


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule(name: str) -> None:
    one, other = twins(
        nn.SGD if name == "OneCycleLR" else nn.Adam, **({"momentum": 0.9} if name == "OneCycleLR" else {})
    )
    schedules = [SCHEDULES[name](optimizer) for _, optimizer, _ in (one, other)]
    for _ in range(30):
        for (_, _, step), schedule in zip((one, other), schedules, strict=True):
            step(X, LABELS)
            schedule.step()
    equal(one, other)
    assert other[2].cache_info()[:2] == (29, 1)


def test_options_changed_by_hand() -> None:
    """Another number is put where the program reads it; an option that is switched on makes another program."""
    one, other = twins(nn.SGD)
    changes = {
        3: {"lr": 0.5},
        6: {"weight_decay": 0.1},
        9: {"momentum": 0.9},
        12: {"nesterov": True},
        15: {"maximize": True, "lr": 1e-3},
        18: {"weight_decay": 0.2},
    }
    for i in range(21):
        for _, optimizer, step in (one, other):
            optimizer.param_groups[0].update(changes.get(i, {}))
            step(X, LABELS)
        equal(one, other)
    assert other[2].cache_info().misses == 5


def test_groups_of_parameters() -> None:
    def make() -> Any:
        model = network()
        groups = [
            {"params": model[0].parameters(), "lr": 0.05, "weight_decay": 0.1},
            {"params": model[2].parameters(), "betas": (0.8, 0.9), "amsgrad": True},
        ]
        return model, nn.CrossEntropyLoss(), nn.Adam(groups, lr=0.01)

    compared(make, [(X, LABELS)] * 30, 512)


def test_a_group_that_is_added() -> None:
    found = []
    for compiled in (False, True):
        model, loss = network(), nn.CrossEntropyLoss()
        optimizer = nn.Adam(model[0].parameters(), lr=0.02)
        step: Any = (
            nn.compile_step(model, loss, optimizer)
            if compiled
            else lambda *batch, m=model, f=loss, o=optimizer: eager(m, f, o, *batch)
        )
        for i in range(10):
            if i == 5:
                optimizer.add_param_group({"params": model[2].parameters(), "lr": 0.01})
            step(X, LABELS)
        found.append((model, optimizer))
    equal(*found)


def test_parameters_frozen_and_thawed() -> None:
    one, other = twins(weight_decay=0.1)
    for i in range(15):
        for model, _, step in (one, other):
            model[0].weight.requires_grad = not 5 <= i < 10
            if i == 5:
                model[0].weight.grad = None
            step(X, LABELS)
        equal(one, other)


def test_parameters_frozen_from_the_start() -> None:
    def make() -> Any:
        model, loss, optimizer = made()
        model[0].bias.requires_grad = False
        return model, loss, optimizer

    compared(make, [(X, LABELS)] * 10, 256)


def test_loading_between_steps() -> None:
    """What is loaded goes into the same arrays of the model, and into new ones of the optimizer."""
    one, other = twins()
    saved = []
    for i in range(12):
        for k, (model, optimizer, step) in enumerate((one, other)):
            if i == 4:
                saved.append((model.state_dict(), optimizer.state_dict()))
            if i == 8:
                model.load_state_dict(saved[k][0])
                optimizer.load_state_dict(saved[k][1])
            step(X, LABELS)
    equal(one, other)
    model, optimizer, step = other
    model.load_state_dict(saved[1][0])
    optimizer.load_state_dict(saved[1][1])
    losses = [step(X, LABELS).item() for _ in range(8)]
    model.load_state_dict(saved[1][0])
    optimizer.load_state_dict(saved[1][1])
    assert [step(X, LABELS).item() for _ in range(8)] == losses


def test_the_first_call_gives_the_bits_of_later_ones() -> None:
    """So a run that was interrupted and traced anew is the one that was not interrupted."""
    runs = []
    for traced_at in ((), (3,), (5, 6)):
        nn.manual_seed(4)
        model = nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
        optimizer = nn.RAdam(model.parameters(), lr=0.01)
        step = nn.compile_step(model, nn.CrossEntropyLoss(), optimizer)
        losses = []
        for i in range(12):
            if i in traced_at:
                step.cache_clear()
            losses.append(step(X.astype(np.float32), LABELS).item())
        runs.append((losses, model, optimizer))
        assert step.cache_info().misses >= 1 + len(traced_at)
    for losses, *rest in runs[1:]:
        assert losses == runs[0][0]
        equal(rest, runs[0][1:], 0)


def test_uncompiled_steps_in_between() -> None:
    one, other = twins()
    model, optimizer, step = other
    for i in range(20):
        one[2](X, LABELS)
        if i % 3 == 1:
            eager(model, nn.CrossEntropyLoss(), optimizer, X, LABELS)
        else:
            step(X, LABELS)
        equal(one, other)
    assert step.cache_info().misses == 1


def test_two_steps_on_one_model() -> None:
    """Two losses and two optimizers, in turn; the second optimizer finds the parameters where the first has put them."""
    found = []
    for compiled in (False, True):
        model = network()
        optimizers = nn.Adam(model.parameters(), lr=0.01), nn.SGD(model.parameters(), lr=0.05, momentum=0.9)
        losses = nn.CrossEntropyLoss(), nn.MSELoss()
        steps: list[Any] = [
            nn.compile_step(model, loss, optimizer)
            if compiled
            else lambda *batch, f=loss, o=optimizer, m=model: eager(m, f, o, *batch)
            for loss, optimizer in zip(losses, optimizers, strict=True)
        ]
        for _ in range(10):
            steps[0](X, LABELS)
            steps[1](X, Y)
        found.append((model, optimizers))
    for k in (0, 1):
        equal((found[0][0], found[0][1][k]), (found[1][0], found[1][1][k]))
    assert all(unit.together for optimizer in found[1][1] for units in optimizer._units for unit in units)


def test_parameters_of_two_models_in_turn() -> None:
    """A generator and a critic: each step trains one through the other."""
    found = []
    for compiled in (False, True):
        nn.manual_seed(0)
        maker, critic = (
            nn.Sequential(nn.Linear(5, 4, dtype=D), nn.Tanh()),
            nn.Sequential(nn.Linear(4, 6, dtype=D), nn.Tanh(), nn.Linear(6, 3, dtype=D)),
        )
        both = nn.Sequential(maker, critic)
        optimizers = nn.Adam(maker.parameters(), lr=0.01), nn.Adam(critic.parameters(), lr=0.01)
        steps: list[Any] = [
            nn.compile_step(both, nn.MSELoss(), optimizer)
            if compiled
            else lambda *batch, m=both, o=optimizer: eager(m, nn.MSELoss(), o, *batch)
            for optimizer in optimizers
        ]
        for _ in range(10):
            for step in steps:
                step(X, Y)
        found.append((both, optimizers))
    for k in (0, 1):
        equal((found[0][0], found[0][1][k]), (found[1][0], found[1][1][k]))


def test_modes_and_exchanged_parts() -> None:
    results = []
    for compiled in (False, True):
        nn.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(5, 8, dtype=D), nn.BatchNorm1d(8, dtype=D), nn.Dropout(0.5), nn.Linear(8, 3, dtype=D)
        )
        optimizer, loss = nn.SGD(model.parameters(), lr=0.05), nn.CrossEntropyLoss()
        step: Any = (
            nn.compile_step(model, loss, optimizer)
            if compiled
            else lambda *batch, m=model, f=loss, o=optimizer: eager(m, f, o, *batch)
        )
        for i in range(16):
            model.train(i % 4 != 1)
            if i == 6:
                model[2].p = 0.2
            if i == 8:
                model[0].weight.data = model[0].weight.numpy() * 0.5
            if i == 10:
                model[2] = nn.Tanh()
            if i == 12:
                model[1].running_mean[...] = 0.25
            step(X, LABELS)
        results.append((model, optimizer))
    equal(*results)


def test_counts_and_moments_set_by_hand() -> None:
    one, other = twins()
    for i in range(9):
        for model, optimizer, step in (one, other):
            if i == 4:
                state = optimizer.state[model[0].weight]
                state["step"] = 1
                state["exp_avg"] = np.zeros((5, 8))
            if i == 7:
                for state in optimizer.state.values():
                    state["step"] = 1000
            step(X, LABELS)
        equal(one, other)


# ---------------------------------------------------------------- which parameters there are


def test_large_and_small_parameters() -> None:
    """Large ones are updated where they lie, in float32 and in Fortran order too."""

    def make() -> Any:
        nn.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 4000, dtype=np.float32), nn.ReLU(), nn.Linear(4000, 3, dtype=np.float32))
        model[2].weight.data = np.asfortranarray(model[2].weight.numpy())
        return model, nn.CrossEntropyLoss(), nn.AdamW(model.parameters(), lr=1e-3)

    compared(make, [(X.astype(np.float32), LABELS)] * 5, 64)


def test_tied_parameters_and_parameters_without_gradient() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(5, 5, dtype=D), nn.Linear(5, 5, dtype=D)
            self.b.weight = self.a.weight
            self.unused, self.out = nn.Linear(7, 7, dtype=D), nn.Linear(5, 3, dtype=D)

        def forward(self, x: Any) -> Any:
            return self.out(ag.tanh(self.b(ag.tanh(self.a(x)))))

    def make() -> Any:
        nn.manual_seed(0)
        model = Tied()
        return model, nn.CrossEntropyLoss(), nn.Adam(model.parameters(), lr=0.02, weight_decay=0.01)

    compared(make, [(X, LABELS)] * 20, 512)


def test_a_parameter_that_has_a_gradient_now_and_then() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.use = nn.Linear(5, 3, dtype=D), nn.Linear(5, 3, dtype=D), "left"

        def forward(self, x: Any) -> Any:
            return getattr(self, self.use)(x)

    found = []
    for compiled in (False, True):
        nn.manual_seed(0)
        model = Branches()
        optimizer, loss = nn.Adam(model.parameters(), lr=0.02), nn.CrossEntropyLoss()
        step: Any = (
            nn.compile_step(model, loss, optimizer)
            if compiled
            else lambda *batch, m=model, f=loss, o=optimizer: eager(m, f, o, *batch)
        )
        for i in range(20):
            model.use = "right" if i % 5 == 2 else "left"
            step(X, LABELS)
        found.append((model, optimizer))
        assert [state["step"] for state in optimizer.state.values()] == [16, 16, 4, 4]
    equal(*found)


@pytest.mark.parametrize("kind", [nn.SGD, nn.Adam, nn.RMSprop])
def test_complex_parameters(kind: Any) -> None:
    class Waves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            rng = np.random.default_rng(0)
            self.weight = nn.Parameter(rng.normal(size=(5, 3)) + 1j * rng.normal(size=(5, 3)))
            self.bias = nn.Parameter(np.zeros(3, complex))
            self.scale = nn.Parameter(np.ones(3))

        def forward(self, x: Any) -> Any:
            return ag.abs(x @ self.weight + self.bias) * self.scale

    def make() -> Any:
        model = Waves()
        return model, nn.MSELoss(), kind(model.parameters(), lr=0.01, weight_decay=0.01)

    compared(make, [(X, Y)] * 30, 1024, max_norm=0.5)


def test_penalties_and_a_loss_with_parameters() -> None:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.log_variance = nn.Parameter(np.zeros(3))

        def forward(self, predictions: Any, target: Any) -> Any:
            return ag.mean(ag.square(predictions - target) * ag.exp(-self.log_variance) + self.log_variance)

    def make() -> Any:
        model, loss = network(), Weighted()
        model.regularize(l2=1e-2)
        model[0].regularize(l1=1e-3)
        return model, loss, nn.Adam([*model.parameters(), *loss.parameters()], lr=0.02)

    compared(make, [(X, Y)] * 30, 512)


# ---------------------------------------------------------------- what it is called with


class Two(nn.Module):
    """Two inputs."""

    def __init__(self) -> None:
        super().__init__()
        nn.manual_seed(0)
        self.a, self.b = nn.Linear(5, 3, dtype=D), nn.Linear(3, 3, dtype=D)

    def forward(self, x: Any, z: Any) -> Any:
        return {"sum": self.a(x) + self.b(z), "difference": self.a(x) - self.b(z)}


def test_several_inputs_and_dicts() -> None:
    def loss(predictions: Any, target: Any) -> Any:
        return sum(ag.mean(ag.square(predictions[key] - target[key])) for key in target)

    def make() -> Any:
        model = Two()
        return model, loss, nn.Adam(model.parameters(), lr=0.02)

    step = compared(make, [(X, Y, {"sum": Y, "difference": 2 * Y})] * 20, 256)
    assert step.cache_info()[:2] == (19, 1)


def test_batches_of_other_sizes_have_programs_of_their_own() -> None:
    step = compared(made, [(X[:n], LABELS[:n]) for n in (10, 10, 4, 10, 4, 1, 10)], 256)
    assert step.cache_info() == (4, 3, 0, 3)


def test_views_of_one_array_as_batches() -> None:
    rows = np.concatenate([X, X[::-1]])
    compared(made, [(rows[i : i + 8], LABELS[:8]) for i in range(0, 40, 4)], 256)


def test_tensors_as_batches() -> None:
    compared(made, [(ag.Tensor(X), LABELS)] * 5, 256)


def test_too_few_arguments() -> None:
    model, loss, optimizer = made()
    with pytest.raises(TypeError, match="a step takes the inputs and, last, the target; got 1 argument$"):
        nn.compile_step(model, loss, optimizer)(X)


def test_gradients_are_neither_read_nor_left() -> None:
    model, loss, optimizer = made()
    step = nn.compile_step(model, loss, optimizer)
    mine = np.ones((5, 8))
    model[0].weight.grad = mine
    for _ in range(3):
        step(X, LABELS)
        assert model[0].weight.grad is mine
        assert model[2].weight.grad is None
    other, _, second = made()
    for _ in range(3):
        eager(other, loss, second, X, LABELS)
    equal((model, optimizer), (other, second))


def test_inside_no_grad_and_where_operations_are_looked_at() -> None:
    one, other = twins()
    for i in range(9):
        one[2](X, LABELS)
        with ag.no_grad() if i % 3 == 1 else ag.detect_anomaly() if i % 3 == 2 else ag.enable_grad():
            other[2](X, LABELS)
        equal(one, other)
    assert other[2].cache_info().eager == 3


# ---------------------------------------------------------------- clipping


@pytest.mark.parametrize("max_norm", [0.05, 0.5, 1e3])
def test_clipping(max_norm: float) -> None:
    def make() -> Any:
        model, loss = network(), nn.CrossEntropyLoss()
        model.append(nn.Linear(3, 3, dtype=np.float32))
        model.append(nn.Tanh())
        return model, loss, nn.SGD(model.parameters(), lr=0.5)

    model = make()[0]
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32), np.dtype(D)}
    compared(make, [(X, LABELS)] * 20, 64, max_norm=max_norm)


def test_clipping_in_a_function_of_ones_own() -> None:
    results = []
    for compiled in (False, True):
        model, loss, optimizer = made(nn.SGD)

        def step(x: Any, y: Any, model: Any = model, loss: Any = loss, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            value = loss(model(x), y)
            value.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.1, norm_type=1.0)
            nn.utils.clip_grad_value_(model.parameters(), 0.01)
            optimizer.step()
            return value.detach(), norm

        run = ag.compile(step, state=(model, loss)) if compiled else step
        found = [run(X, LABELS) for _ in range(5)]
        results.append([[float(v.item()), float(norm)] for v, norm in found])
    close(np.array(results[0]), np.array(results[1]), 64)


def test_clipping_that_raises() -> None:
    w = ag.Tensor(np.ones(3), requires_grad=True)
    optimizer = nn.SGD([w], lr=0.1)

    def step(x: Any) -> Any:
        w.grad = None
        (w * x).sum().backward()
        nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)
        optimizer.step()
        w.grad = None

    run = ag.compile(step, state=(w,))
    run(np.ones(3))
    run(np.ones(3))
    before = w.numpy().copy()
    with pytest.raises(RuntimeError, match="the norm of order 2 of the gradients is inf"):
        run(np.array([1.0, np.inf, 1.0]))
    assert np.array_equal(w.numpy(), before)


# ---------------------------------------------------------------- optimizers of one's own, and what is refused


class Mine(nn.Optimizer):
    """Reads an option where it computes, and an attribute."""

    scale = 1.0

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr, "sharpness": 0.5, "mode": "plain"})
        self.factor = 1.0
        self.mask: Any = np.ones(1)

    def slots(self, group: Any) -> Any:
        return ("last",)

    slot_names = ("last",)

    def coefficients(self, group: Any, counters: Any) -> Any:
        return (counters[0] + 1,), (group["lr"],), None

    def update(self, group: Any, p: Any, g: Any, state: Any, c: Any, w: Any, phase: Any) -> None:
        np.multiply(g, group["sharpness"] * self.factor, w[0])
        if group["mode"] == "mean":
            np.add(w[0], state[0], w[0])
        np.multiply(w[0], c[0], w[0])
        np.multiply(w[0], self.mask, w[0])
        np.subtract(p, w[0], p)
        state[0][...] = g


def test_an_optimizer_of_ones_own() -> None:
    """What it looks at beside its numbers is part of the program, and is looked at before each step."""
    found = []
    for compiled in (False, True):
        model, loss = network(), nn.CrossEntropyLoss()
        optimizer = Mine(model.parameters(), 0.1)
        step: Any = (
            nn.compile_step(model, loss, optimizer)
            if compiled
            else lambda *batch, m=model, f=loss, o=optimizer: eager(m, f, o, *batch)
        )
        for i in range(15):
            optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
            if i == 4:
                optimizer.param_groups[0]["sharpness"] = 0.7
            if i == 7:
                optimizer.param_groups[0]["mode"] = "mean"
            if i == 9:
                optimizer.factor = 0.5
            if i == 11:
                optimizer.mask = np.full(1, 0.5)
            step(X, LABELS)
        found.append((model, optimizer))
    equal(*found)


def test_an_optimizer_that_counts_in_update_is_refused() -> None:
    class Counts(Mine):
        def update(self, *args: Any) -> None:
            super().update(*args)
            self.factor *= 0.9

    model = network()
    step = nn.compile_step(model, nn.CrossEntropyLoss(), Counts(model.parameters(), 0.1))
    before = model.state_dict()
    with pytest.raises(ag.CompileError, match="Counts changes attributes of its own in a step"):
        step(X, LABELS)
    same_state(before, model.state_dict(), 0)


class OtherStep(nn.Adam):
    """A step of its own."""

    def step(self, closure: Any = None) -> Any:
        return super().step(closure)


class Foreign:
    """Not of this library."""

    def zero_grad(self) -> None:
        pass

    def step(self) -> None:
        pass


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (
            lambda m: (m, nn.MSELoss(), nn.LBFGS(m.parameters())),
            TypeError,
            "compile_step: LBFGS computes the loss several times in a step",
        ),
        (
            lambda m: (m, nn.MSELoss(), Foreign()),
            TypeError,
            "the optimizer is one of nn.optim, or derived from nn.Optimizer, .* not a Foreign",
        ),
        (lambda m: (m, nn.MSELoss(), nn.Adam), TypeError, "not the class Adam"),
        (lambda m: (m, nn.MSELoss(), OtherStep(m.parameters())), TypeError, r"OtherStep has a step\(\) of its own"),
        (
            lambda m: (m, nn.MSELoss, nn.Adam(m.parameters())),
            TypeError,
            "the loss is a function .* not the class MSELoss",
        ),
        (
            lambda m: (m.forward, nn.MSELoss(), nn.Adam(m.parameters())),
            TypeError,
            "the model is an nn.Module, not a method",
        ),
    ],
)
def test_what_is_refused(make: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        nn.compile_step(*make(network()))


@pytest.mark.parametrize("max_norm", [-1.0, float("nan"), "1", True])
def test_a_bad_max_norm(max_norm: Any) -> None:
    with pytest.raises(ValueError, match="compile_step: max_norm is a number of at least 0, or None"):
        nn.compile_step(*made(), max_norm=max_norm)


def test_a_bad_backend() -> None:
    with pytest.raises(ValueError, match="backend"):
        nn.compile_step(*made(), backend="cuda")


def test_a_loss_per_sample_is_refused() -> None:
    model, _, optimizer = made()
    with pytest.raises(
        TypeError, match=r"compile_step: the loss must be one number, a Tensor, not one of shape \(24,\)"
    ):
        nn.compile_step(model, nn.CrossEntropyLoss(reduction="none"), optimizer)(X, LABELS)


def test_a_loss_that_looks_at_numbers_is_refused() -> None:
    model, _, optimizer = made()
    before = model.state_dict()

    def loss(p: Any, y: Any) -> Any:
        value = ag.mean(ag.square(p - y))
        return value if value > 3 else 2 * value

    with pytest.raises(ag.CompileError, match="truth value .*test_compile_step_state.py"):
        nn.compile_step(model, loss, optimizer)(X, Y)
    same_state(before, model.state_dict(), 0)


# ---------------------------------------------------------------- what is left when a step raises


def full() -> Any:
    nn.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(5, 8, dtype=D), nn.BatchNorm1d(8, dtype=D), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 3, dtype=D)
    )
    return model, nn.CrossEntropyLoss(), nn.Adam(model.parameters(), lr=0.02)


def snapshot(model: Any, optimizer: Any) -> Any:
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict()}


BAD = np.where(np.arange(24) == 7, 5, LABELS)


@pytest.mark.parametrize("steps_before", [0, 1, 3])
def test_a_bad_label_changes_nothing(steps_before: int) -> None:
    model, loss, optimizer = full()
    step = nn.compile_step(model, loss, optimizer)
    for _ in range(steps_before):
        step(X, LABELS)
    before = snapshot(model, optimizer)
    with pytest.raises(IndexError, match="5") as caught:
        step(X, BAD)
    same_state(before, snapshot(model, optimizer), 0)
    notes = getattr(caught.value, "__notes__", [])
    assert not any("in part" in note for note in notes)
    if steps_before:
        assert any("random generators may have moved on" in note for note in notes)
    step(X, LABELS)
    assert optimizer.state[model[0].weight]["step"] == steps_before + 1


class Interrupted(BaseException):
    """As a KeyboardInterrupt, at a place that is known."""


def interrupt(monkeypatch: Any, name: str, after: int = 0) -> None:
    original, calls = getattr(np, name), [0]

    def raising(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] > after:
            raise Interrupted
        return original(*args, **kwargs)

    monkeypatch.setattr(np, name, raising)


@pytest.mark.parametrize("name", ["tanh", "exp", "dot"])
def test_interrupted_before_anything_is_written(name: str, monkeypatch: Any) -> None:
    model, loss, optimizer = full()
    step = nn.compile_step(model, loss, optimizer)
    step(X, LABELS)
    step(X, LABELS)
    before = snapshot(model, optimizer)
    with monkeypatch.context() as patch:
        interrupt(patch, name, 5 if name == "dot" else 0)
        with pytest.raises(Interrupted) as caught:
            step(X, LABELS)
    same_state(before, snapshot(model, optimizer), 0)
    assert caught.value.__notes__ == ["compile: the random generators may have moved on"]


def test_interrupted_while_it_writes(monkeypatch: Any) -> None:
    """A note says so, and the next step's numbers are right all the same."""
    model, loss, optimizer = made()
    step = nn.compile_step(model, loss, optimizer)
    step(X, LABELS)
    step(X, LABELS)
    before = snapshot(model, optimizer)
    with monkeypatch.context() as patch:
        interrupt(patch, "sqrt")
        with pytest.raises(Interrupted) as caught:
            step(X, LABELS)
    assert any("may be written in part" in note for note in caught.value.__notes__)
    model.load_state_dict(before["model"])
    optimizer.load_state_dict(before["optimizer"])
    step(X, LABELS)
    other, _, second = made()
    for _ in range(3):
        eager(other, loss, second, X, LABELS)
    equal((model, optimizer), (other, second))


def test_interrupted_between_the_steps_numbers() -> None:
    """Where some of a step's numbers are put where the program reads them and others not yet, all of them are put there anew."""
    one, other = twins(nn.SGD, momentum=0.9)
    for _ in range(2):
        one[2](X, LABELS)
        other[2](X, LABELS)
    before = snapshot(*other[:2])

    class Trap:
        def __setitem__(self, index: Any, value: Any) -> None:
            raise Interrupted

    model, optimizer, step = other
    numbers = step._last.before[0].__self__.steps[0]
    arrays = numbers.arrays
    numbers.arrays = [arrays[0], Trap(), *arrays[2:]]
    optimizer.param_groups[0].update(lr=0.5, momentum=0.5)
    with pytest.raises(Interrupted):
        step(X, LABELS)
    same_state(before["model"], model.state_dict(), 0)
    numbers.arrays = arrays
    optimizer.param_groups[0].update(lr=0.02, momentum=0.9)
    for _ in range(2):
        one[2](X, LABELS)
        step(X, LABELS)
    equal(one, other)
    assert step.cache_info().misses == 1


# ---------------------------------------------------------------- the tape


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_tape_from_before_a_step_cannot_be_pulled_after_it(call: int) -> None:
    model, loss, optimizer = made()
    step = nn.compile_step(model, loss, optimizer)
    for _ in range(call - 1):
        step(X, LABELS)
    value = loss(model(X), LABELS)
    step(X, LABELS)
    with pytest.raises(ag.MutationError):
        value.backward()
    fresh = loss(model(X), LABELS)
    fresh.backward()


def test_a_tape_that_keeps_nothing_of_the_model_is_not_disturbed() -> None:
    model, loss, optimizer = made()
    step = nn.compile_step(model, loss, optimizer)
    w = ag.Tensor([1.0, 2.0], requires_grad=True)
    value = (w * w).sum()
    step(X, LABELS)
    step(X, LABELS)
    value.backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_a_program_that_writes_a_tensor_it_is_given() -> None:
    def double(t: Any) -> Any:
        array = t.writable()
        np.multiply(array, 2.0, out=array)
        return array.sum()

    run = ag.compile(double)
    for _ in range(3):
        w = ag.Tensor(np.array([1.0, 2.0]), copy=True)
        x = ag.Tensor([3.0, 4.0], requires_grad=True)
        value = (w * x).sum()
        run(w)
        assert w.tolist() == [2.0, 4.0]
        with pytest.raises(ag.MutationError):
            value.backward()


# ---------------------------------------------------------------- what it is


def test_what_it_holds_and_shows() -> None:
    model, loss, optimizer = made()
    step = nn.compile_step(model, loss, optimizer)
    assert isinstance(step, ag.Compiled)
    assert (step.model, step.loss, step.optimizer) == (model, loss, optimizer)
    value = step(X, LABELS)
    assert isinstance(value, ag.Tensor)
    assert value.shape == ()
    assert not value.requires_grad
    assert "def step(" in step.source
    assert repr(step) == "CompiledStep(Sequential, CrossEntropyLoss, Adam)"
    assert step.cache_info() == (0, 1, 0, 1)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda step: pickle.loads(pickle.dumps(step))])
def test_copies_train_on_their_own(again: Any) -> None:
    one, other = twins()
    for _ in range(5):
        one[2](X, LABELS)
        other[2](X, LABELS)
    step = again(other[2])
    before = snapshot(other[0], other[1])
    for _ in range(5):
        one[2](X, LABELS)
        step(X, LABELS)
    equal(one, (step.model, step.optimizer))
    same_state(before, snapshot(other[0], other[1]), 0)


def test_the_model_is_used_as_before_between_steps() -> None:
    """Its parameters lie side by side now; saving, copying, evaluating and training without a program do not notice."""
    model, loss, optimizer = made()
    step = nn.compile_step(model, loss, optimizer)
    for _ in range(3):
        step(X, LABELS)
    twin = copy.deepcopy(model)
    same_state(model.state_dict(), twin.state_dict(), 0)
    assert not any(np.shares_memory(p.numpy(), q.numpy()) for p in model.parameters() for q in twin.parameters())
    a, b = nn.Adam(model.parameters(), lr=0.01), nn.Adam(twin.parameters(), lr=0.01)
    for _ in range(3):
        assert eager(model, loss, a, X, LABELS) == eager(twin, loss, b, X, LABELS)
    same_state(model.state_dict(), twin.state_dict(), 0)
    x = RNG.normal(size=(3, 5))
    assert np.array_equal(model(x).numpy(), twin(x).numpy())


def test_arrays_that_somebody_holds_stay_the_models() -> None:
    """A view of a parameter taken before the first step sees what is written later."""
    model, loss, optimizer = made()
    held = model[0].weight.numpy()
    step = nn.compile_step(model, loss, optimizer)
    for _ in range(3):
        step(X, LABELS)
        assert np.array_equal(held, model[0].weight.numpy())
    other, _, second = made()
    for _ in range(3):
        eager(other, loss, second, X, LABELS)
    equal((model, optimizer), (other, second))
