"""The FLOPs of operations, forward and backward."""

from __future__ import annotations

import importlib
import itertools
from typing import Any

import numpy as np
import pytest
from tapes import by_name, leaf

import autograd_np as ag
import nn
from autograd_np.graph import flops

# -------------------------------------------------------------------- FLOPs


def loops(*lengths: int) -> int:
    """A multiplication and an addition at every step of nested loops, counted."""
    count = 0
    for _ in itertools.product(*[range(length) for length in lengths]):
        count += 2
    return count


@pytest.mark.parametrize(
    ("make", "name", "expected"),
    [
        (lambda: leaf(2, 3) @ leaf(3, 4), "matmul", loops(2, 4, 3)),
        (lambda: leaf(5, 2, 3) @ leaf(3, 4), "matmul", loops(5, 2, 4, 3)),
        (lambda: leaf(3) @ leaf(3), "matmul", loops(3)),
        (lambda: leaf(2, 3) @ leaf(3), "matmul", loops(2, 3)),
        (lambda: leaf(3) @ leaf(3, 2), "matmul", loops(2, 3)),
        (lambda: leaf(2, 3) @ np.ones((3, 4)), "matmul", loops(2, 4, 3)),
        (lambda: np.ones((2, 3)) @ leaf(3, 4), "matmul", loops(2, 4, 3)),
        (lambda: np.dot(leaf(2, 3), leaf(4, 3, 2)), "dot", loops(2, 4, 2, 3)),
        (lambda: np.dot(np.ones((2, 3)), leaf(3)), "dot", loops(2, 3)),
        (lambda: np.inner(leaf(2, 3), leaf(4, 3)), "inner", loops(2, 4, 3)),
        (lambda: np.vdot(leaf(2, 3), leaf(2, 3)), "vdot", loops(6)),
        (lambda: np.tensordot(leaf(2, 3, 4), leaf(3, 4, 5), axes=2), "tensordot", loops(2, 5, 3, 4)),
        (
            lambda: np.tensordot(leaf(2, 3, 4), np.ones((4, 2, 5)), axes=([0, 2], [1, 0])),
            "tensordot",
            loops(3, 5, 2, 4),
        ),
        (lambda: np.einsum("bij,bjk->bik", leaf(2, 3, 4), leaf(2, 4, 5)), "einsum", loops(2, 3, 4, 5)),
        (lambda: np.einsum("ij,jk", leaf(3, 4), np.ones((4, 5))), "einsum", loops(3, 4, 5)),
        (lambda: np.einsum("...i,...i", leaf(2, 3, 4), leaf(2, 3, 4)), "einsum", loops(2, 3, 4)),
        (lambda: np.einsum("i,j->ij", leaf(3), leaf(4)), "einsum", 12),
        (lambda: np.outer(leaf(3), leaf(4)), "outer", 12),
        (lambda: ag.linear(leaf(5, 3), leaf(3, 2)), "linear", loops(5, 2, 3)),
        (lambda: ag.linear(np.ones((5, 3)), leaf(3, 2), leaf(2)), "linear", loops(5, 2, 3) + 10),
        (lambda: ag.conv2d(leaf(2, 4, 6, 6), leaf(8, 4, 3, 3)), "conv2d", loops(2, 8, 4, 4, 4, 3, 3)),
        (lambda: ag.conv2d(leaf(2, 4, 6, 6), leaf(8, 2, 3, 3), groups=2), "conv2d", loops(2, 8, 4, 4, 2, 3, 3)),
        (lambda: np.exp(leaf(3, 4)), "exp", 12),
        (lambda: leaf(3, 1) + leaf(4), "add", 12),
        (lambda: np.sum(leaf(3, 4), axis=0), "sum", 12),
        (lambda: ag.softmax(leaf(3, 4)), "softmax", 60),
        (lambda: np.reshape(leaf(3, 4), 12), "reshape", 0),
        (lambda: leaf(3, 4)[0], "getitem", 0),
        (lambda: np.concatenate([leaf(3), leaf(4)]), "concatenate", 0),
    ],
)
def test_flops_are_those_of_the_loops(make: Any, name: str, expected: int) -> None:
    entry = by_name(make(), name)
    assert entry.counted
    assert entry.flops == expected


