"""The page about mutation testing explains survivors of the code as it is, and counts those that it lists."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "mutation"))

from report import changed_lines, changes_strictness, explained, function_of, sample  # noqa: E402

PAGE = (ROOT / "docs" / "mutation_testing.md").read_text(encoding="utf-8")


def figures(name: str) -> list[int]:
    """The numbers in a row of the table of figures, one for each run."""
    [cells] = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", PAGE, flags=re.MULTILINE)
    return [int(cell.replace(",", "")) for cell in cells.split("|")]


def test_every_survivor_changes_a_line_of_the_code() -> None:
    """So a line that is changed takes its explanation with it."""
    for place, removed, _ in explained(PAGE):
        path, names = ROOT, place.split(".")
        while path.is_dir():
            path = path / names[0] if (path / names[0]).is_dir() else path / f"{names[0]}.py"
            names = names[1:]
        source = path.read_text(encoding="utf-8")
        lines = {line.strip() for line in source.splitlines()}
        assert set(removed) <= lines, (place, removed)
        assert not names or f"def {names[-1]}(" in source


def test_survivors_are_counted() -> None:
    assert sum(figures("survivors listed below, in functions")) == len(explained(PAGE))


def test_every_mutant_has_one_end() -> None:
    ends = ("killed by a test", "killed by the limit of time", "survivors that change `strict`")
    ends = (*ends, "survivors listed below, in functions")
    assert figures("mutants") == [sum(column) for column in zip(*map(figures, ends), strict=True)]


def test_a_sample_is_every_so_manieth_mutant_of_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mutants" / "checker"
    folder.mkdir(parents=True)
    keys = [f"checker.b.x_f__mutmut_{i}" for i in range(1, 12)] + ["checker.a.x_g__mutmut_1"]
    (folder / "b.py.meta").write_text(json.dumps({"exit_code_by_key": dict.fromkeys(keys, 1)}))
    (folder / "c.py.meta").write_text(json.dumps({"exit_code_by_key": {"fuzzing.judge.x_h__mutmut_1": 0}}))
    monkeypatch.chdir(tmp_path)
    assert sample(5) == ["checker.a.x_g__mutmut_1", "checker.b.x_f__mutmut_5", "checker.b.x_f__mutmut_10"]


def test_names_and_diffs_are_read_as_mutmut_writes_them() -> None:
    assert function_of("checker.numbers.rounding.x_norm_up__mutmut_12") == "checker.numbers.rounding.norm_up"
    assert function_of("checker.certificate_file.x__parse_table__mutmut_1") == "checker.certificate_file._parse_table"
    assert function_of("checker.numbers.matrices.xǁMatricesǁsum__mutmut_3") == "checker.numbers.matrices.Matrices.sum"
    assert function_of("checker.models.terms.xǁTermsǁ__init____mutmut_5") == "checker.models.terms.Terms.__init__"
    diff = "--- a.py\n+++ b.py\n@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2\n"
    assert changed_lines(diff) == (("return 1",), ("return 2",))
    assert explained("### a.b.f\n\nWhy.\n\n```diff\n-  return 1\n+  return 2\n```\n") == {
        ("a.b.f", ("return 1",), ("return 2",))
    }


def test_changes_of_strict_are_told_from_others() -> None:
    original = "for a, b in zip(x, y, strict=True):"
    for changed, expected in (
        ("for a, b in zip(x, y, strict=None):", True),
        ("for a, b in zip(x, y, ):", True),
        ("for a, b in zip(x, y, strict=False):", True),
        ("for a, b in zip(x, strict=True):", False),
        ("for a, b in zip(None, y, strict=True):", False),
    ):
        assert changes_strictness(("f", (original,), (changed,))) == expected
