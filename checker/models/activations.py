"""Activations: `relu`, `silu`, `gelu_new` and `tanh`.

`silu` and `gelu_new` are x times the logistic function of a gate that ascends with x, so that
bounds at the two ends of a ball enclose it; `tanh` itself ascends.
"""

from dataclasses import dataclass

import numpy as np

from checker.models.affine import _OfRow
from checker.models.syntax import VALUE, View, Work, price
from checker.numbers.balls import Ball, Precision
from checker.numbers.exact import add, shift_up, wide
from checker.numbers.rounding import Array, bound
from checker.numbers.rounding import shift_down as shifted_down
from checker.numbers.rounding import shift_up as shifted_up

# The gate of gelu_new is A (x + B x**3), with the numbers of float64 that the usual code has for
# 2 sqrt(2 / pi) and 0.044715: integer times 2**exponent.
GELU_A = 7186705221432913, -52
GELU_B = 6444110634811895, -57


@dataclass(frozen=True)
class Relu(_OfRow):
    """The larger of an entry and 0."""

    value: int
    name, operands = "relu", (VALUE,)

    def work(self, view: View) -> list[Work]:
        ball = view.ball(view.places[0])
        return [(view.places, ball.columns, 2 * ball.columns * price(ball.most.bit_length()))]

    def enclose(self, view: View) -> Ball:
        ball = view.ball(view.places[0])
        return Ball(np.maximum(ball.centres, 0), ball.radii)


class _OfLogistic(_OfRow):
    """An activation of which bounds at the two ends of a ball are made from the logistic
    function."""

    value: int
    # Operations on one entry in real arithmetic.
    operations: int

    def work(self, view: View) -> list[Work]:
        ball, precision = view.ball(view.places[0]), view.precision
        # The gate's cube, and two logistic functions of two exponentials each.
        bits = 2 * max(ball.most + ball.widest, 1 << precision.bits).bit_length()
        bits = max(bits + precision.weight_bits, 2 * precision.exponential_bits + 1)
        machine = (60 + 16 * (precision.bits + 8)) * ball.columns * price(bits)
        return [(view.places, self.operations * ball.columns, machine)]


class _Gated(_OfLogistic):
    """x / (1 + exp(-gate(x))) for a gate that ascends."""

    def gate(self, arguments: Array, end: int, precision: Precision) -> Array:
        """Lower (`end` 0) or upper (1) bounds of the gate, in the fixed point of the arguments."""
        raise NotImplementedError

    def enclose(self, view: View) -> Ball:
        ball, precision = view.ball(view.places[0]), view.precision
        radii, scale = ball.radii[:, None], precision.exponential_bits + 1
        lower = self.gate(add(ball.centres, -radii), 0, precision)
        upper = self.gate(add(ball.centres, radii), 1, precision)
        low = precision.exponential.logistic(lower, 0)
        high = precision.exponential.logistic(upper, 1)
        most = (2 * ball.widest + 2 * ball.most + 1) << scale
        centres, radii, low, high = wide(most, ball.centres, radii, low, high)
        spread = shift_up(2 * radii * high + abs(centres) * (high - low), scale) + 1
        return Ball(centres * (low + high) >> scale, spread.max(axis=1))


@dataclass(frozen=True)
class Silu(_Gated):
    """x / (1 + exp(-x))."""

    value: int
    name, operands, operations = "silu", (VALUE,), 4

    def gate(self, arguments: Array, end: int, precision: Precision) -> Array:
        return arguments


@dataclass(frozen=True)
class GeluNew(_Gated):
    """x / (1 + exp(-A (x + B x**3))), which is GELU with tanh."""

    value: int
    name, operands, operations = "gelu_new", (VALUE,), 9

    def gate(self, arguments: Array, end: int, precision: Precision) -> Array:
        bits, weight_bits = precision.bits, precision.weight_bits
        largest = max(bound(arguments), 1 << bits)
        most = 4 * largest**2 + (largest**3 >> bits)
        (size,) = wide(max(most, (most >> bits) + 2 << weight_bits + 1), abs(arguments))
        bounds = []
        for constant, down in ((shifted_down, True), (shifted_up, False)):
            a, b = (constant(k, e + weight_bits) for k, e in (GELU_A, GELU_B))
            sign = 1 if down else -1  # rounding the negative down rounds up
            square = size * size * sign >> bits
            factor = (sign << bits) + (b * square >> weight_bits)
            bounds.append(sign * (a * (size * factor >> bits) >> weight_bits))
        down_, up_ = bounds
        return np.where(arguments >= 0, (down_, up_)[end], -(up_, down_)[end])


@dataclass(frozen=True)
class Tanh(_OfLogistic):
    """2 / (1 + exp(-2 x)) - 1, the hyperbolic tangent."""

    value: int
    name, operands, operations = "tanh", (VALUE,), 5

    def enclose(self, view: View) -> Ball:
        ball, precision = view.ball(view.places[0]), view.precision
        centres, radii = wide(4 * (ball.most + ball.widest), ball.centres, ball.radii[:, None])
        low = precision.exponential.logistic(2 * (centres - radii), 0)
        high = precision.exponential.logistic(2 * (centres + radii), 1)
        scale = precision.exponential_bits + 1
        low, high = wide(8 << scale, low, high)
        middle, shift = 2 * (low + high) - (1 << scale), scale - precision.bits
        return Ball(middle >> shift, (shift_up(2 * (high - low), shift) + 1).max(axis=1))
