"""Checkpoints: any tree comes back as it was, bit for bit, or the file is refused."""

from __future__ import annotations

import json
import struct
import zipfile
from collections import OrderedDict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import autograd_np as ag
import nn
from nn import SavingError


def same(a: Any, b: Any) -> bool:
    """The same array, bit for bit."""
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def only(folder: Path, *names: str) -> None:
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)


def alike(a: Any, b: Any) -> bool:
    """The same tree: types, order of keys, and every bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return len(a) == len(b) and all(alike(p, q) and alike(a[p], b[q]) for p, q in zip(a, b, strict=True))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, (np.ndarray, np.generic)):
        return same(a, b)
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, complex):
        return alike(a.real, b.real) and alike(a.imag, b.imag)
    return bool(a == b)


EVERYTHING = hnp.arrays(
    st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(),
        hnp.unsigned_integer_dtypes(),
        hnp.floating_dtypes(),
        hnp.complex_number_dtypes(),
        hnp.datetime64_dtypes(),
        hnp.timedelta64_dtypes(),
        hnp.byte_string_dtypes(),
        hnp.unicode_string_dtypes(),
    ),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=3),
)
KEYS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.tuples(st.integers(), st.text()),
)
LEAVES = st.one_of(
    KEYS,
    st.integers(min_value=2**100, max_value=2**130),
    st.floats(),
    st.complex_numbers(),
    EVERYTHING,
    EVERYTHING.filter(lambda a: a.size).map(lambda a: a.reshape(-1)[0]),
)
BRANCHES = lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(KEYS, inner, max_size=3)
)
TREES = st.recursive(LEAVES, BRANCHES, max_leaves=8)


@given(tree=TREES)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_tree_comes_back(tree: Any, tmp_path: Path) -> None:
    nn.save_checkpoint(tmp_path / "c.npz", tree=tree)
    [(name, found)] = nn.load_checkpoint(tmp_path / "c.npz").items()
    assert name == "tree"
    assert alike(found, tree)


@pytest.mark.parametrize(
    "value",
    [
        np.float64(0.1),
        np.float32("nan"),
        np.bool_(True),
        np.str_("text"),
        np.datetime64("2020-01-01", "D"),
        np.array(3.0),
        np.array([1.0, 2.0], ">f8"),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10.0)[::-2],
        np.zeros((0, 3), np.float32),
        -0.0,
        float("nan"),
        struct.unpack("<d", bytes.fromhex("010000000000f0ff"))[0],
        float("inf"),
        5e-324,
        2**53,
        -(2**100),
        pytest.param(10**5000, id="more digits than are printed"),
        pytest.param({10**5000: 1}, id="as a key"),
        "lone \ud800 surrogate",
        b"\0\xff",
        complex(-0.0, float("inf")),
        True,
        None,
        (),
        [],
        {},
        {"int": 1},
        {"array": "0"},
        {1: "a", "1": "b", None: "c", (1, 2): "d", b"k": "e"},
        [(1, [2, (3,)])],
    ],
)
def test_leaves_come_back(value: Any, tmp_path: Path) -> None:
    nn.save_checkpoint(tmp_path / "c.npz", a=value, b=[value, (value,)])
    assert alike(nn.load_checkpoint(tmp_path / "c.npz"), {"a": value, "b": [value, (value,)]})


def test_the_description_is_json_that_every_reader_takes(tmp_path: Path) -> None:
    nn.save_checkpoint(tmp_path / "c.npz", a=[float("nan"), float("inf"), -float("inf"), 1.5, 2**60], b=complex("nan"))
    with zipfile.ZipFile(tmp_path / "c.npz") as archive:
        text = archive.read("checkpoint.json")
    document = json.loads(text, parse_constant=pytest.fail)
    assert all(abs(item) < 2**53 for item in document["parts"]["a"] if isinstance(item, int))


@pytest.mark.parametrize(
    "kind", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM]
)
def test_a_generator_goes_on_where_it_was(kind: Any, tmp_path: Path) -> None:
    rng = np.random.Generator(kind(3))
    rng.integers(10, size=7, dtype=np.uint8)
    nn.save_checkpoint(tmp_path / "c.npz", rng=rng.bit_generator.state)
    expected = rng.normal(size=5)
    other = np.random.Generator(kind(0))
    other.bit_generator.state = nn.load_checkpoint(tmp_path / "c.npz")["rng"]
    assert same(other.normal(size=5), expected)


def test_a_checkpoint_without_parts_and_a_part_named_path(tmp_path: Path) -> None:
    nn.save_checkpoint(tmp_path / "c.npz")
    assert nn.load_checkpoint(tmp_path / "c.npz") == {}
    nn.save_checkpoint(tmp_path / "c.npz", path="p", self=1)
    assert nn.load_checkpoint(tmp_path / "c.npz") == {"path": "p", "self": 1}
    only(tmp_path, "c.npz")


def test_arrays_of_a_checkpoint_are_ones_own(tmp_path: Path) -> None:
    a = np.ones(3)
    nn.save_checkpoint(tmp_path / "c.npz", a=a, b=[a])
    found = nn.load_checkpoint(tmp_path / "c.npz")
    found["a"][0] = 5.0
    assert found["b"][0][0] == 1.0


Pair = namedtuple("Pair", "a b")  # noqa: PYI024


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [0, object()]}, r"part\['a'\]\[1\] is a object"),
        (np.array([None]), "dtype object, which would need pickle"),
        (np.zeros(2, "f4,i4"), "give plain arrays"),
        (np.ma.array([1.0]), "a MaskedArray of dtype"),
        (np.random.default_rng(0), r"\.bit_generator\.state"),
        (ag.Tensor([1.0]), r"t\.numpy\(\)"),
        (nn.Sequential(), r"give its \.state_dict\(\)"),
        (OrderedDict(a=1), "a OrderedDict, whose type would be lost; give a plain dict"),
        (Pair(1, 2), "give a plain tuple"),
        (Text("a"), "give a plain str"),
        ({1, 2}, "a set; a checkpoint holds"),
        ({Text("a"): 1}, "a key of part"),
        (np.dtype("f4"), "a checkpoint holds"),
    ],
)
def test_what_has_no_place_in_a_checkpoint(value: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(SavingError, match=rf"c\.npz is not written: .*{words}"):
        nn.save_checkpoint(tmp_path / "c.npz", part=value)
    only(tmp_path)


def test_trees_without_end_are_refused(tmp_path: Path) -> None:
    tree: list[Any] = []
    tree.append(tree)
    with pytest.raises(SavingError, match="contains itself"):
        nn.save_checkpoint(tmp_path / "c.npz", tree=tree)


def test_the_two_kinds_of_archive_are_told_apart(tmp_path: Path) -> None:
    nn.save_checkpoint(tmp_path / "c.npz", a=np.ones(2))
    nn.save({"a": np.ones(2)}, tmp_path / "m.npz")
    with pytest.raises(SavingError, match=r"load_checkpoint"):
        nn.load(tmp_path / "c.npz")
    with pytest.raises(SavingError, match=r"nn\.load\(path\)"):
        nn.load_checkpoint(tmp_path / "m.npz")
    for call in (nn.load_checkpoint, nn.save_checkpoint):
        with pytest.raises(SavingError, match=r"suffix \.npz"):
            call(tmp_path / "c.safetensors")


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{}",
        '{"format": "other", "version": 1, "parts": {}}',
        '{"format": "autograd_np checkpoint", "version": 99, "parts": {}}',
        '{"format": "autograd_np checkpoint", "version": 1, "parts": []}',
        '{"format": "autograd_np checkpoint", "version": 1, "parts": {"a": {"array": "7"}}}',
        '{"format": "autograd_np checkpoint", "version": 1, "parts": {"a": {"new": 1}}}',
        '{"format": "autograd_np checkpoint", "version": 1, "parts": {"a": {"int": "1", "float": "2"}}}',
        '{"format": "autograd_np checkpoint", "version": 1, "parts": {"a": {"scalar": ["|O", "AAAAAAAAAAA="]}}}',
        '{"format": "autograd_np checkpoint", "version": 1, "parts": {"a": {"scalar": ["<f8", "AAAA"]}}}',
        '{"format": "autograd_np checkpoint", "version": 1, "parts": {"a": {"dict": [[[], 1]]}}}',
    ],
)
def test_descriptions_that_are_none(document: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        archive.writestr("checkpoint.json", document)
    with pytest.raises(SavingError, match=r"c\.npz cannot be read"):
        nn.load_checkpoint(tmp_path / "c.npz")


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("contents") / "c.npz"
    nn.save_checkpoint(
        path, model={"w": np.ones((4, 3), np.float32), "b": np.arange(3)}, big=2**127 + 1, list=[1.5, (None, "text")]
    )
    return path.read_bytes()


def test_every_truncation_of_a_checkpoint_is_noticed(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(SavingError, match=r"c\.npz cannot be read: "):
            nn.load_checkpoint(path)


def test_a_flipped_bit_of_a_checkpoint_is_noticed_or_does_no_harm(content: bytes, tmp_path: Path) -> None:
    altered, path = bytearray(content), tmp_path / "c.npz"
    path.write_bytes(content)
    right = nn.load_checkpoint(path)
    rng = np.random.default_rng(1)
    for position in rng.choice(len(content), min(len(content), 700), replace=False):
        bit = 1 << int(rng.integers(8))
        altered[position] ^= bit
        path.write_bytes(altered)
        try:
            found = nn.load_checkpoint(path)
        except SavingError:
            pass
        else:
            assert alike(found, right), position
        altered[position] ^= bit
