"""vmap: axes, trees, nesting, derivatives inside and outside, what is refused."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np import Tensor, vmap
from autograd_np.batching.table import OF_C, TABLE, words_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4))
W = RNG.normal(size=(4, 3))


def loop(f: Any, *arguments: Any) -> Any:
    return np.stack([np.asarray(f(*each)) for each in zip(*arguments, strict=True)])


def same(a: Any, b: Any, rtol: float = 1e-10) -> None:
    np.testing.assert_allclose(*(t.numpy() if isinstance(t, Tensor) else t for t in (a, b)), rtol=rtol, atol=1e-12)


def energy(x: Any) -> Any:
    return np.sum(np.tanh(x @ W) ** 2)


def test_parameters_are_named_as_numpy_names_them() -> None:
    """Where this NumPy gives its functions in C a signature, the table has it too, and it has every one that is
    without."""
    for function in TABLE:
        words = words_of(function)
        if function.__name__ in OF_C:
            assert words == tuple(OF_C[function.__name__].split())


# ---------------------------------------------------------------- axes and trees


def test_the_value_is_that_of_a_loop() -> None:
    given = vmap(energy)(X)
    assert type(given) is np.ndarray
    same(given, loop(energy, X))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2])
@pytest.mark.parametrize("out", [0, 1, -1])
def test_in_axes_and_out_axes(axis: int, out: int) -> None:
    x = RNG.normal(size=(2, 3, 4))
    given = vmap(np.cumsum, in_axes=axis, out_axes=out)(x)
    rows = [np.cumsum(np.take(x, i, axis)) for i in range(x.shape[axis])]
    same(given, np.stack(rows, axis=out))


def test_none_is_the_same_for_all() -> None:
    same(vmap(np.dot, in_axes=(0, None))(X, W[:, 0]), X @ W[:, 0])
    same(vmap(np.dot, in_axes=(None, 0))(W[:, 0], X), X @ W[:, 0])
    same(vmap(lambda x, y: y, in_axes=(0, None))(X, 2.0), np.full(6, 2.0))
    assert vmap(lambda x, y: y, in_axes=(0, None), out_axes=None)(X, 2.0) == 2.0


def test_trees() -> None:
    def f(d: Any, k: Any) -> Any:
        return {"p": d["a"] * k, "q": (k.sum(), d["b"])}

    given = vmap(f, in_axes=({"a": 1, "b": None}, 0), out_axes={"p": 1, "q": (0, None)})({"a": X.T, "b": 3.0}, X)
    same(given["p"], (X * X).T)
    same(given["q"][0], X.sum(1))
    assert given["q"][1] == 3.0


def test_arguments_by_name_are_mapped_over_their_first_axis() -> None:
    same(vmap(lambda x, *, y: x + y)(X, y=X), 2 * X)


def test_a_tensor_comes_out_where_one_came_in() -> None:
    assert isinstance(vmap(energy)(Tensor(X)), Tensor)
    w = Tensor(W, requires_grad=True)
    out = vmap(lambda x: np.sum(x @ w))(X)
    assert isinstance(out, Tensor)
    assert out.requires_grad


@pytest.mark.parametrize("size", [1, 2, 4, 6, 100])
def test_chunks(size: int) -> None:
    same(vmap(energy, chunk_size=size)(X), loop(energy, X))
    same(ag.grad(lambda x: vmap(energy, chunk_size=size)(x).sum())(X), loop(ag.grad(energy), X))


@pytest.mark.parametrize("n", [0, 1])
def test_batches_of_none_and_one(n: int) -> None:
    assert vmap(energy)(X[:n]).shape == (n,)
    assert vmap(ag.grad(energy))(X[:n]).shape == (n, 4)
    assert ag.grad(lambda x: vmap(energy)(x).sum())(X[:n]).shape == (n, 4)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_dtypes_stay(dtype: str) -> None:
    x = X.astype(dtype)
    assert vmap(np.sin)(x).dtype == dtype
    assert vmap(lambda v: v * 2.0 + 1)(x).dtype == dtype


def test_it_is_pickled_and_copied_as_what_it_was_made_of() -> None:
    f = vmap(np.dot, in_axes=(0, None))
    for other in (pickle.loads(pickle.dumps(f)), copy.deepcopy(f)):
        same(other(X, W[:, 0]), X @ W[:, 0])


# ---------------------------------------------------------------- nesting and derivatives


@pytest.mark.parametrize("inner", [ag.grad, ag.hessian, lambda f: lambda x: ag.jvp(f, x, np.ones(4))[1], ag.hvp])
def test_derivatives_inside(inner: Any) -> None:
    f = inner(energy)
    if inner is ag.hvp:
        same(vmap(f)(X, X[::-1]), loop(f, X, X[::-1]))
    else:
        same(vmap(f)(X), loop(f, X))


def test_jacobians_inside() -> None:
    f = ag.jacobian(lambda x: np.tanh(x @ W))
    same(vmap(f)(X), loop(f, X))


def test_vjp_inside() -> None:
    def f(x: Any) -> Any:
        out, pullback = ag.vjp(lambda v: np.tanh(v @ W), x)
        return pullback(out**2)

    same(vmap(f)(X), loop(f, X))


def test_the_gradient_of_what_is_the_same_for_all_is_a_sum() -> None:
    def f(w: Any) -> Any:
        return vmap(lambda x, v: np.sum(np.tanh(x @ v)), in_axes=(0, None))(X, w).sum()

    def closed(w: Any) -> Any:
        return vmap(lambda x: np.sum(np.tanh(x @ w)))(X).sum()

    expected = ag.grad(lambda w: sum([np.sum(np.tanh(x @ w)) for x in X]))(W)
    same(ag.grad(f)(W), expected)
    same(ag.grad(closed)(W), expected)
    w = Tensor(W, requires_grad=True)
    closed(w).backward()
    same(w.grad, expected)


def test_backward_inside_accumulates_as_a_loop_does() -> None:
    w = Tensor(W, requires_grad=True)

    def f(x: Any) -> Any:
        np.sum(np.tanh(x @ w)).backward()
        return x

    vmap(f)(X)
    same(w.grad, ag.grad(lambda w: sum([np.sum(np.tanh(x @ w)) for x in X]))(W))


def test_gradients_inside_are_those_of_each_element() -> None:
    w = Tensor(W, requires_grad=True)
    v = w * 2  # older than the batch too

    def f(x: Any) -> Any:
        return ag.gradients(np.sum(np.tanh(x @ v)), w)

    same(vmap(f)(X), loop(lambda x: ag.grad(lambda w: np.sum(np.tanh(x @ (w * 2))))(W), X))


def test_per_example_gradients() -> None:
    f = ag.grad(lambda w, x: np.sum(np.tanh(x @ w)))
    same(vmap(f, in_axes=(None, 0))(W, X), np.stack([f(W, x) for x in X]))


def test_second_order_through_and_across() -> None:
    def outside(w: Any) -> Any:
        return (vmap(ag.grad(lambda x: np.sum(np.tanh(x @ w) ** 3)))(X) ** 2).sum()

    def in_a_loop(w: Any) -> Any:
        return sum([(ag.grad(lambda x: np.sum(np.tanh(x @ w) ** 3))(x) ** 2).sum() for x in X])

    same(ag.grad(outside)(W), ag.grad(in_a_loop)(W))
    same(ag.hessian(lambda x: vmap(energy)(x).sum())(X[:2]), ag.hessian(lambda x: energy(x[0]) + energy(x[1]))(X[:2]))


def test_nested() -> None:
    given = vmap(vmap(lambda x, y: x * np.sin(y), in_axes=(None, 0)), in_axes=(0, None))(X, X[0])
    same(given, np.stack([np.stack([x * np.sin(y) for y in X[0]]) for x in X]))
    three = RNG.normal(size=(2, 3, 4, 5))
    same(vmap(vmap(vmap(np.sort)))(three), np.sort(three))
    same(
        vmap(vmap(ag.grad(energy)))(np.stack([X, -X])), np.stack([loop(ag.grad(energy), X), loop(ag.grad(energy), -X)])
    )
    outer = vmap(lambda x: vmap(lambda y: x @ y)(X))(X)
    same(outer, X @ X.T)


def test_indices_of_each_element() -> None:
    i = np.array([3, 1, 0, 2, 2, 1])
    same(vmap(lambda x, k: x[k])(X, i), X[np.arange(6), i])
    same(vmap(lambda x: x[np.argmax(x)])(X), X.max(1))
    same(vmap(lambda k: ag.take(W, k, axis=0))(i), W[i])
    table = Tensor(W, requires_grad=True)
    out = vmap(lambda k: table[k])(i)
    out.sum().backward()
    same(out, W[i])
    same(table.grad, np.bincount(i, minlength=4)[:, None] * np.ones(3))
    same(ag.grad(lambda x: vmap(lambda r, k: r[k] ** 2)(x, i).sum())(X)[np.arange(6), i], 2 * X[np.arange(6), i])


@pytest.mark.parametrize(
    "index",
    [
        np.s_[0], np.s_[-1, 1:], np.s_[..., 0], np.s_[None, 1], np.s_[[0, 1]], np.s_[[0, 1], [1, 2]],
        np.s_[:, [0, 2, 1]], np.s_[[0, 1], :, [1, 2]],
        np.s_[0, :, [1, 2]], np.s_[np.array([[True, False, True], [False, True, True]])],
        np.s_[:, :, np.array([True, False, True, True])], np.s_[::-1, ::2],
    ],
)  # fmt: skip
def test_indices_that_are_the_same_for_all(index: Any) -> None:
    x = RNG.normal(size=(5, 2, 3, 4))
    same(vmap(lambda v: v[index])(x), np.stack([v[index] for v in x]))
    f = ag.grad(lambda v: np.sum(v[index] ** 3))
    same(vmap(f)(x), loop(f, x))


def test_compiled() -> None:
    for f in (energy, ag.grad(energy), ag.hessian(energy)):
        compiled = ag.compile(vmap(f))
        for x in (X, X + 1, X - 1):
            same(compiled(x), loop(f, x))
        assert "vmap" not in compiled.source.split("def run")[1]  # NumPy one can read


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x if x[0] > 0 else -x, r"np\.where"),
        (lambda x: float(x[0]), "float"),
        (lambda x: int(x[0]), "int"),
        (lambda x: np.array([x[0], x[1]]), r"np\.stack"),
        (lambda x: np.asarray(x), "ndarray"),
        (lambda x: math.sin(x.numpy()[0]), r"float\(\)"),
        (lambda x: W[np.argmax(x)], r"ag\.take"),
        (lambda x: [1, 2, 3][: np.argmax(x)], r"int\(\)|index"),
        (lambda x: x[x > 0].sum(), r"np\.where"),
        (lambda x: x[0].item(), "item"),
        (lambda x: x.tolist(), "tolist"),
        (lambda x: [1, 2, 3][np.argmax(x)], r"int\(\)|index"),
        (lambda x: f"{x[0]:.2f}", "item|format"),
        (lambda x: np.nonzero(x > 0)[0], "shape"),
    ],
)  # fmt: skip
def test_what_has_one_answer_is_refused(f: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        vmap(f)(X)


def test_a_write_into_one_array_for_all_is_refused() -> None:
    def f(x: Any) -> Any:
        room = np.zeros(4)
        room[:] = x
        return room

    with pytest.raises(TypeError, match=r"np\.zeros_like"):
        vmap(f)(X)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: vmap(energy(X[0])), TypeError, "takes a function"),
        (lambda: vmap(np.dot)(X, X[:3]), ValueError, "argument 1.*length 3.*argument 0 length 6"),
        (lambda: vmap(np.dot, in_axes=(0,))(X, X), ValueError, "1 entries for 2"),
        (lambda: vmap(np.sin, in_axes=None)(X), ValueError, "None for all"),
        (lambda: vmap(np.sin, in_axes=2)(X), ValueError, "no axis 2"),
        (lambda: vmap(np.sin)(3.0), ValueError, "shape ()"),
        (lambda: vmap(np.sin, in_axes=0.5)(X), TypeError, "integers and None"),
        (lambda: vmap(np.sin, out_axes=None)(X), ValueError, "differs among"),
        (lambda: vmap(np.sin, out_axes=3)(X), ValueError, "out_axes is 3"),
        (lambda: vmap(lambda x: (x, x), out_axes=(0, 0, 0))(X), ValueError, "no tree like"),
        (lambda: vmap(lambda x: "text")(X), TypeError, "returned"),
        (lambda: vmap(np.sin, chunk_size=0), ValueError, "chunk_size"),
        (lambda: vmap(np.sin, randomness="new"), ValueError, "randomness"),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_an_error_of_one_element_is_that_of_the_function() -> None:
    with pytest.raises(ValueError, match="same number of dimensions, .* index 0 has 1 dimension"):
        vmap(lambda x: np.concatenate([x, np.ones((2, 2))]))(X)


# ---------------------------------------------------------------- random numbers


def test_random_numbers() -> None:
    def noisy(x: Any) -> Any:
        return ag.dropout(x, 0.5, rng=generator)

    ones = np.ones((5, 100))
    generator = np.random.default_rng(0)
    with pytest.raises(ag.BatchingError, match="different"):
        vmap(noisy)(ones)
    rows = vmap(noisy, randomness="different")(ones)
    assert len({row.tobytes() for row in rows}) == 5
    rows = vmap(noisy, randomness="same")(ones)
    assert len({row.tobytes() for row in rows}) == 1


def test_numbers_from_a_generator_of_numpy() -> None:
    generator = np.random.default_rng(0)

    def f(x: Any) -> Any:
        return x + generator.normal(size=4)

    for randomness in ("error", "different"):
        with pytest.raises(ag.BatchingError, match="map over it"):
            vmap(f, randomness=randomness)(X)
    noise = vmap(f, randomness="same")(X) - X
    same(noise, np.broadcast_to(noise[0], noise.shape))


# ---------------------------------------------------------------- models


def test_per_sample_gradients_of_a_model() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    labels = np.array([0, 1, 2, 0, 1, 2])
    x = X.astype(np.float32)
    loss = nn.CrossEntropyLoss()

    def gradients(v: Any, label: Any) -> Any:
        return ag.gradients(loss(model(v[None]), label[None]), list(model.parameters()))

    given = vmap(gradients)(x, labels)
    for k in range(6):
        model.zero_grad()
        loss(model(x[k : k + 1]), labels[k : k + 1]).backward()
        for g, p in zip(given, model.parameters(), strict=True):
            same(g[k], p.grad, 1e-4)


def test_what_is_one_for_all_gets_the_sum_whatever_form_its_cotangent_has() -> None:
    """Of pieces summed later, of an operation of several outputs, and where rows of a Hessian are a batch of their
    own."""
    a = RNG.normal(size=(5, 3))
    indices = np.array([0, 3, 3, 1])

    def mapped(x: Any) -> Any:
        q, r = np.linalg.qr(x)
        return vmap(lambda k: q[k] @ r)(indices).sum()

    def by_hand(x: Any) -> Any:
        q, r = np.linalg.qr(x)
        return sum((q[k] @ r).sum() for k in indices)

    t = Tensor(a, requires_grad=True)
    mapped(t).backward()
    same(t.grad, ag.grad(by_hand)(a))
    same(ag.hessian(mapped)(a), ag.hessian(by_hand)(a), 1e-8)
    cubes = lambda x: np.sum(vmap(lambda k: x[k] ** 3)(indices))
    same(
        ag.jacobian(ag.hessian(cubes))(a), ag.jacobian(ag.hessian(lambda x: sum((x[k] ** 3).sum() for k in indices)))(a)
    )


def test_a_batched_tensor_is_printed() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append((str(x), repr(x)))
        return x.sum()

    vmap(f)(X)
    assert seen == [("<batch of 6: (4,) float64>", "Tensor(<batch of 6: (4,) float64>, shape=(4,), dtype=float64)")]


MODELS = [
    (lambda: nn.LSTM(4, 3), (5, 4)),
    (lambda: nn.GRU(4, 3), (5, 4)),
    (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()), (1, 6, 6)),
    (lambda: nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.GELU()), (4,)),
    (lambda: nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5)).eval(), (4,)),
    (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4)), (2, 4, 4)),
    (lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), (3, 4)),
]


@pytest.mark.parametrize(("make", "shape"), MODELS)
def test_per_sample_gradients(make: Any, shape: Any) -> None:
    model = make()
    x = RNG.normal(size=(3, *shape)).astype(np.float32)
    parameters = list(model.parameters())

    def value(v: Any) -> Any:
        y = model(v[None])
        return np.sum((y[0] if isinstance(y, tuple) else y) ** 2)

    given = vmap(lambda v: ag.gradients(value(v), parameters))(x)
    whole = ag.gradients(np.sum(vmap(value)(x)), parameters)
    for k in range(len(x)):
        for g, expected in zip(given, ag.gradients(value(x[k]), parameters), strict=True):
            np.testing.assert_allclose(g[k], expected, rtol=2e-3, atol=1e-4)
    for g, total in zip(given, whole, strict=True):
        np.testing.assert_allclose(g.sum(0), total, rtol=2e-3, atol=1e-3)


LOSSES = [
    (nn.MSELoss(), "real"), (nn.L1Loss(), "real"), (nn.HuberLoss(), "real"), (nn.SmoothL1Loss(), "real"),
    (nn.BCEWithLogitsLoss(), "probability"), (nn.KLDivLoss(reduction="batchmean"), "probability"),
    (nn.CrossEntropyLoss(label_smoothing=0.1), "class"),
    (nn.CrossEntropyLoss(weight=np.array([1.0, 2.0, 3.0])), "class"), (nn.NLLLoss(), "class"),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "kind"), LOSSES)
def test_losses_of_each_element(loss: Any, kind: str) -> None:
    x = RNG.normal(size=(6, 3))
    target = {"real": x[::-1] * 2, "probability": RNG.random((6, 3)), "class": RNG.integers(0, 3, 6)}[kind]
    f = ag.grad(lambda v, t: loss(v[None], t[None]))
    same(vmap(f)(x, target), loop(f, x, target))


def test_random_numbers_in_a_compiled_program() -> None:
    generator = np.random.default_rng(0)
    ones = np.ones((5, 100))
    for randomness, distinct in (("different", 5), ("same", 1)):
        program = ag.compile(vmap(lambda x: ag.dropout(x, 0.5, rng=generator), randomness=randomness))
        runs = [program(ones) for _ in range(3)]
        assert [len({row.tobytes() for row in rows}) for rows in runs] == [distinct] * 3
        assert len({rows.tobytes() for rows in runs}) == 3
    with pytest.raises(ag.BatchingError, match="randomness"):
        ag.compile(vmap(lambda x: x + generator.normal(size=100)))(ones)


def test_a_compiled_function_is_mapped() -> None:
    compiled = ag.compile(energy)
    for _ in range(3):
        same(vmap(compiled)(X), loop(energy, X))
        same(compiled(X[0]), energy(X[0]))
    same(vmap(lambda x: ag.compile(lambda w: np.sum(w * x))(np.ones(4)))(X), X.sum(1))


def test_anomalies_in_a_batch_are_found() -> None:
    with ag.detect_anomaly():
        same(vmap(ag.grad(energy))(X), loop(ag.grad(energy), X))
        with pytest.raises(ag.AnomalyError, match="log"), np.errstate(all="ignore"):
            vmap(ag.grad(lambda x: np.sum(np.log(x))))(X)
