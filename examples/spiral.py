"""Train a classifier on the three-armed spiral with nothing but tensor operations.

The network, its loss and its optimizer stand here in plain sight: two hidden layers of bare matrix
products, the fused softmax cross-entropy, and stochastic gradient descent with momentum written out.
The program prints the accuracy on the training points and on freshly drawn ones, checks the gradient of
the whole network's loss against central differences, and draws four pictures.

    python examples/spiral.py
    python examples/spiral.py --seed 7 --hidden 128 64 --out pictures
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# A matrix product of this size is done before a second thread has woken up.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    import autograd_np as ag
except ModuleNotFoundError as missing:
    raise SystemExit(
        f'spiral.py: the package {missing.name!r} is not installed; in the top folder of the repository run\n    python -m pip install -e ".[examples]"'
    ) from None

Array = NDArray[Any]
Parameters = Sequence[tuple[ag.Tensor, ag.Tensor]]

log = logging.getLogger("spiral")

# Blue, vermilion and green of Okabe and Ito: told apart by colour-blind readers, and by their markers in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73")
MARKERS = ("o", "s", "^")
INK = "#222222"


# ------------------------------------------------------------------------------------------- the data


def spiral(points: int, rng: np.random.Generator, *, classes: int = 3, noise: float = 0.2) -> tuple[Array, Array]:
    """The spiral: arm k runs from radius 0 to 1 while its angle goes from 4k to 4(k + 1), plus N(0, noise).

    Returns:
        The positions, (classes * points, 2) float32, and the arms they lie on, (classes * points,) integers.
    """
    radius = np.linspace(0.0, 1.0, points)
    arms = []
    for k in range(classes):
        angle = np.linspace(4.0 * k, 4.0 * (k + 1), points) + rng.normal(0.0, noise, points)
        arms.append(np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1))
    return np.concatenate(arms).astype(np.float32), np.repeat(np.arange(classes), points)


# ---------------------------------------------------------------------------------------- the network


def initialise(sizes: Sequence[int], rng: np.random.Generator) -> Parameters:
    """A weight of shape (in, out) and a bias per layer; weights from N(0, 2 / in), as He et al. for relu."""
    parameters = []
    for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes), start=1):
        weight = rng.normal(0.0, np.sqrt(2.0 / inputs), (inputs, outputs)).astype(np.float32)
        bias = np.zeros(outputs, np.float32)
        parameters.append((ag.Tensor(weight, requires_grad=True, name=f"W{number}"), ag.Tensor(bias, requires_grad=True, name=f"b{number}")))
    return parameters


def scores(parameters: Parameters, x: Array) -> ag.Tensor:
    """The logits of the classes: relu(x W1 + b1), and so on, with a last layer that has no relu."""
    *hidden, (weight, bias) = parameters
    h: Any = x
    for hidden_weight, hidden_bias in hidden:
        h = ag.relu(h @ hidden_weight + hidden_bias)
    logits: ag.Tensor = h @ weight + bias
    return logits


def loss_of(parameters: Parameters, x: Array, labels: Array) -> ag.Tensor:
    """The mean of -log(probability of the right class)."""
    return ag.softmax_cross_entropy(scores(parameters, x), labels)


def accuracy(parameters: Parameters, x: Array, labels: Array) -> float:
    """The share of points whose highest score is that of their class."""
    with ag.no_grad():
        predicted = np.argmax(scores(parameters, x).numpy(), axis=1)
    return float(np.mean(predicted == labels))


# --------------------------------------------------------------------------------------- the training


@dataclass
class History:
    """Losses by epoch: on the training points always, on the held-out points now and then."""

    loss: list[float] = field(default_factory=list)
    held_out_epochs: list[int] = field(default_factory=list)
    held_out_loss: list[float] = field(default_factory=list)


def train(
    parameters: Parameters, data: tuple[Array, Array], held_out: tuple[Array, Array], *, epochs: int, rate: float, decay: float, momentum: float
) -> History:
    """Gradient descent with momentum over all points at once; the rate falls as rate / (1 + decay * epoch)."""
    history = History()
    flat = [p for layer in parameters for p in layer]
    velocities = [np.zeros(p.shape, p.dtype) for p in flat]
    step = max(1, epochs // 100)
    with logging_redirect_tqdm(), tqdm(total=epochs, desc="training", unit="epoch") as bar:
        for epoch in range(epochs):
            loss = loss_of(parameters, *data)
            rate_now = rate / (1.0 + decay * epoch)
            history.loss.append(loss.item())
            if epoch % step == 0 or epoch == epochs - 1:
                with ag.no_grad():
                    history.held_out_epochs.append(epoch)
                    history.held_out_loss.append(loss_of(parameters, *held_out).item())
                bar.set_postfix(loss=f"{history.loss[-1]:.4f}", refresh=False)
                log.info("epoch %5d  loss %.5f  held-out loss %.5f  rate %.4f", epoch, history.loss[-1], history.held_out_loss[-1], rate_now)
            loss.backward()
            for p, velocity in zip(flat, velocities, strict=True):
                velocity[...] = momentum * velocity - rate_now * p.grad
                p.writable()[...] += velocity
                p.zero_grad()
            bar.update()
    return history


# -------------------------------------------------------------------------------------- the gradients


def check_gradients(parameters: Parameters, x: Array, labels: Array, *, samples: int = 8) -> None:
    """Compare the gradient of the loss by every parameter with central differences in float64.

    relu has a kink at 0, where there is no derivative to compare with. The samples taken are those whose
    hidden units stay farthest from it.

    Raises:
        AssertionError: a gradient and the differences disagree.
    """
    exact = [(weight.numpy().astype(np.float64), bias.numpy().astype(np.float64)) for weight, bias in parameters]
    x = x.astype(np.float64)
    distance = np.full(len(x), np.inf)
    h = x
    for weight, bias in exact[:-1]:
        h = h @ weight + bias
        distance = np.minimum(distance, np.abs(h).min(axis=1))
        h = np.maximum(h, 0.0)
    chosen = np.argsort(distance)[-samples:]

    def loss(candidate: Parameters) -> ag.Tensor:
        return loss_of(candidate, x[chosen], labels[chosen])

    ag.gradcheck(loss, (exact,), order=1, exhaustive=True)


# --------------------------------------------------------------------------------------- the pictures


def canvas(title: str) -> tuple[Figure, Axes]:
    """A figure and its axes in the style of the pictures here."""
    figure = Figure(figsize=(5.6, 5.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, color=INK, fontsize=13, pad=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#888888")
    axes.tick_params(colors="#555555", labelsize=9)
    return figure, axes


def plane(title: str) -> tuple[Figure, Axes]:
    """A canvas for points of the plane."""
    figure, axes = canvas(title)
    axes.set_aspect("equal")
    axes.set_xlim(-1.15, 1.15)
    axes.set_ylim(-1.15, 1.15)
    axes.set_xticks([-1, 0, 1])
    axes.set_yticks([-1, 0, 1])
    axes.set_xlabel("$x_1$", color=INK)
    axes.set_ylabel("$x_2$", color=INK, rotation=0, labelpad=8)
    return figure, axes


def scatter(axes: Axes, x: Array, labels: Array, *, edge: str = "none") -> None:
    """The points in the colour and marker of their class, with a legend."""
    for k, (colour, marker) in enumerate(zip(COLOURS, MARKERS, strict=True)):
        axes.plot(*x[labels == k].T, marker, color=colour, markersize=4.5, markeredgecolor=edge, markeredgewidth=0.4, label=f"class {k}")
    axes.legend(loc="upper right", framealpha=0.9, edgecolor="none", fontsize=9, handletextpad=0.1)


def draw_dataset(x: Array) -> Figure:
    """The points as the network first meets them, in one colour."""
    figure, axes = plane("The spiral")
    axes.plot(x[:, 0], x[:, 1], "o", color="#444444", markersize=4.5, markeredgewidth=0)
    return figure


def draw_classes(x: Array, labels: Array) -> Figure:
    """The points by class."""
    figure, axes = plane("The spiral by class")
    scatter(axes, x, labels)
    return figure


def draw_boundary(parameters: Parameters, x: Array, labels: Array, title: str) -> Figure:
    """What the network answers everywhere: the class as colour, its probability as depth, and the boundary between classes."""
    figure, axes = plane(title)
    ticks = np.linspace(-1.15, 1.15, 401, dtype=np.float32)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1)
    with ag.no_grad():
        probability = ag.softmax(scores(parameters, grid.reshape(-1, 2)), axis=1).numpy().reshape(*grid.shape[:2], -1)
    hues = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS]) / 255.0
    image = 1.0 - 0.45 * (probability @ (1.0 - hues))
    axes.imshow(image, origin="lower", extent=(-1.15, 1.15, -1.15, 1.15), interpolation="bilinear")
    for k in range(probability.shape[-1]):
        lead = probability[..., k] - np.delete(probability, k, axis=-1).max(axis=-1)
        axes.contour(ticks, ticks, lead, levels=[0.0], colors=INK, linewidths=1.0)
    scatter(axes, x, labels, edge="white")
    return figure


def draw_loss(history: History) -> Figure:
    """The losses over the epochs, on a logarithmic scale."""
    figure, axes = canvas("Cross-entropy while training")
    figure.set_size_inches(7.0, 4.4)
    axes.plot(np.arange(1, len(history.loss) + 1), history.loss, color=COLOURS[0], linewidth=1.8, label="training points")
    axes.plot(np.add(history.held_out_epochs, 1), history.held_out_loss, color=COLOURS[1], linewidth=1.4, linestyle=(0, (4, 2)), label="held-out points")
    axes.set_yscale("log")
    axes.set_xlim(0, len(history.loss) + 1)
    axes.set_xlabel("epoch", color=INK)
    axes.set_ylabel("mean loss (nats)", color=INK)
    axes.grid(axis="y", which="major", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(framealpha=1.0, edgecolor="none", fontsize=10)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a picture under another name and rename it, so that the file is whole whenever it is there."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        figure.savefig(partial, format="png", dpi=160)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    log.info("wrote %s", path)


# ---------------------------------------------------------------------------------------- the program


def at_least(low: float, kind: type = int) -> Callable[[str], Any]:
    """An argparse type: a number that is not below ``low``."""

    def convert(text: str) -> Any:
        value = kind(text)
        if not value >= low:
            raise argparse.ArgumentTypeError(f"{text} is below {low}")
        return value

    convert.__name__ = "number"
    return convert


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--seed", type=at_least(0), default=0, help="seed of the data and of the first weights")
    parser.add_argument("--points", type=at_least(2), default=200, help="training points per class")
    parser.add_argument("--hidden", type=at_least(1), nargs="*", default=[64, 64], help="widths of the hidden layers")
    parser.add_argument("--epochs", type=at_least(1), default=600, help="steps of gradient descent")
    parser.add_argument("--rate", type=at_least(0, float), default=0.2, help="learning rate at the start")
    parser.add_argument("--decay", type=at_least(0, float), default=1e-3, help="the rate falls as rate / (1 + decay * epoch)")
    parser.add_argument("--momentum", type=at_least(0, float), default=0.9, help="share of the last step that is kept")
    parser.add_argument("--out", type=Path, default=Path("spiral_output"), help="folder of the pictures")
    parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="warning", help="how much is told while training")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    options = arguments(argv)
    logging.basicConfig(level=options.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"spiral.py: cannot make the output folder {options.out}: {error.strerror}", file=sys.stderr)
        return 1

    rng = np.random.default_rng(options.seed)
    data = x, labels = spiral(options.points, rng)
    held_out = spiral(1000, rng)
    sizes = [2, *options.hidden, 3]
    parameters = initialise(sizes, rng)
    count = sum(p.size for layer in parameters for p in layer)
    print(f"network {'-'.join(map(str, sizes))} with {count} parameters, float32; {len(x)} training points, {len(held_out[0])} held out")

    start = time.perf_counter()
    status = 0
    try:
        check_gradients(parameters, x, labels)
    except AssertionError as error:
        print(f"gradient check     FAILED: {error}")
        status = 1
    else:
        print(f"gradient check     passed: tape and central differences agree for each of the {count} parameters ({time.perf_counter() - start:.1f} s)")

    start = time.perf_counter()
    history = train(parameters, data, held_out, epochs=options.epochs, rate=options.rate, decay=options.decay, momentum=options.momentum)
    print(f"trained for {options.epochs} epochs in {time.perf_counter() - start:.1f} s, loss {history.loss[-1]:.4f}")

    unseen = accuracy(parameters, *held_out)
    print(f"training accuracy  {accuracy(parameters, *data):.2%}")
    print(f"held-out accuracy  {unseen:.2%}")

    pictures = {
        "spiral_dataset.png": draw_dataset(x),
        "colored_spiral_dataset.png": draw_classes(x, labels),
        "decision_boundary.png": draw_boundary(parameters, x, labels, f"Decision regions, {unseen:.1%} of held-out points right"),
        "loss_curve.png": draw_loss(history),
    }
    try:
        for name, figure in pictures.items():
            save(figure, options.out / name)
    except OSError as error:
        print(f"spiral.py: cannot write to {options.out}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"pictures in {options.out.resolve()}: {', '.join(pictures)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
