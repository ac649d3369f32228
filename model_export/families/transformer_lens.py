"""`HookedTransformer` of TransformerLens 2 and 3, by its state dictionary and configuration.

embed.W_E [vocabulary, width], pos_embed.W_pos [positions, width]; for each block attn.W_Q, W_K, W_V
[heads, width, head_width], W_O [heads, head_width, width], biases b_Q, b_K, b_V [heads, head_width],
b_O [width], ln1, ln2 (w, b) [width], mlp.W_in [width, d_mlp], b_in, W_out [d_mlp, width], b_out;
ln_final; unembed.W_U [width, outputs], b_U.
"""

import numpy as np

from model_export.configuration import HARMLESS, KEYS, NONE, OFF
from model_export.errors import UnsupportedWeights
from model_export.program import Array, Builder, Settings, Tensors, Value

NORMS = (None, "LN", "LNPre", "RMS", "RMSPre")
ACTIVATIONS = ("relu", "gelu_new", "silu")
# Keys with the only values under which the function is the one that is built.
FIXED: dict[str, tuple[object, ...]] = {
    "positional_embedding_type": ("standard",),
    **dict.fromkeys(("original_architecture", "tokenizer_name", "window_size", "attn_types"), (None,)),
    **dict.fromkeys(("num_experts", "experts_per_token", "n_key_value_heads"), (None,)),
    **dict.fromkeys(("attn_scores_soft_cap", "output_logits_soft_cap"), (-1,)),
    **dict.fromkeys(("final_rms", "use_local_attn", "gated_mlp", "parallel_attn_mlp"), (False,)),
    **dict.fromkeys(("scale_attn_by_inverse_layer_idx", "use_qk_norm"), (False,)),
    **dict.fromkeys(("use_normalization_before_and_after", "tie_word_embeddings"), (False,)),
    "post_embedding_ln": (False,),
}
# Keys of later versions, for what is not built either.
OTHERS = [name for name, key in KEYS.items() if key in (OFF, NONE) and name not in FIXED and name != "uses_rms_norm"]
OTHERS += ["scale_embedding", "layer_norm_folding"]


