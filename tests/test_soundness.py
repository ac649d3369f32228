"""No bound that the kernel accepts is above the truth, whatever the model and the certificate."""

import random
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from recording import added, multiplied, transposed
from small_models import examples, reason, shipped

from certificates.exact import prove_exact
from checker.certificate import Certificate, Factor, Group, group_size
from checker.certificate_file import parse_certificate
from checker.check import check
from checker.errors import Rejected
from checker.meter import Meter
from checker.models.attention_only import parse_model
from checker.numbers.matrices import Matrices
from checker.rules.low_rank import check_norm
from checker.verdict import Verdict
from fuzzing.campaign import models
from fuzzing.certificates import (
    certificate_file,
    claiming,
    dyadic,
    edge_certificate,
    file_of,
    one_check,
    random_certificate,
    singletons,
    step,
)
from fuzzing.judge import Judge, Truth
from fuzzing.kernel import WatchedKernel
from fuzzing.models import Model, matrix, max_model, model_file, random_model, uniform_model
from fuzzing.oracle import Oracle, count_correct


def judge(data: bytes, certificate: bytes) -> Verdict:
    """The verdict on a certificate, whose claim, and whatever was found in its groups, is true."""
    with WatchedKernel() as kernel:
        return Judge(kernel).judge(data, certificate)


# Random models with random certificates


@st.composite
def cases(draw: st.DrawFn, low_rank: float = 0.0) -> tuple[bytes, Certificate]:
    rng = draw(st.randoms(use_true_random=False))
    data = model_file(random_model(rng))
    return data, random_certificate(rng, data, parse_model(data), low_rank)


@examples(400)
@given(cases())
def test_random_certificates(case: tuple[bytes, Certificate]) -> None:
    data, certificate = case
    judge(data, file_of(certificate))


@examples(80)
@given(st.randoms(use_true_random=False))
def test_margins_next_to_the_truth(rng: random.Random) -> None:
    data = model_file(random_model(rng))
    judge(data, file_of(edge_certificate(rng, data, Truth(data))))


@examples(250)
@given(cases(low_rank=0.5))
def test_random_certificates_with_random_hints(case: tuple[bytes, Certificate]) -> None:
    data, certificate = case
    judge(data, file_of(certificate))


@examples(120)
@given(cases())
def test_random_certificates_with_the_largest_claims_that_pass(case: tuple[bytes, Certificate]) -> None:
    """The claims are what the kernel finds; one more in any group is rejected for that group."""
    data, draft = case
    with WatchedKernel() as kernel:
        assume(kernel.check(data, file_of(draft)).verdict == "accepted" and kernel.found)
        found = [group.count for group in kernel.found]
    verdict = judge(data, file_of(claiming(draft, found)))
    assert (verdict.verdict, verdict.correct_at_least) == ("accepted", sum(found))
    for i, group in enumerate(draft.groups):
        message = reason(data, file_of(claiming(draft, [*found[:i], found[i] + 1, *found[i + 1 :]])), "rejected")
        size = group_size(group, parse_model(data).positions)
        assert message == f"{group}: claimed {found[i] + 1} correct of {size}, found {found[i]}"


@examples(120)
@given(models())
def test_strategy_exact_is_sound(model: Model) -> None:
    data = model_file(model)
    try:
        certificate = prove_exact(data)
    except (Rejected, OverflowError, ValueError):
        # Scores so far apart that no supported precision resolves them: no certificate.
        assume(False)
    assert judge(data, certificate).verdict == "accepted"


@pytest.mark.parametrize("error", [Fraction(0), Fraction(1, 2**24)])
def test_good_hints_lose_nothing(error: Fraction) -> None:
    """Hints of full rank that are right, or nearly so: the same count as with exact tables."""
    model = max_model(3, 3)
    stream = added(model["W_E"], [model["W_pos"][-1]] * len(model["W_E"]))
    keys, embedding = transposed(model["W_K"]), transposed(model["W_E"])
    one = matrix([[int(i == j) for j in range(3)] for i in range(3)])
    tables = []
    for path in (
        [(stream, model["W_Q"]), (keys, embedding)],
        [(model["W_E"], model["W_V"]), (model["W_O"], model["W_U"])],
        [(stream,), (model["W_U"],)],
    ):
        factors = []
        for matrices in path:
            hint = multiplied(one, *matrices)
            hint[0][0] += error
            factors.append(Factor(len(matrices), (dyadic(one), dyadic(hint)), None))
        tables.append(tuple(factors))
    data = model_file(model)
    sizes = {(q, m): (m + 1) ** 2 - (m**2 if q < m else 0) for m in range(3) for q in range(m + 1)}
    groups = [Group(m, q, q, size, (one_check(m, "levels"),)) for (q, m), size in sizes.items()]
    certificate = certificate_file(data, groups, [singletons(3)], tables=tuple(tables))
    verdict = judge(data, certificate)
    assert (verdict.verdict, verdict.correct_at_least) == ("accepted", 27), verdict.reason


