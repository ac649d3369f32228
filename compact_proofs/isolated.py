"""The kernel in a process of its own, as whoever receives a certificate would run it, or under caps.

`python -I` ignores the working directory, the user's packages and every PYTHON* variable, so that
no file that lies about can stand in for a module of the kernel.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from checker import Verdict
from checker.__main__ import EXIT_CODES
from compact_proofs.workers import uninterrupted

# What ends without a verdict has codes of its own: kernels that do not agree, a checker that was killed, bad usage.
DISAGREEMENT, NO_VERDICT, USAGE = 30, 40, 2


class CheckerFailed(Exception):
    """The checker ended without a verdict; nothing is known about the certificate."""


class OverCap(Exception):
    """A check reached a cap that was set to it, which is a limit like those of the formats."""


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
        errors="replace",
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


@dataclass(frozen=True)
class Caps:
    """The most that a check may take: seconds from start to end, and bytes of memory in each process.

    Memory is address space; SECURITY.md says how much of it Python and its libraries take. None is no cap.
    """

    seconds: float | None = None
    memory: int | None = None

    def __str__(self) -> str:
        seconds = [] if self.seconds is None else [f"--max-seconds {self.seconds:g}"]
        return " ".join([*seconds, *([] if self.memory is None else [f"--max-memory {self.memory}"])])


# What a checker says that caught its own lack of memory, and nothing else: a file may be called "resources: x".
OUT_OF_RESOURCES = re.compile(r"declined: (resources: \w+)\n")

# Lowers its own limits, which outlive it in the command that it becomes and in what that starts.
_CAPPED = """
import os, resource, sys
for limit, most in (resource.RLIMIT_CPU, sys.argv[1]), (resource.RLIMIT_AS, sys.argv[2]):
    if most:
        _, hard = resource.getrlimit(limit)
        most = int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard)
        resource.setrlimit(limit, (most, most))
os.execv(sys.argv[3], sys.argv[3:])
"""


def run_capped(command: Sequence[str], caps: Caps) -> tuple[int, str, str]:
    """Run `compact-proofs check`: its exit code, standard output and standard error.

    Raises `OverCap` where a cap ended it for certain, and `CheckerFailed` where it ended otherwise without a whole
    verdict, or a word on why there is none. Both name the caps.
    """
    # The time that passes is what counts; the time of the processor only ends what outlives this process.
    cpu = "" if caps.seconds is None else str(ceil(caps.seconds) + 1)
    memory = "" if caps.memory is None else str(caps.memory)
    process = None
    try:
        with uninterrupted():
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _CAPPED, cpu, memory, *command],
                close_fds=False,  # a file may be named /dev/fd/63, as shells do for <(command)
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},  # they take address space
                start_new_session=True,
            )
        output, errors = process.communicate(timeout=caps.seconds)
    except subprocess.TimeoutExpired as error:
        raise OverCap(f"the check took longer than {caps} allows") from error
    finally:
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    code = process.returncode
    exhausted = OUT_OF_RESOURCES.fullmatch(errors)
    if exhausted and code == EXIT_CODES["declined"]:
        raise OverCap(f"{exhausted[1]}, under {caps}")
    if _explained(code, output, errors):
        if code == NO_VERDICT:
            raise CheckerFailed(f"{errors.strip().partition(': ')[2]}, under {caps}")
    elif not _complete(code, output, errors):
        ended = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        raise CheckerFailed(f"the check {ended} without a verdict, under {caps}")
    return code, output, errors


def _complete(code: int, output: str, errors: str) -> bool:
    """Whether what a process said is a whole verdict that agrees with its exit code, and nothing else."""
    said = output or errors
    verdict = said.partition(": ")[0]
    if output.startswith("{"):
        try:
            verdict = json.loads(output)["verdict"]
        except (ValueError, KeyError):
            return False
    whole = said.count("\n") == 1 and said.endswith("\n") and "Traceback" not in errors
    return whole and verdict in EXIT_CODES and EXIT_CODES[verdict] == code


def _explained(code: int, output: str, errors: str) -> bool:
    """Whether a process said in one line of its own why it has no verdict."""
    one_line = errors.startswith("compact-proofs: ") and errors.count("\n") == 1 and errors.endswith("\n")
    return one_line and not output and code in (DISAGREEMENT, NO_VERDICT, USAGE)
