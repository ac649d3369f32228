"""How certificates of every version begin: the model that they are about, and what they claim."""

from dataclasses import dataclass
from hashlib import sha256

from checker.errors import Rejected
from checker.text import NATURAL, Reader

HEX_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Header:
    """The claim that at least `correct` of the inputs of the model of a given hash are correct."""

    model_sha256: str
    correct: int

    def require_model(self, found: str) -> None:
        """Raises `Rejected` unless the model's hash is the one claimed."""
        if self.model_sha256 != found:
            raise Rejected(f"model: claimed SHA-256 {self.model_sha256}, found {found}")

    def require_correct(self, found: int, where: str) -> None:
        """Raises `Rejected` unless as many correct inputs were found as are claimed."""
        if self.correct != found:
            raise Rejected(f"total: claimed {self.correct} correct, found {found} in the {where}")


def parse_header(reader: Reader, version: str) -> Header:
    """The header of a certificate of this version."""
    reader.take("compact-proofs-certificate", version, "\n", "model")
    model_sha256 = reader.next
    if len(model_sha256) != 64 or not set(model_sha256) <= HEX_DIGITS:
        raise reader.fail("the model's SHA-256, 64 lower-case hexadecimal digits")
    [correct] = reader.take(model_sha256, "\n", "correct", NATURAL, "\n")
    return Header(model_sha256, correct)


def model_hash(data: bytes) -> str:
    """SHA-256 of the model's bytes, in lower-case hexadecimal."""
    return sha256(data).hexdigest()
