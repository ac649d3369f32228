"""The verified checker (`verified/`), where it is built, run on the same bytes as the Python kernel."""

import json
import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import unquote, urlsplit

from checker import Verdict, check
from checker.__main__ import EXIT_CODES
from checker.header import model_hash
from compact_proofs.isolated import CheckerFailed

PROGRAM = "compact-proofs-verified"
VARIABLE = "COMPACT_PROOFS_VERIFIED"


class NotBuilt(Exception):
    """The verified checker is not on this machine; the message says how to build it."""


def program() -> str:
    """The path of the program: $COMPACT_PROOFS_VERIFIED, or else where it is built in the clone that these packages
    are in or were installed from, or else on the PATH. Raises `NotBuilt`.

    The working directory is not searched: a program that lies there may have come with the certificate.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not _runs(Path(named)):
            raise NotBuilt(f"{VARIABLE} names {named}, which is no program")
        return named
    for clone in clones():
        built = clone / "verified" / PROGRAM
        if _runs(built):
            return str(built)
    found = shutil.which(PROGRAM)
    if found:
        return found
    raise NotBuilt(
        f"the verified checker is not built: `make -C verified`, in the clone from which compact-proofs was installed, "
        f"builds it (verified/README.md); {VARIABLE} may name the program elsewhere"
    )


def clones() -> list[Path]:
    """The folder that holds this package, and the one that pip installed it from, if it was a folder."""
    from importlib.metadata import PackageNotFoundError, distribution  # takes a while, and little needs it

    folders = [Path(__file__).resolve().parent.parent]
    with suppress(PackageNotFoundError):
        # PEP 610. Of a wheel or an index, another kind of record is kept, or none.
        origin = json.loads(distribution("compact-proofs").read_text("direct_url.json") or "{}")
        if "dir_info" in origin:
            folders.append(Path(unquote(urlsplit(origin["url"]).path)))
    return folders


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


@dataclass(frozen=True)
class VerifiedVerdict:
    """What the verified checker says. `groups` are the counts that it found, group by group, up to a claim that
    fails; `model_sha256` is empty where the model file is none."""

    verdict: str
    reason: str
    correct_at_least: int
    total: int
    model_sha256: str
    groups: list[int]

    def without_groups(self) -> dict[str, object]:
        """The object of JSON that the program prints."""
        return {name: value for name, value in vars(self).items() if name != "groups"}

    def __str__(self) -> str:
        """The verdict in one line."""
        counts = f"at least {self.correct_at_least} of {self.total} inputs are classified correctly"
        claim = f"{counts}, model {self.model_sha256}, by the verified checker"
        return f"{self.verdict}: {claim if self.verdict == 'accepted' else self.reason}"


class Disagreement(Exception):
    """The two kernels say different things of the same bytes, so that neither is to be believed."""


def check_verified(model: bytes, certificate: bytes) -> VerifiedVerdict:
    """The verified checker's verdict on the bytes of a model file and a certificate file.

    Raises `NotBuilt`, and `CheckerFailed` where it ends without a verdict, or with one about another model.
    """
    with TemporaryFile() as model_file, TemporaryFile() as certificate_file:
        files = model_file, certificate_file
        for file, data in zip(files, (model, certificate), strict=True):
            file.write(data)
            file.seek(0)
        # Files without names, which nobody else can change, and which are gone however this process ends.
        names = [f"/dev/fd/{file.fileno()}" for file in files]
        run = subprocess.run(
            [program(), "--json", "--groups", "--", *names],
            pass_fds=[file.fileno() for file in files],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    try:
        verdict = VerifiedVerdict(**json.loads(run.stdout))
    except (ValueError, TypeError) as error:
        # A program that was killed says nothing, and nothing is what it accepts.
        raise CheckerFailed(f"the verified checker ended with code {run.returncode} without a verdict") from error
    if EXIT_CODES.get(verdict.verdict) != run.returncode:
        raise CheckerFailed(f"the verified checker: {verdict.verdict}, but exit code {run.returncode}")
    if verdict.model_sha256 != model_hash(model) and (verdict.model_sha256 or verdict.verdict != "declined"):
        raise CheckerFailed(f"the verified checker: a verdict about another model, {verdict.model_sha256}")
    return verdict


def check_both(model: bytes, certificate: bytes) -> tuple[Verdict, VerifiedVerdict]:
    """The verdicts of the Python kernel and of the verified checker on the same bytes, which agree.

    Raises `Disagreement` where they differ in the verdict, the number of correct inputs, that of all inputs, or
    what they find in any group; and what `check_verified` raises. Raises `CheckerFailed` where a rule has no proof, so
    that the verified checker declines what the Python kernel accepts.
    """
    verified = check_verified(model, certificate)
    counts: list[int] = []
    python = check(model, certificate, counts)
    if python.unverified_rules and verified.verdict == "declined":
        raise CheckerFailed(f"there is no verdict of both kernels: {verified.reason}")
    if python.verdict != verified.verdict:
        raise _disagreement(python, verified)
    if python.verdict != "declined" and counts != verified.groups:
        place = next(i for i, pair in enumerate(zip_longest(counts, verified.groups)) if pair[0] != pair[1])
        found = ["nothing" if place >= len(all_) else str(all_[place]) for all_ in (counts, verified.groups)]
        raise Disagreement(f"in group number {place}, the Python kernel found {found[0]}, the verified one {found[1]}")
    accepted = (python.correct_at_least, python.total), (verified.correct_at_least, verified.total)
    if python.verdict == "accepted" and accepted[0] != accepted[1]:
        raise _disagreement(python, verified)
    return python, verified


def _disagreement(python: Verdict, verified: VerifiedVerdict) -> Disagreement:
    return Disagreement(f"by the Python kernel, {python}; by the verified checker, {verified}")
