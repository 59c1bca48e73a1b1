"""Makes losses.npz: values and gradients of PyTorch's losses and activations, in float64.

Run with torch==2.13.0 (CPU): ``python tests/references/make_losses.py``. Each case is a row of JSON: the class, its
options, which operands have gradients, and (role, shape, dtype) of its arrays, whose elements follow each other in one
vector ``numbers``. Outputs that are not a single number are pulled back with a random cotangent.
"""

import itertools
import json
import pathlib

import numpy as np
import torch

rng = np.random.default_rng(4)
numbers = []
cases = []


def add(name, options, *inputs, wrt=(0,)):
    tensors = [torch.tensor(x) for x in inputs]
    for i in wrt:
        tensors[i].requires_grad_()
    given = {k: torch.tensor(v, dtype=torch.float64) if isinstance(v, list) else v for k, v in options.items()}
    layer = getattr(torch.nn, name)(**given).double()
    out = layer(*tensors)
    arrays = {f"input{i}": np.asarray(x) for i, x in enumerate(inputs)}
    if out.ndim:
        arrays["cotangent"] = rng.normal(size=tuple(out.shape))
        (out * torch.tensor(arrays["cotangent"])).sum().backward()
    else:
        out.backward()
    arrays["out"] = out.detach().numpy()
    arrays |= {f"grad{i}": tensors[i].grad.numpy() for i in wrt}
    arrays |= {f"parameter_{label}": parameter.grad.numpy() for label, parameter in layer.named_parameters()}
    numbers.extend(float(x) for array in arrays.values() for x in array.ravel())
    layout = [[role, list(array.shape), str(array.dtype)] for role, array in arrays.items()]
    cases.append({"name": name, "options": options, "wrt": list(wrt), "arrays": layout})


REDUCTIONS = ("mean", "sum", "none")


def normal(*shape):
    return rng.normal(size=shape)


# ---------------------------------------------------------------- losses of classes

W = [0.5, 2.0, 1.25]
for reduction, weight, smoothing in itertools.product(REDUCTIONS, (None, W), (0.0, 0.2)):
    options = {"reduction": reduction, "label_smoothing": smoothing} | ({"weight": weight} if weight else {})
    add("CrossEntropyLoss", options, normal(5, 3), np.array([0, 2, 1, 1, 0]))
    add("CrossEntropyLoss", options, normal(5, 3), np.array([0, -100, 1, -100, 0]))
    add("CrossEntropyLoss", options | {"ignore_index": 1}, normal(2, 3, 4), rng.integers(0, 3, (2, 4)))
    add("CrossEntropyLoss", options, normal(2, 3, 4), rng.dirichlet(np.ones(3), (2, 4)).transpose(0, 2, 1), wrt=(0, 1))
    add("CrossEntropyLoss", options, normal(3), np.array(2))
for reduction in REDUCTIONS:
    add(
        "CrossEntropyLoss",
        {"reduction": reduction},
        np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1.0], [0.0, 1.0, 1e4]]),
        np.array([0, 0, 1]),
    )
    for weight in (None, W):
        options = {"reduction": reduction} | ({"weight": weight} if weight else {})
        log_p = torch.log_softmax(torch.tensor(normal(5, 3)), 1).numpy()
        add("NLLLoss", options, log_p, np.array([0, 2, 1, 1, 0]))
        add("NLLLoss", options, log_p, np.array([0, -100, 1, -100, 0]))
        add(
            "NLLLoss",
            options | {"ignore_index": 2},
            torch.log_softmax(torch.tensor(normal(2, 3, 4)), 1).numpy(),
            rng.integers(0, 3, (2, 4)),
        )
        add("NLLLoss", options, torch.log_softmax(torch.tensor(normal(3)), 0).numpy(), np.array(1))

# ---------------------------------------------------------------- binary losses

