"""Modules as trees of their parameters, and modules nested as deep as one likes."""

from __future__ import annotations

import copy
import functools
import pickle
import time

import numpy as np
import pytest

import autograd_np as ag
import nn

X = np.random.default_rng(0).normal(size=(5, 3))


class Net(nn.Module):
    """A shared parameter, buffers, and attributes that refer to modules and to their methods."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4, rng=0)
        self.norm = nn.BatchNorm1d(4)
        self.last = nn.Linear(4, 4, rng=1)
        self.last.weight = self.shared = nn.Parameter(np.eye(4))
        self.order = [self.first, self.norm]
        self.table = {"last": self.last}
        self.method = self.last.forward
        self.partial = functools.partial(self.last)

    def forward(self, x):
        for layer in self.order:
            x = layer(x)
        return self.method(np.tanh(x)) + self.table["last"](x) * self.partial(x) @ self.shared


@pytest.fixture
def net():
    return Net().double()


def loss(model):
    return np.sum(model(X) ** 3)


def by_backward(model):
    other = copy.deepcopy(model)
    with ag.enable_grad():
        loss(other).backward()
    return {name: p.grad for name, p in other.named_parameters()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("recorded", [True, False])
def test_the_gradient_with_respect_to_a_model_has_its_shape(net, training, recorded):
    net.train(training)
    before, expected = net.state_dict(), by_backward(net)
    with ag.enable_grad() if recorded else ag.no_grad():
        g = ag.grad(loss)(net)
        value, again = ag.value_and_grad(loss)(net)
    assert type(g) is Net
    assert g is not net
    assert g.last.weight is g.shared
    assert g.order[0] is g.first
    assert g.table["last"] is g.last
    assert g.method.__self__ is g.last
    for found in (g, again):
        assert [name for name, _ in found.named_parameters()] == [*expected]
        for name, p in found.named_parameters():
            np.testing.assert_allclose(p.numpy(), expected[name], rtol=1e-10, atol=1e-12, err_msg=name)
    assert value.item() == pytest.approx(loss(copy.deepcopy(net)).item())
    after = net.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before), "the model is as it was"
    assert all(p.grad is None and isinstance(p, nn.Parameter) for p in net.parameters())


def test_models_under_the_other_transforms(net):
    assert ag.gradcheck(loss, (net.eval(),))
    g = ag.grad(loss)(net)
    product, twice = (
        ag.hvp(loss)(net, g),
        ag.grad(lambda m: sum([np.sum(p**2) for p in ag.grad(loss)(m).parameters()]) / 2)(net),
    )
    for (name, a), (_, b) in zip(product.named_parameters(), twice.named_parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-9, err_msg=name)
    _, along = ag.jvp(loss, (net,), (g,))
    assert along.item() == pytest.approx(sum(np.sum(p.numpy() ** 2) for p in g.parameters()))
    stepped = ag.tree_map(lambda p, q: p - 0.1 * q, net, g)
    np.testing.assert_array_equal(stepped.first.bias.numpy(), (net.first.bias - 0.1 * g.first.bias).numpy())
    assert not ag.stop_gradient(net).shared.requires_grad
    total = loss(net) + np.sum(g.shared**2)  # the gradient is on the tape of the parameters
    assert all(x is not None for x in ag.gradients(total, list(net.parameters())))


def test_aux_brings_back_the_statistics(net):
    def both(model):
        return loss(model), model

    (_, seen), _ = ag.value_and_grad(both, has_aux=True)(net)
    other = copy.deepcopy(net)
    loss(other)
    np.testing.assert_array_equal(seen.norm.running_mean, other.norm.running_mean)
    assert not np.array_equal(seen.norm.running_mean, net.norm.running_mean)


def test_a_compiled_gradient_of_a_model(net):
    with pytest.raises(ag.CompileError, match=r"returns a new Net.*named_parameters"):
        ag.compile(ag.grad(loss))(net)
    with ag.no_grad():
        compiled = ag.compile(lambda m: dict(ag.grad(loss)(m).named_parameters()))
        for _ in range(3):
            found, expected = compiled(net), by_backward(net)
            for name, g in found.items():
                np.testing.assert_allclose(g.numpy(), expected[name], rtol=1e-9, atol=1e-11, err_msg=name)
            for p in net.parameters():
                p.writable()[...] *= 1.01
        assert compiled.cache_info().hits == 2


def test_models_that_differ_are_named(net):
    other = Net().double()
    other.last.bias = None
    with pytest.raises(ValueError, match=r"hvp: the vector: there must be a Net with .*\.last\.bias"):
        ag.hvp(loss)(net, other)


def test_checkpoint_of_a_function_of_a_model_writes_to_that_model(net):
    x = ag.Tensor(X, requires_grad=True)
    before = net.norm.running_mean.copy()
    y = ag.checkpoint(lambda model, x: model.first(x))(net, x).sum()
    y.backward()
    assert net.first.weight.grad is not None
    ag.checkpoint(lambda model, x: model.norm(model.first(x)))(net, x)
    assert not np.array_equal(before, net.norm.running_mean)


# ---------------------------------------------------------------- depth


def nested(depth):
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.BatchNorm1d(2))
    for _ in range(depth):
        model = nn.Sequential(model)
    return model


def inner(model):
    while isinstance(model, nn.Sequential) and len(model) == 1:
        model = model[0]
    return model


def test_a_sequential_nested_1500_deep(tmp_path):
    start = time.perf_counter()
    model, x = nested(1500), np.ones((3, 2), np.float32)
    x[0] = 2.0
    core = inner(model)
    assert len([*model.parameters()]) == 4
    assert len(model.state_dict()) == 7
    model.load_state_dict(model.state_dict())
    text = repr(model).split("\n")
    assert len(text) == 2 * 1501 + 2
    assert text[1501].strip() == "(0): Linear(in_features=2, out_features=2, bias=True)"
    assert model.eval().training is core[0].training is False
    model.train()
    model(x).sum().backward()
    assert core[0].weight.grad is not None
    model.zero_grad()
    assert core[0].weight.grad is None
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(again.eval()(x).numpy(), copy.copy(model).eval()(x).numpy())
        assert inner(again)[0].weight is not core[0].weight
    nn.save(model, tmp_path / "deep.npz")
    nn.load(tmp_path / "deep.npz", model)
    table = nn.summary(model, (3, 2))
    assert len(table.rows) == 1503
    assert table.rows[700].output_shape == (3, 2)
    g = ag.grad(lambda model: np.sum(model(x) ** 2))(model)
    assert inner(g)[0].weight.shape == (2, 2)
    seconds = time.perf_counter() - start
    assert seconds < 20, f"{seconds:.1f} s"


def test_a_nested_sequential_calls_hooks_in_the_order_of_calls():
    def watched(kind):
        order = []
        a, b, c = nn.Linear(2, 2, rng=0), nn.ReLU(), nn.Linear(2, 2, rng=1)
        model = nn.Sequential(kind(a, kind(b), nn.Identity()), kind(), c)
        for path, module in model.named_modules():
            module.register_forward_pre_hook(lambda m, args, path=path: order.append(("before", path, args[0].shape)))
            module.register_forward_hook(
                lambda m, args, out, path=path: order.append(("after", path, args[0].shape, out.shape))
            )
        model[0][1].register_forward_pre_hook(lambda m, args: args[0] * 2.0)
        model[0][1].register_forward_hook(lambda m, args, out: out + 1.0)
        y = model(np.ones((3, 2), np.float32))
        return order, y.numpy(), str(ag.tape(y))

    class Called(nn.Sequential):
        """It is called, as a subclass may have a forward of its own."""

    (order, y, table), (other, z, called) = watched(nn.Sequential), watched(Called)
    assert order == other
    np.testing.assert_array_equal(y, z)
    assert table.replace("Sequential", "Called") == called.replace("Sequential", "Called")


def test_a_forward_put_on_a_nested_sequential_is_called():
    model = nn.Sequential(nn.Sequential(nn.ReLU()))
    model[0].forward = lambda x: x * 3.0
    assert model(np.ones(2)).tolist() == [3.0, 3.0]


def test_a_module_that_would_contain_itself_is_refused_also_after_a_copy():
    model = nn.Sequential(nn.Sequential(nn.Sequential(nn.ReLU())))
    for found in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model)), ag.tree_map(lambda p: p, model)):
        with pytest.raises(ValueError, match="cannot contain itself"):
            found[0][0].append(found)
        with pytest.raises(ValueError, match="cannot contain itself"):
            found[0].again = found
        with pytest.raises(ValueError, match="cannot contain itself"):
            found.itself = found
