"""The programs that estimate parameters run as a user runs them, with a small budget, and find the truth within their
standard errors."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

import autograd_np as ag

TOP = Path(__file__).resolve().parents[2]
EXAMPLES = TOP / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TOP)}

# program → options of a small run, parameters in its table, pictures.
PROGRAMS: dict[str, tuple[list[str], int, list[str]]] = {
    "fit_curve": (["--repeats", "20"], 5, ["fit_curve.png", "fit_curve_repeats.png"]),
    "ode": (["--years", "12", "--steps", "5"], 6, ["ode_orbits.png", "ode_populations.png"]),
    "gmm": (["--points", "1000", "--starts", "2"], 18, ["gmm_mixture.png", "gmm_progress.png"]),
}


def run(program: str, *options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return python(str(EXAMPLES / f"{program}.py"), *options, cwd=cwd)


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def table(output: str) -> np.ndarray:
    """(truth, estimate, standard error) of each parameter."""
    rows = re.findall(
        r"^.{5,}?\s{2,}(\S+)\s+(\S+)\s+(\S+)\s+[+-][\d.]+ σ$|^\S+\s{2,}(\S+)\s+(\S+)\s+(\S+)\s+[+-][\d.]+ σ$",
        output,
        re.MULTILINE,
    )
    return np.array([[float(cell) for cell in row if cell] for row in rows])


def number(pattern: str, output: str) -> float:
    found = re.search(pattern, output)
    assert found, output
    return float(found[1])


@pytest.fixture(scope="module", params=PROGRAMS)
def done(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, run(request.param, *PROGRAMS[request.param][0], "--out", "pictures", cwd=folder), folder


def test_the_truth_is_found_within_the_standard_errors(
    done: tuple[str, subprocess.CompletedProcess[str], Path],
) -> None:
    program, process, _ = done
    assert process.returncode == 0, process.stderr
    rows = table(process.stdout)
    assert len(rows) == PROGRAMS[program][1], process.stdout
    truth, estimate, error = rows.T
    deviation = (estimate - truth) / error
    assert np.all(np.abs(deviation) < 4), process.stdout
    assert 0.3 < np.sqrt(np.mean(deviation**2)) < 2, "the standard errors are of the right size"
    assert np.all(error < 0.4 * np.maximum(np.abs(truth), 1)), "and small beside the parameters"


def test_what_each_program_shows(done: tuple[str, subprocess.CompletedProcess[str], Path]) -> None:
    program, process, _ = done
    if program == "fit_curve":
        assert number(r"gradient (\S+)", process.stdout) < 1e-2
        assert 45 < number(r"deviance (\S+) for 76 degrees", process.stdout) < 120
        assert number(r"([\d.]+)% of the 95 % intervals", process.stdout) >= 85
    elif program == "ode":
        assert number(r"central differences agree to (\S+)", process.stdout) < 1e-6
        assert 0.06 < number(r"noise estimated as ([\d.]+)", process.stdout) < 0.15
    else:
        found, true = (
            number(pattern, process.stdout) for pattern in (r"per point ([\d.]+),", r"of the truth ([\d.]+)")
        )
        assert found < true, "no mixture is likelier than the fit, not even the true one"
        assert number(r"EM \d+ to ([\d.]+);", process.stdout) == pytest.approx(found, abs=1e-9)
        assert number(r"estimates differ by (\S+)", process.stdout) < 1e-5


def test_the_pictures_are_drawn_and_nothing_else(done: tuple[str, subprocess.CompletedProcess[str], Path]) -> None:
    program, process, folder = done
    assert str((folder / "pictures").resolve()) in process.stdout
    assert [path.name for path in folder.iterdir()] == ["pictures"]
    assert sorted(path.name for path in (folder / "pictures").iterdir()) == PROGRAMS[program][2]
    for name in PROGRAMS[program][2]:
        image = imread(folder / "pictures" / name)[..., :3]
        assert min(image.shape[:2]) >= 400
        assert 0.01 < np.any(image < 0.95, axis=-1).mean() < 0.9
        assert np.ptp(image, axis=-1).max() > 0.3, "in colour"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """The programs as modules."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


