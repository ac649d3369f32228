"""Table rules: enclosures of the three tables that determine a model, and their fixed-point roundings.

With x = W_E + W_pos[-1] for the query (the last position), each table is the product of a path of
matrices, in the names of the circuits of Gross et al. (arXiv 2406.11779, section 4):

    QK [query, token]   x W_Q W_K^T W_E^T   (EQKE, still to be divided by sqrt(head_width))
    OV [token, output]  W_E W_V W_O W_U     (EVOU)
    EU [query, output]  x W_U               (the direct path)

The tables of the positions, with W_pos in place of W_E (EQKP and PVOU), are small and formed exactly.
"""

from collections.abc import Sequence
from functools import cached_property

from flint import fmpz_mat

from checker.arithmetic import Array, Exponential, integer_array, norm_up, root_down, root_up, shift_down, shift_up
from checker.certificate import TABLES, Table
from checker.errors import Declined, Rejected
from checker.meter import Meter
from checker.model import Dyadic, ExactModel

NORM_BITS = 48
MAX_TABLE_BITS = 2**31
MAX_PRECISIONS = 8

Rows = list[list[int]]


# A table known entry by entry, (lower, upper): lower <= entry <= upper, as exact numbers.
Enclosure = tuple[Dyadic, Dyadic]
Fixed = tuple[Array, Array]


class Matrices:
    """Exact matrix arithmetic, metered under one rule's name. Declines matrices of too many bits."""

    def __init__(self, rule: str, meter: Meter) -> None:
        self.rule, self.meter = rule, meter

    def require_room(self, entries: int, bits: int) -> None:
        if entries * bits > MAX_TABLE_BITS:
            raise Declined(f"{self.rule}: a matrix of {entries * bits} bits, limit {MAX_TABLE_BITS}")

    def product(self, *matrices: Dyadic) -> Dyadic:
        """The product, multiplied in the order of the fewest operations."""
        sizes = [matrices[0].rows, *(matrix.columns for matrix in matrices)]

        def best(first: int, end: int) -> tuple[int, int]:
            """The operations of the product of matrices first .. end-1, and where it is split last."""
            splits = range(first + 1, end)
            each = [sizes[first] * sizes[end] * (2 * sizes[k] - 1) for k in splits]
            rest = [best(first, k)[0] + best(k, end)[0] for k in splits]
            return min(zip(map(sum, zip(each, rest, strict=True)), splits, strict=True), default=(0, 0))

        operations, split = best(0, len(matrices))
        self.meter.add(self.rule, operations)
        if len(matrices) == 1:
            return matrices[0]
        unmetered = Matrices(self.rule, Meter())
        left, right = unmetered.product(*matrices[:split]), unmetered.product(*matrices[split:])
        self.require_room(left.rows * right.columns, left.bits + right.bits)
        return Dyadic(left.integers * right.integers, left.exponent + right.exponent)

    def sum(self, left: Dyadic, right: Dyadic, sign: int = 1) -> Dyadic:
        """left + sign * right."""
        entries, exponent = left.rows * left.columns, min(left.exponent, right.exponent)
        self.meter.add(self.rule, entries)
        shifts = left.exponent - exponent, right.exponent - exponent
        self.require_room(entries, left.bits + right.bits + sum(shifts))
        integers = left.integers * (1 << shifts[0]) + right.integers * (sign << shifts[1])
        return Dyadic(integers, exponent)

    def norms(self, matrix: Dyadic) -> list[int]:
        """Upper bounds of the Euclidean norms of the rows, in fixed point of NORM_BITS bits."""
        self.meter.add(self.rule, matrix.rows * 2 * matrix.columns)
        squares = [sum(int(k) ** 2 for k in row) for row in matrix.integers.table()]
        return [norm_up(square, matrix.exponent + NORM_BITS) for square in squares]


def check_exact(path: Sequence[Dyadic], meter: Meter) -> Enclosure:
    """Rule `exact`: the table is the product of its path, formed exactly.

    Premises: none. Failure: none. Operations: rows * columns * (2 * inner - 1) for each product of two
    matrices, in the order in which they are fewest.
    """
    product = Matrices("exact", meter).product(*path)
    return product, product


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
    matrices, start = Matrices("low_rank", meter), 0
    wholes: list[Dyadic] = []
    for factor in table.factors:
        wholes.append(matrices.product(*path[start : start + factor.matrices]))
        start += factor.matrices
    remainders: list[Dyadic] = []
    value, scale = Dyadic(fmpz_mat(path[0].rows, path[-1].columns), 0), Dyadic(fmpz_mat([[1]]), 0)
    for i, (factor, remainder) in enumerate(zip(table.factors, wholes, strict=True)):
        if factor.hint is not None:
            left, right = factor.hint
            remainder = matrices.sum(remainder, matrices.product(left, right), -1)
            for earlier in reversed(remainders):
                left = matrices.product(earlier, left)
            value = matrices.sum(value, matrices.product(left, matrices.product(right, *wholes[i + 1 :])))
        remainders.append(remainder)
        if factor.norm is not None:
            check_norm(f"table {name} factor {i + 1}", remainder, *factor.norm, matrices)
            scale = matrices.product(scale, factor.norm[0])
    rows, columns = matrices.norms(remainders[0]), matrices.norms(remainders[-1].T)
    # The bound, and its difference and sum with the value, are relaxations of the proof itself.
    meter.add("low_rank", len(rows) * (1 + 3 * len(columns)))
    unmetered = Matrices("low_rank", Meter())
    column, row = fmpz_mat(len(rows), 1, rows), fmpz_mat(1, len(columns), columns)
    radius = unmetered.product(Dyadic(column, -NORM_BITS), scale, Dyadic(row, -NORM_BITS))
    return unmetered.sum(value, radius, -1), unmetered.sum(value, radius)