@examples(100)
@given(st.lists(st.integers(-9, 9), min_size=4, max_size=4), st.integers(0, 24), st.integers(-3, 3))
def test_claimed_norms(entries: list[int], norm: int, helper: int) -> None:
    """A norm of a remainder is confirmed only where it is one, and always where it is ample."""
    rows = [entries[:2], entries[2:]]
    matrices = Matrices("low_rank", Meter())
    claim = (dyadic(matrix([[norm]])), dyadic(matrix([[helper, 0], [0, helper]])))
    # The largest eigenvalue of R R^T is (t + sqrt(t**2 - 4 det**2)) / 2.
    trace = sum(k * k for k in entries)
    det = entries[0] * entries[3] - entries[1] * entries[2]
    excess = 2 * norm**2 - trace
    true = excess >= 0 and excess**2 >= trace**2 - 4 * det**2
    try:
        check_norm("here", dyadic(matrix(rows)), *claim, matrices)
    except Rejected as error:
        assert str(error).startswith("here: low_rank: expected a norm that its hint confirms")
        assert norm**2 < 2 * trace + helper**2
    else:
        assert true


# Where the precision is enough, nothing is lost


@pytest.mark.parametrize(
    ("positions", "vocabulary", "sharpness", "outputs"),
    [
        (2, 1, 8, 1),
        (2, 5, 8, 5),
        (3, 4, 8, 4),
        (3, 3, 2, 5),
        (4, 3, 4, 3),
        (4, 4, 1, 4),
        (2, 2, 0, 3),
    ],
)
def test_strategy_exact_finds_every_correct_input(
    positions: int, vocabulary: int, sharpness: int, outputs: int
) -> None:
    model = max_model(positions, vocabulary, sharpness, outputs)
    # No two logits are tied: the outputs are told apart by powers of two far above the precision.
    for o in range(outputs):
        model["W_U"][0][o] += Fraction(o + 1, 2**7)
    data = model_file(model)
    verdict = judge(data, prove_exact(data))
    assert verdict.verdict == "accepted"
    assert verdict.correct_at_least == count_correct(model)


def test_strategy_exact_on_the_shipped_tiny_model() -> None:
    model = shipped("tiny")
    data = model_file(model)
    verdict = judge(data, prove_exact(data))
    assert verdict.correct_at_least == count_correct(model) == 215


@pytest.mark.parametrize("rule", ["levels", "enumerate"])
def test_margins_on_the_edge(rule: str) -> None:
    """With uniform attention all bounds are exact, so that one unit of the margin decides, in
    agreement with the oracle."""
    gap = Fraction(5, 16)
    model = uniform_model([[0, 0], [0, 0]], matrix([[0, 0], [0, gap]]), 3)
    data = model_file(model)
    # Label 1, query 0: the inputs (0, 1, 0), (1, 0, 0) with scaled margin `gap`, (1, 1, 0) with twice that.
    for margin, expected in ((5, 3), (6, 1), (10, 1), (11, 0)):
        group = Group(1, 0, 0, expected, (step(rule, 4, margin, ((1, 1),)),))
        verdict = judge(data, certificate_file(data, [group], [singletons(2)]))
        assert (verdict.verdict, verdict.correct_at_least) == ("accepted", expected)
        assert Oracle(model).count_above(1, range(1), {0: Fraction(margin, 16)}) == expected
        forged = Group(1, 0, 0, expected + 1, group.checks)
        message = reason(data, certificate_file(data, [forged], [singletons(2)]), "rejected")
        assert message == (f"group label 1 queries 0 0: claimed {expected + 1} correct of 3, found {expected}")


@pytest.mark.parametrize("rule", ["levels", "enumerate"])
@pytest.mark.parametrize("bits", [1, 40, 200, 512])
def test_ties_are_never_correct(rule: str, bits: int) -> None:
    model = uniform_model([[0, 0], [0, 0]], matrix([[0, 0], [0, 0]]), 3)
    data = model_file(model)
    group = Group(1, 0, 0, 1, (step(rule, bits, 1, ((1, 1),)),))
    message = reason(data, certificate_file(data, [group], [singletons(2)]), "rejected")
    assert message.endswith("claimed 1 correct of 3, found 0")


@pytest.mark.parametrize("exponent", [60, 600, 2200])
def test_margins_far_below_the_precision(exponent: int) -> None:
    """An input that is correct, or wrong, by 2**-exponent: accepted only if it is correct."""
    for sign in (-1, 1):
        gap = sign * Fraction(1, 2**exponent)
        model = uniform_model([[0, 0]], matrix([[gap, 0]]), 2)
        data = model_file(model)
        group = Group(0, 0, 0, 1, (one_check(0, bits=512),))
        verdict = judge(data, certificate_file(data, [group], [singletons(2)]))
        assert count_correct(model) == (1 if sign > 0 else 0)
        assert verdict.verdict == ("accepted" if sign > 0 and exponent <= 512 else "rejected")


