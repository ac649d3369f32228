"""Enclosures of exp(-k / 2**argument_bits) and of the logistic function, for arrays of integers."""

from functools import cached_property

import numpy as np

from checker.numbers.exact import narrow, up, wide
from checker.numbers.rounding import Array, exponential_factors

# Arguments from 2**RANGE_BITS on stand for a factor below every precision.
RANGE_BITS = 13
# So many of an argument's lowest bits are looked up in a table: of 64-bit integers, or of Python's.
TABLE_BITS, OBJECT_TABLE_BITS = 16, 8


class Exponential:
    """Enclosures in fixed point of `bits` bits, for arguments of `argument_bits` fractional bits.

    Each is the product of the enclosures of the factors of the argument's set bits
    (`checker.numbers.rounding.exponential_factors`), lowest bit first and every step rounded
    outward.
    """

    def __init__(self, argument_bits: int, bits: int) -> None:
        self.bits = bits
        self.factors = exponential_factors(argument_bits, bits, argument_bits + RANGE_BITS)
        self.type = np.int64 if bits <= 31 else object
        self.table_bits = TABLE_BITS if bits <= 31 else OBJECT_TABLE_BITS

    @cached_property
    def _tables(self) -> tuple[Array, Array]:
        """The products of every choice of the first factors: lower and minus upper bounds."""
        chosen = np.arange(2 ** min(self.table_bits, len(self.factors)))
        starts = (np.full(chosen.shape, sign << self.bits, dtype=self.type) for sign in (1, -1))
        low, high = (self._multiply(start, chosen, 0, end) for end, start in enumerate(starts))
        return low, high

    def _multiply(self, result: Array, chosen: Array, first: int, end: int) -> Array:
        """`result` times the factors from number `first` on that the bits of `chosen` choose."""
        for i in range(first, min(len(self.factors), int(chosen.max(initial=0)).bit_length())):
            factor = np.array([1 << self.bits, self.factors[i][end]], dtype=self.type)
            # The product with a negative number, rounded down, is the negative of one rounded up.
            result = result * factor[(chosen >> i & 1).astype(np.int64)] >> self.bits
        return result

    def bounds(self, arguments: Array, end: int) -> Array:
        """Integers e with e / 2**bits <= exp(-k / 2**argument_bits) for `end` 0, >= for `end` 1,
        for each k >= 0 in `arguments`."""
        beyond = arguments >> len(self.factors) > 0
        chosen = narrow(np.where(beyond, 0, arguments))
        table = self._tables[end]
        start = table[(chosen & len(table) - 1).astype(np.int64)]
        result = self._multiply(start, chosen, self.table_bits, end)
        return np.where(beyond, end, abs(result))

    def logistic(self, arguments: Array, end: int) -> Array:
        """Lower (`end` 0) or upper (1) bounds of 1 / (1 + exp(-t)) for each t in `arguments`.

        This is the softmax of 0 and t, in which the larger of the two has weight one.
        """
        of_t = self.bounds(np.maximum(-arguments, 0), end)
        of_zero = self.bounds(np.maximum(arguments, 0), 1 - end)
        of_t, of_zero = wide(2 << 2 * self.bits, of_t, of_zero)
        numerator, denominator = of_t << self.bits, of_t + of_zero
        return narrow(up(numerator, denominator) if end else numerator // denominator)
