"""``gradcheck``: prove the gradients of any function against central differences (see differences.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.pytree import flatten, paths
from ..engine.tensor import Tensor
from .diagnosis import GradcheckError, Mismatch
from .differences import STEP, Check

__all__ = ["GradcheckError", "Mismatch", "gradcheck"]


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    *,
    order: int = 2,
    rtol: float = 1e-6,
    eps: float | None = None,
    seed: int = 0,
    exhaustive: bool | None = None,
    raise_exception: bool = True,
) -> bool:
    """Check the gradients of ``f`` against central differences in float64.

    Args:
        f: takes Tensors and returns a Tensor or a pytree of Tensors. It must be deterministic.
        inputs: the tuple of arguments of ``f``, each a pytree of arrays, Tensors or numbers; what is not a
            tuple is the only argument. Floating and complex arrays are differentiated; float16, float32
            and complex64 are converted to double precision first, because differences in single precision
            prove little. Integers, booleans and everything else are passed on as constants. Nothing is modified.
        order: 1 for the gradient, 2 also for the gradient of the gradient, and so on.
        rtol: relative tolerance. There is no absolute one: a gradient of 1e-20 is held to it as one of 1,
            except for the rounding error of ``f`` itself.
        eps: step of the differences relative to each element's magnitude, 0.002 by default.
        seed: of the random cotangent and directions.
        exhaustive: check each element (True), or random dense directions (False: a few evaluations
            whatever the size); by default each element of up to 64. A failure is searched for its worst
            element in either case.
        raise_exception: False to return False on a mismatch.

    Returns:
        True if all gradients agree. Complex gradients are held to the convention dL/dRe - i·dL/dIm.

    Raises:
        GradcheckError: a gradient disagrees: the message names the operation, argument, element, both values and
            the relative error, or says that ``f`` is not differentiable there, with its slopes on either side.
        ValueError: there is nothing to check (no floating input, no finite floating output), or ``order`` < 1.
        TypeError: ``f`` returns single precision although its inputs are double.

    >>> import numpy as np
    >>> gradcheck(lambda x, y: np.exp(x) * y, (np.array([0.5, -1.0]), 2.0))
    True
    """
    if order < 1:
        raise ValueError(f"gradcheck: order must be at least 1, got {order}")
    name = getattr(f, "__name__", type(f).__name__)
    arguments = inputs if isinstance(inputs, tuple) and not hasattr(inputs, "_fields") else (inputs,)
    leaves, rebuild = flatten(arguments)
    words = [path for number, argument in enumerate(arguments) for path in paths(argument, f"argument {number}")]
    arrays, labels, places = [], [], []
    for place, (leaf, path) in enumerate(zip(leaves, words, strict=True)):
        array = _differentiable(leaf)
        if array is not None:
            arrays.append(array)
            labels.append(path)
            places.append(place)
    if not arrays:
        raise ValueError(
            f"gradcheck: {name} has no floating input; pass arrays of float64 (integers are treated as constants)"
        )

    def call(tensors: list[Tensor]) -> list[Tensor]:
        filled = list(leaves)
        for place, t in zip(places, tensors, strict=True):
            filled[place] = t
        result, _ = flatten(f(*rebuild(filled)))
        outputs = [y if isinstance(y, Tensor) else Tensor(y) for y in result]
        return [y for y in outputs if y.dtype.kind in "fc"]

    try:
        for level in range(1, order + 1):
            check = Check(
                call,
                arrays,
                labels,
                name=name,
                order=level,
                rtol=rtol,
                step=STEP if eps is None else eps,
                seed=seed + level,
                exhaustive=exhaustive,
            )
            if level == 1:
                _presentable(check, name)
            mismatch = check.verify(check.analytic())
            if mismatch is not None:
                raise GradcheckError(str(mismatch), mismatch)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _presentable(check: Check, name: str) -> None:
    """Refuse a function whose outputs say nothing."""
    for j, y in enumerate(check.outputs):
        if y.dtype.itemsize < (16 if y.dtype.kind == "c" else 8):
            raise TypeError(
                f"gradcheck: output {j} of {name} is {y.dtype} although the inputs are double precision; differences "
                "need "
                "float64: take the cast, or the single-precision array that it meets, out of the function"
            )
    if not any(np.isfinite(y).any() for y in check.outputs):
        if not any(y.size for y in check.outputs) and check.outputs:
            return
        raise ValueError(
            f"gradcheck: {name} returns no finite floating value at this point, so there is nothing to compare"
        )
    for y, again in zip(check.outputs, check.values(check.arrays), strict=True):
        if y.shape != again.shape or not np.array_equal(y, again, equal_nan=True):
            raise GradcheckError(
                f"{name} is not deterministic: two calls with the same inputs differ; fix the seed of its random "
                "numbers inside the function"
            )


def _differentiable(leaf: Any) -> Any:
    """A copy in double precision of what has a gradient, None for constants."""
    if isinstance(leaf, Tensor):
        leaf = leaf._values
    if isinstance(leaf, (float, complex, np.ndarray, np.generic)) or hasattr(type(leaf), "__array_function__"):
        kind = np.dtype(getattr(leaf, "dtype", type(leaf))).kind
        if kind == "f":
            return np.array(leaf, dtype=np.float64)
        if kind == "c":
            return np.array(leaf, dtype=np.complex128)
    return None
