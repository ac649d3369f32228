"""From weights files to verdicts about programs, through the command line."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from compact_proofs.command_line import main
from compact_proofs.shipped import shipped_model

FAMILIES = Path(__file__).parent / "data" / "families"

# Configuration, and how many of how many inputs are right; of Dyck-10, with the first two tokens fixed.
KNOWN: dict[str, tuple[dict[str, Any], int, int]] = {
    "linear_v128_0": ({"format": "linear_sum", "task": "max", "tokens": "0-127 x2"}, 16383, 16384),
    "maxof2_layernorm": ({"format": "max_of_two", "task": "max", "tokens": "0-63 x2"}, 4077, 4096),
    "dyck10": (
        {
            "format": "pytorch_transformer",
            "n_layers": 2,
            "n_heads": 2,
            "task": "balanced@0,1,2,3,4,5,6,7,8,9",
            "tokens": "0 x2, 0-1 x8",
            "read": "sum",
        },
        256,
        256,
    ),
}


def exported(weights: Path, configuration: dict[str, Any], folder: Path, *options: str) -> int:
    config = folder / "config.json"
    config.write_text(json.dumps(configuration))
    return main(["export", str(weights), "--config", str(config), *options, "-o", str(folder / "model")])


def verdict_of(folder: Path, capsys: pytest.CaptureFixture[str], strategy: str = "auto") -> dict[str, Any]:
    model, certificate = str(folder / "model"), str(folder / "certificate")
    assert main(["prove", model, "--strategy", strategy, "-o", certificate]) == 0
    capsys.readouterr()
    main(["check", model, certificate, "--json"])
    verdict: dict[str, Any] = json.loads(capsys.readouterr().out)
    return verdict


@pytest.mark.parametrize("name", KNOWN)
def test_published_models_have_their_known_counts(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration, correct, total = KNOWN[name]
    assert exported(FAMILIES / f"{name}.npz", configuration, tmp_path) == 0
    verdict = verdict_of(tmp_path, capsys)
    found = (verdict["verdict"], verdict["correct_at_least"], verdict["total"])
    assert found == ("accepted", correct, total), verdict["reason"]


def test_a_part_of_the_inputs_of_the_induction_heads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All inputs of three tokens at each position."""
    configuration = {"format": "attention_only", "n_layers": 2, "task": "induction"}
    tokens = ["--tokens", "0-15, 3|5|7, 1|2|9, 4|6, 8|10|11, 0-15"]
    assert exported(FAMILIES / "induction_0.npz", configuration, tmp_path, *tokens) == 0
    verdict = verdict_of(tmp_path, capsys, "evaluate")
    assert verdict["correct_at_least"] == verdict["total"] > 1000
    assert "successor of the earlier occurrence" in verdict["task"]
    assert "position 0: tokens 0-15; position 1: tokens 3,5,7;" in verdict["inputs"]
    assert verdict["model"].startswith("program of 5312 weights and 17 steps (") and "attend 2" in verdict["model"]
    assert verdict["model"].endswith(", 1 answer of 16 outputs")


