"""Has the kernel check changed files of programs, and compares what it accepts with the truth.

    python -m fuzzing.program_campaign [--seconds S | --examples N] [--seed K]

An example is a random program (`fuzzing.programs`) and a certificate that claims of random intervals what
is true; a mutation changes either file. Whatever the change, an accepted claim must be true of the model
that it is about, by the oracle (`fuzzing.program_oracle`), and no file may make the kernel raise.
"""

import argparse
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from checker import Verdict, check
from fuzzing.program_oracle import truth
from fuzzing.programs import Pass, program_certificate, random_passes, random_program

Interval = tuple[int, int, int]


@dataclass(frozen=True)
class Example:
    """A model, and what a certificate says about it."""

    model: bytes
    passes: list[Pass]
    intervals: list[Interval]

    def certificate(self) -> bytes:
        return program_certificate(self.model, self.passes, self.intervals)


class Unsound(Exception):
    """The kernel accepted what is not true."""


def true_example(rng: random.Random) -> Example:
    """A random program, and the true counts of random intervals of its sequences."""
    model = random_program(rng)
    true = truth(model)
    cuts = sorted({0, len(true), *(rng.randrange(len(true)) for _ in range(rng.randint(0, 3)))})
    spans = list(zip(cuts, cuts[1:], strict=False))
    passes = random_passes(rng) if rng.random() < 0.5 else [(60, 60, 60)]
    return Example(model, passes, [(a, b - 1, true[a:b].count(True)) for a, b in spans])


def judge(model: bytes, certificate: bytes, intervals: list[Interval] | None) -> Verdict:
    """The kernel's verdict; raises `Unsound` where it accepts what the oracle says is false."""
    verdict = check(model, certificate)
    if verdict.verdict == "accepted":
        true = truth(model)
        if verdict.total != len(true) - true.count(None) or verdict.correct_at_least > true.count(True):
            raise Unsound(f"{verdict.correct_at_least} of {verdict.total}, true {true}")
        for first, last, claim in intervals or []:
            if claim > true[first : last + 1].count(True):
                raise Unsound(f"inputs {first} to {last}: claim {claim}, true {true}")
    return verdict


def _claim(rng: random.Random, example: Example) -> Example:
    """One interval claims more than is true."""
    i = rng.randrange(len(example.intervals))
    first, last, correct = example.intervals[i]
    intervals = [*example.intervals]
    intervals[i] = (first, last, correct + rng.choice((1, 1, 2, 2**64)))
    return replace(example, intervals=intervals)


def _intervals(rng: random.Random, example: Example) -> Example:
    """Intervals overlap, come in another order, twice, or end elsewhere."""
    found = [*example.intervals]
    i = rng.randrange(len(found))
    first, last, correct = found[i]
    match rng.randrange(4):
        case 0:
            found.insert(i, found[i])
        case 1:
            rng.shuffle(found)
        case 2:
            found[i] = (first, last + rng.choice((-1, 1)), correct)
        case _:
            found[i] = (max(0, first + rng.choice((-1, 1))), last, correct)
    return replace(example, intervals=found)


def _bits(rng: random.Random, example: Example) -> Example:
    """Other passes."""
    return replace(example, passes=random_passes(rng))


def _number(rng: random.Random, example: Example) -> Example:
    """A number in the model is another: a weight, an operand, a token, a parameter, an exponent."""
    lines = example.model.decode().splitlines()
    i = rng.randrange(1, len(lines))
    words = lines[i].split()
    places = [j for j, word in enumerate(words) if word.lstrip("-").isdigit()]
    if places:
        j = rng.choice(places)
        words[j] = str(int(words[j]) + rng.choice((-2, -1, 1, 2, 3)))
        lines[i] = " ".join(words)
    return replace(example, model="\n".join([*lines, ""]).encode())


def _word(rng: random.Random, example: Example) -> Example:
    """A step is another of as many operands, or sees other positions."""
    text = example.model.decode()
    pairs = (
        *(("causal", "full"), ("full", "causal"), ("relu", "silu"), ("silu", "relu"), ("add", "product")),
        *(("bias", "times"), ("times", "bias"), ("center", "relu"), ("gelu_new", "center"), ("max", "min")),
        *(("min", "max"), ("total", "center"), ("relu", "tanh"), ("sort", "copy"), ("copy", "palindrome")),
    )
    fitting = [(old, new) for old, new in pairs if old in text]
    if not fitting:
        return example
    old, new = rng.choice(fitting)
    return replace(example, model=text.replace(old, new, 1).encode())


def _line(rng: random.Random, example: Example) -> Example:
    """A line of the model is left out, or stands twice."""
    lines = example.model.decode().splitlines()
    i = rng.randrange(len(lines))
    lines[i : i + 1] = rng.choice(([], [lines[i]] * 2))
    return replace(example, model="\n".join([*lines, ""]).encode())


MUTATIONS: dict[str, Callable[[random.Random, Example], Example]] = {
    "program-claim": _claim,
    "program-intervals": _intervals,
    "program-bits": _bits,
    "program-number": _number,
    "program-step": _word,
    "program-line": _line,
}


def _stale(rng: random.Random, example: Example) -> tuple[bytes, bytes]:
    """The certificate as it is, with a changed byte."""
    data = bytearray(example.certificate())
    data[rng.randrange(len(data))] = rng.choice(b"0123456789 \n-")
    return example.model, bytes(data)


def run(rng: random.Random, examples: int | None, seconds: float | None) -> Counter[str]:
    """Judges so many examples, or as many as the time allows; counts verdicts by mutation."""
    start, found, done = time.monotonic(), Counter[str](), 0
    while (examples is None or done < examples) and (seconds is None or time.monotonic() < start + seconds):
        example = true_example(rng)
        verdict = judge(example.model, example.certificate(), example.intervals)
        found[f"none {verdict.verdict}"] += 1
        for name, mutation in MUTATIONS.items():
            changed = mutation(rng, example)
            certificate = changed.certificate()
            verdict = judge(changed.model, certificate, changed.intervals)
            found[f"{name} {verdict.verdict}"] += 1
            if name == "program-claim" and verdict.verdict == "accepted":
                raise Unsound(f"a claim that is false by construction: {changed.intervals}")
        verdict = judge(*_stale(rng, example), None)
        found[f"program-byte {verdict.verdict}"] += 1
        done += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser("python -m fuzzing.program_campaign", description=__doc__)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--examples", type=int)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    options = parser.parse_args()
    seconds = 60.0 if options.seconds is None and options.examples is None else options.seconds
    print(f"seed {options.seed}")
    for name, count in sorted(run(random.Random(options.seed), options.examples, seconds).items()):
        print(f"{name}: {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
