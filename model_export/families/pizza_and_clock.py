"""The models of fjzzq2002/pizza (Zhong et al., 2023): transformers without norms and masks whose
attention is attn_coeff softmax + (1 - attn_coeff), and MLPs on the concatenation of embeddings.

Sizes of the transformer's tensors: embed.W_E [width, tokens], pos_embed.W_pos [positions, width],
W_Q, W_K, W_V [heads, head_width, width], W_O [width, heads head_width], mlp.W_in [d_mlp, width],
W_out [width, d_mlp], unembed.W_U [width, outputs].
"""

import numpy as np

from model_export.errors import UnsupportedWeights
from model_export.program import Builder, Settings, Tensors, Value

# Activations of the hidden layer of an MLP without attention.
HIDDEN = ("relu", "tanh", "gelu_new", "silu")


def pizza_and_clock(builder: Builder, tensors: Tensors, settings: Settings) -> None:
    """The transformer: `n_layers` layers, residual around attention and MLP, read at the last position."""
    coefficient = settings.number("attn_coeff")
    if not 0 <= coefficient <= 1:
        raise UnsupportedWeights(f"configuration: attn_coeff: expected 0 to 1, found {coefficient}")
    settings.choice("act_fn", ("relu",), "relu")
    embedding = tensors.take("embed.W_E", None, None).T
    width = embedding.shape[1]
    positions = tensors.take("pos_embed.W_pos", builder.positions, width)
    value = builder.sum(builder.embed(embedding), builder.constant(positions))
    for layer in range(settings.size("n_layers", 1)):
        place = f"blocks.{layer}"
        value = builder.sum(value, _attention(builder, tensors, value, f"{place}.attn", float(coefficient)))
        inner = tensors.take(f"{place}.mlp.W_in", None, width).T
        hidden = inner.shape[1]
        added = builder.linear(value, inner, tensors.take(f"{place}.mlp.b_in", hidden))
        added = builder.step("relu", added)
        output = tensors.take(f"{place}.mlp.W_out", width, hidden).T
        added = builder.linear(added, output, tensors.take(f"{place}.mlp.b_out", width))
        value = builder.sum(value, added)
    builder.linear(builder.read(value, settings), tensors.take("unembed.W_U", width, None))


def _attention(builder: Builder, tensors: Tensors, value: Value, place: str, coefficient: float) -> Value:
    """The sum over the heads of what they add to the residual stream."""
    matrices = {letter: tensors.take(f"{place}.W_{letter}", None, None, None) for letter in "QKV"}
    heads, head_width, width = matrices["V"].shape
    output = tensors.take(f"{place}.W_O", width, heads * head_width).T
    added = []
    for head in range(heads):
        parts, values = [], builder.linear(value, matrices["V"][head].T)
        if coefficient:
            query, key = (builder.linear(value, matrices[letter][head].T) for letter in "QK")
            mixed = builder.attend(query, key, values, "full", (1, 0, head_width))
            parts.append(_scaled(builder, mixed, coefficient, head_width))
        if coefficient != 1:
            everything = builder.step("attend_sum", values, "full")
            parts.append(_scaled(builder, everything, 1 - coefficient, head_width))
        rows = slice(head * head_width, (head + 1) * head_width)
        added.append(builder.linear(builder.sum(*parts), output[rows]))
    return builder.sum(*added)


def _scaled(builder: Builder, value: Value, factor: float, width: int) -> Value:
    return value if factor == 1 else builder.step("times", value, builder.tensor(np.full(width, factor)))


def concatenated_mlp(builder: Builder, tensors: Tensors, settings: Settings) -> None:
    """unembed act(l1 [E[a]; E[b]; ...] + bias), PyTorch's linear layers [outputs, inputs]."""
    embedding = tensors.take("embed.weight", None, None)
    width = embedding.shape[1]
    inner = tensors.take("l1.weight", None, width * builder.positions).T
    table, parts = builder.tensor(embedding), []
    for j in range(builder.positions):
        row = builder.step("embed_at", j, table)
        parts.append(builder.linear(row, inner[j * width : (j + 1) * width]))
    hidden = inner.shape[1]
    value = builder.bias(builder.sum(*parts), tensors.take("l1.bias", hidden))
    value = builder.step(str(settings.choice("act_fn", HIDDEN, "relu")), value)
    builder.linear(value, tensors.take("unembed.weight", None, hidden).T)
