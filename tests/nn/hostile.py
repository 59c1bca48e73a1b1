"""Files made to do harm, and a process of bounded memory that reads them."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any, NamedTuple

TOP = Path(__file__).resolve().parents[2]
MEMORY = 2**30  # bytes beyond what the process has when it has imported everything

# Reads the files whose names it is given, and prints what came of each: how it ended, its message or a digest of what
# was read.
READER = """
import hashlib, json, resource, sys, time
import numpy as np
import nn, safetensors
from nn.data.idx import read_idx

def digest(value):
    found = hashlib.sha256()
    def add(value):
        if isinstance(value, (np.ndarray, np.generic)):
            found.update(f"{type(value).__name__} {value.dtype.str} {value.shape}".encode() + value.tobytes())
        elif isinstance(value, dict):
            found.update(b"{")
            for key, item in value.items():
                add(key)
                add(item)
        elif isinstance(value, (list, tuple)):
            found.update(type(value).__name__.encode() + b"(")
            for item in value:
                add(item)
        else:
            found.update(f"{type(value).__name__} {value!r}".encode())
    add(value)
    return found.hexdigest()

READERS = {
    "load": lambda path: [nn.load(path), nn.read_metadata(path)],
    "load_checkpoint": nn.load_checkpoint,
    "read_idx": read_idx,
}
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 2**32
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[1]), resource.RLIM_INFINITY))
for line in sys.stdin:
    reader, path = json.loads(line)
    start = time.perf_counter()
    try:
        found = ["read", digest(READERS[reader](path))]
    except Exception as error:
        found = [type(error).__name__, str(error)]
    print(json.dumps([*found, time.perf_counter() - start]), flush=True)
"""


class Outcome(NamedTuple):
    """How reading a file ended: ``"read"`` and a digest, or the name of an error and its message."""

    how: str
    what: str
    seconds: float


def outcomes(files: list[tuple[str, Path]]) -> list[Outcome]:
    """What comes of reading the files, each with one of the readers."""
    asked = "".join(json.dumps([reader, str(path)]) + "\n" for reader, path in files)
    command = [sys.executable, "-W", "error", "-c", READER, str(MEMORY)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, check=False, input=asked, capture_output=True, text=True, cwd=TOP, timeout=600, env=environment
    )
    found = [Outcome(*json.loads(line)) for line in done.stdout.splitlines()]
    assert len(found) == len(files), f"the reader died of {files[len(found)][1]}: {done.stderr}"
    return found


class Entry(NamedTuple):
    """An entry of a zip file, whose directory may say what is not so."""

    name: bytes
    raw: bytes
    method: int = 0
    size: int | None = None
    crc: int | None = None
    again: bool = False  # whether it is the content of the entry before once more


def archive(*entries: Entry) -> bytes:
    content, directory, at = b"", b"", 0
    for entry in entries:
        size = len(entry.raw) if entry.size is None else entry.size
        crc = zlib.crc32(entry.raw) if entry.crc is None else entry.crc
        fields = struct.pack("<HHHHHIII", 20, 0x800, entry.method, 0, 33, crc, len(entry.raw), size) + struct.pack(
            "<HH", len(entry.name), 0
        )
        if not entry.again:
            at = len(content)
            content += b"PK\x03\x04" + fields + entry.name + entry.raw
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, at) + entry.name
    return (
        content
        + directory
        + b"PK\x05\x06"
        + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), len(content), 0)
    )


def npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    text = header.encode() + b"\n"
    said = len(text) if length is None else length
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version == (1, 0) else "<I", said) + text + data


def described(descr: str, shape: str, order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


def safetensors(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def bomb(size: int, wbits: int, first: bytes = b"") -> bytes:
    """What unpacks to ``first`` and this many zeros (in MiB), without their being packed one by one."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    start = packer.compress(first) + packer.flush(zlib.Z_FULL_FLUSH)
    block = zlib.compressobj(9, zlib.DEFLATED, -15)
    part = block.compress(bytes(2**20)) + block.flush(zlib.Z_FULL_FLUSH)
    return start + part * size + packer.flush()


ONE = npy(described("'<f8'", "(1,)"), bytes(8))
DEEP = "[" * 100_000 + "]" * 100_000
DIGITS = "1" * 10_000
CHECKPOINT = '{"format": "autograd_np checkpoint", "version": 1, "parts": %s}'


def of_checkpoint(parts: str) -> bytes:
    return archive(Entry(b"checkpoint.json", (CHECKPOINT % parts).encode()), Entry(b"0.npy", ONE))


def of_metadata(text: str) -> bytes:
    return archive(Entry(b"__metadata__.json", text.encode()), Entry(b"w.npy", ONE))


