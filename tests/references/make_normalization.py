"""Makes normalization.npz: what PyTorch 2.13.0 computes in its normalising, linear, embedding and bilinear layers.

    python tests/references/make_normalization.py

Needs torch==2.13.0, which is no dependency of the tests. Each case is a module, its options, and what it gives in
training and then in eval(): outputs, gradients of ``sum(out · cotangent)`` with respect to input and parameters, and
the buffers after three batches. Parameters are in PyTorch's layout. ``cases`` holds the constructor calls as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
made: dict[str, np.ndarray] = {}
calls: dict[str, list] = {}


def record(case, name, args, options, *shape, inputs=None):
    """Three training batches, then one in eval()."""
    calls[case] = [name, args, options]
    module = getattr(torch.nn, name)(*args, **options)
    with torch.no_grad():
        for p in module.parameters():
            p += 0.3 * torch.randn_like(p)
    for key, p in module.named_parameters():
        made[f"{case}/parameter/{key}"] = p.detach().numpy().copy()
    for step in range(4):
        module.train(step < 3)
        given = inputs or [torch.randn(*shape) * 2 + 1]
        for x in given:
            x.requires_grad_(x.is_floating_point())
            x.grad = None
        module.zero_grad()
        out = module(*given)
        cotangent = torch.randn_like(out)
        (out * cotangent).sum().backward()
        made[f"{case}/{step}/out"] = out.detach().numpy()
        made[f"{case}/{step}/cotangent"] = cotangent.numpy()
        for i, x in enumerate(given):
            made[f"{case}/{step}/input/{i}"] = x.detach().numpy().copy()
            if x.grad is not None:
                made[f"{case}/{step}/input_gradient/{i}"] = x.grad.numpy().copy()
        for key, p in module.named_parameters():
            made[f"{case}/{step}/gradient/{key}"] = p.grad.numpy().copy()
        for key, b in module.named_buffers():
            made[f"{case}/{step}/buffer/{key}"] = b.numpy().copy()


record("batch1", "BatchNorm1d", [3], {}, 5, 3)
record("batch1_sequence", "BatchNorm1d", [3], {"momentum": None, "eps": 0.01}, 4, 3, 2)
record("batch1_plain", "BatchNorm1d", [3], {"affine": False}, 5, 3)
record("batch1_untracked", "BatchNorm1d", [3], {"track_running_stats": False}, 5, 3)
record("batch2", "BatchNorm2d", [3], {"momentum": 0.3}, 2, 3, 3, 2)
record("layer", "LayerNorm", [4], {}, 3, 4)
record("layer_two_axes", "LayerNorm", [[3, 4]], {"eps": 0.1}, 2, 3, 4)
record("layer_plain", "LayerNorm", [4], {"elementwise_affine": False}, 3, 4)
record("layer_no_bias", "LayerNorm", [4], {"bias": False}, 3, 4)
record("rms", "RMSNorm", [4], {}, 3, 4)
record("rms_eps", "RMSNorm", [[2, 3]], {"eps": 0.1}, 2, 2, 3)
record("group", "GroupNorm", [2, 4], {}, 2, 4, 3)
record("group_plain", "GroupNorm", [2, 4], {"affine": False}, 2, 4, 2, 2)
record("instance", "InstanceNorm2d", [3], {"affine": True}, 2, 3, 2, 3)
record("instance_plain", "InstanceNorm2d", [3], {}, 2, 3, 2, 3)
record("linear", "Linear", [4, 3], {}, 5, 4)
record("linear_no_bias", "Linear", [4, 3], {"bias": False}, 2, 5, 4)
record("linear_vector", "Linear", [4, 3], {}, 4)
record("bilinear", "Bilinear", [3, 4, 2], {}, inputs=[torch.randn(5, 3), torch.randn(5, 4)])
record("embedding", "Embedding", [6, 3], {}, inputs=[torch.tensor([[1, 5, 1], [0, 2, 1]])])
record("embedding_padding", "Embedding", [6, 3], {"padding_idx": 1}, inputs=[torch.tensor([[1, 5, 1], [0, 2, 1]])])

# 500 small arrays would be mostly headers: they lie one after the other in ``values`` (integers are exact in float64).
index = [[key, list(a.shape), str(a.dtype)] for key, a in made.items()]
values = np.concatenate([a.ravel().astype(np.float64) for a in made.values()])
np.savez_compressed(
    Path(__file__).with_name("normalization.npz"),
    values=values,
    index=np.array(json.dumps(index)),
    cases=np.array(json.dumps(calls)),
)
