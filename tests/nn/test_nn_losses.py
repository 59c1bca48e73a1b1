"""Losses: PyTorch's values and gradients, gradcheck, dtypes, shapes, kinks, empty batches, errors."""

import json
import pathlib

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_np as ag
import nn
import nn.functional as F  # noqa: N812

REFERENCE = pathlib.Path(__file__).parent.parent / "references" / "losses.npz"
SMOOTH = {"atol": 1e-12, "rtol": 1e-10}


def reference():
    with np.load(REFERENCE) as stored:
        cases, numbers = json.loads(str(stored["cases"])), stored["numbers"]
    start = 0
    for case in cases:
        arrays = {}
        for role, shape, dtype in case["arrays"]:
            size = int(np.prod(shape))
            arrays[role] = numbers[start : start + size].reshape(shape).astype(dtype)
            start += size
        case["arrays"] = arrays
    assert start == len(numbers)
    return cases


CASES = reference()


def label(case):
    return f"{case['name']}-" + "-".join(f"{k}={v}" for k, v in case["options"].items())


def run(case, dtype=np.float64):
    """The layer of a reference case, its operands and its output after backward."""
    arrays = case["arrays"]
    layer = getattr(nn, case["name"])(**case["options"])
    layer.to(dtype)
    inputs = []
    for i in range(sum(role.startswith("input") for role in arrays)):
        x = arrays[f"input{i}"]
        inputs.append(ag.Tensor(x.astype(dtype), requires_grad=True) if i in case["wrt"] else x)
    out = layer(*inputs)
    out.backward(arrays["cotangent"].astype(dtype) if out.ndim else None)
    return layer, inputs, out


@pytest.mark.parametrize("case", CASES, ids=label)
def test_agrees_with_pytorch(case):
    layer, inputs, out = run(case)
    arrays = case["arrays"]
    assert out.dtype == np.float64
    tolerance = dict(SMOOTH)
    if case["name"] in ("Hardsigmoid", "BCELoss"):  # PyTorch has 1/6 and 1e-12 in single precision
        tolerance["rtol"] = 1e-7
    np.testing.assert_allclose(out.numpy(), arrays["out"], **tolerance)
    for i in case["wrt"]:
        np.testing.assert_allclose(inputs[i].grad, arrays[f"grad{i}"], err_msg=f"gradient of operand {i}", **tolerance)
    for name, parameter in layer.named_parameters():
        np.testing.assert_allclose(parameter.grad, arrays[f"parameter_{name}"], err_msg=name, **tolerance)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_float32_stays_float32(case):
    _, inputs, out = run(case, np.float32)
    assert out.dtype == np.float32
    assert all(inputs[i].grad.dtype == np.float32 for i in case["wrt"])
    if case["name"] != "BCELoss":  # 1 − 1e-16 is another number there
        np.testing.assert_allclose(out.numpy(), case["arrays"]["out"], rtol=2e-4, atol=1e-4)


