"""Packages of other people with the names of ours are noticed, and said in one line."""

import os
import shutil
import subprocess
import sys
import tomllib
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from compact_proofs import own_packages

ROOT = Path(__file__).parent.parent
COMMAND = "from compact_proofs.__main__ import run\nrun()\n"


def python(folder: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("name", own_packages.NAMES)
def test_a_module_in_the_working_directory(name: str, tmp_path: Path) -> None:
    own = ROOT / name / "__init__.py"
    (tmp_path / f"{name}.py").write_text("check = None\n")
    run = python(tmp_path, "-c", "import compact_proofs")
    assert run.returncode != 0
    assert run.stderr.splitlines()[-1] == (
        f"ImportError: {name} is {tmp_path / name}.py, not the package of compact-proofs, {own}: "
        "rename the other one, or keep its folder off Python's path (python -P)"
    )
    assert python(tmp_path, "-P", "-c", "import compact_proofs").returncode == 0


def test_it_is_one_line_for_the_module_that_is_run(tmp_path: Path) -> None:
    (tmp_path / "checker.py").write_text("")
    run = python(tmp_path, "-m", "compact_proofs", "strategies")
    assert run.returncode != 0 and run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert f"checker is {tmp_path / 'checker.py'}, not the package of compact-proofs" in run.stderr


def test_a_module_that_was_imported_before(tmp_path: Path) -> None:
    (tmp_path / "checker.py").write_text("__spec__ = None\n")
    run = python(tmp_path, "-c", "import checker, sys; sys.path.pop(0); import compact_proofs")
    assert f"ImportError: checker is {tmp_path / 'checker.py'}" in run.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages as they are installed, with the list of their files."""
    site = tmp_path_factory.mktemp("site").resolve()
    lines = []
    for name in ("compact_proofs", *own_packages.NAMES):
        shutil.copytree(ROOT / name, site / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in sorted((site / name).rglob("*")):
            if path.is_file():
                data = path.read_bytes()
                digest = urlsafe_b64encode(sha256(data).digest()).decode().rstrip("=")
                lines.append(f"{path.relative_to(site)},sha256={digest},{len(data)}\n")
    information = site / "compact_proofs-0.1.0.dist-info"
    information.mkdir()
    (information / "RECORD").write_text("".join([*lines, f"{information.name}/RECORD,,\n"]))
    (site / "compact-proofs").write_text(COMMAND)
    return site


def test_files_of_another_distribution(installed: Path) -> None:
    """That were installed over ours, or that took one of ours with them."""
    command = ["compact-proofs", "--help"]
    run = python(installed, *command, path=str(installed))
    assert run.returncode == 0, run.stderr
    overwritten, removed = installed / "checker" / "__init__.py", installed / "certificates" / "costs.py"
    for path in (overwritten, removed):
        data = path.read_bytes()
        if path == removed:
            path.unlink()
        else:
            path.write_text("def check() -> bool:\n    return True\n")
        run = python(installed, *command, path=str(installed))
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr == (
            f"compact-proofs: {path} is not the file that compact-proofs installed: install compact-proofs again\n"
        )
        path.write_bytes(data)


def test_every_package_that_is_installed_is_watched() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(packages) == sorted([*own_packages.NAMES, "compact_proofs"])
    # Each says that its annotations are for users, too (PEP 561).
    assert all((ROOT / name / "py.typed").is_file() for name in packages)
