"""Samples: what they state, that nobody chooses them, and why a file is refused."""

import json
import random
from collections import Counter
from fractions import Fraction
from hashlib import sha256
from math import comb
from pathlib import Path

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import examples, memory_limit, shipped

from certificates.exact import prove_exact
from certificates.sampling import format_sample, largest_share, prove_sample
from certificates.strategies import find_proof
from checker import Verdict, check
from checker.errors import Declined
from checker.meter import PYTHON, Meter
from checker.models.attention_only import parse_model
from checker.models.evaluation import Plan
from checker.models.of_max import program_of
from checker.models.program import parse_program
from checker.numbers.balls import Precision
from checker.rules.binomial import tail_is_at_most
from checker.rules.draw import draw, drawn
from checker.rules.evaluate import certified_inputs
from checker.rules.sample_file import parse_sample
from compact_proofs.command_line import main
from fuzzing.models import max_model, model_file, random_model
from fuzzing.oracle import Oracle
from fuzzing.program_oracle import truth
from fuzzing.programs import program_certificate

MODEL = model_file(shipped("tiny"))
SAMPLES, ONE_IN = 60, 100
# All samples are right.
CERTIFICATE = format_sample(
    sha256(MODEL).hexdigest(), SAMPLES, ONE_IN, SAMPLES, largest_share(SAMPLES, SAMPLES, ONE_IN), [(20, 20, 22)], b""
)
# 3 tokens at each of 40 positions; the largest of the first two is the label, and wins but for one of nine pairs.
MANY = b"""\
compact-proofs-model 2
task max 2 0 1
positions 40
%stensors 2
tensor 0 3 3 0
1 0 0
0 1 0
0 0 1
tensor 1 3 3 -1
1 0 0
0 2 1
0 0 1
steps 4
embed_at 0 0
embed_at 1 1
add 0 1
linear 2 0
end
""" % (b"3 0 1 2\n" * 40)
# Of the sequences 0 to 8, six have labels: those without 2 tokens a of the tokens a, b.
PARTLY = b"""\
compact-proofs-model 2
task most_frequent 3 0 1 2
positions 3
3 0 1 2
3 0 1 2
3 0 1 2
tensors 1
tensor 0 3 3 0
1 0 0
0 1 0
0 0 1
steps 2
embed 0
total 0
end
"""


def exact_tail(trials: int, least: int, share: Fraction) -> Fraction:
    terms = (comb(trials, i) * share**i * (1 - share) ** (trials - i) for i in range(least, trials + 1))
    return sum(terms, Fraction(0))


@examples(200)
@given(st.integers(0, 2**32 - 1))
def test_tails_are_those_of_exact_sums(seed: int) -> None:
    rng = random.Random(seed)
    trials, places = rng.randint(1, 40), rng.randint(0, 12)
    least, numerator = rng.randint(0, trials), rng.randint(1, 1 << places)
    tail = exact_tail(trials, least, Fraction(numerator, 1 << places))
    one_in = rng.choice((2, 3, 1000, max(2, int(1 / tail)) if tail else 7, rng.randint(2, 10**6)))
    found = tail_is_at_most(trials, least, (numerator, places), one_in)
    # Every term is rounded up, by little.
    assert found <= (tail * one_in <= 1) and found >= (tail * one_in <= 1 - Fraction(1, 2**60))


@pytest.mark.parametrize(
    ("samples", "right", "one_in"),
    [(10_000, 9_974, 1000), (10_000, 10_000, 20), (1, 1, 2), (2_000, 1_200, 1000), (500, 3, 10**9), (30, 0, 2)],
)
def test_shares_are_those_of_clopper_and_pearson(samples: int, right: int, one_in: int) -> None:
    """Against quantiles of the beta distribution, found by another library from its own series."""
    numerator, places = largest_share(samples, right, one_in)
    found = mpmath.mpf(numerator) / 2**places
    if not right:
        assert found == 0
        return
    with mpmath.workdps(40):
        for share, above in ((found, False), (found + mpmath.mpf(2) ** -31, True)):
            tail = mpmath.betainc(right, samples - right + 1, 0, share, regularized=True)
            assert (tail * one_in > 1) == above


