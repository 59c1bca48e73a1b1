"""Operations declared by users, with the two calls the library uses itself."""

from __future__ import annotations

import functools
import inspect
import math
import operator
from typing import NamedTuple

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine import codegen
from autograd_np.engine.errors import MutationError, NonDifferentiableError
from autograd_np.engine.registry import REGISTRY
from autograd_np.primitives import load_all, special
from autograd_np.proofs.prove import examine
from autograd_np.proofs.samples import ORACLES, case


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
    before = twice(x)
    ag.rule(twice, lambda g: 2 * g)
    with pytest.raises(MutationError, match="declared anew"):
        before.backward()
    twice(x).backward()
    assert x.grad.tolist() == [2.0]


# ---------------------------------------------------------------- without a rule

WITHOUT = {
    "backward": lambda f, x: f(leaf(x)).sum().backward(),
    "grad": lambda f, x: ag.grad(lambda v: np.sum(f(v)))(x),
    "compiled": lambda f, x: ag.compile(ag.grad(lambda v: np.sum(f(v))))(x),
    "jvp": lambda f, x: ag.jvp(f, (x,), (x,)),
    "jacobian": lambda f, x: ag.jacobian(f)(x),
    "hvp": lambda f, x: ag.hvp(lambda v: np.sum(f(v)), x, x),
    "checkpoint": lambda f, x: ag.checkpoint(f)(leaf(x)).sum().backward(),
    "a zero cotangent": lambda f, x: (f(leaf(x)) * 0.0).sum().backward(),
    "gradcheck": lambda f, x: ag.gradcheck(f, (x,)),
    "in a rule, to second order": lambda f, x: ag.hessian(lambda v: np.sum(np.real(_with_rule(f)(v))))(x),
}


def leaf(x):
    return ag.Tensor(x, requires_grad=True)


def _with_rule(slope):
    function = ag.primitive(name="ruled_by_another")(lambda x: x**2)
    ag.rule(function, lambda g, x: g * 2 * slope(x))
    return function


@pytest.mark.parametrize("way", WITHOUT)
@pytest.mark.parametrize(
    "x",
    [np.array([1.0, 2.0]), np.float32([1.5, 2.5]), np.array([1.0 + 2.0j])],
    ids=["float64", "float32", "complex128"],
)
def test_a_gradient_that_would_pass_through_an_operation_without_a_rule_raises(way, x):
    @ag.primitive()
    def opaque(x, scale=1.0):
        return np.sin(x) * scale

    function = (lambda v: np.real(opaque(v))) if x.dtype.kind == "c" else opaque
    with pytest.raises(
        NonDifferentiableError,
        match=r"opaque has no rule .* respect to x.*ag\.rule\(opaque, x=.*discrete='x'.*x\.detach\(\)",
    ):
        WITHOUT[way](function, x)


def test_the_value_of_an_operation_without_a_rule_may_be_looked_at():
    @ag.primitive()
    def looked_at(x):
        return np.sin(x)

    x = leaf([1.0, 2.0])
    np.testing.assert_array_equal(looked_at(x).numpy(), np.sin([1.0, 2.0]))
    assert looked_at(x).requires_grad
    assert not looked_at(x.detach()).requires_grad
    assert not looked_at(np.ones(2)).requires_grad
    with ag.no_grad():
        assert not looked_at(x).requires_grad
    y = leaf(3.0)
    total = (looked_at(x) * y).sum()
    assert ag.gradients(total, y) == np.sin([1.0, 2.0]).sum()  # the gradient of y does not pass through it
    assert "looked_at" in str(ag.tape(total))


def test_integers_that_an_operation_without_a_rule_gives_have_no_gradient():
    @ag.primitive()
    def largest(x):
        return np.argmax(x)

    @ag.primitive(multi=True)
    def with_index(x):
        return np.argmax(x), np.max(x) + np.min(x)

    x = leaf([1.0, 3.0])
    assert not largest(x).requires_grad
    assert ag.grad(lambda x: np.sum(x * largest(x)))(np.array([1.0, 3.0])).tolist() == [1.0, 1.0]
    index, value = with_index(x)
    assert not index.requires_grad
    with pytest.raises(NonDifferentiableError, match="with_index"):
        value.backward()


