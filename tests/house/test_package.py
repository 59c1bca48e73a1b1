"""The package as such: what it is made of, what importing it costs, and that its public names are documented."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

TOP = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOCUMENTED = [
    name for name in ag.__all__ if callable(getattr(ag, name)) and getattr(ag, name) is not getattr(np, name, None)
]


def python(code: str) -> str:
    """Output of a program in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+([.+-]?\w+)*", ag.__version__)
    assert nn.__version__ == ag.__version__
    assert "version" in PROJECT["dynamic"], "the version stands in autograd_np/__init__.py alone"
    changes = (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changes or f"## [{ag.__version__}]" in changes


def test_installed_version_is_the_one_in_the_source() -> None:
    try:
        installed = importlib.metadata.version("autograd-np")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("runs from the source tree without being installed")
    assert installed == ag.__version__


@pytest.mark.parametrize("package", [ag, nn], ids=lambda package: package.__name__)
def test_type_information_is_shipped(package: Any) -> None:
    assert (Path(package.__file__).parent / "py.typed").is_file()


def test_numpy_is_the_only_dependency() -> None:
    assert [re.split(r"[<>=!~ ]", one)[0] for one in PROJECT["dependencies"]] == ["numpy"]


@pytest.mark.parametrize("package", ["autograd_np", "nn"])
def test_import_pulls_numpy_alone(package: str) -> None:
    foreign = python(
        "import sys\n"
        "before = set(sys.modules)\n"
        f"import {package}\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - sys.stdlib_module_names - {'numpy', 'autograd_np', 'nn'}))"
    )
    # NumPy's compiled parts register helper modules of their own.
    assert not [name for name in foreign.split() if not name.startswith(("_cython", "cython_runtime"))], foreign


def test_importing_prints_nothing() -> None:
    assert python("import autograd_np, nn") == ""


def test_gradcheck_is_a_function_and_a_program() -> None:
    assert python("import autograd_np.gradcheck, autograd_np as ag; print(callable(ag.gradcheck))") == "True"


def test_public_names_exist_once_and_are_sorted_out() -> None:
    assert len(ag.__all__) == len(set(ag.__all__))
    for name in ag.__all__:
        assert hasattr(ag, name), name
    assert {
        "Tensor",
        "tensor",
        "grad",
        "value_and_grad",
        "gradients",
        "vjp",
        "jvp",
        "jacobian",
        "hessian",
        "hvp",
        "elementwise_grad",
    } <= set(ag.__all__)
    assert {
        "checkpoint",
        "no_grad",
        "enable_grad",
        "detect_anomaly",
        "primitive",
        "rule",
        "gradcheck",
        "relu",
        "softmax_cross_entropy",
    } <= set(ag.__all__)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_public_name_has_docstring_signature_and_types(name: str) -> None:
    value = getattr(ag, name)
    assert (inspect.getdoc(value) or "").strip(), f"{name} has no docstring"
    if inspect.isclass(value) and issubclass(value, BaseException):
        return  # its arguments are those of its base class
    signature = inspect.signature(value)
    if inspect.isfunction(value):
        for parameter in signature.parameters.values():
            assert parameter.annotation is not parameter.empty, f"{name}: {parameter} has no type"
        assert signature.return_annotation is not signature.empty, f"{name} has no return type"


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, member in vars(ag.Tensor).items()
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    ],
)
def test_public_member_of_tensor_has_a_docstring(name: str) -> None:
    assert (inspect.getdoc(vars(ag.Tensor)[name]) or "").strip()


def imports(path: Path) -> set[str]:
    """The modules that a file imports when it is imported itself, and from it, by their names as written."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


def test_the_engine_knows_nothing_of_networks() -> None:
    for path in (TOP / "autograd_np").rglob("*.py"):
        if path != TOP / "autograd_np" / "__init__.py":  # where type checkers are told what autograd_np.nn is
            assert not {name for name in imports(path) if name.partition(".")[0] == "nn"}, path.name


PUBLIC = {"autograd_np": {*ag.__all__, "__version__"}, "autograd_np.typing": {"ArrayLike"}}


def test_networks_use_public_names_only() -> None:
    for path in (TOP / "nn").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").startswith("autograd_np"):
                assert node.module in PUBLIC, f"{path.name} imports from {node.module}"
                assert {alias.name for alias in node.names} <= PUBLIC[node.module], path.name
            elif isinstance(node, ast.Import):
                assert not [alias.name for alias in node.names if alias.name.startswith("autograd_np.")], path.name
