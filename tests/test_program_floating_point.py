"""Logits of programs in floating point agree with exact evaluation, and estimates with the truth."""

import json
import random
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from test_program_export import LINEAR, LINEAR_WEIGHTS, exported

from checker.models.program import parse_program
from checker.models.registry import CONSTRUCTORS
from compact_proofs.command_line import main
from fuzzing.program_oracle import is_correct, labels_of, read_program, values_of
from fuzzing.programs import random_program
from model_export import program_floating_point
from model_export.program_floating_point import STEPS, ProgramForward, program_accuracy, program_answers


def test_every_step_has_its_formula() -> None:
    assert set(STEPS) == {constructor.name for constructor in CONSTRUCTORS}


def test_logits_are_those_of_exact_evaluation() -> None:
    steps = set()
    for seed in range(60):
        rng = random.Random(seed)
        data = random_program(rng)
        program, oracle = parse_program(data), read_program(data)
        steps |= {step.name for step in program.steps}
        tokens = [rng.choice(known) for known in oracle.sets]
        found = ProgramForward(program).logits(np.array([tokens, tokens]))
        exact = [[float(entry.mid()) for entry in row] for row in values_of(oracle, tokens, 256)[-1]]
        for one in found:
            np.testing.assert_allclose(one, exact, rtol=1e-6, atol=1e-6, err_msg=str(seed))
    assert steps == set(STEPS)


def test_answers_are_correct_where_they_truly_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all inputs, and only of inputs of the task."""
    monkeypatch.setattr(program_floating_point, "NUMBERS_PER_BATCH", 1)
    seen = set()
    for seed in range(25):
        data = random_program(random.Random(seed))
        program, oracle = parse_program(data), read_program(data)
        for tokens in list(product(*oracle.sets))[:20]:
            labels = labels_of(oracle, tokens)
            if labels is None:
                with pytest.raises(ValueError, match="the task has no label for it"):
                    program_answers(program, [tokens])
                seen.add("no label")
                continue
            [answer] = program_answers(program, [tokens])
            assert answer.label == labels
            if answer.margin is None or abs(answer.margin) > 1e-6:
                assert answer.correct == is_correct(oracle, tokens, labels), (seed, tokens)
                seen.add(str(answer.correct))
        drawn = program_answers(program, [], random=5, seed=3)
        assert all(labels_of(oracle, answer.input) == answer.label for answer in drawn)
        assert drawn == program_answers(program, [], random=5, seed=3) and len(drawn) <= 5
    assert seen == {"no label", "True", "False"}


def test_export_says_what_was_assumed_and_how_often_it_is_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(LINEAR_WEIGHTS, LINEAR, tmp_path) == 0
    said = capsys.readouterr().out.splitlines()
    correct, found = program_accuracy(parse_program((tmp_path / "model").read_bytes()), 10_000, 1)
    assert found == 10_000 and correct > 9_980  # 4095 of 4096 are right
    estimate = "random inputs (seed 1; an estimate in floating point)"
    assert said[1:] == [f"right on {correct / found:.2%} of 10000 {estimate}"]


def test_the_command_evaluates_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exported(LINEAR_WEIGHTS, LINEAR, tmp_path) == 0
    model = str(tmp_path / "model")
    capsys.readouterr()
    assert main(["evaluate", model, "--input", "3,41", "--input", "60,7", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["label"], one["answer"]) for one in found["inputs"]] == [([41], [41]), ([60], [60])]
    assert (found["correct"], found["exact"]) == (2, False)
    assert main(["evaluate", model, "--random", "20", "--seed", "2"]) == 0
    assert "of 20 inputs (in floating point: nothing is proved)" in capsys.readouterr().out
    for tokens, error in (("1,2,3", "3 tokens, expected 2"), ("1,64", "no input has token 64 at position 1")):
        assert main(["evaluate", model, "--input", tokens]) == 2
        assert capsys.readouterr().err == f"compact-proofs: input {tokens}: {error}\n"
