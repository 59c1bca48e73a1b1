"""Every primitive and composition under vmap: value, gradient and second order against a loop over the batch."""

from __future__ import annotations

import warnings

import pytest

from autograd_np.proofs.batched import batched
from autograd_np.proofs.cases import Case, cases, names, subject


def wrong(name: str, *, first: int | None = None, sizes: tuple[int, ...] = (3,), alone: bool = False) -> list[str]:
    """What is wrong with the samples of a name, or with its first ones."""
    found = []
    floating = [case for case in (Case(subject(name), s) for s in cases(name) if not s.refused) if case.floating]
    for case in floating[:first]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numbers that a sample is about, once for each element
            found += [f"{case.sample.label}: {words}" for words in batched(case, sizes=sizes, alone=alone)]
    return found


@pytest.mark.parametrize("name", names())
def test_first_samples(name: str) -> None:
    assert wrong(name, first=3) == []


@pytest.mark.full
@pytest.mark.parametrize("name", names())
def test_all_samples(name: str) -> None:
    """Each operand alone and all together, in batches of 0, 1 and 3."""
    assert wrong(name, sizes=(3, 1, 0), alone=True) == []
