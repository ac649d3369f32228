"""The lexical layer of both file kinds: ASCII keywords and decimal integers, read strictly.

A parser built on `Reader` is lenient about *layout* only while it reads; the caller then prints what
was parsed and compares it with the bytes it was given, so that every model and every certificate has
exactly one spelling.
"""

from checker.errors import Declined

MAX_FILE_BYTES = 64 * 2**20
MAX_DIGITS = 800


class Reader:
    """Reads a file token by token. Every failure is a `Declined` that names the token's place."""

    def __init__(self, data: bytes, kind: str) -> None:
        if len(data) > MAX_FILE_BYTES:
            raise Declined(f"{kind}: {len(data)} bytes, limit max_file_bytes = {MAX_FILE_BYTES}")
        if not data.isascii():
            raise Declined(f"{kind}: not ASCII text")
        self.kind = kind
        self.tokens = data.decode("ascii").split()
        self.place = 0

    def fail(self, expected: str) -> Declined:
        found = self.tokens[self.place] if self.place < len(self.tokens) else "the end of the file"
        return Declined(
            f"{self.kind}: token {self.place + 1}: expected {expected}, found {found[:40]!r}"
        )

    def word(self) -> str:
        """The next token, whatever it is."""
        if self.place >= len(self.tokens):
            raise self.fail("more tokens")
        self.place += 1
        return self.tokens[self.place - 1]

    def peek(self) -> str:
        """The next token without taking it, or the empty string at the end."""
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def keyword(self, *expected: str) -> str:
        """The next token, which must be one of `expected`."""
        if self.peek() not in expected:
            raise self.fail(" or ".join(expected))
        return self.word()

    def integers(self, count: int, low: int | None = None, high: int | None = None) -> list[int]:
        """The next `count` tokens as integers, each within `low <= k <= high` where these are given."""
        if count > len(self.tokens) - self.place:
            self.place = len(self.tokens)
            raise self.fail(f"{count} integers")
        numbers = []
        for _ in range(count):
            token = self.peek()
            if not token.removeprefix("-").isdigit() or len(token) > MAX_DIGITS:
                raise self.fail(f"an integer of at most {MAX_DIGITS} characters")
            number = int(token)
            if (low is not None and number < low) or (high is not None and number > high):
                raise self.fail(f"an integer from {low} to {high}")
            numbers.append(number)
            self.place += 1
        return numbers

    def integer(self, low: int | None = None, high: int | None = None) -> int:
        """The next token as one integer within the limits."""
        return self.integers(1, low, high)[0]

    def end(self) -> None:
        """The keyword `end`, and nothing after it."""
        self.keyword("end")
        if self.place != len(self.tokens):
            raise self.fail("the end of the file")


def require_canonical(data: bytes, printed: str, kind: str) -> None:
    """Decline unless `data` is the one canonical spelling of what was parsed from it."""
    canonical = printed.encode("ascii")
    if data != canonical:
        place = next(
            (i for i, (a, b) in enumerate(zip(data, canonical, strict=False)) if a != b),
            min(len(data), len(canonical)),
        )
        raise Declined(f"{kind}: not in canonical form at byte {place}")
