"""Every refusal of a well-formed certificate, for its own reason; and every limit."""

import resource
import time
from collections.abc import Callable
from fractions import Fraction
from hashlib import sha256

import pytest
from flint import ctx
from small_models import memory_limit, reason

from checker.certificate import Check, Group
from checker.check import check
from checker.counting import MAX_LEVELS
from checker.meter import MAX_OPERATIONS
from checker.rules.registry import GROUP_RULES
from fuzzing.certificates import certificate_file, each_token, one_check, singletons, step
from fuzzing.models import matrix, max_model, model_file, uniform_model
from fuzzing.oracle import Oracle

MODEL = max_model(3, 3)
DATA = model_file(MODEL)
PARTITION = singletons(3)
RULE_NAMES = [rule.name for rule in GROUP_RULES]


def group(label: int, first: int, last: int, correct: int, *checks: Check) -> Group:
    return Group(label, first, last, correct, checks or (one_check(label, "levels"),))


# Every input of the model: 27.
EVERY = [
    group(0, 0, 0, 1),
    group(1, 0, 0, 3),
    group(1, 1, 1, 4),
    group(2, 0, 1, 10),
    group(2, 2, 2, 9),
]


def rejected(groups: list[Group], correct: int | None = None) -> str:
    return reason(DATA, certificate_file(DATA, groups, [PARTITION], correct), "rejected")


def test_all_inputs_are_claimed_and_accepted() -> None:
    verdict = check(DATA, certificate_file(DATA, EVERY, [PARTITION]))
    assert (verdict.verdict, verdict.reason) == ("accepted", "")
    assert verdict.correct_at_least == verdict.total == 27 == Oracle(MODEL).correct


# The model


def test_another_model() -> None:
    other = max_model(3, 3)
    other["W_V"][0][0] += Fraction(1, 2**40)
    data = model_file(other)
    message = reason(data, certificate_file(DATA, EVERY, [PARTITION]), "rejected")
    claimed, found = sha256(DATA).hexdigest(), sha256(data).hexdigest()
    assert message == f"model: claimed SHA-256 {claimed}, found {found}"


@pytest.mark.outside_mutation
def test_one_digit_of_the_hash() -> None:
    certificate = certificate_file(DATA, EVERY, [PARTITION])
    place = certificate.index(b"model ") + 6
    for i in range(place, place + 64):
        digit = b"0" if certificate[i : i + 1] != b"0" else b"1"
        message = reason(DATA, certificate[:i] + digit + certificate[i + 1 :], "rejected")
        assert message.startswith("model: claimed SHA-256 ")


def test_the_model_is_judged_before_its_certificate() -> None:
    assert reason(b"", b"", "declined").startswith("model: ")
    assert reason(DATA, b"", "declined").startswith("certificate: ")


# Groups


@pytest.mark.parametrize(
    "groups",
    [
        [EVERY[0], EVERY[0]],
        [EVERY[1], EVERY[0]],
        [EVERY[2], EVERY[1]],
        [EVERY[3], group(2, 1, 1, 1)],
        [EVERY[3], group(2, 0, 0, 1)],
        [EVERY[3], EVERY[3]],
        [EVERY[4], EVERY[2]],
        [*EVERY, EVERY[4]],
    ],
)
def test_groups_that_overlap_or_are_out_of_order(groups: list[Group]) -> None:
    message = rejected(groups)
    assert message == f"{groups[-1]}: expected groups in ascending order, without overlap"


@pytest.mark.parametrize(
    ("label", "first", "last"),
    [(3, 0, 0), (10**30, 0, 0), (1, 2, 2), (1, 0, 1), (1, 1, 0), (2, 1, 0), (2, 0, 2), (2, 3, 3)],
)
def test_groups_that_are_none(label: int, first: int, last: int) -> None:
    """Labels out of range, queries above the label, empty ranges, and ranges that cross the label."""
    bad = Group(label, first, last, 1, (step("enumerate", 40, 1, ()),))
    assert rejected([bad]) == f"{bad}: expected queries below the label, or the label alone"


def test_zero_groups() -> None:
    verdict = check(DATA, certificate_file(DATA, []))
    assert (verdict.verdict, verdict.correct_at_least, verdict.total) == ("accepted", 0, 27)
    assert rejected([], correct=1) == "total: claimed 1 correct, found 0 in the groups"