class _Model:
    """What a configuration says, and the steps that follow from it."""

    def __init__(self, builder: Builder, tensors: Tensors, settings: Settings) -> None:
        self.builder, self.tensors = builder, tensors
        for name, values in FIXED.items():
            settings.choice(name, values, values[0])
        settings.off(OTHERS)
        settings.off(["architecture"], "TransformerLensNative")
        settings.ignore(" ".join(HARMLESS))
        self.width = settings.size("d_model")
        self.layers, self.heads = settings.size("n_layers"), settings.size("n_heads")
        self.head_width = settings.size("d_head")
        direction = settings.choice("attention_dir", ("causal", "bidirectional"), "causal")
        self.mask = "causal" if direction == "causal" else "full"
        self.norm = settings.choice("normalization_type", NORMS, "LN")
        settings.off([] if self.norm in ("RMS", "RMSPre") else ["uses_rms_norm"])
        settings.ignore("uses_rms_norm")
        self.eps = settings.number("eps", 1e-5)
        self.attention_only = settings.choice("attn_only", (False, True), False)
        self.activation = None if self.attention_only else settings.choice("act_fn", ACTIVATIONS)
        settings.ignore("act_fn d_mlp")
        self.scale = self._scale(settings)

    def _scale(self, settings: Settings) -> tuple[int, int, int]:
        """Scores are divided by a number, or by the root of the head width, the usual one."""
        divisor = settings.number("attn_scale", -1)
        if not settings.choice("use_attn_scale", (True, False), True):
            return 1, 0, 1
        squared = self.head_width
        # The configuration has the root in floating point, rounded.
        if divisor == -1 or abs(divisor * divisor - squared) <= squared * 2.0**-22:
            return 1, 0, squared
        if divisor <= 0 or np.frexp(divisor)[0] != 0.5:
            expected = f"the root of d_head = {squared}, or a power of two"
            raise UnsupportedWeights(f"configuration: attn_scale: expected {expected}, found {divisor!r}")
        return 1, 1 - int(np.frexp(divisor)[1]), 1

    def optional(self, name: str, *axes: int) -> Array | None:
        """A bias, where there is one."""
        return self.tensors.take(name, *axes) if name in self.tensors else None

    def normalized(self, value: Value, name: str) -> Value:
        """The norm of this name, with weights where its kind has them."""
        weighted, kind = self.norm in ("LN", "RMS"), self.norm
        weight = self.tensors.take(f"{name}.w", self.width) if weighted else None
        bias = self.tensors.take(f"{name}.b", self.width) if kind == "LN" else None
        return self.builder.norm(value, None if kind is None else str(kind), self.eps, (weight, bias))

    def attention(self, value: Value, place: str) -> Value:
        """The sum over the heads of what they add to the residual stream."""
        width, heads, head_width = self.width, self.heads, self.head_width
        matrices = {c: self.tensors.take(f"{place}.W_{c}", heads, width, head_width) for c in "QKV"}
        biases = {c: self.optional(f"{place}.b_{c}", heads, head_width) for c in "QKV"}
        output = self.tensors.take(f"{place}.W_O", heads, head_width, width)
        added = []
        for head in range(heads):
            rows = []
            for letter in "QKV":
                bias = biases[letter]
                of_head = None if bias is None else bias[head]
                rows.append(self.builder.linear(value, matrices[letter][head], of_head))
            mixed = self.builder.attend(rows[0], rows[1], rows[2], self.mask, self.scale)
            added.append(self.builder.linear(mixed, output[head]))
        return self.builder.bias(self.builder.sum(*added), self.optional(f"{place}.b_O", width))

    def mlp(self, value: Value, place: str) -> Value:
        """The MLP with one hidden layer."""
        inner = self.tensors.take(f"{place}.W_in", self.width, None)
        hidden = inner.shape[1]
        value = self.builder.linear(value, inner, self.optional(f"{place}.b_in", hidden))
        value = self.builder.step(str(self.activation), value)
        output = self.tensors.take(f"{place}.W_out", hidden, self.width)
        return self.builder.linear(value, output, self.optional(f"{place}.b_out", self.width))


def transformer_lens(builder: Builder, tensors: Tensors, settings: Settings) -> None:
    """The steps of a `HookedTransformer`."""
    model = _Model(builder, tensors, settings)
    embedding = tensors.take("embed.W_E", None, model.width)
    positions = tensors.take("pos_embed.W_pos", None, model.width)
    settings.expect("n_ctx", len(positions))
    settings.expect("d_vocab", len(embedding))
    if len(positions) < builder.positions:
        raise UnsupportedWeights(
            f"tensor pos_embed.W_pos: {len(positions)} positions, the inputs have {builder.positions}"
        )
    value = builder.sum(builder.embed(embedding), builder.constant(positions[: builder.positions]))
    for layer in range(model.layers):
        block = f"blocks.{layer}"
        added = model.attention(model.normalized(value, f"{block}.ln1"), f"{block}.attn")
        value = builder.sum(value, added)
        if not model.attention_only:
            added = model.mlp(model.normalized(value, f"{block}.ln2"), f"{block}.mlp")
            value = builder.sum(value, added)
    value = model.normalized(builder.read(value, settings), "ln_final")
    unembedding = tensors.take("unembed.W_U", model.width, None)
    settings.expect("d_vocab_out", unembedding.shape[1])
    bias = model.optional("unembed.b_U", unembedding.shape[1])
    builder.linear(value, unembedding, bias)
    for layer in range(model.layers):
        tensors.mask(f"blocks.{layer}.attn.mask", len(positions), model.mask)
        tensors.masked_score(f"blocks.{layer}.attn.IGNORE")
