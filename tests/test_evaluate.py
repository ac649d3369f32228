"""Answers in floating point agree with the definition of the model, and say that they prove nothing."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from test_training import brute_force_accuracy

from checker.models.attention_only import parse_model
from compact_proofs import evaluate
from compact_proofs.command_line import main
from compact_proofs.shipped import shipped_model
from model_export import floating_point
from model_export.errors import UnsupportedWeights
from model_export.exact_model import export_model, write_model
from model_export.floating_point import Forward, answers, float_weights, sampled_accuracy
from model_export.naming import canonical_weights
from model_export.weights_files import read_weights

Weights = dict[str, np.ndarray]


def random_weights(seed: int, vocabulary: int = 4, outputs: int = 5, positions: int = 3) -> Weights:
    generator = np.random.default_rng(seed)
    return {
        "W_E": generator.normal(size=(vocabulary, 6)),
        "W_pos": generator.normal(size=(positions, 6)),
        **{name: generator.normal(size=(6, 2)) for name in ("W_Q", "W_K", "W_V")},
        "W_O": generator.normal(size=(2, 6)),
        "W_U": generator.normal(size=(6, outputs)),
    }


def logits_by_definition(w: Weights, tokens: tuple[int, ...]) -> np.ndarray:
    x = [w["W_E"][t] + w["W_pos"][j] for j, t in enumerate(tokens)]
    query = x[-1] @ w["W_Q"]
    attention = np.exp([query @ (xj @ w["W_K"]) / np.sqrt(w["W_Q"].shape[1]) for xj in x])
    value = sum(a * (xj @ w["W_V"]) for a, xj in zip(attention / attention.sum(), x, strict=True))
    return (x[-1] + value @ w["W_O"]) @ w["W_U"]


@pytest.mark.parametrize("seed", range(3))
def test_answers_are_those_of_the_definition(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floating_point, "NUMBERS_PER_BATCH", 90)  # so that there is more than one batch
    weights = random_weights(seed)
    inputs = list(product(range(4), repeat=3))
    found = answers(float_weights(export_model(weights)), inputs)
    for tokens, answer in zip(inputs, found, strict=True):
        expected = logits_by_definition(weights, tokens)
        assert answer.input == list(tokens)
        assert answer.label == max(tokens)
        np.testing.assert_allclose(answer.logits, expected, rtol=1e-9, atol=1e-9)
        assert answer.answer == expected.argmax()
        assert answer.margin == pytest.approx(expected[max(tokens)] - np.delete(expected, max(tokens)).max(), abs=1e-9)
        assert answer.correct is (answer.answer == answer.label)
    truth = brute_force_accuracy(weights)
    assert sum(answer.correct for answer in found) == round(64 * truth)
    assert abs(sampled_accuracy(weights, 4000, seed=0) - truth) <= 5 * np.sqrt(truth * (1 - truth) / 4000) + 1e-9


def test_the_same_seed_gives_the_same_inputs_in_batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    for numbers, count in ((1, 50), (84, 8), (10**6, 1)):
        monkeypatch.setattr(floating_point, "NUMBERS_PER_BATCH", numbers)
        batches = list(Forward(random_weights(0)).random_inputs(50, seed=4))
        assert len(batches) == count
        drawn.append(np.concatenate(batches))
    assert drawn[0].shape == (50, 3)
    assert all(np.array_equal(drawn[0], other) for other in drawn)


def test_ties_are_no_answer_and_wrong() -> None:
    weights = {name: np.zeros_like(weight) for name, weight in random_weights(0).items()}
    [answer] = answers(weights, [[1, 2, 3]])
    assert (answer.answer, answer.correct, answer.margin) == (None, False, 0)


def test_a_single_output_has_no_margin() -> None:
    [answer] = answers(random_weights(0, vocabulary=1, outputs=1), [[0, 0, 0]])
    assert (answer.answer, answer.correct, answer.margin) == (0, True, None)


@pytest.mark.parametrize("scale", [1e200, 1e308])
def test_what_floating_point_does_not_reach_is_said(
    tmp_path: Path, scale: float, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    weights = {name: scale * (weight / np.abs(weight).max()) for name, weight in random_weights(0).items()}
    np.savez(tmp_path / "w.npz", **weights)
    assert main(["export", str(tmp_path / "w.npz"), "-o", str(tmp_path / "m")]) == 0
    reason = "the logits are out of the range of floating point"
    assert capsys.readouterr().out.endswith(f"\nno estimate of its accuracy: {reason}\n")
    assert main(["evaluate", str(tmp_path / "m")]) == 2
    assert capsys.readouterr() == ("", f"compact-proofs: {reason}\n")
    assert not recwarn.list


def test_weights_of_every_scale_are_rounded_to_nearest() -> None:
    for scale in (5e-324, 1e-300, 1.0, 1e300):
        weights = {name: np.ldexp(np.round(8 * w), 0) * scale for name, w in random_weights(1).items()}
        found = float_weights(export_model(weights))
        assert all(np.array_equal(found[name], weight) for name, weight in weights.items())


def test_weights_beyond_floating_point_are_named(tmp_path: Path) -> None:
    write_model(export_model(random_weights(0, vocabulary=1)), tmp_path / "m")
    lines = (tmp_path / "m").read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("tensor W_E "))
    lines[place : place + 2] = ["tensor W_E 1 6 2200", "1 1 1 1 1 1"]
    with pytest.raises(UnsupportedWeights, match=r"^tensor W_E: out of the range of floating point$"):
        float_weights(parse_model("\n".join([*lines, ""]).encode()))


# The command


def test_the_command_shows_answers(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(tiny_model), "--input", "1,2,3", "--input", "5,0,0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    weights = canonical_weights(read_weights(shipped_model("tiny")))
    for answer, tokens in zip(found["inputs"], ((1, 2, 3), (5, 0, 0)), strict=True):
        np.testing.assert_allclose(answer["logits"], logits_by_definition(weights, tokens), rtol=1e-9)
        assert (answer["input"], answer["label"], answer["answer"]) == (list(tokens), max(tokens), max(tokens))
    assert (found["correct"], found["exact"]) == (2, False)
    assert main(["evaluate", str(tiny_model), "--input", "1,2,3"]) == 0
    shown = capsys.readouterr().out
    largest = sorted(enumerate(found["inputs"][0]["logits"]), key=lambda pair: -pair[1])[:4]
    assert "  ".join(f"{output}: {logit:.4g}" for output, logit in largest) in shown
    assert shown.endswith("\nright on 1 of 1 inputs (in floating point: nothing is proved)\n")


def test_random_inputs_are_seeded(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for options in ([], ["--random", "10"], ["--random", "10", "--seed", "1"]):
        assert main(["evaluate", str(tiny_model), *options]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] != shown[2]
    assert evaluate(tiny_model, [[0, 1, 2]], random=2, seed=5)[1:] == evaluate(tiny_model, random=2, seed=5)
    assert sum(answer.correct for answer in evaluate(tiny_model, list(product(range(6), repeat=3)))) == 215


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--input", "1,2"], "input 1,2: 2 tokens, expected 3"),
        (["--input", "1,2,6"], "input 1,2,6: tokens are 0 to 5"),
        (["--input", "1,2,-1"], "Invalid value for '--input': '1,2,-1' is not an input, such as 3,1,4,1"),
        (["--input", "1,2,\n"], r"Invalid value for '--input': '1,2,\n' is not an input, such as 3,1,4,1"),
        (["--random", "10001"], "Invalid value for '--random': 10001 is not in the range 0<=x<=10000."),
    ],
)
def test_bad_inputs_get_one_line(
    tiny_model: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(tiny_model), *options]) == 2
    assert capsys.readouterr() == ("", f"compact-proofs: {message}\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--positions", "300"], "positions must be at least 2 and at most 256, found 300"),
        (["--width", str(10**9)], "width must be at least 1 and at most 1024, found 1000000000"),
        (["--vocabulary", str(10**11)], "vocabulary must be at least 1 and at most 1024, found 100000000000"),
        (["--vocabulary", "1024", "--width", "1024"], "these sizes cannot be exported: tensor W_E: at least "),
        (["--vocabulary", "0"], "Invalid value for '--vocabulary': 0 is not in the range x>=2."),
        (["--steps", "-1"], "Invalid value for '--steps': -1 is not in the range x>=1."),
        (["--steps", str(10**20)], "steps must be at least 1 and at most 1000000000, found 1"),
    ],
)
def test_training_refuses_absurd_sizes_in_one_line(
    tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "w.safetensors"
    assert main(["train", *options, "-o", str(output)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"compact-proofs: {message}")
    assert err.count("\n") == 1
    assert not output.exists()
