"""The namespace of the Python array API standard: presence, signatures, values against the reference implementation,
gradients."""

from __future__ import annotations

import ctypes
import inspect
import itertools
import re
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.tensor import Tensor

# ---------------------------------------------------------------- the standard, 2024.12

OF_ONE = """
abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite isinf isnan log
log1p log2 log10 logical_not negative positive real reciprocal round sign signbit sin sinh square sqrt tan tanh trunc
matrix_transpose nonzero unique_all unique_counts unique_inverse unique_values
"""
OF_TWO = """
add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal
floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor maximum minimum
multiply nextafter not_equal pow remainder subtract matmul
"""
OTHERS = """
arange(start, /, stop=None, step=1, *, dtype=None, device=None)
asarray(obj, /, *, dtype=None, device=None, copy=None)
empty(shape, *, dtype=None, device=None)
empty_like(x, /, *, dtype=None, device=None)
eye(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None)
from_dlpack(x, /, *, device=None, copy=None)
full(shape, fill_value, *, dtype=None, device=None)
full_like(x, /, fill_value, *, dtype=None, device=None)
linspace(start, stop, /, num, *, dtype=None, device=None, endpoint=True)
meshgrid(*arrays, indexing='xy')
ones(shape, *, dtype=None, device=None)
ones_like(x, /, *, dtype=None, device=None)
tril(x, /, *, k=0)
triu(x, /, *, k=0)
zeros(shape, *, dtype=None, device=None)
zeros_like(x, /, *, dtype=None, device=None)
astype(x, dtype, /, *, copy=True, device=None)
can_cast(from_, to, /)
finfo(type, /)
iinfo(type, /)
isdtype(dtype, kind)
result_type(*arrays_and_dtypes)
clip(x, /, min=None, max=None)
take(x, indices, /, *, axis=None)
take_along_axis(x, indices, /, *, axis=-1)
__array_namespace_info__()
tensordot(x1, x2, /, *, axes=2)
vecdot(x1, x2, /, *, axis=-1)
broadcast_arrays(*arrays)
broadcast_to(x, /, shape)
concat(arrays, /, *, axis=0)
expand_dims(x, /, axis)
flip(x, /, *, axis=None)
moveaxis(x, source, destination, /)
permute_dims(x, /, axes)
repeat(x, repeats, /, *, axis=None)
reshape(x, /, shape, *, copy=None)
roll(x, /, shift, *, axis=None)
squeeze(x, /, axis)
stack(arrays, /, *, axis=0)
tile(x, repetitions, /)
unstack(x, /, *, axis=0)
argmax(x, /, *, axis=None, keepdims=False)
argmin(x, /, *, axis=None, keepdims=False)
count_nonzero(x, /, *, axis=None, keepdims=False)
searchsorted(x1, x2, /, *, side='left', sorter=None)
where(condition, x1, x2, /)
argsort(x, /, *, axis=-1, descending=False, stable=True)
sort(x, /, *, axis=-1, descending=False, stable=True)
cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False)
cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False)
max(x, /, *, axis=None, keepdims=False)
mean(x, /, *, axis=None, keepdims=False)
min(x, /, *, axis=None, keepdims=False)
prod(x, /, *, axis=None, dtype=None, keepdims=False)
std(x, /, *, axis=None, correction=0.0, keepdims=False)
sum(x, /, *, axis=None, dtype=None, keepdims=False)
var(x, /, *, axis=None, correction=0.0, keepdims=False)
all(x, /, *, axis=None, keepdims=False)
any(x, /, *, axis=None, keepdims=False)
diff(x, /, *, axis=-1, n=1, prepend=None, append=None)
"""
OF_2025 = """
isin(x1, x2, /, *, invert=False)
broadcast_shapes(*shapes)
"""
LINALG = """
cholesky(x, /, *, upper=False)
cross(x1, x2, /, *, axis=-1)
det(x, /)
diagonal(x, /, *, offset=0)
eigh(x, /)
eigvalsh(x, /)
inv(x, /)
matmul(x1, x2, /)
matrix_norm(x, /, *, keepdims=False, ord='fro')
matrix_power(x, n, /)
matrix_rank(x, /, *, rtol=None)
matrix_transpose(x, /)
outer(x1, x2, /)
pinv(x, /, *, rtol=None)
qr(x, /, *, mode='reduced')
slogdet(x, /)
solve(x1, x2, /)
svd(x, /, *, full_matrices=True)
svdvals(x, /)
tensordot(x1, x2, /, *, axes=2)
trace(x, /, *, offset=0, dtype=None)
vecdot(x1, x2, /, *, axis=-1)
vector_norm(x, /, *, axis=None, keepdims=False, ord=2)
"""
FFT = """
fft(x, /, *, n=None, axis=-1, norm='backward')
ifft(x, /, *, n=None, axis=-1, norm='backward')
rfft(x, /, *, n=None, axis=-1, norm='backward')
irfft(x, /, *, n=None, axis=-1, norm='backward')
hfft(x, /, *, n=None, axis=-1, norm='backward')
ihfft(x, /, *, n=None, axis=-1, norm='backward')
fftn(x, /, *, s=None, axes=None, norm='backward')
ifftn(x, /, *, s=None, axes=None, norm='backward')
rfftn(x, /, *, s=None, axes=None, norm='backward')
irfftn(x, /, *, s=None, axes=None, norm='backward')
fftfreq(n, /, *, d=1.0, dtype=None, device=None)
rfftfreq(n, /, *, d=1.0, dtype=None, device=None)
fftshift(x, /, *, axes=None)
ifftshift(x, /, *, axes=None)
"""
DTYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "complex64",
    "complex128",
)


