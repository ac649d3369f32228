"""Processes end with the one that started them: on Ctrl-C, when it is ended, and when it is killed."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest

from compact_proofs.shipped import shipped_model
from compact_proofs.workers import end, end_with_parent, uninterrupted

COMMAND = [sys.executable, "-m", "compact_proofs"]
# A process of its own ends within a moment; this is for a machine that has a lot to do.
PATIENCE = 30.0


class Tree:
    """A command with all processes that come from it, known by a mark in their environment."""

    def __init__(self, *arguments: object) -> None:
        self.mark = f"MARK={uuid4()}".encode()
        name, _, value = self.mark.decode().partition("=")
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            env={**os.environ, name: value},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def alive(self) -> list[int]:
        """The processes that are still there; one that has ended has no environment."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.mark in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:  # it has ended in the meantime, or belongs to somebody else
                continue
        return found

    def workers(self) -> list[int]:
        """Those that have a group of their own, in which they work."""
        return [pid for pid in self.alive() if pid != self.process.pid and os.getpgid(pid) == pid]

    def end(self) -> None:
        for pid in self.alive():
            os.kill(pid, signal.SIGKILL)
        self.process.communicate()


def within_patience(wanted: object) -> bool:
    end = time.monotonic() + PATIENCE
    while not (done := wanted()) and time.monotonic() < end:  # type: ignore[operator]
        time.sleep(0.05)
    return bool(done)


@pytest.mark.parametrize(
    ("command", "number"),
    [
        *(("frontier", number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)),
        *(("fuzz", number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)),
        *(("study", number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)),
        # Killed, the process that started it leaves it to its caps.
        *(("check", number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)),
    ],
)
def test_nothing_is_left(command: str, number: signal.Signals, tiny_model: Path, tmp_path: Path) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs Linux's /proc")
    if command == "frontier":
        arguments = [shipped_model("max-of-4-seed-0").stem, "-o", tmp_path, "--processes", 2]
    elif command == "study":
        arguments = ["seeds", "--family", "max-of-10", "-o", tmp_path, "--processes", 2]
    elif command == "fuzz":
        arguments = ["--seconds", 600, "--jobs", 2, "-o", tmp_path, "--database", tmp_path / "database"]
    else:
        os.mkfifo(tmp_path / "pipe")
        writer = os.open(tmp_path / "pipe", os.O_RDWR)
        arguments = [tiny_model, tmp_path / "pipe", "--max-seconds", 600]
    tree = Tree(command, *arguments)
    try:
        assert within_patience(lambda: len(tree.workers()) == (1 if command == "check" else 2))
        if command == "frontier":  # one of them has something to check, in a process of its own
            assert within_patience(lambda: any(tmp_path.rglob("*.certificate")))
        # Ctrl-C goes to all processes of a terminal, other signals to one.
        (os.killpg if number == signal.SIGINT else os.kill)(tree.process.pid, number)
        assert within_patience(lambda: tree.process.poll() is not None)
        assert tree.process.returncode == -number
        assert within_patience(lambda: not tree.alive()), tree.alive()
        said, complained = tree.process.communicate()
        assert said == "" and "Traceback" not in complained
    finally:
        tree.end()
        if command == "check":
            os.close(writer)


def test_a_worker_that_is_killed_is_named_in_one_line(tmp_path: Path) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs Linux's /proc")
    tree = Tree("frontier", shipped_model("max-of-4-seed-0").stem, "-o", tmp_path, "--processes", 2)
    try:
        assert within_patience(lambda: len(tree.workers()) == 2)
        os.kill(tree.workers()[0], signal.SIGKILL)
        said, complained = tree.process.communicate(timeout=PATIENCE)
        assert (said, tree.process.returncode) == ("", 2)
        assert complained == "compact-proofs: a process that did part of the work was killed\n"
        assert within_patience(lambda: not tree.alive()), tree.alive()
    finally:
        tree.end()


def start_another(report: Connection) -> None:
    """A worker that has started a process of its own, and waits for it."""
    end_with_parent()
    with subprocess.Popen(["sleep", "600"]) as other:
        report.send(other.pid)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_a_worker_has_started_ends_with_it() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs Linux's /proc")
    context = get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    worker = context.Process(target=start_another, args=(sending,))
    worker.start()
    other = receiving.recv()
    assert is_running(other)
    end([worker])
    worker.join()
    assert within_patience(lambda: not is_running(other))


def test_a_signal_waits_for_the_end_of_the_block() -> None:
    """So that a process is known by then, and can be ended."""
    started = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            started.append("a process")
        pytest.fail("the signal was lost")
    assert started == ["a process"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    thread = Thread(target=lambda: started.append(uninterrupted().__enter__()))
    thread.start()
    thread.join()
    assert len(started) == 2
