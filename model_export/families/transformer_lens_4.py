"""`TransformerBridge` and the native model of TransformerLens 4, translated to the names of
TransformerLens 2 and 3 (`model_export.families.transformer_lens`).

Linear layers are PyTorch's, [outputs, inputs], with the heads one after the other; norms have
`weight` and `bias`.
"""

import re

from model_export.errors import UnsupportedWeights
from model_export.families.transformer_lens import transformer_lens
from model_export.program import Array, Builder, Settings, Tensors

# Names of both, as patterns; {0} is the layer, {1} a letter of Q, K, V, or O in lower case.
MATRICES = {
    r"(?:tok_embed|embed)\.weight": "embed.W_E",
    r"(?:pos|pos_embed)\.weight": "pos_embed.W_pos",
    r"(?:layers|blocks)\.(\d+)\.ln([12])\.weight": "blocks.{0}.ln{1}.w",
    r"(?:layers|blocks)\.(\d+)\.ln([12])\.bias": "blocks.{0}.ln{1}.b",
    r"(?:layers|blocks)\.(\d+)\.attn\.([qkvo])\.weight": "blocks.{0}.attn.W_{1}",
    r"(?:layers|blocks)\.(\d+)\.attn\.([qkvo])\.bias": "blocks.{0}.attn.b_{1}",
    r"(?:layers|blocks)\.(\d+)\.mlp\.(?:fc_)?in\.weight": "blocks.{0}.mlp.W_in",
    r"(?:layers|blocks)\.(\d+)\.mlp\.(?:fc_)?in\.bias": "blocks.{0}.mlp.b_in",
    r"(?:layers|blocks)\.(\d+)\.mlp\.(?:fc_)?out\.weight": "blocks.{0}.mlp.W_out",
    r"(?:layers|blocks)\.(\d+)\.mlp\.(?:fc_)?out\.bias": "blocks.{0}.mlp.b_out",
    r"(?:ln_out|ln_final)\.weight": "ln_final.w",
    r"(?:ln_out|ln_final)\.bias": "ln_final.b",
    r"(?:head|unembed)\.weight": "unembed.W_U",
    r"(?:head|unembed)\.bias": "unembed.b_U",
}


def transformer_lens_4(builder: Builder, tensors: Tensors, settings: Settings) -> None:
    """The steps of a model of TransformerLens 4; its norms have weights, whatever their kind is called."""
    kind = settings.choice("normalization_type", ("LN", "RMS", None), "LN")
    heads = settings.size("n_heads")
    translated: dict[str, Array] = {}
    for name in tensors.names():
        new, tensor = _translated(name), tensors.any(name)
        if new in translated:
            raise UnsupportedWeights(f"tensor {name}: stored twice")
        translated[new] = _reshaped(new, tensor, heads)
    found = Tensors(translated)
    if kind == "RMS" and any(re.fullmatch(r"(?:.*\.ln[12]|ln_final)\.b", name) for name in translated):
        raise UnsupportedWeights("configuration: normalization_type: 'RMS', but norms have biases")
    transformer_lens(builder, found, settings)
    found.finish()


def _translated(name: str) -> str:
    for pattern, new in MATRICES.items():
        found = re.fullmatch(pattern, name)
        if found:
            groups = [group.upper() for group in found.groups()]
            return new.format(*groups)
    raise UnsupportedWeights(f"tensor {name}: not understood by this format")


def _reshaped(name: str, tensor: Array, heads: int) -> Array:
    """The tensor with axes as in TransformerLens 2 and 3."""
    if name.endswith((".W_in", ".W_out", ".W_U")):
        return tensor.T
    letter = name[-1] if ".attn." in name else ""
    if (".W_" in name and tensor.ndim != 2) or (letter and len(tensor) % heads and letter != "O"):
        raise UnsupportedWeights(f"tensor {name}: cannot be divided into {heads} heads")
    if ".attn.W_" in name and letter != "O":
        return tensor.reshape(heads, -1, tensor.shape[1]).transpose(0, 2, 1)
    if ".attn.W_O" in name:
        return tensor.T.reshape(heads, -1, tensor.shape[0])
    if ".attn.b_" in name and letter != "O":
        return tensor.reshape(heads, -1)
    return tensor
