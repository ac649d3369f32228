"""Programs of every format compute what their weights do: logits against a plain forward pass in NumPy."""

import json
import math
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compact_proofs import export
from fuzzing.program_oracle import read_program, values_of
from model_export.errors import UnsupportedWeights
from model_export.families.registry import FORMATS
from model_export.program import Settings, Tensors, program_text, task_line, token_sets

Array = np.ndarray[Any, np.dtype[np.float64]]
Weights = dict[str, Array]
POSITIONS, TOKENS, WIDTH, HEADS, HEAD, HIDDEN, OUTPUTS = 3, 3, 4, 2, 2, 5, 3


def draw(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> Weights:
    generator = np.random.default_rng(seed)
    return {name: generator.standard_normal(shape) for name, shape in shapes.items()}


def softmax(scores: Array) -> Array:
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def attention(q: Array, k: Array, v: Array, causal: bool, divisor: float) -> Array:
    scores = q @ k.T / divisor
    if causal:
        scores = np.where(np.tri(len(q), dtype=bool), scores, -np.inf)
    return softmax(scores) @ v


def norm(x: Array, kind: str | None, eps: float = 1e-5) -> Array:
    if kind is None:
        return x
    if kind.startswith("LN"):
        x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def gelu_new(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x: Array) -> Array:
    return x / (1 + np.exp(-x))


# Each format: shapes of its tensors, and its logits at every position, or at once, from weights and tokens.


PIZZA = {
    "embed.W_E": (WIDTH, TOKENS),
    "pos_embed.W_pos": (POSITIONS, WIDTH),
    **{
        f"blocks.{layer}.{name}": shape
        for layer in range(2)
        for name, shape in {
            **{f"attn.W_{letter}": (HEADS, HEAD, WIDTH) for letter in "QKV"},
            "attn.W_O": (WIDTH, HEADS * HEAD),
            "mlp.W_in": (HIDDEN, WIDTH),
            "mlp.b_in": (HIDDEN,),
            "mlp.W_out": (WIDTH, HIDDEN),
            "mlp.b_out": (WIDTH,),
        }.items()
    },
    "unembed.W_U": (WIDTH, OUTPUTS),
}


def pizza(coefficient: float) -> Callable[[Weights, list[int]], Array]:
    def logits(w: Weights, tokens: list[int]) -> Array:
        x = w["embed.W_E"].T[tokens] + w["pos_embed.W_pos"]
        for layer in range(2):
            b = f"blocks.{layer}."
            heads = []
            for head in range(HEADS):
                q, k, v = (x @ w[f"{b}attn.W_{letter}"][head].T for letter in "QKV")
                pattern = coefficient * softmax(q @ k.T / math.sqrt(HEAD)) + (1 - coefficient)
                heads.append(pattern @ v)
            x = x + np.hstack(heads) @ w[f"{b}attn.W_O"].T
            hidden = relu(x @ w[f"{b}mlp.W_in"].T + w[f"{b}mlp.b_in"])
            x = x + hidden @ w[f"{b}mlp.W_out"].T + w[f"{b}mlp.b_out"]
        return x[-1:] @ w["unembed.W_U"]

    return logits


CONCATENATED = {
    "embed.weight": (TOKENS, WIDTH),
    "l1.weight": (HIDDEN, WIDTH * POSITIONS),
    "l1.bias": (HIDDEN,),
    "unembed.weight": (OUTPUTS, HIDDEN),
}


def concatenated(act: Callable[[Array], Array]) -> Callable[[Weights, list[int]], Array]:
    def logits(w: Weights, tokens: list[int]) -> Array:
        hidden = act(w["l1.weight"] @ w["embed.weight"][tokens].ravel() + w["l1.bias"])
        return (w["unembed.weight"] @ hidden)[None]

    return logits


LINEAR = {
    "embedding.weight": (WIDTH, TOKENS),
    "linear.weight": (HIDDEN, WIDTH),
    "unembedding.weight": (OUTPUTS, HIDDEN),
}


def linear(w: Weights, tokens: list[int]) -> Array:
    total = w["embedding.weight"][:, tokens].sum(axis=1)
    return (w["unembedding.weight"] @ (w["linear.weight"] @ total))[None]


ATTENTION_ONLY = {
    "E": (TOKENS, WIDTH),
    "P": (POSITIONS, WIDTH),
    **{f"{letter}{layer}": (WIDTH, HEAD) for layer in (1, 2) for letter in "QKV"},
    **{f"O{layer}": (HEAD, WIDTH) for layer in (1, 2)},
    "U": (WIDTH, OUTPUTS),
}


def attention_only(w: Weights, tokens: list[int]) -> Array:
    x = w["E"][tokens] + w["P"]
    for layer in (1, 2):
        q, k, v = (x @ w[f"{letter}{layer}"] for letter in "QKV")
        x = x + attention(q, k, v, True, math.sqrt(HEAD)) @ w[f"O{layer}"]
    return x[-1:] @ w["U"]


MAX_OF_TWO = {
    "W_E": (TOKENS, WIDTH),
    "W_pos": (POSITIONS, WIDTH),
    **{f"L0_attn_W_{letter}": (1, WIDTH, HEAD) for letter in "QKV"},
    **{f"L0_attn_b_{letter}": (1, HEAD) for letter in "QKV"},
    "L0_attn_W_O": (1, HEAD, WIDTH),
    "L0_attn_b_O": (WIDTH,),
    **dict.fromkeys(("L0_ln1_w", "L0_ln1_b", "ln_final_w", "ln_final_b"), (WIDTH,)),
    "W_U": (WIDTH, OUTPUTS),
    "b_U": (OUTPUTS,),
}


def max_of_two(w: Weights, tokens: list[int]) -> Array:
    x = w["W_E"][tokens] + w["W_pos"]
    y = norm(x, "LN", 0.25) * w["L0_ln1_w"] + w["L0_ln1_b"]
    q, k, v = (y @ w[f"L0_attn_W_{letter}"][0] + w[f"L0_attn_b_{letter}"][0] for letter in "QKV")
    x = x + attention(q, k, v, True, math.sqrt(HEAD)) @ w["L0_attn_W_O"][0] + w["L0_attn_b_O"]
    return (norm(x[-1:], "LN", 0.25) * w["ln_final_w"] + w["ln_final_b"]) @ w["W_U"] + w["b_U"]


PYTORCH = {
    "tok.weight": (TOKENS, WIDTH),
    "pos": (POSITIONS, WIDTH),
    **{f"blocks.{layer}.W{c}.weight": (WIDTH, WIDTH) for layer in range(2) for c in "qkvo"},
    **{
        f"{place}.{part}": shape
        for first, second, width in (
            *((f"blocks.{layer}.mlp1", f"blocks.{layer}.mlp2", WIDTH) for layer in range(2)),
            ("h1", "h2", OUTPUTS),
        )
        for place, part, shape in (
            *((first, "weight", (HIDDEN, WIDTH)), (first, "bias", (HIDDEN,))),
            *((second, "weight", (width, HIDDEN)), (second, "bias", (width,))),
        )
    },
}


def pytorch(w: Weights, tokens: list[int]) -> Array:
    def layers(x: Array, first: str, second: str) -> Array:
        hidden = relu(x @ w[f"{first}.weight"].T + w[f"{first}.bias"])
        return hidden @ w[f"{second}.weight"].T + w[f"{second}.bias"]

    x = w["tok.weight"][tokens] + w["pos"]
    for layer in range(2):
        b = f"blocks.{layer}."
        q, k, v = (x @ w[f"{b}W{c}.weight"].T for c in "qkv")
        heads = [
            attention(q[:, part], k[:, part], v[:, part], True, math.sqrt(WIDTH / HEADS))
            for part in (slice(0, WIDTH // HEADS), slice(WIDTH // HEADS, WIDTH))
        ]
        x = x + np.hstack(heads) @ w[f"{b}Wo.weight"].T
        x = x + layers(x, f"{b}mlp1", f"{b}mlp2")
    return layers(x[-1:], "h1", "h2")


HOOKED = {
    "embed.W_E": (TOKENS, WIDTH),
    "pos_embed.W_pos": (POSITIONS + 1, WIDTH),
    **{
        f"blocks.{layer}.{name}": shape
        for layer in range(2)
        for name, shape in {
            **{f"attn.W_{letter}": (HEADS, WIDTH, HEAD) for letter in "QKV"},
            **{f"attn.b_{letter}": (HEADS, HEAD) for letter in "QKV"},
            "attn.W_O": (HEADS, HEAD, WIDTH),
            "attn.b_O": (WIDTH,),
            "mlp.W_in": (WIDTH, HIDDEN),
            "mlp.b_in": (HIDDEN,),
            "mlp.W_out": (HIDDEN, WIDTH),
            "mlp.b_out": (WIDTH,),
        }.items()
    },
    "unembed.W_U": (WIDTH, OUTPUTS),
    "unembed.b_U": (OUTPUTS,),
}
HOOKED_CONFIGURATION = {"n_layers": 2, "n_heads": HEADS, "d_model": WIDTH, "d_head": HEAD}
ROOT = math.sqrt(HEAD)


def hooked(
    kind: str | None, act: Callable[[Array], Array], divisor: float = ROOT, causal: bool = True, eps: float = 1e-5
) -> Callable[[Weights, list[int]], Array]:
    def logits(w: Weights, tokens: list[int]) -> Array:
        x = w["embed.W_E"][tokens] + w["pos_embed.W_pos"][: len(tokens)]
        for layer in range(2):
            b = f"blocks.{layer}."
            y, added = norm(x, kind, eps), w[f"{b}attn.b_O"]
            for head in range(HEADS):
                q, k, v = (y @ w[f"{b}attn.W_{c}"][head] + w[f"{b}attn.b_{c}"][head] for c in "QKV")
                added = added + attention(q, k, v, causal, divisor) @ w[f"{b}attn.W_O"][head]
            x = x + added
            hidden = act(norm(x, kind, eps) @ w[f"{b}mlp.W_in"] + w[f"{b}mlp.b_in"])
            x = x + hidden @ w[f"{b}mlp.W_out"] + w[f"{b}mlp.b_out"]
        return norm(x[-1:], kind, eps) @ w["unembed.W_U"] + w["unembed.b_U"]

    return logits


def lens(**changes: Any) -> dict[str, Any]:
    return {"format": "transformer_lens", **HOOKED_CONFIGURATION, **changes}


CASES: list[tuple[dict[str, Any], dict[str, tuple[int, ...]], Callable[[Weights, list[int]], Array]]] = [
    *(
        ({"format": "pizza_and_clock", "n_layers": 2, "attn_coeff": number}, PIZZA, pizza(number))
        for number in (0, 0.25, 1)
    ),
    ({"format": "concatenated_mlp"}, CONCATENATED, concatenated(relu)),
    ({"format": "concatenated_mlp", "act_fn": "tanh"}, CONCATENATED, concatenated(np.tanh)),
    ({"format": "linear_sum"}, LINEAR, linear),
    ({"format": "attention_only", "n_layers": 2}, ATTENTION_ONLY, attention_only),
    ({"format": "max_of_two", "eps": 0.25}, MAX_OF_TWO, max_of_two),
    ({"format": "pytorch_transformer", "n_layers": 2, "n_heads": HEADS}, PYTORCH, pytorch),
    (lens(act_fn="relu", normalization_type=None), HOOKED, hooked(None, relu)),
    (lens(act_fn="gelu_new", normalization_type="LNPre"), HOOKED, hooked("LNPre", gelu_new)),
    (
        lens(act_fn="silu", normalization_type="RMSPre", eps=0.75, attention_dir="bidirectional"),
        HOOKED,
        hooked("RMSPre", silu, causal=False, eps=0.75),
    ),
    (lens(act_fn="relu", normalization_type=None, use_attn_scale=False), HOOKED, hooked(None, relu, 1.0)),
    (lens(act_fn="relu", normalization_type=None, attn_scale=4.0), HOOKED, hooked(None, relu, 4.0)),
    (lens(act_fn="relu", normalization_type=None, attn_scale=0.5), HOOKED, hooked(None, relu, 0.5)),
]


@pytest.mark.parametrize(("configuration", "shapes", "forward"), CASES)
def test_logits(
    configuration: dict[str, Any],
    shapes: dict[str, tuple[int, ...]],
    forward: Callable[[Weights, list[int]], Array],
) -> None:
    weights = draw(shapes)
    settings = {"task": "max", "tokens": f"0-{TOKENS - 1} x{POSITIONS}", **configuration}
    program = read_program(program_text(weights, settings).encode())
    assert program.sets == [list(range(TOKENS))] * POSITIONS
    for tokens in list(product(range(TOKENS), repeat=POSITIONS))[::5]:
        found = [[float(entry.mid()) for entry in row] for row in values_of(program, tokens, 120)[-1]]
        assert np.allclose(found, forward(weights, list(tokens)), rtol=1e-9, atol=1e-9)


def test_every_format_has_a_forward_pass() -> None:
    """That of TransformerLens 4 is translated, and compared with it."""
    assert {configuration["format"] for configuration, *_ in CASES} == set(FORMATS) - {"transformer_lens_4"}


def test_where_answers_are_read() -> None:
    weights, base = draw(ATTENTION_ONLY), {"format": "attention_only", "n_layers": 1, "task": "max"}
    del weights["Q2"], weights["K2"], weights["V2"], weights["O2"]
    texts = {
        where: program_text(weights, {**base, "tokens": "0-2 x3", "read": where}).splitlines()
        for where in ("last", "sum", "all", "0,2")
    }
    steps = {where: lines[-3] for where, lines in texts.items()}
    assert steps["last"].split()[0] == "rows" and steps["last"].split()[2:] == ["1", "2"]
    assert steps["sum"].split()[0] == "total" and steps["all"].split()[0] == "add"
    assert steps["0,2"].split()[2:] == ["2", "0", "2"]


def test_tensors_of_other_names(tmp_path: Path) -> None:
    """A name must be there, and a new one no other's, so that no tensor takes the place of another."""
    weights, names = draw(LINEAR), tmp_path / "names.json"
    settings = {"format": "linear_sum", "task": "max", "tokens": "0-2 x3"}
    np.savez(tmp_path / "plain.npz", **weights)
    np.savez(tmp_path / "other.npz", **{name.replace("linear", "middle"): w for name, w in weights.items()})
    plain = export(tmp_path / "plain.npz", tmp_path / "plain.model", config=settings).data
    names.write_text(json.dumps({"middle.weight": "linear.weight"}))
    assert export(tmp_path / "other.npz", tmp_path / "other.model", config=settings, names=names).data == plain
    assert (tmp_path / "other.model").read_bytes() == (tmp_path / "plain.model").read_bytes()
    for name, renamed, why in (
        ("middle.weight", "embedding.weight", "cannot be called 'embedding.weight', as another one is called so"),
        ("absent", "linear.weight", "not in the weights, which have embedding.weight, middle.weight, unemb.*"),
    ):
        names.write_text(json.dumps({name: renamed}))
        with pytest.raises(UnsupportedWeights, match=f": tensor {name}: {why}$"):
            export(tmp_path / "other.npz", tmp_path / "third.model", config=settings, names=names)
    assert not (tmp_path / "third.model").exists()


# The words of a configuration


def test_sets_of_tokens() -> None:
    assert token_sets("0-2 x2, 5") == [[0, 1, 2], [0, 1, 2], [5]]
    assert token_sets("7|2|9|2, 3-3, 1 x1") == [[2, 7, 9], [3], [1]]
    for text in ("", "a", "3-2", "0-2x2", "1,,2", "-1", "1|", "12345", "0-2 x1000"):
        with pytest.raises(UnsupportedWeights, match="^configuration: tokens: expected s"):
            token_sets(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("max", "task max 2 0 2"),
        ("first", "task copy 1 0"),
        ("last", "task copy 1 2"),
        ("max@1,2", "task max 2 1 2"),
        ("sum_modulo:7", "task sum_modulo 3 7 0 2"),
        ("sum_modulo:7@0", "task sum_modulo 2 7 0"),
        ("balanced", "task balanced 4 0 1 0 2"),
        ("balanced:3,4", "task balanced 4 3 4 0 2"),
    ],
)
def test_tasks(text: str, line: str) -> None:
    """Of three positions, the one in the middle has one token."""
    assert task_line(text, [[0, 1], [5], [2, 3]]) == line


def test_tasks_of_fixed_inputs_read_every_position() -> None:
    assert task_line("max", [[1], [5]]) == "task max 2 0 1"


@pytest.mark.parametrize("text", ["", "Max", "magic", "max:a", "max@", "sum_modulo:7,", "max 1"])
def test_what_is_no_task(text: str) -> None:
    with pytest.raises(UnsupportedWeights, match="^configuration: task: expected "):
        task_line(text, [[0, 1]])


def test_settings() -> None:
    settings = Settings({"size": 2.0, "none": 0, "half": 1.5, "true": True, "word": "a", "left": 1})
    assert settings.size("size") == 2 and settings.size("missing", 3) == 3 and settings.number("half") == 1.5
    assert settings.choice("word", ("b", "a")) == "a" and settings.choice("missing", ("b",), "b") == "b"
    for refused in (
        lambda: settings.size("none"),
        lambda: settings.size("half"),
        lambda: settings.size("true"),
        lambda: settings.number("true"),
        lambda: settings.number("word"),
        lambda: settings.number("absent"),
        lambda: settings.choice("true", (1, 2)),
        lambda: settings.choice("word", ("b",)),
        lambda: settings.expect("size", 3),
        settings.finish,
    ):
        with pytest.raises(UnsupportedWeights, match="^configuration: "):
            refused()
    settings.ignore("left more")
    settings.expect("size", 2)
    settings.finish()


def test_tensors() -> None:
    bad = {"nan": np.array([np.nan]), "inf": np.array([np.inf])}
    tensors = Tensors({"a": np.ones((2, 3)), "x.mask": np.ones(1), **bad})
    assert tensors.take("a", 2, None).shape == (2, 3) and "a" in tensors and "b" not in tensors
    for refused in (
        lambda: tensors.take("a", 3, None),
        lambda: tensors.take("a", 2),
        lambda: tensors.take("a", 2, 3, None),
        lambda: tensors.take("b"),
        lambda: tensors.take("nan", 1),
        lambda: tensors.take("inf", 1),
        tensors.finish,
    ):
        with pytest.raises(UnsupportedWeights, match="^tensor "):
            refused()
    tensors.ignore(r"x\..*")
    tensors.finish()
