"""``detect_anomaly``: report the first non-finite value, and arrays overwritten between forward and backward."""

from __future__ import annotations

from types import SimpleNamespace, TracebackType
from typing import Any

import numpy as np

from ..engine.accumulators import Deferred
from ..engine.errors import AnomalyError, MutationError, describe, label, location
from ..engine.hooks import is_batched
from ..engine.modes import Following, followers
from ..engine.tape import Node
from .flops import Operation, forward_flops
from .keeping import operand_words, primitive_of

__all__ = ["check_backward", "check_forward", "check_kept", "detect_anomaly", "is_anomaly_enabled"]


def _first_bad(value: Any, good: Any = np.isfinite) -> tuple[int, ...] | None:
    """Index of the first NaN or infinity, or of the first element that is not ``good``."""
    if isinstance(value, (float, complex)):
        return None if good(value) else ()
    if getattr(value, "dtype", None) is None or value.dtype.kind not in "fc":
        return None
    fine = good(value)
    if bool(np.all(fine)):
        return None
    flat = int(np.argmin(np.ravel(fine)))
    return tuple(int(i) for i in np.unravel_index(flat, value.shape))


def _first_nan(value: Any) -> tuple[int, ...] | None:
    """Index of the first NaN."""
    return _first_bad(value, lambda x: ~np.isnan(x))


def _moves(found: Any) -> bool:
    """Whether an operation only moves elements (an index, a reshape, ``where``): it passes on what it is given."""
    return forward_flops(found.name, found.elementwise, Operation((1,), {}, {})) == 0


def _words(found: Any, operands: tuple[Any, ...]) -> list[str]:
    """What the operands are called in the operation's signature."""
    return list(operand_words(found, len(operands)) if found.sequence else found.operands or found.parameters)


def _at(value: Any, index: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """The element of an operand that met the output's element ``index``, where shapes say so."""
    try:
        return str(np.broadcast_to(value, shape)[index])
    except (ValueError, TypeError, IndexError):
        return describe(value)


def _fingerprint(value: Any) -> Any:
    if value.__class__ is np.ndarray:
        return value.copy()
    if value.__class__ is tuple:
        return tuple([_fingerprint(v) for v in value])
    return None


def _same(value: Any, print_: Any) -> bool:
    if print_ is None:
        return True
    if print_.__class__ is tuple:
        return all(_same(v, p) for v, p in zip(value, print_, strict=True))
    return bool(np.array_equal(value, print_, equal_nan=print_.dtype.kind in "fc"))


def check_forward(found: Any, result: Any, operands: tuple[Any, ...]) -> None:
    """Remember the call's source line and content, and report the first value that is not finite.

    That is a value that the operation made: an infinity of finite input, a NaN of input without NaN. And it is a NaN of the input, at the
    first operation that computes with it: what masks it, leaves it out or only moves it may take it, and an infinity may be a mask.
    """
    line = location()
    for t in result if isinstance(result, tuple) else (result,):
        node = t._node
        if node is not None:
            main = node if node.primitive is found else node.parents[0]
            main.info = (line, operands, _fingerprint(main.kept))
        value = _plain(t)
        index = _first_bad(value)
        if index is None:
            continue
        nan = _first_nan(value)
        places = [_first_nan(_plain(operand)) for operand in operands]
        given = [
            (word, place) for word, place in zip(_words(found, operands), places, strict=False) if place is not None
        ]
        finite = all(_first_bad(_plain(operand)) is None for operand in operands)
        if (given and _moves(found)) or (nan is None and not finite):
            continue
        listed = f"(operands {', '.join(map(describe, operands))}), called at {line}"
        if given:
            word, place = given[0]
            raise AnomalyError(
                f"{found.name} got {word} with NaN at {place}, first in the argument {word} {listed}; "
                "if some numbers are missing, leave them out before they are computed with: np.where(np.isnan(x), 0.0, x)"
            )
        index = index if nan is None else nan
        from_ = ", ".join(_at(_plain(operand), index, np.shape(value)) for operand in operands)
        raise AnomalyError(
            f"{found.name} made {value[index]} at index {index} of shape {t.shape} from {'finite ' * finite}input {from_} {listed}"
        )


def check_kept(node: Node) -> None:
    """Report an array that the node keeps and that was overwritten since it was recorded."""
    line, _, prints = getattr(node, "info", None) or (None, None, None)
    if prints is not None and not _same(node.kept, prints):
        raise MutationError(
            f"an array that {label(node)} kept for the backward pass was overwritten after it was recorded at {line}; its gradient would be wrong"
        )


def check_backward(node: Node, g: Any, pulled: Any) -> None:
    """Report a non-finite gradient that a rule made from a finite cotangent."""
    line, operands, _ = getattr(node, "info", None) or ("a line outside detect_anomaly", (), None)
    incoming = g if isinstance(g, tuple) else (g,)
    if any(value is not None and _first_bad(_plain(value)) is not None for value in incoming):
        return
    for position, gradient in enumerate(pulled):
        if gradient is None or isinstance(gradient, Deferred):
            continue
        value = _plain(gradient)
        index = _first_bad(value)
        if index is not None:
            inputs = ", ".join(_at(_plain(operand), index, np.shape(value)) for operand in operands) or "unknown"
            raise AnomalyError(
                f"the backward pass of {label(node)} made {value[index]} at index {index} of the gradient of {operand_words(primitive_of(node), len(pulled))[position]} "
                f"from a finite cotangent; its input there: {inputs}; recorded at {line}"
            )


def _plain(value: Any) -> Any:
    """The array of a Tensor; of a batched one that of all elements, so that an index begins with the number of the element."""
    value = value._values if hasattr(value, "_values") else value
    while is_batched(value):
        value = value.values
    return value


class detect_anomaly(Following):  # noqa: N801 - used as a context manager, named as PyTorch names it
    """Report the first non-finite value, forward or backward, and every array overwritten unseen.

    Inside, each operation remembers the source line that called it; a NaN or infinity that an operation
    makes from finite input raises :class:`~autograd_np.engine.errors.AnomalyError` at once, in the forward pass
    as in the backward pass, with the operation, the index, the input that made it and that line. So does the
    first operation that computes with a NaN of the data; what masks it (``np.where``), leaves it out (``np.nansum``,
    ``where=``) or only moves it may take it, and an infinity may be a mask. Arrays
    that the tape keeps are fingerprinted, and one that was changed before the backward pass raises
    :class:`~autograd_np.engine.errors.MutationError`. It costs time: use it to find a fault.

    >>> import autograd_np as ag
    >>> x = ag.Tensor([1.0, 0.0], requires_grad=True)
    >>> with ag.detect_anomaly():
    ...     ag.log(x)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    autograd_np.engine.errors.AnomalyError: log made -inf at index (1,) ...
    """

    operation = staticmethod(check_forward)
    walk = SimpleNamespace(check_kept=check_kept, check_backward=check_backward)

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._states: list[np.errstate] = []

    def __enter__(self) -> None:
        super().__enter__()
        # NumPy's own warning would come first, and says less.
        state = np.errstate(all="ignore")
        state.__enter__()
        self._states.append(state)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._states.pop().__exit__(kind, value, traceback)
        finally:
            super().__exit__(kind, value, traceback)


def is_anomaly_enabled() -> bool:
    """Whether :class:`detect_anomaly` is on for this thread (or task)."""
    return any(operation is check_forward for operation, _ in followers())
