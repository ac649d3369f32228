"""One wrong input, hidden in one of thousands of groups: no strategy claims it, and no forged claim gets it past."""

import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from certificates.strategies import prove
from checker import check

sys.path.insert(0, str(Path(__file__).parent / "corpus"))
files = import_module("files")

VOCABULARY, POSITIONS = 64, 3
LABEL, QUERY = 40, 39
# One strategy of each kind; the others enclose other tables by low rank, and take as long again.
TRIED = ("trivial", "low-rank", "sub-cubic", "cubic", "exact", "brute-force", "auto")
SIZE = (LABEL + 1) ** 2 - LABEL**2
GROUPS = VOCABULARY * (VOCABULARY + 1) // 2


def weights() -> dict[str, list[list[int]]]:
    """A model that names the largest token of every input but (40, 40, 39), times powers of two (`EXPONENTS`).

    Attention quadruples from token to token, and a token votes for itself. The vote of token 40 is outdone by its
    vote for one more output, which the last token outweighs; last token 39 does so just for a single token 40.
    """
    v = VOCABULARY
    one, marker, size = 2**10, v, v + 2
    embedding = [[int(i == j) * one for j in range(size)] for i in range(v)]
    for token in range(v):
        embedding[token][marker] = -16 * one
    embedding[QUERY][marker] = -int(3.38 * one)
    embedding[LABEL][marker + 1] = 2 * one
    moved = [[int(i == j != marker) for j in range(size)] for i in range(size)]
    step = int(np.log(4) * np.sqrt(size) * one)
    return {
        "W_E": embedding,
        "W_pos": files.zeros(POSITIONS, size),
        "W_Q": [[int(i < v), *[0] * (size - 1)] for i in range(size)],
        "W_K": [[step * i if i < v else 0, *[0] * (size - 1)] for i in range(size)],
        "W_V": moved,
        "W_O": [[4 * k for k in row] for row in moved],
        "W_U": [[*(int(i == j) for j in range(v)), int(i >= marker)] for i in range(size)],
    }


EXPONENTS = {"W_E": -10, "W_K": -10}
MODEL = files.model_text(weights(), EXPONENTS)


def wrong_inputs() -> list[tuple[int, ...]]:
    """By trying every input in floating point."""
    w = {name: np.array(rows) * 2.0 ** EXPONENTS.get(name, 0) for name, rows in weights().items()}
    scores = (w["W_E"] @ w["W_Q"]) @ (w["W_E"] @ w["W_K"]).T / np.sqrt(len(w["W_Q"][0]))
    direct, moved = w["W_E"] @ w["W_U"], w["W_E"] @ w["W_V"] @ w["W_O"] @ w["W_U"]
    tokens = np.arange(VOCABULARY)
    wrong = []
    for query in tokens:
        for first in tokens:
            weight = np.exp(scores[query] - scores[query].max())
            votes = weight[first] * moved[first] + weight[query] * moved[query] + weight[:, None] * moved
            logits = direct[query] + votes / (weight[first] + weight[query] + weight)[:, None]
            label = np.maximum(np.maximum(first, query), tokens)
            own = logits[tokens, label].copy()
            logits[tokens, label] = -np.inf
            margins = own - logits.max(axis=1)
            assert np.abs(margins).min() > 1e-3  # floating point decides every input
            wrong += [(int(first), int(second), int(query)) for second in tokens[margins <= 0]]
    return wrong


def test_one_input_is_wrong() -> None:
    assert wrong_inputs() == [(LABEL, LABEL, QUERY)]


@pytest.fixture(scope="module")
def certificates() -> dict[str, bytes]:
    """What each strategy claims."""
    return {name: prove(MODEL.encode(), name) for name in TRIED}


@pytest.mark.parametrize("name", TRIED)
def test_no_strategy_claims_it(name: str, certificates: dict[str, bytes]) -> None:
    verdict = check(MODEL.encode(), certificates[name])
    assert verdict.verdict == "accepted", verdict.reason
    assert verdict.correct_at_least < VOCABULARY**POSITIONS
    text = certificates[name].decode()
    for first, last, correct in re.findall(rf"^group label {LABEL} queries (\d+) (\d+) correct (\d+) ", text, re.M):
        if int(first) <= QUERY <= int(last):
            assert int(correct) <= (int(last) - int(first) + 1) * SIZE - 1
    if name in ("exact", "brute-force"):
        assert verdict.correct_at_least == VOCABULARY**POSITIONS - 1


@pytest.mark.parametrize("name", ["exact", "brute-force"])
def test_a_forged_claim_is_rejected(name: str, certificates: dict[str, bytes]) -> None:
    """One more in the group and in the total: the one number that is false is found."""
    text, total = certificates[name].decode(), VOCABULARY**POSITIONS
    place = f"group label {LABEL} queries {QUERY} {QUERY}"
    assert text.count(f"{place} correct {SIZE - 1} ") == 1 and text.count(f"\ncorrect {total - 1}\n") == 1
    forged = text.replace(f"{place} correct {SIZE - 1} ", f"{place} correct {SIZE} ")
    forged = forged.replace(f"\ncorrect {total - 1}\n", f"\ncorrect {total}\n")
    verdict = check(MODEL.encode(), forged.encode())
    assert (verdict.verdict, verdict.correct_at_least) == ("rejected", 0)
    assert verdict.reason == f"{place}: claimed {SIZE} correct of {SIZE}, found {SIZE - 1}"


@pytest.mark.parametrize("rule", ["levels", "enumerate"])
def test_a_forged_certificate_of_all_groups_is_rejected(rule: str) -> None:
    """Written from scratch, every group claimed in full; only the one by `levels`, whose bounds are rougher."""
    line = {"levels": files.levels_all, "enumerate": files.enumerate_all}[rule]

    def group(label: int, query: int) -> str:
        size = (label + 1) ** 2 - (0 if query == label else label**2)
        return files.group(label, query, query, size, line(label))

    if rule == "levels":
        groups, total = [group(LABEL, QUERY)], SIZE
    else:
        groups = [group(label, query) for label in range(VOCABULARY) for query in range(label + 1)]
        total = VOCABULARY**POSITIONS
        assert len(groups) == GROUPS > 2000
    forged = files.certificate_text(MODEL, groups, total, [range(VOCABULARY + 2)])
    verdict = check(MODEL.encode(), forged.encode())
    assert verdict.verdict == "rejected"
    assert verdict.reason.startswith(f"group label {LABEL} queries {QUERY} {QUERY}: claimed {SIZE} correct of {SIZE}")
