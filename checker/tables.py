"""Table rules: enclosures of the three tables that determine a model, and their fixed-point roundings.

With x = W_E + W_pos[-1] for the query (the last position), each table is the product of a path of
matrices, in the names of the circuits of Gross et al. (arXiv 2406.11779, section 4):

    QK [query, token]   x W_Q W_K^T W_E^T   (EQKE, still to be divided by sqrt(head_width))
    OV [token, output]  W_E W_V W_O W_U     (EVOU)
    EU [query, output]  x W_U               (the direct path)

The tables of the positions, with W_pos in place of W_E (EQKP and PVOU), are small and formed exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import fmpz_mat

from checker.arithmetic import (
    Array,
    Exponential,
    integer_array,
    norm_up,
    root_down,
    root_up,
    shift_down,
    shift_up,
)
from checker.certificate import TABLES, Table
from checker.errors import Rejected
from checker.meter import Meter
from checker.model import Dyadic, ExactModel

NORM_BITS = 48


@dataclass(frozen=True)
class Enclosure:
    """A table known entry by entry: lower <= entry <= upper, as exact numbers."""

    lower: Dyadic
    upper: Dyadic


@dataclass(frozen=True)
class FixedTables:
    """OV [token, output], EU [query, output] and OV of the positions [position, output], each a pair of
    arrays (lower, upper) of fixed-point integers."""

    ov: tuple[Array, Array]
    eu: tuple[Array, Array]
    positions: tuple[Array, Array]


@dataclass(frozen=True)
class Weights:
    """Enclosures (lower, upper) of the attention weights exp(score), up to one positive factor a query,
    in fixed point: `tokens[..][q][t]` for the token's part, `positions[..][q][j]` for the position's
    part. The weight of token t at position j is the product of both."""

    tokens: tuple[list[list[int]], list[list[int]]]
    positions: tuple[list[list[int]], list[list[int]]]


class Matrices:
    """Exact matrix arithmetic, metered under one rule's name."""

    def __init__(self, rule: str, meter: Meter) -> None:
        self.rule = rule
        self.meter = meter

    def count(self, operations: int) -> None:
        self.meter.add(self.rule, operations, operations)

    def product(self, *matrices: Dyadic) -> Dyadic:
        """The product, multiplied in the order of the fewest operations."""
        sizes = [matrices[0].rows, *(matrix.columns for matrix in matrices)]

        def best(first: int, end: int) -> tuple[int, int]:
            """The operations of the product of matrices first .. end-1, and where it is split last."""
            if end - first == 1:
                return 0, first
            return min(
                (
                    best(first, k)[0]
                    + best(k, end)[0]
                    + sizes[first] * sizes[end] * (2 * sizes[k] - 1),
                    k,
                )
                for k in range(first + 1, end)
            )

        operations, split = best(0, len(matrices))
        self.count(operations)
        if len(matrices) == 1:
            return matrices[0]
        unmetered = Matrices(self.rule, Meter())
        left, right = unmetered.product(*matrices[:split]), unmetered.product(*matrices[split:])
        return Dyadic(left.integers * right.integers, left.exponent + right.exponent)

    def sum(self, left: Dyadic, right: Dyadic, sign: int = 1) -> Dyadic:
        """left + sign * right."""
        self.count(left.rows * left.columns)
        exponent = min(left.exponent, right.exponent)
        return Dyadic(
            left.integers * (1 << left.exponent - exponent)
            + right.integers * (sign << right.exponent - exponent),
            exponent,
        )


def transpose(matrix: Dyadic) -> Dyadic:
    """The transpose."""
    return Dyadic(matrix.integers.transpose(), matrix.exponent)


def check_exact(path: Sequence[Dyadic], meter: Meter) -> Enclosure:
    """Rule `exact`: the table is the product of its path, formed exactly.

    Premises: none. Failure: none. Operations: rows * columns * (2 * inner - 1) for each product of two
    matrices, in the order in which they are fewest.
    """
    product = Matrices("exact", meter).product(*path)
    return Enclosure(product, product)


