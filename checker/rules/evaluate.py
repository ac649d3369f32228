"""The rule `evaluate`: single inputs, whose logits are enclosed step by step.

Premises: passes (the bits of values, weights and exponentials), and intervals of sequences in
lexicographic order with a claim for each. Conclusion: of an interval's inputs, those whose label's
logit is certainly greater than every other, for every answer, in one of the passes, are correct.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from checker.errors import Declined, Rejected
from checker.inputs import Listed
from checker.meter import PYTHON, Meter
from checker.models.evaluation import MAX_ROOM, Plan, logits, stored_bits
from checker.models.program import Program
from checker.numbers.balls import Ball, Precision
from checker.numbers.exact import wide
from checker.numbers.rounding import Array
from checker.rules.margin import NO_MARGIN, Margin, units
from checker.text import NATURAL, Reader

MAX_PASSES = 8
MAX_INTERVALS = 65536
MAX_VALUE_BITS = 256
MAX_BITS = 512

Sizes = tuple[int, int, int]
# The first sequence, the last one, and how many of the inputs among them are claimed correct.
Interval = tuple[int, int, int]


@dataclass(frozen=True)
class Evaluate:
    """The bits of values, weights and exponentials of each pass, and intervals."""

    passes: tuple[Sizes, ...]
    intervals: tuple[Interval, ...]


def parse_passes(reader: Reader) -> tuple[Sizes, ...]:
    """The bits of each pass."""
    passes: list[Sizes] = []
    for _ in range(reader.take("passes", (1, MAX_PASSES, "max_passes"), "\n")[0]):
        limits = (1, MAX_VALUE_BITS, "max_value_bits"), (1, MAX_BITS, "max_bits")
        bits, weight_bits = reader.take(*limits)
        [exponential_bits] = reader.take((bits, MAX_BITS, "max_bits"), "\n")
        passes.append((bits, weight_bits, exponential_bits))
    return tuple(passes)


def parse_evaluate(reader: Reader) -> Evaluate:
    """The part of a certificate that is about this rule."""
    passes = parse_passes(reader)
    intervals: list[Interval] = []
    for _ in range(reader.take("intervals", (0, MAX_INTERVALS, "max_intervals"), "\n")[0]):
        first, last, correct = reader.take(NATURAL, NATURAL, NATURAL, "\n")
        intervals.append((first, last, correct))
    return Evaluate(passes, tuple(intervals))


def certain(balls: list[Ball], labels: Array, margin: int = 0) -> Array:
    """For each input, whether every answer's label, in `labels` [inputs, answers], certainly has
    the greatest logit, by more than `margin` units, given the enclosures of the rows of logits."""
    rows = np.arange(len(labels))
    result = np.full(len(labels), labels.shape[1] == len(balls), dtype=bool)
    for ball, label in zip(balls, labels.T, strict=False):
        known = label < ball.columns
        place = rows, np.where(known, label, 0)
        least = -ball.most - 2 * ball.widest - 1
        others, radii = wide(2 * (1 - least) + margin, ball.centres, ball.radii)
        of_label, others = others[place], others.copy()
        others[place] = least  # below every other, so that it is the greatest only if it is alone
        result &= known & (of_label - others.max(axis=1) > 2 * radii + margin)
    return result


def certified_inputs(
    plan: Plan, passes: Sequence[Precision], listed: Listed, meter: Meter,
    margin: Margin = NO_MARGIN,
) -> Array:
    """Which of the listed inputs are certainly correct, by more than a margin, in one of the
    passes."""
    numbers, labels = listed.numbers, listed.labels
    undecided = np.arange(len(labels))
    for precision in passes:
        size, left = plan.inputs(precision), np.zeros(len(undecided), dtype=bool)
        for start in range(0, len(undecided), size):
            some = undecided[start : start + size]
            if margin != NO_MARGIN:
                meter.add("margin", len(some) * labels.shape[1], 0)
            balls = logits(plan, precision, numbers[some], meter)
            less = units(margin, precision.bits)
            left[start : start + size] = ~certain(balls, labels[some], less)
        undecided = undecided[left]
    found = np.ones(len(labels), dtype=bool)
    found[undecided] = False
    return found


def require_weights(program: Program, passes: Sequence[Sizes], meter: Meter) -> None:
    """Meters the rounding of the weights for all passes; raises `Declined` for too many bits."""
    room = 0
    for tensor in program.tensors:
        entries = tensor.rows * tensor.columns
        for bits, weight_bits, _ in passes:
            meter.add("evaluate", 0, 2 * entries * PYTHON)
            most = tensor.bits + max(0, tensor.exponent + max(bits, weight_bits))
            room += 2 * entries * stored_bits(most)
    if room > MAX_ROOM:
        raise Declined(f"evaluate: weights of {room} bits, limit max_room = {MAX_ROOM}")


def check_evaluate(
    program: Program, proof: Evaluate, margin: Margin, meter: Meter, counts: list[int]
) -> Iterator[tuple[Listed, Array]]:
    """The inputs of the intervals of `proof`, some at a time, and which of them are correct.

    Raises `Rejected` at a claim that is not established. What is found in each interval is appended
    to `counts`, that of the failing claim last.
    """
    require_weights(program, proof.passes, meter)
    plan, done = Plan(program, meter), -1
    passes = [Precision(program.tensors, sizes) for sizes in proof.passes]
    for first, last, correct in proof.intervals:
        sequences = program.inputs.sequences
        if not done < first <= last < sequences:
            raise Rejected(
                f"inputs {first} to {last}: expected ascending intervals below {sequences}"
            )
        done, found = last, 0
        for listed in program.inputs.listed(first, last, meter):
            certified = certified_inputs(plan, passes, listed, meter, margin)
            found += int(certified.sum())
            yield listed, certified
        counts.append(found)
        if correct > found:
            raise Rejected(f"inputs {first} to {last}: claimed {correct} correct, found {found}")
