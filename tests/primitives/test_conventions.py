"""docs/conventions.md, executed row by row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conventions.md"
ROW = re.compile(r"^\| `(?P<program>.+)` \| `(?P<at>.+)` \| `(?P<gradient>.+)` \| (?:`(?P<second>.+)`|–) \|$")
ROWS = [found.groupdict() for line in PAGE.read_text(encoding="utf-8").splitlines() if (found := ROW.match(line))]
NAMES: dict[str, Any] = {"np": np, "ag": ag}


def value(text: str, **names: Any) -> Any:
    return eval(text, {**NAMES, **names})  # the page is ours


def agrees(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12, atol=0)


def test_every_row_of_the_page_is_read() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(ROWS) == len([line for line in lines if not line.startswith("| program")]) > 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['program']} at {row['at']}")
def test_convention(row: dict[str, str]) -> None:
    def f(x: Any) -> Any:
        return np.sum(value(row["program"], x=x))

    at = np.array(value(row["at"]))
    with np.errstate(all="ignore"):
        agrees(ag.grad(f)(at), value(row["gradient"]))
        x = ag.Tensor(at.copy(), requires_grad=True)
        f(x).backward()
        agrees(x.grad, value(row["gradient"]))
        if row["second"]:
            agrees(ag.grad(lambda x: np.sum(ag.grad(f)(x)))(at), value(row["second"]))
            x = ag.Tensor(at.copy(), requires_grad=True)
            (first,) = ag.gradients(f(x), (x,), create_graph=True)
            found = ag.gradients(first.sum(), x, allow_unused=True) if first.requires_grad else None
            agrees(np.zeros_like(at) if found is None else found, value(row["second"]))
