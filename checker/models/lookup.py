"""Steps that look up, select and add rows: `embed`, `embed_at`, `constant`, `rows`, `add`, `total`,
`attend_sum`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from checker.models.syntax import (
    MASK,
    MAX_SIZE,
    ROWS,
    VALUE,
    WEIGHTS,
    Place,
    Shape,
    Sizes,
    Step,
    View,
    Work,
    price,
)
from checker.numbers.balls import Ball
from checker.numbers.exact import add


class _LookUp(Step):
    """A step that takes rows of a tensor."""

    weights: int

    def reads(self, row: int, shapes: Sequence[Shape]) -> list[Place]:
        return []

    def work(self, view: View) -> list[Work]:
        return [((), 0, 4 * view.precision.tensors[self.weights].columns)]

    def enclose(self, view: View) -> Ball:
        table = view.precision.values(self.weights)
        chosen = [view.tokens(position) for position in self.looks_up(view.number)]
        index = chosen[0] if chosen else np.array([view.number], dtype=np.int64)
        radii = np.full(len(index), table.offset, dtype=np.int64)
        return Ball(table.integers[index], radii)


@dataclass(frozen=True)
class Embed(_LookUp):
    """Row j is the row of the tensor that the token at position j names."""

    weights: int
    name, operands = "embed", (WEIGHTS,)

    def shape(self, sizes: Sizes) -> Shape:
        rows, columns = sizes.tensor(self.weights)
        sizes.below("token", max(tokens[-1] for tokens in sizes.sets), rows)
        return len(sizes.sets), columns

    def looks_up(self, row: int) -> tuple[int, ...]:
        return (row,)


@dataclass(frozen=True)
class EmbedAt(_LookUp):
    """One row: that of the tensor which the token at one position names."""

    position: int
    weights: int
    name, operands = "embed_at", ((0, MAX_SIZE), WEIGHTS)

    def shape(self, sizes: Sizes) -> Shape:
        rows, columns = sizes.tensor(self.weights)
        sizes.below("position", self.position, len(sizes.sets))
        sizes.below("token", sizes.sets[self.position][-1], rows)
        return 1, columns

    def looks_up(self, row: int) -> tuple[int, ...]:
        return (self.position,)


@dataclass(frozen=True)
class Constant(_LookUp):
    """The rows of the tensor."""

    weights: int
    name, operands = "constant", (WEIGHTS,)

    def shape(self, sizes: Sizes) -> Shape:
        return sizes.tensor(self.weights)


class _Sum(Step):
    """A step whose rows are sums of rows."""

    def work(self, view: View) -> list[Work]:
        balls = [view.ball(place) for place in view.places]
        columns, bits = balls[0].columns, max(ball.most for ball in balls).bit_length()
        machine = 2 * len(balls) * (columns + 1) * price(bits + len(balls).bit_length())
        return [(view.places, (len(balls) - 1) * columns, machine)]

    def enclose(self, view: View) -> Ball:
        first, *rest = (view.ball(place) for place in view.places)
        centres, radii = first.centres, first.radii
        for ball in rest:
            centres, radii = add(centres, ball.centres), add(radii, ball.radii)
        return Ball(centres, radii)


@dataclass(frozen=True)
class Add(_Sum):
    """The sum of two values."""

    left: int
    right: int
    name, operands = "add", (VALUE, VALUE)

    def shape(self, sizes: Sizes) -> Shape:
        sizes.expect("shape", sizes.shapes[self.left], sizes.shapes[self.right])
        return sizes.shapes[self.left]

    def reads(self, row: int, shapes: Sequence[Shape]) -> list[Place]:
        return [(self.left, row), (self.right, row)]


@dataclass(frozen=True)
class Rows(_Sum):
    """Some rows of a value, in any order."""

    value: int
    chosen: tuple[int, ...]
    name, operands = "rows", (VALUE, ROWS)

    def shape(self, sizes: Sizes) -> Shape:
        rows, columns = sizes.shapes[self.value]
        sizes.below("row", max(self.chosen), rows)
        return len(self.chosen), columns

    def reads(self, row: int, shapes: Sequence[Shape]) -> list[Place]:
        return [(self.value, self.chosen[row])]


@dataclass(frozen=True)
class Total(_Sum):
    """One row: the sum of the rows of a value."""

    value: int
    name, operands = "total", (VALUE,)

    def shape(self, sizes: Sizes) -> Shape:
        return 1, sizes.shapes[self.value][1]

    def reads(self, row: int, shapes: Sequence[Shape]) -> list[Place]:
        return [(self.value, i) for i in range(shapes[self.value][0])]

    def reads_count(self, row: int, shapes: Sequence[Shape]) -> int:
        return shapes[self.value][0]


@dataclass(frozen=True)
class AttendSum(_Sum):
    """Attention without softmax: row j is the sum of the rows that position j sees."""

    value: int
    mask: str
    name, operands = "attend_sum", (VALUE, MASK)

    def shape(self, sizes: Sizes) -> Shape:
        return sizes.shapes[self.value]

    def reads(self, row: int, shapes: Sequence[Shape]) -> list[Place]:
        return [(self.value, i) for i in seen(self.mask, row, shapes[self.value][0])]

    def reads_count(self, row: int, shapes: Sequence[Shape]) -> int:
        return len(seen(self.mask, row, shapes[self.value][0]))


def seen(mask: str, row: int, rows: int) -> range:
    """The positions that a position sees."""
    return range(row + 1 if mask == "causal" else rows)