def test_groups_that_claim_nothing() -> None:
    """A group may claim fewer inputs than its checks establish, even none."""
    verdict = check(DATA, certificate_file(DATA, [group(2, 0, 1, 0)], [PARTITION]))
    assert (verdict.verdict, verdict.correct_at_least) == ("accepted", 0)


def test_gaps_between_groups_are_simply_not_counted() -> None:
    verdict = check(DATA, certificate_file(DATA, [EVERY[1], EVERY[4]], [PARTITION]))
    assert (verdict.verdict, verdict.correct_at_least) == ("accepted", 12)


@pytest.mark.parametrize("index", range(len(EVERY)))
def test_a_count_raised_by_one(index: int) -> None:
    honest = EVERY[index]
    forged = Group(honest.label, honest.first_query, honest.last_query, honest.correct + 1, honest.checks)
    message = rejected([*EVERY[:index], forged, *EVERY[index + 1 :]])
    size = honest.correct
    assert message == f"{honest}: claimed {size + 1} correct of {size}, found {size}"


@pytest.mark.parametrize("total", [0, 26, 28, 2**63, 10**700])
def test_a_total_that_is_not_the_sum(total: int) -> None:
    assert rejected(EVERY, total) == f"total: claimed {total} correct, found 27 in the groups"


def test_counts_above_64_bits() -> None:
    model = model_file(max_model(50, 3, sharpness=16))
    groups = [group(0, 0, 0, 1)]
    for label in (1, 2):
        size = (label + 1) ** 49
        groups += [group(label, 0, label - 1, label * (size - label**49))]
        groups += [group(label, label, label, size)]
    verdict = check(model, certificate_file(model, groups, [PARTITION]))
    assert verdict.reason == ""
    assert verdict.correct_at_least == verdict.total == 3**50 > 2**63
    last = groups[-1]
    forged = [*groups[:-1], group(2, 2, 2, last.correct + 1)]
    message = reason(model, certificate_file(model, forged, [PARTITION]), "rejected")
    assert message.endswith(f"claimed {3**49 + 1} correct of {3**49}, found {3**49}")


# Checks


def test_an_output_without_a_check() -> None:
    for classes, missing in (((0,), 1), ((1,), 0), ((0, 2), 1), ((2,), 0)):
        checks = step("levels", 20, 1, each_token(2), classes=classes)
        message = rejected([group(2, 0, 1, 10, checks)])
        assert message == (
            f"group label 2 queries 0 1: expected a check of every output, found none of output {missing}"
        )


def test_outputs_that_are_not_tokens_need_checks() -> None:
    data = model_file(max_model(2, 2, outputs=4))
    partition = singletons(4)
    checks = step("levels", 20, 1, ((1, 1),), classes=(0, 2))
    certificate = certificate_file(data, [group(1, 0, 0, 1, checks)], [partition])
    message = reason(data, certificate, "rejected")
    assert message.endswith("expected a check of every output, found none of output 3")


def test_classes_that_hold_the_label() -> None:
    """The label is never compared with itself, in a class with others or in one of its own."""
    for partition in ((0, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3)):
        for rule in RULE_NAMES:
            groups = [
                group(label, query, query, 1, step(rule, 40, 1, each_token(label)))
                for label in range(3)
                for query in range(label + 1)
            ]
            verdict = check(DATA, certificate_file(DATA, groups, [partition]))
            assert (verdict.verdict, verdict.correct_at_least) == ("accepted", 6)


@pytest.mark.parametrize("rule", RULE_NAMES)
@pytest.mark.parametrize("bands", [((2, 1),), ((1, 2),), ((1, 10**300),), ((10**300, 1),)])
def test_bands_that_reach_the_label(rule: str, bands: tuple[tuple[int, int], ...]) -> None:
    levels = (bands[0][0],) if rule == "levels" else ()
    checks = step(rule, 40, 1, bands, levels=levels)
    tokens = bands[0][0] * bands[0][1]
    assert rejected([group(1, 0, 0, 1, checks)]) == (
        f"group label 1 queries 0 0: {rule}: expected bands below 1, found {tokens} tokens"
    )


def test_tokens_of_no_band_are_left_out() -> None:
    for rule in RULE_NAMES:
        checks = step(rule, 40, 1, ((1, 1),))
        # Only token 0 below label 2: the inputs without token 1 before the last position.
        assert rejected([group(2, 0, 0, 5, checks)]).endswith("claimed 5 correct of 5, found 3")
        nothing = step(rule, 40, 1, ())
        assert rejected([group(2, 0, 0, 5, nothing)]).endswith("claimed 5 correct of 5, found 1")


