"""What is said where a Tensor that needs a gradient would become plain numbers: who asked, and what to write."""

from __future__ import annotations

import math
import re
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.tensor import Tensor

pytestmark = pytest.mark.skipif(sys.gettrace() is not None, reason="a debugger watches, so NumPy has the last word")

ASSIGNED = re.compile(
    r"assigning into an ndarray would cut the gradient of a Tensor of \(\) \w+; write a = ag\.index_update\(a, "
    r"index, t\), or collect"
)


def number() -> Tensor:
    return Tensor(2.0, requires_grad=True)


def vector() -> Tensor:
    return Tensor([1.0, 2.0, 3.0], requires_grad=True)


def last_line(error: BaseException) -> str:
    """What a user reads last."""
    return traceback.format_exception_only(error)[-1].partition(": ")[2].strip()


# ---------------------------------------------------------------- assignment into an ndarray


def at_an_index(a: Any, t: Any) -> None:
    a[0] = t


def at_a_slice(a: Any, t: Any) -> None:
    a[:2] = t


def at_a_mask(a: Any, t: Any) -> None:
    a[a == 0] = t


def at_indices(a: Any, t: Any) -> None:
    a[[0, 1]] = t


def everywhere(a: Any, t: Any) -> None:
    a[...] = t


def through_flat(a: Any, t: Any) -> None:
    a.flat[0] = t


def added(a: Any, t: Any) -> None:
    a[0] += t


def in_a_loop(a: Any, t: Any) -> None:
    for i in range(len(a)):
        a[i] = np.sin(t) * i


@pytest.mark.parametrize(
    "assign", [at_an_index, at_a_slice, at_a_mask, at_indices, everywhere, through_flat, added, in_a_loop]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.longdouble, np.int64, np.complex128])
