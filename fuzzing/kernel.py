"""The kernel under watch: what it finds in each group on the way to its verdict, and how long it takes."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import FrameType, TracebackType
from typing import Any

from checker.certificate import Group
from checker.verdict import Verdict

# The modules; of the first, a function of the same name hides it in its package.
KERNEL: Any = import_module("checker.check")
GROUPS: Any = import_module("checker.groups")


class TooSlow(BaseException):
    """A check took too long. Not an `Exception`, so that nothing on the way takes it for its own."""


@dataclass(frozen=True)
class Found:
    """The number of inputs that the kernel found certified in a group."""

    group: Group
    partitions: tuple[tuple[int, ...], ...]
    count: int


class WatchedKernel:
    """Calls the kernel, and notes the counts that it finds, group by group, up to a claim that fails.

    Whatever stands in the place of the kernel's functions when the watch begins is what is watched, so
    that tests can put something else there.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self.found: list[Found] = []

    def __enter__(self) -> "WatchedKernel":
        self._certified_inputs = GROUPS.certified_inputs
        GROUPS.certified_inputs = self._watched
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        GROUPS.certified_inputs = self._certified_inputs

    def _watched(self, terms: Any, group: Group) -> int:
        count: int = self._certified_inputs(terms, group)
        self.found.append(Found(group, tuple(terms.partitions), count))
        return count

    def check(self, model: bytes, certificate: bytes, *distribution: bytes) -> Verdict:
        """The verdict, weighed by a distribution if there is one; `found` then holds what it rests on. Raises
        `TooSlow`."""
        self.found.clear()
        with time_limit(self.seconds):
            weighed = (None, *distribution) if distribution else ()
            verdict: Verdict = KERNEL.check(model, certificate, *weighed)
        return verdict


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raises `TooSlow` after so many seconds of this process. Signals reach the main thread only."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {seconds:g} seconds of processor time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
