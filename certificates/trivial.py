"""Strategy `trivial`: claims nothing about the model. The shortest proof, and the worst bound."""

from certificates.certificate_file import format_certificate
from certificates.prover import Proof
from checker.certificate import TABLES, Certificate
from checker.header import model_hash
from checker.models.attention_only import parse_model
from checker.rules.margin import NO_MARGIN, Margin


def prove_trivial(model_data: bytes, margin: Margin = NO_MARGIN) -> Proof:
    """A certificate without groups, which claims that at least 0 inputs are correct."""
    parse_model(model_data)  # a file that is no model gets no certificate
    certificate = Certificate(
        model_sha256=model_hash(model_data),
        correct=0,
        score_bits=1,
        exponential_bits=1,
        tables=((),) * len(TABLES),
        partitions=(),
        groups=(),
        margin=margin,
    )
    return Proof(format_certificate(certificate).encode("ascii"), 0, 0, 0)