def one(name: str, shape: str = "[2]", offsets: str = "[0, 8]", dtype: str = "F32") -> str:
    return f'"{name}": {{"dtype": "{dtype}", "shape": {shape}, "data_offsets": {offsets}}}'


HEADERS = {
    "objects": npy(described("'|O'", "(1,)"), b"cos\nsystem\n"),
    "fields": npy(described("[('a', '<f8')]", "(1,)"), bytes(8)),
    "fields as text": npy(described("'f8,f8'", "(1,)"), bytes(16)),
    "a dtype with a shape": npy(described("'(2,)f8'", "(1,)"), bytes(16)),
    "a tuple as dtype": npy(described("('<f8', (2,))", "(1,)"), bytes(16)),
    "an empty tuple as dtype": npy(described("()", "(1,)"), bytes(8)),
    "a number as dtype": npy(described("5", "(1,)"), bytes(8)),
    "no dtype": npy(described("None", "(1,)"), bytes(8)),
    "an old name of a dtype": npy(described("'a8'", "(1,)"), bytes(8)),
    "a dtype that is no text": npy(described("'<f8, ((((('", "(1,)"), bytes(8)),
    "times without a unit": npy(described("'<M8[1000000000000000000000s]'", "(1,)"), bytes(8)),
    "a long dtype": npy(described("'<U999999999999'", "(1,)"), bytes(8)),
    "more than there is": npy(described("'<f8'", "(1000000000000,)"), bytes(8)),
    "less than there is": npy(described("'<f8'", "(1,)"), bytes(16)),
    "a negative axis": npy(described("'<f8'", "(-1, -1)"), bytes(8)),
    "the longest axis, and none": npy(described("'<f8'", f"({2**63 - 1}, 0)")),
    "two long axes, and none": npy(described("'<f8'", f"({2**40}, {2**40}, 0)")),
    "an axis too long for a word": npy(described("'<f8'", f"({2**64}, 0)")),
    "elements without bytes": npy(described("'<U0'", f"({10**12},)")),
    "10 000 digits": npy(described("'<f8'", f"({DIGITS},)"), bytes(8)),
    "4 000 digits": npy(described("'<f8'", f"({DIGITS[:4000]},)"), bytes(8)),
    "4 000 digits thrice": npy(described("'<f8'", f"({DIGITS[:3000]}, {DIGITS[:3000]}, {DIGITS[:3000]})"), bytes(8)),
    "a real axis": npy(described("'<f8'", "(1.0,)"), bytes(8)),
    "65 axes": npy(described("'<f8'", f"({'1, ' * 65})"), bytes(8)),
    "neither order": npy(described("'<f8'", "(1,)", "2"), bytes(8)),
    "one more name": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}", bytes(8)),
    "deep": npy("(" * 4000 + ")" * 4000, bytes(8)),
    "deep minus": npy("-" * 9000 + "1", bytes(8)),
    "a sum": npy("[0] * 10**9", bytes(8)),
    "a call": npy("__import__('os').system('false')", bytes(8)),
    "Python 2": npy(described("'<f8'", "(1L,)"), bytes(8)),
    "a zero character": npy(described("'<f8'", "(1,)") + "\0", bytes(8)),
    "a long header": npy(described("'<f8'", "(1,)") + " " * 20_000, bytes(8)),
    "a header of 4 GB": npy(described("'<f8'", "(1,)"), bytes(8), (2, 0), 2**32 - 1),
    "another version": npy(described("'<f8'", "(1,)"), bytes(8), (9, 9)),
    "no header": b"\x93NUMPY",
    "nothing": b"",
    "text": b"text",
}

