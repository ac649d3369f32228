"""Programs and the rule `evaluate`, against an oracle that shares no code with the kernel."""

import random

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_enclosures import Reference

from checker.meter import Meter
from checker.models.evaluation import Cases, Plan, Rows, Sight
from checker.models.program import parse_program
from checker.numbers.balls import Ball, Precision
from checker.rules.evaluate import certain, certified_inputs
from fuzzing.program_oracle import read_program, truth, values_of
from fuzzing.programs import random_passes, random_program

seeds = st.integers(0, 2**32)


def enclosures(plan: Plan, precision: Precision, numbers: np.ndarray) -> Rows:
    """Every enclosed row, not only the logits'."""
    rows = Rows(plan, precision, Cases(numbers))
    for place, reads in plan.reads.items():
        view = Sight(rows, place[1], reads, plan.positions[place])
        rows.balls[place] = plan.program.steps[place[0]].enclose(view)
    return rows


def encloses(ball: Ball, case: int, bits: int, row: list[arb]) -> bool:
    """Whether the exact row, known up to Arb's radius, may lie in the ball."""
    centres, radius = ball.centres[case], int(ball.radii[case])
    return all(
        not abs(y * arb(2) ** bits - int(c)) > radius for y, c in zip(row, centres, strict=True)
    )


@settings(max_examples=80, deadline=None)
@given(seeds)
def test_every_ball_encloses_the_true_row(seed: int) -> None:
    rng = random.Random(seed)
    data = random_program(rng)
    program, oracle = parse_program(data), read_program(data)
    plan = Plan(program, Meter())
    precision = Precision(program.tensors, random_passes(rng)[0])
    listed = program.inputs._numbers(0, program.inputs.sequences)
    rows = enclosures(plan, precision, listed)
    for number in rng.sample(range(len(listed)), min(3, len(listed))):
        tokens = [s[int(k)] for s, k in zip(program.inputs.sets, listed[number], strict=True)]
        with ctx.workprec(512):
            values = values_of(oracle, tokens, 512)
            for place in plan.reads:
                case = rows.cases.find(plan.positions[place])[1][number]
                assert encloses(rows.balls[place], case, precision.bits, values[place[0]][place[1]]), place


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_enclosures_are_those_of_the_formulas(seed: int) -> None:
    rng = random.Random(seed)
    data = random_program(rng)
    program, steps = parse_program(data), read_program(data).steps
    plan, sizes = Plan(program, Meter()), random_passes(rng)[0]
    numbers = program.inputs._numbers(0, program.inputs.sequences)
    rows = enclosures(plan, Precision(program.tensors, sizes), numbers)
    reference = Reference(program.tensors, sizes)
    for number in rng.sample(range(len(numbers)), min(3, len(numbers))):
        tokens = [s[int(k)] for s, k in zip(program.inputs.sets, numbers[number], strict=True)]
        values: list[list[tuple[list[int], int]]] = []
        for step in steps:
            values.append(reference.value(step, values, tokens))
        for place in plan.reads:
            case = rows.cases.find(plan.positions[place])[1][number]
            ball, (centres, radius) = rows.balls[place], values[place[0]][place[1]]
            assert ball.centres[case].tolist() == centres, (place, steps[place[0]])
            assert int(ball.radii[case]) == radius, (place, steps[place[0]])


def ball(*rows: tuple[list[int], int]) -> Ball:
    """One row for each input, with its radius."""
    centres, radii = zip(*rows, strict=True)
    return Ball(np.array(centres, dtype=object), np.array(radii, dtype=object))


@pytest.mark.parametrize("scale", [1, 2**30, 2**61, 2**80])
def test_what_is_certain(scale: int) -> None:
    def one(row: list[int], radius: int, label: int) -> bool:
        return bool(certain([ball(([k * scale for k in row], radius * scale))], np.array([[label]]))[0])

    assert one([5, 3], 0, 0) and not one([5, 3], 0, 1) and not one([5, 5], 0, 0)
    # The ends of the balls meet where the centres differ by twice the radius.
    assert one([6, 3, 2], 1, 0) and not one([5, 3, 2], 1, 0) and not one([5, 3], 2, 0)
    assert one([-9, -3], 2, 1) and not one([-9, -3], 3, 1)
    assert one([0], 7, 0)  # no other output
    assert not one([9, 0], 1, 2) and not one([9], 1, 2**40)  # no such output
    rows = ball(([9 * scale, 0], scale), ([0, 9 * scale], scale))
    assert certain([rows, rows], np.array([[0, 0], [0, 1]])).tolist() == [True, False]
    for answers in (1, 3):
        assert not certain([rows, rows], np.array([[0] * answers, [1] * answers])).any()


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_certified_inputs_are_correct_and_inputs_are_those_of_the_task(seed: int) -> None:
    rng = random.Random(seed)
    data = random_program(rng)
    program, true = parse_program(data), truth(data)
    plan, meter = Plan(program, Meter()), Meter()
    passes = [Precision(program.tensors, sizes) for sizes in random_passes(rng)]
    assert program.inputs.count(meter) == sum(found is not None for found in true)
    for code, found in enumerate(true):
        certified = sum(
            int(certified_inputs(plan, passes, listed, meter).sum())
            for listed in program.inputs.listed(code, code, meter)
        )
        assert certified <= (found is True)


# The same programs in every run: there are some with margins of exp(-2^30), for which no bits are enough.
@settings(max_examples=40, deadline=None, derandomize=True)
@given(seeds)
def test_enough_bits_certify_all_correct_inputs(seed: int) -> None:
    rng = random.Random(seed)
    data = random_program(rng)
    program, true = parse_program(data), truth(data)
    plan, meter = Plan(program, Meter()), Meter()
    passes = [Precision(program.tensors, (200, 200, 200))]
    certified = sum(
        int(certified_inputs(plan, passes, listed, meter).sum())
        for listed in program.inputs.listed(0, len(true) - 1, meter)
    )
    assert certified == sum(found is True for found in true)
