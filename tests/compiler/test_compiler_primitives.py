"""Every primitive compiles: each of its sample calls, and the gradient of it, traced once and replayed with other
numbers.

A compiled function is compared with itself uncompiled, bit for bit; where the compiler takes another way to the same
number (a sum as a product with ones), to some units in the last place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.errors import CompileError
from autograd_np.engine.tensor import Tensor
from autograd_np.proofs.cases import SEED, Case, as_list, cases, names, subject
from autograd_np.proofs.samples import Sample

pytestmark = pytest.mark.filterwarnings("ignore")

_LENGTH = "the length of its result depends on numbers"
_SLICES = "its arguments say which slices are taken"
_DTYPE = "the dtype of its result depends on numbers"
# What cannot be compiled where these numbers are arguments, by the label of the case ("": all of them), and why.
UNKNOWN: dict[str, tuple[str, set[str]]] = {
    "add_reduceat": (_SLICES, {"a head left out"}),
    "argwhere": (_LENGTH, set()),
    "bincount": (_LENGTH, {"counts", "weights"}),
    "compress": (
        _LENGTH,
        {"", "negative axis", "flattened, shorter than the array", "nothing", "complex (of every function)"},
    ),
    "delete": (_LENGTH, {"a mask"}),
    "extract": (_LENGTH, set()),
    "flatnonzero": (_LENGTH, set()),
    "getitem": (
        "a mask selects as many elements as it has truths",
        {
            "mask",
            "mask of rows",
            "mask of columns",
            "integer and mask",
            "mask with integers",
            "empty mask",
            "mask by comparison",
        },
    ),
    "histogram": ("the numbers choose how many bins there are", {"bins by name"}),
    "histogram_bin_edges": ("the numbers choose how many bins there are", {"bins by name"}),
    "histogramdd": ("it returns lists in a tuple", set()),
    "index_add": ("the gradient of the values is a selection by mask", {"mask", "mask, one value"}),
    "index_update": ("the gradient of the values is a selection by mask", {"mask", "mask, one value"}),
    "insert": (_LENGTH, {"a mask", "complex (of every function)"}),
    "intersect1d": (_LENGTH, set()),
    "nonzero": (_LENGTH, set()),
    "one_hot": ("without num_classes the largest label decides the number of columns", {""}),
    "piecewise": ("each function is called with the elements that a mask selects", set()),
    "poly": (_DTYPE, {"complex", "conjugate pair"}),
    "polydiv": ("zeros at the head of the remainder are dropped", set()),
    "polymul": ("leading zeros are dropped", set()),
    "roots": ("zeros at both ends are dropped", set()),
    "scatter": ("a mask selects as many elements as it has truths", {"columns and a mask"}),
    "setdiff1d": (_LENGTH, {"", "complex"}),
    "setxor1d": (_LENGTH, set()),
    "tile": (_SLICES, {"an array", "complex (of every function)"}),
    "trim_zeros": (_LENGTH, {"", "nothing to do", "complex (of every function)"}),
    "union1d": (_LENGTH, set()),
    "unique": (_LENGTH, set()),
    "unique_all": (_LENGTH, set()),
    "unique_counts": (_LENGTH, set()),
    "unique_indices": (_LENGTH, set()),
    "unique_inverse": (_LENGTH, set()),
    "unique_values": (_LENGTH, set()),
}
# Products of another shape, or of memory laid out in another way, may be rounded otherwise.
ULPS = 8


def array_leaves(case: Case) -> list[int]:
    return [i for i, x in enumerate(case.leaves) if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fciub"]


def reversed_elements(x: Any) -> Any:
    return (
        x
        if isinstance(x, np.generic)
        else np.ascontiguousarray(x.reshape(-1)[::-1]).reshape(x.shape)
        if x.ndim
        else x.copy()
    )


def scaled(x: Any) -> Any:
    if isinstance(x, np.generic):
        return x.dtype.type(x * 1.0078125) if x.dtype.kind in "fc" else x
    return np.multiply(x, 1.0078125, dtype=x.dtype, out=np.empty_like(x)) if x.dtype.kind in "fc" else x.copy()


def forward(case: Case, arguments: list[int]) -> Callable[..., Any]:
    """The call as a function of the arrays at these places."""

    def function(*arrays: Any) -> Any:
        filled = list(case.leaves)
        for i, a in zip(arguments, arrays, strict=True):
            filled[i] = a
        args, kwargs = case._rebuild(filled)
        return [y.detach() if isinstance(y, Tensor) else y for y in as_list(case.primitive.function(*args, **kwargs))]

    return function


def cotangent(y: Any) -> Any:
    rng = np.random.default_rng(SEED)
    return (rng.uniform(0.5, 1.5, y.shape) * np.where(rng.random(y.shape) < 0.5, -1.0, 1.0)).astype(y.dtype)


def backward(case: Case, arguments: list[int]) -> Callable[..., Any]:
    """The gradient of the floating operands under a fixed cotangent, as a function of the arrays at these places."""

    def function(*arrays: Any) -> Any:
        filled = list(case.leaves)
        for i, a in zip(arguments, arrays, strict=True):
            filled[i] = a

        def value(*operands: Any) -> Any:
            full = list(filled)
            for i, x in zip(case.floating, operands, strict=True):
                full[i] = x
            args, kwargs = case._rebuild(full)
            return [
                y
                for y in as_list(case.primitive.function(*args, **kwargs))
                if isinstance(y, Tensor) and y.dtype.kind in "fc" and y.requires_grad
            ]

        ys, pullback = ag.vjp(value, *[filled[i] for i in case.floating])
        return pullback([cotangent(y) for y in ys])

    return function


def difference(given: Any, expected: Any) -> str | None:
    """In words, how results differ; None if they do not."""
    given, expected = as_list(given), as_list(expected)
    if len(given) != len(expected):
        return f"{len(given)} results instead of {len(expected)}"
    for x, y in zip(given, expected, strict=True):
        if type(x) is not type(y):
            return f"{type(x).__name__} instead of {type(y).__name__}"
        if isinstance(x, Tensor):
            x, y = x._values, y._values
        if not hasattr(y, "dtype"):
            if repr(x) != repr(y):
                return f"{x!r} instead of {y!r}"
            continue
        if type(x) is not type(y) or x.shape != y.shape or x.dtype != y.dtype:
            return f"{type(x).__name__} {x.shape} {x.dtype} instead of {type(y).__name__} {y.shape} {y.dtype}"
        if np.array_equal(x, y, equal_nan=y.dtype.kind in "fc"):
            continue
        if y.dtype.kind not in "fc":
            return f"{x!r} instead of {y!r}"
        with np.errstate(all="ignore"):
            largest = np.max(np.abs(y[np.isfinite(y)]), initial=0.0)
            near = np.abs(x - y) <= ULPS * np.finfo(y.dtype).eps * largest
        if not np.all(near | (x == y) | (np.isnan(x) & np.isnan(y))):
            return f"{x!r} instead of {y!r}"
    return None


def result(function: Callable[..., Any], arrays: Sequence[Any]) -> tuple[Any, Exception | None]:
    try:
        return function(*[a if isinstance(a, np.generic) else a.copy() for a in arrays]), None
    except Exception as error:
        return None, error


def check(function: Callable[..., Any], arrays: list[Any]) -> None:
    """Hold a compiled function to the function: the traced call, and replays with the same and with other numbers.

    Raises:
        CompileError: it cannot be compiled.
    """
    compiled = ag.compile(function)
    replayed = raised = 0
    for call, each in enumerate((arrays, arrays, [reversed_elements(a) for a in arrays], [scaled(a) for a in arrays])):
        expected, refused = result(function, each)
        if call == 0:
            assert refused is None, f"the sample is refused: {refused!r}"
        given, error = result(compiled, each)
        if isinstance(error, CompileError):
            raise error
        assert type(error) is type(refused), f"call {call}: {error!r} instead of {refused!r}"
        if error is None:
            words = difference(given, expected)
            assert words is None, f"call {call}: {words}"
            replayed += call > 0
        else:
            raised += 1
    info = compiled.cache_info()
    assert (info.hits, info.misses) == (replayed, 1) or info.hits == 3, info
    assert info.eager <= raised, info  # what a program raises the function says


def ways(case: Case) -> list[tuple[str, Callable[..., Any], list[int]]]:
    """What is compiled of a case, and which arrays are arguments; the others are reached through the function."""
    every = array_leaves(case)
    found = []
    for word, make in (("value", forward), ("gradient", backward)):
        if word == "gradient" and not (case.primitive.differentiable and case.floating):
            continue
        choices = [every] if case.floating == every else [every, case.floating]
        found += [
            (f"{word}, arguments {arguments}", make(case, arguments), arguments) for arguments in choices if arguments
        ]
    return found


@pytest.mark.parametrize("name", names())
def test_primitive(name: str) -> None:
    refused: set[str] = set()
    with np.errstate(all="ignore"):
        for sample in [sample for sample in cases(name) if not sample.refused]:
            case = Case(subject(name), sample)
            if name == "empty_like" and case.leaves[0].size:  # values that nobody defined
                continue
            for word, function, arguments in ways(case):
                try:
                    check(function, [case.leaves[i] for i in arguments])
                except CompileError as error:
                    said = str(error)
                    refused.add(sample.label)
                except AssertionError as error:
                    raise AssertionError(f"{name} [{sample.label}] {word}: {error}") from None
                else:
                    continue
                assert name in UNKNOWN, f"{name} [{sample.label}] {word}: {said}"
                assert __file__ in said, f"the message names no line of the user's: {said}"
    if name in UNKNOWN:
        reason, labels = UNKNOWN[name]
        assert refused <= labels if labels else refused, f"{name} is listed ({reason}); refused were {sorted(refused)}"
        assert refused == (labels or refused), f"no longer refused: {sorted(labels - refused)}; take it from the list"


def test_the_list_of_what_cannot_be_compiled_names_primitives() -> None:
    assert set(UNKNOWN) <= set(names())
    labels = {name: {sample.label for sample in cases(name)} for name in UNKNOWN}
    assert all(wanted <= labels[name] for name, (_, wanted) in UNKNOWN.items())


def test_a_wrong_program_is_noticed() -> None:
    """The comparison can fail: a number that is frozen shows in the replay with other numbers."""
    case = Case(subject("exp"), Sample((np.array([0.5, 1.0, 2.0]),)))
    seen: list[Any] = []

    def frozen(x: Any) -> Any:
        if not seen:
            seen.append(np.asarray(getattr(x, "array", x)))
        return np.exp(x) + (0 if type(x) is np.ndarray else seen[0])

    with pytest.raises((AssertionError, CompileError)):
        check(frozen, [case.leaves[0]])
