"""Sums of weights of sequences of tokens in levels, where weights differ by position."""

from collections.abc import Sequence
from math import comb

from checker.meter import PYTHON, Meter


def count_by_position(
    last: list[int],
    terms: list[list[int]],
    weights: Sequence[list[int]],
    labels: int,
    margin: int,
    meter: Meter,
) -> int:
    """What `count_levels` counts, where the tokens of a level may have another weight at each
    position: the sum, over the sequences that pass, of the products of their tokens' weights.

    `weights` [position][level]. What passes depends only on how many tokens are in each level, so
    the sequences of each choice of these numbers are added up, position by position.
    """
    levels, positions = len(terms), len(weights)
    choices = comb(positions + levels, levels)
    meter.add("", 0, choices * (levels * positions + len(last)) * PYTHON)
    sums = {(0,) * levels: 1}
    for row in weights:
        more: dict[tuple[int, ...], int] = {}
        for numbers, weight in sums.items():
            for level, one in enumerate(row):
                key = (*numbers[:level], numbers[level] + 1, *numbers[level + 1 :])
                more[key] = more.get(key, 0) + weight * one
        sums = more

    def passes(numbers: tuple[int, ...]) -> bool:
        each = zip(last, *terms, strict=True)
        return all(a + sum(map(int.__mul__, numbers, some)) >= margin for a, *some in each)

    return sum(weight for k, weight in sums.items() if k[-1] >= labels and weight and passes(k))
