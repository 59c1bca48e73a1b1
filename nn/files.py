"""Files that are whole whenever they are there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["replacing"]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that takes the place of ``path`` when the block ends well.

    What is written goes to a new file in the same folder, is forced to the disk, and then takes the name of ``path`` in one
    step. Whoever reads ``path`` meanwhile, or after a crash, finds the old content or the new one, never a part. If the block
    raises, the new file is removed and ``path`` stays as it was.

    Args:
        path: where the content shall be. A symbolic link is followed, and stays a link.

    Yields:
        The file to write to.

    Raises:
        FileNotFoundError: the folder is not there.
        IsADirectoryError: ``path`` is a folder.
        OSError: the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give the name of a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {Path(path).parent}; make it first (Path.mkdir(parents=True, exist_ok=True))")
    partial = target.with_name(f".{target.name[:100]}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Force the new name to the disk too, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return  # some network file systems refuse it; the content itself is on the disk
    finally:
        os.close(descriptor)