SIGNS = np.array([1.0, -1.0, 1.0, -1.0])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("loss", "inputs"),
    [
        (
            lambda r: nn.CrossEntropyLoss(label_smoothing=0.1, weight=[1.0, 2.0, 0.5], reduction=r).double(),
            lambda n: (n(4, 3), np.array([0, 2, -100, 1])),
        ),
        (
            lambda r: nn.NLLLoss(weight=[1.0, 2.0, 0.5], reduction=r).double(),
            lambda n: (n(4, 3), np.array([0, 2, -100, 1])),
        ),
        (lambda r: nn.BCELoss(reduction=r), lambda n: (np.abs(np.tanh(n(4))) * 0.9 + 0.05, np.abs(np.tanh(n(4))))),
        (
            lambda r: nn.BCEWithLogitsLoss(reduction=r, pos_weight=[2.0, 1.0, 0.5]).double(),
            lambda n: (n(4, 3), np.abs(np.tanh(n(4, 3)))),
        ),
        (lambda r: nn.MSELoss(reduction=r), lambda n: (n(4, 3), n(4, 3))),
        (lambda r: nn.HuberLoss(reduction=r, delta=0.7), lambda n: (n(4, 3), n(4, 3))),
        (lambda r: nn.SmoothL1Loss(reduction=r, beta=0.7), lambda n: (n(4, 3), n(4, 3))),
        (lambda r: nn.L1Loss(reduction=r), lambda n: (n(4, 3), n(4, 3))),
        (lambda r: nn.KLDivLoss(reduction=r), lambda n: (n(4, 3), np.exp(n(4, 3)))),
        (lambda r: nn.KLDivLoss(reduction=r, log_target=True), lambda n: (n(4, 3), n(4, 3))),
        (lambda r: nn.HingeLoss(reduction=r), lambda n: (n(4), SIGNS)),
        (lambda r: nn.HingeLoss(reduction=r, squared=True, margin=0.5), lambda n: (n(4), SIGNS)),
        (lambda r: nn.MultiMarginLoss(reduction=r, p=2), lambda n: (n(4, 3), np.array([0, 2, 1, 1]))),
        (lambda r: nn.CosineEmbeddingLoss(reduction=r), lambda n: (n(4, 3), n(4, 3), SIGNS)),
        (lambda r: nn.GaussianNLLLoss(reduction=r, full=True), lambda n: (n(4, 3), n(4, 3), np.exp(n(4, 3)))),
        (lambda r: nn.PoissonNLLLoss(reduction=r, full=True), lambda n: (n(4), np.array([0.0, 1.5, 2.0, 5.0]))),
        (lambda r: nn.TripletMarginLoss(reduction=r), lambda n: (n(4, 3), n(4, 3), n(4, 3))),
        (lambda r: nn.MarginRankingLoss(reduction=r), lambda n: (n(4), n(4), SIGNS)),
        (lambda r: nn.SoftMarginLoss(reduction=r), lambda n: (n(4), SIGNS)),
    ],
)
def test_second_order(loss, inputs, reduction):
    rng = np.random.default_rng(8)
    made = inputs(lambda *shape: rng.normal(size=shape))
    layer = loss(reduction)
    constants = [i for i, x in enumerate(made) if x.dtype.kind != "f" or np.array_equal(np.abs(x), np.ones(x.shape))]

    def f(*free):
        free = iter(free)
        return layer(*[x if i in constants else next(free) for i, x in enumerate(made)])

    assert ag.gradcheck(f, tuple(x for i, x in enumerate(made) if i not in constants), order=2)


# ---------------------------------------------------------------- shapes

PAIRWISE = [
    "MSELoss",
    "L1Loss",
    "HuberLoss",
    "SmoothL1Loss",
    "BCELoss",
    "BCEWithLogitsLoss",
    "KLDivLoss",
    "PoissonNLLLoss",
    "HingeLoss",
    "SoftMarginLoss",
]


@pytest.mark.parametrize("name", PAIRWISE)
def test_a_column_against_a_row_is_an_error(name):
    loss = getattr(nn, name)()
    prediction, target = np.full((4, 1), 0.5), np.ones(4)
    with pytest.raises(ValueError, match=r"\(4, 1\).*\(4,\).*target\.reshape\(\(4, 1\)\)"):
        loss(prediction, target)
    assert np.isfinite(loss(prediction, target.reshape((4, 1))).item())
    with pytest.raises(ValueError, match=r"\(4, 1\).*\(3, 1\); they must be equal"):
        loss(prediction, np.ones((3, 1)))


def test_shapes_of_the_others():
    with pytest.raises(ValueError, match=r"targets have shape \(4, 1\).*\(4,\)"):
        nn.CrossEntropyLoss()(np.zeros((4, 3)), np.zeros((4, 1), int))
    with pytest.raises(ValueError, match=r"shape \(4,\), not \(4, 1\)"):
        nn.NLLLoss()(np.zeros((4, 3)), np.zeros((4, 1), int))
    with pytest.raises(ValueError, match="axis of classes"):
        nn.CrossEntropyLoss()(np.float64(1), np.array(0))
    with pytest.raises(ValueError, match="axis of classes"):
        nn.NLLLoss()(np.float64(1), np.array(0))
    with pytest.raises(ValueError, match=r"\(N, C\) or \(C,\)"):
        nn.MultiMarginLoss()(np.zeros((2, 3, 4)), np.zeros((2, 4), int))
    with pytest.raises(ValueError, match=r"\(N, D\) or \(D,\)"):
        nn.CosineEmbeddingLoss()(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)), np.ones(2))
    with pytest.raises(ValueError, match="batch of the inputs"):
        nn.CosineEmbeddingLoss()(np.zeros((2, 3)), np.zeros((2, 3)), np.ones((2, 1)))
    with pytest.raises(ValueError, match=r"anchor.*negative"):
        nn.TripletMarginLoss()(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="input1.*target"):
        nn.MarginRankingLoss()(np.zeros(3), np.zeros(3), np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"var \(3,\)"):
        nn.GaussianNLLLoss()(np.zeros((2, 4)), np.zeros((2, 4)), np.ones(3))
    with pytest.raises(ValueError, match="have an axis"):
        F.pairwise_distance(np.float64(0), np.float64(1))


