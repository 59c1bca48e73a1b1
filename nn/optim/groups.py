"""Groups of parameters: what an optimizer takes, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import autograd_np as ag

from ..module import Parameter

__all__ = ["Group", "completed", "listed"]

Group = dict[str, Any]  # "params", and the options by name


def listed(name: str, params: Any) -> list[Group]:
    """The argument ``params`` of an optimizer as a list of groups; ``name`` is the optimizer's, for messages."""
    if isinstance(params, (ag.Tensor, np.ndarray, str, dict, set, frozenset)):
        what = "one Tensor: put it into a list" if isinstance(params, ag.Tensor) else f"a {type(params).__name__}"
        raise TypeError(
            f"{name}: params is a list (or another ordered iterable) of Tensors or of dicts with 'params'; got {what}"
        )
    if callable(getattr(params, "parameters", None)):
        raise TypeError(
            f"{name}: params is an iterable of Tensors; pass model.parameters() instead of the {type(params).__name__}"
        )
    try:
        items = list(params)
    except TypeError:
        raise TypeError(f"{name}: params is an iterable of Tensors; got {type(params).__name__}") from None
    if not items:
        raise ValueError(
            f"{name}: the list of parameters is empty (a generator gives its items only once: make a list of it, or call parameters() anew)"
        )
    if any(isinstance(item, dict) for item in items):
        return items
    return [{"params": items}]


def completed(name: str, group: Any, defaults: Group, others: Sequence[Group]) -> Group:
    """A group with all its options, after a check of its parameters; ``others`` are the groups there are."""
    if not isinstance(group, dict) or "params" not in group:
        raise TypeError(
            f"{name}: a group is a dict with 'params'; got {group!r}"
            if not isinstance(group, dict)
            else f"{name}: the group has no 'params'"
        )
    params = group["params"]
    if isinstance(params, ag.Tensor):
        params = [params]
    elif isinstance(params, (set, frozenset)):
        raise TypeError(f"{name}: the parameters of a group need an order; got a set")
    params = list(params)
    if not params:
        raise ValueError(f"{name}: a group has an empty list of parameters")
    names: list[str] | None = None
    if all(isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) for item in params):
        names = [item[0] for item in params]
        params = [item[1] for item in params]
    seen = {id(p) for other in others for p in other["params"]}
    for i, p in enumerate(params):
        title = f"{name}: parameter {i}" + (f" ({names[i]})" if names is not None else "")
        if not isinstance(p, ag.Tensor):
            raise TypeError(f"{title} is {p!r:.60}, a {type(p).__name__}; parameters are Tensors that need gradients")
        if not p.is_leaf:
            raise ValueError(
                f"{title} is the result of {p.op}; only leaves can be optimized: Tensor(t.numpy().copy(), requires_grad=True) makes one"
            )
        # A frozen Parameter has no gradient and stays where it is, until it is thawed.
        if not p.requires_grad and not isinstance(p, Parameter):
            raise ValueError(f"{title} ({p.shape} {p.dtype}) needs no gradient; make it with requires_grad=True")
        if id(p) in seen:
            raise ValueError(f"{title} ({p.shape} {p.dtype}) is given twice")
        seen.add(id(p))
    unknown = sorted(set(group) - set(defaults) - {"params", "initial_lr", "name", "param_names"})
    if unknown:
        raise ValueError(f"{name}: unknown option {unknown[0]!r} in a group; it has {', '.join(defaults)}")
    if names is not None:
        group = {**group, "param_names": names}
    elif any(("param_names" in other) for other in others):
        raise ValueError(f"{name}: either all groups have names for their parameters or none")
    return {**defaults, **group, "params": params}
