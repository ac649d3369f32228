"""The rule `low_rank`: a table is a sum of thin products, and a remainder that is small."""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import accumulate

from flint import fmpz_mat

from checker.certificate import Factor, Table
from checker.errors import Declined, Rejected
from checker.meter import PYTHON, words
from checker.models.attention_only import MAX_VOCABULARY, MAX_WIDTH
from checker.numbers.dyadic import Dyadic, parse_sized_tensor
from checker.numbers.matrices import Matrices
from checker.rules.table_rule import Enclosure, TablePremises, TableRule
from checker.text import Range, Reader

# Rows and columns of a table and of all matrices of its path.
SIDE: Range = (1, max(MAX_VOCABULARY, MAX_WIDTH))


def parse_low_rank(reader: Reader, path: int) -> Table:
    """The factors of a path of so many matrices, all of which belong to one."""
    factors: list[Factor] = []
    [count] = reader.take((2, path), "\n")
    for left in reversed(range(count)):  # factors after this one, which need a matrix each
        most = path - left
        [matrices] = reader.take("factor", "matrices", (1 if left else most, most))
        [rank], hint, norm = reader.take("rank", (0, SIDE[1]), "\n"), None, None
        if rank:
            a = parse_sized_tensor(reader, "A", SIDE, (rank, rank))
            hint = (a, parse_sized_tensor(reader, "H", (rank, rank), SIDE))
        if factors and left:
            s = parse_sized_tensor(reader, "s", (1, 1), (1, 1))
            norm = (s, parse_sized_tensor(reader, "C", SIDE, SIDE))
        factors.append(Factor(matrices, hint, norm))
        path -= matrices
    return tuple(factors)


def factor_ends(factors: Table) -> Iterator[tuple[int, int]]:
    """Where in the path each factor begins, and where it ends."""
    ends = list(accumulate((factor.matrices for factor in factors), initial=0))
    return zip(ends, ends[1:], strict=False)


def require_shapes(name: str, factors: Table, sizes: Sequence[int]) -> None:
    """Raises `Declined` unless the hints fit a path whose matrix number i has the shape (sizes[i],
    sizes[i + 1])."""
    for i, ((start, end), factor) in enumerate(zip(factor_ends(factors), factors, strict=True)):
        place, rows, columns = f"table {name} factor {i + 1}", sizes[start], sizes[end]
        tensors: list[tuple[str, Dyadic, int, int]] = []
        if factor.hint is not None:
            left, right = factor.hint
            rank, most = left.columns, min(rows, columns)
            if rank > most:
                expected = f"expected a rank of at most {most}, found {rank}"
                raise Declined(f"certificate: {place}: low_rank: {expected}")
            tensors += [("A", left, rows, rank), ("H", right, rank, columns)]
        if factor.norm is not None:
            tensors.append(("C", factor.norm[1], rows, rows))
        for tensor, matrix, *shape in tensors:
            if [matrix.rows, matrix.columns] != shape:
                expected = f"expected tensor {tensor} of {shape[0]} x {shape[1]} numbers"
                found = f"found {matrix.rows} x {matrix.columns}"
                raise Declined(f"certificate: {place}: low_rank: {expected}, {found}")


def check_low_rank(premises: TablePremises) -> Enclosure:
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
    path, factors = premises.path, premises.factors
    matrices = Matrices("low_rank", premises.meter)
    wholes = [matrices.product(*path[start:end]) for start, end in factor_ends(factors)]
    remainders: list[Dyadic] = []
    parts: list[Dyadic] = []
    norms: list[Dyadic] = []
    for i, (factor, remainder) in enumerate(zip(factors, wholes, strict=True)):
        if factor.hint is not None:
            left, right = factor.hint
            remainder = matrices.sum(remainder, matrices.product(left, right), -1)
            for earlier in reversed(remainders):
                left = matrices.product(earlier, left)
            parts.append(matrices.product(left, matrices.product(right, *wholes[i + 1 :])))
        remainders.append(remainder)
        if factor.norm is not None:
            place = f"table {premises.name} factor {i + 1}"
            check_norm(place, remainder, *factor.norm, matrices)
            norms.append(factor.norm[0])
    # The bound, and its difference and sum with the value, are relaxations of the proof itself.
    rows, columns = matrices.norms(remainders[0]), matrices.norms(remainders[-1].T).T
    radius = matrices.product(rows, *norms, columns)
    value = reduce(matrices.sum, parts or [Dyadic(fmpz_mat(radius.rows, radius.columns), 0)])
    return Enclosure(matrices.sum(value, radius, -1), matrices.sum(value, radius))


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


LOW_RANK = TableRule("low_rank", parse_low_rank, require_shapes, check_low_rank)
