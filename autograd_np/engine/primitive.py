"""``Primitive``: one operation, with what the tape and the backward walk must know of it."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import codegen, write_guards, zero_cotangents
from .errors import NonDifferentiableError, without_rule
from .record import pick
from .slots import KINK, SELECTION, Rule, Slot, parameter_names
from .tape import Node
from .tensor import Tensor

__all__ = ["Masking", "Primitive", "attach"]


class Masking:
    """A primitive in a call whose options leave elements out, which the backward walk is told; in everything else the primitive itself."""

    masks = SELECTION

    def __init__(self, primitive: Primitive, options: str) -> None:
        self.primitive = primitive
        self.options = tuple(options.split())

    def __getattr__(self, word: str) -> Any:
        return getattr(self.primitive, word)


class Primitive:
    """An operation: its body on arrays, its operands, and the rules of their gradients.

    Attributes:
        name: public name.
        body: the computation on arrays (NumPy's own function for a ufunc).
        operands: names of the differentiable parameters, in the signature's order.
        sequence: whether the single operand is a sequence of arrays.
        multi: whether the body returns a tuple of outputs.
        shown: of a ``multi`` primitive, how many outputs the caller sees (None: all); the others are
            intermediate results that the rules use and the tape differentiates.
        several: whether the caller sees a tuple of outputs. The operation's node is that of the first, the others have nodes
            of their own (:func:`pick`) that lead to it.
        broadcasts: whether the operands broadcast against each other, so that a rule's gradient may be a
            broadcast of the operand's shape. The engine sums it back.
        view: whether the output may share memory with the operand.
        discrete: parameters that accept a Tensor that needs a gradient although none flows to them,
            because the function is piecewise constant in them (or its result is only used where it makes no difference).
        elementwise: whether each element of the output depends on one element of each (broadcast) operand alone.
        masks: whether the rules make zeros in a cotangent, for elements on which the output does not depend: 0 no, KINK at a
            kink (relu) or at random, SELECTION where elements are chosen (``where``, an index).
        masking: the primitive as it announces itself in a call with an option that leaves elements out.
        care: how much ``masks`` a walk must have met before the gradients are held to zero (see :meth:`held`).
        real: the operands that must be real: complex ones are refused by name.
        formulas: what pictures show of it, where :func:`shown` declares that.
    """

    formulas: Mapping[str, str] = types.MappingProxyType({})

    def __init__(
        self,
        name: str,
        body: Callable[..., Any],
        declared: Callable[..., Any],
        signature: inspect.Signature | None = None,
        *,
        operands: tuple[str, ...],
        multi: bool,
        shown: int | None,
        broadcasts: bool,
        view: bool,
        discrete: tuple[str, ...],
        elementwise: bool,
        masks: bool | str,
        real: bool | str,
    ) -> None:
        self.name = name
        self.body = body
        self.declared = declared
        self.parameters = parameter_names(declared) if signature is None else tuple(signature.parameters)
        if signature is not None:
            self.signature = signature
        self.wrt = operands  # as declared; `operands` becomes those of them that have a rule
        self.operands = operands
        self.since = 0  # position from which the present rules hold
        self.sequence = bool(operands) and operands[0] in ("arrays", "operands")
        self.multi = False
        self.several = False
        self.shown = shown
        self.broadcasts = broadcasts
        self.view = view
        self.discrete = discrete
        self.real = tuple(real.split()) if isinstance(real, str) else operands if real else ()
        self.elementwise = elementwise
        self.masks = SELECTION if masks is True else KINK if masks == "kink" else 0
        self.masking = Masking(self, masks) if isinstance(masks, str) and masks != "kink" else None
        self.care = KINK if elementwise else SELECTION
        if multi:
            self.returns_several()
        self.rules: dict[str, Rule] = {}
        self.joint: Rule | None = None
        self.slots: list[Slot] = []
        self.function: Callable[..., Any] = body
        self.numpy_functions: list[Any] = []
        self.pull: Callable[..., tuple[Any, ...]] = self._first_pull

    def __repr__(self) -> str:
        kind = "joint rule" if self.joint else f"rules for {', '.join(self.rules) or 'nothing'}"
        return f"<Primitive {self.name}{self.signature} with {kind}>"

    def returns_several(self) -> None:
        """Take the body for one that returns a tuple."""
        self.multi = True
        self.several = self.shown != 1
        self.elementwise = False
        self.care = SELECTION
        if self.several:
            self.masks = max(self.masks, KINK)  # an output that is not used gets no cotangent
        codegen.reset(self)

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The signature that the operation was declared with."""
        return inspect.signature(self.declared)

    @property
    def differentiable(self) -> bool:
        """Whether any rule is declared."""
        return bool(self.rules) or self.joint is not None

    @property
    def recorded(self) -> bool:
        """Whether calls are put on the tape: there are rules, or operands in which it is not said to be piecewise constant."""
        return self.differentiable or not set(self.operands) <= set(self.discrete)

    def held(
        self, node: Node, g: Any, parents: tuple[Node | None, ...], kept: tuple[Any, ...], pulled: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """The gradients, held to this: where the cotangent is 0 nothing depends on the output, whatever its derivative there.

        Of an elementwise operation they are 0 in the same places. Any other rule adds up products with the cotangent, and zero_cotangents.py
        takes the terms out of it in which 0 meets a value that is not finite.
        """
        if self.elementwise:
            pulled = self.zeroed(g, pulled)
            if self.broadcasts or all(c is None or c.shape == g.shape for c in pulled):
                return pulled
        return zero_cotangents.repaired(self, node, g, parents, kept, pulled)

    def zeroed(self, g: Any, pulled: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients of an elementwise operation with 0 where the cotangent is 0: there 0 · inf and 0 · NaN are 0."""
        known = g.__class__ is np.ndarray or isinstance(g, np.generic)
        if known and not g.ndim and g:
            return pulled
        mask = np.not_equal(g, 0)
        if known and np.count_nonzero(mask) == g.size:
            return pulled
        recorded = g.__class__ is Tensor
        results = []
        for c in pulled:
            if c is not None and c is not g and c.shape == g.shape:
                # A derivative with respect to a cotangent that happens to be 0 is left alone where it is finite.
                c = np.where(np.logical_or(mask, np.isfinite(c)), c, 0) if recorded else zero_cotangents.masked(mask, c)
            results.append(c)
        return tuple(results)

    def refuse(self, node: Node, g: Any, parents: Any, kept: Any) -> Any:
        """The pull of an operation without a rule."""
        words = self.operands * len(parents) if self.sequence else self.operands
        word = next(word for word, parent in zip(words, parents, strict=True) if parent is not None)
        raise NonDifferentiableError(without_rule(self.name, word, self.sequence))

    def _first_pull(self, node: Node, g: Any, parents: Any, kept: Any) -> tuple[Any, ...]:
        codegen.build(self)
        return self.pull(node, g, parents, kept)

    def as_tensors(self, node: Node) -> tuple[Any, ...]:
        """The kept values as Tensors at their place on the tape, so that a rule's work is recorded."""
        kept: list[Any] = []
        for slot, value in zip(self.slots, node.kept or (), strict=True):
            if value is None:
                kept.append(None)
            elif slot.source in ("out", "hidden"):
                kept.append(self._outputs_as_tensors(node, value) if self.multi else attach(value, node))
            elif slot.source != "value":
                kept.append(value)
            elif self.sequence:
                kept.append(tuple(attach(v, p) for v, p in zip(value, node.parents, strict=True)))
            else:
                assert slot.operand is not None
                kept.append(attach(value, node.parents[self.operands.index(slot.operand)]))
        return tuple(kept)

    def _outputs_as_tensors(self, node: Node, values: tuple[Any, ...]) -> tuple[Any, ...]:
        def attached(index: int, value: Any) -> Any:
            if value is None or value.dtype.kind not in "fc":
                return value
            return attach(value, node if index == 0 else pick(node, index, value, len(values)))

        return tuple([attached(index, value) for index, value in enumerate(values)])


def attach(value: Any, node: Node | None) -> Any:
    """The Tensor of ``value`` at ``node``; the plain value where there is no node."""
    if node is None:
        return value
    return Tensor.at(value, node, write_guards.exposed(value))
