"""The frontier: all proofs of the tiny model, kept and used again, its table and its picture."""

import csv
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import ModuleType, SimpleNamespace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import certificates as certificates_package
import checker
from certificates.strategies import CLASSES, STRATEGIES
from checker import Verdict, check
from checker.errors import Declined
from compact_proofs import frontier as frontier_module
from compact_proofs.command_line import main
from compact_proofs.frontier import Missing, Point, Task, code_version, find, frontier
from compact_proofs.frontier_plot import PUBLISHED, draw, picture, published_points, untrained_points
from compact_proofs.frontier_table import BASELINE, PRINTED, Row, pareto, printed, table, write_csv
from compact_proofs.isolated import CheckerFailed, check_isolated

ROOT = Path(__file__).parent.parent
PRICES = (12, 44)


class Run:
    """One call of `frontier` on a model, and how many tasks there were left."""

    def __init__(self, model: Path, output: Path) -> None:
        steps: list[str] = []
        self.points, self.missing = frontier([model], output, PRICES, 2, steps.append)
        self.tasks = len(steps) - 1
        assert steps == [f"{i} of {self.tasks} tasks done" for i in range(len(steps))]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the first run. Tests that damage a file there leave it whole."""
    return tmp_path_factory.mktemp("frontier")


@pytest.fixture(scope="module")
def first(tiny_model: Path, output: Path) -> Run:
    return Run(tiny_model, output)


@pytest.fixture(scope="module")
def rows(first: Run) -> list[Row]:
    return table(first.points)


def names(points: list[Point]) -> set[str]:
    return {point.setting.name for point in points}


def numbers(points: list[Point]) -> set[tuple[str, int, int]]:
    return {(point.setting.name, point.verdict.correct_at_least, point.verdict.operations) for point in points}


def test_every_strategy_is_proved_and_checked(first: Run, tiny_model: Path, output: Path) -> None:
    whole = set(STRATEGIES) - set(CLASSES) - {"auto"}
    assert names(first.points) == whole | {f"{name}-{price}" for name in CLASSES for price in PRICES}
    assert first.missing == []
    assert first.tasks == len(STRATEGIES) - 1
    for point in first.points:
        (path,) = output.rglob(f"{point.setting.name}.certificate")
        again = check(tiny_model.read_bytes(), path.read_bytes())
        assert replace(again, seconds=0.0) == replace(point.verdict, seconds=0.0)
        assert again.verdict == "accepted"
        assert min(point.prove_seconds, point.check_seconds) > 0


def certificates(folder: Path) -> dict[str, tuple[int, int]]:
    """The certificates that are kept, and which files they are: what is found again is a new one."""
    stats = {path.name: path.stat() for path in folder.rglob("*.certificate")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def test_a_second_run_proves_nothing_and_checks_everything(first: Run, tiny_model: Path, output: Path) -> None:
    before = certificates(output)
    second = Run(tiny_model, output)
    assert certificates(output) == before
    assert numbers(second.points) == numbers(first.points)
    times = {point.setting: point.prove_seconds for point in first.points}
    assert {point.setting: point.prove_seconds for point in second.points} == times
    # The times of the checks are those of this run.
    assert {point.check_seconds for point in second.points}.isdisjoint(point.check_seconds for point in first.points)
    assert list(output.rglob("*.partial")) == []


# Of one strategy, in this process, which takes less time.


@pytest.fixture
def exact(tiny_model: Path, tmp_path: Path) -> Task:
    """A task that has been done once."""
    task = Task(tiny_model, "exact", (None,), tmp_path)
    find(task)
    return task


def point(task: Task) -> Point:
    (found,) = find(task)
    assert isinstance(found, Point)
    assert (found.verdict.verdict, found.verdict.correct_at_least) == ("accepted", 215)
    return found


def another_time(data: bytes) -> bytes:
    record = json.loads(data)
    record["prove_seconds"] += 1.0
    return json.dumps(record).encode()


def sealed(seconds: object) -> Callable[[bytes], bytes]:
    """A record that was made on purpose."""

    def forge(data: bytes) -> bytes:
        record = {"certificate_sha256": json.loads(data)["certificate_sha256"], "prove_seconds": seconds}
        return json.dumps({**record, "sha256": sha256(json.dumps(record).encode()).hexdigest()}).encode()

    return forge


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        ("json", None),
        ("certificate", None),
        ("json", lambda data: data[: len(data) // 2]),
        ("certificate", lambda data: data[: len(data) // 2]),
        ("certificate", lambda data: data.replace(b"1", b"2", 1)),
        ("json", lambda data: b"\xff" + data),
        ("json", lambda data: b"[]"),
        ("json", lambda data: b"{}"),
        ("json", another_time),
        ("json", sealed("few")),
    ],
)
def test_what_is_damaged_or_gone_is_found_again(
    exact: Task, suffix: str, damage: Callable[[bytes], bytes] | None
) -> None:
    path, before = exact.results / f"exact.{suffix}", certificates(exact.results)
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    point(exact)
    again = certificates(exact.results)
    assert again != before
    point(exact)
    assert certificates(exact.results) == again


def test_what_was_kept_is_only_believed_about_the_time_of_the_proof(exact: Task) -> None:
    """A certificate and its record that were changed together are checked like any other."""
    path = exact.results / "exact.certificate"
    proved = path.read_bytes()
    for old, new, kept in ((b"correct 215\n", b"correct 216\n", False), (b"", b"", True)):
        changed = proved.replace(old, new, 1)
        path.write_bytes(changed)
        record = {"certificate_sha256": sha256(changed).hexdigest(), "prove_seconds": 1.5}
        seal = sha256(json.dumps(record).encode()).hexdigest()
        path.with_suffix(".json").write_text(json.dumps({**record, "sha256": seal}))
        assert (point(exact).prove_seconds == 1.5) == kept
        assert path.read_bytes() == proved


def test_a_model_that_changes_meanwhile_is_noticed(exact: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def about_another(model: Path, certificate: Path) -> tuple[Verdict, float]:
        verdict, seconds = check_isolated(model, certificate)
        return replace(verdict, model_sha256="0" * 64), seconds

    monkeypatch.setattr(frontier_module, "check_isolated", about_another)
    with pytest.raises(CheckerFailed, match="was changed while it was in use"):
        find(exact)


@pytest.mark.parametrize("package", [checker, certificates_package])
def test_points_of_other_code_are_not_used(
    package: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of another kernel nor of other strategies."""
    before, copy = code_version(), tmp_path / "copy"
    shutil.copytree(next(iter(package.__path__)), copy)
    monkeypatch.setattr(package, "__path__", [str(copy)])
    versions = []
    for changed in ([], sorted(copy.rglob("*.py"))[1:2]):
        for path in changed:
            path.write_text(path.read_text() + "# changed\n")
        code_version.cache_clear()
        versions.append(code_version())
    code_version.cache_clear()
    assert versions[0] == before != versions[1]


