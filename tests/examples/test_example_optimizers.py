"""The race of the optimizers runs as a user runs it, with a small budget."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

TOP = Path(__file__).resolve().parents[2]
NAMES = ["SGD", "momentum", "Adagrad", "RMSprop", "Adam", "NAdam", "Lion", "L-BFGS"]


def run(*options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(TOP / "examples" / "optimizers.py"), *options],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("race")
    return run(
        "--steps", "150", "--points", "60", "--frames", "5", "--out", "pictures", cwd=folder
    ), folder / "pictures"


def rows(output: str) -> dict[str, list[str]]:
    return {name: line.split()[1:] for name in NAMES for line in output.splitlines() if line.startswith(f"{name} ")}


def test_the_table_says_who_arrived(race: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, folder = race
    assert done.returncode == 0, done.stderr
    table = rows(done.stdout)
    assert list(table) == NAMES
    height, distance, gradients, loss, accuracy, _ = table["L-BFGS"]
    assert float(height) < 1e-6
    assert float(distance) < 0.01
    assert int(gradients) < 40
    assert float(loss) < 0.1
    assert float(accuracy.rstrip("%")) > 97
    assert int(table["Adam"][2]) < 150
    assert float(table["Adam"][3]) < 0.1
    assert all(np.isfinite(float(row[3])) for row in table.values())
    assert str(folder.resolve()) in done.stdout
    assert len(re.findall(r"spiral loss", done.stderr)) == len(NAMES), "the log"


def test_the_pictures(race: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    folder = race[1]
    names = {path.name for path in folder.iterdir()}
    assert {"optimizers.png", "optimizers.gif"} <= names <= {"optimizers.png", "optimizers.gif", "optimizers.mp4"}
    still = imread(folder / "optimizers.png")[..., :3]
    assert min(still.shape[:2]) >= 600
    assert np.ptp(still, axis=-1).max() > 0.5, "the colours"
    with Image.open(folder / "optimizers.gif") as moving:
        assert moving.n_frames >= 4
        first = np.asarray(moving.convert("RGB"), dtype=float)
        moving.seek(moving.n_frames - 1)
        assert np.abs(np.asarray(moving.convert("RGB"), dtype=float) - first).max() > 50, "something moves"


def test_the_same_seed_is_the_same_race(tmp_path: Path) -> None:
    tables = []
    for seed in ("3", "3", "4"):
        done = run(
            "--steps", "12", "--points", "20", "--frames", "2", "--seed", seed, "--log-level", "error", cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        tables.append(rows(done.stdout))
    assert tables[0] == tables[1]
    assert tables[0] != tables[2]


def test_wrong_options_and_folders(tmp_path: Path) -> None:
    done = run("--steps", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert "0 is below 1" in done.stderr
    (tmp_path / "file").write_text("")
    done = run("--out", "file", cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot make the output folder" in done.stderr
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "--frames" in done.stdout
