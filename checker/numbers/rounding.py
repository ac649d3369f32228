"""Exact roundings: the only places where a number is ever replaced by a nearby one.

A fixed-point number of `bits` fractional bits is an integer `k` that stands for `k / 2**bits`.
Every function here states its result as an exact function of its integer arguments, so that another
implementation reproduces it bit for bit. Arrays hold 64-bit integers where a bound checked here
excludes overflow, and unbounded Python integers otherwise; the values are the same.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import isqrt
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
# Sums of at most 2**6 table entries and products below PRODUCT_LIMIT stay inside a signed 64-bit
# word.
ENTRY_LIMIT = 2**55
PRODUCT_LIMIT = 2**62
# Exponentials are tabulated for so many bits of their arguments.
COMMON_BITS = 9


class Ends(NamedTuple):
    """Lower and upper bounds of some numbers."""

    lower: list[int]
    upper: list[int]


def shift_down(number: int, shift: int) -> int:
    """floor(number * 2**shift)."""
    return number << shift if shift >= 0 else number >> -shift


def shift_up(number: int, shift: int) -> int:
    """ceil(number * 2**shift)."""
    return -shift_down(-number, shift)


def shift(numbers: Sequence[int], by: int) -> Ends:
    """floor and ceil of k * 2**by for each of `numbers` k."""
    if by >= 0:
        return Ends([k << by for k in numbers], [k << by for k in numbers])
    return Ends([k >> -by for k in numbers], [-(-k >> -by) for k in numbers])


def root(numbers: Sequence[int], by: int, divisor: int) -> Ends:
    """floor and ceil of k * 2**by / sqrt(divisor) for each of `numbers` k, for divisor > 0."""
    lower, upper = [], []
    divisor <<= max(0, -2 * by)
    for k in numbers:
        square = k * k << max(0, 2 * by)
        down = isqrt(square // divisor)
        up = down + (down * down * divisor != square)
        lower.append(down if k >= 0 else -up)
        upper.append(up if k >= 0 else -down)
    return Ends(lower, upper)


def norm_up(square: int, shift: int) -> int:
    """ceil(sqrt(square) * 2**shift), for square >= 0."""
    scaled = shift_up(square, 2 * shift)
    return isqrt(scaled - 1) + 1 if scaled else 0


@lru_cache(1)
def exponential_factors(argument_bits: int, bits: int, size: int) -> list[tuple[int, int]]:
    """Enclosures of exp(-2**i / 2**argument_bits) for i below `size`, in fixed point of `bits`
    bits, up to the first that is (0, 1).

    For 0 <= x <= 1, 1 - x <= exp(-x) <= 1 - x + x**2; from x = 2**-(bits + 16), squared repeatedly
    and rounded outward.
    """
    start, scale = bits + 16, 2 * (bits + 16)
    lower = (1 << scale) - (1 << start)
    upper, factors = lower + 1, []
    for squarings in range(start - argument_bits + size):
        if squarings >= start - argument_bits:
            factors.append((shift_down(lower, bits - scale), shift_up(upper, bits - scale)))
            if factors[-1] == (0, 1):  # and so are all that follow
                break
        lower, upper = shift_down(lower * lower, -scale), shift_up(upper * upper, -scale)
    return factors


def exponential(arguments: Array, argument_bits: int, bits: int, upper: bool) -> list[list[int]]:
    """For each k >= 0 in `arguments`, an integer e with e / 2**bits <= exp(-k / 2**argument_bits),
    or >= if `upper`: the product of the factors of k's set bits, lowest first and each step rounded
    outward."""
    factors = exponential_factors(argument_bits, bits, int(arguments.max()).bit_length())
    beyond = arguments >> len(factors) > 0
    arguments = np.where(beyond, 0, arguments)
    # Rounding the negative of a number down rounds the number up.
    common = [-1 << bits if upper else 1 << bits]  # for each value of the first bits
    for factor in factors[:COMMON_BITS]:
        common += [k * factor[upper] >> bits for k in common]
    result = np.array(common, dtype=object)[(arguments & (len(common) - 1)).astype(np.int64)]
    for i, factor in enumerate(factors[COMMON_BITS:], COMMON_BITS):
        chosen = (arguments >> i & 1).astype(bool)
        result[chosen] = result[chosen] * factor[upper] >> bits
    return np.where(beyond, int(upper), abs(result)).tolist()


def bound(array: Array) -> int:
    """The largest absolute value in `array`; 0 if it is empty."""
    return max(int(array.max()), -int(array.min())) if array.size else 0


def integer_array(numbers: Sequence[int], shape: tuple[int, ...]) -> Array:
    """`numbers` as an array of `shape`, of 64-bit integers if all are below ENTRY_LIMIT."""
    small = not numbers or max(max(numbers), -min(numbers)) < ENTRY_LIMIT
    return np.array(numbers, dtype=np.int64 if small else object).reshape(shape)
