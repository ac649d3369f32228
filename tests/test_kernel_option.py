"""`compact-proofs check --kernel`: the verified checker beside the Python kernel, or a word on how to build it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from verified_checker import PROGRAM, require_verified

from certificates.strategies import prove
from checker import check
from compact_proofs import verified
from compact_proofs.__main__ import run
from model_export.exact_model import export

ROOT = Path(__file__).parent.parent
TINY = ROOT / "models" / "tiny.safetensors"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A model file and a certificate file for it."""
    model, certificate = tmp_path / "tiny.model", tmp_path / "tiny.certificate"
    export(TINY, model)
    certificate.write_bytes(prove(model.read_bytes(), "exact"))
    return str(model), str(certificate)


def outcome(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of the command line."""
    monkeypatch.setattr(sys, "argv", ["compact-proofs", "check", *arguments])
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(run())
    return int(ended.value.code or 0)


def test_not_built(files: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(verified, "clones", list)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv(verified.VARIABLE, raising=False)
    assert outcome([*files, "--kernel", "coq"], monkeypatch) == 2
    assert "make -C verified" in capsys.readouterr().err


def program_in(folder: Path) -> Path:
    """A program of the verified checker's name, which does nothing."""
    folder.mkdir(parents=True)
    (folder / verified.PROGRAM).write_text("#!/bin/sh\n")
    (folder / verified.PROGRAM).chmod(0o755)
    return folder / verified.PROGRAM


def test_where_it_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the variable names, before what is built in a clone, before the PATH; never in the working directory."""
    program_in(tmp_path / "verified")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verified, "clones", list)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv(verified.VARIABLE, raising=False)
    with pytest.raises(verified.NotBuilt):
        verified.program()
    on_path = program_in(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert verified.program() == str(on_path)
    built = program_in(tmp_path / "clone" / "verified")
    monkeypatch.setattr(verified, "clones", lambda: [tmp_path / "none", tmp_path / "clone"])
    assert verified.program() == str(built)
    named = program_in(tmp_path / "named")
    monkeypatch.setenv(verified.VARIABLE, str(named))
    assert verified.program() == str(named)
    monkeypatch.setenv(verified.VARIABLE, str(tmp_path))
    with pytest.raises(verified.NotBuilt, match=f"{verified.VARIABLE} names {tmp_path}, which is no program"):
        verified.program()


@pytest.mark.parametrize(
    ("record", "folders"),
    [
        ('{"dir_info": {}, "url": "file:///home/u/a%20clone"}', [Path("/home/u/a clone")]),
        ('{"dir_info": {"editable": true}, "url": "file:///home/u/clone"}', [Path("/home/u/clone")]),
        ('{"archive_info": {}, "url": "file:///home/u/wheel.whl"}', []),
        (None, []),
    ],
)
def test_the_clone_that_was_installed(
    record: str | None, folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pip install .` copies the packages elsewhere, but keeps a record of the folder."""
    information = tmp_path / "compact_proofs-0.1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: compact-proofs\nVersion: 0.1.0\n")
    if record is not None:
        (information / "direct_url.json").write_text(record)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(verified, "__file__", "/usr/lib/python3/compact_proofs/verified.py")
    assert verified.clones() == [Path("/usr/lib/python3"), *folders]


def test_not_installed_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages may be copied by hand."""
    monkeypatch.setattr(sys, "path", [])
    assert len(verified.clones()) == 1
def answering(folder: Path, answer: object, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in the place of the verified checker, which keeps a copy of what it is given to read."""
    (folder / "answer").write_text(answer if isinstance(answer, str) else json.dumps(answer))
    program = folder / "program"
    program.write_text(f'#!/bin/sh\ncd {folder}\ncat "$4" > model\ncat "$5" > certificate\ncat answer\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setenv(verified.VARIABLE, str(program))


@pytest.fixture
def true_answer(files: tuple[str, str]) -> dict[str, object]:
    """What the verified checker says of the files."""
    counts: list[int] = []
    verdict = check(Path(files[0]).read_bytes(), Path(files[1]).read_bytes(), counts)
    names = ("verdict", "reason", "correct_at_least", "total", "model_sha256")
    return {**{name: getattr(verdict, name) for name in names}, "groups": counts}


def last_count_changed(answer: dict[str, Any]) -> dict[str, Any]:
    return {"groups": [*answer["groups"][:-1], answer["groups"][-1] + 1]}


@pytest.mark.parametrize(
    ("change", "program_code", "code", "says"),
    [
        (lambda answer: {}, 0, 0, "by both kernels"),
        (lambda answer: {"correct_at_least": 216}, 0, 30, "verified checker, accepted: at least 216 of 216"),
        (lambda answer: {"total": 217}, 0, 30, "verified checker, accepted: at least 215 of 217"),
        (lambda answer: {"verdict": "rejected", "reason": "group 1"}, 10, 30, "verified checker, rejected: group 1"),
        (lambda answer: {"verdict": "declined", "reason": "why"}, 20, 30, "verified checker, declined: why"),
        (last_count_changed, 0, 30, "the Python kernel found 36, the verified one 37"),
        (lambda answer: {"groups": answer["groups"][1:]}, 0, 30, "in group number 0, the Python kernel found"),
        (lambda answer: {"groups": answer["groups"][:-1]}, 0, 30, "found 36, the verified one nothing"),
        (lambda answer: {"model_sha256": "0" * 64}, 0, 40, f"about another model, {'0' * 64}"),
        (lambda answer: {"model_sha256": ""}, 0, 40, "about another model"),
        # What is printed counts only with the exit code.
        (lambda answer: {}, 10, 40, "accepted, but exit code 10"),
        (lambda answer: {}, 1, 40, "accepted, but exit code 1"),
        (lambda answer: {"verdict": "rejected", "reason": "group 1"}, 0, 40, "rejected, but exit code 0"),
        (lambda answer: {"verdict": "Accepted"}, 0, 40, "Accepted, but exit code 0"),
    ],
)
@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_compared(
    files: tuple[str, str],
    true_answer: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], dict[str, Any]],
    program_code: int,
    code: int,
    says: str,
    json_option: list[str],
) -> None:
    """What differs in any part is no success, and no verdict either."""
    answering(tmp_path, {**true_answer, **change(true_answer)}, program_code, monkeypatch)
    assert outcome([*files, "--kernel", "both", *json_option], monkeypatch) == code
    printed = capsys.readouterr()
    if code:
        assert printed.out == "" and printed.err.startswith("compact-proofs: ") and printed.err.count("\n") == 1
        assert says in printed.err
    elif json_option:
        found = json.loads(printed.out)
        assert (found["verdict"], found["correct_at_least"]) == ("accepted", 215)
        assert found["verified"] == {name: value for name, value in true_answer.items() if name != "groups"}
    else:
        assert says in printed.out and str(true_answer["model_sha256"]) in printed.out


