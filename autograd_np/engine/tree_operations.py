"""Operations on trees: ``@primitive(trees=True)``.

The public function takes its operands apart and calls a primitive on the sequence of their arrays; the body and the rules get
trees back:

>>> import numpy as np
>>> import autograd_np as ag
>>> @ag.primitive(trees=True)
... def affine(params, x):
...     return {"y": x @ params["w"] + params["b"], "norm": np.sum(params["w"] ** 2)}
>>> def pull(g, params, x):
...     return {"w": x.T @ g["y"] + 2 * g["norm"] * params["w"], "b": g["y"].sum(0)}
>>> ag.rule(affine, pull, lambda g, params: g["y"] @ params["w"].T)
>>> params = {"w": np.ones((2, 1)), "b": np.zeros(1)}
>>> ag.grad(lambda p: np.sum(affine(p, np.ones((3, 2)))["y"]))(params)
{'w': array([[3.],
       [3.]]), 'b': array([3.])}

A rule is given ``g``, a tree like the result, with zeros where no gradient arrived, and what it names: operands, options, ``out``. It
returns a tree like its operand; a joint rule returns a sequence of such trees, one for each operand.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import write_guards
from .errors import GradientShapeError, NonDifferentiableError, without_rule
from .modes import is_grad_enabled
from .pytree import Rebuild, flatten, leaves_like
from .slots import check_function, names_of
from .tensor import Tensor

__all__ = ["declare"]


class _Call:
    """One call: its options, how the operands are built of their arrays, and how the result is built of its."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.parts: dict[str, tuple[int, Rebuild]] = {}
        self.out: Rebuild | None = None

    def operands(self, arrays: Sequence[Any]) -> dict[str, Any]:
        """The operands by name."""
        found, at = {}, 0
        for word, (count, rebuild) in self.parts.items():
            found[word] = rebuild(arrays[at : at + count])
            at += count
        return found


