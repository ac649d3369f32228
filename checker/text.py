"""The lexical layer of both file kinds: ASCII keywords and decimal integers, read strictly.

A parser built on `Reader` is lenient about white space only while it reads; the caller then prints what
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
        self.kind, self.tokens, self.place = kind, data.decode("ascii").split(), 0

    def fail(self, expected: str) -> Declined:
        found = self.peek() or "the end of the file"
        return Declined(f"{self.kind}: token {self.place + 1}: expected {expected}, found {found[:40]!r}")

    def peek(self) -> str:
        """The next token without taking it, or the empty string at the end."""
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def word(self) -> str:
        """The next token, whatever it is."""
        if not self.peek():
            raise self.fail("a word")
        self.place += 1
        return self.tokens[self.place - 1]

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
        for token in self.tokens[self.place : self.place + count]:
            if not token.removeprefix("-").isdigit() or len(token) > MAX_DIGITS:
                raise self.fail(f"an integer of at most {MAX_DIGITS} characters")
            numbers.append(int(token))
            if (low is not None and numbers[-1] < low) or (high is not None and numbers[-1] > high):
                raise self.fail(f"an integer from {low} to {high}")
            self.place += 1
        return numbers

    def field(self, *keywords: str, low: int | None = None, high: int | None = None) -> int:
        """The given keywords one after the other, and one integer within the limits."""
        for keyword in keywords:
            self.keyword(keyword)
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
        same = (a == b for a, b in zip(data, canonical, strict=False))
        place = next((i for i, equal in enumerate(same) if not equal), min(len(data), len(canonical)))
        raise Declined(f"{kind}: not in canonical form at byte {place}")
