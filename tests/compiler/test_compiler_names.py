"""Names and texts of the user's in programs: none of it runs, and none hides a name of the program's."""

from __future__ import annotations

import importlib.util
import itertools
import keyword
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.compiler.printer.foreign_text import in_docstring, on_one_line, word_of

X = np.arange(6.0, dtype=np.float32).reshape(2, 3)
RAN: list[str] = []
RUN = "__import__('tests_of_names_ran').append(1)"
HOSTILE = [
    f"a\n    {RUN}\n    #",
    f"a\r    {RUN}\r    #",
    f"a\r\n{RUN}",
    f"a\x0c{RUN}",
    f"a\x85{RUN}",
    f"a\u2028{RUN}\u2029",
    f'a"""\n{RUN}\n"""',
    f"a'''\n{RUN}\n'''",
    f'a\\"""{RUN}',
    "a\\",
    'a"',
    "a\x00b",
    "a\ud800b",
    "# -*- coding: utf-7 -*-",
    "{x}",
    "%s",
    "np",
    "given",
    "saved",
    "lambda",
    "print",
    "²",
    "ﬁ",
    "é" * 400,
    "",
]


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    import sys

    module = types.ModuleType("tests_of_names_ran")
    ran: list[int] = []
    module.append = ran.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests_of_names_ran", module)
    return ran


def held(function: Any, *args: Any, tmp_path: Path | None = None) -> Any:
    """Compile, replay, read and save; returns what the saved program gives."""
    with ag.no_grad():
        expected = function(*args)
        compiled = ag.compile(function)
        for _ in range(3):
            np.testing.assert_allclose(values(compiled(*args)), values(expected), rtol=1e-6)
    compile(compiled.source, "source", "exec")
    space = compiled.plain_given
    exec(compiled.source_plain, space)
    str(compiled.explain(seconds=0.0))
    if tmp_path is not None:
        compiled.save(tmp_path / "program.py")
        spec = importlib.util.spec_from_file_location("program_of_a_test", tmp_path / "program.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        run = getattr(module, compiled._last.emitted.name)
        np.testing.assert_allclose(values(run(*args)), values(expected), rtol=1e-6)
    return compiled


def values(result: Any) -> Any:
    return result.numpy() if isinstance(result, ag.Tensor) else result


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_modules(name: str, tmp_path: Path, nothing_runs: list[int]) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleDict({"first": nn.Linear(3, 4, rng=0), name: nn.Linear(4, 2, rng=1)})

        def forward(self, x: Any) -> Any:
            return self.parts[name](np.tanh(self.parts["first"](x)))

    try:
        Net()
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert "name" in refusal
        return
    Net.__name__ = Net.__qualname__ = "".join(c for c in name if c not in "\x00\ud800") or "Net"
    net = Net()
    held(net, X, tmp_path=tmp_path)
    step = nn.compile_step(net, nn.MSELoss(), nn.SGD(net.parameters(), lr=0.1))
    for _ in range(3):
        step(X, np.zeros((2, 2), np.float32))
    compile(step.source, "source", "exec")
    compile(step.source_plain, "source", "exec")
    assert nothing_runs == []


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_functions_losses_and_scopes(name: str, tmp_path: Path, nothing_runs: list[int]) -> None:
    w = ag.Tensor(np.ones((3, 2), np.float32), requires_grad=True, name=name or None)

    def f(x: Any) -> Any:
        return ag.scope(name)(lambda x: np.tanh(x @ w) * 2)(x)

    f.__name__ = f.__qualname__ = name
    held(f, X, tmp_path=tmp_path)

    def loss(output: Any, target: Any) -> Any:
        return ag.mean((output - target) ** 2)

    loss.__name__ = loss.__qualname__ = name
    model = nn.Linear(3, 2, rng=0)
    step = nn.compile_step(model, loss, nn.SGD(model.parameters(), lr=0.1))
    for _ in range(3):
        step(X, np.zeros((2, 2), np.float32))
    compile(step.source, "source", "exec")
    assert nothing_runs == []


@pytest.mark.parametrize(
    "name",
    ["given", "saved", "program", "run", "os", "Path", "np", "arena", "results", "x", "名前", "ﬁ", "path", "sys"],
)
def test_arguments_and_arrays_of_any_name(name: str, tmp_path: Path) -> None:
    space: dict[str, Any] = {"numpy": np, "other": np.ones(3, np.float32)}
    exec(f"def run({name}):\n    return numpy.tanh({name} * other + [numpy.arange(3.)][0]) + {name}", space)
    held(space["run"], X, tmp_path=tmp_path)


def test_an_unnamed_array_is_saved(tmp_path: Path) -> None:
    held(lambda x: x + [np.arange(3.0)][0], X, tmp_path=tmp_path)


def test_attention_is_saved(tmp_path: Path) -> None:
    attention = nn.MultiheadAttention(4, 2, rng=0).eval()
    held(lambda q: attention(q, q, q)[0], np.ones((1, 3, 4), np.float32), tmp_path=tmp_path)


@pytest.mark.parametrize(
    "result", [{"a": np.nan}, [np.float64(np.inf)], {"b": (1.5, np.int64(3), -np.inf)}, {"c": np.True_}]
)
def test_numbers_beside_the_results_are_saved(result: Any, tmp_path: Path) -> None:
    compiled = ag.compile(lambda x: (x * 2, result))
    compiled(X)
    compiled.save(tmp_path / "p.py")
    spec = importlib.util.spec_from_file_location("program_of_numbers", tmp_path / "p.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert repr(getattr(module, compiled._last.emitted.name)(X)[1]) == repr(result)


def test_texts_are_made_harmless() -> None:
    for text in HOSTILE:
        assert len(on_one_line(text).splitlines()) <= 1
        assert on_one_line(text).isprintable()
        assert isinstance(eval(f'"""{in_docstring(text)}"""'), str)
        word = word_of(text)
        assert f"a{word}".isidentifier()
    for pair in itertools.product("ab\\\"'\n\r", repeat=4):
        eval(f'"""{in_docstring("".join(pair))}"""')
    assert not keyword.iskeyword(word_of("--"))


def test_a_saved_program_answers_several_threads(tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.Linear(3, 32, rng=0), nn.Tanh(), nn.Linear(32, 32, rng=1), nn.Tanh(), nn.Linear(32, 2, rng=2)
    )
    with ag.no_grad():
        compiled = ag.compile(model)
        compiled(X)
        compiled.save(tmp_path / "served.py")
        spec = importlib.util.spec_from_file_location("served", tmp_path / "served.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        run = getattr(module, compiled._last.emitted.name)
        requests = [X + k for k in range(8)]
        expected = [run(x).copy() for x in requests]

        def serve(k: int) -> bool:
            return all(np.array_equal(run(requests[k]), expected[k]) for _ in range(500))

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(serve, range(8)))
