"""Fit a spectral line to counts by maximum likelihood, with standard errors and a confidence band from the exact Hessian.

A detector counts events in the channels of a spectrum: a line of the form of a Gauss curve on a background that
slopes. Counts are Poisson numbers, so the fit is no least squares: the parameters minimise the negative
logarithm of the Poisson likelihood, with the gradient and the Hessian that autograd_np gives SciPy's
trust-region Newton method. At the minimum the inverse Hessian is the covariance of the estimates; the
Jacobian of the curve carries it over to a band about the curve. Then the experiment is repeated with new counts,
to see whether the estimates scatter as the standard errors say.

    python examples/fit_curve.py
    python examples/fit_curve.py --seed 7 --repeats 200 --out pictures
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any

import _program

try:
    import numpy as np
    from _estimation import AMBER, BLUE, GREY, INK, VERMILION, Array, covariance, legend, panel, report, save
    from matplotlib.figure import Figure
    from scipy.optimize import OptimizeResult, minimize

    import autograd_np as ag
except ModuleNotFoundError as error:
    raise _program.missing(error) from None

log = logging.getLogger("fit_curve")

CHANNELS = np.linspace(0.0, 10.0, 81)
NAMES = ["height", "position", "width", "background left", "background right"]
TRUTH = np.array([60.0, 4.2, 0.7, 30.0, 12.0])


# --------------------------------------------------------------------------------------- the model


def curve(parameters: Any, x: Array) -> Any:
    """The expected counts: height · exp(−(x − position)² / (2 width²)) + the line from background left to background right."""
    height, position, width, left, right = parameters
    along = x / CHANNELS[-1]
    return height * np.exp(-0.5 * ((x - position) / width) ** 2) + left * (1.0 - along) + right * along


def natural(theta: Any) -> Any:
    """The parameters from those that the fit works with: all but the position are positive, so the fit has their logarithms."""
    return np.stack([np.exp(theta[0]), theta[1], np.exp(theta[2]), np.exp(theta[3]), np.exp(theta[4])])


def loss(theta: Any, counts: Array) -> Any:
    """The negative log-likelihood of Poisson counts n with expectation μ: Σ μ − n log μ, without log n!, which does not depend on θ."""
    expected = curve(natural(theta), CHANNELS)
    return np.sum(expected - counts * np.log(expected))


def first_guess(counts: Array) -> Array:
    """Where a fit starts: what the eye takes from the counts."""
    left, right = counts[:10].mean(), counts[-10:].mean()
    above = counts - (left + (right - left) * CHANNELS / CHANNELS[-1])
    smooth = np.convolve(above, np.ones(7) / 7.0, mode="same")
    return np.array(
        [
            np.log(max(smooth.max(), 1.0)),
            CHANNELS[np.argmax(smooth)],
            np.log(0.5),
            np.log(max(left, 1.0)),
            np.log(max(right, 1.0)),
        ]
    )


def fit(counts: Array) -> OptimizeResult:
    """The maximum of the likelihood, by Newton's method in a trust region."""

    def tell(intermediate_result: OptimizeResult) -> None:
        log.debug("negative log-likelihood %.9f", intermediate_result.fun)

    start = first_guess(counts)
    return minimize(
        loss, start, (counts,), method="trust-exact", jac=ag.grad(loss), hess=ag.hessian(loss), callback=tell
    )


def standard_errors(theta: Array, counts: Array) -> tuple[Array, Array]:
    """The covariance of θ, and the standard errors of the natural parameters: J C Jᵀ with the Jacobian J of the one by the other."""
    spread = covariance(ag.hessian(loss)(theta, counts))
    slope = ag.jacobian(natural)(theta)
    return spread, np.sqrt(np.diag(slope @ spread @ slope.T))


# ------------------------------------------------------------------------------------ the pictures


