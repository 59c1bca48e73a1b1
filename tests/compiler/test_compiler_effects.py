"""What a function does besides computing is done in each call: it runs uncompiled, and a warning says why."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

X = np.array([1.0, 2.0])
LOG = logging.getLogger("a user's")


def printing(x: Any) -> Any:
    print("seen")
    return x + 1


def writing(x: Any) -> Any:
    sys.stderr.write("seen\n")
    return x + 1


def logging_it(x: Any) -> Any:
    LOG.warning("seen")
    return x + 1


@pytest.mark.parametrize(
    ("function", "word"),
    [(printing, "prints"), (writing, "prints"), (logging_it, "logs")],
    ids=["print", "write", "log"],
)
def test_a_function_that_prints(function: Callable[[Any], Any], word: str, capsys: Any, caplog: Any) -> None:
    compiled = ag.compile(function)
    with pytest.warns(RuntimeWarning, match=f"{word}, which a program would not do, so it runs uncompiled"):
        results = [compiled(X) for _ in range(6)]
    assert all(np.array_equal(result, X + 1) for result in results)
    out = capsys.readouterr()
    assert (out.out + out.err + caplog.text).count("seen") == 6
    assert compiled.cache_info()[:3] == (0, 3, 3)


def test_a_function_that_writes_into_a_file(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:

        def function(x: Any) -> Any:
            file.write("seen\n")
            return x + 1

        compiled = ag.compile(function)
        with pytest.warns(RuntimeWarning, match="writes or reads a file, which a program would not do"):
            results = [compiled(X) for _ in range(6)]
    assert (tmp_path / "log").read_text() == "seen\n" * 6
    assert len(results) == 6


def test_what_is_done_in_the_first_call_alone_is_compiled_after_it() -> None:
    cache: list[float] = []

    def function(x: Any) -> Any:
        if not cache:
            cache.append(2.0)
        return x * cache[0]

    compiled = ag.compile(function)
    for _ in range(5):
        np.testing.assert_array_equal(compiled(X), X * 2)
    assert compiled.cache_info().hits == 3


def test_a_message_that_is_not_given_and_a_warning_of_numpy_are_no_effects() -> None:
    def function(x: Any) -> Any:
        LOG.debug("not given")
        return np.log(x)

    compiled = ag.compile(function)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            compiled(X - 1)
    assert compiled.cache_info().hits == 2
    assert len(caught) >= 3


def test_what_another_thread_prints_does_not_count(capsys: Any) -> None:
    inside, printed = threading.Event(), threading.Event()

    def beside() -> None:
        inside.wait()
        print("seen")
        printed.set()

    thread = threading.Thread(target=beside)
    thread.start()

    def function(x: Any) -> Any:
        inside.set()
        printed.wait()
        return x + 1

    compiled = ag.compile(function)
    stream = sys.stdout
    for _ in range(3):
        compiled(X)
    thread.join()
    assert sys.stdout is stream
    assert compiled.cache_info().hits == 2
    assert capsys.readouterr().out == "seen\n"


def test_a_hook_that_collects_in_a_compiled_step() -> None:
    seen: list[Any] = []
    model = nn.Sequential(nn.Linear(2, 3, rng=0))
    model[0].register_forward_hook(lambda module, given, out: seen.append(out.shape))
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    step = nn.compile_step(model, nn.MSELoss(), optimizer)
    with pytest.warns(RuntimeWarning, match="runs uncompiled"):
        losses = [step(np.ones((2, 2), np.float32), np.ones((2, 3), np.float32)).item() for _ in range(6)]
    assert len(seen) == 6
    assert losses == sorted(losses, reverse=True)
