"""The kernel in a process of its own, as whoever receives a certificate would run it.

`python -I` ignores the working directory, the user's packages and every PYTHON* variable, so that
no file that lies about can stand in for a module of the kernel.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from checker import Verdict
from checker.__main__ import EXIT_CODES


class CheckerFailed(Exception):
    """The checker ended without a verdict; nothing is known about the certificate."""


def checker_command(model: Path, certificate: Path) -> list[str]:
    """The command that checks the two files."""
    files = [str(model.resolve()), str(certificate.resolve())]
    return [sys.executable, "-I", "-m", "checker", "--json", *files]


def check_isolated(model: Path, certificate: Path) -> tuple[Verdict, float]:
    """The verdict of a new process, and the seconds from its start to its end."""
    start = time.perf_counter()
    process = subprocess.run(
        checker_command(model, certificate),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - start
    try:
        verdict = Verdict(**json.loads(process.stdout))
    except (ValueError, TypeError) as error:
        said = (process.stderr.strip() or "no output").splitlines()[-1]
        raise CheckerFailed(f"checker: exit code {process.returncode}, no verdict: {said}") from error
    if EXIT_CODES.get(verdict.verdict) != process.returncode:
        raise CheckerFailed(f"checker: {verdict.verdict}, but exit code {process.returncode}")
    return verdict, seconds
