"""Maximum likelihood of a mixture of Gaussian distributions, by gradient: logsumexp, L-BFGS, and standard errors from the Hessian.

The textbook's way to the parameters of a mixture is the EM algorithm, with update formulas derived by hand. Here the
negative log-likelihood is written down as it stands, autograd_np gives its gradient, and SciPy's L-BFGS goes down. The weights are a
softmax and the precisions have triangular factors with positive diagonals, so that every vector of numbers is a mixture. EM, started at the same
place, must find the same maximum.

    python examples/gmm.py
    python examples/gmm.py --seed 7 --points 2000 --out pictures
"""

from __future__ import annotations

import itertools
import logging
import sys
from collections.abc import Sequence
from typing import Any

import _program

try:
    import numpy as np
    from _estimation import AMBER, BLUE, COLOURS, INK, Array, covariance, legend, panel, report, save
    from matplotlib.figure import Figure
    from scipy.optimize import minimize

    import autograd_np as ag
except ModuleNotFoundError as error:
    raise _program.missing(error) from None

log = logging.getLogger("gmm")

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[-1.5, 0.0], [1.5, 1.0], [0.5, -2.0]])
DEVIATIONS = np.array([[0.9, 0.7], [0.7, 1.1], [1.0, 0.4]])
CORRELATIONS = np.array([0.6, -0.5, 0.3])
K = len(WEIGHTS)
NAMES = [
    f"{what} {k + 1}"
    for k in range(K)
    for what in ("weight", "mean x", "mean y", "deviation x", "deviation y", "correlation")
]


def covariances_of(deviations: Array, correlations: Array) -> Array:
    """The covariance matrices (K, 2, 2)."""
    cross = correlations * deviations[:, 0] * deviations[:, 1]
    return np.stack(
        [np.stack([deviations[:, 0] ** 2, cross], axis=-1), np.stack([cross, deviations[:, 1] ** 2], axis=-1)], axis=-2
    )


# --------------------------------------------------------------------------------------- the model


def parts(theta: Any) -> tuple[Any, Any, Any, Any]:
    """What θ, a vector of 6K − 1 numbers, stands for: logarithms of weights (K,), means (K, 2), and factors A of the precisions A Aᵀ.

    A = [[exp(a), 0], [c, exp(b)]] is given by (a, b) of shape (K, 2) and c of shape (K,). The first weight's score is 0.
    """
    scores = np.concatenate([np.zeros(1), theta[: K - 1]])
    rest = theta[K - 1 :].reshape(K, 5)
    return ag.log_softmax(scores), rest[:, :2], rest[:, 2:4], rest[:, 4]


def log_joint(theta: Any, x: Array) -> Any:
    """log(weight of k · density of k at x): (N, K). The density is |A| exp(−|Aᵀ(x − mean)|² / 2) / 2π."""
    log_weights, means, diagonal, lower = parts(theta)
    dx, dy = x[:, :1] - means[:, 0], x[:, 1:] - means[:, 1]
    u = dx * np.exp(diagonal[:, 0]) + dy * lower
    v = dy * np.exp(diagonal[:, 1])
    return log_weights + np.sum(diagonal, axis=1) - 0.5 * (u * u + v * v) - float(np.log(2.0 * np.pi))


def loss(theta: Any, x: Array) -> Any:
    """The negative log-likelihood of the points, as a mean."""
    return -np.mean(ag.logsumexp(log_joint(theta, x), axis=1))


def natural(theta: Any) -> Any:
    """Weight, means, deviations and correlation of each component, (6K,): the covariance is the inverse of A Aᵀ."""
    log_weights, means, diagonal, lower = parts(theta)
    a, b = np.exp(diagonal[:, 0]), np.exp(diagonal[:, 1])
    # A Aᵀ = [[a², ac], [ac, b² + c²]] has the determinant a²b².
    deviation_x = np.sqrt(b * b + lower * lower) / (a * b)
    deviation_y = 1.0 / b
    correlation = -lower / np.sqrt(b * b + lower * lower)
    return np.stack(
        [np.exp(log_weights), means[:, 0], means[:, 1], deviation_x, deviation_y, correlation], axis=1
    ).reshape(-1)