class _TreeOperation:
    """What stands between the public function, on trees, and the primitive, on the sequence of their arrays."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        signature: inspect.Signature,
        wrt: tuple[str, ...],
        discrete: tuple[str, ...],
        give_rule: Callable[..., None],
    ) -> None:
        self.function = function
        self.name = name
        self.signature = signature
        self.wrt = wrt
        self.discrete = discrete
        self.operands = tuple([word for word in wrt if word not in discrete])
        self.rules: dict[str, Callable[..., Any]] = {}
        self.joint: Callable[..., Any] | None = None
        self.inner: Callable[..., Any]
        self.give_rule = give_rule

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}") from None
        bound.apply_defaults()
        leaves: list[Any] = []
        call = _Call(
            {word: self._option(word, value) for word, value in bound.arguments.items() if word not in self.operands}
        )
        for word in self.operands:
            own, rebuild = flatten(bound.arguments[word])
            call.parts[word] = (len(own), rebuild)
            leaves += own
        arrays = self.inner(leaves, call)
        assert call.out is not None
        return call.out(arrays)

    def _option(self, word: str, value: Any) -> Any:
        """An option with arrays for Tensors, and of its own if it can be changed."""
        leaves, rebuild = flatten(value)
        for leaf in leaves:
            if isinstance(leaf, Tensor) and leaf._node is not None and word not in self.discrete and is_grad_enabled():
                raise NonDifferentiableError(
                    f"{self.name} has no gradient with respect to {word}; pass {word}.detach() to treat it as a constant"
                )
        plain = [leaf._values if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        return rebuild([write_guards.keep_option(leaf) for leaf in plain])

    def body(self, arrays: Sequence[Any], call: _Call) -> tuple[Any, ...]:
        """The function on arrays: its operands are built, and its result is taken apart."""
        given = call.options | call.operands(arrays)
        bound = inspect.BoundArguments(self.signature, {word: given[word] for word in self.signature.parameters})
        leaves, call.out = flatten(self.function(*bound.args, **bound.kwargs))
        return tuple([np.copy(leaf) if any(leaf is array for array in arrays) else leaf for leaf in leaves])

    def rule(
        self, *rules: Callable[..., Any] | None, joint: Callable[..., Any] | None = None, **by_name: Callable[..., Any]
    ) -> None:
        """Take rules on trees, and give the primitive the joint rule that they make."""
        if len(rules) > len(self.wrt):
            raise ValueError(
                f"rule for {self.name}: {len(rules)} rules for {len(self.wrt)} differentiable parameters ({', '.join(self.wrt)})"
            )
        given = {
            word: each for word, each in [*zip(self.wrt, rules, strict=False), *by_name.items()] if each is not None
        }
        for word in given:
            if word not in self.operands:
                raise ValueError(
                    f"rule for {self.name}: {word!r} is not one of its differentiable parameters {self.operands}"
                )
        for each in (*given.values(), *([joint] if joint else [])):
            check_function(self.name, each)
            for word in names_of(each):
                if word != "out" and word not in self.signature.parameters:
                    raise ValueError(
                        f"rule for {self.name}: {word!r} is neither out, an operand, nor an option ({', '.join(self.signature.parameters)})"
                    )
        self.rules |= given
        self.joint = joint or self.joint
        named = {word for each in (self.joint, *self.rules.values()) if each for word in names_of(each)}
        # The tape keeps what they name.
        words = (
            "call, out_shape, out_dtype, needs"
            + ", arrays" * (not named.isdisjoint(self.operands))
            + ", out" * ("out" in named)
        )
        text = f"lambda g, {words}: pull(g, {', '.join([f'{word}={word}' for word in words.split(', ')])})"
        self.give_rule(self.inner, joint=eval(text, {"pull": self.pull}))  # noqa: S307 - our own text

    def pull(
        self,
        g: Any,
        call: _Call,
        needs: tuple[bool, ...],
        out_shape: Any,
        out_dtype: Any,
        arrays: Any = None,
        out: Any = None,
    ) -> list[Any]:
        """The gradients of all arrays, by the rules on trees."""
        assert call.out is not None
        cotangent = call.out(
            [
                np.zeros(shape, dtype) if each is None else each
                for each, shape, dtype in zip(g, out_shape, out_dtype, strict=True)
            ]
        )
        values = (
            call.options
            | ({} if arrays is None else call.operands(arrays))
            | ({} if out is None else {"out": call.out(out)})
        )

        def applied(each: Callable[..., Any]) -> Any:
            return each(cotangent, *[values[word] for word in names_of(each)])

        trees: dict[str, Any] = {}
        if self.joint is not None:
            together = tuple(applied(self.joint))
            if len(together) != len(self.operands):
                raise GradientShapeError(
                    f"the rule of {self.name} returned {len(together)} trees for {len(self.operands)} operands ({', '.join(self.operands)})"
                )
            trees |= zip(self.operands, together, strict=True)
        found: list[Any] = []
        for word, (count, rebuild) in call.parts.items():
            if not any(needs[len(found) : len(found) + count]):
                found += [None] * count
                continue
            if self.joint is None and word not in self.rules:
                raise NonDifferentiableError(without_rule(self.name, word, False))
            tree = trees[word] if self.joint is not None else applied(self.rules[word])
            found += leaves_like(rebuild([0] * count), tree, f"the rule of {self.name} for {word}")
        return found


def declare(
    function: Callable[..., Any],
    name: str,
    signature: inspect.Signature,
    wrt: tuple[str, ...],
    discrete: tuple[str, ...],
    primitive: Callable[..., Any],
    rule: Callable[..., None],
) -> Callable[..., Any]:
    """The public function of an operation on trees, of a primitive and a rule on sequences, which ``primitive`` and ``rule`` declare."""
    operation = _TreeOperation(function, name, signature, wrt, discrete, rule)

    def body(arrays: Sequence[Any], call: _Call) -> Any:
        return operation.body(arrays, call)

    body.__module__ = getattr(function, "__module__", None)  # type: ignore[assignment]
    operation.inner = primitive(name=name, wrt="arrays", multi=True)(body)
    operation.rule()  # until there are others, one that raises by the operands' names

    @functools.wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        return operation(args, kwargs)

    public.__name__ = public.__qualname__ = name
    public.__signature__ = signature  # type: ignore[attr-defined]
    public.__trees__ = operation  # type: ignore[attr-defined]
    public.__primitive__ = found = operation.inner.__primitive__  # type: ignore[attr-defined]
    found.function = public
    return public