def test_a_trained_modular_addition(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The recipe for p = 113, in which training takes a minute, with a smaller p."""
    script, weights = Path(__file__).parents[1] / "benchmarks" / "modular_addition.py", tmp_path / "sums.npz"
    done = subprocess.run(
        [sys.executable, script, weights, "--p", "13", "--steps", "100"], capture_output=True, text=True, check=True
    )
    [right] = re.findall(r"right on (\d+) of 169 pairs", done.stdout)
    assert exported(weights, json.loads(weights.with_suffix(".json").read_text()), tmp_path) == 0
    verdict = verdict_of(tmp_path, capsys)
    assert (verdict["correct_at_least"], verdict["total"]) == (int(right), 169) and int(right) > 150
    assert verdict["task"] == "the sum modulo 13 of the tokens at positions 0 1"
    assert verdict["inputs"] == "positions 0-1: tokens 0-12; position 2: token 13"


def test_a_model_of_either_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same weights, every input tried as a table of a max-of-K model and as a program: one count."""
    weights = shipped_model("tiny")
    sizes = {"n_layers": 1, "n_heads": 1, "d_model": 8, "d_head": 4, "attn_only": True, "normalization_type": None}
    assert main(["export", str(weights), "-o", str(tmp_path / "model")]) == 0
    assert main(["prove", str(tmp_path / "model"), "--strategy", "evaluate", "-o", str(tmp_path / "none")]) != 0
    assert "'evaluate' is for models of version 2; every input is tried by 'brute-force'" in capsys.readouterr().err
    first = verdict_of(tmp_path, capsys, "brute-force")
    assert exported(weights, sizes, tmp_path, "--task", "max", "--tokens", "0-5 x3") == 0
    assert main(["prove", str(tmp_path / "model"), "--strategy", "brute-force", "-o", str(tmp_path / "none")]) != 0
    assert "'brute-force' is for models of version 1; every input is tried by 'evaluate'" in capsys.readouterr().err
    second = verdict_of(tmp_path, capsys, "evaluate")
    counts = [(verdict["correct_at_least"], verdict["total"]) for verdict in (first, second)]
    assert counts == [(215, 216)] * 2


# A model as TransformerLens has them, trained here

SIZES = {"n_layers": 2, "n_heads": 2, "d_model": 16, "d_head": 8, "d_mlp": 32, "n_ctx": 4, "d_vocab": 6}
CONFIGURATION = {
    **SIZES,
    **{"act_fn": "gelu_new", "normalization_type": "LN", "attention_dir": "causal", "eps": 1e-5},
    **{"attn_only": False, "d_vocab_out": 6, "seed": 0, "init_weights": True, "attn_scale": 8**0.5},
}
POSITIONS = 3

State = dict[str, torch.Tensor]


def fresh_state() -> State:
    torch.manual_seed(0)
    width, heads, head, hidden = 16, 2, 8, 32
    shapes: dict[str, tuple[int, ...]] = {"embed.W_E": (6, width), "pos_embed.W_pos": (4, width)}
    for layer in range(2):
        block = f"blocks.{layer}"
        for letter in "QKV":
            shapes[f"{block}.attn.W_{letter}"] = (heads, width, head)
            shapes[f"{block}.attn.b_{letter}"] = (heads, head)
        shapes[f"{block}.attn.W_O"], shapes[f"{block}.attn.b_O"] = (heads, head, width), (width,)
        shapes[f"{block}.mlp.W_in"], shapes[f"{block}.mlp.b_in"] = (width, hidden), (hidden,)
        shapes[f"{block}.mlp.W_out"], shapes[f"{block}.mlp.b_out"] = (hidden, width), (width,)
        for norm in ("ln1", "ln2"):
            shapes[f"{block}.{norm}.w"] = shapes[f"{block}.{norm}.b"] = (width,)
    shapes |= {"ln_final.w": (width,), "ln_final.b": (width,)}
    shapes |= {"unembed.W_U": (width, 6), "unembed.b_U": (6,)}
    state = {name: torch.randn(shape, dtype=torch.float64) * 0.2 for name, shape in shapes.items()}
    for name in state:
        if name.endswith(".w"):
            state[name] += 1
    return state


def norm(x: torch.Tensor, state: State, name: str) -> torch.Tensor:
    x = x - x.mean(-1, keepdim=True)
    x = x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()
    return x * state[f"{name}.w"] + state[f"{name}.b"]


def forward(state: State, tokens: torch.Tensor) -> torch.Tensor:
    """The logits of the last position."""
    length = tokens.shape[1]
    x = state["embed.W_E"][tokens] + state["pos_embed.W_pos"][:length]
    mask = torch.triu(torch.full((length, length), -torch.inf, dtype=x.dtype), 1)
    for layer in range(2):
        block = f"blocks.{layer}"
        y = norm(x, state, f"{block}.ln1")
        q, k, v = (
            torch.einsum("bpd,hde->bhpe", y, state[f"{block}.attn.W_{c}"]) + state[f"{block}.attn.b_{c}"][:, None]
            for c in "QKV"
        )
        pattern = torch.softmax(q @ k.transpose(-1, -2) / 8**0.5 + mask, -1)
        mixed = torch.einsum("bhpe,hed->bpd", pattern @ v, state[f"{block}.attn.W_O"])
        x = x + mixed + state[f"{block}.attn.b_O"]
        y = norm(x, state, f"{block}.ln2") @ state[f"{block}.mlp.W_in"] + state[f"{block}.mlp.b_in"]
        y = torch.nn.functional.gelu(y, approximate="tanh")
        x = x + y @ state[f"{block}.mlp.W_out"] + state[f"{block}.mlp.b_out"]
    return norm(x[:, -1], state, "ln_final") @ state["unembed.W_U"] + state["unembed.b_U"]


def every_input() -> torch.Tensor:
    return torch.cartesian_prod(*[torch.arange(6)] * POSITIONS)


@pytest.fixture(scope="module")
def trained() -> tuple[State, int]:
    """A trained state, and how many inputs it has right, in floating point."""
    state, tokens = fresh_state(), every_input()
    labels = tokens.max(1).values
    for tensor in state.values():
        tensor.requires_grad_()
    optimizer = torch.optim.AdamW(state.values(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(forward(state, tokens), labels).backward()
        optimizer.step()
    final = {name: tensor.detach() for name, tensor in state.items()}
    return final, int((forward(final, tokens).argmax(1) == labels).sum())


def test_a_trained_transformer_with_layer_norm_gelu_and_biases(
    trained: tuple[State, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, correct = trained
    torch.save(state, tmp_path / "weights.pt")
    options = ["--task", "max", "--tokens", "0-5 x3"]
    assert exported(tmp_path / "weights.pt", CONFIGURATION, tmp_path, *options) == 0
    said = capsys.readouterr().out
    assert "the largest of the tokens at positions 0 1 2" in said and "gelu_new 2" in said
    verdict = verdict_of(tmp_path, capsys)
    assert correct > 150
    assert (verdict["verdict"], verdict["correct_at_least"], verdict["total"]) == ("accepted", correct, 216)


def native(state: State) -> State:
    """The same weights in the names of TransformerLens 4's native model."""
    letters = {f"attn.W_{c}": f"attn.{c.lower()}.weight" for c in "QKVO"}
    letters |= {f"attn.b_{c}": f"attn.{c.lower()}.bias" for c in "QKVO"}
    letters |= {"mlp.W_in": "mlp.fc_in.weight", "mlp.b_in": "mlp.fc_in.bias", "embed.W_E": "tok_embed.weight"}
    letters |= {"mlp.W_out": "mlp.fc_out.weight", "mlp.b_out": "mlp.fc_out.bias", "blocks": "layers"}
    letters |= {"unembed.W_U": "head.weight", "unembed.b_U": "head.bias", "pos_embed.W_pos": "pos.weight"}
    letters |= {"ln_final": "ln_out", ".w": ".weight", ".b": ".bias"}
    renamed: State = {}
    for name, tensor in state.items():
        if "attn.W_" in name:
            flat = tensor.reshape(-1, 16) if name.endswith("O") else tensor.permute(1, 0, 2).reshape(16, -1)
            tensor = flat.T
        elif "attn.b_" in name:
            tensor = tensor.reshape(-1)
        elif "mlp.W_" in name or name == "unembed.W_U":
            tensor = tensor.T
        for old, new in letters.items():
            if old in (".w", ".b"):
                name = name[: -len(old)] + new if name.endswith(old) else name
            else:
                name = name.replace(old, new) if "mlp" not in old or name.endswith(old) else name
        renamed[name] = tensor.contiguous()
    return renamed


def test_the_names_of_transformer_lens_4_give_the_same_model(trained: tuple[State, int], tmp_path: Path) -> None:
    state, _ = trained
    models = []
    for form, weights in (("transformer_lens", state), ("transformer_lens_4", native(state))):
        torch.save(weights, tmp_path / f"{form}.pt")
        options = ["--task", "max", "--tokens", "0-5 x3"]
        assert exported(tmp_path / f"{form}.pt", {**CONFIGURATION, "format": form}, tmp_path, *options) == 0
        models.append((tmp_path / "model").read_bytes())
    assert models[0] == models[1]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"act_fn": "gelu"}, "act_fn: expected 'relu' or 'gelu_new' or 'silu', found 'gelu'"),
        ({"magic_dim": 4}, "magic_dim: unknown key"),
        ({"gated_mlp": True}, "gated_mlp: expected False, found True"),
        ({"is_stateful": True}, "is_stateful: expected null or false, found True"),
        ({"positional_embedding_type": "rotary"}, "positional_embedding_type: expected 'standard'"),
        ({"n_layers": 1}, "tensor blocks.1.attn.W_K: not understood"),
        ({"normalization_type": "LNPre"}, "tensor blocks.0.ln1.b: not understood"),
        ({"attn_scale": 3.0}, "attn_scale: expected the root of d_head = 8"),
        ({"d_vocab": 7}, "d_vocab: expected 6"),
        ({"task": "magic"}, "task: expected one of max, min"),
        ({"task": "kth_largest:4"}, "task kth_largest: expected other parameters"),
        ({"tokens": "0-6 x3"}, "expected a number below 6, found 6"),
        ({"tokens": "0-5 x5"}, "4 positions, the inputs have 5"),
        ({"read": "7"}, "row: expected a number below 3, found 7"),
    ],
)
def test_what_is_not_understood_is_refused(
    changes: dict[str, Any], error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "weights.npz", **{name: tensor.numpy() for name, tensor in fresh_state().items()})
    configuration = {**CONFIGURATION, "task": "max", "tokens": "0-5 x3", **changes}
    assert exported(tmp_path / "weights.npz", configuration, tmp_path) == 2
    assert error in capsys.readouterr().err


# What a command line gets wrong

LINEAR: dict[str, Any] = {"format": "linear_sum", "task": "max", "tokens": "0-63 x2"}
LINEAR_WEIGHTS = FAMILIES / "linear_v128_0.npz"


def test_no_input_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, names = tmp_path / "config.json", tmp_path / "names.json"
    config.write_text(json.dumps(LINEAR))
    names.write_text("{}")
    for path in (config, names):
        old = path.read_bytes()
        options = ["--config", str(config), "--map", str(names), "-o", str(path)]
        assert main(["export", str(LINEAR_WEIGHTS), *options]) == 2
        assert f"the same file as the input {path}" in capsys.readouterr().err
        assert path.read_bytes() == old


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--tokens", "0-5 x3", "--positions", "3"], "--positions goes with models of max; a program's positions"),
        (["--read", "sum"], "--read goes with --tokens"),
        (["--config", "/dev/null"], "--config /dev/null: not a regular file"),
    ],
)
def test_options_without_effect_are_refused(
    options: list[str], error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(shipped_model("tiny")), "--task", "max", *options, "-o", str(tmp_path / "model")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"compact-proofs: {error}") and said.count("\n") == 1
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ('"n_layers": 1e400', "n_layers: expected a finite number"),
        (f'"n_layers": 1{"0" * 400}', "n_layers: expected a finite number"),
        ('"eps": Infinity', "eps: expected a finite number"),
        ('"tokens": 5', "tokens: expected a string, found 5"),
        ('"task": ["max"]', "task: expected a string, found ['max']"),
    ],
)
def test_values_of_another_kind_are_named(
    changes: str, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "weights.npz", **{name: tensor.numpy() for name, tensor in fresh_state().items()})
    settings = {**CONFIGURATION, "task": "max", "tokens": "0-5 x3"}
    del settings[changes.split('"')[1]]
    config = tmp_path / "config.json"
    config.write_text(json.dumps(settings)[:-1] + f", {changes}}}")
    assert main(["export", str(tmp_path / "weights.npz"), "--config", str(config), "-o", str(tmp_path / "model")]) == 2
    assert capsys.readouterr().err.startswith(f"compact-proofs: configuration: {error}")


