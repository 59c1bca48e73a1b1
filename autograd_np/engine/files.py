"""Files that are whole whenever they are there."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import secrets
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

fcntl: Any = None
with contextlib.suppress(ImportError):  # Windows has none
    fcntl = importlib.import_module("fcntl")

__all__ = ["replacing"]

# A new file is called .NAME.PROCESS.HOST,RANDOM.part until it is whole. Its process holds a lock on it, which the system takes
# away when the process ends, however that comes: who gets the lock knows that nobody will finish the file.
_HOST = (
    f"{zlib.crc32((os.uname().nodename if hasattr(os, 'uname') else os.environ.get('COMPUTERNAME', '')).encode()):08x}"
)
_PART = re.compile(rf"\..+\.[0-9]+\.{_HOST}[0-9a-f]{{8}}\.part", re.DOTALL)
_DAY = 86400.0  # seconds


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that takes the place of ``path`` when the block ends well.

    What is written goes to a new file in the same folder, is forced to the disk, and then takes the name of ``path`` in one
    step. Whoever reads ``path`` meanwhile, or after a crash, finds the old content or the new one, never a part. If the block
    raises, the new file is removed and ``path`` stays as it was. What processes that were killed have left in the folder, by
    this function on this machine, is removed.

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
        raise FileNotFoundError(
            f"{path} cannot be written: there is no folder {Path(path).parent}; make it first (Path.mkdir(parents=True, exist_ok=True))"
        )
    _sweep(target.parent)
    partial, file = _created(target)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                partial.replace(target)  # while the lock is held
        if fcntl is None:
            partial.replace(target)  # Windows renames no open file
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _created(target: Path) -> tuple[Path, BinaryIO]:
    """A new file beside the target, locked where there are locks."""
    while True:
        partial = target.with_name(f".{target.name[:100]}.{os.getpid()}.{_HOST}{secrets.token_hex(4)}.part")
        file = partial.open("xb")
        if fcntl is None:
            return partial, file
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()  # another process is just sweeping it
            continue
        except OSError:
            return partial, file  # a file system without locks, where nobody sweeps
        if os.fstat(file.fileno()).st_nlink:
            return partial, file
        file.close()  # another process has swept it before it was locked


def _sweep(folder: Path) -> None:
    """Remove the unfinished files of processes that are no more. What cannot be removed stays."""
    try:
        with os.scandir(folder) as entries:
            left = [
                entry.path
                for entry in entries
                if entry.name[:1] == "." and _PART.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            ]
    except OSError:
        return
    for path in left:
        with contextlib.suppress(OSError):
            _remove_abandoned(path)


def _remove_abandoned(path: str) -> None:
    """Remove a file unless a process is at it.

    Raises:
        OSError: one is, or the file cannot be locked or removed.
    """
    if fcntl is None:
        # Windows removes no open file, and nobody takes a day between closing and renaming it.
        if time.time() - Path(path).stat().st_mtime > _DAY:
            Path(path).unlink()
        return
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Path(path).unlink()
    finally:
        os.close(descriptor)


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
