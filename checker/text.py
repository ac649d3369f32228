"""The lexical layer of both file kinds: ASCII keywords and decimal integers, read strictly.

One space stands between the tokens of a line, one newline at its end, and an integer has no sign but a
minus and no leading zero, so that every model and every certificate has exactly one spelling.
"""

from checker.errors import Declined

MAX_FILE_BYTES = 16 * 2**20
MAX_DIGITS = 800


class Reader:
    """Reads a file token by token. Every failure is a `Declined` that names the token's place."""

    def __init__(self, data: bytes, kind: str) -> None:
        if len(data) > MAX_FILE_BYTES:
            raise Declined(f"{kind}: {len(data)} bytes, limit max_file_bytes = {MAX_FILE_BYTES}")
        if not data.isascii():
            raise Declined(f"{kind}: not ASCII text")
        self.kind, self.tokens, self.place = kind, data.decode("ascii").replace("\n", " \n ").split(" "), 0

    def fail(self, expected: str) -> Declined:
        rest = self.tokens[self.place :]
        found = "the end of the file" if rest in ([], [""]) else repr(rest[0][:40])
        return Declined(f"{self.kind}: token {self.place + 1}: expected {expected}, found {found}")

    def peek(self) -> str:
        """The next token without taking it: a word, a newline, or the empty string at the end."""
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def word(self, *expected: str) -> str:
        """The next token, which must be one of `expected` where these are given."""
        token = self.peek()
        if token in ("", "\n") or (expected and token not in expected):
            raise self.fail(" or ".join(expected) or "a word")
        self.place += 1
        return token

    def line(self, *keywords: str) -> None:
        """The given keywords one after the other, and the end of the line."""
        for keyword in keywords:
            self.word(keyword)
        if self.peek() != "\n":
            raise self.fail("the end of the line")
        self.place += 1

    def integers(self, count: int, low: int | None = None, high: int | None = None) -> list[int]:
        """The next `count` tokens as integers, each within `low <= k <= high` where these are given."""
        if count > len(self.tokens) - self.place:
            self.place = len(self.tokens)
            raise self.fail(f"{count} integers")
        numbers = []
        for token in self.tokens[self.place : self.place + count]:
            if len(token) > MAX_DIGITS or not token.removeprefix("-").isdigit() or str(int(token)) != token:
                raise self.fail(f"a canonical integer of at most {MAX_DIGITS} characters")
            numbers.append(int(token))
            if (low is not None and numbers[-1] < low) or (high is not None and numbers[-1] > high):
                raise self.fail(f"an integer from {low} to {high}")
            self.place += 1
        return numbers

    def field(self, *keywords: str, low: int | None = None, high: int | None = None) -> int:
        """The given keywords one after the other, and one integer within the limits."""
        for keyword in keywords:
            self.word(keyword)
        return self.integers(1, low, high)[0]

    def setting(self, keyword: str, low: int | None = None, high: int | None = None) -> int:
        """A line of a keyword and one integer within the limits."""
        number = self.field(keyword, low=low, high=high)
        self.line()
        return number

    def end(self) -> None:
        """The line `end`, and nothing after it."""
        self.line("end")
        if self.tokens[self.place :] != [""]:
            raise self.fail("the end of the file")