def test_an_operation_on_a_sequence_without_a_rule():
    @ag.primitive()
    def smallest_sum(*operands):
        return np.min(operands[0]) + np.min(operands[1])

    with pytest.raises(NonDifferentiableError, match=r"smallest_sum has no rule .* operands.*joint="):
        smallest_sum([3.0], leaf([1.0, 2.0])).backward()


def test_what_is_declared_piecewise_constant_has_no_gradient():
    @ag.primitive(discrete="x step")
    def rounded(x, step=0.5):
        return np.round(x / step) * step

    @ag.primitive(discrete="y")
    def gated(x, y):
        return x * (y > 0)

    x = leaf([1.2, 2.4])
    assert not rounded(x).requires_grad
    assert not rounded([1.2], step=leaf(0.5)).requires_grad
    np.testing.assert_array_equal(ag.grad(lambda x: np.sum(x * rounded(x)))(np.array([1.2, 2.4])), [1.0, 2.5])
    assert not gated(1.0, x).requires_grad
    with pytest.raises(NonDifferentiableError, match="gated has no rule .* to x"):
        gated(x, x).sum().backward()
    ag.rule(gated, lambda g, y: g * (y > 0))
    gated(x, x).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_rule_for_what_is_piecewise_constant_is_taken():
    @ag.primitive(discrete="x")
    def straight_through(x):
        return np.round(x)

    ag.rule(straight_through, lambda g: g)
    assert ag.grad(straight_through)(1.2) == 1.0


def test_an_option_without_a_rule_is_refused_where_it_is_recorded():
    @ag.primitive()
    def scaled(x, factor=2.0):
        return x * factor

    for _ in range(2):
        with pytest.raises(
            NonDifferentiableError, match=r"scaled has no gradient with respect to factor.*factor\.detach"
        ):
            scaled(1.0, factor=leaf(3.0))
        with ag.no_grad():
            assert scaled(1.0, factor=leaf(3.0)).item() == 3.0
        ag.rule(scaled, lambda g, factor: g * factor)


def test_everything_of_the_library_has_a_rule_or_is_said_to_be_piecewise_constant():
    load_all()
    special.register()
    for found in REGISTRY.values():
        if found.declared.__module__.startswith("autograd_np."):
            codegen.build(found)
    silent = {name for name, found in REGISTRY.items() if not found.differentiable and found.recorded}
    assert not silent


def test_the_proof_finds_what_is_not_piecewise_constant():
    @ag.primitive(discrete="x")
    def smooth(x):
        return np.sin(x)

    @ag.primitive()
    def undeclared(x):
        return np.sin(x)

    for function in (smooth, undeclared):
        ORACLES[function.__name__] = np.sin
    try:
        sample = case(np.array([0.5, 1.0]), order=0)
        assert {finding.check for finding in examine(smooth.__primitive__, sample).findings} == {"constant"}
        assert {finding.check for finding in examine(undeclared.__primitive__, sample).findings} == {"value"}
    finally:
        for function in (smooth, undeclared):
            del ORACLES[function.__name__]


# ---------------------------------------------------------------- what else may be declared


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
    assert list(inspect.signature(tripled).parameters) == ["x", "times"]
    assert tripled.__doc__ == "Three times."
    assert ag.grad(tripled)(2.0) == 3.0
    assert ag.grad(lambda x: tripled(x, times=5))(2.0) == 5.0


# ---------------------------------------------------------------- callables of every kind


def _product(x, y=2.0):
    return x * y


class Scaling:
    def __init__(self, k):
        self.k = k

    def __call__(self, x):
        return x * self.k

    def method(self, x):
        return x * self.k

    @classmethod
    def of_class(cls, x):
        return x * 2.0


def _executed():
    space = {}
    exec("def doubled(x):\n    return x * 2.0", space)
    return space["doubled"]


@functools.wraps(_product)
def _wrapping(*args, **kwargs):
    return _product(*args, **kwargs)


