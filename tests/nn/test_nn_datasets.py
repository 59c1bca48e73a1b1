"""The known data sets: the format of their files, where they are looked for, and downloads from mirrors of all kinds
(of this machine)."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import http.server
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from nn import data
from nn.data import idx, known, sources

TOP = Path(__file__).resolve().parents[2]
FILES = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
]
CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def packed(array: np.ndarray) -> bytes:
    """The array as an IDX file."""
    header = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim]) + b"".join(
        length.to_bytes(4, "big") for length in array.shape
    )
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def small(seed: int = 0) -> dict[str, bytes]:
    """Four files in the form of MNIST: 12 images for training, 5 for testing."""
    rng = np.random.default_rng(seed)
    files = {}
    for name, count in (("train", 12), ("t10k", 5)):
        files[f"{name}-images-idx3-ubyte.gz"] = gzip.compress(
            packed(rng.integers(0, 256, (count, 28, 28), np.uint8)), mtime=0
        )
        files[f"{name}-labels-idx1-ubyte.gz"] = gzip.compress(packed(rng.integers(0, 10, count, np.uint8)), mtime=0)
    return files


@pytest.fixture(autouse=True)
def somebody_elses_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder of this machine and no mirror of the world has a part in these tests."""
    monkeypatch.delenv("AUTOGRAD_NP_DATA", raising=False)
    monkeypatch.setattr(sources, "cache_folder", lambda: tmp_path / "cache")
    for name in ("MNIST", "FASHION_MNIST", "TINYSHAKESPEARE"):
        monkeypatch.setattr(
            known, name, dataclasses.replace(getattr(known, name), mirrors=("http://127.0.0.1:9/closed",), addresses=())
        )
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[str]]]:
    """Serves files, one mirror for each dict: name → bytes, a status, or a function of the handler. Gives the list of
    requests."""
    servers = []
    requests: list[str] = []

    def serve(*content: dict[str, Any], right: dict[str, bytes] | None = None, source: str = "MNIST") -> list[str]:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                _, mirror, name = self.path.split("/")
                requests.append(f"{mirror}/{name}")
                answer = content[int(mirror)].get(name, 404)
                if callable(answer):
                    answer(self)
                elif isinstance(answer, int):
                    self.send_error(answer)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        servers.append((server, thread))
        urls = tuple(f"http://127.0.0.1:{server.server_port}/{number}" for number in range(len(content)))
        right = right or content[-1]
        sums = {name: frozenset({hashlib.sha256(right[name]).hexdigest()}) for name in right}
        monkeypatch.setattr(known, source, dataclasses.replace(getattr(known, source), mirrors=urls, files=sums))
        return requests

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


# ---------------------------------------------------------------------------------------- the format


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]),
        hnp.array_shapes(max_dims=5, min_side=0),
    ),
    st.booleans(),
)
@settings(deadline=None)
def test_what_was_written_is_read(array: np.ndarray, zipped: bool) -> None:
    content = packed(array)
    found = idx.parse_idx(idx.unpacked(gzip.compress(content) if zipped else content, "file"), "file")
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


GOOD = packed(np.arange(6, dtype=np.uint8).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "0 bytes, the header alone"),
        (b"\0\0\x08", "3 bytes, the header alone"),
        (b"\1" + GOOD[1:], "begins with"),
        (GOOD[:1] + b"\1" + GOOD[2:], "begins with"),
        (b"<!DOCTYPE html>", "begins with"),
        (GOOD[:2] + b"\x0a" + GOOD[3:], "type of its values is 0x0a"),
        (GOOD[:3] + b"\0" + GOOD[4:], "0 axes"),
        (GOOD[:3] + b"\xff" + GOOD[4:] + bytes(1020), "255 axes"),
        (GOOD[:9], "truncated: it has 9 bytes, its header of 2 axes has 12"),
        (GOOD[:-1], "truncated: 17 bytes, and 18 would be right for uint8 values of shape"),
        (GOOD + b"\0", "more bytes than its header says: 19 bytes, and 18"),
        (GOOD[:4] + b"\xff" * 8 + GOOD[12:], "truncated"),
        (gzip.compress(GOOD)[:-9], "not a whole gzip file"),
        (gzip.compress(GOOD)[:-8] + bytes(8), "not a whole gzip file"),
        (gzip.compress(GOOD)[:12] + b"\xff\xff\xff" + gzip.compress(GOOD)[15:], "not a whole gzip file"),
    ],
)
def test_every_field_of_the_header_is_checked(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said) as caught:
        data.read_idx(path)
    assert str(path) in str(caught.value)


