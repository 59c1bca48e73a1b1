"""The proved calls: what is proved, which arrays of a sample are operands, the same call with other operands."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine import codegen
from ..engine.modes import enable_grad
from ..engine.primitive import Primitive
from ..engine.pytree import flatten
from ..engine.registry import REGISTRY
from ..engine.tensor import Tensor
from ..primitives.composed import COMPOSITIONS
from ..transforms.grad import gradients
from .differences import Check
from .duck import DuckArray, plain
from .samples import ORACLES, SAMPLES, Sample, load

__all__ = [
    "INDIRECT", "SEED", "Case", "Composed", "cases", "differ", "in_the_complex_plane", "kept_as_is", "leaf", "names",
    "narrow", "real_operands", "scattered", "subject", "values_of", "widen",
]  # fmt: skip

SEED = 20240607
# Whose operands cannot be varied one by one, so that no differences can be taken of it alone, and where it is proved
# instead.
INDIRECT: dict[str, str] = {
    "power_log": "its first operand is x**y itself; tests/proofs/test_proofs.py proves and breaks it through orders 2 "
    "to 4 of power",
}


class Composed:
    """A function made of primitives, as the proofs see it: every array is an operand, and it has no rule."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.function = self.body = COMPOSITIONS[name]
        self.numpy_functions: list[Any] = getattr(self.function, "numpy_functions", [])
        self.operands: tuple[str, ...] = ()
        self.differentiable = self.recorded = True
        self.real: tuple[str, ...] = getattr(self.function, "real", ())
        self.parameters: tuple[str, ...] = ()


def names() -> list[str]:
    """What is proved, in alphabetical order: the library's primitives and compositions (not what a user declared)."""
    load()
    own = {name for name, found in REGISTRY.items() if found.function.__module__.partition(".")[0] == "autograd_np"}
    return sorted(own | set(COMPOSITIONS))


def subject(name: str) -> Primitive | Composed:
    """The primitive or composition of a name."""
    return REGISTRY[name] if name in REGISTRY else Composed(name)


def cases(name: str) -> list[Sample]:
    """The samples of a primitive or composition; for an elementwise one an empty array is added."""
    load()
    known = list(SAMPLES.get(name, ()))
    found = subject(name)
    if known and isinstance(found.body, np.ufunc) and found.body.signature is None:
        first = known[0]
        if not first.kwargs and all(isinstance(x, (np.ndarray, np.generic)) for x in first.args):
            empty = tuple(np.zeros((0, 3), x.dtype) for x in first.args)
            known.append(Sample(empty, label="empty (of every ufunc)", order=min(first.order, 1)))
    if name not in INDIRECT:
        known += in_the_complex_plane(found, known)
    return known


def real_operands(found: Primitive | Composed) -> tuple[str, ...]:
    """The parameters that must be real: those declared so, or all where the ufunc has no complex loop."""
    body = found.body
    if isinstance(body, np.ufunc) and not any(set("FDG") & set(types.partition("->")[0]) for types in body.types):
        return found.parameters
    return found.real


def in_the_complex_plane(found: Primitive | Composed, known: list[Sample]) -> list[Sample]:
    """The smallest sample with imaginary parts added, where none has complex operands alone.

    Where operands must be real, it is to be proved that they refuse complex numbers.
    """
    if not found.differentiable:
        return []
    must = real_operands(found)
    best: tuple[Any, Case] | None = None
    proved = False
    for sample in known:
        case = Case(found, sample)
        arrays = case.arrays()
        size = sum(a.size for a in arrays)
        if (
            arrays
            and sample.order > 0
            and sample.expected is None
            and all(a.size and np.isfinite(a).all() for a in arrays)
        ):
            free = [i for i in case.floating if case.parameter[i] not in must]
            proved = proved or (bool(free) and all(case.leaves[i].dtype.kind == "c" for i in free))
            operands = {case.parameter[i] for i in case.floating}
            rank = (sample.order < 2, -len(operands), "dtype" in sample.kwargs, size if size > 2 else 100)
            if best is None or rank < best[0]:
                best = rank, case
    if best is None:
        return []
    case = best[1]
    real = [i for i in case.floating if case.parameter[i] in must]
    free = [i for i in case.floating if i not in real]
    added = []
    if free and not proved:
        args, kwargs = _turned(case, free)
        added.append(
            Sample(
                args,
                kwargs,
                "complex (of every function)",
                case.sample.order,
                strided=False,
                rtol=case.sample.rtol,
                duck=False,
            )
        )
    if real:
        args, kwargs = _turned(case, real)
        added.append(Sample(args, kwargs, "complex: refused", order=0, refused=True))
    return added


