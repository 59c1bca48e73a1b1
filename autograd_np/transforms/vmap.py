"""``vmap``: a function of one example, mapped over a batch of them without a loop."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

import numpy as np

from ..batching.array import Batched
from ..batching.axis import into_batch, out_of_batch
from ..batching.randomness import drawing
from ..batching.walk import batch
from ..engine.errors import describe
from ..engine.pytree import flatten, kind_of, paths
from ..engine.tensor import Tensor
from .wrapper import Wrapper

if TYPE_CHECKING:
    from . import signatures

__all__ = ["vmap"]

P = ParamSpec("P")
R = TypeVar("R")


class _Mapped(Wrapper):
    maker = "vmap"

    def __init__(self, f: Callable[..., Any], in_axes: Any, out_axes: Any, chunk_size: Any, randomness: str) -> None:
        if not callable(f):
            raise TypeError(f"vmap takes a function, not {describe(f)}: pass f itself rather than f(x)")
        if chunk_size is not None and operator.index(chunk_size) < 1:
            raise ValueError(f"vmap: chunk_size is at least 1, not {chunk_size}")
        if randomness not in ("error", "same", "different"):
            raise ValueError(f'vmap: randomness is "error", "same" or "different", not {randomness!r}')
        super().__init__(f)
        self.in_axes, self.out_axes = in_axes, out_axes
        self.chunk_size = chunk_size
        self.randomness = randomness

    def made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self._function, self.in_axes, self.out_axes, self.chunk_size, self.randomness), {}

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        arguments = _Arguments(args, kwargs, self.in_axes)
        step = self.chunk_size
        if step is None or step >= arguments.length:
            return self._run(arguments, 0, arguments.length)
        starts = range(0, arguments.length, step)
        parts = [self._run(arguments, start, min(start + step, arguments.length)) for start in starts]
        leaves, rebuild = zip(*[flatten(part) for part in parts], strict=True)
        axes = _axes_like(parts[0], self.out_axes, "out_axes")
        joined = [
            columns[0] if axis is None else np.concatenate(columns, axis=axis)
            for axis, columns in zip(axes, zip(*leaves, strict=True), strict=True)
        ]
        return rebuild[0](joined)

    def _run(self, arguments: _Arguments, start: int, stop: int) -> Any:
        n = stop - start
        with batch() as level:
            args, kwargs = arguments.entered(start, stop, level)
            with drawing(self.randomness, n, level, self._function):
                result = self._function(*args, **kwargs)
            leaves, rebuild = flatten(result)
            axes = _axes_like(result, self.out_axes, "out_axes")
            return rebuild(
                [_result(leaf, axis, level, n, arguments.given_tensor) for leaf, axis in zip(leaves, axes, strict=True)]
            )


class _Arguments:
    """The leaves of the arguments of one call, with the axis of each that is mapped."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], in_axes: Any) -> None:
        axes = in_axes
        if isinstance(axes, (tuple, list)):
            if len(axes) != len(args):
                raise ValueError(
                    f"vmap: in_axes has {len(axes)} entries for {len(args)} positional arguments; give one for each, or one for all"
                )
            axes = tuple(axes)
        self.leaves, self.rebuild = flatten((args, kwargs))
        self.axes = [*_axes_like(args, axes, "in_axes"), *_axes_like(kwargs, 0, "in_axes")]
        self.given_tensor = any(isinstance(leaf, Tensor) for leaf in self.leaves)
        self.length = -1
        first = ""
        for i, (leaf, axis) in enumerate(zip(self.leaves, self.axes, strict=True)):
            if axis is None:
                continue
            name = self._name(i, args, kwargs)
            shape = np.shape(leaf)
            if not -len(shape) <= axis < len(shape):
                raise ValueError(
                    f"vmap: {name} has shape {shape}, and no axis {axis} to map over; give None in in_axes for what is the same for all"
                )
            self.axes[i] = axis % len(shape)
            length = shape[axis]
            if self.length < 0:
                self.length, first = length, name
            elif length != self.length:
                raise ValueError(
                    f"vmap: axis {axis} of {name} has length {length}, and that of {first} length {self.length}; mapped axes are equally long"
                )
        if self.length < 0:
            raise ValueError("vmap: no argument has a mapped axis; in_axes is None for all of them")

    def _name(self, i: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        names = [name for k, arg in enumerate(args) for name in paths(arg, f"argument {k}")]
        names += [name for word, value in kwargs.items() for name in paths(value, word)]
        return names[i]

    def entered(self, start: int, stop: int, level: float) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments from element ``start`` to ``stop``, as batched ones."""
        whole = start == 0 and stop == self.length
        new = []
        for leaf, axis in zip(self.leaves, self.axes, strict=True):
            if axis is None:
                new.append(leaf)
                continue
            t = leaf if isinstance(leaf, Tensor) else Tensor(leaf)
            part = t if whole else t[(slice(None),) * axis + (slice(start, stop),)]
            new.append(into_batch(part, axis, level))
        rebuilt: tuple[tuple[Any, ...], dict[str, Any]] = self.rebuild(new)
        return rebuilt


def _axes_like(tree: Any, axes: Any, word: str) -> list[Any]:
    """The axis of every leaf of a tree: an entry of ``axes`` stands for all leaves below it.

    Raises:
        TypeError: an entry is neither an integer nor None.
        ValueError: ``axes`` is a tree of another form.
    """
    found: list[Any] = []
    stack = [(tree, axes)]
    while stack:
        part, axis = stack.pop()
        if axis is None or (hasattr(axis, "__index__") and not isinstance(axis, bool)):
            number = None if axis is None else operator.index(axis)
            found += [number] * len(flatten(part)[0])
            continue
        of_axes, of_part = kind_of(axis.__class__), kind_of(part.__class__)
        if of_axes is None:
            raise TypeError(f"vmap: {word} holds integers and None, not {describe(axis)}")
        if of_part is None:
            raise ValueError(f"vmap: {word} has {type(axis).__name__} where the tree has {describe(part)}")
        entries, parts = of_axes.take(axis)[0], of_part.take(part)[0]
        if len(entries) != len(parts) or (isinstance(axis, dict) and list(axis) != list(part)):
            raise ValueError(
                f"vmap: {word} is no tree like that of the values: {axis!r} for {type(part).__name__} of {len(parts)}"
            )
        stack += reversed(list(zip(parts, entries, strict=True)))
    return found


def _result(leaf: Any, axis: int | None, level: float, n: int, given_tensor: bool) -> Any:
    """What the mapped function returns for one output of the function."""
    values = leaf._values if isinstance(leaf, Tensor) else leaf
    if axis is None:
        if isinstance(values, Batched) and values.level == level:
            raise ValueError(
                "vmap: out_axes is None for an output that differs among the elements of the batch; give its axis"
            )
        return leaf
    if not (hasattr(values, "shape") or isinstance(values, (bool, int, float, complex))):
        raise TypeError(f"vmap: the function returned {describe(leaf)}; it returns arrays, numbers, or trees of them")
    ndim = len(np.shape(values)) + 1
    if not -ndim <= axis < ndim:
        raise ValueError(f"vmap: out_axes is {axis} for an output of {ndim} axes with that of the batch")
    t = out_of_batch(leaf if isinstance(leaf, Tensor) else Tensor(leaf), axis % ndim, level, n)
    return t if t._node is not None or given_tensor else t._values


@overload
def vmap(  # type: ignore[overload-overlap] # of a Tensor it is what the second says
    f: Callable[Concatenate[Tensor, P], Tensor],
    in_axes: Any = ...,
    out_axes: Any = ...,
    *,
    chunk_size: int | None = ...,
    randomness: str = ...,
) -> signatures.Mapped[P]: ...
@overload
def vmap(
    f: Callable[P, R],
    in_axes: Any = ...,
    out_axes: Any = ...,
    *,
    chunk_size: int | None = ...,
    randomness: str = ...,
) -> Callable[P, R]: ...
def vmap(
    f: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    chunk_size: int | None = None,
    randomness: str = "error",
) -> Callable[..., Any]:
    """The function ``f`` of one example, mapped over a batch of them: ``out[i] = f(x[i])``, in one run without a loop.

    Args:
        f: a function of arrays (or trees of them) that returns arrays, numbers or trees of them. It sees arrays without the batch axis.
        in_axes: the axis of each argument that is mapped, None for an argument that is the same for all: one for all arguments, or a
            tuple with an entry for each, of which an entry may be a tree like the argument. Arguments by name are mapped over axis 0.
        out_axes: where the batch axis stands in each output: one for all, or a tree like the output; None for what is the same for all.
        chunk_size: how many elements are computed at a time, which bounds memory; all of them by default.
        randomness: what becomes of random numbers that ``f`` draws: ``"error"`` raises, ``"same"`` draws once for all elements,
            ``"different"`` once for each (dropout and :func:`~autograd_np.random.draw`; numbers that ``f`` draws of a generator of
            NumPy itself are the same for all, so they raise).

    Returns:
        A function of the same arguments. Its results are Tensors where a Tensor came in, or where they depend on one.

    Raises:
        ValueError: mapped axes differ in length, or an axis is not there.
        BatchingError: ``f`` asks for the truth, the number or the length of something that differs among the elements.

    It nests, and works inside and outside of :func:`grad`, :func:`hessian`, :func:`vjp` and :func:`compile`.

    >>> vmap(np.dot)(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    >>> vmap(np.dot, in_axes=(0, None))(np.eye(2), np.array([5.0, 6.0]))
    array([5., 6.])
    """
    return _Mapped(f, in_axes, out_axes, chunk_size, randomness)
