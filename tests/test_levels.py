"""How `exact` cuts tokens into levels, against every way to cut them, and what it says that it has counted."""

from collections import Counter
from fractions import Fraction
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import examples, shipped

from certificates import counting, exact
from certificates.exact import NOT_ALL_COUNTED, NOTHING_LEFT_OUT, exact_proof
from certificates.levels import likely_numbers, segments
from checker.check import check
from fuzzing.models import model_file


def cost(badness: list[float], sizes: tuple[int, ...]) -> float:
    """The badness of all tokens, if each is as bad as the worst of its level."""
    ends = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    return sum((b - a) * max(badness[a:b]) for a, b in pairwise(ends))


@given(st.lists(st.integers(0, 9).map(float), max_size=7), st.integers(2, 4))
@examples(100)
def test_levels_cost_least(badness: list[float], levels: int) -> None:
    sizes = segments(np.array(badness), levels)
    assert sum(sizes) == len(badness) and len(sizes) <= levels and all(sizes)
    every = [
        tuple(b - a for a, b in pairwise((0, *ends, len(badness))))
        for count in range(min(levels, len(badness)))
        for ends in combinations(range(1, len(badness)), count)
    ]
    assert cost(badness, sizes) == min((cost(badness, other) for other in every), default=0.0)


@pytest.mark.parametrize(("others", "sizes"), [(2, (3,)), (3, (2, 1)), (4, (1, 2, 1)), (3, ())])
@pytest.mark.parametrize("labels", [0, 1])
@pytest.mark.parametrize("most", [1, 2])
def test_likely_numbers_are_those_of_all_sequences(others: int, sizes: tuple[int, ...], labels: int, most: int) -> None:
    level_of = [level for level, size in enumerate((*sizes, 1)) for _ in range(size)]
    found = Counter(
        tuple(sum(level_of[token] == level for token in tokens) for level in range(len(sizes) + 1))
        for tokens in product(range(len(level_of)), repeat=others)
    )
    total = len(level_of) ** others
    expected = {case: count for case, count in found.items() if sum(case[1:]) <= most and case[-1] >= labels}
    numbers, shares = likely_numbers(others, sizes, labels, most)
    got = {tuple(map(int, case)): share for case, share in zip(numbers, shares, strict=True) if share > 0}
    assert got == pytest.approx({case: float(Fraction(count, total)) for case, count in expected.items()})
    assert (numbers.sum(axis=1) == others).all()


def test_exact_says_what_it_has_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_file(shipped("tiny"))
    whole = exact_proof(model)
    assert whole.complete and whole.proof.notes == (NOTHING_LEFT_OUT,)
    assert whole.proof.correct == 215
    within = exact_proof(model, whole.proof.operations - 1)
    assert not within.complete and NOTHING_LEFT_OUT not in within.proof.notes
    assert 0 < within.proof.correct <= 215 and within.proof.operations < whole.proof.operations
    # Too many sequences to enumerate: they are counted by levels.
    monkeypatch.setattr(counting, "MAX_ENUMERATED", 0)
    monkeypatch.setattr(exact, "MAX_ENUMERATED", 0)
    by_levels = exact_proof(model)
    assert not by_levels.complete and NOT_ALL_COUNTED in by_levels.proof.notes
    assert check(model, by_levels.proof.certificate).correct_at_least == by_levels.proof.correct < 215
