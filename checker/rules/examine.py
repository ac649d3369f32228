"""The check of a program: a model file of version 2 and a certificate, and what it is about."""

from typing import TYPE_CHECKING

from checker.errors import Rejected
from checker.meter import MAX_PROGRAM_OPERATIONS, Meter
from checker.models.program import Program, parse_program
from checker.rules.certificate import Claim, parse_claim
from checker.rules.distribution import Distribution
from checker.rules.evaluate import check_evaluate
from checker.rules.margin import decimal

if TYPE_CHECKING:
    from checker.check import Verdict

# How a model of version 2 begins.
PROGRAM = b"compact-proofs-model 2\n"


def check_claim(
    program: Program,
    claim: Claim,
    meter: Meter,
    counts: list[int],
    distribution: Distribution | None = None,
) -> tuple[int, int]:
    """The number of inputs of `program` that `claim` proves correct, and what those weigh that are
    found so, if there is a distribution. Raises `Rejected` at a claim that is not established."""
    weight = 0
    for listed, certified in check_evaluate(program, claim.proof, claim.margin, meter, counts):
        if distribution is not None:
            weight += int(distribution.of_inputs(listed, meter)[certified].sum())
    correct = sum(each for _, _, each in claim.proof.intervals)
    if claim.correct != correct:
        raise Rejected(
            f"total: claimed {claim.correct} correct, found {correct} in the intervals"
        )
    return correct, weight


def examine_program(
    model_data: bytes,
    certificate_data: bytes,
    found: "Verdict",
    meter: Meter,
    counts: list[int],
    distribution: Distribution | None,
) -> int:
    """The number of inputs proved correct of a model of version 2; `found` says of which."""
    meter.limit, meter.limit_name = MAX_PROGRAM_OPERATIONS, "max_program_operations"
    program, claim = parse_program(model_data), parse_claim(certificate_data)
    inputs = program.inputs
    found.describe(program)
    found.margin = decimal(claim.margin)
    if claim.model_sha256 != found.model_sha256:
        expected = f"claimed SHA-256 {claim.model_sha256}"
        raise Rejected(f"model: {expected}, found {found.model_sha256}")
    found.total = inputs.count(meter)
    if distribution is not None:
        distribution.require([len(tokens) for tokens in inputs.sets], program.answers)
    correct, weight = check_claim(program, claim, meter, counts, distribution)
    if distribution is not None:
        found.weigh(distribution, weight, distribution.of_all(inputs, meter))
    return correct
