"""What the README promises: its code runs and prints what it shows, its commands and links are real."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").glob("**/*.md"))]
PACKAGES = {"interoperability.md": ("pint", "scipy", "xarray"), "sparse.md": ("scipy",)}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def programs(text: str) -> list[tuple[str, str | None]]:
    """The ``python`` blocks of a page, each with the ``text`` block that follows it and shows its output."""
    found: list[tuple[str, str | None]] = []
    blocks = list(BLOCK.finditer(text))
    for block, following in zip(blocks, [*blocks[1:], None], strict=False):
        if block[1] == "python":
            adjoins = (
                following is not None and following[1] == "text" and not text[block.end() : following.start()].strip()
            )
            found.append((block[2], following[2] if following is not None and adjoins else None))
    return found


def run(page: Path) -> None:
    """Run a page's programs one after the other, as a reader would type them, and compare their output."""
    names: dict[str, Any] = {"__name__": "page"}
    for number, (program, shown) in enumerate(programs(page.read_text(encoding="utf-8")), start=1):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(program, f"<{page.name}, program {number}>", "exec"), names)
        if shown is not None:
            assert out.getvalue().rstrip() == shown.rstrip(), f"{page.name}, program {number}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_programs_run_and_print_what_is_shown(page: Path) -> None:
    for package in PACKAGES.get(page.name, ()):
        pytest.importorskip(package)
    run(page)


def test_the_first_program_is_short() -> None:
    program, shown = programs(PAGES[0].read_text(encoding="utf-8"))[0]
    assert shown is not None
    assert len(program.splitlines()) <= 15


def test_a_page_that_shows_something_else_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        run(page)


def test_the_two_commands() -> None:
    lines = PAGES[0].read_text(encoding="utf-8").splitlines()
    job = [line for line in lines if re.fullmatch(r"python3 -m venv .* examples/spiral\.py", line)]
    test = [line for line in lines if re.fullmatch(r"python3 -m venv .* -m pytest -n auto", line)]
    assert len(job) == len(test) == 1, "`.ci/run` takes the two commands from the README by these patterns"
    extras = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for line in job + test:
        (extra,) = re.findall(r"\.\[(\w+)\]", line)
        assert extra in extras


@pytest.mark.parametrize(
    "page", [*PAGES, *TOP.glob("*.md"), *TOP.glob("examples/*.md")], ids=lambda page: str(page.relative_to(TOP))
)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