@examples(4)
@given(st.integers(0, 2**32 - 1))
def test_models_of_max_are_programs(seed: int) -> None:
    """With the same inputs, of which the same are right."""
    model = random_model(random.Random(seed), max_inputs=27)
    program, oracle = program_of(parse_model(model_file(model))), Oracle(model)
    [listed] = program.inputs.listed(0, program.inputs.sequences - 1, Meter())
    passes = [Precision(program.tensors, (48, 48, 48))]
    certified = certified_inputs(Plan(program, Meter()), passes, listed, Meter())
    for tokens, label, right in zip(listed.numbers.tolist(), listed.labels[:, 0], certified, strict=True):
        assert label == max(tokens) and right <= oracle.is_correct(tokens)
    assert int(certified.sum()) <= oracle.correct


def outside(*numbers: object) -> object:
    return numbers[-1][:, 0] < 0  # type: ignore[index]


def test_samples_are_uniform_and_independent_of_what_is_claimed_of_them() -> None:
    inputs = parse_program(PARTLY).inputs
    [listed] = draw(inputs, sha256(b"").digest(), 2100, outside, Meter())  # type: ignore[arg-type]
    counts = Counter(map(tuple, listed.numbers.tolist()))
    # 21 of 27 sequences have a token that is more frequent than others. Chi squared with 20 degrees of freedom is
    # above 45.3 with probability 0.001, and these are always the same samples.
    assert len(counts) == 21 and all(len({*tokens}) < 3 for tokens in counts)
    assert sum((count - 100) ** 2 / 100 for count in counts.values()) < 45.3
    first = parse_sample(CERTIFICATE)
    other = parse_sample(CERTIFICATE.replace(b"\nright 60\n", b"\nright 1\n").replace(b"\n20 ", b"\n19 "))
    assert first.seed == other.seed


def test_numbers_are_the_first_bits_of_hashes() -> None:
    seed, eight = b"\x07" * 32, (b"".join(k.to_bytes(8, "big") for k in (3, 1, i)) for i in (0, 1))
    stream = b"".join(sha256(seed + text).digest() for text in eight)
    assert drawn(seed, 3, 1, 2**300) == int.from_bytes(stream, "big") >> 212
    assert drawn(seed, 3, 1, 2**300 + 1) == int.from_bytes(stream, "big") >> 211
    assert drawn(seed, 3, 1, 1) == 0 and drawn(seed, 3, 1, 2) in (0, 1)