@given(
    st.lists(st.integers(0, 4), max_size=3),
    st.sampled_from(["mean", "sum", "none"]),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from(PAIRWISE),
)
def test_every_shape(shape, reduction, dtype, name):
    rng = np.random.default_rng(0)
    x = ag.Tensor(rng.uniform(0.1, 0.9, shape).astype(dtype), requires_grad=True)
    t = np.ones(shape, np.int64)
    out = getattr(nn, name)(reduction=reduction)(x, t)
    assert out.shape == (tuple(shape) if reduction == "none" else ())
    assert out.dtype == dtype
    assert np.isfinite(out.numpy()).all()
    ag.sum(out).backward()
    assert x.grad.shape == tuple(shape)
    assert x.grad.dtype == dtype
    if not x.size:
        assert ag.sum(out).item() == 0


def test_empty_batches_and_everything_ignored():
    for loss in (nn.CrossEntropyLoss(), nn.NLLLoss(), nn.NLLLoss(weight=[1.0, 1.0, 2.0]), nn.MultiMarginLoss()):
        x = ag.Tensor(np.zeros((0, 3)), requires_grad=True)
        out = loss(x, np.zeros(0, int))
        out.backward()
        assert out.item() == 0
        assert x.grad.shape == (0, 3)
    for loss in (nn.CrossEntropyLoss(), nn.NLLLoss(), nn.NLLLoss(weight=[1.0, 1.0, 2.0])):
        x = ag.Tensor([[1.0, -np.inf, 2.0], [-np.inf] * 3], requires_grad=True)
        out = loss(x, np.array([-100, -100]))
        out.backward()
        assert out.item() == 0
        assert (x.grad == 0).all()
    for loss, n in ((nn.CosineEmbeddingLoss(), 2), (nn.TripletMarginLoss(), 3)):
        last = np.zeros(0) if n == 2 else np.zeros((0, 3))
        assert loss(np.zeros((0, 3)), np.zeros((0, 3)), last).item() == 0
    assert nn.KLDivLoss(reduction="batchmean")(np.zeros((0, 3)), np.zeros((0, 3))).item() == 0
    assert nn.GaussianNLLLoss()(np.zeros(0), np.zeros(0), np.ones(0)).item() == 0


# ---------------------------------------------------------------- targets


def test_integer_targets_take_the_dtype_of_the_prediction():
    x = ag.Tensor(np.array([0.5, 2.0], np.float32), requires_grad=True)
    for target in (np.array([1, 4]), np.array([True, False]), np.array([1.0, 4.0]), [1, 4], ag.Tensor([1.0, 4.0])):
        out = nn.MSELoss()(x, target)
        out.backward()
        assert out.dtype == x.grad.dtype == np.float32
        x.zero_grad()
    assert nn.MSELoss()(np.array([1, 2]), np.array([1, 4])).item() == 2.0


def test_gradients_reach_floating_targets():
    t = ag.Tensor([1.0, 4.0], requires_grad=True)
    nn.MSELoss(reduction="sum")(np.array([0.0, 0.0], np.float32), t).backward()
    np.testing.assert_array_equal(t.grad, [2.0, 8.0])
    assert t.grad.dtype == np.float64


def test_one_hot_and_class_numbers_agree():
    rng = np.random.default_rng(2)
    z, y = rng.normal(size=(6, 4)), np.array([0, 3, 1, 1, 2, 0])
    for options in ({}, {"label_smoothing": 0.3}, {"reduction": "sum"}, {"reduction": "none"}):
        loss = nn.CrossEntropyLoss(**options)
        expected = loss(z, y).numpy()
        for target in (ag.one_hot(y, 4), np.eye(4)[y], np.eye(4, dtype=int)[y], F.one_hot(y), y.tolist()):
            np.testing.assert_allclose(loss(z, target).numpy(), expected, rtol=1e-12)
    log_p = ag.log_softmax(z)
    assert nn.NLLLoss()(log_p, y).item() == pytest.approx(nn.CrossEntropyLoss()(z, y).item(), rel=1e-12)
    with pytest.raises(ValueError, match="ignore_index=1 is for class numbers"):
        nn.CrossEntropyLoss(ignore_index=1)(z, np.eye(4)[y])


