"""Data sets, the loader and the point sets."""

from __future__ import annotations

import gc
import itertools
import json
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_np as ag
import nn
from nn import data
from nn.data import ArrayDataset, ConcatDataset, DataLoader, Dataset, Subset, collate, random_split


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)


def arrays(count: int = 10) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(3.0 * count, dtype=np.float32).reshape(count, 3), np.arange(count)


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    yield
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "nn.DataLoader"]


class Items(Dataset):
    """One by one, as anybody would write it."""

    def __init__(self, count: int = 10) -> None:
        self.x, self.y = arrays(count)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        return self.x[index], int(self.y[index])


class Bare:
    """No base class at all."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        return {"square": index**2, "half": index / 2}


class Pair(NamedTuple):
    x: Any
    y: Any


# ------------------------------------------------------------------------------------------ data sets


def test_array_dataset() -> None:
    x, y = arrays()
    found = ArrayDataset(x, y)
    assert len(found) == 10
    np.testing.assert_array_equal(found[3][0], x[3])
    assert found[3][1] == y[3]
    for index in (slice(2, 5), [1, 7], np.array([1, 7]), y % 2 == 0):
        assert same(found[index], (x[index], y[index]))
    assert data.TensorDataset is ArrayDataset
    assert repr(found) == "ArrayDataset(float32 (10, 3), int64 (10,))"


def test_array_dataset_by_name() -> None:
    x, y = arrays()
    found = ArrayDataset(image=x, label=ag.Tensor(x, requires_grad=True))
    assert same(found.batch(np.array([2, 0])), {"image": x[[2, 0]], "label": x[[2, 0]]})
    assert repr(found) == "ArrayDataset(image: float32 (10, 3), label: float32 (10, 3))"
    with pytest.raises(TypeError, match="all by name"):
        ArrayDataset(x, y=y)


@pytest.mark.parametrize("wrong", [(), (np.zeros(3), np.zeros(4)), (np.float64(1.0),), (np.zeros(3), 1.0)])
def test_array_dataset_refuses(wrong: Any) -> None:
    with pytest.raises(ValueError, match="ArrayDataset"):
        ArrayDataset(*wrong)


def test_subset_and_concatenation() -> None:
    x, y = arrays()
    part = Subset((x, y), [7, -1, 0])
    assert len(part) == 3
    assert part[1][1] == 9
    assert same(part[[2, 0]], (x[[0, 7]], y[[0, 7]]))
    assert same(part[1:], (x[[9, 0]], y[[9, 0]]))
    joined = ConcatDataset([part, Items(4), (x, y)])
    assert len(joined) == 17
    assert [int(joined[index][1]) for index in range(17)] == [7, 9, 0, 0, 1, 2, 3, *range(10)]
    assert [int(joined[index][1]) for index in range(-17, 0)] == [7, 9, 0, 0, 1, 2, 3, *range(10)]
    assert same(joined.batch(np.array([16, 0, 4, 1])), (x[[9, 7, 1, 9]], y[[9, 7, 1, 9]]))
    assert same(joined[2:4], (x[[0, 0]], y[[0, 0]]))
    assert same(joined[np.array([3])], (x[:1], y[:1]))
    by_name = ConcatDataset([{"x": x}, {"x": x + 1}])
    assert same(by_name.batch(np.array([10, 0])), {"x": np.stack([x[0] + 1, x[0]])})
    assert len(Subset((x, y), [])) == 0


def test_subset_and_concatenation_refuse() -> None:
    with pytest.raises(IndexError, match="index 10 is outside the data set of 10"):
        Subset(arrays(), [10])
    with pytest.raises(ValueError, match="one row of integers"):
        Subset(arrays(), [0.5])
    with pytest.raises(ValueError, match="no data sets"):
        ConcatDataset([])
    for index in (20, -21):
        with pytest.raises(IndexError, match="outside the 20"):
            ConcatDataset([arrays(), arrays()])[index]
    with pytest.raises(TypeError, match="generator is neither"):
        DataLoader(number for number in range(3))
    with pytest.raises(TypeError, match="names as keys"):
        DataLoader({0: np.zeros(3)})
    with pytest.raises(TypeError, match="without an axis"):
        DataLoader(np.array(3.0))


@given(st.integers(1, 50), st.lists(st.integers(1, 20), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_random_split_gives_out_every_item_once(size: int, weights: list[int], seed: int) -> None:
    fractions = [weight / sum(weights) for weight in weights]
    parts = random_split(np.arange(size), fractions, rng=seed)
    assert sorted(np.concatenate([part.indices for part in parts])) == list(range(size))
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - fraction * size) < len(parts) + 1
    again = random_split(np.arange(size), [len(part) for part in parts], rng=seed)
    assert all(np.array_equal(a.indices, b.indices) for a, b in zip(parts, again, strict=True))


def test_random_split_counts_as_people_do() -> None:
    assert [len(part) for part in random_split(np.zeros(100), [0.29, 0.71])] == [29, 71]
    assert [len(part) for part in random_split(np.zeros(10), [0.25, 0.25, 0.5])] == [3, 2, 5]
    assert [len(part) for part in random_split(np.zeros(1), [1])] == [1]
    for wrong in ([5, 4], [0.5, 0.4], [-1, 11], [float("nan")], []):
        with pytest.raises(ValueError, match="random_split"):
            random_split(np.zeros(10), wrong)


# ------------------------------------------------------------------------------------------- collate


def test_collate() -> None:
    assert same(collate([1, 2]), np.array([1, 2]))
    assert same(collate([1.5, 2]), np.array([1.5, 2], np.float32))
    assert same(collate([True, False]), np.array([True, False]))
    assert same(collate(["a", "bc"]), np.array(["a", "bc"]))
    assert same(collate([np.float64(1), np.float64(2)]), np.array([1.0, 2.0]))
    assert same(collate([ag.Tensor([1.0]), ag.Tensor([2.0], requires_grad=True)]), np.array([[1.0], [2.0]]))
    assert same(
        collate([{"a": (1, [2, 3])}, {"a": (4, [5, 6])}]),
        {"a": (np.array([1, 4]), (np.array([2, 5]), np.array([3, 6])))},
    )
    found = collate([Pair(1, np.zeros(2)), Pair(2, np.ones(2))])
    assert isinstance(found, Pair)
    assert found.y.shape == (2, 2)


@pytest.mark.parametrize(
    ("items", "error", "said"),
    [
        ([], ValueError, "no items"),
        ([np.zeros(2), np.zeros(3)], ValueError, r"item 1 has shape \(3,\).*collate_fn"),
        ([(1, 2), (1,)], ValueError, "item 1 has 1 parts"),
        ([(1, 2), 3], ValueError, "item 1 has int"),
        ([{"a": 1}, {"b": 1}], ValueError, r"item 1 has \['b'\]"),
        ([{"a": 1}, 1], ValueError, "item 1 has int"),
        ([object(), object()], TypeError, "collate_fn"),
    ],
)
def test_collate_refuses(items: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        collate(items)


# ------------------------------------------------------------------------------------------ the loader

SOURCES = [
    arrays(),
    ArrayDataset(*arrays()),
    Items(),
    {"x": arrays()[0]},
    arrays()[0],
    Bare(),
    list(range(7)),
    ConcatDataset([Items(3), arrays(2)]),
    Subset(Items(), [4, 5, 8]),
]


@given(st.sampled_from(SOURCES), st.integers(1, 12), st.booleans(), st.booleans(), st.integers(0, 3), st.integers(0, 5))
@settings(deadline=None, max_examples=60)
def test_an_epoch_gives_every_item_once(
    source: Any, batch_size: int, shuffle: bool, drop_last: bool, prefetch: int, seed: int
) -> None:
    size = (
        len(source[0]) if isinstance(source, tuple) else len(source["x"]) if isinstance(source, dict) else len(source)
    )
    if drop_last and size < batch_size:
        with pytest.raises(ValueError, match="drop_last leaves no batch"):
            DataLoader(source, batch_size, drop_last=True)
        return
    loader = DataLoader(source, batch_size, shuffle, drop_last=drop_last, rng=seed, prefetch=prefetch)
    plain = DataLoader(source, batch_size, shuffle, drop_last=drop_last, rng=seed)
    for _ in range(2):
        batches, again = list(loader), list(plain)
        assert same(batches, again), "prefetching changes nothing, and the same seed gives the same order"
        assert len(batches) == len(loader)
        firsts = [
            next(iter(batch.values())) if isinstance(batch, dict) else batch[0] if isinstance(batch, tuple) else batch
            for batch in batches
        ]
        assert all(
            isinstance(first, np.ndarray) and first.flags.c_contiguous and first.flags.owndata for first in firsts
        )
        sizes = [len(first) for first in firsts]
        assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
        assert sum(sizes) == (size - size % batch_size if drop_last else size)
        if not drop_last:
            together = np.sort(np.concatenate([first.ravel() for first in firsts]))
            whole = next(iter(DataLoader(source, size)))
            whole = (
                next(iter(whole.values()))
                if isinstance(whole, dict)
                else whole[0]
                if isinstance(whole, tuple)
                else whole
            )
            np.testing.assert_array_equal(together, np.sort(whole.ravel()))


def test_each_epoch_has_an_order_of_its_own() -> None:
    loader = DataLoader(np.arange(50), 50, shuffle=True, rng=3)
    first, second = next(iter(loader)), next(iter(loader))
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first), np.arange(50))
    in_order = DataLoader(np.arange(5), 5)
    assert np.array_equal(next(iter(in_order)), np.arange(5))


def test_a_loader_without_a_seed_follows_the_seed_of_the_process() -> None:
    def order() -> Any:
        nn.manual_seed(5)
        loader = DataLoader(np.arange(20), 20, shuffle=True)
        nn.defaults.default_generator().random(3)  # whoever else draws does not disturb the loader
        return next(iter(loader))

    assert same(order(), order())
    given_generator = np.random.default_rng(1)
    assert DataLoader(np.arange(20), shuffle=True, rng=given_generator).rng is given_generator


def test_batches_are_copies() -> None:
    x = np.zeros((4, 2))
    for batch in DataLoader(x, 2):
        batch += 1
    assert not x.any()


def test_the_sampler_gives_the_order() -> None:
    loader = DataLoader(np.arange(10), 2, sampler=[3, 3, 1, 0, 9])
    assert len(loader) == 3
    for _ in range(2):
        assert [list(batch) for batch in loader] == [[3, 3], [1, 0], [9]]
    with pytest.raises(ValueError, match="iterator, which is used up"):
        DataLoader(np.arange(10), sampler=iter([1]))
    with pytest.raises(ValueError, match="shuffle=True has no meaning"):
        DataLoader(np.arange(10), shuffle=True, sampler=[1])


def test_collate_fn_takes_the_items() -> None:
    loader = DataLoader([[1], [2, 3]], 2, collate_fn=lambda items: [number for item in items for number in item])
    assert list(loader) == [[1, 2, 3]]


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_size": 1.0}, {"batch_size": True}, {"prefetch": -1}])
def test_senseless_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        DataLoader(np.arange(3), **options)
    assert (
        repr(DataLoader(np.arange(3), 2, True, rng=0, prefetch=1))
        == "DataLoader(3 items, batch_size=2, shuffle=True, prefetch=1)"
    )
    assert list(DataLoader(np.zeros((0, 2)), 4)) == []


# ---------------------------------------------------------------------------------- where it stands


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("stop", range(12))
def test_a_loaded_state_goes_on_with_the_very_same_batches(stop: int, prefetch: int) -> None:
    def loader() -> DataLoader:
        return DataLoader(np.arange(7), 2, shuffle=True, rng=11, prefetch=prefetch)

    whole = loader()
    expected = [list(batch) for _ in range(4) for batch in whole]  # 4 batches an epoch
    broken = loader()
    seen = []
    state = broken.state_dict()
    for batch in itertools.chain.from_iterable(broken for _ in range(4)):
        if len(seen) == stop:
            break
        seen.append(list(batch))
        state = json.loads(json.dumps(broken.state_dict()))
    resumed = DataLoader(np.arange(7), 2, shuffle=True, rng=99, prefetch=prefetch)
    resumed.load_state_dict(state)
    epochs = 4 - resumed.epoch
    rest = [list(batch) for _ in range(epochs) for batch in resumed]
    assert seen + rest == expected
    assert resumed.epoch == whole.epoch == 4


def test_a_loop_left_early_is_an_epoch() -> None:
    loader = DataLoader(np.arange(6), 2, shuffle=True, rng=0)
    for _ in loader:
        break
    gc.collect()
    state = loader.state_dict()
    assert state["epoch"] == 1
    assert state["batch"] == 0
    other = DataLoader(np.arange(6), 2, shuffle=True, rng=1)
    other.load_state_dict(state)
    assert same(list(loader), list(other))


def test_two_loops_at_once_do_not_disturb_each_other() -> None:
    loader = DataLoader(np.arange(6), 2, shuffle=True, rng=0)
    for pair in zip(loader, loader, strict=True):
        assert len(pair) == 2
    assert sum(len(batch) for batch in loader) == 6


def test_states_that_do_not_fit_are_refused() -> None:
    shuffled, in_order = DataLoader(np.arange(6), 2, shuffle=True, rng=0), DataLoader(np.arange(6), 2)
    good = shuffled.state_dict()
    in_order.load_state_dict(in_order.state_dict())
    with pytest.raises(ValueError, match="shuffle=True, this one has shuffle=False"):
        in_order.load_state_dict(good)
    with pytest.raises(ValueError, match="keys"):
        shuffled.load_state_dict({"epoch": 1})
    with pytest.raises(ValueError, match="batch 3; an epoch of this loader has 3"):
        shuffled.load_state_dict({**good, "batch": 3})
    other = DataLoader(np.arange(6), 2, shuffle=True, rng=np.random.Generator(np.random.MT19937(0)))
    with pytest.raises(ValueError, match="does not fit a PCG64"):
        shuffled.load_state_dict(other.state_dict())
    assert shuffled.state_dict() == good


# --------------------------------------------------------------------------------------- the thread


class Failing(Dataset):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        if index == 3:
            raise LookupError("no such item")
        return index


@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_an_exception_arrives_with_its_traceback(prefetch: int) -> None:
    loop = iter(DataLoader(Failing(), 1, prefetch=prefetch))
    assert [int(next(loop)[0]) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(LookupError, match="no such item") as caught:
        next(loop)
    assert any(
        frame.name == "__getitem__" and frame.filename == __file__
        for frame in traceback.extract_tb(caught.value.__traceback__)
    )


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_leaving_early_ends_the_thread(taken: int) -> None:
    loop = iter(DataLoader(np.arange(1000), 1, prefetch=2))
    for _ in range(taken):
        next(loop)
    loop.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "nn.DataLoader"]


def test_the_thread_stays_the_given_number_of_batches_ahead() -> None:
    fetched = []

    class Watched(Dataset):
        def __len__(self) -> int:
            return 20

        def __getitem__(self, index: int) -> int:
            fetched.append(index)
            return index

    loop = iter(DataLoader(Watched(), 1, prefetch=3))
    next(loop)
    deadline = time.monotonic() + 5
    while len(fetched) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert fetched == [0, 1, 2, 3], "the one in use, and three"
    loop.close()  # type: ignore[attr-defined]


def test_the_thread_works_in_the_context_of_the_loop() -> None:
    class Modes(Dataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> bool:
            return ag.is_grad_enabled()

    loader = DataLoader(Modes(), 2, prefetch=1)
    assert next(iter(loader)).all()
    with ag.no_grad():
        assert not next(iter(loader)).any()


def test_a_data_set_without_methods_says_so() -> None:
    with pytest.raises(NotImplementedError, match="__len__"):
        len(Dataset())
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]


# ------------------------------------------------------------------------------------- the point sets

POINT_SETS = {
    "spiral": (lambda rng: data.spiral(50, rng=rng), 150, 3),
    "spiral nnfs": (lambda rng: data.spiral(50, 5, form="nnfs", rng=rng), 250, 5),
    "xor": (lambda rng: data.xor(10, 0.1, rng=rng), 40, 2),
    "moons": (lambda rng: data.moons(50, rng=rng), 100, 2),
    "circles": (lambda rng: data.circles(50, rng=rng), 100, 2),
    "blobs": (lambda rng: data.blobs(50, 4, rng=rng), 200, 4),
    "checkerboard": (lambda rng: data.checkerboard(300, rng=rng), 300, 2),
}


@pytest.mark.parametrize("name", POINT_SETS)
def test_point_sets(name: str) -> None:
    make, count, classes = POINT_SETS[name]
    x, y = make(4)
    assert x.shape == (count, 2)
    assert x.dtype == np.float32
    assert y.shape == (count,)
    assert y.dtype == np.int64
    assert set(y) == set(range(classes))
    assert np.isfinite(x).all()
    assert same((x, y), make(4))
    assert same((x, y), make(np.random.default_rng(4)))
    assert not same((x, y), make(5))
    nn.manual_seed(1)
    first = make(None)
    nn.manual_seed(1)
    assert same(first, make(None))


def test_point_sets_are_their_formulas() -> None:
    t = np.linspace(0, np.pi, 7)
    x, _ = data.moons(7, noise=0.0)
    np.testing.assert_allclose(
        x,
        np.concatenate([np.column_stack([np.cos(t), np.sin(t)]), np.column_stack([1 - np.cos(t), 0.5 - np.sin(t)])]),
        atol=1e-6,
    )
    x, y = data.circles(9, noise=0.0, factor=0.25)
    np.testing.assert_allclose(np.hypot(*x.T), np.where(y == 0, 1, 0.25), rtol=1e-6)
    x, y = data.blobs(2, noise=0.0, centers=[[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(x, [[1, 2, 3], [1, 2, 3], [4, 5, 6], [4, 5, 6]])
    for form, winding in (("cs231n", 1.0), ("nnfs", 2.5)):
        x, y = data.spiral(40, noise=0.0, form=form)  # type: ignore[arg-type]
        radius = np.tile(np.linspace(0, 1, 40), 3)
        angle = winding * 4 * (y + radius)
        np.testing.assert_allclose(x, np.column_stack([radius * np.sin(angle), radius * np.cos(angle)]), atol=1e-6)
    x, y = data.checkerboard(500, 2, rng=0)
    np.testing.assert_array_equal(y, np.sum(x >= 0, axis=1) % 2)
    assert np.all(np.abs(x) <= 1)
    x, values = data.sine(8)
    assert x.dtype == values.dtype == np.float32
    np.testing.assert_allclose(values, np.sin(2 * np.pi * x), atol=1e-6)
    assert np.std(data.sine(2000, 0.1, rng=0)[1] - np.sin(2 * np.pi * data.sine(2000)[0])) == pytest.approx(
        0.1, rel=0.1
    )


def test_the_bayes_limits_of_the_spirals() -> None:
    """What the best classifier, which knows radius, arms and noise, can tell: nearly all of one form, 91 % of the
    other."""
    for form, winding, limit in (("cs231n", 1.0, 0.9999), ("nnfs", 2.5, 0.910)):
        x, y = data.spiral(40_000, form=form, rng=0)  # type: ignore[arg-type]
        radius, angle = np.hypot(*x.T), np.arctan2(*x.T)
        away = np.stack([angle - winding * 4 * (arm + radius) for arm in range(3)])
        turns = 2 * np.pi * np.arange(-2, 3)[:, None, None]
        away = (away + np.pi) % (2 * np.pi) - np.pi
        likelihood = np.exp(-0.5 * ((away + turns) / (0.2 * winding)) ** 2).sum(axis=0)
        assert np.mean(np.argmax(likelihood, axis=0) == y) == pytest.approx(limit, abs=0.002)


@pytest.mark.parametrize(
    "senseless",
    [
        lambda: data.spiral(0),
        lambda: data.spiral(10, 0),
        lambda: data.spiral(10, noise=-1),
        lambda: data.spiral(form="other"),
        lambda: data.moons(2.5),
        lambda: data.circles(factor=1.0),
        lambda: data.blobs(centers=[1, 2]),
        lambda: data.checkerboard(cells=0),
        lambda: data.xor(noise=float("nan")),
        lambda: data.sine(True),
    ],
)
def test_point_sets_refuse(senseless: Any) -> None:
    with pytest.raises(ValueError):
        senseless()
    with pytest.raises(TypeError, match="rng"):
        data.spiral(rng="seed")  # type: ignore[arg-type]
