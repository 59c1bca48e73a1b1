"""Write pages on which one walks through a training step, forward and backward, with the numbers in every formula.

One page is about the exclusive or, learnt by a network 2 → 8 → 1: its four cases at once, after some steps of training. The other is the
smallest classifier with everything in it: one linear layer, ReLU, and the softmax cross-entropy over three classes. Open the files in a browser;
each is whole by itself.

    python examples/explore.py
    python examples/explore.py --epochs 0 --out pages
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import _program

try:
    import numpy as np

    import autograd_np as ag
    from autograd_np import nn
except ModuleNotFoundError as error:
    raise _program.missing(error) from None

log = logging.getLogger("explore")


def xor(epochs: int, seed: int) -> tuple[ag.Tensor, nn.Module]:
    """The loss of the exclusive or after some epochs, and the network."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([[0], [1], [1], [0]], np.float32)
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(2, 8, rng=rng), nn.ReLU(), nn.Linear(8, 1, rng=rng))
    criterion = nn.BCEWithLogitsLoss()
    optimizer = nn.Adam(model.parameters(), lr=0.05)
    for epoch in range(1, epochs + 1):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch == epochs:
            log.info("exclusive or: loss %.4f before step %d", loss.item(), epoch)
    optimizer.zero_grad()
    # The page knows every value and source line of what is computed in here.
    with ag.annotate():
        loss = criterion(model(x), y)
    return loss, model


def classifier(seed: int) -> ag.Tensor:
    """The cross-entropy of three points among three classes, after one linear layer and ReLU."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(3, 2)), 1)
    labels = np.array([0, 2, 1])
    weight = ag.Tensor(np.round(rng.normal(size=(2, 3)), 1), requires_grad=True, name="W")
    bias = ag.Tensor(np.array([0.1, -0.2, 0.3]), requires_grad=True, name="b")
    with ag.annotate():
        z = x @ weight + bias
        return ag.softmax_cross_entropy(ag.relu(z), labels)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _program.parser(__doc__, "explore_output")
    parser.add_argument(
        "--epochs", type=_program.at_least(0), default=20, help="steps of training before the page of the exclusive or"
    )
    options = parser.parse_args(argv)
    _program.start(options)

    loss, _model = xor(
        options.epochs, options.seed
    )  # the tape refers to the network weakly: it names the parameters while it is there
    pages: dict[str, tuple[ag.Tensor, str]] = {
        "xor.html": (loss, "The exclusive or, one training step"),
        "step.html": (classifier(options.seed), "Linear, ReLU, softmax and cross-entropy"),
    }
    for name, (output, title) in pages.items():
        try:
            path: Path = ag.explore(output, options.out / name, title=title)
        except OSError as error:
            print(f"explore.py: cannot write to {options.out}: {error.strerror}", file=sys.stderr)
            return 1
        print(f"{path.resolve()}: loss {output.item():.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