def test_results_are_kept_under_the_version_of_the_code(first: Run, tiny_model: Path, output: Path) -> None:
    folder = output / "results" / sha256(tiny_model.read_bytes()).hexdigest()[:16] / code_version()[:16]
    assert (folder / "exact.certificate").exists()


def test_a_shared_search_counts_for_each_of_its_proofs(
    exact: Task, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, clock = (exact.results / "exact.certificate").read_bytes(), [0.0]

    class Search:
        def __init__(self, data: bytes, cuts: object) -> None:
            clock[0] += 100.0

        def prove(self, price: float) -> SimpleNamespace:
            clock[0] += 1 / price
            return SimpleNamespace(certificate=certificate)

    monkeypatch.setattr(frontier_module, "ShortProofs", Search)
    monkeypatch.setattr(frontier_module, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    found = find(Task(exact.model, "sub-cubic", (1, 2, 3), tmp_path / "shared"))
    assert [point.prove_seconds for point in found if isinstance(point, Point)] == [102.0, 104.0, 108.0]


def test_several_runs_in_one_folder(tiny_model: Path, tmp_path: Path) -> None:
    """At the same time."""
    script = (
        "import sys; from pathlib import Path; from compact_proofs.frontier import Task, find\n"
        "task = Task(Path(sys.argv[1]), 'exact', (None,), Path(sys.argv[2]))\n"
        "input()\n"
        "for _ in range(2):\n"
        "    [found] = find(task)\n"
        "    assert found.verdict.correct_at_least == 215\n"
        "    (task.results / 'exact.json').unlink(missing_ok=True)\n"
    )
    command = [sys.executable, "-c", script, tiny_model, tmp_path]
    runs = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(4)]
    for run in runs:
        run.communicate(b"\n")
    assert [run.returncode for run in runs] == [0] * 4
    assert {path.name for path in tmp_path.iterdir()} <= {"exact.certificate", "exact.json"}


def test_too_many_inputs_to_try(first: Run, tiny_model: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontier_module, "MAX_TRIED_INPUTS", 215)
    monkeypatch.setattr(frontier_module, "STRATEGIES", {name: STRATEGIES[name] for name in ("exact", "brute-force")})
    run = Run(tiny_model, output)
    assert [(missing.setting.strategy, missing.reason) for missing in run.missing] == [
        ("brute-force", "216 inputs are too many to try each")
    ]
    assert all(isinstance(missing, Missing) for missing in run.missing)
    # The accuracy is then the one that was sampled when the model was trained.
    assert {(row.accuracy, row.accuracy_is) for row in table(run.points)} == {(0.995286, "sampled")}


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.model"
    path.write_bytes(b"wrong")
    with pytest.raises(Declined, match=r"wrong\.model: model: "):
        frontier([path], tmp_path)


def test_two_models_of_one_name_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    other = tmp_path / tiny_model.name
    other.write_bytes(tiny_model.read_bytes())
    with pytest.raises(ValueError, match="two models are called tiny"):
        frontier([tiny_model, other], tmp_path)


points = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12)


