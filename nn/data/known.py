"""Data sets that everybody knows: MNIST, Fashion-MNIST, and the tiny Shakespeare."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .idx import parse_idx
from .sources import DataError, Source, corrupt, obtain

__all__ = ["FASHION_MNIST_CLASSES", "fashion_mnist", "mnist", "tinyshakespeare"]

FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# The first sum is that of the file as the mirrors serve it, the second that of the IDX file in it.
MNIST = Source(
    title="MNIST",
    folders=("mnist", "MNIST/raw"),
    mirrors=("https://storage.googleapis.com/cvdf-datasets/mnist", "https://ossci-datasets.s3.amazonaws.com/mnist"),
    files={
        "train-images-idx3-ubyte.gz": frozenset(
            {
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            }
        ),
        "train-labels-idx1-ubyte.gz": frozenset(
            {
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            }
        ),
        "t10k-images-idx3-ubyte.gz": frozenset(
            {
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            }
        ),
        "t10k-labels-idx1-ubyte.gz": frozenset(
            {
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            }
        ),
    },
)

# The authors publish MD5 sums; these are the SHA-256 sums of the files that have them.
FASHION_MNIST = Source(
    title="Fashion-MNIST",
    folders=("fashion_mnist", "fashion-mnist", "FashionMNIST/raw"),
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    ),
    files={
        "train-images-idx3-ubyte.gz": frozenset({"3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"}),
        "train-labels-idx1-ubyte.gz": frozenset({"a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"}),
        "t10k-images-idx3-ubyte.gz": frozenset({"346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"}),
        "t10k-labels-idx1-ubyte.gz": frozenset({"67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"}),
    },
)

TINYSHAKESPEARE = Source(
    title="tinyshakespeare",
    folders=("tinyshakespeare",),
    mirrors=("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare",),
    files={"input.txt": frozenset({"86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"})},
    addresses=(
        "https://storage.googleapis.com/download.tensorflow.org/data/shakespeare.txt",
        "https://raw.githubusercontent.com/jcjohnson/torch-rnn/master/data/tiny-shakespeare.txt",
    ),
)

Images = tuple[NDArray[Any], NDArray[np.int64]]


def mnist(
    split: Literal["train", "test"] = "train",
    *,
    root: str | os.PathLike[str] | None = None,
    flatten: bool = False,
    normalize: bool | tuple[float, float] = True,
    download: bool = True,
) -> Images:
    """The MNIST database of handwritten digits: 60 000 images for training and 10 000 for testing, of 28 × 28 pixels.

    Args:
        split: ``"train"`` or ``"test"``.
        root: a folder with the four IDX files, packed by gzip or not, in either usual spelling (``train-images-idx3-ubyte`` or ``train-images.idx3-ubyte``),
            or a folder with such a folder ``mnist``. Without it, the environment variable ``AUTOGRAD_NP_DATA`` may name the latter; without that
            the files are in the user's cache, :func:`cache_folder`.
        flatten: give images of shape (N, 784) instead of (N, 1, 28, 28).
        normalize: True gives float32 in [0, 1]; a pair (mean, std) gives (pixel / 255 − mean) / std in float32, (0.1307, 0.3081) being those of the
            training images; False gives the bytes, uint8 in [0, 255].
        download: fetch files that are not there, about 11 MB, from a mirror, and keep them in that same folder. They are checked by their SHA-256
            sums, and so is the cache at each use. Files of the user's own folders are taken as they are if their form is right.

    Returns:
        The images, and the digits as (N,) int64.

    Raises:
        DataError: the files are not there and cannot be had, or are corrupt; the message says what to put where.
        ValueError: another ``split`` or ``normalize``.

    Source:
        Y. LeCun, C. Cortes and C. Burges, http://yann.lecun.com/exdb/mnist.
    """
    return _images(MNIST, split, root, flatten, normalize, download)


def fashion_mnist(
    split: Literal["train", "test"] = "train",
    *,
    root: str | os.PathLike[str] | None = None,
    flatten: bool = False,
    normalize: bool | tuple[float, float] = True,
    download: bool = True,
) -> Images:
    """Fashion-MNIST: Zalando's images of clothes in ten classes (``FASHION_MNIST_CLASSES``), in number and form like MNIST.

    The arguments, results and errors are those of :func:`mnist`; the folder is called ``fashion_mnist`` and the download has 30 MB.

    Source:
        H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms", 2017.
    """
    return _images(FASHION_MNIST, split, root, flatten, normalize, download)


def _images(
    source: Source, split: str, root: str | os.PathLike[str] | None, flatten: bool, normalize: Any, download: bool
) -> Images:
    prefix = {"train": "train", "test": "t10k"}.get(split)
    if prefix is None:
        raise ValueError(f'{source.title}: split is "train" or "test", not {split!r}')
    mean, std = (0.0, 1.0) if isinstance(normalize, bool) else _mean_and_std(source, normalize)
    image_path, raw = obtain(source, f"{prefix}-images-idx3-ubyte.gz", root, download)
    try:
        images = parse_idx(raw, str(image_path))
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
            raise ValueError(
                f"{image_path} has {images.dtype} values of shape {images.shape}, not uint8 of shape (N, 28, 28)"
            )
    except ValueError as error:
        raise corrupt(source, image_path, error) from error
    label_path, raw = obtain(source, f"{prefix}-labels-idx1-ubyte.gz", root, download)
    try:
        labels = parse_idx(raw, str(label_path))
        if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{label_path} has {labels.dtype} values of shape {labels.shape}, not one uint8 for each of the {len(images)} images in {image_path}"
            )
        if labels.size and labels.max() > 9:
            raise ValueError(f"{label_path} has the class {labels.max()}; the classes are 0 to 9")
    except ValueError as error:
        raise corrupt(source, label_path, error) from error
    if normalize is not False:
        images = np.divide(images, np.float32(255.0), dtype=np.float32)
        if normalize is not True:
            images -= np.float32(mean)
            images /= np.float32(std)
    return images.reshape((-1, 784) if flatten else (-1, 1, 28, 28)), labels.astype(np.int64)


def _mean_and_std(source: Source, normalize: Any) -> tuple[float, float]:
    try:
        mean, std = map(float, normalize)
    except (TypeError, ValueError):
        mean, std = 0.0, 0.0
    if not (np.isfinite(mean) and np.isfinite(std) and std > 0):
        raise ValueError(
            f"{source.title}: normalize is True, False or a pair of a mean and a positive standard deviation, not {normalize!r}"
        )
    return mean, std


def tinyshakespeare(*, root: str | os.PathLike[str] | None = None, download: bool = True) -> str:
    r"""A. Karpathy's excerpt of Shakespeare's plays: 1 115 394 characters, 65 different ones, all of ASCII.

    Args:
        root: a folder with ``input.txt`` or with a folder ``tinyshakespeare`` that has it; else as for :func:`mnist`.
        download: fetch the file if it is not there.

    Returns:
        The text, with ``\n`` at the ends of lines.

    Raises:
        DataError: the file is not there and cannot be had, or is corrupt; the message says what to put where.
    """
    path, raw = obtain(TINYSHAKESPEARE, "input.txt", root, download)
    try:
        return raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{TINYSHAKESPEARE.title}: {path} is not a text in UTF-8: {error}. Remove it to have it downloaded anew"
        ) from error
