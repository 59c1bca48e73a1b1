"""Samples of the activation functions, of the error function, and of the fused losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...primitives.activations import SELU_ALPHA, SELU_SCALE
from . import Sample, away, case, normal, positive, samples, uniform

__all__: list[str] = []

INF = math.inf


def _smooth(**options: Any) -> list[Sample]:
    """The shapes of a smooth function of one array."""
    words = ", ".join(f"{key}={value}" for key, value in options.items())
    return [
        case(2 * normal(3, 4), label=words, **options),
        case(np.array(0.7), label=f"0-d {words}", **options),
        case(normal(1), label=f"one element {words}", **options),
        case(np.zeros((0, 3)), label=f"empty {words}", order=1, **options),
        case(normal(2, 1, 3), label=f"size-1 axis {words}", **options),
    ]


def _kinked(*kinks: float, **options: Any) -> list[Sample]:
    """The same for a function with kinks: numbers at a distance from all of them."""
    words = ", ".join(f"{key}={value}" for key, value in options.items())

    def clear(*shape: int) -> Any:
        x = away(*shape, gap=0.3)
        for kink in kinks:
            x = np.where(np.abs(x - kink) < 0.1, x + 0.2, x)
        return x

    return [
        case(clear(3, 4), label=words, **options),
        case(clear(1), label=f"one element {words}", **options),
        case(clear(2, 1, 3), label=f"size-1 axis {words}", **options),
        case(clear(1)[0], label=f"0-d {words}", **options),
        case(np.zeros((0, 3)), label=f"empty {words}", order=1, **options),
    ]


def _at(x: list[float], gradient: list[float], label: str = "kink", **options: Any) -> Sample:
    return case(np.array(x), label=label, order=1, expected=(np.array(gradient),), **options)


def _pointwise(f: Callable[..., float]) -> Callable[..., Any]:
    """An oracle from a function of Python floats, element by element."""

    def oracle(x: Any, **options: Any) -> Any:
        x = np.asarray(x)
        values = np.array([f(float(v), **options) for v in x.reshape(-1)], dtype=float).reshape(x.shape)
        return values.astype(x.dtype if x.dtype.kind == "f" else float)

    return oracle


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _softplus(x: float, beta: float = 1.0, threshold: float | None = None) -> float:
    u = beta * x
    return x if threshold is not None and u > threshold else (max(u, 0) + math.log1p(math.exp(-abs(u)))) / beta


# ---------------------------------------------------------------- rectifiers

samples(
    "relu",
    *_kinked(),
    _at([0.0, -0.0, 1.0, -1.0, 1e300, INF, -INF], [0, 0, 1, 0, 1, 1, 0]),
    oracle=_pointwise(lambda x: max(x, 0.0)),
)


def _leaky(x: float, negative_slope: float = 0.01) -> float:
    return x if x > 0 else negative_slope * x


samples(
    "leaky_relu",
    *_kinked(),
    *_kinked(negative_slope=0.3),
    *_kinked(negative_slope=2.0),
    *_kinked(negative_slope=-0.5),
    *_kinked(negative_slope=0),
    _at([0.0, 1.0, -1.0], [0.25, 1, 0.25], negative_slope=0.25),
    _at([0.0, 1.0, -1.0], [1, 1, 2], "kink, steep", negative_slope=2.0),
    _at([0.0, 1.0, -1.0], [0, 1, -0.5], "kink, both signs", negative_slope=-0.5),
    oracle=_pointwise(_leaky),
)


def _prelu(x: Any, weight: Any, axis: int = 1) -> Any:
    weight = np.asarray(weight)
    w = (
        weight.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
        if weight.size > 1
        else weight.reshape(())
    )
    return np.where(x > 0, x, w * x)


samples(
    "prelu",
    case(away(3, 4), np.array(0.3), label="one number"),
    case(away(3, 4), np.array([0.3]), label="one element"),
    case(away(2, 3, 4), np.array([0.3, -0.2, 1.5]), label="per channel"),
    case(away(2, 3), np.array([0.3, -0.2, 1.5]), axis=-1, label="last axis"),
    case(away(3, 2), np.array([0.3, -0.2, 1.5]), axis=0, label="first axis"),
    case(away(1)[0], np.array(0.3), label="0-d"),
    case(np.zeros((0, 2)), np.array([0.3, 0.5]), order=1, label="empty"),
    case(
        np.zeros((1, 4)),
        np.array([0.3, -0.2, 1.5, 0.0]),
        order=1,
        expected=(np.array([[0.3, 0, 1, 0]]), np.zeros(4)),
        label="kink",
    ),
    oracle=_prelu,
)
samples(
    "relu6",
    *_kinked(6.0),
    case(uniform(5, 5.9, 3), label="near 6"),
    _at([0.0, 6.0, 3.0, 7.0, -1.0], [0, 0, 1, 0, 0]),
    oracle=_pointwise(lambda x: min(max(x, 0.0), 6.0)),
)
samples(
    "hardtanh",
    *_kinked(-1.0, 1.0),
    *_kinked(-0.5, 2.0, min_val=-0.5, max_val=2.0),
    _at([-1.0, 1.0, 0.0, 2.0], [0, 0, 1, 0]),
    oracle=_pointwise(lambda x, min_val=-1.0, max_val=1.0: min(max(x, min_val), max_val)),
)
samples(
    "hardshrink",
    *_kinked(-0.5, 0.5),
    *_kinked(-1.0, 1.0, lambd=1.0),
    *_smooth(lambd=0.0),
    _at([-0.5, 0.5, 0.0, 2.0], [0, 0, 0, 1]),
    _at([0.0, 2.0], [1, 1], "no jump", lambd=0),
    oracle=_pointwise(lambda x, lambd=0.5: x if abs(x) > lambd else 0.0),
)
samples(
    "softshrink",
    *_kinked(-0.5, 0.5),
    *_kinked(-1.0, 1.0, lambd=1.0),
    _at([-0.5, 0.5, 0.0, 2.0, -2.0], [0, 0, 0, 1, 1]),
    _at([0.0, 2.0], [1, 1], "no kink", lambd=0),
    oracle=_pointwise(lambda x, lambd=0.5: math.copysign(max(abs(x) - lambd, 0.0), x)),
)

# ---------------------------------------------------------------- exponential rectifiers


def _elu(x: float, alpha: float = 1.0) -> float:
    return x if x > 0 else alpha * math.expm1(x)


samples(
    "elu",
    *_kinked(),
    *_kinked(alpha=0.5),
    *_kinked(alpha=2.0),
    *_kinked(alpha=-1.0),
    _at([0.0, 1.0, -INF, INF], [1, 1, 0, 1], "no kink"),
    _at([0.0, 1.0], [0.5, 1], alpha=0.5),
    _at([0.0, 1.0], [1, 1], "kink, steep", alpha=2.0),
    _at([0.0, 1.0], [0, 1], "kink, both signs", alpha=-1.0),
    oracle=_pointwise(_elu),
)
samples(
    "selu",
    *_kinked(),
    _at([0.0, 1.0, -INF], [SELU_SCALE, SELU_SCALE, 0]),
    oracle=_pointwise(lambda x: SELU_SCALE * _elu(x, SELU_ALPHA)),
)
samples(
    "celu",
    *_kinked(),
    *_kinked(alpha=0.5),
    *_kinked(alpha=-2.0),
    _at([0.0, 1.0, -INF], [1, 1, 0], "no kink", alpha=0.5),
    oracle=_pointwise(lambda x, alpha=1.0: x if x > 0 else alpha * math.expm1(x / alpha)),
)

# ---------------------------------------------------------------- sigmoids

# e^−800 underflows and e^−700 does not; the gradient of the sigmoid is as small as its distance from 0 or 1.
_TAIL = [-700.0, -40.0, 40.0, 700.0]
samples(
    "sigmoid",
    *_smooth(),
    case(np.array(_TAIL), label="tails", float32=False),
    _at([-800.0, 800.0, -INF, INF], [0, 0, 0, 0], "beyond the range of exp"),
    _at(_TAIL, [math.exp(-abs(x)) / (1 + math.exp(-abs(x))) ** 2 for x in _TAIL], "tails, exactly", float32=False),
    oracle=_pointwise(lambda x: 0.0 if x < -745 else _sigmoid(x)),
)
samples(
    "sigmoid_slope",
    *_smooth(),
    case(np.array(_TAIL), label="tails", float32=False),
    oracle=_pointwise(lambda x: _sigmoid(x) * _sigmoid(-x)),
)
samples(
    "log_sigmoid",
    *_smooth(),
    case(np.array([-1e4, -40.0, 40.0, 600.0]), label="tails", float32=False),
    _at([-1e300, -INF, INF, 1e4], [1, 1, 0, 0], "extremes", float32=False),
    oracle=_pointwise(lambda x: min(x, 0) - math.log1p(math.exp(-abs(x)))),
)
samples(
    "softplus",
    *_smooth(),
    *_smooth(beta=2.5),
    *_smooth(beta=-1.5),
    *_smooth(threshold=20.0),
    case(np.array([-600.0, -40.0, 40.0, 1e4]), label="tails", float32=False),
    case(np.array([-3.0, 1.9, 2.1, 30.0]), beta=2.0, threshold=4.0, label="both sides of the threshold"),
    _at([-INF, INF], [0, 1], "extremes"),
    oracle=_pointwise(_softplus),
)
samples(
    "silu",
    *_smooth(),
    case(np.array([-500.0, -40.0, 40.0, 1e4]), label="tails", float32=False),
    _at([-INF, INF, -1e300, 1e300], [0, 1, 0, 1], "extremes", float32=False),
    oracle=_pointwise(lambda x: -0.0 if x < -745 else x * _sigmoid(x)),
)
samples(
    "mish",
    *_smooth(),
    case(np.array([-500.0, -40.0, 40.0, 1e4]), label="tails", float32=False),
    _at([-INF, INF, -1e300, 1e300], [0, 1, 0, 1], "extremes", float32=False),
    oracle=_pointwise(lambda x: -0.0 if x < -745 else x * math.tanh(_softplus(x))),
)


def _tanhshrink(x: float) -> float:
    series = sum(c * x**k for k, c in ((3, 1 / 3), (5, -2 / 15), (7, 17 / 315), (9, -62 / 2835)))
    return series if abs(x) < 0.01 else x - math.tanh(x)


samples(
    "tanhshrink",
    *_smooth(),
    case(np.array([1e-3, -2e-4, 0.6, 30.0]), label="small and large", float32=False),
    oracle=_pointwise(_tanhshrink),
)
samples(
    "softsign",
    *_kinked(),
    case(np.array([-1e5, 3e6]), label="large"),
    _at([0.0, INF, -INF], [1, 0, 0], "no kink"),
    oracle=_pointwise(lambda x: x / (1 + abs(x)) if math.isfinite(x) else math.copysign(1, x)),
)
samples(
    "hard_sigmoid",
    *_kinked(-3.0, 3.0),
    _at([-3.0, 3.0, 0.0, 4.0], [0, 0, 1 / 6, 0]),
    oracle=_pointwise(lambda x: min(max(x + 3, 0), 6) / 6),
)
samples(
    "hard_swish",
    *_kinked(-3.0, 3.0),
    _at([-3.0, 3.0, 0.0, 4.0, -4.0, INF, -INF], [0, 1, 0.5, 1, 0, 1, 0]),
    oracle=_pointwise(lambda x: 0.0 if x <= -3 else x if x >= 3 else x * (x + 3) / 6),
)

# ---------------------------------------------------------------- error function


def _gelu(x: float, approximate: str = "none") -> float:
    if approximate == "tanh":
        u = 2 * math.sqrt(2 / math.pi) * (x + 0.044715 * min(max(x, -100), 100) ** 3)
        return 0.0 if u < -745 else x * _sigmoid(u)
    return x * math.erfc(-x / math.sqrt(2)) / 2 if x > -50 else -0.0


_BOTH_SIDES = np.array([-6.0, -4.1, -2.0, -0.5, -0.4, 0.1, 0.45, 0.48, 3.9, 5.0])
samples(
    "erf",
    *_smooth(),
    case(_BOTH_SIDES, label="every range"),
    _at([INF, -INF, 30.0], [0, 0, 0], "extremes"),
    oracle=_pointwise(math.erf),
)
samples(
    "erfc",
    *_smooth(),
    case(np.append(_BOTH_SIDES, 20.0), label="every range", float32=False),
    _at([INF, -INF, 30.0], [0, 0, 0], "extremes"),
    oracle=_pointwise(math.erfc),
)
samples(
    "normal_cdf",
    *_smooth(),
    case(np.append(_BOTH_SIDES, -30.0), label="every range", float32=False),
    oracle=_pointwise(lambda x: math.erfc(-x / math.sqrt(2)) / 2),
)


def _bell(x: Any, rate: float) -> Any:
    return np.exp(-rate * x * x)


samples(
    "gauss",
    case(normal(3, 4), 1.0),
    case(normal(3, 4), 0.5, label="half"),
    case(normal(2, 1, 3), 0.5, label="size-1 axis"),
    case(np.array(0.3), 0.5, label="0-d"),
    case(np.zeros((0, 3)), 1.0, order=1, label="empty"),
    case(np.array([20.0, -7.0]), 1.0, label="tails", float32=False),
    oracle=_bell,
)
samples(
    "gelu",
    *_smooth(),
    *_smooth(approximate="tanh"),
    case(np.array([-25.0, -9.0, 9.0, 1e4]), label="tails", float32=False),
    case(np.array([-8.0, -5.0, 5.0, 1e4]), approximate="tanh", label="tails, tanh", float32=False),
    _at([-INF, INF, -1e300, 1e300], [0, 1, 0, 1], "extremes", float32=False),
    _at([-INF, INF, -1e300, 1e300], [0, 1, 0, 1], "extremes, tanh", float32=False, approximate="tanh"),
    oracle=_pointwise(_gelu),
)

# ---------------------------------------------------------------- over an axis


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    z = x - np.max(x, axis=axis, keepdims=True) if x.size else x
    return z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))


def _softmax(x: Any, axis: Any = -1) -> Any:
    return np.exp(_log_softmax(x, axis))


def _over_axis() -> list[Sample]:
    return [
        case(normal(3, 4)),
        case(normal(3, 4), axis=0, label="first axis"),
        case(normal(2, 3, 4), axis=-2, label="negative axis"),
        case(normal(2, 3, 4), axis=(0, 2), label="tuple axis"),
        case(normal(2, 3), axis=None, label="all axes"),
        case(normal(5), label="vector"),
        case(normal(3, 1), label="size-1 axis"),
        case(np.zeros((0, 3)), order=1, label="no rows"),
        case(np.zeros((3, 3)), label="ties"),
        case(np.array([[1e4, -1e4, 1e4 - 1], [-1e4, -1e4 + 2, -1e4 - 1]]), label="extremes", rtol=1e-5, float32=False),
    ]


samples("softmax", *_over_axis(), case(np.zeros((2, 0)), order=0, label="empty axis"), oracle=_softmax)
samples("log_softmax", *_over_axis(), case(np.zeros((2, 0)), order=0, label="empty axis"), oracle=_log_softmax)
samples("softmin", *_over_axis(), oracle=lambda x, axis=-1: _softmax(-x, axis))


def _glu(x: Any, axis: int = -1) -> Any:
    a, b = np.split(x, 2, axis)
    return a / (1 + np.exp(-b))


samples(
    "glu",
    case(normal(3, 4)),
    case(normal(4, 3), axis=0, label="first axis"),
    case(normal(2, 6, 3), axis=-2, label="negative axis"),
    case(normal(2), label="vector"),
    case(np.zeros((0, 4)), order=1, label="empty"),
    oracle=_glu,
)

# ---------------------------------------------------------------- softmax cross-entropy


def _cross_entropy(
    logits: Any,
    targets: Any,
    axis: int = -1,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    weight: Any = None,
) -> Any:
    """The definition in PyTorch's documentation, row by row in Python floats."""
    z = np.moveaxis(logits, axis, -1)
    classes = z.shape[-1]
    w = np.ones(classes) if weight is None else np.asarray(weight, float)
    losses, divisor = [], 0.0
    for row in np.ndindex(z.shape[:-1]):
        if targets.ndim == logits.ndim:
            q = np.moveaxis(targets, axis, -1)[row].astype(float)
            divisor += 1
        else:
            y = int(targets[row])
            if y == ignore_index:
                losses.append(0.0)
                continue
            q = np.eye(classes)[y]
            divisor += w[y]
        q = (1 - label_smoothing) * q + label_smoothing / classes
        values = [float(v) for v in z[row]]
        top = max(values)
        total = top + math.log(math.fsum(math.exp(v - top) for v in values))
        losses.append(math.fsum(w[c] * q[c] * (total - values[c]) for c in range(classes) if w[c] * q[c]))
    if reduction == "none":
        return np.array(losses).reshape(z.shape[:-1]).astype(logits.dtype)
    loss = math.fsum(losses)
    return logits.dtype.type(loss / divisor if reduction == "mean" and divisor else loss)