def test_every_attempt_counts_that_is_no_input() -> None:
    """A sample is the first of its attempts that is an input outside; here by the definition, one by one."""
    inputs, seed = parse_program(PARTLY).inputs, b"\x01" * 32
    expected = []
    for sample in range(50):
        for attempt in range(100):
            number = drawn(seed, sample, attempt, 27)
            tokens = [number // 9, number // 3 % 3, number % 3]
            if number < 27 and len({*tokens}) < 3:
                expected.append(tokens)
                break
    [listed] = draw(inputs, seed, 50, outside, Meter())  # type: ignore[arg-type]
    assert sorted(listed.numbers.tolist()) == sorted(expected)


def test_attempts_that_fail_take_no_room() -> None:
    """Of however many, and each is paid for, of one sample too."""
    inputs, meter = parse_program(PARTLY).inputs, Meter()
    meter.limit = 2**27
    with memory_limit(2**20), pytest.raises(Declined, match="^sample: proof longer"):
        list(draw(inputs, bytes(32), 1, lambda numbers, rows, labels: labels[:, 0] >= 0, meter))
    # About twenty microseconds.
    assert meter.machine_operations > 40 * PYTHON * meter.by_rule["sample"]


def statement(verdict: Verdict) -> dict[str, object]:
    assert (verdict.verdict, verdict.kind) == ("accepted", "statistical"), verdict
    assert verdict.unverified_rules == ["sample"]
    return dict(verdict.further)


def test_what_is_stated() -> None:
    verdict = check(MODEL, CERTIFICATE)
    found, sample = statement(verdict), parse_sample(CERTIFICATE)
    share = Fraction(sample.share[0], 2 ** sample.share[1])
    least = -(-216 * share.numerator // share.denominator)
    assert found == {
        "confidence": "1 - 1/100",
        "samples": 60,
        "samples_correct": sample.right,
        "sampled_inputs": 216,
        "share_of_sampled_at_least": str(share),
        "statistically_at_least": least,
    }
    assert verdict.correct_at_least == 0 and verdict.share == "0.0000%" and verdict.total == 216
    assert str(verdict).startswith("accepted: statistical: with confidence 1 - 1/100 ")
    assert f"at least {least} of 216 inputs" in str(verdict) and "unverified rules: sample" in str(verdict)
    assert exact_tail(60, sample.right, share) <= Fraction(1, 100)


def changed(old: bytes, new: bytes, certificate: bytes = CERTIFICATE) -> Verdict:
    assert certificate.count(old) == 1, old
    return check(MODEL, certificate.replace(old, new))


def test_a_changed_claim_is_refused() -> None:
    """Each change of what the samples follow from gives others, of which fewer are right, or the bound fails."""
    sample = parse_sample(CERTIFICATE)
    right, (numerator, places) = sample.right, sample.share
    assert right == SAMPLES
    more = changed(b"\nsamples 60\n", b"\nsamples 59\n")
    assert "expected an integer from 0 to 59, found '60', after 'right'" in more.reason
    fewer = changed(b"\nsamples 60\n", b"\nsamples 61\n")
    assert (fewer.verdict, fewer.reason) == (
        "rejected",
        f"sample: share {numerator} / 2**{places}: expected a probability of 60 or more of 61 correct of 1 / 100 or "
        "less, found more",
    )
    surer = changed(b"\none_in 100\n", b"\none_in 101\n")
    assert surer.verdict == "rejected" and "of 1 / 101 or less, found more" in surer.reason
    larger = changed(b"\nshare %d %d\n" % (numerator, places), b"\nshare %d %d\n" % (numerator + 2, places))
    assert larger.verdict == "rejected" and "60 or more of 60 correct of 1 / 100 or less, found more" in larger.reason
    model = changed(sample.model_sha256.encode(), b"0" * 64)
    assert model.reason.startswith(f"model: claimed SHA-256 {'0' * 64}, found ")


def test_a_wrong_sample_is_found() -> None:
    """Of a model that is never right, nothing can be claimed, whatever is written down."""
    wrong = model_file({**max_model(2, 3), "W_U": [[-k for k in row] for row in max_model(2, 3)["W_U"]]})
    text = format_sample(sha256(wrong).hexdigest(), 20, 100, 20, largest_share(20, 20, 100), [(20, 20, 22)], b"")
    counts: list[int] = []
    verdict = check(wrong, text, counts)
    assert counts[0] < 20
    assert (verdict.verdict, verdict.reason) == ("rejected", f"sample: claimed 20 of 20 correct, found {counts[0]}")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"sample 1", b"sample 2", "expected compact-proofs-certificate"),
        (b"samples 60", b"samples 0", "expected an integer from 1 to max_samples"),
        (b"one_in 100", b"one_in 1", "expected an integer from 2 to max_one_in"),
        (b"certificate none", b"certificate " + b"0" * 64, "expected none"),
        (b"passes 1", b"passes 0", "expected an integer from 1 to max_passes"),
        (b"model ", b"model x", "expected the model's SHA-256"),
        (b"\nend\n", b"\nend", "expected"),
        (b"\nshare ", b"\nshare 2 1\nshare ", "a share from 0 to 1"),
        (b"\nshare ", b"\nshare 3 1\nshare ", "a share from 0 to 1"),
        (b"\nshare ", b"\nshare 0 1\nshare ", "a share from 0 to 1"),
    ],
)
def test_what_is_no_sample_is_declined(old: bytes, new: bytes, reason: str) -> None:
    verdict = changed(old, new)
    assert verdict.verdict == "declined" and reason in verdict.reason, verdict


def test_what_follows_is_what_is_named() -> None:
    verdict = check(MODEL, CERTIFICATE + b"x\n")
    assert verdict.verdict == "declined" and f"expected {sha256(b'x' + bytes([10])).hexdigest()}" in verdict.reason


def test_a_share_of_nothing_is_always_accepted() -> None:
    text = format_sample(sha256(MODEL).hexdigest(), 5, 1000, 0, (0, 0), [(20, 20, 20)], b"")
    assert statement(check(MODEL, text))["statistically_at_least"] == 0


