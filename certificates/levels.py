"""Groups of many queries, bounded by one `levels` check, where sequences are too many to be counted one by one.

The tokens below the label are cut into levels so that those of one level are about equally bad: by what part of the
margin that is left a token takes away. The outputs are cut into classes as coarse as lose little, the same for all
groups of a label, because the gaps of a new partition take long to form.
"""

from itertools import accumulate, pairwise, product
from math import comb

import numpy as np

from certificates.boxes import BoxSearch, bands_below, runs
from certificates.floats import FloatArray
from certificates.label_terms import RangeTerms
from checker.certificate import Check, Group
from checker.models.terms import Cuts

# How many levels are tried, the last of which holds the tokens that are far from the label.
LEVELS = (2, 3, 5, 9)
# Tokens below the label that may be in other levels than the last.
NEAR_TOKENS = 96
# Tokens in the bands of a level, from the top; one more band holds the rest.
BANDS = (4,)
# A token that takes away more than this many times the margin is as bad as can be.
WORST = 2.0
# The share of what a group certifies that a class of outputs may lose.
CLASS_PRICE = 2.0**-11
SAMPLED_RANGES = 8
COVER_LEVELS = 4
# Numbers of tokens near the label, and of the label, beyond which inputs are too few to matter for that.
MAX_NEAR, MAX_LABELS = 4, 2