def check_low_rank(name: str, path: Sequence[Dyadic], table: Table, meter: Meter) -> Enclosure:
    """Rule `low_rank`: the table is the product of factors F_1 ... F_k, each the product of some
    neighbours of the path. Hints A_i H_i (of low rank) stand for most of F_i; with the remainders
    R_i = F_i - A_i H_i,

        F_1 ... F_k  =  sum_i R_1 ... R_(i-1) A_i H_i F_(i+1) ... F_k  +  R_1 ... R_k,

    where every product of the sum is thin, and the last one is bounded by Cauchy-Schwarz: its entry
    [a, b] is at most |R_1[a]| s_2 ... s_(k-1) |R_k[:, b]| for operator norms |R_i| <= s_i.

    Premises: hints of the right shapes, of any value; norms that `check_norm` confirms.
    Conclusion: the sum, plus or minus that bound. Failure: a norm that is not confirmed.
    Operations: those of the products, norms and bounds named here.
    """
    matrices = Matrices("low_rank", meter)
    groups, start = [], 0
    for factor in table.factors:
        groups.append(matrices.product(*path[start : start + factor.matrices]))
        start += factor.matrices
    remainders: list[Dyadic] = []
    value = Dyadic(fmpz_mat(path[0].rows, path[-1].columns), 0)
    for i, (factor, whole) in enumerate(zip(table.factors, groups, strict=True)):
        remainder = whole
        if factor.hint is not None:
            left, right = factor.hint
            remainder = matrices.sum(whole, matrices.product(left, right), -1)
            for earlier in reversed(remainders):
                left = matrices.product(earlier, left)
            value = matrices.sum(value, matrices.product(left, matrices.product(right, *groups[i + 1 :])))
        remainders.append(remainder)
        if factor.norm is not None:
            check_norm(f"table {name} factor {i + 1}", remainder, factor.norm, matrices)
    rows = _norms(remainders[0], matrices)
    columns = _norms(transpose(remainders[-1]), matrices)
    scale, exponent = 1, -2 * NORM_BITS
    for factor in table.factors:
        if factor.norm is not None:
            bound = factor.norm[0]
            scale, exponent = scale * int(bound.integers[0, 0]), exponent + bound.exponent
    # The bound, and its sum and difference with the value, are relaxations of the proof itself.
    matrices.count(len(rows) * len(table.factors) + 3 * len(rows) * len(columns))
    radius = Dyadic(
        fmpz_mat(len(rows), 1, [k * scale for k in rows]) * fmpz_mat(1, len(columns), columns), exponent
    )
    unmetered = Matrices("low_rank", Meter())
    return Enclosure(unmetered.sum(value, radius, -1), unmetered.sum(value, radius))


def _norms(matrix: Dyadic, matrices: Matrices) -> list[int]:
    """Upper bounds of the Euclidean norms of the rows, in fixed point of NORM_BITS bits."""
    matrices.count(matrix.rows * 2 * matrix.columns)
    return [
        norm_up(sum(int(k) ** 2 for k in row), matrix.exponent + NORM_BITS)
        for row in matrix.integers.table()
    ]


