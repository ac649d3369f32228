"""Changes to the words and bytes of a file, which know nothing of what it says.

Most are of the certificate, some of the model, whose hash in the certificate is mostly brought up to date.
"""

import random
from collections.abc import Callable

from fuzzing.registry import Case, register

OfText = Callable[[random.Random, bytes], bytes]
OfLines = Callable[[random.Random, list[bytes]], None]

DIGITS = b"0123456789"
BYTES = (*b"0123456789- \nabcdef\t\r+.", 0, 255)
# Other spellings of the number 7, and of others, in the eyes of more lenient parsers.
SPELLINGS = (
    *(
        "+%d",
        "0%d",
        "%d.0",
        "%de0",
        "%d_0",
        "0x%x",
        "0b%d",
        "-0",
        "--%d",
        "%d-",
        "\t%d",
        "%d\t",
        "\u0667",
        "\uff17",
        "\u00b2",
    ),
    *("true", "null", "nan", "inf", "1/1", "1e400", "0o%o", "'%d'", "%d,", "(%d)", "%%d", "%dL"),
)
CHARACTERS = ("\u00e9", "\u2212", "\u00a0", "\u0661", "\u2028", "\u0130", "\U0001f600", "\u200b")


def of_text(name: str, description: str) -> Callable[[OfText], OfText]:
    """Registers a mutation of either file."""

    def decorate(change: OfText) -> OfText:
        def mutation(rng: random.Random, case: Case) -> Case | None:
            if rng.random() < 0.7:
                return Case(case.model, change(rng, case.certificate), case.truth)
            model = change(rng, case.model)
            return case.with_model(model) if rng.random() < 0.9 else Case(model, case.certificate)

        register(name, description, mutation)
        return change

    return decorate


def of_lines(name: str, description: str) -> Callable[[OfLines], OfLines]:
    """Registers a mutation of the lines of either file, in place."""

    def decorate(change: OfLines) -> OfLines:
        def mutation(rng: random.Random, data: bytes) -> bytes:
            lines = data.split(b"\n")
            change(rng, lines)
            return b"\n".join(lines)

        of_text(name, description)(mutation)
        return change

    return decorate


def of_words(name: str, description: str) -> Callable[[OfLines], OfLines]:
    """Registers a mutation of the words of a line, taken at random, in place."""

    def decorate(change: OfLines) -> OfLines:
        def mutation(rng: random.Random, lines: list[bytes]) -> None:
            place = rng.randrange(len(lines))
            words = lines[place].split(b" ")
            change(rng, words)
            lines[place] = b" ".join(words)

        of_lines(name, description)(mutation)
        return change

    return decorate


def _is_number(word: bytes) -> bool:
    return word.removeprefix(b"-").isdigit() and len(word) <= 4000


def of_numbers(name: str, description: str, change: Callable[[random.Random, bytes], bytes]) -> None:
    """Registers a mutation of a number, taken at random."""

    def mutation(rng: random.Random, lines: list[bytes]) -> None:
        place = rng.randrange(len(lines))
        words = lines[place].split(b" ")
        numbers = [i for i, word in enumerate(words) if _is_number(word)]
        if numbers:
            chosen = rng.choice(numbers)
            words[chosen] = change(rng, words[chosen])
            lines[place] = b" ".join(words)

    of_lines(name, description)(mutation)


# Numbers


@of_text("digit changed", "a digit is another")
def _digit_changed(rng: random.Random, data: bytes) -> bytes:
    # A few tries find a digit anywhere in the file, without a list of them all.
    for _ in range(8):
        place = rng.randrange(len(data) or 1)
        if data[place : place + 1].isdigit():
            return data[:place] + bytes([rng.choice(DIGITS)]) + data[place + 1 :]
    return data


