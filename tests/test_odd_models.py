"""All strategies on some odd models, against the truth and each other; `python tests/odd_models.py` takes more."""

import pytest
from odd_models import problems


@pytest.mark.parametrize("number", range(4, 11))
def test_strategies_find_what_is_true(number: int) -> None:
    """One model of each kind."""
    assert problems(number) == []
