"""The check of a program: a model file of version 2 and a certificate, and what it is about."""

from checker.inputs import Listed
from checker.meter import MAX_PROGRAM_OPERATIONS, Meter
from checker.models.program import Program, parse_program
from checker.rules.certificate import parse_claim
from checker.rules.distribution import Distribution, state_weight
from checker.rules.evaluate import check_evaluate
from checker.verdict import Verdict

# How a model of version 2 begins.
PROGRAM = b"compact-proofs-model 2\n"


def describe_program(found: Verdict, program: Program) -> None:
    """Says which model a verdict is about, and of which inputs."""
    inputs = program.inputs
    found.task, found.inputs, found.model = str(inputs.task), str(inputs), str(program)
    found.positions, found.tokens = len(inputs.sets), 1 + max(s[-1] for s in inputs.sets)
    found.took_part(type(inputs.task), *map(type, program.steps))


def examine_program(
    model_data: bytes,
    certificate_data: bytes,
    found: Verdict,
    meter: Meter,
    counts: list[int],
    distribution: Distribution | None,
) -> int:
    """The number of inputs proved correct of a model of version 2; `found` says of which."""
    meter.limit, meter.limit_name = MAX_PROGRAM_OPERATIONS, "max_program_operations"
    program, claim = parse_program(model_data), parse_claim(certificate_data)
    inputs = program.inputs
    describe_program(found, program)
    found.margin = claim.metered_margin(meter)
    found.took_part(examine_program, check_evaluate)
    claim.require_model(found.model_sha256)
    found.total = inputs.count(meter)
    if distribution is not None:
        distribution.require([len(tokens) for tokens in inputs.sets], program.answers)
    weight = 0
    for listed, certified in check_evaluate(program, claim.proof, claim.margin, meter, counts):
        if distribution is not None:
            some = Listed(listed.numbers[certified], listed.labels[certified])
            weight += distribution.of_inputs(some, meter)
    correct = sum(each for _, _, each in claim.proof.intervals)
    claim.require_correct(correct, "intervals")
    if distribution is not None:
        state_weight(found, distribution, weight, distribution.of_all(inputs, meter))
    return correct
