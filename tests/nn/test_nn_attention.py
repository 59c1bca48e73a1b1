"""Attention and transformer layers: against PyTorch's values and gradients, central differences, their masks, modes and
seeds."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

import autograd_np as ag
import nn


def read_reference():
    with np.load(Path(__file__).parent.parent / "references" / "attention.npz") as file:
        index, values = json.loads(str(file["index"])), file["values"]
    found, at = {}, 0
    for name, shape, dtype in index:
        size = int(np.prod(shape))
        case, _, rest = name.partition("/")
        found.setdefault(case, {})[rest] = values[at : at + size].reshape(shape).astype(dtype)
        at += size
    assert at == values.size
    return found


REFERENCE = read_reference()
F64 = {"dtype": np.float64}
LAYERS = {
    "self": lambda: nn.MultiheadAttention(6, 2, batch_first=True, **F64),
    "positions_first": lambda: nn.MultiheadAttention(6, 3, **F64),
    "no_bias": lambda: nn.MultiheadAttention(6, 2, bias=False, batch_first=True, **F64),
    "unbatched": lambda: nn.MultiheadAttention(6, 2, **F64),
    "cross": lambda: nn.MultiheadAttention(6, 2, batch_first=True, **F64),
    "other_widths": lambda: nn.MultiheadAttention(6, 2, kdim=3, vdim=5, batch_first=True, **F64),
    "other_widths_positions_first": lambda: nn.MultiheadAttention(6, 2, kdim=3, vdim=5, **F64),
    "causal": lambda: nn.MultiheadAttention(6, 2, batch_first=True, **F64),
    "padding": lambda: nn.MultiheadAttention(6, 2, batch_first=True, **F64),
    "both_masks": lambda: nn.MultiheadAttention(6, 2, batch_first=True, **F64),
    "added_mask": lambda: nn.MultiheadAttention(6, 2, batch_first=True, **F64),
    "mask_per_head": lambda: nn.MultiheadAttention(6, 2, batch_first=True, **F64),
    "appended": lambda: nn.MultiheadAttention(6, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True, **F64),
    "appended_row": lambda: nn.MultiheadAttention(6, 2, add_bias_kv=True, **F64),
    "post_norm": lambda: nn.TransformerEncoderLayer(6, 2, 7, batch_first=True, **F64),
    "pre_norm": lambda: nn.TransformerEncoderLayer(6, 2, 7, batch_first=True, norm_first=True, **F64),
    "gelu": lambda: nn.TransformerEncoderLayer(6, 2, 7, activation="gelu", norm_first=True, **F64),
    "layer_without_bias": lambda: nn.TransformerEncoderLayer(
        6, 2, 7, batch_first=True, bias=False, layer_norm_eps=1e-3, **F64
    ),
    "encoder": lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(6, 2, 7, batch_first=True, norm_first=True, **F64),
        2,
        nn.LayerNorm(6, dtype=np.float64),
    ),
    "decoder_post_norm": lambda: nn.TransformerDecoderLayer(6, 2, 7, batch_first=True, **F64),
    "decoder_pre_norm": lambda: nn.TransformerDecoderLayer(6, 2, 7, batch_first=True, norm_first=True, **F64),
    "decoder": lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(6, 2, 7, **F64), 2),
}


def part(case, word):
    return {
        name.removeprefix(word + "/"): array for name, array in REFERENCE[case].items() if name.startswith(word + "/")
    }


def layout(module, name):
    """The permutation from ours to PyTorch's of a parameter."""
    path, _, last = name.rpartition(".")
    return module.get_submodule(path).torch_layout.get(last)


def loaded(case):
    module = LAYERS[case]().eval()
    state = {}
    for name, array in part(case, "parameter").items():
        order = layout(module, name)
        state[name] = array if order is None else np.transpose(array, np.argsort(order))
    module.load_state_dict(state)
    return module


def arguments(case):
    inputs = {name: ag.Tensor(array, requires_grad=True) for name, array in part(case, "input").items()}
    options = dict(part(case, "option"))
    if "query" in inputs:
        inputs = {
            "query": inputs["query"],
            "key": inputs.get("key", inputs["query"]),
            "value": inputs.get("value", inputs["query"]),
        }
    if case == "positions_first":
        options["average_attn_weights"] = False
    return inputs, options


def test_every_case_is_here() -> None:
    assert sorted(LAYERS) == sorted(REFERENCE)


