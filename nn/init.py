"""Initial values of parameters: PyTorch's in-place functions, and the same distributions by name.

``nn.init.kaiming_normal_(layer.weight)`` overwrites a parameter and returns it; ``weight_init="he_normal"`` on a layer, or
:func:`initialize` on a whole model, takes a name. The scale of a distribution follows from the *fans* of a weight, the numbers of
inputs and outputs of one unit:

* a matrix ``W`` of shape (in, out), as in ``x @ W``, has fan_in = shape[0] and fan_out = shape[1];
* a convolution's weight of shape (out, in / groups, *kernel) has fan_in = shape[1] · prod(kernel) and fan_out = shape[0] · prod(kernel).

===================================  ====================================================  =======================================
name                                 distribution                                          from
===================================  ====================================================  =======================================
xavier_uniform, glorot_uniform       U(±√(6 / (fan_in + fan_out)))                         Glorot & Bengio 2010
xavier_normal, glorot_normal         N(0, 2 / (fan_in + fan_out))                          Glorot & Bengio 2010
he_uniform, kaiming_uniform          U(±√(6 / fan_in))                                     He et al. 2015
he_normal, kaiming_normal            N(0, 2 / fan_in)                                      He et al. 2015
lecun_uniform                        U(±√(3 / fan_in))                                     LeCun et al. 1998
lecun_normal                         N(0, 1 / fan_in)                                      LeCun et al. 1998, Klambauer et al. 2017
fan_in_uniform                       U(±1 / √fan_in)                                       PyTorch's default of Linear and Conv
orthogonal                           orthonormal rows or columns                           Saxe et al. 2013
normal, truncated_normal, uniform    N(0, 1); the same within ±2; U(0, 1)
zeros, ones, eye                     constants
===================================  ====================================================  =======================================

Numbers are drawn in the dtype of the parameter, by the generator ``rng``: a ``np.random.Generator``, an integer seed, or None for
the library's default generator (``nn.manual_seed``).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from autograd_np import Tensor

from . import defaults

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from .module import Module

__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "fans",
    "fresh",
    "initialize",
    "kaiming_normal_",
    "kaiming_uniform_",
    "lecun_normal_",
    "lecun_uniform_",
    "names",
    "normal_",
    "ones_",
    "orthogonal_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

Rng: TypeAlias = np.random.Generator | int | None
Init: TypeAlias = str | float | np.ndarray[Any, Any] | Tensor | Callable[..., Any]
T = TypeVar("T", bound=Tensor | np.ndarray[Any, Any])

# ---------------------------------------------------------------- numbers of a distribution


def _floating(dtype: DTypeLike | None) -> Any:
    """The dtype, if it is one of real numbers, and the dtype to draw in."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"a parameter to initialise must be of real floating numbers, not {dtype}")
    return dtype


def _standard(shape: Any, kind: str, dtype: Any, rng: np.random.Generator) -> Any:
    """Standard normal numbers, or uniform ones in [0, 1), drawn in float32 or float64 (generators know no other)."""
    draw = rng.standard_normal if kind == "normal" else rng.random
    values: Any = draw(shape, dtype=np.float64 if dtype.itemsize >= 8 else np.float32)
    return values.astype(dtype, copy=False)


def _uniform(shape: Any, low: float, high: float, dtype: DTypeLike | None, rng: np.random.Generator) -> Any:
    values = _standard(shape, "uniform", dtype, rng)
    values *= high - low
    values += low
    return np.minimum(values, high, out=values)  # rounding may carry the last number over the bound


def _normal(shape: Any, mean: float, std: float, dtype: DTypeLike | None, rng: np.random.Generator) -> Any:
    values = _standard(shape, "normal", dtype, rng)
    values *= std
    values += mean
    return values


