"""Reverse-mode automatic differentiation of NumPy: write NumPy, get gradients.

>>> import numpy as np
>>> import autograd_np as ag
>>> x = ag.Tensor([1.0, 2.0], requires_grad=True)
>>> np.sum(np.exp(x) * x).backward()
>>> x.grad.round(3)
array([ 5.437, 22.167])
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from . import primitives as _primitives
from .array_api import protocol as _protocol
from .batching.values import BatchingError as BatchingError
from .engine.errors import (
    AnomalyError as AnomalyError,
    CompileError as CompileError,
    FreedGraphError as FreedGraphError,
    GradientShapeError as GradientShapeError,
    MutationError as MutationError,
    NonDifferentiableError as NonDifferentiableError,
)
from .engine.modes import enable_grad as enable_grad, is_grad_enabled as is_grad_enabled, no_grad as no_grad
from .engine.pytree import register_pytree_node as register_pytree_node, tree_map as tree_map
from .engine.random import (
    default_generator as default_generator,
    generator_of as generator_of,
    manual_seed as manual_seed,
)
from .engine.registry import on_arrays as on_arrays, primitive as primitive, rule as rule, same as same
from .engine.scopes import annotate as annotate, begin_scope as begin_scope, end_scope as end_scope, scope as scope
from .engine.suggestions import missing_in_module as _missing_in_module, remedies as _remedies
from .engine.tensor import Tensor as Tensor, tensor as tensor
from .primitives import methods as _methods
from .primitives.activations import *
from .primitives.cumulative import *
from .primitives.diagonals import *
from .primitives.einsum import *
from .primitives.elementwise import *
from .primitives.fused import *
from .primitives.indexing import *
from .primitives.joining import *
from .primitives.nondifferentiable import *
from .primitives.products import *
from .primitives.reductions import *
from .primitives.repeating import *
from .primitives.selection import *
from .primitives.shaping import *
from .primitives.sorting import *
from .primitives.transcendental import *
from .primitives.values import *
from .transforms.checkpoint import checkpoint as checkpoint
from .transforms.grad import (
    elementwise_grad as elementwise_grad,
    grad as grad,
    gradients as gradients,
    stop_gradient as stop_gradient,
    value_and_grad as value_and_grad,
)
from .transforms.jacobian import hessian as hessian, jacobian as jacobian
from .transforms.products import hvp as hvp, jvp as jvp, vjp as vjp
from .transforms.sparse_jacobian import sparsity as sparsity
from .transforms.vmap import vmap as vmap

# isort: split
from .array_api import *  # where the standard and NumPy part (sort, argsort, full), ag's names are the standard's

if TYPE_CHECKING:  # what is imported when it is first used
    import nn as nn

    from . import fft as fft, files as files, hints as hints, linalg as linalg, special as special, tracing as tracing
    from .compiler.api import Compiled as Compiled, compile as compile
    from .graph.anomaly import detect_anomaly as detect_anomaly, is_anomaly_enabled as is_anomaly_enabled
    from .graph.draw import draw as draw, save_graph as save_graph
    from .graph.explorer.explore import explore as explore
    from .graph.table import tape as tape
    from .primitives.attention import *
    from .primitives.convolution import *
    from .primitives.dense import *
    from .primitives.differencing import *
    from .primitives.dropout import *
    from .primitives.losses import *
    from .primitives.nans import *
    from .primitives.normalization import *
    from .primitives.padding import *
    from .primitives.polynomials import *
    from .primitives.pooling import *
    from .primitives.recurrent import *
    from .primitives.sets import *
    from .primitives.statistics import *
    from .primitives.windows import *
    from .proofs.gradcheck import gradcheck as gradcheck

__version__ = "0.1.0"

# name → the module that has it, for what is not an operation; operations stand in the chapters, which say themselves which names are public
_LATE = {
    "Compiled": "compiler.api",
    "compile": "compiler.api",
    "detect_anomaly": "graph.anomaly",
    "draw": "graph.draw",
    "explore": "graph.explorer.explore",
    "gradcheck": "proofs.gradcheck",
    "is_anomaly_enabled": "graph.anomaly",
    "save_graph": "graph.draw",
    "tape": "graph.table",
}
_NAMESPACES = ("fft", "files", "hints", "linalg", "special", "tracing")

_PRIVATE = {"Any", "TYPE_CHECKING", "annotations"}
__all__ = [  # noqa: PLE0604 - they are strings
    *(
        name
        for name, value in globals().items()
        if not (name.startswith("_") or name in _PRIVATE or inspect.ismodule(value))
    ),
    *(name for names in _primitives.LAZY.values() for name in names),
    *("__array_api_version__", "__array_namespace_info__", *_LATE, *_NAMESPACES),
]

_remedies(
    "autograd_np",
    {
        "Adam": "nn has the optimizers: nn.Adam(model.parameters())",
        "Parameter": "nn has it: nn.Parameter(values)",
        "SGD": "nn has the optimizers: nn.SGD(model.parameters(), lr=0.01)",
        "array": "use ag.Tensor(values, requires_grad=True) for a parameter, ag.asarray, or np.stack for a list of Tensors",
        "autograd": "ag.grad(f) is the gradient of a function, ag.gradients(y, xs) of Tensors",
        "cat": "use np.concatenate([t, …], axis=0)",
        "clamp": "use np.clip(t, low, high)",
        "cuda": "leave it out: arrays lie in the memory of the CPU",
        "enable_eager_execution": "leave it out: every operation runs at once",
        "from_numpy": "use ag.Tensor(array), which wraps it without copying",
        "functional": "nn has it: nn.functional",
        "jit": "use ag.compile(f)",
        "load": "nn has it: nn.load(path)",
        "mm": "use t @ other",
        "numpy": "NumPy's own functions differentiate: import numpy as np",
        "optim": "nn has it: nn.optim",
        "permute": "use np.transpose(t, axes)",
        "random": "use np.random: random numbers are constants, and shifting and scaling them is differentiated",
        "save": "nn has it: nn.save(state, path)",
        "unsqueeze": "use np.expand_dims(t, axis)",
        "value_and_gradient": "use ag.value_and_grad(f)",
    },
)
_methods.install()
_protocol.install()


def __getattr__(name: str) -> Any:
    if name in _NAMESPACES or name == "nn":  # (nn is no part of a star import, which would load it)
        return importlib.import_module(f".{name}", __name__)
    home = _LATE.get(name)
    if home is None and (chapter := _primitives.LAZY_NAMES.get(name)) is not None:
        home = f"primitives.{chapter}"
    if home is not None:
        value = getattr(importlib.import_module(f".{home}", __name__), name)
        globals()[name] = value
        return value
    return _missing_in_module(__name__, name)


def __dir__() -> list[str]:
    return [*__all__, "__doc__", "__version__"]
