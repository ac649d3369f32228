"""Tasks, against definitions on one sequence at a time, and inputs in their order."""

import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.errors import Declined
from checker.inputs import Inputs
from checker.meter import Meter
from checker.tasks.registry import TASKS, make_task
from fuzzing.program_oracle import OracleProgram, labels_of
from fuzzing.programs import TASKS as NAMES
from fuzzing.programs import random_task


def test_every_task_is_tried() -> None:
    assert sorted(NAMES) == sorted(task.name for task in TASKS)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 2**32))
def test_labels(name: str, seed: int) -> None:
    rng = random.Random(seed)
    positions = rng.randint(3, 5)
    found, _, *parameters = random_task(rng, positions, name)
    assert found == name
    numbers = [int(number) for number in parameters]
    sets = tuple(tuple(sorted(rng.sample(range(4), rng.randint(1, 3)))) for _ in range(positions))
    inputs = Inputs(sets, make_task(name, numbers, positions))
    program = OracleProgram(name, numbers, [list(tokens) for tokens in sets], [], [])
    expected = [labels_of(program, tokens) for tokens in product(*sets)]
    listed = [
        (tuple(row), labels.tolist())
        for some in inputs.listed(0, len(expected) - 1, Meter())
        for row, labels in zip(some.numbers.tolist(), some.labels, strict=True)
    ]
    every = list(product(*(range(len(tokens)) for tokens in sets)))
    assert listed == [(row, labels) for row, labels in zip(every, expected, strict=True) if labels is not None]
    assert inputs.count(Meter()) == len(listed)
    assert inputs.task.words() in str(inputs.task)


def test_some_inputs_in_the_middle_of_many() -> None:
    """Numbers of sequences may be larger than a word."""
    inputs = Inputs((tuple(range(10)),) * 30, make_task("sum_modulo", [7, *range(30)], 30))
    start = 123456789012345678901234567890
    [some] = inputs.listed(start, start + 11, Meter())
    assert ["".join(map(str, row)) for row in some.numbers.tolist()] == [str(start + i) for i in range(12)]
    digits = np.array([list(map(int, str(start + i))) for i in range(12)])
    assert some.labels[:, 0].tolist() == (digits.sum(axis=1) % 7).tolist()
    assert inputs.count(Meter()) == 10**30


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("max", []),
        ("max", [0, 3]),
        ("kth_largest", [0, 0, 1]),
        ("kth_largest", [3, 0, 1]),
        ("kth_largest", []),
        ("sum_modulo", [0, 0, 1]),
        ("sum_modulo", [5]),
        ("induction", [0, 1]),
        ("balanced", [1, 1, 0, 1]),
        ("group_product", [2, 0, 1, 1, 2, 0, 1]),
        ("group_product", [2, 0, 1, 1]),
        ("group_product", [0, 1]),
        ("automaton", [2, 0, 1, 1, 0, 1, 0]),
        ("automaton", [0, 2, 1, 1, 0, 1, 0]),
        ("automaton", [0, 0, 0, 1, 0]),
        ("automaton", [0, 0, 1, 0, 1, 0]),
        ("automaton", [0, 0, 1, 1, 1, 1, 0]),
        ("automaton", [0, 0, 1]),
    ],
)
def test_parameters_that_mean_nothing(name: str, parameters: list[int]) -> None:
    with pytest.raises(Declined, match=f"model: task {name}: expected other parameters"):
        make_task(name, parameters, 3)
