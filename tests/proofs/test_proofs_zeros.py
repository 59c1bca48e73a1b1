"""The proof of the proof, for zeros that stay zero (see proofs/mutate_zeros.py)."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.registry import REGISTRY
from autograd_np.proofs import mutate_zeros
from autograd_np.proofs.cases import INDIRECT, cases, names

NAMES = [
    name
    for name in names()
    if name in REGISTRY and REGISTRY[name].differentiable and cases(name) and name not in INDIRECT
]

# The walk holds these to zero: the products may be plain. (No check, nor a result times 0 at singular operands, tells
# them from plain ones.)
PLAIN: dict[str, list[str]] = {  # the name of the product, and the primitives whose rules use it
    "zmul": "absolute cond det hypot maximum_accumulate minimum_accumulate prelu slogdet softmax_cross_entropy".split(),  # noqa: SIM905
    "zdiv": (  # noqa: SIM905
        "complex_sign mean nanmean nanstd special.pseudo_huber special.shichi special.sici special.xlog1py std var"
    ).split(),
}
# No case has an element that is left out, but for outputs that are not used.
NOTHING_LEFT_OUT = (  # noqa: SIM905
    "eig frexp max_pool_spread modf normalization_gradient partition special.airy special.ellipj special.fresnel "
    "special.shichi special.sici window_sum"
).split()


@pytest.mark.parametrize("product", mutate_zeros.PRODUCTS)
def test_plain_products_are_noticed(product: str) -> None:
    found = {
        name: mutate_zeros.without_product(name, product) for name in NAMES if mutate_zeros.has_product(name, product)
    }
    assert not [name for name, result in found.items() if result == "survived"]
    # A product that is found out now, or is used no more, is struck from the list; one that lives is added, or made
    # plain.
    assert sorted(name for name, result in found.items() if result == "same") == PLAIN[product]
    assert len([name for name, result in found.items() if result == "killed"]) > 30


def test_announcements_that_are_left_out_are_noticed() -> None:
    found = {name: mutate_zeros.unannounced(name) for name in NAMES if mutate_zeros.announced(name)}
    assert sorted(name for name, result in found.items() if result != "killed") == NOTHING_LEFT_OUT


def test_gradients_that_are_not_held_to_zero_are_noticed() -> None:
    for name in ("multiply", "matmul", "convolve", "softmax", "sin", "tensordot", "lstm", "special.sindg"):
        assert mutate_zeros.unheld(name) == "killed", name


@pytest.mark.full
def test_most_gradients_that_are_not_held_to_zero_are_noticed() -> None:
    assert len([name for name in NAMES if mutate_zeros.unheld(name, everything=True) == "killed"]) >= 100


def test_mutants_leave_nothing_behind() -> None:
    rule, masks = REGISTRY["log"].rules["x"], REGISTRY["sum"].masking
    assert mutate_zeros.without_product("log", "zdiv") == "killed"
    assert mutate_zeros.unannounced("sum") == "killed"
    assert REGISTRY["log"].rules["x"] is rule
    assert masks is not None
    assert masks.masks == type(masks).masks
    assert "steep" not in REGISTRY
    with np.errstate(all="ignore"):
        assert ag.grad(lambda x: np.sum(np.where(x > 0, np.log(x), 0)))(np.array([0.0, 2.0])).tolist() == [0.0, 0.5]