def test_the_same_seed_gives_the_same_estimates(
    module: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def estimates(seed: str) -> str:
        assert module("fit_curve").main(["--repeats", "0", "--seed", seed, "--out", str(tmp_path)]) == 0
        return capsys.readouterr().out

    first = estimates("1")
    assert first == estimates("1")
    assert first != estimates("2")


@pytest.mark.parametrize("program", PROGRAMS)
def test_options_are_explained_and_senseless_ones_refused(
    program: str, module: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as helped:
        module(program).main(["--help"])
    assert helped.value.code == 0
    said = capsys.readouterr().out
    for option in ("--seed", "--log-level", "--out"):
        assert option in said
    with pytest.raises(SystemExit) as wrong:
        module(program).main(["--seed", "-1"])
    assert wrong.value.code == 2
    assert "--seed" in capsys.readouterr().err


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_missing_package_is_named_with_its_command(program: str, tmp_path: Path) -> None:
    path = f"{EXAMPLES / program}.py"
    code = (
        f"import runpy, sys; sys.modules['scipy'] = None; sys.path.insert(0, {str(EXAMPLES)!r}); "
        f"runpy.run_path({path!r}, run_name='__main__')"
    )
    process = python("-c", code, cwd=tmp_path)
    assert process.returncode == 1
    assert "scipy" in process.stderr
    assert "pip install" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    process = run("gmm", "--out", "taken", cwd=tmp_path)
    assert process.returncode == 1
    assert "taken" in process.stderr
    assert "Traceback" not in process.stderr


# ------------------------------------------------------------------------------- the models, piece by piece


def test_gradients_and_hessians_of_the_models(module: Any) -> None:
    rng = np.random.default_rng(0)
    fit_curve, ode, gmm = (module(name) for name in PROGRAMS)
    counts = rng.poisson(fit_curve.curve(fit_curve.TRUTH, fit_curve.CHANNELS)).astype(float)
    ag.gradcheck(lambda theta: fit_curve.loss(theta, counts) / 1000, (fit_curve.first_guess(counts),), order=2)
    x = rng.normal(size=(20, 2))
    ag.gradcheck(lambda theta: gmm.loss(theta, x), (gmm.truth_theta(),), order=2)
    populations = np.exp(ode.solve(np.log(ode.TRUTH), 3, 4))
    ag.gradcheck(lambda theta: ode.loss(theta, populations, 4), (ode.GUESS_THETA,), order=2)


def test_the_integrator_is_of_fourth_order(module: Any) -> None:
    ode = module("ode")
    exact = ode.solve(np.log(ode.TRUTH), 4, 200)
    coarse, fine = (np.abs(ode.solve(np.log(ode.TRUTH), 4, steps) - exact).max() for steps in (10, 20))
    assert coarse / fine == pytest.approx(16, rel=0.15)
    x, y = np.exp(ode.solve(np.log(ode.TRUTH), 4, 40, every_step=True)).T
    alpha, beta, gamma, delta = ode.TRUTH[:4]
    invariant = delta * x - gamma * np.log(x) + beta * y - alpha * np.log(y)
    np.testing.assert_allclose(invariant, invariant[0], rtol=1e-6)


def test_the_mixture_is_what_scipy_makes_of_its_parameters(module: Any) -> None:
    from scipy.stats import multivariate_normal

    gmm = module("gmm")
    x = np.random.default_rng(0).normal(size=(50, 2))
    matrices = gmm.covariances_of(gmm.DEVIATIONS, gmm.CORRELATIONS)
    density = sum(
        w * multivariate_normal(mean, matrix).pdf(x)
        for w, mean, matrix in zip(gmm.WEIGHTS, gmm.MEANS, matrices, strict=True)
    )
    assert gmm.loss(gmm.truth_theta(), x) == pytest.approx(-np.mean(np.log(density)), rel=1e-12)
    expected = np.column_stack([gmm.WEIGHTS, gmm.MEANS, gmm.DEVIATIONS, gmm.CORRELATIONS]).reshape(-1)
    np.testing.assert_allclose(gmm.natural(gmm.truth_theta()), expected, rtol=1e-12, atol=1e-14)
    shuffled = gmm.theta_of(gmm.WEIGHTS[::-1], gmm.MEANS[::-1], matrices[::-1])
    np.testing.assert_allclose(gmm.natural(gmm.in_order_of_truth(shuffled)), expected, rtol=1e-12, atol=1e-14)


def test_data_that_do_not_determine_the_parameters_are_refused(module: Any) -> None:
    with pytest.raises(SystemExit, match="not positive definite"):
        module("_estimation").covariance(np.diag([1.0, 0.0]))