for reduction in REDUCTIONS:
    p, t = rng.uniform(0.01, 0.99, (4, 3)), rng.uniform(0, 1, (4, 3))
    add("BCELoss", {"reduction": reduction}, p, t, wrt=(0, 1))
    add("BCELoss", {"reduction": reduction, "weight": W}, p, t)
    add(
        "BCELoss",
        {"reduction": reduction},
        np.array([0.0, 1.0, 0.0, 1.0, 1e-20, 1 - 1e-16]),
        np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0]),
    )
    z = normal(4, 3) * 3
    for options in ({}, {"weight": W}, {"pos_weight": W}, {"weight": W, "pos_weight": [3.0]}):
        add("BCEWithLogitsLoss", options | {"reduction": reduction}, z, t, wrt=(0, 1))
    add(
        "BCEWithLogitsLoss",
        {"reduction": reduction},
        np.array([1e4, -1e4, 1e4, -1e4, 0.0, 40.0]),
        np.array([1.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
    )

# ---------------------------------------------------------------- losses of numbers

extreme, zero = np.array([1e4, -1e4, 0.5, 1.0]), np.zeros(4)
for reduction in REDUCTIONS:
    x, t = normal(4, 3) * 2, normal(4, 3)
    for name, options in (
        ("MSELoss", {}),
        ("L1Loss", {}),
        ("HuberLoss", {}),
        ("HuberLoss", {"delta": 0.3}),
        ("SmoothL1Loss", {}),
        ("SmoothL1Loss", {"beta": 0.3}),
        ("SmoothL1Loss", {"beta": 0.0}),
    ):
        add(name, options | {"reduction": reduction}, x, t, wrt=(0, 1))
        add(name, options | {"reduction": reduction}, extreme, zero)
    for full in (False, True):
        options = {"reduction": reduction, "full": full}
        add("GaussianNLLLoss", options, x, t, rng.uniform(0.1, 2, (4, 3)), wrt=(0, 1, 2))
        add("GaussianNLLLoss", options, x, t, rng.uniform(0.1, 2, (4, 1)), wrt=(0, 2))
        add("GaussianNLLLoss", options, x, t, rng.uniform(0.1, 2, 4), wrt=(0, 2))
        add("GaussianNLLLoss", options | {"eps": 0.5}, x, t, rng.uniform(0, 1, (4, 3)), wrt=(0, 2))
        counts = rng.poisson(2.0, (4, 3)).astype(float)
        add("PoissonNLLLoss", options, x, counts)
        add("PoissonNLLLoss", options | {"log_input": False}, np.exp(x), counts)

for reduction in (*REDUCTIONS, "batchmean"):
    log_p = torch.log_softmax(torch.tensor(normal(4, 3)), 1).numpy()
    q = rng.dirichlet(np.ones(3), 4)
    add("KLDivLoss", {"reduction": reduction}, log_p, q, wrt=(0, 1))
    add("KLDivLoss", {"reduction": reduction, "log_target": True}, log_p, np.log(q), wrt=(0, 1))
    add("KLDivLoss", {"reduction": reduction}, log_p, np.eye(3)[[0, 1, 2, 0]])

# ---------------------------------------------------------------- margins

for reduction in REDUCTIONS:
    r = {"reduction": reduction}
    signs = rng.choice([-1.0, 1.0], 6)
    add("SoftMarginLoss", r, normal(6) * 3, signs)
    add(
        "SoftMarginLoss",
        r,
        np.array([700.0, -700.0, 30.0, -30.0, 0.0, 1.0]),
        np.array([1.0, 1.0, -1.0, -1.0, 1.0, -1.0]),
    )
    add("MarginRankingLoss", r | {"margin": 0.4}, normal(6), normal(6), signs, wrt=(0, 1))
    for margin in (0.0, 0.3):
        add("CosineEmbeddingLoss", r | {"margin": margin}, normal(6, 4), normal(6, 4), signs, wrt=(0, 1))
    add("CosineEmbeddingLoss", r, normal(4), normal(4), np.array(1.0), wrt=(0, 1))
    for p, swap in itertools.product((1.0, 2.0, 3.0), (False, True)):
        add(
            "TripletMarginLoss",
            r | {"p": p, "swap": swap, "margin": 0.7},
            normal(5, 3),
            normal(5, 3),
            normal(5, 3),
            wrt=(0, 1, 2),
        )
    for p, weight in itertools.product((1, 2), (None, W)):
        options = r | {"p": p, "margin": 0.8} | ({"weight": weight} if weight else {})
        add("MultiMarginLoss", options, normal(5, 3), rng.integers(0, 3, 5))
        add("MultiMarginLoss", options, normal(3), np.array(1))

# ---------------------------------------------------------------- activations: tails, and no point at a kink

GRID = np.array(
    [
        [-1e4, -800.0, -50.0, -7.3, -3.4, -2.2],
        [-1.7, -0.9, -0.3, -1e-3, 1e-8, 0.02],
        [0.3, 0.7, 1.9, 2.6, 4.4, 5.5],
        [8.0, 17.0, 25.0, 50.0, 800.0, 1e4],
    ]
)
for name, options in (
    ("ReLU", {}),
    ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("PReLU", {}),
    ("PReLU", {"num_parameters": 6, "init": 0.1}),
    ("ELU", {}),
    ("ELU", {"alpha": 0.5}),
    ("SELU", {}),
    ("CELU", {}),
    ("CELU", {"alpha": 2.0}),
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("SiLU", {}),
    ("Mish", {}),
    ("Sigmoid", {}),
    ("Tanh", {}),
    ("Softplus", {}),
    ("Softplus", {"beta": 2.0, "threshold": 5.0}),
    ("Softsign", {}),
    ("Tanhshrink", {}),
    ("Hardtanh", {}),
    ("Hardtanh", {"min_val": -2.0, "max_val": 0.5}),
    ("ReLU6", {}),
    ("Hardsigmoid", {}),
    ("Hardswish", {}),
    ("Hardshrink", {}),
    ("Hardshrink", {"lambd": 1.5}),
    ("Softshrink", {}),
    ("Softshrink", {"lambd": 1.5}),
    ("LogSigmoid", {}),
    ("Threshold", {"threshold": 0.1, "value": 20.0}),
    ("Softmax", {"dim": 1}),
    ("Softmax", {"dim": 0}),
    ("LogSoftmax", {"dim": 1}),
    ("Softmin", {"dim": -1}),
    ("GLU", {}),
    ("GLU", {"dim": 0}),
):
    add(name, options, GRID)

path = pathlib.Path(__file__).with_name("losses.npz")
np.savez_compressed(
    path, cases=np.array(json.dumps(cases)), torch=np.array(torch.__version__), numbers=np.array(numbers)
)
print(f"{len(cases)} cases, {path.stat().st_size // 1000} kB")
