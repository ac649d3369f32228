"""The check: a model file and a certificate file in, a verdict out."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from checker.certificate import Certificate, parse_certificate
from checker.errors import Declined, Rejected
from checker.groups import certified_inputs, group_size
from checker.meter import PYTHON, Meter
from checker.model import ExactModel, model_hash, parse_model
from checker.models.program import Program
from checker.rules.distribution import Distribution, of_max, parse_distribution
from checker.rules.examine import PROGRAM, examine_program
from checker.rules.margin import decimal
from checker.rules.sample import SAMPLE, Sample, examine_sample
from checker.rules.weigh import Weighing
from checker.tables import Tables
from checker.terms import Terms
from checker.text import any_number_of_digits

# The rules that have a machine-checked proof of soundness (`docs/verified_rules.md`).
VERIFIED_RULES = {
    *("embedding", "exact", "low_rank", "round", "scores", "exponential"),
    *("gaps", "weights", "last", "levels", "enumerate"),
    *("inputs", "evaluate"),
}


def percentage(part: int, whole: int) -> str:
    """`part` of `whole` in per cent, rounded down, so that only all is 100.0000%."""
    if not whole:
        return "0.0000%"
    ten_thousandths = part * 10**6 // whole
    return f"{ten_thousandths // 10**4}.{ten_thousandths % 10**4:04}%"


@dataclass
class Verdict:
    """What was found. `verdict` is "accepted", "rejected" or "declined"; only the first claims
    anything.

    accepted: at least `correct_at_least` of the `total` inputs, which are `share` of them, of the
    model whose bytes have the hash `model_sha256` are correct. The inputs are those of `task`: all
    sequences of so many `positions`, of tokens below `tokens`, or for a program those that `inputs`
    describes; `model` describes the program. `operations` is the length of the
    proof (`checker.meter`), and `unverified_rules` names those of its rules whose soundness is
    not proved by machine. rejected: some claim is not established, which does not make it false.

    `margin` is that by which the correct inputs are so, as a decimal number. `statement` says what
    was accepted in words, and `kind` of what kind that is: a "count" of inputs, what they weigh in a
    "distribution", or "statistical"; numbers of the other kinds are in `further` (`docs/formats.md`).
    """

    verdict: str
    reason: str = ""
    correct_at_least: int = 0
    total: int = 0
    share: str = ""
    task: str = ""
    tokens: int = 0
    positions: int = 0
    inputs: str = ""
    model: str = ""
    kind: str = ""
    statement: str = ""
    margin: str = ""
    further: dict[str, int | str] = field(default_factory=dict)
    operations: int = 0
    machine_operations: int = 0
    operations_by_rule: dict[str, int] = field(default_factory=dict)
    unverified_rules: list[str] = field(default_factory=list)
    model_bytes: int = 0
    certificate_bytes: int = 0
    model_sha256: str = ""
    seconds: float = 0.0

    @any_number_of_digits()
    def __str__(self) -> str:
        """The verdict in one line."""
        if self.verdict != "accepted":
            return f"{self.verdict}: {self.reason}"
        about = f"task {self.task} of {self.positions} tokens below {self.tokens}"
        if self.model:
            about = f"task {self.task}, inputs {self.inputs}, {self.model}"
        length, rules = f"proved in {self.operations} operations", ", ".join(self.unverified_rules)
        length += f", unverified rules: {rules}" if rules else ""
        statement = self.statement or self.counted()
        return f"accepted: {statement}, {about}, {length}, model {self.model_sha256}"

    def describe(self, program: Program) -> None:
        """Says of a program which it is."""
        inputs = program.inputs
        self.task, self.inputs, self.model = str(inputs.task), str(inputs), str(program)
        self.positions, self.tokens = len(inputs.sets), 1 + max(s[-1] for s in inputs.sets)

    def describe_max(self, model: ExactModel) -> None:
        """Says of a model of max-of-K which it is."""
        self.total, self.task = model.total, model.task
        self.tokens, self.positions = model.vocabulary, model.positions

    def counted(self) -> str:
        """How many inputs are correct, in words."""
        count = f"at least {self.correct_at_least} of {self.total} inputs ({self.share})"
        return f"{count} are {self.correctly()}"

    def correctly(self) -> str:
        """What is claimed of inputs that are correct."""
        by = f" by a margin above {self.margin}" if self.margin not in ("", "0") else ""
        return f"classified correctly{by}"

    def weigh(self, distribution: Distribution, certified: int, total: int) -> None:
        """States what inputs weigh that are certified, of all that have a weight."""
        if not total:
            raise Declined("distribution: all inputs weigh 0")
        what = f"under the distribution of SHA-256 {distribution.sha256}"
        share = percentage(certified, total)
        these = f"inputs that weigh at least {certified} of {total} ({share})"
        if certified == total:
            these = f"all inputs that weigh more than 0 (together {total})"
        self.kind, self.statement = "distribution", f"{what}, {these} are {self.correctly()}"
        self.further = {
            "distribution_sha256": distribution.sha256,
            "weight_at_least": certified,
            "weight_total": total,
            "weight_share": share,
        }

    def sample(self, sample: Sample, proved: int, inside: int) -> None:
        """States what a sample says of the inputs, of which so many are `proved` correct among those
        `inside` groups or intervals."""
        (numerator, places), outside = sample.share, self.total - inside
        least = proved - (-numerator * outside >> places)
        of_all = f"at least {least} of {self.total} inputs ({percentage(least, self.total)})"
        drawn = f"{sample.right} of {sample.samples} samples of the other {outside} are correct"
        self.kind, trust = "statistical", f"with confidence 1 - 1/{sample.one_in}"
        self.statement = (
            f"statistical: {trust} in samples that SHA-256 draws for this claim, {of_all} are "
            f"classified correctly: {proved} of {inside} are proved, {drawn}"
        )
        self.further = {
            "confidence": f"1 - 1/{sample.one_in}",
            "samples": sample.samples,
            "samples_correct": sample.right,
            "sampled_inputs": outside,
            "share_of_sampled_at_least": f"{numerator}/{1 << places}",
            "statistically_at_least": least,
        }


# Looks at a model and a certificate, and perhaps a distribution.
Examine = Callable[[bytes, bytes, Verdict, Meter, list[int], Distribution | None], int]


def check_claims(
    model: ExactModel,
    sha256: str,
    certificate: Certificate,
    meter: Meter,
    counts: list[int],
    weighing: Weighing | None = None,
) -> int:
    """The number of inputs that `certificate` proves correct. Raises `Rejected` at a claim that
    fails: what it says is not established by the rules, whether it is true or not.

    What is found in each group is appended to `counts`, that of the failing claim last, and
    weighed if there is something to weigh with.
    """
    if certificate.model_sha256 != sha256:
        raise Rejected(f"model: claimed SHA-256 {certificate.model_sha256}, found {sha256}")
    if not certificate.groups and not certificate.correct:
        return 0
    # What it took to read the numbers of the model, and groups and checks.
    numbers = sum(tensor.rows * tensor.columns for tensor in model.weights.values())
    lines = sum(1 + len(group.checks) for group in certificate.groups)
    meter.add("embedding", 0, 160 * numbers + 16 * PYTHON * lines)
    terms = Terms(Tables(model, certificate, meter), certificate.partitions, meter)
    terms.weighing = weighing
    correct, done = 0, (-1, -1)
    for group in certificate.groups:
        label, first, last = group.label, group.first_query, group.last_query
        # Ascending labels and queries make the groups disjoint.
        if (label, first) <= done:
            raise Rejected(f"{group}: expected groups in ascending order, without overlap")
        if label >= model.vocabulary or not (first <= last < label or first == last == label):
            raise Rejected(f"{group}: expected queries below the label, or the label alone")
        done = (label, last)
        found = certified_inputs(terms, group)
        counts.append(found)
        if group.correct > found:
            claimed = f"{group.correct} correct of {group_size(group, model.positions)}"
            raise Rejected(f"{group}: claimed {claimed}, found {found}")
        correct += group.correct
    if certificate.correct != correct:
        raise Rejected(f"total: claimed {certificate.correct} correct, found {correct} in the groups")
    return correct


def examine_max(
    model_data: bytes,
    certificate_data: bytes,
    found: Verdict,
    meter: Meter,
    counts: list[int],
    distribution: Distribution | None,
) -> int:
    """The number of inputs proved correct of a model of version 1; `found` says of which."""
    model = parse_model(model_data)
    found.describe_max(model)
    certificate = parse_certificate(certificate_data, model)
    found.margin = decimal(certificate.margin)
    if distribution is None:
        return check_claims(model, found.model_sha256, certificate, meter, counts)
    distribution.require([model.vocabulary] * model.positions)
    weighing = Weighing(distribution, meter)
    meter.add("distribution", 0, 4 * PYTHON * model.positions * model.vocabulary)
    correct = check_claims(model, found.model_sha256, certificate, meter, counts, weighing)
    found.weigh(distribution, weighing.certified, of_max(distribution, model.vocabulary))
    return correct


@any_number_of_digits()
def check(
    model_data: bytes,
    certificate_data: bytes,
    counts: list[int] | None = None,
    distribution_data: bytes | None = None,
) -> Verdict:
    """Check a certificate against a model, both given as the bytes of their files, and weigh what it
    proves by a distribution, if there is one.

    To `counts`, if given, is appended how many inputs are found certified, in each group or interval.

    Bytes of any kind lead to a verdict: a file that cannot be judged is declined, and so is one for
    which Python's memory or stack does not suffice. FLINT ends the process where its memory does
    not; what comes from outside, such as `KeyboardInterrupt`, passes.
    """
    start, meter, found = time.perf_counter(), Meter(), Verdict("declined")
    counts = [] if counts is None else counts
    try:
        found.model_bytes, found.certificate_bytes = len(model_data), len(certificate_data)
        found.model_sha256 = model_hash(model_data)
        distribution = None if distribution_data is None else parse_distribution(distribution_data)
        examine: Examine = examine_program if model_data.startswith(PROGRAM) else examine_max
        if certificate_data.startswith(SAMPLE):
            examine = partial(examine_sample, examine)
        correct = examine(model_data, certificate_data, found, meter, counts, distribution)
        found.correct_at_least, found.share = correct, percentage(correct, found.total)
        if not found.kind:
            found.kind, found.statement = "count", found.counted()
        found.verdict = "accepted"
    except (Declined, Rejected) as error:
        found.verdict = "rejected" if isinstance(error, Rejected) else "declined"
        found.reason = str(error)
    except (MemoryError, RecursionError) as error:
        found.reason = f"resources: {type(error).__name__}"
    found.operations, found.machine_operations = meter.operations, meter.machine_operations
    found.operations_by_rule = meter.by_rule
    found.unverified_rules = sorted(meter.by_rule.keys() - VERIFIED_RULES)
    found.seconds = time.perf_counter() - start
    return found
