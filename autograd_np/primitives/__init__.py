"""The rule book: one chapter of NumPy per file.

The chapters that most programs use are imported with the package; the others when one of their functions
is first used, by name or through NumPy's protocols.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np

from ..engine.registry import CHAPTERS

__all__ = ["LAZY", "LAZY_NAMES", "load", "load_all"]

# chapter → the public names in it
LAZY: dict[str, tuple[str, ...]] = {
    "attention": ("scaled_dot_product_attention",),
    "convolution": ("conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"),
    "dense": ("embedding", "linear"),
    "differencing": (
        "convolve",
        "correlate",
        "diff",
        "ediff1d",
        "gradient",
        "interp",
        "trapezoid",
    ),
    "dropout": ("dropout",),
    "losses": ("binary_cross_entropy", "huber_loss", "l1_loss", "mse_loss"),
    "nans": (
        "nanargmax",
        "nanargmin",
        "nancumprod",
        "nancumsum",
        "nanmax",
        "nanmean",
        "nanmin",
        "nanprod",
        "nanstd",
        "nansum",
        "nanvar",
    ),
    "normalization": ("batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"),
    "padding": ("pad",),
    "polynomials": (
        "apply_along_axis",
        "apply_over_axes",
        "poly",
        "polyadd",
        "polyder",
        "polydiv",
        "polyfit",
        "polyint",
        "polymul",
        "polysub",
        "polyval",
        "roots",
        "unwrap",
        "vander",
    ),
    "pooling": (
        "adaptive_avg_pool1d",
        "adaptive_avg_pool2d",
        "adaptive_max_pool1d",
        "adaptive_max_pool2d",
        "avg_pool1d",
        "avg_pool2d",
        "max_pool1d",
        "max_pool2d",
    ),
    "recurrent": (
        "gru",
        "gru_cell",
        "lstm",
        "lstm_cell",
        "rnn",
        "rnn_cell",
    ),
    "sets": (
        "UniqueAllResult",
        "UniqueCountsResult",
        "UniqueInverseResult",
        "histogram2d",
        "histogramdd",
        "intersect1d",
        "isin",
        "lexsort",
        "packbits",
        "ravel_multi_index",
        "setdiff1d",
        "setxor1d",
        "sort_complex",
        "union1d",
        "unique_all",
        "unique_counts",
        "unique_inverse",
        "unique_values",
        "unpackbits",
        "unravel_index",
    ),
    "statistics": (
        "average",
        "corrcoef",
        "cov",
        "histogram",
        "histogram_bin_edges",
    ),
    "windows": ("sliding_window_view",),
}
# ufuncs that the oldest supported NumPy does not have
RECENT = tuple([word for word in ("matvec", "vecmat") if hasattr(np, word)])
LAZY_NAMES = dict.fromkeys(RECENT, "products") | {name: chapter for chapter, names in LAZY.items() for name in names}
# chapters whose names stand in the namespaces autograd_np.linalg and autograd_np.fft
NAMESPACES = ("linalg", "linalg_decompositions", "linalg_norms", "linalg_svd", "fft")


def load(chapter: str) -> ModuleType:
    """Import a chapter."""
    return importlib.import_module(f"{__name__}.{chapter}")


def load_all() -> None:
    """Import every chapter: afterwards the registry is complete (for SciPy's functions, if the program has imported them)."""
    for chapter in (*LAZY, *NAMESPACES):
        load(chapter)
    load("special").register()


CHAPTERS.append(load_all)
