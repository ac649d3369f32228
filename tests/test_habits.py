"""What all commands and pictures have in common."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from test_command_line import run_on_terminal

from certificates.progress import part, steps, watched
from certificates.strategies import find_proof
from compact_proofs.command_line import command, main
from compact_proofs.frontier_plot import picture
from compact_proofs.frontier_table import BASELINE, Row
from compact_proofs.shipped import shipped_model
from compact_proofs.study.records import read_csv
from compact_proofs.terminal import WIDTH, print_table

ROOT = Path(__file__).parent.parent
TINY = str(shipped_model("tiny"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path, tiny_certificate: Path) -> Path:
    """A working directory with the tiny model and a certificate."""
    (tmp_path / "m").write_bytes(tiny_model.read_bytes())
    (tmp_path / "c").write_bytes(tiny_certificate.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_has_both_options() -> None:
    for name, found in command.commands.items():
        options = {option for parameter in found.params for option in parameter.opts}
        assert {"--json", "--quiet", "-q"} <= options, name


COMMANDS = [
    (["export", TINY, "-o", "out"], {"model", "sha256", "task", "total", "assumed", "prepared", "estimate"}),
    (["evaluate", "m", "--input", "1,2,3"], {"inputs", "correct", "exact"}),
    (["prove", "m", "--strategy", "exact", "-o", "out"], {"certificate", "strategy", "correct", "operations", "notes"}),
    (["check", "m", "c"], {"verdict", "correct_at_least", "model_sha256"}),
    (["theorem", "m", "c", "-o", "out.v"], {"theorem", "verdict", "model_sha256"}),
    (["strategies"], {"strategies"}),
    (["train", "--vocabulary", "3", "--width", "4", "--steps", "2", "-o", "w.safetensors"], {"weights", "estimate"}),
]


@pytest.mark.parametrize(("arguments", "keys"), COMMANDS, ids=lambda value: value[0] if isinstance(value, list) else "")
def test_json_and_quiet(
    arguments: list[str], keys: set[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    assert keys <= set(json.loads(printed.out)) and printed.out.count("\n") == 1 and printed.err == ""
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main([*arguments, "--json", "--quiet"]) == 2
    assert capsys.readouterr().err == "compact-proofs: either --json or --quiet\n"
    assert main(arguments) == 0
    assert capsys.readouterr().out  # it is heard again


def test_quiet_says_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "m", "m", "-q"]) == 20
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("declined: certificate: token 1: expected ")
    assert printed.err.endswith("(line 1, column 1)\n")


def test_json_of_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = {"embedding": (4, 3), "linear": (5, 4), "unembedding": (3, 5)}
    generator = np.random.default_rng(0)
    np.savez("w.npz", **{f"{name}.weight": generator.normal(size=shape) for name, shape in weights.items()})
    Path("c.json").write_text('{"format": "linear_sum", "task": "max", "tokens": "0-2 x2"}')
    assert main(["export", "w.npz", "--config", "c.json", "-o", "p", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["sequences"], found["configuration"], "total" in found) == (9, "given", False)
    assert main(["evaluate", "p", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["inputs"]) == 10


@pytest.mark.parametrize("arguments", [["strategies"], ["evaluate", "m"], ["evaluate", "m", "--random", "3"]])
def test_tables_fit_80_columns(arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= WIDTH == 80


def test_columns_are_left_out_where_there_is_no_room(capsys: pytest.CaptureFixture[str]) -> None:
    columns, row = ["name", "first", "second one", "third"], ["n" * 24, "1" * 20, "2" * 20, "3" * 20]
    print_table(columns, [row], words=("name",), optional=("second one", "third"))
    shown = capsys.readouterr().out
    assert "2" not in shown and all(cell in shown for cell in (row[0], row[1], row[3]))
    assert shown.endswith("Left out for want of room: second one; --json has all.\n")
    print_table(columns, [["n", "1", "2", "3"]], words=("name",), optional=("second one", "third"))
    assert "Left out" not in capsys.readouterr().out


def test_names_are_completed(tmp_path: Path) -> None:
    def completed(words: str) -> list[str]:
        environment = {**os.environ, "_COMPACT_PROOFS_COMPLETE": "bash_complete", "COMP_WORDS": words}
        environment["COMP_CWORD"] = str(len(words.split(" ")) - 1)
        program = Path(sys.executable).with_name("compact-proofs")
        run = subprocess.run([program], env=environment, cwd=tmp_path, capture_output=True, text=True)
        return [line.removeprefix("plain,") for line in run.stdout.splitlines()]

    assert completed("compact-proofs ev") == ["evaluate"]
    assert completed("compact-proofs prove m --strategy low-rank-Q") == ["low-rank-QK", "low-rank-QK-EU"]


@pytest.mark.parametrize(
    ("library", "arguments", "line"),
    [
        ("matplotlib", ["frontier", "tiny", "-o", "f"], "this needs Matplotlib: pip install '.[frontier]' in a clone"),
        ("torch", ["train", "-o", "w.safetensors"], "training needs PyTorch: pip install '.[train]' in a clone"),
        ("hypothesis", ["fuzz", "--examples", "1"], "fuzzing needs Hypothesis: pip install '.[fuzz]' in a clone"),
    ],
)
def test_missing_extras_are_named(library: str, arguments: list[str], line: str, folder: Path) -> None:
    program = f"import sys; sys.modules[{library!r}] = None\nfrom compact_proofs.command_line import main\n"
    command = [sys.executable, "-c", f"{program}sys.exit(main({arguments!r}))"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", f"compact-proofs: {line}\n")


def test_what_pytorch_cannot_load_is_to_be_saved_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole models in all forms, and files that are none: advice on how to save, none on how to load."""
    model = torch.nn.Linear(2, 2)
    torch.save(model, tmp_path / "whole.pt")
    torch.save(model, tmp_path / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save([model.state_dict()], tmp_path / "list.pt")
    (tmp_path / "junk.pt").write_bytes(b"\x80\x02junk")
    (tmp_path / "empty.pth").write_bytes(b"")
    for path in sorted(tmp_path.iterdir()):
        assert main(["export", str(path), "-o", str(tmp_path / "m")]) == 2
        said = capsys.readouterr().err
        assert "save the tensors alone, by torch.save(model.state_dict(), FILE)" in said, said
        assert "weights_only" not in said and said.count("\n") == 1


def test_searches_tell_how_far_they_are(tiny_model: Path) -> None:
    for strategy in ("exact", "sub-cubic", "brute-force", "auto"):
        told: list[tuple[str, float]] = []
        with watched(lambda task, share, told=told: told.append((task, share))):  # type: ignore[misc]
            find_proof(tiny_model.read_bytes(), strategy)
        shares = [share for task, share in told if task == told[-1][0]]
        assert len(shares) >= 6 and shares == sorted(shares) and 0 <= shares[0] and shares[-1] < 1, strategy


def test_parts_of_parts() -> None:
    told: list[tuple[str, float]] = []
    with watched(lambda task, share: told.append((task, share))):
        for _ in steps("all", range(2)):
            list(steps("inner", range(2)))
        with part("other", 0.5, 1):
            pass
    assert told == [("all", share) for share in (0, 0, 0.25, 0.5, 0.5, 0.75)] + [("other", 0.5)]
    list(steps("nobody", range(2)))


def test_a_terminal_is_told_how_much_time_is_left(folder: Path) -> None:
    pytest.importorskip("pty")
    code, shown, _ = run_on_terminal("prove", "m", "--strategy", "auto", "-o", "out", cwd=folder)
    assert code == 0 and b"left:" in shown
    code, shown, _ = run_on_terminal("prove", "m", "--strategy", "auto", "-o", "out", "--quiet", cwd=folder)
    assert (code, shown) == (0, b"")


# Pictures


@pytest.fixture(scope="module")
def recorded() -> list[Row]:
    rows = read_csv(ROOT / "docs" / "pictures" / "frontier.csv", Row)
    return [row for row in rows if row.model.startswith("max-of-4-")]


def own(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.strategy != BASELINE and row.correct_at_least]


def drawn(rows: Sequence[Row]) -> Figure:
    figure = picture(rows)
    figure.canvas.draw()
    return figure


def test_pictures_name_their_models(recorded: list[Row]) -> None:
    one = [row for row in recorded if row.model == "max-of-4-seed-0"]
    assert picture(one).get_suptitle() == "max-of-4-seed-0: bound against length of proof"
    assert picture(recorded).get_suptitle().startswith("5 models, max-of-4-seed-0 to max-of-4-seed-4: ")


@pytest.mark.parametrize("models", [1, 5])
def test_no_point_is_above_the_line(models: int, recorded: list[Row]) -> None:
    rows = [row for row in recorded if models == 5 or row.model == "max-of-4-seed-0"]
    for axes in drawn(rows).axes:
        (line,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post" and line.get_linestyle() == "-"]
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        for row in own(rows):
            assert y[np.searchsorted(x, row.operations, side="right") - 1] >= row.bound


def test_points_can_be_told_apart_in_both_panels(recorded: list[Row]) -> None:
    """Those of one model: few centres are nearer to their neighbour than half a marker."""
    rows = own([row for row in recorded if row.model == "max-of-4-seed-0"])
    for axes in drawn(rows).axes:
        points = axes.transData.transform([(row.operations, row.bound) for row in rows])
        distances = np.linalg.norm(points[:, None] - points, axis=-1) + 1e9 * np.eye(len(points))
        size = 4.5 * axes.figure.dpi / 72
        assert np.mean(distances.min(axis=1) < size / 2) < 0.25
        inside = axes.bbox.contains
        assert all(inside(*point) for point, row in zip(points, rows, strict=True) if row.strategy != "brute-force")

