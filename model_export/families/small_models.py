"""Small models in the names of their sources: linear maps of a sum of embeddings, functions of pairs,
attention-only models in short names, a model of max-of-2 with LayerNorm, and a PyTorch transformer."""

from model_export.program import Builder, Settings, Tensors


def linear_sum(builder: Builder, tensors: Tensors, settings: Settings) -> None:
    """unembedding linear (embedding[:, a] + embedding[:, b] + ...), matrices [outputs, inputs]."""
    embedding = tensors.take("embedding.weight", None, None).T
    width = embedding.shape[1]
    value = builder.step("total", builder.embed(embedding))
    value = builder.linear(value, tensors.take("linear.weight", None, width).T)
    builder.linear(value, tensors.take("unembedding.weight", None, None).T)


def attention_only(builder: Builder, tensors: Tensors, settings: Settings) -> None:
    """Layers of one causal head without biases: E, P, and Q1, K1, V1, O1, Q2, ... [inputs, outputs], U."""
    embedding = tensors.take("E", None, None)
    width = embedding.shape[1]
    positions = tensors.take("P", builder.positions, width)
    value = builder.sum(builder.embed(embedding), builder.constant(positions))
    for layer in range(1, settings.size("n_layers") + 1):
        query, key, values = (
            builder.linear(value, tensors.take(f"{letter}{layer}", width, None)) for letter in "QKV"
        )
        head_width = tensors.take(f"Q{layer}", width, None).shape[1]
        mixed = builder.attend(query, key, values, "causal", (1, 0, head_width))
        value = builder.sum(value, builder.linear(mixed, tensors.take(f"O{layer}", None, width)))
    builder.linear(builder.read(value, settings), tensors.take("U", width, None))


def max_of_two(builder: Builder, tensors: Tensors, settings: Settings) -> None:
    """One head with LayerNorm before it and at the end, biases everywhere, causal: the names of
    JasonGross/neural-net-coq-interp, MaxOfTwoNumbers."""
    embedding = tensors.take("W_E", None, None)
    width, eps = embedding.shape[1], settings.number("eps", 1e-5)
    positions = tensors.take("W_pos", builder.positions, width)
    value = builder.sum(builder.embed(embedding), builder.constant(positions))
    weights = tensors.take("L0_ln1_w", width), tensors.take("L0_ln1_b", width)
    before = builder.norm(value, "LN", eps, weights)
    query, key, values = (
        builder.linear(
            before,
            tensors.take(f"L0_attn_W_{letter}", 1, width, None)[0],
            tensors.take(f"L0_attn_b_{letter}", 1, None)[0],
        )
        for letter in "QKV"
    )
    head_width = tensors.take("L0_attn_W_Q", 1, width, None).shape[2]
    mixed = builder.attend(query, key, values, "causal", (1, 0, head_width))
    output = tensors.take("L0_attn_W_O", 1, head_width, width)[0]
    value = builder.sum(value, builder.linear(mixed, output, tensors.take("L0_attn_b_O", width)))
    weights = tensors.take("ln_final_w", width), tensors.take("ln_final_b", width)
    value = builder.norm(builder.read(value, settings), "LN", eps, weights)
    builder.linear(value, tensors.take("W_U", width, None), tensors.take("b_U", None))
    # The same weights once more, from an earlier step of training.
    tensors.ignore("[Wb]_[QKVO]")


def pytorch_transformer(builder: Builder, tensors: Tensors, settings: Settings) -> None:
    """Causal layers without norms, attention without biases, a ReLU MLP and a ReLU head of two layers on
    the rows that are read: the names of brian-naughton/verified-circuits, matrices [outputs, inputs]."""
    embedding = tensors.take("tok.weight", None, None)
    width, heads = embedding.shape[1], settings.size("n_heads")
    value = builder.sum(builder.embed(embedding), builder.constant(tensors.take("pos", builder.positions, width)))
    for layer in range(settings.size("n_layers")):
        place, parts = f"blocks.{layer}.", []
        matrices = {c: tensors.take(f"{place}W{c}.weight", width, width).T for c in "qkvo"}
        for head in range(heads):
            of_head = slice(head * width // heads, (head + 1) * width // heads)
            query, key, values = (builder.linear(value, matrices[c][:, of_head]) for c in "qkv")
            mixed = builder.attend(query, key, values, "causal", (1, 0, width // heads))
            parts.append(builder.linear(mixed, matrices["o"][of_head]))
        value = builder.sum(value, *parts)
        value = builder.sum(value, _layers(builder, tensors, value, (f"{place}mlp1", f"{place}mlp2")))
    _layers(builder, tensors, builder.read(value, settings), ("h1", "h2"))


def _layers(builder: Builder, tensors: Tensors, value: int, names: tuple[str, str]) -> int:
    """Two linear layers with a ReLU between."""
    first, second = names
    inner = tensors.take(f"{first}.weight", None, None)
    hidden = builder.linear(value, inner.T, tensors.take(f"{first}.bias", len(inner)))
    output = tensors.take(f"{second}.weight", None, len(inner))
    active = builder.step("relu", hidden)
    return builder.linear(active, output.T, tensors.take(f"{second}.bias", len(output)))
