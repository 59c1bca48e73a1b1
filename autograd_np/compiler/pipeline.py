"""The list of the passes in their order, with the reason for each place, and the loop that runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .ir import Program
from .numba.fuse import fuse_loops
from .passes.algebra import join_in_place, mean_by_product, prepare_operands, scale_once, sum_by_products, sum_of_copies
from .passes.blocks import group_blocks
from .passes.defer_writes import write_late
from .passes.fuse_bias import join_bias
from .passes.simplify import drop_views, hoist_assumptions, remove_dead, share, simplify, split_versions

__all__ = ["PASSES", "Pass", "optimize"]


class Pass(NamedTuple):
    """A pass and its place.

    Attributes:
        run: the pass: it changes a program.
        reason: why it stands where it stands.
        counted: the name under which ``explain`` shows how many calls are left after it; "" where it doesn't.
        backend: the only backend for which it is run; "" where it is run for all.
    """

    run: Callable[[Program], None]
    reason: str
    counted: str = ""
    backend: str = ""


PASSES = [
    Pass(hoist_assumptions, "First: every later pass then sees the tests where they are run, before all writes."),
    Pass(split_versions, "Before all that asks whether a storage is written: from here on few are.", "versions"),
    Pass(remove_dead, "Before what costs more for each call.", "dead code"),
    Pass(simplify, "Before sharing: without copies and products with one, more calls have equal arguments.", "algebra"),
    Pass(share, "After simplify, which makes calls equal.", "common subexpressions"),
    Pass(Program.write_out, "The readable program: after what shortens it, before what is done for speed alone."),
    Pass(scale_once, "After sharing, which makes equal operands one value: it looks for a value added to itself."),
    Pass(sum_of_copies, "Beside the other sums; of a broadcast array one product with a number is left."),
    Pass(mean_by_product, "Before sum_by_products, which takes the sum out of a mean."),
    Pass(sum_by_products, "After mean_by_product, which looks for the sums that this pass rewrites."),
    Pass(prepare_operands, "After the passes that make products: it works on the operands that are left."),
    Pass(remove_dead, "Products, sums and views that the passes above have left without a reader."),
    Pass(
        join_in_place,
        "After dead code: what is joined must have no other reader. It sets the outs that join_bias looks for.",
    ),
    Pass(
        join_bias,
        "After sum_by_products and join_in_place: it looks for a bias's gradient as a product, made in its place.",
    ),
    Pass(drop_views, "After the last pass that leaves views without a reader.", "algebra on numbers"),
    Pass(write_late, "Before calls are grouped: single calls can be moved, groups cannot."),
    Pass(fuse_loops, "Before blocks, for a loop takes calls of all sizes.", "loops", "numba"),
    Pass(group_blocks, "Last: it takes the chains that no loop has taken.", "blocks"),
]


def optimize(program: Program, backend: str = "numpy") -> None:
    """Run the passes in their order."""
    for step in PASSES:
        if step.backend in ("", backend):
            step.run(program)
            if step.counted:
                program.count(step.counted)
