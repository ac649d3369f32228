"""What a program is: weights, and steps that make values from earlier ones (`docs/semantics.md`).

A value is a matrix of real numbers, mostly one row for each position. Step number i makes value
number i. The rows of the last value are the logits, one row for each answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from checker.errors import Declined
from checker.meter import PYTHON
from checker.numbers.balls import Ball, Precision
from checker.numbers.dyadic import MAX_EXPONENT, Dyadic
from checker.numbers.rounding import Array
from checker.text import Range

MAX_STEPS = 1024
MAX_TENSORS = 1024
MAX_SIZE = 4096
MAX_DIVISOR = 2**20

# What follows a step's name in a file: the number of an earlier value or of a tensor, a mask, a
# list of rows after its length, or an integer within limits.
VALUE, WEIGHTS, MASK, ROWS = "value", "weights", "mask", "rows"
Operand = str | Range
EXPONENT: Range = (-MAX_EXPONENT, MAX_EXPONENT, "max_exponent")
MASKS = ("causal", "full")

Shape = tuple[int, int]
# A row of a value: the numbers of both.
Place = tuple[int, int]
# What is computed once for all inputs that agree on what some rows depend on: the rows, and the
# numbers of real and of machine operations (`checker.meter`).
Work = tuple[Sequence[Place], int, int]


@dataclass(frozen=True)
class Sizes:
    """What the shape of a step depends on: token sets, weights, shapes of earlier values."""

    sets: tuple[tuple[int, ...], ...]
    tensors: tuple[Dyadic, ...]
    shapes: list[Shape]

    def tensor(self, number: int) -> Shape:
        """Rows and columns of a tensor."""
        return self.tensors[number].rows, self.tensors[number].columns

    def expect(self, what: str, expected: object, found: object) -> None:
        """Raises `Declined` unless `found` is what was `expected`."""
        if expected != found:
            step = f"model: step {len(self.shapes)}"
            raise Declined(f"{step}: {what}: expected {expected}, found {found}")

    def below(self, what: str, number: int, limit: int) -> None:
        """Raises `Declined` unless `number` is below `limit`."""
        if number >= limit:
            step = f"model: step {len(self.shapes)}"
            raise Declined(f"{step}: {what}: expected a number below {limit}, found {number}")


class View(Protocol):
    """What a row of a value is computed from: the enclosed rows that it reads, in each of the
    distinct cases among the inputs at hand, and the precision."""

    number: int  # of the row
    places: list[Place]
    positions: tuple[int, ...]  # whose tokens tell the cases apart

    @property
    def precision(self) -> Precision:
        """The bits that the enclosures have."""

    def ball(self, place: Place) -> Ball:
        """The row at `place`, in each of the cases."""

    def tokens(self, position: int) -> Array:
        """The token at a position, in each of the cases."""

    def within(self, *places: Place) -> "View":
        """The view of fewer rows; it has fewer cases where these depend on fewer positions."""

    def spread(self, view: "View", results: Array) -> Array:
        """`results` for the cases of `view`, in each of the cases of this."""


class Step:
    """A constructor of the grammar: its name and operands in a file, and its enclosure.

    Subclasses are dataclasses whose fields are the operands in the order of `operands`.
    """

    name: ClassVar[str]
    operands: ClassVar[tuple[Operand, ...]]

    def shape(self, sizes: Sizes) -> Shape:
        """Rows and columns of the value. Raises `Declined` where operands do not fit."""
        raise NotImplementedError

    def reads(self, row: int, shapes: Sequence[Shape]) -> list[Place]:
        """The rows of earlier values that a row is made from."""
        raise NotImplementedError

    def reads_count(self, row: int, shapes: Sequence[Shape]) -> int:
        """The length of `reads`; overridden where that may be long, so that it is not built."""
        return len(self.reads(row, shapes))

    def looks_up(self, row: int) -> tuple[int, ...]:
        """The positions whose tokens choose a row."""
        return ()

    def work(self, view: View) -> list[Work]:
        """What `enclose` computes, priced before it does."""
        raise NotImplementedError

    def enclose(self, view: View) -> Ball:
        """The enclosure of a row (`docs/rules.md`)."""
        raise NotImplementedError


def price(bits: int) -> int:
    """The price of an operation on integers of so many bits in an array."""
    return 1 if bits < 62 else PYTHON // 16 * (1 + bits // 512)
