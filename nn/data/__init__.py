"""Data: sets of items, loaders that make batches of them, point sets to try things on, and the data sets that everybody knows.

>>> import nn
>>> loader = nn.data.DataLoader(nn.data.spiral(100, rng=0), batch_size=32, shuffle=True, rng=0)
>>> x, y = next(iter(loader))
>>> x.shape, y.shape
((32, 2), (32,))
"""

from .idx import read_idx
from .known import FASHION_MNIST_CLASSES, fashion_mnist, mnist, tinyshakespeare
from .loader import DataLoader
from .sets import ArrayDataset, ConcatDataset, Dataset, Subset, TensorDataset, collate, random_split
from .sources import DataError, cache_folder
from .toy import blobs, checkerboard, circles, moons, sine, spiral, xor

__all__ = [
    "FASHION_MNIST_CLASSES",
    "ArrayDataset",
    "ConcatDataset",
    "DataError",
    "DataLoader",
    "Dataset",
    "Subset",
    "TensorDataset",
    "blobs",
    "cache_folder",
    "checkerboard",
    "circles",
    "collate",
    "fashion_mnist",
    "mnist",
    "moons",
    "random_split",
    "read_idx",
    "sine",
    "spiral",
    "tinyshakespeare",
    "xor",
]
