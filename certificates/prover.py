"""What strategies share: the kernel's own bounds for a candidate check, and the claims they yield.

This is public as `compact_proofs.strategy`, with a tutorial in `docs/tutorial_strategy.md`. The rules whose bounds
these are, and their sources, are in `docs/rules.md`; operations are counted as in `docs/operations.md`.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, log, log2

from flint import fmpz_mat

from certificates.certificate_file import format_certificate
from checker.certificate import Certificate, Check, Group, Table
from checker.certificate_file import MAX_BITS, MAX_EXPONENTIAL_BITS, MAX_PARTITIONS
from checker.errors import Declined, Rejected
from checker.groups import certified_inputs
from checker.header import model_hash
from checker.meter import MAX_OPERATIONS, Meter
from checker.models.attention_only import ExactModel, parse_model
from checker.models.tables import Tables
from checker.models.terms import Cuts, Terms
from checker.numbers.dyadic import Dyadic
from checker.numbers.matrices import Matrices
from checker.rules.group_rule import Premises
from checker.rules.levels import level_bounds
from checker.rules.margin import NO_MARGIN, Margin

# Logits from 2**-1 to 2**LARGE_LOGIT take as many bits as a strategy says; larger ones fewer, so that
# 64-bit words hold them.
LARGE_LOGIT = 24


@dataclass(frozen=True)
class Precision:
    """How exact bounds are: bits of scores; of the smallest attention weight, the more, the slower is a check; and
    of the terms of a margin, from those that decide almost every group to those that decide the last ones.

    Terms have more bits than that where logits are small.
    """

    score_bits: int
    weight_bits: int
    term_bits: tuple[int, ...]


BITS, FINE_BITS = 27, 44
NORMAL = Precision(36, 44, (BITS, FINE_BITS))
# For models that are small enough: margins down to 2**-200 of the label's weight.
DEEP = Precision(256, 288, (BITS, FINE_BITS, 224))


@dataclass(frozen=True)
class Proof:
    """A certificate file, the inputs that it claims, the operations of its check as the kernel counts and as it
    prices them (`checker.meter`), and what there is to say about it, a line each."""

    certificate: bytes
    correct: int
    operations: int
    machine_operations: int
    notes: tuple[str, ...] = ()

    @property
    def rank(self) -> tuple[int, int]:
        """The better the proof, the larger: it claims more, or the same in fewer operations."""
        return self.correct, -self.operations


@dataclass(frozen=True)
class Option:
    """A group with what the kernel finds of it: how many inputs are certified, `correct`, which the group then claims,
    and the operations of its checks alone, as the kernel counts and as it prices them."""

    group: Group
    correct: int
    operations: int
    machine_operations: int


class Prover:
    """A model under proof, of being correct by more than a margin: its tables as the kernel encloses them,
    and the partitions in use.

    `model` has the sizes and the exact weights; `bits` are a good number of bits for the terms of checks, and
    `fine_bits` for those whose margins are too small for it: a bound is an integer times 2**-bits of the scaled margin
    (`docs/semantics.md`).
    """

    def __init__(
        self,
        model_data: bytes,
        tables: Sequence[Table] = ((), (), ()),
        precision: Precision = NORMAL,
        margin: Margin = NO_MARGIN,
    ) -> None:
        """Enclose the tables QK [query, token], OV [token, output] and EU [query, output] of the model in a file's
        bytes, each exactly where `tables` has nothing for it, or by its factors (`certificates.short`).

        Raises `Declined` where the file is no model of max, or the tables would be over a limit of the kernel.
        """
        enclose = enclosed_exactly if not any(tables) else enclosed
        self._enclosed, self._before_weights = enclose(model_data, tuple(tables), precision, margin)
        self.model: ExactModel = self._enclosed.model
        # What is certain before any group.
        self.unproved: Certificate = self._enclosed.certificate
        self.partitions: list[Cuts] = []
        self._numbers: dict[Cuts, int] = {}
        self.terms = Terms(self._enclosed, self.partitions, Meter())
        logits = self._logit_bits()
        finer = -logits if logits < 0 else min(0, LARGE_LOGIT - logits)
        self.term_bits = tuple(min(MAX_BITS, max(1, bits + finer)) for bits in precision.term_bits)
        self.bits, self.fine_bits = self.term_bits[0], self.term_bits[-1]

    def _logit_bits(self) -> int:
        """How many binary places before the point the largest logit has; if it has none, less 0s after it."""
        ends = [end for name in ("EU", "OV", "OV positions") for end in self._enclosed.enclosures[name]]
        return max((end.bits + end.exponent for end in ends if end.bits), default=0)

    def partition(self, cuts: Cuts) -> int:
        """The number of a partition of the outputs, which is added if it is new.

        `cuts` ascend from 0 to the number of outputs: (0, 3, 8) has the classes of outputs 0-2 and 3-7.
        """
        if cuts not in self._numbers:
            self._numbers[cuts] = len(self.partitions)
            self.partitions.append(cuts)
        return self._numbers[cuts]

    @property
    def table_operations(self) -> tuple[int, int]:
        """The operations before any group, as the kernel counts and as it prices them."""
        if self.model.outputs == 1:  # then no output is compared with the label, and no weight needed
            return self._before_weights
        _ = self._enclosed.weights  # metered when they are first needed
        return self._enclosed.meter.operations, self._enclosed.meter.machine_operations

    def worst_margins(self, group: Group, check: Check, classes: list[int]) -> list[int]:
        """For a `levels` check, class by class, the bound that holds for every input of the group whose
        tokens are all in bands, in units of 2**-bits of the scaled margin.

        `classes` are indices into the check's partition. Raises `Rejected` where the label's weight may be zero.
        """
        last, level_terms, _ = level_bounds(Premises(self.terms, group, check, classes))
        others = self.model.positions - 1
        each = zip(last, level_terms[-1], map(min, zip(*level_terms, strict=True)), strict=True)
        return [a + group.labels * b + (others - group.labels) * c for a, b, c in each]

    def option(self, group: Group, most: int = MAX_OPERATIONS) -> Option | None:
        """`group` with the largest claim that the kernel accepts; None if there is none, or if its checks
        take more machine operations than `most`."""
        self.terms.meter = meter = CappedMeter(most)
        try:
            correct = certified_inputs(self.terms, group)
        except (Rejected, Declined):  # where the label's weight may be zero, nothing can be proved
            return None
        return Option(replace(group, correct=correct), correct, meter.operations, meter.machine_operations)

    def proof(self, groups: Iterable[Group]) -> Proof:
        """The certificate for `groups`, each with the largest count that the kernel will find.

        From the first one on that would be over a limit of the kernel, groups are left out; a note says so.
        """
        ledger, notes = Ledger(self), []
        for group in groups:
            try:
                ledger.add(group)
            except Declined as limit:
                notes.append(f"left out from {group} on: {limit}")
                break
        return ledger.proof(notes)


def enclosed(
    model_data: bytes, tables: tuple[Table, ...], precision: Precision, margin: Margin
) -> tuple[Tables, tuple[int, int]]:
    """The tables of a model as the kernel encloses them for a certificate of nothing, and the operations it takes
    before there are attention weights, as it counts and as it prices them."""
    model = parse_model(model_data)
    unproved = Certificate(
        model_sha256=model_hash(model_data),
        correct=0,
        score_bits=precision.score_bits,
        exponential_bits=min(MAX_EXPONENTIAL_BITS, precision.weight_bits + score_spread(model)),
        tables=tables,
        partitions=(),
        groups=(),
        margin=margin,
    )
    found = Tables(model, unproved, Meter())
    return found, (found.meter.operations, found.meter.machine_operations)


# Many strategies start from the same tables, which take long where attention weights differ much.
enclosed_exactly = lru_cache(2)(enclosed)


class CappedMeter(Meter):
    """Declines what takes more machine operations than `most`."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def add(self, rule: str, operations: int, machine_operations: int) -> None:
        super().add(rule, operations, machine_operations)
        if self.machine_operations > self.most:
            raise Declined(f"{rule}: more than {self.most} machine operations")