REFUSED: dict[str, tuple[str, str, bytes]] = {
    f"npy: {name}": ("load", "w.npz", archive(Entry(b"w.npy", entry))) for name, entry in HEADERS.items()
} | {
    "npz: a bomb": (
        "load",
        "w.npz",
        archive(
            Entry(
                b"w.npy", (raw := bomb(3800, -15, npy(described("'|u1'", f"({3800 * 2**20},)")))), 8, 3800 * 2**20 + 64
            )
        ),
    ),
    "npz: a bomb of text": ("load_checkpoint", "w.npz", archive(Entry(b"checkpoint.json", raw, 8, 3800 * 2**20))),
    "npz: a bomb that says it is small": ("load", "w.npz", archive(Entry(b"w.npy", raw, 8, 2**20))),
    "npz: a bomb in the header": (
        "load",
        "w.npz",
        archive(Entry(b"w.npy", bomb(3800, -15, npy("", b"", (2, 0), 2**32 - 1)), 8, 100)),
    ),
    "npz: one content many times": (
        "load",
        "w.npz",
        archive(Entry(b"w.npy", ONE * 9999), *[Entry(b"%d.npy" % i, ONE * 9999, again=True) for i in range(999)]),
    ),
    "npz: more than the file": ("load", "w.npz", archive(Entry(b"w.npy", ONE, size=2**31 - 1))),
    "npz: a name twice": ("load", "w.npz", archive(Entry(b"w.npy", ONE), Entry(b"w.npy", ONE))),
    "npz: a zero in a name": ("load", "w.npz", archive(Entry(b"w\0v.npy", ONE))),
    "npz: packed by bzip2": ("load", "w.npz", archive(Entry(b"w.npy", ONE, 12))),
    "npz: packed by lzma": ("load", "w.npz", archive(Entry(b"w.npy", ONE, 14))),
    "npz: another checksum": ("load", "w.npz", archive(Entry(b"w.npy", ONE, crc=1))),
    "npz: deep metadata": ("load", "w.npz", of_metadata(DEEP)),
    "npz: metadata of many digits": ("load", "w.npz", of_metadata(f'{{"a": {DIGITS}}}')),
    "npz: metadata twice": ("load", "w.npz", of_metadata('{"a": "1", "a": "2"}')),
    "npz: metadata in no alphabet": ("load", "w.npz", archive(Entry(b"__metadata__.json", b"\xff\xfe{"))),
    "checkpoint: a name twice": (
        "load_checkpoint",
        "c.npz",
        archive(*[Entry(b"checkpoint.json", (CHECKPOINT % "{}").encode())] * 2),
    ),
    "checkpoint: an array twice": (
        "load_checkpoint",
        "c.npz",
        archive(Entry(b"checkpoint.json", (CHECKPOINT % "{}").encode()), *[Entry(b"0.npy", ONE)] * 2),
    ),
    "checkpoint: deep": ("load_checkpoint", "c.npz", of_checkpoint(f'{{"a": {DEEP}}}')),
    "checkpoint: less deep": ("load_checkpoint", "c.npz", of_checkpoint(f'{{"a": {"[" * 990 + "]" * 990}}}')),
    "checkpoint: many digits": ("load_checkpoint", "c.npz", of_checkpoint(f'{{"a": {DIGITS}}}')),
    "checkpoint: a part twice": ("load_checkpoint", "c.npz", of_checkpoint('{"a": 1, "a": 2}')),
    "checkpoint: a key twice": ("load_checkpoint", "c.npz", of_checkpoint('{"a": {"dict": [["k", 1], ["k", 2]]}}')),
    "checkpoint: no such array": ("load_checkpoint", "c.npz", of_checkpoint('{"a": {"array": "7"}}')),
    "checkpoint: a list as name": ("load_checkpoint", "c.npz", of_checkpoint('{"a": {"array": []}}')),
    "checkpoint: a scalar object": (
        "load_checkpoint",
        "c.npz",
        of_checkpoint('{"a": {"scalar": ["|O", "AAAAAAAAAAA="]}}'),
    ),
    "checkpoint: a scalar of a text": (
        "load_checkpoint",
        "c.npz",
        of_checkpoint('{"a": {"scalar": ["((((", "AAAAAAAAAAA="]}}'),
    ),
    "checkpoint: a scalar of 4 GB": (
        "load_checkpoint",
        "c.npz",
        of_checkpoint('{"a": {"scalar": ["<U999999999", "AAAAAAAAAAA="]}}'),
    ),
    "checkpoint: a scalar without dtype": (
        "load_checkpoint",
        "c.npz",
        of_checkpoint('{"a": {"scalar": [null, "AAAAAAAAAAA="]}}'),
    ),
    "checkpoint: bytes that are none": ("load_checkpoint", "c.npz", of_checkpoint('{"a": {"bytes": "?"}}')),
    "checkpoint: no description": ("load_checkpoint", "c.npz", archive(Entry(b"0.npy", ONE))),
    "safetensors: a name twice": ("load", "w.safetensors", safetensors(f"{{{one('w')}, {one('w')}}}", bytes(8))),
    "safetensors: metadata twice": (
        "load",
        "w.safetensors",
        safetensors(f'{{"__metadata__": {{"a": "1", "a": "2"}}, {one("w")}}}', bytes(8)),
    ),
    "safetensors: a field twice": (
        "load",
        "w.safetensors",
        safetensors(f'{{"w": {{"dtype": "F32", {one("w")[6:]}}}', bytes(8)),
    ),
    "safetensors: overlapping": (
        "load",
        "w.safetensors",
        safetensors(f"{{{one('v')}, {one('w', offsets='[4, 12]')}}}", bytes(12)),
    ),
    "safetensors: the same bytes": ("load", "w.safetensors", safetensors(f"{{{one('v')}, {one('w')}}}", bytes(8))),
    "safetensors: a hole": (
        "load",
        "w.safetensors",
        safetensors(f"{{{one('v')}, {one('w', offsets='[16, 24]')}}}", bytes(24)),
    ),
    "safetensors: more bytes": ("load", "w.safetensors", safetensors(f"{{{one('w')}}}", bytes(24))),
    "safetensors: fewer bytes": ("load", "w.safetensors", safetensors(f"{{{one('w')}}}", bytes(4))),
    "safetensors: negative": ("load", "w.safetensors", safetensors(f"{{{one('w', offsets='[-8, 0]')}}}", bytes(8))),
    "safetensors: backwards": ("load", "w.safetensors", safetensors(f"{{{one('w', offsets='[8, 0]')}}}", bytes(8))),
    "safetensors: a negative axis": ("load", "w.safetensors", safetensors(f"{{{one('w', '[-2, -1]')}}}", bytes(8))),
    "safetensors: the longest axis, and none": (
        "load",
        "w.safetensors",
        safetensors(f"{{{one('w', f'[{2**63 - 1}, 0]', '[0, 0]')}}}"),
    ),
    "safetensors: an axis of a word, and none": (
        "load",
        "w.safetensors",
        safetensors(f"{{{one('w', f'[{2**64 - 1}, 0]', '[0, 0]')}}}"),
    ),
    "safetensors: two long axes": (
        "load",
        "w.safetensors",
        safetensors(f"{{{one('w', f'[{2**40}, {2**40}]')}}}", bytes(8)),
    ),
    "safetensors: 65 axes": ("load", "w.safetensors", safetensors(f"{{{one('w', str([1] * 65 + [2]))}}}", bytes(8))),
    "safetensors: many digits": ("load", "w.safetensors", safetensors(f"{{{one('w', f'[{DIGITS}]')}}}", bytes(8))),
    "safetensors: deep metadata": ("load", "w.safetensors", safetensors(f'{{"__metadata__": {DEEP}}}')),
    "safetensors: deep": ("load", "w.safetensors", safetensors(DEEP)),
    "safetensors: a number in metadata": (
        "load",
        "w.safetensors",
        safetensors(f'{{"__metadata__": {{"a": {DIGITS}}}}}'),
    ),
    "safetensors: a long header": ("load", "w.safetensors", safetensors("{}", length=2**63)),
    "safetensors: a header of 4 GB": ("load", "w.safetensors", safetensors("{}", length=2**32)),
    "safetensors: no checksum of ours": (
        "load",
        "w.safetensors",
        safetensors(f'{{"__metadata__": {{"autograd_np": "1"}}, {one("w")}}}', bytes(8)),
    ),
    "idx: a bomb": ("read_idx", "w.gz", bomb(1500, 31)),
    "idx: a bomb behind a header": ("read_idx", "w.gz", bomb(3800, 31, b"\0\0\x08\x01\0\0\0\x08")),
    "idx: a bomb with its length": (
        "read_idx",
        "w.gz",
        bomb(3800, 31, b"\0\0\x08\x01" + (3800 * 2**20).to_bytes(4, "big")),
    ),
    "idx: more than the header": ("read_idx", "w.gz", gzip.compress(b"\0\0\x08\x01\0\0\0\x02" + bytes(3))),
    "idx: less than the header": ("read_idx", "w.gz", gzip.compress(b"\0\0\x08\x01\0\0\0\x02" + bytes(1))),
    "idx: behind the end": ("read_idx", "w.gz", gzip.compress(b"\0\0\x08\x01\0\0\0\x02" + bytes(2)) + b"garbage"),
    "idx: cut": ("read_idx", "w.gz", gzip.compress(b"\0\0\x08\x01\0\0\0\x02" + bytes(2))[:-3]),
    "idx: another checksum": ("read_idx", "w.gz", gzip.compress(b"\0\0\x08\x01\0\0\0\x02" + bytes(2))[:-8] + bytes(8)),
    "idx: 255 axes": ("read_idx", "w.gz", gzip.compress(b"\0\0\x08\xff" + b"\0\0\0\x01" * 255 + b"\0")),
    "idx: long axes": ("read_idx", "w", b"\0\0\x08\x03" + b"\xff" * 12 + bytes(8)),
    "idx: long axes, and none": ("read_idx", "w", b"\0\0\x08\x03" + b"\xff" * 8 + bytes(4)),
}
