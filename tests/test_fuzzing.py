"""The fuzzer changes files in every way that it names, counts what it does, and finds a kernel that is wrong."""

import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from small_models import shipped

import compact_proofs
from certificates.strategies import STRATEGIES, prove
from checker.certificate import Group
from checker.certificate_file import parse_certificate, require_sizes
from checker.errors import Rejected
from checker.models import tables
from checker.models.attention_only import parse_model
from checker.models.terms import product_down
from checker.numbers.rounding import exponential, root
from checker.rules import levels
from checker.verdict import Verdict
from compact_proofs import single_file
from compact_proofs.command_line import main
from fuzzing import campaign, parsers_atheris, processes
from fuzzing.campaign import Campaign, Totals
from fuzzing.certificates import claiming, file_of, random_certificate
from fuzzing.judge import Judge, Slow, Truth
from fuzzing.kernel import GROUPS, KERNEL, WatchedKernel
from fuzzing.models import Model, max_model, model_file, random_model, read_model
from fuzzing.mutations import DESCRIPTIONS, KINDS, MUTATIONS, Case, apply
from fuzzing.report import COLUMNS, as_object, kernel_sha256, mutations_table, page, rows

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "fuzzing.md").read_text(encoding="utf-8")
MUTANTS = 2_000
# A kernel that is wrong in any of the ways below is found out within so many mutants.
SOON = 20_000


def campaign_of(tmp_path: Path, mutants: int, seed: int = 0) -> Campaign:
    return Campaign(seed, mutants, None, tmp_path / "failures", tmp_path / "database")


# Mutations


def cases() -> list[Case]:
    """Files that every mutation applies to: several groups, checks, partitions, levels and hints."""
    rng = random.Random(3)
    found = []
    with WatchedKernel() as kernel:
        for strategy in ("exact", "quadratic-QK", "low-rank", "brute-force"):
            model = model_file(shipped("tiny") if strategy == "exact" else max_model(3, 4))
            found.append(Case(model, prove(model, strategy), Truth(model)))
        for _ in range(20):
            model = model_file(random_model(rng))
            draft = random_certificate(rng, model, parse_model(model), 0.5)
            kernel.check(model, file_of(draft))
            found.append(Case(model, file_of(claiming(draft, [group.count for group in kernel.found])), Truth(model)))
    return found


@pytest.fixture(scope="module")
def every_case() -> list[Case]:
    return cases()


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_mutation_makes_another_file(name: str, every_case: list[Case]) -> None:
    changed = [apply(name, random.Random(seed), case) for seed in range(4) for case in every_case]
    made = [case for case in changed if case is not None]
    assert made
    originals = {(case.model, case.certificate) for case in every_case}
    assert all((case.model, case.certificate) not in originals for case in made)


def test_mutations_are_the_same_for_the_same_seed(every_case: list[Case]) -> None:
    for name in MUTATIONS:
        for case in every_case[-3:]:
            assert apply(name, random.Random(7), case) == apply(name, random.Random(7), case)


def test_every_mutation_is_described() -> None:
    assert len(KINDS) == 4 and list(DESCRIPTIONS) == list(MUTATIONS) and all(DESCRIPTIONS.values())
    assert "\n".join(mutations_table()) in DOCUMENT


@pytest.mark.parametrize("seed", range(40))
def test_model_files_are_read_as_they_are_written(seed: int) -> None:
    model: Model = random_model(random.Random(seed))
    assert read_model(model_file(model)) == model


# A run


@pytest.fixture(scope="module")
def totals(tmp_path_factory: pytest.TempPathFactory) -> Totals:
    return campaign_of(tmp_path_factory.mktemp("run"), MUTANTS).run()


def test_nothing_false_is_accepted(totals: Totals) -> None:
    assert totals.failures == [] and totals.undecided == 0
    assert totals.mutants == MUTANTS
    # Bunches hold 128 mutants in the middle, some of which do not apply.
    assert totals.models > MUTANTS // 256


