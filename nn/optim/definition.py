"""What defines one optimizer: its state arrays, the numbers of a step, the arithmetic, the ranges of its options."""

from __future__ import annotations

import math
import numbers
from typing import Any, ClassVar

from .buffers import Counters
from .groups import Group

__all__ = ["Definition"]


class Definition:
    """The methods and attributes that a subclass of :class:`Optimizer` defines."""

    block: ClassVar[int] = 65536  # elements; about six arrays of this length are in use at once
    pack_below: ClassVar[int] = 16384  # a parameter with fewer elements is packed
    pack_size: ClassVar[int] = 65536  # elements of one pack
    scratch: ClassVar[int] = 2  # arrays of a block's length that update() may overwrite
    counts: ClassVar[tuple[str, ...]] = ("step",)
    first_counts: ClassVar[Counters] = (0,)
    slot_names: ClassVar[tuple[str, ...]] = ()  # every name that slots() can give
    coefficient_names: ClassVar[
        tuple[str, ...]
    ] = ()  # what the numbers of coefficients() are called in a compiled program
    at_least_zero: ClassVar[tuple[str, ...]] = ("lr", "eps", "weight_decay")
    below_one: ClassVar[tuple[str, ...]] = ("betas",)

    def slots(self, group: Group) -> tuple[str, ...]:
        """The names of the state arrays under the group's options; each has its parameter's shape and dtype."""
        return ()

    def initial(self, group: Group, name: str) -> float:
        """What a new state array is filled with."""
        return 0.0

    def decays(self, group: Group) -> tuple[tuple[str, float, bool], ...]:
        """State arrays that shrink by a factor each step where there is no gradient: (name, factor, whether a first moment)."""
        return ()

    def coefficients(self, group: Group, counters: Counters) -> tuple[Counters, tuple[float, ...], Any]:
        """Numbers of the next step, in double precision.

        Args:
            group: the options.
            counters: the counts (``self.counts``) so far.

        Returns:
            The counts after the step; the numbers, which :meth:`update` gets as 0-d arrays of the parameter's
            dtype; and a word for the arithmetic where it depends on the count, else None.
        """
        raise NotImplementedError(f"{type(self).__name__}.coefficients")

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        """Change p and the state in place; NumPy calls on arrays of one shape.

        Args:
            group: the options, for branches on what is switched on; numbers come in ``c``.
            p: values of the parameters.
            g: their gradients (with ``maximize`` negated, with coupled weight decay added); not to be written.
            state: the arrays of :meth:`slots`, in order.
            c: the numbers of :meth:`coefficients`, as 0-d arrays.
            w: ``self.scratch`` arrays of that shape to work in.
            phase: the word of :meth:`coefficients`.
        """
        raise NotImplementedError(f"{type(self).__name__}.update")

    def check(self, group: Group) -> None:
        """Raise a ValueError that names an option out of its range."""
        name = type(self).__name__
        for option in self.at_least_zero:
            if option in group and not isinstance(group[option], numbers.Real):
                raise TypeError(
                    f"{name}: {option} is a number; got {group[option]!r}, a {type(group[option]).__name__}"
                )
            if option in group and not 0.0 <= group[option] < math.inf:
                raise ValueError(f"{name}: {option} is at least 0 and finite; got {group[option]!r}")
        for option in self.below_one:
            if option not in group:
                continue
            values = group[option]
            if option == "betas" and (not isinstance(values, (tuple, list)) or len(values) != 2):
                raise ValueError(f"{name}: betas is a pair of numbers; got {values!r}")
            for value in values if isinstance(values, (tuple, list)) else (values,):
                if not 0.0 <= value < 1.0:
                    raise ValueError(f"{name}: {option} lies in [0, 1); got {values!r}")
