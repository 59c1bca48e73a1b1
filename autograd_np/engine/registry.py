"""Operations and their derivative rules: ``primitive`` and ``rule`` declare them, the registry lists them.

A primitive is a function on arrays; its rules are lines of mathematics on arrays:

>>> import numpy as np
>>> import autograd_np as ag
>>> @ag.primitive()
... def cube(x):
...     return x**3
>>> ag.rule(cube, lambda g, x: g * 3 * x**2)
>>> float(ag.grad(cube)(2.0))
12.0

The rule's parameter names say what the tape keeps between forward and backward:

======================  ==============================================================
``g`` (first)           the cotangent, of the output's shape (a tuple for several outputs,
                        with None where no gradient arrived)
``x`` (an operand)      its value
``out``                 the output (the tuple of outputs)
``hidden``              the tuple of outputs of an operation that shows only its first, with None in
                        place of that one, which need not be kept
``x_shape``, ``x_dtype``  shape and dtype of an operand, without keeping its value
``out_shape``           shape of the output (``out_dtype``: its dtype; of a tuple of outputs, tuples)
``axis`` (an option)    the option's value in the call
``needs``               joint rules only: which operands need a gradient
======================  ==============================================================

The code that records a call is written out per primitive at its first call (see codegen.py), as
``dataclasses`` writes ``__init__``: a loop generic over operands and kept values costs three times as much.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

import numpy as np

from . import codegen, record, tree_operations, write_guards, zero_cotangents
from .clock import LAST_WRITE, next_position
from .errors import NonDifferentiableError, describe, without_rule
from .record import pick, same
from .slots import KINK, SELECTION, Rule, Slot, check_names, leading_parameters, parameter_names
from .tape import Node
from .tensor import Tensor

if TYPE_CHECKING:
    from .declarations import Declare

__all__ = [
    "CHAPTERS",
    "FUNCTIONS",
    "REGISTRY",
    "UFUNCS",
    "Primitive",
    "Slot",
    "load_chapters",
    "on_arrays",
    "primitive",
    "rule",
    "same",
    "shown",
]

P = ParamSpec("P")
R = TypeVar("R")
REGISTRY: dict[str, Primitive] = {}
UFUNCS: dict[np.ufunc, Callable[..., Any]] = {}
FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
# What imports the chapters that few programs use, before an operation is taken for unknown.
CHAPTERS: list[Callable[[], None]] = []


def load_chapters() -> None:
    """Complete the registry."""
    for load in CHAPTERS:
        load()


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


@overload
def primitive(function: types.FunctionType, /) -> Callable[..., Any]: ...


@overload
def primitive(
    *numpy_functions: Any,
    name: str | None = ...,
    wrt: str | None = ...,
    multi: bool = ...,
    shown: int | None = ...,
    broadcasts: bool = ...,
    view: bool = ...,
    discrete: str = ...,
    elementwise: bool | None = ...,
    masks: bool | str = ...,
    trees: bool = ...,
    real: bool | str = ...,
    override: Any = ...,
) -> Declare: ...


def primitive(
    *numpy_functions: Any,
    name: str | None = None,
    wrt: str | None = None,
    multi: bool = False,
    shown: int | None = None,
    broadcasts: bool = False,
    view: bool = False,
    discrete: str = "",
    elementwise: bool | None = None,
    masks: bool | str = False,
    trees: bool = False,
    real: bool | str = False,
    override: Any = None,
) -> Any:
    """Declare an operation: the decorated function computes it on arrays.

    The function it returns takes Tensors, arrays and numbers and returns Tensors; what it records is
    decided by the rules given with :func:`rule`. Where there is no rule, a gradient that would pass through the
    operation raises, unless ``discrete`` names the parameter:

    >>> import numpy as np
    >>> import autograd_np as ag
    >>> @ag.primitive(discrete="x")
    ... def quantized(x):
    ...     return np.round(x, 1)
    >>> float(ag.grad(lambda x: x * quantized(x))(0.52))
    0.5

    Args:
        *numpy_functions: NumPy functions or ufuncs that shall dispatch here when they meet a Tensor.
            With a ufunc the decorated function gives signature and documentation, and the ufunc itself
            is the body.
        name: the name in messages, pictures and the registry; the function's own by default.
        wrt: names of the differentiable parameters, separated by spaces. By default the leading
            parameters without a default. A parameter named ``arrays`` or ``*operands`` is a sequence of arrays.
        multi: the body returns a tuple of arrays; the caller gets a tuple of Tensors. A body that returns one is taken for such.
        shown: with ``multi``, return only the first ``shown`` outputs (a single Tensor for 1).
        broadcasts: the operands broadcast against each other; the engine sums the gradients back.
        view: the output may share memory with the first operand.
        discrete: names of parameters in which the function is piecewise constant, separated by spaces: no gradient flows to them.
        elementwise: each element of the output depends on one element of each (broadcast) operand alone; known of a
            ufunc. Then an element whose cotangent is zero gets gradient zero, also where a derivative is infinite or NaN.
            Left out where the rules see to that themselves.
        masks: the rules make zeros in a cotangent, for elements on which the output does not depend (``where``, an
            index). From there on the backward pass holds zeros to zero; before, there are none to hold. The names of options
            (``"where"``): only in a call that gives one of them. ``"kink"``: at a kink or at random (relu, dropout); from there on
            elementwise operations alone are held to zero, at less cost.
        trees: operands and results are trees of arrays (dicts, lists, tuples, dataclasses…), and so are ``g``, ``out`` and the
            operands in the rules; see :mod:`autograd_np.engine.tree_operations`.
        real: the function is defined for real numbers alone (in the operands named, if not in all): a complex one raises a TypeError that says so.
        override: use this as the body instead of the decorated function.

    Returns:
        The decorator. It takes any callable whose parameters are known: a function, a method, ``functools.partial``, ``np.vectorize``,
        a ufunc, an object with ``__call__``; of others ``wrt`` names them.
    """
    for function in numpy_functions:
        if not callable(function):
            raise TypeError(f"primitive: takes functions of NumPy that shall dispatch here, not {describe(function)}")
    if len(numpy_functions) == 1 and _is_own(numpy_functions[0]):
        return primitive()(numpy_functions[0])

    def declare(function: Callable[P, R]) -> Callable[P, R]:
        if isinstance(function, staticmethod):
            return staticmethod(declare(function.__func__))
        own = name or name_of(function)
        signature = None if _is_plain(function) else signature_of(function, own, wrt)
        parameters = parameter_names(function) if signature is None else tuple(signature.parameters)
        if own in REGISTRY and _inside(REGISTRY[own].declared) and not _inside(function):
            raise ValueError(f"primitive {own!r} exists in autograd_np; give yours another name with name=")
        if wrt is not None:
            operands = tuple(wrt.split())
        elif signature is None:
            code = function.__code__
            leading = code.co_argcount - len(function.__defaults__ or ())
            operands = ("operands",) if leading == 0 and code.co_flags & inspect.CO_VARARGS else parameters[:leading]
        else:
            operands = leading_parameters(signature)
        options = masks.split() if isinstance(masks, str) and masks != "kink" else []
        unknown = [word for word in (*operands, *discrete.split(), *options) if word not in parameters]
        if unknown:
            raise ValueError(
                f"primitive {own!r}: no parameter named {', '.join(unknown)} among {', '.join(parameters)}"
            )
        if trees:
            return tree_operations.declare(
                function,
                own,
                signature or inspect.signature(function),
                operands,
                tuple(discrete.split()),
                primitive,
                rule,
            )
        taken = codegen.taken(parameters)
        if taken:
            raise ValueError(
                f"primitive {own!r}: the engine uses the names {', '.join(sorted(taken))} itself; rename the parameter"
            )
        body: Any = override or function
        for numpy_function in numpy_functions:
            if isinstance(numpy_function, np.ufunc) and override is None:
                body = numpy_function
        made = Primitive(
            own,
            body,
            function,
            signature,
            operands=operands,
            multi=multi,
            shown=shown,
            broadcasts=broadcasts,
            view=view,
            discrete=tuple(discrete.split()),
            elementwise=any(isinstance(f, np.ufunc) and f.signature is None for f in numpy_functions)
            if elementwise is None
            else elementwise,
            masks=masks,
            real=real,
        )
        if body is function and not _inside(function):
            made.body = record.checked(function, made)
        public = codegen.stub(made, function)
        if signature is not None:
            public.__signature__ = signature  # type: ignore[attr-defined]
        made.function = public
        made.numpy_functions = list(numpy_functions)
        REGISTRY[own] = made
        for numpy_function in numpy_functions:
            if isinstance(numpy_function, np.ufunc):
                UFUNCS[numpy_function] = public
            else:
                FUNCTIONS[numpy_function] = public
        return public

    return declare


def _is_own(function: Any) -> bool:
    """Whether it is what ``@primitive`` without parentheses is given, rather than a function of NumPy that shall dispatch."""
    if isinstance(function, np.ufunc):
        return False
    return isinstance(function, np.vectorize) or str(getattr(function, "__module__", "")).partition(".")[0] != "numpy"


def _is_plain(function: Any) -> bool:
    """Whether its own code says what its parameters are."""
    return isinstance(function, types.FunctionType) and not function.__dict__.keys() & {"__wrapped__", "__signature__"}


def name_of(function: Any) -> str:
    """The name of a callable; of one that has none that of the function inside, or of its class."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def signature_of(function: Any, name: str, wrt: str | None) -> inspect.Signature:
    """The signature of a callable, or one made of the names in ``wrt`` where it has none.

    Raises:
        TypeError: it has none, and there are no names.
    """
    if not callable(function):
        raise TypeError(f"primitive: takes a function of arrays, not {describe(function)}")
    kinds = inspect.Parameter
    words = (wrt or "").split()
    if isinstance(function, np.ufunc):  # its options are no part of an operation
        words = words or (["x"] if function.nin == 1 else [f"x{i + 1}" for i in range(function.nin)])
    else:
        try:
            found = inspect.signature(function.pyfunc if isinstance(function, np.vectorize) else function)
        except (ValueError, TypeError):
            found = inspect.Signature([kinds("args", kinds.VAR_POSITIONAL)])
        named = [p.name for p in found.parameters.values() if p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
        if (
            named
            or not found.parameters
            or set(words) & set(found.parameters)
            or (not words and "operands" in found.parameters)
        ):
            return found
        if not words:
            raise TypeError(
                f"primitive {name!r}: {function!r} does not say what its parameters are; name them: ag.primitive(wrt='x y', name=...)(function)"
            )
    return inspect.Signature([kinds(word, kinds.POSITIONAL_ONLY) for word in words])


def primitive_of(function: Callable[..., Any]) -> Primitive:
    """The primitive behind a public function.

    Raises:
        TypeError: the function was not declared with :func:`primitive`.
    """
    found = getattr(function, "__primitive__", None)
    if found is None:
        found = UFUNCS.get(function) if isinstance(function, np.ufunc) else FUNCTIONS.get(function)
        found = getattr(found, "__primitive__", None)
    if found is None:
        raise TypeError(
            f"{getattr(function, '__name__', function)!r} is not a primitive; declare it with @primitive() first"
        )
    return found  # type: ignore[no-any-return]


def rule(function: Callable[..., Any], *rules: Rule | None, joint: Rule | None = None, **by_name: Rule) -> None:
    """Give a primitive its derivative rules.

    Args:
        function: the primitive (or the NumPy function that dispatches to it).
        *rules: one per differentiable parameter, in order; None where there is none: a Tensor that needs a gradient is refused there
            by the call, unless ``discrete`` names the parameter.
        joint: one rule for all of them, for operations whose gradients share work: it may name
            ``needs`` (a tuple of bool, which gradients are wanted) and returns a sequence of gradients
            with None for those that are not.
        **by_name: rules by parameter name.

    Raises:
        TypeError: the function is no primitive, or a rule takes ``**kwargs`` or a keyword-only argument.
        ValueError: a rule names something that the operation does not have.
    """
    found = primitive_of(function)
    if on_trees := getattr(function, "__trees__", None):
        on_trees.rule(*rules, joint=joint, **by_name)
        return
    found.operands = found.wrt
    if len(rules) > len(found.operands):
        listed = ", ".join(found.operands) or "none: wrt= names them"
        raise ValueError(
            f"rule for {found.name}: {len(rules)} rules for {len(found.operands)} differentiable parameters ({listed})"
        )
    given = dict(zip(found.operands, rules, strict=False))
    for key, value in by_name.items():
        if key not in found.operands:
            raise ValueError(
                f"rule for {found.name}: {key!r} is not one of its differentiable parameters {found.operands}"
            )
        given[key] = value
    if found.sequence and given:
        raise ValueError(f"rule for {found.name}: an operation on a sequence of arrays takes a joint rule")
    for each in (*given.values(), joint):
        if each is not None:
            if found.differentiable and _inside(found.declared) and not _inside(each):
                raise ValueError(
                    f"{found.name} has its rule in autograd_np; declare an operation of your own with @primitive() and give that one a rule"
                )
            check_names(found, each)
    found.rules.update({key: value for key, value in given.items() if value is not None})
    if joint is not None:
        found.joint = joint
    if found.pull != found._first_pull:  # calls are on tapes, with what the former rules named
        found.since = LAST_WRITE[0] = next_position()
    found.pull = found._first_pull
    codegen.reset(found)


def shown(function: Callable[..., Any], **formulas: str) -> None:
    """Declare what pictures show of an operation whose body or rules are more than a line of mathematics.

    Args:
        function: the primitive.
        **formulas: expressions in Python: of the value under ``out``, of what is sent under the names of the operands. A loss
            is ``mean(...)`` of elements, and ``n`` is how many there are.
    """
    primitive_of(function).formulas = formulas


def _inside(function: Callable[..., Any]) -> bool:
    """Whether a function belongs to the library."""
    return str(getattr(function, "__module__", "")).partition(".")[0] == "autograd_np"


def on_arrays(function: Callable[..., R]) -> Callable[..., R]:
    """The same operation for use inside a rule: plain arrays in, plain arrays out; Tensors in, Tensors out.

    NumPy's functions do that by themselves; this gives it to operations that NumPy does not have.
    """
    found = primitive_of(function)

    @functools.wraps(found.body)
    def either(*args: Any, **kwargs: Any) -> Any:
        for value in args:
            if value.__class__ is Tensor:
                return function(*args, **kwargs)
        return found.body(*args, **kwargs)

    return either
