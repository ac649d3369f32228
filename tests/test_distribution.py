"""What inputs weigh that are proved correct, by distributions of several kinds, against sums by brute force."""

import json
import random
import time
from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import examples

from certificates.distributions import (
    BadDistribution,
    Part,
    format_distribution,
    gap_distribution,
    token_distribution,
)
from certificates.evaluate import prove_evaluate
from certificates.exact import prove_exact
from checker import Verdict, check, groups
from checker.__main__ import main as kernel
from checker.errors import Declined
from checker.meter import Meter
from checker.models.attention_only import parse_model
from checker.models.program import parse_program
from checker.rules import distribution
from checker.rules.distribution import MAX_WEIGHT, Distribution
from checker.rules.weigh import Uncounted, count_by_position
from compact_proofs import distribution as write_distribution
from compact_proofs.command_line import main
from fuzzing import judge as judging
from fuzzing.certificates import claiming, file_of, random_certificate
from fuzzing.kernel import WatchedKernel
from fuzzing.models import max_model, model_file, random_model
from fuzzing.oracle import Oracle
from fuzzing.program_oracle import labels_of, read_program, truth
from fuzzing.programs import program_certificate, random_passes, random_program

Weight = Callable[[Sequence[int], int], int]
seeds = st.integers(0, 2**32 - 1)


def random_row(rng: random.Random, size: int) -> list[int]:
    largest = rng.choice((1, 1, 3, 100, MAX_WEIGHT))
    return [rng.randint(0, largest) for _ in range(size)]


def random_parts(rng: random.Random, sizes: Sequence[int], labels: int) -> list[Part]:
    """The same weights at some positions, or at none; for every label, or ranges of some labels."""

    def rows() -> list[list[int]]:
        if rng.random() < 0.5 and len({*sizes}) == 1:
            row = random_row(rng, sizes[0])
            return [*[row] * (len(sizes) - 1), rng.choice((row, random_row(rng, sizes[0])))]
        return [random_row(rng, size) for size in sizes]

    if rng.random() < 0.4:
        return [(None, rows())]
    cuts = sorted(rng.sample(range(labels + 1), min(labels + 1, rng.choice((2, 2, 3, 4)))))
    spans = [(a, b - 1) for a, b in zip(cuts, cuts[1:], strict=False) if b > a]
    return [(span, rows()) for span in spans] or [((0, labels), rows())]


def weight_of(parts: Sequence[Part], places: Sequence[int], label: int) -> int:
    """By the definition: `places` are the numbers of an input's tokens in the sets of its positions."""
    for labels, rows in parts:
        if labels is None or labels[0] <= label <= labels[1]:
            return prod(row[t] for row, t in zip(rows, places, strict=True))
    return 0


def weights(verdict: Verdict) -> tuple[object, object]:
    assert verdict.verdict == "accepted" and verdict.kind == "distribution", verdict
    return verdict.further["weight_at_least"], verdict.further["weight_total"]


def only(tokens: Sequence[int], sizes: Sequence[int]) -> bytes:
    """All weight on one input."""
    rows = [[int(t == token) for t in range(size)] for token, size in zip(tokens, sizes, strict=True)]
    return format_distribution([(None, rows)])


@examples(12)
@given(seeds)
def test_a_reweighted_accuracy_is_the_sum_by_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    model = random_model(rng, max_inputs=81)
    data, oracle = model_file(model), Oracle(model)
    parts = random_parts(rng, [oracle.vocabulary] * oracle.positions, oracle.vocabulary)
    each = {x: weight_of(parts, x, max(x)) for x in product(range(oracle.vocabulary), repeat=oracle.positions)}
    certificate = prove_exact(data)
    counted = check(data, certificate)
    verdict = check(data, certificate, None, format_distribution(parts))
    if not any(each.values()):
        assert (verdict.verdict, verdict.reason) == ("declined", "distribution: all inputs weigh 0")
        return
    certified, total = weights(verdict)
    assert total == sum(each.values())
    true = {x: weight for x, weight in each.items() if oracle.is_correct(x)}
    if counted.correct_at_least == len(true):
        assert certified == sum(true.values())
    assert isinstance(certified, int) and certified <= sum(true.values())
    # What the certificate says by itself is as it was.
    assert (verdict.correct_at_least, verdict.operations) == (counted.correct_at_least, counted.operations)


