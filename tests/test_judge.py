"""The fuzzer's judge lets through what is true and nothing that is one above it, and says what is wrong."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from checker.certificate import Check, Group
from checker.verdict import Verdict
from fuzzing import judge as judge_module
from fuzzing.judge import Failure, Inconsistent, Judge, Raised, Slow, Truth, Unsound, main, required_margins
from fuzzing.kernel import GROUPS, Found, TooSlow, WatchedKernel
from fuzzing.models import matrix, max_model, model_file, uniform_model

# Uniform attention. The inputs 00, 01, 10, 11 have margins 2, -7/8, -7/8, 1/4 against the other output.
MODEL = model_file(uniform_model([[0, 0], [0, 0]], matrix([[1, 0], [1, Fraction(9, 8)]]), 2))
# The same, but 01 and 10 have -1, and 11 has 0.
TIED = model_file(uniform_model([[0, 0], [0, 0]], matrix([[1, 0], [1, 1]]), 2))
PARTITIONS = ((0, 1, 2),)
HIGHEST = Check("levels", 40, 1, 0, None, ())


class Scripted(WatchedKernel):
    """A kernel that says what a test has it say."""

    def __init__(self, verdict: Verdict | BaseException, found: Sequence[Found] = ()) -> None:
        super().__init__()
        self.verdict, self.found = verdict, list(found)

    def check(self, model: bytes, certificate: bytes) -> Verdict:
        if isinstance(self.verdict, BaseException):
            raise self.verdict
        return self.verdict


def accepted(correct: int, model: bytes = MODEL, **changes: Any) -> Verdict:
    verdict = Verdict("accepted", correct_at_least=correct, total=4, model_sha256=sha256(model).hexdigest())
    return replace(verdict, **changes)


def found(label: int, first: int, last: int, count: int, *checks: Check) -> Found:
    return Found(Group(label, first, last, 0, checks or (HIGHEST,)), PARTITIONS, count)


WHOLE = (found(0, 0, 0, 1), found(1, 0, 0, 0), found(1, 1, 1, 1))


def judged(verdict: Verdict | BaseException, parts: Sequence[Found] = WHOLE, model: bytes = MODEL) -> Verdict:
    claim = verdict.correct_at_least if isinstance(verdict, Verdict) else 0
    return Judge(Scripted(verdict, parts)).judge(model, b"version\nmodel\ncorrect %d\nrest" % claim)


def wrong(kind: type[Failure], *arguments: Any, **options: Any) -> str:
    """What is wrong, and it must be of this kind."""
    with pytest.raises(Failure) as raised:
        judged(*arguments, **options)
    assert type(raised.value) is kind
    return str(raised.value)


# Claims


@pytest.mark.parametrize("claim", [0, 1, 2])
def test_claims_up_to_the_truth_are_right(claim: int) -> None:
    verdict = accepted(claim)
    assert judged(verdict) is verdict


@pytest.mark.parametrize("claim", [3, 4])
def test_a_claim_above_the_truth_is_unsound(claim: int) -> None:
    """Also one above, and where no group by itself holds more than it should."""
    several = [*WHOLE, *WHOLE]
    assert wrong(Unsound, accepted(claim), several) == f"{claim} inputs were accepted as correct, 2 are"


def test_a_claim_is_no_more_than_its_groups() -> None:
    assert wrong(Inconsistent, accepted(2), WHOLE[:1]) == "more was accepted than was found in all groups together"
    assert judged(accepted(1), WHOLE[:1])


def test_a_claim_is_that_of_the_certificate() -> None:
    for line in (b"correct 1", b"correct 02", b" correct 2"):
        with pytest.raises(Inconsistent, match="^2 inputs were accepted for the claim b'") as raised:
            Judge(Scripted(accepted(2), WHOLE)).judge(MODEL, b"version\ncorrect 2\n" + line + b"\ncorrect 2\n")
        assert str(raised.value).endswith(f"{line!r}")


def test_a_claim_is_about_the_inputs_and_the_bytes_of_the_model() -> None:
    assert wrong(Inconsistent, accepted(2, total=5)) == "5 inputs, of which there are 4"
    assert wrong(Inconsistent, accepted(2, total=3)) == "3 inputs, of which there are 4"
    other = MODEL.replace(b"\nend\n", b"\nend \n")
    message = wrong(Inconsistent, accepted(2, other), model=other)
    assert message == "a model was accepted that is not in canonical form"


def test_a_claim_of_nothing_needs_no_model() -> None:
    assert judged(accepted(0, b"", total=9), (), b"")


# Groups


def test_what_is_found_in_a_group_is_no_more_than_the_truth() -> None:
    rejected = Verdict("rejected", "why")
    for parts, count, most in (
        ([found(0, 0, 0, 2)], 2, 1),
        ([*WHOLE, found(1, 0, 0, 1)], 1, 0),
        ([found(1, 1, 1, 2)], 2, 1),
    ):
        message = f"{parts[-1].group}: {count} inputs were found certified, {most} truly have such margins"
        for verdict in (rejected, accepted(0), Verdict("declined", "why")):
            assert wrong(Unsound, verdict, parts) == message


@pytest.mark.parametrize(
    ("bits", "margin", "most"), [(2, 1, 1), (2, 2, 0), (40, 2**38, 1), (40, 2**38 + 1, 0), (1, 1, 0)]
)
def test_margins_of_checks_are_those_of_the_inputs(bits: int, margin: int, most: int) -> None:
    check = Check("enumerate", bits, margin, 0, (0,), ())
    refused = Verdict("rejected", "why")
    assert judged(refused, [found(1, 1, 1, most, check)]) is refused
    assert f"{most + 1} inputs were found certified, {most} truly" in wrong(
        Unsound, refused, [found(1, 1, 1, most + 1, check)]
    )


@pytest.mark.parametrize(
    ("label", "first", "last", "is_one"),
    [
        *((0, 0, 0, True), (1, 1, 1, True), (1, 0, 0, True)),
        *((1, 0, 1, False), (2, 2, 2, False), (2, 0, 1, False), (0, 0, 1, False)),
        *((1, -1, 0, False), (1, 1, 0, False), (0, 1, 1, False)),
    ],
)
def test_what_is_no_group_has_no_inputs(label: int, first: int, last: int, is_one: bool) -> None:
    refused = Verdict("rejected", "why")
    for count in (0, -1):
        assert judged(refused, [found(label, first, last, count)]) is refused
    part = found(label, first, last, 9)
    start = "9 inputs were found certified" if is_one else "inputs were found in what is no group"
    assert wrong(Unsound, refused, [part]).startswith(f"{part.group}: {start}")


def test_groups_of_several_queries() -> None:
    """Of three tokens, the inputs 02 and 12: with the query 2, they are in another group."""
    model = model_file(max_model(2, 3))
    part = Found(Group(2, 0, 1, 0, (HIGHEST,)), ((0, 1, 2, 3),), 2)
    refused = Verdict("rejected", "why")
    assert judged(refused, [part], model) is refused
    assert "3 inputs were found certified, 2 truly" in wrong(Unsound, refused, [replace(part, count=3)], model)
    for query in range(2):
        assert Truth(model).most_found(replace(part.group, first_query=query, last_query=query), part.partitions) == 1


def test_every_other_output_is_compared() -> None:
    check = replace(HIGHEST, classes=(1,))
    message = wrong(Unsound, Verdict("rejected", "why"), [found(1, 1, 1, 1, check)])
    assert message == "group label 1 queries 1 1: 0 of 1 outputs were compared with the label"


def test_required_margins() -> None:
    partitions = [(0, 1, 2, 3, 4), (0, 2, 4), (0, 4)]

    def required(*checks: tuple[int, int, int, tuple[int, ...] | None]) -> dict[int, Fraction]:
        steps = tuple(Check("levels", bits, margin, p, classes, ()) for bits, margin, p, classes in checks)
        return required_margins(Group(1, 0, 0, 0, steps), partitions, 4)

    half = Fraction(1, 2)
    assert required((1, 1, 0, None)) == {0: half, 2: half, 3: half}
    assert required((1, 1, 1, (0,))) == {0: half}
    assert required((1, 1, 1, (0, 1))) == {0: half, 2: half, 3: half}
    # The largest of several bounds; what is left, by classes that hold some of it.
    assert required((1, 1, 0, (0, 2)), (2, 3, 0, (0,)), (2, 1, 0, (2,))) == {0: Fraction(3, 4), 2: half}
    assert required((1, 1, 0, (2,)), (0, 3, 1, None)) == {0: Fraction(3), 2: Fraction(3), 3: Fraction(3)}
    assert required((1, 1, 0, (2, 3)), (0, 3, 1, None)) == {0: Fraction(3), 2: half, 3: half}
    assert required((1, 1, 0, (2, 3)), (0, 3, 2, None)) == dict.fromkeys((0, 2, 3), Fraction(3))
    assert required((1, 1, 2, (0,)), (0, 3, 2, None)) == dict.fromkeys((0, 2, 3), half)
    assert required((0, -1, 1, (0,)), (0, -2, 1, (0,))) == {0: Fraction(-1)}


# The form of verdicts


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        (Verdict("maybe", "why"), "a verdict 'maybe'"),
        (accepted(2, reason="why"), "accepted for the reason 'why'"),
        (Verdict("rejected"), "rejected for the reason ''"),
        (Verdict("declined", "a\nb"), "declined for the reason 'a\\nb'"),
        (Verdict("rejected", "why", 1), "rejected, but 1 inputs are claimed"),
        (Verdict("declined", "why", -1), "declined, but -1 inputs are claimed"),
        (accepted(2, model_sha256="0" * 64), "accepted for a model of another hash"),
    ],
)
def test_verdicts_that_contradict_themselves(verdict: Verdict, message: str) -> None:
    assert wrong(Inconsistent, verdict) == message


def test_checks_that_end_otherwise() -> None:
    assert wrong(Raised, ValueError("x")) == "ValueError: x"
    assert wrong(Slow, TooSlow("more than 3 seconds")) == "more than 3 seconds"
    with pytest.raises(Raised) as raised:
        judged(ValueError("x"))
    assert isinstance(raised.value.__cause__, ValueError)
    with pytest.raises(Slow) as slow:
        judged(TooSlow("x"))
    assert slow.value.__suppress_context__
    with pytest.raises(KeyboardInterrupt):
        judged(KeyboardInterrupt())


# The truth


def test_the_truth_about_labels_and_queries() -> None:
    truth = Truth(MODEL)
    assert truth.correct == 2
    assert [truth.correct_in(label, range(3)) for label in range(2)] == [1, 1]
    assert [truth.correct_in(1, queries) for queries in (range(1), range(1, 2), range(0))] == [0, 1, 0]
    bounds = [Fraction(-7, 8), Fraction(-6, 8)]
    assert [truth.count(1, 0, {0: bound}) for bound in bounds] == [1, 0]
    assert [truth.count(1, 1, {0: bound}) for bound in (Fraction(-9), bounds[0], Fraction(1, 4))] == [2, 2, 1]
    # What was asked is found again, and about nothing else.
    assert [truth.count(1, 0, {0: bound}) for bound in bounds] == [1, 0]
    assert truth.correct_in(1, range(2)) == 1 and truth.undecided == 0


def test_ties_are_not_correct_but_have_margins_of_zero() -> None:
    truth = Truth(TIED)
    assert truth.correct == 1 and truth.correct_in(1, range(2)) == 0
    assert truth.count(1, 1, {0: Fraction(0)}) == 1 and truth.undecided == 0


def test_every_output_counts() -> None:
    """Of three outputs, one is never above the label's, one always, whichever is asked first."""
    model = uniform_model([[0] * 3] * 2, matrix([[0, -1, 1], [0, 0, 1]]), 2)
    truth = Truth(model_file(model))
    low, high, equal = Fraction(-4), Fraction(4), Fraction(2)
    assert [truth.count(0, 0, {1: a, 2: b}) for a, b in ((equal, low), (low, high), (high, low))] == [1, 0, 0]
    assert truth.count(0, 0, {1: equal, 2: -equal}) == 1 and truth.count(0, 0, {1: equal, 2: -equal + 1}) == 0
    assert truth.correct == 0


