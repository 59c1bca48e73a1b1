"""Every example in a docstring of the library runs and shows what it says: one test per object.

``pytest --doctest-modules`` would miss most of them: a primitive's public function has globals of its own
and so does not look as if it were defined in its module. Here objects are found by their names.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import io
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.engine.registry import FUNCTIONS, REGISTRY, UFUNCS


def modules() -> list[ModuleType]:
    names = [
        found.name for package in (ag, nn) for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    ]
    names.sort(
        key=lambda name: name.startswith("autograd_np.engine")
    )  # (Tensor has methods that are functions of chapters, which know their examples)
    return [
        ag,
        nn,
        *(
            importlib.import_module(name)
            for name in names
            if not name.endswith("__main__") and name != "autograd_np.gradcheck"
        ),
    ]


def objects() -> Iterator[tuple[str, ModuleType, Any]]:
    """(name, module, object): modules, their functions, classes, methods and properties, and every primitive of the
    registry."""
    for (
        found
    ) in REGISTRY.values():  # (first: an operation's example knows its chapter, not the class that has it as a method)
        home = found.function.__module__
        if home.partition(".")[0] in (ag.__name__, nn.__name__):
            yield f"{home}.{found.name}", importlib.import_module(home), found.function
    for module in modules():
        yield module.__name__, module, module
        for name, value in vars(module).items():
            if (
                not (inspect.isroutine(value) or inspect.isclass(value))
                or getattr(value, "__module__", None) != module.__name__
            ):
                continue
            yield f"{module.__name__}.{name}", module, value
            if inspect.isclass(value):
                for word, member in vars(value).items():
                    if inspect.isroutine(member) or isinstance(member, property):
                        yield f"{module.__name__}.{name}.{word}", module, member


def examples() -> dict[str, tuple[ModuleType, str]]:
    """Name → (module, docstring) of everything that has an example. A docstring reached by several names counts
    once."""
    texts: dict[str, tuple[ModuleType, str]] = {}
    seen: set[str] = set()
    for name, module, value in objects():
        text = value.__doc__
        if isinstance(text, str) and ">>>" in text and text not in seen:
            seen.add(text)
            texts[name] = (module, inspect.cleandoc(text))
    return texts


def complaints(name: str, text: str, names: dict[str, Any]) -> str:
    """What a run of the examples in ``text`` finds wrong; empty if nothing is."""
    test = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    assert test.examples
    out = io.StringIO()
    doctest.DocTestRunner(verbose=False).run(test, out=out.write)
    return out.getvalue()


EXAMPLES = examples()


@pytest.fixture(autouse=True)
def registry_as_it_was() -> Iterator[None]:
    """Take back what an example declares."""
    tables: list[dict[Any, Any]] = [REGISTRY, UFUNCS, FUNCTIONS]
    before = [dict(table) for table in tables]
    yield
    for table, contents in zip(tables, before, strict=True):
        table.clear()
        table.update(contents)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    module, text = EXAMPLES[name]
    # An example's own definitions belong to no module of the library.
    wrong = complaints(name, text, {**vars(module), "np": np, "ag": ag, "__name__": "example"})
    assert not wrong, wrong


def test_examples_are_found_where_they_stand() -> None:
    names = set(EXAMPLES)
    assert {
        "autograd_np.engine.registry",
        "autograd_np.transforms.grad.grad",
        "autograd_np.engine.tensor.Tensor",
        "autograd_np.engine.tensor.Tensor.retain_grad",
    } <= names
    public = {id(found.function): found for found in REGISTRY.values() if ">>>" in (found.function.__doc__ or "")}
    texts = {text for _, text in EXAMPLES.values()}
    for found in public.values():
        if found.function.__module__.startswith("autograd_np."):
            assert inspect.cleandoc(found.function.__doc__ or "") in texts, found.name


@pytest.mark.parametrize("text", [">>> 1 + 1\n3", ">>> undefined_name", ">>> 2 + 2"])
def test_a_wrong_example_is_noticed(text: str) -> None:
    assert complaints("wrong", text, {})