@examples(15)
@given(seeds)
def test_the_sum_is_that_of_inputs_one_by_one(seed: int) -> None:
    """Of random certificates by `levels` and `enumerate`, with bounds of any quality."""
    rng = random.Random(seed)
    model_data = model_file(random_model(rng, max_inputs=27, positions=rng.choice((2, 3))))
    model = parse_model(model_data)
    draft, counts = random_certificate(rng, model_data, model), list[int]()
    check(model_data, file_of(claiming(draft, [0] * len(draft.groups))), counts)
    certificate = claiming(draft, counts)
    sizes = [model.vocabulary] * model.positions
    parts = random_parts(rng, sizes, model.vocabulary)
    verdict = check(model_data, file_of(certificate), None, format_distribution(parts))
    assert verdict.verdict == "accepted" or verdict.reason == "distribution: all inputs weigh 0", verdict
    if verdict.verdict == "accepted" and all(len(group.checks) == 1 for group in certificate.groups):
        data, total = file_of(certificate), 0
        for x in product(range(model.vocabulary), repeat=model.positions):
            [one, _] = weights(check(model_data, data, None, only(x, sizes)))
            total += one * weight_of(parts, x, max(x))  # type: ignore[operator]
        assert weights(verdict)[0] == total


@examples(12)
@given(seeds)
def test_programs_are_weighed_by_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    data = random_program(rng)
    program, found = read_program(data), truth(data)
    places = [*product(*(range(len(tokens)) for tokens in program.sets))]
    inputs = [[tokens[k] for tokens, k in zip(program.sets, at, strict=True)] for at in places]
    labels = [labels_of(program, tokens) for tokens in inputs]
    parts = random_parts(rng, [len(tokens) for tokens in program.sets], 6)
    if parse_program(data).answers > 1 and parts[0][0] is not None:
        verdict = check(data, prove_evaluate(data).certificate, None, format_distribution(parts))
        assert verdict.reason == "distribution: expected labels every, for inputs of several labels"
        return
    each = [0 if of is None else weight_of(parts, at, of[0]) for at, of in zip(places, labels, strict=True)]
    certificate = prove_evaluate(data).certificate
    counted = check(data, certificate)
    verdict = check(data, certificate, None, format_distribution(parts))
    if not any(each):
        assert verdict.reason == "distribution: all inputs weigh 0"
        return
    certified, total = weights(verdict)
    true = sum(weight for weight, right in zip(each, found, strict=True) if right)
    assert total == sum(each) and certified <= true  # type: ignore[operator]
    if counted.correct_at_least == sum(right is True for right in found):
        assert certified == true


def test_intervals_weigh_what_is_in_them() -> None:
    rng = random.Random(5)
    data = random_program(rng)
    sizes = [len(tokens) for tokens in read_program(data).sets]
    intervals = [(1, 2, 0)]
    certificate = program_certificate(data, random_passes(rng), intervals)
    uniform = format_distribution([(None, [[1] * size for size in sizes])])
    counts: list[int] = []
    verdict = check(data, certificate, counts, uniform)
    assert weights(verdict)[0] == sum(counts)


MODEL = model_file(max_model(3, 4))
CERTIFICATE = prove_exact(MODEL)


def first_of_two(tokens: int) -> bytes:
    """A program that names the first of two tokens, always right."""
    some, rows = " ".join(map(str, range(tokens))), [[int(i == j) for j in range(tokens)] for i in range(tokens)]
    lines = ["compact-proofs-model 2", "task copy 1 0", "positions 2", *[f"{tokens} {some}"] * 2, "tensors 1"]
    lines += [f"tensor 0 {tokens} {tokens} 0", *(" ".join(map(str, row)) for row in rows)]
    return "\n".join([*lines, "steps 1", "embed_at 0 0", "end", ""]).encode()


