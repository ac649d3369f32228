"""The verified checker gives the same verdicts as the Python kernel, group by group.

`python tests/test_verified.py --cases 100000` compares as many generated cases as asked for and prints
how they ended; `--shipped` compares every strategy's certificate of every shipped model. The tests
below do less. A generated case is a random tiny model and a random certificate about it, as they are
or with some of their words or bytes changed.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import pytest
from small_models import (
    EXACT_TABLES,
    NAMES,
    Model,
    certificate_file,
    dyadic,
    each_token,
    max_model,
    model_file,
    singletons,
    step,
)

from certificates.certificate_file import format_certificate
from certificates.exact import prove_exact
from certificates.strategies import STRATEGIES, prove
from checker.certificate import Check, Factor, Group, Table, parse_certificate
from checker.check import check
from checker.model import Dyadic, parse_model
from model_export.exact_model import export

ROOT = Path(__file__).parent.parent
# The module, which a function of the same name hides in its package.
KERNEL = import_module("checker.check")
PROGRAM = ROOT / "verified" / "compact-proofs-verified"
# `tests/run` builds the program and sets this, so that there nothing is skipped in silence.
REQUIRED = "COMPACT_PROOFS_REQUIRE_VERIFIED"
SHIPPED = sorted(path.stem for path in (ROOT / "models").glob("*.safetensors"))
# Limits of the Python kernel's resources: where it declines for one of them, the twin need not.
LIMITS = ("max_operations", "max_branches", "max_levels", "max_precisions")
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


class Recorder:
    """Calls the kernel, and notes the counts that it finds on the way."""

    def __init__(self) -> None:
        self.found: list[int] = []
        self.certified_inputs = KERNEL.certified_inputs

    def __enter__(self) -> "Recorder":
        KERNEL.certified_inputs = self._certified_inputs
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        KERNEL.certified_inputs = self.certified_inputs

    def _certified_inputs(self, *arguments: Any) -> int:
        count = self.certified_inputs(*arguments)
        self.found.append(count)
        return count

    def outcome(self, model: bytes, certificate: bytes) -> Outcome:
        self.found.clear()
        verdict = check(model, certificate)
        accepted = verdict.verdict == "accepted"
        return Outcome(
            verdict.verdict,
            verdict.correct_at_least,
            verdict.total if accepted else 0,
            verdict.model_sha256,
            tuple(self.found),
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


# Random models and certificates, from a seed


def random_number(rng: random.Random, kind: str) -> Fraction:
    if kind == "tied":
        return Fraction(rng.choice((-1, 0, 0, 1, 1, 2)), rng.choice((1, 1, 2)))
    if kind == "wide":
        return Fraction(rng.randint(-(2**40), 2**40), 2 ** rng.randint(30, 50))
    return Fraction(rng.randint(-(2**8), 2**8), 2**6)


def random_model(rng: random.Random) -> Model:
    """A tiny model: with random weights, or one that finds the maximum, perhaps disturbed."""
    positions, vocabulary = rng.randint(2, 4), rng.choice((1, 2, 2, 3, 3, 4, 4))
    outputs = vocabulary + rng.choice((0, 0, 0, 1, 2))
    kind = rng.choice(("tied", "wide", "mild", "mild"))
    if rng.random() < 0.5:
        model = max_model(positions, vocabulary, rng.randint(0, 6), outputs)
        for name in rng.sample(NAMES, rng.randint(0, 3)):
            row = rng.choice(model[name])
            row[rng.randrange(len(row))] += random_number(rng, kind)
        return model
    width, head_width = rng.randint(1, 3), rng.randint(1, 3)
    shapes = (
        *((vocabulary, width), (positions, width)),
        *((width, head_width),) * 3,
        *((head_width, width), (width, outputs)),
    )
    return {
        name: [[random_number(rng, kind) for _ in range(columns)] for _ in range(rows)]
        for name, (rows, columns) in zip(NAMES, shapes, strict=True)
    }


def random_bands(rng: random.Random, label: int) -> tuple[tuple[int, int], ...]:
    if rng.random() < 0.5:
        return each_token(label)
    runs: list[tuple[int, int]] = []
    left = label
    while left and rng.random() < 0.8:
        width = rng.randint(1, left)
        if runs and runs[-1][1] == width:
            runs[-1] = (runs[-1][0] + 1, width)
        else:
            runs.append((1, width))
        left -= width
    return tuple(runs)


def random_check(rng: random.Random, rule: str, label: int, partitions: Sequence[Sequence[int]], last: bool) -> Check:
    bits = rng.randint(1, 80) if rng.random() < 0.3 else rng.randint(16, 44)
    partition = rng.randrange(len(partitions))
    classes: Sequence[int] | None = None
    if not last and rng.random() < 0.7:
        numbers = range(len(partitions[partition]) - 1)
        classes = sorted(rng.sample(numbers, rng.randint(1, len(numbers))))
    bands = random_bands(rng, label)
    levels = []
    left = sum(count for count, _ in bands)
    while left:
        levels.append(rng.randint(1, left) if rng.random() < 0.5 else 1)
        left -= levels[-1]
    margin = 1 if rng.random() < 0.6 else rng.randint(1, 2 ** rng.randint(1, bits + 1))
    return step(rule, bits, margin, bands, partition, classes, levels)


def random_groups(rng: random.Random, vocabulary: int, partitions: Sequence[Sequence[int]]) -> Iterator[Group]:
    """Groups in ascending order, each with one to three checks, which claim nothing yet."""
    for label in range(vocabulary):
        query = 0
        while query <= label:
            last = query if query == label else rng.randint(query, label - 1)
            if rng.random() < 0.8:
                rules = ("levels", "enumerate") if last == query else ("levels",)
                count = rng.choice((1, 1, 2, 3))
                checks = tuple(
                    random_check(rng, rng.choice(rules), label, partitions, i == count - 1) for i in range(count)
                )
                yield Group(label, query, last, 0, checks)
            query = last + 1


def random_tensor(rng: random.Random, rows: int, columns: int) -> Dyadic:
    return dyadic([[random_number(rng, "tied") for _ in range(columns)] for _ in range(rows)])


def random_table(rng: random.Random, sizes: Sequence[int]) -> Table:
    """A table of low rank, with random hints and norms."""
    cuts = sorted(rng.sample(range(1, len(sizes) - 1), rng.randint(1, len(sizes) - 2)))
    bounds = [0, *cuts, len(sizes) - 1]
    factors = []
    for i, (start, end) in enumerate(zip(bounds, bounds[1:], strict=False)):
        rows, columns = sizes[start], sizes[end]
        rank = rng.randint(0, min(rows, columns))
        hint = norm = None
        if rank:
            hint = random_tensor(rng, rows, rank), random_tensor(rng, rank, columns)
        if 0 < i < len(bounds) - 2:
            norm = dyadic([[Fraction(rng.randint(0, 2**20))]]), random_tensor(rng, rows, rows)
        factors.append(Factor(end - start, hint, norm))
    return Table(tuple(factors))


def random_certificate(rng: random.Random, model_data: bytes, kernel: Recorder) -> bytes:
    """A certificate whose claims are what its checks establish, most of the time."""
    model = parse_model(model_data)
    partitions = [singletons(model.outputs)]
    for _ in range(rng.randint(0, 2)):
        inner = rng.sample(range(1, model.outputs), rng.randint(0, model.outputs - 1))
        partitions.append((0, *sorted(inner), model.outputs))
    score_bits = rng.choice((48, 48, rng.randint(1, 60)))
    bits = {"score_bits": score_bits, "exponential_bits": score_bits + rng.randint(0, 200)}
    groups = list(random_groups(rng, model.vocabulary, partitions))
    tables = EXACT_TABLES
    if rng.random() < 0.1:
        paths = [model.path_sizes(name) for name in ("QK", "OV", "EU")]
        low_rank = rng.randrange(3)
        tables = tuple(random_table(rng, paths[i]) if i == low_rank else Table() for i in range(3))
    data = certificate_file(model_data, groups, partitions, tables=tables, **bits)
    kernel.outcome(model_data, data)
    # Claims of 0 never fail, so that every count is known unless some group is badly formed.
    claimed = [
        replace(group, correct=max(0, found + rng.choice((0,) * 60 + (1, -1))))
        for group, found in zip(groups, kernel.found, strict=False)
    ]
    return certificate_file(model_data, claimed, partitions, tables=tables, **bits)


# Changes to files


def change_word(rng: random.Random, words: list[bytes]) -> None:
    place = rng.randrange(len(words))
    word = words[place]
    change = rng.randrange(8)
    if change == 0:
        del words[place]
    elif change == 1:
        words.insert(place, word)
    elif change == 2:
        other = rng.randrange(len(words))
        words[place], words[other] = words[other], word
    elif change == 3:
        words[place] = rng.choice(words)
    elif word.removeprefix(b"-").isdigit():
        number = int(word)
        near = (number + 1, number - 1, -number, 2 * number, number // 2, 0, 1, 2)
        far = (10**9, 2**62, 2**64, -(2**63), 10**799, 10**800, rng.randint(0, 10**6))
        words[place] = b"%d" % rng.choice(near * 3 + far)
    else:
        words[place] = rng.choice((b"rest", b"levels", b"enumerate", b"low_rank", b"end", b"0"))


def changed_check(rng: random.Random, check: Check, outputs: int) -> Check:
    change = rng.randrange(7)
    if change == 0:
        return replace(check, margin=max(1, check.margin + rng.choice((-1, 1))))
    if change == 1:
        return replace(check, margin=max(1, check.margin * rng.choice((2, 4)) // rng.choice((1, 8))))
    if change == 2:
        return replace(check, bits=rng.randint(1, 60))
    if change == 3:
        return replace(check, classes=rng.choice((None, (rng.randrange(outputs),))))
    if change == 4:
        return replace(check, rule="enumerate", levels=())
    bands = list(check.bands)
    if bands and change == 5:
        del bands[rng.randrange(len(bands))]
    else:
        bands.insert(rng.randint(0, len(bands)), (1, rng.randint(1, 3)))
    if any(a == b for (_, a), (_, b) in zip(bands, bands[1:], strict=False)):
        return check
    count = sum(count for count, _ in bands)
    return replace(check, bands=tuple(bands), levels=(1,) * count if check.rule == "levels" else ())


def changed_group(rng: random.Random, group: Group, outputs: int) -> Group:
    change = rng.randrange(10)
    near = rng.choice((-1, 1))
    if change == 0:
        return replace(group, correct=max(0, group.correct + near))
    if change == 1:
        return replace(group, label=max(0, group.label + near))
    if change == 2:
        return replace(group, first_query=max(0, group.first_query + near))
    if change == 3:
        return replace(group, last_query=max(0, group.last_query + near))
    checks = list(group.checks)
    if change == 4 and len(checks) > 1:
        del checks[rng.randrange(len(checks))]
    elif change == 5:
        checks.insert(rng.randint(0, len(checks)), rng.choice(checks))
    else:
        place = rng.randrange(len(checks))
        checks[place] = changed_check(rng, checks[place], outputs)
    return replace(group, checks=tuple(checks))


def change_claims(rng: random.Random, model: bytes, data: bytes) -> bytes:
    """Change what a certificate says and keep it well formed, most of the time."""
    parsed = parse_model(model)
    certificate = parse_certificate(data, parsed)
    groups = list(certificate.groups)
    if not groups:
        return data
    for _ in range(rng.choice((1, 1, 2))):
        place, other = rng.randrange(len(groups)), rng.randrange(len(groups))
        change = rng.randrange(20)
        if change == 0 and len(groups) > 1:
            del groups[place]
            continue
        if change == 1:
            groups.insert(other, groups[place])
        elif change == 2:
            groups[place], groups[other] = groups[other], groups[place]
        else:
            groups[place] = changed_group(rng, groups[place], parsed.outputs)
    if rng.random() < 0.3:
        groups = [replace(group, correct=0) for group in groups]
    correct = sum(group.correct for group in groups) + rng.choice((0,) * 20 + (1, -1))
    certificate = replace(certificate, correct=max(0, correct), groups=tuple(groups))
    if rng.random() < 0.1:
        certificate = replace(certificate, score_bits=rng.randint(1, certificate.exponential_bits))
    if rng.random() < 0.1:
        bits = certificate.score_bits + rng.randint(0, 64)
        certificate = replace(certificate, exponential_bits=bits)
    return format_certificate(certificate).encode("ascii")


def change_words(rng: random.Random, data: bytes) -> bytes:
    """Change some words and keep the lines, or some lines and keep their words."""
    lines = data.split(b"\n")
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place = rng.randrange(len(lines))
        change = rng.randrange(12)
        if change == 0:
            del lines[place]
        elif change == 1:
            lines.insert(place, rng.choice(lines))
        elif change == 2:
            other = rng.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
        elif words := lines[place].split(b" "):
            change_word(rng, words)
            lines[place] = b" ".join(words)
        if not lines:
            break
    return b"\n".join(lines)


def change_bytes(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = rng.randrange(len(changed) + 1)
        change = rng.randrange(5)
        byte = rng.choice((*b"0123456789- \nabcdef\t\r+.\x00\xff", rng.randrange(256)))
        if change == 0:
            changed.insert(place, byte)
        elif change == 1:
            del changed[place : place + 1]
        elif change == 2:
            changed[place : place + 1] = bytes([byte])
        elif change == 3:
            del changed[place : place + rng.randint(1, 40)]
        else:
            changed = changed[:place] if rng.random() < 0.2 else changed + bytes([byte])
    return bytes(changed)


def changed_case(rng: random.Random, model: bytes, certificate: bytes) -> tuple[bytes, bytes]:
    """One of the files changed; a changed model mostly with the certificate's hash brought up to date."""
    if rng.random() < 0.6:
        return model, change_claims(rng, model, certificate)
    change = change_words if rng.random() < 0.8 else change_bytes
    if rng.random() < 0.7:
        return model, change(rng, certificate)
    changed = change(rng, model)
    if rng.random() < 0.9:
        old, new = sha256(model).hexdigest(), sha256(changed).hexdigest()
        certificate = certificate.replace(old.encode(), new.encode())
    return changed, certificate


