"""Certificate files of version 2: a claim about the model of a given hash, and its proof."""

from dataclasses import dataclass

from checker.header import Header, parse_header
from checker.rules.evaluate import Evaluate, parse_evaluate
from checker.text import Reader


@dataclass(frozen=True)
class Claim(Header):
    """At least `correct` of the inputs of a model are correct by more than `margin`, by the rule
    `evaluate`."""

    proof: Evaluate


def parse_claim(data: bytes) -> Claim:
    """The claim that `data` denotes; it is read without its model. Raises `Declined`."""
    reader = Reader(data, "certificate")
    header = parse_header(reader, "2")
    reader.take("rule", "evaluate", "\n")
    proof = parse_evaluate(reader)
    reader.end()
    return Claim(header.model_sha256, header.correct, proof, margin=header.margin)