def test_wrong_targets():
    z = np.zeros((2, 3))
    with pytest.raises(IndexError, match="3 is not a class|target 3"):
        nn.CrossEntropyLoss()(z, np.array([0, 3]))
    with pytest.raises(IndexError, match="target 3 is not a class number; there are 3 classes"):
        nn.NLLLoss()(z, np.array([0, 3]))
    with pytest.raises(IndexError, match="target -1"):
        nn.MultiMarginLoss()(z, np.array([0, -1]))
    with pytest.raises(IndexError, match="target 5"):
        nn.NLLLoss()(np.zeros(3), np.array(5))
    with pytest.raises(TypeError, match=r"target\w*\.astype\(int\)"):
        nn.CrossEntropyLoss()(z, np.array([0.0, 1.0]))
    with pytest.raises(TypeError, match=r"target\.astype\(int\)"):
        nn.NLLLoss()(z, np.array([0.0, 1.0]))
    for loss in (nn.HingeLoss(), nn.SoftMarginLoss()):
        with pytest.raises(ValueError, match=r"2 \* target - 1"):
            loss(np.zeros(2), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"2 \* target - 1"):
        nn.CosineEmbeddingLoss()(z, z, np.array([0, 1]))
    with pytest.raises(ValueError, match="variance is negative"):
        nn.GaussianNLLLoss()(np.zeros(2), np.zeros(2), np.array([1.0, -1.0]))
    with pytest.raises(TypeError, match="real numbers, not one of complex128"):
        nn.MSELoss()(np.zeros(2) * 1j, np.zeros(2))
    with pytest.raises(TypeError, match="real numbers, not one of complex128"):
        nn.MSELoss()(np.zeros(2), np.zeros(2) * 1j)
    for bad in (np.array([-0.1, 0.5]), np.array([0.5, 1.5])):
        with pytest.raises(ValueError, match="BCEWithLogitsLoss"):
            nn.BCELoss()(bad, np.array([0.0, 1.0]))


def test_wrong_options():
    for name in nn.losses.__all__:
        if name != "Loss":
            with pytest.raises(ValueError, match="'mean', 'sum'.*not 'average'"):
                getattr(nn, name)(reduction="average")
    with pytest.raises(ValueError, match="not 'batchmean'"):
        nn.MSELoss(reduction="batchmean")
    for call in (
        lambda: nn.CrossEntropyLoss(label_smoothing=1.5),
        lambda: nn.HuberLoss(delta=0),
        lambda: F.huber_loss([1.0], [1.0], delta=-1),
        lambda: nn.SmoothL1Loss(beta=-1),
        lambda: F.smooth_l1_loss([1.0], [1.0], beta=-1),
        lambda: nn.MultiMarginLoss(p=3),
        lambda: F.multi_margin_loss([1.0, 2.0], 0, p=3),
        lambda: F.gaussian_nll_loss([1.0], [1.0], [1.0], eps=0),
        lambda: F.nll_loss([[1.0, 2.0]], [0], weight=[1.0]),
        lambda: F.multi_margin_loss([[1.0, 2.0]], [0], weight=[1.0]),
        lambda: F.cross_entropy([[1.0, 2.0]], [0], weight=[1.0]),
        lambda: F.mse_loss([1.0], [1.0], reduction="all"),
        lambda: F.nll_loss([[1.0, 2.0]], [0], reduction="all"),
        lambda: F.kl_div([1.0], [1.0], reduction="all"),
    ):
        with pytest.raises(ValueError):
            call()


# ---------------------------------------------------------------- kinks and extremes


def gradient(loss, x, *rest):
    x = ag.Tensor(np.array(x, float), requires_grad=True)
    loss(x, *[np.array(r) for r in rest]).backward()
    return x.grad.tolist()


