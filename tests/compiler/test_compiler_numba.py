"""The backend "numba": loops give what NumPy's calls give, bit for bit but for the sums; warnings of floating-point
errors are not given."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import random_programs as programs
import stepping
import test_compile_step
import test_compiler_layers
from hypothesis import HealthCheck, given, settings, strategies as st
from test_compiler_random_programs import CAPTURED, agree

import autograd_np as ag
import nn
from autograd_np.compiler import pipeline
from autograd_np.compiler.numba import chains, fuse
from autograd_np.engine.errors import CompileError

pytest.importorskip("numba")

RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests of the other backend compile, this one compiles."""
    monkeypatch.setitem(ag.compile.__kwdefaults__, "backend", "numba")
    monkeypatch.setitem(nn.compile_step.__kwdefaults__, "backend", "numba")


@pytest.fixture
def all_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call that can be a loop is one, also a single one and of two elements."""
    monkeypatch.setattr(fuse, "worth", lambda calls, arrays: True)
    for module in (fuse, chains):
        monkeypatch.setattr(module, "FEWEST", 2)


@pytest.fixture
def bit_for_bit(monkeypatch: pytest.MonkeyPatch, all_loops: None) -> None:
    """Without what adds up in another order."""
    rounding = ("sum_by_products", "mean_by_product")
    kept = [step for step in pipeline.PASSES if step.run.__name__ not in rounding]
    assert len(kept) == len(pipeline.PASSES) - len(rounding)
    monkeypatch.setattr(pipeline, "PASSES", kept)
    monkeypatch.setattr(chains, "_REDUCED", {"maximum", "minimum"})
    for table in ("UNARY", "BINARY"):
        # (Of fmax and fmin of 0 and -0, and of remainders, NumPy's own loops give the one or the other at the ends of
        # arrays.)
        monkeypatch.setattr(
            programs, table, [function for function in getattr(programs, table) if function not in (np.fmax, np.fmin)]
        )


def loops(compiled: Any) -> int:
    return str(compiled.source).count('@njit("')


# ---------------------------------------------------------------- random programs

NAMES = [function.__name__ for function in programs.OPERATIONS]
OFTEN = ("elementwise", "binary", "operator")
WHICH = [i for i, name in enumerate(NAMES) if name in OFTEN] * 3 + [
    i
    for i, name in enumerate(NAMES)
    if name in ("view", "join", "cast", "in_place", "in_part", "reduction", "with_options")
]
STEP = st.tuples(st.sampled_from(WHICH), st.integers(0, 40), st.integers(0, 40), st.integers(0, 263))
SHAPES = [(4,), (7,), (3, 4), (4, 4), (1, 4), (3, 1), (2, 3, 4), (2, 1, 4)]
ARGUMENT = st.tuples(
    st.sampled_from(SHAPES),
    st.sampled_from([*["f4", "f8"] * 4, "i8", "i4", "?", "u1", "c8"]),
    st.sampled_from(programs.LAYOUTS),
)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(
    specification=st.lists(ARGUMENT, min_size=1, max_size=3),
    steps=st.lists(STEP, min_size=2, max_size=14),
    returned=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    seed=st.integers(0, 2**31),
    captured=st.lists(st.sampled_from(range(4)), max_size=1),
    aliases=st.sampled_from([0, 0, 0, 1, 2, 3]),
)
def test_random_programs(
    specification: Any, steps: Any, returned: Any, seed: int, captured: Any, aliases: int, bit_for_bit: None
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agree(specification, steps, returned, [CAPTURED[i].copy() for i in captured], aliases, seed)


# ---------------------------------------------------------------- numbers that are special

SPECIAL = {
    "f": [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, np.inf, -np.inf, np.nan, 1e-30, -1e30, 7.0, 1e-45, 2.0, -3.5, 65504.0],
    "i": [0, 1, -1, 5, -7, 2**31 - 1, -(2**31), 3, 2, 100, 46341, -46341, 8, 9, 10, -100, 6],
    "b": [True, False, True, True, False, False, True] + [False] * 10,
}
UNARY = [
    np.negative, np.absolute, np.sqrt, np.square, np.reciprocal, np.sign, np.isnan, np.isfinite, np.isinf, np.floor,
    np.ceil, np.trunc, np.logical_not, np.positive, np.invert, np.conjugate, np.fabs,
]  # fmt: skip
BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.less, np.less_equal, np.greater,
    np.greater_equal, np.equal, np.not_equal, np.logical_and, np.logical_or, np.logical_xor, np.bitwise_and,
    np.bitwise_or, np.bitwise_xor,
]  # fmt: skip


def assert_bits(found: Any, expected: Any, what: str) -> None:
    assert found.dtype == expected.dtype, what
    assert found.shape == expected.shape, what
    np.testing.assert_array_equal(found, expected, err_msg=what)
    if expected.dtype.kind == "f":
        kept = ~np.isnan(expected)
        np.testing.assert_array_equal(
            np.signbit(found)[kept], np.signbit(expected)[kept], err_msg=f"{what}: the sign of a zero"
        )


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "?"])
def test_every_operation_on_special_numbers(dtype: str, all_loops: None) -> None:
    x = np.array(SPECIAL[np.dtype(dtype).kind]).astype(dtype)
    a, b = np.repeat(x, x.size), np.tile(x, x.size)

    def results(a: Any, b: Any) -> list[Any]:
        made = []
        for function in UNARY:
            try:
                made.append(function(a))
            except TypeError:
                continue
        for function in BINARY:
            try:
                made += [function(a, b), function(a, 2), function(1, b)]
            except TypeError:
                continue
        return [
            *made,
            np.where(a != 0, a, b),
            np.where(a == b, a, 1),
            a.astype("f4"),
            a.astype("f8"),
            a.astype("?"),
            np.clip(a, b, b),
        ]

    with np.errstate(all="ignore"):
        expected = results(a, b)
        compiled = ag.compile(results)
        for _ in range(2):
            found = compiled(a, b)
    assert loops(compiled)
    for i, (x, y) in enumerate(zip(found, expected, strict=True)):
        assert_bits(x, y, f"result {i}")


@pytest.mark.parametrize(
    "pair",
    [("f4", "f8"), ("f4", "i4"), ("f4", "i8"), ("i4", "i8"), ("?", "f4"), ("?", "i4"), ("f8", "?"), ("i8", "f8")],
)
def test_dtypes_meet_as_numpys_do(pair: tuple[str, str], all_loops: None) -> None:
    a, b = (np.abs(np.round(4 * RNG.normal(size=(3, 5)))).astype(dtype) for dtype in pair)

    def function(a: Any, b: Any) -> list[Any]:
        return [
            a + b,
            a * b,
            a / (b + 1),
            np.maximum(a, b),
            a < b,
            np.where(b > 1, a, b),
            a * 2,
            b * 0.5,
            (a + b) * np.float32(0.1),
            (a * 3 + b).sum(0),
        ]

    compiled = ag.compile(function)
    for _ in range(2):
        found = compiled(a, b)
    for i, (x, y) in enumerate(zip(found, function(a, b), strict=True)):
        assert x.dtype == y.dtype, i
        np.testing.assert_allclose(x, y, rtol=1e-6, err_msg=str(i))


# ---------------------------------------------------------------- sums, and other reductions

LAYOUTS: list[Callable[[Any], Any]] = [
    lambda x: x,
    np.asfortranarray,
    lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    lambda x: x[::-1],
]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("layout", range(len(LAYOUTS)))
@pytest.mark.parametrize("shape", [(7,), (5000,), (6, 5), (3, 4, 5), (2, 3000), (300, 4), (1, 9), (2, 1, 3, 2)])
def test_reductions(shape: tuple[int, ...], layout: int, dtype: str) -> None:
    x = LAYOUTS[layout](RNG.normal(size=shape).astype(dtype))
    row = RNG.normal(size=shape[-1]).astype(dtype)
    axes = [None, 0, -1, tuple(range(len(shape))), (0, len(shape) - 1) if len(shape) > 1 else 0]

    def function(x: Any, row: Any) -> list[Any]:
        y = x * row + 1
        found = [y]
        for axis in axes:
            found += [
                (y * y).sum(axis=axis),
                y.max(axis=axis, keepdims=True),
                (y - 2).min(axis=axis),
                (y * 3).mean(axis=axis),
            ]
        return found

    compiled = ag.compile(function)
    for _ in range(3):
        found = compiled(x, row)
    assert loops(compiled)
    for i, (a, b) in enumerate(zip(found, function(x, row), strict=True)):
        assert type(a) is type(b)
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(
            a, b, rtol=4e-6 if dtype == "f4" else 1e-14, atol=1e-6 if dtype == "f4" else 1e-15, err_msg=str(i)
        )


def test_a_sum_of_a_million_is_as_exact_as_numpys() -> None:
    x = RNG.random(1_000_003).astype(np.float32)
    compiled = ag.compile(lambda x: (x * np.float32(0.1) + 1).sum())
    compiled(x)
    exact = float((x * np.float32(0.1) + 1).sum(dtype=np.float64))
    assert abs(float(compiled(x)) - exact) < 1e-6 * exact


def test_the_largest_of_a_column_minds_nan() -> None:
    x = RNG.normal(size=(40, 30)).astype(np.float32)
    x[3, 4] = x[39, 7] = np.nan
    x[:, 9] = -np.inf
    compiled = ag.compile(lambda x: [(x * 2).max(axis=0), (x * 2).min(axis=0)])
    compiled(x)
    for found, expected in zip(compiled(x), [(x * 2).max(axis=0), (x * 2).min(axis=0)], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_softmax_and_its_gradient() -> None:
    x = (8 * RNG.normal(size=(12, 33))).astype(np.float32)
    for axis in (0, 1):
        function = ag.value_and_grad(lambda x, axis=axis: ag.sum(ag.softmax(x, axis=axis) ** 2))
        compiled = ag.compile(function)
        for _ in range(3):
            found = compiled(x)
        for a, b in zip(found, function(x), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


# ---------------------------------------------------------------- aliasing


def test_what_a_loop_writes_it_reads_at_the_same_places(all_loops: None) -> None:
    def function(x: Any) -> Any:
        x[1:] += x[:-1]
        x[::2] *= 3
        x[::2] += x[1::2]
        x[:4] = x[:4] * 2 + x[4:]
        y = x * 2
        y[2:] = y[:-2] + 1
        np.subtract(y[1:], y[:-1], out=y[1:])
        np.add(y, y[::-1], out=y)
        np.multiply(y, y[:1], out=y)
        return x + y, x[::-1] * 2 + x

    for dtype in ("f4", "f8", "i8"):
        x = np.arange(1, 9).astype(dtype)
        compiled = ag.compile(function)
        for _ in range(3):
            mine, other = x.copy(), x.copy()
            for a, b in zip(compiled(mine), function(other), strict=True):
                np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(mine, other)


def test_what_is_overwritten_was_read_before(all_loops: None) -> None:
    def function(x: Any, y: Any, z: Any) -> Any:
        before, twice = x * 2, z * 2
        x += y
        y *= x
        x -= before
        np.negative(x, out=z)
        return before + x + y - twice

    compiled = ag.compile(function)
    for _ in range(3):
        mine = [RNG.normal(size=50) for _ in range(3)]
        other = [a.copy() for a in mine]
        np.testing.assert_array_equal(compiled(*mine), function(*other))
        np.testing.assert_array_equal(mine, other)
    assert loops(compiled) == 1


def test_a_sum_is_used_when_it_is_known(all_loops: None) -> None:
    def function(x: Any) -> Any:
        y = x * 2 + 1
        return [y - y.sum(axis=axis, keepdims=True) + x for axis in (0, 1, None)] + [y / y.max(axis=0) - x]

    x = RNG.random((6, 7))
    compiled = ag.compile(function)
    compiled(x)
    for a, b in zip(compiled(x), function(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_interleaved_parts_are_filled_in_one_loop() -> None:
    def function(x: Any) -> Any:
        made = np.empty_like(np.repeat(x, 2, axis=1))
        made[:, ::2] = 0
        np.multiply(x, 2, out=made[:, ::2])
        np.add(x, 3, out=made[:, 1::2])
        return made * 1.5

    x = RNG.normal(size=(6, 4))
    compiled = ag.compile(function)
    compiled(x)
    np.testing.assert_array_equal(compiled(x), function(x))


def test_read_only_arrays_are_read() -> None:
    x = RNG.normal(size=100)
    x.flags.writeable = False
    compiled = ag.compile(lambda x: (x * 2 + 1) / 3)
    compiled(x)
    np.testing.assert_array_equal(compiled(x), (x * 2 + 1) / 3)
    assert loops(compiled) == 1


def test_results_are_the_callers() -> None:
    compiled = ag.compile(lambda x: (x * 2 + 1) / 3)
    x = RNG.normal(size=100)
    compiled(x)
    first, second = compiled(x), compiled(x + 1)
    np.testing.assert_array_equal(first, (x * 2 + 1) / 3)
    assert not np.shares_memory(first, second)


def test_threads() -> None:
    function = lambda x: ((x * 2 + 1) / 3 - np.maximum(x, 0)).sum(axis=0)
    compiled = ag.compile(function)
    inputs = [RNG.normal(size=(50, 60)) for _ in range(4)]
    compiled(inputs[0])
    wrong: list[int] = []

    def work(i: int) -> None:
        wrong.extend([i for _ in range(200) if not np.allclose(compiled(inputs[i]), function(inputs[i]), rtol=1e-12)])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("name", list(test_compiler_layers.ALL))
def test_layers_and_losses(name: str) -> None:
    test_compiler_layers.test_compiled_layer(name, test_compiler_layers.gradients, True)


@pytest.mark.parametrize("name", test_compile_step.OPTIMIZERS)
def test_optimizer_for_20_steps(name: str) -> None:
    """In float64, within 512 units in the last place."""
    kind, options = test_compile_step.OPTIMIZERS[name]

    def make() -> Any:
        model = stepping.network()
        return model, nn.CrossEntropyLoss(), kind(model.parameters(), **options)

    step = stepping.compared(make, [(stepping.X, stepping.LABELS)] * 20, 512)
    assert loops(step)
    assert "@njit" not in step.source_plain


# ---------------------------------------------------------------- the program


def test_the_source_is_a_program() -> None:
    compiled = ag.compile(lambda x, row: ((x * row + 1) / 3, np.maximum(x * row + 1, 0).sum(axis=0)))
    x, row = RNG.normal(size=(5, 4)), RNG.normal(size=4)
    compiled(x, row)
    space: dict[str, Any] = {}
    exec(compiled.source, space)
    for a, b in zip(space["run"](x, row), compiled(x, row), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-15)
    assert "from numba import njit" in compiled.source


def test_copies_keep_the_backend() -> None:
    import copy

    compiled = ag.compile(lambda x: (x * 2 + 1) / 3)
    x = RNG.normal(size=50)
    for again in (copy.copy(compiled), copy.deepcopy(compiled)):
        again(x)
        assert loops(again) == 1


def test_few_numbers_are_left_to_numpy() -> None:
    compiled = ag.compile(lambda x: (x * 2 + 1) / 3)
    compiled(np.ones(2))
    assert "njit" not in compiled.source


def test_explain() -> None:
    compiled = ag.compile(lambda x: ((x * 2 + 1) / 3).sum())
    compiled(np.ones(500))
    assert str(compiled.explain())


def test_save_says_that_a_loop_is_not_numpys(tmp_path: Any) -> None:
    compiled = ag.compile(lambda x: (x * 2 + 1) / 3)
    compiled(np.ones(50))
    with pytest.raises(CompileError, match='backend="numpy"'):
        compiled.save(tmp_path / "program.py")


def test_an_unknown_backend() -> None:
    with pytest.raises(ValueError, match=r'"numpy" or "numba", not \'jax\''):
        ag.compile(lambda x: x, backend="jax")


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r'pip install "autograd-np\[numba\]"'):
        ag.compile(lambda x: x, backend="numba")


def test_numba_is_imported_where_it_is_used() -> None:
    code = (
        "import sys, numpy as np, autograd_np as ag, nn; ag.compile(lambda x: x * 2 + 1)(np.ones(9)); "
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
