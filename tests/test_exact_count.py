"""The strategy `exact` on the shipped models: the true number where it can be known, and close to the
sampled accuracy where it cannot."""

import json
from fractions import Fraction
from typing import Any

import pytest
from small_models import MODELS, shipped

from certificates.exact import prove_exact
from certificates.prover import BITS, FINE_BITS
from checker.certificate_file import parse_certificate
from checker.check import check
from checker.header import model_hash
from checker.verdict import Verdict
from fuzzing.models import matrix, model_file, scaled, uniform_model, zeros
from fuzzing.oracle import count_correct, count_correct_of_four

MANIFEST: dict[str, dict[str, Any]] = json.loads((MODELS / "manifest.json").read_text())


def proved(name: str, data: bytes) -> Verdict:
    """The verdict on the certificate by the strategy `exact`."""
    assert model_hash(data) == MANIFEST[name]["model_sha256"]
    certificate = prove_exact(data)
    verdict = check(data, certificate)
    assert (verdict.verdict, verdict.reason) == ("accepted", "")
    assert verdict.certificate_bytes == len(certificate) <= 5 * 10**6
    recipe = MANIFEST[name]["recipe"]
    assert verdict.total == recipe["vocabulary"] ** recipe["positions"]
    return verdict


# A few seconds for each: half of them for the proof and its check, half for the truth.
@pytest.mark.parametrize("seed", range(5))
def test_max_of_4_is_counted_exactly(seed: int) -> None:
    name = f"max-of-4-seed-{seed}"
    weights = shipped(name)
    verdict = proved(name, model_file(weights))
    truth, _ = count_correct_of_four(weights)
    assert verdict.correct_at_least == truth
    # The truth is of the size that sampling says: five standard errors of a million samples.
    accuracy = MANIFEST[name]["sampled_accuracy"]
    samples = MANIFEST[name]["samples"]
    assert abs(truth / 64**4 - accuracy) < 5 * ((1 - accuracy) / samples) ** 0.5


def test_the_tiny_model_is_counted_exactly() -> None:
    weights = shipped("tiny")
    assert proved("tiny", model_file(weights)).correct_at_least == count_correct(weights)


def test_small_logits_lose_nothing() -> None:
    weights = shipped("tiny")
    weights["W_U"] = scaled(weights["W_U"], Fraction(1, 2**70))
    data = model_file(weights)
    assert check(data, prove_exact(data)).correct_at_least == count_correct(weights) == 215


def test_a_margin_too_close_for_few_bits_gets_more() -> None:
    """Two tokens 0 leave 2**-33 of what one token 1 is worth."""
    model = uniform_model(zeros(2, 2), matrix([[0, Fraction(1, 2**34) - Fraction(1, 2)], [0, 1]]), 3)
    data = model_file(model)
    certificate = prove_exact(data)
    assert check(data, certificate).correct_at_least == count_correct(model) == 8
    groups = parse_certificate(certificate).groups
    bits = {(group.label, group.first_query): {check.bits for check in group.checks} for group in groups}
    assert bits == {(0, 0): {BITS}, (1, 0): {FINE_BITS}, (1, 1): {FINE_BITS}}


@pytest.mark.parametrize("exponent", [47, 150])
def test_a_margin_far_below_words_is_told_from_nothing(exponent: int) -> None:
    model = uniform_model(zeros(2, 2), matrix([[0, Fraction(1, 2**exponent) - Fraction(1, 2)], [0, 1]]), 3)
    data = model_file(model)
    assert check(data, prove_exact(data)).correct_at_least == count_correct(model) == 8


# Proofs that take longer with more positions; the last is the longest of all tests.
@pytest.mark.parametrize(("positions", "loss"), [(5, 0.0002), (10, 0.001), (20, 0.002)])
def test_longer_inputs(positions: int, loss: float) -> None:
    name = f"max-of-{positions}"
    verdict = proved(name, model_file(shipped(name)))
    assert verdict.correct_at_least / verdict.total >= MANIFEST[name]["sampled_accuracy"] - loss
