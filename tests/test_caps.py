"""`compact-proofs check --max-seconds --max-memory`: a check that is ended, by a cap or otherwise, accepts nothing."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from verified_checker import require_verified

from compact_proofs import command_line, verified
from compact_proofs.isolated import Caps, CheckerFailed, OverCap, run_capped

PLENTY = ["--max-seconds", "60", "--max-memory", "2GiB"]
LINE = "accepted: at least 1 of 1 inputs are classified correctly"


def outcome(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """The exit code of a check, and what it printed."""
    code = command_line.main(["check", *map(str, arguments)])
    return code, *capsys.readouterr()


def failure(
    script: str,
    caps: Caps = Caps(seconds=30),  # noqa: B008
    kind: type[Exception] = CheckerFailed,
) -> str:
    """Why a shell script is no whole check."""
    with pytest.raises(kind) as raised:
        run_capped(["/bin/sh", "-c", script], caps)
    return str(raised.value)


@pytest.fixture(params=["python", "coq", "both"])
def kernel(request: pytest.FixtureRequest) -> str:
    """A kernel that is there."""
    if request.param != "python":
        require_verified()
    return str(request.param)


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_within_the_caps_nothing_changes(
    tiny_model: Path, tiny_certificate: Path, kernel: str, json_option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    check = [tiny_model, tiny_certificate, "--kernel", kernel, *json_option]
    free, capped = outcome(capsys, *check), outcome(capsys, *check, *PLENTY)
    if json_option:
        verdicts = [{**json.loads(printed[1]), "seconds": 0} for printed in (free, capped)]
        assert verdicts[0] == verdicts[1]
    else:
        assert free == capped
    assert capped[0] == 0 and "declined" not in capped[1] + capped[2]


def test_refusals_are_passed_on(
    tiny_model: Path, tiny_certificate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = tmp_path / "forged.certificate"
    forged.write_bytes(tiny_certificate.read_bytes().replace(b"correct 215\n", b"correct 216\n"))
    assert outcome(capsys, tiny_model, forged, *PLENTY)[0] == 10
    code, output, errors = outcome(capsys, tiny_certificate, tiny_model, "--json", *PLENTY)
    assert (code, json.loads(output)["verdict"]) == (20, "declined") and errors.startswith("declined: model: ")
    code, output, errors = outcome(capsys, tmp_path / "missing", tiny_certificate, *PLENTY)
    assert (code, output) == (20, "") and "No such file" in errors
    assert outcome(capsys, tiny_model, "--", "--help", *PLENTY)[0] == 2


def test_files_of_the_shell(tiny_model: Path, tiny_certificate: Path) -> None:
    """A pipe that has no name but its number is passed on."""
    script = '"$0" -m compact_proofs check "$1" /dev/fd/9 --max-seconds 60 9< <(cat "$2")'
    command = ["bash", "-c", script, sys.executable, tiny_model, tiny_certificate]
    assert subprocess.run(command, stdout=subprocess.PIPE).returncode == 0


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_too_much_time_is_declined(
    tiny_model: Path, tiny_certificate: Path, json_option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, output, errors = outcome(capsys, tiny_model, tiny_certificate, "--max-seconds", "0.02", *json_option)
    assert code == 20
    assert errors == "declined: the check took longer than --max-seconds 0.02 allows\n"
    if json_option:
        verdict = json.loads(output)
        assert (verdict["verdict"], verdict["correct_at_least"]) == ("declined", 0)
        assert errors == f"declined: {verdict['reason']}\n"
    else:
        assert output == ""


@pytest.mark.parametrize("name", ["coq", "both"])
def test_a_verified_checker_that_takes_too_long_is_ended(
    name: str,
    tiny_model: Path,
    tiny_certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the middle of its work: it is given more time until it has begun."""
    program, begun = tmp_path / "compact-proofs-verified", tmp_path / "begun"
    program.write_text(f"#!/bin/sh\necho $$ > '{begun}'\nexec sleep 1000\n")
    program.chmod(0o755)
    monkeypatch.setenv(verified.VARIABLE, str(program))
    for seconds in (2, 8, 32, 128):
        arguments = [tiny_model, tiny_certificate, "--kernel", name, "--max-seconds", seconds]
        assert outcome(capsys, *arguments)[:2] == (20, "")
        if begun.exists():
            break
    # A process that was killed may take a moment to end.
    stat = Path(f"/proc/{begun.read_text().strip()}/stat")
    latest = time.monotonic() + 60
    while stat.exists() and not stat.read_text().split(") ")[1].startswith("Z"):
        assert time.monotonic() < latest
        time.sleep(0.05)


def test_what_a_check_may_take_and_use(tmp_path: Path) -> None:
    """The time of the processor is a second more than the time that passes; libraries have one thread."""
    script = f"(ulimit -Ht; ulimit -t; ulimit -v; echo $OMP_NUM_THREADS $OPENBLAS_NUM_THREADS) > $0; echo {LINE}"
    found = tmp_path / "found"
    for caps, limits in (
        (Caps(4.5, 2**32), ["6", "6", str(2**22), "1 1"]),
        (Caps(seconds=5), ["6", "6", "unlimited", "1 1"]),
        (Caps(memory=2**31), ["unlimited", "unlimited", str(2**21), "1 1"]),
    ):
        assert run_capped(["/bin/sh", "-c", script, str(found)], caps)[0] == 0
        assert found.read_text().splitlines() == limits


