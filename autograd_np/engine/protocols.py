"""NumPy's protocols on Tensors: ``np.exp(t)``, ``np.add.reduce(t)``, ``np.sum(t, axis=0)``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from . import record
from .operands import GivesWay, above
from .registry import FUNCTIONS, REGISTRY, UFUNCS, load_chapters

__all__ = ["call_function", "call_ufunc"]

# (ufunc, method) → the primitive that is the same thing; filled by the chapters of the rule book.
UFUNC_METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {}


def unsupported(name: str) -> TypeError:
    """The error for a NumPy function that has no primitive here."""
    return TypeError(
        f"{name} is not supported on Tensors; {record.SUPPORTED}. For a value without gradient call it on t.numpy(), "
        "or declare it with @ag.primitive and ag.rule"
    )


def full_name(ufunc: np.ufunc) -> str:
    """A ufunc's name with that of the module that it stands in."""
    word = ufunc.__name__
    for module, short in (("numpy", "np"), ("scipy.special", "scipy.special")):
        found = getattr(sys.modules.get(module), word, None)
        if ufunc in (found, getattr(found, "__wrapped__", None)):
            return f"{short}.{word}"
    return word


def call_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """``Tensor.__array_ufunc__``: the primitive of the ufunc, with the ufunc's options seen to."""
    try:
        if not kwargs and method == "__call__":
            function = UFUNCS.get(ufunc)
            if function is not None:
                return function(*inputs)
        return _call_method(ufunc, method, inputs, kwargs)
    except GivesWay:
        return NotImplemented


def _call_method(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A method of a ufunc, or a call with options."""
    if any(above(type(x)) for x in inputs):
        raise GivesWay
    name = full_name(ufunc) + ("" if method == "__call__" else f".{method}")
    out = kwargs.pop("out", None)
    if out is not None and any(o is not None for o in (out if isinstance(out, tuple) else (out,))):
        raise TypeError(
            f"{name}: out= (or an in-place operator such as array += t) would put a Tensor's value into an array without its gradient; "
            "write array = array + t, or use the returned Tensor"
        )
    if method in ("__call__", "outer") and ufunc not in UFUNCS:
        load_chapters()
    if method == "__call__":
        function = UFUNCS.get(ufunc)
        if function is None:
            raise unsupported(name)
        return function(*_with_options(name, inputs, kwargs))
    if method == "outer":
        function = UFUNCS.get(ufunc)
        if function is None or len(inputs) != 2:
            raise unsupported(name)
        a, b = inputs
        left = REGISTRY["reshape"].function(a, np.shape(a) + (1,) * np.ndim(b))
        return function(*_with_options(name, (left, b), kwargs))
    function = UFUNC_METHODS.get((ufunc, method))
    if function is None:
        load_chapters()
        function = UFUNC_METHODS.get((ufunc, method))
    if function is None:
        raise unsupported(name)
    if method == "reduce":
        # ufunc.reduce reduces axis 0 by default, and where NumPy's functions reduce all.
        args = dict(zip(("axis", "dtype", "out", "keepdims", "initial", "where"), inputs[1:], strict=False)) | kwargs
        if args.pop("out", None) is not None:
            raise TypeError(f"{name}: out= is not supported on Tensors; use the returned Tensor")
        args.setdefault("axis", 0)
        if args.get("dtype", 0) is None:
            del args["dtype"]
        return _bound(function, name, (inputs[0],), args)
    if method == "accumulate":
        args = dict(zip(("axis", "dtype", "out"), inputs[1:], strict=False)) | kwargs
        args.pop("out", None)
        args.setdefault("axis", 0)
        return _bound(function, name, (inputs[0],), {k: v for k, v in args.items() if v is not None})
    return _bound(function, name, inputs, kwargs)


def _bound(function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    known = inspect.signature(function).parameters
    for word in kwargs:
        if word not in known:
            raise TypeError(f"{name}: {word}= is not supported on Tensors")
    return function(*args, **kwargs)


def _with_options(name: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The inputs of an elementwise call after its options: ``dtype`` casts them, the others are refused."""
    for word, value in kwargs.items():
        if word == "dtype":
            if value is not None:
                cast = REGISTRY["astype"].function
                for x in inputs:
                    if hasattr(x, "dtype") and not np.can_cast(x.dtype, value, "same_kind"):
                        raise TypeError(
                            f"{name}: dtype={np.dtype(value)} does not hold an operand of dtype {x.dtype}; convert it with .astype first"
                        )
                inputs = tuple([cast(x if hasattr(x, "dtype") else np.asarray(x), value) for x in inputs])
        elif word == "where":
            if value is not True:
                raise TypeError(
                    f"{name}: where= leaves the other elements undefined, and so their gradient; write np.where(mask, {name}(...), other)"
                )
        elif (word, value) not in (("casting", "same_kind"), ("order", "K"), ("subok", True)):
            raise TypeError(f"{name}: {word}={value!r} is not supported on Tensors")
    return inputs


@lru_cache(maxsize=512)
def _positions(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of a NumPy function's parameters, in order."""
    try:
        return tuple(inspect.signature(function).parameters)
    except ValueError:
        return ()


@lru_cache(maxsize=512)
def _names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of our function's parameters that a keyword may reach."""
    parameters = inspect.signature(function).parameters.values()
    return tuple([p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)])


@lru_cache(maxsize=512)
def _open(function: Callable[..., Any]) -> bool:
    """Whether our function takes any keyword."""
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())


def call_function(self: Any, function: Any, kinds: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``Tensor.__array_function__``: the function declared for NumPy's, its arguments by our names."""
    own = FUNCTIONS.get(function)
    if own is None:
        load_chapters()
        own = FUNCTIONS.get(function)
    try:
        if own is not None and not kwargs:
            return own(*args)
        module = str(getattr(function, "__module__", "numpy")).replace("numpy", "np")
        name = f"{module}.{getattr(function, '__name__', function)}"
        if own is None:
            raise unsupported(name)
        if kwargs.get("out", own) is None:
            kwargs = {k: v for k, v in kwargs.items() if k != "out"}
        known = _names(own)
        if any(word not in known for word in kwargs):
            # NumPy's keyword of an operand that is positional here, such as a= in np.sum(a=t).
            order = _positions(function)
            mine = tuple(inspect.signature(own).parameters)
            moved = dict(kwargs)
            args = tuple(args)
            while len(args) < len(order) and order[len(args)] in moved and order[len(args)] not in known:
                args = (*args, moved.pop(order[len(args)]))
            for word in moved:
                if word == "out":
                    raise TypeError(
                        f"{name}: out= would overwrite an array that the tape may keep; use the returned Tensor"
                    )
                if word not in known and not _open(own):
                    raise TypeError(
                        f"{name}: {word}= is not supported on Tensors (its parameters here: {', '.join(mine)})"
                    )
            kwargs = moved
        return own(*args, **kwargs)
    except GivesWay:
        if len(kinds) > 1:
            return NotImplemented
        raise