def check_norm(
    place: str, matrix: Dyadic, norm: tuple[Dyadic, Dyadic], matrices: Matrices
) -> None:
    """The operator norm of `matrix` R is at most the claimed s.

    With the hint C, G = s**2 I - R R^T - C C^T is diagonally dominant, hence positive semidefinite
    (Gershgorin), so that |y R|**2 = y R R^T y^T <= s**2 |y|**2 for every row y.
    """
    bound, root = norm
    size = matrix.rows
    identity = Dyadic(fmpz_mat([[int(i == j) for j in range(size)] for i in range(size)]), 0)
    square = Dyadic(identity.integers * int(bound.integers[0, 0]) ** 2, 2 * bound.exponent)
    unmetered = Matrices(matrices.rule, Meter())
    gram = unmetered.product(matrix, transpose(matrix))
    gram = unmetered.sum(gram, unmetered.product(root, transpose(root)))
    gap = unmetered.sum(square, gram, -1).integers.table()
    # Both products are symmetric: half of their entries, and of the sums, need to be formed.
    half = size * (size + 1) // 2
    matrices.count(half * (2 * matrix.columns - 1 + 2 * root.columns - 1 + 2) + size * size)
    for i, row in enumerate(gap):
        if int(row[i]) < sum(abs(int(k)) for j, k in enumerate(row) if j != i):
            raise Rejected(
                f"{place}: low_rank: expected a norm that its hint confirms, found row {i} of "
                "s**2 I - R R^T - C C^T not diagonally dominant"
            )


class Tables:
    """The enclosed tables of one model, rounded outward to fixed point on demand."""

    def __init__(
        self,
        model: ExactModel,
        tables: Sequence[Table],
        score_bits: int,
        exponential_bits: int,
        meter: Meter,
    ) -> None:
        self.score_bits = score_bits
        self.exponential_bits = exponential_bits
        self.model = model
        self.meter = meter
        self._fixed: dict[int, FixedTables] = {}
        weights = model.weights
        last = weights["W_pos"].integers.table()[-1]
        position = Dyadic(fmpz_mat([last] * model.vocabulary), weights["W_pos"].exponent)
        queries = Matrices("embedding", meter).sum(weights["W_E"], position)
        keys = transpose(weights["W_K"])
        paths = {
            "QK": (queries, weights["W_Q"], keys, transpose(weights["W_E"])),
            "OV": (weights["W_E"], weights["W_V"], weights["W_O"], weights["W_U"]),
            "EU": (queries, weights["W_U"]),
        }
        self.enclosures = {
            name: check_low_rank(name, paths[name], table, meter)
            if table.factors
            else check_exact(paths[name], meter)
            for name, table in zip(TABLES, tables, strict=True)
        }
        exact = Matrices("exact", meter)
        keys = exact.product(weights["W_pos"], weights["W_K"], transpose(weights["W_Q"]))
        product = exact.product(queries, transpose(keys))
        self.enclosures["QK positions"] = Enclosure(product, product)
        product = exact.product(weights["W_pos"], *paths["OV"][1:])
        self.enclosures["OV positions"] = Enclosure(product, product)

    def _rounded(self, name: str, bits: int) -> tuple[Array, Array]:
        lower, upper = self.enclosures[name].lower, self.enclosures[name].upper
        shape = (lower.rows, lower.columns)
        self.meter.add("round", 0, 2 * lower.rows * lower.columns)
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
                self._rounded("OV", bits),
                self._rounded("EU", bits),
                self._rounded("OV positions", bits),
            )
        return self._fixed[bits]

    def _exponentials(self, name: str) -> tuple[list[list[int]], list[list[int]]]:
        """Enclosures of exp(score - largest upper score of the row)."""
        enclosure = self.enclosures[name]
        rows, columns = enclosure.lower.rows, enclosure.lower.columns
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
        count = rows * columns * (1 if enclosure.lower is enclosure.upper else 2)
        self.meter.add("exponential", count, 2 * rows * columns * len(exponential.factors))
        low = [exponential.lower(k) for k in below_lower]
        high = [exponential.upper(k) for k in below_upper]
        starts = range(0, rows * columns, columns)
        return [low[i : i + columns] for i in starts], [high[i : i + columns] for i in starts]

    @cached_property
    def weights(self) -> Weights:
        """The attention weights up to one positive factor per query."""
        # In real arithmetic W_Q is divided by sqrt(head_width) once, before any product.
        self.meter.add("scores", self.model.width * self.model.head_width, 0)
        return Weights(self._exponentials("QK"), self._exponentials("QK positions"))