def test_assigning_into_an_ndarray(assign: Callable[[Any, Any], None], dtype: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        assign(np.zeros(3, dtype), number())
    assert ASSIGNED.match(last_line(caught.value))
    assert sys.gettrace() is None


def test_what_the_message_says_to_write_differentiates() -> None:
    def f(x: Any) -> Any:
        a: Any = np.zeros(3)
        for i in range(3):
            a = ag.index_update(a, i, x**i)
        return np.sum(a * np.array([1.0, 10.0, 100.0]))

    assert ag.grad(f)(2.0) == 410.0
    assert ag.grad(lambda x: np.sum(np.stack([x**i for i in range(3)]) * np.array([1.0, 10.0, 100.0])))(2.0) == 410.0


def test_what_is_raised_elsewhere_keeps_its_words() -> None:
    a = np.zeros(3)
    with pytest.raises(ValueError, match="^setting an array element with a sequence"):
        a[0] = vector()  # no number at all: NumPy's own words
    with pytest.raises(TypeError, match="float would cut"):
        float(number())
    with pytest.raises(ValueError, match="^setting an array element with a sequence"):
        a[0] = [1.0, 2.0]


def test_every_thread_has_its_last_word() -> None:
    lines: list[str] = []

    def work() -> None:
        try:
            at_an_index(np.zeros(3), number())
        except ValueError as error:
            lines.append(last_line(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines) == 4
    assert all(ASSIGNED.match(line) for line in lines)


# ---------------------------------------------------------------- calls

STACK = r"join Tensors with np\.stack\(\[t, u\]\)"


@pytest.mark.parametrize(
    ("call", "caller", "remedy"),
    [
        (lambda t: np.array([np.sin(t), np.cos(t)]), r"np\.array", STACK),
        (lambda t: np.array([1.0, t], dtype=np.float32), r"np\.array", STACK),
        (lambda t: np.asarray(t), r"np\.asarray", r"t\.numpy\(\) has the values alone"),
        (lambda t: np.asarray([t, t]), r"np\.asarray", STACK),
        (lambda t: np.sqrt([t, t]), r"np\.sqrt", STACK),
        (lambda t: np.sum([t, t]), r"np\.sum", STACK),
        (lambda t: np.average([t, t]), r"np\.average", STACK),
        (lambda t: np.fromiter([t, t], float), r"np\.fromiter", STACK),
        (lambda t: np.fromiter((each for each in [t, t]), float), r"np\.fromiter", STACK),
        (lambda t: np.zeros(2) * [t, t], "a list of Tensors", STACK),
        (lambda t: t * [t, t], "a list of Tensors", STACK),
        (lambda t: Tensor([t, t]), "a list of Tensors", STACK),
        (lambda t: np.dot([t, t], Tensor(np.ones(2))), "a list of Tensors", STACK),
        (lambda t: np.vectorize(lambda z: z * z)(t), r"np\.vectorize", "call the function on whole arrays"),
        (lambda t: np.vectorize(lambda z: z * t)(np.ones(3)), r"np\.vectorize", "call the function on whole arrays"),
        (lambda t: np.apply_along_axis(lambda row: row[0] * t, 0, np.ones((3, 2))), r"np\.apply_along_axis",
        r"np\.stack a list of the results"),
        (lambda t: list(np.nditer(t)), r"np\.nditer", r"iterate over t\.ravel\(\)"),
        (lambda t: list(np.ndenumerate(t)), r"np\.ndenumerate", r"iterate over t\.ravel\(\)"),
        (lambda t: np.full(3, t), r"np\.full", r"use ag\.full\(shape, t\)"),
        (lambda t: np.zeros(3).fill(t), r"np\.zeros\(3\)\.fill", r"use ag\.full\(shape, t\)"),
        (lambda t: np.arange(t), r"np\.arange", r"start \+ step \* np\.arange\(n\)"),
        (lambda t: np.float32(t), r"np\.float32", r"t\.astype\(dtype\)"),
        (lambda t: math.sin(t), r"math\.sin", r"use np\.sin"),
        (lambda t: float(t), "float", r"t\.item\(\) is the number"),
        (lambda t: int(t), "int", r"t\.item\(\) is the number"),
        (lambda t: complex(t), "complex", r"t\.item\(\) is the number"),
        (lambda t: "%f" % t, r"float\(\)", r"t\.item\(\) is the number"),  # noqa: UP031
        (lambda t: np.ones(3)[t], "an index", r"t\.astype\(int\)"),
        (lambda t: [1, 2, 3][t], "an index", r"t\.astype\(int\)"),
        (lambda t: range(t), "an index", r"t\.astype\(int\)"),
        (lambda t: np.ma.array([1.0]) * t, "a masked array", r"np\.where"),
        (lambda t: np.testing.assert_allclose(t, 2.0), r"numpy\.testing\.assert_allclose", r"compare t\.numpy\(\)"),
    ],
)  # fmt: skip
def test_the_caller_is_named_and_one_remedy(call: Callable[[Any], Any], caller: str, remedy: str) -> None:
    with pytest.raises(
        (TypeError, ValueError), match=rf"^{caller} would cut the gradient of a Tensor of \(\) float64; .*{remedy}"
    ) as caught:
        call(number())
    assert len(last_line(caught.value)) < 180


@pytest.mark.parametrize(
    ("package", "call", "caller", "remedy"),
    [
        ("scipy.linalg", lambda m, t: m.solve(np.eye(3), t), r"scipy\.linalg\.solve", "ag.primitive"),
        ("scipy.integrate", lambda m, t: m.quad(lambda z: z * t[0], 0, 1), r"scipy\.integrate\.quad", "ag.primitive"),
        (
            "scipy.sparse",
            lambda m, t: m.csr_array(np.eye(3)) @ t,
            "a sparse matrix",
            r"np\.matmul\(A, t\), ag\.matmul\(A, t\) or t @ A",
        ),
        (
            "scipy.sparse",
            lambda m, t: m.csc_matrix(np.eye(3)) * t,
            "a sparse matrix",
            r"np\.matmul\(A, t\), ag\.matmul\(A, t\) or t @ A",
        ),
        (
            "scipy.sparse",
            lambda m, t: m.coo_array(np.eye(3)).dot(t),
            "a sparse matrix",
            r"np\.matmul\(A, t\), ag\.matmul\(A, t\) or t @ A",
        ),
        (
            "scipy.sparse.linalg",
            lambda m, t: m.aslinearoperator(np.eye(3)) @ t,
            r"scipy\.sparse\.linalg\.LinearOperator",
            r"ag\.primitive",
        ),
        ("pandas", lambda m, t: m.Series(t), "pandas", r"put the Tensor on the left \(t \* series\)"),
        ("pandas", lambda m, t: m.Series([1.0, 2.0, 3.0]) * t, "pandas", r"put the Tensor on the left \(t \* series\)"),
        ("pandas", lambda m, t: m.Index([1.0, 2.0, 3.0]) - t, "pandas", r"put the Tensor on the left \(t \* series\)"),
        ("pandas", lambda m, t: m.DataFrame(np.eye(3)) * t, "pandas", r"put the Tensor on the left \(t \* series\)"),
        ("pandas", lambda m, t: m.DataFrame(np.eye(3)) @ t, "pandas", r"frame\.to_numpy\(\) @ t"),
        ("xarray", lambda m, t: m.DataArray(t).values, "xarray", r"\.data"),
        ("xarray", lambda m, t: np.dot(t, m.DataArray(t)), "xarray", r"\.data"),
        (
            "matplotlib.figure",
            lambda m, t: m.Figure().subplots().plot(t),
            r"matplotlib\.axes\.Axes",
            r"pass t\.numpy\(\)",
        ),
    ],
)
def test_packages_by_name(package: str, call: Callable[[Any, Any], Any], caller: str, remedy: str) -> None:
    module = pytest.importorskip(package)
    with pytest.raises(
        (TypeError, ValueError), match=rf"^{caller} would cut the gradient of a Tensor of .*; .*{remedy}"
    ):
        call(module, vector())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a[0] = t", "assigning into an ndarray .*ag.index_update"),
        ("np.array([t, t])", r"Tensor\.__array__ .*np\.stack"),
        ("a * [t, t, t]", r"a list of Tensors .*np\.stack"),
        ("float(t)", r"Tensor\.__float__ .*t\.item\(\)"),
    ],
)
def test_a_program_without_source(text: str, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{said}"):
        exec(text, {"np": np, "a": np.zeros(3), "t": number()})


def test_flat_is_refused_and_what_it_names_works() -> None:
    t = vector()
    with pytest.raises(AttributeError, match=r"no \.flat; iterate over t\.ravel\(\)"):
        _ = t.flat
    assert not hasattr(t, "flat")
    assert all(item.requires_grad for item in t.ravel())


def test_a_tensor_without_gradient_converts() -> None:
    t = Tensor(2.0)
    a = np.zeros(3)
    a[0] = t
    a[1:] = t
    np.testing.assert_array_equal(a, np.full(3, 2.0))
    np.testing.assert_array_equal(np.array([t, t]), [2.0, 2.0])
    assert float(t) == math.sqrt(4.0) == 2.0
