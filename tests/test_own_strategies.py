"""Strategies of one's own: the tutorial's, functions by name, those of other packages, and what they do wrong."""

import csv
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import compact_proofs
from certificates.short import OverBudget
from certificates.strategies import STRATEGIES, UnknownStrategy
from compact_proofs import check, export, prove
from compact_proofs import frontier as frontiers
from compact_proofs.command_line import main
from compact_proofs.frontier import Missing, Point, frontier
from compact_proofs.frontier_table import table
from compact_proofs.own_strategies import own_strategy
from compact_proofs.shipped import shipped_model
from compact_proofs.strategy import Proof
from compact_proofs.styles import OTHERS, STYLES, styles

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "largest_token.py"
TUTORIAL = (ROOT / "docs" / "tutorial_strategy.md").read_text(encoding="utf-8")
NAME = "largest_token:largest_token"


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with the tutorial's file and the shipped model, as a user has it."""
    (tmp_path / "largest_token.py").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    export(shipped_model("max-of-4-seed-0"), tmp_path / "max.model")
    export(shipped_model("tiny"), tmp_path / "tiny.model")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("largest_token", "broken", "needs"):
        sys.modules.pop(name, None)


def test_the_tutorial_shows_the_file() -> None:
    code = EXAMPLE.read_text(encoding="utf-8")
    assert f"```python\n{code}```" in TUTORIAL
    assert len(code.splitlines()) <= 40


def test_the_tutorial_prints_what_it_says(beside: Path) -> None:
    (session,) = re.findall(r"^```console\n(.*?)^```$", TUTORIAL, re.DOTALL | re.MULTILINE)
    printed = ""
    for command in re.findall(r"^\$ (.*)$", session, re.MULTILINE):
        run = subprocess.run(
            [sys.executable, "-m", *command.replace("compact-proofs", "compact_proofs").split()],
            cwd=beside,
            capture_output=True,
            text=True,
        )
        assert run.stderr == ""
        printed += f"$ {command}\n{run.stdout}"
    assert printed == session


