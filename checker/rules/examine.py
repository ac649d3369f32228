"""The check of a program: a model file of version 2 and a certificate, and what it is about."""

from checker.meter import MAX_PROGRAM_OPERATIONS, Meter
from checker.models.program import parse_program
from checker.rules.certificate import parse_claim
from checker.rules.evaluate import check_evaluate
from checker.verdict import Verdict

# How a model of version 2 begins.
PROGRAM = b"compact-proofs-model 2\n"


def examine_program(
    model_data: bytes, certificate_data: bytes, found: Verdict, meter: Meter, counts: list[int]
) -> int:
    """The number of inputs proved correct of a model of version 2; `found` says of which."""
    meter.limit, meter.limit_name = MAX_PROGRAM_OPERATIONS, "max_program_operations"
    program, claim = parse_program(model_data), parse_claim(certificate_data)
    inputs = program.inputs
    found.task, found.inputs, found.model = str(inputs.task), str(inputs), str(program)
    found.positions, found.tokens = len(inputs.sets), 1 + max(s[-1] for s in inputs.sets)
    found.took_part(examine_program, check_evaluate, type(inputs.task), *map(type, program.steps))
    claim.require_model(found.model_sha256)
    found.total = inputs.count(meter)
    correct = check_evaluate(program, claim.proof, meter, counts)
    claim.require_correct(correct, "intervals")
    return correct