def _labels(classes: int, *shape: int) -> Any:
    return np.floor(uniform(0, classes, *shape)).astype(int)


def _shares(*shape: int) -> Any:
    q = positive(*shape)
    return q / q.sum(axis=-1, keepdims=True)


def _reduced(*args: Any, label: str, **options: Any) -> list[Sample]:
    return [
        case(*args, label=f"{label}, {reduction}", reduction=reduction, **options)
        for reduction in ("mean", "sum", "none")
    ]


_WEIGHT = np.array([0.5, 2.0, 1.25])
_ONE = 1 / (1 + math.e)  # σ(−1)
_LESS = 1 / (1 + math.exp(0.7))  # σ(−0.7)
_IGNORED = np.array([[0.3, -INF, 1.0], [-INF, -INF, -INF], [INF, 0.0, 1.0], [0.1, 0.2, 0.3]])
samples(
    "softmax_cross_entropy",
    *_reduced(normal(4, 3), _labels(3, 4), label="class numbers"),
    *_reduced(normal(4, 3), _labels(3, 4), weight=_WEIGHT, label="weights"),
    *_reduced(normal(4, 3), _labels(3, 4), label_smoothing=0.2, label="smoothing"),
    *_reduced(
        normal(4, 3),
        np.array([0, 2, 1, 2]),
        ignore_index=2,
        label_smoothing=0.2,
        weight=_WEIGHT,
        label="weights, smoothing, ignored",
    ),
    *_reduced(normal(4, 3), np.array([0, -100, 1, -100]), ignore_index=-100, label="ignored"),
    *_reduced(normal(4, 3), _shares(4, 3), label="probabilities"),
    *_reduced(
        normal(4, 3), _shares(4, 3), label_smoothing=0.3, weight=_WEIGHT, label="probabilities, smoothing, weights"
    ),
    *_reduced(normal(2, 3, 4), _labels(3, 2, 4), axis=1, label="middle axis"),
    *_reduced(normal(2, 130), _labels(130, 2), label="many classes"),
    case(
        normal(2, 130),
        np.array([3, 129]),
        ignore_index=3,
        label_smoothing=0.1,
        weight=positive(130),
        label="many classes, all options",
    ),
    case(normal(2, 130), _shares(2, 130), label="many classes, probabilities", reduction="none"),
    case(normal(130, 2), _labels(130, 2), axis=0, label="many classes, first axis", reduction="none"),
    case(normal(2, 2, 3), _shares(2, 2, 3), axis=-2, label="negative axis, probabilities", weight=np.array([0.5, 2.0])),
    case(normal(3, 4), _labels(3, 4), axis=0, label="first axis"),
    case(normal(3), np.array(1), label="vector"),
    case(normal(3, 1), np.zeros(3, int), label="one class"),
    case(normal(3, 2), np.array([0, 1, 1], np.uint8), label="small integers"),
    case(normal(300, 2), np.array([0, 1] * 150, np.int8), label="small integers, many rows"),
    case(normal(3, 3), np.eye(3, dtype=int), label="one-hot integers"),
    case(np.zeros((0, 3)), np.zeros(0, int), order=1, label="no rows"),
    case(np.zeros((0, 3)), np.zeros((0, 3)), order=1, label="no rows, probabilities"),
    case(
        np.array([[1e4, -1e4, 0.0], [0.0, 1e4, 1e4 - 1]]), np.array([1, 2]), label="extremes", rtol=1e-5, float32=False
    ),
    case(
        np.array([[0.0, -INF, 1.0]]),
        np.array([2]),
        order=1,
        expected=(np.array([[_ONE, 0, -_ONE]]),),
        label="excluded class",
    ),
    case(
        _IGNORED,
        np.array([7, 7, 7, 7]),
        ignore_index=7,
        order=1,
        expected=(np.zeros((4, 3)),),
        label="every row ignored",
    ),
    case(
        _IGNORED[:2],
        np.array([2, -1]),
        ignore_index=-1,
        order=1,
        expected=(np.array([[_LESS, 0, -_LESS], [0, 0, 0]]),),
        label="−inf, ignored",
    ),
    oracle=_cross_entropy,
)


