"""Groups of many queries, bounded by one `levels` check, where sequences are too many to be counted one by one.

The tokens below the label are cut into levels so that those of one level are about equally bad: by what part of the
margin that is left a token takes away. The outputs are cut into classes as coarse as lose little, the same for all
groups of a label, because the gaps of a new partition take long to form.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate, pairwise
from math import factorial, prod

import numpy as np
import numpy.typing as npt

from certificates.boxes import BoxSearch, runs
from certificates.floats import FloatArray
from certificates.label_terms import LabelTerms, RangeTerms
from checker.certificate import Check, Group
from checker.models.terms import Cuts

# How many levels a check has at the most, one of which holds the tokens that are far from the label; and how many there
# are to find classes.
MOST_LEVELS, MANY_LEVELS = 6, 9
# Tokens below the label that may be in other levels than the last.
NEAR_TOKENS = 96
# What share of the margin that is left a band may take away beyond the worst token of its level; and how many tokens
# are looked at first for how long a band can be.
SPARE = 2.0**-8
FEW = 12
# A token that takes away more than this many times the margin is as bad as can be.
WORST = 2.0
# The share of what a group certifies that a class of outputs may lose.
CLASS_PRICE = 2.0**-11
SAMPLED_RANGES, SAMPLED_WIDTH = 8, 8
# How often neighbouring classes are made one.
MERGES = 4
# Numbers of tokens near the label or equal to it beyond which inputs are too few to matter for that; and for how many
# tokens are in each level, by the number of levels.
MAX_NEAR = 3
MAX_NEAR_OF_LEVELS = (0, 19, 19, 9, 6, 5, 4)
# By how many tokens levels are moved at once.
MOVES = (1, -1, 2, -2)


class LevelSearch:
    """Checks by levels for the groups of a model under proof, whose outputs `search` has cut into classes."""

    def __init__(self, search: BoxSearch) -> None:
        self.prover, self.search = search.prover, search
        self.others = self.prover.model.positions - 1
        self._cuts: dict[int, Cuts] = {}
        self._classes = lru_cache(1)(self._find_classes)

    def group(self, label: int, first: int, width: int, levels: int) -> Group | None:
        """The group of `width` queries from `first` on with so many levels; None if fewer do, or no input can be
        certified."""
        terms = self._single(self.search.tables.label(label).ranges([first], width))
        if not terms.hopeful:
            return None
        if label not in self._cuts:
            self._cuts[label] = self._cover(label)
        partition = self.prover.partition(self._cuts[label])
        classes = self._classes(label).ranges([first], width)
        compared = np.array([span != (label, label + 1) for span in pairwise(self._cuts[label])])
        sizes = segments(terms.badness, levels)
        if len(sizes) < levels > 2:
            return None
        bands = terms.bands(moved(classes, compared, sizes, self.others))
        runs_of_bands = runs([size for level in bands for size in level])
        check = Check("levels", self.prover.bits, 1, partition, None, runs_of_bands, tuple(map(len, bands)))
        return Group(label, first, first + width - 1, 0, (check,))

    def _find_classes(self, label: int) -> LabelTerms:
        return LabelTerms(self.search.tables, label, [self._cuts[label]])

    def _single(self, terms: RangeTerms) -> "SingleTerms":
        return SingleTerms(terms, self.prover.model.outputs, self.others)

    def _cover(self, label: int) -> Cuts:
        """Classes of outputs that lose little of what single outputs certify of some ranges of queries."""
        width = max(1, min(SAMPLED_WIDTH, label // SAMPLED_RANGES))
        firsts = {*range(0, label - width + 1, max(1, label // SAMPLED_RANGES)), max(0, label - width)}
        samples = [sample for first in sorted(firsts) if (sample := self._sample(label, first, width))]
        if not samples:
            return (0, self.prover.model.outputs)
        lost = lost_by_classes(self.search.tables.label(label), samples)
        cuts = self._cheapest(label, np.split(lost, self.search.starts[1:-1]))
        for _ in range(MERGES):
            cuts = self._merged(label, cuts, samples)
        return cuts

    def _sample(self, label: int, first: int, width: int) -> "Sample | None":
        terms = self.search.tables.label(label).ranges([first], width)
        single = self._single(terms)
        if not single.hopeful:
            return None
        sizes = segments(single.badness, MANY_LEVELS)
        numbers, shares = likely_numbers(self.others, sizes, int(terms.labels[0, 0]))
        passing = sums(terms, sizes, numbers)[:, : self.prover.model.outputs] > 0
        passing[:, label] = True
        certified = shares * passing.all(axis=1)
        total = float(certified.sum())
        return Sample(first, width, sizes, numbers, certified / total) if total else None

    def _merged(self, label: int, cuts: Cuts, samples: Sequence["Sample"]) -> Cuts:
        """`cuts` without those between two classes that lose little as one."""
        halves = [(0, *cuts[start:-1:2], cuts[-1]) for start in (2, 1)]
        partitions = [tuple(sorted(set(half))) for half in halves]
        terms = LabelTerms(self.search.tables, label, partitions)
        spans = [span for partition in partitions for span in pairwise(partition)]
        lost = dict(zip(spans, lost_by_classes(terms, samples).tolist(), strict=True))
        kept = set(cuts)
        for a, b, c in sorted(zip(cuts, cuts[1:], cuts[2:], strict=False), key=lambda span: lost[span[0], span[2]]):
            # The label by itself is no class to be checked.
            if {a, b, c} <= kept and lost[a, c] <= CLASS_PRICE and (label, label + 1) not in ((a, b), (b, c)):
                kept.remove(b)
        return tuple(sorted(kept))

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


@dataclass(frozen=True)
class Sample:
    """A range of queries with levels of so many tokens, likely numbers of tokens in them [case, level], and which share
    of the inputs that single outputs certify is of each case."""

    first: int
    width: int
    sizes: tuple[int, ...]
    numbers: FloatArray
    certified: FloatArray


def lost_by_classes(terms: LabelTerms, samples: Sequence[Sample]) -> FloatArray:
    """What share of the inputs certified by single outputs each class does not certify, on average."""
    lost = [
        sample.certified @ (sums(terms.ranges([sample.first], sample.width), sample.sizes, sample.numbers) <= 0)
        for sample in samples
    ]
    return np.asarray(np.mean(lost, axis=0))


def sums(terms: RangeTerms, sizes: Sequence[int], numbers: FloatArray) -> FloatArray:
    """The least sum of terms [case, class] for `numbers` of tokens in levels of so many tokens [case, level]."""
    return sums_of_levels(terms, token_terms(terms), sizes, numbers)


def token_terms(terms: RangeTerms) -> FloatArray:
    """The least term of each token below the label, or 0, [token, class]."""
    label = terms.terms.label
    return np.minimum(0.0, (terms.fixed[0] + terms.terms.ov[:label]) * terms.ratio[0, :label, None])


def sums_of_levels(terms: RangeTerms, tokens: FloatArray, sizes: Sequence[int], numbers: FloatArray) -> FloatArray:
    """`sums` for `token_terms` that are known."""
    starts = [0, *accumulate(sizes)][:-1]
    level_terms = np.minimum.reduceat(tokens, starts, axis=0) if sizes else tokens
    return np.asarray(terms.last[0] + numbers @ np.vstack([level_terms, terms.label_term]))


def moved(terms: RangeTerms, compared: npt.NDArray[np.bool_], sizes: tuple[int, ...], others: int) -> tuple[int, ...]:
    """`sizes` of levels with tokens moved from level to level, until no move certifies more of the likely inputs
    against the classes that are `compared` [class]."""
    tokens, labels, tried = token_terms(terms), int(terms.labels[0, 0]), dict[tuple[int, ...], float]()

    def certified(sizes: tuple[int, ...]) -> float:
        if sizes not in tried:
            numbers, shares = likely_numbers(others, sizes, labels, MAX_NEAR_OF_LEVELS[len(sizes)])
            passing = (sums_of_levels(terms, tokens, sizes, numbers) > 0) | ~compared
            tried[sizes] = float(shares @ passing.all(axis=1))
        return tried[sizes]

    while True:
        moves = [
            (*sizes[:i], sizes[i] - k, sizes[i + 1] + k, *sizes[i + 2 :])
            for i in range(len(sizes) - 1)
            for k in MOVES
            if sizes[i] > k and sizes[i + 1] > -k
        ]
        best = max(moves, key=certified, default=sizes)
        if certified(best) <= certified(sizes):
            return sizes
        sizes = best


class SingleTerms:
    """The bounds of single tokens and outputs, for the queries of one range.

    `hopeful`: every other output is below the label at least where all tokens are the label. `badness` [token]: what
    share of the margin that is left a token below the label takes away, at the most.
    """

    def __init__(self, terms: RangeTerms, outputs: int, others: int) -> None:
        label = terms.terms.label
        single = np.arange(outputs) != label
        fixed, last = terms.fixed[0, :outputs][single], terms.last[0, :outputs][single]
        label_term, labels = terms.label_term[0, :outputs][single], int(terms.labels[0, 0])
        left, most = last + labels * label_term, last + others * label_term
        self.left = np.where(left > 0, left, most)
        self.hopeful = bool((self.left > 0).all())
        if self.hopeful:
            self.weights = terms.ratio[0, :label]
            self.gaps = np.minimum(0.0, fixed + terms.terms.ov[:label, :outputs][:, single])
            taken = np.minimum(-self.gaps * self.weights[:, None], WORST * self.left)
            self.badness = np.asarray((taken / self.left).max(axis=1, initial=0.0))

    def bands(self, sizes: Sequence[int]) -> list[list[int]]:
        """As few bands as will do for levels of so many tokens, so that none is much worse than the worst token of its
        level: how many tokens are in each."""
        levels, start = [], 0
        for size in sizes:
            weights, gaps = self.weights[start : start + size], self.gaps[start : start + size]
            allowed = (weights[:, None] * gaps).min(axis=0) - SPARE * self.left
            bands, end = [], size
            while end:
                bands.append(self._longest(weights[:end], gaps[:end], allowed))
                end -= bands[-1]
            levels.append(bands[::-1])
            start += size
        return levels

    def _longest(self, weights: FloatArray, gaps: FloatArray, allowed: FloatArray) -> int:
        """How many of the last of some tokens can be a band whose term is not below what is `allowed` [output]."""
        for count in (FEW, len(weights)):
            heaviest = np.maximum.accumulate(weights[-count:][::-1])
            least = np.minimum.accumulate(gaps[-count:][::-1], axis=0)
            too_bad = np.flatnonzero((heaviest[:, None] * least < allowed).any(axis=1))
            if len(too_bad):
                return max(1, int(too_bad[0]))
        return len(weights)


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


def likely_numbers(
    others: int, sizes: Sequence[int], labels: int, most: int = MAX_NEAR
) -> tuple[FloatArray, FloatArray]:
    """How many of `others` tokens are in each level, with the label as one more, in the cases that are likely, which
    have at `most` so many tokens beyond the first level [case, level]; and how many sequences there are of each case,
    as a share of those of `others` tokens up to the label."""
    few, ways = _few_tokens(others, len(sizes), most)
    chosen = few[:, -1] >= labels
    tokens = np.array([*sizes, 1], dtype=float)
    return few[chosen], (ways * np.prod((tokens / tokens.sum()) ** few, axis=1))[chosen]


@cache
def _few_tokens(others: int, levels: int, most: int) -> tuple[FloatArray, FloatArray]:
    """The same for any sizes and labels, and in how many orders the tokens of each case come."""
    cases: list[list[int]] = [[]]
    for _ in range(levels):  # the levels but the first, and the label
        cases = [[*case, k] for case in cases for k in range(min(most, others) - sum(case) + 1)]
    few = np.array([[others - sum(case), *case] for case in cases], dtype=float)
    ways = [factorial(others) / prod(factorial(int(k)) for k in case) for case in few]
    return few, np.array(ways)
