"""`tests/run` builds the verified checker and demands its tests, or leaves it out where it is told to."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RECORD = '#!/bin/sh\necho "$(basename "$0") $* required:$COMPACT_PROOFS_REQUIRE_VERIFIED" >> "$RECORDED"\n'
# Every Debian package is there.
INSTALLED = "#!/bin/sh\necho installed\n"
# The script asks Python for a list, and has it do the rest.
PYTHON = f'#!/bin/sh\nif [ "$1" = tests/project.py ]; then exec "{sys.executable}" "$@"; fi\n{RECORD}'


@pytest.mark.parametrize("skip", [False, True])
def test_the_verified_checker_can_be_left_out(skip: bool, tmp_path: Path) -> None:
    """In a copy whose programs do nothing but record that they were called."""
    for name in ("tests/run", "tests/project.py", "pyproject.toml", "verified/Makefile"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    scripts = {".venv/bin/python": PYTHON, "bin/dpkg-query": INSTALLED}
    recorded = [".venv/bin/ruff", ".venv/bin/mypy", ".venv/bin/coverage", "bin/make", "bin/apt-get"]
    for name, text in {**dict.fromkeys(recorded, RECORD), **scripts}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COMPACT_PROOFS_")}
    environment |= {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "RECORDED": str(tmp_path / "calls")}
    environment |= {"COMPACT_PROOFS_SKIP_VERIFIED": "1"} if skip else {}
    run = subprocess.run(["bash", "tests/run"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[0] for call in calls if "apt-get" not in call] == (
        ["python", "ruff", "mypy", *([] if skip else ["make"]), "coverage", "coverage", "python"]
    )
    assert calls[-1] == f"python -m pytest -q --durations=20 required:{'' if skip else '1'}"
    assert not any("apt-get" in call for call in calls)
