"""The verified checker gives the same verdicts on programs as the Python kernel, interval by interval.

`python tests/test_verified_programs.py --cases 10000` compares as many generated cases as asked for
and prints how they ended; the tests below do less. A generated case is a random small program and a
certificate with the counts that the Python kernel finds, or nearly, as they are or changed by one of
the mutations of the fuzzer.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from test_verified import LIMITS, ROOT, Twin
from verified_checker import require_verified

from certificates.evaluate import count, unlimited
from checker.check import check
from checker.models.program import Program, parse_program
from fuzzing.mutations import MUTATIONS, Case, apply
from fuzzing.programs import Pass, program_certificate, random_passes, random_program

# Limits of the Python kernel's resources: where it declines for one of them, the twin need not.
RESOURCES = (*LIMITS, "resources", "max_numbers", "numbers of", "weights of")
CASES = 240
CHANGED = 4


def random_intervals(rng: random.Random, sequences: int) -> list[tuple[int, int]]:
    """Intervals one after another, most of the time with all sequences."""
    cuts = {0, sequences, *(rng.randrange(sequences + 1) for _ in range(rng.randint(0, 2)))}
    ends = sorted(cuts if rng.random() < 0.8 else {*rng.sample(sorted(cuts), 2)})
    return [(a, b - 1) for a, b in zip(ends, ends[1:], strict=False)]


def found(program: Program, passes: list[Pass], intervals: list[tuple[int, int]]) -> list[int]:
    """What the Python kernel finds in each interval."""
    return [count(program, passes, [interval], unlimited()) for interval in intervals]


def cases(seed: int) -> Iterator[tuple[bytes, bytes, list[int] | None]]:
    """Endlessly many cases, the same for the same seed; with the counts of the intervals, where the
    claims are what the kernel finds."""
    rng = random.Random(seed)
    while True:
        model, passes = random_program(rng), random_passes(rng)
        program = parse_program(model)
        intervals = random_intervals(rng, program.inputs.sequences)
        counts = found(program, passes, intervals)
        claims = [max(0, k + rng.choice((0,) * 9 + (1,))) for k in counts]
        rows = [(*interval, k) for interval, k in zip(intervals, claims, strict=True)]
        certificate = program_certificate(model, passes, rows)
        yield model, certificate, counts if claims == counts else None
        for name in rng.choices(list(MUTATIONS), k=CHANGED):
            changed = apply(name, rng, Case(model, certificate))
            if changed is not None:
                yield changed.model, changed.certificate, None


def compare(model: bytes, certificate: bytes, counts: list[int] | None, twin: Twin) -> str:
    """The verdict of both, or why they need not agree. Fails where they differ."""
    expected, outcome = check(model, certificate), twin.outcome(model, certificate)
    if expected.verdict == "declined" and any(limit in expected.reason for limit in RESOURCES):
        return "over a limit of the Python kernel"
    same = expected.verdict == outcome.verdict
    if expected.verdict == "accepted":
        same &= (expected.correct_at_least, expected.total) == (outcome.correct_at_least, outcome.total)
        same &= expected.model_sha256 == outcome.model_sha256
    if same and counts in (None, list(outcome.groups)):
        return expected.verdict
    report = ROOT / "build" / "difference"
    report.mkdir(parents=True, exist_ok=True)
    (report / "model").write_bytes(model)
    (report / "certificate").write_bytes(certificate)
    raise AssertionError(f"the files in {report}:\n{expected}\n{outcome}\n{counts}")


def run(number: int, seed: int) -> Counter[str]:
    """How so many cases ended."""
    ended: Counter[str] = Counter()
    with Twin() as twin:
        generated = cases(seed)
        for _ in range(number):
            ended[compare(*next(generated), twin)] += 1
    return ended


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    require_verified()


def test_generated_and_changed_files() -> None:
    ended = run(CASES, 0)
    # The cases are of all kinds.
    assert min(ended[verdict] for verdict in ("accepted", "rejected", "declined")) > CASES // 40


def test_the_smallest_bits_decide_alike() -> None:
    """Where a pass has a few bits only, whether an input is decided hangs on every unit of a radius."""
    rng, decided = random.Random(1), Counter[bool]()
    with Twin() as twin:
        while min(decided[True], decided[False]) < 8:
            model = random_program(rng)
            program, bits = parse_program(model), rng.randint(1, 8)
            passes = [(bits, rng.randint(1, 8), bits + rng.randint(0, 2))]
            intervals = random_intervals(rng, program.inputs.sequences)
            counts = found(program, passes, intervals)
            rows = [(*interval, k) for interval, k in zip(intervals, counts, strict=True)]
            compare(model, program_certificate(model, passes, rows), counts, twin)
            decided[sum(counts) > 0] += 1


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare both checkers on programs.")
    parser.add_argument("--cases", type=int, default=10_000, help="how many generated cases")
    parser.add_argument("--seed", type=int, default=1000, help="where their random numbers start")
    options = parser.parse_args()
    ended = run(options.cases, options.seed)
    print(f"{options.cases} cases, seed {options.seed}: no difference")
    for ending, number in ended.most_common():
        print(f"  {ending}: {number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