def _truncated(
    shape: Any, mean: float, std: float, low: float, high: float, dtype: DTypeLike | None, rng: np.random.Generator
) -> Any:
    """Normal numbers conditioned on low ≤ x ≤ high, by rejection with a proposal that fits the interval (Robert 1995)."""
    if not low < high:
        raise ValueError(f"the bounds a = {low} and b = {high} leave no interval")
    if not std > 0:
        raise ValueError(f"std = {std} must be positive")
    a, b = (low - mean) / std, (high - mean) / std
    # A tail on the left is the mirror image of one on the right.
    sign = -1.0 if b < 0 else 1.0
    if sign < 0:
        a, b = -b, -a
    size = math.prod(shape)
    values = np.empty(size)
    filled = 0
    while filled < size:
        n = 2 * (size - filled) + 8
        if a < 0.5 and b - a > 2:
            z = rng.standard_normal(n)
            z = z[(z >= a) & (z <= b)]
        elif a <= 0:  # 0 is inside a short interval: uniform proposals
            z = a + (b - a) * rng.random(n)
            z = z[rng.random(n) <= np.exp(-z * z / 2)]
        else:  # a tail: exponential proposals of rate a, themselves truncated at b
            z = -np.log1p(-rng.random(n) * -math.expm1(-a * (b - a))) / a
            z = a + z[rng.random(n) <= np.exp(-z * z / 2)]
        z = z[: size - filled]
        values[filled : filled + z.size] = z
        filled += z.size
    values *= sign * std
    values += mean
    return np.clip(values.reshape(shape).astype(dtype, copy=False), low, high)


def _orthogonal(shape: Any, gain: float, dtype: DTypeLike | None, rng: np.random.Generator) -> Any:
    """Uniformly distributed among the orthogonal matrices: Q of a normal matrix, the signs made those of a unique QR."""
    if len(shape) < 2:
        raise ValueError(f"an orthogonal weight has at least 2 axes, not shape {tuple(shape)}")
    rows = shape[0]
    columns = math.prod(shape[1:])
    flat = _standard((max(rows, columns), min(rows, columns)), "normal", dtype, rng)
    q, r = np.linalg.qr(flat.astype(np.float64, copy=False))
    q = q * np.where(np.diagonal(r) < 0, -gain, gain)
    return (q.T if rows < columns else q).reshape(shape).astype(dtype)


def fans(shape: Any) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight of this shape: a matrix (in, out), or a convolution's weight (out, in / groups, *kernel).

    Raises:
        ValueError: fewer than 2 axes.

    >>> fans((784, 128)), fans((32, 16, 3, 3))
    ((784, 128), (144, 288))
    """
    shape = tuple(getattr(shape, "shape", shape))
    if len(shape) < 2:
        raise ValueError(
            f"the numbers of inputs and outputs do not follow from shape {shape}: a weight has at least 2 axes (for a bias, give fan_in=)"
        )
    if len(shape) == 2:
        return shape[0], shape[1]
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a weight makes up for what the activation after it takes from the variance, as PyTorch has it.

    Args:
        nonlinearity: ``"linear"``, ``"conv1d"`` … , ``"sigmoid"`` (1), ``"tanh"`` (5/3), ``"relu"`` (√2),
            ``"leaky_relu"`` (√(2 / (1 + slope²))) or ``"selu"`` (3/4).
        param: the negative slope of ``"leaky_relu"``, 0.01 by default.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity in (
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
        "identity",
    ):
        return 1.0
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else float(param)
        return math.sqrt(2 / (1 + slope * slope))
    gains = {"tanh": 5 / 3, "relu": math.sqrt(2.0), "selu": 3 / 4}
    if nonlinearity not in gains:
        raise ValueError(
            f"no gain is known for {nonlinearity!r}; known are linear, conv1d to conv3d, sigmoid, tanh, relu, leaky_relu and selu"
        )
    return gains[nonlinearity]


def _fan(shape: Any, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode is 'fan_in' or 'fan_out', not {mode!r}")
    return fans(shape)[mode == "fan_out"]


# ---------------------------------------------------------------- in place


def _array(tensor: Any) -> Any:
    """The memory to write: a Tensor's own (the write is marked for the guard of backward), or the array itself."""
    if isinstance(tensor, Tensor):
        _floating(tensor.dtype)
        return tensor.writable()
    if not isinstance(tensor, np.ndarray):
        raise TypeError(f"initialisers write into a Parameter, a Tensor or an array, not {type(tensor).__name__}")
    _floating(tensor.dtype)
    return tensor


