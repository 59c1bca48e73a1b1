"""What the example programs have in common: their options, their log, their folder of pictures."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Products of small matrices are done before a second thread has woken up.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__all__ = ["at_least", "missing", "parser", "start"]


def missing(error: ModuleNotFoundError) -> SystemExit:
    """How to install a package that a program needs, as the end of that program."""
    return SystemExit(
        f"{Path(sys.argv[0]).name}: the package {error.name!r} is not installed; in the top folder of the repository run\n"
        '    python -m pip install -e ".[examples]"'
    )


def at_least(low: float, kind: type = int) -> Callable[[str], Any]:
    """An argparse type: a number that is not below ``low``."""

    def convert(text: str) -> Any:
        value = kind(text)
        if not value >= low:
            raise argparse.ArgumentTypeError(f"{text} is below {low}")
        return value

    convert.__name__ = "number"
    return convert


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help with the defaults, where there are any to tell."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None or action.default is False else super()._get_help_string(action)


def parser(documentation: str | None, out: str) -> argparse.ArgumentParser:
    """A parser with the options that every program has.

    Args:
        documentation: of the program; ``--help`` shows its first line.
        out: the folder of its pictures unless another is given.
    """
    made = argparse.ArgumentParser(description=(documentation or "").partition("\n")[0], formatter_class=_Help)
    made.add_argument("--seed", type=at_least(0), default=0, help="seed of everything that is drawn at random")
    made.add_argument("--out", type=Path, default=Path(out), help="folder of the pictures")
    made.add_argument(
        "--log-level", choices=["debug", "info", "warning", "error"], default="info", help="how much is told on the way"
    )
    return made


def start(options: argparse.Namespace) -> None:
    """Set up the log, and make the output folder.

    Raises:
        SystemExit: the folder cannot be made.
    """
    # A terminal or file of another encoding (Windows) gets a question mark for a letter that it lacks, instead of a traceback.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    logging.basicConfig(level=options.log_level.upper(), format="%(message)s", stream=sys.stderr)
    # Matplotlib and Pillow tell about fonts and chunks.
    for noisy in ("matplotlib", "PIL"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(
            f"{Path(sys.argv[0]).name}: cannot make the output folder {options.out}: {error.strerror}"
        ) from None