@pytest.mark.parametrize("case", LAYERS)
def test_equals_pytorch(case) -> None:
    module = loaded(case)
    inputs, options = arguments(case)
    result = module(*inputs.values(), **options)
    outputs = result if isinstance(result, tuple) else (result,)
    for index, out in enumerate(outputs):
        np.testing.assert_allclose(out.numpy(), REFERENCE[case][f"out{index}"], rtol=1e-9, atol=1e-11)
    loss = sum(np.sum(out * REFERENCE[case][f"cotangent{i}"]) for i, out in enumerate(outputs))
    loss.backward()
    for name, expected in part(case, "input_gradient").items():
        np.testing.assert_allclose(inputs[name].grad, expected, rtol=1e-8, atol=1e-10)
    parameters = dict(module.named_parameters())
    assert sorted(parameters) == sorted(part(case, "gradient"))
    for name, expected in part(case, "gradient").items():
        order = layout(module, name)
        grad = parameters[name].grad if order is None else np.transpose(parameters[name].grad, order)
        np.testing.assert_allclose(grad, expected, rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("case", ["self", "other_widths", "appended", "post_norm", "gelu", "decoder_pre_norm"])
def test_gradcheck_of_inputs_and_parameters(case) -> None:
    module = loaded(case)
    inputs, options = arguments(case)
    names = [name for name, _ in module.named_parameters()]
    leaves = {id(x): x for x in inputs.values()}
    arrays = [x.numpy().copy() for x in leaves.values()]
    places = [list(leaves).index(id(x)) for x in inputs.values()]
    count = len(arrays)

    def f(*operands):
        for name, value in zip(names, operands[count:], strict=True):
            path, _, last = name.rpartition(".")
            module.get_submodule(path).__dict__[last] = value
        result = module(*[operands[i] for i in places], **options)
        return result if isinstance(result, tuple) else (result,)

    ag.gradcheck(f, (*arrays, *[p.numpy().copy() for p in module.parameters()]), order=2, exhaustive=False)


def heads(**options):
    return nn.MultiheadAttention(8, 2, batch_first=True, rng=0, **options)


def draw(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def test_float32_from_end_to_end() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu", rng=0)
    x = ag.Tensor(draw(3, 5, 8), requires_grad=True)
    out = layer(x, is_causal=True)
    np.sum(out**2).backward()
    assert out.dtype == np.float32
    assert {p.grad.dtype for p in layer.parameters()} == {np.dtype(np.float32)} == {x.grad.dtype}
    out, weights = layer.self_attn(x, x, x, key_padding_mask=np.zeros((3, 5), bool))
    assert out.dtype == weights.dtype == np.float32


def test_with_and_without_weights_are_the_same() -> None:
    layer = heads(dropout=0.4)
    x = draw(3, 5, 8)
    results = []
    for need in (True, False):
        layer.rng = np.random.default_rng(4)
        results.append(layer(x, x, x, need_weights=need))
    np.testing.assert_allclose(results[0][0].numpy(), results[1][0].numpy(), rtol=1e-4, atol=1e-6)
    assert results[1][1] is None


def test_one_array_or_three_equal_ones_are_the_same() -> None:
    layer = heads()
    x = draw(3, 5, 8)
    for options in ({}, {"is_causal": True, "need_weights": False}):
        np.testing.assert_allclose(
            layer(x, x, x, **options)[0].numpy(),
            layer(x, x.copy(), x.copy(), **options)[0].numpy(),
            rtol=1e-4,
            atol=1e-6,
        )


def test_causal_is_the_mask() -> None:
    for options in ({}, {"add_zero_attn": True}, {"add_bias_kv": True}):
        layer = heads(**options)
        x = draw(3, 5, 8)
        later = np.triu(np.ones((5, 5), bool), 1)
        expected = layer(x, x, x, attn_mask=later)
        for mask in (None, later, np.where(later, -np.inf, 0.0).astype(np.float32)):
            given = layer(x, x, x, attn_mask=mask, is_causal=True)
            np.testing.assert_allclose(given[0].numpy(), expected[0].numpy(), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(given[1].numpy(), expected[1].numpy(), rtol=1e-5, atol=1e-6)


def test_bool_and_added_masks_together() -> None:
    layer = heads()
    x = draw(3, 5, 8)
    padding = np.arange(5) > np.array([[4], [2], [3]])
    added = draw(5, 5)
    as_numbers = np.where(padding, -np.inf, 0.0).astype(np.float32)
    expected = layer(x, x, x, as_numbers, attn_mask=added)[1].numpy()
    np.testing.assert_allclose(layer(x, x, x, padding, attn_mask=added)[1].numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(layer(x, x, x, padding.tolist(), attn_mask=added)[1].numpy(), expected, rtol=1e-5)
    assert not expected[np.broadcast_to(padding[:, None], expected.shape)].any()


def test_an_added_mask_can_be_learnt() -> None:
    layer = heads()
    x = draw(3, 5, 8)
    mask = ag.Tensor(draw(5, 5), requires_grad=True)
    np.sum(layer(x, x, x, attn_mask=mask)[0] ** 2).backward()
    assert mask.grad.shape == (5, 5)
    assert mask.grad.any()


def test_a_query_that_may_attend_to_nothing_gets_the_bias() -> None:
    layer = heads(bias_init="uniform")
    x = ag.Tensor(draw(3, 5, 8), requires_grad=True)
    padding = np.zeros((3, 5), bool)
    padding[1] = True
    out, weights = layer(x, x, x, padding)
    np.testing.assert_array_equal(out.numpy()[1], np.broadcast_to(layer.out_proj.bias.numpy(), (5, 8)))
    assert not weights.numpy()[1].any()
    np.sum(out**2).backward()
    assert not x.grad[1].any()
    assert np.isfinite(x.grad).all()


def test_training_drops_and_evaluation_does_not() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True, rng=3)
    x = draw(3, 5, 8)
    first, second = layer(x).numpy(), layer(x).numpy()
    assert (first != second).any()
    layer.eval()
    np.testing.assert_array_equal(layer(x).numpy(), layer(x).numpy())
    attention = heads(dropout=0.5)
    dropped = attention(x, x, x, average_attn_weights=False)[1].numpy()
    whole = attention.eval()(x, x, x, average_attn_weights=False)[1].numpy()
    kept = dropped != 0
    assert 0.3 < kept.mean() < 0.7
    np.testing.assert_allclose(dropped[kept], 2 * whole[kept], rtol=1e-4)


def test_the_same_seed_gives_the_same_run() -> None:
    def run(rng):
        if rng is None:
            nn.manual_seed(5)
        layer = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, rng=rng), 2)
        losses = []
        for _ in range(3):
            loss = np.sum(layer(draw(5, 3, 8)) ** 2)
            loss.backward()
            for p in layer.parameters():
                p.writable()[...] -= 1e-3 * p.grad
            layer.zero_grad()
            losses.append(loss.item())
        return losses

    assert run(7) == run(7) != run(8)
    assert run(None) == run(None) != run(7)
    assert run(np.random.default_rng(7)) == run(7)


def test_layers_of_a_stack_have_weights_and_masks_of_their_own() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, rng=1)
    encoder = nn.TransformerEncoder(layer, 3)
    ids = {id(p) for each in (layer, *encoder.layers) for p in each.parameters()}
    assert len(ids) == 4 * len(list(layer.parameters()))
    for ours, theirs in zip(encoder.layers[0].parameters(), encoder.layers[2].parameters(), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    x = draw(5, 3, 8)
    first, second = (
        np.equal(each.dropout(np.ones_like(x)).numpy(), 0) for each in (encoder.layers[0], encoder.layers[1])
    )
    assert (first != second).any()


def test_initial_weights() -> None:
    layer = nn.MultiheadAttention(64, 4, rng=0)
    bound = np.sqrt(6 / (64 + 3 * 64))
    assert 0.99 * bound < np.abs(layer.in_proj_weight.numpy()).max() <= bound
    assert 0.98 / 8 < np.abs(layer.out_proj.weight.numpy()).max() <= 1 / 8
    assert not layer.in_proj_bias.numpy().any()
    assert not layer.out_proj.bias.numpy().any()
    layer = nn.MultiheadAttention(64, 4, rng=0, weight_init="zeros", bias_init=0.5)
    assert not layer.in_proj_weight.numpy().any()
    assert not layer.out_proj.weight.numpy().any()
    assert set(layer.in_proj_bias.numpy()) == {0.5} == set(layer.out_proj.bias.numpy())


def test_positional_encoding() -> None:
    encoding = nn.PositionalEncoding(5, dropout=0.0, max_len=9)
    table = encoding(np.zeros((9, 2, 5), np.float32)).numpy()
    assert table.dtype == np.float32
    np.testing.assert_array_equal(table[:, 0], table[:, 1])
    for p in range(9):
        for i in range(5):
            angle = p / 10000 ** ((i - i % 2) / 5)
            assert abs(table[p, 0, i] - (np.cos(angle) if i % 2 else np.sin(angle))) < 1e-6
    first = nn.PositionalEncoding(5, dropout=0.0, max_len=9, batch_first=True, dtype=np.float64)
    np.testing.assert_allclose(first(np.zeros((2, 4, 5))).numpy(), table[:4].transpose(1, 0, 2), atol=1e-6)
    np.testing.assert_array_equal(first(np.zeros((4, 5))).numpy(), first(np.zeros((1, 4, 5))).numpy()[0])
    assert "pe" not in first.state_dict()
    x = ag.Tensor(np.zeros((2, 4, 5)), requires_grad=True)
    np.sum(nn.PositionalEncoding(5, dropout=0.5, batch_first=True, rng=0)(x)).backward()
    assert set(x.grad.ravel()) == {0.0, 2.0}
    for shape in ((10, 2, 5), (2, 5, 4), (5,)):
        with pytest.raises(ValueError, match="PositionalEncoding"):
            encoding(np.zeros(shape))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.MultiheadAttention(7, 2), ["embed_dim=7", "num_heads=2"]),
        (lambda: nn.MultiheadAttention(8, 0), ["num_heads = 0"]),
        (lambda: nn.MultiheadAttention(8, 2, dropout=1.5), ["dropout = 1.5"]),
        (lambda: nn.TransformerEncoderLayer(8, 2, activation="swish"), ["swish", "gelu"]),
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), -1), ["num_layers=-1"]),
        (lambda: heads()(draw(3, 5, 6), draw(3, 5, 6), draw(3, 5, 6)), ["(3, 5, 6)", "8"]),
        (lambda: heads()(draw(3, 5, 8), draw(2, 5, 8), draw(2, 5, 8)), ["(3, 5, 8)", "(2, 5, 8)"]),
        (lambda: heads()(draw(3, 5, 8), draw(3, 5, 8), draw(3, 4, 8)), ["(3, 4, 8)"]),
        (lambda: heads()(draw(3, 5, 8), draw(5, 8), draw(5, 8)), ["(5, 8)"]),
        (
            lambda: nn.MultiheadAttention(8, 2)(*[draw(4, 5, 8)] * 3, key_padding_mask=np.ones((4, 5))),
            ["key_padding_mask", "(4, 5)", "(5, 4)"],
        ),
        (
            lambda: nn.MultiheadAttention(8, 2)(draw(3, 5, 8), draw(3, 5, 8)[:, :4], draw(3, 5, 8)[:, :4]),
            ["batch_first=True"],
        ),
        (
            lambda: heads()(*[draw(3, 5, 8)] * 3, attn_mask=np.zeros((5, 4), bool)),
            ["attn_mask", "(5, 4)", "(5, 5)", "(6, 5, 5)"],
        ),
    ],
)
def test_refuses(make, words) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_refuses_masks_of_integers() -> None:
    x = draw(3, 5, 8)
    for name, shape in (("attn_mask", (5, 5)), ("key_padding_mask", (3, 5))):
        with pytest.raises(TypeError, match=rf"{name} must be boolean.*int64.*astype\(bool\)"):
            heads()(x, x, x, **{name: np.zeros(shape, int)})


def test_repr() -> None:
    assert repr(heads()).startswith("MultiheadAttention(")
    text = repr(nn.MultiheadAttention(8, 2, 0.1, bias=False, add_zero_attn=True, kdim=4, vdim=6))
    for words in ("embed_dim=8, num_heads=2", "dropout=0.1", "bias=False", "add_zero_attn=True", "kdim=4, vdim=6"):
        assert words in text
    text = repr(nn.TransformerEncoderLayer(8, 2, norm_first=True))
    assert "norm_first=True" in text
    assert "activation=relu" in text


def test_a_copy_goes_on_with_the_default_generator() -> None:
    layer = nn.MultiheadAttention(8, 2, dropout=0.5)
    other = copy.deepcopy(layer)
    x = draw(5, 3, 8)
    nn.manual_seed(1)
    a = layer(x, x, x)[0].numpy()
    nn.manual_seed(1)
    np.testing.assert_array_equal(other(x, x, x)[0].numpy(), a)