CALLABLES = {
    "partial": functools.partial(_product, y=2.0),
    "np.vectorize": np.vectorize(_product),
    "object": Scaling(2.0),
    "bound method": Scaling(2.0).method,
    "class method": Scaling.of_class,
    "exec": _executed(),
    "lambda": lambda x: x * 2.0,
    "wrapped": _wrapping,
}


@pytest.mark.parametrize("kind", CALLABLES)
@pytest.mark.parametrize("parentheses", [True, False])
def test_any_callable_with_a_signature_is_taken(kind, parentheses):
    function = ag.primitive()(CALLABLES[kind]) if parentheses else ag.primitive(CALLABLES[kind])
    ag.rule(function, lambda g: 2 * g)
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(function(x).numpy(), 2 * x)
    np.testing.assert_array_equal(ag.grad(lambda x: np.sum(function(x) ** 2))(x), 8 * x)
    if kind != "np.vectorize":  # which looks at each number
        np.testing.assert_array_equal(ag.compile(ag.grad(lambda x: np.sum(function(x) ** 2)))(x), 8 * x)
    assert next(iter(inspect.signature(function).parameters)) == "x"
    assert function.__name__ in REGISTRY


def test_functions_in_c_and_ufuncs():
    tangent = ag.primitive(name="my_atan2")(math.atan2)
    ag.rule(tangent, lambda g, y, x: g * x / (x * x + y * y), lambda g, y, x: -g * y / (x * x + y * y))
    assert ag.gradcheck(tangent, (0.3, 0.7), order=2)
    cubic = ag.primitive(name="cubic")(np.frompyfunc(lambda x: x**3, 1, 1))
    ag.rule(cubic, lambda g, x: 3 * g * x * x)
    assert ag.grad(cubic)(2.0) == 12.0
    length = ag.primitive(name="length", wrt="x y")(math.hypot)
    ag.rule(length, lambda g, x, out: g * x / out, lambda g, y, out: g * y / out)
    assert ag.gradcheck(length, (3.0, 4.0))
    for unknown in (math.hypot, operator.itemgetter(0)):
        with pytest.raises(TypeError, match=r"does not say what its parameters are.*wrt='x y'"):
            ag.primitive(name="unknown")(unknown)
    for nothing in (5, None, "exp"):
        with pytest.raises(TypeError, match="primitive: takes"):
            ag.primitive()(nothing)
        with pytest.raises(TypeError, match="primitive: takes"):
            ag.primitive(nothing)


def test_static_methods_and_options_by_name():
    class Holder:
        @ag.primitive()
        @staticmethod
        def times(x, **options):
            return x * options["by"]

    ag.rule(Holder.times, lambda g, options: g * options["by"])
    assert Holder().times(2.0, by=3.0).item() == 6.0
    assert ag.grad(lambda x: Holder.times(x, by=3.0))(2.0) == 3.0


@pytest.mark.parametrize("name", ["two words", "lambda", "def", 'a"quote\n', "λ", "a.b"])
def test_any_name_may_be_given(name):
    function = ag.primitive(name=name)(lambda x: x * 2)
    ag.rule(function, lambda g: 2 * g)
    assert ag.grad(function)(1.0) == 2.0
    assert REGISTRY[name].function is function


@pytest.mark.parametrize("word", ["x_s", "x_n", "x_v", "_value", "_t", "default_x", "out_given"])
def test_a_parameter_that_the_written_function_would_overwrite_is_refused(word):
    space = {}
    exec(f"def function(x, {word}):\n    return x + {word}", space)
    with pytest.raises(ValueError, match=rf"the engine uses the names {word} itself"):
        ag.primitive()(space["function"])


def test_a_body_that_returns_a_tuple_has_several_outputs():
    calls = []

    @ag.primitive()
    def sum_and_product(x, y):
        calls.append(1)
        return x + y, x * y

    def pull(g, y):
        return (0 if g[0] is None else g[0]) + (0 if g[1] is None else g[1] * y)

    ag.rule(sum_and_product, lambda g, y: pull(g, y), lambda g, x: pull(g, x))
    x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    total, product = sum_and_product(x, y)
    np.testing.assert_array_equal(total.numpy(), x + y)
    np.testing.assert_array_equal(product.numpy(), x * y)
    sum_and_product(x, y)
    assert len(calls) == 3  # twice in the first call
    assert ag.gradcheck(sum_and_product, (x, y), order=2)
    found = ag.compile(ag.grad(lambda x, y: np.sum(sum_and_product(x, y)[1])))(x, y)
    np.testing.assert_array_equal(found, y)


