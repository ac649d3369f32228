"""Attention with softmax: `attend`, one head."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from checker.models.lookup import seen
from checker.models.syntax import (
    EXPONENT,
    MASK,
    MAX_DIVISOR,
    VALUE,
    Place,
    Shape,
    Sizes,
    Step,
    View,
    Work,
    price,
)
from checker.numbers.balls import Ball
from checker.numbers.exact import add, inner_down, narrow, shift_up, up, wide
from checker.numbers.rounding import Array, bound, root
from checker.text import ENDLESS


@dataclass(frozen=True)
class Attend(Step):
    """Row j is the mean of the rows i of `values` that it sees, under weights
    exp(scale 2**exponent / sqrt(divisor) * query_j . key_i)."""

    queries: int
    keys: int
    values: int
    mask: str
    scale: int
    exponent: int
    divisor: int
    name = "attend"
    operands = (
        VALUE,
        VALUE,
        VALUE,
        MASK,
        (-ENDLESS, ENDLESS),
        EXPONENT,
        (1, MAX_DIVISOR, "max_divisor"),
    )

    def shape(self, sizes: Sizes) -> Shape:
        queries, keys, values = (sizes.shapes[x] for x in (self.queries, self.keys, self.values))
        sizes.expect("shape of the keys", queries, keys)
        sizes.expect("rows of the values", queries[0], values[0])
        sizes.expect("scale modulo 2", 1, self.scale % 2)
        return values

    def reads(self, row: int, shapes: Sequence[Shape]) -> list[Place]:
        others = seen(self.mask, row, shapes[self.keys][0])
        keys, values = [[(x, i) for i in others] for x in (self.keys, self.values)]
        return [(self.queries, row), *keys, *values]

    def reads_count(self, row: int, shapes: Sequence[Shape]) -> int:
        return 1 + 2 * len(seen(self.mask, row, shapes[self.keys][0]))

    def work(self, view: View) -> list[Work]:
        query, *rest = view.places
        precision, count = view.precision, len(rest) // 2
        q, balls = view.ball(query), [view.ball(place) for place in rest]
        width, columns = q.columns, balls[-1].columns
        bits = max(q.most, *(ball.most for ball in balls)).bit_length()
        scores = (4 * width + 20) * price(2 * bits - precision.bits + width.bit_length())
        most = max(ball.most for ball in balls[count:])
        mixed = most.bit_length() + precision.exponential_bits + count.bit_length() + 2
        exponentials = 2 * (10 + 6 * max(0, precision.bits - 10))
        exponentials *= price(2 * precision.exponential_bits)
        mean = count * exponentials + (5 * count + 8) * columns * price(mixed)
        pairs = [([query, key], 2 * width, scores) for key in rest[:count]]
        return [*pairs, (view.places, 2 * count * (columns + 1) - 1, mean)]

    def enclose(self, view: View) -> Ball:
        query, *rest = view.places
        keys, values = rest[: len(rest) // 2], [view.ball(p) for p in rest[len(rest) // 2 :]]
        scores = [self._score(view, query, key) for key in keys]
        top = np.maximum.reduce([upper for _, upper in scores])
        bounds = view.precision.exponential.bounds
        low = [bounds(top - lower, 0) for lower, _ in scores]
        high = [bounds(top - upper, 1) for _, upper in scores]
        return mean(low, high, values)

    def _score(self, view: View, query: Place, key: Place) -> tuple[Array, Array]:
        """The ends of the score of a query and a key, in the fixed point of values."""
        pair, precision = view.within(query, key), view.precision
        q, k, bits = pair.ball(query), pair.ball(key), precision.bits
        dot = inner_down(q.centres, k.centres, bits)
        most = (q.widest + q.most) * (k.widest + k.most) * 3 * q.columns
        r, s, a, b = wide(most, q.radii, k.radii, k.sums, q.sums)
        error = shift_up(r * a + s * b + q.columns * r * s, bits) + 1
        shift = self.exponent + precision.exponential_bits
        ([scale], _) = root([self.scale], shift, self.divisor)
        most = (bound(dot) + bound(error) + 1) * (abs(scale) + 2)
        dot, error = wide(most, dot, error)
        centre = dot * scale >> precision.exponential_bits
        radius = shift_up(error * (abs(scale) + 1) + abs(dot), precision.exponential_bits) + 1
        lower, upper = wide(4 * most, centre - radius, centre + radius)
        return view.spread(pair, lower), view.spread(pair, upper)


def mean(low: list[Array], high: list[Array], values: list[Ball]) -> Ball:
    """The mean of `values` under weights between `low` and `high`."""
    least = add_all(low)
    total, gap = add(least, add_all(high)), add_all([h - a for a, h in zip(low, high, strict=True)])
    most = max(ball.most for ball in values)
    largest = np.maximum.reduce([ball.largest for ball in values])
    radius = np.maximum.reduce([ball.radii for ball in values])
    some, divisor = least > 0, np.maximum(least, 1)
    gap, largest, radius = wide(2 * most * bound(gap) + bound(radius), gap, largest, radius)
    spread = np.where(some, up(gap * largest, divisor) + 1, largest)
    weights = [add(a, h) for a, h in zip(low, high, strict=True)]
    result = None
    for weight, ball in zip(weights, values, strict=True):
        w, centres = wide(2 * bound(total) * most, weight, ball.centres)
        result = w[:, None] * centres if result is None else result + w[:, None] * centres
    centres = np.where(some[:, None], result // total[:, None], 0)
    return Ball(narrow(centres), radius + spread)


def add_all(arrays: list[Array]) -> Array:
    """The sum of `arrays`."""
    result = arrays[0]
    for array in arrays[1:]:
        result = add(result, array)
    return result
