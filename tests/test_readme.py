"""The README is true: its sessions are replayed.

    .venv/bin/python tests/test_readme.py

writes what the commands print now into the README, the hash of the single-file checker among it. Sessions marked
`timed`, which print times and take a while, are replayed with `--timed` only. Those marked `stranger` are
replayed where Python has NumPy and python-flint, and nothing else.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bare_environment import bare_environment

from certificates.strategies import STRATEGIES

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SESSION = re.compile(r"^```console( timed| stranger)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def replay(readme: str, directory: Path, timed: bool) -> str:
    """`readme` with the output of each session's commands, run one after the other in `directory`."""
    for part in ("checker", "compact_proofs", "models", "tests"):
        (directory / part).symlink_to(ROOT / part)
    bare = bare_environment(directory / "bare")

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


def test_sessions_print_what_the_readme_shows(tmp_path: Path) -> None:
    readme = README.read_text(encoding="utf-8")
    printed = SESSION.findall(replay(readme, tmp_path, timed=False))
    assert printed == SESSION.findall(readme)


def test_the_table_of_the_demo_is_that_of_the_session() -> None:
    """It is recorded by itself, because it has times."""
    readme = README.read_text(encoding="utf-8")
    table = {name: row.split() for name, row in re.findall(r"^ ([\w-]+) +accepted +(.*)$", readme, re.MULTILINE)}
    size, claimed, operations = re.findall(r": (\d+) bytes by exact, claims (\d+) correct inputs in (\d+) ", readme)[0]
    shown = [table["exact"][i].replace(",", "") for i in (3, 0, 2)]
    assert shown == [size, claimed, operations]
    assert table["brute-force"][0] == table["exact"][0] and list(table) == list(STRATEGIES)
    many = int(table["brute-force"][2].replace(",", ""))
    assert "`exact` needs a thousandth of its operations" in readme
    assert 0.0005 < int(operations) / many < 0.0015


def test_the_python_example_prints_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(ROOT / "models")
    (code,) = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert printed.split() == re.findall(r"# (.*)", code)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        timed = "--timed" in sys.argv
        text = replay(README.read_text(encoding="utf-8"), Path(temporary).resolve(), timed=timed)
    if "Traceback" in text:
        raise SystemExit("a command in the README fails; the README stays as it is")
    README.write_text(text, encoding="utf-8")
