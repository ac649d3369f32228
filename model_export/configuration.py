"""What the configuration of a model says that its weights do not tell.

The keys are those of TransformerLens: `HookedTransformerConfig` of versions 1 to 3 and
`TransformerBridgeConfig` of versions 3 and 4. `KEYS` lists those that can change the function that
the weights denote, with the values under which it is the one that is exported; `HARMLESS_FOR` lists
the others. A key in neither may mean anything, and is refused.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from model_export.errors import UnsupportedWeights
from model_export.regular_files import read_regular_file

Configuration = Mapping[str, object]
# What the weights tell: vocabulary, outputs, n_ctx (rows of W_pos), width, head_width.
Sizes = Mapping[str, int]

MAX_CONFIGURATION_BYTES = 2**20


@dataclass(frozen=True)
class Key:
    """What a key must say, given the sizes of the weights.

    `expected` is the value that an error names, `agrees` whether a value means the same. `default`
    is TransformerLens's value of a missing key; a key without one must be there. `assumed` is what
    has to be assumed where there is no configuration; it is empty where weights show the value.
    """

    expected: Callable[[Sizes], object]
    agrees: Callable[[object, Sizes], bool]
    default: tuple[object, ...] = ()
    assumed: str = ""


def _same(value: object, expected: object) -> bool:
    """Equality in which true and 1 differ, and 1 and 1.0 do not."""
    # Other types may have a notion of equality of their own: a tensor's is a tensor.
    plain = value is None or isinstance(value, bool | int | float | str)
    return plain and isinstance(value, bool) is isinstance(expected, bool) and value == expected


def _one_of(*values: object, default: object = ..., assumed: str = "") -> Key:
    """A key with any of `values`, of which the first is expected and the default if none is given."""
    return Key(
        lambda sizes: values[0],
        lambda value, sizes: any(_same(value, other) for other in values),
        (values[0] if default is ... else default,),
        assumed,
    )


def _size(name: str, *also: object) -> Key:
    """A size of the weights, or one of `also`, which stand for it and of which the first is the default."""
    return Key(
        lambda sizes: sizes[name],
        lambda value, sizes: any(_same(value, other) for other in (sizes[name], *also)),
        also[:1],
    )


def _one_head(value: object, sizes: Sizes) -> bool:
    return _same(value, 1) or (_same(value, -1) and sizes["width"] // sizes["head_width"] == 1)


def _root_of_head_width(value: object, sizes: Sizes) -> bool:
    """Whether the divisor of scores is the root of the head width, rounded to float32 or better, or -1 for it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # Squares, because an integer may be too large for a float.
    return value == -1 or (value > 0 and abs(value * value - sizes["head_width"]) <= sizes["head_width"] * 2.0**-22)


def _no_cap(value: object, sizes: Sizes) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value <= 0)


OFF, NONE = _one_of(False), _one_of(None)

KEYS: dict[str, Key] = {
    "n_layers": Key(lambda sizes: 1, lambda value, sizes: _same(value, 1)),
    "n_heads": Key(lambda sizes: 1, _one_head, (-1,), "one head"),
    "n_key_value_heads": _one_of(None, 1),
    "n_ctx": _size("n_ctx"),
    "d_model": _size("width"),
    "d_head": _size("head_width"),
    "d_vocab": _size("vocabulary", -1),
    "d_vocab_out": _size("outputs", -1),
    "attn_only": _one_of(True, default=False),
    "positional_embedding_type": _one_of("standard", assumed="standard positional embedding"),
    "normalization_type": _one_of(None, default="LN", assumed="no normalisation"),
    "use_attn_scale": _one_of(True),
    "attn_scale": Key(
        lambda sizes: math.sqrt(sizes["head_width"]),
        _root_of_head_width,
        (-1,),
        "scores divided by the square root of the head width",
    ),
    "attn_scores_soft_cap": Key(lambda sizes: -1, _no_cap, (-1,)),
    "output_logits_soft_cap": Key(lambda sizes: -1, _no_cap, (-1,), "no soft caps"),
    # The last position sees all others either way.
    "attention_dir": _one_of("causal", "bidirectional"),
    "use_local_attn": _one_of(False, assumed="no local attention"),
    "window_size": NONE,
    "attn_types": NONE,
    "architecture": _one_of(None, "TransformerLensNative"),
    "original_architecture": NONE,
    # Text would be turned into tokens, with tokens of its own at either end.
    "tokenizer_name": NONE,
    **dict.fromkeys(("final_rms", "uses_rms_norm", "rmsnorm_uses_offset", "post_embedding_ln"), OFF),
    **dict.fromkeys(("use_normalization_before_and_after", "use_qk_norm", "qk_norm_after_rope"), OFF),
    **dict.fromkeys(("scale_attn_by_inverse_layer_idx", "use_attention_sinks", "use_logn_attn"), OFF),
    **dict.fromkeys(("gated_mlp", "parallel_attn_mlp", "tie_word_embeddings", "load_in_4bit"), OFF),
    **dict.fromkeys(("is_stateful", "is_multimodal", "is_audio_model", "is_visual_model"), OFF),
    **dict.fromkeys(("num_experts", "experts_per_token", "clip_qkv", "quantization_method"), NONE),
    **dict.fromkeys(("relative_attention_max_distance", "relative_attention_num_buckets"), NONE),
    **dict.fromkeys(("per_layer_head_dim", "per_layer_num_key_value_heads", "decoder_start_token_id"), NONE),
    "scale_embedding": _one_of(None, False),
}

