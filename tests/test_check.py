"""The kernel as a program: what it is made of, and that its verdict depends on nothing but the files."""

import ast
import io
import json
import os
import re
import runpy
import subprocess
import sys
import time
import tokenize
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from textwrap import dedent

import pytest

import checker
from certificates.exact import prove_exact
from checker import groups
from checker.__main__ import main, read
from checker.certificate import Certificate, Group
from checker.certificate_file import parse_certificate
from checker.check import check
from checker.errors import Declined
from checker.groups import certified_inputs, check_claims
from checker.meter import MAX_OPERATIONS, PYTHON, Meter
from checker.models.attention_only import parse_model
from checker.models.tables import Tables
from checker.models.terms import Terms
from checker.rules.levels import LEVELS
from checker.text import MAX_FILE_BYTES
from checker.verdict import Verdict, percentage
from fuzzing.certificates import certificate_file, one_check, singletons
from fuzzing.models import max_model, model_file

KERNEL = Path(checker.__file__).parent
CORPUS = Path(__file__).parent / "corpus" / "accept"
SOURCES = {str(path.relative_to(KERNEL)): path.read_text(encoding="utf-8") for path in sorted(KERNEL.rglob("*.py"))}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}
every_source = pytest.mark.parametrize("name", TREES)

COMMAND = "__main__.py"
# The rooms of a verdict, and the most lines of code in each: of all modules in it that the verdict uses, or of every
# one of them. What is in no other room is the core.
ROOMS = {
    "claims of groups": ("certificate.py", "certificate_file.py", "groups.py"),
    "counting": ("counting.py",),
    "inputs": ("inputs.py",),
    "models": ("models/",),
    "tasks": ("tasks/",),
    "rules": ("rules/",),
}
TOGETHER = {"core": 500, "claims of groups": 200, "counting": 100, "inputs": 100}
EACH = {"models": 150, "tasks": 40, "rules": 100}
# Lists of what there is, of which a verdict uses some.
REGISTRIES = ("families.py", "models/registry.py", "rules/registry.py", "rules/tables.py", "tasks/registry.py")
MOST_COLUMNS, MOST_LINES = 100, 30
# Functions of `math` that take integers to integers. Everything else there makes floats.
INTEGER_FUNCTIONS = {"comb", "gcd", "isqrt", "lcm", "perm", "prod"}
# What the kernel takes from NumPy; none of it makes a float of integers, given a dtype where it could.
INTEGER_NUMPY = {
    *("array", "concatenate", "diff", "full", "int64", "maximum", "minimum", "ndarray", "ones"),
    *("all", "arange", "argsort", "cumsum", "divmod", "einsum", "empty", "sort", "stack", "unique", "where", "zeros"),
}
# Floats that hold integers exactly, and guesses that integers correct.
FLOATS = {"numbers/exact.py": {"float64", "sqrt"}}
# They make floats, or guess a type, unless told.
NEEDS_DTYPE = {"array", "empty", "full", "ones", "zeros"}


def lines_of_code(source: str) -> int:
    """The lines with something on them other than comments and docstrings."""
    docstrings = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                docstrings |= set(range(first.lineno, (first.end_lineno or 0) + 1))
    layout = {
        *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
        *(tokenize.ENDMARKER, tokenize.ENCODING),
    }
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in layout:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


@pytest.mark.outside_mutation
def test_lines_of_code_are_counted_as_stated() -> None:
    source = '"""One\n\ntwo."""\n\nx = [\n    1,  # one\n]\n# two\n'
    source += 'def f():\n    """F."""\n    return """a\nb"""\n'
    assert lines_of_code(source) == 6


def room_of(name: str) -> str:
    return next((room for room, starts in ROOMS.items() if name.startswith(starts)), "core")


def imported(name: str) -> set[str]:
    """The files of the kernel from which a file imports."""
    nodes = [node for node in ast.walk(TREES[name]) if isinstance(node, ast.ImportFrom)]
    names = {f"{(node.module or '').removeprefix('checker.').replace('.', '/')}.py" for node in nodes}
    return names & TREES.keys()