@given(points)
def test_the_pareto_frontier_is_what_nothing_is_better_than(points: list[tuple[int, int]]) -> None:
    def better(a: tuple[int, int], b: tuple[int, int]) -> bool:
        return a[0] <= b[0] and a[1] >= b[1] and a != b

    assert pareto(points) == [not any(better(a, b) for a in points) for b in points]


def test_rows_are_the_numbers_of_the_kernel(first: Run, rows: list[Row]) -> None:
    proofs = [row for row in rows if row.strategy != BASELINE]
    assert {(row.strategy, row.operations, row.machine_operations, row.correct_at_least) for row in proofs} == {
        (
            point.setting.strategy,
            point.verdict.operations,
            point.verdict.machine_operations,
            point.verdict.correct_at_least,
        )
        for point in first.points
    }
    for row in rows:
        assert (row.model, row.total) == ("tiny", 216)
        assert row.bound == row.correct_at_least / 216
        assert (row.accuracy, row.accuracy_is) == (215 / 216, "counted")
        assert row.bound_over_accuracy == pytest.approx(row.correct_at_least / 215)
    assert [row.operations for row in rows] == sorted(row.operations for row in rows)
    assert max(row.correct_at_least for row in rows if row.pareto) == 215


def test_the_baseline_is_a_fraction_of_brute_force(rows: list[Row]) -> None:
    (whole,) = (row for row in rows if row.strategy == "brute-force")
    baseline = [row for row in rows if row.strategy == BASELINE]
    assert baseline
    for row in baseline:
        fraction = row.operations / whole.operations
        assert row.correct_at_least <= fraction * 215 + 1
        assert (row.certificate_bytes, row.check_seconds) == (None, None)


def made(strategy: str, price: int | None, correct: int, operations: int, total: int = 10**4) -> Point:
    """A point that nobody has proved."""
    verdict = Verdict("accepted", correct_at_least=correct, total=total, operations=operations)
    return Point("made", frontier_module.Setting(strategy, price), verdict, 1.0, 1.0)


