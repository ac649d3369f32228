"""The checker as a single file: the same bytes everywhere, and enough where Python, NumPy and python-flint are."""

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from bare_environment import bare_environment

from checker.__main__ import EXIT_CODES
from compact_proofs.single_file import main, single_file

ROOT = Path(__file__).parent.parent
KERNEL = ROOT / "checker"


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    """Whatever the times and modes of its files, the order in which they were written, and what lies beside them."""
    copy = tmp_path / "elsewhere"
    for path in sorted(KERNEL.rglob("*.py"), reverse=True):
        target = copy / path.relative_to(KERNEL)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        target.chmod(0o600)
        os.utime(target, (10**9, 10**9))
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "check.cpython-311.pyc").write_bytes(b"compiled")
    assert single_file(copy) == single_file()


def test_it_holds_the_kernel_what_reads_bundles_and_what_starts_them() -> None:
    with ZipFile(BytesIO(single_file())) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert list(contents) == sorted(contents)
    assert b'runpy.run_module("checker"' in contents.pop("__main__.py")
    assert contents.pop("bundle_file.py") == (KERNEL.parent / "compact_proofs" / "bundle_file.py").read_bytes()
    assert contents == {f"checker/{path.relative_to(KERNEL)}": path.read_bytes() for path in KERNEL.rglob("*.py")}


def test_the_command_prints_the_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "checker.pyz"
    assert main(["-o", str(output)]) == 0
    data = output.read_bytes()
    assert data == single_file()
    assert capsys.readouterr().out == f"{output}: {len(data)} bytes, sha256 {sha256(data).hexdigest()}\n"


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_environment(tmp_path_factory.mktemp("bare")) / "python"


@pytest.fixture
def received(tmp_path: Path, bare_python: Path, tiny_model: Path, tiny_certificate: Path) -> Path:
    """A folder with the single file, made in the bare environment, and the two files that it is to check."""
    shutil.copy(tiny_model, tmp_path / "model")
    shutil.copy(tiny_certificate, tmp_path / "certificate")
    script, output = ROOT / "compact_proofs" / "single_file.py", tmp_path / "checker.pyz"
    subprocess.run([bare_python, "-I", script, "-o", output], check=True, capture_output=True)
    return tmp_path


def checked(python: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-I", "checker.pyz", "model", "certificate"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_environment_has_nothing_else(bare_python: Path) -> None:
    for name in ("checker", "compact_proofs", "click", "safetensors", "pip"):
        run = subprocess.run([bare_python, "-I", "-c", f"import {name}"], capture_output=True, text=True)
        assert f"No module named '{name}'" in run.stderr


def test_it_gives_every_verdict(bare_python: Path, received: Path) -> None:
    assert (received / "checker.pyz").read_bytes() == single_file()
    accepted = checked(bare_python, received)
    assert accepted.returncode == EXIT_CODES["accepted"], accepted.stderr
    installed = [sys.executable, "-I", "-m", "checker", "model", "certificate"]
    assert accepted.stdout == subprocess.run(installed, cwd=received, capture_output=True, text=True).stdout
    certificate = (received / "certificate").read_bytes()
    (received / "certificate").write_bytes(certificate.replace(b"\ncorrect 215\n", b"\ncorrect 216\n"))
    rejected = checked(bare_python, received)
    assert rejected.returncode == EXIT_CODES["rejected"] and rejected.stderr.startswith("rejected: total: ")
    (received / "certificate").write_bytes(certificate[:100])
    declined = checked(bare_python, received)
    assert declined.returncode == EXIT_CODES["declined"] and declined.stderr.startswith("declined: ")


def test_nothing_in_the_working_directory_stands_in(bare_python: Path, received: Path) -> None:
    for name in ("argparse", "checker", "flint", "json", "numpy", "runpy"):
        (received / f"{name}.py").write_text('print("accepted: all")\nraise SystemExit(0)\n')
    run = checked(bare_python, received)
    assert run.stdout.startswith("accepted: at least 215 of 216 inputs"), run.stderr
