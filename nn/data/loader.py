"""The loader: a data set in shuffled batches, epoch after epoch, prepared ahead on a thread if wished."""

from __future__ import annotations

import contextvars
import copy
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..defaults import default_generator, generator_of
from .sets import as_dataset, take

__all__ = ["DataLoader"]


class _Failure(NamedTuple):
    """An exception on its way from the thread to the consumer."""

    error: BaseException


@dataclass
class _Epoch:
    """A loop that is under way: the generator's state before it, and the batches that the consumer has got, of how many."""

    before: Any
    given: int
    total: int


_END = object()


class DataLoader:
    """Batches of a data set: iterate over it once per epoch.

    Args:
        dataset: a data set (see :class:`Dataset`; any object with a length and items by number), a tuple of arrays (batches are tuples),
            a dict of arrays (batches are dicts), or one array (batches are arrays).
        batch_size: items in a batch. The last batch has what is left.
        shuffle: a new random order for each epoch, instead of the order of the set.
        drop_last: leave out a last batch that is not full.
        rng: the generator that shuffles, or a seed for one. None draws a seed from the default generator, so that after
            :func:`nn.manual_seed` a run has the same orders. The loader should be the only one to draw from it.
        collate_fn: makes a batch of a list of items, instead of :func:`collate`. Items are then fetched one by one.
        prefetch: how many batches are prepared ahead of the one in use, by a thread of its own. 0 prepares each when it is asked for. Batches are the
            same either way; an exception in the thread reaches the consumer with its traceback; leaving the loop early ends the thread.
        sampler: numbers of the items in the order wanted, iterated over anew each epoch, instead of ``shuffle``.

    Batches are contiguous NumPy arrays that own their memory: writing into one leaves the data set as it was.

    Raises:
        ValueError: a batch size below 1, ``sampler`` with ``shuffle``, a negative ``prefetch``, or ``drop_last`` with a data set smaller than one batch.

    >>> loader = DataLoader((np.arange(10.0), np.arange(10)), batch_size=4, shuffle=True, rng=0)
    >>> [len(x) for x, y in loader], len(loader)
    ([4, 4, 2], 3)
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        rng: np.random.Generator | int | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        prefetch: int = 0,
        sampler: Iterable[int] | None = None,
    ) -> None:
        checks: list[tuple[str, Any, int]] = [("batch_size", batch_size, 1), ("prefetch", prefetch, 0)]
        for name, value, low in checks:
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
                raise ValueError(f"DataLoader: {name} is an integer of at least {low}, not {value!r}")
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: sampler gives the order itself, so shuffle=True has no meaning beside it")
        if isinstance(sampler, Iterator):
            raise ValueError(
                "DataLoader: sampler is an iterator, which is used up after one epoch; give a list, an array, or an object whose __iter__ starts anew"
            )
        self.dataset = as_dataset(dataset)
        self.batch_size = int(batch_size)
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        self.collate_fn = collate_fn
        self.prefetch = int(prefetch)
        self.sampler = sampler
        if drop_last and sampler is None and 0 < len(self.dataset) < self.batch_size:
            raise ValueError(
                f"DataLoader: drop_last leaves no batch of {self.batch_size} items in a data set of {len(self.dataset)}"
            )
        self.rng: np.random.Generator | None = None
        if shuffle:
            self.rng = (
                np.random.default_rng(int(default_generator().integers(2**63))) if rng is None else generator_of(rng)
            )
        self._epoch = 0
        self._skip = 0  # batches of the next loop that a loaded state says were given out before
        self._running: _Epoch | None = None

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        items = len(self.dataset) if self.sampler is None else len(self.sampler)  # type: ignore[arg-type]
        return items // self.batch_size if self.drop_last else -(-items // self.batch_size)

    @property
    def epoch(self) -> int:
        """The number of epochs that were gone through, a broken-off one included."""
        return self._epoch

    def __iter__(self) -> Iterator[Any]:
        """Go through one epoch, or through the rest of the one that a loaded state stands in."""
        before = None if self.rng is None else copy.deepcopy(self.rng.bit_generator.state)
        chunks = self._chunks()
        skip, self._skip = min(self._skip, len(chunks)), 0
        running = self._running = _Epoch(before, skip, len(chunks))
        batches = (self._fetch(chunk) for chunk in chunks[skip:])
        ahead = _prefetched(batches, self.prefetch) if self.prefetch else batches
        try:
            for batch in ahead:
                running.given += 1
                yield batch
        finally:
            ahead.close()
            if self._running is running:
                self._running = None
                self._epoch += 1

    def _chunks(self) -> Sequence[NDArray[np.int64]]:
        """The numbers of the items of each batch of an epoch."""
        if self.sampler is not None:
            order = np.asarray(list(self.sampler), dtype=np.int64)
        elif self.rng is not None:
            order = self.rng.permutation(len(self.dataset))
        else:
            order = np.arange(len(self.dataset))
        stop = len(order) - len(order) % self.batch_size if self.drop_last else len(order)
        return [order[start : start + self.batch_size] for start in range(0, stop, self.batch_size)]

    def _fetch(self, indices: NDArray[np.int64]) -> Any:
        if self.collate_fn is not None:
            return self.collate_fn([self.dataset[int(index)] for index in indices])
        return take(self.dataset, indices)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, in numbers, strings and dicts: JSON can hold it (with NumPy's default bit generator).

        A loader that was built alike and loads it goes on with exactly the batches that this one would give: those of the next
        epoch or, within a loop over this loader, the rest of the running epoch and then the next ones. A random data set or
        sampler must be brought back by its owner.
        """
        running = self._running
        generator = None if self.rng is None else copy.deepcopy(self.rng.bit_generator.state)
        if running is None:
            return {"epoch": self._epoch, "batch": self._skip, "generator": generator}
        if running.given == running.total:
            return {"epoch": self._epoch + 1, "batch": 0, "generator": generator}
        return {"epoch": self._epoch, "batch": running.given, "generator": copy.deepcopy(running.before)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken; a loop that is under way is not changed.

        Raises:
            ValueError: keys are missing or not known, the state is that of a loader with (without) shuffling and this one is without (with) it,
                of another kind of bit generator, or has more batches behind it than an epoch has.
        """
        if set(state) != {"epoch", "batch", "generator"}:
            raise ValueError(
                f"DataLoader: a state has the keys epoch, batch and generator, not {sorted(map(str, state))}"
            )
        epoch, batch, generator = int(state["epoch"]), int(state["batch"]), state["generator"]
        if (generator is None) != (self.rng is None):
            raise ValueError(
                f"DataLoader: the state is that of a loader with shuffle={generator is not None}, this one has shuffle={self.shuffle}"
            )
        if epoch < 0 or batch < 0 or (self.sampler is None and batch >= max(1, len(self))):
            raise ValueError(
                f"DataLoader: the state stands at epoch {epoch}, batch {batch}; an epoch of this loader has {len(self)} batches"
            )
        if self.rng is not None:
            try:
                self.rng.bit_generator.state = generator
            except (TypeError, ValueError, KeyError) as error:
                raise ValueError(
                    f"DataLoader: the state of the generator does not fit a {type(self.rng.bit_generator).__name__}: {error}"
                ) from error
        self._running = None
        self._epoch, self._skip = epoch, batch

    def __repr__(self) -> str:
        options = "".join(f", {name}=True" for name in ("shuffle", "drop_last") if getattr(self, name)) + (
            f", prefetch={self.prefetch}" if self.prefetch else ""
        )
        return f"DataLoader({len(self.dataset)} items, batch_size={self.batch_size}{options})"


def _prefetched(batches: Iterator[Any], ahead: int) -> Generator[Any]:
    """The same batches, made on a thread that stays up to ``ahead`` of them in front of the consumer."""
    ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
    free = threading.Semaphore(ahead)
    stop = threading.Event()

    def produce() -> None:
        try:
            while True:
                free.acquire()
                if stop.is_set():
                    return
                ready.put(next(batches, _END))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the consumer is to see it
            ready.put(_Failure(error))

    # The thread works in the consumer's context: under its no_grad() and NumPy's errstate.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(produce,), name="nn.DataLoader", daemon=True)
    thread.start()
    try:
        while (batch := ready.get()) is not _END:
            if isinstance(batch, _Failure):
                raise batch.error
            free.release()
            yield batch
    finally:
        stop.set()
        free.release()
        thread.join()
