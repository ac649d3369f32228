"""Runs a checker over the conformance corpus, each case in a process of its own.

    python tests/corpus/run.py [--verdicts-only] [--only NAME]... [COMMAND...]

COMMAND, by default `python -m checker`, is given the paths of a model and a certificate. Exit code 0 if it is right
about every case.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
EXIT_CODES = {"accepted": 0, "rejected": 10, "declined": 20}
MAX_SECONDS = 10.0  # of a processor
MAX_MEMORY = 2**30  # bytes
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Run:
    """What a process did: its exit code (negative for a signal), both streams, and what it took: seconds
    of a processor, and bytes."""

    code: int
    output: str
    errors: str
    seconds: float
    memory: int


def run(command: Sequence[str]) -> Run:
    """Run `command` to its end, which is enforced where it hangs."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **ONE_THREAD},
    )
    timer = threading.Timer(6 * MAX_SECONDS, process.kill)
    timer.start()
    try:
        # Neither stream holds more than a pipe does, unless something is wrong; then the timer ends it.
        output, errors = (stream.read() for stream in (process.stdout, process.stderr))
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = usage.ru_utime + usage.ru_stime
    texts = (text.decode(errors="backslashreplace") for text in (output, errors))
    return Run(process.returncode, *texts, seconds, usage.ru_maxrss * 1024)


def faults(expected: dict[str, object], found: Run, keywords: bool) -> Iterator[str]:
    """What is wrong about a run."""
    verdict = str(expected["verdict"])
    if found.code != EXIT_CODES[verdict]:
        yield f"exit code {found.code}, expected {EXIT_CODES[verdict]}"
    said, silent = (found.output, found.errors) if verdict == "accepted" else (found.errors, found.output)
    if not said.startswith(f"{verdict}: ") or said.count("\n") != 1 or not said.endswith("\n"):
        yield f"expected one line that begins with {verdict!r}, found {said[:300]!r}"
    if silent:
        yield f"expected nothing on the other stream, found {silent[:300]!r}"
    if verdict == "accepted" and f"at least {expected['correct_at_least']} of " not in said:
        yield f"expected the claim {expected['correct_at_least']}, found {said[:300]!r}"
    if keywords:
        missing = [keyword for keyword in expected.get("keywords", []) if keyword not in said]
        if missing:
            yield f"expected {missing} in the reason, found {said[:300]!r}"
    if found.seconds > MAX_SECONDS:
        yield f"{found.seconds:.1f} seconds, limit {MAX_SECONDS:.0f}"
    if found.memory > MAX_MEMORY:
        yield f"{found.memory >> 20} MiB, limit {MAX_MEMORY >> 20}"


def cases(directory: Path) -> Iterator[tuple[str, dict[str, object], list[str]]]:
    """The cases in a directory: the name, what is expected, and the paths of both files."""
    for name, expected in json.loads((directory / "expected.json").read_text()).items():
        base = directory / str(expected["folder"]) / name
        yield name, expected, [f"{base}.model", f"{base}.certificate"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("run.py", description="Run a checker over the conformance corpus.")
    parser.add_argument("--verdicts-only", action="store_true", help="no keywords of reasons, no limits of work")
    parser.add_argument("--only", action="append", metavar="NAME", default=[], help="this case alone, or several")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the checker, by default python -m checker")
    options = parser.parse_args(arguments)
    command = options.command or [sys.executable, "-m", "checker"]
    failed = total = 0
    slowest, largest = (0.0, ""), (0, "")
    with TemporaryDirectory() as temporary:
        on_demand = Path(temporary)
        subprocess.run([sys.executable, HERE / "generate.py", "--on-demand", on_demand], check=True)
        for name, expected, files in [*cases(HERE), *cases(on_demand)]:
            if (options.only and name not in options.only) or (options.verdicts_only and expected["work_limit"]):
                continue
            found = run([*command, *files])
            total += 1
            slowest, largest = max(slowest, (found.seconds, name)), max(largest, (found.memory, name))
            wrong = list(faults(expected, found, keywords=not options.verdicts_only))
            failed += bool(wrong)
            for fault in wrong:
                print(f"{name}: {fault} ({expected['reason']})")
    print(
        f"{total - failed} of {total} cases as expected; slowest {slowest[1]}, {slowest[0]:.1f} s; "
        f"most memory {largest[1]}, {largest[0] >> 20} MiB"
    )
    return 1 if failed or not total else 0


if __name__ == "__main__":
    sys.exit(main())
