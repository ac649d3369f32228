"""The tables that determine an attention-only model, enclosed, and rounded to fixed point.

With x = W_E + W_pos[-1] for the query (the last position), each table is the product of a path of
matrices (`PATHS`), in the names of the circuits of Gross et al. (arXiv 2406.11779, section 4):

    QK [query, token]   x W_Q W_K^T W_E^T   (EQKE, still to be divided by sqrt(head_width))
    OV [token, output]  W_E W_V W_O W_U     (EVOU)
    EU [query, output]  x W_U               (the direct path)

The tables of the positions, with W_pos in place of W_E (EQKP and PVOU), are small and formed
exactly.
"""

from functools import cached_property
from typing import NamedTuple

from flint import fmpz_mat

from checker.certificate import TABLES, Certificate, Table
from checker.meter import PYTHON, Meter, long_price, product_price, words
from checker.models.attention_only import PATHS, POSITION_PATHS, QUERIES, ExactModel, path_matrices
from checker.numbers.dyadic import Dyadic
from checker.numbers.matrices import Matrices
from checker.numbers.rounding import Array, Ends, bound, exponential, integer_array, root, shift
from checker.rules.margin import NO_MARGIN, units
from checker.rules.table_rule import Enclosure, TablePremises
from checker.rules.tables import table_rule


class Fixed(NamedTuple):
    """A table known entry by entry, in fixed point, as arrays."""

    lower: Array
    upper: Array


class FixedTables(NamedTuple):
    """The tables of outputs in one fixed point."""

    direct: Fixed  # EU
    tokens: Fixed  # OV
    positions: Fixed  # OV positions


class WeightTable(NamedTuple):
    """Bounds of positive numbers [query][token or position]."""

    lower: list[list[int]]
    upper: list[list[int]]


class Weights(NamedTuple):
    """The parts of attention weights: the weight of a token at a position is the product of both,
    up to one positive factor a query."""

    tokens: WeightTable
    positions: WeightTable


