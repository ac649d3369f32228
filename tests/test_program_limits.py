"""Limits of the check of programs, and the ways of computing that only large ones take, on a small one."""

import numpy as np
import pytest
from test_evaluate_check import MODEL, PASSES

from checker import check
from checker.models import evaluation
from checker.numbers import exact
from checker.rules import evaluate
from fuzzing.programs import program_certificate

CERTIFICATE = program_certificate(MODEL, PASSES, [(0, 5, 4)])


@pytest.mark.parametrize(
    ("module", "limit", "words"),
    [
        (evaluation, "MAX_READS", "max_reads"),
        (evaluation, "MAX_NUMBERS", "max_numbers"),
        (evaluate, "MAX_ROOM", "max_room"),
    ],
)
def test_a_limit_is_named(module: object, limit: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, limit, 1)
    verdict = check(MODEL, CERTIFICATE)
    assert verdict.verdict == "declined"
    assert words in verdict.reason


@pytest.mark.parametrize("limit", ["CASES_HELD", "TABLE_SIZE"])
def test_what_is_held_or_tabulated_changes_no_count(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = check(MODEL, CERTIFICATE)
    monkeypatch.setattr(evaluation, limit, 0)
    after = check(MODEL, CERTIFICATE)
    assert (before.verdict, before.correct_at_least) == (after.verdict, after.correct_at_least) == ("accepted", 4)


def test_a_task_reads_few_positions() -> None:
    model = MODEL.replace(b"task max 2 0 1", b"task max 257" + b" 0" * 257)
    verdict = check(model, CERTIFICATE)
    assert (verdict.verdict, verdict.reason) == ("declined", "model: task max: 257 positions, limit max_read = 256")


def test_a_root_is_right_whatever_the_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    squares = np.array([0, 1, 3, 4, 99, 100])
    assert exact.root(squares).tolist() == [0, 1, 1, 2, 9, 10]
    monkeypatch.setattr(np, "sqrt", lambda array: array + 7)
    assert exact.root(squares).tolist() == [0, 1, 1, 2, 9, 10]


def test_a_hash_is_64_digits() -> None:
    start, end = CERTIFICATE.split(b"correct")[0], CERTIFICATE[CERTIFICATE.index(b"correct") :]
    verdict = check(MODEL, start.replace(start[-5:], b"\n") + end)
    assert verdict.verdict == "declined"
    assert "the model's SHA-256, 64 lower-case hexadecimal digits" in verdict.reason