def used_by(modules: list[str]) -> set[str]:
    """All files that a verdict rests on: those of its modules, and what they and the check import."""
    waiting = {"check.py", *(f"{module.removeprefix('checker.').replace('.', '/')}.py" for module in modules)}
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= imported(name) - found if name not in REGISTRIES else set()
    return found


@pytest.mark.outside_mutation
def test_the_kernel_is_small_where_a_verdict_uses_it(files: tuple[Path, Path]) -> None:
    """Counted by room, over the modules that the verdict lists and what they import."""
    program = CORPUS / "program-step-relu"
    pairs = [files, (program.with_suffix(".model"), program.with_suffix(".certificate"))]
    covered: set[str] = set()
    for model, certificate in pairs:
        verdict = check(model.read_bytes(), certificate.read_bytes())
        assert verdict.verdict == "accepted"
        used = used_by(verdict.modules)
        covered |= used
        counts = {name: lines_of_code(SOURCES[name]) for name in used}
        print(sum(counts.values()), counts)
        for room, most in TOGETHER.items():
            assert sum(count for name, count in counts.items() if room_of(name) == room) <= most, room
    core = {name for name in TREES if room_of(name) in TOGETHER and name.split("/")[-1] != "__init__.py"}
    assert core - covered == {COMMAND}


@pytest.mark.outside_mutation
@every_source
def test_every_file_of_the_kernel_is_small(name: str) -> None:
    """And its lines and functions are short."""
    budget = 85 if name == COMMAND else 100 if name in REGISTRIES else EACH.get(room_of(name), 100)
    assert lines_of_code(SOURCES[name]) <= budget
    assert max(map(len, SOURCES[name].splitlines()), default=0) <= MOST_COLUMNS
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.FunctionDef):
            assert lines_of_code(dedent(ast.get_source_segment(SOURCES[name], node, padded=True) or "")) <= MOST_LINES


@pytest.mark.outside_mutation
@every_source
def test_the_kernel_imports_nothing_else(name: str) -> None:
    """Not at the top of a file, not inside functions, and not by name at run time."""
    for node in ast.walk(TREES[name]):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module
            modules = [node.module]
        for module in modules:
            root = module.split(".")[0]
            assert root in sys.stdlib_module_names or root in {"numpy", "flint", "checker"}, module
            assert root not in {"importlib", "pickle", "marshal", "ctypes", "decimal", "random"}
        if isinstance(node, ast.Name):
            assert node.id not in {"__import__", "eval", "exec", "compile", "globals"}


@pytest.mark.outside_mutation
@every_source
def test_no_check_is_left_to_assert(name: str) -> None:
    """`python -O` removes them."""
    assert not [node for node in ast.walk(TREES[name]) if isinstance(node, ast.Assert)]
    assert "__debug__" not in SOURCES[name]


@pytest.mark.outside_mutation
@every_source
def test_no_float_takes_part(name: str) -> None:
    tree = TREES[name]
    for node in ast.walk(tree):
        place = f"{name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            # The seconds that a check took are the only ones.
            assert name == "verdict.py" and place in _annotations(tree, name), place
        if isinstance(node, ast.BinOp | ast.AugAssign):
            assert not isinstance(node.op, ast.Div), place
        if isinstance(node, ast.Name):
            allowed = name == "verdict.py" and place in _annotations(tree, name)
            assert node.id != "float" or allowed, place
            assert node.id not in {"complex", "round"}, place
        if isinstance(node, ast.ImportFrom) and node.module == "math":
            assert {alias.name for alias in node.names} <= INTEGER_FUNCTIONS, place
        if isinstance(node, ast.Import):
            assert "math" not in {alias.name for alias in node.names}, place
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            known = INTEGER_NUMPY | FLOATS.get(name, set())
            assert node.value.id != "np" or node.attr in known, f"{place}: np.{node.attr}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "np" and node.func.attr in NEEDS_DTYPE:
                given = {keyword.arg for keyword in node.keywords}
                assert "dtype" in given or len(node.args) > 1, place


def _annotations(tree: ast.Module, name: str) -> set[str]:
    return {f"{name}:{node.annotation.lineno}" for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)}


@pytest.mark.outside_mutation
def test_powers_with_negative_exponents_would_be_floats() -> None:
    """`2 ** -k` is a float: every base 2 power in the kernel has a constant or a checked exponent."""
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
                assert not isinstance(node.right, ast.UnaryOp), f"{name}:{node.lineno}"


