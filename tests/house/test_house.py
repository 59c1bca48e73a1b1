"""The house: which folder may import which, no circles, and how much each may hold."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import autograd_np as ag

TOP = Path(__file__).resolve().parents[2]
# Each imports only what stands before it. (The namespaces and launchers in autograd_np/ itself stand above all of
# them.)
ORDER = (
    ("engine",),
    ("primitives",),
    ("batching",),
    ("sparse",),
    ("transforms", "array_api", "scipy", "compat"),
    ("proofs", "graph", "compiler"),
    ("nn",),
)
# Lines a folder may have, so that the house cannot silt up; raised on purpose, with the capability that needs it.
CEILINGS = {
    "autograd_np/*.py": 1600,
    "autograd_np/engine": 5512,
    "autograd_np/primitives": 16560,
    "autograd_np/batching": 2030,
    "autograd_np/sparse": 1500,
    "autograd_np/transforms": 1650,
    "autograd_np/array_api": 700,
    "autograd_np/proofs": 8800,
    "autograd_np/compiler": 10360,
    "autograd_np/graph": 6424,
    "nn": 16950,
}
# The namespaces at the top that nn stands on.
ABOVE = ("autograd_np", "autograd_np.files", "autograd_np.hints", "autograd_np.tracing")
# Imports inside functions: chapters and namespaces that are loaded at first use.
LATE = {
    ("autograd_np.graph.flops", "autograd_np.primitives.einsum"),
    ("autograd_np.primitives.special", "autograd_np.primitives.special.bessel"),
    ("autograd_np.primitives.special", "autograd_np.primitives.special.gamma"),
    ("autograd_np.primitives.special", "autograd_np.primitives.special.statistics"),
    ("nn", "nn.compiling"),
    ("nn.fit_step", "nn.compiling"),
}


def modules() -> dict[str, Path]:
    """Name → file of every module of the library."""
    found = {}
    for path in [*TOP.glob("autograd_np/**/*.py"), *TOP.glob("nn/**/*.py")]:
        name = ".".join(path.relative_to(TOP).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def for_types(tree: ast.Module) -> set[ast.AST]:
    """The nodes under ``if TYPE_CHECKING:``."""
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    return {node for block in blocks for child in block.body for node in ast.walk(child)}


@functools.cache
def imports(name: str) -> list[tuple[str, bool]]:
    """The modules of the library that one imports, and whether inside a function."""
    return list(_imports(name))


def _imports(name: str) -> Iterator[tuple[str, bool]]:
    path = MODULES[name]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    types = for_types(tree)
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    inner = {child for function in functions for child in ast.walk(function)}
    for node in ast.walk(tree):
        if node in types:
            continue
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            targets = [full if (full := f"{base}.{alias.name}") in MODULES else base for alias in node.names]
        else:
            continue
        for target in targets:
            if target in MODULES:
                yield target, node in inner


def room(name: str) -> str:
    """The folder of a module: one of ORDER, or "" for what stands in autograd_np/ itself."""
    parts = name.split(".")
    if parts[0] == "nn":
        return "nn"
    path = TOP / parts[0] / parts[1] if len(parts) > 1 else None
    return parts[1] if path is not None and path.is_dir() else ""


RANK = {folder: rank for rank, folders in enumerate(ORDER) for folder in folders}


def test_every_folder_has_its_place() -> None:
    folders = {path.name for path in (TOP / "autograd_np").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= set(RANK)


@pytest.mark.parametrize("name", [name for name in MODULES if room(name)])
def test_imports_point_down(name: str) -> None:
    here = room(name)
    for target, _ in imports(name):
        there = room(target)
        if there == here or (here == "nn" and target in ABOVE):
            continue
        assert there, f"{name} imports {target}, a namespace that stands above everything"
        assert RANK[there] < RANK[here], f"{name} imports {target}, which stands above it or beside it"


def test_no_circles() -> None:
    graph = {name: {target for target, _ in imports(name) if target != name} for name in MODULES}
    # (A package and what its __init__ loads late are one place.)
    while graph:
        free = [name for name, targets in graph.items() if not (targets & graph.keys())]
        assert free, f"circles among {sorted(graph)}"
        for name in free:
            del graph[name]


def test_imports_inside_functions_are_of_late_chapters() -> None:
    late = {(name, target) for name in MODULES for target, inner in imports(name) if inner}
    assert late == LATE


def test_the_docstring_of_the_engine_names_every_file_of_it_in_the_order_of_their_imports() -> None:
    text = (TOP / "autograd_np" / "engine" / "__init__.py").read_text(encoding="utf-8")
    listed = re.findall(r":mod:`\.(\w+)`", text)
    assert sorted(listed) == sorted(
        {path.stem for path in (TOP / "autograd_np" / "engine").glob("*.py")} - {"__init__"}
    )
    for place, name in enumerate(listed):
        for target, _ in imports(f"autograd_np.engine.{name}"):
            assert target.rpartition(".")[2] in listed[:place], (
                f"{name} imports {target}, which the docstring lists after it"
            )


def test_the_top_folder_shows_public_names_alone() -> None:
    assert [name for name in dir(ag) if name.startswith("_") and not name.startswith("__")] == []


@pytest.mark.parametrize("place", CEILINGS)
def test_ceilings(place: str) -> None:
    files = TOP.glob(place) if "*" in place else (TOP / place).rglob("*.py")
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    assert lines <= CEILINGS[place], f"{place} has {lines} lines: take something away, or raise the ceiling on purpose"


def test_no_test_file_is_above_800_lines() -> None:
    lengths = {
        path.relative_to(TOP): len(path.read_text(encoding="utf-8").splitlines()) for path in TOP.glob("tests/**/*.py")
    }
    assert {str(path): lines for path, lines in lengths.items() if lines > 800} == {}


def test_the_folders_of_the_tests_are_those_of_the_library() -> None:
    folders = {path.name for path in (TOP / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= {*RANK, "browser", "examples", "house", "references", "typed"}