def _written(tensor: T, draw: Callable[[Any, Any, np.random.Generator], Any], rng: Rng) -> T:
    array = _array(tensor)
    array[...] = draw(array.shape, array.dtype, defaults.generator_of(rng))
    return tensor


def uniform_(tensor: T, a: float = 0.0, b: float = 1.0, rng: Rng = None) -> T:
    """Fill with U(a, b). Returns the tensor."""
    return _written(tensor, lambda shape, dtype, rng: _uniform(shape, a, b, dtype, rng), rng)


def normal_(tensor: T, mean: float = 0.0, std: float = 1.0, rng: Rng = None) -> T:
    """Fill with N(mean, std²). Returns the tensor."""
    return _written(tensor, lambda shape, dtype, rng: _normal(shape, mean, std, dtype, rng), rng)


def trunc_normal_(
    tensor: T, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, rng: Rng = None
) -> T:
    """Fill with N(mean, std²) conditioned on a ≤ x ≤ b (the bounds are values, not multiples of std). Returns the tensor.

    Raises:
        ValueError: the bounds leave no interval, or ``std`` is not positive.
    """
    return _written(tensor, lambda shape, dtype, rng: _truncated(shape, mean, std, a, b, dtype, rng), rng)


def constant_(tensor: T, val: float, rng: Rng = None) -> T:
    """Fill with one number. Returns the tensor; ``rng`` is not used."""
    _array(tensor)[...] = val
    return tensor


def zeros_(tensor: T, rng: Rng = None) -> T:
    """Fill with 0. Returns the tensor; ``rng`` is not used."""
    return constant_(tensor, 0.0)


def ones_(tensor: T, rng: Rng = None) -> T:
    """Fill with 1. Returns the tensor; ``rng`` is not used."""
    return constant_(tensor, 1.0)


def eye_(tensor: T, rng: Rng = None) -> T:
    """Fill a matrix with the identity. Returns the tensor; ``rng`` is not used.

    Raises:
        ValueError: the tensor has not 2 axes.
    """
    array = _array(tensor)
    array[...] = _eye(array.shape, array.dtype)
    return tensor


def _eye(shape: Any, dtype: Any) -> Any:
    if len(shape) != 2:
        raise ValueError(f"the identity is a matrix; shape {tuple(shape)} has {len(shape)} axes")
    return np.eye(*shape, dtype=dtype)


def xavier_uniform_(tensor: T, gain: float = 1.0, rng: Rng = None) -> T:
    """Fill with U(±gain · √(6 / (fan_in + fan_out))): Glorot & Bengio 2010. Returns the tensor."""
    bound = gain * math.sqrt(6 / max(sum(fans(tensor)), 1))
    return uniform_(tensor, -bound, bound, rng)


