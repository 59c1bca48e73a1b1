"""The text of a program: names, sections, comments; and that the plain one runs and gives what the program gives."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)


def xor() -> tuple[Any, tuple[Any, ...]]:
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    return nn.compile_step(model, nn.MSELoss(), nn.SGD(model.parameters(), lr=0.5)), (X, Y)


def spiral() -> tuple[Any, tuple[Any, ...]]:
    nn.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 3))
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.Adam(model.parameters(), lr=0.01))
    return step, (rng.normal(size=(300, 2)).astype(np.float32), rng.integers(0, 3, 300))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(3, 5)
        self.out = nn.Linear(5, 1)

    def forward(self, x: Any) -> Any:
        state = None
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        return self.out(state[0])


def recurrent() -> tuple[Any, tuple[Any, ...]]:
    nn.manual_seed(0)
    rng = np.random.default_rng(0)
    model = Recurrent()
    step = nn.compile_step(model, nn.MSELoss(), nn.Adam(model.parameters(), lr=0.01))
    return step, (rng.normal(size=(4, 3, 3)).astype(np.float32), rng.normal(size=(4, 1)).astype(np.float32))


def images() -> tuple[Any, tuple[Any, ...]]:
    nn.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(36, 3),
    )
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.01, momentum=0.9))
    return step, (rng.normal(size=(5, 1, 8, 8)).astype(np.float32), rng.integers(0, 3, 5))


def weighted() -> tuple[Any, tuple[Any, ...]]:
    nn.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(200, 300), nn.Tanh(), nn.Linear(300, 3))
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.AdamW(model.parameters(), lr=0.01, weight_decay=0.1))
    return step, (rng.normal(size=(20, 200)).astype(np.float32), rng.integers(0, 3, 20))


MAKERS = {make.__name__: make for make in (xor, spiral, recurrent, images, weighted)}


def run_plain(compiled: Any, arguments: tuple[Any, ...]) -> Any:
    """The plain program, run once in the place of the program."""
    space = dict(compiled.plain_given)
    exec(compiled.source_plain, space)
    entry = compiled._last
    assert entry.holds()  # the numbers of the next step are computed on the way
    for hook in entry.before:
        hook()
    found = space[entry.plain.name](*arguments)
    for hook in entry.after:
        hook()
    return found


PLAIN_XOR = """\
# One training step of Sequential with MSELoss and SGD.
#
# arguments x (4, 2) float32, y (4, 1) float32
# given     W1 (2, 8) float32, b1 (8,) float32, W2 (8, 1) float32, b2 (1,) float32, lr
import numpy as np


def step(x, y):
    global W1, W2, b1, b2
    # forward
    # 0: Linear(2, 8)
    z1 = x @ W1 + b1  # (4, 8)
    # 1: Tanh
    h1 = np.tanh(z1)  # (4, 8)
    # 2: Linear(8, 1)
    z2 = h1 @ W2 + b2  # (4, 1)
    # MSELoss
    difference = z2 - y                                # (4, 1)
    difference_flat = np.ravel(difference, order='K')  # (4,)
    loss = np.dot(difference_flat, difference_flat) / 4

    # backward
    with np.errstate(all="ignore"):
        # MSELoss
        dz2 = 0.5 * difference  # (4, 1)
        # 2: Linear(8, 1)
        dh1 = dz2 @ W2.T       # (4, 8)
        dW2 = h1.T @ dz2       # (8, 1)
        db2 = dz2.sum(axis=0)  # (1,)
        # 1: Tanh
        divisor = np.cosh(z1)          # (4, 8)
        dz1 = dh1 / divisor / divisor  # (4, 8)
        # 0: Linear(2, 8)
        dW1 = x.T @ dz1        # (2, 8)
        db1 = dz1.sum(axis=0)  # (8,)

        # update
        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2
    return loss
"""

PLAIN_SPIRAL = """\
# One training step of Sequential with CrossEntropyLoss and Adam.
#
# arguments x (300, 2) float32, y (300,) int64
# given     parameters (387,) float32 holding W1 (2, 64), b1 (64,), W2 (64, 3), b2 (3,), m (387,) float32,
#           v (387,) float32, one_minus_beta1, beta1, one_minus_beta2, beta2, eps_t, lr_t
import numpy as np

range_300 = np.arange(300, dtype=np.int64)