def signatures(text: str, prefix: str = "") -> dict[str, str]:
    """Name → parameters, of lines that read ``name(parameters)``."""
    return {
        prefix + line.partition("(")[0]: line.partition("(")[2].removesuffix(")") for line in text.split("\n") if line
    }


STANDARD = (
    dict.fromkeys(OF_ONE.split(), "x, /")
    | dict.fromkeys(OF_TWO.split(), "x1, x2, /")
    | signatures(OTHERS)
    | signatures(OF_2025)
)
ALL = STANDARD | signatures(LINALG, "linalg.") | signatures(FFT, "fft.")


def found(xp: Any, name: str) -> Any:
    """The function of a dotted name."""
    for word in name.split("."):
        xp = getattr(xp, word)
    return xp


@pytest.mark.parametrize("name", ALL)
def test_signature_contains_the_standards(name: str) -> None:
    scope: dict[str, Any] = {}
    exec(f"def standard({ALL[name]}): ...", scope)
    asked = inspect.signature(scope["standard"]).parameters.values()
    function = found(ag, name)
    ours = inspect.signature(function)
    assert (inspect.getdoc(function) or "").strip()
    kinds = inspect.Parameter
    starred = [p for p in asked if p.kind is kinds.VAR_POSITIONAL]
    positional = [p for p in asked if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    ours.bind(*[object() for p in positional if p.default is p.empty], *[object()] * 3 * len(starred))
    ours.bind(
        *[object() for p in positional],
        *[object()] * len(starred),
        **{p.name: object() for p in asked if p.kind is kinds.KEYWORD_ONLY},
    )
    only = [p for p in positional if p.kind is kinds.POSITIONAL_ONLY]
    bound = ours.bind(
        *[object() for p in only],
        **{p.name: object() for p in asked if p.kind in (kinds.KEYWORD_ONLY, kinds.POSITIONAL_OR_KEYWORD)},
    )
    assert len(bound.arguments) >= len(only)
    for p in asked:
        mine = ours.parameters.get(p.name)
        # stable=None is True unless NumPy's kind is given; ddof=0 is the correction; prepend and append are None.
        if p.default is not p.empty and mine is not None and p.name not in ("stable", "correction", "norm", "rtol"):
            assert mine.default == p.default, p.name


def test_everything_is_public() -> None:
    names = {*STANDARD, *DTYPES, "e", "inf", "nan", "newaxis", "pi", "linalg", "fft", "__array_api_version__"}
    assert names <= set(ag.__all__)
    assert set(signatures(LINALG)) <= set(ag.linalg.__all__)
    assert set(signatures(FFT)) <= set(ag.fft.__all__)
    assert set(names) <= set(dir(ag))


# ---------------------------------------------------------------- values, as the reference implementation's

_rng = np.random.default_rng(2024)
_square = _rng.normal(size=(2, 3, 3))
INPUTS: dict[str, Any] = {
    "x": _rng.normal(size=(3, 4)),
    "y": _rng.normal(size=(3, 4)),
    "p": _rng.uniform(0.5, 2.0, (3, 4)),
    "u": _rng.uniform(-0.9, 0.9, (3, 4)),
    "t": np.array([2.0, 1.0, 2.0, -1.0, 1.0]),
    "w": np.array([0.5, np.nan, -0.0, np.inf, np.nan, 0.5]),
    "v": _rng.normal(size=3),
    "s": _rng.normal(size=(2, 3, 3)),
    "a": _square @ _square.mT + 3 * np.eye(3),
    "f": _rng.normal(size=(2, 3)).astype(np.float32),
    "c": _rng.normal(size=(3, 4)) + 1j * _rng.normal(size=(3, 4)),
    "h": (_rng.normal(size=(3, 4)) + 1j * _rng.normal(size=(3, 4))).astype(np.complex64),
    "i": _rng.integers(-9, 9, (3, 4)),
    "j": _rng.integers(0, 3, (3, 4)),
    "k": np.array([[0, 2, 1], [1, 1, 3]], dtype=np.int8),
    "n": np.array([250, 3, 250], dtype=np.uint8),
    "b": _rng.integers(0, 2, (3, 4)).astype(bool),
    "o": np.asarray(1.5),
    "z": np.zeros((0, 3)),
}
# One call a line; {a|b} stands for each of a and b.
CALLS_AS_TEXT = """
xp.{abs|ceil|conj|cos|cosh|exp|expm1|floor|isfinite|isinf|isnan|negative|positive|round|sign|sin|sinh|square|tan|tanh|trunc}({x|f|o})
xp.{conj|imag|real|abs|sign|exp|square|isfinite}({c|h})
xp.{sqrt|log|log1p|log2|log10|reciprocal}({p|xp.astype(p, xp.float32)})
xp.{acos|asin|atan|asinh|atanh}(u)
xp.{abs|negative|positive|sign|square|bitwise_invert|ceil|floor|round|trunc}(i)
xp.acosh(p + 1)
xp.bitwise_invert({b|n})
xp.logical_not(b)
xp.{signbit|isnan|isinf}(w)
xp.round(x * 10)
xp.matrix_transpose(s)
xp.nonzero({i|b})
xp.{add|atan2|copysign|divide|equal|greater|greater_equal|hypot|less|less_equal}({x, y|x, 2.0|f, f|x[0, :], y})
xp.{logaddexp|maximum|minimum|multiply|nextafter}({x, y|x, 2.0|f, f|x[0, :], y})
xp.{not_equal|subtract|floor_divide|remainder}({x, y|x, 2.0|f, f|x[0, :], y})
xp.{add|multiply|subtract|floor_divide|remainder|equal|less}({i, j + 1|k, 2})
xp.{logical_and|logical_or|logical_xor|bitwise_and|bitwise_or|bitwise_xor|equal}(b, j > 0)
xp.{bitwise_and|bitwise_or|bitwise_xor|bitwise_left_shift|bitwise_right_shift}(i, j)
xp.pow({p, y|i, j|p, 2|2.0, y})
xp.add({c, x|n, n|k, xp.asarray(1, dtype=xp.int32)})
xp.multiply({h, 2|f, o})
xp.divide(c, 3)
xp.matmul({s, a|s, v|v, s})
xp.arange({5|1, 7, 2|0.0, 1.0, 0.25|3, dtype=xp.float32|5, 0, step=-2|4, stop=6})
xp.asarray({3|True|[[1.0, 2], [3, 4]]|1j|[1, 2], dtype=xp.uint16|[]|2**63, dtype=xp.uint64})
xp.asarray(x, {dtype=xp.float32|copy=True|device=None})
xp.zeros({3|(2, 3), dtype=xp.int8})
xp.ones({()|(2,), dtype=xp.complex64})
xp.empty((0, 2))
xp.empty_like(z)
xp.full({(2, 3), 1.5|2, 7|(), True|(2,), 1j|(2,), 3, dtype=xp.float32})
xp.full_like({x, 2|i, 2, dtype=xp.float64})
xp.zeros_like(f)
xp.ones_like(f, dtype=xp.int32)
xp.eye({3|2, 4, k=1|3, k=-1, dtype=xp.int64})
xp.linspace({0, 1, 5|0.0, 1.0, 4, endpoint=False|1, 2, num=3, dtype=xp.float32|1j, 2, 3|0, 1, 0})
xp.meshgrid(v, t{|, indexing='ij'})
xp.tril(s{|, k=-1})
xp.triu(x, k=1)
xp.from_dlpack({x|i, copy=True})
xp.astype({x, xp.float32|b, xp.int8|i, xp.complex64|x, xp.float64, copy=False})
xp.can_cast({x, xp.float32|xp.int8, xp.int16|xp.uint8, xp.int8})
xp.finfo({xp.float32|xp.float64|c|f}).{eps|max|min|smallest_normal|bits}
xp.iinfo({xp.int8|n}).{max|min|bits}
xp.isdtype({x.dtype, 'real floating'|i.dtype, ('signed integer', 'bool')|c.dtype, 'numeric'|n.dtype, xp.uint8})
xp.result_type(k, xp.int16) == xp.int16
xp.result_type(f, x) == xp.float64
xp.result_type(f, 1.0) == xp.float32
xp.result_type(xp.float32, xp.complex64) == xp.complex64
xp.broadcast_shapes((3, 1), (1, 4), ())
xp.clip({x, -0.5, 0.5|x, min=0.0|x, max=y|x, 0.0, max=1.0|i, -2, 3|f, 0, 1|x})
xp.take({x, j[0, :3], axis=0|t, i[0, :] * 0 + 2|x, j[0, :], axis=-1})
xp.take_along_axis({x, j, axis=1|x, j[:1, :], axis=0|x, j})
xp.tensordot({x, y, axes=((0, 1), (0, 1))|s, x, axes=1|s, v, axes=((-1,), (0,))})
xp.vecdot({x, y|x, y, axis=-2|c, x|s, v|s, a[0, ...], axis=-2})
xp.broadcast_arrays(x, v[:, None], o)
xp.broadcast_to({v, (2, 3)|o, ()})
xp.concat({[x, y]|(x, y), axis=-1|[x, v], axis=None|[f, xp.astype(s[0, :, :], xp.float64)]})
xp.expand_dims(x, {axis=1|-1})
xp.flip(s{|, axis=0|, axis=(-1, 0)})
xp.moveaxis(s, {0, -1|(0, 1), (1, 2)})
xp.permute_dims(s, {(2, 0, 1)|axes=(0, 2, 1)})
xp.repeat(x, {2|3, axis=1|xp.asarray([1, 0, 2]), axis=0})
xp.reshape({x, (2, -1)|x, (4, 3), copy=True|o, (1,)|x, shape=(12,), copy=False})
xp.roll(x, {2|-1, axis=1|(1, 2), axis=(0, 1)})
xp.squeeze({x[:1, :], 0|s[:1, :, :1], axis=(0, -1)})
xp.stack({[x, y]|(x, y), axis=-1})
xp.tile({x, (2, 1)|v, (2, 1, 2)|x, (2,)})
xp.unstack(x{|, axis=-1})
xp.{argmax|argmin|max|min|sum|mean|prod|std|var}({x|x, axis=0|x, axis=-1, keepdims=True|f})
xp.{max|min|sum|mean|prod|std|var}(s, axis=(0, 2))
xp.{sum|prod}({i|k|n|k, axis=1|n, dtype=xp.float32|f, dtype=xp.float64|z|z, axis=0|c|h})
xp.{all|any|count_nonzero}({b|i|b, axis=0|x, axis=(0, 1), keepdims=True|z|c})
xp.var(x, correction=1)
xp.std({x, axis=1, correction=0.5|f, correction=1.0, keepdims=True})
xp.mean(c)
xp.max(i)
xp.argmax(k, axis=1)
xp.searchsorted({xp.sort(t), x[0, :]|xp.sort(t), t, side='right'|t, v, sorter=xp.argsort(t)})
xp.where(b, {x, y|x, 0.0|1, i|i, xp.asarray(2, dtype=xp.int8)})
xp.where(b[:2, :3], f, 1.0)
xp.{sort|argsort}({x|x, axis=0|t|t, descending=True|j, descending=True})
xp.{sort|argsort}({x, axis=0, descending=True|i, stable=True|n, descending=True})
xp.{sort|argsort}(j, axis=0, descending=True, stable=True)
xp.sort({i, axis=1, stable=False|w|w, descending=True})
xp.cumulative_{sum|prod}({t|x, axis=1|k, axis=0|n|x, axis=0, include_initial=True|t, include_initial=True})
xp.cumulative_{sum|prod}(f, axis=-1, dtype=xp.float64)
xp.diff({x|x, axis=0, n=2|i, n=1, prepend=j, append=i|t, append=v})
xp.unique_{all|counts|inverse|values}({t|j|w|b|n|z|o})
xp.isin({i, j|j, xp.asarray([1, 2])})
x[{1, ...|b|:, None, ::-2|i[0, 0] * 0 + 1, 2}]
{-x|abs(c)|x // y|x % 3.0|2.0 ** x|i << j|~b|x @ x.mT|x != y|1 - f|f + 1|True & b|n + 1}
{bool|float|int|complex}(o)
x.{shape|ndim|size|mT|T}
xp.linalg.cholesky(a{|, upper=True})
xp.linalg.cross({s, a|s, a, axis=-2|s, a[:1, ...], axis=-1})
xp.linalg.{det|svdvals|matrix_rank|matrix_transpose|slogdet}(s)
xp.linalg.slogdet(s).logabsdet
xp.linalg.diagonal(s{|, offset=1|, offset=-1})
xp.linalg.{eigvalsh|inv}(a)
xp.linalg.eigh(a).eigenvalues
xp.abs(xp.linalg.eigh(a).eigenvectors)
xp.linalg.matmul(s, a)
xp.linalg.matrix_norm(s, {ord='fro'|ord='nuc'|ord=1|ord=-1|ord=2|ord=-2|ord=xp.inf|ord=-xp.inf|keepdims=True})
xp.linalg.matrix_power({s, 3|a, -2|s, 0})
xp.linalg.matrix_rank(s * 0, rtol=0.1)
xp.linalg.outer(v, t)
xp.linalg.pinv({x|s, rtol=0.1})
xp.abs(xp.linalg.qr(s).R)
xp.abs(xp.linalg.qr(x, mode='complete').Q)
xp.linalg.solve(a, {s|v})
xp.linalg.svd(x).{S|Vh.shape}
xp.abs(xp.linalg.svd(x).U)
xp.linalg.svd(x, full_matrices=False).Vh.shape
xp.linalg.tensordot(x, y, axes=2)
xp.linalg.trace({s|s, offset=1|s, dtype=xp.complex128|xp.astype(s, xp.int8)})
xp.linalg.vecdot({x, y|c, y, axis=-2})
xp.linalg.vector_norm(x, ord={2|1|0|3.5|xp.inf|-xp.inf|-1})
xp.linalg.vector_norm({s, axis=(0, 2)|x, axis=0, keepdims=True|s, axis=(0, 1), ord=xp.inf|f})
xp.fft.{fft|ifft}({c|c, n=3|c, axis=0, norm='ortho'|h})
xp.fft.{rfft|ihfft}({x|x, n=5|x, axis=0, norm='forward'|f})
xp.fft.{irfft|hfft}({c|c, n=5|c, axis=0, norm='ortho'|h})
xp.fft.{fftn|ifftn|irfftn}({c|c, s=(2, 5), axes=(0, 1)|c, axes=(0,)|h})
xp.fft.rfftn({x|x, s=(3, 3), axes=(1, 0)|f})
xp.fft.fftfreq({5|4, d=0.5|4, dtype=xp.float32})
xp.fft.rfftfreq({5, d=2.0|6, dtype=xp.float32})
xp.fft.{fftshift|ifftshift}({x|x, axes=1|c, axes=(0,)})
"""


def alternatives(line: str) -> list[str]:
    """The calls that a line stands for."""
    parts = [part.split("|") if index % 2 else [part] for index, part in enumerate(re.split(r"[{}]", line))]
    return ["".join(chosen) for chosen in itertools.product(*parts)]


CALLS = [call for line in CALLS_AS_TEXT.split("\n") if line for call in alternatives(line)]


def leaves(value: Any) -> list[Any]:
    """Results, one by one, of nested tuples and lists."""
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def plain(value: Any) -> Any:
    """The array of a Tensor or of the reference implementation."""
    if isinstance(value, Tensor):
        return value.numpy()
    return getattr(value, "_array", value)


def evaluate(call: str, xp: Any, **options: Any) -> Any:
    """The result of a call in a namespace."""
    given = {}
    for word, value in INPUTS.items():
        if re.search(rf"\b{word}\b", call):
            given[word] = xp.asarray(value)
            if options and value.dtype.kind in "fc":
                given[word] = Tensor(value, **options)
    with np.errstate(all="ignore"):
        return eval(call, {"xp": xp, "ag": ag, **given})


@pytest.fixture(scope="module")
def strict() -> Any:
    xp = pytest.importorskip("array_api_strict")
    try:
        with xp.ArrayAPIStrictFlags(api_version="2025.12"):
            yield xp
    except ValueError:
        pytest.skip("this array_api_strict does not have isin and broadcast_shapes")


@pytest.mark.parametrize("call", CALLS)
def test_value_is_that_of_the_reference_implementation(call: str, strict: Any) -> None:
    ours, theirs = leaves(evaluate(call, ag)), leaves(evaluate(call, strict))
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        if isinstance(other, strict._array_object.Array):
            assert isinstance(mine, Tensor)
        else:
            assert isinstance(mine, type(other)), f"{type(mine)} instead of {type(other)}"
        y, e = np.asarray(plain(mine)), np.asarray(plain(other))
        assert y.shape == e.shape
        assert y.dtype == e.dtype
        rtol, atol = (1e-4, 1e-6) if y.dtype.char in "fF" else (1e-11, 1e-12) if y.dtype.kind in "fc" else (0, 0)
        np.testing.assert_allclose(y, e, rtol=rtol, atol=atol)


def test_kinds_of_sequences_that_are_returned(strict: Any) -> None:
    for call in (
        "nonzero(x)",
        "unstack(x)",
        "meshgrid(x[0, :], x[1, :])",
        "broadcast_arrays(x, x[0, :])",
        "linalg.qr(x)",
        "unique_counts(x)",
    ):
        ours = eval(f"ag.{call}", {"ag": ag, "x": ag.asarray([[1.0, 2.0], [3.0, 4.0]])})
        # The standard 2024.12 has lists where it has had tuples since.
        assert type(ours) is list if call.startswith(("meshgrid", "broadcast_arrays")) else isinstance(ours, tuple)
        theirs = eval(f"xp.{call}", {"xp": strict, "x": strict.asarray([[1.0, 2.0], [3.0, 4.0]])})
        assert len(ours) == len(theirs)
        assert getattr(ours, "_fields", None) == getattr(theirs, "_fields", None)
    t = Tensor(np.arange(3.0), requires_grad=True)
    assert type(np.meshgrid(t, t)) is type(np.broadcast_arrays(t, t)) is tuple


def test_clip_has_the_parameters_of_the_standard_and_of_numpy() -> None:
    assert [*inspect.signature(ag.clip).parameters][:3] == ["x", "min", "max"]
    x = np.array([-1.0, 0.25, 0.5, 2.0])
    for f in (
        lambda t: ag.clip(t, 0, 1),
        lambda t: ag.clip(t, min=0, max=1),
        lambda t: ag.clip(t, 0, max=1),
        lambda t: ag.clip(t, a_min=0, a_max=1),
        lambda t: np.clip(t, 0, 1),
        lambda t: np.clip(t, a_min=0, a_max=1),
        lambda t: np.clip(t, min=0, max=1),
        lambda t: t.clip(0, 1),
        lambda t: t.clip(min=0, max=1),
    ):
        np.testing.assert_array_equal(ag.grad(lambda t, f=f: np.sum(f(t) ** 2))(x), [0, 0.5, 1, 0])
    with pytest.raises(TypeError, match="not both"):
        ag.clip(x, 0, a_min=1)


def test_every_function_is_compared() -> None:
    text = " ".join(CALLS)
    missing = [name for name in ALL if not re.search(rf"xp\.{re.escape(name)}\(", text)]
    assert missing == ["__array_namespace_info__"]


# ---------------------------------------------------------------- gradients

CONSTANT = (
    r"xp\.(ceil|floor|round|sign|trunc|floor_divide|searchsorted|linspace|finfo|linalg\.matrix_rank|asarray|\w+_like)"
    r"\((?!x, (dtype|copy|device)|c\)|h\))"  # but asarray(x, …), and a complex sign
)


@pytest.mark.parametrize("call", [call for call in CALLS if "xp." in call])
def test_gradients_flow(call: str) -> None:
    if "from_dlpack" in call:
        with pytest.raises(BufferError, match=r"detach\(\)"):
            evaluate("xp.from_dlpack(x)", ag, requires_grad=True)
        return
    words = [word for word, value in INPUTS.items() if value.dtype.kind in "fc" and re.search(rf"\b{word}\b", call)]
    results = [
        each
        for each in leaves(evaluate(call, ag, requires_grad=True))
        if isinstance(each, Tensor) and each.dtype.kind in "fc"
    ]
    if not words or re.match(CONSTANT, call):
        assert not any(each.requires_grad for each in results)
    elif "slogdet" in call:
        assert results[-1].requires_grad
    else:
        assert all(each.requires_grad for each in results)


PARTICULAR = """
xp.sort(x, {descending=True|axis=0, descending=True|axis=None, descending=True|kind='heapsort'})
xp.vecdot(x, y{|, axis=-2})
xp.unique_values(x)
xp.unique_{all|counts|inverse}(x).values
xp.full((2, 3), x[0, 0])
xp.full_like(y, x[0, 1])
xp.asarray(x, copy=True)
xp.asarray([x[0, 0], x[1, 1], 3.0]) * xp.arange(3)
xp.asarray([[x[0], y[1]], (y[2], x[0])])
xp.linalg.{diagonal|trace}(xp.stack([x, y]), offset=1)
x.to_device('cpu') * y
xp.diff(x, prepend=y)
xp.clip(x, max=y)
xp.take(x, xp.asarray([0, 2]), axis=0)
xp.std(x, correction=1)
xp.cumulative_sum(x, axis=0, include_initial=True)
"""


@pytest.mark.parametrize("call", [call for line in PARTICULAR.split("\n") if line for call in alternatives(line)])
def test_gradients_of_what_is_particular_to_the_standard(call: str) -> None:
    def function(x: Any, y: Any) -> Any:
        return eval(call, {"xp": ag, "x": x, "y": y}) + 0 * ag.sum(x) + 0 * ag.sum(y)

    assert ag.gradcheck(function, (INPUTS["x"], INPUTS["y"]), order=2)


def test_descending_order_keeps_ties_in_place() -> None:
    x = Tensor([1.0, 2.0, 1.0, 2.0], requires_grad=True)
    ag.sum(ag.sort(x, descending=True) * ag.asarray([1.0, 10.0, 100.0, 1000.0])).backward()
    assert x.grad.tolist() == [100.0, 1.0, 1000.0, 10.0]
    many = np.zeros(1000)
    assert np.array_equal(ag.argsort(many).numpy(), np.arange(1000))
    assert np.array_equal(ag.argsort(many, descending=True).numpy(), np.arange(1000))


# ---------------------------------------------------------------- NumPy's way of calling the same functions


def test_numpys_parameters_are_accepted_too() -> None:
    x = Tensor(INPUTS["x"])
    n = x.numpy()
    for ours, theirs in [
        (ag.sort(x, 0, "quicksort"), np.sort(n, 0, "quicksort")),
        (ag.sort(x, None), np.sort(n, None)),
        (ag.sort(x, None, descending=True), np.sort(n, None)[::-1]),
        (ag.argsort(x, axis=None, kind="heapsort"), np.argsort(n, axis=None, kind="heapsort")),
        (ag.argsort(x, axis=None, descending=True), np.argsort(n, axis=None)[::-1]),
        (ag.sum(x, 0), np.sum(n, 0)),
        (ag.var(x, 1, ddof=1), np.var(n, 1, ddof=1)),
        (ag.clip(x, 0.0, 1.0), np.clip(n, 0.0, 1.0)),
        (ag.zeros((2, 3), np.int8, "F"), np.zeros((2, 3), np.int8, "F")),
        (ag.ones(2, int), np.ones(2, int)),
        (ag.full((2,), 1.0, np.float32), np.full((2,), 1.0, np.float32)),
        (ag.eye(2, 3, 1, np.float32), np.eye(2, 3, 1, np.float32)),
        (ag.arange(1, 5, 2, np.float32), np.arange(1, 5, 2, np.float32)),
        (ag.fft.fftfreq(n=5, d=2.0), np.fft.fftfreq(n=5, d=2.0)),
        (np.isin(x, n[0]), np.isin(n, n[0])),
        (ag.isin(x, n[0], invert=True), np.isin(n, n[0], invert=True)),
    ]:
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours.numpy(), theirs)
    assert ag.finfo("float32").tiny == np.finfo("float32").tiny
    assert [each.tolist() for each in np.unique_all(x)] == [each.tolist() for each in np.unique_all(n)]
    with pytest.raises(ValueError, match="kind and stable"):
        ag.sort(x, kind="heapsort", stable=True)


