"""Saving and loading: what was written comes back; what is damaged or does not fit is refused, and changes nothing."""

from __future__ import annotations

import json
import os
import stat
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import autograd_np as ag
import nn
from nn import SavingError

SUFFIXES = [".npz", ".safetensors"]
TOP = Path(__file__).resolve().parents[2]


class Dense(nn.Module):
    """x @ W + b, with a buffer of integers and one of booleans."""

    torch_layout = {"weight": (1, 0)}  # noqa: RUF012

    def __init__(self, inputs: int, outputs: int, dtype: Any = np.float32, seed: int = 0) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        self.weight = nn.Parameter(rng.normal(size=(inputs, outputs)).astype(dtype))
        self.bias = nn.Parameter(rng.normal(size=outputs).astype(dtype))
        self.register_buffer("count", np.array(seed))
        self.register_buffer("mask", np.arange(3) > 1)

    def forward(self, x: Any) -> Any:
        return x @ self.weight + self.bias


class Permuted(nn.Module):
    """A parameter of three axes, whose permutation is not its own inverse."""

    torch_layout = {"kernel": (2, 0, 1)}  # noqa: RUF012

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.kernel = nn.Parameter(np.random.default_rng(seed).normal(size=(2, 3, 4)))


def network(seed: int = 0, dtype: Any = np.float32) -> nn.Sequential:
    return nn.Sequential(Dense(4, 3, dtype, seed), nn.Sequential(Dense(3, 2, dtype, seed + 10)), Permuted(seed))


