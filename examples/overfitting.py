"""Watch a network learn its training points by heart, and what helps against that.

The same 80 points of two noisy half circles that overlap are learnt by the same network 2 → 128 → 128 → 2 from the same first weights:
with nothing against over-fitting, with an L2 penalty, an L1 penalty, dropout, and early stopping. What a network gets right on its
training points beyond what can be told of fresh ones is their noise, learnt by heart, and the gap between the two says how
much. One picture shows for each the loss and the accuracy on both while training, and the regions in the end; a table gives the gaps.

    python examples/overfitting.py
    python examples/overfitting.py --points 400     # the best remedy: more data
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import _program

try:
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter
    from numpy.typing import NDArray

    from autograd_np import nn
except ModuleNotFoundError as error:
    raise _program.missing(error) from None

Array = NDArray[Any]
Points = tuple[Array, Array]


@dataclass(frozen=True)
class Remedy:
    """What is done against over-fitting."""

    title: str
    l1: float = 0.0
    l2: float = 0.0
    dropout: float = 0.0
    patience: int | None = None


@dataclass
class Result:
    """How a network fared: its curves on training and validation points, and its accuracy and loss on both and on fresh points."""

    title: str
    curves: dict[str, list[float]]
    model: nn.Module
    seen: Mapping[str, float]
    unseen: Mapping[str, float]
    kept: int

    @property
    def gap(self) -> float:
        """Accuracy on the training points less that on fresh ones."""
        return self.seen["accuracy"] - self.unseen["accuracy"]


class Watch(nn.Callback):
    """Measures the training points as the validation points are measured: after the epoch, without dropout, without penalty."""

    def __init__(self, data: Points) -> None:
        self.data = data
        self.curves: dict[str, list[float]] = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}

    def on_epoch_end(self, training: Any, row: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        seen = measured(training.model, self.data)
        for name, value in (*seen.items(), *((f"val_{name}", row[f"val_{name}"]) for name in seen)):
            self.curves[name].append(value)


def measured(model: nn.Module, data: Points) -> dict[str, float]:
    """Cross-entropy and accuracy of a model, in evaluation mode."""
    return nn.evaluate(model, nn.CrossEntropyLoss(), data, nn.metrics.Accuracy(), batch_size=4096)


def network(width: int, dropout: float) -> nn.Sequential:
    """2 → width → width → 3 with relu, and dropout after each relu if asked for."""
    drop = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(
        nn.Linear(2, width, weight_init="he_normal"),
        nn.ReLU(),
        *drop,
        nn.Linear(width, width, weight_init="he_normal"),
        nn.ReLU(),
        *drop,
        nn.Linear(width, 2),
    )


def train(remedy: Remedy, data: Points, validation: Points, fresh: Points, options: Any) -> Result:
    """Train a network from the same first weights, with one remedy."""
    nn.manual_seed(options.seed)
    model = network(options.width, remedy.dropout).regularize(l1=remedy.l1, l2=remedy.l2)
    watch = Watch(data)
    callbacks: list[nn.Callback] = [watch]
    stopping = None
    if remedy.patience is not None:
        stopping = nn.EarlyStopping("val_loss", patience=remedy.patience)
        callbacks.append(stopping)
    optimizer = nn.Adam(model.parameters(), lr=options.lr)
    history = nn.fit(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        data,
        options.epochs,
        validation=validation,
        metrics=nn.metrics.Accuracy(),
        callbacks=callbacks,
        batch_size=20,
        log_every=max(1, options.epochs // 4),
        compile=options.compile,
    )
    kept = len(history.rows) if stopping is None else stopping.best_epoch
    return Result(remedy.title, watch.curves, model, measured(model, data), measured(model, fresh), kept)


def limit(fresh: Points, noise: float) -> float:
    """The accuracy on these points of the best classifier there is, which knows the half circles and the noise."""
    x, labels = fresh
    arcs = nn.data.moons(500, 0.0)
    squares = np.sum((x[:, None] - arcs[0]) ** 2, axis=2)
    # The density of a class is the mean over its half circle of normal densities; the common factors do not matter.
    exponents = -(squares - squares.min(axis=1, keepdims=True)) / (2 * noise**2)
    density = np.stack([np.exp(exponents[:, arcs[1] == c]).sum(axis=1) for c in (0, 1)], axis=1)
    return float(np.mean(density.argmax(axis=1) == labels))


def table(results: Sequence[Result]) -> str:
    """What came out, one remedy per line."""
    lines = [
        f"{'':<16}{'weights of':>11}{'accuracy':>29}{'cross-entropy':>29}",
        f"{'':<16}{'epoch':>11}" + f"{'training':>11}{'fresh':>9}{'gap':>9}" * 2,
    ]
    for r in results:
        a, b = r.seen, r.unseen
        accuracy = f"{a['accuracy']:>11.1%}{b['accuracy']:>9.1%}{100 * r.gap:>+9.1f}"
        loss = f"{a['loss']:>11.3f}{b['loss']:>9.3f}{b['loss'] - a['loss']:>+9.3f}"
        lines.append(f"{r.title:<16}{r.kept:>11}{accuracy}{loss}")
    return "\n".join(lines)


def picture(results: Sequence[Result], data: Points, bayes: float) -> Figure:
    """Loss, accuracy and regions of each network, side by side on the same scales."""
    figure = Figure(figsize=(2.75 * len(results) + 0.6, 8.2), layout="constrained")
    axes = figure.subplots(3, len(results), squeeze=False)
    seen, unseen = nn.plot.PALETTE[:2]
    losses = np.concatenate([np.concatenate([r.curves["loss"], r.curves["val_loss"]]) for r in results])
    low, high = losses.min() / 1.3, losses.max() * 1.3
    for column, (result, (loss, accuracy, plane)) in enumerate(zip(results, axes.T, strict=True)):
        for ax, name in ((loss, "loss"), (accuracy, "accuracy")):
            epochs = np.arange(1, len(result.curves[name]) + 1)
            ax.plot(epochs, result.curves[name], color=seen, linewidth=1.2, label="training points")
            ax.plot(epochs, result.curves[f"val_{name}"], color=unseen, linewidth=1.2, label="validation points")
            ax.fill_between(
                epochs, result.curves[name], result.curves[f"val_{name}"], color="#888888", alpha=0.15, linewidth=0
            )
            if result.kept < len(epochs):
                ax.axvline(result.kept, color="#555555", linewidth=1, linestyle=":")
                ax.text(
                    result.kept,
                    0.02,
                    f"  weights of epoch {result.kept} kept",
                    transform=ax.get_xaxis_transform(),
                    fontsize=8,
                    color="#555555",
                )
            ax.spines[["top", "right"]].set_visible(False)
            ax.set_xlim(0, max(len(r.curves[name]) for r in results))
            ax.tick_params(labelleft=not column, labelsize=8)
            ax.grid(axis="y", color="#dddddd", linewidth=0.6)
        loss.set_title(result.title, fontsize=12)
        loss.set(yscale="log", ylim=(low, high))
        accuracy.axhline(bayes, color="#555555", linewidth=0.8, linestyle="--")
        accuracy.set(ylim=(0.7, 1.02), xlabel="epoch")
        accuracy.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        nn.plot.decision_boundary(result.model, *data, title="", ax=plane)
        if plane.get_legend() is not None:
            plane.get_legend().remove()
        plane.set(xticks=[], yticks=[], xlabel="", ylabel="")
        plane.set_title(f"training {result.seen['accuracy']:.0%}, fresh {result.unseen['accuracy']:.0%}", fontsize=10)
    axes[0, 0].set_ylabel("cross-entropy (nats)")
    axes[1, 0].set_ylabel("accuracy")
    axes[1, 0].text(
        0.98,
        bayes + 0.012,
        "best possible",
        transform=axes[1, 0].get_yaxis_transform(),
        ha="right",
        fontsize=8,
        color="#555555",
    )
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False, fontsize=10
    )
    return figure


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _program.parser(__doc__, "overfitting_output")
    parser.add_argument("--points", type=_program.at_least(2), default=40, help="training points per class")
    parser.add_argument(
        "--noise",
        type=_program.at_least(0.01, float),
        default=0.35,
        help="standard deviation of the points around the half circles",
    )
    parser.add_argument("--width", type=_program.at_least(1), default=128, help="of both hidden layers")
    parser.add_argument("--epochs", type=_program.at_least(1), default=400, help="passes over the training points")
    parser.add_argument("--lr", type=_program.at_least(0, float), default=0.005, help="learning rate of Adam")
    parser.add_argument("--l2", type=_program.at_least(0, float), default=3e-3, help="strength of the L2 penalty")
    parser.add_argument("--l1", type=_program.at_least(0, float), default=2e-3, help="strength of the L1 penalty")
    parser.add_argument(
        "--dropout", type=_program.at_least(0, float), default=0.5, help="share of hidden units dropped"
    )
    parser.add_argument(
        "--patience", type=_program.at_least(0), default=50, help="epochs without improvement before stopping early"
    )
    parser.add_argument("--compile", action="store_true", help="run the training steps as NumPy programs")
    options = parser.parse_args(argv)
    if options.dropout >= 1:
        parser.error(f"--dropout {options.dropout} must be below 1")
    _program.start(options)

    rng = np.random.default_rng(options.seed)
    data, validation, fresh = (nn.data.moons(points, options.noise, rng=rng) for points in (options.points, 200, 2000))
    bayes = limit(fresh, options.noise)
    remedies = (
        Remedy("nothing"),
        Remedy("L2 penalty", l2=options.l2),
        Remedy("L1 penalty", l1=options.l1),
        Remedy("dropout", dropout=options.dropout),
        Remedy("early stopping", patience=options.patience),
    )
    print(
        f"{len(data[0])} training points, {len(validation[0])} for validation, {len(fresh[0])} fresh, of which {bayes:.1%} can be told"
    )
    start = time.perf_counter()
    results = [train(remedy, data, validation, fresh, options) for remedy in remedies]
    print(f"trained {len(results)} networks in {time.perf_counter() - start:.1f} s\n")
    print(table(results))
    best = min(results, key=lambda r: r.unseen["loss"])
    print(f"\nleast cross-entropy on fresh points: {best.title}")
    path = options.out / "overfitting.png"
    try:
        nn.plot.save(picture(results, data, bayes), path)
    except OSError as error:
        print(f"overfitting.py: cannot write to {options.out}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"picture: {path.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