def test_the_tutorials_strategy_has_a_place_on_the_frontier() -> None:
    """No recorded proof of the model is both as short and as good."""
    session = re.search(r"claims (\d+) correct inputs in (\d+) operations", TUTORIAL)
    assert session
    correct, operations = map(int, session.groups())
    with (ROOT / "docs" / "pictures" / "frontier.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "max-of-4-seed-0"]
    assert len(rows) > 50
    assert not [row for row in rows if int(row["operations"]) <= operations and int(row["correct_at_least"]) >= correct]
    assert f"{NAME[:13]}" in TUTORIAL.split("```text")[1]


def test_frontier_takes_it(beside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    few = {name: STRATEGIES[name] for name in ("trivial", "exact")}
    monkeypatch.setattr(frontiers, "STRATEGIES", few)
    assert main(["frontier", "tiny.model", "--strategy", NAME, "-o", "out", "--processes", "1"]) == 0
    assert re.search(r"^ tiny +largest_token:", capsys.readouterr().out, re.MULTILINE)
    assert f"{NAME},," in (beside / "out" / "frontier.csv").read_text()
    assert main(["frontier", "tiny.model", "--strategy", "nothing", "-o", "out"]) == 2
    assert "strategy 'nothing': expected MODULE:FUNCTION" in capsys.readouterr().err


def test_a_function_is_a_strategy(tiny_model: Path) -> None:
    def nothing(model: bytes, budget: int | None) -> Proof:
        """Claims nothing. At all."""
        return STRATEGIES["trivial"].prove(model, budget)

    certificate = prove(tiny_model, nothing)
    assert (certificate.strategy, certificate.correct) == ("nothing", 0)
    assert check(tiny_model, certificate).accepted


def test_what_a_strategy_may_do_wrong(tiny_model: Path, beside: Path) -> None:
    with pytest.raises(UnknownStrategy, match="returned a NoneType, expected a Proof"):
        prove(tiny_model, lambda model, budget: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(OverBudget, match="no proof within 10 operations, that of <lambda> has 5639"):
        prove(tiny_model, lambda model, budget: STRATEGIES["exact"].prove(model, None), budget=10)
    for name, error in (
        ("nowhere:function", "No module named 'nowhere'"),
        ("largest_token:none", "has no attribute 'none'"),
        ("largest_token:GAPS", "a tuple, expected a function"),
        (":function", "Empty module name"),
    ):
        with pytest.raises(UnknownStrategy, match=error):
            prove(tiny_model, name)
    (beside / "needs.py").write_text("import what_is_not_there\n")
    with pytest.raises(ModuleNotFoundError, match="what_is_not_there"):
        prove(tiny_model, "needs:function")


def test_what_a_strategy_raises_has_its_place(beside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (beside / "broken.py").write_text(
        "def share(part):\n    return 1 / part\n\n\ndef strategy(model, budget):\n    return share(0)\n\n\n"
        "def one(model):\n    return None\n"
    )
    for name, error in (
        ("broken:strategy", "failed in broken.py, line 2: ZeroDivisionError: division by zero"),
        ("broken:one", "failed: TypeError: one() takes 1 positional argument but 2 were given"),
    ):
        assert main(["prove", "tiny.model", "--strategy", name, "-o", "own.certificate"]) == 2
        assert capsys.readouterr().err == f"compact-proofs: strategy '{name}' {error}\n"
    with pytest.raises(UnknownStrategy) as caught:
        prove("tiny.model", "broken:strategy")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_fails_ends_only_its_own_point(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (beside / "broken.py").write_text("def strategy(model, budget):\n    raise KeyError('why')\n")
    monkeypatch.setattr(frontiers, "STRATEGIES", {"trivial": STRATEGIES["trivial"]})
    points, missing = frontier([beside / "tiny.model"], beside / "out", processes=1, own=["broken:strategy"])
    assert [point.setting.name for point in points if isinstance(point, Point)] == ["trivial"]
    assert [(lost.setting.name, lost.reason) for lost in missing if isinstance(lost, Missing)] == [
        ("broken:strategy", "strategy 'broken:strategy' failed in broken.py, line 2: KeyError: 'why'")
    ]
    assert table(points)


def test_strategies_of_other_packages(
    tiny_model: Path, beside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point = EntryPoint("largest", NAME, "compact_proofs.strategies")
    monkeypatch.setattr("compact_proofs.own_strategies.entry_points", lambda group: [point])
    monkeypatch.syspath_prepend(str(beside))
    assert [strategy.name for strategy in compact_proofs.strategies()] == [*STRATEGIES, "largest"]
    assert "largest_token" not in sys.modules  # until it is to prove something
    assert prove(tiny_model, "largest").strategy == "largest"
    assert main(["strategies"]) == 0
    assert "of another package" in capsys.readouterr().out
    found = own_strategy("largest")
    assert found is not None and found.budgeted and own_strategy("exact") is None


def test_strategies_are_listed_from_simple_to_clever(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies"]) == 0
    printed = capsys.readouterr().out
    names = re.findall(r"^ ([a-zA-Z-]+) {2}", printed.split("\n\n")[0], re.MULTILINE)
    assert names[1 : 1 + len(STRATEGIES)] == list(STRATEGIES) and "evaluate" in names[1 + len(STRATEGIES) :]
    assert names[1:4] == ["trivial", "brute-force", "cubic"] and list(STRATEGIES)[-2:] == ["exact", "auto"]


def test_own_strategies_have_colours_and_markers_of_their_own() -> None:
    found = styles(["mine", "exact", "yours", "mine"])
    assert found["exact"] == STYLES["exact"] and found["mine"] == OTHERS[0] != found["yours"]
    markers = [marker for _, marker in (*STYLES.values(), *OTHERS)]
    assert len(set(markers)) == len(markers)
