"""``nn.compile_step``: what may change between steps, and which parameters and arguments there may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from step_twins import SCHEDULES, D, equal, made, twins
from stepping import LABELS, X, Y, compared, eager, network

import autograd_np as ag
import nn

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
    """Two losses and two optimizers, in turn; the second optimizer finds the parameters where the first has put
    them."""
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
