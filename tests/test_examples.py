"""The example programs run as a user runs them, with a small budget."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

TOP = Path(__file__).resolve().parent.parent
EXAMPLES = TOP / "examples"
# The programs run in folders of their own, against this source tree whether it is installed or not.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TOP)}
PICTURES = ["colored_spiral_dataset.png", "decision_boundary.png", "loss_curve.png", "spiral_dataset.png"]


def run(program: str, *options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return python(str(EXAMPLES / program), *options, cwd=cwd)


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, encoding="utf-8", check=False, timeout=300)


def percentage(output: str, label: str) -> float:
    found = re.search(rf"{label} accuracy\s+([\d.]+)%", output)
    assert found, output
    return float(found[1])


@pytest.fixture(scope="module")
def spiral(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("spiral")
    return run("spiral.py", "--epochs", "300", "--points", "100", "--out", "pictures", "--log-level", "info", cwd=folder), folder / "pictures"


def test_spiral_says_what_it_found(spiral: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, folder = spiral
    assert done.returncode == 0, done.stderr
    assert percentage(done.stdout, "training") >= 95
    assert percentage(done.stdout, "held-out") >= 95
    assert "gradient check" in done.stdout
    assert "passed" in done.stdout
    assert str(folder.resolve()) in done.stdout
    assert "training: 100%" in done.stderr, "the progress bar"
    assert "epoch   299" in done.stderr, "the log"


@pytest.mark.parametrize("name", PICTURES)
def test_spiral_draws(spiral: tuple[subprocess.CompletedProcess[str], Path], name: str) -> None:
    path = spiral[1] / name
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    image = imread(path)[..., :3]
    height, width, _ = image.shape
    assert min(height, width) >= 600
    ink = np.any(image < 0.95, axis=-1)
    assert 0.01 < ink.mean() < 0.99
    colourful = np.ptp(image, axis=-1).max() > 0.3
    assert colourful == (name != "spiral_dataset.png"), "only the first picture is in one colour"


def test_spiral_leaves_only_its_pictures(spiral: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    folder = spiral[1]
    assert sorted(path.name for path in folder.iterdir()) == PICTURES
    assert [path.name for path in folder.parent.iterdir()] == ["pictures"]


def test_spiral_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    def losses(seed: str) -> list[str]:
        done = run("spiral.py", "--epochs", "20", "--points", "20", "--hidden", "8", "--seed", seed, "--log-level", "info", "--out", seed, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return re.findall(r"epoch .*", done.stderr)

    first = losses("1")
    assert len(first) == 20
    assert first == losses("1")
    assert first != losses("2")


def test_spiral_explains_itself(tmp_path: Path) -> None:
    done = run("spiral.py", "--help", cwd=tmp_path)
    assert done.returncode == 0
    for option in ("--seed", "--log-level", "--out", "--epochs"):
        assert option in done.stdout


@pytest.mark.parametrize("options", [["--epochs", "0"], ["--points", "1"], ["--rate", "-1"], ["--rate", "nan"], ["--seed", "-3"], ["--hidden", "0"]])
def test_spiral_refuses_senseless_options(options: list[str], tmp_path: Path) -> None:
    done = run("spiral.py", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert options[0] in done.stderr
    assert "Traceback" not in done.stderr


def test_spiral_names_a_folder_it_cannot_make(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    done = run("spiral.py", "--out", "taken", cwd=tmp_path)
    assert done.returncode == 1
    assert "taken" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("package", ["matplotlib", "tqdm"])
def test_spiral_names_the_command_for_a_missing_package(package: str, tmp_path: Path) -> None:
    code = f"import runpy, sys; sys.modules[{package!r}] = None; runpy.run_path({str(EXAMPLES / 'spiral.py')!r}, run_name='__main__')"
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == 1
    assert package in done.stderr
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr
