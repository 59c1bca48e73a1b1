"""Writes, for each primitive, the function that records a call and the one that pulls a cotangent back.

The written function is specialised to the primitive's operands, options and kept values. For ``multiply``
it reads (print any of them with ``print(codegen.source(primitive))``)::

    def multiply(x, y, /):
        if x.__class__ is Tensor: ...                  # the array, its node, whether its memory is shared
        value = body(x, y)                             # NumPy's own call
        t = new(Tensor)
        if x_n is not None or y_n is not None: ...     # position, parents, and what the rules named
        return t

It is compiled at the first call, so importing the package compiles nothing.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import mutation
from .errors import GradientShapeError, NonDifferentiableError, describe, explain, label
from .modes import ACTIVE, is_anomaly_enabled, is_grad_enabled
from .tape import Deferred, Node, next_position

if TYPE_CHECKING:
    from .primitive import Primitive, Rule

TENSOR: Any = None  # set by tensor.py, which stands above this module
SUPPORTED = "docs/supported.md lists what is supported"


def same(g: Any) -> Any:
    """The rule of an operation whose gradient is the cotangent itself; written into the pull as ``g``."""
    return g


class Slots(Deferred):
    """The cotangents of the outputs of one operation, collected into a tuple (None where none arrived)."""

    __slots__ = ("count",)

    def __init__(self, shape: Any, parts: list[Any], count: int) -> None:
        super().__init__(shape, parts)
        self.count = count

    def whole(self, g: Any) -> Any:
        return (0, g)  # an operation that shows one output has that output's node: its cotangent comes as it is

    def dense(self) -> tuple[Any, ...]:
        collected: list[Any] = [None] * self.count
        for index, g in self.parts:
            collected[index] = g if collected[index] is None else collected[index] + g
        return tuple(collected)


class Pick:
    """The pseudo-primitive of one output of an operation with several outputs."""

    name = "output"
    broadcasts = False
    elementwise = False
    masks = True  # an output that is not used gets no cotangent
    operands = ("outputs",)

    @staticmethod
    def pull(node: Node, g: Any, parents: tuple[Node | None, ...], kept: tuple[Any, ...]) -> tuple[Any, ...]:
        (parent,) = parents
        return (None if parent is None else Slots(parent.shape, [(kept[0], g)], kept[1]),)

    @staticmethod
    def as_tensors(node: Node) -> tuple[Any, ...] | None:
        return node.kept


PICK = Pick()


def foreign(value: Any, found: Primitive, word: str) -> Any:
    """An operand that is not a Tensor, as something NumPy's protocols can work on.

    Returns:
        The value itself for numbers and arrays (also duck arrays), an array for a list, and
        NotImplemented for anything else.
    """
    kind = value.__class__
    if kind is np.ndarray or isinstance(value, np.generic):
        if value.dtype.kind not in "fciub":
            raise TypeError(f"{found.name}: {word} has dtype {value.dtype}; Tensors hold numbers: convert it first")
        return value
    if isinstance(value, (int, float, complex)):
        return value
    if hasattr(kind, "__array_function__"):
        if isinstance(value, np.ndarray):
            raise TypeError(
                f"{found.name}: {word} is a {kind.__name__}, whose arithmetic is not NumPy's; convert it with np.array({word})"
            )
        return value
    if isinstance(value, (list, tuple)) or hasattr(kind, "__array__"):
        converted = np.asarray(value)
        if converted.dtype.kind not in "fciub":
            raise TypeError(f"{found.name}: {word} has dtype {converted.dtype}; Tensors hold numbers: convert it first")
        return converted
    return NotImplemented


def required(value: Any, found: Primitive, word: str) -> Any:
    """As :func:`foreign`, raising where an operator would give way."""
    converted = foreign(value, found, word)
    if converted is NotImplemented:
        raise TypeError(f"{found.name}: {word} must be a Tensor, an array or a number, not {type(value).__name__}")
    return converted


def option(value: Any, found: Primitive, word: str) -> Any:
    """The array of a Tensor given where no gradient flows."""
    if value._node is not None and found.differentiable and word not in found.discrete:
        raise NonDifferentiableError(
            f"{found.name} has no gradient with respect to {word}, which needs one here; pass {word}.detach() to treat it as a constant"
        )
    return value._data


def out_given(found: Primitive) -> TypeError:
    """The error for ``out=``."""
    return TypeError(f"{found.name}: out= would overwrite an array that the tape may keep; use the returned Tensor: t = {found.name}(...)")


def failed(error: Exception, found: Primitive, values: tuple[Any, ...]) -> Exception:
    """NumPy's error with the operation, its operands and the options that were given."""
    named = {}
    for word, value in zip(found.parameters, values, strict=True):
        default = found.signature.parameters[word].default
        if value is not default and not (isinstance(value, (bool, str)) and value == default):
            named[word] = value
    return explain(found.name, named, error)


