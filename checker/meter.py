"""Proof length, counted in scalar operations (`docs/operations.md`), and the room that a check
takes.

`operations` counts what a verifier in exact real arithmetic does for a rule: every multiplication,
addition, subtraction, comparison, division, square root and exponential counts one.
`machine_operations` prices what this kernel does for the same rule, both ends of every enclosure
included: one for an operation on 64-bit integers in an array, and more for what takes more time.
Longer integers are priced by their words.
"""

from math import isqrt

from checker.errors import Declined

MAX_OPERATIONS = 2**32
# For models of version 2, whose inputs are tried: up to about two minutes.
MAX_PROGRAM_OPERATIONS = 2**35
MAX_TABLE_BITS = 5 * 2**30
# The price of a step that Python interprets, about half a microsecond.
PYTHON = 256
# Integers of more bits are objects of their own, which take so many bits beyond theirs.
WORD_BITS, OBJECT_BITS = 55, 320


def words(bits: int) -> int:
    """How many 64-bit words hold an integer of `bits` bits."""
    return 1 + bits // 64


def long_price(left: int, right: int) -> int:
    """The price of multiplying an integer of `left` words by one of `right` words, beyond that of a
    step: as at school, or, where both are long, by Karatsuba's method."""
    return min(2 * left * right, 10 * max(left, right) * isqrt(min(left, right)))


def product_price(left: int, right: int) -> int:
    """The price of one product of integers of `left` and `right` bits that are objects of their
    own, and of the sums and comparisons around it."""
    return 24 + 4 * (words(left) + words(right)) + long_price(words(left), words(right))


class Meter:
    """Adds up operations by rule, and declines a proof that is too long or takes too much
    memory."""

    def __init__(self) -> None:
        self.limit, self.limit_name = MAX_OPERATIONS, "max_operations"
        self.by_rule: dict[str, int] = {}
        self.operations = self.machine_operations = 0
        # Bits of what is kept to the end of the check, and of what is needed for some time only.
        self.kept = self.passing = 0

    def add(self, rule: str, operations: int, machine_operations: int) -> None:
        """Call before the work is done, so that an excessive request is declined at once."""
        self.by_rule[rule] = self.by_rule.get(rule, 0) + operations
        self.operations += operations
        self.machine_operations += machine_operations
        if max(self.operations, self.machine_operations) > self.limit:
            raise Declined(f"{rule}: proof longer than {self.limit_name} = {self.limit}")

    def hold(self, rule: str, numbers: int, bits: int, keep: bool = False) -> None:
        """Call before so many integers of so many bits are built, in arrays, lists or matrices.
        They count until `release`, or to the end of the check if they are to `keep`."""
        size = numbers * (64 if bits <= WORD_BITS else OBJECT_BITS + bits)
        self.kept, self.passing = self.kept + size * keep, self.passing + size * (not keep)
        if self.kept + self.passing > MAX_TABLE_BITS:
            raise Declined(
                f"{rule}: {numbers} numbers of {bits} bits, limit max_table_bits = {MAX_TABLE_BITS}"
            )

    def release(self, passing: int = 0) -> None:
        """What is not kept is needed no longer, but for what was so earlier, when `passing` was
        read."""
        self.passing = passing
