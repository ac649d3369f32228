"""Processes that work for another one, and end with it, however it ends."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from threading import Thread


def end_with_parent() -> None:
    """To be called in a worker: it ends as soon as the process that started it has ended, with all it has started.

    It does not see Ctrl-C, which is for the process that started it to act upon.
    """
    os.setpgid(0, 0)
    Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.killpg(0, signal.SIGKILL)


def end(workers: Iterable[BaseProcess]) -> None:
    """End workers at once, with all that they have started."""
    for worker in workers:
        if worker.pid is not None and worker.is_alive():
            # One that has just begun is in no group of its own yet, and has started nothing.
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.kill()