def theta_of(weights: Array, means: Array, covariances: Array) -> Array:
    """The vector that stands for a mixture."""
    factors = np.linalg.cholesky(np.linalg.inv(covariances))
    scores = np.log(weights / weights[0])[1:]
    rest = np.column_stack([means, np.log(factors[:, 0, 0]), np.log(factors[:, 1, 1]), factors[:, 1, 0]])
    return np.concatenate([scores, rest.reshape(-1)])


# ------------------------------------------------------------------------------------ the estimates


def first_guess(x: Array, rng: np.random.Generator) -> Array:
    """Equal round components at points far from each other: the next is drawn with a probability that grows with its distance from those before."""
    centres = [x[rng.integers(len(x))]]
    while len(centres) < K:
        distance = np.min([np.sum((x - centre) ** 2, axis=1) for centre in centres], axis=0)
        centres.append(x[rng.choice(len(x), p=distance / distance.sum())])
    return theta_of(np.full(K, 1.0 / K), np.array(centres), np.tile(np.eye(2), (K, 1, 1)))


def by_gradient(theta: Array, x: Array) -> tuple[Array, list[float]]:
    """L-BFGS from θ: the minimum, and the loss after each iteration."""
    history = [float(loss(theta, x))]
    options = {"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-8}
    found = minimize(
        ag.value_and_grad(loss),
        theta,
        (x,),
        "L-BFGS-B",
        jac=True,
        options=options,
        callback=lambda theta: history.append(float(loss(theta, x))),
    )
    return found.x, history


def by_expectation(theta: Array, x: Array, tolerance: float = 1e-14, most: int = 5000) -> tuple[Array, list[float]]:
    """The EM algorithm from θ, as the textbooks have it."""
    history = [float(loss(theta, x))]
    while len(history) <= most:
        joint = log_joint(theta, x)
        share = np.exp(joint - joint.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        total = share.sum(axis=0)
        means = share.T @ x / total[:, None]
        away = x[:, None, :] - means
        theta = theta_of(total / len(x), means, np.einsum("nk,nki,nkj->kij", share, away, away) / total[:, None, None])
        history.append(float(loss(theta, x)))
        if history[-2] - history[-1] < tolerance:
            break
    return theta, history


def in_order_of_truth(theta: Array) -> Array:
    """The same mixture, with the components numbered so that their means are nearest to the true ones."""
    log_weights, means, diagonal, lower = (np.asarray(part) for part in parts(theta))
    order = list(
        min(itertools.permutations(range(K)), key=lambda order: float(np.sum((means[list(order)] - MEANS) ** 2)))
    )
    rest = np.column_stack([means, diagonal, lower])[order]
    return np.concatenate([(log_weights[order] - log_weights[order[0]])[1:], rest.reshape(-1)])


# ------------------------------------------------------------------------------------ the pictures


def ellipse(mean: Array, matrix: Array, radius: float) -> Array:
    """The points at a Mahalanobis distance from the mean, (2, 100)."""
    angle = np.linspace(0.0, 2.0 * np.pi, 100)
    points: Array = mean[:, None] + radius * np.linalg.cholesky(matrix) @ np.stack([np.cos(angle), np.sin(angle)])
    return points


def draw_mixture(x: Array, theta: Array) -> Figure:
    """The points in the mixed colours of the components that they may come from, and the ellipses of one and two deviations."""
    figure = Figure(figsize=(6.4, 5.9), layout="constrained")
    axes = panel(figure.add_subplot(), "A mixture of Gaussian distributions, by maximum likelihood")
    joint = log_joint(theta, x)
    share = np.exp(joint - joint.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    hues = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS[:K]]) / 255.0
    axes.scatter(x[:, 0], x[:, 1], s=9, c=share @ hues, alpha=0.55, linewidths=0)
    found = natural(theta).reshape(K, 6)
    matrices = covariances_of(found[:, 3:5], found[:, 5])
    for k in range(K):
        for radius in (1.0, 2.0):
            first = k == 0 and radius == 1.0
            axes.plot(
                *ellipse(found[k, 1:3], matrices[k], radius),
                color=COLOURS[k],
                linewidth=2.0,
                label="fit, 1σ and 2σ" if first else None,
            )
            truth = ellipse(MEANS[k], covariances_of(DEVIATIONS, CORRELATIONS)[k], radius)
            axes.plot(*truth, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), label="truth" if first else None)
    axes.plot(*found[:, 1:3].T, "+", color=INK, markersize=10, markeredgewidth=1.6, linestyle="none", label="means")
    axes.set_aspect("equal")
    axes.set_xlabel("x")
    axes.set_ylabel("y", rotation=0)
    legend(axes, loc="upper left")
    return figure


