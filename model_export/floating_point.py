"""Logits in floating point, to be looked at and to estimate with; they prove nothing.

The model is that of `docs/semantics.md`, computed from its tables in float64.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from checker.models.attention_only import ExactModel
from checker.numbers.dyadic import Dyadic
from model_export.errors import UnsupportedWeights

Weights = Mapping[str, npt.NDArray[np.floating]]
Array = npt.NDArray[np.float64]
Tokens = npt.NDArray[np.integer[Any]]

# Numbers in memory at a time, for each input: its positions, tokens and outputs.
NUMBERS_PER_BATCH = 2**21


class Forward:
    """The forward pass of a model, from weights by short name (shapes as in `model_export.training`)."""

    def __init__(self, weights: Weights) -> None:
        """Compute the tables: QK [query, token] and [query, position], OV [token, output] and
        [position, output], EU [query, output].
        """
        w = {name: np.asarray(weight, dtype=np.float64) for name, weight in weights.items()}
        last = w["W_E"] + w["W_pos"][-1]
        with np.errstate(all="ignore"):
            query = last @ w["W_Q"] / np.sqrt(w["W_Q"].shape[1])
            self.qk_tokens, self.qk_positions = (query @ (w[x] @ w["W_K"]).T for x in ("W_E", "W_pos"))
            self.ov_tokens, self.ov_positions = (w[x] @ w["W_V"] @ w["W_O"] @ w["W_U"] for x in ("W_E", "W_pos"))
            self.eu = last @ w["W_U"]
        self.vocabulary, self.positions = len(w["W_E"]), len(w["W_pos"])
        self.batch = max(1, NUMBERS_PER_BATCH // (self.vocabulary + self.positions + self.eu.shape[1]))

    def logits(self, tokens: Tokens) -> Array:
        """The logits [input, output] of `tokens` [input, position] at the last position.

        Raises `UnsupportedWeights` where floating point does not reach.
        """
        query, rows = tokens[:, -1], np.arange(len(tokens))[:, None]
        with np.errstate(all="ignore"):
            scores = self.qk_tokens[query[:, None], tokens] + self.qk_positions[query]
            pattern = np.exp(scores - scores.max(axis=1, keepdims=True))
            pattern /= pattern.sum(axis=1, keepdims=True)
            # How much of the attention each token gets, at all its positions together.
            places = (rows * self.vocabulary + tokens).ravel()
            attention = np.bincount(places, pattern.ravel(), len(tokens) * self.vocabulary)
            moved = attention.reshape(len(tokens), -1) @ self.ov_tokens + pattern @ self.ov_positions
            logits = self.eu[query] + moved
        if not np.isfinite(logits).all():
            raise UnsupportedWeights("the logits are out of the range of floating point")
        return np.asarray(logits)

    def random_inputs(self, count: int, seed: int) -> Iterator[Tokens]:
        """`count` uniform random inputs [input, position], in batches that fit in memory."""
        generator = np.random.default_rng(seed)
        for start in range(0, count, self.batch):
            yield generator.integers(self.vocabulary, size=(min(self.batch, count - start), self.positions))


def margins(logits: Array, labels: Tokens) -> Array:
    """How far each input's label [input] is above all other outputs: positive where it is correct."""
    rows = np.arange(len(logits))
    others = logits.copy()
    others[rows, labels] = -np.inf
    return np.asarray(logits[rows, labels] - others.max(axis=1))


def labels_of(tokens: Tokens) -> Tokens:
    """The right answer [input] to each input [input, position]: its largest token."""
    return tokens.max(axis=1)


def sampled_accuracy(weights: Weights, samples: int, seed: int) -> float:
    """The fraction of `samples` uniform random inputs that the model answers correctly.

    An input is correct when the largest token's logit is strictly greater than every other logit.
    This is an estimate: the standard error is sqrt(a * (1 - a) / samples) at accuracy a.

    Raises `ValueError` for fewer than one sample, `UnsupportedWeights` where floating point does not
    reach.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, found {samples}")
    forward = Forward(weights)
    correct = 0
    for tokens in forward.random_inputs(samples, seed):
        correct += int(np.count_nonzero(margins(forward.logits(tokens), labels_of(tokens)) > 0))
    return correct / samples


@dataclass(frozen=True)
class Answer:
    """What a model says to one input, in floating point.

    `answer` is the output of the largest logit, or `None` where several are largest. `margin` is the
    label's logit less the largest other, or `None` where there is no other.
    """

    input: list[int]
    label: int
    answer: int | None
    correct: bool
    margin: float | None
    logits: list[float]


def answers(weights: Weights, inputs: Sequence[Sequence[int]]) -> list[Answer]:
    """The model's answers to `inputs`, each a sequence of as many tokens as the model has positions.

    Raises `ValueError` for an input of another length or with a token out of range, and
    `UnsupportedWeights` where floating point does not reach.
    """
    forward = Forward(weights)
    for tokens in inputs:
        written = ",".join(map(str, tokens))
        if len(tokens) != forward.positions:
            raise ValueError(f"input {written}: {len(tokens)} tokens, expected {forward.positions}")
        if not all(0 <= token < forward.vocabulary for token in tokens):
            raise ValueError(f"input {written}: tokens are 0 to {forward.vocabulary - 1}")
    found = []
    for start in range(0, len(inputs), forward.batch):
        batch = np.array(inputs[start : start + forward.batch])
        logits, labels = forward.logits(batch), labels_of(batch)
        for row, label, said, margin in zip(batch, labels, logits, margins(logits, labels), strict=True):
            best = np.flatnonzero(said == said.max())
            answer = int(best[0]) if len(best) == 1 else None
            found.append(
                Answer(
                    input=row.tolist(),
                    label=int(label),
                    answer=answer,
                    correct=bool(margin > 0),
                    margin=float(margin) if len(said) > 1 else None,
                    logits=said.tolist(),
                )
            )
    return found


def float_weights(model: ExactModel) -> dict[str, Array]:
    """The weights of an exact model by short name, each rounded to the nearest float64.

    Raises `UnsupportedWeights` where one is too large.
    """
    return {name: rounded(name, tensor) for name, tensor in model.weights.items()}


def rounded(name: str, tensor: Dyadic) -> Array:
    """The tensor `name`, each entry rounded to the nearest float64; raises `UnsupportedWeights` if one is too large."""
    scale = 1 << abs(tensor.exponent)
    try:
        # Integers, whose quotient Python rounds correctly.
        up, down = (scale, 1) if tensor.exponent >= 0 else (1, scale)
        entries = [int(k) * up / down for k in tensor.integers.entries()]
    except OverflowError as error:
        raise UnsupportedWeights(f"tensor {name}: out of the range of floating point") from error
    return np.array(entries).reshape(tensor.rows, tensor.columns)
