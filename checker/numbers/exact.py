"""Integer operations on arrays, exact for integers of any size.

Arrays hold 64-bit integers where a bound on every intermediate result excludes overflow, and Python
integers otherwise; the values are the same. `>>` and `//` round down.

Products of matrices go through float64 where the largest sum of absolute values of the products is
below 2**53: every product and every partial sum, in whatever order they are formed, is then an
integer below 2**53, which float64 holds exactly, so no operation rounds, with or without fused
multiply-add. The factors are integers that are stored as float64, and the bound is checked before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np
from flint import fmpz_mat

from checker.numbers.rounding import Array, bound

FLOAT_BITS = 53
WORD_LIMIT = 2**62


def up(numerator: Array, denominator: Array | int) -> Array:
    """ceil(numerator / denominator), entry by entry, for denominators > 0."""
    return -(-numerator // denominator)


def shift_up(array: Array, bits: int) -> Array:
    """ceil(array / 2**bits), entry by entry."""
    return -(-array >> bits)


def wide(most: int, *arrays: Array) -> list[Array]:
    """`arrays`, of Python integers unless all computed from them is at most `most` < 2**62."""
    return [array.astype(object) if most >= WORD_LIMIT else array for array in arrays]


def fitting(array: Array, most: int) -> Array:
    """`array`, of 64-bit integers if `most`, a bound of their size, is below 2**62, and of Python
    integers otherwise."""
    return array.astype(np.int64 if most < WORD_LIMIT else object, copy=False)


def narrow(array: Array) -> Array:
    """`array`, of 64-bit integers if all are below 2**62, and of Python integers otherwise."""
    return fitting(array, bound(array))


def integers(rows: Sequence[Sequence[int]]) -> Array:
    """`rows` of Python integers as an array."""
    return narrow(np.array(rows, dtype=object))


def add(left: Array, right: Array) -> Array:
    """left + right."""
    left, right = wide(2 * max(bound(left), bound(right)), left, right)
    return left + right


def inner_down(left: Array, right: Array, bits: int) -> Array:
    """floor(left . right / 2**bits) for each row of two arrays of equal shape [rows, columns].

    left = high 2**half + low, so that with X = high . right and Y = low . right the result is
    floor((X + floor(Y / 2**half)) / 2**(bits - half)).
    """
    columns, most, other = left.shape[1], bound(left), bound(right)
    if max(most, other) < WORD_LIMIT:
        if columns * most * other < WORD_LIMIT:
            return np.einsum("ij,ij->i", left, right) >> bits
        half = min(bits, (most.bit_length() + 1) // 2)
        if columns * max((most >> half) + 1, 2**half) * other < WORD_LIMIT // 2:
            high, low = left >> half, left & (2**half - 1)
            x, y = np.einsum("ij,ij->i", high, right), np.einsum("ij,ij->i", low, right)
            return (x + (y >> half)) >> (bits - half)
    return narrow((left.astype(object) * right.astype(object)).sum(axis=1) >> bits)


@dataclass(frozen=True)
class Rounded:
    """A matrix rounded down to fixed point: every entry is at least its integer, and exceeds it by
    at most `offset`, 0 or 1, units."""

    integers: Array
    offset: int

    # The largest absolute value of all integers.
    most = cached_property(lambda self: bound(self.integers))

    @cached_property
    def norm(self) -> int:
        """The largest sum of absolute values of integers in a column."""
        return int(abs(self.integers.astype(object)).sum(axis=0).max())

    # For products: the same integers as float64, and as a matrix of FLINT.
    floats = cached_property(lambda self: self.integers.astype(np.float64))
    flint = cached_property(lambda self: fmpz_mat(self.integers.tolist()))


def matrix_down(left: Array, most: int, right: Rounded, bits: int) -> Array:
    """floor(left right / 2**bits) for matrices [rows, k] and [k, columns]; `most` bounds `left`."""
    most, norm = max(1, most), max(1, right.norm)
    if most * norm < 2**FLOAT_BITS:
        return (left.astype(np.float64) @ right.floats).astype(np.int64) >> bits
    half = max(0, FLOAT_BITS - norm.bit_length())
    if most * norm < WORD_LIMIT and ((most >> half) + 1) * norm < 2**FLOAT_BITS:
        # left = high 2**half + low with 0 <= low < 2**half, and both products are small enough.
        low = left & (2**half - 1)
        high = ((left >> half).astype(np.float64) @ right.floats).astype(np.int64)
        return ((high << half) + (low.astype(np.float64) @ right.floats).astype(np.int64)) >> bits
    product = fmpz_mat(left.tolist()) * right.flint
    entries = np.array([int(k) for k in product.entries()], dtype=object)
    return narrow(entries.reshape(len(left), right.integers.shape[1]) >> bits)


def root(array: Array) -> Array:
    """floor(sqrt(array)), entry by entry, for entries >= 0."""
    if array.dtype == object or bound(array) >= 2**FLOAT_BITS:
        return narrow(np.array([isqrt(int(k)) for k in array], dtype=object))
    # float64 makes a guess, which integers correct.
    guess = np.sqrt(array.astype(np.float64)).astype(np.int64)
    guess -= guess * guess > array
    guess += (guess + 1) * (guess + 1) <= array
    if ((guess * guess > array) | ((guess + 1) * (guess + 1) <= array)).any():
        return integers([[isqrt(int(k)) for k in array]])[0]
    return guess
