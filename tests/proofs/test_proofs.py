"""The proof table: one test per primitive and case; and the proof of the proof."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from autograd_np.engine.registry import REGISTRY, primitive, rule
from autograd_np.engine.tensor import Tensor
from autograd_np.proofs import mutate
from autograd_np.proofs.cases import (
    INDIRECT,
    Case,
    cases,
    differ,
    in_the_complex_plane,
    names,
    real_operands,
    scattered,
    subject,
)
from autograd_np.proofs.gradcheck import gradcheck
from autograd_np.proofs.prove import EXEMPT, examine
from autograd_np.proofs.samples import ORACLES, SAMPLES, Sample, case, load, normal

NAMES = names()


def rows() -> list[object]:
    table = []
    for name in NAMES:
        seen: dict[str, int] = {}
        for sample in cases(name):
            label = sample.label or "plain"
            seen[label] = seen.get(label, 0) + 1
            number = f" {seen[label]}" if seen[label] > 1 else ""
            table.append(pytest.param(name, sample, id=f"{name}-{label}{number}"))
    return table


@pytest.mark.parametrize(("name", "sample"), rows())
def test_case(name: str, sample: Sample) -> None:
    findings = examine(subject(name), sample).findings
    assert not findings, f"{name}: " + "\n".join(str(finding) for finding in findings)


def test_everything_has_samples() -> None:
    missing = [name for name in NAMES if not cases(name) and name not in EXEMPT]
    assert not missing, f"without samples: {', '.join(missing)}"


def test_samples_are_of_something() -> None:
    unknown = sorted(set(load()) - set(NAMES))
    assert not unknown, f"samples of unknown functions: {', '.join(unknown)}"
    assert not set(EXEMPT) - set(NAMES)


def test_every_differentiable_primitive_is_compared_with_differences() -> None:
    bare = []
    for name in NAMES:
        found = subject(name)
        if (
            found.differentiable
            and name in REGISTRY
            and name not in (*INDIRECT, *EXEMPT)
            and not any(s.order > 0 and s.expected is None for s in cases(name))
        ):
            bare.append(name)
    assert not bare, f"no case of order 1 or 2: {', '.join(bare)}"


def test_every_operand_is_differentiated_in_some_case() -> None:
    unproved = []
    for name in NAMES:
        found = REGISTRY.get(name)
        if found is None or found.joint is not None or not found.rules or name in (*INDIRECT, *EXEMPT):
            continue
        words = set()
        for sample in cases(name):
            given = inspect.signature(found.function).bind(*sample.args, **sample.kwargs).arguments
            if sample.order > 0:
                words |= {
                    word for word, value in given.items() if isinstance(value, np.ndarray) and value.dtype.kind in "fc"
                }
        unproved += [
            f"{name}({word})"
            for word in found.rules
            if word not in words and word in inspect.signature(found.function).parameters
        ]
    assert not unproved, f"rules that no case needs: {', '.join(unproved)}"


# What is 0 or real whatever the operand, or has such a gradient: its conjugate is itself.
OWN_CONJUGATE = ("at_root", "identity_power", "real")


def has_complex_cases(name: str) -> bool:
    """Whether some case with gradients has complex operands, as far as they need not be real."""
    found = subject(name)
    for sample in cases(name):
        call = Case(found, sample)
        free = [i for i in call.floating if call.parameter[i] not in real_operands(found)]
        if sample.order > 0 and free and all(call.leaves[i].dtype.kind == "c" and call.leaves[i].size for i in free):
            return True
    return False


def test_everything_is_proved_in_the_complex_plane_or_refuses() -> None:
    neither = []
    for name in NAMES:
        found = subject(name)
        floating = found.differentiable and any(
            Case(found, sample).floating and sample.order > 0 for sample in cases(name)
        )
        if (
            floating
            and name not in INDIRECT
            and not has_complex_cases(name)
            and not any(sample.refused for sample in cases(name))
        ):
            neither.append(name)
    assert not neither, f"neither complex samples nor declared real: {', '.join(neither)}"


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in NAMES
        if name in REGISTRY and REGISTRY[name].differentiable and cases(name) and name not in INDIRECT
    ],
)
def test_mutants_die(name: str) -> None:
    score = mutate.score(name)
    assert not score.survived, f"{name}: survived: {', '.join(score.survived)}"
    # A rule that no case exercises would have only mutants that make no difference.
    idle = [words for words in score.same if words.endswith("one added")]
    assert not idle, f"{name}: no case has a gradient there: {', '.join(idle)}"
    if has_complex_cases(name) and name not in OWN_CONJUGATE:
        ends = [words.removesuffix(" conjugated") for words in score.same if words.endswith(" conjugated")]
        unproved = [
            end for end in ends if not end.endswith(("values", "cotangent")) and end not in real_operands(subject(name))
        ]
        assert not unproved, f"{name}: no case has a complex gradient of {', '.join(unproved)}"
    assert score.killed


def test_outputs_in_another_layout_are_noticed() -> None:
    found = {name: mutate.relaid(name) for name in NAMES if subject(name).numpy_functions}
    assert not [name for name, result in found.items() if result == "survived"]
    # What these give has one element, or is none of ours to lay out.
    assert {name for name, result in found.items() if result == "same"} == {"einsum_path", "ix_", "vdot"}


def test_a_rule_that_reads_memory_order_is_noticed(broken):
    def careless(g, x):
        return g * (2 if getattr(getattr(x, "flags", None), "c_contiguous", True) else 3)

    assert broken(double, careless, sample=case(normal(3, 4), order=1)) == ["layout", "strided"]


@pytest.mark.parametrize("operand", ["x", "y"])
def test_the_powers_logarithm_through_higher_orders(operand: str) -> None:
    x, y = np.array([0.5, 1.5, 2.5]), np.array([2.0, -1.5, 0.7])
    assert gradcheck(np.power, (x, y), order=4)
    found = REGISTRY["power_log"]
    for mutation in ("scaled by 1.01", "sign flipped", "zeroed", "cotangent permuted"):
        with mutate.Broken(found, 0, operand) as broken_rule:
            broken_rule.mutation = mutation
            assert gradcheck(np.power, (x, y), order=1)
            assert not gradcheck(np.power, (x, y), raise_exception=False)


# ---------------------------------------------------------------- the proof notices


@pytest.fixture
def broken() -> Iterator[Callable[..., list[str]]]:
    """Declares a primitive that lives as long as the test, and names the checks that find something wrong with it."""
    made = []

    def declare(function: Callable[..., Any], *rules: Callable[..., Any] | None, sample: Sample) -> list[str]:
        public = primitive()(function)
        made.append(public.__name__)
        rule(public, *rules)
        found = REGISTRY[public.__name__]
        ORACLES[public.__name__] = function
        return sorted({finding.check for finding in examine(found, sample).findings})

    yield declare
    for name in made:
        REGISTRY.pop(name)
        ORACLES.pop(name)


def exponential(x):
    return np.exp(x)


def double(x):
    return x * 2


def cubed(x):
    return x * x * x


def test_a_right_rule_is_proved(broken):
    assert broken(exponential, lambda g, out: g * out, sample=case(normal(3, 2))) == []


def test_a_wrong_first_order_is_noticed(broken):
    assert broken(exponential, lambda g, out: g * out * 1.00001, sample=case(normal(3, 2))) == ["differences"]


@pytest.mark.parametrize(("order", "checks"), [(1, []), (2, ["differences"])])
def test_a_wrong_second_order_is_noticed(broken, order, checks):
    def detached(g, x):
        return g * np.exp(x._values if isinstance(x, Tensor) else x)

    assert broken(exponential, detached, sample=case(normal(3, 2), order=order)) == checks


def test_conversion_of_a_duck_is_noticed(broken):
    assert broken(exponential, lambda g, out: g * np.asarray(out), sample=case(normal(3), order=1)) == ["duck"]


def test_an_array_of_another_kind_is_noticed(broken):
    assert broken(double, lambda g, x_shape: g * np.full(x_shape, 2, np.float32), sample=case(normal(3), order=1)) == [
        "duck"
    ]
    assert broken(cubed, lambda g, x: np.full(3, 12.0), sample=case(np.full(3, 2.0), order=0, float32=False)) == [
        "duck",
        "gradient",
    ]


def test_a_rule_that_writes_is_noticed(broken):
    def overwriting(g):
        g *= 2
        return g

    assert "gradient" in broken(double, overwriting, sample=case(normal(3), order=1))


def test_a_zero_cotangent_that_does_not_stay_zero_is_noticed(broken):
    def root(x):
        return np.sqrt(x)

    def plain_division(g, out):
        return g / (2 * out)

    kink = case(np.array([0.0, 1.0]), order=1, expected=(np.array([np.inf, 0.5]),))
    assert broken(root, plain_division, sample=kink) == ["gradient"]


def test_double_precision_in_a_rule_is_noticed(broken):
    assert broken(double, lambda g: g * np.float64(2), sample=case(normal(3))) == ["float32"]


def test_a_rule_that_needs_contiguous_memory_is_noticed(broken):
    def careless(g, x):
        return g * (2 if getattr(x, "strides", (8,))[0] > 0 else 3)

    assert broken(double, careless, sample=case(normal(3), order=1)) == ["strided"]


def test_a_rule_that_looks_at_what_else_is_differentiated_is_noticed(broken):
    def both(x, y):
        return x * y

    public = primitive()(both)
    try:
        rule(public, joint=lambda g, needs, x, y: (g * y * (1 if needs[1] else 2), g * x))
        ORACLES["both"] = both
        checks = {finding.check for finding in examine(REGISTRY["both"], case(normal(3), normal(3))).findings}
    finally:
        REGISTRY.pop("both")
        ORACLES.pop("both")
    assert checks == {"alone"}


def test_a_function_that_takes_complex_numbers_although_it_is_real_is_noticed():
    def halved(x):
        return np.real(x) / 2

    public = primitive()(halved)
    try:
        rule(public, lambda g: g / 2)
        ORACLES["halved"] = lambda x: x / 2
        real = case(normal(3))
        (added,) = in_the_complex_plane(REGISTRY["halved"], [real])
        assert examine(REGISTRY["halved"], real).findings == []
        assert {finding.check for finding in examine(REGISTRY["halved"], added).findings} >= {"value"}
        silent = Sample(added.args, order=0, refused=True)
        assert {finding.check for finding in examine(REGISTRY["halved"], silent).findings} == {"refusal"}
    finally:
        REGISTRY.pop("halved")
        ORACLES.pop("halved")


def test_every_conjugate_of_a_rule_is_dropped_in_turn():
    found = REGISTRY["vdot"]
    x = normal(3) + 1j * normal(3)
    judge = mutate.Judge(found, Case(found, case(x, x[::-1])), 1)
    with mutate.Broken(found, 1, "y") as broken_rule:
        assert not judge.red(judge.gradients())
        assert broken_rule.conjugates == 1
        broken_rule.mutation = mutate.DROPPED.format(0)
        assert judge.red(judge.gradients())
    assert np.conjugate is np.conj
    assert isinstance(np.conjugate, np.ufunc)


def test_a_kink_is_held_to_its_convention(broken):
    def bent(x):
        return np.abs(x)

    def sides(g, x):
        return g * np.where(np.greater(x, 0), 1.0, -1.0)

    x = np.array([-1.0, 0.0, 2.0])
    assert broken(bent, sides, sample=case(x, order=1, expected=(np.array([-1.0, 0.0, 1.0]),), float32=False)) == [
        "kink"
    ]


def test_a_missing_oracle_is_noticed(broken):
    public = primitive()(exponential)
    try:
        checks = [finding.check for finding in examine(REGISTRY["exponential"], case(normal(3))).findings]
    finally:
        REGISTRY.pop("exponential")
    assert public.__name__ == "exponential"
    assert checks == ["value"]


@pytest.mark.parametrize("mutation", mutate.MUTATIONS)
def test_a_mutant_is_what_it_says(mutation):
    found = REGISTRY["multiply"]
    x = normal(2, 2)
    call = Case(found, case(x, x[::-1]))
    judge = mutate.Judge(found, call, 2 if mutation in mutate.SECOND else 1)
    with mutate.Broken(found, 0, "x") as broken_rule:
        broken_rule.mutation = mutation
        grads = judge.gradients()
    if "conjugated" in mutation or mutation == "cut from the values":
        # A real gradient is its own conjugate; y reaches the second order through the kept value.
        assert judge.red(grads) == (mutation == "cut from the values")
    else:
        assert judge.red(grads)
    assert not judge.red(judge.gradients())


def test_a_wrong_value_is_noticed() -> None:
    expected = np.array([1.0, np.nan, np.inf])
    assert differ(expected.copy(), expected, 0.0, 0.0) is None
    assert differ(expected[:2], expected, 0.0, 0.0) == "shape (2,) instead of (3,)"
    assert differ(expected.astype(np.float32), expected, 0.0, 0.0) == "dtype float32 instead of float64"
    assert "at index (2,)" in str(differ(np.array([1.0, np.nan, -np.inf]), expected, 0.0, 0.0))


def test_strided_memory_is_what_it_says() -> None:
    x = normal(3, 4)
    moved = scattered(x)
    assert np.array_equal(moved, x)
    assert not moved.flags.c_contiguous
    assert not moved.flags.f_contiguous
    assert all(step < 0 for step in moved.strides)


def test_operands_are_found_by_name() -> None:
    (sample, *_) = SAMPLES["add"]
    found = Case(REGISTRY["add"], sample)
    assert found.operands == [0, 1]