class LevelSearch:
    """Checks by levels for the groups of a model under proof, whose outputs `search` has cut into classes."""

    def __init__(self, search: BoxSearch) -> None:
        self.prover, self.search = search.prover, search
        self.others = self.prover.model.positions - 1
        self._cuts: dict[int, Cuts] = {}

    def groups(self, label: int, first: int, width: int) -> list[Group]:
        """The group of `width` queries from `first` on with more and more levels; none if no input can be certified."""
        badness = self._badness(self.search.tables.label(label).ranges([first], width))
        if badness is None:
            return []
        if label not in self._cuts:
            self._cuts[label] = self._cover(label)
        partition = self.prover.partition(self._cuts[label])
        groups = []
        for sizes in dict.fromkeys(segments(badness, levels) for levels in LEVELS):
            bands = [bands_below(size, BANDS) for size in sizes]
            runs_of_bands = runs([size for level in bands for size in level])
            check = Check("levels", self.prover.bits, 1, partition, None, runs_of_bands, tuple(map(len, bands)))
            groups.append(Group(label, first, first + width - 1, 0, (check,)))
        return groups

    def _badness(self, terms: RangeTerms) -> FloatArray | None:
        """What share of the margin that is left each token below the label takes away, at the most; None where some
        output is not below the label even for labels alone."""
        outputs, label = self.prover.model.outputs, terms.terms.label
        single = np.arange(outputs) != label
        fixed, last = terms.fixed[0, :outputs][single], terms.last[0, :outputs][single]
        label_term, labels = terms.label_term[0, :outputs][single], int(terms.labels[0, 0])
        left, most = last + labels * label_term, last + self.others * label_term
        left = np.where(left > 0, left, most)
        if not (left > 0).all():
            return None
        gaps = fixed + terms.terms.ov[:label, :outputs][:, single]
        taken = np.minimum(-np.minimum(gaps, 0.0) * terms.ratio[0, :label, None], WORST * left)
        return np.asarray((taken / left).max(axis=1, initial=0.0))

    def _cover(self, label: int) -> Cuts:
        """Classes of outputs that lose little of what single outputs certify of some ranges of queries."""
        width = max(1, label // SAMPLED_RANGES)
        firsts = range(0, max(1, label - width + 1), width)
        lost = sum((self._lost(label, first, width) for first in firsts), np.zeros(self.search.starts[-1]))
        return self._cheapest(label, np.split(lost / len(firsts), self.search.starts[1:-1]))

    def _lost(self, label: int, first: int, width: int) -> FloatArray:
        """What share of the inputs certified by single outputs each class does not certify."""
        terms = self.search.tables.label(label).ranges([first], width)
        badness = self._badness(terms)
        if badness is None:
            return np.zeros(self.search.starts[-1])
        ends = [0, *accumulate(segments(badness, COVER_LEVELS))]
        level_terms = [
            np.minimum.reduce(
                [
                    terms.band_term(start + a, start + b, slice(None), slice(None))[0]
                    for a, b in pairwise([0, *accumulate(bands_below(end - start, BANDS))])
                ]
            )
            for start, end in pairwise(ends)
        ]
        numbers, shares = likely_numbers(self.others, [b - a for a, b in pairwise(ends)], int(terms.labels[0, 0]))
        passing = terms.last[0] + numbers @ np.array([*level_terms, terms.label_term[0]]) > 0
        passing[:, label] = True
        certified = shares * passing[:, : self.prover.model.outputs].all(axis=1)
        return np.asarray((certified @ ~passing) / max(float(certified.sum()), 2.0**-60))

    def _cheapest(self, label: int, lost: list[FloatArray]) -> Cuts:
        """The cover with the least loss, and price of its classes, by what the classes of each partition lose."""
        cost = np.full(self.prover.model.outputs, CLASS_PRICE)
        cost[label] = 0.0
        whole = [np.ones(len(cost), dtype=bool)]
        for own in lost[1:]:
            cost = np.pad(cost, (0, len(cost) % 2))
            halves = cost[::2] + cost[1::2]
            whole.append(own + CLASS_PRICE <= halves)
            cost = np.minimum(own + CLASS_PRICE, halves)
        return self.search.cover(label, whole)


def segments(badness: FloatArray, levels: int) -> tuple[int, ...]:
    """How many tokens are in each of at most `levels` levels, from the lowest token on, so that `badness` [token]
    rises least when every token is as bad as the worst of its level."""
    label = len(badness)
    if not label:
        return ()
    below, near = badness[::-1], min(label, NEAR_TOKENS)
    # From here on tokens are counted from the label down.
    start, end = np.ogrid[: near + 1, : near + 1]
    worst = np.zeros((near + 1, near + 1))
    worst[:-1, 1:] = np.maximum.accumulate(np.where(end[:, :-1] >= start[:-1], below[:near], 0.0), axis=1)
    cost = np.where(end >= start, (end - start) * worst, np.inf)
    far = np.maximum.accumulate(badness)[::-1]
    rest = (label - np.arange(near + 1)) * np.append(far, 0.0)[: near + 1]
    least, choices = np.where(np.arange(near + 1) == 0, 0.0, np.inf), []
    for _ in range(levels - 1):
        sums = least[:, None] + cost
        choices.append(sums.argmin(axis=0))
        least = sums.min(axis=0)
    cuts = [int((least + rest).argmin())]
    for choice in reversed(choices):
        cuts.append(int(choice[cuts[-1]]))
    return tuple(size for size in (label - cuts[0], *(a - b for a, b in pairwise(cuts))) if size)


def likely_numbers(others: int, sizes: list[int], labels: int) -> tuple[FloatArray, FloatArray]:
    """How many of `others` tokens are in each level, those few at most that are likely, and the label: [case, level];
    and how many sequences there are of each case, as a share of those of `others` tokens up to the label."""
    tokens, numbers, shares = sum(sizes) + 1, [], []
    most = [min(MAX_NEAR, others)] * len(sizes[1:]) + [min(MAX_LABELS, others)]
    for case in product(*(range(k + 1) for k in most)):
        if sum(case) <= min(others, MAX_NEAR + MAX_LABELS) and case[-1] >= labels:
            far, share, left = others - sum(case), 1.0, others
            for size, k in zip((*sizes[1:], 1), case, strict=True):
                share *= comb(left, k) * (size / tokens) ** k
                left -= k
            if sizes or not far:
                numbers.append((far, *case) if sizes else case)
                shares.append(share * ((sizes[0] if sizes else 0) / tokens) ** far)
    return np.array(numbers, dtype=float).reshape(len(numbers), len(sizes) + 1), np.array(shares)
