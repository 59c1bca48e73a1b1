"""Read handwritten digits: a multilayer perceptron or a convolutional network on MNIST.

Both train with Adam on one cycle of the learning rate (Smith and Topin 2018); the convolutional network sees each image
shifted by up to two pixels. The program prints loss and accuracy after each epoch, the accuracy on the test images, and draws
predictions above the loss curve, the confusion matrix, and the worst mistakes.

    python examples/mnist.py
    python examples/mnist.py --model cnn
    python examples/mnist.py --fashion --epochs 20

The images come from the folder named by AUTOGRAD_NP_DATA or --data, or are downloaded once into the user's cache.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Two BLAS threads pay here, unlike for small networks.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")
import _program

try:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from autograd_np import nn
except ModuleNotFoundError as error:
    raise _program.missing(error) from None

Array = NDArray[Any]
log = logging.getLogger("mnist")

# Epochs and the highest learning rate.
PLANS = {"mlp": (12, 3e-3), "cnn": (12, 4e-3)}


def multilayer_perceptron() -> nn.Sequential:
    """784 → 512 → 256 → 10 with relu and dropout."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 512, weight_init="he_normal"),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(512, 256, weight_init="he_normal"),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(256, 10),
    )


def convolutional_network() -> nn.Sequential:
    """Two convolutions of 3 × 3, each followed by batch normalisation, relu and a pool of 2 × 2, then two linear layers."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 128),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(128, 10),
    )


class Shifted(nn.data.Dataset):
    """Images, each moved by up to ``reach`` pixels in both directions; what comes in at the edge is black."""

    def __init__(self, images: Array, labels: Array, reach: int, rng: np.random.Generator) -> None:
        self.padded = np.pad(images, [(0, 0), (0, 0), (reach, reach), (reach, reach)])
        self.labels, self.size, self.reach, self.rng = labels, images.shape[-1], reach, rng

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any, /) -> tuple[Array, Array]:
        down, right = self.rng.integers(0, 2 * self.reach + 1, 2)
        return self.padded[index, :, down : down + self.size, right : right + self.size], self.labels[index]

    def batch(self, indices: Array) -> tuple[Array, Array]:
        """As many images at once, each with a shift of its own."""
        down, right = self.rng.integers(0, 2 * self.reach + 1, (2, len(indices), 1, 1))
        pixels = np.arange(self.size)
        moved = self.padded[indices[:, None, None], 0, down + pixels[:, None], right + pixels]
        return moved[:, None], self.labels[indices]


def predictions_over_loss(images: Array, labels: Array, logits: Array, history: nn.History, title: str) -> Figure:
    """The first images with what the network reads, above the curve of the loss."""
    figure = Figure(figsize=(9.0, 7.6), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.25, 1.0])
    above, below = parts
    shown = above.subplots(3, 10)
    count = min(30, len(images))
    nn.plot.images(images[:count], labels[:count], logits[:count], ax=list(shown.flat)[:count])
    for empty in list(shown.flat)[count:]:
        empty.set_axis_off()
    above.suptitle(title, fontsize=13)
    nn.plot.curves(
        history, ["loss", "accuracy"], labels={"loss": "cross-entropy (nats)"}, ax=list(below.subplots(1, 2))
    )
    return figure


def worst_mistakes(
    images: Array, labels: Array, logits: Array, class_names: Sequence[str] | None, count: int = 24
) -> Figure:
    """The images on which the network was surest of a wrong answer."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    truth = np.take_along_axis(log_probability, labels[:, None], axis=1)[:, 0]
    wrong = np.flatnonzero(logits.argmax(axis=1) != labels)
    worst = wrong[np.argsort(truth[wrong])][:count]
    if not len(worst):
        figure = Figure(figsize=(4.0, 1.0))
        figure.text(0.5, 0.5, "no mistakes", ha="center", va="center")
        return figure
    title = f"The {len(worst)} worst of {len(wrong)} mistakes on {len(labels)} images"
    return nn.plot.images(images[worst], labels[worst], logits[worst], class_names=class_names, columns=8, title=title)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _program.parser(__doc__, "mnist_output")
    parser.add_argument("--model", choices=PLANS, default="mlp", help="multilayer perceptron or convolutional network")
    parser.add_argument("--fashion", action="store_true", help="Fashion-MNIST: clothes instead of digits")
    parser.add_argument("--data", type=Path, help="folder of the IDX files (the cache folder)")
    parser.add_argument("--epochs", type=_program.at_least(1), help="passes over the data (12)")
    parser.add_argument("--batch-size", type=_program.at_least(2), default=128, help="images per step")
    parser.add_argument("--lr", type=_program.at_least(0, float), help="highest learning rate (mlp: 3e-3, cnn: 4e-3)")
    parser.add_argument("--limit", type=_program.at_least(10), help="train on so many images only")
    parser.add_argument("--compile", action="store_true", help="run the training steps as NumPy programs")
    parser.add_argument("--save", type=Path, help="file for the weights: .npz or .safetensors")
    options = parser.parse_args(argv)
    _program.start(options)

    source = nn.data.fashion_mnist if options.fashion else nn.data.mnist
    names = nn.data.FASHION_MNIST_CLASSES if options.fashion else None
    try:
        images, labels = source("train", root=options.data)
        test_images, test_labels = source("test", root=options.data)
    except nn.data.DataError as error:
        print(f"mnist.py: {error}", file=sys.stderr)
        return 1
    rng = nn.manual_seed(options.seed)
    order = rng.permutation(len(images))[: options.limit]
    held_out = max(1, len(order) // 12)  # 5000 of 60 000
    validation = images[order[:held_out]], labels[order[:held_out]]
    images, labels = images[order[held_out:]], labels[order[held_out:]]

    model = multilayer_perceptron() if options.model == "mlp" else convolutional_network()
    print(nn.summary(model, images[:1]))
    data: Any = (images, labels) if options.model == "mlp" else Shifted(images, labels, 2, rng)
    # The thread that prepares batches must not draw from the generator that dropout draws from: the order would be chance.
    if isinstance(data, Shifted):
        data.rng = np.random.default_rng(options.seed)
    loader = nn.DataLoader(
        data, options.batch_size, shuffle=True, drop_last=len(images) > options.batch_size, prefetch=2
    )
    epochs, lr = PLANS[options.model]
    epochs, lr = options.epochs or epochs, lr if options.lr is None else options.lr
    optimizer = nn.AdamW(model.parameters(), lr=lr, weight_decay=1e-2)
    start = time.perf_counter()
    history = nn.fit(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        loader,
        epochs,
        validation=validation,
        metrics=nn.metrics.Accuracy(),
        schedule=nn.schedules.OneCycleLR(
            optimizer, lr, epochs=epochs, steps_per_epoch=len(loader), cycle_momentum=False
        ),
        schedule_every="batch",
        compile=options.compile,
    )
    seconds = time.perf_counter() - start
    logits = nn.predict(model, test_images)
    matrix = nn.metrics.ConfusionMatrix(10)
    matrix.update(logits, test_labels)
    accuracy = nn.metrics.accuracy(logits, test_labels)
    print(f"trained for {epochs} epochs in {seconds:.1f} s, loss {history.last['loss']:.4f}")
    print(f"validation accuracy  {history.last['val_accuracy']:.2%}")
    print(f"test accuracy        {accuracy:.2%}")

    pictures: dict[str, Any] = {
        "predictions.png": predictions_over_loss(
            test_images, test_labels, logits, history, f"{accuracy:.2%} of the test images right"
        ),
        "confusion_matrix.png": nn.plot.confusion_matrix(matrix.compute(), class_names=names),
        "worst_mistakes.png": worst_mistakes(test_images, test_labels, logits, names),
    }
    try:
        for name, picture in pictures.items():
            nn.plot.save(picture, options.out / name)
        if options.save is not None:
            nn.save(model, options.save)
            print(f"weights in {options.save}")
    except OSError as error:
        print(f"mnist.py: cannot write: {error}", file=sys.stderr)
        return 1
    print(f"pictures in {options.out.resolve()}: {', '.join(pictures)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
