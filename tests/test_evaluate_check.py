"""Certificates of the rule `evaluate`: what is accepted, and why a file is refused."""

import random
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates.evaluate import prove_evaluate
from checker import check
from checker.meter import Meter
from checker.models import evaluation
from checker.models.evaluation import Plan
from checker.models.program import parse_program
from checker.numbers.balls import Ball, Precision
from checker.numbers.rounding import Array
from checker.rules import evaluate
from fuzzing.program_oracle import truth
from fuzzing.programs import program_certificate, random_passes, random_program

# Logits 1 at the token and 0 elsewhere: the token at position 1 wins, the other one by half.
MODEL = b"""\
compact-proofs-model 2
task max 2 0 1
positions 2
3 0 1 2
2 0 2
tensors 2
tensor 0 3 3 0
1 0 0
0 1 0
0 0 1
tensor 1 3 3 -1
1 0 0
0 1 0
0 0 1
steps 5
embed_at 0 1
embed_at 1 0
add 0 1
relu 2
linear 3 0
end
"""
PASSES = [(8, 8, 8)]


def changed(old: bytes, new: bytes) -> bytes:
    assert MODEL.count(old) == 1, old
    return MODEL.replace(old, new)


def test_the_count_is_exact() -> None:
    assert truth(MODEL) == [True, True, False, True, False, True]
    verdict = check(MODEL, program_certificate(MODEL, PASSES, [(0, 5, 4)]))
    assert (verdict.verdict, verdict.correct_at_least, verdict.total) == ("accepted", 4, 6)
    assert verdict.unverified_rules == []
    steps = ("models.activations", "models.affine", "models.lookup")
    chosen = (*steps, "rules.evaluate", "rules.examine", "tasks.extrema")
    assert verdict.modules == [f"checker.{name}" for name in chosen]
    assert verdict.task == "the largest of the tokens at positions 0 1"
    assert verdict.inputs == "position 0: tokens 0-2; position 1: tokens 0,2"
    assert "embed_at 2, add 1, relu 1, linear 1" in verdict.model
    assert verdict.task in str(verdict) and verdict.model in str(verdict)


def test_intervals_are_counted_by_themselves() -> None:
    intervals = [(0, 1, 2), (3, 3, 1), (5, 5, 0)]
    verdict = check(MODEL, program_certificate(MODEL, PASSES, intervals))
    assert (verdict.verdict, verdict.correct_at_least) == ("accepted", 3)
    nothing = check(MODEL, program_certificate(MODEL, PASSES, []))
    assert (nothing.verdict, nothing.correct_at_least, nothing.total) == ("accepted", 0, 6)


