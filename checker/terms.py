"""Bounds of the terms of the scaled margin, in the fixed point of a check.

Fix a query q and a label m. With w_j(t) the attention weight of token t at position j, divided by
w(m) times the largest position factor of positions 1 .. n-1, the scaled margin of the input
(t_1, ..., t_(n-1), q) against an output o is a sum of terms of one position each,

    sum_j w_j(t_j) * (D(o) + V(t_j, o) + P(j, o)),        D, V, P = EU, OV, OV positions at m minus at o,

and the input is correct when it is positive for every o other than m (`docs/semantics.md`).
"""

from collections.abc import Sequence

import numpy as np

from checker.arithmetic import Array, integer_array
from checker.errors import Rejected
from checker.meter import Meter
from checker.tables import Tables

MAX_GAPS_KEPT = 16

Cuts = tuple[int, ...]
Weights = tuple[Array, Array]


# Lower bounds of D [query, class], V [token, class] and P [position, class] for one label, class by class of
# outputs, the label left out; queries and tokens up to the label. The column of the class {label} is unused.
Gaps = tuple[Array, Array, Array]


def class_gaps(table: tuple[Array, Array], rows: int, label: int, cuts: Cuts) -> Array:
    """For the first `rows` rows, the lower bound at the label minus the largest upper bound of a class."""
    lower, upper = table[0][:rows], table[1][:rows].copy()
    # A neighbour of the label in its own class, where there is one, stands in for it.
    upper[:, label] = upper[:, label - 1 if label not in cuts else min(label + 1, cuts[-1] - 1)]
    return lower[:, [label]] - np.maximum.reduceat(upper, cuts[:-1], axis=1)


class Terms:
    """Bounds of terms for any group, from the tables of one model; shared results are metered once."""

    def __init__(self, tables: Tables, partitions: Sequence[Cuts], meter: Meter) -> None:
        self.tables, self.partitions, self.meter = tables, partitions, meter
        self._gaps: dict[tuple[int, int, int], Gaps] = {}
        self._known: set[tuple[object, ...]] = set()
        self._factors: dict[tuple[int, int], tuple[int, int, int]] = {}

    def first_time(self, *result: object) -> bool:
        """Whether a shared intermediate result is needed for the first time."""
        new = result not in self._known
        self._known.add(result)
        return new

    def gaps(self, label: int, bits: int, partition: int, classes: list[int]) -> Gaps:
        """The gaps of one label, metered for the `classes` that are used."""
        cuts, key = self.partitions[partition], (label, bits, partition)
        tokens, positions = label + 1, self.tables.model.positions
        if key not in self._gaps:
            if len(self._gaps) >= MAX_GAPS_KEPT:
                self._gaps.clear()
            eu, ov, of_positions = self.tables.fixed(bits)
            gaps = class_gaps(eu, tokens, label, cuts), class_gaps(ov, tokens, label, cuts)
            self._gaps[key] = *gaps, class_gaps(of_positions, positions, label, cuts)
        for c in classes:
            width, entries = cuts[c + 1] - cuts[c], 2 * self.tables.model.vocabulary + positions
            if self.first_time("class", cuts[c], width):
                # The largest entry of the class in each row, and the second for when the label is it.
                self.meter.add("gaps", entries * max(0, 2 * width - 3), entries * width)
            if self.first_time("gaps", cuts[c], width, label):
                # V and P at the label minus at the class; the least P of positions 1 .. n-1, and its
                # sum with V; the running minima of the sum over the tokens below the label.
                self.meter.add("gaps", tokens + positions + (positions - 2) + tokens + label)
        return self._gaps[key]

    def label_weight(self, query: int, bits: int) -> int:
        """A lower bound of the label's weight at all positions 1 .. n-1; one is an upper bound."""
        if self.first_time("weights", query):
            # The largest and least position factor and their quotient; that of the last position; the
            # running maxima of the tokens' weights.
            self.meter.add("weights", 2 * self.tables.model.positions + self.tables.model.vocabulary - 3)
        low, high = (side[query][:-1] for side in self.tables.weights[1])
        return (min(low) << bits) // max(high)

    def token_weights(self, label: int, pairs: list[tuple[int, int]], position: int, bits: int) -> Weights:
        """Lower and upper bounds of the weights at `position`, as columns, for `pairs` of query and token."""
        self.meter.add("weights", 2 * len(pairs), 4 * len(pairs))
        (token_low, token_high), (low, high) = self.tables.weights
        lower, upper = [], []
        for q, t in pairs:
            _, least, most = self._label_factor(q, label)
            lower.append((token_low[q][t] * low[q][position] << bits) // most)
            upper.append(-(-(token_high[q][t] * high[q][position] << bits) // least))
        return integer_array(lower, (len(pairs), 1)), integer_array(upper, (len(pairs), 1))

    def band_weights(self, query: int, label: int, cuts: Sequence[int], bits: int) -> list[int]:
        """For each band of tokens, an upper bound of their weights at all positions 1 .. n-1."""
        least, _, _ = self._label_factor(query, label)
        high = self.tables.weights[0][1][query]
        return [-(-(max(high[a:b]) << bits) // least) for a, b in zip(cuts, cuts[1:], strict=False)]

    def _label_factor(self, query: int, label: int) -> tuple[int, int, int]:
        """What weights are divided by: the least of the label's; and, times the largest position factor, the
        least and the most. Raises `Rejected` if it may be zero."""
        if (query, label) not in self._factors:
            (low, high), (position_low, position_high) = self.tables.weights
            least, top = low[query][label], max(position_low[query][:-1])
            if least <= 0 or top <= 0:
                at = f"query {query} label {label} exponential_bits {self.tables.exponential_bits}"
                raise Rejected(f"weights: {at}: expected a positive lower bound of the label's weight, found 0")
            most = high[query][label] * max(position_high[query][:-1])
            self._factors[query, label] = least, least * top, most
        return self._factors[query, label]
