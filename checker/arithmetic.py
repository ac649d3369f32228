"""Exact roundings: the only places where a number is ever replaced by a nearby one.

A fixed-point number of `bits` fractional bits is an integer `k` that stands for `k / 2**bits`. Every
function here states its result as an exact function of its integer arguments, so that another
implementation reproduces it bit for bit. Arrays hold 64-bit integers where a bound checked here
excludes overflow, and unbounded Python integers otherwise; the values are the same.
"""

from collections.abc import Sequence
from math import isqrt
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Sums of at most 2**6 table entries and products below PRODUCT_LIMIT stay inside a signed 64-bit word.
ENTRY_LIMIT = 2**55
PRODUCT_LIMIT = 2**62


def shift_down(number: int, shift: int) -> int:
    """floor(number * 2**shift)."""
    return number << shift if shift >= 0 else number >> -shift


def shift_up(number: int, shift: int) -> int:
    """ceil(number * 2**shift)."""
    return -shift_down(-number, shift)


def root_down(number: int, shift: int, divisor: int) -> int:
    """floor(number * 2**shift / sqrt(divisor)), for divisor > 0."""
    numerator = number * number << max(0, 2 * shift)
    denominator = divisor << max(0, -2 * shift)
    return isqrt(numerator // denominator) if number >= 0 else -1 - isqrt((numerator - 1) // denominator)


def root_up(number: int, shift: int, divisor: int) -> int:
    """ceil(number * 2**shift / sqrt(divisor)), for divisor > 0."""
    return -root_down(-number, shift, divisor)


def norm_up(square: int, shift: int) -> int:
    """ceil(sqrt(square) * 2**shift), for square >= 0."""
    scaled = shift_up(square, 2 * shift)
    return isqrt(scaled - 1) + 1 if scaled else 0


class Exponential:
    """Encloses exp(-k / 2**argument_bits), for integers k >= 0, in fixed point of `bits` bits.

    For 0 <= x <= 1, 1 - x <= exp(-x) <= 1 - x + x**2. Starting from x = 2**-(bits + 16), repeated
    squaring, rounded outward, encloses exp(-2**i / 2**argument_bits) for each bit i of k; their
    product over the set bits of k, lowest first and each step rounded outward, encloses the result.
    """

    def __init__(self, argument_bits: int, bits: int, max_argument: int) -> None:
        self.bits = bits
        start = bits + 16
        scale = 2 * start
        lower = (1 << scale) - (1 << start)
        upper = lower + 1
        self.factors: list[tuple[int, int]] = []
        for squarings in range(start - argument_bits + max_argument.bit_length()):
            if squarings >= start - argument_bits:
                factor = (shift_down(lower, bits - scale), shift_up(upper, bits - scale))
                if factor == (0, 1):  # and so are all that follow
                    break
                self.factors.append(factor)
            lower = shift_down(lower * lower, -scale)
            upper = shift_up(upper * upper, -scale)

    def lower(self, argument: int) -> int:
        """An integer k with k / 2**bits <= exp(-argument / 2**argument_bits)."""
        return 0 if argument >> len(self.factors) else self._product(argument, 0, 1)

    def upper(self, argument: int) -> int:
        """An integer k with exp(-argument / 2**argument_bits) <= k / 2**bits."""
        return 1 if argument >> len(self.factors) else self._product(argument, 1, -1)

    def _product(self, argument: int, side: int, sign: int) -> int:
        """The product over the set bits of `argument`, each step rounded down (sign 1) or up (sign -1)."""
        result, bits = sign << self.bits, self.bits
        while argument:
            lowest = argument & -argument
            result = result * self.factors[lowest.bit_length() - 1][side] >> bits
            argument -= lowest
        return sign * result


def bound(array: Array) -> int:
    """The largest absolute value in `array`; 0 if it is empty."""
    return max(int(array.max()), -int(array.min())) if array.size else 0


def integer_array(numbers: Sequence[int], shape: tuple[int, ...]) -> Array:
    """`numbers` as an array of `shape`, of 64-bit integers if all are below ENTRY_LIMIT."""
    small = not numbers or max(max(numbers), -min(numbers)) < ENTRY_LIMIT
    return np.array(numbers, dtype=np.int64 if small else object).reshape(shape)


def product_down(weight: Array, gap: Array, bits: int) -> Array:
    """floor(weight * gap / 2**bits), entry by entry with broadcasting."""
    if bound(weight) * bound(gap) >= PRODUCT_LIMIT:
        weight = weight.astype(object)
    return weight * gap >> bits


def interval_product_down(lower: Array, upper: Array, gap: Array, bits: int) -> Array:
    """A lower bound of weight * gap, for every weight from `lower` to `upper`."""
    return product_down(np.where(gap > 0, lower, upper), gap, bits)
