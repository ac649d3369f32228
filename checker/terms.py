"""Bounds of the terms of the scaled margin, in the fixed point of a check.

Fix a query q and a label m. With w_j(t) the attention weight of token t at position j, divided by
w(m) times the largest position factor of positions 1 .. n-1, the scaled margin of the input
(t_1, ..., t_(n-1), q) against an output o is a sum of terms of one position each,

    sum_j w_j(t_j) * (D(o) + V(t_j, o) + P(j, o)),        D, V, P = EU, OV, OV positions at m minus at o,

and the input is correct when it is positive for every o other than m (`docs/semantics.md`).
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from checker.arithmetic import Array, integer_array
from checker.errors import Rejected
from checker.meter import PYTHON, Meter
from checker.tables import Fixed, Tables

Cuts = tuple[int, ...]
# Lower bounds of D [query, class], V [token, class] and P [position, class] for one label and some classes of
# outputs, the label left out; queries and tokens up to the label.
Gaps = tuple[Array, Array, Array]


def class_gaps(table: Fixed, rows: int, label: int, cuts: Cuts) -> Array:
    """For the first `rows` rows, the lower bound at the label minus the largest upper bound of a class."""
    lower, upper = table[0][:rows], table[1][:rows].copy()
    # A neighbour of the label in its own class, where there is one, stands in for it.
    upper[:, label] = upper[:, label - 1 if label not in cuts else min(label + 1, cuts[-1] - 1)]
    return lower[:, [label]] - np.maximum.reduceat(upper, cuts[:-1], axis=1)


class Terms:
    """Bounds of terms for any group, from the tables of one model; shared results are metered once."""

    def __init__(self, tables: Tables, partitions: Sequence[Cuts], meter: Meter) -> None:
        self.tables, self.partitions, self.meter = tables, partitions, meter
        self._known: dict[object, set[Any]] = {}
        self._gaps = lru_cache(2)(self._find_gaps)  # few, because these are large
        self._label_factor = cache(self._find_label_factor)

    def _first_needed(self, kind: object, results: set[Any]) -> set[Any]:
        """Those of the shared intermediate `results` that are needed for the first time."""
        known = self._known.setdefault(kind, set())
        new = results - known
        known |= new
        return new

    def gaps(self, label: int, bits: int, partition: int, classes: list[int]) -> Gaps:
        """The gaps of one label for some `classes` of a partition."""
        cuts, positions = self.partitions[partition], self.tables.model.positions
        spans = {(cuts[c], cuts[c + 1]) for c in classes}
        # The largest entry of the class in each row, and the second for when the label is it.
        widths = [end - start for start, end in self._first_needed("classes", spans)]
        entries = 2 * self.tables.model.vocabulary + positions
        self.meter.add("gaps", entries * sum(max(0, 2 * width - 3) for width in widths), 0)
        # V and P at the label minus at the class; the least P of positions 1 .. n-1, and its sum with V; the
        # running minima of the sum over the tokens below the label.
        self.meter.add("gaps", len(self._first_needed(label, spans)) * (3 * label + 2 * positions), 0)
        eu, ov, of_positions = self._gaps(label, bits, cuts)
        return eu.take(classes, 1), ov.take(classes, 1), of_positions.take(classes, 1)

    def _find_gaps(self, label: int, bits: int, cuts: Cuts) -> Gaps:
        (eu, ov, positions), tokens = self.tables.fixed(bits), label + 1
        word = 16 if object in (eu[0].dtype, ov[0].dtype) else 1
        self.meter.add("gaps", 0, 4 * (tokens + len(positions[0])) * cuts[-1] * word)
        gaps = class_gaps(eu, tokens, label, cuts), class_gaps(ov, tokens, label, cuts)
        return *gaps, class_gaps(positions, len(positions[0]), label, cuts)

    def level_weights(self, query: int, label: int, cuts: Sequence[int], bits: int) -> list[int]:
        """Upper bounds of the weights of tokens at all positions 1 .. n-1, for each band between `cuts`, and
        a lower bound of the label's, for which one is an upper bound."""
        if self._first_needed("queries", {query}):
            # The largest and least position factor and their quotient; that of the last position; the
            # running maxima of the tokens' weights.
            self.meter.add("weights", 2 * self.tables.model.positions + self.tables.model.vocabulary - 3, 0)
        self.meter.add("weights", 0, (2 * len(cuts) + 1) * PYTHON)
        (_, high), (position_low, position_high) = self.tables.weights
        least = self._label_factor(query, label)[0]
        bands = [-(-(max(high[query][a:b]) << bits) // least) for a, b in zip(cuts, cuts[1:], strict=False)]
        return [*bands, (min(position_low[query][:-1]) << bits) // max(position_high[query][:-1])]

    def token_weights(self, label: int, pairs: list[tuple[int, int]], position: int, bits: int) -> Fixed:
        """Lower and upper bounds of the weights at `position`, as columns, for `pairs` of query and token."""
        self.meter.add("weights", 2 * len(pairs) * self.tables.ends, 2 * len(pairs) * PYTHON)
        (token_low, token_high), (low, high) = self.tables.weights
        lower, upper = [], []
        for q, t in pairs:
            _, least, most = self._label_factor(q, label)
            lower.append((token_low[q][t] * low[q][position] << bits) // most)
            upper.append(-(-(token_high[q][t] * high[q][position] << bits) // least))
        return integer_array(lower, (len(pairs), 1)), integer_array(upper, (len(pairs), 1))

    def _find_label_factor(self, query: int, label: int) -> tuple[int, int, int]:
        """What weights are divided by: the least of the label's; and, times the largest position factor, the
        least and the most. Raises `Rejected` if it may be zero."""
        (low, high), (position_low, position_high) = self.tables.weights
        least, top = low[query][label], max(position_low[query][:-1])
        if least <= 0 or top <= 0:
            at = f"query {query} label {label} exponential_bits {self.tables.certificate.exponential_bits}"
            raise Rejected(f"weights: {at}: expected a positive lower bound of the label's weight, found 0")
        return least, least * top, high[query][label] * max(position_high[query][:-1])
