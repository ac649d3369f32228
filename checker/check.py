"""The check: a model file and a certificate file in, a verdict out."""

import sys
import time
from dataclasses import dataclass, field

from checker.certificate import Certificate, parse_certificate
from checker.errors import Declined, Rejected
from checker.groups import certified_inputs, group_size
from checker.meter import Meter
from checker.model import ExactModel, model_hash, parse_model
from checker.tables import Tables
from checker.terms import Terms


@dataclass
class Verdict:
    """What was found. `verdict` is "accepted", "rejected" or "declined"; only the first claims anything.

    accepted: at least `correct_at_least` of the `total` inputs of the model whose bytes have the hash
    `model_sha256` are correct. `operations` is the length of the proof (`checker.meter`).
    """

    verdict: str
    reason: str = ""
    correct_at_least: int = 0
    total: int = 0
    operations: int = 0
    machine_operations: int = 0
    operations_by_rule: dict[str, int] = field(default_factory=dict)
    unverified_rules: list[str] = field(default_factory=list)
    model_bytes: int = 0
    certificate_bytes: int = 0
    model_sha256: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        """The verdict in one line."""
        counts = f"at least {self.correct_at_least} of {self.total} inputs are classified correctly"
        claim = f"{counts}, proved in {self.operations} operations, model {self.model_sha256}"
        return f"{self.verdict}: {claim if self.verdict == 'accepted' else self.reason}"


def check_claims(
    model: ExactModel, sha256: str, certificate: Certificate, meter: Meter, counts: list[int]
) -> int:
    """The number of inputs that `certificate` proves correct.

    Raises `Rejected` at a claim that fails. What is found in each group is appended to `counts`,
    that of the failing claim last.
    """
    if certificate.model_sha256 != sha256:
        raise Rejected(f"model: claimed SHA-256 {certificate.model_sha256}, found {sha256}")
    if not certificate.groups and not certificate.correct:
        return 0
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


def check(
    model_data: bytes, certificate_data: bytes, counts: list[int] | None = None
) -> Verdict:
    """Check a certificate against a model, both given as the bytes of their files. Never raises.

    To `counts`, if given, is appended how many inputs are found certified, group by group.
    """
    start, meter, sizes = time.perf_counter(), Meter(), (len(model_data), len(certificate_data))
    found = Verdict("declined", model_bytes=sizes[0], certificate_bytes=sizes[1], model_sha256=model_hash(model_data))
    sys.set_int_max_str_digits(0)  # numbers are bounded by the parser; the environment must not matter
    try:
        model = parse_model(model_data)
        found.total = model.total
        certificate = parse_certificate(certificate_data, model)
        found.correct_at_least = check_claims(
            model, found.model_sha256, certificate, meter, [] if counts is None else counts
        )
        found.verdict = "accepted"
    except (Declined, Rejected) as error:
        found.verdict, found.reason = "rejected" if isinstance(error, Rejected) else "declined", str(error)
    except (MemoryError, RecursionError) as error:
        found.reason = f"resources: {type(error).__name__}"
    found.operations, found.machine_operations = meter.operations, meter.machine_operations
    found.operations_by_rule, found.seconds = meter.by_rule, time.perf_counter() - start
    return found
