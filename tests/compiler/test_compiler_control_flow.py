"""Control flow that depends on numbers is refused, in words; other control flow is allowed."""

from __future__ import annotations

import copy
import math
import random
import re

import numpy as np
import pytest
from replaying import X, replayed, same

import autograd_np as ag
from autograd_np.engine.errors import CompileError

# ---------------------------------------------------------------- control flow


def in_(x):
    return 3 in x


def chained(x):
    return 0 < x.sum() < 3


def looped(x):
    while x.sum() < 100:
        x = x * 2
    return x


def asserted(x):
    assert x.min() > -10
    return x


FLOW = {
    "if": lambda x: x if x.sum() > 3 else -x,
    "while": looped,
    "float": lambda x: x * float(x.sum()),
    "int": lambda x: x * int(x.sum()),
    "complex": lambda x: x * complex(x.sum()),
    "bool": lambda x: x * bool(x.any()),
    "item": lambda x: x * x.sum().item(),
    "tolist": lambda x: np.array(x.tolist()) * x,
    "bool index": lambda x: x[x > 2],
    "len of nonzero": lambda x: len(np.nonzero(x)[0]),
    "x.nonzero": lambda x: x.nonzero(),
    "where with one": lambda x: np.where(x > 2),
    "unique": lambda x: np.unique(x),
    "math.sqrt": lambda x: math.sqrt(x.sum()),
    "math.fsum": lambda x: math.fsum(x[0]),
    "f-string": lambda x: f"{x}",
    "f-string of a number": lambda x: f"{x.sum():.3f}",
    "format": lambda x: "{}".format(x.sum()),  # noqa: UP032
    "np.asarray": lambda x: np.asarray(x) * 2,
    "np.array": lambda x: np.array([x.sum(), 1.0]),
    "list of it": lambda x: [*x[0]].index(x[0, 0]),
    "in": in_,
    "assert": asserted,
    "max": lambda x: max(x[0, 0], x[0, 1]),
    "sorted": lambda x: sorted(x[0]),
    "range": lambda x: sum(range(x[0, 0].astype(int))),
    "list index": lambda x: [1, 2, 3][x[0, 0].astype(int)],
    "round": lambda x: round(x.sum()),
    "chained comparison": chained,
    "and": lambda x: x.any() and x.all(),
    "not": lambda x: not x.any(),
    "any of Python": lambda x: any(v > 3 for v in x[0]),
    "reshape": lambda x: np.zeros((x[0, 0].astype(int), 2)),
    "a plain array": lambda x: np.zeros(3).__setitem__(0, x[0, 0]),
    "an index of a plain array": lambda x: np.arange(9.0)[x.astype(int)],
    "array_equal": lambda x: 1 if np.array_equal(x, x) else 2,
    "allclose": lambda x: 1 if np.allclose(x, 0) else 2,
    "bytes": lambda x: x.tobytes(),
    "divmod of Python": lambda x: divmod(float(x.sum()), 2),
    "slice": lambda x: x[: x[0, 0].astype(int)],
    "a set": lambda x: {float(v) for v in x[0]},
    "repeat": lambda x: np.repeat(x, x[0].astype(int), axis=1),
    "np.random": lambda x: x + np.random.normal(size=3),  # noqa: NPY002
    "np.random.seed": lambda x: x + (np.random.seed(0), np.random.rand())[1],  # noqa: NPY002
    "random": lambda x: x * random.random(),
    "default_rng": lambda x: x + np.random.default_rng().normal(size=3),
    "Generator": lambda x: x + np.random.Generator(np.random.PCG64()).normal(size=3),
    "RandomState": lambda x: x + np.random.RandomState().normal(size=3),
}


@pytest.mark.parametrize("name", FLOW)
def test_what_depends_on_numbers_is_refused_in_words(name):
    f = FLOW[name]
    g = ag.compile(f)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    kept = random.getstate()
    with pytest.raises((TypeError, ValueError)) as caught:  # NumPy wraps what a conversion raises
        g(X.copy())
    error: BaseException = caught.value
    while not isinstance(error, CompileError) and error.__cause__ is not None:
        error = error.__cause__
    assert isinstance(error, CompileError), error
    words = str(error)
    assert words.startswith("compile: ")
    if "random" not in name and name not in ("default_rng", "Generator", "RandomState"):
        assert re.search(r"test_compiler_control_flow\.py:\d+", words), words
    # The program says what to do instead.
    assert re.search(r"np\.where|NumPy's functions|outside|pass|make|return|write|draw|use", words), words
    random.setstate(kept)
    assert len(state)
    assert g.cache_info().currsize == 0


def test_the_error_names_the_line():
    def f(x):
        y = x * 2
        if y.sum() > 3:  # the line
            return y
        return -y

    line = f.__code__.co_firstlineno + 2
    with pytest.raises(CompileError, match=rf"test_compiler_control_flow\.py:{line}, in f"):
        ag.compile(f)(X)


def test_what_does_not_depend_on_numbers_is_allowed():
    def f(x, mode):
        n, m = x.shape
        y = x.astype(np.float64).reshape(m, n)
        assert x.ndim == 2
        assert len(x) == n
        assert not x.size % 2
        if x.dtype == np.float64 and mode == "twice":
            y = y * 2
        parts = [row * k for k, row in enumerate(y)]
        a, b = x
        return (
            np.stack(parts),
            a + b,
            np.shape(x),
            np.ndim(x),
            np.result_type(x, 1),
            y.flags.c_contiguous,
            x.itemsize,
            x.nbytes,
            copy.copy(x),
            copy.deepcopy(x),
        )

    g = ag.compile(f)
    for mode in ("twice", "once", "twice"):
        mine, theirs = g(X, mode), f(X, mode)
        for a, b in zip(mine, theirs, strict=True):
            if isinstance(b, np.ndarray):
                same(a, b)
            else:
                assert a == b
    replayed(g, 1)
