"""A configuration under which the weights are another function is refused; without one, what is assumed is said."""

import json
import math
import os
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from small_models import memory_limit

from compact_proofs.command_line import main
from model_export.configuration import HARMLESS, KEYS, check_configuration, read_configuration
from model_export.errors import UnsupportedWeights
from model_export.exact_model import export, export_model
from model_export.floating_point import float_weights

Weights = dict[str, np.ndarray]
Configuration = dict[str, Any]

STORED = {path.stem: json.loads(path.read_text()) for path in Path(__file__).parent.glob("data/configurations/*.json")}
# Of the weights that these configurations are of.
SIZES = {"vocabulary": 4, "outputs": 5, "n_ctx": 3, "width": 6, "head_width": 2}

# Values under which the weights denote another function, or are not of these sizes.
WRONG: dict[str, tuple[object, ...]] = {
    "n_layers": (0, 2, True, None, "1"),
    "n_heads": (2, 0, -1, True, None),
    "n_key_value_heads": (2, 0),
    "n_ctx": (2, 4, "3", None),
    "d_model": (5, 12, 6.5),
    "d_head": (1, 6),
    "d_vocab": (3, 5, None),
    "d_vocab_out": (4, 6, -1),
    "attn_only": (False, None, 1, "true"),
    "positional_embedding_type": ("shortformer", "alibi", "rotary", "relative_positional_bias", "none", None),
    "normalization_type": ("LN", "LNPre", "RMS", "RMSPre", "lnpre", "None", False),
    "use_attn_scale": (False, None, 1),
    "attn_scale": (1.0, 2.0, -2.0, 0, 1.4143, -math.sqrt(2), 10**400, math.inf, math.nan, None, "-1", True, [-1]),
    "attn_scores_soft_cap": (50.0, 1, True, "none", math.nan),
    "output_logits_soft_cap": (30.0, 1e-9, [0]),
    "attention_dir": ("prefix", None),
    "use_local_attn": (True, 1),
    "window_size": (1, 2),
    "attn_types": (["local"], ["global"]),
    "architecture": ("GPT2LMHeadModel", ""),
    "original_architecture": ("Olmo2ForCausalLM",),
    "tokenizer_name": ("gpt2",),
    **dict.fromkeys(("final_rms", "uses_rms_norm", "rmsnorm_uses_offset", "post_embedding_ln"), (True, 1, None)),
    **dict.fromkeys(("use_normalization_before_and_after", "use_qk_norm", "qk_norm_after_rope"), (True, 1)),
    **dict.fromkeys(("scale_attn_by_inverse_layer_idx", "use_attention_sinks", "use_logn_attn"), (True, 1)),
    **dict.fromkeys(("gated_mlp", "parallel_attn_mlp", "tie_word_embeddings", "load_in_4bit"), (True, 1)),
    **dict.fromkeys(("is_stateful", "is_multimodal", "is_audio_model", "is_visual_model"), (True, 1)),
    **dict.fromkeys(("num_experts", "experts_per_token", "clip_qkv", "quantization_method"), (1, "mxfp4", 0.5)),
    **dict.fromkeys(("relative_attention_max_distance", "relative_attention_num_buckets"), (32,)),
    **dict.fromkeys(("per_layer_head_dim", "per_layer_num_key_value_heads"), ([2], [])),
    "decoder_start_token_id": (0, 3),
    "scale_embedding": (True, 1),
}


@pytest.mark.parametrize("name", STORED)
def test_configurations_of_the_library_itself_are_accepted(name: str) -> None:
    check_configuration(STORED[name], SIZES)


def test_every_key_of_the_library_is_known() -> None:
    assert {key for stored in STORED.values() for key in stored} <= KEYS.keys() | HARMLESS
    assert not KEYS.keys() & HARMLESS


