"""The notebook: valid, executed, and its assertions can fail."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
NOTEBOOK = TOP / "examples" / "gradient_descent_by_hand.ipynb"
CELLS: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]

# Reads cells from standard input, runs them in one namespace, and marks where the output of each one ends.
RUNNER = (
    "import json, sys\nnames = {}\nfor cell in json.load(sys.stdin):\n    exec(compile(cell, 'cell', "
    "'exec'), names)\n    print('\\x00')"
)


def run(cells: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(TOP), "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", RUNNER],
        input=json.dumps(cells),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def sources() -> list[str]:
    return ["".join(cell["source"]) for cell in CODE]


def test_it_is_a_notebook_of_format_4() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"] == {"display_name": "Python 3", "language": "python", "name": "python3"}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in ids)
    assert all(cell["cell_type"] in {"code", "markdown"} for cell in notebook["cells"])
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1)), "run from top to bottom"


def test_it_names_no_place_of_a_machine_and_is_small() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 300_000
    without_pictures = re.sub(r'"image/png": "[^"]*"', "", text)
    for place in ("/tmp", "/home", "/work", "/root", "Users", "site-packages", "file://"):
        assert place not in without_pictures


def test_each_formula_stands_in_mathematics() -> None:
    prose = "".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")
    for formula in (
        r"\frac{P - Y}{N}",
        r"H^{\mathsf T} G_{Z_2}",
        r"G_{Z_2} W_2^{\mathsf T}",
        r"G_H \odot (1 - H \odot H)",
        r"X^{\mathsf T} G_{Z_1}",
    ):
        assert formula in prose
    assert prose.count("$$") % 2 == 0


def test_it_runs_and_says_what_it_says(tmp_path: Path) -> None:
    done = run(sources(), tmp_path)
    assert done.returncode == 0, done.stderr
    told = done.stdout.split("\x00\n")
    for cell, found in zip(CODE, told, strict=False):
        kept = "".join("".join(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")
        assert found == kept
    assert not list(tmp_path.iterdir())
    assert all(output["output_type"] in {"stream", "display_data"} for cell in CODE for output in cell["outputs"]), (
        "no errors are kept"
    )


@pytest.mark.parametrize(
    ("formula", "mistake"),
    [
        ("G_Z2 = (P - Y) / N", "G_Z2 = P - Y"),
        ("G_W2 = H.T @ G_Z2", "G_W2 = H.T @ G_Z2 * (1 + 1e-9)"),
        ("G_H = G_Z2 @ W2.T", "G_H = -(G_Z2 @ W2.T)"),
        ("G_Z1 = G_H * (1.0 - H * H)", "G_Z1 = G_H * (1.0 - H)"),
        ("G_b1 = G_Z1.sum(axis=0)", "G_b1 = G_Z1.mean(axis=0)"),
    ],
)
def test_a_wrong_formula_is_noticed(formula: str, mistake: str, tmp_path: Path) -> None:
    before = next(i for i, text in enumerate(sources()) if "STEPS, RATE" in text)
    cells = sources()[:before]
    assert sum(formula in text for text in cells) == 1
    done = run([text.replace(formula, mistake) for text in cells], tmp_path)
    assert done.returncode == 1
    assert "AssertionError" in done.stderr
