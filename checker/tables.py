"""Table rules: enclosures of the three tables that determine a model, and their fixed-point roundings.

With x = W_E + W_pos[-1] for the query (the last position), the tables are

    QK [query, token]   x W_Q W_K^T W_E^T       QK positions [query, position]   x W_Q W_K^T W_pos^T
    OV [token, output]  W_E W_V W_O W_U         OV positions [position, output]  W_pos W_V W_O W_U
    EU [query, output]  x W_U

QK, still to be divided by sqrt(head_width), is the EQKE and EQKP of Gross et al. (arXiv 2406.11779,
section 4), OV is EVOU and PVOU, EU is the direct path.
"""

from dataclasses import dataclass
from functools import cached_property

from flint import fmpz_mat

from checker.arithmetic import (
    Array,
    Exponential,
    integer_array,
    root_down,
    root_up,
    shift_down,
    shift_up,
)
from checker.meter import Meter, product_operations
from checker.model import Dyadic, ExactModel


@dataclass(frozen=True)
class Enclosure:
    """A table known entry by entry: lower <= entry <= upper, as exact numbers."""

    lower: Dyadic
    upper: Dyadic


@dataclass(frozen=True)
class FixedTables:
    """OV [token, output], EU [query, output] and OV positions [position, output], each a pair of
    arrays (lower, upper) of fixed-point integers."""

    ov: tuple[Array, Array]
    eu: tuple[Array, Array]
    positions: tuple[Array, Array]


@dataclass(frozen=True)
class Weights:
    """Enclosures (lower, upper) of the attention weights exp(score), up to one positive factor a query,
    in fixed point of `bits` bits: `tokens[q][t]` for the token's part, `positions[q][j]` for the
    position's part. The weight of token t at position j is the product of both."""

    bits: int
    tokens: tuple[list[list[int]], list[list[int]]]
    positions: tuple[list[list[int]], list[list[int]]]


def multiply(left: Dyadic, right: Dyadic) -> Dyadic:
    """The exact matrix product."""
    return Dyadic(left.integers * right.integers, left.exponent + right.exponent)


def add(left: Dyadic, right: Dyadic) -> Dyadic:
    """The exact sum of two matrices of one shape."""
    exponent = min(left.exponent, right.exponent)
    return Dyadic(
        left.integers * (1 << left.exponent - exponent)
        + right.integers * (1 << right.exponent - exponent),
        exponent,
    )


def transpose(matrix: Dyadic) -> Dyadic:
    """The transpose."""
    return Dyadic(matrix.integers.transpose(), matrix.exponent)


def last_row(matrix: Dyadic, copies: int) -> Dyadic:
    """The last row of `matrix`, `copies` times."""
    width = matrix.integers.ncols()
    row = matrix.integers.entries()[-width:]
    return Dyadic(fmpz_mat(copies, width, row * copies), matrix.exponent)


def check_exact(left: Dyadic, right: Dyadic, rule: str, meter: Meter) -> Enclosure:
    """Rule `exact`: the table left @ right, formed exactly.

    Premises: none. Conclusion: the product is the table. Failure: none.
    Operations: rows * columns * (2 * inner - 1).
    """
    count = product_operations(
        left.integers.nrows(), left.integers.ncols(), right.integers.ncols()
    )
    meter.add(rule, count, count)
    product = multiply(left, right)
    return Enclosure(product, product)


class Tables:
    """The enclosed tables of one model, rounded outward to fixed point on demand."""

    def __init__(
        self, model: ExactModel, score_bits: int, exponential_bits: int, meter: Meter
    ) -> None:
        self.score_bits = score_bits
        self.exponential_bits = exponential_bits
        self.model = model
        self.meter = meter
        self._fixed: dict[int, FixedTables] = {}
        weights = model.weights
        queries = add(weights["W_E"], last_row(weights["W_pos"], model.vocabulary))
        meter.add("embedding", model.vocabulary * model.width, model.vocabulary * model.width)

        def product(left: Dyadic, right: Dyadic) -> Dyadic:
            return check_exact(left, right, "exact", meter).lower

        query = product(queries, weights["W_Q"])
        key = product(weights["W_E"], weights["W_K"])
        value = product(product(weights["W_E"], weights["W_V"]), weights["W_O"])
        self.qk = check_exact(query, transpose(key), "exact", meter)
        self.ov = check_exact(value, weights["W_U"], "exact", meter)
        self.eu = check_exact(queries, weights["W_U"], "exact", meter)
        key = product(weights["W_pos"], weights["W_K"])
        value = product(product(weights["W_pos"], weights["W_V"]), weights["W_O"])
        self.qk_positions = check_exact(query, transpose(key), "exact", meter)
        self.ov_positions = check_exact(value, weights["W_U"], "exact", meter)

    def _rounded(self, enclosure: Enclosure, bits: int) -> tuple[Array, Array]:
        lower, upper = enclosure.lower, enclosure.upper
        shape = (lower.integers.nrows(), lower.integers.ncols())
        self.meter.add("round", 0, 2 * shape[0] * shape[1])
        return (
            integer_array(
                [shift_down(int(k), lower.exponent + bits) for k in lower.integers.entries()], shape
            ),
            integer_array(
                [shift_up(int(k), upper.exponent + bits) for k in upper.integers.entries()], shape
            ),
        )

    def fixed(self, bits: int) -> FixedTables:
        """The tables that enter linearly, rounded outward to `bits` fractional bits."""
        if bits not in self._fixed:
            self._fixed[bits] = FixedTables(
                self._rounded(self.ov, bits),
                self._rounded(self.eu, bits),
                self._rounded(self.ov_positions, bits),
            )
        return self._fixed[bits]

    def _exponentials(self, enclosure: Enclosure) -> tuple[list[list[int]], list[list[int]]]:
        """Enclosures of exp(score - largest upper score of the row)."""
        rows, columns = enclosure.lower.integers.nrows(), enclosure.lower.integers.ncols()
        bits, head_width = self.score_bits, self.model.head_width
        self.meter.add("scores", 0, 2 * rows * columns)
        lower = [
            root_down(int(k), enclosure.lower.exponent + bits, head_width)
            for k in enclosure.lower.integers.entries()
        ]
        upper = [
            root_up(int(k), enclosure.upper.exponent + bits, head_width)
            for k in enclosure.upper.integers.entries()
        ]
        tops = [max(upper[i * columns : (i + 1) * columns]) for i in range(rows)]
        below_lower = [tops[i // columns] - k for i, k in enumerate(lower)]
        below_upper = [tops[i // columns] - k for i, k in enumerate(upper)]
        exponential = Exponential(bits, self.exponential_bits, max(below_lower))
        steps = 2 * len(exponential.factors)
        self.meter.add("exponential", rows * columns, rows * columns * steps)
        low = [exponential.lower(k) for k in below_lower]
        high = [exponential.upper(k) for k in below_upper]
        starts = range(0, rows * columns, columns)
        return [low[i : i + columns] for i in starts], [high[i : i + columns] for i in starts]

    @cached_property
    def weights(self) -> Weights:
        """The attention weights up to one positive factor per query."""
        # In real arithmetic W_Q is divided by sqrt(head_width) once, before any product.
        self.meter.add("scores", self.model.width * self.model.head_width, 0)
        return Weights(
            self.exponential_bits,
            self._exponentials(self.qk),
            self._exponentials(self.qk_positions),
        )
