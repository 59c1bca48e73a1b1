"""What the engine asks of batched arrays: at the border of a batch, beside plain arrays, and where a call or a rule fails on a batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..engine import hooks
from ..engine.accumulators import Deferred
from ..engine.clock import next_position
from ..engine.errors import CompileError
from ..engine.locks import new_lock
from ..engine.pytree import flatten
from ..engine.tensor import Tensor
from .axis import into_batch, out_of_batch, summed, summed_over_batch
from .fallback import element, elements, gathered
from .values import BatchedValues, BatchingError, in_batches_of, innermost, levels_of

__all__ = ["Batches", "batch"]

_open: dict[float, int] = {}  # the levels of the batches that are open, and on which thread
_lock = new_lock()


@contextmanager
def batch() -> Iterator[float]:
    """A batch, as long as it is open: its level, a place on the tape. What is recorded inside has a later place.

    With the first one the engine begins to ask about batched arrays.
    """
    level = float(next_position())
    with _lock:
        if not hooks.BATCHES:
            hooks.register(Batches())
        _open[level] = threading.get_ident()
    try:
        yield level
    finally:
        with _lock:
            _open.pop(level, None)


class Batches(hooks.Batches):
    """The batched arrays' answers to the engine."""

    def leaving(self, contribution: Any, parent: Any, for_leaves: bool) -> Any:
        """A cotangent for a node that is older than its batch: what is the same for all elements gets the sum of theirs.

        While the function that is mapped runs, the gradients that it asks for are those of each element.
        """
        if isinstance(contribution, np.generic):
            return contribution
        if isinstance(contribution, Deferred) and contribution.outputs:
            contribution.parts = [(i, self.leaving(g, parent, for_leaves)) for i, g in contribution.parts]
            return contribution
        of = contribution.parts if isinstance(contribution, Deferred) else contribution
        levels = [
            level for level in levels_of(_values(of)) if level >= parent.position and (for_leaves or level not in _open)
        ]
        if levels and isinstance(contribution, Deferred):
            contribution = contribution.dense()
        for level in levels:
            contribution = (summed_over_batch if isinstance(contribution, Tensor) else summed)(contribution, level)
        return contribution

    def model(self, arrays: tuple[Any, ...]) -> Any:
        """The array to make buffers like, None where no array is batched."""
        inner = innermost(arrays)
        return None if inner is None else in_batches_of(inner, arrays)

    def beside(self, x: Any, others: tuple[Any, ...]) -> Any:
        """A plain array as one of the batch that others belong to, so that it can be indexed with them, or written."""
        return in_batches_of(x, others)

    def call(self, error: Exception, body: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a body that failed on batched arrays: with every operand batched, else one element after the other."""
        batch = _batch(error, (args, kwargs))
        if batch is None:
            return NotImplemented
        try:
            return body(*_promoted(args, batch), **_promoted(kwargs, batch))
        except CompileError:
            raise
        except Exception:  # noqa: BLE001 - what each element makes of it is the answer
            results = [body(*element(args, batch, i), **element(kwargs, batch, i)) for i in elements(batch)]
            try:
                return gathered(batch, results, "the operation")
            except BatchingError as ragged:
                raise (error if isinstance(error, BatchingError) else ragged) from None

    def each(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function of Tensors, run for each element of the batch; NotImplemented where there is none."""
        batch = innermost(_values((args, kwargs)))
        if batch is None:
            return NotImplemented
        results = [function(*_element(args, batch, i), **_element(kwargs, batch, i)) for i in elements(batch)]
        return _gathered_trees(batch, results)

    def answers(self, test: Any, args: tuple[Any, ...]) -> list[Any]:
        """What a test of numbers says of each element; of plain arrays one answer."""
        batch = innermost(args)
        if batch is None:
            return [test(*args)]
        return [answer for i in elements(batch) for answer in self.answers(test, element(args, batch, i))]

    def agreed(self, test: Any, args: tuple[Any, ...]) -> Any:
        """The answer of a test of numbers, where it is the same for each element.

        Raises:
            BatchingError: it is not; what asks is run for each element instead.
        """
        first, *others = self.answers(test, args)
        if any(other != first for other in others):
            raise BatchingError(
                "vmap: what is to be computed depends on numbers that differ among the elements of the batch"
            )
        return first

    def mapping(self) -> bool:
        """Whether a batch is open on this thread."""
        return threading.get_ident() in tuple(_open.values())  # (a copy: other threads open and end theirs)

    def pull(self, error: Exception, pull: Any, node: Any, g: Any, parents: Any, kept: Any) -> Any:
        """The gradients of a rule that failed on batched arrays."""
        batch = _batch(error, (g, kept))
        if batch is None:
            return NotImplemented
        try:
            return pull(node, _promoted(g, batch), parents, _promoted(kept, batch))
        except CompileError:
            raise
        except Exception:  # noqa: BLE001 - as above
            rows = [
                _dense(pull(node, _element(g, batch, i), parents, _element(kept, batch, i))) for i in elements(batch)
            ]
            columns = zip(*rows, strict=True)
            return tuple([None if column[0] is None else _gathered(batch, list(column)) for column in columns])


def _batch(error: Exception, tree: Any) -> BatchedValues | None:
    return None if isinstance(error, CompileError) else innermost(_values(tree))


def _values(tree: Any) -> Any:
    """The same with arrays in place of Tensors."""
    if isinstance(tree, Tensor):
        return tree._values
    if isinstance(tree, (tuple, list)):
        return [_values(item) for item in tree]
    return [_values(item) for item in tree.values()] if isinstance(tree, dict) else tree


def _mapped(tree: Any, change: Any) -> Any:
    if isinstance(tree, (tuple, list)):
        items = [_mapped(item, change) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if isinstance(tree, dict):
        return {word: _mapped(value, change) for word, value in tree.items()}
    return change(tree)


def _promoted(tree: Any, batch: BatchedValues) -> Any:
    """Every floating array of a call as one of the batch, with memory of its own."""

    def promoted(x: Any) -> Any:
        plain = isinstance(x, np.ndarray) or (hooks.is_traced(x) and x.ndim)
        if plain and x.dtype.kind in "fc":
            return batch.__class__(np.copy(np.broadcast_to(x, (batch.values.shape[0], *x.shape))), batch.level)
        if isinstance(x, Tensor) and innermost(x._values) is None and x.dtype.kind in "fc":
            n = batch.values.shape[0]
            return into_batch(out_of_batch(x, 0, batch.level, n), 0, batch.level)
        return x

    return _mapped(tree, promoted)


def _element(tree: Any, batch: BatchedValues, i: int) -> Any:
    """The i-th element of what a call is given. What is on the tape gets its gradient for each element also where it is one for all."""
    n = batch.values.shape[0]

    def one(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return element(x, batch, i)
        inner = innermost(x._values)
        if x._node is None and (inner is None or inner.level != batch.level):
            return x
        return out_of_batch(x, 0, batch.level, n)[i] if n else Tensor(np.ones(x.shape, x.dtype))

    return _mapped(tree, one)


def _dense(pulled: Any) -> list[Any]:
    return [c.dense() if hasattr(c, "dense") else c for c in pulled]


def _gathered_trees(batch: BatchedValues, results: list[Any]) -> Any:
    columns, rebuild = zip(*[flatten(result) for result in results], strict=True)
    if len({len(column) for column in columns}) > 1:
        raise BatchingError("vmap: a function returns trees of other forms for other elements of the batch")
    return rebuild[0]([_gathered(batch, list(leaves)) for leaves in zip(*columns, strict=True)])


def _gathered(batch: BatchedValues, results: list[Any]) -> Any:
    if any(isinstance(r, Tensor) for r in results):
        shapes = {r.shape for r in results}
        if len(shapes) > 1:
            raise BatchingError(f"vmap: a function returns other shapes for other elements of the batch: {shapes}")
        return into_batch(np.stack(results)[: batch.values.shape[0]], 0, batch.level)
    return gathered(batch, results, "the rule")
