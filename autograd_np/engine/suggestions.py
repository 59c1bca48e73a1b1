"""What to write instead: remedies for names and keywords that are not there, and for calls with the wrong arguments.

The mechanism is here, with the keywords, which are the same everywhere; the names of Tensors, of ``autograd_np`` and of ``nn`` are
listed by those that have them, with :func:`remedies`. What no table knows is looked for among the names that there are.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

__all__ = ["absent", "hint", "hinted", "hinted_package", "missing_in_module", "names", "remedies", "unexpected"]

F = TypeVar("F", bound=Callable[..., Any])

# Of a keyword of PyTorch, Keras, scikit-learn or NumPy: what it may be called here, the first that the function has;
# or, after a colon, what to do instead.
KEYWORDS = {
    "activation": ": an activation is a layer of its own, such as nn.Sequential(nn.Linear(2, 8), nn.ReLU())",
    "alpha": "lr negative_slope",
    "axes": "axis dim",
    "axis": "dim axes",
    "batchsize": "batch_size",
    "beta_1": "betas",
    "beta_2": "betas",
    "bias_initializer": "bias_init",
    "channels": "in_channels num_features num_channels",
    "decay": "weight_decay",
    "device": ": arrays lie in the memory of the CPU; leave it out",
    "dim": "axis axes",
    "epoch": "epochs",
    "filters": "out_channels",
    "from_logits": ": CrossEntropyLoss and BCEWithLogitsLoss take scores, NLLLoss log-probabilities, BCELoss probabilities",
    "inplace": ": results are new arrays; leave it out",
    "input_dim": "in_features num_embeddings input_size",
    "input_shape": ": a layer is made with the number of its inputs, such as nn.Linear(784, 10)",
    "keepdim": "keepdims",
    "keepdims": "keepdim",
    "kernel": "kernel_size",
    "kernel_initializer": "weight_init",
    "kernel_regularizer": ": a penalty is asked for with model.regularize(l1=…, l2=…)",
    "learning_rate": "lr",
    "maximize": ": maximise the negative loss",
    "n_epochs": "epochs",
    "nb_epoch": "epochs",
    "num_epochs": "epochs",
    "num_workers": "prefetch",
    "out_dim": "out_features embedding_dim",
    "output_dim": "out_features embedding_dim",
    "pad": "padding",
    "pin_memory": ": arrays lie in the memory of the CPU; leave it out",
    "pool_size": "kernel_size",
    "prob": "p",
    "random_state": "rng",
    "rate": "p lr",
    "rho": "alpha",
    "seed": "rng",
    "strides": "stride",
    "unit": "out_features hidden_size",
    "units": "out_features hidden_size",
    "use_bias": "bias",
    "val_data": "validation",
    "validation_data": "validation",
    "verbose": ": the history says it all; progress= shows it as it goes",
    "weight_regularizer": ": a penalty is asked for with model.regularize(l1=…, l2=…)",
}
_TABLES: dict[str, dict[str, str]] = {}


def remedies(owner: str, table: Mapping[str, str]) -> None:
    """Add to what is said of the names that ``owner`` hasn't: name → what to write instead."""
    _TABLES.setdefault(owner, {}).update(table)


class Missing(AttributeError):  # noqa: N818 - it goes by another name
    """An AttributeError whose message looks for a name near the one asked for, when somebody reads it: ``hasattr`` does not.

    Args:
        text: the message.
        owner: the table in which the name is looked up.
        name: what was asked for.
        known: gives the names that there are.
    """

    def __init__(self, text: str, owner: str, name: str, known: Callable[[], Iterable[str]]) -> None:
        super().__init__(text)
        self._asked = owner, name, known

    def __str__(self) -> str:
        owner, name, known = self._asked
        return f"{self.args[0]}{hint(owner, name, known)}"

    def __reduce__(self) -> Any:
        return AttributeError, (str(self),)


Missing.__name__ = Missing.__qualname__ = "AttributeError"  # what it is to those who read it
Missing.__module__ = "builtins"


class Absent:
    """The place of a name that a class hasn't: asked for it raises AttributeError, as if it were not there, with what to write instead.

    (Python itself looks for the name next to a misspelt one. A ``__getattr__`` could do both, but makes each attribute slower to get:
    an operation on Tensors takes 6 to 16 % more instructions with one.)
    """

    def __init__(self, owner: type, name: str) -> None:
        self._asked = owner, name

    def __get__(self, thing: Any, kind: type) -> Any:
        owner, name = self._asked
        try:
            return getattr(super(owner, kind if thing is None else thing), name)  # class Own(nn.Module, WithFit)
        except AttributeError:
            remedy = _TABLES[owner.__name__][name]
        raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}; {remedy}")


def absent(kind: type, table: Mapping[str, str]) -> None:
    """Say what to write instead of names that a class hasn't: name → remedy."""
    remedies(kind.__name__, table)
    for name in table:
        setattr(kind, name, Absent(kind, name))


def names(kind: type, given: Iterable[str]) -> list[str]:
    """The names that there are: for ``__dir__``, without those that :func:`absent` put into a class."""
    return [name for name in given if not isinstance(inspect.getattr_static(kind, name, None), Absent)]