def xavier_normal_(tensor: T, gain: float = 1.0, rng: Rng = None) -> T:
    """Fill with N(0, gain² · 2 / (fan_in + fan_out)): Glorot & Bengio 2010. Returns the tensor."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / max(sum(fans(tensor)), 1)), rng)


def kaiming_uniform_(
    tensor: T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: Rng = None
) -> T:
    """Fill with U(±gain · √(3 / fan)): He et al. 2015. Returns the tensor.

    Args:
        tensor: the weight.
        a: the negative slope of the leaky ReLU that follows (0: ReLU); not used for other activations.
        mode: ``"fan_in"`` keeps the variance of the forward pass, ``"fan_out"`` that of the backward pass.
        nonlinearity: the activation that follows, see :func:`calculate_gain`.
        rng: a generator or a seed.
    """
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3 / max(_fan(tensor, mode), 1))
    return uniform_(tensor, -bound, bound, rng)


def kaiming_normal_(
    tensor: T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: Rng = None
) -> T:
    """Fill with N(0, gain² / fan): He et al. 2015; the arguments are those of :func:`kaiming_uniform_`. Returns the tensor."""
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(max(_fan(tensor, mode), 1)), rng)


def lecun_uniform_(tensor: T, rng: Rng = None) -> T:
    """Fill with U(±√(3 / fan_in)), of variance 1 / fan_in: LeCun et al., Efficient BackProp, 1998. Returns the tensor."""
    bound = math.sqrt(3 / max(fans(tensor)[0], 1))
    return uniform_(tensor, -bound, bound, rng)


def lecun_normal_(tensor: T, rng: Rng = None) -> T:
    """Fill with N(0, 1 / fan_in): LeCun et al. 1998; what SELU needs (Klambauer et al. 2017). Returns the tensor."""
    return normal_(tensor, 0.0, 1 / math.sqrt(max(fans(tensor)[0], 1)), rng)


def orthogonal_(tensor: T, gain: float = 1.0, rng: Rng = None) -> T:
    """Fill with a random orthogonal matrix times ``gain``: Saxe et al. 2013. Returns the tensor.

    Axes beyond the second are flattened into it. Of a matrix that is not square, the shorter side is orthonormal.

    Raises:
        ValueError: the tensor has fewer than 2 axes.
    """
    return _written(tensor, lambda shape, dtype, rng: _orthogonal(shape, gain, dtype, rng), rng)


# ---------------------------------------------------------------- by name

Named: TypeAlias = Callable[[Any, Any, np.random.Generator, Any, Any], Any]


def _scaled(kind: str, numerator: float, both: bool = False) -> Named:
    """Variance numerator / fan_in, or numerator / (fan_in + fan_out)."""

    def draw(shape: Any, dtype: DTypeLike | None, rng: np.random.Generator, fan_in: Any, fan_out: Any) -> Any:
        variance = numerator / max(fan_in() + fan_out() if both else fan_in(), 1)
        if kind == "normal":
            return _normal(shape, 0.0, math.sqrt(variance), dtype, rng)
        bound = math.sqrt(3 * variance)
        return _uniform(shape, -bound, bound, dtype, rng)

    return draw


_NAMED: dict[str, Named] = {
    "xavier_uniform": _scaled("uniform", 2.0, both=True),
    "xavier_normal": _scaled("normal", 2.0, both=True),
    "he_uniform": _scaled("uniform", 2.0),
    "he_normal": _scaled("normal", 2.0),
    "lecun_uniform": _scaled("uniform", 1.0),
    "lecun_normal": _scaled("normal", 1.0),
    "fan_in_uniform": _scaled("uniform", 1 / 3),
    "orthogonal": lambda shape, dtype, rng, fan_in, fan_out: _orthogonal(shape, 1.0, dtype, rng),
    "normal": lambda shape, dtype, rng, fan_in, fan_out: _normal(shape, 0.0, 1.0, dtype, rng),
    "truncated_normal": lambda shape, dtype, rng, fan_in, fan_out: _truncated(shape, 0.0, 1.0, -2.0, 2.0, dtype, rng),
    "uniform": lambda shape, dtype, rng, fan_in, fan_out: _uniform(shape, 0.0, 1.0, dtype, rng),
    "zeros": lambda shape, dtype, rng, fan_in, fan_out: np.zeros(shape, dtype),
    "ones": lambda shape, dtype, rng, fan_in, fan_out: np.ones(shape, dtype),
    "eye": lambda shape, dtype, rng, fan_in, fan_out: _eye(shape, dtype),
}
for _alias, _name in {
    "glorot_uniform": "xavier_uniform",
    "glorot_normal": "xavier_normal",
    "kaiming_uniform": "he_uniform",
    "kaiming_normal": "he_normal",
    "trunc_normal": "truncated_normal",
}.items():
    _NAMED[_alias] = _NAMED[_name]


def names() -> list[str]:
    """The names that :func:`fresh`, :func:`initialize` and the layers' ``weight_init=`` know."""
    return sorted(_NAMED)