# The verdict depends on the files alone


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("files")
    data = model_file(max_model(3, 4, sharpness=3))
    (folder / "model").write_bytes(data)
    (folder / "certificate").write_bytes(prove_exact(data))
    return folder / "model", folder / "certificate"


def run(
    files: tuple[Path, Path], *options: str, folder: Path = KERNEL.parent, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`python -m checker --json` in a process of its own."""
    return subprocess.run(
        [sys.executable, *options, "-m", "checker", *map(str, files), "--json"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def without_seconds(output: str) -> dict[str, object]:
    verdict: dict[str, object] = json.loads(output)
    del verdict["seconds"]
    return verdict


@pytest.mark.outside_mutation
def test_the_verdict_is_the_same_everywhere(files: tuple[Path, Path]) -> None:
    here = check(files[0].read_bytes(), files[1].read_bytes())
    assert (here.verdict, here.correct_at_least) == ("accepted", 64)
    plain = run(files)
    assert plain.returncode == 0 and plain.stderr == ""
    verdict = without_seconds(plain.stdout)
    assert verdict["correct_at_least"] == 64
    for options, environment in (
        (("-O",), {}),
        (("-OO",), {"PYTHONHASHSEED": "1"}),
        (("-X", "dev", "-W", "error"), {"PYTHONHASHSEED": "2"}),
        ((), {"OMP_NUM_THREADS": "7", "LC_ALL": "tr_TR.UTF-8", "PYTHONUTF8": "0"}),
        ((), {"PYTHONINTMAXSTRDIGITS": "0"}),
    ):
        other = run(files, *options, **environment)
        assert other.returncode == 0, other.stderr
        assert without_seconds(other.stdout) == verdict


@pytest.mark.outside_mutation
def test_a_forged_certificate_is_rejected_without_asserts(files: tuple[Path, Path]) -> None:
    text = files[1].read_bytes()
    forged = files[1].with_name("forged")
    forged.write_bytes(text.replace(b"correct 64", b"correct 65", 1))
    for options in ((), ("-O",)):
        result = run((files[0], forged), *options)
        assert result.returncode == 10
        assert result.stderr == "rejected: total: claimed 65 correct, found 64 in the groups\n"
        assert json.loads(result.stdout)["correct_at_least"] == 0


def test_exit_codes(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, certificate = map(str, files)
    assert main([model, certificate]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("accepted: at least 64 of 64 inputs (100.0000%) are classified correctly, ")
    assert output.err == ""

    data = files[0].read_bytes()
    false = tmp_path / "false"
    false.write_bytes(certificate_file(data, [Group(0, 0, 0, 2, (one_check(0),))], [singletons(4)]))
    assert main([model, str(false)]) == 10
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "rejected: group label 0 queries 0 0: claimed 2 correct of 1, found 1\n"

    for arguments, expected in (
        ([certificate, model], "declined: model: token 1: expected compact-proofs-model, found "),
        ([model, model], "declined: certificate: token 1: expected compact-proofs-certificate"),
        ([model, str(tmp_path)], f"declined: {tmp_path}: Is a directory"),
        ([model, str(tmp_path / "none")], f"declined: {tmp_path / 'none'}: No such file or"),
        ([model, os.devnull], f"declined: {os.devnull}: neither a regular file nor a pipe"),
    ):
        assert main(arguments) == 20
        output = capsys.readouterr()
        assert output.out == "" and output.err.startswith(expected)
        assert output.err.count("\n") == 1


def test_the_verdict_in_json(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output in every case; what is not accepted is said on standard error as well."""
    model, certificate = map(str, files)
    for arguments, code, reason in (
        ([model, certificate], 0, ""),
        ([certificate, model], 20, "model: token 1: expected compact-proofs-model, found 'compact-proofs-certificate'"),
        ([model, "none"], 20, "none: No such file or directory"),
    ):
        assert main([*arguments, "--json"]) == code
        output = capsys.readouterr()
        verdict = json.loads(output.out)
        assert list(verdict) == [field.name for field in fields(Verdict)]
        assert (verdict["verdict"], verdict["reason"]) == ("declined" if code else "accepted", reason)
        assert output.err == (f"declined: {reason}\n" if code else "")
        assert output.out.count("\n") == 1


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "certificate", "--help"]) == 2  # 0 is a verdict, and a file may have this name
    words = " ".join(capsys.readouterr().out.split())
    assert words == (
        "usage: python -m checker [-h] [--json] [--distribution FILE] model certificate "
        "Check a certificate file against a model file: `python -m checker MODEL CERTIFICATE [--json] "
        "[--distribution FILE]`. "
        "Exit codes: 0 accepted, 10 rejected (a claim is not established), 20 declined (malformed, unsupported, over a "
        "limit, or not readable). No other code is a verdict: 74 is one that could not be printed, 2 wrong usage or "
        "--help, and 1 an error of Python, such as a missing library. "
        "positional arguments: model exact model file certificate certificate file "
        "options: -h, --help show this help message and exit --json print the verdict as one JSON object "
        "--distribution FILE weigh the inputs by a distribution"
    )


