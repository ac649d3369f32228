"""Exact numbers as floating-point ones, for searches that need not be exact.

Numbers of any size are brought near 1 by a power of two, so that nothing overflows; what is smaller than the
largest by more than the range of float64 becomes 0.
"""

from collections.abc import Iterable
from math import log2

import numpy as np
import numpy.typing as npt

from checker.numbers.dyadic import Dyadic

FloatArray = npt.NDArray[np.float64]

# Integers of more bits are shortened before they become floats.
SAFE_BITS = 512


def floats(matrix: Dyadic) -> tuple[FloatArray, int]:
    """The entries of `matrix` divided by 2**exponent, each as a float64 of at most 1, and the exponent."""
    shorter = max(0, matrix.bits - SAFE_BITS)
    entries = np.array([float(int(k) >> shorter) for k in matrix.integers.entries()])
    array = np.ldexp(entries, shorter - matrix.bits).reshape(matrix.rows, matrix.columns)
    return array, matrix.exponent + matrix.bits


def logarithms(rows: Iterable[Iterable[int]], bits: int) -> FloatArray:
    """The logarithms to base 2 of fixed-point numbers of `bits` bits, none below 0; that of 0 is -inf."""
    return np.array([[log2(k) - bits if k else -np.inf for k in row] for row in rows])


def integers_as_floats(arrays: Iterable[npt.NDArray[np.generic]], bits: int) -> list[FloatArray]:
    """Fixed-point numbers of `bits` bits as floats; all divided by the same power of two where they are long."""
    found = list(arrays)
    if all(array.dtype != object for array in found):
        return [array.astype(np.float64) * 2.0**-bits for array in found]
    longs = [array.astype(object) for array in found]
    largest = max(int(abs(array).max(initial=0)) for array in longs)
    shorter = max(0, largest.bit_length() - SAFE_BITS)
    return [np.ldexp((array >> shorter).astype(np.float64), min(0, shorter - bits)) for array in longs]
