"""Samples of the normalisations, of the linear map, of embedding and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Sample, case, normal, positive, samples

__all__: list[str] = []

# ---------------------------------------------------------------- linear, embedding


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    y = np.matmul(x, weight)
    return y if bias is None else y + bias


samples(
    "linear",
    case(normal(3, 4), normal(4, 2), normal(2)),
    case(normal(3, 4), normal(4, 2), label="no bias"),
    case(normal(20, 4), normal(4, 2), normal(2), label="many rows"),
    case(normal(4), normal(4, 2), normal(2), label="one row"),
    case(normal(4), normal(4, 2), label="one row, no bias"),
    case(normal(2, 3, 4), normal(4, 2), normal(2), label="two leading axes"),
    case(normal(2, 1, 3, 4), normal(4, 2), normal(2), label="three leading axes"),
    case(normal(1, 1), normal(1, 1), normal(1), label="one by one"),
    case(normal(0, 4), normal(4, 2), normal(2), label="no rows", order=1),
    case(normal(2, 0, 4), normal(4, 2), normal(2), label="no rows in a batch", order=1),
    case(normal(3, 0), normal(0, 2), normal(2), label="no features", order=1),
    case(normal(3, 4), normal(4, 0), normal(0), label="no outputs", order=1),
    oracle=_linear,
)
samples(
    "sum_of_rows",
    case(normal(3, 4)),
    case(normal(20, 4), label="many rows"),
    case(normal(2, 5, 3), label="two leading axes"),
    case(normal(1, 1), label="one by one"),
    case(normal(0, 3), label="no rows", order=1),
    oracle=lambda x: np.sum(x, axis=tuple(range(x.ndim - 1))),
)
samples(
    "embedding",
    case(np.array([2, 0, 2]), normal(4, 3), label="a row twice"),
    case(np.array([[1, 0], [3, 3]], np.uint8), normal(4, 3), label="two axes of indices"),
    case(np.array(1), normal(4, 3), label="one index"),
    case([3, 1], normal(4, 3), label="a list"),
    case(np.zeros((2, 0), int), normal(4, 3), label="no indices", order=1),
    case(np.array([2, 0, 2]), normal(4), label="a table of numbers"),
    case(np.array([2, 0]), normal(3, 2, 2), label="a table of matrices"),
    case(
        np.array([1, 0, 1]),
        normal(3, 2),
        padding_idx=0,
        label="padding",
        order=1,
        expected=(np.array([[0.0, 0], [2, 2], [0, 0]]),),
    ),
    case(
        np.array([[1, 2]]),
        normal(3, 2),
        padding_idx=-1,
        label="padding from the end",
        order=1,
        expected=(np.array([[0.0, 0], [1, 1], [0, 0]]),),
    ),
    oracle=lambda indices, weight, padding_idx=None: weight[np.asarray(indices)],
)
samples(
    "without_rows",
    case(normal(3, 2), np.array([1, 0, 1]), 1),
    case(normal(2, 2, 3), np.array([[1, 0], [2, 1]]), 1, label="two axes of numbers"),
    case(normal(3), np.array(1), 2, label="one number"),
    case(normal(0, 2), np.zeros(0, int), 1, label="empty", order=1),
    oracle=lambda g, numbers, padding: np.where(
        (numbers == padding).reshape(numbers.shape + (1,) * (g.ndim - numbers.ndim)), 0, g
    ),
)

# ---------------------------------------------------------------- dropout


def _dropout(x: Any, p: float = 0.5, training: bool = True, rng: Any = None, shared_axes: Any = ()) -> Any:
    if not training or not p:
        return x
    shape = [
        1 if i in [axis % x.ndim for axis in np.atleast_1d(np.array(shared_axes, int))] else size
        for i, size in enumerate(x.shape)
    ]
    stays = np.random.default_rng(rng).random(shape, dtype=np.float32) >= p
    return np.where(stays, x / (1 - p if p < 1 else 1), 0)


samples(
    "dropout",
    case(normal(5, 4), 0.3, rng=1),
    case(normal(5, 4), rng=2, label="half"),
    case(normal(2, 3, 2, 2), 0.5, rng=3, shared_axes=(2, -1), label="whole channels"),
    case(normal(3, 4), 0.5, rng=4, shared_axes=0, label="one shared axis"),
    case(np.array(0.5), 0.5, rng=0, label="0-d"),
    case(normal(0, 3), 0.5, rng=0, label="empty", order=1),
    case(normal(2, 3), 0.0, rng=0, label="nothing drops"),
    case(normal(2, 3), 0.5, False, label="not training"),
    case(normal(2, 3), 1.0, rng=0, label="everything drops", order=1, expected=(np.zeros((2, 3)),)),
    oracle=_dropout,
)
samples(
    "masked_scale",
    case(normal(2, 3), np.array([[True, False, True], [False, True, True]]), 2.0),
    case(normal(2, 3), np.array([[True], [False]]), 1.25, label="a row of the mask"),
    case(np.array([np.inf, np.nan, -3.0]), np.array([False, False, True]), 2.0, label="not finite", order=0),
    oracle=lambda x, mask, scale: np.where(mask, x * scale, 0.0),
)

# ---------------------------------------------------------------- normalisations


def _standard(x: Any, axes: Any, eps: float) -> Any:
    x = np.asarray(x, np.float64)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def _layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    axes = tuple(range(-np.size(normalized_shape), 0))
    y = _standard(x, axes, eps) if np.size(x) else np.array(x)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


samples(
    "layer_norm",
    case(normal(3, 4), 4, normal(4), normal(4)),
    case(normal(3, 4), (4,), label="no affine parameters"),
    case(normal(3, 4), 4, normal(4), label="no bias"),
    case(normal(3, 4), 4, None, normal(4), label="no weight"),
    case(normal(2, 3, 4), (3, 4), normal(3, 4), normal(3, 4), label="two axes"),
    case(normal(12, 3, 5), 5, normal(5), normal(5), eps=0.1, label="two leading axes"),
    case(normal(5), 5, normal(5), normal(5), label="one row"),
    case(normal(3, 1), 1, normal(1), normal(1), label="one element"),
    case(normal(2, 4) * 0 + normal(2, 1), 4, normal(4), normal(4), eps=0.5, label="equal numbers"),
    case(normal(0, 3), 3, normal(3), normal(3), label="no rows", order=1),
    case(normal(2, 0), 0, normal(0), normal(0), label="no features", order=1),
    oracle=_layer_norm,
)


def _rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    if not np.size(x):
        return np.array(x)
    axes = tuple(range(-np.size(normalized_shape), 0))
    y = x / np.sqrt(np.mean(x * x, axes, keepdims=True) + (np.finfo(x.dtype).eps if eps is None else eps))
    return y if weight is None else y * weight


samples(
    "rms_norm",
    case(normal(3, 4), 4, normal(4)),
    case(normal(3, 4), 4, label="no weight"),
    case(normal(2, 3, 4), (3, 4), normal(3, 4), eps=0.1, label="two axes"),
    case(normal(5), 5, normal(5), label="one row"),
    case(normal(0, 3), 3, normal(3), label="no rows", order=1),
    case(np.zeros((2, 3)), 3, normal(3), eps=0.5, label="zeros"),
    oracle=_rms_norm,
)


def _group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    if not np.size(x):
        return np.array(x)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    parts = [_standard(part, tuple(range(1, x.ndim)), eps) for part in np.split(x, num_groups, 1)]
    y = np.concatenate(parts, 1)
    y = y if weight is None else y * np.reshape(weight, shape)
    return y if bias is None else y + np.reshape(bias, shape)


def _channels_last(x: Any) -> Any:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


samples(
    "group_norm",
    case(normal(2, 4, 3), 2, normal(4), normal(4)),
    case(normal(2, 4, 2, 2), 2, label="no affine parameters"),
    case(normal(2, 4, 2), 1, normal(4), label="one group, no bias"),
    case(normal(2, 3, 2, 2), 3, normal(3), normal(3), eps=0.1, label="each channel"),
    case(normal(2, 6), 2, None, normal(6), label="no axes after the channels, no weight"),
    case(_channels_last(normal(2, 4, 2, 3)), 2, normal(4), normal(4), label="channels last in memory"),
    case(normal(0, 4, 2), 2, normal(4), normal(4), label="empty", order=1),
    oracle=_group_norm,
)
samples(
    "instance_norm",
    case(normal(2, 3, 4), normal(3), normal(3)),
    case(normal(2, 3, 2, 2), eps=0.1, label="no affine parameters"),
    oracle=lambda x, weight=None, bias=None, eps=1e-5: _group_norm(x, x.shape[1], weight, bias, eps),
)


def _batch_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    shape = (1, -1) + (1,) * (x.ndim - 2)
    if training:
        y = _standard(x, (0, *range(2, x.ndim)), eps) if x.size else np.array(x)
    else:
        y = (x - np.reshape(running_mean, shape)) / np.sqrt(np.reshape(running_var, shape) + eps)
    y = y if weight is None else y * np.reshape(weight, shape)
    return y if bias is None else y + np.reshape(bias, shape)


def _training() -> list[Sample]:
    def made(
        x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, label: str = "", order: int = 2
    ) -> Sample:
        return case(x, None, None, weight, bias, True, eps=eps, label=label, order=order)

    return [
        made(normal(4, 3), normal(3), normal(3)),
        made(normal(4, 3), label="no affine parameters"),
        made(normal(4, 3), normal(3), label="no bias"),
        made(normal(4, 3), None, normal(3), label="no weight"),
        made(normal(2, 3, 4), normal(3), normal(3), 0.1, "one axis after the channels"),
        made(normal(2, 3, 2, 2), normal(3), normal(3), label="images"),
        made(_channels_last(normal(2, 3, 2, 4)), normal(3), normal(3), label="images, channels last in memory"),
        made(_channels_last(normal(1, 2, 3, 5)), label="one image"),
        made(normal(30, 2), normal(2), normal(2), label="many rows"),
        made(normal(3, 1), normal(1), normal(1), label="one channel"),
        made(normal(4, 2) * 0 + normal(1, 2), normal(2), normal(2), 0.5, "equal numbers"),
        made(normal(0, 3), normal(3), normal(3), label="empty", order=1),
    ]


samples("batch_norm", *_training(), oracle=_batch_norm)
samples(
    "batch_norm_inference",
    case(normal(4, 3), normal(3), positive(3), normal(3), normal(3), 1e-5),
    case(normal(4, 3), normal(3), positive(3), None, None, 0.1, label="no affine parameters"),
    case(normal(2, 3, 2, 2), normal(3), positive(3), normal(3), normal(3), 1e-5, label="images"),
    case(
        _channels_last(normal(2, 3, 2, 2)),
        normal(3),
        positive(3),
        normal(3),
        None,
        1e-5,
        label="channels last in memory, no bias",
    ),
    case(normal(1, 3), normal(3), positive(3), normal(3), normal(3), 1e-5, label="one row"),
    case(normal(0, 3), normal(3), positive(3), normal(3), normal(3), 1e-5, label="empty", order=1),
    oracle=lambda x, mean, variance, weight, bias, eps: _batch_norm(x, mean, variance, weight, bias, False, 0.1, eps),
)


def _images() -> Any:
    return _channels_last(normal(2, 3, 2, 2))


def _gradient(g: Any, xhat: Any, r: Any, weight: Any, axes: Any, affine_shape: Any, centred: bool) -> Any:
    h = g if weight is None else g * np.reshape(weight, affine_shape)
    gx = h - xhat * np.mean(h * xhat, axes, keepdims=True)
    if centred:
        gx = gx - np.mean(h, axes, keepdims=True)
    if weight is None:
        return (gx * r,)
    missing = g.ndim - len(affine_shape)
    over = tuple(
        [axis for axis in range(g.ndim) if axis < missing or affine_shape[axis - missing] == 1 != g.shape[axis]]
    )
    return gx * r, np.sum(g * xhat, over).reshape(np.shape(weight)), np.sum(g, over).reshape(np.shape(weight))


samples(
    "normalization_gradient",
    case(normal(4, 3), normal(4, 3), positive(1, 3), normal(3), (0,), (1, 3), True, label="columns"),
    case(
        normal(4, 3), normal(4, 3), positive(1, 3), None, (0,), (1, 3), False, label="columns, neither weight nor mean"
    ),
    case(_images(), _images(), positive(1, 3, 1, 1), normal(3), (0, 2, 3), (1, 3, 1, 1), True, label="images"),
    case(normal(4, 3), normal(4, 3), positive(4, 1), normal(3), (1,), (3,), True, label="rows"),
    case(normal(4, 3), normal(4, 3), positive(4, 1), normal(3), (1,), (3,), False, label="rows, no mean"),
    case(normal(4, 3), normal(4, 3), positive(4, 1), None, (1,), (3,), True, label="rows, no weight"),
    case(
        normal(2, 2, 3, 2),
        normal(2, 2, 3, 2),
        positive(2, 2, 1, 1),
        normal(6),
        (2, 3),
        (1, 2, 3, 1),
        True,
        label="groups",
    ),
    case(
        normal(2, 2, 3),
        normal(2, 2, 3),
        positive(1, 2, 1),
        None,
        (0, 2),
        (1, 2, 1),
        False,
        label="channels, neither weight nor mean",
    ),
    oracle=_gradient,
)
