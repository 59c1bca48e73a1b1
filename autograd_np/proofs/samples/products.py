"""Samples of products, ``einsum`` included."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import case, normal, samples

__all__: list[str] = []


def _complex(*shape: int) -> Any:
    return normal(*shape) + 1j * normal(*shape)


samples(
    "matmul",
    case(normal(2, 3), normal(3, 4)),
    case(normal(3), normal(3), label="vector, vector"),
    case(normal(2, 3), normal(3), label="matrix, vector"),
    case(normal(3), normal(3, 4), label="vector, matrix"),
    case(normal(2, 3, 4), normal(2, 4, 2), label="batches"),
    case(normal(2, 3, 4), normal(4, 2), label="batch, matrix"),
    case(normal(3, 4), normal(2, 4, 2), label="matrix, batch"),
    case(normal(2, 2, 3, 4), normal(4, 2), label="two batch axes, matrix"),
    case(normal(3, 4), normal(2, 2, 4, 2), label="matrix, two batch axes"),
    case(normal(2, 3, 4), normal(4), label="batch, vector"),
    case(normal(4), normal(2, 4, 3), label="vector, batch"),
    case(normal(2, 1, 2, 3), normal(3, 3, 2), label="batches broadcast"),
    case(normal(1, 2, 3), normal(4, 3, 2), label="batch of 1"),
    case(normal(2, 3, 1), normal(2, 1, 2), label="inner length 1"),
    case(normal(2, 0), normal(0, 3), label="inner length 0"),
    case(normal(0, 3), normal(3, 2), label="no rows"),
    case(normal(0, 2, 3), normal(3, 2), label="empty batch, matrix"),
    case(normal(0, 2, 3), normal(3), label="empty batch, vector"),
    case(_complex(2, 3), _complex(3, 2), label="complex"),
    case(_complex(2, 2, 3), normal(3), label="complex and real"),
    case(normal(2, 3), np.array([[1, 2], [3, 4], [5, 6]]), label="with integers"),
)

samples(
    "dot",
    case(normal(2, 3), normal(3, 4)),
    case(normal(3), normal(3), label="vectors"),
    case(normal(2, 3), normal(3), label="matrix, vector"),
    case(normal(3), normal(3, 4), label="vector, matrix"),
    case(normal(2, 3, 4), normal(4), label="3-d, vector"),
    case(normal(3), normal(2, 3, 4), label="vector, 3-d"),
    case(normal(2, 3, 4), normal(2, 4, 2), label="3-d, 3-d"),
    case(normal(2, 3), normal(2, 3, 2), label="matrix, 3-d"),
    case(normal(2, 3, 4), normal(4, 2), label="3-d, matrix"),
    case(np.array(2.0), normal(2, 3), label="0-d on the left"),
    case(normal(2, 3), np.array(2.0), label="0-d on the right"),
    case(np.array(3.0), np.array(2.0), label="0-d both"),
    case(normal(2, 3), 2.0, label="number"),
    case(normal(2, 0), normal(0, 3), label="inner length 0"),
    case(_complex(2, 3), _complex(3), label="complex"),
)

samples(
    "inner",
    case(normal(3), normal(3), label="vectors"),
    case(normal(2, 3), normal(4, 3)),
    case(normal(2, 3), normal(3), label="matrix, vector"),
    case(normal(3), normal(2, 3), label="vector, matrix"),
    case(normal(2, 2, 3), normal(2, 4, 3), label="3-d"),
    case(np.array(2.0), normal(2, 3), label="0-d on the left"),
    case(normal(2, 3), np.array(2.0), label="0-d on the right"),
    case(normal(0, 3), normal(2, 3), label="empty"),
    case(_complex(2, 3), _complex(3), label="complex"),
)

samples(
    "outer",
    case(normal(3), normal(2)),
    case(normal(2, 2), normal(3), label="flattened"),
    case(np.array(2.0), normal(3), label="0-d"),
    case(normal(0), normal(3), label="empty"),
    case(_complex(2), _complex(3), label="complex"),
)

samples(
    "vdot",
    case(normal(3), normal(3)),
    case(normal(2, 3), normal(6), label="flattened"),
    case(np.array(2.0), np.array(3.0), label="0-d"),
    case(_complex(3), _complex(3), label="complex"),
    case(normal(3), _complex(3), label="real and complex"),
)

samples(
    "tensordot",
    case(normal(2, 3, 4), normal(3, 4, 2)),
    case(normal(2, 3), normal(3, 4), 1, label="one axis"),
    case(normal(2, 3), normal(4), 0, label="no axis"),
    case(normal(2, 3, 4), normal(4, 3, 2), ((1, 2), (1, 0)), label="pairs"),
    case(normal(2, 3, 4), normal(4, 3, 2), ([2, 1], [0, 1]), label="pairs, unordered"),
    case(normal(2, 3, 4), normal(2, 3), (1, 1), label="a single pair"),
    case(normal(2, 3, 4), normal(2, 3), (-2, -1), label="negative axes"),
    case(normal(2, 3, 4), normal(3, 2, 4), ((0, 2, 1), (1, 2, 0)), label="all axes"),
    case(normal(2, 0), normal(0, 3), 1, label="inner length 0"),
    case(_complex(2, 3), _complex(3, 2), 1, label="complex"),
)


def _cross(x: Any, y: Any) -> Any:
    return np.cross(x, y)


samples(
    "cross_last",
    case(normal(3), normal(3)),
    case(normal(2, 3), normal(3), label="broadcast"),
    case(normal(2, 3), normal(4, 1, 3), label="both broadcast"),
    case(normal(0, 3), normal(3), label="empty"),
    case(_complex(3), _complex(3), label="complex"),
    oracle=_cross,
)

samples(
    "vecdot",
    case(normal(3), normal(3)),
    case(normal(2, 3), normal(3), label="broadcast"),
    case(normal(2, 1, 3), normal(4, 3), label="both broadcast"),
    case(normal(2, 0), normal(2, 0), label="length 0"),
    case(_complex(2, 3), _complex(3), label="complex"),
)

if hasattr(np, "matvec"):
    samples(
        "matvec",
        case(normal(2, 3), normal(3)),
        case(normal(4, 2, 3), normal(3), label="batch of matrices"),
        case(normal(2, 3), normal(4, 3), label="batch of vectors"),
        case(normal(2, 1, 2, 3), normal(4, 3), label="both broadcast"),
        case(normal(2, 0), normal(0), label="length 0"),
        case(_complex(2, 3), _complex(3), label="complex"),
    )
    samples(
        "vecmat",
        case(normal(2), normal(2, 3)),
        case(normal(4, 2), normal(2, 3), label="batch of vectors"),
        case(normal(2), normal(4, 2, 3), label="batch of matrices"),
        case(normal(2, 1, 2), normal(4, 2, 3), label="both broadcast"),
        case(normal(0), normal(0, 2), label="length 0"),
        case(_complex(2), _complex(2, 3), label="complex"),
    )

samples(
    "einsum",
    case("ij,jk->ik", normal(2, 3), normal(3, 4), label="matrix product"),
    case("ij,jk", normal(2, 3), normal(3, 4), label="implicit output"),
    case("cb,ba", normal(2, 3), normal(3, 4), label="implicit output in alphabetical order"),
    case("aB,Bc->ca", normal(2, 3), normal(3, 2), label="capitals"),
    case(" i j , j k -> k i ", normal(2, 3), normal(3, 4), label="spaces"),
    case("i,j->ij", normal(2), normal(3), label="outer"),
    case("i,i->", normal(3), normal(3), label="inner"),
    case("ij,ij->i", normal(2, 3), normal(2, 3), label="row by row"),
    case("ij,k->", normal(2, 3), normal(4), label="letters of one operand summed"),
    case("ij,kl->k", normal(2, 3), normal(2, 2), label="all letters of one operand summed"),
    case("ii,i->i", normal(3, 3), normal(3), label="diagonal"),
    case("ii,j->j", normal(3, 3), normal(2), label="trace"),
    case("iij,jkk->ik", normal(2, 2, 3), normal(3, 2, 2), label="two diagonals"),
    case("iii,i->", normal(2, 2, 2), normal(2), label="threefold"),
    case("...ij,...jk->...ik", normal(2, 2, 3), normal(2, 3, 2), label="ellipsis"),
    case("...ij,jk->...ik", normal(2, 2, 3), normal(3, 2), label="ellipsis of one"),
    case("...ij,...jk", normal(2, 1, 2, 3), normal(3, 3, 2), label="ellipsis of different depths, broadcast, implicit"),
    case("i...,i...->...", normal(3, 2), normal(3, 1), label="ellipsis behind"),
    case("...,...->...", normal(2, 3), normal(3), label="ellipsis alone"),
    case("i...i,i->...", normal(2, 3, 2), normal(2), label="ellipsis in the middle"),
    case("ij,ij->ij", normal(1, 3), normal(2, 3), label="length 1 broadcast"),
    case("ij,ij->", normal(1, 3), normal(2, 1), label="length 1 on either side, summed"),
    case("ij,jk->ik", normal(2, 1), normal(3, 4), label="length 1 contracted"),
    case("i,->i", normal(3), np.array(2.0), label="scalar operand"),
    case(",", np.array(2.0), np.array(3.0), label="scalars"),
    case("i,i,i->i", normal(3), normal(3), normal(3), label="three operands"),
    case("ij,jk,kl->il", normal(2, 3), normal(3, 2), normal(2, 3), label="chain"),
    case("ij,jk,kl->il", normal(2, 3), normal(3, 2), normal(2, 3), optimize=True, label="chain, optimize"),
    case(
        "ij,jk,kl->li",
        normal(2, 3),
        normal(3, 2),
        normal(2, 3),
        optimize=["einsum_path", (1, 2), (0, 1)],
        label="chain, path",
    ),
    case("a,ab,bc,c->", normal(2), normal(2, 3), normal(3, 2), normal(2), optimize="optimal", label="four operands"),
    case(normal(2, 3), [0, 1], normal(3, 2), [1, 2], [0, 2], label="lists of integers"),
    case(normal(2, 3), [0, 1], normal(3, 2), [1, 30], label="lists of integers, implicit"),
    case(normal(2, 2, 3), [Ellipsis, 0, 1], normal(3, 2), [1, 2], [Ellipsis, 2, 0], label="lists with an ellipsis"),
    case("ij,jk->ik", normal(2, 0), normal(0, 3), label="length 0 contracted"),
    case("ij,jk->ik", normal(0, 2), normal(2, 3), label="empty"),
    case("ij,jk->ik", _complex(2, 3), _complex(3, 2), label="complex"),
    case("ij,jk->ik", normal(2, 3), _complex(3, 2), label="real and complex"),
    case("ij,jk->ik", normal(32, 33), normal(33, 34), label="large enough for a path"),
    case("bij,bjk->bik", normal(4, 20, 21), normal(1, 21, 22), label="large enough for a path, broadcast"),
)

samples(
    "einsum_one",
    case(normal(2, 3), "ij->ji", label="transposition"),
    case(normal(2, 3), "ij", label="itself"),
    case(normal(2, 3), "ba", label="implicit output: transposition"),
    case(normal(3, 3), "ii->i", label="diagonal"),
    case(normal(3, 3), "ii", label="trace"),
    case(normal(2, 2, 3), "iij->ji", label="diagonal and transposition"),
    case(normal(2, 2, 2), "iii->i", label="threefold diagonal"),
    case(normal(2, 3, 2, 3), "ijij->ij", label="two diagonals"),
    case(normal(2, 3, 2, 3), "ijij->j", label="two diagonals, one summed"),
    case(normal(2, 3), "ij->", label="sum"),
    case(normal(2, 3), "ij->j", label="sum of an axis"),
    case(normal(2, 3, 4), "...i->i...", label="ellipsis"),
    case(normal(2, 3, 2), "i...i", label="trace of the outer axes"),
    case(normal(2, 3, 4), "i...->...", label="sum before an ellipsis"),
    case(np.array(2.0), "->", label="0-d"),
    case(np.array(2.0), "...", label="0-d ellipsis"),
    case(normal(0, 3), "ij->j", label="empty"),
    case(normal(1, 1), "ii->i", label="length 1"),
    case(_complex(2, 2), "ii->", label="complex"),
    oracle=lambda x, subscripts: np.einsum(subscripts, x),
)
