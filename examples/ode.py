"""Estimate the parameters of a differential equation through its integrator: hares and lynxes after Lotka and Volterra.

The populations obey

    dx/dt = x (α − β y),    dy/dt = y (δ x − γ)

and are counted, with a noise of some per cent, at a few times. The classical Runge-Kutta method, written in plain NumPy,
leads from rates and initial populations to the expected counts; autograd_np differentiates right through its steps. L-BFGS finds
the maximum of the likelihood with that gradient, the Hessian there gives the standard errors, and derivatives along
each parameter (jvp) give a confidence band about the solution.

    python examples/ode.py
    python examples/ode.py --seed 7 --noise 0.3 --out pictures
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Sequence
from typing import Any

import _program

try:
    import numpy as np
    from _estimation import BLUE, GREY, INK, VERMILION, Array, covariance, legend, panel, report, save
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
    from scipy.optimize import OptimizeResult, minimize

    import autograd_np as ag
except ModuleNotFoundError as error:
    raise _program.missing(error) from None

log = logging.getLogger("ode")

NAMES = ["α", "β", "γ", "δ", "hares at first", "lynxes at first"]
KINDS = ["hares", "lynxes"]
COLOURS = [BLUE, VERMILION]
# Per year and per thousand animals.
TRUTH = np.array([0.9, 0.06, 0.7, 0.03, 30.0, 5.0])
# What one would guess before seeing the counts: every rate, and both populations, off by 30 to 60 per cent.
GUESS = np.array([0.6, 0.04, 1.0, 0.04, 20.0, 8.0])
GUESS_THETA = np.log([*GUESS, 0.5])


# --------------------------------------------------------------------------------------- the model


def rate(state: Any, growth: Any, effect: Any) -> Any:
    """d(log x, log y)/dt = (α − β y, −γ + δ x): the logarithms keep the populations positive, however rough a step is."""
    return growth + effect * np.exp(state[::-1])


def solve(theta: Any, years: int, steps: int, *, every_step: bool = False) -> Any:
    """The logarithms of the populations at the start and at the ends of the years, (years + 1, 2), by ``steps`` steps of Runge and Kutta a year.

    The first six of θ are the logarithms of the parameters.
    """
    h = 1.0 / steps
    alpha, beta, gamma, delta = h * np.exp(theta[:4])
    growth, effect = np.stack([alpha, -gamma]), np.stack([-beta, delta])
    state = theta[4:6]
    found = [state]
    for step in range(1, years * steps + 1):
        k1 = rate(state, growth, effect)
        k2 = rate(state + 0.5 * k1, growth, effect)
        k3 = rate(state + 0.5 * k2, growth, effect)
        k4 = rate(state + k3, growth, effect)
        state = state + (k1 + 2.0 * (k2 + k3) + k4) / 6.0
        if every_step or step % steps == 0:
            found.append(state)
    return np.stack(found)


def loss(theta: Any, counts: Array, steps: int) -> Any:
    """The negative log-likelihood of counts whose logarithms have normal errors of one unknown standard deviation σ.

    θ has the logarithms of the six parameters, all of which are positive, and of σ.
    """
    error = np.log(counts) - solve(theta, len(counts) - 1, steps)
    return 0.5 * np.sum(np.square(error)) * np.exp(-2.0 * theta[6]) + error.size * theta[6]


def fit(counts: Array, steps: int) -> OptimizeResult:
    """The maximum of the likelihood, in stages: the first three years determine the rates roughly, and each half as many again refine them.

    The farther ahead one predicts, the more minima there are in which some waves are missed. No parameter is sought farther than a
    factor of four from the guess, and σ between 0.001 and 10.
    """
    last = len(counts) - 1
    stages = [3]
    while stages[-1] < last:
        stages.append(min(last, math.ceil(1.5 * stages[-1])))
    theta = GUESS_THETA
    bounds = [(value - np.log(4.0), value + np.log(4.0)) for value in theta[:6]] + [(np.log(0.001), np.log(10.0))]
    for years in stages:
        options = {"ftol": 1e-14 if years == last else 1e-9, "gtol": 1e-6}
        found = minimize(
            ag.value_and_grad(loss),
            theta,
            (counts[: years + 1], steps),
            method="L-BFGS-B",
            jac=True,
            bounds=bounds,
            options=options,
        )
        theta = found.x
        log.info("%2d years: negative log-likelihood %9.4f after %d evaluations", years, found.fun, found.nfev)
    return found


def central_differences(theta: Array, counts: Array, steps: int, h: float = 1e-5) -> Array:
    """The gradient of the loss again, from two integrations for each parameter."""
    return np.array(
        [
            (loss(theta + step, counts, steps) - loss(theta - step, counts, steps)) / (2.0 * h)
            for step in h * np.eye(len(theta))
        ]
    )


# ------------------------------------------------------------------------------------ the pictures


def band(theta: Array, spread: Array, years: int, steps: int) -> tuple[Array, Array]:
    """The orbit, and its standard errors from J C Jᵀ, with a column of J for each parameter."""
    pairs = [
        ag.jvp(lambda theta: solve(theta, years, steps, every_step=True), (theta,), (direction,))
        for direction in np.eye(len(theta))
    ]
    slope = np.stack([column for _, column in pairs], axis=-1)
    return pairs[0][0], np.sqrt(np.einsum("tij,jk,tik->ti", slope, spread, slope))


def draw_populations(counts: Array, theta: Array, spread: Array, steps: int) -> Figure:
    """Counts, fit with band, truth, and the guess that the fit started from, over the years."""
    years = len(counts) - 1
    times = np.arange(years * steps + 1) / steps
    middle, errors = band(theta, spread, years, steps)
    true, guess = (solve(np.log(parameters), years, steps, every_step=True) for parameters in (TRUTH, GUESS))
    figure = Figure(figsize=(8.4, 5.8), layout="constrained")
    figure.suptitle("Hares and lynxes: the rates estimated through the integrator", color=INK, fontsize=12)
    for axes, which, kind, colour in zip(figure.subplots(2, 1, sharex=True), range(2), KINDS, COLOURS, strict=True):
        panel(axes)
        axes.plot(times, np.exp(guess[:, which]), color=GREY, linewidth=1.0, linestyle=(0, (1, 2)), label="first guess")
        low, high = (np.exp(middle[:, which] + side * 1.96 * errors[:, which]) for side in (-1, 1))
        axes.fill_between(times, low, high, color=colour, alpha=0.25, linewidth=0, label="95 % confidence band")
        axes.plot(times, np.exp(middle[:, which]), color=colour, linewidth=1.8, label="fit")
        axes.plot(times, np.exp(true[:, which]), color=INK, linewidth=1.1, linestyle=(0, (5, 3)), label="truth")
        axes.plot(np.arange(years + 1), counts[:, which], "o", color=INK, markersize=4.0, label="counts")
        axes.set_ylabel(f"{kind} (thousands)")
        axes.set_ylim(0, (1.3 if which == 0 else 1.1) * max(counts[:, which].max(), high.max()))
        axes.set_xlim(-0.2, years + 0.2)
        if which == 0:
            legend(axes, loc="upper right", ncols=5)
    axes.set_xlabel("year")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def draw_orbits(counts: Array, theta: Array, spread: Array, steps: int, rng: np.random.Generator) -> Figure:
    """The populations against each other: the fit, orbits of parameters drawn from their distribution, and the truth."""
    years = len(counts) - 1
    figure = Figure(figsize=(6.2, 5.6), layout="constrained")

    def orbit(theta: Array) -> Array:
        populations: Array = np.exp(solve(theta, years, steps, every_step=True))
        return populations

    axes = panel(figure.add_subplot(), "Orbits of the fit, and of 60 draws from its distribution")
    for number, drawn in enumerate(rng.multivariate_normal(theta, spread, 60)):
        axes.plot(*orbit(drawn).T, color=BLUE, linewidth=0.7, alpha=0.16, label="draws" if number == 0 else None)
    axes.plot(*orbit(theta).T, color=BLUE, linewidth=1.9, label="fit")
    axes.plot(*orbit(np.log(TRUTH)).T, color=INK, linewidth=1.2, linestyle=(0, (5, 3)), label="truth")
    axes.plot(*counts.T, "o", color=VERMILION, markersize=4.5, label="counts")
    rest = np.exp(theta[2] - theta[3]), np.exp(theta[0] - theta[1])
    axes.plot(*rest, "+", color=INK, markersize=10, markeredgewidth=1.5, label="equilibrium γ/δ, α/β")
    axes.set_xlabel("hares (thousands)")
    axes.set_ylabel("lynxes (thousands)")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    legend(axes, loc="upper right")
    return figure


# ------------------------------------------------------------------------------------- the program


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _program.parser(__doc__, "ode_output")
    parser.add_argument(
        "--noise",
        type=_program.at_least(0.001, float),
        default=0.1,
        help="standard deviation of the logarithm of a count",
    )
    parser.add_argument("--years", type=_program.at_least(5), default=20, help="years of counting")
    parser.add_argument("--steps", type=_program.at_least(1), default=10, help="steps of the integrator in a year")
    options = parser.parse_args(argv)
    _program.start(options)
    rng = np.random.default_rng(options.seed)

    # The data come from an integration ten times as fine: their truth is the equation's, not the method's.
    exact = solve(np.log(TRUTH), options.years, 10 * options.steps)
    counts = np.exp(exact + options.noise * rng.standard_normal(exact.shape))
    found = fit(counts, options.steps)
    # The fit takes up six of the counts' degrees of freedom, so that what is left over makes σ too small by this much.
    correction = counts.size / (counts.size - len(NAMES))
    spread = covariance(ag.hessian(loss)(found.x, counts, options.steps)) * correction
    gradient, differences = (
        ag.grad(loss)(GUESS_THETA, counts, options.steps),
        central_differences(GUESS_THETA, counts, options.steps),
    )
    print(f"{counts.size} counts, {options.years * options.steps} Runge-Kutta steps")
    print(
        f"gradient through the integrator and central differences agree to {np.abs(gradient / differences - 1.0).max():.0e}"
    )
    print(f"noise estimated as {np.exp(found.x[6]) * np.sqrt(correction):.3f}, truth {options.noise:.3f}\n")
    estimate = np.exp(found.x[:6])
    report(NAMES, TRUTH, estimate, estimate * np.sqrt(np.diag(spread)[:6]))
    print()
    save(
        {
            "ode_populations.png": draw_populations(counts, found.x, spread, options.steps),
            "ode_orbits.png": draw_orbits(counts, found.x, spread, options.steps, rng),
        },
        options.out,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
