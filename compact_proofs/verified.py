"""The verified checker (`verified/`), where it is built, run on the same files as the Python kernel."""

import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

PROGRAM = "compact-proofs-verified"
VARIABLE = "COMPACT_PROOFS_VERIFIED"


class NotBuilt(Exception):
    """The verified checker is not on this machine; the message says how to build it."""


def program() -> str:
    """The path of the program: $COMPACT_PROOFS_VERIFIED, or else where it is built in the clone that these packages
    are in or were installed from, or else on the PATH. Raises `NotBuilt`.

    The working directory is not searched: a program that lies there may have come with the certificate.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not _runs(Path(named)):
            raise NotBuilt(f"{VARIABLE} names {named}, which is no program")
        return named
    for clone in clones():
        built = clone / "verified" / PROGRAM
        if _runs(built):
            return str(built)
    found = shutil.which(PROGRAM)
    if found:
        return found
    raise NotBuilt(
        f"the verified checker is not built: `make -C verified`, in the clone from which compact-proofs was installed, "
        f"builds it (verified/README.md); {VARIABLE} may name the program elsewhere"
    )


def clones() -> list[Path]:
    """The folder that holds this package, and the one that pip installed it from, if it was a folder."""
    from importlib.metadata import PackageNotFoundError, distribution  # takes a while, and little needs it

    folders = [Path(__file__).resolve().parent.parent]
    with suppress(PackageNotFoundError):
        # PEP 610. Of a wheel or an index, another kind of record is kept, or none.
        origin = json.loads(distribution("compact-proofs").read_text("direct_url.json") or "{}")
        if "dir_info" in origin:
            folders.append(Path(unquote(urlsplit(origin["url"]).path)))
    return folders


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


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
