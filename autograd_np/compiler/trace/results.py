"""Map a function's return values to program outputs and back."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...engine.errors import CompileError
from ...engine.pytree import flatten
from ...engine.tensor import Tensor
from ..ir import Value
from .arguments import leaf
from .array import Traced
from .captures import Reached
from .record import Trace, owner_of

__all__ = ["outputs_of"]


def outputs_of(
    trace: Trace, result: Any, reached: Reached, held: Sequence[tuple[Any, Any]] = ()
) -> tuple[list[Value], Callable[[Any], Any], list[Any], list[tuple[Any, int | None]]]:
    """The values that are returned, how the result is built of them, and the gradients that are left in leaves.

    Args:
        trace: of the function.
        result: what it returned.
        reached: what it reaches.
        held: the leaves that held a gradient before, and that gradient.
    """
    values: list[Value] = []
    arrays: list[Any] = []
    leaves, rebuild = flatten(result, is_leaf=lambda item: hasattr(type(item), "named_parameters"))
    for item in leaves:
        if hasattr(type(item), "named_parameters") and not any(item is module for module in reached.modules):
            raise CompileError(
                f"compile: the function returns a new {type(item).__name__}, and a program returns arrays: return its parameters, "
                "dict(m.named_parameters()), and compile it inside no_grad()"
            )
        leaf(item)  # raises where it is none
    makers: list[Callable[[Any], Any]] = []

    def place(item: Traced) -> int:
        values.append(item.value)
        arrays.append(item.array.item() if item.value.weak else item.array)
        return len(values) - 1

    again = Fresh()
    for item in leaves:
        if isinstance(item, Tensor) and id(item) in reached.tensors:
            makers.append(functools.partial(_as_it_is, item))
        elif isinstance(item, Tensor):
            if item._node is not None:
                raise CompileError(
                    "compile: the function returns a Tensor that needs a gradient, which a program cannot give: return t.detach(), call it inside "
                    "no_grad(), or compile the gradient itself (ag.compile(ag.value_and_grad(f)), nn.compile_step)"
                )
            if isinstance(item._values, Traced):
                makers.append(functools.partial(_tensor, place(item._values)))
            else:
                makers.append(functools.partial(_new_tensor, again(item._values)))
        elif isinstance(item, Traced):
            makers.append(functools.partial(_item, place(item)))
        elif item.__class__ is np.ndarray:
            makers.append(functools.partial(_new, again(item)))
        else:
            makers.append(functools.partial(_as_it_is, item))
    effects: list[tuple[Any, int | None]] = []
    before = {id(node): array for node, array in held}
    seen: set[int] = set()
    for _, t in reached.tensors.values():
        if t._node is None or id(t._node) in seen:
            continue
        seen.add(id(t._node))
        grad = getattr(t._node, "grad", None)
        if isinstance(grad, Traced):
            if grad.array is not before.get(id(t._node), trace):
                effects.append((t._node, place(grad)))
        elif grad is None and id(t._node) in before:
            effects.append((t._node, None))
    if len(makers) == 1 and leaves and leaves[0] is result:
        build: Callable[[Any], Any] = makers[0]
        if isinstance(result, (np.ndarray, Tensor)):  # one that is made anew

            def build(results: Any) -> Any:
                again.start()
                return makers[0](results)
    else:

        def build(results: Any) -> Any:
            again.start()
            return rebuild([make(results) for make in makers])

    if result.__class__ is Traced:
        build.single = "array"  # type: ignore[attr-defined]
    elif result.__class__ is Tensor and isinstance(result._values, Traced) and id(result) not in reached.tensors:
        build.single = "tensor"  # type: ignore[attr-defined]
    return values, build, arrays, effects


def _as_it_is(item: Any, results: Any) -> Any:
    return item


def _item(i: int, results: Any) -> Any:
    return results[i]


def _tensor(i: int, results: Any) -> Any:
    return Tensor.at(results[i], None)


def _new(copy: Callable[[], Any], results: Any) -> Any:
    return copy()


def _new_tensor(copy: Callable[[], Any], results: Any) -> Any:
    return Tensor.at(copy(), None)


class Fresh:
    """Arrays that a function made of nothing that is traced: each call gives new ones, which share memory as those did."""

    def __init__(self) -> None:
        self.local = threading.local()

    def start(self) -> None:
        """A new call."""
        self.local.memory = {}

    def __call__(self, array: Any) -> Callable[[], Any]:
        if array.__class__ is not np.ndarray:
            return lambda: array
        owner = owner_of(array)
        kept, offset = owner.copy("K"), array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
        one = array is owner

        def copy() -> Any:
            memory = self.local.__dict__.setdefault("memory", {})
            if id(owner) not in memory:
                memory[id(owner)] = (np.copy(kept, "K"), owner)
            mine = memory[id(owner)][0]
            return mine if one else np.ndarray(array.shape, array.dtype, mine, offset, array.strides)

        return copy
