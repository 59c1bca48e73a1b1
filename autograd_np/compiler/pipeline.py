"""The order of the passes."""

from __future__ import annotations

from .numba.fuse import fuse_loops
from .passes.algebra import join_in_place, mean_by_product, prepare_operands, scale_once, sum_by_products, sum_of_copies
from .passes.blocks import group_blocks
from .passes.defer_writes import write_late
from .passes.fuse_bias import join_bias
from .passes.simplify import Program, drop_views, hoist_assumptions, remove_dead, share, simplify, split_versions

__all__ = ["optimize"]


def optimize(program: Program, backend: str = "numpy") -> None:
    """All passes, in their order."""
    hoist_assumptions(program)
    split_versions(program)
    program.count("versions")
    remove_dead(program)
    program.count("dead code")
    simplify(program)
    program.count("algebra")
    share(program)
    program.count("common subexpressions")
    program.write_out()
    scale_once(program)
    sum_of_copies(program)
    mean_by_product(program)
    sum_by_products(program)
    prepare_operands(program)
    remove_dead(program)
    join_in_place(program)
    join_bias(program)
    drop_views(program)
    program.count("algebra on numbers")
    write_late(program)
    if backend == "numba":
        fuse_loops(program)
        program.count("loops")
    group_blocks(program)
    program.count("blocks")
