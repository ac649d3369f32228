"""The lexical layer of both file kinds: ASCII keywords and decimal integers, read strictly.

One space stands between the tokens of a line, one newline at its end, and an integer has no sign
but a minus and no leading zero, so that every model and every certificate has exactly one spelling.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from checker.errors import Declined

MAX_FILE_BYTES = 5 * 2**20
MAX_DIGITS = 800
# The most tokens of an input, in models of every version.
MAX_POSITIONS = 256
# Zero, or a number of other digits in front, with a minus or without.
NUMBERS = f"[1-9][0-9]{{0,{MAX_DIGITS - 1}}}|-[1-9][0-9]{{0,{MAX_DIGITS - 2}}}"
CANONICAL = re.compile(f"0|{NUMBERS}").fullmatch
# More than any integer that is short enough.
ENDLESS = 10**MAX_DIGITS

# (low, high), or (low, high, the name of the limit that high is).
Range = tuple[int, int] | tuple[int, int, str]
NATURAL: Range = (0, ENDLESS)
POSITIVE: Range = (1, ENDLESS)


@contextmanager
def any_number_of_digits() -> Iterator[None]:
    """Integers are read and printed whatever limit of digits the process has, which is back
    afterwards: their length is limited by `Reader`, and verdicts must not depend on the
    environment."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)


class Reader:
    """Reads a file token by token. Every failure is a `Declined` that names the token's place."""

    def __init__(self, data: bytes, kind: str) -> None:
        if len(data) > MAX_FILE_BYTES:
            raise Declined(f"{kind}: {len(data)} bytes, limit max_file_bytes = {MAX_FILE_BYTES}")
        if not data.isascii():
            raise Declined(f"{kind}: not ASCII text")
        self.kind, self.place = kind, 0
        self.tokens = data.decode("ascii").replace("\n", " \n ").split(" ")
        # An empty token after the last one, which nothing matches, keeps every search inside.
        self.tokens.append("")

    # The next token, which is not taken by this: a word, a newline, or the empty string at the end.
    next = property(lambda self: self.tokens[self.place])

    def fail(self, expected: str) -> Declined:
        """The failure to find what was `expected` at this place; a newline is the end of a line."""
        found = "the end of the file"
        if self.next or self.place < len(self.tokens) - 2:
            found = repr(self.next[:40])
        after = f", after {self.tokens[self.place - 1][:40]!r}" if self.place else ""
        expected = expected.replace("\n", "the end of the line")
        token = f"token {self.place + 1}"
        return Declined(f"{self.kind}: {token}: expected {expected}, found {found}{after}")

    def word(self, *expected: str) -> str:
        """The next token, which must be one of `expected`."""
        if self.next not in expected:
            raise self.fail(" or ".join(expected))
        self.place += 1
        return self.tokens[self.place - 1]

    def integers(self, count: int, limits: Range = (-ENDLESS, ENDLESS)) -> list[int]:
        """The next `count` tokens as integers k, with low <= k <= high for `limits` (low, high,
        perhaps a name)."""
        low, high = limits[:2]
        tokens = self.tokens[self.place : self.place + count]
        # Where there are fewer than `count`, the last of them is empty.
        if not all(map(CANONICAL, tokens)):
            raise self.misplaced(limits)
        numbers = list(map(int, tokens))
        if numbers and (min(numbers) < low or max(numbers) > high):
            raise self.misplaced(limits)
        self.place += count
        return numbers

    def misplaced(self, limits: Range) -> Declined:
        """The failure at the next token that is not an integer within `limits`."""
        low, high, *name = limits
        while CANONICAL(self.next) and low <= int(self.next) <= high:
            self.place += 1
        if not CANONICAL(self.next):
            return self.fail(f"a canonical integer of at most max_digits = {MAX_DIGITS} characters")
        most = f" to {' = '.join([*name, str(high)])}" if high < ENDLESS else " on"
        return self.fail(f"an integer from {low}{most}")

    def take(self, *pattern: str | Range) -> list[int]:
        """Reads words as `pattern` has them, and an integer for each range in it; returns the
        integers."""
        numbers = []
        for expected in pattern:
            if isinstance(expected, str):
                self.word(expected)
            else:
                token = self.next
                if not CANONICAL(token) or not expected[0] <= int(token) <= expected[1]:
                    raise self.misplaced(expected)
                numbers.append(int(token))
                self.place += 1
        return numbers

    def ascending(self, count: Range, limits: Range) -> tuple[int, ...]:
        """As many integers as the one before them says, each greater than the one before it."""
        numbers = tuple(self.integers(self.take(count)[0], limits))
        if any(a >= b for a, b in zip(numbers, numbers[1:], strict=False)):
            raise self.fail("ascending numbers before here")
        return numbers

    def end(self) -> None:
        """The line `end`, and nothing after it."""
        self.take("end", "\n")
        if self.tokens[self.place :] != ["", ""]:
            raise self.fail("the end of the file")
