"""What a program costs: counts that follow from shapes, and a measurement that changes nothing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn


def trained() -> tuple[Any, tuple[Any, ...], Any]:
    nn.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 3))
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.Adam(model.parameters(), lr=0.01))
    return step, (rng.normal(size=(300, 2)).astype(np.float32), rng.integers(0, 3, 300)), model


def test_counts_of_a_product_and_a_function() -> None:
    f = ag.compile(lambda x, w: np.tanh(x @ w))
    f(np.ones((4, 3)), np.ones((3, 2)))
    found = f.explain(seconds=0.01)
    assert found.flops == 2 * 4 * 3 * 2 + 4 * 2
    assert found.moved == 8 * (4 * 3 + 3 * 2 + 4 * 2 + 4 * 2 + 4 * 2)
    (section,) = found.sections
    assert (section.name, section.calls) == ("forward", 2)
    assert section.intensity == found.flops / found.moved
    assert found.counts["traced"] == 2
    assert found.measured > 0
    assert found.predicted > 0


def test_sections_of_a_step_add_up() -> None:
    step, batch, _ = trained()
    step(*batch)
    found = step.explain(*batch, seconds=0.02)
    assert [section.name for section in found.sections] == ["forward", "backward", "update"]
    assert sum(section.calls for section in found.sections) > 20
    products = 2 * 300 * (2 * 64 + 64 * 3)
    assert products < found.sections[0].flops < 1.5 * products
    assert found.sections[1].flops > products
    assert found.arena < found.intermediates
    assert found.peak > found.arena
    assert all(section.measured > 0 for section in found.sections)
    text = str(found)
    assert re.search(r"^section +calls +FLOP +moved +FLOP/byte +predicted +measured$", text, re.MULTILINE), text
    assert re.search(r"^total ", text, re.MULTILINE)
    assert "GFLOP/s" in text
    assert repr(found) == text


def test_nothing_changes() -> None:
    (step, batch, model), (other, _, twin) = trained(), trained()
    nn.manual_seed(1)
    step(*batch)
    state = nn.manual_seed(1).bit_generator.state
    step.explain(seconds=0.02)
    step.explain(*batch, seconds=0.02)
    assert nn.default_generator().bit_generator.state == state
    nn.manual_seed(1)
    other(*batch)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert np.array_equal(p.numpy(), q.numpy())
    nn.manual_seed(2)
    mine = [step(*batch).item() for _ in range(5)]
    nn.manual_seed(2)
    assert mine == [other(*batch).item() for _ in range(5)]


def test_arguments_that_do_not_fit() -> None:
    step, batch, _ = trained()
    step(*batch)
    with pytest.raises(ValueError, match=r"takes 2 arrays \(x, y\), not 1"):
        step.explain(batch[0])
    with pytest.raises(ValueError, match="give some"):
        step.explain(batch[0], batch[1] + 5)