def test_flops_of_the_backward_pass() -> None:
    # Of a product each gradient is a product of the same three lengths.
    assert by_name(leaf(2, 3) @ leaf(3, 4), "matmul").backward_flops == 2 * loops(2, 3, 4)
    assert by_name(np.ones((2, 3)) @ leaf(3, 4), "matmul").backward_flops == loops(2, 3, 4)
    assert by_name(ag.linear(np.ones((5, 3)), leaf(3, 2), leaf(2)), "linear").backward_flops == loops(5, 2, 3) + 10


def test_flops_survive_that_values_are_freed() -> None:
    x, w = leaf(2, 3), leaf(3, 4)
    y = np.sum(x @ w)
    before = ag.tape(y).flops
    y.backward()
    assert ag.tape(y).flops == before


def test_flops_of_recurrent_layers_and_attention() -> None:
    time_, batch, width, hidden = 5, 2, 3, 4
    for kind, gates, others in ((nn.LSTM, 4, 21), (nn.GRU, 3, 17), (nn.RNN, 1, 4)):
        entry = by_name(kind(width, hidden)(np.ones((time_, batch, width)))[0], kind.__name__.lower())
        assert entry.flops == loops(time_, batch, gates * hidden, width + hidden) + others * time_ * batch * hidden
    q, k, v = leaf(2, 5, 4), leaf(2, 6, 4), leaf(2, 6, 3)
    entry = by_name(ag.scaled_dot_product_attention(q, k, v), "scaled_dot_product_attention")
    assert entry.flops == loops(2, 5, 6, 4) + loops(2, 5, 6, 3) + 5 * 2 * 5 * 6


def test_an_operation_of_the_users_counts_its_output() -> None:
    from autograd_np.engine.registry import REGISTRY

    @ag.primitive()
    def halved_for_the_tape(x: Any) -> Any:
        return x / 2

    try:
        ag.rule(halved_for_the_tape, lambda g: g / 2)
        tape = ag.tape(halved_for_the_tape(leaf(7)))
        assert tape.flops == 7
        assert not tape[1].counted
        assert "halved_for_the_tape" in str(tape).splitlines()[-1]
    finally:
        del REGISTRY["halved_for_the_tape"]


def test_every_operation_of_the_library_has_a_formula() -> None:
    from autograd_np.engine.registry import REGISTRY
    from autograd_np.primitives import load_all

    importlib.import_module("autograd_np.special")
    load_all()
    own = [p for p in REGISTRY.values() if p.differentiable and p.function.__module__.startswith("autograd_np.")]
    ones = flops.Operation((1, 1), {}, {})
    missing = sorted(
        p.name for p in own if flops.forward_flops(p.name, p.elementwise, ones) is None and p.name not in flops.FORMULAS
    )
    rare = {  # inside rules of higher order
        "cofactors", "cofactors_derivative", "identity_power", "score_gradient", "scaled_with_targets",
    }  # fmt: skip
    assert set(missing) <= rare, set(missing) - rare
    unknown = sorted(set(flops.FORMULAS) - set(REGISTRY))
    younger = {name for name in ("matvec", "vecmat") if not hasattr(np, name)}  # than the lowest NumPy
    assert set(unknown) <= {"output"} | younger, unknown


def test_a_formula_finds_what_it_needs_in_every_sample() -> None:
    """On the samples of all primitives no formula fails, and none gives a negative count."""
    from autograd_np.proofs.cases import cases, names as registered, subject

    lost = set()
    for name in registered():
        for sample in cases(name)[:6]:
            arrays = [
                np.array(a, dtype=float) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
                for a in sample.args
            ]
            tensors = [
                ag.Tensor(a, requires_grad=True) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
                for a in arrays
            ]
            try:
                with np.errstate(all="ignore"):
                    result = subject(name)(*tensors, **sample.kwargs)
                tape = ag.tape(result)
            except (TypeError, ag.NonDifferentiableError):
                continue
            assert all(entry.flops >= 0 <= entry.backward_flops for entry in tape), name
            lost |= {entry.name for entry in tape if not entry.counted and entry.name in flops.FORMULAS}
    assert not lost
