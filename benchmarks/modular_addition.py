"""Train a transformer to add modulo p, and write its weights and configuration under TransformerLens's names.

    python benchmarks/modular_addition.py OUTPUT.npz [--p 113] [--steps 1000] [--seed 0]

The architecture, the initialisation and the optimizer are those of Nanda et al., Progress measures for grokking via
mechanistic interpretability (arXiv 2301.05217): one layer, 4 heads, width 128, 512 ReLU with biases, no norm,
tokens `a b =`, AdamW with weight decay 1. They train on 30 % of all pairs, all at once, and wait for the rest; here
every batch is drawn from all pairs, so that the model adds after some minutes.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch

Weights = dict[str, torch.Tensor]
WIDTH, HEADS, HEAD, HIDDEN = 128, 4, 32, 512
BATCH = 2048


def fresh(p: int, seed: int) -> Weights:
    generator = torch.Generator().manual_seed(seed)
    block = "blocks.0."
    shapes = {
        "embed.W_E": (p + 1, WIDTH),
        "pos_embed.W_pos": (3, WIDTH),
        **{f"{block}attn.W_{letter}": (HEADS, WIDTH, HEAD) for letter in "QKV"},
        f"{block}attn.W_O": (HEADS, HEAD, WIDTH),
        f"{block}mlp.W_in": (WIDTH, HIDDEN),
        f"{block}mlp.b_in": (HIDDEN,),
        f"{block}mlp.W_out": (HIDDEN, WIDTH),
        f"{block}mlp.b_out": (WIDTH,),
        "unembed.W_U": (WIDTH, p + 1),
    }
    weights = {}
    for name, shape in shapes.items():
        deviation = 0 if ".b_" in name else 1 / math.sqrt(p + 1 if name == "unembed.W_U" else WIDTH)
        weights[name] = (torch.randn(shape, generator=generator) * deviation).requires_grad_()
    return weights


def logits(weights: Weights, pairs: torch.Tensor) -> torch.Tensor:
    """The logits at `=` of pairs [batch, 2]. Keys and values are computed once for a token and position."""
    w = {name.removeprefix("blocks.0."): weight for name, weight in weights.items()}
    last = w["embed.W_E"][-1] + w["pos_embed.W_pos"][2]
    numbers = w["embed.W_E"][:-1] + w["pos_embed.W_pos"][:2, None]
    query = torch.einsum("d,hde->he", last, w["attn.W_Q"]) / math.sqrt(HEAD)

    def heads(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        keys, values = (torch.einsum("...d,hde->...he", x, w[f"attn.W_{letter}"]) for letter in "KV")
        return (keys * query).sum(-1), values

    (scores, values), (last_score, last_value) = heads(numbers), heads(last)
    of_pairs = [[table[j][pairs[:, j]] for j in range(2)] for table in (scores, values)]
    pattern = torch.stack([*of_pairs[0], last_score.expand(len(pairs), -1)]).softmax(0)[..., None]
    mixed = pattern[0] * of_pairs[1][0] + pattern[1] * of_pairs[1][1] + pattern[2] * last_value
    x = last + mixed.flatten(1) @ w["attn.W_O"].flatten(0, 1)
    hidden = torch.relu(x @ w["mlp.W_in"] + w["mlp.b_in"])
    return (x + hidden @ w["mlp.W_out"] + w["mlp.b_out"]) @ w["unembed.W_U"]


def train(p: int, steps: int, seed: int) -> tuple[Weights, int]:
    """Weights after so many steps, and how many of the pairs they have right in float32."""
    weights = fresh(p, seed)
    pairs = torch.cartesian_prod(torch.arange(p), torch.arange(p))
    labels = pairs.sum(1) % p
    optimizer = torch.optim.AdamW(weights.values(), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98))
    generator = torch.Generator().manual_seed(seed + 1)
    right = 0
    for step in range(1, steps + 1):
        some = torch.randint(len(pairs), (min(BATCH, len(pairs)),), generator=generator)
        loss = torch.nn.functional.cross_entropy(logits(weights, pairs[some]), labels[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0 or step == steps:
            with torch.no_grad():
                right = int((logits(weights, pairs).argmax(1) == labels).sum())
            print(f"step {step}: loss {loss.item():.4f}, right {right} of {len(pairs)}", file=sys.stderr, flush=True)
    return {name: weight.detach() for name, weight in weights.items()}, right


def configuration(p: int) -> dict[str, object]:
    """What `compact-proofs export --config` needs to know."""
    sizes = {"n_layers": 1, "n_heads": HEADS, "d_model": WIDTH, "d_head": HEAD, "d_mlp": HIDDEN, "n_ctx": 3}
    kinds = {"format": "transformer_lens", "act_fn": "relu", "normalization_type": None, "attention_dir": "causal"}
    inputs = {"task": f"sum_modulo:{p}@0,1", "tokens": f"0-{p - 1} x2, {p}", "d_vocab": p + 1, "d_vocab_out": p + 1}
    return {**kinds, **sizes, **inputs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--p", type=int, default=113)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    weights, right = train(options.p, options.steps, options.seed)
    np.savez(options.output, **{name: weight.numpy() for name, weight in weights.items()})
    options.output.with_suffix(".json").write_text(json.dumps(configuration(options.p), indent=2) + "\n")
    print(f"{options.output}: right on {right} of {options.p**2} pairs in float32")


if __name__ == "__main__":
    main()
