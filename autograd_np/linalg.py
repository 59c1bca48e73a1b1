"""Linear algebra on Tensors, under the names of ``numpy.linalg``."""

from __future__ import annotations

from .primitives.diagonals import diagonal, trace
from .primitives.linalg import SlogdetResult, det, inv, matrix_power, slogdet, solve, tensorinv, tensorsolve
from .primitives.linalg_decompositions import DegenerateWarning, EighResult, EigResult, QRResult, cholesky, eig, eigh, eigvals, eigvalsh, qr
from .primitives.linalg_norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from .primitives.linalg_svd import SVDResult, lstsq, pinv, svd, svdvals
from .primitives.products import cross, matmul, multi_dot, outer, tensordot, vecdot
from .primitives.shaping import matrix_transpose

__all__ = [
    "DegenerateWarning", "EigResult", "EighResult", "QRResult", "SVDResult", "SlogdetResult", "cholesky", "cond", "cross", "det", "diagonal",
    "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "multi_dot",
    "norm", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot", "tensorinv", "tensorsolve", "trace", "vecdot", "vector_norm",
]  # fmt: skip
