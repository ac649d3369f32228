"""The page about file formats is true: its examples are files, its limits are those of the checker."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from small_models import kernel_limits

from checker import Verdict, check

PAGE = (Path(__file__).parent.parent / "docs" / "formats.md").read_text(encoding="utf-8")


def example(kind: str) -> bytes:
    found = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return bytes(found[0], "ascii")


def table_keys(section: str) -> list[str]:
    rows = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE)
    return [key for cell in cells for key in re.findall(r"`(\w+)`", cell)]


def test_the_example_is_accepted() -> None:
    verdict = check(example("model"), example("certificate"))
    assert (verdict.verdict, verdict.reason) == ("accepted", "")
    assert (verdict.correct_at_least, verdict.total) == (4, 4)


@pytest.mark.parametrize("kind", ["model", "certificate"])
@pytest.mark.parametrize(
    ("old", "new"),
    [(b"\n", b"\r\n"), (b" ", b"  "), (b" 1\n", b" 01\n"), (b"\nend\n", b"\nend"), (b" 0", b" -0")],
)
def test_other_spellings_are_declined(kind: str, old: bytes, new: bytes) -> None:
    files = {"model": example("model"), "certificate": example("certificate")}
    files[kind] = files[kind].replace(old, new, 1)
    verdict = check(files["model"], files["certificate"])
    assert verdict.verdict == "declined"
    assert verdict.reason.startswith(f"{kind}: ")


def test_limits_are_those_of_the_checker() -> None:
    stated = {name: int(value) for name, value in re.findall(r"`(MAX_\w+)` \| (\d+)", PAGE)}
    assert stated == kernel_limits()


def test_keys_of_a_verdict() -> None:
    keys = table_keys("Verdict")
    stated = set(keys) - {"accepted", "rejected", "declined"}
    assert stated == {field.name for field in fields(Verdict)}
