"""Makes attention.npz: what PyTorch 2.13.0 computes in its attention and transformer layers, values and gradients.

    python tests/references/make_attention.py

Needs torch==2.13.0, which is no dependency of the tests. Every case is a dict of float64 arrays under names such as
``pre_norm/out``; parameters stand under ``<case>/parameter/<name>`` in PyTorch's layout, and gradients of
``sum(out · cotangent)`` (of the weights too, where they are returned) under ``<case>/gradient/<name>``. So many small
arrays would be mostly headers: they lie one after the other in ``values``, and ``index`` has name, shape and dtype of
each, as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
made: dict[str, np.ndarray] = {}


def record(case, module, inputs, options, result):
    """Store inputs, parameters, outputs and gradients."""
    outputs = result if isinstance(result, tuple) else (result,)
    loss = 0.0
    for index, out in enumerate(outputs):
        if out is None:
            continue
        cotangent = torch.randn_like(out)
        loss = loss + (out * cotangent).sum()
        made[f"{case}/out{index}"] = out.detach().numpy()
        made[f"{case}/cotangent{index}"] = cotangent.numpy()
    loss.backward()
    for name, x in inputs.items():
        made[f"{case}/input/{name}"] = x.detach().numpy()
        made[f"{case}/input_gradient/{name}"] = x.grad.numpy()
    for name, x in options.items():
        made[f"{case}/option/{name}"] = x.numpy()
    for name, p in module.named_parameters():
        made[f"{case}/parameter/{name}"] = p.detach().numpy().copy()
        made[f"{case}/gradient/{name}"] = p.grad.numpy()


def randomised(module):
    """Biases and scales that are not 0 and 1."""
    with torch.no_grad():
        for p in module.parameters():
            if p.ndim == 1:
                p += 0.3 * torch.randn_like(p)
    return module.eval()


def leaf(*shape):
    return torch.randn(*shape, requires_grad=True)


def attention(case, module, query, key=None, value=None, **options):
    inputs = {"query": query} | ({} if key is None else {"key": key, "value": value})
    tensors = {name: x for name, x in options.items() if isinstance(x, torch.Tensor)}
    result = randomised(module)(query, query if key is None else key, query if value is None else value, **options)
    record(case, module, inputs, tensors, result)


later = torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)
padding = torch.tensor([[False, False, True, True], [False, False, False, False], [False, True, False, True]])
MHA = torch.nn.MultiheadAttention
attention("self", MHA(6, 2, batch_first=True), leaf(3, 4, 6))
attention("positions_first", MHA(6, 3), leaf(4, 3, 6), average_attn_weights=False)
attention("no_bias", MHA(6, 2, bias=False, batch_first=True), leaf(3, 4, 6))
attention("unbatched", MHA(6, 2), leaf(4, 6))
attention("cross", MHA(6, 2, batch_first=True), leaf(3, 5, 6), leaf(3, 4, 6), leaf(3, 4, 6))
attention("other_widths", MHA(6, 2, kdim=3, vdim=5, batch_first=True), leaf(3, 5, 6), leaf(3, 4, 3), leaf(3, 4, 5))
attention("other_widths_positions_first", MHA(6, 2, kdim=3, vdim=5), leaf(5, 3, 6), leaf(4, 3, 3), leaf(4, 3, 5))
attention("causal", MHA(6, 2, batch_first=True), leaf(3, 4, 6), attn_mask=later)
attention("padding", MHA(6, 2, batch_first=True), leaf(3, 4, 6), key_padding_mask=padding)
attention("both_masks", MHA(6, 2, batch_first=True), leaf(3, 4, 6), attn_mask=later, key_padding_mask=padding)
attention("added_mask", MHA(6, 2, batch_first=True), leaf(3, 4, 6), attn_mask=torch.randn(4, 4))
attention("mask_per_head", MHA(6, 2, batch_first=True), leaf(3, 4, 6), attn_mask=torch.randn(6, 4, 4))
attention(
    "appended",
    MHA(6, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True),
    leaf(3, 4, 6),
    attn_mask=later,
    key_padding_mask=padding,
)
attention("appended_row", MHA(6, 2, add_bias_kv=True), leaf(4, 3, 6))

for case, options in {
    "post_norm": {"batch_first": True},
    "pre_norm": {"batch_first": True, "norm_first": True},
    "gelu": {"activation": "gelu", "norm_first": True},
    "layer_without_bias": {"batch_first": True, "bias": False, "layer_norm_eps": 1e-3},
}.items():
    layer = randomised(torch.nn.TransformerEncoderLayer(6, 2, 7, **options))
    src = leaf(3, 4, 6) if options.get("batch_first") else leaf(4, 3, 6)
    record(case, layer, {"src": src}, {"src_mask": later, "src_key_padding_mask": padding}, layer(src, later, padding))

layer = torch.nn.TransformerEncoderLayer(6, 2, 7, batch_first=True, norm_first=True)
encoder = randomised(torch.nn.TransformerEncoder(layer, 2, torch.nn.LayerNorm(6), enable_nested_tensor=False))
src = leaf(3, 4, 6)
record("encoder", encoder, {"src": src}, {"mask": later}, encoder(src, later))

for case, options in {"decoder_post_norm": {}, "decoder_pre_norm": {"norm_first": True}}.items():
    layer = randomised(torch.nn.TransformerDecoderLayer(6, 2, 7, batch_first=True, **options))
    tgt, memory = leaf(3, 4, 6), leaf(3, 4, 6)
    masks = {"tgt_mask": later, "memory_key_padding_mask": padding}
    record(case, layer, {"tgt": tgt, "memory": memory}, masks, layer(tgt, memory, **masks))

decoder = randomised(torch.nn.TransformerDecoder(torch.nn.TransformerDecoderLayer(6, 2, 7), 2))
tgt, memory = leaf(4, 3, 6), leaf(5, 3, 6)
record("decoder", decoder, {"tgt": tgt, "memory": memory}, {"tgt_mask": later}, decoder(tgt, memory, later))

index = [(name, array.shape, str(array.dtype)) for name, array in made.items()]
values = np.concatenate([array.reshape(-1).astype(np.float64) for array in made.values()])
np.savez_compressed(Path(__file__).with_name("attention.npz"), values=values, index=np.array(json.dumps(index)))