def draw_progress(gradient: list[float], expectation: list[float]) -> Figure:
    """How far both ways are above the minimum, by iteration."""
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = panel(figure.add_subplot(), "Two ways to the same maximum")
    lowest = min(*gradient, *expectation)
    for history, colour, label in (
        (gradient, BLUE, "L-BFGS with the gradient of the tape"),
        (expectation, AMBER, "EM"),
    ):
        above = np.array(history) - lowest
        shown = above > 1e-13
        axes.plot(np.flatnonzero(shown), above[shown], color=colour, linewidth=1.9, label=label)
    axes.set_yscale("log")
    axes.set_xlabel("iteration")
    axes.set_ylabel("mean negative log-likelihood above its minimum")
    axes.set_xlim(left=0)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    legend(axes, loc="upper right")
    return figure


# ------------------------------------------------------------------------------------- the program


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _program.parser(__doc__, "gmm_output")
    parser.add_argument("--points", type=_program.at_least(100), default=1500, help="number of points")
    parser.add_argument(
        "--starts",
        type=_program.at_least(1),
        default=5,
        help="first guesses, of which the one with the best result counts",
    )
    options = parser.parse_args(argv)
    _program.start(options)
    rng = np.random.default_rng(options.seed)

    kinds = rng.choice(K, options.points, p=WEIGHTS)
    halves = np.linalg.cholesky(covariances_of(DEVIATIONS, CORRELATIONS))
    x = MEANS[kinds] + np.einsum("nij,nj->ni", halves[kinds], rng.standard_normal((options.points, 2)))

    guesses = [first_guess(x, rng) for _ in range(options.starts)]
    results = [by_gradient(guess, x) for guess in guesses]
    for number, (_, history) in enumerate(results):
        log.info(
            "start %d: negative log-likelihood per point %.9f after %d iterations",
            number,
            history[-1],
            len(history) - 1,
        )
    best = min(range(options.starts), key=lambda number: results[number][1][-1])
    theta, history = results[best]
    theta = in_order_of_truth(theta)
    em_theta, em_history = by_expectation(guesses[best], x)
    difference = np.abs(natural(in_order_of_truth(em_theta)) - natural(theta)).max()
    print(
        f"{options.points} points, {len(theta)} parameters; negative log-likelihood per point {history[-1]:.9f}, of the truth {loss(truth_theta(), x):.9f}"
    )
    print(
        f"L-BFGS {len(history) - 1} iterations, EM {len(em_history) - 1} to {em_history[-1]:.9f}; their estimates differ by {difference:.1e} at most\n"
    )

    spread = covariance(ag.hessian(loss)(theta, x) * len(x))
    slope = ag.jacobian(natural)(theta)
    truth = np.column_stack([WEIGHTS, MEANS, DEVIATIONS, CORRELATIONS]).reshape(-1)
    report(NAMES, truth, natural(theta), np.sqrt(np.diag(slope @ spread @ slope.T)))
    print()
    save(
        {"gmm_mixture.png": draw_mixture(x, theta), "gmm_progress.png": draw_progress(history, em_history)}, options.out
    )
    return 0


def truth_theta() -> Array:
    """The vector that stands for the true mixture."""
    return theta_of(WEIGHTS, MEANS, covariances_of(DEVIATIONS, CORRELATIONS))


if __name__ == "__main__":
    sys.exit(main())