def test_what_the_oracle_cannot_decide_is_in_the_kernels_favour(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = Truth(TIED)

    def too_close(*arguments: object) -> int:
        raise ArithmeticError

    monkeypatch.setattr(truth.oracle, "compare_margin", too_close)
    assert truth.correct == 2 and truth.undecided == 1
    assert truth.count(1, 1, {0: Fraction(0)}) == 1 and truth.undecided == 2


def test_least_margins() -> None:
    truth = Truth(MODEL)
    margins = [truth.margin(tokens) for tokens in truth.oracle.inputs()]
    assert margins == [2, Fraction(-7, 8), Fraction(-7, 8), Fraction(1, 4)]
    several = uniform_model([[0] * 3] * 2, matrix([[0, -1, 1], [0, 0, 1]]), 2)
    assert Truth(model_file(several)).margin((0, 0)) == -2
    sharp = Truth(model_file(max_model(2, 2, 3)))
    assert sharp.oracle.compare_margin((0, 1), 0, sharp.margin((0, 1)) - Fraction(1, 2**100)) == 1
    assert sharp.oracle.compare_margin((0, 1), 0, sharp.margin((0, 1)) + Fraction(1, 2**100)) == -1


@pytest.mark.parametrize(
    ("exponent", "known"), [(3999, True), (4000, False), (-4001, True), (-4002, False), (20000, False)]
)
def test_margins_far_beyond_certificates_are_none(exponent: int, known: bool) -> None:
    """The margin is twice this power of two."""
    model = uniform_model([[0, 0], [0, 0]], matrix([[Fraction(2) ** exponent, 0], [0, 0]]), 2)
    assert Truth(model_file(model)).margin((0, 0)) == (Fraction(2) ** (exponent + 1) if known else None)


def test_margins_that_are_no_numbers_are_none() -> None:
    model = max_model(2, 2)
    model["W_pos"] = matrix([[0, 0], [0, 2**70]])
    model["W_Q"] = matrix([[2**200, 0], [2**200, 0]])
    model["W_K"] = matrix([[0, 0], [2**200, 0]])
    assert Truth(model_file(model)).margin((1, 0)) is None
    assert Truth(model_file(max_model(2, 1))).margin((0, 0)) is None  # no other output


def test_the_truth_about_the_last_models_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_module, "MODELS_KEPT", 2)
    keeper, files = Judge(Scripted(accepted(0))), [model_file(max_model(2, k)) for k in (1, 2, 3)]
    first, second = keeper.truth(files[0]), keeper.truth(files[1])
    assert keeper.truth(files[0]) is first
    keeper.truth(files[2])
    assert keeper.truth(files[0]) is first and keeper.truth(files[1]) is not second