def test_a_rejection_keeps_its_place(
    files: tuple[str, str],
    true_answer: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The words are those of the Python kernel, and the counts are compared, too."""
    model, certificate = files
    forged = re.sub(r"(?m)^(group label 2 queries 0 0) correct \d+", r"\1 correct 216", Path(certificate).read_text())
    Path(certificate).write_text(forged)
    counts: list[int] = []
    rejected = check(Path(model).read_bytes(), forged.encode(), counts)
    assert rejected.verdict == "rejected" and rejected.reason.startswith("group label 2 queries 0 0: claimed 216")
    answer = {**true_answer, "verdict": "rejected", "reason": "words", "correct_at_least": 0, "total": 0}
    answering(tmp_path, {**answer, "groups": counts}, 10, monkeypatch)
    assert outcome([*files, "--kernel", "both"], monkeypatch) == 10
    assert capsys.readouterr().err == f"{rejected}, by both kernels\n"
    answering(tmp_path, {**answer, "groups": [*counts, 1]}, 10, monkeypatch)
    assert outcome([*files, "--kernel", "both"], monkeypatch) == 30
    assert "the Python kernel found nothing, the verified one 1" in capsys.readouterr().err


@pytest.mark.parametrize("kernel", ["coq", "both"])
def test_each_file_is_read_once(
    kernel: str,
    files: tuple[str, str],
    true_answer: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Pipes serve what they hold one time, and both kernels get the same bytes."""
    answering(tmp_path, true_answer, 0, monkeypatch)
    pipes = [tmp_path / "first", tmp_path / "second"]
    served = []
    for pipe, file in zip(pipes, files, strict=True):
        os.mkfifo(pipe)
        served.append(subprocess.Popen(["/bin/sh", "-c", 'exec cat "$1" > "$0"', pipe, file]))
    try:
        assert outcome([*map(str, pipes), "--kernel", kernel], monkeypatch) == 0
    finally:
        for process in served:
            process.kill()
            process.wait()
    assert str(true_answer["model_sha256"]) in capsys.readouterr().out
    for name, file in zip(("model", "certificate"), files, strict=True):
        assert (tmp_path / name).read_bytes() == Path(file).read_bytes()


def test_a_file_that_cannot_be_read_is_declined(
    files: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome([files[0], "no\nne", "--kernel", "both"], monkeypatch) == 20
    assert capsys.readouterr().err == "declined: no\\nne: No such file or directory\n"


@pytest.mark.parametrize(
    ("answer", "code"), [("", 0), ("", -9), ("null", 0), ("[]", 0), ("{}", 0), ('{"verdict": "acc', 0)]
)
@pytest.mark.parametrize("kernel", ["coq", "both"])
def test_killed(
    answer: str,
    code: int,
    kernel: str,
    files: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A program that says nothing, or half of it, has neither accepted nor declined anything."""
    answering(tmp_path, answer, code, monkeypatch)
    if code < 0:
        (tmp_path / "program").write_text("#!/bin/sh\nkill -9 $$\n")
    assert outcome([*files, "--kernel", kernel, "--json"], monkeypatch) == 40
    said = f"compact-proofs: the verified checker ended with code {code} without a verdict\n"
    assert capsys.readouterr() == ("", said)


def test_the_program_itself(
    files: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    require_verified()
    monkeypatch.setenv(verified.VARIABLE, str(PROGRAM))
    sha256 = check(Path(files[0]).read_bytes(), b"").model_sha256
    for kernel in ("coq", "both"):
        assert outcome([*files, "--kernel", kernel], monkeypatch) == 0
        accepted = capsys.readouterr().out
        assert accepted.startswith("accepted: at least 215 of 216 inputs") and f"model {sha256}" in accepted
        assert outcome([files[0], files[0], "--kernel", kernel], monkeypatch) == 20
        assert capsys.readouterr().err.startswith("declined: ")
        # No hash is printed of a file that is no model.
        assert outcome([files[1], files[1], "--kernel", kernel], monkeypatch) == 20
        assert capsys.readouterr().err.startswith("declined: ")
    Path(files[1]).write_text(Path(files[1]).read_text().replace("correct 215\n", "correct 216\n", 1))
    for kernel in ("coq", "both"):
        assert outcome([*files, "--kernel", kernel], monkeypatch) == 10
        assert capsys.readouterr().err.startswith("rejected: total: " if kernel == "both" else "rejected: ")
