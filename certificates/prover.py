"""What strategies share: the kernel's own bounds for a candidate check, and the claims they yield."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil, log, sqrt

import numpy as np

from checker.certificate import Certificate, Check, Group, format_certificate
from checker.groups import certified_inputs, level_bounds
from checker.meter import Meter
from checker.model import Dyadic, ExactModel, model_hash, parse_model
from checker.tables import Tables
from checker.terms import Cuts, Terms

SCORE_BITS = 48


def floats(matrix: Dyadic) -> np.ndarray:
    """The entries of `matrix` as the nearest float64 (for search only)."""
    shape = (matrix.integers.nrows(), matrix.integers.ncols())
    entries = [int(k) * 2.0**matrix.exponent for k in matrix.integers.entries()]
    return np.array(entries).reshape(shape)


class Prover:
    """A model under proof: its tables as the kernel encloses them, for given partitions of outputs."""

    def __init__(self, model_data: bytes, partitions: Sequence[Cuts]) -> None:
        self.model: ExactModel = parse_model(model_data)
        self.sha256 = model_hash(model_data)
        self.partitions = tuple(partitions)
        self.exponential_bits = self._exponential_bits()
        tables = Tables(self.model, SCORE_BITS, self.exponential_bits, Meter())
        self.terms = Terms(tables, self.partitions, Meter())

    def _exponential_bits(self) -> int:
        """Enough for 64 bits of the smallest attention weight."""
        weights = {name: floats(matrix) for name, matrix in self.model.weights.items()}
        query = (weights["W_E"] + weights["W_pos"][-1]) @ weights["W_Q"]
        keys = np.concatenate([weights["W_E"], weights["W_pos"]]) @ weights["W_K"]
        scores = query @ keys.T / sqrt(self.model.head_width)
        spread = float((scores.max(axis=1) - scores.min(axis=1)).max())
        return min(4096, SCORE_BITS + 64 + ceil(spread / log(2)))

    def worst_margins(self, group: Group, check: Check, classes: list[int]) -> list[int]:
        """For a `levels` check, class by class, the bound that holds for every input of the group whose
        tokens are all in bands."""
        last, label_term, band_terms, _ = level_bounds(self.terms, group, check, classes)
        worst = np.min([*band_terms, label_term], axis=0).tolist()
        others = self.model.positions - 1
        labels = 0 if group.first_query == group.label else 1
        return [
            a + labels * b + (others - labels) * c
            for a, b, c in zip(last, label_term, worst, strict=True)
        ]

    def certificate(self, groups: Iterable[Group]) -> bytes:
        """The certificate file for `groups`, each with the largest count that the kernel will find."""
        claimed = []
        for group in groups:
            correct = certified_inputs(self.terms, group)
            if correct:
                claimed.append(replace(group, correct=correct))
        certificate = Certificate(
            model_sha256=self.sha256,
            correct=sum(group.correct for group in claimed),
            score_bits=SCORE_BITS,
            exponential_bits=self.exponential_bits,
            tables=("exact", "exact", "exact"),
            partitions=self.partitions,
            groups=tuple(claimed),
        )
        return format_certificate(certificate).encode("ascii")
