"""How far a search has come, for whoever watches it. Searches tell; nothing depends on it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
# Called with what is being done and which share of it is done, from 0 to 1.
Watcher = Callable[[str, float], None]


@dataclass(frozen=True)
class _Watched:
    """The part of the outermost task, called `task`, that is being done."""

    watcher: Watcher
    task: str = ""
    low: float = 0.0
    high: float = 1.0


_current: list[_Watched] = []


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Searches in the block tell `watcher` how far they are."""
    before = len(_current)
    _current.append(_Watched(watcher))
    try:
        yield
    finally:
        del _current[before:]


@contextmanager
def part(task: str, low: float, high: float) -> Iterator[None]:
    """The block does a part of `task`, from one share of it to another."""
    if not _current:
        yield
        return
    before, outer = len(_current), _current[-1]
    size = outer.high - outer.low
    inner = _Watched(outer.watcher, outer.task or task, outer.low + low * size, outer.low + high * size)
    inner.watcher(inner.task, inner.low)
    _current.append(inner)
    try:
        yield
    finally:
        del _current[before:]


def steps(task: str, items: Sequence[Item]) -> Iterator[Item]:
    """`items`, one after the other, each an equal part of `task`."""
    for number, item in enumerate(items):
        with part(task, number / len(items), (number + 1) / len(items)):
            yield item
