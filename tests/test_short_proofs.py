"""Short proofs: what a group is said to gain is what the kernel finds, and the best proof within a budget is taken."""

from fractions import Fraction
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
from small_models import shipped

from certificates.boxes import Near
from certificates.short import LOWEST_PRICE, OverBudget, ShortProofs, prove_short
from certificates.strategies import CLASSES
from fuzzing.models import max_model, model_file

TINY, CUTS = model_file(shipped("tiny")), CLASSES["low-rank"]


@lru_cache(1)
def short_proofs() -> ShortProofs:
    return ShortProofs(TINY, CUTS)


@lru_cache
def inputs_in_box(others: int, label: int, threshold: int, near: Near, alone: bool) -> int:
    """How many sequences of `others` tokens up to the label a box has, by its definition."""
    return sum(
        (alone or label in tokens)
        and sum(label - near.top_size <= t < label for t in tokens) <= near.top
        and sum(threshold <= t < label for t in tokens) <= near.top + near.rest
        for tokens in product(range(label + 1), repeat=others)
    )


@pytest.mark.parametrize(("positions", "vocabulary"), [(3, 6), (6, 4)])
def test_the_gain_of_a_box_is_how_many_inputs_it_has(positions: int, vocabulary: int) -> None:
    search, tried = ShortProofs(model_file(max_model(positions, vocabulary)), {}).search, set()
    for label, by_width in enumerate(search.candidates):
        for found in by_width:
            for first, gains in zip(found.first_queries, found.gain, strict=True):
                for (_, j, k), gain in np.ndenumerate(gains):
                    near, threshold = search.near[k], search.thresholds(label)[j]
                    if gain > 0:
                        inputs = found.width * inputs_in_box(positions - 1, label, threshold, near, first == label)
                        assert gain * vocabulary**positions == pytest.approx(inputs)
                        tried.add((first == label, near))
    assert len(tried) > 2


@pytest.mark.parametrize("share", [Fraction(1), Fraction(99, 100), Fraction(97, 100)])
def test_the_best_of_the_proofs_within_a_budget_is_taken(share: Fraction) -> None:
    budget = int(short_proofs().prove(LOWEST_PRICE).operations * share)
    within = list(short_proofs().within(budget))
    assert within and all(proof.operations <= budget for proof in within)
    assert share == 1 or len({proof.correct for proof in within}) > 1
    found = prove_short(TINY, CUTS, budget, 1.0)
    assert found.correct == max(proof.correct for proof in within)
    assert found.operations == min(proof.operations for proof in within if proof.correct == found.correct)


def test_too_small_a_budget_is_named() -> None:
    with pytest.raises(OverBudget, match="no proof within 10 operations, the shortest found has [0-9]{3}"):
        prove_short(TINY, CUTS, 10, 1.0)
