"""The example that writes pages to walk through."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TOP = Path(__file__).resolve().parents[2]
PROGRAM = TOP / "examples" / "explore.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TOP)}
CAN_RENDER = importlib.util.find_spec("pygraphviz") is not None or shutil.which("dot") is not None
renders = pytest.mark.skipif(not CAN_RENDER, reason="neither dot nor pygraphviz is there")


def run(*options: str, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(PROGRAM), *options]
    return subprocess.run(
        command,
        cwd=cwd,
        env={**ENVIRONMENT, **(environment or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def data(path: Path) -> dict[str, Any]:
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


@renders
def test_it_writes_two_pages(tmp_path: Path) -> None:
    done = run("--out", "pages", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "pages").iterdir()) == ["step.html", "xor.html"]
    losses = [float(loss) for loss in re.findall(r"(?:xor|step)\.html: loss ([\d.]+)", done.stdout)]
    assert len(losses) == 2
    assert losses[0] < 0.5, "it has begun to learn"
    xor, step = data(tmp_path / "pages" / "xor.html"), data(tmp_path / "pages" / "step.html")
    assert [entry["name"] for entry in xor["entries"]] == [
        "0.weight", "0.bias", "2.weight", "2.bias", "linear", "relu", "linear", "binary_cross_entropy_with_logits",
    ]  # fmt: skip
    assert [entry["name"] for entry in step["entries"]] == ["W", "b", "matmul", "add", "relu", "softmax_cross_entropy"]
    for page, loss in ((xor, losses[0]), (step, losses[1])):
        value = page["arrays"][page["entries"][-1]["out"]]["re"][0]
        assert abs(value - loss) < 1e-4
        assert all(entry["out"] is not None for entry in page["entries"])
        assert not any("had" in entry for entry in page["entries"]), "no gradient is left over from the training"
    # The gradient of W on the page against one that needs no tape.
    arrays = {
        entry["name"]: np.reshape(step["arrays"][entry["out"]]["re"], entry["shape"]) for entry in step["entries"]
    }
    x = np.reshape(step["arrays"][step["entries"][2]["in"][0]["array"]]["re"], (3, 2))
    p = np.exp(arrays["relu"]) / np.exp(arrays["relu"]).sum(axis=1, keepdims=True)
    g = (p - np.eye(3)[[0, 2, 1]]) / 3 * (arrays["add"] > 0)
    shown = next(given for given in step["back"] if given["entry"] == 0)["g"]
    np.testing.assert_allclose(np.reshape(step["arrays"][shown]["re"], (2, 3)), x.T @ g, rtol=1e-12, atol=1e-15)


@renders
def test_it_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for folder, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert (
            run("--seed", seed, "--epochs", "2", "--out", folder, "--log-level", "warning", cwd=tmp_path).returncode
            == 0
        )
    for name in ("xor.html", "step.html"):
        texts = [(tmp_path / folder / name).read_bytes() for folder in "abc"]
        assert texts[0] == texts[1] != texts[2]


def test_without_graphviz(tmp_path: Path) -> None:
    (tmp_path / "pygraphviz.py").write_text("raise ImportError('no pygraphviz')", encoding="utf-8")
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{TOP}", "PATH": str(tmp_path)}
    done = run("--out", "pages", cwd=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "pages").iterdir()} == {"xor.html", "step.html"}


@pytest.mark.parametrize("options", [["--epochs", "-1"], ["--seed", "-3"]])
def test_senseless_options_are_refused(options: list[str], tmp_path: Path) -> None:
    done = run(*options, cwd=tmp_path)
    assert done.returncode == 2
    assert options[0] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    done = run("--out", "taken", cwd=tmp_path)
    assert done.returncode == 1
    assert "taken" in done.stderr
    assert "Traceback" not in done.stderr