def test_wrong_usage_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["model"], ["model", "certificate", "more\naccepted: at least 1"], ["--yes", "a", "b"]):
        assert main(arguments) == 2
        output = capsys.readouterr()
        assert output.out == "" and "accepted: " not in [line[:10] for line in output.err.splitlines()]


def test_names_stay_on_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    name = "é\n\raccepted: at least 1 \x1b[2J\x9b\u202e\u2028\udcff"
    reason = r"é\n\raccepted: at least 1 \x1b[2J\x9b\u202e\u2028\udcff: No such file or directory"
    assert main([name, name, "--json"]) == 20
    output = capsys.readouterr()
    assert output.err == f"declined: {reason}\n"
    assert json.loads(output.out)["reason"] == reason


@pytest.mark.parametrize("as_json", [[], ["--json"]])
@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("stream", [None, "/dev/full"])
def test_a_verdict_that_cannot_be_printed_is_none(
    stream: str | None,
    accepted: bool,
    as_json: list[str],
    files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither on a stream that was closed nor on one that is full, whichever of the two it is for."""
    arguments = [*map(str, files if accepted else files[::-1]), *as_json]
    full = open(stream, "w") if stream else None  # noqa: SIM115
    monkeypatch.setattr(sys, "stdout" if accepted else "stderr", full)
    assert main(arguments) == 74
    output = capsys.readouterr()
    assert (output.out == "") == (accepted or not as_json)
    assert output.err.startswith("no verdict: it cannot be printed: ") == accepted
    if full:
        with pytest.raises(OSError, match="No space"):
            full.close()


def test_pipes(tmp_path: Path) -> None:
    """Read to their end, however slowly somebody writes; given up where nobody does."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="nobody writes to this pipe") as caught:
        read(str(path))
    assert caught.value.filename == str(path)
    for script in ("printf text", "printf t; sleep 0.2; printf ext", "sleep 1.2; printf text"):
        with subprocess.Popen(["/bin/sh", "-c", f'exec > "$0"; {script}', path]):
            assert read(str(path)) == b"text"
    with subprocess.Popen(["/bin/sh", "-c", 'exec > "$0"', path]), pytest.raises(OSError, match="nobody writes"):
        read(str(path))


def test_counts_of_groups(files: tuple[Path, Path]) -> None:
    """Up to the claim that fails, which is among them."""
    model, certificate = (path.read_bytes() for path in files)
    counts: list[int] = []
    assert check(model, certificate, counts).correct_at_least == sum(counts) == 64
    lines = certificate.decode().splitlines(keepends=True)
    second = [i for i, line in enumerate(lines) if line.startswith("group ")][1]
    lines[second] = re.sub(r"correct \d+", f"correct {counts[1] + 1}", lines[second])
    found: list[int] = []
    assert check(model, "".join(lines).encode(), found).verdict == "rejected"
    assert found == counts[:2]


# The module is in use by these tests already.
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_the_program_takes_its_arguments_from_the_command_line(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["checker", *map(str, files)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("checker", run_name="__main__")
    assert caught.value.code == 0 and capsys.readouterr().out.startswith("accepted: ")
    monkeypatch.setattr(os, "_exit", lambda code: sys.exit(f"at once, with {code}"))
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit, match="at once, with 74"):
        runpy.run_module("checker", run_name="__main__")


def test_what_is_read_of_a_file(tmp_path: Path) -> None:
    """One byte more than the limit, by which the kernel knows a file that is too long."""
    path = tmp_path / "file"
    for size, taken in ((0, 0), (7, 7), (MAX_FILE_BYTES, MAX_FILE_BYTES), (MAX_FILE_BYTES + 9, MAX_FILE_BYTES + 1)):
        path.write_bytes(b"\r\n\x00" * (size // 3) + b"\n" * (size % 3))
        assert len(read(str(path))) == taken


@pytest.mark.parametrize("error", [MemoryError, RecursionError])
@pytest.mark.parametrize("stage", ["parse_model", "parse_certificate", "certified_inputs"])
def test_a_lack_of_resources_is_declined(
    stage: str, error: type[Exception], files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise error("some detail")

    model, certificate = (path.read_bytes() for path in files)
    monkeypatch.setattr(groups, stage, fail)
    verdict = check(model, certificate)
    assert (verdict.verdict, verdict.reason) == ("declined", f"resources: {error.__name__}")
    assert verdict.correct_at_least == 0 and verdict.total == (0 if stage == "parse_model" else 64)
    assert (verdict.model_bytes, verdict.certificate_bytes) == (len(model), len(certificate))
    assert verdict.model_sha256 == sha256(model).hexdigest()


def test_what_a_verdict_states(files: tuple[Path, Path]) -> None:
    model, certificate = (path.read_bytes() for path in files)
    start = time.perf_counter()
    verdict = check(model, certificate)
    assert 0 < verdict.seconds <= time.perf_counter() - start
    assert (verdict.model_bytes, verdict.certificate_bytes) == (len(model), len(certificate))
    assert verdict.operations == sum(verdict.operations_by_rule.values()) > 0 < verdict.machine_operations
    assert (verdict.total, verdict.unverified_rules) == (64, [])
    chosen = ("groups", "models.terms", "rules.exact", "rules.levels")
    assert verdict.modules == [f"checker.{name}" for name in chosen]
    assert (verdict.share, verdict.task, verdict.tokens, verdict.positions) == ("100.0000%", "max", 4, 3)
    assert str(verdict) == (
        "accepted: at least 64 of 64 inputs (100.0000%) are classified correctly, task max of 3 tokens below 4, "
        f"proved in {verdict.operations} operations, model {sha256(model).hexdigest()}"
    )
    # What was counted before a failure is stated as well, and nothing is claimed.
    forged = check(model, certificate.replace(b"correct 64", b"correct 65", 1))
    assert (forged.verdict, forged.correct_at_least, forged.total) == ("rejected", 0, 64)
    assert (forged.operations, forged.machine_operations) == (verdict.operations, verdict.machine_operations)
    assert forged.operations_by_rule == verdict.operations_by_rule
    assert (forged.share, forged.task, forged.tokens, forged.positions) == ("", "max", 4, 3)
    assert str(forged) == "rejected: total: claimed 65 correct, found 64 in the groups"
    assert str(Verdict("declined", "why")) == "declined: why"


@pytest.mark.parametrize(
    ("part", "whole", "stated"),
    [
        (0, 1, "0.0000%"),
        (1, 3, "33.3333%"),
        (2, 3, "66.6666%"),
        (16773171, 16777216, "99.9758%"),
        (10**6 - 1, 10**6, "99.9999%"),
        (10**7 - 1, 10**7, "99.9999%"),
        (1024**256 - 1, 1024**256, "99.9999%"),
        (1024**256, 1024**256, "100.0000%"),
    ],
)
def test_shares_are_rounded_down(part: int, whole: int, stated: str) -> None:
    assert percentage(part, whole) == stated


def test_what_is_read_has_a_price(files: tuple[Path, Path]) -> None:
    """Every number of the model, every group and every check, besides what their rules take."""
    data, meters = files[0].read_bytes(), [Meter(), Meter()]
    model = parse_model(data)
    groups_of_one = [Group(0, 0, 0, 0, (one_check(0),) * count) for count in (1, 3)]
    for group, meter in zip(groups_of_one, meters, strict=True):
        certificate = parse_certificate(certificate_file(data, [group], [singletons(4)]))
        check_claims(model, certificate.model_sha256, certificate, meter, [])
    plain = [Meter(), Meter()]
    for group, meter in zip(groups_of_one, plain, strict=True):
        certificate = parse_certificate(certificate_file(data, [group], [singletons(4)]))
        certified_inputs(Terms(Tables(model, certificate, meter), certificate.partitions, meter), group)
    numbers = sum(tensor.rows * tensor.columns for tensor in model.weights.values())
    for checks, whole, bare in zip((1, 3), meters, plain, strict=True):
        assert whole.operations == bare.operations
        assert whole.machine_operations - bare.machine_operations == 160 * numbers + 16 * PYTHON * (1 + checks)


def test_a_rule_without_a_lemma_is_named_by_the_verdict(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule that the verified checker does not know, taken in place of `levels`."""
    data = files[0].read_bytes()
    certificate = certificate_file(data, [Group(0, 0, 0, 1, (one_check(0),))], [singletons(4)])

    def with_fakes(*arguments: object) -> Certificate:
        found = parse_certificate(*arguments)  # type: ignore[arg-type]
        fakes = [replace(g, checks=tuple(replace(c, rule="fake") for c in g.checks)) for g in found.groups]
        return replace(found, groups=tuple(fakes))

    monkeypatch.setattr(groups, "parse_certificate", with_fakes)
    monkeypatch.setattr(groups, "group_rule", lambda name: LEVELS)
    verdict = check(data, certificate)
    assert (verdict.verdict, verdict.unverified_rules) == ("accepted", ["fake"])
    assert " operations, unverified rules: fake, model " in str(verdict)


def test_the_limit_of_digits_of_the_environment_is_lifted(files: tuple[Path, Path]) -> None:
    before = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(640)
        text = files[1].read_bytes().replace(b"correct 64", b"correct 1" + b"0" * 700, 1)
        assert check(files[0].read_bytes(), text).reason.startswith("total: claimed 1000")
        # A verdict of many digits can be printed, and the caller's own limit stays.
        assert str(Verdict("accepted", "", 10**770)).startswith("accepted: at least 10000")
        assert sys.get_int_max_str_digits() == 640
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize("limited", ["operations", "machine operations"])
def test_a_proof_may_be_as_long_as_the_limit(limited: str) -> None:
    meter = Meter()

    def add(rule: str, amount: int) -> None:
        meter.add(rule, *((amount, 0) if limited == "operations" else (0, amount)))

    add("one", MAX_OPERATIONS - 5)
    add("two", 2)
    add("one", 3)
    assert max(meter.operations, meter.machine_operations) == MAX_OPERATIONS == 2**32
    if limited == "operations":
        assert meter.by_rule == {"one": MAX_OPERATIONS - 2, "two": 2}
    with pytest.raises(Declined) as caught:
        add("two", 1)
    assert str(caught.value) == f"two: proof longer than max_operations = {2**32}"


@pytest.mark.outside_mutation
def test_endless_files_are_read_to_the_limit_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["/bin/sh", "-c", 'exec cat /dev/zero > "$0"', tmp_path / "pipe"]):
        assert len(read(str(tmp_path / "pipe"))) == MAX_FILE_BYTES + 1
    assert main(["/dev/zero", "/dev/zero"]) == 20


@pytest.mark.outside_mutation
def test_long_integers_under_a_lower_limit_of_digits(tmp_path: Path) -> None:
    """The parser's limit of digits holds, whatever the environment sets."""
    data = model_file(max_model(2, 2))
    lines = prove_exact(data).decode().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("correct "))
    lines[place] = "correct 1" + "0" * 700
    model, certificate = tmp_path / "model", tmp_path / "certificate"
    model.write_bytes(data)
    certificate.write_text("\n".join([*lines, ""]))
    run = subprocess.run(
        [sys.executable, "-m", "checker", str(model), str(certificate)],
        env=os.environ | {"PYTHONINTMAXSTRDIGITS": "640"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 10
    assert run.stderr.startswith("rejected: total: claimed 1000")
