"""Files that are whole whenever they are there, and what processes that were killed leave of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.engine import files

TOP = Path(__file__).resolve().parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="signals and locks of POSIX")

SAVING = """
import sys, time
from autograd_np.engine import files
with files.replacing(sys.argv[1]) as file:
    file.write(b"a part")
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))


def saving(path: Path) -> subprocess.Popen[str]:
    """A process that is in the middle of a save; it ends it when its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", SAVING, str(path)], cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def killed(path: Path) -> str:
    """What a save that is killed leaves: the name of the file."""
    before = parts(path.parent)
    with saving(path) as process:
        process.kill()
    [left] = set(parts(path.parent)) - set(before)
    return left


def compiled_save(path: Path) -> None:
    f = ag.compile(lambda x: x * 2.0)
    f(np.ones(2))
    f.save(path.with_suffix(".py"))


SAVES: dict[str, Callable[[Path], Any]] = {
    "nn.save npz": lambda path: nn.save({"w": np.ones(2)}, path.with_suffix(".npz")),
    "nn.save safetensors": lambda path: nn.save({"w": np.ones(2)}, path.with_suffix(".safetensors")),
    "nn.save_checkpoint": lambda path: nn.save_checkpoint(path.with_suffix(".npz"), epoch=1),
    "ag.save_graph": lambda path: ag.save_graph(ag.Tensor(1.0, requires_grad=True) * 2.0, path.with_suffix(".dot")),
    "compiled.save": compiled_save,
}


@posix
def test_every_writer_sweeps_what_killed_ones_left(tmp_path: Path) -> None:
    left = killed(tmp_path / "m.npz")
    content = (tmp_path / left).read_bytes()
    for name, save in SAVES.items():
        (tmp_path / left).write_bytes(content)
        save(tmp_path / "other")
        assert parts(tmp_path) == [], name


@posix
def test_the_file_of_a_living_process_stays_and_gets_its_name(tmp_path: Path) -> None:
    with saving(tmp_path / "a.npz") as process:
        [alive] = parts(tmp_path)
        os.kill(process.pid, signal.SIGSTOP)
        os.utime(tmp_path / alive, (0, 0))  # however long it has been stopped
        dead = killed(tmp_path / "a.npz")
        assert dead != alive
        nn.save({"w": np.ones(2)}, tmp_path / "b.npz")
        assert parts(tmp_path) == [alive]
        os.kill(process.pid, signal.SIGCONT)
        process.communicate("")
        assert process.returncode == 0
    assert (tmp_path / "a.npz").read_bytes() == b"a part"
    assert parts(tmp_path) == []


@posix
def test_a_reused_number_of_a_process_does_not_keep_a_file(tmp_path: Path) -> None:
    left = killed(tmp_path / "m.npz")
    name = left.rsplit(".", 3)
    mine = f"{name[0]}.{os.getpid()}.{name[2]}.part"  # as if this process had got the number of the dead one
    (tmp_path / left).rename(tmp_path / mine)
    nn.save({"w": np.ones(2)}, tmp_path / "m.npz")
    assert parts(tmp_path) == []


@posix
def test_what_only_looks_alike_stays(tmp_path: Path) -> None:
    left = killed(tmp_path / "m.npz")
    stem, number, code, _ = left.rsplit(".", 3)
    other = f"{(int(code[:8], 16) ^ 1):08x}{code[8:]}"
    names = [
        ".notes.part",
        "m.npz.part",
        left[1:],
        f"{stem}.{number}.{code}.parts",
        f"{stem}.{number}.{code[:-1]}.part",
        f"{stem}.{number}.{code[:8]}ABCDEF01.part",
        f"{stem}.x{number}.{code}.part",
        f"{stem}.{number}.{other}.part",  # of another machine, whose locks may not be seen here
        f".m.npz.{number}.abcdef01.part",
    ]
    for name in names:
        (tmp_path / name).write_text("mine")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / left).unlink()
    (tmp_path / left).mkdir()
    linked = f"{stem}.{number}.{code[:8]}{'0' * 8}.part"
    (tmp_path / linked).symlink_to(tmp_path / "treasure")
    (tmp_path / "treasure").write_text("mine")
    nn.save({"w": np.ones(2)}, tmp_path / "m.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, left, linked, "treasure", "m.npz"])
    assert (tmp_path / "treasure").read_text() == "mine"


@posix
def test_what_cannot_be_swept_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = killed(tmp_path / "m.npz")

    def refused(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    for owner, name in ((os, "scandir"), (os, "open"), (Path, "unlink")):
        with monkeypatch.context() as patch:
            if name != "open":
                patch.setattr(owner, name, refused)
            else:
                patch.setattr(files, "_remove_abandoned", refused)
            nn.save({"w": np.ones(2)}, tmp_path / "m.npz")
        assert parts(tmp_path) == [left]
        assert nn.load(tmp_path / "m.npz")["w"].tolist() == [1.0, 1.0]


@posix
def test_without_locks_nothing_is_swept_and_everything_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    left = killed(tmp_path / "m.npz")

    def unsupported(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    nn.save({"w": np.ones(2)}, tmp_path / "m.npz")
    assert parts(tmp_path) == [left]
    assert nn.load(tmp_path / "m.npz")["w"].tolist() == [1.0, 1.0]


def test_without_fcntl_only_what_is_a_day_old_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "fcntl", None)  # as on Windows
    name = f".m.npz.1.{files._HOST}00000000.part"
    (tmp_path / name).write_text("a part")
    nn.save({"w": np.ones(2)}, tmp_path / "m.npz")
    assert parts(tmp_path) == [name]
    long_ago = time.time() - 1e5
    os.utime(tmp_path / name, (long_ago, long_ago))
    nn.save({"w": np.zeros(2)}, tmp_path / "m.npz")
    assert parts(tmp_path) == []
    assert nn.load(tmp_path / "m.npz")["w"].tolist() == [0.0, 0.0]


def test_threads_that_save_under_one_name_at_once(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(20):
                nn.save({"w": np.full(2000, float(number))}, path)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            assert np.ptp(nn.load(path)["w"]) == 0.0
    for thread in threads:
        thread.join()
    assert errors == []
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


@posix
def test_a_file_swept_before_it_is_locked_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    flock = fcntl.flock
    seen: list[str] = []

    def slow(file: Any, how: int) -> None:
        if len(seen) < 2:
            seen.extend(parts(tmp_path))
            (tmp_path / seen[-1]).unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    with files.replacing(tmp_path / "m.txt") as file:
        file.write(b"whole")
    assert len(seen) == 2
    assert (tmp_path / "m.txt").read_bytes() == b"whole"
    assert parts(tmp_path) == []


MANY = """
import sys
import numpy as np, nn
state = {str(i): np.zeros(20000) for i in range(20)}
for _ in range(100000):
    nn.save(state, sys.argv[1])
"""


@posix
@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.full)])
def test_saves_killed_at_any_moment_leave_one_part_at_most(kills: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "m.npz"
    for _ in range(kills):
        with subprocess.Popen([sys.executable, "-c", MANY, str(path)], cwd=TOP) as process:
            while not path.exists():
                time.sleep(0.01)
            time.sleep(rng.uniform(0.2, 0.4))
            process.kill()
        assert len(parts(tmp_path)) <= 1
        assert len(nn.load(path)) == 20
        path.unlink()
    nn.save({}, path)
    assert parts(tmp_path) == []