def test_read_idx_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        data.read_idx(tmp_path / "nowhere")


# ---------------------------------------------------------------------------------- a folder of files


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("dotted", [True, False])
@pytest.mark.parametrize("place", ["root", "root/mnist", "root/MNIST/raw", "variable/mnist", "cache"])
def test_a_folder_is_read(
    place: str, dotted: bool, zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = small()
    spelled = {}
    for name, content in files.items():
        name = name.replace("-idx", ".idx") if dotted else name
        spelled[name if zipped else name.removesuffix(".gz")] = content if zipped else gzip.decompress(content)
    root = tmp_path / "root" if place.startswith("root") else None
    if place.startswith("variable"):
        monkeypatch.setenv("AUTOGRAD_NP_DATA", str(tmp_path / "variable"))
    if place == "cache":
        sums = {
            name: frozenset({hashlib.sha256(gzip.decompress(content)).hexdigest()}) for name, content in files.items()
        }
        monkeypatch.setattr(known, "MNIST", dataclasses.replace(known.MNIST, files=sums))
    folder_of(tmp_path / (f"{place}/mnist" if place == "cache" else place), spelled)
    images, labels = data.mnist(root=root, download=False)
    raw = idx.parse_idx(gzip.decompress(files[FILES[0]]), "")
    np.testing.assert_array_equal(images[:, 0], (raw / np.float32(255)).astype(np.float32))
    np.testing.assert_array_equal(labels, idx.parse_idx(gzip.decompress(files[FILES[1]]), ""))
    assert images.dtype == np.float32
    assert labels.dtype == np.int64


def test_the_forms_of_the_images(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "root", small())
    raw, labels = data.mnist("test", root=root, normalize=False)
    assert raw.shape == (5, 1, 28, 28)
    assert raw.dtype == np.uint8
    flat, again = data.mnist("test", root=root, flatten=True)
    assert flat.shape == (5, 784)
    assert 0 <= flat.min() < flat.max() <= 1
    np.testing.assert_array_equal(labels, again)
    scaled, _ = data.mnist("test", root=root, flatten=True, normalize=(0.1307, 0.3081))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, (flat - 0.1307) / 0.3081, rtol=1e-5, atol=1e-6)
    train, _ = data.mnist(root=str(root))
    assert len(train) == 12
    for wrong in ((1.0,), (0.0, 0.0), (0.0, -1.0), "yes", (0.0, float("nan")), None):
        with pytest.raises(ValueError, match="normalize"):
            data.mnist(root=root, normalize=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='"train" or "test"'):
        data.mnist("validation", root=root)  # type: ignore[arg-type]


def test_the_two_sets_of_images_are_not_mixed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path / "mnist", small(0))
    folder_of(tmp_path / "fashion-mnist", small(1))
    monkeypatch.setenv("AUTOGRAD_NP_DATA", str(tmp_path))
    digits, clothes = data.mnist("test")[0], data.fashion_mnist("test")[0]
    assert not np.array_equal(digits, clothes)
    monkeypatch.setenv("AUTOGRAD_NP_DATA", str(tmp_path / "mnist"))
    with pytest.raises(data.DataError, match="Fashion-MNIST: there is no file t10k-images"):
        data.fashion_mnist("test", download=False)
    assert len(data.FASHION_MNIST_CLASSES) == 10


