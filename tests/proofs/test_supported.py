"""docs/supported.md is what the registry says, and what it says is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd_np import Tensor
from autograd_np.engine.protocols import call_function
from autograd_np.engine.registry import FUNCTIONS, UFUNCS
from autograd_np.primitives import special
from autograd_np.proofs import supported
from autograd_np.proofs.cases import cases, names
from autograd_np.proofs.supported import DIFFERENTIABLE, NO_GRADIENT, UNSUPPORTED, lines, page, special_lines

TOP = Path(__file__).resolve().parents[2]
PAGE = (TOP / "docs" / "supported.md").read_text(encoding="utf-8")
MODULES = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft}
NAMES = set(names())
LINES = [(module, line) for name, module in MODULES.items() for line in lines(module)]
ids = [f"{module.__name__}.{line.name}" for module, line in LINES]


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def test_the_page_is_fresh() -> None:
    written = re.search(r"\(with NumPy (\d+\.\d+)\)", PAGE)
    assert written
    if version(np.__version__) < version(written[1]):
        pytest.skip(f"the page was written with NumPy {written[1]}")
    assert page() == PAGE, "docs/supported.md is stale: python -m autograd_np.proofs.supported > docs/supported.md"


def test_it_is_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autograd_np.proofs.supported"], cwd=TOP, capture_output=True, check=True, timeout=120
    )
    assert done.stdout.decode("utf-8").replace("\r\n", "\n") == page()


def test_what_is_missing_has_a_reason() -> None:
    assert not [line.name for _, line in LINES if "there is no rule" in line.note]
    assert all(line.note for _, line in LINES if line.status == UNSUPPORTED)


def test_reasons_are_of_functions_without_a_rule() -> None:
    for name in supported.REASONS:
        function = getattr(np, name, getattr(np.fft, name, None))
        if function is None:
            assert name == "trapz", name  # older than 2.4
        assert function not in FUNCTIONS, f"np.{name} has come to the registry: take its reason away"


def test_names_of_newer_versions_are_marked() -> None:
    if version(np.__version__) == (2, 1):
        assert not [name for name in supported.SINCE if hasattr(np, name)]
    for name, since in supported.SINCE.items():
        assert hasattr(np, name) == (version(np.__version__) >= version(since))


def own(module: Any, name: str) -> Any:
    function = getattr(module, supported.OTHER_NAMES.get(name, name))
    return UFUNCS[function] if isinstance(function, np.ufunc) else FUNCTIONS[function]


@pytest.mark.parametrize(
    ("module", "line"),
    [pair for pair in LINES if pair[1].status != UNSUPPORTED],
    ids=lambda v: getattr(v, "name", "np"),
)
def test_what_is_supported_is_proved(module: Any, line: supported.Line) -> None:
    function = own(module, line.name)
    found = getattr(function, "__primitive__", None)
    proved = (
        found.name
        if found is not None
        else next((name for name, each in supported_compositions() if each is function), None)
    )
    if proved is None:
        assert line.status == NO_GRADIENT  # a plain answer, such as a shape
        return
    assert proved in NAMES
    orders = [sample.order for sample in cases(proved)]
    assert (line.status == DIFFERENTIABLE) == any(order > 0 for order in orders), (
        f"{line} but the samples have orders {orders}"
    )


def supported_compositions() -> Any:
    from autograd_np.primitives.composed import COMPOSITIONS

    return COMPOSITIONS.items()


@pytest.mark.parametrize(
    ("module", "line"),
    [pair for pair in LINES if pair[1].status == UNSUPPORTED],
    ids=lambda v: getattr(v, "name", "np"),
)
def test_what_is_not_supported_names_itself(module: Any, line: supported.Line) -> None:
    function = getattr(module, line.name)
    t = Tensor([1.0, 2.0], requires_grad=True)
    if hasattr(function, "_implementation") or function in FUNCTIONS:
        with pytest.raises(TypeError, match=line.name):
            call_function(t, function, (), (t,), {})
    elif isinstance(function, np.ufunc):
        with pytest.raises(TypeError, match=line.name):
            function(t)


@pytest.mark.parametrize(
    "name", ["array", "asarray", "asanyarray", "asarray_chkfinite", "ascontiguousarray", "asfortranarray", "require"]
)
def test_conversions_say_what_to_call_instead(name: str) -> None:
    with pytest.raises(TypeError, match=r"t\.numpy\(\)"):
        getattr(np, name)(Tensor([1.0, 2.0], requires_grad=True))


def test_row_stack_is_vstack() -> None:
    row_stack: Any = getattr(np, "row_stack", None)
    if row_stack is None:
        pytest.skip("this NumPy has no row_stack")
    with pytest.warns(DeprecationWarning, match="row_stack"):
        assert row_stack([Tensor([1.0], requires_grad=True), np.ones(1)]).requires_grad


# ---------------------------------------------------------------- scipy.special


def test_the_table_of_scipy_does_not_depend_on_scipy() -> None:
    found = list(special_lines())
    assert len({line.name for line in found}) == len(found)
    assert {line.name for line in found if line.status == DIFFERENTIABLE} >= {
        "erf",
        "gammaln",
        "digamma",
        "jv",
        "jn",
        "zeta",
        "lambertw",
        "betaln",
    }
    assert {line.name for line in found if line.status == NO_GRADIENT} == {"gammasgn", "round"}


def test_every_ufunc_of_scipy_is_listed() -> None:
    sp = pytest.importorskip("scipy.special")
    special.register()
    listed = {line.name: line for line in special_lines()}
    ufuncs = {
        name: function
        for name, function in vars(sp).items()
        if isinstance(function, np.ufunc) and not name.startswith("_")
    }
    missing = sorted(set(ufuncs) - set(listed))
    assert not missing, f"not in the table nor among SPECIAL_UNSUPPORTED: {', '.join(missing)}"
    for name, function in ufuncs.items():
        assert (listed[name].status == UNSUPPORTED) == (function not in UFUNCS), name
    for name in set(ufuncs) & set(supported.SPECIAL_UNSUPPORTED):
        with pytest.raises(TypeError, match=rf"scipy\.special\.{name} is not supported"):
            ufuncs[name](*[Tensor([0.5], requires_grad=True)] * ufuncs[name].nin)
