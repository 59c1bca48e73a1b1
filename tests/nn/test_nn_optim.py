"""The optimizers against PyTorch's trajectories and against their papers; groups, state, memory."""

from __future__ import annotations

import copy
import importlib.util
import json
import math
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from nn import optim

REFERENCES = Path(__file__).parent.parent / "references"
_spec = importlib.util.spec_from_file_location("make_optimizers", REFERENCES / "make_optimizers.py")
assert _spec is not None
assert _spec.loader is not None
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)

PATHS = {
    "packed": {},
    "two to a pack": {"pack_size": 20},
    "in place": {"pack_below": 0},
    "in place, in blocks": {"pack_below": 0, "block": 4},
    "packed, in blocks": {"block": 7},
}
ALL = ("SGD", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW", "NAdam", "RAdam", "Lion")


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    with np.load(REFERENCES / "optimizers.npz") as file:
        return dict(file)


def start(dtype: Any = np.float64) -> list[ag.Tensor]:
    return [ag.Tensor(np.array(p, dtype), requires_grad=True) for p in make.beginning()]


def vector(params: list[ag.Tensor]) -> Any:
    return np.concatenate([p.numpy().ravel() for p in params])


def backward(params: list[ag.Tensor], step: int) -> ag.Tensor:
    x, y = (a.astype(params[0].dtype) for a in make.data())
    loss: ag.Tensor = make.loss(params, x, y, np.tanh, np.cos, step)
    loss.backward()
    return loss


def descend(optimizer: optim.Optimizer, params: list[ag.Tensor], steps: range) -> None:
    for step in steps:
        optimizer.zero_grad()
        backward(params, step)
        optimizer.step()


def options_of(kind: str) -> dict[str, Any]:
    return {"momentum": 0.9} if kind == "SGD" else {}


# ---------------------------------------------------------------- PyTorch


@pytest.mark.parametrize("form", PATHS)
@pytest.mark.parametrize("case", make.CASES)
def test_trajectory_is_pytorchs(
    case: str, form: str, reference: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, options = make.CASES[case]
    cls = getattr(optim, kind)
    for name, value in PATHS[form].items():
        monkeypatch.setattr(cls, name, value)
    params = start()
    optimizer = cls(params, **options)
    path = []
    for step in range(1, make.STEPS + 1):
        descend(optimizer, params, range(step, step + 1))
        if step in make.NOTED:
            path.append(vector(params))
    np.testing.assert_allclose(np.array(path), reference[case], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", make.LBFGS_CASES)
def test_lbfgs_is_pytorchs(case: str, reference: dict[str, Any]) -> None:
    params = start()
    optimizer = optim.LBFGS(params, **make.LBFGS_CASES[case])

    def closure() -> ag.Tensor:
        optimizer.zero_grad()
        return backward(params, 1)

    path = []
    for _ in range(make.LBFGS_STEPS):
        optimizer.step(closure)
        path.append(vector(params))
    np.testing.assert_allclose(np.array(path), reference[case], rtol=1e-7, atol=1e-9)
    assert optimizer.state[params[0]]["func_evals"] == reference[f"{case} evaluations"]


# ---------------------------------------------------------------- the papers


def paper(kind: str, p: Any, gradients: list[Any]) -> Any:
    """The update rules as the papers print them, step by step, without any thrift."""
    p = p.copy()
    m, v, u = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    product = 1.0
    for t, g in enumerate(gradients, start=1):
        if kind == "SGD":  # Polyak's heavy ball
            m = 0.9 * m + g
            p = p - 1e-3 * m
        elif kind == "Adagrad":  # Duchi et al., eq. 1, diagonal
            v = v + g**2
            p = p - 1e-2 * g / (np.sqrt(v) + 1e-10)
        elif kind == "RMSprop":  # Hinton, slide 29
            v = 0.99 * v + 0.01 * g**2
            p = p - 1e-2 * g / (np.sqrt(v) + 1e-8)
        elif kind == "Adadelta":  # Zeiler, algorithm 1
            v = 0.9 * v + 0.1 * g**2
            d = -np.sqrt(u + 1e-6) / np.sqrt(v + 1e-6) * g
            u = 0.9 * u + 0.1 * d**2
            p = p + d
        elif kind in ("Adam", "AdamW"):  # Kingma and Ba, algorithm 1; Loshchilov and Hutter, algorithm 2
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g**2
            decay = 1e-3 * 0.01 * p if kind == "AdamW" else 0.0
            p = p - 1e-3 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8) - decay
        elif kind == "NAdam":  # Dozat, algorithm 2
            mu, mu_next = (0.9 * (1 - 0.5 * 0.96 ** (k * 0.004)) for k in (t, t + 1))
            product *= mu
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g**2
            m_hat = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
            p = p - 2e-3 * m_hat / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        elif kind == "RAdam":  # Liu et al., algorithm 2
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g**2
            longest = 2 / (1 - 0.999) - 1
            length = longest - 2 * t * 0.999**t / (1 - 0.999**t)
            m_hat = m / (1 - 0.9**t)
            if length > 5:
                r = math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
                p = p - 1e-3 * r * m_hat * math.sqrt(1 - 0.999**t) / (np.sqrt(v) + 1e-8)
            else:
                p = p - 1e-3 * m_hat
        elif kind == "Lion":  # Chen et al., algorithm 2
            c = 0.9 * m + 0.1 * g
            m = 0.99 * m + 0.01 * g
            p = p - 1e-4 * (np.sign(c) + 0.0 * p)
    return p


@pytest.mark.parametrize("size", [3, 100_000])
@pytest.mark.parametrize("kind", ALL)
def test_agrees_with_its_paper(kind: str, size: int) -> None:
    rng = np.random.default_rng(3)
    gradients = [rng.normal(size=size) for _ in range(40)]
    p = rng.normal(size=size)
    t = ag.Tensor(p.copy(), requires_grad=True)
    optimizer = getattr(optim, kind)([t], **options_of(kind))
    for g in gradients:
        t.grad = g
        optimizer.step()
    np.testing.assert_allclose(t.numpy(), paper(kind, p, gradients), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("form", PATHS)
def test_lion_with_decay_is_the_papers_for_200_steps(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PATHS[form].items():
        monkeypatch.setattr(optim.Lion, name, value)
    params, theirs = start(), start()
    optimizer = optim.Lion(params, lr=0.003, betas=(0.8, 0.95), weight_decay=0.3)
    momenta = [np.zeros(p.shape) for p in theirs]
    for step in range(1, 201):
        descend(optimizer, params, range(step, step + 1))
        for p in theirs:
            p.zero_grad()
        backward(theirs, step)
        for i, p in enumerate(theirs):
            if p.grad is not None:
                c = 0.8 * momenta[i] + (1 - 0.8) * p.grad
                p.data = p.data - 0.003 * (np.sign(c) + 0.3 * p.data)
                momenta[i] = 0.95 * momenta[i] + (1 - 0.95) * p.grad
    np.testing.assert_allclose(vector(params), vector(theirs), rtol=1e-12, atol=1e-13)


def test_lion_maximizes() -> None:
    x = ag.Tensor([1.0, -1.0], requires_grad=True)
    x.grad = np.array([2.0, -2.0])
    optim.Lion([x], lr=0.5, maximize=True).step()
    assert x.tolist() == [1.5, -1.5]


def test_lbfgs_needs_few_steps_for_rosenbrock() -> None:
    x = ag.Tensor(np.tile([-1.2, 1.0], 5), requires_grad=True)
    optimizer = optim.LBFGS([x], max_iter=200, max_eval=400, line_search_fn="strong_wolfe", tolerance_change=1e-14)

    def closure() -> ag.Tensor:
        optimizer.zero_grad()
        loss: ag.Tensor = (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(x.numpy(), 1.0, atol=1e-6)


# ---------------------------------------------------------------- dtypes, layouts, memory


@pytest.mark.parametrize("kind", [*ALL, "LBFGS"])
@pytest.mark.parametrize("form", PATHS)
def test_float32_is_kept(kind: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = getattr(optim, kind)
    for name, value in PATHS[form].items():
        monkeypatch.setattr(cls, name, value)
    results = []
    for dtype in (np.float32, np.float64):
        params = start(dtype)
        optimizer = cls(params, **options_of(kind))
        for _ in range(10 if kind != "LBFGS" else 1):
            optimizer.step(lambda params=params, optimizer=optimizer: (optimizer.zero_grad(), backward(params, 1))[1])
        assert all(p.dtype == dtype for p in params)
        for state in optimizer.state.values():
            assert all(a.dtype == dtype for a in state.values() if isinstance(a, np.ndarray))
        results.append(vector(params))
    np.testing.assert_allclose(results[0], results[1], rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("kind", ALL)
def test_mixed_dtypes_and_layouts_give_the_same(kind: str) -> None:
    rng = np.random.default_rng(5)
    values = [
        rng.normal(size=(30, 40)),
        rng.normal(size=(7,)).astype(np.float32),
        rng.normal(size=(200, 100)),
        rng.normal(size=(150, 120)),
    ]
    grads = [rng.normal(size=v.shape).astype(v.dtype) for v in values]

    def run(fortran: bool) -> list[Any]:
        # A Fortran-ordered parameter, and a large parameter with a Fortran-ordered gradient.
        own = [
            values[0].copy(),
            values[1].copy(),
            np.asfortranarray(values[2]) if fortran else values[2].copy(),
            values[3].copy(),
        ]
        params = [ag.Tensor(v, requires_grad=True) for v in own]
        optimizer = getattr(optim, kind)(params, **options_of(kind))
        for k in range(3):
            for i, (p, g) in enumerate(zip(params, grads, strict=True)):
                p.grad = np.asfortranarray(g * (k + 1)) if fortran and i != 2 else g * (k + 1)
            optimizer.step()
        assert all(p.numpy().base is v for p, v in zip(params, own, strict=True)), "written in place"
        return [p.numpy() for p in params]

    for a, b in zip(run(True), run(False), strict=True):
        np.testing.assert_array_equal(a, b)


def test_replaced_memory_of_another_layout_is_still_written() -> None:
    p = ag.Tensor(np.ones((300, 400)), requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5)
    for block in (optim.SGD.block, 1000):
        optimizer.__class__.block = block
        p.grad = np.ones((300, 400))
        optimizer.step()
        p.data = p.numpy().copy(order="F")
        optimizer.step()
    assert np.all(p.numpy() == -1.0)
    optim.SGD.block = 262144


@pytest.mark.parametrize("kind", ALL)
def test_complex_parameters_move_as_their_parts(kind: str) -> None:
    rng = np.random.default_rng(0)
    z0, target = (rng.normal(size=5) + 1j * rng.normal(size=5) for _ in range(2))
    z = ag.Tensor(z0.copy(), requires_grad=True)
    re, im = ag.Tensor(z0.real.copy(), requires_grad=True), ag.Tensor(z0.imag.copy(), requires_grad=True)
    one = getattr(optim, kind)([z], **options_of(kind))
    two = getattr(optim, kind)([re, im], **options_of(kind))
    for _ in range(20):
        one.zero_grad()
        (np.abs(z - target) ** 2).sum().backward()
        one.step()
        two.zero_grad()
        ((re - target.real) ** 2 + (im - target.imag) ** 2).sum().backward()
        two.step()
    np.testing.assert_allclose(z.numpy(), re.numpy() + 1j * im.numpy(), rtol=1e-12)
    assert np.abs(z.numpy() - target).sum() < np.abs(z0 - target).sum()


def test_lbfgs_takes_complex_parameters() -> None:
    z = ag.Tensor(np.array([1.0 + 2.0j, -1.0j]), requires_grad=True)
    optimizer = optim.LBFGS([z])

    def closure() -> ag.Tensor:
        optimizer.zero_grad()
        loss: ag.Tensor = (np.abs(z - np.array([3.0 - 1.0j, 2.0 + 0.5j])) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(z.numpy(), [3.0 - 1.0j, 2.0 + 0.5j], atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("kind", ALL)
def test_a_step_allocates_nothing(kind: str, decay: float) -> None:
    shapes = [(300, 400), (50, 60), (60,), (), (500, 300)]
    params = [ag.Tensor(np.ones(s, np.float32), requires_grad=True) for s in shapes]
    optimizer = getattr(optim, kind)(params, **options_of(kind), weight_decay=decay)
    for p in params:
        p.grad = np.ones(p.shape, np.float32)
    params[-1].grad = np.asfortranarray(params[-1].grad)
    for _ in range(16):
        optimizer.step()
    tracemalloc.start()
    try:
        for _ in range(17):  # one of them flushes
            optimizer.step()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(17):
            optimizer.step()
        assert tracemalloc.get_traced_memory()[1] - before < 8000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [k for k in ALL if k not in ("Adagrad", "Lion")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [3, 17000])
def test_moments_of_dead_units_do_not_become_subnormal(kind: str, dtype: Any, size: int) -> None:
    p = ag.Tensor(np.ones(size, dtype), requires_grad=True)
    cls = getattr(optim, kind)
    options = {"SGD": {"momentum": 0.5}, "RMSprop": {"alpha": 0.6}, "Adadelta": {"rho": 0.6}}.get(
        kind, {"betas": (0.5, 0.6)}
    )
    optimizer = cls([p], **options)
    p.grad = np.full(size, 0.1, dtype)
    optimizer.step()
    p.grad = np.zeros(size, dtype)
    tiny = np.finfo(dtype).tiny
    for _ in range(1600 if dtype is np.float64 else 250):
        optimizer.step()
        for name, a in optimizer.state[p].items():
            if isinstance(a, np.ndarray):
                flat = np.abs(a.ravel()[:3])
                assert np.all((flat == 0) | (flat >= tiny)), name
    assert all(
        np.all(a == 0) for name, a in optimizer.state[p].items() if isinstance(a, np.ndarray) and name != "acc_delta"
    )


@pytest.mark.parametrize("kind", ALL)
def test_nan_and_infinity_go_into_the_parameter(kind: str) -> None:
    p = ag.Tensor(np.ones(3, np.float32), requires_grad=True)
    optimizer = getattr(optim, kind)([p], **options_of(kind))
    p.grad = np.array([np.nan, np.inf, 3e30], np.float32)  # the square overflows; warnings are errors here
    optimizer.step()
    optimizer.step()
    assert np.isnan(p.numpy()[0])


def test_empty_and_single_element_parameters() -> None:
    params = [ag.Tensor(np.ones(s), requires_grad=True) for s in [(0,), (), (1, 1, 1), (3, 0)]]
    for kind in ALL:
        optimizer = getattr(optim, kind)(params)
        for p in params:
            p.grad = np.ones(p.shape)
        optimizer.step()
    assert params[1].item() < 1.0


# ---------------------------------------------------------------- groups


def test_groups_have_their_own_options_and_follow_changes() -> None:
    a, b = (ag.Tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.25)
    a.grad = b.grad = np.array([1.0])
    optimizer.step()
    assert (a.item(), b.item()) == (0.75, 0.5)
    optimizer.param_groups[0]["lr"] = 1.0
    optimizer.step()
    assert (a.item(), b.item()) == (-0.25, 0.0)
    assert optimizer.param_groups[1]["momentum"] == 0


def test_options_switched_on_and_off_between_steps() -> None:
    """A momentum that comes, goes and comes again; PyTorch keeps the buffer meanwhile."""
    for pack_below in (0, 100):

        class Small(optim.SGD):
            pass

        Small.pack_below = pack_below
        p = ag.Tensor(np.zeros(3), requires_grad=True)
        optimizer = Small([p], lr=1.0)
        expected, buffer = 0.0, None
        for momentum in (0, 0.5, 0.5, 0, 0.5, 0.25):
            optimizer.param_groups[0]["momentum"] = momentum
            p.grad = np.ones(3)
            optimizer.step()
            if momentum:
                buffer = 1.0 if buffer is None else momentum * buffer + 1.0
            expected -= buffer if momentum and buffer is not None else 1.0
            assert p.tolist() == [expected] * 3


def test_rmsprop_slots_may_change_in_any_order() -> None:
    def run(packs: int) -> Any:
        p = ag.Tensor(np.ones(4), requires_grad=True)

        class Some(optim.RMSprop):
            pack_below = packs

        optimizer = Some([p], momentum=0.9)
        rng = np.random.default_rng(0)
        for options in ({}, {"momentum": 0.0}, {"centered": True}, {"momentum": 0.5}, {"centered": False}, {}):
            optimizer.param_groups[0].update(options)
            for _ in range(2):
                p.grad = rng.normal(size=4)
                optimizer.step()
        assert set(optimizer.state[p]) == {"step", "square_avg", "momentum_buffer", "grad_avg"}
        return p.numpy()

    np.testing.assert_array_equal(run(0), run(100))
    assert np.all(np.isfinite(run(0)))


def test_parameters_without_gradient_and_their_state_stay() -> None:
    params = start()
    optimizer = optim.Adam(params)
    descend(optimizer, params, range(3, 4))  # the last has no gradient yet
    assert params[-1] not in optimizer.state
    descend(optimizer, params, range(4, 6))
    descend(optimizer, params, range(6, 7))
    assert [optimizer.state[p]["step"] for p in params] == [4, 4, 4, 4, 2]
    before = copy.deepcopy(dict(optimizer.state[params[-1]]))
    descend(optimizer, params, range(9, 10))
    assert optimizer.state[params[-1]]["step"] == before["step"]
    np.testing.assert_array_equal(optimizer.state[params[-1]]["exp_avg"], before["exp_avg"])


def test_a_pack_goes_on_in_runs_when_gradients_fail() -> None:
    """Random presence of gradients, packed and one by one, gives the same bits."""
    rng = np.random.default_rng(1)
    presence = rng.random((30, 6)) < 0.6
    presence[0] = True

    def run(pack_below: int) -> Any:
        params = [ag.Tensor(np.full(3, float(i)), requires_grad=True) for i in range(6)]

        class Some(optim.NAdam):
            pass

        Some.pack_below = pack_below
        optimizer = Some(params, lr=0.1)
        values = np.random.default_rng(2)
        for row in presence:
            for p, here in zip(params, row, strict=True):
                g = values.normal(size=3)
                p.grad = g if here else None
            optimizer.step()
        assert [optimizer.state[p]["step"] for p in params] == presence.sum(axis=0).tolist()
        return vector(params)

    np.testing.assert_array_equal(run(0), run(100))


def test_add_param_group_and_names() -> None:
    a, b, c = (ag.Tensor([1.0], requires_grad=True) for _ in range(3))
    optimizer = optim.Adam([("a", a), ("b", b)], lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["a", "b"]
    optimizer.add_param_group({"params": [("c", c)], "lr": 0.2})
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.2]
    with pytest.raises(ValueError, match="names"):
        optimizer.add_param_group({"params": [ag.Tensor([1.0], requires_grad=True)]})
    assert "lr: 0.2" in repr(optimizer)


def test_generators_and_closures() -> None:
    params = start()
    optimizer = optim.SGD((p for p in params), lr=0.1)
    assert len(optimizer.param_groups[0]["params"]) == 5
    with ag.no_grad():
        loss = optimizer.step(lambda: backward(params, 1))
    assert isinstance(loss, ag.Tensor)
    optimizer.zero_grad(set_to_none=False)
    assert np.all(params[0].grad == 0)
    optimizer.zero_grad()
    assert params[0].grad is None


def test_an_update_between_forward_and_backward_is_seen() -> None:
    for size in (3, 40000):
        p = ag.Tensor([1.0] * size, requires_grad=True)
        optimizer = optim.Adam([p])
        p.grad = np.ones(size)
        loss = (p * p).sum()
        optimizer.step()
        with pytest.raises(RuntimeError, match="overwritten"):
            loss.backward()


GOOD = ag.Tensor([1.0], requires_grad=True)


@pytest.mark.parametrize(
    ("make_it", "error", "words"),
    [
        (lambda: optim.SGD([]), ValueError, "empty"),
        (lambda: optim.SGD(p for p in ()), ValueError, "generator"),
        (lambda: optim.SGD([{"params": []}]), ValueError, "empty"),
        (lambda: optim.SGD(GOOD), TypeError, "one Tensor: put it into a list"),
        (lambda: optim.SGD({GOOD}), TypeError, "set"),
        (lambda: optim.SGD([{"params": {GOOD}}]), TypeError, "order"),
        (lambda: optim.SGD(3), TypeError, "int"),
        (lambda: optim.SGD([3]), TypeError, "parameter 0 is 3, a int"),
        (lambda: optim.SGD([np.ones(2)]), TypeError, "ndarray"),
        (lambda: optim.SGD([ag.Tensor([1, 2])]), ValueError, r"parameter 0 \(\(2,\) int64\) needs no gradient"),
        (lambda: optim.SGD([ag.Tensor([1.0])]), ValueError, "needs no gradient"),
        (lambda: optim.SGD([("w", ag.Tensor([1.0]))]), ValueError, r"parameter 0 \(w\)"),
        (lambda: optim.SGD([GOOD * 2]), ValueError, "result of multiply"),
        (lambda: optim.SGD([GOOD, GOOD]), ValueError, "twice"),
        (lambda: optim.SGD([{"params": [GOOD]}, {"params": [GOOD]}]), ValueError, "twice"),
        (lambda: optim.SGD([{"params": [GOOD], "momentun": 0.9}]), ValueError, "momentun"),
        (lambda: optim.SGD([{"param": [GOOD]}]), TypeError, "params"),
        (lambda: optim.SGD([GOOD], lr=-0.1), ValueError, r"SGD: lr .*-0\.1"),
        (lambda: optim.SGD([GOOD], lr=math.nan), ValueError, "nan"),
        (lambda: optim.SGD([{"params": [GOOD], "lr": -2.0}]), ValueError, r"-2\.0"),
        (lambda: optim.SGD([GOOD], momentum=-1), ValueError, "momentum.*-1"),
        (lambda: optim.SGD([GOOD], weight_decay=-1), ValueError, "weight_decay.*-1"),
        (lambda: optim.SGD([GOOD], nesterov=True), ValueError, "nesterov"),
        (lambda: optim.SGD([GOOD], nesterov=True, momentum=0.9, dampening=0.1), ValueError, "dampening"),
        (lambda: optim.Adam([GOOD], betas=(1.0, 0.9)), ValueError, r"\(1\.0, 0\.9\)"),
        (lambda: optim.Adam([GOOD], betas=(0.9, -0.1)), ValueError, "betas"),
        (lambda: optim.Adam([GOOD], betas=0.9), ValueError, "pair"),  # type: ignore[arg-type]
        (lambda: optim.Adam([GOOD], eps=-1e-8), ValueError, "eps.*-1e-08"),
        (lambda: optim.Adagrad([GOOD], lr_decay=-1), ValueError, "lr_decay"),
        (lambda: optim.Adagrad([GOOD], initial_accumulator_value=-1), ValueError, "initial_accumulator_value"),
        (lambda: optim.RMSprop([GOOD], alpha=-1), ValueError, "alpha"),
        (lambda: optim.Adadelta([GOOD], rho=1.5), ValueError, r"rho.*1\.5"),
        (lambda: optim.NAdam([GOOD], momentum_decay=-1), ValueError, "momentum_decay"),
        (lambda: optim.Lion([GOOD], betas=(0.9, 1.0)), ValueError, "betas"),
        (lambda: optim.LBFGS([GOOD], line_search_fn="armijo"), ValueError, "armijo"),
        (lambda: optim.LBFGS([GOOD], max_iter=0), ValueError, "max_iter"),
        (lambda: optim.LBFGS([GOOD], history_size=0), ValueError, "history_size"),
        (
            lambda: optim.LBFGS([{"params": [GOOD]}, {"params": [ag.Tensor([1.0], requires_grad=True)]}]),
            ValueError,
            "one group",
        ),
        (lambda: optim.LBFGS([GOOD]).step(), TypeError, "closure"),
    ],
)
def test_errors(make_it: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make_it()


# ---------------------------------------------------------------- state


def advance(optimizer: optim.Optimizer, params: list[ag.Tensor], steps: range) -> None:
    for step in steps:

        def closure(step: int = step) -> ag.Tensor:
            optimizer.zero_grad()
            return backward(params, step if not isinstance(optimizer, optim.LBFGS) else 1)

        optimizer.step(closure)


@pytest.mark.parametrize("through", ["as it is", "json", "deepcopy", "pickle"])
@pytest.mark.parametrize("kind", [*ALL, "LBFGS"])
def test_a_restored_optimizer_goes_on_bit_for_bit(kind: str, through: str) -> None:
    options = {
        "Adam": {"amsgrad": True},
        "RMSprop": {"centered": True, "momentum": 0.5},
        "LBFGS": {"max_iter": 3, "history_size": 3},
    }.get(kind, options_of(kind))
    params = start()
    optimizer = getattr(optim, kind)(params, **options)
    advance(optimizer, params, range(3, 24))
    if through in ("deepcopy", "pickle"):
        others, twin = (
            copy.deepcopy((params, optimizer))
            if through == "deepcopy"
            else pickle.loads(pickle.dumps((params, optimizer)))
        )
    else:
        saved = optimizer.state_dict()
        if through == "json":
            saved = json.loads(json.dumps(saved, default=lambda a: a.tolist()))
        others = [ag.Tensor(p.numpy().copy(), requires_grad=True) for p in params]
        twin = getattr(optim, kind)(others)
        twin.load_state_dict(saved)
    advance(optimizer, params, range(24, 60))
    advance(twin, others, range(24, 60))
    np.testing.assert_array_equal(vector(params), vector(others))
    assert len(twin.state) == len(optimizer.state)


def test_state_dict_is_plain_and_a_copy() -> None:
    params = start()
    optimizer = optim.Adam(params)
    advance(optimizer, params, range(1, 3))
    saved = optimizer.state_dict()
    assert saved["param_groups"][0]["params"] == [0, 1, 2, 3, 4]
    assert saved["param_groups"][0]["betas"] == [0.9, 0.999]
    assert set(saved["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert saved["state"][0]["exp_avg"].shape == (3, 5)
    assert saved["state"][3]["exp_avg"].shape == ()
    kept = saved["state"][0]["exp_avg"].copy()
    advance(optimizer, params, range(3, 5))
    np.testing.assert_array_equal(saved["state"][0]["exp_avg"], kept)
    twin = optim.Adam(start())
    twin.load_state_dict(saved)
    advance(twin, twin.param_groups[0]["params"], range(1, 2))
    np.testing.assert_array_equal(saved["state"][0]["exp_avg"], kept)


def test_loading_keeps_the_group_dicts_that_schedules_hold() -> None:
    params = start()
    optimizer = optim.Adam(params)
    group = optimizer.param_groups[0]
    saved = optimizer.state_dict()
    saved["param_groups"][0]["lr"] = 0.5
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0] is group
    assert group["lr"] == 0.5
    assert group["betas"] == (0.9, 0.999)


def spoil(saved: dict[str, Any], how: str) -> Any:
    state, groups = saved["state"], saved["param_groups"]
    if how == "groups":
        groups.append(copy.deepcopy(groups[0]))
    elif how == "count":
        groups[0]["params"].append(5)
    elif how == "shape":
        state[2]["exp_avg"] = np.zeros((2, 5))
    elif how == "kind":
        state[1]["momentum_buffer"] = np.zeros(5)
    elif how == "step":
        del state[4]["step"]
    elif how == "index":
        state[9] = state[0]
    elif how == "option":
        del groups[0]["eps"]
    elif how == "range":
        groups[0]["lr"] = -1.0
    else:
        return {"weights": 1}
    return saved


@pytest.mark.parametrize("how", ["groups", "count", "shape", "kind", "step", "index", "option", "range", "other"])
def test_a_wrong_state_changes_nothing(how: str) -> None:
    params = start()
    optimizer = optim.Adam(params)
    advance(optimizer, params, range(1, 6))
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match="Adam"):
        optimizer.load_state_dict(spoil(optimizer.state_dict(), how))
    after = optimizer.state_dict()
    assert before["param_groups"] == after["param_groups"]
    for i in before["state"]:
        for name, value in before["state"][i].items():
            np.testing.assert_array_equal(value, after["state"][i][name])


def test_a_wrong_lbfgs_state_changes_nothing() -> None:
    params = start()
    optimizer = optim.LBFGS(params, max_iter=4)
    advance(optimizer, params, range(1, 3))
    kept = optimizer.state[params[0]]["n_iter"]
    for key, value in {"d": np.zeros(3), "old_dirs": [np.zeros(3)], "exp_avg": np.zeros(3), "ro": [1.0]}.items():
        saved = optimizer.state_dict()
        saved["state"][0][key] = value
        with pytest.raises(ValueError, match="LBFGS"):
            optimizer.load_state_dict(saved)
    assert optimizer.state[params[0]]["n_iter"] == kept


def test_state_can_be_read_and_written_as_views() -> None:
    params = start()
    optimizer = optim.Adam(params)
    advance(optimizer, params, range(1, 2))
    state = optimizer.state[params[0]]
    view = state["exp_avg"]
    advance(optimizer, params, range(2, 3))
    assert optimizer.state[params[0]]["exp_avg"].base is view.base
    state["exp_avg"] = np.ones((3, 5))
    assert np.all(view == 1.0)
    state["step"] = 7
    assert [optimizer.state[p]["step"] for p in params] == [7, 2, 2, 2, 2]
    advance(optimizer, params, range(4, 5))
    assert [optimizer.state[p]["step"] for p in params] == [8, 3, 3, 3, 3]
    with pytest.raises(ValueError, match="shape"):
        state["exp_avg"] = np.ones(2)
    with pytest.raises(KeyError, match="exp_avg"):
        state["sum"]
    with pytest.raises(KeyError, match="sum"):
        state["sum"] = 1
    with pytest.raises(TypeError, match="names"):
        del state["step"]
    assert len(state) == 3
    assert "exp_avg" in repr(state)


def test_a_momentum_buffer_alone_is_loaded() -> None:
    """PyTorch's SGD saves no count."""
    p = ag.Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0, momentum=0.5, dampening=0.5)
    saved = optimizer.state_dict()
    saved["state"] = {0: {"momentum_buffer": np.array([4.0])}}
    optimizer.load_state_dict(saved)
    p.grad = np.array([2.0])
    optimizer.step()
    assert p.item() == 1.0 - (0.5 * 4.0 + 0.5 * 2.0)
