"""The conformance corpus (`tests/corpus`): its files are what its generator writes, and both checkers conform."""

import json
import math
import subprocess
import sys
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from verified_checker import PROGRAM, require_verified

from checker import check
from checker.models.attention_only import parse_model
from fuzzing.program_oracle import truth

CORPUS = Path(__file__).parent / "corpus"
MAX_INPUTS = 100

sys.path.insert(0, str(CORPUS))
generate, driver = import_module("generate"), import_module("run")
CASES = {case.name: case for case in generate.all_cases()}
# Cases for which a process of the Python kernel is started, which takes its time.
SOME = (
    "example-of-the-formats",
    "enumerate-every-input",
    "group-claim-2-to-the-63",
    "model-empty",
    "certificate-utf-16",
    "certificate-of-16-mebibytes",
)

# Runs in a process of its own, whose options the test chooses: the verdicts of pairs of files, as JSON.
JUDGE = """
import json, sys
from checker import check
pairs = json.load(sys.stdin)
read = lambda path: open(path, "rb").read()
verdicts = [check(read(model), read(certificate)) for model, certificate in pairs]
json.dump([[v.verdict, v.correct_at_least, v.reason] for v in verdicts], sys.stdout)
"""


def test_the_files_are_those_of_the_generator() -> None:
    contents = generate.contents(on_demand=False)
    kept = {path for path in CORPUS.rglob("*") if path.suffix in (".model", ".certificate")}
    assert kept == {CORPUS / name for name in contents if not name.endswith((".json", ".md"))}
    for name, data in contents.items():
        assert (CORPUS / name).read_bytes() == data, f"{name}: run python tests/corpus/generate.py"
    assert max(map(len, contents.values())) < 200_000


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_conforms(name: str) -> None:
    case = CASES[name]
    verdict = check(case.model, case.certificate)
    assert (verdict.verdict, verdict.correct_at_least) == (case.verdict, case.correct)
    assert all(keyword in verdict.reason for keyword in case.keywords), verdict.reason
    assert "\n" not in verdict.reason and bool(verdict.reason) == (case.verdict != "accepted")


def weights_of(model: Any) -> dict[str, list[list[float]]]:
    return {
        name: [[math.ldexp(int(k), tensor.exponent) for k in row] for row in tensor.integers.table()]
        for name, tensor in model.weights.items()
    }


def times(*matrices: list[list[float]]) -> list[list[float]]:
    result = matrices[0]
    for matrix in matrices[1:]:
        columns = list(zip(*matrix, strict=True))
        result = [[math.fsum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in result]
    return result


def right(weights: dict[str, list[list[float]]], tokens: tuple[int, ...]) -> bool:
    """Whether the model is right on an input, in floating point (docs/semantics.md)."""
    x = [
        [a + b for a, b in zip(weights["W_E"][t], position, strict=True)]
        for t, position in zip(tokens, weights["W_pos"], strict=True)
    ]
    keys = [list(column) for column in zip(*times(x, weights["W_K"]), strict=True)]
    [scores] = times([x[-1]], weights["W_Q"], keys)
    scores = [(score - max(scores)) / math.sqrt(len(keys)) for score in scores]
    total = math.fsum(map(math.exp, scores))
    attention = [math.exp(score) / total for score in scores]
    [direct], [moved] = (
        times([x[-1]], weights["W_U"]),
        times([attention], x, *(weights[k] for k in ("W_V", "W_O", "W_U"))),
    )
    logits = [a + b for a, b in zip(direct, moved, strict=True)]
    label = max(tokens)
    return all(logits[label] > logit for output, logit in enumerate(logits) if output != label)


def test_accepted_claims_are_true() -> None:
    """By trying every input in floating point, where there are few of them and numbers of moderate size."""
    tried = 0
    for case in CASES.values():
        if case.program:
            continue
        model = parse_model(case.model) if case.verdict == "accepted" else None
        if model is None or model.total > MAX_INPUTS or not case.correct:
            continue
        if any(abs(tensor.exponent) > 40 for tensor in model.weights.values()):
            continue
        weights = weights_of(model)
        count = sum(right(weights, tokens) for tokens in product(range(model.vocabulary), repeat=model.positions))
        assert case.correct <= count, case.name
        tried += 1
    assert tried > 50


def test_accepted_claims_about_programs_are_true() -> None:
    """By the oracle for programs."""
    accepted = [case for case in CASES.values() if case.program and case.verdict == "accepted"]
    assert len(accepted) > 15
    for case in accepted:
        assert case.correct <= truth(case.model).count(True), case.name


def test_assertions_are_not_needed() -> None:
    """Under `python -O`, isolated from the environment, every verdict is the same."""
    cases = [case for case in CASES.values() if not (case.on_demand or case.work_limit)]
    files = [
        [f"{CORPUS}/{generate.folder(case)}/{case.name}.{kind}" for kind in ("model", "certificate")] for case in cases
    ]
    command = [sys.executable, "-O", "-I", "-c", JUDGE]
    run = subprocess.run(command, input=json.dumps(files), capture_output=True, text=True, check=True)
    for case, (verdict, correct, reason) in zip(cases, json.loads(run.stdout), strict=True):
        assert (verdict, correct) == (case.verdict, case.correct), case.name
        assert all(keyword in reason for keyword in case.keywords), case.name


@pytest.mark.parametrize("options", [[], ["-O"], ["-I"]], ids=["plain", "optimised", "isolated"])
def test_the_command_conforms(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = driver.main([*(f"--only={name}" for name in SOME), sys.executable, *options, "-m", "checker"])
    assert code == 0, capsys.readouterr().out


def test_the_verified_checker_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    require_verified()
    code = driver.main(["--verdicts-only", str(PROGRAM)])
    assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("exit 0", "expected one line"),
        ("echo 'accepted: at least 5 of 4 inputs'; exit 0", "expected the claim"),
        ("echo 'accepted: at least 4 of 4 inputs'; exit 10", "exit code 10, expected 0"),
        ("echo 'accepted: at least 4 of 4 inputs'; echo more; exit 0", "expected one line"),
        ("echo 'accepted: at least 4 of 4 inputs'; echo Traceback >&2; exit 0", "on the other stream"),
        ("kill -9 $$", "exit code -9"),
    ],
)
def test_the_driver_finds_fault(script: str, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With a checker that is wrong in one way."""
    assert driver.main(["--only=example-of-the-formats", "sh", "-c", script]) == 1
    assert fault in capsys.readouterr().out
