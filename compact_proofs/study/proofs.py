"""One proof of a study: found, checked by the kernel in a process of its own, and kept."""

import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from checker.header import model_hash
from compact_proofs.frontier import code_version
from compact_proofs.isolated import CheckerFailed, check_isolated
from compact_proofs.study.records import file_sha256, keep, kept
from compact_proofs.verified import check_verified
from model_export.output_files import write_whole


@dataclass(frozen=True)
class How:
    """What a run does: `recheck` asks the kernel again about certificates that are kept, `verified` asks the
    verified checker, too, which must agree."""

    recheck: bool = False
    verified: bool = False


@dataclass(frozen=True)
class Proof:
    """A certificate that the kernel accepted. All numbers are those of its verdict but for the seconds, which a
    processor spent on finding the certificate, and on all of the process that checked it. `verified` is the
    count by the verified checker, None if it was not asked."""

    operations: int
    machine_operations: int
    correct_at_least: int
    total: int
    certificate_bytes: int
    prove_seconds: float
    check_seconds: float
    verified: int | None
    model_sha256: str
    certificate_sha256: str

    @property
    def bound(self) -> float:
        return self.correct_at_least / self.total


def proved(model: Path, certificate: Path, prove: Callable[[], bytes], how: How) -> Proof:
    """The proof at the path `certificate` of the exact model file `model`: the one that is kept there, or else
    the one that `prove` finds. Raises `CheckerFailed` where a checker does not accept, and what `prove` raises.
    """
    record = certificate.with_suffix(".json")
    code = {"model": model_hash(model.read_bytes()), "code": code_version()}
    old = kept(record, {**code, "certificate": file_sha256(certificate)})
    if old and not how.recheck and not (how.verified and old["verified"] is None):
        return Proof(**old)
    if old:
        prove_seconds = float(old["prove_seconds"])
    else:
        start = time.process_time()
        found = prove()
        prove_seconds = round(time.process_time() - start, 2)
        certificate.parent.mkdir(parents=True, exist_ok=True)
        write_whole(certificate, found)
    proof = _checked(model, certificate, prove_seconds, how.verified)
    keep(record, {**code, "certificate": proof.certificate_sha256}, asdict(proof))
    return proof


def _checked(model: Path, certificate: Path, prove_seconds: float, verified: bool) -> Proof:
    before = _seconds_of_children()
    verdict, _ = check_isolated(model, certificate)
    check_seconds = _seconds_of_children() - before
    if verdict.verdict != "accepted":
        raise CheckerFailed(f"{certificate}: {verdict.verdict}: {verdict.reason}")
    if verified:
        other = check_verified(model.read_bytes(), certificate.read_bytes())
        if (other.verdict, other.correct_at_least) != ("accepted", verdict.correct_at_least):
            raise CheckerFailed(f"{certificate}: accepted, but {other.verdict} by the verified checker")
    return Proof(
        operations=verdict.operations,
        machine_operations=verdict.machine_operations,
        correct_at_least=verdict.correct_at_least,
        total=verdict.total,
        certificate_bytes=verdict.certificate_bytes,
        prove_seconds=prove_seconds,
        check_seconds=round(check_seconds, 2),
        verified=verdict.correct_at_least if verified else None,
        model_sha256=verdict.model_sha256,
        certificate_sha256=file_sha256(certificate),
    )


def _seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