def check_norm(place: str, matrix: Dyadic, bound: Dyadic, root: Dyadic, matrices: Matrices) -> None:
    """The operator norm of `matrix` R is at most the claimed s, the entry of `bound`.

    With the hint C, G = s**2 I - R R^T - C C^T is diagonally dominant, hence positive semidefinite
    (Gershgorin), so that |y R|**2 = y R R^T y^T <= s**2 |y|**2 for every row y. Raises `Rejected`.
    """
    size, unmetered = matrix.rows, Matrices(matrices.rule, Meter())
    # R R^T and C C^T are symmetric: half of their entries, and of the sums, need to be formed.
    half = size * (size + 1) // 2
    matrices.meter.add(matrices.rule, half * 2 * (matrix.columns + root.columns) + size * size)
    square = int(bound.integers[0, 0]) ** 2
    scaled = Dyadic(fmpz_mat([[square * (i == j) for j in range(size)] for i in range(size)]), 2 * bound.exponent)
    for factor in (matrix, root):
        scaled = unmetered.sum(scaled, unmetered.product(factor, factor.T), -1)
    for i, row in enumerate(scaled.integers.table()):
        if 2 * int(row[i]) < sum(abs(int(k)) for k in row) or bound.integers[0, 0] < 0:
            found = f"row {i} of s**2 I - R R^T - C C^T not diagonally dominant"
            raise Rejected(f"{place}: low_rank: expected a norm that its hint confirms, found {found}")


class Tables:
    """The enclosed tables of one model, rounded outward to fixed point on demand.

    `enclosures` holds QK, OV, EU, and QK positions [query, position], OV positions [position, output].
    """

    def __init__(
        self, model: ExactModel, tables: Sequence[Table], score_bits: int, exponential_bits: int, meter: Meter
    ) -> None:
        self.model, self.meter = model, meter
        self.score_bits, self.exponential_bits = score_bits, exponential_bits
        self._fixed: dict[int, tuple[Fixed, Fixed, Fixed]] = {}
        w = model.weights
        last = fmpz_mat([w["W_pos"].integers.table()[-1]] * model.vocabulary)
        queries = Matrices("embedding", meter).sum(w["W_E"], Dyadic(last, w["W_pos"].exponent))
        qk = (queries, w["W_Q"], w["W_K"].T)
        ov = (w["W_V"], w["W_O"], w["W_U"])
        paths = {"QK": (*qk, w["W_E"].T), "OV": (w["W_E"], *ov), "EU": (queries, w["W_U"])}
        self.enclosures = {"QK positions": check_exact((*qk, w["W_pos"].T), meter)}
        self.enclosures["OV positions"] = check_exact((w["W_pos"], *ov), meter)
        for name, table in zip(TABLES, tables, strict=True):
            path = paths[name]
            enclosure = check_low_rank(name, path, table, meter) if table.factors else check_exact(path, meter)
            self.enclosures[name] = enclosure

    def _rounded(self, name: str, bits: int) -> Fixed:
        """The table `name` in fixed point of `bits` bits, its lower and its upper bounds."""
        lower, upper = self.enclosures[name]
        shape = (lower.rows, lower.columns)
        self.meter.add("round", 0, 2 * lower.rows * lower.columns)
        low = [shift_down(int(k), lower.exponent + bits) for k in lower.integers.entries()]
        high = [shift_up(int(k), upper.exponent + bits) for k in upper.integers.entries()]
        return integer_array(low, shape), integer_array(high, shape)

    def fixed(self, bits: int) -> tuple[Fixed, Fixed, Fixed]:
        """The tables EU, OV and OV positions, each a pair of arrays (lower, upper) of `bits` bits."""
        if bits not in self._fixed:
            if len(self._fixed) >= MAX_PRECISIONS:
                raise Declined(f"round: more precisions than max_precisions = {MAX_PRECISIONS}")
            eu, ov = self._rounded("EU", bits), self._rounded("OV", bits)
            self._fixed[bits] = eu, ov, self._rounded("OV positions", bits)
        return self._fixed[bits]

    def _exponentials(self, name: str) -> tuple[Rows, Rows]:
        """Enclosures of exp(score - largest upper score of the row), the lower and the upper bounds."""
        low, high = self.enclosures[name]
        rows, columns, bits, head_width = low.rows, low.columns, self.score_bits, self.model.head_width
        lower = [[root_down(int(k), low.exponent + bits, head_width) for k in row] for row in low.integers.table()]
        upper = [[root_up(int(k), high.exponent + bits, head_width) for k in row] for row in high.integers.table()]
        tops = [max(row) for row in upper]
        most = max(top - min(row) for top, row in zip(tops, lower, strict=True))
        exponential = Exponential(bits, self.exponential_bits, most)
        count, steps = rows * columns, 2 * len(exponential.factors) + 4
        self.meter.add("exponential", count if low is high else 2 * count, count * steps)
        below = [[exponential.lower(top - k) for k in row] for top, row in zip(tops, lower, strict=True)]
        return below, [[exponential.upper(top - k) for k in row] for top, row in zip(tops, upper, strict=True)]

    @cached_property
    def weights(self) -> tuple[tuple[Rows, Rows], tuple[Rows, Rows]]:
        """Enclosures (lower, upper) of the attention weights exp(score), up to one positive factor a query:
        first the token's part [query][token], then the position's part [query][position]. The weight of a
        token at a position is the product of both."""
        # In real arithmetic W_Q is divided by sqrt(head_width) once, before any product.
        self.meter.add("scores", self.model.width * self.model.head_width, 0)
        return self._exponentials("QK"), self._exponentials("QK positions")