def _turned(case: Case, places: list[int]) -> Any:
    """The arguments of a case with imaginary parts at some of its leaves."""
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    leaves = list(case.leaves)
    for i in places:
        turned = leaves[i] + 1j * rng.uniform(0.1, 0.5, leaves[i].shape) * np.where(
            rng.random(leaves[i].shape) < 0.5, -1, 1
        )
        leaves[i] = turned[()] if isinstance(leaves[i], np.generic) else np.asarray(turned)
    return case._rebuild(leaves)


class Case:
    """A sample call taken apart: which arrays are operands, and how to call it with others in their place.

    Attributes:
        leaves: every array and option of the call.
        operands: positions in ``leaves`` of the arrays that stand at differentiable parameters.
        floating: those among them that can have a gradient.
        parameter: the name of the parameter at which each of the leaves stands.
    """

    def __init__(self, primitive: Primitive | Composed, sample: Sample) -> None:
        if isinstance(primitive, Primitive):
            codegen.build(primitive)
        self.primitive = primitive
        self.sample = sample
        self.leaves, self._rebuild = flatten((sample.args, sample.kwargs))
        self.operands: list[int] = []
        parameters = list(inspect.signature(primitive.function).parameters.values())
        positional = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        words = [positional[min(i, len(positional) - 1)].name for i in range(len(sample.args))]
        # A function that prepares its arguments may have names of its own; its arrays are the operands then.
        known = {p.name for p in parameters}
        wanted = set(primitive.operands) if set(primitive.operands) & known else known
        self.parameter: dict[int, str] = {}
        at = 0
        for word, value in [*zip(words, sample.args, strict=True), *sample.kwargs.items()]:
            count = len(flatten(value)[0])
            self.parameter.update(dict.fromkeys(range(at, at + count), word))
            if word in wanted:
                self.operands += [
                    i for i in range(at, at + count) if isinstance(self.leaves[i], (np.ndarray, np.generic))
                ]
            at += count
        self.floating = [i for i in self.operands if self.leaves[i].dtype.kind in "fc"]
        self.name = primitive.name

    def arrays(self) -> list[Any]:
        """The floating operands."""
        return [self.leaves[i] for i in self.floating]

    def call(
        self, function: Callable[..., Any], operands: Sequence[Any], leaves: Sequence[Any] | None = None
    ) -> list[Any]:
        """The outputs of ``function`` with ``operands`` in place of the floating ones."""
        filled = list(self.leaves if leaves is None else leaves)
        for i, value in zip(self.floating, operands, strict=True):
            filled[i] = value
        args, kwargs = self._rebuild(filled)
        return as_list(function(*args, **kwargs))

    def oracle(self) -> Callable[..., Any] | None:
        """What the value must equal."""
        if self.name in ORACLES:
            return ORACLES[self.name]
        return self.primitive.numpy_functions[0] if self.primitive.numpy_functions else None

    def words(self) -> list[str]:
        """Words for the floating operands."""
        return [f"operand {k}" for k in range(len(self.floating))]

    def check(self, order: int, *, seed: int = SEED) -> Check:
        """The comparison with differences at some order."""

        def call(tensors: list[Tensor]) -> list[Tensor]:
            return [y for y in self.call(self.primitive.function, tensors) if y.dtype.kind in "fc"]

        return Check(
            call, self.arrays(), self.words(), name=self.name, order=order, rtol=self.sample.rtol, seed=seed + order
        )

    def gradients(
        self, operands: Sequence[Any], *, ones: bool = False, leaves: Sequence[Any] | None = None, strided: bool = False
    ) -> tuple[list[Any], list[Any]]:
        """Outputs and gradients of the operands that are Tensors, under one fixed cotangent (or one of ones)."""
        with np.errstate(all="ignore"), enable_grad():
            outputs = self.call(self.primitive.function, operands, leaves)
            ys, cotangents = [], []
            rng = np.random.default_rng(SEED)
            for y in outputs:
                if not isinstance(y, Tensor) or y.dtype.kind not in "fc":
                    continue
                # Drawn for every output, so that each has its own whichever operands need a gradient.
                u = rng.uniform(0.5, 1.5, y.shape) * np.where(rng.random(y.shape) < 0.5, -1.0, 1.0)
                u = np.ones(y.shape) if ones else np.where(np.isfinite(plain(y._values)), u, 0.0)
                if y.requires_grad:
                    ys.append(y)
                    u = scattered(u.astype(y.dtype)) if strided else u.astype(y.dtype)
                    cotangents.append(DuckArray(u) if isinstance(y._values, DuckArray) else u)
            xs = [x for x in operands if isinstance(x, Tensor) and x.requires_grad]
            found = gradients(ys, xs, cotangents, allow_unused=True)
        return outputs, [np.zeros_like(x._values) if g is None else g for g, x in zip(found, xs, strict=True)]


