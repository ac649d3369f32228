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


def exponential_factors(argument_bits: int, bits: int, max_argument: int) -> list[tuple[int, int]]:
    """Enclosures of exp(-2**i / 2**argument_bits) for each bit i of `max_argument`, in fixed point of `bits`
    bits, up to the first that is (0, 1).

    For 0 <= x <= 1, 1 - x <= exp(-x) <= 1 - x + x**2; from x = 2**-(bits + 16), squared repeatedly and
    rounded outward.
    """
    start, scale = bits + 16, 2 * (bits + 16)
    lower = (1 << scale) - (1 << start)
    upper, factors = lower + 1, []
    for squarings in range(start - argument_bits + max_argument.bit_length()):
        if squarings >= start - argument_bits:
            factors.append((shift_down(lower, bits - scale), shift_up(upper, bits - scale)))
            if factors[-1] == (0, 1):  # and so are all that follow
                break
        lower, upper = shift_down(lower * lower, -scale), shift_up(upper * upper, -scale)
    return factors


def exponential(arguments: Array, argument_bits: int, bits: int, upper: bool) -> list[list[int]]:
    """For each k >= 0 in `arguments`, an integer e with e / 2**bits <= exp(-k / 2**argument_bits), or >= if
    `upper`: the product of the factors of k's set bits, lowest first and each step rounded outward."""
    factors = exponential_factors(argument_bits, bits, int(arguments.max()))
    # Rounding the negative of a number down rounds the number up.
    result = np.full(arguments.shape, -1 << bits if upper else 1 << bits, dtype=object)
    beyond = arguments >> len(factors) > 0
    for i, factor in enumerate(factors):
        chosen = (arguments >> i & 1).astype(bool) & ~beyond
        result[chosen] = result[chosen] * factor[upper] >> bits
    return np.where(beyond, int(upper), abs(result)).tolist()


def bound(array: Array) -> int:
    """The largest absolute value in `array`; 0 if it is empty."""
    return max(int(array.max()), -int(array.min())) if array.size else 0


def integer_array(numbers: Sequence[int], shape: tuple[int, ...]) -> Array:
    """`numbers` as an array of `shape`, of 64-bit integers if all are below ENTRY_LIMIT."""
    small = not numbers or max(max(numbers), -min(numbers)) < ENTRY_LIMIT
    return np.array(numbers, dtype=np.int64 if small else object).reshape(shape)


def product_down(lower: Array, upper: Array, gap: Array, bits: int) -> Array:
    """floor(weight * gap / 2**bits), entry by entry with broadcasting, for the weight from `lower` to
    `upper` for which it is least."""
    weight = np.where(gap > 0, lower, upper)
    if bound(weight) * bound(gap) >= PRODUCT_LIMIT:
        weight = weight.astype(object)
    return weight * gap >> bits