class Tables:
    """The enclosed tables of one model, rounded outward to fixed point on demand.

    `enclosures` holds QK, OV, EU, and QK positions [query, position], OV positions [position,
    output].
    """

    def __init__(self, model: ExactModel, certificate: Certificate, meter: Meter) -> None:
        self.model, self.certificate, self.meter = model, certificate, meter
        self._fixed: dict[int, FixedTables] = {}
        self.longest: dict[int, int] = {}  # the bits of the longest entry of tables of `bits` bits
        tokens, positions = model.weights["W_E"], model.weights["W_pos"]
        rows = [positions.integers.table()[-1]] * model.vocabulary
        last = Dyadic(fmpz_mat(rows), positions.exponent)
        queries = Matrices("embedding", meter).sum(tokens, last)
        self._matrices = {**model.weights, QUERIES: queries}
        self.enclosures: dict[str, Enclosure] = {}
        for name, path in POSITION_PATHS.items():
            self.enclosures[name] = self._enclosed(name, path, ())
        for name, table in zip(TABLES, certificate.tables, strict=True):
            self.enclosures[name] = self._enclosed(name, PATHS[name], table)
        # The ends of an attention weight that a verifier in real arithmetic computes, too.
        self.ends = len(self.enclosures["QK"].ends)

    def _enclosed(self, name: str, path: tuple[str, ...], table: Table) -> Enclosure:
        """The table `name`, by the rule that the certificate has chosen."""
        rule, meter = table_rule(table), self.meter
        matrices = path_matrices(self._matrices, path)
        found = rule.check(TablePremises(name, matrices, table, meter))
        meter.release()
        for end in found.ends:
            meter.hold(rule.name, end.rows * end.columns, end.bits, keep=True)
        return found

    def _rounded(self, name: str, bits: int, divisor: int = 0) -> Fixed:
        """The table `name` in fixed point of `bits` bits, its lower and its upper bounds; divided
        by the root of `divisor`, if it is not 0."""
        (lower, upper), before = self.enclosures[name], self.meter.passing
        shape, by = (lower.rows, lower.columns), lower.exponent + bits

        def ends(matrix: Dyadic) -> Ends:
            numbers = list(map(int, matrix.integers.entries()))
            return root(numbers, by, divisor) if divisor else shift(numbers, by)

        size, most = lower.rows * lower.columns, max(lower.bits, upper.bits)
        # Scores, which are divided, are needed for their exponentials only.
        self.meter.hold("round", 2 * size, max(0, most + by), keep=not divisor)
        self.meter.hold("round", 2 * size, most)
        long = words(most + max(0, by))  # a root is that of a square, by division
        price = 2 * PYTHON + 6 * long**2 if divisor else PYTHON + 8 * long
        self.meter.add("round", 0, 2 * size * price)
        low, high = ends(lower)
        if upper is not lower:
            _, high = ends(upper)
        self.meter.release(before)
        return Fixed(integer_array(low, shape), integer_array(high, shape))

    def fixed(self, bits: int) -> FixedTables:
        """The tables of outputs in fixed point of `bits` bits."""
        if bits not in self._fixed:
            names = "EU", "OV", "OV positions"
            direct, *others = (self._rounded(name, bits) for name in names)
            found = FixedTables(self._less_margin(direct, bits), *others)
            self._fixed[bits] = found
            longest = max(bound(end) for table in found for end in table).bit_length()
            # The gaps of two labels are kept while those of a third are formed.
            if longest > max(self.longest.values(), default=-1):
                self.meter.hold("gaps", 3 * sum(low.size for low, _ in found), longest, keep=True)
            self.longest[bits] = longest
        return self._fixed[bits]

    def _less_margin(self, direct: Fixed, bits: int) -> Fixed:
        """EU less the margin of the certificate at its lower end, which is that of labels."""
        margin = self.certificate.margin
        if margin == NO_MARGIN:
            return direct
        size, less = direct.lower.size, units(margin, bits)
        self.meter.add("margin", 0 if self._fixed else size, size * PYTHON)
        lower = [int(k) - less for k in direct.lower.ravel()]
        return Fixed(integer_array(lower, direct.lower.shape), direct.upper)

    def _exponentials(self, name: str, ends: int) -> WeightTable:
        """Enclosures of exp(score - largest upper score of the row), the lower and the upper
        bounds."""
        score_bits, bits = self.certificate.score_bits, self.certificate.exponential_bits
        before = self.meter.passing
        low, high = self._rounded(name, score_bits, self.model.head_width)
        size, most = low.size, max(bound(low), bound(high)).bit_length() + 1
        self.meter.hold("exponential", 4 * size, most)
        below, above = (high.max(axis=1, keepdims=True) - scores for scores in (low, high))
        self.meter.hold("exponential", 2 * size, bits)
        self.meter.hold("exponential", 2 * size, bits, keep=True)
        # One factor for each bit of an argument, up to those that are 0, and one squaring for each.
        factors = min(int(below.max()).bit_length(), score_bits + bits.bit_length() + 1)
        squarings = max(0, bits + 16 - score_bits) + factors
        price = factors * (40 + long_price(words(bits), words(bits))) + 4 * words(most)
        price = 2 * size * price + 4 * squarings * product_price(2 * bits, 2 * bits)
        self.meter.add("exponential", ends * size, price)
        lower = exponential(below, score_bits, bits, upper=False)
        upper = exponential(above, score_bits, bits, upper=True)
        self.meter.release(before)
        return WeightTable(lower, upper)

    @cached_property
    def weights(self) -> Weights:
        """Enclosures of the attention weights exp(score), up to one positive factor a query."""
        # In real arithmetic W_Q is divided by sqrt(head_width) once, before any product.
        self.meter.add("scores", self.model.width * self.model.head_width + 1, 0)
        tokens = self._exponentials("QK", self.ends)
        return Weights(tokens, self._exponentials("QK positions", 1))
