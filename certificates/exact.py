"""Strategy `exact`: decide every group of inputs with one label and one query (or a few), and count one
by one only where, and only for the outputs for which, that is not enough.

Where that would be too long a proof or too long a search, groups are bounded by levels of tokens, with ranges of
queries as narrow as pay, and single groups are counted one by one where that gains enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from certificates.boxes import BoxSearch, best_division, range_starts
from certificates.counting import MAX_ENUMERATED, GroupCounts
from certificates.levels import LevelSearch
from certificates.prover import DEEP, NORMAL, Ledger, Option, Precision, Proof, Prover
from checker.certificate import Group
from checker.errors import Declined, Rejected
from checker.groups import group_size
from checker.meter import MAX_OPERATIONS

# What a proof may take of what the kernel allows, and the machine operations that a search may take.
MOST = MAX_OPERATIONS // 4 * 3
MAX_SEARCH = 2**35
# Entries of the table of attention up to which bounds may be as exact as can be.
MAX_DEEP = 2**12
# Tokens of so small a weight hardly matter, when the time to count a group is estimated; and what it takes by levels.
LIGHT = 2.0**-28
BY_LEVELS = 2**20
# What the last operations must gain, as a share of all inputs, when a proof takes all that it may.
LAST_GAIN = 2.0**-7
# What the check of one group may take at the most, as a part of that.
MOST_OF_ONE = 2**-8
WIDTHS = (1, 2, 4, 8, 16, 32)
PRICE_STEPS = 40


@dataclass(frozen=True)
class ExactProof:
    """A proof; whether it is sure to count every correct input; and if not, whether more bits might find more."""

    proof: Proof
    complete: bool
    in_doubt: bool


def prove_exact(model_data: bytes) -> bytes:
    """A certificate that counts every correct input, or where that takes too much, as many as it can."""
    return exact_proof(model_data).proof.certificate


def exact_proof(model_data: bytes, budget: int | None = None) -> ExactProof:
    """A proof of the same within a budget of operations, and whether it counts every correct input."""
    strategy = ExactStrategy(model_data, NORMAL, budget)
    found, model = strategy.prove(), strategy.model
    if found.in_doubt and model.vocabulary * max(model.vocabulary, model.positions) <= MAX_DEEP:
        found = max(ExactStrategy(model_data, DEEP, budget).prove(), found, key=lambda one: one.proof.rank)
    return found


class ExactStrategy:
    """The strategy for one model, within a `budget` of operations or, if that is None, what the kernel allows."""

    def __init__(self, model_data: bytes, precision: Precision = NORMAL, budget: int | None = None) -> None:
        self.prover = Prover(model_data, precision=precision)
        self.model = self.prover.model
        self.budget = MOST if budget is None else min(MOST, budget)
        self.search = BoxSearch(self.prover, whole=True)
        self.counts = GroupCounts(self.prover, self.search)
        self.levels = LevelSearch(self.search)
        self.searched = 0  # machine operations of what has been tried

    def prove(self) -> ExactProof:
        """Every group counted if it can be, and otherwise as much as pays."""
        if self._estimate() <= MOST:
            try:
                return self._complete()
            except Declined:
                self.searched = 0
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
        ledger, complete, in_doubt = Ledger(self.prover), True, False
        for label in range(self.model.vocabulary):
            for first, width, whole in self._divided(label):
                if whole and ledger.add(whole, group_size(whole, self.model.positions)) is not None:
                    continue
                for query in range(first, first + width):
                    try:
                        counted = self.counts.counted(label, query)
                    except Rejected:  # where the label's weight may be zero, nothing can be proved
                        complete = False
                        continue
                    self.searched += self.prover.terms.meter.machine_operations
                    ledger.add(counted.group)
                    complete, in_doubt = complete and counted.exact, in_doubt or counted.in_doubt
                    if ledger.meter.operations > self.budget or self.searched > MAX_SEARCH:
                        raise Declined(f"exact: more than {self.budget} operations, or too long a search")
        if ledger.meter.operations > self.budget:
            raise Declined(f"exact: more than {self.budget} operations")
        notes = ["every correct input is counted"] if complete else []
        return ExactProof(ledger.proof(notes), complete, in_doubt)

    def _whole(self, label: int) -> dict[tuple[int, int], tuple[float, int]]:
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
        options: list[dict[tuple[int, int], list[Option]]] = [{} for _ in range(self.model.vocabulary)]
        for label in reversed(range(self.model.vocabulary)):  # those of most inputs first
            whole, found = self._whole(label), options[label]
            starts = range_starts(label, WIDTHS)
            query = 0
            while query <= label:
                width = next(w for w in sorted(starts, reverse=True) if query in starts[w])
                self._refine(label, query, width, whole, found)
                query += width
        price = 0.0
        for _ in range(PRICE_STEPS):
            chosen = [option for label, found in enumerate(options) for option in self._chosen(label, found, price)]
            if sum(map(self._cost, chosen)) <= 1:
                proof = self._written(chosen)
                if proof is not None:
                    return proof
            price = price * 1.5 or LAST_GAIN / 8
        return self.prover.proof([])

    def _refine(
        self,
        label: int,
        first: int,
        width: int,
        whole: dict[tuple[int, int], tuple[float, int]],
        found: dict[tuple[int, int], list[Option]],
    ) -> None:
        """Collect options for a range of queries, and for its halves where they may gain enough."""
        if self.searched > MAX_SEARCH:
            return
        options = found[first, width] = []
        size = width * group_size(Group(label, first, first, 0, ()), self.model.positions)
        missing, cost = 1.0, 0.0
        for group in self._ways(label, first, width, whole):
            option = self.prover.option(group, int(MOST * MOST_OF_ONE))
            self.searched += self.prover.terms.meter.machine_operations
            if option is None:
                break  # others would take longer
            options.append(option)
            missing = (size - max(option.correct for option in options)) / self.model.total
            cost = self._cost(option)
            if missing <= LAST_GAIN * cost:
                return
        if not options or missing <= LAST_GAIN * self._cost(options[0]):
            return
        if width > 1:
            for half in (first, first + width // 2):
                self._refine(label, half, width // 2, whole, found)

    def _ways(
        self, label: int, first: int, width: int, whole: dict[tuple[int, int], tuple[float, int]]
    ) -> Iterator[Group]:
        """Groups for a range of queries, the least work first."""
        if (first, width) in whole:
            yield self.search.group(label, first, width, whole[first, width][1])
        yield from self.levels.groups(label, first, width)

    def _cost(self, option: Option) -> float:
        """The operations of an option as a part of what groups may take in all."""
        operations, machine_operations = self.prover.table_operations
        counted = option.operations / max(1, self.budget - operations)
        return max(counted, option.machine_operations / max(1, MOST - machine_operations))

    def _chosen(self, label: int, found: dict[tuple[int, int], list[Option]], price: float) -> list[Option]:
        """The best division of the queries of a label, at a price of all operations as a share of all inputs."""
        best: dict[tuple[int, int], tuple[float, Option]] = {}
        for at, options in found.items():
            for option in options:
                score = option.correct / self.model.total - price * self._cost(option)
                if score > best.get(at, (0.0, None))[0]:
                    best[at] = score, option
        division = best_division(label, WIDTHS, {at: score for at, (score, _) in best.items()})
        return [best[at][1] for at in division]

    def _written(self, chosen: list[Option]) -> Proof | None:
        """The proof of these groups; None if it is too long."""
        ledger = Ledger(self.prover)
        try:
            for option in chosen:
                ledger.add(option.group)
        except Declined:
            return None
        if ledger.meter.operations > self.budget:
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
