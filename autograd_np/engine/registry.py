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

The code that records a call is written out per primitive at its first call, as ``dataclasses`` writes ``__init__``; codegen.py
says what that saves.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

import numpy as np

from . import codegen, record, tree_operations
from .clock import LAST_WRITE, next_position
from .errors import describe
from .primitive import Primitive
from .record import same
from .slots import Rule, Slot, check_names, leading_parameters, parameter_names
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