def test_a_name_that_is_no_string(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = tmp_path / "names.json"
    for value in (5, ["linear.weight"], None):
        names.write_text(json.dumps({"linear.weight": value}))
        assert exported(LINEAR_WEIGHTS, LINEAR, tmp_path, "--map", str(names)) == 2
        assert f"--map {names}: tensor linear.weight: cannot be called {value!r}" in capsys.readouterr().err


def test_where_a_format_without_rows_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exported(LINEAR_WEIGHTS, LINEAR, tmp_path, "--read", "sum") == 2
    assert "configuration: read: unknown key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("direction", "mask", "error"),
    [
        ("causal", np.tri(4, dtype=bool), ""),
        ("causal", np.zeros((0, 0), bool), ""),
        ("causal", np.ones((4, 4), bool), "mask: expected a causal mask"),
        ("causal", np.tri(4, dtype=bool) & ~np.tri(4, k=-2, dtype=bool), "mask: expected a causal mask"),
        ("causal", np.tri(3, dtype=bool), "mask: expected [4, 4] of bool, found [3, 3] of bool"),
        ("causal", np.tri(4), "mask: expected [4, 4] of bool, found [4, 4] of float64"),
        ("bidirectional", np.ones((4, 4), bool), ""),
        ("bidirectional", np.tri(4, dtype=bool), ""),
        ("bidirectional", np.tri(4, k=1, dtype=bool), "mask: expected a causal mask"),
    ],
)
def test_a_stored_mask_is_the_one_that_is_exported(
    direction: str, mask: np.ndarray, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = {name: tensor.numpy() for name, tensor in fresh_state().items()}
    np.savez(tmp_path / "weights.npz", **weights, **{"blocks.1.attn.mask": mask})
    configuration = {**CONFIGURATION, "attention_dir": direction, "task": "max", "tokens": "0-5 x3"}
    assert exported(tmp_path / "weights.npz", configuration, tmp_path) == (2 if error else 0)
    said = capsys.readouterr().err
    assert f"tensor blocks.1.attn.{error}" in said if error else not said


def test_what_is_written_over_masked_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = {name: tensor.numpy() for name, tensor in fresh_state().items()}
    for score, code in ((-np.inf, 0), (-1e5, 0), (0.0, 2), (np.nan, 2)):
        np.savez(tmp_path / "weights.npz", **weights, **{"blocks.0.attn.IGNORE": np.array(score)})
        assert exported(tmp_path / "weights.npz", CONFIGURATION, tmp_path, "--task=max", "--tokens=0-5 x3") == code
        assert ("IGNORE: expected one number of at most -100000.0" in capsys.readouterr().err) is bool(code)


def test_what_the_configuration_does_not_say_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "weights.npz", **{name: tensor.numpy() for name, tensor in fresh_state().items()})
    stated = {"n_layers": 2, "n_heads": 2, "d_model": 16, "d_head": 8, "act_fn": "relu"}
    assert exported(tmp_path / "weights.npz", stated, tmp_path, "--task=max", "--tokens=0-5 x3") == 0
    [assumed] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("assumed: ")]
    for words in ("attention_dir causal", "normalization_type LN", "eps 1e-05", "read last", ", attn_scale -1,"):
        assert words in assumed
    assert "final_rms" in assumed.partition(", without ")[2]


def test_other_transformers_are_pointed_to_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(fresh_state(), tmp_path / "weights.pt")
    for options in ([], ["--task", "sum_modulo:5"]):
        assert main(["export", str(tmp_path / "weights.pt"), *options, "-o", str(tmp_path / "model")]) == 2
        said = capsys.readouterr().err
        advice = "for other names give --map, for other transformers --tokens and --task, docs/weights.md"
        assert said.endswith(f"({advice})\n")
