"""Files that were altered, cut, or made to do harm: what is read is what was written, or one error names the file; in
little memory."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import MEMORY, ONE, REFUSED, Entry, Outcome, archive, bomb, outcomes, safetensors

import nn
from nn import SavingError
from nn.npz import most_unpacked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Outcome]]:
    """What came of each of the files that are to be refused, all read by one process."""
    folder = tmp_path_factory.mktemp("refused")
    files = []
    for number, (reader, name, content) in enumerate(REFUSED.values()):
        path = folder / f"{number} {name}"
        path.write_bytes(content)
        files.append((reader, path))
    before = sorted(folder.rglob("*"))
    results = outcomes(files)
    assert sorted(folder.rglob("*")) == before
    return {case: (path, outcome) for case, (_, path), outcome in zip(REFUSED, files, results, strict=True)}


@pytest.mark.parametrize("case", REFUSED)
def test_one_error_names_the_file(case: str, found: dict[str, tuple[Path, Outcome]]) -> None:
    path, outcome = found[case]
    assert outcome.how == ("ValueError" if REFUSED[case][0] == "read_idx" else "SavingError"), outcome
    assert str(path) in outcome.what
    assert len(outcome.what) < 600
    assert outcome.seconds < 20.0  # a bound for hanging, not a measure


def test_a_bomb_is_one() -> None:
    assert zlib.decompress(bomb(3, -15, b"abc"), -15) == b"abc" + bytes(3 * 2**20)
    assert MEMORY > most_unpacked(4_000_000) > 2**27


def test_names_are_names_and_no_paths(tmp_path: Path) -> None:
    names = ["../up", "/etc/passwd", "a/b", "C:\\w", "\N{SNOWMAN}", "con", ".."]
    (tmp_path / "w.npz").write_bytes(archive(*[Entry(f"{name}.npy".encode(), ONE) for name in names]))
    assert [*nn.load(tmp_path / "w.npz")] == names
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.parametrize(("suffix", "content"), [
    (".npz", archive(Entry(b"a" * 60_000 + b".txt", ONE))),
    (".npz", archive(Entry(b"a" * 60_000 + b".npy", b"no array"))),
    (".safetensors", safetensors({"a" * 60_000: {"dtype": "F32", "shape": [2], "data_offsets": [0, 10**9]}}, bytes(8))),
])  # fmt: skip
def test_names_from_the_file_do_not_fill_the_screen(suffix: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / f"w{suffix}").write_bytes(content)
    with pytest.raises(SavingError, match="cannot be read") as caught:
        nn.load(tmp_path / f"w{suffix}")
    assert len(str(caught.value)) < 1000


def test_what_is_well_compressed_is_read(tmp_path: Path) -> None:
    state = {
        "zeros": np.zeros(6_000_000),
        "count": np.arange(1000),
        "F": np.asfortranarray(np.eye(300)),
        "empty": np.zeros((0, 3), np.int8),
    }
    np.savez_compressed(tmp_path / "w.npz", **state)  # type: ignore[arg-type]
    for name, array in nn.load(tmp_path / "w.npz").items():
        np.testing.assert_array_equal(array, state[name])
        assert array.dtype == state[name].dtype
        assert array.flags.writeable
        assert array.flags.f_contiguous == state[name].flags.f_contiguous


def test_large_arrays_are_read_in_pieces(tmp_path: Path) -> None:
    for size in (2**20 - 128, 2**20, 2**20 + 1, 3 * 2**20 + 7, 10_012 - 128, 10_012):
        array = np.random.default_rng(0).integers(256, size=size, dtype=np.uint8)
        nn.save({"w": array}, tmp_path / "w.npz")
        np.testing.assert_array_equal(nn.load(tmp_path / "w.npz")["w"], array)


def test_a_gzip_file_of_several_members_is_read(tmp_path: Path) -> None:
    header = b"\0\0\x08\x01\0\0\0\x06"
    (tmp_path / "w.gz").write_bytes(
        gzip.compress(header) + gzip.compress(b"\1\2\3") + gzip.compress(b"\4\5\6") + bytes(3)
    )
    assert nn.data.read_idx(tmp_path / "w.gz").tolist() == [1, 2, 3, 4, 5, 6]


# ------------------------------------------------------------------------------------------ the checksum


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    nn.save({"w": np.arange(4.0)}, tmp_path / "w.safetensors", metadata={"epoch": "3"})
    return tmp_path / "w.safetensors"


@pytest.mark.parametrize("word", [b'"autograd_np.crc32"', b'"autograd_np"', b'"format"', b'"__metadata__"'])
def test_a_flipped_bit_in_the_header_does_not_switch_the_checksum_off(word: bytes, ours: Path) -> None:
    content = ours.read_bytes()
    at = content.index(word)
    for position in range(at, at + len(word)):
        for bit in range(8):
            altered = bytearray(content)
            altered[position] ^= 1 << bit
            altered[-1] ^= 1  # a value with it
            ours.write_bytes(altered)
            with pytest.raises(SavingError):
                nn.load(ours)


def test_the_checksum_covers_the_metadata(ours: Path) -> None:
    content = ours.read_bytes()
    ours.write_bytes(content.replace(b'"epoch":"3"', b'"epoch":"4"'))
    with pytest.raises(SavingError, match="checksum"):
        nn.load(ours)


def test_files_of_the_release_before_and_of_others_are_read(tmp_path: Path) -> None:
    from nn.saving import CHECKSUM, _checksum

    path = tmp_path / "w.safetensors"
    w = np.arange(2, dtype=np.float32)
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    for notes in ({}, {"format": "pt"}, {"format": "pt", "a": "b", CHECKSUM: _checksum({"w": w}, {"a": "b"})}):
        path.write_bytes(safetensors({"__metadata__": notes, "w": tensor}, w.tobytes()))
        assert nn.load(path)["w"].tolist() == [0.0, 1.0]
    path.write_bytes(safetensors({"__metadata__": notes, "w": tensor}, bytes(8)))
    with pytest.raises(SavingError, match="checksum"):
        nn.load(path)


def test_the_name_of_the_writer_is_taken(tmp_path: Path) -> None:
    with pytest.raises(SavingError, match="taken by the format"):
        nn.save({}, tmp_path / "w.safetensors", metadata={"autograd_np": "1"})


# ------------------------------------------------------------------------------------------ at random


def written(folder: Path) -> dict[str, tuple[str, Path]]:
    """A file of each format, with what reads it."""
    rng = np.random.default_rng(1)
    state = {
        "w": rng.normal(size=(5, 4)),
        "b": rng.normal(size=3).astype(np.float32),
        "n": np.arange(3),
        "none": np.zeros((0, 2)),
    }
    nn.save(state, folder / "w.npz", metadata={"epoch": "3"})
    nn.save(state, folder / "w.safetensors", metadata={"epoch": "3"})
    np.savez_compressed(folder / "z.npz", **state)  # type: ignore[arg-type]
    nn.save_checkpoint(
        folder / "c.npz",
        state=state,
        rows=[{"loss": 0.5, "when": (1, 2**70)}],
        generator=np.random.default_rng(0).bit_generator.state,
    )
    pixels = rng.integers(256, size=(3, 5), dtype=np.uint8)
    (folder / "x.gz").write_bytes(
        gzip.compress(b"\0\0\x08\x02" + np.array(pixels.shape, ">u4").tobytes() + pixels.tobytes(), mtime=0)
    )
    readers = {
        "w.npz": "load",
        "w.safetensors": "load",
        "z.npz": "load",
        "c.npz": "load_checkpoint",
        "x.gz": "read_idx",
    }
    return {name: (reader, folder / name) for name, reader in readers.items()}


def altered(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with one change of a random kind."""
    changed = bytearray(content)
    start, stop = sorted(map(int, rng.integers(len(content) + 1, size=2)))
    stop = min(stop, start + int(rng.integers(1, 40)))
    change: list[Callable[[], Any]] = [
        lambda: changed.__delitem__(slice(start, None)),
        lambda: changed.__delitem__(slice(start, stop)),
        lambda: changed.__setitem__(slice(start, stop), bytes(stop - start)),
        lambda: changed.__setitem__(slice(start, stop), b"\xff" * (stop - start)),
        lambda: changed.__setitem__(slice(start, stop), rng.bytes(stop - start)),
        lambda: changed.__setitem__(slice(start, start), changed[start:stop]),
        lambda: changed.__setitem__(slice(len(changed), None), changed[start:stop]),
        lambda: changed.__setitem__(slice(start, stop), b"9" * (stop - start)),
    ]
    kind = int(rng.integers(len(change) + 4))
    if kind < len(change):
        change[kind]()
    else:  # one to four bits
        for position in rng.integers(len(content), size=kind - len(change) + 1):
            changed[position] ^= 1 << int(rng.integers(8))
    return bytes(changed)


@pytest.mark.parametrize("count", [100, pytest.param(4000, marks=pytest.mark.full)])
def test_what_is_read_is_what_was_written(count: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(count)
    sources = written(tmp_path)
    right = dict(zip(sources, outcomes([*sources.values()]), strict=True))
    assert all(outcome.how == "read" for outcome in right.values())
    cases = []
    for name, (reader, path) in sources.items():
        content = path.read_bytes()
        for number in range(count):
            place = tmp_path / f"{number} {name}"
            place.write_bytes(altered(content, rng))
            cases.append((name, reader, place))
    refused = 0
    for (name, reader, place), outcome in zip(
        cases, outcomes([(reader, place) for _, reader, place in cases]), strict=True
    ):
        if outcome.how == "read":
            assert outcome.what == right[name].what, place
            continue
        refused += 1
        assert outcome.how == ("ValueError" if reader == "read_idx" else "SavingError"), (place, outcome)
        assert str(place) in outcome.what
        assert outcome.seconds < 20.0  # a bound for hanging, not a measure
    assert refused > len(cases) // 2