def step(x, y):
    global m, parameters, v
    if any_equal(y, -100): raise OtherCase

    # forward
    # 0: Linear(2, 64)
    z1 = x @ W1 + b1  # (300, 64)
    # 1: ReLU
    h1 = np.maximum(z1, 0)  # (300, 64)
    # 2: Linear(64, 3)
    z2 = h1 @ W2 + b2  # (300, 3)
    # CrossEntropyLoss
    z2_T_copy = z2.T.copy()                      # (3, 300)
    check_labels(y, 3, None)
    total = y * 300 + range_300                  # (300,)
    shifted = z2_T_copy - z2_T_copy.max(axis=0)  # (3, 300)
    exp = np.exp(shifted)                        # (3, 300)
    picked = exp.reshape(-1)[total]              # (300,)
    exp.reshape(-1)[total] = 0
    total_2 = exp.sum(axis=0)                    # (300,)
    exp.reshape(-1)[total] = -total_2
    total_3 = total_2 + picked                   # (300,)
    total_4 = (np.log(total_3) - shifted.reshape(-1)[total]).sum(axis=0)
    loss = total_4 / 300

    # backward
    with np.errstate(all="ignore"):
        # CrossEntropyLoss
        dz2 = (exp * (0.0033333334 / total_3)).T  # (300, 3)
        # 2: Linear(64, 3)
        dh1 = dz2 @ W2.T       # (300, 64)
        dW2 = h1.T @ dz2       # (64, 3)
        db2 = dz2.sum(axis=0)  # (3,)
        # 1: ReLU
        dz1 = np.where(h1 > 0, dh1, 0)  # (300, 64)
        # 0: Linear(2, 64)
        dW1 = x.T @ dz1        # (2, 64)
        db1 = dz1.sum(axis=0)  # (64,)

        # update
        gradients = np.concatenate([dW1.reshape(-1), db1, dW2.reshape(-1), db2])  # (387,)
        m *= beta1
        m += gradients * one_minus_beta1
        v *= beta2
        v += gradients * gradients * one_minus_beta2
        parameters -= m / (np.sqrt(v) + eps_t) * lr_t
    return loss
