"""Some of the odd models, against the truth. All 300: `python tests/odd_models.py`, some ten minutes."""

import pytest
from odd_models import MAKERS, problems

# Every twelfth, of all kinds, and none of those that take long.
NUMBERS = range(1, 300, 12)


@pytest.mark.parametrize("number", NUMBERS)
def test_strategies_on_odd_models(number: int) -> None:
    assert problems(number) == []


def test_all_kinds_are_among_them() -> None:
    assert {number % len(MAKERS) for number in NUMBERS} == set(range(len(MAKERS)))
