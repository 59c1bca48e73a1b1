"""Linear algebra on Tensors, under the names of ``numpy.linalg``."""

from __future__ import annotations

import numpy as np

from .engine.registry import FUNCTIONS
from .primitives.linalg import SlogdetResult, det, inv, matrix_power, slogdet, solve, tensorinv, tensorsolve
from .primitives.linalg_decompositions import (
    DegenerateWarning,
    EighResult,
    EigResult,
    QRResult,
    cholesky,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    qr,
)
from .primitives.linalg_norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from .primitives.linalg_svd import SVDResult, lstsq, pinv, svd, svdvals

# These have NumPy's semantics of numpy.linalg: diagonal and trace take the last two axes, for instance.
cross = FUNCTIONS[np.linalg.cross]
diagonal = FUNCTIONS[np.linalg.diagonal]
matmul = FUNCTIONS[np.linalg.matmul]
matrix_transpose = FUNCTIONS[np.linalg.matrix_transpose]
multi_dot = FUNCTIONS[np.linalg.multi_dot]
outer = FUNCTIONS[np.linalg.outer]
tensordot = FUNCTIONS[np.linalg.tensordot]
trace = FUNCTIONS[np.linalg.trace]
vecdot = FUNCTIONS[np.linalg.vecdot]

__all__ = [
    "DegenerateWarning", "EigResult", "EighResult", "QRResult", "SVDResult", "SlogdetResult", "cholesky", "cond", "cross", "det", "diagonal",
    "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "multi_dot",
    "norm", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot", "tensorinv", "tensorsolve", "trace", "vecdot", "vector_norm",
]  # fmt: skip