# Keys that leave the function as it is, by the reason why.
HARMLESS_FOR = {
    "how the weights were made": "init_mode init_weights initializer_range seed n_params",
    "where they come from": "model_name from_checkpoint checkpoint_index checkpoint_label_type checkpoint_value "
    "trust_remote_code",
    "how a machine computes with them": "device n_devices dtype attn_implementation",
    "what of a running model is shown": "use_attn_result use_split_qkv_input use_hook_mlp_in use_attn_in "
    "use_hook_tokens ungroup_grouped_query_attention split_attention_weights layer_norm_folding",
    "part of an MLP, and there is none": "d_mlp act_fn norm_topk_prob",
    "part of a normalisation, and there is none": "eps",
    "part of rotary positions, and there are none": "rotary_dim rotary_base rotary_base_local rotary_adjacent_pairs "
    "rotary_scaling_factor rotary_interleaved_cos_sin rope_scaling use_NTK_by_parts_rope NTK_by_parts_low_freq_factor "
    "NTK_by_parts_high_freq_factor NTK_by_parts_factor NTK_original_ctx_len use_dynamic_ntk_rope use_yarn_rope "
    "yarn_factor yarn_attention_factor yarn_beta_fast yarn_beta_slow yarn_truncate yarn_global_attn_only "
    "yarn_original_max_position_embeddings",
    "part of log-n attention, and there is none": "train_seq_length",
    "how text becomes tokens, and there is no text": "default_prepend_bos tokenizer_prepends_bos "
    "tokenizer_appends_eos default_padding_side",
    "part of a model of pictures": "vision_hidden_size vision_num_layers vision_num_heads mm_tokens_per_image",
}
HARMLESS = frozenset(name for names in HARMLESS_FOR.values() for name in names.split())


def check_configuration(configuration: Configuration, sizes: Sizes) -> None:
    """Refuse a configuration under which weights of these sizes are not the model that is exported.

    Raises `UnsupportedWeights`, which names the key, what was expected and what was found.
    """
    for name in sorted(map(str, configuration.keys() - KEYS.keys() - HARMLESS)):
        raise UnsupportedWeights(f"configuration: {name}: unknown key, which might change the model")
    for name, key in KEYS.items():
        expected = json.dumps(key.expected(sizes))
        if name not in configuration and not key.default:
            raise UnsupportedWeights(f"configuration: {name}: expected {expected}, found no such key")
        value = configuration[name] if name in configuration else key.default[0]
        if not key.agrees(value, sizes):
            source = "" if name in configuration else ", the default of a missing key"
            found = json.dumps(value, default=repr)[:100]
            raise UnsupportedWeights(f"configuration: {name}: expected {expected}, found {found}{source}")
    if configuration.get("d_vocab_out", -1) == -1 and sizes["outputs"] != sizes["vocabulary"]:
        raise UnsupportedWeights(
            f"configuration: d_vocab_out: expected {sizes['outputs']}, found that of d_vocab, {sizes['vocabulary']}"
        )


def read_configuration(path: Path) -> dict[str, object]:
    """The configuration in the JSON file `path`.

    Raises `UnsupportedWeights` for anything but one JSON object in a regular file.
    """
    return parse_configuration(read_regular_file(path, "max_configuration_bytes", MAX_CONFIGURATION_BYTES), str(path))


def parse_configuration(text: bytes | str, source: str) -> dict[str, object]:
    """The JSON object `text`, found in `source`; raises `UnsupportedWeights` for anything else."""
    try:
        found = json.loads(text, object_pairs_hook=without_duplicates)
    except (ValueError, RecursionError) as error:
        raise UnsupportedWeights(f"{source}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise UnsupportedWeights(f"{source}: not a JSON object")
    return found


def without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The JSON object of these pairs; raises `UnsupportedWeights` where a key occurs twice."""
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise UnsupportedWeights(f"{key}: stored twice")
        found[key] = value
    return found