def test_the_root_goes_before_the_variable_goes_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, place in enumerate(["root", "variable/mnist", "cache/mnist"]):
        folder_of(tmp_path / place, small(seed))
    sums = {name: frozenset({hashlib.sha256(content).hexdigest()}) for name, content in small(2).items()}
    monkeypatch.setattr(known, "MNIST", dataclasses.replace(known.MNIST, files=sums))

    def seed_of(images: np.ndarray) -> int:
        return [
            np.array_equal(images[:, 0], idx.parse_idx(gzip.decompress(small(seed)[FILES[2]]), "")) for seed in range(3)
        ].index(True)

    assert seed_of(data.mnist("test", normalize=False)[0]) == 2
    monkeypatch.setenv("AUTOGRAD_NP_DATA", str(tmp_path / "variable"))
    assert seed_of(data.mnist("test", normalize=False)[0]) == 1
    assert seed_of(data.mnist("test", normalize=False, root=tmp_path / "root")[0]) == 0
    monkeypatch.setenv("AUTOGRAD_NP_DATA", "")
    assert seed_of(data.mnist("test", normalize=False)[0]) == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            FILES[0],
            gzip.compress(packed(np.zeros((12, 28, 27), np.uint8))),
            r"shape \(12, 28, 27\), not uint8 of shape \(N, 28, 28\)",
        ),
        (FILES[0], gzip.compress(packed(np.zeros((12, 28, 28), np.float32))), "float32"),
        (FILES[1], gzip.compress(packed(np.zeros(11, np.uint8))), "each of the 12 images"),
        (FILES[1], gzip.compress(packed(np.full(12, 10, np.uint8))), "class 10"),
        (FILES[1], small()[FILES[1]][:-3], "not a whole gzip file"),
        (FILES[0], b"version https://git-lfs.github.com/spec/v1", "begins with"),
    ],
)
def test_a_corrupt_file_of_the_user_is_named_and_left(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    root = folder_of(tmp_path / "root", {**small(), name: content})
    with pytest.raises(data.DataError, match=said) as caught:
        data.mnist(root=root)
    assert f"Remove {root / name}" in str(caught.value)
    assert (root / name).read_bytes() == content


# ------------------------------------------------------------------------------------------ mirrors


def test_a_download_is_kept(tmp_path: Path, mirrors: Any) -> None:
    files = small()
    requests = mirrors(files)
    images, _ = data.mnist()
    assert images.shape == (12, 1, 28, 28)
    assert requests == ["0/" + FILES[0], "0/" + FILES[1]]
    again, _ = data.mnist(download=False)
    np.testing.assert_array_equal(images, again)
    assert len(requests) == 2
    kept = tmp_path / "cache" / "mnist"
    assert sorted(path.name for path in kept.iterdir()) == sorted(FILES[:2])
    assert (kept / FILES[0]).read_bytes() == files[FILES[0]]


@pytest.mark.parametrize("by", ["root", "variable"])
def test_a_download_goes_to_the_folder_that_was_named(
    by: str, tmp_path: Path, mirrors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors(small())
    if by == "variable":
        monkeypatch.setenv("AUTOGRAD_NP_DATA", str(tmp_path / "mine"))
    data.mnist("test", root=tmp_path / "mine" if by == "root" else None)
    assert sorted(path.name for path in (tmp_path / "mine" / "mnist").iterdir()) == FILES[2:]
    assert not (tmp_path / "cache").exists()


def cut(handler: Any) -> None:
    """Announces 1000 bytes and closes the connection after 10."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"0123456789")


def endless(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(bytes(1 << 16))
    except OSError:
        pass


def nonsense(handler: Any) -> None:
    handler.wfile.write(b"this is no HTTP\r\n")


BAD = {
    "missing": (404, "404"),
    "broken": (500, "500"),
    "truncated": (cut, "after 10 of 1000 bytes"),
    "half a file": (small()[FILES[2]][:-100], "not a whole gzip file"),
    "another file": (small(1)[FILES[2]], r"SHA-256 sum [0-9a-f]{64}, which is not that of the file"),
    "a page": (b"<html>Please log in</html>", "SHA-256"),
    "endless": (endless, "more than 1000000 bytes"),
    "no HTTP": (nonsense, "no HTTP"),
}


@pytest.mark.parametrize("kind", BAD)
def test_the_next_mirror_makes_up_for_a_bad_one(
    kind: str, tmp_path: Path, mirrors: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sources, "_LARGEST", 1_000_000)
    answer, said = BAD[kind]
    requests = mirrors({FILES[2]: answer, FILES[3]: small()[FILES[3]]}, small())
    with caplog.at_level(logging.WARNING, "nn.data"):
        images, _ = data.mnist("test")
    assert len(images) == 5
    assert requests == ["0/" + FILES[2], "1/" + FILES[2], "0/" + FILES[3]]
    assert re.search(said, caplog.text)
    assert sorted(path.name for path in (tmp_path / "cache" / "mnist").iterdir()) == FILES[2:]


@pytest.mark.parametrize("kind", BAD)
def test_bad_mirrors_are_all_named_and_nothing_is_left(
    kind: str, tmp_path: Path, mirrors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_LARGEST", 1_000_000)
    answer, said = BAD[kind]
    mirrors({FILES[2]: answer}, {}, right=small())
    with pytest.raises(data.DataError, match=said) as caught:
        data.mnist("test")
    message = str(caught.value)
    for part in (
        *known.MNIST.urls(FILES[2]),
        "404",
        f"put {FILES[2]} from",
        str(tmp_path / "cache" / "mnist"),
        "AUTOGRAD_NP_DATA",
        "root=",
    ):
        assert part in message
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_a_network_the_error_says_what_to_put_where(tmp_path: Path) -> None:
    for load, name in ((data.mnist, FILES[0]), (data.fashion_mnist, FILES[0]), (data.tinyshakespeare, "input.txt")):
        with pytest.raises(data.DataError, match="could not be downloaded") as caught:
            load()
        assert "http://127.0.0.1:9/closed" in str(caught.value)
        assert f"put {name} from" in str(caught.value)
    with pytest.raises(
        data.DataError, match=r"there is no file train-images-idx3-ubyte.gz in .*cache.mnist.*download=True"
    ):
        data.mnist(download=False)
    assert list(tmp_path.iterdir()) == []


def test_a_corrupt_file_in_the_cache_is_downloaded_anew(tmp_path: Path, mirrors: Any) -> None:
    files = small()
    requests = mirrors(files)
    for wrong in (files[FILES[2]][:-20], small(1)[FILES[2]], b""):
        cached = folder_of(tmp_path / "cache" / "mnist", {FILES[2]: wrong, FILES[3]: files[FILES[3]]})
        assert len(data.mnist("test")[0]) == 5
        assert (cached / FILES[2]).read_bytes() == files[FILES[2]]
    assert requests == ["0/" + FILES[2]] * 3


def test_an_interrupted_download_leaves_nothing(tmp_path: Path, mirrors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mirrors(small())

    class Interrupted:
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def update(self, _: int) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(sources, "_bar", lambda *_: Interrupted())
    with pytest.raises(KeyboardInterrupt):
        data.mnist()
    monkeypatch.undo()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, mirrors: Any) -> None:
    mirrors(small())
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(data.DataError, match=r"cannot be kept as .*taken.*AUTOGRAD_NP_DATA"):
        data.mnist(root=tmp_path / "taken")


def test_the_progress_bar_is_optional(mirrors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mirrors(small())
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert len(data.mnist("test")[0]) == 5


def test_many_processes_at_once(tmp_path: Path, mirrors: Any) -> None:
    mirrors(small())
    code = """
import dataclasses, sys
from nn import data
from nn.data import known
known.MNIST = dataclasses.replace(known.MNIST, mirrors=(sys.argv[1],), files=eval(sys.argv[2]))
print(data.mnist("test", root=sys.argv[3])[0].shape)
"""
    command = [
        sys.executable,
        "-c",
        code,
        known.MNIST.mirrors[0],
        repr(dict(known.MNIST.files)),
        str(tmp_path / "shared"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(4)
    ]
    for process in running:
        assert process.communicate(timeout=60)[0].strip() == "(5, 1, 28, 28)"
    assert sorted(path.name for path in (tmp_path / "shared" / "mnist").iterdir()) == FILES[2:]


def test_tinyshakespeare_has_its_own_addresses(tmp_path: Path, mirrors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"First Citizen:\nBefore we proceed any further, hear me speak.\n"
    requests = mirrors({}, {"other.txt": text}, right={"input.txt": text}, source="TINYSHAKESPEARE")
    first, second = known.TINYSHAKESPEARE.mirrors
    monkeypatch.setattr(
        known,
        "TINYSHAKESPEARE",
        dataclasses.replace(known.TINYSHAKESPEARE, mirrors=(first,), addresses=(second + "/other.txt",)),
    )
    assert data.tinyshakespeare() == text.decode()
    assert requests == ["0/input.txt", "1/other.txt"]
    assert (tmp_path / "cache" / "tinyshakespeare" / "input.txt").read_bytes() == text
    folder_of(tmp_path / "mine", {"input.txt": b"a\r\nb"})
    assert data.tinyshakespeare(root=tmp_path / "mine") == "a\nb"
    folder_of(tmp_path / "mine", {"input.txt": b"\xff\xfe"})
    with pytest.raises(data.DataError, match="UTF-8"):
        data.tinyshakespeare(root=tmp_path / "mine")


def test_the_cache_folder_is_where_the_platform_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert data.cache_folder() == tmp_path / "xdg" / "autograd_np"
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert data.cache_folder() == tmp_path / ".cache" / "autograd_np"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert data.cache_folder() == tmp_path / "Library" / "Caches" / "autograd_np"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert data.cache_folder() == tmp_path / "local" / "autograd_np"


# ------------------------------------------------------------------------------------- the real files


def real(load: Callable[[], Any]) -> Any:
    """The real data where somebody has them: in the folder of ``AUTOGRAD_NP_DATA``, or in the cache from an earlier
    download."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "cache_folder", data.cache_folder)
        if REAL:
            patch.setenv("AUTOGRAD_NP_DATA", REAL)
        try:
            return load()
        except data.DataError as error:
            if "there is no file" not in str(error):
                raise
            pytest.skip("the real files are not here: AUTOGRAD_NP_DATA may name a folder that has them")


REAL = os.environ.get("AUTOGRAD_NP_DATA", "")
SUMS = {name: getattr(known, name).files for name in ("MNIST", "FASHION_MNIST", "TINYSHAKESPEARE")}


@pytest.mark.parametrize(("split", "count", "name"), [("train", 60_000, "train"), ("test", 10_000, "t10k")])
def test_real_mnist(split: Any, count: int, name: str) -> None:
    images, labels = real(lambda: data.mnist(split, download=False))
    assert images.shape == (count, 1, 28, 28)
    assert labels.shape == (count,)
    assert list(labels[:5]) == ([5, 0, 4, 1, 9] if split == "train" else [7, 2, 1, 0, 4])
    if split == "train":
        assert images.mean() == pytest.approx(0.1307, abs=1e-4)
        assert images.std() == pytest.approx(0.3081, abs=1e-4)
    raw = real(lambda: data.mnist(split, normalize=False, download=False))[0]
    assert hashlib.sha256(packed(raw[:, 0])).hexdigest() in SUMS["MNIST"][f"{name}-images-idx3-ubyte.gz"]
    assert hashlib.sha256(packed(labels.astype(np.uint8))).hexdigest() in SUMS["MNIST"][f"{name}-labels-idx1-ubyte.gz"]


def test_real_fashion_mnist() -> None:
    images, labels = real(lambda: data.fashion_mnist(download=False))
    assert images.shape == (60_000, 1, 28, 28)
    assert images.mean() == pytest.approx(0.2860, abs=1e-4)
    assert images.std() == pytest.approx(0.3530, abs=1e-4)
    np.testing.assert_array_equal(np.bincount(labels), 6000)


def test_real_tinyshakespeare() -> None:
    text = real(lambda: data.tinyshakespeare(download=False))
    assert len(text) == 1_115_394
    assert len(set(text)) == 65
    assert hashlib.sha256(text.encode()).hexdigest() in SUMS["TINYSHAKESPEARE"]["input.txt"]
