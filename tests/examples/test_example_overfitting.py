"""examples/overfitting.py: what it prints holds, and its picture is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

TOP = Path(__file__).resolve().parents[2]
REMEDIES = ["nothing", "L2 penalty", "L1 penalty", "dropout", "early stopping"]


def run(*options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOP / "examples" / "overfitting.py"), *options]
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", check=False, timeout=600
    )


def rows(output: str) -> dict[str, list[float]]:
    """(epoch, accuracy in training, on fresh points, gap, cross-entropy in training, on fresh points, gap) of each
    remedy."""
    found = {}
    for remedy in REMEDIES:
        line = re.search(rf"^{remedy} .*$", output, re.MULTILINE)
        assert line, output
        found[remedy] = [float(word) for word in re.findall(r"[+-]?\d+\.?\d*(?=%|\s|$)", line[0].removeprefix(remedy))]
        assert len(found[remedy]) == 7, line[0]
    return found


def test_a_small_budget_shows_the_gap(tmp_path: Path) -> None:
    done = run("--epochs", "120", "--out", "pictures", "--log-level", "warning", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = rows(done.stdout)
    nothing = found.pop("nothing")
    assert nothing[1] > 95
    assert nothing[3] > 5
    for remedy, row in found.items():
        assert row[3] < nothing[3], f"{remedy}: the gap in accuracy"
        assert row[5] < nothing[5], f"{remedy}: the loss on fresh points"
    path = tmp_path / "pictures" / "overfitting.png"
    assert str(path.resolve()) in done.stdout
    image = imread(path)[..., :3]
    assert image.shape[0] > 800
    assert image.shape[1] > 1500
    assert 0.005 < (image.min(axis=2) < 0.9).mean() < 0.9, "it is neither blank nor full"


@pytest.mark.full
@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_every_remedy_helps(tmp_path: Path, seed: str) -> None:
    done = run("--seed", seed, "--out", "pictures", "--log-level", "warning", cwd=tmp_path)
    found = rows(done.stdout)
    nothing = found.pop("nothing")
    assert nothing[1] >= 99
    for row in found.values():
        assert row[2] >= nothing[2]
        assert row[3] < nothing[3]
        assert row[5] < nothing[5]


def test_options(tmp_path: Path) -> None:
    shown = run("--help", cwd=tmp_path)
    assert shown.returncode == 0
    for option in ("--seed", "--log-level", "--out", "--dropout", "--patience", "--noise"):
        assert option in shown.stdout
    for options in (("--dropout", "1"), ("--points", "1"), ("--l1", "-1")):
        done = run(*options, cwd=tmp_path)
        assert done.returncode == 2
        assert options[0] in done.stderr


def test_the_same_seed_is_the_same_run(tmp_path: Path) -> None:
    small = ("--epochs", "3", "--points", "10", "--width", "8", "--log-level", "error")
    tables = [run(*small, cwd=tmp_path).stdout.split("\n\n")[1] for _ in range(2)]
    assert tables[0] == tables[1]
    assert tables[0] != run(*small, "--seed", "1", cwd=tmp_path).stdout.split("\n\n")[1]