def test_rules_of_one_query() -> None:
    message = rejected([group(2, 0, 1, 10, one_check(2))])
    assert message == "group label 2 queries 0 1: enumerate: expected one query, found several"


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_what_checks_leave_out_adds_up(rule: str) -> None:
    """Two checks of one group leave out the inputs of both, and never less than none is left."""
    partial = step(rule, 40, 1, ((1, 1),), classes=(0,))
    groups = [group(2, 0, 0, 5, partial, step(rule, 40, 1, ((1, 1),)))]
    assert rejected(groups).endswith("claimed 5 correct of 5, found 1")
    many = [partial] * 5 + [step(rule, 40, 1, ((1, 1),))]
    assert rejected([group(2, 0, 0, 5, *many)]).endswith("claimed 5 correct of 5, found 0")


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_every_token_and_position_counts(rule: str) -> None:
    """One value, or one position, that makes an input wrong is found at each place."""
    for token in range(2):
        model = uniform_model([[0] * 3] * 3, matrix([[0, 0, 0], [0, 0, 0], [0, 0, 4]]), 4)
        model["W_V"][token] = [Fraction(0), Fraction(9), Fraction(0)]
        data = model_file(model)
        oracle = Oracle(model)
        truth = oracle.count_above(2, range(1), {0: Fraction(1, 2), 1: Fraction(1, 2)})
        claim = [group(2, 0, 0, 19, one_check(2, rule, bits=1))]
        message = reason(data, certificate_file(data, claim, [PARTITION]), "rejected")
        found = int(message.rsplit(" ", 1)[1])
        assert found <= truth < 19 and (rule != "enumerate" or found == truth)
    for position in range(4):
        model = uniform_model([[0] * 3] * 3, matrix([[0, 0, 0], [0, 0, 0], [1, 1, 2]]), 4)
        # The first output's direction, read by W_V of this position only.
        model["W_pos"][position][3] = Fraction(1)
        model["W_V"][3] = [Fraction(8), Fraction(0), Fraction(0)]
        data = model_file(model)
        truth = Oracle(model).count_above(2, range(1), {0: Fraction(1), 1: Fraction(1)})
        claim = [group(2, 0, 0, 19, one_check(2, rule))]
        message = reason(data, certificate_file(data, claim, [PARTITION]), "rejected")
        assert int(message.rsplit(" ", 1)[1]) <= truth


# Precision


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_weight_that_may_be_zero(rule: str) -> None:
    """The label's weight is exp(-64) of the largest: 10 bits do not tell it from zero."""
    model = max_model(3, 3, sharpness=-64)
    data = model_file(model)
    certificate = certificate_file(
        data,
        [group(2, 0, 0, 1, one_check(2, rule))],
        [PARTITION],
        score_bits=5,
        exponential_bits=10,
    )
    message = reason(data, certificate, "rejected")
    assert message == (
        "weights: query 0 label 2 exponential_bits 10: expected a positive lower bound of the label's weight, found 0"
    )


def test_more_bits_find_more() -> None:
    """A margin of 2**-30 is found by 40 bits and not by 20."""
    model = uniform_model([[0, 0]], matrix([[Fraction(1, 2**30), 0]]), 2)
    data = model_file(model)
    for bits, found in ((20, 0), (29, 0), (31, 1), (40, 1)):
        message = reason(
            data,
            certificate_file(data, [group(0, 0, 0, 2, one_check(0, bits=bits))], [(0, 1, 2)]),
            "rejected",
        )
        assert message.endswith(f"claimed 2 correct of 1, found {found}")


@pytest.mark.parametrize("precision", [2, 53, 3000])
def test_the_global_precision_of_flint_does_not_matter(precision: int) -> None:
    with ctx.workprec(precision):
        assert check(DATA, certificate_file(DATA, EVERY, [PARTITION])).correct_at_least == 27


# Limits


def declined_in_time(data: bytes, certificate: bytes) -> str:
    start = time.perf_counter()
    with memory_limit(2**26):
        message = reason(data, certificate, "declined")
    assert time.perf_counter() - start < 10
    return message


