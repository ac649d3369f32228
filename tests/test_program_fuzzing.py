"""The campaign of changed programs and certificates finds nothing, and would find what is there."""

import random
from pathlib import Path

import pytest

from fuzzing import program_campaign
from fuzzing.program_campaign import MUTATIONS, Unsound, judge, main, run, true_example


def test_a_short_campaign() -> None:
    found = run(random.Random(7), examples=12, seconds=None)
    assert {name.split()[0] for name in found} == {"none", "program-byte", *MUTATIONS}
    assert found["none accepted"] > 3
    assert found["program-claim rejected"] == 12


def test_what_is_false_and_accepted_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    example = next(e for e in (true_example(rng) for _ in range(100)) if judge_accepts(e))
    monkeypatch.setattr(program_campaign, "truth", lambda model: [False] * 1000)
    with pytest.raises(Unsound):
        judge(example.model, example.certificate(), example.intervals)


def judge_accepts(example: program_campaign.Example) -> bool:
    verdict = judge(example.model, example.certificate(), example.intervals)
    return verdict.verdict == "accepted" and verdict.correct_at_least > 0


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["campaign", "--examples", "1", "--seed", "3"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("seed 3\n")