@pytest.mark.parametrize("key", KEYS)
def test_values_of_another_function_are_refused_with_key_expected_and_found(key: str) -> None:
    for stored in STORED.values():
        for value in WRONG[key]:
            with pytest.raises(UnsupportedWeights, match=f"^configuration: {key}: expected .+, found .+") as caught:
                check_configuration({**stored, key: value}, SIZES)
            assert str(caught.value).isprintable()
    assert f"expected {json.dumps(KEYS[key].expected(SIZES))}, found" in str(caught.value) or key == "d_vocab_out"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positional_embedding_type": "alibi"}, 'positional_embedding_type: expected "standard", found "alibi"'),
        ({"normalization_type": "LNPre"}, 'normalization_type: expected null, found "LNPre"'),
        ({"attn_scale": 1.0}, "attn_scale: expected 1.4142135623730951, found 1.0"),
        ({"n_heads": -1}, "n_heads: expected 1, found -1"),
        ({"d_vocab_out": -1}, "d_vocab_out: expected 5, found that of d_vocab, 4"),
        ({"dropout": 0.0}, "dropout: unknown key, which might change the model"),
        ({"a\nb": 0}, r"a\nb: unknown key, which might change the model"),
        ({3: 0}, "3: unknown key, which might change the model"),
        ({"n_layers": torch.ones(2)}, 'n_layers: expected 1, found "tensor([1., 1.])"'),
    ],
)
def test_messages(change: dict[str, object], message: str) -> None:
    with pytest.raises(UnsupportedWeights) as caught:
        check_configuration({**STORED["transformer_lens_2"], **change}, SIZES)
    assert str(caught.value) == f"configuration: {message}"


@pytest.mark.parametrize(
    "change",
    [
        {"attention_dir": "bidirectional"},
        {"attn_scale": -1},
        {"attn_scale": float(np.sqrt(np.float32(2)))},
        {"attn_scores_soft_cap": 0, "output_logits_soft_cap": None},
        {"n_key_value_heads": 1},
        {"architecture": "TransformerLensNative"},
        {"d_vocab": -1},
        {"eps": 1.0, "seed": None, "dtype": torch.float16, "rotary_base": 1, "d_mlp": 24, "act_fn": "gelu"},
    ],
)
def test_values_of_the_same_function_are_accepted(change: Configuration) -> None:
    for stored in STORED.values():
        check_configuration({**stored, **change}, SIZES)


def test_missing_keys_have_the_defaults_of_the_library() -> None:
    least = {"n_layers": 1, "n_ctx": 3, "d_model": 6, "d_head": 2, "n_heads": 1, "d_vocab_out": 5}
    check_configuration({**least, "attn_only": True, "normalization_type": None}, SIZES)
    for key, said in (("attn_only", "expected true, found false"), ("normalization_type", 'expected null, found "LN"')):
        stated = {"attn_only": True, "normalization_type": None}
        del stated[key]
        with pytest.raises(UnsupportedWeights, match=f"^configuration: {key}: {said}, the default of a missing key$"):
            check_configuration({**least, **stated}, SIZES)
    for key in ("n_layers", "n_ctx", "d_model", "d_head"):
        with pytest.raises(UnsupportedWeights, match=rf"^configuration: {key}: expected \d, found no such key$"):
            check_configuration({name: value for name, value in least.items() if name != key}, SIZES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "c.json: not JSON: Expecting value"),
        ("[" * 100_000, "c.json: not JSON: "),
        ('{"n_ctx": ' + "1" * 5000 + "}", "c.json: not JSON: "),
        ("[1]", "c.json: not a JSON object"),
        ('{"n_ctx": 3, "n_ctx": 4}', "n_ctx: stored twice"),
        (" " * (2**20 + 1), "c.json: 1048577 bytes, limit max_configuration_bytes = 1048576"),
    ],
)
def test_what_is_not_a_configuration_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(UnsupportedWeights) as caught:
        read_configuration(tmp_path / "c.json")
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(message)


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with memory_limit(2**20), pytest.raises(UnsupportedWeights, match=f"^{path}: not a regular file$"):
            read_configuration(path)


# Models whose names and shapes are those of another function


