"""Samples of joining, splitting, repeating, inserting and deleting."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import case, normal, samples

X3 = (2, 3, 4)

# ---------------------------------------------------------------- joining

samples(
    "concatenate",
    case([normal(3), normal(2)]),
    case((normal(2, 3), normal(1, 3), normal(0, 3)), label="an empty one"),
    case([normal(*X3), normal(2, 3, 1)], axis=-1, label="negative axis"),
    case([normal(*X3), normal(2, 3), normal()], axis=None, label="flattened"),
    case([normal(2, 2)], label="one"),
    case([normal(2), normal(3)], dtype=np.float64, casting="unsafe", label="dtype"),
    case([normal(2), np.arange(3)], label="with integers", float32=False),
)
samples(
    "stack",
    case([normal(3), normal(3)]),
    case((normal(2, 3), normal(2, 3), normal(2, 3)), axis=1),
    case([normal(2, 3), normal(2, 3)], axis=-1, label="negative axis"),
    case([normal(), normal()], label="0-d"),
    case([normal(0, 2), normal(0, 2)], axis=1, label="empty"),
    case([normal(2), normal(2)], dtype=np.float64, casting="unsafe", label="dtype"),
)
samples(
    "hstack",
    case([normal(3), normal(2), normal()]),
    case([normal(2, 3), normal(2, 1)]),
    case([normal(2), normal(1)], dtype=np.float64),
)
samples("vstack", case([normal(3), normal(3)]), case([normal(2, 3), normal(3)]), case([normal(), normal()]))
samples(
    "dstack", case([normal(3), normal(3)]), case([normal(2, 3), normal(2, 3)]), case([normal(2, 3, 2), normal(2, 3)])
)
samples("column_stack", case([normal(3), normal(3)]), case([normal(3), normal(3, 2)]), case([normal(), normal()]))
samples(
    "block",
    case([[normal(2, 2), normal(2, 1)], [normal(1, 2), normal(1, 1)]]),
    case([normal(3), normal(2), 1.0], label="one list"),
    case(normal(2, 2), label="no list"),
    case([[normal(3)], [normal(3)]], label="vectors as rows"),
    case([[[normal(2)]], [[normal(2)]]], label="three levels"),
)
samples(
    "append",
    case(normal(2, 3), normal(4)),
    case(normal(2, 3), normal(2, 1), axis=-1),
    case(normal(2), normal(), label="0-d"),
)

# ---------------------------------------------------------------- splitting

samples(
    "split",
    case(normal(4), 2),
    case(normal(*X3), 2, axis=-1, label="negative axis"),
    case(normal(3, 5), [1, 3], axis=1, label="indices"),
    case(normal(4), (0, 2, 2, 9), label="empty pieces"),
    case(normal(5), [-2], label="a negative index"),
    case(normal(5), [4, 1], label="overlapping"),
    case(normal(3, 1), 1, axis=1, label="size-1 axis"),
    case(normal(0, 2), 2, axis=1, label="empty"),
)
samples(
    "array_split",
    case(normal(5), 3),
    case(normal(2, 3), 4, axis=1, label="more than there are"),
    case(normal(4, 2), [1]),
)
samples("hsplit", case(normal(2, 4), 2), case(normal(4), [3], label="a vector"))
samples("vsplit", case(normal(4, 2), 2), case(normal(3, 2), [1]))
samples("dsplit", case(normal(*X3), 2), case(normal(*X3), [1]))
samples(
    "unstack",
    case(normal(3, 2)),
    case(normal(*X3), axis=-2, label="negative axis"),
    case(normal(3), label="to 0-d"),
    case(normal(2, 0), label="empty"),
    case(normal(1, 2), label="one"),
)

# ---------------------------------------------------------------- repeating

samples(
    "tile",
    case(normal(3, 2), 2),
    case(normal(2, 3), (2, 1, 3), label="more counts than axes"),
    case(normal(*X3), (2,), label="fewer counts than axes"),
    case(normal(2, 3), (1, 1), label="ones"),
    case(normal(2), (0, 2), label="none"),
    case(normal(), (2, 2), label="0-d"),
    case(normal(2, 0), (2, 2), label="empty"),
    case(normal(2, 2), np.array([2, 1]), label="an array"),
)
samples(
    "repeat",
    case(normal(2, 3), 2, label="flattened"),
    case(normal(*X3), 3, axis=0),
    case(normal(*X3), 2, axis=-2, label="negative axis"),
    case(normal(3, 2), [1, 0, 3], axis=0, label="one number each"),
    case(normal(2, 2), (2, 0, 1, 3), label="one number each, flattened"),
    case(normal(2, 3), [2], axis=1, label="one number in a list"),
    case(normal(2, 3), 0, axis=1, label="none"),
    case(normal(), 3, label="0-d"),
    case(normal(0, 2), 2, axis=0, label="empty"),
)
samples(
    "resize",
    case(normal(2, 3), (4, 2)),
    case(normal(2, 3), 4),
    case(normal(2, 3), (3, 2)),
    case(normal(), (2, 2), label="0-d"),
    case(normal(3), (0, 2), label="none", order=0),
)

# ---------------------------------------------------------------- inserting and deleting

samples(
    "insert",
    case(normal(4), 2, normal()),
    case(normal(3, 2), 1, normal(3), axis=1, label="a column"),
    case(normal(3, 2), [1], normal(3, 1), axis=1, label="a column, as NumPy's other form"),
    case(normal(4), [2], normal(3), label="several at one place"),
    case(normal(4), [3, 1, 1], normal(3), label="several places"),
    case(normal(2, 3), (0, 2), normal(1, 3), axis=0, label="one row at two places"),
    case(normal(5), slice(0, 4, 2), normal(2), label="a slice"),
    case(normal(3), np.array([True, False, True]), normal(), label="a mask"),
    case(normal(2, 3), -1, normal(), label="flattened"),
)
samples(
    "delete",
    case(normal(4), 1),
    case(normal(3, 4), [0, -1], axis=1),
    case(normal(4, 2), slice(None, None, 2), axis=0),
    case(normal(3, 2), np.array([True, False, True]), axis=-2, label="a mask"),
    case(normal(2, 3), 4, label="flattened"),
)


def _edged(*shape: int) -> Any:
    """Numbers with zeros around them and one among them."""
    x = np.pad(np.abs(normal(*shape)) + 0.5, 1)
    x[(shape[0] // 2 + 1,) * x.ndim] = 0.0
    return x


# The zeros are no place for differences: the value jumps in shape there.
samples(
    "trim_zeros",
    case(_edged(4), order=0),
    case(_edged(4), "f", order=0),
    case(_edged(4), trim="B", order=0),
    case(np.zeros(3), order=0),
    case(normal(3), label="nothing to do"),
)

samples(
    "meshgrid",
    case(normal(3), normal(2)),
    case(normal(3), normal(2), normal(2), indexing="ij"),
    case(normal(3), normal(2), normal(1), label="three, xy"),
    case(normal(3), normal(2), sparse=True),
    case(normal(3), normal(2), copy=False),
    case(normal(2), label="one"),
    case(normal(), normal(2), label="0-d"),
)
