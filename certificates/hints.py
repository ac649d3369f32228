"""Hints for the table rule `low_rank`: factors of low rank and norms, from singular value decompositions.

Hints are searched for in floating point, with every factor brought near 1 by a power of two, and written as
dyadic rationals of few bits. Whatever they are, the kernel computes what they leave exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpz_mat

from certificates.floats import FloatArray, floats
from certificates.prover import queries
from checker.certificate import Factor, Table
from checker.meter import Meter
from checker.models.attention_only import PATHS, QUERIES, ExactModel, path_matrices
from checker.numbers.dyadic import MAX_EXPONENT, Dyadic
from checker.numbers.matrices import Matrices

HINT_BITS = 14
# The claimed norm exceeds the true one by this share, which must cover the rounding of its hint.
NORM_SLACK = 2.0**-5
# By how much the exponent of a hint may differ from that of its factor.
SPARE_EXPONENT = 128


@dataclass(frozen=True)
class Shape:
    """How a path is cut into factors: `matrices` per factor, and the rank of each factor's hint."""

    matrices: tuple[int, ...]
    ranks: tuple[int, ...]


def dyadic(array: FloatArray, scale: int = 0, bits: int = HINT_BITS) -> Dyadic:
    """`array` times 2**scale, rounded to `bits` bits of its largest entry, with its canonical exponent."""
    rows, columns = array.shape
    largest = float(np.abs(array).max(initial=0.0))
    exponent = int(np.frexp(largest)[1]) - bits
    integers = [int(k) for k in np.rint(np.ldexp(array, -exponent)).ravel()]
    twos = min(((k & -k).bit_length() - 1 for k in integers if k), default=0)
    if not any(integers):
        return Dyadic(fmpz_mat(rows, columns), 0)
    return Dyadic(fmpz_mat(rows, columns, [k >> twos for k in integers]), exponent + scale + twos)


def low_rank_table(path: Sequence[Dyadic], shape: Shape) -> Table:
    """A table claim for the product of `path`, cut and approximated as `shape` says.

    It is the exact table where a certificate cannot have the exponents of the hints.
    """
    factors, start = [], 0
    for i, (count, rank) in enumerate(zip(shape.matrices, shape.ranks, strict=True)):
        whole, scale = floats(Matrices("low_rank", Meter()).product(*path[start : start + count]))
        if abs(scale) > MAX_EXPONENT - SPARE_EXPONENT:
            return ()
        start += count
        last = i == len(shape.matrices) - 1
        hint, remainder = None, whole
        if rank:
            left, right = _approximation(whole, rank, last)
            hint = (dyadic(left, scale), dyadic(right))
            remainder = whole - unscaled(hint[0], scale) @ unscaled(hint[1])
        factors.append(Factor(count, hint, None if last or i == 0 else _norm(remainder, scale)))
    return tuple(factors)


def table_paths(model: ExactModel) -> dict[str, tuple[Dyadic, ...]]:
    """The paths of the tables QK, OV and EU (`checker.models.tables`)."""
    matrices = {**model.weights, QUERIES: queries(model)}
    return {name: tuple(path_matrices(matrices, path)) for name, path in PATHS.items()}


def unscaled(matrix: Dyadic, scale: int = 0) -> FloatArray:
    """`matrix` divided by 2**scale."""
    array, exponent = floats(matrix)
    return np.ldexp(array, exponent - scale)


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


def _norm(remainder: FloatArray, scale: int) -> tuple[Dyadic, Dyadic]:
    """A bound of the operator norm of `remainder` times 2**scale, and the hint that confirms it."""
    bound = dyadic(np.array([[np.linalg.norm(remainder, 2) * (1 + NORM_SLACK) + 2.0**-30]]))
    size = len(remainder)
    square = unscaled(bound)[0, 0] ** 2
    gap = square * (1 - NORM_SLACK / 2) * np.eye(size) - remainder @ remainder.T
    norm = Dyadic(bound.integers, bound.exponent + scale)
    return norm, dyadic(np.linalg.cholesky(gap), scale, HINT_BITS + 6)