def test_the_baseline_is_of_round_fractions() -> None:
    rows = table([made("brute-force", None, 9001, 10**6 + 999)])
    baseline = [(row.operations, row.correct_at_least, row.bound) for row in rows if row.strategy == BASELINE]
    assert baseline == [
        *((1000, 9, 0.0009), (10009, 90, 0.0090)),
        *((100099, 900, 0.0900), (500499, 4500, 0.4500)),
    ]
    for row in rows:
        assert (row.accuracy, row.accuracy_is, row.bound_over_accuracy) == (0.9001, "counted", row.bound / 0.9001)


def test_of_equal_proofs_the_one_at_the_highest_price_is_shown() -> None:
    points = [made("sub-cubic", price, 50, 700) for price in (16, 20, 24)]
    points += [made("sub-cubic", 30, 60, 800), made("low-rank", 22, 50, 700)]
    rows = [(row.strategy, row.price, row.operations) for row in table(points)]
    assert rows == [("low-rank", "2^-22", 700), ("sub-cubic", "2^-16", 700), ("sub-cubic", "2^-30", 800)]


def test_prices_are_those_of_the_page() -> None:
    prices = frontier_module.PRICES
    page = " ".join((ROOT / "docs" / "frontier.md").read_text(encoding="utf-8").split())
    assert (len(prices), list(prices)) == (11, sorted(prices))
    assert f"is run at eleven prices, from 2^-{prices[0]} to 2^-{prices[-1]} of all inputs" in page
    assert frontier_module.MAX_TRIED_INPUTS == 2**24
    assert "`brute-force` is left out for models of more than 2^24 inputs" in page


def test_a_share_of_a_sampled_accuracy_is_marked() -> None:
    (row,) = table([made("sub-cubic", 16, 50, 700)])
    for is_, mark in (("sampled", "~"), ("counted", "")):
        cells = printed(replace(row, accuracy=0.5, accuracy_is=is_, bound_over_accuracy=0.01))
        assert cells[PRINTED.index("of accuracy")] == f"{mark}0.010000"
    assert printed(row)[PRINTED.index("of accuracy")] == ""


def test_the_line_is_the_mean_of_the_best_bounds_and_the_band_reaches_over_them() -> None:
    points = [made("cubic", None, 5000, 100), made("exact", None, 9000, 1000)]
    points += [replace(point, model="other") for point in (made("cubic", None, 7000, 200),)]
    for axes in picture(table(points)).axes:
        (line,) = (line for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 1)
        # It begins where there is a bound for both.
        steps = list(zip(line.get_xdata(), line.get_ydata(), strict=True))
        assert steps == [(200, 0.6), (1000, 0.8), (3000, 0.8)]
        (band,) = axes.collections
        heights = {round(float(y), 6) for _, y in band.get_paths()[0].vertices}
        assert heights == {0.5, 0.7, 0.9}


def test_pictures_are_written(rows: list[Row], tmp_path: Path) -> None:
    svg, png = draw(rows, tmp_path)
    assert (svg.name, png.name) == ("frontier.svg", "frontier.png")
    assert png.read_bytes().startswith(b"\x89PNG") and png.stat().st_size > 10_000
    written = svg.read_bytes()
    assert ElementTree.fromstring(written).tag.endswith("svg")
    draw(rows, tmp_path)
    assert svg.read_bytes() == written


def test_models_of_different_sizes_have_pictures_of_their_own(rows: list[Row], tmp_path: Path) -> None:
    larger = [replace(row, model="larger", total=64**4) for row in rows]
    paths = draw([*rows, *larger], tmp_path)
    assert [path.name for path in paths] == [
        f"frontier-{name}.{suffix}" for name in ("tiny", "larger") for suffix in ("svg", "png")
    ]
    assert all(path.stat().st_size > 10_000 for path in paths)


