"""The language model of examples/shakespeare.py: on a small text of its own in the suite, on Shakespeare with ``-m
full``."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TOP)}
SMALL = [
    "--steps",
    "360",
    "--every",
    "120",
    "--width",
    "32",
    "--heads",
    "2",
    "--layers",
    "2",
    "--context",
    "32",
    "--batch",
    "8",
    "--length",
    "80",
]
WORDS = ["to", "be", "or", "not", "that", "is", "the", "question"]


def run(*options: str, cwd: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOP / "examples" / "shakespeare.py"), *options]
    return subprocess.run(
        command,
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=timeout,
    )


def validation(output: str) -> float:
    found = re.search(r"validation loss\s+([\d.]+) nats per character", output)
    assert found, output
    return float(found[1])


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text of eight words in random order: log(8) nats a word, half a nat a character."""
    folder = tmp_path_factory.mktemp("text")
    draw = random.Random(0)
    lines = [" ".join(draw.choice(WORDS) for _ in range(8)) for _ in range(400)]
    (folder / "input.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def done(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("shakespeare")
    return run("--data", str(text), "--out", "pictures", "--prompt", "the ", *SMALL, cwd=folder), folder


def test_learns(done: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    result, _ = done
    assert result.returncode == 0, result.stderr
    assert validation(result.stdout) < 1.0, "a guess among the letters costs 2.6"
    losses = [float(value) for value in re.findall(r"validation ([\d.]+)", result.stderr)]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert "training: 100%" in result.stderr, "the progress bar"


def test_writes(done: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    samples = re.split(r"--- sample \d ---\n", done[0].stdout)[1:]
    assert len(samples) == 2
    assert samples[0] != samples[1]
    for sample in samples:
        assert sample.startswith("the ")
        words = sample.partition("\n\n")[0].split()
        assert sum(word in WORDS for word in words) > len(words) / 3, sample


def test_draws_and_leaves_nothing_else(done: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    folder = done[1]
    assert [path.name for path in folder.iterdir()] == ["pictures"]
    assert [path.name for path in (folder / "pictures").iterdir()] == ["loss_curve.png"]
    assert (folder / "pictures" / "loss_curve.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_same_seed_gives_the_same_text(
    done: tuple[subprocess.CompletedProcess[str], Path], text: Path, tmp_path: Path
) -> None:
    def what(output: str) -> str:
        return re.sub(r"in [\d.]+ minutes|picture in .*", "", output)

    again = run("--data", str(text), "--prompt", "the ", *SMALL, cwd=tmp_path)
    assert what(again.stdout) == what(done[0].stdout)
    other = run("--data", str(text), "--prompt", "the ", "--seed", "1", *SMALL, cwd=tmp_path)
    assert what(other.stdout) != what(done[0].stdout)


def test_stops_in_time(text: Path, tmp_path: Path) -> None:
    result = run("--data", str(text), *SMALL, "--steps", "1000000", "--minutes", "0.03", "--samples", "0", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "minutes are over" in result.stderr
    assert "sample" not in result.stdout
    assert (tmp_path / "shakespeare_output" / "loss_curve.png").is_file()


def test_explains_itself(tmp_path: Path) -> None:
    result = run("--help", cwd=tmp_path)
    assert result.returncode == 0
    for option in ("--seed", "--log-level", "--out", "--steps", "--minutes", "--samples", "--data"):
        assert option in result.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--steps", "0"],
        ["--lr", "0"],
        ["--minutes", "nan"],
        ["--heads", "5"],
        ["--batch", "1"],
        ["--prompt", "§"],
        ["--prompt", ""],
        ["--context", "99999"],
    ],
    ids=" ".join,
)
def test_refuses_senseless_options(options: list[str], text: Path, tmp_path: Path) -> None:
    result = run("--data", str(text), *options, cwd=tmp_path)
    assert result.returncode == 2
    assert options[0] in result.stderr
    assert "Traceback" not in result.stderr


def test_says_where_to_put_the_text(tmp_path: Path) -> None:
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_bytes(b"\xff\xfe\x00")
    result = run("--data", str(tmp_path), cwd=tmp_path)
    assert result.returncode == 1
    assert "input.txt" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.full
def test_shakespeare(tmp_path: Path) -> None:
    result = run(cwd=tmp_path, timeout=3600)
    if "tinyshakespeare: " in result.stderr and result.returncode == 1:
        pytest.skip(result.stderr)
    assert result.returncode == 0, result.stderr
    assert validation(result.stdout) < 1.90