@pytest.mark.parametrize("cap", ["--max-memory=20971520", "--max-memory=62914560", "--max-memory=1"])
def test_too_little_memory_to_begin_is_no_verdict(
    tiny_model: Path, tiny_certificate: Path, cap: str, kernel: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is said about the files where Python or a library does not start."""
    code, output, errors = outcome(capsys, tiny_model, tiny_certificate, "--json", "--kernel", kernel, cap)
    assert (code, output) == (40, "")
    assert errors.startswith("compact-proofs: the check ") and errors.count("\n") == 1
    assert f" without a verdict, under {cap.replace('=', ' ')}" in errors


def test_memory_that_runs_out_during_the_check(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python says so itself, but not which cap it was."""
    script = "echo 'declined: resources: MemoryError' >&2; exit 20"
    said = "resources: MemoryError, under --max-memory 1073741824"
    assert failure(script, Caps(memory=2**30), OverCap) == said
    monkeypatch.setattr(command_line, "run_capped", lambda _, caps: run_capped(["/bin/sh", "-c", script], caps))
    assert outcome(capsys, tiny_model, tiny_model, "--max-memory=1GiB") == (20, "", f"declined: {said}\n")


def test_a_file_named_like_a_lack_of_memory(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("resources: x", "resources: MemoryError"):
        said = f"declined: {name}: No such file or directory\n"
        assert outcome(capsys, tiny_model, name, "--max-seconds=60") == (20, "", said)


@pytest.mark.parametrize(
    ("code", "passed"), [(2, True), (30, True), (40, False), (0, False), (10, False), (20, False), (1, False)]
)
def test_why_there_is_no_verdict_is_passed_on(code: int, passed: bool) -> None:
    """Of a checker that was ended, with the caps, which may be the reason."""
    script = f"echo 'compact-proofs: why' >&2; exit {code}"
    if passed:
        assert run_capped(["/bin/sh", "-c", script], Caps(5)) == (code, "", "compact-proofs: why\n")
    elif code == 40:
        assert failure(script, Caps(5)) == "why, under --max-seconds 5"
    else:
        assert failure(script, Caps(5)) == f"the check ended with code {code} without a verdict, under --max-seconds 5"


def test_time_that_runs_out_ends_all_processes() -> None:
    """Also those that the check has started."""
    start = time.perf_counter()
    with pytest.raises(OverCap, match="longer than --max-seconds 0.3"):
        run_capped(["/bin/sh", "-c", f"sleep 100 & echo {LINE}; sleep 100"], Caps(0.3))
    assert time.perf_counter() - start < 10


def test_memory_is_capped() -> None:
    script = "numbers = bytearray(2**31); print('accepted: at least 1 of 1')"
    with pytest.raises(CheckerFailed, match="code 1 without a verdict, under --max-memory 1073741824"):
        run_capped([sys.executable, "-I", "-c", script], Caps(memory=2**30))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -9 $$", "was ended by SIGKILL"),
        (f"echo {LINE}; kill -9 $$", "was ended by SIGKILL"),
        ("kill -SEGV $$", "was ended by SIGSEGV"),
        ("exit 0", "ended with code 0"),
        ("exit 1", "ended with code 1"),
        ("exit 10", "ended with code 10"),
        ("exit 20", "ended with code 20"),
        (f"echo {LINE}; exit 3", "ended with code 3"),
        (f"echo {LINE}; exit 10", "ended with code 10"),
        ("echo 'declined: x' >&2; echo 'declined: y' >&2; exit 20", "ended with code 20"),
        (f"printf '%s' '{LINE}'", "ended with code 0"),
        (f"echo {LINE[:-20]}; echo {LINE}", "ended with code 0"),
        ("echo rejected: group", "ended with code 0"),
        ('echo \'{"verdict": "accepted", "correct_at\'', "ended with code 0"),
        ('echo \'{"verdict": "rejected"}\'', "ended with code 0"),
        ("echo '{}'", "ended with code 0"),
        (f"echo '{LINE}'; echo Traceback >&2", "ended with code 0"),
        ("echo Traceback >&2; exit 1", "ended with code 1"),
        ("echo 'declined: x' >&2; exit 10", "ended with code 10"),
    ],
)
def test_anything_but_a_whole_verdict_is_none(script: str, reason: str) -> None:
    assert failure(script) == f"the check {reason} without a verdict, under --max-seconds 30"


def test_killed_from_outside(
    tiny_model: Path, tiny_certificate: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By kill -9 while it checks, as the kernel of the system does where memory is short."""
    started = subprocess.Popen

    def killed(*arguments: object, **options: object) -> "subprocess.Popen[str]":
        process: subprocess.Popen[str] = started(*arguments, **options)  # type: ignore[call-overload]
        threading.Timer(0.05, process.send_signal, [signal.SIGKILL]).start()
        return process

    monkeypatch.setattr(subprocess, "Popen", killed)
    code, output, errors = outcome(capsys, tiny_model, tiny_certificate, *PLENTY)
    assert (code, output) == (40, "") and "SIGKILL without a verdict" in errors


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "x", "", "1TB", "512mi", "1 GB", "01", "1e9"])
def test_what_is_no_size(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, errors = outcome(capsys, "model", "certificate", f"--max-memory={value}")
    assert (code, output) == (2, "") and "is not a number of bytes, such as 1GB or 512MiB" in errors


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "x"])
def test_what_is_no_time(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, errors = outcome(capsys, "model", "certificate", f"--max-seconds={value}")
    assert (code, output) == (2, "") and errors.count("\n") == 1