def test_published_points_are_of_our_classes() -> None:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        points = list(csv.DictReader(file))
    assert {point["class"] for point in points} <= set(STRATEGIES)
    assert all(0 < float(point["bound"]) < 1 for point in points)
    assert len(published_points(64**4)) > 15
    assert published_points(216) == []


def as_max_of_4(rows: list[Row]) -> list[Row]:
    return [replace(row, total=64**4) for row in rows]


def test_every_published_point_is_drawn(rows: list[Row]) -> None:
    wanted = sorted((float(point["operations"]), float(point["bound"])) for point in published_points(64**4))
    for axes in picture(as_max_of_4(rows)).axes:
        drawn = sorted(
            (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
            for line in axes.lines
            if line.get_marker() in "+x" and len(line.get_xdata()) == 1
        )
        assert drawn == wanted


def test_the_baseline_of_untrained_weights_is_drawn(rows: list[Row]) -> None:
    models = untrained_points(64**4)
    assert len(models) == 5
    # In the end all of the accuracy of every model is proved; before, more and more of it.
    assert all(max(points)[1] == 1 for points in models.values())
    for axes in picture(as_max_of_4(rows)).axes:
        (line,) = (line for line in axes.lines if line.get_linestyle() == ":")
        heights = line.get_ydata()
        assert list(heights) == sorted(heights)
        assert heights[-1] == pytest.approx(215 / 216)
        assert line.get_xdata()[-1] == max(max(points)[0] for points in models.values())
    assert not [line for axes in picture(rows).axes for line in axes.lines if line.get_linestyle() == ":"]


def test_the_best_published_bound_of_a_class_is_shown() -> None:
    spec = importlib.util.spec_from_file_location("by_class", ROOT / "benchmarks" / "frontier_by_class.py")
    assert spec and spec.loader
    by_class = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(by_class)
    for name in {published for *_, published in by_class.LIMITS}:
        points = [p for p in published_points(64**4) if p["class"] == name and "mean" not in p["source"]]
        shown = by_class.best_published(name)
        if points:
            assert float(shown.split(" ")[0]) >= round(max(float(point["bound"]) for point in points), 3)
    assert by_class.best_published("sub-cubic") == "0.838 (2.53M, exact EQKE, seed 50)"
    assert by_class.best_published("low-rank") == "-"


def test_the_command(
    first: Run,
    tiny_model: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frontier_module, "PRICES", PRICES)
    arguments = ["frontier", str(tiny_model), "-o", str(output)]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    for name in set(STRATEGIES) - {"auto"}:
        assert re.search(rf"^ ?tiny +{name} ", printed.out, re.MULTILINE), name
    with (output / "frontier.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["strategy"] for row in rows} == {BASELINE, *STRATEGIES} - {"auto"}
    for name in ("frontier.csv", "frontier.svg", "frontier.png"):
        assert (output / name).stat().st_size > 1000
        assert name in printed.out
    few = {name: STRATEGIES[name] for name in ("trivial", "exact", "brute-force")}
    monkeypatch.setattr(frontier_module, "STRATEGIES", few)
    assert main([*arguments, "--best"]) == 0
    best = capsys.readouterr().out
    assert len(best.splitlines()) < len(printed.out.splitlines())


def test_the_command_takes_shipped_models_and_names_unknown_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["frontier", "max-of-7", "-o", str(tmp_path)]) == 2
    assert "model 'max-of-7' is not shipped" in capsys.readouterr().err


def test_the_document_shows_its_table() -> None:
    document = (ROOT / "docs" / "frontier.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^\$ python (benchmarks/frontier_by_class.py .*)$", document, re.MULTILINE)
    printed = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert printed in document


def test_the_csv_file_has_all_fields(rows: list[Row], tmp_path: Path) -> None:
    path = tmp_path / "frontier.csv"
    write_csv(rows, path)
    with path.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert [int(row["operations"]) for row in read] == [row.operations for row in rows]
    assert [float(row["bound"]) for row in read] == [row.bound for row in rows]
