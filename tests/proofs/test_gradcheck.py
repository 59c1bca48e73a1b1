"""``gradcheck`` and its command: right gradients pass, wrong ones are named, kinks are recognised."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.registry import REGISTRY
from autograd_np.proofs import command
from autograd_np.proofs.differences import Check
from autograd_np.proofs.gradcheck import GradcheckError, gradcheck

RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 4))
Y = RNG.uniform(0.5, 2.0, size=(3, 4))


class Pair(NamedTuple):
    left: Any
    right: Any


@pytest.fixture
def operation():
    """Declares an operation with its rule, for the length of a test."""
    made = []

    def declare(name, body, *rules):
        def function(x):
            return body(x)

        function.__name__ = name
        public = ag.primitive()(function)
        made.append(name)
        ag.rule(public, *rules)
        return public

    yield declare
    for name in made:
        REGISTRY.pop(name)


# ---------------------------------------------------------------- what is right passes


@pytest.mark.parametrize(
    "inputs",
    [
        (X, Y),
        (X, 2.0),
        (X[0, 0], Y[0]),
        (X.astype(np.float32), Y),
        (ag.Tensor(X), ag.Tensor(Y, requires_grad=True)),
        (X[:, ::-2], Y[:, ::-2]),
    ],
    ids=["arrays", "number", "0-d", "float32", "Tensors", "strided"],
)
def test_right_gradients_pass(inputs):
    assert gradcheck(lambda x, y: np.exp(x) * np.sin(y) / y, inputs)


def test_a_single_array_is_the_only_argument():
    assert gradcheck(np.exp, X)
    assert gradcheck(np.exp, 0.5)


def test_trees_of_inputs_and_outputs():
    assert gradcheck(
        lambda p: {"a": p["w"] * 3, "b": [np.sin(p["b"][0]), p["n"]]}, {"w": X, "b": (Y, None), "n": np.arange(3)}
    )
    assert gradcheck(lambda p: p.left * p.right, Pair(X, Y))


def test_integers_and_others_are_constants():
    assert gradcheck(lambda x, n, axis, flag: np.sum(x * n, axis=axis) if flag else x, (X, np.arange(4), 1, True))


def test_higher_orders():
    assert gradcheck(lambda x: np.exp(x) * x, X, order=4, exhaustive=False)


def test_complex_inputs():
    z = X + 1j * Y
    assert gradcheck(lambda z: np.exp(z * (1 + 2j)) / z, z)
    assert gradcheck(lambda z: np.real(z) * np.imag(z), z)
    assert gradcheck(lambda x, z: x * z, (X, z))


def test_independence_is_a_zero_gradient():
    assert gradcheck(lambda x, y: np.exp(x), (X, Y))
    assert gradcheck(lambda x: ag.Tensor(np.ones(3)), X)


def test_inputs_are_not_modified():
    x = X.copy()
    x.flags.writeable = False
    kept = x.copy()

    def f(x):
        return np.exp(x)

    assert gradcheck(f, x)
    assert np.array_equal(x, kept)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-20, 1e-6, 1e6, 1e150])
def test_any_scale_of_the_gradient(scale):
    assert gradcheck(lambda x: x * x * scale, X)


@pytest.mark.parametrize("exhaustive", [True, False])
def test_inputs_of_all_sizes(exhaustive):
    assert gradcheck(np.log, np.array([1e-200, 1e-8, 1.0, 3.0, 1e5, 1e200]), order=1, exhaustive=exhaustive)
    assert gradcheck(np.exp, np.array([1e-200, 0.0, -700.0, 700.0, 1.0]), exhaustive=exhaustive)


def test_a_fast_wave():
    assert gradcheck(lambda x: np.sin(x * 1e6), X)


def test_cancellation_is_no_error():
    # The sum of what is left of the mean is 0 but for rounding, and so is its gradient.
    assert gradcheck(lambda x: np.sum(x - np.mean(x)), X)
    assert gradcheck(lambda x: np.sum(x - np.mean(x)), np.tile(X, (10, 10)))
    assert gradcheck(lambda x: np.sum(np.exp(x) / np.sum(np.exp(x))), X)


def test_large_inputs_cost_few_evaluations():
    calls = []

    def f(x):
        calls.append(1)
        return np.tanh(x)

    assert gradcheck(f, RNG.normal(size=(200, 50)))
    assert len(calls) < 300


def test_infinite_outputs_take_no_part():
    assert gradcheck(lambda x: np.log(x), np.array([0.0, 1.0, 2.0]), order=1)


# ---------------------------------------------------------------- what is wrong is named


def test_the_message_names_everything(operation):
    twice = operation("doubled", lambda x: 2 * x, lambda g: g * np.where(np.arange(12).reshape(3, 4) == 6, 2.02, 2.0))
    with pytest.raises(
        GradcheckError,
        match=r"doubled: gradient with respect to argument 0, at index \(1, 2\): the rule gives 2\.02, .* 2 \(relative "
        r"error 0\.0099\)",
    ) as caught:
        gradcheck(twice, X)
    found = caught.value.mismatch
    assert (found.order, found.number, found.index) == (1, 0, (1, 2))
    assert found.analytic == pytest.approx(2.02)
    assert found.numeric == pytest.approx(2.0)
    assert isinstance(caught.value, AssertionError)
    assert not gradcheck(twice, X, raise_exception=False)


def test_the_path_of_an_input_is_named(operation):
    wrong = operation("wrong_path", np.exp, lambda g, out: g * out * 1.001)
    with pytest.raises(GradcheckError, match=r"argument 1\['w'\]\[0\]"):
        gradcheck(lambda x, p: x + wrong(p["w"][0]), (X, {"w": [Y]}))


@pytest.mark.parametrize("scale", [1e-250, 1e-30, 1e-9, 1.0, 1e100])
def test_a_small_gradient_has_no_floor_to_hide_under(operation, scale):
    wrong = operation("small", lambda x: x * x * scale, lambda g, x: g * x * (2.00001 * scale))
    with pytest.raises(GradcheckError):
        gradcheck(wrong, X)


def test_a_small_gradient_beside_large_outputs(operation):
    wrong = operation("beside", lambda x: 1 + x * x * 1e-8, lambda g, x: g * x * 2.0001e-8)
    with pytest.raises(GradcheckError):
        gradcheck(wrong, X)


@pytest.mark.parametrize("factor", [1 + 1e-5, 1.01, 2.0, -1.0, 0.0, np.nan, np.inf])
@pytest.mark.parametrize("size", [10, 3000])
def test_one_wrong_element(operation, factor, size):
    off = np.ones(size)
    off[7] = factor
    wrong = operation("one", np.exp, lambda g, out: g * out * off)
    with pytest.raises(GradcheckError, match=r"\(7,\)"):
        gradcheck(wrong, RNG.normal(size=size), order=1)


def test_one_wrong_element_among_much_larger_ones(operation):
    off = np.where(np.arange(3000) == 7, 1.001, 1.0)
    x = RNG.normal(size=3000)
    x[7] = -100.0
    wrong = operation("hidden", np.exp, lambda g, out: g * out * off)
    with pytest.raises(GradcheckError, match=r"\(7,\)"):
        gradcheck(wrong, x, order=1)


def test_a_wrong_second_order(operation):
    def detached(g, x):
        return g * 2 * (x.detach() if isinstance(x, ag.Tensor) else x)

    wrong = operation("detached", np.square, detached)
    assert gradcheck(wrong, X, order=1)
    with pytest.raises(GradcheckError, match="gradient of order 2 with respect to argument 0"):
        gradcheck(wrong, X)


def test_a_silent_detach():
    with pytest.raises(GradcheckError, match="the rule gives 0"):
        gradcheck(lambda x: x.detach() * 2 + x * 0, X)


def test_a_conjugated_complex_gradient(operation):
    wrong = operation("conjugated", np.exp, lambda g, out: g * np.conj(out))
    with pytest.raises(GradcheckError, match="argument 0"):
        gradcheck(wrong, X + 1j * Y)


# ---------------------------------------------------------------- where there is no derivative


D = np.array([1.0, 0.0, -2.0])


def test_a_kink(operation):
    step = operation("ramp", lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0))
    with pytest.raises(
        GradcheckError,
        match=r"ramp: .* at index \(1,\): not differentiable at 0: left slope 0, right slope 1; the rule gives 0",
    ):
        gradcheck(step, D)


def test_a_jump(operation):
    step = operation("stair", np.sign, lambda g: g * 0)
    with pytest.raises(GradcheckError, match=r"not differentiable at 0 \(a jump or a vertical tangent\)"):
        gradcheck(step, D)
    assert gradcheck(step, np.array([1.0, -2.0]))


def test_a_vertical_tangent(operation):
    root = operation("root", np.cbrt, lambda g, out: g / (3 * out * out))
    with pytest.raises(GradcheckError, match="vertical tangent"):
        gradcheck(root, D)


def test_the_edge_of_the_domain(operation):
    root = operation("edge", np.sqrt, lambda g, out: g / (2 * out))
    with pytest.raises(GradcheckError, match="the edge of the domain: left slope undefined, right slope without bound"):
        gradcheck(root, np.abs(D))


# ---------------------------------------------------------------- misuse


@pytest.mark.parametrize(
    ("f", "inputs", "options", "error", "words"),
    [
        (np.exp, np.arange(3), {}, ValueError, "no floating input"),
        (lambda x: np.log(x * 0 - 1), X, {}, ValueError, "no finite floating value"),
        (np.exp, X, {"order": 0}, ValueError, "order must be at least 1"),
        (lambda x: x.astype(np.float32), X, {}, TypeError, "float32 although the inputs are double precision"),
        (lambda x: x * RNG.normal(), X, {}, GradcheckError, "not deterministic"),
    ],
    ids=["integers", "not finite", "order", "single precision", "random"],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_misuse(f, inputs, options, error, words):
    with pytest.raises(error, match=words):
        gradcheck(f, inputs, **options)


def test_errors_of_the_function_come_through():
    with pytest.raises(ValueError, match="broadcast"):
        gradcheck(lambda x: x * np.ones(7), X)


def test_differences_are_measured_once():
    calls = []

    def call(tensors):
        calls.append(1)
        return [np.exp(tensors[0])]

    check = Check(call, [X], ["x"])
    grads = check.analytic()
    assert check.verify(grads) is None
    count = len(calls)
    assert check.verify(grads) is None
    assert len(calls) == count


# ---------------------------------------------------------------- the command


def test_the_command_proves(capsys):
    assert command.main(["exp", "multiply"]) == 0
    out = capsys.readouterr().out
    assert "worst rel. error" in out
    assert "all proved" in out
    assert len({line.index("ok") for line in out.splitlines() if line.startswith(("exp", "multiply"))}) == 1


def test_the_command_fails(capsys, monkeypatch):
    found = REGISTRY["exp"]
    monkeypatch.setitem(found.rules, "x", lambda g, out: g * out * 1.01)
    monkeypatch.setattr(found, "pull", found._first_pull)
    assert command.main(["exp"]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "the rule gives" in out


def test_the_command_knows_its_names(capsys):
    assert command.main(["expp"]) == 2
    assert "did you mean" in capsys.readouterr().err
    assert command.main(["--list"]) == 0
    assert "multiply" in capsys.readouterr().out.split()
    with pytest.raises(SystemExit) as caught:
        command.main(["--help"])
    assert caught.value.code == 0


def test_the_command_as_a_process():
    done = subprocess.run(
        [sys.executable, "-m", "autograd_np.gradcheck", "exp"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "proved 1 of 1" in done.stderr
    assert "ok" in done.stdout


def test_module_and_function_share_a_name():
    assert ag.gradcheck(np.exp, X)
    importlib.import_module("autograd_np.gradcheck")
    assert inspect.isfunction(ag.gradcheck)
    assert ag.gradcheck(np.exp, X)
