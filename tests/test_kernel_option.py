"""`compact-proofs check --kernel`: the verified checker beside the Python kernel, or a word on how to build it."""

import json
import sys
from pathlib import Path

import pytest

from certificates.strategies import prove
from compact_proofs import command_line, verified
from compact_proofs.__main__ import run
from model_export.exact_model import export

TINY = Path(__file__).parent.parent / "models" / "tiny.safetensors"


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


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ({"verdict": "accepted", "correct_at_least": 215, "total": 216, "reason": ""}, 0, "by both kernels"),
        ({"verdict": "accepted", "correct_at_least": 216, "total": 216, "reason": ""}, 2, "but accepted"),
        ({"verdict": "rejected", "reason": "group label 1"}, 2, "but accepted by the Python kernel"),
    ],
)
def test_compared(
    files: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: dict[str, object],
    code: int,
    says: str,
) -> None:
    """Verdicts or counts that differ are never a success."""
    monkeypatch.setattr(command_line, "check_verified", lambda model, certificate: dict(answer))
    assert outcome([*files, "--kernel", "both"], monkeypatch) == code
    printed = capsys.readouterr()
    assert says in (printed.err if code else printed.out)


def test_killed(files: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A program that says nothing has accepted nothing."""
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexit 0\n")
    silent.chmod(0o755)
    monkeypatch.setenv(verified.VARIABLE, str(silent))
    assert verified.check_verified(*files)["verdict"] == "declined"
    assert json.dumps(verified.check_verified(*files))
