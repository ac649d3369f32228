"""Exact products, sums and norms of matrices, priced before they are formed."""

from flint import fmpz_mat

from checker.meter import PYTHON, Meter, words
from checker.numbers.dyadic import Dyadic
from checker.numbers.rounding import norm_up

NORM_BITS = 48


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
