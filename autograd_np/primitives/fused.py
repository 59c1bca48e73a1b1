"""Losses fused with the function in front of them: stable at any magnitude, and one pass backward.

The forward pass hands what the gradient needs (e = exp(z − max z) and its sums) to the rule as hidden outputs. They
stand on the tape like any other output, so higher derivatives go through the same lines:

    d loss / d z = scale · (e / Σe − target)          d e / d z = e          d Σe / d z = e

The gradient for the row's own class y, p_y − 1, would lose the digits of a confident row: it is −Σ_{c≠y} p_c. So e is kept
with −Σ_{c≠y} e_c in the place of y, and the whole gradient is e · scale / Σe.

Inside, the logits lie as rows × classes or, for few classes, as classes × rows: a reduction over a short last
axis costs NumPy one loop per row, one over the first axis a few long loops (5 to 10 times faster at 300 × 3).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.errors import describe
from ..engine.hooks import beside, require
from ..engine.registry import on_arrays, primitive, primitive_of, rule, shown
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .activations import balanced, log_softmax, log_total, softplus
from .layout import wide
from .zeros import zmul

__all__ = ["binary_cross_entropy_with_logits", "one_hot", "softmax_cross_entropy"]

# Up to so many classes the class axis comes first (measured: break-even at about 150).
FEW = 128

_log_softmax = on_arrays(log_softmax)
_softplus = on_arrays(softplus)


# ---------------------------------------------------------------- the two layouts


def _arranged(x: Array, axis: int, first: bool) -> Any:
    """x in two dimensions: the class axis first (contiguous, for few classes) or last, all others flattened in the other."""
    if x.ndim == 2 and axis in (1, -1):
        return x.T.copy() if first else x
    classes = x.shape[axis]
    rest = x.size // classes if classes else 0
    if first:
        return np.reshape(np.moveaxis(x, axis, 0), (classes, rest))
    return np.reshape(np.moveaxis(x, axis, -1), (rest, classes))


def _restored(x: Array, shape: tuple[int, ...], axis: int, first: bool) -> Any:
    """The inverse of :func:`_arranged` for an array of the given shape."""
    if len(shape) == 2 and axis in (1, -1):
        return x.T if first else x
    moved = list(shape)
    classes = moved.pop(axis)
    if first:
        return np.moveaxis(np.reshape(x, (classes, *moved)), 0, axis)
    return np.moveaxis(np.reshape(x, (*moved, classes)), -1, axis)


@primitive(wrt="p a b", broadcasts=True, name="scaled_with_targets")
def _scaled_with_targets(p: ArrayLike, a: ArrayLike, b: ArrayLike, index: Any) -> Tensor:
    """``p · a``, with ``−b`` in its place at one flat ``index`` per row: a fresh array.

    a and b are one number, or one per row in the shape that broadcasts against p.
    """
    flat = (beside(p, a, b, index) * a).reshape(-1)
    flat[index] = np.negative(b.reshape(-1) if b.ndim else b)
    return flat.reshape(p.shape)


def _picked(h: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """The gradient for b: one number per row (the engine sums it for a single b)."""
    picked = -np.take(beside(h, index), index)
    return np.reshape(picked, shape) if shape else picked


scaled_with_targets = on_arrays(_scaled_with_targets)
rule(
    _scaled_with_targets,
    lambda h, a, b, index: scaled_with_targets(h, a, np.zeros_like(b), index),
    lambda h, p, b, index: scaled_with_targets(h, p, np.zeros_like(b), index),
    lambda h, index, b_shape: _picked(h, index, b_shape),
)


# ---------------------------------------------------------------- softmax cross-entropy


@primitive(wrt="logits targets", multi=True, shown=1, real=True, masks="ignore_index weight")
def softmax_cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    axis: int = -1,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    weight: ArrayLike | None = None,
) -> Tensor:
    """Cross-entropy between ``softmax(logits)`` and the targets: ``−Σ_c target_c · log softmax(logits)_c`` per row.

    Every combination of options means what it means in ``torch.nn.CrossEntropyLoss``; where that divides by zero
    (no rows, every row ignored, all weights zero) the loss and its gradient are 0.

    Args:
        logits: unnormalised scores of any shape; stable for any magnitude, −inf excludes a class.
        targets: class numbers, of any integer dtype and the shape of ``logits`` without ``axis``; or
            probabilities (or a one-hot array) of the shape of ``logits``. Only the probabilities of a
            floating Tensor get a gradient.
        axis: the axis of the classes.
        reduction: ``"none"`` gives the losses of the rows; ``"sum"`` adds them; ``"mean"`` divides by the
            number of rows or, for class numbers, by the sum of ``weight[target]`` over the rows not ignored.
        label_smoothing: in [0, 1]; the target becomes ``(1 − s) · target + s / classes``.
        ignore_index: rows with this class number have loss 0 and gradient 0, whatever their logits.
        weight: one number per class that scales its part of the loss. No gradient flows to it.

    Returns:
        The loss, in the dtype of the logits.

    Raises:
        IndexError: a class number is negative or not below the number of classes.
        TypeError: the targets are neither integers nor shaped as the logits; the logits are complex.
        ValueError: shapes that do not fit, an unknown ``reduction``, ``label_smoothing`` outside [0, 1],
            ``ignore_index`` with probabilities.

    Gradient: ``(softmax(logits) − target) · scale``. For probabilities: ``−log softmax(logits) · scale``.

    >>> round(softmax_cross_entropy([[0.0, 0.0], [1e4, -1e4]], [1, 0], reduction="sum").item(), 6)
    0.693147
    """
    if not hasattr(targets, "dtype"):
        targets = np.asarray(targets)
    shape = getattr(logits, "shape", ())
    if not shape or logits.dtype.kind not in "fiub":
        raise TypeError(f"logits must be a real array with an axis of classes, not {describe(logits)}")
    if logits.dtype.kind != "f":
        logits = np.multiply(logits, 1.0)
    if logits.dtype.char == "e":
        loss, *hidden = _cross_entropy(wide(logits), targets, axis, reduction, label_smoothing, ignore_index, weight)
        return loss.astype(logits.dtype), *hidden
    ndim = len(shape)
    if not -ndim <= axis < ndim:
        raise ValueError(f"axis {axis} is out of bounds for logits of shape {shape}")
    if reduction != "mean" and reduction != "sum" and reduction != "none":
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing = {label_smoothing} is not in [0, 1]")
    classes = shape[axis]
    if not classes:
        raise ValueError(f"logits of shape {shape} have no classes along axis {axis}")
    if weight is not None:
        weight = (np.asarray(weight) if not hasattr(weight, "dtype") else weight).astype(logits.dtype, copy=False)
        if weight.shape != (classes,):
            raise ValueError(
                f"weight has shape {weight.shape}; it must hold one number for each of the {classes} classes"
            )
    rows_shape = shape[:-1] if axis in (-1, ndim - 1) else shape[:axis] + shape[axis % ndim + 1 :]
    if targets.shape == rows_shape:
        if targets.dtype.kind not in "iub":
            raise TypeError(
                f"class numbers must be integers, not {targets.dtype}; convert them with targets.astype(int)"
            )
        return _of_classes(logits, targets, axis, rows_shape, reduction, label_smoothing, ignore_index, weight)
    if targets.shape != shape:
        raise ValueError(
            f"targets have shape {targets.shape}; logits of shape {shape} need class numbers of shape {rows_shape}, or probabilities of shape {shape}"
        )
    if ignore_index is not None:
        raise ValueError("ignore_index is for class numbers; give the rows to ignore probabilities of 0")
    return _of_probabilities(logits, targets, axis, rows_shape, reduction, label_smoothing, weight)


_cross_entropy = primitive_of(softmax_cross_entropy).body


def _of_classes(
    logits: Array,
    targets: Array,
    axis: int,
    rows_shape: Any,
    reduction: str,
    smoothing: float,
    ignore_index: int | None,
    weight: Array | None,
) -> Any:
    """(loss, e with −Σ_{c≠y} e_c for each row's class y, flat index of y, Σe, e_y), then a unless every row has the same scale, b and W to smooth.

    The loss of a row is ``a (lse − z_y) + b Σ_c W_c (lse − z_c)``, so its gradient is ``p (a + b ΣW) − a onehot − b W``.
    """
    classes = logits.shape[axis]
    first = classes <= FEW
    y = targets if targets.ndim == 1 else targets.reshape(-1)
    z = _arranged(logits, axis, first)
    valid = None
    if ignore_index is not None:
        valid = y != ignore_index
        y = np.where(valid, y, 0)
        z = np.where(valid if first else valid[:, None], z, np.zeros_like(z))
    rows = y.size
    require(_check_labels, y, classes, ignore_index)
    y = y.astype(np.intp, copy=False)
    row = np.arange(rows, like=y)
    index = y * rows + row if first else y + row * classes
    z = _below_maximum(z, first)
    z_y = z.reshape(-1)[index]
    flat = np.exp(z).reshape(-1)
    own = flat[index]
    flat[index] = 0
    e = flat.reshape(z.shape)
    others = np.add.reduce(e, axis=0 if first else 1)
    flat[index] = -others
    total = others + own
    lse = np.log(total)
    loss = lse - z_y
    kept: tuple[Any, ...] = (e, index, total, own) if first else (e, index, total[:, None], own[:, None])
    if valid is None and weight is None and not smoothing:
        if reduction == "none":
            return loss.reshape(rows_shape), *kept
        loss = np.add.reduce(loss)
        return (loss / rows if reduction == "mean" and rows else loss), *kept
    ones = np.ones_like(loss) if valid is None else np.ones_like(loss) * valid
    a = ones if weight is None else ones * weight[y]
    b = ones * (smoothing / classes)
    if reduction == "mean":
        divisor = np.add.reduce(a)
        divisor = np.where(divisor == 0, np.ones_like(divisor), divisor)
        a, b = a / divisor, b / divisor
    if smoothing:
        weights = _class_weights(weight, z, first)
        a = a * (1 - smoothing)
        # A class of weight 0 takes no part, even if its logit is −inf.
        below = z if weight is None else np.where(np.equal(weights, 0), np.zeros_like(z), z)
        terms = weights * ((lse if first else lse[:, None]) - below)
        loss = a * loss + b * np.add.reduce(terms, axis=0 if first else 1)
        kept = *kept, (a if first else a[:, None]), (b if first else b[:, None]), weights
    else:
        loss = a * loss
        kept = *kept, (a if first else a[:, None])
    return (loss.reshape(rows_shape) if reduction == "none" else np.add.reduce(loss)), *kept


def _below_maximum(z: Array, first: bool) -> Array:
    """z minus the maximum of its row.

    Only ``p = e / Σe`` leaves the loss's rule. It does not depend on the maximum that was subtracted, so the
    derivatives of e and Σe may take that for a constant: ``de = e dz``, ``dΣe = Σ e dz``.
    """
    return z - (np.maximum.reduce(z, axis=0) if first else np.maximum.reduce(z, axis=1, keepdims=True))


def _class_weights(weight: Array | None, z: Array, first: bool) -> Any:
    """The class weights, broadcasting against the two-dimensional layout."""
    if weight is None:
        weight = np.ones_like(np.add.reduce(z, axis=1 if first else 0))
    return weight[:, None] if first else weight


def _check_labels(y: Array, classes: int, ignore_index: int | None) -> None:
    """Raise where a label is no class number."""
    # As unsigned numbers the negative ones are the largest: one reduction checks both ends.
    if y.size and np.maximum.reduce(y.astype(np.uint64)).item() >= classes:
        raise _bad_label(y, classes, ignore_index)


def _bad_label(y: Array, classes: int, ignore_index: int | None) -> IndexError:
    bad = (y < 0) | (y >= classes)
    row = np.argmax(bad).item()
    ignored = "" if ignore_index is None else f" (ignore_index is {ignore_index})"
    return IndexError(
        f"target {y[row].item()} of row {row} is not a class number: there are {classes} classes, 0 to {classes - 1}{ignored}"
    )


def _of_probabilities(
    logits: Array, targets: Array, axis: int, rows_shape: Any, reduction: str, smoothing: float, weight: Array | None
) -> Any:
    """(loss, e, Σe, the targets after smoothing and weights)."""
    classes = logits.shape[axis]
    first = classes <= FEW
    q = _arranged(targets, axis, first).astype(logits.dtype, copy=False)
    if smoothing:
        q = q * (1 - smoothing) + smoothing / classes
    if weight is not None:
        q = q * (weight[:, None] if first else weight)
    z = _below_maximum(_arranged(logits, axis, first), first)
    e = np.exp(z)
    total = np.add.reduce(e, axis=0) if first else np.add.reduce(e, axis=1, keepdims=True)
    # A class of probability 0 takes no part, even if its logit is −inf.
    terms = np.where(np.equal(q, 0), np.zeros_like(z), log_total(z, e, 0 if first else 1) - z)
    loss = np.add.reduce(q * terms, axis=0 if first else 1)
    if reduction == "none":
        loss = loss.reshape(rows_shape)
    else:
        rows = loss.size
        loss = np.add.reduce(loss)
        if reduction == "mean" and rows:
            loss = loss / rows
    return loss, e, total, q


def _logits_rule(g: Any, out: Any, logits_shape: Any, axis: int, reduction: str) -> Any:
    if len(out) == 4:
        return _logits_of_probabilities(g, out, logits_shape, axis, reduction)
    s = g[0] if g[0] is None else wide(g[0])
    _, e, index, total, own = out[:5]
    first = logits_shape[axis] <= FEW
    d = None
    if s is not None:
        if reduction == "none":
            s = np.reshape(s, -1) if first else np.reshape(s, (-1, 1))
        elif reduction == "mean" and len(out) == 5 and total.size:
            s = s * (1 / total.size)
        d = e * ((s if len(out) == 5 else s * out[5]) / total)
        if len(out) == 8:
            _, b, weights = out[5:]
            p = scaled_with_targets(e, 1 / total, -own / total, index)
            d = d + balanced((s * b) * (p * np.sum(weights) - weights), p, 1, 0 if first else 1)
    if g[1] is not None or g[3] is not None or g[4] is not None:
        more = _of_exponentials(g, out, first)
        d = more if d is None else d + more
    if d is None:  # a cotangent of the constants alone
        d = np.zeros_like(e)
    return _restored(d, logits_shape, axis, first)


def _of_exponentials(g: Any, out: Array, first: bool) -> Any:
    """The part of the logits' gradient that comes from the cotangents of e, Σe and e_y: in second order."""
    _, e, index, total, own = out[:5]
    each = None if g[1] is None else g[1] - np.reshape(np.take(g[1], index), total.shape)
    each, of_own = _total(each, g[3]), _total(g[3], g[4])
    d = np.zeros_like(e) if each is None else e * each
    d = scaled_with_targets(d, np.ones_like(total), np.zeros_like(own) if of_own is None else -own * of_own, index)
    return balanced(d, e, total, 0 if first else 1)


def _total(*parts: Any) -> Any:
    """The sum of those that are not None, or None."""
    found = [part for part in parts if part is not None]
    return sum(found[1:], found[0]) if found else None


def _logits_of_probabilities(g: Any, out: Any, logits_shape: Any, axis: int, reduction: str) -> Any:
    s, g_e, g_total = g[0] if g[0] is None else wide(g[0]), g[1], g[2]
    _, e, total, q = out
    first = logits_shape[axis] <= FEW
    d: Any = np.zeros_like(e)
    if s is not None:
        if reduction == "none":
            s = np.reshape(s, -1) if first else np.reshape(s, (-1, 1))
        elif reduction == "mean" and total.size:
            s = s * (1 / total.size)
        sums = np.sum(q, axis=0) if first else np.sum(q, axis=1, keepdims=True)
        d = e * (sums * s / total) - q * s
    each = _total(g_e, g_total)
    if each is not None:
        d = d + e * each
    return _restored(balanced(d, e, total, 0 if first else 1), logits_shape, axis, first)


def _targets_rule(
    g: Any, logits: Array, targets_shape: Any, axis: int, reduction: str, label_smoothing: float, weight: Array | None
) -> Any:
    classes = targets_shape[axis]
    first = classes <= FEW
    rows = math.prod(targets_shape) // classes
    parts = []
    if g[0] is not None:
        s = wide(g[0])
        if reduction == "none":
            s = np.expand_dims(s, axis)
        elif reduction == "mean" and rows:
            s = s * (1 / rows)
        parts.append(zmul(s, -_log_softmax(logits, axis)))
    if g[3] is not None:
        parts.append(_restored(g[3], targets_shape, axis, first))
    if not parts:  # a cotangent of what depends on the logits alone
        return np.zeros(targets_shape)
    d = parts[0]
    for part in parts[1:]:
        d = d + part
    if label_smoothing:
        d = d * (1 - label_smoothing)
    if weight is None:
        return d
    shape = [1] * len(targets_shape)
    shape[axis] = classes
    return d * np.reshape(weight, shape)


rule(softmax_cross_entropy, _logits_rule, _targets_rule)


# ---------------------------------------------------------------- binary cross-entropy


@primitive(wrt="logits targets", multi=True, shown=1, real=True)
def binary_cross_entropy_with_logits(
    logits: ArrayLike,
    targets: ArrayLike,
    reduction: str = "mean",
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
) -> Tensor:
    """``−(w⁺ t log σ(z) + (1 − t) log σ(−z)) · weight`` of logits z and targets t in [0, 1], for any magnitude of finite z.

    Args:
        logits: any shape.
        targets: the same shape; floating, integer or bool. A floating Tensor gets a gradient.
        reduction: ``"mean"`` (over all elements), ``"sum"`` or ``"none"``.
        weight: scales the loss of each element; broadcasts against the logits. No gradient flows to it.
        pos_weight: w⁺, scales the part of the positive targets; broadcasts against the logits. No gradient flows to it.

    Returns:
        The loss, in the dtype of the logits. The mean of no elements is 0.

    Raises:
        ValueError: shapes that do not fit, or an unknown ``reduction``.

    Gradients: ``(1 − t) σ(z) − w⁺ t σ(−z)`` without cancellation; ``w⁺ log(1 + e^−z) − log(1 + e^z)`` for the targets.

    >>> round(binary_cross_entropy_with_logits([0.0, 1e4], [1, 1], reduction="sum").item(), 6)
    0.693147
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    z = logits if hasattr(logits, "dtype") else np.asarray(logits)
    t = targets if hasattr(targets, "dtype") else np.asarray(targets)
    if z.dtype.kind not in "fiub":
        raise TypeError(f"logits must be real, not {z.dtype}")
    if z.dtype.kind != "f":
        z = np.multiply(z, 1.0)
    if z.dtype.char == "e":
        loss, *hidden = _binary_cross_entropy(wide(z), t, reduction, weight, pos_weight)
        return loss.astype(z.dtype), *hidden
    if t.shape != z.shape:
        raise ValueError(f"targets have shape {t.shape}, logits {z.shape}; they must be equal")
    if t.dtype != z.dtype:
        t = t.astype(z.dtype)
    above = np.maximum(z, 0)
    # One of the two exponentials is 1, so e^−|z| is their product and σ(±z) their quotients by 1 + e^−|z|: no cancellation on either side.
    rest, share = np.exp(-above), np.exp(np.minimum(z, 0))
    e = rest * share
    r = 1 / (1 + e)
    p, q = share * r, rest * r
    if pos_weight is None:
        loss = above - z * t + np.log1p(e)
    else:
        tail = np.log1p(e)
        loss = (1 - t) * (above + tail) + _cast(pos_weight, z) * t * (np.maximum(-z, 0) + tail)
    if weight is not None:
        loss = loss * _cast(weight, z)
    if loss.shape != z.shape:
        raise ValueError(
            f"weight and pos_weight must broadcast to the logits' shape {z.shape}; the result has shape {loss.shape}"
        )
    if reduction != "none":
        size = loss.size
        loss = np.add.reduce(loss, axis=None)
        if reduction == "mean" and size:
            loss = loss / size
    return loss, p, q


_binary_cross_entropy = primitive_of(binary_cross_entropy_with_logits).body


def _cast(weight: Array, z: Array) -> Array:
    weight = weight if hasattr(weight, "dtype") else np.asarray(weight)
    return weight.astype(z.dtype, copy=False)


def _element_scale(g: Array, reduction: str, weight: Array | None, shape: Any) -> Array:
    if reduction == "mean":
        g = wide(g) * (1 / max(math.prod(shape), 1))
    return g if weight is None else g * _cast(weight, g)


def _binary_logits_rule(
    g: Any, out: Any, targets: Array, logits_shape: Any, reduction: str, weight: Array, pos_weight: Any
) -> Any:
    _, p, q = out
    d = None
    if g[0] is not None:
        t = targets if hasattr(targets, "dtype") else np.asarray(targets)
        t = t.astype(p.dtype) if t.dtype != p.dtype else t
        positive = t * q if pos_weight is None else t * q * _cast(pos_weight, p)
        d = ((1 - t) * p - positive) * _element_scale(g[0], reduction, weight, logits_shape)
    for sign, cotangent in ((1, g[1]), (-1, g[2])):
        if cotangent is not None:
            part = (sign * cotangent) * (p * q)
            d = part if d is None else d + part
    return d


def _binary_targets_rule(
    g: Any, logits: Array, targets_shape: Any, reduction: str, weight: Array, pos_weight: Any
) -> Any:
    if g[0] is None:
        return np.zeros_like(logits)
    d = -logits if pos_weight is None else _cast(pos_weight, logits) * _softplus(-logits) - _softplus(logits)
    return _element_scale(g[0], reduction, weight, targets_shape) * d


rule(binary_cross_entropy_with_logits, _binary_logits_rule, _binary_targets_rule)
shown(
    binary_cross_entropy_with_logits,
    out="mean(log(1 + exp(logits)) - targets * logits)",
    logits="g * (sigmoid(logits) - targets) / n",
    targets="-g * logits / n",
)


# ---------------------------------------------------------------- labels


@primitive(wrt="", discrete="labels")
def one_hot(labels: ArrayLike, num_classes: int | None = None, dtype: DTypeLike | None = float) -> Tensor:
    """An array of zeros with a 1 at each label along a new last axis. No gradient.

    Args:
        labels: integers of any shape.
        num_classes: the length of the new axis; by default the largest label + 1.
        dtype: of the result.

    Raises:
        TypeError: the labels are not integers.
        IndexError: a label is negative or not below ``num_classes``.

    >>> one_hot([2, 0], 3, dtype=int).tolist()
    [[0, 0, 1], [1, 0, 0]]
    """
    labels = labels if hasattr(labels, "dtype") else np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, not {labels.dtype}")
    if num_classes is None:
        top = np.maximum.reduce(labels.astype(np.uint64), axis=None, initial=0).item()
        num_classes = top + 1 if labels.size and top < 2**63 else 0
    require(_check_labels, labels.reshape(-1), num_classes, None)
    return np.equal(labels[..., None], np.arange(num_classes, like=labels)).astype(dtype)
