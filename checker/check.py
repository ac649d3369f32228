"""The check: a model file and a certificate file in, a verdict out."""

import time
from dataclasses import dataclass, field

from checker.certificate import Certificate, parse_certificate
from checker.errors import Declined, Rejected
from checker.groups import certified_inputs, group_size
from checker.meter import PYTHON, Meter
from checker.model import ExactModel, model_hash, parse_model
from checker.rules.examine import PROGRAM, examine_program
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
        claim = (
            f"at least {self.correct_at_least} of {self.total} inputs ({self.share}) "
            "are classified correctly"
        )
        about = f"task {self.task} of {self.positions} tokens below {self.tokens}"
        if self.model:
            about = f"task {self.task}, inputs {self.inputs}, {self.model}"
        length, rules = f"proved in {self.operations} operations", ", ".join(self.unverified_rules)
        length += f", unverified rules: {rules}" if rules else ""
        return f"accepted: {claim}, {about}, {length}, model {self.model_sha256}"


def check_claims(
    model: ExactModel, sha256: str, certificate: Certificate, meter: Meter, counts: list[int]
) -> int:
    """The number of inputs that `certificate` proves correct. Raises `Rejected` at a claim that
    fails: what it says is not established by the rules, whether it is true or not.

    What is found in each group is appended to `counts`, that of the failing claim last.
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
    model_data: bytes, certificate_data: bytes, found: Verdict, meter: Meter, counts: list[int]
) -> int:
    """The number of inputs proved correct of a model of version 1; `found` says of which."""
    model = parse_model(model_data)
    found.total, found.task = model.total, model.task
    found.tokens, found.positions = model.vocabulary, model.positions
    certificate = parse_certificate(certificate_data, model)
    return check_claims(model, found.model_sha256, certificate, meter, counts)


@any_number_of_digits()
def check(
    model_data: bytes, certificate_data: bytes, counts: list[int] | None = None
) -> Verdict:
    """Check a certificate against a model, both given as the bytes of their files.

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
        examine = examine_program if model_data.startswith(PROGRAM) else examine_max
        correct = examine(model_data, certificate_data, found, meter, counts)
        found.correct_at_least, found.share = correct, percentage(correct, found.total)
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
