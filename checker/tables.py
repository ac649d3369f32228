"""Table rules: enclosures of the three tables that determine a model, and their fixed-point
roundings.

With x = W_E + W_pos[-1] for the query (the last position), each table is the product of a path of
matrices, in the names of the circuits of Gross et al. (arXiv 2406.11779, section 4):

    QK [query, token]   x W_Q W_K^T W_E^T   (EQKE, still to be divided by sqrt(head_width))
    OV [token, output]  W_E W_V W_O W_U     (EVOU)
    EU [query, output]  x W_U               (the direct path)

The tables of the positions, with W_pos in place of W_E (EQKP and PVOU), are small and formed
exactly.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, reduce
from itertools import accumulate

from flint import fmpz_mat

from checker.arithmetic import Array, Ends, bound, exponential, integer_array, norm_up, root, shift
from checker.certificate import Certificate, Factor
from checker.errors import Rejected
from checker.meter import PYTHON, Meter, long_price, product_price, words
from checker.model import Dyadic, ExactModel
from checker.rules.margin import NO_MARGIN, units

NORM_BITS = 48

# A table known entry by entry, (lower, upper): lower <= entry <= upper, as exact numbers; in fixed
# point, as arrays and as rows.
Enclosure = tuple[Dyadic, Dyadic]
Fixed = tuple[Array, Array]
Rows = list[list[int]]


class Matrices:
    """Exact matrix arithmetic, metered under one rule's name; `counted` if it is that of a verifier
    in real arithmetic. Declines matrices of too many bits."""

    def __init__(self, rule: str, meter: Meter, counted: bool = True) -> None:
        self.rule, self.meter, self.counted = rule, meter, counted

    def product(self, *matrices: Dyadic) -> Dyadic:
        """The product of the chain of `matrices`: of two neighbours, always those that take the
        fewest operations."""
        chain = list(matrices)
        while len(chain) > 1:
            pairs = list(zip(chain, chain[1:], strict=False))
            costs = [a.rows * b.columns * (2 * a.columns - 1) for a, b in pairs]
            i, cost = costs.index(min(costs)), min(costs)
            left, right = pairs[i]
            size, inner = left.rows * right.columns, left.columns
            # FLINT holds both factors and the product a second time, by their residues.
            numbers = 2 * size + inner * (left.rows + right.columns)
            self.meter.hold(self.rule, numbers, left.bits + right.bits + inner.bit_length())
            price = cost * (1 + words(left.bits) * words(right.bits) // 4) + size * PYTHON // 4
            self.meter.add(self.rule, cost * self.counted, price)
            exponent = left.exponent + right.exponent
            chain[i : i + 2] = [Dyadic(left.integers * right.integers, exponent)]
        return chain[0]

    def sum(self, left: Dyadic, right: Dyadic, sign: int = 1) -> Dyadic:
        """left + sign * right."""
        entries, exponent = left.rows * left.columns, min(left.exponent, right.exponent)
        # Both terms are multiplied by powers of two, and then added.
        sizes = [(term.bits, term.exponent - exponent) for term in (left, right)]
        self.meter.hold(self.rule, 3 * entries, 1 + max(map(sum, sizes)))
        price = entries * (PYTHON + sum(words(bits) * words(by) // 4 for bits, by in sizes))
        self.meter.add(self.rule, entries * self.counted, price)
        (_, by), (_, other) = sizes
        return Dyadic(left.integers * (1 << by) + right.integers * (sign << other), exponent)

    def norms(self, matrix: Dyadic) -> Dyadic:
        """Upper bounds of the Euclidean norms of the rows, as a column, in fixed point of NORM_BITS
        bits."""
        size, shifted = matrix.rows * matrix.columns, max(0, matrix.exponent + NORM_BITS)
        self.meter.hold(self.rule, size, matrix.bits)
        long = size * words(matrix.bits) ** 2 + matrix.rows * words(matrix.bits + shifted) ** 2
        self.meter.add(self.rule, 2 * size, 2 * size * PYTHON + 4 * long)
        squares = [sum(int(k) ** 2 for k in row) for row in matrix.integers.table()]
        norms = [norm_up(square, matrix.exponent + NORM_BITS) for square in squares]
        return Dyadic(fmpz_mat(matrix.rows, 1, norms), -NORM_BITS)


def check_exact(path: Sequence[Dyadic], meter: Meter) -> Enclosure:
    """Rule `exact`: the table is the product of its path, formed exactly.

    Premises: none. Failure: none. Operations: rows * columns * (2 * inner - 1) for each product of
    two matrices, in the order in which they are fewest.
    """
    product = Matrices("exact", meter).product(*path)
    return product, product


def check_low_rank(name: str, path: Sequence[Dyadic], factors: Sequence[Factor], meter: Meter) -> Enclosure:
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
    ends = list(accumulate((factor.matrices for factor in factors), initial=0))
    wholes = [matrices.product(*path[a:b]) for a, b in zip(ends, ends[1:], strict=False)]
    remainders: list[Dyadic] = []
    parts, norms = [], []
    for i, (factor, remainder) in enumerate(zip(factors, wholes, strict=True)):
        if factor.hint is not None:
            left, right = factor.hint
            remainder = matrices.sum(remainder, matrices.product(left, right), -1)
            for earlier in reversed(remainders):
                left = matrices.product(earlier, left)
            parts.append(matrices.product(left, matrices.product(right, *wholes[i + 1 :])))
        remainders.append(remainder)
        if factor.norm is not None:
            check_norm(f"table {name} factor {i + 1}", remainder, *factor.norm, matrices)
            norms.append(factor.norm[0])
    # The bound, and its difference and sum with the value, are relaxations of the proof itself.
    radius = matrices.product(matrices.norms(remainders[0]), *norms, matrices.norms(remainders[-1].T).T)
    value = reduce(matrices.sum, parts or [Dyadic(fmpz_mat(radius.rows, radius.columns), 0)])
    return matrices.sum(value, radius, -1), matrices.sum(value, radius)


def check_norm(place: str, matrix: Dyadic, norm: Dyadic, hint: Dyadic, matrices: Matrices) -> None:
    """The operator norm of `matrix` R is at most the claimed s, the entry of `norm`.

    With the hint C, G = s**2 I - R R^T - C C^T is diagonally dominant, hence positive semidefinite
    (Gershgorin), so that |y R|**2 = y R R^T y^T <= s**2 |y|**2 for every row y. Raises `Rejected`.
    """
    size, uncounted = matrix.rows, Matrices(matrices.rule, matrices.meter, counted=False)
    # R R^T and C C^T are symmetric: half of their entries, and of the sums, need to be formed;
    # s**2.
    operations = size * (size + 1) * (matrix.columns + hint.columns) + size**2 + 1
    matrices.meter.add(matrices.rule, operations, 3 * size**2 * PYTHON)
    square = int(norm.integers[0, 0]) ** 2
    diagonal = [[square * (i == j) for j in range(size)] for i in range(size)]
    scaled = Dyadic(fmpz_mat(diagonal), 2 * norm.exponent)
    for factor in (matrix, hint):
        scaled = uncounted.sum(scaled, uncounted.product(factor, factor.T), -1)
    matrices.meter.hold(matrices.rule, size**2, scaled.bits)
    matrices.meter.add(matrices.rule, 0, size**2 * words(scaled.bits) * 8)
    for i, row in enumerate(scaled.integers.table()):
        if 2 * int(row[i]) < sum(abs(int(k)) for k in row) or norm.integers[0, 0] < 0:
            found = f"found row {i} of s**2 I - R R^T - C C^T not diagonally dominant"
            raise Rejected(f"{place}: low_rank: expected a norm that its hint confirms, {found}")


class Tables:
    """The enclosed tables of one model, rounded outward to fixed point on demand.

    `enclosures` holds QK, OV, EU, and QK positions [query, position], OV positions [position,
    output].
    """

    def __init__(self, model: ExactModel, certificate: Certificate, meter: Meter) -> None:
        self.model, self.certificate, self.meter = model, certificate, meter
        self._fixed: dict[int, tuple[Fixed, Fixed, Fixed]] = {}
        self.longest: dict[int, int] = {}  # the bits of the longest entry of tables of `bits` bits
        w = model.weights
        last = fmpz_mat([w["W_pos"].integers.table()[-1]] * model.vocabulary)
        queries = Matrices("embedding", meter).sum(w["W_E"], Dyadic(last, w["W_pos"].exponent))
        qk, ov = (queries, w["W_Q"], w["W_K"].T), (w["W_V"], w["W_O"], w["W_U"])
        paths = {"QK": (*qk, w["W_E"].T), "OV": (w["W_E"], *ov), "EU": (queries, w["W_U"])}
        positions = {"QK positions": (*qk, w["W_pos"].T), "OV positions": (w["W_pos"], *ov)}
        self.enclosures = {name: self._enclosed(name, path, ()) for name, path in positions.items()}
        for (name, path), factors in zip(paths.items(), certificate.tables, strict=True):
            self.enclosures[name] = self._enclosed(name, path, factors)
        # The ends of an attention weight that a verifier in real arithmetic computes, too.
        self.ends = 2 if certificate.tables[0] else 1

    def _enclosed(self, name: str, path: Sequence[Dyadic], factors: Sequence[Factor]) -> Enclosure:
        meter, rule = self.meter, "low_rank" if factors else "exact"
        found = check_low_rank(name, path, factors, meter) if factors else check_exact(path, meter)
        meter.release()
        for end in found[: 2 if factors else 1]:
            meter.hold(rule, end.rows * end.columns, end.bits, keep=True)
        return found

    def _rounded(self, name: str, bits: int, ends: Callable[..., Ends], *divisor: int) -> Fixed:
        """The table `name` in fixed point of `bits` bits, its lower and its upper bounds; divided
        by the root of a `divisor`, if there is one."""
        (lower, upper), before = self.enclosures[name], self.meter.passing
        shape, by = (lower.rows, lower.columns), lower.exponent + bits
        size, most = lower.rows * lower.columns, max(lower.bits, upper.bits)
        # Scores, which are divided, are needed for their exponentials only.
        self.meter.hold("round", 2 * size, max(0, most + by), keep=not divisor)
        self.meter.hold("round", 2 * size, most)
        long = words(most + max(0, by))  # a root is that of a square, by division
        price = 2 * PYTHON + 6 * long**2 if divisor else PYTHON + 8 * long
        self.meter.add("round", 0, 2 * size * price)
        low, high = ends(list(map(int, lower.integers.entries())), by, *divisor)
        if upper is not lower:
            _, high = ends(list(map(int, upper.integers.entries())), by, *divisor)
        self.meter.release(before)
        return integer_array(low, shape), integer_array(high, shape)

    def fixed(self, bits: int) -> tuple[Fixed, Fixed, Fixed]:
        """The tables EU, OV and OV positions, each a pair of arrays (lower, upper) of `bits`
        bits."""
        if bits not in self._fixed:
            eu, ov = (self._rounded(name, bits, shift) for name in ("EU", "OV"))
            eu = self._less_margin(eu, bits)
            found = self._fixed[bits] = eu, ov, self._rounded("OV positions", bits, shift)
            longest = max(bound(end) for table in found for end in table).bit_length()
            # The gaps of two labels are kept while those of a third are formed.
            if longest > max(self.longest.values(), default=-1):
                self.meter.hold("gaps", 3 * sum(low.size for low, _ in found), longest, keep=True)
            self.longest[bits] = longest
        return self._fixed[bits]

    def _less_margin(self, eu: Fixed, bits: int) -> Fixed:
        """EU less the margin at its lower end, which is that of labels."""
        margin = self.certificate.margin
        if margin == NO_MARGIN:
            return eu
        size = eu[0].size
        self.meter.add("margin", 0 if self._fixed else size, size * PYTHON)
        less = units(margin, bits)
        return integer_array([int(k) - less for k in eu[0].ravel()], eu[0].shape), eu[1]

    def _exponentials(self, name: str, ends: int) -> tuple[Rows, Rows]:
        """Enclosures of exp(score - largest upper score of the row), the lower and the upper
        bounds."""
        score_bits, bits = self.certificate.score_bits, self.certificate.exponential_bits
        before = self.meter.passing
        low, high = self._rounded(name, score_bits, root, self.model.head_width)
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
        return lower, upper

    @cached_property
    def weights(self) -> tuple[tuple[Rows, Rows], tuple[Rows, Rows]]:
        """Enclosures (lower, upper) of the attention weights exp(score), up to one positive factor
        a query: first the token's part [query][token], then the position's part [query][position].
        The weight of a token at a position is the product of both."""
        # In real arithmetic W_Q is divided by sqrt(head_width) once, before any product.
        self.meter.add("scores", self.model.width * self.model.head_width + 1, 0)
        return self._exponentials("QK", self.ends), self._exponentials("QK positions", 1)
