"""Strategy `exact`: decide every group of inputs with one label and one query (or a few), and count one
by one only where, and only for the outputs for which, that is not enough.

Where that would be too long a proof or too long a search, groups are bounded by levels of tokens, with ranges of
queries as narrow as pay, and single groups are counted one by one where that gains enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from certificates.boxes import BoxSearch, best_division, range_starts
from certificates.counting import MAX_ENUMERATED, GroupCounts
from certificates.levels import MOST_LEVELS, LevelSearch
from certificates.progress import part, steps
from certificates.prover import DEEP, NORMAL, Ledger, Option, Precision, Proof, Prover
from certificates.trivial import prove_trivial
from checker.certificate import Group, group_size
from checker.errors import Declined, Rejected
from checker.meter import MAX_OPERATIONS
from checker.rules.margin import NO_MARGIN, Margin

# What a proof may take of what the kernel allows; what it may by an estimate, if every group is to be counted; and the
# machine operations that a search may take.
MOST = MAX_OPERATIONS // 16 * 15
ESTIMATED = MAX_OPERATIONS // 4 * 3
MAX_SEARCH = 2**35
# Entries of the table of attention up to which bounds may be as exact as can be.
MAX_DEEP = 2**12
# Tokens of so small a weight hardly matter, when the time to count a group is estimated; and what it takes by levels.
LIGHT = 2.0**-28
BY_LEVELS = 2**20
# What must be gained, as a share of all inputs, by operations that make up all that a proof may take: less and less,
# until groups would take as many times what they may.
GAINS = tuple(2.0**-k for k in range(0, 16, 2))
ENOUGH = 1.5
# What the check of one group takes at the least, more or less; how many times as much with one level more, from so many
# levels on; and with halves of the queries.
CHEAP = 2.0**-13
FEW_LEVELS, MORE_BY_LEVEL, MORE_BY_HALVES = 3, 5.0, 2.0
# What the check of one group may take at the most, as a part of that.
MOST_OF_ONE = 2**-8
WIDTHS = (1, 2, 4, 8, 16, 32)
# How often groups are chosen anew, at a higher price, where those chosen are too long a proof.
PRICE_STEPS = 60
# Notes on what a proof counts, and what it leaves out.
NOTHING_LEFT_OUT = "every correct input is counted"
PROVABLE_COUNTED = "every correct input is counted that can be within the checker's limit max_exponential_bits"
NOT_ALL_COUNTED = "groups counted by levels of tokens, or in too few bits, may have more correct inputs"
TOO_LITTLE_ATTENTION = "where the label's weight is too small for the checker's limit max_exponential_bits"


@dataclass(frozen=True)
class ExactProof:
    """A proof; whether it is sure to count every correct input, but for those that no proof within the limits of the
    checker can; and if not, whether more bits might find more."""

    proof: Proof
    complete: bool
    in_doubt: bool


def prove_exact(model_data: bytes) -> bytes:
    """A certificate that counts every correct input, or where that takes too much, as many as it can."""
    return exact_proof(model_data).proof.certificate


def exact_proof(model_data: bytes, budget: int | None = None, margin: Margin = NO_MARGIN) -> ExactProof:
    """A proof of the same by more than a margin within a budget of operations, and whether it counts every input that
    is so correct."""
    with part("exact", 0, 0.2):
        strategy = ExactStrategy(model_data, NORMAL, budget, margin)
    with part("exact", 0.2, 0.8):
        found, model = strategy.prove(), strategy.model
    if found.in_doubt and model.vocabulary * max(model.vocabulary, model.positions) <= MAX_DEEP:
        with part("exact", 0.8, 0.9):
            deep = ExactStrategy(model_data, DEEP, budget, margin)
        with part("exact", 0.9, 1):
            found = max(deep.prove(), found, key=lambda one: one.proof.rank)
    return found


class ExactStrategy:
    """The strategy for one model, within a `budget` of operations or, if that is None, what the kernel allows."""

    def __init__(
        self,
        model_data: bytes,
        precision: Precision = NORMAL,
        budget: int | None = None,
        margin: Margin = NO_MARGIN,
    ) -> None:
        self.model_data, self.margin = model_data, margin
        self.prover = Prover(model_data, precision=precision, margin=margin)
        self.model = self.prover.model
        self.budget = MOST if budget is None else min(MOST, budget)
        self.search = BoxSearch(self.prover, whole=True)
        self.counts = GroupCounts(self.prover, self.search)
        self.levels = LevelSearch(self.search)
        self.searched = 0  # machine operations of what has been tried
        self._whole = lru_cache(1)(self._find_whole)  # one, because labels are taken one by one

    def prove(self) -> ExactProof:
        """Every group counted if it can be, and otherwise as much as pays."""
        if self.prover.table_operations[0] > self.budget:
            return ExactProof(prove_trivial(self.model_data, self.margin), complete=False, in_doubt=False)
        if self._estimate() <= ESTIMATED:
            try:
                with part("exact", 0, 0.5):
                    return self._complete()
            except Declined:
                self.searched = 0
        with part("exact", 0.5, 1):
            return ExactProof(self._partial(), complete=False, in_doubt=False)

    # Every group counted

    def _estimate(self) -> int:
        """About how many machine operations it takes to count every group that is not decided at once."""
        others, estimate = self.model.positions - 1, 0
        for label in range(self.model.vocabulary):
            outputs = self.search.undecided_outputs(label)
            heavy = self.search.tables.label(label).ratio[:, : label + 1] > LIGHT
            near = label + 1 - heavy.argmax(axis=1)
            for count, tokens in zip(outputs.tolist(), near.tolist(), strict=True):
                sums = count * (tokens + 1) ** others
                estimate += sums if sums <= MAX_ENUMERATED else BY_LEVELS
        return estimate

    def _complete(self) -> ExactProof:
        """A proof that counts every group. Raises `Declined` if it would be too long, or take too long to find."""
        ledger, complete, in_doubt, unprovable = Ledger(self.prover), True, False, 0
        for label in steps("count", range(self.model.vocabulary)):
            for first, width, whole in self._divided(label):
                if whole and ledger.add(whole, group_size(whole, self.model.positions)) is not None:
                    continue
                for query in range(first, first + width):
                    try:
                        counted = self.counts.counted(label, query)
                    except Rejected:  # the label's weight may be zero
                        unprovable += 1
                        continue
                    self.searched += self.prover.terms.meter.machine_operations
                    ledger.add(counted.group)
                    complete, in_doubt = complete and counted.exact, in_doubt or counted.in_doubt
                    if ledger.exceeds(self.budget) or self.searched > MAX_SEARCH:
                        raise Declined(f"exact: more than {self.budget} operations, or too long a search")
        if ledger.exceeds(self.budget):
            raise Declined(f"exact: more than {self.budget} operations")
        notes = [NOT_ALL_COUNTED if not complete else NOTHING_LEFT_OUT if not unprovable else PROVABLE_COUNTED]
        if unprovable:
            notes.append(f"left out: {unprovable} groups of one label and one query, {TOO_LITTLE_ATTENTION}")
        return ExactProof(ledger.proof(notes), complete, in_doubt)

    def _find_whole(self, label: int) -> dict[tuple[int, int], tuple[float, int]]:
        """Ranges (first query, width) all of whose inputs pass at once: the least cost, and the number of the box."""
        found = {}
        for candidates in self.search.candidates[label]:
            cost = np.where(candidates.gain > 0, candidates.cost, np.inf).reshape(len(candidates.gain), -1)
            for first, row, flat in zip(candidates.first_queries, cost, cost.argmin(axis=1), strict=True):
                if row[flat] < np.inf:
                    found[first, candidates.width] = float(row[flat]), int(flat)
        return found

    def _divided(self, label: int) -> Iterator[tuple[int, int, Group | None]]:
        """Ranges (first query, width) with the group that decides all their inputs at once, and single queries."""
        whole = self._whole(label)
        # As many queries as can be, in the fewest operations.
        scores = {at: at[1] - cost / MAX_OPERATIONS for at, (cost, _) in whole.items()}
        query = 0
        for first, width in [*best_division(label, self.search.widths, scores), (label + 1, 0)]:
            for single in range(query, first):
                yield single, 1, None
            if width:
                yield first, width, self.search.group(label, first, width, whole[first, width][1])
            query = first + width

    # As much as pays

    def _partial(self) -> Proof:
        """The proof that gains most within the budget, of groups bounded in several ways."""
        ranges = [Range(self, label, first, width) for label, first, width in self._widest()]
        for gain in steps("refine", GAINS):
            for one in steps("refine", ranges):
                one.refine(gain)
            found = [list(one.best(0.0)) for one in ranges]
            if sum(self.cost(option) for chosen in found for option in chosen) > ENOUGH or self.searched > MAX_SEARCH:
                break
        price = 0.0
        for _ in range(PRICE_STEPS):
            chosen = sorted(
                (o for one in ranges for o in one.best(price)), key=lambda o: (o.group.label, o.group.first_query)
            )
            if sum(map(self.cost, chosen)) <= 1:
                proof = self._written(chosen)
                if proof is not None:
                    return proof
            price = price * 1.25 or GAINS[-1]
        return prove_trivial(self.model_data, self.margin)

    def _widest(self) -> Iterator[tuple[int, int, int]]:
        """Ranges of queries (label, first query, width), as wide as can be, those of most inputs first."""
        for label in reversed(range(self.model.vocabulary)):
            starts, query = range_starts(label, WIDTHS), 0
            while query <= label:
                width = max(width for width, firsts in starts.items() if query in firsts)
                yield label, query, width
                query += width

    def way(self, label: int, first: int, width: int, levels: int) -> Group | None:
        """The group for a range of queries that has so many levels, or decides all its inputs at once for one; None
        if there is none."""
        if levels > 1:
            return self.levels.group(label, first, width, levels)
        whole = self._whole(label).get((first, width))
        return self.search.group(label, first, width, whole[1]) if whole else None

    def tried(self, group: Group) -> Option | None:
        """What the kernel finds of a group; None if it takes too long."""
        option = self.prover.option(group, int(MOST * MOST_OF_ONE))
        self.searched += self.prover.terms.meter.machine_operations
        return option

    def cost(self, option: Option) -> float:
        """The operations of an option as a part of what groups may take in all."""
        operations, machine_operations = self.prover.table_operations
        counted = option.operations / max(1, self.budget - operations)
        return max(counted, option.machine_operations / max(1, MOST - machine_operations))

    def _written(self, chosen: list[Option]) -> Proof | None:
        """The proof of these groups; None if it is too long."""
        ledger = Ledger(self.prover)
        try:
            for option in chosen:
                ledger.add(option.group)
        except Declined:
            return None
        if ledger.exceeds(self.budget):
            return None
        correct = sum(option.correct for option in chosen)
        left_out = 1 - correct / self.model.total
        return ledger.proof(
            [
                f"counting every group one by one would take more than {self.budget} operations, or too long a search",
                f"{len(chosen)} groups are bounded by levels of tokens, which leave out {left_out:.4%} of all inputs: "
                "those that are wrong, and those that these bounds cannot tell from them",
            ]
        )


class Range:
    """A range of queries of one label, with what has been found for it: groups for all its queries, and for halves."""

    def __init__(self, strategy: ExactStrategy, label: int, first: int, width: int) -> None:
        self.strategy, self.label, self.first, self.width = strategy, label, first, width
        one = group_size(Group(label, first, first, 0, ()), strategy.model.positions)
        self.share, self.certified = width * one / strategy.model.total, 0.0
        self.options: list[Option] = []
        self.halves: list[Range] = []
        self._levels = 0

    @property
    def missing(self) -> float:
        """What the best of its groups, or of those of its halves, leave out, as a share of all inputs."""
        in_halves = [half.missing for half in self.halves]
        return min(self.share - self.certified, sum(in_halves) if in_halves else self.share)

    def refine(self, gain: float) -> None:
        """Look for what gains more than `gain`, a share of all inputs, if that buys all operations there are."""
        while self._levels < MOST_LEVELS and self._pays(gain, MORE_BY_LEVEL if self._levels >= FEW_LEVELS else 1.0):
            self._levels += 1
            group = self.strategy.way(self.label, self.first, self.width, self._levels)
            option = self.strategy.tried(group) if group else None
            if group and option is None:
                self._levels = MOST_LEVELS  # more of them take longer
            elif option and option.correct:
                self.options.append(option)
                self.certified = max(self.certified, option.correct / self.strategy.model.total)
        if self.width > 1 and not self.halves and self._pays(gain, MORE_BY_HALVES):
            starts = (self.first, self.first + self.width // 2)
            self.halves = [Range(self.strategy, self.label, start, self.width // 2) for start in starts]
        for half in self.halves:
            half.refine(gain)

    def _pays(self, gain: float, more: float) -> bool:
        """Whether what is left to find would pay for so many times the operations that the latest option takes."""
        cost = self.strategy.cost(self.options[-1]) if self.options else CHEAP
        return self.missing > gain * more * cost and self.strategy.searched <= MAX_SEARCH

    def best(self, price: float) -> list[Option]:
        """The groups that gain most at a price of all operations there are, as a share of all inputs."""
        return self._best(price)[1]

    def _best(self, price: float) -> tuple[float, list[Option]]:
        halves = [half._best(price) for half in self.halves]
        best = sum(score for score, _ in halves), [option for _, options in halves for option in options]
        for option in self.options:
            score = option.correct / self.strategy.model.total - price * self.strategy.cost(option)
            if score > best[0]:
                best = score, [option]
        return best
