"""The study: models trained, proved and kept; its numbers against what is known otherwise; its pages."""

import csv
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path
from statistics import mean, median, stdev
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from small_models import examples

from certificates.short import OverBudget
from certificates.strategies import CLASSES, STRATEGIES
from checker import check
from compact_proofs.command_line import main
from compact_proofs.isolated import CheckerFailed
from compact_proofs.shipped import shipped_model
from compact_proofs.study import fine_tuning, noise, pictures, report, table
from compact_proofs.study.accuracy import correct_inputs, faithfulness, read
from compact_proofs.study.plan import FAMILIES, Family, StudyModel, planned
from compact_proofs.study.proofs import How, proved
from compact_proofs.study.records import file_sha256, keep, kept, read_csv, write_csv
from compact_proofs.study.run import Missing, ModelRow, ProofRow, study_model, trained
from compact_proofs.study.workers import Workers, in_parallel
from compact_proofs.styles import STYLES
from model_export.exact_model import export
from model_export.training import save_weights

ROOT = Path(__file__).parent.parent
SMALL = Family("small", 3, 5, 30, seeds=2, class_seeds=1)
Weights = dict[str, np.ndarray]


def random_weights(seed: int, positions: int = 3, vocabulary: int = 4, width: int = 5) -> Weights:
    generator = np.random.default_rng(seed)
    shapes = {"W_E": (vocabulary, width), "W_pos": (positions, width), "W_U": (width, vocabulary)}
    shapes |= dict.fromkeys(("W_Q", "W_K", "W_V", "W_O"), (width, width))
    return {name: generator.standard_normal(shape) for name, shape in shapes.items()}


def logits(w: Weights, tokens: tuple[int, ...], direct: bool = True) -> np.ndarray:
    """A plain forward pass of one input."""
    residual = w["W_E"][list(tokens)] + w["W_pos"]
    scores = (residual @ w["W_K"]) @ (residual[-1] @ w["W_Q"]) / math.sqrt(w["W_Q"].shape[1])
    pattern = np.exp(scores - scores.max())
    mixed = (pattern / pattern.sum()) @ residual @ w["W_V"] @ w["W_O"]
    return (mixed + (residual[-1] if direct else 0.0)) @ w["W_U"]


@given(st.integers(0, 2**32), st.integers(2, 4), st.integers(1, 4))
@examples(25)
def test_correct_inputs_are_counted(seed: int, positions: int, vocabulary: int) -> None:
    w = random_weights(seed, positions, vocabulary)
    # As if trained a little: the larger a token, the more it is attended to and the more it speaks for itself.
    w["W_O"] = w["W_O"] + np.linalg.pinv(w["W_E"] @ w["W_V"]) @ np.eye(vocabulary) @ np.linalg.pinv(w["W_U"])
    counted = 0
    for tokens in product(range(vocabulary), repeat=positions):
        found = logits(w, tokens)
        counted += bool((np.delete(found, max(tokens)) < found[max(tokens)]).all())
    assert correct_inputs(w) == counted


def test_ties_are_not_counted() -> None:
    zeros = {name: np.zeros_like(array) for name, array in random_weights(0, positions=2).items()}
    assert correct_inputs(zeros) == 0
    # Output 3 is as output 2: where 2 is the label, as it is of 5 inputs, nothing is right.
    w = {**zeros, "W_E": np.eye(4, 5), "W_U": np.diag([1.0, 2.0, 3.0, 3.0, 0.0])[:, :4]}
    w["W_U"][2, 3] = 3.0
    counted = 0
    for tokens in product(range(4), repeat=2):
        found = logits(w, tokens)
        counted += bool((np.delete(found, max(tokens)) < found[max(tokens)]).all())
    assert 0 < correct_inputs(w) == counted


