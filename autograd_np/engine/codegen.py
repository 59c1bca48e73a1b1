"""Writes, for each primitive, the function that records a call and the one that pulls a cotangent back.

The written function is specialised to the primitive's operands, options and kept values. For ``multiply``
it reads (print any of them with ``print(codegen.source(primitive))``)::

    def multiply(x, y, /):
        if x.__class__ is Tensor: ...                  # the array, its node, whether its memory is shared
        value = body(x, y)                             # NumPy's own call
        t = new(Tensor)
        if x_n is not None or y_n is not None: ...     # position, parents, and what the rules named
        return t

It is compiled at the first call, which takes 0.2 to 0.4 ms, so importing the package compiles nothing.

Text rather than closures, as measured with arrays of one element (CPython 3.11): a closure written by hand for one operation takes 1.02 of
the time (``exp`` 0.688 against 0.670 µs, ``multiply`` 1.083 against 1.058 µs). One that serves all unary or all binary operations must ask
another function what is kept, and takes 1.04 to 1.06; one that is generic over operands 1.9. They would stand beside the text, not in its
place: of 322 operations 195 have options, more operands or several outputs.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import keyword
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import record, write_guards
from .clock import next_position
from .modes import ACTIVE, is_grad_enabled
from .record import same
from .slots import NEVER, Slot, names_of, source_of
from .suggestions import unexpected
from .tape import Node
from .tensor import Tensor

if TYPE_CHECKING:
    from .primitive import Primitive
    from .slots import Rule


def _slots(found: Primitive) -> list[Any]:
    """What the tape keeps: one slot per value that some rule names and that must outlive the call."""
    slots: dict[str, Slot] = {}
    pairs: list[tuple[str | None, Rule]] = [(operand, each) for operand, each in found.rules.items()]
    if found.joint is not None:
        pairs = [(None, found.joint)]
    for user, each in pairs:
        for word in names_of(each):
            source, operand = source_of(found, word)
            if source == "needs" or (source in ("out_shape", "out_dtype") and not found.several):
                continue
            if source in ("shape", "dtype") and operand == user and not found.sequence:
                continue
            slot = slots.setdefault(word, Slot(word, source, operand))
            slot.users.update(found.operands if user is None else (user,))
    if (
        found.several and found.differentiable and "out" not in slots
    ):  # the rules get a cotangent for each output, so their number is needed
        slots["out count"] = Slot("out count", "out count", None)
    return list(slots.values())


def _keep_expression(found: Primitive, slot: Any) -> str:
    if slot.source == "out":
        text = "_out" if found.multi else "_value"
    elif slot.source == "hidden":
        text = "(None, *_out[1:])"
    elif slot.source == "out count":
        text = "len(_out)"
    elif slot.source in ("out_shape", "out_dtype"):
        text = f"tuple([v.{slot.source.removeprefix('out_')} for v in _out])"
    elif slot.source in ("shape", "dtype"):
        if found.sequence and slot.operand == found.operands[0]:
            text = f"tuple([v.{slot.source} for v in {slot.operand}_v])"
        else:
            text = f"shape_of({slot.operand})" if slot.source == "shape" else f"dtype_of({slot.operand})"
    elif slot.source == "value":
        text = (
            f"snapshots({slot.operand}_v, {slot.operand}_s)"
            if found.sequence
            else f"(({slot.operand}.copy('K') if {slot.operand}.nbytes < 4096 else keep({slot.operand})) if {slot.operand}_s else {slot.operand})"
        )
    else:
        text = f"({slot.name} if {slot.name}.__class__ in FIXED else keep_option({slot.name}))"
    # (Every rule of an operation with several outputs gets a cotangent for each of them, so their number is needed.)
    if (
        not found.sequence
        and len(slot.users) < len(found.operands)
        and not (slot.source in ("out", "hidden", "out count") and found.multi)
    ):
        condition = " and ".join(f"{user}_n is None" for user in sorted(slot.users))
        text = f"(None if {condition} else {text})"
    return text


def _tuple(items: list[str]) -> str:
    return "(" + ", ".join(items) + ("," if len(items) == 1 else "") + ")"


def source(found: Primitive, *, operator: bool = False, reflected: bool = False) -> str:
    """The text of the recording function of a primitive (or of its operator form)."""
    parameters = list(found.signature.parameters.values())
    stated = parameters[:2] if operator else parameters
    header = _header([p.replace(annotation=inspect.Parameter.empty) for p in stated], reflected)
    # Other keywords are taken, to say what they are called here, where there are options: a call without them pays for it.
    optional = not operator and any(p.default is not p.empty for p in parameters)
    checked = optional and all(p.kind is not p.VAR_KEYWORD for p in parameters)
    if checked:
        header += ", **_unknown"
    lines = [
        f"def {found.name if found.name.isidentifier() and not keyword.iskeyword(found.name) else 'recorded'}({header}):"
    ]
    if checked:
        lines.append("    if _unknown: raise unexpected(P.name, P.parameters, _unknown)")
    for p in parameters:
        lines += _argument(found, p, operator)
    values = _tuple([f"{w}_v" if found.sequence and w == found.operands[0] else w for w in found.parameters])
    lines += [
        "    try:",
        f"        _value = body({_call(found, parameters)})",
        "    except Exception as error:",
        f"        _value = elsewhere(error, P, {values})",
        f"        if _value is NotImplemented: raise failed(error, P, {values}) from None",
    ]
    lines += _record(found)
    return "\n".join(lines) + "\n"


def _argument(found: Primitive, p: inspect.Parameter, operator: bool) -> list[str]:
    """The lines that turn one argument into what the body takes; of an operand also its node and whether its memory is shared."""
    word = p.name
    first = found.operands[0] if found.operands else None
    position = found.parameters.index(word)
    if operator and position > 1:
        return [f"    {word} = default_{word}"]
    if word == "out":
        return ["    if out is not None: raise out_given(P)"]
    if found.sequence and word == first:
        return [f"    {word}_v, {word}_n, {word}_s = unpack({word}, P)"]
    stranger = (
        [
            f"        {word} = foreign({word}, P, {word!r})",
            f"        if {word} is NotImplemented: return NotImplemented",
        ]
        if operator
        else [f"        {word} = required({word}, P, {word!r})"]
    )
    if word not in found.operands:
        if operator:
            return [f"    if isinstance({word}, Tensor): {word} = option({word}, P, {word!r})", "    else:", *stranger]
        return [f"    if isinstance({word}, Tensor): {word} = option({word}, P, {word!r})"]
    opened = [f"        {word}_n = {word}._node; {word}_s = {word}._shared; {word} = {word}._values"]
    if found.view and word == first:
        # The output is another Tensor on this memory: what becomes of one is known to both.
        opened = [
            f"        {word}_s = {word}._shared",
            f"        if {word}_s is False: {word}_s = {word}._shared = []",
            f"        {word}_n = {word}._node; {word} = {word}._values",
        ]
    if word in found.real:
        opened.append(f"        if {word}.dtype.kind == 'c': raise not_real({word}, P, {word!r})")
        stranger.append(f"        if is_complex({word}): raise not_real({word}, P, {word!r})")
    absent = "" if p.default is p.empty else f" or {word} is default_{word}"
    return [
        f"    if {word}.__class__ is Tensor:",
        *opened,
        f"    elif {word}.__class__ is float or {word}.__class__ is int{absent}:",
        f"        {word}_n = None; {word}_s = False",
        f"    elif {word}.__class__ is ndarray and {word}.dtype.kind in {'fiub' if word in found.real else 'fciub'!r}:",
        f"        {word}_n = None; {word}_s = True",
        f"    elif isinstance({word}, Tensor):",  # of a subclass
        *opened,
        "    else:",
        *stranger,
        f"        {word}_n = None; {word}_s = writable({word})",
    ]


def _record(found: Primitive) -> list[str]:
    """The lines that wrap the value, and put a node on the tape where an operand needs a gradient."""
    operands = found.operands
    nodes = [f"{w}_n" for w in operands]
    kept = _tuple([_keep_expression(found, slot) for slot in found.slots])
    shared = "True" if found.view else "False"
    if found.view and operands:
        shared = f"any({operands[0]}_s)" if found.sequence else f"{operands[0]}_s"
    parents = (f"tuple({nodes[0]})" if found.sequence else _tuple(nodes)) if found.recorded else "()"
    observed = f"tuple({operands[0]}_v)" if found.sequence else _tuple(list(operands or found.parameters[:1]))
    finish = [f"    if ACTIVE[0]: observe(P, _t, {observed})", "    return _t"]
    lines = []
    if found.multi:  # the operation's node is that of its first output; hidden outputs are for its rule
        lines += ["    _out = tuple(_value)"]
        if found.several:
            lines += ["    if not _out: return ()"]
        lines += ["    _value = _out[0]"]
    lines += ["    _t = new(Tensor)", "    _t._values = _value", f"    _t._shared = {shared}"]
    others = f"    _t = (_t, *others({{}}, _out, {found.shown or 'len(_out)'}, {shared}))"
    if not found.recorded:
        return [*lines, "    _t._node = None", *([others.format("None")] if found.several else []), *finish]
    needs = (
        f"any([n is not None for n in {nodes[0]}])"
        if found.sequence
        else " or ".join(f"{n} is not None" for n in nodes)
    )
    # An option may make the output integer, which has no gradient, and an operation without a rule may be about integers.
    perhaps_integer = {"dtype", "index"} & set(found.parameters) or not found.differentiable
    inexact = " and _value.dtype.kind in 'fc'" if perhaps_integer and not found.several else ""
    several_kind = " if _value.dtype.kind in 'fc' else None" if found.several else ""
    # (A call that leaves elements out says so to the backward walk.)
    masked = (
        " and ".join(f"{word} is default_{word}" for word in found.masking.options) if found.masking is not None else ""
    )
    return [
        *lines,
        f"    if ({needs}) and (not ACTIVE[0] or recording()){inexact}:",
        "        _n = Node()",
        "        _n.position = next_position()",
        f"        _n.primitive = {f'P if {masked} else P_masked' if masked else 'P'}",
        f"        _n.parents = {parents}",
        f"        _n.kept = {kept}",
        "        _n.shape = _value.shape",
        "        _n.dtype = _value.dtype",
        f"        _t._node = _n{several_kind}",
        *([others.format("_n").replace("    ", "        ", 1)] if found.several else []),
        "    else:",
        "        _t._node = None",
        *([others.format("None").replace("    ", "        ", 1)] if found.several else []),
        *finish,
    ]


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
        if p.kind is kinds.VAR_KEYWORD:
            parts.append("**" + p.name)
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
            if (
                any(q.kind is not inspect.Parameter.KEYWORD_ONLY for q in parameters[parameters.index(p) :])
                and p.kind is not inspect.Parameter.KEYWORD_ONLY
            ):
                parts.append("None")
        elif p.kind is inspect.Parameter.VAR_POSITIONAL:
            parts.append("*" + word)
        elif p.kind is inspect.Parameter.VAR_KEYWORD:
            parts.append("**" + word)
        elif p.kind is inspect.Parameter.KEYWORD_ONLY:
            parts.append(f"{p.name}={word}")
        else:
            parts.append(word)
    return ", ".join(parts)


def pull_source(found: Primitive) -> str:
    """The text of the function that calls the rules of a primitive."""
    position = {slot.name: i for i, slot in enumerate(found.slots)}
    lines = ["def pull(node, g, parents, kept):"]

    def arguments(each: Rule, user: str | None) -> str:
        parts = ["g"]
        for word in names_of(each):
            src, operand = source_of(found, word)
            if src == "needs":
                parts.append("tuple([p is not None for p in parents])")
            elif src in ("out_shape", "out_dtype") and not found.several:
                parts.append(f"node.{src.removeprefix('out_')}")
            elif src in ("shape", "dtype") and operand == user and not found.sequence:
                parts.append(f"{operand}_n.{src}")  # the parent's node knows its own
            else:
                parts.append(f"k{position[word]}")
        return ", ".join(parts)

    if found.slots:
        lines.append("    " + _tuple([f"k{i}" for i in range(len(found.slots))]) + " = kept")
    if found.multi:  # a cotangent of the first output alone comes as it is
        tuples = [position[word] for word in ("out", "hidden") if word in position]
        others = f" + (None,) * (len(k{tuples[0]}) - 1)" if tuples else ""
        if "out count" in position:
            others = f" + (None,) * (k{position['out count']} - 1)"
        lines.append(f"    if g.__class__ is not tuple: g = (g,){others}")
    if found.joint is not None:
        lines.append(f"    return counted(joint({arguments(found.joint, None)}), parents, node)")
    else:
        lines.append("    " + _tuple([f"{w}_n" for w in found.operands]) + " = parents")
        pulls = [
            f"None if {w}_n is None else "
            + ("g" if found.rules[w] is same else f"rule_{w}({arguments(found.rules[w], w)})")
            for w in found.operands
        ]
        lines.append(f"    return {_tuple(pulls)}")
    return "\n".join(lines) + "\n"


def _first(*args: Any, **kwargs: Any) -> Any:
    _build()  # type: ignore[name-defined]  # noqa: F821 - lives in the stub's own namespace
    try:
        return _public(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821
    except Several as error:  # type: ignore[name-defined]  # noqa: F821 - from a user's body
        error.found.returns_several()
    return _public(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821


def stub(found: Primitive, declared: Callable[..., Any], **form: bool) -> Callable[..., Any]:
    """The public function of a primitive: it writes its own code at the first call."""
    namespace: dict[str, Any] = {
        "__builtins__": builtins,
        "__name__": getattr(declared, "__module__", None),
        "Several": record.Several,
    }
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
    elif not found.differentiable:
        found.operands = tuple(w for w in found.wrt if w not in found.discrete) or found.wrt
        found.pull = found.refuse
    found.slots = _slots(found)
    if not found.elementwise and not any(slot.source in ("value", "out", "hidden") for slot in found.slots):
        found.care = NEVER  # the gradient is the cotangent in other places: there is nothing that a zero could meet
    if found.differentiable:
        namespace = {f"rule_{w}": each for w, each in found.rules.items()}
        namespace |= {"joint": found.joint, "counted": record.counted}  # type: ignore[dict-item]
        found.pull = _compile(pull_source(found), namespace, f"{found.name} backward")["pull"]


def _compile(text: str, namespace: dict[str, Any], name: str) -> dict[str, Any]:
    exec(compile(text, f"<autograd_np {name}>", "exec"), namespace)  # noqa: S102 - our own text
    return namespace


HELPERS = (
    "dtype_of",
    "elsewhere",
    "failed",
    "foreign",
    "is_complex",
    "not_real",
    "observe",
    "option",
    "others",
    "out_given",
    "required",
    "snapshots",
    "unpack",
)
# Names that the written functions use for their own ends.
RESERVED = frozenset(HELPERS) | {
    "ACTIVE", "Exception", "FIXED", "Node", "NotImplemented", "P", "P_masked", "Tensor", "any", "body", "error", "float", "int", "isinstance", "keep",
    "keep_option", "ndarray", "new", "next_position", "recording", "shape_of", "tuple", "unexpected", "writable",
}  # fmt: skip


def taken(parameters: tuple[str, ...]) -> frozenset[str]:
    """The parameters whose names the written functions use for their own ends."""
    if RESERVED.isdisjoint(parameters) and "_" not in "".join(parameters):
        return (
            frozenset()
        )  # as of nearly every operation that is declared at import: nothing else is written without an underscore
    written = {
        "_value",
        "_out",
        "_t",
        "_n",
        "_unknown",
        *[f"{word}_{part}" for word in parameters for part in ("n", "s", "v")],
    }
    return (RESERVED | written | {f"default_{word}" for word in parameters}).intersection(parameters)


def _build_form(found: Primitive, public: types.FunctionType, form: dict[str, bool]) -> None:
    build(found)
    text = source(found, **form)
    scratch: dict[str, Any] = {}
    written = next(v for v in _compile(text, scratch, found.name).values() if isinstance(v, types.FunctionType))
    public.__globals__.update(
        {name: getattr(record, name) for name in HELPERS}, Tensor=Tensor, Node=Node, new=object.__new__, P=found, P_masked=found.masking,
        body=found.body, next_position=next_position, ACTIVE=ACTIVE, recording=is_grad_enabled, ndarray=np.ndarray, shape_of=np.shape,
        writable=write_guards.writable, keep=write_guards.keep, keep_option=write_guards.keep_option, FIXED=write_guards.FIXED,
    )  # fmt: skip
    parameters = found.signature.parameters.values()
    public.__globals__["unexpected"] = unexpected
    public.__globals__.update({f"default_{p.name}": p.default for p in parameters})
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if not form:
        public.__defaults__ = tuple(p.default for p in positional if p.default is not p.empty)
        public.__kwdefaults__ = {
            p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
        }
    public.__code__ = written.__code__
