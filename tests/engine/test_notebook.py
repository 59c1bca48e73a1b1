"""What a notebook shows of Tensors, modules and tapes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

HOSTILE = "<script>alert(1)</script>&\"'"


def cells(shown: Any) -> list[str]:
    """The texts of the cells of a table, which is well formed."""
    root = ET.fromstring(f"<div>{shown._repr_html_()}</div>")
    return ["".join(cell.itertext()) for cell in root.iter() if cell.tag in ("td", "th")]


@pytest.mark.parametrize(
    "values",
    [
        3.0,
        [1.0, 2.0],
        np.zeros((0, 3)),
        np.eye(3, dtype=np.float32),
        np.ones((2, 2, 2)),
        np.arange(5),
        1j,
        [True, False],
    ],
)
def test_a_tensor(values: Any) -> None:
    t = ag.Tensor(values, name=HOSTILE)
    found = cells(t)
    assert {str(t.shape), str(t.dtype), HOSTILE} <= {*found}
    if t.ndim in (1, 2) and t.size:
        numbers = found[found.index("values") + 2 :]
        assert len(numbers) == t.size


def test_of_many_numbers_the_first_and_the_last() -> None:
    t = ag.Tensor(np.arange(400.0).reshape(20, 20), requires_grad=True)
    (t * 2.0).sum().backward()
    found = cells(t)
    assert {"0", "399", "…", "⋮"} <= {*found}
    assert "210" not in found
    assert "grad" in found
    assert len(found) < 150


def test_a_mapped_tensor_is_shown() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append(x._repr_html_())
        return x * 2.0

    ag.vmap(f)(ag.Tensor(np.ones((3, 2)), requires_grad=True))
    assert "shape" in seen[0]


def test_a_module() -> None:
    class Own(nn.Module):
        def extra_repr(self) -> str:
            return HOSTILE

    model = nn.Sequential(nn.Linear(2, 4), Own(), nn.Linear(4, 3))
    model[0].weight.requires_grad = False
    found = cells(model)
    assert {"0: Linear", "1: Own", HOSTILE, "12, of which frozen 8", "15"} <= {*found}
    assert "27 parameters, 0.1 kB" in model._repr_html_()
    assert "40 more" in nn.Sequential(*[nn.ReLU() for _ in range(99)])._repr_html_()


def test_a_tape_has_its_picture() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name=HOSTILE)
    shown = ag.tape((x * x).sum())._repr_html_()
    ET.fromstring(f"<div>{shown.replace('<br>', '')}</div>")
    assert "<svg" in shown
    assert "<script" not in shown
    y = x
    for _ in range(100):
        y = y * 1.5
    assert "<svg" not in ag.tape(y)._repr_html_()


def test_a_large_tensor_costs_nothing() -> None:
    t = ag.Tensor(np.lib.stride_tricks.as_strided(np.ones(1), (10**9,), (0,)))
    assert len(t._repr_html_()) < 2000