def as_list(result: Any) -> list[Any]:
    """The outputs of a function as a list, also those in a tuple of its own."""
    return [each for part in result for each in as_list(part)] if isinstance(result, (tuple, list)) else [result]


def leaf(a: Any) -> Tensor:
    """A Tensor that needs a gradient."""
    return Tensor(a, requires_grad=True)


def kept_as_is(a: Any) -> Tensor:
    """The same on memory that the tape keeps without copying, as that of an intermediate result."""
    t = leaf(a)
    t._shared = False
    return t


def values_of(outputs: Sequence[Any]) -> list[Any]:
    """The arrays of outputs."""
    return [np.asarray(y._values if isinstance(y, Tensor) else y) for y in outputs]


def differ(given: Any, expected: Any, rtol: float, atol: float, zero: float = 0.0) -> str | None:
    """In words, how an array differs from another; None if it does not.

    Args:
        given: the array.
        expected: what it should be.
        rtol: allowed error relative to each element.
        atol: allowed error relative to the largest element.
        zero: allowed magnitude where exactly 0 is expected.
    """
    if given.shape != expected.shape:
        return f"shape {given.shape} instead of {expected.shape}"
    if given.dtype != expected.dtype:
        return f"dtype {given.dtype} instead of {expected.dtype}"
    if given.dtype.kind not in "fc":
        same = given == expected
    else:
        finite = np.isfinite(expected)
        largest = float(np.max(np.abs(expected[finite]), initial=0.0))
        with np.errstate(all="ignore"):
            close = np.abs(given - expected) <= rtol * np.abs(expected) + atol * largest + zero * (expected == 0)
        same = np.where(finite, close, (given == expected) | (np.isnan(given) & np.isnan(expected)))
    if bool(np.all(same)):
        return None
    index = tuple(int(i) for i in np.argwhere(~np.atleast_1d(same))[0])
    return (
        f"{np.atleast_1d(given)[index]!r} instead of {np.atleast_1d(expected)[index]!r} at index "
        f"{index if given.ndim else ()}"
    )


_NARROW: dict[Any, Any] = {np.dtype(np.float64): np.float32, np.dtype(np.complex128): np.complex64}


def narrow(x: Any) -> Any:
    """An array of double precision in single precision."""
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype in _NARROW:
        with np.errstate(all="ignore"):
            return x.astype(_NARROW[x.dtype])
    return x


def widen(x: Any, original: Any) -> Any:
    """Back again, with the digits lost."""
    return x if x is original else x.astype(original.dtype)


def scattered(x: Any) -> Any:
    """The same array in memory that is transposed, reversed and strided."""
    if not isinstance(x, np.ndarray) or x.size < 2:
        return x
    buffer = np.zeros(tuple(2 * n for n in reversed(x.shape)), x.dtype)
    view = buffer.T[tuple(slice(None, None, -2) for _ in x.shape)]
    view[...] = x
    return view
