"""That the packages beside this one are those it was made with: other things can have the same names.

A module `checker.py` beside a script, or in the working directory, is found before the package `checker`, and
another distribution can install its files over it. Neither is an attack that could be withstood from here (whoever
writes to these folders can change this file as well); it is an accident that is to be understood at once.
"""

import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

NAMES = ("certificates", "checker", "fuzzing", "model_export")
COMMAND = "compact-proofs"


def _place(name: str) -> str | None:
    """The file that `import name` runs, or has run."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None)
    spec = find_spec(name)
    return spec.origin if spec else None


def foreign_package(root: Path) -> str | None:
    """What is wrong, in one line, with a package that belongs beside this one, in the folder `root`; None if nothing.

    Where `root` is a clone, no list of installed files stands beside the packages, and only places are compared.
    """
    for name in NAMES:
        own, found = root / name / "__init__.py", _place(name)
        if found is None or Path(found).resolve() != own:
            return (
                f"{name} is {found}, not the package of compact-proofs, {own}: rename the other one, "
                "or keep its folder off Python's path (python -P)"
            )
    for record in root.glob("compact_proofs-*.dist-info/RECORD"):
        for line in record.read_text(encoding="utf-8").splitlines():
            name, digest, _ = line.rsplit(",", 2)  # and none of our names has a comma or a quotation mark
            if name.partition("/")[0] in NAMES and name.endswith(".py"):
                path = root / name
                if not path.is_file() or digest != _digest(path.read_bytes()):
                    return f"{path} is not the file that compact-proofs installed: install compact-proofs again"
    return None


def _digest(data: bytes) -> str:
    """The hash of a file as lists of installed files write it."""
    return f"sha256={urlsafe_b64encode(sha256(data).digest()).decode().rstrip('=')}"


def require_own_packages() -> None:
    """Raises `ImportError` where a package is not our own; the console command says so and ends."""
    wrong = foreign_package(Path(__file__).resolve().parent.parent)
    if wrong is None:
        return
    if Path(sys.argv[0]).name == COMMAND:
        print(f"{COMMAND}: {wrong}", file=sys.stderr)
        sys.exit(2)
    raise ImportError(wrong, name=__package__)
