"""Balls: rows of real numbers known up to a radius, and the precision of a pass of `evaluate`.

A row y of a value is enclosed by integers c_k and one radius r >= 0, in fixed point of the `bits`
of a pass: |y_k 2**bits - c_k| <= r for every k.
"""

from functools import cached_property

import numpy as np

from checker.numbers.dyadic import Dyadic
from checker.numbers.exact import Rounded, fitting, integers, narrow
from checker.numbers.exponential import Exponential
from checker.numbers.rounding import Array, bound
from checker.numbers.rounding import shift_down as shifted


class Ball:
    """Rows with their radii: `centres` [rows, columns] and `radii` [rows], integers."""

    def __init__(self, centres: Array, radii: Array, bounds: tuple[int, int] | None = None) -> None:
        # At least the largest absolute value of all centres, and the largest radius.
        self.most, self.widest = bounds or (bound(centres), bound(radii))
        self.centres, self.radii = fitting(centres, self.most), fitting(radii, self.widest)

    columns = property(lambda self: int(self.centres.shape[1]))

    @cached_property
    def largest(self) -> Array:
        """The largest absolute value of the centres of each row."""
        return np.maximum(self.centres.max(axis=1), -self.centres.min(axis=1))

    @cached_property
    def sums(self) -> Array:
        """The sum of the absolute values of the centres of each row."""
        wide = self.columns * self.most >= 2**62
        return narrow(abs(self.centres.astype(object) if wide else self.centres).sum(axis=1))

    def take(self, index: Array) -> "Ball":
        """The rows that `index` names, in its order."""
        return Ball(self.centres[index], self.radii[index], (self.most, self.widest))


class Precision:
    """A pass: values have `bits` fractional bits, weights `weight_bits`, exponentials
    `exponential_bits`. Holds the weights of a program rounded for it."""

    def __init__(self, tensors: tuple[Dyadic, ...], sizes: tuple[int, int, int]) -> None:
        self.tensors = tensors
        self.bits, self.weight_bits, self.exponential_bits = sizes
        self.exponential = Exponential(self.bits, self.exponential_bits)
        self._rounded: dict[tuple[int, int], Rounded] = {}

    def _round(self, tensor: int, bits: int) -> Rounded:
        if (tensor, bits) not in self._rounded:
            matrix = self.tensors[tensor]
            shift = matrix.exponent + bits
            rows = [[shifted(int(k), shift) for k in row] for row in matrix.integers.table()]
            self._rounded[tensor, bits] = Rounded(integers(rows), int(shift < 0))
        return self._rounded[tensor, bits]

    def weights(self, tensor: int) -> Rounded:
        """The weights that values are multiplied by."""
        return self._round(tensor, self.weight_bits)

    def values(self, tensor: int) -> Rounded:
        """The weights that are values, or are added to them."""
        return self._round(tensor, self.bits)
