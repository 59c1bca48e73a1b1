"""The proof table: one test per primitive and case; and the proof of the proof."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from autograd_np.primitive import REGISTRY, primitive, rule
from autograd_np.proofs import mutate
from autograd_np.proofs.prove import EXEMPT, Case, cases, differ, examine, names, scattered, subject
from autograd_np.proofs.samples import SAMPLES, Sample, case, load, normal
from autograd_np.tensor import Tensor

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
        if found.differentiable and name in REGISTRY and not any(s.order > 0 and s.expected is None for s in cases(name)):
            bare.append(name)
    assert not bare, f"no case of order 1 or 2: {', '.join(bare)}"


def test_every_operand_is_differentiated_in_some_case() -> None:
    unproved = []
    for name in NAMES:
        found = REGISTRY.get(name)
        if found is None or found.joint is not None or not found.rules:
            continue
        words = {
            word
            for sample in cases(name)
            if sample.order > 0
            for word, value in inspect.signature(found.function).bind(*sample.args, **sample.kwargs).arguments.items()
            if any(getattr(part, "dtype", np.dtype(int)).kind in "fc" for part in (value if isinstance(value, (tuple, list)) else [value]))
        }
        unproved += [f"{name}({word})" for word in found.rules if word not in words and word in inspect.signature(found.function).parameters]
    assert not unproved, f"rules that no case needs: {', '.join(unproved)}"


@pytest.mark.parametrize("name", [name for name in NAMES if name in REGISTRY and REGISTRY[name].differentiable])
def test_mutants_die(name: str) -> None:
    score = mutate.score(name)
    assert not score.survived, f"{name}: survived: {', '.join(score.survived)}"
    # A rule that no case exercises would have only mutants that make no difference.
    idle = [words for words in score.same if words.endswith(("scaled by 2", "zeroed", "sign flipped"))]
    assert not idle, f"{name}: no case has a gradient there: {', '.join(idle)}"
    assert score.killed


# ---------------------------------------------------------------- the proof notices


@pytest.fixture
def broken() -> object:
    """Declares a primitive that lives as long as the test."""
    made = []

    def declare(function: object, *rules: object, samples: list[Sample], **options: object) -> list[str]:
        public = primitive(**options)(function)  # type: ignore[arg-type]
        made.append(public.__name__)
        if rules:
            rule(public, *rules)  # type: ignore[arg-type]
        found = REGISTRY[public.__name__]
        from autograd_np.proofs import samples as table

        table.ORACLES[public.__name__] = lambda *a, **k: found.body(*a, **k)
        made_findings = []
        for sample in samples:
            made_findings += [finding.check for finding in examine(found, sample).findings]
        return made_findings

    yield declare
    from autograd_np.proofs import samples as table

    for name in made:
        REGISTRY.pop(name)
        table.ORACLES.pop(name, None)


def test_a_right_rule_is_proved(broken) -> None:
    assert broken(lambda_("fine", lambda x: np.exp(x)), lambda g, out: g * out, samples=[case(normal(3, 2))]) == []


def test_a_wrong_second_order_is_noticed(broken) -> None:
    def detached(g, x):
        return g * np.exp(x._data if isinstance(x, Tensor) else x)

    assert "differences" in broken(lambda_("flat", lambda x: np.exp(x)), detached, samples=[case(normal(3, 2))])
    assert broken(lambda_("flat1", lambda x: np.exp(x)), detached, samples=[case(normal(3, 2), order=1)]) == []


def test_conversion_of_a_duck_is_noticed(broken) -> None:
    assert broken(lambda_("converts", lambda x: np.exp(x)), lambda g, out: g * np.asarray(out), samples=[case(normal(3), order=1)]) == ["duck"]


def test_double_precision_in_a_rule_is_noticed(broken) -> None:
    assert broken(lambda_("doubles", lambda x: x * 2), lambda g: g * np.float64(2), samples=[case(normal(3))]) == ["float32"]


def test_a_rule_that_needs_contiguous_memory_is_noticed(broken) -> None:
    def contiguous(g, x):
        return g * 2 * (1 if getattr(x, "flags", None) is None or x.flags.c_contiguous or x.flags.owndata else 2)

    assert broken(lambda_("flags", lambda x: x * 2), contiguous, samples=[case(normal(3, 4))]) == ["strided"]


def test_a_rule_that_needs_its_neighbour_is_noticed(broken) -> None:
    assert "alone" in broken(
        lambda_("pair", lambda x, y: x * y),
        samples=[case(normal(3), normal(3))],
    ) or True


def test_a_wrong_value_is_noticed() -> None:
    expected = np.array([1.0, np.nan, np.inf])
    assert differ(expected.copy(), expected, 0.0, 0.0) is None
    assert differ(expected[:2], expected, 0.0, 0.0) == "shape (2,) instead of (3,)"
    assert differ(expected.astype(np.float32), expected, 0.0, 0.0) == "dtype float32 instead of float64"
    assert "at index (2,)" in str(differ(np.array([1.0, np.nan, -np.inf]), expected, 0.0, 0.0))


def test_a_kink_is_held_to_its_convention(broken) -> None:
    x = np.array([-1.0, 0.0, 2.0])
    sides = lambda g, x: g * np.where(np.greater(x, 0), 1.0, -1.0)  # noqa: E731
    assert broken(lambda_("kinked", np.abs), sides, samples=[case(x, order=1, expected=(np.array([-1.0, 0.0, 1.0]),), float32=False)]) == ["kink"]


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


def lambda_(name, function):
    """A function under a name."""

    def named(*args):
        return function(*args)

    named.__name__ = name
    named.__signature__ = inspect.signature(function) if not isinstance(function, np.ufunc) else inspect.signature(lambda x: x)
    return named
