"""Theorems about one network are proved by Coq, and what is not true of the files is not proved."""

import os
import re
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from compact_proofs import commands, export, prove, theorem
from compact_proofs.command_line import main
from compact_proofs.shipped import shipped_model

PROOFS = Path(__file__).parent.parent / "verified"
# As in test_verified.py.
REQUIRED = "COMPACT_PROOFS_REQUIRE_VERIFIED"
coq = pytest.mark.skipif(
    not (PROOFS / "NetworkTheorem.vo").exists() and REQUIRED not in os.environ,
    reason="the proofs are not built: make -C verified",
)


def coqc(file: Path) -> subprocess.CompletedProcess[str]:
    command = ["coqc", "-q", "-Q", str(PROOFS), "CompactProofs", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def refused_assumptions(printed: str, directory: Path) -> str:
    """What `check_assumptions` says against assumptions that Coq printed."""
    file = directory / "printed.txt"
    file.write_text(printed)
    command = [PROOFS / "check_assumptions", file]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


@pytest.fixture(scope="module")
def tiny(tiny_model: Path, tiny_certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The theorem about the shipped tiny model: at least 215 of 216."""
    file = tmp_path_factory.mktemp("theorem") / "tiny.v"
    assert theorem(tiny_model, tiny_certificate, file).correct_at_least == 215
    return file.read_text()


@coq
def test_coq_proves_the_tiny_model(tiny: str, tmp_path: Path) -> None:
    file = tmp_path / "tiny.v"
    file.write_text(tiny)
    run = coqc(file)
    assert run.returncode == 0, run.stderr
    assert "ClassicalDedekindReals.sig_forall_dec" in run.stdout
    assert refused_assumptions(run.stdout, tmp_path) == ""


@coq
def test_an_axiom_of_another_kind_is_noticed(tmp_path: Path) -> None:
    printed = "Axioms:\nClassical_Prop.classic : forall P : Prop, P \\/ ~ P\nmine : False\n"
    assert "unexpected axiom: mine" in refused_assumptions(printed, tmp_path)


@coq
def test_coq_proves_a_max_of_4_model(tmp_path: Path) -> None:
    model, certificate, file = (tmp_path / f"max.{kind}" for kind in ("model", "certificate", "v"))
    export(shipped_model("max-of-4-seed-3"), model)
    prove(model, "exact", certificate)
    assert theorem(model, certificate, file).correct_at_least == 16_774_605
    run = coqc(file)
    assert run.returncode == 0, run.stderr


@coq
def test_coq_proves_what_a_certificate_with_low_rank_tables_claims(tmp_path: Path, tiny_model: Path) -> None:
    certificate, file = tmp_path / "low_rank.certificate", tmp_path / "low_rank.v"
    prove(tiny_model, "low-rank", certificate)
    assert b" low_rank" in certificate.read_bytes()
    assert theorem(tiny_model, certificate, file).correct_at_least > 0
    run = coqc(file)
    assert run.returncode == 0, run.stderr


CHANGES = {
    "the count of the theorem": (">= 215", ">= 216"),
    "the number of inputs": ("number_of_inputs M = 216", "number_of_inputs M = 217"),
    "the claim of the certificate": ('"correct 215"', '"correct 216"'),
    "the claim of a group": ("group label 5 queries 5 5 correct 36", "group label 5 queries 5 5 correct 35"),
    "a weight that is not canonical": ("tensor W_E 6 8 -32", "tensor W_E 6 8 -032"),
}


@coq
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_digit_does_not_compile(change: str, tiny: str, tmp_path: Path) -> None:
    before, after = CHANGES[change]
    assert tiny.count(before) == 1
    file = tmp_path / "changed.v"
    file.write_text(tiny.replace(before, after))
    run = coqc(file)
    assert run.returncode == 1
    assert 'The term "eq_refl" has type "true = true" while it is expected to have type' in run.stderr
    assert "proves model_text certificate_text" in run.stderr


def test_the_theorem_says_all_of_it(tiny: str) -> None:
    """Coq would prove less as well."""
    statement = " ".join(tiny.partition("Theorem correct_inputs :")[2].partition("Proof.")[0].split())
    assert statement == (
        "exists (M : model) (inputs : list (list nat)), parse_model model_text = Some M /\\ "
        "number_of_inputs M = 216 /\\ NoDup inputs /\\ Forall (is_input M) inputs /\\ Forall (correct M) inputs /\\ "
        "Z.of_nat (length inputs) >= 215."
    )
    assert "Admitted" not in tiny and "Axiom" not in tiny
    assert tiny.count("correct_inputs") == 2 and tiny.endswith("Print Assumptions correct_inputs.\n")


def test_the_model_can_be_read_back(tiny: str, tiny_model: Path) -> None:
    model = tiny[tiny.index("Definition model_text") : tiny.index("]%line")]
    lines = re.findall(r'^"(.*)";?$', model, re.MULTILINE)
    assert "".join(f"{line}\n" for line in lines).encode() == tiny_model.read_bytes()
    header = tiny.partition("From Coq")[0]
    assert f"by the model with SHA-256\n    {sha256(tiny_model.read_bytes()).hexdigest()}." in header


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ((b"correct 36", b"correct 37"), 10, "rejected: group label 4 queries 0 3: claimed 37 correct of 36, found 36"),
        ((b"score_bits 36", b"score_bits x"), 20, "declined: certificate: token"),
    ],
)
def test_of_refused_files_nothing_is_written(
    change: tuple[bytes, bytes],
    code: int,
    message: str,
    tiny_model: Path,
    tiny_certificate: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    certificate, file = tmp_path / "changed.certificate", tmp_path / "changed.v"
    assert change[0] in tiny_certificate.read_bytes()
    certificate.write_bytes(tiny_certificate.read_bytes().replace(*change))
    assert main(["theorem", str(tiny_model), str(certificate), "-o", str(file)]) == code
    assert message in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.parametrize("name", ["max-of-4.v", "theorem.txt", "4.v"])
def test_the_file_has_the_name_of_a_module(
    name: str, tiny_model: Path, tiny_certificate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    assert main(["theorem", str(tiny_model), str(tiny_certificate), "-o", str(file)]) == 2
    assert f"{name}: expected a name of letters, digits and underscores that ends with .v" in capsys.readouterr().err
    assert not file.exists()


def test_rules_that_are_not_in_coq_are_named(
    tiny_model: Path, tiny_certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = commands.check(tiny_model, tiny_certificate)
    verdict.unverified_rules.append("guess")
    monkeypatch.setattr(commands, "check_bytes", lambda *files: verdict)
    with pytest.raises(ValueError, match="not proved sound in Coq: guess"):
        theorem(tiny_model, tiny_certificate, tmp_path / "tiny.v")


@coq
def test_coq_proves_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, certificate, file = (str(tmp_path / f"pairs.{kind}") for kind in ("model", "certificate", "v"))
    weights = str(Path(__file__).parent / "data" / "families" / "linear_v64_0.npz")
    config = tmp_path / "config.json"
    config.write_text('{"format": "linear_sum"}')
    options = ["--config", str(config), "--task", "max", "--tokens", "0-7, 5"]
    assert main(["export", weights, *options, "-o", model]) == 0
    assert main(["prove", model, "--strategy", "evaluate", "-o", certificate]) == 0
    assert main(["theorem", model, certificate, "-o", file]) == 0
    text = Path(file).read_text()
    assert "exists (M : program)" in text and "the label that the task gives" in text
    run = coqc(Path(file))
    assert run.returncode == 0, run.stderr
    assert refused_assumptions(run.stdout, tmp_path) == ""
    changed = tmp_path / "changed.v"
    claim = re.search(r"Z.of_nat \(length inputs\) >= (\d+)", text)
    assert claim is not None
    changed.write_text(text.replace(claim[0], f"Z.of_nat (length inputs) >= {int(claim[1]) + 1}"))
    run = coqc(changed)
    assert run.returncode != 0
    assert "expected to have type" in run.stderr
