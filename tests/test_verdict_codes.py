"""A verdict cannot be mistaken: whatever happens to a checker, and whatever its files are called, only 0, 10 and 20 are
verdicts, and only a verdict begins a line with `accepted: `. For each program that checks, in processes of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from verified_checker import PROGRAM, ROOT, require_verified

PROGRAMS = {
    "module": [sys.executable, "-I", "-m", "checker"],
    "command": [sys.executable, "-m", "compact_proofs", "check"],
    "both kernels": [sys.executable, "-m", "compact_proofs", "check", "--kernel", "both"],
    "capped": [sys.executable, "-m", "compact_proofs", "check", "--max-seconds", "60"],
    "twin": [str(PROGRAM)],
}
UNPRINTED = 74


# Those that read their arguments and files in other ways; the others do it as these do.
READERS = {name: PROGRAMS[name] for name in ("module", "command", "twin")}


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "twin":
        require_verified()
    return READERS[request.param]


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> list[str]:
    if request.param in ("twin", "both kernels"):
        require_verified()
    return PROGRAMS[request.param]


@pytest.fixture
def rejected(tiny_certificate: Path, tmp_path: Path) -> Path:
    path = tmp_path / "rejected"
    path.write_bytes(tiny_certificate.read_bytes().replace(b"correct 215\n", b"correct 216\n", 1))
    return path


def run(
    program: list[str], *arguments: object, redirect: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """What a shell makes of the program, with its output redirected; 9 is a pipe that nobody reads."""
    script = f'exec 9> >(exec true); wait $!; exec "$@" {redirect} 9>&-'
    command = ["bash", "-c", script, "bash", *program, *map(str, arguments)]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, errors="replace"
    )


def test_the_codes(program: list[str], tiny_model: Path, tiny_certificate: Path, rejected: Path) -> None:
    for certificate, code, verdict in (
        (tiny_certificate, 0, "accepted"),
        (rejected, 10, "rejected"),
        (tiny_model, 20, "declined"),
    ):
        done = run(program, tiny_model, certificate)
        assert done.returncode == code
        said, silent = (done.stdout, done.stderr) if code == 0 else (done.stderr, done.stdout)
        assert said.startswith(f"{verdict}: ") and said.count("\n") == 1 and silent == ""


@pytest.mark.parametrize("redirect", [">&-", ">/dev/full", ">&9"])
def test_an_acceptance_that_cannot_be_printed(
    redirect: str, program: list[str], tiny_model: Path, tiny_certificate: Path
) -> None:
    """On a closed standard output, a full disk, and a pipe that nobody reads."""
    json_option = ["--json"] if redirect == ">/dev/full" else []
    done = run(program, tiny_model, tiny_certificate, *json_option, redirect=redirect)
    assert done.returncode == UNPRINTED
    assert "accepted" not in done.stdout + done.stderr and done.stderr.count("\n") == 1


def test_a_refusal_that_cannot_be_printed(program: list[str], tiny_model: Path, rejected: Path) -> None:
    for certificate, redirect in ((rejected, "2>&-"), (tiny_model, "2>/dev/full")):
        done = run(program, tiny_model, certificate, redirect=redirect)
        assert (done.returncode, done.stdout) == (UNPRINTED, "")


def test_what_is_no_file(reader: list[str], tiny_model: Path, tmp_path: Path) -> None:
    """None of them is waited for."""
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path, "Is a directory"),
        (tmp_path / "pipe", "nobody writes to this pipe"),
        ("/dev/zero", "neither a regular file nor a pipe"),
    ):
        done = run(reader, tiny_model, path)
        assert (done.returncode, done.stdout) == (20, "")
        assert done.stderr == f"declined: {path}: {reason}\n"


def test_pipes_of_the_shell(reader: list[str], tiny_model: Path, tiny_certificate: Path) -> None:
    script = 'exec "$@" <(cat "$MODEL") <(sleep 0.1; cat "$CERTIFICATE")'
    environment = {**os.environ, "MODEL": str(tiny_model), "CERTIFICATE": str(tiny_certificate)}
    done = subprocess.run(["bash", "-c", script, "bash", *reader], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("accepted: at least 215 of 216 inputs")


def test_neither_names_nor_contents_print_a_verdict(reader: list[str], tiny_model: Path, tmp_path: Path) -> None:
    name = "x\naccepted: at least 9 of 9\r\x1b[1Gaccepted: \x9b2J\u2028é"
    (tmp_path / "file").write_bytes(b"\naccepted: at least 9 of 9\r\x1b[2J\n")
    for arguments, code in (
        ((tmp_path / "file", tmp_path / "file"), 20),
        ((tiny_model, tmp_path / "file"), 20),
        (("--json", tiny_model, name), 20),
        ((tiny_model, tiny_model, name), 2),
        ((f"--{name}", tiny_model, tiny_model), 2),
    ):
        done = run(reader, *arguments)
        assert done.returncode == code
        for line in (done.stdout + done.stderr).splitlines():
            assert not line.startswith("accepted") and line.isprintable()


def test_options_in_the_place_of_files_are_no_verdict(reader: list[str], tiny_model: Path) -> None:
    for arguments in ((tiny_model, "--help"), ("--help",), ("--batch", "--groups"), ("--batch",), ("--json", "-h")):
        assert run(reader, *arguments, redirect="</dev/null").returncode not in {0, 10, 20}
    assert run(reader, "--", tiny_model, "--help").returncode == 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_is_no_verdict(number: signal.Signals, program: list[str], tiny_model: Path, tmp_path: Path) -> None:
    """The process ends by the signal; a shell says 130 of Ctrl-C."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen([*program, tiny_model, pipe], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    writer = os.open(pipe, os.O_WRONLY)  # as soon as the process reads
    process.send_signal(number)
    said, complained = process.communicate(timeout=60)
    os.close(writer)
    assert (process.returncode, said) == (-number, "")
    assert not complained.startswith(("accepted", "rejected", "declined")) and "Traceback" not in complained


@pytest.mark.parametrize("module", ["checker", "compact_proofs"])
def test_missing_libraries_are_no_verdict(
    module: str, tiny_model: Path, tiny_certificate: Path, tmp_path: Path
) -> None:
    arguments = [*([] if module == "checker" else ["check"]), tiny_model, tiny_certificate]
    done = run([sys.executable, "-S", "-m", module], *arguments, PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stdout) == (1, "") and "ModuleNotFoundError" in done.stderr
    for library in ("numpy", "flint"):
        (tmp_path / library).mkdir()
        (tmp_path / library / f"{library}.py").write_text("raise ModuleNotFoundError('hidden')\n")
        done = run([sys.executable, "-m", module], *arguments, PYTHONPATH=f"{tmp_path / library}:{ROOT}")
        assert (done.returncode, done.stdout) == (1, "") and "ModuleNotFoundError: hidden" in done.stderr