def same(a: Any, b: Any) -> bool:
    """The same array, bit for bit."""
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def same_states(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return list(a) == list(b) and all(same(a[name], b[name]) for name in a)


def raw_safetensors(header: dict[str, Any], data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def only(folder: Path, *names: str) -> None:
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)


# ------------------------------------------------------------------------------------------ round trips


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_a_model_comes_back(suffix: str, dtype: Any, tmp_path: Path) -> None:
    model, other = network(0, dtype), network(1, dtype)
    path = tmp_path / f"model{suffix}"
    nn.save(model, path, metadata={"epoch": "3"})
    assert not same_states(model.state_dict(), other.state_dict())
    assert nn.load(path, other) is other
    assert same_states(model.state_dict(), other.state_dict())
    assert nn.read_metadata(path) == {"epoch": "3"}
    only(tmp_path, path.name)


def test_the_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    nn.save({"w": np.ones(2)}, tmp_path / "a.NPZ")
    assert same(nn.load(tmp_path / "a.NPZ")["w"], np.ones(2))


def test_npz_keeps_our_layout_and_numpy_reads_it(tmp_path: Path) -> None:
    model = network()
    nn.save(model, tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as archive:
        assert same_states(dict(archive), model.state_dict())


def test_what_numpy_writes_loads(tmp_path: Path) -> None:
    model, other = network(0), network(1)
    np.savez_compressed(tmp_path / "m.npz", **model.state_dict())
    nn.load(tmp_path / "m.npz", other)
    assert same_states(model.state_dict(), other.state_dict())


def test_safetensors_has_pytorchs_layout(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    model = network()
    nn.save(model, tmp_path / "m.safetensors")
    stored = load_file(tmp_path / "m.safetensors")
    assert same(stored["0.weight"], model[0].weight.numpy().T)
    assert same(stored["1.0.weight"], model[1][0].weight.numpy().T)
    assert same(stored["2.kernel"], np.transpose(model[2].kernel.numpy(), (2, 0, 1)))
    assert same(stored["0.count"], np.array(0))
    assert same_states(
        {k: stored[k] for k in sorted(stored)}, dict(sorted(nn.load(tmp_path / "m.safetensors").items()))
    )


def test_safetensors_says_it_has_pytorchs_layout(tmp_path: Path) -> None:
    from safetensors import safe_open

    nn.save(network(), tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", "np") as file:
        assert file.metadata()["format"] == "pt"
    assert nn.read_metadata(tmp_path / "m.safetensors") == {}


def test_a_module_that_is_used_twice_is_turned_under_both_names(tmp_path: Path) -> None:
    shared, other = Dense(2, 3), Dense(2, 3, seed=4)
    nn.save(nn.Sequential(shared, shared), tmp_path / "m.safetensors")
    assert nn.load(tmp_path / "m.safetensors")["1.weight"].shape == (3, 2)
    nn.load(tmp_path / "m.safetensors", nn.Sequential(other, other))
    assert same_states(shared.state_dict(), other.state_dict())


def test_a_file_of_save_model_lacks_the_second_name_of_a_shared_parameter(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    shared = Dense(2, 3)
    kept = {f"0.{name}": np.array(array.T, order="C") for name, array in shared.state_dict().items()}
    save_file(kept, tmp_path / "m.safetensors", metadata={f"1.{name}": f"0.{name}" for name in shared.state_dict()})
    model = nn.load(tmp_path / "m.safetensors", nn.Sequential(Dense(2, 3, seed=1), Dense(2, 3, seed=2)))
    assert same_states(model[0].state_dict(), shared.state_dict())
    assert same_states(model[1].state_dict(), shared.state_dict())


ARRAYS = hnp.arrays(
    st.sampled_from(["<f4", ">f4", "f8", "f2", "i8", ">i4", "i2", "i1", "u1", "u2", "u4", "u8", "?", "c8"]),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(
    state=st.dictionaries(NAMES, ARRAYS, max_size=4),
    metadata=st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_state_comes_back(suffix: str, state: dict[str, Any], metadata: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / f"state{suffix}"
    nn.save(state, path, metadata=metadata)
    found = nn.load(path)
    assert found.keys() == state.keys()
    for name, array in state.items():
        native = array.astype(array.dtype.newbyteorder("=")) if suffix == ".safetensors" else array
        assert same(found[name], native)
        assert found[name].flags.writeable
    assert nn.read_metadata(path) == metadata


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_memory_order_comes_back(suffix: str, tmp_path: Path) -> None:
    a = np.arange(24.0).reshape(2, 3, 4)
    state = {
        "F": np.asfortranarray(a),
        "T": a.transpose(1, 2, 0),
        "step": a[:, ::-2, 1::2],
        "zero": np.broadcast_to(a[0, 0], (3, 4)),
    }
    nn.save(state, tmp_path / f"a{suffix}")
    assert same_states(dict(sorted(nn.load(tmp_path / f"a{suffix}").items())), dict(sorted(state.items())))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_content_is_the_same_file(suffix: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        nn.save(network(), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_arrays_of_safetensors_begin_at_multiples_of_their_items(tmp_path: Path) -> None:
    nn.save(
        {"a": np.ones(3, bool), "b": np.ones(3, np.float16), "c": np.ones(3), "d": np.ones(1, np.float32)},
        tmp_path / "m.safetensors",
    )
    content = (tmp_path / "m.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    for name, size in {"a": 1, "b": 2, "c": 8, "d": 4}.items():
        assert header[name]["data_offsets"][0] % size == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tensors_and_numbers_are_arrays(suffix: str, tmp_path: Path) -> None:
    nn.save({"t": ag.Tensor([1.0, 2.0], requires_grad=True), "s": np.float32(3.0), "n": 4}, tmp_path / f"a{suffix}")
    found = nn.load(tmp_path / f"a{suffix}")
    assert same(found["t"], np.array([1.0, 2.0]))
    assert same(found["s"], np.array(3.0, np.float32))
    assert same(found["n"], np.array(4))


# ------------------------------------------------------------------------------------- kinds of numbers


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("stored", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("own", [np.float16, np.float32, np.float64])
def test_precision_is_the_models(suffix: str, stored: Any, own: Any, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    nn.save(Dense(3, 2, stored, seed=1), path)
    model = nn.load(path, Dense(3, 2, own))
    assert model.weight.dtype == own
    assert same(model.weight.numpy(), Dense(3, 2, stored, seed=1).weight.numpy().astype(own))


def test_bfloat16_is_read(tmp_path: Path) -> None:
    values = np.array([[1.0, -2.5, 3.140625], [0.0, np.inf, 2.0**-130]], np.float32)
    halves = (values.view(np.uint32) >> 16).astype("<u2")
    (tmp_path / "m.safetensors").write_bytes(
        raw_safetensors({"w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}, halves.tobytes())
    )
    found = nn.load(tmp_path / "m.safetensors")["w"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, (halves.astype(np.uint32) << 16).view(np.float32))
    np.testing.assert_array_equal(found[0], values[0])


def test_a_dtype_that_numpy_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(
        raw_safetensors({"w": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}, b"ab")
    )
    with pytest.raises(SavingError, match=r"m\.safetensors.*w has dtype F8_E4M3.*\.float\(\)"):
        nn.load(tmp_path / "m.safetensors")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("weight", np.ones((3, 2), np.int64), "int64 in the file, float32 in the model"),
        ("weight", np.ones((3, 2), np.complex64), "complex64 in the file, float32 in the model"),
        ("weight", np.full((3, 2), 1e200), "beyond the range of float32"),
        ("count", np.array(1.0), "float64 in the file, int64 in the model"),
        ("count", np.array(2**63, np.uint64), "beyond the range of int64"),
        ("mask", np.ones(3, np.uint8), "uint8 in the file, bool in the model"),
    ],
)
def test_other_kinds_of_numbers_are_refused(suffix: str, name: str, value: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    state = Dense(3, 2, seed=1).state_dict()
    state[name] = value
    if suffix == ".safetensors":
        state["weight"] = state["weight"].T
    nn.save(state, path)
    model = Dense(3, 2)
    with pytest.raises(
        SavingError, match=rf"m\{suffix} does not fit the model, which stays as it was: {name}: .*{words}"
    ):
        nn.load(path, model)
    assert same_states(model.state_dict(), Dense(3, 2).state_dict())


def test_infinities_and_nan_come_back(tmp_path: Path) -> None:
    model = Dense(1, 3, np.float64)
    model.bias.writable()[...] = [np.inf, -np.inf, np.nan]
    nn.save(model, tmp_path / "m.npz")
    np.testing.assert_array_equal(nn.load(tmp_path / "m.npz", Dense(1, 3)).bias.numpy(), [np.inf, -np.inf, np.nan])


# ----------------------------------------------------------------------------------- what does not fit


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_that_do_not_fit(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    nn.save(nn.Sequential(Dense(4, 3, seed=5), Dense(3, 2, seed=5)), path)
    model = network()
    before = model.state_dict()
    with pytest.raises(SavingError) as caught:
        nn.load(path, model)
    words = str(caught.value)
    assert str(path) in words
    assert "the model has, but the file has not: 1.0.weight, 1.0.bias, 1.0.count, 1.0.mask, 2.kernel" in words
    assert "the file has, but the model has not: 1." in words
    assert "strict=False" in words
    assert same_states(model.state_dict(), before)
    nn.load(path, model, strict=False)
    assert same_states(model[0].state_dict(), Dense(4, 3, seed=5).state_dict())
    assert same_states(model[1].state_dict(), network()[1].state_dict())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("strict", [True, False])
def test_shapes_that_do_not_fit(suffix: str, strict: bool, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    nn.save(Dense(4, 3, seed=1), path)
    model = Dense(4, 5)
    with pytest.raises(SavingError) as caught:
        nn.load(path, model, strict=strict)
    words = str(caught.value)
    if suffix == ".npz":
        assert "weight: shape (4, 3) in the file, (4, 5) in the model" in words
    else:
        assert "weight: shape (3, 4) in the file, (5, 4) in the model (in PyTorch's layout; (4, 5) here)" in words
    assert "bias: shape (3,) in the file, (5,) in the model" in words
    assert same_states(model.state_dict(), Dense(4, 5).state_dict())


def test_a_square_matrix_is_turned_too(tmp_path: Path) -> None:
    nn.save(Dense(3, 3, seed=1), tmp_path / "m.safetensors")
    assert same(nn.load(tmp_path / "m.safetensors")["weight"], Dense(3, 3, seed=1).weight.numpy().T)
    assert same(nn.load(tmp_path / "m.safetensors", Dense(3, 3)).weight.numpy(), Dense(3, 3, seed=1).weight.numpy())


# ------------------------------------------------------------------------------------------ damaged files


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("contents")
    found = {}
    for suffix in SUFFIXES:
        nn.save(Dense(4, 3, seed=1), folder / f"m{suffix}", metadata={"epoch": "3"})
        found[suffix] = (folder / f"m{suffix}").read_bytes()
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_truncation_is_noticed(suffix: str, contents: dict[str, bytes], tmp_path: Path) -> None:
    content, path = contents[suffix], tmp_path / f"m{suffix}"
    model = Dense(4, 3)
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(SavingError, match=rf"m\{suffix} cannot be read: "):
            nn.load(path, model)
    assert same_states(model.state_dict(), Dense(4, 3).state_dict())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_flipped_bit_is_noticed_or_does_no_harm(suffix: str, contents: dict[str, bytes], tmp_path: Path) -> None:
    content, path = bytearray(contents[suffix]), tmp_path / f"m{suffix}"
    path.write_bytes(content)
    right = nn.load(path)
    rng = np.random.default_rng(0)
    noticed = 0
    for position in rng.choice(len(content), min(len(content), 700), replace=False):
        bit = 1 << int(rng.integers(8))
        content[position] ^= bit
        path.write_bytes(content)
        try:
            found = nn.load(path)
        except SavingError:
            noticed += 1
        else:
            assert same_states(found, right), position
        content[position] ^= bit
    assert noticed > 300


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\0" * 100, b"\xff" * 100, b"hello" * 50, bytes(range(256))])
def test_other_content_is_refused(suffix: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / f"m{suffix}").write_bytes(content)
    with pytest.raises(SavingError, match="cannot be read"):
        nn.load(tmp_path / f"m{suffix}")


def test_the_other_format_is_refused(contents: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(contents[".safetensors"])
    (tmp_path / "a.safetensors").write_bytes(contents[".npz"])
    for name in ("a.npz", "a.safetensors"):
        with pytest.raises(SavingError, match="of another format"):
            nn.load(tmp_path / name)


def test_pickles_are_never_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", weight=np.array([{"a": 1}, None], object))
    with pytest.raises(SavingError, match="pickle"):
        nn.load(tmp_path / "m.npz")
    with pytest.raises(SavingError, match="pickle"):
        nn.load_checkpoint(tmp_path / "m.npz")


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data


@pytest.mark.parametrize(
    "content",
    [
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}", b"\0" * 8),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}", b"\0" * 8),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", b"\0" * 24),
        npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", b"\0" * 8),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': ()}", b"cos\nsystem\n"),
        npy("{'descr': '<M8[s]', 'fortran_order': False, 'shape': ()}", b"\0" * 8),
        npy("not a header"),
        b"\x93NUMPY",
        b"text",
    ],
)
def test_entries_that_are_no_plain_arrays_are_refused(content: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("w.npy", content)
    with pytest.raises(SavingError, match=r"m\.npz cannot be read: its entry 'w'"):
        nn.load(tmp_path / "m.npz")


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    one = npy("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", b"\0" * 8)
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("w.npy", one)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("w.npy", one)
    with pytest.raises(SavingError, match="two entries named"):
        nn.load(tmp_path / "m.npz")


def test_a_foreign_entry_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(SavingError, match=r"entries that are no arrays: readme\.txt"):
        nn.load(tmp_path / "m.npz")


def test_altered_values_of_safetensors_are_noticed_and_foreign_files_have_no_checksum(
    contents: dict[str, bytes], tmp_path: Path
) -> None:
    content = bytearray(contents[".safetensors"])
    content[-1] ^= 1
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(SavingError, match="checksum"):
        nn.load(tmp_path / "m.safetensors")
    (tmp_path / "f.safetensors").write_bytes(
        raw_safetensors({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, struct.pack("<f", 2.5))
    )
    assert same(nn.load(tmp_path / "f.safetensors")["w"], np.array([2.5], np.float32))


# ----------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("function", [lambda p: nn.save({}, p), nn.load, nn.read_metadata])
def test_other_suffixes_are_refused(function: Any, tmp_path: Path) -> None:
    for name in ("m.pt", "m.pth", "m.ckpt", "m.pkl"):
        with pytest.raises(SavingError, match=r"safetensors\.torch\.save_file"):
            function(tmp_path / name)
    for name in ("m", "m.npy", "m.npz.gz"):
        with pytest.raises(SavingError, match=r"must be \.npz or \.safetensors"):
            function(tmp_path / name)
    only(tmp_path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"w": np.array([None])}, "pickle"),
        ({"w": np.array(["a"])}, "no plain numbers"),
        ({"w": np.zeros(2, "f4,i4")}, "no plain numbers"),
        ({"w": "text"}, "no array of numbers but str"),
        ({"w": [1.0]}, "no array of numbers but list"),
        ({"w": np.ma.array([1.0])}, "no array of numbers but MaskedArray"),
        ({"w": {"a": np.ones(1)}}, "save_checkpoint"),
        ({1: np.ones(1)}, "not a name"),
    ],
)
def test_states_that_cannot_be_written(suffix: str, state: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"old")
    with pytest.raises(SavingError, match=words):
        nn.save(state, path)
    assert path.read_bytes() == b"old"
    only(tmp_path, path.name)


@pytest.mark.parametrize("dtype", [np.complex128, np.longdouble])
def test_dtypes_that_only_npz_holds(dtype: Any, tmp_path: Path) -> None:
    if np.dtype(dtype) == np.float64:
        pytest.skip("long double is double here")
    nn.save({"w": np.ones(2, dtype)}, tmp_path / "m.npz")
    assert same(nn.load(tmp_path / "m.npz")["w"], np.ones(2, dtype))
    with pytest.raises(SavingError, match=r"w has dtype .*save as \.npz"):
        nn.save({"w": np.ones(2, dtype)}, tmp_path / "m.safetensors")


def test_metadata_are_texts(tmp_path: Path) -> None:
    for metadata in ({"a": 1}, {1: "a"}):
        with pytest.raises(SavingError, match="texts by name"):
            nn.save({}, tmp_path / "m.npz", metadata=metadata)  # type: ignore[arg-type]
    with pytest.raises(SavingError, match="taken by the format"):
        nn.save({}, tmp_path / "m.npz", metadata={"format": "pt"})
    with pytest.raises(SavingError, match="taken by the format"):
        nn.save({"__metadata__": np.ones(1)}, tmp_path / "m.safetensors")


def test_other_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a Module or a dictionary of arrays, not list"):
        nn.save([np.ones(1)], tmp_path / "m.npz")  # type: ignore[arg-type]
    nn.save({}, tmp_path / "m.npz")
    with pytest.raises(TypeError, match="model is a Module, not dict"):
        nn.load(tmp_path / "m.npz", {})  # type: ignore[call-overload]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in ("m.npz", "m.safetensors"):
        with pytest.raises(FileNotFoundError, match=name.replace(".", r"\.")):
            nn.load(tmp_path / name)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_that_is_not_there(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere"):
        nn.save({}, tmp_path / "nowhere" / f"m{suffix}")
    (tmp_path / f"m{suffix}").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        nn.save({}, tmp_path / f"m{suffix}")


def test_the_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nn.save({"w": np.ones(1)}, tmp_path / "m.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r'pip install "autograd-np\[safetensors\]"'):
        nn.load(tmp_path / "m.safetensors")
    nn.save({}, tmp_path / "n.npz")
    nn.load(tmp_path / "n.npz")


# ------------------------------------------------------------------------------------ whole or not at all


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file(
    suffix: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"m{suffix}"
    nn.save({"w": np.ones(2)}, path)
    old = path.read_bytes()

    def fail(*_: Any) -> None:
        raise error

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            if name == "replace":
                patch.setattr(Path, "replace", fail)
            with pytest.raises(type(error)):
                nn.save({"w": np.zeros(2)}, path)
        assert path.read_bytes() == old
        only(tmp_path, path.name)


def test_the_content_is_on_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("fsync"), fsync(fd)))
    monkeypatch.setattr(Path, "replace", lambda self, target: (order.append("replace"), replace(self, target))[1])
    nn.save_checkpoint(tmp_path / "c.npz", a=1)
    assert order[:2] == ["fsync", "replace"]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_permissions_are_those_of_a_new_file_and_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    nn.save({"w": np.ones(1)}, tmp_path / "runs" / "m.npz")
    (tmp_path / "plain").write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "runs" / "m.npz").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "plain").stat().st_mode
    )
    (tmp_path / "latest.npz").symlink_to(Path("runs", "m.npz"))
    nn.save({"w": np.zeros(1)}, tmp_path / "latest.npz")
    assert (tmp_path / "latest.npz").is_symlink()
    assert same(nn.load(tmp_path / "runs" / "m.npz")["w"], np.zeros(1))


# ---------------------------------------------------------------- the layout of PyTorch's matrices


class FakeTensor:
    """What is asked of a tensor of PyTorch, which need not be installed."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def detach(self) -> Any:
        return self

    def cpu(self) -> Any:
        return self

    def numpy(self) -> Any:
        if self.array is None:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.array


FakeTensor.__module__ = "torch"
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "square": lambda: nn.Linear(3, 3),
    "linear": lambda: nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 5)),
    "convolution": lambda: nn.Conv2d(2, 3, 3),
    "cell": lambda: nn.GRUCell(3, 3),
    "lstm": lambda: nn.LSTM(3, 4, num_layers=2),
    "attention": lambda: nn.MultiheadAttention(4, 2),
    "tied": lambda: nn.Sequential(*[nn.Linear(3, 3)] * 2),
}


@pytest.mark.parametrize("name", LAYERS)
def test_states_of_pytorch_are_turned(name: str) -> None:
    """Its files are in that layout: what is saved as one and read as plain arrays is what PyTorch has."""
    model, twin, third = LAYERS[name](), LAYERS[name](), LAYERS[name]()
    axes = model.torch_axes()
    theirs = {path: array.transpose(axes.get(path, range(array.ndim))) for path, array in model.state_dict().items()}
    twin.load_state_dict({path: FakeTensor(array) for path, array in theirs.items()})
    third.load_state_dict(theirs, layout="torch")
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[path], array)
        np.testing.assert_array_equal(third.state_dict()[path], array)


def test_a_state_that_fits_only_turned_says_so() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 5))
    theirs = {path: array.T for path, array in model.state_dict().items()}
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"fits turned: .* layout='torch'"):
        model.load_state_dict(theirs)
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[path])
    with pytest.raises(ValueError, match="layout is 'torch', or None for ours, not 'keras'"):
        model.load_state_dict(theirs, layout="keras")
    with pytest.raises(TypeError, match=r"0\.weight: Got unsupported .*\.float\(\)"):
        model.load_state_dict({path: FakeTensor(None) for path in theirs})
