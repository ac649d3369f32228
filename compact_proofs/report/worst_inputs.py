"""The worst input of every query and label, in floating point, found without trying all inputs.

Times the softmax's denominator, the margin of a model of the task max is a sum of terms of one position each
(`docs/semantics.md`), so that the least over all inputs with one query and one label is a sum of least terms; that the
label occurs costs one exchange.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.floating_point import Forward, margins

Array = npt.NDArray[np.float64]
# Terms that are formed; where there would be more, not every query and label is looked at.
MAX_TERMS = 2**27


@dataclass(frozen=True)
class WorstInputs:
    """For the pairs (query, label) that were looked at: the input [pairs, positions] whose scaled margin is least, its
    margin in logits, and which outputs [pairs, outputs] have, for some input of the pair, a logit of at least the
    label's. Attention weights too small for float64 beside others count as 0. `step`: only queries and labels that are
    multiples of it were looked at, and the last ones.
    """

    queries: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    inputs: npt.NDArray[np.int64]
    margins: Array
    beaten_by: npt.NDArray[np.bool_]
    step: int


def worst_inputs(forward: Forward) -> WorstInputs:
    """The worst inputs of a model: where one margin in logits is negative, an input is wrong, and only there."""
    tokens, step = forward.vocabulary, 1
    terms = tokens * tokens * tokens // 6 * forward.positions * forward.eu.shape[1]
    while terms // step**2 > MAX_TERMS:
        step += 1
    some = sorted({*range(0, tokens, step), tokens - 1})
    pairs = [(query, label) for query in some for label in some if query <= label]
    found = [_worst(forward, query, label) for query, label in pairs]
    inputs = np.array([tokens for tokens, _ in found])
    starts = range(0, len(inputs), forward.batch)
    batches = [inputs[start : start + forward.batch] for start in starts]
    queries, labels = np.array(pairs).T
    return WorstInputs(
        queries,
        labels,
        inputs,
        np.concatenate([margins(forward.logits(batch), batch.max(axis=1)) for batch in batches]),
        np.array([beaten for _, beaten in found]),
        step,
    )


def _worst(forward: Forward, query: int, label: int) -> tuple[list[int], npt.NDArray[Any]]:
    """The input of one query and label whose scaled margin is least, and which outputs some input prefers."""
    below = slice(label + 1)
    scores = forward.qk_tokens[query, None, below] + forward.qk_positions[query, :, None]
    weights = np.exp(scores - scores.max())  # [position, token]
    direct, moved, places = forward.eu[query], forward.ov_tokens[below], forward.ov_positions
    gap = (direct[label] - direct) + (moved[:, [label]] - moved)  # [token, output]
    at = places[:, [label]] - places  # [position, output]
    terms = weights[:-1, :, None] * (gap + at[:-1, None, :])  # [position, token, output]
    last = weights[-1, query] * (gap[query] + at[-1])
    chosen = terms.argmin(axis=1)
    least = np.take_along_axis(terms, chosen[:, None, :], axis=1)[:, 0]
    total = least.sum(axis=0) + last
    if query != label:  # then the label is at some other position
        exchange = terms[:, label] - least
        total += exchange.min(axis=0)
        places_of_label = exchange.argmin(axis=0)
        chosen[places_of_label, np.arange(len(total))] = label
    total[label] = np.inf
    output = int(total.argmin())
    return [*chosen[:, output].tolist(), query], total <= 0
