"""Inputs that are claimed to be correct by a margin, against margins by brute force."""

import random
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import examples, shipped

from certificates.exact import exact_proof
from certificates.strategies import UnknownStrategy, find_proof
from checker import check
from checker.models.attention_only import parse_model
from checker.rules.margin import MAX_MARGIN, Margin, decimal, units
from compact_proofs.command_line import main
from fuzzing.models import model_file
from fuzzing.oracle import Oracle
from model_export.floating_point import answers, float_weights

TINY = model_file(shipped("tiny"))
# Logits 3 for the token and 0 for the others, at one position; the token 2 has a logit of 2.
PROGRAM = b"""\
compact-proofs-model 2
task copy 1 0
positions 1
3 0 1 2
tensors 1
tensor 0 3 3 0
3 0 0
0 3 0
0 0 2
steps 1
embed 0
end
"""


@examples(60)
@given(st.integers(1, 2**20), st.integers(-30, 30), st.integers(0, 60))
def test_margins_in_words_and_units(integer: int, exponent: int, bits: int) -> None:
    margin, exact = (integer, exponent), integer * Fraction(2) ** exponent
    assert Fraction(decimal(margin)) == exact
    assert units(margin, bits) - 1 < exact * 2**bits <= units(margin, bits)


def margins_in_floating_point(data: bytes) -> list[float]:
    model = parse_model(data)
    inputs = [list(x) for x in product(range(model.vocabulary), repeat=model.positions)]
    return [float(answer.margin) for answer in answers(float_weights(model), inputs)]


@pytest.mark.parametrize(("margin", "value"), [((1, -3), 0.125), ((1, 0), 1.0), ((5, 0), 5.0), ((1, 6), 64.0)])
def test_inputs_are_counted_whose_margin_is_larger(margin: Margin, value: float) -> None:
    found = margins_in_floating_point(TINY)
    assert min(abs(each - value) for each in found) > 1e-3  # so that floating point decides
    proof = exact_proof(TINY, None, margin)
    verdict = check(TINY, proof.proof.certificate)
    assert verdict.verdict == "accepted", verdict
    assert proof.complete and verdict.correct_at_least == sum(each > value for each in found)
    assert f"are classified correctly by a margin above {decimal(margin)}, " in str(verdict)
    assert verdict.margin == decimal(margin) and verdict.unverified_rules == ["margin"]


@pytest.mark.parametrize("strategy", ["sub-cubic", "low-rank", "brute-force", "auto", "trivial"])
def test_every_strategy_takes_a_margin(strategy: str) -> None:
    true = sum(each > 0.5 for each in margins_in_floating_point(TINY))
    proof = find_proof(TINY, strategy, margin=(1, -1))
    verdict = check(TINY, proof.certificate)
    assert verdict.verdict == "accepted" and verdict.margin == "0.5"
    assert verdict.correct_at_least <= true and (strategy != "brute-force" or verdict.correct_at_least == true)


def test_a_larger_margin_than_proved_is_rejected() -> None:
    certificate = exact_proof(TINY, None, (1, -3)).proof.certificate
    verdict = check(TINY, certificate.replace(b"\nmargin 1 -3\n", b"\nmargin 1 6\n"))
    assert verdict.verdict == "rejected" and ": claimed " in verdict.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"margin 2 0\n", "expected an odd number, and an exponent, before here"),
        (b"margin 0 0\n", "expected an integer from 1 to max_margin"),
        (b"margin %d 0\n" % (MAX_MARGIN + 1), "expected an integer from 1 to max_margin"),
        (b"margin 1 257\n", "expected an integer from -256 to max_margin_exponent"),
        (b"margin 1 -1\nmargin 1 -1\n", "expected score_bits"),
    ],
)
def test_a_margin_has_one_spelling(line: bytes, reason: str) -> None:
    certificate = find_proof(TINY, "trivial").certificate
    verdict = check(TINY, certificate.replace(b"score_bits", line + b"score_bits"))
    assert verdict.verdict == "declined" and reason in verdict.reason, verdict


@pytest.mark.parametrize(
    ("margin", "correct"),
    [((1, 0), 3), ((3, -1), 3), ((2047, -10), 3), ((1, 1), 2), ((5, -1), 2), ((3, 0), 0), ((1, 200), 0)],
)
def test_programs(margin: Margin, correct: int) -> None:
    """A margin of 2 exactly is none above 2, and so on."""
    proof = find_proof(PROGRAM, "evaluate", margin=margin)
    verdict = check(PROGRAM, proof.certificate)
    assert (verdict.verdict, verdict.correct_at_least) == ("accepted", correct)
    assert verdict.unverified_rules == ["margin"] and verdict.operations_by_rule["margin"] >= 3


def test_huge_margins_do_not_overflow() -> None:
    """Of a model of max, however far the margin is beyond words of 64 bits."""
    for margin in ((1, 20), (MAX_MARGIN - 1, 0), (1, 256)):
        assert check(TINY, find_proof(TINY, "sub-cubic", margin=margin).certificate).correct_at_least == 0


def test_not_of_samples(tmp_path: object) -> None:
    with pytest.raises(UnknownStrategy, match="strategy 'sample' takes no margin"):
        find_proof(TINY, "sample", margin=(1, 0))
    for margin in ("0.3", "-1", "x", "1e5"):
        assert main(["prove", "tiny.model", "--strategy", "exact", "--margin", margin, "-o", "x"]) == 2


def test_random_models_by_a_margin() -> None:
    """Bounds that are rounded, of models with margins near the one claimed: never more than is true."""
    rng = random.Random(1)
    model = shipped("tiny")
    for _ in range(3):
        margin = (2 * rng.randint(0, 2**10) + 1, -rng.randint(0, 8))
        verdict = check(TINY, find_proof(TINY, "sub-cubic", margin=margin).certificate)
        true = sum(each > margin[0] * 2.0 ** margin[1] - 1e-6 for each in margins_in_floating_point(TINY))
        assert verdict.correct_at_least <= true
    assert Oracle(model).correct == check(TINY, find_proof(TINY, "exact").certificate).correct_at_least
