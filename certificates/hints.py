"""Hints for the table rule `low_rank`: factors of low rank and norms, from singular value decompositions.

Hints are searched for in floating point and written as dyadic rationals of few bits. Whatever they
are, the kernel computes what they leave exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flint import fmpz_mat

from certificates.floats import FloatArray, floats
from checker.certificate import Factor, Table
from checker.model import Dyadic, ExactModel

HINT_BITS = 14
# The claimed norm exceeds the true one by this share, which must cover the rounding of its hint.
NORM_SLACK = 2.0**-5


@dataclass(frozen=True)
class Shape:
    """How a path is cut into factors: `matrices` per factor, and the rank of each factor's hint."""

    matrices: tuple[int, ...]
    ranks: tuple[int, ...]


def dyadic(array: npt.NDArray[np.floating], bits: int = HINT_BITS) -> Dyadic:
    """`array` rounded to `bits` bits of its largest entry, with its canonical exponent."""
    rows, columns = array.shape
    largest = float(np.abs(array).max(initial=0.0))
    exponent = int(np.frexp(largest)[1]) - bits if largest else 0
    integers = [int(k) for k in np.rint(np.ldexp(array, -exponent)).ravel()]
    if not any(integers):
        return Dyadic(fmpz_mat(rows, columns, integers), 0)
    twos = min((k & -k).bit_length() - 1 for k in integers if k)
    return Dyadic(fmpz_mat(rows, columns, [k >> twos for k in integers]), exponent + twos)


def low_rank_table(path: Sequence[FloatArray], shape: Shape) -> Table:
    """A table claim for the product of `path`, cut and approximated as `shape` says."""
    factors, start = [], 0
    for i, (count, rank) in enumerate(zip(shape.matrices, shape.ranks, strict=True)):
        whole = _product(path[start : start + count])
        start += count
        last = i == len(shape.matrices) - 1
        hint, remainder = None, whole
        if rank:
            left, right = _approximation(whole, rank, last)
            hint = (dyadic(left), dyadic(right))
            remainder = whole - floats(hint[0]) @ floats(hint[1])
        factors.append(Factor(count, hint, None if last or i == 0 else _norm(remainder)))
    return tuple(factors)


def table_paths(model: ExactModel) -> dict[str, tuple[FloatArray, ...]]:
    """The paths of the tables QK, OV and EU in floating point (`checker.tables`)."""
    w = {name: floats(tensor) for name, tensor in model.weights.items()}
    queries = w["W_E"] + w["W_pos"][-1]
    return {
        "QK": (queries, w["W_Q"], w["W_K"].T, w["W_E"].T),
        "OV": (w["W_E"], w["W_V"], w["W_O"], w["W_U"]),
        "EU": (queries, w["W_U"]),
    }


def _product(matrices: Sequence[FloatArray]) -> FloatArray:
    product = matrices[0]
    for matrix in matrices[1:]:
        product = product @ matrix
    return product


def _approximation(whole: FloatArray, rank: int, columns: bool) -> tuple[FloatArray, FloatArray]:
    """The mean of the columns (or rows), then the best approximation of the rest."""
    if columns:
        left, right = _approximation(whole.T, rank, False)
        return right.T, left.T
    mean = whole.mean(axis=0, keepdims=True)
    left, singular, right = np.linalg.svd(whole - mean, full_matrices=False)
    ones = np.ones((len(whole), 1))
    return (
        np.hstack([ones, left[:, : rank - 1] * singular[: rank - 1]]),
        np.vstack([mean, right[: rank - 1]]),
    )


def _norm(remainder: FloatArray) -> tuple[Dyadic, Dyadic]:
    """A bound of the operator norm and the hint that confirms it."""
    norm = dyadic(np.array([[np.linalg.norm(remainder, 2) * (1 + NORM_SLACK) + 2.0**-30]]))
    size = len(remainder)
    square = float(floats(norm)[0, 0]) ** 2
    gap = square * (1 - NORM_SLACK / 2) * np.eye(size) - remainder @ remainder.T
    return norm, dyadic(np.linalg.cholesky(gap), HINT_BITS + 6)