def test_all_that_is_tried_is_counted(totals: Totals) -> None:
    verdicts = ("accepted", "rejected", "declined")
    assert sum(counts[verdict] for counts in totals.mutations.values() for verdict in verdicts) == MUTANTS
    assert set(totals.mutations) == set(MUTATIONS) and set(totals.sources) <= set(campaign.SOURCES)
    # Some apply to few certificates.
    assert all(counts.total() > 0 for counts in totals.mutations.values())
    assert len(totals.sources) > len(STRATEGIES) // 2
    judged = [sum(counts[verdict] for verdict in verdicts) for counts in totals.mutations.values()]
    assert judged.count(0) < len(MUTATIONS) // 5
    for verdict in verdicts:
        assert sum(counts[verdict] for counts in totals.mutations.values()) > MUTANTS // 20


def test_examples_are_of_every_source(monkeypatch: pytest.MonkeyPatch) -> None:
    model, drawn = max_model(2, 2), set()
    monkeypatch.setattr(campaign, "random_model", lambda *_: model)
    monkeypatch.setattr(campaign, "random_certificate", lambda *_: None)

    @settings(max_examples=1500, database=None, derandomize=True, deadline=None)
    @given(campaign.examples())
    def draw(example: campaign.Example) -> None:
        drawn.add(example.source)

    draw()
    assert drawn == set(campaign.SOURCES)


def test_the_report(totals: Totals, tmp_path: Path) -> None:
    run = processes.Run(0, 1, MUTANTS, None, tmp_path, None)
    report = json.loads(json.dumps(as_object(run, totals)))
    assert report["mutants"] == MUTANTS and report["unsound_acceptances"] == 0
    table = rows(report)
    assert all(len(row) == len(COLUMNS) for row in table)
    assert table[-1][:2] == ["all", f"{MUTANTS:,}"]
    assert f"| all | {MUTANTS:,} |" in page(report)


def test_the_recorded_run_adds_up() -> None:
    folder = ROOT / "docs" / "fuzzing"
    report = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert (folder / "run.md").read_text(encoding="utf-8") == page(report)
    (asked,) = re.findall(r"^compact-proofs fuzz (.*) --json > docs/fuzzing/run.json$", DOCUMENT, re.MULTILINE)
    assert asked == f"--examples {report['mutants']} --seed {report['seed']} --jobs {report['jobs']}"
    assert list(report["mutations"]) == list(MUTATIONS)
    tried = [counts.pop("tried") for counts in report["mutations"].values()]
    assert tried == [sum(counts.values()) - counts["did_not_apply"] for counts in report["mutations"].values()]
    assert sum(tried) == report["mutants"] and min(tried) > 0
    assert set(report["certificates"]) == set(campaign.SOURCES)
    # In the place of none there is one by `trivial`.
    found = [sum(counts.values()) - counts.get("none", 0) for counts in report["certificates"].values()]
    assert sum(found) == report["models"] and min(found) > 0
    assert (report["unsound_acceptances"], report["failures"]) == (0, [])
    assert "Nothing\nunsound was accepted, and nothing else failed." in DOCUMENT


def test_the_hash_of_the_kernel_is_that_of_the_single_file(tmp_path: Path) -> None:
    assert single_file.main(["-o", str(tmp_path / "checker.pyz")]) == 0
    assert kernel_sha256() == sha256((tmp_path / "checker.pyz").read_bytes()).hexdigest()