class Ledger:
    """Groups of a certificate in the making, in ascending order, with what the kernel counts for them."""

    def __init__(self, prover: Prover) -> None:
        self.prover, self._claimed = prover, list[Group]()
        self._numbers: dict[int, int] = {}  # of the partitions in use
        self._start()

    def _start(self) -> None:
        """Count from the beginning."""
        self._meter = Meter()
        self._meter.add("tables", *self.prover.table_operations)
        self._terms = Terms(self.prover.terms.tables, self.prover.partitions, self._meter)
        self._dropped = False

    def add(self, group: Group, least: int = 1) -> int | None:
        """Add `group` with the largest claim that the kernel accepts, if it is `least` or more; the claim.

        Raises `Declined` where it would be over a limit of the kernel; then it is not added.
        """
        numbers = dict(self._numbers)
        for check in group.checks:
            numbers.setdefault(check.partition, len(numbers))
        if len(numbers) > MAX_PARTITIONS:
            raise Declined(f"partitions: more than max_partitions = {MAX_PARTITIONS}")
        dropped, self._dropped = self._dropped, True
        with suppress(Rejected):  # where the label's weight may be zero, nothing can be proved
            correct = certified_inputs(self._terms, group)
            if correct >= least:
                self._dropped, self._numbers = dropped, numbers
                self._claimed.append(replace(group, correct=correct))
                return correct
        return None

    def exceeds(self, operations: int) -> bool:
        """Whether the check of what has been added takes more than so many operations."""
        return self._meter.operations > operations and self._counted().operations > operations

    def _counted(self) -> Meter:
        """What the kernel counts for all groups added, and nothing that others share with them."""
        if self._dropped:
            self._start()
            for group in self._claimed:
                certified_inputs(self._terms, group)
        return self._meter

    def proof(self, notes: Sequence[str] = ()) -> Proof:
        """The certificate for all groups added."""
        meter = self._counted()
        certificate = replace(
            self.prover.unproved,
            correct=sum(group.correct for group in self._claimed),
            partitions=tuple(self.prover.partitions[number] for number in self._numbers),
            groups=tuple(_renumbered(group, self._numbers) for group in self._claimed),
        )
        data = format_certificate(certificate).encode("ascii")
        return Proof(data, certificate.correct, meter.operations, meter.machine_operations, tuple(notes))


def _renumbered(group: Group, numbers: Mapping[int, int]) -> Group:
    """`group` with the partitions of its checks by their new `numbers`."""
    checks = (replace(check, partition=numbers[check.partition]) for check in group.checks)
    return replace(group, checks=tuple(checks))


def queries(model: ExactModel) -> Dyadic:
    """The rows W_E + W_pos[-1] of every query, exactly."""
    position = model.weights["W_pos"]
    last = fmpz_mat([position.integers.table()[-1]] * model.vocabulary)
    return Matrices("embedding", Meter()).sum(model.weights["W_E"], Dyadic(last, position.exponent))


def score_spread(model: ExactModel) -> int:
    """By how many bits attention weights differ, of two tokens or two positions to the same query."""
    weights, spread = model.weights, 0.0
    for keys in (weights["W_E"], weights["W_pos"]):
        table = Matrices("exact", Meter()).product(queries(model), weights["W_Q"], weights["W_K"].T, keys.T)
        widest = max(int(max(row)) - int(min(row)) for row in table.integers.table())
        if widest:
            logarithm = log2(widest) + table.exponent - log2(model.head_width * log(2) ** 2) / 2
            spread = max(spread, 2.0 ** min(logarithm, 16))
    return ceil(spread)
