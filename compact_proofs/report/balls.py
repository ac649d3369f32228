"""Margins of single inputs in ball arithmetic, which says for certain that an answer is wrong.

The logits are those of `docs/semantics.md`, computed from the exact weights by FLINT's balls (real numbers known up to
a radius), which no rule of the checker uses; those of programs are computed as the fuzzer does. Ball arithmetic:
Johansson, *Arb: efficient arbitrary-precision midpoint-radius interval arithmetic* (arXiv 1611.02831).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb, ctx

from checker.models.attention_only import ExactModel, parse_model
from checker.models.program import parse_program
from checker.numbers.dyadic import Dyadic
from checker.rules.examine import PROGRAM
from fuzzing.program_oracle import read_program, values_of
from model_export.floating_point import labels_of

# Of what is computed with, and of an exponential.
BITS = 256
# Arrays of balls.
Balls = npt.NDArray[Any]


@dataclass(frozen=True)
class Margin:
    """The label's logit less the largest other, of several answers the least: a number near it, and what is certain.

    `wrong`: some output's logit is certainly at least the label's. `right`: the label's is certainly the greatest.
    """

    about: float
    wrong: bool
    right: bool


def margins_in_balls(data: bytes, inputs: Sequence[Sequence[int]]) -> list[Margin]:
    """The margins of inputs [inputs, positions] of the model with the bytes `data` of its file."""
    tokens = np.array(inputs, dtype=np.int64)
    with ctx.workprec(BITS):
        if not len(tokens):
            return []
        if not data.startswith(PROGRAM):
            logits = _logits(parse_model(data), tokens)
            return list(map(_margin, logits[:, None, :], labels_of(tokens)[:, None]))
        task, program = parse_program(data).inputs.task, read_program(data)
        labels = task.labels(tokens[:, list(task.read)])[0]
        return [
            _margin(np.array(values_of(program, row, BITS)[-1], dtype=object), label)
            for row, label in zip(tokens.tolist(), labels, strict=True)
        ]


def _margin(logits: Balls, labels: npt.NDArray[Any]) -> Margin:
    """The margin of one input, from its logits [answer, output] and labels [answer]."""
    if len(labels) != len(logits) or (labels >= logits.shape[1]).any():
        return Margin(-np.inf, wrong=True, right=False)
    differences = [
        row[label] - other
        for row, label in zip(logits, labels, strict=True)
        for output, other in enumerate(row)
        if output != label
    ]
    return Margin(
        min((float(difference.mid()) for difference in differences), default=np.inf),
        # True only where it holds for every number in the ball.
        wrong=any(difference <= 0 for difference in differences),
        right=all(difference > 0 for difference in differences),
    )


def _entries(tensor: Dyadic) -> Balls:
    """The entries of a tensor, each rounded to `BITS` bits with its radius."""
    scale = arb(2) ** tensor.exponent
    found = [arb(k) * scale for k in tensor.integers.entries()]
    return np.array(found, dtype=object).reshape(tensor.rows, tensor.columns)


def _softmax(scores: Balls) -> Balls:
    """Weights of the last axis. Any number may be taken from all scores: here one near the largest."""
    largest = [max(row, key=lambda score: float(score.mid())) for row in scores.reshape(-1, scores.shape[-1])]
    weights = np.exp(scores - np.array(largest, dtype=object).reshape(*scores.shape[:-1], 1))
    return weights / weights.sum(axis=-1, keepdims=True)


def _logits(model: ExactModel, tokens: npt.NDArray[Any]) -> Balls:
    """The logits [input, output] of `tokens` [input, position]."""
    w = {name: _entries(tensor) for name, tensor in model.weights.items()}
    x = w["W_E"][tokens] + w["W_pos"]
    query = x[:, -1] @ w["W_Q"] / arb(model.head_width).sqrt()
    # No transposed weights: the order of the products keeps them small.
    scores = (x * (query @ w["W_K"].T)[:, None, :]).sum(axis=2)
    attended = (_softmax(scores)[:, :, None] * x).sum(axis=1)
    return (x[:, -1] + attended @ w["W_V"] @ w["W_O"]) @ w["W_U"]
