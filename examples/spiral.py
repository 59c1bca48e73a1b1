"""Train a classifier on the three-armed spiral, with any of the optimizers.

The network is 2 → 256 → 256 → 3 with relu, the loss the softmax cross-entropy, and the learning rate falls as
lr / (1 + decay · t) with the number t of updates made. The program checks the gradient of the whole loss against central
differences, trains, prints the accuracy on the training points and on freshly drawn ones, and draws the data, the decision
regions and the curves.

    python examples/spiral.py
    python examples/spiral.py --optimizer sgd --momentum 0.9
    python examples/spiral.py --form nnfs

In the form of "Neural Networks from Scratch" the arms overlap: no classifier can tell more than 91.0 % of fresh points, and
one that is right more often on its training points has learnt their noise. There an L2 penalty and more points help; see what
happens without: --form nnfs --points 100 --l2 0.
"""

from __future__ import annotations

import itertools
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
log = logging.getLogger("spiral")


@dataclass(frozen=True)
class Form:
    """What goes with a form of the data unless options say otherwise."""

    points: int
    batch: int
    epochs: int
    decay: float
    l2: float
    log_every: int


FORMS = {"cs231n": Form(100, 300, 600, 1e-3, 0.0, 100), "nnfs": Form(1000, 300, 150, 5e-3, 2e-4, 10)}
LBFGS_EPOCHS = 30  # each is up to twenty evaluations of the loss over all points

# The class of each optimizer, and a learning rate that suits it here.
OPTIMIZERS: dict[str, tuple[Callable[..., nn.Optimizer], float]] = {
    "sgd": (nn.SGD, 0.1),
    "adagrad": (nn.Adagrad, 0.02),
    "rmsprop": (nn.RMSprop, 1e-3),
    "adadelta": (nn.Adadelta, 1.0),
    "adam": (nn.Adam, 5e-3),
    "adamw": (nn.AdamW, 5e-3),
    "nadam": (nn.NAdam, 3e-3),
    "radam": (nn.RAdam, 5e-3),
    "lion": (nn.Lion, 3e-4),
    "lbfgs": (nn.LBFGS, 1.0),
}


