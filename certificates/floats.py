"""Exact numbers as floating-point ones, for searches that need not be exact."""

import numpy as np
import numpy.typing as npt

from checker.model import Dyadic

FloatArray = npt.NDArray[np.float64]


def floats(matrix: Dyadic) -> FloatArray:
    """The entries of `matrix`, each as a float64 next to it."""
    entries = [_nearest(int(k), matrix.exponent) for k in matrix.integers.entries()]
    return np.array(entries).reshape(matrix.rows, matrix.columns)


def _nearest(integer: int, exponent: int) -> float:
    """About integer * 2**exponent; infinite where that is too large."""
    shift = max(0, integer.bit_length() - 64)
    return float(np.ldexp(float(integer >> shift), exponent + shift))
