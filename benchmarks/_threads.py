"""The number of BLAS threads (``--threads 2``; one by default), read when NumPy is imported: import this first."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def _number() -> int:
    """The number behind ``--threads``, which is taken off the command line."""
    if "--threads" not in sys.argv:
        return 1
    at = sys.argv.index("--threads")
    try:
        count = int(sys.argv[at + 1])
    except (IndexError, ValueError):
        raise SystemExit("--threads takes a number") from None
    del sys.argv[at : at + 2]
    return count


THREADS = _number()
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = str(THREADS)
if THREADS == 1:
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
# A checkout that is not installed is measured as it stands.
sys.path.append(str(Path(__file__).resolve().parent.parent))
