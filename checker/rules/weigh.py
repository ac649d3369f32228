"""What the inputs of max-of-K weigh that `levels` and `enumerate` certify (rule `distribution`).

Sequences are added up as these rules count them, with the weights of tokens in place of their
numbers.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import comb, prod

import numpy as np

from checker.certificate import Group
from checker.counting import LevelBounds, Span, count_levels, count_sums
from checker.meter import PYTHON, Meter
from checker.models.attention_only import ExactModel
from checker.numbers.rounding import PRODUCT_LIMIT, Array, bound
from checker.rules.distribution import Distribution

SUMS_AT_ONCE = 2**16


class Uncounted(Meter):
    """Prices, under the name of this rule, what is counted already where sequences are; so many
    times, because weights are longer than numbers of sequences."""

    def __init__(self, meter: Meter, times: int) -> None:
        super().__init__()
        self.meter, self.times = meter, times

    def add(self, rule: str, operations: int, machine_operations: int) -> None:
        self.meter.add("distribution", 0, machine_operations * self.times)


class Weighing:
    """Adds up what inputs of a model weigh, label by label and group by group: `total`, of all
    inputs; `certified`, of the certified ones in all groups so far; `left`, of the inputs of the
    present group that no check has left out yet."""

    def __init__(self, distribution: Distribution, model: ExactModel, meter: Meter) -> None:
        """Raises `Declined` unless the distribution is one for the model."""
        distribution.require([model.vocabulary] * model.positions)
        self.distribution, self.meter = distribution, Uncounted(meter, 1 + model.positions // 8)
        self.certified = self.left = 0
        # To find the part of a label, and to multiply the weights of its positions.
        self.price = 4 * PYTHON * (1 + model.positions)
        self.meter.add("distribution", 0, self.price * model.vocabulary)
        self.total = sum(self._of_label(label) for label in range(model.vocabulary))

    def _of_label(self, label: int) -> int:
        """What all inputs of a label weigh: no token is larger, and not all are smaller."""
        sums = self.distribution.of_label(label)
        return prod(row[label + 1] for row in sums) - prod(row[label] for row in sums)

    def start(self, group: Group) -> None:
        """Begin with all inputs of a group."""
        self.group, self.sums = group, self.distribution.of_label(group.label)
        self.meter.add("distribution", 0, self.price)
        *others, last = self.sums
        every, without = (
            prod(row[end] for row in others) for end in (group.label + 1, group.label)
        )
        self.others = every - group.labels * without
        self.queries = last[group.last_query + 1] - last[group.first_query]
        self.left = self.others * self.queries

    def end(self) -> None:
        """What is left of the group is certified."""
        self.certified, self.left = self.certified + max(0, self.left), 0

    def weights(self, sizes: Sequence[int]) -> list[list[int]]:
        """What the tokens of each level or band weigh at each position but the last; these hold so
        many tokens, from token 0 on, but for the last, which is the label."""
        label = self.group.label
        self.meter.add("distribution", 0, PYTHON * len(self.sums) * len(sizes))
        ends = [*accumulate(sizes[:-1], initial=0)]
        spans = [*zip(ends, ends[1:], strict=False), (label, label + 1)]
        return [[row[b] - row[a] for a, b in spans] for row in self.sums[:-1]]

    def leave_out_levels(self, bounds: LevelBounds, margin: int) -> None:
        """Leave out what a check by `levels` does not certify."""
        weights, labels = self.weights(bounds.sizes), self.group.labels
        # Levels without weight hold no sequence that has any.
        some = [i for i in range(len(bounds.sizes)) if any(row[i] for row in weights)]
        passing = 0
        if some and (some[-1] == len(bounds.sizes) - 1 or not labels):
            terms = [bounds.terms[i] for i in some]
            weights = [[row[i] for i in some] for row in weights]
            if all(row == weights[0] for row in weights):
                # Beside a level that has no weight where there is one only.
                alone = len(some) == 1
                found = LevelBounds(bounds.last, terms * (1 + alone), [0] * alone + weights[0])
                passing = count_levels(found, len(weights), labels, margin, self.meter)
            else:
                passing = count_by_position(
                    bounds.last, terms, weights, labels, margin, self.meter
                )
        self.left -= self.queries * (self.others - passing)

    def leave_out_boxes(
        self, last: Array, bands: Sequence[Array], sizes: Sequence[int],
        boxes: Sequence[Sequence[slice]], margin: int,
    ) -> None:
        """Leave out what a check by `enumerate` does not certify, for bands in one of `boxes`."""
        weights = self.weights(sizes)
        most = max(bound(last) + sum(map(bound, bands)), prod(map(sum, weights)))
        word = 1 if most < PRODUCT_LIMIT else 48 + most.bit_length() // 16
        tried = sum(2 * prod(len(sizes[part]) for part in box) for box in boxes)
        self.meter.add("distribution", 0, max(5, len(last)) * tried * word)
        dtype, passing = np.int64 if word == 1 else object, 0
        for box in boxes:
            each = zip(bands, weights, box, strict=True)
            spans = [
                Span(rows.astype(dtype)[:, part], np.array(row[part], dtype))
                for rows, row, part in each
            ]
            passing += count_sums(last.astype(dtype), spans, margin, SUMS_AT_ONCE // word)
        self.left -= self.queries * (self.others - passing)


def count_by_position(
    last: list[int], terms: list[list[int]], weights: Sequence[list[int]], labels: int,
    margin: int, meter: Meter,
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
            for level, one in enumerate(row):
                key = (*numbers[:level], numbers[level] + 1, *numbers[level + 1 :])
                more[key] = more.get(key, 0) + weight * one
        sums = more

    def passes(numbers: tuple[int, ...]) -> bool:
        each = zip(last, *terms, strict=True)
        return all(a + sum(map(int.__mul__, numbers, some)) >= margin for a, *some in each)

    return sum(weight for k, weight in sums.items() if k[-1] >= labels and weight and passes(k))
