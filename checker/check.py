"""The check: a model file and a certificate file in, a verdict out."""

import time
from dataclasses import dataclass

from checker.certificate import Certificate, parse_certificate
from checker.errors import Declined, Rejected
from checker.groups import certified_inputs, group_size
from checker.meter import Meter
from checker.model import ExactModel, model_hash, parse_model
from checker.tables import Tables
from checker.terms import Terms


@dataclass(frozen=True)
class Verdict:
    """What was found. `verdict` is "accepted", "rejected" or "declined"; only the first claims anything.

    accepted: at least `correct_at_least` of the `total` inputs of the model whose bytes have the hash
    `model_sha256` are correct. `operations` is the length of the proof (`checker.meter`).
    """

    verdict: str
    reason: str
    correct_at_least: int
    total: int
    operations: int
    machine_operations: int
    operations_by_rule: dict[str, int]
    unverified_rules: list[str]
    model_bytes: int
    certificate_bytes: int
    model_sha256: str
    seconds: float


def check_claims(model: ExactModel, sha256: str, certificate: Certificate, meter: Meter) -> int:
    """The number of inputs that `certificate` proves correct. Raises `Rejected` at a claim that fails."""
    if certificate.model_sha256 != sha256:
        raise Rejected(f"model: claimed SHA-256 {certificate.model_sha256}, found {sha256}")
    tables = Tables(
        model,
        certificate.tables,
        certificate.score_bits,
        certificate.exponential_bits,
        meter,
    )
    terms = Terms(tables, certificate.partitions, meter)
    correct, done = 0, (-1, -1)
    for group in certificate.groups:
        # Ascending labels and queries make the groups disjoint.
        if (group.label, group.first_query) <= done:
            raise Rejected(f"{group}: expected groups in ascending order, without overlap")
        label, first, last = group.label, group.first_query, group.last_query
        if label >= model.vocabulary or not (first <= last < label or first == last == label):
            raise Rejected(f"{group}: expected queries below the label, or the label alone")
        done = (label, last)
        found = certified_inputs(terms, group)
        if group.correct > found:
            raise Rejected(
                f"{group}: claimed {group.correct} correct of {group_size(group, model.positions)}, "
                f"found {found}"
            )
        correct += group.correct
    if certificate.correct != correct:
        raise Rejected(f"total: claimed {certificate.correct} correct, found {correct} in the groups")
    return correct


def check(model_data: bytes, certificate_data: bytes) -> Verdict:
    """Check a certificate against a model, both given as the bytes of their files. Never raises."""
    start = time.perf_counter()
    meter = Meter()
    correct, total, sha256 = 0, 0, model_hash(model_data)
    verdict, reason = "declined", ""
    try:
        model = parse_model(model_data)
        total = model.total
        certificate = parse_certificate(certificate_data, model)
        correct = check_claims(model, sha256, certificate, meter)
        verdict = "accepted"
    except Declined as error:
        reason = str(error)
    except Rejected as error:
        verdict, reason = "rejected", str(error)
    return Verdict(
        verdict=verdict,
        reason=reason,
        correct_at_least=correct,
        total=total,
        operations=meter.operations,
        machine_operations=meter.machine_operations,
        operations_by_rule=meter.by_rule,
        unverified_rules=[],
        model_bytes=len(model_data),
        certificate_bytes=len(certificate_data),
        model_sha256=sha256,
        seconds=time.perf_counter() - start,
    )
