"""The rule `sample`: a statistical statement about the inputs that nothing is proved of.

Premises: a number of samples n, an error 1 / q, and perhaps a certificate. The inputs of its groups
or intervals are *certified*, all others are *sampled*. The samples are derived from the lines of
the file that say this and name the model (`checker.rules.draw`), and evaluated as by the rule
`evaluate`. Conclusion: if k or more of the samples are correct, and that has a probability of 1 / q
or less where the share of sampled inputs that are correct is p (`tail_is_at_most`), then p is a
lower bound of that share, with confidence 1 - 1 / q: the bound of Clopper and Pearson, or a smaller
one. Failure: fewer samples are found correct than claimed; a share for which k of n are more
probable; nothing to sample.
Operations: one for each attempt to draw a sample.
"""

from collections.abc import Callable

from checker.certificate_file import parse_certificate
from checker.errors import Declined, Rejected
from checker.groups import describe_model
from checker.header import Header
from checker.meter import MAX_PROGRAM_OPERATIONS, PYTHON, Meter
from checker.models.attention_only import parse_model
from checker.models.evaluation import Plan
from checker.models.of_max import program_of
from checker.models.program import Program, parse_program
from checker.numbers.balls import Precision
from checker.rules.binomial import tail_is_at_most
from checker.rules.certificate import parse_claim
from checker.rules.distribution import Distribution
from checker.rules.draw import Certified, by_groups, by_intervals, draw
from checker.rules.evaluate import certified_inputs, require_weights
from checker.rules.examine import PROGRAM, describe_program
from checker.rules.sample_file import Sample, parse_sample
from checker.verdict import Verdict, percentage


def count_right(program: Program, sample: Sample, certified: Certified, meter: Meter) -> int:
    """How many of the samples are certainly correct."""
    require_weights(program, sample.passes, meter)
    plan = Plan(program, meter)
    passes = [Precision(program.tensors, sizes) for sizes in sample.passes]
    each = draw(program.inputs, sample.seed, sample.samples, certified, meter)
    return sum(int(certified_inputs(plan, passes, some, meter).sum()) for some in each)


def require_share(sample: Sample, meter: Meter) -> None:
    """Raises `Rejected` unless the claimed share is a lower bound with the claimed confidence."""
    meter.add("sample", 0, (sample.samples - sample.right + 64) * 8 * PYTHON)
    numerator, places = sample.share
    if numerator and not tail_is_at_most(sample.samples, sample.right, sample.share, sample.one_in):
        least = f"{sample.right} or more of {sample.samples} correct"
        what = f"sample: share {numerator} / 2**{places}: expected a probability of {least}"
        raise Rejected(f"{what} of 1 / {sample.one_in} or less, found more")


def examine_sample(
    examine: Callable[[bytes, bytes, Verdict, Meter, list[int], None], int],
    model_data: bytes,
    certificate_data: bytes,
    found: Verdict,
    meter: Meter,
    counts: list[int],
    distribution: Distribution | None,
) -> int:
    """The number of inputs proved correct by the certificate of some inputs, if there is one, which
    `examine` examines; `found` says what is stated of all."""
    sample = parse_sample(certificate_data)
    meter.add("sample", 0, 0)  # a verdict about samples names the rule, whatever is found
    Header(sample.model_sha256, 0).require_model(found.model_sha256)
    if distribution is not None:
        raise Declined("distribution: expected a certificate without samples")
    certificate = sample.certificate
    correct = examine(model_data, certificate, found, meter, counts, None) if certificate else 0
    meter.limit, meter.limit_name = MAX_PROGRAM_OPERATIONS, "max_program_operations"
    program, certified, inside = strata(model_data, certificate, found, meter)
    found.took_part(draw, *map(type, program.steps))
    if found.total == inside:
        raise Declined("sample: all inputs are certified, none is left to sample")
    if found.margin not in ("", "0"):
        raise Declined("sample: expected a certificate without a margin")
    counts.append(count_right(program, sample, certified, meter))
    if sample.right > counts[-1]:
        tried = f"{sample.right} of {sample.samples} correct"
        raise Rejected(f"sample: claimed {tried}, found {counts[-1]}")
    require_share(sample, meter)
    state_sample(found, sample, correct, inside)
    return correct


def strata(
    model_data: bytes, certificate: bytes, found: Verdict, meter: Meter
) -> tuple[Program, Certified, int]:
    """The model as a program, which inputs are in groups or intervals of the certificate, and how
    many; `found` says of which model."""
    if model_data.startswith(PROGRAM):
        program = parse_program(model_data)
        describe_program(found, program)
        found.total = program.inputs.count(meter)
        if certificate:
            return program, *by_intervals(program.inputs, parse_claim(certificate), meter)
    else:
        model = parse_model(model_data)
        program = program_of(model)
        describe_model(found, model)
        if certificate:
            return program, *by_groups(model, parse_certificate(certificate))
    return program, lambda numbers, rows, labels: labels[:, 0] < 0, 0


def state_sample(found: Verdict, sample: Sample, proved: int, inside: int) -> None:
    """States what a sample says of all inputs; so many of those `inside` the certificate's groups
    or intervals are `proved` correct."""
    (numerator, places), outside = sample.share, found.total - inside
    least = proved - (-numerator * outside >> places)
    of_all = f"at least {least} of {found.total} inputs ({percentage(least, found.total)})"
    confidence = f"1 - 1/{sample.one_in}"
    drawn = f"{sample.right} of {sample.samples} samples"
    if inside:
        drawn = f"{proved} of {inside} are proved to be, and {drawn} of the other {outside} are"
    found.kind, found.margin, found.statement = "statistical", "0", (
        f"statistical: with confidence {confidence} in samples that SHA-256 draws for this claim, "
        f"{of_all} are classified correctly: {drawn}"
    )
    found.further = {
        "confidence": confidence,
        "samples": sample.samples,
        "samples_correct": sample.right,
        "sampled_inputs": outside,
        "share_of_sampled_at_least": f"{numerator}/{1 << places}",
        "statistically_at_least": least,
    }
    found.took_part(state_sample)
