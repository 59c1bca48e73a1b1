"""The recipes of CONTRIBUTING.md: each is done on a copy of the tree as it is written, and what it says proves it is
run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = re.compile(r"# (\S+), (at the end|a new file|after the line: (.+))")


@dataclass(frozen=True)
class Edit:
    """Text for a file: at its end, in place of none, or after a line of it."""

    file: str
    place: str
    line: str | None
    text: str

    def apply(self, top: Path) -> None:
        path = top / self.file
        if self.place == "a new file":
            assert not path.exists(), f"{self.file} is there already"
            path.write_text(self.text, encoding="utf-8")
            return
        lines = path.read_text(encoding="utf-8").splitlines()
        if self.line is None:
            lines += ["", "", *self.text.splitlines()]
        else:
            [at] = [i for i, line in enumerate(lines) if line.strip() == self.line]
            lines[at + 1 : at + 1] = self.text.splitlines()
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")


@dataclass(frozen=True)
class Recipe:
    """What goes where, and the commands that prove it."""

    edits: list[Edit]
    proofs: list[list[str]]


def recipes() -> dict[str, Recipe]:
    """Title → recipe, of CONTRIBUTING.md."""
    text = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Four recipes")[2]
    found = {}
    for section in text.split("\n### ")[1:]:
        edits: list[Edit] = []
        proofs: list[list[str]] = []
        for language, block in BLOCK.findall(section):
            first, _, rest = block.partition("\n")
            if language == "sh":
                program, *words = first.split()
                assert (program, rest) == ("python", "")
                proofs.append([sys.executable, *words])
            elif first == "# run":
                proofs.append([sys.executable, "-c", rest])
            else:
                head = HEAD.fullmatch(first)
                assert head is not None, first
                edits.append(Edit(head[1], head[2], head[3], rest))
        found[section.partition("\n")[0]] = Recipe(edits, proofs)
    return found


RECIPES = recipes()


def complaint(recipe: Recipe, top: Path, without: Edit | None = None) -> str:
    """Do a recipe on a copy of the library, all of it or without a step: what the first proof that fails says, else
    ""."""
    for package in ("autograd_np", "nn"):
        shutil.copytree(TOP / package, top / package, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in recipe.edits:
        if edit is not without:
            edit.apply(top)
    environment = {**os.environ, "PYTHONPATH": str(top)}
    for proof in recipe.proofs:
        result = subprocess.run(
            proof, cwd=top, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        if result.returncode:
            return result.stdout + result.stderr or "it failed"
    return ""


def test_there_are_four() -> None:
    assert list(RECIPES) == ["Add an operation", "Add a layer", "Add an optimizer", "Add a compiler pass"]


@pytest.mark.parametrize("title", RECIPES)
def test_recipe(title: str, tmp_path: Path) -> None:
    assert RECIPES[title].proofs
    assert complaint(RECIPES[title], tmp_path) == ""


STEPS = [(title, i) for title, recipe in RECIPES.items() for i in range(len(recipe.edits))]


@pytest.mark.parametrize(("title", "left_out"), STEPS)
def test_no_step_of_a_recipe_can_be_left_out(title: str, left_out: int, tmp_path: Path) -> None:
    recipe = RECIPES[title]
    assert complaint(recipe, tmp_path, recipe.edits[left_out])
