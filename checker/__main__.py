"""Check a certificate file against a model file: `python -m checker MODEL CERTIFICATE [--json]`.

Exit codes: 0 accepted, 1 rejected (a claim is not established), 2 declined (malformed, unsupported or over a limit).
"""

import argparse
import json
import sys
from dataclasses import asdict

from checker.check import Verdict, check
from checker.text import MAX_FILE_BYTES, any_number_of_digits

EXIT_CODES = {"accepted": 0, "rejected": 1, "declined": 2}


def read(path: str) -> bytes:
    """The bytes of the file at `path`, read once; at most one byte more than the kernel's limit."""
    with open(path, "rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


@any_number_of_digits()
def main(arguments: list[str] | None = None) -> int:
    """Check the files named in `arguments` and print the verdict; returns the exit code."""
    parser = argparse.ArgumentParser("python -m checker", description=__doc__)
    parser.add_argument("model", help="exact model file")
    parser.add_argument("certificate", help="certificate file")
    parser.add_argument("--json", action="store_true", help="print the verdict as one JSON object")
    options = parser.parse_args(arguments)
    try:
        verdict = check(read(options.model), read(options.certificate))
    except OSError as error:
        verdict = Verdict("declined", f"{error.filename}: {error.strerror}")
    accepted = verdict.verdict == "accepted"
    if options.json:
        print(json.dumps(asdict(verdict)))
    if not (accepted and options.json):
        print(verdict, file=sys.stdout if accepted else sys.stderr)
    return EXIT_CODES[verdict.verdict]


if __name__ == "__main__":
    sys.exit(main())