def test_parts_take_no_time_where_nothing_is_weighed() -> None:
    """There are thousands of parts, and each interval has one input."""
    data = first_of_two(64)
    certificate = program_certificate(data, [(8, 8, 8)], [(i, i, 0) for i in range(1000)])
    parts: list[Part] = [((label, label), [[label + 1] * 64] * 2) for label in range(4096)]
    start = time.process_time()
    verdict = check(data, certificate, None, format_distribution(parts))
    assert time.process_time() - start < 20
    expected = sum((i // 64 + 1) ** 2 for i in range(1000)), sum(64 * (label + 1) ** 2 for label in range(64))
    assert weights(verdict) == expected


def uniform(vocabulary: int = 4, positions: int = 3) -> bytes:
    return format_distribution([(None, [[1] * vocabulary] * positions)])


def test_every_weight_one_is_the_count() -> None:
    counted, verdict = check(MODEL, CERTIFICATE), check(MODEL, CERTIFICATE, None, uniform())
    assert weights(verdict) == (counted.correct_at_least, counted.total) == (64, 64)
    assert counted.kind == "count" and counted.unverified_rules == [] and counted.further == {}
    assert verdict.unverified_rules == ["distribution"]


def test_a_worst_case_is_said_in_words() -> None:
    """Of a model that takes 1 for 0, inputs are wrong whose largest token is 1."""
    model = max_model(3, 5)
    model["W_U"][1] = model["W_U"][0]
    data, oracle = model_file(model), Oracle(model)
    certificate = prove_exact(data)
    said = []
    for gap in range(1, 5):
        inside = [
            x
            for x in product(range(5), repeat=3)
            if max(x) >= gap and all(t == max(x) or t <= max(x) - gap for t in x)
        ]
        verdict = check(data, certificate, None, gap_distribution(data, gap))
        right = sum(map(oracle.is_correct, inside))
        assert weights(verdict) == (right, len(inside))
        proved = f"all inputs that weigh more than 0 (together {len(inside)}) are classified correctly"
        assert (proved in str(verdict)) == (right == len(inside))
        said.append(right == len(inside))
        assert str(verdict).startswith("accepted: under the distribution of SHA-256 ")
        assert str(verdict.further["distribution_sha256"]) in str(verdict)
    assert said == [False, True, True, True]
    with pytest.raises(BadDistribution):
        gap_distribution(data, 5)


def test_a_rejected_certificate_is_not_weighed() -> None:
    verdict = check(MODEL, CERTIFICATE.replace(b"\ncorrect 64\n", b"\ncorrect 65\n"), None, uniform())
    assert (verdict.verdict, verdict.statement, verdict.further) == ("rejected", "", {})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"distribution 1", b"distribution 2", "token 2: expected 1, found '2'"),
        (b"positions 3", b"positions 0", "expected an integer from 1 to max_positions = 256"),
        (b"parts 1", b"parts 0", "expected an integer from 1"),
        (b"parts 1\nlabels every", b"parts 2\nlabels every", "expected a canonical integer"),
        (b"labels every", b"labels 3 2", "expected a range of labels before here"),
        (b"labels every", b"labels 0 4096", "expected an integer from 0 to"),
        (b"4 1 1 1 1\nend", b"4 1 1 1 -1\nend", "expected an integer from 0 to max_weight"),
        (b"4 1 1 1 1\nend", b"4 1 1 1 %d\nend" % (MAX_WEIGHT + 1), "expected an integer from 0 to max_weight"),
        (b"4 1 1 1 1\nend", b"3 1 1 1\nend", "weights of [4, 4, 4] tokens at 3 positions, found [4, 4, 3] at 3"),
        (b"\nend\n", b"\nend", "expected"),
    ],
)
def test_what_is_no_distribution_is_declined(old: bytes, new: bytes, reason: str) -> None:
    data = uniform()
    assert data.count(old) == 1
    verdict = check(MODEL, CERTIFICATE, None, data.replace(old, new))
    assert verdict.verdict == "declined" and verdict.reason.startswith("distribution: ") and reason in verdict.reason


