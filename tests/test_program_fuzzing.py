"""The campaign of changed programs and certificates finds nothing, and would find what is there."""

import random
from pathlib import Path

import pytest

from checker import Verdict
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


@pytest.mark.parametrize(
    ("correct", "total", "intervals", "is_true"),
    [
        (2, 3, [(0, 1, 1), (2, 3, 1)], True),
        (1, 3, [(0, 3, 1)], True),
        (3, 3, [], False),
        (2, 4, [], False),
        (2, 2, [], False),
        (2, 3, [(0, 1, 2)], False),
        (2, 3, [(0, 0, 1), (1, 3, 2)], False),
        (2, 3, [(1, 1, 1)], False),
        (2, 3, [(0, 2, 2)], False),
    ],
)
def test_claims_are_compared_with_the_truth(
    correct: int, total: int, intervals: list[tuple[int, int, int]], is_true: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four sequences, the first and the last are correct, and the third is no input."""
    monkeypatch.setattr(program_campaign, "truth", lambda model: [True, False, None, True])
    for verdict in (Verdict("accepted", "", correct, total), Verdict("rejected", "why", correct, total)):
        monkeypatch.setattr(program_campaign, "check", lambda *files, verdict=verdict: verdict)
        if is_true or verdict.verdict != "accepted":
            assert judge(b"", b"", intervals) is verdict
        else:
            with pytest.raises(Unsound):
                judge(b"", b"", intervals)


def test_a_kernel_that_accepts_everything_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_campaign, "judge", lambda *arguments: Verdict("accepted"))
    with pytest.raises(Unsound, match="a claim that is false by construction"):
        run(random.Random(1), examples=1, seconds=None)


def judge_accepts(example: program_campaign.Example) -> bool:
    verdict = judge(example.model, example.certificate(), example.intervals)
    return verdict.verdict == "accepted" and verdict.correct_at_least > 0


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["campaign", "--examples", "1", "--seed", "3"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("seed 3\n")
