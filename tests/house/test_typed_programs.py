"""The programs in tests/typed: they run, and ``mypy --strict`` accepts them as it would a user's (where it is
installed; ``.ci/check lint`` has it)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PROGRAMS = sorted((TOP / "tests" / "typed").glob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_the_program_runs(program: Path) -> None:
    # (In a process of its own: an operation that a program declares stays in the registry.)
    subprocess.run([sys.executable, "-W", "error", str(program)], cwd=TOP, check=True)


def test_mypy_accepts_them(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    options = ["--strict", "--config-file=", f"--cache-dir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "."],
        cwd=PROGRAMS[0].parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