def test_kinks_have_the_least_subgradient():
    assert gradient(nn.L1Loss(reduction="sum"), [1.0, 2.0], [1.0, 1.0]) == [0, 1]
    assert gradient(nn.SmoothL1Loss(reduction="sum", beta=0.0), [1.0], [1.0]) == [0]
    assert gradient(nn.HuberLoss(reduction="sum"), [1.0, -1.0, 0.0], [0.0, 0.0, 0.0]) == [1, -1, 0]
    assert gradient(nn.HingeLoss(reduction="sum"), [1.0, -1.0, 0.5], [1.0, -1.0, 1.0]) == [0, 0, -1]
    assert gradient(nn.MultiMarginLoss(reduction="sum"), [[1.0, 0.0]], [0]) == [[0, 0]]
    assert gradient(lambda a, b, t: nn.MarginRankingLoss()(a, b, t), [0.0], [0.0], [1.0]) == [0]


def test_probabilities_of_0_and_1():
    assert gradient(nn.BCELoss(reduction="sum"), [0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]) == [0, 0, -1e12, 1e12]
    assert nn.BCELoss(reduction="sum")(np.array([0.0, 1.0]), np.array([1.0, 0.0])).item() == 200
    x = ag.Tensor(np.array([0.0, 1.0], np.float32), requires_grad=True)
    out = nn.BCELoss()(x, [1.0, 0.0])
    out.backward()
    assert out.dtype == np.float32
    assert np.isfinite(x.grad).all()
    x = ag.Tensor([[-np.inf, 0.0]], requires_grad=True)  # the log-probability of what does not occur
    out = nn.KLDivLoss(reduction="sum")(x, np.array([[0.0, 1.0]]))
    out.backward()
    assert out.item() == 0
    assert x.grad.tolist() == [[0, -1]]
    out = nn.KLDivLoss(reduction="sum", log_target=True)(x, np.array([[-np.inf, 0.0]]))
    assert out.item() == 0


def test_vectors_of_zeros():
    for loss in (nn.CosineEmbeddingLoss(), nn.TripletMarginLoss(eps=0.0)):
        a = ag.Tensor(np.zeros((2, 3)), requires_grad=True)
        last = np.ones(2) if isinstance(loss, nn.CosineEmbeddingLoss) else np.ones((2, 3))
        out = loss(a, np.zeros((2, 3)), last)
        out.backward()
        assert np.isfinite(out.item())
        assert np.isfinite(a.grad).all()


def test_few_nodes():
    x = ag.Tensor(np.ones((4, 3)), requires_grad=True)
    for loss in (nn.MSELoss(), nn.L1Loss(), nn.HuberLoss(), nn.SmoothL1Loss(), nn.BCEWithLogitsLoss(), nn.BCELoss()):
        loss(x, np.ones((4, 3))).backward()
        assert loss(x, np.ones((4, 3))).op in (
            "mse_loss",
            "l1_loss",
            "huber_loss",
            "binary_cross_entropy_with_logits",
            "binary_cross_entropy",
        )


# ---------------------------------------------------------------- as modules


def test_weights_are_state():
    loss = nn.CrossEntropyLoss(weight=[1, 2, 3])
    assert loss.weight.dtype == np.float32
    assert list(loss.state_dict()) == ["weight"]
    assert list(nn.BCEWithLogitsLoss(pos_weight=np.ones(3)).state_dict()) == ["pos_weight"]
    assert nn.BCEWithLogitsLoss(pos_weight=np.ones(3)).pos_weight.dtype == np.float64
    weight = np.ones(3)
    loss = nn.NLLLoss(weight=ag.Tensor(weight))
    weight[0] = 7
    assert loss.weight.tolist() == [1, 1, 1]
    x = ag.Tensor(np.zeros((2, 3), np.float32), requires_grad=True)
    assert nn.CrossEntropyLoss(weight=np.ones(3))(x, [0, 1]).dtype == np.float32


def test_repr():
    assert repr(nn.MSELoss()) == "MSELoss()"
    assert repr(nn.HuberLoss(delta=0.5, reduction="sum")) == "HuberLoss(delta=0.5, reduction='sum')"
    assert (
        repr(nn.CrossEntropyLoss(weight=[1.0, 2.0]))
        == "CrossEntropyLoss(ignore_index=-100, label_smoothing=0.0, weight=<2>)"
    )


def test_smooth_l1_is_huber_over_beta():
    rng = np.random.default_rng(1)
    x, t = rng.normal(size=(2, 30))
    for beta in (0.1, 1.0, 3.0):
        assert F.smooth_l1_loss(x, t, beta=beta).item() == pytest.approx(
            F.huber_loss(x, t, delta=beta).item() / beta, rel=1e-14
        )