def test_faithfulness_is_the_ratio_of_singular_values() -> None:
    w = random_weights(1)
    w["W_E"], w["W_pos"] = np.eye(5)[:4], np.zeros((3, 5))
    w["W_Q"], w["W_K"] = np.eye(5), np.diag([6.0, 3.0, 2.0, 1.0, 9.0])
    assert faithfulness(w) == pytest.approx(2.0)
    # Queries are at the last position, keys at the mean one.
    w["W_E"], w["W_pos"] = np.eye(5), np.array([np.full(5, -3.0), np.full(5, -1.0), np.full(5, 1.0)])
    ones = np.ones((5, 5))
    singular = np.linalg.svd((np.eye(5) + ones) @ w["W_K"].T @ (np.eye(5) - ones).T, compute_uv=False)
    assert faithfulness(w) == pytest.approx(singular[0] / singular[1])


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study of one small model. Tests that damage a file there leave it whole."""
    folder = tmp_path_factory.mktemp("study")
    study_model(StudyModel(SMALL, 0), folder, How())
    return folder


def certificates(output: Path) -> dict[str, str]:
    return {str(path): file_sha256(path) for path in sorted(output.rglob("*.certificate"))}


def test_all_strategies_prove_the_first_seeds_and_exact_the_others(output: Path) -> None:
    row, proofs, missing = study_model(StudyModel(SMALL, 0), output, How())
    assert [proof.strategy for proof in proofs] == ["exact", *reversed(CLASSES), "cubic"]
    assert missing == []
    assert StudyModel(SMALL, 1).strategies == ("exact",)
    exact = proofs[0]
    assert (exact.total, exact.correct_at_least / exact.total) == (125, row.accuracy)
    assert row.accuracy_is == "counted"
    for proof in proofs:
        path = output / "proofs" / "small-seed-0" / f"{proof.strategy}.certificate"
        verdict = check((output / "models" / "small-seed-0.model").read_bytes(), path.read_bytes())
        assert (verdict.verdict, verdict.correct_at_least, verdict.operations) == (
            "accepted",
            proof.correct_at_least,
            proof.operations,
        )


def test_a_strategy_without_a_proof_is_named(output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "weights" / "small-seed-0.safetensors"
    weights.parent.mkdir()
    weights.write_bytes((output / "weights" / "small-seed-0.safetensors").read_bytes())

    def none(model: Path, strategy: str) -> bytes:
        raise OverBudget(f"nothing by {strategy}")

    monkeypatch.setattr("compact_proofs.study.run.by_strategy", none)
    model = StudyModel(replace(SMALL, class_seeds=0), 0)
    _, proofs, missing = study_model(model, tmp_path, How())
    assert proofs == []
    assert missing == [Missing("small-seed-0", "exact", "nothing by exact")]


def test_what_is_kept_is_not_made_again(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = study_model(StudyModel(SMALL, 0), output, How())

    def never(*arguments: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr("compact_proofs.study.run.train", never)
    monkeypatch.setattr("compact_proofs.study.run.by_strategy", never)
    monkeypatch.setattr("compact_proofs.study.proofs.check_isolated", never)
    monkeypatch.setattr("compact_proofs.study.run.accuracy", noise.accuracy)
    assert study_model(StudyModel(SMALL, 0), output, How())[1] == before[1]


@pytest.mark.parametrize(
    "name",
    [
        "weights/small-seed-0.safetensors",
        "weights/small-seed-0.sha256",
        "models/small-seed-0.model",
        "models/small-seed-0.json",
        "proofs/small-seed-0/exact.certificate",
        "proofs/small-seed-0/exact.json",
    ],
)
@pytest.mark.parametrize("gone", [False, True])
def test_one_damaged_file_is_found_and_made_again(output: Path, name: str, gone: bool) -> None:
    path, before = output / name, (output / name).read_bytes()
    hashes = certificates(output)
    if gone:
        path.unlink()
    else:
        path.write_bytes(before[: len(before) // 2] + b"0" + before[len(before) // 2 + 1 :])
    study_model(StudyModel(SMALL, 0), output, How())
    # Records hold times, which differ.
    assert path.read_bytes() == before or path.suffix == ".json"
    assert certificates(output) == hashes
    assert path.exists()


def test_given_weights_are_taken_if_they_can_be_read(output: Path, tmp_path: Path) -> None:
    model = StudyModel(SMALL, 0)
    path = tmp_path / "weights" / "small-seed-0.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"damaged")
    whole = (output / "weights" / "small-seed-0.safetensors").read_bytes()
    assert trained(model, tmp_path).read_bytes() == whole
    path.with_suffix(".sha256").unlink()
    path.write_bytes(shipped_model("tiny").read_bytes())
    assert trained(model, tmp_path).read_bytes() == shipped_model("tiny").read_bytes()
    assert path.with_suffix(".sha256").read_text().split()[0] == file_sha256(path)


def test_a_forged_record_does_not_outlive_a_recheck(output: Path, tmp_path: Path) -> None:
    model = output / "models" / "small-seed-0.model"
    whole = (output / "proofs" / "small-seed-0" / "exact.certificate").read_bytes()
    certificate = tmp_path / "exact.certificate"
    proof = proved(model, certificate, lambda: whole, How())
    lines = whole.decode().replace(f"correct {proof.correct_at_least}\n", f"correct {proof.correct_at_least + 1}\n")
    assert lines.encode() != whole
    certificate.write_text(lines)
    record = certificate.with_suffix(".json")
    forged = {
        "model": proof.model_sha256,
        "code": json.loads(record.read_text())["key"]["code"],
        "certificate": file_sha256(certificate),
    }
    keep(record, forged, {**asdict(proof), "correct_at_least": proof.correct_at_least + 1})
    assert proved(model, certificate, lambda: whole, How()).correct_at_least == proof.correct_at_least + 1
    with pytest.raises(CheckerFailed, match="rejected: "):
        proved(model, certificate, lambda: whole, How(recheck=True))


def test_a_certificate_that_is_not_accepted_ends_the_study(output: Path, tmp_path: Path) -> None:
    model = output / "models" / "small-seed-0.model"
    with pytest.raises(CheckerFailed, match="x.certificate: declined: "):
        proved(model, tmp_path / "x.certificate", lambda: b"nothing", How())
    assert not (tmp_path / "x.json").exists()


def test_a_verified_checker_that_disagrees_ends_the_study(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = output / "models" / "small-seed-0.model"
    answer = SimpleNamespace(verdict="accepted", correct_at_least=0)
    monkeypatch.setattr("compact_proofs.study.proofs.check_verified", lambda model, certificate: answer)

    def nothing() -> bytes:
        return STRATEGIES["trivial"].prove(model.read_bytes(), None).certificate

    assert proved(model, tmp_path / "x.certificate", nothing, How()).verified is None
    assert proved(model, tmp_path / "x.certificate", nothing, How(verified=True)).verified == 0
    answer.correct_at_least = 1
    with pytest.raises(CheckerFailed, match="by the verified checker"):
        proved(model, tmp_path / "x.certificate", nothing, How(recheck=True, verified=True))


def test_records_are_bound_to_their_key(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    keep(path, {"a": 1}, {"value": 0.5})
    assert kept(path, {"a": 1}) == {"value": 0.5}
    assert kept(path, {"a": 2}) is None
    path.write_text(path.read_text().replace("0.5", "0.6"))
    assert kept(path, {"a": 1}) is None


def test_the_command_continues_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAMILIES, "small", replace(SMALL, class_seeds=0))
    command = ["study", "seeds", "--family", "small", "-o", str(tmp_path), "--processes", "1"]
    assert main([*command, "--seeds", "1"]) == 0
    made = (tmp_path / "proofs" / "small-seed-0" / "exact.json").stat().st_mtime_ns
    assert main(command) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    rows = read_csv(tmp_path / "proofs.csv", ProofRow)
    assert [(row.family, row.seed, row.strategy) for row in rows] == [("small", 0, "exact"), ("small", 1, "exact")]
    assert (tmp_path / "proofs" / "small-seed-0" / "exact.json").stat().st_mtime_ns == made
    for name in ("models.csv", "proofs.csv", "summary.csv"):
        assert name in printed.out
    (tmp_path / "weights" / "small-seed-1.safetensors").unlink()
    assert main([*command, "--no-training"]) == 0
    assert [row.seed for row in read_csv(tmp_path / "proofs.csv", ProofRow)] == [0]
    assert main(["study", "seeds", "--family", "max-of-7", "-o", str(tmp_path)]) == 2
    assert "family 'max-of-7' is unknown" in capsys.readouterr().err


def test_the_plan_is_the_papers() -> None:
    models = list(planned(FAMILIES))
    assert len({model.name for model in models}) == len(models)
    assert len(list(planned(["max-of-4"]))) == 151
    for name in ("max-of-5", "max-of-10", "max-of-20", "max-of-10-of-128"):
        assert len(list(planned([name]))) >= 15
    assert [model.seed for model in planned(["max-of-5"], 2)] == [0, 1]
    for family in FAMILIES.values():
        assert family.steps == (3000 if family.positions <= 5 else 12000)


def square(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return number**2


def test_results_are_in_the_order_of_the_tasks_and_errors_are_raised() -> None:
    steps: list[str] = []
    assert in_parallel(square, [3, 1, 2], Workers(2), steps.append) == [9, 1, 4]
    assert steps == [f"{i} of 3 done" for i in range(4)]
    with pytest.raises(ValueError, match="negative"):
        in_parallel(square, [-1], Workers(1))


def test_a_dask_cluster_does_the_same() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, processes=False, protocol="tcp", dashboard_address=None) as cluster:
        workers = Workers(scheduler=cluster.scheduler_address)
        assert in_parallel(partial(pow, 2), [3, 1, 2], workers) == [8, 2, 4]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_the_spread_of_values(values: list[float]) -> None:
    spread = table.spread(values)
    assert spread.mean == pytest.approx(mean(values))
    assert spread.std == pytest.approx(stdev(values) if len(values) > 1 else 0.0)
    assert (spread.least, spread.greatest) == (sorted(values)[0], sorted(values)[-1])


def test_exponents_are_those_of_powers() -> None:
    assert table.exponent([(x, 7 * x**2.5) for x in (2, 3, 10)]) == pytest.approx(2.5)


def test_the_papers_means_stand_beside_ours() -> None:
    assert table.published_means(64**4) == {"brute-force": 0.9992, "exact": 0.9992, "cubic": 0.9531}
    assert table.published_means(64**5) == {"cubic": 0.9412}
    assert table.published_means(64**10) == {"cubic": 0.9138}


# Noise.


@pytest.fixture(scope="module")
def max_of_4() -> Weights:
    return read(shipped_model("max-of-4-seed-0"))


@pytest.mark.parametrize("name", ["QK", "OV", "EU"])
def test_a_random_residual_has_the_statistics_of_the_trained_one(max_of_4: Weights, name: str) -> None:
    found = noise.circuit(max_of_4, name)
    old, draw = noise.residuals(found)
    new = draw(np.random.default_rng(0))
    assert np.allclose(np.linalg.svd(old, compute_uv=False), np.linalg.svd(new, compute_uv=False))
    assert np.abs(old - new).max() > 0.1 * np.abs(old).max()
    # Both are orthogonal to the explanation, which is the best approximation of its rank.
    explained = found.left @ found.middle - old
    assert np.linalg.matrix_rank(explained) == found.rank
    for residual in (old, new):
        assert np.allclose(explained.T @ residual, 0, atol=1e-8 * np.linalg.norm(explained))
        assert np.allclose(explained @ residual.T, 0, atol=1e-8 * np.linalg.norm(explained))


@pytest.mark.parametrize("name", ["QK", "OV"])
def test_a_model_with_another_residual_differs_in_nothing_else(max_of_4: Weights, name: str) -> None:
    old, draw = noise.residuals(noise.circuit(max_of_4, name))
    new = draw(np.random.default_rng(1))
    drawn = noise.with_residual(max_of_4, name, new)
    assert np.allclose(noise.residuals(noise.circuit(drawn, name))[0], new, atol=1e-9)
    for other in {"QK", "OV", "EU"} - {name}:
        a, b = noise.circuit(max_of_4, other), noise.circuit(drawn, other)
        assert np.allclose(a.left @ a.middle @ a.right, b.left @ b.middle @ b.right)
    same = noise.with_residual(max_of_4, name, old)
    assert correct_inputs(same) == correct_inputs(max_of_4)


def test_statistics_of_a_residual_by_hand(max_of_4: Weights) -> None:
    found = replace(noise.circuit(max_of_4, "EU"), right=np.array([[1.0, 0.0, 3.0], [0.0, 2.0, 4.0]]))
    values = noise.statistics(found, np.array([[1.0, 0.0], [3.0, 4.0]]))
    assert values["largest"] == 25
    assert values["row difference"] == 25 - 3
    assert values["rms"] == pytest.approx(math.sqrt((1 + 0 + 9 + 9 + 64 + 625) / 6))
    assert values["charged"] == pytest.approx((1 + 2 + 5) * (1 + 5) / 6)


def test_noise_of_the_tiny_model_is_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "RANKS", (1, 2))
    monkeypatch.setattr(noise, "TABLE_DRAWS", 20)
    monkeypatch.setattr("compact_proofs.study.report._trained", lambda seeds, run: [shipped_model("tiny")])
    reported = report.noise_part(report.Run(tmp_path, Workers(1), How(), lambda step: None, (), None, True, 2))
    drawn = read_csv(tmp_path / "noise.csv", noise.DrawRow)
    directions = read_csv(tmp_path / "directions.csv", noise.DirectionRow)
    statistics = read_csv(tmp_path / "noise_tables.csv", noise.TableRow)
    assert noise.noise(shipped_model("tiny"), tmp_path / "noise", Workers(1), How(), 2) == (drawn, directions)
    assert {(row.circuit, row.statistic) for row in statistics} == {
        (circuit, name) for circuit in ("QK", "OV", "EU") for name in ("rms", "largest", "row difference", "charged")
    }
    assert [len(found.rows) for found in reported.tables] == [2, len(statistics), 2]
    assert all(path.stat().st_size > 100 for path in reported.files) and len(reported.files) == 5
    assert [(row.circuit, row.residual) for row in drawn] == [
        (circuit, kind) for circuit in ("QK", "OV") for kind in ("trained", "without", "0", "1")
    ]
    assert all(0 <= row.correct_at_least / row.total <= row.accuracy for row in drawn)
    weights = read(shipped_model("tiny"))
    for circuit in ("QK", "OV"):
        (row,) = (row for row in drawn if (row.circuit, row.residual) == (circuit, "without"))
        residual, _ = noise.residuals(noise.circuit(weights, circuit))
        bare = noise.with_residual(weights, circuit, 0 * residual)
        again, _ = noise.residuals(noise.circuit(read(tmp_path / "noise" / f"{circuit}-without.safetensors"), circuit))
        assert np.abs(again).max() < 1e-5 * np.abs(residual).max()
        assert row.accuracy * row.total == correct_inputs(bare)
    assert max(row.correct_at_least for row in drawn) > 100
    assert {(row.circuit, row.rank) for row in directions} == {(c, r) for c in ("QK", "OV", "EU") for r in (1, 2)}


# Fine-tuning.


def test_charges_are_norms_times_what_is_left() -> None:
    torch = pytest.importorskip("torch")
    w = {name: torch.tensor(a) for name, a in random_weights(3, width=8).items()}
    n = {name: a.numpy() for name, a in w.items()}
    queries = np.linalg.norm(n["W_E"] + n["W_pos"][-1], axis=1).mean()
    tokens, outputs = np.linalg.norm(n["W_E"], axis=1).mean(), np.linalg.norm(n["W_U"], axis=0).mean()
    qk = np.linalg.svd(n["W_Q"] @ n["W_K"].T / math.sqrt(8), compute_uv=False)[fine_tuning.QK_RANK :]
    ov = np.linalg.svd(n["W_V"] @ n["W_O"], compute_uv=False)[fine_tuning.OV_RANK :]
    expected = (queries * math.hypot(*qk) * tokens, tokens * math.hypot(*ov) * outputs, queries * outputs)
    assert [float(charge) for charge in fine_tuning.charges(w)] == pytest.approx(expected)


def test_fine_tuning_is_reproducible_and_lowers_the_charges(max_of_4: Weights) -> None:
    torch = pytest.importorskip("torch")

    def charged(weights: Weights) -> float:
        return float(sum(fine_tuning.charges({name: torch.tensor(a) for name, a in weights.items()})))

    first, second = (fine_tuning.fine_tune(max_of_4, 0, steps=40) for _ in range(2))
    assert all((first[name] == second[name]).all() for name in first)
    assert charged(first) < 0.9 * charged(fine_tuning.rescaled(max_of_4))


def test_the_rate_of_fine_tuning_is_full_for_a_half_and_ends_at_nothing(
    max_of_4: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    rates: list[float] = []
    schedule = torch.optim.lr_scheduler.LambdaLR

    def noted(optimizer: object, rate: Callable[[int], float]) -> object:
        rates.extend(rate(step) for step in (0, 2, 3, 4))
        return schedule(optimizer, rate)

    monkeypatch.setattr(torch.optim.lr_scheduler, "LambdaLR", noted)
    fine_tuning.fine_tune(max_of_4, 0, steps=4)
    assert rates == [1.0, 1.0, 0.5, 0.0]


def test_rescaling_changes_the_direct_path_only() -> None:
    w = random_weights(5)
    new = fine_tuning.rescaled(w, 4.0)
    direct = {**w, "W_U": w["W_U"] / 16}
    for tokens in ((0, 1, 2), (3, 3, 1)):
        expected = logits(w, tokens, direct=False) + (w["W_E"][tokens[-1]] + w["W_pos"][-1]) @ direct["W_U"]
        assert logits(new, tokens) == pytest.approx(expected)


def test_a_compressed_model_of_full_rank_is_the_model_without_the_direct_path() -> None:
    w = random_weights(6)
    small = {name: a.astype(np.float64) for name, a in fine_tuning.compressed(w, 5, 5).items()}
    for tokens in product(range(4), repeat=3):
        assert logits(small, tokens) == pytest.approx(logits(w, tokens, direct=False), rel=1e-3, abs=1e-3)
    assert fine_tuning.compressed(w, 1, 3)["W_Q"].shape == (1 + 1 + 3 + 3, 3)
    assert not (small["W_E"] @ small["W_U"]).any()


@pytest.mark.parametrize("strategy", [fine_tuning.QUADRATIC, fine_tuning.NARROW])
def test_the_short_classes_prove_what_is_true(strategy: str, tmp_path: Path) -> None:
    w = read(shipped_model("tiny"))
    # What the class charges is made small: OV and QK of low rank, and hardly any direct path.
    w = {name: a.astype(np.float64) for name, a in fine_tuning.compressed(w).items()}
    save_weights(w, tmp_path / "w.safetensors", {})
    export(tmp_path / "w.safetensors", tmp_path / "w.model")
    data = (tmp_path / "w.model").read_bytes()
    verdict = check(data, fine_tuning.searched(data, strategy)(2.0**-30))
    assert verdict.verdict == "accepted"
    assert 0 < verdict.correct_at_least <= correct_inputs(w)


def test_the_best_and_the_shortest_of_some_proofs() -> None:
    row = partial(fine_tuning.TuningRow, 0, "trained", "exact", 20.0, total=100, certificate_bytes=1, accuracy=1.0)
    rows = [row(operations=operations, correct_at_least=correct) for operations, correct in ((5, 60), (9, 96), (7, 95))]
    best, short = fine_tuning.within(rows, 8), fine_tuning.shortest(rows, 0.95)
    assert best and best.correct_at_least == 95
    assert short and short.operations == 7
    assert fine_tuning.within(rows, 4) is None and fine_tuning.shortest(rows, 0.97) is None


# Pictures and pages.


@pytest.fixture(scope="module")
def recorded() -> Path:
    return ROOT / "docs" / "study"


def test_every_proof_of_the_seeds_is_in_the_picture(recorded: Path) -> None:
    proofs = [row for row in read_csv(recorded / "proofs.csv", ProofRow) if row.family == "max-of-4"]
    (axes,) = pictures.seeds_picture(proofs, "max-of-4").axes
    drawn = sorted((x, y) for line in axes.lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert drawn == sorted((p.operations, p.correct_at_least / p.total) for p in proofs if p.correct_at_least)


Points = list[tuple[float, float]]


def drawn_points(axes: Axes) -> Points:
    """What its lines and markers go through, but for lines across it."""
    lines = [line for line in axes.lines if line.get_transform() == axes.transData]
    points = [zip(*(np.atleast_1d(data) for data in line.get_data()), strict=True) for line in lines]
    return sorted((float(x), float(y)) for line in points for x, y in line)


def bound(row: Any) -> float:
    return float(row.correct_at_least / row.total)


def test_pictures_show_the_rows_of_their_tables(recorded: Path) -> None:
    directions = read_csv(recorded / "directions.csv", noise.DirectionRow)
    (axes,) = pictures.directions_picture(directions).axes
    assert drawn_points(axes) == sorted((row.rank, bound(row)) for row in directions)

    tuned = read_csv(recorded / "fine_tuning.csv", fine_tuning.TuningRow)
    (axes,) = pictures.tuning_picture(tuned).axes
    assert drawn_points(axes) == sorted((row.operations, bound(row)) for row in tuned if row.correct_at_least)

    drawn = read_csv(recorded / "noise.csv", noise.DrawRow)
    for axes, circuit in zip(pictures.draws_picture(drawn).axes, ("QK", "OV"), strict=True):
        bounds = {row.residual: bound(row) for row in drawn if row.circuit == circuit}
        assert [line.get_xdata()[0] for line in axes.lines] == [bounds["trained"], bounds["without"]]
        assert sum(bar.get_height() for bar in axes.patches) == len(bounds) - 2

    models, proofs = read_csv(recorded / "models.csv", ModelRow), read_csv(recorded / "proofs.csv", ProofRow)
    of_seed = {row.seed: row for row in models if row.family == "max-of-4"}
    (axes,) = pictures.faithfulness_picture(models, proofs, "max-of-4").axes
    assert drawn_points(axes) == sorted(
        (of_seed[row.seed].faithfulness, bound(row) / of_seed[row.seed].accuracy)
        for row in proofs
        if row.family == "max-of-4" and "QK" in CLASSES.get(row.strategy, {})
    )

    for axes, families in zip(
        pictures.growth_picture(proofs).axes, (pictures.BY_VOCABULARY, pictures.BY_POSITIONS), strict=True
    ):
        points = table.growth(proofs, families, "exact")
        assert len(points) > 2 and set(points) <= set(drawn_points(axes))
        assert f"exact: {table.exponent(points):.2f}" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_all_strategies_have_styles_of_their_own() -> None:
    assert len(set(STYLES.values())) == len(STYLES)
    assert {*CLASSES, "exact", "cubic"} <= set(STYLES)


def test_csv_files_are_read_as_they_were_written(recorded: Path, tmp_path: Path) -> None:
    rows = read_csv(recorded / "proofs.csv", ProofRow)
    write_csv(rows, tmp_path / "proofs.csv")
    assert (tmp_path / "proofs.csv").read_bytes() == (recorded / "proofs.csv").read_bytes()


def study_tables() -> Iterator[tuple[str, str]]:
    """The tables that `benchmarks/study_tables.py` prints, by name, and what it says of the checks."""
    spec = spec_from_file_location("study_tables", ROOT / "benchmarks" / "study_tables.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = ROOT / "docs" / "study"
    for name, lines in module.TABLES.items():
        yield name, module.markdown(lines(folder))
    yield "checked", module.checked(folder)


def test_the_pages_show_their_tables() -> None:
    page, readme = ((ROOT / name).read_text(encoding="utf-8") for name in ("docs/study.md", "README.md"))
    for name, text in study_tables():
        assert text in (readme if name == "short" else page), name


def test_the_recorded_study_is_what_the_page_claims(recorded: Path) -> None:
    with (recorded / "models.csv").open(encoding="utf-8", newline="") as file:
        models = {(row["family"], int(row["seed"])): row for row in csv.DictReader(file)}
    proofs = read_csv(recorded / "proofs.csv", ProofRow)
    exact = [row for row in proofs if (row.family, row.strategy) == ("max-of-4", "exact")]
    assert sorted(row.seed for row in exact) == list(range(151))
    equal = 0
    for row in exact:
        model = models[row.family, row.seed]
        assert model["accuracy_is"] == "counted"
        true = round(float(model["accuracy"]) * row.total)
        assert row.correct_at_least <= true
        equal += row.correct_at_least == true
        assert row.verified == row.correct_at_least
    assert equal >= 150
    few, middle, most = (f"{f(row.operations for row in exact) / 1e6:.1f}" for f in (min, median, max))
    page = " ".join((ROOT / "docs" / "study.md").read_text(encoding="utf-8").split())
    assert f"its operations reach from {few} to {most} million, with a median of {middle} (" in page
    assert sum(row.check_seconds for row in exact) <= 90
