"""What a newcomer meets in the first minutes: the mistake is named, and so is what to write instead."""

from __future__ import annotations

import math

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.proofs import command

TRANSFORMS = {
    "grad": ag.grad,
    "value_and_grad": ag.value_and_grad,
    "elementwise_grad": ag.elementwise_grad,
    "jacobian": ag.jacobian,
    "hessian": ag.hessian,
    "hvp": ag.hvp,
    "vjp": lambda f: ag.vjp(f, 1.0),
    "jvp": lambda f: ag.jvp(f, (1.0,), (1.0,)),
}


def parameter():
    return ag.Tensor([1.0, 2.0, 3.0], requires_grad=True)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_value_for_a_function(name):
    with pytest.raises(TypeError, match=f"^{name} takes a function, not .* pass f itself rather than f\\(x\\)"):
        TRANSFORMS[name](np.sum(parameter() ** 2))


def test_backward_without_a_parameter():
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        (ag.Tensor([1.0]) * 2).sum().backward()
    w = parameter()
    (w**2).sum().backward()
    with ag.no_grad():
        w = w - 0.1 * w.grad
    with pytest.raises(RuntimeError, match=r"w -= … inside no_grad updates a parameter"):
        (w**2).sum().backward()


@pytest.mark.parametrize("convert", [float, int, complex, math.exp])
def test_many_elements_to_one_number(convert):
    """The advice is not ``.item()``, which would fail too."""
    with pytest.raises(TypeError, match=r"\(3,\) float64; it takes one element") as caught:
        convert(parameter())
    assert "item()" not in str(caught.value)
    with pytest.raises(TypeError, match=r"t\.item\(\)"):
        convert(parameter()[0])


def test_formats():
    assert f"{parameter()[1]:.2f}" == "2.00"
    assert f"{parameter()}" == "[1. 2. 3.]"
    assert f"{parameter():>12}" == "  [1. 2. 3.]"
    with pytest.raises(ValueError, match=r"format '\.3f' is for one number, not for a Tensor of \(3,\) float64"):
        f"{parameter():.3f}"


def test_round():
    x = ag.Tensor(2.567, requires_grad=True)
    assert round(x, 2).item() == 2.57
    assert round(x).item() == 3.0
    assert not round(x, 2).requires_grad


@pytest.mark.parametrize(
    ("name", "remedy"), [("array", "ag.Tensor"), ("numpy", "import numpy as np"), ("random", "np.random")]
)
def test_names_of_other_libraries(name, remedy):
    with pytest.raises(AttributeError, match=remedy):
        getattr(ag, name)


def test_dir_lists_what_is_ours():
    assert not {"Any", "TYPE_CHECKING", "annotations"} & set(dir(ag))


def test_the_command_takes_the_names_that_users_know(capsys):
    assert command.main(["np.exp", "numpy.linalg.det", "linalg.det", "abs", "ag.sigmoid"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[2:6]] == ["exp", "det", "absolute", "sigmoid"]
    assert command.main(["np.foo", "expp", "exp"]) == 2
    err = capsys.readouterr().err
    assert "'np.foo'" in err
    assert "'expp'; did you mean exp" in err


def test_masked_arrays_do_not_cut_a_tensor_off_silently():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    for call in (
        lambda: np.ma.array([1.0, 2.0]) * x,
        lambda: np.ma.exp(x),
        lambda: np.ma.multiply(x, x),
        lambda: x * np.ma.array([1.0, 2.0]),
    ):
        with pytest.raises(TypeError):
            call()


def test_the_librarys_rules_are_not_replaced_silently():
    with pytest.raises(ValueError, match="exp has its rule"):
        ag.rule(np.exp, lambda g: g)
    assert ag.grad(np.exp)(0.0) == 1.0


def test_windows_of_a_tensor():
    x = np.arange(12.0).reshape(3, 4)
    windows = np.lib.stride_tricks.sliding_window_view
    for shape, axis in (((2, 2), None), (3, 1), ((2,), (0,)), ((2, 3), (1, 0)), ((2, 2), (1, 1))):
        t = ag.Tensor(x, requires_grad=True)
        result = windows(t, shape, axis)
        np.testing.assert_array_equal(result.numpy(), windows(x, shape, axis))
        assert ag.gradcheck(lambda x, shape=shape, axis=axis: windows(x, shape, axis), (x,))
    with pytest.raises(ValueError, match="sliding_window_view"):
        windows(ag.Tensor(x), 9, 0)