def test_totals_of_processes_are_added() -> None:
    parts = [
        Totals(1, 2, 3, 4.0, 5.0, {"a": Counter(x=1)}, {"m": Counter(unsound=1)}, [{"kind": "one"}]),
        Totals(10, 20, 30, 2.0, 50.0, {"a": Counter(x=1), "b": Counter(unsound=2)}, {}, [{"kind": "two"}]),
    ]
    whole = Totals()
    for part in parts:
        whole.add(part)
    assert whole == Totals(
        *(11, 22, 33, 4.0, 55.0),  # they ran at the same time
        {"a": Counter(x=2), "b": Counter(unsound=2)},
        {"m": Counter(unsound=1)},
        [{"kind": "one"}, {"kind": "two"}],
    )
    report = as_object(processes.Run(0, 2, None, 1.0, Path("failures"), None), whole)
    assert report["unsound_acceptances"] == 3 and report["undecided_by_the_oracle"] == 33


def test_some_random_certificates_claim_one_too_many(tmp_path: Path) -> None:
    model = model_file(max_model(3, 3))
    draft = random_certificate(random.Random(3), model, parse_model(model), 0.0)
    assert draft.groups
    run = campaign_of(tmp_path, 1)
    ended = []
    with WatchedKernel() as kernel:
        run._judge = Judge(kernel)
        for noise in (campaign.NOISE - 1, campaign.NOISE):
            case = run._certified(campaign.Example(model, campaign.RANDOM, draft, noise, 0, 0))
            ended.append(kernel.check(model, case.certificate).verdict)
    assert ended == ["accepted", "rejected"]


def test_a_run_is_repeated_by_its_seed(tmp_path: Path) -> None:
    found = [campaign_of(tmp_path / str(i), 600, seed=4).run() for i in range(2)]
    assert (found[0].mutations, found[0].sources) == (found[1].mutations, found[1].sources)


# Kernels that are wrong

CertifiedInputs = Callable[[Any, Group], int]


def one_more(certified_inputs: CertifiedInputs) -> CertifiedInputs:
    return lambda terms, group: certified_inputs(terms, group) + 1


def margins_ignored(certified_inputs: CertifiedInputs) -> CertifiedInputs:
    def certified(terms: Any, group: Group) -> int:
        return certified_inputs(terms, replace(group, checks=tuple(replace(c, margin=1) for c in group.checks)))

    return certified


def last_query_only(certified_inputs: CertifiedInputs) -> CertifiedInputs:
    """Several queries are taken to be all like the last."""

    def certified(terms: Any, group: Group) -> int:
        queries = group.last_query - group.first_query + 1
        return queries * certified_inputs(terms, replace(group, first_query=group.last_query))

    return certified


def bands_ignored(certified_inputs: CertifiedInputs) -> CertifiedInputs:
    """Tokens that are in no band are not left out."""

    def certified(terms: Any, group: Group) -> int:
        found = certified_inputs(terms, group)
        whole = all(sum(count * width for count, width in check.bands) == group.label for check in group.checks)
        return found if whole or not found else GROUPS.group_size(group, terms.tables.model.positions)

    return certified


def many_margins_at_the_truth(patch: pytest.MonkeyPatch) -> None:
    """Certificates that show a single rounding in the wrong direction, and few others, to find it sooner."""
    patch.setattr(campaign, "SOURCES", (campaign.EDGE,))
    patch.setattr(campaign, "EDGES", 32)
    patch.setattr(campaign, "MUTANTS", 8)