def test_labels_of_parts_ascend() -> None:
    rows = [[1] * 4] * 3
    good = format_distribution([((0, 1), rows), ((3, 3), rows)])
    assert weights(check(MODEL, CERTIFICATE, None, good)) == (8 + 37, 8 + 37)
    for second in ((1, 3), (0, 0)):
        verdict = check(MODEL, CERTIFICATE, None, format_distribution([((0, 1), rows), (second, rows)]))
        assert verdict.verdict == "declined" and "expected an integer from 2" in verdict.reason


def test_a_distribution_of_fewer_positions_is_declined() -> None:
    verdict = check(MODEL, CERTIFICATE, None, uniform(positions=2))
    assert verdict.reason == "distribution: expected weights of [4, 4, 4] tokens at 3 positions, found [4, 4] at 2"


def test_probabilities_are_taken_as_they_are_written() -> None:
    text = "[[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0], [1e-3, 2.5, 0, 7]]"
    data = token_distribution(MODEL, text)
    assert data.splitlines()[4:-1] == [b"4 1 2 3 4", b"4 1 0 0 0", b"4 1 2500 0 7000"]
    alike = token_distribution(MODEL, "[1, 1, 1, 1]")
    assert alike == uniform()


@pytest.mark.parametrize(
    "text", ["{}", "[", "[1, 1]", "[1, 1, 1, -1]", "[1, 1, 1, NaN]", '[1, 1, 1, "1"]', "[[1]]", "[1, 1, 1, 1e99]"]
)
def test_other_probabilities_are_refused(text: str) -> None:
    with pytest.raises(BadDistribution):
        token_distribution(MODEL, text)


def test_by_the_command_line(
    tmp_path: Path, tiny_model: Path, tiny_certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gap"
    assert main(["distribution", str(tiny_model), "--gap", "2", "-o", str(path)]) == 0
    assert path.read_bytes() == gap_distribution(tiny_model.read_bytes(), 2)
    arguments = [str(tiny_model), str(tiny_certificate), "--distribution", str(path)]
    capsys.readouterr()
    lines = []
    for run in (lambda: main(["check", *arguments]), lambda: kernel(arguments)):
        assert run() == 0
        lines.append(capsys.readouterr().out)
    assert lines[0] == lines[1] and "all inputs that weigh more than 0" in lines[0]
    assert main(["check", *arguments, "--json", "--max-seconds", "60"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "distribution" and found["further"]["weight_share"] == "100.0000%"
    assert found["statement"] in lines[0]
    assert main(["check", *arguments, "--kernel", "both"]) == 2
    assert "the verified checker has no rule `distribution`" in capsys.readouterr().err
    assert kernel([*arguments[:2], "--distribution", str(tmp_path / "none")]) == 20
    write_distribution(tiny_model, path, tokens="[1, 2, 3, 4, 5, 6]")
    assert main(["check", *arguments]) == 0
    assert " of 9261 " in capsys.readouterr().out
    assert main(["distribution", str(tiny_model), "-o", str(path)]) == 2


def test_the_fuzzer_judges_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more in what inputs weigh that are certified, or in what all do, is found."""
    monkeypatch.setattr(judging, "WEIGHED", 256)
    for name, kind in (("certified", judging.Unsound), ("total", judging.Inconsistent)):
        with WatchedKernel() as watched:
            judge = judging.Judge(watched)
            assert judge.judge(MODEL, CERTIFICATE).verdict == "accepted"
            stated = distribution.state_weight

            def one_more(found: Verdict, of: Distribution, certified: int, total: int, name: str = name) -> None:
                stated(found, of, certified + (name == "certified"), total + (name == "total"))  # noqa: B023

            with monkeypatch.context() as patch:
                patch.setattr(groups, "state_weight", one_more)
                with pytest.raises(kind):
                    judge.judge(MODEL, CERTIFICATE)


def test_too_many_choices_of_levels_are_declined_by_name() -> None:
    """Before anything of that size is built."""
    levels, positions = 40, 30
    with pytest.raises(Declined, match="distribution: proof longer than max_operations"):
        count_by_position(
            [0], [[1]] * levels, [[j + 1] * levels for j in range(positions)], 0, 1, Uncounted(Meter(), 1)
        )