@pytest.mark.outside_mutation
def test_too_many_levels() -> None:
    vocabulary = MAX_LEVELS + 2
    # Equal logits, so that the first look at the worst case decides nothing.
    data = model_file(uniform_model([[0] * vocabulary] * vocabulary, matrix([[0] * vocabulary] * vocabulary), 3))
    for label in (MAX_LEVELS, MAX_LEVELS + 1):
        claim = [group(label, 0, 0, 1)]
        certificate = certificate_file(data, claim, [singletons(vocabulary)])
        if label == MAX_LEVELS:
            assert reason(data, certificate, "rejected").endswith("found 0")
        else:
            message = declined_in_time(data, certificate)
            assert message == f"levels: {label} levels, limit max_levels = {MAX_LEVELS}"


@pytest.mark.outside_mutation
def test_too_many_sequences() -> None:
    data = model_file(max_model(60, 3))
    certificate = certificate_file(data, [group(2, 0, 0, 1, one_check(2))], [PARTITION])
    message = declined_in_time(data, certificate)
    assert message == f"enumerate: proof longer than max_operations = {MAX_OPERATIONS}"


def peak_memory() -> int:
    """The largest resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.outside_mutation
@pytest.mark.parametrize("digits", [5, 19, 20, 799])
def test_huge_numbers_in_every_place(digits: int) -> None:
    """Rejected or declined at once, or accepted where the larger number is no claim."""
    checks = (
        step("levels", 20, 1, ((1, 2),), 0, (0,)),
        step("enumerate", 40, 1, ((2, 1),), 1),
    )
    groups = [
        group(1, 0, 0, 3, step("enumerate", 40, 1, ((1, 1),))),
        group(2, 0, 0, 5, *checks),
    ]
    certificate = certificate_file(DATA, groups, [(0, 1, 3), PARTITION])
    assert check(DATA, certificate).reason == ""
    lines = [line.split(b" ") for line in certificate.split(b"\n")]
    before, tried = peak_memory(), 0
    for i, line in enumerate(lines):
        for j, token in enumerate(line):
            if not token.isdigit():
                continue
            tried += 1
            for number in (b"9" * digits, b"1" + b"0" * (digits - 1), b"-" + b"9" * digits):
                changed = [*lines[:i], [*line[:j], number, *line[j + 1 :]], *lines[i + 1 :]]
                start = time.perf_counter()
                verdict = check(DATA, b"\n".join(map(b" ".join, changed)))
                assert time.perf_counter() - start < 5
                assert verdict.correct_at_least <= 8
                assert (verdict.verdict == "accepted") != bool(verdict.reason)
    assert tried > 40
    assert peak_memory() - before < 2**28


def every_field_raised(name: str) -> list[bytes]:
    """The certificate of all inputs with each `name` raised by one, one at a time."""
    lines = certificate_file(DATA, EVERY, [PARTITION]).split(b"\n")
    changed = []
    for i, line in enumerate(lines):
        words = line.split(b" ")
        for j in range(len(words) - 1):
            if words[j] == name.encode() and words[j + 1].isdigit():
                words[j + 1] = b"%d" % (int(words[j + 1]) + 1)
                changed.append(b"\n".join([*lines[:i], b" ".join(words), *lines[i + 1 :]]))
                words = line.split(b" ")
    return changed


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("label", ["expected queries below", "expected groups in ascending", "claimed", "bands"]),
        ("queries", ["expected queries below", "expected groups in ascending", "claimed"]),
        ("correct", ["claimed"]),
        ("checks", ["expected levels or enumerate"]),
        ("groups", ["expected group"]),
        ("partitions", ["expected"]),
    ],
)
def test_every_field_raised_by_one(name: str, reasons: list[str]) -> None:
    for certificate in every_field_raised(name):
        verdict = check(DATA, certificate)
        assert verdict.verdict != "accepted" or verdict.correct_at_least <= 27
        assert verdict.verdict == "accepted" or any(text in verdict.reason for text in reasons)
    assert every_field_raised(name)


def swapped(lines: list[bytes], i: int, j: int) -> list[bytes]:
    lines = list(lines)
    lines[i], lines[j] = lines[j], lines[i]
    return lines


@pytest.mark.parametrize(
    "change",
    [
        lambda groups: swapped(groups, 0, 1),
        lambda groups: swapped(groups, 1, 2),
        lambda groups: swapped(groups, 3, 4),
        lambda groups: groups[::-1],
    ],
)
def test_permuted_groups(change: Callable[[list[Group]], list[Group]]) -> None:
    assert "expected groups in ascending order, without overlap" in rejected(change(list(EVERY)))