def test_numpys_names_on_tensors_follow_numpy() -> None:
    x = Tensor([2.0, np.nan, np.nan])
    assert np.unique(x).size == ag.unique(x).size == 2
    assert np.unique_values(x).size == ag.unique_values(x).size == 3


# ---------------------------------------------------------------- creation


def test_asarray_keeps_the_tape() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert ag.asarray(x) is x
    assert ag.asarray(x, dtype=ag.float64, copy=False) is x
    assert ag.asarray(x, dtype=ag.float32).op == "astype"
    assert ag.asarray(x, copy=True).op == "copy"
    with pytest.raises(ValueError, match="copy=False"):
        ag.asarray(x, dtype=ag.float32, copy=False)
    with pytest.raises(ValueError, match="copy=False"):
        ag.asarray([x, x], copy=False)
    assert ag.asarray([x, [0, 1]]).shape == (2, 2)
    assert ag.asarray([x, [0, 1]]).requires_grad


def test_asarray_of_arrays_does_not_copy() -> None:
    a = np.ones(3)
    assert np.shares_memory(ag.asarray(a).numpy(), a)
    assert not np.shares_memory(ag.asarray(a, copy=True).numpy(), a)
    assert not np.shares_memory(ag.asarray(a, dtype=ag.float32).numpy(), a)
    # What the caller can still write is copied where the tape keeps it, as for Tensor(a).
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = ag.sum(x * ag.asarray(a))
    a[:] = 100
    y.backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "refused", [["text"], np.array(["a"]), np.ma.masked_array([1.0]), np.array([1, 2], dtype="M8[s]"), object()]
)
def test_asarray_refuses_what_holds_no_numbers(refused: Any) -> None:
    with pytest.raises(TypeError):
        ag.asarray(refused)