def test_groups_are_certified_and_the_rest_is_sampled() -> None:
    exact = prove_exact(MODEL)
    proof = prove_sample(MODEL, 200, 20, exact)
    verdict = check(MODEL, proof.certificate)
    found = statement(verdict)
    inside = 216 - int(str(found["sampled_inputs"]))
    assert 0 < verdict.correct_at_least == inside < 216 and proof.correct == inside
    assert f"{inside} of {inside} are proved to be, and " in verdict.statement
    # A false claim in the groups is found as ever.
    kept = parse_sample(proof.certificate).certificate
    more = kept.replace(b"\ncorrect %d\n" % inside, b"\ncorrect %d\n" % (inside + 1))
    named, other = (sha256(text).hexdigest().encode() for text in (kept, more))
    text = proof.certificate.replace(kept, more).replace(named, other)
    rejected = check(MODEL, text)
    assert rejected.reason == f"total: claimed {inside + 1} correct, found {inside} in the groups"


def test_intervals_are_certified_and_the_rest_is_sampled() -> None:
    for data, intervals, inside in ((PARTLY, [(0, 8, 7)], 7), (PARTLY, [(0, 2, 3), (5, 6, 1), (9, 26, 0)], 18)):
        certificate = program_certificate(data, [(20, 20, 20)], intervals)
        assert check(data, certificate).verdict == "accepted"
        try:
            proof = prove_sample(data, 50, 20, certificate)
        except Declined as error:
            pytest.fail(str(error))
        found = statement(check(data, proof.certificate))
        kept = [claim for claim in intervals if claim[2]]
        assert found["sampled_inputs"] == 21 - sum(claim[2] for claim in kept) and inside
        assert found["samples_correct"] == 50


def test_programs_of_more_inputs_than_can_be_tried() -> None:
    proof = find_proof(MANY, "sample")
    found = statement(check(MANY, proof.certificate))
    assert found["sampled_inputs"] == 3**40 and found["samples"] == 10_000
    few = MANY.replace(b"positions 40\n" + b"3 0 1 2\n" * 40, b"positions 2\n" + b"3 0 1 2\n" * 2)
    right = truth(few).count(True)
    assert 0 < right < 9
    assert abs(int(str(found["samples_correct"])) / 10_000 - right / 9) < 0.02


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (program_certificate(PARTLY, [(20, 20, 20)], [(0, 26, 21)]), "sample: all inputs are certified"),
        (
            program_certificate(PARTLY, [(20, 20, 20)], [(0, 8, 7)]).replace(b"\nrule", b"\nmargin 1 -1\nrule"),
            "sample: expected a certificate without a margin",
        ),
    ],
)
def test_certificates_that_leave_nothing_to_state_are_declined(certificate: bytes, reason: str) -> None:
    text = format_sample(sha256(PARTLY).hexdigest(), 5, 1000, 0, (0, 0), [(20, 20, 20)], certificate)
    verdict = check(PARTLY, text)
    assert verdict.verdict == "declined" and verdict.reason.startswith(reason)


def test_a_sample_is_not_weighed() -> None:
    rows = b"6 1 1 1 1 1 1\n" * 3
    weights = b"compact-proofs-distribution 1\npositions 3\nparts 1\nlabels every\n" + rows + b"end\n"
    assert check(MODEL, CERTIFICATE, None, weights).reason == "distribution: expected a certificate without samples"


def test_by_the_command_line(tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sample"
    arguments = ["prove", str(tiny_model), "--strategy", "sample", "-o", str(path)]
    assert main([*arguments, "--samples", "60", "--confidence", "0.99"]) == 0
    assert parse_sample(path.read_bytes()).seed == parse_sample(CERTIFICATE).seed
    assert "note: statistical: with confidence 1 - 1/100" in capsys.readouterr().out
    assert main(["check", str(tiny_model), str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "statistical"
    for more in (["--confidence", "0.93"], ["--confidence", "1"], ["--margin", "0.5"], ["--budget", "5"]):
        assert main([*arguments, *more]) == 2
    assert main(["prove", str(tiny_model), "--strategy", "exact", "--samples", "5", "-o", str(path)]) == 2
