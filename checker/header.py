"""How certificates of every version begin: the model that they are about, and what they claim."""

from dataclasses import dataclass, field
from hashlib import sha256

from checker.errors import Rejected
from checker.meter import Meter
from checker.rules.margin import NO_MARGIN, Margin, decimal, parse_margin
from checker.text import NATURAL, Reader

HEX_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Header:
    """The claim that at least `correct` of the inputs of the model of a given hash are correct, by
    more than `margin`."""

    model_sha256: str
    correct: int
    margin: Margin = field(default=NO_MARGIN, kw_only=True)

    def require_model(self, found: str) -> None:
        """Raises `Rejected` unless the model's hash is the one claimed."""
        if self.model_sha256 != found:
            raise Rejected(f"model: claimed SHA-256 {self.model_sha256}, found {found}")

    def require_correct(self, found: int, where: str) -> None:
        """Raises `Rejected` unless as many correct inputs were found as are claimed."""
        if self.correct != found:
            raise Rejected(f"total: claimed {self.correct} correct, found {found} in the {where}")

    def metered_margin(self, meter: Meter) -> str:
        """The margin as a decimal number. A verdict about one names its rule, whatever is found."""
        if self.margin != NO_MARGIN:
            meter.add("margin", 0, 0)
        return decimal(self.margin)


def parse_header(reader: Reader, version: str) -> Header:
    """The header of a certificate of this version."""
    reader.take("compact-proofs-certificate", version, "\n")
    model_sha256 = parse_model_sha256(reader)
    [correct] = reader.take("correct", NATURAL, "\n")
    return Header(model_sha256, correct, margin=parse_margin(reader))


def parse_model_sha256(reader: Reader) -> str:
    """The line that names the model."""
    reader.take("model")
    if len(reader.next) != 64 or not set(reader.next) <= HEX_DIGITS:
        raise reader.fail("the model's SHA-256, 64 lower-case hexadecimal digits")
    model_sha256 = reader.word(reader.next)
    reader.take("\n")
    return model_sha256


def model_hash(data: bytes) -> str:
    """SHA-256 of the model's bytes, in lower-case hexadecimal."""
    return sha256(data).hexdigest()
