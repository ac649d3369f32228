"""Strategy `evaluate`: every input of a program tried, at the fewest bits that decide nearly all."""

import random
from collections.abc import Sequence
from itertools import pairwise

from certificates.certificate_file import format_margin
from certificates.progress import part, steps
from certificates.prover import Proof
from checker.errors import Declined
from checker.header import model_hash
from checker.inputs import MAX_SEQUENCES
from checker.meter import Meter
from checker.models.evaluation import Plan
from checker.models.program import Program, parse_program
from checker.numbers.balls import Precision
from checker.rules.evaluate import MAX_BITS, MAX_VALUE_BITS, Evaluate, Sizes, certified_inputs
from checker.rules.margin import NO_MARGIN, Margin

# Sequences of a piece of all, and how many pieces there are at the most.
PIECE, MOST_PIECES = 2**14, 64
# Bits of a first pass to choose from: the fewer, the faster, up to 28 above all.
LADDER = (16, 20, 22, 24, 26, 28, 38, 48, 56, 80, 128, 256)
# What undecided inputs are tried again with, beyond the first pass.
MORE_BITS = (12, 40)
# Inputs of a sample, sequences at each of its places, and how many places are tried.
SAMPLE, RUN, PLACES = 256, 32, 2048
# A pass that leaves more of the sample undecided than this costs more than more bits for all.
UNDECIDED = 0.02


def prove_evaluate(model_data: bytes, margin: Margin = NO_MARGIN) -> Proof:
    """A proof that tries every input, and claims those that are correct by more than a margin. Raises `Declined`
    for what the checker would decline."""
    program = parse_program(model_data)
    if program.inputs.sequences > MAX_SEQUENCES:
        size = f"{program.inputs.sequences} sequences, limit max_sequences = {MAX_SEQUENCES}"
        raise Declined(f"strategy evaluate: {size}")
    with part("evaluate", 0, 0.05):
        passes = choose_passes(program, margin)
    meter, intervals = unlimited(), pieces(program.inputs.sequences)
    with part("evaluate", 0.05, 1):
        found = counts(program, passes, intervals, meter, margin)
    correct = sum(found)
    each = ((first, last, found[i]) for i, (first, last) in enumerate(intervals))
    proof = Evaluate(tuple(passes), tuple(each))
    certificate = format_claim(model_hash(model_data), correct, proof, margin).encode("ascii")
    return Proof(certificate, correct, meter.operations, meter.machine_operations)


def pieces(sequences: int) -> list[tuple[int, int]]:
    """All sequences as intervals of about the same size; several where there are many, so that whoever tries or checks
    them can tell how far that is."""
    number = min(MOST_PIECES, max(1, sequences // PIECE))
    cuts = [sequences * i // number for i in range(number + 1)]
    return [(first, end - 1) for first, end in pairwise(cuts)]


def sizes(bits: int) -> Sizes:
    """A pass of so many bits: weights and exponentials as fine as values, the latter finer if few."""
    return min(bits, MAX_VALUE_BITS), min(bits, MAX_BITS), min(max(bits, min(bits + 2, 26)), MAX_BITS)


def unlimited() -> Meter:
    """A meter for what is tried; the limit is for what is checked."""
    meter = Meter()
    meter.limit = 2**62
    return meter


def count(
    program: Program,
    passes: Sequence[Sizes],
    intervals: Sequence[tuple[int, int]],
    meter: Meter,
    margin: Margin = NO_MARGIN,
) -> int:
    """How many inputs among the sequences of the intervals the kernel certifies, by more than a margin."""
    return sum(counts(program, passes, intervals, meter, margin))


def counts(
    program: Program,
    passes: Sequence[Sizes],
    intervals: Sequence[tuple[int, int]],
    meter: Meter,
    margin: Margin = NO_MARGIN,
) -> list[int]:
    """The same interval by interval."""
    plan = Plan(program, meter)
    precisions = [Precision(program.tensors, each) for each in passes]
    return [
        sum(
            int(certified_inputs(plan, precisions, listed, meter, margin).sum())
            for listed in program.inputs.listed(first, last, meter)
        )
        for first, last in steps("evaluate", intervals)
    ]


def choose_passes(program: Program, margin: Margin = NO_MARGIN) -> list[Sizes]:
    """The fewest bits that decide nearly all of a sample that any bits decide, and more for the rest."""
    sample, inputs = take_sample(program)
    found = [0]
    for bits in LADDER if inputs else LADDER[-4:]:
        found.append(count(program, [sizes(bits)], sample, unlimited(), margin))
        undecided = inputs - found[-1]
        # Wrong inputs stay undecided at any number of bits, and then the count stops growing.
        if undecided <= UNDECIDED * inputs or found[-1] == found[-2] > 0:
            break
    passes = [sizes(bits), *(sizes(bits + more) for more in MORE_BITS)]
    return list(dict.fromkeys(passes))


def take_sample(program: Program) -> tuple[list[tuple[int, int]], int]:
    """Runs of sequences at random places, all where there are few, and how many inputs they hold."""
    sequences, found, inputs = program.inputs.sequences, [], 0
    if sequences <= SAMPLE:
        return [(0, sequences - 1)], program.inputs.count(Meter())
    rng = random.Random(0)
    for _ in range(PLACES):
        first = rng.randrange(sequences - RUN + 1)
        listed = program.inputs.listed(first, first + RUN - 1, Meter())
        new = sum(len(some.labels) for some in listed)
        if new:
            found.append((first, first + RUN - 1))
            inputs += new
        if inputs >= SAMPLE:
            break
    return found, inputs


def format_claim(model_sha256: str, correct: int, proof: Evaluate, margin: Margin = NO_MARGIN) -> str:
    """The canonical text of a certificate of version 2 (`docs/formats.md`)."""
    passes = [" ".join(map(str, each)) for each in proof.passes]
    intervals = [" ".join(map(str, each)) for each in proof.intervals]
    lines = ["compact-proofs-certificate 2", f"model {model_sha256}", f"correct {correct}"]
    lines += [*format_margin(margin), "rule evaluate", f"passes {len(passes)}", *passes]
    return "\n".join([*lines, f"intervals {len(intervals)}", *intervals, "end", ""])