ON_A_DEVICE = """
ag.{zeros|ones|empty|eye|arange|fft.fftfreq|fft.rfftfreq}(2, device=device)
ag.{zeros|ones|empty}_like(ag.ones(2), device=device)
ag.full(2, 1.0, device=device)
ag.full_like(ag.ones(2), 1, device=device)
ag.asarray([1], device=device)
ag.linspace(0, 1, 3, device=device)
ag.astype(ag.ones(2), ag.float32, device=device)
ag.from_dlpack(np.ones(2), device=device)
ag.ones(2).to_device(device or "cpu")
"""


@pytest.mark.parametrize("call", [call for line in ON_A_DEVICE.split("\n") if line for call in alternatives(line)])
def test_the_only_device_is_the_cpu(call: str) -> None:
    for device in (None, "cpu"):
        assert eval(call, {"ag": ag, "np": np, "device": device}).device == "cpu"
    with pytest.raises(ValueError, match=r"[Dd]evice"):
        eval(call, {"ag": ag, "np": np, "device": "gpu"})


def test_a_range_has_no_gradient() -> None:
    assert ag.arange(Tensor(3)).tolist() == [0, 1, 2]
    with pytest.raises(ag.NonDifferentiableError, match="linspace"):
        ag.arange(Tensor(3.0, requires_grad=True))


