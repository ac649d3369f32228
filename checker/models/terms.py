"""Bounds of the terms of the scaled margin, in the fixed point of a check.

Fix a query q and a label m. With w_j(t) the attention weight of token t at position j, divided by
w(m) times the largest position factor of positions 1 .. n-1, the scaled margin of the input
(t_1, ..., t_(n-1), q) against an output o is a sum of terms of one position each,

    sum_j w_j(t_j) * (D(o) + V(t_j, o) + P(j, o)),

where D, V, P are EU, OV and OV positions at m minus at o. The input is correct when it is positive
for every o other than m (`docs/semantics.md`).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from checker.errors import Rejected
from checker.meter import PYTHON, WORD_BITS, Meter, product_price, words
from checker.models.attention_only import MAX_VOCABULARY
from checker.models.tables import Fixed, Tables
from checker.numbers.rounding import PRODUCT_LIMIT, Array, Ends, bound

# What it takes to remember a class of outputs.
SPAN_BITS = 512

if TYPE_CHECKING:
    from checker.rules.weigh import Weighing

Cuts = tuple[int, ...]


class Gaps(NamedTuple):
    """Lower bounds for one label and some classes of outputs, the label left out; queries and
    tokens up to the label."""

    direct: Array  # D [query, class]
    tokens: Array  # V [token, class]
    positions: Array  # P [position, class]


def class_gaps(table: Fixed, rows: int, label: int, cuts: Cuts) -> Array:
    """For the first `rows` rows, the lower bound at the label minus the largest upper bound of a
    class."""
    lower, upper = table.lower[:rows], table.upper[:rows].copy()
    # A neighbour of the label in its own class, where there is one, stands in for it.
    neighbour = label - 1 if label not in cuts else min(label + 1, cuts[-1] - 1)
    upper[:, label] = upper[:, neighbour]
    return lower[:, [label]] - np.maximum.reduceat(upper, cuts[:-1], axis=1)


def product_down(
    weights: Ends, gap: Array, longest: int, bits: int, rule: str, meter: Meter
) -> Array:
    """floor(weight * gap / 2**bits) for the weight from its lower end, which is 0 or more, to its
    upper end for which this is least. There is one weight for each of the gaps [..., class] of all
    classes, which are sums of six entries of tables, the longest of so many bits. What is long is
    metered under the name of a rule."""
    most, shape = max(map(max, weights)), (*gap.shape[:-1], 1)
    long = most << longest + 3 >= PRODUCT_LIMIT and most * max(1, bound(gap)) >= PRODUCT_LIMIT
    if long:
        sizes = most.bit_length(), bound(gap).bit_length()
        meter.hold(rule, 2 * gap.size, sum(sizes))
        meter.add(rule, 0, gap.size * product_price(*sizes))
    dtype = object if long else np.int64
    lower, upper = (np.array(end, dtype=dtype).reshape(shape) for end in weights)
    return np.where(gap > 0, lower, upper) * gap >> bits


class Terms:
    """Bounds of terms for any group, from the tables of one model; shared results are metered
    once."""

    def __init__(self, tables: Tables, partitions: Sequence[Cuts], meter: Meter) -> None:
        self.tables, self.partitions, self.meter = tables, partitions, meter
        self.weighing: Weighing | None = None
        self._known: dict[object, set[Any]] = {"classes": set(), "queries": set()}
        self._gaps = lru_cache(2)(self._find_gaps)  # few, because these are large
        self._label_factor = lru_cache(MAX_VOCABULARY)(self._find_label_factor)

    def _first_needed(self, kind: object, results: set[Any]) -> set[Any]:
        """Those of the shared intermediate `results` that are needed for the first time: of a
        `kind`, or of the label that is the latest."""
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
        self.meter.hold("gaps", 2 * len(widths), SPAN_BITS, keep=True)
        entries = 2 * self.tables.model.vocabulary + positions
        self.meter.add("gaps", entries * sum(max(0, 2 * width - 3) for width in widths), 0)
        # V and P at the label minus at the class; the least P of positions 1 .. n-1, and its sum
        # with V; the running minima of the sum over the tokens below the label.
        if label not in self._known:  # labels ascend
            self._known = {kind: self._known[kind] for kind in ("classes", "queries")}
        new = len(self._first_needed(label, spans))
        self.meter.add("gaps", new * (3 * label + 2 * positions), len(classes) * PYTHON)
        found, rows = self._gaps(label, bits, cuts), label + 1
        if len(classes) < len(cuts) - 1:
            found = found.take(classes, 1)
        return Gaps(found[:rows], found[rows : 2 * rows], found[2 * rows :])

    def _find_gaps(self, label: int, bits: int, cuts: Cuts) -> Array:
        """The gaps of all classes: D, and below it V and P."""
        tables, rows = self.tables.fixed(bits), label + 1
        longest = self.tables.longest[bits]
        word = 16 + words(longest) if longest > WORD_BITS else 1
        self.meter.add("gaps", 0, 5 * (rows + len(tables.positions.lower)) * cuts[-1] * word)
        parts = zip(tables.direct, tables.tokens, tables.positions, strict=True)
        every = Fixed(*(np.concatenate((d[:rows], v[:rows], p)) for d, v, p in parts))
        return class_gaps(every, len(every.lower), label, cuts)

    def long_gaps(self, rule: str, bits: int, entries: int) -> int:
        """What sums and extrema of so many entries of gaps cost more where these are long
        integers."""
        longest = self.tables.longest[bits]
        self.meter.hold(rule, 2 * entries, longest)
        return entries * (64 + 4 * words(longest)) if longest > WORD_BITS else 0

    def level_weights(
        self, queries: range, label: int, cuts: Sequence[int], bits: int
    ) -> tuple[list[int], int]:
        """Upper bounds of the weights of tokens at all positions 1 .. n-1 for each band between
        `cuts`, and a lower bound of the label's, for which one is an upper bound; for all
        queries."""
        model = self.tables.model
        # The largest and least position factor and their quotient; that of the last position; the
        # running maxima of the tokens' weights.
        new = len(self._first_needed("queries", set(queries)))
        count = new * (2 * model.positions + model.vocabulary - 3)
        longest = words(self.tables.certificate.exponential_bits + bits)
        price = (2 * len(cuts) + 1) * (PYTHON + longest**2) + cuts[-1] * (16 + longest // 2)
        self.meter.add("weights", count, len(queries) * price)
        tokens, positions = self.tables.weights
        own, bands, spans = 1 << bits, [0] * (len(cuts) - 1), list(map(slice, cuts, cuts[1:]))
        for query in queries:
            least, weights = self._label_factor(query, label)[0], tokens.upper[query]
            of_position = min(positions.lower[query][:-1]) << bits
            own = min(own, of_position // max(positions.upper[query][:-1]))
            found = [-(-(max(weights[band]) << bits) // least) for band in spans]
            bands = list(map(max, bands, found))
        return bands, own

    def token_weights(
        self, label: int, query: int, tokens: Iterable[int], position: int, bits: int
    ) -> Ends:
        """Lower and upper bounds of the weights of `tokens` at `position`."""
        parts, positions = self.tables.weights
        _, least, most = self._label_factor(query, label)
        low, high = parts.lower[query], parts.upper[query]
        below, above = positions.lower[query][position], positions.upper[query][position]
        below, above = below << bits, above << bits
        lower = [low[token] * below // most for token in tokens]
        upper = [-(-high[token] * above // least) for token in tokens]
        return Ends(lower, upper)

    def add_weights(self, count: int, bits: int) -> None:
        """Meters so many calls of `token_weights` for a token."""
        # A product of two exponentials, and its quotient by another one.
        long = 2 * words(2 * self.tables.certificate.exponential_bits + bits) ** 2
        self.meter.add("weights", 2 * count * self.tables.ends, 2 * count * (PYTHON + long))

    def _find_label_factor(self, query: int, label: int) -> tuple[int, int, int]:
        """What weights are divided by: the least of the label's; and, times the largest position
        factor, the least and the most. Raises `Rejected` if it may be zero."""
        tokens, positions = self.tables.weights
        least, top = tokens.lower[query][label], max(positions.lower[query][:-1])
        if least <= 0 or top <= 0:
            bits = self.tables.certificate.exponential_bits
            at = f"query {query} label {label} exponential_bits {bits}"
            expected = "expected a positive lower bound of the label's weight, found 0"
            raise Rejected(f"weights: {at}: {expected}")
        most = tokens.upper[query][label] * max(positions.upper[query][:-1])
        return least, least * top, most