def _scaled_with_targets(p: Any, a: Any, b: Any, index: Any) -> Any:
    hot = np.zeros(p.size)
    hot[index] = 1
    hot = hot.reshape(p.shape)
    return p * a * (1 - hot) - hot * b


samples(
    "scaled_with_targets",
    case(positive(3, 4), np.array(0.3), np.array(0.7), np.array([0, 5, 10, 3]), label="one scale"),
    case(positive(3, 4), positive(4), positive(4), np.array([0, 5, 10, 3]), label="classes first"),
    case(positive(3, 4), positive(3, 1), positive(3, 1), np.array([1, 4, 11]), label="classes last"),
    oracle=_scaled_with_targets,
)


def _binary(z: Any, t: Any, reduction: str = "mean", weight: Any = 1.0, pos_weight: Any = 1.0) -> Any:
    tail = np.log1p(np.exp(-np.abs(z)))
    loss = weight * (pos_weight * t * (np.maximum(-z, 0) + tail) + (1 - t) * (np.maximum(z, 0) + tail))
    loss = loss.astype(z.dtype)
    return loss if reduction == "none" else loss.sum() if reduction == "sum" or not loss.size else loss.mean()


samples(
    "binary_cross_entropy_with_logits",
    *_reduced(normal(3, 4), uniform(0, 1, 3, 4), label="plain"),
    *_reduced(normal(3, 4), uniform(0, 1, 3, 4), weight=positive(4), pos_weight=positive(3, 1), label="weights"),
    case(normal(3), np.array([0, 1, 1]), label="integers"),
    case(normal(3, 1), np.array([[False], [True], [True]]), pos_weight=np.array([2.0]), label="bool"),
    case(np.array(0.3), np.array(1.0), label="0-d"),
    case(np.zeros((0, 2)), np.zeros((0, 2)), order=1, label="empty"),
    case(
        np.array([-40.0, 40.0, 1e4, -1e4]),
        np.array([0, 1, 0, 1]),
        reduction="sum",
        order=1,
        label="tails",
        float32=False,
    ),
    oracle=_binary,
)


def _one_hot(labels: Any, num_classes: int | None = None, dtype: Any = float) -> Any:
    return np.eye(num_classes or int(np.max(labels)) + 1, dtype=dtype)[labels]


samples(
    "one_hot",
    case(np.array([2, 0, 1]), order=0),
    case(np.array([[2, 0], [1, 1]]), 5, np.float32, label="two axes, float32", order=0),
    case(np.array(1), 3, label="0-d", order=0),
    case(np.zeros((0,), int), 3, label="empty", order=0),
    oracle=_one_hot,
)
