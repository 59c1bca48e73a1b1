"""``python -m autograd_np.proofs.supported``: the page docs/supported.md, written from the registry.

Every public function of ``numpy``, ``numpy.linalg`` and ``numpy.fft`` and every ufunc of ``scipy.special``, with what
it does on Tensors. What the registry does not hold must stand in ``REASONS`` with the reason.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ..engine.primitive import Primitive
from ..engine.registry import FUNCTIONS, UFUNCS
from ..primitives import load_all, special
from ..primitives.special import bessel, gamma, statistics  # noqa: F401 - the last two fill the table of special
from ..primitives.special.table import Entry

__all__ = ["DIFFERENTIABLE", "NO_GRADIENT", "UNSUPPORTED", "Line", "lines", "main", "page", "special_lines"]

DIFFERENTIABLE, NO_GRADIENT, UNSUPPORTED = "differentiable", "no gradient", "not supported"

_WORDS: dict[str, str] = {
    "makes an array, from no array: there is nothing to differentiate": """
        bartlett blackman diag_indices fftfreq frombuffer fromfile fromfunction fromiter fromregex fromstring
        genfromtxt hamming hanning identity indices kaiser load loadtxt mask_indices rfftfreq tri tril_indices
        triu_indices""",
    "makes an array, from no array; ag.{0} makes a Tensor": "arange empty eye from_dlpack full ones zeros",
    "makes an ndarray, and a Tensor that needs a gradient is not converted silently; use ag.asarray, np.stack or "
    "t.numpy()": """
        array asanyarray asarray asarray_chkfinite asmatrix bmat""",
    "NumPy's own function does not ask Tensors; use ag.{0}": "ascontiguousarray asfortranarray require "
    "broadcast_shapes isdtype",
    "the old name of np.trapezoid": "trapz",
    "about dtypes, not arrays": "issubdtype mintypecode promote_types typename",
    "about objects and memory, not numbers": "isfortran isscalar iterable",
    "writes numbers as text": "base_repr binary_repr format_float_positional format_float_scientific",
    "about NumPy itself": """
        get_include get_printoptions getbufsize geterr geterrcall info printoptions set_printoptions setbufsize
        seterr seterrcall show_config show_runtime test""",
    "about dates; Tensors hold numbers": "busday_count busday_offset datetime_as_string datetime_data is_busday",
    "makes an object ufunc; declare the operation with @ag.primitive": "frompyfunc",
    "an iterator over arrays": "nested_iters",
}
REASONS = {name: reason.format(name) for reason, names in _WORDS.items() for name in names.split()}

# Python functions of NumPy that only call another one.
OTHER_NAMES = {"row_stack": "vstack"}

# What the oldest supported NumPy (2.1) does not have.
SINCE = {"matvec": "2.2", "vecmat": "2.2"}

# Compositions whose results are indices, counts or plans.
_CONSTANT = ("einsum_path", "ix_", "lexsort", "ravel_multi_index", "unravel_index")

# Functions whose gradient flows through others that they call.
_THROUGH = {"full_like": "in `fill_value`"}

_NO_RULE = (
    "SciPy has no derivative of it in functions of its own, or the rule is not written: declare it "
    "with @ag.primitive and ag.rule"
)
_UNRULED = """
agm airye bdtri bdtrik bdtrin bei beip ber berp besselpoly binom btdtria btdtrib chdtri chdtriv chndtr chndtridf
chndtrinc chndtrix elliprc elliprd elliprf elliprg elliprj eval_chebyc eval_chebys eval_sh_chebyt eval_sh_chebyu
eval_sh_jacobi eval_sh_legendre fdtr fdtrc fdtri fdtridfd gdtr gdtrc gdtria gdtrib gdtrix it2i0k0 it2j0y0 it2struve0
itairy iti0k0 itj0y0 itmodstruve0 itstruve0 kei keip kelvin ker kerp kolmogi kolmogorov log_wright_bessel lpmv
mathieu_a mathieu_b mathieu_cem mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 mathieu_modsem2 mathieu_sem
modfresnelm modfresnelp modstruve nbdtr nbdtrc nbdtri nbdtrik nbdtrin ncfdtr ncfdtri ncfdtridfd ncfdtridfn ncfdtrinc
nctdtr nctdtridf nctdtrinc nctdtrit nrdtrimn nrdtrisd obl_ang1 obl_ang1_cv obl_cv obl_rad1 obl_rad1_cv obl_rad2
obl_rad2_cv pbdv pbvv pbwa pdtri pdtrik poch pro_ang1 pro_ang1_cv pro_cv pro_rad1 pro_rad1_cv pro_rad2 pro_rad2_cv
smirnov smirnovi sph_harm stdtridf stdtrit struve tklmbda voigt_profile wright_bessel zetac
"""
SPECIAL_UNSUPPORTED = tuple(_UNRULED.split())
SPECIAL_ALIASES = {"digamma": "psi", "jn": "jv"}


@dataclass(frozen=True)
class Line:
    """One line of the page.

    Attributes:
        name: the function.
        status: ``differentiable``, ``no gradient`` or ``not supported``.
        note: with respect to what, or why not.
    """

    name: str
    status: str
    note: str = ""

    def __str__(self) -> str:
        return f"| `{self.name}` | {self.status} | {self.note} |"


def _listed(words: Any) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _of(name: str, own: Callable[..., Any]) -> Line:
    """The line of a function that the registry has."""
    since = f"NumPy ≥ {SINCE[name]}" if name in SINCE else ""
    text = own.__doc__ or ""
    found = getattr(own, "__primitive__", None)
    if text.startswith("Refused: "):
        return Line(name, UNSUPPORTED, text.removeprefix("Refused: ").partition("\n")[0].rstrip("."))
    if name in _THROUGH:
        return Line(name, DIFFERENTIABLE, _THROUGH[name])
    if isinstance(found, Primitive):
        if not found.differentiable:
            return Line(name, NO_GRADIENT, since)
        wrt = found.operands if found.joint is not None else [word for word in found.operands if word in found.rules]
        note = (
            ""
            if len(found.parameters) == 1
            else "in " + _listed("the arrays" if word in ("arrays", "operands") else word for word in wrt)
        )
        return Line(name, DIFFERENTIABLE, "; ".join(filter(None, (note.replace("`the arrays`", "the arrays"), since))))
    if getattr(own, "__composition__", False) and name not in _CONSTANT:
        return Line(name, DIFFERENTIABLE, since)
    return Line(name, NO_GRADIENT, since)


def lines(module: ModuleType) -> Iterator[Line]:
    """The lines of a module of NumPy, by name."""
    load_all()
    for name in sorted(module.__all__, key=lambda word: (word.lower(), word)):
        function = getattr(module, name)
        if isinstance(function, type) or not callable(function) or name.startswith("_"):
            continue
        own = UFUNCS.get(function) if isinstance(function, np.ufunc) else FUNCTIONS.get(function)
        if own is not None:
            yield _of(name, own)
        elif name in OTHER_NAMES:
            line = _of(name, FUNCTIONS[getattr(module, OTHER_NAMES[name])])
            yield Line(name, line.status, f"an old name of `{OTHER_NAMES[name]}`")
        else:
            yield Line(name, UNSUPPORTED, REASONS.get(name, "there is no rule for it"))


def special_lines() -> Iterator[Line]:
    """The lines of the ufuncs of scipy.special: of the table of rules, whether SciPy is there or not."""
    found = [Line(name, UNSUPPORTED) for name in SPECIAL_UNSUPPORTED]
    for row in special.TABLE.values():
        if row.helper:
            continue
        names: tuple[str, ...] = (row.name, *(alias for alias, name in SPECIAL_ALIASES.items() if name == row.name))
        parameters = row.declared.__code__.co_argcount
        note = (
            f"in {_listed(row.wrt.split())} of `{row.public if '(' in row.public else _call(row)}`"
            if parameters > 1 and row.rules
            else ""
        )
        if "(" in row.public:
            names = (row.public.partition("(")[0],)
        status = DIFFERENTIABLE if row.rules else NO_GRADIENT
        found += [Line(name, status, note.replace(f"`{row.name}(", f"`{name}(")) for name in names]
    return iter(sorted(found, key=lambda line: line.name))


def _call(row: Entry) -> str:
    return f"{row.name}({', '.join(row.declared.__code__.co_varnames[: row.declared.__code__.co_argcount])})"


HEAD = """# What is supported

