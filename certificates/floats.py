"""Exact numbers as floating-point ones, for searches that need not be exact."""

import numpy as np
import numpy.typing as npt

from checker.model import Dyadic

FloatArray = npt.NDArray[np.float64]


def floats(matrix: Dyadic) -> FloatArray:
    """The entries of `matrix`, each as the nearest float64."""
    entries = [float(np.ldexp(float(int(k)), matrix.exponent)) for k in matrix.integers.entries()]
    return np.array(entries).reshape(matrix.rows, matrix.columns)
