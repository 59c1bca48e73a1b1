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

TOP = Path(__file__).resolve().parents[2]
EXAMPLES = TOP / "examples"
# The programs run in folders of their own, against this source tree whether it is installed or not.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TOP)}
PICTURES = ["colored_spiral_dataset.png", "curves.png", "decision_boundary.png", "loss_curve.png", "spiral_dataset.png"]


def run(program: str, *options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return python(str(EXAMPLES / program), *options, cwd=cwd)


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, encoding="utf-8", check=False, timeout=300
    )


def percentage(output: str, label: str) -> float:
    found = re.search(rf"{label} accuracy\s+([\d.]+)%", output)
    assert found, output
    return float(found[1])


@pytest.fixture(scope="module")
def spiral(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("spiral")
    return run(
        "spiral.py", "--epochs", "300", "--hidden", "64", "64", "--out", "pictures", cwd=folder
    ), folder / "pictures"


def test_spiral_says_what_it_found(spiral: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, folder = spiral
    assert done.returncode == 0, done.stderr
    assert percentage(done.stdout, "training") >= 98
    assert percentage(done.stdout, "held-out") >= 98
    assert "gradient check" in done.stdout
    assert "passed" in done.stdout
    assert str(folder.resolve()) in done.stdout
    assert len(re.findall(r"epoch \d+ of 300: loss [\d.]+, accuracy [\d.]+, .* lr [\d.]+", done.stderr)) == 6, "the log"


def test_spiral_compiled(tmp_path: Path) -> None:
    """The same run, as far as it is printed."""
    options = ["spiral.py", "--epochs", "20", "--hidden", "16", "--dropout", "0.1", "--out", "pictures"]
    one, two = (re.sub(r"[\d.]+ s\b", "", run(*options, *more, cwd=tmp_path).stdout) for more in ([], ["--compile"]))
    assert "held-out accuracy" in one
    assert one == two


@pytest.mark.parametrize("name", PICTURES)
def test_spiral_draws(spiral: tuple[subprocess.CompletedProcess[str], Path], name: str) -> None:
    path = spiral[1] / name
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    image = imread(path)[..., :3]
    height, width, _ = image.shape
    assert min(height, width) >= 500
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
        done = run(
            "spiral.py",
            "--epochs",
            "20",
            "--points",
            "20",
            "--hidden",
            "8",
            "--seed",
            seed,
            "--out",
            seed,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return re.findall(r"epoch .*", done.stderr)

    first = losses("1")
    assert len(first) == 7
    assert first == losses("1")
    assert first != losses("2")


def test_spiral_explains_itself(tmp_path: Path) -> None:
    done = run("spiral.py", "--help", cwd=tmp_path)
    assert done.returncode == 0
    for option in ("--seed", "--log-level", "--out", "--epochs", "--optimizer", "--form"):
        assert option in done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--epochs", "0"],
        ["--points", "1"],
        ["--lr", "-1"],
        ["--lr", "nan"],
        ["--optimizer", "best"],
        ["--seed", "-3"],
        ["--hidden", "0"],
    ],
)
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


@pytest.mark.parametrize(
    "program",
    [
        "backpropagation.py",
        "fit_curve.py",
        "gmm.py",
        "mnist.py",
        "ode.py",
        "optimizers.py",
        "overfitting.py",
        "spiral.py",
        "xor.py",
    ],
)
def test_programs_name_the_command_for_a_missing_package(program: str, tmp_path: Path) -> None:
    package = "matplotlib"
    path = str(EXAMPLES / program)
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(EXAMPLES)!r}); sys.modules[{package!r}] = None; "
        f"runpy.run_path({path!r}, run_name='__main__')"
    )
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == 1
    assert package in done.stderr
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr


OPTIMIZERS = ["sgd", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam", "radam", "lion", "lbfgs"]


@pytest.mark.full
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("seed", ["0", "1"])
def test_spiral_is_learnt_with_every_optimizer(optimizer: str, seed: str, tmp_path: Path) -> None:
    done = run("spiral.py", "--optimizer", optimizer, "--seed", seed, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert percentage(done.stdout, "held-out") >= {"adam": 99.0, "lbfgs": 97.0}.get(optimizer, 98.0)


@pytest.mark.full
@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_overlapping_spiral_is_learnt_up_to_two_points_of_the_bayes_limit(seed: str, tmp_path: Path) -> None:
    done = run("spiral.py", "--form", "nnfs", "--seed", seed, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert percentage(done.stdout, "held-out") >= 89.0
    assert percentage(done.stdout, "training") <= 93.0


def test_overlapping_spiral_with_a_small_budget(tmp_path: Path) -> None:
    done = run(
        "spiral.py", "--form", "nnfs", "--epochs", "60", "--hidden", "128", "128", "--decay", "2e-3", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert percentage(done.stdout, "held-out") >= 80.0
