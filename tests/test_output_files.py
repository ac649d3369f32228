"""Files are written whole or not at all, never over what they are made from; what cannot be written is found early."""

import csv
import os
import resource
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from compact_proofs import commands
from compact_proofs.command_line import main
from compact_proofs.frontier_plot import draw
from compact_proofs.frontier_table import Row, write_csv
from compact_proofs.shipped import shipped_model
from fuzzing.campaign import Campaign, Case
from model_export.output_files import require_output, write_whole
from model_export.training import save_weights

OLD, NEW = b"old", b"new" * 1000
ROW = Row("tiny", "exact", "", "", 10, 10, 215, 216, 0.99, 1.0, "counted", 0.99, 100, 1.0, 1.0, True)


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line of a command that fails, and prints nothing else."""
    assert main([str(argument) for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    return printed.err


def only(path: Path, data: bytes) -> None:
    """`path` holds `data`, and nothing else was left in its folder."""
    assert path.read_bytes() == data
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_written(tmp_path: Path) -> None:
    path = tmp_path / "a" / "file"
    path.parent.mkdir()
    before = os.umask(0o027)
    try:
        write_whole(path, OLD)
    finally:
        os.umask(before)
    only(path, OLD)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    write_whole(path, NEW)
    only(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link, target = tmp_path / "link", tmp_path / "folder" / "target"
    link.symlink_to(target)
    for data in (OLD, NEW):
        write_whole(link, data)
        assert link.is_symlink()
        only(target, data)


def test_a_reader_never_sees_half_of_a_file(tmp_path: Path) -> None:
    """While several write to it."""
    path, contents = tmp_path / "file", [bytes([letter]) * 300_000 for letter in b"abc"]
    write_whole(path, contents[0])
    writers = [Thread(target=lambda data=data: [write_whole(path, data) for _ in range(30)]) for data in contents]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(path.read_bytes())
    assert seen <= set(contents)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


@contextmanager
def full_disk(room: int = 100) -> Iterator[None]:
    """No file gets longer than `room` bytes; as on a full disk, a write takes what there is room for, then fails."""
    before, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, action)


def save_some_weights(path: Path) -> None:
    names = ("W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_U")
    save_weights({name: np.ones((4, 4), np.float32) for name in names}, path, {})


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_whole(path, NEW),
        lambda path: commands.export(shipped_model("tiny"), path),
        lambda path: write_csv([ROW] * 10, path),
        save_some_weights,
    ],
    ids=["bytes", "model", "table", "weights"],
)
@pytest.mark.parametrize("existed", [True, False])
def test_a_full_disk_leaves_what_was_there(write: Callable[[Path], object], existed: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if existed:
        path.write_bytes(OLD)
    with full_disk(), pytest.raises(OSError, match="File too large") as caught:
        write(path)
    assert caught.value.filename == str(path)
    if existed:
        only(path, OLD)
    else:
        assert list(tmp_path.iterdir()) == []


def test_failures_of_the_fuzzer_are_written_whole(tmp_path: Path) -> None:
    campaign = Campaign(0, None, None, tmp_path)
    campaign._save(Case(OLD, OLD), "raised", "", {})
    with full_disk(), pytest.raises(OSError, match="File too large"):
        campaign._save(Case(NEW, NEW), "raised", "", {})
    folder = tmp_path / "raised-0"
    assert (folder / "model").read_bytes() == (folder / "certificate").read_bytes() == OLD
    assert {path.name for path in folder.iterdir()} == {"model", "certificate", "description.json"}


def test_pictures_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "frontier.svg"
    path.write_bytes(OLD)
    rows = [ROW, Row(**{**vars(ROW), "operations": 20, "strategy": "cubic"})]
    with full_disk(), pytest.raises(OSError, match="File too large") as caught:
        draw(rows, tmp_path)
    assert caught.value.filename == str(path)
    only(path, OLD)


def test_commands_on_a_full_disk(tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, path = shipped_model("tiny"), tmp_path / "out"
    for arguments in (("export", weights), ("prove", tiny_model, "--strategy", "exact")):
        with full_disk():
            assert failure(capsys, *arguments, "-o", path) == f"compact-proofs: {path}: File too large\n"
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["itself", "spelling", "symbolic link", "hard link", "link in a folder"])
@pytest.mark.parametrize("command", ["export", "prove"])
def test_an_input_is_never_written_over(
    kind: str, command: str, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shipped_model("tiny") if command == "export" else tiny_model
    path, other = tmp_path / "input.safetensors", tmp_path / "other"
    path.write_bytes(source.read_bytes())
    if kind == "itself":
        other = path
    elif kind == "spelling":
        (tmp_path / "x").mkdir()
        other = tmp_path / "x" / ".." / path.name
    elif kind == "symbolic link":
        other.symlink_to(path)
    elif kind == "hard link":
        other.hardlink_to(path)
    else:
        (tmp_path / "y").symlink_to(tmp_path)
        other = tmp_path / "y" / path.name
    options = [] if command == "export" else ["--strategy", "exact"]
    message = failure(capsys, command, path, *options, "-o", other)
    assert message == f"compact-proofs: {other}: not written, because it is the same file as the input {path}\n"
    assert path.read_bytes() == other.read_bytes() == source.read_bytes()


def test_frontier_writes_over_no_model(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither with its table and pictures nor with the model of a shipped name, and it says so before it searches."""
    monkeypatch.setattr("compact_proofs.frontier.frontier", lambda *_, **__: pytest.fail("searched"))
    for name, models in (
        ("frontier.csv", ["frontier.csv"]),
        ("frontier.svg", ["frontier.svg"]),
        ("frontier-a.png", ["frontier-a.png", "a"]),
        ("tiny.model", ["tiny.model", "tiny"]),
    ):
        path = tmp_path / name
        path.write_bytes(tiny_model.read_bytes())
        given = [path if model == name else model for model in models]
        assert "is the same file as the input" in failure(capsys, "frontier", *given, "-o", tmp_path)
        only(path, tiny_model.read_bytes())
        path.unlink()
    (tmp_path / "file").write_bytes(OLD)
    assert "file" in failure(capsys, "frontier", tiny_model, "-o", tmp_path / "file")


