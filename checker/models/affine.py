"""Steps of weights, `linear`, `bias`, `times`, and the product of values, `product`."""

from collections.abc import Sequence
from dataclasses import dataclass

from checker.models.syntax import VALUE, WEIGHTS, Place, Shape, Sizes, Step, View, Work, price
from checker.numbers.balls import Ball
from checker.numbers.exact import add, matrix_down, shift_up, wide


class _OfRow(Step):
    """A step whose rows are made from the same rows of one value."""

    value: int

    def shape(self, sizes: Sizes) -> Shape:
        return sizes.shapes[self.value]

    def reads(self, row: int, shapes: Sequence[Shape]) -> list[Place]:
        return [(self.value, row)]


@dataclass(frozen=True)
class Linear(_OfRow):
    """Every row times a matrix."""

    value: int
    weights: int
    name, operands = "linear", (VALUE, WEIGHTS)

    def shape(self, sizes: Sizes) -> Shape:
        (rows, columns), (width, result) = sizes.shapes[self.value], sizes.tensor(self.weights)
        sizes.expect("columns of the value", width, columns)
        return rows, result

    def work(self, view: View) -> list[Work]:
        ball, matrix = view.ball(view.places[0]), view.precision.tensors[self.weights]
        norm = view.precision.weights(self.weights).norm
        entries, bits = matrix.rows * matrix.columns, (ball.most * norm).bit_length()
        # Products of integers above one word are FLINT's, and their entries Python's.
        machine = entries // 4 if bits < 62 else entries * (1 + bits // 128)
        machine += 4 * (matrix.rows + matrix.columns) * price(bits)
        return [(view.places, entries * 2 - matrix.columns, machine)]

    def enclose(self, view: View) -> Ball:
        ball, matrix = view.ball(view.places[0]), view.precision.weights(self.weights)
        bits, slope = view.precision.weight_bits, matrix.norm + ball.columns * matrix.offset
        most = (ball.widest + 1) * slope + ball.columns * ball.most
        radii, sums = wide(most, ball.radii, ball.sums)
        centres = matrix_down(ball.centres, ball.most, matrix, bits)
        return Ball(centres, shift_up(radii * slope + sums * matrix.offset, bits) + 1)


def _one_row(sizes: Sizes, value: int, weights: int) -> Shape:
    """The shape of the value, for which the weights must be one row as wide."""
    shape = sizes.shapes[value]
    sizes.expect("shape of the weights", (1, shape[1]), sizes.tensor(weights))
    return shape


@dataclass(frozen=True)
class Bias(_OfRow):
    """Every row plus a row of weights."""

    value: int
    weights: int
    name, operands = "bias", (VALUE, WEIGHTS)

    def shape(self, sizes: Sizes) -> Shape:
        return _one_row(sizes, self.value, self.weights)

    def work(self, view: View) -> list[Work]:
        ball = view.ball(view.places[0])
        return [(view.places, ball.columns, 4 * ball.columns * price(ball.most.bit_length() + 1))]

    def enclose(self, view: View) -> Ball:
        ball, row = view.ball(view.places[0]), view.precision.values(self.weights)
        return Ball(add(ball.centres, row.integers), ball.radii + row.offset)


@dataclass(frozen=True)
class Times(_OfRow):
    """Every row times a row of weights, entry by entry."""

    value: int
    weights: int
    name, operands = "times", (VALUE, WEIGHTS)

    def shape(self, sizes: Sizes) -> Shape:
        return _one_row(sizes, self.value, self.weights)

    def work(self, view: View) -> list[Work]:
        ball, row = view.ball(view.places[0]), view.precision.weights(self.weights)
        bits = (ball.most * row.most).bit_length()
        return [(view.places, ball.columns, 6 * ball.columns * price(bits))]

    def enclose(self, view: View) -> Ball:
        ball, row = view.ball(view.places[0]), view.precision.weights(self.weights)
        bits, slope = view.precision.weight_bits, row.most + row.offset
        most = (ball.widest + ball.most + 1) * (slope + 1)
        centres, weights, radii, largest = wide(
            most, ball.centres, row.integers, ball.radii, ball.largest
        )
        return Ball(
            centres * weights >> bits, shift_up(radii * slope + largest * row.offset, bits) + 1
        )


@dataclass(frozen=True)
class Product(Step):
    """Two values multiplied entry by entry; a value with itself is its square."""

    left: int
    right: int
    name, operands = "product", (VALUE, VALUE)

    def shape(self, sizes: Sizes) -> Shape:
        sizes.expect("shape", sizes.shapes[self.left], sizes.shapes[self.right])
        return sizes.shapes[self.left]

    def reads(self, row: int, shapes: Sequence[Shape]) -> list[Place]:
        return [(self.left, row), (self.right, row)]

    def work(self, view: View) -> list[Work]:
        left, right = (view.ball(place) for place in view.places)
        bits = (left.most * right.most).bit_length()
        return [(view.places, left.columns, 8 * left.columns * price(bits))]

    def enclose(self, view: View) -> Ball:
        left, right = (view.ball(place) for place in view.places)
        most = 4 * (left.most + left.widest + 1) * (right.most + right.widest + 1)
        x, y, r, s, a, b = wide(
            most,
            left.centres,
            right.centres,
            left.radii,
            right.radii,
            left.largest,
            right.largest,
        )
        bits = view.precision.bits
        return Ball(x * y >> bits, shift_up(a * s + b * r + r * s, bits) + 1)
