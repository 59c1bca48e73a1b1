"""Learn the exclusive or, the smallest thing that a network without a hidden layer cannot do.

The output shall be 1 where exactly one of two inputs is 1. No straight line parts these points from the others, so a single unit must
fail; sigmoid units in a hidden layer bend the line. The network 2 → 4 → 1 is trained twice from the same first weights: with the
binary cross-entropy, and with the mean squared error, whose gradient fades where the output is wrong and sure of it. The
program prints what each network answers, and draws the losses and the boundaries.

    python examples/xor.py
    python examples/xor.py --loss mse --hidden 2 --epochs 5000
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from typing import Any

import _program

try:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    import autograd_np as ag
    from autograd_np import nn
except ModuleNotFoundError as error:
    raise _program.missing(error) from None

Array = NDArray[Any]
log = logging.getLogger("xor")

# The four cases, and what the output shall be.
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)

LOSSES: dict[str, tuple[str, str]] = {
    "bce": ("binary cross-entropy", "binary cross-entropy (nats)"),
    "mse": ("mean squared error", "mean squared error"),
}


def network(hidden: int, seed: int) -> nn.Sequential:
    """Two layers of sigmoid units, weights by Glorot's rule; the same seed gives the same weights."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Linear(2, hidden, weight_init="xavier_normal", rng=rng),
        nn.Sigmoid(),
        nn.Linear(hidden, 1, weight_init="xavier_normal", rng=rng),
        nn.Sigmoid(),
    )


def train(
    model: nn.Module, criterion: nn.Module, *, epochs: int, lr: float, momentum: float
) -> tuple[list[float], int | None]:
    """Gradient descent with momentum on the four cases at once.

    Returns:
        The losses, and the first epoch from which on all four answers stayed right (None if they are not right in the end).
    """
    optimizer = nn.SGD(model.parameters(), lr=lr, momentum=momentum)
    losses: list[float] = []
    solved: int | None = None
    for epoch in range(1, epochs + 1):
        answer = model(X)
        loss = criterion(answer, Y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right = bool(np.all((answer.numpy() > 0.5) == (Y > 0.5)))
        solved = (solved or epoch) if right else None
        if epoch % max(1, epochs // 10) == 0 or epoch == 1:
            log.info(
                "epoch %5d  loss %.5f  answers %s",
                epoch,
                losses[-1],
                " ".join(f"{a:.3f}" for a in answer.numpy()[:, 0]),
            )
    return losses, solved


def answers(model: nn.Module) -> Array:
    """What the network gives for the four cases."""
    with ag.no_grad():
        return np.asarray(model(X).numpy()[:, 0])


def pictures(models: dict[str, nn.Sequential], losses: dict[str, list[float]]) -> dict[str, Figure]:
    """What is drawn, by the name of its file."""
    labels = {f"{name}_loss": LOSSES[name][1] for name in losses}
    curves = nn.plot.curves(
        {f"{name}_loss": values for name, values in losses.items()}, labels=labels, title="Learning the exclusive or"
    )
    boundary = Figure(figsize=(5.2 * len(models), 5.4), layout="compressed")
    for i, (name, model) in enumerate(models.items()):
        ax = boundary.add_subplot(1, len(models), 1 + i)
        title = f"Trained with the {LOSSES[name][0]}"
        nn.plot.decision_boundary(
            model, X, Y, margin=0.3, class_names=["0 xor 0, 1 xor 1", "0 xor 1, 1 xor 0"], title=title, ax=ax
        )
        for line in ax.lines:
            line.set_markersize(13)
    return {"loss_curve.png": curves, "decision_boundary.png": boundary}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _program.parser(__doc__, "xor_output")
    parser.add_argument("--loss", choices=["both", *LOSSES], default="both", help="what is made small")
    parser.add_argument("--hidden", type=_program.at_least(1), default=4, help="units of the hidden layer")
    parser.add_argument("--epochs", type=_program.at_least(1), default=1500, help="steps of gradient descent")
    parser.add_argument("--lr", type=_program.at_least(0, float), default=1.0, help="learning rate")
    parser.add_argument(
        "--momentum", type=_program.at_least(0, float), default=0.9, help="share of the last step that is kept"
    )
    options = parser.parse_args(argv)
    _program.start(options)

    criteria: dict[str, nn.Module] = {"bce": nn.BCELoss(), "mse": nn.MSELoss()}
    models: dict[str, nn.Sequential] = {}
    losses: dict[str, list[float]] = {}
    status = 0
    for name in LOSSES if options.loss == "both" else [options.loss]:
        models[name] = network(options.hidden, options.seed)
        begin = time.perf_counter()
        losses[name], solved = train(
            models[name], criteria[name], epochs=options.epochs, lr=options.lr, momentum=options.momentum
        )
        given = answers(models[name])
        accuracy = float(np.mean((given > 0.5) == (Y[:, 0] > 0.5)))
        print(
            f"{LOSSES[name][0]}: {options.epochs} epochs in {time.perf_counter() - begin:.1f} s, loss {losses[name][0]:.4f} -> {losses[name][-1]:.4f}"
        )
        for (a, b), answer in zip(X.astype(int), given, strict=True):
            print(f"  {a} xor {b} = {a ^ b}   answer {answer:.3f}")
        print(
            f"  accuracy {accuracy:.0%}" + (f", all right from epoch {solved} on" if accuracy == 1 and solved else "")
        )
        if accuracy < 1:
            print(
                "  it has not been learnt: train longer, or begin elsewhere with another --seed or more --hidden units"
            )
            status = 1

    drawn = pictures(models, losses)
    try:
        for file, picture in drawn.items():
            nn.plot.save(picture, options.out / file)
    except OSError as error:
        print(f"xor.py: cannot write to {options.out}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"pictures in {options.out.resolve()}: {', '.join(drawn)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
