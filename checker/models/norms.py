"""The steps of normalization: `center` subtracts the mean, `rms` divides by the root of the mean of
squares. LayerNorm without weights is one after the other."""

from dataclasses import dataclass

import numpy as np

from checker.models.affine import _OfRow
from checker.models.syntax import EXPONENT, VALUE, Shape, Sizes, View, Work, price
from checker.numbers.balls import Ball
from checker.numbers.exact import root, up, wide
from checker.numbers.rounding import bound
from checker.numbers.rounding import shift_down as shifted
from checker.text import POSITIVE


@dataclass(frozen=True)
class Center(_OfRow):
    """Every row minus its mean."""

    value: int
    name, operands = "center", (VALUE,)

    def work(self, view: View) -> list[Work]:
        ball = view.ball(view.places[0])
        bits = (ball.columns * ball.most).bit_length()
        return [(view.places, 2 * ball.columns, 4 * ball.columns * price(bits))]

    def enclose(self, view: View) -> Ball:
        ball = view.ball(view.places[0])
        most = 2 * ball.columns * (ball.most + ball.widest)
        centres, radii = wide(most, ball.centres, ball.radii)
        mean = centres.sum(axis=1, keepdims=True) // ball.columns
        return Ball(centres - mean, 2 * radii + 1)


@dataclass(frozen=True)
class Rms(_OfRow):
    """Every row divided by sqrt(mean of its squares + eps), for eps = integer 2**exponent."""

    value: int
    eps: int
    exponent: int
    name, operands = "rms", (VALUE, POSITIVE, EXPONENT)

    def shape(self, sizes: Sizes) -> Shape:
        sizes.expect("eps modulo 2", 1, self.eps % 2)
        return sizes.shapes[self.value]

    def work(self, view: View) -> list[Work]:
        ball, bits = view.ball(view.places[0]), view.precision.bits
        eps = self.eps.bit_length() + self.exponent + 2 * bits
        bits = max(2 * ball.most.bit_length() + ball.columns.bit_length() + bits, eps)
        return [(view.places, 3 * ball.columns + 2, 20 * ball.columns * price(bits))]

    def enclose(self, view: View) -> Ball:
        ball, bits = view.ball(view.places[0]), view.precision.bits
        columns = ball.columns
        eps = shifted(columns * self.eps, self.exponent + 2 * bits)
        (centres,) = wide(columns * ball.most**2 + eps, ball.centres)
        sigma = root(((centres * centres).sum(axis=1) + eps) // columns)
        most = (ball.most + ball.widest + columns + 2 << bits + 1) + bound(sigma)
        centres, radii, sigma = wide(most, ball.centres, ball.radii, sigma)
        clear = sigma > radii + 1
        divisor = np.where(clear, sigma, 1)
        result = np.where(clear[:, None], (centres << bits) // divisor[:, None], 0)
        size = abs(result).max(axis=1) + 1
        most = (bound(size) + (columns + 2 << bits)) * (ball.widest + 2)
        size, radii, sigma = wide(most, size, radii, sigma)
        rest = np.where(clear, sigma - radii - 1, 1)
        spread = up((radii << bits) + size * (radii + 1), rest) + 1
        return Ball(result, np.where(clear, spread, columns << bits))
