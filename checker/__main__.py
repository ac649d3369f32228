"""Check a certificate file against a model file: `python -m checker MODEL CERTIFICATE [--json]
[--distribution FILE]`.

Exit codes: 0 accepted, 10 rejected (a claim is not established), 20 declined (malformed,
unsupported, over a limit, or not readable). No other code is a verdict: 74 is one that could not be
printed, 2 wrong usage or --help, and 1 an error of Python, such as a missing library.
"""

import argparse
import errno
import json
import os
import select
import signal
import stat
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import NoReturn, TextIO

from checker.check import check
from checker.errors import Declined
from checker.text import MAX_FILE_BYTES, any_number_of_digits
from checker.verdict import Verdict

EXIT_CODES = {"accepted": 0, "rejected": 10, "declined": 20}
USAGE, UNPRINTED = 2, 74
# Seconds until a pipe that nobody writes to is given up.
PATIENCE = 1


def printable(text: str) -> str:
    """`text` on one line, whatever it holds: what does not print becomes an escape."""
    escapes = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return "".join(escapes)


def say(text: str, stream: TextIO | None) -> None:
    """Write `text` and a newline, all of it. Raises `OSError` if the stream is closed or full."""
    if stream is None:  # it was closed before Python began; `print` would take another one for it
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    print(text, file=stream, flush=True)


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments on one line, whatever they hold."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def read(path: str) -> bytes:
    """The bytes of the regular file or pipe at `path`, read once; at most one more than the limit.

    Raises `OSError` for anything else, and for a pipe that nobody writes to.
    """
    # Without blocking, because it would take for ever to open a pipe that nobody writes to.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        mode, start = os.fstat(file.fileno()).st_mode, b""
        if stat.S_ISFIFO(mode):
            select.select([file], [], [], PATIENCE)
            # None if there is somebody who has not written yet.
            begun = file.raw.read(1)
            if begun == b"":
                raise OSError(errno.EPIPE, "nobody writes to this pipe", path)
            start = begun or b""
            os.set_blocking(file.fileno(), True)
        elif not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "neither a regular file nor a pipe", path)
        return start + file.read(MAX_FILE_BYTES + 1 - len(start))


def contents(path: str) -> bytes:
    """The bytes of a file, as `read` has them. Raises `Declined` if it cannot be read."""
    try:
        return read(path)
    except OSError as error:
        raise Declined(printable(f"{path}: {error.strerror}")) from error


def judge(model: str, certificate: str, distribution: str | None = None) -> Verdict:
    """The verdict on two files, or three, each of which is opened and read once."""
    try:
        files = contents(model), contents(certificate)
        return check(*files, None, None if distribution is None else contents(distribution))
    except Declined as error:
        return Verdict("declined", str(error))


def show(verdict: Verdict, as_json: bool) -> None:
    """Print a verdict: on standard error unless it accepts, and in JSON on standard output.

    Raises `OSError` if either is closed or full.
    """
    accepted = verdict.verdict == "accepted"
    if as_json:
        say(json.dumps(asdict(verdict)), sys.stdout)
    if not (accepted and as_json):
        say(str(verdict), sys.stdout if accepted else sys.stderr)


@any_number_of_digits()
def main(arguments: list[str] | None = None) -> int:
    """Check the files named in `arguments` and print the verdict; returns the exit code."""
    parser = Parser("python -m checker", description=__doc__)
    parser.add_argument("model", help="exact model file")
    parser.add_argument("certificate", help="certificate file")
    parser.add_argument("--json", action="store_true", help="print the verdict as one JSON object")
    parser.add_argument("--distribution", metavar="FILE", help="weigh the inputs by a distribution")
    try:
        options = parser.parse_args(arguments)
    except SystemExit:
        return USAGE  # of help, too: a file may be called --help, and 0 is a verdict
    verdict = judge(options.model, options.certificate, options.distribution)
    try:
        show(verdict, options.json)
    except OSError as error:
        with suppress(OSError):
            say(f"no verdict: it cannot be printed: {error.strerror}", sys.stderr)
        return UNPRINTED
    return EXIT_CODES[verdict.verdict]


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the process without a traceback
    code = main()
    if code == UNPRINTED:
        os._exit(code)  # at its own end, Python would try to print once more, and change the code
    sys.exit(code)
