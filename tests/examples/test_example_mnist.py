"""examples/mnist.py: on digits drawn for the test with a small budget, and on MNIST itself where it is at hand."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

import nn

TOP = Path(__file__).resolve().parents[2]
PICTURES = ["confusion_matrix.png", "predictions.png", "worst_mistakes.png"]


def run(*options: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOP / "examples" / "mnist.py"), *options]
    given = {**os.environ, "PYTHONPATH": str(TOP), **environment}
    return subprocess.run(
        command, cwd=cwd, env=given, capture_output=True, text=True, encoding="utf-8", check=False, timeout=1200
    )


def accuracy(output: str, label: str = "test") -> float:
    found = re.search(rf"{label} accuracy\s+([\d.]+)%", output)
    assert found, output
    return float(found[1])


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of IDX files: ten bars and blocks instead of digits, with noise."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("data") / "mnist"
    folder.mkdir()
    for split, count in (("train", 600), ("t10k", 200)):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            row, column = divmod(int(label), 5)
            image[4 + 12 * row : 12 + 12 * row, 2 + 5 * column : 6 + 5 * column] += 180
        (folder / f"{split}-images-idx3-ubyte").write_bytes(
            struct.pack(">IIII", 0x803, count, 28, 28) + images.tobytes()
        )
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels.tobytes())
    return folder.parent


@pytest.mark.parametrize(("model", "options"), [("mlp", []), ("cnn", []), ("mlp", ["--compile"])])
def test_small_budget(model: str, options: list[str], digits: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.npz"
    options = [
        "--model",
        model,
        "--epochs",
        "6",
        "--batch-size",
        "32",
        "--out",
        "pictures",
        "--save",
        str(weights),
        *options,
    ]
    done = run(*options, cwd=tmp_path, AUTOGRAD_NP_DATA=str(digits))
    assert done.returncode == 0, done.stderr
    assert accuracy(done.stdout) >= 90
    assert len(re.findall(r"epoch \d of 6: loss", done.stderr)) == 6
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == PICTURES
    for name in PICTURES:
        image = imread(tmp_path / "pictures" / name)[..., :3]
        assert np.any(image < 0.5)
    assert all(value.dtype in (np.float32, np.int64) for value in nn.load(weights).values())


def test_same_seed_same_run(digits: Path, tmp_path: Path) -> None:
    def log(seed: str) -> list[str]:
        done = run("--model", "cnn", "--epochs", "1", "--seed", seed, cwd=tmp_path, AUTOGRAD_NP_DATA=str(digits))
        assert done.returncode == 0, done.stderr
        return re.findall(r"epoch .*", done.stderr)

    assert log("1") == log("1") != log("2")


def test_missing_images_are_explained(tmp_path: Path) -> None:
    done = run("--data", str(tmp_path / "nowhere"), cwd=tmp_path)
    assert done.returncode == 1
    assert "train-images" in done.stderr
    assert "Traceback" not in done.stderr


def real() -> str:
    """The folder of the real images, from the environment."""
    folder = os.environ.get("AUTOGRAD_NP_DATA", "")
    if not folder or not (Path(folder) / "mnist").is_dir():
        pytest.skip("AUTOGRAD_NP_DATA names no folder with mnist/")
    return folder


def test_real_digits_with_a_small_budget(tmp_path: Path) -> None:
    done = run("--epochs", "2", "--limit", "12000", cwd=tmp_path, AUTOGRAD_NP_DATA=real())
    assert done.returncode == 0, done.stderr
    assert accuracy(done.stdout) >= 93


@pytest.mark.full
@pytest.mark.parametrize(("model", "least"), [("mlp", 98.3), ("cnn", 99.2)])
def test_real_digits(model: str, least: float, tmp_path: Path) -> None:
    done = run("--model", model, cwd=tmp_path, AUTOGRAD_NP_DATA=real())
    assert done.returncode == 0, done.stderr
    assert accuracy(done.stdout) >= least
