"""Counts of sequences of tokens for which every row of a table of sums of bounds, one bound for
each token, reaches a margin. Nothing here knows of models."""

from collections.abc import Sequence
from itertools import accumulate, chain
from math import comb, prod
from operator import ge, le
from typing import NamedTuple

import numpy as np

from checker.errors import Declined
from checker.meter import PYTHON, Meter
from checker.numbers.rounding import Array

MAX_LEVELS = 64


class LevelBounds(NamedTuple):
    """Lower bounds of terms that are the same at all positions but the last.

    `last` [class] is for the last position; `terms` [level][class] for the tokens of every level,
    with the label as one more level at the end; `sizes` are the numbers of tokens in each.
    """

    last: list[int]
    terms: list[list[int]]
    sizes: list[int]


class Span(NamedTuple):
    """The bands at one position: bounds [class, band], and how many tokens are in each."""

    bounds: Array
    sizes: Array


def count_levels(
    bounds: LevelBounds, others: int, labels: int, margin: int, meter: Meter
) -> int:
    """The number of sequences of `others` tokens of any level, `labels` or more of them the label,
    for which the bounds add up to `margin` or more in every class.

    Branches on how many tokens are the label, then on how many are in the level before it, and so
    on; the numbers that pass of tokens in the first two levels are an interval. Raises `Declined`
    for more than MAX_LEVELS levels.
    """
    last, terms, sizes = bounds
    if len(sizes) > MAX_LEVELS + 1:
        raise Declined(f"levels: {len(sizes) - 1} levels, limit max_levels = {MAX_LEVELS}")
    if len(sizes) == 1:  # two levels at least, of which one may have no tokens
        terms, sizes = terms * 2, [0, 1]
    wide = len(last)
    # The least terms; the margin taken from `last`; the second level's term less the first one's.
    meter.add("levels", wide * (len(sizes) - 1), wide * len(sizes) * PYTHON)
    longest = max(map(abs, chain([margin], last, *terms))).bit_length()
    price = (16 + wide + others) * PYTHON // 4 + wide * (longest // 16)
    count = LevelCount(terms, sizes, price, meter)
    return count.passing([a - margin for a in last], others, len(sizes) - 1, labels)


class LevelCount:
    """Counts sequences of tokens in levels, for the bounds `terms` [level][class] and `sizes`; so
    much is the `price` of one branch."""

    def __init__(
        self, terms: list[list[int]], sizes: list[int], price: int, meter: Meter
    ) -> None:
        self.terms, self.sizes, self.price, self.meter = terms, sizes, price, meter
        # In each level and all before it: the tokens, and the least term, class by class.
        self.tokens = list(accumulate(sizes))
        self.least = list(accumulate(terms, lambda a, b: list(map(min, a, b))))

    def several(self, free: int, level: int, numbers: range) -> int:
        """How many sequences of `free` tokens in levels up to `level` have one of `numbers` in
        it."""
        self.meter.add("levels", 0, len(numbers) * (PYTHON + 6 * free))
        size, rest = self.sizes[level], self.tokens[level - 1]
        return sum(comb(free, k) * size**k * rest ** (free - k) for k in numbers)

    def passing(self, base: list[int], free: int, level: int, atleast: int = 0) -> int:
        """How many sequences of `free` tokens in levels up to `level`, `atleast` of them in it,
        have bounds that with `base` [class] add up to 0 or more in every class."""
        # An addition to come here; then one quotient, or a comparison with the least sum, with what
        # leads to it.
        operations = 5 if level == 1 else 1 if atleast else 4
        self.meter.add("levels", len(base) * operations, self.price)
        term, least, size = self.terms[level], self.least[level], self.sizes[level]
        if level == 1:
            numbers = passing_numbers(base, self.terms[0], term, free, atleast)
            return self.several(free, 1, numbers)
        if not atleast and all(a + free * b >= 0 for a, b in zip(base, least, strict=True)):
            return self.tokens[level] ** free
        before, rest, found = self.least[level - 1], self.tokens[level - 1], 0
        for k in range(atleast, free + 1):
            sums = [a + k * b for a, b in zip(base, term, strict=True)]
            more = self.passing(sums, free - k, level - 1)
            if not more and all(map(le, term, before)):
                break  # nor do any with more tokens of this level
            # Where all pass with k tokens of a level that is the greatest, so do all with more.
            if more == rest ** (free - k) and all(map(ge, term, before)):
                return found + self.several(free, level, range(k, free + 1))
            found += comb(free, k) * size**k * more
        return found


def passing_numbers(
    base: list[int], first: list[int], second: list[int], free: int, atleast: int
) -> range:
    """The numbers k from `atleast` to `free` with a + (free - k) * b + k * c >= 0 for a, b, c of
    `base`, `first` and `second` in every class: of `free` tokens, so many are in the second of two
    levels."""
    start, end = atleast, free
    for a, b, c in zip(base, first, second, strict=True):
        none, every = a + free * b, a + free * c  # in between, the sum grows or falls evenly
        if none < 0 and every < 0:
            return range(0)
        if none < 0:
            start = max(start, -(none // (c - b)))
        elif every < 0:
            end = min(end, none // (b - c))
    return range(start, end + 1)


def count_sums(base: Array, box: Sequence[Span], margin: int, at_once: int) -> int:
    """The number of sequences of tokens, one token of a band of each of the positions in `box`, for
    which base plus the bounds of their bands is `margin` or more in every class.

    `base` is [class]. No more than `at_once` sums are formed at a time, unless the last position
    alone has more.
    """
    if prod(len(span.sizes) for span in box) * len(base) > at_once and len(box) > 1:
        found = 0
        for row, tokens in zip(box[0].bounds.T, box[0].sizes, strict=True):
            found += int(tokens) * count_sums(base + row, box[1:], margin, at_once)
        return found
    sums, copies = base[:, None], np.ones(1, dtype=base.dtype)
    for bounds, sizes in box:
        sums = (sums[:, :, None] + bounds[:, None, :]).reshape(len(base), -1)
        copies = (copies[:, None] * sizes).ravel()
    return int(copies[(sums >= margin).all(axis=0)].sum())
