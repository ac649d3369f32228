"""The verified checker gives the same verdicts as the Python kernel, group by group.

`python tests/test_verified.py --cases 100000` compares as many generated cases as asked for and prints
how they ended; `--shipped` compares certificates of nearly every strategy for every shipped model. The tests
below do less. A generated case is a random tiny model and a random certificate about it, as they are
or changed by one of the mutations of the fuzzer.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import pytest
from verified_checker import PROGRAM, require_verified

from certificates.exact import prove_exact
from certificates.strategies import STRATEGIES, prove
from checker.errors import Rejected
from checker.models.attention_only import parse_model
from fuzzing.certificates import claiming, file_of, random_certificate
from fuzzing.kernel import WatchedKernel
from fuzzing.models import max_model, model_file, random_model
from fuzzing.mutations import MUTATIONS, Case, apply
from model_export.exact_model import export

ROOT = Path(__file__).parent.parent
SHIPPED = sorted(path.stem for path in (ROOT / "models").glob("*.safetensors"))
# Limits of the Python kernel's resources: where it declines for one of them, the twin need not.
LIMITS = ("max_operations", "max_levels")
CASES = 3000


@dataclass(frozen=True)
class Outcome:
    """What either checker makes of a case. `groups` are the counts found, group by group, up to the
    first claim that fails."""

    verdict: str
    correct_at_least: int
    total: int
    model_sha256: str
    groups: tuple[int, ...]
    reason: str

    def same_as(self, other: "Outcome") -> bool:
        """Apart from the reason, and from the hash of a file that is not a model."""
        hashes = {self.model_sha256, other.model_sha256}
        return replace(self, reason="", model_sha256="") == replace(other, reason="", model_sha256="") and (
            len(hashes) == 1 or ("" in hashes and self.verdict == "declined")
        )


def outcome(kernel: WatchedKernel, model: bytes, certificate: bytes) -> Outcome:
    """What the Python kernel makes of a case."""
    verdict = kernel.check(model, certificate)
    return Outcome(
        verdict.verdict,
        verdict.correct_at_least,
        verdict.total if verdict.verdict == "accepted" else 0,
        verdict.model_sha256,
        tuple(found.count for found in kernel.found),
        verdict.reason,
    )


class Twin:
    """The verified checker as a process that judges one case after the other."""

    def __enter__(self) -> "Twin":
        self.process = subprocess.Popen([PROGRAM, "--batch", "--groups"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def outcome(self, model: bytes, certificate: bytes) -> Outcome:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(b"%d %d\n" % (len(model), len(certificate)) + model + certificate)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the verified checker ended before its verdict"
        found = json.loads(line)
        return Outcome(
            found["verdict"],
            found["correct_at_least"],
            found["total"],
            found["model_sha256"],
            tuple(found["groups"]),
            found["reason"],
        )


# Cases, from a seed


def certified(rng: random.Random, model: bytes, kernel: WatchedKernel) -> bytes:
    """A random certificate whose claims are what its checks establish, most of the time."""
    draft = random_certificate(rng, model, parse_model(model))
    kernel.check(model, file_of(draft))
    # Claims of 0 never fail, so that every count is known unless some group is badly formed.
    claims = [max(0, found.count + rng.choice((0,) * 60 + (1, -1))) for found in kernel.found]
    return file_of(claiming(draft, claims))


def cases(seed: int, kernel: WatchedKernel) -> Iterator[tuple[bytes, bytes]]:
    """Endlessly many cases, the same for the same seed."""
    rng = random.Random(seed)
    names = list(MUTATIONS)
    while True:
        model = model_file(random_model(rng))
        certificates = [certified(rng, model, kernel) for _ in range(4)]
        # The strategy searches in floats, which some of these models overflow.
        with suppress(OverflowError, ValueError, Rejected):
            certificates.append(prove_exact(model))
        for certificate in certificates:
            yield model, certificate
            case = Case(model, certificate)
            for name in rng.choices(names, k=24):
                changed = apply(name, rng, case)
                if changed is not None:
                    yield changed.model, changed.certificate


def compare(model: bytes, certificate: bytes, kernel: WatchedKernel, twin: Twin) -> str:
    """The verdict of both, or why they need not agree. Fails where they differ."""
    expected, found = outcome(kernel, model, certificate), twin.outcome(model, certificate)
    if expected.same_as(found):
        return expected.verdict
    if expected.verdict == "declined" and any(limit in expected.reason for limit in LIMITS):
        return "over a limit of the Python kernel"
    report = ROOT / "build" / "difference"
    report.mkdir(parents=True, exist_ok=True)
    (report / "model").write_bytes(model)
    (report / "certificate").write_bytes(certificate)
    raise AssertionError(f"the files in {report}:\n{expected}\n{found}")


def run(count: int, seed: int, progress: bool = False) -> Counter[str]:
    """How so many cases ended."""
    ended: Counter[str] = Counter()
    start = time.perf_counter()
    with WatchedKernel() as kernel, Twin() as twin:
        generated = cases(seed, kernel)
        for i in range(count):
            ended[compare(*next(generated), kernel, twin)] += 1
            if progress and (i + 1) % 1000 == 0:
                print(
                    f"\r{i + 1} of {count}, {time.perf_counter() - start:.0f} s",
                    end="",
                    file=sys.stderr,
                )
    return ended


def compare_shipped(name: str, strategy: str, folder: Path) -> str:
    """The verdict of both on the certificate of one strategy for one shipped model."""
    export(ROOT / "models" / f"{name}.safetensors", folder / "model")
    model = (folder / "model").read_bytes()
    with WatchedKernel() as kernel, Twin() as twin:
        return compare(model, prove(model, strategy), kernel, twin)


# Tests


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    require_verified()


@pytest.mark.parametrize("seed", range(2))
def test_generated_and_changed_files(seed: int) -> None:
    ended = run(CASES // 2, seed)
    # The cases are of all kinds.
    assert min(ended[verdict] for verdict in ("accepted", "rejected", "declined")) > CASES // 20


# `exact` on the model with most positions is left to `--shipped`: the proof takes minutes.
@pytest.mark.parametrize("strategy", ["trivial", "low-rank", "cubic", "exact"])
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models(name: str, strategy: str, tmp_path: Path) -> None:
    if (name, strategy) == ("max-of-20", "exact"):
        strategy = "sub-cubic"
    assert compare_shipped(name, strategy, tmp_path) == "accepted"


def test_exit_codes_and_output(tmp_path: Path) -> None:
    model = model_file(max_model(2, 2))
    certificate = prove_exact(model)
    rejected = certificate.replace(b"correct 4", b"correct 3", 1)
    endings = ((certificate, 0, "accepted"), (rejected, 10, "rejected"), (b"", 20, "declined"))
    for data, code, verdict in endings:
        (tmp_path / "model").write_bytes(model)
        (tmp_path / "certificate").write_bytes(data)
        command = [PROGRAM, tmp_path / "model", tmp_path / "certificate"]
        plain = subprocess.run(command, capture_output=True, text=True)
        assert plain.returncode == code
        assert (plain.stderr if code else plain.stdout).startswith(verdict + ": ")
        printed = subprocess.run([*command, "--json"], capture_output=True, text=True)
        outcome = json.loads(printed.stdout)
        assert (printed.returncode, outcome["verdict"]) == (code, verdict)
        assert outcome["model_sha256"] == sha256(model).hexdigest()
        assert (outcome["correct_at_least"], outcome["total"]) == ((0, 0) if code else (4, 4))
    missing = subprocess.run([PROGRAM, tmp_path / "none", tmp_path / "none"], capture_output=True)
    assert missing.returncode == 20 and missing.stderr.startswith(b"declined: ")


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare both checkers.")
    parser.add_argument("--cases", type=int, default=100_000, help="how many generated cases")
    parser.add_argument("--seed", type=int, default=1000, help="where their random numbers start")
    parser.add_argument(
        "--shipped",
        action="store_true",
        help="instead: certificates of every strategy but auto and brute-force for every shipped model",
    )
    options = parser.parse_args()
    start = time.perf_counter()
    if options.shipped:
        # The first takes one of the others; the second would take hours.
        for strategy in sorted(set(STRATEGIES) - {"auto", "brute-force"}):
            for name in SHIPPED:
                with TemporaryDirectory() as folder:
                    verdict = compare_shipped(name, strategy, Path(folder))
                print(f"{name} {strategy}: no difference, {verdict}", flush=True)
        return 0
    ended = run(options.cases, options.seed, progress=True)
    seconds = time.perf_counter() - start
    print(f"\n{options.cases} cases, seed {options.seed}: no difference, {seconds:.0f} s")
    for ending, count in ended.most_common():
        print(f"  {ending}: {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
