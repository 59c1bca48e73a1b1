"""Module, Parameter, the containers and summary."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn


class Affine(nn.Module):
    def __init__(self, inside: int, outside: int, bias: bool = True) -> None:
        super().__init__()
        rng = np.random.default_rng(inside * 100 + outside)
        self.weight = nn.Parameter(rng.normal(size=(inside, outside)).astype(np.float32))
        self.bias: nn.Parameter | None
        if bias:
            self.bias = nn.Parameter(np.zeros(outside, np.float32))
        else:
            self.register_parameter("bias", None)
        self.register_buffer("calls", np.zeros((), np.int64))
        self.register_buffer("scratch", np.zeros(2, np.float32), persistent=False)

    def forward(self, x: Any) -> Any:
        self.calls += 1
        y = x @ self.weight
        return y if self.bias is None else y + self.bias


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = Affine(2, 3)
        self.rest = nn.Sequential(Affine(3, 3, bias=False), nn.Sequential(Affine(3, 1)))

    def forward(self, x: Any) -> Any:
        return self.rest(np.tanh(self.first(x)))


X = np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2)


# ---------------------------------------------------------------- parameters


def test_parameter_is_a_tensor_that_owns_its_values() -> None:
    values = np.ones((2, 3), np.float32)
    p = nn.Parameter(values)
    values[:] = 5
    assert isinstance(p, ag.Tensor)
    assert p.requires_grad
    assert p.is_leaf
    np.testing.assert_array_equal(p.numpy(), 1)
    assert nn.Parameter([1, 2]).dtype == np.float32
    assert nn.Parameter(np.zeros(2)).dtype == np.float64
    assert nn.Parameter(ag.Tensor([1.0, 2.0], requires_grad=True)).dtype == np.float64
    assert not nn.Parameter(np.zeros(2), requires_grad=False).requires_grad
    assert repr(p).startswith("Parameter([")


@pytest.mark.parametrize(
    "function",
    [
        lambda p: p * 2.0,
        lambda p: 2.0 * p,
        lambda p: np.ones((4, 2)) @ p,
        lambda p: np.exp(p),
        lambda p: np.stack([p, p]),
        lambda p: p[0],
        lambda p: p.T,
        lambda p: np.einsum("ij,kj->ik", p, p),
        lambda p: np.where(p.numpy() > 0, p, 0.0),
        lambda p: ag.relu(p),
        lambda p: np.linalg.norm(p),
    ],
)
def test_operations_see_a_parameter_as_a_tensor(function: Any) -> None:
    values = np.array([[1.0, -2.0, 3.0], [0.5, 2.0, -1.0]])
    p, t = nn.Parameter(values), ag.Tensor(values, requires_grad=True)
    y, z = function(p), function(t)
    assert type(y) is ag.Tensor
    np.testing.assert_array_equal(y.numpy(), z.numpy())
    y.sum().backward()
    z.sum().backward()
    np.testing.assert_array_equal(p.grad, t.grad)


def test_a_parameter_where_no_gradient_flows_is_refused_as_a_tensor_is() -> None:
    with pytest.raises(ag.NonDifferentiableError):
        np.quantile(np.arange(3.0), nn.Parameter(np.array(0.5)))


def test_parameter_keeps_its_kind_when_copied_and_pickled() -> None:
    p = nn.Parameter(np.arange(3.0), name="w")
    (p * 2).sum().backward()
    for q in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(q) is nn.Parameter
        assert q.name == "w"
        np.testing.assert_array_equal(q.grad, p.grad)
        q.writable()[0] = 9
        assert p.numpy()[0] == 0


# ---------------------------------------------------------------- registration


def test_attributes_register_in_order() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "first.weight",
        "first.bias",
        "rest.0.weight",
        "rest.1.0.weight",
        "rest.1.0.bias",
    ]
    assert [name for name, _ in net.named_modules()] == ["", "first", "rest", "rest.0", "rest.1", "rest.1.0"]
    assert [name for name, _ in net.named_children()] == ["first", "rest"]
    assert [name for name, _ in net.first.named_buffers()] == ["calls", "scratch"]
    assert len(list(net.parameters(recurse=False))) == 0
    assert net.get_submodule("rest.1.0").bias is net.get_parameter("rest.1.0.bias")
    with pytest.raises(AttributeError, match=r"rest\.7"):
        net.get_submodule("rest.7")
    with pytest.raises(AttributeError, match="no parameter"):
        net.get_parameter("first.calls")


def test_attributes_can_be_replaced_and_deleted() -> None:
    layer = Affine(2, 3)
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    layer.bias = nn.Parameter(np.ones(3, np.float32))
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    layer.calls = np.array(4)
    assert layer.state_dict()["calls"] == 4
    with pytest.raises(TypeError, match=r"writable\(\)"):
        layer.weight = np.zeros((2, 3))  # type: ignore[assignment]
    with pytest.raises(TypeError, match="buffer is a plain array"):
        layer.calls = ag.Tensor([1.0])
    del layer.weight
    assert "weight" not in layer.state_dict()
    layer.scratch = nn.Parameter(np.zeros(2))
    assert "scratch" in dict(layer.named_parameters())
    assert "scratch" not in dict(layer.named_buffers())


def test_registration_errors() -> None:
    class Forgot(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Parameter(np.zeros(2))

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Forgot()

    class Never(nn.Module):
        def __init__(self) -> None:
            pass

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Never()(X)
    module = nn.Module()
    with pytest.raises(TypeError, match="ModuleList"):
        module.layers = [Affine(2, 3), Affine(3, 4)]
    with pytest.raises(TypeError, match="ModuleDict"):
        module.layers = {"a": Affine(2, 3)}
    module.a, module.b = Affine(2, 2), Affine(2, 2)
    module.both = (module.a, module.b)  # registered already
    with pytest.raises(ValueError, match="without dots"):
        module.register_module("a.b", Affine(2, 2))
    with pytest.raises(ValueError, match="method"):
        module.register_parameter("train", nn.Parameter(np.zeros(1)))
    with pytest.raises(TypeError, match=r"nn\.Parameter"):
        module.register_parameter("w", ag.Tensor([1.0]))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"no nn\.Module"):
        module.register_module("f", np.tanh)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="contain itself"):
        module.me = module
    with pytest.raises(NotImplementedError, match="forward"):
        module(X)


def test_what_is_shared_is_one_parameter() -> None:
    net = nn.Module()
    net.a = Affine(2, 2)
    net.b = net.a
    net.c = Affine(2, 2)
    net.c.weight = net.a.weight
    assert len(list(net.parameters())) == 3
    assert len(list(net.modules())) == 3
    assert set(net.state_dict()) == {f"{m}.{n}" for m in "abc" for n in ("weight", "bias", "calls")}
    net.double()
    assert net.c.weight is net.a.weight
    assert net.a.weight.dtype == np.float64


# ---------------------------------------------------------------- modes and gradients


def test_modes_and_freezing() -> None:
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())
    with pytest.raises(TypeError, match="mode"):
        net.train("no")  # type: ignore[arg-type]
    net.first.requires_grad_(False)
    net(X).sum().backward()
    assert net.first.weight.grad is None
    weight = net.get_parameter("rest.0.weight")
    assert weight.grad.dtype == np.float32
    net.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(weight.grad, 0)
    net.zero_grad()
    assert weight.grad is None


def test_apply_goes_from_the_inside_out() -> None:
    seen: list[str] = []
    net = Net()
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen[-1] == "Net"
    assert seen.count("Affine") == 3


def test_hooks() -> None:
    net = Net()
    with net.first.register_forward_hook(lambda module, args, y: y * 0.0):
        assert np.all(net(X).numpy() == net(-X).numpy())
    handle = net.register_forward_pre_hook(lambda module, args: args[0] * 0)
    np.testing.assert_array_equal(net(X).numpy(), net(-X).numpy())
    handle.remove()
    handle.remove()
    assert not np.all(net(X).numpy() == net(-X).numpy())


def test_conversion() -> None:
    net = Net().double()
    assert net(X.astype(float)).dtype == np.float64
    assert net.first.calls.dtype == np.int64
    assert net.float()(X).dtype == np.float32
    with pytest.raises(TypeError, match="floating"):
        net.to(int)


# ---------------------------------------------------------------- regularisation


def test_penalty_is_what_its_formula_says_and_has_its_gradient() -> None:
    net = Net().double().regularize(l1=0.3, l2=0.2, bias_l2=0.7)
    expected = sum(
        0.3 * np.abs(p.numpy()).sum() + 0.2 * (p.numpy() ** 2).sum() if p.ndim > 1 else 0.7 * (p.numpy() ** 2).sum()
        for p in net.parameters()
    )
    penalty = net.penalty()
    assert isinstance(penalty, ag.Tensor)
    np.testing.assert_allclose(penalty.item(), expected, rtol=1e-14)
    penalty.backward()
    w = net.first.weight
    np.testing.assert_allclose(w.grad, 0.3 * np.sign(w.numpy()) + 0.4 * w.numpy(), rtol=1e-14)
    net.rest.regularize()
    np.testing.assert_allclose(net.penalty().item(), 0.3 * np.abs(w.numpy()).sum() + 0.2 * (w.numpy() ** 2).sum())  # type: ignore[union-attr]
    assert Net().penalty() == 0.0
    with pytest.raises(ValueError, match="l2"):
        net.regularize(l2=-1)


def test_penalty_counts_what_is_shared_once() -> None:
    net = nn.Module()
    net.a = Affine(2, 2)
    net.b = net.a
    one = net.a.regularize(l2=1.0).penalty().item()  # type: ignore[union-attr]
    assert net.regularize(l2=1.0).penalty().item() == one  # type: ignore[union-attr]


# ---------------------------------------------------------------- state


def test_state_is_a_copy_and_goes_in_again() -> None:
    net, other = Net(), Net()
    state = net.state_dict()
    assert set(state) == {
        *("first.weight", "first.bias", "first.calls", "rest.0.weight", "rest.0.calls"),
        *("rest.1.0.weight", "rest.1.0.bias", "rest.1.0.calls"),
    }
    before = net.first.weight.numpy().copy()
    state["first.weight"][:] = 7
    np.testing.assert_array_equal(net.first.weight.numpy(), before)
    held = other.first.weight
    assert other.load_state_dict(state) == ([], [])
    assert other.first.weight is held
    np.testing.assert_array_equal(held.numpy(), 7)
    other.load_state_dict({name: ag.Tensor(value) for name, value in state.items()})


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda s: s.pop("first.bias"), ValueError, r"missing: first\.bias"),
        (lambda s: s.update(extra=np.zeros(1)), ValueError, "not expected: extra"),
        (lambda s: s.update({"rest.1.0.weight": np.zeros((1, 3))}), ValueError, r"\(3, 1\) here and \(1, 3\)"),
        (lambda s: s.update({"rest.1.0.weight": np.zeros((3, 1), complex)}), TypeError, "complex"),
        (lambda s: s.update({"rest.1.0.calls": np.zeros((), float)}), TypeError, "int64 here and float64"),
        (lambda s: s.update({"rest.1.0.bias": np.array(["a"])}), TypeError, "rest.1.0.bias"),
    ],
)
def test_a_wrong_state_changes_nothing(change: Any, error: type[Exception], match: str) -> None:
    net = Net()
    before, state = net.state_dict(), net.state_dict()
    state["first.weight"] += 1
    change(state)
    with pytest.raises(error, match=match):
        net.load_state_dict(state)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_loading_without_strict_tells_what_did_not_fit() -> None:
    net = Net()
    state = net.state_dict()
    state["other"] = state.pop("first.weight")
    assert net.load_state_dict(state, strict=False) == (["first.weight"], ["other"])


def test_loading_between_forward_and_backward_is_noticed() -> None:
    net = Net()
    y = net(X).sum()
    net.load_state_dict(net.state_dict())
    with pytest.raises(ag.MutationError):
        y.backward()


def test_modules_are_copied_and_pickled_whole() -> None:
    net = Net()
    y = net(X).numpy()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other(X).numpy(), y)
        other.first.weight.writable()[...] = 0
        assert [name for name, _ in other.named_parameters()] == [name for name, _ in net.named_parameters()]
    np.testing.assert_array_equal(net(X).numpy(), y)


# ---------------------------------------------------------------- containers


def test_sequential_is_a_list() -> None:
    a, b, c = Affine(2, 3), Affine(3, 4), Affine(4, 5)
    model = nn.Sequential(a, b)
    np.testing.assert_array_equal(model(X).numpy(), b(a(X)).numpy())
    assert model.append(c) is model
    assert len(model) == 3
    assert model[-1] is c
    assert isinstance(model[:2], nn.Sequential)
    assert list(model[1:]) == [b, c]
    assert [name for name, _ in model.named_children()] == ["0", "1", "2"]
    del model[1]
    assert list(model) == [a, c]
    model.insert(1, b)
    model[2] = Affine(4, 1)
    assert model(X).shape == (4, 1)
    assert a in model
    assert c not in model
    with pytest.raises(IndexError, match="out of range"):
        model[3]
    with pytest.raises(TypeError, match=r"\*modules"):
        nn.Sequential([a, b])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="holds modules"):
        nn.Sequential(a, np.tanh)  # type: ignore[arg-type]


def test_sequential_with_names() -> None:
    model = nn.Sequential({"in": Affine(2, 3), "out": Affine(3, 1)})
    assert set(model.state_dict()) >= {"in.weight", "out.weight"}
    assert model(X).shape == (4, 1)
    assert nn.Sequential()(X) is X


def test_module_dict() -> None:
    heads = nn.ModuleDict({"a": Affine(2, 1)})
    heads["b"] = Affine(2, 2)
    heads.update([("c", Affine(2, 3))])
    assert list(heads) == ["a", "b", "c"] == list(heads.keys())
    assert "b" in heads
    assert len(heads) == 3
    assert [m.weight.shape[1] for m in heads.values()] == [1, 2, 3]  # type: ignore[attr-defined]
    popped = heads.pop("b")
    assert popped not in heads.values()
    assert [name for name, _ in heads.items()] == ["a", "c"]
    with pytest.raises(KeyError, match="no module 'b'"):
        heads["b"]
    assert len(list(heads.parameters())) == 4


# ---------------------------------------------------------------- in print


def test_repr_is_a_table_of_contents() -> None:
    assert repr(nn.Sequential(Affine(2, 2), nn.Sequential(Affine(2, 2)))).splitlines() == [
        "Sequential(",
        "  (0): Affine()",
        "  (1): Sequential(",
        "    (0): Affine()",
        "  )",
        ")",
    ]


def test_summary_counts_and_leaves_everything_as_it_was() -> None:
    net = Net()
    net.rest[0].eval()
    net.first.requires_grad_(False)
    found = nn.summary(net, (4, 2))
    assert found.parameters == sum(p.size for p in net.parameters()) == 9 + 9 + 4
    assert found.trainable == 13
    assert [row.output_shape for row in found.rows] == [(4, 1), (4, 3), (4, 1), (4, 3), (4, 1), (4, 1)]
    assert net.training
    assert not net.rest[0].training
    assert "parameters 22, of which frozen 9" in str(found)
    assert not net._forward_hooks
    with pytest.raises(TypeError, match="shape"):
        nn.summary(net)


def test_summary_shows_what_was_not_called_and_what_is_shared() -> None:
    net = Net()
    net.unused = Affine(5, 5)
    net.again = net.first
    text = str(nn.summary(net, X))
    assert "not called" in text
    assert nn.summary(net, X).parameters == sum(p.size for p in net.parameters())


# ---------------------------------------------------------------- defaults


def test_seed_and_default_dtype() -> None:
    held = nn.default_generator()
    nn.manual_seed(3)
    first = held.random(4)
    assert nn.manual_seed(3) is held
    np.testing.assert_array_equal(held.random(4), first)
    nn.set_default_dtype(np.float64)
    try:
        assert nn.Parameter([1.0]).dtype == np.float64
    finally:
        nn.set_default_dtype(np.float32)
    with pytest.raises(TypeError, match="floating"):
        nn.set_default_dtype(int)