def network(hidden: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers with relu between them, weights by He's rule; dropout after each relu if asked for."""
    layers: list[nn.Module] = []
    sizes = [2, *hidden, 3]
    for inside, outside in itertools.pairwise(sizes):
        layers += [nn.Linear(inside, outside, weight_init="he_normal", bias_init="zeros"), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers[: -2 if dropout else -1])


def optimizer_of(name: str, model: nn.Module, lr: float | None, momentum: float) -> nn.Optimizer:
    """The optimizer called ``name``, with its own learning rate unless one is given."""
    kind, own = OPTIMIZERS[name]
    special: dict[str, dict[str, Any]] = {"sgd": {"momentum": momentum}, "lbfgs": {"line_search_fn": "strong_wolfe"}}
    return kind(model.parameters(), lr=own if lr is None else lr, **special.get(name, {}))


def check_gradients(model: nn.Module, x: Array, labels: Array, *, samples: int = 8) -> int:
    """Compare the gradient of the loss along random directions of all parameters with central differences in float64.

    relu has a kink at 0, where there is no derivative to compare with. The samples taken are those whose
    hidden units stay farthest from it.

    Returns:
        The number of parameters.

    Raises:
        AssertionError: a gradient and the differences disagree.
    """
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    values = [p.numpy().astype(np.float64) for layer in linear for p in layer.parameters()]
    x = x.astype(np.float64)
    distance = np.full(len(x), np.inf)
    h = x
    for weight, bias in zip(values[0:-2:2], values[1:-2:2], strict=True):
        h = h @ weight + bias
        distance = np.minimum(distance, np.abs(h).min(axis=1))
        h = np.maximum(h, 0.0)
    chosen = np.argsort(distance)[-samples:]

    def loss(*p: Any) -> Any:
        h: Any = x[chosen]
        for weight, bias in zip(p[0:-2:2], p[1:-2:2], strict=True):
            h = ag.relu(ag.linear(h, weight, bias))
        return ag.softmax_cross_entropy(ag.linear(h, p[-2], p[-1]), labels[chosen])

    ag.gradcheck(loss, tuple(values), order=1)
    return sum(v.size for v in values)


def pictures(model: nn.Module, x: Array, labels: Array, history: nn.History, unseen: float) -> dict[str, Any]:
    """What is drawn, by the name of its file."""
    curves = nn.plot.curves(history, ["loss", "accuracy", "lr"], labels={"loss": "cross-entropy (nats)"})
    loss: Figure = nn.plot.curves(
        history, ["loss"], labels={"loss": "mean cross-entropy (nats)"}, title="Loss while training"
    )
    return {
        "spiral_dataset.png": nn.plot.dataset(x, title="The spiral"),
        "colored_spiral_dataset.png": nn.plot.dataset(x, labels, title="The spiral by class"),
        "decision_boundary.png": nn.plot.decision_boundary(
            model, x, labels, title=f"Decision regions: {unseen:.1%} of fresh points right"
        ),
        "loss_curve.png": loss,
        "curves.png": curves,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _program.parser(__doc__, "spiral_output")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam", help="what makes the updates")
    parser.add_argument("--form", choices=FORMS, default="cs231n", help="how the arms wind")
    parser.add_argument("--points", type=_program.at_least(2), help="training points per class (100; nnfs: 1000)")
    parser.add_argument(
        "--hidden", type=_program.at_least(1), nargs="*", default=[256, 256], help="widths of the hidden layers"
    )
    parser.add_argument("--epochs", type=_program.at_least(1), help="passes over the data (600; nnfs: 150; lbfgs: 30)")
    parser.add_argument(
        "--lr", type=_program.at_least(0, float), help="learning rate at the start; each optimizer has its own"
    )
    parser.add_argument(
        "--decay",
        type=_program.at_least(0, float),
        help="the rate falls as lr / (1 + decay · updates) (1e-3; nnfs: 5e-3)",
    )
    parser.add_argument("--momentum", type=_program.at_least(0, float), default=0.9, help="of sgd")
    parser.add_argument(
        "--l2", type=_program.at_least(0, float), help="strength of the L2 penalty of the weights (0; nnfs: 2e-4)"
    )
    parser.add_argument(
        "--dropout", type=_program.at_least(0, float), default=0.0, help="share of hidden units dropped in training"
    )
    parser.add_argument("--compile", action="store_true", help="run the training steps as NumPy programs")
    options = parser.parse_args(argv)
    _program.start(options)
    form = FORMS[options.form]
    if options.compile and options.optimizer == "lbfgs":
        parser.error("--compile: L-BFGS computes the loss several times in a step, as often as its numbers ask for")

    def chosen(name: str) -> Any:
        given = getattr(options, name)
        return getattr(form, name) if given is None else given

    rng = np.random.default_rng(options.seed)
    nn.manual_seed(options.seed)
    data = x, labels = nn.data.spiral(chosen("points"), form=options.form, rng=rng)
    validation = nn.data.spiral(100, form=options.form, rng=rng)
    held_out = nn.data.spiral(1000, form=options.form, rng=rng)
    model = network(options.hidden, options.dropout)
    print(nn.summary(model, (form.batch, 2)))
    print(f"{len(x)} training points, {len(validation[0])} for validation while training, {len(held_out[0])} held out")

    start = time.perf_counter()
    status = 0
    try:
        count = check_gradients(model, x, labels)
    except AssertionError as error:
        print(f"gradient check     FAILED: {error}")
        status = 1
    else:
        print(
            f"gradient check     passed: tape and central differences agree in all {count} parameters ({time.perf_counter() - start:.1f} s)"
        )

    model.regularize(l2=chosen("l2"))
    optimizer = optimizer_of(options.optimizer, model, options.lr, options.momentum)
    lbfgs = options.optimizer == "lbfgs"
    epochs = LBFGS_EPOCHS if lbfgs and options.epochs is None else chosen("epochs")
    start = time.perf_counter()
    history = nn.fit(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        data,
        epochs,
        validation=validation,
        metrics=nn.metrics.Accuracy(),
        schedule=None if lbfgs else nn.schedules.InverseTimeDecay(optimizer, chosen("decay")),
        schedule_every="batch",
        batch_size=len(x) if lbfgs else form.batch,
        log_every=min(form.log_every, max(1, epochs // 6)),
        compile=options.compile,
    )
    print(
        f"trained for {epochs} epochs with {options.optimizer} in {time.perf_counter() - start:.1f} s, loss {history.last['loss']:.4f}"
    )

    seen = nn.evaluate(model, None, data, nn.metrics.Accuracy())["accuracy"]
    unseen = nn.evaluate(model, None, held_out, nn.metrics.Accuracy())["accuracy"]
    print(f"training accuracy  {seen:.2%}")
    print(f"held-out accuracy  {unseen:.2%}" + (" (at most 91.0% can be told)" if options.form == "nnfs" else ""))

    drawn = pictures(model, x, labels, history, unseen)
    try:
        for name, picture in drawn.items():
            nn.plot.save(picture, options.out / name)
    except OSError as error:
        print(f"spiral.py: cannot write to {options.out}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"pictures in {options.out.resolve()}: {', '.join(drawn)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
