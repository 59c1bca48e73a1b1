"""The film of backpropagation: its numbers are those of NumPy by hand, and its frames show them."""

from __future__ import annotations

import importlib
import itertools
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

import autograd_np as ag

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def program() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOP / "examples"))
        return importlib.import_module("backpropagation")


@pytest.fixture(scope="module")
def passes(program: Any) -> Any:
    return program.learn(97, 3, 0.05)


def run(*options: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(TOP / "examples" / "backpropagation.py"), *options],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(TOP), **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def by_hand(program: Any, numbers: dict[str, float]) -> dict[str, float]:
    """All numbers of a pass from its parameters: the chain rule written out in NumPy."""
    x, y = np.array(program.EXAMPLE), program.WANTED
    w = np.array([[numbers[f"w{i}{j}"] for j in range(3)] for i in range(2)])
    b = np.array([numbers[f"b{j}"] for j in range(3)])
    v = np.array([numbers[f"v{j}"] for j in range(3)])
    hidden_z = x @ w + b
    hidden = np.tanh(hidden_z)
    z = hidden @ v + numbers["c"]
    a = np.tanh(z)
    da = 2 * (a - y)
    delta = da * (1 - a**2)
    dhidden = v * delta
    hidden_delta = dhidden * (1 - hidden**2)
    dw = np.outer(x, hidden_delta)
    found = {"z": z, "a": a, "L": (a - y) ** 2, "da": da, "dz": delta, "dc": delta}
    for j in range(3):
        found |= {
            f"z{j}": hidden_z[j],
            f"a{j}": hidden[j],
            f"da{j}": dhidden[j],
            f"dz{j}": hidden_delta[j],
            f"db{j}": hidden_delta[j],
            f"dv{j}": hidden[j] * delta,
        }
        found |= {f"dw{i}{j}": dw[i, j] for i in range(2)}
    return found


def test_the_numbers_are_those_of_the_chain_rule(program: Any, passes: Any) -> None:
    for one in passes:
        found = by_hand(program, one.numbers)
        assert set(one.numbers) - set(found) == {
            "x0",
            "x1",
            "y",
            "c",
            *program.FIRST,
            *program.SECOND,
            *program.HIDDEN_B,
        }
        for name, value in found.items():
            np.testing.assert_allclose(one.numbers[name], value, rtol=1e-12, atol=1e-15, err_msg=name)
    assert len({round(abs(passes[0].numbers[f"d{name}"]), 2) for name in program.WEIGHTS}) == len(program.WEIGHTS), (
        "no two gradients could be exchanged"
    )


def test_the_numbers_are_those_of_the_engine(program: Any, passes: Any) -> None:
    p = program.parameters(97)
    assert all(np.array_equal(np.round(one.numpy(), 1), one.numpy()) for one in p), "drawn with one decimal"
    w, b, v, c = p
    loss = ag.mse_loss(
        np.tanh(ag.linear(np.tanh(ag.linear(np.array([program.EXAMPLE]), w, b)), v, c)), np.array([[program.WANTED]])
    )
    gradients = ag.gradients(loss, p)
    names = [program.FIRST, program.HIDDEN_B, program.SECOND, ["c"]]
    for group, gradient in zip(names, gradients, strict=True):
        assert [passes[0].numbers[f"d{name}"] for name in group] == gradient.ravel().tolist()
    assert passes[0].operations == ("linear", "tanh", "linear", "tanh", "mse_loss")


def test_each_pass_is_a_step_of_gradient_descent_after_the_last(program: Any, passes: Any) -> None:
    for before, after in itertools.pairwise(passes):
        for name in (*program.WEIGHTS, *program.HIDDEN_B, "c"):
            assert math.isclose(
                after.numbers[name], before.numbers[name] - 0.05 * before.numbers[f"d{name}"], rel_tol=1e-12
            )
        assert after.numbers["L"] < before.numbers["L"]


def number(text: str) -> float:
    return float(text.rpartition("= ")[2].replace("−", "-"))


def test_the_picture_shows_the_numbers_that_are_known(program: Any, passes: Any) -> None:
    picture = program.Picture(passes)
    film = program.moments(passes, 0.05)
    seen: set[str] = set()
    for moment in film:
        picture.show(moment)
        now = {name: text.get_text() for name, text in picture.texts.items() if text.get_text()}
        for name, text in now.items():
            assert abs(number(text) - passes[moment.step].numbers[name]) <= 0.005 + 1e-9, (name, text)
        replaced = {f"da{j}" for j in range(3) if f"dz{j}" in moment.shown}
        assert set(now) == moment.shown - replaced
        seen |= set(now)
    assert seen == set(picture.texts), "every number has its moment"
    assert {f"d{name}" for name in program.WEIGHTS} <= seen


def test_what_flows_brings_its_numbers_when_it_arrives(program: Any, passes: Any) -> None:
    picture = program.Picture(passes)
    moment = next(
        moment
        for moment in program.moments(passes, 0.05)
        if moment.phase == "backward" and moment.flow == tuple(program.SECOND)
    )
    places = []
    for share in (0.25, 0.5):
        picture.show(moment, share)
        assert picture.texts["da1"].get_text() == ""
        assert picture.dots["v1"].get_visible()
        assert not picture.dots["w11"].get_visible()
        places.append(picture.dots["v1"].get_xdata()[0])
    assert places[0] > places[1], "to the left"
    picture.show(moment)
    assert picture.texts["da1"].get_text() != ""
    assert not picture.dots["v1"].get_visible()


