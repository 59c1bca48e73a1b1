"""Sources of the known data sets: a folder of the user, the cache, or a mirror.

A file is looked for in ``root=``; without it in the folder that the environment variable ``AUTOGRAD_NP_DATA`` names; without that in the cache
folder of the user. What is not there is downloaded into that same folder, from the first mirror that has the right bytes, under another name
that is changed at the end: a file that is there is whole, however many processes want it at once.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograd_np import files

from .idx import unpacked

__all__ = ["DataError", "Source", "cache_folder", "obtain"]

log = logging.getLogger("nn.data")

_VARIABLE = "AUTOGRAD_NP_DATA"
_LARGEST = 64 * 2**20  # bytes; the largest known file has 26 MB
_SECONDS = 30.0  # without a byte


class DataError(RuntimeError):
    """The files of a data set are missing, cannot be downloaded, or are not what they should be. The message says what to put where."""


@dataclass(frozen=True)
class Source:
    """A data set that is known here.

    Attributes:
        title: its name in messages.
        folders: what its folder may be called, within the folder of all data sets; the first is used for downloads.
        mirrors: addresses to which the name of a file is appended.
        files: SHA-256 sums by file name: of the file as it is served, or of what it holds when unpacked (which a repacked file keeps).
        addresses: whole addresses instead, for a mirror that has another name for the file.
    """

    title: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: Mapping[str, frozenset[str]]
    addresses: tuple[str, ...] = ()

    def urls(self, name: str) -> list[str]:
        """Where the file may be had."""
        return [mirror.rstrip("/") + "/" + name for mirror in self.mirrors] + list(self.addresses)


def cache_folder() -> Path:
    r"""The folder of downloaded data, by the platform's convention; it need not exist yet.

    ``$XDG_CACHE_HOME/autograd_np`` or ``~/.cache/autograd_np``; on macOS ``~/Library/Caches/autograd_np``; on Windows ``%LOCALAPPDATA%\autograd_np``.
    """
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "autograd_np"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "autograd_np"
    # The specification has a relative path ignored.
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else home / ".cache") / "autograd_np"


def obtain(source: Source, name: str, root: str | os.PathLike[str] | None, download: bool) -> tuple[Path, bytes]:
    """The path of a file and what it holds, unpacked.

    Raises:
        DataError: it is not there and cannot be downloaded (or shall not be), or it is corrupt.
    """
    variable = os.environ.get(_VARIABLE)
    top = Path(root or variable or cache_folder()).expanduser()
    ours = not (root or variable)
    places = [top / folder for folder in source.folders] + ([top] if root else [])
    target = places[0] / name
    for path in (place / spelling for place in places for spelling in _spellings(name)):
        if not path.is_file():
            continue
        try:
            packed = path.read_bytes()
            content = unpacked(packed, str(path))
            if not ours or _known(source, name, packed, content):
                return path, content
            log.warning("%s has another SHA-256 sum than it should have; it is downloaded anew", path)
        except OSError as error:
            raise DataError(f"{source.title}: {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            if not ours:
                raise corrupt(source, path, error) from error
            log.warning("%s; it is downloaded anew", error)
        target = path if path.name == name else target
        break
    if not download:
        looked = ", ".join(map(str, places))
        raise DataError(
            f"{source.title}: there is no file {name} in {looked}. Allow the download (download=True), or {_remedy(source, name, target)}"
        )
    return target, _download(source, name, target)


def corrupt(source: Source, path: Path, error: Exception) -> DataError:
    """What to say of a file that is there and is not right."""
    return DataError(
        f"{source.title}: {error}. Remove {path} to have it downloaded anew, or put a whole copy in its place"
    )


def _spellings(name: str) -> list[str]:
    """The usual names of the file: packed or not, and with a hyphen or a dot before ``idx``."""
    plain = name.removesuffix(".gz")
    both = dict.fromkeys([plain, plain.replace("-idx", ".idx")])
    return [spelling + suffix for spelling in both for suffix in ((".gz", "") if name.endswith(".gz") else ("",))]


def _known(source: Source, name: str, packed: bytes, content: bytes) -> bool:
    sums = source.files[name]
    return hashlib.sha256(packed).hexdigest() in sums or hashlib.sha256(content).hexdigest() in sums


def _remedy(source: Source, name: str, target: Path) -> str:
    urls = " or ".join(source.urls(name))
    return (
        f"put {name} from {urls} into {target.parent}; or have the environment variable {_VARIABLE} name a folder "
        f"in which {Path(source.folders[0]) / name} is; or give the folder of the file as root="
    )


def _download(source: Source, name: str, target: Path) -> bytes:
    """Download a file from the first mirror that has it, keep it under ``target``, and give what it holds."""
    failures = []
    for url in source.urls(name):
        try:
            packed = _get(url, name)
            content = unpacked(packed, "what it sent")
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"{url}: {error}")
        else:
            if _known(source, name, packed, content):
                break
            failures.append(
                f"{url}: what it sent ({len(packed)} bytes) has the SHA-256 sum {hashlib.sha256(packed).hexdigest()}, which is not that of the file"
            )
        log.warning("no luck with %s", failures[-1])
    else:
        tried = "".join(f"\n  {failure}" for failure in failures)
        raise DataError(
            f"{source.title}: {name} could not be downloaded:{tried}\nTry again later, or {_remedy(source, name, target)}"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(target) as file:
            file.write(packed)
    except OSError as error:
        raise DataError(
            f"{source.title}: {name} was downloaded but cannot be kept as {target}: {error.strerror or error}. "
            f"Have the environment variable {_VARIABLE} name a folder that can be written to"
        ) from error
    log.info("downloaded %s", target)
    return content


def _get(url: str, name: str) -> bytes:
    """The bytes behind an address.

    Raises:
        OSError: no connection, an error status, or silence.
        ValueError: fewer bytes than announced, or too many.
    """
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - the addresses are those written in this package, and the bytes are checked
        length = answer.headers.get("Content-Length", "")
        expected = int(length) if length.isdecimal() else None
        parts, received = [], 0
        with _bar(name, expected) as bar:
            while part := answer.read(1 << 16):
                parts.append(part)
                received += len(part)
                if received > _LARGEST:
                    raise ValueError(f"it sends more than {_LARGEST} bytes")
                if bar is not None:
                    bar.update(len(part))
    if expected is not None and received != expected:
        raise ValueError(f"the connection ended after {received} of {expected} bytes")
    return b"".join(parts)


def _bar(name: str, total: int | None) -> Any:
    """A progress bar on a terminal, where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return nullcontext()
    return tqdm(desc=name, total=total, unit="B", unit_scale=True, unit_divisor=1024, disable=None, leave=False)
