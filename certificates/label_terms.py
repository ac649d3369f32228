"""What a search sees of one label: the kernel's gaps and weights in floating point, by ranges of queries.

Weights are divided by the label's own and by the largest factor of a position before the last, as in
`checker.models.terms`. Up to RATIO_BITS bits they are as they are; a token that is heavier still counts so much.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from certificates.floats import FloatArray, integers_as_floats, logarithms
from certificates.prover import Prover
from checker.models.terms import Cuts, class_gaps

Rows = npt.NDArray[np.intp]

RATIO_BITS = 400.0
# The logarithm of a weight that may be 0: less than any other one.
NO_WEIGHT = -1e6


class LabelTerms:
    """The gaps and weights of one label, for some classes of outputs side by side.

    `eu` [query, class], `ov` [token, class], `positions` [position, class]: gaps, of the label less those of the
    class. `ratio` [query, token]: the upper bound of a token's weight. `label_low` [query]: the least weight of the
    label before the last position, whose largest is 1. `last` [query, class]: the term of the last position.
    `last_weight` [query]: the largest weight there. Queries and tokens are those up to the label.
    """

    def __init__(self, tables: "FloatTables", label: int, partitions: Sequence[Cuts]) -> None:
        self.label, rows = label, (label + 1, label + 1, tables.prover.model.positions)
        gaps = [
            np.concatenate([class_gaps(table, count, label, cuts) for cuts in partitions], axis=1)
            for table, count in zip(tables.fixed, rows, strict=True)
        ]
        self.eu, self.ov, self.positions = integers_as_floats(gaps, tables.prover.bits)
        self.label_low, queries = tables.label_low[: label + 1], np.arange(label + 1)
        low, high = tables.token_low[queries, label], tables.token_high[queries, label]
        self.ratio = _power(_difference(tables.token_high[: label + 1, : label + 1], low[:, None]))
        self.last_weight = _power(_difference(tables.token_high[queries, queries], low) + tables.last_high[: label + 1])
        own_low = _power(tables.token_low[queries, queries] - high + tables.last_low[: label + 1])
        gap = self.eu + self.ov + self.positions[-1]
        self.last = np.where(gap > 0, own_low[:, None], self.last_weight[:, None]) * gap
        self._least_of_first = np.minimum.accumulate(self.ov, axis=0)
        self._least: dict[tuple[int, int], FloatArray] = {}

    def least_ov(self, start: int, end: int) -> FloatArray:
        """The least gap [class] of the tokens from `start` to `end`."""
        if start == 0:
            return self._least_of_first[end - 1]
        if (start, end) not in self._least:
            self._least[start, end] = self.ov[start:end].min(axis=0)
        return self._least[start, end]

    def ranges(self, firsts: Sequence[int], width: int) -> "RangeTerms":
        """Bounds for ranges of `width` queries."""
        return RangeTerms(self, firsts, width)


class RangeTerms:
    """Bounds for every query of a range at once.

    `fixed` and `last` [range, class]: what every gap has in common, and the term of the last position; `ratio`
    [range, token] as in `LabelTerms`; `label_term` [range, class]: the least term of the label at a position before
    the last. `labels` [range, 1]: 1 where an input has the label there at least once, and 0 where the query is the
    label.
    """

    def __init__(self, terms: LabelTerms, firsts: Sequence[int], width: int) -> None:
        rows = np.add.outer(np.asarray(firsts), np.arange(width))
        self.terms = terms
        self.fixed = (terms.eu + terms.positions[:-1].min(axis=0))[rows].min(axis=1)
        self.last = terms.last[rows].min(axis=1)
        self.ratio = terms.ratio[rows].max(axis=1)
        self.labels = np.array([[float(first != terms.label)] for first in firsts])
        gap = self.fixed + terms.ov[terms.label]
        self.label_term = np.where(gap > 0, terms.label_low[rows].min(axis=1)[:, None], 1.0) * gap

    def band_term(self, start: int, end: int, rows: Rows | slice, classes: slice) -> FloatArray:
        """The least term of a token from `start` to `end`, or 0, of some ranges and classes."""
        fixed = self.fixed[rows, classes]
        if start >= end:
            return np.zeros_like(fixed)
        weight = self.ratio[rows, start:end].max(axis=1)
        term = fixed + self.terms.least_ov(start, end)[classes]
        term *= weight[:, None]
        return np.minimum(term, 0.0, out=term)


class FloatTables:
    """The kernel's enclosures of a model under proof, in floating point."""

    def __init__(self, prover: Prover, partitions: Sequence[Cuts]) -> None:
        """For the classes of all `partitions` side by side."""
        tables = prover.terms.tables
        self.prover, bits = prover, tables.certificate.exponential_bits
        self.token_low, self.token_high = (logarithms(rows, bits) for rows in tables.weights[0])
        low, high = (logarithms(rows, bits) for rows in tables.weights[1])
        least, most = low[:, :-1].max(axis=1), high[:, :-1].max(axis=1)
        self.label_low = _power(low[:, :-1].min(axis=1) - most)
        self.last_low, self.last_high = low[:, -1] - most, _difference(high[:, -1], least)
        self.fixed = tables.fixed(prover.bits)
        # Few, because these are large.
        self.label = lru_cache(1)(lambda label: LabelTerms(self, label, partitions))


def _difference(high: FloatArray, low: FloatArray) -> FloatArray:
    """high - low, of logarithms; what is divided by 0 is as large as can be."""
    return high - np.maximum(low, NO_WEIGHT)


def _power(logarithm: FloatArray) -> FloatArray:
    return np.exp2(np.minimum(logarithm, RATIO_BITS))