def test_the_lines_below_are_right(program: Any, passes: Any) -> None:
    """Each line of numbers, computed again from what it shows, gives what it says up to rounding."""
    checked = 0
    for moment in program.moments(passes, 0.05):
        for line in moment.lines:
            text = line.strip("$").replace("−", "-")
            if "wanted" in text or r"\ " in text:
                continue
            *_, left, right = text.split(" = ")
            left = re.sub(r"^.*\\leftarrow", "", left)
            for symbol, python in (
                (r"\cdot", "*"),
                ("^2", "**2"),
                (r"\tanh", "tanh"),
                (r"2\,", "2*"),
                ("{", "("),
                ("}", ")"),
            ):
                left = left.replace(symbol, python)
            assert abs(eval(left, {"tanh": math.tanh}) - float(right)) < 0.025, line
            checked += 1
    assert checked > 25


def test_wide_and_coloured_by_the_gradient(program: Any, passes: Any) -> None:
    picture = program.Picture(passes)
    *_, last = (moment for moment in program.moments(passes, 0.05) if moment.step == 0)
    picture.show(last)
    gradients = {name: passes[0].numbers[f"d{name}"] for name in program.WEIGHTS}
    widths = {name: picture.edges[name].get_linewidth() for name in gradients}
    assert sorted(widths, key=widths.__getitem__) == sorted(gradients, key=lambda name: abs(gradients[name]))
    for name, gradient in gradients.items():
        red, _, blue, _ = picture.edges[name].get_color()
        assert (red > blue) == (gradient > 0), name


def test_no_number_lies_on_another(program: Any, passes: Any) -> None:
    picture = program.Picture(passes)
    canvas = FigureCanvasAgg(picture.figure)
    for moment in program.moments(passes, 0.05)[::3]:
        picture.show(moment)
        canvas.draw()
        shown = [text for text in picture.ax.texts if text.get_text()]
        boxes = [text.get_window_extent() for text in shown]
        for k, box in enumerate(boxes):
            assert box.x0 >= 0
            assert box.x1 <= 800
            for other, text in zip(boxes[:k], shown, strict=False):
                assert not box.overlaps(other), (shown[k].get_text(), text.get_text())


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("film")
    return run("--fps", "2", "--steps", "2", "--dpi", "40", "--out", "pictures", cwd=folder), folder / "pictures"


def test_the_film(film: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, folder = film
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["backpropagation.gif"]
    assert str((folder / "backpropagation.gif").resolve()) in done.stdout
    losses = [float(loss) for loss in re.findall(r"\d\.\d{4}", done.stdout)]
    assert len(losses) == 3
    assert losses[0] > losses[1] > losses[2]
    with Image.open(folder / "backpropagation.gif") as moving:
        assert moving.size == (320, 236)
        assert moving.n_frames >= 25
        assert moving.info["loop"] == 0
        assert "comment" not in moving.info
        previous = None
        for k in range(moving.n_frames):
            moving.seek(k)
            frame = np.asarray(moving.convert("RGB"), dtype=float)
            assert 0.05 < np.mean(np.any(frame < 235, axis=-1)) < 0.6, "neither blank nor black"
            assert previous is None or np.abs(frame - previous).max() > 40, f"frame {k} is another"
            previous = frame


def test_the_film_of_the_readme(program: Any) -> None:
    path = TOP / "docs" / "backpropagation.gif"
    assert path.stat().st_size < 1.5e6
    with Image.open(path) as moving:
        assert moving.size[0] == 800
        assert "comment" not in moving.info
        assert moving.info["loop"] == 0
        seconds = 0.0
        for k in range(moving.n_frames):
            moving.seek(k)
            seconds += moving.info["duration"] / 1000
    assert 10 <= seconds <= 18
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    words = re.search(r"!\[([^\]]{80,})\]\(docs/backpropagation\.gif\)", readme)
    assert words, "for those who cannot see it"
    losses = [program.plain(one.numbers["L"]) for one in program.learn(97, 6, 0.05)]
    assert f"the loss falls from {losses[0]} to {losses[-1]}" in words[1]


def test_an_mp4_without_ffmpeg_is_refused_in_words(tmp_path: Path) -> None:
    done = run("--format", "mp4", cwd=tmp_path, PATH=str(tmp_path))
    assert done.returncode == 1
    assert "ffmpeg" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_an_mp4(tmp_path: Path) -> None:
    done = run("--format", "mp4", "--fps", "2", "--steps", "1", "--dpi", "40", "--out", "films", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "films").iterdir()] == ["backpropagation.mp4"]
    assert (tmp_path / "films" / "backpropagation.mp4").read_bytes()[4:8] == b"ftyp"


def test_a_film_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "films" / "backpropagation.gif").mkdir(parents=True)
    done = run("--fps", "1", "--steps", "1", "--dpi", "20", "--out", "films", cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "films").iterdir()] == ["backpropagation.gif"]


@pytest.mark.parametrize("options", [["--steps", "0"], ["--lr", "nan"], ["--fps", "0"], ["--format", "avi"]])
def test_senseless_options_are_refused(options: list[str], tmp_path: Path) -> None:
    done = run(*options, cwd=tmp_path)
    assert done.returncode == 2
    assert options[0] in done.stderr
