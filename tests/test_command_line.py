"""The command line as its users meet it: whole processes, files, exit codes and messages."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import compact_proofs
from checker import Verdict, check
from checker.models.attention_only import ExactModel
from compact_proofs import demonstration
from compact_proofs.command_line import main
from compact_proofs.isolated import CheckerFailed, check_isolated
from compact_proofs.shipped import shipped_model, shipped_models

COMMAND = [sys.executable, "-m", "compact_proofs"]
ISOLATED_CHECK = [sys.executable, "-I", "-m", "checker"]
TRUE_COUNT = 215  # of the tiny model's 216 inputs; another test derives it independently
KEYS = {
    "verdict",
    "correct_at_least",
    "total",
    "operations",
    "operations_by_rule",
    "certificate_bytes",
    "model_sha256",
    "seconds",
}


def run(command: list[str], *arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def one_line(text: str) -> str:
    """`text`, which must be one line."""
    assert text.count("\n") == 1
    assert text.endswith("\n")
    return text.removesuffix("\n")


def fails(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 2) -> str:
    """The one-line message of a command that must fail with this exit code and print nothing else."""
    assert main([str(argument) for argument in arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    return one_line(captured.err)


def first_claim_raised(certificate: bytes) -> tuple[str, bytes]:
    """The first group, and the certificate with one digit changed: that group claims one more."""
    claim = re.search(rb"^(group label \d+ queries \d+ \d+) correct (\d+)", certificate, re.MULTILINE)
    assert claim
    raised = str(int(claim[2]) + 1).encode()
    assert len(raised) == len(claim[2])
    return claim[1].decode(), certificate[: claim.start(2)] + raised + certificate[claim.end(2) :]


def test_from_weights_to_a_verdict(tmp_path: Path) -> None:
    weights = shipped_model("tiny")
    exported = run(COMMAND, "export", weights, "--task", "max", "-o", "m", cwd=tmp_path)
    assert (exported.returncode, exported.stderr) == (0, "")
    first, assumed, estimate = exported.stdout.splitlines()
    assert "216 inputs" in first
    assert assumed.startswith("assumed: standard positional embedding, no normalisation, ")
    assert assumed.endswith(", task max over all 3 positions")
    assert re.match(r"right on 99\.\d\d% of 10000 random inputs \(seed 1; an estimate in floating point\)$", estimate)
    for strategy, count in (("trivial", 0), ("exact", TRUE_COUNT), ("brute-force", TRUE_COUNT)):
        proved = run(COMMAND, "prove", "m", "--strategy", strategy, "-o", "c", cwd=tmp_path)
        assert (proved.returncode, proved.stderr) == (0, "")
        checked = run(COMMAND, "check", "m", "c", cwd=tmp_path)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert f"at least {count} of 216 inputs" in one_line(checked.stdout)


def test_both_commands_that_check_print_the_same_object(
    tiny_model: Path, tiny_certificate: Path, tmp_path: Path
) -> None:
    objects = []
    for command in ([*COMMAND, "check"], ISOLATED_CHECK):
        checked = run(command, tiny_model, tiny_certificate, "--json", cwd=tmp_path)
        assert (checked.returncode, checked.stderr) == (0, "")
        objects.append(json.loads(one_line(checked.stdout)))
    assert set(objects[0]) >= KEYS
    assert objects[0]["verdict"] == "accepted"
    assert (objects[0]["correct_at_least"], objects[0]["total"]) == (TRUE_COUNT, 216)
    assert objects[0]["certificate_bytes"] == tiny_certificate.stat().st_size
    assert sum(objects[0]["operations_by_rule"].values()) == objects[0]["operations"]
    for found in objects:
        assert found.pop("seconds") > 0
    assert objects[0] == objects[1]


@pytest.mark.parametrize("command", [[*COMMAND, "check"], ISOLATED_CHECK], ids=["command", "module"])
def test_one_digit_changed_is_rejected_naming_the_group(
    command: list[str], tiny_model: Path, tiny_certificate: Path, tmp_path: Path
) -> None:
    group, changed = first_claim_raised(tiny_certificate.read_bytes())
    (tmp_path / "c").write_bytes(changed)
    checked = run(command, tiny_model, "c", cwd=tmp_path)
    assert (checked.returncode, checked.stdout) == (10, "")
    assert one_line(checked.stderr).startswith(f"rejected: {group}: claimed ")
    as_json = run(command, tiny_model, "c", "--json", cwd=tmp_path)
    assert as_json.returncode == 10
    found = json.loads(as_json.stdout)
    assert (found["verdict"], found["correct_at_least"]) == ("rejected", 0)
    assert found["reason"].startswith(f"{group}: claimed ")


def test_another_model_is_rejected(
    tiny_model: Path, tiny_certificate: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = tiny_model.read_text()
    weight = re.search(r"(?<=\d)[1357](?=\n)", text)
    assert weight
    changed = tmp_path / "m"
    changed.write_text(text[: weight.start()] + "9" + text[weight.end() :])
    assert main(["check", str(changed), str(tiny_certificate)]) == 10
    captured = capfd.readouterr()
    assert captured.out == ""
    assert one_line(captured.err).startswith("rejected: model: claimed SHA-256 ")


@pytest.mark.parametrize("kept", [0, 1, 100, -2])
def test_truncated_files_are_declined(
    kept: int,
    tiny_model: Path,
    tiny_certificate: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for i, kind in enumerate(("model", "certificate")):
        paths = [tiny_model, tiny_certificate]
        short = tmp_path / kind
        short.write_bytes(paths[i].read_bytes()[:kept])
        paths[i] = short
        assert main(["check", *map(str, paths)]) == 20
        captured = capfd.readouterr()
        assert captured.out == ""
        assert one_line(captured.err).startswith(f"declined: {kind}: ")


def test_missing_files(tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing"
    for arguments in (["check", tiny_model, missing], ["check", missing, missing]):
        assert main([str(argument) for argument in arguments]) == 20
        captured = capfd.readouterr()
        assert captured.out == ""
        assert one_line(captured.err) == f"declined: {missing}: No such file or directory"


def test_bad_input_gets_one_line(tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, weights = tmp_path / "out", tmp_path / "weights.safetensors"
    weights.write_bytes(b"\0" * 9)
    nowhere = tmp_path / "none" / "out"
    prove = ("prove", tiny_model, "-o", output, "--strategy")
    assert "strategy 'magic' is unknown; there are: trivial" in fails(capsys, *prove, "magic")
    assert "found a proof within 1 operations" in fails(capsys, *prove, "auto", "--budget", "1")
    assert "'exact' takes no budget" in fails(capsys, *prove, "exact", "--budget", "9")
    assert "Missing option" in fails(capsys, "prove", tiny_model, "-o", output)
    assert "model: token 1: " in fails(capsys, "prove", weights, "-o", output, "--strategy", "exact")
    missing = ("prove", tmp_path / "no", "-o", output, "--strategy", "exact")
    assert f"{tmp_path / 'no'}: No such file or directory" in fails(capsys, *missing)
    assert "not a readable .safetensors" in fails(capsys, "export", weights, "-o", output)
    tiny = shipped_model("tiny")
    assert f"{nowhere}: No such file" in fails(capsys, "export", tiny, "-o", nowhere)
    assert "task 'sum' is unknown" in fails(capsys, "export", tiny, "-o", output, "--task", "sum")
    assert "No such command 'walk'" in fails(capsys, "walk")
    assert "model 'huge' is not shipped" in fails(capsys, "demo", "--model", "huge", "-o", output)
    assert "weights are written as .safetensors" in fails(capsys, "train", "-o", output)
    unwritable = nowhere.with_suffix(".safetensors")
    assert f"{unwritable}: No such file" in fails(capsys, "train", "-o", unwritable)
    assert "--steps" in fails(capsys, "train", "--steps", "0", "-o", weights)
    assert not output.exists()


def test_a_hostile_name_stays_on_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = fails(capsys, "prove", tmp_path / "a\nb\x1b[2J", "--strategy", "exact", "-o", "c")
    assert "a\\nb\\x1b[2J" in message


def test_too_many_inputs_for_brute_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "m"
    compact_proofs.export(shipped_model("max-of-20"), model)
    arguments = ("prove", model, "--strategy", "brute-force", "-o", tmp_path / "c")
    assert "max_operations" in fails(capsys, *arguments)
    assert not (tmp_path / "c").exists()


ENVIRONMENTS = [
    ([], {}),
    (["-O"], {}),
    (["-OO"], {}),
    ([], {"PYTHONHASHSEED": "1"}),
    ([], {"PYTHONHASHSEED": "4242"}),
    ([], {"LC_ALL": "C"}),
    ([], {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ([], {"LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.ISO-8859-1"}),
    ([], {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}),
    ([], {"OMP_NUM_THREADS": "7", "OPENBLAS_NUM_THREADS": "7"}),
    ([], {"PYTHONINTMAXSTRDIGITS": "640"}),
]


@pytest.mark.parametrize(("options", "environment"), ENVIRONMENTS, ids=str)
def test_the_environment_does_not_matter(
    options: list[str],
    environment: dict[str, str],
    tiny_model: Path,
    tiny_certificate: Path,
    tmp_path: Path,
) -> None:
    expected = vars(check(tiny_model.read_bytes(), tiny_certificate.read_bytes()))
    group, changed = first_claim_raised(tiny_certificate.read_bytes())
    (tmp_path / "c").write_bytes(changed)
    command = [sys.executable, *options, "-m", "checker", "--json"]
    accepted = run(command, tiny_model, tiny_certificate, cwd=tmp_path, **environment)
    rejected = run(command, tiny_model, "c", cwd=tmp_path, **environment)
    assert (accepted.returncode, rejected.returncode) == (0, 10)
    assert json.loads(accepted.stdout) | {"seconds": 0} == expected | {"seconds": 0}
    assert json.loads(rejected.stdout)["reason"].startswith(f"{group}: claimed ")


def test_the_environment_does_not_matter_to_a_proof(tiny_model: Path, tiny_certificate: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-O", "-m", "compact_proofs", "prove", str(tiny_model)]
    changes = {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "3", "LC_ALL": "C"}
    run(command, "--strategy", "exact", "-o", "c", cwd=tmp_path, **changes)
    assert (tmp_path / "c").read_bytes() == tiny_certificate.read_bytes()


def test_the_isolated_check_imports_nothing_that_lies_about(
    tiny_model: Path,
    tiny_certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("numpy", "flint", "checker", "json"):
        (tmp_path / f"{name}.py").write_text("open('imported', 'w').close(); raise SystemExit(0)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    _, changed = first_claim_raised(tiny_certificate.read_bytes())
    (tmp_path / "c").write_bytes(changed)
    assert check_isolated(tiny_model, tiny_certificate)[0].verdict == "accepted"
    assert check_isolated(tiny_model, Path("c"))[0].verdict == "rejected"
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.kill(os.getpid(), 9)",
        "pass",
        "print('{}')",
        "print('null')",
        "print(VERDICT); raise SystemExit(1)",
    ],
)
def test_a_checker_without_a_verdict_is_no_success(
    program: str,
    tiny_model: Path,
    tiny_certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    accepted = run(ISOLATED_CHECK, tiny_model, tiny_certificate, "--json", cwd=tmp_path).stdout
    command = [sys.executable, "-c", program.replace("VERDICT", repr(accepted.strip()))]
    monkeypatch.setattr("compact_proofs.isolated.checker_command", lambda *files: command)
    with pytest.raises(CheckerFailed):
        check_isolated(tiny_model, tiny_certificate)
    message = fails(capsys, "demo", "--model", "tiny", "-o", tmp_path, code=40)
    assert message.startswith("compact-proofs: checker: ")


def test_demo(tmp_path: Path) -> None:
    shown = run(COMMAND, "demo", "--model", "tiny", cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    directory = tmp_path / "compact-proofs-output"
    assert str(directory) in shown.stdout
    assert "99.5370%" in shown.stdout  # 215 / 216 is 0.995370370...
    names = {strategy.name for strategy in compact_proofs.strategies()}
    assert names >= {"trivial", "brute-force", "exact"}
    for name in names:
        assert re.search(rf"^ ?{name} +accepted ", shown.stdout, re.MULTILINE)
        verdict = json.loads((directory / f"tiny.{name}.verdict.json").read_text())
        assert set(verdict) >= KEYS
        certificate = (directory / f"tiny.{name}.certificate").read_bytes()
        again = check((directory / "tiny.model").read_bytes(), certificate)
        assert verdict | {"seconds": 0} == vars(again) | {"seconds": 0}


def test_demo_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--model", "tiny", "-o", str(tmp_path), "--json"]) == 0
    results = json.loads(one_line(capsys.readouterr().out))["results"]
    counts = {result["strategy"]: result["verdict"]["correct_at_least"] for result in results}
    assert counts["trivial"] == 0
    assert counts["exact"] == counts["brute-force"] == TRUE_COUNT


@pytest.mark.parametrize("verdict", ["rejected", "declined"])
def test_demo_of_a_certificate_that_is_not_accepted(
    verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(model: Path, certificate: Path) -> tuple[Verdict, float]:
        if "exact" in certificate.name:
            return Verdict(verdict, "why"), 0.1
        return check(model.read_bytes(), certificate.read_bytes()), 0.1

    few = [strategy for strategy in compact_proofs.strategies() if strategy.name in ("trivial", "exact")]
    monkeypatch.setattr(demonstration, "strategies", lambda: few)
    monkeypatch.setattr(demonstration, "check_isolated", refuse)
    assert main(["demo", "--model", "tiny", "-o", str(tmp_path)]) == 10
    assert re.search(rf"^ ?exact +{verdict} ", capsys.readouterr().out, re.MULTILINE)


def test_strategies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies", "--json"]) == 0
    listed = json.loads(one_line(capsys.readouterr().out))["strategies"]
    assert main(["strategies"]) == 0
    table = capsys.readouterr().out
    for strategy in compact_proofs.strategies():
        assert listed[strategy.name] == strategy.description
        assert strategy.name in table


def test_train(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--positions", "2", "--vocabulary", "3", "--width", "4", "--steps", "5"]
    written = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.safetensors"
        assert main(["train", *sizes, "--seed", "7", "-o", str(path)]) == 0
        assert "an estimate" in one_line(capsys.readouterr().out)
        written.append(path.read_bytes())
    assert written[0] == written[1]
    model = compact_proofs.export(tmp_path / "a.safetensors", tmp_path / "m").parsed
    assert isinstance(model, ExactModel)
    assert (model.positions, model.vocabulary, model.width, model.head_width) == (2, 3, 4, 4)


@pytest.mark.parametrize("name", ["check", "demo", "evaluate", "export", "prove", "strategies", "theorem", "train"])
def test_commands_and_functions_have_the_same_names_and_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(getattr(compact_proofs, name))
    # For `check`, 0 is a verdict.
    assert main([name, "--help"]) == (2 if name == "check" else 0)
    assert f"Example:\n  compact-proofs {name}" in capsys.readouterr().out


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Export, prove and check a shipped model." in capsys.readouterr().out


def test_colour_and_progress_only_on_terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pty")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    piped = run(COMMAND, "demo", "--model", "tiny", cwd=tmp_path)
    assert "\x1b" not in piped.stdout + piped.stderr
    code, shown, _ = run_on_terminal("demo", "--model", "tiny", cwd=tmp_path)
    assert code == 0
    assert b"\x1b[" in shown
    assert b"prove by exact" in shown


def test_results_go_to_standard_output_while_progress_is_shown(
    tiny_model: Path, tiny_certificate: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pty")
    command = ("check", str(tiny_model), str(tiny_certificate))
    code, shown, out = run_on_terminal(*command, cwd=tmp_path, stdout=subprocess.PIPE)
    assert code == 0
    assert b"check" in shown
    assert f"at least {TRUE_COUNT} of 216 inputs" in one_line(out.decode())


def run_on_terminal(*arguments: str, cwd: Path, stdout: int | None = None) -> tuple[int, bytes, bytes]:
    """The exit code, what the terminal shows, and standard output where it is a pipe instead."""
    import pty

    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout or terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(controller, 2**16):
            shown += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(controller)
    out, _ = process.communicate(timeout=60)
    return process.returncode, shown, out or b""


def test_shipped_models() -> None:
    assert {"tiny", "max-of-4-seed-0", "max-of-20"} <= set(shipped_models())