"""


@pytest.mark.parametrize(("name", "text"), [("xor", PLAIN_XOR), ("spiral", PLAIN_SPIRAL)])
def test_plain_source_is_the_backprop_that_one_would_write_by_hand(name: str, text: str) -> None:
    step, batch = MAKERS[name]()
    step(*batch)
    assert step.source_plain == text


def test_source_of_the_spiral_has_names_sections_modules_and_shapes() -> None:
    step, batch = spiral()
    step(*batch)
    text = step.source
    assert text.startswith(
        "# One training step of Sequential with CrossEntropyLoss and Adam.\n#\n# arguments x (300, 2) float32, y "
        "(300,) int64\n"
    )
    assert "parameters (387,) float32 holding W1 (2, 64), b1 (64,), W2 (64, 3), b2 (3,), m (387,) float32" in text
    body = text[text.index("def step(x, y):") :]
    places = [
        body.index(word)
        for word in (
            "    # forward",
            "    # 0: Linear(2, 64)",
            "    # 1: ReLU",
            "    # 2: Linear(64, 3)",
            "    # CrossEntropyLoss",
            "    # backward",
            "# update",
            "return loss",
        )
    ]
    assert places == sorted(places)
    assert re.search(r"np\.maximum\(z1, \w+, out=h1\) +# \(300, 64\)", body)
    for line in (
        "np.dot(dz2, W2_T, dh1)",
        "np.multiply(m, beta1, m)",
        "np.multiply(v, beta2, v)",
        "np.divide(m, delta, delta)",
        "np.subtract(parameters, delta, parameters)",
    ):
        assert line in body, body
    assert re.search(r"loss = ", body)
    assert "h1_T = h1.T" in text
    assert len(max(text.splitlines(), key=len)) < 140


def test_the_same_program_has_the_same_text() -> None:
    for make in (xor, spiral):
        texts = set()
        for _ in range(3):
            step, batch = make()
            step(*batch)
            texts.add((step.source, step.source_plain))
        assert len(texts) == 1


def test_every_line_before_the_function_is_used() -> None:
    for make in MAKERS.values():
        step, batch = make()
        step(*batch)
        source = step.source
        for name in re.findall(r"^(\w+) = ", source[: source.index("\ndef step")], re.MULTILINE):
            assert len(re.findall(rf"\b{name}\b", source)) > 1, name


@pytest.mark.parametrize("name", MAKERS)
def test_plain_program_does_what_the_program_does(name: str) -> None:
    (mine, batch), (other, _) = MAKERS[name](), MAKERS[name]()
    for _ in range(3):
        for each in (mine, other):
            nn.manual_seed(2)
            each(*batch)
    for _ in range(5):
        nn.manual_seed(3)
        expected = other(*batch)
        nn.manual_seed(3)
        np.testing.assert_allclose(run_plain(mine, batch), expected.numpy(), rtol=1e-4, atol=1e-6)
    for p, q in zip(mine.model.parameters(), other.model.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=2e-3, atol=2e-5)


def test_plain_program_of_a_plain_function() -> None:
    def f(params: Any, x: Any, y: Any) -> Any:
        h = np.tanh(x @ params["W"] + params["b"])
        return ((h @ params["v"] - y) ** 2).mean()

    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(3, 4)), "b": np.zeros(4), "v": rng.normal(size=4)}
    x, y = rng.normal(size=(10, 3)), rng.normal(size=10)
    compiled = ag.compile(ag.value_and_grad(f))
    value, gradients = compiled(params, x, y)
    text = compiled.source_plain
    assert "def run(W, b, v, x, y):" in text
    assert "dW = x.T @ " in text
    space = dict(compiled.plain_given)
    exec(text, space)
    for ours, theirs in zip(space["run"](*params.values(), x, y), (value, *gradients.values()), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_order_of_operations_is_kept() -> None:
    def f(a: Any, b: Any, c: Any) -> Any:
        return (
            a - (b - c),
            a / (b * c),
            a * (b / c),
            -(a**2),
            (a + b) + c,
            a + (b + c),
            (a @ b) @ c,
            a @ (b @ c),
            (a > b) & (b < c),
            -a * b,
            a - -b,
        )

    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(3, 3)) for _ in range(3)]
    compiled = ag.compile(f)
    compiled(*arrays)
    space = dict(compiled.plain_given)
    exec(compiled.source_plain, space)
    for mine, theirs in zip(space["run"](*arrays), f(*arrays), strict=True):
        assert np.array_equal(mine, theirs), compiled.source_plain


def test_a_product_with_a_constant_matrix_stays_one() -> None:
    """A constant array stands for its number in elementwise calls alone."""
    compiled = ag.compile(lambda x: (np.zeros_like(x) + 2.0) @ x * np.full_like(x, 3.0))
    x = np.arange(4.0).reshape(2, 2)
    expected = compiled(x)
    space = dict(compiled.plain_given)
    exec(compiled.source_plain, space)
    assert np.array_equal(space["run"](x), expected)


def test_what_is_written_between_is_not_read_late() -> None:
    """An expression is not moved past a write into what it reads."""

    def f(x: Any) -> Any:
        y = x.copy()
        before = y[0] * 2.0
        y[0] = 7.0
        after = y[0] * 2.0
        return before - after

    x = np.arange(6.0).reshape(2, 3)
    compiled = ag.compile(f)
    compiled(x)
    space = dict(compiled.plain_given)
    exec(compiled.source_plain, space)
    assert np.array_equal(space["run"](x), f(x))


def test_given_names_the_arrays_of_the_model() -> None:
    step, batch = spiral()
    step(*batch)
    given = step.given
    for name, parameter in (("W1", step.model[0].weight), ("W2", step.model[2].weight)):
        if name in given:
            assert np.shares_memory(given[name], parameter.numpy())
    assert given["m"].shape == (387,)


def test_a_long_run_of_stretches_is_a_loop_with_names() -> None:
    step, batch = weighted()
    step(*batch)
    if "blocks" in step.source:
        assert re.search(r"for W1_i?, .*m_W1\w*_i.* in blocks:", step.source), step.source


def test_source_before_the_first_call() -> None:
    compiled = ag.compile(lambda x: x + 1)
    for look in (
        lambda: compiled.source,
        lambda: compiled.source_plain,
        lambda: compiled.given,
        compiled.explain,
        lambda: compiled.save("x.py"),
    ):
        with pytest.raises(RuntimeError, match="before the first call"):
            look()


def test_a_constant_that_is_written_to_is_nobody_elses() -> None:
    """Two layers whose inputs have one shape: each copies its own beside a column of ones."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(2, 8), nn.Linear(2, 8)

        def forward(self, x: Any, z: Any) -> Any:
            return self.left(x) * self.right(z)

    rng = np.random.default_rng(0)
    x, z, y = (
        rng.normal(size=(4, 2)).astype(np.float32),
        rng.normal(size=(4, 2)).astype(np.float32),
        rng.normal(size=(4, 8)).astype(np.float32),
    )
    models = []
    for k in range(2):
        nn.manual_seed(0)
        model = Two()
        optimizer = nn.SGD(model.parameters(), lr=0.1)
        step = nn.compile_step(model, nn.MSELoss(), optimizer)
        for _ in range(5):
            if k:
                step(x, z, y)
            else:
                optimizer.zero_grad()
                nn.MSELoss()(model(x, z), y).backward()
                optimizer.step()
        models.append(model)
    for p, q in zip(models[0].parameters(), models[1].parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-5, atol=1e-6)