def draw_fit(counts: Array, theta: Array, spread: Array, truth: Array) -> Figure:
    """The counts, the fitted curve with its band, the truth, and what is left over."""
    x = np.linspace(CHANNELS[0], CHANNELS[-1], 400)
    middle = curve(natural(theta), x)
    slope = ag.jacobian(lambda theta: curve(natural(theta), x))(theta)
    band = 1.96 * np.sqrt(np.einsum("ij,jk,ik->i", slope, spread, slope))

    figure = Figure(figsize=(7.6, 6.0), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1.0])
    panel(top, "A spectral line, fitted by maximum likelihood")
    top.errorbar(
        CHANNELS,
        counts,
        np.sqrt(np.maximum(counts, 1.0)),
        fmt="o",
        color=INK,
        markersize=3.2,
        linewidth=0.8,
        alpha=0.75,
        label=r"counts $n \pm \sqrt{n}$",
    )
    top.fill_between(x, middle - band, middle + band, color=BLUE, alpha=0.25, linewidth=0, label="95 % confidence band")
    top.plot(x, middle, color=BLUE, linewidth=1.8, label="fit")
    top.plot(x, curve(truth, x), color=VERMILION, linewidth=1.4, linestyle=(0, (5, 3)), label="truth")
    top.set_ylabel("counts per channel")
    top.set_ylim(bottom=0)
    top.set_xlim(-0.2, 10.2)
    legend(top, loc="upper right")

    panel(bottom)
    expected = curve(natural(theta), CHANNELS)
    bottom.axhspan(-2, 2, color=GREY, alpha=0.15, linewidth=0)
    bottom.axhline(0, color=GREY, linewidth=0.8)
    bottom.plot(CHANNELS, (counts - expected) / np.sqrt(expected), "o", color=INK, markersize=3.2)
    bottom.set_ylim(-4.2, 4.2)
    bottom.set_yticks([-4, -2, 0, 2, 4])
    bottom.set_ylabel(r"$(n - \mu)\,/\sqrt{\mu}$")
    bottom.set_xlabel("channel")
    figure.align_ylabels([top, bottom])
    return figure


def draw_repeats(deviations: Array) -> Figure:
    """The deviations of repeated experiments in units of their standard errors, parameter by parameter, against the normal curve."""
    figure = Figure(figsize=(9.6, 2.9), layout="constrained")
    edges = np.linspace(-4, 4, 17)
    z = np.linspace(-4, 4, 200)
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    figure.suptitle(
        f"Estimates of {len(deviations)} repeated experiments scatter as their standard errors say",
        color=INK,
        fontsize=12,
    )
    for axes, name, values in zip(figure.subplots(1, len(NAMES), sharey=True), NAMES, deviations.T, strict=True):
        panel(axes)
        axes.set_title(name, color=INK, fontsize=10)
        axes.hist(values.clip(-4, 4), edges, density=True, color=BLUE, alpha=0.45, edgecolor="white", linewidth=0.6)
        axes.plot(z, density, color=AMBER, linewidth=1.8)
        axes.set_xticks([-3, 0, 3])
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("(estimate − truth) / std error", fontsize=8)
    return figure


# ------------------------------------------------------------------------------------- the program


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _program.parser(__doc__, "fit_curve_output")
    parser.add_argument(
        "--exposure",
        type=_program.at_least(0.1, float),
        default=1.0,
        help="counting time: the truth's heights are multiplied by it",
    )
    parser.add_argument(
        "--repeats",
        type=_program.at_least(0),
        default=100,
        help="experiments simulated to test the standard errors; 0 for none",
    )
    options = parser.parse_args(argv)
    _program.start(options)
    rng = np.random.default_rng(options.seed)
    truth = TRUTH * np.where(np.isin(NAMES, ["position", "width"]), 1.0, options.exposure)

    counts = rng.poisson(curve(truth, CHANNELS)).astype(np.float64)
    found = fit(counts)
    spread, errors = standard_errors(found.x, counts)
    expected = curve(natural(found.x), CHANNELS)
    deviance = 2.0 * np.sum(expected - counts + counts * np.log(np.where(counts > 0, counts / expected, 1.0)))
    print(
        f"{int(counts.sum())} events in {len(counts)} channels; {found.nit} Newton steps, gradient {np.abs(found.jac).max():.1e}"
    )
    print(f"deviance {deviance:.1f} for {len(counts) - len(NAMES)} degrees of freedom\n")
    report(NAMES, truth, natural(found.x), errors)

    pictures = {"fit_curve.png": draw_fit(counts, found.x, spread, truth)}
    if options.repeats:
        deviations = []
        for _ in range(options.repeats):
            again = rng.poisson(curve(truth, CHANNELS)).astype(np.float64)
            theta = fit(again).x
            deviations.append((natural(theta) - truth) / standard_errors(theta, again)[1])
        z = np.array(deviations)
        print(
            f"\n{options.repeats} repeated experiments: {np.mean(np.abs(z) < 1.96):.1%} of the 95 % intervals hold the truth"
        )
        pictures["fit_curve_repeats.png"] = draw_repeats(z)
    print()
    save(pictures, options.out)
    return 0 if found.success else 1


if __name__ == "__main__":
    sys.exit(main())
