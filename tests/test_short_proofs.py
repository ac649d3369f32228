"""Short proofs: what a group is said to gain is what the kernel finds, and the best proof within a budget is taken."""

from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from small_models import shipped

from certificates.short import LOWEST_PRICE, OverBudget, ShortProofs, prove_short
from certificates.strategies import CLASSES
from fuzzing.models import model_file

TINY, CUTS = model_file(shipped("tiny")), CLASSES["low-rank"]


@lru_cache(1)
def short_proofs() -> ShortProofs:
    return ShortProofs(TINY, CUTS)


def test_what_a_group_is_said_to_gain_is_what_the_kernel_finds() -> None:
    proofs = ShortProofs(TINY, CLASSES["sub-cubic"])
    search, total = proofs.search, proofs.prover.model.total
    tried = 0
    for label, by_width in enumerate(search.candidates):
        for found in by_width:
            gains = found.gain.reshape(len(found.first_queries), -1)
            for first, row in zip(found.first_queries, gains, strict=True):
                # Every seventh, and those of the label alone.
                for flat in np.flatnonzero(row > 0)[:: 7 if first < label else 1]:
                    option = search.prover.option(search.group(label, first, found.width, int(flat)))
                    assert option and option.correct == pytest.approx(float(row[flat]) * total, abs=1e-3)
                    tried += 1
    assert tried > 50


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