NUMBERS = (float, int, bool, complex)


def unpack(arrays: Any, found: Primitive) -> tuple[list[Any], list[Node | None], list[bool]]:
    """Arrays, nodes and shared flags of a sequence operand."""
    if isinstance(arrays, (str, bytes)) or not hasattr(arrays, "__iter__"):
        raise TypeError(f"{found.name}: needs a sequence of Tensors or arrays, not {type(arrays).__name__}")
    values, nodes, shared = [], [], []
    for index, item in enumerate(arrays):
        if item.__class__ is TENSOR:
            values.append(item._data)
            nodes.append(item._node)
            shared.append(item._shared)
        else:
            item = required(item, found, f"array {index}")
            values.append(np.asarray(item) if item.__class__ in NUMBERS else item)
            nodes.append(None)
            shared.append(values[-1].__class__ is np.ndarray and mutation.writable(values[-1]))
    return values, nodes, shared


def snapshots(values: list[Any], shared: list[bool]) -> tuple[Any, ...]:
    """The values to keep of a sequence operand."""
    return tuple([mutation.keep(v) if s else v for v, s in zip(values, shared, strict=True)])


def finish_multi(
    found: Primitive, values: Any, parents: tuple[Node | None, ...], kept: Callable[[], tuple[Any, ...]], shared: bool
) -> Any:
    """Wrap the outputs of an operation that has several; ``kept`` is called only if it is recorded."""
    from .primitive import pick

    values = tuple(values)
    record = any(p is not None for p in parents) and is_grad_enabled()
    if record:
        node = Node()
        node.position = next_position()
        node.primitive = found
        node.parents = parents
        node.kept = kept()
        node.shape = tuple([v.shape for v in values])
        node.dtype = None
    results = []
    for index, value in enumerate(values if found.shown is None else values[: found.shown]):
        differentiable = record and value.dtype.kind in "fc"
        results.append(TENSOR.at(value, pick(node, index, value, len(values)) if differentiable else None, shared))
    return results[0] if found.shown == 1 else tuple(results)


def counted(pulled: Any, parents: tuple[Node | None, ...], node: Node) -> tuple[Any, ...]:
    """The gradients of a joint rule, one per operand."""
    gradients = tuple(pulled)
    if len(gradients) != len(parents):
        raise GradientShapeError(f"the rule of {label(node)} returned {len(gradients)} gradients for {len(parents)} operands ({', '.join(node.primitive.operands)}; wrt= in its declaration names them)")
    return gradients