# ---------------------------------------------------------------- the namespace and the array object


def test_constants_and_dtypes() -> None:
    import math

    assert (ag.pi, ag.e, ag.inf, ag.newaxis) == (math.pi, math.e, math.inf, None)
    assert math.isnan(ag.nan)
    for name in DTYPES:
        assert np.dtype(getattr(ag, name)).name == name
        assert ag.zeros(1, dtype=getattr(ag, name)).dtype == getattr(ag, name)
    assert ag.__array_api_version__ == "2024.12"


def test_limits() -> None:
    for dtype in (ag.float32, ag.float64, ag.complex64):
        limits = ag.finfo(dtype)
        assert isinstance(limits.eps, float)
        assert isinstance(limits.bits, int)
        assert limits.dtype == np.finfo(dtype).dtype
    assert isinstance(ag.iinfo(ag.uint64).max, int)
    with pytest.raises(ValueError, match="inexact"):
        ag.finfo(ag.int8)
    with pytest.raises(ValueError, match="integer"):
        ag.iinfo(ag.float32)
    with pytest.raises(AttributeError):
        _ = ag.finfo(ag.float32).nonsense


def test_information_about_the_namespace() -> None:
    info = ag.__array_namespace_info__()
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert info.devices() == [info.default_device()] == ["cpu"]
    assert info.default_dtypes() == np.__array_namespace_info__().default_dtypes()
    assert set(info.dtypes()) == set(DTYPES)
    kinds = [
        "bool",
        "signed integer",
        "unsigned integer",
        "integral",
        "real floating",
        "complex floating",
        "numeric",
        ("bool", "integral"),
        (),
    ]
    for kind in kinds:
        assert info.dtypes(kind=kind, device="cpu") == (
            np.__array_namespace_info__().dtypes(kind=kind) if kind else info.dtypes()
        )
    with pytest.raises(ValueError, match="device"):
        info.dtypes(device="gpu")


