"""Operations declared by users, with the two calls the library uses itself."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.primitive import REGISTRY


@pytest.fixture(autouse=True)
def scratch_names():
    before = set(REGISTRY)
    yield
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


def test_the_documented_example():
    @ag.primitive(broadcasts=True)
    def hypot3(x, y, z):
        return np.sqrt(x**2 + y**2 + z**2)

    ag.rule(
        hypot3,
        lambda g, x, out: g * x / out,
        lambda g, y, out: g * y / out,
        lambda g, z, out: g * z / out,
    )
    x = ag.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    assert ag.gradcheck(hypot3, (x, np.array([[1.0], [2.0]]), 0.5), order=2)
    np.testing.assert_allclose(ag.grad(hypot3)(2.0, 1.0, 2.0), 2 / 3)


def test_a_rule_may_be_added_after_calls():
    @ag.primitive()
    def twice(x):
        return 2 * x

    x = ag.Tensor([1.0], requires_grad=True)
    assert not twice(x).requires_grad
    ag.rule(twice, lambda g: 2 * g)
    twice(x).backward()
    assert x.grad.tolist() == [2.0]


def test_options_and_joint_rules_and_several_outputs():
    @ag.primitive(multi=True)
    def sum_and_difference(x, y, scale=1.0):
        return (x + y) * scale, (x - y) * scale

    def pull(g, needs, scale, x_shape):
        up, down = (np.zeros(x_shape) if part is None else part for part in g)
        return (up + down) * scale if needs[0] else None, (up - down) * scale if needs[1] else None

    ag.rule(sum_and_difference, joint=pull)
    x, y = ag.Tensor([1.0, 2.0], requires_grad=True), ag.Tensor([3.0, 5.0], requires_grad=True)
    s, d = sum_and_difference(x, y, scale=2.0)
    (s * d).sum().backward()
    np.testing.assert_allclose(x.grad, 8 * x.numpy())
    np.testing.assert_allclose(y.grad, -8 * y.numpy())
    assert ag.gradcheck(lambda x, y: sum_and_difference(x, y, 0.5), (x.numpy().copy(), y.numpy().copy()), order=2)


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        (lambda g, nonsense: g, ValueError, "nonsense"),
        (lambda g, **options: g, TypeError, "name each value"),
        (lambda: 1, TypeError, "cotangent"),
    ],
)
def test_bad_rules_are_refused_at_declaration(bad, error, says):
    @ag.primitive()
    def thing(x):
        return x

    with pytest.raises(error, match=says):
        ag.rule(thing, bad)


def test_too_many_rules_and_unknown_parameters():
    @ag.primitive()
    def thing(x):
        return x

    with pytest.raises(ValueError, match="2 rules for 1"):
        ag.rule(thing, lambda g: g, lambda g: g)
    with pytest.raises(ValueError, match="'y'"):
        ag.rule(thing, y=lambda g: g)
    with pytest.raises(TypeError, match="primitive"):
        ag.rule(len, lambda g: g)
    with pytest.raises(ValueError, match="no parameter"):
        ag.primitive(wrt="z")(lambda x: x)


def test_the_librarys_names_are_not_taken_over_silently():
    with pytest.raises(ValueError, match="exp"):

        @ag.primitive()
        def exp(x):
            return x


def test_signature_docstring_and_decorator_without_parentheses():
    @ag.primitive
    def tripled(x: float, times: int = 3) -> float:
        """Three times."""
        return times * x

    ag.rule(tripled, lambda g, times: g * times)
    import inspect

    assert list(inspect.signature(tripled).parameters) == ["x", "times"]
    assert tripled.__doc__ == "Three times."
    assert ag.grad(tripled)(2.0) == 3.0
    assert ag.grad(lambda x: tripled(x, times=5))(2.0) == 5.0