# The command


def test_the_command(
    tiny_model: Path,
    tiny_certificate: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main([str(tiny_model), str(tiny_certificate)]) == 0
    assert capsys.readouterr().out == "the verdict is right: accepted\n"
    forged = tmp_path / "forged"
    forged.write_bytes(tiny_certificate.read_bytes().replace(b"correct 215\n", b"correct 216\n"))
    assert main([str(tiny_model), str(forged)]) == 0
    assert capsys.readouterr().out.startswith("the verdict is right: rejected total: ")
    for arguments in ([], ["a"], ["a", "b", "c"]):
        assert main(arguments) == 2
        assert capsys.readouterr() == ("", "usage: python -m fuzzing.judge MODEL CERTIFICATE\n")
    certified = GROUPS.certified_inputs
    monkeypatch.setattr(GROUPS, "certified_inputs", lambda *arguments: certified(*arguments) + 1)
    assert main([str(tiny_model), str(tiny_certificate)]) == 1
    assert capsys.readouterr().out.startswith("unsound: group label ")


def test_the_command_limits_the_time(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float | None] = []

    class Timed(WatchedKernel):
        def __init__(self, seconds: float | None = None) -> None:
            limits.append(seconds)
            super().__init__(seconds)

    monkeypatch.setattr(judge_module, "WatchedKernel", Timed)
    assert main([str(tiny_model), str(tiny_model)]) == 0
    assert limits == [10.0]
