"""Processes that work for another one, and end with it, however it ends."""

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread, current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from multiprocessing.process import BaseProcess

# What asks a process to end, and raises an exception here.
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_with_parent() -> None:
    """To be called in a worker: it ends as soon as the process that started it has ended, with all it has started.

    It does not see Ctrl-C, which is for the process that started it to act upon.
    """
    os.setpgid(0, 0)
    Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    from multiprocessing import parent_process  # a worker has it already; commands that have no workers need it not

    parent = parent_process()
    if parent is not None:
        parent.join()
        os.killpg(0, signal.SIGKILL)


def end(workers: "Iterable[BaseProcess]") -> None:
    """End workers at once, with all that they have started."""
    for worker in workers:
        if worker.pid is not None and worker.is_alive():
            # One that has just begun is in no group of its own yet, and has started nothing.
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.kill()


def _unless_of_pool(arguments: threading.ExceptHookArgs) -> None:
    """Print what a thread has raised, if it is not the one that a pool keeps."""
    from concurrent.futures.process import _ExecutorManagerThread

    if not isinstance(arguments.thread, _ExecutorManagerThread):
        threading.__excepthook__(arguments)


@contextmanager
def worker_pool(processes: int) -> "Iterator[Executor]":
    """So many workers, which end with this process, and at once where the block ends by an exception.

    Raises `ChildProcessError` if one of them is killed, as by a system that has run out of memory.
    """
    # Loaded only here: commands without workers start faster.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import active_children, get_context

    others = set(active_children())
    # The pool's thread may stumble over workers that end as they begin; what is lost is told by the pool itself.
    threading.excepthook = _unless_of_pool
    # New processes rather than copies of this one, which may have threads.
    with ProcessPoolExecutor(processes, get_context("spawn"), end_with_parent) as pool:
        try:
            yield pool
        except BaseException as error:
            end(set(active_children()) - others)
            pool.shutdown(cancel_futures=True)
            if isinstance(error, BrokenProcessPool):
                raise ChildProcessError("a process that did part of the work was killed") from error
            raise


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Signals raise their exceptions at the end of the block only: a process started in it is then known."""
    if current_thread() is not main_thread():
        yield  # signals are for the main thread alone
        return
    arrived: list[tuple[int, FrameType | None]] = []
    handlers = {number: found for number in INTERRUPTS if callable(found := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, lambda number, frame: arrived.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for received, frame in arrived[:1]:
            handlers[signal.Signals(received)](received, frame)
