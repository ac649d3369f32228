"""What people see: tables on standard output, progress and errors on standard error.

Colour and progress bars appear on terminals only; elsewhere the text is plain, and as wide as needed.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.progress import Progress

from checker import __main__ as kernel

# Tables are as wide where no terminal is wider; columns stand so far apart, and text in them is not made narrower.
WIDTH, BETWEEN, MOST_KEPT = 80, 2, 24
# How functions that do many things tell how many they have done.
DONE_OF = re.compile(r"(\d+) of (\d+)\b")
# A file's name of these alone cannot be taken for anything else.
PLAIN_NAME = re.compile(r"[\w@%+=,./~-]+")


class OutputLost(Exception):
    """What a command has to say cannot be printed."""


class _Quiet:
    """Whether results and progress are not wanted."""

    asked = False


@contextmanager
def silence(asked: bool) -> Iterator[None]:
    """In the block nothing but errors is printed, if that is asked."""
    before, _Quiet.asked = _Quiet.asked, asked
    try:
        yield
    finally:
        _Quiet.asked = before


def shows_progress() -> bool:
    """Whether somebody sees a progress bar, and wants it."""
    return not _Quiet.asked and sys.stderr is not None and sys.stderr.isatty()


def say(text: str = "", error: bool = False) -> None:
    """Print lines on standard output, or standard error. Raises `OutputLost` if it is closed or full."""
    if _Quiet.asked and not error:
        return
    try:
        kernel.say(text, sys.stderr if error else sys.stdout)
    except OSError as lost:
        raise OutputLost(f"standard {'error' if error else 'output'}: {lost.strerror}") from lost


def shown(name: object) -> str:
    """A file's name as a part of a line, in quotation marks if it could be taken for something else."""
    text = kernel.printable(str(name))
    return text if PLAIN_NAME.fullmatch(text) else f"'{text}'"


def say_indented(name: str, text: str) -> None:
    """Print `name: text` below a heading, in lines of at most `WIDTH`."""
    lines = wrap(f"{name}: {text}", WIDTH, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)
    say("\n".join(lines))


def print_table(
    columns: list[str], rows: list[list[str]], words: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> None:
    """Print a table; the columns named in `words` are text, the others numbers. Raises `OutputLost`.

    Where it is too wide, those that are `optional` are left out, one after the other, and named below it.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False)
    console.width = max(console.width, WIDTH) if console.is_terminal else WIDTH

    # No number is cut in two, and no word of a heading; where there is room, no heading is.
    cells = [[row[i][:MOST_KEPT] if column in words else row[i] for row in rows] for i, column in enumerate(columns)]
    widths = [max(map(len, [*column.split(), *cells[i]])) for i, column in enumerate(columns)]
    left_out: list[int] = []
    for column in filter(columns.__contains__, optional):
        if sum(widths[i] + BETWEEN for i in range(len(columns)) if i not in left_out) > console.width:
            left_out.append(columns.index(column))
    whole = [max(width, len(column)) for width, column in zip(widths, columns, strict=True)]
    if sum(whole[i] + BETWEEN for i in range(len(columns)) if i not in left_out) <= console.width:
        widths = whole
    # Rather too wide than cut off.
    console.width = max(console.width, sum(widths[i] + BETWEEN for i in range(len(columns)) if i not in left_out))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    shown = [i for i in range(len(columns)) if i not in left_out]
    for i in shown:
        justify: Literal["left", "right"] = "left" if columns[i] in words else "right"
        # Text may take what room there is; numbers take what they need.
        width = None if columns[i] in words else widths[i]
        table.add_column(columns[i], justify=justify, overflow="fold", min_width=widths[i], width=width)
    for row in rows:
        table.add_row(*(row[i] for i in shown))
    with console.capture() as capture:
        console.print(table)
    # Rich fills every line with blanks to the width of the table, and adds empty ones around it.
    lines = [line.rstrip() for line in capture.get().splitlines()]
    say("\n".join(line for line in lines if line))
    if left_out:
        say(f"Left out for want of room: {', '.join(columns[i] for i in left_out)}; --json has all.")


class Steps:
    """A progress bar over the steps of a long command, with the time that is left as far as it can be told."""

    def __init__(self, progress: "Progress | None", total: int | None) -> None:
        self._progress, self._total = progress, total
        if progress:
            self._task = progress.add_task("", total=total)
        self._started, self._part = 0, ""

    def start(self, step: str) -> None:
        """Show that all steps so far are done and that `step` begins; one such as "3 of 8 done" says how far it is."""
        told = DONE_OF.match(step)
        if self._progress:
            found: dict[str, Any] = {"completed": int(told[1]), "total": int(told[2])} if told else {}
            found = found or {"completed": self._started, "total": self._total}
            self._progress.update(self._task, description=kernel.printable(step), refresh=True, **found)
        self._started, self._part = self._started + 1, ""

    def part(self, task: str, share: float) -> None:
        """Show that of the present step's task, such as a search, so much is done, from 0 to 1."""
        if self._progress:
            if task != self._part:
                self._part = task
                self._progress.reset(self._task)
            self._progress.update(self._task, description=kernel.printable(task), completed=share, total=1)


@contextmanager
def progress_bar(total: int | None = None) -> Iterator[Steps]:
    """A progress bar for `total` steps, or one that only moves if the number is not known."""
    if not shows_progress():
        yield Steps(None, total)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
        # Rich would send what is printed meanwhile to the bar's console: results to standard error.
        redirect_stdout=False,
        redirect_stderr=False,
    ) as progress:
        yield Steps(progress, total)


def print_error(message: str) -> None:
    """One line on standard error, whatever the message holds, if it is open."""
    with suppress(OutputLost):
        say(f"compact-proofs: {kernel.printable(message)[:1000]}", error=True)
