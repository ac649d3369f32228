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
    monkeypatch.setattr(verified, "__file__", "/nowhere/compact_proofs/verified.py")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv(verified.VARIABLE, raising=False)
    assert outcome([*files, "--kernel", "coq"], monkeypatch) == 2
    assert "make -C verified" in capsys.readouterr().err


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