def test_large_terms_of_different_signs_are_not_rounded() -> None:
    """Terms of 2**63 units against one output and of less than nothing against another: NumPy would
    make floats of them, and lose the difference that makes the input wrong."""
    low = -(2**60) - 101
    unit = Fraction(1, 2**60)
    # Query 0, label 1 at the four other positions: the margin against output 0 is far above 0, and
    # that against output 2 is 4 * low + last = -46 units.
    last = -46 - 4 * low
    moved = [[0, 0, low - last], [-(2**63), 0, 0], [0, 0, 0]]
    direct = [[0, 0, -low], [0, 0, 0], [0, 0, 0]]
    model = uniform_model([[k * unit for k in row] for row in direct], [[k * unit for k in row] for row in moved], 5)
    oracle = Oracle(model)
    assert oracle.compare_margin((1, 1, 1, 1, 0), 2, -46 * unit) == 0
    data = model_file(model)
    group = Group(1, 0, 0, 1, (step("levels", 60, 1, ()),))
    verdict = judge(data, certificate_file(data, [group], [singletons(3)]))
    assert verdict.reason == "group label 1 queries 0 0: claimed 1 correct of 15, found 0"


# One wrong input in a large set


def hidden_counterexample() -> Model:
    """A model of two positions and 24 tokens, all of whose inputs are correct but (17, 23)."""
    v = 24
    model = max_model(2, v, sharpness=40)
    # Query 23 attends to token 17 with all its might, and 17 votes against 23 for output 5.
    model["W_E"] = matrix([[*(int(i == j) for j in range(v)), int(i == 17), int(i == 23)] for i in range(v)])
    for name, columns in (("W_pos", v + 2), ("W_O", v + 2)):
        model[name] = matrix([[*row, 0, 0] for row in model[name]])
        assert all(len(row) == columns for row in model[name])
    model["W_Q"] = matrix([*model["W_Q"], [0] * v, [0, 1] + [0] * (v - 2)])
    model["W_K"] = matrix([*model["W_K"], [0, 40 * v] + [0] * (v - 2), [0] * v])
    votes = [0] * v
    votes[5] = 8
    model["W_V"] = matrix([*model["W_V"], votes, [0] * v])
    model["W_U"] = matrix([*model["W_U"], [0] * v, [0] * v])
    # Token 17 is the label of its own inputs, where its vote for itself must win.
    model["W_V"][17][17] = Fraction(12)
    return model


def test_a_hidden_counterexample_is_not_claimed() -> None:
    model = hidden_counterexample()
    oracle = Oracle(model)
    wrong = [tokens for tokens in oracle.inputs() if not oracle.is_correct(tokens)]
    assert wrong == [(17, 23)]
    data = model_file(model)
    honest = prove_exact(data)
    verdict = check(data, honest)
    assert (verdict.verdict, verdict.correct_at_least) == ("accepted", 575)

    # One forged claim among 300 groups is found, and its group is named.
    certificate = parse_certificate(honest)
    groups = {(group.label, group.first_query): group for group in certificate.groups}
    assert groups[23, 23].correct == 23
    for changed in (
        Group(23, 23, 23, 24, groups[23, 23].checks),
        Group(23, 23, 23, 24, (one_check(23),)),
        Group(23, 23, 23, 24, (one_check(23, "levels"),)),
    ):
        forged = [changed if key == (23, 23) else group for key, group in sorted(groups.items())]
        message = reason(
            data,
            certificate_file(
                data,
                forged,
                certificate.partitions,
                exponential_bits=certificate.exponential_bits,
            ),
            "rejected",
        )
        assert message.startswith("group label 23 queries 23 23: claimed 24 correct of 24, found ")


# Every digit of a certificate


def digit_cases() -> list[tuple[str, Model]]:
    wrong = max_model(3, 3)
    wrong["W_V"][2] = [Fraction(2), Fraction(0), Fraction(1)]
    return [("tiny", shipped("tiny")), ("correct", max_model(3, 3)), ("partly wrong", wrong)]


@pytest.mark.parametrize(("name", "model"), digit_cases(), ids=lambda case: case if isinstance(case, str) else "")
def test_certificates_mutated_digit_by_digit(name: str, model: Model) -> None:
    """Each digit replaced by each of several others: never accepted with a false claim. Most mutants
    are rejected; those that are accepted claim less or use other steps that work as well."""
    oracle = Oracle(model)
    data = model_file(model)
    honest = prove_exact(data)
    start = honest.index(b"\n", honest.index(b"model ")) + 1
    if name == "tiny":
        # All numbers but those of the first two thirds of the groups.
        start = honest.index(b"group label 4")
    accepted = refused = 0
    for i in range(start, len(honest)):
        if not honest[i : i + 1].isdigit():
            continue
        digit = honest[i] - ord("0")
        for other in {(digit + 1) % 10, (digit + 9) % 10, 0, 9} - {digit}:
            verdict = check(data, honest[:i] + b"%d" % other + honest[i + 1 :])
            if verdict.verdict == "accepted":
                accepted += 1
                assert verdict.correct_at_least <= oracle.correct
            else:
                refused += 1
                assert verdict.reason and verdict.correct_at_least == 0
    assert accepted and refused
