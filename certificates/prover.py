"""What strategies share: the kernel's own bounds for a candidate check, and the claims they yield."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import ceil, log, sqrt

import numpy as np

from certificates.certificate_file import format_certificate
from certificates.floats import floats
from checker.certificate import MAX_BITS, Certificate, Check, Group, Table
from checker.errors import Rejected
from checker.groups import certified_inputs, level_bounds
from checker.meter import Meter
from checker.model import ExactModel, model_hash, parse_model
from checker.tables import Tables
from checker.terms import Cuts, Terms

# Of the terms of a margin: to decide almost every group, and to decide the others. More where logits are small.
BITS, FINE_BITS = 27, 44
SCORE_BITS = 36
# Of the smallest attention weight; the more, the slower is a check.
WEIGHT_BITS = 44


class Prover:
    """A model under proof: its tables as the kernel encloses them, and the partitions in use."""

    def __init__(self, model_data: bytes, tables: Sequence[Table] = ((), (), ())) -> None:
        self.model: ExactModel = parse_model(model_data)
        self.partitions: list[Cuts] = []
        # What is certain before any group.
        self.unproved = Certificate(
            model_sha256=model_hash(model_data),
            correct=0,
            score_bits=SCORE_BITS,
            exponential_bits=self._exponential_bits(),
            tables=tuple(tables),
            partitions=(),
            groups=(),
        )
        self._table_meter = Meter()
        self._enclosed = Tables(self.model, self.unproved, self._table_meter)
        self.terms = Terms(self._enclosed, self.partitions, Meter())
        finer = self._bits_below_one()
        self.bits, self.fine_bits = min(MAX_BITS, BITS + finer), min(MAX_BITS, FINE_BITS + finer)

    def _bits_below_one(self) -> int:
        """How many binary places after the point come before the first digit of the largest logit."""
        ends = [end for name in ("EU", "OV") for end in self._enclosed.enclosures[name]]
        return max(0, -max(end.bits + end.exponent for end in ends))

    def _exponential_bits(self) -> int:
        """Enough for WEIGHT_BITS of the smallest attention weight."""
        weights = {name: floats(matrix) for name, matrix in self.model.weights.items()}
        query = (weights["W_E"] + weights["W_pos"][-1]) @ weights["W_Q"]
        keys = np.concatenate([weights["W_E"], weights["W_pos"]]) @ weights["W_K"]
        scores = query @ keys.T / sqrt(self.model.head_width)
        spread = float((scores.max(axis=1) - scores.min(axis=1)).max())
        return min(4096, WEIGHT_BITS + ceil(spread / log(2)))

    def partition(self, cuts: Cuts) -> int:
        """The number of the partition `cuts`, which is added if it is new."""
        if cuts not in self.partitions:
            self.partitions.append(cuts)
        return self.partitions.index(cuts)

    def worst_margins(self, group: Group, check: Check, classes: list[int]) -> list[int]:
        """For a `levels` check, class by class, the bound that holds for every input of the group whose
        tokens are all in bands."""
        last, level_terms, _ = level_bounds(self.terms, group, check, classes)
        others = self.model.positions - 1
        each = zip(last, level_terms[-1], map(min, zip(*level_terms, strict=True)), strict=True)
        return [a + group.labels * b + (others - group.labels) * c for a, b, c in each]

    def certificate(self, groups: Iterable[Group]) -> bytes:
        """The certificate file for `groups`, each with the largest count that the kernel will find."""
        return self.measured_certificate(groups)[0]

    def measured_certificate(self, groups: Iterable[Group]) -> tuple[bytes, int, int]:
        """The certificate file for `groups`, the number of inputs it claims and its operations."""
        meter = Meter()
        terms = Terms(self._enclosed, self.partitions, meter)
        claimed = []
        for group in groups:
            with suppress(Rejected):  # where the label's weight may be zero, nothing can be proved
                correct = certified_inputs(terms, group)
                if correct:
                    claimed.append(replace(group, correct=correct))
        total = sum(group.correct for group in claimed)
        partitions, groups = tuple(self.partitions), tuple(claimed)
        certificate = replace(self.unproved, correct=total, partitions=partitions, groups=groups)
        operations = meter.operations + self._table_meter.operations
        return format_certificate(certificate).encode("ascii"), total, operations