def missing_in_module(name: str, word: str) -> Any:
    """The ``__getattr__`` of a module: a name that it hasn't.

    Raises:
        AttributeError: always; with what the table of the module says of the name, or the name next to it.
    """
    raise Missing(f"module {name!r} has no attribute {word!r}", name, word, lambda: dir(sys.modules[name]))


def hint(owner: str, name: str, known: Callable[[], Iterable[str]]) -> str:
    """What follows a message that ``owner`` has no ``name``: "; use …", "; did you mean …?", or nothing.

    >>> hint("Loss", "reducton", lambda: ["reduction", "weight"])
    "; did you mean 'reduction'?"
    """
    remedy = _TABLES.get(owner, {}).get(name)
    if remedy is not None:
        return f"; {remedy}"
    if name.startswith("__"):
        return ""
    near = _nearest(name, known())
    return f"; did you mean {near!r}?" if near else ""


def _nearest(name: str, known: Iterable[str]) -> str | None:
    import difflib

    plain = {word.replace("_", "").lower(): word for word in sorted(known, reverse=True) if not word.startswith("_")}
    asked = name.replace("_", "").lower()
    found = difflib.get_close_matches(asked, plain, 1, 0.8)
    if not found and len(asked) >= 4:
        found = [word for word in plain if asked in word or (len(word) >= 4 and word in asked)]
    return plain[found[0]] if found else None


def _keyword_hint(word: str, known: Iterable[str]) -> str:
    known = [*known]
    given = KEYWORDS.get(word, "")
    for other in given.split() if not given.startswith(":") else ():
        if other in known:
            return f"; did you mean {other!r}?"
    near = _nearest(word, known)
    if near:
        return f"; did you mean {near!r}?"
    return f";{given[1:]}" if given.startswith(":") else f"; it takes {', '.join(known)}" if known else ""


def unexpected(name: str, parameters: Iterable[str], given: Iterable[str]) -> TypeError:
    """The error for keywords that a function hasn't."""
    known = [*parameters]
    word = next(word for word in given if word not in known)
    return TypeError(f"{name}() got an unexpected keyword argument {word!r}{_keyword_hint(word, known)}")


def _by_name(function: Callable[..., Any]) -> tuple[list[str], bool]:
    """The parameters that may be given by name, and whether any other may be too."""
    parameters = [*inspect.signature(function).parameters.values()]
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "self"]
    return named, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _misfit(name: str, owners: list[str], function: Callable[..., Any], given: Any, error: TypeError) -> TypeError:
    """The error for a call that Python refused, with what to write instead."""
    known, others = _by_name(function)
    if not others and any(word not in known for word in given):
        return unexpected(name, known, given)
    text = str(error).partition(")")[2].strip() or str(error)
    remedy = next((_TABLES["calls"][owner] for owner in owners if owner in _TABLES.get("calls", {})), None)
    if remedy is None:
        required = [
            p.name
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.name != "self" and p.kind is not p.VAR_KEYWORD
        ]
        remedy = f"write {name}({', '.join([*required, '…'] if len(known) > len(required) else required)})"
    return TypeError(f"{name}() {text}; {remedy.replace('{name}', name)}")


def hinted(function: F) -> F:
    """A function (or a class's ``__init__``) whose errors for arguments that it doesn't take say what it takes.

    >>> @hinted
    ... def scale(x, factor=1.0):
    ...     return x * factor
    >>> scale(2.0, facto=3.0)
    Traceback (most recent call last):
    TypeError: scale() got an unexpected keyword argument 'facto'; did you mean 'factor'?
    """
    if hasattr(function, "_hinted"):
        return function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            trace = error.__traceback__
            if trace is not None and trace.tb_next is not None:  # raised inside, not by the call
                raise
            owners = [function.__name__]
            if function.__name__ == "__init__" and args:
                owners = [each.__name__ for each in type(args[0]).__mro__]
            raise _misfit(owners[0], owners, function, kwargs, error) from None

    call._hinted = True  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def hinted_package(name: str, spaces: Iterable[str]) -> None:
    """Make what a package shows :func:`hinted`: called once its modules are imported.

    Args:
        name: of the package.
        spaces: its public namespaces; of the names in their ``__all__``, functions are replaced in every module of the package, classes
            get another ``__init__``.
    """
    modules = [sys.modules[one] for one in [*sys.modules] if one == name or one.startswith(f"{name}.")]
    shown = [vars(sys.modules[space]).get(word) for space in spaces for word in sys.modules[space].__all__]
    own = [value for value in shown if f"{getattr(value, '__module__', '')}.".startswith(f"{name}.")]
    functions = {value: hinted(value) for value in own if isinstance(value, types.FunctionType)}
    for module in modules:
        for word, value in [*vars(module).items()]:
            if isinstance(value, types.FunctionType) and value in functions:
                setattr(module, word, functions[value])
    for each in {each for value in own if isinstance(value, type) for each in value.__mro__}:
        if each.__module__.startswith(f"{name}.") and isinstance(each.__dict__.get("__init__"), types.FunctionType):
            setattr(each, "__init__", hinted(each.__dict__["__init__"]))  # noqa: B010 - of a class, not of an instance
    for space in spaces:
        if "__getattr__" not in vars(sys.modules[space]):
            setattr(sys.modules[space], "__getattr__", functools.partial(missing_in_module, space))  # noqa: B010