def fresh(
    shape: Any,
    init: Init,
    *,
    dtype: DTypeLike | None = None,
    rng: Rng = None,
    fan_in: int | None = None,
    fan_out: int | None = None,
) -> np.ndarray[Any, Any]:
    """A new array with initial values.

    Args:
        shape: its shape.
        init: a name of the table above; a number; an array to copy; or a function of ``(shape, rng)`` or ``(shape, dtype, rng)``.
        dtype: floating; by default ``nn.default_dtype()``.
        rng: a generator, a seed, or None for the default generator.
        fan_in: the number of inputs, if it does not follow from the shape (for a bias, or gates side by side).
        fan_out: the number of outputs, likewise.

    Raises:
        ValueError: an unknown name, or values of another shape.
        TypeError: the dtype is not one of real numbers, or ``init`` is none of these.

    >>> fresh((2, 3), 0.5).tolist()
    [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    >>> fresh((3, 2), "eye", dtype=int)
    Traceback (most recent call last):
    TypeError: a parameter to initialise must be of real floating numbers, not int64
    """
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    dtype = _floating(defaults.default_dtype() if dtype is None else dtype)
    if isinstance(init, str):
        draw = _NAMED.get(init)
        if draw is None:
            raise ValueError(
                f"no initialiser is called {init!r}; known are {', '.join(names())}, a number, an array, or a function of (shape, rng)"
            )
        known_in = (lambda: fans(shape)[0]) if fan_in is None else (lambda: fan_in)
        known_out = (lambda: fans(shape)[1]) if fan_out is None else (lambda: fan_out)
        return draw(shape, dtype, defaults.generator_of(rng), known_in, known_out)  # type: ignore[no-any-return]
    given: Any = init
    if isinstance(given, Tensor):
        given = given.numpy()
    if callable(given):
        given = _called(given, shape, dtype, defaults.generator_of(rng))
    elif isinstance(given, bool) or not isinstance(given, int | float | np.number | np.ndarray):
        raise TypeError(
            f"an initialiser is a name, a number, an array or a function of (shape, rng), not {type(given).__name__}"
        )
    values = np.array(given, dtype=dtype)
    if not values.ndim:
        return np.full(shape, values, dtype)
    if values.shape != shape:
        raise ValueError(f"the initialiser gave values of shape {values.shape} for a parameter of shape {shape}")
    return values


def _called(init: Callable[..., Any], shape: Any, dtype: DTypeLike | None, rng: np.random.Generator) -> Any:
    """``init`` called with those of shape, dtype and rng that it takes, told by their names or else by their number."""
    try:
        parameters = inspect.signature(init).parameters
    except (TypeError, ValueError):  # a builtin that does not tell
        return init(shape, rng)
    options = {name: value for name, value in (("dtype", dtype), ("rng", rng)) if name in parameters}
    if options:
        return init(shape, **options)
    required = [
        p
        for p in parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if len(required) == 3:
        return init(shape, dtype, rng)
    return init(shape) if len(required) == 1 else init(shape, rng)


# ---------------------------------------------------------------- models

_OWN = ("nn.layers.normalization", "nn.layers.embedding")


def initialize(
    module: Module, weight: Init | None = "he_normal", bias: Init | None = "zeros", rng: Rng = None
) -> Module:
    """Initialise a layer or a whole model anew: matrices and convolution kernels with ``weight``, biases with ``bias``.

    Normalisation layers (scale 1, shift 0) and embeddings (a table, which has no number of inputs) keep their values, and so does
    any parameter of one axis that is not called a bias, such as PReLU's slope.

    Args:
        module: it is changed in place.
        weight: as for :func:`fresh`; None leaves the weights as they are.
        bias: likewise.
        rng: a generator, a seed, or None for the default generator; parameters are drawn in the order of ``module.modules()``.

    Returns:
        The module.
    """
    rng = defaults.generator_of(rng)
    done: set[int] = set()
    for each in module.modules():
        if any(base.__module__ in _OWN for base in type(each).__mro__):
            continue
        for name, parameter in each.named_parameters(recurse=False):
            if id(parameter) in done:
                continue
            done.add(id(parameter))
            if parameter.ndim >= 2:
                init = weight
            elif parameter.ndim == 1 and ("bias" in name or name == "b"):
                init = bias
            else:
                continue
            if init is not None:
                parameter.writable()[...] = fresh(parameter.shape, init, dtype=parameter.dtype, rng=rng)
    return module
