"""What the inputs of max-of-K weigh that `levels` and `enumerate` certify (rule `distribution`).

Sequences are added up as these rules count them, with the weights of tokens in place of their numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import comb, prod

import numpy as np

from checker.arithmetic import PRODUCT_LIMIT, bound
from checker.certificate import Group
from checker.groups import MAX_SUMS_AT_ONCE, Levels, Positions, count_levels, count_sums
from checker.meter import PYTHON, Meter
from checker.rules.distribution import Distribution, Sums


class Uncounted(Meter):
    """Prices, under the name of this rule, what other rules add that is counted already."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self.meter = meter

    def add(self, rule: str, operations: int, machine_operations: int) -> None:
        self.meter.add("distribution", 0, machine_operations)


@dataclass
class Weighing:
    """Adds up what certified inputs weigh, group by group: `certified` in all groups before, and
    `left` in the present one, of the inputs that no check has left out yet."""

    distribution: Distribution
    meter: Meter
    certified: int = 0
    left: int = 0

    def start(self, group: Group) -> None:
        """Begin with all inputs of a group."""
        self.group, self.sums = group, self.distribution.of_label(group.label)
        self.meter.add("distribution", 0, 0 if self.sums is None else 4 * PYTHON * len(self.sums))
        if self.sums is not None:
            *others, last = self.sums
            ends = group.label + 1, group.label
            every, without = (prod(row[end] for row in others) for end in ends)
            self.others = every - group.labels * without
            self.queries = last[group.last_query + 1] - last[group.first_query]
            self.left = self.others * self.queries

    def end(self) -> None:
        """What is left of the group is certified."""
        self.certified, self.left = self.certified + max(0, self.left), 0

    def masses(self, sizes: Sequence[int]) -> list[list[int]]:
        """What the tokens of each level or band weigh at each position but the last; these hold so
        many tokens, from token 0 on, but for the last, which is the label."""
        sums, label = self.sums or [], self.group.label
        self.meter.add("distribution", 0, PYTHON * len(sums) * len(sizes))
        ends = [*accumulate(sizes[:-1], initial=0)]
        spans = [*zip(ends, ends[1:], strict=False), (label, label + 1)]
        return [[row[b] - row[a] for a, b in spans] for row in sums[:-1]]

    def levels(self, bounds: Levels, margin: int) -> None:
        """Leave out what a check by levels does not certify, with these bounds of its terms."""
        if self.sums is None:
            return
        (last, terms, sizes), labels = bounds, self.group.labels
        weights, meter = self.masses(sizes), Uncounted(self.meter)
        # Levels without weight hold no sequence that has any.
        some = [i for i in range(len(sizes)) if any(row[i] for row in weights)]
        passing = 0
        if some and (some[-1] == len(sizes) - 1 or not labels):
            terms, weights = [terms[i] for i in some], [[row[i] for i in some] for row in weights]
            if all(row == weights[0] for row in weights):
                # Beside a level that has no weight where there is one only.
                alone = len(some) == 1
                found = last, terms * (1 + alone), [0] * alone + weights[0]
                passing = count_levels(found, len(weights), labels, margin, meter)
            else:
                passing = count_by_position(last, terms, weights, labels, margin, meter)
        self.left -= self.queries * (self.others - passing)

    def boxes(self, bounds: Positions, boxes: list[list[slice]], margin: int) -> None:
        """Leave out what a check by `enumerate` does not certify, with these bounds of its terms, for
        bands in one of `boxes` [box][position]."""
        if self.sums is None:
            return
        base, others, sizes = bounds
        weights = self.masses(sizes)
        most = max(bound(base) + sum(map(bound, others)), prod(map(sum, weights)))
        word = 1 if most < PRODUCT_LIMIT else 48 + most.bit_length() // 16
        tried = sum(2 * prod(len(sizes[part]) for part in box) for box in boxes)
        self.meter.add("distribution", 0, max(5, len(base)) * tried * word)
        dtype, at_once = np.int64 if word == 1 else object, MAX_SUMS_AT_ONCE // word
        base, passing = base.astype(dtype), 0
        for box in boxes:
            each = zip(others, weights, box, strict=True)
            spans = [(row.astype(dtype)[:, part], np.array(w[part], dtype)) for row, w, part in each]
            passing += count_sums(base, spans, margin, at_once)
        self.left -= self.queries * (self.others - passing)


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
    meter.add("distribution", 0, choices * (levels * positions + len(last)) * PYTHON)
    sums = {(0,) * levels: 1}
    for row in weights:
        more: dict[tuple[int, ...], int] = {}
        for numbers, weight in sums.items():
            for level in range(levels):
                key = (*numbers[:level], numbers[level] + 1, *numbers[level + 1 :])
                more[key] = more.get(key, 0) + weight * row[level]
        sums = more

    def passes(numbers: tuple[int, ...]) -> bool:
        each = zip(last, *terms, strict=True)
        return all(a + sum(map(int.__mul__, numbers, bounds)) >= margin for a, *bounds in each)

    return sum(weight for k, weight in sums.items() if k[-1] >= labels and weight and passes(k))
