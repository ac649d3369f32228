"""The page about models and their proofs, in a browser; the facts that it shows; and the same in a terminal."""

import json
import random
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import opened
from hypothesis import assume, given
from hypothesis import strategies as st
from small_models import examples

from checker.models.attention_only import parse_model
from compact_proofs import commands
from compact_proofs.command_line import main
from compact_proofs.isolated import check_isolated
from compact_proofs.report.balls import margins_in_balls
from compact_proofs.report.charts import SHAPES, blocks, frontier_figures, legend_names
from compact_proofs.report.collect import collect
from compact_proofs.report.facts import model_facts
from compact_proofs.report.figures import named_figures, write_figures
from compact_proofs.report.proofs import best, strategy_of
from compact_proofs.report.worst_inputs import worst_inputs
from compact_proofs.shipped import shipped_model
from compact_proofs.styles import OTHERS, STYLES
from fuzzing.models import model_file, random_model, read_model
from fuzzing.oracle import Oracle
from fuzzing.program_oracle import truth
from fuzzing.programs import random_program
from model_export.floating_point import Forward, float_weights, margins

FAMILIES = Path(__file__).parent / "data" / "families"
MOST_BYTES = 5_000_000
FIVE = ("max-of-4-seed-0", "max-of-4-seed-1", "max-of-5", "pairs", "tiny")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with five models, a certificate of each, and the verdict of a process of its own on it."""
    folder = tmp_path_factory.mktemp("models")
    settings = {"format": "max_of_two", "eps": 1e-5, "read": "last", "task": "max", "tokens": "0-63 x2"}
    commands.export(FAMILIES / "maxof2_layernorm.npz", folder / "pairs.model", config=settings)
    for name in FIVE:
        model = folder / f"{name}.model"
        if not model.exists():
            commands.export(shipped_model(name), model)
        certificate = folder / f"{name}.certificate"
        commands.prove(model, "exact" if name != "pairs" else "evaluate", certificate)
        verdict, _ = check_isolated(model, certificate)
        (folder / f"{name}.json").write_text(json.dumps(asdict(verdict)))
    return folder


@pytest.fixture(scope="module")
def page(files: Path) -> Path:
    """The report on the five models."""
    output = files / "report.html"
    models = [str(files / f"{name}.model") for name in FIVE]
    assert main(["report", *models, str(files), "-o", str(output)]) == 0
    return output


def draw_all(page: Any) -> int:
    """Scroll past every picture, until all are drawn; returns how many there are."""
    places = page.locator(".picture")
    for number in range(places.count()):
        places.nth(number).scroll_into_view_if_needed()
    page.wait_for_function("document.querySelectorAll('.picture:not([data-drawn])').length == 0", timeout=120_000)
    return int(places.count())


# How many different colours each canvas has, of some of its points.
COLOURS = """() => [...document.querySelectorAll('.picture canvas')].map((canvas) => {
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const pixels = new Uint32Array(data.buffer);
    return new Set(pixels).size;
})"""
CELLS = """() => Object.fromEntries([...document.querySelectorAll('tr[data-certificate]')].map(
    (row) => [row.dataset.certificate, [...row.cells].map((cell) => cell.textContent.trim())]))"""


def test_five_models_in_a_browser(page: Path, files: Path) -> None:
    """It is small, every picture is drawn, nothing goes wrong, and each number is that of the verdict file."""
    assert page.stat().st_size < MOST_BYTES
    start = time.perf_counter()
    with opened(page) as (shown, wrong):
        shown.wait_for_function("document.querySelector('.picture').dataset.drawn")
        drawn_after = shown.evaluate("performance.now()")
        print(f"first picture after {drawn_after:.0f} ms, with the browser's start {time.perf_counter() - start:.2f} s")
        pictures = draw_all(shown)
        colours = shown.evaluate(COLOURS)
        assert pictures == len(colours) > 40 and min(colours) > 5
        cells = shown.evaluate(CELLS)
        summary = shown.locator("#summary tbody").inner_text()
        left_out = re.findall(r"leaves out ([\d,]+) inputs", shown.locator("main").inner_text())
        shown.locator("#figure-1-worst-margins canvas").hover(position={"x": 240, "y": 40})
        hover = shown.locator("#vg-tooltip-element").inner_text()
        facts = json.loads(shown.locator("#facts").text_content())
        assert not shown.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert wrong == []
    assert re.search(r"query\D+\d+\s+label\D+\d+\s+margin\s+\S+\s+input\s+\d+,\d+,\d+,\d+", hover), hover
    assert len(cells) == len(facts) == len(FIVE)
    verdicts = [json.loads((files / f"{name}.json").read_text()) for name in FIVE if name != "pairs"]
    assert left_out == [f"{verdict['total'] - verdict['correct_at_least']:,}" for verdict in verdicts]
    for name, found in zip(FIVE, facts, strict=True):
        verdict = json.loads((files / f"{name}.json").read_text())
        [certificate] = found["certificates"]
        numbers = [f"{verdict[key]:,}" for key in ("correct_at_least", "total")]
        lengths = [f"{verdict[key]:,}" for key in ("operations", "certificate_bytes")]
        row = [str(files / f"{name}.certificate"), verdict["verdict"], *numbers, verdict["share"], *lengths]
        assert cells[certificate["sha256"]] == row
        assert f"{numbers[1]}\tat least {numbers[0]}\t{verdict['share']}\t{lengths[0]}" in summary
        del verdict["seconds"]
        assert certificate["verdict"] == verdict
        assert found["sha256"] == verdict["model_sha256"]


def test_points_of_the_frontier_are_the_verdicts(files: Path) -> None:
    subjects = collect([str(files / f"{name}.model") for name in FIVE[:2]] + [str(files)])
    [figure] = frontier_figures(subjects)
    [points] = [layer for layer in figure.specification["layer"] if layer["mark"]["type"] == "point"]
    data = figure.specification["datasets"][points["data"]["name"]]
    verdicts = [json.loads((files / f"{name}.json").read_text()) for name in FIVE[:2]]
    assert [(p["model"], p["operations"], p["correct"], p["bound"]) for p in data] == [
        (name, v["operations"], str(v["correct_at_least"]), v["correct_at_least"] / v["total"])
        for name, v in zip(FIVE[:2], verdicts, strict=True)
    ]


def test_phone_and_dark(tmp_path: Path, files: Path) -> None:
    output = tmp_path / "report.html"
    arguments = [str(files / f"tiny.{kind}") for kind in ("model", "certificate")]
    assert main(["report", *arguments, "-o", str(output)]) == 0
    with opened(output, width=390, dark=True) as (shown, wrong):
        draw_all(shown)
        assert not shown.evaluate("document.documentElement.scrollWidth > innerWidth")
        colour = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", colour))) < 64
        shown.emulate_media(color_scheme="light")
        shown.wait_for_function("getComputedStyle(document.body).backgroundColor == 'rgb(255, 255, 255)'")
        assert wrong == []


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)<{{ 7 * 7 }}&amp;\n\udcff"


def test_hostile_names_are_text(tmp_path: Path, tiny_model: Path, tiny_certificate: Path) -> None:
    model, certificate = tmp_path / f"{HOSTILE}.model", tmp_path / f"{HOSTILE}.certificate"
    model.write_bytes(tiny_model.read_bytes())
    certificate.write_bytes(tiny_certificate.read_bytes())
    output = tmp_path / "report.html"
    assert main(["report", str(model), str(certificate), "-o", str(output), "--figures", str(tmp_path / "f")]) == 0
    with opened(output) as (shown, wrong):
        draw_all(shown)
        heading = shown.locator("h1").inner_text()
        assert shown.locator("img").count() == 0
        assert wrong == []
    assert heading == HOSTILE.replace("\n", "\\n").replace("\udcff", "\\udcff")
    assert all(re.fullmatch(r"[A-Za-z0-9.-]+", path.name) for path in (tmp_path / "f").iterdir())


def test_what_is_not_accepted_is_no_bound(tmp_path: Path, tiny_model: Path, tiny_certificate: Path) -> None:
    certificate = tiny_certificate.read_bytes()
    (tmp_path / "rejected.certificate").write_bytes(certificate.replace(b"\ncorrect 215\n", b"\ncorrect 216\n"))
    (tmp_path / "declined.certificate").write_bytes(certificate[:200])
    [subject] = collect([str(tiny_model), str(tmp_path)])
    assert sorted(proof.verdict.verdict for proof in subject.proofs) == ["declined", "rejected"]
    assert best(subject.proofs) is None
    assert frontier_figures([subject]) == []
    assert not any(proof.lost or proof.bound for proof in subject.proofs)
    output = tmp_path / "report.html"
    assert main(["report", str(tiny_model), str(tmp_path), "-o", str(output)]) == 0
    text = output.read_text()
    assert "no accepted certificate counts inputs" in text and "claimed 216 correct" in text
    assert ">accepted<" not in text


def test_other_statements_are_no_bounds(tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is statistical, or of inputs that are correct by a margin, is said as it is, and is not on the frontier."""
    sample, margin = tmp_path / "sample.certificate", tmp_path / "margin.certificate"
    assert main(["prove", str(tiny_model), "--strategy", "sample", "-o", str(sample)]) == 0
    assert main(["prove", str(tiny_model), "--strategy", "exact", "--margin", "0.5", "-o", str(margin)]) == 0
    [subject] = collect([str(tiny_model), str(tmp_path)])
    by_name = {Path(proof.name).name: proof for proof in subject.proofs}
    assert by_name["sample.certificate"].accepted and not by_name["sample.certificate"].counts
    assert best(subject.proofs) is by_name["margin.certificate"]
    assert frontier_figures([subject]) == []
    output = tmp_path / "report.html"
    assert main(["report", str(tiny_model), str(tmp_path), "-o", str(output)]) == 0
    text = output.read_text()
    assert "statistical: with confidence 1 - 1/1000" in text
    assert "margin.certificate, correct by a margin above 0.5" in text and "right by the margin." in text
    bundle = tmp_path / "b.zip"
    assert main(["bundle", str(tiny_model), str(tmp_path), "-o", str(bundle)]) == 0
    capsys.readouterr()
    assert main(["verify", str(bundle)]) == 0
    assert "certificates/sample.certificate: accepted: statistical: " in capsys.readouterr().out