def test_what_cannot_be_written_is_found_before_the_work(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for work in ("find_proof", "exported_model", "train_model"):
        monkeypatch.setattr(commands, work, lambda *_, **__: pytest.fail("worked"))
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "file").write_bytes(OLD)
    for path, reason in (
        (tmp_path / "none" / "x.safetensors", "No such file or directory"),
        (tmp_path / "folder.safetensors", "Is a directory"),
        (tmp_path / "pipe.safetensors", "not a regular file"),
        (tmp_path / "file" / "x.safetensors", "Not a directory"),
        (tmp_path / f"{'x' * 300}.safetensors", "File name too long"),
    ):
        for command in (["prove", tiny_model, "--strategy", "exact"], ["export", shipped_model("tiny")], ["train"]):
            assert failure(capsys, *command, "-o", path) == f"compact-proofs: {path}: {reason}\n"
    assert failure(capsys, "prove", tiny_model, "--strategy", "exact", "-o", "/dev/null").endswith("a regular file\n")
    assert Path("/dev/null").is_char_device()


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could be replaced, but is not to be."""
    path = tmp_path / "file"
    path.write_bytes(OLD)
    monkeypatch.setattr(os, "access", lambda *_: False)
    for write in (lambda: write_whole(path, NEW), lambda: require_output(path)):
        with pytest.raises(PermissionError) as caught:
            write()
        assert caught.value.filename == str(path)
    only(path, OLD)


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", NEW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["accepted: at least 5 of 5", "accepted:", "x\naccepted: at least 5"])
def test_names_stay_on_their_lines(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where a command succeeds: `accepted: ` begins no line, though a file is called so."""
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ["export", str(shipped_model("tiny")), "-o", name],
        ["prove", name, "--strategy", "trivial", "-o", f"{name}.c"],
    ):
        assert main(arguments) == 0
        said = capsys.readouterr().out
        assert said.startswith("'") and not any(line.startswith("accepted") for line in said.splitlines())


def test_a_table_of_names_that_are_no_text(tmp_path: Path) -> None:
    row = Row(**{**vars(ROW), "model": os.fsdecode(b"\xff\n,")})
    write_csv([row], tmp_path / "table")
    with (tmp_path / "table").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        assert [found["model"] for found in csv.DictReader(file)] == [row.model]
