"""Certificate files of version 2: a claim about the model of a given hash, and its proof."""

from dataclasses import dataclass

from checker.rules.evaluate import Evaluate, parse_evaluate
from checker.rules.margin import Margin, parse_margin
from checker.text import NATURAL, Reader

HEX_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Claim:
    """At least `correct` of the inputs of a model are correct by more than `margin`, by the rule
    `evaluate`."""

    model_sha256: str
    correct: int
    margin: Margin
    proof: Evaluate


def parse_sha256(reader: Reader, expected: str) -> str:
    """A SHA-256, that of what is `expected`."""
    if len(reader.next) != 64 or not set(reader.next) <= HEX_DIGITS:
        raise reader.fail(f"{expected}, 64 lower-case hexadecimal digits")
    return reader.word(reader.next)


def parse_claim(data: bytes) -> Claim:
    """The claim that `data` denotes; it is read without its model. Raises `Declined`."""
    reader = Reader(data, "certificate")
    reader.take("compact-proofs-certificate", "2", "\n", "model")
    model_sha256 = parse_sha256(reader, "the model's SHA-256")
    [correct], margin = reader.take("\n", "correct", NATURAL, "\n"), parse_margin(reader)
    reader.take("rule", "evaluate", "\n")
    proof = parse_evaluate(reader)
    reader.end()
    return Claim(model_sha256, correct, margin, proof)