def test_each_pass_takes_as_many_inputs_as_its_own_numbers_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a later pass, which may be longer than a word, do not make the first one take fewer."""
    numbers = Plan(parse_program(MODEL), Meter()).numbers
    monkeypatch.setattr(evaluation, "MAX_NUMBERS", 8 * numbers)
    taken: list[tuple[int, int]] = []

    def logits(plan: Plan, precision: Precision, numbers: Array, meter: Meter) -> list[Ball]:
        taken.append((precision.bits, len(numbers)))
        return evaluation.logits(plan, precision, numbers, meter)

    monkeypatch.setattr(evaluate, "logits", logits)
    found = check(MODEL, program_certificate(MODEL, [(1, 1, 1), (40, 40, 40)], [(0, 5, 4)]))
    assert found.verdict == "accepted" and taken == [(1, 6), *[(40, 1)] * 4]


def test_a_later_pass_takes_what_an_earlier_one_leaves() -> None:
    for passes, correct in (([(1, 1, 1)], 2), ([(1, 1, 1), (8, 8, 8)], 4)):
        verdict = check(MODEL, program_certificate(MODEL, passes, [(0, 5, correct)]))
        assert (verdict.verdict, verdict.correct_at_least) == ("accepted", correct)
        more = check(MODEL, program_certificate(MODEL, passes, [(0, 5, correct + 1)]))
        assert more.reason == f"inputs 0 to 5: claimed {correct + 1} correct, found {correct}"


@pytest.mark.parametrize(
    ("intervals", "reason"),
    [
        ([(0, 5, 5)], "inputs 0 to 5: claimed 5 correct, found 4"),
        ([(2, 2, 1)], "inputs 2 to 2: claimed 1 correct, found 0"),
        ([(0, 6, 4)], "inputs 0 to 6: expected ascending intervals below 6"),
        ([(3, 2, 0)], "inputs 3 to 2: expected ascending intervals below 6"),
        ([(0, 1, 1), (1, 2, 1)], "inputs 1 to 2: expected ascending intervals below 6"),
        ([(3, 3, 1), (0, 1, 1)], "inputs 0 to 1: expected ascending intervals below 6"),
    ],
)
def test_false_claims_are_rejected(intervals: list[tuple[int, int, int]], reason: str) -> None:
    verdict = check(MODEL, program_certificate(MODEL, PASSES, intervals))
    assert (verdict.verdict, verdict.reason) == ("rejected", reason)


def test_the_total_and_the_model_are_those_claimed() -> None:
    certificate = program_certificate(MODEL, PASSES, [(0, 5, 4)])
    verdict = check(MODEL, certificate.replace(b"correct 4", b"correct 3"))
    assert verdict.reason == "total: claimed 3 correct, found 4 in the intervals"
    other = changed(b"relu 2", b"silu 2")
    verdict = check(other, certificate)
    found = sha256(other).hexdigest()
    assert verdict.reason == f"model: claimed SHA-256 {sha256(MODEL).hexdigest()}, found {found}"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"task max", b"task most", "expected max or min or"),
        (b"max 2 0 1", b"max 2 0 2", "task max: expected other parameters, found [0, 2]"),
        (b"max 2 0 1", b"max 0", "task max: expected other parameters, found []"),
        (b"max 2 0 1", b"automaton 3 0 0 1", "task automaton: expected other parameters"),
        (b"max 2 0 1", b"sum_modulo 2 0 1", "task sum_modulo: expected other parameters"),
        (b"2 0 2", b"2 2 0", "expected ascending numbers"),
        (b"2 0 2", b"0", "expected an integer from 1"),
        (b"2 0 2", b"2 0 3", "step 1: token: expected a number below 3, found 3"),
        (b"embed_at 1 0", b"embed_at 2 0", "step 1: position: expected a number below 2"),
        (b"embed_at 1 0", b"embed 0", "step 2: shape: expected (1, 3), found (2, 3)"),
        (b"add 0 1", b"add 0 2", "expected an integer from 0 to 1"),
        (b"linear 3 0", b"linear 3 2", "expected an integer from 0 to 1"),
        (b"relu 2", b"gelu 2", "expected embed or"),
        (b"relu 2", b"bias 2 0", "step 3: shape of the weights: expected (1, 3), found (3, 3)"),
        (b"relu 2", b"rms 2 2 0", "step 3: eps modulo 2: expected 1, found 0"),
        (b"relu 2", b"rms 2 0 0", "expected an integer from 1"),
        (b"relu 2", b"attend 2 2 2 causal 2 0 1", "scale modulo 2: expected 1, found 0"),
        (b"relu 2", b"attend 2 2 2 half 1 0 1", "expected causal or full"),
        (b"relu 2", b"attend 2 2 2 full 1 0 0", "expected an integer from 1"),
        (b"relu 2", b"rows 2 1 1", "step 3: row: expected a number below 1, found 1"),
        (b"relu 2", b"rows 2 0", "expected an integer from 1"),
        (b"steps 5", b"steps 4", "expected end"),
        (b"steps 5", b"steps 0", "expected an integer from 1 to max_steps = 1024"),
        (b"tensor 1 3 3 -1", b"tensor 1 3 3 -2201", "max_exponent"),
        (b"tensor 1 3 3 -1", b"tensor 2 3 3 -1", "expected 1, found '2'"),
        (b"tensor 1 3 3 -1", b"tensor 1 0 3 -1", "expected an integer from 1 to max_size"),
        (b"positions 2", b"positions 0", "max_positions"),
    ],
)
def test_models_that_mean_nothing_are_declined(old: bytes, new: bytes, reason: str) -> None:
    model = changed(old, new)
    verdict = check(model, program_certificate(model, PASSES, []))
    assert verdict.verdict == "declined" and reason in verdict.reason, verdict.reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"certificate 2", b"certificate 1", "expected 2, found '1'"),
        (b"rule evaluate", b"rule guess", "expected evaluate, found 'guess'"),
        (b"passes 1\n8 8 8", b"passes 0", "max_passes = 8"),
        (b"8 8 8", b"8 8 7", "expected an integer from 8"),
        (b"8 8 8", b"257 8 300", "max_value_bits = 256"),
        (b"8 8 8", b"8 513 8", "max_bits = 512"),
        (b"0 5 4", b"0 5 -4", "expected an integer from 0"),
        (b"0 5 4", b"0 5 04", "canonical integer"),
        (b"intervals 1", b"intervals 2", "expected a canonical integer"),
        (b"end\n", b"end\n\n", "expected the end of the file"),
    ],
)
def test_certificates_that_mean_nothing_are_declined(old: bytes, new: bytes, reason: str) -> None:
    certificate = program_certificate(MODEL, PASSES, [(0, 5, 4)])
    assert certificate.count(old) == 1
    verdict = check(MODEL, certificate.replace(old, new))
    assert verdict.verdict == "declined" and reason in verdict.reason, verdict.reason


@pytest.mark.parametrize(
    ("model", "intervals", "reason"),
    [
        # A value squared again and again.
        (
            changed(b"steps 5", b"steps 25").replace(
                b"linear 3 0", b"\n".join(b"product %d %d" % (i, i) for i in range(3, 23)) + b"\nlinear 23 0"
            ),
            [(5, 5, 0)],
            "limits max_number_bits = 4096",
        ),
        # Sequences without end, of which some have no labels.
        (
            changed(b"task max 2 0 1", b"task most_frequent 2 0 1")
            .replace(b"positions 2", b"positions 40")
            .replace(b"2 0 2\n", b"2 0 2\n" * 39),
            [],
            "limit max_sequences = 268435456",
        ),
        (
            changed(b"positions 2", b"positions 40").replace(b"2 0 2\n", b"2 0 2\n" * 39),
            [(0, 2**30, 0)],
            "limit max_sequences = 268435456",
        ),
    ],
)
def test_work_without_end_is_declined(model: bytes, intervals: list[tuple[int, int, int]], reason: str) -> None:
    verdict = check(model, program_certificate(model, [(64, 64, 64)], intervals))
    assert verdict.verdict == "declined" and reason in verdict.reason, verdict.reason


def test_a_task_without_inputs() -> None:
    model = changed(b"task max 2 0 1", b"task most_frequent 2 0 1").replace(b"3 0 1 2\n2 0 2", b"1 0\n1 2")
    verdict = check(model, program_certificate(model, PASSES, [(0, 0, 0)]))
    assert (verdict.verdict, verdict.correct_at_least, verdict.total) == ("accepted", 0, 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_the_kernel_accepts_a_claim_only_if_it_is_true(seed: int) -> None:
    rng = random.Random(seed)
    model = random_program(rng)
    true = truth(model)
    cuts = sorted(rng.sample(range(len(true) + 1), min(len(true) + 1, rng.randint(2, 4))))
    intervals = [
        (a, b - 1, max(0, true[a:b].count(True) + rng.choice((-1, 0, 0, 1))))
        for a, b in zip(cuts, cuts[1:], strict=False)
    ]
    verdict = check(model, program_certificate(model, random_passes(rng), intervals))
    assert verdict.verdict in ("accepted", "rejected")
    if verdict.verdict == "accepted":
        assert all(claim <= true[a : b + 1].count(True) for a, b, claim in intervals)
        assert verdict.total == len(true) - true.count(None)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_the_strategy_finds_what_is_true(seed: int) -> None:
    model = random_program(random.Random(seed))
    verdict = check(model, prove_evaluate(model).certificate)
    assert (verdict.verdict, verdict.correct_at_least) == ("accepted", truth(model).count(True))
