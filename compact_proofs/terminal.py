"""What people see: tables on standard output, progress and errors on standard error.

Colour and progress bars appear on terminals only; elsewhere the text is plain, and as wide as needed.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

from checker import __main__ as kernel

# Tables are never squeezed below the first, and wrap at the second where no terminal sets a width.
LEAST_WIDTH = 100
WIDTH_OF_FILES = 160
# A file's name of these alone cannot be taken for anything else.
PLAIN_NAME = re.compile(r"[\w@%+=,./~-]+")


class OutputLost(Exception):
    """What a command has to say cannot be printed."""


def say(text: str = "", error: bool = False) -> None:
    """Print lines on standard output, or standard error. Raises `OutputLost` if it is closed or full."""
    try:
        kernel.say(text, sys.stderr if error else sys.stdout)
    except OSError as lost:
        raise OutputLost(f"standard {'error' if error else 'output'}: {lost.strerror}") from lost


def shown(name: object) -> str:
    """A file's name as a part of a line, in quotation marks if it could be taken for something else."""
    text = kernel.printable(str(name))
    return text if PLAIN_NAME.fullmatch(text) else f"'{text}'"


def print_table(columns: list[str], rows: list[list[str]], words: tuple[str, ...] = ()) -> None:
    """Print a table; the columns named in `words` are text, the others numbers. Raises `OutputLost`."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False)
    console.width = max(console.width, LEAST_WIDTH) if console.is_terminal else WIDTH_OF_FILES
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column in words else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    with console.capture() as capture:
        console.print(table)
    # Rich fills every line with blanks to the width of the table, and adds empty ones around it.
    lines = [line.rstrip() for line in capture.get().splitlines()]
    say("\n".join(line for line in lines if line))


class Steps:
    """A progress bar over the steps of a long command."""

    def __init__(self, progress: "Progress | None", total: int | None) -> None:
        self._progress = progress
        if progress:
            self._task = progress.add_task("", total=total)
        self._started = 0

    def start(self, step: str) -> None:
        """Show that all steps so far are done and that `step` begins."""
        if self._progress:
            self._progress.update(self._task, description=kernel.printable(step), completed=self._started, refresh=True)
        self._started += 1


@contextmanager
def progress_bar(total: int | None = None) -> Iterator[Steps]:
    """A progress bar for `total` steps, or one that only moves if the number is not known."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield Steps(None, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
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
