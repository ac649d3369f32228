"""The README and pages of the documentation are true: their sessions are replayed.

    .venv/bin/python tests/test_readme.py

writes what the commands print now into the pages, the hash of the single-file checker among it. Sessions marked
`timed`, which print times and take a while, are replayed with `--timed` only. Those marked `stranger` are
replayed where Python has NumPy and python-flint, and nothing else.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from bare_environment import bare_environment

from certificates.strategies import STRATEGIES

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
# Each page's sessions are one after the other in a folder of their own.
PAGES = [README, *(ROOT / "docs" / f"{name}.md" for name in ("quick_start", "reading_a_verdict", "trust", "report"))]
SESSION = re.compile(r"^```console( timed| stranger)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def replay(readme: str, directory: Path, timed: bool) -> str:
    """`readme` with the output of each session's commands, run one after the other in `directory`."""
    for part in ("checker", "compact_proofs", "models", "tests"):
        (directory / part).symlink_to(ROOT / part)
    bare = bare_environment(directory / "bare") if "```console stranger" in readme else directory

    def session(found: re.Match[str]) -> str:
        if found[1] == " timed" and not timed:
            return found[0]
        programs = bare if found[1] == " stranger" else Path(sys.executable).parent
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        lines = []
        for command in re.findall(r"^\$ (.*)$", found[2], re.MULTILINE):
            process = subprocess.run(
                ["bash", "-c", command],
                cwd=directory,
                env={**os.environ, "PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=600,
            )
            output = process.stdout.replace(f"{directory}/", "")
            output = re.sub(rf"{re.escape(str(Path(sys.executable).parent))}/python\S*", "python", output)
            lines += [f"$ {command}\n", output]
        return f"```console{found[1] or ''}\n{''.join(lines)}```"

    return SESSION.sub(session, readme)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_sessions_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    printed = SESSION.findall(replay(text, tmp_path, timed=False))
    assert printed == SESSION.findall(text)


def test_the_table_of_the_demo_agrees_with_the_session() -> None:
    """It is recorded by itself, because it has times."""
    readme = README.read_text(encoding="utf-8")
    rows = re.findall(r"^ ([\w-]+) +accepted +([\d.]+%) +([\d,]+) +[\d.]+ +[\d.]+$", readme, re.MULTILINE)
    bounds = {name: bound for name, bound, _ in rows}
    operations = {name: int(number.replace(",", "")) for name, _, number in rows}
    assert list(bounds) == list(STRATEGIES)
    ((proved, length),) = set(re.findall(r" of 16777216 inputs \(([\d.]+%)\) .* proved in (\d+) operations", readme))
    assert bounds["exact"] == bounds["brute-force"] == proved
    assert operations["exact"] == int(length)
    assert "`exact` needs a thousandth of its operations, and proves\nthe same." in readme
    assert 0.0005 < operations["exact"] / operations["brute-force"] < 0.0015


@pytest.mark.parametrize("name", ["README.md", "docs/api.md", "docs/reading_a_verdict.md"])
def test_the_python_example_prints_what_it_says(name: str, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(ROOT / "models")
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / name).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == re.findall(r"# (.*)", code)


if __name__ == "__main__":
    for written in PAGES:
        with tempfile.TemporaryDirectory() as temporary:
            timed = "--timed" in sys.argv
            text = replay(written.read_text(encoding="utf-8"), Path(temporary).resolve(), timed=timed)
        if "Traceback" in text:
            raise SystemExit(f"a command in {written.name} fails; the page stays as it is")
        written.write_text(text, encoding="utf-8")
