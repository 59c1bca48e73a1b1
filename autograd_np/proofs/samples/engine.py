"""Samples of the engine's own primitives."""

from __future__ import annotations

import numpy as np

from . import case, normal, samples

samples(
    "alias",
    case(normal(3, 4)),
    case(normal(), label="0-d"),
    case(np.zeros((0, 3)), label="empty"),
    case(normal(2) + 1j * normal(2), label="complex"),
    oracle=lambda x: x,
)
