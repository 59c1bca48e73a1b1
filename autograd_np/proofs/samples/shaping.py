"""Samples of shape, order, broadcasting, turning and diagonals (and, below, of constants and ranges)."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Sample, away, case, normal, positive, samples

X3 = (2, 3, 4)

# ---------------------------------------------------------------- shape

samples(
    "reshape",
    case(normal(3, 4), (2, 6)),
    case(normal(*X3), -1, label="-1"),
    case(normal(*X3), (4, -1)),
    case(normal(3, 4), (4, 3), order="F"),
    case(normal(3, 4), (4, 3), order="A", strided=False, label="A: as it lies in memory"),
    case(normal(3, 4), (2, 6), copy=True),
    case(normal(), (1, 1), label="0-d"),
    case(normal(1), (), label="to 0-d"),
    case(normal(0, 3), (3, 0), label="empty"),
    case(normal(2, 1, 3), (2, 3), label="size-1 axis"),
)
samples(
    "ravel",
    case(normal(*X3)),
    case(normal(*X3), order="F"),
    case(normal(*X3), order="K", strided=False),
    case(normal(), label="0-d"),
    case(normal(0, 2)),
)
samples(
    "flatten",
    case(normal(*X3)),
    case(normal(*X3), order="F"),
    case(normal(), label="0-d"),
    case(normal(0, 2), label="empty"),
    oracle=lambda x, order="C": np.ravel(x, order).copy(),
)
samples(
    "squeeze",
    case(normal(2, 1, 3, 1)),
    case(normal(2, 1, 3, 1), axis=-1, label="negative axis"),
    case(normal(2, 1, 3, 1), axis=(1, 3), label="tuple"),
    case(normal(1, 1), label="to 0-d"),
    case(normal(3, 2), label="nothing to do"),
    case(normal(0, 1), axis=1, label="empty"),
)
samples(
    "expand_dims",
    case(normal(3, 4), 0),
    case(normal(3, 4), 1),
    case(normal(3, 4), -1, label="last"),
    case(normal(3, 4), (0, -2), label="tuple"),
    case(normal(), 0, label="0-d"),
    case(normal(0, 2), 1, label="empty"),
)
samples("atleast_1d", case(normal()), case(normal(3)), case(normal(), normal(2, 2), label="several"))
samples("atleast_2d", case(normal()), case(normal(3)), case(normal(2, 3)), case(normal(), normal(3), label="several"))
samples(
    "atleast_3d",
    case(normal()),
    case(normal(3)),
    case(normal(2, 3)),
    case(normal(*X3)),
    case(normal(3), normal(2, 2), label="several"),
)

# ---------------------------------------------------------------- order of the axes

samples(
    "transpose",
    case(normal(*X3)),
    case(normal(*X3), (1, 2, 0)),
    case(normal(*X3), [-1, 0, -2], label="negative, a list"),
    case(normal(3), label="1-d"),
    case(normal(), label="0-d"),
    case(normal(0, 2), label="empty"),
)
samples(
    "swapaxes",
    case(normal(*X3), 0, 2),
    case(normal(*X3), -1, -2, label="negative"),
    case(normal(*X3), 1, 1, label="the same axis"),
)
samples("matrix_transpose", case(normal(3, 4)), case(normal(*X3)))
samples(
    "moveaxis",
    case(normal(*X3), 0, -1),
    case(normal(*X3), -1, 0),
    case(normal(2, 1, 3, 4), (0, -1), (-1, 1), label="several"),
    case(normal(2, 1, 3, 4), [2, 0], [0, 2], label="lists"),
)
samples(
    "rollaxis",
    case(normal(*X3), 2),
    case(normal(*X3), 0, 3),
    case(normal(*X3), -1, -2, label="negative"),
    case(normal(*X3), 1, 1),
)

# ---------------------------------------------------------------- broadcasting

samples(
    "broadcast_to",
    case(normal(4), (3, 4)),
    case(normal(3, 1), (2, 3, 4), label="size-1 and new axes"),
    case(normal(), (2, 3), label="0-d"),
    case(normal(3, 4), (3, 4), label="as it is"),
    case(normal(1, 4), (0, 4), label="to empty"),
    case(normal(0, 1), (2, 0, 3), label="empty"),
    case(normal(1), 5, label="to an int"),
)
samples(
    "broadcast_arrays",
    case(normal(3, 4), normal(4)),
    case(normal(3, 1), normal(1, 4), normal()),
    case(normal(2), normal(2), label="as they are"),
    case(normal(0, 1), normal(3), label="empty"),
)

# ---------------------------------------------------------------- turning

samples(
    "flip",
    case(normal(*X3)),
    case(normal(*X3), axis=-1, label="negative axis"),
    case(normal(*X3), axis=(0, 2), label="tuple"),
    case(normal(), label="0-d"),
    case(normal(0, 2), axis=0, label="empty"),
)
samples("fliplr", case(normal(3, 4)), case(normal(*X3)))
samples("flipud", case(normal(3, 4)), case(normal(3)))
samples(
    "rot90", *[case(normal(2, 3), k=k) for k in range(-1, 4)], *[case(normal(*X3), k=k, axes=(2, 0)) for k in (1, 2, 3)]
)
samples(
    "roll",
    case(normal(3, 4), 2, label="flat"),
    case(normal(*X3), -5, axis=1),
    case(normal(*X3), (1, -2), axis=(0, -1), label="several axes"),
    case(normal(*X3), 1, axis=(0, 1), label="one shift for several axes"),
    case(normal(*X3), (1, 1), axis=-1, label="two shifts of one axis"),
    case(normal(3, 4), np.array([1, 2]), axis=(0, 1), label="an array"),
    case(normal(0, 3), 1, axis=1, label="empty"),
    case(normal(), 1, label="0-d"),
)

# ---------------------------------------------------------------- memory

samples(
    "ascontiguousarray",
    case(normal(3, 4)),
    case(normal(), label="0-d"),
    case(normal(3), dtype=np.float64),
    oracle=np.ascontiguousarray,
)
samples("asfortranarray", case(normal(3, 4)), case(normal(3), dtype=np.float64), oracle=np.asfortranarray)
samples(
    "require",
    case(normal(3, 4), None, ["F"]),
    case(normal(3, 4), np.float64, "CO", float32=False),
    case(normal(3, 4), requirements=["W", "ALIGNED", "E"]),
    case(normal(3, 4)),
    oracle=np.require,
)

# ---------------------------------------------------------------- diagonals

for _name in ("tril", "triu"):
    samples(
        _name,
        *[case(normal(3, 4), k=k) for k in (-3, -1, 0, 2, 4)],
        case(normal(2, 4, 3), label="stacked, tall"),
        case(normal(3), label="a vector gives a matrix"),
        case(normal(0, 3), label="empty"),
    )
samples(
    "diagonal",
    *[case(normal(3, 4), offset=k) for k in (-3, -2, 0, 1, 3, 4)],
    *[case(normal(4, 2), offset=k) for k in (-3, -1, 0, 1, 2)],
    *[case(normal(*X3), offset=k, axis1=2, axis2=0) for k in (-2, 0, 1)],
    *[case(normal(2, 3, 1, 4), offset=k, axis1=-1, axis2=1) for k in (-1, 0, 2)],
    case(normal(0, 3), label="empty"),
    case(normal(1, 1), label="one element"),
)
samples(
    "diag",
    *[case(normal(3), k=k) for k in (-2, 0, 1)],
    *[case(normal(3, 4), k=k) for k in (-2, 0, 3, 4)],
    case(normal(0), label="empty"),
)
samples("diagflat", case(normal(2, 2)), case(normal(3), k=-1), case(normal(), k=1, label="0-d"))
samples(
    "trace",
    case(normal(3, 4)),
    case(normal(4, 3), offset=-1),
    case(normal(*X3), 1, 2, 0, label="axes"),
    case(normal(3, 3), dtype=np.float64, label="dtype"),
    case(normal(2, 2), offset=2, label="an empty diagonal"),
)

# ---------------------------------------------------------------- constants

for _name in ("zeros_like", "ones_like"):
    samples(
        _name,
        case(normal(3, 4), order=0),
        case(normal(), order=0, label="0-d"),
        case(normal(0, 2), order=0, label="empty"),
        Sample((normal(3, 4),), {"dtype": np.float32, "order": "F", "shape": (2, 3)}, "options", order=0),
    )


# Its values are undefined, so what can be compared has none.
samples("empty_like", case(normal(3, 4), order=0, float32=False, strided=False, duck=False))
samples(
    "empty_like",
    case(normal(0, 2), order=0),
    Sample((normal(3, 4),), {"dtype": np.float32, "order": "F", "shape": (2, 0)}, "options", order=0),
)


def _full_like(x: Any, fill_value: Any, dtype: Any = None, order: str = "K", shape: Any = None) -> Any:
    return np.full_like(x, fill_value, dtype=dtype, order=order, shape=shape)  # type: ignore[call-overload]


samples(
    "full_like",
    case(np.zeros((3, 4), int), 7, order=0),
    case(np.zeros((3, 4), np.float32), 2.5, order=0, dtype=np.float64, shape=(2,), label="options"),
    case(np.zeros((2, 3), int), normal(), dtype=np.float64, float32=False, label="a value with a gradient"),
    case(np.zeros((2, 3), int), normal(3), dtype=np.float64, float32=False, label="a row with a gradient"),
    oracle=_full_like,
)
samples(
    "full",
    case((2, 3), normal()),
    case((2, 3), normal(3), label="a row"),
    case((), normal(), label="0-d"),
    case((0, 2), normal(), label="empty"),
    oracle=np.full,
)

# ---------------------------------------------------------------- ranges

samples(
    "linspace",
    case(normal(), normal(), 5),
    case(normal(3), normal(), 4, label="an array and a number"),
    case(normal(2, 1), normal(3), 4, endpoint=False, axis=-1, label="broadcast, last axis"),
    case(normal(2), normal(2), 3, retstep=True, label="with the step"),
    case(normal(), normal(), 1, label="one"),
    case(normal(), normal(), 0, label="none"),
)
samples(
    "geomspace",
    case(positive(), positive(), 5),
    case(positive(2, 1), positive(3), 4, endpoint=False, axis=1),
    case(-positive(2), -positive(2), 3, label="negative"),
    oracle=np.geomspace,
)
samples(
    "logspace",
    case(normal(), normal(), 4),
    case(normal(2), normal(), 3, endpoint=False, base=2.0),
    case(normal(2), normal(2), 4, base=positive(2), axis=-1, label="bases"),
    oracle=np.logspace,
)

# ---------------------------------------------------------------- padding

_MODES = ("edge", "reflect", "symmetric", "wrap", "linear_ramp", "mean", "maximum", "minimum", "median")
samples(
    "pad",
    case(normal(3, 4), 2),
    case(normal(3, 4), (0, 2), label="before and after"),
    case(normal(3, 4), ((1, 0), (0, 3)), constant_values=2.5),
    case(normal(2, 3), 1, constant_values=((1.0, 2.0), (3.0, 4.0)), label="a value for each side"),
    case(normal(), 0, label="0-d"),
    case(normal(0, 3), 1, label="empty"),
    case(normal(0, 3), ((0, 0), (1, 1)), mode="edge", label="empty, edge"),
    *[case(away(2, 3), ((0, 1), (2, 3)), mode=mode) for mode in _MODES],
    *[case(away(3), (7, 4), mode=mode, label=f"{mode}, wider than the array") for mode in _MODES],
    *[case(normal(2, 1), ((0, 0), (2, 1)), mode=mode, label=f"{mode} of a size-1 axis") for mode in _MODES],
    *[
        case(normal(3), widths, mode=mode, reflect_type="odd")
        for mode in ("reflect", "symmetric")
        for widths in ((1, 2), (7, 4))
    ],
    *[
        case(away(3, 3), 2, mode=mode, stat_length=((2, 1), (3, 9)))
        for mode in ("mean", "maximum", "minimum", "median")
    ],
    case(normal(2, 3), (2, 3), mode="linear_ramp", end_values=((1.0, 2.0), (-3.0, 4.0))),
    case(np.ones(4), (2, 0), mode="maximum", expected=(np.full(4, 1.5),), order=1, label="ties are split evenly"),
)