def test_the_same_files_give_the_same_page(tmp_path: Path, tiny_model: Path, tiny_certificate: Path) -> None:
    for name in ("a", "b"):
        assert main(["report", str(tiny_model), str(tiny_certificate), "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_commands_of_a_page_repeat_its_verdicts(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").symlink_to(shipped_model("tiny").parent)
    [subject], [shipped] = collect([str(tiny_model)]), collect(["tiny"], ["exact"])
    assert {proof.strategy for proof in subject.proofs} == {"low-rank-QK", "sub-cubic", "exact"}
    for proof in (*subject.proofs, *shipped.proofs):
        for command in proof.commands:
            capsys.readouterr()
            assert main(command.split()[1:]) == 0
        assert capsys.readouterr().out == f"{proof.verdict}\n"


# Facts


def inputs_of(model: Any) -> Iterator[tuple[int, ...]]:
    return product(range(model.vocabulary), repeat=model.positions)


@given(st.integers(0, 2**32))
@examples(25)
def test_worst_inputs_are_those_of_brute_force(seed: int) -> None:
    """An input of a query and a label is wrong, against an output, exactly where it is said so."""
    model = parse_model(model_file(random_model(random.Random(seed), max_inputs=300)))
    forward = Forward(float_weights(model))
    scores = forward.qk_tokens[:, :, None] + forward.qk_positions[:, None, :]
    assume(np.ptp(scores) < 300)  # attention weights that float64 can tell from 0
    tokens = np.array(list(inputs_of(model)))
    logits = forward.logits(tokens)
    label = tokens.max(axis=1)
    gap = logits[np.arange(len(tokens)), label][:, None] - logits
    scale = 1e-9 * max(1.0, float(abs(logits).max()))
    gap[np.arange(len(tokens)), label] = np.inf
    worst = worst_inputs(forward)
    assert worst.step == 1 and len(worst.queries) == model.vocabulary * (model.vocabulary + 1) // 2
    found = zip(worst.queries, worst.labels, worst.inputs, worst.margins, worst.beaten_by, strict=True)
    for query, top, example, margin, beaten in found:
        own = (tokens[:, -1] == query) & (label == top)
        assert (example[-1], example.max()) == (query, top)
        least = gap[own].min(axis=0)
        certain = abs(least) > scale  # ties differ by rounding
        assert ((least < 0) == beaten)[certain].all()
        own_margin = margins(forward.logits(example[None]), example.max(keepdims=True))[0]
        assert margin == own_margin or abs(margin - own_margin) <= scale  # without another output both are infinite
        if least.min() < -scale:
            assert margin < 0
        elif least.min() > scale:
            assert margin > 0


@given(st.integers(0, 2**32))
@examples(10)
def test_balls_agree_with_the_truth(seed: int) -> None:
    data = model_file(random_model(random.Random(seed), max_inputs=64))
    oracle, inputs = Oracle(read_model(data)), list(inputs_of(parse_model(data)))
    for tokens, margin in zip(inputs, margins_in_balls(data, inputs), strict=True):
        assert not (margin.wrong and margin.right)
        if margin.wrong or margin.right:
            assert margin.right == oracle.is_correct(tokens)


@given(st.integers(0, 2**32))
@examples(25)
def test_wrong_inputs_of_programs_are_wrong(seed: int) -> None:
    data = random_program(random.Random(seed))
    facts = model_facts("program", "program.model", data)
    right = truth(data)
    inputs = list(product(*facts.model.inputs.sets))  # type: ignore[union-attr]
    known = dict(zip(inputs, right, strict=True))
    for one in facts.wrong:
        if one.confirmed:
            assert known[tuple(one.input)] is False
    if facts.margins.every_input:
        assert len(facts.margins.values) == sum(value is not None for value in right)


def test_wrong_inputs_of_the_tiny_model(tiny_model: Path) -> None:
    facts = model_facts("tiny", str(tiny_model), tiny_model.read_bytes())
    [wrong] = facts.wrong
    assert (wrong.input, wrong.label, wrong.answer, wrong.confirmed) == ([0, 0, 0], [0], [1], True)
    assert facts.wrong_found == 1


@pytest.mark.parametrize("strategy", ["exact", "sub-cubic", "low-rank-QK", "trivial"])
def test_what_is_left_out_adds_up(strategy: str, tiny_model: Path) -> None:
    [subject] = collect([str(tiny_model)], [strategy])
    [proof] = subject.proofs
    verdict = proof.verdict
    assert sum(one.lost for one in proof.lost) == verdict.total - verdict.correct_at_least
    assert sum(one.inputs for one in proof.lost) <= verdict.total
    assert [one.lost for one in proof.lost] == sorted((one.lost for one in proof.lost), reverse=True)
    assert all(one.grouped or one.lost == one.inputs for one in proof.lost)


def test_weights_beyond_floating_point_leave_the_verdict(tmp_path: Path) -> None:
    corpus = Path(__file__).parent / "corpus" / "accept"
    files = [str(corpus / f"weights-times-2-to-the-2000.{kind}") for kind in ("model", "certificate")]
    output = tmp_path / "report.html"
    assert main(["report", *files, "-o", str(output)]) == 0
    text = output.read_text()
    assert ">accepted<" in text and "not looked for: tensor W_U: out of the range of floating point" in text


def test_blocks_are_means() -> None:
    values = np.random.default_rng(0).normal(size=(200, 50))
    means, steps = blocks(values)
    assert (means.shape, steps) == ((67, 50), (3, 1))
    assert np.allclose(means[1], values[3:6].mean(axis=0)) and np.allclose(means[-1], values[198:].mean(axis=0))


def test_steps_are_told_with_how_many_are_done(tiny_model: Path, tiny_certificate: Path) -> None:
    steps: list[str] = []
    collect([str(tiny_model), str(tiny_certificate)], ["trivial"], steps.append)
    assert [step.partition(": ")[0] for step in steps] == [f"{done} of 3 steps done" for done in range(3)]


def test_the_strategy_of_a_file() -> None:
    assert strategy_of(".low-rank-QK-EU.certificate") == "low-rank-QK-EU"
    assert strategy_of("sub-cubic-20.certificate") == "sub-cubic"
    assert strategy_of("mine.certificate") == "other"


def test_files_that_name_no_strategy_are_told_apart(tmp_path: Path, tiny_model: Path) -> None:
    """By their names in the legend, where there are few, and by colours that are seen in the dark."""
    files = [str(tiny_model)]
    for name, strategy in (("first", "exact"), ("second", "sub-cubic")):
        files.append(str(tmp_path / f"{name}.certificate"))
        commands.prove(tiny_model, strategy, files[-1])
    [subject] = collect(files)
    named = {proof.sha256: Path(proof.name).name for proof in subject.proofs}
    assert legend_names([subject]) == named and sorted(named.values()) == ["first.certificate", "second.certificate"]
    output = tmp_path / "report.html"
    assert main(["report", *files, "-o", str(output)]) == 0
    with opened(output, dark=True) as (shown, wrong):
        colours = shown.evaluate(
            "[...document.querySelectorAll('.swatch')].map((swatch) => getComputedStyle(swatch).backgroundColor)"
        )
        assert colours[0] == "rgb(214, 120, 165)" and colours[1] != colours[0]
        assert wrong == []
    more = [replace(subject.proofs[0], sha256=str(i), name=f"{i}.certificate") for i in range(len(OTHERS) + 1)]
    assert set(legend_names([replace(subject, proofs=more)]).values()) == {"other"}


def test_every_input_proved_correct_leaves_none_wrong(tmp_path: Path) -> None:
    """Of a model by hand, whose head finds token 1."""
    weights: dict[str, Any] = {"W_E": np.eye(2, 3), "W_pos": np.array([[0, 0, 1.0]] * 2)}
    weights |= {"W_Q": np.array([[0], [0], [1.0]]), "W_K": np.array([[0], [10.0], [0]])}
    weights |= {"W_V": np.array([[0], [1.0], [0]]), "W_O": np.array([[0, 0, 1.0]])}
    commands.export({**weights, "W_U": np.array([[1.5, 0], [1.5, 0], [0, 1]])}, tmp_path / "hand.model")
    for strategy, text in (
        ("exact", "None: all inputs are proved correct."),
        ("trivial", "None is found among the inputs that were looked at."),
    ):
        output = tmp_path / f"{strategy}.html"
        assert main(["report", str(tmp_path / "hand.model"), "--strategy", strategy, "-o", str(output)]) == 0
        assert f"<p>{text}</p>" in output.read_text(encoding="utf-8")


def test_every_marker_has_a_shape() -> None:
    assert {marker for _, marker in (*STYLES.values(), *OTHERS)} <= set(SHAPES)


# Files and the terminal


def test_figures_are_files_for_papers(tmp_path: Path, files: Path) -> None:
    subjects = collect([str(files / "tiny.model"), str(files / "tiny.certificate")])
    names = [name for name, _ in named_figures(subjects)]
    assert {"tiny-EQKE", "tiny-EVOU", "tiny-EU", "tiny-worst-margins", "tiny-singular-values"} <= set(names)
    start = {".png": b"\x89PNG", ".svg": b"<svg", ".pdf": b"%PDF"}
    paths = write_figures(subjects, tmp_path)
    assert len(paths) == 3 * len(names)
    for path in paths:
        assert path.read_bytes().startswith(start[path.suffix])


def test_inspect_shows_the_facts(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["inspect", str(files / "tiny.model"), str(files / "tiny.certificate")]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    for expected in ("EQKE", "accepted", "215", "99.5370%", "0,0,0", "certain"):
        assert expected in text
    assert main([*arguments, "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)["models"]
    [subject] = collect(arguments[1:])
    verdict = asdict(subject.proofs[0].verdict)
    del verdict["seconds"]
    assert found["certificates"][0]["verdict"] == verdict
    assert found["wrong"][0]["input"] == [0, 0, 0]


def failing(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return said.err


def test_what_no_report_can_be_of(tmp_path: Path, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "report.html"
    tiny, other = files / "tiny.model", files / "pairs.certificate"
    assert "none of the models given" in failing(capsys, "report", tiny, other, "-o", output)
    assert "no exact model" in failing(capsys, "inspect", other)
    assert "'nothing' is unknown" in failing(capsys, "inspect", tiny, "--strategy", "nothing")
    assert "the same file as the input" in failing(capsys, "report", tiny, "-o", tiny)
    (tmp_path / "text").write_text("no model")
    assert "model: token 1" in failing(capsys, "inspect", tmp_path / "text")
    assert not output.exists()


def test_a_missing_library_is_named(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [name for name in sys.modules if name.startswith("compact_proofs.report")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "altair", None)
    message = failing(capsys, "report", tiny_model, "-o", tmp_path / "report.html")
    assert "altair: pip install '.[report]' in a clone" in message
