"""``CSVLogger``: the history of a run as a file for spreadsheets and pandas, as a callback of ``fit``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from autograd_np import files

from .callbacks import Callback

if TYPE_CHECKING:
    from .training import Training

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Write a row for each epoch: its number and everything in the history.

    The file is written anew after each epoch, whole whenever it is there; so a resumed run has the rows before the interruption too.

    Args:
        path: of the file.
        separator: between the columns.
    """

    def __init__(self, path: str | Path, separator: str = ",") -> None:
        if len(separator) != 1:
            raise ValueError(f"CSVLogger: separator is one character, not {separator!r}")
        self.path, self.separator = Path(path), separator

    def on_epoch_end(self, training: Training, row: Mapping[str, float]) -> None:
        """Write the file."""
        rows = training.history.rows
        columns = ["epoch", *dict.fromkeys(name for each in rows for name in each)]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, delimiter=self.separator, lineterminator="\n")
        writer.writeheader()
        writer.writerows({"epoch": i, **each} for i, each in enumerate(rows, 1))
        with files.replacing(self.path) as file:
            file.write(text.getvalue().encode())
