"""Strategy `exact`: decide every group of inputs with one label and one query (or a few), and count one
by one only where, and only for the outputs for which, that is not enough.

The margin, scaled by the softmax's denominator, is a sum of terms of one position each, so its least
value over a product of token sets is the sum of the least terms.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np

from certificates.boxes import SCHEMES, Bools, BoxSearch, bands_below, runs
from certificates.prover import Prover
from checker.certificate import Check, Group
from checker.errors import Rejected
from checker.groups import RULES, position_bounds
from checker.meter import Meter

# When sequences of tokens are counted one by one, by how many units the terms may differ of the tokens in the
# first band.
NEGLIGIBLE, FINE_NEGLIGIBLE = 2**5, 2**14
# More units than what rounding and that band, not of the fine ones, take from a sum of a few terms.
DOUBT = 2**9
MAX_ENUMERATED = 2**25
# Numbers of tokens in the levels next to the label, when sequences are counted by levels.
NEAR_LEVELS = ((), (2, 1), (2, 1, 1))
# A count that leaves out less than this share of all inputs is good enough.
NEGLIGIBLE_SHARE = 2.0**-22


def prove_exact(model_data: bytes) -> bytes:
    """A certificate that counts, up to the precision of its sums, every correct input."""
    return measured_exact(model_data)[0]


def measured_exact(model_data: bytes) -> tuple[bytes, int, int]:
    """The same certificate, the number of inputs that it claims, and its operations."""
    return ExactStrategy(model_data).prove()


class ExactStrategy:
    """The strategy for one model."""

    def __init__(self, model_data: bytes) -> None:
        self.prover = Prover(model_data)
        self.search = BoxSearch(self.prover, whole=True)
        self.outputs = self.prover.model.outputs
        self.single = self.prover.partition(tuple(range(self.outputs + 1)))

    def prove(self) -> tuple[bytes, int, int]:
        """The certificate, the number of inputs that it claims, and its operations."""
        return self.prover.measured_certificate(
            group for label in range(self.prover.model.vocabulary) for group in self._label(label)
        )

    def _label(self, label: int) -> Iterator[Group]:
        by_width = {candidates.width: candidates for candidates in self.search.candidates[label]}
        query = 0
        while query <= label:
            for width in sorted(by_width, reverse=True):
                candidates = by_width[width]
                if query not in candidates.first_queries:
                    continue
                i = candidates.first_queries.index(query)
                decided = candidates.gain[i].ravel() > 0
                if decided.any():
                    cost = np.where(decided, candidates.cost[i].ravel(), np.inf)
                    yield self.search.group(label, candidates, i, int(cost.argmin()))
                    break
            else:
                width, i = 1, by_width[1].first_queries.index(query)
                with suppress(Rejected):  # where the label's weight may be zero, nothing can be proved
                    yield self._undecided(label, query, [level[i] for level in by_width[1].passing])
            query += width

    def _undecided(self, label: int, query: int, passing: list[Bools]) -> Group:
        """A group with some outputs decided by bands, some by single tokens, and the rest by counting."""
        self.prover.terms.meter = Meter()  # the limit is for proofs, and not for all that is tried
        group = Group(label, query, query, 0, ())
        scheme = int(passing[0][:, 0, 0].sum(axis=-1).argmax())
        cuts = self.search.cover(label, [level[scheme, 0, 0] for level in passing])
        stages = [
            (self.prover.partition(cuts), bands_below(label, SCHEMES[scheme])),
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
                break
        else:
            checks.append(self._count(group, undecided))
        return replace(group, checks=tuple(checks))

    def _count(self, group: Group, undecided: list[int]) -> Check:
        """The check that counts the inputs for which the `undecided` outputs stay below the label."""
        check = self._one_by_one(group, undecided, self.prover.bits, NEGLIGIBLE)
        if self._few(check) and self._failing(group, check) > self._failing(group, replace(check, margin=-DOUBT)):
            check = self._one_by_one(group, undecided, self.prover.fine_bits, FINE_NEGLIGIBLE)
        return check if self._few(check) else self._by_levels(group, check)

    def _few(self, check: Check) -> bool:
        """Whether sequences of the bands of `check`, and of the label, are few enough to be tried."""
        bands = 1 + sum(count for count, _ in check.bands)
        return bands ** (self.prover.model.positions - 1) * len(check.classes or ()) <= MAX_ENUMERATED

    def _one_by_one(self, group: Group, undecided: list[int], bits: int, negligible: int) -> Check:
        """Counting by tokens, but for a band of the lowest, whose terms differ by `negligible` or less."""
        label = group.label
        every = runs(bands_below(label, (1,) * label))
        check = Check("enumerate", bits, 1, self.single, tuple(undecided), every)
        _, bounds, _ = position_bounds(self.prover.terms, group, check, undecided)
        terms = np.concatenate(bounds)[:, :label]
        spread = np.maximum.accumulate(terms, axis=1) - np.minimum.accumulate(terms, axis=1)
        near = np.flatnonzero((spread > negligible).any(axis=0))
        far = int(near[0]) if len(near) else label
        return replace(check, bands=runs(bands_below(label, (1,) * (label - far))))

    def _by_levels(self, group: Group, check: Check) -> Check:
        """Counting by levels, the last tokens below the label each in one of their own: the first way that
        leaves out few inputs, or else the best."""
        found: list[tuple[int, Check]] = []
        for near in NEAR_LEVELS:
            if sum(near) < group.label or not near:
                sizes = bands_below(group.label - sum(near), SCHEMES[-1])
                levels = (*([len(sizes)] if sizes else []), *(1 for _ in near))
                bands = runs([*sizes, *near])
                way = replace(check, rule="levels", bits=self.prover.bits, bands=bands, levels=levels)
                found.append((self._failing(group, way), way))
                if found[-1][0] < NEGLIGIBLE_SHARE * self.prover.model.total:
                    break
        return min(found, key=lambda pair: pair[0])[1]

    def _failing(self, group: Group, check: Check) -> int:
        """How many inputs of `group` the check leaves out for its classes."""
        return RULES[check.rule](self.prover.terms, group, check, list(check.classes or ()))
