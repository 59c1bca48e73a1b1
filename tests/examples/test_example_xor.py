"""The exclusive or is learnt from every beginning, with either loss."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

TOP = Path(__file__).resolve().parents[2]
PROGRAM = TOP / "examples" / "xor.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TOP)}
PICTURES = ["decision_boundary.png", "loss_curve.png"]


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def run(*options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return python(str(PROGRAM), *options, cwd=cwd)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("xor")
    return run("--out", "pictures", cwd=folder), folder / "pictures"


def test_both_losses_learn_it(done: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    result, folder = done
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("accuracy 100%, all right from epoch") == 2
    answers = re.findall(r"(\d) xor (\d) = (\d)   answer ([\d.]+)", result.stdout)
    assert len(answers) == 8
    for a, b, right, answer in answers:
        assert int(right) == int(a) ^ int(b)
        assert abs(float(answer) - int(right)) < 0.05
    assert "epoch  1500" in result.stderr, "the log"
    assert sorted(path.name for path in folder.iterdir()) == PICTURES
    assert [path.name for path in folder.parent.iterdir()] == ["pictures"]


@pytest.mark.parametrize("name", PICTURES)
def test_its_pictures_show_something(done: tuple[subprocess.CompletedProcess[str], Path], name: str) -> None:
    image = imread(done[1] / name)[..., :3]
    ink = np.any(image < 0.95, axis=-1)
    assert 0.01 < ink.mean() < 0.99
    assert np.ptp(image, axis=-1).max() > 0.3
    # Nothing is cut off at the edge.
    border = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
    assert not border.any()


def test_every_seed_learns_it(tmp_path: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(PROGRAM.parent)!r})
import nn
import xor
for seed in range(12):
    for criterion in (nn.BCELoss(), nn.MSELoss()):
        model = xor.network(4, seed)
        losses, solved = xor.train(model, criterion, epochs=1500, lr=1.0, momentum=0.9)
        assert solved is not None, (seed, criterion)
        assert abs(xor.answers(model) - xor.Y[:, 0]).max() < 0.1, (seed, criterion)
        assert losses[-1] < 0.05 * losses[0]
"""
    result = python("-c", code, cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_the_same_seed_is_the_same_run(tmp_path: Path) -> None:
    def told(seed: str) -> list[str]:
        result = run("--epochs", "100", "--seed", seed, "--out", seed, cwd=tmp_path)
        return re.findall(r"epoch .*", result.stderr)

    first = told("1")
    assert len(first) == 22
    assert first == told("1")
    assert first != told("2")


def test_what_is_not_learnt_is_said(tmp_path: Path) -> None:
    result = run("--epochs", "2", "--loss", "mse", "--log-level", "warning", cwd=tmp_path)
    assert result.returncode == 1
    assert "it has not been learnt" in result.stdout
    assert "binary cross-entropy" not in result.stdout
    assert result.stderr == ""


def test_it_explains_itself(tmp_path: Path) -> None:
    result = run("--help", cwd=tmp_path)
    assert result.returncode == 0
    for option in ("--seed", "--log-level", "--out", "--loss", "--hidden"):
        assert option in result.stdout


@pytest.mark.parametrize(
    "options", [["--epochs", "0"], ["--hidden", "0"], ["--lr", "-1"], ["--seed", "-3"], ["--loss", "other"]]
)
def test_senseless_options_are_refused(options: list[str], tmp_path: Path) -> None:
    result = run(*options, cwd=tmp_path)
    assert result.returncode == 2
    assert options[0] in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    result = run("--out", "taken", cwd=tmp_path)
    assert result.returncode == 1
    assert "taken" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    code = f"import runpy, sys; sys.modules['matplotlib'] = None; runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(TOP), str(PROGRAM.parent)])}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert result.returncode == 1
    assert "matplotlib" in result.stderr
    assert "pip install" in result.stderr
    assert "Traceback" not in result.stderr
