"""What was done to weights after training that left the function as it was: folding and centring.

TransformerLens folds the weights of norms into the matrices after them (`fold_ln`), takes the mean out of what writes
to the residual stream (`center_writing_weights`) and out of the logits (`center_unembed`), and moves value biases to
the output (`fold_value_biases`). Its configuration tells of the first only, by the kind of its norm; the others are
seen in the weights. The exact model is that of the weights as they are; this says what they are.
"""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from model_export.configuration import Configuration
from model_export.weights_files import Array

# Folded norms, as TransformerLens 2 and 3 call what is left of them; version 4 has a key for it.
FOLDED = {"LNPre": "LayerNorm", "RMSPre": "RMSNorm"}
# Centred numbers of float32 have means of about 2**-24 of their size, others of its size over the root of their count.
CENTRED = 2.0**-18
# What writes to the residual stream, which is the last axis; version 4 stores linear layers the other way round.
WRITING = re.compile(r"embed\.W_E|pos_embed\.W_pos|(tok_|pos_)?embed\.weight|pos\.weight|.*\.attn\.W_O|.*\.mlp\.W_out")
WRITING_TRANSPOSED = re.compile(r".*\.attn\.o\.weight|.*\.mlp\.(fc_)?out\.weight")
UNEMBEDDING, UNEMBEDDING_TRANSPOSED = re.compile(r"unembed\.W_U"), re.compile(r"(unembed|head)\.weight")
VALUE_BIAS = re.compile(r".*\.attn\.(b_V|v\.bias)")


def preparation(tensors: Mapping[str, Array], configuration: Configuration | None) -> tuple[str, ...]:
    """In words, what was folded and centred, by the configuration or as far as the weights show it.

    `tensors` are those of a state dictionary of TransformerLens 2 to 4, of any shape; of other names nothing is said.
    """
    found = []
    settings = configuration or {}
    kind = str(settings.get("normalization_type"))
    if kind in FOLDED:
        found.append(f"weights of {FOLDED[kind]} folded (normalization_type {kind})")
    elif settings.get("layer_norm_folding") is True and kind != "None":
        found.append("weights of norms folded (layer_norm_folding)")
    writing = [tensor for name, tensor in tensors.items() if WRITING.fullmatch(name)]
    writing += [tensor.T for name, tensor in tensors.items() if WRITING_TRANSPOSED.fullmatch(name)]
    if _centred(writing):
        found.append("writing weights centred, as seen in the weights")
    unembedding = [tensor for name, tensor in tensors.items() if UNEMBEDDING.fullmatch(name)]
    unembedding += [tensor.T for name, tensor in tensors.items() if UNEMBEDDING_TRANSPOSED.fullmatch(name)]
    if _centred(unembedding):
        found.append("unembedding centred, as seen in the weights")
    biases = [tensor for name, tensor in tensors.items() if VALUE_BIAS.fullmatch(name)]
    others = any(tensor.any() for name, tensor in tensors.items() if re.fullmatch(r".*\.attn\.(b_O|o\.bias)", name))
    if biases and others and not any(tensor.any() for tensor in biases):
        found.append("value biases folded, as seen in the weights")
    return tuple(found)


def _centred(matrices: Iterable[Array]) -> bool:
    """Whether the rows of all matrices, along the last axis, have means of nearly 0, and there are some."""
    sizes = [(rows, float(np.abs(rows).max(initial=0.0))) for rows in matrices]
    shares = [float(np.abs(rows.mean(axis=-1)).max()) / size for rows, size in sizes if size]
    return bool(shares) and max(shares) < CENTRED