def test_a_tensor_knows_its_namespace() -> None:
    x = Tensor([1.0])
    for version in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        assert x.__array_namespace__(api_version=version) is ag
    with pytest.raises(ValueError, match=r"2024\.12"):
        x.__array_namespace__(api_version="1999.01")


METHODS = """
abs add and array_namespace bool complex dlpack dlpack_device eq float floordiv ge getitem gt index int invert le
lshift lt matmul mod mul ne neg or pos pow rshift sub truediv xor radd rand rfloordiv rlshift rmatmul rmod rmul ror
rpow rrshift rsub rtruediv rxor
"""


def test_methods_of_the_standards_array_object() -> None:
    for name in METHODS.split():
        assert callable(getattr(Tensor, f"__{name}__")), name
    for name in ("dtype", "device", "mT", "ndim", "shape", "size", "T", "to_device"):
        assert hasattr(Tensor, name), name
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x + 0
    y += 1
    y *= 2
    assert x.tolist() == [1.0, 2.0]
    assert y.requires_grad


def test_scalars() -> None:
    assert bool(Tensor(0.0)) is False
    assert complex(Tensor(1j)) == 1j
    assert [10, 11, 12][Tensor(2)] == 12  # type: ignore[call-overload]
    assert Tensor(3).__index__() == 3
    with pytest.raises(TypeError):
        Tensor(3.0).__index__()
    with pytest.raises(TypeError):
        float(Tensor(1j))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Tensor([1, 2]))


def test_dlpack_shares_the_memory_and_the_guard() -> None:
    x = Tensor(np.arange(3.0))
    assert x.__dlpack_device__() == ag.sum(x).__dlpack_device__() == (1, 0)
    assert np.from_dlpack(x).tolist() == [0.0, 1.0, 2.0]
    assert np.from_dlpack(ag.sum(x)).shape == ()
    assert np.shares_memory(np.from_dlpack(x), x.numpy())
    assert not np.shares_memory(np.from_dlpack(x, copy=True), x.numpy())
    w = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    c = ag.ones(3)
    y = ag.sum(w * c)
    theirs = np.from_dlpack(c)  # NumPy's is read-only; the other libraries' are not
    ctypes.memset(theirs.ctypes.data, 0, theirs.nbytes)
    with pytest.raises(ag.MutationError):
        y.backward()
    with pytest.raises(BufferError, match=r"detach\(\)"):
        w.__dlpack__()
    assert np.from_dlpack(w.detach()).tolist() == [1.0, 2.0, 3.0]


def test_devices_of_a_tensor() -> None:
    x = Tensor([1.0], requires_grad=True)
    assert x.to_device("cpu") is x
    with pytest.raises(ValueError, match="stream"):
        x.to_device("cpu", stream=1)