def checked(function: Callable[..., Any], name: str, multi: bool, view: bool) -> Callable[..., Any]:
    """The body of a user's operation, held to what the engine relies on: arrays come out, with memory of their own."""

    def array(value: Any, args: tuple[Any, ...]) -> Any:
        if value.__class__ is TENSOR:
            if value._node is not None:
                raise NonDifferentiableError(f"{name}: its body uses a Tensor that needs a gradient, which would be lost; make it an argument")
            value = value._data
        if isinstance(value, (int, float, complex)) and not isinstance(value, np.generic):
            value = np.asarray(value)
        if not hasattr(value, "dtype") or value.dtype.kind not in "fciub":
            raise TypeError(f"{name}: its body returned {describe(value)}; it must return {'a tuple of arrays' if multi else 'an array'}")
        if not view and value.__class__ is np.ndarray and (value.base is not None or any(value is arg for arg in args)):
            return value.copy()
        return value

    @functools.wraps(function)
    def body(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if not multi:
            return array(result, args)
        if not isinstance(result, (tuple, list)):
            raise TypeError(f"{name}: its body returned {describe(result)}; it must return a tuple of arrays (multi=True)")
        return tuple([array(value, args) for value in result])

    return body


def observe(found: Primitive, result: Any, operands: tuple[Any, ...]) -> None:
    """Hand the call to anomaly detection, where that is on."""
    if is_anomaly_enabled():
        from .anomaly import check_forward

        check_forward(found, result, operands)


def _slots(found: Primitive) -> list[Any]:
    """What the tape keeps: one slot per value that some rule names and that must outlive the call."""
    from .primitive import Slot, names_of, source_of

    slots: dict[str, Slot] = {}
    pairs: list[tuple[str | None, Rule]] = [(operand, each) for operand, each in found.rules.items()]
    if found.joint is not None:
        pairs = [(None, found.joint)]
    for user, each in pairs:
        for word in names_of(each):
            source, operand = source_of(found, word)
            if source in ("needs", "out_shape", "out_dtype"):
                continue
            if source in ("shape", "dtype") and operand == user and not found.sequence:
                continue
            slot = slots.setdefault(word, Slot(word, source, operand))
            slot.users.update(found.operands if user is None else (user,))
    return list(slots.values())


def _keep_expression(found: Primitive, slot: Any) -> str:
    if slot.source == "out":
        text = "_out" if found.multi and found.shown == 1 else "_value"
    elif slot.source in ("shape", "dtype"):
        if found.sequence and slot.operand == found.operands[0]:
            text = f"tuple([v.{slot.source} for v in {slot.operand}_v])"
        else:
            text = f"shape_of({slot.operand})" if slot.source == "shape" else f"dtype_of({slot.operand})"
    elif slot.source == "value":
        text = f"snapshots({slot.operand}_v, {slot.operand}_s)" if found.sequence else "(({0}.copy() if {0}.nbytes < 4096 else keep({0})) if {0}_s else {0})".format(slot.operand)
    else:
        text = f"(keep_option({slot.name}) if {slot.name}.__class__ in MUTABLE else {slot.name})"
    # (Every rule of an operation with hidden outputs gets a cotangent for each of them, so their number is needed.)
    if not found.sequence and len(slot.users) < len(found.operands) and not (slot.source == "out" and found.multi):
        condition = " and ".join(f"{user}_n is None" for user in sorted(slot.users))
        text = f"(None if {condition} else {text})"
    return text


def _tuple(items: list[str]) -> str:
    return "(" + ", ".join(items) + ("," if len(items) == 1 else "") + ")"


def source(found: Primitive, *, operator: bool = False, reflected: bool = False) -> str:
    """The text of the recording function of a primitive (or of its operator form)."""
    parameters = list(found.signature.parameters.values())
    words = [p.name for p in parameters]
    operands = [w for w in found.operands]
    stated = parameters[:2] if operator else parameters
    header = _header([p.replace(annotation=inspect.Parameter.empty) for p in stated], reflected)
    lines = [f"def {found.name if found.name.isidentifier() else 'recorded'}({header}):"]
    add = lines.append
    if operator:
        for p in parameters[2:]:
            add(f"    {p.name} = default_{p.name}")
    for p in parameters:
        word = p.name
        if word == "out":
            add("    if out is not None: raise out_given(P)")
        elif found.sequence and word == operands[0]:
            add(f"    {word}_v, {word}_n, {word}_s = unpack({word}, P)")
        elif word in operands:
            add(f"    if {word}.__class__ is Tensor:")
            if found.view and word == operands[0]:
                # The output is another Tensor on this memory: what becomes of one is known to both.
                add(f"        {word}_s = {word}._shared")
                add(f"        if {word}_s is False: {word}_s = {word}._shared = []")
                add(f"        {word}_n = {word}._node; {word} = {word}._data")
            else:
                add(f"        {word}_n = {word}._node; {word}_s = {word}._shared; {word} = {word}._data")
            optional = " or ".join([f"{word}.__class__ is float", f"{word}.__class__ is int"] + ([f"{word} is default_{word}"] if p.default is not inspect.Parameter.empty else []))
            add(f"    elif {optional}:")
            add(f"        {word}_n = None; {word}_s = False")
            add(f"    elif {word}.__class__ is ndarray and {word}.dtype.kind in 'fciub':")
            add(f"        {word}_n = None; {word}_s = {word}.nbytes < 4096 or writable({word})")
            add("    else:")
            add(f"        {word}_n = None; {word}_s = False")
            if operator:
                add(f"        {word} = foreign({word}, P, {word!r})")
                add(f"        if {word} is NotImplemented: return NotImplemented")
            else:
                add(f"        {word} = required({word}, P, {word!r})")
        elif operator and word in words[:2]:
            add(f"    if {word}.__class__ is Tensor: {word} = option({word}, P, {word!r})")
            add("    else:")
            add(f"        {word} = foreign({word}, P, {word!r})")
            add(f"        if {word} is NotImplemented: return NotImplemented")
        elif not found.differentiable and p.default is inspect.Parameter.empty:
            add(f"    if {word}.__class__ is Tensor: {word} = {word}._data")
            add(f"    elif {word}.__class__ not in PLAIN: {word} = loosely({word})")
        elif word not in words[2:] or not operator:
            add(f"    if {word}.__class__ is Tensor: {word} = option({word}, P, {word!r})")
    call = _call(found, parameters)
    values = _tuple([f"{w}_v" if found.sequence and w == operands[0] else w for w in words])
    add("    try:")
    add(f"        _value = body({call})")
    add("    except Exception as error:")
    add(f"        raise failed(error, P, {values}) from None")
    nodes = [f"{w}_n" for w in operands]
    kept = _tuple([_keep_expression(found, slot) for slot in found.slots])
    shared = "False"
    if found.view and operands:
        shared = f"any({operands[0]}_s)" if found.sequence else f"{operands[0]}_s"
    elif found.view:
        shared = "True"
    parents = (f"tuple({nodes[0]})" if found.sequence else _tuple(nodes)) if found.differentiable else "()"
    observed = f"tuple({operands[0]}_v)" if found.sequence else _tuple(list(operands) if operands else words[:1])
    if found.multi and found.shown != 1:
        add(f"    _t = finish_multi(P, _value, {parents}, lambda: {kept}, {shared})")
    else:
        if found.multi:  # one output is shown: an operation like any other, with hidden outputs for its rule
            add("    _out = tuple(_value)")
            add("    _value = _out[0]")
        add("    _t = new(Tensor)")
        add("    _t._data = _value")
        add(f"    _t._shared = {shared}")
        if found.differentiable:
            needs = f"any([n is not None for n in {nodes[0]}])" if found.sequence else " or ".join(f"{n} is not None" for n in nodes)
            if len(nodes) > 1:
                needs = f"({needs})"
            inexact = " and _value.dtype.kind in 'fc'" if {"dtype", "index"} & set(words) else ""
            add(f"    if {needs} and (not ACTIVE[0] or recording()){inexact}:")
            add("        _n = new(Node)")
            add("        _n.position = next_position()")
            add("        _n.primitive = P")
            add(f"        _n.parents = {parents}")
            add(f"        _n.kept = {kept}")
            add("        _n.shape = _value.shape")
            add("        _n.dtype = _value.dtype")
            add("        _t._node = _n")
            add("    else:")
            add("        _t._node = None")
        else:
            add("    _t._node = None")
    add(f"    if ACTIVE[0]: observe(P, _t, {observed})")
    add("    return _t")
    return "\n".join(lines) + "\n"


def _header(parameters: list[inspect.Parameter], reflected: bool) -> str:
    if reflected:
        first, second = (p.name for p in parameters)
        return f"{second}, {first}"
    parts, kinds = [], inspect.Parameter
    starred = False
    for i, p in enumerate(parameters):
        if i and parameters[i - 1].kind is kinds.POSITIONAL_ONLY and p.kind is not kinds.POSITIONAL_ONLY:
            parts.append("/")
        if p.kind is kinds.VAR_POSITIONAL:
            parts.append("*" + p.name)
            starred = True
            continue
        if p.kind is kinds.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        parts.append(p.name if p.default is kinds.empty else f"{p.name}=None")
    if parameters and parameters[-1].kind is kinds.POSITIONAL_ONLY:
        parts.append("/")
    return ", ".join(parts)


def _call(found: Primitive, parameters: list[inspect.Parameter]) -> str:
    parts = []
    for p in parameters:
        word = f"{p.name}_v" if found.sequence and p.name == found.operands[0] else p.name
        if p.name == "out":
            if any(q.kind is not inspect.Parameter.KEYWORD_ONLY for q in parameters[parameters.index(p) :]) and p.kind is not inspect.Parameter.KEYWORD_ONLY:
                parts.append("None")
        elif p.kind is inspect.Parameter.VAR_POSITIONAL:
            parts.append("*" + word)
        elif p.kind is inspect.Parameter.KEYWORD_ONLY:
            parts.append(f"{p.name}={word}")
        else:
            parts.append(word)
    return ", ".join(parts)


def pull_source(found: Primitive) -> str:
    """The text of the function that calls the rules of a primitive."""
    from .primitive import names_of, source_of

    position = {slot.name: i for i, slot in enumerate(found.slots)}
    lines = ["def pull(node, g, parents, kept):"]

    def arguments(each: Rule, user: str | None) -> str:
        parts = ["g"]
        for word in names_of(each):
            src, operand = source_of(found, word)
            if src == "needs":
                parts.append("tuple([p is not None for p in parents])")
            elif src in ("out_shape", "out_dtype"):
                parts.append(f"node.{src.removeprefix('out_')}")
            elif src in ("shape", "dtype") and operand == user and not found.sequence:
                parts.append(f"{operand}_n.{src}")  # the parent's node knows its own
            else:
                parts.append(f"k{position[word]}")
        return ", ".join(parts)

    if found.slots:
        lines.append("    " + _tuple([f"k{i}" for i in range(len(found.slots))]) + " = kept")
    if found.multi and found.shown == 1:
        others = f" + (None,) * (len(k{position['out']}) - 1)" if "out" in position else ""
        lines.append(f"    if g.__class__ is not tuple: g = (g,){others}")
    if found.joint is not None:
        lines.append(f"    return counted(joint({arguments(found.joint, None)}), parents, node)")
    else:
        lines.append("    " + _tuple([f"{w}_n" for w in found.operands]) + " = parents")
        pulls = [
            f"None if {w}_n is None else " + ("g" if found.rules[w] is same else f"rule_{w}({arguments(found.rules[w], w)})")
            for w in found.operands
        ]
        lines.append(f"    return {_tuple(pulls)}")
    return "\n".join(lines) + "\n"


def _first(*args: Any, **kwargs: Any) -> Any:
    _build()  # type: ignore[name-defined]  # noqa: F821 - lives in the stub's own namespace
    return _public(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821


def stub(found: Primitive, declared: Callable[..., Any], **form: bool) -> Callable[..., Any]:
    """The public function of a primitive: it writes its own code at the first call."""
    namespace: dict[str, Any] = {"__builtins__": builtins, "__name__": declared.__module__}
    public = types.FunctionType(_first.__code__, namespace, found.name)
    public.__qualname__ = found.name
    namespace["_public"] = public
    namespace["_build"] = lambda: _build_form(found, public, form)
    if form:
        public.__doc__ = declared.__doc__
    else:
        functools.update_wrapper(public, declared)
        public.__primitive__ = found  # type: ignore[attr-defined]
    found.__dict__.setdefault("forms", []).append(public)
    return public


def operator_form(function: Callable[..., Any], *, reflected: bool = False) -> Callable[..., Any]:
    """The form of a binary primitive that an operator calls: two operands, and NotImplemented for strangers."""
    found = function.__primitive__  # type: ignore[attr-defined]
    return stub(found, function, operator=True, reflected=reflected)


def reset(found: Primitive) -> None:
    """Forget the written functions: the rules have changed."""
    for public in found.__dict__.get("forms", ()):
        public.__code__ = _first.__code__


def build(found: Primitive) -> None:
    """Settle which parameters are differentiable and what is kept, and write the pull function."""
    if found.joint is None and found.rules:
        found.operands = tuple(w for w in found.parameters if w in found.rules)
    found.slots = _slots(found)
    if found.differentiable:
        namespace = {f"rule_{w}": each for w, each in found.rules.items()}
        namespace |= {"joint": found.joint, "counted": counted}  # type: ignore[dict-item]
        found.pull = _compile(pull_source(found), namespace, f"{found.name} backward")["pull"]


def _compile(text: str, namespace: dict[str, Any], name: str) -> dict[str, Any]:
    exec(compile(text, f"<autograd_np {name}>", "exec"), namespace)  # noqa: S102 - our own text
    return namespace


# Names that the written functions use for their own ends.
RESERVED = frozenset({
    "ACTIVE", "Exception", "MUTABLE", "Node", "NotImplemented", "P", "PLAIN", "Tensor", "any", "body", "dtype_of", "error", "failed",
    "finish_multi", "float", "foreign", "int", "keep", "keep_option", "loosely", "ndarray", "new", "next_position", "observe", "option",
    "out_given", "recording", "required", "shape_of", "snapshots", "tuple", "unpack", "writable",
})  # fmt: skip


def _build_form(found: Primitive, public: types.FunctionType, form: dict[str, bool]) -> None:
    build(found)
    text = source(found, **form)
    scratch: dict[str, Any] = {}
    written = next(v for v in _compile(text, scratch, found.name).values() if isinstance(v, types.FunctionType))
    public.__globals__.update(
        Tensor=TENSOR, Node=Node, new=object.__new__, next_position=next_position, ACTIVE=ACTIVE,
        recording=is_grad_enabled, body=found.body, P=found, foreign=foreign, required=required, option=option,
        out_given=out_given, failed=failed, unpack=unpack, snapshots=snapshots, ndarray=np.ndarray, writable=mutation.writable,
        keep=mutation.keep, keep_option=mutation.keep_option, MUTABLE=mutation.MUTABLE, finish_multi=finish_multi, observe=observe,
        shape_of=np.shape, dtype_of=dtype_of, loosely=loosely, PLAIN=PLAIN,
    )  # fmt: skip
    parameters = found.signature.parameters.values()
    public.__globals__.update({f"default_{p.name}": p.default for p in parameters})
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if not form:
        public.__defaults__ = tuple(p.default for p in positional if p.default is not p.empty)
        public.__kwdefaults__ = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
    public.__code__ = written.__code__


PLAIN = (np.ndarray, float, int, bool, complex, str, tuple, list, type(None))


def loosely(value: Any) -> Any:
    """An operand of a function without gradient: converted only where NumPy itself would do so."""
    return value


def dtype_of(value: Any) -> Any:
    """The dtype of an operand; that of NumPy's default for a Python number."""
    return value.dtype if hasattr(value, "dtype") else np.result_type(value)


def location() -> str:
    """The first source line outside the library, for messages."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        inside = module.partition(".")[0] in ("autograd_np", "numpy", "nn") or frame.f_code.co_filename.startswith("<autograd_np")
        if not inside:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_name}"
        frame = frame.f_back
    return "an unknown line"
