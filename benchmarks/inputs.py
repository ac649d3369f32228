"""Counting correct inputs one by one, in float32 with NumPy: what a proof competes with.

Float32 rounds, so that these counts claim nothing about inputs with tiny margins.
"""

from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_export.naming import canonical_weights
from model_export.weights_files import read_weights

Array = npt.NDArray[np.float32]
Weights = dict[str, Array]

BATCH = 2**14


def load(path: Path) -> Weights:
    """The weights of a shipped model by short name."""
    weights = canonical_weights(read_weights(path))
    return {name: weight.astype(np.float32) for name, weight in weights.items()}


def tables(weights: Weights) -> tuple[Array, Array, Array]:
    """Scores [query, position, token], what each token moves [position, token, output], and the direct
    path [query, output]."""
    residual = weights["W_E"] + weights["W_pos"][:, None]
    last = residual[-1]
    keys = residual @ weights["W_K"]
    scores = np.einsum("qh,pth->qpt", last @ weights["W_Q"], keys)
    scores /= np.sqrt(np.float32(weights["W_Q"].shape[1]))
    moved = residual @ (weights["W_V"] @ weights["W_O"] @ weights["W_U"])
    return scores, moved, last @ weights["W_U"]


def brute_force(weights: Weights) -> int:
    """The number of correct inputs, from the logits of every input.

    The last two free positions are one block of all pairs, small enough for the cache; the work per
    logit is an addition, a division by the softmax's denominator, another addition and the argmax.
    """
    scores, moved, direct = tables(weights)
    vocabulary, positions = len(weights["W_E"]), len(weights["W_pos"])
    if positions < 3:
        raise ValueError(f"expected at least 3 positions, found {positions}")
    tokens = np.arange(vocabulary)
    pair_label = np.maximum.outer(tokens, tokens)
    correct = 0
    for query in range(vocabulary):
        weight = np.exp(scores[query] - scores[query].max())
        term = weight[:, :, None] * moved
        pair = term[-3][:, None] + term[-2][None] + term[-1][query]
        pair_weight = weight[-3][:, None] + weight[-2][None] + weight[-1][query]
        for head in product(range(vocabulary), repeat=positions - 3):
            above = sum((term[j][t] for j, t in enumerate(head)), np.zeros_like(direct[query]))
            denominator = pair_weight + sum(weight[j][t] for j, t in enumerate(head))
            logits = pair + above
            logits /= denominator[:, :, None]
            logits += direct[query]
            label = np.maximum(pair_label, max((query, *head)))
            correct += int(np.count_nonzero(logits.argmax(axis=-1) == label))
    return correct


def forward_pass(weights: Weights) -> int:
    """The number of correct inputs, from a plain forward pass over all inputs in batches."""
    vocabulary, positions = len(weights["W_E"]), len(weights["W_pos"])
    root = np.sqrt(np.float32(weights["W_Q"].shape[1]))
    correct, total = 0, vocabulary**positions
    for start in range(0, total, BATCH):
        numbers = np.arange(start, min(start + BATCH, total))
        tokens = np.stack(np.unravel_index(numbers, (vocabulary,) * positions), axis=1)
        residual = weights["W_E"][tokens] + weights["W_pos"]
        last = residual[:, -1]
        keys, values = residual @ weights["W_K"], residual @ weights["W_V"]
        scores = np.einsum("bh,bph->bp", last @ weights["W_Q"], keys) / root
        pattern = np.exp(scores - scores.max(axis=1, keepdims=True))
        pattern /= pattern.sum(axis=1, keepdims=True)
        mixed = np.einsum("bp,bph->bh", pattern, values) @ weights["W_O"]
        logits = (last + mixed) @ weights["W_U"]
        correct += int(np.count_nonzero(logits.argmax(axis=1) == tokens.max(axis=1)))
    return correct