This page is written by `python -m autograd_np.proofs.supported` from the registry of rules (with NumPy {numpy}), and a test holds it to that.

- **differentiable**: a Tensor that needs a gradient may be passed, and the result is on the tape. Where only some arguments have a gradient, they are
  named; another one that needs a gradient raises `NonDifferentiableError`.
- **no gradient**: the function takes Tensors, and its result (a truth value, an index, a count, a rounded number, a shape) needs no gradient by nature.
- **not supported**: with a Tensor it raises a `TypeError` that names it, or does not concern arrays at all. The reason stands beside it.

Operations that NumPy does not have (activations, `softmax`, `logsumexp`, `index_update`, …) are listed by `dir(autograd_np)`. In-place writing and `out=`
raise: a Tensor's values are on the tape.
"""  # noqa: E501

SPECIAL_HEAD = """SciPy is used only if the program imports it. Functions of `scipy.special` that are no ufuncs convert their arguments to ndarrays; for some of
them there is one in `autograd_np.special`: `polygamma`, `multigammaln`, `logsumexp`, `softmax`, `log_softmax`, `softplus`.
"""  # noqa: E501


def _table(found: list[Line]) -> Iterator[str]:
    yield "| function | on Tensors | |"
    yield "| --- | --- | --- |"
    yield from (str(line) for line in found)


def page() -> str:
    """The text of docs/supported.md."""
    major, minor, *_ = np.__version__.split(".")
    parts = [HEAD.format(numpy=f"{major}.{minor}")]
    for module, title in ((np, "numpy"), (np.linalg, "numpy.linalg"), (np.fft, "numpy.fft")):
        found = list(lines(module))
        count = sum(line.status == DIFFERENTIABLE for line in found)
        parts += [f"## {title}", "", f"{count} differentiable functions of {len(found)}.", "", *_table(found), ""]
    found = list(special_lines())
    count = sum(line.status == DIFFERENTIABLE for line in found)
    supported = [line for line in found if line.status != UNSUPPORTED]
    parts += [
        "## scipy.special",
        "",
        SPECIAL_HEAD,
        f"{count} differentiable ufuncs of {len(found)}.",
        "",
        *_table(supported),
        "",
    ]
    rest = _listed(line.name for line in found if line.status == UNSUPPORTED)
    parts += [f"Not supported ({_NO_RULE}):", f"{rest}."]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Print the page."""
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(page())


if __name__ == "__main__":
    main()