def _near(rng: random.Random, word: bytes) -> bytes:
    number = int(word)
    return b"%d" % rng.choice((number + 1, number - 1, -number, 2 * number, number // 2, 0, 1, 2))


def _far(rng: random.Random, word: bytes) -> bytes:
    words_of_the_machine = (2**31, 2**32, 2**62, 2**63, -(2**63), 2**64, 2**64 + int(word))
    return b"%d" % rng.choice((*words_of_the_machine, 10**9, rng.randint(0, 10**6)))


def _long(rng: random.Random, word: bytes) -> bytes:
    digits = rng.choice((799, 800, 801, 4299, 4300, 4301, 5000))
    return rng.choice((b"", b"", b"-")) + bytes([rng.choice(DIGITS[1:])]) * digits


def _spelt(rng: random.Random, word: bytes) -> bytes:
    spelling = rng.choice(SPELLINGS)
    return (spelling % int(word) if "%" in spelling.replace("%%", "") else spelling).encode()


of_numbers("number changed", "a number is one more or less, twice, half, negative, 0, 1 or 2", _near)
of_numbers("number far away", "a number is huge, or negative, or at the end of a word of the machine", _far)
of_numbers("number long", "a number has hundreds or thousands of digits", _long)
of_numbers("number spelt otherwise", "a number is spelt in a way that other parsers accept", _spelt)


# Words and lines


@of_words("word deleted", "a word is left out")
def _word_deleted(rng: random.Random, words: list[bytes]) -> None:
    del words[rng.randrange(len(words))]


@of_words("word duplicated", "a word is there twice")
def _word_duplicated(rng: random.Random, words: list[bytes]) -> None:
    words.insert(rng.randint(0, len(words)), rng.choice(words))


@of_words("words exchanged", "two words of a line change places")
def _words_exchanged(rng: random.Random, words: list[bytes]) -> None:
    one, other = rng.randrange(len(words)), rng.randrange(len(words))
    words[one], words[other] = words[other], words[one]


@of_words("word replaced", "a word is another one of the line, or a keyword")
def _word_replaced(rng: random.Random, words: list[bytes]) -> None:
    keywords = (b"rest", b"levels", b"enumerate", b"exact", b"low_rank", b"tensor", b"end", b"0", b"")
    words[rng.randrange(len(words))] = rng.choice((*words, *keywords))


@of_lines("line deleted", "a line is left out")
def _line_deleted(rng: random.Random, lines: list[bytes]) -> None:
    del lines[rng.randrange(len(lines))]


@of_lines("line duplicated", "a line is there twice, next to itself or elsewhere")
def _line_duplicated(rng: random.Random, lines: list[bytes]) -> None:
    place = rng.randrange(len(lines))
    lines.insert(rng.choice((place, rng.randint(0, len(lines)))), lines[place])


@of_lines("lines exchanged", "two lines change places")
def _lines_exchanged(rng: random.Random, lines: list[bytes]) -> None:
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


# Bytes


@of_text("byte inserted", "there is one more byte")
def _byte_inserted(rng: random.Random, data: bytes) -> bytes:
    place = rng.randint(0, len(data))
    return data[:place] + bytes([rng.choice((*BYTES, rng.randrange(256)))]) + data[place:]


@of_text("bytes deleted", "one byte, or some, are left out")
def _bytes_deleted(rng: random.Random, data: bytes) -> bytes:
    place = rng.randint(0, len(data))
    return data[:place] + data[place + rng.choice((1, 1, rng.randint(1, 40))) :]


@of_text("byte changed", "a byte is another")
def _byte_changed(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) or 1)
    return data[:place] + bytes([rng.choice((*BYTES, rng.randrange(256)))]) + data[place + 1 :]


@of_text("bit flipped", "a bit of a byte is the other")
def _bit_flipped(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


@of_text("bytes moved", "a piece of the file is elsewhere, or there twice")
def _bytes_moved(rng: random.Random, data: bytes) -> bytes:
    first, last = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
    if rng.random() < 0.5:
        return data[:last] + data[first:]
    return data[first:last] + data[:first] + data[last:]


@of_text("truncated", "the file ends too early")
def _truncated(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.choice((0, len(data) - 1, rng.randint(0, len(data))))]


@of_text("nul inserted", "there is a byte 0 somewhere")
def _nul_inserted(rng: random.Random, data: bytes) -> bytes:
    place = rng.choice((0, len(data), rng.randint(0, len(data))))
    return data[:place] + b"\0" + data[place:]


@of_text("character beyond ASCII", "there is a letter, a digit or a space that is not of ASCII")
def _character_beyond_ascii(rng: random.Random, data: bytes) -> bytes:
    place = rng.randint(0, len(data))
    return data[:place] + rng.choice(CHARACTERS).encode() + data[place + rng.randint(0, 1) :]


@of_text("other encoding", "the file begins with a byte-order mark, or is in UTF-16")
def _other_encoding(rng: random.Random, data: bytes) -> bytes:
    utf_16 = rng.choice(("utf-16", "utf-16-le", "utf-16-be"))
    return b"\xef\xbb\xbf" + data if rng.random() < 0.5 else data.decode("latin-1").encode(utf_16)


@of_text("other newlines", "lines end in another way, or there is a newline too many or too few")
def _other_newlines(rng: random.Random, data: bytes) -> bytes:
    change = rng.randrange(6)
    if change < 3:
        return data.replace(b"\n", (b"\r\n", b"\r", b"\n\n")[change])
    if change == 3:
        return data.rstrip(b"\n")
    return data + b"\n" if change == 4 else b"\n" + data


@of_text("blanks", "there is one space too many, or another kind of blank")
def _blanks(rng: random.Random, data: bytes) -> bytes:
    places = [i for i, byte in enumerate(data) if byte in b" \n"]
    if not places:
        return data + b" "
    place = rng.choice(places)
    blank = rng.choice((b"  ", b"\t", b" \n", b"\n ", b"\x0b", b"\x0c", b"\x1c", b"\r"))
    return data[:place] + blank + data[place + 1 :]


def _concatenated(rng: random.Random, case: Case) -> Case | None:
    """Puts a file after itself, or after the other one."""
    certificate, model = case.certificate, case.model
    ways = (
        Case(model, certificate + certificate),
        Case(model, model + certificate),
        Case(model, certificate + model),
        Case(model, certificate + certificate.split(b"\n", 1)[-1]),
        case.with_model(model + model),
        case.with_model(model + certificate),
        Case(certificate, model),
        Case(model, model),
        Case(model, certificate + b"end\n"),
    )
    return rng.choice(ways)


register("concatenated", "a file comes after itself or the other one, or takes its place", _concatenated)