@pytest.mark.parametrize("sabotage", [one_more, margins_ignored, last_query_only, bands_ignored])
def test_an_unsound_kernel_is_found_out(
    sabotage: Callable[[CertifiedInputs], CertifiedInputs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GROUPS, "certified_inputs", sabotage(GROUPS.certified_inputs))
    monkeypatch.setattr(campaign, "SHRINK_SECONDS", 1.0)
    if sabotage is last_query_only:
        many_margins_at_the_truth(monkeypatch)
    totals = campaign_of(tmp_path, SOON).run()
    (failure,) = totals.failures
    assert failure["kind"] == "unsound", failure
    folder = Path(failure["folder"])
    assert json.loads((folder / "description.json").read_text(encoding="utf-8")) == failure
    # The files are those that fail: the kernel finds more in one of their groups than it should.
    model, certificate = (folder / "model").read_bytes(), (folder / "certificate").read_bytes()
    with WatchedKernel() as kernel, pytest.raises(Exception, match="inputs were found certified"):
        Judge(kernel).judge(model, certificate)
    monkeypatch.undo()
    with WatchedKernel() as kernel:
        Judge(kernel).judge(model, certificate)


def test_a_false_total_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that counts groups that are there twice."""

    def without_order(model: Any, sha256: str, certificate: Any, *rest: Any) -> int:
        correct = 0
        for group in certificate.groups:
            alone = replace(certificate, groups=(group,), correct=group.correct)
            correct += check_claims(model, sha256, alone, *rest)
        if correct != certificate.correct:
            raise Rejected("the total")
        return correct

    check_claims = GROUPS.check_claims
    monkeypatch.setattr(GROUPS, "check_claims", without_order)
    monkeypatch.setattr(campaign, "SHRINK_SECONDS", 1.0)
    (failure,) = campaign_of(tmp_path, SOON).run().failures
    assert failure["kind"] == "unsound" and "accepted as correct" in failure["message"]


@pytest.mark.parametrize(
    ("module", "name", "sabotage"),
    [
        (levels, "product_down", lambda *arguments: product_down(*arguments) + 1),
        (tables, "exponential", lambda *arguments, upper: exponential(*arguments, upper=False)),
        (tables, "root", lambda *arguments: (root(*arguments)[0],) * 2),
    ],
)
def test_rounding_in_the_wrong_direction_is_found_out(
    module: ModuleType,
    name: str,
    sabotage: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, name, sabotage)
    monkeypatch.setattr(campaign, "SHRINK_SECONDS", 1.0)
    many_margins_at_the_truth(monkeypatch)
    (failure,) = campaign_of(tmp_path, SOON).run().failures
    assert failure["kind"] == "unsound"


def test_an_exception_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(terms: Any, group: Group) -> int:
        return 0 // (2 - group.label)

    monkeypatch.setattr(GROUPS, "certified_inputs", broken)
    monkeypatch.setattr(campaign, "SHRINK_SECONDS", 1.0)
    (failure,) = campaign_of(tmp_path, SOON).run().failures
    assert failure["kind"] == "raised" and failure["message"].startswith("ZeroDivisionError")


def test_a_slow_check_is_a_failure() -> None:
    def endless(model: bytes, certificate: bytes) -> Verdict:
        start = time.process_time()
        while time.process_time() - start < 20:
            pass
        return Verdict("declined", "slow")

    check = KERNEL.check
    KERNEL.check = endless
    try:
        with WatchedKernel(0.2) as kernel, pytest.raises(Slow, match="more than 0.2 seconds"):
            Judge(kernel).judge(b"", b"")
    finally:
        KERNEL.check = check


def test_the_kernel_is_left_as_it_was() -> None:
    before = GROUPS.certified_inputs
    with WatchedKernel():
        assert GROUPS.certified_inputs is not before
    assert GROUPS.certified_inputs is before


# The command


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["-o", str(tmp_path / "failures"), "--database", str(tmp_path / "database")]
    assert main(["fuzz", "--examples", "300", "--jobs", "2", "--seed", "1", "--json", *folders]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["mutants"] == 300 and report["failures"] == [] and report["jobs"] == 2
    assert sum(counts["tried"] for counts in report["mutations"].values()) == 300
    assert main(["fuzz", "--seconds", "0.5", "--jobs", "1", *folders]) == 0
    out = capsys.readouterr().out
    assert "unsound acceptances: 0" in out and "claim beyond the truth" in out
    assert not (tmp_path / "failures").exists()


def test_a_failure_is_named_and_ends_with_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GROUPS, "certified_inputs", one_more(GROUPS.certified_inputs))
    monkeypatch.setattr(campaign, "SHRINK_SECONDS", 1.0)
    folders = ["-o", str(tmp_path / "failures"), "--database", str(tmp_path / "database")]
    assert main(["fuzz", "--examples", "300", "--jobs", "1", "--seed", "1", *folders]) == 1
    out = capsys.readouterr().out
    assert "unsound acceptances: 1" in out and str(tmp_path / "failures" / "unsound-1") in out
    folder = tmp_path / "failures" / "unsound-1"
    parsed = parse_certificate((folder / "certificate").read_bytes())
    require_sizes(parsed, parse_model((folder / "model").read_bytes()))


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(compact_proofs.fuzz)
    assert main(["fuzz", "--help"]) == 0
    assert "Example:\n  compact-proofs fuzz" in capsys.readouterr().out


def test_both_parsers_of_bytes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for data in parsers_atheris.seeds():
        parsers_atheris.parse_both(data)
        parsers_atheris.parse_both(data[:-2])
    monkeypatch.setitem(sys.modules, "atheris", None)
    assert parsers_atheris.main() == 2
    assert "pip install '.[atheris]' in a clone" in capsys.readouterr().err


def test_bad_usage(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["fuzz", "--seconds", "1", "--examples", "1"]) == 2
    assert "either --seconds or --examples" in capsys.readouterr().err
    for name in [name for name in sys.modules if name.startswith(("fuzzing.", "hypothesis"))]:
        monkeypatch.delitem(sys.modules, name)
    import fuzzing

    for name in ("campaign", "processes", "report"):
        monkeypatch.delattr(fuzzing, name, raising=False)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    assert main(["fuzz", "--examples", "1"]) == 2
    assert "pip install '.[fuzz]' in a clone" in capsys.readouterr().err


@pytest.mark.parametrize(("mutants", "shares"), [(10, [3, 3, 2, 2]), (3, [1, 1, 1, 0]), (None, [None] * 4)])
def test_processes_share_all_mutants_and_no_seed(mutants: int | None, shares: list[int | None], tmp_path: Path) -> None:
    def report(totals: Totals) -> None:
        """The progress of one run."""

    run = processes.Run(7, 4, mutants, 2.5, tmp_path / "failures", tmp_path / "database")
    parts = [run.campaign(job, report) for job in range(4)]
    assert [part.mutants for part in parts] == shares
    assert [part.seed for part in parts] == [7, 8, 9, 10]
    assert {(part.seconds, part.failures, part.database, part.report) for part in parts} == {
        (2.5, tmp_path / "failures", tmp_path / "database", report)
    }


@pytest.mark.parametrize(
    ("asked", "mutants", "seconds"), [({}, None, 60.0), ({"examples": 5}, 5, None), ({"seconds": 2.5}, None, 2.5)]
)
def test_a_run_ends_after_a_minute_if_nothing_is_said(
    asked: dict[str, Any], mutants: int | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[processes.Run] = []

    def note(run: processes.Run, report: object) -> Totals:
        runs.append(run)
        return Totals()

    monkeypatch.setattr(processes, "fuzz", note)
    compact_proofs.fuzz(**asked)
    compact_proofs.fuzz(**asked, seed=3, jobs=2)
    assert [(run.mutants, run.seconds) for run in runs] == [(mutants, seconds)] * 2
    assert (runs[0].jobs, runs[1].seed, runs[1].jobs) == (processes.cores(), 3, 2)
    assert "| `--seconds S` | for how long; 60 by default |" in DOCUMENT


def test_a_process_that_is_killed_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "work", die)
    run = processes.Run(0, 2, 100, None, tmp_path / "failures", None)
    failures = processes.fuzz(run).failures
    assert [failure["kind"] for failure in failures] == ["broken"] * 2
    assert "ended with code" in failures[0]["message"]


def die(*_: object) -> None:
    """A process that ends in the middle of its work."""
    raise SystemExit(3)
