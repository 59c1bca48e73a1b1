"""``checkpoint``: keep nothing inside a function, and compute it again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

import autograd_np.engine.tape as tape

from ..engine import write_guards
from ..engine.clock import next_position
from ..engine.errors import MutationError
from ..engine.hooks import require
from ..engine.modes import enable_grad, is_grad_enabled
from ..engine.primitive import attach
from ..engine.pytree import flatten
from ..engine.record import pick
from ..engine.tensor import Tensor, as_argument
from .call import alias
from .wrapper import Wrapper

__all__ = ["checkpoint"]

P = ParamSpec("P")
R = TypeVar("R")


class _Recomputed:
    """The operation that stands for one checkpointed call on the tape."""

    broadcasts = False
    elementwise = False
    masks = 0
    care = 3  # the walk through the call made again sees the zeros itself
    shown = None
    operands = ("inputs",)
    multi = True

    def __init__(self, function: Callable[..., Any], rebuild: Callable[..., Any], leaves: list[Any]) -> None:
        self.name = f"checkpoint({getattr(function, '__name__', 'function')})"
        self.function = function
        self.rebuild = rebuild
        # The inputs' data without their nodes, which are the parents; copies of what the caller can write.
        self.leaves = [_kept(t) for t in leaves]
        self.shared = [
            t._family() if isinstance(t, Tensor) and t._values is kept else False
            for t, kept in zip(leaves, self.leaves, strict=True)
        ]
        self.is_tensor = [isinstance(t, Tensor) for t in leaves]
        self.tracked = [i for i, t in enumerate(leaves) if isinstance(t, Tensor) and t._node is not None]
        self.random_state = np.random.get_state(legacy=False)  # noqa: NPY002 - the global generator is what f may use

    def run(self, inputs: Sequence[Tensor]) -> tuple[list[Any], Callable[..., Any]]:
        """Call the function with these Tensors in the places of the tracked arguments."""
        values = [
            Tensor.at(v, None, s) if tensor else v
            for v, tensor, s in zip(self.leaves, self.is_tensor, self.shared, strict=True)
        ]
        for place, t in zip(self.tracked, inputs, strict=True):
            values[place] = t
        args, kwargs = self.rebuild(values)
        with enable_grad():
            return flatten(self.function(*args, **kwargs))

    def fresh(self) -> list[Tensor]:
        """The tracked arguments as new leaves."""
        return [as_argument(Tensor.at(self.leaves[i], None, self.shared[i])) for i in self.tracked]

    def as_tensors(self, node: tape.Node) -> tuple[Any, ...]:
        """Inside a recorded backward pass the arguments are those on the outer tape."""
        outputs = node.kept[0] if node.kept else ()
        return outputs, [attach(self.leaves[i], node.parents[k]) for k, i in enumerate(self.tracked)]

    def pull(
        self, node: tape.Node, g: tuple[Any, ...], parents: tuple[tape.Node | None, ...], kept: Any
    ) -> tuple[Any, ...]:
        before, outer = kept[:2]
        inputs = self.fresh() if outer is None else [alias(t) for t in outer]
        state = np.random.get_state(legacy=False)  # noqa: NPY002
        np.random.set_state(self.random_state)  # noqa: NPY002
        try:
            outputs = [y for y in self.run(inputs)[0] if isinstance(y, Tensor)]
        finally:
            np.random.set_state(state)  # noqa: NPY002
        if len(outputs) != len(before):
            raise _other_result(self.name)
        for y, b in zip(outputs, before, strict=True):
            require(_check_equal, self.name, y._values, b)
        seeds = [(y._node, h) for y, h in zip(outputs, g, strict=True) if y._node is not None and h is not None]
        targets = [t._node for t in inputs] + list(parents[len(inputs) :])
        wanted = [t for t, p in zip(targets, parents, strict=True) if p is not None and t is not None]
        found = dict(
            zip(
                [t.position for t in wanted],
                tape.gradients_of(
                    seeds, wanted, retain_graph=outer is not None, create_graph=outer is not None, stop_at_targets=True
                ),
                strict=True,
            )
        )
        results = []
        for target, parent in zip(targets, parents, strict=True):
            gradient = None if parent is None or target is None else found.get(target.position)
            if parent is not None and gradient is None:
                gradient = np.zeros(parent.shape, parent.dtype)
            results.append(gradient)
        return tuple(results)


def _check_equal(name: str, a: Any, b: Any) -> None:
    if a.shape != b.shape or not np.all(np.equal(a, b) | (np.not_equal(a, a) & np.not_equal(b, b))):
        raise _other_result(name)


def _other_result(name: str) -> MutationError:
    return MutationError(
        f"{name}: computed again for the backward pass, it gave another result than before; its arguments or the "
        "parameters it uses were overwritten, or it draws from a random generator (give it a fresh one with a fixed seed inside)"
    )


def _kept(value: Any) -> Any:
    data, shared = (value._values, value._shared) if isinstance(value, Tensor) else (value, True)
    return write_guards.keep(data) if shared and write_guards.writable(data) else data


def _is_object(item: Any) -> bool:
    """What is no container: its Tensors, such as a module's, are outside, for a copy would not be the one that the function may write to."""
    return not isinstance(item, (dict, list, tuple, type(None)))


class _Checkpointed(Wrapper):
    maker = "checkpoint"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        f = self._function
        if not is_grad_enabled():
            return f(*args, **kwargs)
        leaves, rebuild = flatten((args, dict(kwargs)), is_leaf=_is_object)
        call = _Recomputed(f, rebuild, leaves)
        start = next_position()
        values, build = call.run(call.fresh())
        outputs = [y for y in values if isinstance(y, Tensor)]
        _, outside = tape.ancestors([y._node for y in outputs if y._node is not None], start)
        parents = (*[leaves[i]._node for i in call.tracked], *outside.values())
        if not parents:
            return build(values)
        data = tuple([y._values for y in outputs])
        node = tape.Node()
        node.position = next_position()
        node.primitive = call
        node.parents = parents
        # The arguments stand among the kept values to be watched for writes.
        node.kept = (data, None, tuple(call.leaves))
        node.shape = tuple([a.shape for a in data])
        node.dtype = None
        results, index = [], 0
        for y in values:
            if isinstance(y, Tensor):
                if y._node is not None:  # (an output may be an argument, or a view of one, so it shares what it shared)
                    y = Tensor.at(y._values, pick(node, index, y._values, len(data)), y._shared)
                index += 1
            results.append(y)
        return build(results)


def checkpoint(f: Callable[P, R]) -> Callable[P, R]:
    """The same function, whose inside is not kept for the backward pass but computed again there.

    Memory falls from what ``f`` keeps to its inputs and outputs, for one more forward pass (Chen et al.,
    "Training deep nets with sublinear memory cost", 2016). Tensors that ``f`` uses without being handed them
    (parameters of a model) get their gradients too. NumPy's global random state is put back for the second
    run; the second result is compared with the first.

    Args:
        f: a function of pytrees that returns a pytree of Tensors.

    Raises:
        MutationError: (in the backward pass) the second run gave another result.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> checkpoint(lambda x: x * x * x)(x).backward()
    >>> float(x.grad)
    12.0
    """
    return cast("Callable[P, R]", _Checkpointed(f))
