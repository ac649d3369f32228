"""Certificate files of version 2: a claim about the model of a given hash, and its proof."""

from dataclasses import dataclass

from checker.rules.evaluate import Evaluate, parse_evaluate
from checker.text import NATURAL, Reader

HEX_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Claim:
    """At least `correct` of the inputs of a model are correct, by the rule `evaluate`."""

    model_sha256: str
    correct: int
    proof: Evaluate


def parse_claim(data: bytes) -> Claim:
    """The claim that `data` denotes; it is read without its model. Raises `Declined`."""
    reader = Reader(data, "certificate")
    reader.take("compact-proofs-certificate", "2", "\n", "model")
    model_sha256 = reader.next
    if len(model_sha256) != 64 or not set(model_sha256) <= HEX_DIGITS:
        raise reader.fail("the model's SHA-256, 64 lower-case hexadecimal digits")
    [correct] = reader.take(model_sha256, "\n", "correct", NATURAL, "\n", "rule", "evaluate", "\n")
    proof = parse_evaluate(reader)
    reader.end()
    return Claim(model_sha256, correct, proof)
