"""Groups of one query: some outputs decided by bands of tokens, some by single tokens, and the rest by counting.

The margin, scaled by the softmax's denominator, is a sum of terms of one position each, so its least
value over a product of token sets is the sum of the least terms.
"""

from dataclasses import dataclass, replace
from itertools import accumulate
from math import ceil, log2

import numpy as np
import numpy.typing as npt

from certificates.boxes import SCHEMES, BoxSearch, bands_below, runs
from certificates.prover import Prover
from checker.certificate import Check, Group, group_size
from checker.certificate_file import MAX_BITS
from checker.counting import Span, count_sums
from checker.meter import Meter
from checker.numbers.rounding import PRODUCT_LIMIT, shift_down
from checker.rules.enumerate import MAX_SUMS_AT_ONCE, position_bounds
from checker.rules.group_rule import Premises
from checker.rules.margin import units
from checker.rules.registry import group_rule

# When sequences of tokens are counted one by one, by how many units the terms may differ of the tokens in the
# first band, with so many bits as a strategy tries first; with more; and with more than words hold.
NEGLIGIBLE = (2**5, 2**14, 2**14)
# Sequences of bands, times outputs, of one group; and where they are added up as long integers.
MAX_ENUMERATED, MAX_LONG_ENUMERATED = 2**25, 2**19
MAX_SHORT_BITS = 64
# Numbers of tokens in the levels next to the label, when sequences are counted by levels.
NEAR_LEVELS = ((), (2, 1), (2, 1, 1))
# A count that leaves out less than this share of all inputs is good enough.
NEGLIGIBLE_SHARE = 2.0**-22

Integers = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Counted:
    """A group of one query with its checks. `exact`: they certify every input of it that is correct. `in_doubt`:
    more bits might certify more."""

    group: Group
    exact: bool
    in_doubt: bool