def largest_token(vocabulary: int = 4, positions: int = 3, scale: float = 1.0, sharpness: float = 20.0) -> Weights:
    """Weights of a model that attends to its largest token and copies it: right on every input.

    Each token has an axis, and one more is the same everywhere, for the query to be. `scale` is that of the embeddings;
    `sharpness`, how much more a token is attended to than the one below.
    """
    width = vocabulary + 1
    tokens = np.eye(vocabulary, width)
    constant = np.eye(width)[-1]
    keys = np.zeros((width, vocabulary))
    keys[:vocabulary, 0] = sharpness * np.sqrt(vocabulary) * np.arange(vocabulary)
    query = np.zeros((width, vocabulary))
    query[-1, 0] = 1.0
    return {
        "W_E": scale * tokens,
        "W_pos": scale * np.tile(constant, (positions, 1)),
        "W_Q": query,
        "W_K": keys,
        "W_V": tokens.T,
        "W_O": 5 * tokens,
        "W_U": tokens.T,
    }


def run(
    w: Weights,
    tokens: tuple[int, ...],
    positions: str = "standard",
    normalize: bool = False,
    divisor: float | None = None,
) -> np.ndarray:
    """The logits of TransformerLens's model with these settings, one input at a time."""

    def norm(x: np.ndarray) -> np.ndarray:
        centred = x - x.mean()
        return centred / np.sqrt(np.mean(centred**2) + 1e-5) if normalize else x

    embedded = [w["W_E"][t] for t in tokens]
    placed = [e + p for e, p in zip(embedded, w["W_pos"], strict=False)]
    n = len(tokens)
    residual = placed if positions == "standard" else embedded
    x = [norm(r) for r in residual]
    seen = [norm(p) for p in placed] if positions == "shortformer" else x
    query = seen[-1] @ w["W_Q"]
    scores = np.array([query @ (s @ w["W_K"]) for s in seen]) / (divisor or np.sqrt(w["W_Q"].shape[1]))
    if positions == "alibi":
        scores = scores - 2.0**-8 * np.arange(n - 1, -1, -1)
    pattern = np.exp(scores - scores.max())
    mixed = sum(a * (xj @ w["W_V"]) for a, xj in zip(pattern / pattern.sum(), x, strict=True))
    return norm(residual[-1] + mixed @ w["W_O"]) @ w["W_U"]


def correct(w: Weights, answer: Callable[[tuple[int, ...]], np.ndarray], label: Callable[..., int] = max) -> int:
    """How many inputs of three tokens have the label's logit above all others."""
    count = 0
    for tokens in product(range(len(w["W_E"])), repeat=3):
        logits = answer(tokens)
        count += bool(logits[label(tokens)] > np.delete(logits, label(tokens)).max())
    return count


