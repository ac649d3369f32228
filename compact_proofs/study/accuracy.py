"""How good a model is, in floating point: its accuracy, and how simple its attention is.

Nothing here is proved. It is what proofs are compared with, found without them.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_export.naming import canonical_weights
from model_export.training import Weights, sampled_accuracy
from model_export.weights_files import read_weights

Floats = npt.NDArray[np.float64]

# Models with more inputs than this are sampled.
MAX_COUNTED_INPUTS = 2**24
SAMPLES = 100_000
SAMPLE_SEED = 1


def read(weights: Path) -> dict[str, Floats]:
    """The weights of a file by short name, as float64."""
    return {name: np.asarray(weight, np.float64) for name, weight in canonical_weights(read_weights(weights)).items()}


def accuracy(weights: Weights) -> tuple[float, str]:
    """The accuracy, and `counted` or `sampled`: how it was found."""
    positions, vocabulary = len(weights["W_pos"]), len(weights["W_E"])
    if vocabulary**positions <= MAX_COUNTED_INPUTS:
        return correct_inputs(weights) / vocabulary**positions, "counted"
    return sampled_accuracy(weights, SAMPLES, SAMPLE_SEED), "sampled"


def faithfulness(weights: Weights) -> float:
    """The first singular value of EQKE over the second one (Gross et al., arXiv 2406.11779, section 4): how much
    of the attention is one direction, the size of a token. Keys are at a mean position, as theirs are."""
    queries = weights["W_E"] + weights["W_pos"][-1]
    keys = weights["W_E"] + weights["W_pos"].mean(axis=0)
    singular = np.linalg.svd(queries @ weights["W_Q"] @ weights["W_K"].T @ keys.T, compute_uv=False)
    return float(singular[0] / singular[1])


def correct_inputs(weights: Weights) -> int:
    """How many of all inputs have a label whose logit is strictly the largest, in float64.

    The margin times the softmax's denominator is a sum of one term for each position. Where the sum of the
    least terms is positive, all inputs of a query and a label are right; in what is left, every input is tried
    against those outputs for which that did not hold.
    """
    residual = weights["W_E"][None] + weights["W_pos"][:, None]
    last = residual[-1]
    scores = np.einsum("qh,pth->qpt", last @ weights["W_Q"], residual @ weights["W_K"])
    scores /= np.sqrt(weights["W_Q"].shape[1])
    attention = np.exp(scores - scores.max(axis=(1, 2), keepdims=True))
    moved = residual @ (weights["W_V"] @ weights["W_O"] @ weights["W_U"])
    direct = last @ weights["W_U"]
    return sum(
        _correct_of_group(attention[query], moved, direct[query], query, label)
        for label in range(len(direct))
        for query in range(label + 1)
    )


def _correct_of_group(attention: Floats, moved: Floats, direct: Floats, query: int, label: int) -> int:
    """The correct inputs that end in `query` and whose largest token is `label`."""
    gaps = (direct[label] - direct) + (moved[:, : label + 1, [label]] - moved[:, : label + 1])
    terms = attention[:, : label + 1, None] * gaps  # [position, token, output]
    others, own = terms[:-1], terms[-1, query]
    free = len(others)
    total = (label + 1) ** free - (0 if query == label else label**free)
    least = others.min(axis=1)
    worst = own + least.sum(axis=0)
    if query != label:  # the label is somewhere
        worst = worst + (others[:, label] - least).min(axis=0)
    undecided = [output for output in np.flatnonzero(worst <= 0) if output != label]
    if not undecided:
        return total
    right = np.ones((label + 1,) * free, dtype=bool)
    for output in undecided:
        margins = own[output]
        for position in range(free):
            shape = [-1 if axis == position else 1 for axis in range(free)]
            margins = margins + others[position, :, output].reshape(shape)
        right &= margins > 0
    if query != label:
        right[(slice(label),) * free] = False
    return int(np.count_nonzero(right))
