"""The verified checker (`verified/`), where it is built, run on the same files as the Python kernel."""

import json
import os
import shutil
import subprocess
from pathlib import Path

PROGRAM = "compact-proofs-verified"
VARIABLE = "COMPACT_PROOFS_VERIFIED"


class NotBuilt(Exception):
    """The verified checker is not on this machine; the message says how to build it."""


def program() -> str:
    """The path of the program: $COMPACT_PROOFS_VERIFIED, or in the clone, or on the PATH. Raises `NotBuilt`."""
    built = Path(__file__).resolve().parent.parent / "verified" / PROGRAM
    for place in (os.environ.get(VARIABLE), built, shutil.which(PROGRAM)):
        if place and os.access(place, os.X_OK):
            return str(place)
    raise NotBuilt(
        f"the verified checker is not built: `make -C verified` in a clone builds it (verified/README.md); "
        f"{VARIABLE} may name the program elsewhere"
    )


def check_verified(model: str, certificate: str) -> dict[str, object]:
    """The verified checker's verdict: verdict, reason, correct_at_least, total, model_sha256."""
    command = [program(), "--json", model, certificate]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        verdict = json.loads(run.stdout)
    except ValueError:
        # A program that was killed says nothing, and nothing is what it accepts.
        return {"verdict": "declined", "reason": f"the verified checker ended with code {run.returncode}"}
    return dict(verdict)