def test_a_body_that_returns_a_tuple_sometimes_is_refused():
    @ag.primitive()
    def sometimes(x):
        return (x, x) if x.size > 1 else x * 2

    sometimes([1.0])
    with pytest.raises(TypeError, match="must return an array"):
        sometimes([1.0, 2.0])


# ---------------------------------------------------------------- trees


class Layer(NamedTuple):
    w: object
    b: object


def _affine():
    @ag.primitive(trees=True)
    def affine(layer, x, scale=1.0):
        return {"y": (x @ layer.w + layer.b) * scale, "norm": [np.sum(layer.w**2)]}

    return affine


def test_an_operation_on_trees():
    affine = _affine()
    layer, x = Layer(np.arange(6.0).reshape(3, 2), np.ones(2)), np.linspace(-1, 1, 12).reshape(4, 3)

    def loss(layer, x):
        result = affine(layer, x, scale=0.5)
        return np.sum(np.tanh(result["y"])) * result["norm"][0]

    with pytest.raises(NonDifferentiableError, match=r"affine has no rule .* layer.*ag\.rule\(affine, layer="):
        ag.grad(loss)(layer, x)
    ag.rule(
        affine,
        lambda g, layer, x, scale: Layer(scale * x.T @ g["y"] + 2 * g["norm"][0] * layer.w, scale * g["y"].sum(0)),
    )
    assert type(ag.grad(loss)(layer, x)) is Layer
    assert ag.gradcheck(lambda layer: loss(layer, x), (layer,), order=2)
    with pytest.raises(NonDifferentiableError, match="affine has no rule .* to x"):
        ag.grad(loss, 1)(layer, x)
    ag.rule(affine, x=lambda g, layer, scale: scale * g["y"] @ layer.w.T)
    assert ag.gradcheck(loss, (layer, x), order=2)
    compiled = ag.compile(ag.grad(loss))
    for k in (1.0, 2.0):
        np.testing.assert_allclose(compiled(layer, k * x).w, ag.grad(loss)(layer, k * x).w, rtol=1e-13)
    assert list(inspect.signature(affine).parameters) == ["layer", "x", "scale"]


def test_a_joint_rule_on_trees_and_out():
    @ag.primitive(trees=True, discrete="steps")
    def powers(pair, steps):
        a, b = pair
        return Layer(np.exp(a), b ** steps["n"])

    ag.rule(powers, joint=lambda g, pair, steps, out: [[g.w * out.w, steps["n"] * g.b * pair[1] ** (steps["n"] - 1)]])
    pair = [np.array([0.5]), np.array([2.0, 3.0])]
    assert ag.gradcheck(lambda p: powers(p, {"n": 3}), (pair,), order=2)
    assert ag.grad(lambda n: np.sum(powers(pair, {"n": n}).b))(3.0) == 0.0


def test_trees_that_do_not_fit_are_named():
    affine = _affine()
    layer = Layer(np.ones((1, 1)), np.ones(1))
    ag.rule(affine, lambda g, layer: g)
    with pytest.raises(ValueError, match=r"the rule of affine for layer: there must be"):
        ag.grad(lambda layer: np.sum(affine(layer, np.ones((1, 1)))["y"]))(layer)
    with pytest.raises(TypeError, match="affine: .*must be a Tensor, an array or a number"):
        affine(Layer("w", 1.0), 1.0)
    with pytest.raises(TypeError, match="affine: missing"):
        affine(layer)
    with pytest.raises(ValueError, match="'layer_shape' is neither out, an operand, nor an option"):
        ag.rule(affine, lambda g, layer_shape: g)
    with pytest.raises(NonDifferentiableError, match="affine has no gradient with respect to scale"):
        affine(layer, np.ones((1, 1)), scale=leaf(2.0))
    with pytest.raises(TypeError, match="trees=True"):
        ag.primitive(name="no_tree")(lambda x: {"x": x})(1.0)
