"""`python -m compact_proofs`, and the console command `compact-proofs`."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from checker.__main__ import UNPRINTED
from compact_proofs.command_line import Terminated, main


def run() -> NoReturn:
    """Run the command line and end the process with its exit code, or by the signal that interrupted it."""
    _open_standard_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _terminate)
    code = main()
    if code > 128:
        # As if it had not been caught, so that a shell ends the script, too, that this is a part of.
        signal.signal(code - 128, signal.SIG_DFL)
        os.kill(os.getpid(), code - 128)
    if code == UNPRINTED:
        os._exit(code)  # at its own end, Python would try to print once more, and change the code
    sys.exit(code)


def _open_standard_streams() -> None:
    """Those that are closed, so that no file gets their numbers, which processes started from here would write to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """What is being written is removed, and processes are ended, on the way out."""
    raise Terminated(number)


if __name__ == "__main__":
    run()
