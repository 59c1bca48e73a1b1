"""Makes convolution.npz: values and gradients of PyTorch's convolutions and pooling layers, in float64.

Run with torch==2.13.0 (CPU): ``python tests/references/make_convolution.py``. Each case is a row of JSON: the class,
its arguments, and (role, shape) of its arrays, whose elements follow each other in one vector ``numbers``. Outputs are
pulled back with a random cotangent.
"""

import json
import pathlib

import numpy as np
import torch

rng = np.random.default_rng(11)
torch.manual_seed(11)
numbers = []
cases = []


def add(name, args, shape, call=None, distinct=False, **options):
    given = [tuple(a) if isinstance(a, list) else a for a in args]
    layer = getattr(torch.nn, name)(
        *given, **{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    ).double()
    values = (
        rng.permutation(2 * int(np.prod(shape)))[: int(np.prod(shape))].reshape(shape) / 7
        if distinct
        else rng.normal(size=shape)
    )
    x = torch.tensor(values, requires_grad=True)
    out = layer(x, **(call or {}))
    arrays = {"input": values, "cotangent": rng.normal(size=tuple(out.shape)), "out": out.detach().numpy()}
    out.backward(torch.tensor(arrays["cotangent"]))
    arrays["gradient"] = x.grad.numpy()
    for label, parameter in layer.named_parameters():
        arrays[f"value_{label}"], arrays[f"gradient_{label}"] = parameter.detach().numpy(), parameter.grad.numpy()
    numbers.extend(float(v) for array in arrays.values() for v in array.ravel())
    layout = [[role, list(array.shape)] for role, array in arrays.items()]
    cases.append(
        {"name": name, "args": args, "options": options, "call": call or {}, "repr": repr(layer), "arrays": layout}
    )


add("Conv2d", [3, 4, 3], (2, 3, 6, 5))
add("Conv2d", [3, 4, 3], (3, 6, 5), padding=1)
add("Conv2d", [8, 4, [3, 2]], (2, 8, 5, 6), stride=[2, 1], padding=[1, 2], bias=False)
add("Conv2d", [2, 3, 3], (1, 2, 8, 9), stride=2, dilation=[2, 3], padding=2)
add("Conv2d", [4, 6, 2], (2, 4, 4, 3), groups=2)
add("Conv2d", [3, 3, 3], (2, 3, 5, 4), padding=1, groups=3)
add("Conv2d", [8, 3, 1], (2, 8, 3, 4))
for mode in ("reflect", "replicate", "circular"):
    add("Conv2d", [2, 3, 3], (2, 2, 5, 4), padding=[2, 1], padding_mode=mode)
    add("Conv2d", [2, 3, [2, 3]], (1, 2, 5, 4), padding="same", padding_mode=mode)
    add("Conv1d", [2, 3, 3], (2, 2, 5), padding=2, stride=2, padding_mode=mode)
add("Conv2d", [2, 3, [2, 4]], (1, 2, 5, 6), padding="same", dilation=[1, 2])
add("Conv2d", [2, 3, 2], (1, 2, 3, 4), padding="valid")
add("Conv1d", [3, 4, 3], (2, 3, 7))
add("Conv1d", [4, 4, 4], (4, 9), stride=2, padding=2, dilation=2, groups=4)
add("Conv1d", [2, 3, 4], (1, 2, 5), padding="same")
add("ConvTranspose2d", [3, 4, 3], (2, 3, 3, 4))
add("ConvTranspose2d", [4, 2, [3, 2]], (4, 3, 3), stride=2, padding=1, output_padding=1, groups=2)
add("ConvTranspose2d", [2, 3, 3], (1, 2, 3, 2), stride=[3, 1], dilation=[1, 2], padding=[0, 1], bias=False)
add("ConvTranspose2d", [2, 3, 3], (1, 2, 4, 4), call={"output_size": [8, 7]}, stride=2, padding=1)
add("ConvTranspose1d", [3, 4, 4], (2, 3, 5), stride=2, padding=1)
add("ConvTranspose1d", [2, 2, 3], (1, 2, 4), stride=3, output_padding=2, dilation=2)
add("MaxPool2d", [2], (2, 3, 6, 4), distinct=True)
add("MaxPool2d", [[3, 2]], (2, 7, 8), distinct=True, stride=2, padding=[1, 0], ceil_mode=True)
add("MaxPool2d", [2], (1, 2, 6, 7), distinct=True, stride=1, dilation=[2, 3])
add("MaxPool1d", [3], (2, 2, 8), distinct=True, stride=2, padding=1)
add("AvgPool2d", [2], (2, 3, 6, 4))
add("AvgPool2d", [3], (1, 2, 6, 8), stride=2, padding=1)
add("AvgPool2d", [3], (1, 2, 6, 8), stride=2, padding=1, ceil_mode=True, count_include_pad=False)
add("AvgPool2d", [[3, 2]], (2, 6, 7), stride=2, ceil_mode=True)
add("AvgPool2d", [2], (1, 2, 5, 5), padding=1, divisor_override=3)
add("AvgPool1d", [3], (2, 2, 8), stride=2, padding=1)
for name in ("AdaptiveAvgPool", "AdaptiveMaxPool"):
    distinct = name == "AdaptiveMaxPool"
    add(f"{name}2d", [2], (2, 3, 6, 4), distinct=distinct)
    add(f"{name}2d", [[3, None]], (2, 7, 5), distinct=distinct)
    add(f"{name}2d", [[2, 3]], (1, 2, 5, 7), distinct=distinct)
    add(f"{name}1d", [3], (2, 2, 8), distinct=distinct)

path = pathlib.Path(__file__).with_name("convolution.npz")
np.savez_compressed(path, numbers=np.array(numbers), cases=np.array(json.dumps(cases)))
print(len(cases), "cases", path.stat().st_size, "bytes")