def cases(seed: int, kernel: Recorder) -> Iterator[tuple[bytes, bytes]]:
    """Endlessly many cases, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        model = model_file(random_model(rng))
        certificates = [random_certificate(rng, model, kernel) for _ in range(4)]
        # The strategy searches in floats, which some of these models overflow.
        with suppress(OverflowError):
            certificates.append(prove_exact(model))
        for certificate in certificates:
            yield model, certificate
            for _ in range(12):
                yield changed_case(rng, model, certificate)


def compare(model: bytes, certificate: bytes, kernel: Recorder, twin: Twin) -> str:
    """The verdict of both, or why they need not agree. Fails where they differ."""
    expected, found = kernel.outcome(model, certificate), twin.outcome(model, certificate)
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
    with Recorder() as kernel, Twin() as twin:
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
    with Recorder() as kernel, Twin() as twin:
        return compare(model, prove(model, strategy), kernel, twin)


# Tests


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    if not PROGRAM.exists():
        missing = f"{PROGRAM.relative_to(ROOT)} is not built: make -C verified"
        if os.environ.get(REQUIRED):
            pytest.fail(missing)
        pytest.skip(missing)


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
    endings = ((certificate, 0, "accepted"), (rejected, 1, "rejected"), (b"", 2, "declined"))
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
    assert missing.returncode == 2 and missing.stderr.startswith(b"declined: ")


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare both checkers.")
    parser.add_argument("--cases", type=int, default=100_000, help="how many generated cases")
    parser.add_argument("--seed", type=int, default=1000, help="where their random numbers start")
    parser.add_argument(
        "--shipped",
        action="store_true",
        help="instead: every strategy's certificate of every shipped model",
    )
    options = parser.parse_args()
    start = time.perf_counter()
    if options.shipped:
        # The last two need a budget, and hours, respectively.
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