class GroupCounts:
    """Counts of single groups of a model under proof."""

    def __init__(self, prover: Prover, search: BoxSearch) -> None:
        self.prover, self.search = prover, search
        self.outputs = prover.model.outputs
        self.single = prover.partition(tuple(range(self.outputs + 1)))

    def counted(self, label: int, query: int) -> Counted:
        """All correct inputs of a group where its sequences of tokens are few enough, and where they are not,
        most of them. Raises `Rejected` where the label's weight may be zero, so that nothing can be proved, and
        `Declined` where it would take more than a whole check may."""
        self.prover.terms.meter = Meter()  # the limit is for proofs, and not for all that is tried
        group = Group(label, query, query, 0, ())
        by_scheme = [self.search.passing(label, query, 1, scheme, label) for scheme in SCHEMES]
        best = max(range(len(SCHEMES)), key=lambda i: int(by_scheme[i][0].sum()))
        stages = [
            (self.prover.partition(self.search.cover(label, by_scheme[best])), bands_below(label, SCHEMES[best])),
            (self.single, bands_below(label, (1,) * label)),
        ]
        checks = []
        undecided = [output for output in range(self.outputs) if output != label]
        for partition, sizes in stages:
            cuts = self.prover.partitions[partition]
            ends = dict(enumerate(zip(cuts, cuts[1:], strict=False)))
            classes = [c for c, (a, b) in ends.items() if any(a <= o < b for o in undecided)]
            levels = (len(sizes),) if sizes else ()
            check = Check("levels", self.prover.bits, 1, partition, tuple(classes), runs(sizes), levels)
            margins = dict(zip(classes, self.prover.worst_margins(group, check, classes), strict=True))
            decided = [c for c, margin in margins.items() if margin > 0]
            if decided:
                margin = min(margins[c] for c in decided)
                checks.append(replace(check, margin=margin, classes=tuple(decided)))
                undecided = [o for o in undecided if not any(ends[c][0] <= o < ends[c][1] for c in decided)]
            if not undecided:
                return Counted(replace(group, checks=tuple(checks)), exact=True, in_doubt=False)
        last = self.one_by_one(group, undecided)
        if last is None:
            by_levels = self._by_levels(group, undecided)
            return Counted(replace(group, checks=(*checks, by_levels)), exact=False, in_doubt=False)
        check, exact = last
        return Counted(replace(group, checks=(*checks, check)), exact, in_doubt=not exact)

    def one_by_one(self, group: Group, outputs: list[int], merge: bool = True) -> tuple[Check, bool] | None:
        """The check that tries every sequence of tokens against `outputs`, with as many bits as it takes, and whether
        it certifies all that are correct. With `merge`, the lowest tokens are one band, if their terms hardly
        differ. None if there are too many sequences."""
        found = None
        for negligible, bits in zip(NEGLIGIBLE, self._bits(group), strict=False):
            every = runs(bands_below(group.label, (1,) * group.label))
            check = Check("enumerate", bits, 1, self.single, tuple(outputs), every)
            if merge:
                check = replace(check, bands=self._merged(group, check, negligible))
            bands = 1 + sum(count for count, _ in check.bands)
            most = MAX_ENUMERATED if bits <= MAX_SHORT_BITS else MAX_LONG_ENUMERATED
            if bands ** (self.prover.model.positions - 1) * len(outputs) > most:
                break
            found = check, self._left_out(group, check) == self._surely_wrong(group, check)
            if found[1]:
                break
        return found

    def _bits(self, group: Group) -> tuple[int, ...]:
        """Those of the prover; of those for small models, more where tokens weigh more than the label."""
        *few, last = self.prover.term_bits
        if last > MAX_SHORT_BITS:
            terms = self.search.tables.label(group.label)
            heaviest = max(float(terms.ratio[group.first_query].max()), float(terms.last_weight[group.first_query]))
            last = min(MAX_BITS, last + ceil(log2(max(1.0, heaviest))))
        return (*few, last)

    def _merged(self, group: Group, check: Check, negligible: int) -> tuple[tuple[int, int], ...]:
        """Bands of single tokens, but for one of the lowest, whose terms differ by `negligible` or less."""
        _, bounds, _ = position_bounds(self._premises(group, check))
        terms = np.concatenate(bounds)[:, : group.label]
        spread = np.maximum.accumulate(terms, axis=1) - np.minimum.accumulate(terms, axis=1)
        near = np.flatnonzero((spread > negligible).any(axis=0))
        far = int(near[0]) if len(near) else group.label
        return runs(bands_below(group.label, (1,) * (group.label - far)))

    def _by_levels(self, group: Group, outputs: list[int]) -> Check:
        """Counting by levels, the last tokens below the label each in one of their own: the first way that
        leaves out few inputs, or else the best."""
        found: list[tuple[int, Check]] = []
        for near in NEAR_LEVELS:
            if sum(near) < group.label or not near:
                sizes = bands_below(group.label - sum(near), SCHEMES[-1])
                levels = (*([len(sizes)] if sizes else []), *(1 for _ in near))
                bands = runs([*sizes, *near])
                way = Check("levels", self.prover.bits, 1, self.single, tuple(outputs), bands, levels)
                found.append((self._left_out(group, way), way))
                if found[-1][0] < NEGLIGIBLE_SHARE * self.prover.model.total:
                    break
        return min(found, key=lambda pair: pair[0])[1]

    def _premises(self, group: Group, check: Check) -> Premises:
        return Premises(self.prover.terms, group, check, list(check.classes or ()))

    def _left_out(self, group: Group, check: Check) -> int:
        """How many inputs of `group` the check leaves out for its classes."""
        return group_rule(check.rule).check(self._premises(group, check)).left_out

    def _surely_wrong(self, group: Group, check: Check) -> int:
        """For how many inputs of `group` an upper bound of the margin against an output of `check` is 0 or less:
        those of the bounds that `enumerate` adds up, at the other end of every enclosure."""
        others, below = self.prover.model.positions - 1, sum(count for count, _ in check.bands)
        base, bounds, sizes = self._upper_bounds(group, check)
        every, lower, label = slice(None), slice(below), slice(below, None)
        boxes = [[every] * others]
        if group.labels:  # by the position at which the label occurs first
            boxes = [[lower] * j + [label] + [every] * (others - j - 1) for j in range(others if below else 1)]
        spans = [[Span(bound[:, part], sizes[part]) for bound, part in zip(bounds, box, strict=True)] for box in boxes]
        return group_size(group, others + 1) - sum(count_sums(base, span, 1, MAX_SUMS_AT_ONCE) for span in spans)

    def _upper_bounds(self, group: Group, check: Check) -> tuple[Integers, list[Integers], Integers]:
        """Upper bounds of the terms of the last position [output]; of every other one [output, band], with the label
        as one more band at the end; and the number of tokens in each band."""
        label, query, bits, outputs = group.label, group.first_query, check.bits, list(check.classes or ())
        others = self.prover.model.positions - 1
        tables = self.prover.terms.tables.fixed(bits)
        gaps = [high[:, [label]].astype(object) - low[:, outputs].astype(object) for low, high in tables]
        # The margin is taken from lower ends, which are those of other outputs here: the label is to lose it.
        margin = self.prover.terms.tables.certificate.margin
        gaps[0] -= units(margin, bits) + shift_down(margin[0], margin[1] + bits)
        cuts = [0, *accumulate(width for count, width in check.bands for _ in range(count))]
        tokens = [*range(cuts[-1]), label]
        terms = []
        for j, at in enumerate([*[tokens] * others, [query]]):
            gap = gaps[0][query] + gaps[1][at] + gaps[2][j]
            low, high = self._weights(label, query, at, j, bits)
            terms.append(-(-np.where(gap > 0, high, low) * gap >> bits))
        most = sum(int(abs(term).max()) for term in terms)
        words = np.int64 if most < PRODUCT_LIMIT and group_size(group, others + 1) < PRODUCT_LIMIT else object
        bounds = [np.maximum.reduceat(term, cuts, axis=0).T.astype(words) for term in terms[:-1]]
        return terms[-1][0].astype(words), bounds, np.diff([*cuts, cuts[-1] + 1]).astype(words)

    def _weights(
        self, label: int, query: int, tokens: list[int], position: int, bits: int
    ) -> tuple[Integers, Integers]:
        """Lower and upper bounds of the weights of `tokens` at `position`, as columns (`checker.models.terms`)."""
        (token_low, token_high), (low, high) = self.prover.terms.tables.weights
        least = token_low[query][label] * max(low[query][:-1])
        most = token_high[query][label] * max(high[query][:-1])
        below, above = low[query][position] << bits, high[query][position] << bits
        lower = [[token_low[query][t] * below // most] for t in tokens]
        upper = [[-(-token_high[query][t] * above // least)] for t in tokens]
        return np.array(lower, dtype=object), np.array(upper, dtype=object)