def estimate(w: Weights, tmp_path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> float:
    """The share, in per cent, that `export` prints, from weights under the names of TransformerLens 2."""
    names = {"W_E": "embed.W_E", "W_pos": "pos_embed.W_pos", "W_U": "unembed.W_U"}
    stored = {names.get(n, f"blocks.0.attn.{n}"): t if n in names else t[None] for n, t in w.items()}
    save_file({n: np.ascontiguousarray(t) for n, t in stored.items()}, tmp_path / "w.safetensors")
    assert main(["export", str(tmp_path / "w.safetensors"), "-o", str(tmp_path / "m"), *options]) == 0
    return float(capsys.readouterr().out.splitlines()[-1].removeprefix("right on ").partition("%")[0])


def configuration(w: Weights, **changes: object) -> Configuration:
    """The configuration that TransformerLens has for these weights, with changes."""
    (vocabulary, width), n_ctx, head_width = w["W_E"].shape, len(w["W_pos"]), w["W_Q"].shape[1]
    sizes = {"d_vocab": vocabulary, "d_vocab_out": vocabulary, "d_model": width, "n_ctx": n_ctx, "d_head": head_width}
    return {**STORED["transformer_lens_2"], **sizes, "attn_scale": math.sqrt(head_width), **changes}


def test_positional_embeddings_of_one_state_dictionary_and_three_functions() -> None:
    """Only the configuration can tell them apart; it does, and names the key."""
    w = largest_token()
    # What embeddings of tokens lack, those of positions bring.
    w["W_E"][:, 3] -= 10
    w["W_pos"][:, 3] += 10
    counts = {kind: correct(w, lambda t, k=kind: run(w, t, k)) for kind in ("standard", "shortformer", "alibi")}
    assert 64 == counts["standard"] > counts["shortformer"] > counts["alibi"]
    for kind in counts:
        stated = configuration(w, positional_embedding_type=kind)
        if kind == "standard":
            assert export_model(w, configuration=stated) == export_model(w)
            continue
        with pytest.raises(
            UnsupportedWeights,
            match=f'^configuration: positional_embedding_type: expected "standard", found "{kind}"$',
        ):
            export_model(w, configuration=stated)


def test_a_model_of_the_family_is_seen_to_be_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    w = largest_token()
    assert correct(w, lambda t: run(w, t)) == 64
    (tmp_path / "c.json").write_text(json.dumps(configuration(w)))
    assert estimate(w, tmp_path, capsys) == 100
    assert estimate(w, tmp_path, capsys, "--config", str(tmp_path / "c.json")) == 100


def test_normalisation_without_weights_is_refused_or_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    w = largest_token(scale=1e-3)
    assert correct(w, lambda t: run(w, t, normalize=True)) == 64
    assert estimate(w, tmp_path, capsys) < 75
    with pytest.raises(UnsupportedWeights, match=r'normalization_type: expected null, found "LNPre"$'):
        export_model(w, configuration=configuration(w, normalization_type="LNPre"))


def test_a_scale_of_its_own_is_refused_or_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    w = largest_token(sharpness=1e-4)
    assert correct(w, lambda t: run(w, t, divisor=1e-5)) == 64
    assert estimate(w, tmp_path, capsys) < 75
    with pytest.raises(UnsupportedWeights, match=r"attn_scale: expected 2\.0, found 1e-05$"):
        export_model(w, configuration=configuration(w, attn_scale=1e-5))


def test_another_task_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    w = largest_token(sharpness=-20)
    assert correct(w, lambda t: run(w, t), label=min) == 64
    assert estimate(w, tmp_path, capsys) < 25


def test_an_end_token_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model of three tokens and one more at the end, 4, that never is the answer."""
    w = largest_token(vocabulary=5, positions=4)
    w["W_K"][4] = 0
    assert correct({**w, "W_E": w["W_E"][:4]}, lambda t: run(w, (*t, 4))) == 64
    assert estimate(w, tmp_path, capsys) < 75


def test_unused_positions_are_seen_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`n_ctx` above the length of the inputs: the first rows of W_pos are used, the others may be anything."""
    w = largest_token(positions=8)
    w["W_pos"][3:, -1] = -1.0
    (tmp_path / "c.json").write_text(json.dumps(configuration(w)))
    assert estimate(w, tmp_path, capsys) < 75
    assert estimate(w, tmp_path, capsys, "--positions", "3", "--config", str(tmp_path / "c.json")) == 100
    exported = export(tmp_path / "w.safetensors", tmp_path / "m", positions=3)
    assert exported.assumed[-1] == "task max over the first 3 positions"
    assert np.array_equal(float_weights(exported.model)["W_pos"], w["W_pos"][:3])
    assert exported.model == export_model({**w, "W_pos": w["W_pos"][:3]})
    mask = np.tril(np.ones((8, 8), bool))
    scheme = {"embed.W_E": w["W_E"], "pos_embed.W_pos": w["W_pos"], "unembed.W_U": w["W_U"], "blocks.0.attn.mask": mask}
    scheme |= {f"blocks.0.attn.{name}": w[name][None] for name in ("W_Q", "W_K", "W_V", "W_O")}
    assert export_model(scheme, positions=3) == exported.model
    mask[2, 0] = False
    with pytest.raises(UnsupportedWeights, match=r"the mask hides positions from the last one$"):
        export_model(scheme, positions=3)
    for positions in (0, 9):
        with pytest.raises(UnsupportedWeights, match=rf"^tensor W_pos: 8 positions, {positions} asked for$"):
            export_model(w, positions=positions)
    with pytest.raises(UnsupportedWeights, match=r"^tensor W_pos: positions = 1, the checker supports 2 to 256$"):
        export_model(w, positions=1)


# Where configurations come from


def test_a_stored_configuration_is_found(tmp_path: Path) -> None:
    """In a checkpoint of PyTorch, with the NumPy scalars that TransformerLens has in it, and in safetensors."""
    w = largest_token()
    state = {name: torch.from_numpy(np.ascontiguousarray(tensor)) for name, tensor in w.items()}
    for kind in ("standard", "alibi"):
        numbers = {"attn_scale": np.sqrt(np.int64(4)), "initializer_range": np.float32(0.5), "seed": np.int64(3)}
        stated = configuration(w, positional_embedding_type=kind, dtype=torch.float32)
        torch.save({"model": state, "cfg": {**stated, **numbers}, "epoch": 3}, tmp_path / f"{kind}.pt")
        torch.save({**state, "config": stated}, tmp_path / f"{kind}.pth")
        metadata = {"config": json.dumps(stated, default=str), "format": "pt"}
        save_file({n: np.ascontiguousarray(t) for n, t in w.items()}, tmp_path / f"{kind}.safetensors", metadata)
    for suffix in (".pt", ".pth", ".safetensors"):
        exported = export(tmp_path / f"standard{suffix}", tmp_path / "m")
        assert exported.model == export_model(w)
        assert exported.configuration == "stored"
        assert exported.assumed == ("task max over all 3 positions",)
        with pytest.raises(UnsupportedWeights, match='expected "standard", found "alibi"'):
            export(tmp_path / f"alibi{suffix}", tmp_path / "none")
        # What the user says stands in for it.
        (tmp_path / "c.json").write_text(json.dumps(configuration(w)))
        assert export(tmp_path / f"alibi{suffix}", tmp_path / "m", configuration=tmp_path / "c.json") == type(exported)(
            exported.model, "given", exported.assumed
        )
    assert not (tmp_path / "none").exists()


def test_stored_configurations_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    w = {name: np.ascontiguousarray(tensor) for name, tensor in largest_token().items()}
    path = tmp_path / "w.safetensors"
    for metadata, message in (
        ({"cfg": "HookedTransformerConfig(...)"}, "w.safetensors: not JSON: "),
        ({"cfg": "{}", "config": "{}"}, "w.safetensors: more than one configuration"),
        ({"config": '{"lr": 0.1}'}, "configuration: lr: unknown key"),
    ):
        save_file(w, path, metadata)
        with pytest.raises(UnsupportedWeights, match=f"^{message}"):
            export(path, tmp_path / "m")
    for cfg, message in (
        ({"d_model": np.longdouble(1)}, "NumPy scalar of type 'f16'"),
        ({"d_model": np.str_("a")}, "NumPy scalar of type 'U1'"),
        ({"d_model": Path("a")}, r"w\.pt: not a readable \.pt file: it holds the Python object pathlib\S+, which"),
    ):
        torch.save({"state_dict": {}, "cfg": cfg}, tmp_path / "w.pt")
        with pytest.raises(UnsupportedWeights, match=f"^{message}"):
            export(tmp_path / "w.pt", tmp_path / "m")
    torch.save({"state_dict": {}, "cfg": {}, "config": {}}, tmp_path / "w.pt")
    with pytest.raises(UnsupportedWeights, match=r"^w\.pt: more than one configuration$"):
        export(tmp_path / "w.pt", tmp_path / "m")


def test_what_is_assumed_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    w = largest_token()
    np.savez(tmp_path / "w.npz", **w)
    (tmp_path / "c.json").write_text(json.dumps(configuration(w)))
    arguments = ["export", str(tmp_path / "w.npz"), "-o", str(tmp_path / "m")]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "assumed: one head, standard positional embedding, no normalisation, scores divided by the square root of the "
        "head width, no soft caps, no local attention, task max over all 3 positions",
        "right on 100.00% of 10000 random inputs (seed 1; an estimate in floating point)",
    ]
    assert main([*arguments, "--config", str(tmp_path / "c.json")]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "configuration: the one given agrees",
        "assumed: task max over all 3 positions",
        "right on 100.00% of 10000 random inputs (seed 1; an estimate in floating point)",
    ]
